use super::Scores;
use crate::{Scalar, TargetKind};

/// Returns -1/W sum_i w_i l_i; `target_kind` determines the form of l_i.
pub(super) fn log_loss(scores: &Scores) -> f64 {
    scores.mean(|sample| match scores.target_kind() {
        TargetKind::Class if sample.prediction.iter().any(|p| p.is_nan()) => f64::NAN,
        TargetKind::Class => -ln(sample.prediction[sample.class()]),
        TargetKind::Probability => {
            let pairs = sample.prediction.iter().zip(sample.target);
            let terms = pairs.map(|(&p, &y)| -(y * ln(p) + (1.0 - y) * ln(1.0 - p)));
            terms.sum::<f64>() / scores.outputs() as f64
        }
        _ => {
            let pairs = sample.prediction.iter().zip(sample.target);
            pairs.map(|(&p, &y)| -(y * ln(p))).sum()
        }
    })
}

/// Returns ln p, with p limited to [e, 1 - e], e = 2^-52; NaN for NaN.
fn ln(p: f64) -> f64 {
    Scalar::ln(p.clamp(f64::EPSILON, 1.0 - f64::EPSILON))
}
