//! Training that is stopped anywhere, saved to a file and resumed has exactly the result of training that never
//! stopped.

use mlp_core::activations::Tanh;
use mlp_core::state::TrainerState;
use mlp_core::{
    Adagrad, Adam, AdamW, Clip, DataError, Dropout, EarlyStopping, Event, Every, Factors, FitOptions, GaussNewton,
    GradientDescent, HalfMse, History, Lbfgs, Metric, Mlp, Model, Momentum, Monitor, NAdam, Optimizer, OptimizerKind,
    Penalty, ReduceOnPlateau, RmsProp, Samples, Schedule, StopReason, Trainer,
};
use mlp_cpu::{Element, Matrix};
use mlp_io::{
    Checkpoint, CheckpointDirectory, LoadErrorKind, Number, checkpoint_from_bytes, checkpoint_to_bytes, inspect,
    load_checkpoint, load_model, model_to_bytes, save_checkpoint,
};
use std::fs;
use std::ops::ControlFlow;
use std::sync::atomic::{AtomicBool, Ordering};

pub(super) fn network<T: Element>() -> Mlp<Matrix<T>> {
    Mlp::builder(&[2, 6, 4, 1]).hidden(Tanh).seed(3).build().unwrap()
}

/// Samples of a curve, for training and for validation.
pub(super) struct Data<T>([Matrix<T>; 4]);

impl<T: Element> Data<T> {
    pub(super) fn new() -> Self {
        let input =
            |from: usize, n| Matrix::from_fn(2, n, |i, j| T::from_f64(((3 * i + 7 * (from + j) + 1) as f64).sin()));
        let target = |from: usize, n| Matrix::from_fn(1, n, |_, j| T::from_f64(((5 * (from + j) + 2) as f64).cos()));
        Self([input(0, 23), target(0, 23), input(23, 9), target(23, 9)])
    }

    pub(super) fn train(&self) -> Result<Samples<'_, Matrix<T>>, DataError> {
        Samples::new(&self.0[0], &self.0[1])
    }

    fn validation(&self) -> Result<Samples<'_, Matrix<T>>, DataError> {
        Samples::new(&self.0[2], &self.0[3])
    }
}

/// Returns a trainer with every part that has a state.
fn trainer<T: Element, O: Optimizer<Matrix<T>>>(optimizer: O) -> Trainer<Matrix<T>, HalfMse, O> {
    let schedule = Schedule::warm_up(7)
        .unwrap()
        .times(Schedule::exponential(0.99).unwrap());
    Trainer::new(HalfMse, optimizer)
        .schedule(schedule, Every::Batch)
        .reduce_on_plateau(ReduceOnPlateau::new(0.7, 1).unwrap(), Monitor::TrainingLoss)
        .penalty(Penalty::l2(1e-3).unwrap())
        .clip(Clip::norm(2.0).unwrap())
        .dropout(Dropout::new(0.1, 9).unwrap())
        .early_stopping(EarlyStopping::new(40))
        .metrics(&[Metric::Mae, Metric::R2])
}

const EPOCHS: u64 = 6;
/// The number of batches of an epoch: 23 samples in batches of 6.
const BATCHES: usize = 4;

fn options() -> FitOptions {
    FitOptions::until(EPOCHS).batch_size(6).shuffle(4)
}

/// Resumes after each of the first twenty-odd batches.
fn resume<T: Element + Number, O: Optimizer<Matrix<T>>>(optimizer: impl Fn() -> O) {
    assert!(resume_after::<T, O>(1..EPOCHS as usize * BATCHES, optimizer) >= 20);
}

/// Resumes at the start, within an epoch, at its end and late.
fn resume_here_and_there<T: Element + Number, O: Optimizer<Matrix<T>>>(optimizer: impl Fn() -> O) {
    resume_after::<T, O>([1, 2, BATCHES, EPOCHS as usize * BATCHES - 2], optimizer);
}

