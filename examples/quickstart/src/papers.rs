//! What the signer is shown.

use std::error::Error;

use countersign::audit::consent::AccessDemonstrated;
use countersign::{Consent, Sha256Digest};
use ring::digest::{SHA256, digest};

/// What is signed.
pub(crate) const NDA: &[u8] =
    b"Non-disclosure agreement: what you see on the ward stays on the ward.\n";

/// What a consumer is told before agreeing to electronic records \[15 USC 7001(c)\].
const DISCLOSURE: &str = "You will get this agreement as a file, which any reader of plain text \
    shows. You may have it on paper instead, at no cost: ask the ward. ";

/// How the consent is taken back.
const WITHDRAWAL: &str = "Write to the ward; what you have signed stays signed.";

/// What the signer agrees to, having read the disclosure on the same screen.
pub(crate) fn consent() -> Result<Consent, Box<dyn Error>> {
    let shown = digest(&SHA256, format!("{DISCLOSURE}{WITHDRAWAL}").as_bytes());
    Ok(Consent {
        scope: vec!["nda/*".parse()?],
        disclosure_sha256: Sha256Digest::from_bytes(shown.as_ref().try_into()?),
        disclosure_version: "1".to_owned(),
        paper_right: true,
        withdrawal: WITHDRAWAL.to_owned(),
        access_demonstrated: AccessDemonstrated {
            method: "read_disclosure_in_the_same_format".to_owned(),
            sha256: None,
        },
    })
}
