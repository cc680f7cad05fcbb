//! Sign-in and logout with SimpleSAMLphp, which runs beside the test.

use std::time::Duration;

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use countersign_core::VerifiedIdentity;
use countersign_dsig::sign::SigningKey;
use countersign_saml::RejectCode::*;
use countersign_saml::binding::{Binding, Outbound, RelayState};
use countersign_saml::logout::{self, LogoutOutcome, LogoutRequest, LogoutResponse, LogoutStatus};
use countersign_saml::{
    AuthnRequest, Expect, IdentityProvider, Inbound, MultiFactor, PendingRequest, Rejection,
    RequestedAuthnContext, ServiceProvider,
};
use countersign_testkit::keys;
use countersign_testkit::providers::SimpleSamlPhp;
use pollster::block_on;
use tempfile::TempDir;

use crate::browser::{Browser, End, Form};
use crate::support::{ACS, SP, refused_as, sp};
use crate::{SLO, clock, fresh_id, is_the_nurse, our_key, our_sp, query_of};

/// What a relay state may hold, and more than one reader gets wrong.
const RELAY_STATE: &str = "order 7 & <more>+%20'\"é";

/// SimpleSAMLphp insists on signed requests.
const SIGNED_REQUESTS: &[(&str, &str)] = &[("SIMPLESAMLPHP_WANTS_SIGNED_REQUESTS", "yes")];

/// A running SimpleSAMLphp that knows our service provider.
struct Site {
    server: SimpleSamlPhp,
    /// As its own metadata describes it.
    idp: IdentityProvider,
    _state: TempDir,
}

impl Site {
    fn start(sp: &ServiceProvider, settings: &[(&str, &str)]) -> Self {
        let state = tempfile::tempdir().unwrap();
        let sp_metadata = sp.metadata().to_xml();
        let server = SimpleSamlPhp::start(state.path(), sp_metadata.as_bytes(), settings);
        let metadata = format!("{}/saml2/idp/metadata.php", server.url());
        let metadata = Browser::new(server.url()).open(&metadata).page();
        let idp = IdentityProvider::from_metadata(metadata.as_bytes())
            .unwrap_or_else(|error| panic!("{error}: {metadata}"));
        Self {
            server,
            idp,
            _state: state,
        }
    }

    fn url(&self, path: &str) -> String {
        format!("{}/{path}", self.server.url())
    }

    fn browser(&self) -> Browser<'_> {
        Browser::new(self.server.url())
    }

    /// A request to it, to be made up.
    fn request<'a>(&'a self, sp: &'a ServiceProvider) -> AuthnRequest<'a> {
        AuthnRequest::new(sp, &self.idp, fresh_id(), clock())
            .relay_state(RelayState::new(RELAY_STATE).unwrap())
    }
}

/// Sends the browser away with a request, by redirect.
fn go(browser: &Browser<'_>, request: AuthnRequest<'_>) -> (End, PendingRequest) {
    let (url, pending) = block_on(request.redirect()).unwrap();
    (browser.open(url.as_str()), pending)
}

/// The form that SimpleSAMLphp sends us, verified as the answer to `pending`.
fn arrive(
    site: &Site,
    sp: &ServiceProvider,
    form: &Form,
    pending: &PendingRequest,
) -> Result<VerifiedIdentity, Rejection> {
    assert_eq!(form.action, ACS);
    let body = form.body();
    countersign_saml::verify(
        sp,
        &site.idp,
        Inbound::Form(body.as_bytes()),
        Expect::Request(pending),
        clock(),
    )
    .map(|verified| verified.insecure_without_replay_check().into_identity())
}

#[test]
#[ignore = "runs simplesamlphp and curl; cargo xtask test runs it"]
fn a_sign_in_that_we_start_with_a_signed_redirect() {
    let sp = our_sp();
    let site = Site::start(&sp, SIGNED_REQUESTS);
    let key = our_key();
    let (end, pending) = go(&site.browser(), site.request(&sp).signed_by(&key));
    let form = Form::of(&end.page());
    assert_eq!(form.field("RelayState"), Some(RELAY_STATE));
    let identity = arrive(&site, &sp, &form, &pending).unwrap();
    assert_eq!(
        identity.evidence().signed().unwrap().signed_element,
        "Response"
    );
    is_the_nurse(identity.claims());

    let same_state = RelayState::new(RELAY_STATE).unwrap();
    let other = PendingRequest::new("_other").unwrap();
    let other = other.with_relay_state(&same_state);
    refused_as(InResponseToMismatch, arrive(&site, &sp, &form, &other));
    let other_state = RelayState::new("order 8").unwrap();
    let other = PendingRequest::new(pending.id()).unwrap();
    let other = other.with_relay_state(&other_state);
    refused_as(RelayStateMismatch, arrive(&site, &sp, &form, &other));
}

