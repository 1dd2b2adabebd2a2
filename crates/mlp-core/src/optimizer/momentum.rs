use super::first_order::{Formulas, Memory};
use super::rule::{Rule as _, flag, impl_optimizer};
use super::{NonFinite, OptimizerState, StateError, rule};
use crate::backend::{Tensor, ZipFormula};
use crate::error::{below_one, positive};
use crate::{Dense, HyperParameterError, Scalar};

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
/// use mlp_core::{FitOptions, HalfSquaredError, Mlp, Momentum, Samples, Tanh, Trainer};
/// use mlp_cpu::Matrix;
///
/// let input = Matrix::from_columns(&[[-1.0], [-0.5], [0.0], [0.5], [1.0]]);
/// let target = Matrix::from_columns(&[[1.0], [0.25], [0.0], [0.25], [1.0]]);
/// let mut network = Mlp::<Matrix<f64>>::builder(&[1, 8, 1]).hidden(Tanh).seed(1).build()?;
///
/// let mut trainer = Trainer::new(HalfSquaredError, Momentum::nesterov(0.05, 0.9)?);
/// let loss = trainer.fit(&mut network, Samples::new(&input, &target)?, FitOptions::epochs(300))?.loss;
/// assert!(loss < 1e-3);
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
#[derive(Clone, Debug, PartialEq)]
pub struct Momentum<B> {
    learning_rate: f64,
    rule: Rule,
    memory: Memory<B, 1>,
}

#[derive(Clone, Debug, PartialEq)]
struct Rule {
    momentum: f64,
    nesterov: bool,
}

impl<B: Tensor> Momentum<B> {
    /// Creates the optimizer with learning rate eta and momentum mu.
    ///
    /// # Errors
    /// Returns an error if `learning_rate` is not a finite number above 0, or if `momentum` is not a number of at least
    /// 0 and below 1.
    pub fn new(learning_rate: f64, momentum: f64) -> Result<Self, HyperParameterError> {
        Ok(Self {
            learning_rate: positive("learning rate", learning_rate)?,
            rule: Rule {
                momentum: below_one("momentum", momentum)?,
                nesterov: false,
            },
            memory: Memory::new(),
        })
    }

    /// Creates the optimizer with Nesterov's momentum, learning rate eta and momentum mu.
    ///
    /// # Errors
    /// Returns the same errors as [`new`](Self::new).
    pub fn nesterov(learning_rate: f64, momentum: f64) -> Result<Self, HyperParameterError> {
        let mut optimizer = Self::new(learning_rate, momentum)?;
        optimizer.rule.nesterov = true;
        Ok(optimizer)
    }
}

#[derive(Clone)]
struct Formula {
    learning_rate: f64,
    momentum: f64,
    nesterov: bool,
}

impl ZipFormula<1> for Formula {
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

impl rule::Rule<1> for Rule {
    const KIND: &'static str = "momentum";
    const SQUARES: Option<&'static str> = None;

    fn names(&self) -> &'static [&'static str] {
        &["velocity"]
    }

    fn update<B: Tensor>(
        &mut self,
        learning_rate: f64,
        memory: &mut Memory<B, 1>,
        layers: &mut [Dense<B>],
        gradient: &mut [Dense<B>],
    ) -> Result<(), NonFinite> {
        memory.update(layers, gradient, |_| {
            Formulas::both(Formula {
                learning_rate,
                momentum: self.momentum,
                nesterov: self.nesterov,
            })
        })
    }

    fn save<B>(&self, state: OptimizerState<B>) -> OptimizerState<B> {
        state
            .with_number("momentum", self.momentum)
            .with_number("nesterov", self.nesterov.into())
    }

    fn take<B>(state: &mut OptimizerState<B>) -> Result<Self, StateError> {
        Ok(Self {
            momentum: below_one("momentum", state.take_number("momentum")?)?,
            nesterov: flag("nesterov", state.take_number("nesterov")?)?,
        })
    }
}

impl_optimizer!(Momentum, Rule);
