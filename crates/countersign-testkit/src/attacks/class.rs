//! The classes of attack, as the page of attacks numbers them.

use std::fmt;

macro_rules! classes {
    ($($(#[$doc:meta])* $name:ident = $number:literal, $title:literal;)*) => {
        /// A class of attack; `docs/attacks.md` of countersign says what each is.
        #[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
        #[non_exhaustive]
        pub enum AttackClass {
            $($(#[$doc])* $name,)*
        }

        impl AttackClass {
            /// Every class.
            pub const ALL: &[Self] = &[$(Self::$name),*];

            /// Its number on the page of attacks.
            #[must_use]
            pub const fn number(self) -> u8 {
                match self { $(Self::$name => $number,)* }
            }

            /// Its title on the page of attacks.
            #[must_use]
            pub const fn title(self) -> &'static str {
                match self { $(Self::$name => $title,)* }
            }
        }
    };
}

classes! {
    /// A genuine signed element is moved, and a forged one takes its place.
    SignatureWrapping = 1, "Signature wrapping and sibling assertions";
    /// Two parsers read one text in two ways.
    ParserDifferential = 2, "Parser differentials and round trips";
    /// A comment or an instruction cuts a text in two.
    TextSplitting = 3, "Comments and instructions that split text";
    /// A comment in a digest; several `SignedInfo`.
    SignedInfoGames = 4, "Comments in DigestValue, several SignedInfo";
    /// What can not be canonicalized is taken for nothing.
    VoidCanonicalization = 5, "Void canonicalization";
    /// Two elements of one ID, and IDs of several kinds.
    IdConfusion = 6, "ID pollution, type confusion, entity ids";
    /// Names without their namespaces, and prefixes bound again.
    NamespaceConfusion = 7, "Namespace confusion";
    /// No reference, many, or one to elsewhere.
    ReferenceGames = 8, "References: none, many, elsewhere";
    /// Transforms that run code, or choose what is digested.
    Transforms = 9, "XSLT and XPath transforms";
    /// HMAC keyed with what is public; truncated.
    AlgorithmConfusion = 10, "HMAC and algorithm confusion, truncation";
    /// The message brings its own key.
    KeyInfoTrust = 11, "Keys out of the message";
    /// No signature, or no key.
    StrippedSignature = 12, "Stripped signature, empty key list";
    /// A genuine signature of something else.
    ReusedSignature = 13, "Signatures of metadata, errors and other messages";
    /// Anyone can encrypt.
    EncryptedInjection = 14, "Injection inside encryption";
    /// An answer that tells what is under the encryption.
    DecryptionOracle = 15, "Decryption oracles, short GCM tags";
    /// Document types and entities.
    DocumentType = 16, "DOCTYPE, external entities, expansion";
    /// Size, depth, and work that grows with the square.
    ResourceExhaustion = 17, "Size, depth, inflation, quadratic work";
    /// Algorithms and values that anybody can forge.
    WeakCryptography = 18, "SHA-1, weak RSA, ECDSA of zeros";
    /// Parameters of the redirect binding, twice or in another order.
    RedirectConfusion = 19, "Redirect parameter confusion";
    /// For somebody else, or for another time.
    WrongAddressee = 20, "Audience, recipient, destination, time";
    /// One provider or tenant speaks for another.
    CrossProvider = 21, "Mix-ups of providers, tenants and requests";
    /// The same assertion again.
    Replay = 22, "Replay";
    /// Values that are alike and not the same.
    LaxComparison = 23, "Lax base64, trimming, case folding";
    /// The same on requests, logout and metadata.
    OtherMessages = 24, "The same on requests, logout and metadata";
}

impl fmt::Display for AttackClass {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{} {}", self.number(), self.title())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn classes_are_numbered_from_1_to_24() {
        let numbers = AttackClass::ALL.iter().map(|class| class.number());
        assert!(numbers.eq(1..=24));
    }
}
