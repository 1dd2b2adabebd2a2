//! The text form of a schedule.

use super::reader::{Reader, ScheduleError};
use super::{Form, Schedule};
use core::fmt;
use core::str::FromStr;

/// Writes the expression that creates the schedule, such as `then(warm_up(5), 5, cosine(95, 0.01))`. Numbers have
/// enough digits to be read back with the same bits.
impl fmt::Display for Schedule {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        // `Debug` writes 1e-300 as `1e-300`, whereas `Display` would write 300 zeros.
        match &self.0 {
            Form::Constant => f.write_str("constant"),
            Form::Step { every, gamma } => write!(f, "step({every}, {gamma:?})"),
            Form::Exponential { gamma } => write!(f, "exponential({gamma:?})"),
            Form::InverseScaling { power } => write!(f, "inverse_scaling({power:?})"),
            Form::Cosine { steps, least } => write!(f, "cosine({steps}, {least:?})"),
            Form::WarmUp { steps } => write!(f, "warm_up({steps})"),
            Form::OneCycle {
                steps,
                rise,
                divisor,
                final_divisor,
            } => write!(f, "one_cycle({steps}, {rise:?}, {divisor:?}, {final_divisor:?})"),
            Form::Then { first, steps, second } => write!(f, "then({first}, {steps}, {second})"),
            Form::Times(a, b) => write!(f, "times({a}, {b})"),
        }
    }
}

/// Parses the text that [`Display`](fmt::Display) writes. White space between names, numbers and punctuation is
/// ignored, and `constant()` is the same as `constant`.
impl FromStr for Schedule {
    type Err = ScheduleError;

    fn from_str(text: &str) -> Result<Self, ScheduleError> {
        let mut reader = Reader::new(text);
        let schedule = schedule(&mut reader, 1)?;
        reader.end()?;
        Ok(schedule)
    }
}

/// The names of the forms, for the error about a text that begins with another word.
const NAMES: &str = "one of constant, step, exponential, inverse_scaling, cosine, warm_up, one_cycle, then, times";

#[derive(Clone, Copy)]
enum Name {
    Constant,
    Step,
    Exponential,
    InverseScaling,
    Cosine,
    WarmUp,
    OneCycle,
    Then,
    Times,
}

fn name(token: &str) -> Option<Name> {
    Some(match token {
        "constant" => Name::Constant,
        "step" => Name::Step,
        "exponential" => Name::Exponential,
        "inverse_scaling" => Name::InverseScaling,
        "cosine" => Name::Cosine,
        "warm_up" => Name::WarmUp,
        "one_cycle" => Name::OneCycle,
        "then" => Name::Then,
        "times" => Name::Times,
        _ => return None,
    })
}

/// Reads the next schedule, which is nested `depth` deep in the text. The recursion is no deeper than
/// [`Schedule::MAX_DEPTH`], so no text can exhaust the stack.
fn schedule(reader: &mut Reader<'_>, depth: usize) -> Result<Schedule, ScheduleError> {
    let position = reader.position();
    if depth > Schedule::MAX_DEPTH {
        return Err(ScheduleError::TooDeep { position });
    }
    let name = reader.take(NAMES, name)?;
    if matches!(name, Name::Constant) && !reader.opens() {
        return Ok(Schedule::constant());
    }
    reader.open()?;
    let schedule = match name {
        Name::Constant => Ok(Schedule::constant()),
        Name::Step => Schedule::step(reader.whole_number()?, after_comma(reader)?),
        Name::Exponential => Schedule::exponential(reader.number()?),
        Name::InverseScaling => Schedule::inverse_scaling(reader.number()?),
        Name::Cosine => Schedule::cosine(reader.whole_number()?, after_comma(reader)?),
        Name::WarmUp => Schedule::warm_up(reader.whole_number()?),
        Name::OneCycle => Schedule::one_cycle(
            reader.whole_number()?,
            after_comma(reader)?,
            after_comma(reader)?,
            after_comma(reader)?,
        ),
        Name::Then => {
            let first = self::schedule(reader, depth + 1)?;
            reader.comma()?;
            let steps = reader.whole_number()?;
            reader.comma()?;
            Ok(first.then(steps, self::schedule(reader, depth + 1)?))
        }
        Name::Times => {
            let first = self::schedule(reader, depth + 1)?;
            reader.comma()?;
            Ok(first.times(self::schedule(reader, depth + 1)?))
        }
    };
    let schedule = schedule.map_err(|error| ScheduleError::HyperParameter { position, error })?;
    reader.close()?;
    Ok(schedule)
}

/// Reads a comma and the number after it.
pub(super) fn after_comma(reader: &mut Reader<'_>) -> Result<f64, ScheduleError> {
    reader.comma()?;
    reader.number()
}

#[cfg(test)]
mod tests {
    use super::*;
    use alloc::string::{String, ToString};
    use std::format;

    fn error(text: &str) -> String {
        text.parse::<Schedule>().unwrap_err().to_string()
    }

