//! The content of a record's private part: the openings of its commitments, and the bytes of its
//! blobs (`docs/spec/record.md` §4).

use std::collections::BTreeMap;
use std::fmt;

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use countersign_core::Sha256Digest;
use ring::digest::{SHA256, digest};
use serde::Deserialize;
use thiserror::Error;

use crate::canonical::CanonicalError;
use crate::commitment::{Opening, Openings};
use crate::leaf::into_array;

/// Enough for the openings of most records; base64 is shorter than twice its bytes.
const USUAL_OPENINGS: usize = 1_024;

/// The bytes are no private part in canonical form.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Error)]
#[error("the bytes are no private part in canonical form")]
pub struct ParsePrivateError;

/// What a record leaves out: the openings of its commitments, and the bytes of its blobs.
///
/// Either may be missing: most kinds of record name no blob, and an exporter hands out fewer.
#[derive(Clone, PartialEq, Eq, Default)]
pub struct PrivatePart {
    blobs: BTreeMap<Sha256Digest, Vec<u8>>,
    openings: Openings,
}

/// The members of the JSON object, and no others.
#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Members {
    blobs: BTreeMap<Sha256Digest, String>,
    openings: BTreeMap<String, Opening>,
}

impl PrivatePart {
    /// Reads what [`PrivatePart::to_bytes`] wrote.
    ///
    /// # Errors
    /// If the bytes are not exactly that, or a blob is not the one whose SHA-256 it is filed under.
    pub fn parse(bytes: &[u8]) -> Result<Self, ParsePrivateError> {
        let members: Members = serde_json::from_slice(bytes).map_err(|_| ParsePrivateError)?;
        let openings = Openings::from_fields(members.openings).map_err(|_| ParsePrivateError)?;
        let mut part = Self {
            blobs: BTreeMap::new(),
            openings,
        };
        for (sha256, text) in members.blobs {
            // [RFC 4648 §4]: with padding, and unused bits zero; the decoder takes nothing else.
            let blob = STANDARD.decode(text).map_err(|_| ParsePrivateError)?;
            if part.enclose(blob) != sha256 {
                return Err(ParsePrivateError);
            }
        }
        // What was read, written again, must be what was read, as for a record.
        if part.to_bytes().is_ok_and(|written| written == bytes) {
            Ok(part)
        } else {
            Err(ParsePrivateError)
        }
    }

    /// Canonical JSON.
    ///
    /// # Errors
    /// If a value of the openings is outside of the profile.
    pub fn to_bytes(&self) -> Result<Vec<u8>, CanonicalError> {
        // Written by hand, because an assertion may be large: the names and the base64 need no
        // escapes, and the order of digests is that of their texts.
        let lengths = self.blobs.values().map(Vec::len);
        let room = lengths.fold(USUAL_OPENINGS, |room, length| {
            room.saturating_add(length.saturating_mul(2))
        });
        let mut json = String::with_capacity(room);
        json.push_str(r#"{"blobs":{"#);
        let mut comma = "";
        for (sha256, blob) in &self.blobs {
            json.push_str(comma);
            json.push('"');
            json.push_str(&sha256.to_string());
            json.push_str("\":\"");
            STANDARD.encode_string(blob, &mut json);
            json.push('"');
            comma = ",";
        }
        json.push_str(r#"},"openings":"#);
        let mut bytes = self.openings.append_to(json.into_bytes())?;
        bytes.push(b'}');
        Ok(bytes)
    }

    /// Adds the bytes of a blob; returns their SHA-256.
    pub fn enclose(&mut self, blob: Vec<u8>) -> Sha256Digest {
        let sha256 = Sha256Digest::from_bytes(into_array(&digest(&SHA256, &blob)));
        self.blobs.insert(sha256, blob);
        sha256
    }

    /// The bytes whose SHA-256 this is, if they are there.
    #[must_use]
    pub fn blob(&self, sha256: Sha256Digest) -> Option<&[u8]> {
        self.blobs.get(&sha256).map(Vec::as_slice)
    }

    /// Every blob, by its SHA-256.
    pub fn blobs(&self) -> impl Iterator<Item = (Sha256Digest, &[u8])> {
        self.blobs
            .iter()
            .map(|(sha256, blob)| (*sha256, blob.as_slice()))
    }

    /// The openings of the record's commitments.
    #[must_use]
    pub fn openings(&self) -> &Openings {
        &self.openings
    }

    /// Takes the openings out.
    #[must_use]
    pub fn into_openings(self) -> Openings {
        self.openings
    }

    pub(crate) fn openings_mut(&mut self) -> &mut Openings {
        &mut self.openings
    }

    /// Whether there is nothing to keep.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.blobs.is_empty() && self.openings.is_empty()
    }
}

impl From<Openings> for PrivatePart {
    fn from(openings: Openings) -> Self {
        Self {
            blobs: BTreeMap::new(),
            openings,
        }
    }
}

impl fmt::Debug for PrivatePart {
    /// Without the content.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("PrivatePart")
            .field("blobs", &self.blobs.keys())
            .finish_non_exhaustive()
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::canonical::parse_canonical;
    use crate::commitment::Salt;
    use proptest::prelude::*;
    use serde_json::json;

