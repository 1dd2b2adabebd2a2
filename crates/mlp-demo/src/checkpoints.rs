//! A directory with the checkpoints of one training run, and a record of the run that they belong to.

use std::fs;
use std::io::ErrorKind;
use std::path::{Path, PathBuf};

use mlp_core::Mlp;
use mlp_core::state::TrainerState;
use mlp_cpu::{Element, Matrix};
use mlp_io::{Checkpoint, CheckpointDirectory, Number};
use serde::{Deserialize, Serialize};

use crate::commands::exact;
use crate::error::Error;
use crate::output_file::OutputFile;
use crate::weights::json_error;

/// The number of checkpoints that are kept.
const KEEP: usize = 3;

/// The file beside the checkpoints that records the run they belong to.
const RUN: &str = "run.json";

/// Returns whether this module may write, replace or remove a file of this name in the directory.
pub(crate) fn is_own(name: &str) -> bool {
    let name = name.to_ascii_lowercase();
    name == RUN || name.starts_with("checkpoint-") || name.starts_with(".checkpoint-")
}

/// Everything that determines the course of training, except the number of epochs. A run can be resumed only if all of
/// it is the same.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct Run {
    /// The subcommand.
    pub(crate) command: String,
    pub(crate) hidden: Vec<usize>,
    /// The name of the activation.
    pub(crate) activation: String,
    /// The name of the optimizer.
    pub(crate) optimizer: String,
    pub(crate) learning_rate: f64,
    pub(crate) batch_size: usize,
    pub(crate) seed: u64,
    pub(crate) dtype: String,
    pub(crate) patience: Option<u64>,
    /// The hash of all parts of the data.
    pub(crate) data: String,
}

impl Run {
    /// Returns the values of the run as text, each with its option or, if it has no option, a description.
    fn parts(&self) -> [(&'static str, String); 10] {
        let hidden: Vec<_> = self.hidden.iter().map(usize::to_string).collect();
        [
            ("the subcommand", self.command.clone()),
            ("--dtype", self.dtype.clone()),
            ("--hidden", hidden.join(",")),
            ("--activation", self.activation.clone()),
            ("--optimizer", self.optimizer.clone()),
            ("--learning-rate", exact(self.learning_rate)),
            ("--batch-size", self.batch_size.to_string()),
            ("--seed", self.seed.to_string()),
            (
                "--patience",
                self.patience.map_or("none".to_owned(), |patience| patience.to_string()),
            ),
            ("the images and labels", self.data.clone()),
        ]
    }

    /// Reads the run that the file at `path` records.
    fn read(path: &Path) -> Result<Self, Error> {
        let json = fs::read(path).map_err(Error::read(path))?;
        serde_json::from_slice(&json).map_err(|e| json_error(&path.display(), &e))
    }

    /// Checks that this is the run that the file at `path` records.
    fn check(&self, path: &Path) -> Result<(), Error> {
        let before = Self::read(path)?;
        for ((what, got), (_, expected)) in self.parts().into_iter().zip(before.parts()) {
            if got != expected {
                let expected = format!("{expected}, as in the run to resume ({})", path.display());
                return Err(Error::unexpected(what, expected, got));
            }
        }
        Ok(())
    }
}

/// The newest checkpoint, if there is one.
pub(crate) type Latest<T> = Option<Checkpoint<Matrix<T>>>;

/// A directory with the checkpoints of one run.
#[derive(Debug)]
pub(crate) struct Checkpoints(CheckpointDirectory);

impl Checkpoints {
    /// Opens the directory at `path` for checkpoints of `run`, and creates it if it is missing. Also returns the newest
    /// checkpoint that is already there, to resume from, or `None` if there are no checkpoints.
    ///
    /// # Errors
    ///
    /// Returns an error if the directory holds checkpoints of another run, if it holds any checkpoints and `resume` is
    /// false, or if it cannot be created, read or written.
    pub(crate) fn open<T: Element + Number>(path: &Path, resume: bool, run: &Run) -> Result<(Self, Latest<T>), Error> {
        match fs::metadata(path) {
            Ok(metadata) if !metadata.is_dir() => {
                return Err(Error::Write {
                    path: path.to_path_buf(),
                    source: ErrorKind::NotADirectory.into(),
                });
            }
            _ => {}
        }
        let directory = CheckpointDirectory::new(path, KEEP)?;
        let file = path.join(RUN);
        // Checks that a file with the name of a checkpoint can be written, before an epoch is spent on its content.
        _ = OutputFile::create(&path.join(format!("checkpoint-{:020}.safetensors", 0)))?;
        if directory.paths().map_err(Error::read(path))?.is_empty() {
            if file.exists() {
                // The file may be replaced only if it records a run, which then ended before its first checkpoint.
                Run::read(&file)?;
            }
            let json = serde_json::to_string(run).expect("numbers, texts and lists of them are valid JSON");
            OutputFile::create(&file)?.write(format!("{json}\n").as_bytes())?;
            return Ok((Self(directory), None));
        }
        if !resume {
            return Err(Error::unexpected(
                path.display(),
                "a directory without checkpoints, or --resume to continue from them",
                "checkpoints of an earlier run",
            ));
        }
        run.check(&file)?;
        let latest = directory.load_latest()?;
        Ok((Self(directory), latest))
    }

    /// Saves a checkpoint and returns its path.
    pub(crate) fn save<T: Element + Number>(
        &self,
        network: &Mlp<Matrix<T>>,
        state: &TrainerState<Matrix<T>>,
    ) -> Result<PathBuf, Error> {
        Ok(self.0.save(network, state)?)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn run() -> Run {
        Run {
            command: "digits".into(),
            hidden: vec![16, 8],
            activation: "relu".into(),
            optimizer: "adam".to_owned(),
            learning_rate: 0.001,
            batch_size: 16,
            seed: 7,
            dtype: "f32".into(),
            patience: None,
            data: "sha256:12ab".into(),
        }
    }

    #[test]
    fn every_part_of_a_run_must_be_the_same() {
        let directory = tempfile::tempdir().unwrap();
        let path = directory.path().join("checkpoints");
        let (_, latest) = Checkpoints::open::<f32>(&path, true, &run()).unwrap();
        assert_eq!(latest, None);
        let file = path.join(RUN);
        run().check(&file).unwrap();
        let others = [
            Run {
                command: "mnist".into(),
                ..run()
            },
            Run {
                hidden: vec![16],
                ..run()
            },
            Run {
                activation: "tanh".into(),
                ..run()
            },
            Run {
                optimizer: "gradient_descent".to_owned(),
                ..run()
            },
            Run {
                learning_rate: 0.002,
                ..run()
            },
            Run {
                batch_size: 32,
                ..run()
            },
            Run { seed: 8, ..run() },
            Run {
                dtype: "f64".into(),
                ..run()
            },
            Run {
                patience: Some(3),
                ..run()
            },
            Run {
                data: "sha256:34cd".into(),
                ..run()
            },
        ];
        assert_eq!(others.len(), run().parts().len());
        for other in others {
            assert!(other.check(&file).is_err(), "{other:?}");
        }
        let message = Run { seed: 8, ..run() }.check(&file).unwrap_err().to_string();
        let place = file.display();
        assert_eq!(
            message,
            format!("--seed: expected 7, as in the run to resume ({place}), got 8")
        );
        fs::write(&file, "{}").unwrap();
        assert!(run().check(&file).unwrap_err().to_string().contains("missing field"));
    }
}
