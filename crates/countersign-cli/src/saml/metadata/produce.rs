//! `countersign saml metadata produce`.

use std::time::Duration;

use clap::Args;
use countersign::dsig::sign::SigningOptions;
use countersign::dsig::signature::{SignaturePolicy, verify_enveloped};
use countersign::dsig::xml::{Document, Limits};
use countersign::saml::binding::Binding;
use countersign::saml::{
    Contact, ContactKind, Endpoint, Organization, ServiceProvider, ServiceProviderError,
    ServiceProviderMetadata, VerificationKey,
};
use countersign::{Timestamp, blocking};
use serde_json::json;

use crate::input::{InputPath, Unreadable};
use crate::key_file;
use crate::style::Page;
use crate::verdict::Verdict;

/// The bindings that logout is spoken with, at one URL.
const LOGOUT_BINDINGS: [Binding; 2] = [Binding::Redirect, Binding::Post];

/// What our metadata says.
#[derive(Debug, Args)]
pub(crate) struct Production {
    /// Our entity id.
    #[arg(long, value_name = "ID")]
    sp_entity_id: String,
    /// Our assertion consumer service.
    #[arg(long, value_name = "URL")]
    acs_url: String,
    /// Where we take logout messages, by redirect and by POST.
    #[arg(long, value_name = "URL")]
    slo_url: Option<String>,
    /// A certificate whose key signs our requests; may be given again.
    #[arg(long, value_name = "FILE")]
    sign_cert: Vec<InputPath>,
    /// A certificate whose key assertions may be encrypted to; may be given again.
    #[arg(long, value_name = "FILE")]
    encrypt_cert: Vec<InputPath>,
    /// Sign the metadata with this key (PKCS#8), which is that of the first --sign-cert.
    #[arg(long, value_name = "FILE", requires = "sign_cert")]
    sign_key: Option<InputPath>,
    /// A format of name identifiers that suits us, best first; may be given again.
    #[arg(long, value_name = "URI")]
    name_id_format: Vec<String>,
    /// Until when the metadata is valid.
    #[arg(long, value_name = "RFC3339")]
    valid_until: Option<Timestamp>,
    /// After how long it should be fetched again.
    #[arg(long, value_name = "SECONDS")]
    cache_duration: Option<u64>,
    /// The organization behind it.
    #[arg(long, value_name = "NAME", requires = "organization_url")]
    organization: Option<String>,
    /// A page about the organization.
    #[arg(long, value_name = "URL", requires = "organization")]
    organization_url: Option<String>,
    /// The e-mail address of whoever runs it.
    #[arg(long, value_name = "ADDRESS")]
    technical_contact: Option<String>,
}

pub(super) fn run(production: &Production) -> Result<Verdict, Unreadable> {
    let misused = |error: ServiceProviderError| Unreadable::new("service provider", error);
    let mut sp = ServiceProvider::new(&production.sp_entity_id, &production.acs_url)
        .map_err(misused)?
        .with_name_id_formats(&production.name_id_format);
    if let Some(url) = &production.slo_url {
        for binding in LOGOUT_BINDINGS {
            let endpoint = Endpoint::new(binding.uri(), url)
                .map_err(|error| Unreadable::new("--slo-url", error))?;
            sp = sp.with_slo_location(endpoint);
        }
    }
    let mut first = None;
    for path in &production.sign_cert {
        let certificate = key_file::certificate(path)?;
        sp = sp
            .with_signing_certificate(&certificate.der)
            .map_err(misused)?;
        first.get_or_insert(certificate);
    }
    for path in &production.encrypt_cert {
        let certificate = key_file::certificate(path)?;
        sp = sp
            .with_encryption_certificate(&certificate.der)
            .map_err(misused)?;
    }
    let metadata = described(production, &sp);
    let xml = match (&production.sign_key, first) {
        (Some(path), Some(certificate)) => {
            let key = key_file::signing_key(path)?;
            let options = SigningOptions::default().certificate_der(&certificate.der);
            let signed = blocking::wait(metadata.to_signed_xml(&key, &options))
                .map_err(|error| Unreadable::new(path.display(), error))?;
            if !is_signed_by(&signed, certificate.key) {
                return Err(Unreadable::new(
                    path.display(),
                    "is not the key of the first --sign-cert",
                ));
            }
            String::from_utf8_lossy(&signed).into_owned()
        }
        _ => metadata.to_xml(),
    };
    Ok(Verdict::Accepted {
        json: json!({ "xml": xml }),
        text: Page::verbatim(xml),
    })
}

fn described<'a>(production: &Production, sp: &'a ServiceProvider) -> ServiceProviderMetadata<'a> {
    let mut metadata = sp.metadata();
    if let Some(at) = production.valid_until {
        metadata = metadata.valid_until(at);
    }
    if let Some(seconds) = production.cache_duration {
        metadata = metadata.cache_duration(Duration::from_secs(seconds));
    }
    if let (Some(name), Some(url)) = (&production.organization, &production.organization_url) {
        metadata = metadata.organization(Organization {
            name: name.clone(),
            display_name: name.clone(),
            url: url.clone(),
            language: "en".to_owned(),
        });
    }
    if let Some(email) = &production.technical_contact {
        metadata = metadata.contact(Contact {
            kind: ContactKind::Technical,
            given_name: None,
            surname: None,
            email: Some(email.clone()),
        });
    }
    metadata
}

fn is_signed_by(xml: &[u8], key: VerificationKey) -> bool {
    Document::parse(xml, &Limits::default()).is_ok_and(|document| {
        verify_enveloped(document.root(), &[key], &SignaturePolicy::default()).is_ok()
    })
}
