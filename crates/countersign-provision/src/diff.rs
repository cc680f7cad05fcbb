//! What one policy says and another does not, and whether that is more access or less.
//!
//! Two policies are compared by what they mean: comments, the order of rules, of conditions and of
//! lists, and two ways to write one thing are no difference. Every type of the language is taken
//! apart field by field without a `..`, so that a field that is added to one does not compile
//! until somebody has said here how it differs.

mod connections;
mod roles;
mod rules;
mod section;

use std::collections::BTreeSet;
use std::fmt;

use countersign_core::{ConnectionId, RoleName};
use serde::Serialize;

use self::section::Section;
use crate::lifecycle::LifecyclePolicy;
use crate::policy::{Policy, PolicyParts, SessionPolicy};

/// Whether a difference gives more.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize)]
#[serde(rename_all = "snake_case")]
#[non_exhaustive]
pub enum Access {
    /// People may get in, get a role, have it longer or do more with it, where they did not before.
    More,
    /// The opposite.
    Less,
    /// Either, for different people: look at it.
    Unclear,
    /// Neither.
    Same,
}

impl Access {
    /// Its name in reports.
    #[must_use]
    pub fn name(self) -> &'static str {
        match self {
            Self::More => "more",
            Self::Less => "less",
            Self::Unclear => "unclear",
            Self::Same => "same",
        }
    }

    fn inverse(self) -> Self {
        match self {
            Self::More => Self::Less,
            Self::Less => Self::More,
            other => other,
        }
    }
}

/// One thing that differs.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
#[non_exhaustive]
pub struct Difference {
    /// The kind of thing, as in the policy file: `role`, `rule`, `connection`, …
    pub section: &'static str,
    /// Which of them, where there are several.
    pub name: Option<String>,
    /// What of it; none if all of it is new or gone.
    pub field: Option<String>,
    /// As the old policy has it; none if it has nothing of the kind.
    pub before: Option<String>,
    /// As the new one has it.
    pub after: Option<String>,
    /// Whether it gives more.
    pub access: Access,
}

impl fmt::Display for Difference {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.section)?;
        if let Some(name) = &self.name {
            write!(f, " `{name}`")?;
        }
        if let Some(field) = &self.field {
            write!(f, ", {field}")?;
        }
        match (&self.before, &self.after) {
            (None, None) => Ok(()),
            (None, Some(after)) => write!(f, ": new: {after}"),
            (Some(before), None) => write!(f, ": gone: {before}"),
            (Some(before), Some(after)) => write!(f, ": {before} becomes {after}"),
        }
    }
}

/// All that differs between two policies.
#[derive(Debug, Clone, PartialEq, Eq, Default, Serialize)]
#[non_exhaustive]
pub struct Diff {
    /// What differs, in the order of the language.
    pub differences: Vec<Difference>,
    /// The roles that somebody could get by signing in through a connection, and could not before.
    pub newly_reachable: BTreeSet<(RoleName, ConnectionId)>,
    /// The roles that nobody can get there any more.
    pub no_longer_reachable: BTreeSet<(RoleName, ConnectionId)>,
}

impl Diff {
    /// Whether the policies mean the same.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.differences.is_empty()
    }
}

/// What `new` says and `old` does not, and the other way round. The hashes of their files are no
/// difference.
#[must_use]
pub fn diff(old: &Policy, new: &Policy) -> Diff {
    let (before, after) = (reachable(old), reachable(new));
    Diff {
        differences: differences(old.parts(), new.parts()),
        newly_reachable: after.difference(&before).cloned().collect(),
        no_longer_reachable: before.difference(&after).cloned().collect(),
    }
}

fn differences(old: &PolicyParts, new: &PolicyParts) -> Vec<Difference> {
    let PolicyParts {
        hash: _,
        catalog,
        rules,
        session,
        connections,
        risks,
        attributes,
        lifecycle,
    } = new;
    let mut all = Vec::new();
    session_lifetime(&old.session, session, &mut all);
    connections::compare(
        &old.connections,
        connections,
        &old.catalog,
        catalog,
        &mut all,
    );
    connections::compare_attributes(&old.attributes, attributes, &mut all);
    roles::compare(&old.catalog, catalog, &mut all);
    rules::compare(&old.rules, rules, &mut all);
    roles::compare_risks(&old.risks, risks, &mut all);
    stages(&old.lifecycle, lifecycle, &mut all);
    all
}

fn session_lifetime(old: &SessionPolicy, new: &SessionPolicy, all: &mut Vec<Difference>) {
    let SessionPolicy { lifetime } = new;
    let mut section = Section::new(all, "session", None);
    section.value(
        "lifetime",
        &old.lifetime,
        lifetime,
        section::duration,
        |a, b| section::more_if(a < b),
    );
}

fn stages(old: &LifecyclePolicy, new: &LifecyclePolicy, all: &mut Vec<Difference>) {
    let LifecyclePolicy {
        stale_after,
        suspend_after,
        deprovision_after,
        retain,
    } = new;
    let mut section = Section::new(all, "lifecycle", None);
    let written = || section::some(section::duration);
    // To be stale is a flag and no lock; what is retained is evidence, and gives nobody access.
    let same = |_: &_, _: &_| Access::Same;
    section.value(
        "stale_after",
        &old.stale_after,
        stale_after,
        written(),
        same,
    );
    let wider = section::wider;
    section.value(
        "suspend_after",
        &old.suspend_after,
        suspend_after,
        written(),
        wider,
    );
    let (before, after) = (&old.deprovision_after, deprovision_after);
    section.value("deprovision_after", before, after, written(), wider);
    section.value("retain", &old.retain, retain, written(), same);
}

/// Every role that somebody can get by signing in, and through which connection.
fn reachable(policy: &Policy) -> BTreeSet<(RoleName, ConnectionId)> {
    let mut all = BTreeSet::new();
    for role in policy.catalog().roles() {
        for through in policy.who_can_reach(role.name()).connections {
            if !(through.paths.is_empty() && through.more.is_empty()) {
                all.insert((role.name().clone(), through.connection));
            }
        }
    }
    all
}
