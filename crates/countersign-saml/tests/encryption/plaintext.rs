//! What may stand in a plaintext.

use super::*;

#[test]
fn an_encrypted_assertion_stands_alone() {
    let both = |xml: &str| {
        let mut spec = spec().signed(Sign::Response).encrypted(encryption());
        spec.response_xml = xml.to_owned();
        respond(&spec)
    };
    let another = encryption().encrypt_into("saml:EncryptedAssertion", b"<a/>");
    for xml in [
        "<saml:Assertion/>",
        "<saml:EncryptedAssertion/>",
        another.as_str(),
    ] {
        refused_as(SeveralAssertions, verify(&decrypting_sp(), &both(xml)));
    }
}

#[test]
fn a_plaintext_is_one_element_and_nothing_beside_it() {
    let good = assertion(&spec().signed(Sign::None));
    verify(
        &decrypting_sp(),
        &with_plaintext(&encryption(), good.as_bytes()),
    )
    .unwrap();
    let wrapped = format!("<?xml version=\"1.0\"?>{good}");
    let doctype = format!("<!DOCTYPE a>{good}");
    let entity = good.replacen(NURSE, "&nurse;", 1);
    let cut = &good[..good.len() - 1];
    let with_twin = format!("{good}{good}");
    let (in_front, behind) = (format!("x{good}"), format!("{good}x"));
    let spaces = [format!(" {good}"), format!("{good}\n")];
    let comments = [format!("<!---->{good}"), format!("{good}<!---->")];
    let instruction = format!("{good}<?a?>");
    let mark = format!("\u{FEFF}{good}");
    // Nothing is missing here that would have to be declared behind the mark.
    let whole = mark.replacen(
        "<saml:Assertion ",
        "<saml:Assertion xmlns:samlp=\"urn:oasis:names:tc:SAML:2.0:protocol\" ",
        1,
    );
    for plaintext in [
        "",
        " ",
        "text",
        "</a>",
        "<a",
        &wrapped,
        &doctype,
        &entity,
        cut,
        &with_twin,
        &in_front,
        &behind,
        &spaces[0],
        &spaces[1],
        &comments[0],
        &comments[1],
        &instruction,
        &mark,
        &whole,
    ] {
        refused_as(
            DecryptionFailed,
            verify(
                &decrypting_sp(),
                &with_plaintext(&encryption(), plaintext.as_bytes()),
            ),
        );
    }
    let not_utf8 = with_plaintext(&encryption(), b"<a>\xFF</a>");
    refused_as(DecryptionFailed, verify(&decrypting_sp(), &not_utf8));
}

/// Text that would close what surrounds it if it were pasted there.
#[test]
fn a_plaintext_can_not_break_out_of_where_it_stands() {
    let good = assertion(&spec().signed(Sign::None));
    for plaintext in [
        format!("</saml:EncryptedAssertion>{good}<saml:EncryptedAssertion>"),
        format!("<a></a></a>{good}<a>"),
        format!("<a xmlns:saml='x\"/>{good}<b c='' />"),
    ] {
        refused_as(
            DecryptionFailed,
            verify(
                &decrypting_sp(),
                &with_plaintext(&encryption(), plaintext.as_bytes()),
            ),
        );
    }
}

#[test]
fn what_is_no_assertion_is_refused() {
    let response = respond(&spec().with_ids("_r2", "_a2"));
    let encrypted = encryption().encrypt_into("saml:EncryptedAssertion", b"<a/>");
    for plaintext in [
        response.as_slice(),
        encrypted.as_bytes(),
        b"<saml:NameID>nurse</saml:NameID>",
        b"<Assertion/>",
        b"<a xmlns='urn:oasis:names:tc:SAML:2.0:assertion'/>",
    ] {
        let xml = with_plaintext(&encryption(), plaintext);
        refused_as(NoAssertion, verify(&decrypting_sp(), &xml));
    }
}

#[test]
fn what_is_no_identifier_or_attribute_is_refused() {
    let with = |change: &dyn Fn(&mut ResponseSpec)| {
        let mut spec = spec();
        change(&mut spec);
        verify(&decrypting_sp(), &respond(&spec))
    };
    let holds = |plaintext: &[u8]| encryption().encrypt_into("saml:EncryptedID", plaintext);
    for plaintext in [
        &b"<saml:Attribute Name='a'/>"[..],
        b"<NameID>nurse</NameID>",
        b"<saml:NameID></saml:NameID>",
    ] {
        let identifier = with(&|spec| {
            spec.name_id = None;
            spec.subject_xml = holds(plaintext);
        });
        refused_as(NameIdMissing, identifier);
    }
    let both = with(&|spec| spec.subject_xml = holds(b"<saml:NameID>nurse</saml:NameID>"));
    refused_as(MalformedAssertion, both);
    let attribute = with(&|spec| {
        let holder =
            encryption().encrypt_into("saml:EncryptedAttribute", b"<saml:NameID>a</saml:NameID>");
        spec.assertion_xml = format!("<saml:AttributeStatement>{holder}</saml:AttributeStatement>");
    });
    refused_as(MalformedAssertion, attribute);
}

