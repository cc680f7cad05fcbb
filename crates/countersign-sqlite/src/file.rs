//! What is checked of a file before and while it is opened.

use std::error::Error;
use std::ffi::OsString;
use std::fs::File;
use std::io;
use std::path::{Path, PathBuf};
use std::thread;
use std::time::Duration;

use rusqlite::config::DbConfig;
use rusqlite::{Connection, ErrorCode, OpenFlags};
use thiserror::Error;

use crate::schema::{self, APPLICATION_ID};

/// How long to wait for another process that holds a lock.
const BUSY_TIMEOUT: Duration = Duration::from_secs(5);

/// As long as that, in pauses, for a file that is being opened.
const OPEN_ATTEMPTS: u32 = 250;
const OPEN_PAUSE: Duration = Duration::from_millis(20);

/// Statements that a connection keeps prepared; there are fewer than that.
const PREPARED_STATEMENTS: usize = 64;

/// Size of a page: of a smaller one, a row of a kilobyte or of the tree's nodes would leave much
/// empty, or not fit; of a larger one, a commit of one entry would write too much.
const PAGE_BYTES: i32 = 8 * 1024;

/// Page cache of the connection that writes: room for a transaction that 512 requests share, eight
/// pages each, which is what a sign-in takes.
pub(crate) const CACHE_KIBIBYTES: i32 = 32 * 1024;

/// The header of every SQLite file \[SQLite file format §1.3\].
const HEADER_BYTES: u64 = 100;

/// Two numbers of migrations: what a file has, and what this version knows.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Error)]
#[error("its schema has version {found}, this version knows {known}")]
pub struct SchemaVersion {
    found: i32,
    known: i32,
}

impl SchemaVersion {
    pub(crate) fn new(found: i32, known: i32) -> Self {
        Self { found, known }
    }

    /// The version of the file's schema.
    #[must_use]
    pub fn found(&self) -> i32 {
        self.found
    }

    /// The newest version that is known here.
    #[must_use]
    pub fn known(&self) -> i32 {
        self.known
    }
}

/// Something below failed: the operating system, or SQLite. Its source tells what.
#[derive(Debug, Error)]
#[error("it can not be opened or read")]
pub struct OpenFailure {
    source: Box<dyn Error + Send + Sync>,
}

impl OpenFailure {
    fn is_busy(&self) -> bool {
        let error = self.source.downcast_ref::<rusqlite::Error>();
        error.and_then(rusqlite::Error::sqlite_error_code) == Some(ErrorCode::DatabaseBusy)
    }
}

/// Why a file was not opened. Nothing was created or changed then, but where
/// [`OpenError::Failed`] says that the disk gave way.
#[derive(Debug, Error)]
#[non_exhaustive]
pub enum OpenError {
    /// There is no such file.
    #[error("there is no such file")]
    Missing,
    /// It is a directory, a device, a socket.
    #[error("it is not a regular file")]
    NotAFile,
    /// It is empty, or does not begin as SQLite's files do.
    #[error("it is not a SQLite database")]
    NotADatabase,
    /// It is a database of another application.
    #[error("it is a database of another application")]
    Foreign,
    /// A newer version of this crate has written it.
    #[error(transparent)]
    NewerSchema(SchemaVersion),
    /// An older version of this crate has written it, and it was opened for reading only; opening
    /// it for writing brings it to the newest schema.
    #[error(transparent)]
    OlderSchema(SchemaVersion),
    /// It or its folder may only be read, and it was opened for writing.
    #[error("it, or its folder, may only be read")]
    ReadOnly,
    /// The file system that it is on has no shared memory, which a write-ahead log needs.
    #[error("its file system can not hold a write-ahead log")]
    NoWriteAheadLog,
    /// Anything else.
    #[error(transparent)]
    Failed(OpenFailure),
}

