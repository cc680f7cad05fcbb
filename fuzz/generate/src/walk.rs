//! One walk in records: a sign-in, its account and role, a signature under a document; and the
//! kinds of record that such a walk has no room for.

use std::sync::atomic::{AtomicU8, Ordering};

use countersign::audit::account::{Person, UserLinked, UserProvisioned, UserRefused, UserUpdated};
use countersign::audit::approval::{UserApproved, UserDeclined};
use countersign::audit::assertion::{AssertionRejected, AssertionVerified};
use countersign::audit::ceremony::{
    DocumentDeclined, DocumentPresented, DocumentSigned, Grounds, IntentConfirmed,
};
use countersign::audit::consent::{AccessDemonstrated, ConsentGiven, ConsentWithdrawn};
use countersign::audit::leaf::{Leaf, State};
use countersign::audit::lifecycle::{
    HoldPlaced, HoldReleased, SubjectErased, UserDeprovisioned, UserReactivated, UserStale,
    UserSuspended,
};
use countersign::audit::link::LinkProposed;
use countersign::audit::log::{CheckpointAnchored, KeyRotated};
use countersign::audit::policy::PolicyChanged;
use countersign::audit::record::{Actor, Blob};
use countersign::audit::review::{AccessReviewed, ReviewOutcome};
use countersign::audit::role::{RoleExpired, RoleGranted, RoleRevoked};
use countersign::audit::seal::{Draft, EntropyError};
use countersign::audit::session::{SessionClosed, SessionOpened};
use countersign::audit::token::TokenTerms;
use countersign::audit::{AuditError, Correlation, Entropy, Recorded, VerifierKey};
use countersign::{
    CeremonyId, ConnectionId, ConsentId, CorrelationId, DocumentId, Door, Email, Entry, GrantId,
    GrantOwner, IdentityClaims, NameId, RoleName, RuleId, SessionId, Sha256Digest, SubjectKey,
    TenantId, Timestamp, UserId, VaultKeyId, VerifiedIdentity,
};
use countersign_testkit::identity::vouched_in;

use crate::Failure;

/// The document that is signed.
pub(crate) const DOCUMENT: &[u8] = b"The ward keeps the patient's confidence.\n";

/// Bytes that are the same in every run: never for anything but seeds.
#[derive(Debug, Default)]
struct Counted(AtomicU8);

impl Entropy for Counted {
    fn fill(&self, bytes: &mut [u8]) -> Result<(), EntropyError> {
        bytes.fill(self.0.fetch_add(1, Ordering::Relaxed));
        Ok(())
    }
}

/// Seals drafts one after the other, a second apart.
struct Sealing {
    walk: Correlation,
    now: Timestamp,
    entropy: Counted,
    entries: Walk,
}

impl Sealing {
    fn seal<K: countersign::audit::kind::RecordBody>(
        &mut self,
        name: &'static str,
        draft: Draft<K>,
    ) -> Result<Recorded<K>, AuditError> {
        self.now = self.now.saturating_add(std::time::Duration::from_secs(1));
        let sealed = self.walk.seal(draft, self.now, &self.entropy)?;
        let (entry, recorded) = sealed.into_parts();
        self.entries.push((name, entry));
        Ok(recorded)
    }
}

