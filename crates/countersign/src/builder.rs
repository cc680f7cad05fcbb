//! Putting an engine together, and what can be wrong with the parts.

use std::collections::{BTreeMap, BTreeSet};
use std::fmt;
use std::sync::{Arc, RwLock};

use countersign_audit::AuditError;
use countersign_audit::cosignature::WitnessPolicyError;
use countersign_audit::key_wrap::KeyWrap;
use countersign_audit::ledger::Ledger;
use countersign_audit::seal::{Entropy, SystemEntropy};
use countersign_audit::signer::Signer;
use countersign_audit::store::LedgerStore;
use countersign_audit::vault::Vault;
use countersign_audit::vault_store::VaultStore;
use countersign_audit::witness::{Witness, Witnesses};
use countersign_audit::{TimeStampAuthority, TimeStamps};
use countersign_cms::TrustAnchor;
use countersign_core::{ConnectionId, Door};
use countersign_evidence::Sealer;
use countersign_provision::store::UserStore;
use countersign_provision::{GroupFetcher, Policy};
use countersign_saml::replay::ReplayStore;
use countersign_saml::{IdentityProvider, MessageSigner, ServiceProvider};
use thiserror::Error;

use crate::clock::{Clock, SystemClock};
use crate::engine::{Connection, Engine, Shared};

/// A store that is everything the engine needs: users, replay, ledger and vault keys in one place,
/// so that an account and its record are one transaction, and so is erasing both.
pub trait Store: UserStore + ReplayStore + LedgerStore + VaultStore + 'static {}
impl<S: UserStore + ReplayStore + LedgerStore + VaultStore + 'static> Store for S {}

