//! Numbers in `serde` formats. JSON cannot express infinities and NaN, so these become the texts `inf`, `-inf` and
//! `NaN` where a format is for people to read.
//!
//! For fields: `#[serde(with = "mlp_core::state::numbers")]` on an `f64`, an `Option` or a `Vec` of it, or a `Vec` of
//! pairs of a name and such a value.

use alloc::string::String;
use alloc::vec::Vec;
use serde::de::{Deserializer, Error, Unexpected};
use serde::{Deserialize, Serialize, Serializer};

/// Values that consist of numbers, and the form in which they are written.
#[doc(hidden)]
pub trait Numbers: Sized {
    type Form: Serialize + for<'de> Deserialize<'de>;
    fn form(&self) -> Self::Form;
    fn from_form(form: Self::Form) -> Self;
}

impl Numbers for f64 {
    type Form = Number;

    fn form(&self) -> Number {
        Number(*self)
    }

    fn from_form(Number(value): Number) -> Self {
        value
    }
}

impl<T: Numbers> Numbers for Option<T> {
    type Form = Option<T::Form>;

    fn form(&self) -> Self::Form {
        self.as_ref().map(T::form)
    }

    fn from_form(form: Self::Form) -> Self {
        form.map(T::from_form)
    }
}

impl<T: Numbers> Numbers for Vec<T> {
    type Form = Vec<T::Form>;

    fn form(&self) -> Self::Form {
        self.iter().map(T::form).collect()
    }

    fn from_form(form: Self::Form) -> Self {
        form.into_iter().map(T::from_form).collect()
    }
}

impl<K: Clone + Serialize + for<'de> Deserialize<'de>, T: Numbers> Numbers for (K, T) {
    type Form = (K, T::Form);

    fn form(&self) -> Self::Form {
        (self.0.clone(), self.1.form())
    }

    fn from_form((key, form): Self::Form) -> Self {
        (key, T::from_form(form))
    }
}

/// Serializes numbers.
///
/// # Errors
/// The errors of the format.
pub fn serialize<T: Numbers, S: Serializer>(numbers: &T, serializer: S) -> Result<S::Ok, S::Error> {
    numbers.form().serialize(serializer)
}

/// Deserializes numbers.
///
/// # Errors
/// The errors of the format, and an error for a text that is not the name of a number.
pub fn deserialize<'de, T: Numbers, D: Deserializer<'de>>(deserializer: D) -> Result<T, D::Error> {
    T::Form::deserialize(deserializer).map(T::from_form)
}

#[doc(hidden)]
#[derive(Clone, Copy, Debug)]
pub struct Number(f64);

const NAMES: [(&str, f64); 3] = [("inf", f64::INFINITY), ("-inf", f64::NEG_INFINITY), ("NaN", f64::NAN)];

impl Serialize for Number {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        let mut names = NAMES.iter();
        match names.find(|(_, value)| *value == self.0 || value.is_nan() && self.0.is_nan()) {
            Some((name, _)) if serializer.is_human_readable() => serializer.serialize_str(name),
            _ => serializer.serialize_f64(self.0),
        }
    }
}

impl<'de> Deserialize<'de> for Number {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        #[derive(Deserialize)]
        #[serde(untagged)]
        enum Text {
            Number(f64),
            Name(String),
        }
        if !deserializer.is_human_readable() {
            return f64::deserialize(deserializer).map(Self);
        }
        match Text::deserialize(deserializer)? {
            Text::Number(value) => Ok(Self(value)),
            Text::Name(name) => {
                let known = NAMES.iter().find(|(known, _)| *known == name);
                let value = known.map(|(_, value)| Self(*value));
                value.ok_or_else(|| D::Error::invalid_value(Unexpected::Str(&name), &"a number, inf, -inf or NaN"))
            }
        }
    }
}
