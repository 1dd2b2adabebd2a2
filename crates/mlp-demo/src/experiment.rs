//! The notebook's experiment: full-batch gradient descent on L = 1/(2N) sum (y - y^)^2, with leaky ReLU in the hidden
//! layers and a linear output layer.

use mlp_core::{Dataset, FitOptions, GradientDescent, HalfMse, HyperParameterError, Mlp, Trainer};
use mlp_cpu::{Element, Matrix};

use crate::error::Error;

/// A run of the experiment in `f32` or `f64`, which advances one epoch at a time.
#[derive(Clone, Debug)]
pub(crate) struct Run<'a, T: Element> {
    /// The current network.
    pub(crate) network: Mlp<Matrix<T>>,
    trainer: Trainer<Matrix<T>, HalfMse, GradientDescent<Matrix<T>>>,
    pub(crate) data: &'a Dataset<Matrix<T>>,
}

impl<'a, T: Element> Run<'a, T> {
    /// Creates a run that trains the network on the samples, which form a single batch.
    ///
    /// # Errors
    ///
    /// Returns an error if the learning rate is out of its range.
    pub(crate) fn new(
        network: Mlp<Matrix<T>>,
        data: &'a Dataset<Matrix<T>>,
        learning_rate: f64,
    ) -> Result<Self, HyperParameterError> {
        let trainer = Trainer::new(HalfMse, GradientDescent::new(learning_rate)?);
        Ok(Self { network, trainer, data })
    }

    /// Trains for one epoch and returns the loss from before its update.
    ///
    /// # Errors
    ///
    /// Returns an error with exit code 1 if the loss or a parameter stops being finite. The network then keeps the
    /// parameters from before the update.
    pub(crate) fn epoch(&mut self) -> Result<f64, Error> {
        let samples = self.data.samples();
        let fitted = self.trainer.fit(&mut self.network, samples, FitOptions::epochs(1))?;
        Ok(fitted.loss)
    }

    /// Returns the predictions of the current network, a list per sample.
    ///
    /// # Errors
    ///
    /// Returns an error with exit code 1 if a prediction is not finite.
    pub(crate) fn predictions(&self) -> Result<Vec<Vec<f64>>, Error> {
        let mut predictions = vec![];
        for (sample, outputs) in self.network.predict(self.data.input()).iter_columns().enumerate() {
            if outputs.iter().any(|output| !output.is_finite()) {
                return Err(Error::Diverged(format!(
                    "training diverged: after the last epoch the prediction for sample {} is not finite; the learning \
                     rate is probably too large",
                    sample + 1
                )));
            }
            predictions.push(outputs.iter().map(|output| output.to_f64()).collect());
        }
        Ok(predictions)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::notebook::{self, Experiment};
    use crate::weights::Weights;
    use mlp_core::ActivationKind;
    use mlp_core::activations::LeakyRelu;

    /// Returns the losses of the run of an experiment with the notebook's constants.
    fn losses<T: Element>(experiment: &Experiment) -> Vec<f64> {
        let network = experiment.network(notebook::NEGATIVE_SLOPE).unwrap();
        let data = notebook::samples::<T>();
        let mut run = Run::new(network, &data, notebook::LEARNING_RATE).unwrap();
        (0..notebook::EPOCHS).map(|_| run.epoch().unwrap()).collect()
    }

    #[test]
    fn all_forty_recorded_losses_are_reproduced_to_the_last_digit() {
        let mut agreeing = 0;
        for experiment in notebook::experiments() {
            for (epoch, loss) in (0..).zip(losses::<f64>(&experiment)) {
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
        let (single, double) = (losses::<f32>(&large), losses::<f64>(&large));
        assert_ne!(single, double);
        for (single, double) in single.iter().zip(&double) {
            assert!((single - double).abs() < 1e-4 * double, "{single} {double}");
        }
    }

    #[test]
    fn weights_go_in_and_come_out() {
        let json = br#"{"weights": [[[1, 2], [3, 4], [5, 6]], [[7, 8, 9]]], "biases": [[10, 11, 12], [13]]}"#;
        let weights = Weights::from_json("w.json", json).unwrap();
        let data = Dataset::new(Matrix::from_columns(&[[1.0_f32, -1.0]]), Matrix::from_columns(&[[0.0]])).unwrap();
        let network = weights.network("w.json", LeakyRelu::new(0.01).unwrap()).unwrap();
        let run = Run::new(network, &data, 0.1).unwrap();
        assert_eq!(Weights::of(&run.network), weights);
        assert_eq!(run.network.layer_sizes(), [2, 3, 1]);
        assert!(matches!(
            run.network.activations(),
            [ActivationKind::LeakyRelu(_), ActivationKind::Identity(_)]
        ));
        // z = (1 - 2, 3 - 4, 5 - 6) + (10, 11, 12) = (9, 10, 11); 63 + 80 + 99 + 13.
        assert_eq!(run.predictions().unwrap(), [[255.0]]);
    }

    #[test]
    fn drawn_weights_depend_on_the_seed_alone() {
        let drawn = |seed| Weights::of(&notebook::drawn::<f64>(&[1, 4, 3, 1], seed, 0.01).unwrap());
        assert_eq!(drawn(7), drawn(7));
        assert_ne!(drawn(7), drawn(8));
        assert!(drawn(7).biases.unwrap().concat().iter().all(|&b| b == 0.0));
        let weights = drawn(7).weights.concat().concat();
        let largest = weights.iter().fold(0.0_f64, |m, w| m.max(w.abs()));
        assert!(largest > 0.01 && largest < 0.5, "{largest}");
    }

    #[test]
    fn networks_that_do_not_fit_are_errors() {
        let data = notebook::samples::<f64>();
        for layers in [&[2, 1][..], &[1, 3]] {
            let network = notebook::drawn(layers, 0, 0.01).unwrap();
            let error = Run::new(network, &data, 0.1).unwrap().epoch().unwrap_err();
            assert_eq!(error.exit_code(), 2, "{layers:?}: {error}");
        }
        let large = notebook::drawn::<f64>(&[1, 1 << 40, 1 << 40, 1], 0, 0.01).unwrap_err();
        assert!(
            large.to_string().ends_with(" bytes, more than can be allocated"),
            "{large}"
        );
    }

    #[test]
    fn divergence_keeps_the_last_finite_network() {
        let [small, _] = notebook::experiments();
        let data = notebook::samples::<f64>();
        let mut run = Run::new(small.network(notebook::NEGATIVE_SLOPE).unwrap(), &data, 1e3).unwrap();
        let error = (0..1000).find_map(|_| run.epoch().err()).expect("diverges");
        assert_eq!(error.exit_code(), 1);
        let weights = Weights::of(&run.network).weights.concat().concat();
        assert!(weights.iter().all(|w| w.is_finite()));
    }
}
