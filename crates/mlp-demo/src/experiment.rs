//! The notebook's experiment: full-batch gradient descent on L = 1/(2N) sum (y - y^)^2, with leaky ReLU in the hidden
//! layers and a linear output layer.

use mlp_core::{
    Dense, FitOptions, GradientDescent, HalfSquaredError, Identity, Initializer, LeakyRelu, Mlp,
    Samples as TrainingSamples, Trainer,
};
use mlp_cpu::{Element, Matrix};

use crate::error::Error;
use crate::memory;
use crate::notebook;
use crate::samples::Samples;
use crate::weights::Weights;

/// The initial weights and biases.
#[derive(Clone, Debug, PartialEq)]
pub enum Start {
    /// The weights are drawn from N(0, 0.1^2), and the biases are zero.
    Drawn {
        /// The sizes of the network: inputs, then the outputs of each layer.
        layers: Vec<usize>,
        /// The seed of the generator that weights are drawn from.
        seed: u64,
    },
    /// The weights and biases are given.
    Given(Weights),
}

impl Start {
    /// Returns the sizes of the network: inputs, then the outputs of each layer.
    #[must_use]
    pub fn layers(&self) -> Vec<usize> {
        match self {
            Self::Drawn { layers, .. } => layers.clone(),
            Self::Given(weights) => weights.sizes(),
        }
    }
}

/// The network, the samples and the constants of a run.
#[derive(Clone, Debug, PartialEq)]
pub struct Setup {
    /// The network before the first epoch.
    pub start: Start,
    /// The samples, which form a single batch.
    pub samples: Samples,
    /// The learning rate eta.
    pub learning_rate: f64,
    /// The slope alpha of the hidden layers' leaky ReLU.
    pub negative_slope: f64,
}

impl Setup {
    /// Returns the notebook's samples and constants with the given initial network.
    #[must_use]
    pub fn notebook(start: Start) -> Self {
        Self {
            start,
            samples: notebook::samples(),
            learning_rate: notebook::LEARNING_RATE,
            negative_slope: notebook::NEGATIVE_SLOPE,
        }
    }
}

/// A run of the experiment in `f32` or `f64`, which advances one epoch at a time.
///
/// ```
/// use mlp_demo::experiment::{Run, Setup, Start};
///
/// let [small, _] = mlp_demo::notebook::experiments();
/// let mut run = Run::<f64>::new(&Setup::notebook(Start::Given(small.weights)))?;
/// let losses: Vec<f64> = (0..100).map(|_| run.epoch()).collect::<Result<_, _>>()?;
/// assert_eq!(format!("{:.6}", losses[5]), "2.902166");
/// # Ok::<(), mlp_demo::Error>(())
/// ```
#[derive(Clone, Debug)]
pub struct Run<T: Element> {
    network: Mlp<Matrix<T>>,
    trainer: Trainer<Matrix<T>, HalfSquaredError, GradientDescent<Matrix<T>>>,
    input: Matrix<T>,
    target: Matrix<T>,
}

impl<T: Element> Run<T> {
    /// Prepares the network, as it is before the first epoch, and the samples.
    ///
    /// # Errors
    ///
    /// Returns an error if the learning rate or the slope is out of its range, if the network is empty or too large for
    /// the memory, or if the samples do not fit the network.
    pub fn new(setup: &Setup) -> Result<Self, Error> {
        let samples = &setup.samples;
        let data = samples.inputs.len() + samples.targets.len();
        memory::check::<T>(&setup.start.layers(), samples.count(), data)?;
        let optimizer = GradientDescent::new(setup.learning_rate)?;
        let hidden = LeakyRelu::new(setup.negative_slope)?;
        let network = match &setup.start {
            Start::Drawn { layers, seed } => Mlp::builder(layers)
                .hidden(hidden)
                .initializer(Initializer::Normal {
                    standard_deviation: notebook::STANDARD_DEVIATION,
                })
                .seed(*seed)
                .build()?,
            Start::Given(weights) => network(weights, hidden)?,
        };

        let outside = |what, expected: usize, why, got: usize| {
            Error::unexpected(
                format_args!("samples: {what}"),
                format_args!("{expected}, {why} of the network"),
                got,
            )
        };
        if samples.features != network.inputs() {
            let why = "one per input";
            return Err(outside("features", network.inputs(), why, samples.features));
        }
        if samples.outputs != network.outputs() {
            let why = "one per output";
            return Err(outside("targets", network.outputs(), why, samples.outputs));
        }
        let matrix = |rows, values: &[f64]| {
            Matrix::from_vec(
                rows,
                samples.count(),
                values.iter().map(|&value| T::from_f64(value)).collect(),
            )
        };
        Ok(Self {
            network,
            trainer: Trainer::new(HalfSquaredError, optimizer),
            input: matrix(samples.features, &samples.inputs),
            target: matrix(samples.outputs, &samples.targets),
        })
    }

