//! What a host could attach to a record of its own: what a provider really signed, and of
//! something else.

use serde_json::Value;

use super::Plan;
use super::statement::Style;
use super::story::Story;

/// One thing that is attached, and what a verifier has to say of it.
pub struct Case {
    pub name: &'static str,
    pub claim: &'static str,
    /// What our verifier says, somewhere in the line.
    pub why: &'static str,
    pub style: Style,
    /// What the provider said in the assertion.
    pub said: fn(String) -> String,
    /// What the provider signed.
    pub signed: fn(String) -> String,
    /// What the host wrote.
    pub wrote: fn(&mut Story),
}

impl Case {
    pub fn plan(&self) -> Plan {
        let style = Style::ALL.iter().position(|style| *style == self.style);
        Plan {
            signers: 2,
            style: style.unwrap(),
            said: self.said,
            signed: self.signed,
            ..Plan::full()
        }
    }

    const fn content(name: &'static str, why: &'static str) -> Self {
        Self {
            name,
            claim: "assertion_content",
            why,
            style: Style::Assertion,
            said: |same| same,
            signed: |same| same,
            wrote: |_| {},
        }
    }

    const fn in_style(mut self, style: Style) -> Self {
        self.style = style;
        self
    }

    const fn said(mut self, said: fn(String) -> String) -> Self {
        self.said = said;
        self
    }

    const fn signed(mut self, signed: fn(String) -> String) -> Self {
        self.signed = signed;
        self
    }

    const fn wrote(mut self, wrote: fn(&mut Story)) -> Self {
        self.wrote = wrote;
        self
    }
}

/// Replaces what has to be there.
fn instead(xml: &str, old: &str, new: &str) -> String {
    assert!(xml.contains(old), "{old} in {xml}");
    xml.replace(old, new)
}

/// Commits the sign-in's record to another value.
fn commit(story: &mut Story, kind: &str, field: &str, value: &Value) {
    let place = story.records.iter().position(|one| one.kind() == kind);
    story.commit(place.unwrap(), field, value);
}

/// The assertion again, without what is around it.
fn twin(response: &str) -> String {
    let at = response.find("<saml:Assertion").unwrap();
    let end = response.find("</saml:Assertion>").unwrap() + "</saml:Assertion>".len();
    instead(&response[at..end], "ID=\"_nurse\"", "ID=\"_twin\"")
}

