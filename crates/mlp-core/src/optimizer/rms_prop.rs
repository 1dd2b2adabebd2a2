use super::first_order::{Formulas, Memory};
use super::rule::{Rule as _, flag, impl_optimizer};
use super::{NonFinite, OptimizerState, StateError, rule};
use crate::backend::{Tensor, ZipFormula};
use crate::error::{below_one, positive};
use crate::{Dense, HyperParameterError, Scalar};

/// RMSprop: for each parameter W with the gradient g = dL/dW,
///
/// ```text
/// s <- rho s + (1 - rho) g^2             mean square of the gradient, 0 before the first step
/// W <- W - eta g / (sqrt(s) + epsilon)
/// ```
///
/// [`centered`](Self::centered) uses the gradient's variance instead of its mean square, and
/// [`momentum`](Self::momentum) adds a velocity:
///
/// ```text
/// m <- rho m + (1 - rho) g               mean of the gradient, 0 before the first step
/// s - m^2                                instead of s under the root
///
/// v <- mu v + g / (sqrt(s) + epsilon)    velocity, 0 before the first step
/// W <- W - eta v
/// ```
///
/// By default rho = 0.99, epsilon = 1e-8 and mu = 0. `torch.optim.RMSprop` uses the same formulas and the same values,
/// and calls rho `alpha`. There are two differences. If rounding makes a variance negative, it becomes 0 here and NaN
/// in PyTorch. If a mean square is infinite, the parameter does not change here, and s becomes the largest finite
/// number.
///
/// Sources: T. Tieleman, G. Hinton, *Lecture 6.5: RMSprop* (COURSERA: Neural Networks for Machine Learning, 2012);
/// A. Graves, *Generating Sequences With Recurrent Neural Networks* (arXiv:1308.0850, 2013), for the variance.
///
/// ```
/// use mlp_core::{FitOptions, HalfSquaredError, Mlp, RmsProp, Samples, Tanh, Trainer};
/// use mlp_cpu::Matrix;
///
/// let input = Matrix::from_columns(&[[-1.0], [-0.5], [0.0], [0.5], [1.0]]);
/// let target = Matrix::from_columns(&[[1.0], [0.25], [0.0], [0.25], [1.0]]);
/// let mut network = Mlp::<Matrix<f64>>::builder(&[1, 8, 1]).hidden(Tanh).seed(1).build()?;
///
/// let mut trainer = Trainer::new(HalfSquaredError, RmsProp::new(0.002)?.rho(0.9)?.momentum(0.5)?);
/// let loss = trainer.fit(&mut network, Samples::new(&input, &target)?, FitOptions::epochs(300))?.loss;
/// assert!(loss < 1e-3);
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
#[derive(Clone, Debug, PartialEq)]
pub struct RmsProp<B> {
    learning_rate: f64,
    rule: Rule,
    memory: Memory<B, 3>,
}

#[derive(Clone, Debug, PartialEq)]
struct Rule {
    rho: f64,
    epsilon: f64,
    centered: bool,
    momentum: f64,
}

impl<B: Tensor> RmsProp<B> {
    /// Creates the optimizer with learning rate eta.
    ///
    /// # Errors
    /// Returns an error if `learning_rate` is not a finite number above 0.
    pub fn new(learning_rate: f64) -> Result<Self, HyperParameterError> {
        Ok(Self {
            learning_rate: positive("learning rate", learning_rate)?,
            rule: Rule {
                rho: 0.99,
                epsilon: 1e-8,
                centered: false,
                momentum: 0.0,
            },
            memory: Memory::new(),
        })
    }

    /// Sets the decay rate rho of the means, which is 0.99 by default.
    ///
    /// # Errors
    /// Returns an error if `rho` is not a number of at least 0 and below 1.
    pub fn rho(mut self, rho: f64) -> Result<Self, HyperParameterError> {
        self.rule.rho = below_one("rho", rho)?;
        Ok(self)
    }

    /// Sets epsilon, which is 1e-8 by default.
    ///
    /// # Errors
    /// Returns an error if `epsilon` is not a finite number above 0. With 0, a parameter whose gradient is always 0
    /// would become 0/0.
    pub fn epsilon(mut self, epsilon: f64) -> Result<Self, HyperParameterError> {
        self.rule.epsilon = positive("epsilon", epsilon)?;
        Ok(self)
    }

    /// Sets whether steps use the variance instead of the mean square. By default they use the mean square. This
    /// forgets all earlier steps, because the two need different memory.
    #[must_use]
    pub fn centered(mut self, centered: bool) -> Self {
        self.rule.centered = centered;
        self.memory = Memory::new();
        self
    }

    /// Sets the momentum mu, which is 0 by default. This forgets all earlier steps, as [`centered`](Self::centered)
    /// does.
    ///
    /// # Errors
    /// Returns an error if `momentum` is not a number of at least 0 and below 1.
    pub fn momentum(mut self, momentum: f64) -> Result<Self, HyperParameterError> {
        self.rule.momentum = below_one("momentum", momentum)?;
        self.memory = Memory::new();
        Ok(self)
    }
}

/// The formula of one step. It uses only the memory that the options need.
#[derive(Clone)]
struct Formula<const CENTERED: bool, const MOMENTUM: bool> {
    learning_rate: f64,
    rho: f64,
    epsilon: f64,
    momentum: f64,
}

