//! The 1,797 handwritten digits of 8x8 pixels, embedded.

use std::io::Read as _;

use flate2::read::GzDecoder;

use crate::part::Part;

/// Number of digits.
pub const COUNT: usize = 1797;
/// Pixels of a digit: 8 rows of 8.
pub const PIXELS: usize = 64;
/// The greatest value of a pixel; the least is 0.
pub const MAX_PIXEL: u8 = 16;

/// Unpacks the digits, which are embedded in this library (`data/digits.bin.gz`): the test part of the UCI *Optical
/// Recognition of Handwritten Digits* data, in the same order as in scikit-learn's `load_digits`. `data/README.md`
/// states the source and the license.
///
/// Successive digits often have the same writer, so shuffle them before you split them into a training and a test part.
///
/// # Panics
/// Panics only if the library was built with damaged data.
#[must_use]
pub fn load() -> Part {
    let packed: &[u8] = include_bytes!("../data/digits.bin.gz");
    let mut images = Vec::with_capacity(COUNT * (PIXELS + 1));
    let unpacked = GzDecoder::new(packed).read_to_end(&mut images);
    unpacked.expect("the embedded digits are valid gzip");
    assert_eq!(
        images.len(),
        COUNT * (PIXELS + 1),
        "the embedded digits have the right length"
    );
    let labels = images.split_off(COUNT * PIXELS);
    Part { images, labels }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::part::CLASSES;

    #[test]
    fn every_digit_is_there() {
        let digits = load();
        let mut per_class = [0; CLASSES];
        digits
            .labels
            .iter()
            .for_each(|&label| per_class[usize::from(label)] += 1);
        // The numbers are those of data/README.md and of the UCI page.
        assert_eq!(per_class, [178, 182, 177, 183, 181, 182, 181, 179, 174, 180]);
        assert_eq!(digits.labels.len(), COUNT);
        assert_eq!(digits.images.len(), COUNT * PIXELS);
        assert_eq!(digits.images.iter().max(), Some(&MAX_PIXEL));
    }

    #[test]
    fn pixels_are_where_scikit_learn_has_them() {
        let digits = load();
        let zero = [
            [0, 0, 5, 13, 9, 1, 0, 0],
            [0, 0, 13, 15, 10, 15, 5, 0],
            [0, 3, 15, 2, 0, 11, 8, 0],
            [0, 4, 12, 0, 0, 8, 8, 0],
            [0, 5, 8, 0, 0, 9, 8, 0],
            [0, 4, 11, 0, 1, 12, 7, 0],
            [0, 2, 14, 5, 10, 12, 0, 0],
            [0, 0, 6, 13, 10, 0, 0, 0],
        ];
        assert_eq!(digits.images[..PIXELS], *zero.as_flattened());
        assert_eq!(digits.labels[..10], [0, 1, 2, 3, 4, 5, 6, 7, 8, 9]);
        // NumPy computed these sums over all digits of p[i] and of (i + 1) * p[i] from load_digits().data.
        let sum: u32 = digits.images.iter().map(|&p| u32::from(p)).sum();
        let weighted: u32 = digits
            .images
            .chunks(PIXELS)
            .flat_map(|d| d.iter().zip(1..))
            .map(|(&p, i)| i * u32::from(p))
            .sum();
        assert_eq!((sum, weighted), (561_718, 18_222_371));
    }
}
