//! The text form's tokens, and what can be wrong with them.

use crate::HyperParameterError;
use alloc::string::String;
use core::fmt;
use core::str::FromStr;

/// Why a text is no [`Schedule`](crate::Schedule) and no [`ReduceOnPlateau`](crate::ReduceOnPlateau). A position
/// counts bytes from 0.
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
    /// Something else than what has to stand there.
    Syntax {
        /// Where.
        position: usize,
        /// What has to stand there.
        expected: &'static str,
        /// What does: up to 32 characters of it, none at the end of the text.
        got: String,
    },
    /// A number outside its range.
    HyperParameter {
        /// Where the form begins that has the number.
        position: usize,
        /// The number.
        error: HyperParameterError,
    },
    /// Compositions of compositions, deeper than [`Schedule::MAX_DEPTH`](crate::Schedule::MAX_DEPTH).
    TooDeep {
        /// Where the schedule begins that is too deep.
        position: usize,
    },
}

impl fmt::Display for ScheduleError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let (Self::Syntax { position, .. } | Self::HyperParameter { position, .. } | Self::TooDeep { position }) = self;
        write!(f, "schedule, position {position}: ")?;
        match self {
            Self::Syntax { expected, got, .. } if got.is_empty() => write!(f, "expected {expected}, got the end"),
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

/// What of a text is still to be read. Tokens are words (letters, digits, `_`, `+`, `-`, `.`) and single other
/// characters; white space may stand between them.
pub(super) struct Reader<'a> {
    text: &'a str,
    position: usize,
}

impl<'a> Reader<'a> {
    pub(super) fn new(text: &'a str) -> Self {
        Self { text, position: 0 }
    }

    /// Where the next token begins.
    pub(super) fn position(&self) -> usize {
        let rest = &self.text[self.position..];
        self.position + (rest.len() - rest.trim_start().len())
    }

    /// The next token; empty at the end.
    fn peek(&self) -> &'a str {
        let rest = &self.text[self.position()..];
        let in_word = |c: char| c.is_ascii_alphanumeric() || "_+-.".contains(c);
        match rest.find(|c| !in_word(c)) {
            Some(0) => &rest[..rest.chars().next().map_or(0, char::len_utf8)],
            Some(end) => &rest[..end],
            None => rest,
        }
    }

    /// The next token as `convert` makes it.
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

    /// The token `token`, which an error calls `quoted`.
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
        self.mark("", "the end")
    }

    /// If `(` comes next.
    pub(super) fn opens(&self) -> bool {
        self.peek() == "("
    }

    pub(super) fn whole_number(&mut self) -> Result<u64, ScheduleError> {
        self.take("a whole number", |token| token.parse().ok())
    }

    pub(super) fn number(&mut self) -> Result<f64, ScheduleError> {
        // Rust's own numbers may also be words, such as `infinity`.
        let is_number = |token: &str| token.bytes().all(|b| b.is_ascii_digit() || b"+-.eE".contains(&b));
        self.take("a number", |token| {
            is_number(token).then(|| f64::from_str(token).ok()).flatten()
        })
    }
}
