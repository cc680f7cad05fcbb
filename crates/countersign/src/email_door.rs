//! The e-mail door: a link for signers whose organization has no identity provider.
//!
//! [`Engine::challenge_email`] makes a token for an address, and the half of it that stays in the
//! browser that asked; the host mails the token and keeps the half.
//! [`Engine::sign_in_by_email`] takes both back, once. What comes out is a
//! [`VerifiedIdentity`] of the lower
//! [assurance](countersign_core::Assurance) `EmailOnly`, and from there on everything is as for
//! anybody else: the same decision, records and sessions.
//!
//! What a mailbox proves is little, so the door is narrow. An address in a domain that one of the
//! tenant's identity providers speaks for has to come through that provider; accounts that a
//! provider has vouched for are never found by an address; and no rule gives a privileged role to
//! people of this door.

use std::fmt;
use std::time::Duration;

use countersign_audit::assertion::AssertionRejected;
use countersign_audit::email::EmailChallenged;
use countersign_audit::seal::Correlation;
use countersign_core::{
    ConnectionId, Door, Email, IdentityClaims, MailedEvidence, NameId, Timestamp, VerifiedIdentity,
};
use countersign_provision::store::Change;
use countersign_provision::{ConnectionPolicy, Reason, email_door, normalize};
use serde::{Deserialize, Serialize};

use crate::arrival::{Arrival, Arrived, Proof};
use crate::ceremony::sha256;
use crate::engine::Engine;
use crate::error::EngineError;
use crate::sign_in::SignIn;
use crate::token::{Browser, BrowserHalf, Issued, Minted, Token, TokenError};

/// 15 minutes: long enough for mail that is slow, too short for mail that is found.
const LIFETIME: Duration = Duration::from_secs(15 * 60);

/// What asking for a link comes to.
///
/// # Security
/// It is the same for an address that has an account and for one that has none: nothing is looked
/// up, so that there is no difference in time either. What is refused is told by the address's
/// domain alone. (How long the mail takes is the host's: send it after the answer to the browser.)
#[derive(Debug, Clone)]
#[must_use]
#[allow(
    clippy::large_enum_variant,
    reason = "looked at once for each challenge and not kept"
)]
pub enum EmailChallenge {
    /// Mail the token, keep the half.
    Issued(IssuedChallenge),
    /// No mail is sent: the text is no address, its domain is not one of the connection's, or an
    /// identity provider speaks for it. It is not recorded, since anybody may ask.
    Refused(Reason),
}

/// A token to be mailed.
///
/// `Debug` shows neither the address nor the secrets.
#[derive(Clone)]
pub struct IssuedChallenge {
    /// Where the token goes: the address in canonical form, and no other spelling of it.
    pub to: Email,
    /// The token, for the link.
    pub token: Token,
    /// What stays in the browser's session.
    pub pending: PendingEmail,
}

impl fmt::Debug for IssuedChallenge {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("IssuedChallenge")
            .field("token", &self.token)
            .finish_non_exhaustive()
    }
}

/// A link that was asked for in this browser.
///
/// A host keeps it with serde where only the browser's own session finds it. A link that is opened
/// without it lets nobody in: an attacker who asks for a link with a victim's address gets nothing
/// from the victim's click.
#[derive(Debug, Clone, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct PendingEmail {
    connection: ConnectionId,
    browser: BrowserHalf,
}

impl PendingEmail {
    /// The connection whose door the link opens.
    #[must_use]
    pub fn connection(&self) -> &ConnectionId {
        &self.connection
    }
}

/// A link that came back.
pub(crate) struct ReturnedLink<'a> {
    connection: &'a ConnectionId,
    token: &'a str,
    browser: Browser<'a>,
}

impl<'a> ReturnedLink<'a> {
    pub(crate) fn of(pending: &'a PendingEmail, token: &'a str) -> Self {
        Self {
            connection: &pending.connection,
            token,
            browser: Browser::With(&pending.browser),
        }
    }
}

