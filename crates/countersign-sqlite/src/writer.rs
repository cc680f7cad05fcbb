//! The one thread that writes.

use std::fmt;
use std::sync::mpsc::{self, Receiver, Sender};
use std::thread::JoinHandle;

use countersign_core::StoreError;
use futures_channel::oneshot;
use rusqlite::Connection;

use crate::checkpointer::Checkpointer;
use crate::failure::{Failure, Lost, gone};
use crate::group::{self, Durable, MAX_SHARED_REQUESTS, Request, WriteConnection};
use crate::syncer::Syncer;

/// What the thread is sent.
enum Message {
    /// To be done in a transaction, with others.
    Request(Box<dyn Request>),
    /// To be done outside of any transaction.
    Alone(Box<dyn FnOnce(&Connection) + Send>),
}

struct Job<T, F> {
    doing: &'static str,
    durable: Durable,
    work: F,
    outcome: Option<Result<T, Failure>>,
    /// The work goes back with the answer: what it holds is given up where it was made, and not by
    /// the thread that everybody waits for.
    reply: oneshot::Sender<(Result<T, StoreError>, F)>,
}

impl<T, F> Request for Job<T, F>
where
    T: Send,
    F: Fn(&WriteConnection) -> Result<T, Failure> + Send,
{
    fn durable(&self) -> Durable {
        self.durable
    }

    fn apply(&mut self, db: &WriteConnection) -> bool {
        let outcome = (self.work)(db);
        let is_kept = outcome.is_ok();
        self.outcome = Some(outcome);
        is_kept
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
        let _ = self.reply.send((answer, self.work));
    }
}

/// Sends requests to the thread. Dropping it waits until the requests that were sent are done.
pub(crate) struct Writer {
    messages: Option<Sender<Message>>,
    thread: Option<JoinHandle<()>>,
}

impl Writer {
    pub(crate) fn start(
        db: WriteConnection,
        checkpointer: Checkpointer,
        syncer: Syncer,
    ) -> std::io::Result<Self> {
        let (messages, received) = mpsc::channel();
        let thread = std::thread::Builder::new()
            .name("csign-sql-write".to_owned())
            .spawn(move || run(&db, checkpointer, &syncer, &received))?;
        Ok(Self {
            messages: Some(messages),
            thread: Some(thread),
        })
    }

    /// Does `work` in a transaction and answers after it was committed. It is done again if the
    /// transaction has to be begun again, and only what it did last counts.
    pub(crate) async fn write<T, F>(
        &self,
        doing: &'static str,
        durable: Durable,
        work: F,
    ) -> Result<T, StoreError>
    where
        T: Send + 'static,
        F: Fn(&WriteConnection) -> Result<T, Failure> + Send + 'static,
    {
        let (reply, answer) = oneshot::channel();
        let job = Job {
            doing,
            durable,
            work,
            outcome: None,
            reply,
        };
        self.send(doing, Message::Request(Box::new(job)))?;
        let (answer, _) = answer.await.map_err(|_| gone(doing))?;
        answer
    }

