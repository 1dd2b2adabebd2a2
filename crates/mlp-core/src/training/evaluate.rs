use super::Samples;
use crate::backend::Tensor;
use crate::error::eq_by_debug;
use crate::workspace::elements;
use crate::{
    Activation, DataError, InferenceWorkspace, Loss, Metric, Mlp, OutputTransform, Scalar, Scores, TargetKind,
};
use alloc::vec::Vec;

/// The loss and the metrics of some samples.
#[derive(Clone, Debug)]
#[non_exhaustive]
pub struct Evaluation {
    /// The loss: the mean over the samples, or their weighted mean.
    pub loss: f64,
    /// The metrics, in the order in which they were requested.
    pub metrics: Vec<f64>,
}

eq_by_debug! { Evaluation }

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
    /// let evaluation = network.evaluate(&SoftmaxCrossEntropy::for_classes(), samples, &[Metric::Accuracy])?;
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
        samples.check_all(
            self,
            loss.target_kind(),
            loss.target_rows(self.outputs()),
            &mut Vec::new(),
        )?;
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
    /// let scores = network.scores(&SoftmaxCrossEntropy::for_classes(), Samples::new(&input, &class)?)?;
    /// assert_eq!(scores.confusion_matrix().unwrap().total(), 2.0);
    /// # Ok::<(), Box<dyn std::error::Error>>(())
    /// ```
    ///
    /// # Errors
    /// Returns the same errors as [`evaluate`](Self::evaluate).
    pub fn scores<L: Loss>(&self, loss: &L, samples: Samples<'_, B>) -> Result<Scores, DataError> {
        samples.check_all(
            self,
            loss.target_kind(),
            loss.target_rows(self.outputs()),
            &mut Vec::new(),
        )?;
        let activations = elements::<B>((&self.predict(samples.input())).into());
        Ok(samples.scores_of_activations(self.outputs(), loss.target_kind(), activations))
    }
}

/// The working memory for evaluations of one network.
pub(super) struct Evaluator<B: Tensor> {
    workspace: InferenceWorkspace<B>,
    gradient: B,
}

impl<B: Tensor> Evaluator<B> {
    /// Allocates the memory for `samples` samples.
    pub(super) fn new<C: Activation>(network: &Mlp<B, C>, samples: usize) -> Self {
        let workspace = InferenceWorkspace::for_samples(network, samples);
        Self {
            gradient: B::zeros(network.outputs(), workspace.batch),
            workspace,
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
        let Self { workspace, gradient } = self;
        let (mut sum, one) = (0.0, B::Scalar::from_f64(1.0));
        let mut activations = Vec::new();
        workspace.for_each_block(network, None, samples.input(), |range, prediction| {
            let part = samples.slice(range);
            let loss = B::with_float_environment(|| {
                gradient.loss(loss, prediction, part.target(), part.sample_weights(), one)
            });
            sum += loss.to_f64();
            if !metrics.is_empty() {
                B::read(prediction, &mut activations);
            }
        });
        let metrics = if metrics.is_empty() {
            Vec::new()
        } else {
            let scores = samples.scores_of_activations(network.outputs(), loss.target_kind(), activations);
            metrics.iter().map(|metric| metric.value(&scores)).collect()
        };
        Evaluation {
            loss: sum / samples.total_weight(&mut Vec::new()),
            metrics,
        }
    }
}

impl<B: Tensor> Samples<'_, B> {
    /// Returns the scores of the last layer's activations for these samples.
    fn scores_of_activations(self, outputs: usize, kind: TargetKind, mut values: Vec<B::Scalar>) -> Scores {
        B::with_float_environment(|| OutputTransform::of(kind).apply_to(outputs, &mut values));
        self.scores(outputs, kind, values)
    }

    /// Returns the scores of `predictions` for these samples.
    pub(crate) fn scores(self, outputs: usize, kind: TargetKind, predictions: Vec<B::Scalar>) -> Scores {
        let numbers = |values: Vec<B::Scalar>| values.into_iter().map(Scalar::to_f64).collect();
        Scores::new(
            outputs,
            kind,
            numbers(predictions),
            numbers(elements::<B>(self.target())),
            self.sample_weights().map(|weights| numbers(elements::<B>(weights))),
        )
    }
}
