//! What a suite found.

use std::fmt;

use super::check::Outcome;

/// A check that did not pass.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Failure {
    check: &'static str,
    message: String,
}

impl Failure {
    /// The check's name.
    #[must_use]
    pub fn check(&self) -> &'static str {
        self.check
    }

    /// What it saw.
    #[must_use]
    pub fn message(&self) -> &str {
        &self.message
    }
}

/// What a suite found: every check, passed or failed.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
#[must_use]
pub struct Report {
    passed: Vec<&'static str>,
    failures: Vec<Failure>,
}

impl Report {
    pub(super) fn note(&mut self, check: &'static str, outcome: Outcome) {
        match outcome {
            Ok(()) => self.passed.push(check),
            Err(violation) => self.failures.push(Failure {
                check,
                message: violation.to_string(),
            }),
        }
    }

    /// The checks that passed.
    #[must_use]
    pub fn passed(&self) -> &[&'static str] {
        &self.passed
    }

    /// The checks that did not.
    #[must_use]
    pub fn failures(&self) -> &[Failure] {
        &self.failures
    }

    /// Whether the check of this name ran and failed.
    #[must_use]
    pub fn has_failed(&self, check: &str) -> bool {
        self.failures.iter().any(|failure| failure.check == check)
    }

    /// For tests: fails unless every check passed.
    ///
    /// # Panics
    /// If a check failed, or none ran.
    pub fn assert_passed(&self) {
        assert!(
            self.failures.is_empty() && !self.passed.is_empty(),
            "{self}"
        );
    }
}

impl fmt::Display for Report {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(
            f,
            "{} checks passed, {} failed",
            self.passed.len(),
            self.failures.len()
        )?;
        self.failures
            .iter()
            .try_for_each(|failure| write!(f, "\n  {}: {}", failure.check, failure.message))
    }
}
