//! Attacks on a response, each made from a response that is accepted.
//!
//! The wrapping permutations are those of Somorovsky et al., *On Breaking SAML: Be Whoever You
//! Want to Be* (2012), in the numbering that testing tools use. Parts are moved in their canonical
//! form, so that a signature of a moved part still verifies: only its place is wrong.

use countersign_dsig::c14n::{Canonicalization, canonicalize};
use countersign_dsig::xml::{Document, Element, Limits};

const ASSERTION: &str = "urn:oasis:names:tc:SAML:2.0:assertion";
const SIGNATURE: &str = "http://www.w3.org/2000/09/xmldsig#";

/// Who the attacker wants to be.
pub const ATTACKER: &str = "attacker@evil.example";

/// The IDs that the attacker gives to what he adds.
const EVIL_RESPONSE: &str = "_evil-response";
const EVIL_ASSERTION: &str = "_evil-assertion";

/// An accepted response, taken apart.
#[derive(Debug, Clone)]
pub struct Victim {
    /// The start tag of the response.
    start_tag: String,
    /// The end tag of the response.
    end_tag: String,
    response_id: String,
    assertion_id: String,
    name_id: String,
    /// Everything between the tags, the response's signature and the assertion left out.
    head: String,
    response_signature: Option<String>,
    /// The whole response without its own signature.
    bare_response: String,
    assertion: String,
    assertion_signature: Option<String>,
    /// The assertion without its own signature.
    bare_assertion: String,
}

impl Victim {
    /// Takes a response apart.
    ///
    /// # Panics
    /// If it is no response with an assertion and a name identifier: the test that attacks it
    /// would prove nothing.
    #[must_use]
    pub fn of(response: &[u8]) -> Self {
        let document = must(Document::parse(response, &Limits::default()).ok());
        let root = document.root();
        let assertion = must(child(root, ASSERTION, "Assertion"));
        let subject = must(child(assertion, ASSERTION, "Subject"));
        let name_id = must(child(subject, ASSERTION, "NameID"));
        let response_signature = child(root, SIGNATURE, "Signature");
        let assertion_signature = child(assertion, SIGNATURE, "Signature");
        let bare_response = canonical(root, response_signature);
        let (start_tag, rest) = must(bare_response.split_once('>'));
        let (_, end_tag) = must(rest.rsplit_once("</"));
        let head = root
            .children()
            .filter(|child| Some(*child) != response_signature && *child != assertion)
            .map(|child| canonical(child, None))
            .collect();
        Self {
            start_tag: format!("{start_tag}>"),
            end_tag: format!("</{end_tag}"),
            response_id: must(root.attribute("ID")).to_owned(),
            assertion_id: must(assertion.attribute("ID")).to_owned(),
            name_id: must(name_id.text().ok()).into_owned(),
            head,
            response_signature: response_signature.map(|signature| canonical(signature, None)),
            assertion: canonical(assertion, None),
            assertion_signature: assertion_signature.map(|signature| canonical(signature, None)),
            bare_assertion: canonical(assertion, assertion_signature),
            bare_response,
        }
    }

    /// A copy of the assertion, unsigned, with another ID and about the attacker.
    fn evil_assertion(&self) -> String {
        self.forged_assertion(EVIL_ASSERTION)
    }

    fn forged_assertion(&self, id: &str) -> String {
        self.bare_assertion
            .replace(&self.assertion_id, id)
            .replace(&self.name_id, ATTACKER)
    }

    /// A response around `content`, under the original's ID.
    fn response(&self, content: &str) -> Vec<u8> {
        format!("{}{}{content}{}", self.start_tag, self.head, self.end_tag).into_bytes()
    }

    /// A response around `content`, under the attacker's ID.
    fn evil_response(&self, content: &str) -> Vec<u8> {
        format!(
            "{}{}{content}{}",
            self.start_tag.replace(&self.response_id, EVIL_RESPONSE),
            self.head,
            self.end_tag
        )
        .into_bytes()
    }

    /// XSW 1: a forged response, whose signature holds the original response.
    #[must_use]
    pub fn xsw1(&self) -> Vec<u8> {
        let signature = must(self.response_signature.as_deref());
        let wrapped = insert_at_end(signature, &self.bare_response);
        self.evil_response(&format!("{wrapped}{}", self.evil_assertion()))
    }

    /// XSW 2: a forged response, with the original response beside its signature.
    #[must_use]
    pub fn xsw2(&self) -> Vec<u8> {
        let signature = must(self.response_signature.as_deref());
        self.evil_response(&format!(
            "{}{signature}{}",
            self.bare_response,
            self.evil_assertion()
        ))
    }

    /// XSW 3: a forged assertion in front of the signed one.
    #[must_use]
    pub fn xsw3(&self) -> Vec<u8> {
        self.response(&format!("{}{}", self.evil_assertion(), self.assertion))
    }

    /// XSW 4: a forged assertion around the signed one.
    #[must_use]
    pub fn xsw4(&self) -> Vec<u8> {
        self.response(&insert_at_end(&self.evil_assertion(), &self.assertion))
    }

    /// XSW 5: a forged assertion with the original's signature, and the original behind it.
    #[must_use]
    pub fn xsw5(&self) -> Vec<u8> {
        let signature = must(self.assertion_signature.as_deref());
        let evil = insert_at_end(&self.evil_assertion(), signature);
        self.response(&format!("{evil}{}", self.bare_assertion))
    }

    /// XSW 6: a forged assertion with the original's signature, which holds the original.
    #[must_use]
    pub fn xsw6(&self) -> Vec<u8> {
        let signature = must(self.assertion_signature.as_deref());
        let wrapped = insert_at_end(signature, &self.bare_assertion);
        self.response(&insert_at_end(&self.evil_assertion(), &wrapped))
    }

