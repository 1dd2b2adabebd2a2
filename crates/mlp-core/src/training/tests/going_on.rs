use crate::activations::{Identity, Tanh};
use crate::backend::Tensor;
use crate::naive::Naive;
use crate::state::{PlateauState, StateError};
use crate::training::*;
use crate::{
    Adam, AdamW, Dense, GradientDescent, HalfMse, Lbfgs, Metric, Mlp, Optimizer, ReduceOnPlateau, Scalar, Schedule,
};
use alloc::format;
use alloc::string::{String, ToString};
use alloc::vec;
use alloc::vec::Vec;
use core::ops::ControlFlow;

type Network = Mlp<Naive<f64>>;

/// A row of numbers, which is one feature of several samples.
fn row<T: Scalar>(numbers: &[f64]) -> Naive<T> {
    let mut row = Naive::zeros(1, numbers.len());
    row.write(&numbers.iter().map(|&number| T::from_f64(number)).collect::<Vec<_>>());
    row
}

/// The network y^ = weight x.
fn line(weight: f64) -> Network {
    let layer = Dense {
        weights: row(&[weight]),
        bias: row(&[0.0]),
    };
    Mlp::from_layers(vec![(layer, Identity.into())]).unwrap()
}

fn descent(learning_rate: f64) -> Trainer<Naive<f64>, HalfMse, GradientDescent<Naive<f64>>> {
    Trainer::new(HalfMse, GradientDescent::new(learning_rate).unwrap())
}

type Everything = Trainer<Naive<f64>, HalfMse, Adam<Naive<f64>>>;

fn diverged<V: core::fmt::Debug>(result: Result<V, TrainError>) -> Diverged {
    match result {
        Err(TrainError::Diverged(diverged)) => diverged,
        other => panic!("{other:?}"),
    }
}

/// Returns `value` as text, in which NaN equals NaN.
fn shown(value: &impl core::fmt::Debug) -> String {
    format!("{value:?}")
}

/// The losses are 5e307 each, so the sum of four of them is infinite.
#[test]
fn the_loss_of_an_epoch_is_finite_if_the_losses_of_its_batches_are() {
    let (input, target) = (row(&[1.0; 5]), row(&[1e154; 5]));
    let samples = Samples::new(&input, &target).unwrap();
    let options = FitOptions::epochs(1).batch_size(1);
    let mut whole = descent(1e-300);
    let mut network = line(0.0);
    let fitted = whole.fit(&mut network, samples, options).unwrap();
    assert!((fitted.loss - 5e307).abs() < 1e295, "{}", fitted.loss);

    let (mut part, mut again, mut batches) = (descent(1e-300), line(0.0), 0);
    let observer = |_: Progress<'_, _, _>| {
        batches += 1;
        if batches == 4 {
            ControlFlow::Break(())
        } else {
            ControlFlow::Continue(())
        }
    };
    part.fit_with(&mut again, samples, options, observer).unwrap();
    let mut resumed = descent(0.5);
    resumed.restore(part.state(), again.layers()).unwrap();
    resumed.fit(&mut again, samples, options).unwrap();
    assert_eq!(shown(&(resumed.state(), again)), shown(&(whole.state(), network)));
}

#[test]
fn the_loss_of_an_epoch_counts_batches_by_their_weights() {
    let (input, target) = (row(&[1.0; 5]), row(&[1.0, 2.0, 3.0, 4.0, 5.0]));
    let weights = row(&[1.0, 2.0, 0.5, 0.25, 4.0]);
    let samples = Samples::new(&input, &target).unwrap().weighted(&weights).unwrap();
    let mut trainer = descent(0.1);
    trainer.set_learning_rate(0.0).unwrap();
    let fitted = trainer
        .fit(&mut line(0.0), samples, FitOptions::epochs(1).batch_size(2))
        .unwrap();
    let expected = (0.5 + 2.0 * 2.0 + 0.5 * 4.5 + 0.25 * 8.0 + 4.0 * 12.5) / 7.75;
    assert!((fitted.loss - expected).abs() < 1e-14, "{}", fitted.loss);
}

