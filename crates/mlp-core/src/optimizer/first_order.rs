//! The common parts of the optimizers that evaluate the gradient once per step: the pass over the parameters, and the
//! [`Memory`] that they keep between steps.

use super::factors::{self, Group};
use super::vector::zeros_like;
use super::{Gradient, NonFinite, Objective, Pending};
use crate::backend::{Tensor, ZipFormula};
use crate::dense::check_shapes;
use crate::error::in_range;
use crate::workspace::columns;
use crate::{Dense, HyperParameterError, Scalar as _, Workspace};
use alloc::vec::Vec;
use core::mem;

/// The memory between steps: the number of steps, and up to N values for each parameter. It also holds the factors of
/// each layer, which are settings.
#[derive(Clone, Debug, PartialEq)]
pub(super) struct Memory<B, const N: usize> {
    pub(super) steps: u64,
    /// The values. They are empty before the first step, which provides the shapes. Values that are not needed stay
    /// empty.
    pub(super) tensors: [Vec<Dense<B>>; N],
    pub(super) factors: factors::Lists,
}

impl<B: Tensor, const N: usize> Memory<B, N> {
    /// Without values, steps are not counted, so that gradient descent has no state besides its learning rate.
    pub(super) const COUNTS: bool = N > 0;

    pub(super) fn new() -> Self {
        Self {
            steps: 0,
            tensors: [const { Vec::new() }; N],
            factors: [const { Vec::new() }; 3],
        }
    }

    /// Forgets all steps. The factors stay.
    pub(super) fn reset(&mut self) {
        let factors = mem::take(&mut self.factors);
        *self = Self { factors, ..Self::new() };
    }

    /// Counts a step and returns its update of the parameters.
    pub(super) fn begin_step<'a>(
        &'a mut self,
        layers: &'a mut [Dense<B>],
        gradient: Gradient<'a, B>,
    ) -> Update<'a, B, N> {
        self.steps += u64::from(Self::COUNTS);
        Update {
            step: self.steps,
            layers,
            gradient,
            tensors: &mut self.tensors,
            factors: &self.factors,
        }
    }

    /// Returns an error if a step was taken: the hyper-parameter `name` decides which values are kept, and to change it
    /// would forget them.
    pub(super) fn expect_new(&self, name: &'static str, value: f64) -> Result<(), HyperParameterError> {
        in_range(
            name,
            "its value to be set before the first step",
            value,
            self.steps == 0,
        )?;
        Ok(())
    }
}

/// The update of a step: what a formula is applied to.
pub(super) struct Update<'a, B: Tensor, const N: usize> {
    /// The number t = 1, 2, ... of the step.
    pub(super) step: u64,
    layers: &'a mut [Dense<B>],
    gradient: Gradient<'a, B>,
    tensors: &'a mut [Vec<Dense<B>>; N],
    factors: &'a factors::Lists,
}

impl<B: Tensor, const N: usize> Update<'_, B, N> {
    /// Applies to each group of parameters its formula, in one pass over the parameters. The formula's `own` is the
    /// gradient, which becomes the new parameter, its `other` is the parameter, and its state are the first S of the N
    /// values in memory. Afterwards the gradient holds the old parameters.
    ///
    /// # Errors
    /// Returns an error if a parameter would no longer be finite. The parameters are then unchanged.
    ///
    /// # Panics
    /// Panics if the shapes of parameters, gradient and memory differ, or the number of layers that have factors.
    pub(super) fn apply<const S: usize, F: ZipFormula<S>>(self, formula: impl Fn(Group) -> F) -> Result<(), NonFinite> {
        let Self {
            layers,
            gradient,
            tensors,
            factors,
            ..
        } = self;
        let gradient = gradient.whole();
        let state: &mut [_; S] = tensors.first_chunk_mut().expect("a formula uses at most N values");
        for tensors in state.iter_mut().filter(|tensors| tensors.is_empty()) {
            *tensors = zeros_like(layers);
        }
        let mut state = state.each_mut().map(Vec::as_mut_slice);
        check_shapes("update", GRADIENTS, layers, gradient);
        for state in &state {
            check_shapes("update", STATES, layers, state);
        }
        factors::check_layers(factors, layers.len());
        // The new parameters overwrite the gradient. They are swapped with the old ones only after all of them have
        // proved to be finite. That way the old parameters are never lost, and need no copy.
        let mut formulas = factors::groups(factors, 0).map(&formula);
        let alike = factors.iter().all(Vec::is_empty);
        for (l, (layer, gradient)) in layers.iter().zip(&mut *gradient).enumerate() {
            if !alike {
                formulas = factors::groups(factors, l).map(&formula);
            }
            let [weights, bias] = &formulas;
            let state_of_weights = state.each_mut().map(|state| &mut state[l].weights);
            let weights_finite = gradient.weights.zip((&layer.weights).into(), state_of_weights, weights);
            let state_of_bias = state.each_mut().map(|state| &mut state[l].bias);
            let bias_finite = gradient.bias.zip((&layer.bias).into(), state_of_bias, bias);
            if !(weights_finite && bias_finite) {
                return Err(NonFinite::Parameters { layer: l });
            }
        }
        layers.swap_with_slice(gradient);
        Ok(())
    }
}

