//! The JSON record in the metadata of a model.

use crate::container::{MODEL, check_json, message};
use crate::error::one_line;
use crate::{Dtype, LoadError, LoadErrorKind, Number};
use mlp_core::activations::Identity;
use mlp_core::backend::Tensor;
use mlp_core::{
    Activation, ActivationKind, Classes, Dense, KindError, LossKind, Mlp, Model, ModelLoss, NoCustom, Provenance,
    Scaling, TargetKind,
};
use serde::de::DeserializeOwned;
use serde::{Deserialize, Serialize};
use std::collections::BTreeMap;
use std::fmt;

/// The format version that is written, and the only one that is read.
const VERSION: u64 = 1;

/// Everything about a model except its numbers, as JSON.
#[derive(Debug, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct Record {
    version: u64,
    pub(super) dtype: Dtype,
    pub(super) layer_sizes: Vec<usize>,
    activations: Vec<KindRecord>,
    loss: KindRecord,
    /// What a loss of the caller's own predicts. The losses of `mlp-core` are known by their names.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    target_kind: Option<TargetKind>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    input_scaling: Option<Scaling>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    target_scaling: Option<Scaling>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    classes: Option<Classes>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    feature_names: Option<Vec<String>>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    target_names: Option<Vec<String>>,
    provenance: Provenance,
}

/// An activation or a loss.
#[derive(Debug, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct KindRecord {
    name: String,
    #[serde(default, skip_serializing_if = "BTreeMap::is_empty")]
    parameters: BTreeMap<String, f64>,
}

/// The part of a record that can be read in any version.
#[derive(Deserialize)]
struct VersionRecord {
    version: u64,
}

/// An activation of one's own that model files can hold, by a name and parameters, as they hold the activations of
/// `mlp-core`. [`save_model`](crate::save_model) writes it; [`load_custom_model`](crate::load_custom_model) reads it.
///
/// ```
/// use mlp_core::{Activation, ActivationKind, HalfMse, Mlp, Model, Scalar};
/// use mlp_cpu::Matrix;
/// use mlp_io::{SavedActivation, custom_model_from_bytes, model_from_bytes, model_to_bytes};
///
/// /// f(z) = z^2 / width.
/// #[derive(Clone, Debug, PartialEq)]
/// struct Square {
///     width: f64,
/// }
///
/// impl Activation for Square {
///     fn value<T: Scalar>(&self, z: T) -> T {
///         z * z / T::from_f64(self.width)
///     }
///
///     fn derivative<T: Scalar>(&self, z: T, _: T) -> T {
///         (z + z) / T::from_f64(self.width)
///     }
/// }
///
/// impl SavedActivation for Square {
///     fn name(&self) -> &str {
///         "square"
///     }
///
///     fn parameters(&self) -> Vec<(&str, f64)> {
///         vec![("width", self.width)]
///     }
///
///     fn from_parts(name: &str, parameters: &[(&str, f64)]) -> Option<Self> {
///         match (name, parameters) {
///             ("square", [("width", width)]) => Some(Self { width: *width }),
///             _ => None,
///         }
///     }
/// }
///
/// let square = ActivationKind::Custom(Square { width: 2.0 });
/// let network = Mlp::<Matrix<f32>, Square>::builder(&[3, 8, 2]).hidden(square).build()?;
/// let model = Model::new(network, HalfMse);
/// let bytes = model_to_bytes(&model)?;
/// assert_eq!(custom_model_from_bytes::<Matrix<f32>, Square>(&bytes)?, model);
/// let error = model_from_bytes::<Matrix<f32>>(&bytes).unwrap_err();
/// assert!(error.message.starts_with("layer 0: unknown activation `square`: expected one of "));
/// assert!(error.message.ends_with("; load_custom_model reads an activation of your own, given its type"));
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
pub trait SavedActivation: Activation {
    /// Returns the name. It must not be one of [`ActivationKind::NAMES`].
    fn name(&self) -> &str;

    /// Returns the parameters, each with a name. There are none by default.
    fn parameters(&self) -> Vec<(&str, f64)> {
        Vec::new()
    }

    /// Returns the activation with this name and these parameters, which are sorted by name, or `None` if there is none.
    fn from_parts(name: &str, parameters: &[(&str, f64)]) -> Option<Self>
    where
        Self: Sized;
}

impl SavedActivation for NoCustom {
    fn name(&self) -> &str {
        match *self {}
    }

