//! From a ledger to a bundle.

use std::collections::{BTreeMap, BTreeSet};

use countersign_audit::ceremony::DocumentSigned;
use countersign_audit::store::EntryQuery;
use countersign_audit::{
    Leaf, LedgerReader, PrivatePart, Record, SignedCheckpoint, VerifierKey, parse_record,
};
use countersign_core::{LeafHash, Timestamp};

use crate::container::{self, MAX_BUNDLE_BYTES, Member};
use crate::error::EvidenceError;
use crate::layout::{
    CHECKPOINT, INSTRUCTIONS, INSTRUCTIONS_CONTENT, LOG_KEY, MANIFEST, MAX_RECORDS, MIMETYPE,
    MIMETYPE_CONTENT, document_name, is_document_name, opening_name, proof_name, record_name, stem,
};
use crate::manifest;
use crate::verify::{TrustPolicy, verify};

/// Which personal values go into a bundle in the clear.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
#[non_exhaustive]
pub enum Disclosure {
    /// None: the bundle proves everything but names nobody.
    #[default]
    Nothing,
    /// Those of these fields, such as `printed_name`, of whichever record has them.
    Fields(BTreeSet<String>),
    /// All that the store still has.
    Everything,
}

impl Disclosure {
    /// The values of these fields.
    pub fn fields<T: Into<String>>(fields: impl IntoIterator<Item = T>) -> Self {
        Self::Fields(fields.into_iter().map(Into::into).collect())
    }

    fn includes(&self, field: &str) -> bool {
        match self {
            Self::Nothing => false,
            Self::Fields(fields) => fields.contains(field),
            Self::Everything => true,
        }
    }
}

/// What to export.
#[derive(Debug, Clone)]
pub struct Export {
    signature: LeafHash,
    disclosure: Disclosure,
    document: Option<(String, Vec<u8>)>,
}

impl Export {
    /// The evidence of one signature, with nothing disclosed and without the document.
    #[must_use]
    pub fn of(signature: Leaf<DocumentSigned>) -> Self {
        Self {
            signature: signature.hash(),
            disclosure: Disclosure::Nothing,
            document: None,
        }
    }

    /// Discloses personal values.
    #[must_use]
    pub fn disclose(mut self, disclosure: Disclosure) -> Self {
        self.disclosure = disclosure;
        self
    }

    /// Encloses the document under a file name of letters, digits, `.`, `_` and `-`.
    #[must_use]
    pub fn document(mut self, file_name: impl Into<String>, bytes: Vec<u8>) -> Self {
        self.document = Some((file_name.into(), bytes));
        self
    }
}

