//! The XML declaration \[XML §2.8\].

use super::error::{XmlError, XmlErrorKind};
use super::scanner::Scanner;

/// Checks `<?xml …?>` between the offsets `start` and `end`: version 1.0, UTF-8 or no encoding,
/// and nothing that the production `XMLDecl` does not have.
pub(super) fn check(text: &str, start: usize, end: usize) -> Result<(), XmlError> {
    if start != 0 {
        return Err(XmlErrorKind::MisplacedDeclaration.at(start));
    }
    let bad = XmlErrorKind::BadDeclaration.at(start);
    // Between `<?xml` and `?>`.
    let mut scanner = Scanner::new(
        text,
        start.saturating_add("<?xml".len()),
        end.saturating_sub("?>".len()),
    );
    let mut next = 0_usize;
    while scanner.skip_space() && !scanner.is_done() {
        let name = scanner.name().ok_or(bad)?;
        if name.has_prefix() {
            return Err(bad);
        }
        let value = scanner.eq_and_quoted().ok_or(bad)?.of(text);
        // The three stand in this order, the first always [XML §2.8].
        let place = match (name.local().of(text), value) {
            ("version", "1.0") => 0,
            ("version", _) => return Err(XmlErrorKind::UnsupportedVersion.at(start)),
            ("encoding", value) if value.eq_ignore_ascii_case("UTF-8") => 1,
            ("encoding", _) => return Err(XmlErrorKind::UnsupportedEncoding.at(start)),
            ("standalone", "yes" | "no") => 2,
            _ => return Err(bad),
        };
        if place < next || (next == 0 && place != 0) {
            return Err(bad);
        }
        next = place.saturating_add(1);
    }
    if next == 0 || !scanner.is_done() {
        return Err(bad);
    }
    Ok(())
}