    /// Does `work` between two transactions.
    pub(crate) async fn alone<T, F>(&self, doing: &'static str, work: F) -> Result<T, StoreError>
    where
        T: Send + 'static,
        F: FnOnce(&Connection) -> Result<T, Failure> + Send + 'static,
    {
        let (reply, answer) = oneshot::channel();
        let work = Box::new(move |db: &Connection| {
            let outcome = work(db).map_err(|failure| failure.into_store_error(doing));
            // A caller that has gone away does not want to know.
            let _ = reply.send(outcome);
        });
        self.send(doing, Message::Alone(work))?;
        answer.await.map_err(|_| gone(doing))?
    }

    fn send(&self, doing: &'static str, message: Message) -> Result<(), StoreError> {
        let messages = self.messages.as_ref().ok_or_else(|| gone(doing))?;
        messages.send(message).map_err(|_| gone(doing))
    }
}

impl Drop for Writer {
    fn drop(&mut self) {
        drop(self.messages.take());
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

fn run(
    db: &WriteConnection,
    mut checkpointer: Checkpointer,
    syncer: &Syncer,
    messages: &Receiver<Message>,
) {
    let mut next = None;
    while let Some(message) = next.take().or_else(|| messages.recv().ok()) {
        let first = match message {
            Message::Request(first) => first,
            // A file in doubt is not rewritten either: the work is dropped, and its caller told.
            Message::Alone(work) if syncer.doubt().is_none() => {
                let _paused = checkpointer.pause();
                // If it can not be begun, it is dropped as well.
                let _ = db.synced(|db| work(db));
                continue;
            }
            Message::Alone(_) => continue,
        };
        if let Some(lost) = syncer.doubt() {
            first.settle(Err(lost));
            continue;
        }
        let is_synced = first.durable() == Durable::WhenSeen;
        let mut more = || match next.take().or_else(|| messages.try_recv().ok()) {
            Some(Message::Request(request))
                if is_synced || request.durable() != Durable::WhenSeen =>
            {
                Some(request)
            }
            other => {
                next = other;
                None
            }
        };
        let mut batch = Vec::new();
        let committed = match is_synced {
            false => group::write_together(db, first, &mut more, &mut batch),
            true => db
                .synced(|db| group::write_together(db, first, &mut more, &mut batch))
                .unwrap_or_else(|error| Err(Lost::before_commit(error))),
        };
        db.new_entries().end(committed.is_ok());
        if let Err(lost) = &committed {
            // Everything that waits meets the same store; nobody has to wait for it in turn.
            while batch.len() < MAX_SHARED_REQUESTS
                && let Some(request) = more()
            {
                batch.push(request);
            }
            if lost.is_in_doubt {
                syncer.give_up(lost);
            }
        }
        checkpointer.committed(db);
        let is_over = |durable| is_synced || committed.is_err() || durable == Durable::Later;
        let (over, to_sync): (Vec<_>, Vec<_>) = batch
            .into_iter()
            .partition(|request| is_over(request.durable()));
        if !to_sync.is_empty() {
            syncer.answer(to_sync);
        }
        for request in over {
            request.settle(committed.as_ref().copied());
        }
    }
}

#[cfg(test)]
mod tests {
    use std::io;
    use std::path::Path;
    use std::pin::Pin;
    use std::sync::atomic::{AtomicUsize, Ordering};
    use std::sync::{Arc, Mutex};
    use std::thread;
    use std::time::Duration;

    use countersign_core::StoreErrorKind;
    use pollster::block_on;
    use tempfile::tempdir;

    use super::*;
    use crate::file::log_sync;

    const DOING: &str = "test the writer";

    /// A table that counts, in a file in write-ahead mode.
    fn connection(file: &Path) -> Connection {
        let db = Connection::open(file).unwrap();
        db.execute_batch(
            "PRAGMA journal_mode = WAL; PRAGMA synchronous = NORMAL; PRAGMA foreign_keys = ON;
             CREATE TABLE IF NOT EXISTS numbers (number INTEGER PRIMARY KEY, bytes BLOB);
             CREATE TABLE IF NOT EXISTS children
                 (parent INTEGER REFERENCES numbers DEFERRABLE INITIALLY DEFERRED);",
        )
        .unwrap();
        db.busy_timeout(Duration::ZERO).unwrap();
        db
    }

    fn start(db: Connection) -> io::Result<Writer> {
        let sync = log_sync(Path::new(db.path().unwrap()))?;
        start_with(db, sync)
    }

    fn start_with(
        mut db: Connection,
        sync: impl FnMut() -> io::Result<()> + Send + 'static,
    ) -> io::Result<Writer> {
        let copies = Connection::open_in_memory().unwrap();
        let checkpointer = Checkpointer::start(copies, &mut db).unwrap();
        let syncer = Syncer::start(sync)?;
        Writer::start(
            WriteConnection::new(db, Arc::default(), Arc::default()),
            checkpointer,
            syncer,
        )
    }

    fn insert(db: &Connection, number: i64) -> Result<(), Failure> {
        db.execute("INSERT INTO numbers (number) VALUES (?1)", [number])?;
        Ok(())
    }

    fn count(db: &Connection) -> i64 {
        db.query_row("SELECT count(*) FROM numbers", [], |row| row.get(0))
            .unwrap()
    }

    /// Polls once: the request is sent then.
    fn send<T>(answer: &mut Pin<Box<impl Future<Output = T>>>) {
        let mut context = std::task::Context::from_waker(std::task::Waker::noop());
        assert!(answer.as_mut().poll(&mut context).is_pending());
    }

    type Work<T> = Box<dyn Fn(&WriteConnection) -> Result<T, Failure> + Send>;

    /// Holds the writer inside a transaction until all the requests are sent, so that they share
    /// it.
    fn share<T: Send + 'static>(
        writer: &Arc<Writer>,
        requests: impl Iterator<Item = Work<T>>,
    ) -> Vec<Result<T, StoreError>> {
        share_as(writer, requests.map(|work| (Durable::WhenAnswered, work)))
    }

    fn share_as<T: Send + 'static>(
        writer: &Arc<Writer>,
        requests: impl Iterator<Item = (Durable, Work<T>)>,
    ) -> Vec<Result<T, StoreError>> {
        let (entered, has_entered) = mpsc::channel();
        let (release, released) = mpsc::channel::<()>();
        let held = Arc::clone(writer);
        let holder = thread::spawn(move || {
            block_on(held.write(DOING, Durable::WhenAnswered, move |_| {
                let _ = entered.send(());
                // Again, there is nothing to wait for.
                let _ = released.recv();
                Ok(())
            }))
        });
        has_entered.recv().unwrap();
        // `write` sends its request when it is first polled, and then waits.
        let mut answers: Vec<_> = requests
            .map(|(durable, work)| Box::pin(writer.write(DOING, durable, work)))
            .collect();
        for answer in &mut answers {
            send(answer);
        }
        drop(release);
        let _ = holder.join().unwrap();
        answers.into_iter().map(block_on).collect()
    }

