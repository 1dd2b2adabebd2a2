//! `Serialize` and `Deserialize` for types that no invalid value may reach.

/// Implements `Deserialize` for a type with these fields: they are read, then `$check` makes a valid value of them or
/// refuses them. What reads the fields without a check stays in the block, where no one else can call it.
macro_rules! checked {
    ($type:ident $fields:tt, |$value:ident| $check:expr) => {
        const _: () = {
            use $type as Checked;

            $crate::serialize::fields! { $fields }

            impl<'de> serde::Deserialize<'de> for $type {
                fn deserialize<D: serde::Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
                    let $value = Fields::deserialize(deserializer)?;
                    $check.map_err(serde::de::Error::custom)
                }
            }
        };
    };
}

/// Declares `Fields`, whose function `deserialize` makes a value of the type `Checked`. Fields other than the type's do
/// not compile.
macro_rules! fields {
    ({ $($fields:tt)* }) => {
        #[derive(serde::Deserialize)]
        #[serde(remote = "Checked", deny_unknown_fields)]
        struct Fields { $($fields)* }
    };
    (($field:ty)) => {
        #[derive(serde::Deserialize)]
        #[serde(remote = "Checked")]
        struct Fields($field);
    };
}

/// Implements `Serialize` and `Deserialize` for a type that has a name: it is written as its name.
macro_rules! by_name {
    ($type:ident) => {
        impl serde::Serialize for $type {
            fn serialize<S: serde::Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
                serializer.collect_str(&self.name())
            }
        }

        impl<'de> serde::Deserialize<'de> for $type {
            fn deserialize<D: serde::Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
                let name = <alloc::string::String as serde::Deserialize>::deserialize(deserializer)?;
                name.parse().map_err(serde::de::Error::custom)
            }
        }
    };
}

pub(crate) use {by_name, checked, fields};

#[cfg(test)]
mod tests {
    use crate::state::{Pass, PlateauState, Position};
    use crate::{
        Classes, Clip, Dropout, EarlyStopping, Every, History, Metric, Monitor, Penalty, Provenance, ReduceOnPlateau,
        Scaling, ScalingKind, Schedule,
    };
    use core::fmt::Debug;
    use serde::Serialize;
    use serde::de::DeserializeOwned;
    use std::string::{String, ToString as _};
    use std::vec;

    #[track_caller]
    fn round_trip<T: Serialize + DeserializeOwned + PartialEq + Debug>(value: &T, json: &str) {
        assert_eq!(serde_json::to_string(value).unwrap(), json);
        assert_eq!(serde_json::from_str::<T>(json).unwrap(), *value);
    }

    #[track_caller]
    fn refused<T: DeserializeOwned + Debug>(json: &str, message: &str) {
        let error = serde_json::from_str::<T>(json).unwrap_err().to_string();
        assert!(error.starts_with(message), "{json}: {error}");
    }