pub fn cases() -> Vec<Case> {
    let case = Case::content;
    vec![
        case("another_persons_assertion", "says another name identifier than")
            .said(|xml| instead(&xml, ">nurse@acme.example<", ">doctor@acme.example<")),
        case("another_format_of_the_name", "says another name identifier than")
            .said(|xml| instead(&xml, "<saml:NameID>", "<saml:NameID Format=\"urn:other\">")),
        case("another_qualifier_of_the_name", "says another name identifier than")
            .said(|xml| instead(&xml, "<saml:NameID>", "<saml:NameID NameQualifier=\"other\">")),
        case("a_name_for_another_service_provider", "says another name identifier than")
            .said(|xml| instead(&xml, "<saml:NameID>", "<saml:NameID SPNameQualifier=\"other\">")),
        case("another_issuers_assertion", "says another issuer than")
            .said(|xml| instead(&xml, "https://idp.example/saml", "https://other.example/saml")),
        case("an_authentication_at_another_time", "says another time of authentication than")
            .said(|xml| instead(&xml, "AuthnInstant=\"2026-03-01T09:30", "AuthnInstant=\"2026-03-01T09:29")),
        case("an_authentication_that_is_not_told_of", "says another time of authentication than")
            .said(|xml| {
                let start = xml.find("<saml:AuthnStatement").unwrap();
                let end = xml.find("<saml:AttributeStatement").unwrap();
                format!("{}{}", &xml[..start], &xml[end..])
            }),
        case("an_authentication_of_another_kind", "says another kind of authentication than")
            .said(|xml| {
                let class = "<saml:AuthnContextClassRef>urn:other</saml:AuthnContextClassRef></saml:AuthnContext>";
                instead(&xml, "</saml:AuthnContext>", class)
            }),
        case("a_session_with_another_end", "says another end of the session than").said(|xml| {
            let end = " SessionNotOnOrAfter=\"2026-03-01T10:00:00Z\"><saml:AuthnContext>";
            instead(&xml, "><saml:AuthnContext>", end)
        }),
        case("a_session_with_another_index", "says another session index than")
            .said(|xml| instead(&xml, "><saml:AuthnContext>", " SessionIndex=\"_other\"><saml:AuthnContext>"))
            .wrote(|story| commit(story, "assertion.verified", "session_index", &"_mine".into())),
        case("a_session_with_an_index_that_was_not_recorded", "says another session index than")
            .said(|xml| instead(&xml, "><saml:AuthnContext>", " SessionIndex=\"_other\"><saml:AuthnContext>")),
        case("a_session_without_the_index_that_was_recorded", "says another session index than")
            .wrote(|story| commit(story, "assertion.verified", "session_index", &"_mine".into())),
        case("an_assertion_with_another_id", "says another assertion id than")
            .in_style(Style::Response)
            .said(|xml| instead(&xml, "ID=\"_nurse\"", "ID=\"_other\"")),
        case("an_older_assertion", "did not hold at")
            .said(|xml| instead(&xml, "NotOnOrAfter=\"2026-03-01T09:35", "NotOnOrAfter=\"2026-03-01T09:20")),
        case("an_older_confirmation", "did not hold at").said(|xml| {
            let end = "<saml:SubjectConfirmationData NotOnOrAfter=\"2026-03-01T09:";
            instead(&xml, &format!("{end}35"), &format!("{end}20"))
        }),
        case("an_assertion_that_came_later", "did not hold at")
            .said(|xml| instead(&xml, "IssueInstant=\"2026-03-01T09:30", "IssueInstant=\"2026-03-01T09:40")),
        case("conditions_that_held_later", "did not hold at")
            .said(|xml| instead(&xml, "NotBefore=\"2026-03-01T09:30", "NotBefore=\"2026-03-01T09:40")),
        case("a_response_that_came_later", "did not hold at")
            .in_style(Style::Response)
            .signed(|xml| {
                let later = "ID=\"_rnurse\" IssueInstant=\"2026-03-01T09:40";
                instead(&xml, "ID=\"_rnurse\" IssueInstant=\"2026-03-01T09:30", later)
            }),
        case("a_confirmation_by_another_method", "did not hold at")
            .said(|xml| instead(&xml, "cm:bearer", "cm:holder-of-key")),
        case("a_confirmation_without_an_end", "did not hold at").said(|xml| {
            let at = xml.find("<saml:SubjectConfirmationData ").unwrap();
            let end = at + xml[at..].find('>').unwrap();
            format!("{}<saml:SubjectConfirmationData{}", &xml[..at], &xml[end..])
        }),
        case("an_assertion_without_conditions", "lacks an element").said(|xml| {
            let start = xml.find("<saml:Conditions").unwrap();
            let end = xml.find("<saml:AuthnStatement").unwrap();
            format!("{}{}", &xml[..start], &xml[end..])
        }),
        case("an_assertion_without_an_instant", "lacks an attribute").said(|xml| {
            instead(&xml, " IssueInstant=\"2026-03-01T09:30:00.000Z\"", "")
        }),
        case("an_instant_that_is_none", "has a time that is none")
            .said(|xml| instead(&xml, "IssueInstant=\"2026-03-01T09:30", "IssueInstant=\"2026-13-01T09:30")),
        case("two_subjects", "says something twice").said(|xml| {
            let start = xml.find("<saml:Subject>").unwrap();
            let end = xml.find("<saml:Conditions").unwrap();
            let subject = &xml[start..end];
            instead(&xml, subject, &format!("{subject}{subject}"))
        }),
        case("two_names", "says something twice").said(|xml| {
            let name = "<saml:NameID>nurse@acme.example</saml:NameID>";
            instead(&xml, name, &format!("{name}<saml:NameID>doctor@acme.example</saml:NameID>"))
        }),
        case("no_name", "does not name one subject")
            .said(|xml| instead(&xml, "<saml:NameID>nurse@acme.example</saml:NameID>", "")),
        case("a_name_beside_an_encrypted_one", "does not name one subject")
            .in_style(Style::EncryptedId)
            .said(|xml| instead(&xml, "<saml:EncryptedID>", "<saml:NameID>nurse@acme.example</saml:NameID><saml:EncryptedID>")),
        case("a_name_with_elements_in_it", "has elements where text belongs")
            .said(|xml| instead(&xml, ">nurse@acme.example<", "><saml:a>nurse</saml:a>@acme.example<")),
        case("a_name_with_a_comment_in_it", "is no element in canonical form")
            .said(|xml| instead(&xml, ">nurse@acme.example<", ">nurse@acme.example<!-- -->.other.example<")),
        case("an_instruction_beside_a_name", "is no element in canonical form")
            .said(|xml| instead(&xml, ">nurse@acme.example<", "><?x ?>nurse@acme.example<")),
        case("white_space_behind_the_element", "is no element in canonical form")
            .signed(|xml| format!("{xml}\n")),
        case("an_element_that_is_referred_to_by_another_id", "is not the element that the signature refers to")
            .said(|xml| instead(&xml, "ID=\"_nurse\"", "ID=\"_other\"")),
        case("an_element_without_an_id", "is not the element that the signature refers to")
            .said(|xml| instead(&xml, " ID=\"_nurse\"", "")),
        case("a_response_instead_of_an_assertion", "is another element than the record says")
            .in_style(Style::Response)
            .wrote(|story| story.first("assertion.verified")["body"]["signed_element"] = "Assertion".into()),
        case("an_assertion_instead_of_a_response", "is another element than the record says")
            .wrote(|story| story.first("assertion.verified")["body"]["signed_element"] = "Response".into()),
        case("an_assertion_of_another_language", "is neither an Assertion nor a Response")
            .said(|xml| instead(&xml, "SAML:2.0:assertion\" ID", "SAML:1.0:assertion\" ID")),
        case("a_response_of_failure", "is no Response of success")
            .in_style(Style::Response)
            .signed(|xml| instead(&xml, "status:Success", "status:Responder")),
        case("a_response_with_two_assertions", "does not hold one assertion")
            .in_style(Style::Response)
            .signed(|xml| {
                let twin = twin(&xml);
                instead(&xml, "</samlp:Response>", &format!("{twin}</samlp:Response>"))
            }),
        case("a_response_whose_assertion_hides_deeper", "does not hold one assertion")
            .in_style(Style::Response)
            .signed(|xml| {
                let at = xml.find("<saml:Assertion").unwrap();
                let end = xml.find("</samlp:Response>").unwrap();
                let hidden = &xml[at..end];
                instead(&xml, hidden, &format!("<samlp:Extensions>{hidden}</samlp:Extensions>"))
            }),
        case("a_response_of_another_issuer", "is of another issuer than its assertion")
            .in_style(Style::Response)
            .signed(|xml| {
                let at = xml.find("<samlp:Status>").unwrap();
                let (head, rest) = xml.split_at(at);
                format!("{}{rest}", instead(head, "https://idp.example", "https://other.example"))
            }),
        case("another_person_inside_an_encrypted_assertion", "says another name identifier than")
            .in_style(Style::EncryptedAssertion)
            .said(|xml| instead(&xml, ">nurse@acme.example<", ">doctor@acme.example<")),
        case("an_encrypted_assertion_that_is_none", "does not hold one assertion")
            .in_style(Style::EncryptedAssertion)
            .said(|xml| xml.replace("saml:Assertion", "saml:Advice")),
        case("an_encrypted_name_with_another_key", "is encrypted, and not with the key")
            .in_style(Style::EncryptedId)
            .wrote(|story| commit(story, "assertion.verified", "content_keys", &"08".repeat(16).into())),
        case("an_encrypted_name_with_a_key_of_another_length", "is encrypted, and not with the key")
            .in_style(Style::EncryptedId)
            .wrote(|story| commit(story, "assertion.verified", "content_keys", &"07".repeat(32).into())),
        case("an_encrypted_name_without_a_key", "is encrypted, and its record has no key")
            .in_style(Style::EncryptedId)
            .wrote(|story| {
                let record = &mut story.records[0];
                record.openings.remove("content_keys");
                record.value["commitments"].as_object_mut().unwrap().remove("content_keys");
            }),
        Case {
            claim: "same_person",
            ..case("an_account_of_somebody_else", "rests on what was said of another person")
                .wrote(|story| {
                    let subject = serde_json::json!({"issuer": "https://idp.example/saml", "subject": "doctor"});
                    commit(story, "user.provisioned", "subject", &subject);
                })
        },
        Case {
            claim: "same_person",
            ..case("an_account_from_another_provider", "rests on what was said of another person")
                .wrote(|story| {
                    let subject = serde_json::json!({"issuer": "https://other.example", "subject": "nurse"});
                    commit(story, "user.provisioned", "subject", &subject);
                })
        },
        Case {
            claim: "same_person",
            ..case("an_account_by_an_attribute_with_several_values", "rests on what was said of another person")
                .said(|xml| {
                    let more = "</saml:AttributeValue><saml:AttributeValue>doctor</saml:AttributeValue>";
                    instead(&xml, "</saml:AttributeValue>", more)
                })
        },
        Case {
            claim: "same_person",
            ..case("an_account_by_a_name_that_passes", "rests on what was said of another person")
                .said(|xml| {
                    let transient = "<saml:NameID Format=\"urn:oasis:names:tc:SAML:2.0:nameid-format:transient\">";
                    instead(&xml, "<saml:NameID>", transient)
                })
                .wrote(|story| {
                    let name_id = serde_json::json!({
                        "format": "urn:oasis:names:tc:SAML:2.0:nameid-format:transient",
                        "name_qualifier": null, "sp_name_qualifier": null, "value": "nurse@acme.example",
                    });
                    commit(story, "assertion.verified", "name_id", &name_id);
                    let subject = serde_json::json!({
                        "issuer": "https://idp.example/saml", "subject": "nurse@acme.example",
                    });
                    commit(story, "user.provisioned", "subject", &subject);
                })
        },
        Case {
            claim: "assertion_content",
            ..case("the_same_assertion_for_two_sign_ins", "is the assertion that records/001-")
                .wrote(|story| {
                    let first = story.records[0].clone();
                    let again = story.records.iter().skip(1);
                    let again = again.clone().position(|one| one.kind() == "assertion.verified");
                    let again = &mut story.records[again.unwrap() + 1];
                    for field in ["blobs", "body", "commitments"] {
                        again.value[field] = first.value[field].clone();
                    }
                    again.openings = first.openings;
                    again.assertion = first.assertion;
                })
        },
    ]
}
