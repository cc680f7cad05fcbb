//! What can be wrong with a signature or a time-stamp, by whose fault it is.

use countersign_core::Timestamp;
use thiserror::Error;

/// Why a signature or a time-stamp was not made or not accepted.
#[derive(Debug, Clone, PartialEq, Eq, Error)]
#[non_exhaustive]
pub enum CmsError {
    /// The bytes are not in DER, or not the structure that was asked for.
    #[error("the bytes are malformed")]
    Malformed(#[from] Malformed),
    /// It is well-formed, and something that is refused or unknown here.
    #[error("the structure is outside the profile")]
    Unsupported(#[from] Unsupported),
    /// It is not over what it shall be over, or was changed.
    #[error("the signature does not hold")]
    Broken(#[from] Broken),
    /// It holds, but by whom nobody here trusts for it.
    #[error("the signer's certificate is not trusted")]
    Untrusted(#[from] Untrusted),
    /// The time-stamp authority gave no time-stamp.
    #[error("the time-stamp authority refused")]
    Refused(#[from] Refusal),
    /// The time-stamp authority answered something else.
    #[error("the answer is to another request")]
    OtherRequest(#[from] OtherRequest),
    /// The caller's mistake: nothing was signed.
    #[error("nothing can be signed so")]
    Misuse(#[from] Misuse),
}

impl CmsError {
    /// A stable code for logs and reports.
    #[must_use]
    pub fn code(&self) -> &'static str {
        match self {
            Self::Malformed(error) => error.code(),
            Self::Unsupported(error) => error.code(),
            Self::Broken(error) => error.code(),
            Self::Untrusted(error) => error.code(),
            Self::Refused(error) => error.code(),
            Self::OtherRequest(error) => error.code(),
            Self::Misuse(error) => error.code(),
        }
    }
}

/// Writes an enum whose variants each have one code and one sentence.
macro_rules! causes {
    ($(#[$about:meta])* $name:ident { $($(#[$doc:meta])* $variant:ident = $code:literal, $text:literal;)* }) => {
        $(#[$about])*
        #[derive(Debug, Clone, Copy, PartialEq, Eq, Error)]
        #[non_exhaustive]
        pub enum $name {
            $($(#[$doc])* #[error($text)] $variant,)*
        }

        impl $name {
            /// A stable code for logs and reports.
            #[must_use]
            pub fn code(self) -> &'static str {
                match self {
                    $(Self::$variant => $code,)*
                }
            }
        }
    };
}

causes! {
    /// Which structure the bytes are not.
    Malformed {
        /// No `ContentInfo` with `SignedData` in DER: indefinite lengths, trailing bytes and
        /// fields out of place included \[RFC 5652 §3, §5.1\].
        SignedData = "cms.malformed.signed_data", "they are no CMS signature in DER";
        /// No `SignerInfo` \[RFC 5652 §5.3\].
        SignerInfo = "cms.malformed.signer_info", "they hold no readable signer";
        /// A signed attribute can not be read \[RFC 5652 §11, RFC 5035\].
        Attribute = "cms.malformed.attribute", "a signed attribute can not be read";
        /// No `TSTInfo` \[RFC 3161 §2.4.2\].
        TstInfo = "cms.malformed.tst_info", "they hold no readable time-stamp";
        /// No `TimeStampReq` \[RFC 3161 §2.4.1\].
        Request = "cms.malformed.request", "they are no time-stamp request";
        /// No `TimeStampResp` \[RFC 3161 §2.4.2\].
        Response = "cms.malformed.response", "they are no time-stamp response";
        /// No certificate \[RFC 5280 §4.1\].
        Certificate = "cms.malformed.certificate", "they hold no readable certificate";
    }
}

causes! {
    /// What is refused though it can be read.
    Unsupported {
        /// The content is of another type than detached data or a time-stamp.
        ContentType = "cms.unsupported.content_type", "the content is of another type";
        /// A version that does not go with what is there \[RFC 5652 §5.1, §5.3; RFC 3161\].
        Version = "cms.unsupported.version", "the version is not the one of the profile";
        /// No signer, or several.
        Signers = "cms.unsupported.signers", "there is not exactly one signer";
        /// A detached signature brings the content with it; then which one was signed?
        EncapsulatedContent = "cms.unsupported.encapsulated_content", "the content is inside the signature";
        /// Something else than X.509 certificates, or more than 16 of them.
        Certificates = "cms.unsupported.certificates", "the certificates are not a few of X.509";
        /// A detached signature brings revocation lists: a baseline-B signature has none.
        RevocationLists = "cms.unsupported.revocation_lists", "there are revocation lists inside";
        /// Attributes that nobody signed.
        UnsignedAttributes = "cms.unsupported.unsigned_attributes", "there are unsigned attributes";
        /// An attribute of the profile is missing \[EN 319 122-1 §6.3, RFC 3161 §2.4.2\].
        MissingAttribute = "cms.unsupported.missing_attribute", "a required signed attribute is missing";
        /// An attribute is there twice, or has not exactly one value \[RFC 5652 §11\].
        RepeatedAttribute = "cms.unsupported.repeated_attribute", "a signed attribute has not one value";
        /// The signed attributes are not in the order of DER, so that what was hashed is a guess
        /// \[RFC 5652 §5.4, X.690 §11.6\].
        AttributeOrder = "cms.unsupported.attribute_order", "the signed attributes are not sorted";
        /// Another hash than SHA-256, SHA-384 and SHA-512.
        DigestAlgorithm = "cms.unsupported.digest_algorithm", "the hash algorithm is not supported";
        /// Another signature than RSA PKCS#1 v1.5 (2,048 bits and more) or ECDSA on P-256 or
        /// P-384 with such a hash, or one that does not go with the key.
        SignatureAlgorithm = "cms.unsupported.signature_algorithm", "the signature algorithm is not supported";
        /// An extension that one has to understand, and that nobody here does \[RFC 3161 §2.4.2\].
        CriticalExtension = "cms.unsupported.critical_extension", "a critical extension is not known";
    }
}

causes! {
    /// What does not fit together.
    Broken {
        /// The content is not what was signed: its digest is another \[RFC 5652 §5.4\].
        MessageDigest = "cms.broken.message_digest", "the content is not the one that was signed";
        /// The signed content type is another than the content's \[RFC 5652 §11.1\].
        ContentType = "cms.broken.content_type", "the signed content type is another";
        /// No certificate inside is the one that the signer names \[RFC 5652 §5.3\].
        SignerCertificate = "cms.broken.signer_certificate", "the signer's certificate is missing";
        /// The certificate is not the one that was signed with \[RFC 5035 §5.4, RFC 5816\].
        CertificateReference = "cms.broken.certificate_reference", "the signed reference is to another certificate";
        /// The signature is not by this key over these attributes \[RFC 5652 §5.6\].
        Signature = "cms.broken.signature", "the signature is not by the certificate's key";
        /// The time-stamp is over other data \[RFC 3161 §2.4.2\].
        Imprint = "cms.broken.imprint", "the time-stamp is over other data";
        /// The authority's name in the time-stamp is not in its certificate \[RFC 3161 §2.4.2\].
        AuthorityName = "cms.broken.authority_name", "the time-stamp names another authority";
    }
}

/// Why a certificate is not trusted for what it was used for.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Error)]
#[non_exhaustive]
pub enum Untrusted {
    /// Nobody is trusted.
    #[error("no trust anchor is configured")]
    NoAnchors,
    /// No path leads to an anchor \[RFC 5280 §6\].
    #[error("no path leads from the certificate to a trust anchor")]
    UnknownIssuer,
    /// A certificate of the path had run out \[RFC 5280 §6.1.3 (a)(2)\].
    #[error("a certificate of the path had run out at {at}")]
    Expired {
        /// The time in question.
        at: Timestamp,
    },
    /// A certificate of the path was not valid yet \[RFC 5280 §6.1.3 (a)(2)\].
    #[error("a certificate of the path was not valid yet at {at}")]
    NotYetValid {
        /// The time in question.
        at: Timestamp,
    },
    /// The key is not for signatures \[RFC 5280 §4.2.1.3\].
    #[error("the certificate's key is not for signatures")]
    KeyUsage,
    /// The certificate is for other purposes \[RFC 5280 §4.2.1.12\]; for a time-stamp
    /// `id-kp-timeStamping` has to be there, critical and alone \[RFC 3161 §2.3\].
    #[error("the certificate is not for this purpose")]
    ExtendedKeyUsage,
    /// Another rule of path validation: a wrong signature, an issuer that is no authority, a name
    /// constraint, a critical extension that is not known \[RFC 5280 §6.1\].
    #[error("the certificate path does not hold")]
    Path,
    /// The time-stamp states a time that has not come.
    #[error("the stated time is after {at}")]
    FromTheFuture {
        /// The time in question.
        at: Timestamp,
    },
}

impl Untrusted {
    /// A stable code for logs and reports.
    #[must_use]
    pub fn code(self) -> &'static str {
        match self {
            Self::NoAnchors => "cms.untrusted.no_anchors",
            Self::UnknownIssuer => "cms.untrusted.unknown_issuer",
            Self::Expired { .. } => "cms.untrusted.expired",
            Self::NotYetValid { .. } => "cms.untrusted.not_yet_valid",
            Self::KeyUsage => "cms.untrusted.key_usage",
            Self::ExtendedKeyUsage => "cms.untrusted.extended_key_usage",
            Self::Path => "cms.untrusted.path",
            Self::FromTheFuture { .. } => "cms.untrusted.from_the_future",
        }
    }
}

causes! {
    /// Why a time-stamp authority refused, by its own word \[RFC 3161 §2.4.2\].
    Refusal {
        /// It does not know the hash algorithm (`badAlg`).
        BadAlgorithm = "cms.refused.bad_algorithm", "it does not know the hash algorithm";
        /// It does not take the request (`badRequest`).
        BadRequest = "cms.refused.bad_request", "it does not take such a request";
        /// It can not read the request (`badDataFormat`).
        BadDataFormat = "cms.refused.bad_data_format", "it can not read the request";
        /// Its clock is not available (`timeNotAvailable`).
        TimeNotAvailable = "cms.refused.time_not_available", "its clock is not available";
        /// It does not have the policy that was asked for (`unacceptedPolicy`).
        UnacceptedPolicy = "cms.refused.unaccepted_policy", "it does not have the policy";
        /// It does not know an extension of the request (`unacceptedExtension`).
        UnacceptedExtension = "cms.refused.unaccepted_extension", "it does not know an extension";
        /// It has no more to say than was asked (`addInfoNotAvailable`).
        InformationNotAvailable = "cms.refused.information_not_available", "it does not have what else was asked for";
        /// It failed (`systemFailure`).
        SystemFailure = "cms.refused.system_failure", "it failed";
        /// The request waits (`waiting`): no time-stamp comes back on this way.
        Waiting = "cms.refused.waiting", "the request waits";
        /// It warns of a revocation, or that one has come, and gives nothing.
        Revocation = "cms.refused.revocation", "it tells of a revocation";
        /// It gave no reason, or one that is not known (`rejection`).
        Rejected = "cms.refused.rejected", "it gave no reason";
    }
}

causes! {
    /// What in the answer is not what was asked for.
    OtherRequest {
        /// Another nonce, or none: perhaps an old answer \[RFC 3161 §2.4.2\].
        Nonce = "cms.other_request.nonce", "the nonce is another";
        /// A time-stamp over other data, or by another hash.
        Imprint = "cms.other_request.imprint", "the time-stamp is over other data";
        /// A time-stamp under another policy than was asked for.
        Policy = "cms.other_request.policy", "the policy is another";
    }
}

causes! {
    /// What a caller that signs did wrong.
    Misuse {
        /// No certificate, or more than 16 of them.
        Certificates = "cms.misuse.certificates", "there has to be a certificate, and at most 16";
        /// The certificate's key is neither RSA nor on the curve P-256.
        Key = "cms.misuse.key", "the certificate's key is neither RSA nor on P-256";
        /// The signature is not by the certificate's key.
        Signature = "cms.misuse.signature", "the signature is not by the certificate's key";
        /// The time of signing can not be written down: before 1970.
        SigningTime = "cms.misuse.signing_time", "the time of signing is before 1970";
        /// More than a structure in DER can hold here: 256 MiB.
        TooLarge = "cms.misuse.too_large", "it is too large";
    }
}
