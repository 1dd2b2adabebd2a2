//! NumPy's `.npy` format, version 1.0: a magic number, the length of a header, the header, the elements.

use super::entry_error;
use crate::error::quoted;
use crate::{LoadError, LoadErrorKind};
use std::fmt::Display;

const MAGIC: &[u8] = b"\x93NUMPY\x01\x00";
/// The number of bytes of the magic number and the length of the header.
pub(super) const PREFIX: usize = 10;
/// The longest header, which is NumPy's own limit.
const MAX_HEADER: u16 = 10_000;
/// No array here has more dimensions. The limit keeps a list of dimensions short.
const MAX_RANK: usize = 8;

/// What the header says about an array.
#[derive(Debug, PartialEq)]
pub(super) struct Header {
    /// The type of an element, such as `<f8`.
    pub(super) descr: String,
    /// Whether the first index varies fastest.
    pub(super) fortran_order: bool,
    pub(super) shape: Vec<u64>,
}

/// Returns the length of the header that follows `prefix`, the first [`PREFIX`] bytes of an entry of `length` bytes.
pub(super) fn header_length(entry: &str, prefix: &[u8; PREFIX], length: u64) -> Result<u16, LoadError> {
    let [magic @ .., low, high] = prefix;
    if magic != MAGIC {
        return Err(not_npy(entry, quoted(&prefix.escape_ascii().to_string())));
    }
    let got = u16::from_le_bytes([*low, *high]);
    let expected = length.saturating_sub(PREFIX as u64).min(MAX_HEADER.into());
    if u64::from(got) > expected {
        let problem = format!("expected a header of at most {expected} bytes, got {got}");
        return Err(entry_error(LoadErrorKind::Malformed, entry, problem));
    }
    Ok(got)
}

/// Reads the dictionary that NumPy writes: three keys, each once and in any order, followed by spaces and a line feed.
pub(super) fn parse(entry: &str, header: &[u8]) -> Result<Header, LoadError> {
    Parser(header).header().ok_or_else(|| {
        let got = quoted(String::from_utf8_lossy(header).trim_end());
        let problem = format!("expected a header with descr, fortran_order and shape, each once, got {got}");
        entry_error(LoadErrorKind::Malformed, entry, problem)
    })
}

pub(super) fn not_npy(entry: &str, got: impl Display) -> LoadError {
    let problem = format!("expected an array in NumPy's format, version 1.0, got {got}");
    entry_error(LoadErrorKind::Unsupported, entry, problem)
}

/// The bytes that are still to be read. The format has no nesting, so the parser does not recurse.
struct Parser<'a>(&'a [u8]);

impl<'a> Parser<'a> {
    fn header(mut self) -> Option<Header> {
        let (mut descr, mut fortran_order, mut shape) = (None, None, None);
        self.token(b"{")?;
        while self.token(b"}").is_none() {
            let key = self.quoted()?;
            self.token(b":")?;
            let repeated = match key {
                "descr" => descr.replace(self.quoted()?).is_some(),
                "fortran_order" => fortran_order.replace(self.boolean()?).is_some(),
                "shape" => shape.replace(self.shape()?).is_some(),
                _ => true,
            };
            if repeated {
                return None;
            }
            if self.token(b",").is_none() {
                self.token(b"}")?;
                break;
            }
        }
        self.spaces();
        (self.0 == b"\n").then_some(())?;
        Some(Header {
            descr: descr?.to_owned(),
            fortran_order: fortran_order?,
            shape: shape?,
        })
    }

    fn spaces(&mut self) {
        while let Some((b' ', rest)) = self.0.split_first() {
            self.0 = rest;
        }
    }

    fn token(&mut self, token: &[u8]) -> Option<()> {
        self.spaces();
        self.0 = self.0.strip_prefix(token)?;
        Some(())
    }

    /// Takes the bytes before the first one that is not `wanted`.
    fn while_true(&mut self, wanted: impl Fn(u8) -> bool) -> Option<&'a str> {
        let end = self.0.iter().position(|&byte| !wanted(byte))?;
        let (taken, rest) = self.0.split_at_checked(end)?;
        self.0 = rest;
        str::from_utf8(taken).ok()
    }

    fn quoted(&mut self) -> Option<&'a str> {
        self.spaces();
        let (&quote, rest) = self.0.split_first()?;
        if quote != b'\'' && quote != b'"' {
            return None;
        }
        self.0 = rest;
        let text = self.while_true(|byte| byte != quote && byte != b'\\' && (b' '..=b'~').contains(&byte))?;
        self.0 = self.0.strip_prefix(&[quote])?;
        Some(text)
    }

    fn boolean(&mut self) -> Option<bool> {
        if self.token(b"False").is_some() {
            return Some(false);
        }
        self.token(b"True").map(|()| true)
    }

    fn shape(&mut self) -> Option<Vec<u64>> {
        let mut shape = Vec::new();
        self.token(b"(")?;
        while self.token(b")").is_none() {
            self.spaces();
            let digits = self.while_true(|byte| byte.is_ascii_digit())?;
            if shape.len() == MAX_RANK || (digits.len() > 1 && digits.starts_with('0')) {
                return None;
            }
            shape.push(digits.parse().ok()?);
            if self.token(b",").is_none() {
                self.token(b")")?;
                break;
            }
        }
        Some(shape)
    }
}

