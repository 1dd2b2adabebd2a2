//! The subset of the zip format that `np.savez` and `np.savez_compressed` write: entries stored or deflated, one after the
//! other without gaps, then the list of the entries, then the end record. Everything else is refused, so that a file has
//! only one meaning.

use super::{entry_error, unknown};
use crate::error::quoted;
use crate::{LoadError, LoadErrorKind};
use flate2::read::DeflateDecoder;
use std::io::{self, Read, Seek, SeekFrom, Take, Write};

/// No network here has more entries. The limit keeps the list short compared to the megabyte of memory that reading may
/// take.
pub(super) const MAX_ENTRIES: usize = 4096;
const MAX_NAME: u16 = 64;
const LOCAL: u32 = 0x0403_4b50;
const LISTED: u32 = 0x0201_4b50;
const END: u32 = 0x0605_4b50;
/// The signature of the record that locates a 64-bit end record.
const WIDE_END: u32 = 0x0706_4b50;
const WIDE_END_LENGTH: u64 = 20;
const LOCAL_LENGTH: usize = 30;
const LISTED_LENGTH: usize = 46;
pub(super) const END_LENGTH: usize = 22;
/// The flag that says that a name is UTF-8. It makes no difference for ASCII.
const UTF8: u16 = 1 << 11;
/// The compression method of `np.savez_compressed`.
const DEFLATED: u16 = 8;

/// Fills `into` with the bytes of the file that begin at `offset`.
pub(super) fn read_at(source: &mut (impl Read + Seek), offset: u64, into: &mut [u8]) -> Result<(), LoadError> {
    let mut read = || {
        source.seek(SeekFrom::Start(offset))?;
        source.read_exact(into)
    };
    read().map_err(LoadError::io)
}

/// An entry whose headers have been checked.
#[derive(Debug)]
pub(super) struct Entry {
    /// The name, without `.npy`.
    pub(super) name: String,
    /// The offset of the first byte of the content.
    start: u64,
    /// The number of bytes in the file.
    stored: u64,
    /// The number of bytes of the content, after decompression.
    pub(super) length: u64,
    pub(super) checksum: u32,
    deflated: bool,
}

/// Reads the content of an entry.
pub(super) enum Content<'a, S> {
    Stored(Take<&'a mut S>),
    Deflated(DeflateDecoder<Take<&'a mut S>>),
}

impl Entry {
    pub(super) fn content<'a, S: Read + Seek>(&self, source: &'a mut S) -> Result<Content<'a, S>, LoadError> {
        source.seek(SeekFrom::Start(self.start)).map_err(LoadError::io)?;
        let stored = source.take(self.stored);
        Ok(if self.deflated {
            Content::Deflated(DeflateDecoder::new(stored))
        } else {
            Content::Stored(stored)
        })
    }
}

impl<S: Read> Content<'_, S> {
    /// Fills `into` with the next bytes of the content of `entry`.
    pub(super) fn read(&mut self, entry: &Entry, into: &mut [u8]) -> Result<(), LoadError> {
        match self {
            Self::Stored(stored) => stored.read_exact(into).map_err(LoadError::io),
            Self::Deflated(decoder) => decoder.read_exact(into).map_err(|e| match e.kind() {
                io::ErrorKind::InvalidInput | io::ErrorKind::InvalidData | io::ErrorKind::UnexpectedEof => {
                    let problem = format!("expected {} bytes of compressed data, got invalid data", entry.length);
                    entry_error(LoadErrorKind::Malformed, &entry.name, problem)
                }
                _ => LoadError::io(e),
            }),
        }
    }

    /// Checks that all bytes of `entry` have been read, before and after decompression.
    pub(super) fn finish(self, entry: &Entry) -> Result<(), LoadError> {
        let Self::Deflated(mut decoder) = self else {
            return Ok(());
        };
        let more = decoder.read(&mut [0]).unwrap_or(1);
        if more == 0 && decoder.total_in() == entry.stored {
            return Ok(());
        }
        let problem = format!("expected {} bytes of compressed data, got more", entry.length);
        Err(entry_error(LoadErrorKind::Malformed, &entry.name, problem))
    }
}

