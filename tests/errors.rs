//! Measures the errors of the elementary functions and the smooth activations: in `f32` against `f64` arithmetic by the
//! `libm` crate, in `f64` against exact values from `fixtures/errors.py`.
//!
//! Each test run checks a part of the arguments. The test `table` checks all of them; `docs/performance.md` says how to
//! run it.

use mlp_core::activations::{Gelu, Sigmoid, Silu, Softplus};
use mlp_core::{Activation, Scalar};
use std::cmp::Reverse;
use std::fs;
use std::io::Write;
use std::num::NonZero;
use std::path::Path;
use std::sync::Mutex;
use std::sync::atomic::{AtomicU64, Ordering};
use std::thread;

/// A function, its reference in `f64`, and the limits of its error in `f32` and in `f64`, in units in the last place.
struct Function {
    name: &'static str,
    /// The text in the table.
    formula: &'static str,
    /// The arguments that are checked.
    part: Part,
    single: fn(&mut [f32]),
    double: fn(f64) -> f64,
    reference: fn(f64) -> f64,
    limits: [f64; 2],
    /// The bounds that JAX documents for its CPU backend.
    jax: Option<[f64; 2]>,
}

/// A part of a function's arguments; the bounds are those for `f32` and for `f64`.
#[derive(Clone, Copy)]
enum Part {
    All,
    /// The bound and greater arguments, and NaN.
    From([f64; 2]),
    /// Arguments below the bound.
    Below([f64; 2]),
    /// Arguments up to the bound in absolute value; the others are not checked.
    Within([f64; 2]),
}

impl Part {
    fn has(self, format: usize, x: f64) -> bool {
        match self {
            Self::All => true,
            Self::From(bounds) => x >= bounds[format] || x.is_nan(),
            Self::Below(bounds) => x < bounds[format],
            Self::Within(bounds) => x.abs() <= bounds[format],
        }
    }

    /// Returns the text that the table shows after the function.
    fn shown(self, format: usize) -> String {
        match self {
            Self::All => String::new(),
            Self::From(bounds) => format!(", x >= {}", bounds[format]),
            Self::Below(bounds) => format!(", x < {}", bounds[format]),
            Self::Within(bounds) => format!(", -{0} <= x <= {0}", bounds[format]),
        }
    }
}

macro_rules! function {
    ($name:ident, $formula:literal, $function:expr, $reference:expr, $limits:expr, $jax:expr) => {
        function!($name, $formula, $function, $reference, Part::All, $limits, $jax)
    };
    ($name:ident, $formula:literal, $function:expr, $reference:expr, $part:expr, $limits:expr, $jax:expr) => {
        Function {
            name: stringify!($name),
            formula: $formula,
            part: $part,
            // A loop, so that the function is inlined into it and takes the numbers in vectors.
            single: |values| {
                for value in values {
                    *value = $function(*value);
                }
            },
            double: |x| $function(x),
            reference: $reference,
            limits: $limits,
            jax: $jax,
        }
    };
}

/// Below this, `silu` is a product with a subnormal number, which has few digits left.
const SILU_TAIL: [f64; 2] = [-87.0, -708.0];
const SILU: Function = function!(
    silu,
    "x / (1 + e^-x)",
    |x| Silu.value(x),
    silu,
    Part::From(SILU_TAIL),
    [3.5, 3.5],
    None
);
/// Below this, `gelu` multiplies the rounding error of the argument of erfc by x^2.
const GELU_TAIL: [f64; 2] = [-1.0, -1.0];
const GELU: Function = function!(
    gelu,
    "x/2 erfc(-x/√2)",
    |x| Gelu.value(x),
    gelu,
    Part::From(GELU_TAIL),
    [6.0, 6.0],
    None
);

/// Beyond this, the phase is only as exact as the last place of the argument.
const PHASE: Part = Part::Within([1.6e6, 1.6e6]);
/// Beyond this, e^|x| overflows.
const HYPERBOLIC: Part = Part::Within([88.7, 709.7]);

