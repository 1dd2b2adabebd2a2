//! Checks every accepted and rejected form of a weights file.

use super::*;

fn network<T: Element>(json: &str) -> Result<Mlp<Matrix<T>>, Error> {
    let weights = Weights::from_json("w.json", json.as_bytes())?;
    weights.network("w.json", LeakyRelu::new(0.01).unwrap())
}

/// Returns the weights and biases of the network that the text describes.
fn parse(json: &str) -> Result<Weights, String> {
    let network = network::<f64>(json).map_err(|e| e.to_string())?;
    Ok(Weights::of(&network))
}

fn failure(json: &str) -> String {
    parse(json).expect_err(json)
}

#[test]
fn weights_and_biases_are_read() {
    let json = r#"{"biases": [[5, -6], [0.5]], "weights": [[[1, 2, 3], [-4, 5e-1, 6]], [[7, 8]]]}"#;
    let weights = parse(json).unwrap();
    assert_eq!(network::<f64>(json).unwrap().layer_sizes(), [3, 2, 1]);
    assert_eq!(
        weights.weights,
        [vec![vec![1., 2., 3.], vec![-4., 0.5, 6.]], vec![vec![7., 8.]]]
    );
    assert_eq!(weights.biases.unwrap(), [vec![5., -6.], vec![0.5]]);
}

