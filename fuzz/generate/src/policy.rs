//! Policy files: one that says everything, and small ones with one mistake each.

use crate::Seed;

const WHOLE: &str = r#"[session]
lifetime = "30m"

[policy]
temporary_role = "24h"

[connection.acme]
tenant = "acme"
issuer = "https://sts.windows.net/TID/"
preset = "entra-saml"
strategy = "jit"
domains = ["acme.example"]

[connection.acme.match]
key = "objectidentifier"
link = { by = "email", require = ["idp_verified", "locally_verified", "owned_domain"], exclude_roles = ["manager"] }
on_inactive = "deny"
on_email_change = "update_if_owned_domain"

[connection.acme.create]
mode = "allow"
require_group = "8f2c"
seats = 500
default_roles = ["signer"]

[connection.campus]
issuer = "https://idp.campus.example"
preset = "generic"
strategy = "pre_provisioned_only"
domains = ["campus.example"]

[role.signer]
allow = ["sign nda/*", "view *"]

[role.manager]
allow = ["view *", "approve *"]
privileged = true

[[rule]]
id = "contractor"
connection = "acme"
all = [{ attribute = "department", eq = "ext" }]
grant = [{ role = "signer", ttl = "24h", renew = false }]

[[rule]]
id = "managers"
connection = "acme"
all = [{ attribute = "groups", any_of = ["1b2c", "3d4e"] }]
grant = [{ role = "manager" }]
"#;

const DOCUSIGN: &str = r#"[connection.acme]
issuer = "https://idp.acme.example"
preset = "docusign"
strategy = "jit"
domains = ["acme.example"]

[connection.acme.create]
account_id = "1"
permission_profile_id = "2"
"#;

/// Files that are loaded, and files that are not.
pub(crate) fn files() -> Vec<Seed> {
    let files: [(&str, &str); 9] = [
        ("whole", WHOLE),
        ("docusign", DOCUSIGN),
        ("empty", ""),
        ("unknown-key", "[role.signer]\nalow = [\"view *\"]\n"),
        (
            "unknown-role",
            "[[rule]]\nid = \"a\"\nall = [{ attribute = \"b\", eq = \"c\" }]\ngrant = [{ role = \"d\" }]\n",
        ),
        ("wrong-type", "[session]\nlifetime = 30\n"),
        ("same-key", "[role.a]\nallow = []\nallow = []\n"),
        ("no-toml", "[role.a\n"),
        ("escapes", "[role.\"a\\u0000\\nb\"]\nallow = [\"\\t\"]\n"),
    ];
    files
        .into_iter()
        .map(|(name, file)| (name, file.as_bytes().to_vec()))
        .collect()
}
