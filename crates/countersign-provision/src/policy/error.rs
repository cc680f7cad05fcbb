//! What can be wrong with a policy.

use countersign_core::{ConnectionId, RoleName, RuleId};
use countersign_roles::{Excess, Finding, RolesError};
use thiserror::Error;

use crate::lifecycle::LifecycleError;
use crate::plan::UserField;

/// What is wrong with a policy: always the fault of whoever wrote it.
#[derive(Debug, Clone, PartialEq, Eq, Error)]
#[non_exhaustive]
pub enum PolicyError {
    /// A role or a rule.
    #[error("{0}")]
    Roles(RolesError),
    /// When accounts that are not used move on.
    #[error("{0}")]
    Lifecycle(LifecycleError),
    /// A session would be over before it began.
    #[error("a session lasts no time")]
    NoSessionTime,
    /// No address would be accepted.
    #[error("connection `{0}` has no domain")]
    NoDomain(ConnectionId),
    /// A domain is not in canonical form, or is none.
    #[error("connection `{connection}` has `{domain}`, which is no domain in canonical form")]
    Domain {
        /// The connection.
        connection: ConnectionId,
        /// What was given.
        domain: String,
    },
    /// A privileged role must be given by a rule or by hand.
    #[error("connection `{connection}` gives the privileged role `{role}` by default")]
    PrivilegedDefault {
        /// The connection.
        connection: ConnectionId,
        /// The role.
        role: RoleName,
    },
    /// Accounts are made ahead, and at sign-in too.
    #[error("connection `{0}` is `pre_provisioned_only` and allows creation")]
    CreatesPreProvisioned(ConnectionId),
    /// Matching as DocuSign does it belongs to its preset.
    #[error("connection `{0}` matches as DocuSign does, without its preset")]
    NotDocuSign(ConnectionId),
    /// An account would get one of account and profile from nowhere.
    #[error("connection `{0}` has only one of a default account and a default permission profile")]
    HalfAccount(ConnectionId),
    /// The proof of a domain ends that is not claimed.
    #[error(
        "connection `{connection}` says until when `{domain}` is proved, and does not claim it"
    )]
    ProofOfUnclaimedDomain {
        /// The connection.
        connection: ConnectionId,
        /// The domain.
        domain: String,
    },
    /// A declined person would apply anew at each sign-in.
    #[error(
        "connection `{0}` passes over accounts out of use, and asks for approval of new ones: who was declined would come back each time"
    )]
    PassesOverApproval(ConnectionId),
    /// A field that does not follow the provider can not be cleared by it.
    #[error("the attribute `{}` is cleared when it is absent, and does not follow at each sign-in", .0.name())]
    NothingToClear(UserField),
    /// A profile belongs to an account.
    #[error(
        "the attributes `account_id` and `permission_profile_id` decide together, and are synced in two ways"
    )]
    AccountWithoutProfile,
    /// Two connections would answer for one provider of one tenant.
    #[error("connections `{first}` and `{second}` have the same tenant and issuer")]
    SameIssuer {
        /// The first.
        first: ConnectionId,
        /// The second.
        second: ConnectionId,
    },
    /// One provider's groups mean nothing at another.
    #[error("rule `{0}` must name its connection, because the policy has several")]
    RuleWithoutConnection(RuleId),
    /// An identity provider could pass for one of our own doors.
    #[error("connection `{0}` has an issuer that begins with `urn:countersign:`, which is ours")]
    ReservedIssuer(ConnectionId),
    /// An identity provider never speaks for every domain.
    #[error("connection `{0}` accepts any domain, which only the e-mail door may")]
    AnyDomain(ConnectionId),
    /// Whoever has a mailbox somewhere would get an account.
    #[error("connection `{0}` accepts any domain: that needs `create.require_invitation = true`")]
    UninvitedStrangers(ConnectionId),
    /// A mailbox would be enough for a role worth stealing.
    #[error(
        "rule `{rule}` gives the privileged role `{role}` to people of `{connection}`, who are known by their mailbox alone"
    )]
    PrivilegedByEmail {
        /// The rule.
        rule: RuleId,
        /// The role.
        role: RoleName,
        /// The connection.
        connection: ConnectionId,
    },
    /// A rule names a connection that is not there.
    #[error("rule `{rule}` names the unknown connection `{connection}`")]
    UnknownConnection {
        /// The rule.
        rule: RuleId,
        /// The connection.
        connection: ConnectionId,
    },

    /// Rules that can not mean what they say.
    #[error("{0}")]
    Lint(Finding),

    /// A default role is beyond the most that its connection may give.
    #[error(
        "connection `{connection}` gives the role `{role}` by default, which {excess}; its `max_privilege` is `{max}`"
    )]
    DefaultExceedsMax {
        /// The connection.
        connection: ConnectionId,
        /// The role.
        role: RoleName,
        /// What it has that the limit has not.
        excess: Excess,
        /// The limit.
        max: RoleName,
    },
    /// A rule gives more than its connection may.
    #[error(
        "rule `{rule}` gives the role `{role}`, which {excess}; the `max_privilege` of connection `{connection}` is `{max}`"
    )]
    RuleExceedsMax {
        /// The rule.
        rule: RuleId,
        /// The role.
        role: RoleName,
        /// What it has that the limit has not.
        excess: Excess,
        /// The connection.
        connection: ConnectionId,
        /// The limit.
        max: RoleName,
    },
    // Of attribute names and decoders.
    /// One name of the provider's is both an attribute and the groups.
    #[error("connection `{connection}` reads both an attribute and the groups from `{name}`")]
    AttributeIsGroups {
        /// The connection.
        connection: ConnectionId,
        /// The provider's name.
        name: String,
    },
    /// Whoever can name a group could have the role.
    #[error(
        "rule `{rule}` gives a privileged role and asks for `{attribute}`, which connection `{connection}` decodes so that one name can become another"
    )]
    DecodedPrivilege {
        /// The rule.
        rule: RuleId,
        /// The connection.
        connection: ConnectionId,
        /// The attribute, or `groups`.
        attribute: String,
    },
}

