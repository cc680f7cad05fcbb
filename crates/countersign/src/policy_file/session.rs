//! `[session]`.

use countersign_provision::SessionPolicy;

use crate::policy_file::span::{Problems, Section};

/// Reads `[session]`.
pub(super) fn read_session(mut section: Section<'_>, problems: &mut Problems) -> SessionPolicy {
    let lifetime = section.duration("lifetime", problems);
    section.finish(problems);
    lifetime.map_or_else(SessionPolicy::default, SessionPolicy::new)
}
