//! What one sign-in has come to, and how it ends: by a change that uses up what proved it.
//!
//! A proof is good once, whatever comes of it. So the one [`Change`] that an arrival ends with is
//! made here, with the proof in it; nothing but its commit makes a [`SignIn`] of an arrival.

use std::ops::{Deref, DerefMut};

use countersign_audit::assertion::AssertionVerified;
use countersign_audit::invitation::{InvitationIssued, InvitationUsed};
use countersign_audit::leaf::Leaf;
use countersign_audit::record::Recorded;
use countersign_audit::seal::{Correlation, Draft};
use countersign_core::{
    ConnectionId, CorrelationId, Facts, LeafHash, OneTimeKey, Timestamp, UserId, VerifiedIdentity,
};
use countersign_provision::ConnectionPolicy;
use countersign_provision::PastSignIn;
use countersign_provision::store::{Change, Snapshot, SnapshotQuery};

use crate::engine::Engine;
use crate::error::EngineError;
use crate::sign_in::SignIn;

/// What proved who came.
pub(crate) enum Proof {
    /// An assertion, by the key that it is remembered by.
    Assertion(OneTimeKey),
    /// The one-time entry of a mailed link.
    Mailed(LeafHash),
}

/// What one sign-in has come to, from its first record on.
pub(crate) struct Arrival<'a> {
    pub(crate) id: &'a ConnectionId,
    pub(crate) rules: &'a ConnectionPolicy,
    pub(crate) identity: VerifiedIdentity,
    pub(crate) now: Timestamp,
    /// Whether this browser had asked for it.
    pub(crate) solicited: bool,
    walk: Correlation,
    proof: Proof,
    /// The invitation that the person brought; used up if the person is let in.
    invitation: Option<Recorded<InvitationIssued>>,
}

impl<'a> Arrival<'a> {
    pub(crate) fn new(
        id: &'a ConnectionId,
        rules: &'a ConnectionPolicy,
        (identity, proof): (VerifiedIdentity, Proof),
        now: Timestamp,
        walk: Correlation,
    ) -> Self {
        Self {
            id,
            rules,
            identity,
            now,
            solicited: false,
            walk,
            proof,
            invitation: None,
        }
    }

    /// The same, as the browser asked for it or not.
    pub(crate) fn solicited(mut self, solicited: bool) -> Self {
        self.solicited = solicited;
        self
    }

    pub(crate) fn bring(&mut self, invitation: Recorded<InvitationIssued>) {
        self.invitation = Some(invitation);
    }

    /// A change that uses up the proof, and nothing else yet.
    pub(crate) fn change(&self) -> Concluding {
        let mut change = Change::new(self.rules.tenant.clone());
        match &self.proof {
            Proof::Assertion(once) => change.once = Some(once.clone()),
            Proof::Mailed(entry) => change.spend.push(*entry),
        }
        Concluding(change)
    }

    /// A change that lets the person in, or into the queue: it uses up the invitation, too.
    pub(crate) fn admitting_change(&self, user: &UserId, snapshot: &Snapshot) -> Concluding {
        let mut change = self.change();
        let invitation = self.invitation.as_ref();
        change
            .spend
            .extend(invitation.map(|issued| issued.leaf().hash()));
        change.connection = Some((self.id.clone(), snapshot.connection.epoch));
        change.adopt = self.adopted_by(user);
        change
    }

    /// The record of the invitation's use, if the person brought one.
    pub(crate) fn invitation_used(
        &self,
        user: &UserId,
        assertion: Leaf<AssertionVerified>,
    ) -> Option<Draft<InvitationUsed>> {
        let issued = self.invitation.as_ref()?;
        let (connection, user) = (self.id.clone(), user.clone());
        Some(InvitationUsed::draft(connection, user, issued, assertion))
    }

    /// The walks that turn out to be the account's: that of a mailed proof, and the invitation's.
    pub(crate) fn adopted_by(&self, user: &UserId) -> Vec<(CorrelationId, UserId)> {
        let mailed = match self.proof {
            Proof::Mailed(_) => Some(self.walk.id()),
            Proof::Assertion(_) => None,
        };
        let invitation = self.invitation.as_ref().map(Recorded::correlation);
        let walks = mailed.into_iter().chain(invitation);
        walks.map(|walk| (walk.clone(), user.clone())).collect()
    }

    /// The walk, from its beginning: each attempt to commit seals its records anew.
    pub(crate) fn walk(&self) -> Correlation {
        self.walk.clone()
    }

    /// What a decision about these facts, and about the proof, needs to know.
    pub(crate) fn query(&self, engine: &Engine, facts: &Facts) -> SnapshotQuery {
        let mut query = engine.policy().snapshot_query(self.id, facts, self.now);
        if let Proof::Assertion(once) = &self.proof {
            query.once = Some(once.key.clone());
        }
        query
    }

    /// Why the proof is good no longer, as far as this snapshot tells. That it is good is certain
    /// only once it is used up.
    pub(crate) async fn void(
        &self,
        engine: &Engine,
        snapshot: &Snapshot,
    ) -> Result<Option<Void>, EngineError> {
        let is_used = match &self.proof {
            Proof::Assertion(once) if is_stale(engine, once) => return Ok(Some(Void::Stale)),
            Proof::Assertion(_) => snapshot.seen,
            Proof::Mailed(entry) => {
                let users = &engine.shared.users;
                users.is_spent(&self.rules.tenant, *entry).await?
            }
        };
        Ok(is_used.then_some(Void::Used))
    }

    /// Why a change did not come about that has nothing but the proof in anybody's way.
    pub(crate) fn lost(&self, engine: &Engine) -> Void {
        match &self.proof {
            Proof::Assertion(once) if is_stale(engine, once) => Void::Stale,
            _ => Void::Used,
        }
    }
}

/// Whether the store may have forgotten by now that somebody else used the key.
fn is_stale(engine: &Engine, once: &OneTimeKey) -> bool {
    engine.shared.clock.now() >= once.expires
}

/// Why what proved an arrival is good no longer.
#[derive(Debug, Clone, Copy)]
pub(crate) enum Void {
    /// It was used before.
    Used,
    /// It became too old before it could be used up.
    Stale,
}

/// How an arrival ended.
#[allow(
    clippy::large_enum_variant,
    reason = "looked at once for each sign-in and not kept"
)]
pub(crate) enum Arrived {
    Concluded(Concluded),
    /// Nothing is written.
    Void(Void),
}

/// A sign-in that is written down, together with the use of what proved it.
pub(crate) struct Concluded(SignIn);

impl Concluded {
    pub(crate) fn of(self, past: PastSignIn) -> Self {
        Self(self.0.of(past))
    }

    pub(crate) fn into_sign_in(self) -> SignIn {
        self.0
    }
}

/// A change of an arrival that waits for its commit.
pub(crate) struct Concluding(Change);

impl Concluding {
    /// Commits it; `None` if it lost a race, perhaps for the proof, or against the clock.
    pub(crate) async fn commit(
        &self,
        engine: &Engine,
        ended: SignIn,
    ) -> Result<Option<Concluded>, EngineError> {
        if let Some(once) = &self.0.once
            && is_stale(engine, once)
        {
            return Ok(None);
        }
        let committed = engine.commits(&self.0).await?;
        Ok(committed.then_some(Concluded(ended)))
    }
}

impl Deref for Concluding {
    type Target = Change;

    fn deref(&self) -> &Change {
        &self.0
    }
}

impl DerefMut for Concluding {
    fn deref_mut(&mut self) -> &mut Change {
        &mut self.0
    }
}