    #[test]
    fn requests_that_arrive_during_a_transaction_share_it() {
        let folder = tempdir().unwrap();
        let file = folder.path().join("db");
        let writer = Arc::new(start(connection(&file)).unwrap());
        let requests = (0..64).map(|number| {
            let file = file.clone();
            let work: Work<(i64, i64)> = Box::new(move |db| {
                insert(db, number)?;
                // What this transaction sees, and what another connection sees of it.
                Ok((count(db), count(&connection(&file))))
            });
            work
        });
        let seen = share(&writer, requests);
        let seen: Vec<(i64, i64)> = seen.into_iter().map(Result::unwrap).collect();
        let expected: Vec<(i64, i64)> = (1..=64).map(|number| (number, 0)).collect();
        assert_eq!(seen, expected);
        assert_eq!(count(&connection(&file)), 64);
    }

    #[test]
    fn a_request_that_fails_is_undone_alone() {
        let folder = tempdir().unwrap();
        let file = folder.path().join("db");
        let writer = Arc::new(start(connection(&file)).unwrap());
        let requests = (0..4).map(|number| {
            let work: Work<()> = Box::new(move |db| {
                insert(db, number)?;
                insert(db, number.saturating_add(100))?;
                match number {
                    1 => Err(Failure::Conflict("it is the second")),
                    2 => insert(db, 0),
                    _ => Ok(()),
                }
            });
            work
        });
        let answers = share(&writer, requests);
        let conflicts: Vec<bool> = answers
            .iter()
            .map(|answer| answer.as_ref().is_err_and(StoreError::is_conflict))
            .collect();
        assert_eq!(conflicts, [false, true, true, false]);
        assert_eq!(count(&connection(&file)), 4);
    }

    /// Requests that each insert their number, of which some fail in their own way, and how often
    /// each was done.
    fn counted(
        count: i64,
        work: impl Fn(&WriteConnection, i64, usize) -> Result<(), Failure> + Send + Clone + 'static,
    ) -> (Vec<Work<()>>, Vec<Arc<AtomicUsize>>) {
        let runs: Vec<Arc<AtomicUsize>> = (0..count).map(|_| Arc::default()).collect();
        let requests = (0..count).zip(&runs).map(|(number, runs)| {
            let (work, runs) = (work.clone(), Arc::clone(runs));
            let request: Work<()> = Box::new(move |db| {
                let run = runs.fetch_add(1, Ordering::Relaxed);
                work(db, number, run)
            });
            request
        });
        (requests.collect(), runs)
    }

    fn runs(counters: &[Arc<AtomicUsize>]) -> Vec<usize> {
        let runs = counters.iter().map(|runs| runs.load(Ordering::Relaxed));
        runs.collect()
    }

    fn numbers(db: &Connection) -> Vec<i64> {
        let mut select = db
            .prepare("SELECT number FROM numbers ORDER BY number")
            .unwrap();
        let rows = select.query_map([], |row| row.get(0)).unwrap();
        rows.map(Result::unwrap).collect()
    }

