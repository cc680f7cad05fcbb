//! Class 1: signature wrapping in all permutations.
//!
//! Where the genuine element goes × where its signature goes × which ID the forged one has, at each
//! level that is signed; and the other way round, where the forged one hides.

use super::AttackClass::SignatureWrapping;
use super::attack::Attacks;
use super::edit::{at_end, at_start, behind_issuer, replace_id, within, wrap};
use super::tree::{ASSERTION, DSIG, PROTOCOL};
use super::victim::{EVIL_ASSERTION, EVIL_RESPONSE, Part, Victim};

const HIDDEN: &str = "what is forged stands where nobody has to read";

/// What becomes of the signature of the genuine element.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Signature {
    /// It stays in the genuine element.
    Stays,
    /// It moves to the forged one, behind its issuer.
    Moves,
    /// It moves to the end of the forged one.
    MovesToTheEnd,
    /// Both have it.
    IsCopied,
    /// The genuine assertion's becomes the response's.
    Rises,
}

/// Where the genuine element goes.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Original {
    /// In front of the forged one.
    Before,
    /// Behind the forged one.
    Behind,
    /// The first thing in the forged one.
    AtStart,
    /// The last thing in the forged one.
    AtEnd,
    /// Within an element of the forged one, which has one of this name.
    Within(&'static str),
    /// Within a new element at the end of the forged one.
    InNew(&'static str, &'static str),
    /// Within a new element at the start of the forged one.
    InNewAtStart(&'static str, &'static str),
    /// At the end of the signature that moved.
    InSignature,
    /// Within a new element at the end of the signature that moved.
    InSignatureIn(&'static str),
}

const SIGNATURES: [Signature; 5] = [
    Signature::Stays,
    Signature::Moves,
    Signature::MovesToTheEnd,
    Signature::IsCopied,
    Signature::Rises,
];

const ORIGINALS: [Original; 19] = [
    Original::Before,
    Original::Behind,
    Original::AtStart,
    Original::AtEnd,
    Original::Within("Subject"),
    Original::Within("SubjectConfirmation"),
    Original::Within("Conditions"),
    Original::Within("AttributeStatement"),
    Original::Within("AttributeValue"),
    Original::Within("AuthnContext"),
    Original::Within("Status"),
    Original::InNew(ASSERTION, "Advice"),
    Original::InNewAtStart(ASSERTION, "Advice"),
    Original::InNew(PROTOCOL, "Extensions"),
    Original::InNewAtStart(PROTOCOL, "Extensions"),
    Original::InNew("urn:wrapper", "Wrapper"),
    Original::InSignature,
    Original::InSignatureIn("Object"),
    Original::InSignatureIn("KeyInfo"),
];

/// The forged element's ID: a name for it, and its attribute.
fn ids(own: &str, genuine: &str) -> [(&'static str, String); 6] {
    [
        ("another ID", format!(" ID=\"{own}\"")),
        ("the same ID", format!(" ID=\"{genuine}\"")),
        ("no ID", String::new()),
        ("the same as Id", format!(" ID=\"{own}\" Id=\"{genuine}\"")),
        ("the same as id", format!(" id=\"{genuine}\"")),
        ("the same as xml:id", format!(" xml:id=\"{genuine}\"")),
    ]
}

pub(super) fn attack(victim: &Victim, attacks: &mut Attacks) {
    named(victim, attacks);
    if let Some(assertion) = &victim.assertion {
        permute(victim, assertion, EVIL_ASSERTION, attacks);
        hidden(victim, assertion, attacks);
    }
    permute(victim, &victim.root, EVIL_RESPONSE, attacks);
}

/// Those that have a number in the literature.
fn named(victim: &Victim, attacks: &mut Attacks) {
    let mut refused = |name, xml| attacks.refused(SignatureWrapping, name, xml);
    if victim.assertion.is_some() && victim.root.signature.is_some() {
        refused("xsw1", victim.xsw1());
        refused("xsw2", victim.xsw2());
    }
    let Some(assertion) = &victim.assertion else {
        return;
    };
    refused("xsw3", victim.xsw3());
    refused("xsw4", victim.xsw4());
    if assertion.signature.is_some() {
        refused("xsw5", victim.xsw5());
        refused("xsw6", victim.xsw6());
        refused("xsw8", victim.xsw8());
    }
    refused("xsw9", victim.xsw9());
    refused("sibling behind", victim.sibling_behind());
    let hidden = victim.sibling_of_a_hidden_original();
    refused("sibling of a hidden original", hidden);
    refused("original as advice", victim.original_as_advice());
    refused("name changed under the signature", victim.renamed());
    attacks.harmless(SignatureWrapping, "xsw7", HIDDEN, victim.xsw7());
    attacks.harmless(
        SignatureWrapping,
        "xsw7 with another ID",
        HIDDEN,
        victim.xsw7_with_another_id(),
    );
}

/// The forged element stands where the genuine one stood.
fn permute(victim: &Victim, genuine: &Part, own_id: &str, attacks: &mut Attacks) {
    let Some(signature) = &genuine.signature else {
        return;
    };
    let is_root = genuine.id == victim.root.id;
    let bare = match &victim.assertion {
        Some(assertion) if is_root => victim.response(&assertion.bare),
        _ => genuine.bare.clone(),
    };
    for (id_name, id) in ids(own_id, &genuine.id) {
        let forged = victim.forged(&replace_id(&bare, &genuine.id, &id));
        for to in SIGNATURES {
            for place in ORIGINALS {
                let Some(evil) = arrange(&forged, genuine, signature, to, place) else {
                    continue;
                };
                let message = if is_root {
                    evil
                } else {
                    let response = victim.response(&evil);
                    match to {
                        Signature::Rises => behind_issuer(&response, signature),
                        _ => response,
                    }
                };
                let level = if is_root { "root" } else { "assertion" };
                let name = format!("{level}: original {place:?}, signature {to:?}, {id_name}");
                attacks.refused(SignatureWrapping, name, message);
            }
        }
    }
}

/// The forged element with the genuine one where it goes; `None` if the two do not fit.
fn arrange(
    forged: &str,
    genuine: &Part,
    signature: &str,
    to: Signature,
    place: Original,
) -> Option<String> {
    let original = match to {
        Signature::Stays | Signature::IsCopied => &genuine.whole,
        _ => &genuine.bare,
    };
    let signature = match (to, place) {
        (
            Signature::Stays | Signature::Rises,
            Original::InSignature | Original::InSignatureIn(_),
        ) => return None,
        (_, Original::InSignature) => at_end(signature, original),
        (_, Original::InSignatureIn(name)) => at_end(signature, &wrap(DSIG, name, original)),
        _ => signature.to_owned(),
    };
    let forged = match to {
        Signature::Stays | Signature::Rises => forged.to_owned(),
        Signature::Moves | Signature::IsCopied => behind_issuer(forged, &signature),
        Signature::MovesToTheEnd => at_end(forged, &signature),
    };
    let arranged = match place {
        Original::Before => format!("{original}{forged}"),
        Original::Behind => format!("{forged}{original}"),
        Original::AtStart => at_start(&forged, original),
        Original::AtEnd => at_end(&forged, original),
        Original::Within(name) => within(&forged, name, original),
        Original::InNew(namespace, name) => at_end(&forged, &wrap(namespace, name, original)),
        Original::InNewAtStart(namespace, name) => {
            at_start(&forged, &wrap(namespace, name, original))
        }
        Original::InSignature | Original::InSignatureIn(_) => return Some(forged),
    };
    // Nothing was put in: there is no element of that name.
    (arranged != forged).then_some(arranged)
}

/// The genuine assertion stands where it stood, and the forged one hides.
fn hidden(victim: &Victim, genuine: &Part, attacks: &mut Attacks) {
    for (id_name, id) in ids(EVIL_ASSERTION, &genuine.id) {
        let forged = victim.forged(&genuine.bare_with(&id));
        let signed_too = genuine
            .signature
            .as_deref()
            .map(|signature| behind_issuer(&forged, signature));
        for (kind, forged) in [
            ("unsigned", Some(forged)),
            ("with the signature", signed_too),
        ] {
            let Some(forged) = forged else { continue };
            let places = [
                (
                    "in Extensions",
                    format!("{}{}", wrap(PROTOCOL, "Extensions", &forged), genuine.whole),
                ),
                (
                    "in an unknown element in front",
                    format!(
                        "{}{}",
                        wrap("urn:wrapper", "Wrapper", &forged),
                        genuine.whole
                    ),
                ),
                (
                    "in an unknown element behind",
                    format!(
                        "{}{}",
                        genuine.whole,
                        wrap("urn:wrapper", "Wrapper", &forged)
                    ),
                ),
                (
                    "in StatusDetail",
                    format!(
                        "{}{}",
                        wrap(PROTOCOL, "StatusDetail", &forged),
                        genuine.whole
                    ),
                ),
            ];
            for (place, content) in places {
                let name = format!("forged {place}, {kind}, {id_name}");
                attacks.harmless(SignatureWrapping, name, HIDDEN, victim.response(&content));
            }
            // The first of the name in the whole message: that of the outermost signature.
            for element in [
                "KeyInfo",
                "Signature",
                "SignatureValue",
                "SignedInfo",
                "Reference",
                "DigestValue",
            ] {
                let name = format!("forged in the genuine {element}, {kind}, {id_name}");
                let message = within(victim.text(), element, &forged);
                if message != victim.text() {
                    attacks.harmless(SignatureWrapping, name, HIDDEN, message);
                }
            }
        }
    }
    // Within what is signed, and under the attacker's own root.
    let forged = victim.evil_assertion();
    for element in [
        "Subject",
        "Conditions",
        "AttributeStatement",
        "AuthnContext",
        "Assertion",
    ] {
        let whole = within(&genuine.whole, element, &forged);
        if whole != genuine.whole && genuine.signature.is_some() {
            attacks.refused(
                SignatureWrapping,
                format!("forged within the signed {element}"),
                victim.response(&whole),
            );
        }
    }
    let evil = victim.response(&forged);
    let evil = replace_id(&evil, &victim.root.id, &format!(" ID=\"{EVIL_RESPONSE}\""));
    for (place, namespace, element) in [
        ("Extensions", PROTOCOL, "Extensions"),
        ("StatusDetail", PROTOCOL, "StatusDetail"),
        ("an unknown element", "urn:wrapper", "Wrapper"),
    ] {
        let genuine = wrap(namespace, element, &victim.root.whole);
        attacks.refused(
            SignatureWrapping,
            format!("the whole genuine response in {place} of a forged one"),
            behind_issuer(&evil, &genuine),
        );
        attacks.refused(
            SignatureWrapping,
            format!("the whole genuine response in {place} at the end of a forged one"),
            at_end(&evil, &genuine),
        );
    }
}
