//! jmespath: a query language for JSON, by its own crate.
//!
//! One compiled expression a rule, which is true of the facts if the rule matches. The facts are
//! converted once and not measured, and in the form that suits it best: every attribute is an
//! object whose members are its values, so that an exact condition is one look into a map and not
//! a walk along 300 groups. It is asked for every rule: a query language has no index of queries.
//! It does not know that groups may be partial, and gives no role.

use countersign::roles::condition::{EMAIL, GROUPS, Test};
use countersign::roles::{Condition, Rule};
use countersign::{Facts, RuleId};
use jmespath::{Context, DEFAULT_RUNTIME, Expression, Rcvar, Variable, interpret};
use serde_json::{Map, Value};

pub(crate) struct Jmespath<'r> {
    rules: Vec<(&'r RuleId, Expression<'static>)>,
    facts: Rcvar,
}

impl<'r> Jmespath<'r> {
    pub(crate) fn new(rules: &'r [Rule], facts: &Facts) -> Self {
        let compiled = rules.iter().map(|rule| {
            let conditions: Vec<String> = rule.all.iter().map(expression).collect();
            let compiled = jmespath::compile(&conditions.join(" && ")).expect("an expression");
            (&rule.id, compiled)
        });
        let facts = Variable::from_serializable(json(facts)).expect("JSON");
        Self {
            rules: compiled.collect(),
            facts: Rcvar::new(facts),
        }
    }

    /// The rules that match, in their order. (`Expression::search` would copy the facts for each.)
    pub(crate) fn matched(&self) -> Vec<&'r RuleId> {
        let matches = |expression: &Expression<'static>| {
            let mut context = Context::new(expression.as_str(), &DEFAULT_RUNTIME);
            interpret(&self.facts, expression.as_ast(), &mut context)
                .expect("no function is misused")
                .is_truthy()
        };
        let matched = self.rules.iter().filter(|(_, rule)| matches(rule));
        matched.map(|(id, _)| *id).collect()
    }
}

fn json(facts: &Facts) -> Value {
    let members = |values: Vec<String>| -> Value {
        let values = values
            .into_iter()
            .map(|value| (value.clone(), value.into()));
        Value::Object(values.collect())
    };
    let mut json = Map::new();
    for (name, values) in &facts.attributes {
        json.insert(name.clone(), members(values.clone()));
    }
    let groups = facts.groups.known().into_iter().flatten();
    json.insert(GROUPS.to_owned(), members(groups.cloned().collect()));
    let email = facts
        .email
        .iter()
        .map(|email| email.address.as_str().to_owned());
    json.insert(EMAIL.to_owned(), members(email.collect()));
    Value::Object(json)
}

/// A condition as an expression. What is empty or absent is false.
fn expression(condition: &Condition) -> String {
    let attribute = identifier(&condition.attribute);
    let any = |test: String| format!("{attribute}.* | [?{test}] | [0]");
    let test = match &condition.test {
        Test::Eq(value) => format!("{attribute}.{}", identifier(value)),
        Test::AnyOf(values) => {
            let values = values.as_slice().iter();
            let each = values.map(|value| format!("{attribute}.{}", identifier(value)));
            each.collect::<Vec<_>>().join(" || ")
        }
        Test::Prefix(prefix) => any(format!("starts_with(@, {})", literal(prefix))),
        Test::Suffix(suffix) => any(format!("ends_with(@, {})", literal(suffix))),
        Test::Domain(domain) => any(format!("ends_with(@, {})", literal(&format!("@{domain}")))),
        Test::Present => attribute.clone(),
        other => unreachable!("the rules of this benchmark ask for no `{}`", other.name()),
    };
    match condition.negated {
        false => format!("({test})"),
        // Of all groups, none; of another attribute, something that is not it.
        true if condition.asks_for_groups() || condition.test == Test::Present => {
            format!("(!({test}))")
        }
        true => format!("({attribute} && !({test}))"),
    }
}

/// A quoted identifier has the escapes of a JSON string.
fn identifier(name: &str) -> String {
    Value::from(name).to_string()
}

/// A raw string knows one escape, of its quote.
fn literal(text: &str) -> String {
    format!("'{}'", text.replace('\'', "\\'"))
}
