//! From a ledger to a bundle.

use std::collections::{BTreeMap, BTreeSet};

use countersign_audit::ceremony::DocumentSigned;
use countersign_audit::lifecycle::SubjectErased;
use countersign_audit::private::PrivatePart;
use countersign_audit::store::EntryQuery;
use countersign_audit::{
    AuditError, Body, Damage, Leaf, LedgerReader, Record, SignedCheckpoint, TrustedKey,
    VerifierKey, parse_record,
};
use countersign_core::{Door, LeafHash, Timestamp};

use crate::container::{self, MAX_BUNDLE_BYTES, Member};
use crate::error::EvidenceError;
use crate::layout::{
    ASSERTION_FILES, CHECKPOINT, INSTRUCTIONS, INSTRUCTIONS_CONTENT, LOG_KEY, MANIFEST,
    MAX_RECORDS, MIMETYPE, MIMETYPE_CONTENT, PAGE, SEAL, assertion_name, attachment_name,
    document_name, is_file_name, opening_name, proof_name, record_name, stem, token_name,
};
use crate::members::sha256;
use crate::seal::Sealer;
use crate::trust::TrustPolicy;
use crate::verify::verify;
use crate::{certificate, manifest};

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

/// What an `assertion.verified` record commits to of what the provider signed \[record.md §5\].
const ASSERTION_FIELDS: [&str; 4] = ["name_id", "assertion_id", "session_index", "content_keys"];

/// What to export.
#[derive(Debug, Clone)]
pub struct Export {
    signatures: Vec<LeafHash>,
    erasures: Vec<LeafHash>,
    disclosure: Disclosure,
    assertions: bool,
    document: Option<(String, Vec<u8>)>,
    attachments: BTreeMap<String, Vec<u8>>,
}

impl Export {
    /// The evidence of one signature, with nothing disclosed and without the document.
    #[must_use]
    pub fn of(signature: Leaf<DocumentSigned>) -> Self {
        Self {
            signatures: vec![signature.hash()],
            erasures: Vec::new(),
            disclosure: Disclosure::Nothing,
            assertions: false,
            document: None,
            attachments: BTreeMap::new(),
        }
    }

    /// Adds the signature of another signer of the same document.
    #[must_use]
    pub fn and(mut self, signature: Leaf<DocumentSigned>) -> Self {
        self.signatures.push(signature.hash());
        self
    }

    /// Adds the record that a signer's personal values were erased, so that a report says when
    /// instead of that they are not disclosed. `Engine::export` of the facade does so by itself.
    #[must_use]
    pub fn erasure(mut self, erased: Leaf<SubjectErased>) -> Self {
        self.erasures.push(erased.hash());
        self
    }

    /// Discloses personal values.
    #[must_use]
    pub fn disclose(mut self, disclosure: Disclosure) -> Self {
        self.disclosure = disclosure;
        self
    }

    /// Discloses what the identity providers signed, so that it can be checked with their
    /// certificates alone. It names the person, and says whatever else the provider did.
    ///
    /// So it discloses as well what shows that it is what the records are about, whichever fields
    /// are disclosed otherwise: the name identifier, the assertion's id, the session index and the
    /// keys to what is encrypted in it, and the subject of the account.
    #[must_use]
    pub fn assertions(mut self, disclose: bool) -> Self {
        self.assertions = disclose;
        self
    }

    /// Encloses the document under a file name of letters, digits, `.`, `_` and `-`.
    #[must_use]
    pub fn document(mut self, file_name: impl Into<String>, bytes: Vec<u8>) -> Self {
        self.document = Some((file_name.into(), bytes));
        self
    }

    /// Encloses an attachment that was shown with the document, under such a file name.
    #[must_use]
    pub fn attachment(mut self, file_name: impl Into<String>, bytes: Vec<u8>) -> Self {
        self.attachments.insert(file_name.into(), bytes);
        self
    }

    /// The signatures that are exported.
    #[must_use]
    pub fn signatures(&self) -> &[LeafHash] {
        &self.signatures
    }
}

