use super::*;
use crate::naive::Naive;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::string::{String, ToString};
use std::vec;

type Layer = Dense<Naive<f64>>;

fn layers([weight, bias]: [f64; 2]) -> Vec<Layer> {
    let mut layer = Dense::zeros(1, 1);
    Naive::write(&mut layer.weights, &[weight]);
    Naive::write(&mut layer.bias, &[bias]);
    vec![layer]
}

fn numbers(layers: &[Layer]) -> [f64; 2] {
    let mut numbers = Vec::new();
    Naive::read((&layers[0].weights).into(), &mut numbers);
    Naive::read((&layers[0].bias).into(), &mut numbers);
    [numbers[0], numbers[1]]
}

/// Two residuals r of two parameters and their Jacobian J.
type Residuals = fn([f64; 2]) -> ([f64; 2], [[f64; 2]; 2]);

/// L = r.r / 2, g = J^T r and G = J^T J.
struct Squares {
    residuals: Residuals,
    evaluations: usize,
    products: usize,
    gradient: Vec<Layer>,
}

impl Squares {
    fn new(residuals: Residuals) -> Self {
        let gradient = layers([0.0; 2]);
        Self {
            residuals,
            evaluations: 0,
            products: 0,
            gradient,
        }
    }
}

impl Objective<Naive<f64>> for Squares {
    fn evaluate(&mut self, layers: &[Layer]) -> f64 {
        self.evaluations += 1;
        let (r, j) = (self.residuals)(numbers(layers));
        self.gradient = self::layers([0, 1].map(|k| j[0][k] * r[0] + j[1][k] * r[1]));
        0.5 * (r[0] * r[0] + r[1] * r[1])
    }

    fn gradient_mut(&mut self) -> &mut [Layer] {
        &mut self.gradient
    }

    fn gauss_newton_product(&mut self, layers: &[Layer], direction: &[Layer], product: &mut [Layer]) {
        self.products += 1;
        let ((_, j), v) = ((self.residuals)(numbers(layers)), numbers(direction));
        let jv = j.map(|row| row[0] * v[0] + row[1] * v[1]);
        product.clone_from_slice(&self::layers([0, 1].map(|k| j[0][k] * jv[0] + j[1][k] * jv[1])));
    }
}

fn rosenbrock([a, b]: [f64; 2]) -> ([f64; 2], [[f64; 2]; 2]) {
    ([10.0 * (b - a * a), 1.0 - a], [[-20.0 * a, 10.0], [-1.0, 0.0]])
}

fn linear([a, b]: [f64; 2]) -> ([f64; 2], [[f64; 2]; 2]) {
    ([a + 2.0 * b - 3.0, 100.0 * b - 100.0], [[1.0, 2.0], [0.0, 100.0]])
}

/// The gradient points upward, and the loss is greater everywhere else.
fn cone([a, b]: [f64; 2]) -> ([f64; 2], [[f64; 2]; 2]) {
    let slope = if (a, b) == (0.0, 0.0) { 1.0 } else { -1.0 };
    ([1.0 + a.abs() + b.abs(), 0.0], [[slope, slope], [0.0, 0.0]])
}

fn optimizer() -> GaussNewton<Naive<f64>> {
    GaussNewton::new(1.0).unwrap()
}

/// Takes steps from `start` and checks that the loss never rises.
fn run(optimizer: &mut GaussNewton<Naive<f64>>, objective: &mut Squares, start: [f64; 2], steps: usize) -> Vec<Layer> {
    let mut layers = layers(start);
    let mut last = f64::INFINITY;
    for _ in 0..steps {
        let loss = optimizer.step(&mut layers, objective).unwrap();
        assert!(loss <= last, "{loss} after {last}");
        last = loss;
    }
    layers
}

#[test]
fn linear_least_squares_need_a_few_steps() {
    let layers = run(&mut optimizer(), &mut Squares::new(linear), [-7.0, 30.0], 12);
    let [a, b] = numbers(&layers);
    assert!((a - 1.0).abs() < 1e-7 && (b - 1.0).abs() < 1e-9, "{a} {b}");
}

#[test]
fn the_valley_of_rosenbrock_is_followed_to_its_minimum() {
    let layers = run(&mut optimizer(), &mut Squares::new(rosenbrock), [-1.2, 1.0], 40);
    let [a, b] = numbers(&layers);
    assert!((a - 1.0).abs() < 1e-8 && (b - 1.0).abs() < 1e-8, "{a} {b}");
}

