//! [`Matrix`] as the backend of a network.

use crate::activation::Values;
use crate::elementwise::{LANES, Zip, slices};
use crate::layer::sum_columns;
use crate::loss::LossAndGradient;
use crate::pass::{Backward, Forward, Gradient, LayerActivation};
use crate::plan::{self, Operation, Path, Shape};
use crate::raw::flush::flush_subnormals;
use crate::raw::prefetch::{LINE, prefetch};
use crate::raw::simd;
use crate::update::Update;
use crate::{Element, Matrix, MatrixRef, Operand, threads, tiny};
use core::fmt;
use core::mem;
use core::ops::Range;
use mlp_core::backend::{ActivationVisitor, Columns, IntoColumns, Tensor, ZipFormula, check_shape, shape_mismatch};
use mlp_core::{Activation, ActivationKind, Dense, Loss};

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

    fn memory(&self) -> Option<(&[T], usize)> {
        Some((self.storage(), self.stride()))
    }

    fn memory_mut(&mut self) -> Option<(&mut [T], usize)> {
        let stride = self.stride();
        Some((self.storage_mut(), stride))
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
            // Columns scattered over a large matrix come from main memory, so the next one is fetched during this copy.
            if let Some(&next) = indices.get(j + 1) {
                let next = source.column(next);
                for line in (0..next.len()).step_by(LINE / size_of::<T>()) {
                    prefetch(next, line);
                }
            }
            self.column_mut(start + j).copy_from_slice(source.column(index));
        }
    }

    #[inline(always)]
    fn forward<A: Activation>(
        &mut self,
        derivative: Option<&mut Self>,
        weights: &Self,
        bias: &Self,
        input: MatrixRef<'_, T>,
        activation: &ActivationKind<A>,
    ) {
        let (outputs, inputs) = weights.shape();
        let samples = input.columns();
        check_shape("forward", "bias", (outputs, 1), bias.shape());
        check_shape("forward", "input", (inputs, samples), input.shape());
        check_room("forward", "activation", (outputs, samples), self);
        if let Some(derivative) = &derivative {
            check_room("forward", "derivative", (outputs, samples), derivative);
        }
        if Shape::new::<T>(Operation::Forward, (outputs, inputs), samples).path() == Path::Tiny {
            tiny::forward(weights, bias, input, self);
            tiny::activate(activation, self, derivative, samples);
            return;
        }
        // Declared here, so that what is borrowed below lives as long as the call.
        let custom;
        let activation = match activation.built_in() {
            Ok(activation) => LayerActivation::BuiltIn(activation),
            Err(activation) => {
                custom = |values: &mut [T], derivatives: Option<&mut [T]>| {
                    let short = false;
                    Values {
                        values,
                        derivatives,
                        short,
                    }
                    .visit(activation);
                };
                LayerActivation::Custom(&custom)
            }
        };
        T::forward(Forward {
            output: self,
            derivative,
            weights,
            bias,
            input: input.rebuilt(),
            activation,
        });
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

    #[inline(always)]
    fn backward(&mut self, weights: &Self, delta: MatrixRef<'_, T>, derivative: Option<MatrixRef<'_, T>>) {
        let (outputs, inputs) = weights.shape();
        let samples = delta.columns();
        check_shape("backward", "delta", (outputs, samples), delta.shape());
        check_room("backward", "delta of the layer before", (inputs, samples), self);
        if let Some(derivative) = derivative {
            check_shape("backward", "derivative", (inputs, samples), derivative.shape());
        }
        if Shape::new::<T>(Operation::Backward, (outputs, inputs), samples).path() == Path::Tiny {
            tiny::backward(weights, delta, derivative, self);
            return;
        }
        T::backward(Backward {
            output: self,
            weights,
            delta: delta.rebuilt(),
            derivative: derivative.map(MatrixRef::rebuilt),
        });
    }

    #[inline(always)]
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
        if Shape::new::<T>(Operation::Gradient, (outputs, inputs), samples).path() == Path::Tiny {
            tiny::gradient(delta, input, self, bias_gradient, accumulate);
            return;
        }
        T::gradient(Gradient {
            weights: self,
            bias: bias_gradient,
            delta: delta.rebuilt(),
            input: input.rebuilt(),
            accumulate,
        });
    }

    #[inline(always)]
    fn zip<const S: usize, F: ZipFormula<S>>(
        &mut self,
        other: MatrixRef<'_, T>,
        mut state: [&mut Self; S],
        formula: &F,
    ) -> bool {
        let length = (self.columns() * self.stride()).next_multiple_of(LANES);
        let short = plan::is_short(length) && length <= other.storage().len() && other.stride() == self.stride();
        let fit = |matrix: &Self| matrix.shape() == other.shape();
        if short && fit(self) && state.iter().all(|state| fit(state)) {
            let kernel = zip_storage(self, other, &mut state, formula, length);
            // The kernel also checks the padding. If it reports a non-finite number, the elements alone decide.
            return kernel.run_short() || is_finite(self.view());
        }
        zip_long(self, other.rebuilt(), state, formula)
    }

    fn update_in_place<F: ZipFormula<0>>(
        &mut self,
        gradient: &mut Dense<Self>,
        delta: MatrixRef<'_, T>,
        input: MatrixRef<'_, T>,
        formula: &F,
    ) {
        let Dense { weights: memory, bias } = gradient;
        check_shape("update_in_place", "weights gradient", self.shape(), memory.shape());
        let shape = Shape::new::<T>(Operation::Gradient, self.shape(), delta.columns());
        let Some(width) = shape.updated_columns(self.stride()) else {
            memory.gradient(bias, delta, input, false);
            memory.zip((&*self).into(), [], formula);
            return mem::swap(self, memory);
        };
        let (outputs, inputs) = self.shape();
        check_shape("update_in_place", "delta", (outputs, input.columns()), delta.shape());
        check_shape("update_in_place", "input", (inputs, delta.columns()), input.shape());
        check_shape("update_in_place", "bias gradient", (outputs, 1), bias.shape());
        sum_columns(delta, bias, false);
        let update = Update {
            formula,
            delta: delta.into(),
            input: Operand::from(input).transposed(),
            stride: self.stride(),
            width,
        };
        update.run(self.storage_mut(), memory.storage_mut());
    }

    fn is_updated_in_place(&self, samples: usize) -> bool {
        let shape = Shape::new::<T>(Operation::Gradient, self.shape(), samples);
        shape.updated_columns(self.stride()).is_some()
    }

    /// Takes subnormal numbers for zeros, so that no operation is slow because of them.
    #[inline(always)]
    fn with_float_environment<R>(work: impl FnOnce() -> R) -> R {
        let _guard = flush_subnormals();
        work()
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

impl<'a, T: Element> IntoColumns<'a> for MatrixRef<'a, T> {
    type Tensor = Matrix<T>;

    fn into_columns(self) -> Self {
        self
    }
}

