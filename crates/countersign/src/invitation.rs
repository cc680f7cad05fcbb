//! Invitations to sign one document: issued, opened, used in a sign-in, withdrawn.
//!
//! An invitation is a record and a [`Token`] for the link that the host sends. Opening the link
//! shows what it is for and uses nothing up. It is used in the one commit that signs the invited
//! person in, and what that session signs is the document of the invitation and no other. A
//! connection whose policy says `create.require_invitation = true` makes accounts for nobody else,
//! so that each of its accounts came with a documented signing.

use std::fmt;
use std::time::Duration;

use countersign_audit::invitation::{InvitationIssued, InvitationUsed, InvitationWithdrawn};
use countersign_audit::record::Recorded;
use countersign_audit::seal::Correlation;
use countersign_audit::session::SessionOpened;
use countersign_core::text::check_identifier;
use countersign_core::{
    ConnectionId, DocumentId, Door, Email, Invited, LeafHash, TenantId, TextError, Timestamp,
    UserId,
};
use countersign_provision::normalize;
use countersign_provision::store::Change;

use countersign_saml::{Expect, Inbound};

use crate::ceremony::Document;
use crate::email_door::{PendingEmail, ReturnedLink};
use crate::engine::Engine;
use crate::error::EngineError;
use crate::sign_in::SignIn;
use crate::token::{Browser, Issued, Minted, Token, TokenError};

/// Who is invited to sign what, and how that person has to come.
///
/// `Debug` shows no personal data.
#[derive(Clone, PartialEq, Eq)]
pub struct Invitation {
    tenant: TenantId,
    document: DocumentId,
    document_type: String,
    email: Email,
    name: Option<String>,
    door: Option<Door>,
    connection: Option<ConnectionId>,
    multi_factor: bool,
    lifetime: Duration,
    invited_by: Option<UserId>,
}

impl Invitation {
    /// Seven days: long enough for somebody who is away, short enough that a link found in an old
    /// mailbox opens nothing.
    pub const DEFAULT_LIFETIME: Duration = Duration::from_secs(7 * 24 * 60 * 60);

    /// Invites whoever is proved to have `address` to sign a document of this type, through any
    /// door.
    ///
    /// # Errors
    /// If the address is no e-mail address, or the type is no identifier.
    pub fn new(
        tenant: TenantId,
        document: DocumentId,
        document_type: &str,
        address: &str,
    ) -> Result<Self, TextError> {
        check_identifier(document_type)?;
        let email = normalize::email(address)?;
        if !normalize::is_mailable(&email) {
            return Err(TextError::NotAnEmail);
        }
        Ok(Self {
            tenant,
            document,
            document_type: document_type.to_owned(),
            email,
            name: None,
            door: None,
            connection: None,
            multi_factor: false,
            lifetime: Self::DEFAULT_LIFETIME,
            invited_by: None,
        })
    }

    /// Names the person, for whoever reads the invitation. Names are not compared: providers
    /// spell them in their own way.
    #[must_use]
    pub fn named(mut self, name: impl Into<String>) -> Self {
        self.name = Some(name.into());
        self
    }

    /// The person has to come through this door.
    #[must_use]
    pub fn through_door(mut self, door: Door) -> Self {
        self.door = Some(door);
        self
    }

    /// The person has to come through this connection.
    #[must_use]
    pub fn through(mut self, connection: ConnectionId) -> Self {
        self.connection = Some(connection);
        self
    }

    /// The person has to authenticate with several factors.
    #[must_use]
    pub fn with_multi_factor(mut self) -> Self {
        self.multi_factor = true;
        self
    }

    /// How long it is good; [`Invitation::DEFAULT_LIFETIME`] otherwise.
    #[must_use]
    pub fn lasting(mut self, lifetime: Duration) -> Self {
        self.lifetime = lifetime;
        self
    }

    /// The account that invites, for the record; the host's system otherwise.
    #[must_use]
    pub fn invited_by(mut self, user: UserId) -> Self {
        self.invited_by = Some(user);
        self
    }
}

impl fmt::Debug for Invitation {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Invitation")
            .field("tenant", &self.tenant)
            .field("document", &self.document)
            .field("document_type", &self.document_type)
            .finish_non_exhaustive()
    }
}

/// An invitation that is good: what it is for, and what it asks for.
///
/// `Debug` shows no personal data.
#[derive(Clone, PartialEq, Eq)]
pub struct OpenInvitation {
    entry: LeafHash,
    issued: InvitationIssued,
    email: Email,
    name: Option<String>,
}

