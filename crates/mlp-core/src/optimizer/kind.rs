use super::{Adagrad, Adam, AdamW, GaussNewton, GradientDescent, Lbfgs, Momentum, NAdam, Optimizer, RmsProp};
use crate::HyperParameterError;
use crate::backend::Tensor;
use crate::kind::names;
use alloc::boxed::Box;

/// An optimizer as a value, which can be chosen in a file, on a command line or in code.
///
/// ```
/// use mlp_core::{FitOptions, HalfMse, Mlp, OptimizerKind, Samples, Trainer};
/// use mlp_cpu::Matrix;
///
/// let input = Matrix::from_columns(&[[-1.0], [0.0], [1.0]]);
/// let target = Matrix::from_columns(&[[1.0], [2.0], [3.0]]);
/// let mut network = Mlp::<Matrix<f64>>::builder(&[1, 1]).build()?;
///
/// let kind: OptimizerKind = "adam".parse()?;
/// let mut trainer = Trainer::new(HalfMse, kind.build(0.05)?);
/// let loss = trainer.fit(&mut network, Samples::new(&input, &target)?, FitOptions::epochs(500))?.loss;
/// assert!(loss < 1e-3);
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum OptimizerKind {
    /// [`GradientDescent`], named `gradient_descent`.
    GradientDescent,
    /// [`Momentum`] with mu = 0.9, named `momentum`.
    Momentum,
    /// [`RmsProp`], named `rms_prop`.
    RmsProp,
    /// [`Adagrad`], named `adagrad`.
    Adagrad,
    /// [`Adam`], named `adam`.
    Adam,
    /// [`AdamW`], named `adamw`.
    AdamW,
    /// [`NAdam`], named `nadam`.
    NAdam,
    /// [`Lbfgs`], named `lbfgs`.
    Lbfgs,
    /// [`GaussNewton`], named `gauss_newton`.
    GaussNewton,
}

names! {
    OptimizerKind, "optimizer";
    "gradient_descent" => Self::GradientDescent, Self::GradientDescent;
    "momentum" => Self::Momentum, Self::Momentum;
    "rms_prop" => Self::RmsProp, Self::RmsProp;
    "adagrad" => Self::Adagrad, Self::Adagrad;
    "adam" => Self::Adam, Self::Adam;
    "adamw" => Self::AdamW, Self::AdamW;
    "nadam" => Self::NAdam, Self::NAdam;
    "lbfgs" => Self::Lbfgs, Self::Lbfgs;
    "gauss_newton" => Self::GaussNewton, Self::GaussNewton;
}

impl OptimizerKind {
    /// Creates the optimizer with learning rate eta and its default hyper-parameters.
    ///
    /// # Errors
    /// Returns an error if `learning_rate` is not a finite number above 0.
    pub fn build<B: Tensor>(
        self,
        learning_rate: f64,
    ) -> Result<Box<dyn Optimizer<B> + Send + Sync>, HyperParameterError> {
        Ok(match self {
            Self::GradientDescent => Box::new(GradientDescent::new(learning_rate)?),
            Self::Momentum => Box::new(Momentum::new(learning_rate, 0.9)?),
            Self::RmsProp => Box::new(RmsProp::new(learning_rate)?),
            Self::Adagrad => Box::new(Adagrad::new(learning_rate)?),
            Self::Adam => Box::new(Adam::new(learning_rate)?),
            Self::AdamW => Box::new(AdamW::new(learning_rate)?),
            Self::NAdam => Box::new(NAdam::new(learning_rate)?),
            Self::Lbfgs => Box::new(Lbfgs::new(learning_rate)?),
            Self::GaussNewton => Box::new(GaussNewton::new(learning_rate)?),
        })
    }
}
