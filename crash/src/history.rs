//! What the records say happened, and whether the rows say the same.
//!
//! Every record is taken in the order of the ledger, and moves a model of the accounts on. At its
//! end the model has to be what is in the rows: an account, a grant or a session that no record
//! tells of is an *orphan user*; one that a record tells of and that is not there, or is in another
//! state, an *orphan record*. On the way these hold at every record:
//!
//! 1. an account comes into being once, and no id is used for two;
//! 2. a session opens only for an account that is in use;
//! 3. an account that goes out of use has no session left by the end, but those opened after it
//!    came back;
//! 4. what ends (a grant, a session) had begun;
//! 5. no more accounts take a seat than the cap says, if there is one;
//! 6. an account is refused as inactive only after it went out of use.

use std::collections::{BTreeMap, BTreeSet};
use std::num::NonZeroU32;
use std::sync::Arc;

use countersign::audit::{Body, Record, leaf_hash, parse_record};
use countersign::blocking::wait;
use countersign::builder::Store;
use countersign::provision::store::{SessionQuery, SessionsOf, UserQuery, UserWithGrants};
use countersign::{GrantId, LeafHash, SessionId, TenantId, UserId};

use crate::Failure;

/// Entries, or accounts, that are read at once.
const PAGE: u32 = 512;

/// What the ledger says of an account.
#[derive(Debug, Default)]
struct Account {
    entry: Option<LeafHash>,
    state: &'static str,
    subjects: usize,
    grants: BTreeMap<GrantId, LeafHash>,
}

/// What the ledger says of a session.
#[derive(Debug)]
struct Opened {
    user: UserId,
    entry: LeafHash,
    closed: bool,
}

#[derive(Debug, Default)]
struct Tenant {
    accounts: BTreeMap<UserId, Account>,
    sessions: BTreeMap<SessionId, Opened>,
}

/// What was found.
#[derive(Debug, Default)]
pub(crate) struct Findings {
    pub(crate) orphan_users: u64,
    pub(crate) orphan_records: u64,
    /// A rule of the list does not hold.
    pub(crate) broken_rules: u64,
    /// The first of them, in words.
    pub(crate) words: Vec<String>,
}

impl Findings {
    fn add(words: &mut Vec<String>, count: &mut u64, found: String) {
        *count = count.saturating_add(1);
        if words.len() < 20 {
            words.push(found);
        }
    }

    fn user(&mut self, found: String) {
        Self::add(&mut self.words, &mut self.orphan_users, found);
    }

    fn record(&mut self, found: String) {
        Self::add(&mut self.words, &mut self.orphan_records, found);
    }

    fn rule(&mut self, found: String) {
        Self::add(&mut self.words, &mut self.broken_rules, found);
    }
}

/// The history of every tenant in a store.
#[derive(Debug, Default)]
pub(crate) struct History {
    leaves: BTreeSet<LeafHash>,
    tenants: BTreeMap<TenantId, Tenant>,
    pub(crate) findings: Findings,
    /// How many records there are of each kind, by tenant.
    kinds: BTreeMap<(TenantId, &'static str), u64>,
}

impl History {
    /// Reads the ledger from a leaf on; all of it must be integrated. The tenant is one that there
    /// are rows of, whether or not there are records.
    pub(crate) fn read(
        store: &Arc<dyn Store>,
        tenant: &TenantId,
        from: u64,
        seats: Option<u64>,
    ) -> Result<Self, Failure> {
        let mut history = Self::default();
        history.tenants.entry(tenant.clone()).or_default();
        let size = wait(store.size())?;
        let mut start = from;
        while start < size {
            let end = size.min(u64::from(PAGE).saturating_add(start));
            for stored in wait(store.entries(start..end))? {
                let bytes = stored.entry.bytes();
                let record = parse_record(bytes)?;
                history.take(leaf_hash(bytes), &record, seats);
            }
            start = end;
        }
        Ok(history)
    }

    /// How many records of each kind the tenant has.
    pub(crate) fn kinds(&self, tenant: &TenantId) -> BTreeMap<&'static str, u64> {
        let kinds = self.kinds.iter().filter(|((of, _), _)| of == tenant);
        kinds.map(|((_, kind), count)| (*kind, *count)).collect()
    }

