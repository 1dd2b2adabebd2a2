//! The task of a classifier of images: the images in their parts, and the properties of the images that a saved model
//! records.

use mlp_core::{Dataset, Scaling, ScalingKind};
use mlp_cpu::{Element, Matrix};
use sha2::{Digest as _, Sha256};

use crate::digits;
use crate::idx::{self, Mnist};
use crate::part::{CLASSES, Part};

/// Images of one size and their classes, in a training part, an optional validation part and a test part.
#[derive(Clone, Debug, PartialEq)]
pub(crate) struct Task {
    /// The number of pixels in an image.
    pub(crate) pixels: usize,
    /// The greatest value of a pixel; the least is 0.
    pub(crate) max_pixel: u8,
    /// The input of the network for the least value of a pixel. The input for the greatest value is 1.
    pub(crate) least_input: f64,
    /// The number of classes.
    pub(crate) classes: usize,
    /// The images to train on.
    pub(crate) train: Part,
    /// The images that are evaluated after each epoch, to decide when to stop. This part is empty unless
    /// [`hold_out`](Self::hold_out) filled it.
    pub(crate) validation: Part,
    /// The images to test with.
    pub(crate) test: Part,
}

impl Task {
    /// Returns the 8x8 digits. A fifth of each class, drawn with `seed`, is the test part. Inputs are -1 to 1, because
    /// a pixel has a third of the greatest value on average, and centered inputs are learned better.
    pub(crate) fn digits(seed: u64) -> Self {
        let (train, test) = digits::load().split(5, seed);
        Self::new(digits::PIXELS, digits::MAX_PIXEL, -1.0, train, test)
    }

    /// Returns the MNIST digits. Inputs are 0 to 1, because most of an image is paper, and an input of 0 contributes
    /// nothing to any product.
    pub(crate) fn mnist(Mnist { train, test }: Mnist) -> Self {
        Self::new(idx::PIXELS, u8::MAX, 0.0, train, test)
    }

    fn new(pixels: usize, max_pixel: u8, least_input: f64, train: Part, test: Part) -> Self {
        Self {
            pixels,
            max_pixel,
            least_input,
            classes: CLASSES,
            train,
            validation: Part::default(),
            test,
        }
    }

    /// Moves a tenth of each class of the training part, drawn with `seed`, to the validation part.
    pub(crate) fn hold_out(self, seed: u64) -> Self {
        let (train, validation) = self.train.split(10, seed);
        Self {
            train,
            validation,
            ..self
        }
    }

    /// Returns the scaling that converts each pixel to an input: the least value to
    /// [`least_input`](Self::least_input), and the greatest value to 1.
    pub(crate) fn scaling(&self) -> Scaling {
        let scale = f64::from(self.max_pixel) / (1.0 - self.least_input);
        // The product is subtracted from 0 instead of negated, because -(0 * scale) would be -0.
        let offset = 0.0 - self.least_input * scale;
        let each = |value| vec![value; self.pixels];
        Scaling::from_parts(ScalingKind::MinMax, each(offset), each(scale))
            .expect("an image has pixels, and their scale is finite and not 0")
    }

    /// Returns the images of a part as inputs of the network, pixels x n, with the indices of their classes, 1 x n.
    /// Returns `None` if the part is empty.
    pub(crate) fn data<T: Element>(&self, part: &Part) -> Option<Dataset<Matrix<T>>> {
        if part.labels.is_empty() {
            return None;
        }
        let matrix = |rows, bytes: &[u8]| {
            let numbers = bytes.iter().map(|&byte| T::from_f64(byte.into()));
            Matrix::from_vec(rows, part.labels.len(), numbers.collect())
        };
        let input = self.scaling().apply(&matrix(self.pixels, &part.images));
        Dataset::new(input, matrix(1, &part.labels)).ok()
    }

    /// Returns the names of the classes, in the order of the outputs: `0`, `1` and so on.
    pub(crate) fn class_names(&self) -> Vec<String> {
        (0..self.classes).map(|class| class.to_string()).collect()
    }

    /// Returns `sha256:` and the SHA-256 of the training part: the bytes of all its images, then its labels, a byte
    /// each.
    pub(crate) fn hash(&self) -> String {
        hash(&[&self.train])
    }

    /// Returns the same kind of hash for all parts, one after the other: the training part, the validation part, which
    /// is evaluated after each epoch, and the test part.
    pub(crate) fn hash_of_all(&self) -> String {
        hash(&[&self.train, &self.validation, &self.test])
    }
}

fn hash(parts: &[&Part]) -> String {
    let bytes = parts.iter().flat_map(|part| [&part.images, &part.labels]);
    let state = bytes.fold(Sha256::new(), Sha256::chain_update);
    let hex: String = state.finalize().iter().map(|byte| format!("{byte:02x}")).collect();
    format!("sha256:{hex}")
}

