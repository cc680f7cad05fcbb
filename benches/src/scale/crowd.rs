//! People who signed in once, by the thousand: what a first sign-in leaves behind, without the
//! response. Their records are sealed as a sign-in's are, with a few bytes where the signed
//! assertion would be.

use std::ops::Range;
use std::time::Duration;

use countersign::audit::account::{Person, UserProvisioned};
use countersign::audit::assertion::{AssertionRejected, AssertionVerified};
use countersign::audit::role::RoleGranted;
use countersign::audit::session::SessionOpened;
use countersign::audit::vault::Filing;
use countersign::audit::{Correlation, SystemEntropy};
use countersign::builder::Store;
use countersign::provision::store::{Change, Link, SessionRecord, UserWithGrants, UserWrite};
use countersign::provision::user::User;
use countersign::saml::{Expect, Inbound};
use countersign::{
    CorrelationId, Door, Email, Engine, EngineError, Entry, GrantId, IdentityClaims, NameId,
    Session, SessionId, Sha256Digest, SignIn, SubjectKey, TenantId, Timestamp, UserId, VaultOwner,
    VerifiedIdentity,
};
use countersign_testkit::identity::vouched_in;
use pollster::block_on;
use ring::digest::{SHA256, digest};

use crate::acme::Acme;

const PERSISTENT: &str = "urn:oasis:names:tc:SAML:2.0:nameid-format:persistent";

/// What every one of them has, from one who signed in.
#[derive(Debug)]
pub(crate) struct Crowd {
    account: UserWithGrants,
    session: SessionRecord,
    policy: Sha256Digest,
    issuer: String,
    entropy: SystemEntropy,
    /// When the first one came; each came a millisecond after the one before.
    first: Timestamp,
}

/// What the identity provider calls a person.
pub(crate) fn name(person: u64) -> String {
    format!("person-{person}")
}

/// The session that a sign-in opened.
pub(crate) fn admitted(outcome: Result<SignIn, EngineError>) -> Session {
    let session = match outcome {
        Ok(SignIn::Admitted(session)) => Ok(session),
        other => Err(other),
    };
    session.expect("nobody is refused")
}

impl Crowd {
    /// Signs somebody in, of whom all others are copies.
    pub(crate) fn like_somebody(acme: &Acme, engine: &Engine, store: &dyn Store) -> Self {
        let response = acme.response("somebody", 3);
        let message = Inbound::Xml(&response);
        let outcome = block_on(engine.sign_in(&acme.connection, message, Expect::Unsolicited));
        let session = admitted(outcome);
        let account = block_on(store.user(session.tenant(), session.user()));
        let stored = block_on(store.session(session.tenant(), session.id()));
        Self {
            account: account.expect("a working disk").expect("who signed in"),
            session: stored.expect("a working disk").expect("who signed in"),
            policy: engine.policy().hash(),
            issuer: acme.idp.entity_id().to_owned(),
            entropy: SystemEntropy::new(),
            first: acme.time().saturating_sub(Duration::from_secs(8 * 3_600)),
        }
    }

    pub(crate) fn tenant(&self) -> &TenantId {
        &self.session.tenant
    }

    fn came_at(&self, person: u64) -> Timestamp {
        self.first.saturating_add(Duration::from_millis(person))
    }

    /// An id as the engine makes them: the time, then what nobody can foresee.
    fn id(&self, prefix: &str, person: u64) -> String {
        let bits = sha256(format!("{prefix}{person}").as_bytes()).to_string();
        let millis = self.came_at(person).unix_millis();
        let bits = bits.get(..32).unwrap_or_default();
        format!("{prefix}-{millis:012x}{bits}")
    }

    pub(crate) fn user(&self, person: u64) -> UserId {
        UserId::new(self.id("u", person)).expect("an id")
    }

    pub(crate) fn subject(&self, person: u64) -> SubjectKey {
        let name = name(person);
        let key = SubjectKey::from_stable_value(self.tenant().clone(), &self.issuer, &name);
        key.expect("a subject")
    }

    /// The sign-ins of all these people, as one change.
    pub(crate) fn arrive(&self, people: Range<u64>) -> Change {
        let mut change = Change::new(self.tenant().clone());
        for person in people {
            self.admit(person, &mut change);
        }
        change
    }

