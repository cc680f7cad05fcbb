//! Long work on a connection of its own, on a thread of its own: it holds up nobody who signs in.

use std::path::Path;

use futures_channel::oneshot;
use rusqlite::Connection;

use crate::file::{self, OpenError};

/// How the file is opened for it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Source {
    /// As a reader beside those that write.
    Shared,
    /// As one that may be the only one.
    Alone,
}

/// Does `work`; `None` if the thread is gone.
pub(crate) async fn aside<T: Send + 'static>(
    path: &Path,
    source: Source,
    work: impl FnOnce(Result<Connection, OpenError>) -> T + Send + 'static,
) -> Option<T> {
    let path = path.to_owned();
    let (reply, answer) = oneshot::channel();
    let thread = std::thread::Builder::new().name("csign-sql-aside".to_owned());
    let started = thread.spawn(move || {
        let db = match source {
            Source::Shared => file::open_reader(&path),
            Source::Alone => file::open_under_lock(&path),
        };
        // A caller that has gone away does not want to know.
        let _ = reply.send(work(db));
    });
    started.ok()?;
    answer.await.ok()
}
