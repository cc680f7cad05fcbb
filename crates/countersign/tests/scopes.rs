//! Values with a scope: what the provider's metadata does not allow, the engine does not believe.
#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    clippy::indexing_slicing,
    clippy::arithmetic_side_effects,
    reason = "tests fail by panicking"
)]

mod host;

use countersign::audit::Body;
use host::*;

const PAIRWISE: &str = "urn:oasis:names:tc:SAML:attribute:pairwise-id";
const MAIL: &str = "urn:oid:0.9.2342.19200300.100.1.3";
const SCOPED_AFFILIATION: &str = "urn:oid:1.3.6.1.4.1.5923.1.1.1.9";

/// Staff may sign, as in the policy of all tests, and are known by their affiliation.
fn shibboleth() -> String {
    POLICY.replace("generic", "shibboleth").replace(
        r#"attribute = "groups", eq = "staff""#,
        r#"attribute = "scoped_affiliation", eq = "staff@acme.example""#,
    )
}

/// Attack: a provider of the federation says of one of its own what only another may say.
#[test]
fn an_affiliation_with_a_scope_that_the_metadata_does_not_allow_gives_nothing() {
    for (scope, may_sign) in [("acme.example", true), ("other.example", false)] {
        on_each_store_under(&shibboleth(), |host| {
            let engine =
                host.engine_with(&shibboleth(), &[scope, "ids.example"], |builder| builder);
            let response = host
                .response("nurse")
                .with_attribute(PAIRWISE, ["ha2t@ids.example"])
                .with_attribute(MAIL, ["nurse@acme.example"])
                .with_attribute(SCOPED_AFFILIATION, ["staff@acme.example"]);
            let session = admitted(sign_in(&engine, &host.idp.post(&response)).unwrap());
            let grants = host.account(&session).grants;
            assert_eq!(
                grants.iter().any(|grant| grant.role.as_str() == "signer"),
                may_sign
            );
            let made = host
                .records()
                .into_iter()
                .find_map(|(_, record)| match record.body {
                    Body::UserProvisioned(body) => Some(body),
                    _ => None,
                });
            let reasons = made.unwrap().reasons;
            let noted = reasons.contains(&"provision.scope_not_allowed".to_owned());
            assert_eq!(noted, !may_sign);
        });
    }
}

/// Attack: a provider of the federation claims a person of another.
#[test]
fn a_key_with_a_scope_that_the_metadata_does_not_allow_is_refused_and_recorded() {
    on_each_store_under(&shibboleth(), |host| {
        let engine = host.engine_with(&shibboleth(), &["acme.example"], |builder| builder);
        let response = host
            .response("nurse")
            .with_attribute(PAIRWISE, ["ha2t@victim.example"])
            .with_attribute(MAIL, ["nurse@acme.example"]);
        let refused = refused(sign_in(&engine, &host.idp.post(&response)).unwrap());
        assert_eq!(refused.code(), "provision.key_out_of_scope");
        let Body::UserRefused(body) = host.body(&refused) else {
            panic!("recorded as something else");
        };
        assert_eq!(body.reasons, ["provision.key_out_of_scope"]);
    });
}
