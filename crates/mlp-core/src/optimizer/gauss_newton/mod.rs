use super::first_order::{GRADIENTS, STATES, evaluate};
use super::pairs::{InverseHessian, Pair, at_least_one, take_pairs};
use super::vector::{add_scaled, dot, first_not_finite, scale_and_add, set_point, set_scaled, zeros_like};
use super::{NonFinite, Objective, Optimizer, OptimizerState, StateError};
use crate::backend::Tensor;
use crate::dense::check_shapes;
use crate::error::{not_negative, positive};
use crate::{Dense, HyperParameterError, Scalar};
use alloc::vec::Vec;

/// The damped Gauss-Newton method, for least squares better known as Levenberg-Marquardt. A step is one iteration. With
/// all parameters W as one vector, g = dL/dW, and the Gauss-Newton matrix G = J^T H J (see
/// [`Curvature`](crate::Curvature)),
///
/// ```text
/// (G + lambda I) d = -g                       solved by conjugate gradients
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
/// parameters is formed. A solve takes up to 100 products (see [`iterations`](Self::iterations)), and ends when the
/// residual has become 1000 times smaller. Its preconditioner is the L-BFGS matrix of the last ten pairs (p, G p +
/// lambda p) of the solve before, which makes the number of products on ill-conditioned problems several times smaller.
///
/// Use it for small networks and data sets, with the whole data set as one batch: for regression on a few thousand
/// samples it reaches losses that first-order methods never reach. Any loss that is convex in the prediction fits;
/// [`Mae`](crate::Mae) does not, because its second derivatives are 0. Do not use it with mini-batches, since one
/// batch's G does not suit the next, and do not clip the gradient. With dropout it minimizes the loss of one choice of
/// neurons in each step. The learning rate eta is the share of d that a step takes; 1 is right.
///
/// The optimizer remembers 20 vectors of all parameters and uses 26 more as working memory.
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
/// J. Martens, *Deep learning via Hessian-free optimization* (ICML 2010), for the solution by conjugate gradients; J. L.
/// Morales, J. Nocedal, *Automatic preconditioning by limited memory quasi-Newton updating* (SIAM Journal on
/// Optimization 10, 2000).
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
    /// The preconditioner: pairs (p, G p + lambda p) of the last solve, each scaled so that their product is 1.
    preconditioner: InverseHessian<B>,
    /// Empty before the first step.
    memory: Option<Memory<B>>,
}

/// The hyper-parameters.
#[derive(Clone, Copy, Debug, PartialEq)]
struct HyperParameters {
    learning_rate: f64,
    iterations: usize,
}

/// Working memory, with the shapes of the parameters.
#[derive(Clone, Debug)]
struct Memory<B> {
    /// g, the gradient at the start of the step.
    gradient: Vec<Dense<B>>,
    /// d.
    solution: Vec<Dense<B>>,
    /// (G + lambda I) d + g, the gradient of the model at d.
    residual: Vec<Dense<B>>,
    /// The residual after preconditioning, downhill.
    downhill: Vec<Dense<B>>,
    /// p, the direction of the current iteration, and (G + lambda I) p.
    direction: Vec<Dense<B>>,
    product: Vec<Dense<B>>,
    /// Memory for the pairs of two solves; those of the preconditioner are there instead.
    pairs: Vec<Pair<B>>,
}

const KIND: &str = "gauss_newton";
/// The largest number of values of lambda that a step tries.
const TRIALS: usize = 8;
/// A solve ends when the preconditioned norm of the residual is smaller by this factor.
const TOLERANCE: f64 = 1e-3;
/// The largest number of pairs in the preconditioner.
const PAIRS: usize = 10;

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
            preconditioner: InverseHessian::new(Vec::with_capacity(2 * PAIRS)),
            memory: None,
        })
    }

    /// Sets the largest number of conjugate gradient iterations in a solve, each with one product, which is 100 by
    /// default. Fewer make steps cheaper and shorter.
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
        check_shapes("update", STATES, layers, &memory.gradient);
        if let Some(layer) = first_not_finite(gradient) {
            return Err(NonFinite::Gradient { layer });
        }
        set_scaled(&mut memory.gradient, 1.0, gradient);
        let squares = dot(&memory.gradient, &memory.gradient);
        let rate = self.rule.learning_rate;
        if squares == 0.0 || rate == 0.0 {
            return Ok(loss);
        }
        if self.damping == 0.0 {
            objective.gauss_newton_product(layers, &memory.gradient, &mut memory.product);
            let curvature = dot(&memory.gradient, &memory.product) / squares;
            // Without curvature, d = -g.
            self.damping = if curvature > 0.0 { 1e-3 * curvature } else { 1.0 };
        }
        let mut growth = 2.0;
        for _ in 0..TRIALS {
            memory.solve(
                layers,
                objective,
                self.damping,
                self.rule.iterations,
                &mut self.preconditioner,
            );
            let slope = dot(&memory.gradient, &memory.solution);
            let residual = dot(&memory.residual, &memory.solution);
            // d.G d, from the equation that d solves.
            let curvature = residual - slope - self.damping * dot(&memory.solution, &memory.solution);
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
            // The product belongs to the parameters of the last evaluation.
            objective.evaluate(layers);
        }
        self.damping = 0.0;
        memory.pairs.append(&mut self.preconditioner.pairs);
        Ok(loss)
    }
}

