//! How strongly a person has to authenticate: what is asked for and what meets it
//! \[SAML-Core §2.7.2.2, §3.3.2.2.1\].

use countersign_core::Attribute;
use serde::{Deserialize, Serialize};

/// Identifiers of authentication context classes.
pub mod class {
    macro_rules! standard {
        ($($(#[$doc:meta])* $name:ident = $local:literal;)*) => {$(
            $(#[$doc])*
            pub const $name: &str = concat!("urn:oasis:names:tc:SAML:2.0:ac:classes:", $local);
        )*};
    }

    standard! {
        /// Nothing is said \[SAML-AuthnContext §3.4.26\].
        UNSPECIFIED = "unspecified";
        /// A session from before \[SAML-AuthnContext §3.4.10\].
        PREVIOUS_SESSION = "PreviousSession";
        /// The address in the network \[SAML-AuthnContext §3.4.1\].
        INTERNET_PROTOCOL = "InternetProtocol";
        /// Address and password \[SAML-AuthnContext §3.4.2\].
        INTERNET_PROTOCOL_PASSWORD = "InternetProtocolPassword";
        /// A password over an unprotected connection \[SAML-AuthnContext §3.4.8\].
        PASSWORD = "Password";
        /// A password over TLS \[SAML-AuthnContext §3.4.9\].
        PASSWORD_PROTECTED_TRANSPORT = "PasswordProtectedTransport";
        /// A password that is not sent \[SAML-AuthnContext §3.4.18\].
        SECURE_REMOTE_PASSWORD = "SecureRemotePassword";
        /// A ticket \[SAML-AuthnContext §3.4.3\].
        KERBEROS = "Kerberos";
        /// A key with a certificate \[SAML-AuthnContext §3.4.11\].
        X509 = "X509";
        /// A client certificate of TLS \[SAML-AuthnContext §3.4.19\].
        TLS_CLIENT = "TLSClient";
        /// A key in software \[SAML-AuthnContext §3.4.17\].
        SOFTWARE_PKI = "SoftwarePKI";
        /// A token that counts time \[SAML-AuthnContext §3.4.25\].
        TIME_SYNC_TOKEN = "TimeSyncToken";
        /// A smart card \[SAML-AuthnContext §3.4.15\].
        SMARTCARD = "Smartcard";
        /// A smart card with a key behind a PIN \[SAML-AuthnContext §3.4.16\].
        SMARTCARD_PKI = "SmartcardPKI";
        /// Two factors on a phone, without proof of who owns it \[SAML-AuthnContext §3.4.5\].
        MOBILE_TWO_FACTOR_UNREGISTERED = "MobileTwoFactorUnregistered";
        /// Two factors on a phone under contract \[SAML-AuthnContext §3.4.7\].
        MOBILE_TWO_FACTOR_CONTRACT = "MobileTwoFactorContract";
    }

    /// One factor, by the profile of research and education federations.
    pub const REFEDS_SFA: &str = "https://refeds.org/profile/sfa";
    /// Several factors, by the profile of research and education federations.
    pub const REFEDS_MFA: &str = "https://refeds.org/profile/mfa";
    /// Several factors, as Entra ID and AD FS call it.
    pub const MICROSOFT_MULTIPLE: &str = "http://schemas.microsoft.com/claims/multipleauthn";
    /// The session of a Windows domain, as AD FS calls it.
    pub const WINDOWS: &str = "urn:federation:authentication:windows";
    /// Any one factor, as Okta calls it.
    pub const OKTA_ONE_FACTOR: &str = "urn:okta:loa:1fa:any";
    /// Any two factors, as Okta calls it.
    pub const OKTA_TWO_FACTORS: &str = "urn:okta:loa:2fa:any";

    /// Those that are several factors by their definition.
    pub const MULTI_FACTOR: [&str; 6] = [
        REFEDS_MFA,
        MOBILE_TWO_FACTOR_CONTRACT,
        MOBILE_TWO_FACTOR_UNREGISTERED,
        SMARTCARD_PKI,
        MICROSOFT_MULTIPLE,
        OKTA_TWO_FACTORS,
    ];
}

/// Whether an authentication context class is several factors by its definition, whoever defines
/// it. A class that is not known here is not.
#[must_use]
pub fn is_multi_factor(class_ref: &str) -> bool {
    class::MULTI_FACTOR.contains(&class_ref)
}

/// The attribute in which Entra ID reports how a person authenticated: its
/// `AuthnContextClassRef` says `Password` whatever else happened.
const MICROSOFT_METHODS: &str = "http://schemas.microsoft.com/claims/authnmethodsreferences";

/// How what happened is compared with what was asked for \[SAML-Core §3.3.2.2.1\].
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Comparison {
    /// It is one of them.
    Exact,
    /// It is one of them, or stronger than one of them.
    Minimum,
    /// It is stronger than all of them.
    Better,
    /// It is one of them, or weaker than one of them.
    Maximum,
}

impl Comparison {
    pub(crate) const fn as_str(self) -> &'static str {
        match self {
            Self::Exact => "exact",
            Self::Minimum => "minimum",
            Self::Better => "better",
            Self::Maximum => "maximum",
        }
    }
}

/// How providers call several factors.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub enum MultiFactor {
    /// Microsoft Entra ID. It lets Conditional Access decide what to demand; what counts is that
    /// it reports several factors, by the class or in the attribute `authnmethodsreferences`.
    Entra,
    /// Microsoft AD FS, which reports it as Entra ID does.
    AdFs,
    /// Okta.
    Okta,
    /// Providers of research and education federations \[REFEDS MFA Profile\].
    Refeds,
    /// Those of the standard classes that are two factors by their definition.
    Standard,
}

