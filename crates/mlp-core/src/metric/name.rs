//! The names of metrics in files, on command lines and in histories.

use super::Metric;
use crate::KindError;
use alloc::string::{String, ToString};
use core::fmt;
use core::str::FromStr;

/// Every metric with its name. A number, here 0, takes the place of `<class>` or of `<k>`.
const NAMED: [(Metric, &str); 15] = [
    (Metric::Accuracy, "accuracy"),
    (Metric::BalancedAccuracy, "balanced_accuracy"),
    (Metric::Precision, "precision"),
    (Metric::Recall, "recall"),
    (Metric::F1, "f1"),
    (Metric::RocAuc, "roc_auc"),
    (Metric::LogLoss, "log_loss"),
    (Metric::Mse, "mse"),
    (Metric::Rmse, "rmse"),
    (Metric::Mae, "mae"),
    (Metric::R2, "r2"),
    (Metric::PrecisionOf(0), "precision_of_<class>"),
    (Metric::RecallOf(0), "recall_of_<class>"),
    (Metric::F1Of(0), "f1_of_<class>"),
    (Metric::TopK(0), "top_<k>"),
];

impl Metric {
    /// The names that [`FromStr`] accepts. In the last four, a number takes the place of `<class>` (0, 1, ...) or of
    /// `<k>` (1, 2, ...).
    pub const NAMES: &'static [&'static str] = &{
        let mut names = [""; NAMED.len()];
        let mut i = 0;
        while i < names.len() {
            names[i] = NAMED[i].1;
            i += 1;
        }
        names
    };

    /// Returns the name, which is stable across versions. [`FromStr`] reads it back.
    ///
    /// ```
    /// # use mlp_core::Metric;
    /// assert_eq!(Metric::TopK(5).name(), "top_5");
    /// assert_eq!("top_5".parse(), Ok(Metric::TopK(5)));
    /// assert_eq!(Metric::RecallOf(0).name(), "recall_of_0");
    /// ```
    #[must_use]
    pub fn name(self) -> String {
        self.to_string()
    }

    /// Returns the class or k.
    fn number(&mut self) -> Option<&mut usize> {
        match self {
            Self::PrecisionOf(number) | Self::RecallOf(number) | Self::F1Of(number) | Self::TopK(number) => {
                Some(number)
            }
            _ => None,
        }
    }
}

impl fmt::Display for Metric {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let mut metric = *self;
        let number = metric.number().map(core::mem::take);
        let named = NAMED.iter().find(|(known, _)| *known == metric);
        let (_, name) = named.expect("every metric has a name");
        match number.zip(name.split_once('<')) {
            Some((number, (prefix, _))) => f.pad(&alloc::format!("{prefix}{number}")),
            None => f.pad(name),
        }
    }
}

impl FromStr for Metric {
    type Err = KindError;

    fn from_str(name: &str) -> Result<Self, KindError> {
        let metric = NAMED.into_iter().find_map(|(mut metric, known)| {
            if let Some((number, (prefix, _))) = metric.number().zip(known.split_once('<')) {
                *number = name.strip_prefix(prefix)?.parse().ok()?;
            }
            // Each metric has only one name, so `top_05` and `top_+5` are rejected.
            (metric != Self::TopK(0) && metric.name() == name).then_some(metric)
        });
        metric.ok_or_else(|| KindError::unknown("metric", Self::NAMES, name))
    }
}

#[cfg(feature = "serde")]
crate::serialize::by_name!(Metric);

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_read_back() {
        for (metric, name) in NAMED
            .into_iter()
            .filter(|(_, name)| !name.contains('<'))
            .chain([(Metric::TopK(1), "top_1"), (Metric::TopK(10), "top_10")])
            .chain([
                (Metric::PrecisionOf(0), "precision_of_0"),
                (Metric::RecallOf(1), "recall_of_1"),
            ])
            .chain([(Metric::F1Of(1), "f1_of_1"), (Metric::F1Of(12), "f1_of_12")])
        {
            assert_eq!(metric.name(), name);
            assert_eq!(name.parse(), Ok(metric));
        }
        assert_eq!(
            alloc::format!("{:>5}|{:<6}|", Metric::F1, Metric::TopK(3)),
            "   f1|top_3 |"
        );
    }

    #[test]
    fn other_names_are_errors_that_list_them() {
        for name in [
            "",
            "Accuracy",
            "top",
            "top_",
            "top_0",
            "top_05",
            "top_+5",
            "top_-1",
            "top_5 ",
            "f1 ",
            "f1_of_",
            "f1_of_01",
            "recall_of_+1",
            "precision_of_-1",
            "recall_1",
            "mse_of_1",
            "f1_of_99999999999999999999",
        ] {
            let error = name.parse::<Metric>().unwrap_err();
            assert!(
                matches!(&error, KindError::Unknown { got, .. } if got == name),
                "{error:?}"
            );
        }
        let message = "auc".parse::<Metric>().unwrap_err().to_string();
        assert_eq!(
            message,
            format!("unknown metric `auc`: expected one of {}", Metric::NAMES.join(", "))
        );
    }

    #[test]
    fn every_name_in_the_list_is_the_name_of_a_metric() {
        for pattern in Metric::NAMES {
            let name = pattern.replace("<class>", "0").replace("<k>", "1");
            assert_eq!(name.parse::<Metric>().map(Metric::name), Ok(name));
        }
        assert_eq!(Metric::NAMES.len(), NAMED.len());
    }
}
