//! Fuzzes what mlp-core reads from texts.

use mlp_core::{
    ActivationKind, Initializer, KindError, LossKind, Metric, NoCustom, OptimizerKind, ScalingKind, Schedule,
};
use std::fmt::Display;
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

/// Checks the names of all kinds like [`schedule`]. The text of each must be its name.
pub fn names(bytes: &[u8]) -> bool {
    let Ok(text) = str::from_utf8(bytes) else {
        return false;
    };
    let reads = [
        is_name::<Metric>(text),
        is_name::<ActivationKind<NoCustom>>(text),
        is_name::<LossKind>(text),
        is_name::<OptimizerKind>(text),
        is_name::<Initializer>(text),
        is_name::<ScalingKind>(text),
    ];
    reads.contains(&true)
}

/// Returns whether `text` is the name of a kind. The kind must write the same name.
fn is_name<K: FromStr<Err = KindError> + Display>(text: &str) -> bool {
    match text.parse::<K>() {
        Ok(kind) => {
            assert_eq!(kind.to_string(), text);
            true
        }
        Err(error) => {
            assert!(!error.to_string().is_empty());
            false
        }
    }
}
