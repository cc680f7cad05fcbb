//! Why a decision came out as it did.

use std::fmt;

use countersign_core::{FactNote, RoleName, RuleId, UserId};
use countersign_roles::Obstacle;

use crate::plan::UserField;

/// One reason of a decision: a stable code, and a sentence that names no personal data.
#[derive(Debug, Clone, PartialEq, Eq)]
#[non_exhaustive]
pub enum Reason {
    // Refusals of a connection.
    /// The policy has no such connection.
    UnknownConnection,
    /// The connection is disabled.
    ConnectionDisabled,
    /// The identity is not of the connection's tenant.
    OtherTenant,
    /// The identity is not of the connection's issuer.
    OtherIssuer,
    // Refusals of an account.
    /// The account is suspended.
    UserSuspended,
    /// The account is deprovisioned.
    UserDeprovisioned,
    /// The account's data were erased.
    UserErased,
    /// The account waits for approval.
    UserAwaitsApproval,
    // Refusals of what was sent, or not.
    /// The policy wants this of everybody, and it was not sent.
    AttributeMissing(UserField),
    /// The policy wants to know everybody's groups, and none were sent.
    GroupsMissing,
    /// The store's answer contradicts itself.
    InconsistentStore,
    // Refusals of an address.
    /// No usable e-mail address was sent.
    EmailMissing,
    /// The address is outside the claimed domains.
    EmailOutsideDomains,
    /// The address is in a domain whose proof has ended.
    DomainProofEnded,
    /// The provider did not say that it verified the address.
    EmailNotVerifiedByIdp,
    /// The host has not verified the account's address.
    EmailNotVerifiedLocally,
    /// An address whose local part is not ASCII never links.
    EmailNotAscii,
    /// The address looks like another: it mixes scripts, or passes for one in ASCII. Flags an
    /// admission, refuses a match.
    ConfusableAddress,
    /// A new subject comes with an address that an account has.
    EmailTaken,
    /// A new subject comes with the address of an account that the provider knows under another.
    EmailRecycled,
    /// Somebody signs in to the account with that address, and nobody proved here that it is
    /// theirs.
    AccountUnproved,
    /// The known person's new address is another account's.
    NewEmailTaken,
    /// The known person's address is not the stored one, and the policy denies that.
    EmailChanged,
    /// The account with that address has a privileged or an excluded role.
    PrivilegedAccount,
    /// The account is not as it was when a link was proposed.
    AccountChanged,
    /// The subject was linked to an account meanwhile.
    SubjectLinked,
    /// Several accounts match.
    Ambiguous {
        /// They, ordered by id.
        candidates: Vec<UserId>,
    },
    // Refusals of creation.
    /// The strategy makes no accounts at sign-in.
    NotPreProvisioned,
    /// The connection makes no accounts.
    CreationDenied,
    /// The person is not in the required group.
    RequiredGroupMissing,
    /// Not all groups were told, and the required one is not among them.
    RequiredGroupUndecided,
    /// All seats are taken.
    SeatsTaken,
    // Refusals of the e-mail door, and of invitations.
    /// An identity provider of the tenant speaks for the address's domain.
    EmailOfProvider,
    /// An identity provider has vouched for the account, and a mailbox is not enough for it.
    AccountOfProvider,
    /// What was given is no e-mail address.
    NoAddress,
    /// The connection makes accounts for invited people only.
    InvitationRequired,
    /// The token of the invitation is not good.
    InvitationInvalid,
    /// The invitation is another person's.
    InvitationForAnother,
    /// The invitation has expired.
    InvitationExpired,
    /// The invitation was used or withdrawn.
    InvitationUsed,
    /// The invitation asks for another door or connection.
    InvitationOtherDoor,
    /// The invitation asks for several factors.
    InvitationNeedsMultiFactor,
    // Of admissions.
    /// The person came by an invitation.
    Invited,
    /// The subject is linked to the account.
    MatchedBySubject,
    /// The account was made ahead for this address and never used.
    ClaimedInvitation,
    /// The account has the same address, proved on both sides.
    LinkedByEmail,
    /// Somebody who reads the account's mail and holds the browser that signed in confirmed it.
    LinkedByProof,
    /// The active account has the same address, given name and family name.
    LinkedByEmailAndName,
    /// A new account.
    Created,
    /// A match with an account out of use was passed over, as DocuSign does.
    InactivePassedOver,
    /// A deprovisioned account is put back into use.
    Reactivated,
    /// A field follows the provider.
    FieldUpdated(UserField),
    /// A name mixes scripts within a word.
    ConfusableName,
    /// A rule matched.
    RuleMatched(RuleId),
    /// A role was given.
    RoleGiven {
        /// The role.
        role: RoleName,
        /// The rule; none for a default role.
        rule: Option<RuleId>,
    },
    /// A role goes on with another end.
    RoleRenewed {
        /// The role.
        role: RoleName,
        /// The rule; none for a default role.
        rule: Option<RuleId>,
    },
    /// A role was taken.
    RoleTaken {
        /// The role.
        role: RoleName,
        /// The rule; none for a default role.
        rule: Option<RuleId>,
    },
    /// A temporary role has run out, and its rule does not renew it.
    RoleSpent {
        /// The role.
        role: RoleName,
        /// The rule; none for a default role.
        rule: Option<RuleId>,
    },
    /// The role would have been taken, and nobody else in the tenant has it.
    LastHolderKept {
        /// The role.
        role: RoleName,
    },
    /// A role that a rule or a default gives was not given.
    RoleWithheld {
        /// The role.
        role: RoleName,
        /// The rule; none for a default role.
        rule: Option<RuleId>,
        /// What stands against it.
        obstacle: Box<Obstacle>,
    },
    /// Not all groups were told, so nothing was taken that depends on one.
    GroupsIncomplete,
    /// How the facts came about.
    Noted(FactNote),
}

