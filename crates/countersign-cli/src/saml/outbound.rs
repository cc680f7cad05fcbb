//! A message of ours, as it goes to the browser.

use countersign::saml::binding::Outbound;
use serde_json::{Value, json};

use crate::style::Page;
use crate::verdict::Verdict;

/// What the browser takes, and what is to be kept until it comes back.
pub(super) fn printed(outbound: &Outbound, pending: Option<Value>) -> Verdict {
    let (mut json, mut text) = match outbound {
        Outbound::Post(form) => {
            let fields: serde_json::Map<String, Value> = form
                .fields()
                .map(|(name, value)| (name.to_owned(), json!(value)))
                .collect();
            let html = form.html();
            (
                json!({
                    "binding": "post", "action": form.action(), "fields": fields, "html": html,
                }),
                html,
            )
        }
        Outbound::Redirect(url) => (
            json!({ "binding": "redirect", "url": url.as_str() }),
            format!("{url}\n"),
        ),
    };
    if let Some(pending) = pending {
        text.push_str(&format!("{pending}\n"));
        if let Value::Object(members) = &mut json {
            members.insert("pending".to_owned(), pending);
        }
    }
    Verdict::Accepted {
        json,
        text: Page::verbatim(text),
    }
}
