//! The JSON Schema of records, generated from their types: what `docs/spec/record.schema.json`
//! holds.
//!
//! What a schema can not say is said by [`parse_record`](crate::parse_record) alone: the canonical
//! form, members that are there twice, the time in the id, lengths in bytes, and that two hashes of
//! an assertion are those of two of its blobs.

use std::borrow::Cow;

use countersign_core::Sha256Digest;
use countersign_core::schema::character_class;
use schemars::generate::SchemaSettings;
use schemars::transform::{RecursiveTransform, Transform as _};
use schemars::{JsonSchema, Schema, SchemaGenerator, json_schema};
use serde_json::{Value, json};

use crate::assertion;
use crate::canonical::MAX_SAFE_INTEGER;
use crate::commitment::{MAX_FIELD_BYTES, is_field_name};
use crate::kind::Kind;
use crate::record::{Envelope, VERSION};

/// The schema of a record of any kind, in the dialect 2020-12.
#[must_use]
pub fn record_schema() -> Value {
    // What is written, where no member is ever left out.
    let mut generator = SchemaSettings::draft2020_12()
        .for_serialize()
        .into_generator();
    let kinds: Vec<Value> = Kind::ALL
        .iter()
        .map(|kind| {
            json!({
                "if": {"properties": {"kind": {"const": kind.as_str()}}, "required": ["kind"]},
                "then": kind_schema(*kind, &mut generator),
            })
        })
        .collect();
    let mut schema = generator.into_root_schema_for::<Envelope<'_>>();
    RecursiveTransform(narrow).transform(&mut schema);
    schema.insert("title".to_owned(), "countersign audit record".into());
    schema.insert(
        "description".to_owned(),
        "One record of docs/spec/record.md, version 1.".into(),
    );
    schema.insert("allOf".to_owned(), kinds.into());
    let mut schema = schema.to_value();
    if let Some(version) = schema.pointer_mut("/properties/v") {
        *version = json!({"type": "integer", "const": VERSION});
    }
    schema
}

/// What a kind asks of the envelope beside it.
fn kind_schema(kind: Kind, generator: &mut SchemaGenerator) -> Value {
    let places = kind.parents();
    let least = places.iter().filter(|place| place.required).count();
    let subject = match (kind.allows_subject(true), kind.allows_subject(false)) {
        (true, true) => json!(true),
        (true, false) => json!({"not": {"type": "null"}}),
        (false, _) => json!({"type": "null"}),
    };
    let mut schema = json!({"properties": {
        "body": kind.body_schema(generator),
        "commitments": {"required": kind.committed_fields()},
        "parents": {"minItems": least, "maxItems": places.len()},
        "subject_ref": subject,
    }});
    if kind == Kind::AssertionVerified
        && let Some(members) = schema.as_object_mut()
    {
        members.insert("allOf".to_owned(), json!([assertion::whole_schema()]));
    }
    schema
}

/// What holds for every type \[record.md §1\]: integers within their bounds, no other members; and
/// doc comments read as text.
fn narrow(schema: &mut Schema) {
    let most = match schema.get("format").and_then(Value::as_str) {
        Some("uint64") => Some(MAX_SAFE_INTEGER),
        Some("uint32") => Some(i64::from(u32::MAX)),
        _ => None,
    };
    if let Some(most) = most {
        schema.remove("format");
        schema.insert("maximum".to_owned(), most.into());
    }
    if schema.get("properties").is_some() && schema.get("additionalProperties").is_none() {
        schema.insert("additionalProperties".to_owned(), false.into());
    }
    if let Some(Value::String(text)) = schema.get_mut("description") {
        *text = text
            .replace("\\[", "[")
            .replace("\\]", "]")
            .replace("[`", "`")
            .replace("`]", "`")
            .replace("`None`", "`null`")
            .replace('\n', " ");
    }
}

/// The body, of which its kind says more.
pub(crate) struct AnyObject;

impl JsonSchema for AnyObject {
    fn inline_schema() -> bool {
        true
    }

    fn schema_name() -> Cow<'static, str> {
        "AnyObject".into()
    }

    fn json_schema(_: &mut SchemaGenerator) -> Schema {
        json_schema!({"type": "object"})
    }
}

/// Commitments by field: a map whose keys are [`is_field_name`].
pub(crate) struct Commitments;

impl JsonSchema for Commitments {
    fn inline_schema() -> bool {
        true
    }

    fn schema_name() -> Cow<'static, str> {
        "Commitments".into()
    }

    fn json_schema(generator: &mut SchemaGenerator) -> Schema {
        let allowed = character_class(|c| is_field_name(c.encode_utf8(&mut [0; 4])));
        json_schema!({
            "type": "object",
            "propertyNames": {
                "minLength": 1,
                "maxLength": MAX_FIELD_BYTES,
                "not": {"pattern": format!("[^{allowed}]")},
            },
            "additionalProperties": generator.subschema_for::<Sha256Digest>(),
        })
    }
}

/// An [`EntryId`](countersign_core::EntryId) that is a UUID of version 7 \[RFC 9562 §5.7\].
pub(crate) struct RecordId;

impl JsonSchema for RecordId {
    fn schema_name() -> Cow<'static, str> {
        "RecordId".into()
    }

    fn json_schema(_: &mut SchemaGenerator) -> Schema {
        json_schema!({
            "type": "string",
            "minLength": 36,
            "maxLength": 36,
            "pattern": "^[0-9a-f]{8}-[0-9a-f]{4}-7[0-9a-f]{3}-[89ab][0-9a-f]{3}-[0-9a-f]{12}$",
        })
    }
}

/// A verifier key \[C2SP signed-note\], but that the hash in it is that of its name and key.
pub(crate) fn verifier_key(_: &mut SchemaGenerator) -> Schema {
    let refused = character_class(|c| c.is_whitespace() || c.is_control());
    json_schema!({
        "type": "string",
        // The type byte 0x01 and 32 bytes of key, in base64.
        "pattern": "^[^+]+\\+[0-9a-f]{8}\\+A[Q-Za-f][A-Za-z0-9+/]{42}$",
        "not": {"pattern": format!("[{refused}]")},
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    /// `cargo xtask vectors` writes it anew.
    #[test]
    fn the_schema_in_the_specification_is_that_of_the_types() {
        let path = concat!(
            env!("CARGO_MANIFEST_DIR"),
            "/../../docs/spec/record.schema.json"
        );
        let committed = std::fs::read(path).unwrap();
        let committed: Value = serde_json::from_slice(&committed).unwrap();
        assert!(committed == record_schema(), "run cargo xtask vectors");
    }
}
