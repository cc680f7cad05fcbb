//! `countersign policy diff`.

use clap::Args;
use countersign::provision::diff::{Access, Diff, Difference};
use countersign::provision::{Policy, diff};
use countersign::{ConnectionId, RoleName};
use serde_json::{Value, json};

use super::load_sound;
use crate::input::{InputPath, Unreadable};
use crate::style::{Line, Page, Table, bad, counted, dim, good, name, plain, warn};
use crate::verdict::Verdict;

#[derive(Debug, Args)]
pub(crate) struct Comparing {
    /// The policy that is in force.
    old: InputPath,
    /// The policy that is to be.
    new: InputPath,
}

pub(super) fn run(comparing: &Comparing) -> Result<Verdict, Unreadable> {
    let old = load_sound("OLD", &comparing.old)?;
    let new = load_sound("NEW", &comparing.new)?;
    let diff = diff(&old, &new);
    Ok(Verdict::Accepted {
        json: as_json(&old, &new, &diff),
        text: page(&diff),
    })
}

fn as_json(old: &Policy, new: &Policy, diff: &Diff) -> Value {
    let pairs = |pairs: &std::collections::BTreeSet<(RoleName, ConnectionId)>| -> Vec<Value> {
        let pairs = pairs.iter();
        pairs
            .map(|(role, connection)| json!({ "role": role, "connection": connection }))
            .collect()
    };
    json!({
        "old_policy_hash": old.hash(),
        "new_policy_hash": new.hash(),
        "same": diff.is_empty(),
        "differences": diff.differences,
        "newly_reachable": pairs(&diff.newly_reachable),
        "no_longer_reachable": pairs(&diff.no_longer_reachable),
    })
}

fn page(diff: &Diff) -> Page {
    let mut page = Page::new();
    if diff.is_empty() {
        page.line(good("the same").and(": the two policies differ in nothing that has a meaning"));
        return page;
    }
    let count = |access| {
        diff.differences
            .iter()
            .filter(|one| one.access == access)
            .count()
    };
    let mut said = Vec::new();
    for (access, what, tone) in [
        (Access::More, "give more access", warn as fn(String) -> Line),
        (Access::Less, "give less", good),
        (Access::Unclear, "may do either", warn),
    ] {
        match count(access) {
            0 => {}
            many => said.push(tone(format!("{many} {what}"))),
        }
    }
    let all = plain(counted(diff.differences.len(), "difference"));
    page.line(match said.is_empty() {
        true => all,
        false => all.and(": ").and(Line::joined(said, ", ")),
    });

    let mut reach = Table::new().folded();
    for (role, connection) in &diff.newly_reachable {
        reach.row([
            warn("new"),
            name(role),
            plain("through ").and(name(connection)),
        ]);
    }
    for (role, connection) in &diff.no_longer_reachable {
        reach.row([
            plain("gone"),
            name(role),
            plain("through ").and(name(connection)),
        ]);
    }
    page.section("roles that can be reached by signing in", reach);

    let mut rest = diff.differences.as_slice();
    while let Some(first) = rest.first() {
        let of_section = rest
            .iter()
            .take_while(|one| one.section == first.section)
            .count();
        let (section, others) = rest.split_at(of_section);
        rest = others;
        let mut table = Table::new().folded();
        for one in section {
            table.row(row(one));
        }
        page.section(first.section.replace('_', " "), table);
    }
    page
}

fn row(one: &Difference) -> [Line; 4] {
    let change = match (&one.before, &one.after) {
        (None, None) => plain(""),
        (None, Some(after)) => good("+ ").and(plain(after)),
        (Some(before), None) => bad("- ").and(plain(before)),
        (Some(before), Some(after)) => plain(before).and(dim(" becomes ")).and(plain(after)),
    };
    [
        match one.access {
            Access::More => warn("more"),
            Access::Less => good("less"),
            Access::Unclear => warn("look"),
            _ => dim("-"),
        },
        one.name.as_ref().map_or_else(|| plain(""), name),
        one.field.as_ref().map_or_else(|| plain(""), plain),
        change,
    ]
}
