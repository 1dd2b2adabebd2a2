//! The values of an Arrow column, whatever type it has.

use crate::value::number;
use arrow_array::cast::AsArray as _;
use arrow_array::{Array as _, ArrayRef, ArrowPrimitiveType, BooleanArray, LargeStringArray, types};
use arrow_schema::{DataType, TimeUnit};
use num_traits::AsPrimitive;
use std::borrow::Cow;

/// The values of a column.
pub(crate) enum Cells {
    Text(LargeStringArray),
    /// The text of a dictionary, which its maker declared to be categories.
    Words(LargeStringArray),
    /// NaN is missing.
    Numbers {
        values: Vec<f64>,
        integers: bool,
    },
    Booleans(BooleanArray),
    /// Seconds since 1970; NaN is missing.
    Dates(Vec<f64>),
}

impl Cells {
    /// Returns the values of `array`, or `None` for a type that no network takes, such as a list.
    pub(crate) fn of(array: &ArrayRef) -> Option<Self> {
        use types::*;
        macro_rules! numbers {
            ($type:ty, $integers:literal) => {
                Self::Numbers {
                    values: converted::<$type>(array, |number| number),
                    integers: $integers,
                }
            };
        }
        Some(match array.data_type() {
            DataType::Int8 => numbers!(Int8Type, true),
            DataType::Int16 => numbers!(Int16Type, true),
            DataType::Int32 => numbers!(Int32Type, true),
            DataType::Int64 => numbers!(Int64Type, true),
            DataType::UInt8 => numbers!(UInt8Type, true),
            DataType::UInt16 => numbers!(UInt16Type, true),
            DataType::UInt32 => numbers!(UInt32Type, true),
            DataType::UInt64 => numbers!(UInt64Type, true),
            DataType::Float32 => numbers!(Float32Type, false),
            DataType::Float64 => numbers!(Float64Type, false),
            DataType::Decimal128(_, scale) => Self::Numbers {
                values: converted::<Decimal128Type>(array, |number| number / 10_f64.powi((*scale).into())),
                integers: *scale <= 0,
            },
            DataType::Null => Self::Numbers {
                values: vec![f64::NAN; array.len()],
                integers: false,
            },
            DataType::Date32 => Self::Dates(converted::<Date32Type>(array, |days| days * 86_400.0)),
            DataType::Date64 => Self::Dates(converted::<Date64Type>(array, |time| time / 1e3)),
            DataType::Timestamp(unit, _) => Self::Dates(match unit {
                TimeUnit::Second => converted::<TimestampSecondType>(array, |time| time),
                TimeUnit::Millisecond => converted::<TimestampMillisecondType>(array, |time| time / 1e3),
                TimeUnit::Microsecond => converted::<TimestampMicrosecondType>(array, |time| time / 1e6),
                TimeUnit::Nanosecond => converted::<TimestampNanosecondType>(array, |time| time / 1e9),
            }),
            DataType::Boolean => Self::Booleans(array.as_boolean().clone()),
            DataType::LargeUtf8 => Self::Text(array.as_string::<i64>().clone()),
            DataType::Utf8 => Self::Text(array.as_string::<i32>().iter().collect()),
            DataType::Utf8View => Self::Text(array.as_string_view().iter().collect()),
            DataType::Dictionary(..) => {
                let dictionary = array.as_any_dictionary();
                let plain = arrow_select::take::take(dictionary.values(), dictionary.keys(), None).ok()?;
                match Self::of(&plain)? {
                    Self::Text(text) => Self::Words(text),
                    other => other,
                }
            }
            _ => return None,
        })
    }

    /// Returns what the values are, for a message.
    pub(crate) fn kind(&self) -> &'static str {
        match self {
            Self::Text(_) | Self::Words(_) => "text",
            Self::Numbers { .. } => "numbers",
            Self::Booleans(_) => "booleans",
            Self::Dates(_) => "dates",
        }
    }

    /// Returns the value of a row as text: numbers and booleans as one writes them. Returns `None` for a missing value:
    /// a null, a NaN, an empty text or one of the texts in `missing`. Space around a text does not count.
    pub(crate) fn text(&self, row: usize, missing: &[String]) -> Option<Cow<'_, str>> {
        match self {
            Self::Text(text) | Self::Words(text) => {
                let value = text.is_valid(row).then(|| text.value(row).trim_ascii())?;
                let is_missing = value.is_empty() || missing.iter().any(|missing| missing == value);
                (!is_missing).then_some(value.into())
            }
            Self::Numbers { values, .. } | Self::Dates(values) => {
                let value = values[row];
                let text = value.to_string();
                (!value.is_nan() && !missing.contains(&text)).then(|| text.into())
            }
            Self::Booleans(values) => {
                let value = values.is_valid(row).then(|| values.value(row))?;
                Some(if value { "true".into() } else { "false".into() })
            }
        }
    }
}

/// Replaces the numbers that stand for a missing value by NaN.
pub(crate) fn replace_missing(values: &mut [f64], missing: &[String]) {
    let missing: Vec<f64> = missing.iter().filter_map(|text| number(text)).collect();
    for value in values.iter_mut().filter(|value| missing.contains(value)) {
        *value = f64::NAN;
    }
}

/// Returns the values as `convert` makes them, and NaN for null.
fn converted<T>(array: &ArrayRef, convert: impl Fn(f64) -> f64) -> Vec<f64>
where
    T: ArrowPrimitiveType<Native: AsPrimitive<f64>>,
{
    let values = array.as_primitive::<T>().iter();
    values
        .map(|value| value.map_or(f64::NAN, |value| convert(value.as_())))
        .collect()
}
