//! The authorities that forged bundles are made with, and policies that trust them, or others.

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use countersign_audit::VerifierKey;
use countersign_audit::cosignature::{WitnessKey, WitnessPolicy};
use countersign_cms::{DigestAlgorithm, TrustAnchor, cades, timestamp};
use countersign_core::Timestamp;
use countersign_evidence::{Claim, TrustPolicy};
use countersign_testkit::authority::{
    CertificateAuthority, CertificateSpec, KeyKind, TimeStampAuthority,
};
use serde_json::{Value, json};

use super::log::NoteKey;
use super::provider::Provider;
use super::{Authorities, ORIGIN, published, statement, story};

/// Whom the tests trust.
pub struct Court {
    pub by: Authorities,
    pub time_root: Vec<u8>,
    pub seal_root: Vec<u8>,
    /// A root that issued nothing.
    pub other_root: Vec<u8>,
    pub other_log: NoteKey,
}

/// A trust policy, for both verifiers, and the time.
pub struct Policy {
    pub name: &'static str,
    pub ours: TrustPolicy,
    pub theirs: String,
    pub now: Timestamp,
}

/// When everything is verified: 2026-03-05T12:00:00Z.
pub const NOW: u64 = 1_772_712_000_000;

fn root(name: &str) -> CertificateAuthority {
    // RSA signs the same in the same way, so that a run can be repeated.
    CertificateAuthority::root(&CertificateSpec::authority(name), KeyKind::Rsa)
}

impl Court {
    pub fn new(provider: Provider) -> Self {
        let (time_root, seal_root) = (root("Time Root"), root("Seal Root"));
        let between = time_root.below(&CertificateSpec::authority("Time Between"), KeyKind::Rsa);
        let own = between.issue(&CertificateSpec::time_stamping("Time"), KeyKind::Rsa);
        let clock = Timestamp::UNIX_EPOCH;
        let authority = TimeStampAuthority::with_certificate(own, clock);
        let sealer = seal_root.sealer("Sealer", KeyKind::Rsa);
        let signed_at = super::instant(story::START);
        Self {
            time_root: time_root.certificate().to_vec(),
            seal_root: seal_root.certificate().to_vec(),
            other_root: root("Other Root").certificate().to_vec(),
            other_log: NoteKey::new("log.example/other", 1, 9),
            by: Authorities {
                log: NoteKey::new(ORIGIN, 1, 1),
                witnesses: (0..3)
                    .map(|n| NoteKey::new(&format!("witness.example/{n}"), 4, 10 + n))
                    .collect(),
                provider,
                page: published::page(),
                stamp: Box::new(move |data, at| {
                    authority.set_time(super::instant(at));
                    // Each renewal may take a stronger hash.
                    let hashes = [
                        DigestAlgorithm::Sha256,
                        DigestAlgorithm::Sha384,
                        DigestAlgorithm::Sha512,
                    ];
                    let hash = hashes[usize::try_from(at / 1000 % 3).unwrap()];
                    let request = timestamp::request(&timestamp::Imprint::of(hash, data), [7; 16]);
                    timestamp::read_response(&authority.answer(&request), &request).unwrap()
                }),
                seal: Box::new(move |manifest| {
                    let unsigned = cades::prepare(manifest, &sealer.chain(), signed_at).unwrap();
                    let signature = sealer.sign(unsigned.to_be_signed());
                    unsigned.finish(&signature).unwrap()
                }),
            },
        }
    }

    /// Trusts everybody who made the bundles.
    pub fn full(&self) -> Policy {
        let (log, witnesses) = (self.by.log.vkey(), self.witnesses());
        let claims = json!({
            "log_keys": [log], "witnesses": {"k": 2, "keys": witnesses},
            "time_authorities": [base64(&self.time_root)], "sealers": [base64(&self.seal_root)],
            "identity_providers": [base64(&self.by.provider.key())],
        });
        policy("everybody", claims, NOW)
    }

    /// Trusts the log alone.
    pub fn log(&self) -> Policy {
        policy("the log", json!({"log_keys": [self.by.log.vkey()]}), NOW)
    }

    fn witnesses(&self) -> Vec<String> {
        self.by.witnesses.iter().map(NoteKey::vkey).collect()
    }

