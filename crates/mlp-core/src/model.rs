//! A network with what its use takes besides.

use crate::backend::{Columns, Tensor, check_shape};
use crate::training::scores_of_predictions;
use crate::{
    Activation, Classes, DataError, InferenceWorkspace, LossKind, Metric, Mlp, NoCustom, Output, Samples, Scalar,
    Scaling, Scores, TargetKind,
};
use alloc::borrow::ToOwned;
use alloc::string::String;
use alloc::vec::Vec;
use core::fmt;

/// A trained network with what it takes to use it: how its inputs are scaled, what its outputs mean, and where it comes
/// from. Raw features go in; probabilities of the classes, or values in the target's own units, come out.
///
/// ```
/// use mlp_core::{Classes, Mlp, Model, Samples, Scaling, SoftmaxCrossEntropy, Tanh, Trainer, Adam, FitOptions};
/// use mlp_cpu::Matrix;
///
/// let input = Matrix::<f64>::from_columns(&[[150.0], [160.0], [180.0], [190.0]]); // to train on
/// let labels = ["small", "small", "tall", "tall"];
/// let scaling = Scaling::standard::<Matrix<f64>>(&input)?;
/// let classes = Classes::of_labels(&labels)?;
/// let (scaled, target): (Matrix<f64>, Matrix<f64>) = (scaling.apply(&input), classes.indices(&labels)?);
///
/// let loss = SoftmaxCrossEntropy::with_classes();
/// let mut network = Mlp::<Matrix<f64>>::builder(&[1, 4, 2]).hidden(Tanh).seed(1).build()?;
/// let mut trainer = Trainer::new(loss, Adam::new(0.1)?);
/// trainer.fit(&mut network, Samples::new(&scaled, &target)?, FitOptions::epochs(50))?;
///
/// let model = Model::new(network, loss).with_input_scaling(scaling)?.with_classes(classes)?;
/// let people = Matrix::from_columns(&[[155.0], [185.0]]);
/// assert!(model.predict(&people)[(1, 1)] > 0.9); // the probability that the second is tall
/// assert_eq!(model.classify(&people), [0, 1]);
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
#[derive(Clone, Debug, PartialEq)]
pub struct Model<B, C = NoCustom> {
    network: Mlp<B, C>,
    loss: LossKind,
    input_scaling: Option<Scaling>,
    target_scaling: Option<Scaling>,
    classes: Option<Classes>,
    provenance: Provenance,
}

impl<B: Tensor, C: Activation> Model<B, C> {
    /// Of a network and the loss that it was trained with, which says what its outputs are.
    pub fn new(network: Mlp<B, C>, loss: impl Into<LossKind>) -> Self {
        Self {
            network,
            loss: loss.into(),
            input_scaling: None,
            target_scaling: None,
            classes: None,
            provenance: Provenance::default(),
        }
    }

    /// With the scaling of the features that the network was trained on.
    ///
    /// # Errors
    /// If it has not as many features as the network has inputs.
    pub fn with_input_scaling(self, scaling: Scaling) -> Result<Self, ModelError> {
        check_count("input scaling", "features", self.network.inputs(), scaling.features())?;
        let input_scaling = Some(scaling);
        Ok(Self { input_scaling, ..self })
    }

    /// With the scaling of the targets that the network was trained on, which predictions are taken back through.
    ///
    /// # Errors
    /// If it has not as many features as the network has outputs, or the targets of the loss are classes or
    /// probabilities.
    pub fn with_target_scaling(self, scaling: Scaling) -> Result<Self, ModelError> {
        if self.loss.target_kind() != TargetKind::Real {
            return Err(ModelError::TargetScaling { loss: self.loss.name() });
        }
        check_count("target scaling", "features", self.network.outputs(), scaling.features())?;
        let target_scaling = Some(scaling);
        Ok(Self { target_scaling, ..self })
    }

    /// With the names of the classes, or of the labels of a multilabel model, one per output; for a single output with
    /// a probability ([`BinaryCrossEntropy`](crate::BinaryCrossEntropy)) two, the negative and the positive class.
    ///
    /// # Errors
    /// If there are not that many, or the targets of the loss are real numbers.
    pub fn with_classes(self, classes: Classes) -> Result<Self, ModelError> {
        if self.loss.target_kind() == TargetKind::Real {
            return Err(ModelError::Classes { loss: self.loss.name() });
        }
        let expected = if self.is_binary() { 2 } else { self.network.outputs() };
        check_count("classes", "names", expected, classes.len())?;
        let classes = Some(classes);
        Ok(Self { classes, ..self })
    }

