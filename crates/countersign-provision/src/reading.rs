//! From what a provider said to facts: by the preset's table, and what the connection says on top.

use std::collections::{BTreeMap, BTreeSet};

use countersign_core::{
    Attribute, AttributeValue, EmailFact, FactNote, Facts, Groups, IdentityClaims, NameId,
    SubjectKey, TenantId, VerifiedIdentity,
};
use countersign_roles::{EMAIL, GROUPS};

use crate::attribute_names::{AttributeNames, GroupSource};
use crate::decoder::Decoder;
use crate::key::{FactsError, Key};
use crate::normalize;
use crate::preset::short;
use crate::preset::table::{NameIdAsEmail, Table};

/// Format of a name identifier that is an e-mail address \[SAML-Core §8.3.2\].
const EMAIL_FORMAT: &str = "urn:oasis:names:tc:SAML:1.1:nameid-format:emailAddress";

/// Identifiers that have a grammar and a scope wherever they are sent \[SAML-SubjectID §3.3, §3.4\].
const SUBJECT_IDS: [&str; 2] = [
    "urn:oasis:names:tc:SAML:attribute:pairwise-id",
    "urn:oasis:names:tc:SAML:attribute:subject-id",
];

/// Entra's issuer, up to the tenant.
const ENTRA_ISSUER: &str = "https://sts.windows.net/";

/// How one connection's identities are read.
pub(crate) struct Reading<'a> {
    pub(crate) table: &'static Table,
    pub(crate) names: &'a AttributeNames,
    pub(crate) groups: &'a GroupSource,
    /// Whether the provider may assert a value with a scope.
    pub(crate) speaks_for: &'a dyn Fn(&str) -> bool,
}

