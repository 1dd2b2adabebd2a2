//! Differential equations as losses: conditions on the outputs of a network and on their derivatives with respect to the
//! inputs, as in physics-informed networks.
//!
//! An [`Equation`] is a formula whose residual r shall be 0. A [`Term`] is an equation at some points. [`Equations`] are
//! the terms of one network, as an [`Objective`] that any optimizer minimizes:
//!
//! L = sum over the terms of weight / (2 N) sum_i |r(x_i)|^2, with N the number of points of the term.
//!
//! The harmonic oscillator u'' = -u with u(0) = 0 and u'(0) = 1, whose solution is the sine:
//!
//! ```
//! use mlp_core::activations::Tanh;
//! use mlp_core::equation::{Direction, Equation, Equations, Point, Term};
//! use mlp_core::{Lbfgs, Mlp, Optimizer, Scalar};
//! use mlp_cpu::Matrix;
//!
//! #[derive(Debug)]
//! struct Oscillator;
//!
//! impl Equation for Oscillator {
//!     fn directions(&self) -> Vec<Direction> {
//!         vec![Direction::axis(0).second()]
//!     }
//!
//!     fn residuals<T: Scalar>(&self, at: &Point<'_, T>) -> [T; 1] {
//!         [at.ddu(0)[0] + at.u()[0]]
//!     }
//! }
//!
//! #[derive(Debug)]
//! struct Start;
//!
//! impl Equation<2> for Start {
//!     fn directions(&self) -> Vec<Direction> {
//!         vec![Direction::axis(0)]
//!     }
//!
//!     fn residuals<T: Scalar>(&self, at: &Point<'_, T>) -> [T; 2] {
//!         [at.u()[0], at.du(0)[0] - T::one()]
//!     }
//! }
//!
//! let mut network = Mlp::<Matrix<f64>>::builder(&[1, 10, 1]).hidden(Tanh).build()?;
//! let interior = Term::new(Oscillator, Matrix::from_fn(1, 21, |_, i| i as f64 * 0.1));
//! let start = Term::new(Start, Matrix::zeros(1, 1)).weight(10.0)?;
//! let mut equations = Equations::new(&network, [interior, start]);
//! let mut optimizer = Lbfgs::new(1.0)?.history_size(50)?.tolerances(0.0, 0.0)?;
//! for _ in 0..200 {
//!     optimizer.step(network.layers_mut(), &mut equations)?;
//! }
//! assert!((network.predict_one(&[1.0])[0] - 1_f64.sin()).abs() < 1e-3);
//! # Ok::<(), Box<dyn std::error::Error>>(())
//! ```
//!
//! The loss is a sum of squares that all shall be 0, so it gets much smaller than that of data. [`Lbfgs`](crate::Lbfgs)
//! with its default tolerances takes such a loss for minimal and stops: set them to 0, as here.
//! [`GaussNewton`](crate::GaussNewton) has no tolerance.
//!
//! # Derivatives
//! The derivatives of a residual with respect to its arguments are those of dual numbers. The derivatives of the outputs
//! along a direction are propagated forwards through the network together with the outputs, and the gradient with
//! respect to the parameters backwards through all of them. A direction with a first derivative costs as much as the
//! outputs themselves, and one with a second derivative twice as much.
//!
//! The network should be smooth. Piecewise linear activations such as ReLU have a second derivative of 0 everywhere, also
//! at their kinks, so an equation with second derivatives cannot bend the solution.

mod jet;
mod term;

pub use term::Term;

use crate::backend::{Objective, Tensor};
use crate::dense::{DIRECTION, NETWORK, PRODUCT, check_shapes};
use crate::error::check_shape;
use crate::optimizer::vector::{are_equal, set_scaled, zeros_like};
use crate::{Activation, ActivationKind, Dense, Mlp, Scalar};
use alloc::vec;
use alloc::vec::Vec;
use core::fmt::Debug;
pub(crate) use jet::Blocks;
use term::Part;