/// Reads numbers from the front of a header. All of them are little-endian.
struct Fields<'a>(&'a [u8]);

impl<'a> Fields<'a> {
    fn bytes(&mut self, count: usize) -> Option<&'a [u8]> {
        let (taken, rest) = self.0.split_at_checked(count)?;
        self.0 = rest;
        Some(taken)
    }

    fn u16(&mut self) -> Option<u16> {
        Some(u16::from_le_bytes(self.bytes(2)?.try_into().ok()?))
    }

    fn u32(&mut self) -> Option<u32> {
        Some(u32::from_le_bytes(self.bytes(4)?.try_into().ok()?))
    }
}

/// The content of the end record: the number of entries, and the offset and length of their list.
struct End {
    entries: usize,
    offset: u64,
    length: u64,
}

fn end(source: &mut (impl Read + Seek)) -> Result<End, LoadError> {
    let whole = source.seek(SeekFrom::End(0)).map_err(LoadError::io)?;
    let at = whole.checked_sub(END_LENGTH as u64).ok_or_else(not_zip)?;
    let mut record = [0; END_LENGTH];
    read_at(source, at, &mut record)?;
    let mut fields = Fields(&record);
    let mut read = || {
        let signature = fields.u32()?;
        let counts = [fields.u16()?, fields.u16()?, fields.u16()?, fields.u16()?];
        Some((signature, counts, fields.u32()?, fields.u32()?, fields.u16()?))
    };
    let (signature, [disk, first_disk, here, entries], length, offset, comment) = read().ok_or_else(not_zip)?;
    if signature != END || comment != 0 {
        return Err(no_end(source, whole)?);
    }
    if [disk, first_disk] != [0, 0] || here != entries || entries == u16::MAX || offset.max(length) == u32::MAX {
        return Err(large_zip());
    }
    let (entries, offset, length) = (usize::from(entries), u64::from(offset), u64::from(length));
    if offset.checked_add(length) != Some(at) {
        if has_wide_end(source, at)? {
            return Err(large_zip());
        }
        return Err(other_list(at.saturating_sub(offset), length));
    }
    if entries > MAX_ENTRIES {
        let message = format!("zip archive: expected at most {MAX_ENTRIES} entries, got {entries}");
        return Err(LoadError::new(LoadErrorKind::Unsupported, message));
    }
    // The list cannot be longer, because names are short and extra fields are refused.
    if length > entries.saturating_mul(LISTED_LENGTH.saturating_add(MAX_NAME.into())) as u64 {
        return Err(other_list(entries.saturating_mul(LISTED_LENGTH) as u64, length));
    }
    Ok(End {
        entries,
        offset,
        length,
    })
}

/// Makes the error of a file of `length` bytes that does not end with an end record: there may be a comment behind it.
fn no_end(source: &mut (impl Read + Seek), length: u64) -> Result<LoadError, LoadError> {
    let size = length.min(u64::from(u16::MAX).saturating_add(END_LENGTH as u64));
    let mut tail = vec![0; usize::try_from(size).unwrap_or(0)];
    read_at(source, length.saturating_sub(size), &mut tail)?;
    let comment = tail
        .windows(END_LENGTH)
        .zip((END_LENGTH..=tail.len()).map(|end| tail.len().saturating_sub(end)));
    let mut comment = comment.filter(|(record, behind)| {
        record.starts_with(&END.to_le_bytes()) && record.ends_with(&u16::try_from(*behind).unwrap_or(0).to_le_bytes())
    });
    Ok(match comment.next() {
        Some((_, behind)) if behind > 0 => {
            let message = format!("zip archive: expected no comment, got one of {behind} bytes");
            LoadError::new(LoadErrorKind::Unsupported, message)
        }
        _ => not_zip(),
    })
}

/// Returns whether the record in front of the end record at `at` locates another end record, with 64-bit numbers.
fn has_wide_end(source: &mut (impl Read + Seek), at: u64) -> Result<bool, LoadError> {
    let mut signature = [0; 4];
    let Some(place) = at.checked_sub(WIDE_END_LENGTH) else {
        return Ok(false);
    };
    read_at(source, place, &mut signature)?;
    Ok(u32::from_le_bytes(signature) == WIDE_END)
}

