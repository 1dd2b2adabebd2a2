//! A network together with everything needed to use it.

use crate::backend::{Columns, Tensor};
use crate::classify::{above_half, largest};
use crate::error::error_by_message;
use crate::inference::column;
use crate::preprocessing::sort_names;
use crate::workspace::elements;
use crate::{
    Activation, Classes, DataError, InferenceWorkspace, Metric, Mlp, ModelLoss, NoCustom, OutputTransform, Samples,
    Scaling, Scores, TargetKind,
};
use alloc::borrow::ToOwned;
use alloc::string::String;
use alloc::vec::Vec;
use core::fmt;

/// A trained network with everything needed to use it: how its inputs are scaled, what its outputs mean, and where it
/// comes from. It takes raw features and returns probabilities of the classes, or values in the target's own units.
///
/// ```
/// use mlp_core::activations::Tanh;
/// use mlp_core::{Classes, Mlp, Model, Samples, Scaling, SoftmaxCrossEntropy, Trainer, Adam, FitOptions};
/// use mlp_cpu::Matrix;
///
/// let input = Matrix::<f64>::from_columns(&[[150.0], [160.0], [180.0], [190.0]]); // to train on
/// let labels = ["small", "small", "tall", "tall"];
/// let scaling = Scaling::standard(&input)?;
/// let classes = Classes::of_labels(&labels)?;
/// let (scaled, target) = (scaling.apply(&input), classes.indices(&labels)?);
///
/// let loss = SoftmaxCrossEntropy::for_classes();
/// let mut network = Mlp::<Matrix<f64>>::builder(&[1, 4, 2]).hidden(Tanh).seed(1).build()?;
/// let mut trainer = Trainer::new(loss, Adam::new(0.1)?);
/// trainer.fit(&mut network, Samples::new(&scaled, &target)?, FitOptions::epochs(50))?;
///
/// let model = Model::new(network, loss).with_input_scaling(scaling)?.with_classes(classes)?;
/// let people = Matrix::from_columns(&[[155.0], [185.0]]);
/// assert!(model.predict(&people)[(1, 1)] > 0.9); // the probability that the second is tall
/// assert_eq!(model.classify(&people), [Some(0), Some(1)]);
/// assert!(model.predict_one(&[185.0])[1] > 0.9);
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
#[derive(Clone, Debug, PartialEq)]
pub struct Model<B, C = NoCustom> {
    network: Mlp<B, C>,
    loss: ModelLoss,
    input_scaling: Option<Scaling>,
    target_scaling: Option<Scaling>,
    classes: Option<Classes>,
    feature_names: Option<Vec<String>>,
    target_names: Option<Vec<String>>,
    provenance: Provenance,
}

impl<B: Tensor, C: Activation> Model<B, C> {
    /// Creates a model from a network and the loss that it was trained with. The loss determines what the outputs mean.
    /// [`ModelLoss::custom`] names a loss of your own.
    pub fn new(network: Mlp<B, C>, loss: impl Into<ModelLoss>) -> Self {
        Self {
            network,
            loss: loss.into(),
            input_scaling: None,
            target_scaling: None,
            classes: None,
            feature_names: None,
            target_names: None,
            provenance: Provenance::default(),
        }
    }

    /// Sets the scaling of the features that the network was trained on.
    ///
    /// # Errors
    /// If the scaling has more or fewer features than the network has inputs.
    pub fn with_input_scaling(self, scaling: Scaling) -> Result<Self, ModelError> {
        check_count("input scaling", "features", self.network.inputs(), scaling.features())?;
        let input_scaling = Some(scaling);
        Ok(Self { input_scaling, ..self })
    }

    /// Sets the scaling of the targets that the network was trained on. Predictions are converted back with its
    /// inverse.
    ///
    /// # Errors
    /// If the scaling has more or fewer features than the network has outputs, or the targets of the loss are classes
    /// or probabilities.
    pub fn with_target_scaling(self, scaling: Scaling) -> Result<Self, ModelError> {
        if self.loss.target_kind() != TargetKind::Real {
            return Err(ModelError::TargetScaling {
                loss: self.loss.name().into(),
            });
        }
        check_count("target scaling", "features", self.network.outputs(), scaling.features())?;
        let target_scaling = Some(scaling);
        Ok(Self { target_scaling, ..self })
    }

