use crate::backend::Tensor;
use crate::{DataError, Scalar};
use alloc::string::String;
use alloc::vec::Vec;
use core::fmt::Display;

/// The names of the classes, in the order of a network's outputs: class k is output k.
///
/// ```
/// use mlp_core::Classes;
/// use mlp_cpu::Matrix;
///
/// let labels = ["versicolor", "setosa", "setosa"];
/// let classes = Classes::of_labels(&labels)?;
/// assert_eq!(classes.names(), ["setosa", "versicolor"]);
/// assert_eq!(classes.indices::<Matrix<f32>>(&labels)?.to_vec(), [1.0, 0.0, 0.0]);
/// assert_eq!(classes.one_hot::<Matrix<f32>>(&labels)?, Matrix::from_columns(&[[0.0, 1.0], [1.0, 0.0], [1.0, 0.0]]));
/// # Ok::<(), mlp_core::DataError>(())
/// ```
#[cfg_attr(
    feature = "serde",
    derive(serde::Serialize, serde::Deserialize),
    serde(try_from = "Vec<String>", into = "Vec<String>")
)]
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Classes {
    names: Vec<String>,
    /// The classes sorted by name, for looking up a label.
    by_name: Vec<usize>,
}

impl Classes {
    /// Creates classes with these names, in this order.
    ///
    /// # Errors
    /// If there is no name, one is empty, or two are equal.
    pub fn new(names: impl IntoIterator<Item = impl Into<String>>) -> Result<Self, DataError> {
        let names: Vec<String> = names.into_iter().map(Into::into).collect();
        if names.is_empty() {
            return Err(invalid("at least one name", "none"));
        }
        let by_name = sort_names(WHAT, &names)?;
        Ok(Self { names, by_name })
    }

    /// Collects the classes that occur in `labels`, which has one label per sample. Each class is listed once. They are
    /// sorted as text, so `10` comes before `9`.
    ///
    /// # Errors
    /// If there is no label, or one is empty.
    pub fn of_labels(labels: &[impl AsRef<str>]) -> Result<Self, DataError> {
        if let Some(position) = labels.iter().position(|label| label.as_ref().is_empty()) {
            return Err(empty_name(WHAT, position));
        }
        let mut names: Vec<&str> = labels.iter().map(AsRef::as_ref).collect();
        names.sort_unstable();
        names.dedup();
        Self::new(names)
    }

    /// Returns the names, in the order of the outputs.
    pub fn names(&self) -> &[String] {
        &self.names
    }

    /// Returns K, the number of classes, which is at least 1.
    #[expect(clippy::len_without_is_empty, reason = "it is never empty")]
    pub fn len(&self) -> usize {
        self.names.len()
    }

    /// Returns the index of the class named `name`.
    pub fn index_of(&self, name: &str) -> Option<usize> {
        let found = self
            .by_name
            .binary_search_by(|&class| self.names[class].as_str().cmp(name));
        found.ok().map(|position| self.by_name[position])
    }

    /// Returns the class indices of N labels, as 1 x N. They are the target of
    /// [`SoftmaxCrossEntropy::for_classes`](crate::SoftmaxCrossEntropy::for_classes) and, for two classes, that of
    /// [`BinaryCrossEntropy`](crate::BinaryCrossEntropy) with a single output.
    ///
    /// # Errors
    /// If a label is not the name of a class.
    pub fn indices<B: Tensor>(&self, labels: &[impl AsRef<str>]) -> Result<B, DataError> {
        let mut indices = Vec::with_capacity(labels.len());
        for (sample, label) in labels.iter().enumerate() {
            indices.push(B::Scalar::from_f64(self.class_of(sample, label.as_ref())? as f64));
        }
        let mut target = B::zeros(1, labels.len());
        target.write(&indices);
        Ok(target)
    }

    /// Returns the one-hot encoding of N labels, as K x N: 1 in the row of the label's class, else 0. It is the target
    /// of [`SoftmaxCrossEntropy::for_probabilities`](crate::SoftmaxCrossEntropy::for_probabilities).
    ///
    /// # Errors
    /// If a label is not the name of a class.
    pub fn one_hot<B: Tensor>(&self, labels: &[impl AsRef<str>]) -> Result<B, DataError> {
        let mut values = alloc::vec![B::Scalar::from_f64(0.0); self.len() * labels.len()];
        for (sample, label) in labels.iter().enumerate() {
            let class = self.class_of(sample, label.as_ref())?;
            values[sample * self.len() + class] = B::Scalar::from_f64(1.0);
        }
        let mut target = B::zeros(self.len(), labels.len());
        target.write(&values);
        Ok(target)
    }

    fn class_of(&self, sample: usize, label: &str) -> Result<usize, DataError> {
        self.index_of(label).ok_or_else(|| {
            let expected = format_args!("the name of a class for sample {sample}");
            invalid(expected, format_args!("`{label}`"))
        })
    }
}

const WHAT: &str = "classes";

fn invalid(expected: impl Display, got: impl Display) -> DataError {
    DataError::invalid(WHAT, expected, got)
}

fn empty_name(what: &'static str, position: usize) -> DataError {
    DataError::invalid(what, format_args!("a name at position {position}"), "an empty one")
}

/// Returns the positions of `names`, sorted by name. An empty name is an error, and so are two equal ones.
pub(crate) fn sort_names(what: &'static str, names: &[String]) -> Result<Vec<usize>, DataError> {
    if let Some(position) = names.iter().position(String::is_empty) {
        return Err(empty_name(what, position));
    }
    let mut by_name: Vec<usize> = (0..names.len()).collect();
    // The sort is stable, so the earlier of two equal names comes first.
    by_name.sort_by(|&a, &b| names[a].cmp(&names[b]));
    match by_name.windows(2).find(|pair| names[pair[0]] == names[pair[1]]) {
        Some(pair) => {
            let got = format_args!("`{}` at positions {} and {}", names[pair[0]], pair[0], pair[1]);
            Err(DataError::invalid(what, "each name once", got))
        }
        None => Ok(by_name),
    }
}

impl TryFrom<Vec<String>> for Classes {
    type Error = DataError;

    fn try_from(names: Vec<String>) -> Result<Self, DataError> {
        Self::new(names)
    }
}

impl From<Classes> for Vec<String> {
    fn from(classes: Classes) -> Self {
        classes.names
    }
}
