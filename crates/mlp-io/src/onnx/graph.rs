//! Builds a graph node by node.

pub use super::activation::activation;
pub use super::file;
pub use super::proto::Message;
use super::proto::{DOUBLE, FLOAT, INT64, STRING};

pub(super) const INPUT: &str = "input";
pub(super) const OUTPUT: &str = "output";

/// The name of a value in the graph.
pub type Value = String;

/// An operation, which is a standard one or one of the domain `ai.onnx.ml`.
#[derive(Debug)]
struct Node {
    name: Value,
    output: Value,
    op: String,
    is_ml: bool,
    inputs: Vec<Value>,
    attributes: Vec<Message>,
}

/// A graph in the making.
#[derive(Debug)]
pub struct Graph {
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
    /// Creates an empty graph of a network in `f64`, or else in `f32`.
    pub fn new(double: bool) -> Self {
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
    pub fn section(&mut self, name: &str) {
        name.clone_into(&mut self.section);
    }

    /// Adds a node with one output, which has the name of the node.
    pub fn node(&mut self, op: &str, inputs: &[&Value]) -> Value {
        self.node_with(op, inputs, Vec::new())
    }

    /// Adds a node with attributes.
    pub fn node_with(&mut self, op: &str, inputs: &[&Value], attributes: Vec<Message>) -> Value {
        let name = format!("{}.{op}_{}", self.section, self.nodes.len());
        self.nodes.push(Node {
            name: name.clone(),
            output: name.clone(),
            op: op.to_owned(),
            is_ml: false,
            inputs: inputs.iter().map(|&input| input.clone()).collect(),
            attributes,
        });
        name
    }

    /// Adds a node that looks up each `key` and returns what belongs to it, or else the default. The attributes are
    /// those of `LabelEncoder` in the domain `ai.onnx.ml`.
    pub fn label_encoder(&mut self, input: &Value, attributes: Vec<Message>) -> Value {
        let output = self.node_with("LabelEncoder", &[input], attributes);
        self.nodes.last_mut().into_iter().for_each(|node| node.is_ml = true);
        output
    }

    /// Adds an operation on a value and a constant.
    pub fn with_constant(&mut self, op: &str, value: &Value, constant: f64) -> Value {
        let constant = self.constant(constant);
        self.node(op, &[value, &constant])
    }

    /// Returns a constant: a tensor without dimensions, in the type of the network's numbers.
    pub fn constant(&mut self, value: f64) -> Value {
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

    /// Returns a name for a constant that no other value has.
    pub fn name(&self, what: &str) -> String {
        format!(
            "{}.{what}_{}_{}",
            self.section,
            self.nodes.len(),
            self.initializers.len()
        )
    }

    /// Adds a tensor of the network's parameters, row after row.
    pub fn parameter(&mut self, name: &str, shape: &[usize], bytes: Vec<u8>) -> Value {
        self.tensor(name, self.element, shape, bytes)
    }

    /// Adds a vector of doubles.
    pub fn doubles(&mut self, name: &str, values: &[f64]) -> Value {
        let bytes = values.iter().flat_map(|value| value.to_le_bytes()).collect();
        self.tensor(name, DOUBLE, &[values.len()], bytes)
    }

    /// Adds integers.
    pub fn integers(&mut self, name: &str, shape: &[usize], values: &[i64]) -> Value {
        let bytes = values.iter().flat_map(|value| value.to_le_bytes()).collect();
        self.tensor(name, INT64, shape, bytes)
    }

    fn tensor(&mut self, name: &str, data_type: i64, shape: &[usize], bytes: Vec<u8>) -> Value {
        let dimensions = shape.iter().map(|&n| dimension(n));
        let tensor = dimensions.fold(Message::default(), |tensor, n| tensor.integer(1, n));
        let tensor = tensor.integer(2, data_type).bytes(8, name).bytes(9, bytes);
        self.initializers.push(tensor);
        name.to_owned()
    }

    /// Converts the value to a double.
    pub fn widen(&mut self, value: &Value) -> Value {
        self.cast(value, DOUBLE)
    }

    /// Converts the double to the type of the network's numbers.
    pub fn narrow(&mut self, value: &Value) -> Value {
        self.cast(value, self.element)
    }

    fn cast(&mut self, value: &Value, to: i64) -> Value {
        if self.is_double() {
            return value.clone();
        }
        self.node_with("Cast", &[value], vec![integer("to", to)])
    }

    /// Gives the output of the last node a name.
    pub fn name_output(&mut self, name: &str) {
        self.nodes
            .last_mut()
            .into_iter()
            .for_each(|node| name.clone_into(&mut node.output));
    }

    /// Returns the graph with these inputs and outputs. Also returns whether a node is of the domain `ai.onnx.ml`.
    pub fn finish(self, inputs: Vec<Message>, outputs: Vec<Message>) -> (Message, bool) {
        let has_ml = self.nodes.iter().any(|node| node.is_ml);
        let nodes = self.nodes.into_iter().map(|node| {
            let message = Message::default().each(1, &node.inputs).bytes(2, &node.output);
            let message = message.bytes(3, &node.name).bytes(4, &node.op).each(5, node.attributes);
            if node.is_ml { message.bytes(7, ML) } else { message }
        });
        let graph = Message::default()
            .each(1, nodes)
            .bytes(2, "mlp")
            .each(5, self.initializers);
        (graph.each(11, inputs).each(12, outputs), has_ml)
    }
}

/// The domain of the operators on texts.
pub(super) const ML: &str = "ai.onnx.ml";

/// The type of a tensor.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Type {
    /// Single precision.
    Float,
    /// Double precision.
    Double,
    /// Texts.
    Text,
}

/// Describes a matrix of N samples, where N is variable, with `features` columns.
pub fn samples(name: &str, of: Type, features: usize) -> Message {
    let element = match of {
        Type::Float => FLOAT,
        Type::Double => DOUBLE,
        Type::Text => STRING,
    };
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
pub fn integer(name: &str, value: i64) -> Message {
    Message::default().bytes(1, name).integer(3, value).integer(20, 2)
}

/// Returns an attribute of the type FLOAT.
pub fn float(name: &str, value: f64) -> Message {
    Message::default().bytes(1, name).float(2, value as f32).integer(20, 1)
}

/// Returns an attribute of the type FLOATS.
pub fn floats(name: &str, values: impl IntoIterator<Item = f32>) -> Message {
    let message = Message::default().bytes(1, name);
    let message = values
        .into_iter()
        .fold(message, |message, value| message.float(7, value));
    message.integer(20, 6)
}

/// Returns an attribute of the type INTS.
pub fn integers(name: &str, values: impl IntoIterator<Item = i64>) -> Message {
    let message = Message::default().bytes(1, name);
    let message = values
        .into_iter()
        .fold(message, |message, value| message.integer(8, value));
    message.integer(20, 7)
}

/// Returns an attribute of the type STRINGS.
pub fn texts(name: &str, values: impl IntoIterator<Item: AsRef<str>>) -> Message {
    let values: Vec<Vec<u8>> = values
        .into_iter()
        .map(|value| value.as_ref().as_bytes().to_vec())
        .collect();
    Message::default().bytes(1, name).each(9, values).integer(20, 8)
}
