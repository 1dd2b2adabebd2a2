//! Tests the values of every function at the ends of its domain: zeros, subnormal numbers, the ends of the exponential,
//! the largest numbers, infinities and NaN. The tables follow from mathematics, not from the output of the code.

use crate::activations::{Float, functions, names};
use mlp_core::{BinaryCrossEntropy, HalfMse, Huber, Loss, Mae, Mse, Pinball, SoftmaxCrossEntropy};

/// The names of the sizes of the inputs; [`inputs`] has the numbers.
const SIZES: [&str; 16] = [
    "inf",
    "MAX",
    "1e4",
    "746",
    "745",
    "710",
    "709",
    "104",
    "89",
    "88.7",
    "16.7",
    "1",
    "1e-30",
    "MIN_POSITIVE",
    "smallest subnormal",
    "0",
];

/// Returns the inputs of a row: the sizes from -inf to -0, then from 0 to inf.
fn inputs<T: Float>() -> Vec<(String, T)> {
    let [max, min_positive]: [f64; 2] = match T::NAME {
        "f32" => [f32::MAX.into(), f32::MIN_POSITIVE.into()],
        _ => [f64::MAX, f64::MIN_POSITIVE],
    };
    let sizes = [
        f64::INFINITY,
        max,
        1e4,
        746.0,
        745.0,
        710.0,
        709.0,
        104.0,
        89.0,
        88.7,
        16.7,
        1.0,
        1e-30,
        min_positive,
        T::unit(0.0),
        0.0,
    ]
    .map(T::from_f64);
    let negative = SIZES.iter().zip(sizes).map(|(name, size)| (format!("-{name}"), -size));
    let positive = SIZES
        .iter()
        .zip(sizes)
        .rev()
        .map(|(name, size)| ((*name).to_owned(), size));
    negative.chain(positive).collect()
}

/// Defines the letters of the tables: returns whether `got`, the value at `input`, belongs to the class.
fn is_of_class<T: Float>(class: char, input: T, got: T) -> bool {
    let (smallest, epsilon) = (T::unit(0.0), T::unit(1.0));
    let (input, got) = (input.to_f64(), got.to_f64());
    // The largest number that counts as tiny.
    let tiny = 1e-10;
    match class {
        // Exact numbers, with their sign; z is a zero of either sign, and = is the input itself.
        '0' => got == 0.0 && got.is_sign_positive(),
        'o' => got == 0.0 && got.is_sign_negative(),
        'z' => got == 0.0,
        '=' => got.to_bits() == input.to_bits(),
        'q' => got == 0.25,
        'h' => got == 0.5,
        'H' => got == -0.5,
        '1' => got == 1.0,
        'm' => got == -1.0,
        '2' => got == 2.0,
        'I' => got == f64::INFINITY,
        'i' => got == f64::NEG_INFINITY,
        'N' => got.is_nan(),
        // Finite numbers: positive, negative; tiny but not zero.
        'p' => got > tiny && got.is_finite(),
        'n' => got < -tiny && got.is_finite(),
        't' => 0.0 < got && got <= tiny,
        'T' => -tiny <= got && got < 0.0,
        // Subnormal, positive or negative: a factor underflows although the exact product does not, or only just does.
        'u' => (0.0..=512.0 * smallest).contains(&got),
        'U' => (-512.0 * smallest..=0.0).contains(&got),
        // Positive or negative, and so small that adding them to 1 may not change it.
        'c' => (0.0..=epsilon).contains(&got),
        'C' => (-epsilon..=0.0).contains(&got),
        // Large, positive or negative: an intermediate result of twice the size may overflow.
        'X' => got > 1e30,
        'Y' => got < -1e30,
        _ => panic!("unknown class `{class}` in a table"),
    }
}

