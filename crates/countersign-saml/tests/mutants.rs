//! Messages whose elements were moved, copied, wrapped and forged at random.

#![allow(
    clippy::unwrap_used,
    clippy::indexing_slicing,
    clippy::string_slice,
    clippy::arithmetic_side_effects,
    reason = "tests fail by panicking"
)]

mod support;

use countersign_saml::SignedPart;
use countersign_testkit::attacks::ATTACKER;
use countersign_testkit::idp::Sign;
use proptest::prelude::*;
use proptest::sample::{Index, select};
use std::ops::Range;
use support::{NURSE, sp, spec, test_idp, verify};

/// Where an element stands: its start tag, its end tag. Those of `<a/>` are one place.
#[derive(Debug, Clone)]
struct Place {
    start_tag: Range<usize>,
    end_tag: Range<usize>,
}

impl Place {
    fn whole(&self) -> Range<usize> {
        self.start_tag.start..self.end_tag.end
    }

    /// In front of it, at the start and at the end of its content, behind it.
    fn edges(&self) -> [usize; 4] {
        let Self { start_tag, end_tag } = self;
        [start_tag.start, start_tag.end, end_tag.start, end_tag.end]
    }
}

/// The elements of a message as far as tags can be paired: a message that was edited before may be
/// none any more.
fn places(xml: &str) -> Vec<Place> {
    let (mut places, mut open) = (Vec::new(), Vec::new());
    for (start, _) in xml.match_indices('<') {
        let end = xml[start..]
            .find('>')
            .map_or(xml.len(), |at| start + at + 1);
        let tag = &xml[start..end];
        if tag.starts_with("</") {
            if let Some(index) = open.pop() {
                let place: &mut Place = &mut places[index];
                place.end_tag = start..end;
            }
        } else if !tag.starts_with("<!") && !tag.starts_with("<?") {
            if !tag.ends_with("/>") {
                open.push(places.len());
            }
            places.push(Place {
                start_tag: start..end,
                end_tag: end..end,
            });
        }
    }
    places
}