/// Why the parts do not make an engine: misuse of the API, but for the last.
#[derive(Debug, Error)]
#[non_exhaustive]
pub enum BuildError {
    /// A part is missing.
    #[error("the engine has no {0}")]
    Missing(&'static str),
    /// An identity provider or a group fetcher was given for a connection that the policy does not
    /// know.
    #[error("the policy knows no connection `{0}`")]
    NotInPolicy(ConnectionId),
    /// The policy names a connection that no identity provider was given for.
    #[error("no identity provider was given for the connection `{0}`")]
    NoIdentityProvider(ConnectionId),
    /// The policy is about another issuer than the identity provider's entity id: a sign-in
    /// would be judged by the wrong rules.
    #[error(
        "the connection `{connection}` is for the issuer `{policy}`, its identity provider is `{metadata}`"
    )]
    IssuerMismatch {
        /// The connection.
        connection: ConnectionId,
        /// The issuer that the policy names.
        policy: String,
        /// The entity id in the metadata.
        metadata: String,
    },
    /// An engine for administration was given an identity provider or a group fetcher, which it
    /// would never ask.
    #[error("an engine for administration has no use for the connection `{0}`")]
    ForAdministration(ConnectionId),
    /// The witnesses are no quorum.
    #[error("the witnesses can not be used")]
    Witnesses(#[from] WitnessPolicyError),
    /// The ledger can not be opened: the store contradicts what was signed, or fails.
    #[error("the ledger can not be opened")]
    Ledger(#[from] AuditError),
}

/// One store behind its four ports.
type Ports = (
    Arc<dyn UserStore>,
    Arc<dyn ReplayStore>,
    Arc<dyn LedgerStore>,
    Arc<dyn VaultStore>,
);

/// The parts of an [`Engine`].
pub struct EngineBuilder {
    policy: Policy,
    connections: BTreeMap<ConnectionId, Connection>,
    store: Option<Ports>,
    log: Option<(String, Arc<dyn Signer>)>,
    witnesses: Option<(usize, Vec<Arc<dyn Witness>>)>,
    time_stamps: Option<TimeStamps>,
    group_fetchers: BTreeMap<ConnectionId, Arc<dyn GroupFetcher>>,
    message_signer: Option<Arc<dyn MessageSigner>>,
    key_wrap: Option<Arc<dyn KeyWrap>>,
    sealer: Option<Sealer>,
    clock: Arc<dyn Clock>,
    entropy: Arc<dyn Entropy>,
}

impl EngineBuilder {
    pub(crate) fn new(policy: Policy) -> Self {
        Self {
            policy,
            connections: BTreeMap::new(),
            store: None,
            log: None,
            witnesses: None,
            time_stamps: None,
            group_fetchers: BTreeMap::new(),
            message_signer: None,
            key_wrap: None,
            sealer: None,
            clock: Arc::new(SystemClock),
            entropy: Arc::new(SystemEntropy::new()),
        }
    }

    /// The identity provider of one of the policy's connections, and who we are to it.
    #[must_use]
    pub fn connection(
        mut self,
        connection: ConnectionId,
        service_provider: ServiceProvider,
        identity_provider: IdentityProvider,
    ) -> Self {
        self.connections.insert(
            connection,
            Connection {
                service_provider,
                identity_provider,
            },
        );
        self
    }

    /// The directory that one of the policy's connections is asked about, for groups that its
    /// identity provider leaves out.
    #[must_use]
    pub fn group_fetcher(
        mut self,
        connection: ConnectionId,
        fetcher: Arc<dyn GroupFetcher>,
    ) -> Self {
        self.group_fetchers.insert(connection, fetcher);
        self
    }

    /// Where everything is kept.
    #[must_use]
    pub fn store<S: Store>(mut self, store: Arc<S>) -> Self {
        self.store = Some((store.clone(), store.clone(), store.clone(), store));
        self
    }

    /// The ledger's origin, such as `sign.acme.example/log`, and the key that signs its
    /// checkpoints.
    #[must_use]
    pub fn log(mut self, origin: impl Into<String>, signer: Arc<dyn Signer>) -> Self {
        self.log = Some((origin.into(), signer));
        self
    }

    /// Who cosigns the ledger's checkpoints, and how many of them must have. They are asked when
    /// the engine starts, too: a store that was set back as a whole is noticed by them alone.
    #[must_use]
    pub fn witnesses(mut self, k: usize, witnesses: Vec<Arc<dyn Witness>>) -> Self {
        self.witnesses = Some((k, witnesses));
        self
    }

    /// Who stamps checkpoints with the time, and the roots that its word counts by: what
    /// [`Engine::anchor`] asks.
    #[must_use]
    pub fn time_stamp_authority(
        mut self,
        authority: Arc<dyn TimeStampAuthority>,
        roots: Vec<TrustAnchor>,
    ) -> Self {
        self.time_stamps = Some(TimeStamps::new(authority, roots));
        self
    }

    /// The key that signs requests to identity providers. It is another than the log's: providers
    /// pin this one, from our metadata.
    #[must_use]
    pub fn message_signer(mut self, signer: Arc<dyn MessageSigner>) -> Self {
        self.message_signer = Some(signer);
        self
    }

    /// Encrypts what records leave out (names, addresses, assertions) with keys of their own, which
    /// the host's key wraps: a copy of the database is worth nothing without it.
    ///
    /// Without it they are kept in the clear. They are erased all the same, and what was kept in
    /// the clear before stays readable: a host may begin to encrypt at any time.
    #[must_use]
    pub fn vault(mut self, wrap: Arc<dyn KeyWrap>) -> Self {
        self.key_wrap = Some(wrap);
        self
    }

    /// The key that seals evidence bundles, of RSA or on the curve P-256, and its certificate in
    /// DER, followed by those of the authorities above it. Without one, bundles are not sealed:
    /// what the log proves does not hang on it.
    #[must_use]
    pub fn sealer(mut self, signer: Arc<dyn Signer>, certificate_chain: Vec<Vec<u8>>) -> Self {
        self.sealer = Some(Sealer::new(signer, certificate_chain));
        self
    }

    /// The clock; the machine's otherwise.
    #[must_use]
    pub fn clock(mut self, clock: Arc<dyn Clock>) -> Self {
        self.clock = clock;
        self
    }

    /// Where ids and salts come from; the operating system's random bytes otherwise.
    #[must_use]
    pub fn entropy(mut self, entropy: Arc<dyn Entropy>) -> Self {
        self.entropy = entropy;
        self
    }

    /// Opens the ledger and starts.
    ///
    /// # Errors
    /// If a part is missing or two do not fit, or the ledger is found to have been rolled back,
    /// forked or damaged since its last checkpoint, or a witness has seen another history of it.
    pub async fn build(self) -> Result<Engine, BuildError> {
        let stray = self.group_fetchers.keys();
        let mut stray = stray.filter(|id| self.policy.connection(id).is_none());
        if let Some(id) = stray.next() {
            return Err(BuildError::NotInPolicy(id.clone()));
        }
        for (id, connection) in &self.connections {
            let rules = self
                .policy
                .connection(id)
                .ok_or_else(|| BuildError::NotInPolicy(id.clone()))?;
            let metadata = connection.identity_provider.entity_id();
            if rules.issuer != metadata {
                return Err(BuildError::IssuerMismatch {
                    connection: id.clone(),
                    policy: rules.issuer.clone(),
                    metadata: metadata.to_owned(),
                });
            }
        }
        if let Some(id) = self
            .policy
            .connections()
            .filter(|(_, rules)| rules.door != Door::Email)
            .map(|(id, _)| id)
            .find(|id| !self.connections.contains_key(*id))
        {
            return Err(BuildError::NoIdentityProvider(id.clone()));
        }
        let doors = self.policy.connections().map(|(id, _)| id.clone());
        let doors = doors.collect();
        self.open(doors).await
    }

    /// Opens the ledger and starts an engine without doors: nobody signs in through it, by an
    /// identity provider, by mail, or by confirming a link. What administrators do, it does:
    /// [reviews](Engine::apply_review), [sweeps](Engine::sweep), an account's life, roles by hand,
    /// approvals, invitations.
    ///
    /// It needs no identity provider of the policy's connections, and takes none: whoever has the
    /// store and the log's key may run it beside the host, as the command does, without what the
    /// host knows about its providers. A connection that is asked for is
    /// [unknown](crate::EngineError::UnknownConnection).
    ///
    /// # Errors
    /// As [`build`](Self::build), and if an identity provider or a group fetcher was given.
    ///
    /// ```
    /// use std::sync::Arc;
    /// use countersign::audit::Ed25519Signer;
    /// use countersign::memory::MemoryStore;
    /// use countersign::{Engine, PolicyFile, Sweep, TenantId, blocking};
    ///
    /// # fn main() -> Result<(), Box<dyn std::error::Error>> {
    /// let policy = r#"
    /// [connection.acme]
    /// issuer = "https://idp.acme.example"
    /// preset = "okta"
    /// strategy = "jit"
    /// domains = ["acme.example"]
    /// "#;
    /// let (signer, _) = Ed25519Signer::generate()?;
    /// let engine = Engine::builder(PolicyFile::parse("policy.toml", policy)?)
    ///     .store(Arc::new(MemoryStore::new()))
    ///     .log("sign.example/log", Arc::new(signer))
    ///     .build_for_administration();
    /// let engine = blocking::wait(engine)?;
    /// let swept = blocking::wait(engine.sweep(&TenantId::new("acme")?, &Sweep::new()))?;
    /// assert_eq!(swept.accounts, 0);
    /// # Ok(())
    /// # }
    /// ```
    pub async fn build_for_administration(self) -> Result<Engine, BuildError> {
        let connections = self.connections.keys();
        let mut given = connections.chain(self.group_fetchers.keys());
        if let Some(id) = given.next() {
            return Err(BuildError::ForAdministration(id.clone()));
        }
        self.open(BTreeSet::new()).await
    }

    async fn open(self, doors: BTreeSet<ConnectionId>) -> Result<Engine, BuildError> {
        let (users, replay, entries, vault_store) =
            self.store.ok_or(BuildError::Missing("store"))?;
        let (origin, signer) = self.log.ok_or(BuildError::Missing("log key"))?;
        // Private parts can be opened without a vault only if they are in the clear.
        let vault = self
            .key_wrap
            .map(|wrap| Vault::new(vault_store.clone(), wrap));
        let mut ledger = Ledger::open(entries.clone(), signer, &origin).await?;
        if let Some(time_stamps) = self.time_stamps {
            ledger = ledger.with_time_stamps(time_stamps);
        }
        if let Some(vault) = vault.clone() {
            ledger = ledger.with_vault(vault);
        }
        if let Some((k, witnesses)) = self.witnesses {
            ledger = ledger.with_witnesses(Witnesses::new(k, witnesses)?);
            // One that is down is asked again at the next checkpoint.
            ledger.check_witnesses().await?;
        }
        Ok(Engine {
            shared: Arc::new(Shared {
                policy: self.policy,
                doors,
                connections: self.connections,
                users,
                replay,
                entries,
                vault_store,
                vault,
                ledger: RwLock::new(Arc::new(ledger)),
                group_fetchers: self.group_fetchers,
                message_signer: self.message_signer,
                sealer: self.sealer,
                clock: self.clock,
                entropy: self.entropy,
            }),
        })
    }
}

impl fmt::Debug for EngineBuilder {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("EngineBuilder")
            .field("connections", &self.connections.keys())
            .finish_non_exhaustive()
    }
}
