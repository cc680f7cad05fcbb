//! `countersign policy who-can`.

use std::time::Duration;

use clap::Args;
use countersign::provision::{ConnectionPolicy, CreationMode, Policy};
use countersign::roles::{ConnectionReach, Need, Path, Reach, Source};
use countersign::{ConnectionId, Door, RoleName};
use serde_json::{Value, json};

use super::load_sound;
use crate::input::{InputPath, Unreadable};
use crate::style::{Line, Page, Table, bad, counted, dim, good, name, plain, warn};
use crate::verdict::Verdict;

#[derive(Debug, Args)]
pub(crate) struct Question {
    /// The role.
    role: RoleName,
    /// The policy file.
    #[arg(long, value_name = "FILE")]
    policy: InputPath,
    /// Only through this connection.
    #[arg(long, value_name = "NAME")]
    connection: Option<ConnectionId>,
}

pub(super) fn run(question: &Question) -> Result<Verdict, Unreadable> {
    let policy = load_sound("--policy", &question.policy)?;
    let known = policy.catalog().expect_role(question.role.as_str());
    if let Err(error) = known {
        return Err(Unreadable::new("ROLE", error));
    }
    if let Some(id) = &question.connection
        && policy.connection(id).is_none()
    {
        return Err(Unreadable::new(
            "--connection",
            format!("the policy has no connection `{id}`"),
        ));
    }
    let mut reach = policy.who_can_reach(&question.role);
    if let Some(id) = &question.connection {
        reach
            .connections
            .retain(|through| through.connection == *id);
    }
    Ok(Verdict::Accepted {
        json: as_json(&policy, &reach),
        text: page(&policy, &reach),
    })
}

fn as_json(policy: &Policy, reach: &Reach) -> Value {
    let connections = reach.connections.iter().map(|through| {
        let paths = through.paths.iter().map(|path| {
            json!({
                "needs": path.needs.iter().map(need_json).collect::<Vec<_>>(),
                "by": path.by.iter().map(source_json).collect::<Vec<_>>(),
            })
        });
        let connection = policy.connection(&through.connection);
        json!({
            "connection": through.connection,
            "accounts": connection.map(entrance_json),
            "paths": paths.collect::<Vec<_>>(),
            "narrower_rules": through.narrower,
            "rules_not_told_in_full": through.more,
        })
    });
    json!({
        "role": reach.role,
        "by_hand_only": reach.is_by_hand_only(),
        "connections": connections.collect::<Vec<_>>(),
    })
}

fn need_json(need: &Need) -> Value {
    let (kind, attribute, test) = match need {
        Need::Has { attribute, test } => ("has", Some(attribute), Some(test)),
        Need::Lacks { attribute, test } => ("lacks", Some(attribute), Some(test)),
        Need::AllGroups => ("all_groups_told", None, None),
        Need::NotAllGroups => ("not_all_groups_told", None, None),
        _ => ("other", None, None),
    };
    let values = test.and_then(|test| test.exact_values());
    json!({
        "need": kind,
        "attribute": attribute,
        "test": test.map(|test| test.name()),
        "values": values,
        "text": need.to_string(),
    })
}

fn source_json(source: &Source) -> Value {
    match source {
        Source::Rule {
            id,
            ttl,
            renew,
            cap,
            scope,
        } => json!({
            "rule": id,
            "ttl_seconds": ttl.map(|ttl| ttl.as_secs()),
            "renew": renew,
            "cap_seconds": cap.map(|cap| cap.as_secs()),
            "scope": scope.iter().map(ToString::to_string).collect::<Vec<_>>(),
        }),
        _ => json!({ "rule": null }),
    }
}

fn entrance_json(connection: &ConnectionPolicy) -> Value {
    json!({
        "door": connection.door,
        "strategy": connection.strategy.name(),
        "new": connection.create.mode.name(),
        "awaits_approval": connection.create.mode == CreationMode::Approve,
        "require_invitation": connection.create.requires_invitation,
        "require_group": connection.create.require_group,
        "seats": connection.create.seats,
    })
}