    fn from_parts(_: &str, _: &[(&str, f64)]) -> Option<Self> {
        None
    }
}

impl Record {
    pub(super) fn of<B: Tensor<Scalar: Number>, C: SavedActivation>(model: &Model<B, C>) -> Self {
        let network = model.network();
        Self {
            version: VERSION,
            dtype: B::Scalar::DTYPE,
            layer_sizes: network.layer_sizes(),
            activations: kinds(network.activations()),
            loss: KindRecord::new(model.loss().name(), model.loss().parameters()),
            target_kind: matches!(model.loss(), ModelLoss::Custom { .. }).then(|| model.loss().target_kind()),
            input_scaling: model.input_scaling().cloned(),
            target_scaling: model.target_scaling().cloned(),
            classes: model.classes().cloned(),
            feature_names: model.feature_names().map(<[String]>::to_vec),
            target_names: model.target_names().map(<[String]>::to_vec),
            provenance: model.provenance().clone(),
        }
    }

    pub(super) fn read(text: &str) -> Result<Self, LoadError> {
        let record: Self = read_record(MODEL, text, VERSION)?;
        check_layer_sizes(MODEL, &record.layer_sizes).map(|()| record)
    }

    /// Checks that the record can be read back and matches the network. A small network with the same numbers of inputs
    /// and outputs stands in for the real one.
    pub(super) fn check<B: Tensor<Scalar: Number>, C: SavedActivation>(
        text: &str,
        activations: &[ActivationKind<C>],
    ) -> Result<(), LoadError> {
        let record = Self::read(text)?;
        let read = record.activations::<C>()?;
        for (layer, (saved, read)) in activations.iter().zip(read).enumerate() {
            let (ActivationKind::Custom(custom), false) = (saved, matches!(read, ActivationKind::Custom(_))) else {
                continue;
            };
            let name = custom.name();
            return Err(invalid(
                &format!("layer {layer}: "),
                format_args!("{name} is the name of another activation"),
            ));
        }
        let ends = record.layer_sizes.first().zip(record.layer_sizes.last());
        let (&inputs, &outputs) = ends.unwrap_or((&1, &1));
        let layers = [(inputs, 1), (1, outputs)].map(|(inputs, outputs)| {
            let dense = Dense::<B>::zeros(inputs, outputs);
            (dense, Identity.into())
        });
        let small = Mlp::<B>::from_layers(layers.into()).map_err(LoadError::network)?;
        let loss = record.loss()?;
        record.finish(Model::new(small, loss)).map(drop)
    }

    pub(super) fn activations<C: SavedActivation>(&self) -> Result<Vec<ActivationKind<C>>, LoadError> {
        activations(&self.activations, self.layer_sizes.len().saturating_sub(1))
    }

    pub(super) fn loss(&self) -> Result<ModelLoss, LoadError> {
        let KindRecord { name, parameters } = &self.loss;
        match self.target_kind {
            Some(_) if LossKind::NAMES.contains(&name.as_str()) => {
                Err(invalid("loss: ", format_args!("{name} is the name of another loss")))
            }
            Some(target_kind) => Ok(ModelLoss::Custom {
                name: name.clone(),
                parameters: parameters.clone(),
                target_kind,
            }),
            None => self.loss.build(LossKind::from_parts).map(ModelLoss::from).map_err(|e| {
                let mut error = invalid("loss: ", &e);
                if matches!(e, KindError::Unknown { .. }) {
                    error.message += "; a loss of your own has a target_kind beside it (ModelLoss::custom)";
                }
                error
            }),
        }
    }

    /// Adds to `model` everything that is not in its network.
    pub(super) fn finish<B: Tensor, C: Activation>(self, mut model: Model<B, C>) -> Result<Model<B, C>, LoadError> {
        if let Some(scaling) = self.input_scaling {
            model = model.with_input_scaling(scaling).map_err(|e| invalid("", e))?;
        }
        if let Some(scaling) = self.target_scaling {
            model = model.with_target_scaling(scaling).map_err(|e| invalid("", e))?;
        }
        if let Some(classes) = self.classes {
            model = model.with_classes(classes).map_err(|e| invalid("", e))?;
        }
        if let Some(names) = self.feature_names {
            model = model.with_feature_names(names).map_err(|e| invalid("", e))?;
        }
        if let Some(names) = self.target_names {
            model = model.with_target_names(names).map_err(|e| invalid("", e))?;
        }
        Ok(model.with_provenance(self.provenance))
    }
}

