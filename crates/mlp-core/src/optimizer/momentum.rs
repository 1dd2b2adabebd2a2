use super::first_order::{Memory, below_one};
use super::{NonFinite, Objective, Optimizer, OptimizerState, StateError};
use crate::error::positive;
use crate::{Dense, HyperParameterError, Scalar, Tensor, ZipFormula};

/// Gradient descent with momentum mu: for each parameter W with the gradient g = dL/dW,
///
/// ```text
/// v <- mu v + g                  velocity, 0 before the first step
/// W <- W - eta v                 momentum
/// W <- W - eta (g + mu v)        Nesterov's momentum
/// ```
///
/// `torch.optim.SGD` has the same formulas.
///
/// Sources: B. T. Polyak, *Some methods of speeding up the convergence of iteration methods* (USSR Computational
/// Mathematics and Mathematical Physics 4(5), 1964); Y. Nesterov, *A method of solving a convex programming problem
/// with convergence rate O(1/k^2)* (Soviet Mathematics Doklady 27, 1983), in the form of I. Sutskever, J. Martens,
/// G. Dahl, G. Hinton, *On the importance of initialization and momentum in deep learning* (ICML 2013), written for
/// the parameters at which the gradient is taken.
///
/// ```
/// use mlp_core::{FitOptions, HalfSquaredError, Mlp, Momentum, Samples, Tanh, Trainer};
/// use mlp_cpu::Matrix;
///
/// let input = Matrix::from_columns(&[[-1.0], [-0.5], [0.0], [0.5], [1.0]]);
/// let target = Matrix::from_columns(&[[1.0], [0.25], [0.0], [0.25], [1.0]]);
/// let mut network = Mlp::<Matrix<f64>>::builder(&[1, 8, 1]).hidden(Tanh).seed(1).build()?;
///
/// let mut trainer = Trainer::new(HalfSquaredError, Momentum::nesterov(0.05, 0.9)?);
/// let mut loss = 0.0;
/// trainer.fit(&mut network, Samples::new(&input, &target)?, FitOptions::epochs(300), |epoch| loss = epoch.loss)?;
/// assert!(loss < 1e-3);
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
#[derive(Clone, Debug, PartialEq)]
pub struct Momentum<B> {
    rule: Rule,
    velocity: Memory<B, 1>,
}

/// The hyper-parameters, and the formula.
#[derive(Clone, Copy, Debug, PartialEq)]
struct Rule {
    learning_rate: f64,
    momentum: f64,
    nesterov: bool,
}

const KIND: &str = "momentum";
const VELOCITY: [&str; 1] = ["velocity"];

impl<B: Tensor> Momentum<B> {
    /// With learning rate eta and momentum mu.
    ///
    /// # Errors
    /// If `learning_rate` is not a finite number above 0, or `momentum` not a number of at least 0 and below 1.
    pub fn new(learning_rate: f64, momentum: f64) -> Result<Self, HyperParameterError> {
        Ok(Self {
            rule: Rule {
                learning_rate: positive("learning rate", learning_rate)?,
                momentum: below_one("momentum", momentum)?,
                nesterov: false,
            },
            velocity: Memory::new(),
        })
    }

    /// Nesterov's momentum, with learning rate eta and momentum mu.
    ///
    /// # Errors
    /// As [`new`](Self::new).
    pub fn nesterov(learning_rate: f64, momentum: f64) -> Result<Self, HyperParameterError> {
        let mut optimizer = Self::new(learning_rate, momentum)?;
        optimizer.rule.nesterov = true;
        Ok(optimizer)
    }
}

impl ZipFormula<1> for Rule {
    #[inline(always)]
    fn apply<T: Scalar>(&self, gradient: T, parameter: T, [velocity]: [T; 1]) -> (T, [T; 1]) {
        let momentum = T::from_f64(self.momentum);
        let velocity = momentum * velocity + gradient;
        // No `if` on a number: the same way for every element.
        let direction = if self.nesterov {
            gradient + momentum * velocity
        } else {
            velocity
        };
        (parameter - T::from_f64(self.learning_rate) * direction, [velocity])
    }
}

impl<B: Tensor> Optimizer<B> for Momentum<B> {
    fn step(&mut self, layers: &mut [Dense<B>], objective: &mut dyn Objective<B>) -> Result<f64, NonFinite> {
        self.velocity.step(layers, objective, |_| self.rule)
    }

    fn learning_rate(&self) -> f64 {
        self.rule.learning_rate
    }

    fn set_learning_rate(&mut self, learning_rate: f64) -> Result<(), HyperParameterError> {
        self.rule.learning_rate = positive("learning rate", learning_rate)?;
        Ok(())
    }

    fn state(&self) -> OptimizerState<B> {
        let state = OptimizerState::new(KIND)
            .with_number("learning_rate", self.rule.learning_rate)
            .with_number("momentum", self.rule.momentum)
            .with_number("nesterov", self.rule.nesterov.into());
        self.velocity.save(state, VELOCITY)
    }

    fn restore(&mut self, mut state: OptimizerState<B>, layers: &[Dense<B>]) -> Result<(), StateError> {
        state.expect_kind(KIND)?;
        let mut restored = Self::new(state.take_number("learning_rate")?, state.take_number("momentum")?)?;
        restored.rule.nesterov = flag("nesterov", state.take_number("nesterov")?)?;
        restored.velocity = Memory::take(&mut state, VELOCITY, layers)?;
        state.expect_empty()?;
        *self = restored;
        Ok(())
    }
}

/// `value`, if it is 1 for yes or 0 for no.
fn flag(name: &'static str, value: f64) -> Result<bool, HyperParameterError> {
    if value == 0.0 || value == 1.0 {
        Ok(value == 1.0)
    } else {
        Err(HyperParameterError::new(name, "0 or 1", value))
    }
}
