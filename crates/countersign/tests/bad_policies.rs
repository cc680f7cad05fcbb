//! Every mistake that a policy file can have, and what is said of it: the place, what is wrong and
//! what to write instead. Nothing is half loaded.
#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    reason = "tests fail by panicking"
)]

use countersign::policy_file::PolicyFile;

/// A file that loads, for each mistake to break in one place.
const GOOD: &str = r#"
[policy]
temporary_role = "24h"
[connection.acme]
tenant = "acme"
issuer = "https://idp.acme.example"
preset = "entra-saml"
strategy = "jit"
domains = ["acme.example"]
max_privilege = "admin"
[connection.acme.match]
link = { by = "email", require = ["idp_verified", "locally_verified", "owned_domain"] }
[connection.acme.create]
mode = "allow"
default_roles = ["viewer"]
[role.viewer]
allow = ["view *"]
[role.signer]
allow = ["sign nda/*"]
[role.sender]
allow = ["send *"]
[role.admin]
allow = ["approve *", "view *", "sign *", "send *"]
privileged = true
[[rule]]
id = "ext"
all = [{ attribute = "department", eq = "ext" }]
grant = [{ role = "signer", ttl = "24h", renew = true, cap = "30d", scope = ["nda/*"] }]
[[rule]]
id = "desk"
all = [{ attribute = "groups", any_of = ["desk", "front"] }]
grant = [{ role = "sender" }]
"#;

