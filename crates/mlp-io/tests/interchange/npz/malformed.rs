//! Files that are not networks of scikit-learn. Each must be refused with its own error, and none may do harm.

use flate2::Compression;
use flate2::write::DeflateEncoder;
use mlp_core::Model;
use mlp_cpu::Matrix;
use mlp_io::{LoadError, npz_from_bytes, npz_to_bytes};
use std::io::Write as _;

/// An entry, and what its headers are to say about it.
#[derive(Clone)]
struct Entry {
    name: String,
    content: Vec<u8>,
    flags: u16,
    method: u16,
    extra: Vec<u8>,
    listed_extra: Vec<u8>,
    listed_name: Option<String>,
    listed_length: Option<u32>,
    /// The length after decompression.
    length: Option<u32>,
    checksum: Option<u32>,
    listed_checksum: Option<u32>,
    /// The number of unused bytes in front of its header.
    gap: usize,
    /// The offset of its header in the list, if it is not the real one.
    listed_offset: Option<u32>,
}

fn entry(name: &str, content: Vec<u8>) -> Entry {
    Entry {
        name: format!("{name}.npy"),
        content,
        flags: 0,
        method: 0,
        extra: vec![],
        listed_extra: vec![],
        listed_name: None,
        listed_length: None,
        length: None,
        checksum: None,
        listed_checksum: None,
        gap: 0,
        listed_offset: None,
    }
}

fn crc32(bytes: &[u8]) -> u32 {
    !bytes.iter().fold(u32::MAX, |crc, &byte| {
        (0..8).fold(crc ^ u32::from(byte), |crc, _| {
            (crc >> 1) ^ if crc & 1 == 1 { 0xedb8_8320 } else { 0 }
        })
    })
}

fn zip(entries: &[Entry]) -> Vec<u8> {
    let (mut bytes, mut list) = (Vec::new(), Vec::new());
    for e in entries {
        bytes.resize(bytes.len() + e.gap, 0);
        let offset = e.listed_offset.unwrap_or(bytes.len() as u32);
        let length = e.content.len() as u32;
        let checksum = e.checksum.unwrap_or_else(|| crc32(&e.content));
        let common = |checksum: u32, length: u32, name: &str| {
            let mut common = vec![20, 0];
            common.extend(e.flags.to_le_bytes());
            common.extend(e.method.to_le_bytes());
            common.extend([0, 0, 0x21, 0]);
            common.extend(checksum.to_le_bytes());
            common.extend(length.to_le_bytes());
            common.extend(e.length.unwrap_or(length).to_le_bytes());
            common.extend((name.len() as u16).to_le_bytes());
            common
        };
        bytes.extend(b"PK\x03\x04");
        bytes.extend(common(checksum, length, &e.name));
        bytes.extend((e.extra.len() as u16).to_le_bytes());
        bytes.extend(e.name.bytes());
        bytes.extend(&e.extra);
        bytes.extend(&e.content);
        let name = e.listed_name.as_ref().unwrap_or(&e.name);
        list.extend(b"PK\x01\x02\x14\x03");
        list.extend(common(
            e.listed_checksum.unwrap_or(checksum),
            e.listed_length.unwrap_or(length),
            name,
        ));
        list.extend((e.listed_extra.len() as u16).to_le_bytes());
        list.extend([0; 10]);
        list.extend(offset.to_le_bytes());
        list.extend(name.bytes());
        list.extend(&e.listed_extra);
    }
    let (start, length) = (bytes.len() as u32, list.len() as u32);
    bytes.extend(list);
    bytes.extend(b"PK\x05\x06\0\0\0\0");
    bytes.extend((entries.len() as u16).to_le_bytes());
    bytes.extend((entries.len() as u16).to_le_bytes());
    bytes.extend(length.to_le_bytes());
    bytes.extend(start.to_le_bytes());
    bytes.extend([0, 0]);
    bytes
}

fn npy(header: &str, data: &[u8]) -> Vec<u8> {
    let mut bytes = b"\x93NUMPY\x01\x00".to_vec();
    bytes.extend((header.len() as u16 + 1).to_le_bytes());
    bytes.extend(header.bytes());
    bytes.push(b'\n');
    bytes.extend(data);
    bytes
}