    /// XSW 7: a forged assertion of the same ID within `Extensions`.
    #[must_use]
    pub fn xsw7(&self) -> Vec<u8> {
        self.extensions(&self.assertion_id)
    }

    /// XSW 7 with an ID of its own, so that nothing is ambiguous but the path.
    #[must_use]
    pub fn xsw7_with_another_id(&self) -> Vec<u8> {
        self.extensions(EVIL_ASSERTION)
    }

    fn extensions(&self, id: &str) -> Vec<u8> {
        self.response(&format!(
            r#"<x:Extensions xmlns:x="urn:oasis:names:tc:SAML:2.0:protocol">{}</x:Extensions>{}"#,
            self.forged_assertion(id),
            self.assertion
        ))
    }

    /// XSW 8: a forged assertion with the original's signature, whose `Object` holds the original.
    #[must_use]
    pub fn xsw8(&self) -> Vec<u8> {
        let signature = must(self.assertion_signature.as_deref());
        let object = format!(
            r#"<x:Object xmlns:x="{SIGNATURE}">{}</x:Object>"#,
            self.bare_assertion
        );
        let wrapped = insert_at_end(signature, &object);
        self.response(&insert_at_end(&self.evil_assertion(), &wrapped))
    }

    /// A forged assertion behind the signed one.
    #[must_use]
    pub fn sibling_behind(&self) -> Vec<u8> {
        self.response(&format!("{}{}", self.assertion, self.evil_assertion()))
    }

    /// A forged assertion beside the signed one, which hides in an unknown element.
    #[must_use]
    pub fn sibling_of_a_hidden_original(&self) -> Vec<u8> {
        self.response(&format!(
            "{}<wrapper>{}</wrapper>",
            self.evil_assertion(),
            self.assertion
        ))
    }

    /// A forged assertion whose `Advice` holds the signed one.
    #[must_use]
    pub fn original_as_advice(&self) -> Vec<u8> {
        let advice = format!(
            r#"<x:Advice xmlns:x="{ASSERTION}">{}</x:Advice>"#,
            self.assertion
        );
        self.response(&insert_at_end(&self.evil_assertion(), &advice))
    }

    /// A forged assertion that stands beside the response's signature under the same ID.
    #[must_use]
    pub fn same_id_twice(&self) -> Vec<u8> {
        self.response(&format!(
            "{}{}",
            self.forged_assertion(&self.assertion_id),
            self.assertion
        ))
    }

    /// All signatures taken out, and the name changed.
    #[must_use]
    pub fn stripped(&self) -> Vec<u8> {
        self.response(&self.bare_assertion.replace(&self.name_id, ATTACKER))
    }

    /// The name changed under the signature.
    #[must_use]
    pub fn renamed(&self) -> Vec<u8> {
        self.response(&self.assertion.replace(&self.name_id, ATTACKER))
    }

    /// A comment in the middle of the name: canonical XML leaves it out, so the signature holds,
    /// and a reader that stops at the comment sees another name.
    #[must_use]
    pub fn comment_in_name(&self) -> Vec<u8> {
        self.split_name("<!-- -->")
    }

    /// A processing instruction in the middle of the name.
    #[must_use]
    pub fn instruction_in_name(&self) -> Vec<u8> {
        self.split_name("<?x y?>")
    }

    /// A CDATA section around the middle of the name: another text form of the same text.
    #[must_use]
    pub fn cdata_in_name(&self) -> Vec<u8> {
        self.split_name("<![CDATA[]]>")
    }

    fn split_name(&self, by: &str) -> Vec<u8> {
        let middle = self.name_id.chars().count() / 2;
        let (first, second): (Vec<_>, Vec<_>) = self
            .name_id
            .chars()
            .enumerate()
            .partition(|(n, _)| *n < middle);
        let text = |part: Vec<(usize, char)>| part.into_iter().map(|(_, c)| c).collect::<String>();
        let split = format!("{}{by}{}", text(first), text(second));
        self.response(&self.assertion.replace(&self.name_id, &split))
    }

    /// A document type that declares an entity, and the name that uses it.
    #[must_use]
    pub fn entity_in_name(&self) -> Vec<u8> {
        let body = self.response(&self.assertion.replace(&self.name_id, "&who;"));
        let mut xml = format!(r#"<!DOCTYPE r [<!ENTITY who "{ATTACKER}">]>"#).into_bytes();
        xml.extend(body);
        xml
    }

    /// Two copies of the assertion's signature.
    #[must_use]
    pub fn signature_twice(&self) -> Vec<u8> {
        let signature = must(self.assertion_signature.as_deref());
        self.response(&insert_at_end(&self.assertion, signature))
    }
}

fn child<'d>(parent: Element<'d>, namespace: &str, name: &str) -> Option<Element<'d>> {
    parent.children().find(|child| child.is(namespace, name))
}

fn canonical(element: Element<'_>, omit: Option<Element<'_>>) -> String {
    let bytes = must(canonicalize(element, &Canonicalization::exclusive(), omit).ok());
    must(String::from_utf8(bytes).ok())
}

/// Puts `inner` at the end of the element `outer`.
fn insert_at_end(outer: &str, inner: &str) -> String {
    let (content, end_tag) = must(outer.rsplit_once("</"));
    format!("{content}{inner}</{end_tag}")
}

/// The value, or the end of the test whose victim does not fit the attack.
#[allow(
    clippy::panic,
    reason = "called by tests only; an attack on nothing has to fail them"
)]
fn must<T>(value: Option<T>) -> T {
    match value {
        Some(value) => value,
        None => panic!("the response does not have what this attack needs"),
    }
}
