//! Exports models to other runtimes, in ONNX.

mod activation;
mod graph;
mod proto;

use crate::little_endian::LittleEndian as _;
use crate::{Number, WriteError, write_atomically};
use graph::{Graph, INPUT, Value, integer};
use mlp_core::backend::Tensor;
use mlp_core::{Activation, Model, Output, Scalar as _, Scaling};
use prost::Message as _;
use proto::{ModelProto, OperatorSetIdProto, StringStringEntryProto};
use std::path::Path;

/// The version of the operator set.
const OPSET: i64 = 13;
/// The version of the format that was released with this operator set.
const IR_VERSION: i64 = 7;
/// The limit of protocol buffers, less room for names.
const MAX_LENGTH: u64 = (1 << 31) - (1 << 24);

/// Why a model was not exported.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum OnnxError {
    /// The file could not be written.
    #[error(transparent)]
    Write(#[from] WriteError),
    /// An activation is not one of this library's.
    #[error("layer {layer}: expected an activation of this library, got {got}")]
    Activation {
        /// The layer, from 0.
        layer: usize,
        /// The activation's name.
        got: &'static str,
    },
    /// A weight or bias is infinite or NaN.
    #[error("layer {layer}: expected finite {what}, got {got}")]
    NotFinite {
        /// The layer, from 0.
        layer: usize,
        /// `weights` or `bias`.
        what: &'static str,
        /// The value.
        got: f64,
    },
    /// The parameters take more bytes than an ONNX file can hold.
    #[error("expected a model of less than 2 GiB, got {bytes} bytes of parameters")]
    TooLarge {
        /// How many bytes the parameters have.
        bytes: u64,
    },
}

/// Writes the model as an ONNX file. Its `output` (N x outputs) is what [`Model::predict`] returns for `input` (N x
/// features), where N is variable. The file includes the scaling of the inputs, the layers and activations, the softmax
/// or sigmoid of a classifier, and the conversion of targets back to their own units.
///
/// The operators are from opset 13 and the format is IR version 7 (ONNX 1.8, December 2020); onnxruntime 1.6 and later
/// can read it. Inputs, outputs and parameters have the model's type, `f32` or `f64`. For `f64`, the file uses only
/// operators that onnxruntime has in double precision on the CPU. Scalings are computed in double precision and rounded
/// once, also for `f32`, as `predict` does. For finite features, predictions agree up to rounding: to 1e-6 in `f32` and
/// 1e-12 in `f64` if sums are of about the size of 1.
///
/// In the file a sample is a row. The bytes of a batch are the same as those of a matrix of this library, one sample
/// after the other. The metadata holds the library's `version`, the name of the `loss`, and, where known, `seed`,
/// `data` (the hash of the training data) and `classes` (the names in the order of the outputs, as a JSON list). The
/// same model always gives the same bytes, which appear under `path` whole or not at all.
///
/// ```
/// use mlp_core::{Gelu, HalfSquaredError, Mlp, Model};
/// use mlp_cpu::Matrix;
///
/// # let directory = tempfile::tempdir()?;
/// # let path = directory.path().join("model.onnx");
/// let model = Model::new(Mlp::<Matrix<f32>>::builder(&[3, 8, 2]).hidden(Gelu).build()?, HalfSquaredError);
/// mlp_io::export_onnx(&path, &model)?;
/// # assert_eq!(std::fs::read(&path)?, mlp_io::onnx_to_bytes(&model)?);
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
///
/// ```python
/// session = onnxruntime.InferenceSession("model.onnx")
/// predictions, = session.run(None, {"input": numpy.zeros((5, 3), numpy.float32)})  # 5 x 2
/// ```
///
/// # Errors
/// Returns [`OnnxError::Activation`] for an activation of your own, [`OnnxError::NotFinite`] if a parameter is not
/// finite, [`OnnxError::TooLarge`] if the parameters take more bytes than a file can hold, and [`OnnxError::Write`] if
/// the file cannot be written.
pub fn export_onnx<B, C>(path: impl AsRef<Path>, model: &Model<B, C>) -> Result<(), OnnxError>
where
    B: Tensor<Scalar: Number>,
    C: Activation,
{
    let bytes = onnx_to_bytes(model)?;
    write_atomically(path, |file| file.write_all(&bytes))?;
    Ok(())
}

