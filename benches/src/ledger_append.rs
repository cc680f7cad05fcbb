//! Durable entries of 1 KB in the ledger, by 1, 64, 512 and 2,048 writers at once.
//!
//! Our writers do what a host does: they hash the entry and put it into the outbox of the SQLite
//! store, while one thread turns entries into leaves all along. A turn ends when the last entry
//! is a leaf under a signed checkpoint, so that no work is left out of the count.

use std::fmt::Write as _;
use std::path::Path;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::time::Duration;

use countersign::audit::{Ed25519Signer, Ledger, LedgerStore, leaf_hash};
use countersign::{Entry, EntryId};
use countersign_sqlite::SqliteStore;
use pollster::block_on;

use crate::group_commit::GroupCommit;
use crate::load::{Until, drive, folder};
use crate::measure::{Effort, Load, Writers, now, rates};
use crate::row::Row;
use crate::sqlite_chain::SqliteChain;

/// Bytes of an entry.
const ENTRY: usize = 1_024;

/// How long the integrating thread rests when it finds nothing to do.
const REST: Duration = Duration::from_millis(1);

const CASES: [(&str, usize); 4] = [("w1", 1), ("w64", 64), ("w512", 512), ("w2048", 2_048)];

pub(crate) fn run(effort: Effort) -> Vec<Row> {
    CASES
        .into_iter()
        .flat_map(|(case, writers)| {
            let folder = folder();
            let floor = GroupCommit::to_file(&folder.path().join("floor"));
            let ledger = Log::create(&folder.path().join("countersign"));
            let chain = SqliteChain::create(&folder.path().join("chain"));
            let loads = vec![
                Writers::new("floor", |turn| {
                    drive(writers, Until::Elapsed(turn), |_| {
                        let client = floor.client();
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

/// A ledger in a SQLite file, and a count to name entries by.
struct Log {
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
            store,
            ledger: ledger.expect("a new ledger"),
            count: AtomicU64::new(0),
        }
    }

    fn load(&self, writers: usize, turn: Duration) -> Load {
        let over = AtomicBool::new(false);
        std::thread::scope(|scope| {
            let integrating = scope.spawn(|| {
                let mut size = 0;
                while !over.load(Ordering::Relaxed) {
                    let before = size;
                    size = block_on(self.ledger.integrate()).expect("a sound outbox");
                    if size == before {
                        std::thread::sleep(REST);
                    }
                }
            });
            let start = now();
            let load = drive(writers, Until::Elapsed(turn), |_| || self.append());
            over.store(true, Ordering::Relaxed);
            integrating.join().expect("the integrating thread");
            block_on(self.ledger.advance()).expect("a checkpoint");
            Load::new(load.waits_ms, start.elapsed().as_secs_f64())
        })
    }

    fn append(&self) {
        let number = self.count.fetch_add(1, Ordering::Relaxed);
        let mut bytes = String::with_capacity(ENTRY);
        let _ = write!(bytes, "{number:0>ENTRY$}");
        let bytes = bytes.into_bytes();
        let id = EntryId::new(format!("entry-{number}")).expect("an id");
        let entry = Entry::from_parts(id, leaf_hash(&bytes), bytes, None);
        block_on(self.store.enqueue(&[entry])).expect("a working disk");
    }
}
