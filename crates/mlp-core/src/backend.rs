//! Everything that an implementation of a numeric backend names: the trait [`Tensor`], and what its operations take.
//!
//! Programs that only use networks do not need this module. The example `custom_backend` is a complete backend.

pub use crate::activation::ActivationVisitor;
pub use crate::elementary::erfc_fraction;
pub use crate::error::{check_memory, check_shape, shape_mismatch};
pub use crate::mlp::check_layers;
pub use crate::optimizer::{Gradient, Objective};
pub use crate::tensor::{Columns, IntoColumns, Tensor, ZipFormula};
