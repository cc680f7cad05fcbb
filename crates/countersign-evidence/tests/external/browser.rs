//! The certificate page in a browser: what it shows, and what it finds.

#[path = "additions.rs"]
mod additions;
#[path = "bundles.rs"]
pub(crate) mod bundles;
#[path = "desk.rs"]
mod desk;
#[path = "hostile.rs"]
mod hostile;
#[path = "lies.rs"]
mod lies;
#[path = "paper.rs"]
mod paper;
#[path = "webdriver.rs"]
mod webdriver;

use countersign_audit::{Ed25519Signer, VerifierKey};

use self::bundles::{ANNEX, two_signers, two_signers_told};
use self::desk::{Desk, all_start_with, forged, members, page, put};
use crate::bundle;
use crate::support::{DOCUMENT, ORIGIN, signer};
use crate::unpacked::Unpacked;

#[test]
#[ignore = "runs chromedriver and chromium; cargo xtask test runs it"]
fn the_page_of_a_sound_bundle_shows_that_every_check_holds() {
    let desk = Desk::new();
    desk.open(&page(&bundle()));
    assert_eq!(desk.state(), "holds", "{:#?}", desk.lines("checks"));
    let lines = desk.lines("checks");
    assert!(all_start_with(&lines, "holds "), "{lines:#?}");
    for claim in [
        "checkpoint_signature",
        "record_form",
        "linked",
        "same_document",
        "same_account",
        "grant_covers_document",
        "grant_live_at_signing",
        "session_live_at_signing",
        "time_order",
        "opening",
    ] {
        let start = format!("holds {claim}: ");
        assert!(lines.iter().any(|line| line.starts_with(&start)), "{claim}");
    }
    let text = desk.text("return document.body.innerText");
    for part in [
        "Given Family signed contract-1 on 1 March 2026, 09:33:00 UTC",
        "I have read this document and sign it.",
        "https://idp.example/saml",
        "a password over a protected connection",
        "signer, given by rule contractors",
        "A page can lie",
        "It checks less than the offline verifier",
        // Nobody disclosed it.
        "what it signed is not in the bundle",
    ] {
        assert!(text.contains(part), "{part} in {text}");
    }
    // Each record is drawn, and each cause is an arrow.
    let drawn = "return ['circle', '.tip'].map((part) => document.querySelectorAll(`.trail ${part}`).length).join()";
    assert_eq!(desk.text(drawn), "7,10");
    // Nobody was asked for anything.
    assert_eq!(
        desk.browser.requests(),
        [desk.address()],
        "only the page itself"
    );
}

#[test]
#[ignore = "runs chromedriver and chromium; cargo xtask test runs it"]
fn the_page_names_the_check_that_a_changed_member_fails() {
    let page = page(&bundle());
    let desk = Desk::new();
    for (name, data) in members(&page) {
        // The first byte, one in the middle, and the last but one (the last may be a newline).
        for place in [0, data.len() / 2, data.len() - 2] {
            let mut changed = data.clone();
            changed[place] ^= 1;
            desk.open(&forged(&page, |members| put(members, &name, &changed)));
            let failed = desk.failed();
            let expected: &[&str] = match name.split('/').next().unwrap() {
                "checkpoint" => &["checkpoint_signature", "record_form"],
                "log.vkey" => &["checkpoint_signature"],
                "records" | "proofs" => &["record_form"],
                "openings" => &["opening"],
                "time" => &["trusted_time"],
                "assertions" => &["assertion_signature"],
                other => panic!("{other}"),
            };
            for claim in expected {
                assert!(failed.contains(*claim), "{name} at {place}: {failed:?}");
            }
            assert_eq!(desk.state(), "fails", "{name} at {place}");
            assert!(desk.verdict().starts_with("Do not rely on this"));
        }
        desk.open(&forged(&page, |members| {
            members.remove(&name);
        }));
        // What was not disclosed is not missed; a time-stamp less is one claim less.
        if !name.starts_with("openings/") && !name.starts_with("time/") {
            assert_eq!(desk.state(), "fails", "without {name}");
        }
    }
}

