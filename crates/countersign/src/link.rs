//! Linking a sign-in to an account that is there, by a proof from both sides.
//!
//! Where the policy links by address, and all that is missing is that nobody ever verified the
//! account's address here, the refused sign-in brings a [`LinkProposal`]. Its token goes by mail to
//! the address that is *stored*, its [`PendingLink`] stays in the session of the browser that
//! signed in. [`Engine::confirm_link`] needs both: who reads the mail and did not sign in here has
//! one half, and who signed in here and does not read the mail has the other.
//!
//! # What the mail should say
//! Who asked (the provider and the host's name), that nothing happens if it is ignored, and that
//! the link works only in the browser that the reader just signed in with. A reader who did not
//! sign in should not pass the link on.

use std::fmt;
use std::time::Duration;

use countersign_audit::account::{Person, UserLinked, UserUpdated};
use countersign_audit::assertion::AssertionVerified;
use countersign_audit::leaf::{Account, Leaf};
use countersign_audit::link::LinkProposed;
use countersign_audit::seal::Correlation;
use countersign_core::{
    ConnectionId, Email, EmailFact, Entry, Facts, LeafHash, SubjectKey, Timestamp, UserId,
};
use countersign_provision::plan::UserField;
use countersign_provision::store::{Change, Link, Snapshot, UserWrite};
use countersign_provision::{
    ConnectionPolicy, MatchedBy, ProvedLink, Refusal, RefusalKind, decide_proved_link,
};
use serde::{Deserialize, Serialize};

use crate::arrival::Arrival;
use crate::engine::{Engine, MOST_ATTEMPTS, too_many_conflicts};
use crate::error::EngineError;
use crate::new_account::codes;
use crate::sign_in::{Refused, refused_body};
use crate::token::{Browser, BrowserHalf, Issued, Minted, Token, TokenError};

/// How long a proposal can be confirmed: as long as the session of the browser that keeps the other
/// half lasts by default.
pub const CONFIRM_WITHIN: Duration = Duration::from_secs(30 * 60);

/// A link that both sides have to confirm. `Debug` shows neither secret nor address.
#[derive(Clone)]
pub struct LinkProposal {
    token: Token,
    send_to: Email,
    pending: PendingLink,
}

impl LinkProposal {
    /// What goes into the link of the mail.
    #[must_use]
    pub fn token(&self) -> &Token {
        &self.token
    }

    /// Where the mail goes: the account's stored address, and nowhere else.
    #[must_use]
    pub fn send_to(&self) -> &Email {
        &self.send_to
    }

    /// What the browser's session keeps.
    #[must_use]
    pub fn pending(&self) -> &PendingLink {
        &self.pending
    }
}

impl PartialEq for LinkProposal {
    /// Two are the same if one record proposed them.
    fn eq(&self, other: &Self) -> bool {
        self.token.entry() == other.token.entry()
    }
}

impl Eq for LinkProposal {}

impl fmt::Debug for LinkProposal {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("LinkProposal")
            .field("token", &self.token)
            .finish_non_exhaustive()
    }
}

/// The browser's half of a proposed link: keep it where only this browser's session finds it,
/// never in the mail and never in a URL.
#[derive(Debug, Clone, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct PendingLink {
    connection: ConnectionId,
    half: BrowserHalf,
}

/// How a confirmation ended. Either way it is recorded, and the token is used up.
#[derive(Debug, Clone, PartialEq, Eq)]
#[must_use]
pub enum LinkConfirmation {
    /// The subject is linked. Nobody is signed in by that: the person signs in again.
    Linked(Linked),
    /// The account is not what it was when the link was proposed, or somebody was faster.
    Refused(Refused),
}

/// A subject that was linked to an account.
///
/// # Security
/// The proof says whose the account's address is, and not who used the account until now. Whoever
/// made it, with a password of the host's for instance, may have been somebody else who hoped for
/// this link (account pre-hijacking). Before the person signs in, end every other way into the
/// account that the host knows: passwords, sessions of its own, keys.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Linked {
    user: UserId,
    entry: LeafHash,
}

impl Linked {
    /// The account.
    #[must_use]
    pub fn user(&self) -> &UserId {
        &self.user
    }

