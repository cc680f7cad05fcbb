//! Ids that the engine makes: hexadecimal digits behind a letter that tells people what they are
//! looking at.
//!
//! Nobody can foresee one. Those that a store has a row for begin with the time, as a version 7
//! UUID does \[RFC 9562 §5.7\]: rows that are made together are then neighbours in each index, and
//! a commit writes few pages of it. Drawn from all the bits, each id would change a page of its
//! own.

use countersign_audit::AuditError;
use countersign_audit::seal::Entropy;
use countersign_core::{
    CeremonyId, ConsentId, CorrelationId, GrantId, SessionId, TextError, Timestamp, UserId,
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
}

macro_rules! made_here_at {
    ($($name:ident: $id:ident = $prefix:literal;)*) => {$(
        pub(crate) fn $name(now: Timestamp, bits: [u8; 16]) -> Result<$id, EngineError> {
            let (millis, bits) = (millis(now), u128::from_be_bytes(bits));
            let text = format!(concat!($prefix, "-{:012x}{:032x}"), millis, bits);
            $id::new(text).map_err(not_an_id)
        }
    )*};
}

made_here_at! {
    grant: GrantId = "g";
    session: SessionId = "s";
    user: UserId = "u";
}

/// The time as 48 bits.
fn millis(now: Timestamp) -> u64 {
    const MAX: u64 = (1 << 48) - 1;
    u64::try_from(now.unix_millis()).unwrap_or(0).min(MAX)
}

fn not_an_id(_: TextError) -> EngineError {
    EngineError::Misuse {
        what: "an id that was made here",
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn ids_that_have_a_row_are_in_the_order_of_time_and_random_behind_it() {
        let at = |millis| Timestamp::from_unix_millis(millis);
        let id = |millis, bits| user(at(millis), [bits; 16]).unwrap();
        assert_eq!(
            id(0x019c_a8bb_b5c0, 0xab).as_str(),
            format!("u-019ca8bbb5c0{}", "ab".repeat(16))
        );
        assert!(id(1, 0xff) < id(2, 0x00));
        assert!(id(i64::MIN, 1) < id(0, 2) && id(1 << 47, 0) < id(i64::MAX, 0));
    }
}
