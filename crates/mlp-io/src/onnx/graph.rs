//! Builds a graph node by node.

use super::proto::{
    ATTRIBUTE_FLOAT, ATTRIBUTE_INT, AttributeProto, DOUBLE, Dimension, DimensionValue, FLOAT, GraphProto, NodeProto,
    TensorProto, TensorShapeProto, TensorTypeProto, TypeProto, ValueInfoProto,
};

pub(super) const INPUT: &str = "input";
pub(super) const OUTPUT: &str = "output";

/// The name of a value in the graph.
pub(super) type Value = String;

pub(super) struct Graph {
    /// The type of the network's numbers: FLOAT or DOUBLE.
    element: i32,
    /// The prefix of the names of new nodes.
    section: String,
    nodes: Vec<NodeProto>,
    initializers: Vec<TensorProto>,
    /// The bits and names of the scalar constants so far.
    constants: Vec<(u64, Value)>,
}

impl Graph {
    pub(super) fn new(double: bool) -> Self {
        Self {
            element: if double { DOUBLE } else { FLOAT },
            section: String::new(),
            nodes: Vec::new(),
            initializers: Vec::new(),
            constants: Vec::new(),
        }
    }

    pub(super) fn is_double(&self) -> bool {
        self.element == DOUBLE
    }

    /// Sets the prefix of the names of the nodes that follow.
    pub(super) fn section(&mut self, name: &str) {
        name.clone_into(&mut self.section);
    }

    /// Adds a node with one output, which has the name of the node.
    pub(super) fn node(&mut self, op: &str, inputs: &[&Value]) -> Value {
        self.node_with(op, inputs, Vec::new())
    }

    pub(super) fn node_with(&mut self, op: &str, inputs: &[&Value], attribute: Vec<AttributeProto>) -> Value {
        let name = format!("{}.{op}_{}", self.section, self.nodes.len());
        self.nodes.push(NodeProto {
            input: inputs.iter().map(|&input| input.clone()).collect(),
            output: vec![name.clone()],
            name: Some(name.clone()),
            op_type: Some(op.to_owned()),
            attribute,
        });
        name
    }

    /// Adds an operation on a value and a constant.
    pub(super) fn with_constant(&mut self, op: &str, value: &Value, constant: f64) -> Value {
        let constant = self.constant(constant);
        self.node(op, &[value, &constant])
    }

    /// Returns a constant: a tensor without dimensions, in the type of the network's numbers.
    pub(super) fn constant(&mut self, value: f64) -> Value {
        if let Some((_, name)) = self.constants.iter().find(|(bits, _)| *bits == value.to_bits()) {
            return name.clone();
        }
        let name = format!("constant_{}", self.constants.len());
        let bytes = if self.is_double() {
            value.to_le_bytes().to_vec()
        } else {
            (value as f32).to_le_bytes().to_vec()
        };
        self.constants.push((value.to_bits(), name.clone()));
        self.tensor(&name, self.element, &[], bytes)
    }

    /// Adds a tensor of the network's parameters.
    pub(super) fn parameter(&mut self, name: &str, shape: &[usize], bytes: Vec<u8>) -> Value {
        self.tensor(name, self.element, shape, bytes)
    }

    /// Adds a vector of doubles.
    pub(super) fn doubles(&mut self, name: &str, values: &[f64]) -> Value {
        let bytes = values.iter().flat_map(|value| value.to_le_bytes()).collect();
        self.tensor(name, DOUBLE, &[values.len()], bytes)
    }

    fn tensor(&mut self, name: &str, data_type: i32, shape: &[usize], bytes: Vec<u8>) -> Value {
        self.initializers.push(TensorProto {
            dims: shape.iter().map(|&n| dimension(n)).collect(),
            data_type: Some(data_type),
            name: Some(name.to_owned()),
            raw_data: Some(bytes),
        });
        name.to_owned()
    }

    /// Converts the value to a double.
    pub(super) fn widen(&mut self, value: &Value) -> Value {
        self.cast(value, DOUBLE)
    }

    /// Converts the double to the type of the network's numbers.
    pub(super) fn narrow(&mut self, value: &Value) -> Value {
        self.cast(value, self.element)
    }

    fn cast(&mut self, value: &Value, to: i32) -> Value {
        if self.is_double() {
            return value.clone();
        }
        self.node_with("Cast", &[value], vec![integer("to", to.into())])
    }

    /// Returns the graph. Its output is the output of the last node.
    pub(super) fn finish(mut self, inputs: usize, outputs: usize) -> GraphProto {
        if let Some(last) = self.nodes.last_mut() {
            last.output = vec![OUTPUT.to_owned()];
        }
        GraphProto {
            node: self.nodes,
            name: Some("mlp".to_owned()),
            initializer: self.initializers,
            input: vec![samples(INPUT, self.element, inputs)],
            output: vec![samples(OUTPUT, self.element, outputs)],
        }
    }
}

/// Describes a matrix of N samples, where N is variable.
fn samples(name: &str, element: i32, features: usize) -> ValueInfoProto {
    let dimensions = [
        DimensionValue::DimParam("N".to_owned()),
        DimensionValue::DimValue(dimension(features)),
    ];
    let dim = dimensions.map(|value| Dimension { value: Some(value) }).into();
    let tensor_type = TensorTypeProto {
        elem_type: Some(element),
        shape: Some(TensorShapeProto { dim }),
    };
    ValueInfoProto {
        name: Some(name.to_owned()),
        r#type: Some(TypeProto {
            tensor_type: Some(tensor_type),
        }),
    }
}

/// Converts a dimension. It was checked before that it is at most 2^31.
fn dimension(n: usize) -> i64 {
    i64::try_from(n).unwrap_or(i64::MAX)
}

pub(super) fn integer(name: &str, value: i64) -> AttributeProto {
    AttributeProto {
        name: Some(name.to_owned()),
        f: None,
        i: Some(value),
        r#type: Some(ATTRIBUTE_INT),
    }
}

pub(super) fn float(name: &str, value: f64) -> AttributeProto {
    AttributeProto {
        name: Some(name.to_owned()),
        f: Some(value as f32),
        i: None,
        r#type: Some(ATTRIBUTE_FLOAT),
    }
}
