//! Checks which CSV files are read and which are refused, by `predict` and `notebook --data`. These regressions are
//! here, not in the workspace's suite, because they belong to the command.

use crate::bad_input::failure;
use crate::models::directory;
use crate::run_in;
use flate2::Compression;
use flate2::write::GzEncoder;
use std::fs;
use std::io::Write;
use std::path::Path;

/// Predicts with a model of two features and returns the message of the failure, without the name of the file.
#[track_caller]
fn refused(directory: &Path, csv: impl AsRef<[u8]>) -> String {
    fs::write(directory.join("t.csv"), csv).unwrap();
    let arguments = ["predict", "--model", "f32.safetensors", "--data", "t.csv"];
    let message = failure(directory, &arguments);
    message.strip_prefix("t.csv: ").expect(&message).to_owned()
}

/// Predicts with a model of two features and returns what is printed.
#[track_caller]
fn read(directory: &Path, csv: impl AsRef<[u8]>) -> String {
    fs::write(directory.join("t.csv"), csv).unwrap();
    let arguments = ["predict", "--model", "f32.safetensors", "--data", "t.csv"];
    let finished = run_in(directory, &arguments);
    assert_eq!((finished.code, finished.stderr.as_str()), (Some(0), ""), "{finished:?}");
    finished.stdout
}

fn gzip(bytes: &[u8]) -> Vec<u8> {
    let mut encoder = GzEncoder::new(vec![], Compression::default());
    encoder.write_all(bytes).unwrap();
    encoder.finish().unwrap()
}

fn utf16(text: &str, bytes: fn(u16) -> [u8; 2]) -> Vec<u8> {
    text.encode_utf16().flat_map(bytes).collect()
}

#[test]
fn a_quote_that_is_never_closed_is_refused_where_it_opens() {
    let directory = directory();
    for (csv, line, column) in [
        ("a,b\n1,\"2", 2, 2),
        ("a,b\n1,2\n3,\"4\n", 3, 2),
        ("a,b\n1,\"25", 2, 2),
        ("a,b\n1,2\n3,\"", 3, 2),
        ("a,b\n1,2\n\"", 3, 1),
        ("a,b\n1,\"2\"\"", 2, 2),
        ("a,b\n1,\"2\"\"\n3,4\n", 2, 2),
        ("a,\"b\n1,2\n", 1, 2),
        ("\u{feff}\"a,b\n1,2\n", 1, 1),
        ("a,b\r1,2\r3, \"4\r5,6\r", 3, 2),
        ("a,b\r\n\"1\r\n\",\"2\r\n3,4\r\n", 3, 2),
        ("sep=;\na;b\n1;\"2\n", 3, 2),
    ] {
        assert_eq!(
            refused(directory.path(), csv),
            format!("line {line}, column {column}: expected a quote that closes the cell, got the end of the file"),
            "{csv:?}"
        );
    }
    let mut long = b"a,b\n1,1\n\"2,3\n".to_vec();
    long.extend(b"4,5\n".repeat(500_000));
    let message = "line 3, column 1: expected a quote that closes the cell, got the end of the file";
    assert_eq!(refused(directory.path(), &long), message);

    fs::write(directory.path().join("t.csv"), "x,y\n1,\"2").unwrap();
    assert_eq!(
        failure(directory.path(), &["notebook", "--data", "t.csv"]),
        "t.csv: line 2, column 2: expected a quote that closes the cell, got the end of the file"
    );
}

#[test]
fn a_quote_that_closes_millions_of_lines_later_is_named() {
    let directory = directory();
    let mut csv = b"a,b\n1,1\n\"2,3\n".to_vec();
    csv.extend(b"4,5\n".repeat(500_000));
    let with = |end: &str| [&csv, end.as_bytes()].concat();
    assert_eq!(
        refused(directory.path(), with("6,7\"\n")),
        "line 3, column 2 (`b`): expected 2 cells as in the header, got 1; a quoted cell joins the lines 3 to 500004"
    );
    assert_eq!(
        refused(directory.path(), with("6,\"7\"\n")),
        "line 3, column 1: expected `,` or a line end after the quote that closes the cell on line 500004, got `7\"`"
    );
    assert_eq!(
        refused(directory.path(), with("6,\",7\n")),
        format!(
            "line 3, column 1 (`a`): expected a number, got `2,3{}\\n…`; a quoted cell joins the lines 3 to 500004",
            "\\n4,5".repeat(14)
        )
    );
}