impl OpenInvitation {
    pub(crate) fn read(issued: &Issued<InvitationIssued>) -> Result<Self, TokenError> {
        Ok(Self {
            entry: issued.recorded().leaf().hash(),
            issued: issued.body().clone(),
            email: issued.bound("email")?,
            name: issued.bound("name").ok(),
        })
    }

    /// The `invitation.issued` record.
    #[must_use]
    pub fn entry(&self) -> LeafHash {
        self.entry
    }

    /// The document that it is for.
    #[must_use]
    pub fn document(&self) -> &DocumentId {
        &self.issued.document
    }

    /// The document's type.
    #[must_use]
    pub fn document_type(&self) -> &str {
        &self.issued.document_type
    }

    /// Whose it is: where a link of the e-mail door goes.
    #[must_use]
    pub fn email(&self) -> &Email {
        &self.email
    }

    /// The name that the inviter gave.
    #[must_use]
    pub fn name(&self) -> Option<&str> {
        self.name.as_deref()
    }

    /// The door that the person has to come through.
    #[must_use]
    pub fn door(&self) -> Option<Door> {
        self.issued.door
    }

    /// The connection that the person has to come through.
    #[must_use]
    pub fn connection(&self) -> Option<&ConnectionId> {
        self.issued.connection.as_ref()
    }

    /// Whether the person has to authenticate with several factors.
    #[must_use]
    pub fn needs_multi_factor(&self) -> bool {
        self.issued.multi_factor
    }

    /// From this instant on it is not good any more.
    #[must_use]
    pub fn expires_at(&self) -> Timestamp {
        self.issued.token.expires_at
    }
}

impl fmt::Debug for OpenInvitation {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("OpenInvitation")
            .field("entry", &self.entry)
            .field("issued", &self.issued)
            .finish_non_exhaustive()
    }
}

/// The sign-in of somebody who was invited.
///
/// The invitation is used up in the commit that opens the session, and that session signs the
/// document of the invitation and no other. A person who is refused has used nothing up, so that a
/// stronger sign-in, say, can follow.
#[derive(Clone, Copy)]
pub struct InvitedSignIn<'a> {
    engine: &'a Engine,
    token: &'a str,
}

impl InvitedSignIn<'_> {
    /// As [`Engine::sign_in`].
    ///
    /// # Errors
    /// As there.
    pub async fn sign_in(
        &self,
        connection: &ConnectionId,
        message: Inbound<'_>,
        expect: Expect<'_>,
    ) -> Result<SignIn, EngineError> {
        self.engine
            .sign_in_carrying(connection, message, expect, Some(self.token))
            .await
    }

    /// As [`Engine::sign_in_by_email`].
    ///
    /// # Errors
    /// As there.
    pub async fn sign_in_by_email(
        &self,
        pending: &PendingEmail,
        token: &str,
    ) -> Result<SignIn, EngineError> {
        self.engine
            .redeem_link(ReturnedLink::of(pending, token), Some(self.token))
            .await
    }
}

impl fmt::Debug for InvitedSignIn<'_> {
    /// Without the token.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("InvitedSignIn").finish_non_exhaustive()
    }
}

impl Engine {
    /// Invites somebody to sign a document. What comes back goes into a link that the host sends to
    /// the address of the invitation.
    ///
    /// # Errors
    /// [`EngineError::Misuse`] if nobody could ever use it; or if the store fails or there are no
    /// random bytes.
    ///
    /// # Security
    /// The link shows to whoever has it who is invited to sign what, and lets nobody in by itself:
    /// the person has to sign in with the invited address all the same.
    pub async fn invite(&self, invitation: &Invitation) -> Result<Token, EngineError> {
        self.check_usable(invitation)?;
        let now = self.shared.clock.now();
        let expires_at = now.saturating_add(invitation.lifetime);
        let minted = Minted::for_any_browser(&*self.shared.entropy, expires_at)?;
        let body = InvitationIssued {
            document: invitation.document.clone(),
            document_type: invitation.document_type.clone(),
            door: invitation.door,
            connection: invitation.connection.clone(),
            multi_factor: invitation.multi_factor,
            token: minted.terms(),
        };
        let draft = body.draft(
            &invitation.email,
            invitation.name.as_deref(),
            invitation.invited_by.clone(),
        );
        let mut walk = self.unclaimed(self.begin(&invitation.tenant)?).await?;
        let (entry, recorded) = self.seal(&mut walk, draft, now)?.into_parts();
        let mut change = Change::new(invitation.tenant.clone());
        change.entries.push(entry);
        self.shared.users.commit(&change).await?;
        Ok(minted.issued_by(recorded.leaf().hash()))
    }

