//! Factors of a hyper-parameter for parts of a network.

use crate::HyperParameterError;
use crate::error::{check_shape, not_negative};
use crate::state::{OptimizerState, StateError};
use alloc::format;
use alloc::vec::Vec;

/// The factors by which a hyper-parameter of an optimizer is multiplied for the weights of a layer and for its bias, as
/// in `learning_rate_factors` of each first-order optimizer. A factor is a finite number of at least 0.
///
/// ```
/// use mlp_core::{Adam, Factors, FitOptions, HalfMse, Mlp, Samples, Trainer};
/// use mlp_cpu::Matrix;
///
/// let input = Matrix::from_columns(&[[-1.0], [0.0], [1.0]]);
/// let mut network = Mlp::<Matrix<f64>>::builder(&[1, 4, 1]).build()?;
/// let before = network.clone();
///
/// // The first layer stays as it is, and the last bias learns at a tenth of the rate.
/// let factors = [Factors { weights: 0.0, bias: 0.0 }, Factors { weights: 1.0, bias: 0.1 }];
/// let adam = Adam::new(0.01)?.learning_rate_factors(&factors)?;
/// Trainer::new(HalfMse, adam).fit(&mut network, Samples::new(&input, &input)?, FitOptions::epochs(1))?;
///
/// let [first, last] = [0, 1].map(|layer| &network.layers()[layer]);
/// assert_eq!(*first, before.layers()[0]);
/// assert!((last.bias.to_vec()[0].abs() - 0.001).abs() < 1e-9); // Adam's first step has the length eta
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Factors {
    /// The factor for the weights.
    pub weights: f64,
    /// The factor for the bias.
    pub bias: f64,
}

/// The factors of a group of parameters: the weights of a layer, or its bias.
#[derive(Clone, Copy)]
pub(super) struct Group {
    pub(super) learning_rate: f64,
    pub(super) weight_decay: f64,
    pub(super) epsilon: f64,
    pub(super) is_bias: bool,
}

/// The factors of the learning rate, of the weight decay and of epsilon for each layer. A list is empty if all of them
/// are 1.
pub(super) type Lists = [Vec<Factors>; 3];

/// Returns the groups of layer `layer`: its weights and its bias.
#[inline(always)]
pub(super) fn groups(lists: &Lists, layer: usize) -> [Group; 2] {
    const ONE: Factors = Factors {
        weights: 1.0,
        bias: 1.0,
    };
    let [rate, decay, epsilon] = lists.each_ref().map(|list| list.get(layer).copied().unwrap_or(ONE));
    let group = |of: fn(Factors) -> f64, is_bias| Group {
        learning_rate: of(rate),
        weight_decay: of(decay),
        epsilon: of(epsilon),
        is_bias,
    };
    [
        group(|factors| factors.weights, false),
        group(|factors| factors.bias, true),
    ]
}

/// Panics unless each list is empty or has factors for that many layers.
#[track_caller]
pub(super) fn check_layers(lists: &Lists, layers: usize) {
    for list in lists.iter().filter(|list| !list.is_empty()) {
        check_shape("update", "factors of layers", (layers, 1), (list.len(), 1));
    }
}

/// Returns `factors` as a list, if each is in its range.
pub(super) fn checked(name: &'static str, factors: &[Factors]) -> Result<Vec<Factors>, HyperParameterError> {
    for factor in factors.iter().flat_map(|factors| [factors.weights, factors.bias]) {
        not_negative(name, factor)?;
    }
    Ok(factors.into())
}

/// Adds the factors `name` to a state.
pub(super) fn save<B>(mut state: OptimizerState<B>, name: &str, factors: &[Factors]) -> OptimizerState<B> {
    for (layer, Factors { weights, bias }) in factors.iter().enumerate() {
        for (part, factor) in [("weights", weights), ("bias", bias)] {
            state = state.with_number(&format!("{name}.{layer}.{part}"), *factor);
        }
    }
    state
}

/// Takes the factors `name` of that many layers out of a state. It may have none, unless the optimizer has its `own`,
/// which would be lost.
pub(super) fn restore<B>(
    state: &mut OptimizerState<B>,
    name: &'static str,
    own: &[Factors],
    layers: usize,
) -> Result<Vec<Factors>, StateError> {
    let first = format!("{name}.0.weights");
    if own.is_empty() && state.numbers.iter().all(|(name, _)| *name != first) {
        return Ok(Vec::new());
    }
    let mut take = |layer, part| state.take_number(&format!("{name}.{layer}.{part}"));
    let factors = |layer| {
        Ok(Factors {
            weights: take(layer, "weights")?,
            bias: take(layer, "bias")?,
        })
    };
    let factors: Vec<_> = (0..layers).map(factors).collect::<Result<_, StateError>>()?;
    Ok(checked(name, &factors)?)
}