/// What a person's authentication has to be.
///
/// It is asked for in a request (`RequestedAuthnContext`) and checked in the answer: a provider
/// that is asked for more than it did may say so, or may answer with what it did.
///
/// # The order of strength
/// The specification leaves to each provider which class is stronger. For `minimum`, `better` and
/// `maximum` this order counts here, weakest first; classes that it does not name are neither
/// stronger nor weaker than any other:
///
/// 1. `unspecified`, `PreviousSession`, `InternetProtocol`
/// 2. `Password`, `InternetProtocolPassword`
/// 3. `PasswordProtectedTransport`, `SecureRemotePassword`, `Kerberos`, REFEDS SFA, Windows, Okta's
///    one factor
/// 4. `X509`, `TLSClient`, `SoftwarePKI`, `TimeSyncToken`, `Smartcard`
/// 5. `MobileTwoFactorUnregistered`, `MobileTwoFactorContract`, `SmartcardPKI`, REFEDS MFA,
///    Microsoft's and Okta's several factors
///
/// ```
/// use countersign_saml::{MultiFactor, RequestedAuthnContext, ServiceProvider};
///
/// let sp = ServiceProvider::new("https://sign.example/saml", "https://sign.example/saml/acs")?
///     .require_authn_context(RequestedAuthnContext::multi_factor(MultiFactor::Entra));
/// # Ok::<(), countersign_saml::ServiceProviderError>(())
/// ```
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct RequestedAuthnContext {
    comparison: Comparison,
    class_refs: Vec<String>,
    /// What meets it as well.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    attribute: Option<AttributeValueOf>,
}

/// An attribute and one value of it.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
struct AttributeValueOf {
    name: String,
    value: String,
}

impl RequestedAuthnContext {
    /// These classes, compared in this way, byte for byte. No authentication meets a list without a
    /// class: what a host forgot to fill in must not let everybody in.
    pub fn new(
        comparison: Comparison,
        class_refs: impl IntoIterator<Item = impl Into<String>>,
    ) -> Self {
        Self {
            comparison,
            class_refs: class_refs.into_iter().map(Into::into).collect(),
            attribute: None,
        }
    }

    /// One of these classes.
    pub fn exact(class_refs: impl IntoIterator<Item = impl Into<String>>) -> Self {
        Self::new(Comparison::Exact, class_refs)
    }

    /// One of these classes, or a stronger one.
    pub fn minimum(class_refs: impl IntoIterator<Item = impl Into<String>>) -> Self {
        Self::new(Comparison::Minimum, class_refs)
    }

    /// Several factors, as this provider calls them.
    #[must_use]
    pub fn multi_factor(provider: MultiFactor) -> Self {
        match provider {
            MultiFactor::Entra | MultiFactor::AdFs => Self::exact([class::MICROSOFT_MULTIPLE])
                .or_attribute(MICROSOFT_METHODS, class::MICROSOFT_MULTIPLE),
            MultiFactor::Okta => Self::exact([class::OKTA_TWO_FACTORS]),
            MultiFactor::Refeds => Self::exact([class::REFEDS_MFA]),
            MultiFactor::Standard => Self::exact([
                class::MOBILE_TWO_FACTOR_CONTRACT,
                class::MOBILE_TWO_FACTOR_UNREGISTERED,
                class::SMARTCARD_PKI,
            ]),
        }
    }

