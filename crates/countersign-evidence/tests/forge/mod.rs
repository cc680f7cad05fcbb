//! Bundles made by the specification alone, sharing no code with the writer: of every shape that
//! there is, and also such as no honest writer makes.

#![allow(
    dead_code,
    unreachable_pub,
    reason = "each test binary uses a part of it"
)]

pub mod attached;
pub mod court;
pub mod log;
pub mod mutation;
pub mod provider;
pub mod published;
pub mod random;
pub mod statement;
pub mod story;

use countersign_core::Timestamp;
use serde_json::{Map, Value, json};

use log::{Hash, NoteKey, hex, leaf_hash, sha256};
use provider::Provider;
use random::Random;
use statement::Style;
use story::{Record, Story, time};

use crate::unpacked::Unpacked;

pub const ORIGIN: &str = "log.example/forged";
pub const DOCUMENT: &[u8] = b"I will keep it to myself.\n";
pub const ATTACHMENT: &[u8] = b"As we said.\n";

/// A time-stamp over bytes, at a time.
pub type Stamping = Box<dyn Fn(&[u8], u64) -> Vec<u8> + Send + Sync>;

/// A seal over bytes.
pub type Sealing = Box<dyn Fn(&[u8]) -> Vec<u8> + Send + Sync>;

/// Who signs what is around the records.
pub struct Authorities {
    pub log: NoteKey,
    pub witnesses: Vec<NoteKey>,
    pub provider: Provider,
    /// The page that is published, with an empty place for the members.
    pub page: String,
    /// A time-stamp token over these bytes, at this time in milliseconds since 1970.
    pub stamp: Stamping,
    /// A CAdES signature over these bytes.
    pub seal: Sealing,
}

/// Which openings are in the bundle.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Disclosed {
    Nothing,
    PrintedName,
    Everything,
}

/// What a bundle holds.
#[derive(Debug, Clone)]
pub struct Plan {
    pub seed: u64,
    pub signers: usize,
    pub disclosed: Disclosed,
    pub document: bool,
    pub attachments: bool,
    pub assertions: bool,
    /// How the first person's provider packs what it says; the others' do it in other ways.
    pub style: usize,
    /// What the first person's provider said instead, in an assertion and in what is signed.
    pub said: fn(String) -> String,
    pub signed: fn(String) -> String,
    pub by_email: bool,
    pub linked: bool,
    pub invited: bool,
    pub consent: bool,
    /// Whether the disclosure before a consent told of the right to paper.
    pub paper_right: bool,
    pub erased: bool,
    pub sealed: bool,
    pub tokens: usize,
    pub witnesses: usize,
    /// How many other entries stand before, between and behind the records.
    pub others: usize,
    /// Two records whose places in the log are swapped.
    pub swap: Option<(usize, usize)>,
}

impl Plan {
    /// Everything there is, once.
    pub fn full() -> Self {
        Self {
            seed: 1,
            signers: 1,
            disclosed: Disclosed::PrintedName,
            document: true,
            attachments: true,
            assertions: true,
            style: 0,
            said: |same| same,
            signed: |same| same,
            by_email: false,
            linked: false,
            invited: false,
            consent: true,
            paper_right: true,
            erased: false,
            sealed: true,
            tokens: 2,
            witnesses: 2,
            others: 5,
            swap: None,
        }
    }

    /// Some shape.
    pub fn random(seed: u64) -> Self {
        let random = &mut Random::new(seed);
        Self {
            seed,
            signers: 1 + random.below(3),
            disclosed: *random.pick(&[
                Disclosed::Nothing,
                Disclosed::PrintedName,
                Disclosed::Everything,
            ]),
            document: random.chance(2),
            attachments: random.chance(2),
            assertions: random.chance(2),
            style: random.below(Style::ALL.len()),
            said: |same| same,
            signed: |same| same,
            by_email: random.chance(3),
            linked: random.chance(3),
            invited: random.chance(3),
            consent: random.chance(2),
            paper_right: random.chance(2),
            erased: random.chance(3),
            sealed: random.chance(2),
            tokens: random.below(4),
            witnesses: random.below(4),
            others: random.below(20),
            swap: None,
        }
    }

    pub fn story(&self, provider: &Provider) -> Story {
        let mut story = Story::new(self.seed);
        for signer in 0..self.signers {
            let by_email = self.by_email && signer == self.signers - 1;
            self.signature(
                &mut story,
                ["nurse", "doctor", "clerk"][signer % 3],
                by_email,
                provider,
            );
        }
        story
    }

