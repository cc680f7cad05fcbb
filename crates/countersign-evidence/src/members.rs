//! The members that were read: found by name, each hashed once.

use std::collections::BTreeMap;

use countersign_core::Sha256Digest;
use ring::digest::{Digest, SHA256, digest};

use crate::container::Member;
use crate::manifest::is_listed;

/// The members of one container.
#[derive(Debug)]
pub(crate) struct Members<'a> {
    /// Each with its SHA-256, where the manifest gives that.
    list: Vec<(Member<'a>, Option<Sha256Digest>)>,
    /// Of two with one name, which is refused, the first.
    places: BTreeMap<&'a str, usize>,
}

impl<'a> Members<'a> {
    pub(crate) fn of(members: Vec<Member<'a>>) -> Self {
        let mut places = BTreeMap::new();
        for (place, member) in members.iter().enumerate() {
            places.entry(member.name).or_insert(place);
        }
        let hashed = |member: Member<'a>| {
            let digest = is_listed(member.name).then(|| member.parts.sha256());
            (member, digest)
        };
        Self {
            list: members.into_iter().map(hashed).collect(),
            places,
        }
    }

    pub(crate) fn iter(&self) -> impl Iterator<Item = &Member<'a>> {
        self.list.iter().map(|(member, _)| member)
    }

    /// The members that a manifest refers to, with their digests.
    pub(crate) fn listed(&self) -> impl Iterator<Item = (&'a str, Sha256Digest)> {
        let list = self.list.iter();
        list.filter_map(|(member, digest)| Some((member.name, (*digest)?)))
    }

    pub(crate) fn names(&self) -> Vec<&'a str> {
        self.list.iter().map(|(member, _)| member.name).collect()
    }

    pub(crate) fn data(&self, name: &str) -> Option<&'a [u8]> {
        self.find(name).map(|(member, _)| member.data)
    }

    /// What is in a member behind this text, if it begins with it.
    pub(crate) fn behind(&self, name: &str, text: &str) -> Option<&'a [u8]> {
        self.find(name)?.0.parts.behind(text)
    }

    pub(crate) fn sha256(&self, name: &str) -> Option<Sha256Digest> {
        self.find(name).and_then(|(_, digest)| *digest)
    }

    fn find(&self, name: &str) -> Option<&(Member<'a>, Option<Sha256Digest>)> {
        self.list.get(*self.places.get(name)?)
    }
}

/// SHA-256.
pub(crate) fn sha256(bytes: &[u8]) -> Sha256Digest {
    into_digest(&digest(&SHA256, bytes))
}

/// A SHA-256 as ring has it.
pub(crate) fn into_digest(sha256: &Digest) -> Sha256Digest {
    // INVARIANT: a SHA-256 has 32 bytes, which fill the array.
    let mut array = [0; 32];
    for (to, from) in array.iter_mut().zip(sha256.as_ref()) {
        *to = *from;
    }
    Sha256Digest::from_bytes(array)
}
