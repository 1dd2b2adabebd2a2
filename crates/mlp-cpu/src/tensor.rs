//! [`Matrix`] as the backend of a network.

use crate::gemm::{Initial, Routine, gemm_by};
use crate::{Element, Matrix, MatrixRef, Operand};
use core::ops::Range;
use mlp_core::{Activation, Loss, Tensor, ZipFormula, check_shape, shape_mismatch};

impl<T: Element> Tensor for Matrix<T> {
    type Scalar = T;
    type Columns<'a> = MatrixRef<'a, T>;

    fn zeros(rows: usize, columns: usize) -> Self {
        Matrix::zeros(rows, columns)
    }

    fn shape(&self) -> (usize, usize) {
        Matrix::shape(self)
    }

    fn slice<'short, 'long: 'short>(columns: MatrixRef<'long, T>, range: Range<usize>) -> MatrixRef<'short, T> {
        columns.slice(range)
    }

    fn write(&mut self, values: &[T]) {
        let (rows, columns) = self.shape();
        if values.len() != rows * columns {
            shape_mismatch("write", "values", (rows, columns), (values.len(), 1));
        }
        self.first_columns_mut(columns).copy_from_slice(values);
    }

    fn read(columns: MatrixRef<'_, T>, values: &mut Vec<T>) {
        values.extend_from_slice(columns.as_slice());
    }

    fn gather(&mut self, start: usize, source: MatrixRef<'_, T>, indices: &[usize]) {
        let room = self.columns().saturating_sub(start);
        if source.rows() != self.rows() || indices.len() > room {
            shape_mismatch(
                "gather",
                "source columns",
                (self.rows(), room),
                (source.rows(), indices.len()),
            );
        }
        for (j, &index) in indices.iter().enumerate() {
            self.column_mut(start + j).copy_from_slice(source.column(index));
        }
    }

    fn forward<A: Activation>(
        &mut self,
        derivative: Option<&mut Self>,
        weights: &Self,
        bias: &Self,
        input: MatrixRef<'_, T>,
        activation: &A,
    ) {
        let (outputs, inputs) = weights.shape();
        let samples = input.columns();
        check_shape("forward", "bias", (outputs, 1), bias.shape());
        check_shape("forward", "input", (inputs, samples), input.shape());
        check_room("forward", "activation", (outputs, samples), self);
        let bias = Initial::Column(bias.column(0));
        gemm_by(
            Routine::for_layer(outputs, inputs),
            weights.into(),
            input.into(),
            self,
            bias,
        );
        let values = self.first_columns_mut(samples);
        match derivative {
            None => {
                for a in values {
                    *a = activation.value(*a);
                }
            }
            Some(derivative) => {
                check_room("forward", "derivative", (outputs, samples), derivative);
                for (a, d) in values.iter_mut().zip(derivative.first_columns_mut(samples)) {
                    let z = *a;
                    *a = activation.value(z);
                    *d = activation.derivative(z, *a);
                }
            }
        }
    }

    fn loss<L: Loss>(
        &mut self,
        loss: &L,
        prediction: MatrixRef<'_, T>,
        target: MatrixRef<'_, T>,
        sample_weights: Option<MatrixRef<'_, T>>,
        scale: T,
    ) -> T {
        let (outputs, samples) = prediction.shape();
        check_shape("loss", "target", (loss.target_rows(outputs), samples), target.shape());
        check_room("loss", "delta", (outputs, samples), self);
        if let Some(weights) = sample_weights {
            check_shape("loss", "sample weights", (1, samples), weights.shape());
        }
        let deltas = self.first_columns_mut(samples).chunks_mut(outputs.max(1));
        // Sums of a few samples first, so that in f32 many small losses are not lost beside a large sum.
        const TOGETHER: usize = 64;
        let (mut total, mut sum) = (T::zero(), T::zero());
        for (j, delta) in deltas.enumerate() {
            if j % TOGETHER == 0 {
                total += sum;
                sum = T::zero();
            }
            let weight = sample_weights.map_or(T::one(), |weights| weights.as_slice()[j]);
            if weight.is_zero() {
                // Left out, even if its loss is infinite.
                delta.fill(T::zero());
                continue;
            }
            sum += weight * loss.value_and_gradient(prediction.column(j), target.column(j), delta);
            let factor = scale * weight;
            for d in delta {
                *d *= factor;
            }
        }
        total + sum
    }

    fn backward(&mut self, weights: &Self, delta: MatrixRef<'_, T>, derivative: Option<MatrixRef<'_, T>>) {
        let (outputs, inputs) = weights.shape();
        let samples = delta.columns();
        check_shape("backward", "delta", (outputs, samples), delta.shape());
        check_room("backward", "delta of the layer before", (inputs, samples), self);
        let transposed = Operand::from(weights).transposed();
        gemm_by(
            Routine::for_layer(outputs, inputs),
            transposed,
            delta.into(),
            self,
            Initial::Zero,
        );
        if let Some(derivative) = derivative {
            check_shape("backward", "derivative", (inputs, samples), derivative.shape());
            for (delta, &derivative) in self.first_columns_mut(samples).iter_mut().zip(derivative.as_slice()) {
                *delta *= derivative;
            }
        }
    }

    fn gradient(
        &mut self,
        bias_gradient: &mut Self,
        delta: MatrixRef<'_, T>,
        input: MatrixRef<'_, T>,
        accumulate: bool,
    ) {
        let (outputs, inputs) = self.shape();
        let samples = delta.columns();
        check_shape("gradient", "delta", (outputs, samples), delta.shape());
        check_shape("gradient", "input", (inputs, samples), input.shape());
        check_shape("gradient", "bias gradient", (outputs, 1), bias_gradient.shape());
        let input = Operand::from(input).transposed();
        let initial = if accumulate { Initial::Present } else { Initial::Zero };
        gemm_by(Routine::for_layer(outputs, inputs), delta.into(), input, self, initial);
        let sums = bias_gradient.column_mut(0);
        if !accumulate {
            sums.fill(T::zero());
        }
        for delta in delta.as_slice().chunks(outputs.max(1)) {
            for (sum, &delta) in sums.iter_mut().zip(delta) {
                *sum += delta;
            }
        }
    }

    fn zip<const S: usize, F: ZipFormula<S>>(
        &mut self,
        other: MatrixRef<'_, T>,
        state: [&mut Self; S],
        formula: &F,
    ) -> bool {
        check_room("zip", "self", other.shape(), self);
        let samples = other.columns();
        let state = state.map(|state| {
            check_room("zip", "state", other.shape(), state);
            state.first_columns_mut(samples)
        });
        let mut finite = true;
        for (i, (own, &other)) in self
            .first_columns_mut(samples)
            .iter_mut()
            .zip(other.as_slice())
            .enumerate()
        {
            let (new, new_state) = formula.apply(*own, other, core::array::from_fn(|s| state[s][i]));
            *own = new;
            for s in 0..S {
                state[s][i] = new_state[s];
            }
            finite &= new.is_finite();
        }
        finite
    }

    fn dot(&self, other: &Self) -> f64 {
        check_shape("dot", "the other matrix", self.shape(), other.shape());
        let mut sum = 0.0;
        for (a, b) in self.iter_columns().zip(other.iter_columns()) {
            for (a, b) in a.iter().zip(b) {
                sum += a.to_f64() * b.to_f64();
            }
        }
        sum
    }
}

/// Panics unless `matrix` has the rows expected and no fewer columns.
#[track_caller]
#[inline(always)]
fn check_room<T: Element>(operation: &str, what: &str, expected: (usize, usize), matrix: &Matrix<T>) {
    if matrix.rows() != expected.0 || matrix.columns() < expected.1 {
        shape_mismatch(operation, what, expected, matrix.shape());
    }
}