/// Writes the bundle of one signature: every record that it can be walked back to, proved against
/// the ledger's last checkpoint.
///
/// The same ledger, checkpoint and request give the same bytes.
///
/// # Errors
/// [`EvidenceError::NotCheckpointed`] if the last checkpoint does not cover the signature yet
/// (`Ledger::advance` makes it so). [`EvidenceError::NotAcceptable`] if the result would not be
/// accepted by a verifier that trusts `log_key`, such as where the document is not the one that
/// was signed: a bundle that this returns is accepted.
pub async fn export(
    ledger: &LedgerReader,
    log_key: &VerifierKey,
    request: &Export,
) -> Result<Vec<u8>, EvidenceError> {
    let not_yet = EvidenceError::NotCheckpointed(request.signature);
    let checkpoint = ledger.checkpoint().await?.ok_or(not_yet)?;
    let chain = collect(ledger, &checkpoint, request.signature).await?;

    let mut records = Vec::new();
    let mut proofs = Vec::new();
    let mut openings = Vec::new();
    for (number, (index, item)) in (1..).zip(&chain) {
        let stem = stem(number, item.record.kind());
        let proof = ledger.log_proof(*index, &checkpoint).await?;
        records.push((record_name(&stem), item.bytes.clone()));
        proofs.push((proof_name(&stem), proof.to_bytes()));
        if let Some(bytes) = item.disclosed(&request.disclosure)? {
            openings.push((opening_name(&stem), bytes));
        }
    }
    let mut files = vec![
        (
            INSTRUCTIONS.to_owned(),
            INSTRUCTIONS_CONTENT.as_bytes().to_vec(),
        ),
        (CHECKPOINT.to_owned(), checkpoint.bytes().to_vec()),
        (LOG_KEY.to_owned(), format!("{log_key}\n").into_bytes()),
    ];
    files.append(&mut records);
    files.append(&mut proofs);
    files.append(&mut openings);
    if let Some((name, bytes)) = &request.document {
        if !is_document_name(name) {
            return Err(EvidenceError::DocumentName);
        }
        if bytes.len() > MAX_BUNDLE_BYTES {
            return Err(EvidenceError::TooLarge);
        }
        files.push((document_name(name), bytes.clone()));
    }
    let bundle = pack(&files).ok_or(EvidenceError::TooLarge)?;
    let trust = TrustPolicy::new().log_key(log_key.clone());
    let report = verify(&bundle, &trust, Timestamp::MAX);
    if report.accepted() {
        Ok(bundle)
    } else {
        Err(EvidenceError::NotAcceptable(Box::new(report)))
    }
}

/// Puts the manifest over the files, and both into a container.
fn pack(files: &[(String, Vec<u8>)]) -> Option<Vec<u8>> {
    let files: Vec<_> = files
        .iter()
        .map(|(name, bytes)| Member::new(name, bytes))
        .collect();
    let manifest = manifest::write(files.iter().copied());
    let mut members = vec![
        Member::new(MIMETYPE, MIMETYPE_CONTENT),
        Member::new(MANIFEST, manifest.as_bytes()),
    ];
    members.extend(files);
    container::write(&members)
}

struct ChainRecord {
    leaf: LeafHash,
    bytes: Vec<u8>,
    private: Option<PrivatePart>,
    record: Record,
}

impl ChainRecord {
    fn disclosed(&self, disclosure: &Disclosure) -> Result<Option<Vec<u8>>, EvidenceError> {
        let Some(private) = &self.private else {
            return Ok(None);
        };
        let mut openings = private.openings().clone();
        openings.retain(|field| disclosure.includes(field));
        if openings.is_empty() {
            return Ok(None);
        }
        let bytes = openings.to_bytes();
        bytes
            .map(Some)
            .map_err(|_| EvidenceError::Openings(self.leaf))
    }
}

/// Every record that `signature` reaches through parents, by the position of its leaf.
async fn collect(
    ledger: &LedgerReader,
    checkpoint: &SignedCheckpoint,
    signature: LeafHash,
) -> Result<BTreeMap<u64, ChainRecord>, EvidenceError> {
    let size = checkpoint.checkpoint().size();
    let mut chain = BTreeMap::new();
    let mut seen = BTreeSet::new();
    let mut to_visit = vec![signature];
    while let Some(leaf) = to_visit.pop() {
        if !seen.insert(leaf) {
            continue;
        }
        if seen.len() > MAX_RECORDS {
            return Err(EvidenceError::TooLarge);
        }
        let stored = ledger
            .entry(&EntryQuery::Leaf(leaf))
            .await?
            .ok_or(EvidenceError::MissingRecord(leaf))?;
        let index = stored
            .index
            .filter(|index| *index < size)
            .ok_or(EvidenceError::NotCheckpointed(leaf))?;
        let bytes = stored.entry.bytes().to_vec();
        let record =
            parse_record(&bytes).map_err(|error| EvidenceError::NotARecord { leaf, error })?;
        to_visit.extend(&record.parents);
        let record = ChainRecord {
            leaf,
            bytes,
            private: ledger.private_part(&stored.entry).await?,
            record,
        };
        chain.insert(index, record);
    }
    Ok(chain)
}