/// Of the first step, by hand: G = diag(1, 100) and g = (1, 100) at 1, 1, and lambda = (1 + 1e6) / 1e4 / 1000.
#[test]
fn the_first_damping_is_a_thousandth_of_the_curvature_along_the_gradient() {
    let diagonal: Residuals = |[a, b]| ([a, 10.0 * b], [[1.0, 0.0], [0.0, 10.0]]);
    let mut optimizer = optimizer();
    let layers = run(&mut optimizer, &mut Squares::new(diagonal), [1.0, 1.0], 1);
    let damping = (1.0 + 1e6) / (1.0 + 1e4) / 1e3;
    let expected = [1.0, 100.0].map(|g| 1.0 - g / (g + damping));
    for (got, expected) in numbers(&layers).iter().zip(expected) {
        assert!((got - expected).abs() < 1e-12, "{got} {expected}");
    }
    // The model of a quadratic loss is exact: rho is 1, and lambda falls to a third.
    assert!((optimizer.damping / damping - 1.0 / 3.0).abs() < 1e-9);
}

/// By hand: r = a + a^2 at 1 has g = 6, G = 9 and, with lambda = 1, d = -0.6.
#[test]
fn the_damping_follows_the_gain_ratio() {
    let bent: Residuals = |[a, _]| ([a + a * a, 0.0], [[1.0 + 2.0 * a, 0.0], [0.0, 0.0]]);
    for rate in [1.0, 0.5] {
        let mut optimizer = GaussNewton {
            damping: 1.0,
            ..GaussNewton::new(rate).unwrap()
        };
        let layers = run(&mut optimizer, &mut Squares::new(bent), [1.0, 0.0], 1);
        let a = 1.0 - 0.6 * rate;
        assert!((numbers(&layers)[0] - a).abs() < 1e-15);
        let predicted = -6.0 * 0.6 * rate + 0.5 * 9.0 * (0.6 * rate).powi(2);
        let ratio = (0.5 * (a + a * a).powi(2) - 2.0) / predicted;
        let expected = 1.0 - f64::powi(2.0 * ratio - 1.0, 3);
        assert!(
            expected > 0.34 && (optimizer.damping - expected).abs() < 1e-12,
            "{}",
            optimizer.damping
        );
    }
}

/// By hand: r = a at 1 has d = -1 / (1 + lambda), so lambda = 1, 2, 8 and 64 lead to 1/2, 2/3, 8/9 and 64/65.
#[test]
fn the_damping_grows_by_2_4_and_8_until_the_loss_falls() {
    let wall: Residuals = |[a, _]| ([if a < 0.9 { 10.0 } else { a }, 0.0], [[1.0, 0.0], [0.0, 0.0]]);
    let mut optimizer = GaussNewton {
        damping: 1.0,
        ..optimizer()
    };
    let layers = run(&mut optimizer, &mut Squares::new(wall), [1.0, 0.0], 1);
    assert!((numbers(&layers)[0] - 64.0 / 65.0).abs() < 1e-15);
    assert!((optimizer.damping - 64.0 / 3.0).abs() < 1e-9);
}

#[test]
fn a_step_that_does_not_lower_the_loss_is_not_taken() {
    let plateau: Residuals = |_| ([1.0, 0.0], [[1.0; 2], [0.0; 2]]);
    for residuals in [cone, plateau] {
        let (mut optimizer, mut objective) = (optimizer(), Squares::new(residuals));
        let layers = run(&mut optimizer, &mut objective, [0.0; 2], 1);
        assert_eq!(numbers(&layers), [0.0; 2]);
        // All trials share the products.
        assert_eq!((objective.evaluations, objective.products), (1 + TRIALS, 1));
        assert_eq!(optimizer.damping, 0.0);
    }
}

#[test]
fn without_a_gradient_or_a_learning_rate_nothing_changes() {
    let (mut optimizer, mut objective) = (optimizer(), Squares::new(rosenbrock));
    run(&mut optimizer, &mut objective, [-1.2, 1.0], 3);
    let before = optimizer.clone();
    assert_eq!(numbers(&run(&mut optimizer, &mut objective, [1.0, 1.0], 1)), [1.0, 1.0]);
    optimizer.set_learning_rate(0.0).unwrap();
    let products = objective.products;
    assert_eq!(numbers(&run(&mut optimizer, &mut objective, [5.0, 1.0], 1)), [5.0, 1.0]);
    assert_eq!(objective.products, products);
    optimizer.set_learning_rate(1.0).unwrap();
    assert_eq!(optimizer, before);
}

/// G = Q D Q^T with 30 eigenvalues D from 1e-10 to 1, and L = W.G W / 2.
struct Quadratic(Vec<Layer>);

impl Quadratic {
    const SIZE: usize = 30;

    fn read(layers: &[Layer]) -> Vec<f64> {
        let mut numbers = Vec::new();
        Naive::read((&layers[0].weights).into(), &mut numbers);
        Naive::read((&layers[0].bias).into(), &mut numbers);
        numbers
    }

