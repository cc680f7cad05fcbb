//! Canonical forms: made once, whatever comes in; and look-alikes are judged without a panic.
#![allow(clippy::unwrap_used, reason = "tests fail by panicking")]

use countersign_core::Email;
use countersign_provision::{confusable, normalize};
use proptest::prelude::*;

/// Texts of all of Unicode, and of what addresses and names are made of.
fn texts() -> impl Strategy<Value = String> {
    prop_oneof![
        any::<String>(),
        "\\PC{0,40}",
        "[a-zA-Z0-9.+_\u{e9}\u{301}\u{131}\u{430}\u{435}\u{17f}\u{df}-]{0,24}",
        // Capitals that make no one letter with a mark, where the small ones do.
        "[HJTWYhjtwya][\u{301}\u{308}\u{30a}\u{30c}\u{331}]{1,2}",
        "[\u{627}-\u{64a}\u{200c}\u{200d} ]{0,12}",
    ]
}

/// There is no capital of `\u{1e96}` in one character: lower-cased, it becomes one.
#[test]
fn a_capital_that_composes_only_as_a_small_letter_is_canonical_at_once() {
    for (given, canonical) in [
        ("H\u{331}", "\u{1e96}"),
        ("J\u{30c}", "\u{1f0}"),
        ("T\u{308}", "\u{1e97}"),
        ("W\u{30a}", "\u{1e98}"),
        ("Y\u{30a}", "\u{1e99}"),
    ] {
        let address = normalize::email(&format!("{given}@acme.example")).unwrap();
        assert_eq!(address.local_part(), canonical);
        assert_eq!(normalize::email(address.as_str()), Ok(address));
    }
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(4_000))]

    #[test]
    fn an_address_has_one_canonical_form(local in texts(), domain in texts(), whole in any::<String>()) {
        for text in [format!("{local}@{domain}"), format!("{local}@acme.example"), whole] {
            let Ok(once) = normalize::email(&text) else { continue };
            prop_assert_eq!(normalize::email(once.as_str()), Ok(once.clone()));
            prop_assert!(Email::from_canonical(once.as_str()).is_ok());
            // Capitals in ASCII and the domain's spelling are all that is folded.
            let (given, _) = text.rsplit_once('@').unwrap();
            let kept = normalize::text(given).to_ascii_lowercase();
            prop_assert_eq!(normalize::text(&kept), once.local_part());
            prop_assert!(once.domain().is_ascii());
        }
    }

    #[test]
    fn a_domain_has_one_canonical_form(text in prop_oneof![texts(), "[a-zA-Z0-9.\u{fc}\u{df}\u{130}\u{3002}-]{1,30}"]) {
        if let Ok(once) = normalize::domain(&text) {
            prop_assert_eq!(normalize::domain(&once), Ok(once.clone()));
            prop_assert!(once.is_ascii() && !once.ends_with('.'));
            prop_assert_eq!(once.to_ascii_lowercase(), once);
        }
    }

    #[test]
    fn a_text_and_a_name_have_one_canonical_form(text in texts()) {
        let once = normalize::text(&text);
        prop_assert_eq!(normalize::text(&once), once);
        if let Some(once) = normalize::name(&text) {
            prop_assert_eq!(normalize::name(&once), Some(once.clone()));
        }
    }

    #[test]
    fn look_alikes_are_judged_in_either_order_and_never_of_themselves(one in texts(), other in texts()) {
        let address = |local: &str| normalize::email(&format!("{local}@acme.example"));
        let _ = confusable::is_confusable_name(&one);
        if let (Ok(one), Ok(other)) = (address(&one), address(&other)) {
            prop_assert!(!confusable::look_alike(&one, &one));
            prop_assert_eq!(
                confusable::look_alike(&one, &other),
                confusable::look_alike(&other, &one)
            );
            let confusable = confusable::is_confusable_address(&one);
            // Whatever is in ASCII is what it looks like.
            prop_assert!(!confusable || !one.local_part().is_ascii());
        }
    }
}
