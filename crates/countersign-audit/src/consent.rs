//! `consent.given` and `consent.withdrawn`: that somebody agreed to electronic records, after what
//! the law wants a consumer to be told \[15 USC 7001(c)\].
//!
//! | 15 USC 7001(c) | here |
//! |---|---|
//! | (1) the consumer consented, and has not withdrawn it | `consent.given`, and no `consent.withdrawn` after it |
//! | (1)(B) a clear and conspicuous statement before | `disclosure_sha256`, `disclosure_version` |
//! | (1)(B)(i) the right to paper | `paper_right` |
//! | (1)(B)(ii) which transactions it is for | `scope` |
//! | (1)(B)(iii) how to withdraw it | `withdrawal` |
//! | (1)(C)(ii) consented in a way that shows that the consumer can read what will be sent | `access_demonstrated` |

use countersign_core::{ConsentId, DocumentPattern, Sha256Digest, UserId};
use serde::{Deserialize, Serialize};

use crate::leaf::Leaf;
use crate::record::{Actor, Recorded};
use crate::seal::Draft;
use crate::session::SessionOpened;

/// How somebody showed that electronic records can be read where they are sent to.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
pub struct AccessDemonstrated {
    /// In which way: a code of the host's, such as `opened_sample_pdf` or `typed_code_from_pdf`.
    pub method: String,
    /// SHA-256 of what was read for it; `None` if the host kept nothing.
    pub sha256: Option<Sha256Digest>,
}

/// Somebody agreed to electronic records \[record.md §5.1\].
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
pub struct ConsentGiven {
    /// How it was shown that they can be read \[15 USC 7001(c)(1)(C)(ii)\].
    pub access_demonstrated: AccessDemonstrated,
    /// The consent.
    pub consent: ConsentId,
    /// SHA-256 of the disclosure that was shown before \[15 USC 7001(c)(1)(B)\].
    pub disclosure_sha256: Sha256Digest,
    /// Which version of the disclosure that is, by the host's name for it.
    pub disclosure_version: String,
    /// Whether it told of the right to have the record on paper \[15 USC 7001(c)(1)(B)(i)\].
    pub paper_right: bool,
    /// The document types that it is for \[15 USC 7001(c)(1)(B)(ii)\].
    pub scope: Vec<DocumentPattern>,
    /// How it can be withdrawn, in the words that were shown; the same for everybody, so no
    /// personal datum \[15 USC 7001(c)(1)(B)(iii)\].
    pub withdrawal: String,
}

impl ConsentGiven {
    /// The record of a consent within a session.
    #[must_use]
    pub fn draft(self, session: &Recorded<SessionOpened>) -> Draft<Self> {
        let deadline = session.body().expires_at;
        Draft::following(self, session).before("session", Some(deadline))
    }

    /// Whether it is for documents of this type.
    #[must_use]
    pub fn covers(&self, document_type: &str) -> bool {
        self.scope
            .iter()
            .any(|pattern| pattern.covers(document_type))
    }
}

/// A consent was withdrawn \[record.md §5.1\].
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
pub struct ConsentWithdrawn {
    /// The consent.
    pub consent: ConsentId,
}

impl ConsentWithdrawn {
    /// The record of withdrawing what `user` gave with the record `given`. `by` is the person, or
    /// who acted on a letter; the note is committed to: people write about people.
    #[must_use]
    pub fn draft(
        self,
        user: UserId,
        given: Leaf<ConsentGiven>,
        by: Actor,
        note: Option<&str>,
    ) -> Draft<Self> {
        Draft::new(self, by)
            .about(user)
            .caused_by(given)
            .personal_if_any("note", note.as_ref())
    }
}
