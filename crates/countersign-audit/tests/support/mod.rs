//! A ledger store that can be tampered with, and one whole walk from a sign-in to a signature.
//! Used by the tests of this crate, of `countersign-evidence` and of `countersign-object-store`.

#![allow(
    dead_code,
    unreachable_pub,
    clippy::arithmetic_side_effects,
    clippy::indexing_slicing,
    reason = "each test binary uses a part of it"
)]

pub mod published;

use std::collections::BTreeMap;
use std::ops::Range;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Mutex};

use async_trait::async_trait;
use countersign_audit::account::{Person, UserProvisioned};
use countersign_audit::assertion::{AssertionRejected, AssertionVerified};
use countersign_audit::ceremony::{DocumentPresented, DocumentSigned, Grounds, IntentConfirmed};
use countersign_audit::consent::{AccessDemonstrated, ConsentGiven};
use countersign_audit::merkle::node_hash;
use countersign_audit::record::Blob;
use countersign_audit::role::RoleGranted;
use countersign_audit::seal::{EntropyError, Sealed};
use countersign_audit::session::SessionOpened;
use countersign_audit::store::{
    Anchor, EntryQuery, Integration, LedgerStore, NodeId, StoredCheckpoint, StoredEntry,
};
use countersign_audit::{Correlation, Ed25519Signer, Entropy, Ledger};
use countersign_core::{
    CeremonyId, ConnectionId, ConsentId, CorrelationId, DocumentId, Door, Email, Entry, EntryId,
    GrantId, GrantOwner, IdentityClaims, LeafHash, NameId, RoleName, RuleId, SessionId,
    Sha256Digest, StoreError, SubjectKey, TenantId, Timestamp, UserId, VerifiedIdentity,
};
use countersign_testkit::identity::vouched_in;
use ring::digest::{SHA256, digest};

/// The name of the test log.
pub const ORIGIN: &str = "log.example/audit";

/// What a store holds, open to every hand.
#[derive(Debug, Clone, Default)]
pub struct Tables {
    pub outbox: Vec<Entry>,
    pub leaves: Vec<Entry>,
    pub nodes: BTreeMap<NodeId, Sha256Digest>,
    pub checkpoint: Option<StoredCheckpoint>,
    /// The size of each checkpoint that was put.
    pub signed_sizes: Vec<u64>,
    pub anchors: BTreeMap<u64, Anchor>,
    pub rotation: Option<LeafHash>,
}

/// Keeps a ledger in memory.
#[derive(Debug, Default)]
pub struct TestStore {
    pub tables: Mutex<Tables>,
    /// Makes that many compare-and-set calls conflict before one goes through.
    pub conflicts: AtomicU64,
    /// What others add: one each time that the outbox is read, right after it.
    pub arriving: Mutex<Vec<Entry>>,
    /// The node that makes the leaves and signs, if there is one: what another wants to write it
    /// has written by then.
    pub integrator: Mutex<Option<Ledger>>,
}

impl TestStore {
    pub fn change(&self, change: impl FnOnce(&mut Tables)) {
        change(&mut self.tables.lock().unwrap());
    }

    /// Whether the integrator was faster. It has signed what was there, and goes on: there are
    /// leaves past what it signed, and entries past those.
    async fn was_left_to_integrator(&self) -> bool {
        let Some(integrator) = self.integrator.lock().unwrap().take() else {
            return false;
        };
        integrator.advance().await.unwrap();
        integrator.integrate().await.unwrap();
        let arriving = self.arriving.lock().unwrap().pop();
        self.change(|tables| tables.outbox.extend(arriving));
        *self.integrator.lock().unwrap() = Some(integrator);
        true
    }

    fn conflict_now(&self) -> bool {
        self.conflicts
            .fetch_update(Ordering::SeqCst, Ordering::SeqCst, |left| {
                left.checked_sub(1)
            })
            .is_ok()
    }
}

#[async_trait]
impl LedgerStore for TestStore {
    async fn enqueue(&self, entries: &[Entry]) -> Result<(), StoreError> {
        let mut tables = self.tables.lock().unwrap();
        tables.outbox.extend_from_slice(entries);
        Ok(())
    }