/// A row: the function, and the classes at the [`inputs`] in f32 and in f64 (if they differ). The comment above the
/// rows has the sizes of the inputs, to be read downwards: -30 is 1e-30, min the smallest normal number, sub the
/// smallest subnormal number.
struct Row(&'static str, &'static str, &'static str);

/// The same classes as in f32.
const SAME: &str = "";

/// The functions of `Scalar`. For small x, tanh(x) and similar functions equal x; outside a domain the value is NaN.
#[rustfmt::skip]
const SCALAR: &[Row] = &[
    //              iM177771    -ms   sm-    177771Mi
    //              nAe44100881 3iu   ui3 18800144eAn
    //              fX46509498610nb0 0bn01689490564Xf
    Row("exp",    "00000000ttpp1111 1111pppIIIIIIIII", "0000ttttttpp1111 1111ppppppIIIIII"),
    Row("exp_m1", "mmmmmmmmmmnn==== ====pppIIIIIIIII", "mmmmmmmmmmnn==== ====ppppppIIIIII"),
    Row("ln",     "NNNNNNNNNNNNNNNi innn0ppppppppppI", SAME),
    Row("ln_1p",  "NNNNNNNNNNNi==== ====pppppppppppI", SAME),
    Row("tanh",   "mmmmmmmmmmmn==== ====p11111111111", "mmmmmmmmmmnn==== ====pp1111111111"),
    Row("erfc",   "22222222222p1111 1111p00000000000", "22222222222p1111 1111pt0000000000"),
    Row("sin",    "Nnpppnppnnpn==== ====pnppnnpnnnpN", SAME),
    Row("cos",    "Npnnnppnppnp1111 1111pnppnppnnnpN", SAME),
    Row("tan",    "Nnnnnnpnnnnn==== ====pppppnpppppN", SAME),
    Row("atan",   "nnnnnnnnnnnn==== ====pppppppppppp", SAME),
    Row("sinh",   "iiiiiiiiinnn==== ====pppIIIIIIIII", "iiiiiinnnnnn==== ====ppppppIIIIII"),
    Row("cosh",   "IIIIIIIIIppp1111 1111pppIIIIIIIII", "IIIIIIpppppp1111 1111ppppppIIIIII"),
    Row("log2",   "NNNNNNNNNNNNNNNi innn0ppppppppppI", SAME),
    Row("x^3",    "iinnnnnnnnnmoooo 0000=pppppppppII", "iinnnnnnnnnmTooo 000t=pppppppppII"),
    Row("x^0.5",  "NNNNNNNNNNNNNNN0 0ttt1ppppppppppI", SAME),
    Row("floor",  "=========nn=mmmo 0000=pp=========", SAME),
    Row("sqrt",   "NNNNNNNNNNNNNNN= =ttt1ppppppppppI", SAME),
    Row("abs",    "Ipppppppppp1ttt0 ================", SAME),
];

/// The activations with their default parameters: value and (') derivative. A product of z and a vanishing factor is a
/// zero of either sign.
#[rustfmt::skip]
const ACTIVATIONS: &[Row] = &[
    //                   iM177771    -ms   sm-    177771Mi
    //                   nAe44100881 3iu   ui3 18800144eAn
    //                   fX46509498610nb0 0bn01689490564Xf
    Row("identity",    "================ ================", SAME),
    Row("identity'",   "1111111111111111 1111111111111111", SAME),
    Row("relu",        "zzzzzzzzzzzzzzzz z===============", SAME),
    Row("relu'",       "zzzzzzzzzzzzzzzz z111111111111111", SAME),
    Row("leaky_relu",  "innnnnnnnnnnTToo z===============", SAME),
    Row("leaky_relu'", "pppppppppppppppp p111111111111111", SAME),
    Row("sigmoid",     "00000000ttpphhhh hhhhpp1111111111", "0000ttttttpphhhh hhhhpp1111111111"),
    Row("sigmoid'",    "00000000ttppqqqq qqqqpptt00000000", "0000ttttttppqqqq qqqqpptttttt0000"),
    Row("tanh",        "mmmmmmmmmmmn==== ====p11111111111", "mmmmmmmmmmnn==== ====pp1111111111"),
    Row("tanh'",       "0000000000tp1111 1111pt0000000000", "0000000ttttp1111 1111ptttt0000000"),
    Row("gelu",        "zzzzzzzzzzznTTUz zuttp===========", "zzzzzzzzzzTnTTUz zuttp==========="),
    Row("gelu'",       "zzzzzzzzzzznhhhh hhhhp11111111111", "zzzzzzzzzzTnhhhh hhhhp11111111111"),
    Row("gelu_tanh",   "zzzzzzzzzzznTTUz zuttp===========", "zzzzzzzzzzTnTTUz zuttp==========="),
    Row("gelu_tanh'",  "zzzzzzzzzzznhhhh hhhhp11111111111", "zzzzzzzzzzTnhhhh hhhhp11111111111"),
    Row("silu",        "zzzzzzzUTTnnTTUz zuttpp==========", "zzzUTTTTTTnnTTUz zuttpp=========="),
    Row("silu'",       "zzzzzzzUTTnphhhh hhhhpp1111111111", "zzzUTTTTTTnphhhh hhhhpp1111111111"),
    Row("elu",         "mmmmmmmmmmnn==== ================", SAME),
    Row("elu'",        "00000000ttpp1111 1111111111111111", "0000ttttttpp1111 1111111111111111"),
    Row("selu",        "nnnnnnnnnnnnTTTz ztttppppppppppII", SAME),
    Row("selu'",       "0000000uttpppppp pppppppppppppppp", "000uttttttpppppp pppppppppppppppp"),
    Row("softplus",    "00000000ttpppppp pppppp==========", "0000ttttttpppppp pppppp=========="),
    Row("softplus'",   "00000000ttpphhhh hhhhpp1111111111", "0000ttttttpphhhh hhhhpp1111111111"),
    Row("softsign",    "mmnnnnnnnnnn==== ====pppppppppp11", SAME),
    Row("softsign'",   "00pppppppppq1111 1111qppppppppp00", SAME),
    Row("hard_tanh",   "mmmmmmmmmmmm==== ====111111111111", SAME),
    Row("hard_tanh'",  "zzzzzzzzzzzz1111 11111zzzzzzzzzzz", SAME),
    Row("mish",        "zzzzzzzUTTnnTTUz zuttpp==========", "zzzUTTTTTTnnTTUz zuttpp=========="),
    Row("mish'",       "zzzzzzzUTTnppppp pppppp1111111111", "zzzUTTTTTTnppppp pppppp1111111111"),
];

/// The losses of one output at target 0 and 1: value and (') gradient; delta = 1 for Huber. A square overflows or
/// underflows before its derivative does.
#[rustfmt::skip]
const LOSSES: &[Row] = &[
    //                                iM177771    -ms   sm-    177771Mi
    //                                nAe44100881 3iu   ui3 18800144eAn
    //                                fX46509498610nb0 0bn01689490564Xf
    Row("half squared error, 0",    "IIpppppppppp0000 0000ppppppppppII", "IIppppppppppt000 000tppppppppppII"),
    Row("half squared error', 0",   "iY=============z z=============XI", SAME),
    Row("half squared error, 1",    "IIpppppppppphhhh hhhh0pppppppppII", SAME),
    Row("half squared error', 1",   "iYnnnnnnnnnnmmmm mmmmzpppppppppXI", SAME),
    Row("mean squared error, 0",    "IIpppppppppp0000 0000ppppppppppII", "IIppppppppppt000 000tppppppppppII"),
    Row("mean squared error', 0",   "iYnnnnnnnnnnTTTz ztttppppppppppXI", SAME),
    Row("mean squared error, 1",    "IIpppppppppp1111 11110pppppppppII", SAME),
    Row("mean squared error', 1",   "iYnnnnnnnnnnnnnn nnnnzpppppppppXI", SAME),
    Row("mean absolute error, 0",   "Ipppppppppp1tttz z===============", SAME),
    Row("mean absolute error', 0",  "mmmmmmmmmmmmmmmz z111111111111111", SAME),
    Row("mean absolute error, 1",   "Ippppppppppp1111 11110ppppppppppI", SAME),
    Row("mean absolute error', 1",  "mmmmmmmmmmmmmmmm mmmmz11111111111", SAME),
    Row("huber, 0",                 "Ipppppppppph0000 0000hppppppppppI", "Ippppppppppht000 000thppppppppppI"),
    Row("huber', 0",                "mmmmmmmmmmmm===z z===111111111111", SAME),
    Row("huber, 1",                 "Ippppppppppphhhh hhhh0ppppppppppI", SAME),
    Row("huber', 1",                "mmmmmmmmmmmmmmmm mmmmz11111111111", SAME),
    Row("binary cross-entropy, 0",  "zzzzzzzzttpppppp pppppp==========", "zzzzttttttpppppp pppppp=========="),
    Row("binary cross-entropy', 0", "zzzzzzzzttpphhhh hhhhpp1111111111", "zzzzttttttpphhhh hhhhpp1111111111"),
    Row("binary cross-entropy, 1",  "Ippppppppppppppp ppppppttzzzzzzzz", "Ippppppppppppppp ppppppttttttzzzz"),
    Row("binary cross-entropy', 1", "mmmmmmmmmmnnHHHH HHHHnnTTzzzzzzzz", "mmmmmmmmmmnnHHHH HHHHnnTTTTTTzzzz"),
];

/// Softmax cross-entropy on the logits (x, 0): value, and gradient with respect to each logit. The logit inf is the
/// only input that gives NaN, and only where it meets itself: in its own entry of the gradient, and in the loss if it
/// belongs to the target's class.
#[rustfmt::skip]
const SOFTMAX: &[Row] = &[
    //                      iM177771    -ms   sm-    177771Mi
    //                      nAe44100881 3iu   ui3 18800144eAn
    //                      fX46509498610nb0 0bn01689490564Xf
    Row("l, class 0",     "Ippppppppppppppp pppppccccccccccN", "Ippppppppppppppp ppppppcccccccccN"),
    Row("dl/dx, class 0", "mmmmmmmmmmnnHHHH HHHHnCCCCCCCCCCN", "mmmmmmmmmmnnHHHH HHHHnnCCCCCCCCCN"),
    Row("dl/d0, class 0", "1111111111pphhhh hhhhpptt00000000", "1111111111pphhhh hhhhpptttttt0000"),
    Row("l, class 1",     "cccccccccccppppp pppppppppppppppI", "ccccccccccpppppp pppppppppppppppI"),
    Row("dl/dx, class 1", "00000000ttpphhhh hhhhpp111111111N", "0000ttttttpphhhh hhhhpp111111111N"),
    Row("dl/d0, class 1", "CCCCCCCCCCCnHHHH HHHHnnmmmmmmmmmm", "CCCCCCCCCCnnHHHH HHHHnnmmmmmmmmmm"),
];

/// The differences between a table and the functions of the same names, in the format `T`.
struct Comparison {
    compared: usize,
    wrong: Vec<String>,
}

impl Comparison {
    fn new() -> Self {
        Self {
            compared: 0,
            wrong: Vec::new(),
        }
    }

    /// Compares one row, of a function that gives NaN at NaN.
    fn row<T: Float>(&mut self, table: &[Row], name: &str, function: impl Fn(T) -> T) {
        self.row_but_for_nan(table, name, 'N', function);
    }

    /// Compares one row, of a function whose value at NaN has the class `at_nan`.
    fn row_but_for_nan<T: Float>(&mut self, table: &[Row], name: &str, at_nan: char, function: impl Fn(T) -> T) {
        let Row(_, single, double) = table
            .iter()
            .find(|row| row.0 == name)
            .unwrap_or_else(|| panic!("the table has no row `{name}`"));
        let classes = if T::NAME == "f64" && *double != SAME {
            double
        } else {
            single
        };
        let classes: Vec<char> = classes.chars().filter(|&class| class != ' ').collect();
        let inputs = inputs::<T>();
        assert_eq!(classes.len(), inputs.len(), "{name}, {}", T::NAME);
        for ((input_name, input), class) in inputs.into_iter().zip(classes) {
            self.check(name, &input_name, class, input, function(input));
        }
        let nan = T::from_f64(f64::NAN);
        self.check(name, "NaN", at_nan, nan, function(nan));
        self.check(name, "-NaN", at_nan, -nan, function(-nan));
    }

    fn check<T: Float>(&mut self, name: &str, input_name: &str, class: char, input: T, got: T) {
        self.compared += 1;
        if !is_of_class(class, input, got) {
            self.wrong.push(format!(
                "{name}, {}, at {input_name}: expected class `{class}`, got {got:?}",
                T::NAME
            ));
        }
    }

    /// Fails if there was a difference, or if not all rows of `table` were compared in both formats.
    fn finish(self, table: &[Row]) {
        let expected = table.len() * 2 * (2 * SIZES.len() + 2);
        assert_eq!(self.compared, expected, "numbers compared");
        assert!(
            self.wrong.is_empty(),
            "{} wrong:\n{}",
            self.wrong.len(),
            self.wrong.join("\n")
        );
    }
}

#[test]
fn scalar_functions() {
    fn compare<T: Float>(comparison: &mut Comparison) {
        type Named<T> = (&'static str, fn(T) -> T);
        let functions: [Named<T>; 18] = [
            ("exp", T::exp),
            ("exp_m1", T::exp_m1),
            ("ln", T::ln),
            ("ln_1p", T::ln_1p),
            ("tanh", T::tanh),
            ("erfc", T::erfc),
            ("sin", T::sin),
            ("cos", T::cos),
            ("tan", T::tan),
            ("atan", T::atan),
            ("sinh", T::sinh),
            ("cosh", T::cosh),
            ("log2", T::log2),
            ("x^3", |x| x.powi(3)),
            ("x^0.5", |x| x.powf(T::from_f64(0.5))),
            ("floor", T::floor),
            ("sqrt", T::sqrt),
            ("abs", T::abs),
        ];
        for (name, function) in functions {
            comparison.row(SCALAR, name, function);
        }
    }
    let mut comparison = Comparison::new();
    compare::<f32>(&mut comparison);
    compare::<f64>(&mut comparison);
    comparison.finish(SCALAR);
}

/// Tests the derivative by `Activation::derivative` and by dual numbers.
#[test]
fn activations() {
    fn compare<T: Float>(comparison: &mut Comparison, dual: &mut Comparison) {
        for &name in names() {
            let functions = functions::<T>(name);
            let slope = format!("{name}'");
            comparison.row(ACTIVATIONS, name, functions.value);
            // The derivative of the identity is 1 for any argument. At NaN, a dual number takes the branch of -1.
            let at_nan = if name == "identity" { '1' } else { 'N' };
            comparison.row_but_for_nan(ACTIVATIONS, &slope, at_nan, functions.derivative);
            dual.row(ACTIVATIONS, name, |z| (functions.dual)(z)[0]);
            let at_nan = if name == "leaky_relu" { 'p' } else { at_nan };
            dual.row_but_for_nan(ACTIVATIONS, &slope, at_nan, |z| (functions.dual)(z)[1]);
        }
    }
    let (mut comparison, mut dual) = (Comparison::new(), Comparison::new());
    compare::<f32>(&mut comparison, &mut dual);
    compare::<f64>(&mut comparison, &mut dual);
    comparison.finish(ACTIVATIONS);
    dual.finish(ACTIVATIONS);
}

/// Returns the loss of one output and its gradient. Checks that the value computed alone is the same number.
fn one_output<T: Float>(loss: &impl Loss, prediction: T, target: T) -> (T, T) {
    let mut gradient = [T::from_f64(f64::NAN)];
    let value = loss.value_and_gradient(&[prediction], &[target], &mut gradient);
    let alone = loss.value(&[prediction], &[target]);
    assert!(
        alone == value || (alone.to_f64().is_nan() && value.to_f64().is_nan()),
        "{loss:?} at {prediction:?}, target {target:?}: {alone:?} alone, {value:?} with its gradient"
    );
    (value, gradient[0])
}

#[test]
fn losses_of_one_output() {
    fn compare<T: Float>(comparison: &mut Comparison, name: &str, loss: &impl Loss) {
        for (target_name, target) in [("0", T::zero()), ("1", T::one())] {
            let value = |p| one_output::<T>(loss, p, target).0;
            comparison.row(LOSSES, &format!("{name}, {target_name}"), value);
            let gradient = |p| one_output::<T>(loss, p, target).1;
            comparison.row(LOSSES, &format!("{name}', {target_name}"), gradient);
        }
    }
    fn all<T: Float>(comparison: &mut Comparison) {
        compare::<T>(comparison, "half squared error", &HalfMse);
        compare::<T>(comparison, "mean squared error", &Mse);
        compare::<T>(comparison, "mean absolute error", &Mae);
        compare::<T>(comparison, "huber", &Huber::default());
        compare::<T>(comparison, "binary cross-entropy", &BinaryCrossEntropy);
    }
    let mut comparison = Comparison::new();
    all::<f32>(&mut comparison);
    all::<f64>(&mut comparison);
    comparison.finish(LOSSES);
}

/// Tests a target given by class index, and by the distribution that has probability 1 for the class.
#[test]
fn softmax_cross_entropy() {
    fn compare<T: Float>(comparison: &mut Comparison, loss: SoftmaxCrossEntropy, targets: [Vec<T>; 2]) {
        for (class, target) in targets.iter().enumerate() {
            let value = |x: T| loss.value(&[x, T::zero()], target);
            comparison.row(SOFTMAX, &format!("l, class {class}"), value);
            for (entry, name) in ["x", "0"].into_iter().enumerate() {
                comparison.row(SOFTMAX, &format!("dl/d{name}, class {class}"), |x: T| {
                    let mut gradient = [T::from_f64(f64::NAN); 2];
                    let _ = loss.value_and_gradient(&[x, T::zero()], target, &mut gradient);
                    gradient[entry]
                });
            }
        }
    }
    fn both<T: Float>(classes: &mut Comparison, probabilities: &mut Comparison) {
        let (zero, one) = (T::zero(), T::one());
        compare(classes, SoftmaxCrossEntropy::for_classes(), [vec![zero], vec![one]]);
        compare(
            probabilities,
            SoftmaxCrossEntropy::for_probabilities(),
            [vec![one, zero], vec![zero, one]],
        );
    }
    let (mut classes, mut probabilities) = (Comparison::new(), Comparison::new());
    both::<f32>(&mut classes, &mut probabilities);
    both::<f64>(&mut classes, &mut probabilities);
    classes.finish(SOFTMAX);
    probabilities.finish(SOFTMAX);
}

/// If every class is excluded, there is no distribution and no loss.
#[test]
fn softmax_of_minus_infinity_throughout_is_nan() {
    let loss = SoftmaxCrossEntropy::for_classes();
    let mut gradient = [0.0; 3];
    let value = loss.value_and_gradient(&[f64::NEG_INFINITY; 3], &[1.0], &mut gradient);
    assert!(value.is_nan(), "got {value}");
    assert!(gradient.iter().all(|g| g.is_nan()), "got {gradient:?}");
}

/// NaN in any logit or any target makes the loss NaN; a maximum must not drop it.
#[test]
fn nan_in_any_place_reaches_the_loss() {
    for place in 0..3 {
        let mut logits = [1.0, 2.0, 3.0];
        logits[place] = f64::NAN;
        for class in 0..3 {
            let mut gradient = [0.0; 3];
            let loss = SoftmaxCrossEntropy::for_classes();
            let value = loss.value_and_gradient(&logits, &[f64::from(class)], &mut gradient);
            assert!(value.is_nan(), "NaN in logit {place}, class {class}: got {value}");
            assert!(
                gradient.iter().all(|g| g.is_nan()),
                "NaN in logit {place}, class {class}: got {gradient:?}"
            );
        }
    }
    fn target<L: Loss>(loss: &L) {
        let mut gradient = [0.0; 2];
        let value = loss.value_and_gradient(&[0.5, -0.5], &[f64::NAN, 0.0], &mut gradient);
        assert!(value.is_nan(), "{loss:?}, target NaN: got {value}");
    }
    target(&HalfMse);
    target(&Mse);
    target(&Mae);
    target(&Huber::default());
    target(&Pinball::default());
    target(&BinaryCrossEntropy);
    target(&SoftmaxCrossEntropy::for_probabilities());
    target(&SoftmaxCrossEntropy::for_probabilities().smoothing(0.5).unwrap());
}
