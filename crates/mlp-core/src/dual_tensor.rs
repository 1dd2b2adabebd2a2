//! Dual numbers as matrices: every derivative that a network does not compute by itself, from any backend.

use crate::backend::{ActivationVisitor, Columns, Tensor, ZipFormula, check_shape};
use crate::dense::IDENTITY;
use crate::tensor::{Other, Own, Product, Sum, formula};
use crate::workspace::columns;
use crate::{Activation, ActivationKind, BuildError, Dense, Dual, Loss, Mlp, Scalar};
use alloc::vec::Vec;
use core::array;
use core::ops::Range;
use num_traits::Zero;

/// A matrix of dual numbers, value + tangent eps, whose two parts are matrices of the backend `B`. It is a [`Tensor`]
/// with the scalar `Dual<B::Scalar>`, so a network, a loss or an optimizer runs on it unchanged, and it can be nested.
///
/// - A forward pass gives a directional derivative with respect to input, parameters or both.
/// - A gradient has a product with the Hessian as its tangent: its own derivative along the tangent of the parameters.
/// - [`Mlp::pullback`] gives the gradient of a loss l(u, u') of the outputs u and their tangents u'. Its
///   `output_gradient` is dl/du' + dl/du eps, and the tangent of [`Workspace::gradient`](crate::Workspace::gradient) is
///   the gradient of l. Value and tangent change places, because in the tangent of a product the value of one factor
///   meets the tangent of the other.
///
/// Each product is two or three of `B`, at the speed of `B` and on its threads. A tangent that is zero everywhere is not
/// stored and costs nothing: the parameters of a network that does not vary, say.
///
/// ```
/// use mlp_core::{DualTensor, HalfMse, Mlp, Workspace};
/// use mlp_cpu::Matrix;
///
/// let network = Mlp::<Matrix<f64>>::builder(&[1, 8, 1]).build()?;
/// let slope = |x: f64| (network.predict_one(&[x + 1e-6])[0] - network.predict_one(&[x - 1e-6])[0]) / 2e-6;
/// let expected = slope(0.5);
///
/// // dy/dx at x = 0.5: a forward pass along dx = 1.
/// let lifted = network.lift();
/// let x = DualTensor::new(Matrix::from_columns(&[[0.5]]), Matrix::from_columns(&[[1.0]]));
/// let y = lifted.predict(&x);
/// assert!((y.tangent().unwrap()[(0, 0)] - expected).abs() < 1e-8);
/// # Ok::<(), mlp_core::BuildError>(())
/// ```
///
/// # Panics
/// The operations panic like those of `B`. [`memory`](Tensor::memory) gives nothing, since dual numbers are not stored
/// side by side.
#[derive(Clone, Debug)]
pub struct DualTensor<B: Tensor> {
    value: B,
    /// `None` if it is 0 everywhere.
    tangent: Option<B>,
    scratch: Scratch<B>,
}

/// The memory of operations whose result is this matrix, allocated by the first one that needs it.
#[derive(Debug)]
struct Scratch<B: Tensor> {
    /// A term of the tangent, with the shape of the matrix.
    term: Option<B>,
    /// 0, rows x 1.
    no_bias: Option<B>,
    /// What nobody reads, rows x 1.
    unused_bias: Option<B>,
    numbers: Vec<B::Scalar>,
    duals: Vec<Dual<B::Scalar>>,
}

impl<B: Tensor> Default for Scratch<B> {
    fn default() -> Self {
        Self {
            term: None,
            no_bias: None,
            unused_bias: None,
            numbers: Vec::new(),
            duals: Vec::new(),
        }
    }
}

/// The copy has no memory yet.
impl<B: Tensor> Clone for Scratch<B> {
    fn clone(&self) -> Self {
        Self::default()
    }
}

/// A borrowed range of the columns of a [`DualTensor`], or of two matrices of `B`.
#[derive(Debug)]
pub struct DualColumns<'a, B: Tensor> {
    value: B::Columns<'a>,
    tangent: Option<B::Columns<'a>>,
}

impl<B: Tensor> Clone for DualColumns<'_, B> {
    fn clone(&self) -> Self {
        *self
    }
}

impl<B: Tensor> Copy for DualColumns<'_, B> {}