impl Reason {
    /// A stable code for logs and records.
    #[must_use]
    pub fn code(&self) -> &'static str {
        match self {
            Self::UnknownConnection => "provision.unknown_connection",
            Self::ConnectionDisabled => "provision.connection_disabled",
            Self::OtherTenant => "provision.other_tenant",
            Self::OtherIssuer => "provision.other_issuer",
            Self::UserSuspended => "provision.user_suspended",
            Self::UserDeprovisioned => "provision.user_deprovisioned",
            Self::UserAwaitsApproval => "provision.user_awaits_approval",
            Self::EmailMissing => "provision.email_missing",
            Self::EmailOutsideDomains => "provision.email_outside_domains",
            Self::EmailNotVerifiedByIdp => "provision.email_not_verified_by_idp",
            Self::EmailNotVerifiedLocally => "provision.email_not_verified_locally",
            Self::EmailNotAscii => "provision.email_not_ascii",
            Self::EmailTaken => "provision.email_taken",
            Self::NewEmailTaken => "provision.new_email_taken",
            Self::EmailChanged => "provision.email_changed",
            Self::PrivilegedAccount => "provision.privileged_account",
            Self::Ambiguous { .. } => "provision.ambiguous",
            Self::NotPreProvisioned => "provision.not_pre_provisioned",
            Self::CreationDenied => "provision.creation_denied",
            Self::RequiredGroupMissing => "provision.required_group_missing",
            Self::SeatsTaken => "provision.seats_taken",
            Self::EmailOfProvider => "provision.email_of_provider",
            Self::AccountOfProvider => "provision.account_of_provider",
            Self::NoAddress => "provision.no_address",
            Self::InvitationRequired => "provision.invitation_required",
            Self::InvitationInvalid => "provision.invitation_invalid",
            Self::InvitationForAnother => "provision.invitation_for_another",
            Self::InvitationExpired => "provision.invitation_expired",
            Self::InvitationUsed => "provision.invitation_used",
            Self::InvitationOtherDoor => "provision.invitation_other_door",
            Self::InvitationNeedsMultiFactor => "provision.invitation_needs_multi_factor",
            Self::Invited => "provision.invited",
            Self::MatchedBySubject => "provision.matched_by_subject",
            Self::ClaimedInvitation => "provision.claimed_invitation",
            Self::LinkedByEmail => "provision.linked_by_email",
            Self::LinkedByEmailAndName => "provision.linked_by_email_and_name",
            Self::Created => "provision.created",
            Self::InactivePassedOver => "provision.inactive_passed_over",
            Self::Reactivated => "provision.reactivated",
            Self::FieldUpdated(_) => "provision.field_updated",
            Self::RuleMatched(_) => "provision.rule_matched",
            Self::RoleGiven { .. } => "provision.role_given",
            Self::RoleRenewed { .. } => "provision.role_renewed",
            Self::RoleTaken { .. } => "provision.role_taken",
            Self::RoleSpent { .. } => "provision.role_spent",
            Self::RoleWithheld { .. } => "provision.role_withheld",
            Self::GroupsIncomplete => "provision.groups_incomplete",
            Self::UserErased => "provision.user_erased",
            Self::AttributeMissing(_) => "provision.attribute_missing",
            Self::GroupsMissing => "provision.groups_missing",
            Self::InconsistentStore => "provision.inconsistent_store",
            Self::DomainProofEnded => "provision.domain_proof_ended",
            Self::ConfusableAddress => "provision.confusable_address",
            Self::EmailRecycled => "provision.email_recycled",
            Self::AccountUnproved => "provision.account_unproved",
            Self::AccountChanged => "provision.account_changed",
            Self::SubjectLinked => "provision.subject_linked",
            Self::RequiredGroupUndecided => "provision.required_group_undecided",
            Self::LinkedByProof => "provision.linked_by_proof",
            Self::ConfusableName => "provision.confusable_name",
            Self::LastHolderKept { .. } => "provision.last_holder_kept",
            Self::Noted(note) => note.code(),
        }
    }

    fn sentence(&self) -> &'static str {
        match self {
            Self::Noted(_) => "noted",
            Self::UnknownConnection => "the policy has no such connection",
            Self::ConnectionDisabled => "the connection is disabled",
            Self::OtherTenant => "the identity belongs to another tenant than the connection",
            Self::OtherIssuer => "the identity comes from another issuer than the connection's",
            Self::UserSuspended => "the account is suspended",
            Self::UserDeprovisioned => "the account was taken out of use for good",
            Self::UserAwaitsApproval => "the account waits for an administrator's approval",
            Self::EmailMissing => "the provider sent no usable e-mail address",
            Self::EmailOutsideDomains => {
                "the e-mail address is outside the domains that the organization has claimed"
            }
            Self::EmailNotVerifiedByIdp => {
                "the provider does not say that it verified the e-mail address"
            }
            Self::EmailNotVerifiedLocally => "the account's e-mail address was never verified here",
            Self::EmailNotAscii => {
                "an e-mail address with characters outside ASCII is never matched by itself"
            }
            Self::EmailTaken => "another account has this e-mail address already",
            Self::NewEmailTaken => "the person's new e-mail address is another account's",
            Self::EmailChanged => "the e-mail address is another one than the account's",
            Self::PrivilegedAccount => {
                "the account with this e-mail address has a role that is never matched by address"
            }
            Self::Ambiguous { .. } => "more than one account matches",
            Self::NotPreProvisioned => "no account was made ahead for this person",
            Self::CreationDenied => "the connection makes no new accounts",
            Self::RequiredGroupMissing => {
                "the person is not known to be in the group that a new account needs"
            }
            Self::SeatsTaken => "all seats of the tenant are taken",
            Self::EmailOfProvider => {
                "an identity provider speaks for the domain of the e-mail address: come through it"
            }
            Self::AccountOfProvider => {
                "an identity provider speaks for the account: come through it"
            }
            Self::NoAddress => "what was given is no e-mail address",
            Self::InvitationRequired => "only invited people get an account here",
            Self::InvitationInvalid => "the invitation is not good",
            Self::InvitationForAnother => "the invitation is for another e-mail address",
            Self::InvitationExpired => "the invitation has expired",
            Self::InvitationUsed => "the invitation was used or withdrawn",
            Self::InvitationOtherDoor => "the invitation is for another way in",
            Self::InvitationNeedsMultiFactor => "the invitation asks for several factors",
            Self::Invited => "the person was invited",
            Self::MatchedBySubject => "the provider's subject is linked to the account",
            Self::ClaimedInvitation => {
                "the account was made ahead for this e-mail address and never used"
            }
            Self::LinkedByEmail => "the account has this e-mail address, verified on both sides",
            Self::LinkedByEmailAndName => {
                "the one active account with this e-mail address, given name and family name"
            }
            Self::Created => "the person is new here",
            Self::InactivePassedOver => {
                "an account that is out of use matched and was passed over, as DocuSign does"
            }
            Self::Reactivated => "the account was put back into use",
            Self::FieldUpdated(_) => "follows the provider",
            Self::RuleMatched(_) => "matched",
            Self::RoleGiven { .. } => "given",
            Self::RoleRenewed { .. } => "goes on with another end",
            Self::RoleTaken { .. } => "taken",
            Self::RoleSpent { .. } => "has run out and is not renewed",
            Self::UserErased => "the account's data were erased",
            Self::AttributeMissing(_) => "was not sent, and the policy wants it of everybody",
            Self::GroupsMissing => {
                "the provider sent no groups, and the policy wants them of everybody"
            }
            Self::InconsistentStore => "the store's answer contradicts itself",
            Self::DomainProofEnded => {
                "the proof that the organization owns the e-mail address's domain has ended"
            }
            Self::ConfusableAddress => "the e-mail address looks like another",
            Self::EmailRecycled => {
                "the provider knows the account with this e-mail address under another subject"
            }
            Self::AccountUnproved => {
                "somebody signs in to the account with this e-mail address, which was never verified here"
            }
            Self::AccountChanged => "the account is not as it was when the link was proposed",
            Self::SubjectLinked => "the provider's subject was linked to an account meanwhile",
            Self::RequiredGroupUndecided => {
                "not all groups were told, and the one that a new account needs is not among them"
            }
            Self::LinkedByProof => {
                "whoever reads the account's mail and signed in here confirmed the link"
            }
            Self::ConfusableName => "a name mixes scripts within a word",
            Self::LastHolderKept { .. } => {
                "kept, though its rule does not give it any more: nobody else has it"
            }
            Self::RoleWithheld { .. } => "not given",
            Self::GroupsIncomplete => {
                "not all groups were told, so nothing was taken that depends on one"
            }
        }
    }
}

impl fmt::Display for Reason {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let said = self.sentence();
        match self {
            Self::Noted(note) => note.fmt(f),
            Self::FieldUpdated(field) => write!(f, "the field `{}` {said}", field.name()),
            Self::AttributeMissing(field) => write!(f, "`{}` {said}", field.name()),
            Self::LastHolderKept { role } => write!(f, "role `{role}` {said}"),
            Self::RuleMatched(rule) => write!(f, "rule `{rule}` {said}"),
            Self::RoleGiven { role, rule }
            | Self::RoleRenewed { role, rule }
            | Self::RoleTaken { role, rule }
            | Self::RoleSpent { role, rule } => match rule {
                Some(rule) => write!(f, "role `{role}` {said}, by rule `{rule}`"),
                None => write!(f, "role `{role}` {said}, as a default role"),
            },
            Self::RoleWithheld {
                role,
                rule,
                obstacle,
            } => match rule {
                Some(rule) => write!(f, "role `{role}` {said} by rule `{rule}`: {obstacle}"),
                None => write!(f, "role `{role}` {said} as a default role: {obstacle}"),
            },
            _ => f.write_str(said),
        }
    }
}
