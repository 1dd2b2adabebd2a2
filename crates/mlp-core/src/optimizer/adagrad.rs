use super::NonFinite;
use super::first_order::Update;
use super::rule::{Listed as _, Rule, first_order, impl_new};
use crate::backend::{Tensor, ZipFormula};
use crate::error::positive;
use crate::{HyperParameterError, Scalar};

first_order! {
    /// Adagrad: for each parameter W with the gradient g = dL/dW,
    ///
    /// ```text
    /// s <- s + g^2                         sum of squares, 0 before the first step
    /// W <- W - eta g / (sqrt(s) + epsilon)
    /// ```
    ///
    /// By default epsilon = 1e-10. `torch.optim.Adagrad` uses the same formula and the same value. (Instead of its
    /// `lr_decay`, use a schedule.) The steps become shorter and shorter, so start with a learning rate of 0.01
    /// to 0.1. If s would be infinite, it becomes the largest finite number.
    ///
    /// Source: J. Duchi, E. Hazan, Y. Singer, *Adaptive Subgradient Methods for Online Learning and Stochastic
    /// Optimization* (Journal of Machine Learning Research 12, 2011), in the diagonal form.
    ///
    /// ```
    /// use mlp_core::activations::Tanh;
    /// use mlp_core::{Adagrad, FitOptions, HalfMse, Mlp, Samples, Trainer};
    /// use mlp_cpu::Matrix;
    ///
    /// let input = Matrix::from_columns(&[[-1.0], [-0.5], [0.0], [0.5], [1.0]]);
    /// let target = Matrix::from_columns(&[[1.0], [0.25], [0.0], [0.25], [1.0]]);
    /// let mut network = Mlp::<Matrix<f64>>::builder(&[1, 8, 1]).hidden(Tanh).seed(1).build()?;
    ///
    /// let mut trainer = Trainer::new(HalfMse, Adagrad::new(0.1)?);
    /// let loss = trainer.fit(&mut network, Samples::new(&input, &target)?, FitOptions::epochs(300))?.loss;
    /// assert!(loss < 1e-3);
    /// # Ok::<(), Box<dyn std::error::Error>>(())
    /// ```
    Adagrad, 1, "adagrad";
    epsilon: f64 = 1e-10, positive;
}

impl<B: Tensor> Adagrad<B> {
    /// Sets epsilon, which is 1e-10 by default.
    ///
    /// # Errors
    /// Returns an error if `epsilon` is not a finite number above 0. With 0, the step of a parameter whose gradients
    /// have all been 0 would be 0/0.
    pub fn epsilon(mut self, epsilon: f64) -> Result<Self, HyperParameterError> {
        self.rule.epsilon = positive("epsilon", epsilon)?;
        Ok(self)
    }
}

impl ZipFormula<1> for HyperParameters {
    #[inline(always)]
    fn apply<T: Scalar>(&self, gradient: T, parameter: T, [squares]: [T; 1]) -> (T, [T; 1]) {
        // Keep the sum finite. With an infinite sum, W would silently never change again.
        let squares = (squares + gradient * gradient).at_most(T::largest());
        let change = T::from_f64(self.learning_rate) * gradient / (squares.sqrt() + T::from_f64(self.epsilon));
        (parameter - change, [squares])
    }
}

impl Rule<1> for HyperParameters {
    const NAMES: &'static [&'static str] = &["sum_of_squares"];
    const SQUARES: Option<&'static str> = Some("sum_of_squares");

    fn update<B: Tensor>(&mut self, update: Update<'_, B, 1>) -> Result<(), NonFinite> {
        update.apply(|group| self.of_group(group))
    }
}

impl_new!(Adagrad);