impl<'a, B: Tensor> DualColumns<'a, B> {
    /// Combines the columns of two matrices without a copy. A tangent of `None` is 0.
    ///
    /// # Panics
    /// If the shapes differ.
    #[track_caller]
    pub fn new(value: B::Columns<'a>, tangent: Option<B::Columns<'a>>) -> Self {
        if let Some(tangent) = &tangent {
            check_shape("DualColumns::new", "the tangent", value.shape(), tangent.shape());
        }
        Self { value, tangent }
    }

    /// Returns the values.
    pub fn value(&self) -> B::Columns<'a> {
        self.value
    }

    /// Returns the tangents, or `None` if they are 0 everywhere.
    pub fn tangent(&self) -> Option<B::Columns<'a>> {
        self.tangent
    }
}

impl<'a, B: Tensor> From<&'a DualTensor<B>> for DualColumns<'a, B> {
    fn from(matrix: &'a DualTensor<B>) -> Self {
        Self {
            value: (&matrix.value).into(),
            tangent: matrix.tangent.as_ref().map(Into::into),
        }
    }
}

impl<B: Tensor> Columns for DualColumns<'_, B> {
    fn shape(&self) -> (usize, usize) {
        self.value.shape()
    }
}

impl<B: Tensor> DualTensor<B> {
    /// Combines a value and its tangent.
    ///
    /// # Panics
    /// If the shapes differ.
    #[must_use]
    #[track_caller]
    pub fn new(value: B, tangent: B) -> Self {
        check_shape("DualTensor::new", "the tangent", value.shape(), tangent.shape());
        Self {
            tangent: Some(tangent),
            ..Self::constant(value)
        }
    }

    /// Creates a matrix whose tangent is 0.
    #[must_use]
    pub fn constant(value: B) -> Self {
        Self {
            value,
            tangent: None,
            scratch: Scratch::default(),
        }
    }

    /// Returns the value.
    pub fn value(&self) -> &B {
        &self.value
    }

    /// Returns the value for modification.
    pub fn value_mut(&mut self) -> &mut B {
        &mut self.value
    }

    /// Returns the tangent, or `None` if it is 0 everywhere.
    pub fn tangent(&self) -> Option<&B> {
        self.tangent.as_ref()
    }

    /// Returns the tangent for modification; it is 0 at first if there was none.
    pub fn tangent_mut(&mut self) -> &mut B {
        let (rows, columns) = self.value.shape();
        self.tangent.get_or_insert_with(|| B::zeros(rows, columns))
    }

    /// Sets the tangent to 0.
    pub fn clear_tangent(&mut self) {
        self.tangent = None;
    }

    /// Returns the value without its tangent.
    #[must_use]
    pub fn into_value(self) -> B {
        self.value
    }

    /// Returns value, tangent and scratch memory; the tangent is 0 at first if there was none.
    fn parts(&mut self) -> (&mut B, &mut B, &mut Scratch<B>) {
        self.tangent_mut();
        let tangent = self.tangent.as_mut().expect("a tangent was inserted");
        (&mut self.value, tangent, &mut self.scratch)
    }
}

impl<B: Tensor, C: Activation> Mlp<B, C> {
    /// Turns the network into one of dual numbers. The parameters are moved, and have no tangent at first; set it by
    /// [`DualTensor::tangent_mut`] to differentiate with respect to them.
    #[must_use]
    pub fn lift(self) -> Mlp<DualTensor<B>, C> {
        self.map(DualTensor::constant)
    }
}

impl<B: Tensor, C: Activation> Mlp<DualTensor<B>, C> {
    /// Turns the network back into one of ordinary numbers, without the tangents.
    #[must_use]
    pub fn lower(self) -> Mlp<B, C> {
        self.map(DualTensor::into_value)
    }
}

impl<B: Tensor> Tensor for DualTensor<B> {
    type Scalar = Dual<B::Scalar>;
    type Columns<'a> = DualColumns<'a, B>;

    fn zeros(rows: usize, columns: usize) -> Self {
        Self::constant(B::zeros(rows, columns))
    }

    fn shape(&self) -> (usize, usize) {
        self.value.shape()
    }

