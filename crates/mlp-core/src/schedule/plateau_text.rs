//! The text form of a reduction on a plateau.

use super::ReduceOnPlateau;
use super::reader::{Reader, ScheduleError};
use super::text::after_comma;
use core::fmt;
use core::str::FromStr;

/// Writes `reduce_on_plateau(factor, patience, threshold, least)`, with enough digits that the numbers are read back
/// with the same bits.
impl fmt::Display for ReduceOnPlateau {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self {
            factor,
            patience,
            threshold,
            least,
        } = self;
        write!(f, "reduce_on_plateau({factor:?}, {patience}, {threshold:?}, {least:?})")
    }
}

/// Parses the text that [`Display`](fmt::Display) writes. White space between names, numbers and punctuation is
/// ignored.
impl FromStr for ReduceOnPlateau {
    type Err = ScheduleError;

    fn from_str(text: &str) -> Result<Self, ScheduleError> {
        let mut reader = Reader::new(text);
        let position = reader.position();
        reader.take("reduce_on_plateau", |token| {
            (token == "reduce_on_plateau").then_some(())
        })?;
        reader.open()?;
        let factor = reader.number()?;
        reader.comma()?;
        let patience = reader.whole_number()?;
        let (threshold, least) = (after_comma(&mut reader)?, after_comma(&mut reader)?);
        reader.close()?;
        reader.end()?;
        Self::new(factor, patience)
            .and_then(|plateau| plateau.threshold(threshold))
            .and_then(|plateau| plateau.least(least))
            .map_err(|error| ScheduleError::HyperParameter { position, error })
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use alloc::string::ToString;

    #[test]
    fn it_reads_back_equal() {
        let plateau = ReduceOnPlateau::new(1.0 / 3.0, u64::MAX).unwrap();
        let plateau = plateau.threshold(1e-300).unwrap().least(0.1).unwrap();
        let text = plateau.to_string();
        assert_eq!(
            text,
            "reduce_on_plateau(0.3333333333333333, 18446744073709551615, 1e-300, 0.1)"
        );
        assert_eq!(text.parse(), Ok(plateau));
        let spaced = " reduce_on_plateau ( 0.5,3 , 0,1 )".parse::<ReduceOnPlateau>().unwrap();
        assert_eq!(spaced.to_string(), "reduce_on_plateau(0.5, 3, 0.0, 1.0)");
    }

    #[test]
    fn errors_name_the_position() {
        for (text, expected) in [
            ("plateau(1)", "0: expected reduce_on_plateau, got `plateau`"),
            ("reduce_on_plateau(0.5, 1)", "24: expected `,`, got `)`"),
            (
                "reduce_on_plateau(0.5, 1.5, 0, 0)",
                "23: expected a whole number, got `1.5`",
            ),
            (
                "reduce_on_plateau(0.5, 1, 0, 0) 1",
                "32: expected the end of the text, got `1`",
            ),
            (
                " reduce_on_plateau(0.5, 1, 0, 2)",
                "1: least: expected a number from 0 to 1, got 2",
            ),
        ] {
            let error = text.parse::<ReduceOnPlateau>().unwrap_err().to_string();
            assert_eq!(error, std::format!("schedule, position {expected}"), "{text}");
        }
    }
}