    /// Sets the names of the classes, or of the labels of a multilabel model, one per output. A single output with a
    /// probability ([`BinaryCrossEntropy`](crate::BinaryCrossEntropy)) takes two names: the negative and the positive
    /// class.
    ///
    /// # Errors
    /// If the number of names is wrong, or the targets of the loss are real numbers.
    pub fn with_classes(self, classes: Classes) -> Result<Self, ModelError> {
        if self.loss.target_kind() == TargetKind::Real {
            return Err(ModelError::Classes {
                loss: self.loss.name().into(),
            });
        }
        let expected = if self.is_binary() { 2 } else { self.network.outputs() };
        check_count("classes", "names", expected, classes.len())?;
        let classes = Some(classes);
        Ok(Self { classes, ..self })
    }

    /// Sets the names of the features, one per input, such as the columns of a table. The model itself does not use
    /// them: with them, a program that reads a table can find the columns and put them in order.
    ///
    /// ```
    /// use mlp_core::{Mlp, Model, Mse};
    /// use mlp_cpu::Matrix;
    ///
    /// let model = Model::new(Mlp::<Matrix<f32>>::builder(&[2, 1]).build()?, Mse)
    ///     .with_feature_names(["height", "weight"])?
    ///     .with_target_names(["age"])?;
    /// assert_eq!(model.feature_names().unwrap(), ["height", "weight"]);
    /// let error = model.with_feature_names(["height", "height"]).unwrap_err();
    /// assert_eq!(error.to_string(), "feature names: expected each name once, got `height` at positions 0 and 1");
    /// # Ok::<(), Box<dyn std::error::Error>>(())
    /// ```
    ///
    /// # Errors
    /// If the number of names is wrong, one is empty, or two are equal.
    pub fn with_feature_names(self, names: impl IntoIterator<Item = impl Into<String>>) -> Result<Self, ModelError> {
        let feature_names = Some(check_names("feature names", self.network.inputs(), names)?);
        Ok(Self { feature_names, ..self })
    }

    /// Sets the names of the targets, one per number of a target: one per output, or a single one for class indices.
    /// The names of the classes are [others](Self::with_classes).
    ///
    /// # Errors
    /// If the number of names is wrong, one is empty, or two are equal.
    pub fn with_target_names(self, names: impl IntoIterator<Item = impl Into<String>>) -> Result<Self, ModelError> {
        let expected = self.loss.target_kind().rows(self.network.outputs());
        let target_names = Some(check_names("target names", expected, names)?);
        Ok(Self { target_names, ..self })
    }

    /// Sets where the model comes from.
    #[must_use]
    pub fn with_provenance(self, provenance: Provenance) -> Self {
        Self { provenance, ..self }
    }

    /// Returns the network, whose inputs and outputs are scaled numbers.
    pub fn network(&self) -> &Mlp<B, C> {
        &self.network
    }

    /// Returns the network for further training. Do not change its number of inputs or outputs.
    pub fn network_mut(&mut self) -> &mut Mlp<B, C> {
        &mut self.network
    }

    /// Returns the network alone.
    pub fn into_network(self) -> Mlp<B, C> {
        self.network
    }

    /// Returns the loss that the network was trained with.
    pub fn loss(&self) -> &ModelLoss {
        &self.loss
    }

    /// Returns the function that turns the network's outputs into predictions. It follows from the loss.
    pub fn output(&self) -> OutputTransform {
        OutputTransform::of(self.loss.target_kind())
    }

    /// Returns the scaling of the inputs.
    pub fn input_scaling(&self) -> Option<&Scaling> {
        self.input_scaling.as_ref()
    }

    /// Returns the scaling of the targets.
    pub fn target_scaling(&self) -> Option<&Scaling> {
        self.target_scaling.as_ref()
    }

    /// Returns the names of the classes.
    pub fn classes(&self) -> Option<&Classes> {
        self.classes.as_ref()
    }

    /// Returns the names of the features.
    pub fn feature_names(&self) -> Option<&[String]> {
        self.feature_names.as_deref()
    }

    /// Returns the names of the targets.
    pub fn target_names(&self) -> Option<&[String]> {
        self.target_names.as_deref()
    }

    /// Returns where the model comes from.
    pub fn provenance(&self) -> &Provenance {
        &self.provenance
    }

