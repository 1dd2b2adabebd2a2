//! A loss as a value, which can be chosen in a file, on a command line or in code.

use super::{
    BinaryCrossEntropy, HalfSquaredError, Huber, Loss, MeanAbsoluteError, MeanSquaredError, SoftmaxCrossEntropy,
    TargetKind,
};
use crate::kind::{parameters_of, rebuild};
use crate::{KindError, Scalar};
use alloc::borrow::ToOwned;
use alloc::vec::Vec;

/// Declares the enum, its names, its parameters and the dispatch from one list, so that none of them can miss an entry.
macro_rules! kinds {
    ($($variant:ident, $name:literal $(, $new:ident($($parameter:ident),+))?;)*) => {
        /// One of this crate's losses, as a value.
        ///
        /// A kind is itself a loss. It gives the same bits as the loss it holds, but looks it up for each sample. If
        /// the code knows the loss, the concrete type is faster.
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
            /// The names of all losses.
            pub const NAMES: &'static [&'static str] = &[$($name),*];

            /// Returns the name used in files and on command lines. It is stable across versions.
            pub fn name(&self) -> &'static str {
                match self {
                    $(Self::$variant(_) => $name,)*
                }
            }

            /// Returns the parameters by name: `delta` of `huber`, and `probabilities` of `softmax_cross_entropy`,
            /// which is 0 if the target is a class index and 1 if it is a probability for each class. A file stores
            /// them with the name.
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

            /// Returns the loss with this [`name`](Self::name) and these [`parameters`](Self::parameters), in any
            /// order.
            ///
            /// # Errors
            /// If no loss has the name, the parameters given are not exactly those of the loss, each once, or one of
            /// them is outside its range.
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

            /// Returns the kind of target that the loss takes.
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
