//! One attack: what is sent, and what must come of it.

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;

use super::{AttackClass, Victim};

/// Something that is sent to a service provider.
#[derive(Debug, Clone, PartialEq, Eq)]
#[non_exhaustive]
pub enum Message {
    /// XML, which a browser posts as base64.
    Xml(Vec<u8>),
    /// The value of the form field `SAMLResponse`, where it is not what base64 of XML looks like.
    Post(Vec<u8>),
    /// The raw query of a redirect, without the `?`. Only [`on_query`](super::on_query) makes it.
    Query(Vec<u8>),
}

impl From<&[u8]> for Message {
    /// XML.
    fn from(xml: &[u8]) -> Self {
        Self::Xml(xml.to_vec())
    }
}

impl From<&Vec<u8>> for Message {
    /// XML.
    fn from(xml: &Vec<u8>) -> Self {
        Self::Xml(xml.clone())
    }
}

impl Message {
    /// The value of the form field `SAMLResponse`, before the form's own encoding; of a query the
    /// query as it is, which no form carries.
    #[must_use]
    pub fn form_value(&self) -> Vec<u8> {
        match self {
            Self::Xml(xml) => STANDARD.encode(xml).into_bytes(),
            Self::Post(value) | Self::Query(value) => value.clone(),
        }
    }
}

/// What must come of an attack.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[non_exhaustive]
pub enum Expectation {
    /// The message is refused.
    Refused,
    /// The message is refused, or accepted with the claims of the genuine one, and why that does no
    /// harm.
    Harmless(&'static str),
}

/// One attack.
#[derive(Debug, Clone)]
#[non_exhaustive]
pub struct Attack {
    /// Its class.
    pub class: AttackClass,
    /// Its name, distinct among those on one message.
    pub name: String,
    /// What is sent, in this order, to a service provider that remembers nothing yet. The last is
    /// the attack; those before it may be accepted.
    pub messages: Vec<Message>,
    /// What must come of the last message.
    pub expectation: Expectation,
}

impl Attack {
    /// The message that attacks.
    #[must_use]
    pub fn message(&self) -> Option<&Message> {
        self.messages.last()
    }
}

/// Attacks on one message as they are made.
#[derive(Debug)]
pub(super) struct Attacks {
    genuine: Message,
    /// Whether it has a signature left where one is spoilt.
    has_two_signatures: bool,
    made: Vec<Attack>,
}

impl Attacks {
    pub(super) fn on(victim: &Victim) -> Self {
        let assertion = victim.assertion.as_ref();
        let of_assertion = assertion.is_some_and(|part| part.signature.is_some());
        Self {
            genuine: Message::Xml(victim.text().as_bytes().to_vec()),
            has_two_signatures: victim.root.signature.is_some() && of_assertion,
            made: Vec::new(),
        }
    }

    /// Must be refused.
    pub(super) fn refused(
        &mut self,
        class: AttackClass,
        name: impl Into<String>,
        xml: impl Into<Vec<u8>>,
    ) {
        self.send(class, name, Message::Xml(xml.into()), Expectation::Refused);
    }

    /// Refused, or as if nothing had been changed.
    pub(super) fn harmless(
        &mut self,
        class: AttackClass,
        name: impl Into<String>,
        why: &'static str,
        xml: impl Into<Vec<u8>>,
    ) {
        let expectation = Expectation::Harmless(why);
        self.send(class, name, Message::Xml(xml.into()), expectation);
    }

    /// A signature is spoilt, and nothing else: refused, unless there is another signature.
    pub(super) fn spoilt(
        &mut self,
        class: AttackClass,
        name: impl Into<String>,
        xml: impl Into<Vec<u8>>,
    ) {
        if self.has_two_signatures {
            self.harmless(
                class,
                name,
                "the host may have chosen the other signature",
                xml,
            );
        } else {
            self.refused(class, name, xml);
        }
    }

    pub(super) fn send(
        &mut self,
        class: AttackClass,
        name: impl Into<String>,
        message: Message,
        expectation: Expectation,
    ) {
        if message != self.genuine {
            self.push(class, name, vec![message], expectation);
        }
    }

    pub(super) fn push(
        &mut self,
        class: AttackClass,
        name: impl Into<String>,
        messages: Vec<Message>,
        expectation: Expectation,
    ) {
        self.made.push(Attack {
            class,
            name: name.into(),
            messages,
            expectation,
        });
    }

    pub(super) fn into_vec(self) -> Vec<Attack> {
        self.made
    }
}
