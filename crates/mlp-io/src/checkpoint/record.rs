//! The JSON record in the metadata of a checkpoint.

use crate::container::CHECKPOINT;
use crate::model_file::{KindRecord, activations, check_layer_sizes, kinds, layer_count, read_record};
use crate::{LoadError, Number};
use mlp_core::backend::Tensor;
use mlp_core::state::{PlateauState, Position, TrainerState, numbers};
use mlp_core::{ActivationKind, Dropout, Every, Metric, Mlp, Schedule};
use serde::{Deserialize, Serialize};
use std::collections::HashSet;

/// The format version that is written, and the only one that is read. In version 1, a schedule was a text, and the
/// history had codes for numbers that are not finite.
const VERSION: u64 = 2;

/// Everything about training except its tensors, as JSON.
#[derive(Debug, Deserialize, Serialize)]
#[serde(deny_unknown_fields)]
pub(super) struct Record {
    version: u64,
    pub(super) layer_sizes: Vec<usize>,
    activations: Vec<KindRecord>,
    pub(super) optimizer: OptimizerRecord,
    #[serde(with = "numbers")]
    pub(super) initial_learning_rate: f64,
    pub(super) schedule: Option<(Schedule, Every)>,
    pub(super) weight_decay: Option<(f64, Schedule, Every)>,
    pub(super) plateau: Option<PlateauState>,
    pub(super) stopping: Option<StoppingRecord>,
    pub(super) dropout: Option<Dropout>,
    pub(super) position: Position,
    pub(super) history: HistoryRecord,
}

#[derive(Debug, Deserialize, Serialize)]
#[serde(deny_unknown_fields)]
pub(super) struct OptimizerRecord {
    pub(super) kind: String,
    #[serde(with = "numbers")]
    pub(super) numbers: Vec<(String, f64)>,
    /// For each set of tensors, its name and its number of layers.
    pub(super) tensors: Vec<(String, usize)>,
}

#[derive(Debug, Deserialize, Serialize)]
#[serde(deny_unknown_fields)]
pub(super) struct StoppingRecord {
    #[serde(with = "numbers")]
    pub(super) best: Option<f64>,
    pub(super) best_epoch: u64,
    pub(super) epochs_since: u64,
    pub(super) layers: usize,
}

#[derive(Debug, Deserialize, Serialize)]
#[serde(deny_unknown_fields)]
pub(super) struct HistoryRecord {
    pub(super) epochs: usize,
    pub(super) metrics: Vec<Metric>,
}

impl Record {
    pub(super) fn of<B: Tensor<Scalar: Number>>(network: &Mlp<B>, state: &TrainerState<B>) -> Self {
        let tensors = state.optimizer.tensors.iter();
        let metrics = state.history.metrics.iter();
        Self {
            version: VERSION,
            layer_sizes: network.layer_sizes(),
            activations: kinds(network.activations()),
            optimizer: OptimizerRecord {
                kind: state.optimizer.kind.clone(),
                numbers: state.optimizer.numbers.clone(),
                tensors: tensors.map(|(name, layers)| (name.clone(), layers.len())).collect(),
            },
            initial_learning_rate: state.initial_learning_rate,
            schedule: state.schedule.clone(),
            weight_decay: state.weight_decay.clone(),
            plateau: state.plateau,
            stopping: state.stopping.as_ref().map(|stopping| StoppingRecord {
                best: stopping.best,
                best_epoch: stopping.best_epoch,
                epochs_since: stopping.epochs_since,
                layers: stopping.best_layers.len(),
            }),
            dropout: state.dropout.clone(),
            position: state.position,
            history: HistoryRecord {
                epochs: state.history.epochs(),
                metrics: metrics.map(|(metric, _)| *metric).collect(),
            },
        }
    }

    pub(super) fn read(text: &str) -> Result<Self, LoadError> {
        let record: Self = read_record(CHECKPOINT, text, VERSION)?;
        check_layer_sizes(CHECKPOINT, &record.layer_sizes)?;
        let mut seen = HashSet::new();
        if let Some(metric) = record.history.metrics.iter().find(|metric| !seen.insert(**metric)) {
            let problem = format!("history: the metric {metric} appears twice");
            return Err(LoadError::metadata(CHECKPOINT, problem));
        }
        let network = record.layer_sizes.len().saturating_sub(1);
        match &record.stopping {
            Some(stopping) if stopping.layers != 0 && stopping.layers != network => {
                Err(layer_count("the best parameters", network, stopping.layers))
            }
            _ => Ok(record),
        }
    }

    pub(super) fn activations(&self) -> Result<Vec<ActivationKind>, LoadError> {
        activations(&self.activations, self.layer_sizes.len().saturating_sub(1))
    }
}
