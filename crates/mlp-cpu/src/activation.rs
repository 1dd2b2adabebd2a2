//! The activation of a layer. Loops over the built-in activations are compiled once, in this crate, so that programs
//! that use a network do not compile them again. The loop of a custom activation is compiled where it is used.

use crate::Element;
use crate::elementwise::{Activate, ActivateAndDerive};
use crate::raw::dispatch;
use mlp_core::backend::ActivationVisitor;
use mlp_core::{Activation, ActivationKind};

/// Computes a = f(z) for all `values`, in place, and f'(z) into `derivatives`, if given.
#[inline(always)]
pub(crate) fn activate<T: Element, A: Activation>(
    activation: &ActivationKind<A>,
    values: &mut [T],
    derivatives: Option<&mut [T]>,
) {
    match activation {
        ActivationKind::Custom(activation) => Many { values, derivatives }.visit(activation),
        ActivationKind::Identity(_) if derivatives.is_none() => {}
        activation => {
            let built_in = activation.built_in().expect("a custom activation is matched above");
            T::activate(&built_in, values, derivatives);
        }
    }
}

/// Does the same as [`activate`] for a few elements, a multiple of [`LANES`](crate::elementwise::LANES). Loops that
/// take less time than a call are compiled where they are used.
#[inline(always)]
pub(crate) fn activate_few<T: Element, A: Activation>(
    activation: &ActivationKind<A>,
    values: &mut [T],
    derivatives: Option<&mut [T]>,
) {
    match activation {
        ActivationKind::Custom(activation) => Few { values, derivatives }.visit(activation),
        ActivationKind::Relu(activation) => Few { values, derivatives }.visit(activation),
        ActivationKind::LeakyRelu(activation) => Few { values, derivatives }.visit(activation),
        ActivationKind::Identity(_) if derivatives.is_none() => {}
        activation => {
            let built_in = activation.built_in().expect("a custom activation is matched above");
            T::activate_few(&built_in, values, derivatives);
        }
    }
}

/// Runs an activation with the best instructions available.
pub(crate) struct Many<'a, T> {
    pub(crate) values: &'a mut [T],
    pub(crate) derivatives: Option<&'a mut [T]>,
}

impl<T: Element> ActivationVisitor for Many<'_, T> {
    type Output = ();

    #[inline(always)]
    fn visit<A: Activation>(self, activation: &A) {
        let Self { values, derivatives } = self;
        match derivatives {
            None => dispatch::run(Activate { activation, values }),
            Some(derivatives) => dispatch::run(ActivateAndDerive {
                activation,
                values,
                derivatives,
            }),
        }
    }
}

/// Runs an activation, compiled for the baseline, on a few elements at a time.
pub(crate) struct Few<'a, T> {
    pub(crate) values: &'a mut [T],
    pub(crate) derivatives: Option<&'a mut [T]>,
}

impl<T: Element> ActivationVisitor for Few<'_, T> {
    type Output = ();

    #[inline(always)]
    fn visit<A: Activation>(self, activation: &A) {
        let Self { values, derivatives } = self;
        match derivatives {
            None => Activate { activation, values }.run_few(),
            Some(derivatives) => ActivateAndDerive {
                activation,
                values,
                derivatives,
            }
            .run_few(),
        }
    }
}
