//! What another policy would change, for people who signed in.
//!
//! Each sign-in of a corpus is decided under both policies, and the two plans are compared: who
//! would be refused, who would be let in, who would lose or gain which role, and by which rule.
//! [`BlastRadius`] says how much of that is too much.
//!
//! The corpus is read once, and nothing of it is kept but what is reported: 16 bytes for each
//! person, so that each is counted once however often they came, and the changes of as many
//! people as [`Simulator::listing`] allows.

mod blast_radius;
mod comparison;
mod totals;

use std::collections::{BTreeMap, BTreeSet, HashMap};

use countersign_core::{
    ConnectionId, Email, LeafHash, RoleName, RuleId, SubjectKey, Timestamp, UserId,
};
use serde::Serialize;

pub use self::blast_radius::{BlastRadius, Excess, Overrun, ParseShareError, Share};
pub use self::comparison::{Altered, Cause, Comparison, Held, Outcome, Standing};
pub use self::totals::{ConnectionTotals, RoleTotals, RuleTotals};
use self::totals::{Crowd, Person, Totals};
use crate::corpus::PastSignIn;
use crate::policy::Policy;
use crate::store::{Snapshot, SnapshotQuery, UserWithGrants};
use crate::user::{User, UserState};

/// The changes of so many people are listed, unless [`Simulator::listing`] says otherwise; all are
/// counted.
pub const LISTED_PEOPLE: usize = 1000;

/// Decides `corpus` under `old` and under `new`, from what the sign-ins themselves tell of accounts
/// and grants.
pub fn simulate(
    old: &Policy,
    new: &Policy,
    corpus: impl IntoIterator<Item = PastSignIn>,
) -> Simulation {
    let mut simulator = Simulator::new(old, new);
    for sign_in in corpus {
        simulator.add(&sign_in);
    }
    simulator.finish()
}

/// What a store would have answered about a sign-in of which only the corpus tells.
///
/// With grants, the person has an account in use, linked and with the address that the provider
/// sent; without them, the person has never been here. There are others who hold each guarded role,
/// so that no last holder hides a loss.
#[must_use]
pub fn remembered(sign_in: &PastSignIn, query: &SnapshotQuery) -> Snapshot {
    let someone = |name: &str| UserId::new(name).into_iter();
    let others: Vec<_> = someone("other-1").chain(someone("other-2")).collect();
    let guarded = query.guarded_roles.iter();
    let mut snapshot = Snapshot {
        holders: guarded.map(|role| (role.clone(), others.clone())).collect(),
        ..Snapshot::default()
    };
    if let (Some(grants), Ok(id)) = (&sign_in.grants, UserId::new("user")) {
        let facts = &sign_in.facts;
        let rows = grants.iter().enumerate();
        snapshot.linked = Some(UserWithGrants {
            grants: rows
                .filter_map(|(number, grant)| grant.row(&id, number))
                .collect(),
            subjects: vec![facts.subject.clone()],
            user: User {
                id: id.clone(),
                tenant: facts.subject.tenant().clone(),
                state: UserState::Active,
                state_since: Timestamp::UNIX_EPOCH,
                state_entry: None,
                hold: None,
                email: facts.email.as_ref().map(|email| email.address.clone()),
                email_verified_locally: false,
                given_name: facts.given_name.clone(),
                family_name: facts.family_name.clone(),
                display_name: facts.display_name.clone(),
                account_id: facts.account_id.clone(),
                permission_profile_id: facts.permission_profile_id.clone(),
                created_at: Timestamp::UNIX_EPOCH,
                last_sign_in_at: Some(Timestamp::UNIX_EPOCH),
                entry: None,
                version: 1,
            },
        });
        snapshot.link = Some(crate::store::Link {
            subject: facts.subject.clone(),
            user: id,
            connection: sign_in.connection.clone(),
            linked_at: Timestamp::UNIX_EPOCH,
            entry: LeafHash::from_bytes([0; 32]),
        });
    }
    snapshot
}

/// Compares two policies, one sign-in after the other.
#[derive(Debug)]
pub struct Simulator<'p> {
    old: &'p Policy,
    new: &'p Policy,
    listing: usize,
    sign_ins: u64,
    first: Option<Timestamp>,
    last: Option<Timestamp>,
    people: Crowd,
    losing: Crowd,
    losing_a_role: Crowd,
    gaining: Crowd,
    losing_access: Crowd,
    gaining_access: Crowd,
    changed: Crowd,
    outcomes: BTreeMap<(Outcome, Outcome), u64>,
    totals: Totals,
    listed: Vec<PersonChange>,
    places: HashMap<Person, usize>,
    affected: Crowd,
}

