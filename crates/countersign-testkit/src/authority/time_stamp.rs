//! An authority that stamps time, honest or broken in one named way \[RFC 3161\].

use std::sync::{Mutex, PoisonError};

use async_trait::async_trait;
use countersign_audit::time_stamp_authority::{
    TimeStampAuthority as Port, TimeStampAuthorityError,
};
use countersign_core::Timestamp;

use super::certificate::{CertificateAuthority, CertificateSpec, Issued};
use super::der;
use super::key::KeyKind;
use super::signed_data::SignedDataSpec;

/// What an authority does wrong.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[non_exhaustive]
pub enum Fault {
    /// It can not be reached, by who asks through the port.
    IsDown,
    /// It refuses, and names this bit of `PKIFailureInfo` \[RFC 3161 §2.4.2\].
    Refuses(u8),
    /// It answers with this `PKIStatus` and nothing else.
    Status(u8),
    /// It says that it granted the request, and gives nothing.
    GrantsNothing,
    /// It echoes another nonce.
    OtherNonce,
    /// It echoes no nonce.
    NoNonce,
    /// It stamps another hash.
    OtherImprint,
    /// It stamps by a hash that is not known.
    UnknownImprint,
    /// It answers under another policy than it was asked for.
    OtherPolicy,
    /// It refers to another certificate than its own.
    OtherCertificate,
    /// It refers to its certificate by SHA-1, as RFC 3161 wrote it: no fault, only old.
    OldReference,
    /// It refers to no certificate.
    NoReference,
    /// A bit of the signature is turned over.
    ChangedSignature,
    /// It leaves its certificate out.
    NoCertificate,
    /// It signs the token twice.
    TwoSigners,
    /// It adds attributes that it did not sign.
    UnsignedAttributes,
    /// It signs plain data instead of a time-stamp.
    OtherContentType,
    /// It leaves the content out.
    NoContent,
    /// It writes another version.
    Version,
    /// It names itself as somebody else.
    OtherName,
    /// It adds an extension that has to be understood.
    CriticalExtension,
    /// It writes a time with a zero at the end of its fraction.
    BadTime,
    /// It names an accuracy of no thousandth.
    BadAccuracy,
}

/// A time-stamp authority for tests: it answers requests at a time that the test sets.
#[derive(Debug)]
pub struct TimeStampAuthority {
    own: Issued,
    state: Mutex<State>,
}

#[derive(Debug)]
struct State {
    now: Timestamp,
    fault: Option<Fault>,
    serial: u64,
}

/// The policy that it stamps under.
const POLICY: &str = "1.3.6.1.4.1.99999.2.1";
/// `id-ct-TSTInfo`
const TST_INFO: &str = "1.2.840.113549.1.9.16.1.4";

impl TimeStampAuthority {
    /// An honest authority with a certificate by `issuer`, a key on P-256, and the clock at `now`.
    #[must_use]
    pub fn new(issuer: &CertificateAuthority, name: &str, now: Timestamp) -> Self {
        let spec = CertificateSpec::time_stamping(name);
        Self::with_certificate(issuer.issue(&spec, KeyKind::P256), now)
    }

    /// One with this key and certificate, right or wrong.
    #[must_use]
    pub fn with_certificate(own: Issued, now: Timestamp) -> Self {
        Self {
            own,
            state: Mutex::new(State {
                now,
                fault: None,
                serial: 1,
            }),
        }
    }

    /// From now on it does this wrong.
    #[must_use]
    pub fn with_fault(self, fault: Fault) -> Self {
        self.set_fault(Some(fault));
        self
    }

    /// From now on it does this wrong, or nothing.
    pub fn set_fault(&self, fault: Option<Fault>) {
        self.lock().fault = fault;
    }

    /// Sets its clock.
    pub fn set_time(&self, now: Timestamp) {
        self.lock().now = now;
    }

    /// Its certificate, in DER.
    #[must_use]
    pub fn certificate(&self) -> &[u8] {
        self.own.certificate()
    }

    fn lock(&self) -> std::sync::MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Answers a `TimeStampReq` with a `TimeStampResp`.
    ///
    /// # Panics
    /// If the request can not be read.
    #[must_use]
    pub fn answer(&self, request: &[u8]) -> Vec<u8> {
        let mut state = self.lock();
        state.serial = state.serial.saturating_add(1);
        let status = |parts: &[&[u8]]| der::sequence(parts);
        match state.fault {
            Some(Fault::Refuses(bit)) => {
                let rejection = status(&[&der::integer(&[2]), &failure(bit)]);
                der::sequence(&[&rejection])
            }
            Some(Fault::Status(number)) => der::sequence(&[&status(&[&der::integer(&[number])])]),
            Some(Fault::GrantsNothing) => der::sequence(&[&status(&[&der::integer(&[0])])]),
            fault => {
                let info = time_stamp(&Request::read(request), &state, &self.own.name);
                let granted = status(&[&der::integer(&[0])]);
                der::sequence(&[&granted, &self.token(&info, fault)])
            }
        }
    }

