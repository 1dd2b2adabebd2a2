//! A classifier of images. It is trained on the softmax cross-entropy, in mini-batches whose order is drawn anew in
//! each epoch. Its accuracy is measured on samples that it is not trained on.

use std::ops::ControlFlow;

use mlp_core::state::TrainerState;
use mlp_core::{
    ActivationKind, Classes, ConfusionMatrix, EarlyStopping, FitOptions, Fitted, History, Metric, Mlp, Model,
    Optimizer, OptimizerKind, Output as Prediction, Progress, Provenance, Samples as TrainingSamples,
    SoftmaxCrossEntropy, Trainer,
};
use mlp_cpu::{Element, Matrix};

use crate::error::Error;
use crate::idx::Part;
use crate::memory;
use crate::task::Task;

/// The options of the network and of its training.
#[derive(Clone, Debug, PartialEq)]
pub struct Settings {
    /// The sizes of the hidden layers.
    pub hidden: Vec<usize>,
    /// The activation of the hidden layers.
    pub activation: ActivationKind,
    /// The optimizer.
    pub optimizer: OptimizerKind,
    /// The learning rate eta.
    pub learning_rate: f64,
    /// The number of samples in a mini-batch.
    pub batch_size: usize,
    /// The seed of the initial weights and of the order of the samples.
    pub seed: u64,
    /// The number of epochs without an improvement of the validation loss after which training ends. With `None`,
    /// training does not end early.
    pub patience: Option<u64>,
}

/// A network that learns a [`Task`].
#[derive(Debug)]
pub struct Classifier<T: Element> {
    network: Mlp<Matrix<T>>,
    trainer: Trainer<Matrix<T>, SoftmaxCrossEntropy, Box<dyn Optimizer<Matrix<T>> + Send + Sync>>,
    settings: Settings,
    train: Labeled<T>,
    validation: Option<Labeled<T>>,
    test: Labeled<T>,
    /// The scaling of the inputs and the classes, which a model has in addition to the network.
    preprocessing: (mlp_core::Scaling, Classes),
    provenance: Provenance,
}

impl<T: Element> Classifier<T> {
    /// Creates the network as it is before the first epoch.
    ///
    /// # Errors
    ///
    /// Returns an error if the learning rate is out of its range, if a hidden layer has size 0, if the network is too
    /// large for the memory, or if patience is set but there is no validation part.
    pub fn new(task: &Task, settings: &Settings) -> Result<Self, Error> {
        let optimizer = settings.optimizer.build(settings.learning_rate)?;
        let layers = [&[task.pixels], settings.hidden.as_slice(), &[task.classes]].concat();
        let images = task.train.labels.len() + task.validation.labels.len() + task.test.labels.len();
        let batch = settings.batch_size.min(task.train.labels.len());
        memory::check::<T>(&layers, batch, images * (task.pixels + 1))?;
        let network = Mlp::builder(&layers)
            .hidden(settings.activation.clone())
            .seed(settings.seed)
            .build()?;
        let validation = (!task.validation.labels.is_empty()).then(|| Labeled::new(task, &task.validation));
        let mut trainer = Trainer::new(SoftmaxCrossEntropy::with_classes(), optimizer).metrics(&[Metric::Accuracy]);
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
            network,
            trainer,
            settings: settings.clone(),
            train: Labeled::new(task, &task.train),
            validation,
            test: Labeled::new(task, &task.test),
            preprocessing: (
                task.scaling(),
                Classes::new(task.class_names()).expect("the class names differ"),
            ),
            provenance: Provenance {
                seed: Some(settings.seed),
                data: Some(task.hash()),
                ..Provenance::default()
            },
        })
    }

    /// Returns the current network.
    pub fn network(&self) -> &Mlp<Matrix<T>> {
        &self.network
    }

    /// Returns the history of all epochs so far. Its validation loss and accuracy are those of the validation part, or
    /// those of the test part if there is no validation part.
    pub fn history(&self) -> &History {
        self.trainer.history()
    }

    /// Continues from the network and the training state of a classifier with the same task and settings.
    ///
    /// # Errors
    ///
    /// Returns an error if the network has other sizes or activations, or if the state is from another kind of
    /// training.
    pub fn resume(&mut self, network: Mlp<Matrix<T>>, state: TrainerState<Matrix<T>>) -> Result<(), Error> {
        let (expected, got) = (self.network.layer_sizes(), network.layer_sizes());
        if expected != got || self.network.activations() != network.activations() {
            return Err(Error::unexpected(
                "the checkpoint",
                format_args!("a network {expected:?} with {}", self.settings.activation.name()),
                format_args!("{got:?}"),
            ));
        }
        self.trainer
            .restore(state, network.layers())
            .map_err(|error| Error::Refused(error.into()))?;
        self.network = network;
        Ok(())
    }

    /// Trains until `epochs` epochs are complete, including those before a [`resume`](Self::resume), or until patience
    /// ends training. With patience, the network then has the parameters of the best epoch, however training ended. `observer` receives every
    /// event and may end training.
    ///
    /// # Errors
    ///
    /// Returns [`Error::Diverged`] if the loss or a parameter stops being finite. The network then keeps the parameters
    /// from before the update. Returns any error of the observer, which also ends training.
    pub fn fit(
        &mut self,
        epochs: u64,
        mut observer: impl FnMut(&Progress<'_, Matrix<T>, mlp_core::NoCustom>) -> Result<ControlFlow<()>, Error>,
    ) -> Result<Fitted, Error> {
        let seen = self.validation.as_ref().unwrap_or(&self.test).samples()?;
        let options = FitOptions::until(epochs)
            .batch_size(self.settings.batch_size)
            .shuffle(self.settings.seed);
        let mut failure = None;
        let data = self.train.samples()?.validated_by(seen);
        let fitted = self.trainer.fit_with(&mut self.network, data, options, |progress| {
            observer(&progress).unwrap_or_else(|error| {
                failure = Some(error);
                ControlFlow::Break(())
            })
        })?;
        if let Some(error) = failure {
            return Err(error);
        }
        Ok(fitted)
    }

    /// Classifies the test part with the current network and returns the confusion matrix.
    pub fn test(&self) -> ConfusionMatrix {
        let Labeled { input, target } = &self.test;
        let mut matrix = ConfusionMatrix::new(self.network.outputs());
        let mut outputs = self.network.predict(input).into_vec();
        let samples = outputs.chunks_exact_mut(self.network.outputs());
        for (sample, class) in samples.zip(target.iter_columns()) {
            // Probabilities are compared instead of logits because `Model::classify` compares probabilities.
            Prediction::Softmax.apply(sample);
            matrix.record(class[0].to_f64() as usize, greatest(sample));
        }
        matrix
    }

    /// Returns the current network as a model that includes everything needed to use it. The inputs of the model are
    /// pixels as they are in the files.
    pub fn model(&self) -> Model<Matrix<T>> {
        let (scaling, classes) = self.preprocessing.clone();
        Model::new(self.network.clone(), SoftmaxCrossEntropy::with_classes())
            .with_input_scaling(scaling)
            .and_then(|model| model.with_classes(classes))
            .expect("the network has an input per pixel and an output per class")
            .with_provenance(self.provenance.clone())
    }
}

