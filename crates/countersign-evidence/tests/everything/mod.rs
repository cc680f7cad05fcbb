//! A bundle with everything that it can hold: two signers, a seal, time-stamps, a witness,
//! assertions, consents, attachments, openings.

#![allow(
    dead_code,
    unreachable_pub,
    reason = "each test binary uses a part of it"
)]

use std::sync::Arc;

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use countersign_audit::cosignature::{WitnessKey, WitnessPolicy, cosign};
use countersign_audit::lifecycle::SubjectErased;
use countersign_audit::record::{Actor, Blob};
use countersign_audit::store::{Anchor, LedgerStore as _};
use countersign_audit::{
    Correlation, EcdsaP256Signer, Ed25519Signer, Leaf, LedgerReader, SignedCheckpoint,
    SystemEntropy, VerifierKey,
};
use countersign_cms::timestamp::{Imprint, chained, read_response, request};
use countersign_cms::{DigestAlgorithm, TrustAnchor};
use countersign_core::{CorrelationId, Entry, SignedEvidence, Timestamp, VerifiedIdentity};
use countersign_evidence::{Disclosure, Export, Sealer, TrustPolicy, export};
use countersign_testkit::authority::{CertificateAuthority, KeyKind, TimeStampAuthority};
use countersign_testkit::keys::{IDP_RSA_2048_CERTIFICATE, IDP_RSA_2048_PKCS8};
use pollster::block_on;
use ring::rand::SystemRandom;
use ring::signature::{RSA_PKCS1_SHA256, RsaKeyPair};

use crate::support::{
    self, CountingEntropy, DOCUMENT, TestStore, Walk, WalkPlan, at, open, sha256, signer,
    store_with,
};

/// What was shown with the document.
pub const ATTACHMENT: &[u8] = b"Price list\n";

/// The service provider that assertions are for.
pub const AUDIENCE: &str = "https://app.example/saml";

/// When the bundle is checked: certificates of the test authorities are valid for a century.
pub fn now() -> Timestamp {
    at("2026-03-05T12:00:00Z")
}

pub fn log_key() -> VerifierKey {
    VerifierKey::of_signer(support::ORIGIN, &*signer()).unwrap()
}

/// Somebody whom a provider vouches for with a real signature.
pub fn identity(name: &str) -> VerifiedIdentity {
    let bare = support::identity(name);
    let signed = assertion(name);
    let signed_info = signed_info(&signed, &format!("_{name}"));
    let key = RsaKeyPair::from_pkcs8(IDP_RSA_2048_PKCS8).unwrap();
    let mut signature = vec![0; key.public().modulus_len()];
    let random = SystemRandom::new();
    let message = signed_info.as_bytes();
    key.sign(&RSA_PKCS1_SHA256, &random, message, &mut signature)
        .unwrap();
    VerifiedIdentity::vouched_by_door(
        bare.door(),
        bare.claims().clone(),
        SignedEvidence {
            signed_element: "Assertion".to_owned(),
            signed_sha256: sha256(signed.as_bytes()),
            signed_bytes: signed.into_bytes(),
            signed_info: signed_info.into_bytes(),
            signature,
            certificate: IDP_RSA_2048_CERTIFICATE.to_vec(),
            certificate_sha256: sha256(IDP_RSA_2048_CERTIFICATE),
            signature_algorithm: "http://www.w3.org/2001/04/xmldsig-more#rsa-sha256".to_owned(),
            assertion_id: format!("_{name}"),
            content_keys: Vec::new(),
        },
    )
}