impl<B: Tensor> Update<'_, B, 0> {
    /// Applies a formula that changes a parameter by at most `rate` times its gradient and the factor of its learning
    /// rate, as [`apply`](Self::apply) does. If the gradient is pending and no parameter can become infinite, the
    /// weights change in place, and their gradient never is in memory as a whole.
    pub(super) fn apply_bounded<F: ZipFormula<0>>(
        mut self,
        rate: f64,
        formula: impl Fn(Group) -> F,
    ) -> Result<(), NonFinite> {
        factors::check_layers(self.factors, self.layers.len());
        let [factors, ..] = self.factors;
        let factors = factors.iter().flat_map(|factors| [factors.weights, factors.bias]);
        let factor = rate * factors.fold(1.0, f64::max);
        // The largest number plus its root is still the largest number, rounded.
        let negligible = B::Scalar::largest().sqrt().to_f64();
        let factor = B::Scalar::from_f64(factor).to_f64();
        if let Gradient(Err(pending)) = &mut self.gradient
            && factor * pending.bound(self.layers) < negligible
        {
            update_in_place(self.layers, pending, |layer| {
                factors::groups(self.factors, layer).map(&formula)
            });
            return Ok(());
        }
        self.apply(formula)
    }
}

#[inline(never)]
fn update_in_place<B: Tensor, F: ZipFormula<0>>(
    layers: &mut [Dense<B>],
    pending: &mut Pending<'_, B>,
    formulas: impl Fn(usize) -> [F; 2],
) {
    let Workspace {
        samples,
        layers: buffers,
        gradient,
        ..
    } = &mut *pending.workspace;
    let mut input = B::slice(pending.input, 0..*samples);
    for (l, ((layer, gradient), buffers)) in layers.iter_mut().zip(gradient).zip(buffers).enumerate() {
        let [weights, bias] = formulas(l);
        let delta = columns(&buffers.delta, *samples);
        layer.weights.update_in_place(gradient, delta, input, &weights);
        gradient.bias.zip((&layer.bias).into(), [], &bias);
        mem::swap(&mut layer.bias, &mut gradient.bias);
        input = columns(&buffers.activation, *samples);
    }
}

/// Computes the loss at `layers`, and its gradient in `objective`. Returns an error if the loss is not finite.
pub(super) fn evaluate<B: Tensor>(layers: &[Dense<B>], objective: &mut dyn Objective<B>) -> Result<f64, NonFinite> {
    let loss = objective.evaluate(layers);
    if loss.is_finite() {
        Ok(loss)
    } else {
        Err(NonFinite::Loss { loss })
    }
}

/// The names of gradients and of their parts in the messages of [`check_shapes`].
pub(super) const GRADIENTS: [&str; 3] = ["gradients of layers", "a weights gradient", "a bias gradient"];

/// The names of values in memory, as [`GRADIENTS`].
pub(super) const STATES: [&str; 3] = ["states of layers", "a state of weights", "a state of a bias"];

/// Returns `value` as a count, if it is a whole number below 2^53, where an `f64` is exact.
pub(super) fn count(name: &'static str, value: f64) -> Result<u64, HyperParameterError> {
    const END: u64 = 1 << f64::MANTISSA_DIGITS;
    let count = value as u64;
    let contains = count as f64 == value && count < END;
    in_range(name, "a whole number from 0 to 2^53 - 1", value, contains)?;
    Ok(count)
}
