use super::first_order::{GRADIENTS, STATES, evaluate};
use super::vector::{add_scaled, dot, first_not_finite, set_point, set_scaled, zeros_like};
use super::{NonFinite, Objective, Optimizer, OptimizerState, StateError};
use crate::backend::Tensor;
use crate::dense::check_shapes;
use crate::error::{at_least_one, not_negative, positive};
use crate::{Dense, HyperParameterError, Scalar};
use alloc::vec::Vec;

/// The damped Gauss-Newton method, for least squares better known as Levenberg-Marquardt. A step is one iteration. With
/// all parameters W as one vector, g = dL/dW, and the Gauss-Newton matrix G = J^T H J (see
/// [`Curvature`](crate::Curvature)),
///
/// ```text
/// (G + lambda I) d = -g                       solved in the space of g, G g, G^2 g, ...
/// W <- W + eta d                              if the loss falls
///
/// rho = (fall of the loss) / (fall of its model g.d + d.G d / 2)
/// lambda <- lambda max(1/3, 1 - (2 rho - 1)^3)        after a step
/// lambda <- 2 lambda, 4 lambda, 8 lambda, ...         and another trial, if the loss did not fall
/// ```
///
/// A small lambda makes it Newton's method without the second derivatives of the network, and a large one gradient
/// descent with small steps. The first lambda is 1/1000 of the curvature g.G g / g.g along the gradient.
///
/// The method needs products with G only, each of which takes about as long as a gradient; no matrix of parameters by
/// parameters is formed. A step takes as many products as there are parameters, but at most 100 (see
/// [`iterations`](Self::iterations)), and fewer if the residual has become a million times smaller. This is the method of
/// conjugate gradients in the form of Lanczos: an orthonormal basis V in which V^T G V is tridiagonal. Two things are
/// gained. The basis serves every lambda, so another trial takes no product. And it is kept orthogonal in spite of
/// rounding, so the solution for a small network is exact up to rounding.
///
/// Use it for small networks and data sets, with the whole data set as one batch: for regression on a few thousand
/// samples it reaches losses that first-order methods never reach. Any loss that is convex in the prediction fits;
/// [`Mae`](crate::Mae) does not, because its second derivatives are 0. Do not use it with mini-batches, since one
/// batch's G does not suit the next, and do not clip the gradient. With dropout it minimizes the loss of one choice of
/// neurons in each step. The learning rate eta is the share of d that a step takes; 1 is right.
///
/// The optimizer remembers lambda. Its working memory are the basis and two more vectors of all parameters.
///
/// # Guarantees
/// - A step never raises the loss of its batch. If no trial out of eight lowers the loss, the step changes no parameter,
///   returns the loss as usual, and the next step chooses lambda anew.
/// - A step changes no parameter if the gradient or the learning rate is 0.
/// - The results have the same bits with any number of threads.
///
/// Sources: K. Levenberg, *A method for the solution of certain non-linear problems in least squares* (Quarterly of
/// Applied Mathematics 2, 1944); D. W. Marquardt, *An algorithm for least-squares estimation of nonlinear parameters*
/// (SIAM Journal 11, 1963); H. B. Nielsen, *Damping parameter in Marquardt's method* (IMM, DTU, 1999), for lambda;
/// N. I. M. Gould, S. Lucidi, M. Roma, Ph. L. Toint, *Solving the trust-region subproblem using the Lanczos method* (SIAM
/// Journal on Optimization 9, 1999); G. H. Golub, C. F. Van Loan, *Matrix Computations* (4th ed., 2013), section 10.3, for
/// complete reorthogonalization.
///
/// ```
/// use mlp_core::activations::Tanh;
/// use mlp_core::{FitOptions, GaussNewton, Mlp, Mse, Samples, Trainer};
/// use mlp_cpu::Matrix;
///
/// let input = Matrix::from_fn(1, 50, |_, j| j as f64 / 25.0 - 1.0);
/// let target = Matrix::from_fn(1, 50, |_, j| (3.0 * input[(0, j)]).sin());
/// let mut network = Mlp::<Matrix<f64>>::builder(&[1, 8, 1]).hidden(Tanh).seed(1).build()?;
///
/// let mut trainer = Trainer::new(Mse, GaussNewton::new(1.0)?);
/// let report = trainer.fit(&mut network, Samples::new(&input, &target)?, FitOptions::epochs(40))?;
/// assert!(report.loss < 1e-6);
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
#[derive(Clone, Debug)]
pub struct GaussNewton<B> {
    rule: HyperParameters,
    /// lambda, or 0 if the next step must choose it.
    damping: f64,
    /// Empty before the first step.
    memory: Option<Memory<B>>,
}

/// The hyper-parameters.
#[derive(Clone, Copy, Debug, PartialEq)]
struct HyperParameters {
    learning_rate: f64,
    iterations: usize,
}