    async fn pending(&self, limit: usize) -> Result<Vec<Entry>, StoreError> {
        let mut tables = self.tables.lock().unwrap();
        let first = tables.outbox.iter().take(limit).cloned().collect();
        tables.outbox.extend(self.arriving.lock().unwrap().pop());
        Ok(first)
    }

    async fn size(&self) -> Result<u64, StoreError> {
        Ok(self.tables.lock().unwrap().leaves.len() as u64)
    }

    async fn integrate(&self, integration: &Integration) -> Result<(), StoreError> {
        let conflict = StoreError::conflict("integrate");
        if self.conflict_now() || self.was_left_to_integrator().await {
            return Err(conflict);
        }
        let mut tables = self.tables.lock().unwrap();
        let count = integration.entries.len();
        let first: Vec<EntryId> = tables
            .outbox
            .iter()
            .take(count)
            .map(|entry| entry.id().clone())
            .collect();
        if tables.leaves.len() as u64 != integration.expected_size || first != integration.entries {
            return Err(conflict);
        }
        let entries: Vec<Entry> = tables.outbox.drain(..count).collect();
        tables.leaves.extend(entries);
        tables.nodes.extend(integration.nodes.iter().copied());
        Ok(())
    }

    async fn nodes(&self, ids: &[NodeId]) -> Result<Vec<Option<Sha256Digest>>, StoreError> {
        let tables = self.tables.lock().unwrap();
        Ok(ids.iter().map(|id| tables.nodes.get(id).copied()).collect())
    }

    async fn entry(&self, query: &EntryQuery) -> Result<Option<StoredEntry>, StoreError> {
        let tables = self.tables.lock().unwrap();
        let fits = |index: Option<u64>, entry: &Entry| match query {
            EntryQuery::Index(wanted) => index == Some(*wanted),
            EntryQuery::Leaf(leaf) => entry.leaf() == *leaf,
            EntryQuery::Id(id) => entry.id() == id,
        };
        let leaves = (0..).map(Some).zip(&tables.leaves);
        let outbox = tables.outbox.iter().map(|entry| (None, entry));
        Ok(leaves
            .chain(outbox)
            .find(|(index, entry)| fits(*index, entry))
            .map(|(index, entry)| StoredEntry {
                index,
                entry: entry.clone(),
            }))
    }

    async fn leaves(&self, leaves: &[LeafHash]) -> Result<Vec<Option<StoredEntry>>, StoreError> {
        let mut found = Vec::new();
        for leaf in leaves {
            found.push(self.entry(&EntryQuery::Leaf(*leaf)).await?);
        }
        Ok(found)
    }

    async fn entries(&self, range: Range<u64>) -> Result<Vec<StoredEntry>, StoreError> {
        let tables = self.tables.lock().unwrap();
        Ok((0_u64..)
            .zip(&tables.leaves)
            .filter(|(index, _)| range.contains(index))
            .map(|(index, entry)| StoredEntry {
                index: Some(index),
                entry: entry.clone(),
            })
            .collect())
    }

    async fn checkpoint(&self) -> Result<Option<StoredCheckpoint>, StoreError> {
        Ok(self.tables.lock().unwrap().checkpoint.clone())
    }

    async fn put_checkpoint(
        &self,
        expected: Option<&StoredCheckpoint>,
        checkpoint: &StoredCheckpoint,
    ) -> Result<(), StoreError> {
        let conflict = StoreError::conflict("put a checkpoint");
        if self.conflict_now() || self.was_left_to_integrator().await {
            return Err(conflict);
        }
        let mut tables = self.tables.lock().unwrap();
        if tables.checkpoint.as_ref() != expected {
            return Err(conflict);
        }
        tables.checkpoint = Some(checkpoint.clone());
        tables.signed_sizes.push(checkpoint.size);
        Ok(())
    }