const FUNCTIONS: [Function; 21] = [
    function!(exp, "e^x", Scalar::exp, libm::exp, [1.5, 2.0], Some([1.5, 2.0])),
    function!(tanh, "tanh x", Scalar::tanh, libm::tanh, [2.5, 3.0], Some([5.0, 7.0])),
    function!(
        sigmoid,
        "1 / (1 + e^-x)",
        |x| Sigmoid.value(x),
        sigmoid,
        [2.5, 3.0],
        Some([2.5, 3.5])
    ),
    function!(
        softplus,
        "ln(1 + e^x)",
        |x| Softplus.value(x),
        softplus,
        [3.0, 3.0],
        None
    ),
    function!(exp_m1, "e^x - 1", Scalar::exp_m1, libm::expm1, [2.0, 2.0], None),
    function!(ln, "ln x", Scalar::ln, libm::log, [1.0, 1.0], None),
    function!(ln_1p, "ln(1 + x)", Scalar::ln_1p, libm::log1p, [1.5, 1.5], None),
    function!(erfc, "erfc x", Scalar::erfc, libm::erfc, [4.0, 4.5], None),
    function!(sin, "sin x", Scalar::sin, libm::sin, PHASE, [0.51, 1.0], None),
    function!(cos, "cos x", Scalar::cos, libm::cos, PHASE, [0.51, 1.0], None),
    function!(tan, "tan x", Scalar::tan, libm::tan, PHASE, [2.0, 2.5], None),
    function!(atan, "atan x", Scalar::atan, libm::atan, [0.51, 2.0], None),
    function!(sinh, "sinh x", Scalar::sinh, libm::sinh, HYPERBOLIC, [2.0, 2.0], None),
    function!(cosh, "cosh x", Scalar::cosh, libm::cosh, HYPERBOLIC, [2.0, 2.0], None),
    function!(log2, "log2 x", Scalar::log2, libm::log2, [2.0, 2.0], None),
    function!(
        powf,
        "x^2.5",
        |x| Scalar::powf(x, Scalar::from_f64(2.5)),
        |x| libm::pow(x, 2.5),
        [0.51, 1400.0],
        None
    ),
    function!(
        powi,
        "x^10",
        |x| Scalar::powi(x, 10),
        |x| libm::pow(x, 10.0),
        [8.0, 8.0],
        None
    ),
    SILU,
    Function {
        part: Part::Below(SILU_TAIL),
        limits: [60.0, 400.0],
        ..SILU
    },
    GELU,
    Function {
        part: Part::Below(GELU_TAIL),
        limits: [250.0, 2000.0],
        ..GELU
    },
];

fn sigmoid(x: f64) -> f64 {
    1.0 / (1.0 + libm::exp(-x))
}

fn softplus(x: f64) -> f64 {
    // From 40 on, adding e^-x does not change x.
    if x > 40.0 { x } else { libm::log1p(libm::exp(x)) }
}

fn silu(x: f64) -> f64 {
    if x == f64::NEG_INFINITY { -0.0 } else { x * sigmoid(x) }
}

fn gelu(x: f64) -> f64 {
    if x == f64::NEG_INFINITY {
        return -0.0;
    }
    0.5 * x * libm::erfc(-x * std::f64::consts::FRAC_1_SQRT_2)
}

/// The largest error of a function so far, in units in the last place, and its argument.
#[derive(Clone, Copy)]
struct Worst {
    error: f64,
    x: f64,
    result: f64,
    /// The number of arguments checked.
    count: u64,
}

impl Worst {
    const NONE: Self = Self {
        error: -1.0,
        x: f64::NAN,
        result: f64::NAN,
        count: 0,
    };

    fn take(&mut self, x: f64, result: f64, error: f64) {
        self.count += 1;
        if error > self.error {
            (self.error, self.x, self.result) = (error, x, result);
        }
    }

    fn and(self, other: Self) -> Self {
        // Of equal errors, take the first in the order of bits, whichever thread is faster.
        let key = |worst: &Self| (worst.error, Reverse(worst.x.to_bits()));
        let worse = if key(&self) >= key(&other) { self } else { other };
        let count = self.count + other.count;
        Self { count, ..worse }
    }
}

/// Returns the distance from `result` to `exact`, in units of the last place that `exact` has in `f32`. If one of them
/// is not finite, both must be the same.
fn error_f32(result: f32, exact: f64) -> f64 {
    let nearest = exact as f32;
    if nearest.is_finite() && result.is_finite() {
        let binade = f64::from_bits(exact.to_bits() & f64::INFINITY.to_bits());
        let unit = binade.max(f64::from(f32::MIN_POSITIVE)) * f64::from(f32::EPSILON);
        (f64::from(result) - exact).abs() / unit
    } else if result == nearest || (result.is_nan() && nearest.is_nan()) {
        0.0
    } else {
        f64::INFINITY
    }
}

/// Checks the bit patterns of `f32` from `start` to `end` in steps of `step`.
fn sweep_f32(function: &Function, start: u64, end: u64, step: u64) -> Worst {
    const TOGETHER: u64 = 4096;
    let mut worst = Worst::NONE;
    let mut results = Vec::new();
    for first in (start..end).step_by((TOGETHER * step) as usize) {
        let arguments = (first..end.min(first + TOGETHER * step))
            .step_by(step as usize)
            .map(|bits| f32::from_bits(bits as u32));
        results.clear();
        results.extend(arguments.clone());
        (function.single)(&mut results);
        for (x, &result) in arguments.zip(&results) {
            if function.part.has(0, f64::from(x)) {
                let exact = (function.reference)(f64::from(x));
                worst.take(f64::from(x), f64::from(result), error_f32(result, exact));
            }
        }
    }
    worst
}

