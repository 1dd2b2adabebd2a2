//! The tests create files in a temporary directory. One test reads the real files if `MLP_MNIST_DIR` names their
//! directory.

use std::io::Write;

use flate2::Compression;
use flate2::write::GzEncoder;
use tempfile::TempDir;

use super::*;

/// Returns an IDX file with the given dimensions and bytes.
fn idx(dimensions: &[u32], bytes: &[u8]) -> Vec<u8> {
    let magic = 0x0800 + dimensions.len() as u32;
    let header = std::iter::once(&magic).chain(dimensions).flat_map(|n| n.to_be_bytes());
    header.chain(bytes.iter().copied()).collect()
}

fn gzip(bytes: &[u8]) -> Vec<u8> {
    let mut encoder = GzEncoder::new(Vec::new(), Compression::default());
    encoder.write_all(bytes).unwrap();
    encoder.finish().unwrap()
}

fn pixels(n: usize) -> Vec<u8> {
    (0..n * PIXELS).map(|i| (i % 251) as u8).collect()
}

/// Creates a directory with 2 training images and 1 test image.
fn good_dir() -> TempDir {
    let dir = tempfile::tempdir().unwrap();
    put(&dir, "train-images-idx3-ubyte", &idx(&[2, 28, 28], &pixels(2)));
    put(&dir, "train-labels-idx1-ubyte", &idx(&[2], &[9, 0]));
    put(&dir, "t10k-images-idx3-ubyte", &idx(&[1, 28, 28], &pixels(1)));
    put(&dir, "t10k-labels-idx1-ubyte", &idx(&[1], &[7]));
    dir
}

fn put(dir: &TempDir, name: &str, bytes: &[u8]) {
    fs::write(dir.path().join(name), bytes).unwrap();
}

fn rename(dir: &TempDir, from: &str, to: &str) {
    fs::rename(dir.path().join(from), dir.path().join(to)).unwrap();
}

/// Returns the error message for a good directory in which one file is replaced. The directory is removed from the
/// message.
fn failure(name: &str, bytes: &[u8]) -> String {
    let dir = good_dir();
    put(&dir, name, bytes);
    message(&dir)
}

fn message(dir: &TempDir) -> String {
    let message = Mnist::load(dir.path()).unwrap_err().to_string();
    message
        .replace(&format!("{}/", dir.path().display()), "")
        .replace(&dir.path().display().to_string(), "DIR")
}

fn expected() -> Mnist {
    Mnist {
        train: Part {
            images: pixels(2),
            labels: vec![9, 0],
        },
        test: Part {
            images: pixels(1),
            labels: vec![7],
        },
    }
}

#[test]
fn plain_files_are_read() {
    assert_eq!(Mnist::load(good_dir().path()).unwrap(), expected());
}

#[test]
fn gzip_is_recognized_by_content_under_every_name() {
    let dir = good_dir();
    let images = gzip(&idx(&[2, 28, 28], &pixels(2)));
    put(&dir, "train-images-idx3-ubyte", &images);
    assert_eq!(
        Mnist::load(dir.path()).unwrap(),
        expected(),
        "gzip under the plain name"
    );
    rename(&dir, "train-images-idx3-ubyte", "train-images-idx3-ubyte.gz");
    assert_eq!(Mnist::load(dir.path()).unwrap(), expected(), "gzip under .gz");
    rename(&dir, "train-images-idx3-ubyte.gz", "train-images.idx3-ubyte.gz");
    rename(&dir, "train-labels-idx1-ubyte", "train-labels.idx1-ubyte");
    rename(&dir, "t10k-labels-idx1-ubyte", "t10k-labels-idx1-ubyte.gz");
    assert_eq!(
        Mnist::load(dir.path()).unwrap(),
        expected(),
        "with dots, and plain under .gz"
    );
}

#[test]
fn missing_and_unreadable_files_are_named() {
    let dir = good_dir();
    fs::remove_file(dir.path().join("t10k-labels-idx1-ubyte")).unwrap();
    assert_eq!(
        message(&dir),
        "DIR: expected a file `t10k-labels-idx1-ubyte`, `t10k-labels-idx1-ubyte.gz` or `t10k-labels.idx1-ubyte`, got none"
    );
    fs::create_dir(dir.path().join("t10k-labels-idx1-ubyte")).unwrap();
    assert!(
        message(&dir).starts_with("t10k-labels-idx1-ubyte: cannot be read: "),
        "{}",
        message(&dir)
    );

    let missing = dir.path().join("missing");
    let error = Mnist::load(&missing).unwrap_err().to_string();
    assert!(
        error.starts_with(&format!("{}: cannot be read: ", missing.display())),
        "{error}"
    );
}

#[test]
fn a_wrong_magic_number_is_rejected() {
    let labels = idx(&[2], &[9, 0]);
    let expected = "train-images-idx3-ubyte: expected the magic number 0x00000803, got 0x00000801";
    assert_eq!(failure("train-images-idx3-ubyte", &labels), expected);
    let images = idx(&[1, 28, 28], &pixels(1));
    let expected = "t10k-labels-idx1-ubyte: expected the magic number 0x00000801, got 0x00000803";
    assert_eq!(failure("t10k-labels-idx1-ubyte", &images), expected);
}

