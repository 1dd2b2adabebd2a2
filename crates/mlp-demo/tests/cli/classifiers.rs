//! Checks `mlp-demo digits` and `mlp-demo mnist`.

use crate::{files, run, run_in};
use flate2::Compression;
use flate2::write::GzEncoder;
use std::fs;
use std::io::{self, Write};
use std::path::Path;

/// Returns the test accuracies that `text` prints, one per epoch, and the accuracy of its last line.
#[track_caller]
fn accuracies(text: &str) -> (Vec<f64>, f64) {
    let percent = |text: &str| text.strip_suffix('%')?.parse::<f64>().ok();
    let epochs: Vec<_> = text.lines().filter(|line| line.starts_with("Epoch ")).collect();
    let parse = |(i, line): (usize, &&str)| {
        let (loss, accuracy) = line
            .strip_prefix(&format!("Epoch {i} - Loss: "))?
            .split_once(" - Test accuracy: ")?;
        loss.parse::<f64>().ok()?;
        percent(accuracy)
    };
    let each = epochs
        .iter()
        .enumerate()
        .map(|(i, line)| parse((i, line)).expect(line))
        .collect();
    let last = text
        .lines()
        .last()
        .and_then(|line| percent(line.strip_prefix("accuracy ")?.split(' ').next()?));
    (each, last.expect(text))
}

/// Returns the counts of the confusion matrix that `text` ends with, a row per true class.
fn confusion(text: &str) -> Vec<Vec<u64>> {
    let rows = text.lines().filter(|line| line.contains('|') && line.ends_with('%'));
    let cells = |row: &str| {
        row.split('|')
            .nth(1)
            .unwrap()
            .split_whitespace()
            .map(|cell| cell.parse().unwrap_or(0))
            .collect()
    };
    rows.map(cells).collect()
}

#[test]
fn digits_are_learned_to_97_percent() {
    let text = run(&["digits"]);
    let (epochs, last) = accuracies(&text);
    assert_eq!(epochs.len(), 40);
    assert!(last >= 97.0, "{text}");
    assert_eq!(epochs[39], last);
    assert!(epochs[0] < last, "the accuracy must rise during training");
    assert!(
        text.starts_with("Network [64, 256, 10]: 19210 parameters in f32, leaky_relu, seed 0\n"),
        "{text}"
    );
    assert!(
        !text.contains(['\r', '\x1b']),
        "a progress bar is shown only on a terminal"
    );

    let matrix = confusion(&text);
    assert_eq!(
        matrix.iter().map(|row| row.iter().sum()).collect::<Vec<u64>>(),
        [36, 36, 35, 37, 36, 36, 36, 36, 35, 36]
    );
    let right: u64 = (0..10).map(|class| matrix[class][class]).sum();
    assert_eq!(
        format!("accuracy {:.2}% of 359", 100.0 * right as f64 / 359.0),
        text.lines().last().unwrap()
    );
}

#[test]
fn digits_are_learned_with_any_seed() {
    let text = |seed: &str| run(&["digits", "--seed", seed, "--epochs", "25"]);
    let (one, two) = (text("1"), text("2"));
    assert!(accuracies(&one).1 >= 97.0 && accuracies(&two).1 >= 97.0, "{one}\n{two}");
    assert_ne!(confusion(&one), confusion(&two));
    assert_eq!(text("1"), one);
}

#[test]
fn digits_take_their_options() {
    let text = run(&[
        "digits",
        "--hidden",
        "20,15",
        "--epochs",
        "3",
        "--batch-size",
        "64",
        "--dtype",
        "f64",
    ]);
    assert!(
        text.starts_with("Network [64, 20, 15, 10]: 1775 parameters in f64, "),
        "{text}"
    );
    assert!(
        text.contains(
            "Images: 1438 to train on, 359 to test with\nGradient descent: learning rate 0.3, batches of 64\n"
        ),
        "{text}"
    );
    assert_eq!(accuracies(&text).0.len(), 3);
    let whole = run(&["digits", "--epochs", "1", "--batch-size", "18446744073709551615"]);
    assert_eq!(
        accuracies(&whole).0.len(),
        1,
        "a batch size larger than the data means that all of the data is one batch"
    );
}

