//! What the command line says.

use std::io;
use std::path::PathBuf;
use std::time::{SystemTime, UNIX_EPOCH};

use clap::{Parser, ValueEnum};
use countersign::saml::SignedPart;
use countersign::{ConnectionId, Timestamp};

/// The whole walk once: a signed response becomes an account, a role, a signature and a proof.
#[derive(Debug, Parser)]
pub(crate) struct Arguments {
    /// Where the database, the bundle and the log's key go; a fresh folder otherwise.
    #[arg(long, value_name = "DIR")]
    out: Option<PathBuf>,
    /// A real provider's response, in place of the test identity provider's.
    #[arg(
        long,
        value_name = "FILE",
        requires_all = ["idp_metadata", "sp_entity_id", "acs_url"]
    )]
    pub(crate) response: Option<PathBuf>,
    /// That provider's metadata.
    #[arg(long, value_name = "FILE", requires = "response")]
    pub(crate) idp_metadata: Option<PathBuf>,
    /// Our own entity id.
    #[arg(long, value_name = "ID", requires = "response")]
    pub(crate) sp_entity_id: Option<String>,
    /// Our assertion consumer service.
    #[arg(long, value_name = "URL", requires = "response")]
    pub(crate) acs_url: Option<String>,
    /// The clock; the machine's otherwise.
    #[arg(long, value_name = "RFC3339")]
    pub(crate) at: Option<Timestamp>,
    /// The request that the response answers; a stored response is taken at its word otherwise.
    #[arg(long, value_name = "ID", requires = "response")]
    pub(crate) request_id: Option<String>,
    /// Which signature has to count.
    #[arg(long, value_enum, default_value_t = Signature::Any)]
    pub(crate) signature: Signature,
    /// Your own policy, in place of one that gives everybody of the response's domain the role
    /// of a signer.
    #[arg(long, value_name = "FILE", requires_all = ["response", "connection"])]
    pub(crate) policy: Option<PathBuf>,
    /// The connection of that policy.
    #[arg(long, value_name = "NAME", requires = "policy")]
    pub(crate) connection: Option<ConnectionId>,
}

/// Which signature has to count.
#[derive(Debug, Clone, Copy, ValueEnum)]
pub(crate) enum Signature {
    /// Whichever is there; all that are there must verify.
    Any,
    /// The Response's.
    Response,
    /// The Assertion's, whatever the Response's signature says.
    Assertion,
}

impl From<Signature> for SignedPart {
    fn from(signature: Signature) -> Self {
        match signature {
            Signature::Any => Self::Any,
            Signature::Response => Self::Response,
            Signature::Assertion => Self::Assertion,
        }
    }
}

impl Arguments {
    /// The folder that was named, or a fresh one under the system's folder for such things.
    pub(crate) fn folder(&self) -> io::Result<PathBuf> {
        match &self.out {
            Some(folder) => {
                std::fs::create_dir_all(folder)?;
                Ok(folder.clone())
            }
            None => {
                #[allow(
                    clippy::disallowed_methods,
                    reason = "names a folder, and decides nothing"
                )]
                let now = SystemTime::now();
                let unique = now
                    .duration_since(UNIX_EPOCH)
                    .unwrap_or_default()
                    .as_nanos();
                let folder = std::env::temp_dir()
                    .join(format!("countersign-{}-{unique}", std::process::id()));
                // A folder that somebody else made there is not ours to write into.
                std::fs::create_dir(&folder)?;
                Ok(folder)
            }
        }
    }
}
