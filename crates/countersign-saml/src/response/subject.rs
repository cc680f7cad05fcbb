//! Who the assertion is about, and who may present it \[SAML-Core §2.4\].

use countersign_core::{NameId, Timestamp};
use countersign_dsig::encryption::Covered;
use countersign_dsig::xml::Element;

use crate::decryption::Decryption;
use crate::element::Part;
use crate::names::{ASSERTION, BEARER};
use crate::rejection::{Quoted, QuotedOrNothing, Rejection, reject};
use crate::request::Expect;
use crate::response::rules::Rules;

/// What a `Subject` may hold \[SAML-Core §2.4.1\].
const CHILDREN: &[(&str, &str)] = &[
    (ASSERTION, "BaseID"),
    (ASSERTION, "NameID"),
    (ASSERTION, "EncryptedID"),
    (ASSERTION, "SubjectConfirmation"),
];

/// A subject whose confirmation holds.
pub(crate) struct Subject {
    pub(crate) name_id: NameId,
    pub(crate) not_on_or_after: Timestamp,
}

impl Rules<'_> {
    pub(crate) fn check_subject(
        &self,
        covered: Covered<'_>,
        assertion: Part<'_>,
        decryption: &Decryption<'_>,
    ) -> Result<Subject, Rejection> {
        let subject = assertion.child(ASSERTION, "Subject")?;
        subject.check_children(CHILDREN)?;
        Ok(Subject {
            name_id: name_id(covered, subject, decryption)?,
            not_on_or_after: self.check_confirmation(subject)?,
        })
    }

    /// Exactly one bearer confirmation holds \[SAML-Profiles §4.1.4.2\]. Confirmations by other
    /// methods prove nothing here and are passed over.
    fn check_confirmation(&self, subject: Part<'_>) -> Result<Timestamp, Rejection> {
        let mut holds = None;
        let mut failure = None;
        for confirmation in subject.children(ASSERTION, "SubjectConfirmation") {
            if confirmation.attribute("Method")? != BEARER {
                continue;
            }
            match self.check_bearer(confirmation) {
                Ok(_) if holds.is_some() => reject!(
                    SeveralBearerConfirmations,
                    "more than one bearer confirmation of the subject holds"
                ),
                Ok(not_on_or_after) => holds = Some(not_on_or_after),
                Err(rejection) => {
                    failure.get_or_insert(rejection);
                }
            }
        }
        match (holds, failure) {
            (Some(not_on_or_after), _) => Ok(not_on_or_after),
            (None, Some(rejection)) => Err(rejection),
            (None, None) => reject!(
                NoBearerConfirmation,
                "the subject has no confirmation by the bearer method"
            ),
        }
    }

    /// \[SAML-Profiles §4.1.4.2, §4.1.4.3\]: sent to us, now, in answer to our request. `Address` is
    /// not compared: a browser's address differs between two hosts on either side of a NAT.
    fn check_bearer(&self, confirmation: Part<'_>) -> Result<Timestamp, Rejection> {
        let data = confirmation.child(ASSERTION, "SubjectConfirmationData")?;
        let recipient = data.element.attribute("Recipient");
        if recipient != Some(self.sp.acs_url()) {
            reject!(
                RecipientMismatch,
                "the assertion is for {} to receive, not for {}",
                QuotedOrNothing(recipient),
                Quoted(self.sp.acs_url())
            );
        }
        let Some(end) = self.check_window(data)? else {
            reject!(
                NotOnOrAfterMissing,
                "the bearer confirmation has no NotOnOrAfter"
            );
        };
        match (self.expect, data.element.attribute("InResponseTo")) {
            (Expect::Unsolicited, None) => Ok(end),
            (Expect::Unsolicited, Some(request)) => reject!(
                InResponseToUnexpected,
                "the assertion answers {}, and an unsolicited one was expected",
                Quoted(request)
            ),
            (Expect::Request(pending), Some(request)) if request == pending.id() => Ok(end),
            (Expect::Request(pending), request) => reject!(
                InResponseToMismatch,
                "the assertion answers {}, not {}",
                QuotedOrNothing(request),
                Quoted(pending.id())
            ),
        }
    }
}

/// The name identifier in `parent`, which stands in `covered`; an `EncryptedID` is decrypted
/// \[SAML-Core §2.2.3, §2.2.4\].
pub(crate) fn name_id(
    covered: Covered<'_>,
    parent: Part<'_>,
    decryption: &Decryption<'_>,
) -> Result<NameId, Rejection> {
    let plain = parent.optional_child(ASSERTION, "NameID")?;
    let encrypted = parent.optional_child(ASSERTION, "EncryptedID")?;
    match (plain, encrypted) {
        (Some(name_id), None) => read_whole_name_id(name_id),
        (None, Some(holder)) => {
            let decrypted = decryption.decrypt(covered, holder)?;
            if !decrypted.root().is(ASSERTION, "NameID") {
                reject!(NameIdMissing, "the EncryptedID holds no NameID");
            }
            let name_id = read_whole_name_id(parent.replaced_by(decrypted.root()))?;
            decryption.disclose(&decrypted);
            Ok(name_id)
        }
        (Some(_), Some(_)) => Err(parent.malformed(format!(
            "the {} has both a NameID and an EncryptedID",
            parent.name()
        ))),
        (None, None) => reject!(NameIdMissing, "the {} has no NameID", parent.name()),
    }
}

/// The name identifier, byte for byte \[SAML-Core §2.2.3\].
fn read_whole_name_id(name_id: Part<'_>) -> Result<NameId, Rejection> {
    let value = name_id.text()?;
    if value.is_empty() {
        reject!(NameIdMissing, "the NameID is empty");
    }
    Ok(read_name_id(name_id.element, value.into_owned()))
}

/// The qualifiers of a name identifier \[SAML-Core §2.2.2\], around its value.
pub(crate) fn read_name_id(name_id: Element<'_>, value: String) -> NameId {
    let attribute = |name| name_id.attribute(name).map(str::to_owned);
    NameId {
        value,
        format: attribute("Format"),
        name_qualifier: attribute("NameQualifier"),
        sp_name_qualifier: attribute("SPNameQualifier"),
    }
}