#[test]
#[ignore = "runs chromedriver and chromium; cargo xtask test runs it"]
fn the_page_compares_the_document_and_the_whole_bundle() {
    let bundle = bundle();
    let desk = Desk::new();
    desk.open(&page(&bundle));

    let document = desk.file("contract.txt", DOCUMENT);
    let lines = desk.compare(&[&document]);
    assert_eq!(lines.len(), 1);
    assert!(lines[0].starts_with("holds document: contract.txt: is the document that was signed"));

    let other = desk.file("other.txt", b"I will tell everybody.\n");
    let lines = desk.compare(&[&other]);
    assert!(
        lines[0].starts_with("fails document: other.txt: is not what was signed"),
        "{lines:?}"
    );
    assert_eq!(desk.state(), "fails");

    let whole = desk.file("bundle.asice", &bundle);
    let lines = desk.compare(&[&whole]);
    assert!(all_start_with(&lines, "holds "), "{lines:#?}");
    for claim in ["container", "manifest", "page", "document"] {
        assert!(
            lines
                .iter()
                .any(|line| line.starts_with(&format!("holds {claim}: "))),
            "{lines:#?}"
        );
    }
    assert_eq!(desk.state(), "holds");
}

#[test]
#[ignore = "runs chromedriver and chromium; cargo xtask test runs it"]
fn the_page_finds_what_is_wrong_with_a_whole_bundle() {
    let sound = bundle();
    let desk = Desk::new();
    desk.open(&page(&sound));
    let grant = "records/003-role.granted.json";
    type Change<'a> = (&'a str, &'a dyn Fn(&mut Unpacked));
    let changes: [Change<'_>; 4] = [
        ("fails document: documents/contract.txt", &|unpacked| {
            unpacked.get_mut("documents/contract.txt")[0] ^= 1;
            unpacked.write_manifest();
        }),
        ("fails manifest: ", &|unpacked| {
            unpacked.get_mut("VERIFY.md")[0] ^= 1;
        }),
        ("fails page: ", &|unpacked| {
            unpacked.replace(grant, "sign nda/*", "sign hr/x*");
            unpacked.write_manifest();
        }),
        ("fails page: ", &|unpacked| {
            unpacked.remove(grant);
            unpacked.write_manifest();
        }),
    ];
    for (expected, change) in changes {
        let mut unpacked = Unpacked::read(&sound);
        change(&mut unpacked);
        let lines = desk.compare(&[&desk.file("bundle.asice", &unpacked.write())]);
        assert!(
            lines.iter().any(|line| line.starts_with(expected)),
            "{expected}: {lines:#?}"
        );
        assert_eq!(desk.state(), "fails");
    }
    let mut longer = sound.clone();
    longer.push(0);
    let mut shorter = sound.clone();
    shorter.pop();
    // The central directory names another file than the local header does.
    let mut two_faced = sound.clone();
    let place = sound
        .windows(7)
        .rposition(|name| name == b"log.vke")
        .unwrap();
    two_faced[place] ^= 1;
    for broken in [longer, shorter, two_faced] {
        let lines = desk.compare(&[&desk.file("bundle.asice", &broken)]);
        assert!(lines[0].starts_with("fails container: "), "{lines:#?}");
    }
}

#[test]
#[ignore = "runs chromedriver and chromium; cargo xtask test runs it"]
fn the_page_checks_a_key_that_the_reader_has() {
    let desk = Desk::new();
    desk.open(&page(&bundle()));
    let given = |key: &str| {
        desk.browser.write("keys", key);
        desk.browser.wait(&format!(
            "return document.querySelectorAll('#keychecks li').length === {}",
            if key.is_empty() { 0 } else { 2 }
        ));
        desk.lines("keychecks")
    };
    let lines = given(
        &VerifierKey::of_signer(ORIGIN, &*signer())
            .unwrap()
            .to_string(),
    );
    assert!(all_start_with(&lines, "holds key: "), "{lines:#?}");
    assert!(desk.verdict().ends_with("The key is one that you gave."));

    let (stranger, _) = Ed25519Signer::generate().unwrap();
    let stranger = VerifierKey::of_signer(ORIGIN, &stranger).unwrap();
    let lines = given(&stranger.to_string());
    assert!(all_start_with(&lines, "fails key: "), "{lines:#?}");
    assert_eq!(desk.state(), "fails");
}

