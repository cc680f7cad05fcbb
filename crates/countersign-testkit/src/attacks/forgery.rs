//! Elements that an attacker writes, and what he can sign himself.

use super::edit::{behind_issuer, replace_id};
use super::must;
use super::signature::{SHA256, Template, digest_of, key_info};
use super::victim::{EVIL_ASSERTION, EVIL_RESPONSE, Victim};
use crate::keys;

/// What is forged: the assertion, or the whole message around it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Level {
    Assertion,
    Root,
}

/// A forged element, to be signed.
#[derive(Debug, Clone)]
pub(super) struct Forgery<'v> {
    pub(super) victim: &'v Victim,
    pub(super) level: Level,
    pub(super) id: String,
    /// Without a signature.
    pub(super) element: String,
}

impl<'v> Forgery<'v> {
    /// The forgeries on a message: under the genuine ID, or under one of the attacker's.
    pub(super) fn all(victim: &'v Victim, own_id: bool) -> Vec<Self> {
        let mut all = Vec::new();
        let bare_response = match &victim.assertion {
            Some(assertion) => {
                all.push((
                    Level::Assertion,
                    assertion,
                    assertion.bare.clone(),
                    EVIL_ASSERTION,
                ));
                victim.response(&assertion.bare)
            }
            None => victim.root.bare.clone(),
        };
        all.push((Level::Root, &victim.root, bare_response, EVIL_RESPONSE));
        all.into_iter()
            .map(|(level, part, bare, evil_id)| {
                let id = if own_id { evil_id } else { &part.id };
                Self {
                    victim,
                    level,
                    id: id.to_owned(),
                    element: victim.forged(&replace_id(&bare, &part.id, &format!(" ID=\"{id}\""))),
                }
            })
            .collect()
    }

    pub(super) fn digest(&self) -> Vec<u8> {
        must(digest_of(&self.element, "", SHA256))
    }

    /// The message in which `signature` is that of the forged element.
    pub(super) fn signed(&self, signature: &str) -> String {
        self.message(&behind_issuer(&self.element, signature))
    }

    /// The message with `element` in the forged one's place.
    pub(super) fn message(&self, element: &str) -> String {
        match self.level {
            Level::Assertion => self.victim.response(element),
            Level::Root => element.to_owned(),
        }
    }

    pub(super) fn name(&self, what: &str) -> String {
        match self.level {
            Level::Assertion => format!("{what}, assertion"),
            Level::Root => format!("{what}, root"),
        }
    }
}

/// The attacker's key.
pub(super) fn attackers_key() -> ring::rsa::KeyPair {
    must(ring::rsa::KeyPair::from_pkcs8(keys::OTHER_RSA_2048_PKCS8).ok())
}

pub(super) fn sign_as_attacker(message: &[u8]) -> Vec<u8> {
    let key = attackers_key();
    let mut value = vec![0; key.public().modulus_len()];
    let random = ring::rand::SystemRandom::new();
    must(
        key.sign(
            &ring::signature::RSA_PKCS1_SHA256,
            &random,
            message,
            &mut value,
        )
        .ok(),
    );
    value
}

/// The attacker's signature of a forged element, with his certificate.
pub(super) fn attackers_signature(forgery: &Forgery<'_>) -> String {
    let mut template = Template::honest(&forgery.id, &forgery.digest());
    template.key_info = key_info(&[keys::OTHER_RSA_2048_CERTIFICATE]);
    template.signed_with(sign_as_attacker)
}