impl<'p> Simulator<'p> {
    /// Of two policies, before any sign-in.
    #[must_use]
    pub fn new(old: &'p Policy, new: &'p Policy) -> Self {
        Self {
            old,
            new,
            listing: LISTED_PEOPLE,
            sign_ins: 0,
            first: None,
            last: None,
            people: Crowd::default(),
            losing: Crowd::default(),
            losing_a_role: Crowd::default(),
            gaining: Crowd::default(),
            losing_access: Crowd::default(),
            gaining_access: Crowd::default(),
            changed: Crowd::default(),
            outcomes: BTreeMap::new(),
            totals: Totals::of(old, new),
            listed: Vec::new(),
            places: HashMap::new(),
            affected: Crowd::default(),
        }
    }

    /// Lists the changes of so many people, the first that come.
    #[must_use]
    pub fn listing(self, people: usize) -> Self {
        Self {
            listing: people,
            ..self
        }
    }

    /// What a store has to be asked for [`Self::add_known`], under the old policy and under the new
    /// one.
    #[must_use]
    pub fn queries(&self, sign_in: &PastSignIn) -> [SnapshotQuery; 2] {
        [self.old, self.new]
            .map(|policy| policy.snapshot_query(&sign_in.connection, &sign_in.facts, sign_in.at))
    }

    /// Adds a sign-in of which only the corpus tells ([`remembered`]).
    pub fn add(&mut self, sign_in: &PastSignIn) {
        let snapshots = self.queries(sign_in);
        let snapshots = snapshots.each_ref().map(|query| remembered(sign_in, query));
        self.add_known(sign_in, snapshots.each_ref());
    }

    /// Adds a sign-in of somebody of whom a store told the answers to [`Self::queries`].
    pub fn add_known(&mut self, sign_in: &PastSignIn, [before, after]: [&Snapshot; 2]) {
        let person = Person::of(&sign_in.connection, &sign_in.facts.subject);
        let comparison = Comparison::of((self.old, before), (self.new, after), sign_in);
        self.sign_ins = self.sign_ins.saturating_add(1);
        self.first = Some(self.first.map_or(sign_in.at, |first| first.min(sign_in.at)));
        self.last = Some(self.last.map_or(sign_in.at, |last| last.max(sign_in.at)));
        self.people.add(person);
        let outcomes = (comparison.before.outcome, comparison.after.outcome);
        let count = self.outcomes.entry(outcomes).or_default();
        *count = count.saturating_add(1);
        self.totals.add(person, sign_in, &comparison);
        let crowds = [
            (comparison.loses_access(), &mut self.losing_access),
            (comparison.gains_access(), &mut self.gaining_access),
            (!comparison.lost.is_empty(), &mut self.losing_a_role),
            (
                comparison.loses_access() || !comparison.lost.is_empty(),
                &mut self.losing,
            ),
            (!comparison.gained.is_empty(), &mut self.gaining),
            (!comparison.changed.is_empty(), &mut self.changed),
            (comparison.is_change(), &mut self.affected),
        ];
        for (is_one, crowd) in crowds {
            if is_one {
                crowd.add(person);
            }
        }
        if comparison.is_change() {
            self.list(person, sign_in, comparison);
        }
    }

    fn list(&mut self, person: Person, sign_in: &PastSignIn, comparison: Comparison) {
        let known = self.places.get(&person);
        if let Some(change) = known.and_then(|place| self.listed.get_mut(*place)) {
            change.merge(comparison);
        } else if self.listed.len() < self.listing {
            self.places.insert(person, self.listed.len());
            self.listed.push(PersonChange {
                connection: sign_in.connection.clone(),
                subject: sign_in.facts.subject.clone(),
                email: sign_in
                    .facts
                    .email
                    .as_ref()
                    .map(|email| email.address.clone()),
                at: sign_in.at,
                before: comparison.before,
                after: comparison.after,
                lost: comparison.lost,
                gained: comparison.gained,
                changed: comparison.changed,
            });
        }
    }

