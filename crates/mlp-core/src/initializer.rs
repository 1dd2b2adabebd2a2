//! Initial weights.

use crate::kind::names;
use crate::{Activation, Scalar};
use alloc::vec::Vec;
use rand::{Rng, RngExt};

/// How the weights of a layer are drawn; biases start at zero.
///
/// n_in and n_out are the numbers of inputs and outputs of the layer. U(-l, l) is the uniform distribution and N(0,
/// s^2) the normal one. Numbers are drawn in `f64` and rounded to the network's type. The bits of the generator and of
/// the formulas do not depend on the machine: the same seed gives the same network everywhere, and an `f32` network is
/// the rounded `f64` one.
///
/// ```
/// use mlp_core::{Initializer, Mlp};
/// use mlp_cpu::Matrix;
///
/// let a = Mlp::<Matrix<f64>>::builder(&[1, 4, 3, 1]).initializer(Initializer::HeNormal).seed(7).build()?;
/// let b = Mlp::<Matrix<f64>>::builder(&[1, 4, 3, 1]).initializer(Initializer::HeNormal).seed(7).build()?;
/// assert_eq!(a, b);
/// assert_eq!("he_normal".parse(), Ok(Initializer::HeNormal));
/// # Ok::<(), mlp_core::BuildError>(())
/// ```
#[derive(Clone, Copy, Debug, PartialEq)]
#[non_exhaustive]
pub enum Initializer {
    /// N(0, s^2) with s = `standard_deviation`; 0.1 in the notebook's experiment, and if parsed from the name `normal`.
    Normal {
        /// s.
        standard_deviation: f64,
    },
    /// U(-l, l), l = sqrt(6 / (n_in + n_out)). For tanh and sigmoid layers.
    ///
    /// Source: X. Glorot, Y. Bengio, *Understanding the difficulty of training deep feedforward neural networks*
    /// (AISTATS 2010).
    GlorotUniform,
    /// N(0, 2 / (n_in + n_out)). Source: see [`GlorotUniform`](Self::GlorotUniform).
    GlorotNormal,
    /// U(-l, l), l = sqrt(6 / n_in). For ReLU layers.
    ///
    /// Source: K. He et al., *Delving Deep into Rectifiers* (ICCV 2015).
    HeUniform,
    /// N(0, 2 / n_in). Source: see [`HeUniform`](Self::HeUniform).
    HeNormal,
    /// U(-l, l), l = sqrt(3 / n_in). Source: see [`LecunNormal`](Self::LecunNormal).
    LecunUniform,
    /// N(0, 1 / n_in). For SELU layers.
    ///
    /// Source: Y. LeCun et al., *Efficient BackProp* (1998).
    LecunNormal,
    /// N(0, 1 / (n_in q)), where q = E[f(z)^2] for z ~ N(0, 1) is the mean square of the layer's inputs and f is the
    /// activation of the layer before it; q = 1 for the first layer. This keeps the pre-activations at variance 1 for
    /// any activation, including your own; for ReLU it equals [`HeNormal`](Self::HeNormal). The outputs then start at
    /// variance 1 too. The wider the layers, the smaller the learning rate of plain gradient descent must be; 1/n_in of
    /// the widest layer is a good first choice.
    ///
    /// Source of the argument: He et al., see [`HeUniform`](Self::HeUniform); S. S. Schoenholz et al., *Deep
    /// Information Propagation* (ICLR 2017).
    MeanSquareGain,
}

names! {
    Initializer, "initializer";
    "normal" => Self::Normal { .. }, Self::Normal { standard_deviation: 0.1 };
    "glorot_uniform" => Self::GlorotUniform, Self::GlorotUniform;
    "glorot_normal" => Self::GlorotNormal, Self::GlorotNormal;
    "he_uniform" => Self::HeUniform, Self::HeUniform;
    "he_normal" => Self::HeNormal, Self::HeNormal;
    "lecun_uniform" => Self::LecunUniform, Self::LecunUniform;
    "lecun_normal" => Self::LecunNormal, Self::LecunNormal;
    "mean_square_gain" => Self::MeanSquareGain, Self::MeanSquareGain;
}

