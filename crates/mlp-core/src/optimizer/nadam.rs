use super::NonFinite;
use super::adam::{self, impl_moments};
use super::first_order::Update;
use super::rule::{Rule, first_order, impl_new};
use crate::backend::{Tensor, ZipFormula};
use crate::error::{below_one, not_negative, positive, share};
use crate::{HyperParameterError, Scalar};

first_order! {
    /// Adam with Nesterov's momentum: in step t = 1, 2, ..., for each parameter W with the gradient g = dL/dW,
    ///
    /// ```text
    /// mu_t = beta1 (1 - 0.96^(t psi) / 2)        momentum; it grows from about beta1 / 2 to beta1
    /// p_t  = mu_1 mu_2 ... mu_t
    /// m <- beta1 m + (1 - beta1) g               first moment, 0 before the first step
    /// v <- beta2 v + (1 - beta2) g^2             second moment, 0 before the first step
    /// m^ = mu_(t+1) m / (1 - p_(t+1)) + (1 - mu_t) g / (1 - p_t)
    /// v^ = v / (1 - beta2^t)
    /// W <- W - eta m^ / (sqrt(v^) + epsilon)
    /// ```
    ///
    /// By default beta1 = 0.9, beta2 = 0.999, epsilon = 1e-8 and the momentum decay psi = 0.004. `torch.optim.NAdam`
    /// uses the same formula and the same values.
    ///
    /// Source: T. Dozat, *Incorporating Nesterov Momentum into Adam* (ICLR 2016 workshop), algorithm 2, with the
    /// schedule of mu_t proposed in its section 3.
    ///
    /// ```
    /// use mlp_core::activations::Tanh;
    /// use mlp_core::{FitOptions, HalfMse, Mlp, NAdam, Samples, Trainer};
    /// use mlp_cpu::Matrix;
    ///
    /// let input = Matrix::from_columns(&[[-1.0], [-0.5], [0.0], [0.5], [1.0]]);
    /// let target = Matrix::from_columns(&[[1.0], [0.25], [0.0], [0.25], [1.0]]);
    /// let mut network = Mlp::<Matrix<f64>>::builder(&[1, 8, 1]).hidden(Tanh).seed(1).build()?;
    ///
    /// let mut trainer = Trainer::new(HalfMse, NAdam::new(0.02)?);
    /// let loss = trainer.fit(&mut network, Samples::new(&input, &target)?, FitOptions::epochs(300))?.loss;
    /// assert!(loss < 1e-3);
    /// # Ok::<(), Box<dyn std::error::Error>>(())
    /// ```
    NAdam, 2, "nadam";
    beta1: f64 = 0.9, below_one;
    beta2: f64 = 0.999, below_one;
    epsilon: f64 = 1e-8, positive;
    momentum_decay: f64 = 4e-3, |_, value| not_negative("momentum decay", value);
    /// p_t of the last step, a product of numbers in [0, 1). It is the only number here that changes, so it is part of
    /// the state.
    momentum_product: f64 = 1.0, share;
}

impl<B: Tensor> NAdam<B> {
    /// Sets the momentum decay psi, which is 0.004 by default. The greater it is, the sooner the momentum reaches
    /// beta1.
    ///
    /// # Errors
    /// Returns an error if `momentum_decay` is not a finite number of at least 0.
    pub fn momentum_decay(mut self, momentum_decay: f64) -> Result<Self, HyperParameterError> {
        self.rule.momentum_decay = not_negative("momentum decay", momentum_decay)?;
        Ok(self)
    }
}

impl HyperParameters {
    /// Returns mu_t.
    fn momentum(&self, t: f64) -> f64 {
        let power = Scalar::exp(t * self.momentum_decay * Scalar::ln(0.96_f64));
        self.beta1 * (1.0 - 0.5 * power)
    }

    /// Returns the formula of step t, and updates `momentum_product`, which must belong to step t - 1.
    fn next_formula(&mut self, t: u64) -> Formula {
        let (momentum, next_momentum) = (self.momentum(t as f64), self.momentum(t as f64 + 1.0));
        self.momentum_product *= momentum;
        let root = Scalar::sqrt(adam::bias(self.beta2, t));
        let scale = self.learning_rate * root;
        Formula {
            beta1: self.beta1,
            beta2: self.beta2,
            of_gradient: scale * (1.0 - momentum) / (1.0 - self.momentum_product),
            of_moment: scale * next_momentum / (1.0 - self.momentum_product * next_momentum),
            epsilon: self.epsilon * root,
        }
    }
}

/// The formula of one step. As in Adam's, numerator and denominator of the change are multiplied by sqrt(1 - beta2^t).
#[derive(Clone, Copy)]
struct Formula {
    beta1: f64,
    beta2: f64,
    /// eta sqrt(1 - beta2^t) (1 - mu_t) / (1 - p_t).
    of_gradient: f64,
    /// eta sqrt(1 - beta2^t) mu_(t+1) / (1 - p_(t+1)).
    of_moment: f64,
    /// epsilon sqrt(1 - beta2^t).
    epsilon: f64,
}

impl ZipFormula<2> for Formula {
    #[inline(always)]
    fn apply<T: Scalar>(&self, gradient: T, parameter: T, [m, v]: [T; 2]) -> (T, [T; 2]) {
        let c = T::from_f64;
        let m = c(self.beta1) * m + c(1.0 - self.beta1) * gradient;
        let v = c(self.beta2) * v + c(1.0 - self.beta2) * gradient * gradient;
        let direction = c(self.of_gradient) * gradient + c(self.of_moment) * m;
        let change = direction / (v.sqrt() + c(self.epsilon));
        (parameter - change, [m, v.at_most(T::largest())])
    }
}

impl Rule<2> for HyperParameters {
    const NAMES: &'static [&'static str] = adam::MOMENTS;
    const SQUARES: Option<&'static str> = adam::SQUARES;

    fn update<B: Tensor>(&mut self, update: Update<'_, B, 2>) -> Result<(), NonFinite> {
        let formula = self.next_formula(update.step);
        update.apply(|group| Formula {
            of_gradient: formula.of_gradient * group.learning_rate,
            of_moment: formula.of_moment * group.learning_rate,
            ..formula
        })
    }
}

impl_moments!(NAdam);
impl_new!(NAdam);