    /// Whom one may trust, each in its own way.
    pub fn policies(&self) -> Vec<Policy> {
        let (log, other) = (self.by.log.vkey(), self.other_log.vkey());
        let witnesses = self.witnesses();
        let same_name = NoteKey::new(ORIGIN, 1, 99).vkey();
        vec![
            self.full(),
            self.log(),
            policy("nobody", json!({}), NOW),
            policy("another log", json!({"log_keys": [other]}), NOW),
            policy(
                "another log of that name",
                json!({"log_keys": [same_name]}),
                NOW,
            ),
            policy(
                "several logs",
                json!({"log_keys": [other, log, same_name]}),
                NOW,
            ),
            policy(
                "a retired key",
                json!({"retired_log_keys": [[log, 1000]]}),
                NOW,
            ),
            policy(
                "a key that was retired before",
                json!({"retired_log_keys": [[log, 3]]}),
                NOW,
            ),
            policy(
                "a retired key beside another",
                json!({"log_keys": [same_name], "retired_log_keys": [[log, 1000]]}),
                NOW,
            ),
            policy(
                "one witness",
                json!({"log_keys": [log], "witnesses": {"k": 1, "keys": witnesses}}),
                NOW,
            ),
            policy(
                "three witnesses",
                json!({"log_keys": [log], "witnesses": {"k": 3, "keys": witnesses}}),
                NOW,
            ),
            policy(
                "a time-stamp authority",
                json!({"log_keys": [log], "time_authorities": [base64(&self.time_root)]}),
                NOW,
            ),
            policy(
                "other authorities",
                json!({
                    "log_keys": [log], "time_authorities": [base64(&self.other_root)],
                    "sealers": [base64(&self.other_root)],
                }),
                NOW,
            ),
            policy(
                "a sealer",
                json!({"log_keys": [log], "sealers": [base64(&self.seal_root)]}),
                NOW,
            ),
            policy(
                "an identity provider",
                json!({"log_keys": [log], "identity_providers": [base64(&self.by.provider.key())]}),
                NOW,
            ),
            policy(
                "an identity provider, and whom it spoke to",
                json!({
                    "log_keys": [log], "audiences": [statement::AUDIENCE],
                    "identity_providers": [base64(&self.by.provider.key())],
                }),
                NOW,
            ),
            policy(
                "an identity provider that spoke to somebody else",
                json!({"log_keys": [log], "audiences": ["https://other.example"]}),
                NOW,
            ),
            policy(
                "another identity provider",
                json!({"log_keys": [log], "identity_providers": [base64(b"certificate")]}),
                NOW,
            ),
            policy(
                "a document",
                json!({"log_keys": [log], "claims": ["document"]}),
                NOW,
            ),
            policy(
                "openings",
                json!({"log_keys": [log], "claims": ["opening"]}),
                NOW,
            ),
            policy(
                "consent",
                json!({"log_keys": [log], "claims": ["consent"]}),
                NOW,
            ),
            policy(
                "attachments",
                json!({"log_keys": [log], "claims": ["attachment"]}),
                NOW,
            ),
            policy(
                "the log, too early",
                json!({"log_keys": [log]}),
                story::START - 3_600_000,
            ),
            policy(
                "the log, hardly too early",
                json!({"log_keys": [log]}),
                story::START - 290_000,
            ),
            policy(
                "everybody, after all certificates",
                json!({
                    "log_keys": [log], "time_authorities": [base64(&self.time_root)],
                    "sealers": [base64(&self.seal_root)],
                }),
                // 2126.
                4_922_000_000_000,
            ),
        ]
    }
}

pub fn base64(bytes: &[u8]) -> String {
    STANDARD.encode(bytes)
}

/// Both verifiers are told the same.
pub fn policy(name: &'static str, mut given: Value, now: u64) -> Policy {
    let mut ours = TrustPolicy::new();
    for key in texts(&given["log_keys"]) {
        ours = ours.log_key(key.parse::<VerifierKey>().unwrap());
    }
    for retired in given["retired_log_keys"].as_array().into_iter().flatten() {
        let key = retired[0].as_str().unwrap().parse().unwrap();
        ours = ours.retired_log_key(key, retired[1].as_u64().unwrap());
    }
    let witnesses = &given["witnesses"];
    if let Some(k) = witnesses["k"].as_u64() {
        let keys = texts(&witnesses["keys"]);
        let keys = keys.iter().map(|key| key.parse::<WitnessKey>().unwrap());
        let k = usize::try_from(k).unwrap();
        ours = ours.witnesses(WitnessPolicy::new(k, keys.collect()).unwrap());
    }
    for root in bytes(&given["time_authorities"]) {
        ours = ours.time_authority(TrustAnchor::from_certificate(&root).unwrap());
    }
    for root in bytes(&given["sealers"]) {
        ours = ours.sealer(TrustAnchor::from_certificate(&root).unwrap());
    }
    for certificate in bytes(&given["identity_providers"]) {
        ours = ours.identity_provider(&certificate);
    }
    for audience in texts(&given["audiences"]) {
        ours = ours.audience(audience);
    }
    for claim in texts(&given["claims"]) {
        ours = ours.require(claim.parse::<Claim>().unwrap());
    }
    given["now"] = story::time(now).into();
    Policy {
        name,
        ours,
        theirs: given.to_string(),
        now: super::instant(now),
    }
}

fn texts(value: &Value) -> Vec<String> {
    let items = value.as_array().into_iter().flatten();
    items
        .map(|item| item.as_str().unwrap().to_owned())
        .collect()
}

fn bytes(value: &Value) -> Vec<Vec<u8>> {
    texts(value)
        .iter()
        .map(|text| STANDARD.decode(text).unwrap())
        .collect()
}
