use super::*;
use crate::naive::Naive;

type Layer = Dense<Naive<f64>>;

/// Layers with one weight and one bias each.
fn layers<const L: usize>(numbers: [[f64; 2]; L]) -> Vec<Layer> {
    let layer = |[weight, bias]: [f64; 2]| {
        let mut layer = Dense::zeros(1, 1);
        Naive::write(&mut layer.weights, &[weight]);
        Naive::write(&mut layer.bias, &[bias]);
        layer
    };
    numbers.map(layer).into()
}

fn pair(change: [f64; 2], gradient: [f64; 2]) -> Pair<Naive<f64>> {
    Pair::new(layers([change]), layers([gradient]))
}

/// A loss that depends on the weight and bias of one layer, and its gradient.
struct Function<F> {
    function: F,
    evaluations: usize,
    gradient: Vec<Layer>,
}

impl<F: Fn([f64; 2]) -> (f64, [f64; 2])> Function<F> {
    fn new(function: F) -> Self {
        Self {
            function,
            evaluations: 0,
            gradient: Vec::new(),
        }
    }
}

impl<F: Fn([f64; 2]) -> (f64, [f64; 2])> Objective<Naive<f64>> for Function<F> {
    fn evaluate(&mut self, layers: &[Layer]) -> f64 {
        let mut numbers = Vec::new();
        Naive::read((&layers[0].weights).into(), &mut numbers);
        Naive::read((&layers[0].bias).into(), &mut numbers);
        let (loss, gradient) = (self.function)([numbers[0], numbers[1]]);
        self.evaluations += 1;
        self.gradient = self::layers([gradient]);
        loss
    }

    fn gradient_mut(&mut self) -> &mut [Layer] {
        &mut self.gradient
    }
}

fn optimizer(tolerance_grad: f64, tolerance_change: f64) -> Lbfgs<Naive<f64>> {
    Lbfgs::new(1.0)
        .unwrap()
        .tolerances(tolerance_grad, tolerance_change)
        .unwrap()
}

/// Returns true if a step from 0 changes a parameter. The loss is a plane with this gradient, so it always falls.
fn moves(mut optimizer: Lbfgs<Naive<f64>>, gradient: [f64; 2]) -> bool {
    let mut layers = layers([[0.0; 2]]);
    let plane = |[weight, bias]: [f64; 2]| (gradient[0] * weight + gradient[1] * bias, gradient);
    let mut objective = Function::new(plane);
    assert_eq!(optimizer.step(&mut layers, &mut objective), Ok(0.0));
    let moved = layers != self::layers([[0.0; 2]]);
    assert_eq!(
        moved,
        objective.evaluations > 1,
        "a step evaluates more than once only if it changes a parameter"
    );
    moved
}

/// Returns an optimizer after three steps that changed parameters. It has two pairs and the last step.
fn after_three_steps() -> (Lbfgs<Naive<f64>>, Vec<Layer>) {
    let mut optimizer = Lbfgs::new(0.5).unwrap();
    let mut layers = layers([[3.0, -2.0]]);
    let mut bowl = Function::new(|[a, b]: [f64; 2]| (a * a + 5.0 * b * b, [2.0 * a, 10.0 * b]));
    for _ in 0..3 {
        optimizer.step(&mut layers, &mut bowl).unwrap();
    }
    assert_eq!((optimizer.curvature.pairs.len(), optimizer.last.is_some()), (2, true));
    (optimizer, layers)
}

#[test]
fn the_learning_rate_is_the_one_it_was_given() {
    let mut optimizer = Lbfgs::<Naive<f64>>::new(0.25).unwrap();
    assert_eq!(optimizer.learning_rate(), 0.25);
    optimizer.set_learning_rate(3.0).unwrap();
    assert_eq!(optimizer.learning_rate(), 3.0);
}

#[test]
fn equality_ignores_working_memory_and_compares_every_number() {
    let (optimizer, layers) = after_three_steps();
    let with = |change: &dyn Fn(&mut OptimizerState<Naive<f64>>)| {
        let mut state = optimizer.state();
        change(&mut state);
        let mut other = Lbfgs::new(1.0).unwrap();
        other.restore(state, &layers).unwrap();
        other
    };
    // The working memory is not restored and does not count.
    let same = with(&|_| ());
    assert!(same.direction.is_empty() && !optimizer.direction.is_empty());
    assert_eq!(same, optimizer);
    let state = optimizer.state();
    for (i, (name, _)) in state.numbers.iter().enumerate() {
        assert_ne!(with(&|state| state.numbers[i].1 += 1.0), optimizer, "{name}");
    }
    for (i, (name, _)) in state.tensors.iter().enumerate() {
        let other = with(&|state| {
            set_scaled(&mut state.tensors[i].1, 1.5, &self::layers([[1.0, 2.0]; 2]));
        });
        assert_ne!(other, optimizer, "{name}");
    }
    let ended = with(&|state| state.tensors[..2].iter_mut().for_each(|tensors| tensors.1.clear()));
    assert_ne!(ended, optimizer, "no last step");
}