#[test]
fn a_truncated_header_is_rejected() {
    let whole = idx(&[2, 28, 28], &pixels(2));
    for length in 0..16 {
        let expected = format!("train-images-idx3-ubyte: expected a header of 16 bytes, got {length}");
        assert_eq!(failure("train-images-idx3-ubyte", &whole[..length]), expected);
        assert_eq!(failure("train-images-idx3-ubyte", &gzip(&whole[..length])), expected);
    }
}

#[test]
fn truncated_data_are_rejected() {
    let whole = idx(&[2, 28, 28], &pixels(2));
    for length in [16, 17, 800, whole.len() - 1] {
        let expected = format!(
            "train-images-idx3-ubyte: expected 1568 bytes after the header, got {}",
            length - 16
        );
        assert_eq!(failure("train-images-idx3-ubyte", &whole[..length]), expected);
        assert_eq!(failure("train-images-idx3-ubyte", &gzip(&whole[..length])), expected);
    }
}

#[test]
fn a_gzip_stream_that_is_cut_off_anywhere_is_rejected() {
    let packed = gzip(&idx(&[2, 28, 28], &pixels(2)));
    for length in 0..packed.len() {
        let message = failure("train-images-idx3-ubyte", &packed[..length]);
        assert!(message.starts_with("train-images-idx3-ubyte: "), "{length}: {message}");
    }
}

#[test]
fn a_damaged_gzip_stream_is_rejected() {
    let mut packed = gzip(&idx(&[2, 28, 28], &pixels(2)));
    let checksum = packed.len() - 8;
    packed[checksum] ^= 1;
    let message = failure("train-images-idx3-ubyte", &packed);
    assert!(
        message.starts_with("train-images-idx3-ubyte: cannot be read: "),
        "{message}"
    );
}

#[test]
fn trailing_bytes_are_rejected() {
    let expected = "t10k-labels-idx1-ubyte: expected 1 byte after the header, got more";
    assert_eq!(failure("t10k-labels-idx1-ubyte", &idx(&[1], &[7, 7])), expected);
    assert_eq!(failure("t10k-labels-idx1-ubyte", &gzip(&idx(&[1], &[7, 7]))), expected);
    let mut packed = gzip(&idx(&[1], &[7]));
    packed.push(0);
    let message = failure("t10k-labels-idx1-ubyte", &packed);
    assert!(
        message.starts_with("t10k-labels-idx1-ubyte: cannot be read: "),
        "{message}"
    );
}

#[test]
fn a_header_that_claims_too_much_is_rejected_without_allocating_it() {
    let expected = "at most 1073741824 bytes of data, got 4294967295 x 4294967295 x 4294967295 in the header";
    assert_eq!(
        failure("train-images-idx3-ubyte", &idx(&[u32::MAX; 3], &[])),
        format!("train-images-idx3-ubyte: expected {expected}")
    );
    // The claim is within the limit, but the file is short, so only the bytes that exist are read.
    let (images, file) = (idx(&[1_300_000, 28, 28], &[1, 2, 3]), Path::new("images"));
    let error = read_idx::<3>(file, images.as_slice()).unwrap_err().to_string();
    assert_eq!(error, "images: expected 1019200000 bytes after the header, got 3");
    // A gzip bomb is unpacked only as far as its header claims.
    let bomb = gzip(&idx(&[4], &vec![0; 10_000_000]));
    let error = read_idx::<1>(file, bomb.as_slice()).unwrap_err().to_string();
    assert_eq!(error, "images: expected 4 bytes after the header, got more");
}

#[test]
fn images_and_labels_must_fit_together() {
    assert_eq!(
        failure("train-labels-idx1-ubyte", &idx(&[3], &[1, 2, 3])),
        "train-labels-idx1-ubyte: expected 2 labels, one per image of train-images-idx3-ubyte, got 3"
    );
    assert_eq!(
        failure("train-labels-idx1-ubyte", &idx(&[2], &[9, 10])),
        "train-labels-idx1-ubyte: label 2 of 2: expected a digit 0 to 9, got 10"
    );
    assert_eq!(
        failure("t10k-images-idx3-ubyte", &idx(&[1, 14, 56], &pixels(1))),
        "t10k-images-idx3-ubyte: expected images of 28 x 28, got 14 x 56"
    );
    assert_eq!(
        failure("t10k-images-idx3-ubyte", &idx(&[0, 28, 28], &[])),
        "t10k-images-idx3-ubyte: expected at least one image, got none"
    );
}

#[test]
fn the_real_files_are_read_if_they_exist() {
    let Some(dir) = std::env::var_os("MLP_MNIST_DIR") else {
        // The message is not printed by a macro, because the output of macros is hidden in a test that passes.
        let _ = writeln!(
            io::stderr(),
            "MLP_MNIST_DIR is not set, so the test of the real MNIST files is skipped"
        );
        return;
    };
    let mnist = Mnist::load(Path::new(&dir)).unwrap();
    assert_eq!(
        (mnist.train.labels.len(), mnist.train.images.len()),
        (60_000, 60_000 * PIXELS)
    );
    assert_eq!(
        (mnist.test.labels.len(), mnist.test.images.len()),
        (10_000, 10_000 * PIXELS)
    );
    assert_eq!(mnist.train.labels[..5], [5, 0, 4, 1, 9]);
    assert_eq!(mnist.test.labels[..5], [7, 2, 1, 0, 4]);
    let mean = mnist.train.images.iter().map(|&p| u64::from(p)).sum::<u64>() as f64 / mnist.train.images.len() as f64;
    assert!((mean / 255.0 - 0.1307).abs() < 5e-5, "{mean}");
}
