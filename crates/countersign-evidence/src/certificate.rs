//! The certificate of completion: a published page around the members that it shows
//! (`docs/spec/bundle.md` §4).
//!
//! The page's sources stand in `certificate/`, to be read: the text, its style, and the script in
//! parts. Nothing but this file puts them together.

use std::sync::LazyLock;

use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use ring::digest::{SHA256, digest};

use crate::sink::Sink;

/// The text, with places for the rest.
const PAGE: &str = include_str!("certificate/page.html");
const STYLE: &str = include_str!("certificate/page.css");
/// One script, from the ground up.
const SCRIPT: &str = concat!(
    "\n\"use strict\";\n",
    include_str!("certificate/bytes.js"),
    include_str!("certificate/der.js"),
    include_str!("certificate/signatures.js"),
    include_str!("certificate/log.js"),
    include_str!("certificate/cms.js"),
    include_str!("certificate/container.js"),
    include_str!("certificate/records.js"),
    include_str!("certificate/checks.js"),
    include_str!("certificate/words.js"),
    include_str!("certificate/drawing.js"),
    include_str!("certificate/page.js"),
);

/// What stands before the members in a page, and behind them: an empty object in the sources.
const BEFORE: &str = "<script type=\"application/json\" id=\"bundle\">{";
const BEHIND: &str = "}</script>";

/// The page that is published: all of it up to the members, and all of it behind them.
struct Published {
    before: String,
    behind: String,
}

static PUBLISHED: LazyLock<Published> = LazyLock::new(|| {
    // Nothing runs, and nothing has a look, that has not this hash [CSP3 §6.7.2]. What stands in
    // the page later can change neither.
    let page = PAGE
        .replace("{script hash}", &hash_source(SCRIPT))
        .replace("{style hash}", &hash_source(STYLE))
        .replace("{style}", STYLE)
        .replace("{script}", SCRIPT);
    // INVARIANT: the place is there once; a test reads it.
    let (before, behind) = page
        .split_once(&format!("{BEFORE}{BEHIND}"))
        .unwrap_or((&page, ""));
    Published {
        before: format!("{before}{BEFORE}"),
        behind: format!("{BEHIND}{behind}"),
    }
});

/// What every page begins with: all that stands before the members.
pub(crate) fn before() -> &'static str {
    &PUBLISHED.before
}

/// A text's hash as a content security policy names it.
fn hash_source(text: &str) -> String {
    format!(
        "sha256-{}",
        STANDARD.encode(digest(&SHA256, text.as_bytes()))
    )
}

/// Whether a member is put into the page: from `checkpoint` to the last of `assertions/`.
pub(crate) fn is_shown(name: &str) -> bool {
    const FOLDERS: [&str; 5] = ["time/", "records/", "proofs/", "openings/", "assertions/"];
    matches!(name, "checkpoint" | "log.vkey")
        || FOLDERS.iter().any(|folder| name.starts_with(folder))
}

/// How much of a member is put into base64 at once: whole groups of three bytes.
const CHUNK_BYTES: usize = 3 * 256;

/// Writes the page around those of the members that it shows.
///
/// # Security
/// Nothing that is written can end the element that it stands in: names are written as a bundle's
/// names are, and in any other every character that is not one of theirs is escaped.
pub(crate) fn write<'a>(
    members: impl IntoIterator<Item = (&'a str, &'a [u8])>,
    sink: &mut impl Sink,
) {
    sink.put(before().as_bytes());
    write_behind(members, sink);
}

/// Writes all of the page but what it [begins](before) with.
pub(crate) fn write_behind<'a>(
    members: impl IntoIterator<Item = (&'a str, &'a [u8])>,
    sink: &mut impl Sink,
) {
    let shown = members.into_iter().filter(|(name, _)| is_shown(name));
    for (place, (name, data)) in shown.enumerate() {
        sink.put(if place == 0 { b"\"" } else { b",\"" });
        put_name(sink, name);
        sink.put(b"\":\"");
        put_base64(sink, data);
        sink.put(b"\"");
    }
    sink.put(PUBLISHED.behind.as_bytes());
}

/// Writes a name into a JSON string.
fn put_name(sink: &mut impl Sink, name: &str) {
    let is_plain =
        |byte: u8| byte.is_ascii_alphanumeric() || matches!(byte, b'.' | b'_' | b'/' | b'-');
    if name.bytes().all(is_plain) {
        return sink.put(name.as_bytes());
    }
    for unit in name.encode_utf16() {
        match u8::try_from(unit) {
            Ok(byte) if is_plain(byte) => sink.put(&[byte]),
            // [RFC 8259 §7]
            _ => sink.put(format!("\\u{unit:04x}").as_bytes()),
        }
    }
}

