//! Several byte strings in one value, and where each of them ends.

use rusqlite::Row;

use crate::failure::Failure;

/// Most bytes in one value, unless one string alone has more: whoever reads one of them reads all,
/// and the more there are, the less of a page is left empty.
const MAX_BYTES: usize = 32 * 1024;

/// Most strings in one value.
const MAX_PARTS: usize = 64;

/// Byte strings, one after the other.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub(crate) struct Parts {
    ends: Vec<usize>,
    bytes: Vec<u8>,
}

impl Parts {
    /// Whether another one of `length` bytes is to be in the same value.
    pub(crate) fn has_room(&self, length: usize) -> bool {
        let grown = self.bytes.len().saturating_add(length);
        self.ends.is_empty() || (self.ends.len() < MAX_PARTS && grown <= MAX_BYTES)
    }

    pub(crate) fn push(&mut self, part: &[u8]) {
        self.bytes.extend_from_slice(part);
        self.ends.push(self.bytes.len());
    }

    pub(crate) fn is_empty(&self) -> bool {
        self.ends.is_empty()
    }

    pub(crate) fn len(&self) -> usize {
        self.ends.len()
    }

    pub(crate) fn clear(&mut self) {
        self.ends.clear();
        self.bytes.clear();
    }

    pub(crate) fn get(&self, place: usize) -> Option<&[u8]> {
        let end = *self.ends.get(place)?;
        let start = match place.checked_sub(1) {
            Some(before) => *self.ends.get(before)?,
            None => 0,
        };
        self.bytes.get(start..end)
    }

    /// What their column holds.
    pub(crate) fn bytes(&self) -> &[u8] {
        &self.bytes
    }

    /// Where each ends, as the column beside it holds it: a JSON array.
    pub(crate) fn ends(&self) -> String {
        json(&self.ends)
    }

    /// Reads both columns.
    pub(crate) fn read(row: &Row<'_>, ends: usize, bytes: usize) -> Result<Self, Failure> {
        let ends: Vec<usize> = from_json(row, ends)?;
        let bytes: Vec<u8> = row.get(bytes)?;
        if !ends.is_sorted() || ends.last() != Some(&bytes.len()) {
            return Err(Failure::Unknown("end of a part"));
        }
        Ok(Self { ends, bytes })
    }
}

/// A list as a column holds it.
pub(crate) fn json<T: serde::Serialize>(list: &[T]) -> String {
    // Numbers and texts have nothing that JSON could not say.
    serde_json::to_string(list).unwrap_or_default()
}

/// Reads a list.
pub(crate) fn from_json<T: serde::de::DeserializeOwned>(
    row: &Row<'_>,
    column: usize,
) -> Result<Vec<T>, Failure> {
    let text = row
        .get_ref(column)?
        .as_str()
        .map_err(rusqlite::Error::from)?;
    serde_json::from_str(text).map_err(|_| Failure::Unknown("list"))
}

#[cfg(test)]
mod tests {
    use rusqlite::Connection;

    use super::*;

    #[test]
    fn parts_are_found_where_they_were_put() {
        let mut parts = Parts::default();
        assert!(parts.is_empty());
        for part in [&b"one"[..], b"", b"three"] {
            parts.push(part);
        }
        assert_eq!(parts.len(), 3);
        assert_eq!(
            (parts.ends(), parts.bytes()),
            ("[3,3,8]".to_owned(), &b"onethree"[..])
        );
        let found: Vec<&[u8]> = (0..).map_while(|place| parts.get(place)).collect();
        assert_eq!(found, [&b"one"[..], b"", b"three"]);
        parts.clear();
        assert_eq!(parts, Parts::default());
    }

    #[test]
    fn a_value_is_full_with_so_many_bytes_or_parts() {
        let mut parts = Parts::default();
        assert!(parts.has_room(MAX_BYTES * 2), "what is large is alone");
        parts.push(&vec![0; MAX_BYTES - 1]);
        assert!(parts.has_room(1));
        assert!(!parts.has_room(2));
        parts.clear();
        for _ in 0..MAX_PARTS {
            assert!(parts.has_room(0));
            parts.push(b"");
        }
        assert!(!parts.has_room(0));
    }

    /// What two columns are read as.
    fn read(ends: &str, bytes: &[u8]) -> Result<Parts, Failure> {
        let db = Connection::open_in_memory().unwrap();
        let mut select = db.prepare("SELECT ?1, ?2").unwrap();
        let mut rows = select.query((ends, bytes)).unwrap();
        Parts::read(rows.next().unwrap().unwrap(), 0, 1)
    }

    #[test]
    fn columns_that_do_not_belong_together_are_not_read() {
        let mut expected = Parts::default();
        expected.push(b"a");
        expected.push(b"b");
        assert_eq!(read("[1,2]", b"ab").unwrap(), expected);
        for (ends, bytes) in [
            ("[2,1]", &b"a"[..]),
            ("[1]", b""),
            ("[]", b"a"),
            ("[-1]", b"a"),
        ] {
            let read = read(ends, bytes);
            assert!(matches!(read, Err(Failure::Unknown(_))), "{ends}");
        }
        assert!(matches!(read("1", b"a"), Err(Failure::Unknown("list"))));
    }
}
