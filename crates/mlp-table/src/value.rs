//! What the text of a cell means.

use chrono::{DateTime, Datelike, NaiveDate, NaiveTime, Timelike};
use serde::{Deserialize, Serialize};
use std::fmt;

/// A value that a number stands for.
#[derive(Clone, Copy, Debug, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub(crate) enum Quantity {
    Number,
    /// A date, in seconds since 1970-01-01.
    Date,
}

impl Quantity {
    /// Reads the text of a cell.
    pub(crate) fn parse(self, text: &str) -> Option<f64> {
        match self {
            Self::Number => number(text),
            Self::Date => date(text),
        }
    }

    /// Returns whether a value can be used.
    pub(crate) fn contains(self, value: f64) -> bool {
        match self {
            Self::Number => value.is_finite(),
            Self::Date => parts_of_date(value).is_some(),
        }
    }

    /// Returns what to add to the name of a column for each feature that a value becomes.
    pub(crate) fn suffixes(self) -> &'static [&'static str] {
        match self {
            Self::Number => &[""],
            Self::Date => &[" year", " month", " weekday", " hour", " days"],
        }
    }

    /// Returns the values of each feature.
    pub(crate) fn parts(self, values: Vec<f64>) -> Vec<Vec<f64>> {
        match self {
            Self::Number => vec![values],
            Self::Date => (0..self.suffixes().len())
                .map(|part| {
                    values
                        .iter()
                        .map(|&date| parts_of_date(date).map_or(0.0, |parts| parts[part]))
                        .collect()
                })
                .collect(),
        }
    }

    /// Returns what the text of a value must be, for a message.
    pub(crate) fn form(self) -> &'static str {
        match self {
            Self::Number => "a number",
            Self::Date => "a date such as 2024-05-31 or 2024-05-31T08:30:00",
        }
    }

    /// Returns the message about a value that cannot be used.
    pub(crate) fn out_of_range(self) -> &'static str {
        match self {
            Self::Number => "expected a finite number, got an infinite one",
            Self::Date => "expected a year from -262,000 to 262,000, got another one",
        }
    }
}

impl fmt::Display for Quantity {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Number => "numbers",
            Self::Date => "dates",
        })
    }
}

/// Returns the number that `text` is: `7`, `-0.5`, `1e3`, also `inf`. A `NaN` is none, because it stands for a missing
/// value.
pub(crate) fn number(text: &str) -> Option<f64> {
    text.parse().ok().filter(|number: &f64| !number.is_nan())
}

/// Returns whether the text of a number is that of an integer.
pub(crate) fn is_integer(text: &str) -> bool {
    let digits = text.strip_prefix(['-', '+']).unwrap_or(text);
    !digits.is_empty() && digits.bytes().all(|byte| byte.is_ascii_digit())
}

/// Returns `true` or `false`, if `text` is one of them in upper or lower case.
pub(crate) fn boolean(text: &str) -> Option<&'static str> {
    ["false", "true"]
        .into_iter()
        .find(|name| text.eq_ignore_ascii_case(name))
}

/// Returns the seconds since 1970-01-01 of a date, `2024-05-31` or `2024/05/31`, which a time may follow: `T08:30`,
/// ` 08:30:00`, ` 08:30:00.5Z` or ` 08:30:00+02:00`.
pub(crate) fn date(text: &str) -> Option<f64> {
    // Most cells are no date; this keeps them cheap.
    let separator = *text.as_bytes().get(4)?;
    if text.len() < 10 || !matches!(separator, b'-' | b'/') || text.as_bytes()[7] != separator {
        return None;
    }
    let (day, rest) = text.split_at_checked(10)?;
    let digits = |range| {
        day.get(range)
            .filter(|text: &&str| text.bytes().all(|byte| byte.is_ascii_digit()))
    };
    let day = NaiveDate::from_ymd_opt(
        digits(0..4)?.parse().ok()?,
        digits(5..7)?.parse().ok()?,
        digits(8..10)?.parse().ok()?,
    )?;
    let (time, offset) = if rest.is_empty() {
        (NaiveTime::MIN, 0.0)
    } else {
        let rest = rest.strip_prefix(['T', ' '])?;
        let (time, offset) = match (rest.strip_suffix('Z'), rest.rfind(['+', '-'])) {
            (Some(time), _) => (time, 0.0),
            (None, Some(sign)) => (&rest[..sign], offset(&rest[sign..])?),
            (None, None) => (rest, 0.0),
        };
        let time = ["%H:%M:%S%.f", "%H:%M"]
            .iter()
            .find_map(|format| NaiveTime::parse_from_str(time, format).ok());
        (time?, offset)
    };
    let seconds = day.and_time(time).and_utc();
    Some(seconds.timestamp() as f64 + f64::from(seconds.timestamp_subsec_millis()) / 1e3 - offset)
}

