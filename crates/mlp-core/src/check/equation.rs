use super::points::{check_differences, compare_with_difference, derivatives};
use crate::equation::{Blocks, Equation, Point};
use crate::{Dual, Scalar};
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
    check_differences(name, "arguments", |case, rng| {
        let random = (0..given + size).map(|_| 4.0 * rng.random::<f64>() - 2.0);
        let arguments: Vec<_> = random.map(|x| Dual::constant(Dual::constant(x))).collect();
        let (argument, residual) = (case % size, case / size % R);
        let x = arguments[given + argument].to_f64();
        compare_with_difference(
            |x| {
                derivatives(
                    |x| {
                        let mut arguments = arguments.clone();
                        arguments[given + argument] = x;
                        equation.residuals(&Point::new(&arguments, inputs, outputs, &blocks))[residual]
                    },
                    x,
                )
            },
            x,
        )
        .unwrap_or_else(|how| panic!("{name}: residual {residual} by argument {argument} of the outputs: {how}"))
    });
}
