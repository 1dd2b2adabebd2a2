//! The recipes: which network is trained, and how.

use crate::error::near;
use crate::{FeatureScaling, PreprocessingOptions, TableError};
use mlp_core::ActivationKind;
use mlp_core::activations::{Mish, Relu, Selu};
use serde::{Deserialize, Serialize};
use std::fmt;
use std::str::FromStr;

/// Which network is trained, and how.
///
/// | name | network | training |
/// |---|---|---|
/// | `auto` | `td` with 3 x 128, one for each of five folds | as `td`, with fewer epochs the more rows there are: 48 to 256 |
/// | `plain` | 100 ReLU, as scikit-learn's `MLPClassifier` | Adam with the learning rate 0.001, 200 epochs |
/// | `td-s` | RealMLP-TD-S: a scaling of each feature, then 3 x 256 SELU (classes) or Mish (numbers) | a learning rate that rises and falls four times in 256 epochs |
/// | `td` | RealMLP-TD: also a periodic embedding of each number | also dropout, weight decay, data-driven initial weights |
/// | `tabm` | TabM-mini: eight members with a scaling and an output layer of their own share the layers of `auto` | as `auto` |
///
/// All of them keep the parameters of the epoch with the lowest validation error, of several the last. In a batch, the
/// members of `tabm` see the same rows.
///
/// Sources: D. Holzmüller, L. Grinsztajn, I. Steinwart, *Better by Default: Strong Pre-Tuned MLPs and Boosted Trees on
/// Tabular Data* (NeurIPS 2024); Y. Gorishniy, A. Kotelnikov, A. Babenko, *TabM: Advancing Tabular Deep Learning with
/// Parameter-Efficient Ensembling* (ICLR 2025).
///
/// ```
/// use mlp_table::Recipe;
///
/// assert_eq!("td-s".parse::<Recipe>()?, Recipe::TdS);
/// assert_eq!(Recipe::default().to_string(), "auto");
/// # Ok::<(), mlp_table::TableError>(())
/// ```
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
#[non_exhaustive]
pub enum Recipe {
    /// A bag of narrow networks like those of `Td`: the recipe that did best for its time, see `docs/tables.md`.
    #[default]
    Auto,
    /// What scikit-learn does by default.
    Plain,
    /// RealMLP-TD-S.
    TdS,
    /// RealMLP-TD without the parametric activation.
    Td,
    /// TabM-mini.
    Tabm,
}

impl Recipe {
    /// All recipes.
    pub const ALL: [Self; 5] = [Self::Auto, Self::Plain, Self::TdS, Self::Td, Self::Tabm];

    /// Returns the name.
    pub fn name(self) -> &'static str {
        match self {
            Self::Auto => "auto",
            Self::Plain => "plain",
            Self::TdS => "td-s",
            Self::Td => "td",
            Self::Tabm => "tabm",
        }
    }

    /// Returns what the recipe needs of the preprocessing.
    pub(crate) fn preprocessing(self) -> PreprocessingOptions {
        let (scaling, one_hot) = match self {
            Self::Plain => (FeatureScaling::Standard, MOST_ONE_HOT),
            Self::TdS => (FeatureScaling::Robust, MOST_ONE_HOT),
            // pytabkit's limit is 9 with missing as a value.
            Self::Auto | Self::Td | Self::Tabm => (FeatureScaling::Robust, 8),
        };
        PreprocessingOptions { scaling, one_hot }
    }

    /// Returns whether a network is trained for each fold by default.
    pub(crate) fn is_bagged(self) -> bool {
        self == Self::Auto
    }

    /// Returns the settings for that many rows, to predict classes or a number.
    pub(crate) fn settings(self, rows: usize, classes: bool) -> Settings {
        let td_s = Settings {
            hidden: vec![256; 3],
            activation: if classes { Selu.into() } else { Mish.into() },
            start: Start::Normal,
            members: 1,
            periodic: false,
            epochs: 256,
            learning_rate: if classes { 0.04 } else { 0.07 },
            beta2: 0.95,
            dropout: 0.0,
            weight_decay: 0.0,
            smoothing: if classes { 0.1 } else { 0.0 },
        };
        let td = Settings {
            start: Start::Data,
            periodic: true,
            learning_rate: if classes { 0.04 } else { 0.2 },
            dropout: 0.15,
            weight_decay: 0.02,
            ..td_s.clone()
        };
        let narrow = Settings {
            hidden: vec![128; 3],
            epochs: (VISITS / rows.max(1)).clamp(48, 256),
            ..td.clone()
        };
        match self {
            // MLPClassifier's defaults, with at most as many epochs.
            Self::Plain => Settings {
                hidden: vec![100],
                activation: Relu.into(),
                start: Start::Gain,
                epochs: 200,
                learning_rate: 0.001,
                beta2: 0.999,
                smoothing: 0.0,
                ..td_s
            },
            Self::TdS => td_s,
            Self::Td => td,
            // The paper has 32 members of 3 x 512, which takes hundreds of times as long as one of 3 x 128.
            Self::Tabm => Settings { members: 8, ..narrow },
            Self::Auto => narrow,
        }
    }
}

