//! Fuzzes mlp-demo's reader of the MNIST files.

use crate::check_message;
use mlp_demo::CLASSES;
use mlp_demo::idx::{Mnist, PIXELS, SIDE};
use std::fs;
use std::path::{Path, PathBuf};
use std::sync::OnceLock;
use tempfile::TempDir;

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