    /// What came of it.
    #[must_use]
    pub fn finish(self) -> Simulation {
        let unlisted = self.affected.size();
        let listed = u64::try_from(self.listed.len()).unwrap_or(u64::MAX);
        Simulation {
            sign_ins: self.sign_ins,
            first: self.first,
            last: self.last,
            people: self.people.size(),
            losing_access: self.losing_access.size(),
            gaining_access: self.gaining_access.size(),
            losing: self.losing.size(),
            losing_a_role: self.losing_a_role.size(),
            gaining_a_role: self.gaining.size(),
            changed: self.changed.size(),
            outcomes: self.outcomes,
            connections: self.totals.connections(),
            roles: self.totals.roles(),
            rules: self.totals.rules(),
            affected: self.listed,
            unlisted: unlisted.saturating_sub(listed),
        }
    }
}

/// What another policy would have changed. People are counted once, however often they came, each
/// by connection and subject; whoever is not admitted has no role.
#[derive(Debug, Clone, PartialEq, Eq)]
#[non_exhaustive]
pub struct Simulation {
    /// Sign-ins in the corpus.
    pub sign_ins: u64,
    /// The earliest of them.
    pub first: Option<Timestamp>,
    /// The latest of them.
    pub last: Option<Timestamp>,
    /// People in the corpus.
    pub people: u64,
    /// People who would lose a role or access.
    pub losing: u64,
    /// People who would not be admitted any more.
    pub losing_access: u64,
    /// People who would be admitted.
    pub gaining_access: u64,
    /// People who would lose a role, those who would lose access among them.
    pub losing_a_role: u64,
    /// People who would gain a role.
    pub gaining_a_role: u64,
    /// People who would have a role until another instant, or for other documents.
    pub changed: u64,
    /// Sign-ins by what they came to before and would come to after.
    pub outcomes: BTreeMap<(Outcome, Outcome), u64>,
    /// By connection.
    pub connections: BTreeMap<ConnectionId, ConnectionTotals>,
    /// By role.
    pub roles: BTreeMap<RoleName, RoleTotals>,
    /// By rule of either policy.
    pub rules: BTreeMap<RuleId, RuleTotals>,
    /// The people for whom something would change, in the order in which they came.
    pub affected: Vec<PersonChange>,
    /// More of them, who are counted and not listed.
    pub unlisted: u64,
}

impl Simulation {
    /// The rules of the new policy that matched nobody.
    pub fn never_matched(&self) -> impl Iterator<Item = &RuleId> {
        let rules = self.rules.iter();
        let idle = rules.filter(|(_, totals)| totals.in_new && totals.matched_after == 0);
        idle.map(|(rule, _)| rule)
    }

    /// What is more than `limits` allow: none if the new policy may be taken into use.
    #[must_use]
    pub fn excesses(&self, limits: &BlastRadius) -> Vec<Excess> {
        limits.excesses(self)
    }
}

/// What would change for one person. Personal data.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
#[non_exhaustive]
pub struct PersonChange {
    /// The connection that they come through.
    pub connection: ConnectionId,
    /// Who.
    pub subject: SubjectKey,
    /// The address that they came with.
    pub email: Option<Email>,
    /// The sign-in that showed it first.
    pub at: Timestamp,
    /// What that sign-in came to under the old policy.
    pub before: Standing,
    /// What it would come to under the new one.
    pub after: Standing,
    /// The roles that they would lose, and why. Of several sign-ins, all that any of them shows.
    pub lost: BTreeMap<RoleName, Cause>,
    /// The roles that they would gain, and why.
    pub gained: BTreeMap<RoleName, Cause>,
    /// The roles that they would have for another time or other documents.
    pub changed: BTreeMap<RoleName, Altered>,
}

impl PersonChange {
    fn merge(&mut self, other: Comparison) {
        fn add<V>(to: &mut BTreeMap<RoleName, V>, from: BTreeMap<RoleName, V>) {
            for (role, value) in from {
                to.entry(role).or_insert(value);
            }
        }
        add(&mut self.lost, other.lost);
        add(&mut self.gained, other.gained);
        add(&mut self.changed, other.changed);
        // A sign-in that ends otherwise says more than one that only has other roles.
        if self.before.outcome == self.after.outcome {
            (self.before, self.after) = (other.before, other.after);
        }
    }

    /// Whether they would not be admitted any more.
    #[must_use]
    pub fn loses_access(&self) -> bool {
        self.before.outcome.is_admitted() && !self.after.outcome.is_admitted()
    }

    /// Whether they would be admitted.
    #[must_use]
    pub fn gains_access(&self) -> bool {
        !self.before.outcome.is_admitted() && self.after.outcome.is_admitted()
    }
}

/// The rules of a policy by id, for a set of them.
fn ids<'r>(rules: impl IntoIterator<Item = &'r RuleId>) -> BTreeSet<RuleId> {
    rules.into_iter().cloned().collect()
}