#[test]
fn the_last_event_is_stop_even_before_an_error() {
    let (input, target) = (row(&[1.0, 1.0, 1.0]), row(&[1.0, 1.0, 1e200]));
    let samples = Samples::new(&input, &target).unwrap();
    let mut events = Vec::new();
    let mut trainer = descent(0.5).schedule(Schedule::exponential(0.5).unwrap(), Every::Batch);
    let result = trainer.fit_with(
        &mut line(0.0),
        samples,
        FitOptions::epochs(2).batch_size(1),
        |progress| {
            events.push(progress.event);
            ControlFlow::Continue(())
        },
    );
    diverged(result);
    let batch = |batch, learning_rate: f64, loss| Event::Batch {
        epoch: 0,
        batch,
        batches: 3,
        loss,
        learning_rate,
    };
    // The first step goes half of the way.
    let expected = [batch(0, 0.5, 0.5), batch(1, 0.25, 0.0), Event::Stop(StopReason::Error)];
    assert_eq!(events, expected);

    // Rejected samples cause no events.
    events.clear();
    let bad = row(&[1.0, f64::NAN, 1.0]);
    let samples = Samples::new(&input, &bad).unwrap();
    let result = trainer.fit_with(&mut line(0.0), samples, FitOptions::epochs(2), |progress| {
        events.push(progress.event);
        ControlFlow::Continue(())
    });
    assert!(result.is_err() && events.is_empty(), "{events:?}");
}

#[test]
fn a_direct_step_that_diverges_reports_its_number() {
    let (input, target) = (row(&[1.0, 1.0]), row(&[1.0, 1e200]));
    let samples = Samples::new(&input, &target).unwrap();
    let (mut trainer, mut network) = (descent(0.5), line(0.0));
    for _ in 0..2 {
        trainer.step(&mut network, samples.slice(0..1)).unwrap();
    }
    let error = diverged(trainer.step(&mut network, samples.slice(1..2)));
    assert_eq!((error.step, error.pass), (2, None));
    let expected = "training diverged in step 2: the loss is inf; the last finite loss was ";
    assert!(error.to_string().starts_with(expected), "{error}");

    // A direct step in the middle of an epoch of `fit` does not count as one of its batches.
    let options = FitOptions::epochs(1).batch_size(1);
    let stop = |_: Progress<'_, _, _>| ControlFlow::Break(());
    trainer.fit_with(&mut network, samples, options, stop).unwrap();
    let under_way = trainer.state();
    let error = diverged(trainer.step(&mut network, samples.slice(1..2)));
    assert_eq!((error.step, error.batch, error.pass), (3, 1, None));
    assert_eq!(
        shown(&trainer.state()),
        shown(&under_way),
        "the epoch under way is unchanged"
    );
    trainer.abandon_epoch();

    let options = FitOptions::epochs(1).batch_size(1).shuffle(3);
    let error = diverged(trainer.fit(&mut network, samples, options));
    let pass = Pass {
        samples: 2,
        batch_size: 1,
        shuffle: Some(3),
    };
    assert_eq!((error.step, error.pass), (3 + error.batch as u64, Some(pass)));
    let expected = format!("training diverged in epoch 0, batch {}: ", error.batch);
    assert!(error.to_string().starts_with(&expected), "{error}");
}

/// The loss is about 1e180, and the gradient is as large. Only its square is infinite.
#[test]
fn a_gradient_whose_squares_overflow_is_not_the_learning_rates_fault() {
    let input = row(&[1e90, -1e90]);
    let samples = Samples::new(&input, &input).unwrap();
    let mut trainer = Trainer::new(HalfMse, Lbfgs::new(1.0).unwrap());
    let mut network = line(0.0);
    let error = diverged(trainer.fit(&mut network, samples, FitOptions::epochs(1)));
    assert_eq!(network, line(0.0));
    assert_eq!(
        (error.layer, error.gradient, error.likely_cause),
        (Some(0), true, LikelyCause::Data)
    );
    let loss = 0.5 * 1e90 * 1e90;
    assert_eq!(
        error.to_string(),
        format!(
            "training diverged in epoch 0, batch 0: the gradient of layer 0, or the sum of its squares, is not finite; \
             the last finite loss was {loss:e}; the data or the weights probably contain numbers that are too large"
        )
    );
}

