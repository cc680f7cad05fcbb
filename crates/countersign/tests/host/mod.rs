//! A host for tests: an engine over a store, a test identity provider, a clock that is moved by
//! hand.
#![allow(dead_code, reason = "not every test binary uses all of it")]

pub(crate) mod failing;
mod meanwhile;

use std::collections::BTreeSet;
use std::collections::HashSet;
use std::fmt::Debug;
use std::path::PathBuf;
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::Duration;

use countersign::audit::store::EntryQuery;
use countersign::audit::{
    Body, Ed25519Signer, Kind, LocalKeyWrap, Record, leaf_hash, parse_record,
};
use countersign::blocking::wait;
use countersign::builder::Store;
use countersign::evidence::{Report, TrustPolicy, verify};
use countersign::memory::MemoryStore;
use countersign::provision::store::{Change, SnapshotQuery, UserWithGrants, UserWrite};
use countersign::provision::user::{User, UserState};
use countersign::saml::binding::Binding;
use countersign::saml::{
    Endpoint, Expect, IdentityProvider, Inbound, PendingRequest, Scope, ServiceProvider,
};
use countersign::{
    Clock, ConnectionId, Document, DocumentId, Email, Engine, EngineBuilder, EngineError, Grant,
    Intent, LeafHash, ManualClock, PolicyFile, Refused, Session, SignIn, Signature, SubjectKey,
    TenantId, Timestamp, UserId,
};
use countersign_sqlite::SqliteStore;
use countersign_testkit::idp::{ResponseSpec, TestIdp};
use tempfile::TempDir;

use failing::Failing;
use meanwhile::Meanwhile;

pub(crate) const ISSUER: &str = "https://idp.acme.example";
const SP: &str = "https://sign.example/saml";
const ACS: &str = "https://sign.example/saml/acs";
pub(crate) const SLO: &str = "https://sign.example/saml/slo";
const REQUEST: &str = "_request-1";

/// Staff may sign for good, contract nurses for ten minutes, and everybody may look.
pub(crate) const POLICY: &str = r#"
[connection.acme]
issuer = "https://idp.acme.example"
preset = "generic"
strategy = "jit"
domains = ["acme.example"]
[connection.acme.create]
default_roles = ["reader"]

[role.reader]
allow = ["view *"]
[role.signer]
allow = ["sign nda/*"]

[[rule]]
id = "staff"
all = [{ attribute = "groups", eq = "staff" }]
grant = [{ role = "signer" }]

[[rule]]
id = "contract-nurses"
all = [{ attribute = "groups", eq = "contract-nurses" }]
grant = [{ role = "signer", ttl = "10m" }]
"#;

pub(crate) fn minutes(minutes: u64) -> Duration {
    Duration::from_secs(60 * minutes)
}

pub(crate) fn acme() -> ConnectionId {
    ConnectionId::new("acme").unwrap()
}

pub(crate) fn tenant() -> TenantId {
    TenantId::new("default").unwrap()
}

/// A document of a type that staff and contract nurses may sign.
pub(crate) fn nda() -> Document {
    document("nda/mutual")
}

pub(crate) fn document(document_type: &str) -> Document {
    let id = DocumentId::new("document-1").unwrap();
    Document::new(id, document_type, "application/pdf", b"%PDF-1.7 of a test")
}

/// Runs a test with each store, and then checks what it wrote into the ledger.
pub(crate) fn on_each_store(test: impl Fn(&Host)) {
    on_each_store_under(POLICY, test);
}

/// The same under another policy.
pub(crate) fn on_each_store_under(policy: &str, test: impl Fn(&Host)) {
    for make in [Host::in_memory, Host::in_sqlite] {
        let host = make(policy);
        eprintln!("with {:?}", host.store);
        test(&host);
        host.assert_records_are_sound();
    }
}

