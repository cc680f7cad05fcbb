//! For hosts without an async runtime.

use std::future::Future;

/// Waits on this thread until `future` is done.
///
/// The thread is parked while a store works. Do not call it on a thread that drives an async
/// runtime: it would stand still with it.
///
/// ```
/// assert_eq!(countersign::blocking::wait(async { 1 + 1 }), 2);
/// ```
pub fn wait<F: Future>(future: F) -> F::Output {
    pollster::block_on(future)
}