/// Returns the start of an entry, up to the elements, padded to a multiple of 64 bytes as NumPy does.
pub(super) fn header(descr: &str, shape: &[usize]) -> Vec<u8> {
    let dimensions = match shape {
        [n] => format!("({n},)"),
        _ => format!(
            "({})",
            shape.iter().map(usize::to_string).collect::<Vec<_>>().join(", ")
        ),
    };
    let dictionary = format!("{{'descr': '{descr}', 'fortran_order': False, 'shape': {dimensions}, }}");
    let length = dictionary.len().saturating_add(PREFIX + 1).next_multiple_of(64);
    let width = length.saturating_sub(PREFIX + 1);
    let mut bytes = MAGIC.to_vec();
    // A dictionary with two dimensions has fewer than 128 bytes.
    let stored = u16::try_from(width.saturating_add(1)).unwrap_or(u16::MAX);
    bytes.extend(stored.to_le_bytes());
    bytes.extend(format!("{dictionary:width$}\n").bytes());
    bytes
}

#[cfg(test)]
mod tests {
    use super::{Header, Parser, header};

    fn parse(text: &str) -> Option<Header> {
        Parser(text.as_bytes()).header()
    }

    #[test]
    fn reads_what_numpy_writes() {
        let expected = Header {
            descr: "<f8".into(),
            fortran_order: true,
            shape: vec![2, 30],
        };
        let text = "{'descr': '<f8', 'fortran_order': True, 'shape': (2, 30), }   \n";
        assert_eq!(parse(text).as_ref(), Some(&expected));
        let text = "{\"shape\":(2,30,),'descr':'<f8','fortran_order':True}\n";
        assert_eq!(parse(text), Some(expected));
        for (shape, got) in [("()", vec![]), ("(3,)", vec![3]), ("(0, 1)", vec![0, 1])] {
            let text = format!("{{'descr': '<U4', 'fortran_order': False, 'shape': {shape}, }}\n");
            assert_eq!(parse(&text).unwrap().shape, got);
        }
    }

    #[test]
    fn refuses_anything_else() {
        let fields = ["'descr': '<f8'", "'fortran_order': False", "'shape': (1,)"];
        for text in [
            String::new(),
            "{}\n".into(),
            format!("{{{}, {}}}\n", fields[0], fields[1]),
            format!("{{{}, {}, {}, {}}}\n", fields[0], fields[1], fields[2], fields[0]),
            format!("{{{}, {}, {}, 'more': 1}}\n", fields[0], fields[1], fields[2]),
            format!("{{{}, {}, {}}}", fields[0], fields[1], fields[2]),
            format!("{{{}, {}, {}}}\n\n", fields[0], fields[1], fields[2]),
            format!("{{{}, {}, 'shape': (-1,)}}\n", fields[0], fields[1]),
            format!("{{{}, {}, 'shape': (01,)}}\n", fields[0], fields[1]),
            format!("{{{}, {}, 'shape': (18446744073709551616,)}}\n", fields[0], fields[1]),
            format!(
                "{{{}, {}, 'shape': (1, 1, 1, 1, 1, 1, 1, 1, 1)}}\n",
                fields[0], fields[1]
            ),
            format!("{{{}, {}, 'shape': {}}}\n", fields[0], fields[1], "(".repeat(9000)),
            format!("{{{}, {}, {}}}\n", "'descr': [('a', '<f8')]", fields[1], fields[2]),
        ] {
            assert_eq!(parse(&text), None, "{text}");
        }
    }

    #[test]
    fn writes_what_it_reads() {
        for shape in [&[][..], &[7], &[3, 4]] {
            let bytes = header("<f4", shape);
            assert_eq!(bytes.len() % 64, 0);
            let length = u16::from_le_bytes([bytes[8], bytes[9]]);
            assert_eq!(usize::from(length), bytes.len() - 10);
            let read = Parser(&bytes[10..]).header().unwrap();
            let shape: Vec<u64> = shape.iter().map(|&n| n as u64).collect();
            assert_eq!(
                (read.descr.as_str(), read.fortran_order, read.shape),
                ("<f4", false, shape)
            );
        }
    }
}
