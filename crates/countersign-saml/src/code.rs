//! The stable codes that a refusal carries.

use std::fmt;

/// Whose fault a refusal is.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub enum Culprit {
    /// The message is not what the specifications say a response looks like.
    Malformed,
    /// The message uses something that is legal and that this service provider is not set up for.
    Unsupported,
    /// Nothing proves that the message comes from the identity provider.
    Untrusted,
    /// The message says something else than it should: not to us, not now, or not in answer to our
    /// request. Some of it is asked before the signature, so it does not say who wrote it.
    Unexpected,
}

macro_rules! codes {
    ($($(#[$doc:meta])* $name:ident = $text:literal, $culprit:ident;)*) => {
        /// Why a response was refused: one code for each rule, stable for ever.
        ///
        /// The text form, such as `saml.audience_mismatch`, is for logs and records. It is never
        /// shown to the person at the browser, who may be the attacker.
        #[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
        #[non_exhaustive]
        pub enum RejectCode {
            $($(#[$doc])* $name,)*
        }

        impl RejectCode {
            /// Every code there is.
            pub const ALL: &'static [Self] = &[$(Self::$name,)*];

            /// The stable text form.
            #[must_use]
            pub const fn as_str(self) -> &'static str {
                match self { $(Self::$name => $text,)* }
            }

            /// Whose fault it is.
            #[must_use]
            pub const fn culprit(self) -> Culprit {
                match self { $(Self::$name => Culprit::$culprit,)* }
            }
        }
    };
}

codes! {
    /// More bytes, elements, depth or attributes than the limits allow, or more `EncryptedKey`s
    /// than are tried in one message.
    TooLarge = "saml.too_large", Malformed;
    /// A parameter is there more than once, in two spellings, or next to another that excludes
    /// it \[SAML-Bindings §3.4.4, §3.5.4\].
    AmbiguousParameters = "saml.ambiguous_parameters", Malformed;
    /// A query or a form lacks a parameter, or has one that is not what it should be
    /// \[SAML-Bindings §3.4.4, §3.5.4, §3.6.3\].
    MalformedParameters = "saml.malformed_parameters", Malformed;
    /// A message in a query is not one complete DEFLATE stream \[SAML-Bindings §3.4.4.1\].
    MalformedDeflate = "saml.malformed_deflate", Malformed;
    /// The form value is not canonical base64 \[RFC 4648 §4\].
    MalformedBase64 = "saml.malformed_base64", Malformed;
    /// Not well-formed XML, or XML that is never accepted \[XML 1.0, XML-Names\].
    MalformedXml = "saml.malformed_xml", Malformed;
    /// A document type declaration: the door to entity attacks.
    DoctypeForbidden = "saml.doctype_forbidden", Malformed;
    /// Two elements have the same `ID` \[XMLDSig §4.4.3.2\].
    DuplicateId = "saml.duplicate_id", Malformed;
    /// The root is not `samlp:Response` \[SAML-Core §3.3.3\].
    NotAResponse = "saml.not_a_response", Malformed;
    /// The message is not `samlp:LogoutRequest` \[SAML-Core §3.7.1\].
    NotALogoutRequest = "saml.not_a_logout_request", Malformed;
    /// The message is not `samlp:LogoutResponse` \[SAML-Core §3.7.2\].
    NotALogoutResponse = "saml.not_a_logout_response", Malformed;
    /// `Version` is not `2.0` \[SAML-Core §4.1\].
    UnsupportedVersion = "saml.unsupported_version", Malformed;
    /// The `Response` lacks a part, has one twice, or has one that it can not have
    /// \[SAML-Core §3.2.2, §3.3.3\].
    MalformedResponse = "saml.malformed_response", Malformed;
    /// The `Assertion` lacks a part, has one twice, or has one that it can not have
    /// \[SAML-Core §2.3.3\].
    MalformedAssertion = "saml.malformed_assertion", Malformed;
    /// A logout message lacks a part, has one twice, or has one that it can not have
    /// \[SAML-Core §3.7.1, §3.7.2\].
    MalformedLogout = "saml.malformed_logout", Malformed;
    /// No assertion in a successful response \[SAML-Profiles §4.1.4.2\].
    NoAssertion = "saml.no_assertion", Malformed;
    /// More than one assertion: which one is meant would be a guess.
    SeveralAssertions = "saml.several_assertions", Malformed;
    /// More than one `AuthnStatement`: which login is meant would be a guess.
    SeveralAuthnStatements = "saml.several_authn_statements", Malformed;
    /// An artifact that is not of type 4 \[SAML-Bindings §3.6.4\].
    MalformedArtifact = "saml.malformed_artifact", Malformed;
    /// What was fetched for an artifact is no SOAP envelope with an `ArtifactResponse`
    /// \[SAML-Core §3.5.2, SAML-Bindings §3.2.2\].
    MalformedArtifactResponse = "saml.malformed_artifact_response", Malformed;

    /// `EncryptedData` or an `EncryptedKey` lacks a part, has one that it can not have, or refers
    /// to what is elsewhere \[SAML-Core §2.2.4, XMLEnc §3\].
    MalformedEncryption = "saml.malformed_encryption", Malformed;

    /// Something is encrypted, and the service provider has no decryption key
    /// \[SAML-Core §2.3.4, §2.2.4, §2.7.3.2\].
    NoDecryptionKey = "saml.no_decryption_key", Unsupported;
    /// An encryption algorithm that neither this build nor any decryption key can undo
    /// \[XMLEnc §5\].
    EncryptionAlgorithmUnsupported = "saml.encryption_algorithm_unsupported", Unsupported;

    /// Nothing is signed, or not the part that the host named \[SAML-Profiles §4.1.3.5\].
    Unsigned = "saml.unsigned", Untrusted;
    /// The signature of the `Response` does not verify with the identity provider's keys.
    ResponseSignatureInvalid = "saml.response_signature_invalid", Untrusted;
    /// The signature of the `Assertion` does not verify with the identity provider's keys.
    AssertionSignatureInvalid = "saml.assertion_signature_invalid", Untrusted;
    /// The signature over the query does not verify with the identity provider's keys
    /// \[SAML-Bindings §3.4.4.1\].
    QuerySignatureInvalid = "saml.query_signature_invalid", Untrusted;
    /// The signature of the `ArtifactResponse` does not verify with the identity provider's keys.
    ArtifactSignatureInvalid = "saml.artifact_signature_invalid", Untrusted;
    /// The signature in a logout message does not verify with the identity provider's keys.
    LogoutSignatureInvalid = "saml.logout_signature_invalid", Untrusted;
    /// A signature, digest, canonicalization or transform algorithm outside the profile
    /// \[SAML-Core §5.4\].
    AlgorithmNotAllowed = "saml.algorithm_not_allowed", Untrusted;
    /// No verified signature covers the ciphertext, so nothing is decrypted.
    CiphertextUnsigned = "saml.ciphertext_unsigned", Untrusted;
    /// An encryption algorithm that is never accepted: RSA with PKCS#1 v1.5, Triple DES; or AES-CBC
    /// where no verified signature covers it \[XMLEnc §6.1\].
    EncryptionAlgorithmNotAllowed = "saml.encryption_algorithm_not_allowed", Untrusted;
    /// It was not decrypted, or what came out is not one element. One code for every reason.
    DecryptionFailed = "saml.decryption_failed", Untrusted;
    /// The signing key is shorter than the profile allows.
    KeyTooWeak = "saml.key_too_weak", Untrusted;
    /// Only a key whose certificate has expired, or is not valid yet, verifies the signature.
    KeyOutsideValidity = "saml.key_outside_validity", Untrusted;
    /// The identity provider's metadata is past its `validUntil` \[SAML-Metadata §2.3.2\].
    MetadataExpired = "saml.metadata_expired", Untrusted;

    /// The provider could not authenticate the person as strongly as was asked: the second-level
    /// status `NoAuthnContext` \[SAML-Core §3.2.2.2\].
    ///
    /// # Security
    /// Nothing proves it: like every status, it is read before any signature, as many providers sign
    /// no refusals. The person at the browser can have made it. Never ask for less because of it.
    NoAuthnContext = "saml.no_authn_context", Unexpected;
    /// The provider would have to ask the person, and was told not to: the second-level status
    /// `NoPassive` \[SAML-Core §3.2.2.2\]. As little proved as [`NoAuthnContext`](Self::NoAuthnContext).
    NoPassive = "saml.no_passive", Unexpected;
    /// The status is not `Success` \[SAML-Core §3.2.2.2\].
    StatusNotSuccess = "saml.status_not_success", Unexpected;
    /// No message was there for the artifact \[SAML-Core §3.5.2\].
    ArtifactUnresolved = "saml.artifact_unresolved", Unexpected;
    /// `Issuer` is absent or is not the identity provider \[SAML-Profiles §4.1.4.2\].
    IssuerMismatch = "saml.issuer_mismatch", Unexpected;
    /// `Destination` is not our assertion consumer service, or is absent from a signed response
    /// \[SAML-Bindings §3.5.5.2\].
    DestinationMismatch = "saml.destination_mismatch", Unexpected;
    /// `Recipient` is absent or is not our assertion consumer service \[SAML-Profiles §4.1.4.2\].
    RecipientMismatch = "saml.recipient_mismatch", Unexpected;
    /// An `AudienceRestriction` leaves us out, or there is none \[SAML-Core §2.5.1.4\].
    AudienceMismatch = "saml.audience_mismatch", Unexpected;
    /// A condition that is not understood \[SAML-Core §2.5.1\].
    UnknownCondition = "saml.unknown_condition", Unexpected;
    /// No bearer confirmation \[SAML-Profiles §4.1.4.2\].
    NoBearerConfirmation = "saml.no_bearer_confirmation", Unexpected;
    /// More than one bearer confirmation holds.
    SeveralBearerConfirmations = "saml.several_bearer_confirmations", Unexpected;
    /// A bearer confirmation without `NotOnOrAfter` \[SAML-Profiles §4.1.4.2\].
    NotOnOrAfterMissing = "saml.not_on_or_after_missing", Unexpected;
    /// A `NotOnOrAfter` has passed \[SAML-Core §2.5.1.2, §2.4.1.2\].
    Expired = "saml.expired", Unexpected;
    /// A `NotBefore`, `IssueInstant` or `AuthnInstant` is still to come \[SAML-Core §2.5.1.2\].
    NotYetValid = "saml.not_yet_valid", Unexpected;
    /// The provider's session has ended: `SessionNotOnOrAfter` \[SAML-Core §2.7.2\].
    SessionExpired = "saml.session_expired", Unexpected;
    /// `InResponseTo` is not the pending request \[SAML-Profiles §4.1.4.3\].
    InResponseToMismatch = "saml.in_response_to_mismatch", Unexpected;
    /// The pending request waited for too long.
    RequestExpired = "saml.request_expired", Unexpected;
    /// The relay state is not the pending request's \[SAML-Bindings §3.4.3, §3.5.3\].
    RelayStateMismatch = "saml.relay_state_mismatch", Unexpected;
    /// No `InResponseTo` where an answer to a request was expected \[SAML-Profiles §4.1.5\].
    UnsolicitedNotAllowed = "saml.unsolicited_not_allowed", Unexpected;
    /// An `InResponseTo` in what should be unsolicited \[SAML-Profiles §4.1.5\].
    InResponseToUnexpected = "saml.in_response_to_unexpected", Unexpected;
    /// No `NameID`, or an empty one \[SAML-Core §2.2.3\].
    NameIdMissing = "saml.name_id_missing", Unexpected;
    /// The person was to authenticate anew, and did not \[SAML-Core §3.4.1\].
    AuthenticationTooOld = "saml.authentication_too_old", Unexpected;
    /// The person did not authenticate in a way that the host asked for \[SAML-Core §2.7.2.2\].
    AuthnContextMismatch = "saml.authn_context_mismatch", Unexpected;
    /// This assertion was accepted before \[SAML-Profiles §4.1.4.5\].
    Replayed = "saml.replayed", Unexpected;
}

impl fmt::Display for RejectCode {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.as_str())
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::collections::BTreeSet;

    #[test]
    fn codes_are_distinct_lower_case_and_namespaced() {
        let texts: BTreeSet<_> = RejectCode::ALL.iter().map(|code| code.as_str()).collect();
        assert_eq!(texts.len(), RejectCode::ALL.len());
        for text in texts {
            let name = text.strip_prefix("saml.").unwrap();
            assert!(
                name.bytes()
                    .all(|b| matches!(b, b'a'..=b'z' | b'0'..=b'9' | b'_')),
                "{text}"
            );
        }
    }

    #[test]
    fn the_front_page_lists_every_code() {
        let page = include_str!("lib.rs");
        for code in RejectCode::ALL {
            let cell = format!("`{code}`");
            assert!(
                page.contains(&cell),
                "{cell} is missing from the table in lib.rs"
            );
        }
    }
}