fn described(descr: &str, shape: &str, data: &[u8]) -> Vec<u8> {
    npy(
        &format!("{{'descr': '{descr}', 'fortran_order': False, 'shape': {shape}, }}"),
        data,
    )
}

fn numbers(shape: &str, values: &[f64]) -> Vec<u8> {
    let data: Vec<u8> = values.iter().flat_map(|value| value.to_le_bytes()).collect();
    described("<f8", shape, &data)
}

fn text(text: &str) -> Vec<u8> {
    let data: Vec<u8> = text
        .chars()
        .flat_map(|letter| u32::from(letter).to_le_bytes())
        .collect();
    described(&format!("<U{}", text.chars().count()), "()", &data)
}

/// Returns the entries of a network 2-3-1.
fn network() -> Vec<Entry> {
    vec![
        entry("coefs_0", numbers("(2, 3)", &[1.0, 2.0, 3.0, 4.0, 5.0, 6.0])),
        entry("intercepts_0", numbers("(3,)", &[1.0, 2.0, 3.0])),
        entry("coefs_1", numbers("(3, 1)", &[1.0, -1.0, 2.0])),
        entry("intercepts_1", numbers("(1,)", &[0.5])),
        entry("activation", text("relu")),
        entry("out_activation_", text("identity")),
    ]
}

fn read(bytes: &[u8]) -> Result<Model<Matrix<f64>>, LoadError> {
    npz_from_bytes(bytes)
}

/// Returns the file after a change to its entries.
fn entries(change: impl FnOnce(&mut Vec<Entry>)) -> Vec<u8> {
    let mut entries = network();
    change(&mut entries);
    zip(&entries)
}

/// Returns the file with its second entry deflated, as `np.savez_compressed` writes it, after a change to the entry.
fn compressed(change: impl FnOnce(&mut Entry)) -> Vec<u8> {
    entries(|e| {
        deflate(&mut e[1]);
        change(&mut e[1]);
    })
}

fn deflate(entry: &mut Entry) {
    let mut deflated = DeflateEncoder::new(Vec::new(), Compression::default());
    deflated.write_all(&entry.content).unwrap();
    entry.method = 8;
    entry.length = Some(entry.content.len() as u32);
    entry.checksum = Some(crc32(&entry.content));
    entry.content = deflated.finish().unwrap();
}

#[test]
fn compressed_entries_hold_the_same_network() {
    let (plain, deflated) = (zip(&network()), entries(|e| e.iter_mut().for_each(deflate)));
    assert!(deflated.len() < plain.len());
    assert_eq!(read(&deflated).unwrap(), read(&plain).unwrap());
    assert_eq!(read(&compressed(|_| ())).unwrap(), read(&plain).unwrap());
}

/// Returns the file with another array in place of the first weights.
fn weights(content: Vec<u8>) -> Vec<u8> {
    entries(|e| e[0].content = content)
}

fn headed(header: &str) -> Vec<u8> {
    weights(npy(header, &[0; 48]))
}

/// Returns the file with the bytes `with` at offset `at` of its end record.
fn end(at: usize, with: &[u8]) -> Vec<u8> {
    let mut bytes = zip(&network());
    let start = bytes.len() - 22 + at;
    bytes[start..start + with.len()].copy_from_slice(with);
    bytes
}

fn wide(id: u16, lengths: [u64; 2]) -> Vec<u8> {
    let mut extra = [id.to_le_bytes(), 16_u16.to_le_bytes()].concat();
    extra.extend(lengths.iter().flat_map(|length| length.to_le_bytes()));
    extra
}