/// What of the good file is replaced, by what, and each line that is then said, but for the name
/// of the file.
const MISTAKES: &[(&str, &str, &[&str])] = &[
    (
        "[policy]",
        "[polcy]",
        &["2:2: unknown key `polcy`, did you mean `policy`?"],
    ),
    (
        "temporary_role",
        "temporary_roles",
        &["3:1: unknown key `temporary_roles`, did you mean `temporary_role`?"],
    ),
    (
        "\"24h\"\n[conn",
        "24\n[conn",
        &["3:18: `temporary_role` must be a text in quotes, not a number"],
    ),
    (
        "[connection.acme]",
        "[conection.acme]",
        &[
            "4:2: unknown key `conection`, did you mean `connection`?",
            "11:13: the key `domains` is missing; add it",
            "11:13: the key `issuer` is missing; add it",
            "11:13: the key `preset` is missing; add it",
            "11:13: the key `strategy` is missing; add it",
        ],
    ),
    (
        "tenant = \"acme\"",
        "tennant = \"acme\"",
        &["5:1: unknown key `tennant`, did you mean `tenant`?"],
    ),
    (
        "tenant = \"acme\"",
        "tenant = 5",
        &["5:10: `tenant` must be a text in quotes, not a number"],
    ),
    (
        "tenant = \"acme\"",
        "tenant = \"\"",
        &["5:10: the name of the tenant is empty; write one"],
    ),
    (
        "tenant = \"acme\"",
        "tenant = \" acme\"",
        &["5:10: tenant ` acme` starts or ends with white space; write it without"],
    ),
    (
        "issuer = \"https://idp.acme.example\"",
        "issuer = \"\"",
        &["6:10: the name of the issuer is empty; write one"],
    ),
    (
        "preset = \"entra-saml\"",
        "preset = \"entra-sml\"",
        &["7:10: unknown preset `entra-sml`, did you mean `entra-saml`?"],
    ),
    (
        "preset = \"entra-saml\"",
        "preset = true",
        &["7:10: `preset` must be a text in quotes, not `true` or `false`"],
    ),
    (
        "strategy = \"jit\"",
        "strategy = \"just-in-time\"",
        &[
            "8:12: unknown strategy `just-in-time`; there are `jit`, `pre_provisioned_only`, `self_register`",
        ],
    ),
    (
        "domains = [\"acme.example\"]",
        "domains = \"acme.example\"",
        &["9:11: `domains` must be a list of texts, not a text; write `domains = [\"…\"]`"],
    ),
    (
        "domains = [\"acme.example\"]",
        "domains = [\"@acme.example\"]",
        &["9:12: `@acme.example` is no domain, such as `acme.example`"],
    ),
    (
        "domains = [\"acme.example\"]",
        "domains = [\"*.acme.example\"]",
        &["9:12: `*.acme.example` is no domain, such as `acme.example`"],
    ),
    (
        "domains = [\"acme.example\"]",
        "domains = []",
        &["4:13: connection `acme` has no domain; list those of the organization in `domains`"],
    ),
    (
        "max_privilege = \"admin\"",
        "max_privilege = \"viewer\"",
        &[
            "28:10: rule `ext` gives the role `signer`, which allows `sign nda/*`; the `max_privilege` of connection `acme` is `viewer`; give a lesser role, or raise `max_privilege`",
            "32:10: rule `desk` gives the role `sender`, which allows `send *`; the `max_privilege` of connection `acme` is `viewer`; give a lesser role, or raise `max_privilege`",
        ],
    ),
    (
        "max_privilege = \"admin\"",
        "max_privilege = \"amdin\"",
        &["10:17: unknown role `amdin`, did you mean `admin`?"],
    ),
    (
        "by = \"email\"",
        "by = \"mail\"",
        &["12:15: unknown way to link `mail`, did you mean `email`?"],
    ),
    (
        "[connection.acme.match]",
        "[connection.acme.matching]",
        &["11:18: unknown key `matching`, did you mean `match`?"],
    ),
    (
        "[connection.acme.match]",
        "[connection.acne.match]",
        &["11:13: unknown connection `acne`, did you mean `acme`?"],
    ),
    (
        ", \"owned_domain\"]",
        "]",
        &["12:8: linking by e-mail needs `owned_domain` in `require`"],
    ),
    (
        ", \"owned_domain\"]",
        ", \"owned_domian\"]",
        &[
            "12:8: linking by e-mail needs `owned_domain` in `require`",
            "12:71: unknown requirement `owned_domian`, did you mean `owned_domain`?",
        ],
    ),
    (
        "mode = \"allow\"",
        "mode = \"yes\"",
        &["14:8: unknown mode `yes`; there are `allow`, `approve`, `deny`"],
    ),
    (
        "mode = \"allow\"",
        "mode = true",
        &["14:8: `mode` must be a text in quotes, not `true` or `false`"],
    ),
    (
        "mode = \"allow\"",
        "mode = \"allow\"\nseats = -1",
        &["15:9: `seats` must be a whole number, at least 1; write `seats = 10`"],
    ),
    (
        "mode = \"allow\"",
        "mode = \"allow\"\nseats = \"many\"",
        &["15:9: `seats` must be a whole number, at least 1; write `seats = 10`"],
    ),
    (
        "default_roles = [\"viewer\"]",
        "default_roles = \"viewer\"",
        &[
            "15:17: `default_roles` must be a list of texts, not a text; write `default_roles = [\"…\"]`",
        ],
    ),
    (
        "default_roles = [\"viewer\"]",
        "default_roles = [\"vewer\"]",
        &["15:18: unknown role `vewer`, did you mean `viewer`?"],
    ),
    (
        "default_roles = [\"viewer\"]",
        "default_roles = [\"admin\"]",
        &[
            "4:13: connection `acme` gives the privileged role `admin` by default; give it by a rule, or by hand",
        ],
    ),
    (
        "default_roles = [\"viewer\"]",
        "default_roles = [1]",
        &["15:18: `default_roles` must be a text in quotes, not a number"],
    ),
    (
        "allow = [\"view *\"]",
        "allow = \"view *\"",
        &["17:9: `allow` must be a list of texts, not a text; write `allow = [\"…\"]`"],
    ),
    (
        "allow = [\"view *\"]",
        "allows = [\"view *\"]",
        &["17:1: unknown key `allows`, did you mean `allow`?"],
    ),
    (
        "allow = [\"view *\"]",
        "allow = [\"view\"]",
        &[
            "17:10: the permission `view` is not an action and a document type, such as `sign nda/*`",
        ],
    ),
    (
        "allow = [\"view *\"]",
        "allow = [\"* nda\"]",
        &[
            "17:10: the permission `* nda` has a `*` that is not the whole last segment of the document type; write one such as `sign nda/*`",
        ],
    ),
    (
        "allow = [\"view *\"]",
        "allow = [\"view nda*\"]",
        &[
            "17:10: the permission `view nda*` has a `*` that is not the whole last segment of the document type; write one such as `sign nda/*`",
        ],
    ),
    (
        "allow = [\"view *\"]",
        "allow = [\"view nda//x\"]",
        &[
            "17:10: the permission `view nda//x` has an empty segment in its document type; write one such as `sign nda/*`",
        ],
    ),
    (
        "allow = [\"view *\"]\n",
        "",
        &["16:7: the key `allow` is missing; add it"],
    ),
    (
        "privileged = true",
        "privileged = \"yes\"",
        &["24:14: `privileged` must be `true` or `false`, without quotes, not a text"],
    ),
    (
        "id = \"ext\"",
        "id = \"\"",
        &["26:6: the name of the rule is empty; write one"],
    ),
    (
        "id = \"ext\"",
        "id = \"desk\"",
        &["30:6: rule `desk` is there twice; give one of them another name"],
    ),
    (
        "id = \"ext\"",
        "id = \"e\\u202Ext\"",
        &[
            "26:6: rule `e\\u{202e}xt` holds the control character U+202E; write it without, in letters that are seen",
        ],
    ),
    (
        "id = \"ext\"",
        "id = \"e\\u200Bxt\"",
        &[
            "26:6: rule `e\\u{200b}xt` holds the control character U+200B; write it without, in letters that are seen",
        ],
    ),
    (
        "id = \"ext\"",
        "id = \"e\\u0007xt\"",
        &[
            "26:6: rule `e\\u{7}xt` holds the control character U+0007; write it without, in letters that are seen",
        ],
    ),
    (
        "id = \"ext\"",
        "id = \"ext\"\nconnection = \"acne\"",
        &["27:14: unknown connection `acne`, did you mean `acme`?"],
    ),
    (
        "id = \"ext\"",
        "id = \"ext\"\nconnection = []",
        &["25:1: `connection` names none; name one, or leave the key out for all"],
    ),
    (
        "id = \"ext\"\n",
        "",
        &["25:1: the key `id` is missing; add it"],
    ),
    (
        "id = \"ext\"",
        "id = \"ext\"\nnote = \"a\\nb\"",
        &["27:8: the note holds the control character U+000A; write it in one line"],
    ),
    (
        "id = \"ext\"",
        "id = \"ext\"\nany = []",
        &["27:1: unknown key `any`; there are `id`, `connection`, `note`, `all`, `grant`, `deny`"],
    ),
    (
        "all = [{ attribute = \"department\", eq = \"ext\" }]\n",
        "",
        &["25:1: the key `all` is missing; add it"],
    ),
    (
        "all = [{ attribute = \"department\", eq = \"ext\" }]",
        "all = []",
        &[
            "26:6: rule `ext` has no condition; add one to `all`; what everybody gets belongs into `default_roles`",
        ],
    ),
    (
        "all = [{ attribute = \"department\", eq = \"ext\" }]",
        "all = { attribute = \"department\", eq = \"ext\" }",
        &["27:7: `all` must be a list of tables; write `all = [{ … }]`"],
    ),
    (
        "all = [{ attribute = \"department\", eq = \"ext\" }]",
        "all = [\"department\"]",
        &["27:8: `all` must be a table `{ … }`, not a text"],
    ),
    (
        "attribute = \"department\", eq = \"ext\"",
        "attribut = \"department\", eq = \"ext\"",
        &["27:10: unknown key `attribut`, did you mean `attribute`?"],
    ),
    (
        "attribute = \"department\", eq = \"ext\"",
        "attribute = \"\", eq = \"ext\"",
        &["27:22: the name of the attribute is empty; write one"],
    ),
    (
        "attribute = \"department\", eq = \"ext\"",
        "attribute = \"department\"",
        &[
            "27:8: a condition needs one of `eq`, `any_of`, `prefix`, `suffix`, `domain`, `present` and `not`; add one",
        ],
    ),
    (
        "attribute = \"department\", eq = \"ext\"",
        "attribute = \"department\", equals = \"ext\"",
        &["27:36: unknown key `equals`, did you mean `eq`?"],
    ),
    (
        "attribute = \"department\", eq = \"ext\"",
        "attribute = \"department\", eq = 7",
        &["27:41: `eq` must be a text in quotes, not a number"],
    ),
    (
        "attribute = \"department\", eq = \"ext\"",
        "attribute = \"department\", eq = \"\"",
        &["27:41: the value is empty; write what is asked for"],
    ),
    (
        "attribute = \"department\", eq = \"ext\"",
        "attribute = \"department\", eq = \"a\", prefix = \"b\"",
        &[
            "27:8: a condition needs one of `eq`, `any_of`, `prefix`, `suffix`, `domain`, `present` and `not`; write a condition for each",
        ],
    ),
    (
        "attribute = \"department\", eq = \"ext\"",
        "attribute = \"department\", eq = [\"a\"]",
        &["27:41: `eq` must be a text in quotes, not a list"],
    ),
    (
        "attribute = \"department\", eq = \"ext\"",
        "attribute = \"department\", any_of = \"a\"",
        &["27:45: `any_of` must be a list of texts, not a text; write `any_of = [\"…\"]`"],
    ),
    (
        "attribute = \"department\", eq = \"ext\"",
        "attribute = \"department\", any_of = []",
        &["27:8: `any_of` needs a value; write `any_of = [\"…\"]`"],
    ),
    (
        "attribute = \"department\", eq = \"ext\"",
        "attribute = \"department\", domain = \"acme.example\"",
        &[
            "26:6: rule `ext` asks for the domain of `department`; only `email` has one; ask `email`, or use `suffix`",
        ],
    ),
    (
        "attribute = \"department\", eq = \"ext\"",
        "attribute = \"email\", domain = \"acme\"",
        &[
            "27:8: rule `ext` can never match: the e-mail address is in the domain `acme`, and nobody with such an address is let in by `acme`; add the domain to the connection's `domains`, or remove the rule",
        ],
    ),
    (
        "attribute = \"department\", eq = \"ext\"",
        "attribute = \"email\", domain = \"other.example\"",
        &[
            "27:8: rule `ext` can never match: the e-mail address is in the domain `other.example`, and nobody with such an address is let in by `acme`; add the domain to the connection's `domains`, or remove the rule",
        ],
    ),
    (
        "attribute = \"department\", eq = \"ext\"",
        "attribute = \"email\", eq = \"nobody\"",
        &["27:36: `nobody` is no e-mail address, such as `nurse@acme.example`"],
    ),
    (
        "attribute = \"department\", eq = \"ext\"",
        "attribute = \"department\", present = false",
        &["27:8: `present = false` is written `not = { present = true }`"],
    ),
    (
        "attribute = \"department\", eq = \"ext\"",
        "attribute = \"department\", present = \"yes\"",
        &["27:46: `present` must be `true` or `false`, without quotes, not a text"],
    ),
    (
        "attribute = \"department\", eq = \"ext\"",
        "attribute = \"department\", not = {}",
        &["27:42: `not` needs one test; write `not = { eq = \"…\" }`"],
    ),
    (
        "attribute = \"department\", eq = \"ext\"",
        "attribute = \"department\", not = \"ext\"",
        &["27:42: `not` must be a table `{ … }`, not a text"],
    ),
    (
        "attribute = \"department\", eq = \"ext\"",
        "attribute = \"department\", not = { not = { eq = \"x\" } }",
        &["27:42: `not` can not stand within `not`; remove both"],
    ),
    (
        "attribute = \"department\", eq = \"ext\"",
        "attribute = \"department\", regex = \".*\"",
        &[
            "27:36: unknown key `regex`; there are `attribute`, `eq`, `any_of`, `prefix`, `suffix`, `domain`, `present`, `not`",
        ],
    ),
    (
        "attribute = \"department\", eq = \"ext\"",
        "attribute = \"department\", eq = \"ext\", regex = \".*\"",
        &[
            "27:48: unknown key `regex`; there are `attribute`, `eq`, `any_of`, `prefix`, `suffix`, `domain`, `present`, `not`",
        ],
    ),
    (
        "attribute = \"department\", eq = \"ext\"",
        "attribute = \"department\", not = { eq = \"ext\", regex = \".*\" }",
        &[
            "27:56: unknown key `regex`; there are `eq`, `any_of`, `prefix`, `suffix`, `domain`, `present`",
        ],
    ),
    (
        "grant = [{ role = \"sender\" }]",
        "grant = [{ role = \"Sender\" }]",
        &["32:19: unknown role `Sender`, did you mean `sender`?"],
    ),
    (
        "grant = [{ role = \"sender\" }]",
        "grant = [{ roles = \"sender\" }]",
        &["32:12: unknown key `roles`, did you mean `role`?"],
    ),
    (
        "grant = [{ role = \"sender\" }]",
        "grant = [\"sender\"]",
        &["32:10: `grant` must be a table `{ … }`, not a text"],
    ),
    (
        "grant = [{ role = \"sender\" }]",
        "grant = []",
        &["30:6: rule `desk` gives no role and denies none; add a role to `grant` or to `deny`"],
    ),
    (
        "grant = [{ role = \"sender\" }]",
        "",
        &["29:1: the key `grant` is missing; add it"],
    ),
    (
        "grant = [{ role = \"sender\" }]",
        "grant = [{ role = \"sender\" }, { role = \"sender\" }]",
        &["30:6: rule `desk` gives role `sender` twice; remove one of the two"],
    ),
    (
        "grant = [{ role = \"sender\" }]",
        "grant = [{ role = \"sender\" }]\ndeny = [\"sender\"]",
        &["33:9: rule `desk` both gives and denies role `sender`; remove it from one of the two"],
    ),
    (
        "grant = [{ role = \"sender\" }]",
        "deny = [\"sendr\"]",
        &["32:9: unknown role `sendr`, did you mean `sender`?"],
    ),
    (
        "grant = [{ role = \"sender\" }]",
        "grant = [{ role = \"sender\", scope = [] }]",
        &["32:10: `scope` needs a document type, such as `nda/*`"],
    ),
    (
        "grant = [{ role = \"sender\" }]",
        "grant = [{ role = \"sender\", scope = [\"nda*\"] }]",
        &[
            "32:38: the document type `nda*` has a `*` that is not the whole last segment of the document type; write one such as `nda/*`",
        ],
    ),
    (
        "grant = [{ role = \"sender\" }]",
        "grant = [{ role = \"sender\", ttl = \"24h\", temporary = true }]",
        &["32:10: a grant has `ttl` or `temporary`, not both; remove one"],
    ),
    (
        "any_of = [\"desk\", \"front\"] }]\ngrant = [{ role = \"sender\" }]",
        "prefix = \"adm\" }]\ngrant = [{ role = \"admin\" }]",
        &[
            "32:10: rule `desk` gives the privileged role `admin`, so its conditions must be `eq` or `any_of`, and one of them not negated; name the groups or values of those who shall have it",
        ],
    ),
    (
        "any_of = [\"desk\", \"front\"] }]\ngrant = [{ role = \"sender\" }]",
        "present = true }]\ngrant = [{ role = \"admin\" }]",
        &[
            "32:10: rule `desk` gives the privileged role `admin`, so its conditions must be `eq` or `any_of`, and one of them not negated; name the groups or values of those who shall have it",
        ],
    ),
    (
        "any_of = [\"desk\", \"front\"] }]\ngrant = [{ role = \"sender\" }]",
        "not = { eq = \"x\" } }]\ngrant = [{ role = \"admin\" }]",
        &[
            "32:10: rule `desk` gives the privileged role `admin`, so its conditions must be `eq` or `any_of`, and one of them not negated; name the groups or values of those who shall have it",
        ],
    ),
    (
        "ttl = \"24h\", renew",
        "ttl = \"0s\", renew",
        &["28:35: `ttl` must be more than no time; write a time such as `24h`"],
    ),
    (
        "ttl = \"24h\", renew",
        "ttl = \"1 day\", renew",
        &[
            "28:35: `ttl` is `1 day`; write a whole number and one of `s`, `m`, `h`, `d`, such as `24h`",
        ],
    ),
    (
        "ttl = \"24h\", renew",
        "ttl = 24, renew",
        &["28:35: `ttl` must be a text in quotes, not a number"],
    ),
    (
        "renew = true, cap",
        "renew = \"yes\", cap",
        &["28:50: `renew` must be `true` or `false`, without quotes, not a text"],
    ),
    (
        "renew = true, cap",
        "renew = false, cap",
        &[
            "28:10: rule `ext` caps the renewals of role `signer`, which it does not renew; add `renew = true`, or remove `cap`",
        ],
    ),
    (
        "cap = \"30d\"",
        "cap = \"1h\"",
        &["28:10: rule `ext` caps role `signer` at less than its `ttl`; make `cap` the longer one"],
    ),
    (
        "scope = [\"nda/*\"]",
        "scope = [\"hr/*\"]",
        &[
            "28:10: rule `ext` gives role `signer` for documents on which it allows nothing; name documents that the role's `allow` covers",
        ],
    ),
    (
        "scope = [\"nda/*\"]",
        "scope = \"nda/*\"",
        &["28:77: `scope` must be a list of texts, not a text; write `scope = [\"…\"]`"],
    ),
    (
        "temporary_role = \"24h\"",
        "temporary_role = = \"24h\"",
        &["3:18: is no TOML: extra `=`, expected nothing"],
    ),
    (
        "temporary_role = \"24h\"",
        "temporary_role = \"24h",
        &[
            "3:22: a text is not closed, or holds what it may not; end it with the quote that it begins with",
        ],
    ),
    (
        "temporary_role = \"24h\"",
        "temporary_role = 24h",
        &["3:18: text stands in quotes; write `\"24h\"`"],
    ),
    (
        "temporary_role = \"24h\"",
        "temporary_role = \"24h\"\ntemporary_role = \"25h\"",
        &["4:1: `temporary_role` is there already; remove one of the two"],
    ),
    (
        "[policy]",
        "[policy",
        &["2:8: the name of a table is not closed; end it with `]`"],
    ),
    (
        "[role.viewer]",
        "[role.viewer]\nallow = [\"view *\"]\n[role.viewer]",
        &["18:7: `viewer` is there already; remove one of the two"],
    ),
    (
        "[role.viewer]",
        "[role.\"\"]",
        &[
            "15:18: unknown role `viewer`; there are `admin`, `sender`, `signer`",
            "16:7: the name of the role is empty; write one",
        ],
    ),
    (
        "[role.viewer]",
        "[role.\"a\\u202Eb\"]",
        &[
            "15:18: unknown role `viewer`; there are `admin`, `sender`, `signer`",
            "16:7: role `a\\u{202e}b` holds the control character U+202E; write it without, in letters that are seen",
        ],
    ),
    (
        "[[rule]]\nid = \"ext\"",
        "[rule]\nid = \"ext\"",
        &["29:3: `rule` is there already; write each as `[[rule]]`, with two brackets"],
    ),
    (
        "[[rule]]\nid = \"ext\"",
        "[[separation_of_duty]]\nexclusive=[]\n[[rule]]\nid = \"ext\"",
        &["25:1: `separation_of_duty` must be a table `{ … }`, not a list"],
    ),
    (
        "[[rule]]\nid = \"ext\"",
        "[separation_of_duty]\nexclusive=[\"signer\", \"sender\"]\n[[rule]]\nid = \"ext\"",
        &[
            "26:12: `exclusive` must be a list of lists of texts; write `exclusive = [[\"a\", \"b\"]]`",
            "26:22: `exclusive` must be a list of lists of texts; write `exclusive = [[\"a\", \"b\"]]`",
        ],
    ),
    (
        "[[rule]]\nid = \"ext\"",
        "[separation_of_duty]\nexclusive=[[\"signer\"]]\n[[rule]]\nid = \"ext\"",
        &[
            "26:12: separation of duty needs sets of two or more different roles; name two, or remove the set",
        ],
    ),
    (
        "[[rule]]\nid = \"ext\"",
        "[separation_of_duty]\nexclusive=[[\"signer\", \"signer\"]]\n[[rule]]\nid = \"ext\"",
        &[
            "26:12: separation of duty needs sets of two or more different roles; name two, or remove the set",
        ],
    ),
    (
        "[[rule]]\nid = \"ext\"",
        "[separation_of_duty]\nexclusive=[[\"signer\", \"sendr\"]]\n[[rule]]\nid = \"ext\"",
        &["26:23: unknown role `sendr`, did you mean `sender`?"],
    ),
    (
        "[[rule]]\nid = \"ext\"",
        "[separation_of_duty]\nexclusive=[[\"signer\", \"viewer\"]]\n[[rule]]\nid = \"ext\"",
        &[
            "30:10: rule `ext` never gives `signer`: everybody has `viewer` by default, and nobody may hold both; let rule `ext` deny `viewer`, or remove `viewer` from `default_roles`",
        ],
    ),
    (
        "[[rule]]\nid = \"ext\"",
        "[exclusive_group.desk]\nhighest=[\"signer\", \"sender\"]\n[[rule]]\nid = \"ext\"",
        &["26:1: unknown key `highest`, did you mean `highest_first`?"],
    ),
    (
        "[[rule]]\nid = \"ext\"",
        "[exclusive_group.desk]\nhighest_first=[\"signer\"]\n[[rule]]\nid = \"ext\"",
        &[
            "25:18: exclusive group `desk` needs two or more different roles; name each role once, and two at least",
        ],
    ),
    (
        "[[rule]]\nid = \"ext\"",
        "[exclusive_group.a]\nhighest_first=[\"signer\", \"sender\"]\n[exclusive_group.b]\nhighest_first=[\"sender\", \"viewer\"]\n[exclusive_group.c]\nhighest_first=[\"viewer\", \"signer\"]\n[[rule]]\nid = \"ext\"",
        &[
            "25:18: exclusive group `a` puts `signer` above `sender`, and other groups below it; order the two the same in every group",
        ],
    ),
    (
        "[[rule]]\nid = \"ext\"",
        "[exclusive_group.a]\nhighest_first=[\"signer\", \"sender\"]\n[separation_of_duty]\nexclusive=[[\"signer\", \"sender\"]]\n[[rule]]\nid = \"ext\"",
        &[
            "25:18: exclusive group `a` gives the higher of `signer` and `sender`, and `separation_of_duty` gives neither; take the two out of one of them",
        ],
    ),
    (
        "[[rule]]\nid = \"desk\"",
        "[[rule]]\nid = \"same\"\nall = [{ attribute = \"department\", any_of = [\"ext\"] }]\ngrant = [{ role = \"signer\", ttl = \"24h\", renew = true, cap = \"30d\", scope = [\"nda/*\"] }]\n[[rule]]\nid = \"desk\"",
        &["30:6: rule `same` says the same as rule `ext`; remove one of the two"],
    ),
    (
        "[[rule]]\nid = \"desk\"",
        "[[rule]]\nid = \"narrow\"\nall = [{ attribute = \"groups\", eq = \"desk\" }, { attribute = \"site\", eq = \"x\" }]\ngrant = [{ role = \"sender\" }]\n[[rule]]\nid = \"desk\"",
        &[
            "30:6: rule `narrow` changes nothing: whoever matches it matches rule `desk` too, which does the same; remove rule `narrow`, or rule `desk` if it was meant to be narrower",
        ],
    ),
    (
        "[[rule]]\nid = \"desk\"",
        "[[rule]]\nid = \"not-desk\"\nall = [{ attribute = \"groups\", present = true }]\ndeny = [\"sender\"]\n[[rule]]\nid = \"desk\"",
        &[
            "36:10: rule `desk` never gives `sender`: whoever matches it matches rule `not-desk` too, which denies `sender`; narrow the conditions of rule `not-desk`, or remove `sender` from one of the two",
        ],
    ),
    (
        "eq = \"ext\" }]",
        "eq = \"ext\" }, { attribute = \"department\", not = { prefix = \"ex\" } }]",
        &[
            "27:50: rule `ext` can never match: `department` is `ext`, and `department` does not begin with `ex`, can not both be; remove one of the conditions, or make two rules of them",
        ],
    ),
];