#[test]
fn a_cell_that_is_not_well_formed_is_refused_with_the_reason() {
    let directory = directory();
    let after = |line, rest| {
        format!("expected `,` or a line end after the quote that closes the cell on line {line}, got `{rest}`")
    };
    let inner = |cell| format!("expected quotes only around a whole cell, got `{cell}`");
    for (csv, place, expected) in [
        ("a,b\n1,\"2\"3\n", "line 2, column 2", after(2, "3")),
        ("a,b\n\"1\"2,3\n", "line 2, column 1", after(2, "2")),
        ("a,b\n\"1\" \"2\",3\n", "line 2, column 1", after(2, "\"2\"")),
        ("a,b\n\"1\n\"2,3\n", "line 2, column 1", after(3, "2")),
        ("\"a\"x,b\n1,2\n", "line 1, column 1", after(1, "x")),
        ("a,b\n1,2\"\n", "line 2, column 2", inner("2\"")),
        ("a,b\n1\"2,3\n", "line 2, column 1", inner("1\"2")),
        ("a,b\n1,2\"\"\n", "line 2, column 2", inner("2\"\"")),
        ("a,b\n1,=\"2\"\n", "line 2, column 2", inner("=\"2\"")),
        ("a,b\n1,\\\"2\\\"\n", "line 2, column 2", inner("\\\"2\\\"")),
        ("a\",b\n1,2\n", "line 1, column 1", inner("a\"")),
        ("a,b\n\n\r\n1,2\n3,4\"\n", "line 5, column 2", inner("4\"")),
    ] {
        assert_eq!(
            refused(directory.path(), csv),
            format!("{place}: {expected}"),
            "{csv:?}"
        );
    }
    for (csv, got) in [
        ("a,b\n1,\"\"\n", "an empty cell"),
        ("a,b\n1,\"\"\"2\"\"\"\n", "`\"2\"`"),
        ("a,b\n1,'2'\n", "`'2'`"),
        ("a,b\n1,\"1,5\"\n", "`1,5`"),
        ("a,b\n1,\u{201c}2\u{201d}\n", "`\u{201c}2\u{201d}`"),
        ("a,b\n1,2\u{2028}3\n", "`2\u{2028}3`"),
    ] {
        assert_eq!(
            refused(directory.path(), csv),
            format!("line 2, column 2 (`b`): expected a number, got {got}"),
            "{csv:?}"
        );
    }
    let long = format!("a,b\n1,2\n3,{}\n", "9x".repeat(2_500_000));
    let message = refused(directory.path(), long);
    assert!(message.starts_with("line 3, column 2 (`b`): expected a number, got `9x9x"));
    assert!(message.len() < 200, "{message}");
    let long = format!("a,b\n1,2\n3,\"{}\n", "9\"\"".repeat(2_000_000));
    let message = "line 3, column 2: expected a quote that closes the cell, got the end of the file";
    assert_eq!(refused(directory.path(), long), message);
}

#[test]
fn every_line_end_counts_as_a_line() {
    let directory = directory();
    for (csv, line) in [
        ("a,b\r1,1\r-1,x\r", 3),
        ("a,b\r1,1\n-1,x\r\n", 3),
        ("a,b\r\n1,1\r-1,x\n", 3),
        ("a,b\n\r1,1\r\r-1,x", 5),
        ("a,b\r\"1\r\",1\r-1,x\r", 4),
        ("a,b\n\"1\r\n\",1\n-1,x\n", 4),
        ("sep=,\ra,b\r1,1\r-1,x\r", 4),
    ] {
        assert_eq!(
            refused(directory.path(), csv),
            format!("line {line}, column 2 (`b`): expected a number, got `x`"),
            "{csv:?}"
        );
    }
    let message = "line 3, column 2 (`b`): expected a number, got `x`";
    assert_eq!(refused(directory.path(), gzip(b"a,b\r1,1\r-1,x\r")), message);
    fs::write(directory.path().join("t.csv"), "x,y\r1,1\r-1,z\r").unwrap();
    assert_eq!(
        failure(directory.path(), &["notebook", "--data", "t.csv"]),
        "t.csv: line 3, column 2 (`y`): expected a number, got `z`"
    );
}

