//! Training samples from a CSV file.

use std::fs;
use std::path::Path;

use csv::ByteRecord;

use crate::dtype::Dtype;
use crate::error::{Error, quoted};
use crate::table::{Place, Table, shown};

/// The samples of a regression. Each sample has a list of features and a list of targets.
///
/// Both are stored sample after sample, which makes them column-major matrices: `inputs` is `features` x n, and
/// `targets` is `outputs` x n.
#[derive(Clone, Debug, PartialEq)]
pub struct Samples {
    /// The number of features of a sample, at least 1.
    pub features: usize,
    /// The number of targets of a sample, at least 1.
    pub outputs: usize,
    /// The features of all samples, `features` x n.
    pub inputs: Vec<f64>,
    /// The targets of all samples, `outputs` x n.
    pub targets: Vec<f64>,
}

impl Samples {
    /// Returns the number of samples n.
    #[must_use]
    pub fn count(&self) -> usize {
        self.inputs.len().checked_div(self.features).unwrap_or(0)
    }

    /// Reads a CSV file, which has a header and then one sample per line.
    ///
    /// Columns whose name starts with `x` are features, and columns whose name starts with `y` are targets, in the
    /// order of the file. Any other name is an error, because a column that is silently ignored is more often a mistake
    /// than intended. Cells are decimal numbers that are finite in `dtype`. Space around cells, blank lines, `\r\n` and
    /// a UTF-8 byte order mark are accepted.
    ///
    /// # Errors
    ///
    /// Returns an error if the file cannot be read or is empty, if the header is missing or lacks an `x` or a `y`
    /// column, if there is no sample, or if a cell is missing, superfluous, empty, not a number or not finite. The
    /// message names the line of the file and the column, both counted from 1.
    pub fn read(path: &Path, dtype: Dtype) -> Result<Self, Error> {
        let csv = fs::read(path).map_err(Error::read(path))?;
        Self::from_csv(path, &csv, dtype)
    }

    /// Parses the bytes of a CSV file as [`Samples::read`] does; `path` names the file in messages.
    ///
    /// # Errors
    ///
    /// Returns the errors of [`Samples::read`] that concern the content of the file.
    pub fn from_csv(path: &Path, csv: &[u8], dtype: Dtype) -> Result<Self, Error> {
        let mut roles = vec![];
        let table = Table::parse(path, csv, dtype, "`x,y`", |header, place| {
            roles = columns(header, place)?;
            Ok(())
        })?;
        let features = roles.iter().filter(|&&role| role == Role::Feature).count();
        let cells = || table.rows().flat_map(|row| row.iter().zip(&roles));
        let of = |wanted| cells().filter_map(move |(&value, &role)| (role == wanted).then_some(value));
        Ok(Self {
            features,
            outputs: roles.len() - features,
            inputs: of(Role::Feature).collect(),
            targets: of(Role::Target).collect(),
        })
    }
}

/// The role of a column.
#[derive(Clone, Copy, PartialEq)]
enum Role {
    Feature,
    Target,
}

/// Returns the role of each column of a header.
fn columns(header: &ByteRecord, place: &Place<'_>) -> Result<Vec<Role>, Error> {
    let mut roles = Vec::with_capacity(header.len());
    for (column, name) in header.iter().enumerate() {
        roles.push(match name.first() {
            Some(b'x') => Role::Feature,
            Some(b'y') => Role::Target,
            _ => {
                let expected = "a name that starts with `x` (feature) or `y` (target)";
                return Err(place.unexpected(column, None, expected, shown(name)));
            }
        });
    }
    for (role, expected) in [
        (Role::Feature, "a column whose name starts with `x` (feature)"),
        (Role::Target, "a column whose name starts with `y` (target)"),
    ] {
        if !roles.contains(&role) {
            let names = header.iter().map(quoted).collect::<Vec<_>>().join(", ");
            return Err(Error::unexpected(place.line(), expected, format_args!("only {names}")));
        }
    }
    Ok(roles)
}

#[cfg(test)]
mod tests;
