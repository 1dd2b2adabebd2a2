use super::jet::{Blocks, Jets};
use super::{Direction, Equation, Point};
use crate::backend::{Columns, Tensor};
use crate::error::{check_shape, not_negative};
use crate::optimizer::vector::zeros_like;
use crate::training::Split;
use crate::workspace::elements;
use crate::{Activation, ActivationKind, Dense, Dual, HyperParameterError, Mlp, Scalar};
use alloc::boxed::Box;
use alloc::vec::Vec;
use core::fmt::Debug;
use core::ops::Range;

/// An equation at some points, as a part of a loss: weight / (2 N) sum_i |r(x_i)|^2.
///
/// ```
/// use mlp_core::equation::{Equation, Equations, Point, Term};
/// use mlp_core::{Mlp, Scalar};
/// use mlp_cpu::Matrix;
///
/// /// Measurements y of the outputs.
/// #[derive(Debug)]
/// struct Data;
///
/// impl Equation for Data {
///     fn residuals<T: Scalar>(&self, at: &Point<'_, T>) -> [T; 1] {
///         [at.u()[0] - at.target()[0]]
///     }
/// }
///
/// let network = Mlp::<Matrix<f32>>::builder(&[2, 8, 1]).build()?;
/// let points = Matrix::from_columns(&[[0.0, 1.0], [0.5, 2.0]]);
/// let data = Term::new(Data, points).targets(&Matrix::from_columns(&[[1.0], [0.3]])).weight(100.0)?;
/// let equations = Equations::new(&network, [data]);
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
#[derive(Debug)]
pub struct Term<B: Tensor> {
    formula: Box<dyn Formula<B::Scalar>>,
    directions: Vec<Direction>,
    points: B,
    /// The points, and the numbers that belong to each.
    x: Vec<B::Scalar>,
    targets: Vec<B::Scalar>,
    pub(super) weight: f64,
}

impl<B: Tensor> Term<B> {
    /// Creates a term of weight 1. `points` (n_in x N) has a point in each column.
    ///
    /// # Panics
    /// If there is no point.
    #[must_use]
    #[track_caller]
    pub fn new<E: Equation<R>, const R: usize>(equation: E, points: B) -> Self {
        const { assert!(R > 0, "an equation has at least one residual") };
        assert!(points.shape().1 > 0, "Term::new: expected at least one point, got none");
        Self {
            directions: equation.directions(),
            formula: Box::new(Residuals(equation)),
            x: elements::<B>((&points).into()),
            points,
            targets: Vec::new(),
            weight: 1.0,
        }
    }