/// The fields that the header of an entry and the list have in common.
struct Common {
    flags: u16,
    method: u16,
    checksum: u32,
    /// The length as stored and without compression.
    lengths: [u32; 2],
    name: u16,
    extra: u16,
}

fn common(fields: &mut Fields<'_>) -> Option<Common> {
    fields.bytes(2)?; // version needed
    let (flags, method) = (fields.u16()?, fields.u16()?);
    fields.bytes(4)?; // time and date
    Some(Common {
        flags,
        method,
        checksum: fields.u32()?,
        lengths: [fields.u32()?, fields.u32()?],
        name: fields.u16()?,
        extra: fields.u16()?,
    })
}

/// What the list says about an entry.
struct Listed<'a> {
    name: &'a [u8],
    common: Common,
    /// The length of the comment, and the number of the volume.
    more: [u16; 2],
    offset: u32,
}

fn listed<'a>(list: &mut Fields<'a>) -> Option<Listed<'a>> {
    (list.u32()? == LISTED).then_some(())?;
    list.bytes(2)?; // version made by
    let common = common(list)?;
    let more = [list.u16()?, list.u16()?];
    list.bytes(6)?; // attributes
    let offset = list.u32()?;
    let name = list.bytes(common.name.into())?;
    Some(Listed {
        name,
        common,
        more,
        offset,
    })
}

/// Returns the entries in their order, after checking that every byte of the archive outside their content is accounted
/// for.
pub(super) fn entries(source: &mut (impl Read + Seek)) -> Result<Vec<Entry>, LoadError> {
    let end = end(source)?;
    let mut list = vec![0; usize::try_from(end.length).map_err(|_| large_zip())?];
    read_at(source, end.offset, &mut list)?;
    let mut list = Fields(&list);
    let mut entries = Vec::with_capacity(end.entries);
    let mut expected = 0;
    for _ in 0..end.entries {
        let at = end
            .offset
            .saturating_add(end.length)
            .saturating_sub(list.0.len() as u64);
        let listed = listed(&mut list).ok_or_else(|| no_header(at))?;
        let entry = entry(source, &listed, expected, end.offset)?;
        expected = entry.start.saturating_add(entry.stored);
        entries.push(entry);
    }
    check_expansion(&entries, end.offset)?;
    if !list.0.is_empty() {
        let expected = end.length.saturating_sub(list.0.len() as u64);
        return Err(other_list(expected, end.length));
    }
    if expected != end.offset {
        return Err(other_place("list of entries", expected, end.offset));
    }
    Ok(entries)
}

/// Checks that the content is not far longer than the archive, whose entries take `stored` bytes. Numbers that have been
/// trained become shorter by a tenth, but an archive of zeros could fill any memory.
fn check_expansion(entries: &[Entry], stored: u64) -> Result<(), LoadError> {
    let limit = stored.saturating_mul(16).saturating_add(256 << 10);
    let got = entries.iter().map(|entry| entry.length).fold(0, u64::saturating_add);
    if got <= limit {
        return Ok(());
    }
    let message = format!("zip archive: expected at most {limit} bytes after decompression, got {got}");
    Err(LoadError::new(LoadErrorKind::Unsupported, message))
}

/// Checks an entry that should begin at `expected` and end before `limit`.
fn entry(source: &mut (impl Read + Seek), listed: &Listed<'_>, expected: u64, limit: u64) -> Result<Entry, LoadError> {
    let full = String::from_utf8_lossy(listed.name).into_owned();
    let name = full.strip_suffix(".npy").unwrap_or(&full).to_owned();
    let plain = listed
        .name
        .iter()
        .all(|byte| byte.is_ascii_alphanumeric() || b"_.".contains(byte));
    if name == full || !plain || listed.name.len() > MAX_NAME.into() {
        return Err(unknown(&full));
    }
    let Common { flags, method, .. } = listed.common;
    if flags & !UTF8 != 0 {
        let problem = format!("expected an entry that is neither encrypted nor streamed, got the flags {flags:#06x}");
        return Err(entry_error(LoadErrorKind::Unsupported, &name, problem));
    }
    if method != 0 && method != DEFLATED {
        let problem = format!("expected an entry stored (0) or deflated (8), got compression method {method}");
        return Err(entry_error(LoadErrorKind::Unsupported, &name, problem));
    }
    if listed.common.extra != 0 || listed.more != [0; 2] {
        return Err(extra_fields(&name));
    }
    let got = u64::from(listed.offset);
    if got != expected {
        return Err(other_place(&name, expected, got));
    }
    let header = local_header(source, &name, listed, limit)?;
    let start = got.saturating_add(header);
    let [stored, length] = listed.common.lengths.map(u64::from);
    let deflated = method == DEFLATED;
    if (stored != length && !deflated) || start.saturating_add(stored) > limit {
        let got = limit.saturating_sub(start).min(stored);
        return Err(other_length(&name, length.into(), got));
    }
    Ok(Entry {
        name,
        start,
        stored,
        length,
        checksum: listed.common.checksum,
        deflated,
    })
}

