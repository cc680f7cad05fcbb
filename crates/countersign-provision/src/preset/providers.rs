//! The tables, one a provider. Where a name comes from is said beside it: *recorded* means that a
//! real response shows it (`tests/fixtures.rs` reads those through the presets), *documented* that
//! the provider's documentation or source does and that the tests make the shape themselves.

use crate::preset::table::{KeyDefault, NameIdAsEmail, Start, Table};

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

/// Microsoft's claim types for Windows.
macro_rules! windows {
    ($name:literal) => {
        concat!(
            "http://schemas.microsoft.com/ws/2008/06/identity/claims/",
            $name
        )
    };
}

/// eduPerson's object identifiers [eduPerson 202208 §2].
macro_rules! edu_person {
    ($number:literal) => {
        concat!("urn:oid:1.3.6.1.4.1.5923.1.1.1.", $number)
    };
}

/// `mail` [RFC 4524 §2.16]
const MAIL: &str = "urn:oid:0.9.2342.19200300.100.1.3";
/// `givenName` [RFC 4519 §2.12]
const GIVEN_NAME: &str = "urn:oid:2.5.4.42";
/// `sn` [RFC 4519 §2.32]
const SN: &str = "urn:oid:2.5.4.4";
/// `displayName` [RFC 2798 §2.3]
const DISPLAY_NAME: &str = "urn:oid:2.16.840.1.113730.3.1.241";

/// Claim type of a group of Active Directory's, which AD FS and Auth0 use.
const CLAIMS_GROUP: &str = "http://schemas.xmlsoap.org/claims/Group";

/// A provider of which nothing is particular: its `NameID` is the key, and its groups come one by
/// one, all of them.
const PLAIN: Table = Table {
    name: "",
    summary: "",
    key: KeyDefault::NameId,
    name_id_as_email: NameIdAsEmail::ByFormat,
    attributes: &[],
    groups: &["groups"],
    overage: &[],
    most_groups: None,
    group_delimiter: None,
    scoped: &[],
    tenant_id: None,
    start: Start {
        issuer: "https://idp.acme.example",
        key: "",
        attribute_names: &[("department", "department")],
        groups: "",
        group: "Legal",
        asks: "groups",
    },
};

/// Recorded, but for groups: those and the link are documented (Microsoft, "Configure group claims
/// for applications"). A `sub` is unique within a tenant only, and so is the object id; the tenant
/// is in the issuer, `https://sts.windows.net/TID/`, and the issuer is in the key. The tenant is
/// sent as `tenantid` as well, and must be the same.
pub(super) static ENTRA_SAML: Table = Table {
    name: "entra-saml",
    summary: "Microsoft Entra ID: the object id is the key, groups are object ids, overage past 150",
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
        ("role", &[windows!("role")]),
        ("email_verified", &["email_verified"]),
    ],
    groups: &[windows!("groups")],
    // Past 150 groups a link comes in their place.
    overage: &[
        "http://schemas.microsoft.com/claims/groups.link",
        windows!("groups.link"),
    ],
    tenant_id: Some("tenantid"),
    start: Start {
        issuer: "https://sts.windows.net/00000000-0000-0000-0000-000000000000/",
        key: "The object id: it is never given to another person, and no administrator can change it.\nThe name identifier is a user principal name, whatever its format says.",
        attribute_names: &[("department", "department"), ("jobtitle", "jobtitle")],
        groups: "Groups are object ids. Past 150 Entra sends a link in their place: nothing is taken\nthen, and a host with a group fetcher asks for them.",
        group: "11111111-1111-1111-1111-111111111111",
        asks: "groups",
    },
    ..PLAIN
};

/// Documented (Microsoft, "The role of claims" and AD FS's claim descriptions). The response that
/// the fixtures call AD FS is Entra's.
pub(super) static ADFS: Table = Table {
    name: "adfs",
    summary: "Active Directory Federation Services: the user principal name is the key, groups are names",
    key: KeyDefault::Attribute("upn"),
    attributes: &[
        ("upn", &[xmlsoap!("upn")]),
        ("primarysid", &[windows!("primarysid")]),
        ("windowsaccountname", &[windows!("windowsaccountname")]),
        ("emailaddress", &[xmlsoap!("emailaddress")]),
        ("givenname", &[xmlsoap!("givenname")]),
        ("surname", &[xmlsoap!("surname")]),
        ("displayname", &[xmlsoap!("displayname")]),
        ("name", &[xmlsoap!("name")]),
        ("role", &[windows!("role")]),
        ("email_verified", &["email_verified"]),
    ],
    groups: &[CLAIMS_GROUP],
    start: Start {
        issuer: "http://adfs.acme.example/adfs/services/trust",
        key: "The user principal name. Where names are given to new people, send the SID and write\n`key = \"primarysid\"`.",
        attribute_names: &[(
            "department",
            "http://schemas.acme.example/claims/department",
        )],
        groups: "Groups are names, or what the claim rule makes of them.",
        group: "Legal",
        asks: "groups",
    },
    ..PLAIN
};