    /// Trains for one epoch and returns the loss from before its update.
    ///
    /// # Errors
    ///
    /// Returns [`Error::Diverged`] if the loss or a parameter stops being finite. The network then keeps the parameters
    /// from before the update.
    pub fn epoch(&mut self) -> Result<f64, Error> {
        let samples = TrainingSamples::new(&self.input, &self.target)?;
        let fitted = self.trainer.fit(&mut self.network, samples, FitOptions::epochs(1))?;
        Ok(fitted.loss)
    }

    /// Returns the current network.
    pub fn network(&self) -> &Mlp<Matrix<T>> {
        &self.network
    }

    /// Returns the current weights and biases of the network. `f32` numbers become the `f64` numbers of the same value.
    ///
    /// # Panics
    ///
    /// Panics if a number is not finite, for example because an initial weight is too large for `T`. An epoch never
    /// leaves such a number.
    #[must_use]
    pub fn weights(&self) -> Weights {
        let rows = |matrix: &Matrix<T>| -> Vec<Vec<f64>> {
            let transposed = matrix.transposed();
            transposed
                .iter_columns()
                .map(|row| row.iter().map(|value| value.to_f64()).collect())
                .collect()
        };
        let layers = self.network.layers();
        let weights = layers.iter().map(|layer| rows(&layer.weights)).collect();
        let biases = layers
            .iter()
            .map(|layer| layer.bias.column(0).iter().map(|b| b.to_f64()).collect())
            .collect();
        Weights::new("the network", weights, Some(biases))
            .expect("the layers of a network chain, and their numbers are finite")
    }

    /// Returns the predictions of the current network, a list per sample.
    ///
    /// # Errors
    ///
    /// Returns [`Error::Diverged`] if a prediction is not finite.
    pub fn predictions(&self) -> Result<Vec<Vec<f64>>, Error> {
        let predictions = self.network.predict(&self.input);
        let predictions: Vec<Vec<f64>> = predictions
            .iter_columns()
            .map(|column| column.iter().map(|value| value.to_f64()).collect())
            .collect();
        match predictions
            .iter()
            .position(|prediction| !prediction.iter().all(|value| value.is_finite()))
        {
            None => Ok(predictions),
            Some(sample) => Err(Error::diverged(format!(
                "training diverged: after the last epoch the prediction for sample {} is not finite; the learning rate \
                 is probably too large",
                sample + 1
            ))),
        }
    }
}

/// Builds the network that has the given weights.
fn network<T: Element>(weights: &Weights, hidden: LeakyRelu) -> Result<Mlp<Matrix<T>>, Error> {
    let column = |values: &[f64]| -> Vec<T> { values.iter().map(|&value| T::from_f64(value)).collect() };
    let last = weights.weights().len() - 1;
    let layers = weights
        .weights()
        .iter()
        .zip(weights.biases())
        .enumerate()
        .map(|(l, (rows, biases))| {
            let rows: Vec<_> = rows.iter().map(|row| column(row)).collect();
            let dense = Dense {
                weights: Matrix::from_rows(&rows),
                bias: Matrix::from_columns(&[column(biases)]),
            };
            (dense, if l == last { Identity.into() } else { hidden.into() })
        });
    Ok(Mlp::from_layers(layers.collect())?)
}

#[cfg(test)]
mod tests {
    use super::*;
    use mlp_core::ActivationKind;

    fn losses<T: Element>(run: &mut Run<T>, epochs: u64) -> Vec<f64> {
        (0..epochs).map(|_| run.epoch().unwrap()).collect()
    }

