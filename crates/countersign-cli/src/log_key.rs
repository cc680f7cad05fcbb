//! A log's public key, as an argument.

use std::path::Path;
use std::str::FromStr;

use countersign::audit::VerifierKey;

use crate::input::{Unreadable, read};

/// A verifier key has a name of at most 255 bytes, a hash and 33 bytes in Base64 [C2SP signed-note].
const LIMIT_BYTES: usize = 1024;

/// Reads `name+hash+base64`, or the file that holds it.
pub(crate) fn parse(argument: &str) -> Result<VerifierKey, Unreadable> {
    parse_as("--log-key", argument)
}

/// The same for the key that another option names.
pub(crate) fn parse_as<K: FromStr>(option: &str, argument: &str) -> Result<K, Unreadable> {
    if let Ok(key) = argument.trim().parse() {
        return Ok(key);
    }
    let path = Path::new(argument);
    if !path.is_file() {
        return Err(Unreadable::new(
            option,
            "is neither a verifier key nor a file that holds one",
        ));
    }
    let bytes = read(path, LIMIT_BYTES)?;
    String::from_utf8(bytes)
        .ok()
        .and_then(|text| text.trim().parse().ok())
        .ok_or_else(|| Unreadable::new(path.display(), "holds no verifier key"))
}