    /// An attribute with this value, byte for byte, meets it too: some providers report there what
    /// the class does not tell. Of several calls the last one counts.
    ///
    /// # Security
    /// Name an attribute that the provider itself fills in, not one that people can edit in their
    /// profiles or that an administrator maps from there.
    #[must_use]
    pub fn or_attribute(mut self, name: impl Into<String>, value: impl Into<String>) -> Self {
        self.attribute = Some(AttributeValueOf {
            name: name.into(),
            value: value.into(),
        });
        self
    }

    /// How classes are compared.
    #[must_use]
    pub fn comparison(&self) -> Comparison {
        self.comparison
    }

    /// The classes, in the order of preference.
    pub fn class_refs(&self) -> impl Iterator<Item = &str> {
        self.class_refs.iter().map(String::as_str)
    }

    /// Whether an authentication of this class meets it, or one with these attributes.
    #[must_use]
    pub fn is_met_by(&self, class_ref: Option<&str>, attributes: &[Attribute]) -> bool {
        class_ref.is_some_and(|class_ref| self.is_met_by_class(class_ref))
            || self.attribute.as_ref().is_some_and(|wanted| {
                attributes
                    .iter()
                    .filter(|attribute| attribute.name == wanted.name)
                    .flat_map(|attribute| &attribute.values)
                    .any(|value| value.as_text() == Some(&wanted.value))
            })
    }

    fn is_met_by_class(&self, class_ref: &str) -> bool {
        let is_named = self.class_refs().any(|asked| asked == class_ref);
        let reached = strength(class_ref);
        // A class without a place in the order is stronger than none.
        let is_stronger_than =
            |asked: &str| matches!((reached, strength(asked)), (Some(r), Some(a)) if r > a);
        match self.comparison {
            Comparison::Exact => is_named,
            Comparison::Minimum => is_named || self.class_refs().any(is_stronger_than),
            Comparison::Better => {
                !self.class_refs.is_empty() && self.class_refs().all(is_stronger_than)
            }
            Comparison::Maximum => {
                is_named
                    || self.class_refs().any(
                        |asked| matches!((reached, strength(asked)), (Some(r), Some(a)) if r < a),
                    )
            }
        }
    }
}

/// One of these classes, exactly.
impl<S: Into<String>, const N: usize> From<[S; N]> for RequestedAuthnContext {
    fn from(class_refs: [S; N]) -> Self {
        Self::exact(class_refs)
    }
}

/// One of these classes, exactly.
impl<S: Into<String>> From<Vec<S>> for RequestedAuthnContext {
    fn from(class_refs: Vec<S>) -> Self {
        Self::exact(class_refs)
    }
}

/// The place of a class in the order that [`RequestedAuthnContext`] documents.
fn strength(class_ref: &str) -> Option<u8> {
    Some(match class_ref {
        class::UNSPECIFIED | class::PREVIOUS_SESSION | class::INTERNET_PROTOCOL => 1,
        class::PASSWORD | class::INTERNET_PROTOCOL_PASSWORD => 2,
        class::PASSWORD_PROTECTED_TRANSPORT
        | class::SECURE_REMOTE_PASSWORD
        | class::KERBEROS
        | class::REFEDS_SFA
        | class::WINDOWS
        | class::OKTA_ONE_FACTOR => 3,
        class::X509
        | class::TLS_CLIENT
        | class::SOFTWARE_PKI
        | class::TIME_SYNC_TOKEN
        | class::SMARTCARD => 4,
        several if is_multi_factor(several) => 5,
        _ => return None,
    })
}

#[cfg(test)]
mod tests {
    use super::*;
    use countersign_core::AttributeValue;

    const UNKNOWN: &str = "urn:example:class";

    fn meets(comparison: Comparison, asked: &[&str], class_ref: &str) -> bool {
        RequestedAuthnContext::new(comparison, asked.iter().copied())
            .is_met_by(Some(class_ref), &[])
    }

    #[test]
    fn exact_is_one_of_them() {
        use Comparison::Exact;
        let asked = [class::PASSWORD, UNKNOWN];
        assert!(meets(Exact, &asked, class::PASSWORD));
        assert!(meets(Exact, &asked, UNKNOWN));
        assert!(!meets(Exact, &asked, class::REFEDS_MFA));
        assert!(!meets(Exact, &asked, "urn:example:Class"));
        assert!(!meets(Exact, &[], class::PASSWORD));
        assert!(!RequestedAuthnContext::exact(asked).is_met_by(None, &[]));
    }

