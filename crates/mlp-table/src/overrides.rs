//! Numbers of a recipe that a search replaces.

use crate::TableError;
use crate::recipe::Settings;
use mlp_core::{AdamW, Dropout};
use mlp_cpu::Matrix;
use serde::{Deserialize, Serialize};

/// Numbers that replace those of a [`Recipe`](crate::Recipe), for a search. What is `None` stays as it is.
///
/// ```
/// use mlp_table::{Overrides, TableOptions};
///
/// let overrides = Overrides { epochs: Some(20), width: Some(64), ..Overrides::default() };
/// let options = TableOptions { overrides, ..TableOptions::default() };
/// ```
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct Overrides {
    /// The learning rate eta, above 0.
    pub learning_rate: Option<f64>,
    /// The probability of dropout, at least 0 and below 1.
    pub dropout: Option<f64>,
    /// The weight decay lambda, at least 0.
    pub weight_decay: Option<f64>,
    /// The number of neurons of each hidden layer, from 1 to 4,096.
    pub width: Option<usize>,
    /// The number of hidden layers, from 1 to 16.
    pub layers: Option<usize>,
    /// The number of epochs, from 1 to 100,000.
    pub epochs: Option<usize>,
}

impl Settings {
    /// Returns the settings with other numbers.
    ///
    /// # Errors
    /// If a number is not in its range.
    pub(crate) fn with(mut self, overrides: &Overrides) -> Result<Self, TableError> {
        self.learning_rate = overrides.learning_rate.unwrap_or(self.learning_rate);
        self.weight_decay = overrides.weight_decay.unwrap_or(self.weight_decay);
        self.dropout = overrides.dropout.unwrap_or(self.dropout);
        let optimizer = AdamW::<Matrix<f32>>::new(self.learning_rate);
        let checked = optimizer.and_then(|optimizer| optimizer.weight_decay(self.weight_decay));
        let checked = checked.and_then(|_| Dropout::new(self.dropout, 0));
        checked.map_err(|error| TableError::new(error.to_string()))?;
        let width = overrides.width.unwrap_or(self.hidden[0]);
        let layers = overrides.layers.unwrap_or(self.hidden.len());
        self.epochs = overrides.epochs.unwrap_or(self.epochs);
        for (name, got, most) in [
            ("width", width, 4096),
            ("layers", layers, 16),
            ("epochs", self.epochs, 100_000),
        ] {
            if !(1..=most).contains(&got) {
                let expected = format_args!("a whole number from 1 to {most}");
                return Err(TableError::new(format!("{name}: expected {expected}, got {got}")));
            }
        }
        self.hidden = vec![width; layers];
        Ok(self)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::Recipe;

    #[test]
    fn overrides_replace_numbers_and_are_refused_by_name() {
        let none = Overrides::default();
        let with = |overrides: &Overrides| Recipe::Td.settings(100, false).with(overrides);
        assert_eq!(with(&none).unwrap(), Recipe::Td.settings(100, false));
        let overrides = Overrides {
            learning_rate: Some(0.5),
            dropout: Some(0.0),
            weight_decay: Some(0.0),
            width: Some(7),
            layers: Some(2),
            epochs: Some(3),
        };
        let settings = with(&overrides).unwrap();
        assert_eq!((settings.hidden, settings.epochs), (vec![7, 7], 3));
        assert_eq!(
            [settings.learning_rate, settings.dropout, settings.weight_decay],
            [0.5, 0.0, 0.0]
        );
        for (json, message) in [
            (
                r#"{"learning_rate":0}"#,
                "learning rate: expected a finite number above 0, got 0",
            ),
            (
                r#"{"dropout":1}"#,
                "dropout probability: expected a number of at least 0 and below 1, got 1",
            ),
            (
                r#"{"weight_decay":-1}"#,
                "weight decay: expected a finite number of at least 0, got -1",
            ),
            (r#"{"width":0}"#, "width: expected a whole number from 1 to 4096, got 0"),
            (r#"{"layers":0}"#, "layers: expected a whole number from 1 to 16, got 0"),
            (
                r#"{"epochs":0}"#,
                "epochs: expected a whole number from 1 to 100000, got 0",
            ),
        ] {
            let overrides = serde_json::from_str(json).unwrap();
            assert_eq!(with(&overrides).unwrap_err().to_string(), message);
        }
    }
}
