//! [`Matrix`] as the backend of a network.

use crate::elementwise::{self, Activate, ActivateAndDerive, FEW, LANES, Multiply, SumOfColumns, Zip};
use crate::gemm::{Initial, Product, Routine};
use crate::loss::LossAndGradient;
use crate::raw::dispatch;
use crate::thin::{self, is_thin};
use crate::tiny::{self, is_tiny};
use crate::{Element, Matrix, MatrixRef, Operand, threads};
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
        if rows > 0 {
            for (j, column) in values.chunks_exact(rows).enumerate() {
                self.column_mut(j).copy_from_slice(column);
            }
        }
    }

    fn read(columns: MatrixRef<'_, T>, values: &mut Vec<T>) {
        columns.append_to(values);
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
        if let Some(derivative) = &derivative {
            check_room("forward", "derivative", (outputs, samples), derivative);
        }
        if is_tiny(outputs, inputs) {
            tiny::forward(weights, bias, &input, self);
            tiny::activate(activation, self, derivative, samples);
            return;
        }
        let product = Product {
            a: weights.into(),
            b: input.into(),
            c_stride: self.stride(),
            c: self.storage_mut(),
            initial: Initial::Column(bias.storage()),
        };
        product.run(
            Routine::for_layer(outputs, inputs),
            derivative.map(Matrix::storage_mut),
            |_, values, derivatives| match derivatives {
                None => dispatch::run(Activate { activation, values }),
                Some(derivatives) => dispatch::run(ActivateAndDerive {
                    activation,
                    values,
                    derivatives,
                }),
            },
        );
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
        let stride = self.stride();
        let delta = self.columns_mut(samples);
        let kernel = LossAndGradient {
            loss,
            prediction,
            target,
            sample_weights,
            scale,
            delta,
            stride,
        };
        kernel.run()
    }

    fn backward(&mut self, weights: &Self, delta: MatrixRef<'_, T>, derivative: Option<MatrixRef<'_, T>>) {
        let (outputs, inputs) = weights.shape();
        let samples = delta.columns();
        check_shape("backward", "delta", (outputs, samples), delta.shape());
        check_room("backward", "delta of the layer before", (inputs, samples), self);
        if let Some(derivative) = derivative {
            check_shape("backward", "derivative", (inputs, samples), derivative.shape());
        }
        if is_tiny(outputs, inputs) {
            if let Some(derivative) = derivative
                && derivative.stride() != self.stride()
            {
                // Padded as `self` is, which the loops rely on.
                return self.backward(weights, delta, Some((&derivative.to_matrix()).into()));
            }
            tiny::backward(weights, &delta, derivative.as_ref(), self);
            return;
        }
        let stride = self.stride();
        let product = Product {
            a: Operand::from(weights).transposed(),
            b: delta.into(),
            c_stride: stride,
            c: self.storage_mut(),
            initial: Initial::Zero,
        };
        product.run(Routine::for_layer(outputs, inputs), None, |range, delta, _| {
            if let Some(derivative) = derivative {
                let derivative = derivative.slice(range);
                if derivative.stride() == stride {
                    let length = delta.len();
                    let other = &derivative.storage()[..length];
                    elementwise::run(Multiply { own: delta, other }, length);
                } else {
                    for (own, other) in delta.chunks_mut(stride).zip(derivative.iter_columns()) {
                        elementwise::run(Multiply { own, other }, other.len());
                    }
                }
            }
        });
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
        if is_tiny(outputs, inputs) {
            if delta.stride() != self.stride() {
                // Padded as `self` is, which the loops rely on.
                return self.gradient(bias_gradient, (&delta.to_matrix()).into(), input, accumulate);
            }
            tiny::gradient(&delta, &input, self, bias_gradient, accumulate);
            return;
        }
        if outputs > 1 && is_thin::<T>(outputs, inputs) {
            thin::gradient(delta, input, self, accumulate);
        } else {
            let initial = if accumulate { Initial::Present } else { Initial::Zero };
            let (a, b, c_stride) = if outputs == 1 {
                // The only row of dW, as a column: the rows of a tile run along it.
                (Operand::from(input), Operand::from(delta).transposed(), inputs)
            } else {
                (Operand::from(delta), Operand::from(input).transposed(), self.stride())
            };
            let product = Product {
                a,
                b,
                c_stride,
                c: self.storage_mut(),
                initial,
            };
            product.run(Routine::for_layer(outputs, inputs), None, |_, _, _| {});
        }
        let kernel = SumOfColumns {
            columns: delta,
            sums: bias_gradient.column_mut(0),
            accumulate,
        };
        elementwise::run(kernel, outputs * samples);
    }

    fn zip<const S: usize, F: ZipFormula<S>>(
        &mut self,
        other: MatrixRef<'_, T>,
        state: [&mut Self; S],
        formula: &F,
    ) -> bool {
        check_room("zip", "self", other.shape(), self);
        for state in &state {
            check_room("zip", "state", other.shape(), state);
        }
        let length = (self.columns() * self.stride()).next_multiple_of(LANES);
        let whole = other.stride() == self.stride() && is_whole(self, other, &state);
        if whole && length <= FEW && length <= other.storage().len() {
            let kernel = Zip {
                formula,
                own: &mut self.storage_mut()[..length],
                other: &other.storage()[..length],
                state: state.map(|state| &mut state.storage_mut()[..length]),
            };
            // It may be the padding that is not finite.
            return kernel.run_few() || is_finite(self.view());
        }
        zip_long(self, other, state, formula)
    }

    fn for_each<I: Send>(items: &mut [I], task: impl Fn(usize, &mut I) + Sync) {
        threads::for_each(items, task);
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

#[inline(never)]
fn zip_long<T: Element, const S: usize, F: ZipFormula<S>>(
    own: &mut Matrix<T>,
    other: MatrixRef<'_, T>,
    mut state: [&mut Matrix<T>; S],
    formula: &F,
) -> bool {
    let samples = other.columns();
    if other.stride() == own.stride() {
        let length = if is_whole(own, other, &state) && own.storage().len() <= other.storage().len() {
            // Whole vectors to the end.
            own.storage().len()
        } else {
            samples * own.stride()
        };
        let kernel = Zip {
            formula,
            own: &mut own.storage_mut()[..length],
            other: &other.storage()[..length],
            state: state.map(|state| &mut state.storage_mut()[..length]),
        };
        // It may be the padding that is not finite.
        return kernel.run_on_threads() || is_finite(own.view().slice(0..samples));
    }
    let mut finite = true;
    for (j, other) in other.iter_columns().enumerate() {
        let kernel = Zip {
            formula,
            own: own.column_mut(j),
            other,
            state: state.each_mut().map(|state| state.column_mut(j)),
        };
        finite &= elementwise::run(kernel, other.len());
    }
    finite
}

/// If no matrix that is written has columns behind those of `other`: what lies behind these is padding.
#[inline(always)]
fn is_whole<T: Element, const S: usize>(own: &Matrix<T>, other: MatrixRef<'_, T>, state: &[&mut Matrix<T>; S]) -> bool {
    own.columns() == other.columns() && state.iter().all(|state| state.columns() == other.columns())
}

#[cold]
fn is_finite<T: Element>(matrix: MatrixRef<'_, T>) -> bool {
    matrix.iter_columns().flatten().all(|x| x.is_finite())
}