/// Returns an easy task for tests, in which class c has its ink in pixel c.
#[cfg(test)]
pub(crate) fn easy() -> Task {
    let part = |n: u8| Part {
        images: (0..n)
            .flat_map(|i| [0, 1, 2].map(|pixel| if pixel == i % 3 { 200 } else { 10 }))
            .collect(),
        labels: (0..n).map(|i| i % 3).collect(),
    };
    Task {
        pixels: 3,
        max_pixel: 200,
        least_input: 0.0,
        classes: 3,
        train: part(30),
        validation: Part::default(),
        test: part(9),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn count(part: &Part, class: u8) -> usize {
        part.labels.iter().filter(|&&label| label == class).count()
    }

    fn sorted(parts: &[&Part]) -> Vec<(Vec<u8>, u8)> {
        let pairs = parts
            .iter()
            .flat_map(|part| part.images.chunks(digits::PIXELS).zip(&part.labels));
        let mut pairs: Vec<_> = pairs.map(|(image, &label)| (image.to_vec(), label)).collect();
        pairs.sort();
        pairs
    }

    #[test]
    fn a_fifth_of_each_class_is_held_out() {
        let task = Task::digits(0);
        for class in 0..10 {
            let (train, test) = (count(&task.train, class), count(&task.test, class));
            assert!((4 * test).abs_diff(train) <= 4, "class {class}: {train} and {test}");
        }
        assert_eq!((task.train.labels.len(), task.test.labels.len()), (1438, 359));
    }

    #[test]
    fn the_parts_together_are_all_digits_each_once() {
        let task = Task::digits(3);
        assert_eq!(sorted(&[&task.train, &task.test]), sorted(&[&digits::load()]));
        assert_eq!(task, Task::digits(3));
        assert_ne!(task.test, Task::digits(4).test);
    }

    #[test]
    fn validation_takes_a_tenth_of_each_class_of_the_training_part_and_leaves_the_test_part() {
        let whole = Task::digits(3);
        let task = whole.clone().hold_out(3);
        assert_eq!(task.test, whole.test);
        assert_eq!(sorted(&[&task.train, &task.validation]), sorted(&[&whole.train]));
        for class in 0..10 {
            let (train, validation) = (count(&task.train, class), count(&task.validation, class));
            assert!(
                (9 * validation).abs_diff(train) <= 9,
                "class {class}: {train} and {validation}"
            );
        }
        assert_ne!(task.validation, whole.hold_out(4).validation);
    }

    #[test]
    fn pixels_are_scaled() {
        let task = easy();
        assert_eq!(
            task.data::<f64>(&task.test).unwrap().input().column(1),
            [0.05, 1.0, 0.05]
        );
        let task = Task {
            least_input: -1.0,
            ..task
        };
        assert_eq!(
            task.data::<f32>(&task.test).unwrap().input().column(1),
            [-0.9, 1.0, -0.9]
        );
        let (digits, mnist) = (
            Task::digits(0),
            Mnist {
                train: task.train.clone(),
                test: task.test.clone(),
            },
        );
        let range = |task: &Task| {
            let values = task.data::<f64>(&task.test).unwrap().input().to_vec();
            values
                .iter()
                .fold((f64::INFINITY, f64::NEG_INFINITY), |(low, high), &v| {
                    (low.min(v), high.max(v))
                })
        };
        assert_eq!(range(&digits), (-1.0, 1.0));
        assert_eq!(
            (Task::mnist(mnist.clone()).least_input, Task::mnist(mnist).max_pixel),
            (0.0, 255)
        );
    }

    #[test]
    fn the_scaling_of_a_model_gives_the_bits_that_are_trained_on() {
        let every_pixel = |max_pixel: u8, least_input| {
            let part = Part {
                images: (0..=max_pixel).collect(),
                labels: vec![0; usize::from(max_pixel) + 1],
            };
            let task = Task {
                pixels: 1,
                max_pixel,
                least_input,
                ..easy()
            };
            let raw = Matrix::from_vec(
                1,
                part.labels.len(),
                part.images.iter().map(|&p| f32::from(p)).collect(),
            );
            assert_eq!(&task.scaling().apply(&raw), task.data::<f32>(&part).unwrap().input());
            assert!(task.scaling().offset()[0].is_sign_positive());
        };
        every_pixel(255, 0.0);
        every_pixel(16, -1.0);
    }

    #[test]
    fn the_hash_is_that_of_the_bytes() {
        // printf '\xc8\n\n\x00' | sha256sum
        let train = Part {
            images: vec![200, 10, 10],
            labels: vec![0],
        };
        let task = Task { train, ..easy() };
        assert_eq!(
            task.hash(),
            "sha256:49055ab422d4a3146425b2f32a0151a89de678422ca7334f0078ba92a07780a5"
        );
        assert_ne!(task.hash(), easy().hash());
        let mut others = [easy(), easy().hold_out(0)];
        others[0].test.labels[0] = 2;
        for other in others {
            assert_ne!(other.hash_of_all(), easy().hash_of_all());
        }
    }
}
