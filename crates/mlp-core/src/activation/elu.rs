use super::Activation;
use crate::Scalar;
use crate::error::{HyperParameterError, finite};

/// The exponential linear unit f(z) = z for z > 0, else alpha (e^z - 1); f'(z) = 1 for z > 0, else alpha e^z.
///
/// Source: D.-A. Clevert, T. Unterthiner, S. Hochreiter, *Fast and Accurate Deep Network Learning by Exponential
/// Linear Units* (ICLR 2016).
///
/// ```
/// # use mlp_core::activations::Elu;
/// # use mlp_core::Activation;
/// let elu = Elu::new(0.5)?;
/// assert_eq!((elu.value(2.0), elu.value(f64::NEG_INFINITY)), (2.0, -0.5));
/// assert_eq!(elu.derivative(0.0, 0.0), 0.5);
/// # Ok::<(), mlp_core::HyperParameterError>(())
/// ```
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Elu {
    alpha: f64,
}

impl Elu {
    /// Creates an ELU whose limit at -inf is -`alpha`.
    ///
    /// # Errors
    /// If `alpha` is infinite or NaN.
    pub fn new(alpha: f64) -> Result<Self, HyperParameterError> {
        Ok(Self {
            alpha: finite("ELU alpha", alpha)?,
        })
    }

    /// Returns alpha.
    pub fn alpha(&self) -> f64 {
        self.alpha
    }
}

/// alpha = 1.
impl Default for Elu {
    fn default() -> Self {
        Self { alpha: 1.0 }
    }
}

impl Activation for Elu {
    #[inline(always)]
    fn value<T: Scalar>(&self, z: T) -> T {
        z.select_gt(T::zero(), z, T::from_f64(self.alpha) * z.exp_m1())
    }
}
