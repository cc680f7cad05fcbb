//! Bound, single-use tokens: what goes into the link of an e-mail.
//!
//! There is no table of tokens. A token is *issued by a record*, which has the SHA-256 of its
//! secret, the instant that it ends at, and commitments to what it is bound to. To redeem one, the
//! engine finds that record by its leaf, compares the secret, and commits the record of the use
//! together with the leaf as spent: of two that redeem one token at once, one wins.
//!
//! The text is `base64url(leaf hash).base64url(secret)`. The leaf names a record that readers of
//! the ledger may know; the 32 random bytes of the secret are what counts.
//!
//! A token that is to come back to the browser that asked for it has a second secret,
//! [`BrowserHalf`], which never leaves that browser's session. Without it, an attacker could ask
//! for a link with a victim's address, and the victim's click would let the attacker in.

use std::fmt;
use std::str::FromStr;

use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use countersign_audit::commitment::Openings;
use countersign_audit::record::Recorded;
use countersign_audit::seal::Entropy;
use countersign_audit::store::EntryQuery;
use countersign_audit::token::{IssuesToken, TokenTerms};
use countersign_audit::{AuditError, VaultError};
use countersign_core::{LeafHash, Sha256Digest, TenantId, Timestamp};
use serde::de::DeserializeOwned;
use serde::{Deserialize, Serialize};
use subtle::ConstantTimeEq;
use thiserror::Error;

use crate::ceremony::sha256;
use crate::engine::Engine;
use crate::error::EngineError;

/// Bytes of a secret: as many as SHA-256 has, so that guessing one is as hard as a preimage.
const SECRET_BYTES: usize = 32;

/// Characters of 32 bytes in base64url without padding \[RFC 4648 §5\].
const PART_CHARS: usize = 43;

/// Why a token is not good.
///
/// Whoever does not have the right secret learns nothing but [`TokenError::Invalid`]: not whether
/// there is such a token, whose it is, or what became of it.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Error)]
#[non_exhaustive]
pub enum TokenError {
    /// Garbled, of another tenant or for something else, with a wrong secret, or without the
    /// openings of what it is bound to.
    #[error("the token is not good")]
    Invalid,
    /// The right one, too late.
    #[error("the token has expired")]
    Expired,
    /// The right one, used or withdrawn before.
    #[error("the token was used or withdrawn")]
    Used,
    /// The right one, in another browser than the one that it was asked for in.
    #[error("the token belongs to another browser")]
    OtherBrowser,
}

impl TokenError {
    /// A stable code for logs and records.
    ///
    /// # Security
    /// All but `token.invalid` are answers to somebody who has the token. That is still not
    /// necessarily the person whom it was sent to.
    #[must_use]
    pub fn code(self) -> &'static str {
        match self {
            Self::Invalid => "token.invalid",
            Self::Expired => "token.expired",
            Self::Used => "token.used",
            Self::OtherBrowser => "token.other_browser",
        }
    }
}

/// A token, as it goes into a link. Whoever has the text has the token.
#[derive(Clone)]
pub struct Token {
    text: String,
    entry: LeafHash,
    expires_at: Timestamp,
}

impl Token {
    /// The text for the link: letters, digits, `-`, `_` and one `.`, so that it needs no escaping
    /// in a URL.
    #[must_use]
    pub fn as_str(&self) -> &str {
        &self.text
    }

    /// The record that issued it.
    #[must_use]
    pub fn entry(&self) -> LeafHash {
        self.entry
    }

    /// From this instant on it is not good any more.
    #[must_use]
    pub fn expires_at(&self) -> Timestamp {
        self.expires_at
    }
}

impl fmt::Debug for Token {
    /// Without the secret.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Token")
            .field("entry", &self.entry)
            .field("expires_at", &self.expires_at)
            .finish_non_exhaustive()
    }
}

/// The half of a token that stays where only the browser's own session finds it.
///
/// A host stores it with serde, in its session or in a cookie that scripts can not read.
#[derive(Clone, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct BrowserHalf {
    entry: LeafHash,
    #[serde(with = "secret_text")]
    secret: Secret,
}

