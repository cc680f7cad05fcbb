//! The certificate page in the hands of an attacker: who chooses names, and who changes the file.

use serde_json::Value;

use super::desk::{BEFORE, BEHIND, Desk, forged, members, page, put};
use crate::bundle;

/// What a person may be called who wants to be more than a name.
fn hostile() -> String {
    format!(
        "\u{202e}</script><script>document.title = 'ran'</script>\
         <img src=x onerror=\"document.title = 'ran'\">{}",
        "unbroken".repeat(500)
    )
}

/// Puts a text in the place of every text.
fn replace_texts(value: &mut Value, text: &str) {
    match value {
        Value::String(old) if old != "https" => *old = text.to_owned(),
        Value::Array(values) => values
            .iter_mut()
            .for_each(|value| replace_texts(value, text)),
        Value::Object(members) => {
            for (name, value) in members {
                // So that the page still knows what is what, and shows it.
                if !["kind", "parents", "commitments", "type", "door"].contains(&name.as_str()) {
                    replace_texts(value, text);
                }
            }
        }
        _ => {}
    }
}

/// The page with a hostile text in every place where a text stands.
pub(crate) fn hostile_page() -> Vec<u8> {
    let sound = page(&bundle());
    forged(&sound, |page| {
        // Records name their causes by what is in them: put the new names in the place of the old.
        let mut renamed: Vec<(String, String)> = Vec::new();
        for (name, data) in members(&sound) {
            if !name.starts_with("records/") && !name.starts_with("openings/") {
                continue;
            }
            let mut text = String::from_utf8(data.clone()).unwrap();
            for (old, new) in &renamed {
                text = text.replace(old, new);
            }
            let mut value: Value = serde_json::from_str(&text).unwrap();
            replace_texts(&mut value, &hostile());
            let forged = value.to_string();
            if name.starts_with("records/") {
                let leaf = |bytes: &[u8]| countersign_audit::leaf_hash(bytes).to_string();
                renamed.push((leaf(&data), leaf(forged.as_bytes())));
            }
            put(page, &name, forged.as_bytes());
        }
    })
}

#[test]
#[ignore = "runs chromedriver and chromium; cargo xtask test runs it"]
fn a_hostile_text_stays_a_text_wherever_it_stands() {
    let desk = Desk::new();
    desk.open(&hostile_page());
    assert_eq!(desk.state(), "fails");
    let text = desk.text("return document.body.innerText");
    assert!(text.contains("\u{fffd}</script><script>document.title = 'ran'</script><img src=x"));
    assert!(!text.contains('\u{202e}'));
    assert!(
        text.matches("onerror").count() > 30,
        "it is shown in its places"
    );
    assert_eq!(
        desk.text("return document.title"),
        "Certificate of completion"
    );
    let count =
        "return ['script', 'img'].map((name) => document.querySelectorAll(name).length).join()";
    assert_eq!(desk.text(count), "2,0");
    // However long it is, nothing is pushed out of the page.
    let fits =
        "return document.documentElement.scrollWidth <= document.documentElement.clientWidth";
    assert_eq!(desk.browser.run(fits), true);
    assert_eq!(
        desk.browser.requests(),
        [desk.address()],
        "only the page itself"
    );
}

#[test]
#[ignore = "runs chromedriver and chromium; cargo xtask test runs it"]
fn nothing_that_is_put_into_the_page_runs() {
    let page = String::from_utf8(page(&bundle())).unwrap();
    let desk = Desk::new();
    for planted in [
        "<script>document.title = 'ran'</script>",
        "<img src=x onerror=\"document.title = 'ran'\">",
        "<iframe srcdoc=\"<script>parent.document.title = 'ran'</script>\"></iframe>",
        "<style onload=\"document.title = 'ran'\">h1 { color: red }</style>",
    ] {
        desk.open(page.replace("<main", &format!("{planted}<main")).as_bytes());
        assert_eq!(
            desk.text("return document.title"),
            "Certificate of completion",
            "{planted}"
        );
        let color = "return getComputedStyle(document.querySelector('h1')).color";
        assert_ne!(desk.text(color), "rgb(255, 0, 0)");
    }
    let assigned = "try { document.body.innerHTML = '<b>x</b>'; return 'assigned' } catch { return 'refused' }";
    assert_eq!(desk.text(assigned), "refused");
}

#[test]
#[ignore = "runs chromedriver and chromium; cargo xtask test runs it"]
fn a_page_that_can_not_be_read_says_so() {
    let page = String::from_utf8(page(&bundle())).unwrap();
    let (before, rest) = page.split_once(BEFORE).unwrap();
    let (_, behind) = rest.split_once(BEHIND).unwrap();
    let desk = Desk::new();
    for island in [
        "",
        "{}",
        "[",
        "{\"checkpoint\":\"*\"}",
        "{\"records/001-x.json\":1}",
    ] {
        desk.open(format!("{before}{BEFORE}{island}{BEHIND}{behind}").as_bytes());
        assert_eq!(desk.state(), "fails", "{island}");
        assert!(
            desk.verdict().starts_with("Do not rely on this"),
            "{island}"
        );
    }
}