/// Writes the bundle of the signatures of one document: every record that they can be walked back
/// to, proved against a checkpoint of the ledger: the oldest that was stamped with its time and
/// covers them all, or else the last.
///
/// `log_keys` are the keys of the ledger, as `LedgerReader::log_keys` gives them: the one that
/// signs, and those that were retired. A checkpoint that a retired key signed is taken where it is
/// the one that was stamped: when something was there at the latest is worth more than who signs
/// now, and a verifier that knows the retired key knows its last size, too. A checkpoint without
/// a time-stamp is always the last one, by the key that signs now. The same ledger, checkpoint and
/// request give the same bytes, unless they are sealed.
///
/// # Errors
/// [`EvidenceError::NotCheckpointed`] if the last checkpoint does not cover the signatures yet
/// (`Ledger::advance` makes it so). [`EvidenceError::NotAcceptable`] if the result would not be
/// accepted by a verifier that trusts `log_keys`, such as where the document is not the one that
/// was signed: a bundle that this returns is accepted.
pub async fn export(
    ledger: &LedgerReader,
    log_keys: &[impl Clone + Into<TrustedKey>],
    request: &Export,
    sealer: Option<&Sealer>,
    now: Timestamp,
) -> Result<Vec<u8>, EvidenceError> {
    let log_keys: Vec<TrustedKey> = log_keys.iter().cloned().map(Into::into).collect();
    let records = collect(ledger, request).await?;
    let (checkpoint, tokens) = head_over(ledger, &records).await?;
    let files = Files {
        ledger,
        request,
        checkpoint: &checkpoint,
        log_key: log_keys
            .iter()
            .find(|key| checkpoint.verify_by(std::slice::from_ref(key)).is_ok())
            .ok_or(EvidenceError::LogKey)?
            .key(),
        tokens,
    };
    let bundle = pack(files.list(&records).await?, sealer, now).await?;
    let trust = log_keys
        .iter()
        .fold(TrustPolicy::new(), |trust, key| match key.last_size() {
            None => trust.log_key(key.key().clone()),
            Some(last_size) => trust.retired_log_key(key.key().clone(), last_size),
        });
    // A record may be dated a little later than this machine's clock is.
    let latest = records.values().map(|record| record.record.at).max();
    let report = verify(
        &bundle,
        &trust,
        latest.map_or(now, |latest| latest.max(now)),
    );
    if report.accepted() {
        Ok(bundle)
    } else {
        Err(EvidenceError::NotAcceptable(Box::new(report)))
    }
}

/// The checkpoint to prove the records against, with its time-stamps.
async fn head_over(
    ledger: &LedgerReader,
    records: &BTreeMap<u64, ChainRecord>,
) -> Result<(SignedCheckpoint, Vec<Vec<u8>>), EvidenceError> {
    let (last, leaf) = records
        .last_key_value()
        .map_or((0, None), |(index, record)| (*index, Some(record.leaf)));
    if let Some(anchor) = ledger
        .store()
        .anchor(last)
        .await
        .map_err(AuditError::from)?
    {
        let checkpoint = SignedCheckpoint::parse(&anchor.note)
            .map_err(|_| AuditError::from(Damage::Checkpoint))?;
        return Ok((checkpoint, anchor.tokens));
    }
    match ledger.checkpoint().await? {
        Some(checkpoint) if last < checkpoint.checkpoint().size() => Ok((checkpoint, Vec::new())),
        _ => Err(EvidenceError::NotCheckpointed(
            leaf.unwrap_or(LeafHash::from_bytes([0; 32])),
        )),
    }
}

/// The files of a bundle, before there is a page or a manifest over them.
struct Files<'a> {
    ledger: &'a LedgerReader,
    request: &'a Export,
    checkpoint: &'a SignedCheckpoint,
    log_key: &'a VerifierKey,
    tokens: Vec<Vec<u8>>,
}

impl Files<'_> {
    /// In the order of the container, from the checkpoint on.
    async fn list(
        &self,
        chain: &BTreeMap<u64, ChainRecord>,
    ) -> Result<Vec<(String, Vec<u8>)>, EvidenceError> {
        let mut files = vec![
            (CHECKPOINT.to_owned(), self.checkpoint.bytes().to_vec()),
            (
                LOG_KEY.to_owned(),
                format!("{}\n", self.log_key).into_bytes(),
            ),
        ];
        let tokens = (1..).zip(&self.tokens);
        files.extend(tokens.map(|(number, token)| (token_name(number), token.clone())));
        let (mut proofs, mut openings, mut assertions) = (Vec::new(), Vec::new(), Vec::new());
        for (number, (index, item)) in (1..).zip(chain) {
            let stem = stem(number, item.record.kind());
            let proof = self.ledger.log_proof(*index, self.checkpoint).await?;
            files.push((record_name(&stem), item.bytes.clone()));
            proofs.push((proof_name(&stem), proof.to_bytes()));
            if let Some(bytes) = item.disclosed(|field| self.shows(item, field, chain))? {
                openings.push((opening_name(&stem), bytes));
            }
            if self.request.assertions {
                let signed = item.assertion().into_iter().flatten();
                assertions
                    .extend(signed.map(|(file, bytes)| (assertion_name(number, file), bytes)));
            }
        }
        files.append(&mut proofs);
        files.append(&mut openings);
        files.append(&mut assertions);
        let request = self.request;
        let document = request.document.iter();
        let document = document.map(|(name, bytes)| (name, document_name(name), bytes));
        let attachments = request.attachments.iter();
        let attachments = attachments.map(|(name, bytes)| (name, attachment_name(name), bytes));
        for (name, member, bytes) in document.chain(attachments) {
            if !is_file_name(name) {
                return Err(EvidenceError::FileName);
            }
            if bytes.len() > MAX_BUNDLE_BYTES {
                return Err(EvidenceError::TooLarge);
            }
            files.push((member, bytes.clone()));
        }
        Ok(files)
    }
}

