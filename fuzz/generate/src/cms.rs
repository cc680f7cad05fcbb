//! A seal, time-stamps, and what they are asked and trusted with. The keys are known to everybody,
//! and RSA signatures of PKCS#1 v1.5 are the same bytes in every run [RFC 8017 §8.2].

use countersign::Timestamp;
use countersign::cms::timestamp::{Imprint, read_response, request};
use countersign::cms::{DigestAlgorithm, cades};
use countersign_testkit::authority::{
    CertificateAuthority, CertificateSpec, Fault, KeyKind, SignedDataSpec, TimeStampAuthority, der,
};

use crate::{Failure, Seed};

/// What `fuzz_targets/cms_parse.rs` expects to be sealed and stamped, and when.
const CONTENT: &[u8] = b"a checkpoint";
const AT: &str = "2026-03-01T09:30:00Z";

pub(crate) fn structures() -> Result<Vec<Seed>, Failure> {
    let at: Timestamp = AT.parse()?;
    let root = CertificateAuthority::root(&CertificateSpec::authority("Test Root"), KeyKind::Rsa);
    let sealer = root.sealer("Sign Example", KeyKind::Rsa);
    let unsigned = cades::prepare(CONTENT, &sealer.chain(), at)?;
    let signature = sealer.sign(unsigned.to_be_signed());
    let seal = unsigned.finish(&signature)?;

    let own = root.issue(&CertificateSpec::time_stamping("Test Time"), KeyKind::Rsa);
    let authority = TimeStampAuthority::with_certificate(own, at);
    let request = request(&Imprint::of(DigestAlgorithm::Sha256, CONTENT), [7; 16]);
    let response = authority.answer(&request);
    let token = read_response(&response, &request)?;
    let broken = |fault| {
        authority.set_fault(Some(fault));
        authority.answer(&request)
    };

    // Every optional field of a signature, whether it may be there or not.
    let mut full = SignedDataSpec::new("1.2.840.113549.1.7.1", CONTENT, &sealer);
    full.content = Some(CONTENT.to_vec());
    full.by_key = true;
    full.crls = Some(der::sequence(&[]));
    full.unsigned_attributes = Some(der::sequence(&[&der::oid("1.2.3.4"), &der::set(&[])]));
    Ok(vec![
        ("root", root.certificate().to_vec()),
        ("request", request.clone()),
        ("response", response),
        ("token", token),
        ("seal", seal),
        ("old-reference", broken(Fault::OldReference)),
        ("rejection", broken(Fault::Refuses(15))),
        ("critical-extension", broken(Fault::CriticalExtension)),
        ("every-field", full.sign(&sealer)),
    ])
}
