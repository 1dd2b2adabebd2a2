//! The header, which is checked as text, as JSON and as a description of the file.

use super::foreign;
use super::json::{message, twice};
use super::{HEADER_LIMIT, KINDS, METADATA, METADATA_LIMIT, PREFIX, Shape, TENSOR_LIMIT};
use crate::error::quoted;
use crate::{Dtype, LoadError, LoadErrorKind};
use serde::Deserialize;
use serde::de::value::MapAccessDeserializer;
use serde::de::{DeserializeSeed, Deserializer, Error, IgnoredAny, MapAccess, SeqAccess, Visitor};
use std::borrow::Cow;
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
    /// Whether the numbers must be finite.
    pub(super) finite: bool,
}

impl Header {
    /// Reads the header from the start of a file of `length` bytes.
    pub(super) fn read(source: &mut impl Read, length: u64) -> Result<Self, LoadError> {
        let truncated = |message| LoadError::new(LoadErrorKind::Truncated, message);
        let Some(behind_prefix) = length.checked_sub(PREFIX) else {
            return Err(truncated(format!("expected at least 8 bytes, got {length}")));
        };
        let mut prefix = [0; PREFIX as usize];
        read_exact(source, &mut prefix)?;
        let header_length = u64::from_le_bytes(prefix);
        if header_length > HEADER_LIMIT {
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
                let message =
                    format!("not a safetensors file: expected `{{` after the length of the header, got {got}");
                return Err(LoadError::new(LoadErrorKind::NotThisFormat, message));
            }
            return Err(too_large(header_length));
        }
        let Some(data_length) = behind_prefix.checked_sub(header_length) else {
            return Err(truncated(format!(
                "header: expected {header_length} bytes, got {behind_prefix}: the file is truncated"
            )));
        };
        // The length is at most `HEADER_LIMIT`, which fits any `usize`.
        let mut bytes = vec![0; header_length as usize];
        read_exact(source, &mut bytes)?;
        let text = str::from_utf8(&bytes).map_err(|e| {
            let at = e.valid_up_to();
            LoadError::malformed(format!("header: expected UTF-8, got an invalid sequence at byte {at}"))
        })?;
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

