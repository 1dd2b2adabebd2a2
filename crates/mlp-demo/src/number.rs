//! Checks that numbers can be represented in the number type that a run computes in.

use mlp_cpu::Element;
use mlp_io::Number;

use crate::error::Error;

/// Returns the name of the number type: `f32` or `f64`.
pub(crate) fn dtype<T: Number>() -> String {
    T::DTYPE.to_string().to_lowercase()
}

/// Checks that the value of an option, which is finite, is also finite in `T`, and that it does not become 0 there if
/// it is not 0.
pub(crate) fn check_option<T: Element + Number>(option: &str, value: f64) -> Result<(), Error> {
    let rounded = T::from_f64(value);
    let expected = if !rounded.is_finite() {
        "a finite number (in f32: at most 3.4e38)"
    } else if rounded.to_f64() == 0.0 && value != 0.0 {
        "a number that does not round to 0 in f32"
    } else {
        return Ok(());
    };
    Err(Error::unexpected(option, expected, format_args!("{value:e}")))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn options_are_checked_in_the_type_they_are_used_in() {
        for value in [0.0, 0.1, 1e300, 1e-300] {
            assert!(check_option::<f64>("--x", value).is_ok());
        }
        assert!(check_option::<f32>("--x", 0.0).is_ok() && check_option::<f32>("--x", 0.1).is_ok());
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
