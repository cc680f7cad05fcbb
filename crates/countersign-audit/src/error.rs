//! What can go wrong, by whose fault it is.

use countersign_cms::CmsError;
use countersign_core::StoreError;
use thiserror::Error;

use crate::cosignature::CosignatureError;
use crate::damage::Damage;
use crate::receipt::Level;
use crate::record::RecordError;
use crate::seal::{EntropyError, SealError};
use crate::signer::SignerError;
use crate::time_stamp_authority::TimeStampAuthorityError;
use crate::vault::VaultError;
use crate::verifier_key::ParseKeyError;
use crate::verifier_key::VerifierKey;
use crate::witness::WitnessAlarm;

/// Why a record was not sealed, or a ledger did not do what was asked.
#[derive(Debug, Error)]
#[non_exhaustive]
pub enum AuditError {
    /// The bytes are no record of a kind and version that is known here.
    #[error("the bytes are no record")]
    Record(#[from] RecordError),
    /// The draft may not become a record: the caller's mistake.
    #[error("the record can not be sealed")]
    Seal(#[from] SealError),
    /// There are no random bytes.
    #[error("the source of random bytes failed")]
    Entropy(#[from] EntropyError),
    /// The store contradicts what the ledger has signed, or itself. Nothing more is signed.
    #[error("the ledger is damaged")]
    Damaged(#[from] Damage),
    /// The store failed.
    #[error("the ledger's store failed")]
    Store(#[from] StoreError),
    /// The signing backend failed.
    #[error("the ledger's signer failed")]
    Signer(#[from] SignerError),
    /// A private part can not be opened.
    #[error("a private part can not be opened")]
    Vault(#[from] VaultError),
    /// The ledger's name can not be one of a note's key, or the signer's key is not Ed25519: the
    /// caller's mistake.
    #[error("the ledger can not have this name or this key")]
    Origin(#[source] ParseKeyError),
    /// A witness has cosigned what this ledger does not continue: somebody has shown it, and
    /// perhaps others, another history. Either the ledger was set back or forked, or the witness
    /// lies.
    #[error("a witness has seen another history of this ledger")]
    Witness(#[source] WitnessAlarm),
    /// Too few witnesses have cosigned the checkpoint; it stays as it is, and may be cosigned
    /// later.
    #[error("too few witnesses have cosigned the checkpoint")]
    NotWitnessed(#[source] CosignatureError),
    /// The ledger has not what it takes to reach this level: no witnesses, no time-stamp
    /// authority.
    #[error("the entry is not {0}, and this ledger can not do more for it")]
    NotReached(Level),
    /// A time-stamp does not hold, or the authority refused one.
    #[error("the time-stamp is refused")]
    TimeStamp(#[from] CmsError),
    /// The time-stamp authority can not be reached.
    #[error("the time-stamp authority failed")]
    TimeStampAuthority(#[from] TimeStampAuthorityError),
    /// The key was retired: another one signs this ledger now.
    #[error("the ledger's key was retired at {last_size} leaves")]
    RetiredKey {
        /// The largest size that it vouches for.
        last_size: u64,
    },
    /// The record of a rotation is written, and the checkpoint that covers it is not signed by
    /// both keys yet: open the ledger with the retired key, and rotate to this one again.
    #[error("the rotation to the key {key} is not finished")]
    RotationUnfinished {
        /// The key that shall sign from then on.
        key: VerifierKey,
    },
    /// The new key is the one that is in use: the caller's mistake.
    #[error("the ledger signs with this key already")]
    SameKey,
    /// What was asked for is not in the tree, or not yet.
    #[error("the ledger does not hold what was asked for")]
    NotInTree,
}

impl AuditError {
    /// A stable code for logs and records.
    #[must_use]
    pub fn code(&self) -> &'static str {
        match self {
            Self::Record(error) => error.code(),
            Self::Seal(error) => error.code(),
            Self::Entropy(_) => "audit.entropy",
            Self::Damaged(damage) => damage.code(),
            Self::Store(_) => "audit.store",
            Self::Signer(_) => "audit.signer",
            Self::Vault(error) => error.code(),
            Self::Origin(_) => "audit.origin",
            Self::Witness(_) => "audit.witness",
            Self::NotWitnessed(_) => "audit.not_witnessed",
            Self::NotReached(_) => "audit.not_reached",
            Self::TimeStamp(error) => error.code(),
            Self::TimeStampAuthority(_) => "audit.time_stamp_authority",
            Self::RetiredKey { .. } => "audit.retired_key",
            Self::RotationUnfinished { .. } => "audit.rotation_unfinished",
            Self::SameKey => "audit.same_key",
            Self::NotInTree => "audit.not_in_tree",
        }
    }
}
