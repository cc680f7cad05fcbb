//! The records of a signature, written by record.md alone.

use serde_json::{Map, Value, json};

use super::log::{Hash, hex, leaf_hash, sha256};
use super::random::Random;

/// One record before it is hashed. A parent is written `@n`: the record number `n` of the story.
#[derive(Debug, Clone)]
pub struct Record {
    pub value: Value,
    pub openings: Map<String, Value>,
    /// What an identity provider signed, as four files.
    pub assertion: Option<[Vec<u8>; 4]>,
}

impl Record {
    pub fn kind(&self) -> &str {
        self.value["kind"].as_str().unwrap_or("none")
    }

    /// Moves its time, which its id says too.
    pub fn dated(&mut self, later: i64) {
        let at: countersign_core::Timestamp = self.value["at"].as_str().unwrap().parse().unwrap();
        let at = u64::try_from(at.unix_millis() + later).unwrap();
        self.value["at"] = time(at).into();
        let id = self.value["id"].as_str().unwrap().replace('-', "");
        let stamp = hex(&at.to_be_bytes()[2..]);
        self.value["id"] = dashed(&format!("{stamp}{}", &id[12..])).into();
    }
}

/// Records in the order in which they were made; each one's parents stand before it.
#[derive(Debug, Clone)]
pub struct Story {
    pub records: Vec<Record>,
    random: Random,
    /// Milliseconds since 1970.
    pub clock: u64,
    correlation: String,
    subject: Option<String>,
}

/// 2026-03-01T09:30:00Z, in milliseconds.
pub const START: u64 = 1_772_357_400_000;

pub fn time(milliseconds: u64) -> String {
    super::instant(milliseconds).to_string()
}

impl Story {
    pub fn new(seed: u64) -> Self {
        Self {
            records: Vec::new(),
            random: Random::new(seed),
            clock: START,
            correlation: "walk".to_owned(),
            subject: None,
        }
    }

    /// From here on another person acts.
    pub fn person(&mut self, name: &str) {
        self.correlation = format!("walk-{name}");
        self.subject = Some(format!("user-{name}"));
    }

    fn id(&mut self) -> String {
        let tail = self.random.bytes::<10>();
        let mut bytes = self.clock.to_be_bytes()[2..].to_vec();
        bytes.extend(tail);
        bytes[6] = bytes[6] & 0x0F | 0x70;
        bytes[8] = bytes[8] & 0x3F | 0x80;
        dashed(&hex(&bytes))
    }

    /// The first record of a kind.
    pub fn first(&mut self, kind: &str) -> &mut Value {
        let first = self.records.iter_mut().find(|one| one.kind() == kind);
        &mut first.unwrap().value
    }

    /// Commits a record to a value, instead of another if there is one.
    pub fn commit(&mut self, place: usize, field: &str, value: &Value) {
        let (commitment, opening) = self.opening(field, value);
        let record = &mut self.records[place];
        record.value["commitments"][field] = commitment;
        record.openings.insert(field.to_owned(), opening);
    }

    /// A commitment and its opening.
    fn opening(&mut self, field: &str, value: &Value) -> (Value, Value) {
        let salt = self.random.bytes::<32>();
        let message = [
            b"countersign/commitment/v1\0",
            field.as_bytes(),
            b"\0",
            &salt,
            value.to_string().as_bytes(),
        ]
        .concat();
        let opening = json!({"salt": hex(&salt), "value": value});
        (hex(&sha256(&message)).into(), opening)
    }

    /// Takes a record out, also as a parent; those behind it have other numbers then.
    pub fn remove(&mut self, gone: usize) {
        self.records.remove(gone);
        for record in &mut self.records {
            let Some(parents) = record.value["parents"].as_array_mut() else {
                continue;
            };
            let number =
                |parent: &Value| -> usize { parent.as_str().unwrap()[1..].parse().unwrap() };
            parents.retain(|parent| number(parent) != gone);
            for parent in parents {
                let number = number(parent);
                *parent = format!("@{}", number - usize::from(number > gone)).into();
            }
        }
    }

    /// Adds a record a second later, and tells its number. `secrets` are what it commits to.
    pub fn record(
        &mut self,
        kind: &str,
        parents: &[Option<usize>],
        about_account: bool,
        body: Value,
        secrets: &[(&str, Value)],
    ) -> usize {
        self.clock += 1000;
        let mut commitments = Map::new();
        let mut openings = Map::new();
        for (field, value) in secrets {
            let (commitment, opening) = self.opening(field, value);
            commitments.insert((*field).to_owned(), commitment);
            openings.insert((*field).to_owned(), opening);
        }
        let parents: Vec<String> = parents.iter().flatten().map(|n| format!("@{n}")).collect();
        let subject = self.subject.clone().filter(|_| about_account);
        let value = json!({
            "v": 1, "id": self.id(), "tenant": "acme", "kind": kind, "at": time(self.clock),
            "correlation": self.correlation, "parents": parents, "prev": null,
            "actor": {"type": "system"}, "subject_ref": subject,
            "policy_hash": hex(&sha256(b"policy")), "commitments": commitments, "blobs": [],
            "key_id": null, "body": body,
        });
        self.records.push(Record {
            value,
            openings,
            assertion: None,
        });
        self.records.len() - 1
    }

    /// The bytes of each record, and its hash; parents have been filled in.
    pub fn sealed(&self) -> Vec<(Vec<u8>, Hash)> {
        let mut sealed: Vec<(Vec<u8>, Hash)> = Vec::new();
        for record in &self.records {
            let mut value = record.value.clone();
            if let Some(parents) = value.get_mut("parents").and_then(Value::as_array_mut) {
                for parent in parents {
                    let number = parent.as_str().and_then(|text| text.strip_prefix('@'));
                    if let Some(number) = number.and_then(|number| number.parse::<usize>().ok()) {
                        let known = sealed.get(number).map_or([0; 32], |(_, leaf)| *leaf);
                        *parent = hex(&known).into();
                    }
                }
            }
            // Names are ASCII here, and a `Value` keeps them in the order of their bytes.
            let bytes = value.to_string().into_bytes();
            let leaf = leaf_hash(&bytes);
            sealed.push((bytes, leaf));
        }
        sealed
    }
}

/// The text of a UUID [RFC 9562 §4].
fn dashed(text: &str) -> String {
    let (a, b, c, d, e) = (
        &text[..8],
        &text[8..12],
        &text[12..16],
        &text[16..20],
        &text[20..],
    );
    format!("{a}-{b}-{c}-{d}-{e}")
}
