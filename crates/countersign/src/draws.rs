//! Random bytes for many small uses, in few draws.

use std::fmt;
use std::sync::Mutex;

use countersign_audit::seal::{Entropy, EntropyError};

/// What the records and ids of a sign-in take, unless it gives very many roles.
const AHEAD_BYTES: usize = 512;

/// Random bytes that are drawn ahead, each of them given out once.
///
/// A sign-in asks for some twenty times: for ids, salts and nonces. Each draw is a call into the
/// operating system, and costs more than the bytes do.
///
/// # Security
/// It is for one change and dropped with it: bytes that lie ready for long could be read, and a
/// process that forks would give out the same twice.
pub(crate) struct Draws<'a> {
    source: &'a dyn Entropy,
    ahead: Mutex<Vec<u8>>,
}

impl<'a> Draws<'a> {
    pub(crate) fn new(source: &'a dyn Entropy) -> Self {
        Self {
            source,
            ahead: Mutex::default(),
        }
    }
}

impl Entropy for Draws<'_> {
    fn fill(&self, bytes: &mut [u8]) -> Result<(), EntropyError> {
        let mut ahead = self.ahead.lock().map_err(|_| EntropyError)?;
        if ahead.len() < bytes.len() {
            let mut drawn = vec![0; AHEAD_BYTES.max(bytes.len())];
            self.source.fill(&mut drawn)?;
            *ahead = drawn;
        }
        let rest = ahead.len().saturating_sub(bytes.len());
        for (byte, drawn) in bytes.iter_mut().zip(ahead.drain(rest..)) {
            *byte = drawn;
        }
        Ok(())
    }
}

impl fmt::Debug for Draws<'_> {
    /// Hides the bytes.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Draws(…)")
    }
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeSet;
    use std::sync::atomic::{AtomicU16, Ordering};

    use super::*;

    /// Every pair of bytes once; nothing after so many draws.
    #[derive(Debug)]
    struct Pairs {
        next: AtomicU16,
        draws_left: AtomicU16,
    }

    impl Pairs {
        fn with_draws(draws: u16) -> Self {
            Self {
                next: AtomicU16::new(1),
                draws_left: AtomicU16::new(draws),
            }
        }
    }

    impl Entropy for Pairs {
        fn fill(&self, bytes: &mut [u8]) -> Result<(), EntropyError> {
            let left = self.draws_left.load(Ordering::Relaxed);
            let left = left.checked_sub(1).ok_or(EntropyError)?;
            self.draws_left.store(left, Ordering::Relaxed);
            for pair in bytes.chunks_exact_mut(2) {
                let next = self.next.fetch_add(1, Ordering::Relaxed);
                pair.copy_from_slice(&next.to_be_bytes());
            }
            Ok(())
        }
    }

    #[test]
    fn every_byte_is_given_out_once_and_many_in_one_draw() {
        let source = Pairs::with_draws(5);
        let draws = Draws::new(&source);
        let mut given = BTreeSet::new();
        for length in [10, 32, 16, 12, 400, 100, 600, 2, 512, 0] {
            let mut bytes = vec![0; length];
            draws.fill(&mut bytes).unwrap();
            for pair in bytes.chunks_exact(2) {
                assert_ne!(pair, [0, 0]);
                assert!(given.insert(pair.to_vec()), "{pair:?} again");
            }
        }
        assert_eq!(source.draws_left.load(Ordering::Relaxed), 0);
        assert_eq!(format!("{draws:?}"), "Draws(…)");
    }

    #[test]
    fn where_there_are_no_random_bytes_none_are_made_up() {
        let source = Pairs::with_draws(1);
        let draws = Draws::new(&source);
        assert_eq!(draws.fill(&mut [0; 500]), Ok(()));
        for _ in 0..3 {
            assert_eq!(draws.fill(&mut [0; 16]), Err(EntropyError));
        }
        assert_eq!(draws.fill(&mut [0; 12]), Ok(()));
    }
}
