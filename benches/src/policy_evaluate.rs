//! Which of 5,000 rules match a person of 300 groups.
//!
//! The floor is what nobody does without: the 300 groups looked up in a hash map of the standard
//! library, and the rules found there put in order.

use std::collections::{BTreeSet, HashMap};

use countersign::roles::{Condition, Role, RoleCatalog, RoleGrant, Rule, RuleSet, Values};
use countersign::{ConnectionId, Facts, Groups, RoleName, RuleId, SubjectKey, TenantId};

use crate::measure::{Effort, Subject, times};
use crate::row::Row;

const RULES: u32 = 5_000;
const GROUPS: usize = 300;

pub(crate) fn run(effort: Effort) -> Vec<Row> {
    let role = RoleName::new("signer").expect("a name");
    let catalog = RoleCatalog::new([Role::new(role.clone())]).expect("one role");
    let sites = || Values::new(["ward", "theatre"]).expect("two values");
    let rules = (0..RULES).map(|number| {
        let all = [
            Condition::eq("groups", group(number)),
            Condition::any_of("department", sites()),
        ];
        let id = RuleId::new(format!("rule-{number}")).expect("an id");
        Rule::new(id, all).gives(RoleGrant::permanent(role.clone()))
    });
    let rules = RuleSet::new(&catalog, rules.collect()).expect("sound rules");

    let subject = SubjectKey::from_stable_value(
        TenantId::new("acme").expect("an id"),
        "https://idp.acme.example",
        "7",
    );
    let mut facts = Facts::new(subject.expect("a subject"));
    let attributes = &mut facts.attributes;
    attributes.insert("department".to_owned(), vec!["ward".to_owned()]);
    // No rule speaks of half of them.
    let groups: BTreeSet<String> = (0..RULES.saturating_mul(2))
        .step_by(32)
        .take(GROUPS)
        .map(group)
        .collect();
    facts.groups = Groups::Complete(groups.clone());
    let connection = ConnectionId::new("acme").expect("an id");

    let index: HashMap<String, u32> = (0..RULES).map(|number| (group(number), number)).collect();
    let floor = || {
        let found = groups.iter().filter_map(|group| index.get(group).copied());
        let mut found: Vec<u32> = found.collect();
        found.sort_unstable();
        found
    };
    let ours = || rules.evaluate(&connection, &facts);
    assert_eq!(
        floor().len(),
        ours().matched().len(),
        "both find the same rules"
    );
    times(
        "policy_evaluate",
        "5000x300",
        effort,
        vec![
            Subject::new("floor", floor),
            Subject::new("countersign", ours),
        ],
    )
}

/// A group as Entra names it, by its object id; the multiplier (Knuth's) scatters the numbers.
fn group(number: u32) -> String {
    let scattered = number.wrapping_mul(2_654_435_761);
    format!("{scattered:08x}-5d2c-4f7e-9a31-{number:012x}")
}
