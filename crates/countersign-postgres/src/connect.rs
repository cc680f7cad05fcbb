//! From a configuration to sessions, on the runtime that the store was opened in.

use std::fmt;
use std::future::Future;
use std::pin::Pin;
use std::sync::Arc;

use tokio::runtime::Handle;
use tokio::sync::Notify;
use tokio_postgres::tls::{MakeTlsConnect, TlsConnect};
use tokio_postgres::{AsyncMessage, Client, Config, Socket};

use crate::failure::Failure;
use crate::session::Session;

/// What every session of ours is set to, whatever the database's or the user's settings are:
/// checks read after they lock, which only `READ COMMITTED` lets them do; `off` would acknowledge
/// what is not on the disk, while a stricter setting than `on` is the administrator's; compiling
/// statements that take microseconds only costs time; a plan that reads a whole table, because there
/// was little in it when the plan was made, would be kept while the table fills. Functions and
/// operators are PostgreSQL's own: one in `public`, where the application's user may have the right
/// to make them, could fit better than what is meant, and would run with the rights of whoever calls
/// it, the owner's too (CVE-2018-1058).
const SETTINGS: &str = "SET default_transaction_isolation = 'read committed';
    SET default_transaction_read_only = off;
    SET jit = off;
    SET enable_seqscan = off;
    SET search_path = pg_catalog, pg_temp;
    SELECT set_config('synchronous_commit', 'on', false)
        WHERE current_setting('synchronous_commit') = 'off';";

type Connecting = Pin<Box<dyn Future<Output = Result<Client, tokio_postgres::Error>> + Send>>;

/// Opens one connection, and drives it on the current runtime until it ends. Somebody may want to
/// be woken by its notifications, and by its end.
type Open = dyn Fn(Option<Arc<Notify>>) -> Connecting + Send + Sync;

/// Opens sessions, from whatever executor it is asked.
#[derive(Clone)]
pub(crate) struct Connector {
    runtime: Handle,
    open: Arc<Open>,
}

impl Connector {
    /// `runtime` is the one that drives the connections.
    pub(crate) fn new<T>(config: Config, tls: T, runtime: Handle) -> Self
    where
        T: MakeTlsConnect<Socket> + Clone + Send + Sync + 'static,
        T::Stream: Send + 'static,
        T::TlsConnect: Send,
        <T::TlsConnect as TlsConnect<Socket>>::Future: Send,
    {
        let open = move |wake: Option<Arc<Notify>>| -> Connecting {
            let (config, tls) = (config.clone(), tls.clone());
            Box::pin(async move {
                let (client, mut connection) = config.connect(tls).await?;
                tokio::spawn(async move {
                    // It ends when the client is dropped, or the connection is lost.
                    while let Some(Ok(message)) =
                        std::future::poll_fn(|context| connection.poll_message(context)).await
                    {
                        if let (AsyncMessage::Notification(_), Some(wake)) = (&message, &wake) {
                            wake.notify_one();
                        }
                    }
                    if let Some(wake) = wake {
                        wake.notify_one();
                    }
                });
                Ok(client)
            })
        };
        Self {
            runtime,
            open: Arc::new(open),
        }
    }

    pub(crate) async fn session(&self) -> Result<Session, Failure> {
        self.session_that_wakes(None).await
    }

    pub(crate) async fn session_that_wakes(
        &self,
        wake: Option<Arc<Notify>>,
    ) -> Result<Session, Failure> {
        let connecting = (self.open)(wake);
        let client = self.on_runtime(connecting).await??;
        client.batch_execute(SETTINGS).await?;
        Ok(Session::new(client))
    }

    /// Runs what needs a timer or a socket.
    pub(crate) async fn on_runtime<F>(&self, work: F) -> Result<F::Output, Failure>
    where
        F: Future + Send + 'static,
        F::Output: Send,
    {
        self.runtime
            .spawn(work)
            .await
            .map_err(|_| Failure::RuntimeEnded)
    }

    /// Does something without waiting for it.
    pub(crate) fn detach(&self, work: impl Future<Output = ()> + Send + 'static) {
        drop(self.runtime.spawn(work));
    }
}

impl fmt::Debug for Connector {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Connector").finish_non_exhaustive()
    }
}
