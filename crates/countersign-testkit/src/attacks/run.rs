//! Running attacks against an integration, and what came of them.

use std::collections::BTreeMap;
use std::fmt;

use super::{Attack, AttackClass, Expectation, Message};

/// What came of one attack.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Outcome {
    /// The message was refused.
    Refused,
    /// It was accepted, with the claims of the genuine message, where that does no harm.
    Harmless,
    /// It was accepted and must not have been.
    GotIn,
}

/// What came of all attacks.
#[derive(Debug, Clone)]
pub struct Report {
    /// Each attack's class, name, and what came of it; for those that got in, as whom.
    results: Vec<(AttackClass, String, Outcome, String)>,
}

/// Runs attacks.
///
/// `sign_in` sends messages in their order to an integration that remembers nothing from earlier
/// calls, and gives what the *last* one was accepted as: whatever the host derives from the claims
/// (a user's name, all attributes), or `None` if it was refused. It is first called with `genuine`
/// alone, which says who the victim is.
///
/// # Panics
/// If the genuine message is refused: attacks on it would prove nothing.
///
/// # Examples
/// Against an HTTP endpoint, `sign_in` posts [`Message::form_value`] as `SAMLResponse`, and asks
/// afterwards who is signed in:
///
/// ```no_run
/// use countersign_testkit::attacks;
/// # fn start_application() -> App { App }
/// # struct App;
/// # impl App {
/// #     fn post(&self, path: &str, form: &[(&str, String)]) -> bool { true }
/// #     fn signed_in_user(&self) -> Option<String> { None }
/// # }
/// # let response: Vec<u8> = Vec::new();
/// let report = attacks::run(&attacks::on(&response), &response, |messages| {
///     let app = start_application(); // with an empty replay memory
///     for message in messages {
///         let value = String::from_utf8_lossy(&message.form_value()).into_owned();
///         app.post("/saml/acs", &[("SAMLResponse", value)]);
///     }
///     app.signed_in_user()
/// });
/// report.assert_none_got_in();
/// ```
#[allow(
    clippy::panic,
    reason = "called by tests only; attacks on nothing have to fail them"
)]
pub fn run<'a, C: PartialEq + fmt::Debug>(
    attacks: impl IntoIterator<Item = &'a Attack>,
    genuine: impl Into<Message>,
    mut sign_in: impl FnMut(&[Message]) -> Option<C>,
) -> Report {
    let Some(victim) = sign_in(&[genuine.into()]) else {
        panic!("the genuine message is refused; attacks on it would prove nothing");
    };
    let results = attacks.into_iter().map(|attack| {
        let (outcome, who) = match (sign_in(&attack.messages), attack.expectation) {
            (None, _) => (Outcome::Refused, String::new()),
            (Some(claims), Expectation::Harmless(_)) if claims == victim => {
                (Outcome::Harmless, String::new())
            }
            (Some(claims), _) => (Outcome::GotIn, format!("{claims:?}")),
        };
        (attack.class, attack.name.clone(), outcome, who)
    });
    Report {
        results: results.collect(),
    }
}

impl Report {
    /// Each attack's class, name, and what came of it.
    pub fn results(&self) -> impl Iterator<Item = (AttackClass, &str, Outcome)> {
        self.results
            .iter()
            .map(|(class, name, outcome, _)| (*class, name.as_str(), *outcome))
    }

    /// The attacks that got in: class, name, and as whom.
    pub fn got_in(&self) -> impl Iterator<Item = (AttackClass, &str, &str)> {
        self.results
            .iter()
            .filter(|(_, _, outcome, _)| *outcome == Outcome::GotIn)
            .map(|(class, name, _, who)| (*class, name.as_str(), who.as_str()))
    }

    /// How many attacks were run.
    #[must_use]
    pub fn count(&self) -> usize {
        self.results.len()
    }

    /// # Panics
    /// If an attack got in; the message lists them all.
    #[track_caller]
    pub fn assert_none_got_in(&self) {
        assert!(self.got_in().next().is_none(), "{self}");
    }
}

impl fmt::Display for Report {
    /// A table by class, and every attack that got in.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let mut classes: BTreeMap<AttackClass, [u32; 3]> = BTreeMap::new();
        for (class, _, outcome, _) in &self.results {
            let [refused, harmless, got_in] = classes.entry(*class).or_default();
            let count = match outcome {
                Outcome::Refused => refused,
                Outcome::Harmless => harmless,
                Outcome::GotIn => got_in,
            };
            *count = count.saturating_add(1);
        }
        writeln!(f, "refused harmless got in  class")?;
        for (class, [refused, harmless, got_in]) in classes {
            writeln!(f, "{refused:7} {harmless:8} {got_in:6}  {class}")?;
        }
        for (class, name, who) in self.got_in() {
            writeln!(f, "GOT IN: {class}: {name}, as {who}")?;
        }
        Ok(())
    }
}
