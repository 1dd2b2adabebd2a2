//! Directories of checkpoints.

use super::{Checkpoint, load_checkpoint, save_checkpoint};
use crate::atomic::make_directory;
use crate::{LoadError, LoadErrorKind, Number, SaveError};
use mlp_core::Mlp;
use mlp_core::backend::Tensor;
use mlp_core::state::TrainerState;
use std::fs;
use std::io;
use std::num::NonZeroUsize;
use std::path::{Path, PathBuf};

/// A directory that holds the last few checkpoints of one training. Each is a file of its own, named after the number
/// of finished steps: `checkpoint-00000000000000000042.safetensors`.
///
/// A new checkpoint is written before an old one is removed, and appears whole or not at all. Whenever the process is
/// killed, the newest checkpoint of the directory can be loaded. Only one process at a time may write into the
/// directory. The next save removes the temporary files that killed processes left behind.
///
/// ```
/// use mlp_core::{Adam, Event, FitOptions, HalfMse, Mlp, Samples, Trainer};
/// use mlp_cpu::Matrix;
/// use mlp_io::CheckpointDirectory;
/// use std::ops::ControlFlow;
///
/// # let temporary = tempfile::tempdir()?;
/// # let path = temporary.path().join("checkpoints");
/// let input = Matrix::from_columns(&[[-1.0], [1.0]]);
/// let samples = Samples::new(&input, &input)?;
/// let mut network = Mlp::<Matrix<f64>>::builder(&[1, 4, 1]).build()?;
/// let mut trainer = Trainer::new(HalfMse, Adam::new(0.1)?);
///
/// let checkpoints = CheckpointDirectory::new(&path, 3)?;
/// if let Some(checkpoint) = checkpoints.load_latest()? {
///     network = checkpoint.network;
///     trainer.restore(checkpoint.state, network.layers())?;
/// }
/// let mut failure = None;
/// trainer.fit_with(&mut network, samples, FitOptions::until(10), |progress| {
///     if let Event::Epoch { .. } = progress.event
///         && let Err(error) = checkpoints.save(progress.network, &progress.state())
///     {
///         failure = Some(error);
///         return ControlFlow::Break(());
///     }
///     ControlFlow::Continue(())
/// })?;
/// assert!(failure.is_none());
/// assert_eq!(checkpoints.paths()?.len(), 3);
/// assert_eq!(checkpoints.load_latest()?.unwrap().network, network);
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
#[derive(Clone, Debug)]
pub struct CheckpointDirectory {
    path: PathBuf,
    keep: NonZeroUsize,
}

const PREFIX: &str = "checkpoint-";
const SUFFIX: &str = ".safetensors";

/// The number of digits of the step number.
const DIGITS: usize = 20;

/// Returns whether a file of this name is a checkpoint. Nothing else in the directory is touched.
fn is_checkpoint(name: &str) -> bool {
    let steps = name.strip_prefix(PREFIX).and_then(|name| name.strip_suffix(SUFFIX));
    steps.is_some_and(|steps| steps.len() == DIGITS && steps.bytes().all(|byte| byte.is_ascii_digit()))
}

/// Returns whether a file of this name is an unfinished checkpoint, as [`AtomicFile`](crate::AtomicFile) names its
/// temporary files.
fn is_temporary(name: &str) -> bool {
    const RANDOM: usize = 16;
    let name = name.strip_prefix('.').and_then(|name| name.strip_suffix(".tmp"));
    let parts = name.and_then(|name| name.rsplit_once('.'));
    parts.is_some_and(|(name, random)| {
        let hexadecimal = |byte: u8| matches!(byte, b'0'..=b'9' | b'a'..=b'f');
        is_checkpoint(name) && random.len() == RANDOM && random.bytes().all(hexadecimal)
    })
}

impl CheckpointDirectory {
    /// Opens the directory at `path`, to hold the last `keep` checkpoints (at least 1). Makes the directory if it does
    /// not exist.
    ///
    /// # Errors
    /// Returns an error if the directory cannot be made, if it may not survive a power failure, or if the path is not a
    /// directory.
    pub fn new(path: impl Into<PathBuf>, keep: usize) -> Result<Self, SaveError> {
        let path = path.into();
        let keep = NonZeroUsize::new(keep).unwrap_or(NonZeroUsize::MIN);
        make_directory(&path)?;
        Ok(Self { path, keep })
    }