/// A condition on the outputs u of a network and their derivatives: R residuals that shall be 0 at every point.
///
/// A differential equation, a boundary condition and the distance to a measurement all are equations. The
/// [module](self) shows two.
pub trait Equation<const R: usize = 1>: Debug + Send + Sync + 'static {
    /// Returns the directions along which the residuals need derivatives. The default is none.
    fn directions(&self) -> Vec<Direction> {
        Vec::new()
    }

    /// Returns the residuals at a point. Write it without `if` on numbers (use [`Scalar::select_gt`]). They depend on
    /// nothing but `at` and the fields: [`Equations`] remembers its last evaluation.
    fn residuals<T: Scalar>(&self, at: &Point<'_, T>) -> [T; R];
}

/// A direction v of the inputs along which outputs are differentiated, d/ds u(x + s v) at s = 0: once, or with
/// [`second`](Self::second) twice.
///
/// A mixed derivative is a combination of second derivatives along three directions, u_xy = (D^2 u - u_xx - u_yy) / 2
/// with D along x + y.
#[derive(Clone, Debug, PartialEq)]
pub struct Direction {
    vector: Vector,
    is_second: bool,
}

#[derive(Clone, Debug, PartialEq)]
enum Vector {
    Axis(usize),
    Any(Vec<f64>),
}

impl Direction {
    /// Creates the direction of the input with the number `input`, from 0: partial derivatives.
    #[must_use]
    pub fn axis(input: usize) -> Self {
        Self {
            vector: Vector::Axis(input),
            is_second: false,
        }
    }

    /// Creates the direction v = `vector`, with one number per input. Its length counts: 2 v doubles the first derivative
    /// and multiplies the second one by 4.
    ///
    /// So a formula can keep its own units when the inputs are scaled. If the network's only input is
    /// x = 2 t / length - 1, for t from 0 to length, then `Direction::along(&[2.0 / length])` has the derivatives with
    /// respect to t.
    #[must_use]
    pub fn along(vector: &[f64]) -> Self {
        Self {
            vector: Vector::Any(vector.to_vec()),
            is_second: false,
        }
    }

    /// Adds the second derivative along this direction.
    #[must_use]
    pub fn second(mut self) -> Self {
        self.is_second = true;
        self
    }

    /// Panics unless the direction fits a network with that many inputs.
    #[track_caller]
    fn check(&self, operation: &str, inputs: usize) {
        match &self.vector {
            Vector::Axis(axis) => assert!(
                *axis < inputs,
                "{operation}: expected a direction below {inputs}, the number of inputs, got {axis}"
            ),
            Vector::Any(vector) => check_shape(operation, "a direction", (inputs, 1), (vector.len(), 1)),
        }
    }

    /// Returns v for a network with that many inputs.
    fn column<T: Scalar>(&self, inputs: usize) -> Vec<T> {
        match &self.vector {
            Vector::Axis(axis) => {
                let mut column = vec![T::zero(); inputs];
                column[*axis] = T::one();
                column
            }
            Vector::Any(vector) => vector.iter().copied().map(T::from_f64).collect(),
        }
    }
}

/// The arguments of a residual: a point x, the outputs u there, and their derivatives along the equation's
/// [directions](Equation::directions).
#[derive(Debug)]
pub struct Point<'a, T> {
    x: &'a [T],
    target: &'a [T],
    /// The outputs of each block of the jet, one after the other.
    jet: &'a [T],
    directions: &'a [Blocks],
    outputs: usize,
}

impl<'a, T> Point<'a, T> {
    /// Splits `arguments`: x, the targets, and the jet of that many outputs along `directions`.
    pub(crate) fn new(arguments: &'a [T], inputs: usize, outputs: usize, directions: &'a [Blocks]) -> Self {
        let (given, jet) = arguments.split_at(arguments.len() - outputs * Blocks::count(directions));
        let (x, target) = given.split_at(inputs);
        Self {
            x,
            target,
            jet,
            directions,
            outputs,
        }
    }

