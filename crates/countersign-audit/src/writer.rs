//! From a value to its canonical bytes in one pass \[RFC 8785 §3.2\].
//!
//! Members may come in any order: an object whose members did not come sorted is put in order
//! when it ends. So the form does not depend on how a type declares its fields.

use std::cmp::Ordering;
use std::io::Write as _;
use std::ops::Range;

use serde::Serialize;
use serde::ser::{
    SerializeMap, SerializeSeq, SerializeStruct, SerializeStructVariant, SerializeTuple,
    SerializeTupleStruct, SerializeTupleVariant, Serializer,
};

use crate::canonical::{CanonicalError, MAX_DEPTH, MAX_SAFE_INTEGER};

/// Enough for most records, so that the buffer grows at most once or twice.
const USUAL_BYTES: usize = 1_536;

/// Writes `value`, within the profile of record.md §1.
pub(crate) fn write<T: Serialize + ?Sized>(value: &T) -> Result<Vec<u8>, CanonicalError> {
    append(Vec::with_capacity(USUAL_BYTES), value)
}

/// The same behind what is written already.
pub(crate) fn append<T: Serialize + ?Sized>(
    out: Vec<u8>,
    value: &T,
) -> Result<Vec<u8>, CanonicalError> {
    let mut writer = Writer {
        out,
        members: Vec::new(),
        depth: 0,
        last_is_plain: false,
    };
    value.serialize(&mut writer)?;
    Ok(writer.out)
}

impl serde::ser::Error for CanonicalError {
    /// A value that refuses to be written.
    fn custom<T: std::fmt::Display>(_: T) -> Self {
        Self::NotJson
    }
}

struct Writer {
    out: Vec<u8>,
    /// Those of every object that has begun and not ended.
    members: Vec<Member>,
    /// How many arrays and objects have begun and not ended.
    depth: usize,
    /// Whether the last text was ASCII and needed no escape.
    last_is_plain: bool,
}

/// Where a member stands in what was written.
#[derive(Clone)]
struct Member {
    /// Its name, without the quotation marks.
    name: Range<usize>,
    /// Whether the name is ASCII and needed no escape: its bytes sort as its UTF-16 does.
    is_plain: bool,
    /// Where its value ends.
    end: usize,
}

impl Member {
    /// The member with the quotation mark that it begins with.
    fn all(&self) -> Range<usize> {
        self.name.start.saturating_sub(1)..self.end
    }
}

impl Writer {
    fn begin(&mut self, opening: &[u8]) -> Result<(), CanonicalError> {
        if self.depth >= MAX_DEPTH {
            return Err(CanonicalError::TooDeep);
        }
        self.depth = self.depth.saturating_add(1);
        self.out.extend_from_slice(opening);
        Ok(())
    }

    fn end(&mut self, closing: &[u8]) {
        self.depth = self.depth.saturating_sub(1);
        self.out.extend_from_slice(closing);
    }

