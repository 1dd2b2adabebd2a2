use super::ElementLoss;
use crate::Scalar;
use crate::error::{HyperParameterError, positive};

/// The Huber loss: with e = p - y, a term is e^2 / 2 for |e| <= delta, else delta (|e| - delta/2). Its derivative is e,
/// clipped to [-delta, delta], and l is the mean of the terms over the outputs.
///
/// Source: P. J. Huber, *Robust Estimation of a Location Parameter* (Ann. Math. Statist. 35, 1964).
///
/// ```
/// # use mlp_core::{Huber, Loss};
/// let mut gradient = [0.0; 2];
/// let huber = Huber::new(1.0)?;
/// assert_eq!(huber.value_and_gradient(&[4.0, 0.5], &[1.0, 0.0], &mut gradient), (2.5 + 0.125) / 2.0);
/// assert_eq!(gradient, [0.5, 0.25]);
/// # Ok::<(), mlp_core::HyperParameterError>(())
/// ```
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Huber {
    delta: f64,
}

impl Huber {
    /// Creates a loss that is quadratic up to an error of `delta` and linear beyond.
    ///
    /// # Errors
    /// If `delta` is not a finite number above 0.
    pub fn new(delta: f64) -> Result<Self, HyperParameterError> {
        Ok(Self {
            delta: positive("Huber delta", delta)?,
        })
    }

    /// Returns delta.
    pub fn delta(&self) -> f64 {
        self.delta
    }
}

/// delta = 1.
impl Default for Huber {
    fn default() -> Self {
        Self { delta: 1.0 }
    }
}

impl ElementLoss for Huber {
    #[inline(always)]
    fn element<T: Scalar>(&self, prediction: T, target: T) -> T {
        let (delta, half) = (T::from_f64(self.delta), T::from_f64(0.5));
        let error = prediction - target;
        let distance = error.abs();
        distance.select_gt(delta, delta * (distance - half * delta), half * (error * error))
    }
}
