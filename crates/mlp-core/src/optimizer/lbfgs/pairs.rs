//! What L-BFGS knows about the second derivatives: how the gradient changes along some directions.

use super::super::vector::{add_scaled, dot, scale, set_scaled, subtract_from};
use super::super::{OptimizerState, StateError};
use crate::backend::Tensor;
use crate::error::in_range;
use crate::{Dense, HyperParameterError};
use alloc::borrow::ToOwned;
use alloc::vec::Vec;

/// A pair is left out unless the slope along s has risen by more than this share, s . y > share |s . g|. Otherwise H
/// would no longer be positive definite, or its numbers would be too large. A limit of s . y itself, as PyTorch has it,
/// would leave out all pairs near a minimum.
const LEAST_RISE: f64 = 1e-10;

/// A step, and the change of the gradient along it.
#[derive(Clone, Debug, PartialEq)]
pub(super) struct Pair<B> {
    /// s, the change of the parameters.
    pub(super) change: Vec<Dense<B>>,
    /// y, the change of the gradient. For the last step, this is the gradient before the step until the one after it is
    /// known.
    pub(super) gradient: Vec<Dense<B>>,
    /// rho = 1 / (s . y).
    pub(super) rho: f64,
    /// gamma = (s . y) / (y . y), the scale of H according to this pair.
    pub(super) gamma: f64,
}

impl<B: Tensor> Pair<B> {
    pub(super) fn new(change: Vec<Dense<B>>, gradient: Vec<Dense<B>>) -> Self {
        Self {
            change,
            gradient,
            rho: 0.0,
            gamma: 0.0,
        }
    }

    /// Computes rho and gamma. Returns false if the pair is not usable, because its curvature s . y is not above `least`;
    /// rho and gamma are then meaningless.
    pub(super) fn measure(&mut self, least: f64) -> bool {
        let curvature = dot(&self.change, &self.gradient);
        self.rho = 1.0 / curvature;
        self.gamma = curvature / dot(&self.gradient, &self.gradient);
        // This also rejects an infinite curvature, because gamma is then not finite.
        curvature > least && self.rho.is_finite() && self.gamma > 0.0 && self.gamma.is_finite()
    }
}

/// H, the approximation of the inverse of the Hessian by the pairs of the last steps.
#[derive(Clone, Debug)]
pub(super) struct InverseHessian<B> {
    /// The pairs, oldest first.
    pub(super) pairs: Vec<Pair<B>>,
    /// The numbers that the first loop of the recursion passes to the second.
    shares: Vec<f64>,
}

impl<B: Tensor> InverseHessian<B> {
    pub(super) fn new(pairs: Vec<Pair<B>>) -> Self {
        Self {
            shares: Vec::with_capacity(pairs.capacity()),
            pairs,
        }
    }

    /// Continues with pairs of a saved state.
    pub(super) fn restore(mut pairs: Vec<Pair<B>>) -> Result<Self, HyperParameterError> {
        // No run can produce a history with such a pair. It would do no harm, but it cannot be what was saved.
        for pair in &mut pairs {
            let (name, expected) = ("curvature of a pair of changes", "a finite number above 0");
            let usable = pair.measure(0.0);
            in_range(name, expected, dot(&pair.change, &pair.gradient), usable)?;
        }
        Ok(Self::new(pairs))
    }

    /// Adds the pair `last` of the last step, given the gradient after that step. Drops the oldest pair if there would
    /// be more than `size`. Returns a pair that is no longer needed, so that its memory can be reused.
    pub(super) fn add(&mut self, mut last: Pair<B>, gradient: &[Dense<B>], size: usize) -> Option<Pair<B>> {
        let slope = dot(&last.change, &last.gradient);
        subtract_from(&mut last.gradient, gradient);
        if !last.measure(LEAST_RISE * slope.abs()) {
            return Some(last);
        }
        if self.pairs.len() < size {
            self.pairs.push(last);
            return None;
        }
        self.pairs.rotate_left(1);
        self.pairs.last_mut().map(|oldest| core::mem::replace(oldest, last))
    }

    /// Sets `direction` to -H `gradient`, with two loops over the pairs, or to -`gradient` if there are no pairs.
    ///
    /// Source: J. Nocedal, S. J. Wright, *Numerical Optimization* (2nd ed., Springer 2006), algorithm 7.4.
    pub(super) fn direction(&mut self, gradient: &[Dense<B>], direction: &mut [Dense<B>]) {
        set_scaled(direction, -1.0, gradient);
        self.shares.clear();
        for pair in self.pairs.iter().rev() {
            let share = dot(&pair.change, direction) * pair.rho;
            add_scaled(direction, -share, &pair.gradient);
            self.shares.push(share);
        }
        if let Some(newest) = self.pairs.last() {
            scale(direction, newest.gamma, gradient);
        }
        for (pair, share) in self.pairs.iter().zip(self.shares.iter().rev()) {
            let other = dot(&pair.gradient, direction) * pair.rho;
            add_scaled(direction, share - other, &pair.change);
        }
    }
}

/// Takes up to `most` pairs out of `state`.
pub(super) fn take_pairs<B: Tensor>(
    state: &mut OptimizerState<B>,
    names: [&str; 2],
    layers: &[Dense<B>],
    most: usize,
) -> Result<Vec<Pair<B>>, StateError> {
    let changes = state.take_tensors(names[0], layers)?;
    let gradients = state.take_tensors(names[1], layers)?;
    let wrong = |name: &str| Err(StateError::Shape { name: name.to_owned() });
    let count = changes.len() / layers.len().max(1);
    if count > most || changes.len() != count * layers.len() {
        return wrong(names[0]);
    }
    if gradients.len() != changes.len() {
        return wrong(names[1]);
    }
    let (mut changes, mut gradients) = (changes.into_iter(), gradients.into_iter());
    let mut next = || {
        let change = changes.by_ref().take(layers.len()).collect();
        Pair::new(change, gradients.by_ref().take(layers.len()).collect())
    };
    Ok((0..count).map(|_| next()).collect())
}