impl OpenError {
    /// A stable code for logs and scripts.
    #[must_use]
    pub fn code(&self) -> &'static str {
        match self {
            Self::Missing => "sqlite.missing",
            Self::NotAFile => "sqlite.not_a_file",
            Self::NotADatabase => "sqlite.not_a_database",
            Self::Foreign => "sqlite.foreign_database",
            Self::NewerSchema(_) => "sqlite.newer_schema",
            Self::OlderSchema(_) => "sqlite.older_schema",
            Self::ReadOnly => "sqlite.read_only",
            Self::NoWriteAheadLog => "sqlite.no_write_ahead_log",
            Self::Failed(_) => "sqlite.failed",
        }
    }
}

impl From<io::Error> for OpenError {
    fn from(error: io::Error) -> Self {
        if error.kind() == io::ErrorKind::NotFound {
            return Self::Missing;
        }
        Self::Failed(OpenFailure {
            source: error.into(),
        })
    }
}

impl From<rusqlite::Error> for OpenError {
    fn from(error: rusqlite::Error) -> Self {
        match error.sqlite_error_code() {
            Some(ErrorCode::NotADatabase) => Self::NotADatabase,
            // The file may be written, and its folder not: there is no place for a log.
            Some(ErrorCode::ReadOnly) => Self::ReadOnly,
            _ => Self::Failed(OpenFailure {
                source: error.into(),
            }),
        }
    }
}

/// Looks at a file as it lies there: opened in earnest, SQLite would roll back or recover it, and
/// another application's file is not ours to touch. Answers whether it holds anything yet.
///
/// Only SQLite may open the file, here too: whoever else closes it in this process takes away all
/// locks that the process has on it (POSIX `fcntl`), and then another process may take itself for the
/// last one that has the file open, and remove a log that is in use \[How To Corrupt An SQLite
/// Database File §2.2\].
fn check_header(path: &Path) -> Result<bool, OpenError> {
    let file = std::fs::metadata(path)?;
    if !file.is_file() {
        return Err(OpenError::NotAFile);
    }
    match file.len() {
        0 => return Ok(false),
        // SQLite takes what is missing for zeros.
        1..HEADER_BYTES => return Err(OpenError::NotADatabase),
        _ => {}
    }
    let db = open_unchanging(path)?;
    match db.pragma_query_value(None, "application_id", |row| row.get::<_, i32>(0)) {
        Ok(APPLICATION_ID) => Ok(true),
        Ok(_) => Err(OpenError::Foreign),
        // A crash while the log was copied leaves a file that is whole only together with its log.
        // What it is, is seen once SQLite has opened both; before anything is written.
        Err(error)
            if error.sqlite_error_code() == Some(ErrorCode::DatabaseCorrupt)
                && beside(path, "-wal").exists() =>
        {
            Ok(true)
        }
        Err(error) => Err(error.into()),
    }
}

/// A connection that reads the file alone, without its log, under the promise that it does not
/// change: it leaves nothing beside it.
fn open_unchanging(path: &Path) -> Result<Connection, OpenError> {
    let flags = OpenFlags::SQLITE_OPEN_READ_ONLY
        | OpenFlags::SQLITE_OPEN_NO_MUTEX
        | OpenFlags::SQLITE_OPEN_URI;
    Ok(Connection::open_with_flags(immutable_uri(path), flags)?)
}

/// What SQLite puts beside a file: its rollback journal or its write-ahead log.
fn beside(path: &Path, suffix: &str) -> PathBuf {
    let mut name = OsString::from(path);
    name.push(suffix);
    PathBuf::from(name)
}

/// A connection that writes, to a file that is there (or may be created) and has the newest
/// schema then.
///
/// SQLite does not wait by itself for who has just created the file, or is the last to close it.
pub(crate) fn open_writable(path: &Path, may_create: bool) -> Result<Connection, OpenError> {
    for _ in 0..OPEN_ATTEMPTS {
        match try_open_writable(path, may_create) {
            Err(OpenError::Failed(failure)) if failure.is_busy() => thread::sleep(OPEN_PAUSE),
            outcome => return outcome,
        }
    }
    try_open_writable(path, may_create)
}

