//! A bundle checked offline: as the quickstart makes it, by authorities of either kind of key, and
//! with nothing but what no bundle is without.
//!
//! The floor is its signatures alone, found beforehand ([`signatures_of`]): no check can do less.

use std::sync::Arc;

use countersign::audit::consent::AccessDemonstrated;
use countersign::audit::{
    EcdsaP256Signer, Ed25519Signer, Level, RsaSigner, Signer, VerifierKey, Witness, WitnessPolicy,
};
use countersign::cms::{DigestAlgorithm, TrustAnchor};
use countersign::evidence::{Disclosure, Export, TrustPolicy, verify};
use countersign::memory::MemoryStore;
use countersign::saml::{Expect, Inbound};
use countersign::{
    Consent, Document, DocumentId, Engine, Intent, Sha256Digest, SignIn, Signature, TenantId,
};
use countersign_testkit::authority::{
    CertificateAuthority, CertificateSpec, KeyKind, TimeStampAuthority,
};
use countersign_testkit::witness::TestWitness;
use pollster::block_on;

use crate::acme::{Acme, ORIGIN};
use crate::bundle_signatures::signatures_of;
use crate::measure::{Effort, Subject, times};
use crate::row::Row;

const DOCUMENT: &[u8] = b"The ward keeps the patient's confidence.\n";

pub(crate) fn run(effort: Effort) -> Vec<Row> {
    let mut rows = measure("one", effort, &Case::whole(KeyKind::P256));
    rows.extend(measure("one_rsa", effort, &Case::whole(KeyKind::Rsa)));
    rows.extend(measure("least", effort, &Case::least()));
    rows
}

fn measure(name: &'static str, effort: Effort, case: &Case) -> Vec<Row> {
    let signatures = signatures_of(&case.bundle, &case.keys);
    assert_eq!(signatures.len(), case.signatures, "{name}");
    let floor = || signatures.iter().for_each(|signature| signature.verify());
    let ours = || {
        let report = verify(&case.bundle, &case.trust, case.acme.now);
        assert!(report.accepted(), "{report}");
        report
    };
    let subjects = vec![
        Subject::new("floor", floor),
        Subject::new("countersign", ours),
    ];
    times("bundle_verify", name, effort, subjects)
}

/// A bundle, and whom one trusts who checks it.
struct Case {
    acme: Acme,
    bundle: Vec<u8>,
    trust: TrustPolicy,
    /// What is trusted, as keys: of notes, and certificates of roots.
    keys: TrustedKeys,
    /// How many signatures there are in it.
    signatures: usize,
}

/// The keys that the signatures of a bundle lead to.
#[derive(Default)]
pub(crate) struct TrustedKeys {
    /// Names and Ed25519 keys of the log and the witnesses.
    pub(crate) notes: Vec<(String, [u8; 32])>,
    /// Certificates of authorities, in DER.
    pub(crate) roots: Vec<Vec<u8>>,
}

