//! Activations as nodes. In single precision, ONNX has an operator for many of them. In double precision, onnxruntime
//! has few of these operators, so the activations are composed from operators that it has.

use super::graph::{Graph, Value, float};
use mlp_core::activations::Selu;
use mlp_core::backend::erfc_fraction;
use mlp_core::{Activation as _, ActivationKind};

/// Adds the nodes of f(z), or returns `None` if the activation is not one of this library's.
pub fn activation<C>(graph: &mut Graph, kind: &ActivationKind<C>, z: &Value) -> Option<Value> {
    let double = graph.is_double();
    Some(match kind {
        ActivationKind::Identity(_) => z.clone(),
        ActivationKind::Relu(_) => graph.node("Relu", &[z]),
        ActivationKind::Sigmoid(_) => graph.node("Sigmoid", &[z]),
        ActivationKind::Tanh(_) => graph.node("Tanh", &[z]),
        ActivationKind::LeakyRelu(leaky) if double => {
            let left = graph.with_constant("Min", z, 0.0);
            piecewise(graph, z, 1.0, &left, leaky.negative_slope())
        }
        ActivationKind::LeakyRelu(leaky) => {
            graph.node_with("LeakyRelu", &[z], vec![float("alpha", leaky.negative_slope())])
        }
        ActivationKind::Elu(elu) if double => {
            let left = exp_m1(graph, z);
            piecewise(graph, z, 1.0, &left, elu.alpha())
        }
        ActivationKind::Elu(elu) => graph.node_with("Elu", &[z], vec![float("alpha", elu.alpha())]),
        ActivationKind::Selu(_) if double => {
            let left = exp_m1(graph, z);
            piecewise(graph, z, selu_lambda(), &left, selu_lambda() * selu_alpha())
        }
        ActivationKind::Selu(_) => {
            let attributes = vec![float("alpha", selu_alpha()), float("gamma", selu_lambda())];
            graph.node_with("Selu", &[z], attributes)
        }
        ActivationKind::Softplus(_) if double => softplus(graph, z),
        ActivationKind::Softplus(_) => graph.node("Softplus", &[z]),
        ActivationKind::Softsign(_) if double => {
            let size = graph.node("Abs", &[z]);
            let divisor = graph.with_constant("Add", &size, 1.0);
            graph.node("Div", &[z, &divisor])
        }
        ActivationKind::Softsign(_) => graph.node("Softsign", &[z]),
        ActivationKind::HardTanh(_) => {
            let (low, high) = (graph.constant(-1.0), graph.constant(1.0));
            graph.node("Clip", &[z, &low, &high])
        }
        ActivationKind::Silu(_) => {
            let gate = graph.node("Sigmoid", &[z]);
            graph.node("Mul", &[z, &gate])
        }
        ActivationKind::GeluTanh(_) => gelu_tanh(graph, z),
        ActivationKind::Gelu(_) if double => gelu_of_erfc(graph, z),
        ActivationKind::Gelu(_) => gelu_of_erf(graph, z),
        ActivationKind::Mish(_) => mish(graph, z),
        _ => return None,
    })
}

/// Returns lambda, which is the value of SELU at 1.
fn selu_lambda() -> f64 {
    Selu.value(1.0)
}

/// Returns alpha. The value of SELU at -inf is -lambda alpha.
fn selu_alpha() -> f64 {
    -Selu.value(f64::NEG_INFINITY) / selu_lambda()
}

/// Adds the nodes of a max(z, 0) + b left, where left is 0 for z > 0.
fn piecewise(graph: &mut Graph, z: &Value, a: f64, left: &Value, b: f64) -> Value {
    let mut right = graph.node("Relu", &[z]);
    if a != 1.0 {
        right = graph.with_constant("Mul", &right, a);
    }
    let left = graph.with_constant("Mul", left, b);
    graph.node("Add", &[&right, &left])
}

/// Adds the nodes of e^z - 1 for z <= 0, and of 0 otherwise. The form 2t / (1 - t) with t = tanh(z/2) avoids
/// cancellation near 0.
fn exp_m1(graph: &mut Graph, z: &Value) -> Value {
    let left = graph.with_constant("Min", z, 0.0);
    let half = graph.with_constant("Mul", &left, 0.5);
    let t = graph.node("Tanh", &[&half]);
    let double = graph.node("Add", &[&t, &t]);
    let one = graph.constant(1.0);
    let divisor = graph.node("Sub", &[&one, &t]);
    graph.node("Div", &[&double, &divisor])
}

