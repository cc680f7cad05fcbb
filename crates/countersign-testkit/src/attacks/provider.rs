//! Attacks that need the provider's key: genuine signatures over what must not be accepted.

use std::time::Duration;

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use countersign_core::Timestamp;

use super::attack::{Attack, Attacks};
use super::edit::{at_start, behind_issuer, replace_id, wrap};
use super::forgery::Forgery;
use super::signature::{
    SHA1, SHA256, Template, digest_of, hash, honest_transforms, reference, reference_with,
};
use super::signed_info::{reference_games, transform_games};
use super::tree::{DSIG, PROTOCOL, Tree};
use super::victim::Victim;
use super::{ATTACKER, AttackClass as C, must};
use crate::idp::{Issuer, KeyChoice, ResponseSpec, Sign, TestIdp};

/// Every attack that needs the key of the provider: it signs a response for somebody else, for
/// another time or with weak algorithms; it signed metadata and errors; it can be brought to sign
/// what has a form outside SAML's profile.
///
/// `spec` describes the genuine response, which is accepted. No other test shows so well whether a
/// service provider asks every question, because the signature of each of these holds.
#[must_use]
pub fn by_provider(idp: &TestIdp, spec: &ResponseSpec) -> Vec<Attack> {
    let mut attacks = Attacks::on(&Victim::of(&idp.respond(spec)));
    addressed_to_others(idp, spec, &mut attacks);
    of_others(idp, spec, &mut attacks);
    of_other_messages(idp, spec, &mut attacks);
    of_other_forms(idp, spec, &mut attacks);
    attacks.into_vec()
}

/// The genuine response with one thing changed before it was signed.
fn said(idp: &TestIdp, spec: &ResponseSpec, change: impl FnOnce(&mut ResponseSpec)) -> Vec<u8> {
    let mut changed = spec.clone();
    change(&mut changed);
    idp.respond(&changed)
}

