//! An admission as one change: the account, its link, its grants, a session, and the record of
//! each, which names the records that caused it.

use countersign_audit::account::{Person, UserLinked, UserUpdated};
use countersign_audit::assertion::AssertionVerified;
use countersign_audit::invitation::InvitationUsed;
use countersign_audit::kind::RecordBody;
use countersign_audit::leaf::{Account, Leaf};
use countersign_audit::record::Recorded;
use countersign_audit::role::{RoleGranted, RoleRevoked};
use countersign_audit::seal::{Correlation, Draft};
use countersign_audit::session::SessionOpened;
use countersign_audit::vault::Filing;
use countersign_core::{
    DocumentPattern, Facts, Grant, GrantId, GrantOwner, LeafHash, RoleName, RuleId, Timestamp,
    UserId,
};
use countersign_provision::plan::{Admission, LinkPlan, NewUser, UserField, UserPlan};
use countersign_provision::store::{KeepHolders, Link, SessionRecord, Snapshot, UserWrite};
use countersign_provision::user::{User, UserState};

use crate::arrival::{Arrival, Concluding};
use crate::draws::Draws;
use crate::engine::Engine;
use crate::error::EngineError;
use crate::identifier::{self, random};
use crate::new_account::{NewAccount, codes};
use crate::session::Session;
use crate::sign_in::person;
use crate::step_up::reached;

/// A change that waits for its commit, and the session that it opens.
pub(crate) struct Admitting {
    change: Concluding,
    session: Session,
}

impl Admitting {
    pub(crate) fn new(
        engine: &Engine,
        arrival: &Arrival<'_>,
        facts: &Facts,
        snapshot: &Snapshot,
        admission: &Admission,
        filed: (UserId, Filing),
    ) -> Result<Self, EngineError> {
        let mut writer = Writer::new(engine, arrival, facts, snapshot, admission, filed);
        let assertion = writer.seal(AssertionVerified::draft(
            arrival.id.clone(),
            &arrival.identity,
        ))?;
        let assertion = assertion.leaf();
        let (user, account) = writer.account(assertion)?;
        let grants = writer.grants(&user, account, assertion)?;
        let session = writer.session(&user, account, assertion)?;
        Ok(Self {
            change: writer.change,
            session: Session::new(session, grants, arrival.now)
                .named(arrival.identity.claims().name_id.clone()),
        })
    }

    pub(crate) fn into_parts(self) -> (Concluding, Session) {
        (self.change, self.session)
    }
}

struct Writer<'a> {
    engine: &'a Engine,
    /// Whose account it is, or will be.
    user: UserId,
    arrival: &'a Arrival<'a>,
    facts: &'a Facts,
    snapshot: &'a Snapshot,
    admission: &'a Admission,
    now: Timestamp,
    walk: Correlation,
    draws: Draws<'a>,
    change: Concluding,
    /// The record of the invitation's use, once it is sealed.
    invitation: Option<Leaf<InvitationUsed>>,
}

impl<'a> Writer<'a> {
    fn new(
        engine: &'a Engine,
        arrival: &'a Arrival<'a>,
        facts: &'a Facts,
        snapshot: &'a Snapshot,
        admission: &'a Admission,
        (user, filing): (UserId, Filing),
    ) -> Self {
        let mut change = arrival.admitting_change(&user, snapshot);
        change.seat_cap = admission.seat_cap;
        change.unique_email = admission.unique_email;
        if !admission.keep_holders.is_empty() {
            change.keep_holders = Some(KeepHolders {
                roles: admission.keep_holders.clone(),
                now: arrival.now,
            });
        }
        Self {
            engine,
            user,
            arrival,
            facts,
            snapshot,
            admission,
            now: arrival.now,
            walk: arrival.walk().filed(filing),
            draws: Draws::new(&*engine.shared.entropy),
            change,
            invitation: None,
        }
    }

    fn seal<K: RecordBody>(&mut self, draft: Draft<K>) -> Result<Recorded<K>, EngineError> {
        let (walk, now, draws) = (&mut self.walk, self.now, &self.draws);
        let sealed = self.engine.seal_by(walk, draft, now, draws)?;
        let (entry, recorded) = sealed.into_parts();
        self.change.entries.push(entry);
        Ok(recorded)
    }

    fn random(&self) -> Result<[u8; 16], EngineError> {
        random(&self.draws)
    }

    fn reasons(&self) -> Vec<String> {
        codes(&self.admission.reasons)
    }

