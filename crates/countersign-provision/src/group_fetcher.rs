//! The port to a directory, for groups that a provider left out of its response.

use std::collections::BTreeSet;
use std::error::Error;
use std::fmt;

use async_trait::async_trait;
use countersign_core::{
    AttributeValue, ConnectionId, FactNote, Facts, Groups, SubjectKey, VerifiedIdentity,
};

use crate::attribute_names::FetchGroups;
use crate::connection::ConnectionPolicy;
use crate::normalize;

/// The most groups that an answer may have: ten times what a Windows token holds (1,015).
pub const MOST_GROUPS: usize = 10_000;

/// The longest name of a group in an answer, in bytes. A distinguished name seldom has 200.
pub const MOST_GROUP_BYTES: usize = 1024;

/// Asks a directory for all groups of a person.
///
/// The engine asks after the response was verified, and only if the provider says that it left
/// groups out, or as `[connection.NAME.groups] fetch` says. Only [`Groups::Complete`] changes
/// anything: it replaces what was told, and is compared as it is (NFC, byte for byte, no decoder),
/// so it has to name groups as the rules do. Anything else leaves what was told: rules that depend
/// on it stay undecided, nothing is taken, and the person gets in all the same.
///
/// # Timeouts
/// The sign-in waits for the answer. Whoever implements this bounds the time, and answers with an
/// error then.
///
/// # Security
/// Whoever answers gives roles. A link in the request was signed by the provider and still names a
/// host of the provider's choice: ask the directory that you know for the subject, rather than
/// whatever the link names.
#[async_trait]
pub trait GroupFetcher: Send + Sync + fmt::Debug {
    /// All groups of the person.
    ///
    /// # Errors
    /// If they can not be told now.
    async fn groups(&self, request: &GroupRequest) -> Result<Groups, GroupFetchError>;
}

/// Whose groups are asked for.
#[derive(Debug, Clone, PartialEq, Eq)]
#[non_exhaustive]
pub struct GroupRequest {
    /// The connection that the person came through.
    pub connection: ConnectionId,
    /// The person, as the account's key: with the Entra preset the subject is the object id.
    pub subject: SubjectKey,
    /// What was told.
    pub told: Groups,
    /// What the provider sent in the groups' place, such as Entra's link.
    pub left_out: Vec<String>,
}

/// Groups could not be fetched.
pub struct GroupFetchError {
    source: Box<dyn Error + Send + Sync>,
}

impl GroupFetchError {
    /// Because of `source`.
    #[must_use]
    pub fn new(source: impl Into<Box<dyn Error + Send + Sync>>) -> Self {
        Self {
            source: source.into(),
        }
    }
}

impl fmt::Debug for GroupFetchError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("GroupFetchError")
            .field("source", &self.source)
            .finish()
    }
}

impl fmt::Display for GroupFetchError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("the groups can not be fetched")
    }
}

impl Error for GroupFetchError {
    fn source(&self) -> Option<&(dyn Error + 'static)> {
        Some(&*self.source)
    }
}

impl ConnectionPolicy {
    /// What to ask a [`GroupFetcher`] about the facts of an identity; `None` if there is no need.
    #[must_use]
    pub fn group_request(
        &self,
        connection: &ConnectionId,
        identity: &VerifiedIdentity,
        facts: &Facts,
    ) -> Option<GroupRequest> {
        let overage = [FactNote::GroupsLeftOut, FactNote::GroupsCut];
        let is_asked = !facts.groups.is_complete()
            && match self.groups.fetch {
                FetchGroups::Overage => overage.iter().any(|note| facts.notes.contains(note)),
                FetchGroups::Incomplete => true,
                FetchGroups::Never => false,
            };
        if !is_asked {
            return None;
        }
        let names = self.preset.table().overage;
        let links = identity.claims().attributes.iter();
        let links = links.filter(|attribute| names.contains(&attribute.name.as_str()));
        let links = links.flat_map(|attribute| &attribute.values);
        Some(GroupRequest {
            connection: connection.clone(),
            subject: facts.subject.clone(),
            told: facts.groups.clone(),
            left_out: links
                .filter_map(AttributeValue::as_text)
                .map(str::to_owned)
                .collect(),
        })
    }
}

/// Takes an answer into the facts, and notes what came of it.
pub fn take_groups(facts: &mut Facts, answer: Result<Groups, GroupFetchError>) {
    let note = match answer {
        Ok(Groups::Complete(groups)) if is_bounded(&groups) => {
            let groups = groups.iter().filter(|group| !group.is_empty());
            let groups = groups.map(|group| normalize::text(group));
            facts.groups = Groups::Complete(groups.collect());
            FactNote::GroupsFetched
        }
        _ => FactNote::GroupsFetchFailed,
    };
    facts.notes.insert(note);
}

fn is_bounded(groups: &BTreeSet<String>) -> bool {
    groups.len() <= MOST_GROUPS && groups.iter().all(|group| group.len() <= MOST_GROUP_BYTES)
}