/// Compares the header in front of an entry with the list, and returns the length of the header.
fn local_header(
    source: &mut (impl Read + Seek),
    entry: &str,
    listed: &Listed<'_>,
    limit: u64,
) -> Result<u64, LoadError> {
    let at = u64::from(listed.offset);
    let mut header = [0; LOCAL_LENGTH + MAX_NAME as usize + 20];
    let fits = limit.saturating_sub(at).min(header.len() as u64);
    let (header, _) = header.split_at_mut(usize::try_from(fits).unwrap_or(0));
    read_at(source, at, header)?;
    let mut fields = Fields(header);
    let mut read = || {
        (fields.u32()? == LOCAL).then_some(())?;
        let common = common(&mut fields)?;
        let name = fields.bytes(common.name.into())?;
        Some((common, name))
    };
    let (found, name) = read().ok_or_else(|| no_header(at))?;
    // np.savez writes 64-bit lengths in front of every entry, even a short one.
    let lengths = match (found.extra, found.lengths) {
        (0, lengths) => lengths.map(u64::from),
        (20, [u32::MAX, u32::MAX]) => wide_lengths(&mut fields).ok_or_else(|| extra_fields(entry))?,
        _ => return Err(extra_fields(entry)),
    };
    let text = |name: &[u8]| quoted(&String::from_utf8_lossy(name));
    let hexadecimal = |number: u32| format!("{number:#x}");
    let bytes = |[stored, length]: [u64; 2]| format!("{stored} of {length} bytes");
    let list = &listed.common;
    for (what, header, list) in [
        ("name", text(name), text(listed.name)),
        ("flags", hexadecimal(found.flags.into()), hexadecimal(list.flags.into())),
        ("method", found.method.to_string(), list.method.to_string()),
        ("checksum", hexadecimal(found.checksum), hexadecimal(list.checksum)),
        ("length", bytes(lengths), bytes(list.lengths.map(u64::from))),
    ] {
        if header != list {
            let problem =
                format!("expected the same {what} in its header and in the archive's list, got {header} and {list}");
            return Err(entry_error(LoadErrorKind::Malformed, entry, problem));
        }
    }
    Ok((LOCAL_LENGTH as u64)
        .saturating_add(name.len() as u64)
        .saturating_add(found.extra.into()))
}

/// Returns the stored length and the uncompressed length from an extra field with 64-bit lengths.
fn wide_lengths(fields: &mut Fields<'_>) -> Option<[u64; 2]> {
    ([fields.u16()?, fields.u16()?] == [1, 16]).then_some(())?;
    let length = u64::from_le_bytes(fields.bytes(8)?.try_into().ok()?);
    let stored = u64::from_le_bytes(fields.bytes(8)?.try_into().ok()?);
    Some([stored, length])
}

/// The last 22 bytes are not the end of a zip archive. The file has another format, is cut off, or is followed by other
/// data.
pub(super) fn not_zip() -> LoadError {
    let message = "not an .npz file: expected the end record of a zip archive in the last 22 bytes";
    LoadError::new(LoadErrorKind::NotThisFormat, message)
}