    fn slice<'short, 'long: 'short>(columns: DualColumns<'long, B>, range: Range<usize>) -> DualColumns<'short, B> {
        DualColumns {
            value: B::slice(columns.value, range.clone()),
            tangent: columns.tangent.map(|tangent| B::slice(tangent, range)),
        }
    }

    fn write(&mut self, values: &[Dual<B::Scalar>]) {
        let mut numbers = core::mem::take(&mut self.scratch.numbers);
        numbers.clear();
        numbers.extend(values.iter().map(|dual| dual.value));
        self.value.write(&numbers);
        if values.iter().all(|dual| dual.derivative.is_zero()) {
            self.tangent = None;
        } else {
            numbers.clear();
            numbers.extend(values.iter().map(|dual| dual.derivative));
            self.tangent_mut().write(&numbers);
        }
        self.scratch.numbers = numbers;
    }

    fn read(columns: DualColumns<'_, B>, values: &mut Vec<Dual<B::Scalar>>) {
        read_with(columns, values, &mut Vec::new());
    }

    fn gather(&mut self, start: usize, source: DualColumns<'_, B>, indices: &[usize]) {
        self.value.gather(start, source.value, indices);
        if let Some(tangent) = source.tangent {
            self.tangent_mut().gather(start, tangent, indices);
        } else if let Some(own) = &mut self.tangent {
            let zeros = B::zeros(own.shape().0, 1);
            for column in start..start + indices.len() {
                own.gather(column, (&zeros).into(), &[0]);
            }
        }
    }

    fn forward<A: Activation>(
        &mut self,
        derivative: Option<&mut Self>,
        weights: &Self,
        bias: &Self,
        input: DualColumns<'_, B>,
        activation: &ActivationKind<A>,
    ) {
        let terms = [
            weights.tangent.is_some(),
            bias.tangent.is_some(),
            input.tangent.is_some(),
        ];
        if terms == [false; 3] {
            self.tangent = None;
            let derivative = derivative.map(|derivative| {
                derivative.tangent = None;
                &mut derivative.value
            });
            return self
                .value
                .forward(derivative, &weights.value, &bias.value, input.value, activation);
        }
        let samples = input.value.shape().1;
        let (value, tangent, scratch) = self.parts();
        value.forward(None, &weights.value, &bias.value, input.value, &IDENTITY);
        // dz = dW x + W dx + db.
        let (rows, width) = value.shape();
        let term = scratch.term.get_or_insert_with(|| B::zeros(rows, width));
        let no_bias = scratch.no_bias.get_or_insert_with(|| B::zeros(rows, 1));
        let bias = bias.tangent.as_ref().unwrap_or(no_bias);
        match (&weights.tangent, input.tangent) {
            (None, None) => {
                let nothing = B::zeros(0, samples);
                term.forward(None, &B::zeros(rows, 0), bias, (&nothing).into(), &IDENTITY);
            }
            (Some(weights), None) => term.forward(None, weights, bias, input.value, &IDENTITY),
            (None, Some(input)) => term.forward(None, &weights.value, bias, input, &IDENTITY),
            (Some(tangent_of_weights), Some(tangent_of_input)) => {
                term.forward(None, &weights.value, bias, tangent_of_input, &IDENTITY);
                tangent.forward(None, tangent_of_weights, no_bias, input.value, &IDENTITY);
                term.zip(columns(tangent, samples), [], &Sum);
            }
        }
        activation.visit(Evaluate {
            value,
            change: columns(term, samples),
            tangent,
            derivative: derivative.map(|derivative| {
                let (value, tangent, _) = derivative.parts();
                (value, tangent)
            }),
        });
    }

    fn loss<L: Loss>(
        &mut self,
        loss: &L,
        prediction: DualColumns<'_, B>,
        target: DualColumns<'_, B>,
        sample_weights: Option<DualColumns<'_, B>>,
        scale: Dual<B::Scalar>,
    ) -> Dual<B::Scalar> {
        let (outputs, samples) = prediction.shape();
        let rows = loss.target_rows(outputs);
        check_shape("loss", "target", (rows, samples), target.shape());
        if let Some(weights) = &sample_weights {
            check_shape("loss", "sample weights", (1, samples), weights.shape());
        }
        check_room("loss", "delta", (outputs, samples), self.shape());
        let (mut duals, mut numbers) = self.take_scratch();
        read_with(prediction, &mut duals, &mut numbers);
        read_with(target, &mut duals, &mut numbers);
        let weights = duals.len();
        if let Some(columns) = sample_weights {
            read_with(columns, &mut duals, &mut numbers);
        }
        let deltas = duals.len();
        duals.resize(deltas + outputs * samples, Dual::from_f64(0.0));
        let (read, deltas) = duals.split_at_mut(deltas);
        let mut sum = Dual::from_f64(0.0);
        for (sample, delta) in deltas.chunks_exact_mut(outputs.max(1)).enumerate() {
            let weight = sample_weights.map_or(Dual::from_f64(1.0), |_| read[weights + sample]);
            // A sample of weight 0 is left out, whatever its target.
            if weight.is_zero() {
                continue;
            }
            let prediction = &read[sample * outputs..][..outputs];
            let target = &read[outputs * samples + sample * rows..][..rows];
            sum += weight * loss.value_and_gradient(prediction, target, delta);
            for delta in delta {
                *delta *= scale * weight;
            }
        }
        self.write_first(deltas, &mut numbers);
        (self.scratch.duals, self.scratch.numbers) = (duals, numbers);
        sum
    }

    fn backward(&mut self, weights: &Self, delta: DualColumns<'_, B>, derivative: Option<DualColumns<'_, B>>) {
        let of_product = weights.tangent.is_some() || delta.tangent.is_some();
        let of_derivative = derivative.is_some_and(|derivative| derivative.tangent.is_some());
        if !of_product && !of_derivative {
            self.tangent = None;
            let derivative = derivative.map(|derivative| derivative.value);
            return self.value.backward(&weights.value, delta.value, derivative);
        }
        let (value, tangent, scratch) = self.parts();
        let samples = delta.shape().1;
        let (rows, width) = value.shape();
        let term = scratch.term.get_or_insert_with(|| B::zeros(rows, width));
        // p = W^T delta, and dp = dW^T delta + W^T d delta.
        value.backward(&weights.value, delta.value, None);
        match (&weights.tangent, delta.tangent) {
            (None, None) => {}
            (Some(weights), None) => tangent.backward(weights, delta.value, None),
            (None, Some(delta)) => tangent.backward(&weights.value, delta, None),
            (Some(tangent_of_weights), Some(tangent_of_delta)) => {
                tangent.backward(&weights.value, tangent_of_delta, None);
                term.backward(tangent_of_weights, delta.value, None);
                tangent.zip(columns(term, samples), [], &Sum);
            }
        }
        let Some(derivative) = derivative else { return };
        // (p + dp eps) (d + dd eps) = p d + (dp d + p dd) eps.
        match derivative.tangent {
            None => {
                value.zip(derivative.value, [tangent], &Both);
            }
            Some(of_derivative) if of_product => {
                value.zip(derivative.value, [tangent, term], &BothAndOld);
                tangent.zip(of_derivative, [term], &AddProduct);
            }
            Some(of_derivative) => {
                tangent.zip(of_derivative, [value], &ProductOfState);
                value.zip(derivative.value, [], &Product);
            }
        }
    }

    fn gradient(
        &mut self,
        bias_gradient: &mut Self,
        delta: DualColumns<'_, B>,
        input: DualColumns<'_, B>,
        accumulate: bool,
    ) {
        self.value
            .gradient(&mut bias_gradient.value, delta.value, input.value, accumulate);
        if !accumulate && delta.tangent.is_none() {
            bias_gradient.tangent = None;
            self.tangent = self.tangent.take().filter(|_| input.tangent.is_some());
        }
        // Whether the tangent already holds a term of the sum.
        let mut holds = accumulate && self.tangent.is_some();
        if let Some(delta) = delta.tangent {
            // If only one of the two holds a term, the other begins at 0, which is its value if it is inserted now.
            let holding = holds || (accumulate && bias_gradient.tangent.is_some());
            self.tangent_mut()
                .gradient(bias_gradient.tangent_mut(), delta, input.value, holding);
            holds = true;
        }
        if let Some(input) = input.tangent {
            let (_, tangent, scratch) = self.parts();
            let rows = tangent.shape().0;
            let unused = scratch.unused_bias.get_or_insert_with(|| B::zeros(rows, 1));
            tangent.gradient(unused, delta.value, input, holds);
        }
    }

    fn zip<const S: usize, F: ZipFormula<S>>(
        &mut self,
        other: DualColumns<'_, B>,
        state: [&mut Self; S],
        formula: &F,
    ) -> bool {
        if self.tangent.is_none() && other.tangent.is_none() && state.iter().all(|state| state.tangent.is_none()) {
            return self
                .value
                .zip(other.value, state.map(|state| &mut state.value), formula);
        }
        if S < 2 {
            check_room("zip", "self", other.value.shape(), self.value.shape());
            let (value, tangent, scratch) = self.parts();
            let state = state.into_iter().next().map(|state| {
                let (value, tangent, _) = state.parts();
                (value, tangent)
            });
            let finite = if let Some(of_other) = other.tangent {
                let formula = Lifted::<_, S, true>(formula);
                let (rows, width) = value.shape();
                let copy = scratch.term.get_or_insert_with(|| B::zeros(rows, width));
                copy.zip(other.value, [], &Other);
                match state {
                    None => value.zip(of_other, [&mut *tangent, copy], &formula),
                    Some((state, of_state)) => value.zip(of_other, [&mut *tangent, copy, state, of_state], &formula),
                }
            } else {
                let formula = Lifted::<_, S, false>(formula);
                match state {
                    None => value.zip(other.value, [&mut *tangent], &formula),
                    Some((state, of_state)) => value.zip(other.value, [&mut *tangent, state, of_state], &formula),
                }
            };
            return tangent.zip(other.value, [], &Own) && finite;
        }
        self.zip_elements(other, state, formula)
    }

    fn dot(&self, other: &Self) -> f64 {
        self.value.dot(&other.value)
    }

    fn with_float_environment<R>(work: impl FnOnce() -> R) -> R {
        B::with_float_environment(work)
    }

    fn for_each<I: Send>(items: &mut [I], task: impl Fn(usize, &mut I) + Sync) {
        B::for_each(items, task);
    }
}

