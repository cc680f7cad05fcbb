//! The one thread that writes, and the transactions that its callers share.

use std::fmt;
use std::sync::mpsc::{self, Receiver, Sender};
use std::thread::JoinHandle;

use countersign_core::StoreError;
use futures_channel::oneshot;
use rusqlite::Connection;

use crate::failure::{Failure, Lost, gone};

/// Most requests in one transaction. A transaction that many share is held in SQLite's page
/// cache (2 MB by default) until it is committed; past that it spills, and gains nothing.
const MAX_SHARED_REQUESTS: usize = 512;

/// A request on its way to the writer and back.
trait Request: Send {
    /// Does the work inside a savepoint; whether what it wrote is to be kept.
    fn apply(&mut self, db: &Connection) -> bool;
    /// Tells the caller, once it is known whether the transaction was committed.
    fn settle(self: Box<Self>, committed: Result<(), &Lost>);
}

struct Job<T, F> {
    doing: &'static str,
    work: Option<F>,
    outcome: Option<Result<T, Failure>>,
    reply: oneshot::Sender<Result<T, StoreError>>,
}

impl<T, F> Request for Job<T, F>
where
    T: Send,
    F: FnOnce(&Connection) -> Result<T, Failure> + Send,
{
    fn apply(&mut self, db: &Connection) -> bool {
        self.outcome = self.work.take().map(|work| work(db));
        matches!(self.outcome, Some(Ok(_)))
    }

    fn settle(self: Box<Self>, committed: Result<(), &Lost>) {
        let answer = match (self.outcome, committed) {
            // A request that failed on its own wrote nothing, whatever became of the others.
            (Some(Err(failure)), _) => Err(failure.into_store_error(self.doing)),
            (_, Err(lost)) => Err(lost.to_store_error(self.doing)),
            (Some(Ok(value)), Ok(())) => Ok(value),
            (None, Ok(())) => Err(gone(self.doing)),
        };
        // A caller that has gone away does not want to know.
        let _ = self.reply.send(answer);
    }
}

/// Sends requests to the thread. Dropping it waits until the requests that were sent are done.
pub(crate) struct Writer {
    requests: Option<Sender<Box<dyn Request>>>,
    thread: Option<JoinHandle<()>>,
}

impl Writer {
    pub(crate) fn start(db: Connection) -> std::io::Result<Self> {
        let (requests, received) = mpsc::channel();
        let thread = std::thread::Builder::new()
            .name("countersign-sqlite-writer".to_owned())
            .spawn(move || run(&db, &received))?;
        Ok(Self {
            requests: Some(requests),
            thread: Some(thread),
        })
    }

    /// Does `work` in a transaction and answers after it was committed.
    pub(crate) async fn write<T, F>(&self, doing: &'static str, work: F) -> Result<T, StoreError>
    where
        T: Send + 'static,
        F: FnOnce(&Connection) -> Result<T, Failure> + Send + 'static,
    {
        let (reply, answer) = oneshot::channel();
        let job = Job {
            doing,
            work: Some(work),
            outcome: None,
            reply,
        };
        let requests = self.requests.as_ref().ok_or_else(|| gone(doing))?;
        requests.send(Box::new(job)).map_err(|_| gone(doing))?;
        answer.await.map_err(|_| gone(doing))?
    }
}

impl Drop for Writer {
    fn drop(&mut self) {
        drop(self.requests.take());
        if let Some(thread) = self.thread.take() {
            let _ = thread.join();
        }
    }
}

impl fmt::Debug for Writer {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Writer").finish_non_exhaustive()
    }
}

fn run(db: &Connection, requests: &Receiver<Box<dyn Request>>) {
    let mut poisoned: Option<Lost> = None;
    while let Ok(first) = requests.recv() {
        if let Some(lost) = &poisoned {
            first.settle(Err(lost));
            continue;
        }
        let mut batch = Vec::new();
        let committed = write_batch(db, first, requests, &mut batch);
        if let Err(lost) = &committed {
            // Everything that waits meets the same store; nobody has to wait for it in turn.
            batch.extend(requests.try_iter().take(MAX_SHARED_REQUESTS));
            // Where it is unknown what the disk holds, a later commit that seems to work proves
            // nothing about this one. Only opening the file again tells.
            if lost.is_in_doubt {
                poisoned = Some(lost.clone());
            }
        }
        for request in batch {
            request.settle(committed.as_ref().copied());
        }
    }
}

/// One transaction: `first`, and everything that arrives before it is committed.
fn write_batch(
    db: &Connection,
    first: Box<dyn Request>,
    requests: &Receiver<Box<dyn Request>>,
    batch: &mut Vec<Box<dyn Request>>,
) -> Result<(), Lost> {
    let mut next = Some(first);
    let written = execute(db, "BEGIN IMMEDIATE").and_then(|()| {
        while let Some(mut request) = next.take() {
            let applied = apply_in_savepoint(db, &mut *request);
            batch.push(request);
            applied?;
            if batch.len() < MAX_SHARED_REQUESTS {
                next = requests.try_recv().ok();
            }
        }
        Ok(())
    });
    batch.extend(next);
    let lost = match written {
        Err(error) => Lost::before_commit(error),
        Ok(()) => match execute(db, "COMMIT") {
            Ok(()) => return Ok(()),
            Err(error) => Lost::in_commit(error),
        },
    };
    if !db.is_autocommit() {
        // If even this fails, the next BEGIN does too, and its callers are told.
        let _ = execute(db, "ROLLBACK");
    }
    Err(lost)
}

/// Does one request and undoes it alone if it fails. An `Err` means that the transaction of all
/// is gone: SQLite rolls it back by itself when the disk is full or fails.
fn apply_in_savepoint(db: &Connection, request: &mut dyn Request) -> rusqlite::Result<()> {
    execute(db, "SAVEPOINT request")?;
    if !request.apply(db) {
        execute(db, "ROLLBACK TO request")?;
    }
    execute(db, "RELEASE request")
}

fn execute(db: &Connection, statement: &str) -> rusqlite::Result<()> {
    db.prepare_cached(statement)?.execute([]).map(drop)
}