    fn begin_array(&mut self) -> Result<Array<'_>, CanonicalError> {
        self.begin(b"[")?;
        Ok(Array {
            writer: self,
            is_first: true,
        })
    }

    fn begin_object(&mut self, members: usize) -> Result<Object<'_>, CanonicalError> {
        self.begin(b"{")?;
        self.members.reserve(members);
        Ok(Object {
            first_member: self.members.len(),
            writer: self,
        })
    }

    fn signed(&mut self, integer: i64) -> Result<(), CanonicalError> {
        if integer.unsigned_abs() > MAX_SAFE_INTEGER.unsigned_abs() {
            return Err(CanonicalError::Number);
        }
        write!(self.out, "{integer}").map_err(|_| CanonicalError::NotJson)
    }

    fn unsigned(&mut self, integer: u64) -> Result<(), CanonicalError> {
        self.signed(i64::try_from(integer).map_err(|_| CanonicalError::Number)?)
    }

    /// [RFC 8785 §3.2.2.2]
    fn text(&mut self, text: &str) {
        let mut rest = text.as_bytes();
        // Over all bytes without a way out between, which is done many at a time.
        let (special, all) = rest.iter().fold((false, 0), |(special, all), byte| {
            (special | needs_escape(*byte), all | byte)
        });
        self.out.reserve(rest.len().saturating_add(2));
        self.out.push(b'"');
        if !special {
            self.out.extend_from_slice(rest);
            self.out.push(b'"');
            self.last_is_plain = all.is_ascii();
            return;
        }
        self.last_is_plain = false;
        while let Some(plain) = rest.iter().position(|byte| needs_escape(*byte)) {
            let (before, after) = rest.split_at_checked(plain).unwrap_or((rest, &[]));
            self.out.extend_from_slice(before);
            let Some((byte, after)) = after.split_first() else {
                break;
            };
            self.escape(*byte);
            rest = after;
        }
        self.out.extend_from_slice(rest);
        self.out.push(b'"');
    }

    fn escape(&mut self, byte: u8) {
        let short = match byte {
            0x08 => b'b',
            b'\t' => b't',
            b'\n' => b'n',
            0x0C => b'f',
            b'\r' => b'r',
            b'"' | b'\\' => byte,
            _ => {
                let digit = match byte & 0x0F {
                    low @ 0..=9 => low.wrapping_add(b'0'),
                    low => low.wrapping_sub(10).wrapping_add(b'a'),
                };
                let high = (byte >> 4).wrapping_add(b'0');
                self.out
                    .extend_from_slice(&[b'\\', b'u', b'0', b'0', high, digit]);
                return;
            }
        };
        self.out.extend_from_slice(&[b'\\', short]);
    }

    fn name(&self, member: &Member) -> &[u8] {
        self.out.get(member.name.clone()).unwrap_or_default()
    }

    /// The order of two names: that of their UTF-16 code units \[RFC 8785 §3.2.3\].
    fn order(&self, a: &Member, b: &Member) -> Ordering {
        let (is_plain, a, b) = (a.is_plain && b.is_plain, self.name(a), self.name(b));
        if is_plain {
            a.cmp(b)
        } else {
            utf16(a).cmp(&utf16(b))
        }
    }

    /// Puts the members of the object that ends in order.
    fn sort(&mut self, first_member: usize) -> Result<(), CanonicalError> {
        let members = self.members.get(first_member..).unwrap_or_default();
        let is_sorted = members
            .iter()
            .zip(members.iter().skip(1))
            .all(|(before, after)| self.order(before, after) == Ordering::Less);
        if !is_sorted {
            let mut members = members.to_vec();
            members.sort_by(|a, b| self.order(a, b));
            let twice = members
                .iter()
                .zip(members.iter().skip(1))
                .any(|(before, after)| self.name(before) == self.name(after));
            if twice {
                return Err(CanonicalError::NotCanonical);
            }
            let start = members.iter().map(|member| member.all().start).min();
            let start = start.unwrap_or(self.out.len());
            let mut sorted = Vec::with_capacity(self.out.len().saturating_sub(start));
            for member in &members {
                if !sorted.is_empty() {
                    sorted.push(b',');
                }
                sorted.extend_from_slice(self.out.get(member.all()).unwrap_or_default());
            }
            self.out.truncate(start);
            self.out.append(&mut sorted);
        }
        self.members.truncate(first_member);
        Ok(())
    }
}

/// [RFC 8785 §3.2.2.2]
pub(crate) fn needs_escape(byte: u8) -> bool {
    byte < 0x20 || byte == b'"' || byte == b'\\'
}

fn utf16(name: &[u8]) -> Vec<u16> {
    // INVARIANT: it was written here as a JSON string.
    let quoted = [b"\"", name, b"\""].concat();
    let text: String = serde_json::from_slice(&quoted).unwrap_or_default();
    text.encode_utf16().collect()
}

/// An array that has begun.
struct Array<'w> {
    writer: &'w mut Writer,
    is_first: bool,
}

impl Array<'_> {
    fn item<T: Serialize + ?Sized>(&mut self, value: &T) -> Result<(), CanonicalError> {
        if !self.is_first {
            self.writer.out.push(b',');
        }
        self.is_first = false;
        value.serialize(&mut *self.writer)
    }

    fn finish(self) {
        self.writer.end(b"]");
    }
}

/// An object that has begun.
struct Object<'w> {
    writer: &'w mut Writer,
    /// Where its members begin in [`Writer::members`].
    first_member: usize,
}