/// Returns the bytes that [`export_onnx`] writes.
///
/// # Errors
/// The errors of [`export_onnx`], except those of writing the file.
///
/// ```
/// use mlp_core::{Activation, ActivationKind, HalfSquaredError, Mlp, Model, Scalar};
/// use mlp_cpu::Matrix;
///
/// #[derive(Clone, Debug)]
/// struct Square;
/// impl Activation for Square {
///     fn value<T: Scalar>(&self, z: T) -> T {
///         z * z
///     }
/// }
///
/// let network = Mlp::<Matrix<f64>, _>::builder(&[3, 8, 2]).hidden(ActivationKind::Custom(Square)).build()?;
/// let error = mlp_io::onnx_to_bytes(&Model::new(network, HalfSquaredError)).unwrap_err();
/// assert_eq!(error.to_string(), "layer 0: expected an activation of this library, got custom");
/// # Ok::<(), mlp_core::BuildError>(())
/// ```
pub fn onnx_to_bytes<B, C>(model: &Model<B, C>) -> Result<Vec<u8>, OnnxError>
where
    B: Tensor<Scalar: Number>,
    C: Activation,
{
    let network = model.network();
    let bytes = (network.parameter_count() as u64).saturating_mul(B::Scalar::SIZE as u64);
    if bytes > MAX_LENGTH {
        return Err(OnnxError::TooLarge { bytes });
    }
    let mut graph = Graph::new(B::Scalar::SIZE == size_of::<f64>());
    let mut value = INPUT.to_owned();
    if let Some(scaling) = model.input_scaling() {
        value = scaled(
            &mut graph,
            "input_scaling",
            scaling,
            [("offset", "Sub"), ("scale", "Div")],
            &value,
        );
    }
    for (layer, (dense, activation)) in network.layers().iter().zip(network.activations()).enumerate() {
        graph.section(&format!("layers.{layer}"));
        let mut parameter = |what, part: &B, matrix| {
            let (shape, bytes) = row_major(part, matrix).map_err(|got| OnnxError::NotFinite { layer, what, got })?;
            Ok::<_, OnnxError>(graph.parameter(&format!("layers.{layer}.{what}"), &shape, bytes))
        };
        let weights: Value = parameter("weights", &dense.weights, true)?;
        let bias: Value = parameter("bias", &dense.bias, false)?;
        let z = graph.node_with("Gemm", &[&value, &weights, &bias], vec![integer("transB", 1)]);
        value = activation::activation(&mut graph, activation, &z).ok_or_else(|| OnnxError::Activation {
            layer,
            got: activation.name(),
        })?;
    }
    graph.section("prediction");
    match model.output() {
        Output::Identity => {}
        Output::Softmax => value = graph.node_with("Softmax", &[&value], vec![integer("axis", -1)]),
        Output::Sigmoid => value = graph.node("Sigmoid", &[&value]),
    }
    if let Some(scaling) = model.target_scaling() {
        scaled(
            &mut graph,
            "target_scaling",
            scaling,
            [("scale", "Mul"), ("offset", "Add")],
            &value,
        );
    }
    let file = ModelProto {
        ir_version: Some(IR_VERSION),
        producer_name: Some(env!("CARGO_PKG_NAME").to_owned()),
        producer_version: Some(env!("CARGO_PKG_VERSION").to_owned()),
        graph: Some(graph.finish(network.inputs(), network.outputs())),
        opset_import: vec![OperatorSetIdProto {
            domain: Some(String::new()),
            version: Some(OPSET),
        }],
        metadata_props: metadata(model),
    };
    Ok(file.encode_to_vec())
}

/// Applies the operators with the offset or scale of each feature, in double precision.
fn scaled(graph: &mut Graph, section: &str, scaling: &Scaling, operators: [(&str, &str); 2], value: &Value) -> Value {
    graph.section(section);
    let mut value = graph.widen(value);
    for (part, operator) in operators {
        let values = if part == "offset" {
            scaling.offset()
        } else {
            scaling.scale()
        };
        let constants = graph.doubles(&format!("{section}.{part}"), values);
        value = graph.node(operator, &[&value, &constants]);
    }
    graph.narrow(&value)
}

/// Returns the shape and the little-endian numbers, row after row. A bias is one row. The error is the first number
/// that is not finite.
fn row_major<B: Tensor<Scalar: Number>>(part: &B, matrix: bool) -> Result<(Vec<usize>, Vec<u8>), f64> {
    let (rows, columns) = part.shape();
    let mut values = Vec::new();
    B::read(part.into(), &mut values);
    if let Some(got) = values
        .iter()
        .map(|value| value.to_f64())
        .find(|value| !value.is_finite())
    {
        return Err(got);
    }
    let mut bytes = Vec::with_capacity(values.len().saturating_mul(B::Scalar::SIZE));
    for row in 0..rows {
        // The numbers are column after column, so every `rows`-th one belongs to the row.
        for value in values.iter().skip(row).step_by(rows) {
            value.put_le(&mut bytes);
        }
    }
    Ok((if matrix { vec![rows, columns] } else { vec![rows] }, bytes))
}

/// Returns where the model comes from and what its outputs are, in a fixed order.
fn metadata<B: Tensor, C: Activation>(model: &Model<B, C>) -> Vec<StringStringEntryProto> {
    let provenance = model.provenance();
    let classes = model
        .classes()
        .map(|classes| serde_json::json!(classes.names()).to_string());
    let entries = [
        ("version", Some(provenance.version.clone())),
        ("loss", Some(model.loss().name().to_owned())),
        ("seed", provenance.seed.map(|seed| seed.to_string())),
        ("data", provenance.data.clone()),
        ("note", provenance.note.clone()),
        ("classes", classes),
    ];
    let present = entries.into_iter().filter(|(_, value)| value.is_some());
    present
        .map(|(key, value)| StringStringEntryProto {
            key: Some(key.to_owned()),
            value,
        })
        .collect()
}
