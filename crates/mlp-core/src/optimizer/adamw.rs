use super::NonFinite;
use super::adam::{self, impl_moments};
use super::factors::{self, Factors};
use super::first_order::Update;
use super::rule::{LEARNING_RATE_FACTOR, Rule, first_order, impl_new};
use crate::backend::{Tensor, ZipFormula};
use crate::error::{below_one, flag, not_negative, positive};
use crate::{HyperParameterError, Scalar};

first_order! {
    /// Adam with decoupled weight decay: in each step, with the learning rate eta and the weight decay lambda,
    ///
    /// ```text
    /// W <- (1 - eta lambda) W
    /// W <- W - eta m^ / (sqrt(v^) + epsilon)     the step of Adam
    /// ```
    ///
    /// m^ and v^ are those of [`Adam`](crate::Adam). The decay does not pass through the moments, so it is as strong
    /// for a weight with large gradients as for one with small gradients. Biases are decayed only if
    /// [`decay_biases`](Self::decay_biases) is set.
    ///
    /// By default lambda = 0.01, beta1 = 0.9, beta2 = 0.999 and epsilon = 1e-8. `torch.optim.AdamW` uses the same
    /// formula and the same values, but decays all parameters that it is given.
    ///
    /// Source: I. Loshchilov, F. Hutter, *Decoupled Weight Decay Regularization* (ICLR 2019), algorithm 2, with the
    /// decay in proportion to the learning rate.
    ///
    /// ```
    /// use mlp_core::activations::Tanh;
    /// use mlp_core::{AdamW, FitOptions, HalfMse, Mlp, Samples, Trainer};
    /// use mlp_cpu::Matrix;
    ///
    /// let input = Matrix::from_columns(&[[-1.0], [-0.5], [0.0], [0.5], [1.0]]);
    /// let target = Matrix::from_columns(&[[1.0], [0.25], [0.0], [0.25], [1.0]]);
    /// let mut network = Mlp::<Matrix<f64>>::builder(&[1, 8, 1]).hidden(Tanh).seed(1).build()?;
    ///
    /// let mut trainer = Trainer::new(HalfMse, AdamW::new(0.02)?.weight_decay(0.001)?);
    /// let loss = trainer.fit(&mut network, Samples::new(&input, &target)?, FitOptions::epochs(300))?.loss;
    /// assert!(loss < 1e-3);
    /// # Ok::<(), Box<dyn std::error::Error>>(())
    /// ```
    AdamW, 2, "adamw";
    beta1: f64 = 0.9, below_one;
    beta2: f64 = 0.999, below_one;
    epsilon: f64 = 1e-8, positive;
    weight_decay: f64 = 0.01, |_, value| not_negative("weight decay", value);
    decay_biases: bool = false, flag;
}

impl<B: Tensor> AdamW<B> {
    /// Sets the weight decay lambda, which is 0.01 by default.
    ///
    /// # Errors
    /// Returns an error if `weight_decay` is not a finite number of at least 0.
    pub fn weight_decay(mut self, weight_decay: f64) -> Result<Self, HyperParameterError> {
        self.rule.set_weight_decay(weight_decay)?;
        Ok(self)
    }

    /// Multiplies the weight decay lambda by a factor for the weights of each layer and by one for its bias. With these
    /// factors f_lambda, and the factors f of [`learning_rate_factors`](Self::learning_rate_factors), the decay is
    ///
    /// ```text
    /// W <- (1 - eta f lambda f_lambda) W
    /// ```
    ///
    /// Biases are decayed only if [`decay_biases`](Self::decay_biases) is set. `factors` has an entry for each layer.
    /// The factors are part of the optimizer's state.
    ///
    /// # Errors
    /// Returns an error if a factor is not a finite number of at least 0.
    pub fn weight_decay_factors(mut self, factors: &[Factors]) -> Result<Self, HyperParameterError> {
        self.memory.factors[1] = factors::checked(WEIGHT_DECAY_FACTOR, factors)?;
        Ok(self)
    }

    /// Multiplies epsilon by a factor for the weights of each layer and by one for its bias. The factors are part of the
    /// optimizer's state.
    ///
    /// A layer with W = u V, where V would be trained, takes the steps of V if W has the factors u of the learning rate,
    /// 1 / u of the weight decay and 1 / u of epsilon. For example, u = 1 / sqrt(n_in) in the NTK parametrization.
    ///
    /// # Errors
    /// Returns an error if a factor is not a finite number of at least 0.
    pub fn epsilon_factors(mut self, factors: &[Factors]) -> Result<Self, HyperParameterError> {
        self.memory.factors[2] = factors::checked(EPSILON_FACTOR, factors)?;
        Ok(self)
    }

    /// Sets whether the biases are decayed as well. By default they are not.
    #[must_use]
    pub fn decay_biases(mut self, decay_biases: bool) -> Self {
        self.rule.decay_biases = decay_biases;
        self
    }
}

/// The name of a factor of epsilon.
const EPSILON_FACTOR: &str = "epsilon_factor";

/// The name of a factor of the weight decay.
const WEIGHT_DECAY_FACTOR: &str = "weight_decay_factor";

/// The formula of one step. It subtracts the decay and Adam's change together. A factor 1 - eta lambda would be rounded
/// the same way in every step in `f32`, and for a small eta it would be rounded to 1.
struct Formula {
    adam: adam::Formula,
    /// eta lambda, or 0.
    decay: f64,
}

impl ZipFormula<2> for Formula {
    #[inline(always)]
    fn apply<T: Scalar>(&self, gradient: T, parameter: T, moments: [T; 2]) -> (T, [T; 2]) {
        let (change, moments) = self.adam.change(gradient, moments);
        (parameter - (T::from_f64(self.decay) * parameter + change), moments)
    }
}

impl Rule<2> for HyperParameters {
    const NAMES: &'static [&'static str] = adam::MOMENTS;
    const SQUARES: Option<&'static str> = adam::SQUARES;
    const FACTORS: &'static [&'static str] = &[LEARNING_RATE_FACTOR, WEIGHT_DECAY_FACTOR, EPSILON_FACTOR];

    fn set_weight_decay(&mut self, weight_decay: f64) -> Result<(), HyperParameterError> {
        self.weight_decay = not_negative("weight decay", weight_decay)?;
        Ok(())
    }

    fn update<B: Tensor>(&mut self, update: Update<'_, B, 2>) -> Result<(), NonFinite> {
        let adam = adam::Formula::new(self.learning_rate, [self.beta1, self.beta2], self.epsilon, update.step);
        let decay = self.learning_rate * self.weight_decay;
        let bias_decay = if self.decay_biases { decay } else { 0.0 };
        update.apply(|group| Formula {
            adam: adam.of_group(group),
            decay: [decay, bias_decay][usize::from(group.is_bias)] * group.weight_decay * group.learning_rate,
        })
    }
}

impl_moments!(AdamW);
impl_new!(AdamW);
