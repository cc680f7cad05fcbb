//! Every attack of testkit's generator on logout: by form, and by redirect.

use std::collections::BTreeMap;

use countersign_testkit::attacks::{self, Message as Attack};

use super::*;

/// Who is signed out, and of which sessions.
fn signed_out(message: Inbound<'_>) -> Option<(String, Vec<String>)> {
    let logout = verify(message).ok()?.insecure_without_replay_check();
    Some((
        logout.name_id().value.clone(),
        logout.session_indexes().to_vec(),
    ))
}

fn receive(messages: &[Attack]) -> Option<(String, Vec<String>)> {
    match messages.last()? {
        Attack::Query(query) => signed_out(Inbound::RedirectQuery(query)),
        message => signed_out(Inbound::Post(&message.form_value())),
    }
}

#[test]
fn attacks_on_a_signed_logout_request() {
    let genuine = signed(&request()).into_bytes();
    let attacks = attacks::on_message(&genuine, NURSE);
    assert!(attacks.len() > 700, "only {} attacks", attacks.len());
    let report = attacks::run(&attacks, &genuine, receive);
    println!("{report}");
    report.assert_none_got_in();
}

#[test]
fn attacks_on_a_signed_query() {
    let with_state = {
        let key = Some(keys::IDP_RSA_2048_PKCS8);
        query(MessageKind::Request, &request(), Some("from there"), key)
    };
    for genuine in [signed_query(&request()), with_state] {
        let attacks = attacks::on_query(&genuine, NURSE);
        assert!(attacks.len() > 60, "only {} attacks", attacks.len());
        let genuine = Attack::Query(genuine.into_bytes());
        let report = attacks::run(&attacks, genuine, receive);
        println!("{report}");
        report.assert_none_got_in();
    }
}

/// A receiver that verifies the first parameter of a name and reads the last, falls to them.
#[test]
fn a_receiver_that_reads_another_parameter_than_it_verifies_falls() {
    let genuine = signed_query(&request());
    let attacks = attacks::on_query(&genuine, NURSE);
    let receive = |messages: &[Attack]| {
        let Some(Attack::Query(query)) = messages.last() else {
            return None;
        };
        let text = std::str::from_utf8(query).ok()?;
        let mut first = BTreeMap::new();
        let mut last = BTreeMap::new();
        for (name, value) in text.split('&').filter_map(|piece| piece.split_once('=')) {
            first.entry(name).or_insert(value);
            last.insert(name, value);
        }
        let verified = ["SAMLRequest", "SigAlg", "Signature"]
            .map(|name| format!("{name}={}", first.get(name).copied().unwrap_or_default()))
            .join("&");
        signed_out(Inbound::RedirectQuery(verified.as_bytes()))?;
        let read = format!("SAMLRequest={}", last.get("SAMLRequest")?);
        let query = countersign_saml::binding::RedirectQuery::parse(read.as_bytes()).ok()?;
        let xml = query.decode(&countersign_saml::Limits::default()).ok()?;
        let xml = String::from_utf8(xml).ok()?;
        Some(xml.contains(NURSE))
    };
    let report = attacks::run(&attacks, Attack::Query(genuine.into_bytes()), receive);
    assert!(report.got_in().count() > 0, "{report}");
}