    /// Returns a prediction for each of N samples, as n_out x N. The columns of `input` (n_in x N) are raw features.
    ///
    /// The features are scaled and the network is applied to them. Its outputs are then turned into probabilities by
    /// [`output`](Self::output), or converted back to the target's units. The bits of a sample's prediction do not
    /// depend on the other samples.
    ///
    /// # Panics
    /// If `input` does not have n_in rows.
    #[must_use]
    #[track_caller]
    pub fn predict<'a>(&self, input: impl Into<B::Columns<'a>>) -> B {
        let input = input.into();
        let samples = input.shape().1;
        let mut predictions = B::zeros(self.network.outputs(), samples);
        let mut workspace = InferenceWorkspace::for_samples(&self.network, samples);
        self.predict_into(input, &mut workspace, &mut predictions);
        predictions
    }

    /// Returns the prediction for one sample of n_in raw features: n_out numbers.
    ///
    /// # Panics
    /// If `features` does not have n_in numbers.
    #[must_use]
    #[track_caller]
    pub fn predict_one(&self, features: &[B::Scalar]) -> Vec<B::Scalar> {
        elements::<B>((&self.predict(&column::<B>(features))).into())
    }

    /// Like [`predict`](Self::predict), but writes to the first columns of `output`. The second call with a workspace,
    /// and every later one with no more samples, does not allocate; see [`InferenceWorkspace`].
    ///
    /// ```
    /// use mlp_core::{InferenceWorkspace, Mlp, Model, SoftmaxCrossEntropy};
    /// use mlp_cpu::Matrix;
    ///
    /// let model = Model::new(Mlp::<Matrix<f32>>::builder(&[2, 8, 3]).build()?, SoftmaxCrossEntropy::for_classes());
    /// let mut workspace = InferenceWorkspace::new(model.network(), 1);
    /// let mut output = Matrix::zeros(3, 1);
    /// for sample in [[0.0, 1.0], [1.0, 0.0]] {
    ///     model.predict_into(&Matrix::from_columns(&[sample]), &mut workspace, &mut output);
    ///     assert!((output.column(0).iter().sum::<f32>() - 1.0).abs() < 1e-6);
    /// }
    /// # Ok::<(), mlp_core::BuildError>(())
    /// ```
    ///
    /// # Panics
    /// If `input` does not have n_in rows, `output` does not have n_out rows or has fewer columns than `input`, or the
    /// workspace does not fit the network.
    #[track_caller]
    pub fn predict_into<'a>(
        &self,
        input: impl Into<B::Columns<'a>>,
        workspace: &mut InferenceWorkspace<B>,
        output: &mut B,
    ) {
        let input = input.into();
        let samples = input.shape().1;
        workspace.predict(&self.network, self.input_scaling.as_ref(), input, output);
        let transform = self.output();
        if transform == OutputTransform::Identity && self.target_scaling.is_none() {
            return;
        }
        let values = &mut workspace.values;
        values.clear();
        B::read((&*output).into(), values);
        let outputs = self.network.outputs();
        let predictions = &mut values[..outputs * samples];
        B::with_float_environment(|| {
            transform.apply_to(outputs, predictions);
            if let Some(scaling) = &self.target_scaling {
                scaling.invert_in(predictions);
            }
        });
        output.write(values);
    }

    /// Returns the predicted class of each of N samples; `input` is the same as for [`predict`](Self::predict). The
    /// class is the output with the largest prediction, the first one if several are equal. For a single probability p,
    /// it is class 1 if p > 0.5, else class 0. A sample with a NaN among its predictions has no class.
    ///
    /// # Panics
    /// If `input` does not have n_in rows, or the model does not predict one class per sample
    /// ([`is_classifier`](Self::is_classifier)).
    #[must_use]
    #[track_caller]
    pub fn classify<'a>(&self, input: impl Into<B::Columns<'a>>) -> Vec<Option<usize>> {
        let outputs = self.network.outputs();
        if !self.is_classifier() {
            no_classifier(self.loss.name(), outputs);
        }
        let predictions = elements::<B>((&self.predict(input)).into());
        let samples = predictions.chunks_exact(outputs);
        if self.is_binary() {
            samples.map(|p| above_half(p[0])).collect()
        } else {
            samples.map(largest).collect()
        }
    }

    /// Returns whether the model assigns each sample to one of several classes. Regression has no classes. In a
    /// multilabel model, which has several outputs that are [a probability each](TargetKind::Probability), each label
    /// is independent of the others.
    pub fn is_classifier(&self) -> bool {
        self.output() == OutputTransform::Softmax || self.is_binary()
    }

    /// Returns the model's predictions for `samples` together with their targets, the input for metrics and confusion
    /// matrices. `samples` has raw features, and targets in their own units.
    ///
    /// # Errors
    /// If a number in the samples is not finite, or they do not fit the model.
    pub fn scores(&self, samples: Samples<'_, B>) -> Result<Scores, DataError> {
        let (outputs, kind) = (self.network.outputs(), self.loss.target_kind());
        samples.check_all(&self.network, kind, kind.rows(outputs), &mut Vec::new())?;
        let predictions = elements::<B>((&self.predict(samples.input())).into());
        Ok(samples.scores(outputs, kind, predictions))
    }

    /// Computes `metrics` of the model's predictions for `samples`, which has raw features, and targets in their own
    /// units. A metric that does not apply to such targets ([`Metric::applies_to`]) is NaN.
    ///
    /// # Errors
    /// The same as for [`scores`](Self::scores).
    pub fn evaluate(&self, samples: Samples<'_, B>, metrics: &[Metric]) -> Result<Vec<f64>, DataError> {
        let scores = self.scores(samples)?;
        Ok(metrics.iter().map(|metric| metric.value(&scores)).collect())
    }

    /// Returns whether a single output is the probability of the second of two classes.
    fn is_binary(&self) -> bool {
        self.output() == OutputTransform::Sigmoid && self.network.outputs() == 1
    }
}

