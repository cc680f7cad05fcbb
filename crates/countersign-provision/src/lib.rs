//! From a verified identity to one decision: who this is here, whether they may come in, and
//! with which roles.
//!
//! A [`preset::Preset`] turns what a provider sends into [`countersign_core::Facts`];
//! [`decide()`] compares them with a [`Policy`] and a [`store::Snapshot`] and answers with a
//! [`Plan`]. It does no I/O, reads no clock and always answers; refusal is data, with reasons.
//! The engine writes an admission in one commit of the [`store::UserStore`].
//!
//! | module | what it holds |
//! |---|---|
//! | [`preset`] | what providers really send, one table each |
//! | [`mod@attribute_names`] | what a connection says of its provider's attributes, on top of its preset |
//! | [`decoder`] | from groups packed into a text to groups |
//! | [`group_fetcher`] | the port to a directory, for groups that a provider left out |
//! | [`key`] | which of it is the subject, and why there may be none |
//! | [`normalize`] | the one canonical form of addresses, domains and texts |
//! | [`policy`] | [`Policy`]: what the policy file says, checked |
//! | [`attribute`] | [`Attributes`]: which fields follow the provider, and what an absent one means |
//! | [`confusable`] | addresses and names that look like others |
//! | [`connection`] | [`ConnectionPolicy`]: one identity provider's strategy, matching and creation |
//! | [`email_door`] | signers without an identity provider |
//! | [`mod@decide`] | the decision |
//! | [`mod@diff`] | what one policy says and another does not, and which gives more |
//! | [`corpus`] | one sign-in of the past, to be decided again |
//! | [`mod@simulate`] | what another policy would change, and how much of that is too much |
//! | [`mod@explain`] | a decision in words: what every rule said, and what became of every role |
//! | [`plan`] | [`Plan`]: what to write, or the refusal |
//! | [`refusal`] | [`Refusal`]: conflict, tombstone, ambiguity, missing proof or approval, or no |
//! | [`reason`] | [`Reason`]: why, with a stable code and a sentence |
//! | [`user`] | accounts as the policy sees them |
//! | [`risk`] | how strong a sign-in has to be to sign what |
//! | [`lifecycle`] | which state of an account may follow which, by whom, and when |
//! | [`report`] | unused accounts, orphaned grants, drift, rules that nobody matched |
//! | [`store`] | the port to the host's users |
//! | [`foreign_tenant`] | the rule that a change stays within its tenant |

pub mod attribute;
pub mod attribute_names;
pub mod confusable;
pub mod connection;
pub mod corpus;
pub mod decide;
pub mod decoder;
pub mod diff;
pub mod email_door;
pub mod explain;
pub mod foreign_tenant;
pub mod group_fetcher;
mod invited;
pub mod key;
pub mod lifecycle;
mod lint;
mod look_alikes;
mod max_privilege;
pub mod normalize;
pub mod plan;
pub mod policy;
pub mod preset;
mod reading;
pub mod reason;
pub mod refusal;
pub mod report;
pub mod risk;
pub mod simulate;
pub mod store;
pub mod user;

pub use crate::attribute::{AbsenceMode, AttributeRule, Attributes, SyncMode};
pub use crate::attribute_names::{
    AttributeNameError, AttributeNames, AttributeSource, FetchGroups, GroupSource,
};
pub use crate::connection::{
    ConnectionPolicy, Creation, CreationMode, EmailLink, Matching, OnConfusable, OnEmailChange,
    OnInactive, Strategy,
};
pub use crate::corpus::PastSignIn;
pub use crate::decide::{ProvedLink, decide, decide_proved_link};
pub use crate::decoder::{Decoded, Decoder};
pub use crate::diff::{Access, Diff, Difference, diff};
pub use crate::explain::{Explanation, explain};
pub use crate::group_fetcher::{GroupFetchError, GroupFetcher, GroupRequest};
pub use crate::key::{FactsError, Key};
pub use crate::lifecycle::{
    EraseRefusal, LifecycleError, LifecyclePolicy, Mover, RefusedTransition, Transition,
};
pub use crate::plan::{
    Admission, FieldChange, LinkPlan, MatchedBy, NewUser, Plan, Queued, UserField, UserPlan,
};
pub use crate::policy::{Policy, PolicyError, PolicyParts, SessionPolicy};
pub use crate::preset::Preset;
pub use crate::reason::Reason;
pub use crate::refusal::{Refusal, RefusalKind};
pub use crate::simulate::{BlastRadius, Simulation, Simulator, simulate};
