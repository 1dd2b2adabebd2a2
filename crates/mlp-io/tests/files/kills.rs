//! Training that is killed at random moments, again and again, resumes from its checkpoints as if nothing had happened.

use super::checkpoints::{Data, network, shown};
use mlp_core::state::TrainerState;
use mlp_core::{Adam, Dropout, Event, FitOptions, HalfMse, Mlp, Trainer};
use mlp_cpu::Matrix;
use mlp_io::CheckpointDirectory;
use rand::rngs::Xoshiro256PlusPlus;
use rand::{RngExt as _, SeedableRng as _};
use std::env;
use std::ops::ControlFlow;
use std::path::Path;
use std::process::{Command, Stdio};
use std::thread;
use std::time::{Duration, Instant};

/// The variable that tells the child process the directory of the checkpoints.
const PATH: &str = "MLP_IO_TEST_CHECKPOINTS";
/// The variable that sets how many times to kill.
const KILLS: &str = "MLP_IO_TEST_KILLS";

/// Trains from the start or the last checkpoint until `epochs` are done, and saves a checkpoint after every second
/// batch.
fn train(checkpoints: Option<&CheckpointDirectory>, epochs: u64) -> (Mlp<Matrix<f32>>, TrainerState<Matrix<f32>>) {
    let data = Data::<f32>::new();
    let mut network = network();
    let dropout = Dropout::new(0.1, 9).unwrap();
    let mut trainer = Trainer::new(HalfMse, Adam::new(0.001).unwrap()).dropout(dropout);
    if let Some(checkpoint) = checkpoints.and_then(|checkpoints| checkpoints.load_latest().unwrap()) {
        network = checkpoint.network;
        trainer.restore(checkpoint.state, network.layers()).unwrap();
    }
    let options = FitOptions::until(epochs).batch_size(6).shuffle(4);
    trainer
        .fit_with(&mut network, data.train().unwrap(), options, |progress| {
            if let (Event::Batch { batch, .. }, Some(checkpoints)) = (progress.event, checkpoints)
                && batch % 2 == 1
            {
                checkpoints.save(progress.network, &progress.state()).unwrap();
            }
            ControlFlow::Continue(())
        })
        .unwrap();
    (network, trainer.state())
}

/// The work of the child process until it is killed. As an ordinary test, it does nothing.
#[test]
fn train_until_killed() {
    if let Some(path) = env::var_os(PATH) {
        train(Some(&CheckpointDirectory::new(path, 3).unwrap()), u64::MAX);
    }
}

/// Returns the number of steps of the newest checkpoint, which must be loadable at any moment.
fn steps(path: &Path) -> u64 {
    let checkpoints = CheckpointDirectory::new(path, 3).unwrap();
    let latest = checkpoints.load_latest::<Matrix<f32>>().unwrap();
    latest.map_or(0, |checkpoint| checkpoint.state.position.steps)
}

#[test]
fn training_killed_at_any_moment_equals_uninterrupted_training() {
    let kills: u32 = env::var(KILLS).map_or(20, |kills| kills.parse().expect("MLP_IO_TEST_KILLS must be a number"));
    let directory = tempfile::tempdir().unwrap();
    let path = directory.path().join("checkpoints");
    let mut random = Xoshiro256PlusPlus::seed_from_u64(7);
    let mut last = 0;
    for kill in 0..kills {
        let mut child = Command::new(env::current_exe().unwrap())
            .args(["--exact", "kills::train_until_killed"])
            .env(PATH, &path)
            .stdout(Stdio::null())
            .spawn()
            .unwrap();
        // The kill waits until the child has made progress.
        let started = Instant::now();
        while steps(&path) <= last {
            assert!(
                started.elapsed() < Duration::from_secs(60),
                "kill {kill}: the child wrote no checkpoint within a minute"
            );
            assert_eq!(child.try_wait().unwrap(), None, "kill {kill}: the child ended");
            thread::sleep(Duration::from_micros(200));
        }
        thread::sleep(Duration::from_micros(random.random_range(0..4_000)));
        child.kill().unwrap();
        child.wait().unwrap();
        let found = steps(&path);
        assert!(found > last, "kill {kill}: {found} steps after {last}");
        last = found;
    }
    // Training to the end of this epoch and the next must have the result of training that was never killed.
    let epochs = last / 4 + 2;
    let checkpoints = CheckpointDirectory::new(&path, 3).unwrap();
    let whole = train(None, epochs);
    assert!(
        shown(&train(Some(&checkpoints), epochs)) == shown(&whole),
        "the result differs from that of training that was never killed"
    );
    assert_eq!(whole.1.history.epochs() as u64, epochs);
    assert_eq!(checkpoints.paths().unwrap().len(), 3);
}
