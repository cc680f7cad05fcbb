//! The policy file: connections, roles and rules in TOML, checked as a whole.
//!
//! A file is loaded in full or not at all. What it may say is a closed set: an unknown key, role,
//! preset or strategy is refused with its place and the nearest right name, and everything that
//! is wrong is said at once.
//!
//! ```toml
//! [session]
//! lifetime = "30m"                       # how long a session lasts; 30m if not said
//!
//! [policy]
//! temporary_role = "24h"                 # what `temporary = true` means; 24h if not said
//!
//! [connection.acme]
//! tenant = "acme"                        # whose accounts; "default" if not said
//! issuer = "https://sts.windows.net/TID/"
//! preset = "entra-saml"                  # `Preset::ALL` has their names
//! strategy = "jit"                       # or pre_provisioned_only, self_register
//! domains = ["acme.example"]             # claimed: an address outside is refused; or with the end
//!                                        # of the proof: { name = "…", proved_until = "2027-06-30T00:00:00Z" }
//! max_privilege = "manager"              # nothing that the connection gives may allow more
//!
//! [connection.acme.match]
//! key = "objectidentifier"               # an attribute, or name_id; the preset's if not said
//! link = { by = "email", require = ["idp_verified", "locally_verified", "owned_domain"], exclude_roles = ["manager"] }
//! on_inactive = "deny"                   # or reactivate_deprovisioned
//! on_email_change = "update_if_owned_domain" # or keep, deny
//!
//! [connection.acme.attribute_names]       # on top of the preset's
//! department = "dept"                    # or a list, or { names = ["dept"], decode = "json", scoped = true }
//!
//! [connection.acme.groups]
//! names = ["memberOf"]                   # the preset's if not said
//! decode = { dn_cn = "OU=Groups,DC=acme" } # or values, dn_cn, path, json, { split = ";" }, { path = "/apps" }
//! most = 75                              # a list so long may have been cut
//! fetch = "overage"                      # when a group fetcher is asked; or incomplete, never
//!
//! [connection.acme.create]
//! mode = "allow"                         # or approve, deny
//! require_group = "8f2c"
//! seats = 500
//! default_roles = ["signer"]
//!
//! [attribute.given_name]                 # or email, family_name, display_name, account_id, …
//! sync = "always"                        # or create, never
//! absent = "keep"                        # or clear, deny
//!
//! [attribute.groups]
//! absent = "keep"                        # unknown; or clear (there are none), deny
//!
//! [role.signer]
//! allow = ["sign nda/*", "view *"]
//!
//! [role.manager]
//! allow = ["sign nda/*", "view *", "approve *"]
//! privileged = true                      # never a default, never linked by address, exact conditions
//! keep_last = true                       # a tenant is never left without one
//!
//! [[rule]]
//! id = "contractor"
//! note = "agency staff, a month at most" # for people who read explanations
//! all = [{ attribute = "department", eq = "ext" }, { attribute = "email", domain = "acme.example" }]
//! grant = [{ role = "signer", ttl = "24h", renew = true, cap = "30d", scope = ["nda/*"] }]
//!
//! [[rule]]
//! id = "on-leave"
//! all = [{ attribute = "groups", prefix = "leave-" }, { attribute = "site", not = { eq = "hq" } }]
//! deny = ["signer"]                      # whatever other rules give; also suffix, present
//!
//! [[rule]]
//! id = "managers"
//! connection = "acme"                    # needed where there are several connections
//! all = [{ attribute = "groups", any_of = ["1b2c", "3d4e"] }]
//! grant = [{ role = "manager" }]
//!
//! [exclusive_group.desk]
//! highest_first = ["manager", "signer"]  # of these only the highest that is given is given
//!
//! [risk.high]                            # a sign-in must be this strong to sign these
//! documents = ["loan/*"]
//! require = ["mfa"]                      # or federated: not by a mailed link
//! max_age = "15m"                        # since the person authenticated
//!
//! [lifecycle]                            # what is not said does not happen by itself
//! stale_after = "90d"                    # not signed in for so long: reported, and no more
//! suspend_after = "180d"
//! deprovision_after = "365d"
//! retain = "2555d"                       # deprovisioned for so long: erased
//! ```
//!
//! A connection with `door = "email"` is for signers without an identity provider
//! ([`crate::email_door`]): it has `strategy` and `domains`, `match` and `create`, and none of what
//! only a provider has. With `create.require_invitation = true`, which any connection may have, only
//! invited people get an account; the e-mail door may then say `domains = "any"`.
//!
//! In `[connection.NAME.create]` there are also `account_id` and `permission_profile_id`, the
//! defaults of the DocuSign preset, `accept_unverified_email` for `self_register`, and
//! `confusable_email = "deny"`, which makes no account for an address that mixes scripts or passes
//! for one in ASCII (`flag`: it is made, and its record says so). Of several rules that give one
//! role, the one with the shortest time counts.
//!
//! An account's address follows the provider only if nothing stands against it: `sync` is
//! `always`, `on_email_change` is `update_if_owned_domain`, and with `self_register` the provider
//! says that it verified the address. `on_email_change = "deny"` refuses a known person with
//! another address whatever `sync` says, and none of them ever makes an address verified here.

use std::fmt;
use std::fs::File;
use std::io::{self, Read};
use std::path::Path;

use countersign_core::Sha256Digest;
use countersign_provision::Policy;
use thiserror::Error;

pub use crate::policy_file::problem::Problem;
pub use crate::policy_file::remark::Remark;

mod attribute;
mod attribute_names;
mod condition;
mod connection;
mod creation;
mod defaults;
mod domain;
mod door;
mod exclusion;
mod lifecycle;
mod matching;
mod place;
mod problem;
mod reader;
mod remark;
mod risk;
mod roles;
mod session;
mod span;
mod syntax;
mod tree;