    #[test]
    fn minimum_is_one_of_them_or_a_stronger_one() {
        use Comparison::Minimum;
        let asked = [class::PASSWORD_PROTECTED_TRANSPORT];
        assert!(meets(Minimum, &asked, class::PASSWORD_PROTECTED_TRANSPORT));
        assert!(meets(Minimum, &asked, class::X509));
        assert!(meets(Minimum, &asked, class::REFEDS_MFA));
        assert!(!meets(Minimum, &asked, class::PASSWORD));
        assert!(!meets(Minimum, &asked, class::UNSPECIFIED));
        // Of the same strength, yet another.
        assert!(!meets(Minimum, &asked, class::KERBEROS));
        assert!(!meets(Minimum, &asked, UNKNOWN));
        assert!(!meets(Minimum, &[UNKNOWN], class::REFEDS_MFA));
        assert!(meets(Minimum, &[UNKNOWN], UNKNOWN));
    }

    #[test]
    fn better_is_stronger_than_all_of_them() {
        use Comparison::Better;
        let asked = [class::PASSWORD, class::X509];
        assert!(meets(Better, &asked, class::REFEDS_MFA));
        assert!(!meets(Better, &asked, class::X509));
        assert!(!meets(Better, &asked, class::KERBEROS));
        assert!(!meets(Better, &[UNKNOWN], class::REFEDS_MFA));
        assert!(!meets(Better, &[], class::REFEDS_MFA));
    }

    #[test]
    fn maximum_is_no_stronger_than_one_of_them() {
        use Comparison::Maximum;
        let asked = [class::PASSWORD_PROTECTED_TRANSPORT];
        assert!(meets(Maximum, &asked, class::PASSWORD));
        assert!(meets(Maximum, &asked, class::PASSWORD_PROTECTED_TRANSPORT));
        assert!(!meets(Maximum, &asked, class::X509));
        assert!(!meets(Maximum, &asked, UNKNOWN));
    }

    /// Entra ID says `Password` and tells the rest in an attribute.
    #[test]
    fn entra_reports_several_factors_in_an_attribute() {
        let asked = RequestedAuthnContext::multi_factor(MultiFactor::Entra);
        let reported = |name: &str, values: &[&str]| {
            let text = |value: &&str| AttributeValue::Text((*value).to_owned());
            let attribute = Attribute {
                name: name.to_owned(),
                name_format: None,
                friendly_name: None,
                values: values.iter().map(text).collect(),
            };
            asked.is_met_by(Some(class::PASSWORD), &[attribute])
        };
        let password =
            "http://schemas.microsoft.com/ws/2008/06/identity/authenticationmethod/password";
        assert!(reported(
            MICROSOFT_METHODS,
            &[password, class::MICROSOFT_MULTIPLE]
        ));
        assert!(!reported(MICROSOFT_METHODS, &[password]));
        assert!(!reported("groups", &[class::MICROSOFT_MULTIPLE]));
        assert!(!reported(
            MICROSOFT_METHODS,
            &["http://schemas.microsoft.com/claims/multipleauthn "]
        ));
        assert!(asked.is_met_by(Some(class::MICROSOFT_MULTIPLE), &[]));
    }

    #[test]
    fn every_provider_has_a_name_for_several_factors() {
        for provider in [
            MultiFactor::Entra,
            MultiFactor::AdFs,
            MultiFactor::Okta,
            MultiFactor::Refeds,
            MultiFactor::Standard,
        ] {
            let asked = RequestedAuthnContext::multi_factor(provider);
            for class_ref in asked.class_refs() {
                assert_eq!(strength(class_ref), Some(5));
                assert!(is_multi_factor(class_ref));
            }
            for class_ref in [class::PASSWORD_PROTECTED_TRANSPORT, class::X509, UNKNOWN] {
                assert!(!asked.is_met_by(Some(class_ref), &[]), "{provider:?}");
            }
        }
    }

    #[test]
    fn one_factor_and_unknown_classes_are_not_several_factors() {
        for class_ref in [
            class::PASSWORD_PROTECTED_TRANSPORT,
            class::X509,
            class::TIME_SYNC_TOKEN,
            class::REFEDS_SFA,
            class::OKTA_ONE_FACTOR,
            "https://refeds.org/profile/mfa ",
            "https://refeds.org/profile/MFA",
            UNKNOWN,
            "",
        ] {
            assert!(!is_multi_factor(class_ref), "{class_ref}");
        }
    }

    #[test]
    fn it_can_be_stored_and_read_back() {
        for asked in [
            RequestedAuthnContext::minimum([class::X509]),
            RequestedAuthnContext::multi_factor(MultiFactor::Entra),
        ] {
            let json = serde_json::to_string(&asked).unwrap();
            assert_eq!(
                serde_json::from_str::<RequestedAuthnContext>(&json).unwrap(),
                asked
            );
        }
        assert_eq!(
            serde_json::to_string(&RequestedAuthnContext::minimum(["a"])).unwrap(),
            r#"{"comparison":"minimum","class_refs":["a"]}"#
        );
    }
}
