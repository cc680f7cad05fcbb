//! Now, give or take the skew.

use std::time::Duration;

use countersign_core::Timestamp;

/// An instant that is known up to a bounded error.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Clock {
    pub(crate) now: Timestamp,
    pub(crate) skew: Duration,
}

impl Clock {
    /// Without any skew.
    pub(crate) fn exact(now: Timestamp) -> Self {
        Self {
            now,
            skew: Duration::ZERO,
        }
    }

    /// Whether a `NotOnOrAfter` has passed, even on a clock that is behind ours.
    pub(crate) fn has_passed(self, not_on_or_after: Timestamp) -> bool {
        self.now.saturating_sub(self.skew) >= not_on_or_after
    }

    /// Whether the last instant of a window has passed, even on a clock that is behind ours.
    pub(crate) fn is_after(self, last: Timestamp) -> bool {
        self.now.saturating_sub(self.skew) > last
    }

    /// Whether an instant is still to come, even on a clock that is ahead of ours.
    pub(crate) fn is_before(self, not_before: Timestamp) -> bool {
        self.now.saturating_add(self.skew) < not_before
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_window_starts_and_ends_a_skew_away_from_now() {
        let at = Timestamp::from_unix_millis;
        let clock = Clock {
            now: at(100_000),
            skew: Duration::from_secs(60),
        };
        assert!(clock.has_passed(at(40_000)));
        assert!(!clock.has_passed(at(40_001)));
        assert!(!clock.is_after(at(40_000)));
        assert!(clock.is_after(at(39_999)));
        assert!(clock.is_before(at(160_001)));
        assert!(!clock.is_before(at(160_000)));
    }
}
