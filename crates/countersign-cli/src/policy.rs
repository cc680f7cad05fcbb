//! `countersign policy check` and `countersign policy decide`.

use clap::Subcommand;
use countersign::policy_file::PolicyFileError;
use countersign::provision::plan::{Admission, UserPlan};
use countersign::provision::store::{Snapshot, UserStore};
use countersign::provision::{Plan, Policy, Reason, decide};
use countersign::roles::GrantDelta;
use countersign::{ConnectionId, PolicyFile, blocking};
use countersign_sqlite::SqliteStore;
use serde_json::{Value, json};

use crate::input::{InputPath, Unreadable, read};
use crate::ledger::with_causes;
use crate::saml::{Verification, rejected};
use crate::verdict::Verdict;

#[derive(Debug, Subcommand)]
pub(crate) enum Command {
    /// Read a policy file and say what is in it, or everything that is wrong with it.
    Check {
        /// The policy file; `-` reads standard input.
        file: InputPath,
    },
    /// Verify a response and say what the policy would do with it. Nothing is written.
    Decide(Box<Decision>),
}

#[derive(Debug, clap::Args)]
pub(crate) struct Decision {
    /// The policy file.
    #[arg(long, value_name = "FILE")]
    policy: InputPath,
    /// The connection that the response came through.
    #[arg(long, value_name = "NAME")]
    connection: ConnectionId,
    /// The accounts that are there already, in a SQLite file, which is only read; without it
    /// there are none.
    #[arg(long, value_name = "DB")]
    database: Option<InputPath>,
    #[command(flatten)]
    verification: Verification,
}

pub(crate) fn run(command: &Command) -> Result<Verdict, Unreadable> {
    match command {
        Command::Check { file } => Ok(match load(file)? {
            Ok(policy) => checked(&policy),
            Err(error) => {
                let message = error.to_string();
                let (first, rest) = message.split_once('\n').unwrap_or((&message, ""));
                Verdict::Refused {
                    code: error.code().to_owned(),
                    message: first.to_owned(),
                    json: json!({ "problems": message.lines().collect::<Vec<_>>() }),
                    text: rest.to_owned(),
                }
            }
        }),
        Command::Decide(decision) => decided(decision),
    }
}

fn load(file: &InputPath) -> Result<Result<Policy, PolicyFileError>, Unreadable> {
    let limit = usize::try_from(PolicyFile::MAX_BYTES).unwrap_or(usize::MAX);
    let bytes = read(file, limit)?;
    Ok(PolicyFile::parse_bytes(&file.display().to_string(), &bytes))
}

fn checked(policy: &Policy) -> Verdict {
    let connections: Vec<Value> = policy
        .connections()
        .map(|(id, connection)| {
            json!({
                "name": id,
                "tenant": connection.tenant,
                "issuer": connection.issuer,
                "strategy": connection.strategy.name(),
            })
        })
        .collect();
    let roles: Vec<Value> = policy
        .catalog()
        .roles()
        .map(|role| {
            let permissions = role.permissions().iter().map(ToString::to_string);
            json!({
                "name": role.name(),
                "permissions": permissions.collect::<Vec<_>>(),
                "privileged": role.is_privileged(),
            })
        })
        .collect();
    let rules = policy.rules().rules().len();
    let mut text = format!("accepted\n  sha-256      {}\n", policy.hash());
    for (id, connection) in policy.connections() {
        text.push_str(&format!(
            "  connection   {id}: {} from {}\n",
            connection.strategy.name(),
            connection.issuer
        ));
    }
    for role in policy.catalog().roles() {
        let permissions = role.permissions().iter().map(ToString::to_string);
        text.push_str(&format!(
            "  role         {}: {}\n",
            role.name(),
            permissions.collect::<Vec<_>>().join(", ")
        ));
    }
    text.push_str(&format!("  rules        {rules}\n"));
    Verdict::Accepted {
        json: json!({
            "policy_hash": policy.hash(),
            "connections": connections,
            "roles": roles,
            "rules": rules,
        }),
        text,
    }
}