/// Recorded without attributes; the names are those of Okta's profile, which its documentation
/// proposes and its administrators may change.
pub(super) static OKTA: Table = Table {
    name: "okta",
    summary: "Okta: the name identifier that the application was set up with, admin-named attributes",
    attributes: &[
        ("emailaddress", &["email"]),
        ("givenname", &["firstName"]),
        ("surname", &["lastName"]),
        ("displayname", &["displayName"]),
        ("email_verified", &["email_verified"]),
    ],
    groups: &["groups"],
    start: Start {
        issuer: "http://www.okta.com/exk0000000000000000",
        key: "The name identifier that the application was set up with: choose one that lasts, as\n`user.id`. If its format is unspecified, say that it lasts: `key = \"name_id\"`.",
        attribute_names: &[("department", "department"), ("email", "email")],
        groups: "Okta sends the groups that the application's group filter lets through.",
        group: "Legal",
        asks: "groups",
    },
    ..PLAIN
};

/// Recorded with `firstName`, `lastName` and `jobTitle`; at most 75 groups, and only those that an
/// administrator chose (Google, "About group membership mapping").
pub(super) static GOOGLE_WORKSPACE: Table = Table {
    name: "google-workspace",
    summary: "Google Workspace: the primary address is the key, at most 75 groups, by name",
    // Its format is `unspecified`, and it is the primary address.
    key: KeyDefault::StableNameId,
    name_id_as_email: NameIdAsEmail::Always,
    // Google's administrators choose the names.
    attributes: &[
        ("emailaddress", &["email"]),
        ("givenname", &["firstName", "first_name"]),
        ("surname", &["lastName", "last_name"]),
        ("jobtitle", &["jobTitle"]),
        ("email_verified", &["email_verified"]),
    ],
    groups: &["groups"],
    // At most 75 groups are sent.
    most_groups: Some(75),
    start: Start {
        issuer: "https://accounts.google.com/o/saml2?idpid=EXAMPLE",
        key: "The primary address: Google sends no other identifier. Whoever is renamed is a new person\nhere.",
        attribute_names: &[
            ("department", "department"),
            ("given_name", "firstName"),
            ("family_name", "lastName"),
        ],
        groups: "Groups are names: renaming one breaks its rules. At most 75 are sent, so a longer list\ntakes nothing away.",
        group: "Legal",
        asks: "groups",
    },
    ..PLAIN
};

/// Documented: `SAML_SUBJECT` becomes the `NameID` (Ping, "Attribute contracts"), and the contract
/// names everything else. `memberOf` is read from a directory and holds distinguished names.
pub(super) static PING_FEDERATE: Table = Table {
    name: "pingfederate",
    summary: "PingFederate: SAML_SUBJECT is the key, attributes as in the contract, groups often as DNs",
    // The directory's own names, as contracts take them over.
    attributes: &[
        ("emailaddress", &["mail", "email"]),
        ("givenname", &["givenName", "firstName"]),
        ("surname", &["sn", "lastName"]),
        ("displayname", &["displayName"]),
        ("email_verified", &["email_verified"]),
    ],
    groups: &["memberOf"],
    start: Start {
        issuer: "pingfederate.acme.example",
        key: "SAML_SUBJECT of the contract, which is the name identifier. Fulfil it with something that\nlasts; if its format is unspecified, say that it lasts: `key = \"name_id\"`.",
        attribute_names: &[("department", "department")],
        groups: "Groups come as the directory has them: as distinguished names, and a rule names the whole\nof one. `decode = { dn_cn = \"OU=Groups,DC=acme,DC=example\" }` takes the common names below\none entry, and no others.",
        group: "CN=Legal,OU=Groups,DC=acme,DC=example",
        asks: "groups",
    },
    ..PLAIN
};

