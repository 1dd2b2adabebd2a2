//! Exports models to other runtimes, in ONNX, with everything from the columns on inside.

use super::TableModel;
use super::member::Member;
use crate::encoding::Encoding;
use crate::network::Network;
use crate::scaler::Scaler;
use crate::value::Quantity;
use mlp_core::Dense;
use mlp_cpu::Matrix;
use mlp_io::onnx_graph::{
    Graph, Message, Type, Value, activation, file, float, floats, integer, integers, samples, texts,
};
use mlp_io::{SaveError, write_atomically};
use std::path::Path;

impl TableModel {
    /// Writes the model as an ONNX file, whose inputs are the columns as they are: N x 1 doubles for a number (NaN is
    /// missing, and other marks of a missing value must become NaN before) and for a date (seconds since 1970-01-01), N x 1 texts for a category or a boolean. A text that is no
    /// value of the category is a missing one. There may not be space around it.
    ///
    /// The output `prediction` is N x 1 doubles, or the names of the classes; then there are also `probabilities`, N x
    /// classes. They agree with [`predict`](Self::predict) up to the rounding of single precision.
    ///
    /// The operators are from opset 13 and version 2 of `ai.onnx.ml`.
    ///
    /// # Errors
    /// If the features are scaled by quantiles, or the file cannot be written.
    pub fn export_onnx(&self, path: impl AsRef<Path>) -> Result<(), SaveError> {
        let bytes = self.onnx_to_bytes()?;
        write_atomically(path, |file| file.write_all(&bytes))
    }

    /// Returns the bytes that [`export_onnx`](Self::export_onnx) writes.
    ///
    /// # Errors
    /// Those of [`export_onnx`](Self::export_onnx), except those of writing the file.
    pub fn onnx_to_bytes(&self) -> Result<Vec<u8>, SaveError> {
        let mut graph = Graph::new(false);
        graph.section("columns");
        let first = &self.members[0].preprocessing;
        let (columns, inputs): (Vec<Column>, Vec<_>) = (first.inputs().iter())
            .map(|input| {
                let of = match input.encoding {
                    Encoding::Quantity { .. } => Type::Double,
                    Encoding::OneHot { .. } | Encoding::Embedded { .. } => Type::Text,
                };
                let column = Column::new(&mut graph, &input.name, &input.encoding);
                (column, samples(&input.name, of, 1))
            })
            .unzip();
        let mut sum: Option<Value> = None;
        for (i, member) in self.members.iter().enumerate() {
            let output = self.member(&mut graph, i, member, &columns)?;
            graph.section("mean");
            sum = Some(match sum {
                None => output,
                Some(sum) => graph.node("Add", &[&sum, &output]),
            });
        }
        let sum = sum.expect("a model has a member");
        let outputs = self.finish(&mut graph, &sum);
        let metadata = [
            ("version", Some(self.provenance.version.clone())),
            ("target", Some(self.target().name().to_owned())),
            ("recipe", Some(self.recipe.to_string())),
            ("seed", self.provenance.seed.map(|seed| seed.to_string())),
            ("data", self.provenance.data.clone()),
        ];
        let metadata = metadata.into_iter().filter_map(|(key, value)| Some((key, value?)));
        Ok(file(graph, inputs, outputs, metadata.collect()))
    }

    /// Adds a network with its preprocessing. Its output is a number in double precision, or probabilities.
    fn member(&self, graph: &mut Graph, i: usize, member: &Member, columns: &[Column]) -> Result<Value, SaveError> {
        graph.section(&format!("member{i}"));
        let (mut dense, mut indices, mut scalers) = (vec![], vec![], vec![]);
        for (column, input) in columns.iter().zip(member.preprocessing.inputs()) {
            column.encode(graph, &input.encoding, &mut dense, &mut indices);
            scalers.extend(&input.scalers);
        }
        let features = match dense.is_empty() {
            true => None,
            false => Some(scaled(graph, &dense, &scalers)?),
        };
        let outputs = network(graph, &member.network, features, &indices);
        if self.classes().is_some() {
            let logits = graph.with_constant("Div", &outputs, self.temperature());
            return Ok(graph.node_with("Softmax", &[&logits], vec![integer("axis", -1)]));
        }
        let (mean, deviation, [least, greatest]) = member.preprocessing.target().number();
        let wide = graph.widen(&outputs);
        let number = with_double(graph, "Mul", &wide, deviation);
        let number = with_double(graph, "Add", &number, mean);
        let number = with_double(graph, "Max", &number, least);
        Ok(with_double(graph, "Min", &number, greatest))
    }

