//! Tests that schedules and the reduction on a plateau, read from JSON, follow PyTorch's and scikit-learn's.

use mlp_core::state::PlateauState;
use mlp_core::{ReduceOnPlateau, Schedule};
use serde::Deserialize;

/// `fixtures/schedules.json`.
#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
struct Golden {
    schedules: Vec<Timed>,
    losses: Vec<f64>,
    plateaus: Vec<Observing>,
}

#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
struct Timed {
    schedule: Schedule,
    factors: Vec<f64>,
}

#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
struct Observing {
    mode: String,
    plateau: ReduceOnPlateau,
    factors: Vec<f64>,
}

fn golden() -> Golden {
    serde_json::from_str(include_str!("../fixtures/schedules.json")).unwrap()
}

#[test]
fn schedules_follow_pytorch_and_scikit_learn() {
    let schedules = golden().schedules;
    assert_eq!(schedules.len(), 20);
    for Timed { schedule, factors } in schedules {
        assert!(factors.len() > 40, "{schedule:?}");
        for (t, &expected) in (0..).zip(&factors) {
            let got = schedule.factor(t);
            assert!(
                (got - expected).abs() <= 1e-12 * expected,
                "{schedule:?}, t = {t}: expected {expected}, got {got}"
            );
        }
    }
}

#[test]
fn plateaus_follow_pytorch() {
    let Golden { losses, plateaus, .. } = golden();
    assert_eq!(plateaus.len(), 8);
    for Observing { mode, plateau, factors } in plateaus {
        let mut state = PlateauState::default();
        assert_eq!(factors.len(), losses.len(), "{plateau:?}");
        for (epoch, (&loss, &expected)) in losses.iter().zip(&factors).enumerate() {
            match mode.as_str() {
                "min" => plateau.observe(&mut state, loss),
                "max" => plateau.observe_rising(&mut state, 1.0 / loss),
                other => panic!("unknown mode {other} in the golden file"),
            };
            let got = state.factor;
            assert!(
                (got - expected).abs() <= 1e-12 * expected,
                "{plateau:?}, epoch {epoch}: expected {expected}, got {got}"
            );
        }
    }
}