    fn signature(&self, story: &mut Story, name: &str, by_email: bool, provider: &Provider) {
        story.person(name);
        let address = Value::from(format!("{name}@acme.example"));
        let token = json!({
            "browser_sha256": null, "expires_at": time(story.clock + 600_000),
            "secret_sha256": hex(&sha256(b"secret")),
        });
        let invitation = self.invited.then(|| {
            let body = json!({
                "document": "contract-1", "document_type": "nda/mutual", "door": null,
                "connection": null, "multi_factor": false, "token": token,
            });
            story.record(
                "invitation.issued",
                &[],
                false,
                body,
                &[("email", address.clone())],
            )
        });
        let assertion = self.sign_in(story, name, by_email, &token, &address, provider);
        let used = invitation.map(|issued| {
            let body = json!({"connection": "acme-idp", "document": "contract-1"});
            let parents = [Some(issued), Some(assertion)];
            story.record("invitation.used", &parents, true, body, &[])
        });
        let subject = (
            "subject",
            json!({"issuer": "https://idp.example/saml", "subject": name}),
        );
        let first = if self.linked {
            let body = json!({
                "connection": "acme-idp", "strategy": "jit", "matched_by": "email",
                "attributes": ["emailaddress"], "reasons": ["linked"],
            });
            story.record("user.linked", &[Some(assertion)], true, body, &[subject])
        } else {
            let body = json!({
                "connection": "acme-idp", "strategy": "jit", "matched_by": null, "state": "active",
                "account_id": "default", "permission_profile_id": null,
                "attributes": ["emailaddress"], "reasons": ["created"],
            });
            let secrets = [subject, ("email", address)];
            story.record(
                "user.provisioned",
                &[Some(assertion), used],
                true,
                body,
                &secrets,
            )
        };
        let grant_ends = time(story.clock + 86_400_000);
        let body = json!({
            "grant": format!("grant-{name}"), "role": "signer",
            "owner": {"by": "jit", "connection": "acme-idp"}, "rule": "contractors",
            "expires_at": grant_ends, "permissions": ["sign nda/*", "view *"],
        });
        let grant = story.record(
            "role.granted",
            &[Some(first), Some(assertion)],
            true,
            body,
            &[],
        );
        let session_ends = time(story.clock + 1_800_000);
        let body = json!({
            "session": format!("session-{name}"), "connection": "acme-idp",
            "multi_factor": false, "expires_at": session_ends,
        });
        let parents = [Some(assertion), Some(first), used];
        let session = story.record("session.opened", &parents, true, body, &[]);
        let consent = self
            .consent
            .then(|| consent(story, session, self.paper_right));
        let attachments = if self.attachments {
            json!([{"media_type": "text/plain", "sha256": hex(&sha256(ATTACHMENT))}])
        } else {
            json!([])
        };
        let document = hex(&sha256(DOCUMENT));
        let ceremony = format!("ceremony-{name}");
        let body = json!({
            "ceremony": ceremony, "document": "contract-1", "document_type": "nda/mutual",
            "media_type": "text/plain", "sha256": document, "attachments": attachments,
        });
        let presented = story.record("document.presented", &[Some(session)], true, body, &[]);
        let body = json!({
            "ceremony": ceremony, "document_sha256": document, "meaning": "approval",
            "statement": "I sign it.", "disclosure_sha256": null,
        });
        let intent = story.record("intent.confirmed", &[Some(presented)], true, body, &[]);
        let body = json!({
            "ceremony": ceremony, "document": "contract-1", "document_type": "nda/mutual",
            "document_sha256": document, "meaning": "approval", "role": "signer",
            "grant": format!("grant-{name}"), "grant_expires_at": grant_ends,
            "session_expires_at": session_ends,
        });
        let parents = [Some(intent), Some(session), Some(grant), consent];
        story.record(
            "document.signed",
            &parents,
            true,
            body,
            &[("printed_name", "Given Family".into())],
        );
        if self.erased {
            erasure(story, (!self.linked).then_some(first));
        }
    }

