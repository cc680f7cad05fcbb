//! `[policy]`: what holds where nothing else is said.

use std::time::Duration;

use countersign_provision::Policy;

use crate::policy_file::span::{Problems, Section};

/// Reads `[policy]`: how long a temporary role lasts.
pub(super) fn read_defaults(mut section: Section<'_>, problems: &mut Problems) -> Duration {
    let temporary = section.duration("temporary_role", problems);
    section.finish(problems);
    temporary.unwrap_or(Policy::DEFAULT_TEMPORARY_ROLE)
}