/// Entries, each with the name of its kind.
pub(crate) type Walk = Vec<(&'static str, Entry)>;

/// A record of every kind; those of the signature are the first.
pub(crate) fn walk() -> Result<Walk, Failure> {
    let begin = Timestamp::from_unix_millis(1_767_225_600_000);
    let mut sealing = Sealing {
        walk: Correlation::begin(TenantId::new("acme")?, CorrelationId::new("walk-1")?)
            .under_policy(digest(1)),
        now: begin,
        entropy: Counted::default(),
        entries: Vec::new(),
    };
    let connection = ConnectionId::new("acme-idp")?;
    let user = UserId::new("user-1")?;
    let person = person()?;

    let identity = identity(begin);
    let draft = AssertionVerified::draft(connection.clone(), &identity);
    let assertion = sealing.seal("assertion-verified", draft)?;
    let provisioned = UserProvisioned {
        connection: connection.clone(),
        strategy: "jit".to_owned(),
        matched_by: None,
        state: "active".to_owned(),
        account_id: None,
        permission_profile_id: Some("signers".to_owned()),
        attributes: vec!["department".to_owned(), "groups".to_owned()],
        reasons: vec!["created".to_owned()],
    };
    let draft = provisioned.draft(user.clone(), &person, assertion.leaf());
    let provisioned = sealing.seal("user-provisioned", draft)?;
    let granted = RoleGranted {
        grant: GrantId::new("grant-1")?,
        role: RoleName::new("signer")?,
        owner: GrantOwner::Jit(connection.clone()),
        rule: Some(RuleId::new("contractor")?),
        expires_at: Some(begin.saturating_add(std::time::Duration::from_secs(86_400))),
        permissions: vec!["sign nda/*".to_owned(), "view *".to_owned()],
    };
    let draft = granted.draft(user.clone(), provisioned.leaf(), Some(assertion.leaf()));
    let granted = sealing.seal("role-granted", draft)?;
    let opened = SessionOpened {
        session: SessionId::new("session-1")?,
        connection: connection.clone(),
        multi_factor: false,
        expires_at: begin.saturating_add(std::time::Duration::from_secs(1_800)),
    };
    let draft = opened.draft(user.clone(), assertion.leaf(), provisioned.leaf());
    let opened = sealing.seal("session-opened", draft)?;
    let consent = ConsentGiven {
        access_demonstrated: AccessDemonstrated {
            method: "opened_sample_pdf".to_owned(),
            sha256: Some(digest(7)),
        },
        consent: ConsentId::new("consent-1")?,
        disclosure_sha256: digest(2),
        disclosure_version: "2026-01".to_owned(),
        paper_right: true,
        scope: vec!["nda/*".parse()?],
        withdrawal: "Write to records@host.example.".to_owned(),
    };
    let consent = sealing.seal("consent-given", consent.draft(&opened))?;
    let presented = DocumentPresented {
        ceremony: CeremonyId::new("ceremony-1")?,
        document: DocumentId::new("contract-7")?,
        document_type: "nda/mutual".to_owned(),
        media_type: "text/plain".to_owned(),
        sha256: sha256(DOCUMENT),
        attachments: vec![Blob {
            media_type: "text/plain".to_owned(),
            sha256: digest(6),
        }],
    };
    let presented = sealing.seal("document-presented", presented.draft(&opened))?;
    let draft = IntentConfirmed::draft(&presented, "approval", "I agree.", Some(digest(2)));
    let intent = sealing.seal("intent-confirmed", draft)?;
    let grounds = Grounds {
        presented: &presented,
        intent: &intent,
        session: &opened,
        grant: &granted,
        consent: Some(&consent),
    };
    let draft = DocumentSigned::draft(grounds, "Given Family")?;
    sealing.seal("document-signed", draft)?;

    let draft = DocumentDeclined::draft(&presented, Some("not mine"));
    sealing.seal("document-declined", draft)?;
    let rejected = AssertionRejected {
        door: Door::Saml,
        connection: connection.clone(),
        code: "saml.expired".to_owned(),
        received_sha256: digest(3),
    };
    sealing.seal("assertion-rejected", rejected.draft())?;
    let linked = UserLinked {
        connection: connection.clone(),
        strategy: "jit".to_owned(),
        matched_by: "email_and_names".to_owned(),
        attributes: Vec::new(),
        reasons: Vec::new(),
    };
    let draft = linked.draft(
        user.clone(),
        &person,
        assertion.leaf(),
        Some(provisioned.leaf()),
    );
    sealing.seal("user-linked", draft)?;
    let updated = UserUpdated {
        connection: connection.clone(),
        changed: vec!["email".to_owned()],
        reasons: Vec::new(),
    };
    let draft = updated.draft(user.clone(), &person, assertion.leaf(), provisioned.leaf());
    sealing.seal("user-updated", draft)?;
    let refused = UserRefused {
        connection,
        strategy: "pre_provisioned_only".to_owned(),
        outcome: "denied".to_owned(),
        candidates: Vec::new(),
        reasons: vec!["no_account".to_owned()],
    };
    sealing.seal(
        "user-refused",
        refused.draft(None, &person, assertion.leaf()),
    )?;
    let proposed = LinkProposed {
        connection: ConnectionId::new("acme")?,
        token: TokenTerms {
            browser_sha256: Some(digest(4)),
            expires_at: "2026-03-01T10:00:00Z".parse()?,
            secret_sha256: digest(5),
        },
    };
    let (Some(subject), Some(email)) = (&person.subject, &person.email) else {
        return Err("the person has a subject and an address".into());
    };
    let draft = proposed.draft(user.clone(), subject, email, assertion.leaf());
    sealing.seal("link-proposed", draft)?;
    let approved = UserApproved {
        state: "active".to_owned(),
    };
    let by = UserId::new("administrator-1")?;
    let draft = approved.draft(user.clone(), by.clone(), Some("known"), provisioned.leaf());
    sealing.seal("user-approved", draft)?;
    let declined = UserDeclined {
        state: "deprovisioned".to_owned(),
    };
    let draft = declined.draft(user.clone(), by, None, provisioned.leaf());
    sealing.seal("user-declined", draft)?;
    let revoked = RoleRevoked {
        grant: GrantId::new("grant-1")?,
        role: RoleName::new("signer")?,
        owner: GrantOwner::Manual,
        reason: "rule_no_longer_matches".to_owned(),
    };
    let draft = revoked.draft(user.clone(), granted.leaf(), None);
    sealing.seal("role-revoked", draft)?;
    let closed = SessionClosed {
        session: SessionId::new("session-1")?,
        reason: "logout".to_owned(),
    };
    let draft = closed.draft(user.clone(), opened.leaf(), opened.at());
    sealing.seal("session-closed", draft)?;
    let withdrawn = ConsentWithdrawn {
        consent: consent.body().consent.clone(),
    };
    let by = Actor::User(user.clone());
    let draft = withdrawn.draft(user.clone(), consent.leaf(), by, None);
    sealing.seal("consent-withdrawn", draft)?;
    life(&mut sealing, &user, &granted, provisioned.leaf().into())?;
    of_the_log(&mut sealing)?;
    Ok(sealing.entries)
}

/// The rest of the account's life.
fn life(
    sealing: &mut Sealing,
    user: &UserId,
    granted: &Recorded<RoleGranted>,
    provisioned: Leaf<State>,
) -> Result<(), Failure> {
    let administrator = UserId::new("user-2")?;
    let by = || Actor::User(administrator.clone());
    let before = |state: &str| state.to_owned();
    let unused = "lifecycle.unused".to_owned();

    let stale = UserStale {
        unused_since: Timestamp::from_unix_millis(1_767_225_600_000),
    };
    let draft = stale.draft(user.clone(), Some(provisioned), Actor::System, None);
    let stale = sealing.seal("user-stale", draft)?;
    let suspended = UserSuspended {
        before: before("stale"),
        reason: unused.clone(),
    };
    let draft = suspended.draft(user.clone(), Some(stale.leaf().into()), Actor::System, None);
    let suspended = sealing.seal("user-suspended", draft)?;
    let reactivated = UserReactivated {
        before: before("suspended"),
    };
    let state = Some(suspended.leaf().into());
    let draft = reactivated.draft(user.clone(), state, by(), Some("back from leave"));
    let reactivated = sealing.seal("user-reactivated", draft)?;
    let reviewed = AccessReviewed {
        grant: granted.body().grant.clone(),
        role: granted.body().role.clone(),
        outcome: ReviewOutcome::Certified,
        reviewed_sha256: digest(5),
    };
    let draft = reviewed.draft(user.clone(), administrator.clone(), None, granted.leaf());
    sealing.seal("access-reviewed", draft)?;
    let expired = RoleExpired {
        grant: granted.body().grant.clone(),
        role: granted.body().role.clone(),
        owner: granted.body().owner.clone(),
        expires_at: Timestamp::from_unix_millis(1_767_312_000_000),
    };
    sealing.seal("role-expired", expired.draft(user.clone(), granted.leaf()))?;
    let deprovisioned = UserDeprovisioned {
        before: before("active"),
        reason: unused,
    };
    let state = Some(reactivated.leaf().into());
    let draft = deprovisioned.draft(user.clone(), state, Actor::System, None);
    let deprovisioned = sealing.seal("user-deprovisioned", draft)?;
    let state: Option<Leaf<State>> = Some(deprovisioned.leaf().into());
    let placed = HoldPlaced {
        state: before("deprovisioned"),
    };
    let draft = placed.draft(user.clone(), state, by(), Some("a claim is pending"));
    let placed = sealing.seal("hold-placed", draft)?;
    let released = HoldReleased {
        state: before("deprovisioned"),
    };
    let draft = released.draft(user.clone(), placed.leaf(), by(), None);
    sealing.seal("hold-released", draft)?;
    let erased = SubjectErased {
        erased: vec!["email".to_owned(), "given_name".to_owned()],
        keys: vec![VaultKeyId::new("9b2f3c1e-7d4a-4c55-8a3e-0f6b1d2c4e5f")?],
        subjects: 1,
        deprovisioned_at: deprovisioned.at(),
    };
    sealing.seal(
        "subject-erased",
        erased.draft(user.clone(), state, Actor::System, None),
    )?;
    let changed = PolicyChanged {
        before: None,
        after: digest(1),
    };
    sealing.seal("policy-changed", changed.draft(None, None, None))?;
    Ok(())
}

/// What happens to the log itself.
fn of_the_log(sealing: &mut Sealing) -> Result<(), Failure> {
    let key = |byte| VerifierKey::new("log.example/seeds", [byte; 32]);
    let rotated = KeyRotated {
        key: key(2)?,
        origin: "log.example/seeds".to_owned(),
        retired_key: key(1)?,
    };
    let by = Actor::User(UserId::new("user-2")?);
    sealing.seal("key-rotated", rotated.draft(None, by, Some("as planned")))?;
    let anchored = CheckpointAnchored {
        gen_time: Timestamp::from_unix_millis(1_767_312_000_000),
        note_sha256: digest(8),
        root: digest(9),
        size: 24,
        token_sha256: digest(10),
        tokens: 1,
    };
    sealing.seal("checkpoint-anchored", anchored.draft())?;
    Ok(())
}

fn person() -> Result<Person, Failure> {
    Ok(Person {
        subject: Some(SubjectKey::from_stable_value(
            TenantId::new("acme")?,
            "https://idp.acme.example",
            "subject-1",
        )?),
        email: Some(Email::from_canonical("nurse@acme.example")?),
        given_name: Some("Given".to_owned()),
        family_name: Some("Family".to_owned()),
        display_name: None,
    })
}

fn identity(authn_instant: Timestamp) -> VerifiedIdentity {
    let claims = IdentityClaims {
        issuer: "https://idp.acme.example".to_owned(),
        name_id: NameId {
            value: "subject-1".to_owned(),
            format: Some("urn:oasis:names:tc:SAML:2.0:nameid-format:persistent".to_owned()),
            name_qualifier: None,
            sp_name_qualifier: None,
        },
        session_index: Some("_session".to_owned()),
        session_not_on_or_after: None,
        authn_instant: Some(authn_instant),
        authn_context: Some(
            "urn:oasis:names:tc:SAML:2.0:ac:classes:PasswordProtectedTransport".to_owned(),
        ),
        attributes: Vec::new(),
    };
    vouched_in(claims, b"<Assertion/>", "_assertion")
}

fn digest(byte: u8) -> Sha256Digest {
    Sha256Digest::from_bytes([byte; 32])
}

fn sha256(bytes: &[u8]) -> Sha256Digest {
    let digest = ring::digest::digest(&ring::digest::SHA256, bytes);
    // INVARIANT: a SHA-256 digest has 32 bytes.
    Sha256Digest::from_bytes(digest.as_ref().try_into().unwrap_or([0; 32]))
}
