//! Classes 20 to 23: what stands around the signed part, and how the message is sent.

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;

use super::AttackClass as C;
use super::Expectation::{Harmless, Refused};
use super::attack::{Attacks, Message};
use super::edit::{at_start, replace_id};
use super::tree::{ASSERTION, PROTOCOL};
use super::victim::Victim;

const WRAPPED: &str = "senders wrap lines";
const OPTIONAL: &str = "an unsigned response does not need it";

pub(super) fn attack(victim: &Victim, attacks: &mut Attacks) {
    around(victim, attacks);
    again(victim, attacks);
    spelled(victim, attacks);
}

/// Classes 20, 21 and 23: what the response says around its assertion, signed or not.
fn around(victim: &Victim, attacks: &mut Attacks) {
    let Some(root) = victim.tree.root() else {
        return;
    };
    let tag = victim.tree.cut(root.start_tag());
    for (class, name, value) in [
        (
            C::WrongAddressee,
            "Destination",
            "https://evil.example/acs".to_owned(),
        ),
        (C::LaxComparison, "Destination", "{}/".to_owned()),
        (C::LaxComparison, "Destination", "{} ".to_owned()),
        (C::LaxComparison, "Destination", "{}?x=y".to_owned()),
        (C::LaxComparison, "Destination", "{}#x".to_owned()),
        (
            C::CrossProvider,
            "InResponseTo",
            "_a-request-of-another-browser".to_owned(),
        ),
        (C::LaxComparison, "InResponseTo", " {}".to_owned()),
        (C::WrongAddressee, "Version", "1.1".to_owned()),
        (
            C::WrongAddressee,
            "IssueInstant",
            "2099-01-01T00:00:00Z".to_owned(),
        ),
        (C::WrongAddressee, "IssueInstant", "yesterday".to_owned()),
    ] {
        let Some(old) = root.attribute(name) else {
            continue;
        };
        let new = value.replace("{}", old);
        let changed = tag.replace(&format!(" {name}=\"{old}\""), &format!(" {name}=\"{new}\""));
        if changed != tag {
            let xml = victim.tree.with(root.start_tag(), &changed);
            attacks.refused(class, format!("{name} `{new}` on the response"), xml);
        }
        let gone = tag.replace(&format!(" {name}=\"{old}\""), "");
        if class == C::WrongAddressee && gone != tag {
            let xml = victim.tree.with(root.start_tag(), &gone);
            let expectation = if name == "Destination" && victim.root.signature.is_none() {
                Harmless(OPTIONAL)
            } else {
                Refused
            };
            let name = format!("no {name} on the response instead of `{new}`");
            attacks.send(class, name, Message::Xml(xml.into_bytes()), expectation);
        }
    }
    if let Some(old) = root.attribute("Destination") {
        let upper = tag.replace(old, &old.to_uppercase());
        if upper != tag {
            let xml = victim.tree.with(root.start_tag(), &upper);
            attacks.refused(C::LaxComparison, "Destination in another case", xml);
        }
    }
    if let Some(issuer) = root.child(ASSERTION, "Issuer") {
        let text = issuer.inner_text();
        for (class, name, other) in [
            (
                C::CrossProvider,
                "another provider",
                "https://evil.example/metadata".to_owned(),
            ),
            (
                C::LaxComparison,
                "the issuer with a slash",
                format!("{text}/"),
            ),
            (
                C::LaxComparison,
                "the issuer with white space",
                format!(" {text}\n"),
            ),
            (
                C::LaxComparison,
                "the issuer with a space that does not break",
                format!("{text}\u{A0}"),
            ),
            (
                C::LaxComparison,
                "the issuer in another case",
                text.to_uppercase(),
            ),
            (C::CrossProvider, "no name", String::new()),
        ] {
            let xml = victim.tree.with(issuer.inner(), &other);
            attacks.refused(class, format!("a response of {name}"), xml);
        }
        let format = at_start(
            victim.text(),
            &format!("<w:Issuer xmlns:w=\"{ASSERTION}\">https://evil.example/metadata</w:Issuer>"),
        );
        attacks.refused(C::CrossProvider, "a second issuer in front", format);
    }
    if let Some(status) = root.child(PROTOCOL, "Status") {
        for code in ["Responder", "AuthnFailed", "SUCCESS"] {
            let value = "urn:oasis:names:tc:SAML:2.0:status:Success";
            let text = victim.tree.cut(status.whole());
            let other = format!("urn:oasis:names:tc:SAML:2.0:status:{code}");
            let changed = text.replace(value, &other);
            if changed != text {
                let xml = victim.tree.with(status.whole(), &changed);
                attacks.refused(C::WrongAddressee, format!("the status {code}"), xml);
            }
        }
        attacks.refused(
            C::WrongAddressee,
            "no status",
            victim.tree.with(status.whole(), ""),
        );
    }
}

/// Class 22: the same message again.
fn again(victim: &Victim, attacks: &mut Attacks) {
    let genuine = || Message::Xml(victim.text().as_bytes().to_vec());
    let mut replay = |name: &str, second: String| {
        let messages = vec![genuine(), Message::Xml(second.into_bytes())];
        attacks.push(C::Replay, name, messages, Refused);
    };
    replay("the same message", victim.text().to_owned());
    replay(
        "with a comment behind it",
        format!("{}<!-- again -->", victim.text()),
    );
    replay("with white space behind it", format!("{}\n", victim.text()));
    let unused = at_start(victim.text(), "<!-- again -->");
    replay("with a comment in it", unused);
    let another = replace_id(victim.text(), &victim.root.id, " ID=\"_another\"");
    replay("in a response of another ID", another);
}

/// Class 23: base64 that is not quite base64.
fn spelled(victim: &Victim, attacks: &mut Attacks) {
    // Padded, and with one bit of the last digit that stands for nothing.
    let mut xml = victim.text().to_owned();
    while xml.len() % 3 != 1 {
        xml.push('\n');
    }
    let genuine = STANDARD.encode(&xml);
    let digits = genuine.trim_end_matches('=');
    let without_last = digits
        .get(..digits.len().saturating_sub(1))
        .unwrap_or_default();
    let (first, second) = genuine.split_at_checked(100).unwrap_or((&genuine, ""));
    let mut send = |name: &str, value: String, expectation| {
        let message = Message::Post(value.into_bytes());
        attacks.send(
            C::LaxComparison,
            format!("base64 {name}"),
            message,
            expectation,
        );
    };
    send("without padding", digits.to_owned(), Refused);
    send("with half of its padding", format!("{digits}="), Refused);
    send("with more padding", format!("{genuine}="), Refused);
    send(
        "with a digit whose last bits are set",
        format!("{without_last}h=="),
        Refused,
    );
    send("with a NUL", format!("{first}\0{second}"), Refused);
    send(
        "with a mark that is no digit",
        format!("{first}!{second}"),
        Refused,
    );
    send(
        "with padding in its middle",
        format!("{first}=={second}"),
        Refused,
    );
    send("twice", format!("{genuine}{genuine}"), Refused);
    send("with a text behind it", format!("{genuine}PGE+"), Refused);
    send(
        "with a no-break space",
        format!("{first}\u{A0}{second}"),
        Refused,
    );
    send("of base64", STANDARD.encode(&genuine), Refused);
    send("of nothing", String::new(), Refused);
    send("that is not there, but the XML", xml.clone(), Refused);
    send(
        "in lines",
        format!("{first}\r\n{second}\r\n"),
        Harmless(WRAPPED),
    );
}
