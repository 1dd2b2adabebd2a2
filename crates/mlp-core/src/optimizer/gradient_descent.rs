use super::NonFinite;
use super::first_order::Update;
use super::rule::{Listed as _, Rule, first_order, impl_new};
use crate::Scalar;
use crate::backend::{Tensor, ZipFormula};

first_order! {
    /// Plain gradient descent: W <- W - eta dL/dW, b <- b - eta dL/db. Its only state is the learning rate eta.
    ///
    /// ```
    /// use mlp_core::GradientDescent;
    /// use mlp_cpu::Matrix;
    ///
    /// let error = GradientDescent::<Matrix<f64>>::new(-1.0).unwrap_err();
    /// assert_eq!(error.to_string(), "learning rate: expected a finite number above 0, got -1");
    /// ```
    GradientDescent, 0, "gradient_descent";
}

/// Replaces dL/dW by W - eta dL/dW.
impl ZipFormula<0> for HyperParameters {
    #[inline(always)]
    fn apply<T: Scalar>(&self, gradient: T, parameter: T, []: [T; 0]) -> (T, [T; 0]) {
        (parameter - T::from_f64(self.learning_rate) * gradient, [])
    }
}

impl Rule<0> for HyperParameters {
    const NAMES: &'static [&'static str] = &[];

    fn update<B: Tensor>(&mut self, update: Update<'_, B, 0>) -> Result<(), NonFinite> {
        update.apply_bounded(self.learning_rate, |group| self.of_group(group))
    }
}

impl_new!(GradientDescent);
