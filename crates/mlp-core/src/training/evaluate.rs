use super::Samples;
use crate::backend::Tensor;
use crate::workspace::columns;
use crate::{Activation, DataError, InferenceWorkspace, Loss, Metric, Mlp, Output, Scalar, Scores, TargetKind};
use alloc::vec::Vec;

/// The loss and the metrics of some samples.
#[derive(Clone, Debug, PartialEq)]
#[non_exhaustive]
pub struct Evaluation {
    /// The loss: the mean over the samples, or their weighted mean.
    pub loss: f64,
    /// The metrics, in the order in which they were requested.
    pub metrics: Vec<f64>,
}

impl<B: Tensor, C: Activation> Mlp<B, C> {
    /// Computes the loss and the `metrics` of `samples`.
    ///
    /// A metric that is not defined for these targets (see [`Metric::applies_to`]) is NaN.
    ///
    /// ```
    /// use mlp_core::{Metric, Mlp, Samples, SoftmaxCrossEntropy};
    /// use mlp_cpu::Matrix;
    ///
    /// let network = Mlp::<Matrix<f64>>::builder(&[2, 3]).build()?;
    /// let input = Matrix::from_columns(&[[1.0, 0.0], [0.0, 1.0]]);
    /// let class = Matrix::from_columns(&[[0.0], [2.0]]);
    /// let samples = Samples::new(&input, &class)?;
    /// let evaluation = network.evaluate(&SoftmaxCrossEntropy::with_classes(), samples, &[Metric::Accuracy])?;
    /// assert!(evaluation.loss > 0.0 && (0.0..=1.0).contains(&evaluation.metrics[0]));
    /// # Ok::<(), Box<dyn std::error::Error>>(())
    /// ```
    ///
    /// # Errors
    /// Returns an error if a number in the samples is not finite, or if the samples do not fit the network or the loss.
    pub fn evaluate<L: Loss>(
        &self,
        loss: &L,
        samples: Samples<'_, B>,
        metrics: &[Metric],
    ) -> Result<Evaluation, DataError> {
        samples.check_all(self, loss, &mut Vec::new())?;
        Ok(Evaluator::new(self, samples.len()).evaluate(self, loss, samples, metrics))
    }

    /// Returns the network's predictions for `samples` together with their targets. Metrics and confusion matrices are
    /// computed from these.
    ///
    /// ```
    /// # use mlp_core::{Mlp, Samples, SoftmaxCrossEntropy};
    /// # use mlp_cpu::Matrix;
    /// # let network = Mlp::<Matrix<f64>>::builder(&[2, 3]).build()?;
    /// # let input = Matrix::from_columns(&[[1.0, 0.0], [0.0, 1.0]]);
    /// # let class = Matrix::from_columns(&[[0.0], [2.0]]);
    /// let scores = network.scores(&SoftmaxCrossEntropy::with_classes(), Samples::new(&input, &class)?)?;
    /// assert_eq!(scores.confusion_matrix().unwrap().total(), 2.0);
    /// # Ok::<(), Box<dyn std::error::Error>>(())
    /// ```
    ///
    /// # Errors
    /// Returns the same errors as [`evaluate`](Self::evaluate).
    pub fn scores<L: Loss>(&self, loss: &L, samples: Samples<'_, B>) -> Result<Scores, DataError> {
        samples.check_all(self, loss, &mut Vec::new())?;
        let mut values = Vec::new();
        B::read((&self.predict(samples.input())).into(), &mut values);
        Ok(scores(self.outputs(), loss, values, samples))
    }
}

/// The working memory for evaluations of one network.
pub(super) struct Evaluator<B> {
    workspace: InferenceWorkspace<B>,
    prediction: B,
    gradient: B,
}

impl<B: Tensor> Evaluator<B> {
    /// Allocates the memory for `samples` samples, which go through the network in blocks.
    pub(super) fn new<C: Activation>(network: &Mlp<B, C>, samples: usize) -> Self {
        let block = samples.min(256);
        Self {
            workspace: InferenceWorkspace::new(network, block),
            prediction: B::zeros(network.outputs(), block),
            gradient: B::zeros(network.outputs(), block),
        }
    }

    /// Evaluates samples that have already been checked.
    pub(super) fn evaluate<C: Activation, L: Loss>(
        &mut self,
        network: &Mlp<B, C>,
        loss: &L,
        samples: Samples<'_, B>,
        metrics: &[Metric],
    ) -> Evaluation {
        let Self {
            workspace,
            prediction,
            gradient,
        } = self;
        let (count, block) = (samples.len(), prediction.shape().1);
        let mut sum = 0.0;
        let mut values = Vec::new();
        for start in (0..count).step_by(block) {
            let part = samples.slice(start..count.min(start + block));
            network.predict_into(part.input(), workspace, prediction);
            let prediction = columns(prediction, part.len());
            let one = B::Scalar::from_f64(1.0);
            sum += gradient
                .loss(loss, prediction, part.target(), part.sample_weights(), one)
                .to_f64();
            if !metrics.is_empty() {
                B::read(prediction, &mut values);
            }
        }
        let total_weight = samples.total_weight(&mut Vec::new());
        let metrics = if metrics.is_empty() {
            Vec::new()
        } else {
            let scores = scores(network.outputs(), loss, values, samples);
            metrics.iter().map(|metric| metric.value(&scores)).collect()
        };
        Evaluation {
            loss: sum / total_weight,
            metrics,
        }
    }
}

/// Returns the scores of the last layer's activations `values` and the targets of `samples`.
fn scores<B: Tensor>(outputs: usize, loss: &impl Loss, mut values: Vec<B::Scalar>, samples: Samples<'_, B>) -> Scores {
    let kind = loss.target_kind();
    let output = Output::of(kind);
    values.chunks_exact_mut(outputs).for_each(|sample| output.apply(sample));
    scores_of_predictions(outputs, kind, values, samples)
}

/// Returns the scores of `predictions` and the targets of `samples`.
pub(crate) fn scores_of_predictions<B: Tensor>(
    outputs: usize,
    kind: TargetKind,
    predictions: Vec<B::Scalar>,
    samples: Samples<'_, B>,
) -> Scores {
    let numbers = |columns| {
        let mut values = Vec::new();
        B::read(columns, &mut values);
        values.into_iter().map(Scalar::to_f64).collect::<Vec<_>>()
    };
    let predictions = predictions.into_iter().map(Scalar::to_f64).collect();
    Scores::new(
        outputs,
        kind,
        predictions,
        numbers(samples.target()),
        samples.sample_weights().map(numbers),
    )
}