    /// Returns the tensors, sorted by name.
    pub(crate) fn entries_by_name(&self) -> Vec<&Entry> {
        let mut entries: Vec<_> = self.entries.iter().collect();
        entries.sort_unstable_by_key(|entry| &entry.name);
        entries
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

    fn parse(text: &str) -> Result<Self, LoadError> {
        // The format requires this, and it detects files of other formats.
        if !text.starts_with('{') {
            let first = text.chars().next();
            let got = first.map_or("nothing".to_owned(), |c| quoted(&c.to_string()));
            return Err(LoadError::malformed(format!(
                "header: expected `{{` as its first character, got {got}"
            )));
        }
        let mut json = serde_json::Deserializer::from_str(text);
        let header = json.deserialize_map(HeaderVisitor);
        let header = header.and_then(|header| json.end().map(|()| header));
        let (metadata, entries) = header.map_err(|e| LoadError::malformed(format!("header: {}", message(&e))))?;
        let ours = |(key, _): &(String, String)| KINDS.iter().any(|(kind, _)| kind == key);
        let tensors = entries.iter().map(|(name, record)| (name.as_str(), record.shape.count));
        if let Some(error) = foreign::refusal(tensors).filter(|_| !metadata.iter().any(ours)) {
            return Err(error);
        }
        // Collecting would keep the memory of the larger records.
        let mut checked = Vec::with_capacity(entries.len());
        for (name, record) in entries {
            checked.push(Entry::new(name, record)?);
        }
        Ok(Self {
            metadata,
            entries: checked,
        })
    }

    /// Checks that no name appears twice.
    fn check_names(&self) -> Result<(), LoadError> {
        let entries = self.entries_by_name();
        match entries
            .iter()
            .zip(entries.iter().skip(1))
            .find(|(a, b)| a.name == b.name)
        {
            Some((entry, _)) => Err(LoadError::malformed(format!("header: {}", twice(&entry.name)))),
            None => Ok(()),
        }
    }

    /// Checks that each tensor has the bytes that its shape requires, and that each byte of the file belongs to exactly
    /// one tensor.
    fn check_layout(&mut self, data_length: u64) -> Result<(), LoadError> {
        self.entries.sort_unstable_by_key(|entry| entry.offsets);
        let mut end = 0;
        for entry in &self.entries {
            let (start, shape) = (entry.offsets.0, entry.shape);
            let malformed = |problem| Err(LoadError::tensor(LoadErrorKind::Malformed, &entry.name, problem));
            if shape.elements() == Some(0) {
                return Err(empty(&entry.name, shape));
            }
            let Some(expected) = entry.bytes() else {
                return Err(overflow(&entry.name, shape));
            };
            let Some(size) = entry.offsets.1.checked_sub(start) else {
                let end = entry.offsets.1;
                return malformed(format!("expected data_offsets in order, got {start} and {end}"));
            };
            if size != expected {
                return malformed(format!("expected {expected} bytes for the shape {shape}, got {size}"));
            }
            if start != end {
                let problem = if start > end {
                    "there are unused bytes before it"
                } else {
                    "it overlaps the tensor before it"
                };
                return malformed(format!("expected it to begin at byte {end}, got {start}: {problem}"));
            }
            end = entry.offsets.1;
        }
        if end != data_length {
            let (kind, problem) = if end > data_length {
                (LoadErrorKind::Truncated, "the file is truncated")
            } else {
                (LoadErrorKind::Malformed, "the file has trailing bytes")
            };
            let message = format!("expected {end} bytes of tensors, got {data_length}: {problem}");
            return Err(LoadError::new(kind, message));
        }
        Ok(())
    }
}

impl Entry {
    fn new(name: String, record: EntryRecord<'_>) -> Result<Self, LoadError> {
        let dtype = match &*record.dtype {
            "F32" => Dtype::F32,
            "F64" => Dtype::F64,
            "F16" => Dtype::F16,
            "BF16" => Dtype::BF16,
            other => {
                let problem = format!("expected the dtype F32 or F64, got {}", quoted(other));
                return Err(LoadError::tensor(LoadErrorKind::Dtype, &name, problem));
            }
        };
        let [rows, columns] = record.shape.first.map(usize::try_from);
        let shape = match (record.shape.count, rows, columns) {
            (1, Ok(rows), _) => Shape::Vector(rows),
            (2, Ok(rows), Ok(columns)) => Shape::Matrix(rows, columns),
            (1 | 2, ..) => {
                let problem = "a dimension is too large for the address space";
                return Err(LoadError::tensor(LoadErrorKind::Unsupported, &name, problem));
            }
            (got, ..) => {
                let problem = format!("expected 1 or 2 dimensions, got {got}");
                return Err(LoadError::tensor(LoadErrorKind::Unsupported, &name, problem));
            }
        };
        let Numbers { first, count: 2 } = record.data_offsets else {
            let problem = format!("expected 2 data_offsets, got {}", record.data_offsets.count);
            return Err(LoadError::tensor(LoadErrorKind::Malformed, &name, problem));
        };
        Ok(Self {
            name,
            dtype,
            shape,
            offsets: first.into(),
            finite: true,
        })
    }

    /// Returns how many bytes the numbers take, or `None` if memory cannot address that many.
    fn bytes(&self) -> Option<u64> {
        let bytes = self.shape.elements()?.checked_mul(self.dtype.size())?;
        // No allocation can be larger than `isize::MAX`.
        isize::try_from(bytes).ok().and_then(|bytes| u64::try_from(bytes).ok())
    }
}

/// Fills `buffer` from the file. The length was checked when the file was opened, so if the file ends early, it has
/// changed since.
pub(super) fn read_exact(source: &mut impl Read, buffer: &mut [u8]) -> Result<(), LoadError> {
    source.read_exact(buffer).map_err(|e| match e.kind() {
        std::io::ErrorKind::UnexpectedEof => changed(),
        _ => LoadError::io(e),
    })
}

/// The length of the file is not what it was when the file was opened.
pub(super) fn changed() -> LoadError {
    LoadError::new(LoadErrorKind::Io, "the file changed while it was being read")
}

/// The header is longer than any header of a network.
pub(super) fn too_large(got: u64) -> LoadError {
    let message = format!("header: expected at most {HEADER_LIMIT} bytes, got {got}");
    LoadError::new(LoadErrorKind::Unsupported, message)
}

pub(super) fn empty(tensor: &str, shape: Shape) -> LoadError {
    let problem = format!("expected dimensions of at least 1, got {shape}");
    LoadError::tensor(LoadErrorKind::Malformed, tensor, problem)
}

pub(super) fn overflow(tensor: &str, shape: Shape) -> LoadError {
    let problem = format!("the shape {shape} is too large to address");
    LoadError::tensor(LoadErrorKind::Malformed, tensor, problem)
}

type Map<V> = Vec<(String, V)>;

/// Reads the metadata and the descriptions of the tensors.
struct HeaderVisitor;

impl<'de> Visitor<'de> for HeaderVisitor {
    type Value = (Map<String>, Map<EntryRecord<'de>>);

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("an object of tensors by name")
    }