    /// Creates or updates the account and ties the subject to it; returns the record that stands
    /// for it from now on.
    fn account(
        &mut self,
        assertion: Leaf<AssertionVerified>,
    ) -> Result<(UserId, Leaf<Account>), EngineError> {
        match &self.admission.user {
            UserPlan::Create(new) => self.create(new, assertion),
            UserPlan::Keep(user) => {
                let account = self.link(user, assertion)?;
                self.update(user);
                Ok((user.id.clone(), account))
            }
            UserPlan::Update { user, changes } => {
                let account = self.link(user, assertion)?;
                let changed: Vec<UserField> = changes.iter().map(|change| change.field).collect();
                let body = UserUpdated {
                    connection: self.arrival.id.clone(),
                    changed: changed
                        .iter()
                        .map(|field| field.name().to_owned())
                        .collect(),
                    reasons: self.reasons(),
                };
                let values = new_values(user, &changed);
                let draft = body.draft(user.id.clone(), &values, assertion, account);
                let updated = self.seal(draft)?.leaf().hash();
                let mut user = user.clone();
                if changed.contains(&UserField::State) {
                    user.state_entry = Some(updated);
                }
                self.update(&user);
                Ok((user.id.clone(), account))
            }
        }
    }

    fn create(
        &mut self,
        new: &NewUser,
        assertion: Leaf<AssertionVerified>,
    ) -> Result<(UserId, Leaf<Account>), EngineError> {
        let id = self.user.clone();
        let made = NewAccount {
            arrival: self.arrival,
            facts: self.facts,
            new,
            state: UserState::Active,
            reasons: &self.admission.reasons,
        };
        let mut draft = made.draft(&id, assertion);
        self.use_invitation(&id, assertion)?;
        if let Some(used) = self.invitation {
            draft = draft.by_invitation(used);
        }
        let account = self.seal(draft)?.leaf();
        let mut user = made.user(&id, account.hash());
        user.last_sign_in_at = Some(self.now);
        self.change.users.push(UserWrite::Create(user));
        self.add_link(&id, account.hash());
        Ok((id, account.into()))
    }

    /// Records that the person came by an invitation, if one was brought.
    fn use_invitation(
        &mut self,
        user: &UserId,
        assertion: Leaf<AssertionVerified>,
    ) -> Result<(), EngineError> {
        if let Some(draft) = self.arrival.invitation_used(user, assertion) {
            self.invitation = Some(self.seal(draft)?.leaf());
        }
        Ok(())
    }

    /// The record that ties the subject to an account that is there; a new one if the subject was
    /// not tied to it before.
    fn link(
        &mut self,
        user: &User,
        assertion: Leaf<AssertionVerified>,
    ) -> Result<Leaf<Account>, EngineError> {
        self.use_invitation(&user.id, assertion)?;
        if let (LinkPlan::Existing, Some(link)) = (&self.admission.link, &self.snapshot.link) {
            return Ok(Leaf::from_store(link.entry));
        }
        let body = UserLinked {
            connection: self.arrival.id.clone(),
            strategy: self.arrival.rules.strategy.name().to_owned(),
            matched_by: self.admission.matched_by.name().to_owned(),
            attributes: self.facts.attributes.keys().cloned().collect(),
            reasons: self.reasons(),
        };
        let provisioned = user.entry.map(Leaf::from_store);
        let draft = body.draft(user.id.clone(), &person(self.facts), assertion, provisioned);
        let account = self.seal(draft)?.leaf();
        self.add_link(&user.id, account.hash());
        Ok(account.into())
    }

    fn add_link(&mut self, user: &UserId, entry: LeafHash) {
        if let LinkPlan::Move { from, version } = &self.admission.link {
            self.change.users.push(UserWrite::Expect {
                user: from.clone(),
                version: *version,
            });
            self.change.remove_links.push(self.facts.subject.clone());
        }
        self.change.links.push(Link {
            subject: self.facts.subject.clone(),
            user: user.clone(),
            connection: self.arrival.id.clone(),
            linked_at: self.now,
            entry,
        });
    }

    fn update(&mut self, user: &User) {
        let mut written = user.clone();
        written.last_sign_in_at = Some(self.now);
        self.change.users.push(UserWrite::Update {
            expected_version: user.version,
            user: written,
        });
    }

    /// Gives, renews, keeps and takes grants; returns those that remain, run out or not.
    fn grants(
        &mut self,
        user: &UserId,
        account: Leaf<Account>,
        assertion: Leaf<AssertionVerified>,
    ) -> Result<Vec<Grant>, EngineError> {
        let delta = &self.admission.grants;
        let mut grants = Vec::new();
        for taken in &delta.take {
            let body = RoleRevoked {
                grant: taken.grant.id.clone(),
                role: taken.grant.role.clone(),
                owner: taken.grant.owner.clone(),
                reason: taken.reason.code().to_owned(),
            };
            let granted = Leaf::<RoleGranted>::from_store(taken.grant.entry);
            self.seal(body.draft(user.clone(), granted, Some(assertion.into())))?;
            if taken.leaves_a_row() {
                let mut row = taken.grant.clone();
                // As early as can be: another machine's clock may be behind.
                row.expires_at = Some(row.granted_at.min(self.now));
                // Its end is recorded now: no sweep is to say that it ran out.
                self.change.spend.push(row.entry);
                self.change.put_grants.push(row.clone());
                grants.push(row);
            } else {
                self.change.remove_grants.push(taken.grant.id.clone());
            }
        }
        let mut given = Vec::new();
        for proposed in &delta.give {
            given.push(Given {
                id: identifier::grant(self.now, self.random()?)?,
                role: &proposed.role,
                owner: &proposed.owner,
                rule: proposed.rule.as_ref(),
                first_given_at: self.now,
                granted_at: self.now,
                expires_at: proposed.expires_at,
                scope: &proposed.scope,
            });
        }
        for renewal in &delta.renew {
            given.push(Given {
                granted_at: renewal.granted_at,
                expires_at: renewal.expires_at,
                scope: &renewal.scope,
                ..Given::again(&renewal.grant)
            });
        }
        for kept in &delta.keep {
            if kept.policy_hash == self.engine.policy().hash() {
                grants.push(kept.clone());
            } else {
                // What the role allows may be another thing under the policy in force: the
                // grant's record has to say it, because a signature rests on it.
                given.push(Given::again(kept));
            }
        }
        for given in given {
            grants.push(self.give(given, user, account, assertion)?);
        }
        grants.extend(delta.others.iter().chain(&delta.spent).cloned());
        Ok(grants)
    }

