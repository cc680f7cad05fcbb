//! Durable entries of 1 KB in the ledger, by 1, 64, 512 and 2,048 writers at once.

use crate::group_commit::GroupCommit;
use crate::load::{drive, folder};
use crate::measure::{Effort, Writers, rates};
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
            let floor = GroupCommit::create(&folder.path().join("floor"));
            let chain = SqliteChain::create(&folder.path().join("chain"));
            let loads = vec![
                Writers::new("floor", |turn| {
                    drive(writers, turn, |_| {
                        let client = floor.client();
                        move || client.append(vec![b'x'; ENTRY])
                    })
                }),
                Writers::new("sqlite_chain", |turn| {
                    drive(writers, turn, |_| || chain.append(&[b'x'; ENTRY]))
                }),
            ];
            rates("ledger_append", case, effort, loads)
        })
        .collect()
}
