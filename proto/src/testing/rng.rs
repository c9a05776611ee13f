//! Chance by seed: xoshiro256++, filled from the seed by splitmix64.
//!
//! Written here, in thirty lines, so that no update of a dependency ever changes what a test saw. Not for
//! secrets. Source: Blackman and Vigna, "Scrambled linear pseudorandom number generators" (2021).

/// One step of splitmix64: mixes `state` and returns the next value of the sequence.
///
/// Also a good hash of one number, which is how seeds for independent streams are made.
#[must_use]
pub const fn splitmix64(state: u64) -> u64 {
    let mut z = state.wrapping_add(0x9e37_79b9_7f4a_7c15);
    z = (z ^ (z >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
    z = (z ^ (z >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
    z ^ (z >> 31)
}

/// A stream of seeded chance (xoshiro256++).
#[derive(Clone, Debug)]
pub struct Rng([u64; 4]);

impl Rng {
    /// The stream of this seed.
    #[must_use]
    pub const fn new(seed: u64) -> Self {
        const STEP: u64 = 0x9e37_79b9_7f4a_7c15;
        Self([
            splitmix64(seed),
            splitmix64(seed.wrapping_add(STEP)),
            splitmix64(seed.wrapping_add(STEP.wrapping_mul(2))),
            splitmix64(seed.wrapping_add(STEP.wrapping_mul(3))),
        ])
    }

    /// A stream of its own for one `purpose` under the same seed, so that drawing more from one does not
    /// shift another.
    #[must_use]
    pub const fn of(seed: u64, purpose: u64) -> Self {
        Self::new(splitmix64(seed) ^ splitmix64(purpose.wrapping_add(0x5851_f42d_4c95_7f2d)))
    }

    /// The next 64 bits.
    pub const fn next_u64(&mut self) -> u64 {
        let s = &mut self.0;
        let result = s[0].wrapping_add(s[3]).rotate_left(23).wrapping_add(s[0]);
        let t = s[1] << 17;
        s[2] ^= s[0];
        s[3] ^= s[1];
        s[1] ^= s[2];
        s[0] ^= s[3];
        s[2] ^= t;
        s[3] = s[3].rotate_left(45);
        result
    }

    /// Evenly in 0 ≤ x < 1, in steps of 2⁻⁵³.
    pub fn unit(&mut self) -> f64 {
        (self.next_u64() >> 11) as f64 * (1.0 / (1u64 << 53) as f64)
    }

    /// Evenly in `low` ≤ x < `high`.
    pub fn between(&mut self, low: f64, high: f64) -> f64 {
        low + (high - low) * self.unit()
    }

    /// True with this probability; not-a-number counts as never. Draws once whatever the probability.
    pub fn chance(&mut self, probability: f64) -> bool {
        self.unit() < probability
    }

    /// Close to a normal distribution of mean 0 and variance 1: twelve even draws summed, so that no
    /// platform's `ln` has a say. Never beyond ±6.
    pub fn bell(&mut self) -> f64 {
        (0..12).map(|_| self.unit()).sum::<f64>() - 6.0
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_generators_match_their_published_sequences() {
        // Vigna's splitmix64.c with state 0; xoshiro256plusplus.c with the state {1, 2, 3, 4}.
        assert_eq!(splitmix64(0), 0xe220_a839_7b1d_cdaf);
        let mut rng = Rng([1, 2, 3, 4]);
        let first: [u64; 4] = std::array::from_fn(|_| rng.next_u64());
        assert_eq!(first, [41_943_041, 58_720_359, 3_588_806_011_781_223, 3_591_011_842_654_386]);
    }

    #[test]
    fn draws_are_even_and_streams_differ() {
        let mut rng = Rng::new(7);
        let mean = (0..100_000).map(|_| rng.unit()).sum::<f64>() / 1e5;
        assert!((mean - 0.5).abs() < 0.005, "{mean}");
        let variance = (0..100_000).map(|_| rng.bell().powi(2)).sum::<f64>() / 1e5;
        assert!((variance - 1.0).abs() < 0.02, "{variance}");
        assert_ne!(Rng::of(1, 1).next_u64(), Rng::of(1, 2).next_u64());
        assert_ne!(Rng::of(1, 1).next_u64(), Rng::of(2, 1).next_u64());
        assert!(!rng.chance(f64::NAN));
    }
}
