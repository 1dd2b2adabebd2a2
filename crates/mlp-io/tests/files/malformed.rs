//! Files that must be refused, each with its name and its error message, and every single change to a valid file.

use super::models::network;
use mlp_core::activations::{Relu, Tanh};
use mlp_core::{Classes, Model, SoftmaxCrossEntropy};
use mlp_cpu::Matrix;
use mlp_io::{LoadError, LoadErrorKind, model_from_bytes, model_to_bytes, pytorch_from_bytes};
use rand::rngs::Xoshiro256PlusPlus;
use rand::{RngExt as _, SeedableRng as _};
use std::collections::HashSet;
use std::panic;

/// The record of a model with two inputs and one output: 12 bytes of numbers.
const RECORD: &str = r#"{"version":1,"dtype":"F32","layer_sizes":[2,1],"activations":[{"name":"relu"}],"loss":{"name":"huber","parameters":{"delta":1.0}},"provenance":{"version":"0.1.0"}}"#;
const WEIGHT: &str = r#""layers.0.weight":{"dtype":"F32","shape":[1,2],"data_offsets":[0,8]}"#;
const BIAS: &str = r#""layers.0.bias":{"dtype":"F32","shape":[1],"data_offsets":[8,12]}"#;
const NUMBERS: [f32; 3] = [1.0, 2.0, 3.0];

/// Returns a file with this header and these numbers.
fn file(header: &str, numbers: &[f32]) -> Vec<u8> {
    let mut bytes = (header.len() as u64).to_le_bytes().to_vec();
    bytes.extend_from_slice(header.as_bytes());
    bytes.extend(numbers.iter().flat_map(|x| x.to_le_bytes()));
    bytes
}

