//! Reading files: plain, compressed, in parts, damaged.

use flate2::Compression;
use flate2::write::GzEncoder;
use mlp_table::{Reader, Table, TableError};
use std::fs;
use std::io::Write as _;
use std::path::Path;
use std::process::{Command, Stdio};

const CSV: &str = "a,b\n1,x\n\n2,\"y\nz\"\n3,\n4,w\n5,v\n";

fn gzip(bytes: &[u8]) -> Vec<u8> {
    let mut encoder = GzEncoder::new(vec![], Compression::fast());
    encoder.write_all(bytes).unwrap();
    encoder.finish().unwrap()
}

/// Writes a file of that name and reads it.
fn read(name: &str, bytes: &[u8]) -> Result<Table, TableError> {
    let directory = tempfile::tempdir().unwrap();
    let path = directory.path().join(name);
    fs::write(&path, bytes).unwrap();
    Table::read(&path)
}

/// Returns the message, without the directory.
#[track_caller]
fn refused(name: &str, bytes: &[u8]) -> String {
    let error = read(name, bytes).unwrap_err();
    assert_eq!(error.file.as_deref().and_then(Path::file_name).unwrap(), name);
    let message = error.to_string();
    message[message.find(name).unwrap()..].to_owned()
}

#[test]
fn plain_and_compressed_files_are_read_alike() {
    let plain = Table::from_csv(CSV.as_bytes()).unwrap();
    assert_eq!(plain.rows(), 5);
    let tabs = CSV.replace(',', "\t");
    let twice = [gzip(&CSV.as_bytes()[..9]), gzip(&CSV.as_bytes()[9..])].concat();
    for (name, bytes) in [
        ("t.csv", CSV.as_bytes()),
        ("t.txt", CSV.as_bytes()),
        ("t.csv.gz", &gzip(CSV.as_bytes())),
        ("t", &gzip(CSV.as_bytes())),
        ("t.csv.gz", &twice),
        ("t.tsv", tabs.as_bytes()),
        ("t.TSV.gz", &gzip(tabs.as_bytes())),
    ] {
        assert_eq!(read(name, bytes).unwrap().batch(), plain.batch(), "{name}");
    }
}

/// Runs itself as a child, which has a table on its standard input.
#[test]
fn the_standard_input_is_read() {
    const CHILD: &str = "MLP_TABLE_TEST_CHILD";
    if std::env::var_os(CHILD).is_some() {
        let error = Reader::new().separator(b';').read("-").unwrap_err();
        assert_eq!(
            error.to_string(),
            "standard input: line 3: expected 2 cells as in the header, got 1"
        );
        return;
    }
    let mut child = Command::new(std::env::current_exe().unwrap())
        .args(["--exact", "files::the_standard_input_is_read"])
        .env(CHILD, "1")
        .stdin(Stdio::piped())
        .stdout(Stdio::null())
        .spawn()
        .unwrap();
    child.stdin.take().unwrap().write_all(&gzip(b"a;b\n1;2\n3\n")).unwrap();
    assert!(child.wait().unwrap().success());
}

#[test]
fn a_file_is_read_in_parts() {
    let directory = tempfile::tempdir().unwrap();
    let path = directory.path().join("t.csv");
    fs::write(&path, CSV).unwrap();
    for (rows, expected) in [(1, &[1, 1, 1, 1, 1][..]), (2, &[2, 2, 1]), (5, &[5]), (6, &[5])] {
        let parts = Reader::new().parts(&path, rows).unwrap();
        let sizes: Vec<usize> = parts.map(|part| part.unwrap().rows()).collect();
        assert_eq!(sizes, expected);
    }
    fs::write(&path, "a,b\n").unwrap();
    let parts = Reader::new().parts(&path, 3).unwrap();
    assert_eq!(parts.map(|part| part.unwrap().rows()).collect::<Vec<_>>(), [0]);
    // Lines are those of the file, in each part, and nothing follows an error.
    fs::write(&path, "a,b\n1,2\n\n3,4\n5\n6,7\n").unwrap();
    let parts: Vec<_> = Reader::new().parts(&path, 1).unwrap().collect();
    assert_eq!(parts.len(), 3);
    assert_eq!(parts[2].as_ref().unwrap_err().line, Some(5));
}

#[test]
fn a_long_file_and_a_long_record_are_read_in_parts() {
    let long = "x".repeat(300_000);
    let mut csv = format!("a,b\n1,\"{long}\"\n");
    for i in 0..50_000 {
        csv += &format!("{i},text {i}\n");
    }
    let directory = tempfile::tempdir().unwrap();
    let path = directory.path().join("t.csv");
    fs::write(&path, &csv).unwrap();
    let parts = Reader::new().parts(&path, 1000).unwrap();
    let (mut rows, mut most) = (0, 0);
    for part in parts {
        let part = part.unwrap();
        rows += part.rows();
        most = most.max(part.rows());
    }
    assert_eq!((rows, most), (50_001, 1000));
}

#[test]
fn a_file_that_cannot_be_read() {
    let error = Table::read("no/such/file.csv").unwrap_err();
    assert!(
        error.to_string().starts_with("no/such/file.csv: cannot be read: "),
        "{error}"
    );
    assert!(std::error::Error::source(&error).is_some());
    let directory = tempfile::tempdir().unwrap();
    assert!(Table::read(directory.path()).is_err());
    let whole = gzip(CSV.as_bytes());
    assert_eq!(
        refused("t.csv.gz", &whole[..whole.len() - 9]),
        "t.csv.gz: the compressed file is cut short; copy it again"
    );
    let mut damaged = gzip(CSV.repeat(100).as_bytes());
    let end = damaged.len() - 6;
    damaged[end] ^= 1;
    assert!(refused("t.csv.gz", &damaged).starts_with("t.csv.gz: cannot be read: "));
    assert_eq!(
        refused("t.csv", b"a,b\n1\n"),
        "t.csv: line 2: expected 2 cells as in the header, got 1"
    );
}

