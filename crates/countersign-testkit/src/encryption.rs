//! Encrypting as identity providers do, and as they should not \[XMLEnc\].
//!
//! ```
//! use countersign_core::Timestamp;
//! use countersign_testkit::encryption::Encryption;
//! use countersign_testkit::idp::{ResponseSpec, Sign, TestIdp};
//! use countersign_testkit::keys;
//!
//! let idp = TestIdp::new("https://idp.example/metadata");
//! let spec = ResponseSpec::new("sp", "https://sp.example/acs", "nurse", Timestamp::UNIX_EPOCH)
//!     .signed(Sign::Response)
//!     .encrypted(Encryption::for_certificate(keys::SP_RSA_2048_CERTIFICATE));
//! let response = String::from_utf8(idp.respond(&spec))?;
//! assert!(response.contains("<saml:EncryptedAssertion>") && !response.contains("nurse"));
//! # Ok::<(), std::string::FromUtf8Error>(())
//! ```
//!
//! What is random elsewhere follows from the plaintext here, so that the same specification gives
//! the same bytes.

use aes::{Aes128, Aes192, Aes256};
use aes_gcm::aead::AeadInPlace;
use aes_gcm::aead::consts::U12;
use aes_gcm::{AesGcm, KeyInit, Nonce};
use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use cbc::cipher::{BlockCipher, BlockEncryptMut, KeyIvInit};
use countersign_dsig::algorithm::{DSIG_NAMESPACE, DigestAlgorithm};
use countersign_dsig::encryption::{
    ContentCipher, ENCRYPTED_ELEMENT, RSA_OAEP, RSA_OAEP_MGF1P, XMLENC_NAMESPACE,
    XMLENC11_NAMESPACE,
};
use rsa::pkcs8::DecodePublicKey;
use rsa::rand_core::{CryptoRng, RngCore};
use rsa::{Oaep, Pkcs1v15Encrypt, RsaPublicKey};
use sha1::Sha1;
use sha2::digest::DynDigest;
use sha2::{Digest, Sha256, Sha384, Sha512};
use x509_parser::certificate::X509Certificate;
use x509_parser::prelude::FromDer;

use crate::idp::must;

/// How the content key is encrypted.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[non_exhaustive]
pub enum KeyTransport {
    /// `rsa-oaep-mgf1p`, with MGF1 on SHA-1; a `DigestMethod` if one is named.
    OaepMgf1p(Option<DigestAlgorithm>),
    /// `xmlenc11#rsa-oaep`, with the digest of the label and that of MGF1.
    Oaep(DigestAlgorithm, DigestAlgorithm),
    /// RSA with PKCS#1 v1.5 padding, which nobody should use any more.
    Pkcs1,
}

/// Where the `EncryptedKey`s stand.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum KeyPlace {
    /// In the `KeyInfo` of `EncryptedData`.
    #[default]
    Inside,
    /// Behind `EncryptedData`, which refers to them by a `RetrievalMethod` \[SAML-Core §2.2.4\].
    Beside,
}

/// How something is encrypted: everything, so that a test can change one thing.
#[derive(Debug, Clone)]
#[non_exhaustive]
pub struct Encryption {
    /// What the content is encrypted with.
    pub cipher: ContentCipher,
    /// How its key is encrypted.
    pub transport: KeyTransport,
    /// `OAEPparams`; left out if empty.
    pub label: Vec<u8>,
    /// For whom: a certificate (DER) for each `EncryptedKey`, with its `Recipient`.
    pub recipients: Vec<(Vec<u8>, Option<String>)>,
    /// Where the keys stand.
    pub place: KeyPlace,
    /// Whether the plaintext declares all its namespaces itself. Otherwise it leans on those that
    /// are declared around it, as libxmlsec leaves it.
    pub self_contained: bool,
    /// `Type` of `EncryptedData`.
    pub content_type: Option<String>,
    /// The content's algorithm to name in place of the one that is used.
    pub claimed_cipher: Option<String>,
    /// The key's algorithm to name in place of the one that is used.
    pub claimed_transport: Option<String>,
    /// What the last octet of the padding of CBC is, in place of the padding's length.
    pub padding_octet: Option<u8>,
    /// Keeps two encryptions of the same plaintext apart.
    pub seed: u64,
}