/// Reads x, the `f64` nearest to the exact value at x, and the amount by which the exact value exceeds that `f64`, in
/// units of its last place.
fn record(bytes: &[u8; 18]) -> (f64, f64, f64) {
    let [x, nearest] = [&bytes[..8], &bytes[8..16]].map(|bytes| f64::from_le_bytes(bytes.try_into().unwrap()));
    let rest = i16::from_le_bytes([bytes[16], bytes[17]]);
    (x, nearest, f64::from(rest) / 65_536.0)
}

/// Returns the distance from `result` to `nearest` plus `rest` units of its last place.
fn error_f64(result: f64, nearest: f64, rest: f64) -> f64 {
    if !nearest.is_finite() || !result.is_finite() {
        return if result == nearest { 0.0 } else { f64::INFINITY };
    }
    let size = nearest.abs().max(f64::MIN_POSITIVE);
    let unit = f64::from_bits(size.to_bits() & f64::INFINITY.to_bits()) * f64::EPSILON;
    let error = ((result - nearest) / unit - rest).abs();
    // Below a power of two the exact value has units half as large.
    let below = nearest.abs() == unit / f64::EPSILON && rest * nearest < 0.0 && nearest.abs() > f64::MIN_POSITIVE;
    if below { 2.0 * error } else { error }
}

/// Checks all points of a file.
fn sweep_f64(function: &Function, path: &Path) -> Worst {
    let bytes = fs::read(path).unwrap_or_else(|error| panic!("{}: {error}", path.display()));
    let (records, rest) = bytes.as_chunks();
    assert!(rest.is_empty(), "{}: the last record is incomplete", path.display());
    let mut worst = Worst::NONE;
    for (x, nearest, rest) in records.iter().map(record) {
        if function.part.has(1, x) {
            let result = (function.double)(x);
            worst.take(x, result, error_f64(result, nearest, rest));
        }
    }
    worst
}

fn root() -> &'static Path {
    Path::new(env!("CARGO_MANIFEST_DIR"))
}

#[track_caller]
fn check(function: &Function, format: &str, worst: Worst, limit: f64) {
    let (name, Worst { error, x, result, .. }) = (function.name, worst);
    assert!(
        error <= limit,
        "{name}, {format}: {error} units at x = {x:e}, where it is {result:e}; limit {limit}"
    );
}

/// Compares the errors of all functions in both formats with their limits. In `f32`, `single` finds the errors at
/// `singles` arguments of each function; in `f64`, `directory` has `doubles` points for each.
fn check_all(
    single: fn(&Function) -> Worst,
    singles: u64,
    directory: &Path,
    doubles: u64,
) -> Vec<(&'static Function, [Worst; 2])> {
    // First the checks that take seconds.
    let double = FUNCTIONS.each_ref().map(|function| {
        let worst = sweep_f64(function, &directory.join(format!("{}.bin", function.name)));
        check(function, "f64", worst, function.limits[1]);
        worst
    });
    let errors: Vec<_> = FUNCTIONS
        .iter()
        .zip(double)
        .map(|(function, double)| {
            let worst = single(function);
            check(function, "f32", worst, function.limits[0]);
            (function, [worst, double])
        })
        .collect();
    let whole = |function: &&Function| !matches!(function.part, Part::Within(_));
    for function in FUNCTIONS.iter().filter(whole) {
        // For a function in parts, the sum over all parts.
        let counts = [0, 1].map(|format| {
            let parts = errors.iter().filter(|(part, _)| part.name == function.name);
            parts.map(|(_, worst)| worst[format].count).sum::<u64>()
        });
        assert_eq!(counts, [singles, doubles], "arguments of {}", function.name);
    }
    errors
}

/// Checks every 4,099th bit pattern of `f32`, which is about 2,000 numbers of each binade, and the committed points.
#[test]
fn errors_are_within_their_limits() {
    check_all(
        |function| sweep_f32(function, 0, 1 << 32, 4_099),
        (1_u64 << 32).div_ceil(4_099),
        &root().join("tests/fixtures/errors"),
        500,
    );
}