    #[test]
    fn where_one_fails_after_it_wrote_the_others_are_done_again_and_are_there_once() {
        let folder = tempdir().unwrap();
        let file = folder.path().join("db");
        let writer = Arc::new(start(connection(&file)).unwrap());
        let (requests, counters) = counted(5, |db, number, _| {
            insert(db, number)?;
            match number {
                3 => Err(Failure::Conflict("it is the fourth")),
                _ => Ok(()),
            }
        });
        let answers = share(&writer, requests.into_iter());
        let kept: Vec<bool> = answers.iter().map(Result::is_ok).collect();
        assert_eq!(kept, [true, true, true, false, true]);
        assert_eq!(numbers(&connection(&file)), [0, 1, 2, 4]);
        // What came after the one that failed shares the next transaction.
        assert_eq!(runs(&counters), [2, 2, 2, 2, 1]);
    }

    #[test]
    fn where_one_fails_before_it_writes_nothing_is_done_again() {
        let folder = tempdir().unwrap();
        let file = folder.path().join("db");
        let writer = Arc::new(start(connection(&file)).unwrap());
        let (requests, counters) = counted(5, |db, number, _| match number {
            1 => Err(Failure::Conflict("it is the second")),
            // Fails in SQLite, and writes nothing.
            3 => insert(db, 0),
            _ => insert(db, number),
        });
        let answers = share(&writer, requests.into_iter());
        let kept: Vec<bool> = answers.iter().map(Result::is_ok).collect();
        assert_eq!(kept, [true, false, true, false, true]);
        assert_eq!(numbers(&connection(&file)), [0, 2, 4]);
        assert_eq!(runs(&counters), [1; 5]);
    }

    #[test]
    fn one_that_fails_only_at_first_is_there_once() {
        let folder = tempdir().unwrap();
        let file = folder.path().join("db");
        let writer = Arc::new(start(connection(&file)).unwrap());
        let (requests, counters) = counted(3, |db, number, run| {
            insert(db, number)?;
            match (number, run) {
                (1, 0) => Err(Failure::Busy("not yet")),
                _ => Ok(()),
            }
        });
        for answer in share(&writer, requests.into_iter()) {
            answer.unwrap();
        }
        assert_eq!(numbers(&connection(&file)), [0, 1, 2]);
        assert_eq!(runs(&counters), [2, 2, 1]);
    }

    #[test]
    fn where_the_transaction_is_gone_nothing_is_written_outside_of_one() {
        let folder = tempdir().unwrap();
        let file = folder.path().join("db");
        let writer = Arc::new(start(connection(&file)).unwrap());
        let (requests, counters) = counted(3, |db, number, run| {
            insert(db, number)?;
            // As SQLite does by itself after some errors; and the request says that all is well.
            if (number, run) == (1, 0) {
                db.execute_batch("ROLLBACK")?;
            }
            Ok(())
        });
        for answer in share(&writer, requests.into_iter()) {
            answer.unwrap();
        }
        assert_eq!(numbers(&connection(&file)), [0, 1, 2]);
        assert_eq!(runs(&counters), [2, 2, 1]);
    }

    #[test]
    fn what_another_process_writes_before_all_is_done_again_is_seen() {
        let folder = tempdir().unwrap();
        let file = folder.path().join("db");
        let writer = Arc::new(start(connection(&file)).unwrap());
        let path = file.clone();
        let (requests, _) = counted(3, move |db, number, run| {
            insert(db, number)?;
            if (number, run) == (1, 0) {
                db.execute_batch("ROLLBACK")?;
                insert(&connection(&path), 0)?;
            }
            Ok(())
        });
        let answers = share(&writer, requests.into_iter());
        let conflicts: Vec<bool> = answers
            .iter()
            .map(|answer| answer.as_ref().is_err_and(StoreError::is_conflict))
            .collect();
        assert_eq!(conflicts, [true, false, false]);
        assert_eq!(numbers(&connection(&file)), [0, 1, 2]);
    }

    #[test]
    fn a_lock_that_another_process_takes_before_all_is_done_again_is_unavailable_and_passes() {
        let folder = tempdir().unwrap();
        let file = folder.path().join("db");
        let writer = Arc::new(start(connection(&file)).unwrap());
        let other = Arc::new(Mutex::new(connection(&file)));
        let taken = Arc::clone(&other);
        let (requests, _) = counted(2, move |db, number, run| {
            insert(db, number)?;
            if (number, run) == (1, 0) {
                db.execute_batch("ROLLBACK")?;
                taken.lock().unwrap().execute_batch("BEGIN IMMEDIATE")?;
            }
            Ok(())
        });
        for answer in share(&writer, requests.into_iter()) {
            assert_eq!(answer.unwrap_err().kind(), StoreErrorKind::Unavailable);
        }
        other.lock().unwrap().execute_batch("ROLLBACK").unwrap();
        block_on(writer.write(DOING, Durable::WhenAnswered, |db| insert(db, 9))).unwrap();
        assert_eq!(numbers(&connection(&file)), [9]);
    }