/// Resumes after each of these numbers of batches. Returns how many there were.
fn resume_after<T: Element + Number, O: Optimizer<Matrix<T>>>(
    stops: impl IntoIterator<Item = usize>,
    optimizer: impl Fn() -> O,
) -> usize {
    let data = Data::<T>::new();
    let samples = data.train().unwrap().with_validation(data.validation().unwrap());
    let mut whole = network::<T>();
    let mut never_stopped = trainer(optimizer());
    never_stopped.fit(&mut whole, samples, options()).unwrap();
    let expected = (whole, never_stopped.state());

    let directory = tempfile::tempdir().unwrap();
    let path = directory.path().join("training.safetensors");
    let mut stopped = 0;
    for batches in stops {
        let mut network = network::<T>();
        let mut first = trainer(optimizer());
        let mut seen = 0;
        let stop = first.fit_with(&mut network, samples, options(), |progress| {
            seen += usize::from(matches!(progress.event, Event::Batch { .. }));
            if seen < batches {
                return ControlFlow::Continue(());
            }
            save_checkpoint(&path, progress.network, &progress.state()).unwrap();
            ControlFlow::Break(())
        });
        assert_eq!(stop.unwrap().stop, StopReason::Observer);
        let Checkpoint {
            network: mut resumed,
            state,
        } = load_checkpoint::<Matrix<T>>(&path).unwrap();
        assert_eq!(resumed, network);
        assert_eq!(
            (state.position.steps as usize, state.position.batch),
            (batches, (batches - 1) % BATCHES + 1)
        );
        let mut second = trainer(optimizer());
        second.restore(state, resumed.layers()).unwrap();
        second.fit(&mut resumed, samples, options()).unwrap();
        assert!((resumed, second.state()) == expected, "stopped after {batches} batches");
        stopped += 1;
    }
    stopped
}

/// A trainer without settings of its own goes on from the state.
#[test]
fn a_checkpoint_holds_schedules_and_factors() {
    let factors = |weights, bias| Factors { weights, bias };
    let rates = [factors(1.0, 0.1), factors(0.1, 3.0), factors(1.0 / 3.0, 0.0)];
    let data = Data::<f64>::new();
    let samples = data.train().unwrap();
    let adamw = AdamW::new(0.02).unwrap().learning_rate_factors(&rates).unwrap();
    let mut whole = Trainer::new(HalfMse, adamw.weight_decay_factors(&rates).unwrap())
        .weight_decay_schedule(0.3, Schedule::flat_cosine(9).unwrap(), Every::Batch)
        .unwrap()
        .dropout(
            Dropout::new(0.3, 9)
                .unwrap()
                .schedule(Schedule::cosine_log(2, 9).unwrap()),
        );
    let mut network = network();
    for _ in 0..6 {
        whole.step(&mut network, samples).unwrap();
    }
    let bytes = checkpoint_to_bytes(&network, &whole.state()).unwrap();
    let checkpoint = checkpoint_from_bytes::<Matrix<f64>>(&bytes).unwrap();
    assert_eq!(checkpoint.state, whole.state());
    let (mut resumed, mut other) = (checkpoint.network, Trainer::new(HalfMse, AdamW::new(0.5).unwrap()));
    other.restore(checkpoint.state, resumed.layers()).unwrap();
    for _ in 0..6 {
        whole.step(&mut network, samples).unwrap();
        other.step(&mut resumed, samples).unwrap();
    }
    assert_eq!((resumed, other.state()), (network, whole.state()));
}

#[test]
fn resuming_equals_never_having_stopped() {
    resume::<f32, _>(|| Momentum::new(0.05, 0.9).unwrap());
    resume::<f64, _>(|| Momentum::new(0.05, 0.9).unwrap());
    resume::<f32, _>(|| Adam::new(0.02).unwrap());
    resume::<f64, _>(|| Adam::new(0.02).unwrap());
    resume::<f32, _>(|| Lbfgs::new(0.5).unwrap());
    resume::<f64, _>(|| Lbfgs::new(0.5).unwrap());
    resume::<f32, _>(|| GaussNewton::new(0.5).unwrap());
    resume::<f64, _>(|| GaussNewton::new(0.5).unwrap());
}

