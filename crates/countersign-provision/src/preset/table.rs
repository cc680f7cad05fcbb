//! The tables, one a provider. Where a name comes from is said beside it; what no real response
//! or document of the provider shows is not in here.

/// Format of a name identifier that is an e-mail address \[SAML-Core §8.3.2\].
pub(super) const EMAIL_FORMAT: &str = "urn:oasis:names:tc:SAML:1.1:nameid-format:emailAddress";

/// How one provider names things.
pub(super) struct Table {
    /// The preset's name.
    pub(super) name: &'static str,
    /// What the subject is read from.
    pub(super) key: KeyDefault,
    /// Whether the `NameID` is the address where no attribute is.
    pub(super) name_id_as_email: NameIdAsEmail,
    /// Short names, and the full names that each stands for.
    pub(super) attributes: &'static [(&'static str, &'static [&'static str])],
    /// Full names of the attributes whose values are groups.
    pub(super) groups: &'static [&'static str],
    /// Full names of attributes that stand in for groups that were left out.
    pub(super) overage: &'static [&'static str],
    /// With this many groups, more may have been cut off.
    pub(super) most_groups: Option<usize>,
}

/// What the subject is read from, if a connection does not say.
pub(super) enum KeyDefault {
    NameId,
    StableNameId,
    Attribute(&'static str),
}

/// Whether the `NameID` is an e-mail address.
pub(super) enum NameIdAsEmail {
    /// Entra says `emailAddress` and sends a user principal name.
    Never,
    /// If its format says so.
    ByFormat,
    /// Whatever its format says.
    Always,
}

/// Claim types of WS-Federation [identity-metadata, OASIS IMI 1.0 §7.5], which Microsoft's
/// products, Auth0 and DocuSign use.
macro_rules! xmlsoap {
    ($name:literal) => {
        concat!(
            "http://schemas.xmlsoap.org/ws/2005/05/identity/claims/",
            $name
        )
    };
}

/// Microsoft's own claim types.
macro_rules! microsoft {
    ($name:literal) => {
        concat!("http://schemas.microsoft.com/identity/claims/", $name)
    };
}

pub(super) static ENTRA_SAML: Table = Table {
    name: "entra-saml",
    // An address can be changed by a tenant's administrator to anything (nOAuth); this can not.
    key: KeyDefault::Attribute("objectidentifier"),
    name_id_as_email: NameIdAsEmail::Never,
    attributes: &[
        ("objectidentifier", &[microsoft!("objectidentifier")]),
        ("tenantid", &[microsoft!("tenantid")]),
        ("displayname", &[microsoft!("displayname")]),
        ("identityprovider", &[microsoft!("identityprovider")]),
        (
            "authnmethodsreferences",
            &["http://schemas.microsoft.com/claims/authnmethodsreferences"],
        ),
        ("emailaddress", &[xmlsoap!("emailaddress")]),
        ("givenname", &[xmlsoap!("givenname")]),
        ("surname", &[xmlsoap!("surname")]),
        ("name", &[xmlsoap!("name")]),
        ("upn", &[xmlsoap!("upn")]),
        (
            "role",
            &["http://schemas.microsoft.com/ws/2008/06/identity/claims/role"],
        ),
        ("email_verified", &["email_verified"]),
    ],
    groups: &["http://schemas.microsoft.com/ws/2008/06/identity/claims/groups"],
    // Past 150 groups a link comes in their place.
    overage: &[
        "http://schemas.microsoft.com/claims/groups.link",
        "http://schemas.microsoft.com/ws/2008/06/identity/claims/groups.link",
    ],
    most_groups: None,
};

pub(super) static ADFS: Table = Table {
    name: "adfs",
    key: KeyDefault::Attribute("upn"),
    name_id_as_email: NameIdAsEmail::ByFormat,
    attributes: &[
        ("upn", &[xmlsoap!("upn")]),
        ("emailaddress", &[xmlsoap!("emailaddress")]),
        ("givenname", &[xmlsoap!("givenname")]),
        ("surname", &[xmlsoap!("surname")]),
        ("displayname", &[xmlsoap!("displayname")]),
        ("name", &[xmlsoap!("name")]),
        (
            "role",
            &["http://schemas.microsoft.com/ws/2008/06/identity/claims/role"],
        ),
        ("email_verified", &["email_verified"]),
    ],
    groups: &["http://schemas.xmlsoap.org/claims/Group"],
    overage: &[],
    most_groups: None,
};

pub(super) static OKTA: Table = Table {
    name: "okta",
    key: KeyDefault::NameId,
    name_id_as_email: NameIdAsEmail::ByFormat,
    // Okta's administrators choose the names; these are the ones that its profile has.
    attributes: &[
        ("emailaddress", &["email"]),
        ("givenname", &["firstName"]),
        ("surname", &["lastName"]),
        ("displayname", &["displayName"]),
        ("email_verified", &["email_verified"]),
    ],
    groups: &["groups"],
    overage: &[],
    most_groups: None,
};

pub(super) static GOOGLE_WORKSPACE: Table = Table {
    name: "google-workspace",
    // Its format is `unspecified`, and it is the primary address.
    key: KeyDefault::StableNameId,
    name_id_as_email: NameIdAsEmail::Always,
    // Google's administrators choose the names.
    attributes: &[
        ("emailaddress", &["email"]),
        ("givenname", &["firstName", "first_name"]),
        ("surname", &["lastName", "last_name"]),
        ("email_verified", &["email_verified"]),
    ],
    groups: &["groups"],
    overage: &[],
    // At most 75 groups are sent.
    most_groups: Some(75),
};

pub(super) static KEYCLOAK: Table = Table {
    name: "keycloak",
    key: KeyDefault::NameId,
    name_id_as_email: NameIdAsEmail::ByFormat,
    // The X.500 mappers' object identifiers, and the basic names.
    attributes: &[
        ("emailaddress", &["urn:oid:1.2.840.113549.1.9.1", "email"]),
        ("givenname", &["urn:oid:2.5.4.42", "firstName"]),
        ("surname", &["urn:oid:2.5.4.4", "lastName"]),
        ("email_verified", &["email_verified", "emailVerified"]),
    ],
    // `Role` comes once for each role, unless its mapper says "single".
    groups: &["Role", "groups", "member"],
    overage: &[],
    most_groups: None,
};

pub(super) static DOCUSIGN: Table = Table {
    name: "docusign",
    key: KeyDefault::NameId,
    name_id_as_email: NameIdAsEmail::Never,
    attributes: &[
        (
            "nameidentifier",
            &["nameidentifier", xmlsoap!("nameidentifier")],
        ),
        ("emailaddress", &["emailaddress", xmlsoap!("emailaddress")]),
        ("givenname", &["givenname", xmlsoap!("givenname")]),
        ("surname", &["surname", xmlsoap!("surname")]),
        ("accountid", &["accountid"]),
        ("permissionprofileid", &["permissionprofileid"]),
    ],
    groups: &["groups"],
    overage: &[],
    most_groups: None,
};

pub(super) static GENERIC: Table = Table {
    name: "generic",
    key: KeyDefault::NameId,
    name_id_as_email: NameIdAsEmail::ByFormat,
    attributes: &[
        (
            "emailaddress",
            &[
                xmlsoap!("emailaddress"),
                // `mail` [RFC 4524 §2.16]
                "urn:oid:0.9.2342.19200300.100.1.3",
                "email",
                "mail",
                "emailaddress",
            ],
        ),
        (
            "givenname",
            // `givenName` [RFC 4519 §2.12]
            &[
                xmlsoap!("givenname"),
                "urn:oid:2.5.4.42",
                "givenName",
                "firstName",
                "givenname",
            ],
        ),
        (
            "surname",
            // `sn` [RFC 4519 §2.32]
            &[
                xmlsoap!("surname"),
                "urn:oid:2.5.4.4",
                "sn",
                "lastName",
                "surname",
            ],
        ),
        (
            "displayname",
            // `displayName` [RFC 2798 §2.3]
            &[
                "urn:oid:2.16.840.1.113730.3.1.241",
                "displayName",
                "displayname",
            ],
        ),
        ("email_verified", &["email_verified", "emailVerified"]),
    ],
    groups: &[
        "groups",
        "memberOf",
        "http://schemas.xmlsoap.org/claims/Group",
    ],
    overage: &[],
    most_groups: None,
};