impl<T: Copy + Send + Sync + fmt::Display> Columns for MatrixRef<'_, T> {
    fn shape(&self) -> (usize, usize) {
        MatrixRef::shape(self)
    }
}

/// Panics unless `matrix` has the expected number of rows and at least the expected number of columns.
#[track_caller]
#[inline(always)]
fn check_room<T: Element>(operation: &str, what: &str, expected: (usize, usize), matrix: &Matrix<T>) {
    if matrix.rows() != expected.0 || matrix.columns() < expected.1 {
        shape_mismatch(operation, what, expected, matrix.shape());
    }
}

/// Returns the formula over the first `length` values in the storage of the matrices.
#[inline(always)]
fn zip_storage<'a, T: Element, const S: usize, F>(
    own: &'a mut Matrix<T>,
    other: MatrixRef<'a, T>,
    state: &'a mut [&mut Matrix<T>; S],
    formula: &'a F,
    length: usize,
) -> Zip<'a, T, F, S> {
    Zip {
        formula,
        own: &mut own.storage_mut()[..length],
        other: &other.storage()[..length],
        state: slices(state, |state| &mut state.storage_mut()[..length]),
    }
}

#[inline(never)]
fn zip_long<T: Element, const S: usize, F: ZipFormula<S>>(
    own: &mut Matrix<T>,
    other: MatrixRef<'_, T>,
    mut state: [&mut Matrix<T>; S],
    formula: &F,
) -> bool {
    check_room("zip", "self", other.shape(), own);
    for state in &state {
        check_room("zip", "state", other.shape(), state);
    }
    let samples = other.columns();
    if other.stride() == own.stride() {
        // Whether all that follows the columns of `other` in the written matrices is padding.
        let whole = own.columns() == samples && state.iter().all(|state| state.columns() == samples);
        let length = if whole && own.storage().len() <= other.storage().len() {
            // Includes the padding, so that the kernel computes whole vectors up to the end.
            own.storage().len()
        } else {
            samples * own.stride()
        };
        let kernel = zip_storage(own, other, &mut state, formula, length);
        // The kernel also checks the padding. If it reports a non-finite number, the elements alone decide.
        return kernel.run_on_threads() || is_finite(own.view().slice(0..samples));
    }
    let mut finite = true;
    for (j, other) in other.iter_columns().enumerate() {
        let kernel = Zip {
            formula,
            own: own.column_mut(j),
            other,
            state: slices(&mut state, |state| state.column_mut(j)),
        };
        finite &= simd::run(kernel);
    }
    finite
}

#[cold]
fn is_finite<T: Element>(matrix: MatrixRef<'_, T>) -> bool {
    matrix.iter_columns().flatten().all(|x| x.is_finite())
}
