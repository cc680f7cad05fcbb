//! Where a party takes messages \[SAML-Metadata §2.2.2\].

use countersign_core::TextError;
use countersign_core::text::check_identifier;
use thiserror::Error;

/// Where a party takes messages, and by which binding.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Endpoint {
    binding: String,
    location: String,
    response_location: Option<String>,
}

impl Endpoint {
    /// The endpoint at `location`, which speaks the binding of this URI \[SAML-Bindings\].
    ///
    /// # Errors
    /// If the binding is no identifier, or the location no URL that a browser may be sent to: it
    /// ends up in redirects and forms, where `javascript:` would run.
    pub fn new(
        binding: impl Into<String>,
        location: impl Into<String>,
    ) -> Result<Self, EndpointError> {
        let (binding, location) = (binding.into(), location.into());
        check_identifier(&binding).map_err(EndpointError::Binding)?;
        check_location(&location)?;
        Ok(Self {
            binding,
            location,
            response_location: None,
        })
    }

    /// Takes answers at another URL than requests.
    ///
    /// # Errors
    /// As [`new`](Self::new).
    pub fn with_response_location(
        mut self,
        location: impl Into<String>,
    ) -> Result<Self, EndpointError> {
        let location = location.into();
        check_location(&location)?;
        self.response_location = Some(location);
        Ok(self)
    }

    /// The binding's URI.
    #[must_use]
    pub fn binding(&self) -> &str {
        &self.binding
    }

    /// The URL that takes requests.
    #[must_use]
    pub fn location(&self) -> &str {
        &self.location
    }

    /// The URL that takes answers: `ResponseLocation`, else `Location`.
    #[must_use]
    pub fn response_location(&self) -> &str {
        self.response_location.as_deref().unwrap_or(&self.location)
    }

    /// Whether answers have a URL of their own.
    pub(crate) fn own_response_location(&self) -> Option<&str> {
        self.response_location.as_deref()
    }
}

/// One of several endpoints of a kind, told apart by number \[SAML-Metadata §2.2.3\].
#[derive(Debug, Clone, PartialEq, Eq)]
#[non_exhaustive]
pub struct IndexedEndpoint {
    /// The endpoint.
    pub endpoint: Endpoint,
    /// Its number.
    pub index: u16,
    /// Whether it is the one that is meant when no number is named.
    pub is_default: bool,
}

/// An endpoint can not be used.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Error)]
#[non_exhaustive]
pub enum EndpointError {
    /// The binding is no identifier.
    #[error("the binding {0}")]
    Binding(TextError),
    /// The location is no identifier.
    #[error("the location {0}")]
    Location(TextError),
    /// Browsers are sent to `https` and `http` only.
    #[error("the location starts with neither https:// nor http://")]
    LocationScheme,
}

impl EndpointError {
    /// The stable name of the error, for logs and records.
    #[must_use]
    pub const fn code(&self) -> &'static str {
        match self {
            Self::Binding(_) => "endpoint.binding",
            Self::Location(_) => "endpoint.location",
            Self::LocationScheme => "endpoint.location_scheme",
        }
    }
}

/// A URL that a browser may be sent to.
pub(crate) fn check_location(location: &str) -> Result<(), EndpointError> {
    check_identifier(location).map_err(EndpointError::Location)?;
    if location.starts_with("https://") || location.starts_with("http://") {
        Ok(())
    } else {
        Err(EndpointError::LocationScheme)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_browser_is_sent_to_web_addresses_only() {
        let new = |location: &str| Endpoint::new("urn:b", location).err();
        assert_eq!(new("https://idp.example/slo"), None);
        assert_eq!(new("http://localhost:8080/slo"), None);
        for location in [
            "javascript:alert(1)",
            "/slo",
            "data:text/html,x",
            "ftp://a.example",
        ] {
            assert_eq!(new(location), Some(EndpointError::LocationScheme));
        }
        assert_eq!(new(""), Some(EndpointError::Location(TextError::Empty)));
        let endpoint = Endpoint::new("urn:b", "https://idp.example/slo").unwrap();
        assert_eq!(endpoint.response_location(), "https://idp.example/slo");
        assert!(
            endpoint
                .clone()
                .with_response_location("javascript:alert(1)")
                .is_err()
        );
        let endpoint = endpoint
            .with_response_location("https://idp.example/slo/answer")
            .unwrap();
        assert_eq!(
            endpoint.response_location(),
            "https://idp.example/slo/answer"
        );
        assert_eq!(endpoint.location(), "https://idp.example/slo");
    }
}