    #[test]
    fn after_a_commit_in_doubt_nothing_more_is_written() {
        let folder = tempdir().unwrap();
        let file = folder.path().join("db");
        let writer = Arc::new(start(connection(&file)).unwrap());
        let requests = (0..3).map(|number| {
            let work: Work<()> = Box::new(move |db| {
                insert(db, number)?;
                // Passes here, and makes the commit fail.
                db.execute("INSERT INTO children VALUES (77)", [])?;
                Ok(())
            });
            work
        });
        let answers = share(&writer, requests);
        for answer in answers {
            assert_eq!(answer.unwrap_err().kind(), StoreErrorKind::Unavailable);
        }
        let later = block_on(writer.write(DOING, Durable::WhenAnswered, |db| insert(db, 9)));
        assert_eq!(later.unwrap_err().kind(), StoreErrorKind::Unavailable);
        assert_eq!(count(&connection(&file)), 0);
    }

    #[test]
    fn transactions_are_committed_while_the_last_one_is_synced() {
        let folder = tempdir().unwrap();
        let file = folder.path().join("db");
        let (begin, begun) = mpsc::sync_channel(0);
        let (end, ended) = mpsc::sync_channel::<()>(0);
        let sync = move || {
            begin.send(()).unwrap();
            ended.recv().map_err(io::Error::other)
        };
        let writer = start_with(connection(&file), sync).unwrap();
        let write = |number| {
            Box::pin(writer.write(DOING, Durable::WhenAnswered, move |db| insert(db, number)))
        };
        let mut first = write(1);
        send(&mut first);
        begun.recv().unwrap();
        let mut second = write(2);
        send(&mut second);
        // What need not be on the disk is answered, and so everything before it was committed.
        block_on(writer.write(DOING, Durable::Later, |db| insert(db, 3))).unwrap();
        assert_eq!(numbers(&connection(&file)), [1, 2, 3]);
        send(&mut first);
        send(&mut second);
        end.send(()).unwrap();
        block_on(first).unwrap();
        begun.recv().unwrap();
        send(&mut second);
        end.send(()).unwrap();
        block_on(second).unwrap();
    }

    #[test]
    fn after_a_sync_that_failed_nothing_more_is_written() {
        let folder = tempdir().unwrap();
        let file = folder.path().join("db");
        let failing = || Err(io::Error::other("the disk is gone"));
        let writer = start_with(connection(&file), failing).unwrap();
        let durables = [Durable::WhenAnswered, Durable::Later, Durable::WhenSeen];
        for (number, durable) in (1..).zip(durables) {
            let write = writer.write(DOING, durable, move |db| insert(db, number));
            let error = block_on(write).unwrap_err();
            assert_eq!(error.kind(), StoreErrorKind::Unavailable);
        }
        let alone = block_on(writer.alone(DOING, |db| insert(db, 9)));
        assert_eq!(alone.unwrap_err().kind(), StoreErrorKind::Unavailable);
        assert_eq!(numbers(&connection(&file)), [1]);
    }

    #[test]
    fn what_is_shown_to_others_is_on_the_disk_before_it_is_seen() {
        let folder = tempdir().unwrap();
        let writer = Arc::new(start(connection(&folder.path().join("db"))).unwrap());
        let synchronous = |db: &Connection| -> Result<i64, Failure> {
            Ok(db.query_row("PRAGMA synchronous", [], |row| row.get(0))?)
        };
        let (normal, full) = (1, 2);
        let expected = [
            (Durable::WhenAnswered, normal),
            (Durable::Later, normal),
            (Durable::WhenSeen, full),
        ];
        // Sent at once: the last does not share the transaction of the others.
        let requests = expected.map(|(durable, _)| {
            let work: Work<i64> = Box::new(move |db| synchronous(db));
            (durable, work)
        });
        let seen = share_as(&writer, requests.into_iter());
        let seen: Vec<i64> = seen.into_iter().map(Result::unwrap).collect();
        assert_eq!(seen, expected.map(|(_, synchronous)| synchronous));
        let next = writer.write(DOING, Durable::WhenAnswered, move |db| synchronous(db));
        assert_eq!(block_on(next).unwrap(), normal);
        let alone = block_on(writer.alone(DOING, synchronous)).unwrap();
        assert_eq!(alone, full);
    }

