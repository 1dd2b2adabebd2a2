//! Compares the reader with a naive one on every short text, and checks its messages. The buffer is small in tests, so
//! that records cross its end.

use super::*;

/// Returns the first line and the cells of each record, or `None` if a cell is not well formed.
fn naive(text: &[u8]) -> Option<Vec<(usize, Vec<String>)>> {
    #[derive(Clone, Copy, PartialEq)]
    enum State {
        Before,
        Plain,
        Quoted,
        After,
    }
    use State::{After, Before, Plain, Quoted};

    let (mut records, mut i, mut line) = (vec![], 0, 1);
    let ends = |i: usize| text[i] == b'\n' || text[i] == b'\r' && text.get(i + 1) != Some(&b'\n');
    while i < text.len() {
        if is_line_end(&text[i]) {
            line += usize::from(ends(i));
            i += 1;
            continue;
        }
        let (first, mut cells) = (line, vec![]);
        loop {
            let (mut cell, mut state) = (String::new(), Before);
            while i < text.len() && (state == Quoted || !b",\r\n".contains(&text[i])) {
                line += usize::from(ends(i));
                let doubled = text.get(i + 1) == Some(&b'"');
                state = match (state, text[i]) {
                    (Before, b'"') => Quoted,
                    (Quoted, b'"') if !doubled => After,
                    (Plain | After, b'"') | (After, b'1') => return None,
                    (Before | After, b' ') => state,
                    (_, byte) => {
                        cell.push(byte.into());
                        i += usize::from(byte == b'"');
                        if state == Quoted { Quoted } else { Plain }
                    }
                };
                i += 1;
            }
            if state == Quoted {
                return None;
            }
            cells.push(cell.trim_ascii().to_owned());
            if text.get(i) != Some(&b',') {
                break;
            }
            i += 1;
        }
        records.push((first, cells));
    }
    Some(records)
}

/// Reads all records, without a header.
fn read(text: &[u8]) -> Result<Vec<(usize, Vec<String>)>, TableError> {
    let mut csv = Csv::new(Box::new(text), b',')?;
    let (mut records, mut record) = (vec![], Record::default());
    while csv.read(&mut record)? {
        records.push((record.line, record.cells().map(str::to_owned).collect()));
    }
    Ok(records)
}

#[test]
fn every_short_text_is_read_as_a_naive_reader_reads_it() {
    const BYTES: &[u8] = b"1,\"\n\r ";
    for length in 0..=5_u32 {
        for number in 0..BYTES.len().pow(length) {
            let digit = |place| BYTES[number / BYTES.len().pow(place) % BYTES.len()];
            let text: Vec<_> = (0..length).map(digit).collect();
            assert_eq!(read(&text).ok(), naive(&text), "{}", shown(&text));
            // The same across the end of the first buffer.
            let text = [b"1,1\n1,1\n1,1\n1", &text[..]].concat();
            assert_eq!(read(&text).ok(), naive(&text), "{}", shown(&text));
        }
    }
}

#[track_caller]
fn refused(text: impl AsRef<[u8]>) -> String {
    crate::Table::from_csv(text.as_ref()).unwrap_err().to_string()
}

#[track_caller]
fn cells(text: impl AsRef<[u8]>) -> Vec<Vec<String>> {
    read(text.as_ref())
        .unwrap()
        .into_iter()
        .map(|(_, cells)| cells)
        .collect()
}

fn utf16(text: &str, bytes: fn(u16) -> [u8; 2]) -> Vec<u8> {
    text.encode_utf16().flat_map(bytes).collect()
}

#[test]
fn a_quote_that_is_never_closed_is_refused_where_it_opens() {
    const NO_QUOTE: &str = "expected a quote that closes the cell, got the end of the file";
    for (csv, place) in [
        ("a,b\n1,\"2", "line 2, column `b`"),
        ("a,b\n1,2\n3,\"4\n", "line 3, column `b`"),
        ("a,b\n1,2\n3,\"", "line 3, column `b`"),
        ("a,b\n1,2\n\"", "line 3, column `a`"),
        ("a,b\n1,\"2\"\"", "line 2, column `b`"),
        ("a,b\n1,\"2\"\"\n3,4\n", "line 2, column `b`"),
        ("a,\"b\n1,2\n", "line 1: cell 2"),
        ("\u{feff}\"a,b\n1,2\n", "line 1: cell 1"),
        ("a,b\r1,2\r3, \"4\r5,6\r", "line 3, column `b`"),
        ("a,b\r\n\"1\r\n\",\"2\r\n3,4\r\n", "line 3, column `b`"),
        ("sep=;\na;b\n1;\"2\n", "line 3, column `b`"),
    ] {
        assert_eq!(refused(csv), format!("{place}: {NO_QUOTE}"), "{csv:?}");
    }
    let mut long = b"a,b\n1,1\n\"2,3\n".to_vec();
    long.extend(b"4,5\n".repeat(50_000));
    assert_eq!(refused(&long), format!("line 3, column `a`: {NO_QUOTE}"));
}

