//! Builds a graph node by node.

use super::proto::{DOUBLE, FLOAT, Message};

pub(super) const INPUT: &str = "input";
pub(super) const OUTPUT: &str = "output";

/// The name of a value in the graph.
pub(super) type Value = String;

/// An operation. Its output has the name of the node.
struct Node {
    name: Value,
    op: String,
    inputs: Vec<Value>,
    attributes: Vec<Message>,
}

pub(super) struct Graph {
    /// The type of the network's numbers: FLOAT or DOUBLE.
    element: i64,
    /// The prefix of the names of new nodes.
    section: String,
    nodes: Vec<Node>,
    initializers: Vec<Message>,
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

    pub(super) fn node_with(&mut self, op: &str, inputs: &[&Value], attributes: Vec<Message>) -> Value {
        let name = format!("{}.{op}_{}", self.section, self.nodes.len());
        self.nodes.push(Node {
            name: name.clone(),
            op: op.to_owned(),
            inputs: inputs.iter().map(|&input| input.clone()).collect(),
            attributes,
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

    fn tensor(&mut self, name: &str, data_type: i64, shape: &[usize], bytes: Vec<u8>) -> Value {
        let dimensions = shape.iter().map(|&n| dimension(n));
        let tensor = dimensions.fold(Message::default(), |tensor, n| tensor.integer(1, n));
        let tensor = tensor.integer(2, data_type).bytes(8, name).bytes(9, bytes);
        self.initializers.push(tensor);
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

    fn cast(&mut self, value: &Value, to: i64) -> Value {
        if self.is_double() {
            return value.clone();
        }
        self.node_with("Cast", &[value], vec![integer("to", to)])
    }

    /// Returns the graph. Its output is the output of the last node.
    pub(super) fn finish(self, inputs: usize, outputs: usize) -> Message {
        let last = self.nodes.len().saturating_sub(1);
        let nodes = self.nodes.into_iter().enumerate().map(|(i, node)| {
            let output = if i == last { OUTPUT } else { &node.name };
            let message = Message::default().each(1, &node.inputs).bytes(2, output);
            message.bytes(3, &node.name).bytes(4, &node.op).each(5, node.attributes)
        });
        Message::default()
            .each(1, nodes)
            .bytes(2, "mlp")
            .each(5, self.initializers)
            .bytes(11, samples(INPUT, self.element, inputs))
            .bytes(12, samples(OUTPUT, self.element, outputs))
    }
}

/// Describes a matrix of N samples, where N is variable.
fn samples(name: &str, element: i64, features: usize) -> Message {
    let dimensions = [
        Message::default().bytes(2, "N"),
        Message::default().integer(1, dimension(features)),
    ];
    let tensor = Message::default()
        .integer(1, element)
        .bytes(2, Message::default().each(1, dimensions));
    Message::default()
        .bytes(1, name)
        .bytes(2, Message::default().bytes(1, tensor))
}

/// Converts a dimension. It was checked before that it is at most 2^31.
fn dimension(n: usize) -> i64 {
    i64::try_from(n).unwrap_or(i64::MAX)
}

/// Returns an attribute of the type INT.
pub(super) fn integer(name: &str, value: i64) -> Message {
    Message::default().bytes(1, name).integer(3, value).integer(20, 2)
}

/// Returns an attribute of the type FLOAT.
pub(super) fn float(name: &str, value: f64) -> Message {
    Message::default().bytes(1, name).float(2, value as f32).integer(20, 1)
}
