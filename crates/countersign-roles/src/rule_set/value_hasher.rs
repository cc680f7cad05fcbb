//! A fast hash for values that only a policy puts into a table.

use std::hash::Hasher;

/// Folds sixteen bytes at a time into a 64-bit state, as wyhash does.
///
/// # Security
/// It does not resist chosen collisions. Only the policy's author puts keys into the table; what
/// an identity provider sends is only looked up, and can not lengthen any chain.
#[derive(Debug, Clone, Copy, Default)]
pub(super) struct ValueHasher {
    state: u64,
}

/// 2^64 divided by the golden ratio, made odd: Knuth's multiplier [TAOCP 3, §6.4].
const MULTIPLIER: u64 = 0x9E37_79B9_7F4A_7C15;

impl ValueHasher {
    fn fold(&mut self, one: u64, other: u64) {
        let (one, other) = (one ^ self.state, other ^ MULTIPLIER);
        let product = u128::from(one).wrapping_mul(u128::from(other));
        let [low, high] = [product, product >> 64].map(|half| half as u64);
        self.state = low ^ high;
    }
}

/// Two words that hold at most sixteen bytes, some of them twice.
fn words(bytes: &[u8]) -> (u64, u64) {
    if let (Some(first), Some(last)) = (bytes.first_chunk(), bytes.last_chunk()) {
        (u64::from_le_bytes(*first), u64::from_le_bytes(*last))
    } else if let (Some(first), Some(last)) = (bytes.first_chunk(), bytes.last_chunk()) {
        let [first, last] = [*first, *last].map(u32::from_le_bytes);
        (first.into(), last.into())
    } else {
        let mut few = [0; 8];
        for (to, from) in few.iter_mut().zip(bytes) {
            *to = *from;
        }
        (u64::from_le_bytes(few), 0)
    }
}

impl Hasher for ValueHasher {
    fn write(&mut self, bytes: &[u8]) {
        self.state ^= (bytes.len() as u64).rotate_left(56);
        if let Some(last) = bytes.last_chunk::<16>() {
            for chunk in bytes.chunks_exact(16) {
                let (one, other) = words(chunk);
                self.fold(one, other);
            }
            let (one, other) = words(last);
            self.fold(one, other);
        } else {
            let (one, other) = words(bytes);
            self.fold(one, other);
        }
    }

    fn write_u8(&mut self, byte: u8) {
        // `str` ends its bytes with 0xFF, which the length above makes needless.
        if byte != 0xff {
            self.fold(u64::from(byte), 0);
        }
    }

    fn write_u64(&mut self, word: u64) {
        self.fold(word, 0);
    }

    fn finish(&self) -> u64 {
        self.state
    }
}

#[cfg(test)]
mod tests {
    use std::collections::HashSet;
    use std::hash::{BuildHasher, BuildHasherDefault};

    use super::*;

    #[test]
    fn values_that_differ_in_one_byte_or_in_length_are_apart() {
        let build = BuildHasherDefault::<ValueHasher>::default();
        let mut values: Vec<String> = (0..40).map(|length| "a".repeat(length)).collect();
        for place in 0..40 {
            let mut value = "a".repeat(40);
            value.replace_range(place..=place, "b");
            values.push(value);
        }
        let hashes: HashSet<u64> = values.iter().map(|value| build.hash_one(value)).collect();
        assert_eq!(hashes.len(), values.len());
        // A table takes its place from the low bits, and its tag from the high ones.
        let tags: HashSet<u64> = hashes.iter().map(|hash| hash >> 57).collect();
        assert!(tags.len() > 32, "{}", tags.len());
    }
}