impl Reading<'_> {
    pub(crate) fn facts(
        &self,
        tenant: &TenantId,
        identity: &VerifiedIdentity,
        key: &Key,
    ) -> Result<Facts, FactsError> {
        let claims = identity.claims();
        let mut notes = BTreeSet::new();
        let attributes = self.attributes(claims, &mut notes);
        self.check_tenant_id(&attributes, &claims.issuer)?;
        let mut facts = Facts::new(self.subject(tenant, claims, key)?);
        let name = |short| normalize::name(only(&attributes, short)?);
        facts.given_name = name(short::GIVEN_NAME);
        facts.family_name = name(short::FAMILY_NAME);
        facts.display_name = name(short::DISPLAY_NAME);
        facts.account_id = name(short::ACCOUNT_ID);
        facts.permission_profile_id = name(short::PERMISSION_PROFILE_ID);
        facts.email = self.email(&attributes, &claims.name_id);
        facts.groups = self.groups(claims, &mut notes);
        facts.authn_context.clone_from(&claims.authn_context);
        facts.attributes = attributes;
        facts.notes = notes;
        Ok(facts)
    }

    /// The name that policy uses for an attribute; `None` if it is left out.
    fn short_name<'n>(&'n self, full: &'n str) -> Option<&'n str> {
        if let Some(short) = self.names.short_name(full) {
            return Some(short);
        }
        let stands_for = |(short, names): &&(&str, &[&str])| {
            names.contains(&full) && self.names.source(short).is_none()
        };
        if let Some((short, _)) = self.table.attributes.iter().find(stands_for) {
            return Some(short);
        }
        let is_short = |(short, _): &(&str, &[&str])| *short == full;
        let taken = self.table.attributes.iter().any(is_short)
            || self.names.source(full).is_some()
            || matches!(full, GROUPS | EMAIL);
        (!taken && !self.is_groups(full) && !self.is_overage(full)).then_some(full)
    }

    fn is_groups(&self, full: &str) -> bool {
        // One name stands for one thing, unless the preset itself says that it is both.
        if self.names.short_name(full).is_some() {
            return false;
        }
        if self.groups.names.is_empty() {
            self.table.groups.contains(&full)
        } else {
            self.groups.names.iter().any(|name| name == full)
        }
    }

    fn is_overage(&self, full: &str) -> bool {
        self.table.overage.contains(&full)
    }

    fn is_scoped(&self, full: &str) -> bool {
        let said = self
            .names
            .short_name(full)
            .and_then(|short| self.names.source(short));
        self.table.scoped.contains(&full)
            || SUBJECT_IDS.contains(&full)
            || said.is_some_and(|source| source.scoped)
    }

    /// The texts of an attribute that the provider may say, and whether there are others.
    fn texts<'c>(&self, attribute: &'c Attribute) -> (Vec<&'c str>, bool) {
        let texts: Vec<&str> = attribute
            .values
            .iter()
            .filter_map(AttributeValue::as_text)
            .collect();
        if !self.is_scoped(&attribute.name) {
            return (texts, false);
        }
        let (theirs, others): (Vec<&str>, Vec<&str>) =
            texts.into_iter().partition(|text| (self.speaks_for)(text));
        (theirs, !others.is_empty())
    }

    fn attributes(
        &self,
        claims: &IdentityClaims,
        notes: &mut BTreeSet<FactNote>,
    ) -> BTreeMap<String, Vec<String>> {
        let mut sent: BTreeMap<&str, Vec<&str>> = BTreeMap::new();
        for attribute in &claims.attributes {
            if let Some(short) = self.short_name(&attribute.name) {
                let (texts, has_others) = self.texts(attribute);
                if has_others {
                    let attribute = short.to_owned();
                    notes.insert(FactNote::ScopeNotAllowed { attribute });
                    if texts.is_empty() {
                        continue;
                    }
                }
                sent.entry(short).or_default().extend(texts);
            }
        }
        let mut attributes = BTreeMap::new();
        for (short, texts) in sent {
            let Some(source) = self.names.source(short).filter(|source| source.is_packed()) else {
                let texts = texts.into_iter().map(normalize::text);
                attributes.insert(short.to_owned(), texts.collect());
                continue;
            };
            let decoded = source.decode.decode(&texts);
            if decoded.complete {
                attributes.insert(short.to_owned(), decoded.names);
            } else {
                // A part of it could be the part that a rule does not ask about.
                let attribute = short.to_owned();
                notes.insert(FactNote::AttributeNotDecoded { attribute });
            }
        }
        attributes
    }

    /// Entra's tenant stands in the issuer, which was verified, and again in an attribute.
    fn check_tenant_id(
        &self,
        attributes: &BTreeMap<String, Vec<String>>,
        issuer: &str,
    ) -> Result<(), FactsError> {
        let sent = self.table.tenant_id.and_then(|short| attributes.get(short));
        let tenant = issuer.strip_prefix(ENTRA_ISSUER);
        let tenant = tenant.and_then(|rest| rest.split('/').next());
        if let (Some(sent), Some(tenant)) = (sent, tenant)
            && sent.iter().any(|sent| !sent.eq_ignore_ascii_case(tenant))
        {
            return Err(FactsError::OtherTenantId);
        }
        Ok(())
    }

    fn subject(
        &self,
        tenant: &TenantId,
        claims: &IdentityClaims,
        key: &Key,
    ) -> Result<SubjectKey, FactsError> {
        let tenant = tenant.clone();
        match key {
            Key::Attribute(attribute) => {
                let value = self.key_value(claims, attribute)?;
                SubjectKey::from_stable_value(tenant, &claims.issuer, &value)
                    .map_err(FactsError::Subject)
            }
            _ => key.subject_of_name_id(tenant, &claims.issuer, &claims.name_id),
        }
    }

    /// The one value of the attribute that is the key, byte for byte.
    fn key_value(&self, claims: &IdentityClaims, key: &str) -> Result<String, FactsError> {
        let is_short = self.names.source(key).is_some()
            || self.table.attributes.iter().any(|(short, _)| *short == key);
        let is_key = |attribute: &&Attribute| {
            self.short_name(&attribute.name) == Some(key) || (!is_short && attribute.name == key)
        };
        let attribute = || key.to_owned();
        let mut found: Option<&str> = None;
        let mut scoped = false;
        let mut is_subject_id = false;
        for sent in claims.attributes.iter().filter(is_key) {
            scoped |= self.is_scoped(&sent.name);
            is_subject_id |= SUBJECT_IDS.contains(&sent.name.as_str());
            for value in &sent.values {
                let text = value
                    .as_text()
                    .filter(|text| found.is_none_or(|one| one == *text));
                found = Some(text.ok_or_else(|| FactsError::KeyNotOne {
                    attribute: attribute(),
                })?);
            }
        }
        let Some(value) = found else {
            return Err(FactsError::KeyMissing {
                attribute: attribute(),
            });
        };
        if scoped && !(self.speaks_for)(value) {
            return Err(FactsError::KeyOutOfScope {
                attribute: attribute(),
            });
        }
        if !is_subject_id {
            return Ok(value.to_owned());
        }
        if !is_subject_identifier(value) {
            return Err(FactsError::KeyNotSubjectId {
                attribute: attribute(),
            });
        }
        // Values that differ in case only are one person's.
        Ok(value.to_ascii_lowercase())
    }

    fn email(
        &self,
        attributes: &BTreeMap<String, Vec<String>>,
        name_id: &NameId,
    ) -> Option<EmailFact> {
        let is_email = match self.table.name_id_as_email {
            NameIdAsEmail::Never => false,
            NameIdAsEmail::ByFormat => name_id.format.as_deref() == Some(EMAIL_FORMAT),
            NameIdAsEmail::Always => true,
        };
        let address = if attributes.contains_key(short::EMAIL) {
            only(attributes, short::EMAIL)?
        } else if is_email {
            &name_id.value
        } else {
            return None;
        };
        let verified = only(attributes, short::EMAIL_VERIFIED);
        Some(EmailFact {
            address: normalize::email(address).ok()?,
            verified_by_idp: matches!(verified, Some("true" | "1")),
        })
    }

    /// Only if everything that was said of groups could be read, and nothing says that there are
    /// more, are they complete.
    fn groups(&self, claims: &IdentityClaims, notes: &mut BTreeSet<FactNote>) -> Groups {
        let mut told = false;
        let mut complete = true;
        let mut texts = Vec::new();
        for attribute in &claims.attributes {
            if self.is_overage(&attribute.name) {
                told = true;
                complete = false;
                notes.insert(FactNote::GroupsLeftOut);
            } else if self.is_groups(&attribute.name) {
                told = true;
                let is_text = |value: &AttributeValue| value.as_text().is_some();
                if !attribute.values.iter().all(is_text) {
                    // Something was said of groups that can not be read.
                    complete = false;
                    notes.insert(FactNote::GroupsNotDecoded);
                }
                let (theirs, has_others) = self.texts(attribute);
                if has_others {
                    complete = false;
                    let attribute = GROUPS.to_owned();
                    notes.insert(FactNote::ScopeNotAllowed { attribute });
                }
                texts.extend(theirs);
            }
        }
        let decoded = self.group_decoder().decode(&texts);
        if !decoded.complete {
            complete = false;
            notes.insert(FactNote::GroupsNotDecoded);
        }
        let groups: BTreeSet<String> = decoded.names.into_iter().collect();
        let most = self.groups.most.map(usize::from).or(self.table.most_groups);
        // What was left out below a base counts: it was sent.
        if most.is_some_and(|most| groups.len().max(texts.len()) >= most) {
            complete = false;
            notes.insert(FactNote::GroupsCut);
        }
        match (told, complete) {
            (false, _) => Groups::Absent,
            (true, false) => Groups::Partial(groups),
            (true, true) => Groups::Complete(groups),
        }
    }

    /// How the groups are packed: as the connection says, else as the preset knows.
    pub(crate) fn group_decoder(&self) -> Decoder {
        let by_preset = || {
            let delimiter = self.table.group_delimiter;
            delimiter.and_then(Decoder::split).unwrap_or_default()
        };
        self.groups.decode.clone().unwrap_or_else(by_preset)
    }
}

/// `local@scope` of letters, digits and little else \[SAML-SubjectID §3.3.1\].
fn is_subject_identifier(text: &str) -> bool {
    let is_part = |part: &str, more: &[u8]| {
        part.len() <= 127
            && part.starts_with(|first: char| first.is_ascii_alphanumeric())
            && part
                .bytes()
                .all(|b| b.is_ascii_alphanumeric() || more.contains(&b))
    };
    text.split_once('@')
        .is_some_and(|(local, scope)| is_part(local, b"=-") && is_part(scope, b"-."))
}

/// The value of an attribute that has exactly one, however often it was sent.
fn only<'a>(attributes: &'a BTreeMap<String, Vec<String>>, short: &str) -> Option<&'a str> {
    let (first, others) = attributes.get(short)?.split_first()?;
    let one = others.iter().all(|other| other == first);
    one.then_some(first.as_str())
}
