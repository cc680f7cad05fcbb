//! A fast hash for values that only a policy puts into a table.

use std::hash::Hasher;

/// Folds eight bytes at a time into a 64-bit state.
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
    fn fold(&mut self, word: u64) {
        let mixed = u128::from(self.state ^ word).wrapping_mul(u128::from(MULTIPLIER));
        let [low, high] = [mixed, mixed >> 64].map(|half| half as u64);
        self.state = low ^ high ^ word.rotate_left(32);
    }
}

impl Hasher for ValueHasher {
    fn write(&mut self, bytes: &[u8]) {
        let mut words = bytes.chunks_exact(8);
        for word in &mut words {
            if let Ok(word) = word.try_into() {
                self.fold(u64::from_le_bytes(word));
            }
        }
        let mut last = [0_u8; 8];
        for (to, from) in last.iter_mut().zip(words.remainder()) {
            *to = *from;
        }
        self.fold(u64::from_le_bytes(last) ^ (bytes.len() as u64).rotate_left(56));
    }

    fn write_u8(&mut self, byte: u8) {
        // `str` ends its bytes with 0xFF, which the length above makes needless.
        if byte != 0xff {
            self.fold(u64::from(byte));
        }
    }

    fn finish(&self) -> u64 {
        self.state
    }
}