    fn visit_map<A: MapAccess<'de>>(self, mut map: A) -> Result<Self::Value, A::Error> {
        let (mut metadata, mut entries) = (None, Vec::new());
        while let Some(name) = map.next_key::<String>()? {
            if name == METADATA {
                if metadata.is_some() {
                    return Err(A::Error::custom(twice(METADATA)));
                }
                metadata = Some(map.next_value_seed(MetadataSeed)?);
            } else {
                if entries.len() == TENSOR_LIMIT {
                    let problem = format!("expected at most {TENSOR_LIMIT} tensors, got more");
                    return Err(A::Error::custom(problem));
                }
                let record = map.next_value_seed(EntrySeed);
                let record = record.map_err(|e| A::Error::custom(format_args!("tensor {}: {e}", quoted(&name))))?;
                entries.push((name, record));
            }
        }
        Ok((metadata.unwrap_or_default(), entries))
    }
}

struct MetadataSeed;

impl<'de> DeserializeSeed<'de> for MetadataSeed {
    type Value = Map<String>;

    fn deserialize<D: Deserializer<'de>>(self, deserializer: D) -> Result<Self::Value, D::Error> {
        deserializer.deserialize_option(self)
    }
}

impl<'de> Visitor<'de> for MetadataSeed {
    type Value = Map<String>;

    // Some programs write `null` if there is no metadata.
    fn visit_none<E: Error>(self) -> Result<Self::Value, E> {
        Ok(Vec::new())
    }

    fn visit_some<D: Deserializer<'de>>(self, deserializer: D) -> Result<Self::Value, D::Error> {
        deserializer.deserialize_map(self)
    }

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("an object of strings")
    }

    fn visit_map<A: MapAccess<'de>>(self, mut map: A) -> Result<Self::Value, A::Error> {
        let mut metadata: Self::Value = Vec::new();
        while let Some(key) = map.next_key::<String>()? {
            if metadata.iter().any(|(before, _)| *before == key) {
                return Err(A::Error::custom(format_args!("{METADATA}: {}", twice(&key))));
            }
            if metadata.len() == METADATA_LIMIT {
                let problem = format!("{METADATA}: expected at most {METADATA_LIMIT} keys, got more");
                return Err(A::Error::custom(problem));
            }
            metadata.push((key, map.next_value()?));
        }
        Ok(metadata)
    }
}

/// The description of a tensor, as JSON has it.
#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct EntryRecord<'a> {
    #[serde(borrow)]
    dtype: Cow<'a, str>,
    shape: Numbers,
    data_offsets: Numbers,
}

/// Reads the description from an object only. The derived form would also read a list.
struct EntrySeed;

impl<'de> DeserializeSeed<'de> for EntrySeed {
    type Value = EntryRecord<'de>;

    fn deserialize<D: Deserializer<'de>>(self, deserializer: D) -> Result<Self::Value, D::Error> {
        deserializer.deserialize_map(self)
    }
}

impl<'de> Visitor<'de> for EntrySeed {
    type Value = EntryRecord<'de>;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("an object with dtype, shape and data_offsets")
    }

    fn visit_map<A: MapAccess<'de>>(self, map: A) -> Result<Self::Value, A::Error> {
        EntryRecord::deserialize(MapAccessDeserializer::new(map))
    }
}

/// The first two numbers of a list, and the length of the list. The other numbers are not needed, so they are not kept.
struct Numbers {
    first: [u64; 2],
    count: usize,
}

impl<'de> Deserialize<'de> for Numbers {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        deserializer.deserialize_seq(NumbersVisitor)
    }
}

struct NumbersVisitor;

impl<'de> Visitor<'de> for NumbersVisitor {
    type Value = Numbers;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("a list of whole numbers")
    }

    fn visit_seq<A: SeqAccess<'de>>(self, mut sequence: A) -> Result<Numbers, A::Error> {
        let (mut first, mut count) = ([0; 2], 0_usize);
        for number in &mut first {
            match sequence.next_element()? {
                Some(next) => *number = next,
                None => return Ok(Numbers { first, count }),
            }
            count = count.saturating_add(1);
        }
        while sequence.next_element::<IgnoredAny>()?.is_some() {
            count = count.saturating_add(1);
        }
        Ok(Numbers { first, count })
    }
}