impl BrowserHalf {
    /// The record that issued the token.
    #[must_use]
    pub fn entry(&self) -> LeafHash {
        self.entry
    }
}

impl fmt::Debug for BrowserHalf {
    /// Without the secret.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("BrowserHalf")
            .field("entry", &self.entry)
            .finish_non_exhaustive()
    }
}

type Secret = [u8; SECRET_BYTES];

mod secret_text {
    use serde::de::Error as _;
    use serde::{Deserialize as _, Deserializer, Serializer};

    use super::{Secret, parse_part, write_part};

    pub(super) fn serialize<S: Serializer>(secret: &Secret, to: S) -> Result<S::Ok, S::Error> {
        to.serialize_str(&write_part(secret))
    }

    pub(super) fn deserialize<'de, D: Deserializer<'de>>(from: D) -> Result<Secret, D::Error> {
        let text = String::deserialize(from)?;
        parse_part(&text).ok_or_else(|| D::Error::custom("no secret of 32 bytes"))
    }
}

/// The secrets of a token whose record is still to be sealed.
pub(crate) struct Minted {
    secret: Secret,
    expires_at: Timestamp,
}

/// A token that is good together with its [`BrowserHalf`], whose record is still to be sealed.
pub(crate) struct MintedPair {
    token: Minted,
    browser: Secret,
}

impl Minted {
    /// A token that is good in any browser.
    pub(crate) fn for_any_browser(
        entropy: &dyn Entropy,
        expires_at: Timestamp,
    ) -> Result<Self, EngineError> {
        Ok(Self {
            secret: secret(entropy)?,
            expires_at,
        })
    }

    /// A token that is good together with its [`BrowserHalf`].
    pub(crate) fn for_this_browser(
        entropy: &dyn Entropy,
        expires_at: Timestamp,
    ) -> Result<MintedPair, EngineError> {
        Ok(MintedPair {
            token: Self::for_any_browser(entropy, expires_at)?,
            browser: secret(entropy)?,
        })
    }

    /// What the record says of it.
    pub(crate) fn terms(&self) -> TokenTerms {
        TokenTerms {
            browser_sha256: None,
            expires_at: self.expires_at,
            secret_sha256: sha256(&self.secret),
        }
    }

    /// The token, now that its record is sealed.
    pub(crate) fn issued_by(&self, entry: LeafHash) -> Token {
        Token {
            text: format!(
                "{}.{}",
                write_part(entry.as_bytes()),
                write_part(&self.secret)
            ),
            entry,
            expires_at: self.expires_at,
        }
    }
}

impl MintedPair {
    /// What the record says of it.
    pub(crate) fn terms(&self) -> TokenTerms {
        TokenTerms {
            browser_sha256: Some(sha256(&self.browser)),
            ..self.token.terms()
        }
    }

    /// The token and the browser's half, now that their record is sealed.
    pub(crate) fn issued_by(&self, entry: LeafHash) -> (Token, BrowserHalf) {
        let half = BrowserHalf {
            entry,
            secret: self.browser,
        };
        (self.token.issued_by(entry), half)
    }
}

fn secret(entropy: &dyn Entropy) -> Result<Secret, EngineError> {
    let mut secret = [0; SECRET_BYTES];
    entropy.fill(&mut secret).map_err(AuditError::from)?;
    Ok(secret)
}

fn write_part(bytes: &[u8; SECRET_BYTES]) -> String {
    URL_SAFE_NO_PAD.encode(bytes)
}

/// Exactly what [`write_part`] writes: 43 characters, whose unused last bits are zero. The decoder
/// takes neither padding nor other bits \[RFC 4648 §3.2, §3.5\].
fn parse_part(text: &str) -> Option<[u8; SECRET_BYTES]> {
    if text.len() != PART_CHARS {
        return None;
    }
    URL_SAFE_NO_PAD.decode(text).ok()?.try_into().ok()
}

/// A token that came back, before anything of it is believed.
#[derive(Clone)]
pub(crate) struct Returned {
    entry: LeafHash,
    secret: Secret,
}

impl FromStr for Returned {
    type Err = TokenError;