#[test]
fn a_quote_that_closes_thousands_of_lines_later_is_named() {
    let mut csv = b"a,b\n1,1\n\"2,3\n".to_vec();
    csv.extend(b"4,5\n".repeat(50_000));
    let with = |end: &str| [&csv, end.as_bytes()].concat();
    assert_eq!(
        refused(with("6,7\"\n")),
        "line 3: expected 2 cells as in the header, got 1; a quoted cell joins the lines 3 to 50004"
    );
    assert_eq!(
        refused(with("6,\"7\"\n")),
        "line 3, column `a`: expected `,` or a line end after the quote that closes the cell on line 50004, got `7\"`"
    );
}

#[test]
fn a_cell_that_is_not_well_formed_is_refused_with_the_reason() {
    let after = |line, rest| {
        format!("expected `,` or a line end after the quote that closes the cell on line {line}, got `{rest}`")
    };
    let inner = |cell| format!("expected quotes only around a whole cell, got `{cell}`");
    for (csv, place, expected) in [
        ("a,b\n1,\"2\"3\n", "line 2, column `b`", after(2, "3")),
        ("a,b\n\"1\" \"2\",3\n", "line 2, column `a`", after(2, "\"2\"")),
        ("a,b\n\"1\n\"2,3\n", "line 2, column `a`", after(3, "2")),
        ("\"a\"x,b\n1,2\n", "line 1: cell 1", after(1, "x")),
        ("a,b\n1,2\"\n", "line 2, column `b`", inner("2\"")),
        ("a,b\n1\"2,3\n", "line 2, column `a`", inner("1\"2")),
        ("a,b\n1,2\"\"\n", "line 2, column `b`", inner("2\"\"")),
        ("a,b\n1,=\"2\"\n", "line 2, column `b`", inner("=\"2\"")),
        ("a,b\n1,\\\"2\\\"\n", "line 2, column `b`", inner("\\\"2\\\"")),
        ("a\",b\n1,2\n", "line 1: cell 1", inner("a\"")),
        ("a,b\n\n\r\n1,2\n3,4\"\n", "line 5, column `b`", inner("4\"")),
    ] {
        assert_eq!(refused(csv), format!("{place}: {expected}"), "{csv:?}");
    }
    let long = format!("a,b\n1,2\n3,\"{}\n", "9\"\"".repeat(200_000));
    assert!(refused(long).starts_with("line 3, column `b`: expected a quote that closes the cell"));
}

#[test]
fn every_line_end_counts_as_a_line() {
    for (csv, line) in [
        ("a,b\r1,1\r-1\r", 3),
        ("a,b\r1,1\n-1\r\n", 3),
        ("a,b\r\n1,1\r-1\n", 3),
        ("a,b\n\r1,1\r\r-1", 5),
        ("a,b\r\"1\r\",1\r-1\r", 4),
        ("a,b\n\"1\r\n\",1\n-1\n", 4),
        ("sep=,\ra,b\r1,1\r-1\r", 4),
        ("a,b\r\n\r\n\r\n\r\n\r\n\r\n1,1\r\n-1\r\n", 8),
    ] {
        let message = format!("line {line}: expected 2 cells as in the header, got 1");
        assert_eq!(refused(csv), message, "{csv:?}");
    }
}

