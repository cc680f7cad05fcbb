//! `link.proposed`: a subject could be tied to an account, if whoever reads the account's mail says
//! so.

use countersign_core::{ConnectionId, Email, SubjectKey, UserId};
use serde::{Deserialize, Serialize};

use crate::account::Person;
use crate::assertion::AssertionVerified;
use crate::leaf::Leaf;
use crate::record::Actor;
use crate::seal::Draft;
use crate::token::{IssuesToken, TokenTerms};

/// A token was issued that ties a subject to an account \[record.md §5.1\].
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
pub struct LinkProposed {
    /// The connection that the sign-in came through.
    pub connection: ConnectionId,
    /// The token.
    pub token: TokenTerms,
}

impl LinkProposed {
    /// The record of a proposal to tie `subject`, for whom `assertion` speaks, to the account
    /// `user`, whose stored address is `email`. Subject and address are committed to.
    #[must_use]
    pub fn draft(
        self,
        user: UserId,
        subject: &SubjectKey,
        email: &Email,
        assertion: Leaf<AssertionVerified>,
    ) -> Draft<Self> {
        let bound = Person {
            subject: Some(subject.clone()),
            email: Some(email.clone()),
            ..Person::default()
        };
        bound.commit(
            Draft::new(self, Actor::System)
                .about(user)
                .caused_by(assertion),
        )
    }
}

impl IssuesToken for LinkProposed {
    fn token(&self) -> &TokenTerms {
        &self.token
    }
}
