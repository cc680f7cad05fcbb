//! The identity provider that a command is about, out of its metadata.

use clap::Args;
use countersign::saml::{IdentityProvider, Metadata, MetadataPolicy};

use crate::input::{InputPath, Unreadable, read_whole};

/// Which identity provider.
#[derive(Debug, Args)]
pub(super) struct Provider {
    /// The identity provider's metadata.
    #[arg(long, value_name = "FILE", visible_alias = "metadata")]
    idp_metadata: InputPath,
    /// The identity provider that is meant, where the metadata holds several.
    #[arg(long, value_name = "ID")]
    idp_entity_id: Option<String>,
}

impl Provider {
    /// The one that is named, or the only one.
    pub(super) fn read(&self) -> Result<IdentityProvider, Unreadable> {
        let policy = MetadataPolicy::for_federation();
        let xml = read_whole(&self.idp_metadata, policy.limits().max_bytes)?;
        Metadata::parse(&xml, &policy)
            .and_then(|metadata| {
                match &self.idp_entity_id {
                    Some(entity_id) => metadata.identity_provider(entity_id),
                    None => metadata.sole_identity_provider(),
                }
                .cloned()
            })
            .map_err(|error| Unreadable::new(self.idp_metadata.display(), error))
    }
}
