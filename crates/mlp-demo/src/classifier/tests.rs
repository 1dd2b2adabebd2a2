//! Checks training on an easy task: what is learned, resumed and stopped.

use super::*;
use crate::options::Sizes;
use crate::task::tests::easy;
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

/// Returns a classifier of the easy task with four hidden neurons and small batches.
fn small(seed: u64) -> Classifier<f32> {
    let settings = Settings {
        hidden: Sizes(vec![4]),
        seed,
        batch_size: 4,
        ..SETTINGS
    };
    Classifier::new(&easy(), &settings).unwrap()
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
    let run = |seed| losses(&mut small(seed), 3);
    assert_eq!(run(1), run(1));
    assert_ne!(run(1), run(2));
}

#[test]
fn the_order_of_the_samples_depends_on_the_seed() {
    let (mut one, mut two) = (small(1), small(2));
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
