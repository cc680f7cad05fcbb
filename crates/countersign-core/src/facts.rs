//! A provider's attributes, normalized and typed: what policy is written about.

use std::collections::{BTreeMap, BTreeSet};
use std::fmt;

use serde::de::{Deserializer, Error as _, MapAccess, Visitor};
use serde::{Deserialize, Serialize};

use crate::digest::LeafHash;
use crate::id::ConnectionId;
use crate::identity::Door;
use crate::subject::SubjectKey;
use crate::text::{TextError, check_identifier};
use crate::time::Timestamp;

/// An e-mail address in canonical form.
///
/// The canonical form is made by `countersign_provision::normalize`, once, where a value enters:
/// NFC, the domain in its ASCII form and lower case, the local part's ASCII letters lower-cased.
/// Longest accepted: 254 bytes \[RFC 5321 §4.5.3.1.3\].
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(try_from = "String", into = "String")]
pub struct Email(String);

impl Email {
    /// Takes an address that is in canonical form already.
    ///
    /// # Errors
    /// If it is not one local part, `@` and one lower-case ASCII domain.
    pub fn from_canonical(text: impl Into<String>) -> Result<Self, TextError> {
        let text = text.into();
        check_identifier(&text)?;
        if text.len() > 254 {
            return Err(TextError::TooLong { limit_bytes: 254 });
        }
        match text.rsplit_once('@') {
            Some((local, domain))
                if !local.is_empty()
                    && !local.contains('@')
                    && !text.contains(char::is_whitespace)
                    && !domain.is_empty()
                    && domain
                        .bytes()
                        .all(|b| matches!(b, b'a'..=b'z' | b'0'..=b'9' | b'-' | b'.'))
                    && domain.split('.').all(|label| !label.is_empty()) =>
            {
                Ok(Self(text))
            }
            _ => Err(TextError::NotAnEmail),
        }
    }

    /// The whole address.
    #[must_use]
    pub fn as_str(&self) -> &str {
        &self.0
    }

    /// What stands before the `@`.
    #[must_use]
    pub fn local_part(&self) -> &str {
        self.0.rsplit_once('@').map_or("", |(local, _)| local)
    }

    /// What stands after the `@`: lower-case ASCII.
    #[must_use]
    pub fn domain(&self) -> &str {
        self.0.rsplit_once('@').map_or("", |(_, domain)| domain)
    }
}

impl fmt::Display for Email {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

impl TryFrom<String> for Email {
    type Error = TextError;
    fn try_from(text: String) -> Result<Self, TextError> {
        Self::from_canonical(text)
    }
}

impl From<Email> for String {
    fn from(email: Email) -> Self {
        email.0
    }
}

/// An e-mail address and what the identity provider said of it.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct EmailFact {
    /// The address in canonical form.
    pub address: Email,
    /// Whether the provider says that it verified the address. An absent flag is `false`.
    pub verified_by_idp: bool,
}

/// A person's groups, as far as they were told.
///
/// Only [`Groups::Complete`] may take anything away: Entra leaves groups out past 150 in SAML,
/// and an absent attribute is not an empty one. In JSON they are `"absent"`, `{"partial": […]}` or
/// `{"complete": […]}`, so that none of the three is ever written by leaving something out.
#[derive(Debug, Clone, PartialEq, Eq, Default, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Groups {
    /// The provider said nothing of groups.
    #[default]
    Absent,
    /// Some groups; there are more than were sent.
    Partial(BTreeSet<String>),
    /// All groups.
    Complete(BTreeSet<String>),
}

impl Groups {
    /// Whether `group` is known to be one of them.
    #[must_use]
    pub fn contains(&self, group: &str) -> bool {
        self.known().is_some_and(|known| known.contains(group))
    }

    /// The groups that are known, if any were told.
    #[must_use]
    pub fn known(&self) -> Option<&BTreeSet<String>> {
        match self {
            Self::Absent => None,
            Self::Partial(known) | Self::Complete(known) => Some(known),
        }
    }

    /// Whether a group that is not among them is known to be lost.
    #[must_use]
    pub fn is_complete(&self) -> bool {
        matches!(self, Self::Complete(_))
    }
}

/// How facts came about, where whoever reads the decision should know. Names no value.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
#[non_exhaustive]
pub enum FactNote {
    /// Values were left out because the provider may not speak for their scope.
    ScopeNotAllowed {
        /// The attribute's short name.
        attribute: String,
    },
    /// An attribute was left out because it does not have the form that the connection names.
    AttributeNotDecoded {
        /// The attribute's short name.
        attribute: String,
    },
    /// A value of the groups does not have the form that the connection names.
    GroupsNotDecoded,
    /// So many groups were sent that more may have been cut off.
    GroupsCut,
    /// The provider says that it left groups out.
    GroupsLeftOut,
    /// The groups were asked for, and are all there.
    GroupsFetched,
    /// The groups were asked for in vain.
    GroupsFetchFailed,
}