impl<B: Tensor> DualTensor<B> {
    /// Returns the empty scratch vectors.
    fn take_scratch(&mut self) -> (Vec<Dual<B::Scalar>>, Vec<B::Scalar>) {
        let Scratch { duals, numbers, .. } = &mut self.scratch;
        duals.clear();
        (core::mem::take(duals), core::mem::take(numbers))
    }

    /// Overwrites the first columns by `values`, and leaves the others as they are.
    fn write_first(&mut self, values: &[Dual<B::Scalar>], numbers: &mut Vec<B::Scalar>) {
        let varies = values.iter().any(|dual| !dual.derivative.is_zero());
        write_first(&mut self.value, values.iter().map(|dual| dual.value), numbers);
        if varies || self.tangent.is_some() {
            write_first(self.tangent_mut(), values.iter().map(|dual| dual.derivative), numbers);
        }
    }

    /// Does the work of [`zip`](Tensor::zip) element by element, on one thread, for formulas with several states. An
    /// optimizer has them, and so has a `DualTensor` of this matrix when it evaluates an activation.
    fn zip_elements<const S: usize, F: ZipFormula<S>>(
        &mut self,
        other: DualColumns<'_, B>,
        mut state: [&mut Self; S],
        formula: &F,
    ) -> bool {
        let (_, samples) = other.shape();
        check_room("zip", "self", other.shape(), self.shape());
        for state in &state {
            check_room("zip", "state", other.shape(), state.shape());
        }
        let (mut others, mut numbers) = self.take_scratch();
        read_with(other, &mut others, &mut numbers);
        let read = |matrix: &Self| {
            let mut values = Vec::new();
            read_with(columns(matrix, samples), &mut values, &mut Vec::new());
            values
        };
        let mut own = read(self);
        let mut states = array::from_fn::<_, S, _>(|s| read(state[s]));
        let mut finite = true;
        for (i, (own, &other)) in own.iter_mut().zip(&others).enumerate() {
            let (new, new_state) = formula.apply(*own, other, array::from_fn(|s| states[s][i]));
            *own = new;
            finite &= new.is_finite();
            for (states, new) in states.iter_mut().zip(new_state) {
                states[i] = new;
            }
        }
        self.write_first(&own, &mut numbers);
        for (state, values) in state.iter_mut().zip(&states) {
            state.write_first(values, &mut numbers);
        }
        (self.scratch.duals, self.scratch.numbers) = (others, numbers);
        finite
    }
}