impl Encryption {
    /// AES-256-GCM under RSA-OAEP with MGF1 on SHA-1, for the holder of this certificate (DER).
    #[must_use]
    pub fn for_certificate(der: &[u8]) -> Self {
        Self {
            cipher: ContentCipher::Aes256Gcm,
            transport: KeyTransport::OaepMgf1p(None),
            label: Vec::new(),
            recipients: vec![(der.to_vec(), None)],
            place: KeyPlace::Inside,
            self_contained: true,
            content_type: Some(ENCRYPTED_ELEMENT.to_owned()),
            claimed_cipher: None,
            claimed_transport: None,
            padding_octet: None,
            seed: 0,
        }
    }

    /// The same with another cipher.
    #[must_use]
    pub fn with_cipher(mut self, cipher: ContentCipher) -> Self {
        self.cipher = cipher;
        self
    }

    /// The same with another way to encrypt the key.
    #[must_use]
    pub fn with_transport(mut self, transport: KeyTransport) -> Self {
        self.transport = transport;
        self
    }

    /// The same with the keys in another place.
    #[must_use]
    pub fn with_keys(mut self, place: KeyPlace) -> Self {
        self.place = place;
        self
    }

    /// The same, for the holder of one more certificate; `recipient` is a hint.
    #[must_use]
    pub fn and_for_certificate(mut self, der: &[u8], recipient: Option<&str>) -> Self {
        let recipient = recipient.map(str::to_owned);
        self.recipients.push((der.to_vec(), recipient));
        self
    }

    /// `plaintext`, encrypted: what an `EncryptedAssertion`, `EncryptedID` or `EncryptedAttribute`
    /// holds \[SAML-Core §2.2.4\]. Any bytes can be encrypted.
    ///
    /// # Panics
    /// If a certificate is none with an RSA key, or that key is too short for the digests.
    #[must_use]
    pub fn encrypt(&self, plaintext: &[u8]) -> String {
        let mut random = Random::new(plaintext, self.seed);
        let mut content_key = vec![0; self.cipher.key_len_bytes()];
        random.fill_bytes(&mut content_key);
        let ciphertext = self.seal(&content_key, plaintext, &mut random);
        let id = format!("_k{}", random.next_u64());
        let mut keys = String::new();
        for (number, (certificate, recipient)) in (0_usize..).zip(&self.recipients) {
            let id = format!("{id}-{number}");
            let recipient = recipient.as_deref().map_or(String::new(), |recipient| {
                format!(" Recipient=\"{recipient}\"")
            });
            let wrapped = self.wrap(certificate, &content_key, &mut random);
            keys.push_str(&format!(
                concat!(
                    r#"<xenc:EncryptedKey xmlns:xenc="{xenc}" Id="{id}"{recipient}>{method}"#,
                    r#"<xenc:CipherData><xenc:CipherValue>{value}</xenc:CipherValue></xenc:CipherData>"#,
                    r#"</xenc:EncryptedKey>"#
                ),
                xenc = XMLENC_NAMESPACE,
                id = id,
                recipient = recipient,
                method = self.key_method(),
                value = STANDARD.encode(wrapped),
            ));
        }
        let (inside, beside) = match self.place {
            KeyPlace::Inside => (keys, String::new()),
            KeyPlace::Beside => {
                let reference = format!(
                    r##"<ds:RetrievalMethod Type="{XMLENC_NAMESPACE}EncryptedKey" URI="#{id}-0"/>"##
                );
                (reference, keys)
            }
        };
        let content_type = self
            .content_type
            .as_deref()
            .map_or(String::new(), |uri| format!(" Type=\"{uri}\""));
        format!(
            concat!(
                r#"<xenc:EncryptedData xmlns:xenc="{xenc}"{content_type}>"#,
                r#"<xenc:EncryptionMethod Algorithm="{cipher}"/>"#,
                r#"<ds:KeyInfo xmlns:ds="{ds}">{inside}</ds:KeyInfo>"#,
                r#"<xenc:CipherData><xenc:CipherValue>{value}</xenc:CipherValue></xenc:CipherData>"#,
                r#"</xenc:EncryptedData>{beside}"#
            ),
            xenc = XMLENC_NAMESPACE,
            content_type = content_type,
            cipher = self.claimed_cipher.as_deref().unwrap_or(self.cipher.uri()),
            ds = DSIG_NAMESPACE,
            inside = inside,
            value = STANDARD.encode(ciphertext),
            beside = beside,
        )
    }

