//! Fuzzes the readers of mlp-demo's files.

use crate::check_message;
use mlp_core::activations::LeakyRelu;
use mlp_core::{Dataset, Mlp};
use mlp_cpu::{Element, Matrix};
use mlp_demo::idx::{Mnist, PIXELS, SIDE};
use mlp_demo::weights::Weights;
use mlp_demo::{CLASSES, samples};
use std::fmt::Write as _;
use std::fs;
use std::path::{Path, PathBuf};
use std::sync::OnceLock;
use tempfile::TempDir;

/// Checks that the weights of a network that is read, written as JSON and read again are the same.
pub fn weights_json(bytes: &[u8]) -> bool {
    _ = network::<f32>(bytes).inspect_err(|error| check_message(error));
    match network::<f64>(bytes) {
        Ok(network) => {
            let weights = Weights::of(&network);
            let json = serde_json::to_vec(&weights).expect("finite numbers are valid JSON");
            let again = self::network::<f64>(&json).expect("written data can be read");
            assert_eq!(again, network);
            true
        }
        Err(error) => {
            check_message(&error);
            false
        }
    }
}

fn network<T: Element>(bytes: &[u8]) -> Result<Mlp<Matrix<T>>, mlp_demo::Error> {
    let hidden = LeakyRelu::new(0.01).expect("the slope is finite");
    Weights::from_json("weights", bytes)?.network("weights", hidden)
}

/// Checks that the samples that are read are finite and as many as there are targets, and that samples that are written
/// as CSV and read again are the same.
pub fn samples_csv(bytes: &[u8]) -> bool {
    let single = samples_csv_as::<f32>(bytes);
    samples_csv_as::<f64>(bytes) || single
}

fn samples_csv_as<T: Element>(bytes: &[u8]) -> bool {
    let path = Path::new("samples.csv");
    let samples = match samples::parse::<T>(path, bytes) {
        Ok(samples) => samples,
        Err(error) => {
            check_message(&error);
            return false;
        }
    };
    let (input, target) = (samples.input(), samples.target());
    assert!(input.rows() > 0 && target.rows() > 0 && input.columns() > 0);
    assert_eq!(input.columns(), target.columns());
    assert!(
        input
            .to_vec()
            .iter()
            .chain(&target.to_vec())
            .all(|number| number.is_finite())
    );
    let again = samples::parse(path, csv(&samples).as_bytes());
    assert_eq!(again.expect("written data can be read"), samples);
    true
}

fn csv<T: Element>(samples: &Dataset<Matrix<T>>) -> String {
    let (input, target) = (samples.input(), samples.target());
    let line = |cells: Vec<String>| cells.join(",") + "\n";
    let names = |letter: char, n: usize| (0..n).map(move |i| format!("{letter}{i}"));
    let mut csv = line(names('x', input.rows()).chain(names('y', target.rows())).collect());
    for (input, target) in input.iter_columns().zip(target.iter_columns()) {
        let cells = input.iter().chain(target).map(|number| format!("{number:?}"));
        _ = write!(csv, "{}", line(cells.collect()));
    }
    csv
}

/// Fuzzes one of MNIST's four files. The first byte says which one, and the other bytes are its content, plain or gzip.
/// The other three files have one digit each. Checks that the digits that are read are from 0 to 9 and that each has
/// its pixels, and that data that are written uncompressed and read again are the same.
pub fn idx(bytes: &[u8]) -> bool {
    const FILES: [&str; 4] = [
        "train-images-idx3-ubyte",
        "train-labels-idx1-ubyte",
        "t10k-images-idx3-ubyte",
        "t10k-labels-idx1-ubyte",
    ];
    static DIRECTORY: OnceLock<PathBuf> = OnceLock::new();
    let one = |file: usize| {
        if file.is_multiple_of(2) {
            images(&[0; PIXELS])
        } else {
            labels(&[7])
        }
    };
    let directory = DIRECTORY.get_or_init(|| {
        let directory = scratch().join("mnist");
        fs::create_dir(&directory).unwrap();
        for (file, name) in FILES.iter().enumerate() {
            fs::write(directory.join(name), one(file)).unwrap();
        }
        directory
    });
    let Some((&first, content)) = bytes.split_first() else {
        return false;
    };
    let file = usize::from(first % 4);
    let path = directory.join(FILES[file]);
    fs::write(&path, content).unwrap();
    let read = match Mnist::load(directory) {
        Ok(mnist) => {
            for part in [&mnist.train, &mnist.test] {
                assert!(!part.labels.is_empty());
                assert_eq!(part.images.len(), part.labels.len() * PIXELS);
                assert!(part.labels.iter().all(|&label| usize::from(label) < CLASSES));
            }
            let part = if file < 2 { &mnist.train } else { &mnist.test };
            let plain = if file.is_multiple_of(2) {
                images(&part.images)
            } else {
                labels(&part.labels)
            };
            fs::write(&path, plain).unwrap();
            assert!(Mnist::load(directory).expect("written data can be read") == mnist);
            true
        }
        Err(error) => {
            check_message(&error);
            false
        }
    };
    fs::write(&path, one(file)).unwrap();
    read
}

/// Returns an IDX file of images.
fn images(pixels: &[u8]) -> Vec<u8> {
    let numbers = [0x0803, pixels.len() / PIXELS, SIDE, SIDE];
    let header = numbers.into_iter().flat_map(|number| (number as u32).to_be_bytes());
    header.chain(pixels.iter().copied()).collect()
}

/// An IDX file of labels.
fn labels(labels: &[u8]) -> Vec<u8> {
    let header = [0x0801, labels.len()]
        .into_iter()
        .flat_map(|number| (number as u32).to_be_bytes());
    header.chain(labels.iter().copied()).collect()
}

/// Returns a directory of this process, in memory if possible.
fn scratch() -> &'static Path {
    static SCRATCH: OnceLock<TempDir> = OnceLock::new();
    let memory = Path::new("/dev/shm");
    let directory = SCRATCH.get_or_init(|| {
        let parent = if memory.is_dir() {
            memory.to_path_buf()
        } else {
            std::env::temp_dir()
        };
        tempfile::tempdir_in(parent).unwrap()
    });
    directory.path()
}
