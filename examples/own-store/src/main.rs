//! A whole sign-in, grant and signature over the host's own users, and what the host's programs
//! see of it.
//!
//! ```text
//! cargo run -p own-store
//! ```

use std::error::Error;
use std::sync::Arc;

use countersign::audit::consent::AccessDemonstrated;
use countersign::audit::{Ed25519Signer, Level};
use countersign::saml::{Expect, IdentityProvider, Inbound, PendingRequest, ServiceProvider};
use countersign::{
    Clock as _, ConnectionId, Consent, Document, DocumentId, Engine, Intent, PolicyFile, Session,
    Sha256Digest, SignIn, SystemClock, blocking,
};
use countersign_testkit::idp::{ResponseSpec, TestIdp};
use own_store::OwnStore;
use rusqlite::Connection;

const ENTITY_ID: &str = "https://sign.acme.example/saml";
const ACS_URL: &str = "https://sign.acme.example/saml/acs";

/// Whom the host has employed over the years, by programs that know nothing of us.
const STAFF: &str = "
    INSERT INTO users (company, email_address, email_checked, display_name, created_on, locale)
        VALUES ('acme', 'Clerk@Acme.Example', 1, 'Clerk', '2009-04-01', 'fr');
    INSERT INTO users (company, email_address, display_name, is_active, created_on, removed_on, locale)
        VALUES ('acme', 'porter@acme.example', 'Porter', 0, '2003-09-15', '2019-12-31', 'en');
    INSERT INTO user_roles (user_no, role_code, given_by) VALUES (1, 'payroll', 'personnel');
";

/// The host, with an engine over its database.
struct Host {
    idp: TestIdp,
    engine: Engine,
    connection: ConnectionId,
}

fn main() -> Result<(), Box<dyn Error>> {
    let folder = tempfile::tempdir()?;
    let path = folder.path().join("host.db");
    let personnel = Connection::open(&path)?;
    personnel.execute_batch(include_str!("../host.sql"))?;
    personnel.execute_batch(STAFF)?;
    // No runtime: the futures are done when they are asked.
    blocking::wait(async {
        let host = Host::new(Connection::open(&path)?).await?;
        walk(host, &personnel).await
    })
}

impl Host {
    async fn new(db: Connection) -> Result<Self, Box<dyn Error>> {
        let idp = TestIdp::new("https://idp.acme.example/metadata");
        let connection = ConnectionId::new("provider")?;
        let policy = PolicyFile::parse("policy.toml", include_str!("../policy.toml"))?;
        // A real host's key is in an HSM or a key service.
        let (signer, _) = Ed25519Signer::generate()?;
        let engine = Engine::builder(policy)
            .connection(
                connection.clone(),
                ServiceProvider::new(ENTITY_ID, ACS_URL)?,
                IdentityProvider::from_metadata(idp.metadata().as_bytes())?,
            )
            .store(Arc::new(OwnStore::over(db)?))
            .log("own-store.example/log", Arc::new(signer))
            .build()
            .await?;
        Ok(Self {
            idp,
            engine,
            connection,
        })
    }

    /// Signs somebody in with a response of the test identity provider's, which is signed like a
    /// real one's.
    async fn sign_in(&self, name: &str, group: &str) -> Result<Session, Box<dyn Error>> {
        let request = PendingRequest::new(format!("_request-of-{name}"))?;
        let spec = ResponseSpec::new(ENTITY_ID, ACS_URL, name, SystemClock.now())
            .with_attribute("mail", [format!("{name}@acme.example")])
            .with_attribute("email_verified", ["true"])
            .with_attribute("groups", [group])
            .answering(request.id());
        let response = self.idp.respond(&spec);
        let (message, expect) = (Inbound::Xml(&response), Expect::Request(&request));
        match self
            .engine
            .sign_in(&self.connection, message, expect)
            .await?
        {
            SignIn::Admitted(session) => Ok(session),
            SignIn::Refused(refused) => Err(format!("{name} is refused: {refused}").into()),
        }
    }

    async fn sign(&self, session: &Session, name: &str) -> Result<(), Box<dyn Error>> {
        let id = DocumentId::new(format!("nda-of-{name}"))?;
        let text = b"Non-disclosure agreement.\n";
        let document = Document::new(id, "nda/mutual", "text/plain", text);
        let presented = self.engine.present(session, &document).await?;
        let confirmed = self.engine.confirm(presented, &Intent::approval()).await?;
        let signature = self.engine.sign(confirmed, name).await?;
        self.engine
            .wait_for(signature.leaf().hash(), Level::Checkpointed)
            .await?;
        Ok(())
    }
}

async fn walk(host: Host, personnel: &Connection) -> Result<(), Box<dyn Error>> {
    println!("before");
    print_users(personnel)?;

    // The clerk is there already: the verified address finds the row, as it was typed.
    let clerk = host.sign_in("clerk", "employee").await?;
    host.engine.give_consent(&clerk, &consent()?).await?;
    host.sign(&clerk, "clerk").await?;
    // The nurse is not: one transaction makes the host's row, the link, the role and the records.
    let nurse = host.sign_in("nurse", "contract-nurse").await?;
    host.engine.give_consent(&nurse, &consent()?).await?;
    host.sign(&nurse, "nurse").await?;
    println!("\nafter both have signed");
    print_users(personnel)?;

    // Personnel switches the clerk off, in its own way and with its own program.
    personnel.execute_batch("UPDATE users SET is_active = 0 WHERE user_no = 1")?;
    match host.sign(&clerk, "clerk").await {
        Ok(()) => return Err("the clerk has signed after all".into()),
        Err(refused) => println!("\nthe clerk is switched off, and can not sign again: {refused}"),
    }
    Ok(())
}

fn print_users(db: &Connection) -> Result<(), Box<dyn Error>> {
    let mut select = db.prepare(
        "SELECT user_no, coalesce(email_address, ''), display_name, is_active,
                 coalesce(removed_on, ''), locale,
                 coalesce((SELECT group_concat(role_code || ' by ' || given_by
                         || coalesce(' until ' || valid_until, ''), ', ')
                     FROM user_roles WHERE user_roles.user_no = users.user_no), '')
             FROM users ORDER BY user_no",
    )?;
    let mut rows = select.query([])?;
    println!(
        "  no  {:<20} {:<10} active  removed on  locale  roles",
        "address", "name"
    );
    while let Some(row) = rows.next()? {
        let (number, active): (i64, i64) = (row.get(0)?, row.get(3)?);
        let text = |column: usize| row.get::<_, String>(column);
        println!(
            "  {number:<3} {:<20} {:<10} {active:<7} {:<11} {:<7} {}",
            text(1)?,
            text(2)?,
            text(4)?,
            text(5)?,
            text(6)?
        );
    }
    Ok(())
}

/// What the signer has agreed to, having read the disclosure \[15 USC 7001(c)\].
fn consent() -> Result<Consent, Box<dyn Error>> {
    const DISCLOSURE: &[u8] = b"You may have it on paper instead, at no cost.";
    let shown = ring::digest::digest(&ring::digest::SHA256, DISCLOSURE);
    Ok(Consent {
        scope: vec!["nda/*".parse()?],
        disclosure_sha256: Sha256Digest::from_bytes(shown.as_ref().try_into()?),
        disclosure_version: "1".to_owned(),
        paper_right: true,
        withdrawal: "Write to personnel; what you have signed stays signed.".to_owned(),
        access_demonstrated: AccessDemonstrated {
            method: "read_disclosure_in_the_same_format".to_owned(),
            sha256: None,
        },
    })
}
