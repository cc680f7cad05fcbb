//! One thing that is wrong, or odd, in a policy.

use std::fmt;

use countersign_core::{ConnectionId, RoleName, RuleId};

/// How much a finding weighs.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Severity {
    /// The policy can not mean what it says: it is not loaded.
    Error,
    /// The policy means something, but hardly what was meant.
    Warning,
    /// Worth knowing.
    Note,
}

impl Severity {
    /// Its name.
    #[must_use]
    pub fn name(self) -> &'static str {
        match self {
            Self::Error => "error",
            Self::Warning => "warning",
            Self::Note => "note",
        }
    }
}

/// What a finding is about.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash)]
#[non_exhaustive]
pub enum Place {
    /// The policy as a whole.
    Policy,
    /// A rule.
    Rule(RuleId),
    /// A condition of a rule, by its number, from 0.
    Condition(RuleId, usize),
    /// What a rule gives of a role.
    Grant(RuleId, RoleName),
    /// A role that a rule denies.
    Denial(RuleId, RoleName),
    /// A role.
    Role(RoleName),
    /// A connection.
    Connection(ConnectionId),
    /// A set of separation of duty, by its number, from 0.
    DutySet(usize),
    /// An exclusive group, by its name.
    ExclusiveGroup(String),
}

impl Place {
    /// The rule that it is in, if it is in one.
    #[must_use]
    pub fn rule(&self) -> Option<&RuleId> {
        match self {
            Self::Rule(rule)
            | Self::Condition(rule, _)
            | Self::Grant(rule, _)
            | Self::Denial(rule, _) => Some(rule),
            _ => None,
        }
    }
}

/// One thing that is wrong, or odd, in a policy, and what to do about it.
#[derive(Debug, Clone, PartialEq, Eq)]
#[non_exhaustive]
pub struct Finding {
    /// How much it weighs.
    pub severity: Severity,
    /// A stable code.
    pub code: &'static str,
    /// What it is about.
    pub place: Place,
    /// What is wrong.
    pub message: String,
    /// What to do about it.
    pub fix: String,
}

impl Finding {
    /// A finding about `place`.
    #[must_use]
    pub fn new(
        (severity, code): (Severity, &'static str),
        place: Place,
        message: impl Into<String>,
        fix: impl Into<String>,
    ) -> Self {
        Self {
            severity,
            code,
            place,
            message: message.into(),
            fix: fix.into(),
        }
    }

    /// The rule that it is about, if it is about one.
    #[must_use]
    pub fn rule(&self) -> Option<&RuleId> {
        self.place.rule()
    }

    /// Whether the policy is not loaded because of it.
    #[must_use]
    pub fn is_error(&self) -> bool {
        self.severity == Severity::Error
    }
}

impl fmt::Display for Finding {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}; {}", self.message, self.fix)
    }
}