fn try_open_writable(path: &Path, may_create: bool) -> Result<Connection, OpenError> {
    // A relative name such as `:memory:` or `file:…` means something else to SQLite.
    let path = std::path::absolute(path)?;
    let flags = OpenFlags::SQLITE_OPEN_READ_WRITE | OpenFlags::SQLITE_OPEN_NO_MUTEX;
    // A crash while the file was being created leaves a rollback journal; then only SQLite can
    // tell what the file is.
    if !beside(&path, "-journal").exists() {
        match check_header(&path) {
            Ok(true) => {}
            Ok(false) if may_create => {}
            Err(OpenError::Missing) if may_create => create(&path)?,
            Ok(false) => return Err(OpenError::NotADatabase),
            Err(error) => return Err(error),
        }
    }
    // Who is allowed everything could write it all the same, against what its owner said of it.
    if std::fs::metadata(&path)?.permissions().readonly() {
        return Err(OpenError::ReadOnly);
    }
    let mut db = Connection::open_with_flags(&path, flags)?;
    // SQLite opens what it may not write for reading, and fails at the first commit.
    if db.is_readonly(rusqlite::MAIN_DB)? {
        return Err(OpenError::ReadOnly);
    }
    configure(&db)?;
    db.busy_timeout(Duration::ZERO)?;
    sync_fully(&db)?;
    // Negative: in KiB, and not in pages.
    db.pragma_update(None, "cache_size", CACHE_KIBIBYTES.saturating_neg())?;
    // What a savepoint would undo is kept in memory: otherwise every page that a request changes is
    // written to a temporary file first, with whatever personal data is on it.
    db.pragma_update(None, "temp_store", "MEMORY")?;
    // What is deleted or overwritten is not left behind in the file.
    db.pragma_update(None, "secure_delete", true)?;
    // Counts for a new file only.
    db.pragma_update(None, "page_size", PAGE_BYTES)?;
    // Created in rollback mode, so that the header names the application before anything else
    // is in the file.
    schema::migrate(&mut db)?;
    let mode: String = db.pragma_update_and_check(None, "journal_mode", "WAL", |row| row.get(0))?;
    if mode != "wal" {
        return Err(OpenError::NoWriteAheadLog);
    }
    // From now on a commit does not wait for the disk: who is answered does ([`crate::syncer`]).
    db.pragma_update(None, "synchronous", "NORMAL")?;
    db.busy_timeout(BUSY_TIMEOUT)?;
    Ok(db)
}

/// An empty file, if there is none yet.
fn create(path: &Path) -> Result<(), OpenError> {
    match create_private(path) {
        // Another process was faster.
        Err(error) if error.kind() == io::ErrorKind::AlreadyExists => Ok(()),
        created => Ok(created?),
    }
}

/// A new and empty file that its owner alone may read: it will hold personal data. SQLite gives
/// the log beside it the same permissions.
pub(crate) fn create_private(path: &Path) -> io::Result<()> {
    let mut options = File::options();
    options.write(true).create_new(true);
    #[cfg(unix)]
    std::os::unix::fs::OpenOptionsExt::mode(&mut options, 0o600);
    options.open(path).map(drop)
}

/// The connection that copies the write-ahead log into the file.
pub(crate) fn open_checkpointer(path: &Path) -> Result<Connection, OpenError> {
    let path = std::path::absolute(path)?;
    let flags = OpenFlags::SQLITE_OPEN_READ_WRITE | OpenFlags::SQLITE_OPEN_NO_MUTEX;
    let db = Connection::open_with_flags(&path, flags)?;
    configure(&db)?;
    sync_fully(&db)?;
    Ok(db)
}

/// Syncs the write-ahead log of a file: all that was committed before is on the disk then.
///
/// SQLite puts no lock on its log, so that it may be opened here too. It is there, under the same
/// name, as long as a connection that writes is open and has written.
pub(crate) fn log_sync(path: &Path) -> io::Result<impl FnMut() -> io::Result<()> + Send + use<>> {
    // As SQLite does: the log is beside what a symbolic link points to.
    let log = beside(&std::fs::canonicalize(path)?, "-wal");
    let mut file = None;
    Ok(move || {
        let file = match &mut file {
            Some(file) => file,
            // To be written, because other systems than Unix sync nothing else.
            file => file.insert(File::options().write(true).open(&log)?),
        };
        file.sync_data()
    })
}

