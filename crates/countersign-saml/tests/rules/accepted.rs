//! What is accepted, and what comes out.

use super::*;

#[test]
fn claims_come_out_as_they_were_sent() {
    let spec = with(|spec| {
        spec.name_id = Some(NameId {
            value: " Nurse@Acme.example\n".to_owned(),
            format: Some("urn:oasis:names:tc:SAML:2.0:nameid-format:persistent".to_owned()),
            name_qualifier: Some("q".to_owned()),
            sp_name_qualifier: Some("spq".to_owned()),
        });
        spec.attributes[0].friendly_name = Some("Groups".to_owned());
        spec.attributes[0].values.push(AttributeValue::Nil);
        spec.attributes[0]
            .values
            .push(AttributeValue::Text(String::new()));
        spec.attributes[0].values.push(AttributeValue::Structured {
            xml: r#"<e xmlns="urn:x">deep</e>"#.to_owned(),
        });
        spec.attributes.push(spec.attributes[0].clone());
        spec.authentication
            .as_mut()
            .unwrap()
            .session_not_on_or_after = Some(now().saturating_add(FAR));
    });
    let identity = accepted(&spec);
    let claims = identity.claims();
    assert_eq!(claims.issuer, IDP);
    assert_eq!(Some(&claims.name_id), spec.name_id.as_ref());
    assert_eq!(claims.attributes, spec.attributes);
    let authentication = spec.authentication.unwrap();
    assert_eq!(claims.session_index, authentication.session_index);
    assert_eq!(
        claims.session_not_on_or_after,
        authentication.session_not_on_or_after
    );
    assert_eq!(claims.authn_instant, Some(authentication.instant));
    assert_eq!(claims.authn_context, authentication.context);

    let evidence = identity.evidence().signed().unwrap();
    assert_eq!(evidence.signed_element, "Assertion");
    assert_eq!(evidence.assertion_id, spec.assertion_id);
    assert_eq!(
        Some(evidence.certificate_sha256),
        test_idp().verification_key().certificate_sha256()
    );
    assert_eq!(
        evidence.signature_algorithm,
        "http://www.w3.org/2001/04/xmldsig-more#rsa-sha256"
    );
    assert!(evidence.signed_bytes.starts_with(b"<saml:Assertion "));
}

#[test]
fn an_assertion_without_attributes_or_authentication_is_accepted() {
    let identity = accepted(&with(|spec| {
        spec.attributes.clear();
        spec.authentication = None;
    }));
    assert_eq!(identity.claims().attributes, []);
    assert_eq!(identity.claims().authn_instant, None);
}

#[test]
fn every_key_and_every_signed_part_is_accepted() {
    for key in [
        KeyChoice::Rsa,
        KeyChoice::RsaPss,
        KeyChoice::P256,
        KeyChoice::P384,
        KeyChoice::Ed25519,
    ] {
        let test_idp = TestIdp::with_key(IDP, key);
        let idp = IdentityProvider::from_metadata(test_idp.metadata().as_bytes()).unwrap();
        let pending = PendingRequest::new(REQUEST).unwrap();
        for (sign, signed_element) in [
            (Sign::Assertion, "Assertion"),
            (Sign::Response, "Response"),
            (Sign::Both, "Response"),
        ] {
            let xml = test_idp.respond(&spec().signed(sign));
            let identity = verify_for(&sp(), &idp, &xml, Expect::Request(&pending), now());
            let identity = identity.unwrap_or_else(|error| panic!("{key:?} {sign:?}: {error}"));
            assert_eq!(
                identity.evidence().signed().unwrap().signed_element,
                signed_element
            );
            assert_eq!(identity.claims().name_id.value, NURSE);
        }
    }
}

#[test]
fn a_form_value_is_accepted_in_wrapped_lines() {
    let form_value: Vec<u8> = test_idp()
        .post(&spec())
        .as_bytes()
        .chunks(76)
        .flat_map(|line| [line, b"\r\n"].concat())
        .collect();
    let pending = PendingRequest::new(REQUEST).unwrap();
    let verified = countersign_saml::verify(
        &sp(),
        &idp(),
        Inbound::Post(&form_value),
        Expect::Request(&pending),
        now(),
    );
    assert!(verified.is_ok());
}

#[test]
fn an_unsolicited_response_is_accepted_where_one_is_expected() {
    let xml = test_idp().respond(&ResponseSpec::new(SP, ACS, NURSE, now()));
    assert!(verify_for(&sp(), &idp(), &xml, Expect::Unsolicited, now()).is_ok());
}

#[test]
fn conditions_that_take_nothing_away_are_accepted() {
    accepted(&with(|spec| {
        let conditions = spec.conditions.as_mut().unwrap();
        conditions.xml = r#"<saml:OneTimeUse/><saml:ProxyRestriction Count="0"/>"#.to_owned();
        conditions.audiences = vec![
            vec!["https://other.example".to_owned(), SP.to_owned()],
            vec![SP.to_owned()],
        ];
    }));
}

#[test]
fn clocks_that_differ_by_less_than_the_skew_are_accepted() {
    let xml = test_idp().respond(&spec());
    let pending = PendingRequest::new(REQUEST).unwrap();
    let end = now().saturating_add(Duration::from_secs(300));
    for (now, accepted) in [
        (now().saturating_sub(SKEW), true),
        (now().saturating_sub(SKEW + 2 * SECOND), false),
        (end.saturating_add(SKEW), true),
        (end.saturating_add(SKEW + 2 * SECOND), false),
    ] {
        let result = verify_for(&sp(), &idp(), &xml, Expect::Request(&pending), now);
        assert_eq!(result.is_ok(), accepted, "{now}");
    }
    let strict = sp().with_clock_skew(Duration::ZERO).unwrap();
    let early = verify_for(
        &strict,
        &idp(),
        &xml,
        Expect::Request(&pending),
        now().saturating_sub(SECOND),
    );
    refused_as(RejectCode::NotYetValid, early);
}