#[test]
fn biases_are_zero_by_default() {
    let weights = parse(r#"{"weights": [[[1], [2]], [[3, 4]]]}"#).unwrap();
    assert_eq!(weights.biases.unwrap(), [vec![0., 0.], vec![0.]]);
}

#[test]
fn numbers_are_read_to_the_same_bits() {
    // Without serde_json's feature `float_roundtrip`, the first three would be off by 1 ULP.
    for value in [
        0.171_358_724_022_818_27,
        0.432_345_088_677_256_85,
        0.946_052_602_538_371_5,
        5e-324,
        f64::MAX,
    ] {
        let json = format!(r#"{{"weights": [[[{value:?}]]]}}"#);
        assert_eq!(
            parse(&json).unwrap().weights[0][0][0].to_bits(),
            value.to_bits(),
            "{value:e}"
        );
    }
}

#[test]
fn syntax_errors_name_line_and_column() {
    assert_eq!(
        failure("{\n  weights: 1}"),
        "w.json: line 2, column 3: key must be a string"
    );
    assert_eq!(failure(""), "w.json: line 1, column 0: EOF while parsing a value");
    assert_eq!(
        failure(r#"{"weights": [[[1]]], "bias": [[1]]}"#),
        "w.json: line 1, column 27: unknown field `bias`, expected `weights` or `biases`"
    );
    assert_eq!(
        failure("{\"a\\u001b[31m\": 1}"),
        r"w.json: line 1, column 14: unknown field `a\u{1b}[31m`, expected `weights` or `biases`"
    );
    assert_eq!(
        failure(r#"{"biases": []}"#),
        "w.json: line 1, column 14: missing field `weights`"
    );
    assert_eq!(
        failure(r#"{"weights": [[1]]}"#),
        "w.json: line 1, column 15: invalid type: integer `1`, expected a sequence"
    );
    assert_eq!(
        failure(r#"{"weights": [[["a"]]]}"#),
        "w.json: line 1, column 18: invalid type: string \"a\", expected f64"
    );
    assert_eq!(
        failure(r#"{"weights": [[[1e999]]]}"#),
        "w.json: line 1, column 20: number out of range"
    );
    assert_eq!(
        failure(r#"{"weights": [[[null]]]}"#),
        "w.json: line 1, column 19: invalid type: null, expected f64"
    );
    assert_eq!(
        failure(r#"{"weights": [[[1]]]} x"#),
        "w.json: line 1, column 22: trailing characters"
    );
}

#[test]
fn empty_layers_and_rows_are_rejected() {
    assert_eq!(
        failure(r#"{"weights": []}"#),
        "w.json: `weights`: expected at least one layer, got none"
    );
    assert_eq!(
        failure(r#"{"weights": [[[1]], []]}"#),
        "w.json: layer 2 (`weights[1]`): expected at least one row, got none"
    );
    assert_eq!(
        failure(r#"{"weights": [[[]]]}"#),
        "w.json: layer 1, row 1 (`weights[0][0]`): expected at least one number, got none"
    );
}

#[test]
fn ragged_rows_are_rejected() {
    assert_eq!(
        failure(r#"{"weights": [[[1, 2], [3, 4], [5]]]}"#),
        "w.json: layer 1, row 3 (`weights[0][2]`): expected 2 numbers, as in row 1, got 1"
    );
    assert_eq!(
        failure(r#"{"weights": [[[1], [2]], [[1, 2], [1, 2, 3]]]}"#),
        "w.json: layer 2, row 2 (`weights[1][1]`): expected 2 numbers, as in row 1, got 3"
    );
}

#[test]
fn shapes_must_chain() {
    assert_eq!(
        failure(r#"{"weights": [[[1], [2]], [[1, 2, 3], [1, 2, 3]]]}"#),
        "w.json: layer 2, row 1 (`weights[1][0]`): expected 2 numbers, one per output of layer 1, got 3"
    );
}

#[test]
fn biases_must_match_the_weights() {
    assert_eq!(
        failure(r#"{"weights": [[[1]], [[1]]], "biases": [[1]]}"#),
        "w.json: `biases`: expected 2 lists, one per layer, got 1"
    );
    assert_eq!(
        failure(r#"{"weights": [[[1]], [[1], [2]]], "biases": [[1], [1]]}"#),
        "w.json: layer 2 (`biases[1]`): expected 2 numbers, one per row of its weights, got 1"
    );
}

#[test]
fn numbers_must_be_finite() {
    let failure = |weights, biases| {
        let weights = Weights { weights, biases };
        let network = weights.network::<f64>("memory", LeakyRelu::new(0.01).unwrap());
        network.unwrap_err().to_string()
    };
    assert_eq!(
        failure(vec![vec![vec![1.0, f64::NAN]]], None),
        "memory: layer 1, row 1 (`weights[0][0]`), number 2: expected a finite number, got NaN"
    );
    assert_eq!(
        failure(vec![vec![vec![1.0]]], Some(vec![vec![f64::INFINITY]])),
        "memory: layer 1 (`biases[0]`), number 1: expected a finite number, got inf"
    );
}

#[test]
fn sizes_must_be_those_requested() {
    let check = |requested: &[usize]| check_sizes("w.json", &[1, 2, 1], requested);
    let failure = |requested: &[usize]| check(requested).unwrap_err().to_string();
    assert!(check(&[1, 2, 1]).is_ok());
    assert_eq!(
        failure(&[1, 4, 3, 1]),
        "w.json: `weights`: expected 3 layers (`--layers 1,4,3,1`), got 2"
    );
    assert_eq!(
        failure(&[1, 3, 1]),
        "w.json: layer 1 (`weights[0]`): expected 3 rows of 1 number (`--layers 1,3,1`), got 2 rows of 1 number"
    );
    assert_eq!(
        failure(&[1, 2, 2]),
        "w.json: layer 2 (`weights[1]`): expected 2 rows of 2 numbers (`--layers 1,2,2`), got 1 row of 2 numbers"
    );
    assert_eq!(
        failure(&[]),
        "w.json: `weights`: expected 0 layers (`--layers `), got 2"
    );
}

#[test]
fn a_missing_file_is_named() {
    let path = tempfile::tempdir().unwrap().path().join("w.json");
    let message = Weights::read(&path).unwrap_err().to_string();
    assert!(
        message.starts_with(&format!("{}: cannot be read: ", path.display())),
        "{message}"
    );
}

#[test]
fn numbers_too_large_for_f32_are_named() {
    let failure = |json: &str| network::<f32>(json).unwrap_err().to_string();
    assert_eq!(
        failure(r#"{"weights": [[[1], [2]], [[3, -1e300]]]}"#),
        "w.json: layer 2, row 1 (`weights[1][0]`), number 2: expected a finite number (in f32: at most 3.4e38), \
         got -1e300"
    );
    assert_eq!(
        failure(r#"{"weights": [[[1], [2]]], "biases": [[0, 4e38]]}"#),
        "w.json: layer 1 (`biases[0]`), number 2: expected a finite number (in f32: at most 3.4e38), got 4e38"
    );
    assert!(network::<f64>(r#"{"weights": [[[1e300]]]}"#).is_ok());
    assert!(network::<f32>(r#"{"weights": [[[3.4e38]]]}"#).is_ok());
}
