use super::Options;
use super::bounded::Bounded;
use super::difference::{check_differences, compare_with_difference};
use super::points::Float;
use crate::Dual;
use crate::equation::{Blocks, Equation, Point};
use alloc::format;
use alloc::string::String;
use alloc::vec;
use alloc::vec::Vec;
use rand::RngExt;

/// Checks an equation for `inputs` inputs, `outputs` outputs and `targets` numbers of [`Point::target`]. It verifies at
/// random arguments, from -2 to 2 unless `options` have another range, that each residual
///
/// - is a number, and so are its derivatives;
/// - changes with each output and each of its derivatives as dual numbers say. A formula that leaves dual numbers by
///   [`to_f64`](crate::Scalar::to_f64) fails;
/// - is the same in `f32` as in `f64`, up to the rounding errors of the formula, and so are these derivatives.
///
/// It cannot know which equation is meant: a wrong sign, factor or direction passes.
///
/// Known kinks need not be given, since random arguments do not meet them.
///
/// # Panics
/// If this is not so. The message contains `name`, the number of the residual, its argument as a formula names it
/// (`du(0)[1]`), all arguments, and the two derivatives.
pub fn check_equation<E: Equation<R>, const R: usize>(
    name: &str,
    equation: &E,
    [inputs, outputs, targets]: [usize; 3],
    options: &Options,
) {
    let blocks = Blocks::of(&equation.directions());
    let given = inputs + targets;
    let size = outputs * Blocks::count(&blocks);
    let names = names(&blocks);
    let (low, high) = match (*options.range.start(), *options.range.end()) {
        (f64::NEG_INFINITY, _) => (-2.0, 2.0),
        range => range,
    };
    check_differences(name, |case, rng| {
        // They are exact in `f32`.
        let mut draw = || f64::from((low + rng.random::<f64>() * (high - low)) as f32);
        let arguments: Vec<f64> = (0..given + size).map(|_| draw()).collect();
        let (argument, residual) = (case % size, case / size % R);
        let variable = given + argument;
        let point = Arguments {
            numbers: &arguments,
            variable,
            shape: [inputs, outputs],
            blocks: &blocks,
        };
        let x = arguments[variable];
        let what = || {
            let (given, jet) = arguments.split_at(given);
            let (x, target) = given.split_at(inputs);
            let outputs_of = names.iter().map(String::as_str).zip(jet.chunks(outputs));
            let parts = [("x", x), ("target", target)].into_iter().chain(outputs_of);
            let parts = parts.filter(|(_, numbers)| !numbers.is_empty());
            let at: Vec<_> = parts.map(|(name, numbers)| format!("{name} = {numbers:?}")).collect();
            let (block, output) = (&names[argument / outputs], argument % outputs);
            format!("{name}: residual {residual} by {block}[{output}], at {}", at.join(", "))
        };
        let single = point.residuals::<_, _, f32>(equation, x)[residual];
        let double = point.residuals::<_, _, f64>(equation, x)[residual];
        assert!(
            !double.value.value.is_nan() && !double.derivative.value.is_nan(),
            "{}: expected a number and its derivative, got {} and {}; if the formula is not meant for this, give \
             `Options::range`",
            what(),
            double.value.value,
            double.derivative.value
        );
        for (single, double) in [(single.value, double.value), (single.derivative, double.derivative)] {
            let wide = Bounded {
                value: f64::from(single.value),
                error: single.error,
            };
            assert!(
                double.agrees_with(wide, 0.0),
                "{}: {} in f64, {} in f32; rounding explains {:.1e}",
                what(),
                double.value,
                single.value,
                single.error + double.error
            );
        }
        compare_with_difference(&|x| point.residuals(equation, x)[residual], x, options.tolerance)
            .unwrap_or_else(|how| panic!("{}: {how}", what()))
    });
}

/// Returns how a formula calls the numbers of each block.
fn names(blocks: &[Blocks]) -> Vec<String> {
    let mut names = vec![String::from("u")];
    for (direction, block) in blocks.iter().enumerate() {
        names.push(format!("du({direction})"));
        names.extend(block.second.map(|_| format!("ddu({direction})")));
    }
    names
}

/// The arguments of a residual, one of which is the variable.
struct Arguments<'a> {
    numbers: &'a [f64],
    variable: usize,
    /// The numbers of inputs and outputs.
    shape: [usize; 2],
    blocks: &'a [Blocks],
}

impl Arguments<'_> {
    /// Evaluates the residuals with the variable at `x`.
    fn residuals<E: Equation<R>, const R: usize, T: Float>(&self, equation: &E, x: f64) -> [Dual<Bounded<T>>; R] {
        let exact = |x: f64| Bounded::exact(T::from_f64(x));
        let mut numbers: Vec<_> = self.numbers.iter().map(|&x| Dual::constant(exact(x))).collect();
        numbers[self.variable] = Dual::variable(exact(x));
        equation.residuals(&Point::new(&numbers, self.shape[0], self.shape[1], self.blocks))
    }
}
