//! The members that were read: found by name, each hashed once.

use std::collections::HashMap;

use countersign_core::Sha256Digest;
use ring::digest::{SHA256, digest};

use crate::container::Member;

/// The members of one container.
#[derive(Debug)]
pub(crate) struct Members<'a> {
    list: Vec<(Member<'a>, Sha256Digest)>,
    /// Of two with one name, which is refused, the first.
    places: HashMap<&'a str, usize>,
}

impl<'a> Members<'a> {
    pub(crate) fn of(members: Vec<Member<'a>>) -> Self {
        let mut places = HashMap::with_capacity(members.len());
        for (place, member) in members.iter().enumerate() {
            places.entry(member.name).or_insert(place);
        }
        let hashed = |member: Member<'a>| (member, sha256(member.data));
        Self {
            list: members.into_iter().map(hashed).collect(),
            places,
        }
    }

    pub(crate) fn iter(&self) -> impl Iterator<Item = &(Member<'a>, Sha256Digest)> {
        self.list.iter()
    }

    pub(crate) fn names(&self) -> Vec<&'a str> {
        self.list.iter().map(|(member, _)| member.name).collect()
    }

    pub(crate) fn data(&self, name: &str) -> Option<&'a [u8]> {
        self.find(name).map(|(member, _)| member.data)
    }

    pub(crate) fn sha256(&self, name: &str) -> Option<Sha256Digest> {
        self.find(name).map(|(_, digest)| *digest)
    }

    fn find(&self, name: &str) -> Option<&(Member<'a>, Sha256Digest)> {
        self.list.get(*self.places.get(name)?)
    }
}

/// SHA-256.
pub(crate) fn sha256(bytes: &[u8]) -> Sha256Digest {
    // INVARIANT: a SHA-256 has 32 bytes, which fill the array.
    let mut array = [0; 32];
    for (to, from) in array.iter_mut().zip(digest(&SHA256, bytes).as_ref()) {
        *to = *from;
    }
    Sha256Digest::from_bytes(array)
}
