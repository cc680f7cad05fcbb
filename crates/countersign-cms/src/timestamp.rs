//! Time-stamps \[RFC 3161\]: asking for one, and reading the answer.
//!
//! How a request gets to the authority is the host's (`POST`, `application/timestamp-query`
//! \[RFC 3161 §3.4\]).

mod chain;
mod token;

use der::Encode;
use der::asn1::{IntRef, OctetStringRef};

use crate::algorithm::DigestAlgorithm;
use crate::error::{CmsError, Malformed, OtherRequest, Refusal};
use crate::wire::{MessageImprint, PkiStatusInfo, TimeStampReq, TimeStampResp, read};
use token::Token;

pub use chain::{chained, verify_chain};
pub use token::{Accuracy, CLOCK_SKEW, VerifiedTime, stated_time, verify_token};

/// What a time-stamp is asked for: the hash of data, which the authority does not see.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Imprint {
    algorithm: DigestAlgorithm,
    digest: Vec<u8>,
}

impl Imprint {
    /// The hash of `data`.
    #[must_use]
    pub fn of(algorithm: DigestAlgorithm, data: &[u8]) -> Self {
        Self {
            algorithm,
            digest: algorithm.digest(data),
        }
    }

    /// Its algorithm.
    #[must_use]
    pub fn algorithm(&self) -> DigestAlgorithm {
        self.algorithm
    }

    /// The hash.
    #[must_use]
    pub fn digest(&self) -> &[u8] {
        &self.digest
    }

    /// Whether it is the hash of `data`.
    fn is_of(&self, data: &[u8]) -> bool {
        self.algorithm.digest(data) == self.digest
    }

    fn read(imprint: MessageImprint<'_>) -> Result<Self, CmsError> {
        let algorithm = DigestAlgorithm::read(imprint.hash_algorithm)?;
        Ok(Self {
            algorithm,
            digest: imprint.hashed_message.as_bytes().to_vec(),
        })
    }
}

/// Writes a `TimeStampReq`: for this imprint, with this nonce, and with the authority's
/// certificate in the answer.
///
/// # Security
/// Take the nonce from a source of random bytes, anew for each request: by it an old answer is
/// known.
#[must_use]
pub fn request(imprint: &Imprint, nonce: [u8; 16]) -> Vec<u8> {
    let nonce = positive(nonce);
    let write = || {
        TimeStampReq {
            version: 1,
            message_imprint: MessageImprint {
                hash_algorithm: imprint.algorithm.identifier(),
                hashed_message: OctetStringRef::new(&imprint.digest)?,
            },
            req_policy: None,
            nonce: Some(IntRef::new(&nonce)?),
            cert_req: true,
            extensions: None,
        }
        .to_der()
    };
    // INVARIANT: a hash and a number of 17 bytes at most can be written.
    write().unwrap_or_default()
}

/// A number as DER has it: no zero in front but where the sign needs one \[X.690 §8.3\].
fn positive(number: [u8; 16]) -> Vec<u8> {
    let mut digits: Vec<u8> = number.into_iter().skip_while(|byte| *byte == 0).collect();
    if digits.first().is_none_or(|first| *first >= 0x80) {
        digits.insert(0, 0);
    }
    digits
}

/// Takes the time-stamp out of a `TimeStampResp`, if it answers `request`: its nonce, imprint and
/// policy are compared. Whether the time-stamp holds is [`verify_token`]'s question.
///
/// # Errors
/// [`CmsError::Refused`] if the authority gave none, [`CmsError::OtherRequest`] if it answers
/// something else, [`CmsError::Malformed`] if one of the two can not be read.
pub fn read_response(response: &[u8], request: &[u8]) -> Result<Vec<u8>, CmsError> {
    let request: TimeStampReq<'_> = read(request).ok_or(Malformed::Request)?;
    let response: TimeStampResp<'_> = read(response).ok_or(Malformed::Response)?;
    // [RFC 3161 §2.4.2]: 0 granted, 1 granted with modifications; there is a token in no other
    // case.
    if response.status.status > 1 {
        return Err(refusal(&response.status).into());
    }
    let token = response.time_stamp_token.ok_or(Malformed::Response)?;
    let token = token.to_der().map_err(|_| Malformed::Response)?;
    let read = Token::read(&token)?;
    let info = read.info()?;
    if info.nonce != request.nonce {
        return Err(OtherRequest::Nonce.into());
    }
    if Imprint::read(info.message_imprint)? != Imprint::read(request.message_imprint)? {
        return Err(OtherRequest::Imprint.into());
    }
    if request
        .req_policy
        .is_some_and(|policy| policy != info.policy)
    {
        return Err(OtherRequest::Policy.into());
    }
    Ok(token)
}

/// `PKIFailureInfo` by the numbers of its bits \[RFC 3161 §2.4.2\].
const FAILURES: [(usize, Refusal); 8] = [
    (0, Refusal::BadAlgorithm),
    (2, Refusal::BadRequest),
    (5, Refusal::BadDataFormat),
    (14, Refusal::TimeNotAvailable),
    (15, Refusal::UnacceptedPolicy),
    (16, Refusal::UnacceptedExtension),
    (17, Refusal::InformationNotAvailable),
    (25, Refusal::SystemFailure),
];

fn refusal(status: &PkiStatusInfo<'_>) -> Refusal {
    let has = |bit: usize| {
        status
            .fail_info
            .is_some_and(|bits| bits.bits().nth(bit) == Some(true))
    };
    match status.status {
        3 => Refusal::Waiting,
        4 | 5 => Refusal::Revocation,
        _ => FAILURES
            .into_iter()
            .find_map(|(bit, refusal)| has(bit).then_some(refusal))
            .unwrap_or(Refusal::Rejected),
    }
}
