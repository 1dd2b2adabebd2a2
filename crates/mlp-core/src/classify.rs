//! The class that a sample's predictions name. A sample with a NaN among them has none.

use crate::Scalar;

/// Returns the index of the largest number, the first one if several are equal; `None` if any number is NaN.
pub(crate) fn largest<T: Scalar>(predictions: &[T]) -> Option<usize> {
    let mut best: Option<(usize, f64)> = None;
    for (class, p) in predictions.iter().map(|p| p.to_f64()).enumerate() {
        if p.is_nan() {
            return None;
        }
        if best.is_none_or(|(_, most)| p > most) {
            best = Some((class, p));
        }
    }
    best.map(|(class, _)| class)
}

/// Returns class 1 if the probability p > 0.5, else class 0; `None` if p is NaN.
pub(crate) fn above_half<T: Scalar>(p: T) -> Option<usize> {
    let p = p.to_f64();
    (!p.is_nan()).then_some(usize::from(p > 0.5))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_first_of_the_largest_and_none_with_nan() {
        assert_eq!(largest(&[1.0, 3.0, 3.0, 2.0]), Some(1));
        assert_eq!(largest(&[-0.0, 0.0]), Some(0));
        assert_eq!(largest(&[f64::NEG_INFINITY; 2]), Some(0));
        for place in 0..3 {
            let mut values = [0.0_f32, 1.0, 2.0];
            values[place] = f32::NAN;
            assert_eq!(largest(&values), None);
        }
        assert_eq!(
            [0.0, 0.5, 0.51, f64::NAN].map(above_half),
            [Some(0), Some(0), Some(1), None]
        );
    }
}
