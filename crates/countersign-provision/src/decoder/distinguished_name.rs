//! Distinguished names as texts \[RFC 4514\].

/// The relative names, the entry's own first.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct DistinguishedName(Vec<Relative>);

/// One type and value. A relative name of several ([RFC 4514 §2.2]) is not read: `CN=a+UID=b` is
/// another entry than `CN=a`.
#[derive(Debug, Clone, PartialEq, Eq)]
struct Relative {
    /// In lower case.
    kind: String,
    value: String,
}

impl DistinguishedName {
    /// Reads a name of at least one part, strictly: no white space that is not escaped, no quoted
    /// values \[RFC 1779\], no `#` values, whose meaning depends on the directory's schema.
    pub(super) fn parse(text: &str) -> Option<Self> {
        let mut rest = text;
        let mut parts = Vec::new();
        loop {
            let (kind, after) = rest.split_once('=')?;
            let (value, after) = parse_value(after)?;
            parts.push(Relative {
                kind: parse_kind(kind)?,
                value,
            });
            match after {
                None => return Some(Self(parts)),
                Some(after) => rest = after,
            }
        }
    }

    /// Takes the entry's own name off, if it is a common name; what remains is where it stands.
    pub(super) fn take_common_name(&mut self) -> Option<String> {
        let is_common = |part: &Relative| matches!(part.kind.as_str(), "cn" | "2.5.4.3");
        if !self.0.first().is_some_and(is_common) {
            return None;
        }
        Some(self.0.remove(0).value)
    }

    /// Whether both name the same place. Directories compare these without regard to case
    /// \[RFC 4517 §4.2.11\]; outside ASCII they have to be equal.
    pub(super) fn is_same(&self, other: &Self) -> bool {
        let same = |(one, other): (&Relative, &Relative)| {
            one.kind == other.kind && one.value.eq_ignore_ascii_case(&other.value)
        };
        self.0.len() == other.0.len() && self.0.iter().zip(&other.0).all(same)
    }
}

/// A short name or an object identifier \[RFC 4512 §1.4\].
fn parse_kind(text: &str) -> Option<String> {
    let is_name = text.starts_with(|c: char| c.is_ascii_alphabetic())
        && text.bytes().all(|b| b.is_ascii_alphanumeric() || b == b'-');
    let is_number = |number: &str| {
        !number.is_empty()
            && number.bytes().all(|b| b.is_ascii_digit())
            && (number == "0" || !number.starts_with('0'))
    };
    let is_identifier = text.contains('.') && text.split('.').all(is_number);
    (is_name || is_identifier).then(|| text.to_ascii_lowercase())
}

/// The value at the start of `text`, and what follows the comma after it, if there is one.
fn parse_value(text: &str) -> Option<(String, Option<&str>)> {
    let mut value = Vec::new();
    // Where a space or the start stands that must not be there unescaped.
    let mut bare_space_last = false;
    let mut bytes = text.bytes().enumerate().peekable();
    let mut after = None;
    while let Some((at, byte)) = bytes.next() {
        let mut bare_space = false;
        match byte {
            b',' => {
                after = Some(text.get(at.checked_add(1)?..)?);
                break;
            }
            b'\\' => {
                let (_, escaped) = bytes.next()?;
                if matches!(
                    escaped,
                    b' ' | b'"' | b'#' | b'+' | b',' | b';' | b'<' | b'=' | b'>' | b'\\'
                ) {
                    value.push(escaped);
                } else {
                    let (_, low) = bytes.next()?;
                    value.push(hex(escaped)?.checked_mul(16)?.checked_add(hex(low)?)?);
                }
            }
            b'#' | b' ' if at == 0 => return None,
            b'"' | b'+' | b';' | b'<' | b'>' | 0 => return None,
            b' ' => {
                bare_space = true;
                value.push(byte);
            }
            _ => value.push(byte),
        }
        bare_space_last = bare_space;
    }
    let value = String::from_utf8(value).ok()?;
    (!bare_space_last && !value.is_empty()).then_some((value, after))
}

fn hex(digit: u8) -> Option<u8> {
    let value = char::from(digit).to_digit(16)?;
    u8::try_from(value).ok()
}
