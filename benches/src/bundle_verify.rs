//! A bundle with one signature, checked offline.
//!
//! The floor is its signature checks alone: the Ed25519 signature of its checkpoint.

use std::sync::Arc;

use countersign::evidence::{Disclosure, Export, TrustPolicy, verify};
use countersign::memory::MemoryStore;
use countersign::saml::{Expect, Inbound};
use countersign::{Document, DocumentId, Engine, Intent, SignIn};
use pollster::block_on;

use crate::acme::Acme;
use crate::measure::{Effort, Subject, times};
use crate::row::Row;

const DOCUMENT: &[u8] = b"The ward keeps the patient's confidence.\n";

pub(crate) fn run(effort: Effort) -> Vec<Row> {
    let acme = Acme::new();
    let engine = acme.engine(Arc::new(MemoryStore::new()));
    let bundle = block_on(bundle(&acme, &engine));
    let key = engine.ledger().verifier_key().clone();
    let trust = TrustPolicy::new().log_key(key.clone());

    let checkpoint = block_on(engine.checkpoint()).expect("a sound ledger");
    let keys = [key];
    let floor = || checkpoint.verify(&keys).expect("it is ours");
    let ours = || {
        let report = verify(&bundle, &trust, acme.now);
        assert!(report.accepted(), "{report:?}");
        report
    };
    times(
        "bundle_verify",
        "one",
        effort,
        vec![
            Subject::new("floor", floor),
            Subject::new("countersign", ours),
        ],
    )
}

/// A person signs in and signs a document, and all of it is exported.
async fn bundle(acme: &Acme, engine: &Engine) -> Vec<u8> {
    let response = acme.response("nurse", 3);
    let message = Inbound::Xml(&response);
    let outcome = engine
        .sign_in(&acme.connection, message, Expect::Unsolicited)
        .await
        .expect("a working store");
    let SignIn::Admitted(session) = outcome else {
        unreachable!("nobody is refused: {outcome:?}");
    };
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
    let signature = engine
        .sign(confirmed, "Given Family")
        .await
        .expect("a live grant");
    let export = Export::of(signature.leaf())
        .disclose(Disclosure::Everything)
        .document("nda.txt", DOCUMENT.to_vec());
    engine.export(&export).await.expect("a sound ledger")
}