/// Returns (what is wrong, the file, the kind of the error, a part of its message) for each malformed file.
fn malformed() -> Vec<(&'static str, Vec<u8>, &'static str, &'static str)> {
    let whole = zip(&network());
    let fields = ["'descr': '<f8'", "'fortran_order': False", "'shape': (2, 3)"];
    let many: Vec<Entry> = (0..4097).map(|i| entry(&format!("coefs_{i}"), vec![])).collect();
    vec![
        ("empty", vec![], "NotThisFormat", "end record"),
        (
            "text",
            b"activation: relu, not an archive at all".to_vec(),
            "NotThisFormat",
            "end record",
        ),
        (
            "trailing byte",
            [&whole[..], &[0]].concat(),
            "NotThisFormat",
            "end record",
        ),
        (
            "comment",
            [&end(20, &[2, 0]), &b"hi"[..]].concat(),
            "Unsupported",
            "zip archive: expected no comment, got one of 2 bytes",
        ),
        (
            "leading byte",
            [&[0], &whole[..]].concat(),
            "Malformed",
            "list of entries",
        ),
        ("two volumes", end(4, &[1, 0]), "Unsupported", "single volume"),
        ("counts that differ", end(8, &[5, 0]), "Unsupported", "single volume"),
        ("64-bit archive", end(8, &[255; 12]), "Unsupported", "4 GiB"),
        (
            "64-bit end record",
            {
                let (entries, last) = whole.split_at(whole.len() - 22);
                let wide = [&b"PK\x06\x06"[..], &[0; 52], b"PK\x06\x07", &[0; 16]].concat();
                [entries, &wide, last].concat()
            },
            "Unsupported",
            "zip64",
        ),
        (
            "fewer entries than listed",
            end(8, &[5, 0, 5, 0]),
            "Malformed",
            "list of entries",
        ),
        (
            "more entries than listed",
            end(8, &[7, 0, 7, 0]),
            "Malformed",
            "header of an entry",
        ),
        (
            "list beyond the file",
            end(12, &[0, 0, 1, 0]),
            "Malformed",
            "list of entries",
        ),
        ("no entries", zip(&[]), "DoesNotFit", "activation"),
        (
            "too many entries",
            zip(&many),
            "Unsupported",
            "at most 4096 entries, got 4097",
        ),
        (
            "gap",
            entries(|e| e[2].gap = 3),
            "Malformed",
            "coefs_1: expected at byte",
        ),
        (
            "gap before the list",
            {
                let mut all = network();
                let last = all.last_mut().unwrap();
                last.listed_length = Some(last.content.len() as u32 - 4);
                zip(&all)
            },
            "Malformed",
            "length",
        ),
        (
            "one entry over another",
            entries(|e| e[2].listed_offset = Some(0)),
            "Malformed",
            "got byte 0",
        ),
        (
            "entry beyond the list",
            entries(|e| e[0].listed_offset = Some(u32::MAX)),
            "Malformed",
            "coefs_0",
        ),
        (
            "names that differ",
            entries(|e| e[0].listed_name = Some("coefs_9.npy".into())),
            "Malformed",
            "list, got `coefs_0.npy` and `coefs_9.npy`",
        ),
        (
            "longer in the list",
            entries(|e| e[0].listed_length = Some(1 << 30)),
            "Malformed",
            "bytes and 1073741824 of 1073741824 bytes",
        ),
        (
            "checksums that differ",
            entries(|e| e[0].listed_checksum = Some(1)),
            "Malformed",
            " and 0x1",
        ),
        (
            "wrong checksum",
            entries(|e| e[0].checksum = Some(7)),
            "Malformed",
            "coefs_0: expected the checksum 00000007",
        ),
        (
            "wrong checksum of a text",
            entries(|e| e[4].checksum = Some(7)),
            "Malformed",
            "activation",
        ),
        (
            "deflated in name only",
            entries(|e| e[1].method = 8),
            "Malformed",
            "intercepts_0: expected 92 bytes of compressed data, got invalid data",
        ),
        (
            "bzip2",
            entries(|e| e[1].method = 12),
            "Unsupported",
            "intercepts_0: expected an entry stored (0) or deflated (8), got compression method 12",
        ),
        (
            "deflated, cut",
            compressed(|e| e.content.truncate(40)),
            "Malformed",
            "bytes of compressed data, got invalid data",
        ),
        (
            "deflated, longer",
            compressed(|e| e.content.push(0)),
            "Malformed",
            "bytes of compressed data, got more",
        ),
        (
            "deflated, expands",
            compressed(|e| e.length = Some(400_000)),
            "Unsupported",
            "bytes after decompression, got 400",
        ),
        (
            "deflated, shorter than it says",
            compressed(|e| e.length = Some(93)),
            "Malformed",
            "intercepts_0: expected 24 bytes of elements, got 25",
        ),
        (
            "deflated, longer than it says",
            compressed(|e| e.length = Some(91)),
            "Malformed",
            "intercepts_0: expected 24 bytes of elements, got 23",
        ),
        ("encrypted", entries(|e| e[0].flags = 1), "Unsupported", "0x0001"),
        ("streamed", entries(|e| e[0].flags = 8), "Unsupported", "0x0008"),
        (
            "extra field",
            entries(|e| e[0].extra = vec![9, 0, 0, 0]),
            "Unsupported",
            "coefs_0",
        ),
        (
            "wide lengths of another kind",
            entries(|e| e[0].extra = wide(2, [1, 1])),
            "Unsupported",
            "coefs_0",
        ),
        (
            "extra field in the list",
            entries(|e| e[0].listed_extra = vec![9, 0, 0, 0]),
            "Unsupported",
            "coefs_0",
        ),
        (
            "not .npy",
            entries(|e| e[0].name = "coefs_0".into()),
            "DoesNotFit",
            "coefs_0",
        ),
        (
            "path",
            entries(|e| e[0].name = "../coefs_0.npy".into()),
            "DoesNotFit",
            "../coefs_0",
        ),
        (
            "unknown entry",
            entries(|e| e.push(entry("loss_curve_", text("x")))),
            "DoesNotFit",
            "loss_curve_",
        ),
        (
            "leading zero",
            entries(|e| e[2].name = "coefs_01.npy".into()),
            "DoesNotFit",
            "coefs_01",
        ),
        (
            "number too large",
            entries(|e| e[2].name = "coefs_99999999999999999999.npy".into()),
            "DoesNotFit",
            "coefs_9999",
        ),
        (
            "no number",
            entries(|e| e[2].name = "coefs_.npy".into()),
            "DoesNotFit",
            "coefs_",
        ),
        ("duplicate", entries(|e| e.push(e[0].clone())), "Malformed", "coefs_0"),
        (
            "no activation",
            entries(|e| drop(e.remove(4))),
            "DoesNotFit",
            "activation",
        ),
        (
            "no output activation",
            entries(|e| drop(e.remove(5))),
            "DoesNotFit",
            "out_activation_",
        ),
        ("no weights", entries(|e| drop(e.remove(0))), "DoesNotFit", "coefs_0"),
        ("no bias", entries(|e| drop(e.remove(3))), "DoesNotFit", "intercepts_1"),
        (
            "layers with a hole",
            entries(|e| e[2].name = "coefs_7.npy".into()),
            "DoesNotFit",
            "coefs_1",
        ),
        ("short entry", weights(vec![0x93]), "Unsupported", "got 1 bytes"),
        (
            "another magic number",
            weights(b"\x93NUMPZ\x01\x00\x01\x00\n".to_vec()),
            "Unsupported",
            r"got `\x93NUMPZ\x01\x00\x01\x00`",
        ),
        (
            "version 2",
            weights(b"\x93NUMPY\x02\x00\x01\x00\x00\x00\n".to_vec()),
            "Unsupported",
            "version 1.0",
        ),
        (
            "header beyond the entry",
            weights(b"\x93NUMPY\x01\x00\xff\x0f{}\n".to_vec()),
            "Malformed",
            "got 4095",
        ),
        (
            "header over the limit",
            headed(&" ".repeat(10_001)),
            "Malformed",
            "at most 10000",
        ),
        ("no dictionary", headed("[1, 2]"), "Malformed", "got `[1, 2]`"),
        (
            "no shape",
            headed(&format!("{{{}, {}}}", fields[0], fields[1])),
            "Malformed",
            "shape",
        ),
        (
            "a key twice",
            headed(&format!(
                "{{{}, {}, {}, {}}}",
                fields[0], fields[1], fields[2], fields[2]
            )),
            "Malformed",
            "each once",
        ),
        (
            "unknown key",
            headed(&format!("{{{}, {}, {}, 'order': 1}}", fields[0], fields[1], fields[2])),
            "Malformed",
            "each once",
        ),
        (
            "negative dimension",
            weights(numbers("(-2, -3)", &[0.0; 6])),
            "Malformed",
            "coefs_0",
        ),
        (
            "dimension of 2^64",
            weights(numbers("(18446744073709551616, 3)", &[0.0; 6])),
            "Malformed",
            "coefs_0",
        ),
        (
            "brackets without end",
            headed(&"(".repeat(9_999)),
            "Malformed",
            "coefs_0",
        ),
        (
            "structured elements",
            headed("{'descr': [('w', '<f8')], 'fortran_order': False, 'shape': (2, 3), }"),
            "Malformed",
            "coefs_0",
        ),
        (
            "objects",
            weights(described("|O", "(2, 3)", &[0; 48])),
            "Unsupported",
            "pickled",
        ),
        (
            "text of objects",
            entries(|e| e[4].content = described("|O", "()", &[0; 8])),
            "Unsupported",
            "activation",
        ),
        (
            "f4 for f8",
            weights(described("<f4", "(2, 3)", &[0; 24])),
            "Dtype",
            "expected elements of type <f8, got <f4",
        ),
        (
            "big-endian",
            weights(described(">f8", "(2, 3)", &[0; 48])),
            "Dtype",
            "got >f8",
        ),
        (
            "integers",
            weights(described("<i8", "(2, 3)", &[0; 48])),
            "Dtype",
            "got <i8",
        ),
        (
            "half precision bias",
            entries(|e| e[1].content = described("<f2", "(3,)", &[0; 6])),
            "Dtype",
            "intercepts_0",
        ),
        (
            "weights of one dimension",
            weights(numbers("(6,)", &[0.0; 6])),
            "DoesNotFit",
            "expected 2 dimensions, got 1",
        ),
        (
            "weights of three",
            weights(numbers("(1, 2, 3)", &[0.0; 6])),
            "DoesNotFit",
            "expected 2 dimensions, got 3",
        ),
        (
            "bias of two",
            entries(|e| e[1].content = numbers("(1, 3)", &[0.0; 3])),
            "DoesNotFit",
            "expected 1 dimensions, got 2",
        ),
        (
            "list of texts",
            entries(|e| e[4].content = described("<U4", "(1,)", &[0; 16])),
            "DoesNotFit",
            "activation",
        ),
        ("no outputs", weights(numbers("(2, 0)", &[])), "DoesNotFit", "coefs_0"),
        ("no inputs", weights(numbers("(0, 3)", &[])), "DoesNotFit", "coefs_0"),
        (
            "bias that does not fit",
            entries(|e| e[1].content = numbers("(2,)", &[0.0; 2])),
            "DoesNotFit",
            "expected 3 outputs, got 2",
        ),
        (
            "layers that do not chain",
            entries(|e| e[2].content = numbers("(4, 1)", &[0.0; 4])),
            "DoesNotFit",
            "coefs_1: expected 3 inputs, got 4",
        ),
        (
            "elements missing",
            weights(numbers("(2, 3)", &[0.0; 5])),
            "Malformed",
            "expected 48 bytes of elements, got 40",
        ),
        (
            "elements over",
            weights(numbers("(2, 3)", &[0.0; 7])),
            "Malformed",
            "got 56",
        ),
        (
            "a shape whose product overflows",
            weights(numbers("(4294967296, 4294967296)", &[])),
            "Malformed",
            "expected 147573952589676412928 bytes",
        ),
        (
            "a shape of exabytes",
            weights(numbers("(2, 1152921504606846975)", &[0.0; 6])),
            "Malformed",
            "got 48",
        ),
        (
            "NaN",
            weights(numbers("(2, 3)", &[0.0, 1.0, f64::NAN, 0.0, 0.0, 0.0])),
            "NotFinite",
            "got NaN as element 2",
        ),
        (
            "infinity",
            entries(|e| e[3].content = numbers("(1,)", &[f64::NEG_INFINITY])),
            "NotFinite",
            "intercepts_1",
        ),
        (
            "activation of bytes",
            entries(|e| e[4].content = described("|S4", "()", b"relu")),
            "Dtype",
            "text (<U), got |S4",
        ),
        (
            "long text",
            entries(|e| e[4].content = text(&"r".repeat(17))),
            "Unsupported",
            "activation: expected the name of an activation, got 17 letters",
        ),
        (
            "text of 2^62 letters",
            entries(|e| e[4].content = described("<U4611686018427387904", "()", &[])),
            "Unsupported",
            "activation",
        ),
        (
            "text that is too short",
            entries(|e| e[4].content = described("<U4", "()", b"r\0\0\0")),
            "Malformed",
            "activation",
        ),
        (
            "no letter",
            entries(|e| e[4].content = described("<U1", "()", &[0, 0, 17, 0])),
            "Unsupported",
            "got the character 0x110000",
        ),
        (
            "unknown activation",
            entries(|e| e[4].content = text("gelu")),
            "Unsupported",
            "got \"gelu\"",
        ),
        (
            "empty activation",
            entries(|e| e[4].content = text("")),
            "Unsupported",
            "got \"\"",
        ),
        (
            "unknown output",
            entries(|e| e[5].content = text("exp")),
            "Unsupported",
            "identity, logistic, softmax, got \"exp\"",
        ),
        (
            "output of hidden layers",
            entries(|e| e[5].content = text("relu")),
            "Unsupported",
            "out_activation_",
        ),
    ]
}