/// Appends the columns to `values`. `numbers` is scratch memory.
fn read_with<B: Tensor>(columns: DualColumns<'_, B>, values: &mut Vec<Dual<B::Scalar>>, numbers: &mut Vec<B::Scalar>) {
    let start = values.len();
    numbers.clear();
    B::read(columns.value, numbers);
    values.extend(numbers.iter().map(|&value| Dual::constant(value)));
    if let Some(tangent) = columns.tangent {
        numbers.clear();
        B::read(tangent, numbers);
        for (dual, &tangent) in values[start..].iter_mut().zip(&*numbers) {
            dual.derivative = tangent;
        }
    }
}

/// Overwrites the first columns of `matrix`. `numbers` is scratch memory.
fn write_first<B: Tensor>(matrix: &mut B, values: impl Iterator<Item = B::Scalar>, numbers: &mut Vec<B::Scalar>) {
    numbers.clear();
    numbers.extend(values);
    let (rows, columns) = matrix.shape();
    let written = numbers.len().checked_div(rows).unwrap_or(columns);
    B::read(B::slice((&*matrix).into(), written..columns), numbers);
    matrix.write(numbers);
}

/// Panics unless a result of shape `result` fits into `matrix`.
#[track_caller]
fn check_room(operation: &str, what: &str, result: (usize, usize), matrix: (usize, usize)) {
    check_shape(operation, what, result, (matrix.0, matrix.1.min(result.1)));
}

