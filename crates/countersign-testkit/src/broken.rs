//! Stores and verifiers that are broken on purpose: each store breaks one promise of its port, and
//! a suite of [`crate::conformance`] that lets it pass is broken itself. Each verifier falls to one
//! class of [`crate::attacks`], or those are no attacks.
//!
//! Each store wraps one that is right and spoils it, as real stores are spoilt: a check that looks
//! before it leaps, a limit that is off by one, a write in two steps.

mod ledger_store;
mod replay_store;
mod user_beside;
mod user_changes;
mod user_defect;
mod user_keys;
mod user_store;
mod vault;
mod verifier;
mod witness;

use std::time::Duration;

pub use ledger_store::{BrokenLedgerStore, LedgerDefect};
pub use replay_store::{BrokenReplayStore, ReplayDefect};
pub use user_defect::UserDefect;
pub use user_store::BrokenUserStore;
pub use vault::{BrokenVault, VaultDefect};
pub use verifier::{BrokenVerifier, VerifierDefect};
pub use witness::{BrokenWitness, WitnessDefect};

/// Names defects, each with the check that catches it.
macro_rules! defects {
    (
        $(#[$doc:meta])*
        $name:ident { $($(#[$variant_doc:meta])* $variant:ident: $check:literal,)+ }
    ) => {
        $(#[$doc])*
        #[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
        #[non_exhaustive]
        pub enum $name {
            $($(#[$variant_doc])* $variant,)+
        }

        impl $name {
            /// Every defect.
            pub const ALL: &[Self] = &[$(Self::$variant),+];

            /// The check that has to fail on it; others may fail too.
            #[must_use]
            pub fn caught_by(self) -> &'static str {
                match self {
                    $(Self::$variant => $check,)+
                }
            }
        }
    };
}
use defects;

/// The time between looking and leaping, in which others look as well: long against a call to a
/// store, and short for a test.
fn dawdle() {
    std::thread::sleep(Duration::from_millis(4));
}
