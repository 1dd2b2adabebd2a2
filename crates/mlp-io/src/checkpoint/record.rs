//! The JSON record in the metadata of a checkpoint.

use super::history::Column;
use super::number::JsonNumber;
use crate::container::CHECKPOINT;
use crate::error::quoted;
use crate::model_file::{KindRecord, activations, kinds, layer_count, layer_sizes, read_record};
use crate::{LoadError, Number};
use mlp_core::backend::Tensor;
use mlp_core::state::{Pass, PlateauState, Position, TrainerState};
use mlp_core::{ActivationKind, Dropout, Every, Mlp, Schedule};
use serde::{Deserialize, Serialize};

/// The format version that is written, and the newest that is read.
const VERSION: u64 = 1;

/// Everything about training except its tensors, as JSON.
#[derive(Debug, Deserialize, Serialize)]
#[serde(deny_unknown_fields)]
pub(super) struct Record {
    version: u64,
    layer_sizes: Vec<u64>,
    activations: Vec<KindRecord>,
    optimizer: OptimizerRecord,
    initial_learning_rate: JsonNumber,
    schedule: Option<ScheduleRecord>,
    plateau: Option<PlateauRecord>,
    stopping: Option<StoppingRecord>,
    dropout: Option<DropoutRecord>,
    position: PositionRecord,
    history: HistoryRecord,
}

#[derive(Debug, Deserialize, Serialize)]
#[serde(deny_unknown_fields)]
struct OptimizerRecord {
    kind: String,
    numbers: Vec<(String, JsonNumber)>,
    /// For each set of tensors, its name and its number of layers.
    tensors: Vec<(String, u64)>,
}

#[derive(Debug, Deserialize, Serialize)]
#[serde(deny_unknown_fields)]
struct ScheduleRecord {
    text: String,
    every: String,
}

#[derive(Debug, Deserialize, Serialize)]
#[serde(deny_unknown_fields)]
struct PlateauRecord {
    factor: JsonNumber,
    best: Option<JsonNumber>,
    bad_epochs: u64,
}

#[derive(Debug, Deserialize, Serialize)]
#[serde(deny_unknown_fields)]
struct StoppingRecord {
    best: Option<JsonNumber>,
    best_epoch: u64,
    epochs_since: u64,
    layers: u64,
}

#[derive(Debug, Deserialize, Serialize)]
#[serde(deny_unknown_fields)]
struct DropoutRecord {
    probability: JsonNumber,
    seed: u64,
}

#[derive(Debug, Deserialize, Serialize)]
#[serde(deny_unknown_fields)]
struct PositionRecord {
    epoch: u64,
    batch: u64,
    steps: u64,
    loss: JsonNumber,
    weight: JsonNumber,
    last_finite_loss: Option<JsonNumber>,
    pass: Option<PassRecord>,
}

#[derive(Debug, Deserialize, Serialize)]
#[serde(deny_unknown_fields)]
struct PassRecord {
    samples: u64,
    batch_size: u64,
    shuffle: Option<u64>,
}

#[derive(Debug, Deserialize, Serialize)]
#[serde(deny_unknown_fields)]
struct HistoryRecord {
    epochs: u64,
    /// For each column, its name and whether there are codes for numbers that are not finite.
    columns: Vec<(String, bool)>,
}

/// The kind, the numbers, and for each set of tensors its name and number of layers.
type OptimizerParts = (String, Vec<(String, f64)>, Vec<(String, usize)>);

/// The best value, its epoch, the number of epochs since then, and the number of layers of the best parameters.
type StoppingParts = (Option<f64>, u64, u64, usize);

impl Record {
    pub(super) fn of<B: Tensor<Scalar: Number>>(network: &Mlp<B>, state: &TrainerState<B>, columns: &[Column]) -> Self {
        let optimizer = &state.optimizer;
        let numbers = optimizer.numbers.iter();
        let tensors = optimizer.tensors.iter();
        let position = state.position;
        Self {
            version: VERSION,
            layer_sizes: network.layer_sizes().into_iter().map(|size| size as u64).collect(),
            activations: kinds(network.activations()),
            optimizer: OptimizerRecord {
                kind: optimizer.kind.clone(),
                numbers: numbers
                    .map(|(name, value)| (name.clone(), JsonNumber(*value)))
                    .collect(),
                tensors: tensors
                    .map(|(name, layers)| (name.clone(), layers.len() as u64))
                    .collect(),
            },
            initial_learning_rate: JsonNumber(state.initial_learning_rate),
            schedule: state.schedule.as_ref().map(|(schedule, every)| ScheduleRecord {
                text: schedule.to_string(),
                every: match every {
                    Every::Epoch => "epoch".to_owned(),
                    Every::Batch => "batch".to_owned(),
                },
            }),
            plateau: state.plateau.map(|plateau| PlateauRecord {
                factor: JsonNumber(plateau.factor),
                best: plateau.best.map(JsonNumber),
                bad_epochs: plateau.bad_epochs,
            }),
            stopping: state.stopping.as_ref().map(|stopping| StoppingRecord {
                best: stopping.best.map(JsonNumber),
                best_epoch: stopping.best_epoch,
                epochs_since: stopping.epochs_since,
                layers: stopping.best_layers.len() as u64,
            }),
            dropout: state.dropout.map(|dropout| DropoutRecord {
                probability: JsonNumber(dropout.probability()),
                seed: dropout.seed(),
            }),
            position: PositionRecord {
                epoch: position.epoch,
                batch: position.batch as u64,
                steps: position.steps,
                loss: JsonNumber(position.loss),
                weight: JsonNumber(position.weight),
                last_finite_loss: position.last_finite_loss.map(JsonNumber),
                pass: position.pass.map(|pass| PassRecord {
                    samples: pass.samples as u64,
                    batch_size: pass.batch_size as u64,
                    shuffle: pass.shuffle,
                }),
            },
            history: HistoryRecord {
                epochs: state.history.epochs() as u64,
                columns: columns
                    .iter()
                    .map(|column| (column.name.clone(), column.codes.is_some()))
                    .collect(),
            },
        }
    }

