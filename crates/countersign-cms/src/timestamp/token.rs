//! One time-stamp: a `TimeStampToken` and the `TSTInfo` in it \[RFC 3161 §2.4.2\].

use std::fmt;
use std::time::Duration;

use countersign_core::{Sha256Digest, Timestamp};
use der::DateTime;

use super::Imprint;
use crate::algorithm::DigestAlgorithm;
use crate::certificate::Purpose;
use crate::error::{Broken, CmsError, Malformed, Unsupported, Untrusted};
use crate::oid;
use crate::signed_data::OneSigner;
use crate::trust::{TrustAnchor, verify_path};
use crate::wire::{GenTime, TstInfo, WireAccuracy, read};

/// By how much an authority's clock may be ahead of the one who verifies, as `openssl` has it.
pub const CLOCK_SKEW: Duration = Duration::from_secs(300);

/// How far the stated time may be off, by the authority's own word.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Accuracy(Duration);

impl Accuracy {
    /// Plus or minus.
    #[must_use]
    pub fn duration(self) -> Duration {
        self.0
    }
}

impl fmt::Display for Accuracy {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{:?}", self.0)
    }
}

/// A time-stamp that holds: the data was there at this time.
#[derive(Debug, Clone, PartialEq, Eq)]
#[non_exhaustive]
pub struct VerifiedTime {
    /// The time.
    pub gen_time: Timestamp,
    /// How far it may be off; `None` if the authority does not say.
    pub accuracy: Option<Accuracy>,
    /// The authority's policy, as an object identifier such as `1.2.3.4`.
    pub policy: String,
    /// The time-stamp's number at the authority, in hexadecimal digits.
    pub serial: String,
    /// The hash that the data was handed over by.
    pub imprint: DigestAlgorithm,
    /// The SHA-256 of the authority's certificate.
    pub authority_sha256: Sha256Digest,
    /// The authority's certificate, in DER.
    pub certificate: Vec<u8>,
    /// Whose certificate it is, by its issuer's word \[RFC 4514\].
    pub authority: String,
    /// Until when all certificates of the path are valid; of a chain, of its last time-stamp's.
    /// Afterwards it proves nothing any more, unless it was renewed before.
    pub valid_until: Timestamp,
}

/// What was read of a token; nothing in it is to be trusted yet.
#[derive(Debug)]
pub(super) struct Token<'a> {
    signed: OneSigner<'a>,
    content: &'a [u8],
}

impl<'a> Token<'a> {
    pub(super) fn read(der: &'a [u8]) -> Result<Self, CmsError> {
        let signed = OneSigner::read(der, oid::TST_INFO)?;
        let content = signed.content.ok_or(Malformed::TstInfo)?;
        Ok(Self { signed, content })
    }

    pub(super) fn info(&self) -> Result<TstInfo<'a>, CmsError> {
        let info: TstInfo<'a> = read(self.content).ok_or(Malformed::TstInfo)?;
        if info.version != 1 {
            return Err(Unsupported::Version.into());
        }
        let extensions = info.extensions.iter().flatten();
        if extensions.into_iter().any(|extension| extension.critical) {
            return Err(Unsupported::CriticalExtension.into());
        }
        Ok(info)
    }
}

/// When a token says that it was made, unchecked: for who verifies a chain at that time.
///
/// # Errors
/// As [`verify_token`], if the token can not be read.
pub fn stated_time(token: &[u8]) -> Result<Timestamp, CmsError> {
    Token::read(token)?.stated_time()
}

/// Checks a time-stamp over `data` in full: the imprint, the signature, the reference to the
/// certificate, its purpose, and a path from it to one of `trust`, all of it valid at `at` and
/// when the time-stamp was made.
///
/// Whether a certificate was revoked is not asked.
///
/// # Errors
/// Each rule of `docs/spec/time.md` §3 has a code of its own; [`CmsError::Untrusted`] means that
/// the signature itself holds.
pub fn verify_token(
    token: &[u8],
    data: &[u8],
    trust: &[TrustAnchor],
    at: Timestamp,
) -> Result<VerifiedTime, CmsError> {
    Token::read(token)?.verify(data, trust, at)
}

