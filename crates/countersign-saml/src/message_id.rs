//! The `ID` of a message of ours.

use std::fmt;

/// The `ID` of a message of ours: an `xs:ID` of 160 random bits \[SAML-Core §1.3.4\].
///
/// ```
/// use countersign_saml::MessageId;
///
/// # let random = [0xAB; 20];
/// // `random` comes from the operating system, anew for each message.
/// let id = MessageId::from_random_bytes(random);
/// assert_eq!(id.as_str(), "_abababababababababababababababababababab");
/// ```
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub struct MessageId(String);

impl MessageId {
    /// The ID of these bytes.
    ///
    /// # Security
    /// An answer is tied to its request by the ID alone, so nobody may be able to guess one. Take
    /// the bytes from the operating system, and never twice.
    #[must_use]
    pub fn from_random_bytes(bytes: [u8; 20]) -> Self {
        // An `xs:ID` does not start with a digit [XMLSchema-2 §3.3.8].
        let mut id = String::from("_");
        for byte in bytes {
            id.push_str(&format!("{byte:02x}"));
        }
        Self(id)
    }

    /// The text.
    #[must_use]
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

impl fmt::Display for MessageId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}
