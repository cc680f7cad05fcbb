//! Writing XML: every name is ours, every text is escaped.

use std::fmt::{self, Write as _};

/// XML that is being written.
#[derive(Default)]
pub(crate) struct Markup(String);

/// The attributes of an element; one without a value is left out.
pub(crate) type Attributes<'a> = &'a [(&'a str, Option<&'a str>)];

impl Markup {
    /// A start tag.
    pub(crate) fn start(&mut self, name: &str, attributes: Attributes<'_>) {
        self.0.push('<');
        self.0.push_str(name);
        for (name, value) in attributes {
            if let Some(value) = value {
                self.write(format_args!(" {name}=\"{}\"", Escaped(value)));
            }
        }
        self.0.push('>');
    }

    /// An end tag.
    pub(crate) fn end(&mut self, name: &str) {
        self.write(format_args!("</{name}>"));
    }

    /// An element that holds text or nothing.
    pub(crate) fn element(&mut self, name: &str, attributes: Attributes<'_>, text: &str) {
        self.start(name, attributes);
        self.write(format_args!("{}", Escaped(text)));
        self.end(name);
    }

    pub(crate) fn into_string(self) -> String {
        self.0
    }

    fn write(&mut self, arguments: fmt::Arguments<'_>) {
        // INVARIANT: writing to a `String` does not fail.
        let _ = self.0.write_fmt(arguments);
    }
}

/// Text that stays text, in an element as in an attribute. White space other than the blank is
/// written by number, so that no parser normalizes it \[XML §2.11, §3.3.3\]; a character that XML
/// can not write at all \[XML §2.2\] becomes U+FFFD.
pub(crate) struct Escaped<'a>(pub(crate) &'a str);

impl fmt::Display for Escaped<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        for c in self.0.chars() {
            match c {
                '&' => f.write_str("&amp;")?,
                '<' => f.write_str("&lt;")?,
                '>' => f.write_str("&gt;")?,
                '"' => f.write_str("&quot;")?,
                '\t' | '\n' | '\r' => write!(f, "&#{};", u32::from(c))?,
                '\0'..='\u{1F}' | '\u{FFFE}' | '\u{FFFF}' => f.write_char('\u{FFFD}')?,
                _ => f.write_char(c)?,
            }
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use countersign_dsig::xml::{Document, Limits};
    use proptest::prelude::*;

    proptest! {
        #[test]
        fn any_text_is_read_back_as_it_was_written(text in any::<String>()) {
            let writable: String = text
                .chars()
                .map(|c| match c {
                    '\t' | '\n' | '\r' => c,
                    '\0'..='\u{1F}' | '\u{FFFE}' | '\u{FFFF}' => '\u{FFFD}',
                    _ => c,
                })
                .collect();
            let mut xml = Markup::default();
            xml.element("a", &[("b", Some(text.as_str())), ("c", None)], &text);
            let xml = xml.into_string();
            let document = Document::parse(xml.as_bytes(), &Limits::default()).unwrap();
            let root = document.root();
            prop_assert_eq!(root.attribute("b"), Some(writable.as_str()));
            prop_assert_eq!(root.attribute("c"), None);
            prop_assert_eq!(root.text().unwrap(), writable);
        }
    }
}