    fn take(&mut self, leaf: LeafHash, record: &Record, seats: Option<u64>) {
        self.leaves.insert(leaf);
        let kind = record.kind().as_str();
        let count = self.kinds.entry((record.tenant.clone(), kind)).or_default();
        *count = count.saturating_add(1);
        let Some(user) = &record.subject_ref else {
            return;
        };
        let findings = &mut self.findings;
        let tenant = self.tenants.entry(record.tenant.clone()).or_default();
        let is_new = matches!(record.body, Body::UserProvisioned(_));
        if !is_new && !tenant.accounts.contains_key(user) {
            findings.record(format!("`{kind}` {leaf} is about `{user}`, who never came"));
            return;
        }
        let account = tenant.accounts.entry(user.clone()).or_default();
        match &record.body {
            Body::UserProvisioned(_) => {
                if account.entry.replace(leaf).is_some() {
                    findings.rule(format!("rule 1: `{user}` came into being twice"));
                }
                account.state = "active";
                account.subjects = 1;
            }
            Body::UserLinked(_) => account.subjects = account.subjects.saturating_add(1),
            Body::RoleGranted(body) => drop(account.grants.insert(body.grant.clone(), leaf)),
            Body::RoleRevoked(body) => {
                let ended = account.grants.remove(&body.grant);
                if ended.is_none() {
                    findings.rule(format!(
                        "rule 4: the grant `{}` ended before it began",
                        body.grant
                    ));
                }
            }
            Body::SessionOpened(body) => {
                if account.state != "active" {
                    let state = account.state;
                    findings.rule(format!("rule 2: a session of `{user}`, who is {state}"));
                }
                let opened = Opened {
                    user: user.clone(),
                    entry: leaf,
                    closed: false,
                };
                if tenant
                    .sessions
                    .insert(body.session.clone(), opened)
                    .is_some()
                {
                    findings.rule(format!(
                        "rule 1: the session `{}` opened twice",
                        body.session
                    ));
                }
            }
            Body::SessionClosed(body) => match tenant.sessions.get_mut(&body.session) {
                Some(opened) if !opened.closed => opened.closed = true,
                _ => findings.rule(format!(
                    "rule 4: `{}` closed, and was not open",
                    body.session
                )),
            },
            Body::UserSuspended(_) => account.state = "suspended",
            Body::UserReactivated(_) => account.state = "active",
            Body::UserDeprovisioned(_) => account.state = "deprovisioned",
            Body::SubjectErased(_) => {
                account.state = "erased";
                account.subjects = 0;
            }
            Body::UserRefused(_) if account.state == "active" => {
                findings.rule(format!("rule 6: `{user}` was refused while in use"));
            }
            _ => {}
        }
        let seated = || {
            let states = tenant.accounts.values().map(|account| account.state);
            states.filter(|state| !matches!(*state, "deprovisioned" | "erased"))
        };
        if let Some(cap) = seats
            && is_new
            && u64::try_from(seated().count()).is_ok_and(|taken| taken > cap)
        {
            findings.rule(format!("rule 5: `{user}` took a seat that there is not"));
        }
    }

    /// Holds the model against the rows of all tenants.
    pub(crate) fn compare(mut self, store: &Arc<dyn Store>) -> Result<Findings, Failure> {
        for (tenant, told) in std::mem::take(&mut self.tenants) {
            self.compare_accounts(store, &tenant, &told)?;
            self.compare_sessions(store, &tenant, &told)?;
        }
        Ok(self.findings)
    }

    fn compare_accounts(
        &mut self,
        store: &Arc<dyn Store>,
        tenant: &TenantId,
        told: &Tenant,
    ) -> Result<(), Failure> {
        let mut query = UserQuery {
            tenant: tenant.clone(),
            states: BTreeSet::new(),
            after: None,
            limit: NonZeroU32::new(PAGE).ok_or("a page is empty")?,
        };
        let mut there = BTreeSet::new();
        loop {
            let page = wait(store.users(&query))?;
            let Some(last) = page.last() else { break };
            query.after = Some(last.user.id.clone());
            for row in page {
                match told.accounts.get(&row.user.id) {
                    Some(account) => self.compare_account(account, &row),
                    None => {
                        let id = &row.user.id;
                        self.findings.user(format!("`{id}` has no record"));
                    }
                }
                there.insert(row.user.id);
            }
        }
        for user in told.accounts.keys().filter(|user| !there.contains(*user)) {
            self.findings
                .record(format!("`{user}` is recorded, and not there"));
        }
        Ok(())
    }

    fn compare_account(&mut self, told: &Account, row: &UserWithGrants) {
        let (user, findings) = (&row.user, &mut self.findings);
        let id = &user.id;
        if user.entry != told.entry {
            findings.user(format!("`{id}` names another record than its own"));
        }
        if user.state.name() != told.state {
            let (is, told) = (user.state.name(), told.state);
            let words = format!("`{id}` is {is}, and its records say {told}");
            match user.state_entry {
                // The row is ahead of the records, or behind them.
                Some(entry) if !self.leaves.contains(&entry) => findings.user(words),
                _ => findings.record(words),
            }
        }
        if row.subjects.len() != told.subjects {
            let (are, told) = (row.subjects.len(), told.subjects);
            findings.record(format!(
                "`{id}` has {are} subjects, and its records say {told}"
            ));
        }
        let mut roles = BTreeSet::new();
        for grant in &row.grants {
            if told.grants.get(&grant.id) != Some(&grant.entry) {
                findings.user(format!("the grant `{}` of `{id}` has no record", grant.id));
            }
            if !roles.insert((&grant.role, &grant.owner)) {
                findings.rule(format!("`{id}` has the role `{}` twice", grant.role));
            }
        }
        for grant in told.grants.keys() {
            if !row.grants.iter().any(|row| row.id == *grant) {
                findings.record(format!("the grant `{grant}` of `{id}` is not there"));
            }
        }
    }

    fn compare_sessions(
        &mut self,
        store: &Arc<dyn Store>,
        tenant: &TenantId,
        told: &Tenant,
    ) -> Result<(), Failure> {
        let findings = &mut self.findings;
        for (id, session) in &told.sessions {
            match wait(store.session(tenant, id))? {
                None => findings.record(format!("the session `{id}` is not there")),
                Some(row) => {
                    if row.user != session.user || row.entry != session.entry {
                        findings.user(format!("the session `{id}` has another record"));
                    }
                    match (row.closed_at, session.closed) {
                        (Some(_), false) => {
                            findings.user(format!("no record closes the session `{id}`"));
                        }
                        (None, true) => {
                            findings.record(format!("the session `{id}` was not closed"));
                        }
                        _ => {}
                    }
                }
            }
        }
        for (user, account) in &told.accounts {
            let query = SessionQuery {
                tenant: tenant.clone(),
                connection: None,
                of: SessionsOf::User(user.clone()),
            };
            for row in wait(store.open_sessions(&query))? {
                if !told.sessions.contains_key(&row.id) {
                    findings.user(format!("the session `{}` has no record", row.id));
                }
                if account.state != "active" {
                    findings.rule(format!("rule 3: `{user}` is out of use and has a session"));
                }
            }
        }
        Ok(())
    }
}