    fn layers(numbers: &[f64]) -> Vec<Layer> {
        let (weights, bias) = numbers.split_at(Self::SIZE / 2);
        let mut layer = Dense::zeros(1, Self::SIZE / 2);
        Naive::write(&mut layer.weights, weights);
        Naive::write(&mut layer.bias, bias);
        vec![layer]
    }

    /// Q is a product of reflections I - 2 u u^T / u.u.
    fn product(x: &mut [f64]) {
        let reflect = |x: &mut [f64], k: usize| {
            let u: Vec<f64> = (0..Self::SIZE).map(|i| ((3 * i + 7 * k + 1) as f64).sin()).collect();
            let dot = |a: &[f64]| u.iter().zip(a).map(|(u, a)| u * a).sum::<f64>();
            let factor = 2.0 * dot(x) / dot(&u);
            x.iter_mut().zip(u).for_each(|(x, u)| *x -= factor * u);
        };
        (0..4).for_each(|k| reflect(x, k));
        for (i, x) in x.iter_mut().enumerate() {
            *x *= 10_f64.powf(-10.0 * i as f64 / (Self::SIZE - 1) as f64);
        }
        (0..4).rev().for_each(|k| reflect(x, k));
    }
}

impl Objective<Naive<f64>> for Quadratic {
    fn evaluate(&mut self, layers: &[Layer]) -> f64 {
        let x = Self::read(layers);
        let mut gradient = x.clone();
        Self::product(&mut gradient);
        self.0 = Self::layers(&gradient);
        0.5 * x.iter().zip(gradient).map(|(x, g)| x * g).sum::<f64>()
    }

    fn gradient_mut(&mut self) -> &mut [Layer] {
        &mut self.0
    }

    fn gauss_newton_product(&mut self, _: &[Layer], direction: &[Layer], product: &mut [Layer]) {
        let mut numbers = Self::read(direction);
        Self::product(&mut numbers);
        product.clone_from_slice(&Self::layers(&numbers));
    }
}

/// Conjugate gradients that lose orthogonality would leave a residual of 1e-2 after as many products as parameters.
#[test]
fn an_ill_conditioned_system_is_solved_in_as_many_products_as_parameters() {
    let start: Vec<f64> = (0..Quadratic::SIZE).map(|i| 1.0 + i as f64).collect();
    let mut layers = Quadratic::layers(&start);
    let damping = 1e-9;
    let mut optimizer = GaussNewton { damping, ..optimizer() };
    optimizer.step(&mut layers, &mut Quadratic(Vec::new())).unwrap();
    let end = Quadratic::read(&layers);
    // (G + lambda I) d + g = G W_new + lambda d.
    let (mut residual, mut gradient) = (end.clone(), start.clone());
    Quadratic::product(&mut residual);
    Quadratic::product(&mut gradient);
    for ((residual, end), start) in residual.iter_mut().zip(end).zip(start) {
        *residual += damping * (end - start);
    }
    let length = |x: &[f64]| x.iter().map(|x| x * x).sum::<f64>().sqrt();
    let share = length(&residual) / length(&gradient);
    assert!(share < 2e-6, "{share}");
}

#[test]
fn half_a_learning_rate_takes_half_of_the_step() {
    let mut optimizer = GaussNewton {
        damping: 3.0,
        ..GaussNewton::new(0.5).unwrap()
    };
    let mut whole = GaussNewton {
        damping: 3.0,
        ..self::optimizer()
    };
    assert_eq!(optimizer.learning_rate(), 0.5);
    let whole = numbers(&run(&mut whole, &mut Squares::new(linear), [0.0; 2], 1));
    let half = numbers(&run(&mut optimizer, &mut Squares::new(linear), [0.0; 2], 1));
    assert_eq!(half, whole.map(|number| 0.5 * number));
    // The model is exact along d.
    assert!((optimizer.damping - 1.0).abs() < 1e-9);
}

#[test]
fn iterations_bound_the_products() {
    let mut objective = Squares::new(linear);
    run(&mut optimizer().iterations(1).unwrap(), &mut objective, [-7.0, 30.0], 1);
    assert_eq!(objective.products, 1);
    // There are never more than parameters.
    run(&mut optimizer(), &mut objective, [-7.0, 30.0], 1);
    assert_eq!(objective.products, 3);
    let error = optimizer().iterations(0).unwrap_err();
    assert_eq!(
        error.to_string(),
        "iterations: expected a whole number of at least 1, got 0"
    );
}

/// L = slope.W with G = `curvature` I.
struct Plane {
    slope: [f64; 2],
    curvature: f64,
    gradient: Vec<Layer>,
}