/// Class 20, and 23: who it is for, and when.
fn addressed_to_others(idp: &TestIdp, spec: &ResponseSpec, attacks: &mut Attacks) {
    const DAY: Duration = Duration::from_secs(24 * 60 * 60);
    let issued = spec.assertion_issue_instant;
    let (past, future) = (issued.saturating_sub(DAY), issued.saturating_add(DAY));
    let mut refused = |name: &str, change: &dyn Fn(&mut ResponseSpec)| {
        attacks.refused(C::WrongAddressee, name, said(idp, spec, change));
    };
    let audiences = |audiences: Vec<Vec<String>>| {
        move |spec: &mut ResponseSpec| {
            if let Some(conditions) = &mut spec.conditions {
                conditions.audiences.clone_from(&audiences);
            }
        }
    };
    let other = || vec!["https://other.example/saml".to_owned()];
    let own = spec
        .conditions
        .iter()
        .flat_map(|conditions| conditions.audiences.iter().flatten())
        .next()
        .cloned()
        .unwrap_or_default();
    refused("another audience", &audiences(vec![other()]));
    refused("no audience", &audiences(Vec::new()));
    refused(
        "an empty audience restriction",
        &audiences(vec![Vec::new()]),
    );
    refused(
        "a second audience restriction without us",
        &audiences(vec![vec![own.clone()], other()]),
    );
    refused("no conditions", &|spec| spec.conditions = None);
    refused("an unknown condition", &|spec| {
        if let Some(conditions) = &mut spec.conditions {
            conditions.xml = "<x:Never xmlns:x=\"urn:x\"/>".to_owned();
        }
    });
    let conditions = |not_before: Option<Timestamp>, not_on_or_after: Option<Timestamp>| {
        move |spec: &mut ResponseSpec| {
            if let Some(conditions) = &mut spec.conditions {
                conditions.not_before = not_before;
                conditions.not_on_or_after = not_on_or_after;
            }
        }
    };
    refused("conditions that have passed", &conditions(None, Some(past)));
    refused(
        "conditions that are to come",
        &conditions(Some(future), None),
    );
    let confirmations = |change: fn(&mut crate::idp::Confirmation, Timestamp), at: Timestamp| {
        move |spec: &mut ResponseSpec| {
            for confirmation in &mut spec.confirmations {
                change(confirmation, at);
            }
        }
    };
    refused(
        "a confirmation that has passed",
        &confirmations(|c, at| c.not_on_or_after = Some(at), past),
    );
    refused(
        "a confirmation that is to come",
        &confirmations(|c, at| c.not_before = Some(at), future),
    );
    refused(
        "a confirmation without end",
        &confirmations(|c, _| c.not_on_or_after = None, past),
    );
    refused(
        "a confirmation without recipient",
        &confirmations(|c, _| c.recipient = None, past),
    );
    refused(
        "a confirmation for another recipient",
        &confirmations(
            |c, _| c.recipient = Some("https://other.example/acs".to_owned()),
            past,
        ),
    );
    refused(
        "a confirmation that is no bearer's",
        &confirmations(
            |c, _| c.method = "urn:oasis:names:tc:SAML:2.0:cm:sender-vouches".to_owned(),
            past,
        ),
    );
    refused("no confirmation", &|spec| spec.confirmations.clear());
    refused("another destination", &|spec| {
        spec.destination = Some("https://other.example/acs".to_owned());
    });
    refused("an assertion issued in the future", &|spec| {
        spec.assertion_issue_instant = future
    });
    refused("a session that has ended", &|spec| {
        if let Some(authentication) = &mut spec.authentication {
            authentication.session_not_on_or_after = Some(past);
        }
    });
    refused("no name", &|spec| spec.name_id = None);
    refused("an empty name", &|spec| {
        if let Some(name_id) = &mut spec.name_id {
            name_id.value.clear();
        }
    });
    refused("an error", &|spec| {
        spec.status = vec!["urn:oasis:names:tc:SAML:2.0:status:Responder".to_owned()];
    });
    refused("SAML 1.1", &|spec| {
        spec.assertion_version = "1.1".to_owned()
    });

    for (name, audience) in [
        ("with a slash", format!("{own}/")),
        ("in another case", own.to_uppercase()),
        ("with white space", format!(" {own} ")),
        (
            "cut short",
            own.chars()
                .take(own.chars().count().saturating_sub(1))
                .collect(),
        ),
    ] {
        let xml = said(idp, spec, audiences(vec![vec![audience]]));
        attacks.refused(C::LaxComparison, format!("the audience {name}"), xml);
    }
    for confirmation in &spec.confirmations {
        let Some(recipient) = &confirmation.recipient else {
            continue;
        };
        for (name, recipient) in [
            ("with a slash", format!("{recipient}/")),
            ("in another case", recipient.to_uppercase()),
            ("with a query", format!("{recipient}?x=y")),
        ] {
            let xml = said(idp, spec, |spec| {
                for confirmation in &mut spec.confirmations {
                    confirmation.recipient = Some(recipient.clone());
                }
            });
            attacks.refused(C::LaxComparison, format!("the recipient {name}"), xml);
        }
    }
    for (name, issuer) in [
        ("with a slash", format!("{}/", idp.entity_id())),
        ("in another case", idp.entity_id().to_uppercase()),
        ("with white space", format!(" {} ", idp.entity_id())),
    ] {
        let xml = said(idp, spec, |spec| {
            spec.assertion_issuer = Issuer::Other(issuer)
        });
        attacks.refused(
            C::LaxComparison,
            format!("the assertion's issuer {name}"),
            xml,
        );
    }
}

