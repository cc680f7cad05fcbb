//! A store that something happens to at one of its puts.

use std::fmt;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Arc, Mutex};

use futures_util::stream::BoxStream;
use object_store::path::Path;
use object_store::{
    CopyOptions, Error, GetOptions, GetResult, ListResult, MultipartUpload, ObjectMeta,
    ObjectStore, PutMultipartOptions, PutOptions, PutPayload, PutResult, Result,
};

/// What happens to a put.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Fate {
    /// Nothing is written, from then on.
    Refuse,
    /// It is written and the answer is lost; nothing is written from then on.
    LoseTheAnswer,
    /// The client sends it a second time, and sees the second answer only.
    SendTwice,
    /// Nothing is written, and the answer is that there is something.
    SayItExists,
}

type Event = Box<dyn FnOnce() + Send>;

/// The store; puts that another refuses for its headers are not counted.
pub(crate) struct Scripted {
    store: Arc<dyn ObjectStore>,
    nth: usize,
    fate: Fate,
    puts: AtomicUsize,
    before_checkpoint: Mutex<Option<Event>>,
}

impl Scripted {
    pub(crate) fn at(store: Arc<dyn ObjectStore>, nth: usize, fate: Fate) -> Self {
        Self {
            store,
            nth,
            fate,
            puts: AtomicUsize::new(0),
            before_checkpoint: Mutex::new(None),
        }
    }

    /// Something that happens once, before the first put of a checkpoint.
    pub(crate) fn before_checkpoint(
        store: Arc<dyn ObjectStore>,
        event: impl FnOnce() + Send + 'static,
    ) -> Self {
        let scripted = Self::at(store, usize::MAX, Fate::Refuse);
        *scripted.before_checkpoint.lock().unwrap() = Some(Box::new(event));
        scripted
    }
}

impl fmt::Debug for Scripted {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{self}")
    }
}

impl fmt::Display for Scripted {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Scripted({})", self.store)
    }
}

fn dead() -> Error {
    Error::Generic {
        store: "Scripted",
        source: "the connection was lost".into(),
    }
}

#[async_trait::async_trait]
impl ObjectStore for Scripted {
    async fn put_opts(
        &self,
        location: &Path,
        payload: PutPayload,
        options: PutOptions,
    ) -> Result<PutResult> {
        if location.as_ref() == "checkpoint" {
            let event = self.before_checkpoint.lock().unwrap().take();
            event.into_iter().for_each(|event| event());
        }
        let put = || {
            self.store
                .put_opts(location, payload.clone(), options.clone())
        };
        let nth = self.puts.load(Ordering::SeqCst);
        match self.fate {
            Fate::Refuse if nth >= self.nth => return Err(dead()),
            Fate::LoseTheAnswer if nth > self.nth => return Err(dead()),
            Fate::SayItExists if nth == self.nth => {
                return Err(Error::AlreadyExists {
                    path: location.to_string(),
                    source: "another put is under way".into(),
                });
            }
            _ => {}
        }
        let outcome = put().await;
        if matches!(outcome, Err(Error::NotImplemented { .. })) {
            return outcome;
        }
        self.puts.fetch_add(1, Ordering::SeqCst);
        match self.fate {
            Fate::LoseTheAnswer if nth == self.nth => Err(dead()),
            Fate::SendTwice if nth == self.nth => put().await,
            _ => outcome,
        }
    }

    async fn put_multipart_opts(
        &self,
        location: &Path,
        options: PutMultipartOptions,
    ) -> Result<Box<dyn MultipartUpload>> {
        self.store.put_multipart_opts(location, options).await
    }

    async fn get_opts(&self, location: &Path, options: GetOptions) -> Result<GetResult> {
        self.store.get_opts(location, options).await
    }

    fn delete_stream(
        &self,
        locations: BoxStream<'static, Result<Path>>,
    ) -> BoxStream<'static, Result<Path>> {
        self.store.delete_stream(locations)
    }

    fn list(&self, prefix: Option<&Path>) -> BoxStream<'static, Result<ObjectMeta>> {
        self.store.list(prefix)
    }

    async fn list_with_delimiter(&self, prefix: Option<&Path>) -> Result<ListResult> {
        self.store.list_with_delimiter(prefix).await
    }

    async fn copy_opts(&self, from: &Path, to: &Path, options: CopyOptions) -> Result<()> {
        self.store.copy_opts(from, to, options).await
    }
}