/// What an application has: the engine, and what it gave to it.
pub(crate) struct Host {
    pub(crate) engine: Engine,
    pub(crate) idp: TestIdp,
    pub(crate) clock: Arc<ManualClock>,
    pub(crate) store: Arc<dyn Store>,
    meanwhile: Arc<Meanwhile>,
    pub(crate) log_key: Arc<Ed25519Signer>,
    vault: bool,
    made: AtomicUsize,
    folder: Option<TempDir>,
}

/// The wrapping key of every host.
pub(crate) fn key_wrap() -> Arc<LocalKeyWrap> {
    Arc::new(LocalKeyWrap::new("host-key-1", [1; 32]))
}

impl Host {
    pub(crate) fn in_memory(policy: &str) -> Self {
        Self::new(Arc::new(MemoryStore::new()), None, policy, false)
    }

    pub(crate) fn in_memory_with_a_vault(policy: &str) -> Self {
        Self::new(Arc::new(MemoryStore::new()), None, policy, true)
    }

    /// With a vault; in memory there is none, so that both run everything.
    pub(crate) fn in_sqlite(policy: &str) -> Self {
        Self::in_a_file(policy, true)
    }

    pub(crate) fn in_a_file(policy: &str, vault: bool) -> Self {
        let folder = tempfile::tempdir().unwrap();
        let store = SqliteStore::open(folder.path().join("host.db")).unwrap();
        Self::new(Arc::new(store), Some(folder), policy, vault)
    }

    /// With a vault, whose wrapping key fails like the store.
    pub(crate) fn in_a_failing_store(failing: &Arc<Failing>, policy: &str) -> Self {
        let mut host = Self::new(failing.clone(), None, policy, true);
        let with_key = |builder: EngineBuilder| builder.vault(failing.clone());
        host.engine = host.engine_with(policy, &[], with_key);
        host
    }

    fn new(store: Arc<dyn Store>, folder: Option<TempDir>, policy: &str, vault: bool) -> Self {
        let noon = "2026-03-01T12:00:00Z".parse().unwrap();
        let clock = Arc::new(ManualClock::new(noon));
        let idp = TestIdp::new(ISSUER);
        let meanwhile = Arc::new(Meanwhile::default());
        let log_key = Arc::new(Ed25519Signer::generate().unwrap().0);
        let mut builder = Engine::builder(PolicyFile::parse("policy.toml", policy).unwrap());
        if vault {
            builder = builder.vault(key_wrap());
        }
        let builder = builder
            .connection(acme(), service_provider(), trusted(&idp))
            .store(Arc::new(store.clone()))
            .log("sign.example/log", log_key.clone())
            .clock(clock.clone())
            .entropy(meanwhile.clone());
        Self {
            engine: wait(builder.build()).unwrap(),
            idp,
            clock,
            store,
            meanwhile,
            log_key,
            vault,
            made: AtomicUsize::new(0),
            folder,
        }
    }

    /// The engine that the application has after a restart with another policy.
    pub(crate) fn engine_under(&self, policy: &str) -> Engine {
        self.engine_with(policy, &[], |builder| builder)
    }

    /// The same with more parts, where the provider's metadata allows these scopes.
    pub(crate) fn engine_with(
        &self,
        policy: &str,
        scopes: &[&str],
        extend: impl FnOnce(EngineBuilder) -> EngineBuilder,
    ) -> Engine {
        let scopes = scopes.iter().copied().map(Scope::literal);
        let idp = scopes.fold(trusted(&self.idp), IdentityProvider::with_scope);
        let builder = Engine::builder(PolicyFile::parse("policy.toml", policy).unwrap())
            .connection(acme(), service_provider(), idp)
            .store(Arc::new(self.store.clone()))
            .log("sign.example/log", self.log_key.clone())
            .clock(self.clock.clone());
        let builder = match self.vault {
            true => builder.vault(key_wrap()),
            false => builder,
        };
        wait(extend(builder).build()).unwrap()
    }