#[test]
#[ignore = "runs chromedriver and chromium; cargo xtask test runs it"]
fn the_page_tells_of_several_signers_a_consent_an_annex_and_an_erasure() {
    let bundle = two_signers();
    let desk = Desk::new();
    desk.open(&page(&bundle));
    assert_eq!(desk.state(), "holds", "{:#?}", desk.lines("checks"));
    assert!(
        desk.verdict()
            .starts_with("All 39 checks that this page makes hold."),
        "{}",
        desk.verdict()
    );
    let lines = desk.lines("checks");
    let consent = "holds consent: The consent is for this document (record 15): given for nda/*";
    assert!(lines.iter().any(|line| line == consent), "{lines:#?}");
    let text = desk.text("return document.body.innerText");
    for part in [
        "Somebody whose name was erased on 3 March 2026 signed contract-1 on 1 March 2026",
        "Second Signer signed contract-1 on 1 March 2026, 09:48:00 UTC",
        "after disclosure 2026-01",
        "Told of the right to paper.",
        "Write to records@acme.example.",
        "opened_sample_pdf",
    ] {
        assert!(text.contains(part), "{part} in {text}");
    }
    assert!(!text.contains("Given Family") && !text.contains("nurse@acme.example"));
    // A trail for each, of what each signature rests on.
    let drawn = "return [...document.querySelectorAll('.trail')].map((trail) => trail.querySelectorAll('circle').length).join()";
    assert_eq!(desk.text(drawn), "7,8");

    let lines = desk.compare(&[
        &desk.file("annex.txt", ANNEX),
        &desk.file("contract.txt", DOCUMENT),
    ]);
    assert_eq!(lines.len(), 2);
    assert!(lines[0].starts_with("holds document: annex.txt: is what was shown with the document"));
    assert!(lines[1].starts_with("holds document: contract.txt: is the document that was signed"));
    let lines = desk.compare(&[&desk.file("bundle.asice", &bundle)]);
    assert!(all_start_with(&lines, "holds "), "{lines:#?}");
}

#[test]
#[ignore = "runs chromedriver and chromium; cargo xtask test runs it"]
fn the_page_does_not_say_that_a_consent_holds_that_was_not_told_of_paper() {
    let desk = Desk::new();
    desk.open(&page(&two_signers_told(false)));
    assert_eq!(desk.state(), "holds", "{:#?}", desk.lines("checks"));
    let lines = desk.lines("checks");
    let mut consents = lines.iter().filter(|line| line.contains(" consent: "));
    let consent = consents.next().unwrap();
    assert!(consent.starts_with("open consent: "), "{consent}");
    assert!(consent.contains("did not tell of the right to paper"));
    assert_eq!(consents.next(), None);
    let text = desk.text("return document.body.innerText");
    assert!(text.contains("Not told of the right to paper."));
}

#[test]
#[ignore = "runs chromedriver and chromium; cargo xtask test runs it"]
fn a_browser_that_lacks_an_algorithm_neither_passes_nor_fails_it() {
    let page = String::from_utf8(page(&bundle())).unwrap();
    // As in a browser that does not know the algorithm's name; the policy would not let it run.
    let lacking = page.replace("ed25519: \"Ed25519\"", "ed25519: \"Ed25518\"");
    assert_ne!(lacking, page);
    let policy = lacking.find("script-src 'sha256-").unwrap();
    let end = policy + lacking[policy..].find(';').unwrap();
    let lacking = format!(
        "{}script-src 'unsafe-inline'{}",
        &lacking[..policy],
        &lacking[end..]
    );
    let desk = Desk::new();
    desk.open(lacking.as_bytes());
    assert_eq!(desk.state(), "unknown");
    assert!(
        desk.verdict()
            .ends_with("This browser can not make the other 1.")
    );
    let first = desk.lines("checks").remove(0);
    assert!(
        first.starts_with("unknown checkpoint_signature: ")
            && first.ends_with("can not check Ed25518 signatures")
    );
}