    fn from_str(text: &str) -> Result<Self, TokenError> {
        let (entry, secret) = text.split_once('.').ok_or(TokenError::Invalid)?;
        let entry = parse_part(entry).ok_or(TokenError::Invalid)?;
        let secret = parse_part(secret).ok_or(TokenError::Invalid)?;
        Ok(Self {
            entry: LeafHash::from_bytes(entry),
            secret,
        })
    }
}

/// Which browser a token came back in.
#[derive(Clone, Copy)]
pub(crate) enum Browser<'a> {
    /// Whichever: for tokens that are bound to none, and where a host says so by name.
    Any,
    /// The one whose session has this half.
    With(&'a BrowserHalf),
}

/// A token that was found good, and the record that issued it. It is not spent yet: the change that
/// uses it has to name its leaf in [`Change::spend`](countersign_provision::store::Change::spend).
pub(crate) struct Issued<K> {
    recorded: Recorded<K>,
    openings: Openings,
}

impl<K: IssuesToken> Issued<K> {
    /// The record that issued it.
    pub(crate) fn recorded(&self) -> &Recorded<K> {
        &self.recorded
    }

    /// What the record says.
    pub(crate) fn body(&self) -> &K {
        self.recorded.body()
    }

    /// A value that the token is bound to. Where its opening was erased, the token is not good any
    /// more: nothing says what it was for.
    pub(crate) fn bound<T: DeserializeOwned>(&self, field: &str) -> Result<T, TokenError> {
        self.recorded
            .open(field, &self.openings)
            .ok_or(TokenError::Invalid)
    }
}

impl Engine {
    /// Finds the token whose text it is, whatever became of it.
    pub(crate) async fn known_token<K: IssuesToken>(
        &self,
        tenant: &TenantId,
        text: &str,
    ) -> Result<Issued<K>, EngineError> {
        let returned: Returned = text.parse()?;
        let issued = self.issued::<K>(tenant, returned.entry).await?;
        if is_secret_of(&returned.secret, issued.body().token().secret_sha256) {
            Ok(issued)
        } else {
            Err(TokenError::Invalid.into())
        }
    }

    /// Finds a token good, or says why it is not. Nothing is spent.
    pub(crate) async fn read_token<K: IssuesToken>(
        &self,
        tenant: &TenantId,
        text: &str,
        browser: Browser<'_>,
    ) -> Result<Issued<K>, EngineError> {
        let issued = self.known_token::<K>(tenant, text).await?;
        let entry = issued.recorded().leaf().hash();
        let terms = issued.body().token();
        // From here on it is told to somebody who has the token.
        if self.shared.clock.now() >= terms.expires_at {
            return Err(TokenError::Expired.into());
        }
        if self.shared.users.is_spent(tenant, entry).await? {
            return Err(TokenError::Used.into());
        }
        if let Browser::With(half) = browser {
            // A token without a browser's half is not good where one is asked for.
            let belongs = |expected| half.entry == entry && is_secret_of(&half.secret, expected);
            if !terms.browser_sha256.is_some_and(belongs) {
                return Err(TokenError::OtherBrowser.into());
            }
        }
        Ok(issued)
    }

    /// The record that issues a token, whatever became of the token.
    pub(crate) async fn issued<K: IssuesToken>(
        &self,
        tenant: &TenantId,
        entry: LeafHash,
    ) -> Result<Issued<K>, EngineError> {
        let query = EntryQuery::Leaf(entry);
        let stored = self.shared.entries.entry(&query).await?;
        let stored = stored.ok_or(TokenError::Invalid)?.entry;
        let recorded = Recorded::<K>::parse(stored.bytes()).map_err(|_| TokenError::Invalid)?;
        // The store found it by a hash that it does not compute: this is where it is checked.
        if recorded.leaf().hash() != entry || recorded.tenant() != tenant {
            return Err(TokenError::Invalid.into());
        }
        let opened = self.ledger().reader().private_part(&stored).await;
        let openings = match opened {
            Ok(part) => part.unwrap_or_default().into_openings(),
            Err(AuditError::Vault(VaultError::Malformed { .. })) => {
                return Err(TokenError::Invalid.into());
            }
            Err(error) => return Err(error.into()),
        };
        Ok(Issued { recorded, openings })
    }
}