#[test]
fn a_learning_rate_of_0_changes_and_forgets_nothing() {
    let (mut optimizer, mut layers) = after_three_steps();
    optimizer.set_learning_rate(0.0).unwrap();
    let before = (optimizer.clone(), layers.clone());
    let mut objective = Function::new(|_| (7.0, [1.0, -1.0]));
    assert_eq!(optimizer.step(&mut layers, &mut objective), Ok(7.0));
    assert_eq!(objective.evaluations, 1);
    assert_eq!((optimizer, layers), before);
}

#[test]
fn a_step_is_taken_if_an_element_of_the_gradient_is_above_the_tolerance() {
    for (gradient, expected) in [
        ([0.5, -0.5], false),
        ([0.6, 0.0], true),
        ([-0.6, 0.5], true),
        ([0.0, 0.6], true),
        ([0.5, -0.6], true),
    ] {
        assert_eq!(moves(optimizer(0.5, 0.0), gradient), expected, "{gradient:?}");
    }
}

/// The slope g.d of the first step is -g.g, here -1/4.
#[test]
fn a_step_is_taken_if_the_slope_is_as_steep_as_the_tolerance_of_a_change() {
    for (tolerance, expected) in [(0.0, true), (0.24, true), (0.25, true), (0.26, false), (1.0, false)] {
        assert_eq!(moves(optimizer(0.0, tolerance), [0.5, 0.0]), expected, "{tolerance}");
    }
}

#[test]
fn a_slope_that_underflows_counts_as_0_even_without_tolerances() {
    assert!(moves(optimizer(0.0, 0.0), [1e-150, 0.0]));
    assert!(!moves(optimizer(0.0, 0.0), [1e-200, 0.0]));
}

/// The first length changes a parameter by 1/2 and raises the loss.
#[test]
fn a_search_ends_where_no_parameter_changes_by_more_than_the_tolerance() {
    for (tolerance, ends) in [(0.5, true), (0.49, false)] {
        let mut objective = Function::new(|[weight, _]| {
            if weight == 0.0 {
                (0.0, [2.0, 0.0])
            } else {
                (1.0, [-2.0, 0.0])
            }
        });
        let mut optimizer = optimizer(0.0, tolerance);
        optimizer.set_learning_rate(0.5).unwrap();
        let mut layers = layers([[0.0; 2]]);
        assert_eq!(optimizer.step(&mut layers, &mut objective), Ok(0.0));
        assert_eq!(layers, self::layers([[0.0; 2]]));
        assert_eq!(
            objective.evaluations == 2,
            ends,
            "{tolerance}: {}",
            objective.evaluations
        );
    }
}

/// The direction that a pair makes of a gradient may overflow or underflow.
#[test]
fn a_direction_that_does_not_lead_down_is_replaced_by_the_negative_gradient() {
    for (change, gradient_change, gradient, kept) in [
        ([1.0, 0.0], [2.0, 0.0], [1.0, 1.0], true),
        // g.d is minus infinity in the first case, and 0 in the second.
        ([1e150, 0.0], [1e-150, 0.0], [1e10, 0.0], false),
        ([1e-150, 0.0], [1e150, 0.0], [0.0, 1e-20], false),
    ] {
        let mut optimizer = optimizer(0.0, 0.0);
        let mut pair = pair(change, gradient_change);
        assert!(pair.measure(0.0));
        optimizer.curvature.pairs.push(pair);
        let gradient = layers([gradient]);
        optimizer.prepare(&gradient, &gradient);
        let (slope, fresh) = optimizer.find_direction(&gradient);
        assert_eq!(slope, dot(&gradient, &optimizer.direction));
        assert!(slope < 0.0 && slope.is_finite(), "{slope}");
        assert_eq!(
            (fresh, optimizer.curvature.pairs.len()),
            (!kept, usize::from(kept)),
            "{change:?}"
        );
        let mut downhill = layers([[0.0; 2]]);
        set_scaled(&mut downhill, -1.0, &gradient);
        assert_eq!(optimizer.direction == downhill, !kept, "{change:?}");
    }
}

#[test]
fn the_layer_at_which_the_sum_of_squares_overflows_is_reported() {
    // The square of a large number is 1e308.
    let large = [1e154, 0.0];
    assert_eq!(first_not_finite(&layers([large, [3.0, 4.0]])), None);
    assert_eq!(
        first_not_finite(&layers([[3.0, 4.0], large, [1.0, 1.0], large])),
        Some(3)
    );
    assert_eq!(first_not_finite(&layers([large, [0.0, -1e154], large])), Some(1));
    assert_eq!(first_not_finite(&layers([[0.0, f64::NAN], large])), Some(0));
}

