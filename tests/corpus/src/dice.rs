//! Seeded chance.

use rand::{Rng, SeedableRng};
use rand_chacha::ChaCha8Rng;

/// Chance that is the same for the same seed and stream, on every machine.
///
/// Each noun of the corpus (item 17, job 3, …) throws dice of its own, so that it looks the same
/// whatever was generated before it.
pub(super) struct Dice(ChaCha8Rng);

/// What a stream of dice belongs to.
#[derive(Clone, Copy)]
pub(super) enum Stream {
    Job = 1,
    Item,
    Author,
    Batch,
    Poison,
    Order,
    Happening,
    Producer,
}

// === impl Dice ===

impl Dice {
    /// The dice of one noun.
    pub(super) fn new(seed: u64, stream: Stream, number: u64) -> Self {
        let mut rng = ChaCha8Rng::seed_from_u64(seed);
        // 48 bits of number are more items than any corpus holds.
        rng.set_stream(((stream as u64) << 48) | (number & 0xffff_ffff_ffff));
        Self(rng)
    }

    /// Any 64 bits.
    pub(super) fn bits(&mut self) -> u64 {
        self.0.next_u64()
    }

    /// A number from 0 up to, not including, `end`.
    pub(super) fn below(&mut self, end: u64) -> u64 {
        // The bias is below 2^-32 for the small ranges used here.
        self.bits() % end.max(1)
    }

    /// A number from `low` to `high`, both included.
    pub(super) fn between(&mut self, low: u64, high: u64) -> u64 {
        low + self.below(high - low + 1)
    }

    /// True in `percent` of 100 throws.
    pub(super) fn chance(&mut self, percent: u64) -> bool {
        self.below(100) < percent
    }

    /// One of several.
    pub(super) fn pick<'a, T>(&mut self, of: &'a [T]) -> &'a T {
        &of[self.below(of.len() as u64) as usize]
    }

    /// Many small and few large numbers up to `high`, as counts on social media are.
    pub(super) fn skewed(&mut self, high: u64) -> u64 {
        let ceiling = self.between(1, high.max(1));
        let ceiling = self.between(1, ceiling);
        self.below(ceiling + 1)
    }

    /// A random UUID (version 4).
    pub(super) fn uuid(&mut self) -> uuid::Uuid {
        let bits = (u128::from(self.bits()) << 64) | u128::from(self.bits());
        uuid::Builder::from_random_bytes(bits.to_be_bytes()).into_uuid()
    }
}