    /// Sets numbers for each point, such as measurements: a column of `targets` (any number of rows x N) is the
    /// [`target`](Point::target) of a point.
    ///
    /// # Panics
    /// If the number of columns is not that of the points.
    #[must_use]
    #[track_caller]
    pub fn targets<'a>(mut self, targets: impl Into<B::Columns<'a>>) -> Self {
        let targets = targets.into();
        let expected = (targets.shape().0, self.points.shape().1);
        check_shape("Term::targets", "targets", expected, targets.shape());
        self.targets = elements::<B>(targets);
        self
    }

    /// Sets the weight, which is 1 by default. A term of weight 0 is left out, even where its residuals are not finite.
    ///
    /// # Errors
    /// If `weight` is not a finite number of at least 0.
    pub fn weight(mut self, weight: f64) -> Result<Self, HyperParameterError> {
        self.weight = not_negative("weight of a term", weight)?;
        Ok(self)
    }

    /// Returns the residuals r of `network` at the points, R x N: where an equation does not hold yet, and where one is not
    /// finite. The weight does not matter.
    ///
    /// ```
    /// use mlp_core::Scalar;
    /// use mlp_core::equation::{Direction, Equation, Point, Term};
    /// # use mlp_core::activations::Identity;
    /// # use mlp_core::{Dense, Mlp};
    /// use mlp_cpu::Matrix;
    ///
    /// /// u' = u.
    /// #[derive(Debug)]
    /// struct Growth;
    ///
    /// impl Equation for Growth {
    ///     fn directions(&self) -> Vec<Direction> {
    ///         vec![Direction::axis(0)]
    ///     }
    ///
    ///     fn residuals<T: Scalar>(&self, at: &Point<'_, T>) -> [T; 1] {
    ///         [at.du(0)[0] - at.u()[0]]
    ///     }
    /// }
    ///
    /// # let layer = Dense { weights: Matrix::from_rows(&[[2.0]]), bias: Matrix::zeros(1, 1) };
    /// # let network = Mlp::<Matrix<f64>>::from_layers(vec![(layer, Identity.into())])?;
    /// // The network is u = 2 x.
    /// let residuals = Term::new(Growth, Matrix::from_columns(&[[0.0], [3.0]])).residuals(&network);
    /// assert_eq!(residuals, Matrix::from_columns(&[[2.0], [-4.0]]));
    /// # Ok::<(), Box<dyn std::error::Error>>(())
    /// ```
    ///
    /// # Panics
    /// If the points or directions do not have as many numbers as the network has inputs.
    #[must_use]
    #[track_caller]
    pub fn residuals<C: Activation>(&self, network: &Mlp<B, C>) -> B {
        let count = self.points.shape().1;
        let numbers = self.linearize("Term::residuals", network, count).residuals;
        let mut residuals = B::zeros(numbers.len() / count, count);
        residuals.write(&numbers);
        residuals
    }

    /// Evaluates the residuals of `network` at the first `count` points.
    #[track_caller]
    pub(super) fn linearize<C: Activation>(
        &self,
        operation: &str,
        network: &Mlp<B, C>,
        count: usize,
    ) -> Linearization<B::Scalar> {
        let ((rows, points), inputs) = (self.points.shape(), network.inputs());
        check_shape(operation, "points", (inputs, points), (rows, points));
        for direction in &self.directions {
            direction.check(operation, inputs);
        }
        let mut jets = Jets::new(network, count, &self.directions);
        let (mut numbers, mut linearization) = (Vec::new(), Linearization::new(network.outputs()));
        B::with_float_environment(|| {
            let points = B::slice((&self.points).into(), 0..count);
            jets.forward(network.layers(), network.activations(), points);
            jets.read_output(&mut numbers);
            self.formula
                .linearize(self.given(&(0..count)), &numbers, jets.directions(), &mut linearization);
        });
        linearization
    }

    /// Allocates the memory for each group of points. `number` is the number of the term.
    pub(super) fn parts<C: Activation>(&self, number: usize, network: &Mlp<B, C>) -> Vec<Part<B>> {
        let count = self.points.shape().1;
        // A group of one block keeps its forward pass for the products with G.
        let split = Split::new(count, || network.parameter_count()).one_block_a_group();
        let part = |group| Part {
            term: number,
            blocks: if self.weight > 0.0 {
                split.blocks(group).collect()
            } else {
                Vec::new()
            },
            scale: self.weight / count as f64,
            loss: 0.0,
            gradient: zeros_like(network.layers()),
            jets: Jets::new(network, split.block, &self.directions),
            linearization: Linearization::new(network.outputs()),
            numbers: Vec::new(),
        };
        (0..split.groups).map(part).collect()
    }

    /// Returns x and targets of a block of points.
    fn given(&self, block: &Range<usize>) -> [&[B::Scalar]; 2] {
        let count = self.points.shape().1;
        [&self.x, &self.targets].map(|values| {
            let rows = values.len() / count;
            &values[block.start * rows..block.end * rows]
        })
    }
}

/// A group of points of a term, with the memory for its part of the loss and the gradient. The blocks go through the
/// network one after the other.
#[derive(Debug)]
pub(super) struct Part<B: Tensor> {
    /// The number of the term.
    pub(super) term: usize,
    /// Empty if the weight is 0.
    blocks: Vec<Range<usize>>,
    /// weight / N.
    scale: f64,
    pub(super) loss: f64,
    pub(super) gradient: Vec<Dense<B>>,
    jets: Jets<B>,
    linearization: Linearization<B::Scalar>,
    /// A jet of outputs for each point of a block.
    numbers: Vec<B::Scalar>,
}

impl<B: Tensor> Part<B> {
    /// Computes the loss and its gradient. If there is a `direction` of the parameters, computes J^T J `direction` instead
    /// of the gradient J^T r, with J the Jacobian of the residuals r; the loss is then meaningless.
    pub(super) fn evaluate<C: Activation>(
        &mut self,
        term: &Term<B>,
        layers: &[Dense<B>],
        activations: &[ActivationKind<C>],
        direction: Option<&[Dense<B>]>,
    ) {
        let Self {
            jets,
            linearization,
            numbers,
            ..
        } = self;
        if self.blocks.is_empty() {
            // Memory of a caller may be here since a Gauss-Newton product.
            self.gradient.iter_mut().for_each(|layer| *layer = layer.zeros_like());
        }
        let mut squares = 0.0;
        for (number, block) in self.blocks.iter().enumerate() {
            let points = B::slice((&term.points).into(), block.clone());
            // The objective was last evaluated at the same parameters.
            if direction.is_none() || self.blocks.len() > 1 {
                jets.forward(layers, activations, points);
                jets.read_output(numbers);
                term.formula
                    .linearize(term.given(block), numbers, jets.directions(), linearization);
                let residuals = linearization.residuals.iter().map(|r| r.to_f64());
                squares += residuals.map(|r| r * r).sum::<f64>();
            }
            if let Some(direction) = direction {
                jets.pushforward(layers, points, direction);
                jets.read_output_tangent(numbers);
                linearization.push(numbers);
            }
            linearization.pull(B::Scalar::from_f64(self.scale), numbers);
            jets.write_output_delta(numbers);
            jets.backward(layers, points, &mut self.gradient, number > 0);
        }
        self.loss = 0.5 * self.scale * squares;
    }
}

