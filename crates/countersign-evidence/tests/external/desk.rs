//! A certificate page in a browser, and what may be read there.

use std::collections::BTreeSet;
use std::path::{Path, PathBuf};

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use serde_json::{Map, Value};

use super::webdriver::Browser;
use crate::unpacked::Unpacked;

/// What stands before and behind the members in a page [bundle.md §4].
pub(crate) const BEFORE: &str = "<script type=\"application/json\" id=\"bundle\">";
pub(crate) const BEHIND: &str = "</script>";

/// A browser and a folder to put pages into.
pub(crate) struct Desk {
    pub(crate) browser: Browser,
    folder: tempfile::TempDir,
}

impl Desk {
    pub(crate) fn new() -> Self {
        Self {
            browser: Browser::start(),
            folder: tempfile::tempdir().unwrap(),
        }
    }

    pub(crate) fn file(&self, name: &str, bytes: &[u8]) -> PathBuf {
        let path = self.folder.path().join(name);
        std::fs::write(&path, bytes).unwrap();
        path
    }

    pub(crate) fn open(&self, page: &[u8]) {
        let file = self.file("certificate.html", page);
        self.browser.open(&file);
    }

    pub(crate) fn address(&self) -> String {
        format!("file://{}/certificate.html", self.folder.path().display())
    }

    pub(crate) fn state(&self) -> String {
        self.text("return document.getElementById('verdict').dataset.state")
    }

    pub(crate) fn verdict(&self) -> String {
        self.text("return document.getElementById('verdict').textContent")
    }

    pub(crate) fn text(&self, script: &str) -> String {
        self.browser.run(script).as_str().unwrap().to_owned()
    }

    /// The lines of one list, as `status claim: what: how`.
    pub(crate) fn lines(&self, list: &str) -> Vec<String> {
        let script = format!(
            "return [...document.querySelectorAll('#{list} li')].map((line) =>
             `${{line.className}} ${{line.dataset.claim}}: ${{line.children[1].textContent}}: ${{line.children[2].textContent}}`)"
        );
        let lines = self.browser.run(&script);
        let lines = lines.as_array().unwrap().iter();
        lines
            .map(|line| line.as_str().unwrap().to_owned())
            .collect()
    }

    /// The claims that failed in the page's own list.
    pub(crate) fn failed(&self) -> BTreeSet<String> {
        let lines = self.lines("checks");
        lines
            .iter()
            .filter_map(|line| line.strip_prefix("fails ")?.split_once(':'))
            .map(|(claim, _)| claim.to_owned())
            .collect()
    }

    /// What the page says of files that a person gives it.
    pub(crate) fn compare(&self, files: &[&Path]) -> Vec<String> {
        let browser = &self.browser;
        browser.run("document.getElementById('files').replaceChildren()");
        browser.choose("file", files);
        browser.wait("return document.querySelector('#files li') !== null");
        self.lines("files")
    }
}

pub(crate) fn page(bundle: &[u8]) -> Vec<u8> {
    Unpacked::read(bundle).get("certificate.html").clone()
}

/// Changes what a page carries, as somebody does who has not the sources of ours.
pub(crate) fn forged(page: &[u8], change: impl FnOnce(&mut Map<String, Value>)) -> Vec<u8> {
    let page = std::str::from_utf8(page).unwrap();
    let (before, rest) = page.split_once(BEFORE).unwrap();
    let (island, behind) = rest.split_once(BEHIND).unwrap();
    let mut members: Map<String, Value> = serde_json::from_str(island).unwrap();
    change(&mut members);
    let island = Value::Object(members).to_string().replace('<', "\\u003c");
    format!("{before}{BEFORE}{island}{BEHIND}{behind}").into_bytes()
}

pub(crate) fn members(page: &[u8]) -> Vec<(String, Vec<u8>)> {
    let mut found = Vec::new();
    forged(page, |members| {
        for (name, data) in members {
            let data = STANDARD.decode(data.as_str().unwrap()).unwrap();
            found.push((name.clone(), data));
        }
    });
    found
}

pub(crate) fn put(members: &mut Map<String, Value>, name: &str, data: &[u8]) {
    members.insert(name.to_owned(), STANDARD.encode(data).into());
}

pub(crate) fn all_start_with(lines: &[String], start: &str) -> bool {
    !lines.is_empty() && lines.iter().all(|line| line.starts_with(start))
}
