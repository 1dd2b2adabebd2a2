//! Checks the JSON in the metadata before it is deserialized.

use crate::error::{one_line, quoted};
use crate::{LoadError, LoadErrorKind};
use serde::de::{self, DeserializeSeed, Deserializer as _, MapAccess, SeqAccess, Visitor};
use std::cell::RefCell;
use std::fmt;

// A growing list holds its elements three times for a moment: once in the old memory, and room for twice as many in the
// new memory. So a list of numbers as text, two bytes each, takes twelve times its bytes.

/// The bytes of memory that a string takes in a growing list, besides its text: three times its 24 bytes.
const TEXT: usize = 72;
/// The bytes of memory that a number takes in a growing list: three times its 8 bytes.
const NUMBER: usize = 24;
/// The bytes of memory that an object or a list takes in a growing list: three times 48.
const NESTED: usize = 144;
/// How many bytes of memory the metadata may take for each of its bytes, and in addition. The names of classes take up
/// to 15, the layers 14.
const FACTOR: usize = 20;
const ALLOWANCE: usize = 512 << 10;
/// The longest allowed string, in bytes. Strings are names, and a message may hold several copies of a name.
const LONGEST: usize = 4096;

/// The longest description of a JSON error, in characters.
const LONGEST_PROBLEM: usize = 500;

/// Checks that `text` is JSON in which no object, at any depth, has a key twice, and that its deserialized form does
/// not take much more memory than the text has bytes. Errors call the metadata `key`.
pub(crate) fn check_json(key: &'static str, text: &str) -> Result<(), LoadError> {
    let state = State::default();
    let mut json = serde_json::Deserializer::from_str(text);
    let checked = json.deserialize_any(Check(&state)).and_then(|()| json.end());
    if let Some(duplicate) = state.duplicate.into_inner() {
        return Err(LoadError::metadata(key, twice(&duplicate)));
    }
    checked.map_err(|error| LoadError::metadata(key, message(&error)))?;
    let cost = state.cost.into_inner();
    let (limit, got) = (text.len().saturating_mul(FACTOR).saturating_add(ALLOWANCE), cost);
    if got > limit {
        let message = format!("metadata {key}: expected at most {limit} bytes in memory, got {got}");
        return Err(LoadError::new(LoadErrorKind::Unsupported, message));
    }
    Ok(())
}

/// Formats a JSON error on one line, with its place first.
pub(crate) fn message(error: &serde_json::Error) -> String {
    let (line, column, problem) = (error.line(), error.column(), error.to_string());
    let place = format!(" at line {line} column {column}");
    let problem = problem.strip_suffix(&place).unwrap_or(&problem);
    // A problem may contain a whole key of the file.
    let problem: String = problem.chars().take(LONGEST_PROBLEM).collect();
    let problem = one_line(&problem);
    if line == 0 {
        problem
    } else {
        format!("line {line}, column {column}: {problem}")
    }
}

#[derive(Default)]
struct State {
    /// A key that appears twice in one object.
    duplicate: RefCell<Option<String>>,
    /// An upper bound on the bytes in memory.
    cost: RefCell<usize>,
}

#[derive(Clone, Copy)]
struct Check<'a>(&'a State);

impl Check<'_> {
    fn count(self, bytes: usize) {
        self.0.cost.replace_with(|cost| cost.saturating_add(bytes));
    }
}

impl<'de> DeserializeSeed<'de> for Check<'_> {
    type Value = ();

    fn deserialize<D: de::Deserializer<'de>>(self, deserializer: D) -> Result<(), D::Error> {
        deserializer.deserialize_any(self)
    }
}

impl<'de> Visitor<'de> for Check<'_> {
    type Value = ();

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("JSON")
    }

    fn visit_unit<E>(self) -> Result<(), E> {
        Ok(())
    }

    fn visit_bool<E>(self, _: bool) -> Result<(), E> {
        Ok(())
    }

    fn visit_i64<E>(self, _: i64) -> Result<(), E> {
        self.count(NUMBER);
        Ok(())
    }

    fn visit_u64<E>(self, _: u64) -> Result<(), E> {
        self.count(NUMBER);
        Ok(())
    }

    fn visit_f64<E>(self, _: f64) -> Result<(), E> {
        self.count(NUMBER);
        Ok(())
    }

    fn visit_str<E: de::Error>(self, text: &str) -> Result<(), E> {
        if text.len() > LONGEST {
            return Err(E::custom(format_args!(
                "expected strings of at most {LONGEST} bytes, got {}",
                text.len()
            )));
        }
        self.count(TEXT.saturating_add(text.len()));
        Ok(())
    }

    fn visit_seq<A: SeqAccess<'de>>(self, mut sequence: A) -> Result<(), A::Error> {
        self.count(NESTED);
        while sequence.next_element_seed(self)?.is_some() {}
        Ok(())
    }

    fn visit_map<A: MapAccess<'de>>(self, mut map: A) -> Result<(), A::Error> {
        /// No object that this library writes has more keys.
        const KEYS: usize = 64;
        self.count(NESTED);
        let mut keys: Vec<String> = Vec::new();
        while let Some(key) = map.next_key::<String>()? {
            if keys.contains(&key) {
                self.0.duplicate.replace(Some(key));
                return Err(de::Error::custom("a key twice"));
            }
            if keys.len() == KEYS {
                return Err(de::Error::custom(format_args!(
                    "expected at most {KEYS} keys in an object"
                )));
            }
            keys.push(key);
            map.next_value_seed(self)?;
        }
        Ok(())
    }
}

/// Says that a key appears twice in the same object. Readers would disagree about which one counts.
pub(super) fn twice(key: &str) -> String {
    format!("the key {} appears twice", quoted(key))
}
