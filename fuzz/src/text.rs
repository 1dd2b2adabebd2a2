//! Fuzzes what mlp-core reads from texts.

use mlp_core::state::PlateauState;
use mlp_core::{ActivationKind, Metric, NoCustom, ReduceOnPlateau, ScalingKind, Schedule};
use std::fmt::{Debug, Display};
use std::str::FromStr;

/// Checks that the text of a parsed schedule parses as an equal schedule with the same text, and that its factors are
/// finite and not negative.
pub fn schedule(bytes: &[u8]) -> bool {
    let Some(schedule) = parse::<Schedule>(bytes) else {
        return false;
    };
    for t in [0, 1, 2, 99, u64::MAX - 1, u64::MAX] {
        let factor = schedule.factor(t);
        assert!(factor.is_finite() && factor >= 0.0, "{schedule}, t = {t}: {factor}");
    }
    true
}

/// Checks a reduction on a plateau like [`schedule`], and that its factor never rises and never falls below 0.
pub fn plateau(bytes: &[u8]) -> bool {
    let Some(plateau) = parse::<ReduceOnPlateau>(bytes) else {
        return false;
    };
    let mut state = PlateauState::default();
    for value in [1.0, 1.0, f64::NAN, f64::INFINITY, 2.0, -1.0, f64::MAX] {
        let before = state.factor;
        let reduced = plateau.observe(&mut state, value);
        assert!(reduced == (state.factor < before), "{plateau}: {state:?}");
        assert!(state.factor >= 0.0, "{plateau}: {state:?}");
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