    /// The `user.linked` record.
    #[must_use]
    pub fn entry(&self) -> LeafHash {
        self.entry
    }
}

/// How a subject is committed to.
#[derive(Deserialize)]
struct Subject {
    issuer: String,
    subject: String,
}

impl Engine {
    /// Ties the subject of an earlier sign-in to the account that it was proposed for, now that
    /// whoever reads the account's mail brings the `token` into the browser that signed in.
    ///
    /// Everything that the policy asks of a link is asked again of the account as it is now.
    ///
    /// # Errors
    /// [`EngineError::Token`] if a half is not good; [`EngineError::UnknownConnection`]; or if the
    /// store fails. A refusal by the policy is no error: it is [`LinkConfirmation::Refused`].
    ///
    /// # Security
    /// `pending` has to come from the browser's own session. Confirm on a click in the page
    /// (`POST`), not by following the link: scanners of mail follow links, though they can not
    /// confirm one.
    pub async fn confirm_link(
        &self,
        pending: &PendingLink,
        token: &str,
    ) -> Result<LinkConfirmation, EngineError> {
        let id = &pending.connection;
        let rules = self.door(id)?;
        for _ in 0..MOST_ATTEMPTS {
            let browser = Browser::With(&pending.half);
            let issued = self
                .read_token::<LinkProposed>(&rules.tenant, token, browser)
                .await?;
            let mut confirming = Confirming::new(self, id, rules, &issued)?;
            let Some(filing) = self.filing_of(&rules.tenant, &confirming.user).await? else {
                continue;
            };
            confirming.walk = confirming.walk.filed(filing);
            let query = self
                .policy()
                .snapshot_query(id, &confirming.facts, confirming.now);
            let snapshot = self.shared.users.snapshot(&query).await?;
            let decided = decide_proved_link(
                self.policy(),
                id,
                &confirming.facts,
                &snapshot,
                &confirming.user,
                confirming.now,
            );
            let (change, confirmation) = match decided {
                Ok(proved) => confirming.link(&snapshot, proved)?,
                Err(refusal) => confirming.refuse(&refusal)?,
            };
            if self.commits(&change).await? {
                return Ok(confirmation);
            }
        }
        Err(too_many_conflicts())
    }

    /// Proposes a link along with the refusal that it would lift, where there is such a link.
    ///
    /// Only to a browser that asked for its sign-in: in an unsolicited one somebody else may have
    /// put the response into this browser, and with it the browser's half.
    pub(crate) fn propose_link(
        &self,
        arrival: &Arrival<'_>,
        facts: &Facts,
        refusal: &Refusal,
        walk: &mut Correlation,
        assertion: Leaf<AssertionVerified>,
    ) -> Result<Option<(Entry, LinkProposal)>, EngineError> {
        let (RefusalKind::NeedsProof { account }, Some(email)) = (refusal.kind(), &facts.email)
        else {
            return Ok(None);
        };
        if !arrival.solicited {
            return Ok(None);
        }
        let until = arrival.now.saturating_add(CONFIRM_WITHIN);
        let minted = Minted::for_this_browser(&*self.shared.entropy, until)?;
        let body = LinkProposed {
            connection: arrival.id.clone(),
            token: minted.terms(),
        };
        // The account was matched by this very address, so it is the stored one.
        let draft = body.draft(account.clone(), &facts.subject, &email.address, assertion);
        let (entry, recorded) = self.seal(walk, draft, arrival.now)?.into_parts();
        let (token, half) = minted.issued_by(recorded.leaf().hash());
        let proposal = LinkProposal {
            token,
            send_to: email.address.clone(),
            pending: PendingLink {
                connection: arrival.id.clone(),
                half,
            },
        };
        Ok(Some((entry, proposal)))
    }
}

/// A proposal whose two halves came together.
struct Confirming<'a> {
    engine: &'a Engine,
    id: &'a ConnectionId,
    rules: &'a ConnectionPolicy,
    proposed: Leaf<LinkProposed>,
    assertion: Leaf<AssertionVerified>,
    walk: Correlation,
    user: UserId,
    facts: Facts,
    now: Timestamp,
}

