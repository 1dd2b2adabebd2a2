use super::jet::{Blocks, Jets};
use super::{Direction, Equation, Point};
use crate::backend::{Columns, Tensor};
use crate::error::{check_shape, not_negative};
use crate::workspace::elements;
use crate::{Activation, ActivationKind, Dense, Dual, HyperParameterError, Mlp, Scalar};
use alloc::boxed::Box;
use alloc::vec::Vec;
use core::fmt::Debug;

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
    targets: Vec<B::Scalar>,
    weight: f64,
}

/// The number of points up to which a term has one part.
const POINTS: usize = 256;
/// The largest number of parts of a term.
const PARTS: usize = 8;

impl<B: Tensor> Term<B> {
    /// Creates a term of weight 1. `points` (n_in x N) has a point in each column.
    ///
    /// # Panics
    /// If there is no point.
    #[must_use]
    pub fn new<E: Equation<R>, const R: usize>(equation: E, points: B) -> Self {
        assert!(points.shape().1 > 0, "Term::new: expected at least one point, got none");
        Self {
            directions: equation.directions(),
            formula: Box::new(Residuals(equation)),
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
    pub fn targets<'a>(mut self, targets: impl Into<B::Columns<'a>>) -> Self {
        let targets = targets.into();
        let (rows, columns) = targets.shape();
        check_shape("targets", "targets", (rows, self.points.shape().1), (rows, columns));
        self.targets = elements::<B>(targets);
        self
    }

    /// Sets the weight, which is 1 by default.
    ///
    /// # Errors
    /// If `weight` is not a finite number of at least 0.
    pub fn weight(mut self, weight: f64) -> Result<Self, HyperParameterError> {
        self.weight = not_negative("weight of a term", weight)?;
        Ok(self)
    }

    /// Cuts the points into parts that are evaluated independently of each other. The cut depends on the number of points
    /// only, so that the order of summation does, too. `number` is the number of the term.
    pub(super) fn parts<C: Activation>(&self, number: usize, network: &Mlp<B, C>) -> Vec<Part<B>> {
        let (rows, count) = self.points.shape();
        check_shape("Equations::new", "points", (network.inputs(), count), (rows, count));
        let size = count.div_ceil(count.div_ceil(POINTS).min(PARTS));
        let x = elements::<B>((&self.points).into());
        let target_rows = self.targets.len() / count;
        let part = |start: usize| {
            let samples = size.min(count - start);
            let x = x[start * rows..][..samples * rows].to_vec();
            let mut points = B::zeros(rows, samples);
            points.write(&x);
            Part {
                term: number,
                loss: 0.0,
                gradient: network.layers().iter().map(Dense::zeros_like).collect(),
                jets: Jets::new(network.layers(), network.activations(), points, &self.directions),
                linearization: Linearization {
                    samples,
                    outputs: network.outputs(),
                    x,
                    targets: self.targets[start * target_rows..][..samples * target_rows].to_vec(),
                    arguments: Vec::new(),
                    residuals: Vec::new(),
                    jacobian: Vec::new(),
                },
                values: Vec::new(),
                scale: self.weight / count as f64,
            }
        };
        (0..count).step_by(size).map(part).collect()
    }
}

/// Some points of a term, with the memory for their part of the loss and its gradient.
#[derive(Debug)]
pub(super) struct Part<B: Tensor> {
    /// The number of the term.
    pub(super) term: usize,
    pub(super) loss: f64,
    pub(super) gradient: Vec<Dense<B>>,
    jets: Jets<B>,
    linearization: Linearization<B::Scalar>,
    values: Vec<B::Scalar>,
    /// weight / N.
    scale: f64,
}

impl<B: Tensor> Part<B> {
    /// Computes the loss and its gradient.
    pub(super) fn evaluate<C: Activation>(
        &mut self,
        term: &Term<B>,
        layers: &[Dense<B>],
        activations: &[ActivationKind<C>],
    ) {
        self.jets.forward(layers, activations);
        read(self.jets.output(), &mut self.values);
        let directions = self.jets.directions();
        term.formula.linearize(&self.values, directions, &mut self.linearization);
        let squares = self.linearization.residuals.iter().map(|r| r.to_f64() * r.to_f64());
        self.loss = 0.5 * self.scale * squares.sum::<f64>();
        self.seed();
        self.jets.backward(layers, &mut self.gradient);
    }

