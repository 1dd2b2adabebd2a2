//! Checks which CSV files are read and which are refused, by `notebook --data`.

use crate::bad_input::failure;
use crate::run_in;
use flate2::Compression;
use flate2::write::GzEncoder;
use std::fs;
use std::io::Write;
use std::path::Path;

/// Reads samples of a feature and a target and returns the message of the failure, without the name of the file.
#[track_caller]
fn refused(directory: &Path, csv: impl AsRef<[u8]>) -> String {
    fs::write(directory.join("t.csv"), csv).unwrap();
    let message = failure(directory, &["notebook", "--data", "t.csv", "--dtype", "f32"]);
    message.strip_prefix("t.csv: ").expect(&message).to_owned()
}

/// Trains on samples of a feature and a target and returns what is printed.
#[track_caller]
fn read(directory: &Path, csv: impl AsRef<[u8]>) -> String {
    fs::write(directory.join("t.csv"), csv).unwrap();
    let arguments = ["notebook", "--layers", "1,2,1", "--data", "t.csv", "--epochs", "1"];
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
    let directory = tempfile::tempdir().unwrap();
    for (csv, line, column) in [
        ("x,y\n1,\"2", 2, 2),
        ("x,y\n1,2\n3,\"4\n", 3, 2),
        ("x,y\n1,\"25", 2, 2),
        ("x,y\n1,2\n3,\"", 3, 2),
        ("x,y\n1,2\n\"", 3, 1),
        ("x,y\n1,\"2\"\"", 2, 2),
        ("x,y\n1,\"2\"\"\n3,4\n", 2, 2),
        ("x,\"y\n1,2\n", 1, 2),
        ("\u{feff}\"x,y\n1,2\n", 1, 1),
        ("x,y\r1,2\r3, \"4\r5,6\r", 3, 2),
        ("x,y\r\n\"1\r\n\",\"2\r\n3,4\r\n", 3, 2),
        ("sep=;\nx;y\n1;\"2\n", 3, 2),
    ] {
        assert_eq!(
            refused(directory.path(), csv),
            format!("line {line}, column {column}: expected a quote that closes the cell, got the end of the file"),
            "{csv:?}"
        );
    }
    let mut long = b"x,y\n1,1\n\"2,3\n".to_vec();
    long.extend(b"4,5\n".repeat(500_000));
    let message = "line 3, column 1: expected a quote that closes the cell, got the end of the file";
    assert_eq!(refused(directory.path(), &long), message);
}

#[test]
fn a_quote_that_closes_millions_of_lines_later_is_named() {
    let directory = tempfile::tempdir().unwrap();
    let mut csv = b"x,y\n1,1\n\"2,3\n".to_vec();
    csv.extend(b"4,5\n".repeat(500_000));
    let with = |end: &str| [&csv, end.as_bytes()].concat();
    assert_eq!(
        refused(directory.path(), with("6,7\"\n")),
        "line 3, column 2 (`y`): expected 2 cells as in the header, got 1; a quoted cell joins the lines 3 to 500004"
    );
    assert_eq!(
        refused(directory.path(), with("6,\"7\"\n")),
        "line 3, column 1: expected `,` or a line end after the quote that closes the cell on line 500004, got `7\"`"
    );
    assert_eq!(
        refused(directory.path(), with("6,\",7\n")),
        format!(
            "line 3, column 1 (`x`): expected a number, got `2,3{}\\n…`; a quoted cell joins the lines 3 to 500004",
            "\\n4,5".repeat(14)
        )
    );
}

