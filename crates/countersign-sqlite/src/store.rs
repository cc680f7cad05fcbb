//! The store itself: one thread that writes, one that syncs the log, one that copies it, a few that
//! read.

use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::thread;

use countersign_core::{StoreError, StoreErrorKind};
use rusqlite::{Connection, OptionalExtension};

use crate::aside::Source;
use crate::checkpointer::Checkpointer;
use crate::failure::Failure;
use crate::file::{self, OpenError};
use crate::group::{Durable, WriteConnection};
use crate::leaf_index::LeafIndex;
use crate::outbox::Outbox;
use crate::readers::Readers;
use crate::syncer::Syncer;
use crate::writer::Writer;

/// Most threads that read: a look-up takes some ten microseconds, so that four keep up with what
/// one disk can sync.
const MAX_READERS: usize = 4;

/// Users, links, grants, sessions, replay, outbox and ledger in one file.
///
/// # Contract
/// An `Ok` is given after the transaction was committed and the write-ahead log synced: what it
/// acknowledges survives a crash of the process and of the machine, as far as the disk keeps its
/// word. After an error that leaves it unknown whether a commit reached the disk, nothing more is
/// written until the file is opened again. What is being synced can be read already; a checkpoint
/// can not.
///
/// Dropping the store waits for the requests under way.
///
/// # Security
/// The file holds personal data in the clear. It is created so that its owner alone may read it;
/// who may replace it is decided by the permissions of its folder.
#[derive(Debug)]
pub struct SqliteStore {
    // Dropped in this order: the last connection to close is the one that may fold the
    // write-ahead log into the file.
    readers: Readers,
    writer: Option<Writer>,
    pub(crate) leaf_index: Arc<LeafIndex>,
    pub(crate) outbox: Arc<Outbox>,
    path: PathBuf,
}

impl SqliteStore {
    /// Opens the file, or creates it.
    ///
    /// # Errors
    /// If it is not ours to open; see [`OpenError`].
    pub fn open(path: impl AsRef<Path>) -> Result<Self, OpenError> {
        Self::open_to_write(path.as_ref(), true)
    }

    /// Opens the file, which has to be there.
    ///
    /// # Errors
    /// As [`open`](Self::open), and if the file is missing or empty.
    pub fn open_existing(path: impl AsRef<Path>) -> Result<Self, OpenError> {
        Self::open_to_write(path.as_ref(), false)
    }

    /// Opens the file to look at it: neither it nor its write-ahead log is changed, and every
    /// method that writes fails.
    ///
    /// A file that nobody has open at this moment must not be opened for writing before this
    /// store is dropped: its reads could mix old and new pages.
    ///
    /// # Errors
    /// As [`open_existing`](Self::open_existing), and if its schema is older.
    pub fn open_read_only(path: impl AsRef<Path>) -> Result<Self, OpenError> {
        let path = path.as_ref();
        let db = file::open_inspector(path)?;
        Ok(Self {
            readers: Readers::start(vec![db])?,
            writer: None,
            leaf_index: Arc::default(),
            outbox: Arc::default(),
            path: std::path::absolute(path)?,
        })
    }

    fn open_to_write(path: &Path, may_create: bool) -> Result<Self, OpenError> {
        let mut db = file::open_writable(path, may_create)?;
        let threads = thread::available_parallelism().map_or(1, usize::from);
        let connections: Result<Vec<Connection>, OpenError> = (0..threads.min(MAX_READERS))
            .map(|_| file::open_reader(path))
            .collect();
        let checkpointer = Checkpointer::start(file::open_checkpointer(path)?, &mut db)?;
        let leaf_index = Arc::<LeafIndex>::default();
        let outbox = Arc::<Outbox>::default();
        let syncer = Syncer::start(file::log_sync(path)?)?;
        let db = WriteConnection::new(db, Arc::clone(&leaf_index), Arc::clone(&outbox));
        Ok(Self {
            readers: Readers::start(connections?)?,
            writer: Some(Writer::start(db, checkpointer, syncer)?),
            leaf_index,
            outbox,
            path: std::path::absolute(path)?,
        })
    }

    /// The verifier key that the ledger's owner said it signs checkpoints with, in the text form
    /// of C2SP `signed-note`.
    ///
    /// # Errors
    /// If the store can not be read.
    ///
    /// # Security
    /// Whoever can write the file can write this: it tells which key to expect from a file that
    /// is trusted already, and proves nothing about one that is not.
    pub async fn ledger_vkey(&self) -> Result<Option<String>, StoreError> {
        self.read("read the ledger's key", |db| {
            let mut select = db.prepare_cached("SELECT vkey FROM ledger_key")?;
            Ok(select.query_row([], |row| row.get(0)).optional()?)
        })
        .await
    }

    /// Stores the verifier key that checkpoints are signed with from now on.
    ///
    /// # Errors
    /// If the store can not be written.
    pub async fn set_ledger_vkey(&self, vkey: &str) -> Result<(), StoreError> {
        let vkey = vkey.to_owned();
        self.write("store the ledger's key", move |db| {
            let mut upsert = db.prepare_cached(
                "INSERT INTO ledger_key (only_row, vkey) VALUES (0, ?1)
                     ON CONFLICT (only_row) DO UPDATE SET vkey = excluded.vkey",
            )?;
            upsert.execute([&vkey])?;
            Ok(())
        })
        .await
    }

    /// The file, and how it is opened once more.
    pub(crate) fn source(&self) -> (&Path, Source) {
        let source = match self.writer {
            Some(_) => Source::Shared,
            None => Source::Alone,
        };
        (&self.path, source)
    }

    pub(crate) async fn read<T, F>(&self, doing: &'static str, work: F) -> Result<T, StoreError>
    where
        T: Send + 'static,
        F: FnOnce(&Connection) -> Result<T, Failure> + Send + 'static,
    {
        self.readers.read(doing, work).await
    }

    pub(crate) async fn write<T, F>(&self, doing: &'static str, work: F) -> Result<T, StoreError>
    where
        T: Send + 'static,
        F: Fn(&WriteConnection) -> Result<T, Failure> + Send + 'static,
    {
        let writer = self.writer(doing)?;
        writer.write(doing, Durable::WhenAnswered, work).await
    }

    /// As [`write`](Self::write), for what has to be on the disk earlier or later than that.
    pub(crate) async fn write_durable<T, F>(
        &self,
        durable: Durable,
        doing: &'static str,
        work: F,
    ) -> Result<T, StoreError>
    where
        T: Send + 'static,
        F: Fn(&WriteConnection) -> Result<T, Failure> + Send + 'static,
    {
        self.writer(doing)?.write(doing, durable, work).await
    }

    /// Does `work` outside of any transaction.
    pub(crate) async fn alone<T, F>(&self, doing: &'static str, work: F) -> Result<T, StoreError>
    where
        T: Send + 'static,
        F: FnOnce(&Connection) -> Result<T, Failure> + Send + 'static,
    {
        self.writer(doing)?.alone(doing, work).await
    }

    fn writer(&self, doing: &'static str) -> Result<&Writer, StoreError> {
        self.writer.as_ref().ok_or_else(|| {
            StoreError::new(StoreErrorKind::Other, doing)
                .caused_by("the file was opened for reading only")
        })
    }
}
