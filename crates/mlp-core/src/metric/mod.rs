//! Metrics measure the quality of predictions, on scales that people read. Losses, by contrast, are what training
//! minimizes.

mod classification;
mod confusion;
mod log_loss;
mod name;
mod regression;
mod roc_auc;
mod scores;

pub use confusion::ConfusionMatrix;
pub use scores::Scores;
pub(crate) use scores::class_count;

use crate::TargetKind;
use classification::{macro_mean, of_class};

/// A measure of the quality of predictions: one number, defined as in scikit-learn.
///
/// Every sample i has a weight w_i, which is 1 if no weights are given; a sample of weight 0 is ignored. W is the sum
/// of the weights, K the number of outputs, p_ij the prediction of output j for sample i and y_ij its target.
///
/// The **predicted** class is the one with the largest p_ij, the first one if several are equal. If each output is a
/// separate probability ([`TargetKind::Probability`]), its predicted class is 1 if p > 0.5, else 0, and the same rule
/// applies to its target. One such output makes a binary classifier, several make a multilabel classifier. A sample
/// with a NaN among its predictions has no predicted class and always counts as wrong. Metrics that use the predicted
/// numbers themselves are NaN then.
///
/// A metric displays as its [`name`](Self::name), and parses from it.
///
/// ```
/// use mlp_core::{Metric, Scores, TargetKind};
///
/// // Three samples, two classes; the last one is of class 1 but predicted as class 0.
/// let predictions = vec![0.9, 0.1, 0.2, 0.8, 0.7, 0.3];
/// let scores = Scores::new(2, TargetKind::Class, predictions, vec![0.0, 1.0, 1.0], None);
///
/// assert_eq!(Metric::Accuracy.value(&scores), 2.0 / 3.0);
/// assert_eq!("balanced_accuracy".parse::<Metric>()?.value(&scores), (1.0 + 0.5) / 2.0);
/// assert_eq!(Metric::RocAuc.value(&scores), 1.0);
/// assert!(Metric::R2.value(&scores).is_nan()); // not defined for classes
/// # Ok::<(), mlp_core::KindError>(())
/// ```
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub enum Metric {
    /// The share of samples whose predicted class is right; a multilabel sample is right if every output is. Named
    /// `accuracy`.
    Accuracy,
    /// The share of samples whose class is among the k classes with the largest p_ij; of equal predictions, the
    /// class with the lower index ranks first. Named `top_5` for k = 5.
    ///
    /// In scikit-learn, the class with the higher index does; here, top 1 equals the accuracy.
    TopK(usize),
    /// The mean recall of the classes that have samples. Named `balanced_accuracy`.
    ///
    /// For a multilabel classifier (where scikit-learn does not define it), it is the mean of the outputs' balanced
    /// accuracies.
    BalancedAccuracy,
    /// The mean precision. The precision of a class is the share of the samples predicted as the class that belong to
    /// it, or 0 if the class is never predicted. Named `precision`.
    ///
    /// The mean is over the classes that occur as target or as prediction, including both classes of a binary
    /// classifier. For a multilabel classifier, it is over the outputs, each with the precision of its class 1
    /// (scikit-learn's `average="macro"`). [`PrecisionOf`](Self::PrecisionOf) is the precision of one class.
    Precision,
    /// The mean recall. The recall of a class is the share of its samples that are predicted as the class, or 0 if it
    /// has no samples. Named `recall`. The mean is taken as for [`Precision`](Self::Precision).
    Recall,
    /// The mean F1. The F1 of a class is the harmonic mean 2 / (1 / precision + 1 / recall). Named `f1`. The mean is
    /// taken as for [`Precision`](Self::Precision).
    F1,
    /// The precision of the class with this number, from 0: the share of the samples predicted as the class that belong
    /// to it, or 0 if the class is never predicted. Named `precision_of_2` for class 2.
    ///
    /// A binary classifier with a single output has the classes 0 and 1. For a multilabel classifier, the number is
    /// that of an output, and the precision is that of its class 1. It equals scikit-learn's `average=None` with
    /// `zero_division=0`. NaN for a class that does not exist.
    PrecisionOf(usize),
    /// The recall of a class: the share of its samples that are predicted as the class, or 0 if it has no samples.
    /// Named `recall_of_2` for class 2. Classes are numbered as for [`PrecisionOf`](Self::PrecisionOf).
    RecallOf(usize),
    /// The F1 of a class: the harmonic mean of its precision and recall, or 0 if it has no samples and is never
    /// predicted. Named `f1_of_2` for class 2. Classes are numbered as for [`PrecisionOf`](Self::PrecisionOf).
    F1Of(usize),
    /// The area under the ROC curve: among all pairs of a positive and a negative sample, the share in which the
    /// positive one has the larger prediction. Equal predictions count 1/2, and each pair counts with the product of
    /// the weights of its two samples. Named `roc_auc`.
    ///
    /// For two classes, it uses the prediction of class 1. For more classes, it is the mean over the classes, each
    /// against the rest (one-versus-rest, macro). For multilabel targets, it is the mean over the outputs. NaN if a
    /// class or an output has no positive or no negative samples.
    RocAuc,
    /// The logarithmic loss, -1/W sum_i w_i sum_j y_ij ln p_ij, where y_ij = 1 for the class of the sample, else 0. For
    /// outputs that are separate probabilities, it is -1/(W K) sum_i w_i sum_j (y_ij ln p_ij + (1 - y_ij) ln(1 -
    /// p_ij)). Named `log_loss`.
    ///
    /// The value is finite: p and 1 - p are limited to [e, 1 - e] with e = 2^-52 before their logarithm is taken, so a
    /// sample costs at most 36.04 per output. The cross-entropy losses, which start from logits, do not have such a
    /// bound.
    LogLoss,
    /// The mean squared error, 1/(W K) sum_ij w_i (p_ij - y_ij)^2. Named `mse`.
    Mse,
    /// The root of the mean squared error, 1/K sum_j sqrt(1/W sum_i w_i (p_ij - y_ij)^2). For several outputs, it is
    /// the mean of their RMSEs, not the root of their mean MSE. Named `rmse`.
    Rmse,
    /// The mean absolute error, 1/(W K) sum_ij w_i |p_ij - y_ij|. Named `mae`.
    Mae,
    /// The coefficient of determination, the mean over the outputs j of
    /// 1 - sum_i w_i (p_ij - y_ij)^2 / sum_i w_i (y_ij - m_j)^2, with m_j the weighted mean of the target. Named `r2`.
    ///
    /// 1 is perfect; predicting the constant m_j gives 0. For an output whose targets are all equal, it is 1 if all
    /// predictions are exact, else 0. NaN for fewer than two samples.
    R2,
}

