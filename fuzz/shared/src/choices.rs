//! A stream of choices: whoever draws from it does not know where they come from.

/// Decides everything that is made here: the same source decides the same.
///
/// A source of bytes is used up at some point and then always chooses the first, so whoever draws
/// puts the plainest first and what ends the work before what goes on.
#[derive(Debug, Clone)]
pub struct Choices<'b>(Source<'b>);

#[derive(Debug, Clone)]
enum Source<'b> {
    Seed(u64),
    Bytes(&'b [u8]),
}

impl<'b> Choices<'b> {
    /// Endless choices out of one number.
    #[must_use]
    pub const fn from_seed(seed: u64) -> Self {
        Self(Source::Seed(seed))
    }

    /// The choices that these bytes are: a byte each, more where there are more than 256.
    #[must_use]
    pub const fn from_bytes(bytes: &'b [u8]) -> Self {
        Self(Source::Bytes(bytes))
    }

    /// Whether to do once more what was done: as long as there are bytes, or every other time.
    pub fn go_on(&mut self) -> bool {
        match self.0 {
            Source::Seed(_) => self.once_in(2),
            Source::Bytes(bytes) => !bytes.is_empty(),
        }
    }

    /// A number below `limit`; 0 if that is 0.
    pub fn below(&mut self, limit: usize) -> usize {
        let drawn = match &mut self.0 {
            Source::Seed(state) => splitmix(state),
            Source::Bytes(bytes) => {
                let count = match limit {
                    0..=1 => 0,
                    2..=0x100 => 1,
                    0x101..=0x1_0000 => 2,
                    _ => 4,
                };
                let (head, rest) = bytes.split_at_checked(count).unwrap_or((bytes, &[]));
                *bytes = rest;
                head.iter()
                    .fold(0, |number, byte| (number << 8) | u64::from(*byte))
            }
        };
        let limit = u64::try_from(limit).unwrap_or(u64::MAX);
        usize::try_from(drawn.checked_rem(limit).unwrap_or(0)).unwrap_or(0)
    }

    /// Once in `n` times true; false when used up.
    pub fn once_in(&mut self, n: usize) -> bool {
        n > 0 && self.below(n) == n.saturating_sub(1)
    }

    /// One of these; `None` if there are none.
    pub fn among<'t, T>(&mut self, all: &'t [T]) -> Option<&'t T> {
        all.get(self.below(all.len()))
    }

    /// One of these words; the empty one if there are none.
    pub fn word<'t>(&mut self, all: &[&'t str]) -> &'t str {
        self.among(all).copied().unwrap_or_default()
    }
}

/// SplitMix64 (Steele, Lea, Flood 2014): every state, and so every seed, is as good as another.
fn splitmix(state: &mut u64) -> u64 {
    *state = state.wrapping_add(0x9e37_79b9_7f4a_7c15);
    let mut z = *state;
    z = (z ^ (z >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
    z = (z ^ (z >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
    z ^ (z >> 31)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn bytes_are_choices_until_they_are_used_up() {
        let mut choices = Choices::from_bytes(&[7, 1, 2, 255]);
        assert_eq!(choices.below(4), 3);
        assert_eq!(choices.below(1), 0);
        assert_eq!(choices.below(1000), 258);
        assert!(choices.go_on());
        assert!(choices.once_in(2));
        assert!(!choices.go_on());
        assert_eq!((choices.below(9), choices.once_in(2)), (0, false));
        assert_eq!(choices.among::<u8>(&[]), None);
    }

    #[test]
    fn a_seed_chooses_the_same_each_time_and_everything_at_some_time() {
        let draw = |seed| {
            let mut choices = Choices::from_seed(seed);
            (0..64).map(|_| choices.below(8)).collect::<Vec<_>>()
        };
        assert_eq!(draw(1), draw(1));
        assert_ne!(draw(1), draw(2));
        assert!((0..8).all(|n| draw(1).contains(&n)));
    }
}