#[cold]
#[inline(never)]
#[track_caller]
fn no_classifier(loss: &str, outputs: usize) -> ! {
    panic!("classify: needs a model that predicts one class per sample, got {outputs} outputs trained with {loss}")
}

/// Where a [`Model`] comes from. The default is this version of the library, with nothing known about the training.
#[cfg_attr(
    feature = "serde",
    derive(serde::Serialize, serde::Deserialize),
    serde(deny_unknown_fields)
)]
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Provenance {
    /// The version of the library that made the model.
    pub version: String,
    /// The seed that the model was trained with. The caller fills it in with [`Model::with_provenance`].
    #[cfg_attr(feature = "serde", serde(default, skip_serializing_if = "Option::is_none"))]
    pub seed: Option<u64>,
    /// A hash of the training data. The caller chooses the hash function (`mlp-demo` uses SHA-256 in hexadecimal).
    #[cfg_attr(feature = "serde", serde(default, skip_serializing_if = "Option::is_none"))]
    pub data: Option<String>,
    /// Free text, such as who trained the model and what for.
    #[cfg_attr(feature = "serde", serde(default, skip_serializing_if = "Option::is_none"))]
    pub note: Option<String>,
}

impl Default for Provenance {
    fn default() -> Self {
        Self {
            version: env!("CARGO_PKG_VERSION").to_owned(),
            seed: None,
            data: None,
            note: None,
        }
    }
}

/// Preprocessing or names that do not fit a network.
#[derive(Clone)]
#[non_exhaustive]
pub enum ModelError {
    /// The number of features or names does not match the network's number of inputs or outputs.
    Count {
        /// What does not fit, such as `input scaling` or `classes`.
        what: &'static str,
        /// What is counted: `features` or `names`.
        of: &'static str,
        /// How many are needed.
        expected: usize,
        /// How many were given.
        got: usize,
    },
    /// A target scaling was given, but the targets are classes or probabilities.
    TargetScaling {
        /// The name of the loss.
        loss: String,
    },
    /// Class names were given, but the targets are real numbers.
    Classes {
        /// The name of the loss.
        loss: String,
    },
    /// A name is empty, or two names are equal.
    Names(DataError),
}

fn check_names(
    what: &'static str,
    expected: usize,
    names: impl IntoIterator<Item = impl Into<String>>,
) -> Result<Vec<String>, ModelError> {
    let names: Vec<String> = names.into_iter().map(Into::into).collect();
    check_count(what, "names", expected, names.len())?;
    sort_names(what, &names).map_err(ModelError::Names)?;
    Ok(names)
}

fn check_count(what: &'static str, of: &'static str, expected: usize, got: usize) -> Result<(), ModelError> {
    if expected == got {
        Ok(())
    } else {
        Err(ModelError::Count {
            what,
            of,
            expected,
            got,
        })
    }
}

impl fmt::Display for ModelError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Count {
                what,
                of,
                expected,
                got,
            } => write!(f, "{what}: expected {expected} {of}, got {got}"),
            Self::TargetScaling { loss } => write!(
                f,
                "target scaling: expected a loss whose targets are real numbers, got {loss}"
            ),
            Self::Classes { loss } => write!(
                f,
                "classes: expected a loss whose targets are classes or probabilities, got {loss}"
            ),
            Self::Names(error) => error.fmt(f),
        }
    }
}

error_by_message! { ModelError }
