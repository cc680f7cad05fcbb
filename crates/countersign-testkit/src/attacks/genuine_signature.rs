//! Classes 4, 11, 12, 18 and 23: what can be done to a genuine signature where it stands.

use super::AttackClass as C;
use super::attack::Attacks;
use super::signature::{SHA1, key_info};
use super::tree::DSIG;
use super::victim::{Victim, split};
use crate::keys;

const SAME: &str = "nothing that is signed has changed";

pub(super) fn attack(victim: &Victim, attacks: &mut Attacks) {
    edited(victim, attacks);
    stripped(victim, attacks);
}

/// The parts of a signature, one after the other in another form.
fn edited(victim: &Victim, attacks: &mut Attacks) {
    let key_info = key_info(&[keys::OTHER_RSA_2048_CERTIFICATE]);
    for element in victim.tree.elements() {
        let set = |range: std::ops::Range<usize>, text: &str| victim.tree.with(range, text);
        let text = element.inner_text();
        let of = format!("{} at {}", element.local_name(), element.index());
        let is = |name: &str| element.is(DSIG, name);
        if is("KeyInfo") {
            let own =
                key_info.replace("<ds:KeyInfo>", &format!("<ds:KeyInfo xmlns:ds=\"{DSIG}\">"));
            let name = format!("the attacker's certificate in {of}");
            attacks.harmless(C::KeyInfoTrust, name, SAME, set(element.whole(), &own));
            attacks.harmless(
                C::KeyInfoTrust,
                format!("no {of}"),
                SAME,
                set(element.whole(), ""),
            );
        }
        if is("SignatureMethod") || is("DigestMethod") {
            let class = C::WeakCryptography;
            for algorithm in [
                "http://www.w3.org/2000/09/xmldsig#rsa-sha1",
                "http://www.w3.org/2001/04/xmldsig-more#rsa-md5",
                "http://www.w3.org/2007/05/xmldsig-more#sha1-rsa-MGF1",
                "http://www.w3.org/2001/04/xmldsig-more#md5",
                SHA1,
            ] {
                let tag = victim.tree.cut(element.start_tag());
                let old = element.attribute("Algorithm").unwrap_or_default();
                if old != algorithm {
                    let changed = set(element.start_tag(), &tag.replace(old, algorithm));
                    attacks.spoilt(class, format!("{algorithm} in {of}"), changed);
                }
            }
        }
        if is("SignatureValue") || is("DigestValue") {
            let comment = |by: &str| set(element.inner(), &split(text, by));
            attacks.spoilt(
                C::SignedInfoGames,
                format!("a comment in {of}"),
                comment("<!-- -->"),
            );
            attacks.spoilt(
                C::SignedInfoGames,
                format!("an element in {of}"),
                comment("<x/>"),
            );
            for (name, changed) in [
                ("a mark that is no digit", split(text, "!")),
                ("a NUL by reference", split(text, "&#9;.")),
                (
                    "the alphabet of URLs",
                    text.replace('+', "-").replace('/', "_"),
                ),
                ("no padding", text.replace('=', "")),
                ("more padding", format!("{text}==")),
                ("itself twice", format!("{}{}", text.trim(), text.trim())),
                ("another case", text.to_lowercase()),
                (
                    "bytes behind it",
                    format!("{}AAAA", text.trim().trim_end_matches('=')),
                ),
            ] {
                if changed != text {
                    let name = format!("{name} in {of}");
                    attacks.spoilt(C::LaxComparison, name, set(element.inner(), &changed));
                }
            }
        }
    }
}

/// Class 12: the genuine signatures taken away, one and all.
fn stripped(victim: &Victim, attacks: &mut Attacks) {
    let signatures: Vec<_> = victim
        .tree
        .elements()
        .filter(|element| element.is(DSIG, "Signature"))
        .collect();
    if let Some(assertion) = &victim.assertion {
        attacks.refused(C::StrippedSignature, "all signatures", victim.stripped());
        let unsigned = victim.response(&assertion.bare);
        attacks.refused(
            C::StrippedSignature,
            "all signatures, nothing forged",
            unsigned,
        );
    }
    for signature in &signatures {
        let of = format!("Signature at {}", signature.index());
        let rest = victim.tree.with(signature.whole(), "");
        if signatures.len() > 1 {
            let name = format!("the {of}");
            attacks.harmless(
                C::StrippedSignature,
                name,
                "another signature holds",
                rest.clone(),
            );
        }
        attacks.refused(
            C::StrippedSignature,
            format!("the {of}, and a forged name"),
            victim.forged(&rest),
        );
        let elsewhere = victim.tree.with(
            signature.whole(),
            &victim
                .tree
                .cut(signature.whole())
                .replace(DSIG, "urn:nothing"),
        );
        attacks.refused(
            C::StrippedSignature,
            format!("the {of} in another namespace, and a forged name"),
            victim.forged(&elsewhere),
        );
    }
}
