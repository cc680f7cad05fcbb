//! Sign-in and logout with SimpleSAMLphp, which runs beside the test.

use countersign_saml::{Expect, IdentityProvider};
use countersign_testkit::providers::SimpleSamlPhp;
use tempfile::TempDir;

use crate::browser::{Browser, Form};
use crate::support::{ACS, SP, sp};
use crate::{clock, is_the_nurse};

/// A running SimpleSAMLphp that knows our service provider.
struct Site {
    server: SimpleSamlPhp,
    _state: TempDir,
}

impl Site {
    fn start(sp_metadata: &str, settings: &[(&str, &str)]) -> Self {
        let state = tempfile::tempdir().unwrap();
        let server = SimpleSamlPhp::start(state.path(), sp_metadata.as_bytes(), settings);
        Self {
            server,
            _state: state,
        }
    }

    fn url(&self, path: &str) -> String {
        format!("{}/{path}", self.server.url())
    }

    fn browser(&self) -> Browser<'_> {
        Browser::new(self.server.url())
    }

    /// The provider as its own metadata describes it.
    fn identity_provider(&self) -> IdentityProvider {
        let metadata = self
            .browser()
            .open(&self.url("saml2/idp/metadata.php"))
            .page();
        IdentityProvider::from_metadata(metadata.as_bytes())
            .unwrap_or_else(|error| panic!("{error}: {metadata}"))
    }
}

#[test]
#[ignore = "runs simplesamlphp and curl; cargo xtask test runs it"]
fn a_sign_in_that_simplesamlphp_starts() {
    let metadata = format!(
        r#"<EntityDescriptor xmlns="urn:oasis:names:tc:SAML:2.0:metadata" entityID="{SP}"><SPSSODescriptor protocolSupportEnumeration="urn:oasis:names:tc:SAML:2.0:protocol"><AssertionConsumerService Binding="urn:oasis:names:tc:SAML:2.0:bindings:HTTP-POST" Location="{ACS}" index="0"/></SPSSODescriptor></EntityDescriptor>"#
    );
    let site = Site::start(&metadata, &[]);
    let idp = site.identity_provider();
    let page = site
        .browser()
        .open(&site.url(&format!("saml2/idp/SSOService.php?spentityid={SP}")))
        .page();
    let form = Form::of(&page);
    assert_eq!(form.action, ACS);
    let response = form.field("SAMLResponse").unwrap();
    let verified = countersign_saml::verify(
        &sp(),
        &idp,
        countersign_saml::Inbound::Post(response.as_bytes()),
        Expect::Unsolicited,
        clock(),
    )
    .unwrap();
    is_the_nurse(
        verified
            .insecure_without_replay_check()
            .into_identity()
            .claims(),
    );
}

#[test]
#[ignore = "runs simplesamlphp; cargo xtask test runs it"]
fn simplesamlphp_ends_with_its_test() {
    let site = Site::start("<none/>", &[]);
    let address = site.url("").replace("http://", "").replace('/', "");
    std::net::TcpStream::connect(&address).unwrap();
    drop(site);
    assert!(std::net::TcpStream::connect(&address).is_err());
}