fn page(policy: &Policy, reach: &Reach) -> Page {
    let mut page = Page::new();
    let paths = reach.connections.iter().map(|through| through.paths.len());
    let paths = paths.fold(0, usize::saturating_add);
    if reach.is_by_hand_only() {
        page.line(
            warn("nobody")
                .and(" gets ")
                .and(name(&reach.role))
                .and(" by signing in; only an administrator can give it"),
        );
    } else {
        page.line(
            name(&reach.role)
                .and(" can be reached in ")
                .and(good(counted(paths, "way"))),
        );
    }
    for through in &reach.connections {
        let connection = policy.connection(&through.connection);
        page.heading(plain("through ").and(name(&through.connection)));
        if let Some(connection) = connection {
            let mut table = Table::new();
            table.row([dim("accounts"), entrance(connection)]);
            page.table(table);
        }
        page.table(ways(through));
    }
    page
}

/// Who can have an account at all, and who gets a new one on the way.
fn entrance(connection: &ConnectionPolicy) -> Line {
    let create = &connection.create;
    let mut line = plain(connection.strategy.name()).and(match connection.door {
        Door::Email => ", by a mailed link",
        _ => ", by the provider",
    });
    if create.mode == CreationMode::Deny {
        return line.and("; no new ones are made");
    }
    line = line.and("; new ones are made");
    if create.requires_invitation {
        line = line.and(", for invited people only");
    }
    if let Some(group) = &create.require_group {
        line = line.and(", for members of the group ").and(name(group));
    }
    if let Some(seats) = create.seats {
        let seats = usize::try_from(seats).unwrap_or(usize::MAX);
        line = line.and(format!(", up to {}", counted(seats, "seat")));
    }
    if create.mode == CreationMode::Approve {
        line = line.and(", and wait for an approval");
    }
    line
}

fn ways(through: &ConnectionReach) -> Table {
    let mut table = Table::new().folded();
    for path in &through.paths {
        table.row([by(path), needs(path)]);
    }
    if through.paths.is_empty() && through.more.is_empty() {
        table.row([dim("no way")]);
    }
    if !through.narrower.is_empty() {
        let rules = through.narrower.iter().map(name);
        table.row([
            dim("also"),
            dim("for fewer people: ").and(Line::joined(rules, ", ")),
        ]);
    }
    if !through.more.is_empty() {
        let rules = through.more.iter().map(name);
        table.row([
            bad("more"),
            plain("ways than can be told, by ").and(Line::joined(rules, ", ")),
        ]);
    }
    table
}

fn by(path: &Path) -> Line {
    let sources = path.by.iter().map(|source| match source {
        Source::Rule {
            id,
            ttl,
            renew,
            cap,
            scope,
            ..
        } => {
            let mut line = name(id);
            if let Some(ttl) = ttl {
                line = line.and(dim(format!(" for {}", span(*ttl))));
            }
            if *renew {
                line = line.and(dim(", renewed"));
            }
            if let Some(cap) = cap {
                line = line.and(dim(format!(" up to {}", span(*cap))));
            }
            if !scope.is_empty() {
                let scope: Vec<_> = scope.iter().map(ToString::to_string).collect();
                line = line.and(dim(format!(" on {}", scope.join(", "))));
            }
            line
        }
        _ => warn("by default"),
    });
    Line::joined(sources, "; ")
}

fn needs(path: &Path) -> Line {
    if path.needs.is_empty() {
        return warn("everybody");
    }
    Line::joined(path.needs.iter().map(plain), " and ")
}

/// A time as a policy writes it.
fn span(time: Duration) -> String {
    let seconds = time.as_secs();
    for (unit, length) in [("d", 86_400), ("h", 3_600), ("m", 60)] {
        if let (Some(count), Some(0)) = (seconds.checked_div(length), seconds.checked_rem(length))
            && count > 0
        {
            return format!("{count}{unit}");
        }
    }
    format!("{seconds}s")
}
