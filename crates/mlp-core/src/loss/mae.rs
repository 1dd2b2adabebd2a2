use super::ElementLoss;
use crate::Scalar;

/// The mean absolute error: l = 1/n sum_j |p_j - y_j|, dl/dp_j = sign(p_j - y_j) / n, over the n outputs. sign(0) = 0,
/// so a perfect prediction is not moved.
///
/// ```
/// # use mlp_core::{Loss, Mae};
/// let mut gradient = [0.0; 2];
/// assert_eq!(Mae.value_and_gradient(&[3.0, 2.0], &[1.0, 2.0], &mut gradient), 1.0);
/// assert_eq!(gradient, [0.5, 0.0]);
/// ```
#[derive(Clone, Copy, Debug, Default, PartialEq)]
pub struct Mae;

impl ElementLoss for Mae {
    #[inline(always)]
    fn element<T: Scalar>(&self, prediction: T, target: T) -> T {
        let (error, zero) = (prediction - target, T::zero());
        // Only 0 and NaN reach the last branch. The cube of 0 is 0, with derivatives 0; that of NaN is NaN.
        error.select_gt(zero, error, (-error).select_gt(zero, -error, error * error * error))
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::Dual;

    #[test]
    fn every_derivative_at_the_target_is_zero() {
        let at = |target: f64| {
            let prediction = Dual::variable(Dual::variable(1.5));
            let loss = Mae.element(prediction, Dual::constant(Dual::constant(target)));
            [loss.value.value, loss.derivative.value, loss.derivative.derivative]
        };
        assert_eq!(at(1.5), [0.0, 0.0, 0.0]);
        assert_eq!(at(1.0), [0.5, 1.0, 0.0]);
        assert_eq!(at(2.0), [0.5, -1.0, 0.0]);
    }
}
