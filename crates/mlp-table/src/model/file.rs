//! Files of models.

use super::TableModel;
use super::bootstrap::Score;
use super::calibration::Calibration;
use super::member::Member;
use crate::network::{Network, NetworkRecord};
use crate::{Column, EpochReport, Overrides, Preprocessing, Recipe};
use mlp_core::Provenance;
use mlp_cpu::Matrix;
use mlp_io::{LoadError, SaveError, tensor_file};
use serde::{Deserialize, Serialize};
use std::path::Path;

/// The format version that is written, and the only one that is read.
const VERSION: u64 = 1;

/// Everything about a model except the tensors of its networks, as JSON.
#[derive(Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
struct Record {
    version: u64,
    recipe: Recipe,
    overrides: Overrides,
    columns: Vec<Column>,
    members: Vec<MemberRecord>,
    calibration: Calibration,
    scores: Vec<Score>,
    notes: Vec<String>,
    provenance: Provenance,
}

#[derive(Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
struct MemberRecord {
    fold: usize,
    preprocessing: Preprocessing,
    network: NetworkRecord,
    curve: Vec<EpochReport>,
}

impl TableModel {
    /// Saves the model to a safetensors file, which is written whole or not at all. The same model always gives the same
    /// bytes.
    ///
    /// The tensors of network i have names that begin with `member`i`.`; without it, PyTorch's `nn.Sequential` takes
    /// those of its layers. Everything else is JSON in the metadata, under the key `mlp_table`.
    ///
    /// # Errors
    /// If the file cannot be written, or could not be loaded again, as with a category whose name has more than 4,096
    /// bytes.
    pub fn save(&self, path: impl AsRef<Path>) -> Result<(), SaveError> {
        let (record, tensors) = self.to_parts();
        tensor_file::save(path.as_ref(), &record, &tensors)
    }

    /// Returns the bytes that [`save`](Self::save) writes.
    ///
    /// # Errors
    /// Those of [`save`](Self::save), except those of writing the file.
    pub fn to_bytes(&self) -> Result<Vec<u8>, SaveError> {
        let (record, tensors) = self.to_parts();
        tensor_file::to_bytes(&record, &tensors)
    }

    /// Loads a model that [`save`](Self::save) saved. Its predictions are the same to the last bit.
    ///
    /// Reading never panics, whatever the file contains.
    ///
    /// # Errors
    /// If the file cannot be read, or if any byte of it does not belong to a model of a table. The
    /// [kind](mlp_io::LoadErrorKind) is `OtherKind` for a model of another crate and `Version` for one of another
    /// version.
    pub fn load(path: impl AsRef<Path>) -> Result<Self, LoadError> {
        tensor_file::load(path.as_ref(), VERSION, Self::from_parts)
    }

    /// Loads a model like [`load`](Self::load), from the bytes of the file.
    ///
    /// # Errors
    /// Those of [`load`](Self::load).
    pub fn from_bytes(bytes: &[u8]) -> Result<Self, LoadError> {
        tensor_file::from_bytes(bytes, VERSION, Self::from_parts)
    }

    fn to_parts(&self) -> (Record, Vec<(String, Matrix<f32>)>) {
        let mut tensors = vec![];
        let members = self.members.iter().enumerate().map(|(i, member)| {
            let (network, parts) = member.network.to_parts();
            tensors.extend(
                parts
                    .into_iter()
                    .map(|(name, tensor)| (format!("member{i}.{name}"), tensor)),
            );
            MemberRecord {
                fold: member.fold,
                preprocessing: member.preprocessing.clone(),
                network,
                curve: member.curve.clone(),
            }
        });
        let record = Record {
            version: VERSION,
            recipe: self.recipe,
            overrides: self.overrides.clone(),
            columns: self.columns.clone(),
            members: members.collect(),
            calibration: self.calibration.clone(),
            scores: self.scores.clone(),
            notes: self.notes.clone(),
            provenance: self.provenance.clone(),
        };
        (record, tensors)
    }

    fn from_parts(record: Record, tensors: Vec<(String, Matrix<f32>)>) -> Result<Self, String> {
        let mut parts: Vec<Vec<(String, Matrix<f32>)>> = vec![vec![]; record.members.len()];
        for (name, tensor) in tensors {
            let place = name.strip_prefix("member").and_then(|name| name.split_once('.'));
            let found = place.and_then(|(member, rest)| {
                let parts = parts.get_mut(member.parse::<usize>().ok().filter(|i| i.to_string() == member)?)?;
                Some((parts, rest.to_owned()))
            });
            let Some((parts, rest)) = found else {
                return Err(format!("unexpected tensor {}", mlp_io::quoted(&name)));
            };
            parts.push((rest, tensor));
        }
        let mut members = vec![];
        for (i, (record, tensors)) in record.members.into_iter().zip(parts).enumerate() {
            let MemberRecord {
                fold,
                preprocessing,
                network,
                curve,
            } = record;
            let network = Network::from_parts(network, tensors, &preprocessing.problem());
            members.push(Member {
                fold,
                network: network.map_err(|error| format!("member{i}: {error}"))?,
                preprocessing,
                curve,
            });
        }
        let model = Self {
            columns: record.columns,
            members,
            calibration: record.calibration,
            scores: record.scores,
            notes: record.notes,
            recipe: record.recipe,
            overrides: record.overrides,
            provenance: record.provenance,
            held_out: None,
        };
        model.check().map(|()| model)
    }

    /// Checks that the parts fit together.
    fn check(&self) -> Result<(), String> {
        let settings = self.recipe.settings(0, false).with(&self.overrides);
        settings.map_err(|error| format!("overrides: {error}"))?;
        let Some(first) = self.members.first() else {
            return Err("expected at least one member, got none".to_owned());
        };
        let target = first.preprocessing.target();
        for (i, Member { preprocessing, .. }) in self.members.iter().enumerate() {
            let (name, classes) = (preprocessing.target().name(), preprocessing.target().classes());
            if (name, classes) != (target.name(), target.classes()) {
                return Err(format!("member{i}: expected the target of member0, got another one"));
            }
            let used = self
                .columns
                .iter()
                .filter(|column| column.left_out.is_none() && column.name != name)
                .map(|column| (column.name.as_str(), column.kind.quantity()));
            let own = preprocessing.inputs().iter();
            if !own
                .map(|input| (input.name.as_str(), input.encoding.quantity()))
                .eq(used)
            {
                return Err(format!(
                    "member{i}: expected the columns that are not left out, of their kinds, got others"
                ));
            }
        }
        match (&self.calibration, target.classes()) {
            (Calibration::Conformal(_), None) | (Calibration::Temperature(_), Some(_))
                if self.calibration.is_valid() =>
            {
                Ok(())
            }
            _ => Err("calibration: expected that of the target, with sorted and finite numbers".to_owned()),
        }
    }
}
