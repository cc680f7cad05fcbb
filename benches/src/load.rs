//! Many writers at once, each waiting for its own acknowledgement.

use std::path::PathBuf;
use std::sync::Barrier;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;

use countersign::audit::Ledger;
use pollster::block_on;
use tempfile::TempDir;

use crate::measure::{Load, now};

/// Enough for a writer that waits; 2,048 of them take 512 MiB of address space, little of it
/// memory.
const STACK_BYTES: usize = 256 * 1024;

/// When a writer stops.
#[derive(Debug, Clone, Copy)]
pub(crate) enum Until {
    /// With the first call that ends after this time.
    Elapsed(Duration),
    /// After this many calls.
    Calls(usize),
}

/// Starts `writers` threads at once; each makes its own client, which is not timed, and calls
/// it. A call is one acknowledged operation.
pub(crate) fn drive<C: FnMut()>(
    writers: usize,
    until: Until,
    client: impl Fn(usize) -> C + Sync,
) -> Load {
    let ready = Barrier::new(writers.saturating_add(1));
    let (waits_ms, seconds) = std::thread::scope(|scope| {
        let threads: Vec<_> = (0..writers)
            .map(|writer| {
                let (ready, client) = (&ready, &client);
                let run = move || {
                    let mut call = client(writer);
                    let mut waits = Vec::new();
                    ready.wait();
                    let start = now();
                    while match until {
                        Until::Elapsed(duration) => start.elapsed() < duration,
                        Until::Calls(calls) => waits.len() < calls,
                    } {
                        let before = now();
                        call();
                        waits.push(before.elapsed().as_secs_f64() * 1e3);
                    }
                    waits
                };
                std::thread::Builder::new()
                    .stack_size(STACK_BYTES)
                    .spawn_scoped(scope, run)
                    .expect("a thread")
            })
            .collect();
        ready.wait();
        let start = now();
        let mut waits = Vec::new();
        for thread in threads {
            waits.extend(thread.join().expect("a writer"));
        }
        (waits, start.elapsed().as_secs_f64())
    });
    Load::new(waits_ms, seconds)
}

/// How long the integrating thread rests after each time: nobody waits for a leaf that no checkpoint
/// covers.
const REST: Duration = Duration::from_millis(1);

/// Turns entries into leaves on a thread of its own while `work` is done.
pub(crate) fn integrating<T>(ledger: &Ledger, work: impl FnOnce() -> T) -> T {
    let over = AtomicBool::new(false);
    std::thread::scope(|scope| {
        scope.spawn(|| {
            while !over.load(Ordering::Relaxed) {
                block_on(ledger.integrate()).expect("a sound outbox");
                std::thread::sleep(REST);
            }
        });
        let _end = End(&over);
        work()
    })
}

/// Ends the other thread, even if the work panics.
struct End<'a>(&'a AtomicBool);

impl Drop for End<'_> {
    fn drop(&mut self) {
        self.0.store(true, Ordering::Relaxed);
    }
}

/// A new folder on the disk that the program is on: a temporary folder may be in memory, where
/// nothing is ever synced.
pub(crate) fn folder() -> TempDir {
    let program = std::env::current_exe().unwrap_or_else(|_| PathBuf::from("target/x"));
    let beside = program.parent().expect("a program is in a folder");
    tempfile::Builder::new()
        .prefix("bench-")
        .tempdir_in(beside)
        .expect("a folder beside the program")
}

#[cfg(test)]
mod tests {
    use std::sync::atomic::AtomicUsize;

    use super::*;

    #[test]
    fn every_writer_writes_and_every_call_is_counted() {
        for until in [Until::Elapsed(Duration::from_millis(1)), Until::Calls(5)] {
            let calls = AtomicUsize::new(0);
            let load = drive(3, until, |_| {
                || {
                    calls.fetch_add(1, Ordering::Relaxed);
                }
            });
            let calls = calls.load(Ordering::Relaxed);
            assert_eq!(load.waits_ms.len(), calls);
            assert!(calls >= 3);
            if let Until::Calls(each) = until {
                assert_eq!(calls, 3 * each);
            }
        }
    }
}
