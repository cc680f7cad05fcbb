//! An authority that issues certificates \[RFC 5280\].

use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use countersign_core::Timestamp;

use super::der;
use super::key::{Key, KeyKind};

/// `id-kp-timeStamping`
const TIME_STAMPING: &str = "1.3.6.1.5.5.7.3.8";
/// `id-kp-documentSigning`
const DOCUMENT_SIGNING: &str = "1.3.6.1.5.5.7.3.36";
/// `id-kp-emailProtection`: what `openssl cms -verify` wants to see if anything is there.
const EMAIL_PROTECTION: &str = "1.3.6.1.5.5.7.3.4";

/// What a certificate shall say.
#[derive(Debug, Clone)]
pub struct CertificateSpec {
    /// The common name of the subject.
    pub name: String,
    /// The first second of its validity.
    pub not_before: Timestamp,
    /// The last second of its validity.
    pub not_after: Timestamp,
    /// The first byte of `keyUsage`, `0x80` for signatures; `None` leaves the extension out.
    pub key_usage: Option<u8>,
    /// What the key is for, by object identifiers; none leaves the extension out.
    pub purposes: Vec<&'static str>,
    /// Whether the extension with the purposes is critical.
    pub purposes_are_critical: bool,
    /// Whether it may issue certificates.
    pub is_authority: bool,
    /// An extension that nobody knows, and everybody has to.
    pub unknown_critical_extension: bool,
    /// Its serial number; `None` takes the next one.
    pub serial_number: Option<Vec<u8>>,
}

impl CertificateSpec {
    /// A certificate from 2020 to 2120 whose key is for signatures.
    #[must_use]
    pub fn new(name: &str) -> Self {
        let year = |seconds: i64| Timestamp::from_unix_millis(seconds.saturating_mul(1000));
        Self {
            name: name.to_owned(),
            // 2020-01-01T00:00:00Z and 2120-01-01T00:00:00Z
            not_before: year(1_577_836_800),
            not_after: year(4_733_510_400),
            key_usage: Some(0x80),
            purposes: Vec::new(),
            purposes_are_critical: false,
            is_authority: false,
            unknown_critical_extension: false,
            serial_number: None,
        }
    }

    /// One for a key that seals documents.
    #[must_use]
    pub fn sealer(name: &str) -> Self {
        Self {
            // digitalSignature and nonRepudiation
            key_usage: Some(0xc0),
            purposes: vec![DOCUMENT_SIGNING, EMAIL_PROTECTION],
            ..Self::new(name)
        }
    }

    /// One for a time-stamp authority: its purpose critical and alone \[RFC 3161 §2.3\].
    #[must_use]
    pub fn time_stamping(name: &str) -> Self {
        Self {
            purposes: vec![TIME_STAMPING],
            purposes_are_critical: true,
            ..Self::new(name)
        }
    }

    /// One for an authority.
    #[must_use]
    pub fn authority(name: &str) -> Self {
        Self {
            // keyCertSign and cRLSign
            key_usage: Some(0x06),
            is_authority: true,
            ..Self::new(name)
        }
    }

    /// Valid from `not_before` until `not_after`.
    #[must_use]
    pub fn valid(self, not_before: Timestamp, not_after: Timestamp) -> Self {
        Self {
            not_before,
            not_after,
            ..self
        }
    }
}

/// A certificate with its private key and the certificates above it.
#[derive(Debug, Clone)]
pub struct Issued {
    pub(super) key: Arc<Key>,
    chain: Vec<Vec<u8>>,
    pub(super) name: Vec<u8>,
    pub(super) issuer: Vec<u8>,
    pub(super) serial_number: Vec<u8>,
}

impl Issued {
    /// The certificate, in DER.
    #[must_use]
    pub fn certificate(&self) -> &[u8] {
        self.chain.first().map_or(&[], Vec::as_slice)
    }

    /// The certificate and those above it, without the root.
    #[must_use]
    pub fn chain(&self) -> Vec<Vec<u8>> {
        self.chain.clone()
    }

    /// The private key as PKCS#8 in DER: for a `Signer`.
    #[must_use]
    pub fn pkcs8(&self) -> &[u8] {
        &self.key.pkcs8
    }

    /// Signs a message in the way of its key.
    #[must_use]
    pub fn sign(&self, message: &[u8]) -> Vec<u8> {
        self.key.sign(message)
    }
}

/// An authority that issues certificates; its own is a root, or issued by one above it.
#[derive(Debug, Clone)]
pub struct CertificateAuthority {
    own: Issued,
    is_root: bool,
    next: Arc<AtomicU64>,
}

impl CertificateAuthority {
    /// A root with a new key on P-256, valid from 2020 to 2120.
    #[must_use]
    pub fn new(name: &str) -> Self {
        Self::root(&CertificateSpec::authority(name), KeyKind::P256)
    }

    /// A root that says what `spec` says.
    #[must_use]
    pub fn root(spec: &CertificateSpec, key: KeyKind) -> Self {
        let key = Arc::new(Key::new(key));
        let name = common_name(&spec.name);
        let own = issue(spec, Arc::clone(&key), &key, &name, &[1], Vec::new());
        Self {
            own,
            is_root: true,
            next: Arc::new(AtomicU64::new(2)),
        }
    }

