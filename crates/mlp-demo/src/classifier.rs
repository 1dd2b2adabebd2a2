//! A classifier of images. It is trained on the softmax cross-entropy, in mini-batches whose order is drawn anew in
//! each epoch. Its accuracy is measured on samples that it is not trained on.

use std::ops::ControlFlow;

use mlp_core::state::TrainerState;
use mlp_core::{
    Classes, ConfusionMatrix, Dataset, EarlyStopping, FitOptions, FitReport, History, Metric, Mlp, Model, NoCustom,
    Optimizer, Progress, Provenance, SoftmaxCrossEntropy, Trainer,
};
use mlp_cpu::{Element, Matrix};

use crate::error::Error;
use crate::options::Settings;
use crate::task::Task;

/// A network that learns a [`Task`].
#[derive(Debug)]
pub(crate) struct Classifier<T: Element> {
    /// The current network, with everything that is needed to use it. Its inputs are pixels as they are in the files.
    pub(crate) model: Model<Matrix<T>>,
    trainer: Trainer<Matrix<T>, SoftmaxCrossEntropy, Box<dyn Optimizer<Matrix<T>> + Send + Sync>>,
    settings: Settings,
    train: Dataset<Matrix<T>>,
    validation: Option<Dataset<Matrix<T>>>,
    test: Dataset<Matrix<T>>,
}

impl<T: Element> Classifier<T> {
    /// Creates the network as it is before the first epoch.
    ///
    /// # Errors
    ///
    /// Returns an error if the learning rate is out of its range, if the network is too large for the memory, or if
    /// patience is set but there is no validation part.
    pub(crate) fn new(task: &Task, settings: &Settings) -> Result<Self, Error> {
        let layers = [&[task.pixels], settings.hidden.0.as_slice(), &[task.classes]].concat();
        let network = Mlp::builder(&layers)
            .hidden(settings.activation.clone())
            .seed(settings.seed)
            .build()?;
        let model = Model::new(network, SoftmaxCrossEntropy::for_classes())
            .with_input_scaling(task.scaling())
            .and_then(|model| model.with_classes(Classes::new(task.class_names()).expect("the class names differ")))
            .expect("the network has an input per pixel and an output per class")
            .with_provenance(Provenance {
                seed: Some(settings.seed),
                data: Some(task.hash()),
                ..Provenance::default()
            });
        let optimizer = settings.optimizer.build(settings.learning_rate)?;
        let mut trainer = Trainer::new(SoftmaxCrossEntropy::for_classes(), optimizer).metrics(&[Metric::Accuracy]);
        let validation = task.data(&task.validation);
        if let Some(patience) = settings.patience {
            if validation.is_none() {
                return Err(Error::unexpected(
                    "--patience",
                    "a class with at least 5 training images, so that a tenth of them can be held out for validation",
                    "fewer in every class",
                ));
            }
            trainer = trainer.early_stopping(EarlyStopping::new(patience));
        }
        Ok(Self {
            model,
            trainer,
            settings: settings.clone(),
            train: task.data(&task.train).expect("there are images to train on"),
            validation,
            test: task.data(&task.test).expect("there are images to test with"),
        })
    }

    /// Returns the history of all epochs so far. Its validation loss and accuracy are those of the validation part, or
    /// those of the test part if there is no validation part.
    pub(crate) fn history(&self) -> &History {
        self.trainer.history()
    }

    /// Continues from the network and the training state of a classifier with the same task and settings.
    ///
    /// # Errors
    ///
    /// Returns an error if the network has other sizes or activations, or if the state is from another kind of
    /// training.
    pub(crate) fn resume(&mut self, network: Mlp<Matrix<T>>, state: TrainerState<Matrix<T>>) -> Result<(), Error> {
        let own = self.model.network();
        let (expected, got) = (own.layer_sizes(), network.layer_sizes());
        if expected != got || own.activations() != network.activations() {
            return Err(Error::unexpected(
                "the checkpoint",
                format_args!("a network {expected:?} with {}", self.settings.activation.name()),
                format_args!("{got:?}"),
            ));
        }
        self.trainer.restore(state, network.layers())?;
        *self.model.network_mut() = network;
        Ok(())
    }

