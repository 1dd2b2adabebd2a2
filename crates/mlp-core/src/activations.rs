//! The built-in activations, each a formula with its parameters. [`ActivationKind`](crate::ActivationKind) selects one
//! of them by name. [`softmax`] is a function, since it belongs to a loss.
//!
//! ```
//! use mlp_core::activations::Tanh;
//! use mlp_core::{ActivationKind, Mlp};
//! use mlp_cpu::Matrix;
//!
//! let by_type = Mlp::<Matrix<f32>>::builder(&[2, 3, 1]).hidden(Tanh).build()?;
//! let by_name = Mlp::builder(&[2, 3, 1]).hidden("tanh".parse::<ActivationKind>()?).build()?;
//! assert_eq!(by_type, by_name);
//! # Ok::<(), Box<dyn std::error::Error>>(())
//! ```

pub use crate::activation::{
    Elu, Gelu, GeluTanh, HardTanh, Identity, LeakyRelu, Mish, Relu, Selu, Sigmoid, Silu, Softplus, Softsign, Tanh,
};
pub use crate::loss::softmax;
