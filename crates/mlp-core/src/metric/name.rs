//! The names of metrics: what files, command lines and histories say.

use super::Metric;
use alloc::string::{String, ToString};
use core::fmt;
use core::str::FromStr;

/// The metrics without a parameter, and their names.
const NAMED: [(Metric, &str); 11] = [
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
];

/// What the name of the best k begins with; k follows.
const TOP: &str = "top_";

impl Metric {
    /// The name, stable across versions; [`FromStr`] reads it back.
    ///
    /// ```
    /// # use mlp_core::Metric;
    /// assert_eq!(Metric::TopK(5).name(), "top_5");
    /// assert_eq!("top_5".parse(), Ok(Metric::TopK(5)));
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
        let named = NAMED.iter().find(|(metric, _)| metric == self);
        f.pad(named.map_or("", |(_, name)| name))
    }
}

impl FromStr for Metric {
    type Err = UnknownMetric;

    fn from_str(name: &str) -> Result<Self, UnknownMetric> {
        if let Some((metric, _)) = NAMED.iter().find(|(_, known)| *known == name) {
            return Ok(*metric);
        }
        // One name each: neither `top_05` nor `top_+5`.
        let k = name.strip_prefix(TOP).and_then(|k| k.parse().ok());
        k.map(Self::TopK)
            .filter(|metric| *metric != Self::TopK(0) && metric.name() == name)
            .ok_or_else(|| UnknownMetric { name: name.to_string() })
    }
}

/// A name that no metric has.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct UnknownMetric {
    /// The name given.
    pub name: String,
}

impl fmt::Display for UnknownMetric {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "unknown metric `{}`: expected one of ", self.name)?;
        for (_, name) in NAMED {
            write!(f, "{name}, ")?;
        }
        write!(f, "{TOP}1, {TOP}2, ...")
    }
}

impl core::error::Error for UnknownMetric {}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_read_back() {
        for (metric, name) in NAMED
            .into_iter()
            .chain([(Metric::TopK(1), "top_1"), (Metric::TopK(10), "top_10")])
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
            "", "Accuracy", "top", "top_", "top_0", "top_05", "top_+5", "top_-1", "top_5 ", "f1 ",
        ] {
            assert_eq!(name.parse::<Metric>().unwrap_err().name, name);
        }
        let message = "auc".parse::<Metric>().unwrap_err().to_string();
        assert!(message.starts_with("unknown metric `auc`: expected one of accuracy, balanced_accuracy, "));
        assert!(message.ends_with("r2, top_1, top_2, ..."), "{message}");
    }
}