#[test]
fn a_file_that_is_not_text_is_refused_by_its_format() {
    let directory = directory();
    let twice = gzip(&gzip(b"a,b\n1,2\n"));
    let cases: [(&[u8], &str); 10] = [
        (&twice, "a gzip file within another one"),
        (
            &gzip(b"PK\x03\x04"),
            "a zip archive, or an .xlsx or .ods workbook; save its table as CSV",
        ),
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
        (b"PAR1\x15\x04\x15PAR1", "a Parquet file; save its table as CSV"),
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
        let expected = format!("expected a CSV file, which is plain text, got {format}");
        assert_eq!(refused(directory.path(), bytes), expected, "{bytes:?}");
    }
    let mut damaged = gzip(b"a,b\n1,2\n");
    *damaged.last_mut().unwrap() ^= 1;
    let mut longer = gzip(b"a,b\n1,2\n");
    longer.push(0);
    for bytes in [&b"\x1f\x8b"[..], &twice[..20], &damaged, &longer] {
        let message = refused(directory.path(), bytes);
        assert!(message.starts_with("cannot be read: "), "{message}");
    }
    let text = "a,b\n1,2\n";
    let utf32 = "\u{feff}a,b\n".chars().flat_map(|c| u32::from(c).to_le_bytes());
    for (bytes, line) in [
        (utf16(text, u16::to_le_bytes), 1),
        (utf16(text, u16::to_be_bytes), 1),
        (utf32.collect(), 1),
        (b"a,b\r1,2\r3,4\0\r".to_vec(), 3),
        (b"a\0,b\n1,2\n".to_vec(), 1),
    ] {
        assert_eq!(
            refused(directory.path(), &bytes),
            format!("line {line}: expected text in UTF-8, or in UTF-16 after a byte order mark, got a NUL byte"),
            "{bytes:?}"
        );
    }
    for empty in ["", "\u{feff}", "\r\n\r", "sep=;", "sep=;\n\n"] {
        assert_eq!(
            refused(directory.path(), empty),
            "expected a header such as `x1,x2`, got an empty file",
            "{empty:?}"
        );
    }
    for header in ["a,b", "a,b\r", "\u{feff}sep=;\na;b\n\n"] {
        let expected = "expected at least one sample, got only a header";
        assert_eq!(refused(directory.path(), header), expected, "{header:?}");
    }
}

