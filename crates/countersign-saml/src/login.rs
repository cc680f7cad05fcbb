//! From verified to admitted: nobody gets an identity before the replay check.

use std::fmt;

use countersign_core::{StoreError, Timestamp, VerifiedIdentity};
use thiserror::Error;

use crate::rejection::Rejection;
use crate::replay::{OneTimeKey, ReplayKey, ReplayStore, Seen};

/// A response that holds in every respect but one: it may have been used before.
///
/// It gives no identity away. [`Verified::admit`] does, after it made sure that this is the first
/// time, and [`Verified::admit_by_commit`] does together with the duty to make sure.
#[must_use = "a verified response is no login before it is admitted"]
pub struct Verified {
    pub(crate) identity: VerifiedIdentity,
    pub(crate) replay_key: ReplayKey,
    /// From this instant on every verifier refuses the response for its age.
    pub(crate) stale_at: Timestamp,
}

impl Verified {
    /// Lets the response in once, and never again.
    ///
    /// # Errors
    /// [`AdmitError::Rejected`] if the assertion was seen before or went stale since it was
    /// verified; [`AdmitError::Store`] if the store can not tell. Both refuse the login.
    ///
    /// # Cancellation
    /// If the future is dropped the assertion may count as seen. The person signs in again.
    pub async fn admit(
        self,
        replay: &dyn ReplayStore,
        now: Timestamp,
    ) -> Result<Login, AdmitError> {
        let (identity, once) = self.admit_by_commit(now).map_err(AdmitError::Rejected)?;
        match replay
            .insert_once(&once.key, once.expires, now)
            .await
            .map_err(AdmitError::Store)?
        {
            Seen::First => Ok(Login { identity }),
            Seen::Before => Err(AdmitError::Rejected(Rejection::replayed())),
        }
    }

    /// Lets the response in by a commit of the caller's: one that remembers the key together with
    /// everything that the login leads to, a refusal too, and that fails if the key is remembered
    /// already. It costs one commit where [`admit`](Self::admit) costs another one before it; and
    /// if the caller dies between the two, the response is as good as before.
    ///
    /// `countersign_provision`'s `Change` takes the key.
    ///
    /// # Errors
    /// If the response went stale since it was verified.
    ///
    /// # Security
    /// Whoever lets somebody in without that commit lets everybody in who shows the response again.
    /// A commit that finds the key is the end of the login: [`Rejection::replayed`]. Whoever takes
    /// his time compares [`OneTimeKey::expires`] with the clock again before the commit, since
    /// afterwards the store may have forgotten the key: [`Rejection::stale`].
    pub fn admit_by_commit(
        self,
        now: Timestamp,
    ) -> Result<(VerifiedIdentity, OneTimeKey), Rejection> {
        // A key may be forgotten at `stale_at`: whoever comes later must not get in as first.
        if now >= self.stale_at {
            return Err(Rejection::stale());
        }
        let once = OneTimeKey {
            key: self.replay_key,
            expires: self.stale_at,
            now,
        };
        Ok((self.identity, once))
    }

    /// Lets the response in without asking whether it was used before.
    ///
    /// # Security
    /// Whoever gets hold of a response can sign in with it until it expires. For tools that look
    /// at stored responses, not for a login.
    #[must_use]
    pub fn insecure_without_replay_check(self) -> Login {
        Login {
            identity: self.identity,
        }
    }
}

impl fmt::Debug for Verified {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Verified")
            .field("replay_key", &self.replay_key)
            .field("stale_at", &self.stale_at)
            .finish_non_exhaustive()
    }
}

/// A login: a verified identity that was admitted. There is no other way to make one.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Login {
    identity: VerifiedIdentity,
}

impl Login {
    /// Who signed in, and how it was proved.
    #[must_use]
    pub fn identity(&self) -> &VerifiedIdentity {
        &self.identity
    }

    /// Who signed in, and how it was proved.
    #[must_use]
    pub fn into_identity(self) -> VerifiedIdentity {
        self.identity
    }
}

/// A verified response was not admitted.
#[derive(Debug, Error)]
#[non_exhaustive]
pub enum AdmitError {
    /// It was seen before, or went stale.
    #[error("{0}")]
    Rejected(Rejection),
    /// The replay store failed, so that nobody knows whether it was seen before.
    #[error("the replay check failed")]
    Store(#[source] StoreError),
}

impl AdmitError {
    /// The stable code, such as `saml.replayed`.
    #[must_use]
    pub fn code(&self) -> &'static str {
        match self {
            Self::Rejected(rejection) => rejection.code(),
            Self::Store(_) => "saml.replay_unknown",
        }
    }
}
