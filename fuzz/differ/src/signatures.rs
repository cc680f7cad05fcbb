//! Signatures: what xmlsec1 makes, we accept, and what we make, xmlsec1 accepts.
//!
//! A digest is that of canonical bytes, so each that is accepted shows that both canonicalize
//! alike: the signed element and `SignedInfo`.

use std::path::{Path, PathBuf};
use std::process::Command;

use countersign_dsig::algorithm::{DSIG_NAMESPACE, ENVELOPED_SIGNATURE, EXCLUSIVE_C14N};
use countersign_dsig::c14n::{Canonicalization, canonicalize};
use countersign_dsig::key::VerificationKey;
use countersign_dsig::sign::{SigningKey, SigningOptions, sign_enveloped};
use countersign_dsig::signature::{SignaturePolicy, verify_enveloped};
use countersign_dsig::xml::{Document, Limits};
use countersign_testkit::keys;
use fuzz_shared::choices::Choices;
use fuzz_shared::document::document;
use fuzz_shared::edit::places;

use crate::report::Report;
use crate::{Failure, Options};

/// Documents that one process of xmlsec1 takes.
const BATCH: usize = 50;

/// Signs and verifies as many documents as are asked for, in both directions.
pub(crate) fn compare(options: &Options) -> Result<Report, Failure> {
    let mut report = Report::default();
    let folder = tempfile::tempdir()?;
    let xmlsec1 = Xmlsec1::new(folder.path())?;
    let mut samples = (0..)
        // Documents of their own: those of small numbers are compared already.
        .map(|number: u64| options.seed.wrapping_add(number).reverse_bits())
        .filter_map(sample);
    let mut left = options.signatures;
    while left > 0 {
        let size = BATCH.min(usize::try_from(left).unwrap_or(BATCH));
        let batch: Vec<Sample> = samples.by_ref().take(size).collect();
        verify_theirs(&xmlsec1, &batch, &mut report)?;
        let batch: Vec<Sample> = samples.by_ref().take(size).collect();
        verify_ours(&xmlsec1, &batch, &mut report)?;
        left = left.saturating_sub(u64::try_from(size)?);
    }
    report.write_findings(&options.findings)?;
    Ok(report)
}

/// A document with one element to sign.
struct Sample {
    name: String,
    /// The element has [`ID`].
    xml: String,
    /// The same with a template for a signature in the element.
    template: String,
    prefix_list: String,
}

/// `xml:id`, which needs no DTD to be an ID.
const ID: &str = "signed";

/// A sample out of a seed; `None` if its document can not serve as one.
fn sample(seed: u64) -> Option<Sample> {
    let mut choices = Choices::from_seed(seed);
    let generated = document(&mut choices);
    let mut xml = generated.xml;
    // An element with two tags, so that something can stand in it.
    let places: Vec<_> = places(xml.as_bytes())
        .into_iter()
        .filter(|place| !place.end_tag.is_empty())
        .collect();
    let tag = &choices.among(&places)?.start_tag;
    let inside = tag.end;
    let name_end = tag.end.checked_sub(1)?;
    if !xml.is_char_boundary(name_end) || !xml.is_char_boundary(inside) {
        return None;
    }
    let attribute = format!(" xml:id=\"{ID}\"");
    // xmlsec1 takes two spaces in a row for `#default`, where any white space separates the names
    // [EXC-C14N §3].
    let names: Vec<&str> = generated.prefix_list.split_ascii_whitespace().collect();
    let prefix_list = names.join(" ");
    let mut template = xml.clone();
    template.insert_str(inside, &signature(&mut choices, &prefix_list));
    template.insert_str(name_end, &attribute);
    xml.insert_str(name_end, &attribute);

    let parsed = Document::parse(xml.as_bytes(), &Limits::default()).ok()?;
    // xmlsec1 takes the first signature that it finds.
    let is_signed = std::iter::once(parsed.root())
        .chain(parsed.root().descendants())
        .any(|element| element.is(DSIG_NAMESPACE, "Signature"));
    // What has no canonical form can not be signed.
    let apex = parsed.element_by_id(ID)?;
    canonicalize(apex, &Canonicalization::exclusive(), None).ok()?;
    canonicalize(apex, &Canonicalization::inclusive_1_1(), None).ok()?;
    (!is_signed).then(|| Sample {
        name: format!("signed-{seed}"),
        xml: xml.clone(),
        template,
        prefix_list,
    })
}

/// A template of a signature: what xmlsec1 fills in.
fn signature(choices: &mut Choices<'_>, prefix_list: &str) -> String {
    // Some providers write it in the default namespace.
    let (p, xmlns) = match choices.below(2) {
        0 => ("p:", "xmlns:p"),
        _ => ("", "xmlns"),
    };
    let signed_info = method(choices, prefix_list, &format!("{p}CanonicalizationMethod"));
    let transform = method(choices, prefix_list, &format!("{p}Transform"));
    let hash = choices.word(&["256", "512"]);
    format!(
        "<{p}Signature {xmlns}='{DSIG_NAMESPACE}'><{p}SignedInfo>{signed_info}\
         <{p}SignatureMethod Algorithm='http://www.w3.org/2001/04/xmldsig-more#rsa-sha{hash}'/>\
         <{p}Reference URI='#{ID}'><{p}Transforms>\
         <{p}Transform Algorithm='{ENVELOPED_SIGNATURE}'/>{transform}</{p}Transforms>\
         <{p}DigestMethod Algorithm='http://www.w3.org/2001/04/xmlenc#sha{hash}'/>\
         <{p}DigestValue/></{p}Reference></{p}SignedInfo><{p}SignatureValue/></{p}Signature>"
    )
}

