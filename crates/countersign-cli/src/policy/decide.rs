//! `countersign policy decide`.

use clap::Args;
use countersign::provision::plan::{Admission, NewUser, UserPlan};
use countersign::provision::store::{Snapshot, SnapshotQuery, UserStore};
use countersign::provision::{Plan, Policy, Reason, Refusal, RefusalKind, decide};
use countersign::roles::GrantDelta;
use countersign::{ConnectionId, Facts, UserId, blocking};
use countersign_sqlite::SqliteStore;
use serde_json::{Value, json};

use super::{by, connection, load_sound, reasons_json, until};
use crate::input::{InputPath, Unreadable};
use crate::ledger::with_causes;
use crate::saml::{Verification, rejected};
use crate::style::{Line, Page, Table, bad, dim, good, name, plain, warn};
use crate::verdict::Verdict;

#[derive(Debug, Args)]
pub(crate) struct Decision {
    #[command(flatten)]
    basis: Basis,
    #[command(flatten)]
    presented: Presented,
}

/// What is decided by.
#[derive(Debug, Args)]
pub(super) struct Basis {
    /// The policy file.
    #[arg(long, value_name = "FILE")]
    policy: InputPath,
    /// The accounts that are there already, in a SQLite file, which is only read.
    #[arg(long, value_name = "DB")]
    database: Option<InputPath>,
}

/// A response, and where it came.
#[derive(Debug, Args)]
pub(super) struct Presented {
    /// The connection that the response came through.
    #[arg(long, value_name = "NAME")]
    connection: ConnectionId,
    #[command(flatten)]
    verification: Verification,
}

/// A decision, and what it was made of.
pub(super) struct Decided {
    pub(super) policy: Policy,
    pub(super) connection: ConnectionId,
    pub(super) facts: Facts,
    pub(super) plan: Plan,
}

impl Basis {
    pub(super) fn policy(&self) -> Result<Policy, Unreadable> {
        load_sound("--policy", &self.policy)
    }

    /// What the database answers, if there is one.
    pub(super) fn snapshot(&self, query: &SnapshotQuery) -> Result<Option<Snapshot>, Unreadable> {
        let Some(path) = &self.database else {
            return Ok(None);
        };
        let unreadable =
            |error: &dyn std::error::Error| Unreadable::new(path.display(), with_causes(error));
        let store = SqliteStore::open_read_only(path).map_err(|error| unreadable(&error))?;
        let snapshot = blocking::wait(store.snapshot(query)).map_err(|error| unreadable(&error))?;
        Ok(Some(snapshot))
    }
}

impl Presented {
    /// Verifies the response and decides; a response that is refused is an answer. Without a
    /// database there are no accounts.
    pub(super) fn decided(&self, basis: &Basis) -> Result<Result<Decided, Verdict>, Unreadable> {
        let policy = basis.policy()?;
        let id = &self.connection;
        let rules = connection(&policy, id)?;
        let verifier = self.verification.verifier()?;
        let login = match self.verification.run_by(&verifier)? {
            Ok(login) => login,
            Err(rejection) => return Ok(Err(rejected(&rejection))),
        };
        let facts = match verifier.facts(rules, &login) {
            Ok(facts) => facts,
            Err(error) => return Ok(Err(Verdict::refused(error.code(), error))),
        };
        let now = self.verification.now();
        let snapshot = basis.snapshot(&policy.snapshot_query(id, &facts, now))?;
        let plan = decide(&policy, id, &facts, &snapshot.unwrap_or_default(), now);
        Ok(Ok(Decided {
            connection: id.clone(),
            policy,
            facts,
            plan,
        }))
    }
}

pub(super) fn run(decision: &Decision) -> Result<Verdict, Unreadable> {
    let Decided { policy, plan, .. } = match decision.presented.decided(&decision.basis)? {
        Ok(decided) => decided,
        Err(refused) => return Ok(refused),
    };
    Ok(match plan {
        Plan::Admit(admission) => Verdict::Accepted {
            json: as_json(&policy, &admission),
            text: page(&policy, &admission),
        },
        Plan::Queue(queued) => {
            let awaits = Reason::UserAwaitsApproval;
            Verdict::Refused {
                code: awaits.code().to_owned(),
                message: awaits.to_string(),
                json: json!({
                    "plan": {
                        "outcome": "queue",
                        "user": new_user(&queued.user),
                        "reasons": reasons_json(&queued.reasons),
                    },
                    "policy_hash": policy.hash(),
                }),
                text: because(&queued.reasons),
            }
        }
        Plan::Refuse(refusal) => Verdict::Refused {
            code: refusal.code().to_owned(),
            message: refusal.reason().to_string(),
            json: json!({
                "plan": {
                    "outcome": "refuse",
                    "kind": refusal.kind().name(),
                    "accounts": accounts(&refusal),
                    "reasons": reasons_json(refusal.reasons()),
                },
            }),
            text: refused(&refusal),
        },
    })
}

/// The accounts that stand in the way, if any do.
fn accounts(refusal: &Refusal) -> Vec<&UserId> {
    match refusal.kind() {
        RefusalKind::Conflict { with: account }
        | RefusalKind::Tombstone { of: account }
        | RefusalKind::NeedsProof { account }
        | RefusalKind::NeedsApproval { account } => vec![account],
        RefusalKind::Ambiguous { candidates } => candidates.iter().collect(),
        _ => refusal.user().into_iter().collect(),
    }
}