    async fn put_anchor(&self, anchor: &Anchor, expected_tokens: usize) -> Result<(), StoreError> {
        let mut tables = self.tables.lock().unwrap();
        let stored = tables.anchors.get(&anchor.size);
        if stored.map_or(0, |stored| stored.tokens.len()) != expected_tokens {
            return Err(StoreError::conflict("put an anchor"));
        }
        tables.anchors.insert(anchor.size, anchor.clone());
        Ok(())
    }

    async fn anchor(&self, covering: u64) -> Result<Option<Anchor>, StoreError> {
        let tables = self.tables.lock().unwrap();
        let mut anchors = tables.anchors.values();
        Ok(anchors.find(|anchor| anchor.size > covering).cloned())
    }

    async fn anchors(&self) -> Result<Vec<u64>, StoreError> {
        let tables = self.tables.lock().unwrap();
        Ok(tables.anchors.keys().copied().collect())
    }

    async fn rotation(&self) -> Result<Option<LeafHash>, StoreError> {
        Ok(self.tables.lock().unwrap().rotation)
    }

    async fn rotate(&self, expected: Option<LeafHash>, entry: &Entry) -> Result<(), StoreError> {
        let mut tables = self.tables.lock().unwrap();
        if tables.rotation != expected {
            return Err(StoreError::conflict("rotate the key"));
        }
        tables.rotation = Some(entry.leaf());
        tables.outbox.push(entry.clone());
        Ok(())
    }
}

/// Bytes that count up: every test gets the same records.
#[derive(Debug, Default)]
pub struct CountingEntropy(AtomicU64);

impl Entropy for CountingEntropy {
    fn fill(&self, bytes: &mut [u8]) -> Result<(), EntropyError> {
        for byte in bytes {
            *byte = self.0.fetch_add(1, Ordering::SeqCst).to_le_bytes()[0];
        }
        Ok(())
    }
}

pub fn at(text: &str) -> Timestamp {
    text.parse().unwrap()
}

pub fn sha256(bytes: &[u8]) -> Sha256Digest {
    Sha256Digest::from_bytes(digest(&SHA256, bytes).as_ref().try_into().unwrap())
}

/// The document that is signed.
pub const DOCUMENT: &[u8] = b"I will keep it to myself.\n";

/// Everything one signature leaves behind.
pub struct Walk {
    pub correlation: Correlation,
    pub assertion: Sealed<AssertionVerified>,
    pub user: Sealed<UserProvisioned>,
    pub grant: Sealed<RoleGranted>,
    pub session: Sealed<SessionOpened>,
    pub consent: Option<Sealed<ConsentGiven>>,
    pub presented: Sealed<DocumentPresented>,
    pub intent: Sealed<IntentConfirmed>,
    pub signed: Sealed<DocumentSigned>,
}

/// What may differ between walks.
pub struct WalkPlan {
    pub name: &'static str,
    pub permissions: Vec<String>,
    pub grant_expires_at: Option<Timestamp>,
    pub session_expires_at: Timestamp,
    pub presented_at: Timestamp,
    pub confirmed_at: Timestamp,
    pub signed_at: Timestamp,
    /// Who signs in, by the name.
    pub identity: fn(&str) -> VerifiedIdentity,
    /// What is shown with the document.
    pub attachments: Vec<Blob>,
    /// Whether the signer consents to electronic records before.
    pub consents: bool,
}

impl Default for WalkPlan {
    fn default() -> Self {
        Self {
            name: "nurse",
            permissions: vec!["sign nda/*".to_owned(), "view *".to_owned()],
            grant_expires_at: Some(at("2026-03-02T09:30:00Z")),
            session_expires_at: at("2026-03-01T10:00:00Z"),
            presented_at: at("2026-03-01T09:31:00Z"),
            confirmed_at: at("2026-03-01T09:32:00Z"),
            signed_at: at("2026-03-01T09:33:00Z"),
            identity,
            attachments: Vec::new(),
            consents: false,
        }
    }
}