impl<const CENTERED: bool, const MOMENTUM: bool> Formula<CENTERED, MOMENTUM> {
    fn new(learning_rate: f64, rule: &Rule) -> Formulas<Self> {
        Formulas::both(Self {
            learning_rate,
            rho: rule.rho,
            epsilon: rule.epsilon,
            momentum: rule.momentum,
        })
    }

    /// Computes rho `mean` + (1 - rho) `value`.
    #[inline(always)]
    fn mean<T: Scalar>(&self, mean: T, value: T) -> T {
        T::from_f64(self.rho) * mean + T::from_f64(1.0 - self.rho) * value
    }

    /// Computes g / (sqrt(`square`) + epsilon).
    #[inline(always)]
    fn direction<T: Scalar>(&self, gradient: T, square: T) -> T {
        gradient / (square.sqrt() + T::from_f64(self.epsilon))
    }

    #[inline(always)]
    fn velocity<T: Scalar>(&self, velocity: T, direction: T) -> T {
        T::from_f64(self.momentum) * velocity + direction
    }

    /// Returns the parameter after a step in this direction.
    #[inline(always)]
    fn parameter<T: Scalar>(&self, parameter: T, direction: T) -> T {
        parameter - T::from_f64(self.learning_rate) * direction
    }
}

/// Computes `square` - `mean`^2, but at least 0.
#[inline(always)]
fn variance<T: Scalar>(square: T, mean: T) -> T {
    (square - mean * mean).at_least(T::zero())
}

/// Returns `square` as it is kept in memory. It must be finite, because an infinite one would never fall again. The
/// step itself uses the infinite value: with a bounded square and an infinite square of the mean, the variance would
/// become 0.
#[inline(always)]
fn bounded<T: Scalar>(square: T) -> T {
    square.at_most(T::largest())
}

impl ZipFormula<1> for Formula<false, false> {
    #[inline(always)]
    fn apply<T: Scalar>(&self, gradient: T, parameter: T, [square]: [T; 1]) -> (T, [T; 1]) {
        let square = self.mean(square, gradient * gradient);
        let direction = self.direction(gradient, square);
        (self.parameter(parameter, direction), [bounded(square)])
    }
}

impl ZipFormula<2> for Formula<true, false> {
    #[inline(always)]
    fn apply<T: Scalar>(&self, gradient: T, parameter: T, [square, mean]: [T; 2]) -> (T, [T; 2]) {
        let square = self.mean(square, gradient * gradient);
        let mean = self.mean(mean, gradient);
        let direction = self.direction(gradient, variance(square, mean));
        (self.parameter(parameter, direction), [bounded(square), mean])
    }
}

impl ZipFormula<2> for Formula<false, true> {
    #[inline(always)]
    fn apply<T: Scalar>(&self, gradient: T, parameter: T, [square, velocity]: [T; 2]) -> (T, [T; 2]) {
        let square = self.mean(square, gradient * gradient);
        let velocity = self.velocity(velocity, self.direction(gradient, square));
        (self.parameter(parameter, velocity), [bounded(square), velocity])
    }
}

impl ZipFormula<3> for Formula<true, true> {
    #[inline(always)]
    fn apply<T: Scalar>(&self, gradient: T, parameter: T, [square, mean, velocity]: [T; 3]) -> (T, [T; 3]) {
        let square = self.mean(square, gradient * gradient);
        let mean = self.mean(mean, gradient);
        let direction = self.direction(gradient, variance(square, mean));
        let velocity = self.velocity(velocity, direction);
        (self.parameter(parameter, velocity), [bounded(square), mean, velocity])
    }
}

impl Rule {
    fn has_momentum(&self) -> bool {
        self.momentum > 0.0
    }
}

impl rule::Rule<3> for Rule {
    const KIND: &'static str = "rms_prop";
    const SQUARES: Option<&'static str> = Some("mean_square");

    fn names(&self) -> &'static [&'static str] {
        match (self.centered, self.has_momentum()) {
            (false, false) => &["mean_square"],
            (true, false) => &["mean_square", "mean"],
            (false, true) => &["mean_square", "velocity"],
            (true, true) => &["mean_square", "mean", "velocity"],
        }
    }

    fn update<B: Tensor>(
        &mut self,
        eta: f64,
        memory: &mut Memory<B, 3>,
        layers: &mut [Dense<B>],
        gradient: &mut [Dense<B>],
    ) -> Result<(), NonFinite> {
        match (self.centered, self.has_momentum()) {
            (false, false) => memory.update(layers, gradient, |_| Formula::<false, false>::new(eta, self)),
            (true, false) => memory.update(layers, gradient, |_| Formula::<true, false>::new(eta, self)),
            (false, true) => memory.update(layers, gradient, |_| Formula::<false, true>::new(eta, self)),
            (true, true) => memory.update(layers, gradient, |_| Formula::<true, true>::new(eta, self)),
        }
    }

    fn save<B>(&self, state: OptimizerState<B>) -> OptimizerState<B> {
        state
            .with_number("rho", self.rho)
            .with_number("epsilon", self.epsilon)
            .with_number("centered", self.centered.into())
            .with_number("momentum", self.momentum)
    }

    fn take<B>(state: &mut OptimizerState<B>) -> Result<Self, StateError> {
        Ok(Self {
            rho: below_one("rho", state.take_number("rho")?)?,
            epsilon: positive("epsilon", state.take_number("epsilon")?)?,
            centered: flag("centered", state.take_number("centered")?)?,
            momentum: below_one("momentum", state.take_number("momentum")?)?,
        })
    }
}

impl_optimizer!(RmsProp, Rule);