#[test]
fn parameters_that_are_not_finite_are_rejected_with_their_layer() {
    let input = row(&[1.0, 2.0]);
    let samples = Samples::new(&input, &input).unwrap();
    let layer = |weight: f64, bias: f64| Dense {
        weights: row(&[weight]),
        bias: row(&[bias]),
    };
    for (bad, at) in [(f64::NAN, 0), (f64::NEG_INFINITY, 1), (f64::INFINITY, 2)] {
        for as_bias in [false, true] {
            // Numbers whose squares overflow are valid.
            let mut layers = vec![layer(1e200, 0.5), layer(0.5, 1e-200), layer(0.5, 0.5)];
            layers[at] = if as_bias { layer(0.5, bad) } else { layer(bad, 0.5) };
            let kinds = [Tanh.into(), Tanh.into(), Identity.into()];
            let mut network = Network::from_layers(layers.into_iter().zip(kinds).collect()).unwrap();
            let mut trainer = descent(0.1);
            let mut observed = false;
            let fit = trainer.fit_with(&mut network, samples, FitOptions::epochs(1), |_| {
                observed = true;
                ControlFlow::Continue(())
            });
            let step = trainer.step(&mut network, samples);
            let expected = format!("parameters: expected finite numbers in layer {at}, got {bad}");
            for error in [fit.map(|_| ()).unwrap_err(), step.map(|_| ()).unwrap_err()] {
                assert!(matches!(error, TrainError::Parameters { layer, .. } if layer == at));
                assert_eq!(error.to_string(), expected);
            }
            assert!(!observed && trainer.state() == descent(0.1).state());
        }
    }
}

#[test]
fn after_a_divergence_the_epoch_starts_over_with_any_options() {
    let (input, target) = (row(&[1.0, 2.0, 3.0]), row(&[2.0, 4.0, 6.0]));
    let samples = Samples::new(&input, &target).unwrap();
    let (mut trainer, mut network) = (descent(0.1), line(0.0));
    trainer.fit(&mut network, samples, FitOptions::epochs(2)).unwrap();
    trainer.set_learning_rate(1e200).unwrap();
    let options = FitOptions::epochs(1).batch_size(1).shuffle(3);
    let error = diverged(trainer.fit(&mut network, samples, options));
    assert!((error.epoch, error.batch) > (2, 0), "{error}");
    let Position {
        epoch,
        batch,
        steps,
        loss,
        weight,
        pass,
        ..
    } = trainer.state().position;
    assert_eq!((epoch, batch, steps), (2, 0, 2 + error.batch as u64));
    assert_eq!((loss, weight, pass), (0.0, 0.0, None));

    let mut network = line(0.0);
    trainer.set_learning_rate(0.1).unwrap();
    trainer.restore(trainer.state(), network.layers()).unwrap();
    trainer
        .fit(&mut network, samples.slice(0..2), FitOptions::until(30))
        .unwrap();
    assert_eq!(trainer.history().epochs(), 30);
    assert!(trainer.history().loss[29] < 0.1);
}

