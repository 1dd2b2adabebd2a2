//! The simplest possible backend: plain loops over columns, for any scalar. Biases, weights and samples are all stored
//! as columns of numbers.

use mlp_core::backend::{Columns, Tensor, ZipFormula, check_shape, shape_mismatch};
use mlp_core::{Activation, ActivationKind, Loss, Scalar};
use std::ops::Range;

/// A matrix as a list of columns with `rows` elements each.
#[derive(Clone, Debug, PartialEq)]
pub(crate) struct Naive<T> {
    rows: usize,
    columns: Vec<Vec<T>>,
}

/// A borrowed range of the columns of a [`Naive`].
#[derive(Clone, Copy, Debug)]
pub(crate) struct NaiveColumns<'a, T> {
    rows: usize,
    columns: &'a [Vec<T>],
}

impl<'a, T> From<&'a Naive<T>> for NaiveColumns<'a, T> {
    fn from(matrix: &'a Naive<T>) -> Self {
        Self {
            rows: matrix.rows,
            columns: &matrix.columns,
        }
    }
}

impl<T: Scalar> Columns for NaiveColumns<'_, T> {
    fn shape(&self) -> (usize, usize) {
        (self.rows, self.columns.len())
    }
}

impl<T: Scalar> Tensor for Naive<T> {
    type Scalar = T;
    type Columns<'a> = NaiveColumns<'a, T>;

    fn zeros(rows: usize, columns: usize) -> Self {
        Self {
            rows,
            columns: vec![vec![T::zero(); rows]; columns],
        }
    }

    fn shape(&self) -> (usize, usize) {
        (self.rows, self.columns.len())
    }