/// Base64 by the processor's vectors, where it has some that the library knows.
#[cfg(any(target_arch = "x86_64", target_arch = "aarch64"))]
fn base64_engine() -> &'static impl Engine {
    use base64::engine::Simd;
    use base64::engine::general_purpose::PAD;

    static ENGINE: LazyLock<Simd> = LazyLock::new(|| Simd::standard(PAD));
    &*ENGINE
}

#[cfg(not(any(target_arch = "x86_64", target_arch = "aarch64")))]
fn base64_engine() -> &'static impl Engine {
    &STANDARD
}

fn put_base64(sink: &mut impl Sink, data: &[u8]) {
    let engine = base64_engine();
    let mut base64 = [0; CHUNK_BYTES / 3 * 4];
    for chunk in data.chunks(CHUNK_BYTES) {
        // INVARIANT: four characters for three bytes; the buffer has room for a chunk.
        let written = engine.encode_slice(chunk, &mut base64).unwrap_or(0);
        sink.put(base64.get(..written).unwrap_or_default());
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::members::sha256;

    fn page_of<'a>(members: impl IntoIterator<Item = (&'a str, &'a [u8])>) -> String {
        let mut page = Vec::new();
        write(members, &mut page);
        String::from_utf8(page).unwrap()
    }

    /// The page without members.
    fn empty() -> String {
        page_of([])
    }

    #[test]
    fn the_published_page_has_each_place_once_and_none_left() {
        assert_eq!(PAGE.matches(&format!("{BEFORE}{BEHIND}")).count(), 1);
        assert!(empty().ends_with("</html>\n"));
        for place in ["{script hash}", "{style hash}", "{style}", "{script}"] {
            assert_eq!(PAGE.matches(place).count(), 1, "{place}");
            assert!(!empty().contains(place), "{place}");
        }
    }

    /// `VERIFY.md` is how somebody without our programs finds out that a page is another one.
    #[test]
    fn the_instructions_name_the_published_page() {
        let line = format!("published={}", sha256(empty().as_bytes()));
        let instructions = include_str!("VERIFY.md").lines();
        let named: Vec<_> = instructions
            .filter(|l| l.starts_with("published="))
            .collect();
        assert_eq!(named, [line]);
    }

    #[test]
    fn the_sources_can_not_end_the_elements_they_stand_in() {
        for source in [SCRIPT, STYLE] {
            let source = source.to_ascii_lowercase();
            for end in ["</script", "<script", "</style", "<!--"] {
                assert!(!source.contains(end), "{end}");
            }
        }
    }

    #[test]
    fn the_page_asks_nobody_for_anything() {
        // These are names of algorithms and namespaces.
        let rest = empty()
            .replace("http://www.w3.org/", "")
            .replace("http:\\/\\/www\\.w3\\.org", "");
        for sign in [
            "http:",
            "https:",
            "//www",
            "url(",
            "@import",
            "src=",
            "href",
            "fetch(",
            "import(",
            "XMLHttpRequest",
            "WebSocket",
            "sendBeacon",
            "innerHTML",
            "eval(",
            "document.write",
        ] {
            assert!(!rest.contains(sign), "{sign}");
        }
        assert!(rest.contains("default-src 'none'"));
    }

    #[test]
    fn the_members_that_are_shown_stand_in_the_page_in_order() {
        let members: [(&str, &[u8]); 5] = [
            ("VERIFY.md", b"not shown"),
            ("checkpoint", b"one"),
            ("log.vkey", b"two!"),
            ("documents/x", b"not shown"),
            ("attachments/x", b"not shown"),
        ];
        let page = page_of(members);
        let island = "{\"checkpoint\":\"b25l\",\"log.vkey\":\"dHdvIQ==\"}";
        assert_eq!(page.matches(island).count(), 1);
        assert_eq!(page.replace(island, "{}"), empty());
    }

    #[test]
    fn no_name_leads_out_of_the_element() {
        let name = "records/\"></script><script>\u{1f600}";
        let page = page_of([(name, b"".as_slice())]);
        let island = page.split("id=\"bundle\">").nth(1).unwrap();
        let island = island.split("</script>").next().unwrap();
        let read: std::collections::BTreeMap<String, String> =
            serde_json::from_str(island).unwrap();
        assert_eq!(read.keys().collect::<Vec<_>>(), [name]);
    }

    #[test]
    fn a_member_longer_than_a_chunk_stands_in_the_page_in_one_piece() {
        for length in [
            CHUNK_BYTES - 1,
            CHUNK_BYTES,
            CHUNK_BYTES + 1,
            3 * CHUNK_BYTES + 2,
        ] {
            let data = vec![0x5a; length];
            let island = format!("{{\"checkpoint\":\"{}\"}}", STANDARD.encode(&data));
            assert!(page_of([("checkpoint", data.as_slice())]).contains(&island));
        }
    }
}
