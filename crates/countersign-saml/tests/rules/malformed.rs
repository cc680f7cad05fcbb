//! Messages that are not what a response looks like.

use super::*;

#[test]
fn too_large() {
    let mut limits = Limits::default();
    limits.max_bytes = 2000;
    let xml = test_idp().respond(&spec());
    refused_as(
        RejectCode::TooLarge,
        verify(&sp().with_limits(limits), &xml),
    );

    let mut limits = Limits::default();
    limits.max_elements = 10;
    refused_as(
        RejectCode::TooLarge,
        verify(&sp().with_limits(limits), &xml),
    );

    let nested = "<a>".repeat(100_000);
    refused_as(RejectCode::TooLarge, verify(&sp(), nested.as_bytes()));
}

/// The same signature holds where `>` stands for `&gt;`, so the digested bytes can be more than
/// those received.
#[test]
fn a_canonical_form_that_is_too_large() {
    let spec = spec().with_attribute("arrows", [">".repeat(2000)]);
    let xml = String::from_utf8(test_idp().respond(&spec)).unwrap();
    let short = xml.replace("&gt;", ">");
    let mut limits = Limits::default();
    limits.max_bytes = short.len();
    refused_as(
        RejectCode::TooLarge,
        verify(&sp().with_limits(limits), short.as_bytes()),
    );
    verify(&sp(), short.as_bytes()).unwrap();
}

#[test]
fn malformed_base64() {
    let pending = PendingRequest::new(REQUEST).unwrap();
    let form_value = test_idp().post(&spec()).replace('=', "");
    for form_value in [
        form_value.trim_end_matches('A'),
        "%3D",
        "{}",
        "PHNhbWw+\u{0}",
    ] {
        let rejection = countersign_saml::verify(
            &sp(),
            &idp(),
            Inbound::Post(form_value.as_bytes()),
            Expect::Request(&pending),
            now(),
        )
        .unwrap_err();
        // Left without padding, a value may happen to be whole.
        let code = rejection.reject_code();
        assert!(
            matches!(code, RejectCode::MalformedBase64),
            "{form_value:.20}: {rejection}"
        );
    }
}

#[test]
fn malformed_xml() {
    for xml in [
        "",
        " ",
        "no xml",
        "<samlp:Response/>",
        "<a><b></a>",
        "<a/><b/>",
        "<a>&nbsp;</a>",
        "\u{0}",
        "<?php x ?><a/>",
    ] {
        refused_as(RejectCode::MalformedXml, verify(&sp(), xml.as_bytes()));
    }
    refused_as(RejectCode::MalformedXml, verify(&sp(), b"<a>\xff</a>"));
    let mut truncated = test_idp().respond(&spec());
    truncated.truncate(truncated.len() - 1);
    refused_as(RejectCode::MalformedXml, verify(&sp(), &truncated));
}

#[test]
fn doctype_forbidden() {
    let mut xml = b"<!DOCTYPE Response>".to_vec();
    xml.extend(test_idp().respond(&spec()));
    refused_as(RejectCode::DoctypeForbidden, verify(&sp(), &xml));
}

