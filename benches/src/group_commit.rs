//! The floors of everything durable: what came while the last write was synced is written next,
//! all of it with one sync. To a file, that is an append and an `fdatasync`; to SQLite, one
//! transaction.

use std::fs::File;
use std::io::Write as _;
use std::path::Path;
use std::sync::mpsc::{Receiver, Sender, channel};
use std::thread::JoinHandle;

use rusqlite::{Connection, TransactionBehavior};

/// Bytes to append, and whom to tell when they are durable.
type Request = (Vec<u8>, Sender<()>);

/// Somewhere that one thread alone writes to.
#[derive(Debug)]
pub(crate) struct GroupCommit {
    requests: Option<Sender<Request>>,
    thread: Option<JoinHandle<()>>,
}

/// One writer's way to it.
#[derive(Debug)]
pub(crate) struct Client {
    requests: Sender<Request>,
    done: (Sender<()>, Receiver<()>),
}

impl GroupCommit {
    /// Into a new file.
    pub(crate) fn to_file(path: &Path) -> Self {
        let mut file = File::create(path).expect("a new file");
        let mut buffer = Vec::new();
        Self::begin(move |batch| {
            buffer.clear();
            for (bytes, _) in batch {
                buffer.extend_from_slice(bytes);
            }
            file.write_all(&buffer).expect("space on the disk");
            file.sync_data().expect("a working disk");
        })
    }

    /// Into one table of a new database.
    pub(crate) fn to_sqlite(path: &Path) -> Self {
        let mut connection = Connection::open(path).expect("a new database");
        connection
            .execute_batch(
                "PRAGMA journal_mode = WAL;
                 PRAGMA synchronous = FULL;
                 CREATE TABLE entry (position INTEGER PRIMARY KEY, bytes BLOB NOT NULL) STRICT;",
            )
            .expect("a table");
        Self::begin(move |batch| {
            let transaction = connection
                .transaction_with_behavior(TransactionBehavior::Immediate)
                .expect("the only writer");
            for (bytes, _) in batch {
                transaction
                    .prepare_cached("INSERT INTO entry (bytes) VALUES (?1)")
                    .and_then(|mut insert| insert.execute([bytes]))
                    .expect("a new row");
            }
            transaction.commit().expect("a working disk");
        })
    }

    /// `write` makes a batch durable before it returns.
    fn begin(mut write: impl FnMut(&[Request]) + Send + 'static) -> Self {
        let (requests, receiver) = channel::<Request>();
        let thread = std::thread::spawn(move || {
            while let Ok(first) = receiver.recv() {
                let batch: Vec<Request> =
                    std::iter::once(first).chain(receiver.try_iter()).collect();
                write(&batch);
                for (_, done) in &batch {
                    // A writer that left does not wait.
                    let _ = done.send(());
                }
            }
        });
        Self {
            requests: Some(requests),
            thread: Some(thread),
        }
    }

    pub(crate) fn client(&self) -> Client {
        Client {
            requests: self.requests.clone().expect("open until it is dropped"),
            done: channel(),
        }
    }
}

impl Drop for GroupCommit {
    fn drop(&mut self) {
        self.requests = None;
        if let Some(thread) = self.thread.take() {
            thread.join().expect("the writing thread");
        }
    }
}

impl Client {
    /// Returns when `bytes` are durable.
    pub(crate) fn append(&self, bytes: Vec<u8>) {
        let (done, wait) = &self.done;
        self.requests
            .send((bytes, done.clone()))
            .expect("the writing thread");
        wait.recv().expect("the writing thread");
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_acknowledged_is_in_the_file() {
        let folder = crate::load::folder();
        let path = folder.path().join("floor");
        let floor = GroupCommit::to_file(&path);
        let client = floor.client();
        client.append(vec![1, 2]);
        client.append(vec![3]);
        assert_eq!(std::fs::read(&path).unwrap(), [1, 2, 3]);
    }

    #[test]
    fn what_is_acknowledged_is_in_the_database() {
        let folder = crate::load::folder();
        let path = folder.path().join("floor");
        let floor = GroupCommit::to_sqlite(&path);
        floor.client().append(vec![1, 2]);
        let row: Vec<u8> = Connection::open(&path)
            .unwrap()
            .query_row("SELECT bytes FROM entry", [], |row| row.get(0))
            .unwrap();
        assert_eq!(row, [1, 2]);
    }
}
