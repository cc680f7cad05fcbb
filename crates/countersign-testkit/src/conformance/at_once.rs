//! Callers at the same time.

use std::future::Future;
use std::sync::{Arc, Barrier};
use std::thread;

use futures_channel::oneshot;

use super::check::Violation;

/// Runs `work` on that many threads that start together, and gives what each of them answered.
///
/// Threads, because a store with blocking bodies would take futures of one task one after the
/// other. They are awaited, not joined: the store may need this executor to make progress.
pub(super) async fn at_once<S, T, W, F>(
    store: &Arc<S>,
    threads: usize,
    work: W,
) -> Result<Vec<T>, Violation>
where
    S: Send + Sync + 'static,
    T: Send + 'static,
    W: Fn(Arc<S>, usize) -> F + Send + Sync + 'static,
    F: Future<Output = T>,
{
    let work = Arc::new(work);
    let start = Arc::new(Barrier::new(threads));
    let mut answers = Vec::new();
    for number in 0..threads {
        let (store, work, start) = (Arc::clone(store), Arc::clone(&work), Arc::clone(&start));
        let (reply, answer) = oneshot::channel();
        thread::Builder::new()
            .spawn(move || {
                start.wait();
                // Nobody listens if another thread has failed the check already.
                let _ = reply.send(pollster::block_on(work(store, number)));
            })
            .map_err(|error| Violation(format!("a thread could not be started: {error}")))?;
        answers.push(answer);
    }
    let mut results = Vec::new();
    for answer in answers {
        let result = answer.await;
        results.push(result.map_err(|_| Violation("a call to the store panicked".to_owned()))?);
    }
    Ok(results)
}
