//! Checks that files written here are read back, both here and by the format's crate.

use super::*;
use crate::{Dtype, Number, SaveErrorKind};
use mlp_core::Scalar;
use mlp_core::backend::Tensor;
use mlp_cpu::{Element, Matrix};
use safetensors::SafeTensors;

/// Returns a matrix whose numbers are all different.
fn matrix<T: Element>(rows: usize, columns: usize) -> Matrix<T> {
    Matrix::from_fn(rows, columns, |i, j| T::from_f64((i as f64 - 3.5) * 1000.0 + j as f64))
}

fn round_trip<T: Element + Number>(rows: usize, columns: usize) {
    let (weights, bias) = (matrix::<T>(rows, columns), matrix::<T>(rows, 1));
    let numbers: Vec<f64> = (0..columns).map(|i| 1.0 / (1 + i) as f64).collect();
    let mut contents = Contents::new("key", r#"{"a": "é\n"}"#.to_owned());
    contents.matrix("weights", &weights);
    contents.numbers("numbers", &numbers);
    contents.vector("bias", &bias);
    let bytes = contents.into_bytes().unwrap();

    // The format's crate must read the numbers row by row.
    let file = SafeTensors::deserialize(&bytes).unwrap();
    let view = file.tensor("weights").unwrap();
    assert_eq!(
        (view.dtype().to_string(), view.shape()),
        (T::DTYPE.to_string(), &[rows, columns][..])
    );
    let mut expected = Vec::new();
    for i in 0..rows {
        for j in 0..columns {
            expected.extend_from_slice(T::flat(&[weights[(i, j)].encode()]));
        }
    }
    assert!(view.data() == expected, "{rows} x {columns}");
    assert_eq!(file.tensor("bias").unwrap().shape(), [rows]);
    assert_eq!(file.len(), 3);

    let mut opened = Opened::bytes(&bytes).unwrap();
    assert_eq!(opened.take_metadata("key").unwrap(), r#"{"a": "é\n"}"#);
    let mut tensors = opened.tensors::<Matrix<T>>().unwrap();
    assert!(
        tensors.take("weights", Shape::Matrix(rows, columns)).unwrap() == weights,
        "{rows} x {columns}"
    );
    assert_eq!(tensors.take("bias", Shape::Vector(rows)).unwrap(), bias);
    assert_eq!(tensors.take_vector::<f64>("numbers", columns).unwrap(), numbers);
    tensors.finish().unwrap();
}

use crate::number::Coded as _;

#[test]
fn matrices_round_trip_at_shapes_around_a_tile_and_a_batch() {
    for rows in [1, 2, 3, 15, 16, 17, 31, 32, 33, 50] {
        for columns in [1, 2, 7, 15, 16, 17, 33, 64, 100] {
            round_trip::<f32>(rows, columns);
            round_trip::<f64>(rows, columns);
        }
    }
    // Some of these matrices have batches with fewer rows than a panel, or with a single row. Others are read directly
    // into their final place, with a little more or less than one batch of rows.
    for (rows, columns) in [
        (63, 1_041),
        (64, 1_024),
        (65, 1_023),
        (127, 2_050),
        (128, 601),
        (129, 599),
        (130, 6_007),
        (35, 9_001),
        (5, 60_001),
        (3, 200_003),
        (1, 100_001),
        (100_001, 1),
        (100_001, 3),
    ] {
        round_trip::<f32>(rows, columns);
        round_trip::<f64>(rows, columns);
    }
}

#[test]
fn the_bytes_are_these() {
    let (a, b) = (Matrix::from_rows(&[[1.0_f32, 2.0], [3.0, 4.0]]), [0.5_f64]);
    let mut contents = Contents::new("k", "{}".to_owned());
    contents.matrix("a", &a);
    contents.numbers("b", &b);
    let bytes = contents.into_bytes().unwrap();
    let mut header = concat!(
        r#"{"__metadata__":{"k":"{}"},"#,
        r#""b":{"dtype":"F64","shape":[1],"data_offsets":[0,8]},"#,
        r#""a":{"dtype":"F32","shape":[2,2],"data_offsets":[8,24]}}"#,
    )
    .to_owned();
    header.extend([' '; 7].iter().take(header.len().next_multiple_of(8) - header.len()));
    assert_eq!(bytes[..8], (header.len() as u64).to_le_bytes());
    assert_eq!(str::from_utf8(&bytes[8..][..header.len()]), Ok(&*header));
    let numbers: Vec<u8> = [0.5_f64.to_le_bytes()]
        .into_iter()
        .flatten()
        .chain([1.0_f32, 2.0, 3.0, 4.0].into_iter().flat_map(f32::to_le_bytes))
        .collect();
    assert_eq!(bytes[8 + header.len()..], numbers);
}

/// Returns the reason why `contents` cannot be written.
fn refusal(contents: Contents<'_>) -> String {
    let message = contents.into_bytes().unwrap_err().message;
    message.strip_prefix("cannot be saved: ").unwrap().to_owned()
}

#[test]
fn contents_that_could_not_be_read_are_not_written() {
    let nan = Matrix::from_rows(&[[1.0_f32, 2.0], [f32::INFINITY, f32::NAN]]);
    let empty = Matrix::<f64>::zeros(0, 3);
    let one = [1.0_f64];
    let contents = || Contents::new("k", "{}".to_owned());

    let mut not_finite = contents();
    not_finite.matrix("a", &nan);
    assert_eq!(
        refusal(not_finite),
        "tensor `a`: expected finite numbers, got inf in row 1, column 0"
    );
    let mut without_rows = contents();
    without_rows.matrix("a", &empty);
    assert_eq!(
        refusal(without_rows),
        "tensor `a`: expected dimensions of at least 1, got [0, 3]"
    );
    let mut twice = contents();
    twice.numbers("a", &one);
    twice.numbers("a", &one);
    assert_eq!(refusal(twice), "header: the key `a` appears twice");
    let mut reserved = contents();
    reserved.numbers("__metadata__", &one);
    assert_eq!(refusal(reserved), "header: the key `__metadata__` appears twice");
    let mut many = contents();
    for i in 0..=TENSOR_LIMIT {
        many.numbers(i.to_string(), &one);
    }
    assert_eq!(refusal(many), "expected at most 65536 tensors, got more");

    assert_eq!(
        refusal(Contents::new("k", r#"{"a":1,"a":2}"#.to_owned())),
        "metadata k: the key `a` appears twice"
    );
    let long = format!("[{}1]", r#""","#.repeat(200_000));
    assert_eq!(
        refusal(Contents::new("k", long)),
        "metadata k: expected at most 12524348 bytes in memory, got 14400168"
    );
    let long = format!("[{}1]", " ".repeat(17_000_000));
    assert_eq!(
        refusal(Contents::new("k", long)),
        "header: expected at most 16777216 bytes, got 17000032"
    );
}

/// Returns the error of reading the file of this matrix with some of its numbers replaced.
fn with(bytes: &[u8], (rows, columns): (usize, usize), numbers: &[((usize, usize), f32)]) -> String {
    let mut bytes = bytes.to_vec();
    let start = bytes.len() - 4 * rows * columns;
    for &((i, j), number) in numbers {
        bytes[start + 4 * (i * columns + j)..][..4].copy_from_slice(&number.to_le_bytes());
    }
    let error = Opened::bytes(&bytes).unwrap().tensors::<Matrix<f32>>().unwrap_err();
    let as_values = Opened::bytes(&bytes).unwrap().tensors::<Matrix<f64>>().unwrap_err();
    assert_eq!(error.to_string(), as_values.to_string());
    error.to_string()
}

#[test]
fn a_number_that_is_not_finite_is_found_wherever_it_is() {
    for (rows, columns) in [
        (19, 21),
        (1, 9),
        (9, 1),
        (140, 1_001),
        (20, 5_000),
        (400, 301),
        (9_999, 1),
    ] {
        let mut weights = matrix::<f32>(rows, columns);
        let bytes = {
            let mut contents = Contents::new("k", "{}".to_owned());
            contents.matrix("a", &weights);
            contents.into_bytes().unwrap()
        };
        // Each place needs three files.
        let places = if std::env::var_os("MLP_TEST_EXHAUSTIVE").is_some() {
            400
        } else {
            40
        };
        let step = (rows * columns / places) | 1;
        for place in (0..rows * columns).step_by(step).chain([rows * columns - 1]) {
            let (i, j) = (place / columns, place % columns);
            let expected = |got| format!("tensor `a`: expected finite numbers, got {got} in row {i}, column {j}");
            for (number, got) in [(f32::NAN, "NaN"), (f32::NEG_INFINITY, "-inf")] {
                assert_eq!(with(&bytes, (rows, columns), &[((i, j), number)]), expected(got));
            }
            let was = std::mem::replace(&mut weights[(i, j)], f32::INFINITY);
            let mut contents = Contents::new("k", "{}".to_owned());
            contents.matrix("a", &weights);
            assert_eq!(refusal(contents), expected("inf"));
            weights[(i, j)] = was;
        }
    }
    // If there are several, the first one in the file is reported. Here it is in a later column, which another part of
    // the work reads.
    for (first, second) in [((2, 900), (3, 0)), ((2, 900), (2, 901)), ((128, 1_000), (129, 1))] {
        let numbers = [(second, f32::NAN), (first, f32::INFINITY)];
        let bytes = {
            let weights = matrix::<f32>(140, 1_001);
            let mut contents = Contents::new("k", "{}".to_owned());
            contents.matrix("a", &weights);
            contents.into_bytes().unwrap()
        };
        let (i, j) = first;
        assert_eq!(
            with(&bytes, (140, 1_001), &numbers),
            format!("tensor `a`: expected finite numbers, got inf in row {i}, column {j}")
        );
    }
}

#[test]
fn a_save_that_is_refused_leaves_the_old_file() {
    let directory = tempfile::tempdir().unwrap();
    let path = directory.path().join("file");
    std::fs::write(&path, "old").unwrap();
    let nan = Matrix::from_columns(&[[1.0, f64::NAN]]);
    let mut contents = Contents::new("k", "{}".to_owned());
    contents.vector("a", &nan);
    let error = contents.save(&path).unwrap_err();
    assert_eq!(error.kind, SaveErrorKind::NotFinite);
    assert!(error.message.ends_with("got NaN in row 1, column 0"), "{error}");
    assert_eq!(std::fs::read(&path).unwrap(), b"old");
    assert_eq!(std::fs::read_dir(directory.path()).unwrap().count(), 1);
}

#[test]
fn a_tensor_must_have_the_requested_name_shape_and_type() {
    let (a, b) = (matrix::<f32>(2, 3), [1.0_f64; 4]);
    let mut contents = Contents::new("k", "{}".to_owned());
    contents.matrix("a", &a);
    contents.numbers("b", &b);
    let bytes = contents.into_bytes().unwrap();
    fn tensors<T: Element + Number>(bytes: &[u8]) -> Tensors<Matrix<T>> {
        Opened::bytes(bytes).unwrap().tensors().unwrap()
    }

    let singles = || tensors::<f32>(&bytes);
    let error = singles().take("c", Shape::Vector(2)).unwrap_err();
    assert_eq!(error.to_string(), "the tensor `c` is missing");
    let error = singles().take("a", Shape::Matrix(3, 2)).unwrap_err();
    assert_eq!(error.to_string(), "tensor `a`: expected the shape [3, 2], got [2, 3]");
    let error = singles().take_vector::<f32>("a", 6).unwrap_err();
    assert_eq!(error.to_string(), "tensor `a`: expected the shape [6], got [2, 3]");
    let error = singles().take_vector::<f32>("b", 4).unwrap_err();
    assert_eq!(
        error.to_string(),
        "tensor `b`: expected the dtype F32, got F64: load it with a matrix of f64"
    );
    let error = tensors::<f64>(&bytes).take("a", Shape::Matrix(2, 3)).unwrap_err();
    assert_eq!(
        error.to_string(),
        "tensor `a`: expected the dtype F64, got F32: load it with a matrix of f32"
    );
    assert_eq!(singles().finish().unwrap_err().to_string(), "unexpected tensor `a`");
    let error = Opened::bytes(&bytes).unwrap().take_metadata("other").unwrap_err();
    assert_eq!(error.to_string(), "metadata: unexpected key `k`");
    assert_eq!(Dtype::F32.size(), size_of::<<Matrix<f32> as Tensor>::Scalar>());
    assert_eq!(f64::from_f64(0.5).encode(), 0.5_f64.to_le_bytes());
}