#[test]
fn another_separator_is_told_unless_the_file_names_it() {
    let directory = directory();
    let hint =
        |separator| format!("; cells are separated by `{separator}`, or by what a first line such as `sep=;` names");
    for (csv, shown, separator) in [
        ("a;b\n1;2\n", "a;b", ","),
        ("a\tb\n1\t2\n", "a\\tb", ","),
        ("a|b\n1|2\n", "a|b", ","),
        ("a;b\n1,2\n", "a;b", ","),
        ("sep=;\na,b\n1,2\n", "a,b", ";"),
        ("sep=\t\na;b\n1;2\n", "a;b", "\\t"),
    ] {
        let line = if csv.starts_with("sep") { 2 } else { 1 };
        let hint = hint(separator);
        assert_eq!(
            refused(directory.path(), csv),
            format!("line {line}: expected 2 columns, one per input of f32.safetensors, got 1: `{shown}`{hint}"),
            "{csv:?}"
        );
    }
    let ragged = "line 3, column 2 (`b`): expected 2 cells as in the header, got 1";
    assert_eq!(
        refused(directory.path(), "a,b\n1,2\n3;4\n"),
        format!("{ragged}{}", hint(","))
    );
    assert_eq!(
        refused(directory.path(), "sep=|\na|b\n3,4\n"),
        format!("{ragged}{}", hint("|"))
    );
    assert_eq!(
        refused(directory.path(), "sep=:\na:b\n1:2\n"),
        "line 1: expected 2 columns, one per input of f32.safetensors, got 1: `sep=:`"
    );
    assert_eq!(
        refused(directory.path(), "sep=;\na;b\n1,5;2\n"),
        "line 3, column 1 (`a`): expected a number, got `1,5`"
    );
    for (csv, rest, separator) in [
        ("\"a\";\"b\"\n1;2\n", ";\"b\"", ","),
        ("\"a\"\t\"b\"\n1\t2\n", "\"b\"", ","),
        ("sep=;\n\"a\",\"b\"\n1,2\n", ",\"b\"", ";"),
    ] {
        let line = if csv.starts_with("sep") { 2 } else { 1 };
        let expected = format!("`{separator}` or a line end after the quote that closes the cell on line {line}");
        let hint = hint(separator);
        assert_eq!(
            refused(directory.path(), csv),
            format!("line {line}, column 1: expected {expected}, got `{rest}`{hint}"),
            "{csv:?}"
        );
    }
    fs::write(directory.path().join("t.csv"), "x;y\n1;2\n").unwrap();
    assert_eq!(
        failure(directory.path(), &["notebook", "--data", "t.csv"]),
        format!(
            "t.csv: line 1: expected a column whose name starts with `y` (target), got only `x;y`{}",
            hint(",")
        )
    );
}

#[test]
fn every_form_of_the_same_table_is_read_alike() {
    let directory = directory();
    let plain = read(directory.path(), "a,b\n3,2\n1,10\n");
    let text = "a,b\r\n3,2\r\n1,10\r\n";
    for csv in [
        "a,b\r3,2\r1,10\r",
        "a,b\r\n3,2\n1,10\r",
        "\u{feff}\u{feff}a,b\n3,2\n1,10",
        "\u{feff}\"a\",\"b\"\n\"3\",\"2\"\n\"1\",\"10\"",
        "\"a\"\"\n, ;\",b\n \"3\" ,\t\"2\"\n1,10 ",
        "a,b\n3,2\n\"1\r\",\"\n10\"\n\n",
        "sep=,\na,b\n3,2\n1,10\n",
        "sep=;\r\na;b\r\n3;2\r\n1;10\r\n",
        "\u{feff}sep=\t\ra\tb\r3\t2\r1\t10\r",
        "sep=|\na|b,c\n3| 2\n1|\"10\"\n",
        "gr\u{f6}\u{df}e,\u{1f600}\n3,2\n1,10\n",
    ] {
        assert_eq!(read(directory.path(), csv), plain, "{csv:?}");
    }
    for (mark, bytes) in [
        (b"\xff\xfe", u16::to_le_bytes as fn(u16) -> [u8; 2]),
        (b"\xfe\xff", u16::to_be_bytes),
    ] {
        for text in [text, "sep=\t\r\na\t\u{1f600}\r\n3\t2\r\n1\t10\r\n"] {
            let csv = [&mark[..], &utf16(text, bytes)].concat();
            assert_eq!(read(directory.path(), csv), plain);
        }
    }
    for csv in ["a,b\n3,2\n1,10\n", "\u{feff}sep=;\ra;b\r3;2\r1;10"] {
        assert_eq!(read(directory.path(), gzip(csv.as_bytes())), plain);
    }
    let wide = [&b"\xff\xfe"[..], &utf16(text, u16::to_le_bytes)].concat();
    assert_eq!(read(directory.path(), gzip(&wide)), plain);
    // `cat` of two compressed files.
    let members = [gzip(b"a,b\n3,"), gzip(b"2\n1,10\n")].concat();
    assert_eq!(read(directory.path(), members), plain);
    // Names that are not UTF-8 do not matter where a model has no names.
    assert_eq!(read(directory.path(), b"gr\xf6\xdfe,b\n3,2\n1,10\n"), plain);
}
