//! Durable entries of 1 KB in the ledger, by 1, 64, 512 and 2,048 writers at once.
//!
//! Our writers do what a host does: they hash the entry and put it into the outbox of the SQLite
//! store, while one thread turns entries into leaves all along. A ledger takes records only, and
//! reads each one; they are copies of one that was sealed beforehand, each with an id and a digest
//! of its own, so that what is measured is the ledger and not the sealing. A turn ends when the last entry
//! is a leaf under a signed checkpoint, so that no work is left out of the count.
//!
//! The floor is a file; beside it stands what SQLite takes for the same bytes in one table.

use std::path::Path;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;

use countersign::audit::assertion::AssertionRejected;
use countersign::audit::{
    Correlation, Ed25519Signer, Ledger, LedgerStore, SystemEntropy, leaf_hash,
};
use countersign::{
    ConnectionId, CorrelationId, Door, Entry, EntryId, Sha256Digest, TenantId, Timestamp,
};
use countersign_sqlite::SqliteStore;
use pollster::block_on;

use crate::group_commit::GroupCommit;
use crate::load::{Until, drive, folder, integrating};
use crate::measure::{Effort, Load, Writers, now, rates};
use crate::row::Row;
use crate::sqlite_chain::SqliteChain;

/// Bytes of an entry.
const ENTRY: usize = 1_024;

const CASES: [(&str, usize); 4] = [("w1", 1), ("w64", 64), ("w512", 512), ("w2048", 2_048)];

pub(crate) fn run(effort: Effort) -> Vec<Row> {
    CASES
        .into_iter()
        .flat_map(|(case, writers)| {
            let folder = folder();
            let floor = GroupCommit::to_file(&folder.path().join("floor"));
            let sqlite = GroupCommit::to_sqlite(&folder.path().join("sqlite"));
            let ledger = Log::create(&folder.path().join("countersign"));
            let chain = SqliteChain::create(&folder.path().join("chain"));
            let loads = vec![
                Writers::new("floor", |turn| {
                    drive(writers, Until::Elapsed(turn), |_| {
                        let client = floor.client();
                        move || client.append(vec![b'x'; ENTRY])
                    })
                }),
                Writers::new("sqlite", |turn| {
                    drive(writers, Until::Elapsed(turn), |_| {
                        let client = sqlite.client();
                        move || client.append(vec![b'x'; ENTRY])
                    })
                }),
                Writers::new("countersign", |turn| ledger.load(writers, turn)),
                Writers::new("sqlite_chain", |turn| {
                    drive(writers, Until::Elapsed(turn), |_| {
                        || chain.append(&[b'x'; ENTRY])
                    })
                }),
            ];
            rates("ledger_append", case, effort, loads)
        })
        .collect()
}

/// A record of a refused sign-in, in three pieces: between them go the last digits of its digest
/// and of its id.
struct Template {
    id: String,
    pieces: [String; 3],
}

/// Hexadecimal digits of a number that makes an entry unlike any other.
const DIGITS: usize = 12;

impl Template {
    /// Seals the record, as long as an entry of the benchmark is.
    fn seal() -> Self {
        let bare = Self::seal_with("x".to_owned());
        let missing = ENTRY.saturating_sub(bare.entry(0).bytes().len());
        Self::seal_with("x".repeat(missing.saturating_add(1)))
    }

    fn seal_with(code: String) -> Self {
        let digest = Sha256Digest::from_bytes([0; 32]).to_string();
        let rejected = AssertionRejected {
            door: Door::Saml,
            connection: ConnectionId::new("acme-idp").expect("an id"),
            code,
            received_sha256: digest.parse().expect("a digest"),
        };
        let tenant = TenantId::new("acme").expect("an id");
        let walk = CorrelationId::new("walk-1").expect("an id");
        let sealed = Correlation::begin(tenant, walk)
            .seal(
                rejected.draft(),
                Timestamp::UNIX_EPOCH,
                &SystemEntropy::new(),
            )
            .expect("a record");
        let text = String::from_utf8(sealed.entry().bytes().to_vec()).expect("JSON");
        let id = sealed.entry().id().as_str();
        let id = id
            .get(..id.len().saturating_sub(DIGITS))
            .expect("a UUID")
            .to_owned();
        let (head, rest) = text.split_once(&digest).expect("the digest");
        let (body, rest) = rest.split_once(&id).expect("the id");
        Self {
            pieces: [
                format!("{head}{}", digest.get(DIGITS..).expect("64 digits")),
                format!("{body}{id}"),
                rest.get(DIGITS..).expect("the rest").to_owned(),
            ],
            id,
        }
    }

    fn entry(&self, number: u64) -> Entry {
        let digits = format!("{number:012x}");
        let [head, body, rest] = self.pieces.each_ref().map(String::as_str);
        let bytes = [head, &digits, body, &digits, rest].concat().into_bytes();
        let id = EntryId::new(format!("{}{digits}", self.id)).expect("an id");
        Entry::from_parts(id, leaf_hash(&bytes), bytes, None)
    }
}

/// A ledger in a SQLite file, and a count to name entries by.
struct Log {
    template: Template,
    store: Arc<SqliteStore>,
    ledger: Ledger,
    count: AtomicU64,
}

impl Log {
    fn create(path: &Path) -> Self {
        let store = Arc::new(SqliteStore::open(path).expect("a new store"));
        let (signer, _) = Ed25519Signer::generate().expect("a key");
        let ledger = block_on(Ledger::open(
            store.clone(),
            Arc::new(signer),
            "log.example/bench",
        ));
        Self {
            template: Template::seal(),
            store,
            ledger: ledger.expect("a new ledger"),
            count: AtomicU64::new(0),
        }
    }

    fn load(&self, writers: usize, turn: Duration) -> Load {
        integrating(&self.ledger, || {
            let start = now();
            let load = drive(writers, Until::Elapsed(turn), |_| || self.append());
            block_on(self.ledger.advance()).expect("a checkpoint");
            Load::new(load.waits_ms, start.elapsed().as_secs_f64())
        })
    }

    fn append(&self) {
        let number = self.count.fetch_add(1, Ordering::Relaxed);
        let entry = self.template.entry(number);
        block_on(self.store.enqueue(&[entry])).expect("a working disk");
    }
}
