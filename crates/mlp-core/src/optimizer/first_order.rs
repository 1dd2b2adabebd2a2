//! The common parts of the optimizers that evaluate the gradient once per step: the pass over the parameters, and the
//! [`Memory`] that they keep between steps.

use super::state::check_numbers;
use super::{NonFinite, Objective, OptimizerState, StateError};
use crate::backend::{Tensor, ZipFormula};
use crate::error::check_shape;
use crate::{Dense, HyperParameterError};
use alloc::borrow::ToOwned;
use alloc::vec::Vec;

/// The memory between steps: the number of steps, and up to N values for each parameter.
#[derive(Clone, Debug, PartialEq)]
pub(super) struct Memory<B, const N: usize> {
    steps: u64,
    /// The values. They are empty before the first step, which provides the shapes. Values that are not needed stay
    /// empty.
    tensors: [Vec<Dense<B>>; N],
}

/// The formulas of a step. Their `own` is the gradient, which becomes the new parameter. Their `other` is the
/// parameter.
pub(super) struct Formulas<F> {
    pub(super) weights: F,
    pub(super) biases: F,
}

impl<F: Clone> Formulas<F> {
    /// Uses the same formula for weights and biases.
    pub(super) fn both(formula: F) -> Self {
        Self {
            weights: formula.clone(),
            biases: formula,
        }
    }
}

impl<B: Tensor, const N: usize> Memory<B, N> {
    pub(super) fn new() -> Self {
        Self {
            steps: 0,
            tensors: [const { Vec::new() }; N],
        }
    }

    /// Updates the parameters. `formulas(t)` returns the formulas of step t = 1, 2, ..., which use the first S of the N
    /// values.
    pub(super) fn update<const S: usize, F: ZipFormula<S>>(
        &mut self,
        layers: &mut [Dense<B>],
        gradient: &mut [Dense<B>],
        formulas: impl FnOnce(u64) -> Formulas<F>,
    ) -> Result<(), NonFinite> {
        let state: &mut [_; S] = self.tensors.first_chunk_mut().expect("a formula uses at most N values");
        for tensors in state.iter_mut().filter(|tensors| tensors.is_empty()) {
            *tensors = layers.iter().map(Dense::zeros_like).collect();
        }
        self.steps += 1;
        let state = state.each_mut().map(Vec::as_mut_slice);
        let Formulas { weights, biases } = formulas(self.steps);
        update(layers, gradient, state, &weights, &biases)
    }

    /// Adds the number of steps and the values, with these names, to `state`.
    pub(super) fn save(&self, state: OptimizerState<B>, names: &[&str]) -> OptimizerState<B> {
        let state = state.with_number("steps", self.steps as f64);
        let tensors = names.iter().zip(&self.tensors);
        tensors.fold(state, |state, (name, tensors)| {
            state.with_tensors(name, tensors.clone())
        })
    }

    /// Takes the entries that [`save`](Self::save) added out of `state`. `squares` is the name of the values that must
    /// not be negative.
    pub(super) fn take(
        state: &mut OptimizerState<B>,
        names: &[&str],
        squares: Option<&str>,
        layers: &[Dense<B>],
    ) -> Result<Self, StateError> {
        let mut memory = Self::new();
        memory.steps = count("steps", state.take_number("steps")?)?;
        for (tensors, name) in memory.tensors.iter_mut().zip(names) {
            *tensors = state.take_tensors(name, layers)?;
            let fresh = memory.steps == 0 && tensors.is_empty();
            if !fresh && tensors.len() != layers.len() {
                return Err(StateError::Shape {
                    name: (*name).to_owned(),
                });
            }
            if squares == Some(name) {
                check_numbers(name, tensors, "numbers of at least 0", |number| number >= 0.0)?;
            }
        }
        Ok(memory)
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

/// Implements [`Optimizer::step`](super::Optimizer::step): evaluates the gradient once and passes it to `update`.
pub(super) fn step<B: Tensor>(
    layers: &mut [Dense<B>],
    objective: &mut dyn Objective<B>,
    update: impl FnOnce(&mut [Dense<B>], &mut [Dense<B>]) -> Result<(), NonFinite>,
) -> Result<f64, NonFinite> {
    let loss = evaluate(layers, objective)?;
    match update(layers, objective.gradient_mut()) {
        Err(NonFinite::Parameters { layer, .. }) => Err(NonFinite::Parameters {
            layer,
            loss: Some(loss),
        }),
        result => result.map(|()| loss),
    }
}

/// Applies the formulas to gradient, parameters and `state`, in one pass over the parameters. Afterwards `gradient`
/// holds the old parameters.
///
/// # Errors
/// Returns an error if a parameter would no longer be finite. `layers` are then unchanged.
///
/// # Panics
/// Panics if the shapes of `layers`, `gradient` and `state` differ.
pub(super) fn update<B: Tensor, const S: usize, F: ZipFormula<S>>(
    layers: &mut [Dense<B>],
    gradient: &mut [Dense<B>],
    mut state: [&mut [Dense<B>]; S],
    weights_formula: &F,
    bias_formula: &F,
) -> Result<(), NonFinite> {
    check_shape("update", "gradients of layers", (layers.len(), 1), (gradient.len(), 1));
    for state in &state {
        check_shape("update", "states of layers", (layers.len(), 1), (state.len(), 1));
    }
    // The new parameters overwrite the gradient. They are swapped with the old ones only after all of them have proved
    // to be finite. That way the old parameters are never lost, and need no copy.
    for (l, (layer, gradient)) in layers.iter().zip(&mut *gradient).enumerate() {
        check_shapes(["a weights gradient", "a bias gradient"], layer, gradient);
        for state in &state {
            check_shapes(["a state of weights", "a state of a bias"], layer, &state[l]);
        }
        let weights = state.each_mut().map(|state| &mut state[l].weights);
        let weights_finite = gradient.weights.zip((&layer.weights).into(), weights, weights_formula);
        let biases = state.each_mut().map(|state| &mut state[l].bias);
        let bias_finite = gradient.bias.zip((&layer.bias).into(), biases, bias_formula);
        if !(weights_finite && bias_finite) {
            return Err(NonFinite::Parameters { layer: l, loss: None });
        }
    }
    layers.swap_with_slice(gradient);
    Ok(())
}

/// Panics unless `got` has the shapes of `layer`. `weights` and `bias` name the parts of `got` in the message.
#[track_caller]
fn check_shapes<B: Tensor>([weights, bias]: [&str; 2], layer: &Dense<B>, got: &Dense<B>) {
    check_shape("update", weights, layer.weights.shape(), got.weights.shape());
    check_shape("update", bias, layer.bias.shape(), got.bias.shape());
}

/// Returns `value` as a count, if it is a whole number below 2^53, where an `f64` is exact.
fn count(name: &'static str, value: f64) -> Result<u64, HyperParameterError> {
    const END: u64 = 1 << f64::MANTISSA_DIGITS;
    let count = value as u64;
    if count as f64 == value && count < END {
        Ok(count)
    } else {
        Err(HyperParameterError::new(
            name,
            "a whole number from 0 to 2^53 - 1",
            value,
        ))
    }
}
