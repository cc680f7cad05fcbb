//! Reads canonical JSON in which no text needs an escape: what nearly every record is.
//!
//! It takes less than the canonical form, and never more. Each member of a type is there once, in
//! order, and none beside them; each text and each number is spelled in the one way in which it is
//! written. So what it reads needs not be written again to know that. Whatever it does not take may
//! be canonical all the same, and whoever asked finds that out at leisure.

use std::fmt;

use countersign_core::{ConnectionId, UserId};
use memchr::{memchr, memchr2_iter};
use serde::de::value::BorrowedStrDeserializer;
use serde::de::{self, Deserialize, DeserializeSeed, Deserializer, MapAccess, SeqAccess, Visitor};
use serde::forward_to_deserialize_any;

use crate::canonical::{MAX_DEPTH, MAX_SAFE_INTEGER};
use crate::kind::{Body, Kind};
use crate::record::{Actor, Record};
use crate::writer::needs_escape;

/// It is not read here, for whatever reason.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct NotPlain;

impl fmt::Display for NotPlain {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("is no plain canonical JSON of this type")
    }
}

impl std::error::Error for NotPlain {}

impl de::Error for NotPlain {
    fn custom<T: fmt::Display>(_: T) -> Self {
        Self
    }
}

/// Reads a record \[record.md §3\]; its rules beyond the types are not asked here.
pub(crate) fn read(text: &str) -> Result<Record, NotPlain> {
    let mut reader = Plain {
        rest: text,
        depth: 1,
    };
    let actor = reader.actor()?;
    let at = reader.member(",\"at\":")?;
    let blobs = reader.member(",\"blobs\":")?;
    reader.take(",\"body\":")?;
    let mut body = Plain {
        rest: reader.skip_object()?,
        depth: 1,
    };
    let commitments = reader.member(",\"commitments\":")?;
    let correlation = reader.member(",\"correlation\":")?;
    let id = reader.member(",\"id\":")?;
    let key_id = reader.member(",\"key_id\":")?;
    let kind: Kind = reader.member(",\"kind\":")?;
    let record = Record {
        actor,
        at,
        blobs,
        body: Body::read_plain(kind, &mut body)?,
        commitments,
        correlation,
        id,
        key_id,
        parents: reader.member(",\"parents\":")?,
        policy_hash: reader.member(",\"policy_hash\":")?,
        prev: reader.member(",\"prev\":")?,
        subject_ref: reader.member(",\"subject_ref\":")?,
        tenant: reader.member(",\"tenant\":")?,
        v: reader.member(",\"v\":")?,
    };
    reader.take("}")?;
    // A key may have several spellings; it is written once a year.
    let is_read = reader.rest.is_empty() && body.rest.is_empty() && kind != Kind::KeyRotated;
    is_read.then_some(record).ok_or(NotPlain)
}

/// What is left to be read.
pub(crate) struct Plain<'de> {
    rest: &'de str,
    /// How many arrays and objects have begun and not ended.
    depth: usize,
}

impl<'de> Plain<'de> {
    /// Takes these very bytes.
    fn take(&mut self, expected: &str) -> Result<(), NotPlain> {
        self.rest = self.rest.strip_prefix(expected).ok_or(NotPlain)?;
        Ok(())
    }

    fn next_is(&self, byte: u8) -> bool {
        self.rest.as_bytes().first() == Some(&byte)
    }