    /// Returns the inputs.
    pub fn x(&self) -> &'a [T] {
        self.x
    }

    /// Returns the column of [`Term::targets`] that belongs to the point; empty if there are none.
    pub fn target(&self) -> &'a [T] {
        self.target
    }

    /// Returns the outputs.
    pub fn u(&self) -> &'a [T] {
        self.block(0)
    }

    /// Returns the first derivative of each output along the direction with the number `direction`, from 0.
    ///
    /// # Panics
    /// If there is no such direction.
    #[track_caller]
    pub fn du(&self, direction: usize) -> &'a [T] {
        self.block(self.blocks("du", direction).first)
    }

    /// Returns the second derivative of each output along the direction with the number `direction`, from 0.
    ///
    /// # Panics
    /// If there is no such direction, or it is not a [`second`](Direction::second) one.
    #[track_caller]
    pub fn ddu(&self, direction: usize) -> &'a [T] {
        let Some(second) = self.blocks("ddu", direction).second else {
            panic!("ddu: expected direction {direction} to be a `.second()` one");
        };
        self.block(second)
    }

    #[track_caller]
    fn blocks(&self, operation: &str, direction: usize) -> Blocks {
        let count = self.directions.len();
        assert!(
            direction < count,
            "{operation}: expected a direction below {count}, the number of `directions`, got {direction}"
        );
        self.directions[direction]
    }

    fn block(&self, number: usize) -> &'a [T] {
        &self.jet[number * self.outputs..][..self.outputs]
    }
}

/// The terms of a network's loss, as a function of its parameters; see the [module](self).
///
/// Pass it to [`Optimizer::step`](crate::Optimizer::step) together with the network's layers. All memory is allocated by
/// [`new`](Self::new).
///
/// It remembers its last evaluation. [`Lbfgs`](crate::Lbfgs) begins each step where its last one ended, which then costs
/// nothing.
#[derive(Debug)]
pub struct Equations<B: Tensor, C = crate::NoCustom> {
    activations: Vec<ActivationKind<C>>,
    terms: Vec<Term<B>>,
    parts: Vec<Part<B>>,
    last: Evaluation<B>,
}

impl<B: Tensor, C: Activation> Equations<B, C> {
    /// Creates the sum of `terms` for networks with the shapes and activations of `network`.
    ///
    /// # Panics
    /// If there is no term, or the points or directions of one do not have as many numbers as the network has inputs, or
    /// if a formula panics at the first point of its term.
    #[must_use]
    #[track_caller]
    pub fn new(network: &Mlp<B, C>, terms: impl IntoIterator<Item = Term<B>>) -> Self {
        let terms: Vec<_> = terms.into_iter().collect();
        assert!(
            !terms.is_empty(),
            "Equations::new: expected at least one term, got none"
        );
        for term in &terms {
            // A formula that panics does so here, once, and not on each thread of an evaluation.
            term.linearize("Equations::new", network, 1);
        }
        let parts = terms
            .iter()
            .enumerate()
            .flat_map(|(number, term)| term.parts(number, network));
        Self {
            activations: network.activations().to_vec(),
            parts: parts.collect(),
            last: Evaluation {
                loss: None,
                losses: vec![f64::NAN; terms.len()],
                layers: zeros_like(network.layers()),
                gradient: zeros_like(network.layers()),
            },
            terms,
        }
    }