/// An element that names a canonicalization.
fn method(choices: &mut Choices<'_>, prefix_list: &str, element: &str) -> String {
    let inclusive =
        format!("<ec:InclusiveNamespaces xmlns:ec='{EXCLUSIVE_C14N}' PrefixList='{prefix_list}'/>");
    let (algorithm, parameter) = match choices.below(5) {
        0 | 1 => (EXCLUSIVE_C14N, ""),
        2 => (EXCLUSIVE_C14N, inclusive.as_str()),
        3 => ("http://www.w3.org/TR/2001/REC-xml-c14n-20010315", ""),
        _ => ("http://www.w3.org/2006/12/xml-c14n11", ""),
    };
    format!("<{element} Algorithm='{algorithm}'>{parameter}</{element}>\n")
}

fn verify_theirs(
    xmlsec1: &Xmlsec1,
    samples: &[Sample],
    report: &mut Report,
) -> Result<(), Failure> {
    let keys = [VerificationKey::from_certificate_der(
        keys::IDP_RSA_2048_CERTIFICATE,
    )?];
    let policy = SignaturePolicy::new().accept_inclusive_canonicalization();
    let templates: Vec<&[u8]> = samples
        .iter()
        .map(|sample| sample.template.as_bytes())
        .collect();
    let signed = xmlsec1.sign(&templates)?;
    for (sample, signed) in samples.iter().zip(signed) {
        let verdict = Document::parse(&signed, &Limits::default())
            .map_err(|error| error.code())
            .and_then(|document| {
                let element = document.element_by_id(ID).ok_or("no such element")?;
                let verified = verify_enveloped(element, &keys, &policy);
                verified.map_err(|error| error.code()).map(drop)
            });
        match verdict {
            Ok(()) => report.their_signatures = report.their_signatures.saturating_add(1),
            // One that the element itself has is inherited by `SignedInfo`.
            Err(code @ "c14n.inherited_base") => report.refuse(code),
            Err(code) => {
                let what = format!("xmlsec1 signed it, and we refuse it: {code}");
                report.find(&sample.name, &signed, what);
            }
        }
    }
    Ok(())
}

fn verify_ours(xmlsec1: &Xmlsec1, samples: &[Sample], report: &mut Report) -> Result<(), Failure> {
    let key = SigningKey::from_pkcs8(keys::IDP_RSA_2048_PKCS8)?;
    let mut signed = Vec::new();
    for sample in samples {
        let options = SigningOptions::default().inclusive_prefixes(&sample.prefix_list);
        signed.push(sign_enveloped(sample.xml.as_bytes(), ID, &key, &options)?);
    }
    let signed: Vec<&[u8]> = signed.iter().map(Vec::as_slice).collect();
    if xmlsec1.verify(&signed)? {
        let count = u64::try_from(signed.len())?;
        report.our_signatures = report.our_signatures.saturating_add(count);
        return Ok(());
    }
    for (sample, signed) in samples.iter().zip(signed) {
        if xmlsec1.verify(&[signed])? {
            report.our_signatures = report.our_signatures.saturating_add(1);
        } else {
            let what = "we signed it, and xmlsec1 refuses it".to_owned();
            report.find(&sample.name, signed, what);
        }
    }
    Ok(())
}

/// The program, and a folder for its files.
struct Xmlsec1<'f> {
    folder: &'f Path,
}

impl<'f> Xmlsec1<'f> {
    fn new(folder: &'f Path) -> Result<Self, Failure> {
        std::fs::write(folder.join("key"), keys::IDP_RSA_2048_PKCS8)?;
        std::fs::write(folder.join("certificate"), keys::IDP_RSA_2048_CERTIFICATE)?;
        Ok(Self { folder })
    }

    fn files(&self, documents: &[&[u8]]) -> Result<Vec<PathBuf>, Failure> {
        let mut files = Vec::new();
        for (number, document) in documents.iter().enumerate() {
            let file = self.folder.join(number.to_string());
            std::fs::write(&file, document)?;
            files.push(file);
        }
        Ok(files)
    }

    fn sign(&self, templates: &[&[u8]]) -> Result<Vec<Vec<u8>>, Failure> {
        let output = Command::new("xmlsec1")
            .args(["--sign", "--privkey-der"])
            .arg(self.folder.join("key"))
            .args(self.files(templates)?)
            .output()?;
        // It writes one document after the other, each with a declaration.
        const DECLARATION: &str = "<?xml version=";
        let text = String::from_utf8(output.stdout)?;
        let signed: Vec<Vec<u8>> = text
            .split(DECLARATION)
            .skip(1)
            .map(|rest| format!("{DECLARATION}{rest}").into_bytes())
            .collect();
        if !output.status.success() || signed.len() != templates.len() {
            let complaint = String::from_utf8_lossy(&output.stderr).into_owned();
            return Err(format!(
                "xmlsec1 signs {} of {}: {complaint}",
                signed.len(),
                templates.len()
            )
            .into());
        }
        Ok(signed)
    }

    fn verify(&self, documents: &[&[u8]]) -> Result<bool, Failure> {
        let output = Command::new("xmlsec1")
            .args(["--verify", "--pubkey-cert-der"])
            .arg(self.folder.join("certificate"))
            .args(self.files(documents)?)
            .output()?;
        let said = [output.stdout, output.stderr].concat();
        let good = String::from_utf8_lossy(&said)
            .lines()
            .filter(|line| *line == "OK")
            .count();
        Ok(output.status.success() && good == documents.len())
    }
}