impl<B: Tensor> Memory<B> {
    fn new(layers: &[Dense<B>]) -> Self {
        let zeros = || zeros_like(layers);
        Self {
            gradient: zeros(),
            solution: zeros(),
            residual: zeros(),
            downhill: zeros(),
            direction: zeros(),
            product: zeros(),
            pairs: (0..2 * PAIRS).map(|_| Pair::new(zeros(), zeros())).collect(),
        }
    }

    /// Solves (G + lambda I) d = -g by conjugate gradients from d = 0, and replaces the preconditioner for the next
    /// solve.
    ///
    /// Source: J. Nocedal, S. J. Wright, *Numerical Optimization* (2nd ed., Springer 2006), algorithm 5.3.
    fn solve(
        &mut self,
        layers: &[Dense<B>],
        objective: &mut dyn Objective<B>,
        damping: f64,
        iterations: usize,
        preconditioner: &mut InverseHessian<B>,
    ) {
        set_scaled(&mut self.solution, 0.0, &self.gradient);
        set_scaled(&mut self.residual, 1.0, &self.gradient);
        preconditioner.direction(&self.residual, &mut self.downhill);
        set_scaled(&mut self.direction, 1.0, &self.downhill);
        let mut norm = -dot(&self.residual, &self.downhill);
        let first = norm;
        let mut count = 0;
        while count < iterations && norm > TOLERANCE * TOLERANCE * first {
            objective.gauss_newton_product(layers, &self.direction, &mut self.product);
            add_scaled(&mut self.product, damping, &self.direction);
            let curvature = dot(&self.direction, &self.product);
            // Rounding may leave no curvature, and large numbers too much.
            if !(curvature > 0.0 && curvature.is_finite()) {
                break;
            }
            let pair = &mut self.pairs[count % PAIRS];
            let scale = 1.0 / crate::Scalar::sqrt(curvature);
            set_scaled(&mut pair.change, scale, &self.direction);
            set_scaled(&mut pair.gradient, scale, &self.product);
            add_scaled(&mut self.solution, norm / curvature, &self.direction);
            add_scaled(&mut self.residual, norm / curvature, &self.product);
            preconditioner.direction(&self.residual, &mut self.downhill);
            let next = -dot(&self.residual, &self.downhill);
            scale_and_add(&mut self.direction, next / norm, &self.downhill);
            norm = next;
            count += 1;
        }
        // Oldest first. The old pairs become memory for the next ones.
        let kept = count.min(PAIRS);
        self.pairs[..kept].rotate_left(count % PAIRS);
        core::mem::swap(&mut self.pairs, &mut preconditioner.pairs);
        self.pairs.extend(preconditioner.pairs.drain(kept..));
        if !preconditioner.pairs.iter_mut().all(Pair::measure) {
            self.pairs.append(&mut preconditioner.pairs);
        }
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
        self.preconditioner = InverseHessian::new(Vec::with_capacity(2 * PAIRS));
        self.memory = None;
    }

    /// The entry `damping` is lambda, or 0 if the next step chooses it. The entries `directions` and `products` are the
    /// pairs of the preconditioner.
    fn state(&self) -> OptimizerState<B> {
        let concat =
            |part: fn(&Pair<B>) -> &Vec<Dense<B>>| self.preconditioner.pairs.iter().flat_map(part).cloned().collect();
        OptimizerState::new(KIND)
            .with_number("learning_rate", self.rule.learning_rate)
            .with_number("iterations", self.rule.iterations as f64)
            .with_number("damping", self.damping)
            .with_tensors("directions", concat(|pair| &pair.change))
            .with_tensors("products", concat(|pair| &pair.gradient))
    }

    fn restore(&mut self, mut state: OptimizerState<B>, layers: &[Dense<B>]) -> Result<(), StateError> {
        state.expect_kind(KIND)?;
        let mut restored = Self::new(1.0)?;
        restored.set_learning_rate(state.take_number("learning_rate")?)?;
        restored.rule.iterations = at_least_one("iterations", state.take_number("iterations")?)?;
        restored.damping = not_negative("damping", state.take_number("damping")?)?;
        let pairs = take_pairs(&mut state, ["directions", "products"], layers, PAIRS)?;
        state.expect_empty()?;
        restored.preconditioner = InverseHessian::restore(pairs)?;
        *self = restored;
        Ok(())
    }
}

/// Two optimizers are equal if they continue in the same way. Working memory does not count.
impl<B: Tensor + PartialEq> PartialEq for GaussNewton<B> {
    fn eq(&self, other: &Self) -> bool {
        (self.rule, self.damping) == (other.rule, other.damping)
            && self.preconditioner.pairs == other.preconditioner.pairs
    }
}

#[cfg(test)]
mod tests;
