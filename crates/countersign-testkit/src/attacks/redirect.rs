//! Class 19: the query of a redirect, whose parameters are signed as they stand.

use std::cell::RefCell;
use std::fmt::Write as _;

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use miniz_oxide::deflate::{compress_to_vec, compress_to_vec_zlib};
use miniz_oxide::inflate::decompress_to_vec_with_limit;

use super::AttackClass::{self, RedirectConfusion, ResourceExhaustion};
use super::attack::{Attack, Expectation, Message};
use super::{ATTACKER, must};

const SAME: &str = "the same values, and the signature is over them";
/// More than any message inflates to, in bytes.
const HUGE: usize = 64 << 20;

/// A signed query taken apart: names and raw values in their order.
struct Query<'q>(Vec<(&'q str, &'q str)>);

impl<'q> Query<'q> {
    fn of(text: &'q str) -> Self {
        let split = |piece: &'q str| piece.split_once('=').unwrap_or((piece, ""));
        Self(text.split('&').map(split).collect())
    }

    fn value(&self, name: &str) -> Option<&'q str> {
        let mut parameters = self.0.iter();
        parameters
            .find(|(own, _)| *own == name)
            .map(|(_, value)| *value)
    }

    /// The query with the parameters that `change` makes of each.
    fn with(&self, change: impl Fn(&str, &str) -> Vec<String>) -> String {
        let pieces = self.0.iter().flat_map(|(name, value)| change(name, value));
        pieces.collect::<Vec<_>>().join("&")
    }

    /// The query with another parameter in place of one.
    fn replaced(&self, name: &str, by: &str) -> String {
        self.with(|own, value| {
            let same = format!("{own}={value}");
            vec![if own == name { by.to_owned() } else { same }]
        })
    }
}