#[test]
fn rho_is_the_inverse_of_the_curvature_and_gamma_is_the_curvature_per_squared_gradient() {
    // s.y = 10, y.y = 20.
    let mut pair = pair([3.0, 1.0], [2.0, 4.0]);
    assert!(pair.measure(0.0));
    assert_eq!((pair.rho, pair.gamma), (0.1, 0.5));
}

#[test]
fn a_pair_is_usable_if_its_curvature_and_scale_can_be_divided_by() {
    for (change, gradient, usable) in [
        (2.0, 0.5, true),
        (-1.0, -1e-9, true),
        (1.0, -1.0, false),
        (1.0, 0.0, false),
        (1e-100, 1e-100, true),
        // 1 / s.y overflows.
        (1e-155, 1e-154, false),
        // s.y overflows, and in the second case y.y as well.
        (1e300, 1e10, false),
        (1e200, 1e200, false),
        // y.y overflows, or underflows.
        (1e-150, 1e160, false),
        (1e200, 1e-190, false),
    ] {
        for place in [|x: f64| [x, 0.0], |x: f64| [0.0, x]] {
            let mut pair = pair(place(change), place(gradient));
            assert_eq!(pair.measure(0.0), usable, "s = {change}, y = {gradient}");
        }
    }
}

/// The slope along the step from 0 to -1 rises from -`unit` by that share.
#[test]
fn a_pair_is_left_out_if_the_slope_hardly_rises() {
    for (share, kept) in [(1.0, 1), (1.01e-10, 1), (0.99e-10, 0), (0.0, 0), (-1.0, 0)] {
        for unit in [1e-40, 1.0, 1e40] {
            let mut curvature = InverseHessian::new(Vec::new());
            let [before, after] = [unit, unit - share * unit].map(|slope| layers([[slope, 0.0]]));
            let spare = curvature.add(Pair::new(layers([[-1.0, 0.0]]), before), &after, 10);
            assert_eq!(
                (curvature.pairs.len(), spare.is_some()),
                (kept, kept == 0),
                "{share} {unit}"
            );
        }
    }
}

/// Rosenbrock's function, in tiny units.
#[test]
fn a_minimum_is_found_in_any_unit() {
    for unit in [1.0, 1e-6, 1e-12] {
        let mut optimizer = optimizer(0.0, 0.0);
        let mut layers = layers([[-1.2, 1.0]]);
        let mut rosenbrock = Function::new(|[a, b]: [f64; 2]| {
            let c = b - a * a;
            let gradient = [2.0 * (a - 1.0) - 400.0 * a * c, 200.0 * c];
            (unit * ((a - 1.0).powi(2) + 100.0 * c * c), gradient.map(|g| unit * g))
        });
        for _ in 0..60 {
            optimizer.step(&mut layers, &mut rosenbrock).unwrap();
        }
        let loss = rosenbrock.evaluate(&layers);
        assert!(loss < 1e-20 * unit, "{unit}: {loss}");
    }
}

#[test]
fn a_vector_is_within_a_bound_if_each_of_its_elements_is() {
    let within = |numbers, bound| is_within(&mut layers([[9.0; 2]; 2]), 2.0, bound, &layers(numbers));
    assert!(within([[3.0, -3.0], [-3.0, 3.0]], 6.0));
    assert!(!within([[3.0, 3.0], [3.0, 3.0]], 5.9));
    for i in 0..4 {
        let mut numbers = [[0.0; 2]; 2];
        numbers[i / 2][i % 2] = -3.0;
        assert!(within(numbers, 6.0), "element {i}");
        assert!(!within(numbers, 5.9), "element {i}");
    }
}

#[test]
fn a_point_on_the_line_is_finite_if_each_of_its_elements_is() {
    let mut point = layers([[9.0; 2]; 2]);
    let start = layers([[1.0, 2.0], [3.0, 4.0]]);
    let direction = [[1.0, -1.0], [0.0, 10.0]];
    assert!(set_point(&mut point, &start, 0.5, &mut layers(direction)));
    assert_eq!(point, layers([[1.5, 1.5], [3.0, 9.0]]));
    for i in 0..4 {
        let mut direction = direction;
        direction[i / 2][i % 2] = 1e308;
        assert!(
            set_point(&mut point, &start, 1.0, &mut layers(direction)),
            "element {i}"
        );
        assert!(
            !set_point(&mut point, &start, 10.0, &mut layers(direction)),
            "element {i}"
        );
    }
}
