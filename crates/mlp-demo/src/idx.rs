//! Reads the MNIST digits from files in IDX format, plain or compressed with gzip.
//!
//! An IDX file of bytes starts with a header of big-endian 32-bit numbers: the magic number 0x0000_08_0D, where D is
//! the number of dimensions, and then the D dimensions. The header is followed by as many bytes as the product of the
//! dimensions.

use std::cmp::Ordering;
use std::fs::{self, File};
use std::io::{self, Cursor, Read};
use std::path::{Path, PathBuf};

use flate2::read::MultiGzDecoder;

use crate::error::Error;
use crate::part::{CLASSES, Part};
use crate::text::counted;

/// Height and width of an image.
pub const SIDE: usize = 28;
/// Pixels of an image: 28 rows of 28.
pub const PIXELS: usize = SIDE * SIDE;

/// The most bytes of data that a file may claim to hold: 1 GiB. The largest MNIST file holds 47 MB.
const MAX_BYTES: usize = 1 << 30;

/// The MNIST digits: training and test part.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Mnist {
    /// The training part, 60,000 digits in the original.
    pub train: Part,
    /// The test part, 10,000 digits in the original.
    pub test: Part,
}

impl Mnist {
    /// Reads `train-images-idx3-ubyte`, `train-labels-idx1-ubyte`, `t10k-images-idx3-ubyte` and
    /// `t10k-labels-idx1-ubyte` from a directory. Each name may also end in `.gz` and may have a dot instead of the
    /// dash before `idx`. The content of a file, not its name, determines whether it is decompressed.
    ///
    /// # Errors
    /// Returns an error if a file is missing, unreadable, truncated, too long or of another kind, if the images are not
    /// 28 x 28, if a label is greater than 9, if there is no image, or if the numbers of images and labels differ.
    /// Memory is allocated only for bytes that a file really has, whatever its header claims.
    pub fn load(dir: &Path) -> Result<Self, Error> {
        fs::read_dir(dir).map_err(Error::read(dir))?;
        Ok(Self {
            train: load(dir, "train")?,
            test: load(dir, "t10k")?,
        })
    }

    /// Returns the paths at which [`load`](Self::load) looks for the files, whether or not the files exist.
    pub(crate) fn paths(dir: &Path) -> impl Iterator<Item = PathBuf> {
        let files = ["train", "t10k"].into_iter().flat_map(|part| {
            let (images, labels) = (format!("{part}-images"), format!("{part}-labels"));
            [names(&images, "idx3-ubyte"), names(&labels, "idx1-ubyte")].concat()
        });
        files.map(|name| dir.join(name))
    }
}

/// Reads the images and the labels of a part.
fn load(dir: &Path, part: &str) -> Result<Part, Error> {
    let (images_path, images) = open(dir, &format!("{part}-images"), "idx3-ubyte")?;
    let ([count, rows, columns], images) = read_idx(&images_path, images)?;
    if [rows, columns] != [SIDE, SIDE] {
        let (expected, got) = (format!("images of {SIDE} x {SIDE}"), format!("{rows} x {columns}"));
        return Err(Error::unexpected(images_path.display(), expected, got));
    }
    if count == 0 {
        return Err(Error::unexpected(images_path.display(), "at least one image", "none"));
    }
    let (labels_path, labels) = open(dir, &format!("{part}-labels"), "idx1-ubyte")?;
    let ([label_count], labels) = read_idx(&labels_path, labels)?;
    if label_count != count {
        let expected = format!("{count} labels, one per image of {}", images_path.display());
        return Err(Error::unexpected(labels_path.display(), expected, label_count));
    }
    if let Some(i) = labels.iter().position(|&label| usize::from(label) >= CLASSES) {
        let at = format!("{}: label {} of {count}", labels_path.display(), i + 1);
        return Err(Error::unexpected(at, "a digit 0 to 9", labels[i]));
    }
    Ok(Part { images, labels })
}

