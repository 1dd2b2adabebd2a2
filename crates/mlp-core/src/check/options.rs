use alloc::vec::Vec;
use core::ops::RangeInclusive;

/// What a check may assume about a formula. The default assumes nothing.
///
/// ```
/// use mlp_core::check::Options;
/// use mlp_core::{Activation, Scalar};
///
/// /// f(z) = |z| + z^2/2, with the derivative from the right at 0.
/// #[derive(Clone, Debug)]
/// struct Bent;
///
/// impl Activation for Bent {
///     fn value<T: Scalar>(&self, z: T) -> T {
///         z.abs() + T::from_f64(0.5) * z * z
///     }
///
///     fn derivative<T: Scalar>(&self, z: T, _value: T) -> T {
///         T::zero().select_gt(z, -T::one(), T::one()) + z
///     }
/// }
///
/// mlp_core::check_activation!(Bent, Options::default().kinks([0.0]));
/// ```
#[derive(Clone, Debug)]
pub struct Options {
    pub(super) range: RangeInclusive<f64>,
    pub(super) kinks: Vec<f64>,
    pub(super) tolerance: f64,
}

impl Default for Options {
    fn default() -> Self {
        Self {
            range: f64::NEG_INFINITY..=f64::INFINITY,
            kinks: Vec::new(),
            tolerance: 0.0,
        }
    }
}

impl Options {
    /// Checks arguments in this range only, for a formula that is not defined, or not meant, for all numbers. The
    /// arguments of a loss are the predictions.
    ///
    /// # Panics
    /// If the range is empty or an end is not finite.
    #[must_use]
    pub fn range(mut self, range: RangeInclusive<f64>) -> Self {
        let (low, high) = (*range.start(), *range.end());
        assert!(
            low < high && (high - low).is_finite(),
            "range of a check: expected two finite numbers in ascending order, got {range:?}"
        );
        self.range = range;
        self
    }

    /// Accepts any derivative at these arguments, where the one from the left is otherwise expected. The check of an
    /// activation then also tries numbers close to each of them, on both sides. The kinks of a loss are differences
    /// between a prediction and its target.
    #[must_use]
    pub fn kinks(mut self, kinks: impl Into<Vec<f64>>) -> Self {
        self.kinks = kinks.into();
        self
    }

    /// Accepts a derivative that differs by this share of it in addition to its rounding errors, for one that is an
    /// approximation.
    #[must_use]
    pub fn tolerance(mut self, tolerance: f64) -> Self {
        self.tolerance = tolerance;
        self
    }

    /// Returns whether `x` is a kink, up to the last places of a number of the given `size`.
    pub(super) fn at_kink(&self, x: f64, size: f64, epsilon: f64) -> bool {
        self.kinks.iter().any(|kink| (x - kink).abs() <= 4.0 * epsilon * size)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_kink_is_met_up_to_the_last_places() {
        let options = Options::default().kinks([-1.0, 3.0]);
        let at_kink = |x| options.at_kink(x, 2.0, f64::EPSILON);
        assert!(at_kink(-1.0) && at_kink(3.0) && at_kink(3.0 + 8.0 * f64::EPSILON));
        assert!(!at_kink(3.0 + 16.0 * f64::EPSILON) && !at_kink(1.0));
        assert!(!Options::default().at_kink(0.0, 1.0, f64::EPSILON));
    }

    #[test]
    #[should_panic(expected = "range of a check: expected two finite numbers in ascending order, got 1.0..=1.0")]
    fn a_range_is_not_empty() {
        let _ = Options::default().range(1.0..=1.0);
    }
}