    fn openings() -> Openings {
        let mut openings = Openings::default();
        let opening = Opening::new(Salt::from_bytes([7; 32]), json!("nurse@acme.example"));
        openings.insert("email", opening);
        openings
    }

    #[test]
    fn a_private_part_has_this_form() {
        let mut part = PrivatePart::from(openings());
        part.enclose(b"abc".to_vec());
        let text = String::from_utf8(part.to_bytes().unwrap()).unwrap();
        // printf abc | sha256sum
        let sha256 = "ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad";
        let salt = "07".repeat(32);
        assert_eq!(
            text,
            format!(
                r#"{{"blobs":{{"{sha256}":"YWJj"}},"openings":{{"email":{{"salt":"{salt}","value":"nurse@acme.example"}}}}}}"#
            )
        );
        let nothing = PrivatePart::default();
        assert!(nothing.is_empty());
        assert_eq!(
            nothing.to_bytes().unwrap(),
            br#"{"blobs":{},"openings":{}}"#
        );
    }

    #[test]
    fn a_private_part_is_refused_unless_canonical_and_whole() {
        let sha256 = "ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad";
        let good = format!(r#"{{"blobs":{{"{sha256}":"YWJj"}},"openings":{{}}}}"#);
        assert!(PrivatePart::parse(good.as_bytes()).is_ok());
        for bad in [
            String::new(),
            "{}".to_owned(),
            "[]".to_owned(),
            r#"{"blobs":{}}"#.to_owned(),
            r#"{"openings":{}}"#.to_owned(),
            r#"{"blobs":{},"more":{},"openings":{}}"#.to_owned(),
            r#"{"openings":{},"blobs":{}}"#.to_owned(),
            r#"{"blobs":[],"openings":{}}"#.to_owned(),
            r#"{"blobs":{},"openings":{"email":1}}"#.to_owned(),
            r#"{"blobs":{},"openings":{"E-mail":{}}}"#.to_owned(),
            format!("{good}\n"),
            good.replace("YWJj", "YWJk"),
            good.replace("YWJj", "YWJ"),
            good.replace("YWJj", "YWJj===="),
            good.replace("YWJj", "YWJ\\n"),
            good.replace(sha256, &sha256.to_uppercase()),
            good.replace(&format!(r#""{sha256}":"YWJj""#), r#""ba78":"YWJj""#),
        ] {
            let read = PrivatePart::parse(bad.as_bytes());
            assert_eq!(read, Err(ParsePrivateError), "{bad}");
        }
    }

    #[test]
    fn debug_shows_no_content() {
        let mut part = PrivatePart::from(openings());
        part.enclose(b"abc".to_vec());
        let shown = format!("{part:?}");
        assert!(!shown.contains("nurse") && !shown.contains("97, 98"));
    }

    proptest! {
        #[test]
        fn a_private_part_comes_back_from_its_bytes(
            blobs in prop::collection::vec(prop::collection::vec(any::<u8>(), 0..40), 0..5),
        ) {
            let mut part = PrivatePart::from(openings());
            for blob in &blobs {
                let sha256 = part.enclose(blob.clone());
                prop_assert_eq!(part.blob(sha256), Some(blob.as_slice()));
            }
            let bytes = part.to_bytes().unwrap();
            prop_assert!(parse_canonical(&bytes).is_ok());
            prop_assert_eq!(PrivatePart::parse(&bytes).unwrap(), part);
        }
    }
}
