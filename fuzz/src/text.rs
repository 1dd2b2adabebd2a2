//! What mlp-core reads from texts.

use mlp_core::{ActivationKind, Metric, NoCustom, ReduceOnPlateau, ScalingKind, Schedule};
use mlp_core::state::PlateauState;
use std::fmt::{Debug, Display};
use std::str::FromStr;

/// A text that parses as a schedule gives one whose text parses as an equal one and is its text again; its factors are
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

/// As [`schedule`], of a reduction on a plateau; its factor falls, if at all, to no less than 0.
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

/// As [`schedule`], of the names of metrics, activations and kinds of scalings, which are their own texts.
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

/// What the bytes are the text of, after they were checked to be read back from its own text.
fn parse<T: FromStr<Err: Display> + Display + PartialEq + Debug>(bytes: &[u8]) -> Option<T> {
    match text(bytes)?.parse::<T>() {
        Ok(value) => {
            let written = value.to_string();
            let Ok(again) = written.parse::<T>() else {
                panic!("{written} is not read back");
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
