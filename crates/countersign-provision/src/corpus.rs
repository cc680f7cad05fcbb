//! One sign-in of the past, as a simulation is given it: `docs/spec/corpus.md`.

use countersign_core::{
    ConnectionId, DocumentPattern, Facts, Grant, GrantId, GrantOwner, LeafHash, RoleName, RuleId,
    Sha256Digest, Timestamp, UserId,
};
use serde::{Deserialize, Serialize};

use crate::normalize;

/// The version of the form that is written, and the only one that is read.
pub const VERSION: u32 = 1;

/// Who came when, through which connection, and what the provider said of them.
///
/// Its JSON is one line of a corpus. It is personal data: whoever keeps one keeps addresses,
/// names and groups.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
#[non_exhaustive]
pub struct PastSignIn {
    /// [`VERSION`].
    pub v: Version,
    /// The connection that the person came through.
    pub connection: ConnectionId,
    /// When.
    pub at: Timestamp,
    /// What the provider said.
    pub facts: Facts,
    /// The grants that the person's account had, expired ones too. `None`: not known; a
    /// simulation then takes the account from its database, or the person for a new one.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub grants: Option<Vec<PastGrant>>,
}

/// [`VERSION`]: there is no value of any other.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize, Deserialize)]
#[serde(try_from = "u32", into = "u32")]
pub struct Version(());

impl TryFrom<u32> for Version {
    type Error = String;
    fn try_from(version: u32) -> Result<Self, String> {
        if version == VERSION {
            Ok(Self(()))
        } else {
            Err(format!(
                "is of version {version}; {VERSION} is what is read"
            ))
        }
    }
}

impl From<Version> for u32 {
    fn from(_: Version) -> Self {
        VERSION
    }
}

/// A grant, without what a simulation does not ask for.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct PastGrant {
    /// The role.
    pub role: RoleName,
    /// Who may change or take it away.
    pub owner: GrantOwner,
    /// The rule that gave it.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub rule: Option<RuleId>,
    /// The document types that it is limited to; none: all that the role allows.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub scope: Vec<DocumentPattern>,
    /// When it was first given.
    pub first_given_at: Timestamp,
    /// When it was given or last renewed.
    pub granted_at: Timestamp,
    /// From this instant on it does not exist.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub expires_at: Option<Timestamp>,
}

impl From<&Grant> for PastGrant {
    fn from(grant: &Grant) -> Self {
        Self {
            role: grant.role.clone(),
            owner: grant.owner.clone(),
            rule: grant.rule.clone(),
            scope: grant.scope.clone(),
            first_given_at: grant.first_given_at,
            granted_at: grant.granted_at,
            expires_at: grant.expires_at,
        }
    }
}

impl PastGrant {
    /// The grant as a row of `user`, told from others by `number`.
    pub(crate) fn row(&self, user: &UserId, number: usize) -> Option<Grant> {
        Some(Grant {
            id: GrantId::new(format!("grant-{number}")).ok()?,
            user: user.clone(),
            role: self.role.clone(),
            owner: self.owner.clone(),
            rule: self.rule.clone(),
            scope: self.scope.clone(),
            policy_hash: Sha256Digest::from_bytes([0; 32]),
            first_given_at: self.first_given_at,
            granted_at: self.granted_at,
            expires_at: self.expires_at,
            entry: LeafHash::from_bytes([0; 32]),
        })
    }
}

impl PastSignIn {
    /// A sign-in of somebody whose grants are not known.
    #[must_use]
    pub fn new(connection: ConnectionId, at: Timestamp, facts: Facts) -> Self {
        Self {
            v: Version::default(),
            connection,
            at,
            facts,
            grants: None,
        }
    }

    /// The same, with the grants of the person's account.
    #[must_use]
    pub fn with_grants<'g>(self, grants: impl IntoIterator<Item = &'g Grant>) -> Self {
        Self {
            grants: Some(grants.into_iter().map(PastGrant::from).collect()),
            ..self
        }
    }

    /// Whether the facts are in the form that presets give them ([`crate::normalize`]). Others
    /// would match nothing that a policy is written about, without anybody noticing.
    #[must_use]
    pub fn is_canonical(&self) -> bool {
        let facts = &self.facts;
        let is_text = |text: &String| normalize::text(text) == *text;
        let email = facts.email.as_ref().map(|email| &email.address);
        let names = [&facts.given_name, &facts.family_name, &facts.display_name];
        let groups = facts.groups.known().into_iter().flatten();
        email.is_none_or(|email| normalize::email(email.as_str()).as_ref() == Ok(email))
            && names.into_iter().flatten().all(is_text)
            && groups
                .chain(facts.attributes.values().flatten())
                .all(is_text)
    }
}
