//! Identifiers, one type for each kind, so that an external id is never taken for an internal
//! one (Grafana CVE-2025-41115).

use std::fmt;
use std::marker::PhantomData;
use std::str::FromStr;

use serde::de::{self, Visitor};
use serde::{Deserialize, Serialize};

use crate::text::{TextError, check_identifier};

macro_rules! identifier {
    ($(#[$doc:meta])* $name:ident) => {
        $(#[$doc])*
        ///
        /// Any text that passes [`check_identifier`]; compared byte for byte. Clones share it.
        #[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash)]
        pub struct $name(std::sync::Arc<str>);

        impl $name {
            /// # Errors
            /// If the text is no identifier; see [`check_identifier`].
            pub fn new(text: impl AsRef<str>) -> Result<Self, TextError> {
                text.as_ref().parse()
            }

            /// The identifier as it was given.
            #[must_use]
            pub fn as_str(&self) -> &str {
                &self.0
            }
        }

        impl fmt::Display for $name {
            fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str(&self.0)
            }
        }

        impl Serialize for $name {
            fn serialize<S: serde::Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
                serializer.serialize_str(&self.0)
            }
        }

        impl<'de> Deserialize<'de> for $name {
            fn deserialize<D: serde::Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
                deserializer.deserialize_string(crate::id::Identifier::new())
            }
        }

        impl TryFrom<String> for $name {
            type Error = TextError;
            fn try_from(text: String) -> Result<Self, TextError> {
                Self::new(text)
            }
        }

        impl From<$name> for String {
            fn from(id: $name) -> Self {
                id.to_string()
            }
        }

        #[cfg(feature = "schema")]
        crate::schema::text_schema!($name, crate::schema::identifier);

        impl std::str::FromStr for $name {
            type Err = TextError;
            fn from_str(text: &str) -> Result<Self, TextError> {
                check_identifier(text)?;
                Ok(Self(text.into()))
            }
        }
    };
}
pub(crate) use identifier;

/// Reads an identifier of type `T`.
pub(crate) struct Identifier<T>(PhantomData<T>);

impl<T> Identifier<T> {
    pub(crate) fn new() -> Self {
        Self(PhantomData)
    }
}

impl<T: FromStr<Err = TextError>> Visitor<'_> for Identifier<T> {
    type Value = T;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("a string")
    }

    fn visit_str<E: de::Error>(self, text: &str) -> Result<T, E> {
        text.parse().map_err(E::custom)
    }
}

identifier! {
    /// One customer of the host: accounts, links and connections never cross it.
    TenantId
}
identifier! {
    /// One configured identity provider of one tenant, by its name in the policy file.
    ConnectionId
}
identifier! {
    /// An account. Chosen by the engine when it creates one; opaque, and no personal datum.
    UserId
}
identifier! {
    /// One role given to one user.
    GrantId
}
identifier! {
    /// A signed-in session.
    SessionId
}
identifier! {
    /// One act of signing: presented, confirmed, signed.
    CeremonyId
}
identifier! {
    /// A consent to electronic records that somebody gave.
    ConsentId
}
identifier! {
    /// The host's name for a document.
    DocumentId
}
identifier! {
    /// Ties together the records of one walk through the door.
    CorrelationId
}
identifier! {
    /// One key of the vault: what private parts of records are encrypted with.
    VaultKeyId
}
identifier! {
    /// One audit record: a UUID of version 7 (RFC 9562) in its usual text form.
    EntryId
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn ids_refuse_what_is_no_identifier_also_through_serde() {
        assert!(UserId::new("u-1").is_ok());
        assert_eq!(UserId::new(""), Err(TextError::Empty));
        assert!(serde_json::from_str::<UserId>("\"u-1\"").is_ok());
        assert!(serde_json::from_str::<UserId>("\"\"").is_err());
        assert!(serde_json::from_str::<UserId>("\"a\\u0000\"").is_err());
    }
}
