//! Keys that the host holds itself, each kept in a file and made if there is none yet.
//!
//! A real host has both in an HSM or a key service, behind the ports `Signer` and `KeyWrap`: then
//! they are in no file, and in no memory of this process.

use std::error::Error;
use std::fs::OpenOptions;
use std::io::Write as _;
use std::path::Path;

use countersign::audit::key_wrap::DATA_KEY_BYTES;
use countersign::audit::{Ed25519Signer, Entropy as _, LocalKeyWrap, SystemEntropy};

/// The key that signs the ledger's checkpoints.
pub(crate) fn log_signer(folder: &Path) -> Result<Ed25519Signer, Box<dyn Error>> {
    let pkcs8 = kept(&folder.join("log.key"), || Ok(Ed25519Signer::generate()?.1))?;
    Ok(Ed25519Signer::from_pkcs8(&pkcs8)?)
}

/// The key that wraps the keys of the accounts, which encrypt what is personal.
pub(crate) fn vault_key(folder: &Path) -> Result<LocalKeyWrap, Box<dyn Error>> {
    let key = kept(&folder.join("vault.key"), || {
        let mut key = [0; DATA_KEY_BYTES];
        SystemEntropy::new().fill(&mut key)?;
        Ok(key.to_vec())
    })?;
    let key = key.try_into().map_err(|_| "vault.key holds no key")?;
    Ok(LocalKeyWrap::new("quickstart", key))
}

/// What the file holds; a new file that nobody else reads gets what `make` gives.
fn kept(
    path: &Path,
    make: impl FnOnce() -> Result<Vec<u8>, Box<dyn Error>>,
) -> Result<Vec<u8>, Box<dyn Error>> {
    if path.exists() {
        return Ok(std::fs::read(path)?);
    }
    let key = make()?;
    let mut options = OpenOptions::new();
    options.write(true).create_new(true);
    #[cfg(unix)]
    std::os::unix::fs::OpenOptionsExt::mode(&mut options, 0o600);
    options.open(path)?.write_all(&key)?;
    Ok(key)
}