pub fn identity(name: &str) -> VerifiedIdentity {
    let claims = IdentityClaims {
        issuer: "https://idp.example/saml".to_owned(),
        name_id: NameId {
            value: format!("{name}@acme.example"),
            format: Some("urn:oasis:names:tc:SAML:1.1:nameid-format:emailAddress".to_owned()),
            name_qualifier: None,
            sp_name_qualifier: None,
        },
        session_index: Some("_session-1".to_owned()),
        session_not_on_or_after: None,
        authn_instant: Some(at("2026-03-01T09:29:50Z")),
        authn_context: Some(
            "urn:oasis:names:tc:SAML:2.0:ac:classes:PasswordProtectedTransport".to_owned(),
        ),
        attributes: Vec::new(),
    };
    let signed = format!("<Assertion>{name}</Assertion>");
    vouched_in(claims, signed.as_bytes(), "_assertion-1")
}

impl Walk {
    pub fn new(plan: WalkPlan, entropy: &dyn Entropy) -> Self {
        Self::try_new(plan, entropy).unwrap()
    }

    pub fn try_new(
        plan: WalkPlan,
        entropy: &dyn Entropy,
    ) -> Result<Self, countersign_audit::AuditError> {
        let signed_in_at = at("2026-03-01T09:30:00Z");
        let tenant = TenantId::new("acme").unwrap();
        let connection = ConnectionId::new("acme-idp").unwrap();
        let user_id = UserId::new(format!("user-{}", plan.name)).unwrap();
        let mut walk = Correlation::begin(
            tenant.clone(),
            CorrelationId::new(format!("walk-{}", plan.name)).unwrap(),
        )
        .under_policy(sha256(b"policy"));
        let identity = (plan.identity)(plan.name);
        let assertion = walk.seal(
            AssertionVerified::draft(connection.clone(), &identity),
            signed_in_at,
            entropy,
        )?;
        let email = Email::from_canonical(format!("{}@acme.example", plan.name)).unwrap();
        let person = Person {
            subject: Some(
                SubjectKey::from_stable_value(tenant, &identity.claims().issuer, email.as_str())
                    .unwrap(),
            ),
            email: Some(email),
            given_name: Some("Given".to_owned()),
            family_name: Some("Family".to_owned()),
            display_name: None,
        };
        let provisioned = UserProvisioned {
            connection: connection.clone(),
            strategy: "jit".to_owned(),
            matched_by: None,
            state: "active".to_owned(),
            account_id: Some("default".to_owned()),
            permission_profile_id: None,
            attributes: vec!["emailaddress".to_owned(), "givenname".to_owned()],
            reasons: vec!["created".to_owned()],
        };
        let user = walk.seal(
            provisioned.draft(user_id.clone(), &person, assertion.leaf()),
            signed_in_at,
            entropy,
        )?;
        let granted = RoleGranted {
            grant: GrantId::new("grant-1").unwrap(),
            role: RoleName::new("signer").unwrap(),
            owner: GrantOwner::Jit(connection.clone()),
            rule: Some(RuleId::new("contractors").unwrap()),
            expires_at: plan.grant_expires_at,
            permissions: plan.permissions,
        };
        let grant = walk.seal(
            granted.draft(user_id.clone(), user.leaf(), Some(assertion.leaf())),
            signed_in_at,
            entropy,
        )?;
        let opened = SessionOpened {
            session: SessionId::new("session-1").unwrap(),
            connection,
            multi_factor: false,
            expires_at: plan.session_expires_at,
        };
        let session = walk.seal(
            opened.draft(user_id, assertion.leaf(), user.leaf()),
            signed_in_at,
            entropy,
        )?;
        let consent = if plan.consents {
            let given = ConsentGiven {
                access_demonstrated: AccessDemonstrated {
                    method: "opened_sample_pdf".to_owned(),
                    sha256: None,
                },
                consent: ConsentId::new("consent-1").unwrap(),
                disclosure_sha256: sha256(b"disclosure"),
                disclosure_version: "2026-01".to_owned(),
                paper_right: true,
                scope: vec!["nda/*".parse().unwrap()],
                withdrawal: "Write to the records office.".to_owned(),
            };
            let draft = given.draft(session.recorded());
            Some(walk.seal(draft, signed_in_at, entropy)?)
        } else {
            None
        };
        let document = DocumentPresented {
            ceremony: CeremonyId::new("ceremony-1").unwrap(),
            document: DocumentId::new("contract-1").unwrap(),
            document_type: "nda/mutual".to_owned(),
            media_type: "text/plain".to_owned(),
            sha256: sha256(DOCUMENT),
            attachments: plan.attachments,
        };
        let presented = walk.seal(
            document.draft(session.recorded()),
            plan.presented_at,
            entropy,
        )?;
        let intent = walk.seal(
            IntentConfirmed::draft(
                presented.recorded(),
                "approval",
                "I have read this document and sign it.",
                Some(sha256(b"disclosure")),
            ),
            plan.confirmed_at,
            entropy,
        )?;
        let grounds = Grounds {
            presented: presented.recorded(),
            intent: intent.recorded(),
            session: session.recorded(),
            grant: grant.recorded(),
            consent: consent.as_ref().map(Sealed::recorded),
        };
        let signed = walk.seal(
            DocumentSigned::draft(grounds, "Given Family")?,
            plan.signed_at,
            entropy,
        )?;
        Ok(Self {
            correlation: walk,
            assertion,
            user,
            grant,
            session,
            consent,
            presented,
            intent,
            signed,
        })
    }

