//! JSON Schemas of the texts that records hold: what a pattern can say of them.
//!
//! A pattern that must not be found is safer than one that must: in some languages `$` matches
//! before a line feed at the end, too, so lengths are stated beside it.

use std::borrow::Cow;

use schemars::{JsonSchema, Schema, SchemaGenerator, json_schema};

use crate::text::{MAX_IDENTIFIER_BYTES, is_hidden};

/// Implements `JsonSchema` for a type whose JSON form is a text.
#[macro_export]
#[doc(hidden)]
macro_rules! text_schema {
    ($name:ident, $schema:expr) => {
        impl schemars::JsonSchema for $name {
            fn schema_name() -> std::borrow::Cow<'static, str> {
                stringify!($name).into()
            }

            fn json_schema(generator: &mut schemars::SchemaGenerator) -> schemars::Schema {
                $schema(generator)
            }
        }
    };
}
pub use text_schema;

/// What stands between the brackets of a character class in ECMA-262 \[JSON Schema §6.4\], for
/// all characters that `belongs` names. It knows no others than those of the basic plane.
#[must_use]
pub fn character_class(belongs: impl Fn(char) -> bool) -> String {
    let mut class = String::new();
    let mut range: Option<(u32, u32)> = None;
    let mut close = |range: Option<(u32, u32)>| match range {
        Some((first, last)) if first == last => class.push_str(&format!("\\u{first:04X}")),
        Some((first, last)) => class.push_str(&format!("\\u{first:04X}-\\u{last:04X}")),
        None => {}
    };
    for c in ('\0'..='\u{FFFF}').filter(|c| belongs(*c)) {
        let c = u32::from(c);
        range = match range {
            Some((first, last)) if last.checked_add(1) == Some(c) => Some((first, c)),
            _ => {
                close(range);
                Some((c, c))
            }
        };
    }
    close(range);
    class
}

/// What every identifier is: [`crate::text::check_identifier`]. The limit is in bytes there, and
/// in characters here.
struct Identifier;

impl JsonSchema for Identifier {
    fn schema_name() -> Cow<'static, str> {
        "Identifier".into()
    }

    fn json_schema(_: &mut SchemaGenerator) -> Schema {
        let hidden = character_class(is_hidden);
        let space = character_class(|c| c.is_whitespace() && !is_hidden(c));
        json_schema!({
            "type": "string",
            "minLength": 1,
            "maxLength": MAX_IDENTIFIER_BYTES,
            "not": {"pattern": format!("[{hidden}]|^[{space}]|[{space}]$")},
        })
    }
}

/// Any text that is an identifier.
pub(crate) fn identifier(generator: &mut SchemaGenerator) -> Schema {
    generator.subschema_for::<Identifier>()
}

/// 64 lower-case hexadecimal digits.
pub(crate) fn digest(_: &mut SchemaGenerator) -> Schema {
    json_schema!({
        "type": "string",
        "minLength": 64,
        "maxLength": 64,
        "pattern": "^[0-9a-f]{64}$",
    })
}

/// An instant as it is written, but for the length of its month.
pub(crate) fn timestamp(_: &mut SchemaGenerator) -> Schema {
    json_schema!({
        "type": "string",
        "format": "date-time",
        "minLength": 24,
        "maxLength": 24,
        "pattern": "^[0-9]{4}-(0[1-9]|1[0-2])-(0[1-9]|[12][0-9]|3[01])\
            T([01][0-9]|2[0-3]):[0-5][0-9]:[0-5][0-9]\\.[0-9]{3}Z$",
    })
}

/// [`crate::DocumentPattern`].
pub(crate) fn document_pattern(_: &mut SchemaGenerator) -> Schema {
    let refused = character_class(|c| is_hidden(c) || c.is_whitespace());
    json_schema!({
        "type": "string",
        "minLength": 1,
        "maxLength": MAX_IDENTIFIER_BYTES,
        "pattern": "^(\\*|[^*/]+(/[^*/]+)*(/\\*)?)$",
        "not": {"pattern": format!("[{refused}]")},
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_class_names_runs_and_single_characters() {
        assert_eq!(
            character_class(|c| matches!(c, 'a'..='f' | '_' | '\u{FFFF}')),
            r"\u005F\u0061-\u0066\uFFFF"
        );
        assert_eq!(character_class(|_| false), "");
    }

    #[test]
    fn no_character_outside_the_basic_plane_is_hidden_or_white_space() {
        let found = ('\u{10000}'..=char::MAX).find(|c| is_hidden(*c) || c.is_whitespace());
        assert_eq!(found, None);
    }
}
