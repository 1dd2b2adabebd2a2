//! The tokens of the text form, and the errors in reading them.

use crate::HyperParameterError;
use alloc::string::String;
use core::fmt;
use core::str::FromStr;

/// An error in parsing a [`Schedule`](crate::Schedule) or a [`ReduceOnPlateau`](crate::ReduceOnPlateau). Positions
/// count bytes from 0.
///
/// ```
/// use mlp_core::Schedule;
///
/// let error = "then(warm_up(5), cosine(95, 0.01))".parse::<Schedule>().unwrap_err();
/// assert_eq!(error.to_string(), "schedule, position 17: expected a whole number, got `cosine`");
/// let error = "step(30, -0.1)".parse::<Schedule>().unwrap_err();
/// assert_eq!(error.to_string(), "schedule, position 0: gamma: expected a finite number above 0, got -0.1");
/// ```
#[derive(Clone, Debug, PartialEq)]
#[non_exhaustive]
pub enum ScheduleError {
    /// The text has an unexpected token.
    Syntax {
        /// The position of the token.
        position: usize,
        /// What is expected there.
        expected: &'static str,
        /// The token found, up to 32 characters of it; empty at the end of the text.
        got: String,
    },
    /// A number is outside its range.
    HyperParameter {
        /// Where the form that contains the number begins.
        position: usize,
        /// The number and its range.
        error: HyperParameterError,
    },
    /// Compositions are nested deeper than [`Schedule::MAX_DEPTH`](crate::Schedule::MAX_DEPTH).
    TooDeep {
        /// Where the first schedule that is too deep begins.
        position: usize,
    },
}

impl fmt::Display for ScheduleError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let (Self::Syntax { position, .. } | Self::HyperParameter { position, .. } | Self::TooDeep { position }) = self;
        write!(f, "schedule, position {position}: ")?;
        match self {
            Self::Syntax { expected, got, .. } if got.is_empty() => {
                write!(f, "expected {expected}, got the end of the text")
            }
            Self::Syntax { expected, got, .. } => write!(f, "expected {expected}, got `{got}`"),
            Self::HyperParameter { error, .. } => error.fmt(f),
            Self::TooDeep { .. } => write!(
                f,
                "expected schedules nested at most {} deep, got more",
                crate::Schedule::MAX_DEPTH
            ),
        }
    }
}

impl core::error::Error for ScheduleError {}

/// Reads a text token by token. Tokens are words (letters, digits, `_`, `+`, `-`, `.`) and other single characters.
/// White space may separate them.
pub(super) struct Reader<'a> {
    text: &'a str,
    position: usize,
}

impl<'a> Reader<'a> {
    pub(super) fn new(text: &'a str) -> Self {
        Self { text, position: 0 }
    }

    /// Returns where the next token begins.
    pub(super) fn position(&self) -> usize {
        let rest = &self.text[self.position..];
        self.position + (rest.len() - rest.trim_start().len())
    }

    /// Returns the next token, or an empty one at the end.
    fn peek(&self) -> &'a str {
        let rest = &self.text[self.position()..];
        let in_word = |c: char| c.is_ascii_alphanumeric() || "_+-.".contains(c);
        match rest.find(|c| !in_word(c)) {
            Some(0) => &rest[..rest.chars().next().map_or(0, char::len_utf8)],
            Some(end) => &rest[..end],
            None => rest,
        }
    }

    /// Reads the next token, converted by `convert`.
    pub(super) fn take<T>(
        &mut self,
        expected: &'static str,
        convert: impl FnOnce(&'a str) -> Option<T>,
    ) -> Result<T, ScheduleError> {
        let (position, token) = (self.position(), self.peek());
        let value = convert(token).ok_or_else(|| ScheduleError::Syntax {
            position,
            expected,
            got: token.chars().take(32).collect(),
        })?;
        self.position = position + token.len();
        Ok(value)
    }

    /// Reads the token `token`, which is called `quoted` in an error message.
    fn mark(&mut self, token: &str, quoted: &'static str) -> Result<(), ScheduleError> {
        self.take(quoted, |got| (got == token).then_some(()))
    }

    pub(super) fn open(&mut self) -> Result<(), ScheduleError> {
        self.mark("(", "`(`")
    }

    pub(super) fn comma(&mut self) -> Result<(), ScheduleError> {
        self.mark(",", "`,`")
    }

    pub(super) fn close(&mut self) -> Result<(), ScheduleError> {
        self.mark(")", "`)`")
    }

    pub(super) fn end(&mut self) -> Result<(), ScheduleError> {
        self.mark("", "the end of the text")
    }

    /// Returns whether `(` comes next.
    pub(super) fn opens(&self) -> bool {
        self.peek() == "("
    }

    pub(super) fn whole_number(&mut self) -> Result<u64, ScheduleError> {
        self.take("a whole number", |token| token.parse().ok())
    }

    pub(super) fn number(&mut self) -> Result<f64, ScheduleError> {
        // Rust also parses words such as `infinity` as numbers.
        let is_number = |token: &str| token.bytes().all(|b| b.is_ascii_digit() || b"+-.eE".contains(&b));
        self.take("a number", |token| {
            is_number(token).then(|| f64::from_str(token).ok()).flatten()
        })
    }
}