    /// Adds the outputs, and returns their descriptions.
    fn finish(&self, graph: &mut Graph, sum: &Value) -> Vec<Message> {
        // An output cannot have the name of an input.
        let mut names = ["prediction", "probabilities"].map(str::to_owned);
        for name in &mut names {
            while self.columns.iter().any(|column| column.name == *name) {
                name.push('_');
            }
        }
        let [prediction, probabilities] = names;
        let members = self.members.len() as f64;
        let Some(classes) = self.classes() else {
            with_double(graph, "Div", sum, members);
            graph.name_output(&prediction);
            return vec![samples(&prediction, Type::Double, 1)];
        };
        graph.with_constant("Div", sum, members);
        graph.name_output(&probabilities);
        let axis = integer("axis", 1);
        let best = graph.node_with("ArgMax", &[&probabilities], vec![axis]);
        let keys = integers("keys_int64s", 0..classes.len() as i64);
        graph.label_encoder(&best, vec![keys, texts("values_strings", classes.names())]);
        graph.name_output(&prediction);
        vec![
            samples(&prediction, Type::Text, 1),
            samples(&probabilities, Type::Float, classes.len()),
        ]
    }
}

/// What all networks need of a column.
enum Column {
    Quantity {
        parts: Vec<Value>,
        present: Value,
        /// 1 where the value is missing, else 0.
        missing: Value,
    },
    Words(Value),
}

impl Column {
    fn new(graph: &mut Graph, name: &str, encoding: &Encoding) -> Self {
        let value = name.to_owned();
        let Encoding::Quantity { of, .. } = encoding else {
            return Self::Words(value);
        };
        // Only NaN is not equal to itself.
        let present = graph.node("Equal", &[&value, &value]);
        let absent = graph.node("Not", &[&present]);
        let missing = graph.widen(&absent);
        let parts = match of {
            Quantity::Number => vec![value],
            Quantity::Date => parts_of_date(graph, &value),
        };
        Self::Quantity {
            parts,
            present,
            missing,
        }
    }

    /// Adds the features of the column, or its index, for a network.
    fn encode(&self, graph: &mut Graph, encoding: &Encoding, dense: &mut Vec<Value>, indices: &mut Vec<Value>) {
        match (self, encoding) {
            (
                Self::Quantity {
                    parts,
                    present,
                    missing,
                },
                Encoding::Quantity { of, fill, indicator },
            ) => {
                for (part, fill) in parts.iter().zip(of.parts(vec![*fill])) {
                    let fill = double(graph, fill[0]);
                    dense.push(graph.node("Where", &[present, part, &fill]));
                }
                dense.extend(indicator.then(|| missing.clone()));
            }
            (Self::Words(column), Encoding::OneHot { values, booleans }) if values.len() == 2 => {
                let (keys, numbers): (Vec<String>, Vec<f32>) = match booleans {
                    false => (values.clone(), vec![-1.0, 1.0]),
                    true => {
                        let forms = ["false", "False", "FALSE", "true", "True", "TRUE"].map(str::to_owned);
                        (forms.into(), vec![-1.0, -1.0, -1.0, 1.0, 1.0, 1.0])
                    }
                };
                let keys = texts("keys_strings", keys);
                let numbers = floats("values_floats", numbers);
                let code = graph.label_encoder(column, vec![keys, numbers, float("default_float", 0.0)]);
                dense.push(graph.widen(&code));
            }
            (_, Encoding::OneHot { values, .. }) if values.is_empty() => {}
            (Self::Words(column), Encoding::OneHot { values, .. }) => {
                let index = index(graph, column, values, 0);
                let places: Vec<i64> = (0..values.len() as i64).collect();
                let name = graph.name("values");
                let places = graph.integers(&name, &[1, values.len()], &places);
                let is = graph.node("Equal", &[&index, &places]);
                dense.push(graph.widen(&is));
            }
            (Self::Words(column), Encoding::Embedded { values }) => indices.push(index(graph, column, values, 1)),
            _ => unreachable!("all networks have the same columns"),
        }
    }
}

/// Adds the place of each word in the list, from `first` on, or `first` - 1.
fn index(graph: &mut Graph, column: &Value, values: &[String], first: i64) -> Value {
    let places = integers("values_int64s", first..first + values.len() as i64);
    let default = integer("default_int64", first - 1);
    graph.label_encoder(column, vec![texts("keys_strings", values), places, default])
}