/// Makes an error of a value in the record that is invalid, after `place`.
fn invalid(place: &str, error: impl fmt::Display) -> LoadError {
    LoadError::malformed(format!("{place}{}", one_line(&error.to_string())))
}

/// Returns the text of a record.
pub(crate) fn text(key: &'static str, record: &impl Serialize) -> Result<String, LoadError> {
    serde_json::to_string(record).map_err(|e| LoadError::metadata(key, message(&e)))
}

/// Reads the record in `text`, whose format version must be `expected`.
pub(crate) fn read_record<R: DeserializeOwned>(key: &'static str, text: &str, expected: u64) -> Result<R, LoadError> {
    // The version comes first, because another version may have other keys, and more of them.
    let version = serde_json::from_str(text).map(|VersionRecord { version }| version);
    let other = |message| Err(LoadError::new(LoadErrorKind::Version, message));
    match version {
        Ok(0) => {
            let message = format!("expected format version {expected} or newer, got 0");
            return Err(LoadError::malformed(message));
        }
        Ok(got) if got > expected => {
            return other(format!(
                "expected format version {expected} or older, got {got}: a newer version of this library wrote the file"
            ));
        }
        Ok(got) if got < expected => {
            return other(format!(
                "expected format version {expected} or newer, got {got}: an older version of this library wrote the file"
            ));
        }
        _ => {}
    }
    check_json(key, text)?;
    let malformed = |e| LoadError::metadata(key, message(&e));
    version.map_err(malformed)?;
    serde_json::from_str(text).map_err(malformed)
}

/// Checks that there are at least two layer sizes, and that none is 0.
pub(crate) fn check_layer_sizes(key: &'static str, sizes: &[usize]) -> Result<(), LoadError> {
    /// How many sizes a message shows.
    const SHOWN: usize = 16;
    if sizes.len() >= 2 && !sizes.contains(&0) {
        return Ok(());
    }
    let shown = sizes.get(..SHOWN).unwrap_or(sizes);
    let more = if shown.len() < sizes.len() { " and more" } else { "" };
    let problem = format!("expected at least two layer_sizes, each at least 1, got {shown:?}{more}");
    Err(LoadError::metadata(key, problem))
}

/// Returns the activations. There must be one per layer.
pub(crate) fn activations<C: SavedActivation>(
    kinds: &[KindRecord],
    layers: usize,
) -> Result<Vec<ActivationKind<C>>, LoadError> {
    if kinds.len() != layers {
        return Err(layer_count("activations", layers, kinds.len()));
    }
    let activation = |(layer, kind): (usize, &KindRecord)| {
        kind.build(|name, parameters| match ActivationKind::from_parts(name, parameters) {
            Err(unknown @ KindError::Unknown { .. }) => C::from_parts(name, parameters)
                .map(ActivationKind::Custom)
                .ok_or(unknown),
            kind => kind,
        })
        .map_err(|e| {
            let mut error = invalid(&format!("layer {layer}: "), &e);
            if matches!(e, KindError::Unknown { .. }) {
                error.message += "; load_custom_model reads an activation of your own, given its type";
            }
            error
        })
    };
    kinds.iter().enumerate().map(activation).collect()
}

/// Says that a list does not have one entry per layer.
pub(crate) fn layer_count(what: &str, expected: usize, got: usize) -> LoadError {
    LoadError::malformed(format!("{what}: expected {expected}, one per layer, got {got}"))
}

/// Returns the record of each activation.
pub(crate) fn kinds<C: SavedActivation>(activations: &[ActivationKind<C>]) -> Vec<KindRecord> {
    let kinds = activations.iter();
    kinds
        .map(|kind| match kind {
            ActivationKind::Custom(custom) => KindRecord::new(custom.name(), custom.parameters()),
            kind => KindRecord::new(kind.name(), kind.parameters()),
        })
        .collect()
}

impl KindRecord {
    fn new(name: &str, parameters: Vec<(&str, f64)>) -> Self {
        Self {
            name: name.to_owned(),
            parameters: parameters
                .into_iter()
                .map(|(name, value)| (name.to_owned(), value))
                .collect(),
        }
    }

    fn build<T>(&self, from_parts: impl Fn(&str, &[(&str, f64)]) -> Result<T, KindError>) -> Result<T, KindError> {
        let parameters: Vec<_> = self
            .parameters
            .iter()
            .map(|(name, &value)| (name.as_str(), value))
            .collect();
        from_parts(&self.name, &parameters)
    }
}
