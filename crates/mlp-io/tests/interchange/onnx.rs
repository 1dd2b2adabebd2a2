//! Checks the structure of exported models. The protocol buffers' bytes are read back with the field numbers of the
//! official onnx.proto. `tests/interchange/interchange.py` checks what runtimes compute from the files.

use mlp_core::activations::Tanh;
use mlp_core::backend::Tensor;
use mlp_core::{
    ActivationKind, Classes, HalfMse, LossKind, Mlp, Model, NoCustom, Provenance, Scaling, ScalingKind,
    SoftmaxCrossEntropy,
};
use mlp_cpu::Matrix;
use mlp_io::{export_onnx, onnx_to_bytes};

/// Returns the fields with this number. A field of bytes gives its bytes, and a varint the bytes of its value.
fn fields(message: &[u8], number: u64) -> Vec<Vec<u8>> {
    let mut at = 0;
    let varint = |at: &mut usize| {
        let (mut value, mut shift) = (0_u64, 0);
        loop {
            let byte = message[*at];
            *at += 1;
            value |= u64::from(byte & 0x7f) << shift;
            shift += 7;
            if byte < 0x80 {
                return value;
            }
        }
    };
    let mut found = Vec::new();
    while at < message.len() {
        let key = varint(&mut at);
        let value = match key & 7 {
            0 => varint(&mut at).to_le_bytes().to_vec(),
            wire => {
                let length = if wire == 5 { 4 } else { varint(&mut at) as usize };
                at += length;
                message[at - length..at].to_vec()
            }
        };
        if key >> 3 == number {
            found.push(value);
        }
    }
    found
}

fn one(message: &[u8], path: &[u64]) -> Vec<u8> {
    path.iter().fold(message.to_vec(), |message, &number| {
        let mut found = fields(&message, number);
        assert_eq!(found.len(), 1, "field {number}");
        found.remove(0)
    })
}

fn integer(message: &[u8], path: &[u64]) -> i64 {
    i64::from_le_bytes(one(message, path).try_into().unwrap())
}

fn text(bytes: Vec<u8>) -> String {
    String::from_utf8(bytes).unwrap()
}

fn texts(message: &[u8], number: u64) -> Vec<String> {
    fields(message, number).into_iter().map(text).collect()
}

/// Returns (operator, inputs, outputs) of each node.
fn nodes(file: &[u8]) -> Vec<(String, Vec<String>, Vec<String>)> {
    let nodes = fields(&one(file, &[7]), 1);
    nodes
        .iter()
        .map(|node| (text(one(node, &[4])), texts(node, 1), texts(node, 2)))
        .collect()
}

fn operators(file: &[u8]) -> Vec<String> {
    nodes(file).into_iter().map(|(operator, ..)| operator).collect()
}

fn initializer(file: &[u8], name: &str) -> Vec<u8> {
    let all = fields(&one(file, &[7]), 5);
    all.into_iter().find(|tensor| text(one(tensor, &[8])) == name).unwrap()
}

fn model<T: mlp_io::Number>(hidden: ActivationKind, loss: impl Into<LossKind>) -> Model<Matrix<T>>
where
    Matrix<T>: Tensor<Scalar = T>,
{
    Model::new(Mlp::builder(&[3, 5, 2]).hidden(hidden).seed(7).build().unwrap(), loss)
}