    /// With where it comes from.
    #[must_use]
    pub fn with_provenance(self, provenance: Provenance) -> Self {
        Self { provenance, ..self }
    }

    /// The network, which takes and gives scaled numbers.
    pub fn network(&self) -> &Mlp<B, C> {
        &self.network
    }

    /// The network, to be trained on. The numbers of its inputs and outputs must stay.
    pub fn network_mut(&mut self) -> &mut Mlp<B, C> {
        &mut self.network
    }

    /// The network alone.
    pub fn into_network(self) -> Mlp<B, C> {
        self.network
    }

    /// The loss that the network was trained with.
    pub fn loss(&self) -> LossKind {
        self.loss
    }

    /// What makes predictions of the network's outputs: it follows from the loss.
    pub fn output(&self) -> Output {
        Output::of(self.loss.target_kind())
    }

    /// The scaling of the inputs.
    pub fn input_scaling(&self) -> Option<&Scaling> {
        self.input_scaling.as_ref()
    }

    /// The scaling of the targets.
    pub fn target_scaling(&self) -> Option<&Scaling> {
        self.target_scaling.as_ref()
    }

    /// The names of the classes.
    pub fn classes(&self) -> Option<&Classes> {
        self.classes.as_ref()
    }

    /// Where it comes from.
    pub fn provenance(&self) -> &Provenance {
        &self.provenance
    }

    /// A prediction for each of N samples, raw features in the columns of `input` (n_in x N): n_out x N.
    ///
    /// The features are scaled, the network is applied to them, and its outputs become probabilities by
    /// [`output`](Self::output) or are taken back to the target's units. A sample's prediction has the same bits alone
    /// as among any others.
    ///
    /// # Panics
    /// If `input` has not n_in rows.
    #[must_use]
    pub fn predict<'a>(&self, input: impl Into<B::Columns<'a>>) -> B {
        let input = input.into();
        let (outputs, samples) = (self.network.outputs(), input.shape().1);
        let mut predictions = B::zeros(outputs, samples);
        predictions.write(&self.predictions(input));
        predictions
    }

    /// The predicted class of each of N samples, as [`predict`](Self::predict): the output with the largest
    /// prediction, the first of equal ones; of a single probability p class 1 if p > 0.5, else class 0.
    ///
    /// NaN is less than every number, so that it is no class unless all outputs are NaN: then it is class 0.
    ///
    /// # Panics
    /// If `input` has not n_in rows, or a prediction is not of one class among several
    /// ([`is_classifier`](Self::is_classifier)).
    #[must_use]
    #[track_caller]
    pub fn classify<'a>(&self, input: impl Into<B::Columns<'a>>) -> Vec<usize> {
        if !self.is_classifier() {
            no_classifier(self.loss.name(), self.network.outputs());
        }
        let predictions = self.predictions(input.into());
        let samples = predictions.chunks_exact(self.network.outputs());
        if self.is_binary() {
            samples.map(|p| usize::from(p[0].to_f64() > 0.5)).collect()
        } else {
            samples.map(largest).collect()
        }
    }

    /// Whether a sample is of one class among several. Regression has no classes, and in a multilabel model, of several
    /// outputs that are [a probability each](TargetKind::Probability), each label is for itself.
    pub fn is_classifier(&self) -> bool {
        self.output() == Output::Softmax || self.is_binary()
    }

    /// What the model predicts of `samples`, raw features and targets in their own units, beside these targets: what
    /// metrics and confusion matrices are made of.
    ///
    /// # Errors
    /// If a number in the samples is not finite, or they do not fit the model.
    pub fn scores(&self, samples: Samples<'_, B>) -> Result<Scores, DataError> {
        samples.check_all(&self.network, &self.loss, &mut Vec::new())?;
        let (outputs, kind) = (self.network.outputs(), self.loss.target_kind());
        Ok(scores_of_predictions(
            outputs,
            kind,
            self.predictions(samples.input()),
            samples,
        ))
    }

    /// `metrics` of what the model predicts of `samples`, raw features and targets in their own units. One that the
    /// targets do not have ([`Metric::applies_to`]) is NaN.
    ///
    /// # Errors
    /// As [`scores`](Self::scores).
    pub fn evaluate(&self, samples: Samples<'_, B>, metrics: &[Metric]) -> Result<Vec<f64>, DataError> {
        let scores = self.scores(samples)?;
        Ok(metrics.iter().map(|metric| metric.value(&scores)).collect())
    }

    /// Whether a single output is the probability of the second of two classes.
    fn is_binary(&self) -> bool {
        self.output() == Output::Sigmoid && self.network.outputs() == 1
    }

    /// What [`predict`](Self::predict) returns, sample after sample.
    #[track_caller]
    fn predictions(&self, input: B::Columns<'_>) -> Vec<B::Scalar> {
        /// Samples that go through the network together.
        const BLOCK: usize = 256;
        let (features, samples) = input.shape();
        let (inputs, outputs) = (self.network.inputs(), self.network.outputs());
        check_shape("predict", "input", (inputs, samples), (features, samples));
        let block = samples.min(BLOCK);
        let mut workspace = InferenceWorkspace::new(&self.network, block);
        let mut scaled = self.input_scaling.as_ref().map(|_| B::zeros(inputs, block));
        let mut result = B::zeros(outputs, block);
        let (mut values, mut predictions) = (Vec::new(), Vec::with_capacity(outputs * samples));
        for start in (0..samples).step_by(BLOCK) {
            let columns = B::slice(input, start..samples.min(start + BLOCK));
            let count = columns.shape().1;
            if let (Some(scaling), Some(scaled)) = (&self.input_scaling, &mut scaled) {
                values.clear();
                B::read(columns, &mut values);
                scaling.apply_to(&mut values);
                // The last block may be shorter; what is behind it is not looked at.
                values.resize(inputs * block, B::Scalar::from_f64(0.0));
                scaled.write(&values);
                let columns = B::slice((&*scaled).into(), 0..count);
                self.network.predict_into(columns, &mut workspace, &mut result);
            } else {
                self.network.predict_into(columns, &mut workspace, &mut result);
            }
            let done = predictions.len();
            B::read(B::slice((&result).into(), 0..count), &mut predictions);
            self.finish(&mut predictions[done..]);
        }
        predictions
    }

    /// Makes predictions of the network's outputs, sample after sample.
    fn finish(&self, outputs: &mut [B::Scalar]) {
        let output = self.output();
        for sample in outputs.chunks_exact_mut(self.network.outputs()) {
            output.apply(sample);
        }
        if let Some(scaling) = &self.target_scaling {
            scaling.invert_in(outputs);
        }
    }
}

