//! The loss that a model was trained with.

use super::{Loss, LossKind, TargetKind};
use alloc::borrow::ToOwned;
use alloc::collections::BTreeMap;
use alloc::string::String;
use alloc::vec::Vec;

/// The loss that a [`Model`](crate::Model) was trained with: one of this crate's, or one of your own by its name.
///
/// Predictions depend only on the kind of the targets. That is why a program that loads a model does not need the type
/// of its loss, and can predict with it all the same. To evaluate the loss or to train on, [`build`](Self::build) makes
/// the loss of its name and its parameters.
///
/// ```
/// use mlp_core::{ElementLoss, Mlp, Model, ModelLoss, Scalar};
/// use mlp_cpu::Matrix;
///
/// /// The loss of support vector regression: what the error exceeds `tolerance` by.
/// #[derive(Clone, Debug, PartialEq)]
/// struct Insensitive {
///     tolerance: f64,
/// }
///
/// impl ElementLoss for Insensitive {
///     fn element<T: Scalar>(&self, prediction: T, target: T) -> T {
///         ((prediction - target).abs() - T::from_f64(self.tolerance)).at_least(T::zero())
///     }
/// }
///
/// let network = Mlp::<Matrix<f32>>::builder(&[2, 8, 1]).build()?; // trained with the loss below
/// let loss = Insensitive { tolerance: 0.1 };
/// let parameters = [("tolerance", loss.tolerance)];
/// let model = Model::new(network, ModelLoss::custom("insensitive", &parameters, &loss));
/// assert_eq!((model.loss().name(), model.loss().parameters()), ("insensitive", parameters.to_vec()));
///
/// let built = model.loss().build(|name, parameters| match (name, parameters) {
///     ("insensitive", &[("tolerance", tolerance)]) => Some(Insensitive { tolerance }),
///     _ => None,
/// });
/// assert_eq!(built, Some(loss));
/// # Ok::<(), mlp_core::BuildError>(())
/// ```
#[derive(Clone, Debug, PartialEq)]
pub enum ModelLoss {
    /// One of this crate's.
    BuiltIn(LossKind),
    /// One of your own.
    Custom {
        /// Its name, which must not be one of [`LossKind::NAMES`] if the model is saved.
        name: String,
        /// Its parameters by name.
        parameters: BTreeMap<String, f64>,
        /// The kind of its targets, which determines what the model predicts.
        target_kind: TargetKind,
    },
}

impl ModelLoss {
    /// Creates the record of a loss of your own. Choose a name that is none of [`LossKind::NAMES`].
    pub fn custom(name: impl Into<String>, parameters: &[(&str, f64)], loss: &impl Loss) -> Self {
        Self::Custom {
            name: name.into(),
            parameters: parameters
                .iter()
                .map(|&(name, value)| (name.to_owned(), value))
                .collect(),
            target_kind: loss.target_kind(),
        }
    }

    /// Returns the loss of your own type `L` that `from_parts` makes of the name and the parameters, which are sorted by
    /// name. Returns `None` if `from_parts` does, or if the targets of its loss are of another kind than those of the
    /// model.
    #[must_use]
    pub fn build<L: Loss>(&self, from_parts: impl FnOnce(&str, &[(&str, f64)]) -> Option<L>) -> Option<L> {
        from_parts(self.name(), &self.parameters()).filter(|loss| loss.target_kind() == self.target_kind())
    }

    /// Returns the name.
    #[must_use]
    pub fn name(&self) -> &str {
        match self {
            Self::BuiltIn(loss) => loss.name(),
            Self::Custom { name, .. } => name,
        }
    }

    /// Returns the parameters by name.
    #[must_use]
    pub fn parameters(&self) -> Vec<(&str, f64)> {
        match self {
            Self::BuiltIn(loss) => loss.parameters(),
            Self::Custom { parameters, .. } => parameters.iter().map(|(name, &value)| (&**name, value)).collect(),
        }
    }

    /// Returns the kind of target that the loss takes.
    #[must_use]
    pub fn target_kind(&self) -> TargetKind {
        match self {
            Self::BuiltIn(loss) => loss.target_kind(),
            Self::Custom { target_kind, .. } => *target_kind,
        }
    }
}

impl<L: Into<LossKind>> From<L> for ModelLoss {
    fn from(loss: L) -> Self {
        Self::BuiltIn(loss.into())
    }
}
