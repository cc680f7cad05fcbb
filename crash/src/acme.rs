//! One customer: its identity provider, its policy, and an engine over a store.

use std::sync::Arc;

use countersign::audit::{LocalKeyWrap, Signer};
use countersign::blocking::wait;
use countersign::builder::Store;
use countersign::saml::{Expect, IdentityProvider, Inbound, ServiceProvider};
use countersign::{
    ConnectionId, Engine, EngineError, ManualClock, PolicyFile, SignIn, TenantId, Timestamp, UserId,
};
use countersign_testkit::idp::{KeyChoice, ResponseSpec, TestIdp};

use crate::Failure;
use crate::keyring::ORIGIN;

const SP: &str = "https://sign.example/saml";
const ACS: &str = "https://sign.example/saml/acs";
const ISSUER: &str = "https://idp.acme.example";

/// The tenant of whoever signs in until the process is killed.
pub(crate) const TENANT: &str = "acme";

/// Noon of some day.
pub(crate) const NOON: i64 = 1_772_366_400_000;

/// Staff may sign, and everybody may look.
fn policy(tenant: &str, seats: Option<u64>) -> String {
    let seats = seats.map_or(String::new(), |seats| format!("seats = {seats}\n"));
    format!(
        r#"
[connection.acme]
issuer = "{ISSUER}"
tenant = "{tenant}"
preset = "generic"
strategy = "jit"
domains = ["acme.example"]
[connection.acme.create]
{seats}default_roles = ["reader"]

[role.reader]
allow = ["view *"]
[role.signer]
allow = ["sign nda/*"]

[[rule]]
id = "staff"
all = [{{ attribute = "groups", eq = "staff" }}]
grant = [{{ role = "signer" }}]

[lifecycle]
retain = "1d"
"#
    )
}

/// The customer, and our engine for it.
#[derive(Debug)]
pub(crate) struct Acme {
    pub(crate) engine: Engine,
    pub(crate) tenant: TenantId,
    pub(crate) administrator: UserId,
    connection: ConnectionId,
    idp: TestIdp,
    now: Timestamp,
}

impl Acme {
    pub(crate) fn new(
        store: Arc<dyn Store>,
        log_key: Arc<dyn Signer>,
        tenant: &str,
        seats: Option<u64>,
        now: Timestamp,
    ) -> Result<Self, Failure> {
        let connection = ConnectionId::new("acme")?;
        let idp = TestIdp::with_key(ISSUER, KeyChoice::P256);
        let trusted = IdentityProvider::from_metadata(idp.metadata().as_bytes())?;
        let builder = Engine::builder(PolicyFile::parse("policy.toml", &policy(tenant, seats))?)
            .connection(connection.clone(), ServiceProvider::new(SP, ACS)?, trusted)
            .store(Arc::new(store))
            .log(ORIGIN, log_key)
            .vault(Arc::new(LocalKeyWrap::new("host-key-1", [1; 32])))
            .clock(Arc::new(ManualClock::new(now)));
        Ok(Self {
            engine: wait(builder.build())?,
            tenant: TenantId::new(tenant)?,
            administrator: UserId::new("administrator-1")?,
            connection,
            idp,
            now,
        })
    }

    /// What the provider says of somebody, for the browser to post. The number is used once.
    pub(crate) fn response(&self, person: &str, group: &str, number: &str) -> String {
        let spec = ResponseSpec::new(SP, ACS, person, self.now)
            .with_ids(&format!("_r-{number}"), &format!("_a-{number}"))
            .with_attribute("mail", [format!("{person}@acme.example")])
            .with_attribute("givenName", ["Given"])
            .with_attribute("sn", ["Family"])
            .with_attribute("groups", [group]);
        self.idp.post(&spec)
    }

    pub(crate) fn sign_in(&self, response: &str) -> Result<SignIn, EngineError> {
        let message = Inbound::Post(response.as_bytes());
        let sign_in = self
            .engine
            .sign_in(&self.connection, message, Expect::Unsolicited);
        wait(sign_in)
    }
}
