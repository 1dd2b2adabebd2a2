use super::*;
use crate::Scalar;
use crate::naive::Naive;
use alloc::format;
use alloc::string::ToString;
use alloc::vec;
use alloc::vec::Vec;

type Layer<T> = Dense<Naive<T>>;

/// A layer with one weight and one bias.
fn layer<T: Scalar>(weight: f64, bias: f64) -> Layer<T> {
    let mut layer = Dense::zeros(1, 1);
    Naive::write(&mut layer.weights, &[T::from_f64(weight)]);
    Naive::write(&mut layer.bias, &[T::from_f64(bias)]);
    layer
}

fn numbers<T: Scalar>(layers: &[Layer<T>]) -> Vec<f64> {
    let mut values = Vec::new();
    for layer in layers {
        Naive::read((&layer.weights).into(), &mut values);
        Naive::read((&layer.bias).into(), &mut values);
    }
    values.into_iter().map(Scalar::to_f64).collect()
}

/// A finite loss with the same gradient everywhere.
struct Plane<T>(Vec<Layer<T>>);

impl<T: Scalar> Plane<T> {
    fn new(gradient: f64) -> Self {
        Self(vec![layer(gradient, -gradient)])
    }
}

impl<T: Scalar> Objective<Naive<T>> for Plane<T> {
    fn evaluate(&mut self, _: &[Layer<T>]) -> f64 {
        1.0
    }

    fn gradient_mut(&mut self) -> &mut [Layer<T>] {
        &mut self.0
    }
}

/// Takes steps with gradients whose squares, or sums of squares, are infinite. Checks that the values in memory stay
/// finite, and that a gradient of 1 moves the parameters again. Only a variance, which is infinity minus infinity, may
/// make a step fail.
fn check_recovery<T: Scalar, O: Optimizer<Naive<T>>>(name: &str, make: impl Fn() -> O) {
    let root = Scalar::sqrt(T::largest().to_f64());
    'gradients: for gradients in [
        &[2.0 * root][..],
        &[0.9 * root; 3],
        &[1e10 * root, root],
        &[T::largest().to_f64()],
    ] {
        let mut optimizer = make();
        for &gradient in gradients {
            if let Err(error) = optimizer.step(&mut [layer(0.0, 0.0)], &mut Plane::new(gradient)) {
                assert!(name.contains("centered"), "{name}, {gradients:?}: {error}");
                continue 'gradients;
            }
            let state = optimizer.state();
            for (what, tensors) in &state.tensors {
                let finite = numbers(tensors).iter().all(|number| number.is_finite());
                assert!(finite, "{name}, {gradients:?}: {what} is {:?}", numbers(tensors));
            }
            assert_eq!(make().restore(state, &[layer(0.0, 0.0)]), Ok(()), "{name}");
        }
        let mut layers = vec![layer(0.0, 0.0)];
        optimizer.step(&mut layers, &mut Plane::new(1.0)).unwrap();
        let after = numbers(&layers);
        assert!(
            after.iter().all(|&parameter| parameter != 0.0),
            "{name}, {gradients:?}: the parameters do not change"
        );
    }
}

#[test]
fn squares_that_overflow_do_not_freeze_parameters() {
    fn check<T: Scalar>() {
        check_recovery::<T, _>("Adam", || Adam::new(0.1).unwrap());
        check_recovery::<T, _>("AdamW", || AdamW::new(0.1).unwrap());
        check_recovery::<T, _>("NAdam", || NAdam::new(0.1).unwrap());
        check_recovery::<T, _>("Adagrad", || Adagrad::new(0.1).unwrap());
        check_recovery::<T, _>("RMSprop", || RmsProp::new(0.1).unwrap());
        check_recovery::<T, _>("RMSprop, centered", || {
            RmsProp::new(0.1).unwrap().centered(true).unwrap()
        });
        let momentum = || RmsProp::new(0.1).unwrap().momentum(0.5).unwrap();
        check_recovery::<T, _>("RMSprop with momentum", momentum);
        check_recovery::<T, _>("RMSprop, centered, with momentum", || {
            momentum().centered(true).unwrap()
        });
    }
    check::<f32>();
    check::<f64>();
}

/// The sum of squares never falls, so all later gradients are divided by the root of the largest number.
#[test]
fn adagrad_keeps_its_formula_when_the_sum_of_squares_overflows() {
    fn check<T: Scalar>() {
        let root = Scalar::sqrt(T::largest().to_f64());
        let (mut adagrad, mut layers) = (Adagrad::new(1.0).unwrap(), vec![layer::<T>(0.0, 0.0)]);
        for gradient in [2.0 * root, 0.9 * root, 0.9 * root] {
            adagrad.step(&mut layers, &mut Plane::new(gradient)).unwrap();
            let squares = &Optimizer::<Naive<T>>::state(&adagrad).tensors[0].1;
            assert_eq!(numbers(squares), [T::largest().to_f64(); 2]);
        }
        let expected = -3.8;
        let got = numbers(&layers);
        assert!(
            (got[0] - expected).abs() < 1e-6 && (got[1] + expected).abs() < 1e-6,
            "{got:?}"
        );
    }
    check::<f32>();
    check::<f64>();
}

#[test]
fn tensors_that_no_run_can_produce_are_rejected() {
    fn check<O: Optimizer<Naive<f64>>>(mut optimizer: O, squares: &str) {
        let mut layers = vec![layer(0.5, -0.5)];
        for gradient in [1.0, 2.0, 0.5] {
            optimizer.step(&mut layers, &mut Plane::new(gradient)).unwrap();
        }
        let good = optimizer.state();
        for (i, (name, tensors)) in good
            .tensors
            .iter()
            .enumerate()
            .filter(|(_, (_, tensors))| !tensors.is_empty())
        {
            let restore = |optimizer: &mut O, bad: f64| {
                [(bad, 1.0), (1.0, bad)].map(|(weight, bias)| {
                    let mut state = good.clone();
                    state.tensors[i].1 = vec![layer(weight, bias); tensors.len()];
                    optimizer.restore(state, &layers).map_err(|error| error.to_string())
                })
            };
            for bad in [f64::NAN, f64::INFINITY, f64::NEG_INFINITY] {
                let expected = format!("optimizer state: `{name}`: expected finite numbers, got {bad}");
                assert_eq!(restore(&mut optimizer, bad), [(); 2].map(|()| Err(expected.clone())));
            }
            if name == squares {
                let expected = format!("optimizer state: `{name}`: expected numbers of at least 0, got -1");
                assert_eq!(restore(&mut optimizer, -1.0), [(); 2].map(|()| Err(expected.clone())));
                assert_eq!(restore(&mut optimizer, -0.0), [Ok(()), Ok(())]);
            }
        }
        optimizer.restore(good, &layers).unwrap();
    }
    check(Momentum::new(0.1, 0.9).unwrap(), "none");
    check(Adam::new(0.1).unwrap(), "second_moment");
    check(AdamW::new(0.1).unwrap(), "second_moment");
    check(NAdam::new(0.1).unwrap(), "second_moment");
    check(Adagrad::new(0.1).unwrap(), "sum_of_squares");
    let rms_prop = RmsProp::new(0.1)
        .unwrap()
        .centered(true)
        .unwrap()
        .momentum(0.5)
        .unwrap();
    check(rms_prop, "mean_square");
    check(Lbfgs::new(0.1).unwrap(), "none");
}