    /// Saves a checkpoint, then removes the checkpoints that are too old. Returns the path of the new one.
    ///
    /// A checkpoint replaces an existing one with the same number of steps. Checkpoints with more steps are removed
    /// too: training has resumed from before them, so they are not part of its course. (To train from the start, use an
    /// empty directory.)
    ///
    /// # Errors
    /// The errors of [`save_checkpoint`]; the existing checkpoints then stay. It is not an error if an old checkpoint
    /// cannot be removed: the next save tries again.
    pub fn save<B: Tensor<Scalar: Number>>(
        &self,
        network: &Mlp<B>,
        state: &TrainerState<B>,
    ) -> Result<PathBuf, SaveError> {
        let path = self
            .path
            .join(format!("{PREFIX}{:0DIGITS$}{SUFFIX}", state.position.steps));
        save_checkpoint(&path, network, state)?;
        if let Ok(paths) = self.paths() {
            // A checkpoint with more steps comes from before training resumed, so it is not newer than this one.
            let (earlier, later): (Vec<_>, Vec<_>) = paths.into_iter().partition(|other| *other <= path);
            let old = earlier.len().saturating_sub(self.keep.get());
            for other in later.iter().chain(earlier.iter().take(old)) {
                _ = fs::remove_file(other);
            }
        }
        self.remove_temporaries();
        Ok(path)
    }

    /// Loads the newest checkpoint, or returns `None` if there is none. This also works while another process writes
    /// newer checkpoints.
    ///
    /// # Errors
    /// Returns an error if the directory or the checkpoint cannot be read, or if the checkpoint has numbers of another
    /// type. Earlier checkpoints are not tried automatically; [`paths`](Self::paths) lists them, and the
    /// message says how many there are if the newest one is damaged.
    pub fn load_latest<B: Tensor<Scalar: Number>>(&self) -> Result<Option<Checkpoint<B>>, LoadError> {
        loop {
            let paths = self.paths().map_err(|e| LoadError::io(e).in_file(&self.path))?;
            let Some((newest, earlier)) = paths.split_last() else {
                return Ok(None);
            };
            match load_checkpoint(newest) {
                Ok(checkpoint) => return Ok(Some(checkpoint)),
                // A running training has removed the file since it was listed, so there are newer ones.
                Err(error) if error.kind == LoadErrorKind::NotFound && newest.symlink_metadata().is_err() => {}
                Err(mut error) => {
                    if !earlier.is_empty() && error.is_damage() {
                        error.message = format!(
                            "{}; there are earlier checkpoints ({}): delete this file to resume from the newest of them",
                            error.message,
                            earlier.len()
                        );
                    }
                    return Err(error);
                }
            }
        }
    }

    /// Returns the paths of all checkpoints, the oldest first.
    ///
    /// # Errors
    /// Returns an error if the directory cannot be read.
    pub fn paths(&self) -> io::Result<Vec<PathBuf>> {
        let mut paths = self.entries(is_checkpoint)?;
        // The step numbers have leading zeros, so sorting the names sorts the checkpoints.
        paths.sort_unstable();
        Ok(paths)
    }

    /// Returns the path of the directory.
    pub fn path(&self) -> &Path {
        &self.path
    }

    /// Removes the temporary files that killed processes left behind.
    fn remove_temporaries(&self) {
        for path in self.entries(is_temporary).unwrap_or_default() {
            _ = fs::remove_file(path);
        }
    }

    fn entries(&self, wanted: impl Fn(&str) -> bool) -> io::Result<Vec<PathBuf>> {
        let mut paths = Vec::new();
        for entry in fs::read_dir(&self.path)? {
            let (name, path) = entry.map(|entry| (entry.file_name(), entry.path()))?;
            // A directory is never a checkpoint, whatever its name.
            if name.to_str().is_some_and(&wanted) && !path.is_dir() {
                paths.push(path);
            }
        }
        Ok(paths)
    }
}
