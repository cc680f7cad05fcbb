//! Where a writer writes to: a buffer, or bytes that it is compared with.
//!
//! A verifier asks of many parts whether they are what a writer would have written. It runs the
//! very writer, and nothing is written for that.

/// Takes what is written, piece by piece.
pub(crate) trait Sink {
    fn put(&mut self, bytes: &[u8]);
}

impl Sink for Vec<u8> {
    fn put(&mut self, bytes: &[u8]) {
        self.extend_from_slice(bytes);
    }
}

/// Bytes that are compared with what is written.
#[derive(Debug)]
pub(crate) struct Comparison<'a> {
    /// What nothing was written for yet.
    rest: &'a [u8],
    /// How much was the same.
    same: usize,
    differs: bool,
}

impl<'a> Comparison<'a> {
    pub(crate) fn with(bytes: &'a [u8]) -> Self {
        Self {
            rest: bytes,
            same: 0,
            differs: false,
        }
    }

    /// Whether exactly these bytes were written.
    pub(crate) fn is_same(&self) -> bool {
        !self.differs && self.rest.is_empty()
    }

    /// How many bytes were the same, up to the first other one or the end of one of the two.
    pub(crate) fn same_bytes(&self) -> usize {
        self.same
    }
}

impl Sink for Comparison<'_> {
    fn put(&mut self, bytes: &[u8]) {
        if self.differs {
            return;
        }
        // What a writer was given of these very bytes, and writes where it was, is the same.
        let is_itself = std::ptr::eq(self.rest.as_ptr(), bytes.as_ptr());
        let behind = match is_itself {
            true => self.rest.get(bytes.len()..),
            false => self.rest.strip_prefix(bytes),
        };
        if let Some(rest) = behind {
            self.rest = rest;
            self.same = self.same.saturating_add(bytes.len());
        } else {
            let pairs = self.rest.iter().zip(bytes);
            let same = pairs.take_while(|(there, written)| there == written);
            self.same = self.same.saturating_add(same.count());
            self.differs = true;
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn compared(bytes: &[u8], pieces: &[&[u8]]) -> (bool, usize) {
        let mut comparison = Comparison::with(bytes);
        pieces.iter().for_each(|piece| comparison.put(piece));
        (comparison.is_same(), comparison.same_bytes())
    }

    #[test]
    fn bytes_that_are_written_where_they_stand_are_the_same_as_far_as_they_go() {
        let all = b"abcdef";
        let (first, rest) = all.split_at(3);
        assert_eq!(compared(all, &[first, rest]), (true, 6));
        assert_eq!(compared(all, &[first]), (false, 3));
        assert_eq!(compared(first, &[all]), (false, 3));
        assert_eq!(compared(all, &[b"abc", rest]), (true, 6));
        assert_eq!(compared(all, &[b"abd", rest]), (false, 2));
    }

    #[test]
    fn only_the_very_bytes_are_the_same() {
        assert_eq!(compared(b"", &[]), (true, 0));
        assert_eq!(compared(b"abcd", &[b"ab", b"", b"cd"]), (true, 4));
        assert_eq!(compared(b"abcd", &[b"ab", b"cx"]), (false, 3));
        assert_eq!(compared(b"abcd", &[b"xb", b"cd"]), (false, 0));
        // What is the same behind a difference does not count.
        assert_eq!(compared(b"abcd", &[b"x", b"abcd"]), (false, 0));
        assert_eq!(compared(b"abc", &[b"ab", b"cd"]), (false, 3));
        assert_eq!(compared(b"abcd", &[b"abc"]), (false, 3));
    }
}