/// Recorded: `User.email`, `User.FirstName`, `User.LastName`, `memberOf` with an empty value,
/// `PersonImmutableID`. Several groups come as one text with `;` in it (OneLogin, "SAML custom
/// connector", "Semicolon Delimited input").
pub(super) static ONELOGIN: Table = Table {
    name: "onelogin",
    summary: "OneLogin: the address is the key, groups as one text with semicolons",
    attributes: &[
        ("emailaddress", &["User.email"]),
        ("givenname", &["User.FirstName"]),
        ("surname", &["User.LastName"]),
        ("personimmutableid", &["PersonImmutableID"]),
        ("email_verified", &["email_verified"]),
    ],
    groups: &["memberOf"],
    group_delimiter: Some(";"),
    start: Start {
        issuer: "https://app.onelogin.com/saml/metadata/000000",
        key: "The name identifier, an address. If OneLogin sends something that lasts, name that:\n`key = \"personimmutableid\"`.",
        attribute_names: &[("department", "User.department")],
        groups: "Groups come as one text with semicolons, so a rule for a privileged role must not ask for\none. `decode = \"values\"` where OneLogin sends each by itself (\"Multi-value output\").",
        group: "Legal",
        asks: "groups",
    },
    ..PLAIN
};

/// Documented (JumpCloud, "SAML Attribute Notes"): administrators name the attributes, and a group
/// attribute, `memberOf` unless they say otherwise, has one value for each group.
pub(super) static JUMPCLOUD: Table = Table {
    name: "jumpcloud",
    summary: "JumpCloud: the address is the key, admin-named attributes, one value for each group",
    // What JumpCloud itself calls them, and what its connectors propose.
    attributes: &[
        ("emailaddress", &["email"]),
        ("givenname", &["firstname", "firstName"]),
        ("surname", &["lastname", "lastName"]),
        ("displayname", &["displayname", "displayName"]),
        ("email_verified", &["email_verified"]),
    ],
    groups: &["memberOf"],
    start: Start {
        issuer: "JumpCloud",
        key: "The name identifier, an address. If its format is unspecified, say that it lasts:\n`key = \"name_id\"`.",
        attribute_names: &[("department", "department")],
        groups: "One value for each group, if the application includes the group attribute.",
        group: "Legal",
        asks: "groups",
    },
    ..PLAIN
};

/// Recorded: `Role`, once for each role. Documented (Keycloak's `GroupMembershipMapper`): `member`,
/// with whole paths unless the mapper says otherwise; a persistent identifier is `G-` and a UUID.
pub(super) static KEYCLOAK: Table = Table {
    name: "keycloak",
    summary: "Keycloak: the name identifier is the key, roles and group paths, each by itself",
    // The X.500 mappers' object identifiers, and the basic names.
    attributes: &[
        ("emailaddress", &["urn:oid:1.2.840.113549.1.9.1", "email"]),
        ("givenname", &[GIVEN_NAME, "firstName"]),
        ("surname", &[SN, "lastName"]),
        ("email_verified", &["email_verified", "emailVerified"]),
    ],
    // `Role` comes once for each role, unless its mapper says "single".
    groups: &["Role", "groups", "member"],
    start: Start {
        issuer: "https://idp.acme.example/realms/staff",
        key: "The name identifier: set the client's format to persistent, and force it.",
        attribute_names: &[("department", "department")],
        groups: "Realm roles and groups, groups as paths. Keycloak has roles of its own, such as\n`offline_access`, and sends them too.",
        group: "/legal",
        asks: "groups",
    },
    ..PLAIN
};

/// Documented (Auth0's `samlp` and the mappings of its SAML2 add-on). The `NameID` is the first of
/// user id, name and address that there is: so the attribute is the key, which is the user id.
pub(super) static AUTH0: Table = Table {
    name: "auth0",
    summary: "Auth0: the user id (`connection|id`) is the key, which the attributes carry",
    key: KeyDefault::Attribute("nameidentifier"),
    attributes: &[
        ("nameidentifier", &[xmlsoap!("nameidentifier")]),
        ("emailaddress", &[xmlsoap!("emailaddress")]),
        ("givenname", &[xmlsoap!("givenname")]),
        ("surname", &[xmlsoap!("surname")]),
        ("displayname", &[xmlsoap!("name")]),
        ("upn", &[xmlsoap!("upn")]),
        (
            "email_verified",
            &["http://schemas.auth0.com/email_verified"],
        ),
        ("nickname", &["http://schemas.auth0.com/nickname"]),
        ("roles", &["http://schemas.auth0.com/roles"]),
        (
            "connection",
            &["http://schemas.auth0.com/identities/default/connection"],
        ),
    ],
    groups: &[CLAIMS_GROUP, "http://schemas.auth0.com/groups"],
    start: Start {
        issuer: "urn:acme.eu.auth0.com",
        key: "The user id, such as `auth0|5f7c8ec7`. Two connections of Auth0's give one person two.",
        attribute_names: &[("department", "http://schemas.auth0.com/department")],
        groups: "Groups, if an action puts them into the profile. Auth0 verifies addresses, and says so.",
        group: "Legal",
        asks: "groups",
    },
    ..PLAIN
};