#[test]
fn duplicate_id() {
    for id in ["ID", "Id", "id", "xml:id"] {
        let again = format!(r#"<samlp:Extensions><a {id}="_same"/></samlp:Extensions>"#);
        spec_refused_as(
            RejectCode::DuplicateId,
            &with(|spec| spec.response_xml = again)
                .with_ids("_r", "_same")
                .signed(Sign::None),
        );
    }
}

#[test]
fn not_a_response() {
    for xml in [
        "<Response/>",
        r#"<Response xmlns="urn:oasis:names:tc:SAML:2.0:assertion"/>"#,
        r#"<LogoutResponse xmlns="urn:oasis:names:tc:SAML:2.0:protocol"/>"#,
        r#"<Response xmlns="urn:oasis:names:tc:SAML:1.0:protocol"/>"#,
    ] {
        refused_as(RejectCode::NotAResponse, verify(&sp(), xml.as_bytes()));
    }
}

#[test]
fn unsupported_version() {
    spec_refused_as(
        RejectCode::UnsupportedVersion,
        &with(|spec| spec.response_version = "1.1".to_owned()),
    );
    spec_refused_as(
        RejectCode::UnsupportedVersion,
        &with(|spec| spec.assertion_version = "2.1".to_owned()),
    );
}

#[test]
fn malformed_response() {
    spec_refused_as(
        RejectCode::MalformedResponse,
        &with(|spec| spec.response_xml = "<unknown/>".to_owned()),
    );
    spec_refused_as(
        RejectCode::MalformedResponse,
        &with(|spec| spec.response_xml = "<samlp:Status/>".to_owned()),
    );
    spec_refused_as(
        RejectCode::MalformedResponse,
        &with(|spec| spec.response_xml = "<saml:Issuer>x</saml:Issuer>".to_owned()),
    );
    spec_refused_as(
        RejectCode::MalformedResponse,
        &with(|spec| spec.response_id = String::new()),
    );
}

#[test]
fn malformed_assertion() {
    for xml in [
        "<unknown/>",
        "<saml:Subject/>",
        "<saml:Conditions/>",
        "<saml:Issuer>x</saml:Issuer>",
        "<saml:AttributeStatement><saml:NameID/></saml:AttributeStatement>",
        "<saml:AttributeStatement><saml:Attribute/></saml:AttributeStatement>",
        r#"<saml:AttributeStatement><saml:Attribute Name="a"><b/></saml:Attribute></saml:AttributeStatement>"#,
    ] {
        spec_refused_as(
            RejectCode::MalformedAssertion,
            &with(|spec| spec.assertion_xml = xml.to_owned()),
        );
    }
    spec_refused_as(
        RejectCode::MalformedAssertion,
        &with(|spec| {
            spec.name_id = None;
            spec.subject_xml = "<saml:NameID>a<b/>c</saml:NameID>".to_owned();
        }),
    );
    spec_refused_as(
        RejectCode::MalformedAssertion,
        &with(|spec| spec.subject_xml = "<saml:NameID>other</saml:NameID>".to_owned()),
    );
    spec_refused_as(
        RejectCode::MalformedAssertion,
        &with(|spec| spec.subject_xml = "<unknown/>".to_owned()),
    );
    spec_refused_as(
        RejectCode::MalformedAssertion,
        &with(|spec| {
            let conditions = spec.conditions.as_mut().unwrap();
            conditions.not_before = conditions.not_on_or_after;
        }),
    );
    spec_refused_as(
        RejectCode::MalformedAssertion,
        &with(|spec| {
            spec.authentication = None;
            spec.assertion_xml = r#"<saml:AuthnStatement AuthnInstant="yesterday"/>"#.to_owned();
        }),
    );
}

#[test]
fn no_assertion() {
    let xml = format!(
        concat!(
            r#"<samlp:Response xmlns:samlp="urn:oasis:names:tc:SAML:2.0:protocol" ID="_r" Version="2.0">"#,
            r#"<saml:Issuer xmlns:saml="urn:oasis:names:tc:SAML:2.0:assertion">{}</saml:Issuer>"#,
            r#"<samlp:Status><samlp:StatusCode Value="urn:oasis:names:tc:SAML:2.0:status:Success"/></samlp:Status>"#,
            r#"</samlp:Response>"#
        ),
        IDP
    );
    refused_as(RejectCode::NoAssertion, verify(&sp(), xml.as_bytes()));
}

#[test]
fn several_assertions() {
    spec_refused_as(
        RejectCode::SeveralAssertions,
        &with(|spec| spec.response_xml = "<saml:Assertion/>".to_owned()),
    );
}

#[test]
fn several_authn_statements() {
    spec_refused_as(
        RejectCode::SeveralAuthnStatements,
        &with(|spec| {
            spec.assertion_xml =
                r#"<saml:AuthnStatement AuthnInstant="2026-03-01T09:00:00Z"/>"#.to_owned();
        }),
    );
}

#[test]
fn malformed_encryption() {
    let good = encryption().encrypt(b"<a/>");
    let first_value = good.find("<xenc:CipherValue>").unwrap();
    let (before, rest) = good.split_at(first_value);
    let (_, after) = rest.split_once("</xenc:CipherValue>").unwrap();
    let in_data = |xml: &str| good.replacen("<ds:KeyInfo", &format!("{xml}<ds:KeyInfo"), 1);
    let method =
        r#"<xenc:EncryptionMethod Algorithm="http://www.w3.org/2009/xmlenc11#aes256-gcm"/>"#;
    for holder in [
        String::new(),
        "text".to_owned(),
        format!(
            "{good}{}",
            encryption_with(|encryption| encryption.seed = 1).encrypt(b"<a/>")
        ),
        format!("{good}<saml:NameID>nurse</saml:NameID>"),
        good.replace("xenc:EncryptedData", "xenc:EncryptedDate"),
        good.replace("xenc:EncryptedKey", "xenc:AgreementMethod"),
        good.replace("xenc:EncryptionMethod", "xenc:DecryptionMethod"),
        good.replace("xenc:CipherData", "xenc:PlainData"),
        good.replace("xenc:CipherValue", "xenc:PlainValue"),
        good.replace("<xenc:CipherValue>", "<xenc:CipherValue>*"),
        good.replace("<xenc:CipherData>", "<xenc:CipherData>text"),
        good.replace("xmlenc#Element", "xmlenc#Content"),
        in_data(method),
        in_data("<xenc:KeySize>256</xenc:KeySize>"),
        good.replace(
            "aes256-gcm\"/>",
            "aes256-gcm\"><xenc:KeySize>128</xenc:KeySize></xenc:EncryptionMethod>",
        ),
        // What is elsewhere is never fetched.
        format!(r#"{before}<xenc:CipherReference URI="http://internal.example/"/>{after}"#),
        // More keys than anybody has recipients.
        format!(
            "{good}{}",
            "<xenc:EncryptedKey xmlns:xenc=\"http://www.w3.org/2001/04/xmlenc#\"/>".repeat(16)
        ),
    ] {
        assert_ne!(holder, good);
        let spec = with(|spec| {
            spec.subject_xml = format!("<saml:EncryptedID>{holder}</saml:EncryptedID>");
            spec.name_id = None;
        });
        refused_as(
            RejectCode::MalformedEncryption,
            verify(&decrypting_sp(), &test_idp().respond(&spec)),
        );
    }
}

#[test]
fn no_decryption_key() {
    for spec in [
        with(|spec| spec.encrypt = Some(encryption())).signed(Sign::Response),
        with(|spec| spec.encrypt_name_id = Some(encryption())),
        with(|spec| spec.encrypt_attributes = Some(encryption())),
    ] {
        spec_refused_as(RejectCode::NoDecryptionKey, &spec);
        assert!(verify(&decrypting_sp(), &test_idp().respond(&spec)).is_ok());
    }
}

#[test]
fn encryption_algorithm_unsupported() {
    let xmlenc = "http://www.w3.org/2001/04/xmlenc#";
    let content = encryption_with(|encryption| {
        encryption.claimed_cipher =
            Some("http://www.w3.org/2001/04/xmldsig-more#camellia256-cbc".to_owned())
    });
    let key = encryption_with(|encryption| {
        encryption.claimed_transport = Some(format!("{xmlenc}kw-aes256"))
    });
    for encryption in [content, key] {
        let spec = with(|spec| spec.encrypt_name_id = Some(encryption));
        refused_as(
            RejectCode::EncryptionAlgorithmUnsupported,
            verify(&decrypting_sp(), &test_idp().respond(&spec)),
        );
    }
}
