//! Fuzzes what mlp-core reads from texts.

use mlp_core::{ActivationKind, Metric, NoCustom, ScalingKind, Schedule};
use std::fmt::{Debug, Display};
use std::str::FromStr;

/// Checks that the JSON of a schedule is read back as an equal schedule with the same JSON, and that its factors are
/// finite and not negative.
pub fn schedule(bytes: &[u8]) -> bool {
    let schedule = match serde_json::from_slice::<Schedule>(bytes) {
        Ok(schedule) => schedule,
        Err(error) => {
            assert!(!error.to_string().is_empty());
            return false;
        }
    };
    let written = serde_json::to_string(&schedule).expect("a schedule can be written");
    let again: Schedule = serde_json::from_str(&written).expect("a schedule that was written can be read");
    assert_eq!(again, schedule, "{written}");
    assert_eq!(serde_json::to_string(&again).ok(), Some(written));
    for t in [0, 1, 2, 99, u64::MAX - 1, u64::MAX] {
        let factor = schedule.factor(t);
        assert!(factor.is_finite() && factor >= 0.0, "{schedule:?}, t = {t}: {factor}");
    }
    true
}

/// Checks the names of metrics, activations and kinds of scalings like [`schedule`]. The text of each must be its name.
pub fn names(bytes: &[u8]) -> bool {
    let mut read = false;
    if let Some(metric) = parse::<Metric>(bytes) {
        assert!(metric.name().as_bytes() == bytes);
        read = true;
    }
    if let Some(Ok(activation)) = text(bytes).map(str::parse::<ActivationKind<NoCustom>>) {
        assert!(activation.name().as_bytes() == bytes);
        read = true;
    }
    if let Some(Ok(kind)) = text(bytes).map(str::parse::<ScalingKind>) {
        assert!(kind.name().as_bytes() == bytes);
        read = true;
    }
    read
}

fn text(bytes: &[u8]) -> Option<&str> {
    str::from_utf8(bytes).ok()
}

/// Parses the bytes, and checks that the value's own text parses as an equal value with the same text.
fn parse<T: FromStr<Err: Display> + Display + PartialEq + Debug>(bytes: &[u8]) -> Option<T> {
    match text(bytes)?.parse::<T>() {
        Ok(value) => {
            let written = value.to_string();
            let Ok(again) = written.parse::<T>() else {
                panic!("the text {written} of a value cannot be parsed");
            };
            assert_eq!(again, value, "{written}");
            assert_eq!(again.to_string(), written);
            Some(value)
        }
        Err(error) => {
            assert!(!error.to_string().is_empty());
            None
        }
    }
}