    /// An authority below this one.
    #[must_use]
    pub fn below(&self, spec: &CertificateSpec, key: KeyKind) -> Self {
        Self {
            own: self.issue(spec, key),
            is_root: false,
            next: Arc::new(AtomicU64::new(1)),
        }
    }

    /// Its own certificate, in DER: what those trust who trust it.
    #[must_use]
    pub fn certificate(&self) -> &[u8] {
        self.own.certificate()
    }

    /// The same in PEM, as people and openssl keep it \[RFC 7468 §5\].
    #[must_use]
    pub fn pem(&self) -> String {
        let text = STANDARD.encode(self.certificate());
        let mut pem = String::from("-----BEGIN CERTIFICATE-----\n");
        // Lines of 64 characters, which are ASCII [RFC 7468 §2].
        for line in text.as_bytes().chunks(64) {
            pem.extend(line.iter().copied().map(char::from));
            pem.push('\n');
        }
        pem.push_str("-----END CERTIFICATE-----\n");
        pem
    }

    /// Its own certificate with its key.
    #[must_use]
    pub fn own(&self) -> &Issued {
        &self.own
    }

    /// Issues what `spec` says, for a new key.
    #[must_use]
    pub fn issue(&self, spec: &CertificateSpec, key: KeyKind) -> Issued {
        let next = self.next.fetch_add(1, Ordering::Relaxed).to_be_bytes();
        let serial_number = spec.serial_number.clone().unwrap_or(next.to_vec());
        let above = match self.is_root {
            true => Vec::new(),
            false => self.own.chain(),
        };
        let key = Arc::new(Key::new(key));
        issue(
            spec,
            key,
            &self.own.key,
            &self.own.name,
            &serial_number,
            above,
        )
    }

    /// Issues a certificate for a key that seals documents.
    #[must_use]
    pub fn sealer(&self, name: &str, key: KeyKind) -> Issued {
        self.issue(&CertificateSpec::sealer(name), key)
    }
}

/// A name of one `commonName` \[RFC 5280 §4.1.2.4\].
fn common_name(name: &str) -> Vec<u8> {
    let text = der::tlv(0x0c, &[name.as_bytes()]);
    let attribute = der::sequence(&[&der::oid("2.5.4.3"), &text]);
    der::sequence(&[&der::set(&[&attribute])])
}

fn issue(
    spec: &CertificateSpec,
    key: Arc<Key>,
    issuer_key: &Key,
    issuer: &[u8],
    serial_number: &[u8],
    above: Vec<Vec<u8>>,
) -> Issued {
    let name = common_name(&spec.name);
    let serial_number = der::integer(serial_number);
    let validity = der::sequence(&[
        &der::certificate_time(spec.not_before),
        &der::certificate_time(spec.not_after),
    ]);
    let algorithm = issuer_key.signature_algorithm();
    let fields = der::sequence(&[
        &der::context(0, &[&der::integer(&[2])]),
        &serial_number,
        &algorithm,
        issuer,
        &validity,
        &name,
        &key.public(),
        &der::context(3, &[&extensions(spec, &key)]),
    ]);
    let signature = der::bits(&issuer_key.sign(&fields));
    let mut chain = vec![der::sequence(&[&fields, &algorithm, &signature])];
    chain.extend(above);
    Issued {
        key,
        chain,
        name,
        issuer: issuer.to_vec(),
        serial_number,
    }
}

/// The identifier of a key: here, the hash of the whole `SubjectPublicKeyInfo`
/// \[RFC 5280 §4.2.1.2\].
pub(super) fn key_identifier(key: &Key) -> Vec<u8> {
    let hash = ring::digest::digest(&ring::digest::SHA256, &key.public());
    hash.as_ref().iter().copied().take(20).collect()
}

fn extensions(spec: &CertificateSpec, key: &Key) -> Vec<u8> {
    let extension = |id: &str, critical: bool, value: &[u8]| {
        let critical = if critical {
            der::tlv(0x01, &[&[0xff]])
        } else {
            Vec::new()
        };
        der::sequence(&[&der::oid(id), &critical, &der::octets(value)])
    };
    // [RFC 5280 §4.2.1.2]
    let mut all = vec![extension(
        "2.5.29.14",
        false,
        &der::octets(&key_identifier(key)),
    )];
    if spec.is_authority {
        // [RFC 5280 §4.2.1.9]
        let yes = der::tlv(0x01, &[&[0xff]]);
        all.push(extension("2.5.29.19", true, &der::sequence(&[&yes])));
    }
    if let Some(usage) = spec.key_usage {
        // [RFC 5280 §4.2.1.3]: zeros at the end are left out [X.690 §11.2.2].
        let unused = u8::try_from(usage.trailing_zeros().min(7)).unwrap_or(7);
        let usage = der::tlv(0x03, &[&[unused], &[usage]]);
        all.push(extension("2.5.29.15", true, &usage));
    }
    if !spec.purposes.is_empty() {
        let purposes: Vec<Vec<u8>> = spec.purposes.iter().map(|oid| der::oid(oid)).collect();
        let purposes: Vec<&[u8]> = purposes.iter().map(Vec::as_slice).collect();
        let value = der::sequence(&purposes);
        all.push(extension("2.5.29.37", spec.purposes_are_critical, &value));
    }
    if spec.unknown_critical_extension {
        all.push(extension("1.3.6.1.4.1.99999.1", true, &der::null()));
    }
    let all: Vec<&[u8]> = all.iter().map(Vec::as_slice).collect();
    der::sequence(&all)
}
