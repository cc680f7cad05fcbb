//! Roles: what they allow, who is given them and by which rule, and whether one allows an act
//! now.
//!
//! Roles are a closed set: the host's catalog names them, and an identity provider can never
//! name one into being. Rules are data about [`countersign_core::Facts`]; there is no
//! interpreter, and the order of rules means nothing. Everything here is pure: time comes in as
//! a value, and nothing is read or written.
//!
//! | module | what it holds |
//! |---|---|
//! | [`permission`] | [`Permission`]: one action on some document types, `sign nda/*` |
//! | [`scope`] | what sets of document types have in common |
//! | [`catalog`] | [`RoleCatalog`]: the roles that exist and what each allows |
//! | [`exclusion`] | [`DutySet`], [`ExclusiveGroup`]: roles that do not go together |
//! | [`condition`] | [`Condition`]: a question to facts, and its three answers |
//! | [`rule`] | [`Rule`]: conditions, and the roles that they give or deny |
//! | [`rule_set`] | [`RuleSet`]: many rules, checked and indexed; which of them match |
//! | [`grant_delta`] | [`GrantDelta`]: what is done to an account's grants, and why |
//! | [`mod@reconcile`] | the grants that a sign-in gives, renews, keeps and takes; what a sweep does |
//! | [`mod@authorize`] | whether a grant allows an act now |
//! | [`mod@lint`] | what is wrong, or odd, in the rules of a policy |
//! | [`reach`] | who could ever have a role, and how |
//! | [`view`] | [`PolicyView`]: a policy as far as roles are concerned, for the two |
//! | [`finding`] | [`Finding`]: one thing that is wrong, where, and the fix |
//! | [`mod@nearest`] | the name that was probably meant |
//! | [`error`] | what is wrong with a catalog or a rule |
//!
//! ```
//! use countersign_core::{ConnectionId, Facts, RoleName, RuleId, SubjectKey, TenantId};
//! use countersign_roles::{Condition, Role, RoleCatalog, RoleGrant, Rule, RuleSet};
//!
//! # fn main() -> Result<(), Box<dyn std::error::Error>> {
//! let signer = RoleName::new("signer")?;
//! let catalog = RoleCatalog::new([
//!     Role::new(signer.clone()).allow("sign nda/*".parse()?).allow("view *".parse()?),
//! ])?;
//! let rule = Rule::new(RuleId::new("contractors-sign")?, [Condition::eq("department", "ext")])
//!     .gives(RoleGrant::permanent(signer));
//! let rules = RuleSet::new(&catalog, vec![rule]).map_err(|mut errors| errors.remove(0))?;
//!
//! let subject = SubjectKey::from_stable_value(TenantId::new("acme")?, "https://idp.example", "7")?;
//! let mut facts = Facts::new(subject);
//! facts.attributes.insert("department".into(), vec!["ext".into()]);
//! let evaluation = rules.evaluate(&ConnectionId::new("acme")?, &facts);
//! assert_eq!(evaluation.matched().len(), 1);
//! # Ok(())
//! # }
//! ```

pub mod authorize;
mod case;
pub mod catalog;
pub mod condition;
pub mod error;
pub mod exclusion;
mod few;
pub mod finding;
pub mod grant_delta;
pub mod lint;
pub mod nearest;
pub mod permission;
pub mod reach;
pub mod reconcile;
pub mod rule;
pub mod rule_set;
pub mod scope;
pub mod view;
mod weaker;
mod words;

pub use countersign_core::DocumentPattern;

pub use crate::authorize::{Authorization, Denial, authorize};
pub use crate::catalog::{CatalogParts, Excess, Role, RoleCatalog, RoleParts};
pub use crate::condition::{Answer, Condition, EMAIL, GROUPS, Test, Values};
pub use crate::error::RolesError;
pub use crate::exclusion::{DutySet, ExclusiveGroup};
pub use crate::finding::{Finding, Place, Severity};
pub use crate::grant_delta::{
    GrantDelta, Obstacle, ProposedGrant, Renewal, RenewalReason, TakeReason, Taken, Withheld,
};
pub use crate::lint::{lint, lint_errors};
pub use crate::nearest::nearest;
pub use crate::permission::{ParsePermissionError, Permission};
pub use crate::reach::{ConnectionReach, Need, Path, Reach, Source, who_can_reach};
pub use crate::reconcile::{ConnectionRoles, RoleSweep, RoleSync, reconcile, sweep};
pub use crate::rule::{RoleGrant, Rule};
pub use crate::rule_set::{Evaluation, RuleSet, Verdict};
pub use crate::view::{ConnectionView, PolicyView};