fn said_of(bytes: &[u8]) -> Vec<String> {
    let error = PolicyFile::parse_bytes("p.toml", bytes).unwrap_err();
    let lines = error.to_string();
    let lines = lines.lines().map(|line| {
        let said = line.strip_prefix("p.toml:").expect("the name of the file");
        said.to_owned()
    });
    lines.collect()
}

#[test]
fn the_good_file_loads_however_its_lines_end() {
    for text in [
        GOOD.to_owned(),
        GOOD.replace('\n', "\r\n"),
        format!("\u{feff}{GOOD}"),
    ] {
        assert!(PolicyFile::parse("p.toml", &text).is_ok());
    }
}

#[test]
fn every_mistake_is_told_with_its_place_and_its_fix() {
    for (from, to, expected) in MISTAKES {
        assert_eq!(GOOD.matches(from).count(), 1, "{from}");
        let text = GOOD.replace(from, to);
        assert_eq!(said_of(text.as_bytes()), *expected, "{from} -> {to}");
        // A column counts characters, also where lines end otherwise.
        if !to.contains('\r') {
            let windows = text.replace('\n', "\r\n");
            assert_eq!(said_of(windows.as_bytes()), *expected, "{from} -> {to}");
        }
    }
}

#[test]
fn what_is_no_toml_at_all_is_told_in_one_line() {
    let utf16: Vec<u8> = GOOD.encode_utf16().flat_map(u16::to_le_bytes).collect();
    let with_mark = [b"\xff\xfe", utf16.as_slice()].concat();
    let nested = format!("a = {}", "[".repeat(100_000));
    let inline = format!("a = {}1", "{ a = ".repeat(10_000));
    let dotted = format!("[{}b]", "a.".repeat(100_000));
    let too_deep = "is nested deeper than any policy; remove what is too much";
    for (bytes, expected) in [
        (
            &b""[..],
            "1:1: there is no `[connection.NAME]`; `countersign policy preset` prints files to start from".to_owned(),
        ),
        (
            GOOD.replace('\n', "\r").as_bytes(),
            "1:2: lines end with CR alone; save the file with LF or CRLF".to_owned(),
        ),
        (
            &utf16,
            "2:1: holds the character U+0000; save the file as UTF-8".to_owned(),
        ),
        (
            &with_mark,
            "1:1: is not UTF-8 from here on; save the file as UTF-8".to_owned(),
        ),
        (
            b"# caf\xe9\n",
            "1:6: is not UTF-8 from here on; save the file as UTF-8".to_owned(),
        ),
        (nested.as_bytes(), format!("1:85: {too_deep}")),
        (inline.as_bytes(), format!("1:485: {too_deep}")),
        (dotted.as_bytes(), format!("1:1: {too_deep}")),
    ] {
        assert_eq!(said_of(bytes), [expected]);
    }
}