    fn token(&self, info: &[u8], fault: Option<Fault>) -> Vec<u8> {
        let own = &self.own;
        let mut spec = SignedDataSpec::new(TST_INFO, info, own);
        let reference = spec.attributes.len().saturating_sub(1);
        match fault {
            Some(Fault::OtherCertificate) => {
                let other = CertificateAuthority::new("Another");
                spec.attributes.truncate(reference);
                spec.attributes
                    .push(SignedDataSpec::reference_to(other.own()));
            }
            Some(Fault::OldReference) => {
                spec.attributes.truncate(reference);
                spec.attributes.push(SignedDataSpec::old_reference_to(own));
            }
            Some(Fault::NoReference) => spec.attributes.truncate(reference),
            Some(Fault::ChangedSignature) => spec.change_signature = true,
            Some(Fault::NoCertificate) => spec.certificates.clear(),
            Some(Fault::TwoSigners) => spec.signers = 2,
            Some(Fault::UnsignedAttributes) => {
                let text = der::octets(b"nobody signed this");
                let attribute = der::sequence(&[&der::oid("1.2.3.4"), &der::set(&[&text])]);
                spec.unsigned_attributes = Some(attribute);
            }
            Some(Fault::OtherContentType) => spec.content_type = "1.2.840.113549.1.7.1",
            Some(Fault::NoContent) => spec.content = None,
            _ => {}
        }
        spec.sign(own)
    }
}

#[async_trait]
impl Port for TimeStampAuthority {
    async fn stamp(&self, request: &[u8]) -> Result<Vec<u8>, TimeStampAuthorityError> {
        let fault = self.lock().fault;
        match fault {
            Some(Fault::IsDown) => Err(TimeStampAuthorityError::new("is down")),
            _ => Ok(self.answer(request)),
        }
    }
}

/// `PKIFailureInfo` with one bit \[RFC 3161 §2.4.2\].
fn failure(bit: u8) -> Vec<u8> {
    let byte = 0x80_u8.checked_shr(u32::from(bit % 8)).unwrap_or(0);
    let mut bytes = vec![0; usize::from(bit / 8)];
    bytes.push(byte);
    let unused = u8::try_from(byte.trailing_zeros()).unwrap_or(0);
    der::tlv(0x03, &[&[unused], &bytes])
}

/// What a request holds \[RFC 3161 §2.4.1\].
struct Request {
    /// The inside of `MessageImprint`.
    imprint: Vec<u8>,
    policy: Option<Vec<u8>>,
    nonce: Option<Vec<u8>>,
}

impl Request {
    #[allow(clippy::panic, reason = "tests fail by panicking")]
    fn read(request: &[u8]) -> Self {
        let [(0x30, inside)] = der::elements(request)[..] else {
            panic!("a TimeStampReq");
        };
        let fields = der::elements(inside);
        let [(0x02, [1]), (0x30, imprint), ref rest @ ..] = fields[..] else {
            panic!("version 1 and an imprint");
        };
        let field = |tag: u8| {
            let mut found = rest.iter().filter(move |(one, _)| *one == tag);
            found.next().map(|(_, inside)| inside.to_vec())
        };
        Self {
            imprint: imprint.to_vec(),
            policy: field(0x06),
            nonce: field(0x02),
        }
    }
}

/// `TSTInfo` \[RFC 3161 §2.4.2\].
fn time_stamp(request: &Request, state: &State, own_name: &[u8]) -> Vec<u8> {
    let fault = state.fault;
    let imprint = match fault {
        Some(Fault::OtherImprint) => {
            let mut imprint = request.imprint.clone();
            if let Some(last) = imprint.last_mut() {
                *last ^= 1;
            }
            der::sequence(&[&imprint])
        }
        // MD5
        Some(Fault::UnknownImprint) => der::sequence(&[
            &der::algorithm("1.2.840.113549.2.5", &der::null()),
            &der::octets(&[0; 16]),
        ]),
        _ => der::sequence(&[&request.imprint]),
    };
    let policy = match (fault, &request.policy) {
        (Some(Fault::OtherPolicy), _) | (_, None) => der::oid(POLICY),
        (_, Some(asked)) => der::tlv(0x06, &[asked]),
    };
    let nonce = match (fault, &request.nonce) {
        (Some(Fault::NoNonce), _) | (_, None) => Vec::new(),
        (Some(Fault::OtherNonce), _) => der::integer(&[1, 2, 3]),
        (_, Some(nonce)) => der::tlv(0x02, &[nonce]),
    };
    let name = match fault {
        Some(Fault::OtherName) => {
            let other = CertificateAuthority::new("Somebody Else");
            other.own().name.clone()
        }
        _ => own_name.to_vec(),
    };
    let version = match fault {
        Some(Fault::Version) => 2,
        _ => 1,
    };
    let time = match fault {
        Some(Fault::BadTime) => der::tlv(0x18, &[b"20260301093000.50Z"]),
        _ => der::time(state.now),
    };
    // One second [RFC 3161 §2.4.2].
    let accuracy = match fault {
        Some(Fault::BadAccuracy) => der::sequence(&[&der::tlv(0x80, &[&[0]])]),
        _ => der::sequence(&[&der::integer(&[1])]),
    };
    let extensions = match fault {
        Some(Fault::CriticalExtension) => {
            let yes = der::tlv(0x01, &[&[0xff]]);
            let id = der::oid("1.3.6.1.4.1.99999.1");
            let extension = der::sequence(&[&id, &yes, &der::octets(&der::null())]);
            der::context(1, &[&extension])
        }
        _ => Vec::new(),
    };
    der::sequence(&[
        &der::integer(&[version]),
        &policy,
        &imprint,
        &der::integer(&state.serial.to_be_bytes()),
        &time,
        &accuracy,
        &nonce,
        &der::context(0, &[&der::context(4, &[&name])]),
        &extensions,
    ])
}
