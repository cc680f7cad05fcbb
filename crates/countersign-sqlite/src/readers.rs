//! The threads that read, each on its own connection.

use std::fmt;
use std::sync::mpsc::{self, Receiver, Sender};
use std::sync::{Arc, Mutex, PoisonError};
use std::thread::JoinHandle;

use countersign_core::StoreError;
use futures_channel::oneshot;
use rusqlite::Connection;

use crate::failure::{Failure, gone};

type Job = Box<dyn FnOnce(&Connection) + Send>;

/// Sends requests to the threads. Dropping it waits until the requests that were sent are done.
pub(crate) struct Readers {
    jobs: Option<Sender<Job>>,
    threads: Vec<JoinHandle<()>>,
}

impl Readers {
    pub(crate) fn start(connections: Vec<Connection>) -> std::io::Result<Self> {
        let (jobs, received) = mpsc::channel();
        let received = Arc::new(Mutex::new(received));
        let mut readers = Self {
            jobs: Some(jobs),
            threads: Vec::new(),
        };
        for db in connections {
            let received = Arc::clone(&received);
            let thread = std::thread::Builder::new()
                .name("csign-sql-read".to_owned())
                .spawn(move || run(&db, &received))?;
            readers.threads.push(thread);
        }
        Ok(readers)
    }

    /// Does `work` in one read transaction: everything it reads is of one moment.
    pub(crate) async fn read<T, F>(&self, doing: &'static str, work: F) -> Result<T, StoreError>
    where
        T: Send + 'static,
        F: FnOnce(&Connection) -> Result<T, Failure> + Send + 'static,
    {
        let (reply, answer) = oneshot::channel();
        let job: Job = Box::new(move |db| {
            let outcome = in_one_transaction(db, work);
            let outcome = outcome.map_err(|failure| failure.into_store_error(doing));
            // A caller that has gone away does not want to know.
            let _ = reply.send(outcome);
        });
        let jobs = self.jobs.as_ref().ok_or_else(|| gone(doing))?;
        jobs.send(job).map_err(|_| gone(doing))?;
        answer.await.map_err(|_| gone(doing))?
    }
}

fn in_one_transaction<T>(
    db: &Connection,
    work: impl FnOnce(&Connection) -> Result<T, Failure>,
) -> Result<T, Failure> {
    db.prepare_cached("BEGIN")?.execute([])?;
    let outcome = work(db);
    // SQLite ends it by itself after some errors.
    if !db.is_autocommit() {
        db.prepare_cached("ROLLBACK")?.execute([])?;
    }
    outcome
}

impl Drop for Readers {
    fn drop(&mut self) {
        drop(self.jobs.take());
        for thread in self.threads.drain(..) {
            let _ = thread.join();
        }
    }
}

impl fmt::Debug for Readers {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Readers")
            .field("threads", &self.threads.len())
            .finish_non_exhaustive()
    }
}

fn run(db: &Connection, jobs: &Mutex<Receiver<Job>>) {
    loop {
        // The lock is held while waiting for a job, never while doing one, so it can not be
        // poisoned by one either.
        let job = jobs.lock().unwrap_or_else(PoisonError::into_inner).recv();
        match job {
            Ok(job) => job(db),
            Err(_) => return,
        }
    }
}

#[cfg(test)]
mod tests {
    use countersign_core::StoreErrorKind;
    use pollster::block_on;

    use super::*;

    #[test]
    fn threads_that_died_are_an_error_for_everybody() {
        let connections = (0..2).map(|_| Connection::open_in_memory().unwrap());
        let readers = Readers::start(connections.collect()).unwrap();
        let one = |db: &Connection| Ok(db.query_row("SELECT 1", [], |row| row.get(0))?);
        let answer: i64 = block_on(readers.read("read", one)).unwrap();
        assert_eq!(answer, 1);
        for _ in 0..2 {
            let died = block_on(readers.read("read", |_| -> Result<(), Failure> {
                panic!("a test makes a reader panic")
            }));
            assert_eq!(died.unwrap_err().kind(), StoreErrorKind::Unavailable);
        }
        let later = block_on(readers.read("read", one));
        assert_eq!(later.unwrap_err().kind(), StoreErrorKind::Unavailable);
    }
}