    fn member<T: Deserialize<'de>>(&mut self, name: &str) -> Result<T, NotPlain> {
        self.take(name)?;
        T::deserialize(self)
    }

    fn actor(&mut self) -> Result<Actor, NotPlain> {
        self.take("{\"actor\":{")?;
        if self.take("\"type\":\"system\"}").is_ok() {
            return Ok(Actor::System);
        }
        self.take("\"id\":")?;
        let id = self.text()?;
        self.take(",\"type\":")?;
        let actor = match self.text()? {
            "connection" => ConnectionId::new(id).map(Actor::Connection),
            "user" => UserId::new(id).map(Actor::User),
            _ => return Err(NotPlain),
        };
        self.take("}")?;
        actor.map_err(|_| NotPlain)
    }

    /// A text without escapes.
    fn text(&mut self) -> Result<&'de str, NotPlain> {
        let after = self.rest.strip_prefix('"').ok_or(NotPlain)?;
        let end = memchr(b'"', after.as_bytes()).ok_or(NotPlain)?;
        let (text, behind) = after.split_at_checked(end).ok_or(NotPlain)?;
        // Over all bytes without a way out between, which is done many at a time.
        let special = text
            .bytes()
            .fold(false, |any, byte| any | needs_escape(byte));
        if special {
            return Err(NotPlain);
        }
        self.rest = behind;
        self.take("\"")?;
        Ok(text)
    }

    /// A whole number that is not negative.
    fn integer(&mut self) -> Result<u64, NotPlain> {
        let end = self.rest.bytes().position(|byte| !byte.is_ascii_digit());
        let end = end.unwrap_or(self.rest.len());
        let (digits, behind) = self.rest.split_at_checked(end).ok_or(NotPlain)?;
        // [RFC 8785 §3.2.2.3]
        if digits.starts_with('0') && digits != "0" {
            return Err(NotPlain);
        }
        self.rest = behind;
        let integer = digits.parse().map_err(|_| NotPlain)?;
        if integer > MAX_SAFE_INTEGER.unsigned_abs() {
            return Err(NotPlain);
        }
        Ok(integer)
    }

    /// An object without escapes in it, to be read later; a text has to follow somewhere.
    fn skip_object(&mut self) -> Result<&'de str, NotPlain> {
        let bytes = self.rest.as_bytes();
        let (mut depth, mut begin, mut in_text) = (0_usize, 0_usize, false);
        for place in memchr2_iter(b'"', b'\\', bytes) {
            // Most bytes are in texts, which are not looked at one by one.
            let structure = if in_text { place..place } else { begin..place };
            let structure = (begin..).zip(bytes.get(structure).ok_or(NotPlain)?);
            for (place, byte) in structure {
                match byte {
                    b'{' => depth = depth.saturating_add(1),
                    b'}' => depth = depth.checked_sub(1).ok_or(NotPlain)?,
                    _ => continue,
                }
                if depth == 0 {
                    let end = place.saturating_add(1);
                    let (object, behind) = self.rest.split_at_checked(end).ok_or(NotPlain)?;
                    self.rest = behind;
                    return Ok(object);
                }
            }
            if bytes.get(place) != Some(&b'"') {
                return Err(NotPlain);
            }
            begin = place.saturating_add(1);
            in_text = !in_text;
        }
        Err(NotPlain)
    }

    fn begin(&mut self, opening: &str) -> Result<(), NotPlain> {
        self.depth = self.depth.saturating_add(1);
        if self.depth > MAX_DEPTH {
            return Err(NotPlain);
        }
        self.take(opening)
    }

    fn end(&mut self, closing: &str) -> Result<(), NotPlain> {
        self.depth = self.depth.saturating_sub(1);
        self.take(closing)
    }

    /// An object, of a type that has so many members or of any number.
    fn object<V: Visitor<'de>>(
        &mut self,
        visitor: V,
        members: Option<usize>,
    ) -> Result<V::Value, NotPlain> {
        self.begin("{")?;
        let mut found = Members {
            reader: self,
            last: None,
            count: 0,
        };
        let value = visitor.visit_map(&mut found)?;
        // In order, none twice and none unknown: as many as there can be are all of them.
        if members.is_some_and(|members| members != found.count) {
            return Err(NotPlain);
        }
        self.end("}")?;
        Ok(value)
    }
}