/// An assertion in canonical form that says what [`support::identity`] claims.
pub fn assertion(name: &str) -> String {
    let bare = support::identity(name);
    let claims = bare.claims();
    let text = |value: &Option<String>| value.clone().unwrap();
    format!(
        concat!(
            r#"<saml:Assertion xmlns:saml="urn:oasis:names:tc:SAML:2.0:assertion" ID="_{name}" "#,
            r#"IssueInstant="2026-03-01T09:30:00Z" Version="2.0"><saml:Issuer>{issuer}</saml:Issuer>"#,
            r#"<saml:Subject><saml:NameID Format="{format}">{name_id}</saml:NameID>"#,
            r#"<saml:SubjectConfirmation Method="urn:oasis:names:tc:SAML:2.0:cm:bearer">"#,
            r#"<saml:SubjectConfirmationData NotOnOrAfter="2026-03-01T09:35:00Z" "#,
            r#"Recipient="https://app.example/acs"></saml:SubjectConfirmationData>"#,
            r#"</saml:SubjectConfirmation></saml:Subject>"#,
            r#"<saml:Conditions NotBefore="2026-03-01T09:25:00Z" NotOnOrAfter="2026-03-01T09:35:00Z">"#,
            r#"<saml:AudienceRestriction><saml:Audience>{audience}</saml:Audience>"#,
            r#"</saml:AudienceRestriction></saml:Conditions>"#,
            r#"<saml:AuthnStatement AuthnInstant="{instant}" SessionIndex="{session}">"#,
            r#"<saml:AuthnContext><saml:AuthnContextClassRef>{context}</saml:AuthnContextClassRef>"#,
            r#"</saml:AuthnContext></saml:AuthnStatement></saml:Assertion>"#,
        ),
        name = name,
        issuer = claims.issuer,
        format = text(&claims.name_id.format),
        name_id = claims.name_id.value,
        audience = AUDIENCE,
        instant = claims.authn_instant.unwrap(),
        session = text(&claims.session_index),
        context = text(&claims.authn_context),
    )
}

/// A `SignedInfo` with the digest of an element.
fn signed_info(element: &str, id: &str) -> String {
    let digest = STANDARD.encode(sha256(element.as_bytes()).as_bytes());
    format!(
        "<ds:SignedInfo xmlns:ds=\"http://www.w3.org/2000/09/xmldsig#\"><ds:CanonicalizationMethod Algorithm=\"http://www.w3.org/2001/10/xml-exc-c14n#\"></ds:CanonicalizationMethod><ds:SignatureMethod Algorithm=\"http://www.w3.org/2001/04/xmldsig-more#rsa-sha256\"></ds:SignatureMethod><ds:Reference URI=\"#{id}\"><ds:Transforms><ds:Transform Algorithm=\"http://www.w3.org/2000/09/xmldsig#enveloped-signature\"></ds:Transform><ds:Transform Algorithm=\"http://www.w3.org/2001/10/xml-exc-c14n#\"></ds:Transform></ds:Transforms><ds:DigestMethod Algorithm=\"http://www.w3.org/2001/04/xmlenc#sha256\"></ds:DigestMethod><ds:DigestValue>{digest}</ds:DigestValue></ds:Reference></ds:SignedInfo>"
    )
}

/// One signer's walk, with consent and an attachment.
pub fn walk(name: &'static str, entropy: &CountingEntropy) -> Walk {
    let plan = WalkPlan {
        name,
        identity,
        attachments: vec![Blob {
            media_type: "text/plain".to_owned(),
            sha256: sha256(ATTACHMENT),
        }],
        consents: true,
        ..WalkPlan::default()
    };
    Walk::new(plan, entropy)
}

/// Everybody who vouches, and the ledger.
pub struct Everything {
    pub roots: CertificateAuthority,
    pub witness: WitnessKey,
    pub store: Arc<TestStore>,
    pub reader: LedgerReader,
    pub walks: [Walk; 2],
    pub sealer: Sealer,
}

