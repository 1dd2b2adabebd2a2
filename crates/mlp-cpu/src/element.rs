use crate::gemm::Gemm;
use core::fmt::{Debug, Display, LowerExp};
use mlp_core::Scalar;

/// A number that a [`Matrix`](crate::Matrix) computes with: `f32` or `f64`.
pub trait Element: Scalar + Gemm + Debug + Display + LowerExp {}

impl Element for f32 {}
impl Element for f64 {}
