//! Salted commitments to personal values, and their openings (`docs/spec/record.md` §4).

use std::collections::BTreeMap;
use std::fmt;

use countersign_core::Sha256Digest;
use ring::digest::{SHA256, digest};
use serde::{Deserialize, Serialize};
use serde_json::Value;
use thiserror::Error;

use crate::canonical::{CanonicalError, to_canonical};
use crate::leaf::into_array;
use crate::writer;

/// Keeps commitments apart from every other use of SHA-256 \[record.md §4\].
const DOMAIN: &[u8] = b"countersign/commitment/v1";

/// Longest name of a committed field \[record.md §4\].
pub const MAX_FIELD_BYTES: usize = 64;

/// 32 random bytes that hide a value.
#[derive(Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(try_from = "Sha256Digest", into = "Sha256Digest")]
pub struct Salt([u8; 32]);

impl Salt {
    /// Wraps bytes that must come from a good source of randomness.
    #[must_use]
    pub fn from_bytes(bytes: [u8; 32]) -> Self {
        Self(bytes)
    }
}

// The text form of a salt is that of a digest: 64 lower-case hexadecimal digits.
impl From<Sha256Digest> for Salt {
    fn from(text: Sha256Digest) -> Self {
        Self(*text.as_bytes())
    }
}

impl From<Salt> for Sha256Digest {
    fn from(salt: Salt) -> Self {
        Self::from_bytes(salt.0)
    }
}

impl fmt::Debug for Salt {
    /// Hides the bytes: whoever has them can guess at the value.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Salt(…)")
    }
}

/// Whether `field` may name a committed value: 1 to 64 of `a-z`, `0-9`, `_`.
#[must_use]
pub fn is_field_name(field: &str) -> bool {
    (1..=MAX_FIELD_BYTES).contains(&field.len())
        && field
            .bytes()
            .all(|byte| matches!(byte, b'a'..=b'z' | b'0'..=b'9' | b'_'))
}

/// What shows the value behind one commitment.
#[derive(Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Opening {
    salt: Salt,
    value: Value,
}

impl Opening {
    /// Puts a salt and a value together.
    #[must_use]
    pub fn new(salt: Salt, value: Value) -> Self {
        Self { salt, value }
    }

    /// The personal value.
    #[must_use]
    pub fn value(&self) -> &Value {
        &self.value
    }

    /// The commitment to the value under the name `field`.
    ///
    /// # Errors
    /// If the value is outside of the profile of canonical JSON.
    pub fn commit(&self, field: &str) -> Result<Sha256Digest, CanonicalError> {
        let before = [DOMAIN, &[0x00], field.as_bytes(), &[0x00], &self.salt.0].concat();
        let committed = writer::append(before, &self.value)?;
        Ok(Sha256Digest::from_bytes(into_array(&digest(
            &SHA256, &committed,
        ))))
    }
}

impl fmt::Debug for Opening {
    /// Hides the salt and the value.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Opening(…)")
    }
}

/// The bytes are no openings in canonical form.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Error)]
#[error("the bytes are no openings in canonical form")]
pub struct ParseOpeningsError;

/// The openings of one record, by field.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Openings(BTreeMap<String, Opening>);

impl Openings {
    /// Reads what [`Openings::to_bytes`] wrote.
    ///
    /// # Errors
    /// If the bytes are not exactly that.
    pub fn parse(bytes: &[u8]) -> Result<Self, ParseOpeningsError> {
        let fields = serde_json::from_slice(bytes).map_err(|_| ParseOpeningsError)?;
        let openings = Self::from_fields(fields)?;
        // What was read, written again, must be what was read, as for a record.
        if openings.to_bytes().is_ok_and(|written| written == bytes) {
            Ok(openings)
        } else {
            Err(ParseOpeningsError)
        }
    }

    pub(crate) fn from_fields(
        fields: BTreeMap<String, Opening>,
    ) -> Result<Self, ParseOpeningsError> {
        if fields.keys().all(|field| is_field_name(field)) {
            Ok(Self(fields))
        } else {
            Err(ParseOpeningsError)
        }
    }

    /// Canonical JSON.
    ///
    /// # Errors
    /// If a value is outside of the profile.
    pub fn to_bytes(&self) -> Result<Vec<u8>, CanonicalError> {
        to_canonical(&self.0)
    }

    /// The same behind what is written already.
    pub(crate) fn append_to(&self, out: Vec<u8>) -> Result<Vec<u8>, CanonicalError> {
        writer::append(out, &self.0)
    }

    /// Adds an opening; one of the same field is replaced.
    pub fn insert(&mut self, field: &str, opening: Opening) {
        self.0.insert(field.to_owned(), opening);
    }

    /// Keeps the fields that `keep` says yes to.
    pub fn retain(&mut self, mut keep: impl FnMut(&str) -> bool) {
        self.0.retain(|field, _| keep(field));
    }

    /// The opening of one field.
    #[must_use]
    pub fn field(&self, field: &str) -> Option<&Opening> {
        self.0.get(field)
    }

    /// The fields and their openings, by name.
    pub fn iter(&self) -> impl Iterator<Item = (&str, &Opening)> {
        self.0
            .iter()
            .map(|(field, opening)| (field.as_str(), opening))
    }

    /// Whether nothing is opened.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.0.is_empty()
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    #[test]
    fn a_commitment_depends_on_field_salt_and_value() {
        let commit = |field, salt, value| {
            Opening::new(Salt::from_bytes([salt; 32]), value)
                .commit(field)
                .unwrap()
        };
        let one = commit("email", 1, json!("nurse@acme.example"));
        assert_ne!(one, commit("name", 1, json!("nurse@acme.example")));
        assert_ne!(one, commit("email", 2, json!("nurse@acme.example")));
        assert_ne!(one, commit("email", 1, json!("doctor@acme.example")));
        // printf 'countersign/commitment/v1\0email\0' + 32 bytes 0x01 + '"nurse@acme.example"'
        assert_eq!(
            one.to_string(),
            "c90702946e7bb11fc1a26eb455349d8611a2d1ffe24a025c7f4a6444191f689a"
        );
    }

    #[test]
    fn openings_come_back_from_their_bytes() {
        let mut openings = Openings::default();
        openings.insert(
            "email",
            Opening::new(Salt::from_bytes([7; 32]), json!("nurse@acme.example")),
        );
        let bytes = openings.to_bytes().unwrap();
        assert_eq!(Openings::parse(&bytes).unwrap(), openings);
        assert_eq!(Openings::parse(b"{}").unwrap(), Openings::default());
    }

    #[test]
    fn openings_are_refused_unless_canonical_and_whole() {
        let salt = "07".repeat(32);
        for bad in [
            String::new(),
            "[]".to_owned(),
            format!(r#"{{"email":{{"salt":"{salt}"}}}}"#),
            format!(r#"{{"email":{{"salt":"{salt}","value":"a","x":1}}}}"#),
            format!(r#"{{"E-mail":{{"salt":"{salt}","value":"a"}}}}"#),
            format!(r#"{{"email":{{"value":"a","salt":"{salt}"}}}}"#),
            r#"{"email":{"salt":"07","value":"a"}}"#.to_owned(),
        ] {
            assert_eq!(
                Openings::parse(bad.as_bytes()),
                Err(ParseOpeningsError),
                "{bad}"
            );
        }
    }

    #[test]
    fn debug_shows_neither_salt_nor_value() {
        let opening = Opening::new(Salt::from_bytes([7; 32]), json!("nurse@acme.example"));
        assert_eq!(format!("{opening:?}"), "Opening(…)");
    }
}