impl Objective<Naive<f64>> for Plane {
    fn evaluate(&mut self, layers: &[Layer]) -> f64 {
        self.gradient = self::layers(self.slope);
        let [a, b] = numbers(layers);
        self.slope[0] * a + self.slope[1] * b
    }
    fn gradient_mut(&mut self) -> &mut [Layer] {
        &mut self.gradient
    }
    fn gauss_newton_product(&mut self, _: &[Layer], direction: &[Layer], product: &mut [Layer]) {
        product.clone_from_slice(&layers(numbers(direction).map(|v| self.curvature * v)));
    }
}

fn step_on_plane(slope: [f64; 2], curvature: f64) -> [f64; 2] {
    let (mut layers, gradient) = (layers([0.0; 2]), Vec::new());
    let mut plane = Plane {
        slope,
        curvature,
        gradient,
    };
    optimizer().step(&mut layers, &mut plane).unwrap();
    numbers(&layers)
}

/// A loss without curvature in the prediction, such as the absolute error, leaves gradient descent.
#[test]
fn without_curvature_a_step_follows_the_gradient() {
    assert_eq!(step_on_plane([2.0, -1.0], 0.0), [-2.0, 1.0]);
}

/// The first lambda is then 1, so G + lambda I is 0 or -1/2.
#[test]
fn a_matrix_that_is_not_positive_definite_gives_no_step() {
    for curvature in [-1.0, -1.5] {
        assert_eq!(step_on_plane([2.0, 0.0], curvature), [0.0; 2], "{curvature}");
    }
}

#[test]
fn an_objective_without_the_product_is_named_in_the_panic() {
    struct First(Vec<Layer>);
    impl Objective<Naive<f64>> for First {
        fn evaluate(&mut self, _: &[Layer]) -> f64 {
            1.0
        }
        fn gradient_mut(&mut self) -> &mut [Layer] {
            &mut self.0
        }
    }
    let (mut own, mut objective) = (layers([0.0; 2]), First(layers([1.0; 2])));
    let panic = catch_unwind(AssertUnwindSafe(|| optimizer().step(&mut own, &mut objective))).unwrap_err();
    let message = panic.downcast_ref::<&str>().map(ToString::to_string);
    let message = message.or_else(|| panic.downcast_ref::<String>().cloned()).unwrap();
    assert!(
        message.contains("gauss_newton_product: this objective does not implement it"),
        "{message}"
    );
    assert_eq!(numbers(&own), [0.0; 2]);
}

#[test]
fn numbers_that_are_not_finite_are_errors_at_the_start_and_rejections_at_a_trial() {
    let bad: Residuals = |[a, _]| ([a, f64::NAN], [[1.0, 0.0], [0.0, 0.0]]);
    let error = optimizer()
        .step(&mut layers([1.0; 2]), &mut Squares::new(bad))
        .unwrap_err();
    assert!(matches!(error, NonFinite::Loss { .. }));
    let steep: Residuals = |[a, _]| ([a, 0.0], [[1e200, 0.0], [0.0, 0.0]]);
    let error = optimizer()
        .step(&mut layers([1.0; 2]), &mut Squares::new(steep))
        .unwrap_err();
    assert_eq!(error, NonFinite::Gradient { layer: 0 });
    // ln a, which is NaN where the undamped step leads to.
    let logarithm: Residuals = |[a, _]| ([a.ln(), 0.0], [[1.0 / a, 0.0], [0.0, 0.0]]);
    let layers = run(&mut optimizer(), &mut Squares::new(logarithm), [5.0, 0.0], 30);
    assert!((numbers(&layers)[0] - 1.0).abs() < 1e-6);
}

#[test]
fn a_restored_optimizer_goes_on_with_the_same_bits() {
    let (mut optimizer, mut objective) = (optimizer(), Squares::new(rosenbrock));
    let layers = run(&mut optimizer, &mut objective, [-1.2, 1.0], 5);
    assert!(optimizer.damping > 0.0);
    let mut other = GaussNewton::new(0.1).unwrap();
    other.restore(optimizer.state(), &layers).unwrap();
    assert_eq!(other, optimizer);
    let mut both = [(&mut optimizer, layers.clone()), (&mut other, layers.clone())];
    for (optimizer, layers) in &mut both {
        for _ in 0..5 {
            optimizer.step(layers, &mut Squares::new(rosenbrock)).unwrap();
        }
    }
    assert_eq!(both[0].1, both[1].1);
    assert_eq!(optimizer, other);
    for i in 0..3 {
        let mut state = optimizer.state();
        state.numbers[i].1 += 1.0;
        other.restore(state, &layers).unwrap();
        assert_ne!(other, optimizer);
        let mut state = optimizer.state();
        state.numbers[i].1 = -1.0;
        assert!(other.restore(state, &layers).is_err());
    }
    optimizer.reset();
    assert_eq!(optimizer, self::optimizer());
}