    fn sign_in(
        &self,
        story: &mut Story,
        name: &str,
        by_email: bool,
        token: &Value,
        address: &Value,
        provider: &Provider,
    ) -> usize {
        let name_id = (
            "name_id",
            json!({
                "format": null, "name_qualifier": null, "sp_name_qualifier": null, "value": address,
            }),
        );
        if by_email {
            let body = json!({"connection": "mail", "token": token});
            let secrets = [("email", address.clone())];
            let challenge = story.record("email.challenged", &[], false, body, &secrets);
            let body = json!({
                "door": "email", "connection": "mail", "issuer": "urn:countersign:door:email",
                "signed_element": null, "signed_sha256": null, "certificate_sha256": null,
                "signature_algorithm": null, "authn_context": null, "authn_instant": null,
                "session_not_on_or_after": null,
            });
            return story.record(
                "assertion.verified",
                &[Some(challenge)],
                false,
                body,
                &[name_id],
            );
        }
        let signer = story
            .records
            .iter()
            .filter(|one| one.assertion.is_some())
            .count();
        let style = Style::ALL[(self.style + signer) % Style::ALL.len()];
        let same: fn(String) -> String = |same| same;
        let (said, signed) = if signer == 0 {
            (self.said, self.signed)
        } else {
            (same, same)
        };
        let element = signed(style.write(name, story.clock, said));
        let files = provider.signed(&element, &style.id(name));
        let hashes = files.each_ref().map(|file| hex(&sha256(file)));
        let body = json!({
            "door": "saml", "connection": "acme-idp", "issuer": "https://idp.example/saml",
            "signed_element": style.element(), "signed_sha256": hashes[0],
            "certificate_sha256": hashes[3], "signature_algorithm": provider.algorithm(),
            "authn_context": null, "authn_instant": time(story.clock),
            "session_not_on_or_after": null,
        });
        let mut secrets = vec![name_id, ("assertion_id", format!("_{name}").into())];
        secrets.extend(
            style
                .content_keys()
                .map(|keys| ("content_keys", keys.into())),
        );
        let number = story.record("assertion.verified", &[], false, body, &secrets);
        let types = [
            "application/xml",
            "application/xml",
            "application/octet-stream",
            "application/octet-stream",
        ];
        let blobs = types.iter().zip(&hashes);
        let blobs: Vec<Value> = blobs
            .map(|(kind, hash)| json!({"media_type": kind, "sha256": hash}))
            .collect();
        story.records[number].value["blobs"] = blobs.into();
        story.records[number].assertion = Some(files);
        number
    }

    /// The bundle of a story, which may be another than this plan's own.
    pub fn bundle(&self, story: &Story, by: &Authorities) -> Unpacked {
        let sealed = story.sealed();
        let random = &mut Random::new(self.seed ^ 0xB0);
        let mut leaves: Vec<Hash> = Vec::new();
        let others = |count: usize, leaves: &mut Vec<Hash>| {
            for _ in 0..count {
                leaves.push(leaf_hash(format!("other {}", leaves.len()).as_bytes()));
            }
        };
        others(self.others, &mut leaves);
        let mut order: Vec<usize> = (0..sealed.len()).collect();
        if let Some((one, two)) = self.swap.filter(|(one, two)| *one.max(two) < sealed.len()) {
            order.swap(one, two);
        }
        let mut placed = Vec::new();
        for number in order {
            let (bytes, leaf) = sealed[number].clone();
            placed.push((leaves.len(), &story.records[number], bytes));
            leaves.push(leaf);
            if self.others > 0 {
                others(random.below(3), &mut leaves);
            }
        }
        self.pack(story.clock, &placed, &leaves, by)
    }