#[test]
fn ten_megabytes_are_not_read() {
    let large = "#".repeat(10_000_000);
    let error = PolicyFile::parse("p.toml", &large).unwrap_err();
    assert_eq!(
        error.to_string(),
        "p.toml: is larger than 1048576 bytes, the most that a policy may have; write one rule with `any_of` instead of one for each value"
    );
}

/// What is odd is told by lint, and loads.
#[test]
fn values_that_look_wrong_are_warnings() {
    let text = GOOD.replace("\"desk\", \"front\"", "\"desk\", \"front \", \"desk\"");
    let (_, remarks) = PolicyFile::lint_bytes("p.toml", text.as_bytes()).unwrap();
    let warnings: Vec<String> = remarks.iter().map(ToString::to_string).collect();
    assert_eq!(
        warnings,
        [
            "22:7: warning: no sign-in gives the role `admin`; write a rule that gives it, unless only administrators give it by hand",
            "31:50: warning: the value `front ` starts or ends with white space; write it without, unless the provider sends it so",
            "31:60: warning: `desk` is in the list already; remove it, or write the value that was meant",
            "22:7: note: a sign-in may take the last grant of the privileged role `admin`; write `keep_last = true` in the role, if a tenant must not be without it",
        ]
    );
}

/// Lists of mistakes are for people: no longer than one reads.
#[test]
fn a_file_full_of_mistakes_is_told_in_part() {
    let rules = (0..10_000).map(|number| format!("[[rule]]\nid = \"r{number}\"\nall = []\n"));
    let text = format!("{GOOD}{}", rules.collect::<String>());
    assert_eq!(said_of(text.as_bytes()).len(), 100);
}
