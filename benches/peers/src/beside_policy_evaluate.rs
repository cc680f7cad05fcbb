//! What runs beside `policy_evaluate`: the same rules, the same person.
//!
//! Before anything is measured the peer has to find the very rules that we find.

use countersign::RuleId;

use crate::jmespath_peer::Jmespath;
use crate::measure::{Effort, Subject};
use crate::policy_evaluate;
use crate::row::Row;

pub(crate) fn run(effort: Effort) -> Vec<Row> {
    let mut rows = Vec::new();
    for case in policy_evaluate::cases() {
        let jmespath = Jmespath::new(case.rules.rules(), &case.facts);
        let ours = case.evaluate();
        let ours: Vec<&RuleId> = ours.matched().iter().map(|rule| &rule.id).collect();
        assert!(!ours.is_empty(), "rules match in {}", case.name);
        assert_eq!(jmespath.matched(), ours, "both match in {}", case.name);
        let subject = Subject::new("jmespath", || jmespath.matched().len());
        rows.extend(policy_evaluate::measure(effort, &case, vec![subject]));
    }
    rows
}
