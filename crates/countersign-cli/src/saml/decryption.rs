//! `--decrypt-key`: what is encrypted for us.

use clap::Args;
use countersign::saml::ServiceProvider;

use crate::input::{InputPath, Unreadable};
use crate::key_file;

/// The keys to what is encrypted.
#[derive(Debug, Args)]
pub(super) struct Decryption {
    /// A private key of ours (RSA, PKCS#8, PEM or DER) that identity providers encrypt to; may be
    /// given several times, and all are tried.
    #[arg(long = "decrypt-key", value_name = "FILE")]
    keys: Vec<InputPath>,
    /// Decrypt an assertion although the Response around it is not signed: AD FS sends it so. The
    /// signature on the assertion inside has to verify then.
    #[arg(long, requires = "keys")]
    insecure_decrypt_unsigned_response: bool,
}

impl Decryption {
    /// The service provider that has these keys.
    pub(super) fn provide(&self, mut sp: ServiceProvider) -> Result<ServiceProvider, Unreadable> {
        for path in &self.keys {
            for key in key_file::decryption_keys(path)? {
                sp = sp.with_decryption_key(key);
            }
        }
        Ok(if self.insecure_decrypt_unsigned_response {
            sp.insecure_decrypt_unsigned_response()
        } else {
            sp
        })
    }
}