    /// The database, where there is one.
    pub(crate) fn database(&self) -> PathBuf {
        self.folder.as_ref().unwrap().path().join("host.db")
    }

    /// Every file that the store has, byte for byte.
    pub(crate) fn files(&self) -> Vec<Vec<u8>> {
        let folder = self.folder.as_ref().unwrap();
        let files = std::fs::read_dir(folder.path()).unwrap();
        let paths = files.map(|file| file.unwrap().path());
        paths.map(|path| std::fs::read(path).unwrap()).collect()
    }

    pub(crate) fn now(&self) -> Timestamp {
        self.clock.now()
    }

    /// Does something else in the middle of the next confirmation or signature, between its look
    /// at the account and its commit.
    pub(crate) fn during_the_step(&self, act: impl FnOnce() + Send + 'static) {
        self.meanwhile.set(0, act);
    }

    /// The same in the middle of the next sign-in, whose first random bytes are the ids of the
    /// walk and of an account that it may make.
    pub(crate) fn during_the_sign_in(&self, act: impl FnOnce() + Send + 'static) {
        self.meanwhile.set(2, act);
    }

    /// A response about the person `name`, as the identity provider makes it now.
    pub(crate) fn response(&self, name: &str) -> ResponseSpec {
        let number = self.made.fetch_add(1, Ordering::SeqCst);
        ResponseSpec::new(SP, ACS, name, self.now())
            .answering(REQUEST)
            .with_ids(
                &format!("_response-{number}"),
                &format!("_assertion-{number}"),
            )
            .with_attribute("mail", [format!("{name}@acme.example")])
    }

    /// The response about a nurse who belongs to these groups, and to no others.
    pub(crate) fn nurse(&self, groups: &[&str]) -> ResponseSpec {
        self.response("nurse")
            .with_attribute("givenName", ["Given"])
            .with_attribute("sn", ["Family"])
            .with_attribute("groups", groups.iter().copied())
    }

    pub(crate) fn sign_in(&self, response: &ResponseSpec) -> SignIn {
        sign_in(&self.engine, &self.idp.post(response)).unwrap()
    }

    pub(crate) fn admit(&self, response: &ResponseSpec) -> Session {
        admitted(self.sign_in(response))
    }

    pub(crate) fn refuse(&self, response: &ResponseSpec) -> Refused {
        refused(self.sign_in(response))
    }

    /// Shows a document, has it confirmed and signed.
    pub(crate) fn sign(
        &self,
        session: &Session,
        document: &Document,
    ) -> Result<Signature, EngineError> {
        sign(&self.engine, session, document)
    }

    /// The account of a session, as the store has it.
    pub(crate) fn account(&self, session: &Session) -> UserWithGrants {
        wait(self.store.user(&tenant(), session.user()))
            .unwrap()
            .unwrap()
    }

    /// An administrator changes an account.
    pub(crate) fn edit_account(&self, session: &Session, edit: impl FnOnce(&mut User)) {
        let mut user = self.account(session).user;
        let expected_version = user.version;
        edit(&mut user);
        let mut change = Change::new(tenant());
        change.users.push(UserWrite::Update {
            user,
            expected_version,
        });
        wait(self.store.commit(&change)).unwrap();
    }

    /// An administrator changes a grant, and puts it in the place of the old one.
    pub(crate) fn edit_grant(&self, session: &Session, role: &str, edit: impl FnOnce(&mut Grant)) {
        let mut grant = self.grant(session, role);
        edit(&mut grant);
        let mut change = Change::new(tenant());
        change.put_grants.push(grant);
        wait(self.store.commit(&change)).unwrap();
    }

    /// An administrator takes a role away.
    pub(crate) fn revoke(&self, session: &Session, role: &str) {
        let mut change = Change::new(tenant());
        change.remove_grants.push(self.grant(session, role).id);
        wait(self.store.commit(&change)).unwrap();
    }