#[test]
fn divergence_is_exit_code_1() {
    let directory = tempfile::tempdir().unwrap();
    let finished = run_in(directory.path(), &["digits", "--learning-rate", "1000"]);
    assert_eq!(finished.code, Some(1));
    let message = &finished.stderr;
    assert!(
        message.starts_with("error: training diverged in epoch 0, batch "),
        "{message}"
    );
    assert!(
        message.ends_with("the learning rate, 1000, is probably too large\n"),
        "{message}"
    );
    assert!(!finished.stdout.contains("accuracy"), "{}", finished.stdout);
}

/// Returns made-up digits in the form of MNIST. Digit c is a bright block at its own place, on a noisy background.
fn images_and_labels(n: u32) -> (Vec<u8>, Vec<u8>) {
    let mut images = vec![0, 0, 8, 3];
    let mut labels = vec![0, 0, 8, 1];
    for number in [n, 28, 28] {
        images.extend(number.to_be_bytes());
    }
    labels.extend(n.to_be_bytes());
    for i in 0..n {
        let class = i % 10;
        labels.push(class as u8);
        for pixel in 0..784 {
            let noise = (pixel * 31 + i * 17) % 40;
            let inside = pixel / 28 / 14 == class / 5 && pixel % 28 / 6 == class % 5;
            images.push((noise + if inside { 200 } else { 0 }) as u8);
        }
    }
    (images, labels)
}

fn packed(bytes: &[u8]) -> Vec<u8> {
    let mut encoder = GzEncoder::new(vec![], Compression::fast());
    encoder.write_all(bytes).unwrap();
    encoder.finish().unwrap()
}

/// Creates a directory with all four files, two of which are compressed.
fn mnist() -> tempfile::TempDir {
    let directory = tempfile::tempdir().unwrap();
    let write = |name: &str, bytes: &[u8]| fs::write(directory.path().join(name), bytes).unwrap();
    let (images, labels) = images_and_labels(300);
    write("train-images-idx3-ubyte", &images);
    write("train-labels-idx1-ubyte.gz", &packed(&labels));
    let (images, labels) = images_and_labels(50);
    write("t10k-images-idx3-ubyte.gz", &packed(&images));
    write("t10k-labels-idx1-ubyte", &labels);
    directory
}

#[test]
fn mnist_is_read_plain_or_compressed_and_learned() {
    let directory = mnist();
    let data = directory.path().to_str().unwrap();
    let text = run(&[
        "mnist",
        "--data",
        data,
        "--hidden",
        "16",
        "--epochs",
        "5",
        "--batch-size",
        "10",
    ]);
    assert!(
        text.starts_with("Network [784, 16, 10]: 12730 parameters in f32, leaky_relu, seed 0\n"),
        "{text}"
    );
    assert!(
        text.contains("Images: 300 to train on, 50 to test with\nGradient descent: learning rate 0.2, batches of 10\n"),
        "{text}"
    );
    let (epochs, last) = accuracies(&text);
    assert_eq!((epochs.len(), last), (5, 100.0));
    let matrix = confusion(&text);
    assert!((0..10).all(|class| matrix[class][class] == 5), "{text}");
}

/// Replaces or removes a file, runs the command, and returns the message without the directory's name.
#[track_caller]
fn failure_with(name: &str, content: Option<&[u8]>) -> String {
    let directory = mnist();
    let path = directory.path().join(name);
    match content {
        Some(content) => fs::write(&path, content).unwrap(),
        None => fs::remove_file(&path).unwrap(),
    }
    let before = files(directory.path());
    let elsewhere = tempfile::tempdir().unwrap();
    let finished = run_in(
        elsewhere.path(),
        &[Path::new("mnist"), Path::new("--data"), directory.path()],
    );
    assert_eq!(
        (finished.code, finished.stdout.as_str()),
        (Some(2), ""),
        "{}",
        finished.stderr
    );
    assert_eq!((files(elsewhere.path()), files(directory.path())), (vec![], before));
    finished.stderr.replace(directory.path().to_str().unwrap(), "DIR")
}

