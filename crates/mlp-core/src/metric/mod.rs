//! Metrics: what says how good predictions are, on the scale that people read. A loss is what training makes smaller.

mod classification;
mod confusion;
mod log_loss;
mod name;
mod regression;
mod roc_auc;
mod scores;

pub use confusion::ConfusionMatrix;
pub use name::UnknownMetric;
pub use scores::Scores;
pub(crate) use scores::class_count;

use crate::TargetKind;

/// How good the predictions of some samples are: one number, defined as scikit-learn defines it.
///
/// Everything is weighted by sample (w_i, 1 where no weights are given); a sample of weight 0 is as good as absent. W is
/// the sum of the weights, K the number of outputs, p_ij the prediction of output j for sample i and y_ij its target.
///
/// The class that is **predicted** is the one with the largest p_ij, the first of several; where an output stands for
/// itself ([`TargetKind::Probability`]) it is 1 if p > 0.5, else 0, and so is its target. One such output is a binary
/// classifier, several are a multilabel one. A sample with a NaN among its predictions has no predicted class: it is
/// wrong, never right. The metrics that count nothing but compute with the predictions are NaN then.
///
/// The text form is the [`name`](Self::name).
///
/// ```
/// use mlp_core::{Metric, Scores, TargetKind};
///
/// // Three samples, two classes; the last is taken for class 0 and is of class 1.
/// let predictions = vec![0.9, 0.1, 0.2, 0.8, 0.7, 0.3];
/// let scores = Scores::new(2, TargetKind::Class, predictions, vec![0.0, 1.0, 1.0], None);
///
/// assert_eq!(Metric::Accuracy.value(&scores), 2.0 / 3.0);
/// assert_eq!("balanced_accuracy".parse::<Metric>()?.value(&scores), (1.0 + 0.5) / 2.0);
/// assert_eq!(Metric::RocAuc.value(&scores), 1.0);
/// assert!(Metric::R2.value(&scores).is_nan()); // not defined for classes
/// # Ok::<(), mlp_core::UnknownMetric>(())
/// ```
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub enum Metric {
    /// The share of samples whose predicted class is right; of multilabel samples, those where every output is.
    /// Named `accuracy`.
    Accuracy,
    /// The share of samples whose class is among the k with the largest p_ij (equal ones: the first). Named `top_5`
    /// for k = 5.
    ///
    /// Of equal predictions scikit-learn takes the last; here top 1 is the accuracy.
    TopK(usize),
    /// The mean over the classes of their recall, without the classes that no sample has. Named `balanced_accuracy`.
    ///
    /// Of a multilabel classifier (for which scikit-learn has none) the mean over the outputs of what each has.
    BalancedAccuracy,
    /// The mean of the precisions: of a class, the share that is right of what is taken for it; 0 where nothing is.
    /// Named `precision`.
    ///
    /// The mean is over the classes that occur as target or as prediction, both of a binary classifier's included; of
    /// a multilabel classifier, over its outputs, each with the precision of its 1 (scikit-learn's
    /// `average="macro"`). [`PrecisionOf`](Self::PrecisionOf) is that of one class.
    Precision,
    /// The mean of the recalls: of a class, the share of its samples that is taken for it; 0 where it has none. Named
    /// `recall`. The mean is as for [`Precision`](Self::Precision).
    Recall,
    /// The mean of the F1: of a class, the harmonic mean 2 / (1 / precision + 1 / recall). Named `f1`. The mean is as
    /// for [`Precision`](Self::Precision).
    F1,
    /// The precision of a class, from 0: the share that is right of what is taken for it; 0 where nothing is. Named
    /// `precision_of_2` for class 2.
    ///
    /// Of a binary classifier with a single output the classes are 0 and 1; of a multilabel one the number is that of
    /// an output, and the precision that of its 1. scikit-learn's `average=None` with `zero_division=0`. NaN for a
    /// class that is not there.
    PrecisionOf(usize),
    /// The recall of a class: the share of its samples that is taken for it; 0 where it has none. Named `recall_of_2`
    /// for class 2, which is as for [`PrecisionOf`](Self::PrecisionOf).
    RecallOf(usize),
    /// The F1 of a class: the harmonic mean of its precision and recall; 0 where it neither has samples nor is taken
    /// for one. Named `f1_of_2` for class 2, which is as for [`PrecisionOf`](Self::PrecisionOf).
    F1Of(usize),
    /// The area under the ROC curve: the share of the pairs of a positive and a negative sample in which the positive
    /// one has the larger prediction, where equal predictions count 1/2 and a pair the product of its weights. Named
    /// `roc_auc`.
    ///
    /// Two classes: of the prediction of class 1. More: the mean over the classes, each against the rest
    /// (one-versus-rest, macro). Multilabel: the mean over the outputs. NaN where a class or an output has no positive
    /// or no negative samples.
    RocAuc,
    /// Logarithmic loss, -1/W sum_i w_i sum_j y_ij ln p_ij (y_ij = 1 for the class of the sample, else 0); of
    /// outputs that stand for themselves -1/(W K) sum_i w_i sum_j (y_ij ln p_ij + (1 - y_ij) ln(1 - p_ij)). Named
    /// `log_loss`.
    ///
    /// Finite: before their logarithm is taken, p and 1 - p are moved into [e, 1 - e] with e = 2^-52, so that a
    /// sample costs at most 36.04 an output. The cross-entropies among the losses, which start from logits, have no
    /// such bound.
    LogLoss,
    /// The mean squared error, 1/(W K) sum_ij w_i (p_ij - y_ij)^2. Named `mse`.
    Mse,
    /// The root of the mean squared error, 1/K sum_j sqrt(1/W sum_i w_i (p_ij - y_ij)^2): of several outputs the mean
    /// of their roots, not the root of their mean. Named `rmse`.
    Rmse,
    /// The mean absolute error, 1/(W K) sum_ij w_i |p_ij - y_ij|. Named `mae`.
    Mae,
    /// The coefficient of determination, the mean over the outputs j of
    /// 1 - sum_i w_i (p_ij - y_ij)^2 / sum_i w_i (y_ij - m_j)^2, with m_j the weighted mean of the target. Named `r2`.
    ///
    /// 1 is perfect, 0 what the constant m_j has. An output whose targets are all equal has 1 if all predictions are
    /// exact, else 0. NaN for fewer than two samples.
    R2,
}