#[derive(Debug, Clone)]
enum Mutation {
    Delete(Index),
    /// Copies an element to an edge of another, forged or not.
    Copy(Index, Index, usize, Forgery),
    Move(Index, Index, usize),
    /// Puts an element in a forged copy of itself.
    WrapInItself(Index, Forgery),
    Wrap(Index, &'static str),
    Rename(Index, &'static str),
    AddAttribute(Index, &'static str),
    Insert(Index, usize, &'static str),
    ReplaceOnce(&'static str, &'static str),
}

/// How a copy differs from its original.
#[derive(Debug, Clone, Copy)]
enum Forgery {
    None,
    /// The attacker's name under the same ID.
    Name,
    /// The attacker's name under another ID.
    NameAndId,
    /// The attacker's name under the same ID, in an attribute that some take for one.
    NameAndKindOfId,
}

impl Forgery {
    fn of(self, xml: &str) -> String {
        let named = xml.replace(NURSE, ATTACKER);
        match self {
            Self::None => xml.to_owned(),
            Self::Name => named,
            Self::NameAndId => named.replace(" ID=\"", " ID=\"_evil"),
            Self::NameAndKindOfId => named.replace(" ID=", " Id="),
        }
    }
}

fn mutation() -> impl Strategy<Value = Mutation> {
    let place = any::<Index>;
    let edge = || 0_usize..4;
    let forgery = || {
        select(vec![
            Forgery::None,
            Forgery::Name,
            Forgery::NameAndId,
            Forgery::NameAndKindOfId,
        ])
    };
    let name = || {
        select(vec![
            "saml:Advice",
            "saml:Assertion",
            "saml:AttributeValue",
            "saml:NameID",
            "saml:Subject",
            "saml:SubjectConfirmationData",
            "samlp:Extensions",
            "samlp:Response",
            "samlp:StatusDetail",
            "ds:Object",
            "ds:Signature",
        ])
    };
    let attribute = select(vec![
        " ID=\"_x\"",
        " Id=\"_x\"",
        " xml:id=\"_x\"",
        " xmlns=\"\"",
        " xmlns:saml=\"urn:x\"",
        " xmlns:ds=\"urn:x\"",
        " xmlns:x=\"urn:x\"",
        " xml:lang=\"en\"",
        " xmlns:i=\"http://www.w3.org/2001/XMLSchema-instance\" i:nil=\"true\"",
        " InResponseTo=\"_request-1\"",
        " Version=\"2.0\"",
    ]);
    let piece = select(vec![
        "<!-- -->",
        "<![CDATA[]]>",
        "<![CDATA[x]]>",
        "<?x y?>",
        "&#65;",
        "\r\n",
        " ",
        "x",
        "<x/>",
        ATTACKER,
    ]);
    let once = select(vec![
        (" ID=", " Id="),
        (" ID=", " xml:id="),
        ("URI=\"#", "URI=\"#_evil"),
        ("samlp:", "saml:"),
        (NURSE, ATTACKER),
    ]);
    prop_oneof![
        place().prop_map(Mutation::Delete),
        (place(), place(), edge(), forgery())
            .prop_map(|(from, to, edge, forgery)| Mutation::Copy(from, to, edge, forgery)),
        (place(), place(), edge()).prop_map(|(from, to, edge)| Mutation::Move(from, to, edge)),
        (place(), forgery()).prop_map(|(at, forgery)| Mutation::WrapInItself(at, forgery)),
        (place(), name()).prop_map(|(at, name)| Mutation::Wrap(at, name)),
        (place(), name()).prop_map(|(at, name)| Mutation::Rename(at, name)),
        (place(), attribute).prop_map(|(at, attribute)| Mutation::AddAttribute(at, attribute)),
        (place(), edge(), piece).prop_map(|(at, edge, piece)| Mutation::Insert(at, edge, piece)),
        once.prop_map(|(from, to)| Mutation::ReplaceOnce(from, to)),
    ]
}

fn apply(xml: &mut String, mutation: &Mutation) {
    let places = places(xml);
    if places.is_empty() {
        return;
    }
    match mutation {
        Mutation::Delete(at) => xml.replace_range(at.get(&places).whole(), ""),
        Mutation::Copy(from, to, edge, forgery) => {
            let copy = forgery.of(&xml[from.get(&places).whole()]);
            xml.insert_str(to.get(&places).edges()[*edge], &copy);
        }
        Mutation::Move(from, to, edge) => {
            let from = from.get(&places).whole();
            let to = to.get(&places).edges()[*edge];
            let moved = xml[from.clone()].to_owned();
            if to <= from.start {
                xml.replace_range(from, "");
                xml.insert_str(to, &moved);
            } else if to >= from.end {
                xml.insert_str(to, &moved);
                xml.replace_range(from, "");
            }
        }
        Mutation::WrapInItself(at, forgery) => {
            let place = at.get(&places);
            let original = xml[place.whole()].to_owned();
            let start_tag = forgery.of(&xml[place.start_tag.clone()]);
            let rest = forgery.of(&xml[place.start_tag.end..place.end_tag.end]);
            xml.replace_range(place.whole(), &format!("{start_tag}{original}{rest}"));
        }
        Mutation::Wrap(at, name) => {
            let place = at.get(&places).whole();
            let dsig = "http://www.w3.org/2000/09/xmldsig#";
            let wrapped = format!(
                "<{name} xmlns:ds=\"{dsig}\">{}</{name}>",
                &xml[place.clone()]
            );
            xml.replace_range(place, &wrapped);
        }
        Mutation::Rename(at, name) => {
            let Place { start_tag, end_tag } = at.get(&places);
            let old = xml[start_tag.start + 1..start_tag.end]
                .split([' ', '/', '>'])
                .next()
                .unwrap()
                .len();
            if !end_tag.is_empty() {
                xml.replace_range(end_tag.start + 2..end_tag.end - 1, name);
            }
            xml.replace_range(start_tag.start + 1..start_tag.start + 1 + old, name);
        }
        Mutation::AddAttribute(at, attribute) => {
            let tag = &at.get(&places).start_tag;
            let end = xml[tag.clone()].find([' ', '/', '>']).unwrap_or(1);
            xml.insert_str(tag.start + end, attribute);
        }
        Mutation::Insert(at, edge, piece) => xml.insert_str(at.get(&places).edges()[*edge], piece),
        Mutation::ReplaceOnce(from, to) => *xml = xml.replacen(from, to, 1),
    }
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(1024))]

    /// An attacker may move what he likes: the person and everything said about her stay.
    #[test]
    fn a_mutant_is_refused_or_claims_the_same(
        sign in select(vec![Sign::Assertion, Sign::Response, Sign::Both]),
        part in select(vec![SignedPart::Any, SignedPart::Assertion, SignedPart::Response]),
        mutations in prop::collection::vec(mutation(), 1..4),
    ) {
        let mut spec = spec().signed(sign);
        spec.response_xml = "<samlp:Extensions/>".to_owned();
        spec.assertion_xml = "<saml:Advice/>".to_owned();
        let genuine = String::from_utf8(test_idp().respond(&spec)).unwrap();
        let expected = verify(&sp(), genuine.as_bytes()).unwrap();
        let mut mutant = genuine;
        for mutation in &mutations {
            apply(&mut mutant, mutation);
        }
        let sp = sp().with_signed_part(part);
        if let Ok(identity) = verify(&sp, mutant.as_bytes()) {
            prop_assert_eq!(identity.claims(), expected.claims());
            let id = |identity: &countersign_core::VerifiedIdentity| identity.evidence().assertion_id.clone();
            prop_assert_eq!(id(&identity), id(&expected));
        }
    }
}

/// The pieces that mutations are made of do what they say.
#[test]
fn a_forgery_beside_the_signed_assertion_is_among_the_mutants() {
    let mut mutant = String::from_utf8(test_idp().respond(&spec())).unwrap();
    let assertion = mutant.find("<saml:Assertion").unwrap();
    let at = places(&mutant)
        .iter()
        .position(|place| place.start_tag.start == assertion)
        .unwrap();
    let place = places(&mutant)[at].clone();
    let forged = Forgery::NameAndId.of(&mutant[place.whole()]);
    mutant.insert_str(place.edges()[0], &forged);
    assert!(mutant.contains(ATTACKER));
    assert_eq!(
        verify(&sp(), mutant.as_bytes()).unwrap_err().code(),
        "saml.several_assertions"
    );
}
