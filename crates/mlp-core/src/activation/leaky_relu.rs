use super::Activation;
use crate::Scalar;
use crate::error::{HyperParameterError, finite};

/// f(z) = z for z > 0, else alpha z; f'(z) = 1 for z > 0, else alpha (also at 0 and -0). alpha is `negative_slope`.
///
/// Source: A. L. Maas, A. Y. Hannun, A. Y. Ng, *Rectifier Nonlinearities Improve Neural Network Acoustic Models*
/// (ICML 2013).
///
/// ```
/// # use mlp_core::activations::LeakyRelu;
/// # use mlp_core::Activation;
/// let leaky = LeakyRelu::new(0.01)?;
/// assert_eq!((leaky.value(-2.0), leaky.value(2.0)), (-0.02, 2.0));
/// assert_eq!(leaky.derivative(0.0, 0.0), 0.01);
/// # Ok::<(), mlp_core::HyperParameterError>(())
/// ```
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct LeakyRelu {
    negative_slope: f64,
}

impl LeakyRelu {
    /// Creates a leaky ReLU with slope `negative_slope` (alpha) for z <= 0. With alpha = 0, f(-inf) is NaN (0 times
    /// infinity); use [`Relu`](super::Relu) instead.
    ///
    /// # Errors
    /// If `negative_slope` is infinite or NaN.
    pub fn new(negative_slope: f64) -> Result<Self, HyperParameterError> {
        Ok(Self {
            negative_slope: finite("negative slope", negative_slope)?,
        })
    }

    /// Returns alpha.
    pub fn negative_slope(&self) -> f64 {
        self.negative_slope
    }
}

/// alpha = 0.01.
impl Default for LeakyRelu {
    fn default() -> Self {
        Self { negative_slope: 0.01 }
    }
}

impl Activation for LeakyRelu {
    #[inline(always)]
    fn value<T: Scalar>(&self, z: T) -> T {
        z * z.select_gt(T::zero(), T::one(), T::from_f64(self.negative_slope))
    }

    /// Returns the derivative that dual numbers give, except that it is NaN at NaN, where dual numbers give a constant
    /// slope.
    #[inline(always)]
    fn derivative<T: Scalar>(&self, z: T, _: T) -> T {
        let (zero, slope) = (T::zero(), T::from_f64(self.negative_slope));
        // Only 0 and NaN reach the innermost branch.
        z.select_gt(zero, T::one(), zero.select_gt(z, slope, z * zero + slope))
    }
}