impl Metric {
    /// Whether more is better; where not, 0 is the best.
    #[must_use]
    pub fn higher_is_better(self) -> bool {
        match self {
            Self::Accuracy
            | Self::TopK(_)
            | Self::BalancedAccuracy
            | Self::Precision
            | Self::Recall
            | Self::F1
            | Self::PrecisionOf(_)
            | Self::RecallOf(_)
            | Self::F1Of(_)
            | Self::RocAuc
            | Self::R2 => true,
            Self::LogLoss | Self::Mse | Self::Rmse | Self::Mae => false,
        }
    }

    /// Whether it is defined for such targets.
    ///
    /// The errors and R2 need a target for each output; what counts classes needs classes; the best k need more than
    /// two of them.
    #[must_use]
    pub fn applies_to(self, kind: TargetKind) -> bool {
        match self {
            Self::Accuracy
            | Self::BalancedAccuracy
            | Self::Precision
            | Self::Recall
            | Self::F1
            | Self::PrecisionOf(_)
            | Self::RecallOf(_)
            | Self::F1Of(_)
            | Self::RocAuc
            | Self::LogLoss => kind != TargetKind::Real,
            Self::TopK(k) => k > 0 && matches!(kind, TargetKind::Class | TargetKind::Distribution),
            Self::Mse | Self::Rmse | Self::Mae | Self::R2 => kind != TargetKind::Class,
        }
    }

    /// The class that it is of, if it is of one.
    pub(crate) fn class(self) -> Option<usize> {
        match self {
            Self::PrecisionOf(class) | Self::RecallOf(class) | Self::F1Of(class) => Some(class),
            _ => None,
        }
    }

    /// Its value; NaN where it is undefined: without samples, for targets it does not
    /// [apply to](Self::applies_to), and as its own definition says.
    #[must_use]
    pub fn value(self, scores: &Scores) -> f64 {
        if !self.applies_to(scores.target_kind()) {
            return f64::NAN;
        }
        match self {
            Self::Accuracy => classification::accuracy(scores),
            Self::TopK(k) => classification::top_k(scores, k),
            Self::BalancedAccuracy => {
                classification::macro_mean(scores, ConfusionMatrix::balanced_accuracy, |matrix| {
                    matrix.balanced_accuracy().unwrap_or(f64::NAN)
                })
            }
            Self::Precision => classification::macro_mean(scores, ConfusionMatrix::macro_precision, |matrix| {
                matrix.precision(1).unwrap_or(0.0)
            }),
            Self::Recall => classification::macro_mean(scores, ConfusionMatrix::macro_recall, |matrix| {
                matrix.recall(1).unwrap_or(0.0)
            }),
            Self::F1 => {
                classification::macro_mean(scores, ConfusionMatrix::macro_f1, |matrix| matrix.f1(1).unwrap_or(0.0))
            }
            Self::PrecisionOf(class) => classification::of_class(scores, class, ConfusionMatrix::precision),
            Self::RecallOf(class) => classification::of_class(scores, class, ConfusionMatrix::recall),
            Self::F1Of(class) => classification::of_class(scores, class, ConfusionMatrix::f1),
            Self::RocAuc => roc_auc::roc_auc(scores),
            Self::LogLoss => log_loss::log_loss(scores),
            Self::Mse => regression::mse(scores),
            Self::Rmse => regression::rmse(scores),
            Self::Mae => regression::mae(scores),
            Self::R2 => regression::r2(scores),
        }
    }
}
