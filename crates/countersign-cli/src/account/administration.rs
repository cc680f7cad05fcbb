//! An engine over a database, to administer it: without identity providers, so that nobody signs
//! in through it, and with the log's key, so that what it does is under a checkpoint.

use std::path::Path;
use std::sync::Arc;

use clap::Args;
use countersign::audit::checkpoint::SignedCheckpoint;
use countersign::audit::policy::PolicyChanged;
use countersign::audit::record::Recorded;
use countersign::audit::store::EntryQuery;
use countersign::audit::{AuditError, LedgerReader, VerifierKey};
use countersign::provision::store::UserStore;
use countersign::{BuildError, Clock, Engine, Sha256Digest, TenantId, blocking};
use countersign_sqlite::SqliteStore;
use serde_json::{Value, json};

use super::tenant;
use crate::input::{InputPath, Unreadable};
use crate::key_file;
use crate::ledger::with_causes;
use crate::policy::load_sound;
use crate::style::{Page, Table, dim, name, plain, warn};
use crate::verdict::Verdict;

/// Whose accounts, in which database, under which policy, and in which ledger it is recorded.
#[derive(Debug, Args)]
pub(super) struct Administered {
    /// The policy file that is in force.
    #[arg(long, value_name = "FILE")]
    policy: InputPath,
    /// The tenant; may be left out where the policy has one.
    #[arg(long, value_name = "NAME")]
    tenant: Option<TenantId>,
    /// The SQLite file.
    #[arg(long, value_name = "DB")]
    database: InputPath,
    /// The log's private key, Ed25519 as PKCS#8 in PEM or DER, not encrypted. It has to be the one
    /// that signed the last checkpoint.
    #[arg(long, value_name = "FILE")]
    log_key: InputPath,
    /// The log's name, such as `sign.example/log`; may be left out where the database tells.
    #[arg(long, value_name = "NAME")]
    origin: Option<String>,
}

/// What a command may do to the database.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Access {
    /// The file is opened for reading only: nothing can be written.
    Read,
    /// It is written.
    Write,
}

/// An engine that is ready to administer.
pub(super) struct Administration {
    pub(super) engine: Engine,
    pub(super) tenant: TenantId,
    /// The policy that the ledger says is in force, if it says so.
    pub(super) policy_on_record: Option<Sha256Digest>,
    /// Whether the database knew the log's key before.
    is_known_key: bool,
}

impl Administered {
    pub(super) fn database(&self) -> &Path {
        &self.database
    }

    pub(super) fn unreadable(&self, error: &dyn std::error::Error) -> Unreadable {
        Unreadable::new(self.database.display(), with_causes(error))
    }

    /// Opens the database and its ledger; a ledger that does not belong to the key is a refusal.
    pub(super) fn open(
        &self,
        access: Access,
        clock: Arc<dyn Clock>,
    ) -> Result<Result<Administration, Verdict>, Unreadable> {
        let policy = load_sound("--policy", &self.policy)?;
        let tenant = tenant(self.tenant.as_ref(), &policy)?;
        let signer = key_file::log_signer(&self.log_key)?;
        let store = match access {
            Access::Read => SqliteStore::open_read_only(&self.database),
            Access::Write => SqliteStore::open_existing(&self.database),
        };
        let store = Arc::new(store.map_err(|error| self.unreadable(&error))?);
        blocking::wait(async {
            let named = store.ledger_vkey().await;
            let named = named.map_err(|error| self.unreadable(&error))?;
            let named: Option<VerifierKey> = named
                .map(|text| text.parse())
                .transpose()
                .map_err(|error| self.unreadable(&error))?;
            let reader = LedgerReader::new(store.clone());
            let signed = match reader.checkpoint().await {
                Ok(signed) => signed,
                Err(error) => return Ok(Err(refused(&error))),
            };
            let known = [
                self.origin.as_deref(),
                named.as_ref().map(VerifierKey::name),
                signed.as_ref().map(|signed| signed.checkpoint().origin()),
            ];
            let origin = known.into_iter().flatten().next().ok_or_else(|| {
                Unreadable::new("--origin", "is needed: the database names no log")
            })?;
            let engine = Engine::builder(policy)
                .store(store.clone())
                .log(origin, Arc::new(signer))
                .clock(clock)
                .build_for_administration()
                .await;
            let engine = match engine {
                Ok(engine) => engine,
                Err(BuildError::Ledger(error)) => return Ok(Err(refused(&error))),
                Err(error) => return Err(self.unreadable(&error)),
            };
            if named
                .as_ref()
                .is_some_and(|named| named != engine.ledger().verifier_key())
            {
                let message = "the database names another log or another key of it";
                return Ok(Err(Verdict::refused("cli.other_log_key", message)));
            }
            let on_record = policy_on_record(&store, &reader, &tenant).await;
            Ok(Ok(Administration {
                engine,
                policy_on_record: on_record.map_err(|error| self.unreadable(&*error))?,
                tenant,
                is_known_key: named.is_some() || signed.is_some(),
            }))
        })
    }
}