impl Token<'_> {
    /// When it says that it was made.
    pub(super) fn stated_time(&self) -> Result<Timestamp, CmsError> {
        time_of(self.info()?.gen_time)
    }

    /// As [`verify_token`].
    pub(super) fn verify(
        self,
        data: &[u8],
        trust: &[TrustAnchor],
        at: Timestamp,
    ) -> Result<VerifiedTime, CmsError> {
        let info = self.info()?;
        let imprint = Imprint::read(info.message_imprint)?;
        if !imprint.is_of(data) {
            return Err(Broken::Imprint.into());
        }
        let gen_time = time_of(info.gen_time)?;
        let accuracy = info.accuracy.map(accuracy_of).transpose()?;
        let signer = self.signed.verify(self.content)?;
        let certificate = &signer.certificate;
        // [RFC 3161 §2.4.2]: if there, it is one of the names in the certificate.
        if info.tsa.is_some_and(|name| !certificate.is_called(name)) {
            return Err(Broken::AuthorityName.into());
        }
        let valid_until = verify_path(
            certificate,
            &signer.others,
            trust,
            Purpose::TimeStamping,
            at,
        )?;
        certificate.validity().check(gen_time)?;
        if gen_time > at.saturating_add(CLOCK_SKEW) {
            return Err(Untrusted::FromTheFuture { at }.into());
        }
        Ok(VerifiedTime {
            gen_time,
            accuracy,
            policy: info.policy.to_string(),
            serial: hex(info.serial_number.as_bytes()),
            imprint: imprint.algorithm(),
            authority_sha256: certificate.sha256(),
            certificate: certificate.der().to_vec(),
            authority: certificate.subject(),
            valid_until,
        })
    }
}

fn hex(bytes: &[u8]) -> String {
    bytes.iter().map(|byte| format!("{byte:02x}")).collect()
}

/// `YYYYMMDDhhmmss[.s…]Z`, the fraction without zeros at its end \[RFC 3161 §2.4.2\]. What is
/// finer than a millisecond is cut off.
fn time_of(time: GenTime<'_>) -> Result<Timestamp, CmsError> {
    parse_time(time.0).ok_or_else(|| Malformed::TstInfo.into())
}

fn parse_time(text: &[u8]) -> Option<Timestamp> {
    let text = std::str::from_utf8(text).ok()?.strip_suffix('Z')?;
    let (whole, fraction) = match text.split_once('.') {
        None => (text, ""),
        Some((_, fraction)) if fraction.is_empty() || fraction.ends_with('0') => return None,
        Some(parts) => parts,
    };
    let is_digits = |text: &str| text.bytes().all(|byte| byte.is_ascii_digit());
    if whole.len() != 14 || !is_digits(whole) || !is_digits(fraction) {
        return None;
    }
    let two = |at: usize| whole.get(at..at.checked_add(2)?)?.parse::<u8>().ok();
    let year: u16 = whole.get(..4)?.parse().ok()?;
    let time = DateTime::new(year, two(4)?, two(6)?, two(8)?, two(10)?, two(12)?).ok()?;
    let millis: String = fraction.chars().chain("000".chars()).take(3).collect();
    let millis: i64 = millis.parse().ok()?;
    let seconds = i64::try_from(time.unix_duration().as_secs()).ok()?;
    Some(Timestamp::from_unix_millis(
        seconds.checked_mul(1000)?.checked_add(millis)?,
    ))
}

/// Thousandths are from 1 to 999 \[RFC 3161 §2.4.2\].
fn accuracy_of(wire: WireAccuracy) -> Result<Accuracy, CmsError> {
    let thousandths = |value: Option<u16>| match value {
        None => Ok(0),
        Some(value @ 1..=999) => Ok(u64::from(value)),
        Some(_) => Err(CmsError::from(Malformed::TstInfo)),
    };
    let millis = Duration::from_millis(thousandths(wire.millis)?);
    let micros = Duration::from_micros(thousandths(wire.micros)?);
    let seconds = Duration::from_secs(u64::from(wire.seconds.unwrap_or(0)));
    Ok(Accuracy(
        seconds.saturating_add(millis).saturating_add(micros),
    ))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn times_have_the_form_of_the_rfc() {
        let time = |text: &str| parse_time(text.as_bytes()).map(|time| time.to_string());
        assert_eq!(
            time("20260301093000Z").as_deref(),
            Some("2026-03-01T09:30:00.000Z")
        );
        assert_eq!(
            time("20260301093000.34352Z").as_deref(),
            Some("2026-03-01T09:30:00.343Z")
        );
        assert_eq!(
            time("20260301093000.5Z").as_deref(),
            Some("2026-03-01T09:30:00.500Z")
        );
        for bad in [
            "",
            "Z",
            "20260301093000",
            "20260301093000.Z",
            "20260301093000.50Z",
            "20260301093000,5Z",
            "202603010930Z",
            "20261301093000Z",
            "20260230093000Z",
            "20260301093060Z",
            "19690301093000Z",
            "20260301093000+0000",
            "+0260301093000Z",
            "20260301093000.5é5Z",
        ] {
            assert_eq!(time(bad), None, "{bad}");
        }
    }

    #[test]
    fn an_accuracy_adds_up() {
        let wire = |seconds, millis, micros| WireAccuracy {
            seconds,
            millis,
            micros,
        };
        assert_eq!(
            accuracy_of(wire(Some(1), Some(500), Some(7))).map(Accuracy::duration),
            Ok(Duration::from_micros(1_500_007))
        );
        assert_eq!(
            accuracy_of(wire(None, Some(0), None)),
            Err(Malformed::TstInfo.into())
        );
        assert_eq!(
            accuracy_of(wire(None, None, Some(1000))),
            Err(Malformed::TstInfo.into())
        );
    }
}
