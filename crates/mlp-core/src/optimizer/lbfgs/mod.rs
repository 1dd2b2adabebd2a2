mod pairs;
mod search;

use super::first_order::{GRADIENTS, STATES, evaluate};
use super::vector::{dot, first_not_finite, is_within, one_norm, set_point, set_scaled, zeros_like};
use super::{NonFinite, Objective, Optimizer, OptimizerState, StateError};
use crate::backend::Tensor;
use crate::dense::check_shapes;
use crate::error::{at_least_one, not_negative, positive};
use crate::{Dense, HyperParameterError};
use alloc::vec::Vec;
use pairs::{InverseHessian, Pair, take_pairs};
use search::{Line, Point, search};

/// L-BFGS with a line search. A step is one iteration. With all parameters W as one vector, and g = dL/dW,
///
/// ```text
/// d = -H g                                    direction
/// W <- W + t d                                t such that L(W + t d) meets the strong Wolfe conditions:
///     L(W + t d) <= L(W) + c1 t g.d           the loss falls enough, c1 = 1e-4
///     |g(W + t d).d| <= c2 |g.d|              its slope is less steep, c2 = 0.9
///
/// H = gamma I, and then for each of the last m steps, oldest first, with s = t d and y the change of g,
/// H <- (I - rho s y^T) H (I - rho y s^T) + rho s s^T
///     rho = 1 / (s.y),   gamma = (s.y) / (y.y) of the last step
/// ```
///
/// H approximates the inverse of the second derivatives. It is never formed: H g takes two loops over the m pairs (s,
/// y). A pair with s.y <= 1e-10 |s.g| is left out, where g is the gradient before the step.
///
/// The line search interpolates with cubic polynomials and evaluates the loss at most 25 times. In most steps the first
/// length is accepted, so one evaluation is enough. The first length is the learning rate eta or, in the first step,
/// eta min(1, 1 / sum |g_i|). A learning rate of 1 is right near a minimum and good everywhere, and the search
/// compensates for other values.
///
/// `torch.optim.LBFGS` takes the same steps with `line_search_fn="strong_wolfe"`, `max_iter=1` and `max_eval=25`, as
/// long as s.y > 1e-10: it leaves out other pairs, whatever the unit of the loss, and so learns nothing more about H near
/// a minimum. By default it remembers 100 steps, and this type remembers 10.
///
/// L-BFGS is meant for small data sets and the full batch, where it reaches a minimum in tens of steps. With
/// mini-batches, the gradient changes not only because of the step, but also because of the batch. Each step evaluates
/// loss and gradient at its start once more, because its batch may differ from that of the previous step. The optimizer
/// remembers 2 m + 2 vectors of all parameters and uses 2 more as working memory. Once it remembers m steps, it
/// allocates no more memory.
///
/// # Guarantees
/// - A step never raises the loss of its batch. If the loss or gradient at a trial point is not finite, the line search
///   shortens the step.
/// - If the search finds no lower loss, the step changes no parameter and returns the loss as usual. It forgets H, so
///   that the next step goes in the direction of -g.
/// - If no |g_i| is greater than 1e-7, or if g.d > -1e-9 (see [`tolerances`](Self::tolerances)), the loss counts as
///   minimal, and a step changes no parameter. That is too early for a loss that can become arbitrarily small, such as
///   that of [`Equations`](crate::equation::Equations): use `Lbfgs::new(1.0)?.history_size(50)?.tolerances(0.0, 0.0)?`
///   there. A step with a learning rate of 0 changes no parameter either.
/// - All sums are computed by [`Tensor::dot`], whose order of summation depends only on shapes. The results therefore
///   have the same bits with any number of threads.
///
/// Sources: D. C. Liu, J. Nocedal, *On the limited memory BFGS method for large scale optimization* (Mathematical
/// Programming 45, 1989); J. Nocedal, S. J. Wright, *Numerical Optimization* (2nd ed., Springer 2006), section 7.2 and
/// algorithms 3.5, 3.6, 7.4 and 7.5.
///
/// ```
/// use mlp_core::activations::Tanh;
/// use mlp_core::{BinaryCrossEntropy, FitOptions, Lbfgs, Mlp, Samples, Trainer};
/// use mlp_cpu::Matrix;
///
/// // The exclusive or.
/// let input = Matrix::from_columns(&[[0.0, 0.0], [0.0, 1.0], [1.0, 0.0], [1.0, 1.0]]);
/// let target = Matrix::from_columns(&[[0.0], [1.0], [1.0], [0.0]]);
/// let mut network = Mlp::<Matrix<f64>>::builder(&[2, 4, 1]).hidden(Tanh).seed(1).build()?;
///
/// let mut trainer = Trainer::new(BinaryCrossEntropy, Lbfgs::new(1.0)?);
/// trainer.fit(&mut network, Samples::new(&input, &target)?, FitOptions::epochs(30))?;
/// let logits = network.predict(&input).to_vec();
/// assert!(logits[0] < -3.0 && logits[1] > 3.0 && logits[2] > 3.0 && logits[3] < -3.0);
///
/// // A longer memory, and steps until the loss no longer falls.
/// let _ = Lbfgs::<Matrix<f64>>::new(1.0)?.history_size(100)?.tolerances(0.0, 0.0)?;
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
#[derive(Clone, Debug)]
pub struct Lbfgs<B> {
    rule: HyperParameters,
    curvature: InverseHessian<B>,
    /// The last step, if it changed the parameters. Its `change` is s, and its `gradient` is the gradient before the
    /// step.
    last: Option<Pair<B>>,
    /// Memory for the next step to remember, if already allocated.
    spare: Option<Pair<B>>,
    /// The direction d of the current step. Empty before the first step.
    direction: Vec<Dense<B>>,
    /// The parameters at the current trial point. Empty before the first step.
    trial: Vec<Dense<B>>,
}

