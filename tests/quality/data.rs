//! The data sets of `tests/quality/data` and the digits of the demo.

use flate2::read::GzDecoder;
use mlp_cpu::{Element, Matrix};
use mlp_demo::Part;
use mlp_demo::digits::{self, PIXELS};
use std::fs::File;
use std::io::Read;
use std::path::Path;

/// Samples: `input` n_in x N, `target` n_out x N or 1 x N class indices.
pub(crate) struct Data<T: Element> {
    pub(crate) input: Matrix<T>,
    pub(crate) target: Matrix<T>,
}

/// Reads the file `name`, whose last `targets` columns are the target.
pub(crate) fn read<T: Element>(name: &str, targets: usize) -> Data<T> {
    let path = Path::new(env!("CARGO_MANIFEST_DIR")).join(format!("tests/quality/data/{name}.csv.gz"));
    let mut text = String::new();
    GzDecoder::new(File::open(path).unwrap())
        .read_to_string(&mut text)
        .unwrap();
    let rows: Vec<Vec<f64>> = text
        .lines()
        .skip(1)
        .map(|line| line.split(',').map(|number| number.parse().unwrap()).collect())
        .collect();
    let inputs = rows[0].len() - targets;
    Data {
        input: Matrix::from_fn(inputs, rows.len(), |i, j| T::from_f64(rows[j][i])),
        target: Matrix::from_fn(targets, rows.len(), |i, j| T::from_f64(rows[j][inputs + i])),
    }
}

/// Reads the 1,797 digits of 8 x 8 pixels.
pub(crate) fn digits<T: Element>() -> Data<T> {
    let Part { images, labels } = digits::load();
    Data {
        input: Matrix::from_fn(PIXELS, labels.len(), |i, j| T::from_f64(images[PIXELS * j + i].into())),
        target: Matrix::from_fn(1, labels.len(), |_, j| T::from_f64(labels[j].into())),
    }
}

impl<T: Element> Data<T> {
    pub(crate) fn len(&self) -> usize {
        self.input.shape().1
    }

    /// Returns the samples of these indices.
    pub(crate) fn subset(&self, samples: &[usize]) -> Self {
        let of = |all: &Matrix<T>| Matrix::from_fn(all.shape().0, samples.len(), |i, j| all[(i, samples[j])]);
        Self {
            input: of(&self.input),
            target: of(&self.target),
        }
    }

    /// Scales each feature to mean 0 and standard deviation 1 over the samples of `of`, so that no information comes
    /// from other samples.
    pub(crate) fn standardized(&self, of: &Self) -> Self {
        self.scaled(of, |row| {
            let count = row.len() as f64;
            let mean = row.iter().sum::<f64>() / count;
            let variance = row.iter().map(|x| (x - mean).powi(2)).sum::<f64>() / count;
            (mean, variance.sqrt())
        })
    }

    /// Scales each feature to [0, 1].
    pub(crate) fn to_unit(&self) -> Self {
        self.scaled(self, |row| {
            let least = row.iter().copied().fold(f64::INFINITY, f64::min);
            (least, row.iter().copied().fold(f64::NEG_INFINITY, f64::max) - least)
        })
    }

    /// Computes x' = (x - offset) / scale, where `fit` computes offset and scale from the feature's values in `of`. A
    /// scale of 0, that of a constant feature, counts as 1.
    fn scaled(&self, of: &Self, fit: impl Fn(&[f64]) -> (f64, f64)) -> Self {
        let fits: Vec<_> = (0..self.input.shape().0)
            .map(|i| fit(&(0..of.len()).map(|j| of.input[(i, j)].to_f64()).collect::<Vec<_>>()))
            .collect();
        Self {
            input: Matrix::from_fn(fits.len(), self.len(), |i, j| {
                let (offset, scale) = fits[i];
                T::from_f64((self.input[(i, j)].to_f64() - offset) / if scale > 0.0 { scale } else { 1.0 })
            }),
            target: self.target.clone(),
        }
    }
}
