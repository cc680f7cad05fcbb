//! `countersign policy check`.

use clap::Args;
use countersign::provision::Policy;
use serde_json::{Value, json};

use super::{faulty, load};
use crate::input::{InputPath, Unreadable};
use crate::style::{Line, Page, Table, counted, dim, good, name, plain, warn};
use crate::verdict::Verdict;

#[derive(Debug, Args)]
pub(crate) struct Checking {
    /// The policy file; `-` reads standard input.
    file: InputPath,
}

pub(super) fn run(checking: &Checking) -> Result<Verdict, Unreadable> {
    Ok(match load(&checking.file)? {
        Ok(policy) => Verdict::Accepted {
            json: as_json(&policy),
            text: page(&policy),
        },
        Err(error) => faulty(&error),
    })
}

fn as_json(policy: &Policy) -> Value {
    let connections = policy.connections().map(|(id, connection)| {
        json!({
            "name": id,
            "tenant": connection.tenant,
            "issuer": connection.issuer,
            "strategy": connection.strategy.name(),
        })
    });
    let roles = policy.catalog().roles().map(|role| {
        let permissions = role.permissions().iter().map(ToString::to_string);
        json!({
            "name": role.name(),
            "permissions": permissions.collect::<Vec<_>>(),
            "privileged": role.is_privileged(),
        })
    });
    json!({
        "policy_hash": policy.hash(),
        "connections": connections.collect::<Vec<_>>(),
        "roles": roles.collect::<Vec<_>>(),
        "rules": policy.rules().rules().len(),
    })
}

fn page(policy: &Policy) -> Page {
    let mut page = Page::new();
    page.line(good("accepted"));
    let mut known = Table::new();
    known.row([dim("sha-256"), plain(policy.hash())]);
    known.row([dim("rules"), plain(policy.rules().rules().len())]);
    page.table(known);

    let mut connections = Table::new().right(2);
    for (id, connection) in policy.connections() {
        let rules = policy.rules().rules().iter();
        let rules = rules.filter(|rule| rule.is_about(id)).count();
        connections.row([
            name(id),
            plain(connection.strategy.name()),
            plain(counted(rules, "rule")),
            dim(&connection.issuer),
        ]);
    }
    page.section("connections", connections);

    let mut roles = Table::new();
    for role in policy.catalog().roles() {
        let allowed = role.permissions().iter().map(plain);
        let allowed = Line::joined(allowed, ", ");
        let privileged = if role.is_privileged() {
            "privileged"
        } else {
            ""
        };
        roles.row([name(role.name()), warn(privileged), allowed]);
    }
    page.section("roles", roles);
    page
}