/// The same by a form, with the signature in the message.
#[test]
#[ignore = "runs simplesamlphp and curl; cargo xtask test runs it"]
fn a_sign_in_that_we_start_with_a_signed_form() {
    let sp = our_sp();
    let site = Site::start(&sp, SIGNED_REQUESTS);
    let key = our_key();
    let request = site.request(&sp).signed_by(&key);
    let (form, pending) = block_on(request.post()).unwrap();
    // From our page, as the browser reads it.
    let form = Form::of(&form.html());
    let end = site.browser().post(&form.action, &form.fields());
    let form = Form::of(&end.page());
    is_the_nurse(arrive(&site, &sp, &form, &pending).unwrap().claims());
}

#[test]
#[ignore = "runs simplesamlphp and curl; cargo xtask test runs it"]
fn a_sign_in_that_we_start_with_an_unsigned_redirect() {
    // Without a signing certificate, so that our metadata promises no signatures.
    let sp = sp();
    let site = Site::start(&sp, &[]);
    let (end, pending) = go(&site.browser(), site.request(&sp));
    let form = Form::of(&end.page());
    is_the_nurse(arrive(&site, &sp, &form, &pending).unwrap().claims());
}

#[test]
#[ignore = "runs simplesamlphp and curl; cargo xtask test runs it"]
fn simplesamlphp_refuses_a_request_without_the_signature_that_we_promised() {
    let sp = our_sp();
    let site = Site::start(&sp, SIGNED_REQUESTS);
    let stranger = SigningKey::from_pkcs8(keys::IDP_RSA_2048_PKCS8).unwrap();
    let (end, _) = go(&site.browser(), site.request(&sp).signed_by(&stranger));
    assert!(!end.page().contains("SAMLResponse"));
    let unsigned = site.request(&sp).unsigned_although_signing_is_wanted();
    let (end, _) = go(&site.browser(), unsigned);
    assert!(!end.page().contains("SAMLResponse"));
}

#[test]
#[ignore = "runs simplesamlphp and curl; cargo xtask test runs it"]
fn what_a_request_asks_for_is_held_against_the_answer() {
    let sp = sp();
    let site = Site::start(&sp, &[]);
    let browser = site.browser();

    // Nobody is signed in, and nobody may be asked.
    let (end, pending) = go(&browser, site.request(&sp).passive());
    let result = arrive(&site, &sp, &Form::of(&end.page()), &pending);
    refused_as(NoPassive, result);

    // It knows a password and no second factor.
    let second_factor = RequestedAuthnContext::multi_factor(MultiFactor::Refeds);
    let request = site.request(&sp).authn_context(second_factor);
    let (end, pending) = go(&browser, request);
    let result = arrive(&site, &sp, &Form::of(&end.page()), &pending);
    refused_as(AuthnContextMismatch, result);

    // Signed in before, and now anew.
    let (end, pending) = go(&browser, site.request(&sp).force_authn());
    assert!(pending.fresh_login_since().is_some());
    let result = arrive(&site, &sp, &Form::of(&end.page()), &pending);
    is_the_nurse(result.unwrap().claims());
}

#[test]
#[ignore = "runs simplesamlphp and curl; cargo xtask test runs it"]
fn a_sign_in_with_an_encrypted_assertion() {
    let sp = our_sp();
    let site = Site::start(&sp, &[("SIMPLESAMLPHP_ENCRYPTS", "yes")]);
    let key = our_key();
    let (end, pending) = go(&site.browser(), site.request(&sp).signed_by(&key));
    let form = Form::of(&end.page());
    let xml = STANDARD
        .decode(form.field("SAMLResponse").unwrap())
        .unwrap();
    let xml = String::from_utf8(xml).unwrap();
    assert!(xml.contains("xmlenc#aes128-cbc") && !xml.contains("nurse-7"));
    is_the_nurse(arrive(&site, &sp, &form, &pending).unwrap().claims());

    refused_as(NoDecryptionKey, arrive(&site, &self::sp(), &form, &pending));
}

#[test]
#[ignore = "runs simplesamlphp and curl; cargo xtask test runs it"]
fn a_sign_in_that_simplesamlphp_starts() {
    let sp = our_sp();
    let site = Site::start(&sp, &[]);
    let url = site.url(&format!("saml2/idp/SSOService.php?spentityid={SP}"));
    let form = Form::of(&site.browser().open(&url).page());
    assert_eq!(form.action, ACS);
    let body = form.body();
    let verified = countersign_saml::verify(
        &sp,
        &site.idp,
        Inbound::Form(body.as_bytes()),
        Expect::Unsolicited,
        clock(),
    );
    let login = verified.unwrap().insecure_without_replay_check();
    is_the_nurse(login.identity().claims());
}

/// Signs the nurse in.
fn sign_in(site: &Site, browser: &Browser<'_>, sp: &ServiceProvider) -> VerifiedIdentity {
    let key = our_key();
    let (end, pending) = go(browser, site.request(sp).signed_by(&key));
    arrive(site, sp, &Form::of(&end.page()), &pending).unwrap()
}

/// Whether SimpleSAMLphp has a session with this browser.
fn is_signed_in(site: &Site, browser: &Browser<'_>, sp: &ServiceProvider) -> bool {
    let key = our_key();
    let (end, pending) = go(browser, site.request(sp).passive().signed_by(&key));
    match arrive(site, sp, &Form::of(&end.page()), &pending) {
        Ok(_) => true,
        Err(rejection) => {
            assert_eq!(rejection.reject_code(), NoPassive, "{rejection}");
            false
        }
    }
}