#[test]
fn resuming_is_exact_with_every_optimizer() {
    resume_here_and_there::<f32, _>(|| GradientDescent::new(0.05).unwrap());
    resume_here_and_there::<f64, _>(|| GradientDescent::new(0.05).unwrap());
    resume_here_and_there::<f32, _>(|| Momentum::new(0.05, 0.9).unwrap().nesterov(true));
    resume_here_and_there::<f64, _>(|| Momentum::new(0.05, 0.9).unwrap().nesterov(true));
    resume_here_and_there::<f32, _>(|| RmsProp::new(0.01).unwrap());
    resume_here_and_there::<f64, _>(|| RmsProp::new(0.01).unwrap());
    resume_here_and_there::<f32, _>(|| Adagrad::new(0.05).unwrap());
    resume_here_and_there::<f64, _>(|| Adagrad::new(0.05).unwrap());
    resume_here_and_there::<f32, _>(|| AdamW::new(0.02).unwrap());
    resume_here_and_there::<f64, _>(|| AdamW::new(0.02).unwrap());
    resume_here_and_there::<f32, _>(|| NAdam::new(0.02).unwrap());
    resume_here_and_there::<f64, _>(|| NAdam::new(0.02).unwrap());
}

#[test]
fn resuming_is_exact_with_an_optimizer_chosen_by_name() {
    for name in OptimizerKind::NAMES {
        let kind: OptimizerKind = name.parse().unwrap();
        resume_here_and_there::<f64, _>(|| kind.build(0.02).unwrap());
    }
}

/// Returns a network and a state with everything in it. The history has epochs without validation.
fn training() -> (Mlp<Matrix<f64>>, TrainerState<Matrix<f64>>) {
    let data = Data::<f64>::new();
    let mut network = network();
    let mut trainer = trainer(Adam::new(0.02).unwrap());
    let options = FitOptions::epochs(4).batch_size(6);
    let validated = data.train().unwrap().with_validation(data.validation().unwrap());
    trainer.fit(&mut network, validated, options).unwrap();
    trainer
        .fit_with(&mut network, validated, options, |_| ControlFlow::Break(()))
        .unwrap();
    let mut state = trainer.state();
    state.stopping.as_mut().unwrap().best_layers = network.layers().to_vec();
    // This is the history after two epochs without validation.
    let History {
        validation_loss,
        metrics,
        ..
    } = &mut state.history;
    for column in metrics.iter_mut().map(|(_, values)| values).chain([validation_loss]) {
        column[2..].fill(f64::NAN);
    }
    (network, state)
}

/// Formats a checkpoint as text, so that NaN equals NaN.
pub(super) fn shown<B: std::fmt::Debug>(checkpoint: &B) -> String {
    format!("{checkpoint:?}")
}

#[test]
fn a_checkpoint_is_loaded_exactly_as_it_was_saved() {
    let (network, mut state) = training();
    let bytes = checkpoint_to_bytes(&network, &state).unwrap();
    let loaded = checkpoint_from_bytes::<Matrix<f64>>(&bytes).unwrap();
    assert!(loaded.state.history.validation_loss[2].is_nan() && loaded.state.history.validation_loss[1].is_finite());
    assert_eq!(
        shown(&loaded),
        shown(&Checkpoint {
            network: network.clone(),
            state: state.clone()
        })
    );
    assert_eq!(checkpoint_to_bytes(&loaded.network, &loaded.state).unwrap(), bytes);

    // JSON has no notation for these numbers.
    state.stopping.as_mut().unwrap().best = Some(f64::INFINITY);
    state.history.loss[..3].copy_from_slice(&[f64::NAN, f64::INFINITY, f64::NEG_INFINITY]);
    let bytes = checkpoint_to_bytes(&network, &state).unwrap();
    assert_eq!(
        shown(&checkpoint_from_bytes::<Matrix<f64>>(&bytes).unwrap()),
        shown(&Checkpoint { network, state })
    );
}

