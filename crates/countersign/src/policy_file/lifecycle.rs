//! `[lifecycle]`.

use countersign_provision::{LifecycleError, LifecyclePolicy};

use crate::policy_file::span::{Problems, Section, Span};

/// Reads `[lifecycle]`. Stages that are out of order are said where the later one stands.
pub(super) fn read_lifecycle(mut section: Section<'_>, problems: &mut Problems) -> LifecyclePolicy {
    let stages = ["stale_after", "suspend_after", "deprovision_after"];
    let spans = stages.map(|stage| (stage, section.span_of(stage)));
    let mut lifecycle = LifecyclePolicy::default();
    lifecycle.stale_after = section.duration("stale_after", problems);
    lifecycle.suspend_after = section.duration("suspend_after", problems);
    lifecycle.deprovision_after = section.duration("deprovision_after", problems);
    lifecycle.retain = section.duration("retain", problems);
    section.finish(problems);
    for fault in lifecycle.faults() {
        let mut named = spans.iter();
        let span = match &fault {
            LifecycleError::Order { later, .. } => named.find(|(stage, _)| stage == later),
            _ => None,
        };
        let span: Option<Span> = span.and_then(|(_, span)| span.clone());
        problems.add(&span.unwrap_or(0..0), fault.to_string());
    }
    lifecycle
}