/// Takes a message of ours to SimpleSAMLphp.
fn take(browser: &Browser<'_>, message: &Outbound) -> End {
    match message {
        Outbound::Redirect(url) => browser.open(url.as_str()),
        Outbound::Post(form) => {
            let form = Form::of(&form.html());
            browser.post(&form.action, &form.fields())
        }
    }
}

#[test]
#[ignore = "runs simplesamlphp and curl; cargo xtask test runs it"]
fn a_logout_that_we_start() {
    let sp = our_sp();
    let site = Site::start(&sp, SIGNED_REQUESTS);
    for binding in [Binding::Redirect, Binding::Post] {
        let browser = site.browser();
        let identity = sign_in(&site, &browser, &sp);
        let claims = identity.claims();
        let name_id = &claims.name_id;
        let request = LogoutRequest::new(&sp, &site.idp, binding, name_id, &fresh_id(), clock());
        let request = request
            .unwrap()
            .with_session_index(claims.session_index.clone().unwrap())
            .with_relay_state(RelayState::new(RELAY_STATE).unwrap());

        // Not with anybody's signature.
        let stranger = SigningKey::from_pkcs8(keys::IDP_RSA_2048_PKCS8).unwrap();
        let forged = block_on(request.send(&stranger)).unwrap();
        take(&browser, &forged).page();
        assert!(is_signed_in(&site, &browser, &sp));

        let message = block_on(request.send(&our_key())).unwrap();
        let url = take(&browser, &message).away();
        assert!(url.starts_with(SLO), "{url}");
        let answer = Inbound::RedirectQuery(query_of(&url).as_bytes());
        let pending = request.pending();
        let outcome = logout::verify_response(&sp, &site.idp, answer, &pending, clock()).unwrap();
        assert_eq!(outcome, LogoutOutcome::Complete);
        assert!(!is_signed_in(&site, &browser, &sp));

        // The answer to another request, and a changed one.
        let other = LogoutRequest::new(&sp, &site.idp, binding, name_id, &fresh_id(), clock());
        let other = other
            .unwrap()
            .with_relay_state(RelayState::new(RELAY_STATE).unwrap())
            .pending();
        let rejection =
            logout::verify_response(&sp, &site.idp, answer, &other, clock()).unwrap_err();
        assert_eq!(rejection.reject_code(), InResponseToMismatch, "{rejection}");
        let changed = query_of(&url).replace("order", "ordex");
        let answer = Inbound::RedirectQuery(changed.as_bytes());
        assert!(logout::verify_response(&sp, &site.idp, answer, &pending, clock()).is_err());
    }
}

#[test]
#[ignore = "runs simplesamlphp and curl; cargo xtask test runs it"]
fn a_logout_that_simplesamlphp_starts() {
    let sp = our_sp();
    let site = Site::start(&sp, SIGNED_REQUESTS);
    let browser = site.browser();
    let identity = sign_in(&site, &browser, &sp);
    let home = site.url("saml2/idp/metadata.php");
    let start = site.url(&format!("saml2/idp/initSLO.php?RelayState={home}"));

    let url = browser.open(&start).away();
    assert!(url.starts_with(SLO), "{url}");
    let query = query_of(&url);
    let message = Inbound::RedirectQuery(query.as_bytes());
    let verified = logout::verify_request(&sp, &site.idp, message, clock()).unwrap();
    let logout = verified.insecure_without_replay_check();
    let claims = identity.claims();
    assert_eq!(logout.name_id(), &claims.name_id);
    assert!(logout.ends(claims.session_index.as_deref()));
    assert!(!logout.ends(Some("another session")));

    let (unsigned, _) = query.split_once("&SigAlg=").unwrap();
    let message = Inbound::RedirectQuery(unsigned.as_bytes());
    let rejection = logout::verify_request(&sp, &site.idp, message, clock()).unwrap_err();
    assert_eq!(rejection.reject_code(), Unsigned, "{rejection}");

    let answer = LogoutResponse::new(
        &sp,
        &site.idp,
        Binding::Redirect,
        &logout,
        LogoutStatus::Complete,
        &fresh_id(),
        clock(),
    );
    let message = block_on(answer.unwrap().send(&our_key())).unwrap();
    assert!(take(&browser, &message).page().contains("IDPSSODescriptor"));
    assert!(!is_signed_in(&site, &browser, &sp));
}

#[test]
#[ignore = "runs simplesamlphp; cargo xtask test runs it"]
fn simplesamlphp_ends_with_its_test() {
    let site = Site::start(&sp(), &[]);
    let address = site.url("").replace("http://", "").replace('/', "");
    std::net::TcpStream::connect(&address).unwrap();
    drop(site);
    // The kernel ends PHP after the process that watches it.
    let listens = || std::net::TcpStream::connect(&address).is_ok();
    let mut patience = 250;
    while listens() {
        patience -= 1;
        assert!(patience > 0, "it still listens at {address}");
        std::thread::sleep(Duration::from_millis(20));
    }
}
