//! The parameters of a network as named tensors, for files.

use super::front::{COMPONENTS, COSINES, WAVES, embedding, unbiased};
use super::{Front, Network, Problem};
use mlp_core::activations::Identity;
use mlp_core::{ActivationKind, Dense, Mlp};
use mlp_cpu::Matrix;
use serde::{Deserialize, Serialize};

/// What a file says of a network besides its tensors.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct NetworkRecord {
    /// The activation of the hidden layers. It has no parameters.
    pub(crate) activation: String,
    pub(crate) layers: usize,
    pub(crate) members: usize,
    pub(crate) periodic: bool,
}

impl Network {
    /// Returns the record and the tensors. The layers of the trunk have the names that PyTorch's `Sequential` gives them,
    /// which counts the activations between them: `0.weight`, `0.bias`, `2.weight` and so on.
    pub(crate) fn to_parts(&self) -> (NetworkRecord, Vec<(String, Matrix<f32>)>) {
        let record = NetworkRecord {
            activation: self.trunk.activations()[0].name().to_owned(),
            layers: self.trunk.layers().len(),
            members: self.members(),
            periodic: !self.front.periodic.is_empty(),
        };
        let mut tensors = vec![];
        for (i, table) in self.front.tables.iter().enumerate() {
            tensors.push((format!("embedding{i}"), table.weights.clone()));
        }
        let periodic = self
            .front
            .periodic
            .iter()
            .enumerate()
            .map(|(i, network)| (format!("periodic{i}."), network.layers()));
        for (prefix, layers) in periodic.chain([(String::new(), self.trunk.layers())]) {
            for (l, layer) in layers.iter().enumerate() {
                tensors.push((format!("{prefix}{}.weight", 2 * l), layer.weights.clone()));
                tensors.push((format!("{prefix}{}.bias", 2 * l), layer.bias.clone()));
            }
        }
        tensors.extend(
            self.scaling
                .iter()
                .map(|scaling| ("scaling".to_owned(), scaling.weights.clone())),
        );
        (record, tensors)
    }

    /// Returns the network with these parts, the inverse of [`to_parts`](Self::to_parts).
    ///
    /// # Errors
    /// If a tensor is missing, left over or out of order, or the shape of one does not fit the problem.
    pub(crate) fn from_parts(
        record: NetworkRecord,
        tensors: Vec<(String, Matrix<f32>)>,
        problem: &Problem,
    ) -> Result<Self, String> {
        let activation = ActivationKind::from_parts(&record.activation, &[]).map_err(|error| error.to_string())?;
        let mut tensors = Tensors(tensors.into_iter());
        let tables = problem.embedded.iter().enumerate().map(|(i, &values)| {
            Ok(unbiased(tensors.take(
                &format!("embedding{i}"),
                Some(COMPONENTS),
                values,
            )?))
        });
        let mut front = Front {
            features: problem.numeric.len(),
            tables: tables.collect::<Result<_, String>>()?,
            numeric: if record.periodic { problem.numbers() } else { vec![] },
            periodic: vec![],
        };
        for i in 0..front.numeric.len() {
            let cosines = tensors.layer(&format!("periodic{i}.0"), Some(COSINES), 1)?;
            let linear = tensors.layer(&format!("periodic{i}.2"), Some(WAVES), COSINES)?;
            front.periodic.push(embedding(cosines, linear));
        }
        let (mut inputs, mut layers) = (front.outputs(), vec![]);
        for l in 0..record.layers {
            let is_last = l + 1 == record.layers;
            let outputs = if is_last {
                Some(
                    record
                        .members
                        .checked_mul(problem.outputs())
                        .ok_or("too many members")?,
                )
            } else {
                None
            };
            let layer = tensors.layer(&(2 * l).to_string(), outputs, inputs)?;
            inputs = layer.outputs();
            layers.push((layer, if is_last { Identity.into() } else { activation.clone() }));
        }
        let trunk = Mlp::from_layers(layers).map_err(|error| error.to_string())?;
        let scaling = match record.members {
            1 => None,
            members => Some(unbiased(tensors.take("scaling", Some(front.outputs()), members)?)),
        };
        match tensors.0.next() {
            Some((name, _)) => Err(format!("expected no more tensors, got {}", mlp_io::quoted(&name))),
            None => Ok(Self {
                front,
                scaling,
                trunk,
                outputs: problem.outputs(),
            }),
        }
    }
}

/// The tensors that are not read yet.
struct Tensors(std::vec::IntoIter<(String, Matrix<f32>)>);

impl Tensors {
    /// Returns the next tensor, which must have this name, and this shape if `rows` is given.
    fn take(&mut self, name: &str, rows: Option<usize>, columns: usize) -> Result<Matrix<f32>, String> {
        let Some((got, tensor)) = self.0.next() else {
            return Err(format!("expected tensor `{name}`, got no more tensors"));
        };
        if got != name {
            return Err(format!("expected tensor `{name}`, got {}", mlp_io::quoted(&got)));
        }
        let expected = (rows.unwrap_or(tensor.rows()), columns);
        if tensor.shape() != expected {
            let ((rows, columns), got) = (expected, tensor.shape());
            return Err(format!(
                "tensor `{name}`: expected {rows} x {columns}, got {} x {}",
                got.0, got.1
            ));
        }
        Ok(tensor)
    }

    /// Returns the next layer, whose tensors have this name and `.weight` or `.bias`.
    fn layer(&mut self, name: &str, outputs: Option<usize>, inputs: usize) -> Result<Dense<Matrix<f32>>, String> {
        let weights = self.take(&format!("{name}.weight"), outputs, inputs)?;
        let bias = self.take(&format!("{name}.bias"), Some(weights.rows()), 1)?;
        Ok(Dense { weights, bias })
    }
}