/// The residuals r at some points, and their Jacobian J with respect to the jets of the outputs.
#[derive(Debug)]
pub(super) struct Linearization<T> {
    outputs: usize,
    /// The arguments of the residuals of one point: x, target and jet.
    arguments: Vec<Dual<T>>,
    /// R numbers for each point.
    residuals: Vec<T>,
    /// R numbers for each number of the jet of each point.
    jacobian: Vec<T>,
}

impl<T: Scalar> Linearization<T> {
    fn new(outputs: usize) -> Self {
        Self {
            outputs,
            arguments: Vec::new(),
            residuals: Vec::new(),
            jacobian: Vec::new(),
        }
    }

    /// Replaces r by J `change`.
    fn push(&mut self, change: &[T]) {
        let count = self.jacobian.len() / change.len();
        let size = self.jacobian.len() / self.residuals.len();
        let points = self.jacobian.chunks_exact(count * size).zip(change.chunks_exact(size));
        for (residuals, (jacobian, change)) in self.residuals.chunks_exact_mut(count).zip(points) {
            residuals.fill(T::zero());
            for (column, &change) in jacobian.chunks_exact(count).zip(change) {
                for (residual, &slope) in residuals.iter_mut().zip(column) {
                    *residual += slope * change;
                }
            }
        }
    }

    /// Overwrites `adjoint`, a jet for each point, by `scale` J^T r.
    fn pull(&self, scale: T, adjoint: &mut [T]) {
        let count = self.jacobian.len() / adjoint.len();
        let size = self.jacobian.len() / self.residuals.len();
        let points = self
            .residuals
            .chunks_exact(count)
            .zip(self.jacobian.chunks_exact(count * size));
        for (adjoint, (residuals, jacobian)) in adjoint.chunks_exact_mut(size).zip(points) {
            for (adjoint, column) in adjoint.iter_mut().zip(jacobian.chunks_exact(count)) {
                let products = residuals.iter().zip(column).map(|(&residual, &slope)| residual * slope);
                *adjoint = scale * products.fold(T::zero(), |sum, product| sum + product);
            }
        }
    }
}

/// An equation of any type, evaluated with numbers of the type T.
trait Formula<T>: Debug + Send + Sync {
    /// Computes the residuals and their Jacobian at some points. `jets` has the jet of the outputs of each.
    fn linearize(&self, given: [&[T]; 2], jets: &[T], directions: &[Blocks], linearization: &mut Linearization<T>);
}

#[derive(Debug)]
struct Residuals<E, const R: usize>(E);

impl<T: Scalar, E: Equation<R>, const R: usize> Formula<T> for Residuals<E, R> {
    fn linearize(
        &self,
        [x, targets]: [&[T]; 2],
        jets: &[T],
        directions: &[Blocks],
        linearization: &mut Linearization<T>,
    ) {
        let Linearization {
            outputs,
            arguments,
            residuals,
            jacobian,
        } = linearization;
        residuals.clear();
        jacobian.clear();
        let size = *outputs * Blocks::count(directions);
        let points = jets.len() / size;
        for point in 0..points {
            arguments.clear();
            for values in [x, targets, jets] {
                let rows = values.len() / points;
                arguments.extend(values[point * rows..][..rows].iter().copied().map(Dual::constant));
            }
            let start = arguments.len() - size;
            for argument in start..arguments.len() {
                arguments[argument].derivative = T::one();
                let point = Point::new(arguments, x.len() / points, *outputs, directions);
                let found = self.0.residuals(&point);
                if argument == start {
                    residuals.extend(found.iter().map(|residual| residual.value));
                }
                jacobian.extend(found.iter().map(|residual| residual.derivative));
                arguments[argument].derivative = T::zero();
            }
        }
    }
}