/// Adds x / sqrt(1 + (x k)^2) with x = (feature - offset) factor for all features, where k is 1/3 for those that are
/// clipped, else 0.
fn scaled(graph: &mut Graph, features: &[Value], scalers: &[&Scaler]) -> Result<Value, SaveError> {
    let (mut offsets, mut factors, mut limits) = (vec![], vec![], vec![]);
    for scaler in scalers {
        let (offset, factor, limit) = match scaler {
            Scaler::Affine { offset, factor } => (offset, factor, 0.0),
            Scaler::Clipped { offset, factor } => (offset, factor, 1.0 / 3.0),
            Scaler::Quantile(_) => {
                let message = "expected robust or standard scaling of features, got scaling by quantiles";
                return Err(SaveError::refused(message));
            }
        };
        offsets.push(*offset);
        factors.push(*factor);
        limits.push(limit);
    }
    let features: Vec<&Value> = features.iter().collect();
    let mut x = graph.node_with("Concat", &features, vec![integer("axis", 1)]);
    for (op, values) in [("Sub", &offsets), ("Mul", &factors)] {
        let name = graph.name(op);
        let constants = graph.doubles(&name, values);
        x = graph.node(op, &[&x, &constants]);
    }
    // Far outside, the square would be infinite.
    x = with_double(graph, "Max", &x, -1e30);
    x = with_double(graph, "Min", &x, 1e30);
    let name = graph.name("limits");
    let limits = graph.doubles(&name, &limits);
    let square = graph.node("Mul", &[&x, &limits]);
    let square = graph.node("Mul", &[&square, &square]);
    let sum = with_double(graph, "Add", &square, 1.0);
    let root = graph.node("Sqrt", &[&sum]);
    let x = graph.node("Div", &[&x, &root]);
    Ok(graph.narrow(&x))
}

/// Adds the year, month, weekday, hour and days of seconds since 1970, as
/// [`parts_of_date`](crate::value::parts_of_date) returns them.
///
/// Source: H. Hinnant, *chrono-Compatible Low-Level Date Algorithms*, `civil_from_days`.
fn parts_of_date(graph: &mut Graph, seconds: &Value) -> Vec<Value> {
    let floor = |graph: &mut Graph, x: &Value, divisor: f64| {
        let quotient = with_double(graph, "Div", x, divisor);
        graph.node("Floor", &[&quotient])
    };
    let rest = |graph: &mut Graph, x: &Value, quotient: &Value, divisor: f64| {
        let product = with_double(graph, "Mul", quotient, divisor);
        graph.node("Sub", &[x, &product])
    };
    let days = with_double(graph, "Div", seconds, 86_400.0);
    let second = graph.node("Floor", &[seconds]);
    let day = floor(graph, &second, 86_400.0);
    let second_of_day = rest(graph, &second, &day, 86_400.0);
    let hour = with_double(graph, "Div", &second_of_day, 3600.0);
    // 1970-01-01 was a Thursday, three days after a Monday.
    let since_monday = with_double(graph, "Add", &day, 3.0);
    let week = floor(graph, &since_monday, 7.0);
    let weekday = rest(graph, &since_monday, &week, 7.0);
    let weekday = with_double(graph, "Add", &weekday, 1.0);
    // Days since 0000-03-01, in eras of 400 years that begin in March.
    let z = with_double(graph, "Add", &day, 719_468.0);
    let era = floor(graph, &z, 146_097.0);
    let day_of_era = rest(graph, &z, &era, 146_097.0);
    let mut leap = day_of_era.clone();
    for (divisor, op) in [(1460.0, "Sub"), (36_524.0, "Add"), (146_096.0, "Sub")] {
        let days = floor(graph, &day_of_era, divisor);
        leap = graph.node(op, &[&leap, &days]);
    }
    let year_of_era = floor(graph, &leap, 365.0);
    let mut day_of_year = rest(graph, &day_of_era, &year_of_era, 365.0);
    for (divisor, op) in [(4.0, "Sub"), (100.0, "Add")] {
        let days = floor(graph, &year_of_era, divisor);
        day_of_year = graph.node(op, &[&day_of_year, &days]);
    }
    let fives = with_double(graph, "Mul", &day_of_year, 5.0);
    let fives = with_double(graph, "Add", &fives, 2.0);
    let month_from_march = floor(graph, &fives, 153.0);
    // Months from March on; January and February belong to the next year: 10 becomes 1.
    let past = with_double(graph, "Sub", &month_from_march, 9.0);
    let past = with_double(graph, "Max", &past, 0.0);
    let past = with_double(graph, "Min", &past, 1.0);
    let month = with_double(graph, "Add", &month_from_march, 3.0);
    let month = rest(graph, &month, &past, 12.0);
    let eras = with_double(graph, "Mul", &era, 400.0);
    let year = graph.node("Add", &[&eras, &year_of_era]);
    let year = graph.node("Add", &[&year, &past]);
    vec![year, month, weekday, hour, days]
}