#[test]
fn a_trainer_that_has_not_started_has_a_checkpoint_too() {
    let network = network::<f32>();
    let state = trainer(Lbfgs::new(1.0).unwrap()).state();
    let bytes = checkpoint_to_bytes(&network, &state).unwrap();
    assert_eq!(
        checkpoint_from_bytes::<Matrix<f32>>(&bytes).unwrap(),
        Checkpoint { network, state }
    );
}

#[test]
fn damaged_checkpoints_are_refused_without_a_panic() {
    let (network, state) = training();
    let bytes = checkpoint_to_bytes(&network, &state).unwrap();
    for length in 0..bytes.len() {
        assert!(
            checkpoint_from_bytes::<Matrix<f64>>(&bytes[..length]).is_err(),
            "{length}"
        );
    }
    let mut damaged = bytes.clone();
    let exhaustive = std::env::var_os("MLP_TEST_EXHAUSTIVE").is_some();
    for byte in 0..bytes.len() {
        // Flips one bit of each byte, in turn, or all of them.
        let bits = if exhaustive { 0..8 } else { byte % 8..byte % 8 + 1 };
        for bit in bits {
            damaged[byte] ^= 1 << bit;
            if let Ok(checkpoint) = checkpoint_from_bytes::<Matrix<f64>>(&damaged) {
                go_on(checkpoint);
            }
            damaged[byte] = bytes[byte];
        }
    }
}

/// Continues with a loaded checkpoint. The trainer must refuse it, train for an epoch, or return an error.
fn go_on(Checkpoint { mut network, state }: Checkpoint<Matrix<f64>>) {
    let data = Data::<f64>::new();
    let mut trainer = trainer(Adam::new(0.02).unwrap());
    if trainer.restore(state, network.layers()).is_ok() {
        let samples = data.train().unwrap().with_validation(data.validation().unwrap());
        _ = trainer.fit(&mut network, samples, FitOptions::epochs(1).batch_size(6));
    }
}

/// Each part of the position is out of its range in turn.
#[test]
fn states_that_contradict_themselves_are_refused() {
    let (network, state) = training();
    let refused = |change: &dyn Fn(&mut TrainerState<Matrix<f64>>)| {
        let mut state = state.clone();
        change(&mut state);
        let mut trainer = trainer(Adam::new(0.02).unwrap());
        trainer.restore(state, network.layers()).unwrap_err().to_string()
    };
    assert_eq!(
        refused(&|state| state.position.batch = 5),
        "trainer state: batches done: expected at most 4, got 5"
    );
    assert_eq!(
        refused(&|state| state.position.pass = None),
        "trainer state: batches done: expected at most 0, got 1"
    );
    assert_eq!(
        refused(&|state| state.position.steps = u64::MAX),
        format!("trainer state: steps: expected less than 2^53, got {}", u64::MAX)
    );
    assert_eq!(
        refused(&|state| state.position.weight = f64::NAN).split(',').next(),
        Some("trainer state: loss and weight of the epoch: expected finite numbers")
    );
    assert_eq!(
        refused(&|state| state.position.epoch = 7),
        "trainer state: epochs in the history: expected 7, got 4"
    );
    assert_eq!(
        refused(&|state| state.position.pass.as_mut().unwrap().batch_size = 0),
        "trainer state: samples in a batch: expected at least 1, got 0"
    );
}

/// Returns the bytes of the file with `from` replaced by `to` in its metadata.
fn changed(bytes: &[u8], from: &str, to: &str) -> Vec<u8> {
    let length = u64::from_le_bytes(*bytes.first_chunk().unwrap()) as usize;
    let header = std::str::from_utf8(&bytes[8..8 + length]).unwrap();
    let quoted = |text: &str| text.replace('"', "\\\"");
    assert_eq!(header.matches(&quoted(from)).count(), 1, "{from} in {header}");
    let header = header.replace(&quoted(from), &quoted(to));
    [
        &(header.len() as u64).to_le_bytes(),
        header.as_bytes(),
        &bytes[8 + length..],
    ]
    .concat()
}

