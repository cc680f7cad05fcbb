//! Ids that the engine makes: 128 random bits, in hexadecimal behind a letter that tells people
//! what they are looking at.

use countersign_audit::AuditError;
use countersign_audit::seal::Entropy;
use countersign_core::{
    CeremonyId, ConsentId, CorrelationId, GrantId, SessionId, TextError, UserId,
};

use crate::error::EngineError;

/// 128 random bits.
pub(crate) fn random(entropy: &dyn Entropy) -> Result<[u8; 16], EngineError> {
    let mut bits = [0; 16];
    entropy.fill(&mut bits).map_err(AuditError::from)?;
    Ok(bits)
}

macro_rules! made_here {
    ($($name:ident: $id:ident = $prefix:literal;)*) => {$(
        pub(crate) fn $name(bits: [u8; 16]) -> Result<$id, EngineError> {
            let text = format!(concat!($prefix, "-{:032x}"), u128::from_be_bytes(bits));
            $id::new(text).map_err(not_an_id)
        }
    )*};
}

made_here! {
    ceremony: CeremonyId = "c";
    consent: ConsentId = "k";
    correlation: CorrelationId = "w";
    grant: GrantId = "g";
    session: SessionId = "s";
    user: UserId = "u";
}

fn not_an_id(_: TextError) -> EngineError {
    EngineError::Misuse {
        what: "an id that was made here",
    }
}