    /// The entries in the order in which they happened.
    pub fn entries(&self) -> Vec<Entry> {
        let mut entries = vec![
            self.assertion.entry(),
            self.user.entry(),
            self.grant.entry(),
            self.session.entry(),
        ];
        entries.extend(self.consent.as_ref().map(Sealed::entry));
        entries.extend([
            self.presented.entry(),
            self.intent.entry(),
            self.signed.entry(),
        ]);
        entries.into_iter().cloned().collect()
    }
}

/// Small records that rest on nothing, the same ones in every test: for tests of the tree alone.
pub fn plain_entries(range: Range<u64>) -> Vec<Entry> {
    range
        .map(|n| {
            let tenant = TenantId::new("acme").unwrap();
            let mut walk = Correlation::begin(tenant, CorrelationId::new("refused").unwrap());
            let rejected = AssertionRejected {
                door: Door::Saml,
                connection: ConnectionId::new("acme-idp").unwrap(),
                code: "saml.expired".to_owned(),
                received_sha256: sha256(&n.to_le_bytes()),
            };
            let entropy = CountingEntropy(AtomicU64::new(n));
            let sealed = walk.seal(rejected.draft(), at("2026-03-01T09:00:00Z"), &entropy);
            sealed.unwrap().entry().clone()
        })
        .collect()
}

/// Makes leaves of the outbox as a host does that never asks what an entry rests on.
pub fn integrate_carelessly(store: &TestStore) {
    store.change(|tables| {
        for entry in std::mem::take(&mut tables.outbox) {
            let mut hash = Sha256Digest::from_bytes(*entry.leaf().as_bytes());
            let (mut level, mut index) = (0, tables.leaves.len() as u64);
            tables.nodes.insert(NodeId { level, index }, hash);
            while index % 2 == 1 {
                let left = NodeId {
                    level,
                    index: index - 1,
                };
                hash = node_hash(tables.nodes[&left], hash);
                (level, index) = (level + 1, index / 2);
                tables.nodes.insert(NodeId { level, index }, hash);
            }
            tables.leaves.push(entry);
        }
    });
}

/// A signer with the same key in every test.
pub fn signer() -> Arc<Ed25519Signer> {
    let der = countersign_testkit::keys::IDP_ED25519_PKCS8;
    Arc::new(Ed25519Signer::from_pkcs8(der).unwrap())
}

/// A ledger over `store` with that key.
pub fn open(store: &Arc<TestStore>) -> Result<Ledger, countersign_audit::AuditError> {
    pollster::block_on(Ledger::open(
        Arc::<TestStore>::clone(store),
        signer(),
        ORIGIN,
    ))
}

/// A store with these entries in its outbox.
pub fn store_with(entries: &[Entry]) -> Arc<TestStore> {
    let store = Arc::new(TestStore::default());
    store.change(|tables| tables.outbox.extend_from_slice(entries));
    store
}