fn sync_fully(db: &Connection) -> Result<(), OpenError> {
    db.pragma_update(None, "synchronous", "FULL")?;
    // On macOS, fsync alone leaves the data in the disk's own cache; elsewhere it changes nothing.
    db.pragma_update(None, "fullfsync", true)?;
    db.pragma_update(None, "checkpoint_fullfsync", true)?;
    Ok(())
}

/// A connection that reads beside one that writes.
pub(crate) fn open_reader(path: &Path) -> Result<Connection, OpenError> {
    let path = std::path::absolute(path)?;
    let flags = OpenFlags::SQLITE_OPEN_READ_ONLY | OpenFlags::SQLITE_OPEN_NO_MUTEX;
    let db = Connection::open_with_flags(&path, flags)?;
    configure(&db)?;
    Ok(db)
}

/// A connection that reads, and leaves the file and its write-ahead log as they are.
pub(crate) fn open_inspector(path: &Path) -> Result<Connection, OpenError> {
    let path = std::path::absolute(path)?;
    if !check_header(&path)? {
        return Err(OpenError::NotADatabase);
    }
    // Without a log nobody has the file open. SQLite would leave an empty log and its index
    // beside it; told that the file can not change, it does not.
    let has_log = beside(&path, "-wal").exists();
    let db = if has_log {
        open_reader(&path)?
    } else {
        let db = open_unchanging(&path)?;
        configure(&db)?;
        db
    };
    schema::check(&db)?;
    Ok(db)
}

/// A connection that reads under SQLite's locks even where nobody else has the file open at this
/// moment, so that whoever opens it next waits, and nothing is read half old and half new. The
/// file is not changed; where it can not be locked because it may only be read, it is taken as
/// [`open_inspector`] takes it.
pub(crate) fn open_under_lock(path: &Path) -> Result<Connection, OpenError> {
    let path = std::path::absolute(path)?;
    let may_write = !std::fs::metadata(&path)?.permissions().readonly();
    if beside(&path, "-wal").exists() || !may_write || !check_header(&path)? {
        return open_inspector(&path);
    }
    let flags = OpenFlags::SQLITE_OPEN_READ_WRITE | OpenFlags::SQLITE_OPEN_NO_MUTEX;
    let db = Connection::open_with_flags(&path, flags)?;
    configure(&db)?;
    // The log is made with the first look into the file, if it can be.
    match schema::check(&db) {
        Err(OpenError::Failed(_) | OpenError::ReadOnly) => open_inspector(&path),
        checked => checked.map(|()| db),
    }
}

/// `file:` with every byte but the plainest escaped \[RFC 3986 §2.1\].
fn immutable_uri(path: &Path) -> String {
    let mut uri = String::from("file:");
    for byte in path.as_os_str().as_encoded_bytes() {
        match byte {
            b'/' | b'-' | b'.' | b'_' | b'0'..=b'9' | b'a'..=b'z' | b'A'..=b'Z' => {
                uri.push(char::from(*byte));
            }
            _ => uri.push_str(&format!("%{byte:02X}")),
        }
    }
    uri.push_str("?immutable=1");
    uri
}

fn configure(db: &Connection) -> Result<(), OpenError> {
    db.busy_timeout(BUSY_TIMEOUT)?;
    db.set_prepared_statement_cache_capacity(PREPARED_STATEMENTS);
    // A file that comes from elsewhere may hold a schema made to do harm.
    db.set_db_config(DbConfig::SQLITE_DBCONFIG_DEFENSIVE, true)?;
    db.pragma_update(None, "trusted_schema", false)?;
    db.pragma_update(None, "cell_size_check", true)?;
    db.pragma_update(None, "foreign_keys", true)?;
    // Without it, `INSERT OR REPLACE` would delete a row past the triggers that forbid it.
    db.pragma_update(None, "recursive_triggers", true)?;
    // A plan does not depend on the values of its parameters: with them, a statement with a
    // `LIMIT ?` would be planned anew each time.
    db.set_db_config(DbConfig::SQLITE_DBCONFIG_ENABLE_QPSG, true)?;
    Ok(())
}
