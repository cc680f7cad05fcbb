//! `docs/attacks.md` is complete, and what it says is there is there.

#![allow(clippy::unwrap_used, clippy::panic, reason = "tests fail by panicking")]

use std::collections::BTreeSet;
use std::path::{Path, PathBuf};

use countersign_testkit::attacks::AttackClass;

/// Every CVE that the page has to name.
const CVES: &str = "
    2009-0217 2016-5697 2017-11427 2017-11428 2017-11429 2017-11430 2018-0489 2018-7340 2020-15216
    2020-29509 2020-29510 2020-29511 2021-21239 2022-21449 2022-41912 2022-47966 2024-4985 2024-6800
    2024-9487 2024-45409 2025-23369 2025-25291 2025-25292 2025-25293 2025-27773 2025-29774
    2025-29775 2025-31335 2025-46572 2025-47949 2025-54369 2025-54419 2025-54572 2025-66475
    2025-66567 2025-66568 2026-2092 2026-2603 2026-3047 2026-16443 2026-25922 2026-28323 2026-28809
    2026-32313 2026-32600 2026-33487 2026-44748 2026-49283 2026-49284
    2019-19844 2023-3128 2025-41115 2025-64717 2026-3009 2026-25227 2026-56666
";

/// The ways to take an account over that follow the classes of attack on SAML.
const TAKEOVERS: [&str; 12] = [
    "25. An address taken for the key",
    "26. Half of a proof: stolen links and accounts made ahead of their owner",
    "27. Subjects that change",
    "28. Addresses that were given to somebody else",
    "29. Case and Unicode",
    "30. Absent groups read as none, and the last administrator",
    "31. Wildcards, pass-through and code as policy",
    "32. Accounts out of use",
    "33. Going around the approval and the seats",
    "34. Two first sign-ins at once",
    "35. External ids taken for ids of accounts",
    "36. Connections that were disabled",
];

fn workspace() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("../..")
}

fn page() -> String {
    std::fs::read_to_string(workspace().join("docs/attacks.md")).unwrap()
}

/// The sections of the page: title and text.
fn sections(page: &str) -> Vec<(&str, &str)> {
    page.split("\n## ")
        .skip(1)
        .map(|section| section.split_once('\n').unwrap())
        .collect()
}

/// What stands in backticks behind `Tests:`.
fn tests_of(section: &str) -> BTreeSet<&str> {
    let (_, tests) = section
        .split_once("\nTests: ")
        .unwrap_or_else(|| panic!("no tests in: {section}"));
    tests.split('`').skip(1).step_by(2).collect()
}

/// The names of all test functions below a folder.
fn test_functions(folder: &Path, names: &mut BTreeSet<String>) {
    for entry in std::fs::read_dir(folder).unwrap() {
        let path = entry.unwrap().path();
        if path.is_dir() {
            test_functions(&path, names);
        } else if path.extension().is_some_and(|extension| extension == "rs") {
            let source = std::fs::read_to_string(&path).unwrap();
            let mut is_test = false;
            for line in source.lines().map(str::trim) {
                if line == "#[test]" {
                    is_test = true;
                } else if let Some(rest) = line.strip_prefix("fn ") {
                    if is_test {
                        names.insert(rest.split('(').next().unwrap().to_owned());
                    }
                    is_test = false;
                }
            }
        }
    }
}

#[test]
fn the_page_has_a_section_for_each_class() {
    let page = page();
    let titles: Vec<_> = sections(&page).iter().map(|(title, _)| *title).collect();
    let classes = AttackClass::ALL.iter();
    let classes = classes.map(|class| format!("{}. {}", class.number(), class.title()));
    let classes: Vec<_> = classes.chain(TAKEOVERS.map(str::to_owned)).collect();
    assert_eq!(titles, classes);
}

#[test]
fn the_page_names_every_cve_once() {
    let page = page();
    let named: Vec<_> = page
        .split("CVE-")
        .skip(1)
        .map(|rest| {
            let end = rest.find(|c: char| c != '-' && !c.is_ascii_digit());
            rest.split_at(end.unwrap_or(rest.len())).0
        })
        .collect();
    let distinct: BTreeSet<_> = named.iter().copied().collect();
    assert_eq!(named.len(), distinct.len(), "one is named twice");
    assert_eq!(distinct, CVES.split_whitespace().collect());
}

#[test]
fn every_test_that_the_page_names_exists() {
    let mut functions = BTreeSet::new();
    test_functions(&workspace().join("crates"), &mut functions);
    let page = page();
    let mut named = 0;
    for (title, section) in sections(&page) {
        for part in ["\nExcluded by: ", "\nTests: "] {
            assert!(section.contains(part), "{title} lacks {part}");
        }
        let tests = tests_of(section);
        assert!(!tests.is_empty(), "{title} names no test");
        for test in &tests {
            assert!(
                functions.contains(*test),
                "{title}: there is no test `{test}`"
            );
        }
        named += tests.len();
    }
    assert!(named > 100, "the page names only {named} tests");
    let (front, _) = page.split_once("\n## ").unwrap();
    assert!(front.contains("`every_defect_of_a_verifier_falls_to_its_class`"));
    assert!(functions.contains("every_defect_of_a_verifier_falls_to_its_class"));
    assert!(!functions.contains("a_name_that_is_misspelt"));
}