/// The hyper-parameters.
#[derive(Clone, Copy, Debug, PartialEq)]
struct HyperParameters {
    learning_rate: f64,
    history_size: usize,
    tolerance_grad: f64,
    tolerance_change: f64,
}

const KIND: &str = "lbfgs";

impl<B: Tensor> Lbfgs<B> {
    /// Creates the optimizer with learning rate eta, the first length that a line search tries.
    ///
    /// # Errors
    /// Returns an error if `learning_rate` is not a finite number above 0.
    pub fn new(learning_rate: f64) -> Result<Self, HyperParameterError> {
        Ok(Self {
            rule: HyperParameters {
                learning_rate: positive("learning rate", learning_rate)?,
                history_size: 10,
                tolerance_grad: 1e-7,
                tolerance_change: 1e-9,
            },
            curvature: InverseHessian::new(Vec::new()),
            last: None,
            spare: None,
            direction: Vec::new(),
            trial: Vec::new(),
        })
    }

    /// Sets the number m of steps to remember, which is 10 by default.
    ///
    /// # Errors
    /// Returns an error if `history_size` is 0.
    pub fn history_size(mut self, history_size: usize) -> Result<Self, HyperParameterError> {
        self.rule.history_size = at_least_one("history size", history_size as f64)?;
        Ok(self)
    }

    /// Sets the tolerances of the gradient and of a change, which are 1e-7 and 1e-9 by default.
    ///
    /// A step changes no parameter if no element of the gradient has an absolute value greater than `gradient`, or if
    /// g.d > -`change`. (-g.d is about twice the amount by which the loss can still fall.) A line search ends when no
    /// parameter changes by more than `change` within the interval of lengths that is left.
    ///
    /// # Errors
    /// Returns an error if one of them is not a finite number of at least 0.
    pub fn tolerances(mut self, gradient: f64, change: f64) -> Result<Self, HyperParameterError> {
        self.rule.tolerance_grad = not_negative("tolerance of the gradient", gradient)?;
        self.rule.tolerance_change = not_negative("tolerance of a change", change)?;
        Ok(self)
    }