impl Metric {
    /// Returns whether higher values are better. If lower ones are, 0 is the best value.
    #[must_use]
    pub fn higher_is_better(self) -> bool {
        !matches!(self, Self::LogLoss | Self::Mse | Self::Rmse | Self::Mae)
    }

    /// Returns whether the metric is defined for such targets.
    ///
    /// The errors and R2 need a target for each output. Metrics that count classes need classes, and
    /// [`TopK`](Self::TopK) needs a class index or a distribution as target.
    #[must_use]
    pub fn applies_to(self, kind: TargetKind) -> bool {
        match self {
            Self::TopK(k) => k > 0 && matches!(kind, TargetKind::Class | TargetKind::Distribution),
            Self::Mse | Self::Rmse | Self::Mae | Self::R2 => kind != TargetKind::Class,
            _ => kind != TargetKind::Real,
        }
    }

    /// Returns the class that the metric refers to, if it refers to a single class.
    pub(crate) fn class(self) -> Option<usize> {
        match self {
            Self::PrecisionOf(class) | Self::RecallOf(class) | Self::F1Of(class) => Some(class),
            _ => None,
        }
    }

    /// Computes the metric. The value is NaN where it is undefined: without samples, for targets that it does not
    /// [apply to](Self::applies_to), and in the cases named for each metric.
    #[must_use]
    pub fn value(self, scores: &Scores) -> f64 {
        if !self.applies_to(scores.target_kind()) {
            return f64::NAN;
        }
        use ConfusionMatrix as Matrix;
        match self {
            Self::Accuracy => classification::accuracy(scores),
            Self::TopK(k) => classification::top_k(scores, k),
            Self::BalancedAccuracy => macro_mean(scores, Matrix::balanced_accuracy, Matrix::balanced_accuracy),
            Self::Precision => macro_mean(scores, Matrix::macro_precision, |matrix| matrix.precision(1)),
            Self::Recall => macro_mean(scores, Matrix::macro_recall, |matrix| matrix.recall(1)),
            Self::F1 => macro_mean(scores, Matrix::macro_f1, |matrix| matrix.f1(1)),
            Self::PrecisionOf(class) => of_class(scores, class, Matrix::precision),
            Self::RecallOf(class) => of_class(scores, class, Matrix::recall),
            Self::F1Of(class) => of_class(scores, class, Matrix::f1),
            Self::RocAuc => roc_auc::roc_auc(scores),
            Self::LogLoss => log_loss::log_loss(scores),
            Self::Mse => regression::mse(scores),
            Self::Rmse => regression::rmse(scores),
            Self::Mae => regression::mae(scores),
            Self::R2 => regression::r2(scores),
        }
    }
}