/// Adds the nodes of max(z, 0) + ln(1 + e^(-|z|)).
fn softplus(graph: &mut Graph, z: &Value) -> Value {
    let size = graph.node("Abs", &[z]);
    let negative = graph.node("Neg", &[&size]);
    let power = graph.node("Exp", &[&negative]);
    let sum = graph.with_constant("Add", &power, 1.0);
    let logarithm = graph.node("Log", &[&sum]);
    let right = graph.node("Relu", &[z]);
    graph.node("Add", &[&right, &logarithm])
}

/// Adds the nodes of z sigmoid(2u), with u = sqrt(2/pi) (z + 0.044715 z^3).
fn gelu_tanh(graph: &mut Graph, z: &Value) -> Value {
    let scale = (8.0 / std::f64::consts::PI).sqrt();
    let square = graph.node("Mul", &[z, z]);
    let cubic = graph.with_constant("Mul", &square, 0.044_715);
    let sum = graph.with_constant("Add", &cubic, 1.0);
    let product = graph.node("Mul", &[z, &sum]);
    let argument = graph.with_constant("Mul", &product, scale);
    let gate = graph.node("Sigmoid", &[&argument]);
    graph.node("Mul", &[z, &gate])
}

/// Adds the nodes of z n / (n + 2), with n = e (e + 2) and e = e^min(z, 25). Above 25, the fraction n / (n + 2) is 1 in
/// every precision.
fn mish(graph: &mut Graph, z: &Value) -> Value {
    let inner = graph.with_constant("Min", z, 25.0);
    let e = graph.node("Exp", &[&inner]);
    let sum = graph.with_constant("Add", &e, 2.0);
    let n = graph.node("Mul", &[&e, &sum]);
    let divisor = graph.with_constant("Add", &n, 2.0);
    let gate = graph.node("Div", &[&n, &divisor]);
    graph.node("Mul", &[z, &gate])
}

/// Adds the nodes of z (1 + erf(z / sqrt(2))) / 2, in the form that PyTorch exports. Runtimes recognize this form and
/// run it as one operation.
fn gelu_of_erf(graph: &mut Graph, z: &Value) -> Value {
    let argument = graph.with_constant("Div", z, std::f64::consts::SQRT_2);
    let erf = graph.node("Erf", &[&argument]);
    let sum = graph.with_constant("Add", &erf, 1.0);
    let product = graph.node("Mul", &[z, &sum]);
    graph.with_constant("Mul", &product, 0.5)
}

/// Adds the nodes of z/2 erfc(-z / sqrt(2)). erfc is composed from an exponential and a fraction, because no runtime
/// has erf in double precision.
fn gelu_of_erfc(graph: &mut Graph, z: &Value) -> Value {
    let a = std::f64::consts::FRAC_2_SQRT_PI / 2.0;
    let argument = graph.with_constant("Mul", z, -std::f64::consts::FRAC_1_SQRT_2);
    let size = graph.node("Abs", &[&argument]);
    // Beyond 40, erfc is 0 or 2. Without the limit, powers of infinity would give NaN.
    let size = graph.with_constant("Min", &size, 40.0);
    let square = graph.node("Mul", &[&size, &size]);
    let exponent = graph.node("Neg", &[&square]);
    let power = graph.node("Exp", &[&exponent]);
    let [numerator, denominator] = erfc_fraction().map(|coefficients| polynomial(graph, &size, coefficients));
    let product = graph.node("Mul", &[&size, &numerator]);
    let correction = graph.node("Div", &[&product, &denominator]);
    let above = graph.with_constant("Add", &correction, a);
    let below = graph.with_constant("Add", &size, a);
    let fraction = graph.node("Div", &[&above, &below]);
    let upper = graph.node("Mul", &[&power, &fraction]);
    let two = graph.constant(2.0);
    let mirrored = graph.node("Sub", &[&two, &upper]);
    let zero = graph.constant(0.0);
    let negative = graph.node("Less", &[&argument, &zero]);
    let erfc = graph.node("Where", &[&negative, &mirrored, &upper]);
    let half = graph.with_constant("Mul", z, 0.5);
    graph.node("Mul", &[&half, &erfc])
}

/// Adds the nodes of sum_k c_k x^k, by Horner's rule.
fn polynomial(graph: &mut Graph, x: &Value, coefficients: &[f64]) -> Value {
    let mut falling = coefficients.iter().rev();
    let mut sum = graph.constant(falling.next().copied().unwrap_or(0.0));
    for &coefficient in falling {
        let product = graph.node("Mul", &[&sum, x]);
        sum = graph.with_constant("Add", &product, coefficient);
    }
    sum
}
