//! Time-stamps over time-stamps, so that evidence outlives a certificate and an algorithm: what
//! RFC 4998 calls an archive time-stamp chain, in its simplest form.

use countersign_core::Timestamp;

use super::token::{Token, VerifiedTime};
use crate::error::{CmsError, Malformed};
use crate::trust::TrustAnchor;

/// What the next time-stamp of a chain covers: the data, then every time-stamp that is there, one
/// after the other. With the data in a file and the time-stamps beside it, that is
/// `cat data 1.tst 2.tst …`.
#[must_use]
pub fn chained(data: &[u8], tokens: &[impl AsRef<[u8]>]) -> Vec<u8> {
    let mut covered = data.to_vec();
    for token in tokens {
        covered.extend_from_slice(token.as_ref());
    }
    covered
}

/// Checks a chain of time-stamps: the first is over `data`, and each other one over the data and
/// all before it ([`chained`]). Each path has to be valid when the next time-stamp was made, and
/// the last one's at `now`. So a certificate that has run out by now still counts where somebody
/// vouched in time for what it had signed.
///
/// Returns the first one, the time that the data was there, and until when the last one is valid.
///
/// # Errors
/// As [`verify_token`](super::verify_token), for the first one that does not hold:
/// [`CmsError::Untrusted`] if all of them are right in themselves; [`CmsError::Malformed`] if there
/// is none.
pub fn verify_chain(
    tokens: &[impl AsRef<[u8]>],
    data: &[u8],
    trust: &[TrustAnchor],
    now: Timestamp,
) -> Result<VerifiedTime, CmsError> {
    let mut covered = data.to_vec();
    let mut first: Option<VerifiedTime> = None;
    let mut untrusted = None;
    let mut tokens = tokens.iter().map(AsRef::as_ref);
    let mut next = tokens.next().map(read).transpose()?;
    while let Some((token, bytes)) = next {
        // One that can not be read is told before one that does not hold.
        next = tokens.next().map(read).transpose()?;
        let at = match &next {
            Some((later, _)) => later.stated_time()?,
            None => now,
        };
        match token.verify(&covered, trust, at) {
            Ok(verified) => {
                let valid_until = verified.valid_until;
                first.get_or_insert(verified).valid_until = valid_until;
            }
            // What comes behind may still be broken, which weighs more.
            Err(error @ CmsError::Untrusted(_)) => {
                untrusted.get_or_insert(error);
            }
            Err(error) => return Err(error),
        }
        covered.extend_from_slice(bytes);
    }
    match untrusted {
        Some(error) => Err(error),
        None => first.ok_or_else(|| Malformed::SignedData.into()),
    }
}

fn read(token: &[u8]) -> Result<(Token<'_>, &[u8]), CmsError> {
    Ok((Token::read(token)?, token))
}
