use super::NonFinite;
use super::first_order::{Memory, Update};
use super::rule::{Listed as _, Rule, first_order};
use crate::backend::{Tensor, ZipFormula};
use crate::error::{below_one, flag};
use crate::{HyperParameterError, Scalar};

first_order! {
    /// Gradient descent with momentum mu: for each parameter W with the gradient g = dL/dW,
    ///
    /// ```text
    /// v <- mu v + g                  velocity, 0 before the first step
    /// W <- W - eta v                 momentum
    /// W <- W - eta (g + mu v)        Nesterov's momentum
    /// ```
    ///
    /// `torch.optim.SGD` uses the same formulas.
    ///
    /// Sources: B. T. Polyak, *Some methods of speeding up the convergence of iteration methods* (USSR Computational
    /// Mathematics and Mathematical Physics 4(5), 1964); Y. Nesterov, *A method of solving a convex programming problem
    /// with convergence rate O(1/k^2)* (Soviet Mathematics Doklady 27, 1983), in the form of I. Sutskever, J. Martens,
    /// G. Dahl, G. Hinton, *On the importance of initialization and momentum in deep learning* (ICML 2013), written for
    /// the parameters at which the gradient is taken.
    ///
    /// ```
    /// use mlp_core::activations::Tanh;
    /// use mlp_core::{FitOptions, HalfMse, Mlp, Momentum, Samples, Trainer};
    /// use mlp_cpu::Matrix;
    ///
    /// let input = Matrix::from_columns(&[[-1.0], [-0.5], [0.0], [0.5], [1.0]]);
    /// let target = Matrix::from_columns(&[[1.0], [0.25], [0.0], [0.25], [1.0]]);
    /// let mut network = Mlp::<Matrix<f64>>::builder(&[1, 8, 1]).hidden(Tanh).seed(1).build()?;
    ///
    /// let mut trainer = Trainer::new(HalfMse, Momentum::new(0.05, 0.9)?.nesterov(true));
    /// let loss = trainer.fit(&mut network, Samples::new(&input, &target)?, FitOptions::epochs(300))?.loss;
    /// assert!(loss < 1e-3);
    /// # Ok::<(), Box<dyn std::error::Error>>(())
    /// ```
    Momentum, 1, "momentum";
    momentum: f64 = 0.9, below_one;
    nesterov: bool = false, flag;
}

impl<B: Tensor> Momentum<B> {
    /// Creates the optimizer with learning rate eta and momentum mu.
    ///
    /// # Errors
    /// Returns an error if `learning_rate` is not a finite number above 0, or if `momentum` is not a number of at least
    /// 0 and below 1.
    pub fn new(learning_rate: f64, momentum: f64) -> Result<Self, HyperParameterError> {
        let mut rule = HyperParameters::new(learning_rate)?;
        rule.momentum = below_one("momentum", momentum)?;
        Ok(Self {
            rule,
            memory: Memory::new(),
        })
    }

    /// Sets whether steps use Nesterov's momentum. By default they do not.
    #[must_use]
    pub fn nesterov(mut self, nesterov: bool) -> Self {
        self.rule.nesterov = nesterov;
        self
    }
}

impl ZipFormula<1> for HyperParameters {
    #[inline(always)]
    fn apply<T: Scalar>(&self, gradient: T, parameter: T, [velocity]: [T; 1]) -> (T, [T; 1]) {
        let momentum = T::from_f64(self.momentum);
        let velocity = momentum * velocity + gradient;
        // This branch does not depend on the numbers: it goes the same way for every element.
        let direction = if self.nesterov {
            gradient + momentum * velocity
        } else {
            velocity
        };
        (parameter - T::from_f64(self.learning_rate) * direction, [velocity])
    }
}

impl Rule<1> for HyperParameters {
    const NAMES: &'static [&'static str] = &["velocity"];

    fn update<B: Tensor>(&mut self, update: Update<'_, B, 1>) -> Result<(), NonFinite> {
        update.apply(|group| self.of_group(group))
    }
}