fn decided(decision: &Decision) -> Result<Verdict, Unreadable> {
    let unreadable = |error: PolicyFileError| {
        let message = error.to_string();
        Unreadable::new("--policy", message.lines().next().unwrap_or_default())
    };
    let policy = load(&decision.policy)?.map_err(unreadable)?;
    let id = &decision.connection;
    let Some(rules) = policy.connection(id) else {
        return Err(Unreadable::new(
            "--connection",
            format!("the policy has no connection `{id}`"),
        ));
    };
    let login = match decision.verification.run()? {
        Ok(login) => login,
        Err(rejection) => return Ok(rejected(&rejection)),
    };
    let facts = match rules.facts(login.identity()) {
        Ok(facts) => facts,
        Err(error) => return Ok(Verdict::refused(error.code(), error)),
    };
    let now = decision.verification.now();
    let snapshot = match &decision.database {
        None => Snapshot::default(),
        Some(path) => {
            let unreadable =
                |error: &dyn std::error::Error| Unreadable::new(path.display(), with_causes(error));
            let store = SqliteStore::open_read_only(path).map_err(|error| unreadable(&error))?;
            let query = policy.snapshot_query(id, &facts, now);
            blocking::wait(store.snapshot(&query)).map_err(|error| unreadable(&error))?
        }
    };
    Ok(match decide(&policy, id, &facts, &snapshot, now) {
        Plan::Admit(admission) => admitted(&policy, &admission),
        Plan::Refuse(refusal) => Verdict::Refused {
            code: refusal.code().to_owned(),
            message: refusal.reason().to_string(),
            json: json!({
                "plan": { "outcome": "refuse", "reasons": reasons(refusal.reasons()) },
            }),
            text: String::new(),
        },
    })
}

fn reasons(reasons: &[Reason]) -> Vec<Value> {
    reasons
        .iter()
        .map(|reason| json!({ "code": reason.code(), "message": reason.to_string() }))
        .collect()
}

fn admitted(policy: &Policy, admission: &Admission) -> Verdict {
    let (action, user) = match &admission.user {
        UserPlan::Create(new) => (
            "create",
            json!({
                "email": new.email,
                "given_name": new.given_name,
                "family_name": new.family_name,
                "display_name": new.display_name,
                "account_id": new.account_id,
                "permission_profile_id": new.permission_profile_id,
            }),
        ),
        UserPlan::Keep(user) => ("keep", json!(user)),
        UserPlan::Update { user, .. } => ("update", json!(user)),
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
    let mut text = format!(
        "admit: {action} the account, matched by {}\n",
        admission.matched_by.name()
    );
    for reason in &admission.reasons {
        text.push_str(&format!("  because      {}: {reason}\n", reason.code()));
    }
    text.push_str(&grants_text(&admission.grants));
    text.push_str(&format!(
        "  session      until {} at the latest\n  policy       {}\n",
        admission.session_not_after,
        policy.hash()
    ));
    Verdict::Accepted {
        json: json!({
            "plan": {
                "outcome": "admit",
                "action": action,
                "matched_by": admission.matched_by.name(),
                "user": user,
                "changes": changes,
                "grants": grants_json(&admission.grants),
                "session_not_after": admission.session_not_after,
                "reasons": reasons(&admission.reasons),
            },
            "policy_hash": policy.hash(),
        }),
        text: crate::text::visible_lines(&text),
    }
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

fn grants_text(delta: &GrantDelta) -> String {
    let by = |rule: &Option<countersign::RuleId>| match rule {
        Some(rule) => format!("by rule {rule}"),
        None => "by default".to_owned(),
    };
    let until = |expires_at: &Option<countersign::Timestamp>| match expires_at {
        Some(expires_at) => format!("until {expires_at}"),
        None => "without an end".to_owned(),
    };
    let mut text = String::new();
    let mut line = |verb: &str, role: &countersign::RoleName, rule, rest: String| {
        text.push_str(&format!("  {verb:<12} {role}, {}, {rest}\n", by(rule)));
    };
    for give in &delta.give {
        line("give", &give.role, &give.rule, until(&give.expires_at));
    }
    for renewal in &delta.renew {
        let grant = &renewal.grant;
        line(
            "renew",
            &grant.role,
            &grant.rule,
            until(&renewal.expires_at),
        );
    }
    for grant in &delta.keep {
        line("keep", &grant.role, &grant.rule, until(&grant.expires_at));
    }
    for taken in &delta.take {
        let grant = &taken.grant;
        line(
            "take",
            &grant.role,
            &grant.rule,
            taken.reason.code().to_owned(),
        );
    }
    text
}
