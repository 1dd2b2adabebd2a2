use super::bounded::Bounded;
use super::difference::{check_differences, compare_with_difference};
use crate::Dual;
use crate::equation::{Blocks, Equation, Point};
use alloc::vec::Vec;
use rand::RngExt;

/// Checks an equation for `inputs` inputs, `outputs` outputs and `targets` numbers of [`Point::target`]. It verifies at
/// random arguments from -2 to 2 that each residual, evaluated with numbers, changes with each output and each of its
/// derivatives as dual numbers say. A formula that leaves dual numbers by [`to_f64`](crate::Scalar::to_f64) fails.
///
/// # Panics
/// If this is not so. The message contains `name`, the numbers of residual and argument, and the two derivatives.
pub fn check_equation<E: Equation<R>, const R: usize>(
    name: &str,
    equation: &E,
    inputs: usize,
    outputs: usize,
    targets: usize,
) {
    let blocks = Blocks::of(&equation.directions());
    let given = inputs + targets;
    let size = outputs * Blocks::count(&blocks);
    check_differences(name, |case, rng| {
        let arguments: Vec<f64> = (0..given + size).map(|_| 4.0 * rng.random::<f64>() - 2.0).collect();
        let (argument, residual) = (case % size, case / size % R);
        let function = |x| {
            let constant = |&x: &f64| Dual::constant(Bounded::exact(x));
            let mut arguments: Vec<_> = arguments.iter().map(constant).collect();
            arguments[given + argument] = Dual::variable(Bounded::exact(x));
            equation.residuals(&Point::new(&arguments, inputs, outputs, &blocks))[residual]
        };
        compare_with_difference(function, arguments[given + argument], 0.0)
            .unwrap_or_else(|how| panic!("{name}: residual {residual} by argument {argument} of the outputs: {how}"))
    });
}