impl Object<'_> {
    fn key<T: Serialize + ?Sized>(&mut self, name: &T) -> Result<(), CanonicalError> {
        if self.writer.members.len() > self.first_member {
            self.writer.out.push(b',');
        }
        let quote = self.writer.out.len();
        name.serialize(&mut *self.writer)?;
        // A name is a text, as it is in JSON.
        if self.writer.out.get(quote) != Some(&b'"') {
            return Err(CanonicalError::NotJson);
        }
        let end = self.writer.out.len();
        let name = quote.saturating_add(1)..end.saturating_sub(1);
        let is_plain = self.writer.last_is_plain;
        self.writer.out.push(b':');
        self.writer.members.push(Member {
            name,
            is_plain,
            end,
        });
        Ok(())
    }

    fn value<T: Serialize + ?Sized>(&mut self, value: &T) -> Result<(), CanonicalError> {
        value.serialize(&mut *self.writer)?;
        let end = self.writer.out.len();
        if let Some(member) = self.writer.members.last_mut() {
            member.end = end;
        }
        Ok(())
    }

    fn member<T: Serialize + ?Sized>(
        &mut self,
        name: &'static str,
        value: &T,
    ) -> Result<(), CanonicalError> {
        self.key(name)?;
        self.value(value)
    }

    fn finish(self) -> Result<(), CanonicalError> {
        self.writer.sort(self.first_member)?;
        self.writer.end(b"}");
        Ok(())
    }
}

/// What is inside of `{"variant":…}`.
struct Variant<T>(T);

impl<'w> Serializer for &'w mut Writer {
    type Ok = ();
    type Error = CanonicalError;
    type SerializeSeq = Array<'w>;
    type SerializeTuple = Array<'w>;
    type SerializeTupleStruct = Array<'w>;
    type SerializeTupleVariant = Variant<Array<'w>>;
    type SerializeMap = Object<'w>;
    type SerializeStruct = Object<'w>;
    type SerializeStructVariant = Variant<Object<'w>>;

    fn serialize_bool(self, value: bool) -> Result<(), CanonicalError> {
        let text: &[u8] = if value { b"true" } else { b"false" };
        self.out.extend_from_slice(text);
        Ok(())
    }

    fn serialize_i8(self, value: i8) -> Result<(), CanonicalError> {
        self.signed(i64::from(value))
    }

    fn serialize_i16(self, value: i16) -> Result<(), CanonicalError> {
        self.signed(i64::from(value))
    }

    fn serialize_i32(self, value: i32) -> Result<(), CanonicalError> {
        self.signed(i64::from(value))
    }

    fn serialize_i64(self, value: i64) -> Result<(), CanonicalError> {
        self.signed(value)
    }

    fn serialize_u8(self, value: u8) -> Result<(), CanonicalError> {
        self.unsigned(u64::from(value))
    }

    fn serialize_u16(self, value: u16) -> Result<(), CanonicalError> {
        self.unsigned(u64::from(value))
    }

    fn serialize_u32(self, value: u32) -> Result<(), CanonicalError> {
        self.unsigned(u64::from(value))
    }

    fn serialize_u64(self, value: u64) -> Result<(), CanonicalError> {
        self.unsigned(value)
    }

    // [record.md §1, rule 1]: no number but an integer.
    fn serialize_f32(self, _: f32) -> Result<(), CanonicalError> {
        Err(CanonicalError::Number)
    }

    fn serialize_f64(self, _: f64) -> Result<(), CanonicalError> {
        Err(CanonicalError::Number)
    }

    fn serialize_char(self, value: char) -> Result<(), CanonicalError> {
        self.text(value.encode_utf8(&mut [0; 4]));
        Ok(())
    }

    fn serialize_str(self, value: &str) -> Result<(), CanonicalError> {
        self.text(value);
        Ok(())
    }

    fn serialize_bytes(self, value: &[u8]) -> Result<(), CanonicalError> {
        self.collect_seq(value)
    }

    fn serialize_none(self) -> Result<(), CanonicalError> {
        self.serialize_unit()
    }

    fn serialize_some<T: Serialize + ?Sized>(self, value: &T) -> Result<(), CanonicalError> {
        value.serialize(self)
    }

    fn serialize_unit(self) -> Result<(), CanonicalError> {
        self.out.extend_from_slice(b"null");
        Ok(())
    }

    fn serialize_unit_struct(self, _: &'static str) -> Result<(), CanonicalError> {
        self.serialize_unit()
    }

    fn serialize_unit_variant(
        self,
        _: &'static str,
        _: u32,
        variant: &'static str,
    ) -> Result<(), CanonicalError> {
        self.serialize_str(variant)
    }

    fn serialize_newtype_struct<T: Serialize + ?Sized>(
        self,
        _: &'static str,
        value: &T,
    ) -> Result<(), CanonicalError> {
        value.serialize(self)
    }

