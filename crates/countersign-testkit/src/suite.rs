//! Suites of other projects, with a file of the cases in which we disagree.
//!
//! An expected result is data, too: where we come to another one, the case stands in the file with
//! what the suite expects, what we do, and why. The file may not lie: a disagreement that is not in
//! it fails, and so does one that is and has gone, and a case that is not there any more.
//!
//! ```
//! use countersign_testkit::suite::Suite;
//!
//! let mut suite = Suite::new(
//!     r#"
//!     cases = 2
//!
//!     [[exception]]
//!     reason = "SHA-1 is refused unless asked for by name"
//!     expected = "valid"
//!     actual = "dsig.insecure_algorithm"
//!     in = ["b.xml"]
//!     "#,
//! );
//! suite.case("a.xml", "valid", "valid");
//! suite.case("b.xml", "valid", "dsig.insecure_algorithm");
//! suite.finish();
//! ```

use std::collections::{BTreeMap, BTreeSet};

use serde::Deserialize;

/// The file of exceptions.
#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
struct File {
    /// How many cases the suite has, so that none is lost.
    cases: usize,
    #[serde(default)]
    exception: Vec<Exception>,
}

/// Cases in which we disagree for one reason.
#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
struct Exception {
    reason: String,
    expected: String,
    actual: String,
    #[serde(rename = "in")]
    cases: Vec<String>,
}

/// A suite that is being run.
#[derive(Debug)]
pub struct Suite {
    file: File,
    ran: BTreeSet<String>,
    /// The cases in which we disagree: what was expected, and what came.
    disagreements: BTreeMap<String, (String, String)>,
    wrong: Vec<String>,
}

impl Suite {
    /// A suite with this file of exceptions.
    ///
    /// # Panics
    /// If the file can not be read.
    #[must_use]
    #[allow(
        clippy::panic,
        reason = "called by tests only; a file that can not be read has to fail them"
    )]
    pub fn new(exceptions: &str) -> Self {
        match toml::from_str(exceptions) {
            Ok(file) => Self {
                file,
                ran: BTreeSet::new(),
                disagreements: BTreeMap::new(),
                wrong: Vec::new(),
            },
            Err(error) => panic!("the exceptions can not be read: {error}"),
        }
    }

    /// One case: what the suite expects, and what we do.
    pub fn case(&mut self, name: &str, expected: &str, actual: &str) {
        if !self.ran.insert(name.to_owned()) {
            self.wrong.push(format!("{name}: ran twice"));
        }
        if expected != actual {
            let disagreement = (expected.to_owned(), actual.to_owned());
            self.disagreements.insert(name.to_owned(), disagreement);
        }
    }

    /// Whether the file has told the truth.
    ///
    /// # Panics
    /// If it has not; the message lists every case that is wrong, and in which way.
    #[track_caller]
    pub fn finish(mut self) {
        if self.ran.len() != self.file.cases {
            self.wrong.push(format!(
                "{} cases ran, and the file says {}",
                self.ran.len(),
                self.file.cases
            ));
        }
        let mut listed = BTreeSet::new();
        for exception in &self.file.exception {
            if exception.reason.trim().is_empty() {
                self.wrong.push("an exception has no reason".to_owned());
            }
            for name in &exception.cases {
                if !listed.insert(name.as_str()) {
                    self.wrong.push(format!("{name}: listed twice"));
                }
                if !self.ran.contains(name) {
                    self.wrong
                        .push(format!("{name}: listed, and there is no such case"));
                    continue;
                }
                match self.disagreements.get(name) {
                    None => self
                        .wrong
                        .push(format!("{name}: listed, and has come to agree")),
                    Some((expected, actual))
                        if *expected != exception.expected || *actual != exception.actual =>
                    {
                        self.wrong.push(format!(
                            "{name}: `{expected}` was expected and `{actual}` came, and it is listed with `{}` and `{}`",
                            exception.expected, exception.actual
                        ));
                    }
                    Some(_) => {}
                }
            }
        }
        for (name, (expected, actual)) in &self.disagreements {
            if !listed.contains(name.as_str()) {
                self.wrong.push(format!(
                    "{name}: `{expected}` was expected and `{actual}` came"
                ));
            }
        }
        assert!(self.wrong.is_empty(), "{}", self.wrong.join("\n"));
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const FILE: &str = r#"
        cases = 2

        [[exception]]
        reason = "we know better"
        expected = "valid"
        actual = "invalid"
        in = ["b"]
    "#;

    fn run(cases: &[(&str, &str, &str)]) {
        let mut suite = Suite::new(FILE);
        for (name, expected, actual) in cases {
            suite.case(name, expected, actual);
        }
        suite.finish();
    }

    #[test]
    fn a_file_that_tells_the_truth_passes() {
        run(&[("a", "valid", "valid"), ("b", "valid", "invalid")]);
    }

    #[test]
    #[should_panic(expected = "a: `invalid` was expected and `valid` came")]
    fn a_disagreement_that_is_not_listed_fails() {
        run(&[("a", "invalid", "valid"), ("b", "valid", "invalid")]);
    }

    #[test]
    #[should_panic(expected = "b: listed, and has come to agree")]
    fn an_exception_that_starts_to_pass_fails() {
        run(&[("a", "valid", "valid"), ("b", "valid", "valid")]);
    }

    #[test]
    #[should_panic(expected = "b: listed, and there is no such case")]
    fn an_exception_whose_case_is_gone_fails() {
        run(&[("a", "valid", "valid"), ("c", "valid", "valid")]);
    }

    #[test]
    #[should_panic(expected = "and it is listed with `valid` and `invalid`")]
    fn an_exception_that_fails_in_another_way_fails() {
        run(&[("a", "valid", "valid"), ("b", "valid", "unsupported")]);
    }

    #[test]
    #[should_panic(expected = "1 cases ran, and the file says 2")]
    fn a_case_that_does_not_run_fails() {
        run(&[("b", "valid", "invalid")]);
    }
}