/// Images as inputs of a network, and the indices of their classes.
#[derive(Clone, Debug)]
struct Labeled<T: Element> {
    input: Matrix<T>,
    target: Matrix<T>,
}

impl<T: Element> Labeled<T> {
    fn new(task: &Task, part: &Part) -> Self {
        let classes = part.labels.iter().map(|&label| T::from_f64(f64::from(label)));
        Self {
            input: task.input(part),
            target: Matrix::from_vec(1, part.labels.len(), classes.collect()),
        }
    }

    fn samples(&self) -> Result<TrainingSamples<'_, Matrix<T>>, Error> {
        Ok(TrainingSamples::new(&self.input, &self.target)?)
    }
}

/// Returns the index of the greatest number, or the first such index if there are several.
fn greatest<T: Element>(logits: &[T]) -> usize {
    (1..logits.len()).fold(0, |best, i| {
        if logits[i].to_f64() > logits[best].to_f64() {
            i
        } else {
            best
        }
    })
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::task::easy;
    use mlp_core::{Event, StopReason, Tanh};

    const SETTINGS: Settings = Settings {
        hidden: vec![],
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
            hidden: vec![8],
            batch_size: 4,
            learning_rate: 0.5,
            ..SETTINGS
        };
        let mut classifier = Classifier::<T>::new(&easy(), &settings).unwrap();
        assert_eq!(classifier.network().layer_sizes(), [3, 8, 3]);
        let losses = losses(&mut classifier, 30);
        assert!(losses[29] < 0.05 && losses[0] > 0.5, "{losses:?}");
        let test = classifier.test();
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
                hidden: vec![4],
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
                hidden: vec![4],
                seed,
                batch_size: 4,
                ..SETTINGS
            };
            Classifier::<f32>::new(&easy(), &settings).unwrap()
        };
        let (mut one, mut two) = (start(1), start(2));
        two.network.clone_from(&one.network);
        assert_ne!(
            losses(&mut one, 1),
            losses(&mut two, 1),
            "the same weights in another order of samples must give other losses"
        );
    }

    #[test]
    fn the_first_of_the_greatest_wins() {
        assert_eq!(greatest(&[1.0, 3.0, 2.0, 3.0]), 1);
        assert_eq!(greatest(&[f64::NEG_INFINITY; 3]), 0);
    }

    #[test]
    fn the_model_takes_pixels_and_predicts_what_the_test_counts() {
        let task = easy();
        let mut classifier = Classifier::<f32>::new(&task, &SETTINGS).unwrap();
        losses(&mut classifier, 2);
        let model = classifier.model();
        let pixels = task.test.images.iter().map(|&pixel| f32::from(pixel)).collect();
        let raw = Matrix::from_vec(3, 9, pixels);
        let mut predictions = classifier.network().predict(&classifier.test.input);
        for j in 0..9 {
            Prediction::Softmax.apply(predictions.column_mut(j));
        }
        assert_eq!(model.predict(&raw), predictions, "every bit must be equal");
        let mut matrix = ConfusionMatrix::new(3);
        for (&label, class) in task.test.labels.iter().zip(model.classify(&raw)) {
            matrix.record(usize::from(label), class);
        }
        assert_eq!(matrix, classifier.test());
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
                hidden: vec![4],
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
                    Err(Error::diverged("power failure"))
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
            assert_eq!(resumed.model(), whole.model(), "{optimizer:?}");
        }
    }

    #[test]
    fn only_a_checkpoint_of_the_same_network_can_be_resumed() {
        let large = Settings {
            hidden: vec![4],
            ..SETTINGS
        };
        let mut small = Classifier::<f32>::new(&easy(), &SETTINGS).unwrap();
        let large = Classifier::<f32>::new(&easy(), &large).unwrap();
        let error = small.resume(large.network.clone(), large.trainer.state()).unwrap_err();
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
        assert_eq!(classifier.network(), &networks[best_epoch as usize]);
    }
}