/// Whether a text is spelled in the one way in which its value is written: a digest, which has no
/// other, or a time, of which each has a hyphen in it.
fn has_one_spelling(text: &str) -> bool {
    let time = match text.as_bytes() {
        // Of a second of 60 another one is made.
        &[
            _,
            _,
            _,
            _,
            _,
            _,
            _,
            _,
            _,
            _,
            b'T',
            _,
            _,
            _,
            _,
            _,
            _,
            s1,
            s2,
            b'.',
            _,
            _,
            _,
            b'Z',
        ] => [s1, s2] != *b"60",
        _ => false,
    };
    time || (text.len() == 64 && !text.contains('-'))
}

impl<'de> Deserializer<'de> for &mut Plain<'de> {
    type Error = NotPlain;

    fn deserialize_any<V: Visitor<'de>>(self, visitor: V) -> Result<V::Value, NotPlain> {
        match self.rest.as_bytes().first() {
            Some(b'"') => visitor.visit_borrowed_str(self.text()?),
            Some(b'{') => self.object(visitor, None),
            Some(b'[') => {
                self.begin("[")?;
                let mut items = Items {
                    reader: self,
                    is_first: true,
                };
                let value = visitor.visit_seq(&mut items)?;
                self.end("]")?;
                Ok(value)
            }
            Some(b'0'..=b'9') => visitor.visit_u64(self.integer()?),
            Some(b't') => {
                self.take("true")?;
                visitor.visit_bool(true)
            }
            Some(b'f') => {
                self.take("false")?;
                visitor.visit_bool(false)
            }
            Some(b'n') => {
                self.take("null")?;
                visitor.visit_unit()
            }
            _ => Err(NotPlain),
        }
    }

    /// For types that read a text by themselves, and may read several spellings of one value.
    fn deserialize_str<V: Visitor<'de>>(self, visitor: V) -> Result<V::Value, NotPlain> {
        let text = self.text()?;
        if has_one_spelling(text) {
            visitor.visit_borrowed_str(text)
        } else {
            Err(NotPlain)
        }
    }

    fn deserialize_option<V: Visitor<'de>>(self, visitor: V) -> Result<V::Value, NotPlain> {
        if self.next_is(b'n') {
            self.take("null")?;
            visitor.visit_none()
        } else {
            visitor.visit_some(self)
        }
    }

    fn deserialize_newtype_struct<V: Visitor<'de>>(
        self,
        _: &'static str,
        visitor: V,
    ) -> Result<V::Value, NotPlain> {
        visitor.visit_newtype_struct(self)
    }

    fn deserialize_struct<V: Visitor<'de>>(
        self,
        _: &'static str,
        fields: &'static [&'static str],
        visitor: V,
    ) -> Result<V::Value, NotPlain> {
        self.object(visitor, Some(fields.len()))
    }

    /// One of several names; variants with something in them are not read here.
    fn deserialize_enum<V: Visitor<'de>>(
        self,
        _: &'static str,
        _: &'static [&'static str],
        visitor: V,
    ) -> Result<V::Value, NotPlain> {
        visitor.visit_enum(BorrowedStrDeserializer::new(self.text()?))
    }

    /// A member that nobody asked for.
    fn deserialize_ignored_any<V: Visitor<'de>>(self, _: V) -> Result<V::Value, NotPlain> {
        Err(NotPlain)
    }

    // [record.md §1, rule 1]: no number but an integer.
    fn deserialize_f32<V: Visitor<'de>>(self, _: V) -> Result<V::Value, NotPlain> {
        Err(NotPlain)
    }

    fn deserialize_f64<V: Visitor<'de>>(self, _: V) -> Result<V::Value, NotPlain> {
        Err(NotPlain)
    }

    forward_to_deserialize_any! {
        bool i8 i16 i32 i64 i128 u8 u16 u32 u64 u128 char string bytes byte_buf unit unit_struct
        seq tuple tuple_struct map identifier
    }
}

/// The members of an object, which must come in order.
struct Members<'r, 'de> {
    reader: &'r mut Plain<'de>,
    last: Option<&'de str>,
    count: usize,
}