impl Case {
    /// What the quickstart exports, with a second witness and a renewed time-stamp: the checkpoint's
    /// signature and two cosignatures, the seal, two time-stamps, a certificate above each of the
    /// three, and the identity provider's signature.
    fn whole(kind: KeyKind) -> Self {
        let acme = Acme::new();
        let (signer, _) = Ed25519Signer::generate().expect("a key");
        let log = VerifierKey::of_signer(ORIGIN, &signer).expect("a name");
        let witnesses = ["witness.example/w1", "witness.example/w2"].map(|name| {
            let now = acme.now;
            let witness = TestWitness::new(name, vec![log.clone()], move || now);
            Arc::new(witness.expect("a witness"))
        });
        let root = CertificateAuthority::root(&CertificateSpec::authority("Root"), kind);
        let anchor = TrustAnchor::from_certificate(root.certificate()).expect("a root");
        let spec = CertificateSpec::time_stamping("Time");
        let time = TimeStampAuthority::with_certificate(root.issue(&spec, kind), acme.now);
        let seals = root.sealer("Host", kind);
        let sealer: Arc<dyn Signer> = match kind {
            KeyKind::Rsa => Arc::new(RsaSigner::from_pkcs8(seals.pkcs8()).expect("its key")),
            _ => Arc::new(EcdsaP256Signer::from_pkcs8(seals.pkcs8()).expect("its key")),
        };
        let cosigners = witnesses.clone().map(|witness| witness as Arc<dyn Witness>);
        let engine = acme.engine_by(Arc::new(MemoryStore::new()), signer, |builder| {
            builder
                .witnesses(2, cosigners.to_vec())
                .time_stamp_authority(Arc::new(time), vec![anchor.clone()])
                .sealer(sealer, seals.chain())
        });

        let signature = block_on(sign(&acme, &engine, true));
        let bundle = block_on(async {
            let leaf = signature.leaf();
            let receipt = engine.wait_for(leaf.hash(), Level::Timestamped).await;
            let receipt = receipt.expect("a witness and an authority");
            let stamped = receipt.proof().expect("a stamped checkpoint").checkpoint();
            let (host, size) = (
                TenantId::new("host").expect("an id"),
                stamped.checkpoint().size(),
            );
            let renewed = engine.renew_anchor(&host, size, DigestAlgorithm::Sha512);
            renewed.await.expect("an anchor");
            let export = Export::of(leaf)
                .disclose(Disclosure::Everything)
                .assertions(true)
                .document("nda.txt", DOCUMENT.to_vec());
            engine.export(&export).await.expect("a sound ledger")
        });

        let provider = acme.trusted();
        let certificate = provider.keys().first().expect("a key").encoded();
        let keys = witnesses.map(|witness| witness.key().clone());
        let mut notes = vec![(log.name().to_owned(), *log.public_key())];
        notes.extend(
            keys.iter()
                .map(|key| (key.name().to_owned(), *key.public_key())),
        );
        let trust = TrustPolicy::new()
            .log_key(log)
            .witnesses(WitnessPolicy::new(2, keys.to_vec()).expect("two witnesses"))
            .time_authority(anchor.clone())
            .sealer(anchor)
            .identity_provider(certificate);
        Self {
            bundle,
            trust,
            keys: TrustedKeys {
                notes,
                roots: vec![root.certificate().to_vec()],
            },
            acme,
            signatures: 10,
        }
    }

    /// One signature of a person whom nobody names, in a log that nobody has seen.
    fn least() -> Self {
        let acme = Acme::new();
        let engine = acme.engine(Arc::new(MemoryStore::new()));
        let signature = block_on(sign(&acme, &engine, false));
        let bundle = block_on(async {
            engine.checkpoint().await.expect("a sound ledger");
            let export = Export::of(signature.leaf());
            engine.export(&export).await.expect("a sound ledger")
        });
        let log = engine.ledger().verifier_key().clone();
        let notes = vec![(log.name().to_owned(), *log.public_key())];
        Self {
            bundle,
            trust: TrustPolicy::new().log_key(log),
            keys: TrustedKeys {
                notes,
                ..TrustedKeys::default()
            },
            acme,
            signatures: 1,
        }
    }
}

/// A person signs in and signs a document.
async fn sign(acme: &Acme, engine: &Engine, consents: bool) -> Signature {
    let response = acme.response("nurse", 3);
    let message = Inbound::Xml(&response);
    let outcome = engine
        .sign_in(&acme.connection, message, Expect::Unsolicited)
        .await
        .expect("a working store");
    let SignIn::Admitted(session) = outcome else {
        unreachable!("nobody is refused: {outcome:?}");
    };
    if consents {
        let given = engine.give_consent(&session, &consent()).await;
        given.expect("a session");
    }
    let id = DocumentId::new("nda-7").expect("an id");
    let document = Document::new(id, "nda/mutual", "text/plain", DOCUMENT);
    let presented = engine
        .present(&session, &document)
        .await
        .expect("a session");
    let confirmed = engine
        .confirm(presented, &Intent::approval())
        .await
        .expect("a session");
    engine
        .sign(confirmed, "Given Family")
        .await
        .expect("a live grant")
}

fn consent() -> Consent {
    Consent {
        scope: vec!["nda/*".parse().expect("a pattern")],
        disclosure_sha256: Sha256Digest::from_bytes([7; 32]),
        disclosure_version: "1".to_owned(),
        paper_right: true,
        withdrawal: "Write to the ward; what you have signed stays signed.".to_owned(),
        access_demonstrated: AccessDemonstrated {
            method: "read_disclosure_in_the_same_format".to_owned(),
            sha256: None,
        },
    }
}