impl Everything {
    pub fn new() -> Self {
        let entropy = CountingEntropy::default();
        let walks = [walk("nurse", &entropy), walk("doctor", &entropy)];
        let mut entries = support::plain_entries(0..5);
        entries.extend(walks.iter().flat_map(Walk::entries));
        entries.extend(support::plain_entries(5..9));
        let store = store_with(&entries);
        let checkpoint = block_on(open(&store).unwrap().advance()).unwrap();

        let (signer, _) = Ed25519Signer::generate().unwrap();
        let witness = WitnessKey::of_signer("witness.example", &signer).unwrap();
        let mut note = checkpoint.bytes().to_vec();
        let line = block_on(cosign(&checkpoint, &witness, &signer, now())).unwrap();
        note.extend_from_slice(line.as_bytes());
        let checkpoint = SignedCheckpoint::parse(&note).unwrap();

        let roots = CertificateAuthority::new("Roots");
        let mut tokens: Vec<Vec<u8>> = Vec::new();
        for stamped_at in ["2026-03-01T09:40:00Z", "2026-03-04T09:40:00Z"] {
            let authority = TimeStampAuthority::new(&roots, "Time", at(stamped_at));
            let data = chained(&note, &tokens);
            let asked = request(&Imprint::of(DigestAlgorithm::Sha256, &data), [7; 16]);
            tokens.push(read_response(&authority.answer(&asked), &asked).unwrap());
        }
        let anchor = Anchor {
            size: checkpoint.checkpoint().size(),
            note,
            tokens,
        };
        block_on(store.put_anchor(&anchor, 0)).unwrap();

        let own = roots.sealer("Host", KeyKind::P256);
        let signer = EcdsaP256Signer::from_pkcs8(own.pkcs8()).unwrap();
        Self {
            sealer: Sealer::new(Arc::new(signer), own.chain()),
            reader: LedgerReader::new(Arc::<TestStore>::clone(&store)),
            roots,
            witness,
            store,
            walks,
        }
    }

    pub fn request(&self) -> Export {
        let [nurse, doctor] = &self.walks;
        Export::of(nurse.signed.leaf())
            .and(doctor.signed.leaf())
            .disclose(Disclosure::Everything)
            .assertions(true)
            .document("contract.txt", DOCUMENT.to_vec())
            .attachment("prices.txt", ATTACHMENT.to_vec())
    }

    pub fn export(&self, request: &Export) -> Vec<u8> {
        let keys = [log_key()];
        block_on(export(
            &self.reader,
            &keys,
            request,
            Some(&self.sealer),
            now(),
        ))
        .unwrap()
    }

    pub fn bundle(&self) -> Vec<u8> {
        self.export(&self.request())
    }

    /// Erases one signer, as a store does: the private parts go, and a record says so.
    pub fn erase(&self, walk: &Walk) -> Leaf<SubjectErased> {
        let signed = walk.signed.recorded();
        let gone: Vec<_> = walk.entries().iter().map(Entry::leaf).collect();
        let id = CorrelationId::new("walk-erasure").unwrap();
        let body = SubjectErased {
            erased: vec!["email".to_owned()],
            keys: Vec::new(),
            subjects: 1,
            deprovisioned_at: at("2026-03-02T09:00:00Z"),
        };
        let user = signed.subject_ref().unwrap().clone();
        let draft = body.draft(user, None, Actor::System, None);
        let sealed = Correlation::begin(signed.tenant().clone(), id)
            .seal(draft, at("2026-03-05T11:00:00Z"), &SystemEntropy::new())
            .unwrap();
        self.store.change(|tables| {
            let leaves = tables.leaves.iter_mut();
            for entry in leaves.filter(|entry| gone.contains(&entry.leaf())) {
                let (id, bytes) = (entry.id().clone(), entry.bytes().to_vec());
                *entry = Entry::from_parts(id, entry.leaf(), bytes, None);
            }
            tables.outbox.push(sealed.entry().clone());
        });
        block_on(open(&self.store).unwrap().advance()).unwrap();
        sealed.leaf()
    }

    pub fn root(&self) -> TrustAnchor {
        TrustAnchor::from_certificate(self.roots.certificate()).unwrap()
    }

    pub fn trust(&self) -> TrustPolicy {
        TrustPolicy::new()
            .log_key(log_key())
            .witnesses(WitnessPolicy::new(1, vec![self.witness.clone()]).unwrap())
            .time_authority(self.root())
            .sealer(self.root())
            .identity_provider(IDP_RSA_2048_CERTIFICATE)
    }
}
