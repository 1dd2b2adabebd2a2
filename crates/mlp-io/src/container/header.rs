//! The header, which is checked as text, as JSON and as a description of the file.

use super::{METADATA, METADATA_LIMIT, PREFIX, TENSOR_LIMIT, header_limit};
use crate::error::quoted;
use crate::{Dtype, Problem, Shape};
use safetensors::tensor::{Dtype as FileDtype, Metadata, TensorInfo};
use serde::de::{self, DeserializeSeed, Deserializer as _, IgnoredAny, MapAccess, SeqAccess, Visitor};
use std::cell::RefCell;
use std::fmt;
use std::io::Read;

/// A header that accounts for every byte of its file.
#[derive(Debug)]
pub(crate) struct Header {
    /// Keys and values, in the order of the file.
    metadata: Vec<(String, String)>,
    /// The tensors, in the order of their numbers in the file.
    entries: Vec<Entry>,
}

/// The description of one tensor.
#[derive(Debug)]
pub(crate) struct Entry {
    pub(crate) name: String,
    pub(crate) dtype: Dtype,
    pub(crate) shape: Shape,
    offsets: (u64, u64),
}

impl Header {
    /// Reads the header from the start of a file of `length` bytes.
    pub(super) fn read(source: &mut impl Read, length: u64) -> Result<Self, Problem> {
        let Some(behind_prefix) = length.checked_sub(PREFIX) else {
            return Err(Problem::TooShort { got: length });
        };
        let mut prefix = [0; PREFIX as usize];
        read_exact(source, &mut prefix)?;
        let header_length = u64::from_le_bytes(prefix);
        let limit = header_limit(header_length, behind_prefix);
        if header_length > limit {
            let mut first = [0; 1];
            if behind_prefix > 0 {
                read_exact(source, &mut first)?;
            }
            // The file has another format, such as text or an archive, and the eight bytes are its beginning.
            if first != *b"{" {
                let got = match prefix {
                    [b'P', b'K', 3, 4, ..] => "a zip archive, as .npz files are".to_owned(),
                    _ if behind_prefix == 0 => "nothing".to_owned(),
                    _ => quoted(&first.escape_ascii().to_string()),
                };
                return Err(Problem::NotSafetensors { got });
            }
            return Err(Problem::HeaderTooLarge {
                limit,
                got: header_length,
            });
        }
        let Some(data_length) = behind_prefix.checked_sub(header_length) else {
            return Err(Problem::HeaderTruncated {
                expected: header_length,
                got: behind_prefix,
            });
        };
        // The length is at most `HEADER_LIMIT`, which fits any `usize`.
        let mut bytes = vec![0; header_length as usize];
        read_exact(source, &mut bytes)?;
        let text = str::from_utf8(&bytes).map_err(|e| Problem::NotUtf8 { at: e.valid_up_to() })?;
        let mut header = Self::parse(text)?;
        header.check_names()?;
        header.check_layout(data_length)?;
        Ok(header)
    }

    /// Returns the metadata, in the order of the file.
    pub(crate) fn metadata(&self) -> &[(String, String)] {
        &self.metadata
    }

    /// Returns the tensors, in the order of the file.
    pub(crate) fn entries(&self) -> &[Entry] {
        &self.entries
    }

    /// Returns the tensor of that name.
    pub(crate) fn entry(&self, name: &str) -> Option<&Entry> {
        self.entries.iter().find(|entry| entry.name == name)
    }

    /// Takes the metadata out of the header, to free its memory after use.
    pub(crate) fn take_metadata(&mut self) -> Vec<(String, String)> {
        std::mem::take(&mut self.metadata)
    }

    pub(super) fn into_entries(self) -> Vec<Entry> {
        self.entries
    }

    fn parse(text: &str) -> Result<Self, Problem> {
        // The format requires this, and it detects files of other formats.
        if !text.starts_with('{') {
            let got = text
                .chars()
                .next()
                .map_or("nothing".to_owned(), |c| quoted(&c.to_string()));
            let problem = format!("expected `{{` as its first character, got {got}");
            return Err(Problem::Header { problem });
        }
        let problem = RefCell::new(None);
        let mut json = serde_json::Deserializer::from_str(text);
        let header = json
            .deserialize_map(HeaderVisitor(&problem))
            .and_then(|header| json.end().map(|()| header));
        header.map_err(|error| {
            problem.into_inner().unwrap_or_else(|| Problem::Header {
                problem: super::json::message(&error),
            })
        })
    }

    /// Checks that no name appears twice.
    fn check_names(&mut self) -> Result<(), Problem> {
        self.entries.sort_unstable_by(|a, b| a.name.cmp(&b.name));
        let mut names = self.entries.iter().map(|entry| &entry.name);
        let mut before = names.next();
        for name in names {
            if before == Some(name) {
                return Err(duplicate("header", name));
            }
            before = Some(name);
        }
        Ok(())
    }

