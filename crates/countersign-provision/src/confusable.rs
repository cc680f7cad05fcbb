//! Texts that look like others: addresses and names that a person would take for somebody else's
//! \[UTS #39\].
//!
//! Canonical forms that differ are never matched, whatever they look like. So this decides nothing
//! about who somebody is: it flags what an administrator or a co-signer should look at twice, and
//! stops what a look-alike is made for, being taken for an account that is there.

use countersign_core::Email;
use unicode_script::{Script, UnicodeScript};
use unicode_security::confusable_detection::skeleton;
use unicode_security::mixed_script::AugmentedScriptSet;

/// Whether the local part mixes scripts, or passes for another in ASCII. The domain is one that
/// the organization has claimed, so it is nobody else's.
#[must_use]
pub fn is_confusable_address(address: &Email) -> bool {
    let local = address.local_part();
    mixes_scripts(local) || passes_for_ascii(local)
}

/// Whether a word of a name mixes scripts. Names in one script are names; those of two persons may
/// be alike in any case.
#[must_use]
pub fn is_confusable_name(name: &str) -> bool {
    name.split(|c: char| c.is_whitespace() || c == '-')
        .any(mixes_scripts)
}

/// Whether two different addresses look the same \[UTS #39 §4\].
#[must_use]
pub fn look_alike(one: &Email, other: &Email) -> bool {
    one != other && skeleton(one.as_str()).eq(skeleton(other.as_str()))
}

/// The skeletons of many texts \[UTS #39 §4\]. That of an ASCII character is made once: most
/// names are made of nothing else.
pub(crate) struct Skeletons {
    ascii: Vec<String>,
}

impl Skeletons {
    pub(crate) fn new() -> Self {
        let ascii = (0..=127_u8).map(|byte| skeleton(&char::from(byte).to_string()).collect());
        Self {
            ascii: ascii.collect(),
        }
    }

    /// The same for two texts that look the same.
    pub(crate) fn skeleton(&self, text: &str) -> String {
        if !text.is_ascii() {
            return skeleton(text).collect();
        }
        let mut skeleton = String::with_capacity(text.len());
        skeleton.extend(text.bytes().map(|byte| self.of_ascii(byte)));
        skeleton
    }

    /// That of one ASCII character; the whole text's is those of its characters in a row.
    pub(crate) fn of_ascii(&self, byte: u8) -> &str {
        // INVARIANT: there is one for each.
        self.ascii.get(usize::from(byte)).map_or("", String::as_str)
    }
}

/// Whether the text is in more than one script, and they are not those that Chinese, Japanese or
/// Korean is written with beside Latin letters: above "highly restrictive" \[UTS #39 §5.2\].
fn mixes_scripts(text: &str) -> bool {
    if !AugmentedScriptSet::for_str(text).is_empty() {
        return false;
    }
    let others: String = text
        .chars()
        .filter(|c| c.script() != Script::Latin)
        .collect();
    let others = AugmentedScriptSet::for_str(&others);
    !(others.hanb || others.jpan || others.kore)
}

/// Whether a text outside ASCII looks like one within it: `аcme` in Cyrillic letters.
fn passes_for_ascii(text: &str) -> bool {
    !text.is_ascii() && skeleton(text).all(|c| c.is_ascii())
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::normalize;

    fn confusable(local: &str) -> bool {
        is_confusable_address(&normalize::email(&format!("{local}@acme.example")).unwrap())
    }

    #[test]
    fn an_address_in_one_script_of_its_own_is_none() {
        for local in [
            "nurse",
            "n.u-r_s+e9",
            "j\u{f6}rg",
            "\u{43f}\u{440}\u{438}\u{432}\u{435}\u{442}",
            "\u{5c71}\u{7530}taro",
        ] {
            assert!(!confusable(local), "{local}");
        }
    }

    #[test]
    fn an_address_of_mixed_scripts_is_one() {
        // A Cyrillic and a Greek letter among Latin ones.
        for local in ["nurs\u{435}", "\u{3bf}wner", "p\u{430}yroll"] {
            assert!(confusable(local), "{local}");
        }
    }

    #[test]
    fn an_address_that_passes_for_ascii_is_one() {
        // All Cyrillic; a dotless i; a full-width letter.
        for local in ["\u{441}\u{430}\u{440}\u{435}", "\u{131}van", "\u{ff4e}urse"] {
            assert!(confusable(local), "{local}");
        }
    }

    #[test]
    fn a_name_is_one_if_a_word_of_it_mixes_scripts() {
        for name in [
            "Given Family",
            "\u{418}\u{432}\u{430}\u{43d} Family",
            "\u{5c71}\u{7530} Taro",
        ] {
            assert!(!is_confusable_name(name), "{name}");
        }
        assert!(is_confusable_name("Given F\u{430}mily"));
        assert!(is_confusable_name("Given Half-F\u{430}mily"));
    }

    #[test]
    fn a_skeleton_is_that_of_the_whole_text() {
        let skeletons = Skeletons::new();
        let ascii: String = (0..=127_u8).map(char::from).collect();
        for text in [ascii.as_str(), "", "Modem 10", "nurs\u{435}", "e\u{301}"] {
            assert!(
                skeleton(text).eq(skeletons.skeleton(text).chars()),
                "{text}"
            );
        }
    }

    #[test]
    fn two_addresses_look_alike_if_their_skeletons_are_one() {
        let address = |local: &str| normalize::email(&format!("{local}@acme.example")).unwrap();
        assert!(look_alike(&address("modern"), &address("modem")));
        assert!(look_alike(&address("nurse"), &address("nurs\u{435}")));
        assert!(!look_alike(&address("nurse"), &address("nurse")));
        assert!(!look_alike(&address("nurse"), &address("purse")));
    }
}
