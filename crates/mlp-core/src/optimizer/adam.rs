use super::first_order::{Memory, below_one};
use super::{NonFinite, Objective, Optimizer, OptimizerState, StateError};
use crate::error::positive;
use crate::{Dense, HyperParameterError, Scalar, Tensor, ZipFormula};

/// Adam: in step t = 1, 2, ..., for each parameter W with the gradient g = dL/dW,
///
/// ```text
/// m <- beta1 m + (1 - beta1) g          first moment, 0 before the first step
/// v <- beta2 v + (1 - beta2) g^2        second moment, 0 before the first step
/// m^ = m / (1 - beta1^t)                freed of the bias towards 0
/// v^ = v / (1 - beta2^t)
/// W <- W - eta m^ / (sqrt(v^) + epsilon)
/// ```
///
/// beta1 = 0.9, beta2 = 0.999 and epsilon = 1e-8 unless set otherwise; `torch.optim.Adam` has the same formula and
/// the same values. A parameter changes by about eta in a step, whatever the size of its gradient: 0.001 is a first
/// choice. (So a learning rate that is too large shows in the loss, and seldom in numbers that are not finite; and a
/// gradient so large that its square is infinite leaves its parameter as it is from then on.)
///
/// Source: D. P. Kingma, J. Ba, *Adam: A Method for Stochastic Optimization* (ICLR 2015), algorithm 1.
///
/// ```
/// use mlp_core::{Adam, FitOptions, HalfSquaredError, Mlp, Samples, Tanh, Trainer};
/// use mlp_cpu::Matrix;
///
/// let input = Matrix::from_columns(&[[-1.0], [-0.5], [0.0], [0.5], [1.0]]);
/// let target = Matrix::from_columns(&[[1.0], [0.25], [0.0], [0.25], [1.0]]);
/// let mut network = Mlp::<Matrix<f64>>::builder(&[1, 8, 1]).hidden(Tanh).seed(1).build()?;
///
/// let mut trainer = Trainer::new(HalfSquaredError, Adam::new(0.02)?);
/// let mut loss = 0.0;
/// trainer.fit(&mut network, Samples::new(&input, &target)?, FitOptions::epochs(300), |epoch| loss = epoch.loss)?;
/// assert!(loss < 1e-3);
///
/// // Other decays and another epsilon.
/// let _ = Adam::<Matrix<f32>>::new(0.02)?.betas(0.8, 0.99)?.epsilon(1e-6)?;
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
#[derive(Clone, Debug, PartialEq)]
pub struct Adam<B> {
    learning_rate: f64,
    beta1: f64,
    beta2: f64,
    epsilon: f64,
    moments: Memory<B, 2>,
}

const KIND: &str = "adam";
const MOMENTS: [&str; 2] = ["first_moment", "second_moment"];

impl<B: Tensor> Adam<B> {
    /// With learning rate eta.
    ///
    /// # Errors
    /// If `learning_rate` is not a finite number above 0.
    pub fn new(learning_rate: f64) -> Result<Self, HyperParameterError> {
        Ok(Self {
            learning_rate: positive("learning rate", learning_rate)?,
            beta1: 0.9,
            beta2: 0.999,
            epsilon: 1e-8,
            moments: Memory::new(),
        })
    }

    /// With these decays of the moments instead of 0.9 and 0.999.
    ///
    /// # Errors
    /// If one is not a number of at least 0 and below 1.
    pub fn betas(mut self, beta1: f64, beta2: f64) -> Result<Self, HyperParameterError> {
        self.beta1 = below_one("beta1", beta1)?;
        self.beta2 = below_one("beta2", beta2)?;
        Ok(self)
    }

    /// With this epsilon instead of 1e-8.
    ///
    /// # Errors
    /// If `epsilon` is not a finite number above 0: a parameter whose gradient is always 0 would become 0/0.
    pub fn epsilon(mut self, epsilon: f64) -> Result<Self, HyperParameterError> {
        self.epsilon = positive("epsilon", epsilon)?;
        Ok(self)
    }
}

/// One step, with numerator and denominator of the change multiplied by sqrt(1 - beta2^t): what depends on t alone is
/// then in two constants, and an element takes one square root and one division. The order of operations is the one
/// proposed at the end of the paper's section 2.
struct Formula {
    beta1: f64,
    beta2: f64,
    /// eta sqrt(1 - beta2^t) / (1 - beta1^t).
    step_size: f64,
    /// epsilon sqrt(1 - beta2^t).
    epsilon: f64,
}

impl ZipFormula<2> for Formula {
    #[inline(always)]
    fn apply<T: Scalar>(&self, gradient: T, parameter: T, [m, v]: [T; 2]) -> (T, [T; 2]) {
        let c = T::from_f64;
        let m = c(self.beta1) * m + c(1.0 - self.beta1) * gradient;
        let v = c(self.beta2) * v + c(1.0 - self.beta2) * gradient * gradient;
        let change = c(self.step_size) * m / (v.sqrt() + c(self.epsilon));
        (parameter - change, [m, v])
    }
}

/// 1 - beta^t, without the cancellation that the difference has for a beta near 1.
fn bias(beta: f64, t: u64) -> f64 {
    -Scalar::exp_m1(t as f64 * Scalar::ln(beta))
}

impl<B: Tensor> Optimizer<B> for Adam<B> {
    fn step(&mut self, layers: &mut [Dense<B>], objective: &mut dyn Objective<B>) -> Result<f64, NonFinite> {
        let (eta, beta1, beta2, epsilon) = (self.learning_rate, self.beta1, self.beta2, self.epsilon);
        self.moments.step(layers, objective, |t| {
            let root = Scalar::sqrt(bias(beta2, t));
            Formula {
                beta1,
                beta2,
                step_size: eta * root / bias(beta1, t),
                epsilon: epsilon * root,
            }
        })
    }

    fn learning_rate(&self) -> f64 {
        self.learning_rate
    }

    fn set_learning_rate(&mut self, learning_rate: f64) -> Result<(), HyperParameterError> {
        self.learning_rate = positive("learning rate", learning_rate)?;
        Ok(())
    }

    fn state(&self) -> OptimizerState<B> {
        let state = OptimizerState::new(KIND)
            .with_number("learning_rate", self.learning_rate)
            .with_number("beta1", self.beta1)
            .with_number("beta2", self.beta2)
            .with_number("epsilon", self.epsilon);
        self.moments.save(state, MOMENTS)
    }

    fn restore(&mut self, mut state: OptimizerState<B>, layers: &[Dense<B>]) -> Result<(), StateError> {
        state.expect_kind(KIND)?;
        let mut restored = Self::new(state.take_number("learning_rate")?)?
            .betas(state.take_number("beta1")?, state.take_number("beta2")?)?
            .epsilon(state.take_number("epsilon")?)?;
        restored.moments = Memory::take(&mut state, MOMENTS, layers)?;
        state.expect_empty()?;
        *self = restored;
        Ok(())
    }
}