#[test]
fn a_file_that_is_not_text_is_refused_by_its_format() {
    let cases: [(&[u8], &str); 8] = [
        (b"\x28\xb5\x2f\xfd\x04\x58", "a Zstandard file, which `unzstd` unpacks"),
        (b"\xfd7zXZ\0\0\x04", "an xz file, which `unxz` unpacks"),
        (b"BZh91AY&SY\x01", "a bzip2 file, which `bunzip2` unpacks"),
        (
            b"PK\x03\x04\x14\0\x06\0",
            "a zip archive, or an .xlsx or .ods workbook; save its table as CSV",
        ),
        (
            b"\xd0\xcf\x11\xe0\xa1\xb1\x1a\xe1",
            "an .xls workbook; save its table as CSV",
        ),
        (b"ARROW1\0\0", "an Arrow file; save its table as Parquet"),
        (
            b"\xff\xfea\0,\0b\0\n",
            "a byte order mark of UTF-16 before bytes that are not UTF-16",
        ),
        (
            b"\xfe\xff\xd8\0\0a",
            "a byte order mark of UTF-16 before bytes that are not UTF-16",
        ),
    ];
    for (bytes, format) in cases {
        let message = refused(bytes);
        assert!(
            message.starts_with("expected a CSV file, which is plain text"),
            "{message}"
        );
        assert!(message.ends_with(format), "{message}");
    }
    let text = "a,b\n1,2\n";
    let utf32 = "\u{feff}a,b\n".chars().flat_map(|c| u32::from(c).to_le_bytes());
    for (bytes, line) in [
        (utf16(text, u16::to_le_bytes), 1),
        (utf16(text, u16::to_be_bytes), 1),
        (utf32.collect(), 1),
        (b"a,b\r1,2\r3,4\r5,6\r7,8\r9\0,4\r".to_vec(), 6),
        (b"a\0,b\n1,2\n".to_vec(), 1),
    ] {
        assert_eq!(
            refused(&bytes),
            format!("line {line}: expected text in UTF-8, or in UTF-16 after a byte order mark, got a NUL byte"),
            "{bytes:?}"
        );
    }
    assert_eq!(
        refused(b"name,b\ncaf\xe9,2\n"),
        "line 2, column `name`: expected text in UTF-8, got `caf\u{fffd}`; save the file as UTF-8"
    );
    // The two bytes of one character in two cells.
    assert!(refused(b"a,b\n\xc3,\xa9\n").starts_with("line 2, column `a`: expected text in UTF-8"));
}

#[test]
fn another_separator_is_told_unless_the_file_names_it() {
    let advice = "set the separator of the reader, or name it by a first line such as `sep=;`";
    let hint = |sep| format!("; cells are separated by `{sep}`: {advice}");
    let ragged = |line| format!("line {line}: expected 2 cells as in the header, got 1");
    assert_eq!(refused("a,b\n1,2\n3;4\n"), ragged(3) + &hint(","));
    assert_eq!(refused("a,b\n1,2\n3\t4\n"), ragged(3) + &hint(","));
    assert_eq!(refused("sep=;\na;b\n1;2\n3,4\n"), ragged(4) + &hint(";"));
    assert_eq!(refused("a,b\n1,2\n3\n"), ragged(3));
    let expected = "expected `,` or a line end after the quote that closes the cell on line 1, got `;\"b\"`";
    assert_eq!(
        refused("\"a\";\"b\"\n1;2\n"),
        format!("line 1: cell 1: {expected}{}", hint(","))
    );
}

#[test]
fn every_form_of_the_same_table_is_read_alike() {
    let plain = cells("a,b\n3,2\n1,10\n");
    let text = "a,b\r\n3,2\r\n1,10\r\n";
    for csv in [
        "a,b\r3,2\r1,10\r",
        "a,b\r\n3,2\n1,10\r",
        "\u{feff}\u{feff}a,b\n3,2\n1,10",
        "\u{feff}\"a\",\"b\"\n\"3\",\"2\"\n\"1\",\"10\"",
        "a,b\n \"3\" ,\t\"2\"\n1,10 ",
        "a,b\n3,2\n\"1\r\",\"\n10\"\n\n",
        "sep=,\na,b\n3,2\n1,10\n",
        "sep=;\r\na;b\r\n3;2\r\n1;10\r\n",
        "\u{feff}sep=\t\ra\tb\r3\t2\r1\t10\r",
        "sep=|\na|b\n3| 2\n1|\"10\"\n",
    ] {
        assert_eq!(cells(csv), plain, "{csv:?}");
    }
    for (mark, bytes) in [
        (b"\xff\xfe", u16::to_le_bytes as fn(u16) -> [u8; 2]),
        (b"\xfe\xff", u16::to_be_bytes),
    ] {
        for text in [text, "sep=\t\r\na\tb\r\n3\t2\r\n1\t10\r\n"] {
            assert_eq!(cells([&mark[..], &utf16(text, bytes)].concat()), plain);
        }
    }
    assert_eq!(
        cells("\"a\"\"\n, ;\",gr\u{f6}\u{df}e\n"),
        [["a\"\n, ;", "gr\u{f6}\u{df}e"]]
    );
}