    #[test]
    fn all_forty_recorded_losses_are_reproduced_to_the_last_digit() {
        let mut agreeing = 0;
        for experiment in notebook::experiments() {
            let mut run = Run::<f64>::new(&Setup::notebook(Start::Given(experiment.weights.clone()))).unwrap();
            for (epoch, loss) in (0..).zip(losses(&mut run, notebook::EPOCHS)) {
                if let Some(recorded) = experiment.recorded_loss(epoch) {
                    assert_eq!(
                        format!("{loss:.6}"),
                        format!("{recorded:.6}"),
                        "{:?}, {epoch}",
                        experiment.layers
                    );
                    agreeing += 1;
                }
            }
        }
        assert_eq!(agreeing, 40);
    }

    #[test]
    fn f32_follows_f64() {
        let [_, large] = notebook::experiments();
        let setup = Setup::notebook(Start::Given(large.weights));
        let double = losses(&mut Run::<f64>::new(&setup).unwrap(), 100);
        let single = losses(&mut Run::<f32>::new(&setup).unwrap(), 100);
        assert_ne!(single, double);
        for (single, double) in single.iter().zip(&double) {
            assert!((single - double).abs() < 1e-4 * double, "{single} {double}");
        }
    }

    #[test]
    fn weights_go_in_and_come_out() {
        let json = br#"{"weights": [[[1, 2], [3, 4], [5, 6]], [[7, 8, 9]]], "biases": [[10, 11, 12], [13]]}"#;
        let weights = Weights::from_json("w.json", json).unwrap();
        let samples = Samples {
            features: 2,
            outputs: 1,
            inputs: vec![1.0, -1.0],
            targets: vec![0.0],
        };
        let setup = Setup {
            samples,
            ..Setup::notebook(Start::Given(weights.clone()))
        };
        let run = Run::<f32>::new(&setup).unwrap();
        assert_eq!(run.weights(), weights);
        assert_eq!(run.network().layer_sizes(), [2, 3, 1]);
        assert!(matches!(
            run.network().activations(),
            [ActivationKind::LeakyRelu(_), ActivationKind::Identity(_)]
        ));
        // z = (1 - 2, 3 - 4, 5 - 6) + (10, 11, 12) = (9, 10, 11); 63 + 80 + 99 + 13.
        assert_eq!(run.predictions().unwrap(), [[255.0]]);
    }

    #[test]
    fn drawn_weights_depend_on_the_seed_alone() {
        let weights = |seed| {
            let start = Start::Drawn {
                layers: vec![1, 4, 3, 1],
                seed,
            };
            Run::<f64>::new(&Setup::notebook(start)).unwrap().weights()
        };
        assert_eq!(weights(7), weights(7));
        assert_ne!(weights(7), weights(8));
        assert!(weights(7).biases().iter().flatten().all(|&b| b == 0.0));
        let largest = weights(7)
            .weights()
            .iter()
            .flatten()
            .flatten()
            .fold(0.0_f64, |m, w| m.max(w.abs()));
        assert!(largest > 0.01 && largest < 0.5, "{largest}");
    }

    #[test]
    fn samples_that_do_not_fit_are_named() {
        let failure = |layers: &[usize]| {
            let setup = Setup::notebook(Start::Drawn {
                layers: layers.to_vec(),
                seed: 0,
            });
            Run::<f64>::new(&setup).unwrap_err().to_string()
        };
        assert_eq!(
            failure(&[2, 1]),
            "samples: features: expected 2, one per input of the network, got 1"
        );
        assert_eq!(
            failure(&[1, 3]),
            "samples: targets: expected 3, one per output of the network, got 1"
        );
        let large = failure(&[1, 1 << 40, 1 << 40, 1]);
        assert!(
            large.starts_with("training the network [1, 1099511627776, 1099511627776, 1] needs 19"),
            "{large}"
        );
    }

    #[test]
    fn divergence_keeps_the_last_finite_network() {
        let [small, _] = notebook::experiments();
        let setup = Setup {
            learning_rate: 1e3,
            ..Setup::notebook(Start::Given(small.weights))
        };
        let mut run = Run::<f64>::new(&setup).unwrap();
        let error = (0..1000).find_map(|_| run.epoch().err()).expect("diverges");
        assert_eq!(error.exit_code(), 1);
        assert!(
            run.weights()
                .weights()
                .iter()
                .flatten()
                .flatten()
                .all(|w| w.is_finite())
        );
    }
}