/// Working memory. The vectors have the shapes of the parameters.
#[derive(Clone, Debug)]
struct Memory<B> {
    /// |g|.
    length: f64,
    /// v_1 = g / |g|, v_2, ...: orthonormal. Those of this step come first, one for each number of `diagonal`.
    basis: Vec<Vec<Dense<B>>>,
    /// T = V^T G V is tridiagonal and symmetric. The last number below the diagonal belongs to a vector that is not in
    /// the basis.
    diagonal: Vec<f64>,
    below: Vec<f64>,
    /// The diagonal of T + lambda I after the elimination of the numbers below it.
    pivots: Vec<f64>,
    /// y, the solution of (T + lambda I) y = -|g| e_1, and d = V y.
    coordinates: Vec<f64>,
    solution: Vec<Dense<B>>,
    /// G v, then parameters to try.
    product: Vec<Dense<B>>,
}

const KIND: &str = "gauss_newton";
/// The largest number of values of lambda that a step tries.
const TRIALS: usize = 8;
/// A solve ends when the residual is smaller than the gradient by this factor. On the 20 fits of
/// `benches/quality/least_squares.py`, 3500 steps reach 3e-12 with 1e-4, 8e-13 with 1e-6, and the same with 1e-9.
const TOLERANCE: f64 = 1e-6;

impl<B: Tensor> GaussNewton<B> {
    /// Creates the optimizer with learning rate eta, the share of the solution that a step takes.
    ///
    /// # Errors
    /// Returns an error if `learning_rate` is not a finite number above 0.
    pub fn new(learning_rate: f64) -> Result<Self, HyperParameterError> {
        Ok(Self {
            rule: HyperParameters {
                learning_rate: positive("learning rate", learning_rate)?,
                iterations: 100,
            },
            damping: 0.0,
            memory: None,
        })
    }

    /// Sets the largest number of products with G in a step, which is 100 by default: each is one iteration of conjugate
    /// gradients and one vector of the basis. Fewer make steps cheaper and shorter.
    ///
    /// # Errors
    /// Returns an error if `iterations` is 0.
    pub fn iterations(mut self, iterations: usize) -> Result<Self, HyperParameterError> {
        self.rule.iterations = at_least_one("iterations", iterations as f64)?;
        Ok(self)
    }

    /// Does the work of [`step`](Optimizer::step).
    fn iterate(&mut self, layers: &mut [Dense<B>], objective: &mut dyn Objective<B>) -> Result<f64, NonFinite> {
        let loss = evaluate(layers, objective)?;
        let gradient = &*objective.gradient_mut();
        check_shapes("update", GRADIENTS, layers, gradient);
        let memory = self.memory.get_or_insert_with(|| Memory::new(layers));
        check_shapes("update", STATES, layers, &memory.solution);
        if let Some(layer) = first_not_finite(gradient) {
            return Err(NonFinite::Gradient { layer });
        }
        memory.length = dot(gradient, gradient).sqrt();
        let rate = self.rule.learning_rate;
        if memory.length == 0.0 || rate == 0.0 {
            return Ok(loss);
        }
        memory.expand(layers, objective, &mut self.damping, self.rule.iterations);
        let mut growth = 2.0;
        for _ in 0..TRIALS {
            let [slope, curvature] = memory.solve(self.damping);
            let predicted = rate * slope + 0.5 * rate * rate * curvature;
            // At a minimum, the loss cannot fall by more than its rounding error.
            if B::Scalar::from_f64(loss + predicted).to_f64() >= B::Scalar::from_f64(loss).to_f64() {
                return Ok(loss);
            }
            let trial = &mut memory.product;
            if set_point(trial, layers, rate, &mut memory.solution) {
                let new = objective.evaluate(trial);
                if new < loss && first_not_finite(objective.gradient_mut()).is_none() {
                    layers.swap_with_slice(trial);
                    let ratio = (new - loss) / predicted;
                    let cube = (2.0 * ratio - 1.0) * (2.0 * ratio - 1.0) * (2.0 * ratio - 1.0);
                    // 0 would mean that lambda is not known.
                    self.damping = (self.damping * (1.0 - cube).clamp(1.0 / 3.0, 2.0)).max(f64::MIN_POSITIVE);
                    return Ok(loss);
                }
            }
            self.damping *= growth;
            growth *= 2.0;
        }
        self.damping = 0.0;
        Ok(loss)
    }
}

impl<B: Tensor> Memory<B> {
    fn new(layers: &[Dense<B>]) -> Self {
        Self {
            length: 0.0,
            basis: Vec::new(),
            diagonal: Vec::new(),
            below: Vec::new(),
            pivots: Vec::new(),
            coordinates: Vec::new(),
            solution: zeros_like(layers),
            product: zeros_like(layers),
        }
    }