/// Returns a file with these entries in its header besides the metadata.
fn with_entries(entries: &str) -> Vec<u8> {
    let metadata = serde_json::to_string(RECORD).unwrap();
    file(
        &format!(r#"{{"__metadata__":{{"mlp":{metadata}}},{entries}}}"#),
        &NUMBERS,
    )
}

/// Returns a file whose weight has this description.
fn with_weight(description: &str) -> Vec<u8> {
    with_entries(&format!(r#""layers.0.weight":{description},{BIAS}"#))
}

/// Returns a file with this record in its metadata.
fn with_record(record: &str) -> Vec<u8> {
    let metadata = serde_json::to_string(record).unwrap();
    file(
        &format!(r#"{{"__metadata__":{{"mlp":{metadata}}},{WEIGHT},{BIAS}}}"#),
        &NUMBERS,
    )
}

/// Returns a file with `from` replaced by `to` in its record.
fn changed(from: &str, to: &str) -> Vec<u8> {
    assert_eq!(RECORD.matches(from).count(), 1, "{from}");
    with_record(&RECORD.replace(from, to))
}

/// Returns a file with these entries in its metadata.
fn with_metadata(metadata: &str) -> Vec<u8> {
    file(&format!(r#"{{"__metadata__":{metadata},{WEIGHT},{BIAS}}}"#), &NUMBERS)
}

/// A name, a file, the [`LoadErrorKind`] of its error, and the error message.
type Case = (&'static str, Vec<u8>, &'static str, &'static str);

fn container_cases() -> Vec<Case> {
    let good = with_record(RECORD);
    let header_length = u64::from_le_bytes(*good.first_chunk().unwrap());
    let prefixed = |length: u64| [&length.to_le_bytes(), &good[8..]].concat();
    let mut not_text = good.clone();
    not_text[8 + 3] = 0xff;
    let many = |entry: &dyn Fn(usize) -> String, count: usize| (0..count).map(entry).collect::<Vec<_>>().join(",");
    let tensors = many(
        &|i| {
            format!(
                r#""{i}":{{"dtype":"F32","shape":[1],"data_offsets":[{},{}]}}"#,
                4 * i,
                4 * i + 4
            )
        },
        65_537,
    );
    let texts = many(&|i| format!(r#""{i}":"""#), 4097);
    vec![
        ("empty", vec![], "Truncated", "expected at least 8 bytes, got 0"),
        (
            "shorter than the length of the header",
            good[..7].to_vec(),
            "Truncated",
            "expected at least 8 bytes, got 7",
        ),
        (
            "text",
            b"not a model".to_vec(),
            "NotThisFormat",
            "not a safetensors file: expected `{` after the length of the header, got `d`",
        ),
        (
            "text of eight bytes",
            b"x,y\n1,2\n".to_vec(),
            "NotThisFormat",
            "not a safetensors file: expected `{` after the length of the header, got nothing",
        ),
        (
            "a picture",
            b"\x89PNG\r\n\x1a\n\0\0\0\x0dIHDR".to_vec(),
            "NotThisFormat",
            r"not a safetensors file: expected `{` after the length of the header, got `\x00`",
        ),
        (
            "an archive",
            b"PK\x03\x04\x14\0\0\0\0\0\0\0".to_vec(),
            "NotThisFormat",
            "not a safetensors file: expected `{` after the length of the header, got a zip archive, as .npz files are",
        ),
        (
            "header of 2^64 - 1 bytes",
            prefixed(u64::MAX),
            "Unsupported",
            "header: expected at most 16777216 bytes, got 18446744073709551615",
        ),
        (
            "header over the limit",
            prefixed(16_777_217),
            "Unsupported",
            "header: expected at most 16777216 bytes, got 16777217",
        ),
        (
            "header longer than the file",
            prefixed(header_length + 13),
            "Truncated",
            "header: expected 368 bytes, got 367: the file is truncated",
        ),
        (
            "header cut",
            prefixed(header_length - 1),
            "Malformed",
            "header: line 1, column 354: EOF while parsing an object",
        ),
        (
            "no header",
            file("", &[]),
            "Malformed",
            "header: expected `{` as its first character, got nothing",
        ),
        (
            "header not UTF-8",
            not_text,
            "Malformed",
            "header: expected UTF-8, got an invalid sequence at byte 3",
        ),
        (
            "header a list",
            file("[]", &[]),
            "Malformed",
            "header: expected `{` as its first character, got `[`",
        ),
        (
            "header behind a space",
            file(" {}", &[]),
            "Malformed",
            "header: expected `{` as its first character, got ` `",
        ),
        (
            "two headers",
            file("{}{}", &[]),
            "Malformed",
            "header: line 1, column 3: trailing characters",
        ),
        (
            "a comma too many",
            file("{,}", &[]),
            "Malformed",
            "header: line 1, column 2: key must be a string",
        ),
        (
            "nested deeper than any stack",
            file(&format!(r#"{{"a":{{"dtype":{}"#, "[".repeat(100_000)), &[]),
            "Malformed",
            "header: line 1, column 14: tensor `a`: invalid type: sequence, expected a string",
        ),
        (
            "a tensor twice, equal",
            with_entries(&format!("{WEIGHT},{WEIGHT},{BIAS}")),
            "Malformed",
            "header: the key `layers.0.weight` appears twice",
        ),
        (
            "a tensor twice, different",
            with_entries(&format!(
                r#""layers.0.bias":{{"dtype":"F32","shape":[1],"data_offsets":[12,16]}},{WEIGHT},{BIAS}"#
            )),
            "Malformed",
            "header: the key `layers.0.bias` appears twice",
        ),
        (
            "a tensor twice, once escaped",
            with_entries(&format!(
                r#"{WEIGHT},{BIAS},"layers.0.bia\u0073":{{"dtype":"F32","shape":[1],"data_offsets":[8,12]}}"#
            )),
            "Malformed",
            "header: the key `layers.0.bias` appears twice",
        ),
        (
            "a key of a tensor twice",
            with_weight(r#"{"dtype":"F32","dtype":"F32","shape":[1,2],"data_offsets":[0,8]}"#),
            "Malformed",
            "header: line 1, column 260: tensor `layers.0.weight`: duplicate field `dtype`",
        ),
        (
            "the metadata twice",
            file(
                &format!(r#"{{"__metadata__":{{}},"__metadata__":{{}},{WEIGHT}}}"#),
                &NUMBERS[..2],
            ),
            "Malformed",
            "header: line 1, column 33: the key `__metadata__` appears twice",
        ),
        (
            "a metadata key twice",
            with_metadata(r#"{"mlp":"{}","mlp":"{}"}"#),
            "Malformed",
            "header: line 1, column 33: __metadata__: the key `mlp` appears twice",
        ),
        (
            "an unknown key of a tensor",
            with_weight(r#"{"dtype":"F32","shape":[1,2],"data_offsets":[0,8],"stride":[2,1]}"#),
            "Malformed",
            "header: line 1, column 296: tensor `layers.0.weight`: unknown field `stride`, expected one of `dtype`, `shape`, `data_offsets`",
        ),
        (
            "no dtype",
            with_weight(r#"{"shape":[1,2],"data_offsets":[0,8]}"#),
            "Malformed",
            "header: line 1, column 274: tensor `layers.0.weight`: missing field `dtype`",
        ),
        (
            "no shape",
            with_weight(r#"{"dtype":"F32","data_offsets":[0,8]}"#),
            "Malformed",
            "header: line 1, column 274: tensor `layers.0.weight`: missing field `shape`",
        ),
        (
            "no offsets",
            with_weight(r#"{"dtype":"F32","shape":[1,2]}"#),
            "Malformed",
            "header: line 1, column 267: tensor `layers.0.weight`: missing field `data_offsets`",
        ),
        (
            "a tensor that is a number",
            with_weight("7"),
            "Malformed",
            "header: line 1, column 239: tensor `layers.0.weight`: invalid type: integer `7`, expected an object with dtype, shape and data_offsets",
        ),
        (
            "half precision",
            with_weight(r#"{"dtype":"F16","shape":[1,4],"data_offsets":[0,8]}"#),
            "Dtype",
            "tensor `layers.0.weight`: expected the dtype F32, got F16",
        ),
        (
            "integers",
            with_weight(r#"{"dtype":"I32","shape":[1,2],"data_offsets":[0,8]}"#),
            "Dtype",
            "tensor `layers.0.weight`: expected the dtype F32 or F64, got `I32`",
        ),
        (
            "an invented dtype",
            with_weight(r#"{"dtype":"\u001b[31m","shape":[1,2],"data_offsets":[0,8]}"#),
            "Dtype",
            r"tensor `layers.0.weight`: expected the dtype F32 or F64, got `\u{1b}[31m`",
        ),
        (
            "no dimension",
            with_weight(r#"{"dtype":"F32","shape":[],"data_offsets":[0,4]}"#),
            "Unsupported",
            "tensor `layers.0.weight`: expected 1 or 2 dimensions, got 0",
        ),
        (
            "three dimensions",
            with_weight(r#"{"dtype":"F32","shape":[1,1,2],"data_offsets":[0,8]}"#),
            "Unsupported",
            "tensor `layers.0.weight`: expected 1 or 2 dimensions, got 3",
        ),
        (
            "a dimension of 0",
            with_weight(r#"{"dtype":"F32","shape":[0,2],"data_offsets":[0,0]}"#),
            "Malformed",
            "tensor `layers.0.weight`: expected dimensions of at least 1, got [0, 2]",
        ),
        (
            "elements that overflow",
            with_weight(r#"{"dtype":"F32","shape":[4294967296,4294967296],"data_offsets":[0,8]}"#),
            "Malformed",
            "tensor `layers.0.weight`: the shape [4294967296, 4294967296] is too large to address",
        ),
        (
            "bytes that overflow to 8",
            with_weight(r#"{"dtype":"F32","shape":[2,2305843009213693953],"data_offsets":[0,8]}"#),
            "Malformed",
            "tensor `layers.0.weight`: the shape [2, 2305843009213693953] is too large to address",
        ),
        (
            "a dimension of 2^64",
            with_weight(r#"{"dtype":"F32","shape":[1,18446744073709551616],"data_offsets":[0,8]}"#),
            "Malformed",
            "header: line 1, column 284: tensor `layers.0.weight`: invalid type: floating point `1.8446744073709552e+19`, expected u64",
        ),
        (
            "a negative dimension",
            with_weight(r#"{"dtype":"F32","shape":[1,-2],"data_offsets":[0,8]}"#),
            "Malformed",
            "header: line 1, column 266: tensor `layers.0.weight`: invalid value: integer `-2`, expected u64",
        ),
        (
            "a fractional dimension",
            with_weight(r#"{"dtype":"F32","shape":[1,2.0],"data_offsets":[0,8]}"#),
            "Malformed",
            "header: line 1, column 267: tensor `layers.0.weight`: invalid type: floating point `2.0`, expected u64",
        ),
        (
            "one offset",
            with_weight(r#"{"dtype":"F32","shape":[1,2],"data_offsets":[8]}"#),
            "Malformed",
            "tensor `layers.0.weight`: expected 2 data_offsets, got 1",
        ),
        (
            "three offsets",
            with_weight(r#"{"dtype":"F32","shape":[1,2],"data_offsets":[0,8,8]}"#),
            "Malformed",
            "tensor `layers.0.weight`: expected 2 data_offsets, got 3",
        ),
        (
            "offsets in reverse",
            with_weight(r#"{"dtype":"F32","shape":[1,2],"data_offsets":[8,0]}"#),
            "Malformed",
            "tensor `layers.0.weight`: expected data_offsets in order, got 8 and 0",
        ),
        (
            "fewer bytes than the shape",
            with_weight(r#"{"dtype":"F32","shape":[1,3],"data_offsets":[0,8]}"#),
            "Malformed",
            "tensor `layers.0.weight`: expected 12 bytes for the shape [1, 3], got 8",
        ),
        (
            "offsets up to 2^64",
            with_weight(r#"{"dtype":"F32","shape":[1,2],"data_offsets":[0,18446744073709551615]}"#),
            "Malformed",
            "tensor `layers.0.weight`: expected 8 bytes for the shape [1, 2], got 18446744073709551615",
        ),
        (
            "a hole",
            with_entries(&format!(
                r#"{WEIGHT},"layers.0.bias":{{"dtype":"F32","shape":[1],"data_offsets":[12,16]}}"#
            )),
            "Malformed",
            "tensor `layers.0.bias`: expected it to begin at byte 8, got 12: there are unused bytes before it",
        ),
        (
            "a hole at the start",
            with_weight(r#"{"dtype":"F32","shape":[1,1],"data_offsets":[4,8]}"#),
            "Malformed",
            "tensor `layers.0.weight`: expected it to begin at byte 0, got 4: there are unused bytes before it",
        ),
        (
            "an overlap",
            with_entries(&format!(
                r#"{WEIGHT},"layers.0.bias":{{"dtype":"F32","shape":[1],"data_offsets":[4,8]}}"#
            )),
            "Malformed",
            "tensor `layers.0.bias`: expected it to begin at byte 8, got 4: it overlaps the tensor before it",
        ),
        (
            "one byte short",
            good[..good.len() - 1].to_vec(),
            "Truncated",
            "expected 12 bytes of tensors, got 11: the file is truncated",
        ),
        (
            "trailing bytes",
            [&good[..], b"PK"].concat(),
            "Malformed",
            "expected 12 bytes of tensors, got 14: the file has trailing bytes",
        ),
        (
            "more tensors than allowed",
            file(&format!("{{{tensors}}}"), &[0.0; 65_537]),
            "Malformed",
            "header: line 1, column 4324259: expected at most 65536 tensors, got more",
        ),
        (
            "more metadata than allowed",
            with_metadata(&format!("{{{texts}}}")),
            "Malformed",
            "header: line 1, column 39873: __metadata__: expected at most 4096 keys, got more",
        ),
        (
            "metadata a list",
            with_metadata("[]"),
            "Malformed",
            "header: line 1, column 16: invalid type: sequence, expected an object of strings",
        ),
        (
            "metadata not a text",
            with_metadata(r#"{"mlp":{}}"#),
            "Malformed",
            "header: line 1, column 23: invalid type: map, expected a string",
        ),
        (
            "a weight that is NaN",
            file(&file_header(), &[1.0, f32::NAN, 3.0]),
            "NotFinite",
            "tensor `layers.0.weight`: expected finite numbers, got NaN in row 0, column 1",
        ),
        (
            "a bias that is infinite",
            file(&file_header(), &[1.0, 2.0, f32::NEG_INFINITY]),
            "NotFinite",
            "tensor `layers.0.bias`: expected finite numbers, got -inf in row 0, column 0",
        ),
    ]
}

/// Returns the header of a valid file.
fn file_header() -> String {
    let metadata = serde_json::to_string(RECORD).unwrap();
    format!(r#"{{"__metadata__":{{"mlp":{metadata}}},{WEIGHT},{BIAS}}}"#)
}

fn model_cases() -> Vec<Case> {
    let long = format!(r#""provenance":{{"version":"{}"}}"#, "v".repeat(5000));
    let many = format!(r#""provenance":{{"version":"0","x":[{}0]}}"#, r#""","#.repeat(200_000));
    let deep = format!(r#""provenance":{}0{}"#, "[".repeat(500), "]".repeat(500));
    let keys: Vec<_> = (0..65).map(|i| format!(r#""{i}":0"#)).collect();
    let keys = format!(r#""provenance":{{{}}}"#, keys.join(","));
    let provenance = r#""provenance":{"version":"0.1.0"}"#;
    vec![
        (
            "no metadata",
            file(&format!("{{{WEIGHT},{BIAS}}}"), &NUMBERS),
            "OtherKind",
            "the metadata key `mlp` is missing: this library did not write the file",
        ),
        (
            "another kind of metadata",
            with_metadata(r#"{"format":"pt"}"#),
            "OtherKind",
            "metadata: unexpected key `format`",
        ),
        (
            "a checkpoint",
            with_metadata(r#"{"note":"x","mlp_checkpoint":"{}"}"#),
            "OtherKind",
            "expected a model, got a checkpoint",
        ),
        (
            "more metadata than ours",
            with_metadata(r#"{"mlp":"{}","note":"x"}"#),
            "OtherKind",
            "metadata: unexpected key `note`",
        ),
        (
            "a record that is no JSON",
            with_record("hello"),
            "Malformed",
            "metadata mlp: line 1, column 1: expected value",
        ),
        (
            "a record that is empty",
            with_record(""),
            "Malformed",
            "metadata mlp: line 1, column 0: EOF while parsing a value",
        ),
        (
            "a record that goes on",
            with_record(&format!("{RECORD} {{}}")),
            "Malformed",
            "metadata mlp: line 1, column 165: trailing characters",
        ),
        (
            "an unknown key of the record",
            changed(provenance, r#""provenance":{"version":"0"},"code":"import os""#),
            "Malformed",
            "metadata mlp: line 1, column 165: unknown field `code`, expected one of `version`, `dtype`, `layer_sizes`, `activations`, `loss`, `target_kind`, `input_scaling`, `target_scaling`, `classes`, `feature_names`, `target_names`, `provenance`",
        ),
        (
            "an unknown key further in",
            changed(provenance, r#""provenance":{"version":"0","by":1}"#),
            "Malformed",
            "metadata mlp: line 1, column 162: unknown field `by`, expected one of `version`, `seed`, `data`, `note`",
        ),
        (
            "a key of the record twice",
            changed(provenance, r#""version":1,"provenance":{"version":"0"}"#),
            "Malformed",
            "metadata mlp: the key `version` appears twice",
        ),
        (
            "a key twice further in",
            changed(r#""delta":1.0"#, r#""delta":1.0,"delta":2.0"#),
            "Malformed",
            "metadata mlp: the key `delta` appears twice",
        ),
        (
            "no loss",
            changed(r#""loss":{"name":"huber","parameters":{"delta":1.0}},"#, ""),
            "Malformed",
            "metadata mlp: line 1, column 112: missing field `loss`",
        ),
        (
            "a newer version",
            changed(r#""version":1,"#, r#""version":2,"new":{"a":[1]},"#),
            "Version",
            "expected format version 1 or older, got 2: a newer version of this library wrote the file",
        ),
        (
            "a newer version with more keys than there may be",
            with_record(
                &RECORD
                    .replace(r#""version":1,"#, r#""version":9,"#)
                    .replace(provenance, &keys),
            ),
            "Version",
            "expected format version 1 or older, got 9: a newer version of this library wrote the file",
        ),
        (
            "version 0",
            changed(r#""version":1,"#, r#""version":0,"#),
            "Malformed",
            "expected format version 1 or newer, got 0",
        ),
        (
            "a version that is a text",
            changed(r#""version":1,"#, r#""version":"1","#),
            "Malformed",
            "metadata mlp: line 1, column 14: invalid type: string \"1\", expected u64",
        ),
        (
            "an unknown activation",
            changed(r#""relu""#, r#""swish""#),
            "Malformed",
            "layer 0: unknown activation `swish`: expected one of identity, relu, leaky_relu, sigmoid, tanh, gelu, gelu_tanh, silu, elu, selu, softplus, softsign, hard_tanh, mish; load_custom_model reads an activation of your own, given its type",
        ),
        (
            "a custom activation",
            changed(r#""relu""#, r#""custom""#),
            "Malformed",
            "layer 0: unknown activation `custom`: expected one of identity, relu, leaky_relu, sigmoid, tanh, gelu, gelu_tanh, silu, elu, selu, softplus, softsign, hard_tanh, mish; load_custom_model reads an activation of your own, given its type",
        ),
        (
            "an activation without its parameter",
            changed(r#""relu""#, r#""elu""#),
            "Malformed",
            "layer 0: elu: expected the parameters alpha, got none",
        ),
        (
            "a parameter too many",
            changed(r#"{"name":"relu"}"#, r#"{"name":"relu","parameters":{"slope":1}}"#),
            "Malformed",
            "layer 0: relu: expected the parameters none, got slope",
        ),
        (
            "two activations for a layer",
            changed(r#"[{"name":"relu"}]"#, r#"[{"name":"relu"},{"name":"relu"}]"#),
            "Malformed",
            "activations: expected 1, one per layer, got 2",
        ),
        (
            "an unknown loss",
            changed(r#""huber","parameters":{"delta":1.0}"#, r#""l2""#),
            "Malformed",
            "loss: unknown loss `l2`: expected one of half_squared_error, mean_squared_error, mean_absolute_error, huber, pinball, softmax_cross_entropy, binary_cross_entropy; a loss of your own has a target_kind beside it (ModelLoss::custom)",
        ),
        (
            "a custom loss with the name of another one",
            changed(
                r#""parameters":{"delta":1.0}}"#,
                r#""parameters":{"delta":1.0}},"target_kind":"real""#,
            ),
            "Malformed",
            "loss: huber is the name of another loss",
        ),
        (
            "a custom loss with an unknown kind of target",
            changed(
                r#""huber","parameters":{"delta":1.0}}"#,
                r#""l2"},"target_kind":"rank""#,
            ),
            "Malformed",
            "metadata mlp: line 1, column 120: unknown variant `rank`, expected one of `real`, `probability`, `distribution`, `class`",
        ),
        (
            "a loss with a parameter out of range",
            changed(r#""delta":1.0"#, r#""delta":-1.0"#),
            "Malformed",
            "loss: Huber delta: expected a finite number above 0, got -1",
        ),
        (
            "a parameter over the largest number",
            changed(r#""delta":1.0"#, r#""delta":1e999"#),
            "Malformed",
            "metadata mlp: line 1, column 129: number out of range",
        ),
        (
            "an unknown dtype of the record",
            changed(r#""F32""#, r#""F16""#),
            "Malformed",
            "metadata mlp: line 1, column 26: unknown variant `F16`, expected `F32` or `F64`",
        ),
        (
            "a dtype that is not the tensors'",
            changed(r#""F32""#, r#""F64""#),
            "Dtype",
            "tensor `layers.0.weight`: expected the dtype F64, got F32: load it with a matrix of f32",
        ),
        (
            "a single layer size",
            changed("[2,1]", "[2]"),
            "Malformed",
            "metadata mlp: expected at least two layer_sizes, each at least 1, got [2]",
        ),
        (
            "a layer size of 0",
            changed("[2,1]", &format!("[2,0{}]", ",1".repeat(15))),
            "Malformed",
            "metadata mlp: expected at least two layer_sizes, each at least 1, got [2, 0, 1, 1, 1, 1, 1, 1, 1, 1, 1, 1, 1, 1, 1, 1] and more",
        ),
        (
            "a layer too many in the record",
            changed("[2,1]", "[2,1,1]"),
            "DoesNotFit",
            "the tensor `layers.1.weight` is missing",
        ),
        (
            "other layer sizes",
            changed("[2,1]", "[1,2]"),
            "DoesNotFit",
            "tensor `layers.0.weight`: expected the shape [2, 1], got [1, 2]",
        ),
        (
            "no bias",
            file(
                &format!(
                    r#"{{"__metadata__":{{"mlp":{}}},{WEIGHT}}}"#,
                    serde_json::to_string(RECORD).unwrap()
                ),
                &NUMBERS[..2],
            ),
            "DoesNotFit",
            "the tensor `layers.0.bias` is missing",
        ),
        (
            "a bias that is a matrix",
            with_entries(&format!(r#"{WEIGHT},{}"#, BIAS.replace("[1]", "[1,1]"))),
            "DoesNotFit",
            "tensor `layers.0.bias`: expected the shape [1], got [1, 1]",
        ),
        (
            "a tensor too many",
            file(
                &format!(
                    r#"{},"layers.1.bias":{{"dtype":"F32","shape":[1],"data_offsets":[12,16]}}}}"#,
                    file_header().strip_suffix('}').unwrap()
                ),
                &[0.0; 4],
            ),
            "DoesNotFit",
            "unexpected tensor `layers.1.bias`",
        ),
        (
            "an input scaling of unknown kind",
            changed(provenance, &scaling("input", "robust", "[0,0]", "[1,1]")),
            "Malformed",
            "metadata mlp: line 1, column 162: unknown scaling `robust`: expected one of standard, min_max",
        ),
        (
            "an input scaling by 0",
            changed(provenance, &scaling("input", "standard", "[0,0]", "[1,0]")),
            "Malformed",
            "metadata mlp: line 1, column 194: scaling: expected a finite scale above 0 for feature 1, got 0",
        ),
        (
            "an input scaling of other lengths",
            changed(provenance, &scaling("input", "standard", "[0,0]", "[1]")),
            "Malformed",
            "metadata mlp: line 1, column 192: scaling: expected 2 scales, one for each offset, got 1",
        ),
        (
            "an input scaling for another network",
            changed(provenance, &scaling("input", "standard", "[0]", "[1]")),
            "Malformed",
            "input scaling: expected 2 features, got 1",
        ),
        (
            "a target scaling for another network",
            changed(provenance, &scaling("target", "min_max", "[0,0]", "[1,1]")),
            "Malformed",
            "target scaling: expected 1 features, got 2",
        ),
        (
            "two classes of one name",
            changed(provenance, &format!(r#""classes":["a","a"],{provenance}"#)),
            "Malformed",
            "metadata mlp: line 1, column 149: classes: expected each name once, got `a` at positions 0 and 1",
        ),
        (
            "more classes than outputs",
            with_record(
                &RECORD
                    .replace(
                        r#"{"name":"huber","parameters":{"delta":1.0}}"#,
                        r#"{"name":"softmax_cross_entropy","parameters":{"label_smoothing":0.0,"probabilities":0.0}}"#,
                    )
                    .replace(provenance, &format!(r#""classes":["a","b"],{provenance}"#)),
            ),
            "Malformed",
            "classes: expected 1 names, got 2",
        ),
        (
            "classes of a regression",
            changed(provenance, &format!(r#""classes":["a"],{provenance}"#)),
            "Malformed",
            "classes: expected a loss whose targets are classes or probabilities, got huber",
        ),
        (
            "feature names for another network",
            changed(provenance, &format!(r#""feature_names":["x"],{provenance}"#)),
            "Malformed",
            "feature names: expected 2 names, got 1",
        ),
        (
            "two features of one name",
            changed(provenance, &format!(r#""feature_names":["x","x"],{provenance}"#)),
            "Malformed",
            "feature names: expected each name once, got `x` at positions 0 and 1",
        ),
        (
            "a target without a name",
            changed(provenance, &format!(r#""target_names":[""],{provenance}"#)),
            "Malformed",
            "target names: expected a name at position 0, got an empty one",
        ),
        (
            "a text longer than any name",
            changed(provenance, &long),
            "Malformed",
            "metadata mlp: line 1, column 5156: expected strings of at most 4096 bytes, got 5000",
        ),
        (
            "metadata that grow in memory",
            changed(provenance, &many),
            "Unsupported",
            "metadata mlp: expected at most 12527628 bytes in memory, got 14401573",
        ),
        (
            "metadata nested deeper than any stack",
            changed(provenance, &deep),
            "Malformed",
            "metadata mlp: line 1, column 270: recursion limit exceeded",
        ),
        (
            "an object with keys without end",
            changed(provenance, &keys),
            "Malformed",
            "metadata mlp: line 1, column 586: expected at most 64 keys in an object",
        ),
    ]
}

/// Returns the end of a record with a scaling.
fn scaling(of: &str, kind: &str, offset: &str, scale: &str) -> String {
    let scaling = format!(r#"{{"kind":"{kind}","offset":{offset},"scale":{scale}}}"#);
    format!(r#""{of}_scaling":{scaling},"provenance":{{"version":"0"}}"#)
}

fn load(bytes: &[u8]) -> Result<Model<Matrix<f32>>, LoadError> {
    model_from_bytes(bytes)
}

#[test]
fn each_malformed_file_is_refused_with_an_error_of_its_own() {
    let model = load(&with_record(RECORD)).expect("the file that all cases are made from must be valid");
    assert_eq!(model.network().layers()[0].weights.to_vec(), NUMBERS[..2]);
    let (mut names, mut wrong) = (HashSet::new(), Vec::new());
    let cases: Vec<_> = container_cases().into_iter().chain(model_cases()).collect();
    assert!(cases.len() >= 60, "{}", cases.len());
    for (name, bytes, kind, message) in cases {
        assert!(names.insert(name), "two cases have the name {name}");
        let error = load(&bytes).expect_err(name);
        let (got, text) = (format!("{:?}", error.kind), error.message);
        if got != kind || text != message {
            wrong.push(format!(
                "{name}:\n  expected {kind}: {message}\n  got      {got}: {text}"
            ));
        }
    }
    assert!(wrong.is_empty(), "{} cases:\n{}", wrong.len(), wrong.join("\n"));
}

#[test]
fn each_malformed_pytorch_network_is_refused() {
    let entry = |name: &str, shape: &str, start: usize, end: usize| {
        format!(r#""{name}":{{"dtype":"F32","shape":{shape},"data_offsets":[{start},{end}]}}"#)
    };
    let file = |entries: &[String]| {
        let numbers = entries
            .last()
            .and_then(|entry| entry.rsplit(',').next()?.strip_suffix("]}")?.parse::<usize>().ok());
        file(
            &format!("{{{}}}", entries.join(",")),
            &vec![0.5; numbers.unwrap_or(0) / 4],
        )
    };
    let weight = entry("0.weight", "[2,1]", 0, 8);
    let cases = [
        ("nothing", file(&[]), "the tensor `0.weight` is missing"),
        ("ours", with_record(RECORD), "expected a PyTorch network, got a model"),
        (
            "a checkpoint of ours",
            with_metadata(r#"{"mlp_checkpoint":"{}"}"#),
            "expected a PyTorch network, got a checkpoint",
        ),
        (
            "a bias alone",
            file(&[entry("0.bias", "[2]", 0, 8)]),
            "the tensor `0.weight` is missing",
        ),
        (
            "layers that do not chain",
            file(&[weight.clone(), entry("2.weight", "[1,3]", 8, 20)]),
            "tensor `2.weight`: expected 2 columns, one per output of the layer before, got 3",
        ),
        (
            "a bias of another layer",
            file(&[weight.clone(), entry("0.bias", "[3]", 8, 20)]),
            "tensor `0.bias`: expected the shape [2], got [3]",
        ),
        (
            "a normalization",
            file(&[weight.clone(), entry("1.weight", "[2]", 8, 16)]),
            "layer `1` is a PReLU or a normalization, but only Linear layers are read: replace a PReLU of one slope by a LeakyReLU, or export the network as ONNX",
        ),
        (
            "its statistics",
            file(&[weight.clone(), entry("1.running_mean", "[2]", 8, 16)]),
            "layer `1` is a BatchNorm, but only Linear layers are read: fold it into the Linear layer next to it, or export the network as ONNX",
        ),
        (
            "another prefix",
            file(&[weight.clone(), entry("a.2.weight", "[1,2]", 8, 16)]),
            "neither the names nor the shapes say in which order the layers `0` and `a.2` are applied: give a list of the layers' names in order (PytorchOptions::layers)",
        ),
        (
            "both types",
            file(&[
                weight,
                r#""2.weight":{"dtype":"F64","shape":[1,2],"data_offsets":[8,24]}"#.to_owned(),
            ]),
            "tensor `2.weight`: expected the dtype F32, got F64: load it with a matrix of f64",
        ),
    ];
    for (name, bytes, message) in cases {
        let error = pytorch_from_bytes::<Matrix<f32>>(&bytes, Tanh, Relu).expect_err(name);
        assert_eq!(error.message, message, "{name}");
    }
}

/// Returns the bytes of a small model with every optional part.
fn small() -> Vec<u8> {
    let scaling = mlp_core::Scaling::standard(&Matrix::from_columns(&[[1.0, 2.0], [3.0, 5.0]])).unwrap();
    let model = Model::new(network::<f32>(&[2, 2], Tanh), SoftmaxCrossEntropy::for_classes())
        .with_input_scaling(scaling)
        .unwrap()
        .with_classes(Classes::new(["a", "b"]).unwrap())
        .and_then(|model| model.with_feature_names(["x", "y"])?.with_target_names(["z"]))
        .unwrap();
    model_to_bytes(&model).unwrap()
}

/// Loads the bytes described by `what` as a model and as a network, and fails if that panics. Returns whether one of
/// them loaded.
fn survives(bytes: &[u8], what: &str) -> bool {
    panic::catch_unwind(|| load(bytes).is_ok() | pytorch_from_bytes::<Matrix<f32>>(bytes, Tanh, Tanh).is_ok())
        .unwrap_or_else(|_| panic!("{what} panics"))
}

#[test]
fn a_file_truncated_anywhere_is_refused() {
    let bytes = small();
    assert!(survives(&bytes, "the whole"));
    for length in 0..bytes.len() {
        assert!(
            !survives(&bytes[..length], &format!("{length} bytes of {}", bytes.len())),
            "{length} bytes load"
        );
    }
}

#[test]
fn a_file_with_any_bit_flipped_never_panics() {
    let bytes = small();
    let (mut changed, mut loaded) = (bytes.clone(), 0);
    for bit in 0..8 * bytes.len() {
        changed[bit / 8] ^= 1 << (bit % 8);
        if survives(&changed, &format!("bit {} of byte {}", bit % 8, bit / 8)) {
            loaded += 1;
            // A model that was loaded, with other numbers or names, must survive being saved and loaded.
            if let Ok(model) = load(&changed) {
                assert!(load(&model_to_bytes(&model).unwrap()).unwrap() == model, "bit {bit}");
            }
        }
        changed[bit / 8] ^= 1 << (bit % 8);
    }
    // Most bits of a weight or a name give another valid weight or name. No change to the structure of the header may.
    assert!(
        (100..8 * bytes.len() / 3).contains(&loaded),
        "{loaded} of {}",
        8 * bytes.len()
    );
}

#[test]
fn a_file_with_random_changes_never_panics_and_agrees_with_the_formats_crate() {
    let bytes = small();
    let mut random = Xoshiro256PlusPlus::seed_from_u64(5);
    for case in 0..20_000 {
        let mut changed = bytes.clone();
        for _ in 0..random.random_range(1..5_usize) {
            let at = random.random_range(0..changed.len());
            match random.random_range(0..4) {
                0 => changed[at] = random.random_range(0..=255),
                1 => changed[at] = b"{}[]\",:0123456789e-.\\u"[random.random_range(0..22_usize)],
                2 => drop(changed.remove(at)),
                _ => changed.insert(at, changed[random.random_range(0..changed.len())]),
            }
        }
        // Files that are accepted here must be accepted by the format's crate.
        if survives(&changed, &format!("case {case}")) {
            safetensors::SafeTensors::deserialize(&changed).unwrap_or_else(|e| panic!("case {case}: {e}"));
        }
    }
}

#[test]
fn a_message_is_one_line_whatever_the_names_in_the_file() {
    let name = r"\u001b[2J\n\u007f";
    for bytes in [
        changed(r#""relu""#, &format!(r#""{name}""#)),
        changed(r#""huber""#, &format!(r#""{name}""#)),
        changed(
            r#""provenance":"#,
            &format!(r#""classes":["{name}","{name}"],"provenance":"#),
        ),
        with_record(&RECORD.replace(
            r#""provenance":{"version":"0.1.0"}"#,
            &scaling("input", name, "[0]", "[1]"),
        )),
    ] {
        let message = load(&bytes).unwrap_err().to_string();
        assert!(message.contains(r"`\u{1b}[2J\n\u{7f}`"), "{message}");
    }
}

#[test]
fn a_message_names_the_file_on_one_line() {
    let directory = tempfile::tempdir().unwrap();
    let path = directory.path().join("a\n\u{1b}[2J");
    let model = Model::new(network::<f32>(&[1, 1], Tanh), SoftmaxCrossEntropy::for_classes());
    std::fs::create_dir(&path).unwrap();
    for message in [
        mlp_io::load_model::<Matrix<f32>>(&path).unwrap_err().to_string(),
        mlp_io::save_model(&path, &model).unwrap_err().to_string(),
        mlp_io::load_npz::<Matrix<f32>>(&path).unwrap_err().to_string(),
        mlp_io::save_npz(&path, &model).unwrap_err().to_string(),
    ] {
        assert!(
            message.contains(r"/a\n\u{1b}[2J: ") && !message.contains(char::is_control),
            "{message}"
        );
    }
    let path = directory.path().join("model.safetensors");
    std::fs::write(&path, with_record("hello")).unwrap();
    let error = mlp_io::load_model::<Matrix<f32>>(&path).unwrap_err();
    let message = format!("{}: metadata mlp: line 1, column 1: expected value", path.display());
    assert_eq!(error.to_string(), message);
    assert_eq!((error.file, error.kind), (Some(path), LoadErrorKind::Malformed));
}
