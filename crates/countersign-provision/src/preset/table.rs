//! What a table says of one provider.

/// How one provider names things.
pub(crate) struct Table {
    /// The preset's name.
    pub(crate) name: &'static str,
    /// The provider's name for people, and what is particular about it.
    pub(crate) summary: &'static str,
    /// What the subject is read from.
    pub(crate) key: KeyDefault,
    /// Whether the `NameID` is the address where no attribute is.
    pub(crate) name_id_as_email: NameIdAsEmail,
    /// Short names, and the full names that each stands for.
    pub(crate) attributes: &'static [(&'static str, &'static [&'static str])],
    /// Full names of the attributes whose values are groups.
    pub(crate) groups: &'static [&'static str],
    /// Full names of attributes that stand in for groups that were left out.
    pub(crate) overage: &'static [&'static str],
    /// With this many groups, more may have been cut off.
    pub(crate) most_groups: Option<usize>,
    /// What stands between groups that come as one value.
    pub(crate) group_delimiter: Option<&'static str>,
    /// Full names of attributes whose values have a scope that the metadata must allow.
    pub(crate) scoped: &'static [&'static str],
    /// The short name of the attribute that repeats the tenant in the issuer.
    pub(crate) tenant_id: Option<&'static str>,
    /// For the starting policy.
    pub(crate) start: Start,
}

/// What a starting policy says about the provider.
pub(crate) struct Start {
    /// An entity id of the form that the provider gives itself.
    pub(crate) issuer: &'static str,
    /// What to know about the key.
    pub(crate) key: &'static str,
    /// Lines of `[connection.NAME.attribute_names]`, if its administrators choose names.
    pub(crate) attribute_names: &'static [(&'static str, &'static str)],
    /// What to know about the groups.
    pub(crate) groups: &'static str,
    /// A group of the form that the provider sends.
    pub(crate) group: &'static str,
    /// What a rule asks for it: `groups` or an attribute.
    pub(crate) asks: &'static str,
}

/// What the subject is read from, if a connection does not say.
pub(crate) enum KeyDefault {
    NameId,
    StableNameId,
    Attribute(&'static str),
}

/// Whether the `NameID` is an e-mail address.
pub(crate) enum NameIdAsEmail {
    /// Entra says `emailAddress` and sends a user principal name.
    Never,
    /// If its format says so.
    ByFormat,
    /// Whatever its format says.
    Always,
}