#[test]
fn an_id_that_is_used_outside_the_ciphertext_too_is_refused() {
    let plaintext = assertion(&spec().signed(Sign::None)).replacen(&spec().assertion_id, &id(), 1);
    let xml = with_plaintext(&encryption(), plaintext.as_bytes());
    refused_as(DuplicateId, verify(&decrypting_sp(), &xml));

    // In a ciphertext within a ciphertext.
    let mut nested = spec().signed(Sign::Response).encrypted(encryption());
    let attribute = format!(
        "<saml:Attribute Name='a'><saml:AttributeValue><a ID='{}'/></saml:AttributeValue></saml:Attribute>",
        id()
    );
    nested.assertion_xml = format!(
        "<saml:AttributeStatement>{}</saml:AttributeStatement>",
        encryption().encrypt_into("saml:EncryptedAttribute", attribute.as_bytes())
    );
    spec_refused_as(DuplicateId, &decrypting_sp(), &nested);

    // Between two ciphertexts.
    let holder = |seed| {
        let encryption = encryption_with(|encryption| encryption.seed = seed);
        let attribute = b"<saml:Attribute Name='a'><saml:AttributeValue><a ID='_1'/></saml:AttributeValue></saml:Attribute>";
        encryption.encrypt_into("saml:EncryptedAttribute", attribute)
    };
    let mut spec = spec();
    spec.assertion_xml = format!(
        "<saml:AttributeStatement>{}{}</saml:AttributeStatement>",
        holder(1),
        holder(2)
    );
    spec_refused_as(DuplicateId, &decrypting_sp(), &spec);
}

#[test]
fn the_rules_for_assertions_hold_for_decrypted_ones() {
    let encrypted = |change: &dyn Fn(&mut ResponseSpec)| {
        let mut spec = spec().signed(Sign::Both).encrypted(encryption());
        change(&mut spec);
        spec
    };
    let sp = decrypting_sp();
    let audience = encrypted(&|spec| {
        spec.conditions.as_mut().unwrap().audiences = vec![vec!["https://x.example".to_owned()]];
    });
    spec_refused_as(AudienceMismatch, &sp, &audience);
    let recipient = encrypted(&|spec| spec.confirmations[0].recipient = None);
    spec_refused_as(RecipientMismatch, &sp, &recipient);
    let late = encrypted(&|spec| {
        spec.confirmations[0].not_on_or_after =
            Some(now().saturating_sub(std::time::Duration::from_secs(600)));
    });
    spec_refused_as(Expired, &sp, &late);
    let destination = encrypted(&|spec| spec.destination = Some("https://x.example".to_owned()));
    spec_refused_as(DestinationMismatch, &sp, &destination);
}

/// Each is an operation of the private key: what counts is how many there are in the message, not
/// how they are spread.
#[test]
fn many_encrypted_keys_are_too_many() {
    let with = |elements, keys_of_each| {
        let attribute = |seed| {
            let encryption = encryption_with(|encryption| {
                let other = (keys::OTHER_RSA_2048_CERTIFICATE.to_vec(), None);
                encryption.recipients.resize(keys_of_each, other);
                encryption.seed = seed;
            });
            encryption.encrypt_into("saml:EncryptedAttribute", b"<saml:Attribute Name='a'/>")
        };
        let mut spec = spec();
        let holders: String = (0..elements).map(attribute).collect();
        spec.assertion_xml =
            format!("<saml:AttributeStatement>{holders}</saml:AttributeStatement>");
        spec
    };
    for (elements, keys_of_each) in [(64, 1), (4, 16)] {
        accepted(&decrypting_sp(), &with(elements, keys_of_each));
        let one_more = with(elements + 1, keys_of_each);
        spec_refused_as(TooLarge, &decrypting_sp(), &one_more);
    }
}

#[test]
fn limits_hold_inside_the_ciphertext() {
    let deep = |depth| format!("{}{}", "<a>".repeat(depth), "</a>".repeat(depth));
    for (depth, expected) in [(64, NoAssertion), (65, DecryptionFailed)] {
        let xml = with_plaintext(&encryption(), deep(depth).as_bytes());
        refused_as(expected, verify(&decrypting_sp(), &xml));
    }
}
