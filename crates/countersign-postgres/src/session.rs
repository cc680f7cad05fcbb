//! One connection with the statements that it has prepared, and the few that a store shares.

use std::collections::HashMap;
use std::fmt;
use std::ops::Deref;
use std::sync::{Arc, Mutex, PoisonError};

use tokio::sync::{OwnedSemaphorePermit, Semaphore};
use tokio_postgres::{Client, Statement};

use crate::connect::Connector;
use crate::failure::Failure;

/// A connection.
pub(crate) struct Session {
    client: Client,
    statements: Mutex<HashMap<&'static str, Statement>>,
}

impl Session {
    pub(crate) fn new(client: Client) -> Self {
        Self {
            client,
            statements: Mutex::default(),
        }
    }

    pub(crate) fn client(&self) -> &Client {
        &self.client
    }

    pub(crate) fn client_mut(&mut self) -> &mut Client {
        &mut self.client
    }

    /// The statement, prepared on this connection once.
    pub(crate) async fn prepare(&self, sql: &'static str) -> Result<Statement, Failure> {
        let known = self.lock().get(sql).cloned();
        if let Some(statement) = known {
            return Ok(statement);
        }
        let statement = self.client.prepare(sql).await?;
        self.lock().insert(sql, statement.clone());
        Ok(statement)
    }

    fn lock(&self) -> std::sync::MutexGuard<'_, HashMap<&'static str, Statement>> {
        self.statements
            .lock()
            .unwrap_or_else(PoisonError::into_inner)
    }
}

impl fmt::Debug for Session {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Session").finish_non_exhaustive()
    }
}

/// The sessions of a store: opened as they are needed, at most so many, and kept.
///
/// A library's pool would open them in the task that asks, which needs the runtime's timers and
/// sockets there; the ports promise any executor.
#[derive(Debug)]
pub(crate) struct Pool {
    connector: Connector,
    permits: Arc<Semaphore>,
    idle: Mutex<Vec<Session>>,
}

impl Pool {
    pub(crate) fn new(connector: Connector, most: usize) -> Arc<Self> {
        Arc::new(Self {
            connector,
            permits: Arc::new(Semaphore::new(most.max(1))),
            idle: Mutex::default(),
        })
    }

    pub(crate) fn connector(&self) -> &Connector {
        &self.connector
    }

    /// A session for oneself alone; waits for one if all are taken.
    pub(crate) async fn take(self: &Arc<Self>) -> Result<Lease, Failure> {
        let permit = Arc::clone(&self.permits).acquire_owned().await;
        let permit = permit.map_err(|_| Failure::RuntimeEnded)?;
        let session = match self.idle() {
            Some(session) => session,
            None => self.connector.session().await?,
        };
        Ok(Lease {
            session: Some(session),
            pool: Arc::clone(self),
            _permit: permit,
        })
    }

    /// A session that nobody needs at this moment, if there is one.
    pub(crate) fn take_idle(self: &Arc<Self>) -> Option<Lease> {
        let permit = Arc::clone(&self.permits).try_acquire_owned().ok()?;
        Some(Lease {
            session: Some(self.idle()?),
            pool: Arc::clone(self),
            _permit: permit,
        })
    }

    fn idle(&self) -> Option<Session> {
        let mut idle = self.lock();
        std::iter::from_fn(|| idle.pop()).find(|session| !session.client.is_closed())
    }

    fn lock(&self) -> std::sync::MutexGuard<'_, Vec<Session>> {
        self.idle.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// A session that is taken; it goes back when this is dropped.
#[derive(Debug)]
pub(crate) struct Lease {
    session: Option<Session>,
    pool: Arc<Pool>,
    _permit: OwnedSemaphorePermit,
}

impl Lease {
    /// Closes the connection, and with it whatever transaction is open.
    pub(crate) fn close(&mut self) {
        self.session = None;
    }

    pub(crate) fn session(&self) -> Result<&Session, Failure> {
        let session = self.session.as_ref();
        session.ok_or(Failure::Unavailable("the connection was closed"))
    }

    pub(crate) fn session_mut(&mut self) -> Result<&mut Session, Failure> {
        let session = self.session.as_mut();
        session.ok_or(Failure::Unavailable("the connection was closed"))
    }
}

impl Drop for Lease {
    fn drop(&mut self) {
        if let Some(session) = self.session.take()
            && !session.client.is_closed()
        {
            self.pool.lock().push(session);
        }
    }
}

/// Whatever statements can be sent to: a session of ours, or the connection of a host's
/// transaction, which has prepared nothing.
#[derive(Debug, Clone, Copy)]
pub(crate) enum Line<'a> {
    Ours(&'a Session),
    Hosts(&'a Client),
}

impl Line<'_> {
    pub(crate) async fn prepare(&self, sql: &'static str) -> Result<Statement, Failure> {
        match self {
            Self::Ours(session) => session.prepare(sql).await,
            Self::Hosts(client) => Ok(client.prepare(sql).await?),
        }
    }
}

impl Deref for Line<'_> {
    type Target = Client;
    fn deref(&self) -> &Client {
        match self {
            Self::Ours(session) => session.client(),
            Self::Hosts(client) => client,
        }
    }
}