impl PolicyError {
    /// What to do about it, where the error does not say so itself.
    #[must_use]
    pub fn fix(&self) -> Option<&'static str> {
        Some(match self {
            Self::Roles(error) => error.fix(),
            Self::NoSessionTime => "write a time such as `30m`",
            Self::NoDomain(_) => "list those of the organization in `domains`",
            Self::Domain { .. } => "write it as in `acme.example`",
            Self::PrivilegedDefault { .. } => "give it by a rule, or by hand",
            Self::CreatesPreProvisioned(_) => "write `mode = \"deny\"`, or another strategy",
            Self::NotDocuSign(_) => "write `preset = \"docusign\"`, or match otherwise",
            Self::HalfAccount(_) => "write both, or none",
            Self::SameIssuer { .. } => "join them, or give each a tenant of its own",
            Self::RuleWithoutConnection(_) => "add `connection = \"…\"`",
            Self::UnknownConnection { .. } => "name one that is there",
            Self::DefaultExceedsMax { .. } | Self::RuleExceedsMax { .. } => {
                "give a lesser role, or raise `max_privilege`"
            }
            Self::NothingToClear(_) => "write `sync = \"always\"`, or another `absent`",
            Self::AccountWithoutProfile => "give both the same `sync`",
            Self::AttributeIsGroups { .. } => "take the name out of one of the two",
            Self::DecodedPrivilege { .. } => {
                "ask for what is not decoded, or give the role by hand"
            }
            _ => return None,
        })
    }

    /// A stable code for logs and records.
    #[must_use]
    pub fn code(&self) -> &'static str {
        match self {
            Self::Roles(error) => error.code(),
            Self::Lifecycle(error) => error.code(),
            Self::NoSessionTime => "provision.no_session_time",
            Self::NoDomain(_) => "provision.no_domain",
            Self::Domain { .. } => "provision.bad_domain",
            Self::PrivilegedDefault { .. } => "provision.privileged_default",
            Self::CreatesPreProvisioned(_) => "provision.creates_pre_provisioned",
            Self::NotDocuSign(_) => "provision.not_docusign",
            Self::HalfAccount(_) => "provision.half_account",
            Self::ProofOfUnclaimedDomain { .. } => "provision.proof_of_unclaimed_domain",
            Self::PassesOverApproval(_) => "provision.passes_over_approval",
            Self::NothingToClear(_) => "provision.nothing_to_clear",
            Self::AccountWithoutProfile => "provision.account_without_profile",
            Self::SameIssuer { .. } => "provision.same_issuer",
            Self::RuleWithoutConnection(_) => "provision.rule_without_connection",
            Self::UnknownConnection { .. } => "provision.unknown_connection",
            Self::ReservedIssuer(_) => "provision.reserved_issuer",
            Self::AnyDomain(_) => "provision.any_domain",
            Self::UninvitedStrangers(_) => "provision.uninvited_strangers",
            Self::PrivilegedByEmail { .. } => "provision.privileged_by_email",

            Self::Lint(finding) => finding.code,

            Self::DefaultExceedsMax { .. } => "provision.default_exceeds_max",
            Self::RuleExceedsMax { .. } => "provision.rule_exceeds_max",
            Self::AttributeIsGroups { .. } => "provision.attribute_is_groups",
            Self::DecodedPrivilege { .. } => "provision.decoded_privilege",
        }
    }
}