impl FactNote {
    /// A stable code for logs and records.
    #[must_use]
    pub fn code(&self) -> &'static str {
        match self {
            Self::ScopeNotAllowed { .. } => "provision.scope_not_allowed",
            Self::AttributeNotDecoded { .. } => "provision.attribute_not_decoded",
            Self::GroupsNotDecoded => "provision.groups_not_decoded",
            Self::GroupsCut => "provision.groups_cut",
            Self::GroupsLeftOut => "provision.groups_left_out",
            Self::GroupsFetched => "provision.groups_fetched",
            Self::GroupsFetchFailed => "provision.groups_fetch_failed",
        }
    }
}

impl fmt::Display for FactNote {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::ScopeNotAllowed { attribute } => write!(
                f,
                "values of `{attribute}` were left out: the provider may not speak for their scope"
            ),
            Self::AttributeNotDecoded { attribute } => write!(
                f,
                "the attribute `{attribute}` was left out: it does not have the form that the connection names"
            ),
            Self::GroupsNotDecoded => {
                f.write_str("not all groups have the form that the connection names")
            }
            Self::GroupsCut => {
                f.write_str("so many groups were sent that more may have been cut off")
            }
            Self::GroupsLeftOut => f.write_str("the provider says that it left groups out"),
            Self::GroupsFetched => f.write_str("the groups were asked for, and are all there"),
            Self::GroupsFetchFailed => f.write_str("the groups were asked for in vain"),
        }
    }
}

/// An invitation to sign, as its record says, and whether it was used before.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Invited {
    /// The `invitation.issued` record.
    pub entry: LeafHash,
    /// Who was invited: whoever is proved to have this address.
    pub email: Email,
    /// The door that the person has to come through; any if none is named.
    pub door: Option<Door>,
    /// The connection that the person has to come through; any if none is named.
    pub connection: Option<ConnectionId>,
    /// Whether the person has to authenticate with several factors.
    pub multi_factor: bool,
    /// From this instant on it is not good.
    pub expires_at: Timestamp,
    /// Whether it was used or withdrawn.
    pub is_spent: bool,
}

/// What policy and rules may ask about a person: made from a [`crate::VerifiedIdentity`] by a
/// preset, and by nothing else.
///
/// The JSON form is that of a corpus (`docs/spec/corpus.md`): members in the order of the fields,
/// what was not sent left out, but for `groups`. What is read back has been checked as a preset
/// checks it: the subject and the address are made by their own constructors, and a member that
/// is unknown or there twice is refused. It is for simulations and tests: whoever reads facts
/// from elsewhere and acts on them has verified nothing.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
#[non_exhaustive]
pub struct Facts {
    /// The key that the account is found by.
    pub subject: SubjectKey,
    /// The e-mail address, if a usable one was sent.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub email: Option<EmailFact>,
    /// Given name, NFC.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub given_name: Option<String>,
    /// Family name, NFC.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub family_name: Option<String>,
    /// Display name, NFC.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub display_name: Option<String>,
    /// The account that a new user belongs to (DocuSign's `accountid`).
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub account_id: Option<String>,
    /// The permission profile of a new user (DocuSign's `permissionprofileid`).
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub permission_profile_id: Option<String>,
    /// The groups.
    pub groups: Groups,
    /// Every attribute by its short name (or by its full name where the preset has no short
    /// one), values in NFC, in document order.
    #[serde(
        default,
        skip_serializing_if = "BTreeMap::is_empty",
        deserialize_with = "each_once"
    )]
    pub attributes: BTreeMap<String, Vec<String>>,
    /// How the person authenticated (`AuthnContextClassRef`).
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub authn_context: Option<String>,
    /// How they came about.
    #[serde(default, skip_serializing_if = "BTreeSet::is_empty")]
    pub notes: BTreeSet<FactNote>,
    /// Whether the provider says that there were several factors.
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    pub multi_factor: bool,
    /// The invitation that the person brought along, if the token of one was right.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub invited: Option<Invited>,
}