#[test]
fn malformed_checkpoint_metadata_is_refused_with_its_own_error() {
    let (network, state) = training();
    let bytes = checkpoint_to_bytes(&network, &state).unwrap();
    let error = |from, to| {
        let bytes = changed(&bytes, from, to);
        checkpoint_from_bytes::<Matrix<f64>>(&bytes).unwrap_err().to_string()
    };
    for (from, to, expected) in [
        (
            r#"{"version":2,"#,
            r#"{"version":3,"#,
            "expected format version 2 or older, got 3: a newer version of this library wrote the file",
        ),
        (
            r#"{"version":2,"#,
            r#"{"version":1,"#,
            "expected format version 2 or newer, got 1: an older version of this library wrote the file",
        ),
        (
            r#"{"version":2,"#,
            r#"{"version":0,"#,
            "expected format version 2 or newer, got 0",
        ),
        (
            r#""dropout":{"#,
            r#""drop":1,"dropout":{"#,
            "metadata mlp_checkpoint: line 1, column",
        ),
        (
            r#""layer_sizes":[2,6,4,1]"#,
            r#""layer_sizes":[2]"#,
            "expected at least two layer_sizes, each at least 1, got [2]",
        ),
        (
            r#""layer_sizes":[2,6,4,1]"#,
            r#""layer_sizes":[2,6,5,1]"#,
            "tensor `layers.1.weight`: expected the shape [5, 6], got [4, 6]",
        ),
        (r#"{"name":"identity"}"#, r#"{"name":"identify"}"#, "layer 2: "),
        (
            r#""warm_up""#,
            r#""warm_down""#,
            "unknown variant `warm_down`, expected one of",
        ),
        (r#""warm_up""#, r#""\\u007f""#, r"unknown variant `\u{7f}`"),
        (
            r#""warm_up":{"steps":7}"#,
            r#""warm_up":{"steps":0}"#,
            "steps: expected a whole number of at least 1, got 0",
        ),
        (
            r#""batch"],"#,
            r#""blue moon"],"#,
            "unknown variant `blue moon`, expected `epoch` or `batch`",
        ),
        (
            r#""probability":0.1"#,
            r#""probability":1.5"#,
            "dropout probability: expected a number of at least 0 and below 1, got 1.5",
        ),
        (
            r#"["first_moment",3]"#,
            r#"["first_moment",4]"#,
            "the tensor `optimizer.first_moment.3.weight` is missing",
        ),
        (
            r#"["first_moment",3]"#,
            r#"["first_moment",2]"#,
            "unexpected tensor `optimizer.first_moment.2.",
        ),
        (
            r#""layers":3"#,
            r#""layers":2"#,
            "the best parameters: expected 3, one per layer, got 2",
        ),
        (
            r#""metrics":["mae","r2"]"#,
            r#""metrics":["mud","r2"]"#,
            "unknown metric `mud`",
        ),
        (
            r#""metrics":["mae","r2"]"#,
            r#""metrics":["rmse","r2"]"#,
            "the tensor `history.metric.rmse` is missing",
        ),
        (
            r#""metrics":["mae","r2"]"#,
            r#""metrics":["r2"]"#,
            "unexpected tensor `history.metric.mae`",
        ),
        (
            r#""metrics":["mae","r2"]"#,
            r#""metrics":["mae","mae"]"#,
            "metadata mlp_checkpoint: history: the metric mae appears twice",
        ),
        (
            r#""epochs":4"#,
            r#""epochs":5"#,
            "tensor `history.learning_rate`: expected the shape [5], got [4]",
        ),
    ] {
        let got = error(from, to);
        assert!(got.contains(expected), "{to}: expected {expected}, got {got}");
    }
}

#[test]
fn a_checkpoint_is_not_a_model_and_has_one_type() {
    let (network, state) = training();
    let directory = tempfile::tempdir().unwrap();
    let path = directory.path().join("training.safetensors");
    save_checkpoint(&path, &network, &state).unwrap();
    let error = load_model::<Matrix<f64>>(&path).unwrap_err();
    assert_eq!(error.message, "expected a model, got a checkpoint");
    let error = inspect(&path).unwrap_err();
    assert_eq!(error.message, "expected a model or a PyTorch network, got a checkpoint");
    let model = model_to_bytes(&Model::new(network.clone(), HalfMse)).unwrap();
    let error = checkpoint_from_bytes::<Matrix<f64>>(&model).unwrap_err();
    assert_eq!(error.message, "expected a checkpoint, got a model");
    let error = load_checkpoint::<Matrix<f32>>(&path).unwrap_err();
    assert_eq!(error.kind, LoadErrorKind::Dtype, "{error}");
}

#[test]
fn a_checkpoint_that_could_not_be_loaded_is_not_saved() {
    let (network, state) = training();
    type Change<'a> = &'a dyn Fn(&mut Mlp<Matrix<f64>>, &mut TrainerState<Matrix<f64>>);
    let refused = |change: Change<'_>| {
        let (mut network, mut state) = (network.clone(), state.clone());
        change(&mut network, &mut state);
        let error = checkpoint_to_bytes(&network, &state).unwrap_err().to_string();
        error.strip_prefix("cannot be saved: ").unwrap().to_owned()
    };
    assert_eq!(
        refused(&|network, _| *network = Mlp::builder(&[2, 5, 1]).build().unwrap()),
        "tensor `optimizer.first_moment.0.weight`: expected the shape [5, 2], got [6, 2]"
    );
    assert_eq!(
        refused(&|_, state| state.optimizer.tensors[1].1[2].bias = Matrix::zeros(2, 1)),
        "tensor `optimizer.second_moment.2.bias`: expected the shape [1], got [2]"
    );
    assert_eq!(
        refused(&|network, _| network.layers_mut()[1].bias = Matrix::zeros(4, 2)),
        "layer 1: expected bias of 4 x 1, got 4 x 2"
    );
    assert_eq!(
        refused(&|_, state| state.stopping.as_mut().unwrap().best_layers.truncate(1)),
        "the best parameters: expected 3, one per layer, got 1"
    );
    assert_eq!(
        refused(&|_, state| state.stopping.as_mut().unwrap().best_layers.swap(0, 1)),
        "tensor `best.0.weight`: expected the shape [6, 2], got [4, 6]"
    );
    assert_eq!(
        refused(&|_, state| state.history.validation_loss.truncate(3)),
        "tensor `history.validation_loss`: expected the shape [4], got [3]"
    );
    assert_eq!(
        refused(&|_, state| state.history.metrics[0].1.push(1.0)),
        "tensor `history.metric.mae`: expected the shape [4], got [5]"
    );
    assert_eq!(
        refused(&|_, state| state.history.metrics[1].0 = Metric::Mae),
        "metadata mlp_checkpoint: history: the metric mae appears twice"
    );
    assert_eq!(
        refused(&|_, state| {
            state.history = Default::default();
            state.history.metrics = vec![(Metric::Mae, vec![]), (Metric::Mae, vec![])];
        }),
        "metadata mlp_checkpoint: history: the metric mae appears twice"
    );
    let message = refused(&|_, state| state.plateau.as_mut().unwrap().factor = 2.0);
    assert!(
        message.ends_with(": factor: expected a number from 0 to 1, got 2"),
        "{message}"
    );
}

#[test]
fn a_history_that_will_not_fit_is_refused_with_the_first_checkpoint() {
    let refused = |sizes: &[usize], history: usize| {
        let optimizer = Lbfgs::new(0.5).unwrap().history_size(history).unwrap();
        let network = Mlp::<Matrix<f64>>::builder(sizes).build().unwrap();
        let state = Trainer::new(HalfMse, optimizer).state();
        checkpoint_to_bytes(&network, &state)
            .map_err(|error| error.to_string())
            .err()
    };
    assert_eq!(refused(&[32; 12], 100), None);
    assert_eq!(
        refused(&[32; 12], 1_500).unwrap(),
        "cannot be saved: L-BFGS: a checkpoint of 11 layers has room for a history of at most 1487 steps, got 1500"
    );
    assert_eq!(refused(&[32; 12], 1_487), None);
    // It is not loaded either, because a checkpoint that loads must also be savable.
    let optimizer = Lbfgs::new(0.5).unwrap().history_size(1_487).unwrap();
    let network = Mlp::<Matrix<f64>>::builder(&[32; 12]).build().unwrap();
    let bytes = checkpoint_to_bytes(&network, &Trainer::new(HalfMse, optimizer).state()).unwrap();
    let bytes = changed(&bytes, r#"["history_size",1487.0]"#, r#"["history_size",1488.0]"#);
    let error = checkpoint_from_bytes::<Matrix<f64>>(&bytes).unwrap_err();
    assert_eq!(error.kind, LoadErrorKind::Unsupported);
    assert!(error.message.ends_with("at most 1487 steps, got 1488"), "{error}");
    // A full history is saved and loaded.
    let refusal = refused(&[2; 9], 3_000).unwrap();
    let limit = refusal
        .split("at most ")
        .nth(1)
        .unwrap()
        .split(' ')
        .next()
        .unwrap()
        .parse()
        .unwrap();
    assert!(limit < 3_000, "{refusal}");
    let optimizer = || {
        Lbfgs::new(0.5)
            .unwrap()
            .history_size(limit)
            .unwrap()
            .tolerances(0.0, 0.0)
            .unwrap()
    };
    let mut network = Mlp::<Matrix<f64>>::builder(&[2; 9])
        .hidden(Tanh)
        .seed(3)
        .build()
        .unwrap();
    let data = Data::<f64>::new();
    let target = Matrix::from_fn(2, 23, |i, j| ((3 * i + 5 * j) as f64).cos());
    let samples = Samples::new(&data.0[0], &target).unwrap();
    let mut trainer = Trainer::new(HalfMse, optimizer());
    trainer.fit(&mut network, samples, FitOptions::until(5)).unwrap();
    let mut state = trainer.state();
    for (_, layers) in state
        .optimizer
        .tensors
        .iter_mut()
        .filter(|(_, layers)| layers.len() > 8)
    {
        *layers = layers.iter().cycle().take(8 * limit).cloned().collect();
    }
    let lengths: Vec<_> = state.optimizer.tensors.iter().map(|(_, layers)| layers.len()).collect();
    assert_eq!(
        lengths.iter().filter(|&&length| length == 8 * limit).count(),
        2,
        "{lengths:?}"
    );
    let bytes = checkpoint_to_bytes(&network, &state).unwrap();
    assert!(checkpoint_from_bytes::<Matrix<f64>>(&bytes).unwrap().state.optimizer == state.optimizer);
}

#[test]
fn the_newest_is_found_while_newer_ones_are_written() {
    let temporary = tempfile::tempdir().unwrap();
    let (network, mut state) = training();
    let directory = CheckpointDirectory::new(temporary.path(), 1).unwrap();
    state.position.steps = 1;
    directory.save(&network, &state).unwrap();
    let over = AtomicBool::new(false);
    std::thread::scope(|scope| {
        scope.spawn(|| {
            while !over.load(Ordering::Relaxed) {
                state.position.steps += 1;
                directory.save(&network, &state).unwrap();
            }
        });
        let mut found = Vec::new();
        let mut failed = Ok(());
        for _ in 0..300 {
            match directory.load_latest::<Matrix<f64>>() {
                Ok(latest) => found.push(latest.unwrap().state.position.steps),
                Err(error) => failed = Err(error),
            }
        }
        over.store(true, Ordering::Relaxed);
        failed.unwrap();
        assert!(found.is_sorted());
    });
}

#[test]
fn a_directory_keeps_the_last_checkpoints() {
    let temporary = tempfile::tempdir().unwrap();
    let path = temporary.path().join("some/checkpoints");
    let (network, mut state) = training();
    let directory = CheckpointDirectory::new(&path, 3).unwrap();
    assert_eq!(directory.load_latest::<Matrix<f64>>().unwrap().map(|c| shown(&c)), None);
    fs::write(path.join("notes.txt"), "not a checkpoint").unwrap();
    fs::write(path.join("checkpoint-best.safetensors"), "somebody's").unwrap();
    let begun = path.join(format!(".checkpoint-{:020}.safetensors.0123456789abcdef.tmp", 7));
    fs::write(&begun, "begun").unwrap();
    let others = [
        ".checkpoint-7.safetensors.0123456789abcdef.tmp",
        ".checkpoint-00000000000000000007.safetensors.0123456789abcdeg.tmp",
        ".checkpoint-00000000000000000007.safetensors.0123.tmp",
        ".checkpoint-best.safetensors.0123456789abcdef.tmp",
    ];
    for other in others {
        fs::write(path.join(other), "somebody's, who is writing it").unwrap();
    }
    fs::create_dir(path.join(format!("checkpoint-{:020}.safetensors", 9_999))).unwrap();
    let names = |directory: &CheckpointDirectory| -> Vec<String> {
        let paths = directory.paths().unwrap();
        paths
            .iter()
            .map(|path| path.file_name().unwrap().to_str().unwrap().to_owned())
            .collect()
    };
    for steps in [1, 2, 10, 100, 1000] {
        state.position.steps = steps;
        let saved = directory.save(&network, &state).unwrap();
        let latest = directory.load_latest::<Matrix<f64>>().unwrap().unwrap();
        assert_eq!(latest.state.position.steps, steps);
        assert_eq!(directory.paths().unwrap().last(), Some(&saved));
    }
    let name = |steps: u64| format!("checkpoint-{steps:020}.safetensors");
    assert_eq!(names(&directory), [name(10), name(100), name(1000)]);
    assert!(path.join("checkpoint-best.safetensors").exists());
    assert!(path.join("notes.txt").exists() && !begun.exists());
    assert!(others.iter().all(|other| path.join(other).exists()));

    // Training that resumed from an earlier checkpoint removes the later ones of its first run.
    state.position.steps = 50;
    directory.save(&network, &state).unwrap();
    assert_eq!(names(&directory), [name(10), name(50)]);

    // If the newest checkpoint cannot be loaded, this is an error. An earlier one is not used silently.
    fs::write(path.join(name(60)), "broken").unwrap();
    let error = directory.load_latest::<Matrix<f64>>().unwrap_err();
    assert_eq!(
        error.to_string(),
        format!(
            "{}: expected at least 8 bytes, got 6; there are earlier checkpoints (2): delete this file to resume from the newest of them",
            path.join(name(60)).display()
        )
    );
    assert!(CheckpointDirectory::new(path.join("notes.txt"), 3).is_err());
    assert_eq!(
        CheckpointDirectory::new(&path, 0)
            .unwrap()
            .save(&network, &state)
            .unwrap(),
        path.join(name(50))
    );
    assert_eq!(names(&directory), [name(50)], "at least one checkpoint is kept");
}

/// Keras #5253: what a format has no room for is noticed when the training is over.
#[test]
fn a_checkpoint_is_saved_whatever_its_number_of_layers_or_epochs() {
    let saved_and_loaded = |sizes: &[usize], epochs: usize| {
        let network = Mlp::<Matrix<f32>>::builder(sizes).hidden(Tanh).build().unwrap();
        let (input, target) = (Matrix::zeros(sizes[0], 2), Matrix::zeros(*sizes.last().unwrap(), 2));
        let samples = Samples::new(&input, &target).unwrap();
        let mut trainer = Trainer::new(HalfMse, Adam::new(0.1).unwrap()).early_stopping(EarlyStopping::new(3));
        let mut trained = network.clone();
        let data = samples.with_validation(samples);
        trainer.fit(&mut trained, data, FitOptions::epochs(1)).unwrap();
        let mut state = trainer.state();
        state.position.epoch = epochs as u64;
        for numbers in [
            &mut state.history.loss,
            &mut state.history.validation_loss,
            &mut state.history.learning_rate,
        ] {
            numbers.resize(epochs, 0.1);
        }
        let bytes = checkpoint_to_bytes(&trained, &state).unwrap();
        let loaded = checkpoint_from_bytes::<Matrix<f32>>(&bytes).unwrap();
        assert!(loaded.network == trained && loaded.state == state, "{epochs} epochs");
    };
    saved_and_loaded(&[1; 4_001], 1);
    saved_and_loaded(&[2, 3, 1], 300_000);
}
