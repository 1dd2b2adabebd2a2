//! The optimizers that the command line offers, of those that the library has.

use clap::builder::{PossibleValue, PossibleValuesParser, TypedValueParser};
use mlp_core::OptimizerKind;

/// Reads the name of an optimizer.
pub(crate) fn parser() -> impl TypedValueParser<Value = OptimizerKind> {
    PossibleValuesParser::new([
        PossibleValue::new("gradient_descent")
            .help("Subtracts the learning rate times its derivative from each parameter"),
        PossibleValue::new("adam").help("Takes steps of about the learning rate, however large the derivative"),
    ])
    .try_map(|name| name.parse())
}

/// Returns the name as it starts a sentence.
pub(crate) fn title(optimizer: OptimizerKind) -> &'static str {
    match optimizer {
        OptimizerKind::Adam => "Adam",
        _ => "Gradient descent",
    }
}