/// A map in which no key is there twice: of two, nobody could say which one counts.
fn each_once<'de, D: Deserializer<'de>>(
    deserializer: D,
) -> Result<BTreeMap<String, Vec<String>>, D::Error> {
    struct EachOnce;
    impl<'de> Visitor<'de> for EachOnce {
        type Value = BTreeMap<String, Vec<String>>;

        fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
            f.write_str("attributes with their values")
        }

        fn visit_map<A: MapAccess<'de>>(self, mut map: A) -> Result<Self::Value, A::Error> {
            let mut all = BTreeMap::new();
            while let Some((name, values)) = map.next_entry::<String, Vec<String>>()? {
                if all.insert(name, values).is_some() {
                    return Err(A::Error::custom("an attribute is there twice"));
                }
            }
            Ok(all)
        }
    }
    deserializer.deserialize_map(EachOnce)
}

impl Facts {
    /// Facts that hold nothing but who it is.
    #[must_use]
    pub fn new(subject: SubjectKey) -> Self {
        Self {
            subject,
            email: None,
            given_name: None,
            family_name: None,
            display_name: None,
            account_id: None,
            permission_profile_id: None,
            groups: Groups::Absent,
            attributes: BTreeMap::new(),
            authn_context: None,
            notes: BTreeSet::new(),
            multi_factor: false,
            invited: None,
        }
    }

    /// The values of an attribute; none if it was not sent.
    #[must_use]
    pub fn values(&self, attribute: &str) -> &[String] {
        self.attributes.get(attribute).map_or(&[], Vec::as_slice)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_email_has_one_local_part_and_one_ascii_domain() {
        let email = Email::from_canonical("ana.silva@acme.example").unwrap();
        assert_eq!(email.local_part(), "ana.silva");
        assert_eq!(email.domain(), "acme.example");
        for bad in [
            "",
            "acme.example",
            "@acme.example",
            "a@",
            "a@b@c.example",
            "a@Acme.example",
            "a@acme..example",
            "a b@acme.example",
            "a@ac\u{fc}me.example",
        ] {
            assert!(Email::from_canonical(bad).is_err(), "{bad}");
        }
    }

    #[test]
    fn facts_are_read_back_as_they_were_written() {
        let tenant = crate::id::TenantId::new("acme").unwrap();
        let subject = SubjectKey::from_stable_value(tenant, "https://idp.example", "7").unwrap();
        let mut facts = Facts::new(subject);
        assert_eq!(
            serde_json::to_string(&facts).unwrap(),
            r#"{"subject":{"tenant":"acme","issuer":"https://idp.example","subject":"7"},"groups":"absent"}"#
        );
        facts.email = Some(EmailFact {
            address: Email::from_canonical("a@acme.example").unwrap(),
            verified_by_idp: true,
        });
        facts.given_name = Some("Given".into());
        facts.groups = Groups::Partial(BTreeSet::from(["g".into()]));
        facts
            .attributes
            .insert("department".into(), vec!["ext".into()]);
        let json = serde_json::to_string(&facts).unwrap();
        assert!(json.contains(r#""groups":{"partial":["g"]}"#), "{json}");
        assert_eq!(serde_json::from_str::<Facts>(&json).unwrap(), facts);
    }

    #[test]
    fn facts_that_no_preset_could_have_made_are_refused() {
        let facts = |subject: &str, rest: &str| {
            let json = format!(
                r#"{{"subject":{{"tenant":"acme","issuer":"i","subject":"{subject}"}},{rest}}}"#
            );
            serde_json::from_str::<Facts>(&json)
        };
        assert!(facts("7", r#""groups":"absent""#).is_ok());
        for (subject, rest) in [
            ("", r#""groups":"absent""#),
            (r"a\u0000", r#""groups":"absent""#),
            ("7", r#""email":null"#),
            ("7", r#""groups":"absent","groups":"absent""#),
            ("7", r#""groups":["a"]"#),
            ("7", r#""groups":"absent","unknown":1"#),
            (
                "7",
                r#""groups":"absent","email":{"address":"A@ACME.example","verified_by_idp":true}"#,
            ),
            (
                "7",
                r#""groups":"absent","email":{"address":"a@acme.example"}"#,
            ),
            (
                "7",
                r#""groups":"absent","attributes":{"a":["1"],"a":["2"]}"#,
            ),
            ("7", r#""groups":"absent","attributes":{"a":"1"}"#),
        ] {
            assert!(facts(subject, rest).is_err(), "{subject} {rest}");
        }
    }

    #[test]
    fn absent_groups_are_not_complete() {
        assert!(!Groups::Absent.is_complete());
        assert!(!Groups::Partial(BTreeSet::new()).is_complete());
        assert!(Groups::Complete(BTreeSet::new()).is_complete());
    }
}
