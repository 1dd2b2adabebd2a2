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
    /// Creates the network as it is before the first epoch. Returns an error if the learning rate is out of its range,
    /// if the network is too large for the memory, or if patience is set but there is no validation part.
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

    /// Continues from the network and the training state of a classifier with the same task and settings. Returns an
    /// error if the network has other sizes or activations, or if the state is from another kind of training.
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
    /// `observer` receives every event and may end training, also by an error, which is then returned.
    ///
    /// Returns an error with exit code 1 if the loss or a parameter stops being finite. The network then keeps the
    /// parameters from before the update.
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
mod tests;
