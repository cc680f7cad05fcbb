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
mod keys;
mod outside;
mod papers;
mod trust;

use std::collections::BTreeSet;
use std::error::Error;
use std::process::ExitCode;
use std::sync::Arc;

use countersign::audit::{Level, VerifierKey};
use countersign::evidence::{Disclosure, Export, Report, Status, verify};
use countersign::provision::store::UserStore;
use countersign::saml::{Expect, Inbound};
use countersign::{
    Clock, Document, DocumentId, Engine, Intent, ManualClock, SignIn, SystemClock, blocking,
};
use countersign_sqlite::SqliteStore;

use crate::arguments::Arguments;
use crate::arrival::Arrival;
use crate::outside::Outside;
use crate::papers::NDA;
use crate::trust::Trust;

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
    let out = arguments.folder()?.canonicalize()?;

    // What a host sets up once: a store, its keys, whom it has outside, the policy, and the
    // identity provider of each of its connections.
    let store = Arc::new(SqliteStore::open(out.join("countersign.db"))?);
    let signer = keys::log_signer(&out)?;
    let log_key = VerifierKey::of_signer(ORIGIN, &signer)?;
    let outside = Outside::new(log_key.clone(), &clock)?;
    let audience = arrival.service_provider.entity_id();
    let trust = Trust::new(&log_key, &arrival.identity_provider, audience, &outside)?;
    let engine = Engine::builder(arrival.policy)
        .connection(
            arrival.connection.clone(),
            arrival.service_provider,
            arrival.identity_provider,
        )
        .store(store.clone())
        .log(ORIGIN, Arc::new(signer))
        .vault(Arc::new(keys::vault_key(&out)?))
        .witnesses(1, vec![outside.witness.clone()])
        .time_stamp_authority(outside.time.clone(), outside.time_roots()?)
        .sealer(outside.sealer.clone(), outside.sealer_chain.clone())
        .clock(clock.clone())
        .build()
        .await?;
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

    // One signature: agreed to have no paper, shown, confirmed, signed. Each step needs a live
    // grant.
    engine.give_consent(&session, &papers::consent()?).await?;
    let id = DocumentId::new("nda-1")?;
    let document = Document::new(id, "nda/mutual", "text/plain", NDA);
    let presented = engine.present(&session, &document).await?;
    let confirmed = engine.confirm(presented, &Intent::approval()).await?;
    let name = printed_name(&*store, &session).await?;
    let signature = engine.sign(confirmed, &name).await?;

    // The checkpoint that covers it is signed, cosigned by the witness, and stamped with the time.
    let leaf = signature.leaf();
    engine.wait_for(leaf.hash(), Level::Timestamped).await?;

    // One file that proves it, to somebody who trusts neither this host nor countersign.
    let request = Export::of(leaf)
        .disclose(Disclosure::Everything)
        .assertions(true)
        .document("nda.txt", NDA.to_vec());
    let bundle = engine.export(&request).await?;
    let bundle_path = out.join("nda-1.asice");
    std::fs::write(&bundle_path, &bundle)?;

    // Verified offline: from nothing but the file and whom one trusts.
    let report = verify(&bundle, &trust.policy, clock.now());
    if let Some(trail) = report.trail() {
        println!("{trail}");
    }
    print_verdict(&report);
    let trust = trust.write(out.join("trust"))?;
    println!("\nbundle    {}", bundle_path.display());
    println!("\nagain, with how each claim is proved:");
    println!("  {}", trust.our_command(&bundle_path));
    println!("\nwithout us, by the commands of its own VERIFY.md (bash, openssl, sha256sum, jq):");
    println!("  {}", trust.own_commands(&bundle_path));
    Ok(if report.accepted() {
        ExitCode::SUCCESS
    } else {
        ExitCode::FAILURE
    })
}

/// What is proved and what is not, by name; a refusal in full.
fn print_verdict(report: &Report) {
    if !report.accepted() {
        println!("{report}");
        return;
    }
    println!("accepted, checked for {}", report.verified_at());
    print_claims("proved", report, |status| status == Status::Proved);
    print_claims("open", report, |status| status != Status::Proved);
}

/// The claims with a line of such a status, four a line.
fn print_claims(heading: &str, report: &Report, is_meant: impl Fn(Status) -> bool) {
    let lines = report.lines().iter().filter(|line| is_meant(line.status));
    let claims: BTreeSet<&str> = lines.map(|line| line.claim.as_str()).collect();
    let claims: Vec<&str> = claims.into_iter().collect();
    for (number, some) in claims.chunks(4).enumerate() {
        let heading = if number == 0 { heading } else { "" };
        println!("{heading:<9} {}", some.join("  "));
    }
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