#[test]
fn each_malformed_file_has_its_own_error() {
    let network = read(&zip(&network())).unwrap();
    assert_eq!(
        network.predict(&Matrix::from_columns(&[[1.0, 0.0]])).to_vec(),
        [2.0 - 4.0 + 12.0 + 0.5]
    );
    let mut names = std::collections::BTreeSet::new();
    for (name, bytes, kind, message) in malformed() {
        assert!(names.insert(name), "two cases have the name {name}");
        let error = read(&bytes).expect_err(name);
        let got = format!("{:?}", error.kind);
        assert!(
            got == kind && error.to_string().contains(message),
            "{name}: got {got}: {error}"
        );
    }
    assert!(names.len() >= 80);
}

#[test]
fn a_name_in_a_message_cannot_control_the_terminal() {
    let bytes = entries(|e| e[0].name = "\u{1b}[2J\n".to_owned() + &"x".repeat(200) + ".npy");
    let message = read(&bytes).unwrap_err().to_string();
    assert!(message.starts_with("`\\u{1b}[2J\\nxx"), "{message}");
    assert!(
        message.len() < 200
            && message.ends_with(
                "x…`: unexpected entry; expected only coefs_N, intercepts_N, activation and out_activation_"
            ),
        "{message}"
    );
}

#[test]
fn a_file_cut_off_anywhere_is_refused() {
    let bytes = zip(&network());
    for length in 0..bytes.len() {
        assert!(read(&bytes[..length]).is_err(), "{length} bytes");
    }
    let bytes = super::fixture_bytes("binary_tanh.npz");
    for length in 0..bytes.len() {
        assert!(read(&bytes[..length]).is_err(), "{length} bytes of the fixture");
    }
}