/// The most values of a category that becomes a feature per value where all should: a limit to the memory.
const MOST_ONE_HOT: usize = 256;

/// How many rows a network of `auto` or `tabm` visits in training, unless that gives too few or too many epochs.
const VISITS: usize = 400_000;

impl fmt::Display for Recipe {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.name())
    }
}

impl FromStr for Recipe {
    type Err = TableError;

    fn from_str(name: &str) -> Result<Self, TableError> {
        let found = Self::ALL.into_iter().find(|recipe| recipe.name() == name);
        found.ok_or_else(|| {
            let near = near(name, "recipes", Self::ALL.iter().map(|recipe| recipe.name()));
            TableError::new(format!("unknown recipe {}; there are {near}", mlp_io::quoted(name)))
        })
    }
}

/// The numbers of a recipe.
#[derive(Clone, Debug, PartialEq)]
pub(crate) struct Settings {
    /// The widths of the hidden layers.
    pub(crate) hidden: Vec<usize>,
    pub(crate) activation: ActivationKind,
    pub(crate) start: Start,
    /// The number of members that share the network.
    pub(crate) members: usize,
    /// Whether numbers have periodic embeddings.
    pub(crate) periodic: bool,
    pub(crate) epochs: usize,
    pub(crate) learning_rate: f64,
    pub(crate) beta2: f64,
    pub(crate) dropout: f64,
    pub(crate) weight_decay: f64,
    /// The epsilon of label smoothing.
    pub(crate) smoothing: f64,
}

/// The initial parameters, and the learning rates that belong to them.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Start {
    /// By mean square gain; all parameters have the same constant learning rate, and the scaling layer none.
    Gain,
    /// RealMLP-TD-S: weights and biases from N(0, 1) in the NTK parametrization, where z = W x / sqrt(n_in) + b; the
    /// last layer 0. The learning rate rises and falls in cycles and has a factor for each kind of parameter.
    Normal,
    /// RealMLP-TD: the weights of all layers as those of the hidden ones in `Normal`, then adapted by
    /// [`initialize_from_data`](mlp_core::Mlp::initialize_from_data).
    Data,
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_recipe_has_one_name_everywhere() {
        for recipe in Recipe::ALL {
            assert_eq!(recipe.to_string().parse::<Recipe>().unwrap(), recipe);
            assert_eq!(serde_json::to_value(recipe).unwrap(), recipe.name());
        }
        let message = "td_s2".parse::<Recipe>().unwrap_err().to_string();
        assert_eq!(
            message,
            "unknown recipe `td_s2`; there are 5 recipes, among them `td-s`, `td`, `tabm`"
        );
    }
}