    /// Checks that each tensor has the bytes that its shape requires, and that each byte of the file belongs to exactly
    /// one tensor.
    fn check_layout(&mut self, data_length: u64) -> Result<(), Problem> {
        self.entries.sort_unstable_by_key(|entry| entry.offsets);
        let mut end = 0;
        for entry in &self.entries {
            let (tensor, got) = (|| entry.name.clone(), entry.offsets);
            let (rows, columns) = entry.shape.dimensions();
            if rows == 0 || columns == 0 {
                return Err(Problem::EmptyDimension {
                    tensor: tensor(),
                    got: entry.shape,
                });
            }
            let Some(expected) = entry.bytes() else {
                return Err(Problem::ShapeOverflow {
                    tensor: tensor(),
                    got: entry.shape,
                });
            };
            let Some(size) = got.1.checked_sub(got.0) else {
                return Err(Problem::Offsets { tensor: tensor(), got });
            };
            if size != expected {
                let shape = entry.shape;
                return Err(Problem::Size {
                    tensor: tensor(),
                    shape,
                    expected,
                    got: size,
                });
            }
            if got.0 > end {
                return Err(Problem::Hole {
                    tensor: tensor(),
                    expected: end,
                    got: got.0,
                });
            }
            if got.0 < end {
                return Err(Problem::Overlap {
                    tensor: tensor(),
                    expected: end,
                    got: got.0,
                });
            }
            end = got.1;
        }
        if end > data_length {
            return Err(Problem::Truncated {
                expected: end,
                got: data_length,
            });
        }
        if end < data_length {
            return Err(Problem::TrailingBytes {
                expected: end,
                got: data_length,
            });
        }
        // This is the check of the format's own crate.
        let tensors = self
            .entries
            .iter()
            .map(|entry| (entry.name.clone(), entry.info()))
            .collect();
        Metadata::new(None, tensors).map_err(|e| Problem::Header { problem: e.to_string() })?;
        Ok(())
    }
}

impl Entry {
    /// Returns how many bytes the numbers take, or `None` if memory cannot address that many.
    fn bytes(&self) -> Option<u64> {
        let bytes = self.shape.elements()?.checked_mul(self.dtype.size())?;
        // No allocation can be larger than `isize::MAX`.
        isize::try_from(bytes).ok().and_then(|bytes| u64::try_from(bytes).ok())
    }

    /// Converts the description to the type of the format's crate. By now it is certain that the offsets fit into
    /// memory.
    fn info(&self) -> TensorInfo {
        tensor_info(
            self.dtype,
            self.shape,
            (self.offsets.0 as usize, self.offsets.1 as usize),
        )
    }
}

pub(super) fn tensor_info(dtype: Dtype, shape: Shape, data_offsets: (usize, usize)) -> TensorInfo {
    TensorInfo {
        dtype: match dtype {
            Dtype::F32 => FileDtype::F32,
            Dtype::F64 => FileDtype::F64,
        },
        shape: match shape {
            Shape::Vector(rows) => vec![rows],
            Shape::Matrix(rows, columns) => vec![rows, columns],
        },
        data_offsets,
    }
}

/// Fills `buffer` from the file. The length was checked when the file was opened, so if the file ends early, it has
/// changed since.
pub(super) fn read_exact(source: &mut impl Read, buffer: &mut [u8]) -> Result<(), Problem> {
    source.read_exact(buffer).map_err(|e| match e.kind() {
        std::io::ErrorKind::UnexpectedEof => Problem::Changed,
        _ => Problem::Io(e),
    })
}

fn duplicate(place: impl Into<String>, key: &str) -> Problem {
    Problem::DuplicateKey {
        place: place.into(),
        key: key.to_owned(),
    }
}

/// Where a visitor leaves a problem that a text cannot express.
type Slot<'a> = &'a RefCell<Option<Problem>>;

/// Leaves `problem` in the slot and returns an error that ends the reading.
fn refuse<E: de::Error>(slot: Slot<'_>, problem: Problem) -> E {
    slot.replace(Some(problem));
    E::custom("")
}

struct HeaderVisitor<'a>(Slot<'a>);

impl<'de> Visitor<'de> for HeaderVisitor<'_> {
    type Value = Header;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("an object of tensors by name")
    }

    fn visit_map<A: MapAccess<'de>>(self, mut map: A) -> Result<Header, A::Error> {
        let (mut metadata, mut entries) = (None, Vec::new());
        while let Some(name) = map.next_key::<String>()? {
            if name == METADATA {
                if metadata.is_some() {
                    return Err(refuse(self.0, duplicate("header", METADATA)));
                }
                metadata = Some(map.next_value_seed(MetadataSeed(self.0))?);
            } else {
                if entries.len() == TENSOR_LIMIT {
                    return Err(refuse(self.0, Problem::TooManyTensors { limit: TENSOR_LIMIT }));
                }
                entries.push(map.next_value_seed(EntrySeed(self.0, name))?);
            }
        }
        Ok(Header {
            metadata: metadata.unwrap_or_default(),
            entries,
        })
    }
}

struct MetadataSeed<'a>(Slot<'a>);

impl<'de> DeserializeSeed<'de> for MetadataSeed<'_> {
    type Value = Vec<(String, String)>;

    fn deserialize<D: de::Deserializer<'de>>(self, deserializer: D) -> Result<Self::Value, D::Error> {
        deserializer.deserialize_map(self)
    }
}

