//! Checks that numbers can be represented in the number type that a run computes in.

use mlp_cpu::Element;
use mlp_io::Number;

use crate::error::Error;

/// Returns the name of the number type: `f32` or `f64`.
pub(crate) fn dtype<T: Number>() -> String {
    T::DTYPE.to_string().to_lowercase()
}

/// Rounds a number to `T`, or returns what it should have been if it is not finite in `T`.
pub(crate) fn finite<T: Element>(number: f64) -> Result<T, &'static str> {
    let rounded = T::from_f64(number);
    if rounded.is_finite() {
        Ok(rounded)
    } else if T::from_f64(f64::MAX).is_finite() {
        Err("a finite number")
    } else {
        Err("a finite number (in f32: at most 3.4e38)")
    }
}

/// Checks that the value of an option is also a finite number in `T`, and that it does not become 0 there if it is not
/// 0.
pub(crate) fn check_option<T: Element + Number>(option: &str, value: f64) -> Result<(), Error> {
    let unexpected = |expected: &str| Err(Error::unexpected(option, expected, format_args!("{value:e}")));
    match finite::<T>(value) {
        Err(expected) => unexpected(expected),
        Ok(rounded) if rounded.to_f64() == 0.0 && value != 0.0 => {
            unexpected(&format!("a number that does not round to 0 in {}", dtype::<T>()))
        }
        Ok(_) => Ok(()),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_f32_rounds() {
        assert_eq!(finite(0.1), Ok(0.1_f32));
        assert!(finite::<f32>(3.5e38).is_err());
        assert_eq!(finite(1e-300), Ok(0.0_f32));
        assert_eq!(finite(1e300), Ok(1e300_f64));
        assert_eq!(finite::<f64>(f64::NAN), Err("a finite number"));
    }

    #[test]
    fn options_are_checked_in_the_type_they_are_used_in() {
        assert!(check_option::<f32>("--x", 0.0).is_ok() && check_option::<f64>("--x", 1e300).is_ok());
        let message = |value| check_option::<f32>("--x", value).unwrap_err().to_string();
        assert_eq!(
            message(-1e300),
            "--x: expected a finite number (in f32: at most 3.4e38), got -1e300"
        );
        assert_eq!(
            message(1e-300),
            "--x: expected a number that does not round to 0 in f32, got 1e-300"
        );
    }
}
