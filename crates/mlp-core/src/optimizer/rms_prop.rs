use super::NonFinite;
use super::first_order::Update;
use super::rule::{Listed as _, Rule, first_order, impl_new};
use crate::backend::{Tensor, ZipFormula};
use crate::error::{below_one, flag, positive};
use crate::{HyperParameterError, Scalar};

first_order! {
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
    /// By default rho = 0.99, epsilon = 1e-8 and mu = 0. `torch.optim.RMSprop` uses the same formulas and the same
    /// values, and calls rho `alpha`. There are two differences. If rounding makes a variance negative, it becomes 0
    /// here and NaN in PyTorch. If a mean square is infinite, the parameter does not change here, and s becomes the
    /// largest finite number.
    ///
    /// Sources: T. Tieleman, G. Hinton, *Lecture 6.5: RMSprop* (COURSERA: Neural Networks for Machine Learning, 2012);
    /// A. Graves, *Generating Sequences With Recurrent Neural Networks* (arXiv:1308.0850, 2013), for the variance.
    ///
    /// ```
    /// use mlp_core::activations::Tanh;
    /// use mlp_core::{FitOptions, HalfMse, Mlp, RmsProp, Samples, Trainer};
    /// use mlp_cpu::Matrix;
    ///
    /// let input = Matrix::from_columns(&[[-1.0], [-0.5], [0.0], [0.5], [1.0]]);
    /// let target = Matrix::from_columns(&[[1.0], [0.25], [0.0], [0.25], [1.0]]);
    /// let mut network = Mlp::<Matrix<f64>>::builder(&[1, 8, 1]).hidden(Tanh).seed(1).build()?;
    ///
    /// let mut trainer = Trainer::new(HalfMse, RmsProp::new(0.002)?.rho(0.9)?.momentum(0.5)?);
    /// let loss = trainer.fit(&mut network, Samples::new(&input, &target)?, FitOptions::epochs(300))?.loss;
    /// assert!(loss < 1e-3);
    /// # Ok::<(), Box<dyn std::error::Error>>(())
    /// ```
    RmsProp, 3, "rms_prop";
    rho: f64 = 0.99, below_one;
    epsilon: f64 = 1e-8, positive;
    centered: bool = false, flag;
    momentum: f64 = 0.0, below_one;
}

impl<B: Tensor> RmsProp<B> {
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

    /// Sets whether steps use the variance instead of the mean square. By default they use the mean square.
    ///
    /// # Errors
    /// Returns an error if a step was taken before, because the two need different memory.
    pub fn centered(mut self, centered: bool) -> Result<Self, HyperParameterError> {
        self.memory.expect_new("centered", centered.into())?;
        self.rule.centered = centered;
        Ok(self)
    }

    /// Sets the momentum mu, which is 0 by default.
    ///
    /// # Errors
    /// Returns an error if `momentum` is not a number of at least 0 and below 1, or if a step was taken before.
    pub fn momentum(mut self, momentum: f64) -> Result<Self, HyperParameterError> {
        self.memory.expect_new("momentum", momentum)?;
        self.rule.momentum = below_one("momentum", momentum)?;
        Ok(self)
    }
}

/// The formula of one step. Its state is the mean square, then the mean if `CENTERED`, then the velocity if `MOMENTUM`:
/// only the memory that the options need.
struct Formula<const CENTERED: bool, const MOMENTUM: bool>(HyperParameters);

impl<const CENTERED: bool, const MOMENTUM: bool, const S: usize> ZipFormula<S> for Formula<CENTERED, MOMENTUM> {
    #[inline(always)]
    fn apply<T: Scalar>(&self, gradient: T, parameter: T, mut state: [T; S]) -> (T, [T; S]) {
        let c = T::from_f64;
        let mean = |mean: T, value: T| c(self.0.rho) * mean + c(1.0 - self.0.rho) * value;
        let square = mean(state[0], gradient * gradient);
        // The memory of the square must be finite, because an infinite one would never fall again. The step itself uses
        // the infinite value: with a bounded square and an infinite square of the mean, the variance would become 0.
        state[0] = square.at_most(T::largest());
        let mut under_root = square;
        if CENTERED {
            state[1] = mean(state[1], gradient);
            under_root = (square - state[1] * state[1]).at_least(T::zero());
        }
        let mut direction = gradient / (under_root.sqrt() + c(self.0.epsilon));
        if MOMENTUM {
            direction = c(self.0.momentum) * state[S - 1] + direction;
            state[S - 1] = direction;
        }
        (parameter - c(self.0.learning_rate) * direction, state)
    }
}

impl Rule<3> for HyperParameters {
    const NAMES: &'static [&'static str] = &["mean_square", "mean", "velocity"];
    const SQUARES: Option<&'static str> = Some("mean_square");

    fn names(&self) -> &'static [&'static str] {
        match (self.centered, self.momentum > 0.0) {
            (false, false) => &["mean_square"],
            (true, false) => &["mean_square", "mean"],
            (false, true) => &["mean_square", "velocity"],
            (true, true) => Self::NAMES,
        }
    }

    fn update<B: Tensor>(&mut self, update: Update<'_, B, 3>) -> Result<(), NonFinite> {
        match (self.centered, self.momentum > 0.0) {
            (false, false) => update.apply::<1, _>(|group| Formula::<false, false>(self.of_group(group))),
            (true, false) => update.apply::<2, _>(|group| Formula::<true, false>(self.of_group(group))),
            (false, true) => update.apply::<2, _>(|group| Formula::<false, true>(self.of_group(group))),
            (true, true) => update.apply::<3, _>(|group| Formula::<true, true>(self.of_group(group))),
        }
    }
}

impl_new!(RmsProp);