async fn policy_on_record(
    store: &SqliteStore,
    reader: &LedgerReader,
    tenant: &TenantId,
) -> Result<Option<Sha256Digest>, Box<dyn std::error::Error>> {
    let Some(leaf) = store.policy_entry(tenant).await? else {
        return Ok(None);
    };
    let stored = reader.entry(&EntryQuery::Leaf(leaf)).await?;
    let stored = stored.ok_or("the record of the policy in force is not in the ledger")?;
    let recorded = Recorded::<PolicyChanged>::parse(stored.entry.bytes())?;
    Ok(Some(recorded.body().after))
}

fn refused(error: &AuditError) -> Verdict {
    Verdict::refused(error.code(), with_causes(error))
}

impl Administration {
    /// Whether the ledger says that another policy is in force.
    pub(super) fn finds_another_policy(&self) -> bool {
        let here = self.engine.policy().hash();
        self.policy_on_record.is_some_and(|before| before != here)
    }

    /// Ends a command that has written: what it recorded becomes leaves under a signed
    /// checkpoint, and the answer says so. Where nothing tells that the key is the log's, the
    /// first checkpoint is left to the host: signed by another key it would shut the host out.
    pub(super) fn seal(&self, answer: Answer) -> Verdict {
        if !self.is_known_key {
            let waits = warn("what was recorded waits for the host's first checkpoint");
            let mut answer = answer;
            answer.page.line(waits);
            return answer.verdict(Value::Null);
        }
        match blocking::wait(self.engine.ledger().advance()) {
            Ok(signed) => answer.sealed(&signed),
            Err(error) => Verdict::Refused {
                code: error.code().to_owned(),
                message: format!(
                    "it is done, but no checkpoint was signed: {}",
                    with_causes(&error)
                ),
                json: answer.members,
                text: answer.page,
            },
        }
    }
}

/// What a command has done, before it is known how it ends.
pub(super) struct Answer {
    /// The first refusal, if there was one: its code and what it says.
    pub(super) refusal: Option<(String, String)>,
    pub(super) members: Value,
    pub(super) page: Page,
}

impl Answer {
    fn sealed(mut self, signed: &SignedCheckpoint) -> Verdict {
        let checkpoint = signed.checkpoint();
        let mut rows = Table::new();
        let (size, root) = (checkpoint.size(), checkpoint.root());
        let at = plain(format!(" at {size} leaves, root {root}"));
        rows.row([dim("checkpoint"), name(checkpoint.origin()).and(at)]);
        self.page.blank();
        self.page.table(rows);
        self.verdict(json!({
            "origin": checkpoint.origin(),
            "size": size,
            "root": root,
        }))
    }

    /// As it is, with the checkpoint that it is under.
    pub(super) fn verdict(mut self, checkpoint: Value) -> Verdict {
        if let Value::Object(members) = &mut self.members {
            members.insert("checkpoint".to_owned(), checkpoint);
        }
        let (json, text) = (self.members, self.page);
        match self.refusal {
            None => Verdict::Accepted { json, text },
            Some((code, message)) => Verdict::Refused {
                code,
                message,
                json,
                text,
            },
        }
    }
}
