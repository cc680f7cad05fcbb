//! Which keys, names and endpoints one identity provider's metadata gives, and when it gives none.

use std::time::Duration;

use super::*;

#[test]
fn the_test_identity_provider_describes_itself() {
    let idp = parse(&test_idp().metadata()).unwrap();
    assert_eq!(idp.entity_id(), IDP);
    assert_eq!(idp.keys().len(), 1);
    assert_eq!(idp.valid_until(), None);
    let bindings: Vec<_> = idp
        .sso_locations()
        .iter()
        .map(|sso| sso.binding())
        .collect();
    assert_eq!(
        bindings,
        [
            "urn:oasis:names:tc:SAML:2.0:bindings:HTTP-Redirect",
            "urn:oasis:names:tc:SAML:2.0:bindings:HTTP-POST"
        ]
    );
}

#[test]
fn keys_for_signing_and_keys_for_both_count_and_keys_for_encryption_do_not() {
    let keys = [
        rsa(),
        key_descriptor("", &[keys::IDP_P256_CERTIFICATE]),
        key_descriptor(r#"use="encryption""#, &[keys::IDP_P384_CERTIFICATE]),
    ]
    .concat();
    let idp = parse(&entity(IDP, "", &keys)).unwrap();
    let fingerprints: Vec<_> = idp
        .keys()
        .iter()
        .map(|key| key.certificate_sha256())
        .collect();
    assert_eq!(fingerprints.len(), 2);
    assert_eq!(
        fingerprints[0],
        test_idp().verification_key().certificate_sha256()
    );
}

#[test]
fn of_a_chain_only_the_first_certificate_counts() {
    let chain = key_descriptor(
        "",
        &[
            keys::IDP_RSA_2048_CERTIFICATE,
            keys::OTHER_RSA_2048_CERTIFICATE,
        ],
    );
    assert_eq!(parse(&entity(IDP, "", &chain)).unwrap().keys().len(), 1);
}

#[test]
fn the_earliest_valid_until_counts() {
    let inner = entity(IDP, r#"validUntil="2030-01-01T00:00:00Z""#, &rsa());
    let outer = format!(
        r#"<EntitiesDescriptor xmlns="urn:oasis:names:tc:SAML:2.0:metadata" validUntil="2029-01-01T00:00:00Z"><EntitiesDescriptor validUntil="2031-01-01T00:00:00Z">{inner}</EntitiesDescriptor></EntitiesDescriptor>"#
    );
    assert_eq!(
        parse(&inner).unwrap().valid_until(),
        Some(at("2030-01-01T00:00:00Z"))
    );
    assert_eq!(
        parse(&outer).unwrap().valid_until(),
        Some(at("2029-01-01T00:00:00Z"))
    );
}

#[test]
fn a_key_without_a_certificate_is_refused() {
    // SubjectPublicKeyInfo of Ed25519, up to its 32 bytes [RFC 8410 §4].
    let prefix = [
        0x30, 0x2A, 0x30, 0x05, 0x06, 0x03, 0x2B, 0x65, 0x70, 0x03, 0x21, 0x00,
    ];
    let der = keys::IDP_ED25519_CERTIFICATE;
    let start = der.windows(12).position(|window| window == prefix).unwrap();
    let bare = VerificationKey::from_spki_der(&der[start..start + 44]).unwrap();
    let with_bare = IdentityProvider::new(IDP, vec![test_idp().verification_key(), bare]);
    assert!(matches!(with_bare, Err(MetadataError::BareKey)));
}

#[test]
fn what_names_nobody_or_no_key_is_refused() {
    assert!(matches!(parse(""), Err(MetadataError::Xml(_))));
    assert!(matches!(
        parse("<!DOCTYPE a><EntityDescriptor/>"),
        Err(MetadataError::Xml(_))
    ));
    assert!(matches!(
        parse("<EntityDescriptor/>"),
        Err(MetadataError::NotMetadata)
    ));
    let no_role =
        r#"<EntityDescriptor xmlns="urn:oasis:names:tc:SAML:2.0:metadata" entityID="a"/>"#;
    assert!(matches!(
        parse(no_role),
        Err(MetadataError::NoIdentityProvider)
    ));
    let old = entity(IDP, "", &rsa()).replace(" urn:oasis:names:tc:SAML:2.0:protocol", "");
    assert!(matches!(
        parse(&old),
        Err(MetadataError::NoIdentityProvider)
    ));
    assert!(matches!(
        parse(&entity("", "", &rsa())),
        Err(MetadataError::EntityId(_))
    ));
    assert!(matches!(
        parse(&entity(IDP, "", "")),
        Err(MetadataError::NoSigningKey)
    ));
    let encryption = key_descriptor(r#"use="encryption""#, &[keys::IDP_RSA_2048_CERTIFICATE]);
    assert!(matches!(
        parse(&entity(IDP, "", &encryption)),
        Err(MetadataError::NoSigningKey)
    ));
    let broken = key_descriptor("", &[b"no certificate"]);
    assert!(matches!(
        parse(&entity(IDP, "", &broken)),
        Err(MetadataError::Certificate(_))
    ));
    let undated = entity(IDP, r#"validUntil="tomorrow""#, &rsa());
    assert!(matches!(parse(&undated), Err(MetadataError::ValidUntil)));
}

#[test]
fn everything_that_a_host_can_use_is_read() {
    let role = [
        r#"<Extensions>
            <shibmd:Scope xmlns:shibmd="urn:mace:shibboleth:metadata:1.0" regexp="false">
                acme.example
            </shibmd:Scope>
            <shibmd:Scope xmlns:shibmd="urn:mace:shibboleth:metadata:1.0" regexp="true">^.+\.acme\.example$</shibmd:Scope>
            <mdui:UIInfo xmlns:mdui="urn:oasis:names:tc:SAML:metadata:ui">
                <mdui:DisplayName xml:lang="de">Klinik</mdui:DisplayName>
                <mdui:DisplayName xml:lang="en">Hospital</mdui:DisplayName>
            </mdui:UIInfo>
        </Extensions>"#,
        &rsa(),
        &key_descriptor(r#"use="encryption""#, &[keys::IDP_P256_CERTIFICATE]),
        r#"<ArtifactResolutionService Binding="urn:oasis:names:tc:SAML:2.0:bindings:SOAP" Location="https://idp.example/artifact" index="3" isDefault="1"/>
        <SingleLogoutService Binding="urn:oasis:names:tc:SAML:2.0:bindings:HTTP-Redirect" Location="https://idp.example/slo" ResponseLocation="https://idp.example/slo/answer"/>
        <NameIDFormat>urn:oasis:names:tc:SAML:2.0:nameid-format:persistent</NameIDFormat>
        <SingleSignOnService Binding="urn:oasis:names:tc:SAML:2.0:bindings:HTTP-POST" Location="https://idp.example/sso"/>"#,
    ]
    .concat();
    let xml = entity(
        IDP,
        r#"WantAuthnRequestsSigned="true" cacheDuration="PT6H""#,
        &role,
    )
    .replacen(
        "><IDPSSODescriptor",
        r#" cacheDuration="P1D"><Extensions><mdattr:EntityAttributes xmlns:mdattr="urn:oasis:names:tc:SAML:metadata:attribute" xmlns:saml="urn:oasis:names:tc:SAML:2.0:assertion"><saml:Attribute Name="http://macedir.org/entity-category"><saml:AttributeValue>http://refeds.org/category/hide-from-discovery</saml:AttributeValue></saml:Attribute></mdattr:EntityAttributes></Extensions><IDPSSODescriptor"#,
        1,
    );
    let idp = parse(&xml).unwrap();
    assert!(idp.wants_authn_requests_signed());
    assert_eq!(idp.cache_duration(), Some(Duration::from_secs(6 * 3600)));
    assert_eq!(idp.encryption_certificates(), [keys::IDP_P256_CERTIFICATE]);
    assert_eq!(idp.artifact_resolution()[0].index, 3);
    assert!(idp.artifact_resolution()[0].is_default);
    assert_eq!(
        idp.artifact_resolution()[0].endpoint.location(),
        "https://idp.example/artifact"
    );
    assert_eq!(idp.slo_locations()[0].location(), "https://idp.example/slo");
    assert_eq!(
        idp.slo_locations()[0].response_location(),
        "https://idp.example/slo/answer"
    );
    assert_eq!(idp.sso_locations()[0].location(), "https://idp.example/sso");
    assert_eq!(
        idp.name_id_formats(),
        ["urn:oasis:names:tc:SAML:2.0:nameid-format:persistent"]
    );
    assert_eq!(idp.display_name("EN"), Some("Hospital"));
    assert_eq!(idp.display_name("fr"), Some("Klinik"));
    assert_eq!(
        idp.entity_attributes()[0].values[0].as_text(),
        Some("http://refeds.org/category/hide-from-discovery")
    );
    assert!(idp.allows_scope("acme.example"));
    assert!(idp.allows_scope("ward.acme.example"));
    assert!(!idp.allows_scope("other.example"));
    assert!(idp.check_scoped("nurse@acme.example").is_ok());
    assert!(idp.check_scoped("nurse@other.example").is_err());
}

#[test]
fn a_provider_without_scopes_speaks_for_none() {
    let idp = parse(&entity(IDP, "", &rsa())).unwrap();
    assert!(!idp.allows_scope("acme.example"));
    assert!(!idp.allows_scope(""));
}

#[test]
fn a_key_for_both_can_be_encrypted_to() {
    let both = key_descriptor("", &[keys::IDP_RSA_2048_CERTIFICATE]);
    let idp = parse(&entity(IDP, "", &both)).unwrap();
    assert_eq!(
        idp.encryption_certificates(),
        [keys::IDP_RSA_2048_CERTIFICATE]
    );
    let signing = parse(&entity(IDP, "", &rsa())).unwrap();
    assert!(signing.encryption_certificates().is_empty());
}

#[test]
fn an_endpoint_that_would_run_a_script_is_refused() {
    for service in [
        r#"<SingleSignOnService Binding="b" Location="javascript:alert(1)"/>"#,
        r#"<SingleSignOnService Binding="b" Location=""/>"#,
        r#"<SingleSignOnService Binding="b"/>"#,
        r#"<SingleLogoutService Location="https://idp.example/slo"/>"#,
        r#"<SingleLogoutService Binding="b" Location="https://idp.example/slo" ResponseLocation="data:text/html,x"/>"#,
    ] {
        let xml = entity(IDP, "", &[&rsa(), service].concat());
        assert_eq!(
            parse(&xml).unwrap_err(),
            MetadataError::Endpoint,
            "{service}"
        );
    }
    let unnumbered =
        r#"<ArtifactResolutionService Binding="b" Location="https://idp.example" index="70000"/>"#;
    assert_eq!(
        parse(&entity(IDP, "", &[&rsa(), unnumbered].concat())).unwrap_err(),
        MetadataError::EndpointIndex
    );
}

#[test]
fn a_cache_duration_that_is_none_is_refused() {
    let xml = entity(IDP, r#"cacheDuration="soon""#, &rsa());
    assert_eq!(parse(&xml).unwrap_err(), MetadataError::CacheDuration);
}
