//! Many writers at once, each waiting for its own acknowledgement.

use std::path::PathBuf;
use std::sync::Barrier;
use std::time::Duration;

use tempfile::TempDir;

use crate::measure::{Load, now};

/// Enough for a writer that waits; 2,048 of them take 512 MiB of address space, little of it
/// memory.
const STACK_BYTES: usize = 256 * 1024;

/// Starts `writers` threads at once; each makes its own client and calls it until `duration` is
/// over. A call is one acknowledged operation.
pub(crate) fn drive<C: FnMut()>(
    writers: usize,
    duration: Duration,
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
                    while start.elapsed() < duration {
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
    #[allow(
        clippy::cast_precision_loss,
        reason = "a count of operations is far below 2^52"
    )]
    let count = waits_ms.len() as f64;
    Load {
        per_second: count / seconds,
        waits_ms,
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
    use std::sync::atomic::{AtomicUsize, Ordering};

    use super::*;

    #[test]
    fn every_writer_writes_and_every_call_is_counted() {
        let calls = AtomicUsize::new(0);
        let load = drive(3, Duration::from_millis(1), |_| {
            || {
                calls.fetch_add(1, Ordering::Relaxed);
            }
        });
        assert_eq!(load.waits_ms.len(), calls.load(Ordering::Relaxed));
        assert!(load.waits_ms.len() >= 3);
    }
}
