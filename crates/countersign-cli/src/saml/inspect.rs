//! `countersign saml inspect`.

use clap::Args;
use countersign::saml::inspect;
use serde_json::{Value, json};

use super::{RESPONSE_LIMIT_BYTES, rejected};
use crate::input::{InputPath, Unreadable, read};
use crate::text::visible;
use crate::verdict::Verdict;

/// Which response to look into.
#[derive(Debug, Args)]
pub(crate) struct Inspection {
    /// The response, as XML or in Base64; `-` reads standard input.
    response: InputPath,
    /// Said for the sake of scripts; Base64 is recognized.
    #[arg(long)]
    base64: bool,
}

pub(super) fn run(inspection: &Inspection) -> Result<Verdict, Unreadable> {
    let bytes = read(&inspection.response, RESPONSE_LIMIT_BYTES)?;
    Ok(match inspect(&bytes) {
        Ok(unverified) => Verdict::Accepted {
            text: format!(
                "UNVERIFIED: anybody can have written this\n{}",
                inspected(&json!(unverified))
            )
            .into(),
            json: json!({ "verified": false, "response": unverified }),
        },
        Err(rejection) => rejected(&rejection),
    })
}

/// What a response says, one line for each thing that it says.
fn inspected(value: &Value) -> String {
    let mut text = String::new();
    list("", value, &mut text);
    text
}

fn list(path: &str, value: &Value, text: &mut String) {
    let below = |name: &str| {
        if path.is_empty() {
            name.to_owned()
        } else {
            format!("{path}.{name}")
        }
    };
    match value {
        Value::Null => {}
        Value::Object(members) => {
            for (name, value) in members.iter().filter(|(name, _)| *name != "verified") {
                list(&below(name), value, text);
            }
        }
        Value::Array(values) => {
            for (number, value) in (1..).zip(values) {
                list(&below(&number.to_string()), value, text);
            }
        }
        Value::String(value) => text.push_str(&format!("  {path}: {}\n", visible(value))),
        other => text.push_str(&format!("  {path}: {other}\n")),
    }
}
