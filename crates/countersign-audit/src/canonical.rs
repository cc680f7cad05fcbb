//! Canonical JSON: RFC 8785, narrowed by our profile (`docs/spec/record.md` §1).

use serde::Serialize;
use serde_json::Value;
use thiserror::Error;

use crate::writer;

/// The largest integer, and the smallest negated, that is written as a number
/// \[RFC 7493 §2.2\]. Past it, readers that use doubles round silently.
pub const MAX_SAFE_INTEGER: i64 = 9_007_199_254_740_991;

/// Deepest nesting of arrays and objects that is accepted: our own bound, far above what any
/// record needs and below where a recursive reader runs out of stack.
pub const MAX_DEPTH: usize = 64;

/// Why a JSON text or value is not canonical by our profile.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Error)]
#[non_exhaustive]
pub enum CanonicalError {
    /// Not JSON at all.
    #[error("is not JSON")]
    NotJson,
    /// A number with a fraction or an exponent, or beyond ±(2^53 − 1).
    #[error("holds a number that is no integer within 2^53 - 1")]
    Number,
    /// Nested too deeply.
    #[error("is nested more than {MAX_DEPTH} levels deep")]
    TooDeep,
    /// Valid JSON, but not the bytes that canonicalization gives: white space, the order of
    /// members, an escape, or a member name that occurs twice.
    #[error("is not in canonical form")]
    NotCanonical,
}

/// Writes a value in canonical form.
///
/// # Errors
/// If the profile forbids the value: see [`CanonicalError::Number`] and
/// [`CanonicalError::TooDeep`]. [`CanonicalError::NotCanonical`] if a member name comes twice.
pub fn to_canonical<T: Serialize + ?Sized>(value: &T) -> Result<Vec<u8>, CanonicalError> {
    writer::write(value)
}

/// Reads a value that must be in canonical form already.
///
/// # Errors
/// If the bytes are anything but what [`to_canonical`] writes for the same value
/// \[record.md §1\]. That is also how a duplicate member name is found: parsed, it is there once.
pub fn parse_canonical(bytes: &[u8]) -> Result<Value, CanonicalError> {
    let value: Value = serde_json::from_slice(bytes).map_err(|_| CanonicalError::NotJson)?;
    if to_canonical(&value)? == bytes {
        Ok(value)
    } else {
        Err(CanonicalError::NotCanonical)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;
    use serde_json::json;

    #[test]
    fn members_are_sorted_and_nothing_is_spaced() {
        let value = json!({"b": [1, true, null], "a": "é\n"});
        assert_eq!(
            to_canonical(&value).unwrap(),
            "{\"a\":\"é\\n\",\"b\":[1,true,null]}".as_bytes()
        );
    }

    #[test]
    fn refuses_floats() {
        for text in ["1.0", "1.5", "1e2", "-0", "[0.1]"] {
            assert_eq!(
                parse_canonical(text.as_bytes()),
                Err(CanonicalError::Number),
                "{text}"
            );
        }
    }

    #[test]
    fn refuses_integers_past_two_to_the_53rd() {
        assert!(parse_canonical(b"9007199254740991").is_ok());
        assert!(parse_canonical(b"-9007199254740991").is_ok());
        for text in [
            "9007199254740992",
            "9007199254740993",
            "-9007199254740992",
            "18446744073709551615",
            "-9223372036854775808",
        ] {
            assert_eq!(
                parse_canonical(text.as_bytes()),
                Err(CanonicalError::Number),
                "{text}"
            );
        }
    }

    #[test]
    fn refuses_a_member_name_that_occurs_twice() {
        assert_eq!(
            parse_canonical(br#"{"a":1,"a":2}"#),
            Err(CanonicalError::NotCanonical)
        );
        assert_eq!(
            parse_canonical(br#"{"a":1,"a":1}"#),
            Err(CanonicalError::NotCanonical)
        );
    }

    #[test]
    fn refuses_every_other_way_to_write_the_same() {
        for text in [
            " {}",
            "{} ",
            "{}\n",
            "{ }",
            r#"{"b":1,"a":2}"#,
            r#""\u0061""#,
            r#""\/""#,
            "\u{feff}{}",
        ] {
            assert!(parse_canonical(text.as_bytes()).is_err(), "{text}");
        }
    }

    #[test]
    fn refuses_what_is_not_json_or_too_deep() {
        assert_eq!(parse_canonical(b""), Err(CanonicalError::NotJson));
        assert_eq!(parse_canonical(b"\"\xff\""), Err(CanonicalError::NotJson));
        assert_eq!(
            parse_canonical(br#""\ud800""#),
            Err(CanonicalError::NotJson)
        );
        let nested = |levels| format!("{}{}", "[".repeat(levels), "]".repeat(levels));
        assert!(parse_canonical(nested(MAX_DEPTH).as_bytes()).is_ok());
        let deep = nested(MAX_DEPTH + 1);
        assert_eq!(
            parse_canonical(deep.as_bytes()),
            Err(CanonicalError::TooDeep)
        );
    }

    fn any_value() -> impl Strategy<Value = Value> {
        let leaf = prop_oneof![
            Just(Value::Null),
            any::<bool>().prop_map(Value::from),
            (-MAX_SAFE_INTEGER..=MAX_SAFE_INTEGER).prop_map(Value::from),
            any::<String>().prop_map(Value::from),
        ];
        leaf.prop_recursive(4, 32, 6, |inner| {
            prop_oneof![
                prop::collection::vec(inner.clone(), 0..6).prop_map(Value::from),
                prop::collection::vec((any::<String>(), inner), 0..6)
                    .prop_map(|members| Value::Object(members.into_iter().collect())),
            ]
        })
    }

    proptest! {
        #[test]
        fn canonical_form_is_a_fixed_point(value in any_value()) {
            let bytes = to_canonical(&value).unwrap();
            prop_assert_eq!(parse_canonical(&bytes).unwrap(), value);
        }

        #[test]
        fn whatever_is_accepted_is_written_back_the_same(text in ".{0,40}") {
            if let Ok(value) = parse_canonical(text.as_bytes()) {
                prop_assert_eq!(to_canonical(&value).unwrap(), text.as_bytes());
            }
        }
    }
}