#[test]
fn an_epoch_under_way_can_be_abandoned() {
    let (input, target) = (row(&[1.0, 2.0, 3.0]), row(&[2.0, 4.0, 6.0]));
    let samples = Samples::new(&input, &target).unwrap();
    let (mut trainer, mut network) = (descent(0.01), line(0.0));
    let one = FitOptions::epochs(1).batch_size(1);
    trainer
        .fit_with(&mut network, samples, one, |_| ControlFlow::Break(()))
        .unwrap();
    let error = trainer.fit(&mut network, samples, FitOptions::epochs(1)).unwrap_err();
    assert_eq!(
        error.to_string(),
        "an epoch is under way: expected 3 samples in batches of 1, in order, got 3 samples in batches of 3, in order; \
         finish it with the expected samples and options, or call `Trainer::abandon_epoch` to start it over"
    );
    trainer.abandon_epoch();
    let (mut expected, mut other) = (network.clone(), descent(0.01));
    other.fit(&mut expected, samples, FitOptions::epochs(1)).unwrap();
    trainer.fit(&mut network, samples, FitOptions::epochs(1)).unwrap();
    assert_eq!(network, expected);
    assert_eq!(shown(trainer.history()), shown(other.history()));
    assert_eq!(
        trainer.state().position.steps,
        2,
        "the step before the epoch was abandoned counts"
    );
}

/// A trainer that uses everything that has a state, after three epochs and one batch.
fn under_way() -> (Everything, Network) {
    let mut trainer = with_everything();
    let (input, target) = (row(&[1.0, 2.0, 3.0]), row(&[2.0, 4.0, 6.0]));
    let samples = Samples::new(&input, &target).unwrap();
    let (mut network, mut batches) = (line(0.0), 0);
    let data = samples.with_validation(samples);
    let options = FitOptions::epochs(5).batch_size(1);
    trainer
        .fit_with(&mut network, data, options, |progress| {
            batches += u64::from(matches!(progress.event, Event::Batch { .. }));
            if batches == 10 {
                ControlFlow::Break(())
            } else {
                ControlFlow::Continue(())
            }
        })
        .unwrap();
    (trainer, network)
}

fn with_everything() -> Everything {
    Trainer::new(HalfMse, Adam::new(0.1).unwrap())
        .schedule(Schedule::exponential(0.5).unwrap(), Every::Epoch)
        .reduce_on_plateau(ReduceOnPlateau::new(0.5, 0).unwrap(), Monitor::Loss)
        .dropout(Dropout::new(0.0, 1).unwrap())
        .early_stopping(EarlyStopping::new(9))
        .metrics(&[Metric::Mse])
}