/// Checks the measurement of errors itself.
#[test]
fn errors_are_counted_in_units_in_the_last_place() {
    assert_eq!(error_f32(1.0, 1.0), 0.0);
    assert_eq!(error_f32(1.0, 1.0 + 1.5 * 2_f64.powi(-23)), 1.5);
    assert_eq!(
        error_f32(1.0, 1.0 - 2_f64.powi(-24)),
        1.0,
        "below 1 a unit is half as large"
    );
    assert_eq!(error_f32(f32::from_bits(3), 2_f64.powi(-149)), 2.0, "subnormal");
    assert_eq!(error_f32(f32::INFINITY, 1e39), 0.0);
    assert_eq!(error_f32(f32::MAX, 1e39), f64::INFINITY);
    assert_eq!(error_f32(f32::NAN, 1.0), f64::INFINITY);
    assert_eq!(error_f32(0.0, f64::NAN), f64::INFINITY);
    assert_eq!(error_f32(f32::NAN, f64::NAN), 0.0);

    assert_eq!(error_f64(1.0, 1.0, 0.25), 0.25);
    assert_eq!(error_f64(1.0 + 2.0 * f64::EPSILON, 1.0, 0.25), 1.75);
    assert_eq!(error_f64(-1.0, -1.0 - f64::EPSILON, 0.5), 0.5);
    assert_eq!(error_f64(1.0, 1.0, -0.25), 0.5, "below 1 a unit is half as large");
    assert_eq!(error_f64(-1.0, -1.0, 0.25), 0.5, "below 1 a unit is half as large");
    assert_eq!(error_f64(f64::from_bits(3), f64::from_bits(1), 0.5), 1.5, "subnormal");
    assert_eq!(error_f64(f64::INFINITY, f64::INFINITY, 0.0), 0.0);
    assert_eq!(error_f64(f64::MAX, f64::INFINITY, 0.0), f64::INFINITY);
    assert_eq!(error_f64(f64::NAN, 1.0, 0.0), f64::INFINITY);
}

/// Checks all of `f32` on all cores.
fn sweep_all_f32(function: &Function) -> Worst {
    const PART: u64 = 1 << 24;
    let (next, worst) = (AtomicU64::new(0), Mutex::new(Worst::NONE));
    thread::scope(|scope| {
        for _ in 0..thread::available_parallelism().map_or(1, NonZero::get) {
            scope.spawn(|| {
                loop {
                    let start = next.fetch_add(PART, Ordering::Relaxed);
                    if start >= 1 << 32 {
                        break;
                    }
                    let part = sweep_f32(function, start, start + PART, 1);
                    let mut worst = worst.lock().unwrap();
                    *worst = worst.and(part);
                }
            });
        }
    });
    let worst = worst.into_inner().unwrap();
    // Shows progress, because the test takes minutes. The output of `println` is shown only if a test fails.
    writeln!(
        std::io::stderr(),
        "{}{}: {} at {:e}",
        function.name,
        function.part.shown(0),
        worst.error,
        worst.x
    )
    .expect("standard error");
    worst
}

/// Returns the two rows of a function in the table.
fn rows((function, worst): &(&Function, [Worst; 2])) -> String {
    let Function {
        name,
        formula,
        part,
        limits,
        jax,
        ..
    } = function;
    let row = |format: usize| {
        let Worst { error, x, count, .. } = worst[format];
        let kind = ["f32", "f64"][format];
        // The shortest digits that read back to the number in its format.
        let x = [format!("{:e}", x as f32), format!("{x:e}")][format].clone();
        let (part, limit) = (part.shown(format), limits[format]);
        let jax = jax.map_or_else(String::new, |jax| jax[format].to_string());
        format!("| `{name}` | {formula}{part} | `{kind}` | {count} | {error:.3} | `{x}` | {limit} | {jax} |\n")
    };
    row(0) + &row(1)
}

/// Checks all numbers of `f32` and the points in the directory that `MLP_ERRORS` names, and writes the table into
/// `docs/performance.md`.
#[test]
#[ignore = "takes minutes, and needs the files that fixtures/errors.py makes"]
fn table() {
    let directory = std::env::var_os("MLP_ERRORS").expect("set MLP_ERRORS to the directory that errors.py wrote");
    let errors = check_all(sweep_all_f32, 1 << 32, Path::new(&directory), 10_000_000);
    let rows: String = errors.iter().map(rows).collect();
    let path = root().join("docs/performance.md");
    let text = fs::read_to_string(&path).expect("docs/performance.md");
    let (before, rest) = text
        .split_once("<!-- table:errors -->")
        .expect("the marker of the table");
    let (_, after) = rest
        .split_once("<!-- end -->")
        .expect("the marker at the end of the table");
    let text = format!(
        "\
{before}<!-- table:errors -->

| function | of x | type | inputs checked | largest error, ULP | at x = | limit | JAX on CPU |
|---|---|---|---|---|---|---|---|
{rows}
<!-- end -->{after}"
    );
    fs::write(&path, text).expect("docs/performance.md is written");
}
