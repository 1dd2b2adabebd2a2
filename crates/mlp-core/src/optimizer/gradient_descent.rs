use super::first_order::{Memory, Update};
use super::rule::{Rule, Visit, impl_new, impl_optimizer, visit_learning_rate};
use super::{NonFinite, StateError};
use crate::Scalar;
use crate::backend::{Tensor, ZipFormula};

/// Plain gradient descent: W <- W - eta dL/dW, b <- b - eta dL/db. Its only state is the learning rate eta.
///
/// ```
/// use mlp_core::GradientDescent;
/// use mlp_cpu::Matrix;
///
/// let error = GradientDescent::<Matrix<f64>>::new(-1.0).unwrap_err();
/// assert_eq!(error.to_string(), "learning rate: expected a finite number above 0, got -1");
/// ```
#[derive(Clone, Debug, PartialEq)]
pub struct GradientDescent<B> {
    rule: HyperParameters,
    memory: Memory<B, 0>,
}

#[derive(Clone, Debug, PartialEq)]
struct HyperParameters {
    learning_rate: f64,
}

/// Replaces dL/dW by W - eta dL/dW.
impl ZipFormula<0> for HyperParameters {
    #[inline(always)]
    fn apply<T: Scalar>(&self, gradient: T, parameter: T, []: [T; 0]) -> (T, [T; 0]) {
        (parameter - T::from_f64(self.learning_rate) * gradient, [])
    }
}

impl Rule<0> for HyperParameters {
    const KIND: &'static str = "gradient_descent";
    const NAMES: &'static [&'static str] = &[];

    fn visit(&mut self, visit: &mut Visit<'_>) -> Result<(), StateError> {
        visit_learning_rate(visit, &mut self.learning_rate)
    }

    fn update<B: Tensor>(&mut self, update: Update<'_, B, 0>) -> Result<(), NonFinite> {
        update.apply_to_all(self)
    }
}

impl_new!(GradientDescent, HyperParameters {});
impl_optimizer!(GradientDescent, HyperParameters);