#[test]
fn states_with_numbers_that_no_run_can_produce_are_rejected() {
    let (trainer, network) = under_way();
    let restore = |change: &dyn Fn(&mut TrainerState<Naive<f64>>)| {
        let mut state = trainer.state();
        change(&mut state);
        let mut other = with_everything();
        let before = other.state();
        let result = other.restore(state, network.layers());
        assert_eq!(
            result.is_err(),
            other.state() == before,
            "an error leaves the trainer unchanged"
        );
        result.map_err(|error: StateError| error.to_string())
    };
    assert_eq!(restore(&|_| ()), Ok(()));
    let refused = |expected: &str, change: &dyn Fn(&mut TrainerState<Naive<f64>>)| {
        assert_eq!(restore(change), Err(String::from(expected)));
    };
    for bad in [f64::NAN, f64::INFINITY, -1.0] {
        let expected =
            format!("optimizer state: initial learning rate: expected a finite number of at least 0, got {bad}");
        refused(&expected, &|state| state.initial_learning_rate = bad);
        let expected = expected.replace("learning rate", "weight decay");
        let decay = || Some((bad, Schedule::constant(), Every::Epoch));
        refused(&expected, &|state| state.weight_decay = decay());
    }
    let plateau = |change: &dyn Fn(&mut PlateauState), expected: &str| {
        let expected = format!("trainer state: {expected}");
        refused(&expected, &|state| change(state.plateau.as_mut().unwrap()));
    };
    for bad in [f64::NAN, 1e9, -0.5] {
        let expected = format!("factor of the plateau: expected a number from 0 to 1, got {bad}");
        plateau(&|state| state.factor = bad, &expected);
    }
    plateau(
        &|state| state.best = Some(f64::NAN),
        "best value of the plateau: expected a finite number, got NaN",
    );
    plateau(
        &|state| state.bad_epochs = 4,
        "bad epochs of the plateau: expected at most 3, got 4",
    );

    type Stopping = StoppingState<Naive<f64>>;
    let stopping = |change: &dyn Fn(&mut Stopping), expected: &str| {
        refused(expected, &|state| change(state.stopping.as_mut().unwrap()));
    };
    let expected = "trainer state: best value of early stopping: expected a finite number, got NaN";
    stopping(&|state| state.best = Some(f64::NAN), expected);
    let expected = "trainer state: best epoch: expected an epoch before 3, got 3";
    stopping(&|state| state.best_epoch = 3, expected);
    let expected = "trainer state: epochs since the best one: expected 2, got 0";
    stopping(&|state| (state.best_epoch, state.epochs_since) = (0, 0), expected);
    let expected = format!("trainer state: epochs since the best one: expected 2, got {}", u64::MAX);
    stopping(
        &|state| (state.best_epoch, state.epochs_since) = (0, u64::MAX),
        &expected,
    );
    let expected = "trainer state: epochs since the best one: expected at most 3, got 4";
    stopping(&|state| (state.best, state.epochs_since) = (None, 4), expected);
    let expected = "optimizer state: `the best parameters`: expected finite numbers, got inf";
    stopping(&|state| state.best_layers[0].bias = row(&[f64::INFINITY]), expected);

    for bad in [f64::NAN, f64::INFINITY] {
        let expected = format!("trainer state: last finite loss: expected a finite number, got {bad}");
        refused(&expected, &|state| state.position.last_finite_loss = Some(bad));
    }
    let without = |loss, weight, batch, pass: bool| {
        let expected = format!(
            "trainer state: loss and weight of the epoch: expected values that fit {batch} finished batches, \
             got {loss} and {weight}"
        );
        refused(&expected, &|state| {
            let position = &mut state.position;
            (position.loss, position.weight, position.batch) = (loss, weight, batch);
            position.pass = position.pass.filter(|_| pass);
        });
    };
    without(1.0, 1.0, 0, false);
    without(0.0, 1.0, 0, true);
    without(1.0, 0.0, 0, false);
    without(1.0, 0.0, 1, true);
    without(0.0, 0.0, 3, true);
    let expected = "optimizer state: `second_moment`: expected numbers of at least 0, got -1";
    refused(expected, &|state| {
        let moments = state
            .optimizer
            .tensors
            .iter_mut()
            .find(|(name, _)| name == "second_moment");
        moments.unwrap().1[0].bias = row(&[-1.0]);
    });
}

/// A schedule and dropout in the state are taken over, but a state without them does not remove them.
#[test]
fn a_state_does_not_remove_schedule_or_dropout() {
    let dropout = || descent(0.5).dropout(Dropout::new(0.5, 1).unwrap());
    let schedule = || descent(0.5).schedule(Schedule::exponential(0.5).unwrap(), Every::Epoch);
    let network = line(0.0);
    for (mut trainer, what) in [(dropout(), "dropout"), (schedule(), "schedule")] {
        let before = trainer.state();
        let error = trainer.restore(descent(0.5).state(), network.layers()).unwrap_err();
        assert_eq!(
            error.to_string(),
            format!("trainer state: {what}: expected a state with it, got a state without it")
        );
        assert_eq!(trainer.state(), before);
        let mut plain = descent(0.25);
        plain.restore(before.clone(), network.layers()).unwrap();
        assert_eq!(plain.state(), before);
    }
    let adamw = || Trainer::<Naive<f64>, _, _>::new(HalfMse, AdamW::new(0.5).unwrap());
    let decay = adamw().weight_decay_schedule(0.1, Schedule::constant(), Every::Epoch);
    let error = decay.unwrap().restore(adamw().state(), network.layers()).unwrap_err();
    assert_eq!(
        error.to_string(),
        "trainer state: weight decay schedule: expected a state with it, got a state without it"
    );
    // A schedule can be added after the state is restored.
    let mut later = descent(0.25);
    later.restore(descent(0.5).state(), network.layers()).unwrap();
    let later = later.schedule(Schedule::exponential(0.5).unwrap(), Every::Epoch);
    assert_eq!(later.state(), schedule().state());
}

