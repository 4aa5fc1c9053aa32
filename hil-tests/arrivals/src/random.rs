//! What does chance say, on every machine the same?
//!
//! The stream of bits is the rig's (`hil_tests::world::random`); the shapes made of it here use `libm` alone, because the C library's
//! logarithm differs from machine to machine.

use hil_tests::world::random::Random;

/// A seeded stream of numbers of several shapes.
#[derive(Debug, Clone)]
pub struct Chance {
    random: Random,
    spare: Option<f64>,
}

impl Chance {
    /// The stream of `seed` for one `purpose`: a new use of chance in one place does not shift every other.
    #[must_use]
    pub fn stream(seed: u64, purpose: &str) -> Self {
        Self { random: Random::stream(seed, purpose), spare: None }
    }

    /// Uniform in `low..high`.
    pub fn uniform(&mut self, low: f64, high: f64) -> f64 {
        self.random.uniform(low, high)
    }

    /// Happens with this probability.
    pub fn happens(&mut self, probability: f64) -> bool {
        probability > 0.0 && self.uniform(0.0, 1.0) < probability
    }

    /// One of `0..count`; 0 for none.
    pub fn below(&mut self, count: u32) -> u32 {
        let product = (self.random.bits() >> 32) * u64::from(count);
        u32::try_from(product >> 32).unwrap_or(0)
    }

    /// Standard normal, by Marsaglia's polar method.
    pub fn normal(&mut self) -> f64 {
        if let Some(spare) = self.spare.take() {
            return spare;
        }
        loop {
            let (x, y) = (self.uniform(-1.0, 1.0), self.uniform(-1.0, 1.0));
            let square = x * x + y * y;
            if square > 1e-12 && square < 1.0 {
                let scale = libm::sqrt(-2.0 * libm::log(square) / square);
                self.spare = Some(y * scale);
                return x * scale;
            }
        }
    }

    /// Student's t with `freedom` degrees of freedom (3 or more), scaled to unit variance: as wide as a normal on the whole, with
    /// far more weight far out.
    pub fn heavy(&mut self, freedom: u32) -> f64 {
        let chi2: f64 = (0..freedom).map(|_| self.normal()).map(|x| x * x).sum();
        let k = f64::from(freedom);
        self.normal() / libm::sqrt(chi2 / k) * libm::sqrt((k - 2.0) / k)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn moments(mut draw: impl FnMut() -> f64) -> (f64, f64) {
        let (mut sum, mut squares) = (0.0, 0.0);
        for _ in 0..50_000 {
            let x = draw();
            sum += x;
            squares += x * x;
        }
        (sum / 50_000.0, squares / 50_000.0)
    }

    #[test]
    fn normal_and_heavy_have_mean_zero_and_variance_one() {
        let mut chance = Chance::stream(7, "test");
        let (mean, variance) = moments(|| chance.normal());
        assert!(mean.abs() < 0.02 && (variance - 1.0).abs() < 0.03, "{mean} {variance}");
        let (mean, variance) = moments(|| chance.heavy(5));
        assert!(mean.abs() < 0.02 && (variance - 1.0).abs() < 0.1, "{mean} {variance}");
    }

    #[test]
    fn heavy_tails_are_heavy() {
        let mut chance = Chance::stream(8, "test");
        let beyond = |mut draw: Box<dyn FnMut() -> f64>| (0..50_000).filter(|_| draw().abs() > 4.0).count();
        let mut other = chance.clone();
        let normal = beyond(Box::new(move || other.normal()));
        let heavy = beyond(Box::new(move || chance.heavy(4)));
        assert!(normal < 20 && heavy > 100, "{normal} {heavy}");
    }

    #[test]
    fn below_reaches_every_number_and_no_other() {
        let mut chance = Chance::stream(9, "test");
        let drawn: std::collections::BTreeSet<u32> = (0..1_000).map(|_| chance.below(7)).collect();
        assert_eq!(drawn, (0..7).collect());
    }
}
