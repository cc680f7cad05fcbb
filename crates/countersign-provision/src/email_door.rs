//! The e-mail door: for signers whose organization has no identity provider.
//!
//! What it proves is that somebody reads the mail of an address. Its subject is the address itself,
//! under an issuer that no identity provider can have, so that no account that a provider vouches
//! for is ever found by it. An address in a domain that one of the tenant's identity providers
//! speaks for has to come through that provider: a mailbox is not a way around it.

use std::collections::BTreeMap;

use countersign_core::{
    ConnectionId, Door, Email, EmailFact, Facts, SubjectKey, TenantId, VerifiedIdentity,
};
use countersign_roles::{RoleCatalog, RuleSet};

use crate::connection::ConnectionPolicy;
use crate::key::FactsError;
use crate::normalize;
use crate::policy::PolicyError;

/// What issuers of our own begin with. No identity provider may be called so.
pub const RESERVED_ISSUERS: &str = "urn:countersign:";

/// The issuer of identities that came through the e-mail door.
pub const ISSUER: &str = "urn:countersign:door:email";

/// Format of their name identifiers \[SAML-Core §8.3.2\].
pub const NAME_ID_FORMAT: &str = "urn:oasis:names:tc:SAML:1.1:nameid-format:emailAddress";

/// How the person authenticated: by a link that was opened in the browser that asked for it.
pub const SAME_BROWSER: &str = "urn:countersign:authentication:mailed-link";

/// How the person authenticated: by a link that was good in any browser.
pub const ANY_BROWSER: &str = "urn:countersign:authentication:mailed-link:any-browser";

/// The facts of an identity that came through the door: an address, verified, and nothing else.
/// Groups are not known, so that no rule about them is ever met.
pub(crate) fn facts(tenant: &TenantId, identity: &VerifiedIdentity) -> Result<Facts, FactsError> {
    let claims = identity.claims();
    let address = &claims.name_id.value;
    let subject = SubjectKey::from_stable_value(tenant.clone(), &claims.issuer, address)
        .map_err(FactsError::Subject)?;
    let mut facts = Facts::new(subject);
    facts.email = normalize::email(address).ok().map(|address| EmailFact {
        address,
        verified_by_idp: true,
    });
    facts.authn_context.clone_from(&claims.authn_context);
    Ok(facts)
}

/// Whether one of the tenant's identity providers speaks for the address's domain. One whose proof of
/// the domain has ended counts as well: until somebody settles whose it is, nobody comes in by it.
pub(crate) fn has_provider<'a>(
    mut connections: impl Iterator<Item = (&'a ConnectionId, &'a ConnectionPolicy)>,
    tenant: &TenantId,
    address: &Email,
) -> bool {
    connections.any(|(_, connection)| {
        connection.door != Door::Email
            && connection.tenant == *tenant
            && connection.domains.contains(address.domain())
    })
}

/// Everything in a policy that gives the door more than it can answer for.
pub(crate) fn faults(
    catalog: &RoleCatalog,
    rules: &RuleSet,
    connections: &BTreeMap<ConnectionId, ConnectionPolicy>,
) -> Vec<PolicyError> {
    let mut errors = Vec::new();
    for (id, connection) in connections {
        if connection.door != Door::Email {
            if connection.issuer.starts_with(RESERVED_ISSUERS) {
                errors.push(PolicyError::ReservedIssuer(id.clone()));
            }
            if connection.any_domain {
                errors.push(PolicyError::AnyDomain(id.clone()));
            }
            continue;
        }
        if connection.any_domain && !connection.create.requires_invitation {
            errors.push(PolicyError::UninvitedStrangers(id.clone()));
        }
        for rule in rules.rules().iter().filter(|rule| rule.is_about(id)) {
            for grant in &rule.grant {
                let role = catalog.role(&grant.role);
                if role.is_some_and(|role| role.is_privileged()) {
                    errors.push(PolicyError::PrivilegedByEmail {
                        rule: rule.id.clone(),
                        role: grant.role.clone(),
                        connection: id.clone(),
                    });
                }
            }
        }
    }
    errors
}
