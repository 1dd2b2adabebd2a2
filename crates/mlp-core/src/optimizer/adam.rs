use super::NonFinite;
use super::factors::Group;
use super::first_order::Update;
use super::rule::{Rule, first_order, impl_new};
use crate::Scalar;
use crate::backend::{Tensor, ZipFormula};
use crate::error::{below_one, positive};

first_order! {
    /// Adam: in step t = 1, 2, ..., for each parameter W with the gradient g = dL/dW,
    ///
    /// ```text
    /// m <- beta1 m + (1 - beta1) g          first moment, 0 before the first step
    /// v <- beta2 v + (1 - beta2) g^2        second moment, 0 before the first step
    /// m^ = m / (1 - beta1^t)                corrected for the bias towards 0
    /// v^ = v / (1 - beta2^t)
    /// W <- W - eta m^ / (sqrt(v^) + epsilon)
    /// ```
    ///
    /// By default beta1 = 0.9, beta2 = 0.999 and epsilon = 1e-8. `torch.optim.Adam` uses the same formula and the same
    /// values. A parameter changes by about eta in a step, whatever the size of its gradient, so start with a learning
    /// rate of 0.001.
    ///
    /// A learning rate that is too large therefore shows in the loss, and seldom leads to numbers that are not finite.
    /// If a gradient is so large that its square is infinite, the parameter does not change in that step, and v becomes
    /// the largest finite number. The next steps may then be far too long; the trainer reports it if numbers stop being
    /// finite.
    ///
    /// Source: D. P. Kingma, J. Ba, *Adam: A Method for Stochastic Optimization* (ICLR 2015), algorithm 1.
    ///
    /// ```
    /// use mlp_core::activations::Tanh;
    /// use mlp_core::{Adam, FitOptions, HalfMse, Mlp, Samples, Trainer};
    /// use mlp_cpu::Matrix;
    ///
    /// let input = Matrix::from_columns(&[[-1.0], [-0.5], [0.0], [0.5], [1.0]]);
    /// let target = Matrix::from_columns(&[[1.0], [0.25], [0.0], [0.25], [1.0]]);
    /// let mut network = Mlp::<Matrix<f64>>::builder(&[1, 8, 1]).hidden(Tanh).seed(1).build()?;
    ///
    /// let mut trainer = Trainer::new(HalfMse, Adam::new(0.02)?);
    /// let loss = trainer.fit(&mut network, Samples::new(&input, &target)?, FitOptions::epochs(300))?.loss;
    /// assert!(loss < 1e-3);
    ///
    /// // With other decay rates and another epsilon.
    /// let _ = Adam::<Matrix<f32>>::new(0.02)?.betas(0.8, 0.99)?.epsilon(1e-6)?;
    /// # Ok::<(), Box<dyn std::error::Error>>(())
    /// ```
    Adam, 2, "adam";
    beta1: f64 = 0.9, below_one;
    beta2: f64 = 0.999, below_one;
    epsilon: f64 = 1e-8, positive;
}

/// The names of the values that Adam and its variants keep.
pub(super) const MOMENTS: &[&str] = &["first_moment", "second_moment"];

/// The name of the moment that is never negative.
pub(super) const SQUARES: Option<&str> = Some("second_moment");

/// The formula of one step. Numerator and denominator of the change are multiplied by sqrt(1 - beta2^t). Two constants
/// then contain everything that depends only on t, and an element needs one square root and one division. The end of
/// section 2 of the paper proposes this order of operations.
#[derive(Clone, Copy)]
pub(super) struct Formula {
    beta1: f64,
    beta2: f64,
    /// eta sqrt(1 - beta2^t) / (1 - beta1^t).
    step_size: f64,
    /// epsilon sqrt(1 - beta2^t).
    epsilon: f64,
}

impl Formula {
    /// Returns the formula of step t.
    pub(super) fn new(learning_rate: f64, [beta1, beta2]: [f64; 2], epsilon: f64, t: u64) -> Self {
        let root = Scalar::sqrt(bias(beta2, t));
        Self {
            beta1,
            beta2,
            step_size: learning_rate * root / bias(beta1, t),
            epsilon: epsilon * root,
        }
    }

    /// Returns the formula for a group of parameters.
    #[inline(always)]
    pub(super) fn of_group(self, group: Group) -> Self {
        Self {
            step_size: self.step_size * group.learning_rate,
            epsilon: self.epsilon * group.epsilon,
            ..self
        }
    }

    /// Returns the number to subtract from a parameter, and the new moments.
    #[inline(always)]
    pub(super) fn change<T: Scalar>(&self, gradient: T, [m, v]: [T; 2]) -> (T, [T; 2]) {
        let c = T::from_f64;
        let m = c(self.beta1) * m + c(1.0 - self.beta1) * gradient;
        let v = c(self.beta2) * v + c(1.0 - self.beta2) * gradient * gradient;
        // Keep v finite in memory. With an infinite v, W would silently never change again.
        (
            c(self.step_size) * m / (v.sqrt() + c(self.epsilon)),
            [m, v.at_most(T::largest())],
        )
    }
}

impl ZipFormula<2> for Formula {
    #[inline(always)]
    fn apply<T: Scalar>(&self, gradient: T, parameter: T, moments: [T; 2]) -> (T, [T; 2]) {
        let (change, moments) = self.change(gradient, moments);
        (parameter - change, moments)
    }
}

/// Computes 1 - beta^t without the cancellation that the subtraction has for a beta near 1.
pub(super) fn bias(beta: f64, t: u64) -> f64 {
    -Scalar::exp_m1(t as f64 * Scalar::ln(beta))
}

impl Rule<2> for HyperParameters {
    const NAMES: &'static [&'static str] = MOMENTS;
    const SQUARES: Option<&'static str> = SQUARES;

    fn update<B: Tensor>(&mut self, update: Update<'_, B, 2>) -> Result<(), NonFinite> {
        let formula = Formula::new(self.learning_rate, [self.beta1, self.beta2], self.epsilon, update.step);
        update.apply(|group| formula.of_group(group))
    }
}

/// Implements the setters of the moments' hyper-parameters.
macro_rules! impl_moments {
    ($optimizer:ident) => {
        impl<B: $crate::backend::Tensor> $optimizer<B> {
            /// Sets the decay rates of the moments, which are 0.9 and 0.999 by default.
            ///
            /// # Errors
            /// Returns an error if one of them is not a number of at least 0 and below 1.
            pub fn betas(mut self, beta1: f64, beta2: f64) -> Result<Self, $crate::HyperParameterError> {
                self.rule.beta1 = $crate::error::below_one("beta1", beta1)?;
                self.rule.beta2 = $crate::error::below_one("beta2", beta2)?;
                Ok(self)
            }

            /// Sets epsilon, which is 1e-8 by default.
            ///
            /// # Errors
            /// Returns an error if `epsilon` is not a finite number above 0. With 0, a parameter whose gradient is
            /// always 0 would become 0/0.
            pub fn epsilon(mut self, epsilon: f64) -> Result<Self, $crate::HyperParameterError> {
                self.rule.epsilon = $crate::error::positive("epsilon", epsilon)?;
                Ok(self)
            }
        }
    };
}
pub(super) use impl_moments;

impl_moments!(Adam);
impl_new!(Adam);
