//! A decision in words: what every rule said, and what became of every role.

use std::borrow::Cow;

use countersign_core::{
    ConnectionId, Facts, Grant, GrantOwner, Groups, RoleName, RuleId, Timestamp,
};
use countersign_roles::{Condition, GrantDelta, TakeReason, Verdict};
use serde::Serialize;

use crate::plan::Plan;
use crate::policy::Policy;

/// A stable code, and the same in words that name no personal data.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
#[non_exhaustive]
pub struct Said {
    /// The code.
    pub code: &'static str,
    /// The words.
    pub text: String,
}

/// How much was told of a person's groups.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
#[serde(rename_all = "snake_case")]
#[non_exhaustive]
pub enum GroupsTold {
    /// Nothing.
    Absent,
    /// Some.
    Partial,
    /// All.
    Complete,
}

/// What a decision came to.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
#[serde(rename_all = "snake_case")]
#[non_exhaustive]
pub enum Outcome {
    /// The person comes in.
    Admit,
    /// The account waits for approval.
    Queue,
    /// The person stays out.
    Refuse,
}

/// What one rule said of the person.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
#[serde(rename_all = "snake_case", tag = "verdict", content = "condition")]
#[non_exhaustive]
pub enum RuleVerdict {
    /// All conditions are met.
    Matched,
    /// This condition, the first of such, can not be decided, because not all groups were told.
    Undecided(String),
    /// This condition, the first of such, is not met.
    Failed(String),
    /// The rule speaks of other connections.
    OtherConnection,
}

/// A rule, and what it said.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
#[non_exhaustive]
pub struct RuleExplanation {
    /// The rule.
    pub rule: RuleId,
    /// The sentence that the policy has for people.
    pub note: Option<String>,
    /// What it said.
    #[serde(flatten)]
    pub verdict: RuleVerdict,
}

/// What became of a role.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Serialize)]
#[serde(rename_all = "snake_case")]
#[non_exhaustive]
pub enum RoleOutcome {
    /// The person gets it.
    Given,
    /// The person has it, and it goes on with another end or scope.
    Renewed,
    /// The person has it, and keeps it.
    Kept,
    /// Something stands against giving it.
    Withheld,
    /// It is taken from the person.
    Taken,
    /// It has run out, and its rule does not renew it.
    Spent,
    /// Somebody else gave it: not this sign-in's to touch.
    OfOthers,
}

impl RoleOutcome {
    /// Its name.
    #[must_use]
    pub fn name(self) -> &'static str {
        match self {
            Self::Given => "given",
            Self::Renewed => "renewed",
            Self::Kept => "kept",
            Self::Withheld => "withheld",
            Self::Taken => "taken",
            Self::Spent => "spent",
            Self::OfOthers => "of_others",
        }
    }
}

/// A role, and what became of it.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
#[non_exhaustive]
pub struct RoleExplanation {
    /// The role.
    pub role: RoleName,
    /// The rule that gives it, if one does.
    pub rule: Option<RuleId>,
    /// Who gave it, where it is not this connection.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub owner: Option<GrantOwner>,
    /// What became of it.
    pub outcome: RoleOutcome,
    /// Why, where it is lost or not given.
    pub because: Option<Said>,
    /// When it ends; where it does not end, and where it is not held, nothing.
    pub until: Option<Timestamp>,
}

/// A decision in words.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
#[non_exhaustive]
pub struct Explanation {
    /// The connection.
    pub connection: ConnectionId,
    /// What it came to.
    pub outcome: Outcome,
    /// Why, most important first.
    pub reasons: Vec<Said>,
    /// How much was told of the person's groups.
    pub groups: GroupsTold,
    /// Every rule, in the order of the policy.
    pub rules: Vec<RuleExplanation>,
    /// What became of the roles: first those that the person has.
    pub roles: Vec<RoleExplanation>,
}