    /// Allocates the memory for a step, if it is not there yet. Panics unless the gradient and the memory have the
    /// shapes of `layers`.
    fn prepare(&mut self, layers: &[Dense<B>], gradient: &[Dense<B>]) {
        check_shapes("update", GRADIENTS, layers, gradient);
        if self.direction.is_empty() {
            self.direction = zeros_like(layers);
            self.trial = zeros_like(layers);
        }
        check_shapes("update", STATES, layers, &self.direction);
    }

    /// Computes the direction. Returns its slope g.d, and true if the direction is -g because nothing is remembered.
    fn find_direction(&mut self, gradient: &[Dense<B>]) -> (f64, bool) {
        let mut fresh = self.last.is_none() && self.curvature.pairs.is_empty();
        if let Some(last) = self.last.take() {
            self.spare = self.curvature.add(last, gradient, self.rule.history_size);
        }
        self.curvature.direction(gradient, &mut self.direction);
        let mut slope = dot(gradient, &self.direction);
        if !(slope.is_finite() && slope < 0.0) {
            // The direction does not lead downhill. In exact arithmetic it would, because H is positive definite.
            self.curvature.pairs.clear();
            self.curvature.direction(gradient, &mut self.direction);
            slope = dot(gradient, &self.direction);
            fresh = true;
        }
        (slope, fresh)
    }
    /// Does the work of [`step`](Optimizer::step).
    fn iterate(&mut self, layers: &mut [Dense<B>], objective: &mut dyn Objective<B>) -> Result<f64, NonFinite> {
        let loss = evaluate(layers, objective)?;
        let gradient = &*objective.gradient_mut();
        self.prepare(layers, gradient);
        if let Some(layer) = first_not_finite(gradient) {
            return Err(NonFinite::Gradient { layer });
        }
        let rule = self.rule;
        if rule.learning_rate == 0.0 || is_within(&mut self.trial, 1.0, rule.tolerance_grad, gradient) {
            return Ok(loss);
        }
        let (slope, fresh) = self.find_direction(gradient);
        // The slope is -0 if squares underflow.
        if slope > -rule.tolerance_change || slope == 0.0 {
            return Ok(loss);
        }
        let first = if fresh {
            rule.learning_rate * (1.0 / one_norm(gradient, &mut self.trial)).min(1.0)
        } else {
            rule.learning_rate
        };

        let new = || Pair::new(zeros_like(layers), zeros_like(layers));
        let mut last = self.spare.take().unwrap_or_else(new);
        set_scaled(&mut last.gradient, 1.0, gradient);
        let mut line = Ray {
            start: layers,
            direction: &mut self.direction,
            trial: &mut self.trial,
            at: None,
            objective,
            tolerance: rule.tolerance_change,
        };
        let start = Point {
            length: 0.0,
            loss,
            slope,
        };
        let length = search(&mut line, start, first).length;
        if length == 0.0 {
            self.curvature.pairs.clear();
            self.spare = Some(last);
            return Ok(loss);
        }
        line.go_to(length);
        layers.swap_with_slice(&mut self.trial);
        set_scaled(&mut last.change, length, &self.direction);
        self.last = Some(last);
        Ok(loss)
    }
}

impl<B: Tensor> Optimizer<B> for Lbfgs<B> {
    /// # Errors
    /// Returns an error if the loss at the parameters before the step, or the square of its gradient, is not finite.
    /// Values that are not finite further along the direction are not an error.
    fn step(&mut self, layers: &mut [Dense<B>], objective: &mut dyn Objective<B>) -> Result<f64, NonFinite> {
        self.iterate(layers, objective)
    }

    fn learning_rate(&self) -> f64 {
        self.rule.learning_rate
    }

    /// # Errors
    /// Returns an error if `learning_rate` is not a finite number of at least 0.
    fn set_learning_rate(&mut self, learning_rate: f64) -> Result<(), HyperParameterError> {
        self.rule.learning_rate = not_negative("learning rate", learning_rate)?;
        Ok(())
    }

    fn reset(&mut self) {
        self.curvature = InverseHessian::new(Vec::new());
        (self.last, self.spare) = (None, None);
        (self.direction, self.trial) = (Vec::new(), Vec::new());
    }