    fn give(
        &mut self,
        given: Given<'_>,
        user: &UserId,
        account: Leaf<Account>,
        assertion: Leaf<AssertionVerified>,
    ) -> Result<Grant, EngineError> {
        let role = self.engine.policy().catalog().role(given.role);
        let permissions = role.map(|role| role.permissions_within(given.scope));
        let permissions = permissions.unwrap_or_default();
        let body = RoleGranted {
            grant: given.id.clone(),
            role: given.role.clone(),
            owner: given.owner.clone(),
            rule: given.rule.cloned(),
            expires_at: given.expires_at,
            permissions: permissions.iter().map(ToString::to_string).collect(),
        };
        let recorded = self.seal(body.draft(user.clone(), account, Some(assertion)))?;
        let grant = Grant {
            id: given.id,
            user: user.clone(),
            role: given.role.clone(),
            owner: given.owner.clone(),
            rule: given.rule.cloned(),
            policy_hash: self.engine.policy().hash(),
            first_given_at: given.first_given_at,
            granted_at: given.granted_at,
            expires_at: given.expires_at,
            scope: given.scope.to_vec(),
            entry: recorded.leaf().hash(),
        };
        self.change.put_grants.push(grant.clone());
        Ok(grant)
    }

    fn session(
        &mut self,
        user: &UserId,
        account: Leaf<Account>,
        assertion: Leaf<AssertionVerified>,
    ) -> Result<SessionRecord, EngineError> {
        let claims = self.arrival.identity.claims();
        let bound = claims.session_not_on_or_after;
        let expires_at = self
            .engine
            .policy()
            .session()
            .deadline(self.now, bound)
            .min(self.admission.session_not_after);
        let id = identifier::session(self.now, self.random()?)?;
        let body = SessionOpened {
            session: id.clone(),
            connection: self.arrival.id.clone(),
            multi_factor: self.facts.multi_factor,
            expires_at,
        };
        let mut draft = body.draft(user.clone(), assertion, account);
        if let Some(used) = self.invitation {
            draft = draft.by_invitation(used);
        }
        let recorded = self.seal(draft)?;
        let session = SessionRecord {
            id,
            tenant: self.arrival.rules.tenant.clone(),
            user: user.clone(),
            connection: self.arrival.id.clone(),
            door: self.arrival.identity.door(),
            authn_context: reached(self.arrival.rules.preset, claims),
            authn_instant: claims.authn_instant,
            opened_at: self.now,
            expires_at,
            session_index: claims.session_index.clone(),
            correlation: self.walk.id().clone(),
            entry: recorded.leaf().hash(),
            closed_at: None,
        };
        self.change.open_sessions.push(session.clone());
        Ok(session)
    }
}

/// A grant that is about to be recorded.
struct Given<'a> {
    id: GrantId,
    role: &'a RoleName,
    owner: &'a GrantOwner,
    rule: Option<&'a RuleId>,
    first_given_at: Timestamp,
    granted_at: Timestamp,
    expires_at: Option<Timestamp>,
    scope: &'a [DocumentPattern],
}

impl<'a> Given<'a> {
    /// The same grant, recorded anew.
    fn again(grant: &'a Grant) -> Self {
        Self {
            id: grant.id.clone(),
            role: &grant.role,
            owner: &grant.owner,
            rule: grant.rule.as_ref(),
            first_given_at: grant.first_given_at,
            granted_at: grant.granted_at,
            expires_at: grant.expires_at,
            scope: &grant.scope,
        }
    }
}

/// The new values of the fields that change, for commitments.
fn new_values(user: &User, changed: &[UserField]) -> Person {
    let mut values = Person::default();
    for field in changed {
        match field {
            UserField::Email => values.email = user.email.clone(),
            UserField::GivenName => values.given_name = user.given_name.clone(),
            UserField::FamilyName => values.family_name = user.family_name.clone(),
            UserField::DisplayName => values.display_name = user.display_name.clone(),
            _ => {}
        }
    }
    values
}