    fn slice<'short, 'long: 'short>(all: NaiveColumns<'long, T>, range: Range<usize>) -> NaiveColumns<'short, T> {
        NaiveColumns {
            columns: &all.columns[range],
            ..all
        }
    }

    fn write(&mut self, values: &[T]) {
        if values.len() != self.rows * self.columns.len() {
            shape_mismatch("write", "values", self.shape(), (values.len(), 1));
        }
        for (own, &value) in self.columns.iter_mut().flatten().zip(values) {
            *own = value;
        }
    }

    fn read(columns: NaiveColumns<'_, T>, values: &mut Vec<T>) {
        values.extend(columns.columns.iter().flatten());
    }

    fn gather(&mut self, start: usize, source: NaiveColumns<'_, T>, indices: &[usize]) {
        let room = self.columns.len().saturating_sub(start);
        if source.rows != self.rows || indices.len() > room {
            shape_mismatch(
                "gather",
                "source columns",
                (self.rows, room),
                (source.rows, indices.len()),
            );
        }
        for (own, &index) in self.columns[start..].iter_mut().zip(indices) {
            own.clone_from(&source.columns[index]);
        }
    }

    fn forward<A: Activation>(
        &mut self,
        mut derivative: Option<&mut Self>,
        weights: &Self,
        bias: &Self,
        input: NaiveColumns<'_, T>,
        activation: &ActivationKind<A>,
    ) {
        let ((outputs, inputs), samples) = (weights.shape(), input.columns.len());
        check_shape("forward", "bias", (outputs, 1), bias.shape());
        check_shape("forward", "input", (inputs, samples), input.shape());
        self.check("forward", "activation", (outputs, samples));
        if let Some(derivative) = &derivative {
            derivative.check("forward", "derivative", (outputs, samples));
        }
        for (j, x) in input.columns.iter().enumerate() {
            for i in 0..outputs {
                let mut z = bias.columns[0][i];
                for (w, &x) in weights.columns.iter().zip(x) {
                    z += w[i] * x;
                }
                self.columns[j][i] = activation.value(z);
                if let Some(derivative) = &mut derivative {
                    derivative.columns[j][i] = activation.derivative(z, self.columns[j][i]);
                }
            }
        }
    }

    fn loss<L: Loss>(
        &mut self,
        loss: &L,
        prediction: NaiveColumns<'_, T>,
        target: NaiveColumns<'_, T>,
        sample_weights: Option<NaiveColumns<'_, T>>,
        scale: T,
    ) -> T {
        let (outputs, samples) = prediction.shape();
        check_shape("loss", "target", (loss.target_rows(outputs), samples), target.shape());
        self.check("loss", "delta", (outputs, samples));
        let sample_weights = sample_weights.inspect(|w| check_shape("loss", "sample weights", (1, samples), w.shape()));
        let mut sum = T::zero();
        for j in 0..samples {
            let weight = sample_weights.map_or(T::one(), |weights| weights.columns[j][0]);
            let delta = &mut self.columns[j];
            // A sample of weight 0 is left out, whatever its target.
            if weight.is_zero() {
                delta.fill(T::zero());
                continue;
            }
            sum += weight * loss.value_and_gradient(&prediction.columns[j], &target.columns[j], delta);
            for d in delta {
                *d = scale * weight * *d;
            }
        }
        sum
    }

    fn backward(&mut self, weights: &Self, delta: NaiveColumns<'_, T>, derivative: Option<NaiveColumns<'_, T>>) {
        let ((outputs, inputs), samples) = (weights.shape(), delta.columns.len());
        check_shape("backward", "delta", (outputs, samples), delta.shape());
        self.check("backward", "delta of the layer before", (inputs, samples));
        let derivative = derivative.inspect(|d| check_shape("backward", "derivative", (inputs, samples), d.shape()));
        for j in 0..samples {
            for (i, w) in weights.columns.iter().enumerate() {
                let sum = dot(w, &delta.columns[j]);
                self.columns[j][i] = derivative.map_or(sum, |derivative| sum * derivative.columns[j][i]);
            }
        }
    }

    fn gradient(
        &mut self,
        bias_gradient: &mut Self,
        delta: NaiveColumns<'_, T>,
        input: NaiveColumns<'_, T>,
        accumulate: bool,
    ) {
        let ((outputs, inputs), samples) = (self.shape(), delta.columns.len());
        check_shape("gradient", "delta", (outputs, samples), delta.shape());
        check_shape("gradient", "input", (inputs, samples), input.shape());
        check_shape("gradient", "bias gradient", (outputs, 1), bias_gradient.shape());
        if !accumulate {
            *self = Self::zeros(outputs, inputs);
            *bias_gradient = Self::zeros(outputs, 1);
        }
        for (delta, x) in delta.columns.iter().zip(input.columns) {
            for (i, &delta) in delta.iter().enumerate() {
                for (own, &x) in self.columns.iter_mut().zip(x) {
                    own[i] += delta * x;
                }
                bias_gradient.columns[0][i] += delta;
            }
        }
    }

    fn zip<const S: usize, F: ZipFormula<S>>(
        &mut self,
        other: NaiveColumns<'_, T>,
        mut state: [&mut Self; S],
        formula: &F,
    ) -> bool {
        self.check("zip", "the matrix", other.shape());
        state
            .iter()
            .for_each(|state| state.check("zip", "state", other.shape()));
        let mut finite = true;
        for (j, other) in other.columns.iter().enumerate() {
            for (i, &other) in other.iter().enumerate() {
                let old = core::array::from_fn(|s| state[s].columns[j][i]);
                let (own, new) = formula.apply(self.columns[j][i], other, old);
                self.columns[j][i] = own;
                finite &= own.is_finite();
                for (state, new) in state.iter_mut().zip(new) {
                    state.columns[j][i] = new;
                }
            }
        }
        finite
    }

    fn dot(&self, other: &Self) -> f64 {
        check_shape("dot", "the other matrix", self.shape(), other.shape());
        let elements = |tensor: &Self| tensor.columns.iter().flatten().map(|x| x.to_f64()).collect::<Vec<_>>();
        dot(&elements(self), &elements(other))
    }
}

impl<T: Scalar> Naive<T> {
    /// Panics unless a result of shape `result` fits: the numbers of rows must be equal, and `self` needs at least as
    /// many columns.
    #[track_caller]
    fn check(&self, operation: &str, what: &str, result: (usize, usize)) {
        if self.rows != result.0 || self.columns.len() < result.1 {
            shape_mismatch(operation, what, result, self.shape());
        }
    }
}

/// Returns the sum of the products of corresponding elements.
fn dot<T: Scalar>(a: &[T], b: &[T]) -> T {
    a.iter().zip(b).fold(T::zero(), |sum, (&a, &b)| sum + a * b)
}
