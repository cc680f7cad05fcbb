//! `countersign saml metadata show`.

use std::time::Duration;

use clap::Args;
use countersign::dsig::key::KeyFamily;
use countersign::saml::{
    Endpoint, IdentityProvider, Metadata, MetadataError, MetadataPolicy, VerificationKey,
};
use countersign::{Clock, SystemClock, Timestamp};
use serde_json::{Value, json};

use crate::input::{InputPath, Unreadable, read_whole};
use crate::key_file;
use crate::text::visible;
use crate::verdict::Verdict;

/// How long before its end a certificate is worth a word: to replace one takes weeks.
const CERTIFICATE_NOTICE: Duration = Duration::from_secs(30 * 86_400);
/// The same for metadata, which is fetched again within days.
const METADATA_NOTICE: Duration = Duration::from_secs(2 * 86_400);

/// What is shown, and what of it has to hold.
#[derive(Debug, Args)]
pub(crate) struct Showing {
    /// The metadata; `-` reads standard input.
    metadata: InputPath,
    /// Show this identity provider alone, with everything that is known of it.
    #[arg(long, value_name = "ID")]
    entity_id: Option<String>,
    /// Refuse the metadata unless the key of this certificate signed it; may be given again.
    #[arg(long, value_name = "FILE")]
    signed_by: Vec<InputPath>,
    /// The clock to judge dates by; the system's clock otherwise.
    #[arg(long, value_name = "RFC3339")]
    at: Option<Timestamp>,
}

pub(super) fn run(showing: &Showing) -> Result<Verdict, Unreadable> {
    let policy = MetadataPolicy::for_federation();
    let xml = read_whole(&showing.metadata, policy.limits().max_bytes)?;
    let keys = showing
        .signed_by
        .iter()
        .map(|path| Ok(key_file::certificate(path)?.key))
        .collect::<Result<Vec<_>, Unreadable>>()?;
    let now = showing.at.unwrap_or_else(|| SystemClock.now());
    let read = if keys.is_empty() {
        Metadata::parse(&xml, &policy)
    } else {
        Metadata::verify(&xml, &keys, &policy, now)
    };
    let metadata = match read {
        Ok(metadata) => metadata,
        Err(error) => return Ok(refused(&error)),
    };
    match &showing.entity_id {
        None => Ok(all(&metadata, now)),
        Some(entity_id) => Ok(match metadata.identity_provider(entity_id) {
            Ok(idp) => shown(&metadata, &[idp], now),
            Err(error) => refused(&error),
        }),
    }
}

fn refused(error: &MetadataError) -> Verdict {
    use std::error::Error as _;
    let message = match error.source() {
        Some(source) => format!("{error}: {source}"),
        None => error.to_string(),
    };
    Verdict::refused(error.code(), message)
}

fn all(metadata: &Metadata, now: Timestamp) -> Verdict {
    let providers: Vec<_> = metadata.identity_providers().collect();
    if providers.is_empty() {
        return match metadata.sole_identity_provider() {
            Err(error) => refused(&error),
            Ok(_) => refused(&MetadataError::NoIdentityProvider),
        };
    }
    shown(metadata, &providers, now)
}

fn shown(metadata: &Metadata, providers: &[&IdentityProvider], now: Timestamp) -> Verdict {
    let mut text = match metadata.certificate_sha256() {
        Some(sha256) => format!("signed by the key of certificate {sha256}\n"),
        None => "UNVERIFIED: no signature was looked at\n".to_owned(),
    };
    if let [provider] = providers {
        describe(provider, now, &mut text);
    } else {
        for provider in providers {
            let warnings = match warnings(provider, now).len() {
                0 => String::new(),
                count => format!("  ({count} warnings)"),
            };
            let name = provider.display_name("en").unwrap_or_default();
            text.push_str(&format!(
                "{}  {}{warnings}\n",
                visible(provider.entity_id()),
                visible(name)
            ));
        }
    }
    for (name, error) in metadata.problems() {
        text.push_str(&format!("can not be used: {}: {error}\n", visible(name)));
    }
    let problems: Vec<_> = metadata
        .problems()
        .map(|(name, error)| {
            json!({ "entity_id": name, "code": error.code(), "message": error.to_string() })
        })
        .collect();
    Verdict::Accepted {
        json: json!({
            "metadata": {
                "certificate_sha256": metadata.certificate_sha256(),
                "valid_until": metadata.valid_until(),
                "identity_providers":
                    providers.iter().map(|idp| as_json(idp, now)).collect::<Vec<_>>(),
                "problems": problems,
            },
        }),
        text: text.into(),
    }
}