#[test]
fn mnist_files_that_cannot_be_used_are_named() {
    let (images, labels) = images_and_labels(50);
    assert_eq!(
        failure_with("t10k-labels-idx1-ubyte", Some(&labels[..57])),
        "error: DIR/t10k-labels-idx1-ubyte: expected 50 bytes after the header, got 49\n"
    );
    assert_eq!(
        failure_with("t10k-labels-idx1-ubyte", Some(&images)),
        "error: DIR/t10k-labels-idx1-ubyte: expected the magic number 0x00000801, got 0x00000803\n"
    );
    assert_eq!(
        failure_with("t10k-images-idx3-ubyte.gz", Some(&packed(&images)[..200])),
        "error: DIR/t10k-images-idx3-ubyte.gz: expected 39200 bytes after the header, got N\n"
            .replace("N", &unpacked(&packed(&images)[..200]))
    );
    assert_eq!(
        failure_with("train-images-idx3-ubyte", Some(&images)),
        "error: DIR/train-labels-idx1-ubyte.gz: expected 50 labels, one per image of DIR/train-images-idx3-ubyte, \
         got 300\n"
    );
    assert_eq!(
        failure_with("train-images-idx3-ubyte", None),
        "error: DIR: expected a file `train-images-idx3-ubyte`, `train-images-idx3-ubyte.gz` or \
         `train-images.idx3-ubyte`, got none\n"
    );
    let directory = tempfile::tempdir().unwrap();
    let finished = run_in(directory.path(), &["mnist", "--data", "nowhere"]);
    assert_eq!((finished.code, finished.stdout.as_str()), (Some(2), ""));
    assert!(
        finished.stderr.starts_with("error: nowhere: cannot be read: "),
        "{}",
        finished.stderr
    );
}

#[test]
fn no_file_of_mnist_is_overwritten() {
    for option in ["--save", "--plot"] {
        for name in [
            "train-images-idx3-ubyte",
            "t10k-images-idx3-ubyte.gz",
            "t10k-labels.idx1-ubyte",
        ] {
            let directory = mnist();
            let before = files(directory.path());
            let arguments = ["mnist", "--data", ".", "--hidden", "4", "--epochs", "1", option, name];
            let finished = run_in(directory.path(), &arguments);
            assert_eq!((finished.code, finished.stdout.as_str()), (Some(2), ""), "{finished:?}");
            let message = format!("error: {option}: expected a file other than ./{name}, got {name}\n");
            assert_eq!(finished.stderr, message);
            assert_eq!(files(directory.path()), before);
        }
    }
}

/// The test part is evaluated after each epoch, so its accuracies are in the history.
#[test]
fn training_does_not_resume_with_another_test_part() {
    let directory = mnist();
    let train = [
        "mnist",
        "--data",
        ".",
        "--hidden",
        "4",
        "--epochs",
        "1",
        "--checkpoint",
        "run",
        "--resume",
    ];
    for _ in 0..2 {
        let finished = run_in(directory.path(), &train);
        assert_eq!(finished.code, Some(0), "{finished:?}");
    }
    let path = directory.path().join("t10k-labels-idx1-ubyte");
    let mut labels = fs::read(&path).unwrap();
    labels[8] = 9;
    fs::write(&path, labels).unwrap();
    let finished = run_in(directory.path(), &train);
    assert_eq!((finished.code, finished.stdout.as_str()), (Some(2), ""), "{finished:?}");
    assert!(
        finished
            .stderr
            .starts_with("error: the images and labels: expected sha256:"),
        "{}",
        finished.stderr
    );
}

/// Returns the number of bytes of images that the beginning of a compressed file holds.
fn unpacked(start: &[u8]) -> String {
    let mut bytes = vec![];
    let end = io::Read::read_to_end(&mut flate2::read::GzDecoder::new(start), &mut bytes);
    assert_eq!(end.unwrap_err().kind(), io::ErrorKind::UnexpectedEof);
    (bytes.len() - 16).to_string()
}

#[test]
fn mnist_itself_is_learned_to_97_5_percent() {
    let Some(directory) = std::env::var_os("MLP_MNIST_DIR") else {
        // The message is not printed by a macro, because the output of macros is hidden in a test that passes.
        let _ = writeln!(
            io::stderr(),
            "MLP_MNIST_DIR is not set, so training on the real MNIST is skipped"
        );
        return;
    };
    let directory = fs::canonicalize(directory).expect("MLP_MNIST_DIR names a directory");
    let text = run(&["mnist", "--data", directory.to_str().expect("UTF-8")]);
    let (epochs, last) = accuracies(&text);
    assert_eq!(epochs.len(), 10);
    assert!(last >= 97.5, "{text}");
}