#[cold]
#[inline(never)]
#[track_caller]
fn no_classifier(loss: &str, outputs: usize) -> ! {
    panic!("classify: expected a model of one class among several, got {outputs} outputs trained with {loss}")
}

/// The index of the largest of `values`, the first of equal ones. NaN is less than every number.
fn largest<T: Scalar>(values: &[T]) -> usize {
    let (mut best, mut most) = (0, f64::NAN);
    for (i, value) in values.iter().map(|value| value.to_f64()).enumerate() {
        if value > most || (most.is_nan() && !value.is_nan()) {
            (best, most) = (i, value);
        }
    }
    best
}

/// Where a [`Model`] comes from. By default: this version of the library, and nothing known of the training.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Provenance {
    /// The version of the library that made it.
    pub version: String,
    /// The seed it was trained with: the caller's to fill in, by [`Model::with_provenance`].
    pub seed: Option<u64>,
    /// A hash of the training data, of the caller's choice (`mlp-demo` has SHA-256 in hexadecimal).
    pub data: Option<String>,
}

impl Default for Provenance {
    fn default() -> Self {
        Self {
            version: env!("CARGO_PKG_VERSION").to_owned(),
            seed: None,
            data: None,
        }
    }
}

/// Preprocessing or names that do not fit a network.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum ModelError {
    /// More or fewer of them than the network has inputs or outputs.
    Count {
        /// What does not fit: `input scaling`, `target scaling` or `classes`.
        what: &'static str,
        /// What is counted: `features` or `names`.
        of: &'static str,
        /// How many are needed.
        expected: usize,
        /// How many were given.
        got: usize,
    },
    /// A scaling of targets that are classes or probabilities.
    TargetScaling {
        /// The name of the loss.
        loss: &'static str,
    },
    /// Names of classes where the targets are real numbers.
    Classes {
        /// The name of the loss.
        loss: &'static str,
    },
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
        }
    }
}

impl core::error::Error for ModelError {}
