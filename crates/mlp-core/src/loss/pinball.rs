use super::{Loss, OverOutputs, check_length};
use crate::error::{HyperParameterError, in_range};
use crate::{Dual, Scalar};

/// The pinball loss, of which quantiles are the minimum: with the quantile q of an output and e = p - y, a term is
/// (1 - q) e for e > 0, else -q e. Its derivative is 1 - q or -q, and 0 at e = 0, so a perfect prediction is not moved. l
/// is the mean of the terms over the outputs.
///
/// An output that is trained with q = 0.9 learns the number that the target exceeds with probability 0.1. Two outputs
/// with the quantiles 0.05 and 0.95 are a prediction interval of 90 %. The target has one number per output: repeat it
/// for each quantile.
///
/// It is `mean_pinball_loss` of scikit-learn, which calls q `alpha`.
///
/// Source: R. Koenker, G. Bassett, *Regression Quantiles* (Econometrica 46, 1978).
///
/// ```
/// use mlp_core::{Adam, FitOptions, Mlp, Pinball, Samples, Trainer};
/// use mlp_cpu::Matrix;
///
/// // The target is 0, 1, ..., 100, whatever the input.
/// let (input, target) = (Matrix::zeros(1, 101), Matrix::from_fn(2, 101, |_, sample| sample as f64));
/// let mut network = Mlp::<Matrix<f64>>::builder(&[1, 2]).build()?;
/// let mut trainer = Trainer::new(Pinball::between(0.095, 0.905)?, Adam::new(0.5)?);
/// trainer.fit(&mut network, Samples::new(&input, &target)?, FitOptions::epochs(1000))?;
/// let interval = network.predict_one(&[0.0]);
/// assert!((interval[0] - 9.0).abs() < 1.0 && (interval[1] - 91.0).abs() < 1.0);
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Pinball {
    low: f64,
    high: f64,
}

impl Pinball {
    /// Creates a loss with the same quantile for all outputs.
    ///
    /// # Errors
    /// If `quantile` is not a number above 0 and below 1.
    pub fn new(quantile: f64) -> Result<Self, HyperParameterError> {
        Self::between(quantile, quantile)
    }

    /// Creates a loss whose quantiles are evenly spaced: output j of n has the quantile low + (high - low) j / (n - 1), so
    /// the first has `low` and the last `high`. A single output has `low`.
    ///
    /// # Errors
    /// If `low` or `high` is not a number above 0 and below 1.
    pub fn between(low: f64, high: f64) -> Result<Self, HyperParameterError> {
        for value in [low, high] {
            let within = value > 0.0 && value < 1.0;
            in_range("quantile", "a number above 0 and below 1", value, within)?;
        }
        Ok(Self { low, high })
    }

    /// Returns the quantile of the first output.
    pub fn low(&self) -> f64 {
        self.low
    }

    /// Returns the quantile of the last output.
    pub fn high(&self) -> f64 {
        self.high
    }

    /// Returns the quantiles of that many outputs.
    fn quantiles(self, outputs: usize) -> impl Iterator<Item = f64> {
        let last = outputs.saturating_sub(1).max(1) as f64;
        (0..outputs).map(move |j| self.low + (self.high - self.low) * j as f64 / last)
    }
}

/// The quantile 0.5 for all outputs.
impl Default for Pinball {
    fn default() -> Self {
        Self { low: 0.5, high: 0.5 }
    }
}

/// Returns the term of one output.
#[inline(always)]
fn term<T: Scalar>(quantile: f64, prediction: T, target: T) -> T {
    let (error, zero) = (prediction - target, T::zero());
    // Only 0 and NaN reach the last branch. The cube of 0 is 0, with derivatives 0; that of NaN is NaN.
    let at_most = (-error).select_gt(zero, T::from_f64(-quantile) * error, error * error * error);
    error.select_gt(zero, T::from_f64(1.0 - quantile) * error, at_most)
}

impl Loss for Pinball {
    #[inline(always)]
    fn value<T: Scalar>(&self, prediction: &[T], target: &[T]) -> T {
        check_length("target", prediction.len(), target.len());
        let mut sum = T::zero();
        for (quantile, (&p, &t)) in self.quantiles(prediction.len()).zip(prediction.iter().zip(target)) {
            sum += term(quantile, p, t);
        }
        sum * OverOutputs::Mean.factor(prediction.len())
    }

    #[inline(always)]
    fn value_and_gradient<T: Scalar>(&self, prediction: &[T], target: &[T], gradient: &mut [T]) -> T {
        check_length("target", prediction.len(), target.len());
        check_length("gradient", prediction.len(), gradient.len());
        let (mut sum, factor) = (T::zero(), OverOutputs::Mean.factor(prediction.len()));
        let outputs = gradient.iter_mut().zip(prediction.iter().zip(target));
        for (quantile, (gradient, (&p, &t))) in self.quantiles(prediction.len()).zip(outputs) {
            let term = term(quantile, Dual::variable(p), Dual::constant(t));
            sum += term.value;
            *gradient = term.derivative * factor;
        }
        sum * factor
    }
}