    #[test]
    fn a_schedule_reads_back_with_the_same_bits() {
        let numbers = [
            0.1,
            1.0 / 3.0,
            1e-300,
            5e-324,
            0.9999999999999999,
            1.0,
            0.30000000000000004,
        ];
        for x in numbers {
            let schedules = [
                Schedule::constant(),
                Schedule::step(u64::MAX, x).unwrap(),
                Schedule::exponential(1.0 / x.max(1e-300)).unwrap(),
                Schedule::inverse_scaling(x).unwrap(),
                Schedule::cosine(1, x).unwrap(),
                Schedule::warm_up(1 << 60).unwrap(),
                Schedule::one_cycle(10, x, 1.0 + x, 1.0 / x.max(1e-300)).unwrap(),
            ];
            for a in &schedules {
                for b in &schedules {
                    let schedule = a.clone().then(u64::MAX, b.clone().times(a.clone())).times(b.clone());
                    let text = schedule.to_string();
                    let read: Schedule = text.parse().unwrap();
                    assert_eq!(read, schedule, "{text}");
                    assert_eq!(read.to_string(), text, "the bits, -0.0 included");
                }
            }
        }
        let zero = Schedule::cosine(2, -0.0).unwrap();
        assert_eq!(
            zero.to_string().parse::<Schedule>().unwrap().to_string(),
            "cosine(2, -0.0)"
        );
    }

    #[test]
    fn text_is_what_makes_it() {
        let schedule = Schedule::one_cycle(100, 0.3, 25.0, 1e4).unwrap();
        assert_eq!(schedule.to_string(), "one_cycle(100, 0.3, 25.0, 10000.0)");
        assert_eq!("one_cycle(100,.3,25,1E+4)".parse(), Ok(schedule));
        assert_eq!(" constant\t( )\n".parse(), Ok(Schedule::constant()));
        assert_eq!("constant".parse(), Ok(Schedule::constant()));
        let expected = Schedule::constant().times(Schedule::constant());
        assert_eq!("times ( constant , constant() )".parse(), Ok(expected));
    }

    #[test]
    fn errors_name_the_position() {
        for (text, expected) in [
            ("", format!("0: expected {NAMES}, got the end of the text")),
            ("  \t", format!("3: expected {NAMES}, got the end of the text")),
            ("Cosine(1, 0)", format!("0: expected {NAMES}, got `Cosine`")),
            ("times(constant, sine(1))", format!("16: expected {NAMES}, got `sine`")),
            ("cosine", "6: expected `(`, got the end of the text".to_string()),
            ("cosine 5", "7: expected `(`, got `5`".to_string()),
            ("cosine(5)", "8: expected `,`, got `)`".to_string()),
            ("cosine(5, )", "10: expected a number, got `)`".to_string()),
            ("cosine(5, 0.1, 2)", "13: expected `)`, got `,`".to_string()),
            ("cosine(5, 0.1", "13: expected `)`, got the end of the text".to_string()),
            ("cosine(5, nan)", "10: expected a number, got `nan`".to_string()),
            ("exponential(inf)", "12: expected a number, got `inf`".to_string()),
            ("exponential(1-2)", "12: expected a number, got `1-2`".to_string()),
            ("warm_up(1.5)", "8: expected a whole number, got `1.5`".to_string()),
            ("warm_up(-1)", "8: expected a whole number, got `-1`".to_string()),
            (
                "warm_up(18446744073709551616)",
                "8: expected a whole number, got `18446744073709551616`".to_string(),
            ),
            ("constant(1)", "9: expected `)`, got `1`".to_string()),
            (
                "constant constant",
                "9: expected the end of the text, got `constant`".to_string(),
            ),
            ("step(2, 0.5)é", "12: expected the end of the text, got `é`".to_string()),
            (
                "step(2, 1e999)",
                "0: gamma: expected a finite number above 0, got inf".to_string(),
            ),
            (
                "times(constant, warm_up(0))",
                "16: steps: expected a whole number of at least 1, got 0".to_string(),
            ),
        ] {
            assert_eq!(error(text), format!("schedule, position {expected}"), "{text}");
        }
        let long = "x".repeat(1000);
        assert!(error(&long).ends_with(&format!("`{}`", "x".repeat(32))));
    }

    #[test]
    fn no_text_is_too_deep_for_the_stack() {
        for (open, close) in [
            ("times(", ", constant)"),
            ("times(constant, ", ")"),
            ("then(", ", 1, constant)"),
            ("then(constant, 1, ", ")"),
        ] {
            let nested = |depth: usize| {
                let (open, close) = (open.repeat(depth - 1), close.repeat(depth - 1));
                format!("{open}constant{close}")
            };
            let deepest: Schedule = nested(Schedule::MAX_DEPTH).parse().unwrap();
            assert_eq!(deepest.factor(0), 1.0);
            assert_eq!(deepest.to_string().parse(), Ok(deepest));
            // The position is that of the first argument of the last schedule.
            let position = open.len() * (Schedule::MAX_DEPTH - 1) + open.find('(').unwrap() + 1;
            let too_deep = Err(ScheduleError::TooDeep { position });
            assert_eq!(nested(Schedule::MAX_DEPTH + 1).parse::<Schedule>(), too_deep, "{open}");
            assert_eq!(open.repeat(1_000_000).parse::<Schedule>(), too_deep, "{open}");
        }
        let expected = ScheduleError::TooDeep { position: 768 };
        assert_eq!(
            expected.to_string(),
            "schedule, position 768: expected schedules nested at most 128 deep, got more"
        );
    }

    #[test]
    #[should_panic = "then: expected schedules nested at most 128 deep, got 129"]
    fn a_schedule_deeper_than_text_allows_panics() {
        let one = Schedule::constant();
        let _ = (0..128).fold(one.clone(), |schedule, _| one.clone().then(1, schedule));
    }
}