    /// `placed` are the records in the order of the log: where, what, and the bytes.
    fn pack(
        &self,
        clock: u64,
        placed: &[(usize, &Record, Vec<u8>)],
        leaves: &[Hash],
        by: &Authorities,
    ) -> Unpacked {
        let text = by.log.checkpoint_text(leaves);
        let now = clock + 60_000;
        let mut checkpoint = format!("{text}\n{}", by.log.line(&text, 0));
        for witness in by.witnesses.iter().take(self.witnesses) {
            checkpoint.push_str(&witness.line(&text, now / 1000));
        }
        let mut members: Vec<(String, Vec<u8>)> = vec![
            (
                "mimetype".to_owned(),
                b"application/vnd.etsi.asic-e+zip".to_vec(),
            ),
            ("META-INF/ASiCManifest.xml".to_owned(), Vec::new()),
        ];
        let mut add = |name: String, data: Vec<u8>| members.push((name, data));
        if self.sealed {
            add("META-INF/signature.p7s".to_owned(), Vec::new());
        }
        add(
            "VERIFY.md".to_owned(),
            include_bytes!("../../src/VERIFY.md").to_vec(),
        );
        add("certificate.html".to_owned(), by.page.clone().into_bytes());
        add("checkpoint".to_owned(), checkpoint.clone().into_bytes());
        add(
            "log.vkey".to_owned(),
            format!("{}\n", by.log.vkey()).into_bytes(),
        );
        let mut covered = checkpoint.clone().into_bytes();
        for number in 1..=self.tokens {
            let token = (by.stamp)(&covered, now + 1000 * number as u64);
            covered.extend(&token);
            add(format!("time/{number}.tst"), token);
        }
        let numbered = |folder: &str, number: usize, end: &str| {
            format!(
                "{folder}/{:03}-{}.{end}",
                number + 1,
                placed[number].1.kind()
            )
        };
        for (number, (_, _, bytes)) in placed.iter().enumerate() {
            add(numbered("records", number, "json"), bytes.clone());
        }
        for (number, (place, _, _)) in placed.iter().enumerate() {
            let proof = log::proof(*place, leaves, checkpoint.as_bytes());
            add(numbered("proofs", number, "tlog-proof"), proof);
        }
        for (number, (_, record, _)) in placed.iter().enumerate() {
            let openings = self.disclosed_of(&record.openings);
            if !openings.is_empty() {
                let bytes = Value::from(openings).to_string().into_bytes();
                add(numbered("openings", number, "json"), bytes);
            }
        }
        for (number, (_, record, _)) in placed.iter().enumerate() {
            if let Some(files) = record.assertion.as_ref().filter(|_| self.assertions) {
                let names = [
                    "signed.xml",
                    "signed-info.xml",
                    "signature.bin",
                    "certificate.der",
                ];
                for (name, data) in names.iter().zip(files) {
                    add(format!("assertions/{:03}/{name}", number + 1), data.clone());
                }
            }
        }
        if self.document {
            add("documents/contract.txt".to_owned(), DOCUMENT.to_vec());
        }
        if self.attachments {
            add("attachments/annex.txt".to_owned(), ATTACHMENT.to_vec());
        }
        let mut unpacked = Unpacked { members };
        finish(&mut unpacked, by);
        unpacked
    }

    fn disclosed_of(&self, openings: &Map<String, Value>) -> Map<String, Value> {
        let shown = |field: &str| match self.disclosed {
            Disclosed::Nothing => false,
            Disclosed::PrintedName => {
                field == "printed_name" || self.assertions && shows_person(field)
            }
            Disclosed::Everything => true,
        };
        let shown = openings.iter().filter(|(field, _)| shown(field));
        shown
            .map(|(field, opening)| (field.clone(), opening.clone()))
            .collect()
    }
}

/// Whether a field shows what a provider said of whom.
fn shows_person(field: &str) -> bool {
    const FIELDS: [&str; 5] = [
        "name_id",
        "assertion_id",
        "session_index",
        "content_keys",
        "subject",
    ];
    FIELDS.contains(&field)
}

/// Writes page, manifest and seal over the members there are, as a forger would.
pub fn finish(unpacked: &mut Unpacked, by: &Authorities) {
    unpacked.write_page();
    unpacked.write_manifest();
    let sealed = unpacked
        .members
        .iter()
        .any(|(name, _)| name == "META-INF/signature.p7s");
    if sealed {
        let manifest = unpacked.get("META-INF/ASiCManifest.xml").clone();
        *unpacked.get_mut("META-INF/signature.p7s") = (by.seal)(&manifest);
    }
}

/// An instant, from milliseconds since 1970.
pub fn instant(milliseconds: u64) -> Timestamp {
    Timestamp::from_unix_millis(i64::try_from(milliseconds).unwrap())
}

fn consent(story: &mut Story, session: usize, paper_right: bool) -> usize {
    let body = json!({
        "access_demonstrated": {"method": "code-read-back", "sha256": null},
        "consent": "consent-1", "disclosure_sha256": hex(&sha256(b"disclosure")),
        "disclosure_version": "2026-01", "paper_right": paper_right, "scope": ["nda/*"],
        "withdrawal": "Write to the desk.",
    });
    story.record("consent.given", &[Some(session)], true, body, &[])
}

fn erasure(story: &mut Story, state: Option<usize>) -> usize {
    let body = json!({
        "erased": ["email"], "subjects": 1, "deprovisioned_at": time(story.clock), "keys": [],
    });
    story.record("subject.erased", &[state], true, body, &[])
}