/// Evaluates an activation: `value` holds z and `change` dz. `value` becomes f(z), `tangent` f'(z) dz, and `derivative`
/// (f'(z), f''(z) dz).
struct Evaluate<'a, B: Tensor> {
    value: &'a mut B,
    change: B::Columns<'a>,
    tangent: &'a mut B,
    derivative: Option<(&'a mut B, &'a mut B)>,
}

impl<B: Tensor> ActivationVisitor for Evaluate<'_, B> {
    type Output = ();

    fn visit<A: Activation>(self, activation: &A) {
        let Self {
            value,
            change,
            tangent,
            derivative,
        } = self;
        let formula = Formula(activation);
        match derivative {
            None => value.zip(change, [tangent], &formula),
            Some((derivative, of_derivative)) => value.zip(change, [tangent, derivative, of_derivative], &formula),
        };
    }
}

/// The formula of an activation in dual numbers.
struct Formula<'a, A>(&'a A);

impl<A: Activation> ZipFormula<1> for Formula<'_, A> {
    #[inline(always)]
    fn apply<T: Scalar>(&self, z: T, change: T, _: [T; 1]) -> (T, [T; 1]) {
        let a = self.0.value(Dual::new(z, change));
        (a.value, [a.derivative])
    }
}

impl<A: Activation> ZipFormula<3> for Formula<'_, A> {
    #[inline(always)]
    fn apply<T: Scalar>(&self, z: T, change: T, _: [T; 3]) -> (T, [T; 3]) {
        let z = Dual::new(z, change);
        let a = self.0.value(z);
        let slope = self.0.derivative(z, a);
        (a.value, [a.derivative, slope.value, slope.derivative])
    }
}

/// A formula in dual numbers. The states are the tangent of own; if `VARIES`, the value of other, whose tangent is the
/// other operand; then value and tangent of its own state, if it has one (S < 2).
struct Lifted<'a, F, const S: usize, const VARIES: bool>(&'a F);

impl<F: ZipFormula<S>, const S: usize, const VARIES: bool, const N: usize> ZipFormula<N> for Lifted<'_, F, S, VARIES> {
    #[inline(always)]
    fn apply<T: Scalar>(&self, own: T, other: T, mut state: [T; N]) -> (T, [T; N]) {
        let first = if VARIES { 2 } else { 1 };
        let other = if VARIES {
            Dual::new(state[1], other)
        } else {
            Dual::constant(other)
        };
        let states = array::from_fn(|_| Dual::new(state[first], state[first + 1]));
        let (new, states) = self.0.apply(Dual::new(own, state[0]), other, states);
        state[0] = new.derivative;
        for new in states {
            (state[first], state[first + 1]) = (new.value, new.derivative);
        }
        (new.value, state)
    }
}

formula!(Both<1>, |own, other, [state]| (own * other, [state * other]));
formula!(BothAndOld<2>, |own, other, [state, _]| (
    own * other,
    [state * other, own]
));
formula!(AddProduct<1>, |own, other, [state]| (own + other * state, [state]));
formula!(ProductOfState<1>, |_, other, [state]| (other * state, [state]));

impl<B: Tensor, C: Activation> Mlp<B, C> {
    /// Changes the backend of the parameters.
    fn map<D: Tensor>(self, change: impl Fn(B) -> D) -> Mlp<D, C> {
        let (layers, activations) = self.into_parts();
        let layers = layers.into_iter().map(|Dense { weights, bias }| Dense {
            weights: change(weights),
            bias: change(bias),
        });
        let network: Result<_, BuildError> = Mlp::from_layers(layers.zip(activations).collect());
        network.expect("the layers keep their shapes")
    }
}
