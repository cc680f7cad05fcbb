//! When a sign-in is not strong enough for a document: what to ask the person's identity provider
//! for.

use countersign_core::{ConnectionId, IdentityClaims};
use countersign_provision::Preset;
use countersign_provision::risk::{Needs, Strength};
use countersign_provision::store::SessionRecord;
use countersign_saml::{AuthnRequest, MultiFactor, RequestedAuthnContext, class, is_multi_factor};

use crate::engine::Engine;
use crate::error::EngineError;

impl Engine {
    /// Begins a request to a connection's identity provider for a sign-in that meets `needs`, as
    /// [`EngineError::NotStrongEnough`] gives them: several factors in the provider's
    /// own words,
    /// and a fresh login where an age is asked for. An answer that does not show it is refused.
    ///
    /// # Errors
    /// [`EngineError::UnknownConnection`] also for a connection without an identity provider: no
    /// mail makes a sign-in stronger.
    ///
    /// ```no_run
    /// # use countersign::{ConnectionId, Document, Engine, EngineError, Session};
    /// # async fn show(engine: Engine, acme: ConnectionId, session: Session, loan: Document)
    /// #     -> Result<(), Box<dyn std::error::Error>> {
    /// match engine.present(&session, &loan).await {
    ///     Err(EngineError::NotStrongEnough { needs, .. }) => {
    ///         let (url, pending) = engine.step_up(&acme, &needs)?.redirect().await?;
    ///         let kept = serde_json::to_string(&pending)?;
    ///         println!("Location: {url}"); // and back to the document after it
    ///     }
    ///     presented => { let presented = presented?; }
    /// }
    /// # Ok(())
    /// # }
    /// ```
    pub fn step_up(
        &self,
        connection: &ConnectionId,
        needs: &Needs,
    ) -> Result<AuthnRequest<'_>, EngineError> {
        let mut request = self.request(connection)?;
        if needs.multi_factor {
            let preset = self.policy().connection(connection);
            let preset = preset.map_or(Preset::GENERIC, |connection| connection.preset);
            request = request.authn_context(several_factors(preset));
        }
        if needs.max_age.is_some() {
            request = request.force_authn();
        }
        Ok(request)
    }
}

/// How a preset's provider calls several factors; `None` if presets do not tell.
fn dialect(preset: Preset) -> Option<MultiFactor> {
    let known = [
        (Preset::ENTRA_SAML, MultiFactor::Entra),
        (Preset::ADFS, MultiFactor::AdFs),
        (Preset::OKTA, MultiFactor::Okta),
    ];
    let mut known = known.into_iter();
    known.find_map(|(of, name)| (of == preset).then_some(name))
}

fn several_factors(preset: Preset) -> RequestedAuthnContext {
    dialect(preset).map_or_else(
        || RequestedAuthnContext::exact(class::MULTI_FACTOR),
        RequestedAuthnContext::multi_factor,
    )
}

/// How the person authenticated, in the word that says most of it. Entra ID and AD FS tell of
/// several factors in an attribute beside a class that says `Password`; from no other provider is
/// an attribute taken for that, since people may fill theirs in by themselves.
pub(crate) fn reached(preset: Preset, claims: &IdentityClaims) -> Option<String> {
    let class_ref = claims.authn_context.as_deref();
    let asked = dialect(preset).map(RequestedAuthnContext::multi_factor);
    let met = asked.filter(|asked| asked.is_met_by(class_ref, &claims.attributes));
    let named = met.as_ref().and_then(|asked| asked.class_refs().next());
    named.or(class_ref).map(str::to_owned)
}

/// How strong the sign-in of a session was.
pub(crate) fn strength(session: &SessionRecord) -> Strength {
    Strength {
        door: session.door,
        multi_factor: session
            .authn_context
            .as_deref()
            .is_some_and(is_multi_factor),
        authn_instant: session.authn_instant,
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use countersign_core::{Attribute, AttributeValue, NameId};

    const METHODS: &str = "http://schemas.microsoft.com/claims/authnmethodsreferences";

    fn claims(class_ref: &str, attribute: Option<&str>) -> IdentityClaims {
        let attribute = attribute.map(|value| Attribute {
            name: METHODS.to_owned(),
            name_format: None,
            friendly_name: None,
            values: vec![AttributeValue::Text(value.to_owned())],
        });
        IdentityClaims {
            issuer: "https://idp.example".to_owned(),
            name_id: NameId {
                value: "nurse".to_owned(),
                format: None,
                name_qualifier: None,
                sp_name_qualifier: None,
            },
            session_index: None,
            session_not_on_or_after: None,
            authn_instant: None,
            authn_context: Some(class_ref.to_owned()),
            attributes: attribute.into_iter().collect(),
        }
    }

    #[test]
    fn several_factors_in_an_attribute_count_from_microsoft_alone() {
        let told = claims(class::PASSWORD, Some(class::MICROSOFT_MULTIPLE));
        for preset in [Preset::ENTRA_SAML, Preset::ADFS] {
            let reached = reached(preset, &told).unwrap();
            assert!(is_multi_factor(&reached), "{preset:?}");
        }
        for preset in [Preset::OKTA, Preset::KEYCLOAK, Preset::GENERIC] {
            assert_eq!(reached(preset, &told).as_deref(), Some(class::PASSWORD));
        }
    }

    #[test]
    fn every_preset_takes_the_class_at_its_word() {
        for preset in Preset::ALL {
            let told = reached(preset, &claims(class::REFEDS_MFA, None));
            assert_eq!(told.as_deref(), Some(class::REFEDS_MFA));
            let told = reached(preset, &claims(class::PASSWORD, None));
            assert_eq!(told.as_deref(), Some(class::PASSWORD));
        }
    }
}
