//! Many providers in one document.

use super::*;

#[test]
fn one_of_several_is_chosen_by_name() {
    let xml = entities(
        "",
        &[
            entity("https://a.example", "", &rsa()),
            entity("https://b.example", "", &rsa()),
            r#"<EntityDescriptor entityID="https://sp.example"><SPSSODescriptor/></EntityDescriptor>"#
                .to_owned(),
        ]
        .concat(),
    );
    let choose = |name: &str| IdentityProvider::from_metadata_for(xml.as_bytes(), name);
    assert_eq!(
        choose("https://b.example").unwrap().entity_id(),
        "https://b.example"
    );
    assert_eq!(
        parse(&xml).unwrap_err(),
        MetadataError::SeveralIdentityProviders
    );
    for absent in [
        "https://c.example",
        "https://sp.example",
        "https://B.example",
    ] {
        assert_eq!(
            choose(absent).unwrap_err(),
            MetadataError::NoIdentityProvider
        );
    }
    let twice = xml.replace("https://a.example", "https://b.example");
    assert_eq!(
        IdentityProvider::from_metadata_for(twice.as_bytes(), "https://b.example").unwrap_err(),
        MetadataError::SeveralIdentityProviders
    );
    assert_eq!(aggregate(&twice).unwrap().identity_providers().count(), 0);
}

#[test]
fn groups_within_groups_are_read_and_their_dates_hold_within() {
    let xml = entities(
        r#"validUntil="2030-01-01T00:00:00Z""#,
        &[
            entity("https://a.example", "", &rsa()),
            entities(
                r#"validUntil="2029-01-01T00:00:00Z" cacheDuration="PT1H""#,
                &entities("", &entity("https://b.example", "", &rsa())),
            ),
        ]
        .concat(),
    );
    let metadata = aggregate(&xml).unwrap();
    let names: Vec<_> = metadata
        .identity_providers()
        .map(|idp| (idp.entity_id(), idp.valid_until(), idp.cache_duration()))
        .collect();
    assert_eq!(
        names,
        [
            ("https://a.example", Some(at("2030-01-01T00:00:00Z")), None),
            (
                "https://b.example",
                Some(at("2029-01-01T00:00:00Z")),
                Some(std::time::Duration::from_secs(3600))
            ),
        ]
    );
    assert_eq!(metadata.valid_until(), Some(at("2030-01-01T00:00:00Z")));
    assert_eq!(metadata.certificate_sha256(), None);
}

#[test]
fn a_broken_provider_takes_no_other_with_it() {
    let broken = key_descriptor("", &[b"no certificate"]);
    let xml = entities(
        "",
        &[
            entity("https://a.example", "", &broken),
            entity("https://b.example", "", &rsa()),
            entity("https://c.example", r#"validUntil="tomorrow""#, &rsa()),
        ]
        .concat(),
    );
    let metadata = aggregate(&xml).unwrap();
    let usable: Vec<_> = metadata
        .identity_providers()
        .map(IdentityProvider::entity_id)
        .collect();
    assert_eq!(usable, ["https://b.example"]);
    let problems: Vec<_> = metadata
        .problems()
        .map(|(name, error)| (name, error.code()))
        .collect();
    assert_eq!(
        problems,
        [
            ("https://a.example", "metadata.certificate"),
            ("https://c.example", "metadata.valid_until"),
        ]
    );
    assert_eq!(
        metadata
            .identity_provider("https://a.example")
            .unwrap_err()
            .code(),
        "metadata.certificate"
    );
}

#[test]
fn what_hides_in_extensions_is_no_provider() {
    let hidden = entity("https://hidden.example", "", &rsa());
    for xml in [
        entities("", &format!("<Extensions>{hidden}</Extensions>")),
        entities(
            "",
            &entity(
                "https://a.example",
                "",
                &format!("<Extensions>{hidden}</Extensions>{}", rsa()),
            ),
        ),
        entity(
            "https://a.example",
            "",
            &format!("<Extensions>{hidden}</Extensions>{}", rsa()),
        ),
    ] {
        let metadata = aggregate(&xml).unwrap();
        assert_eq!(
            metadata
                .identity_provider("https://hidden.example")
                .unwrap_err(),
            MetadataError::NoIdentityProvider
        );
    }
}

#[test]
fn a_document_is_as_large_as_the_policy_says_and_no_larger() {
    let xml = entities("", &entity("https://a.example", "", &rsa()));
    let mut limits = *MetadataPolicy::default().limits();
    limits.max_bytes = xml.len();
    let policy = MetadataPolicy::default().with_limits(limits);
    assert!(Metadata::parse(xml.as_bytes(), &policy).is_ok());
    let longer = format!("{xml}\n");
    assert_eq!(
        Metadata::parse(longer.as_bytes(), &policy)
            .unwrap_err()
            .code(),
        "metadata.xml"
    );
    let federation = MetadataPolicy::for_federation();
    assert!(federation.limits().max_bytes >= 128 * 1024 * 1024);
}