/// Class 21: another provider, tenant, request or browser.
fn of_others(idp: &TestIdp, spec: &ResponseSpec, attacks: &mut Attacks) {
    let mut refused = |name: &str, xml: Vec<u8>| attacks.refused(C::CrossProvider, name, xml);
    let mut forged = spec.clone();
    if let Some(name_id) = &mut forged.name_id {
        ATTACKER.clone_into(&mut name_id.value);
    }
    let other = "https://other-tenant.example/metadata";
    let stranger = TestIdp::with_key(other, KeyChoice::Stranger);
    refused(
        "a response of another tenant's provider",
        stranger.respond(&forged),
    );
    let liar = TestIdp::with_key(idp.entity_id(), KeyChoice::Stranger);
    refused(
        "a response of another provider under our provider's name",
        liar.respond(&forged),
    );
    let half = said(&stranger, &forged, |spec| {
        spec.response_issuer = Issuer::Other(idp.entity_id().to_owned());
    });
    refused(
        "another provider's assertion in a response under our provider's name",
        half,
    );
    let half = said(&stranger, &forged, |spec| {
        spec.assertion_issuer = Issuer::Other(idp.entity_id().to_owned());
    });
    refused(
        "our provider's name in a response of another provider",
        half,
    );
    let mut of = |name: &str, change: &dyn Fn(&mut ResponseSpec)| {
        refused(name, said(idp, spec, change));
    };
    of(
        "an assertion of another issuer under the same key",
        &|spec| {
            spec.assertion_issuer = Issuer::Other(other.to_owned());
        },
    );
    of("an assertion without issuer", &|spec| {
        spec.assertion_issuer = Issuer::Absent
    });
    of("both of another issuer under the same key", &|spec| {
        spec.assertion_issuer = Issuer::Other(other.to_owned());
        spec.response_issuer = Issuer::Other(other.to_owned());
    });
    of("the answer to another request", &|spec| {
        let changed = spec.clone().answering("_a-request-of-another-browser");
        *spec = changed;
    });
    if spec.in_response_to.is_some() {
        of("an answer to no request", &|spec| {
            spec.in_response_to = None;
            for confirmation in &mut spec.confirmations {
                confirmation.in_response_to = None;
            }
        });
        of("a confirmation of another request", &|spec| {
            for confirmation in &mut spec.confirmations {
                confirmation.in_response_to = Some("_a-request-of-another-browser".to_owned());
            }
        });
    }
}

/// Class 13: what the provider signed, and what was not a login.
fn of_other_messages(idp: &TestIdp, spec: &ResponseSpec, attacks: &mut Attacks) {
    let victim = Victim::of(&idp.respond(spec));
    let protocol = |name: &str, content: &str| {
        format!(
            "<samlp:{name} xmlns:samlp=\"{PROTOCOL}\" xmlns:saml=\"urn:oasis:names:tc:SAML:2.0:assertion\" ID=\"_other\" Version=\"2.0\"><saml:Issuer>{}</saml:Issuer>{content}</samlp:{name}>",
            idp.entity_id()
        )
    };
    let failed = "<samlp:Status><samlp:StatusCode Value=\"urn:oasis:names:tc:SAML:2.0:status:Responder\"/></samlp:Status>";
    let name_id = format!("<saml:NameID>{ATTACKER}</saml:NameID>");
    for (name, message) in [
        (
            "metadata",
            idp.metadata()
                .replacen(" entityID=", " ID=\"_other\" entityID=", 1),
        ),
        ("an error", protocol("Response", failed)),
        ("a logout request", protocol("LogoutRequest", &name_id)),
        ("a logout response", protocol("LogoutResponse", failed)),
        ("an authentication request", protocol("AuthnRequest", "")),
    ] {
        let signed = idp.sign(message.as_bytes(), "_other");
        let signed = String::from_utf8_lossy(&signed).into_owned();
        attacks.refused(
            C::ReusedSignature,
            format!("{name} instead of a response"),
            signed.clone(),
        );
        let Some(tree) = Tree::read(&signed) else {
            continue;
        };
        let signature = tree
            .elements()
            .find(|element| element.is(DSIG, "Signature"))
            .map(|signature| signature.on_its_own(None))
            .unwrap_or_default();
        for forgery in Forgery::all(&victim, true) {
            let element = replace_id(&forgery.element, &forgery.id, " ID=\"_other\"");
            let mut refused = |how: &str, xml: String| {
                let name = forgery.name(&format!("{name} {how}"));
                attacks.refused(C::ReusedSignature, name, xml);
            };
            let with_signature = forgery.message(&behind_issuer(&element, &signature));
            refused("gives its signature", with_signature.clone());
            let hidden = wrap(PROTOCOL, "Extensions", &signed);
            refused(
                "hides in front of a forgery",
                forgery.message(&at_start(&forgery.element, &hidden)),
            );
            refused(
                "stands in front of a forgery",
                forgery.message(&at_start(&forgery.element, &signed)),
            );
            let object = wrap(DSIG, "Object", &signed);
            refused(
                "hides in the signature of a forgery",
                forgery.signed(&super::edit::at_end(&signature, &object)),
            );
            refused(
                "hides beside its signature",
                at_start(&with_signature, &hidden),
            );
        }
    }
}