    fn admit(&self, person: u64, change: &mut Change) {
        let (at, tenant, user) = (
            self.came_at(person),
            self.tenant().clone(),
            self.user(person),
        );
        let connection = self.session.connection.clone();
        let walk = CorrelationId::new(self.id("w", person)).expect("an id");
        let owner = VaultOwner::Account(tenant.clone(), user.clone());
        let mut walk = Correlation::begin(tenant, walk)
            .under_policy(self.policy)
            .filed(Filing::in_the_clear(owner));
        let entries = &mut change.entries;
        let mut keep = |entry: &Entry| entries.push(entry.clone());

        let draft = AssertionVerified::draft(connection.clone(), &self.identity(person, at));
        let assertion = walk.seal(draft, at, &self.entropy).expect("a record");
        keep(assertion.entry());
        let email = format!("{}@acme.example", name(person));
        let email = Email::from_canonical(email).expect("an address");
        let template = &self.account.user;
        let provisioned = UserProvisioned {
            connection: connection.clone(),
            strategy: "jit".to_owned(),
            matched_by: None,
            state: template.state.name().to_owned(),
            account_id: template.account_id.clone(),
            permission_profile_id: template.permission_profile_id.clone(),
            attributes: ["department", "email", "givenname", "groups", "surname"]
                .map(str::to_owned)
                .to_vec(),
            reasons: vec!["created".to_owned()],
        };
        let subject = self.subject(person);
        let about = Person {
            subject: Some(subject.clone()),
            email: Some(email.clone()),
            given_name: template.given_name.clone(),
            family_name: template.family_name.clone(),
            display_name: template.display_name.clone(),
        };
        let draft = provisioned.draft(user.clone(), &about, assertion.leaf());
        let account = walk.seal(draft, at, &self.entropy).expect("a record");
        keep(account.entry());
        let entry = account.leaf().hash();
        change.users.push(UserWrite::Create(User {
            id: user.clone(),
            email: Some(email),
            state_since: at,
            state_entry: Some(entry),
            created_at: at,
            last_sign_in_at: Some(at),
            entry: Some(entry),
            ..template.clone()
        }));
        change.links.push(Link {
            subject,
            user: user.clone(),
            connection: connection.clone(),
            linked_at: at,
            entry,
        });
        for (prefix, grant) in ["g", "h"].iter().zip(&self.account.grants) {
            let id = GrantId::new(self.id(prefix, person)).expect("an id");
            let granted = RoleGranted {
                grant: id.clone(),
                role: grant.role.clone(),
                owner: grant.owner.clone(),
                rule: grant.rule.clone(),
                expires_at: grant.expires_at,
                permissions: vec!["sign nda/*".to_owned(), "view *".to_owned()],
            };
            let draft = granted.draft(user.clone(), account.leaf(), Some(assertion.leaf()));
            let granted = walk.seal(draft, at, &self.entropy).expect("a record");
            keep(granted.entry());
            change.put_grants.push(countersign::Grant {
                id,
                user: user.clone(),
                first_given_at: at,
                granted_at: at,
                entry: granted.leaf().hash(),
                ..grant.clone()
            });
        }
        let id = SessionId::new(self.id("s", person)).expect("an id");
        let opened = SessionOpened {
            session: id.clone(),
            connection,
            multi_factor: false,
            expires_at: self.session.expires_at,
        };
        let draft = opened.draft(user.clone(), assertion.leaf(), account.leaf());
        let opened = walk.seal(draft, at, &self.entropy).expect("a record");
        keep(opened.entry());
        change.open_sessions.push(SessionRecord {
            id,
            user,
            opened_at: at,
            correlation: walk.id().clone(),
            entry: opened.leaf().hash(),
            ..self.session.clone()
        });
    }

    fn identity(&self, person: u64, at: Timestamp) -> VerifiedIdentity {
        let claims = IdentityClaims {
            issuer: self.issuer.clone(),
            name_id: NameId {
                value: name(person),
                format: Some(PERSISTENT.to_owned()),
                name_qualifier: None,
                sp_name_qualifier: None,
            },
            session_index: Some(format!("_i-{person}")),
            session_not_on_or_after: None,
            authn_instant: Some(at),
            authn_context: self.session.authn_context.clone(),
            attributes: Vec::new(),
        };
        let signed = format!("<Assertion>{person}</Assertion>");
        vouched_in(claims, signed.as_bytes(), &format!("_a-{person}"))
    }

    /// Small records that rest on nothing: sign-ins that were refused.
    pub(crate) fn refusals(&self, numbers: Range<u64>) -> Vec<Entry> {
        let refuse = |number: u64| {
            let walk = CorrelationId::new(self.id("w", number)).expect("an id");
            let rejected = AssertionRejected {
                door: Door::Saml,
                connection: self.session.connection.clone(),
                code: "saml.expired".to_owned(),
                received_sha256: sha256(&number.to_be_bytes()),
            };
            let sealed = Correlation::begin(self.tenant().clone(), walk)
                .under_policy(self.policy)
                .seal(rejected.draft(), self.came_at(number), &self.entropy);
            sealed.expect("a record").entry().clone()
        };
        numbers.map(refuse).collect()
    }
}

fn sha256(bytes: &[u8]) -> Sha256Digest {
    let digest = digest(&SHA256, bytes);
    let bytes = digest.as_ref().try_into();
    Sha256Digest::from_bytes(bytes.expect("32 bytes"))
}