/// In constant time: how much of a guess is right must not show.
fn is_secret_of(secret: &Secret, expected: Sha256Digest) -> bool {
    let found = sha256(secret);
    found.as_bytes().ct_eq(expected.as_bytes()).into()
}

#[cfg(test)]
mod tests {
    use super::*;
    use countersign_audit::SystemEntropy;
    use proptest::prelude::*;

    fn minted() -> MintedPair {
        Minted::for_this_browser(&SystemEntropy::new(), Timestamp::UNIX_EPOCH).unwrap()
    }

    fn leaf(byte: u8) -> LeafHash {
        LeafHash::from_bytes([byte; 32])
    }

    #[test]
    fn a_token_comes_back_from_its_text() {
        let minted = minted();
        let (token, half) = minted.issued_by(leaf(7));
        assert_eq!(token.as_str().len(), 87);
        let returned: Returned = token.as_str().parse().unwrap();
        assert_eq!(returned.entry, leaf(7));
        assert!(is_secret_of(&returned.secret, minted.terms().secret_sha256));
        let expected = minted.terms().browser_sha256.unwrap();
        assert!(is_secret_of(&half.secret, expected));
        assert!(!is_secret_of(&half.secret, minted.terms().secret_sha256));
    }

    #[test]
    fn a_garbled_text_is_refused_with_one_answer() {
        let text = minted().issued_by(leaf(0)).0.as_str().to_owned();
        let (entry, secret) = text.split_once('.').unwrap();
        for bad in [
            String::new(),
            ".".to_owned(),
            entry.to_owned(),
            format!("{entry}{secret}"),
            format!("{entry}.{secret}="),
            format!("{entry}=.{secret}"),
            format!("{entry}.{secret}."),
            format!("{entry}..{secret}"),
            format!(" {text}"),
            format!("{text}\n"),
            format!("{entry}.{}", secret.get(1..).unwrap()),
            format!("{entry}.{secret}A"),
            // Another spelling of the same bytes: the last two bits are not used.
            format!("{}B.{secret}", entry.get(..42).unwrap()),
            format!("{}+.{secret}", entry.get(..42).unwrap()),
            format!("{}/.{secret}", entry.get(..42).unwrap()),
        ] {
            assert_eq!(
                bad.parse::<Returned>().err(),
                Some(TokenError::Invalid),
                "{bad:?}"
            );
        }
    }

    #[test]
    fn debug_shows_no_secret() {
        let (token, half) = minted().issued_by(leaf(7));
        let (_, secret) = token.as_str().split_once('.').unwrap();
        assert!(!format!("{token:?}").contains(secret));
        let kept = serde_json::to_value(&half).unwrap();
        let secret = kept["secret"].as_str().unwrap();
        assert!(!format!("{half:?}").contains(secret));
    }

    #[test]
    fn a_browsers_half_is_kept_and_read_back_strictly() {
        let half = minted().issued_by(leaf(7)).1;
        let kept = serde_json::to_string(&half).unwrap();
        let read: BrowserHalf = serde_json::from_str(&kept).unwrap();
        assert_eq!((read.entry, read.secret), (half.entry, half.secret));
        let longer = kept.replace("\"secret\":\"", "\"secret\":\"A");
        assert!(serde_json::from_str::<BrowserHalf>(&longer).is_err());
        let more = kept.replace('{', "{\"any\":true,");
        assert!(serde_json::from_str::<BrowserHalf>(&more).is_err());
    }

    proptest! {
        #[test]
        fn a_token_has_one_spelling(entry: [u8; 32], secret: [u8; 32], at in 0..87_usize, other in "[ -~]") {
            let minted = Minted { secret, expires_at: Timestamp::UNIX_EPOCH };
            let token = minted.issued_by(LeafHash::from_bytes(entry));
            let mut text = token.as_str().to_owned();
            text.replace_range(at..=at, &other);
            if let Ok(read) = text.parse::<Returned>() {
                let same = text == token.as_str();
                prop_assert_eq!(same, read.entry.as_bytes() == &entry && read.secret == secret);
            }
        }
    }
}
