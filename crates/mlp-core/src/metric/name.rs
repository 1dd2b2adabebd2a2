//! The names of metrics in files, on command lines and in histories.

use super::Metric;
use crate::KindError;
use alloc::string::{String, ToString};
use core::fmt;
use core::str::FromStr;

/// The metrics without a parameter, in the order of [`Metric::NAMES`].
const NAMED: [Metric; 11] = [
    Metric::Accuracy,
    Metric::BalancedAccuracy,
    Metric::Precision,
    Metric::Recall,
    Metric::F1,
    Metric::RocAuc,
    Metric::LogLoss,
    Metric::Mse,
    Metric::Rmse,
    Metric::Mae,
    Metric::R2,
];

/// The prefix of the names of [`Metric::TopK`]; k follows.
const TOP: &str = "top_";

/// A function that creates the metric of a class.
type OfClass = fn(usize) -> Metric;

/// The metrics of a single class, and the prefixes of their names; the class follows.
const OF_CLASS: [(OfClass, &str); 3] = [
    (Metric::PrecisionOf, "precision_of_"),
    (Metric::RecallOf, "recall_of_"),
    (Metric::F1Of, "f1_of_"),
];

impl Metric {
    /// The names that [`FromStr`] accepts. In the last four, a number takes the place of `<class>` (0, 1, ...) or of
    /// `<k>` (1, 2, ...).
    pub const NAMES: &'static [&'static str] = &[
        "accuracy",
        "balanced_accuracy",
        "precision",
        "recall",
        "f1",
        "roc_auc",
        "log_loss",
        "mse",
        "rmse",
        "mae",
        "r2",
        "precision_of_<class>",
        "recall_of_<class>",
        "f1_of_<class>",
        "top_<k>",
    ];

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
}

impl fmt::Display for Metric {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        if let Self::TopK(k) = self {
            return f.pad(&alloc::format!("{TOP}{k}"));
        }
        if let Some(class) = self.class()
            && let Some((_, prefix)) = OF_CLASS.iter().find(|(of, _)| of(class) == *self)
        {
            return f.pad(&alloc::format!("{prefix}{class}"));
        }
        let position = NAMED.iter().position(|metric| metric == self);
        f.pad(position.map_or("", |position| Self::NAMES[position]))
    }
}

impl FromStr for Metric {
    type Err = KindError;

    fn from_str(name: &str) -> Result<Self, KindError> {
        if let Some((metric, _)) = NAMED.iter().zip(Self::NAMES).find(|(_, known)| **known == name) {
            return Ok(*metric);
        }
        let mut numbered = OF_CLASS.into_iter().chain([(Self::TopK as OfClass, TOP)]);
        let metric = numbered.find_map(|(of, prefix)| name.strip_prefix(prefix)?.parse().ok().map(of));
        metric
            // Each metric has only one name, so `top_05` and `top_+5` are rejected.
            .filter(|metric| *metric != Self::TopK(0) && metric.name() == name)
            .ok_or_else(|| KindError::unknown("metric", Self::NAMES, name))
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
            .zip(Metric::NAMES.iter().copied())
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
        assert_eq!(Metric::NAMES.len(), NAMED.len() + OF_CLASS.len() + 1);
    }
}