    pub(super) fn read(text: &str) -> Result<Self, LoadError> {
        read_record(CHECKPOINT, text, VERSION..=VERSION)
    }

    pub(super) fn layer_sizes(&self) -> Result<Vec<usize>, LoadError> {
        layer_sizes(CHECKPOINT, &self.layer_sizes)
    }

    pub(super) fn activations(&self) -> Result<Vec<ActivationKind>, LoadError> {
        activations(&self.activations, self.layer_sizes.len().saturating_sub(1))
    }

    pub(super) fn optimizer(&self) -> Result<OptimizerParts, LoadError> {
        let OptimizerRecord { kind, numbers, tensors } = &self.optimizer;
        let numbers = numbers.iter().map(|(name, value)| (name.clone(), value.0)).collect();
        let tensors = tensors.iter().map(|(name, count)| Ok((name.clone(), size(*count)?)));
        Ok((kind.clone(), numbers, tensors.collect::<Result<_, LoadError>>()?))
    }

    pub(super) fn initial_learning_rate(&self) -> f64 {
        self.initial_learning_rate.0
    }

    pub(super) fn schedule(&self) -> Result<Option<(Schedule, Every)>, LoadError> {
        let Some(ScheduleRecord { text, every }) = &self.schedule else {
            return Ok(None);
        };
        let schedule = text
            .parse::<Schedule>()
            .map_err(|e| problem(format!("schedule: {e}")))?;
        match every.as_str() {
            "epoch" => Ok(Some((schedule, Every::Epoch))),
            "batch" => Ok(Some((schedule, Every::Batch))),
            _ => Err(problem(format!(
                "schedule: expected `every` to be `epoch` or `batch`, got {}",
                quoted(every)
            ))),
        }
    }

    pub(super) fn plateau(&self) -> Result<Option<PlateauState>, LoadError> {
        let Some(plateau) = &self.plateau else {
            return Ok(None);
        };
        let factor = plateau.factor.0;
        if !(0.0..=1.0).contains(&factor) {
            return Err(problem(format!("plateau: expected a factor from 0 to 1, got {factor}")));
        }
        Ok(Some(PlateauState {
            factor,
            best: plateau.best.map(|best| best.0),
            bad_epochs: plateau.bad_epochs,
        }))
    }

    pub(super) fn stopping(&self) -> Result<Option<StoppingParts>, LoadError> {
        let Some(stopping) = &self.stopping else {
            return Ok(None);
        };
        let layers = size(stopping.layers)?;
        let network = self.layer_sizes.len().saturating_sub(1);
        if layers != 0 && layers != network {
            return Err(layer_count("the best parameters", network, layers));
        }
        let best = stopping.best.map(|best| best.0);
        Ok(Some((best, stopping.best_epoch, stopping.epochs_since, layers)))
    }

    pub(super) fn dropout(&self) -> Result<Option<Dropout>, LoadError> {
        let Some(DropoutRecord { probability, seed }) = &self.dropout else {
            return Ok(None);
        };
        let dropout = Dropout::new(probability.0, *seed).map_err(|e| problem(e.to_string()))?;
        Ok(Some(dropout))
    }

    pub(super) fn position(&self) -> Result<Position, LoadError> {
        let position = &self.position;
        let pass = match &position.pass {
            Some(pass) => Some(Pass {
                samples: size(pass.samples)?,
                batch_size: size(pass.batch_size)?,
                shuffle: pass.shuffle,
            }),
            None => None,
        };
        Ok(Position {
            epoch: position.epoch,
            batch: size(position.batch)?,
            steps: position.steps,
            loss: position.loss.0,
            weight: position.weight.0,
            last_finite_loss: position.last_finite_loss.map(|loss| loss.0),
            pass,
        })
    }

    pub(super) fn epochs(&self) -> Result<usize, LoadError> {
        size(self.history.epochs)
    }

    pub(super) fn columns(&self) -> impl Iterator<Item = (&str, bool)> {
        let columns = self.history.columns.iter();
        columns.map(|(name, coded)| (name.as_str(), *coded))
    }
}

fn size(value: u64) -> Result<usize, LoadError> {
    usize::try_from(value).map_err(|_| problem(format!("{value} is too large for the address space")))
}

fn problem(problem: String) -> LoadError {
    LoadError::metadata(CHECKPOINT, problem)
}