    #[test]
    fn values_round_trip() {
        round_trip(&Metric::TopK(5), r#""top_5""#);
        round_trip(&Monitor::Metric(Metric::F1), r#"{"metric":"f1"}"#);
        round_trip(&Monitor::TrainingLoss, r#""training_loss""#);
        round_trip(&Every::Batch, r#""batch""#);
        let dropout = Dropout::new(0.25, 7).unwrap();
        round_trip(&dropout, r#"{"probability":0.25,"seed":7,"schedule":"constant"}"#);
        round_trip(
            &dropout.schedule(Schedule::flat_cosine(9).unwrap()),
            r#"{"probability":0.25,"seed":7,"schedule":{"flat_cosine":{"steps":9}}}"#,
        );
        round_trip(&Clip::norm(0.5).unwrap(), r#"{"norm":0.5}"#);
        round_trip(&Clip::value(2.0).unwrap(), r#"{"value":2.0}"#);
        let penalty = Penalty::elastic_net(0.5, 0.25).unwrap().penalize_biases(true);
        round_trip(&penalty, r#"{"l1":0.5,"l2":0.25,"biases":true}"#);
        let stopping = EarlyStopping::new(3).min_change(0.5).unwrap().monitor(Metric::Mae);
        round_trip(
            &stopping,
            r#"{"patience":3,"min_change":0.5,"monitor":{"metric":"mae"},"keep_last":false}"#,
        );
        let plateau = ReduceOnPlateau::new(0.5, 1).unwrap();
        round_trip(
            &plateau,
            r#"{"factor":0.5,"patience":1,"threshold":0.0001,"min_factor":0.0}"#,
        );
        let state = PlateauState {
            factor: 0.5,
            best: Some(f64::NEG_INFINITY),
            bad_epochs: 2,
        };
        round_trip(&state, r#"{"factor":0.5,"best":"-inf","bad_epochs":2}"#);
        let position = Position {
            batch: 1,
            pass: Some(Pass {
                samples: 9,
                batch_size: 3,
                shuffle: None,
            }),
            ..Position::default()
        };
        round_trip(
            &position,
            r#"{"epoch":0,"batch":1,"steps":0,"loss":0.0,"weight":0.0,"last_finite_loss":null,"pass":{"samples":9,"batch_size":3,"shuffle":null}}"#,
        );
    }

    #[test]
    fn what_a_model_needs_beside_its_network_round_trips() {
        let scaling = Scaling::from_parts(ScalingKind::MinMax, vec![0.5, -0.0], vec![2.0, 1e-300]).unwrap();
        round_trip(
            &scaling,
            r#"{"kind":"min_max","offset":[0.5,-0.0],"scale":[2.0,1e-300]}"#,
        );
        round_trip(&Classes::new(["a", "b"]).unwrap(), r#"["a","b"]"#);
        let provenance = Provenance {
            seed: Some(7),
            ..Provenance::default()
        };
        let json = serde_json::to_string(&provenance).unwrap();
        assert!(json.ends_with(r#","seed":7}"#), "{json}");
        assert_eq!(serde_json::from_str::<Provenance>(&json).unwrap(), provenance);
        refused::<Scaling>(
            r#"{"kind":"robust","offset":[0.0],"scale":[1.0]}"#,
            "unknown scaling `robust`: expected one of standard, min_max",
        );
        refused::<Scaling>(
            r#"{"kind":"standard","offset":[0.0],"scale":[0.0]}"#,
            "scaling: expected a finite scale above 0 for feature 0, got 0",
        );
        refused::<Classes>(
            r#"["a","a"]"#,
            "classes: expected each name once, got `a` at positions 0 and 1",
        );
    }

    #[test]
    fn a_history_keeps_what_json_cannot_express() {
        let history = History {
            learning_rate: vec![0.1, 0.1],
            loss: vec![1.0, f64::INFINITY],
            validation_loss: vec![f64::NAN, -0.0],
            metrics: vec![(Metric::F1, vec![0.5, f64::NAN])],
        };
        let json = serde_json::to_string(&history).unwrap();
        assert_eq!(
            json,
            r#"{"learning_rate":[0.1,0.1],"loss":[1.0,"inf"],"validation_loss":["NaN",-0.0],"metrics":[["f1",[0.5,"NaN"]]]}"#
        );
        let read: History = serde_json::from_str(&json).unwrap();
        assert_eq!(serde_json::to_string(&read).unwrap(), json);
        assert!(read.validation_loss[0].is_nan() && read.loss[1] == f64::INFINITY);
        refused::<History>(
            r#"{"learning_rate":[],"loss":[0.5],"validation_loss":[],"metrics":[]}"#,
            "history: expected columns of 1 epochs, got 0",
        );
        refused::<History>(
            r#"{"learning_rate":["nan"],"loss":[],"validation_loss":[],"metrics":[]}"#,
            "invalid value: string \"nan\", expected a number, inf, -inf or NaN",
        );
    }

    #[test]
    fn invalid_values_are_refused() {
        refused::<Metric>(r#""mud""#, "unknown metric `mud`");
        refused::<Every>(r#""year""#, "unknown variant `year`, expected `epoch` or `batch`");
        refused::<Dropout>(
            r#"{"probability":1.5,"seed":7,"schedule":"constant"}"#,
            "dropout probability: expected a number of at least 0 and below 1, got 1.5",
        );
        refused::<Dropout>(r#"{"probability":0.5}"#, "missing field `seed`");
        refused::<Dropout>(r#"{"probability":0.5,"seed":7}"#, "missing field `schedule`");
        refused::<Dropout>(r#"{"probability":0.5,"seed":1,"p":1}"#, "unknown field `p`");
        refused::<Clip>(
            r#"{"norm":0.0}"#,
            "maximum gradient norm: expected a finite number above 0, got 0",
        );
        refused::<Penalty>(
            r#"{"l1":-1.0,"l2":0.0,"biases":false}"#,
            "L1 penalty: expected a finite number of at least 0, got -1",
        );
        refused::<EarlyStopping>(
            r#"{"patience":3,"min_change":-0.5,"monitor":"loss","keep_last":false}"#,
            "min_change: expected a finite number of at least 0, got -0.5",
        );
        refused::<ReduceOnPlateau>(
            r#"{"factor":0.5,"patience":1,"threshold":0.0,"min_factor":2.0}"#,
            "min_factor: expected a number from 0 to 1, got 2",
        );
        refused::<PlateauState>(
            r#"{"factor":1.5,"best":null,"bad_epochs":0}"#,
            "factor: expected a number from 0 to 1, got 1.5",
        );
    }

    #[test]
    fn no_function_reads_fields_without_a_check() {
        // A function of the type itself would come before that of the trait.
        use serde::Deserialize;

        let json = |text: &str| serde_json::from_str::<serde_json::Value>(text).unwrap();
        assert!(Penalty::deserialize(json(r#"{"l1":-1.0,"l2":0.0,"biases":false}"#)).is_err());
        assert!(Clip::deserialize(json(r#"{"norm":-1.0}"#)).is_err());
        assert!(Dropout::deserialize(json(r#"{"probability":1.5,"seed":7,"schedule":"constant"}"#)).is_err());
        assert!(Schedule::deserialize(json(r#"{"warm_up":{"steps":0}}"#)).is_err());
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
                Schedule::flat_cosine(u64::MAX).unwrap(),
                Schedule::cosine_log(4, 10).unwrap(),
            ];
            for a in &schedules {
                for b in &schedules {
                    let schedule = a.clone().then(u64::MAX, b.clone().times(a.clone())).times(b.clone());
                    let text = serde_json::to_string(&schedule).unwrap();
                    let read: Schedule = serde_json::from_str(&text).unwrap();
                    assert_eq!(read, schedule, "{text}");
                    assert_eq!(serde_json::to_string(&read).unwrap(), text);
                }
            }
        }
        round_trip(
            &Schedule::cosine(2, -0.0).unwrap(),
            r#"{"cosine":{"steps":2,"min_factor":-0.0}}"#,
        );
        round_trip(&Schedule::constant(), r#""constant""#);
        round_trip(
            &Schedule::warm_up(5).unwrap().then(5, Schedule::constant()),
            r#"{"then":{"first":{"warm_up":{"steps":5}},"steps":5,"second":"constant"}}"#,
        );
        round_trip(
            &Schedule::constant().times(Schedule::constant()),
            r#"{"times":["constant","constant"]}"#,
        );
    }

    #[test]
    fn malformed_schedules_are_refused() {
        for (json, message) in [
            (
                r#"{"sine":{"steps":1}}"#,
                "unknown variant `sine`, expected one of `constant`, `step`, `exponential`, `inverse_scaling`, `cosine`, `warm_up`, `one_cycle`, `flat_cosine`, `cosine_log`, `then`, `times`",
            ),
            (r#""cosine""#, "invalid type: unit variant, expected struct variant"),
            (r#"{"cosine":{"steps":5}}"#, "missing field `min_factor`"),
            (
                r#"{"cosine":{"steps":5,"min_factor":0.1,"most":2}}"#,
                "unknown field `most`, expected `steps` or `min_factor`",
            ),
            (
                r#"{"cosine":{"steps":5,"min_factor":"NaN"}}"#,
                "invalid type: string \"NaN\", expected f64",
            ),
            (
                r#"{"warm_up":{"steps":1.5}}"#,
                "invalid type: floating point `1.5`, expected u64",
            ),
            (
                r#"{"warm_up":{"steps":-1}}"#,
                "invalid value: integer `-1`, expected u64",
            ),
            (r#"{"step":{"every":2,"gamma":1e999}}"#, "number out of range"),
            (
                r#"{"step":{"every":2,"gamma":-0.1}}"#,
                "gamma: expected a finite number above 0, got -0.1",
            ),
            (
                r#"{"times":["constant",{"warm_up":{"steps":0}}]}"#,
                "steps: expected a whole number of at least 1, got 0",
            ),
            (
                r#"{"cosine_log":{"cycles":65,"steps":9}}"#,
                "cycles: expected a whole number from 1 to 64, got 65",
            ),
            (
                r#"{"one_cycle":{"steps":9,"rise":1.5,"divisor":2.0,"final_divisor":2.0}}"#,
                "rise: expected a number from 0 to 1, got 1.5",
            ),
        ] {
            refused::<Schedule>(json, message);
        }
    }

    /// The format's own limit on nesting must allow every schedule, so that each can be read back.
    #[test]
    fn no_schedule_is_too_deep_for_the_stack() {
        for (open, close) in [
            (r#"{"times":["#, r#","constant"]}"#),
            (r#"{"times":["constant","#, "]}"),
            (r#"{"then":{"first":"#, r#","steps":1,"second":"constant"}}"#),
            (r#"{"then":{"first":"constant","steps":1,"second":"#, "}}"),
        ] {
            let nested = |depth: usize| {
                let (open, close) = (open.repeat(depth - 1), close.repeat(depth - 1));
                [open.as_str(), "\"constant\"", &close].concat()
            };
            let deepest: Schedule = serde_json::from_str(&nested(Schedule::MAX_DEPTH)).unwrap();
            assert_eq!(deepest.factor(0), 1.0);
            assert_eq!(serde_json::to_string(&deepest).unwrap(), nested(Schedule::MAX_DEPTH));
            refused::<Schedule>(
                &nested(Schedule::MAX_DEPTH + 1),
                "nested schedules: expected at most 50, got 51",
            );
            let error = serde_json::from_str::<Schedule>(&open.repeat(100_000)).unwrap_err();
            assert!(error.to_string().starts_with("recursion limit exceeded"), "{error}");
        }
    }

    #[test]
    fn the_fields_of_a_position_are_numbers_or_names() {
        let json = r#"{"epoch":0,"batch":0,"steps":0,"loss":"NaN","weight":"inf","last_finite_loss":null,"pass":null}"#;
        let position: Position = serde_json::from_str(json).unwrap();
        assert!(position.loss.is_nan() && position.weight == f64::INFINITY);
        assert_eq!(serde_json::to_string(&position).unwrap(), String::from(json));
    }
}
