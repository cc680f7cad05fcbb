//! What the members of every bundle begin with: hashed once in a process, and not once a bundle.

use std::fmt;
use std::sync::LazyLock;

use countersign_core::Sha256Digest;
use crc32fast::Hasher;
use ring::digest::{Context, SHA256};

use crate::certificate;
use crate::layout::{INSTRUCTIONS, INSTRUCTIONS_CONTENT, PAGE};
use crate::members::into_digest;

/// A published text, and the hashes that have taken it in.
struct Published {
    text: &'static str,
    sha256: Context,
    crc32: Hasher,
}

impl Published {
    fn of(text: &'static str) -> Self {
        let (mut sha256, mut crc32) = (Context::new(&SHA256), Hasher::new());
        sha256.update(text.as_bytes());
        crc32.update(text.as_bytes());
        Self {
            text,
            sha256,
            crc32,
        }
    }
}

static NOTHING: LazyLock<Published> = LazyLock::new(|| Published::of(""));
static INSTRUCTIONS_TEXT: LazyLock<Published> =
    LazyLock::new(|| Published::of(INSTRUCTIONS_CONTENT));
static PAGE_BEGINNING: LazyLock<Published> = LazyLock::new(|| Published::of(certificate::before()));

/// The bytes of a member: a published text, and what is behind it.
#[derive(Clone, Copy)]
pub(crate) struct Parts<'a> {
    beginning: &'static Published,
    behind: &'a [u8],
}

impl<'a> Parts<'a> {
    /// Compares the bytes of a member with the text that it begins with in every bundle.
    pub(crate) fn of(name: &str, data: &'a [u8]) -> Self {
        let published = match name {
            INSTRUCTIONS => &*INSTRUCTIONS_TEXT,
            PAGE => &*PAGE_BEGINNING,
            _ => &*NOTHING,
        };
        match data.strip_prefix(published.text.as_bytes()) {
            Some(behind) => Self {
                beginning: published,
                behind,
            },
            None => Self {
                beginning: &NOTHING,
                behind: data,
            },
        }
    }

    /// What is behind this text, if it begins with it.
    pub(crate) fn behind(&self, text: &str) -> Option<&'a [u8]> {
        (self.beginning.text == text).then_some(self.behind)
    }

    pub(crate) fn sha256(&self) -> Sha256Digest {
        let mut context = self.beginning.sha256.clone();
        context.update(self.behind);
        into_digest(&context.finish())
    }

    pub(crate) fn crc32(&self) -> u32 {
        let mut hasher = self.beginning.crc32.clone();
        hasher.update(self.behind);
        hasher.finalize()
    }
}

impl fmt::Debug for Parts<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Parts")
            .field("known", &self.beginning.text.len())
            .field("behind", &self.behind.len())
            .finish()
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::members::sha256;

    #[test]
    fn hashes_are_those_of_all_bytes_whether_they_begin_as_published_or_not() {
        let page = format!("{}more", certificate::before());
        let page = page.as_bytes();
        let instructions = INSTRUCTIONS_CONTENT.as_bytes();
        for (name, data) in [
            (PAGE, page),
            (PAGE, &page[1..]),
            (PAGE, &page[..40]),
            (PAGE, b""),
            (INSTRUCTIONS, instructions),
            (INSTRUCTIONS, &instructions[1..]),
            (INSTRUCTIONS, page),
            ("checkpoint", instructions),
            ("checkpoint", b""),
        ] {
            let parts = Parts::of(name, data);
            assert_eq!(parts.sha256(), sha256(data), "{name} {}", data.len());
            assert_eq!(parts.crc32(), crc32fast::hash(data), "{name}");
        }
    }

    #[test]
    fn only_what_begins_as_published_has_something_behind_it() {
        let page = format!("{}more", certificate::before());
        let behind = |name, data: &'static str| {
            Parts::of(name, data.as_bytes()).behind(INSTRUCTIONS_CONTENT)
        };
        assert_eq!(
            Parts::of(PAGE, page.as_bytes()).behind(certificate::before()),
            Some(b"more".as_slice())
        );
        assert_eq!(
            behind(INSTRUCTIONS, INSTRUCTIONS_CONTENT),
            Some(b"".as_slice())
        );
        assert_eq!(behind(INSTRUCTIONS, ""), None);
        assert_eq!(behind(PAGE, INSTRUCTIONS_CONTENT), None);
    }
}