impl Initializer {
    /// Draws the weights of a layer, column after column: all weights of the first input, then those of the second.
    /// `mean_square` is the q of [`MeanSquareGain`](Self::MeanSquareGain).
    pub(crate) fn sample<T: Scalar>(
        self,
        inputs: usize,
        outputs: usize,
        mean_square: f64,
        rng: &mut impl Rng,
    ) -> Vec<T> {
        let (n_in, n_out) = (inputs as f64, outputs as f64);
        let normal = |variance: f64| (variance.sqrt(), Distribution::Normal);
        let uniform = |variance: f64| ((3.0 * variance).sqrt(), Distribution::Uniform);
        let (scale, distribution) = match self {
            Self::Normal { standard_deviation } => (standard_deviation, Distribution::Normal),
            Self::GlorotUniform => uniform(2.0 / (n_in + n_out)),
            Self::GlorotNormal => normal(2.0 / (n_in + n_out)),
            Self::HeUniform => uniform(2.0 / n_in),
            Self::HeNormal => normal(2.0 / n_in),
            Self::LecunUniform => uniform(1.0 / n_in),
            Self::LecunNormal => normal(1.0 / n_in),
            Self::MeanSquareGain => normal(1.0 / (n_in * mean_square)),
        };
        (0..inputs * outputs)
            .map(|_| T::from_f64(scale * distribution.sample(rng)))
            .collect()
    }
}

/// A distribution of scale 1.
#[derive(Clone, Copy)]
enum Distribution {
    /// N(0, 1).
    Normal,
    /// U(-1, 1).
    Uniform,
}

impl Distribution {
    /// Draws one number.
    fn sample(self, rng: &mut impl Rng) -> f64 {
        match self {
            Self::Uniform => 2.0 * rng.random::<f64>() - 1.0,
            Self::Normal => standard_normal(rng),
        }
    }
}

/// Draws a number from N(0, 1), for random parameters of your own. Its bits do not depend on the machine.
///
/// It uses the polar method of G. Marsaglia (SIAM Review 6, 1964), not `rand_distr`: that crate takes the logarithm of the
/// system's library, whose bits differ between systems.
///
/// ```
/// use rand::{SeedableRng, rngs::Xoshiro256PlusPlus};
///
/// let mut rng = Xoshiro256PlusPlus::seed_from_u64(1);
/// let numbers: Vec<f64> = (0..10_000).map(|_| mlp_core::standard_normal(&mut rng)).collect();
/// let mean_square = numbers.iter().map(|z| z * z).sum::<f64>() / 1e4;
/// assert!((mean_square - 1.0).abs() < 0.05);
/// ```
pub fn standard_normal(rng: &mut impl Rng) -> f64 {
    let mut uniform = || 2.0 * rng.random::<f64>() - 1.0;
    loop {
        let (u, v) = (uniform(), uniform());
        let s = u * u + v * v;
        if s > 0.0 && s < 1.0 {
            return u * Scalar::sqrt(-2.0 * Scalar::ln(s) / s);
        }
    }
}