#[test]
fn the_file_has_the_input_the_layers_and_the_output() {
    let model = model::<f64>(Tanh.into(), SoftmaxCrossEntropy::for_classes());
    let model = model.with_classes(Classes::new(["a", "b \"c\""]).unwrap()).unwrap();
    let provenance = Provenance {
        version: "1.2.3".into(),
        seed: Some(7),
        data: Some("abc".into()),
        note: Some("for the shop".into()),
    };
    let model = model.with_provenance(provenance);
    let file = onnx_to_bytes(&model).unwrap();
    assert_eq!((integer(&file, &[1]), integer(&file, &[8, 2])), (7, 13));
    assert_eq!(text(one(&file, &[2])), "mlp-io");
    assert_eq!(operators(&file), ["Gemm", "Tanh", "Gemm", "Softmax"]);
    for (field, name, features) in [(11, "input", 3), (12, "output", 2)] {
        let value = one(&file, &[7, field]);
        assert_eq!(text(one(&value, &[1])), name);
        assert_eq!(integer(&value, &[2, 1, 1]), 11);
        let dimensions = fields(&one(&value, &[2, 1, 2]), 1);
        assert_eq!(text(one(&dimensions[0], &[2])), "N");
        assert_eq!(integer(&dimensions[1], &[1]), features);
    }
    for (layer, dense) in model.network().layers().iter().enumerate() {
        let tensor = initializer(&file, &format!("layers.{layer}.weights"));
        let (rows, columns) = dense.weights.shape();
        let dims: Vec<_> = fields(&tensor, 1)
            .into_iter()
            .map(|n| usize::from_le_bytes(n.try_into().unwrap()))
            .collect();
        assert_eq!((dims, integer(&tensor, &[2])), (vec![rows, columns], 11));
        let mut expected = Vec::new();
        for row in 0..rows {
            for column in 0..columns {
                expected.extend(dense.weights[(row, column)].to_le_bytes());
            }
        }
        assert_eq!(one(&tensor, &[9]), expected);
    }
    let metadata: Vec<_> = fields(&file, 14)
        .iter()
        .map(|e| (text(one(e, &[1])), text(one(e, &[2]))))
        .collect();
    let expected = [
        ("version", "1.2.3"),
        ("loss", "softmax_cross_entropy"),
        ("seed", "7"),
        ("data", "abc"),
        ("note", "for the shop"),
        ("classes", r#"["a","b \"c\""]"#),
    ];
    assert_eq!(
        metadata,
        expected.map(|(key, value)| (key.to_owned(), value.to_owned()))
    );
}

#[test]
fn scalings_surround_the_layers_in_double_precision() {
    fn scaled<T: mlp_io::Number>() -> Vec<u8>
    where
        Matrix<T>: Tensor<Scalar = T>,
    {
        let scaling = |n| Scaling::from_parts(ScalingKind::Standard, vec![0.5; n], vec![2.0; n]).unwrap();
        let model = model::<T>(Tanh.into(), HalfMse);
        let model = model
            .with_input_scaling(scaling(3))
            .unwrap()
            .with_target_scaling(scaling(2))
            .unwrap();
        onnx_to_bytes(&model).unwrap()
    }
    let layers = ["Gemm", "Tanh", "Gemm"];
    let double = [&["Sub", "Div"][..], &layers, &["Mul", "Add"]].concat();
    assert_eq!(operators(&scaled::<f64>()), double);
    let single = [
        &["Cast", "Sub", "Div", "Cast"][..],
        &layers,
        &["Cast", "Mul", "Add", "Cast"],
    ]
    .concat();
    assert_eq!(operators(&scaled::<f32>()), single);
    let scale = initializer(&scaled::<f32>(), "target_scaling.scale");
    assert_eq!(one(&scale, &[9]), [2.0_f64.to_le_bytes(); 2].concat());
}

/// For every activation, each value must be defined once, before it is used, and the last one must be the output.
#[test]
fn every_graph_is_whole_and_in_order() {
    fn examine<T: mlp_io::Number>(name: &str)
    where
        Matrix<T>: Tensor<Scalar = T>,
    {
        let model = model::<T>(name.parse().unwrap(), mlp_core::BinaryCrossEntropy);
        let file = onnx_to_bytes(&model).unwrap();
        assert_eq!(file, onnx_to_bytes(&model.clone()).unwrap());
        let initializers = fields(&one(&file, &[7]), 5);
        let mut known: Vec<String> = initializers.iter().map(|tensor| text(one(tensor, &[8]))).collect();
        known.push("input".into());
        for (operator, inputs, outputs) in nodes(&file) {
            assert!(
                inputs.iter().all(|input| known.contains(input)),
                "{name}: {operator} of {inputs:?}"
            );
            assert!(
                outputs.len() == 1 && !known.contains(&outputs[0]),
                "{name}: {operator} to {outputs:?}"
            );
            known.extend(outputs);
        }
        assert_eq!(known.last().unwrap(), "output", "{name}");
        let mut sorted = known.clone();
        sorted.sort();
        sorted.dedup();
        assert_eq!(sorted.len(), known.len(), "{name}");
        // onnxruntime does not have these operators in double precision.
        let single = ["LeakyRelu", "Elu", "Selu", "Erf", "Softplus", "Softsign"];
        let double = size_of::<T>() == 8;
        assert!(
            !double
                || operators(&file)
                    .iter()
                    .all(|operator| !single.contains(&operator.as_str())),
            "{name}"
        );
    }
    for name in ActivationKind::<NoCustom>::NAMES {
        examine::<f32>(name);
        examine::<f64>(name);
    }
}

#[test]
fn the_file_holds_the_bytes() {
    let directory = tempfile::tempdir().unwrap();
    let path = directory.path().join("model.onnx");
    let model = model::<f32>(Tanh.into(), HalfMse);
    export_onnx(&path, &model).unwrap();
    assert_eq!(std::fs::read(&path).unwrap(), onnx_to_bytes(&model).unwrap());
}

#[test]
fn parameters_that_are_not_finite_are_refused() {
    let mut model = model::<f32>(Tanh.into(), HalfMse);
    model.network_mut().layers_mut()[1].bias.write(&[0.0, f32::NAN]);
    let error = onnx_to_bytes(&model).unwrap_err();
    assert_eq!(error.to_string(), "layer 1: expected finite bias, got NaN");
}