/// Returns the seconds that `text` is ahead of UTC: `+02:00`, `+0200` or `+02`.
fn offset(text: &str) -> Option<f64> {
    let (sign, digits) = (text.get(..1)?, text.get(1..)?.replace(':', ""));
    if !(matches!(digits.len(), 2 | 4) && digits.bytes().all(|byte| byte.is_ascii_digit())) {
        return None;
    }
    let hours: f64 = digits.get(..2)?.parse().ok()?;
    let minutes: f64 = match digits.get(2..)? {
        "" => 0.0,
        minutes => minutes.parse().ok()?,
    };
    let seconds = 60.0 * (60.0 * hours + minutes);
    Some(if sign == "-" { -seconds } else { seconds })
}

/// Returns the year, the month from 1, the weekday from 1 (Monday), the hour with its fraction, and the days since
/// 1970-01-01 of a date in seconds since then, all in UTC. Returns `None` for a year beyond ±262,000.
pub(crate) fn parts_of_date(seconds: f64) -> Option<[f64; 5]> {
    let date = DateTime::from_timestamp(seconds.floor() as i64, 0)?;
    Some([
        f64::from(date.year()),
        f64::from(date.month()),
        f64::from(date.weekday().number_from_monday()),
        f64::from(date.num_seconds_from_midnight()) / 3600.0,
        seconds / 86_400.0,
    ])
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn dates_are_read_in_the_iso_forms_only() {
        let day = 19_874.0 * 86_400.0;
        for (text, seconds) in [
            ("1970-01-01", 0.0),
            ("2024-05-31", day),
            ("2024/05/31", day),
            ("2024-05-31T08:30", day + 30_600.0),
            ("2024-05-31 08:30:15.5", day + 30_615.5),
            ("2024-05-31 08:30:00Z", day + 30_600.0),
            ("2024-05-31T08:30:00+02:00", day + 23_400.0),
            ("2024-05-31T08:30:00-0130", day + 36_000.0),
        ] {
            assert_eq!(date(text), Some(seconds), "{text}");
        }
        for text in [
            "",
            "2024-05",
            "31.05.2024",
            "2024-13-01",
            "2023-02-29",
            "2024-05-31x",
            "2024-05-31T",
            "2024-05/31",
        ] {
            assert_eq!(date(text), None, "{text}");
        }
        for text in ["20é4-05-31", "2024-05-31 25:00", "+024-05-31", "2024-05-3é"] {
            assert_eq!(date(text), None, "{text}");
        }
    }

    #[test]
    fn the_parts_of_a_date() {
        let seconds = date("2024-05-31T18:45").unwrap();
        assert_eq!(
            parts_of_date(seconds).unwrap(),
            [2024.0, 5.0, 5.0, 18.75, 19_874.781_25]
        );
        assert_eq!(
            parts_of_date(-1.0).unwrap()[..4],
            [1969.0, 12.0, 3.0, 86_399.0 / 3600.0]
        );
        assert_eq!(parts_of_date(1e300), None);
    }

    #[test]
    fn numbers_and_booleans() {
        let texts = [
            "7", "-0.5", "+1e3", ".5", "inf", "1e999", "nan", "1,5", "0x10", "", "7 ",
        ];
        let inf = f64::INFINITY;
        let numbers = [7.0, -0.5, 1e3, 0.5, inf, inf];
        assert_eq!(
            texts.iter().filter_map(|text| number(text)).collect::<Vec<_>>(),
            numbers
        );
        assert_eq!(
            ["7", "-7", "7.0", "1e3", "-", ""].map(is_integer),
            [true, true, false, false, false, false]
        );
        assert_eq!(
            ["TRUE", "False", "yes"].map(boolean),
            [Some("true"), Some("false"), None]
        );
    }
}
