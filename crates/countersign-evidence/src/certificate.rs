//! The certificate of completion: a published page around the members that it shows
//! (`docs/spec/bundle.md` §4).
//!
//! The page's sources stand in `certificate/`, to be read: the text, its style, and the script in
//! parts. Nothing but this file puts them together.

use std::sync::LazyLock;

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use ring::digest::{SHA256, digest};

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
static HALVES: LazyLock<(String, String)> = LazyLock::new(|| {
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
    (format!("{before}{BEFORE}"), format!("{BEHIND}{behind}"))
});

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

/// Writes the page around those of the members that it shows.
///
/// # Security
/// Nothing that is written can end the element that it stands in: names are written as a bundle's
/// names are, and in any other every character that is not one of theirs is escaped.
pub(crate) fn write<'a>(members: impl IntoIterator<Item = (&'a str, &'a [u8])>) -> Vec<u8> {
    let (before, behind) = &*HALVES;
    let mut text = String::with_capacity(before.len().saturating_add(behind.len()));
    text.push_str(before);
    let shown = members.into_iter().filter(|(name, _)| is_shown(name));
    for (place, (name, data)) in shown.enumerate() {
        text.push_str(if place == 0 { "\"" } else { ",\"" });
        name.encode_utf16()
            .for_each(|unit| push_name(&mut text, unit));
        text.push_str("\":\"");
        STANDARD.encode_string(data, &mut text);
        text.push('"');
    }
    text.push_str(behind);
    text.into_bytes()
}

/// Writes a unit of a name into a JSON string.
fn push_name(text: &mut String, unit: u16) {
    match u8::try_from(unit) {
        Ok(byte) if byte.is_ascii_alphanumeric() || matches!(byte, b'.' | b'_' | b'/' | b'-') => {
            text.push(char::from(byte));
        }
        // [RFC 8259 §7]
        _ => text.push_str(&format!("\\u{unit:04x}")),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// The page without members.
    fn empty() -> String {
        String::from_utf8(write([])).unwrap()
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
        let page = String::from_utf8(write(members)).unwrap();
        let island = "{\"checkpoint\":\"b25l\",\"log.vkey\":\"dHdvIQ==\"}";
        assert_eq!(page.matches(island).count(), 1);
        assert_eq!(page.replace(island, "{}"), empty());
    }

    #[test]
    fn no_name_leads_out_of_the_element() {
        let name = "records/\"></script><script>\u{1f600}";
        let page = String::from_utf8(write([(name, b"".as_slice())])).unwrap();
        let island = page.split("id=\"bundle\">").nth(1).unwrap();
        let island = island.split("</script>").next().unwrap();
        let read: std::collections::BTreeMap<String, String> =
            serde_json::from_str(island).unwrap();
        assert_eq!(read.keys().collect::<Vec<_>>(), [name]);
    }
}