impl<'a> Confirming<'a> {
    fn new(
        engine: &'a Engine,
        id: &'a ConnectionId,
        rules: &'a ConnectionPolicy,
        issued: &Issued<LinkProposed>,
    ) -> Result<Self, EngineError> {
        let recorded = issued.recorded();
        let subject: Subject = issued.bound("subject")?;
        let address: Email = issued.bound("email")?;
        let (user, assertion) = match (recorded.subject_ref(), recorded.parents()) {
            (Some(user), [assertion]) if recorded.body().connection == *id => (user, *assertion),
            _ => return Err(TokenError::Invalid.into()),
        };
        let tenant = rules.tenant.clone();
        let subject = SubjectKey::from_stable_value(tenant, &subject.issuer, &subject.subject)
            .map_err(|_| TokenError::Invalid)?;
        let mut facts = Facts::new(subject);
        // It would not have been proposed, had the provider not said so.
        facts.email = Some(EmailFact {
            address,
            verified_by_idp: true,
        });
        Ok(Self {
            engine,
            id,
            rules,
            proposed: recorded.leaf(),
            assertion: Leaf::from_store(assertion),
            walk: Correlation::resume(recorded).under_policy(engine.policy().hash()),
            user: user.clone(),
            facts,
            now: engine.shared.clock.now().max(recorded.at()),
        })
    }

    /// A change that uses the token up.
    fn change(&self) -> Change {
        let mut change = Change::new(self.rules.tenant.clone());
        change.spend = vec![self.proposed.hash()];
        change
    }

    fn person(&self) -> Person {
        Person {
            subject: Some(self.facts.subject.clone()),
            email: self.facts.email.as_ref().map(|email| email.address.clone()),
            ..Person::default()
        }
    }

    fn link(
        mut self,
        snapshot: &Snapshot,
        proved: ProvedLink,
    ) -> Result<(Change, LinkConfirmation), EngineError> {
        let mut change = self.change();
        change.connection = Some((self.id.clone(), snapshot.connection.epoch));
        change.unique_email = !self.rules.matching.shares_email;
        let body = UserLinked {
            connection: self.id.clone(),
            strategy: self.rules.strategy.name().to_owned(),
            matched_by: MatchedBy::Proof.name().to_owned(),
            attributes: Vec::new(),
            reasons: codes(&proved.reasons),
        };
        let provisioned = proved.user.entry.map(Leaf::from_store);
        let draft = body.draft_proved(
            self.user.clone(),
            &self.person(),
            self.assertion,
            provisioned,
            Some(self.proposed),
        );
        let (entry, linked) = self
            .engine
            .seal(&mut self.walk, draft, self.now)?
            .into_parts();
        change.entries.push(entry);
        let account: Leaf<Account> = linked.leaf().into();
        let body = UserUpdated {
            connection: self.id.clone(),
            changed: vec![UserField::EmailVerifiedLocally.name().to_owned()],
            reasons: codes(&proved.reasons),
        };
        let draft = body.draft(
            self.user.clone(),
            &Person::default(),
            self.assertion,
            account,
        );
        let (entry, _) = self
            .engine
            .seal(&mut self.walk, draft, self.now)?
            .into_parts();
        change.entries.push(entry);
        change.links.push(Link {
            subject: self.facts.subject.clone(),
            user: self.user.clone(),
            connection: self.id.clone(),
            linked_at: self.now,
            entry: account.hash(),
        });
        change.users.push(UserWrite::Update {
            expected_version: proved.user.version,
            user: proved.user,
        });
        let linked = Linked {
            user: self.user,
            entry: account.hash(),
        };
        Ok((change, LinkConfirmation::Linked(linked)))
    }

    fn refuse(mut self, refusal: &Refusal) -> Result<(Change, LinkConfirmation), EngineError> {
        let mut change = self.change();
        let body = refused_body(self.id, self.rules, refusal);
        let draft = body.draft(refusal.user().cloned(), &self.person(), self.assertion);
        let (entry, refused) = self
            .engine
            .seal(&mut self.walk, draft, self.now)?
            .into_parts();
        change.entries.push(entry);
        let refused = Refused::new(refusal.reason(), refused.leaf().hash());
        Ok((change, LinkConfirmation::Refused(refused)))
    }
}
