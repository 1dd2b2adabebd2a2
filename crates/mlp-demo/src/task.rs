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

#[cfg(test)]
pub(crate) mod tests;
