//! What a model predicts.

use super::calibration::{Calibration, Conformal};
use crate::target::largest;
use arrow_array::{ArrayRef, Float64Array, RecordBatch, StringArray};
use arrow_schema::{Field, Schema};
use mlp_core::Classes;
use std::sync::Arc;

/// The predictions for the rows of a table: numbers, or classes with their probabilities.
#[derive(Clone, Debug)]
pub struct Predictions {
    pub(crate) values: Values,
    pub(crate) unknown: Vec<(String, usize)>,
}

#[derive(Clone, Debug)]
pub(crate) enum Values {
    Numbers {
        numbers: Vec<f64>,
        /// The calibration of consecutive rows, and where each ends.
        conformal: Vec<(usize, Arc<Conformal>)>,
    },
    Classes {
        classes: Classes,
        /// N x classes, row after row.
        probabilities: Vec<f64>,
    },
}

impl Values {
    /// Takes numbers, or the probabilities of `classes`.
    pub(crate) fn new(values: Vec<f64>, classes: Option<&Classes>, calibration: &Calibration) -> Self {
        match (calibration, classes) {
            (Calibration::Conformal(conformal), _) => Self::Numbers {
                conformal: vec![(values.len(), conformal.clone())],
                numbers: values,
            },
            (Calibration::Temperature(_), classes) => Self::Classes {
                classes: classes.expect("only probabilities have a temperature").clone(),
                probabilities: values,
            },
        }
    }
}

impl Predictions {
    /// Returns the number of rows.
    pub fn len(&self) -> usize {
        match &self.values {
            Values::Numbers { numbers, .. } => numbers.len(),
            Values::Classes { classes, probabilities } => probabilities.len() / classes.len(),
        }
    }

    /// Returns whether there are no rows.
    pub fn is_empty(&self) -> bool {
        self.len() == 0
    }

    /// Returns the numbers, or `None` if classes are predicted.
    pub fn numbers(&self) -> Option<&[f64]> {
        match &self.values {
            Values::Numbers { numbers, .. } => Some(numbers),
            Values::Classes { .. } => None,
        }
    }

    /// Returns the probabilities, row after row with one per class, or `None` if numbers are predicted.
    pub fn probabilities(&self) -> Option<&[f64]> {
        match &self.values {
            Values::Numbers { .. } => None,
            Values::Classes { probabilities, .. } => Some(probabilities),
        }
    }

    /// Returns the class of a row, counted from 0, as the training data have it: the most probable one, the first one if
    /// several are. Returns `None` if numbers are predicted.
    ///
    /// # Panics
    /// If there is no such row.
    #[track_caller]
    pub fn class(&self, row: usize) -> Option<&str> {
        let Values::Classes { classes, probabilities } = &self.values else {
            return None;
        };
        let row = &probabilities[row * classes.len()..][..classes.len()];
        Some(&classes.names()[largest(row)])
    }

    /// Returns for each row the lower and the upper end of an interval that contains the target with probability
    /// `level`, or `None` if classes are predicted. The ends are infinite if the model had too few rows for the level.
    ///
    /// # Panics
    /// If the level is not between 0 and 1.
    #[track_caller]
    pub fn intervals(&self, level: f64) -> Option<Vec<(f64, f64)>> {
        assert!(
            level > 0.0 && level < 1.0,
            "Predictions::intervals: expected a level between 0 and 1, got {level}"
        );
        let Values::Numbers { numbers, conformal } = &self.values else {
            return None;
        };
        let mut intervals = Vec::with_capacity(numbers.len());
        for (end, conformal) in conformal {
            for &number in &numbers[intervals.len()..*end] {
                let width = conformal.half_width(number, level);
                intervals.push((number - width, number + width));
            }
        }
        Some(intervals)
    }

    /// Returns the columns with values that no training row has, and in how many rows. Such a value counts as missing.
    pub fn unknown(&self) -> &[(String, usize)] {
        &self.unknown
    }

    /// Returns the columns `prediction` (a number or a class), for classes `probability:CLASS` each, and with an
    /// `interval` of that level, for numbers, `lower` and `upper`.
    ///
    /// # Panics
    /// If the level is not between 0 and 1.
    #[track_caller]
    pub fn to_batch(&self, interval: Option<f64>) -> RecordBatch {
        let mut columns: Vec<(String, ArrayRef)> = vec![];
        let mut add = |name: &str, array: ArrayRef| columns.push((name.to_owned(), array));
        match &self.values {
            Values::Numbers { numbers, .. } => {
                add("prediction", Arc::new(Float64Array::from(numbers.clone())));
                if let Some(intervals) = interval.and_then(|level| self.intervals(level)) {
                    let (lower, upper): (Vec<f64>, Vec<f64>) = intervals.into_iter().unzip();
                    add("lower", Arc::new(Float64Array::from(lower)));
                    add("upper", Arc::new(Float64Array::from(upper)));
                }
            }
            Values::Classes { classes, probabilities } => {
                let names: StringArray = (0..self.len()).map(|row| self.class(row)).collect();
                add("prediction", Arc::new(names));
                for (class, name) in classes.names().iter().enumerate() {
                    let column = probabilities.iter().skip(class).step_by(classes.len());
                    let column: Float64Array = column.copied().map(Some).collect();
                    add(&format!("probability:{name}"), Arc::new(column));
                }
            }
        }
        let fields: Vec<Field> = columns
            .iter()
            .map(|(name, array)| Field::new(name, array.data_type().clone(), true))
            .collect();
        let arrays = columns.into_iter().map(|(_, array)| array).collect();
        RecordBatch::try_new(Arc::new(Schema::new(fields)), arrays).expect("the columns are of equal length")
    }

    /// Adds the predictions of further rows of the same target.
    pub(crate) fn append(&mut self, more: Self) {
        match (&mut self.values, more.values) {
            (
                Values::Numbers { numbers, conformal },
                Values::Numbers {
                    numbers: others,
                    conformal: calibrations,
                },
            ) => {
                for (end, of) in calibrations {
                    let end = numbers.len() + end;
                    match conformal.last_mut() {
                        Some((last, same)) if Arc::ptr_eq(same, &of) => *last = end,
                        _ => conformal.push((end, of)),
                    }
                }
                numbers.extend(others);
            }
            (
                Values::Classes { probabilities, .. },
                Values::Classes {
                    probabilities: others, ..
                },
            ) => probabilities.extend(others),
            _ => unreachable!("the target is the same"),
        }
        for (column, count) in more.unknown {
            match self.unknown.iter_mut().find(|(name, _)| *name == column) {
                Some((_, sum)) => *sum += count,
                None => self.unknown.push((column, count)),
            }
        }
    }
}
