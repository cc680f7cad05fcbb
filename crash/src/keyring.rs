//! The log's keys: as many as are asked for, the same ones in every process.

use std::sync::Arc;

use countersign::audit::record::Actor;
use countersign::audit::rotation::RotationOrder;
use countersign::audit::store::LedgerStore;
use countersign::audit::{AuditError, Correlation, Ed25519Signer, Ledger, SystemEntropy};
use countersign::blocking::wait;
use countersign::{CorrelationId, LeafHash, TenantId, Timestamp};

use crate::Failure;

pub(crate) const ORIGIN: &str = "log.example/crash";

/// A PKCS#8 structure up to its 32 secret bytes [RFC 8410 §7].
const PKCS8: [u8; 16] = [
    0x30, 0x2e, 0x02, 0x01, 0x00, 0x30, 0x05, 0x06, 0x03, 0x2b, 0x65, 0x70, 0x04, 0x22, 0x04, 0x20,
];

/// More rotations, and more races for one, than a file sees.
const MAX_KEYS: u32 = 10_000;

/// The key that comes after `number` rotations.
pub(crate) fn key(number: u32) -> Result<Arc<Ed25519Signer>, Failure> {
    let mut der = PKCS8.to_vec();
    der.extend([7; 28]);
    der.extend(number.to_be_bytes());
    Ok(Arc::new(Ed25519Signer::from_pkcs8(&der)?))
}

/// A ledger with the key that it is at.
#[derive(Debug)]
pub(crate) struct Notary {
    pub(crate) ledger: Ledger,
    pub(crate) key: u32,
}

impl Notary {
    /// Opens the ledger with the first key that was not retired, and finishes a rotation that a
    /// crash has interrupted.
    pub(crate) fn open(store: Arc<dyn LedgerStore>) -> Result<Self, Failure> {
        let mut number = 0;
        for _ in 0..MAX_KEYS {
            match Self::open_with(&store, number) {
                Err(error) if Self::is_behind(&error) => {
                    if let Some(AuditError::RetiredKey { .. }) = error.downcast_ref() {
                        number = number.saturating_add(1);
                    }
                }
                opened => return opened,
            }
        }
        Err("every key was retired".into())
    }

    fn open_with(store: &Arc<dyn LedgerStore>, key_number: u32) -> Result<Self, Failure> {
        let ledger = wait(Ledger::open(store.clone(), key(key_number)?, ORIGIN))?;
        let mut notary = Self {
            ledger,
            key: key_number,
        };
        match wait(notary.ledger.advance()) {
            Err(AuditError::RotationUnfinished { .. }) => drop(notary.rotate()?),
            other => drop(other?),
        }
        Ok(notary)
    }

    /// Whether another node has replaced the key, or is about to: then open it anew.
    pub(crate) fn is_behind(error: &Failure) -> bool {
        let mut error: Option<&(dyn std::error::Error + 'static)> = Some(&**error);
        while let Some(cause) = error {
            match cause.downcast_ref::<AuditError>() {
                Some(AuditError::RetiredKey { .. } | AuditError::RotationUnfinished { .. }) => {
                    return true;
                }
                Some(AuditError::Store(error)) if error.is_conflict() => return true,
                _ => error = cause.source(),
            }
        }
        false
    }

    /// Replaces the key by the next one; gives the record of it.
    pub(crate) fn rotate(&mut self) -> Result<Option<LeafHash>, Failure> {
        let number = self.key.saturating_add(1);
        let walk = CorrelationId::new("rotation")?;
        let rotated = wait(self.ledger.rotate(
            key(number)?,
            RotationOrder {
                walk: &mut Correlation::begin(TenantId::new("log")?, walk),
                by: Actor::System,
                note: None,
                now: Timestamp::UNIX_EPOCH,
                entropy: &SystemEntropy::new(),
            },
        ))?;
        self.ledger = rotated.ledger;
        self.key = number;
        Ok(wait(self.ledger.reader().store().rotation())?)
    }
}
