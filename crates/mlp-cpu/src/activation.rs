//! The activation of a layer. Loops over the built-in activations are compiled once, in this crate, so that programs
//! that use a network do not compile them again. The loop of a custom activation is compiled where it is used.

#[cfg(test)]
mod tests;

use crate::Element;
use crate::elementwise::LANES;
use crate::raw::simd::{self, Isa, Kernel};
use core::array;
use mlp_core::backend::ActivationVisitor;
use mlp_core::{Activation, ActivationKind};

/// Applies an activation to [`Values`].
#[inline(always)]
pub(crate) fn activate<T: Element, A: Activation>(activation: &ActivationKind<A>, on: Values<'_, T>) {
    match activation {
        // Short loops that take less time than a call are compiled where they are used.
        ActivationKind::Relu(activation) if on.short => on.visit(activation),
        ActivationKind::LeakyRelu(activation) if on.short => on.visit(activation),
        activation => match activation.built_in() {
            Ok(activation) => T::activate(&activation, on.values, on.derivatives, on.short),
            Err(activation) => on.visit(activation),
        },
    }
}

/// Elements that an activation is applied to.
pub(crate) struct Values<'a, T> {
    /// z, which becomes a = f(z).
    pub(crate) values: &'a mut [T],
    /// Becomes f'(z), if given. As long as `values`.
    pub(crate) derivatives: Option<&'a mut [T]>,
    /// Whether the loop for few elements runs. Their number must be a multiple of [`LANES`].
    pub(crate) short: bool,
}

impl<T: Element> ActivationVisitor for Values<'_, T> {
    type Output = ();

    #[inline(always)]
    fn visit<A: Activation>(self, activation: &A) {
        let Self {
            values,
            derivatives,
            short,
        } = self;
        match (derivatives, short) {
            (None, false) => simd::run(Value { activation, values }),
            (None, true) => {
                for values in values.as_chunks_mut::<LANES>().0 {
                    *values = values.map(|z| activation.value(z));
                }
            }
            (Some(derivatives), false) => simd::run(ValueAndDerivative {
                activation,
                values,
                derivatives,
            }),
            (Some(derivatives), true) => {
                let derivatives = derivatives.as_chunks_mut::<LANES>().0;
                for (values, derivatives) in values.as_chunks_mut::<LANES>().0.iter_mut().zip(derivatives) {
                    let z = *values;
                    let a = z.map(|z| activation.value(z));
                    *derivatives = array::from_fn(|i| activation.derivative(z[i], a[i]));
                    *values = a;
                }
            }
        }
    }
}

/// The loop without derivatives.
struct Value<'a, T, A> {
    activation: &'a A,
    values: &'a mut [T],
}

impl<T: Element, A: Activation> Kernel for Value<'_, T, A> {
    type Output = ();

    #[inline(always)]
    fn run<I: Isa>(self, _: I) {
        for a in self.values {
            *a = self.activation.value(*a);
        }
    }
}

/// The loop with derivatives.
struct ValueAndDerivative<'a, T, A> {
    activation: &'a A,
    values: &'a mut [T],
    derivatives: &'a mut [T],
}

impl<T: Element, A: Activation> Kernel for ValueAndDerivative<'_, T, A> {
    type Output = ();

    #[inline(always)]
    fn run<I: Isa>(self, _: I) {
        self.activation.value_and_derivative(self.values, self.derivatives);
    }
}
