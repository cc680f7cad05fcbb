//! `[attribute.NAME]`: which of an account's fields follow the provider, and what it means that
//! one was not sent.

use std::borrow::Cow;
use std::collections::{BTreeMap, BTreeSet};

use countersign_core::{Facts, Groups};

use crate::plan::UserField;

/// When a field takes the provider's value.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum SyncMode {
    /// When the account is made, and never after that.
    Create,
    /// When the account is made, and at each sign-in.
    Always,
    /// Never: the field is the host's.
    Never,
}

impl SyncMode {
    /// Its name in the policy file.
    #[must_use]
    pub fn name(self) -> &'static str {
        match self {
            Self::Create => "create",
            Self::Always => "always",
            Self::Never => "never",
        }
    }
}

/// What it means that the provider sent no usable value.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Default)]
pub enum AbsenceMode {
    /// Nothing: what is known stays.
    #[default]
    Keep,
    /// That there is none: what is known goes. Only where the field follows at each sign-in.
    Clear,
    /// That the provider is set up wrongly: the sign-in is refused.
    Deny,
}

impl AbsenceMode {
    /// Its name in the policy file.
    #[must_use]
    pub fn name(self) -> &'static str {
        match self {
            Self::Keep => "keep",
            Self::Clear => "clear",
            Self::Deny => "deny",
        }
    }
}

/// What is said of one field.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Default)]
pub struct AttributeRule {
    /// When it takes the provider's value; what the preset does if not said.
    pub sync: Option<SyncMode>,
    /// What it means that none was sent.
    pub absent: AbsenceMode,
}

/// What is said of all fields, and of the groups. The default says nothing: names and address
/// follow as the preset has it, what was not sent stays as it is, and groups that were not sent
/// are unknown.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
#[non_exhaustive]
pub struct Attributes {
    /// By field. Of a field that is not here nothing is said.
    pub fields: BTreeMap<UserField, AttributeRule>,
    /// What it means that no groups were sent.
    pub groups: AbsenceMode,
}

impl Attributes {
    /// The fields that may be named.
    pub const FIELDS: [UserField; 6] = [
        UserField::Email,
        UserField::GivenName,
        UserField::FamilyName,
        UserField::DisplayName,
        UserField::AccountId,
        UserField::PermissionProfileId,
    ];

    /// What is said of a field.
    #[must_use]
    pub fn rule(&self, field: UserField) -> AttributeRule {
        self.fields.get(&field).copied().unwrap_or_default()
    }

    /// The facts as this policy takes them: where it says that a provider which sends no groups
    /// means that there are none, they are known to be none.
    #[must_use]
    pub fn read<'f>(&self, facts: &'f Facts) -> Cow<'f, Facts> {
        if self.groups == AbsenceMode::Clear && facts.groups == Groups::Absent {
            let mut read = facts.clone();
            read.groups = Groups::Complete(BTreeSet::new());
            return Cow::Owned(read);
        }
        Cow::Borrowed(facts)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use countersign_core::{SubjectKey, TenantId};

    #[test]
    fn absent_groups_are_none_only_where_the_policy_says_so() {
        let tenant = TenantId::new("t").unwrap();
        let subject = SubjectKey::from_stable_value(tenant, "i", "s").unwrap();
        let mut facts = Facts::new(subject);
        let mut attributes = Attributes::default();
        assert_eq!(attributes.read(&facts).groups, Groups::Absent);
        attributes.groups = AbsenceMode::Clear;
        let none = Groups::Complete(BTreeSet::new());
        assert_eq!(attributes.read(&facts).groups, none);
        // What was cut short stays unknown, whatever is said of what was left out.
        facts.groups = Groups::Partial(BTreeSet::new());
        assert_eq!(attributes.read(&facts).groups, facts.groups);
    }
}