    /// The grant of a role to the account of a session, as the store has it.
    pub(crate) fn grant(&self, session: &Session, role: &str) -> Grant {
        let mut grants = self.account(session).grants.into_iter();
        grants.find(|grant| grant.role.as_str() == role).unwrap()
    }

    /// An account with this address that the application made by itself, before anybody signed in.
    pub(crate) fn make_account_for(&self, name: &str, state: UserState) -> UserId {
        let number = self.made.fetch_add(1, Ordering::SeqCst);
        let id = UserId::new(format!("made-ahead-{number}")).unwrap();
        let mut change = Change::new(tenant());
        change.users.push(UserWrite::Create(User {
            id: id.clone(),
            tenant: tenant(),
            state,
            state_since: self.now(),
            state_entry: None,
            hold: None,
            email: email(&format!("{name}@acme.example")),
            email_verified_locally: false,
            given_name: Some("Given".to_owned()),
            family_name: Some("Family".to_owned()),
            display_name: None,
            account_id: None,
            permission_profile_id: None,
            created_at: self.now(),
            last_sign_in_at: None,
            entry: None,
            version: 1,
        }));
        wait(self.store.commit(&change)).unwrap();
        id
    }

    /// The account that the person `name` is linked to.
    pub(crate) fn linked(&self, name: &str) -> Option<UserWithGrants> {
        let snapshot = wait(self.store.snapshot(&self.query(name))).unwrap();
        assert_eq!(snapshot.link.is_some(), snapshot.linked.is_some());
        snapshot.linked
    }

    /// The account that a subject is linked to.
    pub(crate) fn linked_subject(&self, subject: &SubjectKey) -> Option<UserWithGrants> {
        let query = SnapshotQuery {
            subject: subject.clone(),
            ..self.query("nobody")
        };
        wait(self.store.snapshot(&query)).unwrap().linked
    }

    pub(crate) fn seats_taken(&self) -> u64 {
        wait(self.store.snapshot(&self.query("anybody")))
            .unwrap()
            .seats_taken
    }

    fn query(&self, name: &str) -> SnapshotQuery {
        SnapshotQuery {
            tenant: tenant(),
            connection: acme(),
            subject: SubjectKey::from_stable_value(tenant(), ISSUER, name).unwrap(),
            email: None,
            guarded_roles: BTreeSet::new(),
            seats: true,
            once: None,
            now: self.now(),
        }
    }

    /// Every record, in the order of the ledger.
    pub(crate) fn records(&self) -> Vec<(LeafHash, Record)> {
        wait(self.engine.checkpoint()).unwrap();
        let size = wait(self.store.size()).unwrap();
        let stored = wait(self.store.entries(0..size)).unwrap();
        assert_eq!(u64::try_from(stored.len()).unwrap(), size);
        let records = stored.iter().map(|stored| {
            let bytes = stored.entry.bytes();
            (leaf_hash(bytes), parse_record(bytes).unwrap())
        });
        records.collect()
    }

    /// The kinds of all records, in the order of the ledger.
    pub(crate) fn kinds(&self) -> Vec<Kind> {
        let records = self.records();
        records.iter().map(|(_, record)| record.kind()).collect()
    }

    pub(crate) fn record(&self, leaf: LeafHash) -> Record {
        let stored = wait(self.store.entry(&EntryQuery::Leaf(leaf))).unwrap();
        parse_record(stored.unwrap().entry.bytes()).unwrap()
    }

    /// What the record of a refusal says.
    pub(crate) fn body(&self, refused: &Refused) -> Body {
        self.record(refused.entry()).body
    }

