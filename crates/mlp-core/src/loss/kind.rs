//! A loss as a value: chosen from a file, a command line, or code.

use super::{
    BinaryCrossEntropy, HalfSquaredError, Huber, Loss, MeanAbsoluteError, MeanSquaredError, SoftmaxCrossEntropy,
    TargetKind,
};
use crate::kind::{parameters_of, rebuild};
use crate::{KindError, Scalar};
use alloc::borrow::ToOwned;
use alloc::vec::Vec;

/// Declares the enum, its names, its parameters and the dispatch from one list, so that none can miss an entry.
macro_rules! kinds {
    ($($variant:ident, $name:literal $(, $new:ident($($parameter:ident),+))?;)*) => {
        /// Which loss: one of this crate's.
        ///
        /// It is a loss itself, with the bits of the one it holds, which it looks up for each sample: where the loss
        /// is known in code, the concrete type is faster.
        ///
        /// ```
        /// use mlp_core::{Huber, Loss, LossKind, TargetKind};
        ///
        /// let kind = LossKind::from(Huber::new(0.5)?);
        /// assert_eq!((kind.name(), kind.target_kind()), ("huber", TargetKind::Real));
        /// assert_eq!(kind.value(&[2.0], &[0.0]), 0.875);
        /// # Ok::<(), mlp_core::HyperParameterError>(())
        /// ```
        #[derive(Clone, Copy, Debug, PartialEq)]
        #[non_exhaustive]
        pub enum LossKind {
            $(
                #[doc = concat!("[`", stringify!($variant), "`], named `", $name, "`.")]
                $variant($variant),
            )*
        }

        impl LossKind {
            /// The names, one per loss.
            pub const NAMES: &'static [&'static str] = &[$($name),*];

            /// The name, stable across versions: what files and command lines say.
            pub fn name(&self) -> &'static str {
                match self {
                    $(Self::$variant(_) => $name,)*
                }
            }

            /// The parameters by name: `delta` of `huber`, and `probabilities` of `softmax_cross_entropy`, which is 0
            /// where the target is a class index and 1 where it is a probability for each class. With the name, what a
            /// file stores.
            ///
            /// ```
            /// use mlp_core::{LossKind, SoftmaxCrossEntropy};
            ///
            /// let kind = LossKind::from(SoftmaxCrossEntropy::with_probabilities());
            /// assert_eq!(kind.parameters(), [("probabilities", 1.0)]);
            /// assert_eq!(LossKind::from_parts(kind.name(), &kind.parameters())?, kind);
            /// # Ok::<(), mlp_core::KindError>(())
            /// ```
            pub fn parameters(&self) -> Vec<(&'static str, f64)> {
                match self {
                    $(Self::$variant(loss) => parameters_of!(loss $(, $new($($parameter),+))?),)*
                }
            }

            /// The loss of that [`name`](Self::name) and those [`parameters`](Self::parameters), in any order.
            ///
            /// # Errors
            /// If no loss has the name, its parameters are not those given, each once, or one of them lies outside its
            /// range.
            pub fn from_parts(name: &str, parameters: &[(&str, f64)]) -> Result<Self, KindError> {
                match name {
                    $($name => {
                        Ok(Self::$variant(rebuild!($variant, $name, parameters $(, $new($($parameter),+))?)))
                    })*
                    _ => Err(KindError::Unknown {
                        what: "loss",
                        expected: Self::NAMES,
                        got: name.to_owned(),
                    }),
                }
            }

            /// What it takes as target.
            pub fn target_kind(&self) -> TargetKind {
                match self {
                    $(Self::$variant(loss) => Loss::target_kind(loss),)*
                }
            }
        }

        $(
            impl From<$variant> for LossKind {
                fn from(loss: $variant) -> Self {
                    Self::$variant(loss)
                }
            }
        )*

        impl Loss for LossKind {
            fn target_kind(&self) -> TargetKind {
                self.target_kind()
            }

            fn target_rows(&self, outputs: usize) -> usize {
                match self {
                    $(Self::$variant(loss) => loss.target_rows(outputs),)*
                }
            }

            fn value<T: Scalar>(&self, prediction: &[T], target: &[T]) -> T {
                match self {
                    $(Self::$variant(loss) => loss.value(prediction, target),)*
                }
            }

            fn value_and_gradient<T: Scalar>(&self, prediction: &[T], target: &[T], gradient: &mut [T]) -> T {
                match self {
                    $(Self::$variant(loss) => loss.value_and_gradient(prediction, target, gradient),)*
                }
            }

            fn accumulate<T: Scalar, const N: usize>(
                &self,
                prediction: &[T],
                target: &[T],
                gradient: &mut [T],
                factors: [T; 2],
                sums: &mut [T; N],
            ) {
                match self {
                    $(Self::$variant(loss) => loss.accumulate(prediction, target, gradient, factors, sums),)*
                }
            }
        }
    };
}

kinds! {
    HalfSquaredError, "half_squared_error";
    MeanSquaredError, "mean_squared_error";
    MeanAbsoluteError, "mean_absolute_error";
    Huber, "huber", new(delta);
    SoftmaxCrossEntropy, "softmax_cross_entropy", with_target(probabilities);
    BinaryCrossEntropy, "binary_cross_entropy";
}