    /// Computes the basis, until it contains d up to [`TOLERANCE`] or has `most` vectors. The gradient is still that of
    /// `objective`. Chooses `damping` if it is 0.
    fn expand(&mut self, layers: &[Dense<B>], objective: &mut dyn Objective<B>, damping: &mut f64, most: usize) {
        let parameters = |layer: &Dense<B>| (layer.inputs() + 1) * layer.outputs();
        let most = most.min(layers.iter().map(parameters).sum());
        self.diagonal.clear();
        self.below.clear();
        let (mut residual, mut eliminated) = (self.length, 0.0);
        for count in 0..most {
            if self.basis.len() == count {
                self.basis.push(zeros_like(layers));
            }
            let (basis, vector) = self.basis.split_at_mut(count);
            let vector = &mut vector[0];
            match self.below.last() {
                None => set_scaled(vector, 1.0 / self.length, objective.gradient_mut()),
                Some(below) => set_scaled(vector, 1.0 / below, &self.product),
            };
            objective.gauss_newton_product(layers, vector, &mut self.product);
            let diagonal = dot(vector, &self.product);
            add_scaled(&mut self.product, -diagonal, vector);
            // Without rounding, all of these but the last would be orthogonal to the product.
            for vector in basis.iter().rev() {
                let share = dot(vector, &self.product);
                add_scaled(&mut self.product, -share, vector);
            }
            if *damping == 0.0 {
                // Without curvature, d = -g.
                *damping = if diagonal > 0.0 { 1e-3 * diagonal } else { 1.0 };
            }
            let below = dot(&self.product, &self.product).sqrt();
            let pivot = diagonal + *damping - eliminated;
            // Rounding may leave no curvature, and large numbers too much.
            if !(pivot > 0.0 && below.is_finite()) {
                break;
            }
            self.diagonal.push(diagonal);
            self.below.push(below);
            eliminated = below * below / pivot;
            // (G + lambda I) d + g is a multiple of the next vector, and this long.
            residual *= below / pivot;
            if residual <= TOLERANCE * self.length {
                break;
            }
        }
    }

    /// Computes d for lambda = `damping`. Returns g.d and d.G d.
    fn solve(&mut self, damping: f64) -> [f64; 2] {
        let Self {
            diagonal,
            below,
            pivots,
            coordinates: y,
            ..
        } = self;
        y.clear();
        pivots.clear();
        let (mut right, mut eliminated) = (-self.length, 0.0);
        for (diagonal, below) in diagonal.iter().zip(&*below) {
            let pivot = diagonal + damping - eliminated;
            pivots.push(pivot);
            y.push(right / pivot);
            eliminated = below * below / pivot;
            right *= -below / pivot;
        }
        for i in (1..y.len()).rev() {
            y[i - 1] -= below[i - 1] / pivots[i - 1] * y[i];
        }
        set_scaled(&mut self.solution, 0.0, &self.basis[0]);
        for (&y, vector) in y.iter().zip(&self.basis) {
            add_scaled(&mut self.solution, y, vector);
        }
        let slope = self.length * y.first().unwrap_or(&0.0);
        let squares: f64 = y.iter().map(|y| y * y).sum();
        // By the equation that y solves.
        [slope, -slope - damping * squares]
    }
}

impl<B: Tensor> Optimizer<B> for GaussNewton<B> {
    /// # Errors
    /// Returns an error if the loss at the parameters before the step, or the square of its gradient, is not finite.
    /// Values that are not finite at a trial point are not an error.
    ///
    /// # Panics
    /// Panics like every optimizer, and if `objective` does not implement [`Objective::gauss_newton_product`].
    fn step(&mut self, layers: &mut [Dense<B>], objective: &mut dyn Objective<B>) -> Result<f64, NonFinite> {
        B::with_float_environment(|| self.iterate(layers, objective))
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
        self.damping = 0.0;
        self.memory = None;
    }

    /// The entry `damping` is lambda, or 0 if the next step chooses it.
    fn state(&self) -> OptimizerState<B> {
        OptimizerState::new(KIND)
            .with_number("learning_rate", self.rule.learning_rate)
            .with_number("iterations", self.rule.iterations as f64)
            .with_number("damping", self.damping)
    }

    fn restore(&mut self, mut state: OptimizerState<B>, _: &[Dense<B>]) -> Result<(), StateError> {
        state.expect_kind(KIND)?;
        let mut restored = Self::new(1.0)?;
        restored.set_learning_rate(state.take_number("learning_rate")?)?;
        restored.rule.iterations = at_least_one("iterations", state.take_number("iterations")?)?;
        restored.damping = not_negative("damping", state.take_number("damping")?)?;
        state.expect_empty()?;
        *self = restored;
        Ok(())
    }
}

/// Two optimizers are equal if they continue in the same way. Working memory does not count.
impl<B> PartialEq for GaussNewton<B> {
    fn eq(&self, other: &Self) -> bool {
        (self.rule, self.damping) == (other.rule, other.damping)
    }
}

#[cfg(test)]
mod tests;