/// Returns the names that a file may have.
fn names(stem: &str, kind: &str) -> [String; 4] {
    [
        format!("{stem}-{kind}"),
        format!("{stem}-{kind}.gz"),
        format!("{stem}.{kind}"),
        format!("{stem}.{kind}.gz"),
    ]
}

/// Opens the file under the first of its possible names that exists, and returns its path with it.
fn open(dir: &Path, stem: &str, kind: &str) -> Result<(PathBuf, File), Error> {
    for name in names(stem, kind) {
        let path = dir.join(name);
        match File::open(&path) {
            Ok(file) => return Ok((path, file)),
            Err(e) if e.kind() == io::ErrorKind::NotFound => {}
            Err(error) => return Err(Error::read(&path)(error)),
        }
    }
    let expected = format!("a file `{stem}-{kind}`, `{stem}-{kind}.gz` or `{stem}.{kind}`");
    Err(Error::unexpected(dir.display(), expected, "none"))
}

/// Reads an IDX file of bytes with D dimensions, decompresses it if it is gzip, and returns the dimensions and the
/// bytes.
fn read_idx<const D: usize>(path: &Path, file: impl Read) -> Result<([usize; D], Vec<u8>), Error> {
    let mut reader = unpacked(file).map_err(Error::read(path))?;
    let unexpected = |expected: String, got: String| Err(Error::unexpected(path.display(), expected, got));

    let length = 4 + 4 * D;
    let header = read_up_to(&mut reader, length, length).map_err(Error::read(path))?;
    let mut numbers = header.as_chunks().0.iter().copied().map(u32::from_be_bytes);
    let magic = 0x0800 + D as u32;
    match numbers.next() {
        Some(first) if first != magic => {
            return unexpected(format!("the magic number {magic:#010x}"), format!("{first:#010x}"));
        }
        _ if header.len() < length => {
            return unexpected(format!("a header of {length} bytes"), header.len().to_string());
        }
        _ => {}
    }
    let dimensions: [usize; D] = std::array::from_fn(|_| numbers.next().unwrap_or(0) as usize);

    let claim = dimensions
        .iter()
        .try_fold(1_usize, |product, &n| product.checked_mul(n));
    let Some(size) = claim.filter(|&size| size <= MAX_BYTES) else {
        let product = dimensions.map(|n| n.to_string()).join(" x ");
        return unexpected(
            format!("at most {MAX_BYTES} bytes of data"),
            format!("{product} in the header"),
        );
    };
    let data = read_up_to(&mut reader, size + 1, size).map_err(Error::read(path))?;
    let expected = counted(size, "byte") + " after the header";
    match data.len().cmp(&size) {
        Ordering::Less => unexpected(expected, data.len().to_string()),
        Ordering::Greater => unexpected(expected, "more".into()),
        Ordering::Equal => Ok((dimensions, data)),
    }
}

/// Returns the decompressed content of the file if its first two bytes are those of gzip, else the content as it is.
fn unpacked<'a>(mut file: impl Read + 'a) -> io::Result<Box<dyn Read + 'a>> {
    let start = read_up_to(&mut file, 2, 2)?;
    let gzip = start == [0x1f, 0x8b];
    let whole = Cursor::new(start).chain(file);
    Ok(if gzip {
        Box::new(MultiGzDecoder::new(whole))
    } else {
        Box::new(whole)
    })
}

/// Reads bytes until there are `limit` bytes or the reader ends. A gzip stream that ends too early is not an error here
/// if there are fewer than `needed` bytes: the caller then reports both numbers, as for a plain file.
fn read_up_to(reader: &mut impl Read, limit: usize, needed: usize) -> io::Result<Vec<u8>> {
    let mut data = Vec::new();
    match reader.take(limit as u64).read_to_end(&mut data) {
        Err(e) if e.kind() == io::ErrorKind::UnexpectedEof && data.len() < needed => Ok(data),
        result => result.map(|_| data),
    }
}

#[cfg(test)]
mod tests;