#[test]
fn a_column_without_a_name_is_called_after_its_place() {
    let table = Table::from_csv(",price\n1,2\n".as_bytes()).unwrap();
    assert_eq!(table.names().collect::<Vec<_>>(), ["column 1", "price"]);
}

#[cfg(feature = "parquet")]
mod parquet {
    use super::{gzip, read, refused};
    use ::parquet::arrow::ArrowWriter;
    use ::parquet::basic::Compression;
    use ::parquet::file::properties::WriterProperties;
    use arrow_array::{ArrayRef, Float64Array, RecordBatch, StringArray};
    use mlp_table::{Columns, Inference, Kind, Reader};
    use std::sync::Arc;

    fn batch(rows: usize) -> RecordBatch {
        let numbers: ArrayRef = Arc::new((0..rows).map(|i| Some(i as f64 / 8.0)).collect::<Float64Array>());
        let words: ArrayRef = Arc::new((0..rows).map(|i| ["a", "b"].get(i % 3)).collect::<StringArray>());
        RecordBatch::try_from_iter_with_nullable([("y", numbers, true), ("w", words, true)]).unwrap()
    }

    fn parquet(batch: &RecordBatch, compression: Compression) -> Vec<u8> {
        let properties = WriterProperties::builder().set_compression(compression).build();
        let mut writer = ArrowWriter::try_new(vec![], batch.schema(), Some(properties)).unwrap();
        writer.write(batch).unwrap();
        writer.into_inner().unwrap()
    }

    #[test]
    fn a_parquet_file_is_read() {
        let batch = batch(100);
        for compression in [Compression::UNCOMPRESSED, Compression::SNAPPY, Compression::LZ4_RAW] {
            let bytes = parquet(&batch, compression);
            assert_eq!(read("t.parquet", &bytes).unwrap().batch(), &batch);
            assert_eq!(read("t", &gzip(&bytes)).unwrap().batch(), &batch);
        }
        let empty = parquet(&batch.slice(0, 0), Compression::SNAPPY);
        assert_eq!(read("t", &empty).unwrap().rows(), 0);
    }

    #[test]
    fn a_file_that_pyarrow_wrote_is_read() {
        let typed = read("t.parquet", include_bytes!("pyarrow.parquet")).unwrap();
        let columns = Inference::default().kind("i", Kind::Number).infer(&typed, "i").unwrap();
        let lines: Vec<String> = columns.iter().map(ToString::to_string).collect();
        let expected = [
            "`a`: number, 2 values, 1 missing",
            "`w`: category, 2 values, 0 missing",
            "`d`: date, 2 values, 1 missing",
            "`i`: number, 3 values, 0 missing",
            "`b`: boolean, 2 values, 1 missing",
            "`c`: category, 2 values, 0 missing",
            "`m`: number, 3 values, 0 missing",
        ];
        assert_eq!(lines, expected);
        assert_eq!(
            refused("t.parquet", include_bytes!("zstd.parquet")),
            "t.parquet: the Parquet file cannot be read: Parquet argument error: Parquet error: Disabled feature at compile time: zstd; \
             compress it with Snappy, LZ4 or gzip instead"
        );
    }

    #[test]
    fn a_parquet_file_is_read_in_parts_that_know_their_rows() {
        let directory = tempfile::tempdir().unwrap();
        let path = directory.path().join("t.parquet");
        let mut numbers: Vec<f64> = (0..70_000).map(f64::from).collect();
        numbers[68_000] = f64::INFINITY;
        let numbers: ArrayRef = Arc::new(Float64Array::from(numbers));
        let long = RecordBatch::try_from_iter([("y", Arc::clone(&numbers)), ("x", numbers)]).unwrap();
        std::fs::write(&path, parquet(&long, Compression::SNAPPY)).unwrap();
        for rows in [usize::MAX, 68_500, 65_536, 1000] {
            let parts: Vec<_> = Reader::new().parts(&path, rows).unwrap().map(Result::unwrap).collect();
            assert!(parts.iter().all(|part| (1..=rows).contains(&part.rows())));
            assert_eq!(parts.iter().map(mlp_table::Table::rows).sum::<usize>(), 70_000);
            let error = parts.iter().find_map(|part| Columns::infer(part, "y").err()).unwrap();
            assert_eq!(error.row, Some(68_001));
        }
    }

    #[test]
    fn a_parquet_file_that_is_cut_short_or_damaged_is_refused() {
        let bytes = parquet(&batch(1000), Compression::SNAPPY);
        let cut = "t.parquet: the Parquet file is cut short: expected `PAR1` at its end; copy it again";
        for length in [4, 100, bytes.len() - 1] {
            assert_eq!(refused("t.parquet", &bytes[..length]), cut);
        }
        let middle = [&bytes[..bytes.len() / 3], &bytes[bytes.len() / 2..]].concat();
        assert!(refused("t.parquet", &middle).starts_with("t.parquet: the Parquet file cannot be read: "));
        // No damage of a single byte is a panic.
        let bytes = parquet(&batch(60), Compression::SNAPPY);
        for place in 4..bytes.len() - 4 {
            for flipped in [0x01, 0x80, 0x55] {
                let mut damaged = bytes.clone();
                damaged[place] ^= flipped;
                if let Err(error) = read("t.parquet", &damaged) {
                    assert!(
                        error.message.contains("the Parquet file cannot be read: "),
                        "{place}: {error}"
                    );
                }
            }
        }
    }
}