    /// The invitation that a person brought along, whatever became of it: whether it is good for the
    /// person is decided with everything else.
    pub(crate) async fn invited(
        &self,
        tenant: &TenantId,
        token: &str,
    ) -> Result<(Invited, Recorded<InvitationIssued>), EngineError> {
        let issued = self.known_token::<InvitationIssued>(tenant, token).await?;
        let open = OpenInvitation::read(&issued)?;
        let invited = Invited {
            entry: open.entry,
            email: open.email,
            door: open.issued.door,
            connection: open.issued.connection,
            multi_factor: open.issued.multi_factor,
            expires_at: open.issued.token.expires_at,
            is_spent: false,
        };
        Ok((invited, issued.recorded().clone()))
    }

    /// Whether the document is the one that the session was opened for, if it was for one.
    pub(crate) async fn check_invited(
        &self,
        session: &Recorded<SessionOpened>,
        document: &Document,
    ) -> Result<(), EngineError> {
        // [record.md §5]: assertion, account, invitation; §6, rule 8.
        let [_, _, used] = session.parents() else {
            return Ok(());
        };
        let used = self.recorded::<InvitationUsed>(*used).await?;
        let Some(issued) = used.parents().first() else {
            return Err(EngineError::Misuse {
                what: "an entry without its cause",
            });
        };
        let issued = self.recorded::<InvitationIssued>(*issued).await?;
        let invited = issued.body();
        if invited.document == *document.id() && invited.document_type == document.document_type() {
            return Ok(());
        }
        Err(EngineError::NotInvited {
            document: document.id().clone(),
            document_type: document.document_type().to_owned(),
        })
    }

    fn check_usable(&self, invitation: &Invitation) -> Result<(), EngineError> {
        let misuse = |what| Err(EngineError::Misuse { what });
        if let Some(id) = &invitation.connection {
            let connection = self.policy().connection(id);
            if connection.is_none_or(|connection| connection.tenant != invitation.tenant) {
                return Err(EngineError::UnknownConnection(id.clone()));
            }
        }
        if invitation.multi_factor && invitation.door == Some(Door::Email) {
            return misuse("an invitation that asks the e-mail door for several factors");
        }
        Ok(())
    }

    /// Shows what an invitation is for. It is not used up.
    ///
    /// # Errors
    /// [`EngineError::Token`] if it is not good, or if the store fails.
    pub async fn open_invitation(
        &self,
        tenant: &TenantId,
        token: &str,
    ) -> Result<OpenInvitation, EngineError> {
        let issued = self.read_token(tenant, token, Browser::Any).await?;
        Ok(OpenInvitation::read(&issued)?)
    }

    /// The sign-in of somebody who was invited, with the token of the invitation as it came back.
    ///
    /// ```no_run
    /// # async fn host(engine: countersign::Engine, acme: countersign::ConnectionId, token: &str,
    /// #     pending: countersign::saml::PendingRequest, body: &[u8]) -> Result<(), Box<dyn std::error::Error>> {
    /// use countersign::saml::{Expect, Inbound};
    ///
    /// let invited = engine.with_invitation(token);
    /// let ended = invited.sign_in(&acme, Inbound::Form(body), Expect::Request(&pending)).await?;
    /// # Ok(())
    /// # }
    /// ```
    #[must_use]
    pub fn with_invitation<'a>(&'a self, token: &'a str) -> InvitedSignIn<'a> {
        InvitedSignIn {
            engine: self,
            token,
        }
    }

    /// Takes an invitation back, by the record that issued it. `withdrawn_by` is the account that
    /// does it; the host's system if none is named.
    ///
    /// # Errors
    /// [`TokenError::Used`] if it was used or withdrawn before, [`TokenError::Invalid`] if it is no
    /// invitation of the tenant; or if the store fails.
    pub async fn withdraw_invitation(
        &self,
        tenant: &TenantId,
        invitation: LeafHash,
        withdrawn_by: Option<UserId>,
    ) -> Result<(), EngineError> {
        let issued = self.issued::<InvitationIssued>(tenant, invitation).await?;
        let issued = issued.recorded();
        let mut walk = Correlation::resume(issued).under_policy(self.policy().hash());
        let draft = InvitationWithdrawn::draft(issued, withdrawn_by);
        let now = self.shared.clock.now();
        let (entry, _) = self.seal(&mut walk, draft, now)?.into_parts();
        let mut change = Change::new(tenant.clone());
        change.spend.push(invitation);
        change.entries.push(entry);
        match self.shared.users.commit(&change).await {
            Ok(()) => Ok(()),
            Err(error) if error.is_conflict() => Err(TokenError::Used.into()),
            Err(error) => Err(error.into()),
        }
    }
}