    /// Returns the loss 1 / (2 N) sum_i |r(x_i)|^2 of each term, without its weight, at the parameters of the last
    /// evaluation. They tell whether the equation or a condition holds worse, and which term is not finite if a step
    /// fails because the loss is not; [`Term::residuals`] then finds the point.
    ///
    /// The last evaluation is that of the optimizer: at the parameters before the step, or at the last ones that it
    /// tried. To have those of a network, [`evaluate`](Objective::evaluate) it first. They are NaN before the first
    /// evaluation. A term of weight 0 is left out, so its loss always is NaN.
    ///
    /// ```
    /// use mlp_core::equation::{Equation, Equations, Point, Term};
    /// use mlp_core::{Adam, Mlp, Optimizer, Scalar};
    /// use mlp_cpu::Matrix;
    ///
    /// /// u = 1.
    /// #[derive(Debug)]
    /// struct One;
    ///
    /// impl Equation for One {
    ///     fn residuals<T: Scalar>(&self, at: &Point<'_, T>) -> [T; 1] {
    ///         [at.u()[0] - T::one()]
    ///     }
    /// }
    ///
    /// let mut network = Mlp::<Matrix<f64>>::builder(&[1, 4, 1]).build()?;
    /// let at = |x: f64| Term::new(One, Matrix::from_columns(&[[x]]));
    /// let mut equations = Equations::new(&network, [at(0.0), at(1.0).weight(10.0)?]);
    /// let loss = Adam::new(0.01)?.step(network.layers_mut(), &mut equations)?;
    /// let losses = equations.losses();
    /// assert!((losses[0] + 10.0 * losses[1] - loss).abs() < 1e-12);
    /// # Ok::<(), Box<dyn std::error::Error>>(())
    /// ```
    pub fn losses(&self) -> &[f64] {
        &self.last.losses
    }

    /// Returns the loss, and the first part then has its gradient; or, with a `direction`, a meaningless number and J^T J
    /// `direction`.
    fn run(&mut self, layers: &[Dense<B>], direction: Option<&[Dense<B>]>) -> f64 {
        let Self {
            activations,
            terms,
            parts,
            ..
        } = self;
        B::with_float_environment(|| {
            B::for_each(parts, |_, part| {
                part.evaluate(&terms[part.term], layers, activations, direction);
            });
            let (first, others) = parts.split_first_mut().expect("there is a term, which has a point");
            let mut loss = first.loss;
            for other in others {
                loss += other.loss;
                for (total, part) in first.gradient.iter_mut().zip(&other.gradient) {
                    total.accumulate(part);
                }
            }
            loss
        })
    }
}

/// The last evaluation, if there was one.
#[derive(Debug)]
struct Evaluation<B> {
    loss: Option<f64>,
    /// The loss of each term, without its weight.
    losses: Vec<f64>,
    layers: Vec<Dense<B>>,
    gradient: Vec<Dense<B>>,
}

impl<B: Tensor, C: Activation> Objective<B> for Equations<B, C> {
    #[track_caller]
    fn evaluate(&mut self, layers: &[Dense<B>]) -> f64 {
        check_shapes("Equations", NETWORK, &self.last.layers, layers);
        if let Some(loss) = self.last.loss
            && are_equal(&mut self.last.layers, layers)
        {
            set_scaled(&mut self.last.layers, 1.0, layers);
            set_scaled(&mut self.parts[0].gradient, 1.0, &self.last.gradient);
            return loss;
        }
        // Forgotten until it is complete, since a formula of the caller may panic.
        self.last.loss = None;
        let loss = self.run(layers, None);
        self.last.losses.fill(0.0);
        for part in &self.parts {
            self.last.losses[part.term] += part.loss / self.terms[part.term].weight;
        }
        set_scaled(&mut self.last.layers, 1.0, layers);
        set_scaled(&mut self.last.gradient, 1.0, &self.parts[0].gradient);
        self.last.loss = Some(loss);
        loss
    }

    fn gradient_mut(&mut self) -> &mut [Dense<B>] {
        &mut self.parts[0].gradient
    }

    /// The loss is half a sum of squares of residuals, so G = J^T J with J the derivatives of the residuals with respect
    /// to the parameters.
    fn gauss_newton_product(&mut self, layers: &[Dense<B>], direction: &[Dense<B>], product: &mut [Dense<B>]) {
        check_shapes("gauss_newton_product", DIRECTION, layers, direction);
        check_shapes("gauss_newton_product", PRODUCT, layers, product);
        self.run(layers, Some(direction));
        self.gradient_mut().swap_with_slice(product);
    }
}