impl<'de> Visitor<'de> for MetadataSeed<'_> {
    type Value = Vec<(String, String)>;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("an object of strings")
    }

    fn visit_map<A: MapAccess<'de>>(self, mut map: A) -> Result<Self::Value, A::Error> {
        let mut metadata: Self::Value = Vec::new();
        while let Some(key) = map.next_key::<String>()? {
            if metadata.iter().any(|(before, _)| *before == key) {
                return Err(refuse(self.0, duplicate(METADATA, &key)));
            }
            if metadata.len() == METADATA_LIMIT {
                let limit = METADATA_LIMIT;
                return Err(refuse(self.0, Problem::TooManyMetadataKeys { limit }));
            }
            metadata.push((key, map.next_value()?));
        }
        Ok(metadata)
    }
}

/// Reads the description of the tensor of that name.
struct EntrySeed<'a>(Slot<'a>, String);

impl<'de> DeserializeSeed<'de> for EntrySeed<'_> {
    type Value = Entry;

    fn deserialize<D: de::Deserializer<'de>>(self, deserializer: D) -> Result<Entry, D::Error> {
        deserializer.deserialize_map(self)
    }
}

impl<'de> Visitor<'de> for EntrySeed<'_> {
    type Value = Entry;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("an object with dtype, shape and data_offsets")
    }

    fn visit_map<A: MapAccess<'de>>(self, mut map: A) -> Result<Entry, A::Error> {
        let Self(slot, name) = self;
        let (mut dtype, mut shape, mut offsets) = (None, None, None);
        while let Some(key) = map.next_key::<String>()? {
            let repeated = match key.as_str() {
                "dtype" => dtype.replace(map.next_value::<String>()?).is_some(),
                "shape" => shape.replace(map.next_value_seed(NumbersSeed)?).is_some(),
                "data_offsets" => offsets.replace(map.next_value_seed(NumbersSeed)?).is_some(),
                _ => return Err(refuse(slot, Problem::UnknownKey { tensor: name, key })),
            };
            if repeated {
                return Err(refuse(slot, duplicate(format!("tensor {}", quoted(&name)), &key)));
            }
        }
        let missing = |key| {
            refuse(
                slot,
                Problem::MissingKey {
                    tensor: name.clone(),
                    key,
                },
            )
        };
        let dtype = dtype.ok_or_else(|| missing("dtype"))?;
        let shape = shape.ok_or_else(|| missing("shape"))?;
        let offsets = offsets.ok_or_else(|| missing("data_offsets"))?;
        let dtype = match dtype.as_str() {
            "F32" => Dtype::F32,
            "F64" => Dtype::F64,
            _ => {
                return Err(refuse(
                    slot,
                    Problem::Dtype {
                        tensor: name,
                        got: dtype,
                    },
                ));
            }
        };
        let shape = match shape {
            Numbers {
                first: [rows, _],
                count: 1,
            } => address(rows).map(Shape::Vector),
            Numbers {
                first: [rows, columns],
                count: 2,
            } => address(rows)
                .zip(address(columns))
                .map(|(rows, columns)| Shape::Matrix(rows, columns)),
            Numbers { count, .. } => {
                return Err(refuse(
                    slot,
                    Problem::Rank {
                        tensor: name,
                        got: count,
                    },
                ));
            }
        };
        let Some(shape) = shape else {
            return Err(de::Error::custom("a dimension is too large for the address space"));
        };
        let offsets = match offsets {
            Numbers {
                first: [start, end],
                count: 2,
            } => (start, end),
            Numbers { count, .. } => {
                let problem = format!("tensor {}: expected 2 data_offsets, got {count}", quoted(&name));
                return Err(refuse(slot, Problem::Header { problem }));
            }
        };
        Ok(Entry {
            name,
            dtype,
            shape,
            offsets,
        })
    }
}

fn address(dimension: u64) -> Option<usize> {
    usize::try_from(dimension).ok()
}

/// The first two numbers of a list, and the length of the list. The other numbers are not needed, so they are not kept.
struct Numbers {
    first: [u64; 2],
    count: usize,
}

struct NumbersSeed;

impl<'de> DeserializeSeed<'de> for NumbersSeed {
    type Value = Numbers;

    fn deserialize<D: de::Deserializer<'de>>(self, deserializer: D) -> Result<Numbers, D::Error> {
        deserializer.deserialize_seq(self)
    }
}

impl<'de> Visitor<'de> for NumbersSeed {
    type Value = Numbers;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("a list of whole numbers")
    }

    fn visit_seq<A: SeqAccess<'de>>(self, mut sequence: A) -> Result<Numbers, A::Error> {
        let mut numbers = Numbers {
            first: [0; 2],
            count: 0,
        };
        for number in &mut numbers.first {
            match sequence.next_element()? {
                Some(next) => *number = next,
                None => return Ok(numbers),
            }
            numbers.count = numbers.count.saturating_add(1);
        }
        while sequence.next_element::<IgnoredAny>()?.is_some() {
            numbers.count = numbers.count.saturating_add(1);
        }
        Ok(numbers)
    }
}