    /// Every entry is a record whose causes are earlier leaves and that commits to what its
    /// specification lists, and the tree over them is whole.
    pub(crate) fn assert_records_are_sound(&self) {
        let mut earlier = HashSet::new();
        for (leaf, record) in self.records() {
            let kind = record.kind().as_str();
            let listed = listed_commitments(kind);
            for field in record.commitments.keys() {
                assert!(
                    listed.contains(&field.as_str()),
                    "{kind} commits to `{field}`"
                );
            }
            assert!(record.parents.iter().all(|parent| earlier.contains(parent)));
            assert!(earlier.insert(leaf), "{leaf} is there twice");
        }
        let ledger = self.engine.ledger();
        let keys = [ledger.verifier_key().clone().into()];
        let check = wait(ledger.reader().verify_all(&keys, &mut |_| {})).unwrap();
        assert!(check.is_sound() && check.checkpoint_trusted, "{check:?}");
    }

    /// What somebody finds who trusts this host's log.
    pub(crate) fn verify(&self, bundle: &[u8]) -> Report {
        let trust = TrustPolicy::new().log_key(self.engine.ledger().verifier_key().clone());
        verify(bundle, &trust, self.now())
    }
}

/// The committed fields of a kind, as the table in §5 of its specification lists them.
fn listed_commitments(kind: &str) -> Vec<&'static str> {
    let specification = include_str!("../../../../docs/spec/record.md");
    let mut rows = specification.lines().filter_map(|line| {
        let cells: Vec<&str> = line.split('|').collect();
        match cells.as_slice() {
            ["", kinds, _parents, _subject, committed, ""] => Some((*kinds, *committed)),
            _ => None,
        }
    });
    let quoted = format!("`{kind}`");
    let row = rows.find(|(kinds, _)| kinds.contains(&quoted));
    let (_, committed) = row.unwrap_or_else(|| panic!("the specification has no `{kind}`"));
    if committed.contains("as `user.provisioned`") || committed.contains("the new values") {
        return listed_commitments("user.provisioned");
    }
    committed.split('`').skip(1).step_by(2).collect()
}

fn service_provider() -> ServiceProvider {
    let slo = Endpoint::new(Binding::Post.uri(), SLO).unwrap();
    ServiceProvider::new(SP, ACS)
        .unwrap()
        .with_slo_location(slo)
}

fn trusted(idp: &TestIdp) -> IdentityProvider {
    IdentityProvider::from_metadata(idp.metadata().as_bytes()).unwrap()
}

/// What the assertion consumer service does with what the browser posts.
pub(crate) fn sign_in(engine: &Engine, form_value: &str) -> Result<SignIn, EngineError> {
    let pending = PendingRequest::new(REQUEST).unwrap();
    let message = Inbound::Post(form_value.as_bytes());
    wait(engine.sign_in(&acme(), message, Expect::Request(&pending)))
}

pub(crate) fn admitted(ended: SignIn) -> Session {
    match ended {
        SignIn::Admitted(session) => session,
        SignIn::Refused(refused) => panic!("refused: {}: {refused}", refused.code()),
    }
}

pub(crate) fn refused(ended: SignIn) -> Refused {
    match ended {
        SignIn::Refused(refused) => refused,
        SignIn::Admitted(session) => panic!("admitted: {session:?}"),
    }
}

/// Shows a document, has it confirmed and signed.
pub(crate) fn sign(
    engine: &Engine,
    session: &Session,
    document: &Document,
) -> Result<Signature, EngineError> {
    let presented = wait(engine.present(session, document))?;
    let confirmed = wait(engine.confirm(presented, &Intent::approval()))?;
    wait(engine.sign(confirmed, "Given Family"))
}

/// The code of an error; a success fails the test.
#[track_caller]
pub(crate) fn code<T: Debug>(outcome: Result<T, EngineError>) -> &'static str {
    outcome.expect_err("it was allowed").code()
}

/// The roles of a session's grants.
pub(crate) fn roles(session: &Session) -> Vec<&str> {
    session
        .grants()
        .iter()
        .map(|grant| grant.role.as_str())
        .collect()
}

pub(crate) fn email(address: &str) -> Option<Email> {
    Some(Email::from_canonical(address).unwrap())
}
