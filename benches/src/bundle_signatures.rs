//! Every signature in a bundle, read beforehand, so that nothing but checking them is measured.
//!
//! Reads by position what it knows to be there: no verifier may be so trusting.
#![allow(
    clippy::indexing_slicing,
    clippy::arithmetic_side_effects,
    reason = "a benchmark that can not run has to stop"
)]

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use countersign::evidence::unpack;
use ring::signature::{
    ECDSA_P256_SHA256_ASN1, ED25519, RSA_PKCS1_2048_8192_SHA256, UnparsedPublicKey,
    VerificationAlgorithm,
};

use crate::bundle_verify::TrustedKeys;

/// One signature, what it is over, and the key.
pub(crate) struct BundleSignature {
    algorithm: &'static dyn VerificationAlgorithm,
    key: Vec<u8>,
    message: Vec<u8>,
    signature: Vec<u8>,
}

impl BundleSignature {
    pub(crate) fn verify(&self) {
        UnparsedPublicKey::new(self.algorithm, &self.key)
            .verify(&self.message, &self.signature)
            .expect("it holds");
    }
}

/// All of them.
pub(crate) fn signatures_of(bundle: &[u8], trusted: &TrustedKeys) -> Vec<BundleSignature> {
    let mut found = Vec::new();
    let mut signed_info: &[u8] = &[];
    let mut signature: &[u8] = &[];
    for (name, data) in unpack(bundle).expect("a bundle") {
        match name.rsplit('/').next().unwrap_or_default() {
            "checkpoint" => of_note(data, trusted, &mut found),
            "signed-info.xml" => signed_info = data,
            "signature.bin" => signature = data,
            "certificate.der" => {
                let (algorithm, key) = key_of(data);
                found.push(BundleSignature {
                    algorithm,
                    key,
                    message: signed_info.to_vec(),
                    signature: signature.to_vec(),
                });
            }
            file if file.ends_with(".p7s") || file.ends_with(".tst") => {
                of_cms(data, trusted, &mut found);
            }
            _ => {}
        }
    }
    found
}

/// The log's signature and the cosignatures [C2SP signed-note, C2SP tlog-cosignature].
fn of_note(note: &[u8], trusted: &TrustedKeys, found: &mut Vec<BundleSignature>) {
    let note = std::str::from_utf8(note).expect("text");
    let (text, lines) = note.split_once("\n\n").expect("a note");
    let text = format!("{text}\n");
    for line in lines.lines() {
        let line = line.strip_prefix("\u{2014} ").expect("a signature line");
        let (name, blob) = line.split_once(' ').expect("a name");
        let (_, key) = trusted
            .notes
            .iter()
            .find(|(known, _)| known == name)
            .expect("a key that is trusted");
        let blob = STANDARD.decode(blob).expect("base64");
        let (_, signature) = blob.split_at(4);
        let (message, signature) = match signature.split_at(signature.len() - 64) {
            ([], signature) => (text.clone(), signature),
            (time, signature) => {
                let time = u64::from_be_bytes(time.try_into().expect("a time"));
                (format!("cosignature/v1\ntime {time}\n{text}"), signature)
            }
        };
        found.push(BundleSignature {
            algorithm: &ED25519,
            key: key.to_vec(),
            message: message.into_bytes(),
            signature: signature.to_vec(),
        });
    }
}

/// The signer's signature, and that on its certificate by the root [RFC 5652 §5].
fn of_cms(der: &[u8], trusted: &TrustedKeys, found: &mut Vec<BundleSignature>) {
    let content_info = children(der);
    let data = children(children(content_info[1])[0]);
    let (certificates, signer) = (data[data.len() - 2], data[data.len() - 1]);
    let certificate = children(certificates)[0];
    let signer = children(children(signer)[0]);
    let (algorithm, key) = key_of(certificate);
    found.push(BundleSignature {
        algorithm,
        key,
        // Signed with the tag of a SET [RFC 5652 §5.4].
        message: [&[0x31], &signer[3][1..]].concat(),
        signature: value(signer[5]).to_vec(),
    });
    let (algorithm, key) = key_of(&trusted.roots[0]);
    let parts = children(certificate);
    found.push(BundleSignature {
        algorithm,
        key,
        message: parts[0].to_vec(),
        signature: value(parts[2])[1..].to_vec(),
    });
}

/// The key of a certificate [RFC 5280 §4.1].
fn key_of(certificate: &[u8]) -> (&'static dyn VerificationAlgorithm, Vec<u8>) {
    let fields = children(children(certificate)[0]);
    // In version 1, the version itself is left out.
    let key = match fields[0][0] {
        0xa0 => children(fields[6]),
        _ => children(fields[5]),
    };
    // 65 bytes are a point on P-256, all of which the rest are longer than.
    let bytes = &value(key[1])[1..];
    let algorithm: &dyn VerificationAlgorithm = match bytes.len() {
        65 => &ECDSA_P256_SHA256_ASN1,
        _ => &RSA_PKCS1_2048_8192_SHA256,
    };
    (algorithm, bytes.to_vec())
}

/// The elements inside of one, each with its tag and length.
fn children(element: &[u8]) -> Vec<&[u8]> {
    let mut rest = value(element);
    let mut children = Vec::new();
    while !rest.is_empty() {
        let (child, after) = rest.split_at(header(rest) + length(rest));
        children.push(child);
        rest = after;
    }
    children
}

fn value(element: &[u8]) -> &[u8] {
    &element[header(element)..][..length(element)]
}

/// How long tag and length are [X.690 §8.1.3].
fn header(element: &[u8]) -> usize {
    match element[1] {
        0..=0x7f => 2,
        long => 2 + usize::from(long & 0x7f),
    }
}

fn length(element: &[u8]) -> usize {
    match element[1] {
        short @ 0..=0x7f => usize::from(short),
        _ => element[2..header(element)]
            .iter()
            .fold(0, |length, byte| length << 8 | usize::from(*byte)),
    }
}