    #[test]
    fn a_full_disk_is_an_error_and_passes() {
        let folder = tempdir().unwrap();
        let file = folder.path().join("db");
        let db = connection(&file);
        let pages: i64 = db
            .query_row("PRAGMA page_count", [], |row| row.get(0))
            .unwrap();
        let limit = |db: &Connection, pages: i64| {
            let set = format!("PRAGMA max_page_count = {pages}");
            db.query_row(&set, [], |row| row.get::<_, i64>(0)).unwrap();
        };
        limit(&db, pages.saturating_add(4));
        let writer = start(db).unwrap();
        let large = |db: &WriteConnection| -> Result<(), Failure> {
            insert(db, 1)?;
            db.execute("UPDATE numbers SET bytes = zeroblob(1000000)", [])?;
            Ok(())
        };
        let full = block_on(writer.write(DOING, Durable::WhenAnswered, large)).unwrap_err();
        assert_eq!(full.kind(), StoreErrorKind::Other);
        assert_eq!(count(&connection(&file)), 0);
        // Among others, which it takes with it.
        let writer = Arc::new(writer);
        let (requests, _) = counted(3, move |db, number, _| match number {
            1 => large(db),
            _ => insert(db, number.saturating_add(10)),
        });
        let answers = share(&writer, requests.into_iter());
        assert_eq!(
            answers.get(1).unwrap().as_ref().unwrap_err().kind(),
            StoreErrorKind::Other
        );
        let kept: Vec<i64> = (10..)
            .zip(&answers)
            .filter_map(|(number, answer)| answer.is_ok().then_some(number))
            .collect();
        assert_eq!(numbers(&connection(&file)), kept);
        let before = kept.len();
        let freed = block_on(writer.write(DOING, Durable::WhenAnswered, move |db| {
            limit(db, 1_000_000);
            large(db)
        }));
        freed.unwrap();
        let written = usize::try_from(count(&connection(&file))).unwrap();
        assert_eq!(written, before.saturating_add(1));
    }

    #[test]
    fn a_lock_that_another_process_holds_is_unavailable_and_passes() {
        let folder = tempdir().unwrap();
        let file = folder.path().join("db");
        let writer = start(connection(&file)).unwrap();
        let other = connection(&file);
        other.execute_batch("BEGIN IMMEDIATE").unwrap();
        let busy =
            block_on(writer.write(DOING, Durable::WhenAnswered, |db| insert(db, 1))).unwrap_err();
        assert_eq!(busy.kind(), StoreErrorKind::Unavailable);
        other.execute_batch("ROLLBACK").unwrap();
        block_on(writer.write(DOING, Durable::WhenAnswered, |db| insert(db, 1))).unwrap();
    }

    #[test]
    fn a_thread_that_died_is_an_error_for_everybody() {
        let folder = tempdir().unwrap();
        let writer = Arc::new(start(connection(&folder.path().join("db"))).unwrap());
        let requests = (0..3).map(|number| {
            let work: Work<()> = Box::new(move |db| {
                assert!(number != 1, "a test makes the writer panic");
                insert(db, number)
            });
            work
        });
        let mut answers = share(&writer, requests);
        answers.push(block_on(
            writer.write(DOING, Durable::WhenAnswered, |db| insert(db, 9)),
        ));
        for answer in answers {
            assert_eq!(answer.unwrap_err().kind(), StoreErrorKind::Unavailable);
        }
    }

    #[test]
    fn a_caller_that_went_away_leaves_the_others_alone() {
        let folder = tempdir().unwrap();
        let file = folder.path().join("db");
        let writer = start(connection(&file)).unwrap();
        let mut gone = Box::pin(writer.write(DOING, Durable::WhenAnswered, |db| insert(db, 1)));
        let mut context = std::task::Context::from_waker(std::task::Waker::noop());
        let _ = gone.as_mut().poll(&mut context);
        drop(gone);
        block_on(writer.write(DOING, Durable::WhenAnswered, |db| insert(db, 2))).unwrap();
        drop(writer);
        assert_eq!(count(&connection(&file)), 2);
    }
}
