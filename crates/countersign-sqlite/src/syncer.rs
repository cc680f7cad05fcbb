//! The thread that syncs the write-ahead log, and answers those whose commits are in it by then.
//!
//! SQLite commits without a sync (`synchronous=NORMAL`), and the log is synced here: so the next
//! transaction is written while the last one is on its way to the disk. Commits follow each other in
//! the log, and a sync is of all of it: who has read what is not on the disk yet, and writes, is not
//! answered before it is.

use std::fmt;
use std::io;
use std::sync::mpsc::{self, Receiver, Sender};
use std::sync::{Arc, OnceLock};
use std::thread::JoinHandle;

use crate::failure::Lost;
use crate::group::Request;

/// The requests of one transaction that was committed.
type Batch = Vec<Box<dyn Request>>;

/// Sends batches to the thread. Dropping it waits until all of them are answered.
pub(crate) struct Syncer {
    batches: Option<Sender<Batch>>,
    thread: Option<JoinHandle<()>>,
    in_doubt: Arc<OnceLock<Lost>>,
}

impl Syncer {
    /// `sync` returns when everything that was committed before the call is on the disk.
    pub(crate) fn start(sync: impl FnMut() -> io::Result<()> + Send + 'static) -> io::Result<Self> {
        let (batches, committed) = mpsc::channel();
        let in_doubt = Arc::<OnceLock<Lost>>::default();
        let shared = Arc::clone(&in_doubt);
        let thread = std::thread::Builder::new()
            .name("csign-sql-sync".to_owned())
            .spawn(move || run(sync, &committed, &shared))?;
        Ok(Self {
            batches: Some(batches),
            thread: Some(thread),
            in_doubt,
        })
    }

    /// Answers the requests of a transaction once it is on the disk.
    pub(crate) fn answer(&self, batch: Batch) {
        if let Some(batches) = &self.batches {
            // If the thread is gone, the requests are dropped, and their callers told.
            let _ = batches.send(batch);
        }
    }

    /// Why it is unknown what the disk holds, if it is. A later sync that seems to work proves
    /// nothing about what was written before it then; only opening the file again tells.
    pub(crate) fn doubt(&self) -> Option<&Lost> {
        self.in_doubt.get()
    }

    /// From now on it is unknown what the disk holds.
    pub(crate) fn give_up(&self, lost: &Lost) {
        // The first reason is the one that counts.
        let _ = self.in_doubt.set(lost.clone());
    }
}

impl Drop for Syncer {
    fn drop(&mut self) {
        drop(self.batches.take());
        if let Some(thread) = self.thread.take() {
            let _ = thread.join();
        }
    }
}

impl fmt::Debug for Syncer {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Syncer").finish_non_exhaustive()
    }
}

fn run(
    mut sync: impl FnMut() -> io::Result<()>,
    committed: &Receiver<Batch>,
    in_doubt: &OnceLock<Lost>,
) {
    while let Ok(batch) = committed.recv() {
        let batches: Vec<Batch> = std::iter::once(batch).chain(committed.try_iter()).collect();
        if in_doubt.get().is_none()
            && let Err(error) = sync()
        {
            let _ = in_doubt.set(Lost::in_sync(error));
        }
        for request in batches.into_iter().flatten() {
            request.settle(in_doubt.get().map_or(Ok(()), Err));
        }
    }
}

#[cfg(test)]
mod tests {
    use std::sync::mpsc::{SyncSender, sync_channel};

    use countersign_core::{StoreError, StoreErrorKind};

    use super::*;
    use crate::group::{Durable, WriteConnection};

    /// A request that was committed, and tells what it is answered.
    struct Committed(u8, Sender<(u8, Result<(), StoreError>)>);

    impl Request for Committed {
        fn durable(&self) -> Durable {
            Durable::WhenAnswered
        }

        fn apply(&mut self, _: &WriteConnection) -> bool {
            true
        }

        fn settle(self: Box<Self>, committed: Result<(), &Lost>) {
            let answer = committed.map_err(|lost| lost.to_store_error("commit"));
            self.1.send((self.0, answer)).unwrap();
        }
    }

    /// A sync that tells that it has begun, and ends as it is told.
    fn held() -> (
        impl FnMut() -> io::Result<()> + Send,
        Receiver<()>,
        SyncSender<io::Result<()>>,
    ) {
        let (begin, begun) = sync_channel(0);
        let (end, ended) = sync_channel::<io::Result<()>>(0);
        let sync = move || {
            begin.send(()).unwrap();
            ended.recv().unwrap()
        };
        (sync, begun, end)
    }

    #[test]
    fn nobody_is_answered_before_a_sync_that_began_after_the_commit() {
        let (sync, begun, end) = held();
        let syncer = Syncer::start(sync).unwrap();
        let (answer, answers) = mpsc::channel();
        syncer.answer(vec![Box::new(Committed(1, answer.clone()))]);
        begun.recv().unwrap();
        // These came too late for the first sync, and share the second.
        for number in [2, 3] {
            syncer.answer(vec![Box::new(Committed(number, answer.clone()))]);
        }
        assert!(answers.try_recv().is_err());
        end.send(Ok(())).unwrap();
        assert!(matches!(answers.recv().unwrap(), (1, Ok(()))));
        begun.recv().unwrap();
        assert!(answers.try_recv().is_err());
        end.send(Ok(())).unwrap();
        assert!(matches!(answers.recv().unwrap(), (2, Ok(()))));
        assert!(matches!(answers.recv().unwrap(), (3, Ok(()))));
        drop(syncer);
        assert!(begun.recv().is_err(), "there was a third sync");
    }

    #[test]
    fn after_a_sync_that_failed_nothing_more_is_synced_and_all_is_in_doubt() {
        let (sync, begun, end) = held();
        let syncer = Syncer::start(sync).unwrap();
        let (answer, answers) = mpsc::channel();
        syncer.answer(vec![Box::new(Committed(1, answer.clone()))]);
        begun.recv().unwrap();
        syncer.answer(vec![Box::new(Committed(2, answer.clone()))]);
        assert!(syncer.doubt().is_none());
        end.send(Err(io::Error::other("the disk is gone"))).unwrap();
        for number in [1, 2] {
            let (answered, answer) = answers.recv().unwrap();
            assert_eq!(answered, number);
            assert_eq!(answer.unwrap_err().kind(), StoreErrorKind::Unavailable);
        }
        assert!(syncer.doubt().is_some_and(|lost| lost.is_in_doubt));
        drop(syncer);
        assert!(begun.recv().is_err(), "there was a second sync");
    }
}