impl Engine {
    /// Makes a link for whoever reads the mail of `address`, good for 15 minutes and once. It is
    /// recorded as `email.challenged`, with the address committed to.
    ///
    /// # Errors
    /// [`EngineError::UnknownConnection`] if the connection is no e-mail door; or if the store
    /// fails or there are no random bytes.
    ///
    /// # Security
    /// Whoever may call this through the host can have mail sent to strangers and make the ledger
    /// grow: the host limits how often, for each address and for each caller.
    ///
    /// ```no_run
    /// # use countersign::email_door::EmailChallenge;
    /// # async fn ask(engine: countersign::Engine, visitors: countersign::ConnectionId, form: &str)
    /// #     -> Result<(), Box<dyn std::error::Error>> {
    /// # fn mail(to: &str, text: &str) {}
    /// if let EmailChallenge::Issued(issued) = engine.challenge_email(&visitors, form).await? {
    ///     mail(issued.to.as_str(), &format!("https://sign.example/in?t={}", issued.token.as_str()));
    ///     let kept = serde_json::to_string(&issued.pending)?; // into the browser's session
    /// }
    /// println!("If this address can sign in here, a mail is on its way.");
    /// # Ok(())
    /// # }
    /// ```
    pub async fn challenge_email(
        &self,
        connection: &ConnectionId,
        address: &str,
    ) -> Result<EmailChallenge, EngineError> {
        let rules = self.email_connection(connection)?;
        let now = self.shared.clock.now();
        let to = normalize::email(address).ok();
        let Some(to) = to.filter(normalize::is_mailable) else {
            return Ok(EmailChallenge::Refused(Reason::NoAddress));
        };
        if let Some(reason) = self.policy().refuses_mailbox(rules, &to, now) {
            return Ok(EmailChallenge::Refused(reason));
        }
        let expires_at = now.saturating_add(LIFETIME);
        let minted = Minted::for_this_browser(&*self.shared.entropy, expires_at)?;
        let body = EmailChallenged {
            connection: connection.clone(),
            token: minted.terms(),
        };
        let mut walk = self.unclaimed(self.begin(&rules.tenant)?).await?;
        let sealed = self.seal(&mut walk, body.draft(&to), now)?;
        let (entry, recorded) = sealed.into_parts();
        let mut change = Change::new(rules.tenant.clone());
        change.entries.push(entry);
        self.shared.users.commit(&change).await?;
        let (token, browser) = minted.issued_by(recorded.leaf().hash());
        Ok(EmailChallenge::Issued(IssuedChallenge {
            to,
            token,
            pending: PendingEmail {
                connection: connection.clone(),
                browser,
            },
        }))
    }

    /// Signs in whoever opened the link, in the browser that asked for it. The token is used up in
    /// the very commit that opens the session, or that records the refusal.
    ///
    /// # Errors
    /// As [`sign_in`](Self::sign_in). A token that is not good is no error: it is
    /// [`SignIn::Refused`] with a code of [`TokenError`].
    ///
    /// # Security
    /// Ask for a click on the page that the link opens, and call this from there: programs that
    /// look into mail open links too, though none has the browser's half.
    pub async fn sign_in_by_email(
        &self,
        pending: &PendingEmail,
        token: &str,
    ) -> Result<SignIn, EngineError> {
        self.redeem_link(ReturnedLink::of(pending, token), None)
            .await
    }

    /// The same in whichever browser the link is opened. The record says so
    /// ([`email_door::ANY_BROWSER`]).
    ///
    /// # Errors
    /// As [`sign_in_by_email`](Self::sign_in_by_email).
    ///
    /// # Security
    /// Whoever gets hold of the link is let in: by a forwarded mail, a scanner's log, or a victim
    /// who clicks on what an attacker asked for and is then in a session that the attacker may be
    /// waiting to talk into. Offer it only where people have to change devices.
    pub async fn insecure_sign_in_by_email_in_any_browser(
        &self,
        connection: &ConnectionId,
        token: &str,
    ) -> Result<SignIn, EngineError> {
        let link = ReturnedLink {
            connection,
            token,
            browser: Browser::Any,
        };
        self.redeem_link(link, None).await
    }