/// Adds the network: N x outputs, in single precision.
fn network(graph: &mut Graph, network: &Network, features: Option<Value>, indices: &[Value]) -> Value {
    let front = &network.front;
    let mut parts: Vec<Value> = features.iter().cloned().collect();
    for (&feature, periodic) in front.numeric.iter().zip(&front.periodic) {
        let name = graph.name("feature");
        let place = graph.integers(&name, &[1], &[feature as i64]);
        let features = features.as_ref().expect("a number is a feature");
        let number = graph.node_with("Gather", &[features, &place], vec![integer("axis", 1)]);
        let [cosines, linear] = periodic.layers() else {
            unreachable!("a periodic embedding has two layers");
        };
        let [cosines, linear] = [cosines, linear].map(|layer| parameters(graph, layer));
        let z = gemm(graph, &cosines, &number);
        let waves = graph.node("Cos", &[&z]);
        parts.push(gemm(graph, &linear, &waves));
    }
    for (table, index) in front.tables.iter().zip(indices) {
        let (components, values) = table.weights.shape();
        let name = graph.name("table");
        let table = graph.parameter(&name, &[values, components], bytes(&table.weights));
        let gathered = graph.node("Gather", &[&table, index]);
        let name = graph.name("shape");
        let shape = graph.integers(&name, &[2], &[-1, components as i64]);
        parts.push(graph.node("Reshape", &[&gathered, &shape]));
    }
    let parts: Vec<&Value> = parts.iter().collect();
    let input = graph.node_with("Concat", &parts, vec![integer("axis", 1)]);
    let (_, hidden) = network.trunk.layers().split_last().expect("a network has a layer");
    let hidden: Vec<[Value; 2]> = hidden.iter().map(|layer| parameters(graph, layer)).collect();
    let Some(scaling) = &network.scaling else {
        return trunk(graph, network, &hidden, 0, &input);
    };
    let members = network.members();
    let mut sum: Option<Value> = None;
    for member in 0..members {
        let name = graph.name("scaling");
        let factors = scaling
            .weights
            .column(member)
            .iter()
            .flat_map(|factor| factor.to_le_bytes());
        let factors = graph.parameter(&name, &[front.outputs()], factors.collect());
        let scaled = graph.node("Mul", &[&input, &factors]);
        let mut output = trunk(graph, network, &hidden, member, &scaled);
        if network.outputs > 1 {
            output = graph.node_with("Softmax", &[&output], vec![integer("axis", -1)]);
        }
        sum = Some(match sum {
            None => output,
            Some(sum) => graph.node("Add", &[&sum, &output]),
        });
    }
    let mean = graph.with_constant("Div", &sum.expect("there is a member"), members as f64);
    match network.outputs {
        1 => mean,
        _ => graph.node("Log", &[&mean]),
    }
}

/// Adds the trunk, which ends in the outputs of a member. Members share the parameters of the `hidden` layers.
fn trunk(graph: &mut Graph, network: &Network, hidden: &[[Value; 2]], member: usize, input: &Value) -> Value {
    let last = &network.trunk.layers()[hidden.len()];
    let rows = |matrix: &Matrix<f32>| {
        let first = member * network.outputs;
        Matrix::from_fn(network.outputs, matrix.columns(), |i, j| matrix[(first + i, j)])
    };
    let own = Dense {
        weights: rows(&last.weights),
        bias: rows(&last.bias),
    };
    let own = parameters(graph, &own);
    let layers = hidden.iter().chain([&own]).zip(network.trunk.activations());
    layers.fold(input.clone(), |value, (layer, kind)| {
        let z = gemm(graph, layer, &value);
        activation(graph, kind, &z).expect("the activations are those of mlp-core")
    })
}

/// Adds the weights and the bias of a layer.
fn parameters(graph: &mut Graph, Dense { weights, bias }: &Dense<Matrix<f32>>) -> [Value; 2] {
    let (outputs, inputs) = weights.shape();
    let name = graph.name("weights");
    let w = graph.parameter(&name, &[outputs, inputs], bytes(&weights.transposed()));
    let name = graph.name("bias");
    [w, graph.parameter(&name, &[outputs], bytes(bias))]
}

/// Adds W x + b.
fn gemm(graph: &mut Graph, [w, b]: &[Value; 2], x: &Value) -> Value {
    graph.node_with("Gemm", &[x, w, b], vec![integer("transB", 1)])
}

/// Returns the bytes of the numbers of a matrix, column after column.
fn bytes(matrix: &Matrix<f32>) -> Vec<u8> {
    matrix.to_vec().iter().flat_map(|number| number.to_le_bytes()).collect()
}

fn double(graph: &mut Graph, value: f64) -> Value {
    let name = graph.name("double");
    graph.doubles(&name, &[value])
}

/// Adds an operation on a double and a constant.
fn with_double(graph: &mut Graph, op: &str, value: &Value, constant: f64) -> Value {
    let constant = double(graph, constant);
    graph.node(op, &[value, &constant])
}