/// The archive has 4 GiB, 65,535 entries or several volumes, or it has a 64-bit end record, as Python writes it from
/// 2 GiB on.
fn large_zip() -> LoadError {
    let message = "zip archive: expected a single volume of less than 4 GiB and 65,535 entries, not a zip64 archive";
    LoadError::new(LoadErrorKind::Unsupported, message)
}

/// The list of entries does not agree with the end record or with the length of the file.
fn other_list(expected: u64, got: u64) -> LoadError {
    LoadError::malformed(format!(
        "zip archive: expected a list of entries of {expected} bytes, got {got}"
    ))
}

fn no_header(at: u64) -> LoadError {
    LoadError::malformed(format!("zip archive: expected the header of an entry at byte {at}"))
}

/// There are extra fields or a comment that `np.savez` does not write.
fn extra_fields(entry: &str) -> LoadError {
    entry_error(
        LoadErrorKind::Unsupported,
        entry,
        "expected no extra fields and no comment",
    )
}

/// There are unused bytes in front of an entry, or it overlaps another entry.
fn other_place(entry: &str, expected: u64, got: u64) -> LoadError {
    let problem = format!("expected at byte {expected}, where the entry before it ends, got byte {got}");
    entry_error(LoadErrorKind::Malformed, entry, problem)
}

pub(super) fn other_length(entry: &str, expected: u128, got: u64) -> LoadError {
    let problem = format!("expected {expected} bytes of elements, got {got}");
    entry_error(LoadErrorKind::Malformed, entry, problem)
}

/// Writes entries one after the other, and the list at the end.
pub(super) struct Writer<'a> {
    output: &'a mut dyn Write,
    written: u64,
    entries: u16,
    list: Vec<u8>,
}

impl<'a> Writer<'a> {
    pub(super) fn new(output: &'a mut dyn Write) -> Self {
        Self {
            output,
            written: 0,
            entries: 0,
            list: Vec::new(),
        }
    }

    /// Writes `content` as the entry `name`. The caller has checked that all of it fits the format.
    pub(super) fn entry(&mut self, name: &str, content: &[u8]) -> io::Result<()> {
        let name = format!("{name}.npy");
        let length = u32::try_from(content.len()).unwrap_or(u32::MAX);
        let name_length = u16::try_from(name.len()).unwrap_or(u16::MAX);
        // Both headers share these fields: version 2.0, no flags, no compression, midnight on 1 January 1980, the
        // lengths.
        let mut common = vec![20, 0, 0, 0, 0, 0, 0, 0, 0x21, 0];
        common.extend(crc32fast::hash(content).to_le_bytes());
        common.extend(length.to_le_bytes());
        common.extend(length.to_le_bytes());
        common.extend(name_length.to_le_bytes());
        common.extend([0, 0]); // no extra fields

        let mut header = LOCAL.to_le_bytes().to_vec();
        header.extend(&common);
        header.extend(name.bytes());

        self.list.extend(LISTED.to_le_bytes());
        self.list.extend([20, 3]); // made by version 2.0, on Unix
        self.list.extend(&common);
        self.list.extend([0; 6]); // no comment, first volume, no internal attributes
        self.list.extend((0o100_644_u32 << 16).to_le_bytes());
        self.list
            .extend(u32::try_from(self.written).unwrap_or(u32::MAX).to_le_bytes());
        self.list.extend(name.bytes());

        self.entries = self.entries.saturating_add(1);
        self.write(&header)?;
        self.write(content)
    }

    /// Writes the list of entries and the end record.
    pub(super) fn finish(mut self) -> io::Result<()> {
        let start = u32::try_from(self.written).unwrap_or(u32::MAX);
        let length = u32::try_from(self.list.len()).unwrap_or(u32::MAX);
        let mut end = std::mem::take(&mut self.list);
        end.extend(END.to_le_bytes());
        end.extend([0; 4]);
        end.extend(self.entries.to_le_bytes());
        end.extend(self.entries.to_le_bytes());
        end.extend(length.to_le_bytes());
        end.extend(start.to_le_bytes());
        end.extend([0, 0]);
        self.write(&end)
    }

    fn write(&mut self, bytes: &[u8]) -> io::Result<()> {
        self.written = self.written.saturating_add(bytes.len() as u64);
        self.output.write_all(bytes)
    }
}
