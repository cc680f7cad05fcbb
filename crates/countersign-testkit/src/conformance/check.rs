//! What a check is made of.

use std::error::Error;
use std::fmt::Debug;

use countersign_core::{StoreError, StoreErrorKind};
use thiserror::Error;

/// A promise of the contract that was not kept, in words.
#[derive(Debug, Error)]
#[error("{0}")]
pub(super) struct Violation(pub(super) String);

impl From<StoreError> for Violation {
    fn from(error: StoreError) -> Self {
        Self(describe(&error))
    }
}

pub(super) type Outcome = Result<(), Violation>;

/// Fails the check with a message unless the condition holds.
macro_rules! ensure {
    ($condition:expr, $($message:tt)+) => {
        if !$condition {
            return Err($crate::conformance::check::Violation(format!($($message)+)));
        }
    };
}
pub(super) use ensure;

/// Runs checks one after the other, each on a fresh store.
macro_rules! run_checks {
    ($make:ident: $($module:ident { $($check:ident),+ $(,)? })+) => {{
        let mut report = $crate::conformance::report::Report::default();
        $($(
            let store = ::std::sync::Arc::new($make().await);
            let outcome = $crate::conformance::$module::$check(store).await;
            report.note(stringify!($check), outcome);
        )+)+
        report
    }};
}
pub(super) use run_checks;

/// The error with its causes.
fn describe(error: &StoreError) -> String {
    let mut text = error.to_string();
    let mut source = error.source();
    while let Some(cause) = source {
        text.push_str(": ");
        text.push_str(&cause.to_string());
        source = cause.source();
    }
    text
}

pub(super) fn same<T: PartialEq + Debug>(what: &str, found: &T, expected: &T) -> Outcome {
    ensure!(
        found == expected,
        "{what}: found {found:?}, expected {expected:?}"
    );
    Ok(())
}

/// The one error that tells a caller to read again and decide again.
pub(super) fn conflicts<T: Debug>(what: &str, result: Result<T, StoreError>) -> Outcome {
    match result {
        Err(error) if error.kind() == StoreErrorKind::Conflict => Ok(()),
        Err(error) => Err(Violation(format!(
            "{what}: expected a conflict, but {}",
            describe(&error)
        ))),
        Ok(value) => Err(Violation(format!(
            "{what}: expected a conflict, but it was accepted with {value:?}"
        ))),
    }
}

/// An error of any kind.
pub(super) fn refuses<T: Debug>(what: &str, result: Result<T, StoreError>) -> Outcome {
    match result {
        Err(_) => Ok(()),
        Ok(value) => Err(Violation(format!(
            "{what}: expected an error, but it was accepted with {value:?}"
        ))),
    }
}

/// Of callers that wanted the same: exactly `winners` got it, all others met a conflict.
pub(super) fn exactly<T: Debug>(
    what: &str,
    winners: usize,
    results: Vec<Result<T, StoreError>>,
) -> Outcome {
    let (won, lost): (Vec<_>, Vec<_>) = results.into_iter().partition(Result::is_ok);
    ensure!(
        won.len() == winners,
        "{what}: {} of {} were accepted, expected {winners}",
        won.len(),
        won.len().saturating_add(lost.len())
    );
    lost.into_iter()
        .try_for_each(|result| conflicts(what, result))
}
