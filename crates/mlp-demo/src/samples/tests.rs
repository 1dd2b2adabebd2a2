//! Checks every accepted and rejected form of a CSV file.

use super::*;

fn parsed(csv: &str) -> Result<Dataset<Matrix<f64>>, String> {
    parse(Path::new("data.csv"), csv.as_bytes()).map_err(|e| e.to_string())
}

fn failure(csv: &str) -> String {
    parsed(csv).expect_err(csv)
}

#[test]
fn columns_are_distinguished_by_name_and_keep_their_order() {
    let samples = parsed("x1,y_b,x0,y_a\n1,2,3,4\n5,6,7,8e-1\n").unwrap();
    let matrix = |columns: [[f64; 2]; 2]| Matrix::from_columns(&columns);
    let expected = Dataset::new(matrix([[1., 3.], [5., 7.]]), matrix([[2., 4.], [6., 0.8]]));
    assert_eq!(samples, expected.unwrap());
    assert_eq!(samples.len(), 2);
}

#[test]
fn space_crlf_byte_order_mark_quotes_and_blank_lines_are_accepted() {
    let plain = parsed("x,y\n2,3\n-1,1\n").unwrap();
    for csv in [
        "\u{feff}x,y\n2,3\n-1,1\n",
        "x,y\r\n2,3\r\n-1,1\r\n",
        "\u{feff} x , y \r\n 2 ,\t3\r\n -1 , 1 ",
        "\n\nx,y\n\n2,3\n\r\n\n-1,1\n\n\n",
        "\"x\",\"y\"\n\"2\",\"3\"\n\" -1\",+1.0",
    ] {
        assert_eq!(parsed(csv).as_ref(), Ok(&plain), "{csv:?}");
    }
}

#[test]
fn a_bad_cell_is_named_by_line_and_column() {
    assert_eq!(
        failure("x1,x2,y\n1,2,3\n1,abc,3\n"),
        "data.csv: line 3, column 2 (`x2`): expected a number, got `abc`"
    );
    assert_eq!(
        failure("x,y\n1,\n"),
        "data.csv: line 2, column 2 (`y`): expected a number, got an empty cell"
    );
    assert_eq!(
        failure("x,y\n ,1\n"),
        "data.csv: line 2, column 1 (`x`): expected a number, got an empty cell"
    );
    assert_eq!(
        failure("x,y\n1,2;5\n"),
        "data.csv: line 2, column 2 (`y`): expected a number, got `2;5`"
    );
    for cell in ["inf", "-inf", "NaN", "infinity", "1e999"] {
        let expected = format!("data.csv: line 2, column 1 (`x`): expected a finite number, got `{cell}`");
        assert_eq!(failure(&format!("x,y\n{cell},1\n")), expected);
    }
}

#[test]
fn a_ragged_row_is_named_by_its_first_wrong_cell() {
    let short = "data.csv: line 3, column 3 (`y`): expected 3 cells as in the header, got 2";
    let long = "data.csv: line 2, column 4: expected 3 cells as in the header, got 5";
    assert_eq!(failure("x1,x2,y\n1,2,3\n1,2\n"), short);
    assert_eq!(failure("x1,x2,y\n1,2,3,4,5\n"), long);
    assert_eq!(
        failure("x,y\n1,2\n  \n"),
        "data.csv: line 3, column 2 (`y`): expected 2 cells as in the header, got 1"
    );
}

#[test]
fn line_numbers_are_those_of_the_file_despite_blank_lines_and_crlf() {
    let at = |line| format!("data.csv: line {line}, column 2 (`y`): expected a number, got `a`");
    assert_eq!(failure("x,y\r\n1,2\r\n1,a\r\n"), at(3));
    assert_eq!(failure("\n\nx,y\n\n\n1,2\n\n1,a\n"), at(8));
    assert_eq!(failure("\r\n\u{20}x,y\r\n\r\n1,a\r\n"), at(4));
    assert_eq!(failure("\u{feff}x,y\n1,a\n"), at(2));
    assert_eq!(failure("x,y\n\"1\n\",2\n1,a\n"), at(4));
}

#[test]
fn the_header_is_checked() {
    assert_eq!(
        failure(""),
        "data.csv: expected a header such as `x,y`, got an empty file"
    );
    assert_eq!(
        failure("\u{feff}\r\n\n"),
        "data.csv: expected a header such as `x,y`, got an empty file"
    );
    assert_eq!(
        failure("1,2\n3,4\n"),
        "data.csv: line 1: expected a header such as `x,y` (names must not be numbers), got `1,2`"
    );
    assert_eq!(
        failure("x1,x2\n1,2\n"),
        "data.csv: line 1: expected a column whose name starts with `y` (target), got only `x1`, `x2`"
    );
    assert_eq!(
        failure("y\n1\n"),
        "data.csv: line 1: expected a column whose name starts with `x` (feature), got only `y`"
    );
    assert_eq!(
        failure("x,id,y\n1,2,3\n"),
        "data.csv: line 1, column 2: expected a name that starts with `x` (feature) or `y` (target), got `id`"
    );
    assert_eq!(
        failure("x,,y\n1,2,3\n"),
        "data.csv: line 1, column 2: expected a name that starts with `x` (feature) or `y` (target), got an empty cell"
    );
    assert_eq!(
        failure("x,y\n"),
        "data.csv: expected at least one sample, got only a header"
    );
}

#[test]
fn text_that_is_not_utf8_is_a_bad_cell() {
    let error = parse::<f64>(Path::new("data.csv"), b"x,y\n1,\xff\n").unwrap_err();
    assert_eq!(
        error.to_string(),
        "data.csv: line 2, column 2 (`y`): expected a number, got `\u{fffd}`"
    );
}

#[test]
fn files_are_read_and_a_missing_one_is_named() {
    let dir = tempfile::tempdir().unwrap();
    let path = dir.path().join("data.csv");
    let message = read::<f64>(&path).unwrap_err().to_string();
    assert!(
        message.starts_with(&format!("{}: cannot be read: ", path.display())),
        "{message}"
    );
    let message = read::<f64>(dir.path()).unwrap_err().to_string();
    assert!(message.contains(": cannot be read: "), "{message}");

    fs::write(&path, "x,y\n2,3\n").unwrap();
    let expected = Dataset::new(Matrix::from_columns(&[[2.0]]), Matrix::from_columns(&[[3.0]]));
    assert_eq!(read::<f64>(&path).unwrap(), expected.unwrap());
}

#[test]
fn a_number_too_large_for_f32_is_named_by_line_and_column() {
    let csv = "x,y\n1,2\n3,-1e300\n";
    let double = parse::<f64>(Path::new("data.csv"), csv.as_bytes()).unwrap();
    assert_eq!(double.target().to_vec(), [2.0, -1e300]);
    let single = parse::<f32>(Path::new("data.csv"), csv.as_bytes()).unwrap_err();
    assert_eq!(
        single.to_string(),
        "data.csv: line 3, column 2 (`y`): expected a finite number (in f32: at most 3.4e38), got `-1e300`"
    );
}
