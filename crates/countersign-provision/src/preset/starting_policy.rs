//! A policy file to start from: the same frame for all, with what is particular about a provider.

use crate::preset::Preset;
use crate::preset::table::{KeyDefault, Table};

/// Writes the starting policy of a table.
pub(super) fn write(table: &'static Table) -> String {
    let start = &table.start;
    let name = table.name;
    let issuer = start.issuer;
    let mut text = format!(
        r#"# A policy to start from. {summary}.
# Change what is yours, then: `countersign policy lint FILE` says what is wrong with it.

[session]
lifetime = "30m"                       # and never longer than the provider says

[connection.acme]
tenant = "acme"
issuer = "{issuer}" # the entity id in the provider's metadata
preset = "{name}"
strategy = "jit"                       # an account at the first sign-in; or pre_provisioned_only, self_register
domains = ["acme.example"]             # the domains that you have claimed: an address elsewhere is refused

"#,
        summary = table.summary,
    );
    text.push_str(&comment(start.key));
    text.push_str("[connection.acme.match]\n");
    if let KeyDefault::Attribute(key) = table.key {
        text.push_str(&format!("key = \"{key}\"\n"));
    }
    if Preset(table) == Preset::DOCUSIGN {
        text.push_str("# What matches is the preset's: the linked active account; else the one active account with the\n# same address and names; else a new account.\n");
    } else {
        text.push_str("on_inactive = \"deny\"                   # a suspended account stays out\non_email_change = \"update_if_owned_domain\"\n");
    }
    text.push_str(
        r#"
[connection.acme.create]
mode = "allow"                         # or deny, approve
seats = 500
default_roles = ["viewer"]

# What your provider calls the attributes that your rules ask for, exactly as it sends them.
[connection.acme.attribute_names]
"#,
    );
    for (short, full) in start.attribute_names {
        text.push_str(&format!("{short} = \"{full}\"\n"));
    }
    text.push_str(
        r#"
[role.viewer]
allow = ["view *"]

[role.signer]
allow = ["sign nda/*", "view *"]

[role.contractor]
allow = ["sign onboarding/*"]

"#,
    );
    text.push_str(&comment(start.groups));
    let asked = start
        .attribute_names
        .first()
        .map_or("department", |(short, _)| short);
    text.push_str(&format!(
        r#"[[rule]]
id = "legal-signs"
all = [{{ attribute = "{asks}", eq = "{group}" }}]
grant = [{{ role = "signer" }}]

# For a day, and not again by signing in again.
[[rule]]
id = "contractors-sign-for-a-day"
all = [{{ attribute = "{asked}", eq = "ext" }}]
grant = [{{ role = "contractor", ttl = "24h", renew = false }}]
"#,
        asks = start.asks,
        group = start.group,
    ));
    text
}

/// Each line as a comment.
fn comment(text: &str) -> String {
    let lines = text.lines().map(|line| format!("# {line}\n"));
    lines.collect()
}