    /// Trains until `epochs` epochs are complete, including those before a [`resume`](Self::resume), or until patience
    /// ends training. With patience, the network then has the parameters of the best epoch, however training ended.
    /// `observer` receives every event and may end training.
    ///
    /// # Errors
    ///
    /// Returns an error with exit code 1 if the loss or a parameter stops being finite. The network then keeps the
    /// parameters from before the update. Returns any error of the observer, which also ends training.
    pub(crate) fn fit(
        &mut self,
        epochs: u64,
        mut observer: impl FnMut(&Progress<'_, Matrix<T>, NoCustom>) -> Result<ControlFlow<()>, Error>,
    ) -> Result<FitReport, Error> {
        let seen = self.validation.as_ref().unwrap_or(&self.test);
        let data = self.train.samples().with_validation(seen.samples());
        let options = FitOptions::until(epochs)
            .batch_size(self.settings.batch_size)
            .shuffle(self.settings.seed);
        let mut failure = None;
        let fitted = self
            .trainer
            .fit_with(self.model.network_mut(), data, options, |progress| {
                observer(&progress).unwrap_or_else(|error| {
                    failure = Some(error);
                    ControlFlow::Break(())
                })
            })?;
        failure.map_or(Ok(fitted), Err)
    }

    /// Classifies the test part with the current network and returns the confusion matrix.
    pub(crate) fn test(&self) -> Result<ConfusionMatrix, Error> {
        let loss = SoftmaxCrossEntropy::for_classes();
        let scores = self.model.network().scores(&loss, self.test.samples())?;
        Ok(scores.confusion_matrix().expect("the targets are classes"))
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::options::Sizes;
    use crate::task::easy;
    use mlp_core::activations::Tanh;
    use mlp_core::{ActivationKind, Event, OptimizerKind, OutputTransform, StopReason};

    const SETTINGS: Settings = Settings {
        hidden: Sizes(vec![]),
        activation: ActivationKind::Tanh(Tanh),
        optimizer: OptimizerKind::GradientDescent,
        learning_rate: 0.1,
        batch_size: 32,
        seed: 0,
        patience: None,
    };

    /// Trains until `epochs` epochs are complete and returns the losses of all of them.
    fn losses<T: Element>(classifier: &mut Classifier<T>, epochs: u64) -> Vec<f64> {
        classifier.fit(epochs, |_| Ok(ControlFlow::Continue(()))).unwrap();
        classifier.history().loss.clone()
    }

    fn learns<T: Element>() {
        let settings = Settings {
            hidden: Sizes(vec![8]),
            batch_size: 4,
            learning_rate: 0.5,
            ..SETTINGS
        };
        let mut classifier = Classifier::<T>::new(&easy(), &settings).unwrap();
        assert_eq!(classifier.model.network().layer_sizes(), [3, 8, 3]);
        let losses = losses(&mut classifier, 30);
        assert!(losses[29] < 0.05 && losses[0] > 0.5, "{losses:?}");
        let test = classifier.test().unwrap();
        assert_eq!((test.accuracy(), test.total(), test.count(2, 2)), (Some(1.0), 9.0, 3.0));
    }

    #[test]
    fn an_easy_task_is_learned() {
        learns::<f32>();
        learns::<f64>();
    }

    #[test]
    fn the_same_seed_gives_the_same_losses() {
        let run = |seed| {
            let settings = Settings {
                hidden: Sizes(vec![4]),
                seed,
                batch_size: 4,
                ..SETTINGS
            };
            let mut classifier = Classifier::<f32>::new(&easy(), &settings).unwrap();
            losses(&mut classifier, 3)
        };
        assert_eq!(run(1), run(1));
        assert_ne!(run(1), run(2));
    }

    #[test]
    fn the_order_of_the_samples_depends_on_the_seed() {
        let start = |seed| {
            let settings = Settings {
                hidden: Sizes(vec![4]),
                seed,
                batch_size: 4,
                ..SETTINGS
            };
            Classifier::<f32>::new(&easy(), &settings).unwrap()
        };
        let (mut one, mut two) = (start(1), start(2));
        two.model.network_mut().clone_from(one.model.network());
        assert_ne!(
            losses(&mut one, 1),
            losses(&mut two, 1),
            "the same weights in another order of samples must give other losses"
        );
    }

    #[test]
    fn the_model_takes_pixels_and_predicts_what_the_test_counts() {
        let task = easy();
        let mut classifier = Classifier::<f32>::new(&task, &SETTINGS).unwrap();
        losses(&mut classifier, 2);
        let model = &classifier.model;
        let pixels = task.test.images.iter().map(|&pixel| f32::from(pixel)).collect();
        let raw = Matrix::from_vec(3, 9, pixels);
        let mut predictions = model.network().predict(classifier.test.input());
        for j in 0..9 {
            OutputTransform::Softmax.apply(predictions.column_mut(j));
        }
        assert_eq!(model.predict(&raw), predictions, "every bit must be equal");
        let mut matrix = ConfusionMatrix::new(3);
        for (&label, class) in task.test.labels.iter().zip(model.classify(&raw)) {
            matrix.record(usize::from(label), class);
        }
        assert_eq!(matrix, classifier.test().unwrap());
        assert_eq!(model.classes().unwrap().names(), ["0", "1", "2"]);
        assert_eq!(model.provenance().seed, Some(0));
        assert_eq!(model.provenance().data, Some(task.hash()));
    }

    #[test]
    fn a_resumed_run_equals_an_uninterrupted_one() {
        for (optimizer, patience) in [
            (OptimizerKind::GradientDescent, None),
            (OptimizerKind::Adam, None),
            (OptimizerKind::Adam, Some(100)),
        ] {
            let settings = Settings {
                hidden: Sizes(vec![4]),
                optimizer,
                learning_rate: 0.01,
                batch_size: 4,
                patience,
                ..SETTINGS
            };
            let task = easy().hold_out(0);
            let new = || Classifier::<f32>::new(&task, &settings).unwrap();
            let mut whole = new();
            losses(&mut whole, 5);

            let mut interrupted = new();
            let mut checkpoint = None;
            let stopped = interrupted.fit(5, |progress| match progress.event {
                Event::Epoch { epoch: 1, .. } => {
                    checkpoint = Some((progress.network.clone(), progress.state()));
                    Err(Error::Diverged("power failure".into()))
                }
                _ => Ok(ControlFlow::Continue(())),
            });
            assert_eq!(stopped.unwrap_err().to_string(), "power failure");
            assert_eq!(interrupted.history().epochs(), 2);

            let mut resumed = new();
            let (network, state) = checkpoint.unwrap();
            resumed.resume(network, state).unwrap();
            losses(&mut resumed, 5);
            assert_eq!(resumed.history(), whole.history(), "{optimizer:?}");
            assert_eq!(resumed.model, whole.model, "{optimizer:?}");
        }
    }

    #[test]
    fn only_a_checkpoint_of_the_same_network_can_be_resumed() {
        let large = Settings {
            hidden: Sizes(vec![4]),
            ..SETTINGS
        };
        let mut small = Classifier::<f32>::new(&easy(), &SETTINGS).unwrap();
        let large = Classifier::<f32>::new(&easy(), &large).unwrap();
        let error = small
            .resume(large.model.network().clone(), large.trainer.state())
            .unwrap_err();
        assert_eq!(
            error.to_string(),
            "the checkpoint: expected a network [3, 3] with tanh, got [3, 4, 3]"
        );
    }

    #[test]
    fn patience_ends_training_with_the_parameters_of_the_best_epoch() {
        let settings = Settings {
            patience: Some(3),
            batch_size: 4,
            ..SETTINGS
        };
        assert!(
            Classifier::<f64>::new(&easy(), &settings).is_err(),
            "there is no validation part"
        );
        let mut task = easy().hold_out(0);
        // The labels are wrong on purpose: the better the classes are learned, the greater is the validation loss.
        task.validation
            .labels
            .iter_mut()
            .for_each(|label| *label = (*label + 1) % 3);
        let mut classifier = Classifier::<f64>::new(&task, &settings).unwrap();
        let mut networks = vec![];
        let fitted = classifier.fit(1000, |progress| {
            if let Event::Epoch { .. } = progress.event {
                networks.push(progress.network.clone());
            }
            Ok(ControlFlow::Continue(()))
        });
        let StopReason::Patience {
            best_epoch: Some(best_epoch),
        } = fitted.unwrap().stop
        else {
            panic!("patience did not end training")
        };
        assert_eq!(networks.len() as u64, best_epoch + 1 + 3);
        assert_eq!(classifier.model.network(), &networks[best_epoch as usize]);
    }
}
