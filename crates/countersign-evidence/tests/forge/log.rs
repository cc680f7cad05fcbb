//! A log made by the standards alone: its tree, its notes, its proofs.

use std::fmt::Write as _;

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use ring::digest::{Context, SHA256, digest};
use ring::signature::{Ed25519KeyPair, KeyPair as _};

pub type Hash = [u8; 32];

pub fn sha256(bytes: &[u8]) -> Hash {
    digest(&SHA256, bytes).as_ref().try_into().unwrap()
}

pub fn hex(bytes: &[u8]) -> String {
    bytes.iter().fold(String::new(), |mut text, byte| {
        write!(text, "{byte:02x}").unwrap();
        text
    })
}

fn hash(parts: &[&[u8]]) -> Hash {
    let mut context = Context::new(&SHA256);
    for part in parts {
        context.update(part);
    }
    context.finish().as_ref().try_into().unwrap()
}

/// [RFC 9162 §2.1.1]
pub fn leaf_hash(entry: &[u8]) -> Hash {
    hash(&[&[0], entry])
}

fn split(count: usize) -> usize {
    count.next_power_of_two() / 2
}

/// [RFC 9162 §2.1.1]
pub fn root(leaves: &[Hash]) -> Hash {
    match leaves {
        [] => sha256(b""),
        [one] => *one,
        _ => {
            let (left, right) = leaves.split_at(split(leaves.len()));
            hash(&[&[1], &root(left), &root(right)])
        }
    }
}

/// [RFC 9162 §2.1.3.1]
pub fn path(index: usize, leaves: &[Hash]) -> Vec<Hash> {
    if leaves.len() < 2 {
        return Vec::new();
    }
    let at = split(leaves.len());
    let (left, right) = leaves.split_at(at);
    let (mut found, other) = if index < at {
        (path(index, left), root(right))
    } else {
        (path(index - at, right), root(left))
    };
    found.push(other);
    found
}

/// A key that signs notes, with its name.
#[derive(Debug)]
pub struct NoteKey {
    name: String,
    /// 1: a log's, 4: a witness's [C2SP signed-note].
    kind: u8,
    pair: Ed25519KeyPair,
}

impl NoteKey {
    pub fn new(name: &str, kind: u8, seed: u8) -> Self {
        let pair = Ed25519KeyPair::from_seed_unchecked(&[seed; 32]).unwrap();
        Self {
            name: name.to_owned(),
            kind,
            pair,
        }
    }

    fn public(&self) -> Vec<u8> {
        [&[self.kind], self.pair.public_key().as_ref()].concat()
    }

    fn id(&self) -> [u8; 4] {
        let hash = hash(&[self.name.as_bytes(), b"\n", &self.public()]);
        hash[..4].try_into().unwrap()
    }

    /// `name+id+key`, as others are given it.
    pub fn vkey(&self) -> String {
        let key = STANDARD.encode(self.public());
        format!("{}+{}+{key}", self.name, hex(&self.id()))
    }

    /// A signature line for the text of a note; a witness writes the time before its signature.
    pub fn line(&self, text: &str, seconds: u64) -> String {
        let mut signature = self.id().to_vec();
        if self.kind == 4 {
            let message = format!("cosignature/v1\ntime {seconds}\n{text}");
            signature.extend(seconds.to_be_bytes());
            signature.extend(self.pair.sign(message.as_bytes()).as_ref());
        } else {
            signature.extend(self.pair.sign(text.as_bytes()).as_ref());
        }
        format!("— {} {}\n", self.name, STANDARD.encode(signature))
    }

    /// The text of a checkpoint, whose origin is this key's name.
    pub fn checkpoint_text(&self, leaves: &[Hash]) -> String {
        let root = STANDARD.encode(root(leaves));
        format!("{}\n{}\n{root}\n", self.name, leaves.len())
    }
}

/// [C2SP tlog-proof]
pub fn proof(index: usize, leaves: &[Hash], checkpoint: &[u8]) -> Vec<u8> {
    let mut text = format!("c2sp.org/tlog-proof@v1\nindex {index}\n");
    for hash in path(index, leaves) {
        writeln!(text, "{}", STANDARD.encode(hash)).unwrap();
    }
    text.push('\n');
    [text.as_bytes(), checkpoint].concat()
}