impl Files<'_> {
    /// Whether a field of a record is disclosed: asked for, or part of what a provider signed that
    /// is disclosed.
    fn shows(&self, item: &ChainRecord, field: &str, chain: &BTreeMap<u64, ChainRecord>) -> bool {
        if self.request.disclosure.includes(field) {
            return true;
        }
        let assertion = match &item.record.body {
            Body::AssertionVerified(_) if ASSERTION_FIELDS.contains(&field) => Some(item),
            Body::UserProvisioned(_) | Body::UserLinked(_) if field == "subject" => {
                let first = item.record.parents.first();
                chain.values().find(|other| Some(&other.leaf) == first)
            }
            _ => None,
        };
        self.request.assertions && assertion.is_some_and(|item| item.assertion().is_some())
    }
}

/// Puts the instructions, the page, the manifest and the seal over the files, and all of it into a
/// container.
async fn pack(
    files: Vec<(String, Vec<u8>)>,
    sealer: Option<&Sealer>,
    now: Timestamp,
) -> Result<Vec<u8>, EvidenceError> {
    let files: Vec<_> = files
        .iter()
        .map(|(name, bytes)| (name.as_str(), bytes.as_slice()))
        .collect();
    let mut page = Vec::new();
    certificate::write(files.iter().copied(), &mut page);
    let mut listed = vec![
        (INSTRUCTIONS, INSTRUCTIONS_CONTENT.as_bytes()),
        (PAGE, page.as_slice()),
    ];
    listed.extend(files);
    let digests = listed.iter().map(|(name, data)| (*name, sha256(data)));
    let mut manifest = Vec::new();
    manifest::write(sealer.is_some(), digests, &mut manifest);
    let seal = match sealer {
        Some(sealer) => Some(sealer.seal(&manifest, now).await?),
        None => None,
    };
    let mut members = vec![
        (MIMETYPE, MIMETYPE_CONTENT),
        (MANIFEST, manifest.as_slice()),
    ];
    members.extend(seal.as_deref().map(|seal| (SEAL, seal)));
    members.extend(listed);
    let members: Vec<_> = members
        .into_iter()
        .map(|(name, data)| Member::new(name, data))
        .collect();
    let mut bundle = Vec::new();
    container::write(&members, &mut bundle).ok_or(EvidenceError::TooLarge)?;
    Ok(bundle)
}

struct ChainRecord {
    leaf: LeafHash,
    bytes: Vec<u8>,
    private: Option<PrivatePart>,
    record: Record,
}

impl ChainRecord {
    fn disclosed(&self, is_shown: impl Fn(&str) -> bool) -> Result<Option<Vec<u8>>, EvidenceError> {
        let Some(private) = &self.private else {
            return Ok(None);
        };
        let mut openings = private.openings().clone();
        openings.retain(is_shown);
        if openings.is_empty() {
            return Ok(None);
        }
        let bytes = openings.to_bytes();
        bytes
            .map(Some)
            .map_err(|_| EvidenceError::Openings(self.leaf))
    }

    /// What an identity provider signed, if this record is of that and all of it is still there.
    fn assertion(&self) -> Option<Vec<(&'static str, Vec<u8>)>> {
        let (private, Body::AssertionVerified(body)) = (self.private.as_ref()?, &self.record.body)
        else {
            return None;
        };
        if body.door != Door::Saml || self.record.blobs.len() != ASSERTION_FILES.len() {
            return None;
        }
        ASSERTION_FILES
            .iter()
            .zip(&self.record.blobs)
            .map(|(file, blob)| Some((*file, private.blob(blob.sha256)?.to_vec())))
            .collect()
    }
}

/// Every record that the signatures and the erasures reach through parents, by the position of its
/// leaf.
async fn collect(
    ledger: &LedgerReader,
    request: &Export,
) -> Result<BTreeMap<u64, ChainRecord>, EvidenceError> {
    let mut chain = BTreeMap::new();
    let mut seen = BTreeSet::new();
    let mut to_visit = [request.signatures.as_slice(), &request.erasures].concat();
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
        let index = stored.index.ok_or(EvidenceError::NotCheckpointed(leaf))?;
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