    fn serialize_newtype_variant<T: Serialize + ?Sized>(
        self,
        _: &'static str,
        _: u32,
        variant: &'static str,
        value: &T,
    ) -> Result<(), CanonicalError> {
        let mut object = self.begin_object(1)?;
        object.member(variant, value)?;
        object.finish()
    }

    fn serialize_seq(self, _: Option<usize>) -> Result<Array<'w>, CanonicalError> {
        self.begin_array()
    }

    fn serialize_tuple(self, _: usize) -> Result<Array<'w>, CanonicalError> {
        self.begin_array()
    }

    fn serialize_tuple_struct(
        self,
        _: &'static str,
        _: usize,
    ) -> Result<Array<'w>, CanonicalError> {
        self.begin_array()
    }

    fn serialize_tuple_variant(
        self,
        _: &'static str,
        _: u32,
        variant: &'static str,
        _: usize,
    ) -> Result<Variant<Array<'w>>, CanonicalError> {
        self.begin_variant(variant)?;
        self.begin_array().map(Variant)
    }

    fn serialize_map(self, members: Option<usize>) -> Result<Object<'w>, CanonicalError> {
        self.begin_object(members.unwrap_or_default())
    }

    fn serialize_struct(
        self,
        _: &'static str,
        members: usize,
    ) -> Result<Object<'w>, CanonicalError> {
        self.begin_object(members)
    }

    fn serialize_struct_variant(
        self,
        _: &'static str,
        _: u32,
        variant: &'static str,
        members: usize,
    ) -> Result<Variant<Object<'w>>, CanonicalError> {
        self.begin_variant(variant)?;
        self.begin_object(members).map(Variant)
    }
}

impl Writer {
    /// `{"variant":`, whose one member needs no sorting.
    fn begin_variant(&mut self, variant: &str) -> Result<(), CanonicalError> {
        self.begin(b"{")?;
        self.text(variant);
        self.out.push(b':');
        Ok(())
    }
}

macro_rules! array {
    ($($trait:ident: $method:ident),*) => {$(
        impl $trait for Array<'_> {
            type Ok = ();
            type Error = CanonicalError;

            fn $method<T: Serialize + ?Sized>(&mut self, value: &T) -> Result<(), CanonicalError> {
                self.item(value)
            }

            fn end(self) -> Result<(), CanonicalError> {
                self.finish();
                Ok(())
            }
        }
    )*};
}
array! {
    SerializeSeq: serialize_element,
    SerializeTuple: serialize_element,
    SerializeTupleStruct: serialize_field
}

impl SerializeMap for Object<'_> {
    type Ok = ();
    type Error = CanonicalError;

    fn serialize_key<T: Serialize + ?Sized>(&mut self, name: &T) -> Result<(), CanonicalError> {
        self.key(name)
    }

    fn serialize_value<T: Serialize + ?Sized>(&mut self, value: &T) -> Result<(), CanonicalError> {
        self.value(value)
    }

    fn end(self) -> Result<(), CanonicalError> {
        self.finish()
    }
}

impl SerializeStruct for Object<'_> {
    type Ok = ();
    type Error = CanonicalError;

    fn serialize_field<T: Serialize + ?Sized>(
        &mut self,
        name: &'static str,
        value: &T,
    ) -> Result<(), CanonicalError> {
        self.member(name, value)
    }

    fn end(self) -> Result<(), CanonicalError> {
        self.finish()
    }
}

impl SerializeTupleVariant for Variant<Array<'_>> {
    type Ok = ();
    type Error = CanonicalError;

    fn serialize_field<T: Serialize + ?Sized>(&mut self, value: &T) -> Result<(), CanonicalError> {
        self.0.item(value)
    }

    fn end(self) -> Result<(), CanonicalError> {
        let Self(Array { writer, .. }) = self;
        writer.end(b"]");
        writer.end(b"}");
        Ok(())
    }
}