#[test]
fn a_cell_that_is_not_well_formed_is_refused_with_the_reason() {
    let directory = tempfile::tempdir().unwrap();
    let after = |line, rest| {
        format!("expected `,` or a line end after the quote that closes the cell on line {line}, got `{rest}`")
    };
    let inner = |cell| format!("expected quotes only around a whole cell, got `{cell}`");
    for (csv, place, expected) in [
        ("x,y\n1,\"2\"3\n", "line 2, column 2", after(2, "3")),
        ("x,y\n\"1\"2,3\n", "line 2, column 1", after(2, "2")),
        ("x,y\n\"1\" \"2\",3\n", "line 2, column 1", after(2, "\"2\"")),
        ("x,y\n\"1\n\"2,3\n", "line 2, column 1", after(3, "2")),
        ("\"x\"x,y\n1,2\n", "line 1, column 1", after(1, "x")),
        ("x,y\n1,2\"\n", "line 2, column 2", inner("2\"")),
        ("x,y\n1\"2,3\n", "line 2, column 1", inner("1\"2")),
        ("x,y\n1,2\"\"\n", "line 2, column 2", inner("2\"\"")),
        ("x,y\n1,=\"2\"\n", "line 2, column 2", inner("=\"2\"")),
        ("x,y\n1,\\\"2\\\"\n", "line 2, column 2", inner("\\\"2\\\"")),
        ("x\",y\n1,2\n", "line 1, column 1", inner("x\"")),
        ("x,y\n\n\r\n1,2\n3,4\"\n", "line 5, column 2", inner("4\"")),
    ] {
        assert_eq!(
            refused(directory.path(), csv),
            format!("{place}: {expected}"),
            "{csv:?}"
        );
    }
    for (csv, got) in [
        ("x,y\n1,\"\"\n", "an empty cell"),
        ("x,y\n1,\"\"\"2\"\"\"\n", "`\"2\"`"),
        ("x,y\n1,'2'\n", "`'2'`"),
        ("x,y\n1,\"1,5\"\n", "`1,5`"),
        ("x,y\n1,\u{201c}2\u{201d}\n", "`\u{201c}2\u{201d}`"),
        ("x,y\n1,2\u{2028}3\n", "`2\u{2028}3`"),
    ] {
        assert_eq!(
            refused(directory.path(), csv),
            format!("line 2, column 2 (`y`): expected a number, got {got}"),
            "{csv:?}"
        );
    }
    let long = format!("x,y\n1,2\n3,{}\n", "9x".repeat(2_500_000));
    let message = refused(directory.path(), long);
    assert!(message.starts_with("line 3, column 2 (`y`): expected a number, got `9x9x"));
    assert!(message.len() < 200, "{message}");
    let long = format!("x,y\n1,2\n3,\"{}\n", "9\"\"".repeat(2_000_000));
    let message = "line 3, column 2: expected a quote that closes the cell, got the end of the file";
    assert_eq!(refused(directory.path(), long), message);
}

#[test]
fn every_line_end_counts_as_a_line() {
    let directory = tempfile::tempdir().unwrap();
    for (csv, line) in [
        ("x,y\r1,1\r-1,x\r", 3),
        ("x,y\r1,1\n-1,x\r\n", 3),
        ("x,y\r\n1,1\r-1,x\n", 3),
        ("x,y\n\r1,1\r\r-1,x", 5),
        ("x,y\r\"1\r\",1\r-1,x\r", 4),
        ("x,y\n\"1\r\n\",1\n-1,x\n", 4),
        ("sep=,\rx,y\r1,1\r-1,x\r", 4),
    ] {
        assert_eq!(
            refused(directory.path(), csv),
            format!("line {line}, column 2 (`y`): expected a number, got `x`"),
            "{csv:?}"
        );
    }
    let message = "line 3, column 2 (`y`): expected a number, got `x`";
    assert_eq!(refused(directory.path(), gzip(b"x,y\r1,1\r-1,x\r")), message);
}

#[test]
fn a_file_that_is_not_text_is_refused_by_its_format() {
    let directory = tempfile::tempdir().unwrap();
    let twice = gzip(&gzip(b"x,y\n1,2\n"));
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
    let mut damaged = gzip(b"x,y\n1,2\n");
    *damaged.last_mut().unwrap() ^= 1;
    let mut longer = gzip(b"x,y\n1,2\n");
    longer.push(0);
    for bytes in [&b"\x1f\x8b"[..], &twice[..20], &damaged, &longer] {
        let message = refused(directory.path(), bytes);
        assert!(message.starts_with("cannot be read: "), "{message}");
    }
    let text = "x,y\n1,2\n";
    let utf32 = "\u{feff}x,y\n".chars().flat_map(|c| u32::from(c).to_le_bytes());
    for (bytes, line) in [
        (utf16(text, u16::to_le_bytes), 1),
        (utf16(text, u16::to_be_bytes), 1),
        (utf32.collect(), 1),
        (b"x,y\r1,2\r3,4\0\r".to_vec(), 3),
        (b"x\0,y\n1,2\n".to_vec(), 1),
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
            "expected a header such as `x,y`, got an empty file",
            "{empty:?}"
        );
    }
    for header in ["x,y", "x,y\r", "\u{feff}sep=;\nx;y\n\n"] {
        let expected = "expected at least one sample, got only a header";
        assert_eq!(refused(directory.path(), header), expected, "{header:?}");
    }
}