/// Explains `plan`, which [`crate::decide()`] made of the same policy, connection and facts.
///
/// It says what the policy asks, and never what the person's values are.
#[must_use]
pub fn explain(
    policy: &Policy,
    connection: &ConnectionId,
    facts: &Facts,
    plan: &Plan,
) -> Explanation {
    let rules = policy.connection(connection);
    let asked = rules.map_or(Cow::Borrowed(facts), |rules| {
        policy.facts_for_rules(rules, facts)
    });
    let rules = policy.rules().explain(connection, &asked);
    let rules = rules.map(|(rule, verdict)| RuleExplanation {
        rule: rule.id.clone(),
        note: rule.note.clone(),
        verdict: in_words(verdict),
    });
    let reasons = plan.reasons().iter().map(|reason| Said {
        code: reason.code(),
        text: reason.to_string(),
    });
    Explanation {
        connection: connection.clone(),
        outcome: match plan {
            Plan::Admit(_) => Outcome::Admit,
            Plan::Queue(_) => Outcome::Queue,
            Plan::Refuse(_) => Outcome::Refuse,
        },
        reasons: reasons.collect(),
        groups: match &facts.groups {
            Groups::Absent => GroupsTold::Absent,
            Groups::Partial(_) => GroupsTold::Partial,
            Groups::Complete(_) => GroupsTold::Complete,
        },
        rules: rules.collect(),
        roles: plan
            .admission()
            .map(|admission| roles(&admission.grants))
            .unwrap_or_default(),
    }
}

fn in_words(verdict: Verdict<'_>) -> RuleVerdict {
    let words = |condition: &Condition| condition.to_string();
    match verdict {
        Verdict::Matched => RuleVerdict::Matched,
        Verdict::Failed(condition) => RuleVerdict::Failed(words(condition)),
        Verdict::Undecided(condition) => RuleVerdict::Undecided(words(condition)),
        _ => RuleVerdict::OtherConnection,
    }
}

fn roles(delta: &GrantDelta) -> Vec<RoleExplanation> {
    let of = |grant: &Grant, outcome| RoleExplanation {
        role: grant.role.clone(),
        rule: grant.rule.clone(),
        owner: None,
        outcome,
        because: None,
        until: grant.expires_at,
    };
    let given = delta.give.iter().map(|give| RoleExplanation {
        role: give.role.clone(),
        rule: give.rule.clone(),
        owner: None,
        outcome: RoleOutcome::Given,
        because: None,
        until: give.expires_at,
    });
    let renewed = delta.renew.iter().map(|renewal| RoleExplanation {
        until: renewal.expires_at,
        ..of(&renewal.grant, RoleOutcome::Renewed)
    });
    let kept = delta.keep.iter().map(|grant| of(grant, RoleOutcome::Kept));
    let withheld = delta.withheld.iter().map(|withheld| RoleExplanation {
        role: withheld.role.clone(),
        rule: withheld.rule.clone(),
        owner: None,
        outcome: RoleOutcome::Withheld,
        because: Some(Said {
            code: withheld.obstacle.code(),
            text: withheld.obstacle.to_string(),
        }),
        until: None,
    });
    let taken = delta.take.iter().map(|taken| RoleExplanation {
        until: None,
        because: Some(Said {
            code: taken.reason.code(),
            text: why_taken(&taken.reason),
        }),
        ..of(&taken.grant, RoleOutcome::Taken)
    });
    let spent = delta
        .spent
        .iter()
        .map(|grant| of(grant, RoleOutcome::Spent));
    let others = delta.others.iter().map(|grant| RoleExplanation {
        owner: Some(grant.owner.clone()),
        ..of(grant, RoleOutcome::OfOthers)
    });
    let all = given.chain(renewed).chain(kept).chain(others);
    all.chain(withheld).chain(taken).chain(spent).collect()
}

fn why_taken(reason: &TakeReason) -> String {
    match reason {
        TakeReason::RuleNoLongerMatches => "its rule does not match any more".to_owned(),
        TakeReason::RuleChanged => "its rule does not give it any more".to_owned(),
        TakeReason::NotDefault => "it is no default role any more".to_owned(),
        TakeReason::ConnectionGone => "its connection is gone from the policy".to_owned(),
        TakeReason::Duplicate => "it is there twice".to_owned(),
        TakeReason::Obstacle(obstacle) => obstacle.to_string(),
        other => other.code().to_owned(),
    }
}