/// What the first line does not say: what stands in the way, and what was noted beside it.
fn refused(refusal: &Refusal) -> Page {
    let mut facts = Table::new();
    facts.row([dim("kind"), plain(refusal.kind().name().replace('_', " "))]);
    for account in accounts(refusal) {
        facts.row([dim("account"), name(account)]);
    }
    let mut page = Page::new();
    page.table(facts);
    if refusal.reasons().len() > 1 {
        page.append(because(refusal.reasons()));
    }
    page
}

fn because(given: &[Reason]) -> Page {
    let mut reasons = Table::new();
    for reason in given {
        reasons.row([plain(reason), dim(reason.code())]);
    }
    let mut page = Page::new();
    page.section("because", reasons);
    page
}

fn new_user(new: &NewUser) -> Value {
    json!({
        "email": new.email,
        "given_name": new.given_name,
        "family_name": new.family_name,
        "display_name": new.display_name,
        "account_id": new.account_id,
        "permission_profile_id": new.permission_profile_id,
    })
}

fn action(plan: &UserPlan) -> &'static str {
    match plan {
        UserPlan::Create(_) => "create",
        UserPlan::Keep(_) => "keep",
        UserPlan::Update { .. } => "update",
    }
}

fn as_json(policy: &Policy, admission: &Admission) -> Value {
    let user = match &admission.user {
        UserPlan::Create(new) => new_user(new),
        UserPlan::Keep(user) | UserPlan::Update { user, .. } => json!(user),
    };
    let changes: Vec<Value> = match &admission.user {
        UserPlan::Update { changes, .. } => changes
            .iter()
            .map(|change| {
                json!({
                    "field": change.field.name(),
                    "before": change.before,
                    "after": change.after,
                })
            })
            .collect(),
        _ => Vec::new(),
    };
    json!({
        "plan": {
            "outcome": "admit",
            "action": action(&admission.user),
            "matched_by": admission.matched_by.name(),
            "user": user,
            "changes": changes,
            "grants": grants_json(&admission.grants),
            "session_not_after": admission.session_not_after,
            "reasons": reasons_json(&admission.reasons),
        },
        "policy_hash": policy.hash(),
    })
}

fn grants_json(delta: &GrantDelta) -> Value {
    json!({
        "give": delta.give.iter().map(|give| json!({
            "role": give.role,
            "rule": give.rule,
            "expires_at": give.expires_at,
        })).collect::<Vec<_>>(),
        "renew": delta.renew.iter().map(|renewal| json!({
            "role": renewal.grant.role,
            "rule": renewal.grant.rule,
            "expires_at": renewal.expires_at,
        })).collect::<Vec<_>>(),
        "keep": delta.keep.iter().map(|grant| json!({
            "role": grant.role,
            "rule": grant.rule,
            "expires_at": grant.expires_at,
        })).collect::<Vec<_>>(),
        "take": delta.take.iter().map(|taken| json!({
            "role": taken.grant.role,
            "rule": taken.grant.rule,
            "reason": taken.reason.code(),
        })).collect::<Vec<_>>(),
    })
}

fn page(policy: &Policy, admission: &Admission) -> Page {
    let mut page = Page::new();
    page.line(
        good("admit")
            .and(format!(
                ": {} the account, matched by ",
                action(&admission.user)
            ))
            .and(name(admission.matched_by.name())),
    );
    let mut bounds = Table::new();
    bounds.row([
        dim("session"),
        plain(format_args!(
            "until {} at the latest",
            admission.session_not_after
        )),
    ]);
    bounds.row([dim("policy"), plain(policy.hash())]);
    page.table(bounds);

    page.append(because(&admission.reasons));
    page.section("roles", grants(&admission.grants));
    if let UserPlan::Update { changes, .. } = &admission.user {
        let mut fields = Table::new();
        for change in changes {
            let value = |value: &Option<String>| match value {
                Some(value) => plain(value),
                None => dim("nothing"),
            };
            let line = value(&change.before)
                .and(" becomes ")
                .and(value(&change.after));
            fields.row([name(change.field.name()), line]);
        }
        page.section("the account", fields);
    }
    page
}

fn grants(delta: &GrantDelta) -> Table {
    let mut table = Table::new();
    let mut row = |verb: Line, role, rule: &Option<_>, rest: Line| {
        table.row([verb, name(role), by(rule.as_ref()), rest]);
    };
    for give in &delta.give {
        row(good("give"), &give.role, &give.rule, until(give.expires_at));
    }
    for renewal in &delta.renew {
        let grant = &renewal.grant;
        row(
            good("renew"),
            &grant.role,
            &grant.rule,
            until(renewal.expires_at),
        );
    }
    for grant in &delta.keep {
        row(
            plain("keep"),
            &grant.role,
            &grant.rule,
            until(grant.expires_at),
        );
    }
    for taken in &delta.take {
        let grant = &taken.grant;
        row(
            bad("take"),
            &grant.role,
            &grant.rule,
            warn(taken.reason.code()),
        );
    }
    table
}