    pub(crate) async fn redeem_link(
        &self,
        link: ReturnedLink<'_>,
        invitation: Option<&str>,
    ) -> Result<SignIn, EngineError> {
        let rules = self.email_connection(link.connection)?;
        let read = self.read_link(rules, &link).await;
        let (issued, address) = match read {
            Ok(read) => read,
            Err(EngineError::Token(error)) => {
                let walk = self.begin(&rules.tenant)?;
                return self.reject_link(walk, &link, error).await;
            }
            Err(error) => return Err(error),
        };
        let now = self.shared.clock.now();
        let challenge = issued.recorded();
        let claims = claims(&address, link.browser, now);
        let spent = challenge.leaf().hash();
        let evidence = MailedEvidence { challenge: spent };
        let walk = Correlation::resume(challenge).under_policy(self.policy().hash());
        let identity = VerifiedIdentity::vouched_by_door(Door::Email, claims, evidence);
        let proved = (identity, Proof::Mailed(spent));
        let arrival = Arrival::new(link.connection, rules, proved, now, walk);
        let facts = rules.facts(&arrival.identity);
        match self.arrive(arrival, facts, invitation).await? {
            Arrived::Concluded(concluded) => Ok(concluded.into_sign_in()),
            // Somebody else was faster with the same link.
            Arrived::Void(_) => {
                let walk = self.begin(&rules.tenant)?;
                self.reject_link(walk, &link, TokenError::Used).await
            }
        }
    }

    async fn read_link(
        &self,
        rules: &ConnectionPolicy,
        link: &ReturnedLink<'_>,
    ) -> Result<(Issued<EmailChallenged>, Email), EngineError> {
        let issued = self
            .read_token::<EmailChallenged>(&rules.tenant, link.token, link.browser)
            .await?;
        if issued.body().connection != *link.connection {
            return Err(TokenError::Invalid.into());
        }
        let address = issued.bound("email")?;
        Ok((issued, address))
    }

    async fn reject_link(
        &self,
        walk: Correlation,
        link: &ReturnedLink<'_>,
        error: TokenError,
    ) -> Result<SignIn, EngineError> {
        let body = AssertionRejected {
            door: Door::Email,
            connection: link.connection.clone(),
            code: error.code().to_owned(),
            received_sha256: sha256(link.token.as_bytes()),
        };
        let now = self.shared.clock.now();
        self.reject(walk, body, error.code(), error.to_string(), now)
            .await
    }

    fn email_connection(&self, id: &ConnectionId) -> Result<&ConnectionPolicy, EngineError> {
        let rules = self.door(id)?;
        match rules.door {
            Door::Email => Ok(rules),
            _ => Err(EngineError::UnknownConnection(id.clone())),
        }
    }
}

/// What an opened link says of a person.
fn claims(address: &Email, browser: Browser<'_>, now: Timestamp) -> IdentityClaims {
    let context = match browser {
        Browser::With(_) => email_door::SAME_BROWSER,
        Browser::Any => email_door::ANY_BROWSER,
    };
    IdentityClaims {
        issuer: email_door::ISSUER.to_owned(),
        name_id: NameId {
            value: address.as_str().to_owned(),
            format: Some(email_door::NAME_ID_FORMAT.to_owned()),
            name_qualifier: None,
            sp_name_qualifier: None,
        },
        session_index: None,
        session_not_on_or_after: None,
        authn_instant: Some(now),
        authn_context: Some(context.to_owned()),
        attributes: Vec::new(),
    }
}
