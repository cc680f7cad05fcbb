//! Attacks on a service provider, each made from a response that it accepts.
//!
//! [`on`] takes any valid response, of whatever provider and in whatever style of prefixes and
//! signatures, and makes more than a thousand attacks of it: what an attacker can do who has seen
//! one response, or has an account of his own. [`by_provider`] makes those that need the key of
//! the provider, which a [`TestIdp`](crate::idp::TestIdp) lends: genuine signatures over what is meant for somebody else,
//! has a form that nobody should accept, or belongs to another kind of message. [`by_encrypting`]
//! and [`on_encrypted`] are about encryption, [`on_query`] is about redirects, and [`on_message`]
//! attacks any other signed message.
//!
//! [`run`] sends them to an integration, however that is called, and says by [`AttackClass`] what
//! came of them. An attack has failed if it was refused; for some, which say so and why
//! ([`Expectation::Harmless`]), also if it was accepted as if nothing had been changed.
//!
//! ```
//! use countersign_core::Timestamp;
//! use countersign_saml::{Expect, IdentityProvider, Inbound, ServiceProvider};
//! use countersign_testkit::attacks::{self, Message};
//! use countersign_testkit::idp::{ResponseSpec, TestIdp};
//!
//! let now: Timestamp = "2026-03-01T09:30:00Z".parse()?;
//! let sp = ServiceProvider::new("https://sign.example/saml", "https://sign.example/saml/acs")?;
//! let idp = TestIdp::new("https://idp.example/metadata");
//! let trusted = IdentityProvider::from_metadata(idp.metadata().as_bytes())?;
//! let spec = ResponseSpec::new(sp.entity_id(), sp.acs_url(), "nurse@acme.example", now);
//! let genuine = idp.respond(&spec);
//!
//! let attacks = attacks::on(&genuine);
//! assert!(attacks.len() > 1000);
//! # let attacks: Vec<_> = attacks.into_iter().step_by(50).filter(|attack| attack.messages.len() == 1).collect();
//! let report = attacks::run(&attacks, &genuine, |messages| {
//!     let message = messages.last()?;
//!     let form_value = message.form_value();
//!     countersign_saml::verify(&sp, &trusted, Inbound::Post(&form_value), Expect::Unsolicited, now)
//!         .ok()
//!         .map(|verified| verified.insecure_without_replay_check().into_identity().claims().clone())
//! });
//! report.assert_none_got_in();
//! # Ok::<(), Box<dyn std::error::Error>>(())
//! ```

mod attack;
mod class;
mod edit;
mod encrypted;
mod envelope;
mod forged_signature;
mod forgery;
mod genuine_signature;
mod limits;
mod names;
mod provider;
mod redirect;
mod run;
pub(crate) mod signature;
mod signed_info;
mod text;
pub(crate) mod tree;
mod victim;
mod wrapping;

pub use attack::{Attack, Expectation, Message};
pub use class::AttackClass;
pub use provider::by_provider;
pub use run::{Outcome, Report, run};
pub use victim::Victim;

use attack::Attacks;

/// Who the attacker wants to be.
pub const ATTACKER: &str = "attacker@evil.example";

/// Every attack on a valid response that needs nobody's key.
///
/// # Panics
/// If it is no response with an assertion and a name identifier: what attacks it would prove
/// nothing.
#[must_use]
pub fn on(response: &[u8]) -> Vec<Attack> {
    let victim = Victim::of(response);
    let mut attacks = on_any(&victim);
    envelope::attack(&victim, &mut attacks);
    attacks.into_vec()
}

/// The same on another signed message: metadata, a request, a logout. All are of the class
/// [`AttackClass::OtherMessages`].
///
/// The attacker wants his own in place of `prize`, which is some text of the message, for example
/// an entity id, a name identifier or a URL.
///
/// # Panics
/// If it is no XML, or `prize` is not in it.
#[must_use]
pub fn on_message(message: &[u8], prize: &str) -> Vec<Attack> {
    let victim = Victim::of_message(message, prize);
    let mut attacks = on_any(&victim).into_vec();
    for attack in &mut attacks {
        if attack.class == AttackClass::ResourceExhaustion {
            attack.expectation =
                Expectation::Harmless("metadata of a federation is large by right");
        }
        attack.name = format!("{}: {}", attack.class, attack.name);
        attack.class = AttackClass::OtherMessages;
    }
    attacks
}

/// What can be done to any signed message.
fn on_any(victim: &Victim) -> Attacks {
    let mut attacks = Attacks::on(victim);
    wrapping::attack(victim, &mut attacks);
    text::attack(victim, &mut attacks);
    forged_signature::attack(victim, &mut attacks);
    signed_info::attack(victim, &mut attacks);
    genuine_signature::attack(victim, &mut attacks);
    names::attack(victim, &mut attacks);
    limits::attack(victim, &mut attacks);
    attacks
}

/// Every attack with forged and genuine assertions in encryption, made from a valid response that is
/// not encrypted. `certificate` (DER) is that of the service provider: everybody has it.
///
/// # Panics
/// As [`on`], and if the certificate is none with an RSA key.
#[must_use]
pub fn by_encrypting(response: &[u8], certificate: &[u8]) -> Vec<Attack> {
    encrypted::forgeries(&Victim::of(response), certificate)
}

/// Every attack on the ciphertexts of a valid response that is encrypted: bits flipped, cut short,
/// under other algorithms and keys. If the refusals differ in anything that a stranger can see, he
/// has an oracle.
///
/// # Panics
/// If it is no XML.
#[must_use]
pub fn on_encrypted(response: &[u8]) -> Vec<Attack> {
    encrypted::oracles(must(std::str::from_utf8(response).ok()))
}

/// Every attack on the raw query of a signed redirect that needs nobody's key. Each is sent as a
/// [`Message::Query`].
///
/// The attacker wants his own in place of `prize`, which is some text of the message.
///
/// # Panics
/// If it is no query with a deflated message, or `prize` is not in that.
#[must_use]
pub fn on_query(query: &str, prize: &str) -> Vec<Attack> {
    redirect::attacks(query, prize)
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