/// Reads policy files.
///
/// ```
/// use countersign::policy_file::PolicyFile;
///
/// let error = PolicyFile::parse("policy.toml", "[role.signer]\nalow = []\n").unwrap_err();
/// assert!(error.to_string().contains("policy.toml:2:1: unknown key `alow`, did you mean `allow`?"));
/// ```
#[derive(Debug, Clone, Copy)]
pub struct PolicyFile;

impl PolicyFile {
    /// The largest file that is read, in bytes: room for about 5,000 rules.
    pub const MAX_BYTES: u64 = 1024 * 1024;

    /// Loads the file at `path`.
    ///
    /// # Errors
    /// If it can not be read, is larger than [`PolicyFile::MAX_BYTES`], or anything in it is
    /// wrong.
    pub fn load(path: impl AsRef<Path>) -> Result<Policy, PolicyFileError> {
        let path = path.as_ref();
        let name = path.display().to_string();
        let bytes = read(path).map_err(|source| Unreadable {
            name: name.clone(),
            source,
        })?;
        Self::parse_bytes(&name, &bytes)
    }

    /// Reads `text`, and calls it `name` in messages.
    ///
    /// # Errors
    /// If it is too large, or anything in it is wrong.
    pub fn parse(name: &str, text: &str) -> Result<Policy, PolicyFileError> {
        Self::parse_bytes(name, text.as_bytes())
    }

    /// Reads the bytes of a file, and calls it `name` in messages.
    ///
    /// # Errors
    /// If they are too many, no UTF-8, or anything in them is wrong.
    pub fn parse_bytes(name: &str, bytes: &[u8]) -> Result<Policy, PolicyFileError> {
        let (_, (policy, _)) = read_bytes(name, bytes, reader::ERRORS)?;
        Ok(policy)
    }

    /// Reads the bytes of a file, and everything that is odd in it: what [`Policy::lint`] finds,
    /// with its place.
    ///
    /// # Errors
    /// If they are too many, no UTF-8, or anything in them is wrong: errors that lint finds too.
    pub fn lint_bytes(name: &str, bytes: &[u8]) -> Result<(Policy, Vec<Remark>), PolicyFileError> {
        let (text, (policy, found)) = read_bytes(name, bytes, reader::EVERYTHING)?;
        Ok((policy, Remark::locate(text, found)))
    }
}

fn read_bytes<'b>(
    name: &str,
    bytes: &'b [u8],
    check: reader::Check,
) -> Result<(&'b str, reader::Read), PolicyFileError> {
    if u64::try_from(bytes.len()).is_ok_and(|length| length > PolicyFile::MAX_BYTES) {
        return Err(PolicyFileError::TooLarge(TooLarge {
            name: name.to_owned(),
        }));
    }
    let invalid = |problems| {
        PolicyFileError::Invalid(Invalid {
            name: name.to_owned(),
            problems,
        })
    };
    let text = std::str::from_utf8(bytes).map_err(|error| {
        let (good, _) = bytes.split_at(error.valid_up_to());
        invalid(problem::not_utf8(good))
    })?;
    let hash = ring::digest::digest(&ring::digest::SHA256, bytes);
    let hash: [u8; 32] = hash.as_ref().try_into().unwrap_or_default();
    let read = reader::read(text, Sha256Digest::from_bytes(hash), check).map_err(invalid)?;
    Ok((text, read))
}

/// Reads at most one byte more than is accepted.
fn read(path: &Path) -> io::Result<Vec<u8>> {
    let mut bytes = Vec::new();
    let limit = PolicyFile::MAX_BYTES.saturating_add(1);
    File::open(path)?.take(limit).read_to_end(&mut bytes)?;
    Ok(bytes)
}

/// Why a policy file was not loaded.
#[derive(Debug, Error)]
#[non_exhaustive]
pub enum PolicyFileError {
    /// The file can not be read.
    #[error("{0}")]
    Unreadable(#[from] Unreadable),
    /// The file is too large.
    #[error("{0}")]
    TooLarge(TooLarge),
    /// Something in it is wrong.
    #[error("{0}")]
    Invalid(Invalid),
}

impl PolicyFileError {
    /// A stable code for logs and records.
    #[must_use]
    pub fn code(&self) -> &'static str {
        match self {
            Self::Unreadable(_) => "policy_file.unreadable",
            Self::TooLarge(_) => "policy_file.too_large",
            Self::Invalid(_) => "policy_file.invalid",
        }
    }

    /// What is wrong in the file, in the order of the file.
    #[must_use]
    pub fn problems(&self) -> &[Problem] {
        match self {
            Self::Invalid(invalid) => &invalid.problems,
            Self::Unreadable(_) | Self::TooLarge(_) => &[],
        }
    }
}

/// A file that can not be read.
#[derive(Debug, Error)]
#[error("{name}: can not be read")]
pub struct Unreadable {
    name: String,
    source: io::Error,
}

/// A file that is too large.
#[derive(Debug, Clone, PartialEq, Eq, Error)]
#[error(
    "{name}: is larger than {} bytes, the most that a policy may have; write one rule with `any_of` instead of one for each value",
    PolicyFile::MAX_BYTES
)]
pub struct TooLarge {
    name: String,
}

/// A file with something wrong in it. `Display` has one line for each problem.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Invalid {
    name: String,
    problems: Vec<Problem>,
}

impl fmt::Display for Invalid {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let mut between = "";
        for problem in &self.problems {
            write!(f, "{between}{}:{problem}", self.name)?;
            between = "\n";
        }
        Ok(())
    }
}
