//! A directory with the checkpoints of one training run, and a record of the run that they belong to.

use std::fs;
use std::io::{self, ErrorKind};
use std::path::Path;

use mlp_cpu::{Element, Matrix};
use mlp_io::{AtomicFile, Checkpoint, CheckpointDirectory, Number, one_line, write_atomically};

use crate::error::Error;

/// The number of checkpoints that are kept.
const KEEP: usize = 3;

/// The file beside the checkpoints that records the run they belong to.
const RUN: &str = "run.json";

/// Returns whether this module may write, replace or remove a file of this name in the directory.
pub(crate) fn is_own(name: &str) -> bool {
    let name = name.to_ascii_lowercase();
    name == RUN || name.starts_with("checkpoint-") || name.starts_with(".checkpoint-")
}

/// Everything that determines the course of training, except the number of epochs: options and, for other parts, a
/// description, each with its value as text. A run can be resumed only if all of it is the same.
pub(crate) type RunRecord = Vec<(&'static str, String)>;

/// Reads the values that the file at `path` records, which must have the same parts as `run`.
fn read(path: &Path, run: &RunRecord) -> Result<Vec<String>, Error> {
    let json = fs::read(path).map_err(Error::read(path))?;
    let record: Vec<(String, String)> = serde_json::from_slice(&json).map_err(|error| {
        // The place comes before the problem, as in all other messages.
        let (line, column, problem) = (error.line(), error.column(), error.to_string());
        let place = format!(" at line {line} column {column}");
        let problem = one_line(problem.strip_suffix(&place).unwrap_or(&problem));
        Error::refused(format_args!(
            "{}: line {line}, column {column}: {problem}",
            path.display()
        ))
    })?;
    let (parts, values): (Vec<_>, Vec<_>) = record.into_iter().unzip();
    let expected: Vec<_> = run.iter().map(|(part, _)| *part).collect();
    if parts != expected {
        let expected = format!("the record of a run, with the parts {}", expected.join(", "));
        let got = format!("the parts {}", one_line(&parts.join(", ")));
        return Err(Error::unexpected(path.display(), expected, got));
    }
    Ok(values)
}

/// Checks that `run` is the run that the file at `path` records.
fn check(path: &Path, run: &RunRecord) -> Result<(), Error> {
    for ((part, got), expected) in run.iter().zip(read(path, run)?) {
        if *got != expected {
            let expected = format!("{expected}, as in the run to resume ({})", path.display());
            return Err(Error::unexpected(part, expected, got));
        }
    }
    Ok(())
}

/// The newest checkpoint, if there is one.
pub(crate) type Latest<T> = Option<Checkpoint<Matrix<T>>>;

/// Opens the directory at `path` for checkpoints of `run`, and creates it if it is missing. Also returns the newest
/// checkpoint that is already there, to resume from, or `None` if there are no checkpoints.
///
/// Returns an error if the directory holds checkpoints of another run, if it holds any checkpoints and `resume` is
/// false, or if it cannot be created, read or written.
pub(crate) fn open<T: Element + Number>(
    path: &Path,
    resume: bool,
    run: &RunRecord,
) -> Result<(CheckpointDirectory, Latest<T>), Error> {
    if fs::metadata(path).is_ok_and(|metadata| !metadata.is_dir()) {
        let source = io::Error::from(ErrorKind::NotADirectory);
        return Err(Error::refused(format_args!(
            "{}: cannot be written: {source}",
            path.display()
        )));
    }
    let directory = CheckpointDirectory::new(path, KEEP)?;
    let file = path.join(RUN);
    // Checks that a file with the name of a checkpoint can be written, before an epoch is spent on its content.
    let checkpoint = path.join(format!("checkpoint-{:020}.safetensors", 0));
    drop(AtomicFile::create(checkpoint)?);
    if directory.paths().map_err(Error::read(path))?.is_empty() {
        if file.exists() {
            // The file may be replaced only if it records a run, which then ended before its first checkpoint.
            read(&file, run)?;
        }
        let json = serde_json::to_string(run).expect("texts are valid JSON");
        write_atomically(&file, |file| writeln!(file, "{json}"))?;
        return Ok((directory, None));
    }
    if !resume {
        let expected = "a directory without checkpoints, or --resume to continue from them";
        return Err(Error::unexpected(
            path.display(),
            expected,
            "checkpoints of an earlier run",
        ));
    }
    check(&file, run)?;
    let latest = directory.load_latest()?;
    Ok((directory, latest))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn run() -> RunRecord {
        let parts = [
            ("the subcommand", "digits"),
            ("--hidden", "16,8"),
            ("--seed", "7"),
            ("--patience", "none"),
        ];
        parts.map(|(part, value)| (part, value.to_owned())).into()
    }

    #[test]
    fn every_part_of_a_run_must_be_the_same() {
        let directory = tempfile::tempdir().unwrap();
        let path = directory.path().join("checkpoints");
        let (_, latest) = open::<f32>(&path, true, &run()).unwrap();
        assert_eq!(latest, None);
        let file = path.join(RUN);
        check(&file, &run()).unwrap();
        for (i, (part, expected)) in run().into_iter().enumerate() {
            let mut other = run();
            other[i].1 = "other".to_owned();
            let message = check(&file, &other).unwrap_err().to_string();
            let place = file.display();
            assert_eq!(
                message,
                format!("{part}: expected {expected}, as in the run to resume ({place}), got other")
            );
        }
        fs::write(&file, r#"[["--hidden", "16,8"]]"#).unwrap();
        let message = check(&file, &run()).unwrap_err().to_string();
        let parts = "the parts the subcommand, --hidden, --seed, --patience, got the parts --hidden";
        assert!(message.ends_with(parts), "{message}");
        fs::write(&file, "{}").unwrap();
        let message = check(&file, &run()).unwrap_err().to_string();
        assert!(message.contains("run.json: line 1, column "), "{message}");
    }
}