/// Recorded: a response of samltest.id with `subject-id`, `mail`, `sn`, `givenName`, `displayName`
/// and entitlement, and metadata with `shibmd:Scope`. What is scoped is so by [eduPerson 202208
/// §2.2.5, §2.2.11] and [SAML-SubjectID §3.3, §3.4].
pub(super) static SHIBBOLETH: Table = Table {
    name: "shibboleth",
    summary: "Shibboleth and eduGAIN: pairwise-id is the key, scopes as the metadata allows",
    // The two are never mixed: one person would have two keys. `key = "subject-id"` takes the other.
    key: KeyDefault::Attribute("pairwise-id"),
    name_id_as_email: NameIdAsEmail::Never,
    attributes: &[
        (
            "pairwise-id",
            &["urn:oasis:names:tc:SAML:attribute:pairwise-id"],
        ),
        (
            "subject-id",
            &["urn:oasis:names:tc:SAML:attribute:subject-id"],
        ),
        ("emailaddress", &[MAIL]),
        ("givenname", &[GIVEN_NAME]),
        ("surname", &[SN]),
        ("displayname", &[DISPLAY_NAME]),
        ("affiliation", &[edu_person!("1")]),
        ("scoped_affiliation", &[edu_person!("9")]),
        ("principal_name", &[edu_person!("6")]),
        ("entitlement", &[edu_person!("7")]),
        ("assurance", &[edu_person!("11")]),
    ],
    // The unscoped affiliation is no group: `staff@other.example` in it would pass for a scoped one.
    groups: &[
        edu_person!("9"),
        edu_person!("7"),
        // `isMemberOf` [eduMember 201602]
        "urn:oid:1.3.6.1.4.1.5923.1.5.1.1",
    ],
    scoped: &[
        "urn:oasis:names:tc:SAML:attribute:pairwise-id",
        "urn:oasis:names:tc:SAML:attribute:subject-id",
        edu_person!("6"),
        edu_person!("9"),
    ],
    start: Start {
        issuer: "https://idp.acme.example/idp/shibboleth",
        key: "pairwise-id, which is another at each service. Where services have to agree on a person,\n`key = \"subject-id\"`. Ask for the one in your metadata (subject-id:req).",
        attribute_names: &[("employee_type", "urn:oid:2.16.840.1.113730.3.1.4")],
        groups: "Scoped affiliations, entitlements and memberships. A value with a scope counts only if the\nprovider's metadata allows the scope.",
        group: "staff@acme.example",
        asks: "scoped_affiliation",
    },
    ..PLAIN
};

/// Documented (DocuSign, "SAML attributes"): what DocuSign expects of a provider.
pub(super) static DOCUSIGN: Table = Table {
    name: "docusign",
    summary: "DocuSign's own names and matching, for hosts that take its place",
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
    start: Start {
        issuer: "https://idp.acme.example",
        key: "The name identifier, which has to be persistent.",
        attribute_names: &[("department", "department")],
        groups: "DocuSign takes no groups; a provider may send them all the same.",
        group: "Legal",
        asks: "groups",
    },
    ..PLAIN
};

/// Names that are well known, for a provider that has no table.
pub(super) static GENERIC: Table = Table {
    name: "generic",
    summary: "Any other provider that uses well-known names",
    attributes: &[
        (
            "emailaddress",
            &[
                xmlsoap!("emailaddress"),
                MAIL,
                "email",
                "mail",
                "emailaddress",
            ],
        ),
        (
            "givenname",
            &[
                xmlsoap!("givenname"),
                GIVEN_NAME,
                "givenName",
                "firstName",
                "givenname",
            ],
        ),
        (
            "surname",
            &[xmlsoap!("surname"), SN, "sn", "lastName", "surname"],
        ),
        ("displayname", &[DISPLAY_NAME, "displayName", "displayname"]),
        ("email_verified", &["email_verified", "emailVerified"]),
    ],
    groups: &["groups", "memberOf", CLAIMS_GROUP],
    start: Start {
        issuer: "https://idp.acme.example",
        key: "The name identifier, if its format says that it stands for the person. An attribute that\nlasts is as good: `key = \"employeeNumber\"`.",
        attribute_names: &[("department", "department")],
        groups: "Groups, each by itself, under one of the usual names.",
        group: "Legal",
        asks: "groups",
    },
    ..PLAIN
};