/// Classes 5, 7, 8, 9, 12 and 18: forms that the provider never signs, signed by it.
fn of_other_forms(idp: &TestIdp, spec: &ResponseSpec, attacks: &mut Attacks) {
    let victim = Victim::of(&idp.respond(&spec.clone().signed(Sign::Both)));
    let sign = |template: &Template| {
        let mut template = template.clone();
        idp.algorithm().uri().clone_into(&mut template.method);
        template.signed_with(|message| idp.sign_bytes(message))
    };
    for forgery in Forgery::all(&victim, true) {
        let digest = forgery.digest();
        let genuine = victim.assertion.as_ref().map(|part| part.bare.as_str());
        let genuine_digest = genuine.and_then(|genuine| digest_of(genuine, "", SHA256));
        let mut refused = |class, name: &str, xml: String| {
            attacks.refused(class, forgery.name(&format!("signed: {name}")), xml);
        };
        for (name, references) in reference_games(&forgery.id, &digest) {
            refused(
                C::ReferenceGames,
                name,
                forgery.signed(&sign(&Template::over(references))),
            );
        }
        // The reference leads to the genuine element, which stands elsewhere.
        if let (Some(part), Some(digest)) = (&victim.assertion, genuine_digest) {
            let elsewhere = sign(&Template::honest(&part.id, &digest));
            let extensions = wrap(PROTOCOL, "Extensions", &part.bare);
            let signed = behind_issuer(&forgery.element, &elsewhere);
            refused(
                C::ReferenceGames,
                "a reference to the genuine assertion in Extensions",
                forgery.message(&at_start(&signed, &extensions)),
            );
            let both = format!(
                "{}{}",
                reference(&format!("#{}", forgery.id), &[0; 32]),
                reference(&format!("#{}", part.id), &digest)
            );
            let signed = behind_issuer(&forgery.element, &sign(&Template::over(both)));
            refused(
                C::ReferenceGames,
                "a reference that fails, and one to the genuine assertion",
                forgery.message(&at_start(&signed, &extensions)),
            );
        }
        for (name, transforms) in transform_games() {
            let uri = format!(" URI=\"#{}\"", forgery.id);
            let one = reference_with(&uri, &transforms, SHA256, &STANDARD.encode(&digest));
            refused(
                C::Transforms,
                name,
                forgery.signed(&sign(&Template::over(one))),
            );
        }
        let void = must(hash(b"", SHA256));
        refused(
            C::VoidCanonicalization,
            "the digest of nothing",
            forgery.signed(&sign(&Template::honest(&forgery.id, &void))),
        );
        let mut relative = forgery.clone();
        let start = format!(" ID=\"{}\"", forgery.id);
        relative.element = forgery
            .element
            .replacen(&start, &format!(" xmlns:v=\"v\"{start}"), 1);
        refused(
            C::VoidCanonicalization,
            "the digest of nothing, on an element without canonical form",
            relative.signed(&sign(&Template::honest(&forgery.id, &void))),
        );
        let value = STANDARD.encode(idp.sign_bytes(b""));
        let mut nothing = Template::honest(&forgery.id, &digest);
        idp.algorithm().uri().clone_into(&mut nothing.method);
        refused(
            C::VoidCanonicalization,
            "the signature of nothing",
            forgery.signed(&nothing.with_value(&value)),
        );
        let relative_info = nothing.with_value(&value).replacen(
            "<ds:SignedInfo",
            "<ds:SignedInfo xmlns:v=\"v\"",
            1,
        );
        refused(
            C::VoidCanonicalization,
            "the signature of nothing, over a SignedInfo without canonical form",
            forgery.signed(&relative_info),
        );
        let uri = format!(" URI=\"#{}\"", forgery.id);
        let sha1 = STANDARD.encode(digest_of(&forgery.element, "", SHA1).unwrap_or_default());
        let sha1 = reference_with(&uri, &honest_transforms(), SHA1, &sha1);
        refused(
            C::WeakCryptography,
            "a digest by SHA-1",
            forgery.signed(&sign(&Template::over(sha1))),
        );
        for (name, cut) in [
            ("cut to a byte", 1),
            ("cut to nothing", 0),
            ("cut in half", 16),
        ] {
            let cut: Vec<u8> = digest.iter().copied().take(cut).collect();
            let signature = sign(&Template::honest(&forgery.id, &cut));
            refused(
                C::AlgorithmConfusion,
                &format!("a digest {name}"),
                forgery.signed(&signature),
            );
        }
    }
}