impl SerializeStructVariant for Variant<Object<'_>> {
    type Ok = ();
    type Error = CanonicalError;

    fn serialize_field<T: Serialize + ?Sized>(
        &mut self,
        name: &'static str,
        value: &T,
    ) -> Result<(), CanonicalError> {
        self.0.member(name, value)
    }

    fn end(self) -> Result<(), CanonicalError> {
        let Self(Object {
            writer,
            first_member,
        }) = self;
        writer.sort(first_member)?;
        writer.end(b"}");
        writer.end(b"}");
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;
    use serde_json::{Value, json};

    /// As another project writes it.
    fn oracle<T: Serialize>(value: &T) -> Vec<u8> {
        serde_json_canonicalizer::to_vec(value).unwrap()
    }

    /// Every shape that serde knows.
    #[derive(Debug, Clone, Serialize)]
    struct Shapes {
        zeta: Option<u64>,
        alpha: i8,
        unit: (),
        marker: Marker,
        pair: (char, bool),
        wrapped: Wrapped,
        tuple: Tuple,
        all: Vec<Shape>,
        #[serde(flatten)]
        flat: std::collections::BTreeMap<String, i32>,
    }

    #[derive(Debug, Clone, Serialize)]
    struct Marker;
    #[derive(Debug, Clone, Serialize)]
    struct Wrapped(String);
    #[derive(Debug, Clone, Serialize)]
    struct Tuple(u16, u32);

    #[derive(Debug, Clone, Serialize)]
    enum Shape {
        Unit,
        Newtype(i64),
        Tuple(u8, String),
        Struct { zeta: i16, alpha: Option<bool> },
    }

    #[test]
    fn every_shape_is_written_as_the_oracle_writes_it() {
        let shapes = Shapes {
            zeta: None,
            alpha: -8,
            unit: (),
            marker: Marker,
            pair: ('"', true),
            wrapped: Wrapped("w".to_owned()),
            tuple: Tuple(1, 2),
            all: vec![
                Shape::Unit,
                Shape::Newtype(MAX_SAFE_INTEGER),
                Shape::Tuple(0, "\u{1f}".to_owned()),
                Shape::Struct {
                    zeta: -1,
                    alpha: Some(false),
                },
            ],
            flat: [("beta".to_owned(), 1), ("zz".to_owned(), 2)].into(),
        };
        assert_eq!(write(&shapes).unwrap(), oracle(&shapes));
        let nested = Some(vec![shapes]);
        assert_eq!(write(&nested).unwrap(), oracle(&nested));
    }

    #[test]
    fn every_character_below_256_is_escaped_as_the_oracle_escapes_it() {
        for code in 0..=255_u8 {
            let text = format!("a{0}{0}b", char::from(code));
            assert_eq!(write(&text).unwrap(), oracle(&text), "{code:#x}");
            let name = json!({text: code, "a": 0});
            assert_eq!(write(&name).unwrap(), oracle(&name), "{code:#x}");
        }
    }

    #[test]
    fn names_are_sorted_by_their_utf_16() {
        // U+FB33 comes after U+1F600 there, whose first unit is 0xD83D [RFC 8785 §3.2.3].
        let value = json!({"\u{fb33}": 1, "\u{1f600}": 2, "\r": 3, "1": 4, "\u{80}": 5, "a": {}});
        let text = String::from_utf8(write(&value).unwrap()).unwrap();
        assert_eq!(
            text,
            "{\"\\r\":3,\"1\":4,\"a\":{},\"\u{80}\":5,\"\u{1f600}\":2,\"\u{fb33}\":1}"
        );
    }

    #[test]
    fn a_name_that_is_written_twice_is_refused() {
        struct Twice;
        impl Serialize for Twice {
            fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
                serializer.collect_map([("b", 1), ("a", 2), ("b", 1)])
            }
        }
        assert_eq!(write(&Twice), Err(CanonicalError::NotCanonical));
    }

    #[test]
    fn a_name_that_is_no_text_is_refused() {
        let numbered = std::collections::BTreeMap::from([(1, 2)]);
        assert_eq!(write(&numbered), Err(CanonicalError::NotJson));
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

    /// An object whose members come as they are given.
    struct Unsorted(Vec<(String, Value)>);

    impl Serialize for Unsorted {
        fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
            serializer.collect_map(self.0.iter().map(|(name, value)| (name, value)))
        }
    }

    proptest! {
        #[test]
        fn values_are_written_as_the_oracle_writes_them(value in any_value()) {
            prop_assert_eq!(write(&value).unwrap(), oracle(&value));
        }

        #[test]
        fn members_are_sorted_in_whatever_order_they_come(
            members in prop::collection::hash_map(any::<String>(), any_value(), 0..8),
        ) {
            let unsorted = [Unsorted(members.into_iter().collect())];
            prop_assert_eq!(write(&unsorted).unwrap(), oracle(&unsorted));
        }
    }
}
