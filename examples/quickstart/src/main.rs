//! The whole walk once: a signed response becomes an account, a role, a signature and a proof.
//!
//! ```text
//! cargo run --release -p quickstart
//! cargo run --release -p quickstart -- --response FILE --idp-metadata FILE \
//!     --sp-entity-id ID --acs-url URL --at RFC3339
//! ```
//!
//! Without arguments a test identity provider signs a real response for a contract nurse who has
//! to sign a non-disclosure agreement tonight, and has no account yet. With arguments the
//! response is a real provider's, stored in a file.

mod arguments;
mod arrival;

use std::error::Error;
use std::fs::OpenOptions;
use std::io::Write;
use std::path::Path;
use std::process::ExitCode;
use std::sync::Arc;

use countersign::audit::Ed25519Signer;
use countersign::evidence::{Disclosure, Export, TrustPolicy, verify};
use countersign::provision::store::UserStore;
use countersign::saml::{Expect, Inbound};
use countersign::{
    Clock, Document, DocumentId, Engine, Intent, ManualClock, SignIn, SystemClock, blocking,
};
use countersign_sqlite::SqliteStore;

use crate::arguments::Arguments;
use crate::arrival::Arrival;

/// What is signed.
const NDA: &[u8] = b"Non-disclosure agreement: what you see on the ward stays on the ward.\n";

/// The ledger's name.
const ORIGIN: &str = "quickstart.example/log";

fn main() -> ExitCode {
    let arguments: Arguments = clap::Parser::parse();
    match blocking::wait(walk(&arguments)) {
        Ok(code) => code,
        Err(error) => {
            eprintln!("quickstart: {error}");
            let mut cause = error.source();
            while let Some(error) = cause {
                eprintln!("  because {error}");
                cause = error.source();
            }
            ExitCode::from(2)
        }
    }
}

async fn walk(arguments: &Arguments) -> Result<ExitCode, Box<dyn Error>> {
    let clock: Arc<dyn Clock> = match arguments.at {
        Some(at) => Arc::new(ManualClock::new(at)),
        None => Arc::new(SystemClock),
    };
    let arrival = Arrival::new(arguments, clock.now())?;
    let out = arguments.folder()?;

    // What a host sets up once: a store, the key that signs the ledger's checkpoints, the policy,
    // and the identity provider of each of its connections.
    let store = Arc::new(SqliteStore::open(out.join("countersign.db"))?);
    let signer = log_signer(&out.join("log.key"))?;
    let engine = Engine::builder(arrival.policy)
        .connection(
            arrival.connection.clone(),
            arrival.service_provider,
            arrival.identity_provider,
        )
        .store(store.clone())
        .log(ORIGIN, Arc::new(signer))
        .clock(clock.clone())
        .build()
        .await?;
    let log_key = engine.ledger().verifier_key().clone();
    store.set_ledger_vkey(&log_key.to_string()).await?;

    // One sign-in: the response is verified, the policy decides, and account, link, grants,
    // session and records are written in one transaction.
    let message = Inbound::Xml(&arrival.response);
    let expect = match &arrival.request {
        Some(request) => Expect::Request(request),
        None => Expect::Unsolicited,
    };
    let session = match engine.sign_in(&arrival.connection, message, expect).await? {
        SignIn::Admitted(session) => session,
        SignIn::Refused(refused) => {
            println!("refused: {}: {refused}", refused.code());
            return Ok(ExitCode::FAILURE);
        }
    };

    // One signature: shown, confirmed, signed. Each step needs a live grant.
    let id = DocumentId::new("nda-1")?;
    let document = Document::new(id, "nda/mutual", "text/plain", NDA);
    let presented = engine.present(&session, &document).await?;
    let confirmed = engine.confirm(presented, &Intent::approval()).await?;
    let name = printed_name(&*store, &session).await?;
    let signature = engine.sign(confirmed, &name).await?;

    // One file that proves it, to somebody who trusts neither this host nor countersign.
    let request = Export::of(signature.leaf())
        .disclose(Disclosure::Everything)
        .document("nda.txt", NDA.to_vec());
    let bundle = engine.export(&request).await?;
    let bundle_path = out.join("nda-1.asice");
    std::fs::write(&bundle_path, &bundle)?;
    let key_path = out.join("log.vkey");
    std::fs::write(&key_path, format!("{log_key}\n"))?;

    // Verified offline: from nothing but the file and the log's public key.
    let report = verify(&bundle, &TrustPolicy::new().log_key(log_key), clock.now());
    match report.trail() {
        Some(trail) => println!("{trail}\n{report}"),
        None => println!("{report}"),
    }
    println!("bundle    {}", bundle_path.display());
    println!(
        "again     cargo run --release -p countersign-cli -- evidence verify --log-key {} {}",
        key_path.display(),
        bundle_path.display()
    );
    Ok(if report.accepted() {
        ExitCode::SUCCESS
    } else {
        ExitCode::FAILURE
    })
}

/// The key that signs the ledger's checkpoints: read from its file, or made and kept there. A
/// real host has it in an HSM or a key service, behind the `Signer` port.
fn log_signer(path: &Path) -> Result<Ed25519Signer, Box<dyn Error>> {
    if path.exists() {
        return Ok(Ed25519Signer::from_pkcs8(&std::fs::read(path)?)?);
    }
    let (signer, pkcs8) = Ed25519Signer::generate()?;
    let mut options = OpenOptions::new();
    options.write(true).create_new(true);
    #[cfg(unix)]
    std::os::unix::fs::OpenOptionsExt::mode(&mut options, 0o600);
    options.open(path)?.write_all(&pkcs8)?;
    Ok(signer)
}

/// How the person's name is printed beside the signature: a host knows its users.
async fn printed_name(
    users: &dyn UserStore,
    session: &countersign::Session,
) -> Result<String, Box<dyn Error>> {
    let account = users.user(session.tenant(), session.user()).await?;
    let user = account.ok_or("the account is gone")?.user;
    let given_and_family = match (user.given_name, user.family_name) {
        (Some(given), Some(family)) => Some(format!("{given} {family}")),
        _ => None,
    };
    let email = user.email.map(String::from);
    Ok(user
        .display_name
        .or(given_and_family)
        .or(email)
        .unwrap_or_else(|| session.user().to_string()))
}
