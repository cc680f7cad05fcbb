//! `countersign account erase`.

use std::sync::Arc;

use clap::Args;
use countersign::audit::Body;
use countersign::audit::lifecycle::SubjectErased;
use countersign::audit::parse_record;
use countersign::audit::store::EntryQuery;
use countersign::{EngineError, LeafHash, SystemClock, UserId, blocking};
use serde_json::json;

use super::ERASURE_PENDING;
use super::administration::{Access, Administered, Administration, Answer};
use crate::input::Unreadable;
use crate::style::{Page, Table, counted, dim, good, name, plain, warn};
use crate::verdict::Verdict;

#[derive(Debug, Args)]
pub(crate) struct Erasing {
    /// The account, by its id.
    #[arg(value_name = "USER")]
    user: UserId,
    /// The administrator who decided so, as the host calls the account: nobody erases the own.
    #[arg(long, value_name = "USER")]
    by: UserId,
    #[command(flatten)]
    administered: Administered,
}

pub(super) fn run(erasing: &Erasing) -> Result<Verdict, Unreadable> {
    let administered = &erasing.administered;
    let administration = match administered.open(Access::Write, Arc::new(SystemClock))? {
        Ok(administration) => administration,
        Err(refused) => return Ok(refused),
    };
    if administration.finds_another_policy() {
        return Ok(Verdict::refused(
            "cli.policy_not_in_force",
            "the ledger says that another policy is in force: sweep with this one first",
        ));
    }
    let (engine, tenant) = (&administration.engine, &administration.tenant);
    let erased = blocking::wait(engine.erase_account(tenant, &erasing.user, &erasing.by, None));
    let (entry, pending) = match erased {
        Ok(entry) => (entry, None),
        Err(EngineError::ErasurePending { entry, source }) => {
            let error = EngineError::ErasurePending { entry, source };
            (entry, Some((error.code().to_owned(), error.to_string())))
        }
        Err(EngineError::Store(error)) => return Err(administered.unreadable(&error)),
        Err(error) => return Ok(Verdict::refused(error.code(), &error)),
    };
    let body = recorded(&administration, entry)
        .map_err(|why| Unreadable::new(administered.database().display(), why))?;
    let answer = Answer {
        members: json!({
            "tenant": tenant,
            "user": erasing.user,
            "entry": entry,
            "erased": body.erased,
            "subjects": body.subjects,
            "keys": body.keys,
            "pending": pending.is_some(),
        }),
        page: page(&erasing.user, entry, &body, pending.is_some()),
        refusal: pending,
    };
    Ok(administration.seal(answer))
}

/// What the record says of it.
fn recorded(administration: &Administration, entry: LeafHash) -> Result<SubjectErased, String> {
    let ledger = administration.engine.ledger();
    let reader = ledger.reader();
    let stored = blocking::wait(reader.entry(&EntryQuery::Leaf(entry)));
    let stored = stored.map_err(|error| error.to_string())?;
    let stored = stored.ok_or("the record of the erasure is not there")?;
    match parse_record(stored.entry.bytes()).map(|record| record.body) {
        Ok(Body::SubjectErased(body)) => Ok(body),
        _ => Err("the record of the erasure is of another kind".to_owned()),
    }
}

fn page(user: &UserId, entry: LeafHash, body: &SubjectErased, pending: bool) -> Page {
    let mut page = Page::new();
    page.line(good("erased ").and(name(user)));
    page.blank();
    let mut rows = Table::new();
    let fields = match body.erased.is_empty() {
        true => dim("none had a value"),
        false => plain(body.erased.join(", ")),
    };
    rows.row([dim("fields"), fields]);
    rows.row([dim("links"), plain(body.subjects.to_string())]);
    let keys = counted(body.keys.len(), "key");
    rows.row([dim("vault"), plain(format!("{keys} destroyed"))]);
    rows.row([dim("record"), plain(entry.to_string())]);
    page.table(rows);
    if pending {
        page.blank();
        page.line(warn(ERASURE_PENDING));
    }
    page
}
