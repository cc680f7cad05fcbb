//! The one canonical form of addresses, domains and texts, made once where a value enters.
//!
//! Two forms of one address that compare unequal make two accounts; two addresses that compare
//! equal make a takeover (CVE-2019-19844, Spotify 2013). So there is one form, making it twice
//! changes nothing, and it never folds what it need not: no compatibility forms, no trimming, no
//! case outside ASCII.

use countersign_core::text::is_hidden;
use countersign_core::{Email, TextError};
use unicode_normalization::{UnicodeNormalization, is_nfc};

/// The canonical form of an e-mail address: NFC, the domain in its lower-case ASCII form
/// \[UTS #46\], ASCII letters of the local part lower-cased.
///
/// A local part outside ASCII is kept as it is: see [`may_link`].
///
/// # Errors
/// If the text is no e-mail address.
pub fn email(text: &str) -> Result<Email, TextError> {
    let text = self::text(text);
    let (local, domain) = text.rsplit_once('@').ok_or(TextError::NotAnEmail)?;
    let domain = self::domain(domain)?;
    // Again, because a small letter may compose with a mark that its capital does not: `H` with a
    // macron below is two characters, and its small letter is one.
    let local = self::text(&local.to_ascii_lowercase());
    Email::from_canonical(format!("{local}@{domain}"))
}

/// The canonical form of a domain: lower-case ASCII, internationalized labels as `xn--`
/// \[UTS #46\]; letters, digits and hyphens only \[RFC 1034 §3.5\].
///
/// # Errors
/// [`TextError::NotAnEmail`] if the text is no such domain.
pub fn domain(text: &str) -> Result<String, TextError> {
    let domain = idna::domain_to_ascii_strict(text).map_err(|_| TextError::NotAnEmail)?;
    // A trailing dot names the root: one domain would have two spellings.
    if domain.ends_with('.') {
        return Err(TextError::NotAnEmail);
    }
    Ok(domain)
}

/// The canonical form of any other value: NFC \[UAX #15\], and nothing else.
#[must_use]
pub fn text(text: &str) -> String {
    if text.is_ascii() || is_nfc(text) {
        text.to_owned()
    } else {
        text.nfc().collect()
    }
}

/// A person's name in canonical form; `None` if it is empty, longer than 256 characters, or
/// holds characters that nobody sees or that reorder others.
///
/// The joiners U+200C and U+200D are kept: Persian and Indic names are spelled with them.
#[must_use]
pub fn name(given: &str) -> Option<String> {
    let name = text(given);
    let fits = !name.trim().is_empty() && name.chars().count() <= 256;
    let hidden = |c: char| is_hidden(c) && !matches!(c, '\u{200C}' | '\u{200D}');
    (fits && !name.contains(hidden)).then_some(name)
}

/// Whether an address may link by itself: a local part outside ASCII never does, because
/// different ones look alike.
#[must_use]
pub fn may_link(address: &Email) -> bool {
    address.local_part().is_ascii()
}

/// Whether mail can be sent to the address as it stands: its local part is a dot-atom
/// \[RFC 5322 §3.2.3\], where characters outside ASCII count as letters \[RFC 6532 §3.2\].
///
/// # Security
/// Any other local part has to be quoted, and a program that forgets to reads something else in
/// it: `one,two@acme.example` is two recipients, and neither is the address.
#[must_use]
pub fn is_mailable(address: &Email) -> bool {
    let is_atext =
        |c: char| !c.is_ascii() || c.is_ascii_alphanumeric() || "!#$%&'*+-/=?^_`{|}~".contains(c);
    let mut atoms = address.local_part().split('.');
    atoms.all(|atom| !atom.is_empty() && atom.chars().all(is_atext))
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    #[test]
    fn an_address_that_has_to_be_quoted_is_not_mailable() {
        let is_mailable = |text: &str| is_mailable(&Email::from_canonical(text).unwrap());
        for good in [
            "a@acme.example",
            "a.b+c'd@acme.example",
            "\u{fc}@acme.example",
        ] {
            assert!(is_mailable(good), "{good}");
        }
        for local in [
            "a,b", "a;b", "<a>", "a:b", "\"a\"", "a\\b", "(a)b", "[a]", ".a", "a.", "a..b",
        ] {
            assert!(!is_mailable(&format!("{local}@acme.example")), "{local}");
        }
    }

    #[test]
    fn one_address_has_one_form() {
        let canonical = |text| email(text).map(|email| email.as_str().to_owned());
        assert_eq!(
            canonical("Ana.Silva@ACME.Example"),
            Ok("ana.silva@acme.example".into())
        );
        assert_eq!(
            canonical("a@b\u{fc}cher.example"),
            Ok("a@xn--bcher-kva.example".into())
        );
        assert_eq!(
            canonical("a@bu\u{308}cher.example"),
            Ok("a@xn--bcher-kva.example".into())
        );
        assert_eq!(
            canonical("a@XN--BCHER-KVA.example"),
            Ok("a@xn--bcher-kva.example".into())
        );
    }

    #[test]
    fn what_is_no_address_is_refused() {
        for bad in [
            "",
            "a",
            "@acme.example",
            "a@",
            "a@b@acme.example",
            "a b@acme.example",
            "a@acme.example.",
            "a@acme_.example",
            "a@-acme.example",
            " a@acme.example",
            "a@acme.example\n",
            "a\u{200B}b@acme.example",
            "a@ac\u{202E}me.example",
        ] {
            assert!(email(bad).is_err(), "{bad:?}");
        }
    }

    /// CVE-2019-19844 and Spotify 2013: look-alikes must not fold into somebody else's address.
    #[test]
    fn look_alikes_stay_apart_and_never_link() {
        let turkish = email("\u{131}van@acme.example").unwrap();
        assert_ne!(turkish, email("ivan@acme.example").unwrap());
        assert!(!may_link(&turkish));
        let modifier = email("\u{1D2E}igbird@acme.example").unwrap();
        assert_ne!(modifier, email("bigbird@acme.example").unwrap());
        assert!(!may_link(&modifier));
        assert!(may_link(&email("Ivan@acme.example").unwrap()));
    }

    #[test]
    fn a_name_that_plays_tricks_is_no_name() {
        assert_eq!(name("Jose\u{301}"), Some("Jos\u{e9}".into()));
        assert_eq!(
            name("\u{645}\u{6CC}\u{200C}\u{62E}"),
            Some("\u{645}\u{6CC}\u{200C}\u{62E}".into())
        );
        for bad in ["", "  ", "a\u{202E}b", "a\0", "\u{FEFF}a", &"x".repeat(257)] {
            assert_eq!(name(bad), None, "{bad:?}");
        }
    }

    proptest! {
        #[test]
        fn normalizing_twice_changes_nothing(local in "\\PC{1,12}", domain in "[a-zA-Z0-9.\u{fc}\u{df}\u{130}-]{1,20}") {
            if let Ok(once) = email(&format!("{local}@{domain}")) {
                prop_assert_eq!(email(once.as_str()), Ok(once.clone()));
                prop_assert!(Email::from_canonical(once.as_str()).is_ok());
            }
            let once = text(&local);
            prop_assert_eq!(text(&once), once);
            if let Some(once) = name(&local) {
                prop_assert_eq!(name(&once), Some(once.clone()));
            }
        }
    }
}