impl<'de> MapAccess<'de> for Members<'_, 'de> {
    type Error = NotPlain;

    fn next_key_seed<K: DeserializeSeed<'de>>(
        &mut self,
        seed: K,
    ) -> Result<Option<K::Value>, NotPlain> {
        if self.reader.next_is(b'}') {
            return Ok(None);
        }
        if self.last.is_some() {
            self.reader.take(",")?;
        }
        let name = self.reader.text()?;
        self.reader.take(":")?;
        // [RFC 8785 §3.2.3]: bytes of ASCII are in the order of their UTF-16.
        if !name.is_ascii() || self.last.is_some_and(|last| last >= name) {
            return Err(NotPlain);
        }
        self.last = Some(name);
        self.count = self.count.saturating_add(1);
        seed.deserialize(BorrowedStrDeserializer::new(name))
            .map(Some)
    }

    fn next_value_seed<V: DeserializeSeed<'de>>(&mut self, seed: V) -> Result<V::Value, NotPlain> {
        seed.deserialize(&mut *self.reader)
    }
}

/// The items of an array.
struct Items<'r, 'de> {
    reader: &'r mut Plain<'de>,
    is_first: bool,
}

impl<'de> SeqAccess<'de> for Items<'_, 'de> {
    type Error = NotPlain;