#[test]
fn another_separator_is_told_unless_the_file_names_it() {
    let directory = tempfile::tempdir().unwrap();
    let hint =
        |separator| format!("; cells are separated by `{separator}`, or by what a first line such as `sep=;` names");
    for (csv, shown, separator) in [
        ("x;y\n1;2\n", "x;y", ","),
        ("x\ty\n1\t2\n", "x\\ty", ","),
        ("x|y\n1|2\n", "x|y", ","),
        ("x;y\n1,2\n", "x;y", ","),
        ("sep=;\nx,y\n1,2\n", "x,y", ";"),
        ("sep=\t\nx;y\n1;2\n", "x;y", "\\t"),
    ] {
        let line = if csv.starts_with("sep") { 2 } else { 1 };
        let hint = hint(separator);
        let missing = "expected a column whose name starts with `y` (target)";
        assert_eq!(
            refused(directory.path(), csv),
            format!("line {line}: {missing}, got only `{shown}`{hint}"),
            "{csv:?}"
        );
    }
    let ragged = "line 3, column 2 (`y`): expected 2 cells as in the header, got 1";
    assert_eq!(
        refused(directory.path(), "x,y\n1,2\n3;4\n"),
        format!("{ragged}{}", hint(","))
    );
    assert_eq!(
        refused(directory.path(), "sep=|\nx|y\n3,4\n"),
        format!("{ragged}{}", hint("|"))
    );
    assert_eq!(
        refused(directory.path(), "sep=:\nx:y\n1:2\n"),
        "line 1, column 1: expected a name that starts with `x` (feature) or `y` (target), got `sep=:`"
    );
    assert_eq!(
        refused(directory.path(), "sep=;\nx;y\n1,5;2\n"),
        "line 3, column 1 (`x`): expected a number, got `1,5`"
    );
    for (csv, rest, separator) in [
        ("\"x\";\"y\"\n1;2\n", ";\"y\"", ","),
        ("\"x\"\t\"y\"\n1\t2\n", "\"y\"", ","),
        ("sep=;\n\"x\",\"y\"\n1,2\n", ",\"y\"", ";"),
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
}

#[test]
fn every_form_of_the_same_table_is_read_alike() {
    let directory = tempfile::tempdir().unwrap();
    let plain = read(directory.path(), "x,y\n3,2\n1,10\n");
    let text = "x,y\r\n3,2\r\n1,10\r\n";
    for csv in [
        "x,y\r3,2\r1,10\r",
        "x,y\r\n3,2\n1,10\r",
        "\u{feff}\u{feff}x,y\n3,2\n1,10",
        "\u{feff}\"x\",\"y\"\n\"3\",\"2\"\n\"1\",\"10\"",
        "\"x\"\"\n, ;\",y\n \"3\" ,\t\"2\"\n1,10 ",
        "x,y\n3,2\n\"1\r\",\"\n10\"\n\n",
        "sep=,\nx,y\n3,2\n1,10\n",
        "sep=;\r\nx;y\r\n3;2\r\n1;10\r\n",
        "\u{feff}sep=\t\rx\ty\r3\t2\r1\t10\r",
        "sep=|\nx|y,c\n3| 2\n1|\"10\"\n",
        "xr\u{f6}\u{df}e,y\u{1f600}\n3,2\n1,10\n",
    ] {
        assert_eq!(read(directory.path(), csv), plain, "{csv:?}");
    }
    for (mark, bytes) in [
        (b"\xff\xfe", u16::to_le_bytes as fn(u16) -> [u8; 2]),
        (b"\xfe\xff", u16::to_be_bytes),
    ] {
        for text in [text, "sep=\t\r\nx\ty\u{1f600}\r\n3\t2\r\n1\t10\r\n"] {
            let csv = [&mark[..], &utf16(text, bytes)].concat();
            assert_eq!(read(directory.path(), csv), plain);
        }
    }
    for csv in ["x,y\n3,2\n1,10\n", "\u{feff}sep=;\rx;y\r3;2\r1;10"] {
        assert_eq!(read(directory.path(), gzip(csv.as_bytes())), plain);
    }
    let wide = [&b"\xff\xfe"[..], &utf16(text, u16::to_le_bytes)].concat();
    assert_eq!(read(directory.path(), gzip(&wide)), plain);
    // `cat` of two compressed files.
    let members = [gzip(b"x,y\n3,"), gzip(b"2\n1,10\n")].concat();
    assert_eq!(read(directory.path(), members), plain);
    // Names that are not UTF-8 do not matter.
    assert_eq!(read(directory.path(), b"xr\xf6\xdfe,y\n3,2\n1,10\n"), plain);
}