/// Computes q = E[f(z)^2] for z ~ N(0, 1), by Simpson's rule between -12 and 12 in steps of 1/64, so that kinks at
/// integers lie between its panels. Returns 1 if the result is not a finite number above zero, so that callers can
/// divide by it.
pub(crate) fn mean_square(activation: &impl Activation) -> f64 {
    const STEPS: i32 = 2 * 12 * 64;
    let mut sum = 0.0;
    for i in 0..=STEPS {
        let z = f64::from(i - STEPS / 2) / 64.0;
        let weight = match i {
            0 | STEPS => 1.0,
            i if i % 2 == 1 => 4.0,
            _ => 2.0,
        };
        let a = activation.value(z);
        sum += weight * a * a * Scalar::exp(-0.5 * z * z);
    }
    let q = sum / 64.0 / 3.0 / Scalar::sqrt(core::f64::consts::TAU);
    if q.is_finite() && q > 0.0 { q } else { 1.0 }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::activations::{HardTanh, Identity, Relu, Selu, Sigmoid};
    use rand::{SeedableRng, rngs::Xoshiro256PlusPlus};

    #[test]
    fn mean_squares_match_the_integrals() {
        assert!((mean_square(&Identity) - 1.0).abs() < 1e-10);
        assert!((mean_square(&Relu) - 0.5).abs() < 1e-10);
        assert!((mean_square(&Selu) - 1.0).abs() < 1e-7, "SELU keeps variance 1");
        // 1 - 2 phi(1) - 2 (1 - Phi(1)) + 2 (1 - Phi(1)) = 1 - 2 phi(1), by parts.
        let phi = (-0.5_f64).exp() / core::f64::consts::TAU.sqrt();
        assert!((mean_square(&HardTanh) - (1.0 - 2.0 * phi)).abs() < 1e-9);
        // By mpmath: quad(lambda z: npdf(z) / (1 + exp(-z))**2, [-40, 0, 40]).
        assert!((mean_square(&Sigmoid) - 0.293_379_035_858_092_96).abs() < 1e-9);
    }

    /// f(z) = z times a number.
    #[derive(Clone, Copy, Debug)]
    struct Times(f64);

    impl Activation for Times {
        fn value<T: Scalar>(&self, z: T) -> T {
            z * T::from_f64(self.0)
        }
    }

    #[test]
    fn a_mean_square_that_cannot_be_divided_by_is_1() {
        assert!((mean_square(&Times(3.0)) - 9.0).abs() < 1e-9);
        for factor in [0.0, f64::MAX, f64::NAN] {
            assert_eq!(mean_square(&Times(factor)), 1.0, "{factor}");
        }
    }

    #[test]
    fn variances_are_the_documented_ones() {
        let (inputs, outputs) = (250, 400);
        for (initializer, variance) in [
            (
                Initializer::Normal {
                    standard_deviation: 0.1,
                },
                0.01,
            ),
            (Initializer::GlorotUniform, 2.0 / 650.0),
            (Initializer::GlorotNormal, 2.0 / 650.0),
            (Initializer::HeUniform, 2.0 / 250.0),
            (Initializer::HeNormal, 2.0 / 250.0),
            (Initializer::LecunUniform, 1.0 / 250.0),
            (Initializer::LecunNormal, 1.0 / 250.0),
            (Initializer::MeanSquareGain, 1.0 / (250.0 * 0.25)),
        ] {
            let mut rng = Xoshiro256PlusPlus::seed_from_u64(1);
            let w: Vec<f64> = initializer.sample(inputs, outputs, 0.25, &mut rng);
            let n = w.len() as f64;
            let mean = w.iter().sum::<f64>() / n;
            let var = w.iter().map(|w| w * w).sum::<f64>() / n;
            // Standard errors over 100,000 draws: sqrt(var / n) and var sqrt(2 / n).
            assert!(mean.abs() < 4.0 * (variance / n).sqrt(), "{initializer:?}: mean {mean}");
            assert!(
                (var / variance - 1.0).abs() < 4.0 * (2.0 / n).sqrt(),
                "{initializer:?}: variance {var}"
            );
            if matches!(initializer, Initializer::GlorotUniform | Initializer::HeUniform) {
                let limit = (3.0 * variance).sqrt();
                let max = w.iter().fold(0.0_f64, |m, w| m.max(w.abs()));
                assert!(max < limit && max > 0.999 * limit, "{initializer:?}: {max}");
            }
        }
    }

    /// The expected bits come from an independent implementation in Python of xoshiro256++, seeded by splitmix64, and
    /// of the formulas above.
    #[test]
    fn the_same_seed_gives_these_bits_on_every_machine() {
        for (initializer, expected) in [
            (
                Initializer::Normal {
                    standard_deviation: 1.0,
                },
                [0x3fef_679d_98b6_ab7b, 0x3ff5_71f9_4d19_c30a, 0xbfee_dae4_f695_4ef1],
            ),
            (
                Initializer::GlorotUniform,
                [0x3fe8_a2ea_8ad0_9022, 0xbfdc_6727_5acb_5514, 0x3ff2_f6f6_a21c_7bd4],
            ),
        ] {
            let mut rng = Xoshiro256PlusPlus::seed_from_u64(42);
            let weights: Vec<f64> = initializer.sample(1, 3, 1.0, &mut rng);
            let bits: Vec<u64> = weights.into_iter().map(f64::to_bits).collect();
            assert_eq!(bits, expected, "{initializer:?}: {bits:#x?}");
        }
    }
}