    fn next_element_seed<T: DeserializeSeed<'de>>(
        &mut self,
        seed: T,
    ) -> Result<Option<T::Value>, NotPlain> {
        if self.reader.next_is(b']') {
            return Ok(None);
        }
        if !self.is_first {
            self.reader.take(",")?;
        }
        self.is_first = false;
        seed.deserialize(&mut *self.reader).map(Some)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::canonical::to_canonical;

    /// Of each shape that a record can have; `#` stands for a digest.
    const RECORDS: [&str; 3] = [
        concat!(
            r##"{"actor":{"id":"user-1","type":"user"},"at":"2026-03-01T09:33:00.000Z","##,
            r##""blobs":[{"media_type":"application/xml","sha256":"#"}],"body":{"ceremony":"c-1","##,
            r##""document":"d-1","document_sha256":"#","document_type":"nda/mutual","grant":"g-1","##,
            r##""grant_expires_at":"2026-03-02T09:30:00.000Z","meaning":"approval","role":"signer","##,
            r##""session_expires_at":"2026-03-01T10:00:00.000Z"},"commitments":{"email":"#","##,
            r##""printed_name":"#"},"correlation":"w","id":"i","key_id":"k","##,
            r##""kind":"document.signed","parents":["#","#","#"],"policy_hash":"#","prev":"#","##,
            r##""subject_ref":"user-1","tenant":"Ünïcode","v":1}"##,
        ),
        concat!(
            r##"{"actor":{"type":"system"},"at":"2026-03-01T09:33:00.000Z","blobs":[],"##,
            r##""body":{"expires_at":null,"grant":"g","owner":{"by":"jit","connection":"c"},"##,
            r##""permissions":["sign nda/*","view *"],"role":"signer","rule":"r"},"commitments":{},"##,
            r##""correlation":"w","id":"i","key_id":null,"kind":"role.granted","parents":["#"],"##,
            r##""policy_hash":null,"prev":null,"subject_ref":"user-1","tenant":"acme","v":1}"##,
        ),
        concat!(
            r##"{"actor":{"id":"c","type":"connection"},"at":"2026-03-01T09:33:00.000Z","##,
            r##""blobs":[],"body":{"gen_time":"2026-03-01T09:33:00.000Z","note_sha256":"#","##,
            r##""root":"#","size":9007199254740991,"token_sha256":"#","tokens":1},"commitments":{},"##,
            r##""correlation":"w","id":"i","key_id":null,"kind":"checkpoint.anchored","##,
            r##""parents":[],"policy_hash":null,"prev":null,"subject_ref":null,"tenant":"acme","v":1}"##,
        ),
    ];

    fn records() -> [String; 3] {
        RECORDS.map(|record| record.replace('#', &"0a".repeat(32)))
    }

    /// Whether it is read; what is read has to be what is written.
    fn is_read(text: &str) -> bool {
        match read(text) {
            Ok(record) => {
                let written = String::from_utf8(to_canonical(&record).unwrap()).unwrap();
                assert_eq!(written, text);
                true
            }
            Err(NotPlain) => false,
        }
    }

    #[test]
    fn a_record_of_each_shape_is_read() {
        for record in records() {
            assert!(is_read(&record), "{record}");
        }
    }

    #[test]
    fn whatever_is_read_is_what_is_written_where_a_byte_is_another_or_gone_or_there_twice() {
        let mut read = 0_usize;
        for record in records() {
            let ends = record.char_indices().map(|(place, _)| place);
            for place in ends {
                let (before, after) = record.split_at(place);
                let mut rest = after.chars();
                let here = rest.next().unwrap();
                let rest = rest.as_str();
                for other in r#"09aTZz -"{}[],:.\/nu+Eé"#
                    .chars()
                    .chain(['\u{1}', '\n', '\u{7f}'])
                {
                    for changed in [
                        format!("{before}{other}{rest}"),
                        format!("{before}{other}{after}"),
                    ] {
                        read = read.saturating_add(usize::from(is_read(&changed)));
                    }
                }
                is_read(&format!("{before}{rest}"));
                is_read(&format!("{before}{here}{after}"));
            }
        }
        // Most letters of a text may be others.
        assert!(read > 1_000, "{read}");
    }

    #[test]
    fn what_may_be_spelled_in_several_ways_is_read_in_one() {
        let [signed, granted, anchored] = records();
        let time = "2026-03-01T09:33:00.000Z";
        for other in [
            "2026-03-01T09:33:00Z",
            "2026-03-01T09:33:00.0000Z",
            "2026-03-01t09:33:00.000Z",
            "2026-03-01T09:33:00.000z",
            "2026-03-01 09:33:00.000Z",
            "2026-03-01T10:33:00.000+01:00",
            "2026-03-31T23:59:60.000Z",
            // As long as a digest.
            &format!("2026-03-01T09:33:00.{}Z", "0".repeat(43)),
        ] {
            assert!(!is_read(&signed.replace(time, other)), "{other}");
        }
        assert!(!is_read(&signed.replace("0a0a", "0A0a")));
        for (number, other) in [
            ("\"tokens\":1", "\"tokens\":01"),
            ("991,", "992,"),
            (":1}", ":1.0}"),
        ] {
            assert!(!is_read(&anchored.replace(number, other)), "{other}");
        }
        for (there, other) in [
            ("\"signer\"", r#""sign\u0065r""#),
            ("\"v\":1}", "\"v\":1} "),
            ("\"v\":1}", "\"v\":1,\"w\":1}"),
            ("\"rule\":\"r\"", "\"rule\":\"r\",\"s\":1"),
            (",\"rule\":\"r\"", ""),
            ("\"grant\":\"g\"", "\"grant\":\"g\",\"grant\":\"g\""),
            (
                "\"expires_at\":null,\"grant\":\"g\"",
                "\"grant\":\"g\",\"expires_at\":null",
            ),
            ("\"expires_at\":null,", ""),
            ("\"prev\":null,", ""),
            ("[\"sign nda/*\",\"view *\"]", "[\"sign nda/*\",]"),
            (
                "\"by\":\"jit\",\"connection\":\"c\"",
                "\"connection\":\"c\",\"by\":\"jit\"",
            ),
            ("\"commitments\":{}", "\"commitments\":{\"b\":null}"),
        ] {
            let changed = granted.replace(there, other);
            assert_ne!(changed, granted, "{there}");
            assert!(!is_read(&changed), "{other}");
        }
    }
}