fn describe(idp: &IdentityProvider, now: Timestamp, text: &mut String) {
    let mut row = |name: &str, value: &str| {
        if !value.is_empty() {
            text.push_str(&format!("  {name:<15} {}\n", visible(value)));
        }
    };
    row("entity id", idp.entity_id());
    for (language, name) in idp.display_names() {
        row("name", &format!("{name} ({language})"));
    }
    for key in idp.keys() {
        row("signing key", &key_line(key));
    }
    if !idp.encryption_certificates().is_empty() {
        row(
            "encryption",
            &format!("{} certificates", idp.encryption_certificates().len()),
        );
    }
    for sso in idp.sso_locations() {
        row("sso", &format!("{}  {}", sso.location(), sso.binding()));
    }
    for slo in idp.slo_locations() {
        let answers = match slo.response_location() {
            same if same == slo.location() => String::new(),
            other => format!(", answers to {other}"),
        };
        row(
            "slo",
            &format!("{}{answers}  {}", slo.location(), slo.binding()),
        );
    }
    for format in idp.name_id_formats() {
        row("name id format", format);
    }
    for scope in idp.scopes() {
        let kind = if scope.is_regexp() { " (regexp)" } else { "" };
        row("scope", &format!("{}{kind}", scope.value()));
    }
    if idp.wants_authn_requests_signed() {
        row("wants", "signed requests");
    }
    if let Some(until) = idp.valid_until() {
        row("valid until", &until.to_string());
    }
    if let Some(duration) = idp.cache_duration() {
        row("fetch again", &format!("after {} s", duration.as_secs()));
    }
    for warning in warnings(idp, now) {
        row("WARNING", &warning);
    }
}

fn key_line(key: &VerificationKey) -> String {
    let dates = key.validity().map_or(String::new(), |validity| {
        format!("  {} to {}", validity.not_before, validity.not_after)
    });
    format!("{}  {}{dates}", fingerprint(key), family(key))
}

fn fingerprint(key: &VerificationKey) -> String {
    key.certificate_sha256()
        .map(|sha256| sha256.to_string())
        .unwrap_or_default()
}

fn family(key: &VerificationKey) -> String {
    match key.family() {
        KeyFamily::Rsa { bits } => format!("RSA {bits}"),
        KeyFamily::P256 => "P-256".to_owned(),
        KeyFamily::P384 => "P-384".to_owned(),
        KeyFamily::Ed25519 => "Ed25519".to_owned(),
        _ => "another kind".to_owned(),
    }
}

/// What an administrator should look at.
fn warnings(idp: &IdentityProvider, now: Timestamp) -> Vec<String> {
    let mut warnings = Vec::new();
    for key in idp.keys() {
        let certificate = fingerprint(key);
        if let KeyFamily::Rsa { bits } = key.family()
            && bits < 2048
        {
            warnings.push(format!(
                "{certificate}: RSA {bits} is too short and refused"
            ));
        }
        let Some(validity) = key.validity() else {
            continue;
        };
        if now > validity.not_after {
            warnings.push(format!("{certificate}: expired at {}", validity.not_after));
        } else if now < validity.not_before {
            warnings.push(format!(
                "{certificate}: not valid before {}",
                validity.not_before
            ));
        } else if now.saturating_add(CERTIFICATE_NOTICE) > validity.not_after {
            warnings.push(format!("{certificate}: expires at {}", validity.not_after));
        }
    }
    if let Some(until) = idp.valid_until() {
        if now >= until {
            warnings.push(format!("the metadata expired at {until}"));
        } else if now.saturating_add(METADATA_NOTICE) > until {
            warnings.push(format!("the metadata expires at {until}"));
        }
    }
    warnings
}

fn as_json(idp: &IdentityProvider, now: Timestamp) -> Value {
    let endpoints = |endpoints: &[Endpoint]| -> Vec<Value> {
        endpoints
            .iter()
            .map(|endpoint| {
                json!({
                    "binding": endpoint.binding(),
                    "location": endpoint.location(),
                    "response_location": endpoint.response_location(),
                })
            })
            .collect()
    };
    let keys: Vec<_> = idp
        .keys()
        .iter()
        .map(|key| {
            json!({
                "certificate_sha256": key.certificate_sha256(),
                "kind": family(key),
                "not_before": key.validity().map(|validity| validity.not_before),
                "not_after": key.validity().map(|validity| validity.not_after),
            })
        })
        .collect();
    let names: Vec<_> = idp
        .display_names()
        .iter()
        .map(|(language, name)| json!({ "language": language, "name": name }))
        .collect();
    let scopes: Vec<_> = idp
        .scopes()
        .iter()
        .map(|scope| json!({ "value": scope.value(), "regexp": scope.is_regexp() }))
        .collect();
    let artifact: Vec<_> = idp
        .artifact_resolution()
        .iter()
        .map(|resolution| {
            json!({
                "binding": resolution.endpoint.binding(),
                "location": resolution.endpoint.location(),
                "index": resolution.index,
                "is_default": resolution.is_default,
            })
        })
        .collect();
    json!({
        "entity_id": idp.entity_id(),
        "display_names": names,
        "signing_keys": keys,
        "encryption_certificates": idp.encryption_certificates().len(),
        "sso": endpoints(idp.sso_locations()),
        "slo": endpoints(idp.slo_locations()),
        "artifact_resolution": artifact,
        "name_id_formats": idp.name_id_formats(),
        "scopes": scopes,
        "entity_attributes": idp.entity_attributes(),
        "wants_authn_requests_signed": idp.wants_authn_requests_signed(),
        "valid_until": idp.valid_until(),
        "cache_duration_seconds": idp.cache_duration().map(|duration| duration.as_secs()),
        "warnings": warnings(idp, now),
    })
}
