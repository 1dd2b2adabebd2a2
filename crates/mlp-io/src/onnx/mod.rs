//! Exports models to other runtimes, in ONNX.

mod activation;
#[doc(hidden)]
pub mod graph;
mod proto;

use crate::number::Coded as _;
use crate::parameters::parameters;
use crate::{Number, SaveError, write_atomically};
use graph::{Graph, INPUT, ML, OUTPUT, Type, Value, integer, samples};
use mlp_core::backend::Tensor;
use mlp_core::{Activation, Model, OutputTransform, Scaling};
use proto::Message;
use std::path::Path;

/// The version of the operator set.
const OPSET: i64 = 13;
/// The version of the operators on texts.
const ML_OPSET: i64 = 2;
/// The version of the format that was released with this operator set.
const IR_VERSION: i64 = 7;
/// The limit of protocol buffers, less room for names.
const MAX_LENGTH: u64 = (1 << 31) - (1 << 24);

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
/// use mlp_core::activations::Gelu;
/// use mlp_core::{HalfMse, Mlp, Model};
/// use mlp_cpu::Matrix;
///
/// # let directory = tempfile::tempdir()?;
/// # let path = directory.path().join("model.onnx");
/// let model = Model::new(Mlp::<Matrix<f32>>::builder(&[3, 8, 2]).hidden(Gelu).build()?, HalfMse);
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
/// Returns an error if the model has an activation of your own, if a parameter is not finite, if the parameters take
/// more bytes than a file can hold, or if the file cannot be written.
pub fn export_onnx<B, C>(path: impl AsRef<Path>, model: &Model<B, C>) -> Result<(), SaveError>
where
    B: Tensor<Scalar: Number>,
    C: Activation,
{
    let bytes = onnx_to_bytes(model).map_err(|e| e.in_file(path.as_ref()))?;
    write_atomically(path, |file| file.write_all(&bytes))
}

/// Returns the bytes that [`export_onnx`] writes.
///
/// # Errors
/// The errors of [`export_onnx`], except those of writing the file.
///
/// ```
/// use mlp_core::{Activation, ActivationKind, HalfMse, Mlp, Model, Scalar};
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
/// let error = mlp_io::onnx_to_bytes(&Model::new(network, HalfMse)).unwrap_err();
/// assert_eq!(error.to_string(), "layer 0: expected an activation of this library, got custom");
/// # Ok::<(), mlp_core::BuildError>(())
/// ```
pub fn onnx_to_bytes<B, C>(model: &Model<B, C>) -> Result<Vec<u8>, SaveError>
where
    B: Tensor<Scalar: Number>,
    C: Activation,
{
    let network = model.network();
    let bytes = (network.parameter_count() as u64).saturating_mul(B::Scalar::SIZE as u64);
    if bytes > MAX_LENGTH {
        let message = format!("expected a model of less than 2 GiB, got {bytes} bytes of parameters");
        return Err(SaveError::refused(message));
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
            let values = parameters(layer, what, part)?;
            let (rows, columns) = part.shape();
            let shape = if matrix { vec![rows, columns] } else { vec![rows] };
            let bytes = row_major(&values, rows);
            Ok::<_, SaveError>(graph.parameter(&format!("layers.{layer}.{what}"), &shape, bytes))
        };
        let weights: Value = parameter("weights", &dense.weights, true)?;
        let bias: Value = parameter("bias", &dense.bias, false)?;
        let z = graph.node_with("Gemm", &[&value, &weights, &bias], vec![integer("transB", 1)]);
        value = activation::activation(&mut graph, activation, &z).ok_or_else(|| {
            let got = activation.name();
            SaveError::refused(format!(
                "layer {layer}: expected an activation of this library, got {got}"
            ))
        })?;
    }
    graph.section("prediction");
    match model.output() {
        OutputTransform::Identity => {}
        OutputTransform::Softmax => value = graph.node_with("Softmax", &[&value], vec![integer("axis", -1)]),
        OutputTransform::Sigmoid => value = graph.node("Sigmoid", &[&value]),
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
    graph.name_output(OUTPUT);
    let of = if graph.is_double() { Type::Double } else { Type::Float };
    let inputs = vec![samples(INPUT, of, network.inputs())];
    let outputs = vec![samples(OUTPUT, of, network.outputs())];
    Ok(file(graph, inputs, outputs, metadata(model)))
}

/// Returns the bytes of a file with this graph. The metadata are keys and values.
pub fn file(graph: Graph, inputs: Vec<Message>, outputs: Vec<Message>, metadata: Vec<(&str, String)>) -> Vec<u8> {
    let (graph, has_ml) = graph.finish(inputs, outputs);
    let operators = |domain, version| Message::default().bytes(1, domain).integer(2, version);
    let metadata = metadata
        .iter()
        .map(|(key, value)| Message::default().bytes(1, key).bytes(2, value));
    let file = Message::default()
        .integer(1, IR_VERSION)
        .bytes(2, env!("CARGO_PKG_NAME"))
        .bytes(3, env!("CARGO_PKG_VERSION"))
        .bytes(7, graph)
        .bytes(8, operators("", OPSET))
        .each(8, has_ml.then(|| operators(ML, ML_OPSET)))
        .each(14, metadata);
    file.into_bytes()
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

/// Returns the little-endian numbers of a matrix row after row. In `values` they are column after column.
fn row_major<T: Number>(values: &[T], rows: usize) -> Vec<u8> {
    let mut bytes = Vec::with_capacity(values.len().saturating_mul(T::SIZE));
    for row in 0..rows {
        // Every `rows`-th number belongs to the row.
        for value in values.iter().skip(row).step_by(rows) {
            value.put_le(&mut bytes);
        }
    }
    bytes
}

/// Returns where the model comes from and what its outputs are, in a fixed order.
fn metadata<B: Tensor, C: Activation>(model: &Model<B, C>) -> Vec<(&'static str, String)> {
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
    entries
        .into_iter()
        .filter_map(|(key, value)| Some((key, value?)))
        .collect()
}