    /// Sets the adjoints of the outputs to those of scale / 2 |r|^2, scale sum_k r_k dr_k.
    fn seed(&mut self) {
        let scale = B::Scalar::from_f64(self.scale);
        let deltas = self.jets.output_delta();
        let outputs = self.linearization.outputs;
        for (block, delta) in deltas.iter_mut().enumerate() {
            self.values.clear();
            for (residuals, rows) in self.linearization.iter() {
                for row in rows.chunks_exact(residuals.len()).skip(block * outputs).take(outputs) {
                    self.values.push(scale * dot(residuals, row));
                }
            }
            delta.write(&self.values);
        }
    }
}

/// Overwrites `values` by the elements of all blocks.
fn read<B: Tensor>(blocks: &[B], values: &mut Vec<B::Scalar>) {
    values.clear();
    for block in blocks {
        B::read(block.into(), values);
    }
}

fn dot<T: Scalar>(a: &[T], b: &[T]) -> T {
    a.iter().zip(b).fold(T::zero(), |sum, (&a, &b)| sum + a * b)
}

/// The residuals at some points, and their derivatives with respect to the numbers of the outputs' jet.
#[derive(Debug)]
struct Linearization<T> {
    samples: usize,
    outputs: usize,
    x: Vec<T>,
    targets: Vec<T>,
    /// The arguments of the residuals of one point: x, target and jet.
    arguments: Vec<Dual<T>>,
    /// R numbers for each point.
    residuals: Vec<T>,
    /// R numbers for each number of the jet of each point.
    jacobian: Vec<T>,
}

impl<T> Linearization<T> {
    /// Returns for each point the residuals and the jacobian.
    fn iter(&self) -> impl Iterator<Item = (&[T], &[T])> {
        let [residuals, jacobian] = [&self.residuals, &self.jacobian].map(|part| part.chunks_exact(part.len() / self.samples));
        residuals.zip(jacobian)
    }
}

/// An equation of any type, evaluated with numbers of the type T.
trait Formula<T>: Debug + Send + Sync {
    /// Computes the residuals and their derivatives. `values` holds the outputs of each block of the jet, one after the
    /// other.
    fn linearize(&self, values: &[T], directions: &[Blocks], linearization: &mut Linearization<T>);
}

#[derive(Debug)]
struct Residuals<E, const R: usize>(E);

impl<T: Scalar, E: Equation<R>, const R: usize> Formula<T> for Residuals<E, R> {
    fn linearize(&self, values: &[T], directions: &[Blocks], linearization: &mut Linearization<T>) {
        let Linearization {
            samples,
            outputs,
            x,
            targets,
            arguments,
            residuals,
            jacobian,
        } = linearization;
        residuals.clear();
        jacobian.clear();
        let inputs = x.len() / *samples;
        for sample in 0..*samples {
            arguments.clear();
            for columns in [&**x, &**targets].into_iter().chain(values.chunks_exact(*outputs * *samples)) {
                let rows = columns.len() / *samples;
                arguments.extend(columns[sample * rows..][..rows].iter().copied().map(Dual::constant));
            }
            let start = arguments.len() - values.len() / *samples;
            for argument in start..arguments.len() {
                arguments[argument].derivative = T::one();
                let (given, jet) = arguments.split_at(start);
                let (x, target) = given.split_at(inputs);
                let found = self.0.residuals(&Point {
                    x,
                    target,
                    jet,
                    directions,
                    outputs: *outputs,
                });
                if argument == start {
                    residuals.extend(found.iter().map(|residual| residual.value));
                }
                jacobian.extend(found.iter().map(|residual| residual.derivative));
                arguments[argument].derivative = T::zero();
            }
        }
    }
}
