//! Writes any `f64` as JSON, which itself cannot express infinities and NaN.

use serde::de::{Deserializer, Error, Unexpected};
use serde::{Deserialize, Serialize, Serializer};

/// A number. If it is not finite, JSON holds its name.
#[derive(Clone, Copy, Debug)]
pub(super) struct JsonNumber(pub(super) f64);

/// Compares values. NaN equals NaN.
impl PartialEq for JsonNumber {
    fn eq(&self, other: &Self) -> bool {
        self.0 == other.0 || (self.0.is_nan() && other.0.is_nan())
    }
}

const NAMES: [(&str, f64); 3] = [("inf", f64::INFINITY), ("-inf", f64::NEG_INFINITY), ("NaN", f64::NAN)];

impl Serialize for JsonNumber {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        match NAMES.iter().find(|(_, value)| Self(*value) == *self) {
            Some((name, _)) => serializer.serialize_str(name),
            None => serializer.serialize_f64(self.0),
        }
    }
}

impl<'de> Deserialize<'de> for JsonNumber {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        #[derive(Deserialize)]
        #[serde(untagged)]
        enum Text {
            Number(f64),
            Name(String),
        }
        match Text::deserialize(deserializer)? {
            Text::Number(value) => Ok(Self(value)),
            Text::Name(name) => {
                let mut names = NAMES.iter();
                let value = names.find(|(known, _)| *known == name).map(|(_, value)| Self(*value));
                value.ok_or_else(|| D::Error::invalid_value(Unexpected::Str(&name), &"a number, inf, -inf or NaN"))
            }
        }
    }
}
