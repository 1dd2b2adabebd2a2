//! Training crashes in the middle of an epoch and resumes from the last checkpoint. The result is bit for bit that of
//! training that never stopped.
//!
//! ```sh
//! cargo run --release -p mlp-io --example resume
//! ```
#![allow(clippy::print_stdout, reason = "an example shows what it does")]

use mlp_core::activations::Tanh;
use mlp_core::{
    Adam, Clip, Dropout, EarlyStopping, Event, Every, FitOptions, HyperParameterError, Mlp, Mse, Samples, Schedule,
    StopReason, Trainer,
};
use mlp_cpu::Matrix;
use mlp_io::{CheckpointDirectory, checkpoint_to_bytes};
use std::error::Error;
use std::ops::ControlFlow;
use std::path::Path;

type Network = Mlp<Matrix<f32>>;
type Training = Trainer<Matrix<f32>, Mse, Adam<Matrix<f32>>>;

/// A checkpoint is written every this many steps.
const SAVE_EVERY: u64 = 10;

fn main() -> Result<(), Box<dyn Error>> {
    let directory = tempfile::tempdir()?;

    let (network, trainer) = train(&directory.path().join("whole"), None)?;
    let whole = checkpoint_to_bytes(&network, &trainer.state())?;
    println!(
        "never stopped: loss {:.6}",
        trainer.history().loss[trainer.history().epochs() - 1]
    );

    // The same training in a directory of its own. It crashes seven steps after a checkpoint.
    let path = directory.path().join("crashed");
    train(&path, Some(107))?;
    println!("crashed in step 107");

    // A new process would make the same call, which finds the checkpoints in the directory.
    let (network, trainer) = train(&path, None)?;
    println!(
        "resumed: loss {:.6}",
        trainer.history().loss[trainer.history().epochs() - 1]
    );
    let resumed = checkpoint_to_bytes(&network, &trainer.state())?;
    assert!(
        resumed == whole,
        "the parameters, the optimizer and the history must be the same byte for byte"
    );
    Ok(())
}

/// Returns the trainer with all its settings. Resumed training needs the same settings as before it stopped.
fn trainer() -> Result<Training, HyperParameterError> {
    Ok(Trainer::new(Mse, Adam::new(0.01)?)
        .schedule(Schedule::one_cycle(400, 0.3, 25.0, 1e4)?, Every::Batch)
        .dropout(Dropout::new(0.05, 7)?)
        .clip(Clip::norm(1.0)?)
        .early_stopping(EarlyStopping::new(50)))
}

/// Trains from the last checkpoint in the directory, or from the start if there is none. Stops after `crash` steps, as
/// if it had crashed.
fn train(path: &Path, crash: Option<u64>) -> Result<(Network, Training), Box<dyn Error>> {
    let data = [sine(0.0, 240), sine(0.01, 60)];
    let [train, held_out] = &data;
    let data = Samples::new(&train.0, &train.1)?.with_validation(Samples::new(&held_out.0, &held_out.1)?);

    let mut network = Network::builder(&[1, 32, 32, 1]).hidden(Tanh).seed(1).build()?;
    let mut trainer = trainer()?;
    let checkpoints = CheckpointDirectory::new(path, 3)?; // the last three are kept
    if let Some(checkpoint) = checkpoints.load_latest()? {
        network = checkpoint.network;
        trainer.restore(checkpoint.state, network.layers())?;
        let position = trainer.state().position;
        println!(
            "resuming after step {}, in epoch {}, batch {}",
            position.steps, position.epoch, position.batch
        );
        assert!(position.batch > 0, "training should resume in the middle of an epoch");
    }

    // 240 samples in batches of 16 are 15 steps per epoch. `until` also counts the epochs before the crash.
    let options = FitOptions::until(20).batch_size(16).shuffle(3);
    let mut failure = None;
    let mut steps = trainer.state().position.steps;
    let fitted = trainer.fit_with(&mut network, data, options, |progress| {
        if let Event::Batch { .. } = progress.event {
            steps += 1;
            if steps % SAVE_EVERY == 0
                && let Err(error) = checkpoints.save(progress.network, &progress.state())
            {
                failure = Some(error);
                return ControlFlow::Break(());
            }
            if crash == Some(steps) {
                return ControlFlow::Break(());
            }
        }
        ControlFlow::Continue(())
    })?;
    if let Some(error) = failure {
        return Err(error.into());
    }
    assert_eq!(fitted.stop == StopReason::Observer, crash.is_some());
    assert!(checkpoints.paths()?.len() <= 3);
    Ok((network, trainer))
}

/// Returns samples of a sine.
fn sine(from: f32, samples: usize) -> (Matrix<f32>, Matrix<f32>) {
    let input = Matrix::from_fn(1, samples, |_, j| from + 6.0 * j as f32 / samples as f32 - 3.0);
    let target = Matrix::from_fn(1, samples, |_, j| (2.0 * input[(0, j)]).sin());
    (input, target)
}