/// Attacks on the raw query of a signed redirect; the attacker wants his own in place of `prize`,
/// some text of the message.
pub(super) fn attacks(text: &str, prize: &str) -> Vec<Attack> {
    let query = Query::of(text);
    let (kind, other) = if query.value("SAMLRequest").is_some() {
        ("SAMLRequest", "SAMLResponse")
    } else {
        ("SAMLResponse", "SAMLRequest")
    };
    let message = must(query.value(kind));
    let xml = must(inflated(message));
    assert!(xml.contains(prize), "there is nothing to forge");
    let forged_xml = xml.replace(prize, ATTACKER);
    let forged = parameter(&compress_to_vec(forged_xml.as_bytes(), 6));

    let made = RefCell::new(Vec::new());
    let send = |class: AttackClass, name: String, query: String, expectation| {
        if query != text {
            made.borrow_mut().push(Attack {
                class,
                name,
                messages: vec![Message::Query(query.into_bytes())],
                expectation,
            });
        }
    };
    let refused = |name: &str, query: String| {
        let expectation = Expectation::Refused;
        send(RedirectConfusion, name.to_owned(), query, expectation);
    };

    let evil = format!("{kind}={forged}");
    refused("the forged message alone", query.replaced(kind, &evil));
    for (name, value) in [
        (kind, forged.as_str()),
        ("RelayState", "evil"),
        (
            "SigAlg",
            "http%3A%2F%2Fwww.w3.org%2F2000%2F09%2Fxmldsig%23rsa-sha1",
        ),
        ("Signature", "AA%3D%3D"),
    ] {
        // Names as they are, in percent-encoding, in another case, and as frameworks read lists.
        let first = name.bytes().next().unwrap_or_default();
        let rest = name.get(1..).unwrap_or_default();
        for (how, spelled) in [
            ("", name.to_owned()),
            (" in percent-encoding", format!("%{first:02X}{rest}")),
        ] {
            let more = format!("{spelled}={value}");
            refused(
                &format!("{name} twice{how}, first the forged"),
                format!("{more}&{text}"),
            );
            refused(
                &format!("{name} twice{how}, last the forged"),
                format!("{text}&{more}"),
            );
        }
        for spelled in [
            format!("{name}[]"),
            name.to_lowercase(),
            format!("{name}%00"),
            format!("{name}+"),
        ] {
            let more = format!("{spelled}={value}");
            let harmless = Expectation::Harmless("a parameter of another name");
            let name = format!("a second {name} spelled `{spelled}`");
            send(
                RedirectConfusion,
                format!("{name}, first"),
                format!("{more}&{text}"),
                harmless,
            );
            send(
                RedirectConfusion,
                format!("{name}, last"),
                format!("{text}&{more}"),
                harmless,
            );
        }
    }
    refused(
        "both messages, first the other",
        format!("{other}={forged}&{text}"),
    );
    refused(
        "both messages, last the other",
        format!("{text}&{other}={forged}"),
    );
    refused(
        "the message under the other name",
        text.replacen(kind, other, 1),
    );
    refused("forged messages of both names", {
        query.replaced(kind, &format!("{kind}={message}&{other}={forged}"))
    });
    for separator in [";", "%26", "\n", "&amp;", "#", "?"] {
        refused(
            &format!("the parameters separated by `{separator}`"),
            query.replaced(kind, &format!("{kind}={forged}{separator}{kind}={message}")),
        );
    }
    let without = |names: &[&str]| {
        query.with(|name, value| {
            let left_out = names.contains(&name);
            let same = vec![format!("{name}={value}")];
            if left_out { Vec::new() } else { same }
        })
    };
    for names in [
        &["Signature"][..],
        &["SigAlg"],
        &["Signature", "SigAlg"],
        &[kind],
    ] {
        refused(&format!("without {}", names.join(" and ")), without(names));
    }
    let relayed = match query.value("RelayState") {
        Some(_) => without(&["RelayState"]),
        None => text.replacen("&SigAlg=", "&RelayState=evil&SigAlg=", 1),
    };
    refused("a relay state that came or went", relayed);
    refused(
        "another relay state",
        query.replaced("RelayState", "RelayState=evil"),
    );
    for (name, value) in [("Signature", ""), ("Signature", "AA%3D%3D"), ("SigAlg", "")] {
        refused(
            &format!("{name} is `{value}`"),
            query.replaced(name, &format!("{name}={value}")),
        );
    }
    for algorithm in [
        "http://www.w3.org/2000/09/xmldsig#rsa-sha1",
        "http://www.w3.org/2000/09/xmldsig#hmac-sha1",
        "http://www.w3.org/2001/04/xmldsig-more#hmac-sha256",
        "http://www.w3.org/2001/04/xmldsig-more#rsa-sha512",
        "none",
    ] {
        let sig_alg = format!("SigAlg={}", encoded(algorithm.as_bytes()));
        refused(
            &format!("the algorithm `{algorithm}`"),
            query.replaced("SigAlg", &sig_alg),
        );
    }
    refused("nothing", String::new());
    refused(
        "an encoding that there is not",
        format!("{text}&SAMLEncoding=urn%3Anothing"),
    );

    let deflated = must(compressed(message));
    let spoilt = |bytes: &[u8]| query.replaced(kind, &format!("{kind}={}", parameter(bytes)));
    refused(
        "bytes behind the deflated message",
        spoilt(&[&deflated[..], b"evil"].concat()),
    );
    let cut = deflated.len() / 2;
    refused(
        "half of the message",
        spoilt(deflated.get(..cut).unwrap_or_default()),
    );
    refused(
        "a message with a zlib header",
        spoilt(&compress_to_vec_zlib(xml.as_bytes(), 6)),
    );
    refused("a message that is not deflated", spoilt(xml.as_bytes()));
    refused(
        "the same message, deflated in another way",
        spoilt(&compress_to_vec(xml.as_bytes(), 0)),
    );
    refused("no message", spoilt(b""));
    let bomb = compress_to_vec(&vec![b' '; HUGE], 1);
    send(
        ResourceExhaustion,
        "a message that inflates without end".to_owned(),
        spoilt(&bomb),
        Expectation::Refused,
    );

    // The same values in another order or spelling: the signature is over the values in the order
    // of the specification, so the order says nothing; a spelling is another value.
    let mut reversed: Vec<_> = text.split('&').collect();
    reversed.reverse();
    for (name, query) in [
        ("in another order", reversed.join("&")),
        ("with a parameter of the host's", format!("{text}&page=7")),
        ("with percent-encoding in another case", other_case(text)),
    ] {
        send(
            RedirectConfusion,
            name.to_owned(),
            query,
            Expectation::Harmless(SAME),
        );
    }
    made.into_inner()
}

/// The bytes of a parameter: percent-encoding and base64 taken off.
fn compressed(parameter: &str) -> Option<Vec<u8>> {
    let mut bytes = parameter.bytes();
    let mut text = Vec::new();
    while let Some(byte) = bytes.next() {
        text.push(match byte {
            b'%' => {
                let digits = [bytes.next()?, bytes.next()?];
                u8::from_str_radix(std::str::from_utf8(&digits).ok()?, 16).ok()?
            }
            _ => byte,
        });
    }
    STANDARD.decode(text).ok()
}

fn inflated(parameter: &str) -> Option<String> {
    let xml = decompress_to_vec_with_limit(&compressed(parameter)?, HUGE).ok()?;
    String::from_utf8(xml).ok()
}

/// Bytes as the value of a parameter.
fn parameter(bytes: &[u8]) -> String {
    encoded(STANDARD.encode(bytes).as_bytes())
}

fn encoded(bytes: &[u8]) -> String {
    let mut text = String::new();
    for byte in bytes {
        if byte.is_ascii_alphanumeric() {
            text.push(char::from(*byte));
        } else {
            must(write!(text, "%{byte:02X}").ok());
        }
    }
    text
}

/// The digits of percent-encoding in the other case.
fn other_case(text: &str) -> String {
    let mut digits = 0_u8;
    text.chars()
        .map(|c| {
            if c == '%' {
                digits = 2;
                return c;
            }
            let is_digit = digits > 0;
            digits = digits.saturating_sub(1);
            match c {
                _ if !is_digit => c,
                'A'..='F' => c.to_ascii_lowercase(),
                _ => c.to_ascii_uppercase(),
            }
        })
        .collect()
}