    /// `plaintext`, encrypted, in an element of SAML's, such as `saml:EncryptedAssertion`. The
    /// prefix `saml` has to be declared where it goes.
    #[must_use]
    pub fn encrypt_into(&self, holder: &str, plaintext: &[u8]) -> String {
        format!("<{holder}>{}</{holder}>", self.encrypt(plaintext))
    }

    fn key_method(&self) -> String {
        let (uri, digest, mask) = match self.transport {
            KeyTransport::OaepMgf1p(digest) => (RSA_OAEP_MGF1P.to_owned(), digest, None),
            KeyTransport::Oaep(digest, mask) => (RSA_OAEP.to_owned(), Some(digest), Some(mask)),
            KeyTransport::Pkcs1 => (format!("{XMLENC_NAMESPACE}rsa-1_5"), None, None),
        };
        let uri = self.claimed_transport.as_deref().unwrap_or(&uri);
        let mut xml = format!(r#"<xenc:EncryptionMethod Algorithm="{uri}">"#);
        if !self.label.is_empty() {
            let label = STANDARD.encode(&self.label);
            xml.push_str(&format!("<xenc:OAEPparams>{label}</xenc:OAEPparams>"));
        }
        if let Some(digest) = digest {
            xml.push_str(&format!(
                r#"<ds:DigestMethod xmlns:ds="{DSIG_NAMESPACE}" Algorithm="{}"/>"#,
                digest.uri()
            ));
        }
        if let Some(mask) = mask {
            xml.push_str(&format!(
                r#"<xenc11:MGF xmlns:xenc11="{XMLENC11_NAMESPACE}" Algorithm="{XMLENC11_NAMESPACE}mgf1{}"/>"#,
                match mask {
                    DigestAlgorithm::Sha1 => "sha1",
                    DigestAlgorithm::Sha384 => "sha384",
                    DigestAlgorithm::Sha512 => "sha512",
                    _ => "sha256",
                }
            ));
        }
        xml.push_str("</xenc:EncryptionMethod>");
        xml
    }

    fn wrap(&self, certificate: &[u8], content_key: &[u8], random: &mut Random) -> Vec<u8> {
        let (_, certificate) = must(X509Certificate::from_der(certificate));
        let key = must(RsaPublicKey::from_public_key_der(
            certificate.public_key().raw,
        ));
        let (digest, mask) = match self.transport {
            KeyTransport::Pkcs1 => return must(key.encrypt(random, Pkcs1v15Encrypt, content_key)),
            KeyTransport::OaepMgf1p(digest) => (
                digest.unwrap_or(DigestAlgorithm::Sha1),
                DigestAlgorithm::Sha1,
            ),
            KeyTransport::Oaep(digest, mask) => (digest, mask),
        };
        let mut digest = hash(digest);
        digest.update(&self.label);
        let padding = Oaep {
            digest,
            mgf_digest: hash(mask),
            label: None,
        };
        must(key.encrypt(random, padding, content_key))
    }

    /// Initialization vector, ciphertext and, for GCM, tag.
    fn seal(&self, key: &[u8], plaintext: &[u8], random: &mut Random) -> Vec<u8> {
        match self.cipher {
            ContentCipher::Aes128Gcm => seal_gcm::<AesGcm<Aes128, U12>>(key, plaintext, random),
            ContentCipher::Aes192Gcm => seal_gcm::<AesGcm<Aes192, U12>>(key, plaintext, random),
            ContentCipher::Aes128Cbc => self.seal_cbc::<Aes128>(key, plaintext, random),
            ContentCipher::Aes192Cbc => self.seal_cbc::<Aes192>(key, plaintext, random),
            ContentCipher::Aes256Cbc => self.seal_cbc::<Aes256>(key, plaintext, random),
            _ => seal_gcm::<AesGcm<Aes256, U12>>(key, plaintext, random),
        }
    }

    /// With random octets as padding and their number as the last \[XMLEnc §5.2\].
    fn seal_cbc<C>(&self, key: &[u8], plaintext: &[u8], random: &mut Random) -> Vec<u8>
    where
        C: BlockEncryptMut + BlockCipher,
        cbc::Encryptor<C>: KeyIvInit,
    {
        let mut iv = [0; 16];
        random.fill_bytes(&mut iv);
        let padding = 16_usize.saturating_sub(plaintext.len() % 16);
        let mut padded = vec![0; padding];
        random.fill_bytes(&mut padded);
        if let Some(last) = padded.last_mut() {
            *last = self
                .padding_octet
                .unwrap_or(u8::try_from(padding).unwrap_or_default());
        }
        let mut blocks = [plaintext, &padded].concat();
        let mut encryptor = must(cbc::Encryptor::<C>::new_from_slices(key, &iv));
        for block in blocks.chunks_exact_mut(16) {
            encryptor.encrypt_block_mut(block.into());
        }
        [&iv[..], &blocks].concat()
    }
}

fn seal_gcm<C>(key: &[u8], plaintext: &[u8], random: &mut Random) -> Vec<u8>
where
    C: KeyInit + AeadInPlace<NonceSize = U12>,
{
    let mut iv = [0; 12];
    random.fill_bytes(&mut iv);
    let mut bytes = plaintext.to_vec();
    let nonce = Nonce::<U12>::from(iv);
    let cipher = must(C::new_from_slice(key));
    let tag = must(cipher.encrypt_in_place_detached(&nonce, b"", &mut bytes));
    [&iv[..], &bytes, &tag].concat()
}

fn hash(algorithm: DigestAlgorithm) -> Box<dyn DynDigest + Send + Sync> {
    match algorithm {
        DigestAlgorithm::Sha1 => Box::new(Sha1::new()),
        DigestAlgorithm::Sha384 => Box::new(Sha384::new()),
        DigestAlgorithm::Sha512 => Box::new(Sha512::new()),
        _ => Box::new(Sha256::new()),
    }
}

/// Octets that follow from a seed: SHA-256 of it and a counter.
struct Random {
    seed: [u8; 32],
    counter: u64,
    left: Vec<u8>,
}

impl Random {
    fn new(plaintext: &[u8], seed: u64) -> Self {
        let seed = Sha256::new()
            .chain_update(seed.to_be_bytes())
            .chain_update(plaintext);
        Self {
            seed: seed.finalize().into(),
            counter: 0,
            left: Vec::new(),
        }
    }

    fn next_octet(&mut self) -> u8 {
        loop {
            if let Some(octet) = self.left.pop() {
                return octet;
            }
            self.counter = self.counter.wrapping_add(1);
            let block = Sha256::new()
                .chain_update(self.seed)
                .chain_update(self.counter.to_be_bytes());
            self.left = block.finalize().to_vec();
        }
    }
}

impl RngCore for Random {
    fn next_u32(&mut self) -> u32 {
        u32::from_be_bytes(std::array::from_fn(|_| self.next_octet()))
    }

    fn next_u64(&mut self) -> u64 {
        u64::from_be_bytes(std::array::from_fn(|_| self.next_octet()))
    }

    fn fill_bytes(&mut self, bytes: &mut [u8]) {
        for octet in bytes {
            *octet = self.next_octet();
        }
    }

    fn try_fill_bytes(&mut self, bytes: &mut [u8]) -> Result<(), rsa::rand_core::Error> {
        self.fill_bytes(bytes);
        Ok(())
    }
}

/// Good enough for keys that everybody knows.
impl CryptoRng for Random {}