/// A batch of one sample divides by the weight of that sample.
#[test]
fn sample_weights_leave_room_for_losses_and_for_batches_of_their_own() {
    fn refused<T: Scalar>(numbers: [f64; 2]) -> Option<String> {
        let (input, weights) = (row::<T>(&[1.0, 2.0]), row::<T>(&numbers));
        let samples = Samples::<Naive<T>>::new(&input, &input).unwrap();
        let result = samples.weighted(&weights).map(|_| ());
        if result.is_ok() {
            let mut network = Mlp::<Naive<T>>::builder(&[1, 1]).build().unwrap();
            let mut trainer = Trainer::new(HalfMse, GradientDescent::new(0.1).unwrap());
            let samples = samples.weighted(&weights).unwrap();
            for size in [1, 2] {
                let options = FitOptions::epochs(2).batch_size(size);
                let fitted = trainer.fit(&mut network, samples, options).unwrap();
                assert!(fitted.loss.is_finite());
            }
        }
        result.map_err(|error| error.to_string()).err()
    }
    let small = "sample weights: expected 0 or a number whose inverse is finite for sample 1, got ";
    assert_eq!(refused::<f64>([1.0, 1e-310]), Some(format!("{small}1e-310")));
    let tiny = f64::from(1e-39_f32);
    assert_eq!(refused::<f32>([0.0, tiny]), Some(format!("{small}{tiny:e}")));
    for fine in [[1.0, 1e-300], [1e-300, 1e-300], [1e150, 1e-300], [0.0, 1e154]] {
        assert_eq!(refused::<f64>(fine), None, "{fine:?}");
    }
    for fine in [[1.0, 1e-37], [1e19, 0.0]] {
        assert_eq!(refused::<f32>(fine), None, "{fine:?}");
    }
    let large = f64::from(1e37_f32);
    assert_eq!(
        refused::<f32>([large, 0.0]),
        Some(format!(
            "sample weights: expected a sum whose square is finite, got {large:e}; only their ratios matter"
        ))
    );
    assert!(refused::<f64>([1e154, 1e154]).is_some());
}

#[test]
fn learning_rate_is_the_rate_of_the_next_step() {
    let input = row(&[1.0, 2.0]);
    let samples = Samples::new(&input, &input).unwrap();
    let mut plain = descent(0.5);
    plain.set_learning_rate(0.25).unwrap();
    assert_eq!(
        (plain.learning_rate(), plain.optimizer()),
        (0.25, &GradientDescent::new(0.25).unwrap())
    );

    let mut trainer = descent(0.5)
        .schedule(Schedule::exponential(0.5).unwrap(), Every::Epoch)
        .reduce_on_plateau(ReduceOnPlateau::new(0.125, 0).unwrap(), Monitor::Loss);
    let mut network = line(1.0);
    trainer.fit(&mut network, samples, FitOptions::epochs(1)).unwrap();
    assert_eq!(trainer.learning_rate(), 0.25);
    trainer.set_learning_rate(0.75).unwrap();
    assert_eq!(trainer.learning_rate(), 0.375);
    for bad in [-1.0, f64::NAN, f64::INFINITY] {
        for trainer in [&mut trainer, &mut plain] {
            let error = trainer.set_learning_rate(bad).unwrap_err().to_string();
            assert_eq!(
                error,
                format!("learning rate: expected a finite number of at least 0, got {bad}")
            );
        }
    }
    // The loss is 0 and stays 0, so the plateau reduces the learning rate.
    trainer.fit(&mut network, samples, FitOptions::epochs(1)).unwrap();
    assert_eq!(trainer.history().learning_rate, [0.5, 0.375]);
    assert_eq!(trainer.learning_rate(), 0.75 * 0.25 * 0.125);
    assert_eq!(trainer.state().initial_learning_rate, 0.75);
    assert_eq!(Optimizer::<Naive<f64>>::learning_rate(trainer.optimizer()), 0.375);
}
