//! One customer: its policy, its identity provider, and an engine over a store.

use std::sync::Arc;

use countersign::audit::Ed25519Signer;
use countersign::builder::{EngineBuilder, Store};
use countersign::saml::{IdentityProvider, ServiceProvider};
use countersign::{Clock, ConnectionId, Engine, ManualClock, PolicyFile, SystemClock, Timestamp};
use countersign_testkit::idp::{ResponseSpec, TestIdp};
use pollster::block_on;

const POLICY: &str = r#"
[connection.acme]
issuer = "https://idp.acme.example/metadata"
preset = "generic"
strategy = "jit"
domains = ["acme.example"]

[role.signer]
allow = ["sign nda/*", "view *"]

[role.viewer]
allow = ["view *"]

[[rule]]
id = "nurses"
all = [{ attribute = "department", eq = "ward" }]
grant = [{ role = "signer", ttl = "24h", renew = true }, { role = "viewer" }]
"#;

/// The name of its ledger.
pub(crate) const ORIGIN: &str = "log.example/bench";
pub(crate) const SP: &str = "https://sign.example/saml";
pub(crate) const ACS: &str = "https://sign.example/saml/acs";

/// The customer.
#[derive(Debug)]
pub(crate) struct Acme {
    pub(crate) connection: ConnectionId,
    pub(crate) sp: ServiceProvider,
    pub(crate) idp: TestIdp,
    /// When everything began.
    pub(crate) now: Timestamp,
    clock: Arc<dyn Clock>,
}

impl Acme {
    pub(crate) fn new() -> Self {
        Self::at("2026-03-01T09:30:00Z".parse().expect("a time"))
    }

    /// The customer at another time.
    pub(crate) fn at(now: Timestamp) -> Self {
        Self::by(Arc::new(ManualClock::new(now)))
    }

    /// The customer at the time that it is. Ids begin with the time that they are made at: where it
    /// stood still, all of them would be in one random order, as they never are.
    pub(crate) fn at_this_time() -> Self {
        Self::by(Arc::new(SystemClock))
    }

    fn by(clock: Arc<dyn Clock>) -> Self {
        Self {
            connection: ConnectionId::new("acme").expect("an id"),
            sp: ServiceProvider::new(SP, ACS).expect("a service provider"),
            idp: TestIdp::new("https://idp.acme.example/metadata"),
            now: clock.now(),
            clock,
        }
    }

    /// The time that it is there.
    pub(crate) fn time(&self) -> Timestamp {
        self.clock.now()
    }

    /// What the service provider knows of the identity provider.
    pub(crate) fn trusted(&self) -> IdentityProvider {
        IdentityProvider::from_metadata(self.idp.metadata().as_bytes()).expect("its metadata")
    }

    /// An unsolicited response about a person in `groups` groups.
    pub(crate) fn response(&self, person: &str, groups: usize) -> Vec<u8> {
        self.response_with_id(person, person, groups)
    }

    /// One whose ids end in `id`: nobody may come twice with the same.
    pub(crate) fn response_with_id(&self, id: &str, person: &str, groups: usize) -> Vec<u8> {
        let spec = ResponseSpec::new(SP, ACS, person, self.time())
            .with_ids(&format!("_r-{id}"), &format!("_a-{id}"))
            .with_attribute("email", [format!("{person}@acme.example")])
            .with_attribute("givenname", ["Given"])
            .with_attribute("surname", ["Family"])
            .with_attribute("department", ["ward"])
            .with_groups(groups);
        self.idp.respond(&spec)
    }

    pub(crate) fn engine<S: Store>(&self, store: Arc<S>) -> Engine {
        let (signer, _) = Ed25519Signer::generate().expect("a key");
        self.engine_by(store, signer, |builder| builder)
    }

    /// An engine whose log has this key, and whatever else is given to it.
    pub(crate) fn engine_by<S: Store>(
        &self,
        store: Arc<S>,
        signer: Ed25519Signer,
        with: impl FnOnce(EngineBuilder) -> EngineBuilder,
    ) -> Engine {
        let policy = PolicyFile::parse("policy.toml", POLICY).expect("nothing is wrong with it");
        let builder = Engine::builder(policy)
            .connection(self.connection.clone(), self.sp.clone(), self.trusted())
            .store(store)
            .log(ORIGIN, Arc::new(signer))
            .clock(Arc::clone(&self.clock));
        block_on(with(builder).build()).expect("a new engine")
    }
}
