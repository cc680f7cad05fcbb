//! Signature wrapping of logout messages, and signatures of other messages in their place.

use super::*;

/// The signature of a signed document.
fn signature_of(xml: &str) -> String {
    let (_, rest) = xml.split_once("<ds:Signature ").unwrap();
    let (inside, _) = rest.split_once("</ds:Signature>").unwrap();
    format!("<ds:Signature {inside}</ds:Signature>")
}

#[test]
fn signature_wrapping_of_a_logout_request_is_refused() {
    let original = signed(&request());
    let signature = signature_of(&original);
    let unsigned = original.replace(&signature, "");
    let evil = |id: &str, after_issuer: &str| {
        changed(NURSE, "chief@acme.example")
            .replace("_logout-1", id)
            .replace("</saml:Issuer>", &format!("</saml:Issuer>{after_issuer}"))
    };
    let in_extensions =
        |inside: &str| format!("{signature}<samlp:Extensions>{inside}</samlp:Extensions>");
    for (attack, xml) in [
        (
            "original in extensions",
            evil("_evil", &in_extensions(&unsigned)),
        ),
        (
            "original with its signature in extensions",
            evil(
                "_evil",
                &format!("<samlp:Extensions>{original}</samlp:Extensions>"),
            ),
        ),
        (
            "original within the signature",
            evil(
                "_evil",
                &signature.replace(
                    "</ds:Signature>",
                    &format!("<ds:Object>{unsigned}</ds:Object></ds:Signature>"),
                ),
            ),
        ),
        (
            "two of one id",
            evil("_logout-1", &in_extensions(&unsigned)),
        ),
        ("its signature moved", evil("_logout-1", &signature)),
        (
            "original beside",
            evil("_evil", &format!("{signature}{unsigned}")),
        ),
        (
            "two signatures",
            original.replacen(&signature, &format!("{signature}{signature}"), 1),
        ),
    ] {
        let rejection = verify(Inbound::Xml(xml.as_bytes())).expect_err(attack);
        assert!(
            [
                RejectCode::LogoutSignatureInvalid,
                RejectCode::DuplicateId,
                RejectCode::Unsigned
            ]
            .contains(&rejection.reject_code()),
            "{attack}: {rejection}"
        );
    }
}

/// One provider signs logins, metadata and logouts with one key.
#[test]
fn the_signature_of_a_login_does_not_sign_a_logout() {
    let spec = support::spec().with_ids("_logout-1", "_assertion");
    let login = test_idp().respond(&spec.signed(countersign_testkit::idp::Sign::Response));
    let signature = signature_of(&String::from_utf8(login).unwrap());
    let xml = changed("</saml:Issuer>", &format!("</saml:Issuer>{signature}"));
    refused(
        RejectCode::LogoutSignatureInvalid,
        verify(Inbound::Xml(xml.as_bytes())),
    );
}

#[test]
fn the_signature_of_a_logout_does_not_sign_a_login() {
    let pending = PendingRequest::new(support::REQUEST).unwrap();
    let login = |message: Inbound<'_>| {
        countersign_saml::verify(&sp(), &idp(), message, Expect::Request(&pending), now())
    };
    let xml = signed(&request());
    refused(
        RejectCode::NotAResponse,
        login(Inbound::Xml(xml.as_bytes())),
    );
    let mut spec = support::spec()
        .with_ids("_logout-1", "_assertion")
        .signed(countersign_testkit::idp::Sign::None);
    spec.response_xml = signature_of(&xml);
    refused(
        RejectCode::ResponseSignatureInvalid,
        login(Inbound::Xml(&test_idp().respond(&spec))),
    );
    // Nor does an answer to a logout pass for an answer to a login.
    let answer = signed_by(KeyChoice::Rsa, &answered::answer(), "_answer-1");
    refused(
        RejectCode::NotAResponse,
        login(Inbound::Xml(answer.as_bytes())),
    );
}