    /// The entries `change` and `gradient` belong to the last step, and are empty if it changed no parameter. The
    /// entries `changes` and `gradient_changes` are the pairs (s, y), oldest first.
    fn state(&self) -> OptimizerState<B> {
        let concat =
            |part: fn(&Pair<B>) -> &Vec<Dense<B>>| self.curvature.pairs.iter().flat_map(part).cloned().collect();
        let last = |part: fn(&Pair<B>) -> &Vec<Dense<B>>| self.last.as_ref().map(part).cloned().unwrap_or_default();
        OptimizerState::new(KIND)
            .with_number("learning_rate", self.rule.learning_rate)
            .with_number("history_size", self.rule.history_size as f64)
            .with_number("tolerance_grad", self.rule.tolerance_grad)
            .with_number("tolerance_change", self.rule.tolerance_change)
            .with_tensors("change", last(|last| &last.change))
            .with_tensors("gradient", last(|last| &last.gradient))
            .with_tensors("changes", concat(|pair| &pair.change))
            .with_tensors("gradient_changes", concat(|pair| &pair.gradient))
    }

    fn restore(&mut self, mut state: OptimizerState<B>, layers: &[Dense<B>]) -> Result<(), StateError> {
        state.expect_kind(KIND)?;
        let mut restored = Self::new(1.0)?;
        restored.set_learning_rate(state.take_number("learning_rate")?)?;
        restored = restored.tolerances(
            state.take_number("tolerance_grad")?,
            state.take_number("tolerance_change")?,
        )?;
        restored.rule.history_size = at_least_one("history size", state.take_number("history_size")?)?;
        restored.last = take_pairs(&mut state, ["change", "gradient"], layers, 1)?.pop();
        let size = restored.rule.history_size;
        let pairs = take_pairs(&mut state, ["changes", "gradient_changes"], layers, size)?;
        state.expect_empty()?;
        restored.curvature = InverseHessian::restore(pairs)?;
        *self = restored;
        Ok(())
    }
}

/// Two optimizers are equal if they continue in the same way. Working memory does not count.
impl<B: Tensor + PartialEq> PartialEq for Lbfgs<B> {
    fn eq(&self, other: &Self) -> bool {
        let last = |optimizer: &Self| {
            let last = optimizer.last.as_ref();
            last.map(|last| (last.change.clone(), last.gradient.clone()))
        };
        self.rule == other.rule && self.curvature.pairs == other.curvature.pairs && last(self) == last(other)
    }
}

/// The line that starts at the parameters `start` and goes in a direction.
struct Ray<'a, B: Tensor> {
    start: &'a [Dense<B>],
    direction: &'a mut [Dense<B>],
    trial: &'a mut [Dense<B>],
    /// The length to which `trial` belongs, if it belongs to one.
    at: Option<f64>,
    objective: &'a mut dyn Objective<B>,
    tolerance: f64,
}

impl<B: Tensor> Ray<'_, B> {
    /// Sets `trial` to the parameters at `length`. Returns true if all of them are finite.
    fn go_to(&mut self, length: f64) -> bool {
        if self.at == Some(length) {
            return true;
        }
        self.at = Some(length);
        set_point(self.trial, self.start, length, self.direction)
    }
}

impl<B: Tensor> Line for Ray<'_, B> {
    fn at(&mut self, length: f64) -> Point {
        let mut point = Point {
            length,
            loss: f64::INFINITY,
            slope: f64::INFINITY,
        };
        self.at = None;
        if self.go_to(length) {
            let loss = self.objective.evaluate(self.trial);
            // The slope is not finite if an element of the gradient is not.
            let slope = dot(self.objective.gradient_mut(), self.direction);
            if loss.is_finite() && slope.is_finite() {
                (point.loss, point.slope) = (loss, slope);
            }
        }
        point
    }

    fn is_short(&mut self, length: f64) -> bool {
        self.at = None;
        is_within(self.trial, length, self.tolerance, self.direction)
    }
}

#[cfg(test)]
mod tests;