/// The bits that may change without an error are versions, times, and what Python says about files.
#[test]
fn a_changed_bit_is_refused_or_changes_nothing() {
    for bytes in [zip(&network()), super::fixture_bytes("binary_tanh.npz")] {
        let model = read(&bytes).unwrap();
        let mut accepted = 0;
        for bit in 0..8 * bytes.len() {
            let mut changed = bytes.clone();
            changed[bit / 8] ^= 1 << (bit % 8);
            if let Ok(read) = read(&changed) {
                assert_eq!(read, model, "bit {bit}");
                accepted += 1;
            }
        }
        // For each entry, these are 6 bytes of its own header and 16 bytes of the list: versions, times, attributes.
        assert!(accepted <= 8 * 6 * (6 + 16), "{accepted}");
    }
}

#[test]
fn changed_bytes_do_no_harm() {
    let written = npz_to_bytes(&read(&zip(&network())).unwrap()).unwrap();
    let mut state = 1_u64;
    let mut random = |below: usize| {
        state = state
            .wrapping_mul(6_364_136_223_846_793_005)
            .wrapping_add(1_442_695_040_888_963_407);
        (state >> 33) as usize % below
    };
    for _ in 0..20_000 {
        let mut bytes = written.clone();
        for _ in 0..=random(6) {
            let at = random(bytes.len());
            match random(4) {
                0 => bytes[at] = random(256) as u8,
                1 => bytes[at] = [0, 1, 0x7f, 0xff][random(4)],
                2 => drop(bytes.remove(at)),
                _ => bytes.insert(at, random(256) as u8),
            }
        }
        let _ = read(&bytes);
    }
}
