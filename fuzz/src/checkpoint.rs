//! Fuzzes the reader of checkpoints.

use crate::check_message;
use crate::memory::bounded;
use crate::model::both;
use mlp_core::{
    Adagrad, Adam, AdamW, EarlyStopping, FitOptions, GaussNewton, GradientDescent, HalfMse, Lbfgs, Momentum, Monitor,
    NAdam, Optimizer, ReduceOnPlateau, RmsProp, Samples, Trainer,
};
use mlp_cpu::{Element, Matrix};
use mlp_io::{Checkpoint, Number, checkpoint_from_bytes, checkpoint_to_bytes};

/// Checks that a file that loads as a checkpoint of `f32` or `f64` can be saved, and that the saved file loads as the
/// same checkpoint and saves to the same bytes. A trainer with its kind of optimizer must either refuse the state, or
/// restore it and then train an epoch or return an error.
pub fn checkpoint(bytes: &[u8]) -> bool {
    both(bytes, |bytes| load::<f32>(bytes) || load::<f64>(bytes))
}

fn load<T: Element + Number>(bytes: &[u8]) -> bool {
    let checkpoint = match bounded(bytes, checkpoint_from_bytes::<Matrix<T>>) {
        Ok(checkpoint) => checkpoint,
        Err(error) => {
            check_message(&error);
            return false;
        }
    };
    let saved = checkpoint_to_bytes(&checkpoint.network, &checkpoint.state).expect("a loaded checkpoint can be saved");
    let again = checkpoint_from_bytes::<Matrix<T>>(&saved).expect("a saved checkpoint can be loaded");
    // The comparison is of texts, so that NaN equals NaN.
    let (before, after) = (format!("{checkpoint:?}"), format!("{again:?}"));
    assert!(before == after, "the checkpoint changed from {before} to {after}");
    let bytes = checkpoint_to_bytes(&again.network, &again.state).unwrap();
    assert!(bytes == saved, "saving again gave other bytes");
    resume(&checkpoint);
    true
}

fn resume<T: Element + Number>(checkpoint: &Checkpoint<Matrix<T>>) {
    match checkpoint.state.optimizer.kind.as_str() {
        "gradient_descent" => restore(checkpoint, || GradientDescent::new(0.1)),
        "momentum" => restore(checkpoint, || Momentum::new(0.1, 0.9)),
        "rms_prop" => restore(checkpoint, || RmsProp::new(0.1)),
        "adagrad" => restore(checkpoint, || Adagrad::new(0.1)),
        "adam" => restore(checkpoint, || Adam::new(0.1)),
        "adamw" => restore(checkpoint, || AdamW::new(0.1)),
        "nadam" => restore(checkpoint, || NAdam::new(0.1)),
        "lbfgs" => restore(checkpoint, || Lbfgs::new(0.1)),
        "gauss_newton" => restore(checkpoint, || GaussNewton::new(0.1)),
        _ => {}
    }
}

fn restore<T: Element + Number, O: Optimizer<Matrix<T>>, E: std::fmt::Debug>(
    checkpoint: &Checkpoint<Matrix<T>>,
    optimizer: impl Fn() -> Result<O, E>,
) {
    let Checkpoint { network, state } = checkpoint;
    let trainer = || {
        let metrics: Vec<_> = state.history.metrics.iter().map(|(metric, _)| *metric).collect();
        let mut trainer = Trainer::new(HalfMse, optimizer().unwrap()).metrics(&metrics);
        if state.plateau.is_some() {
            trainer = trainer.reduce_on_plateau(ReduceOnPlateau::new(0.5, 1).unwrap(), Monitor::TrainingLoss);
        }
        if state.stopping.is_some() {
            trainer = trainer.early_stopping(EarlyStopping::new(5));
        }
        trainer
    };
    let mut first = trainer();
    if let Err(error) = first.restore(state.clone(), network.layers()) {
        assert!(!error.to_string().is_empty());
        return;
    }
    // The comparison is with the restored state, not the loaded one: names may come in another order, and a learning
    // rate that nothing changes is that of the optimizer.
    let taken_up = first.state();
    let mut second = trainer();
    second
        .restore(taken_up.clone(), network.layers())
        .expect("the state of a trainer can be restored");
    let (got, expected) = (format!("{:?}", second.state()), format!("{taken_up:?}"));
    assert!(got == expected, "the state changed from {expected} to {got}");

    let mut network = network.clone();
    let sizes = network.layer_sizes();
    let (input, target) = (Matrix::zeros(sizes[0], 3), Matrix::zeros(sizes[sizes.len() - 1], 3));
    let samples = Samples::new(&input, &target).unwrap();
    let options = FitOptions::until(state.position.epoch.saturating_add(1)).batch_size(2);
    // An error is allowed, because the numbers may be of any size.
    _ = first.fit(&mut network, samples.with_validation(samples), options);
}
