//! The network as a differentiable function y = f(x; W, b) inside a larger one: derivatives that the caller seeds.

use crate::backend::{Columns, Tensor};
use crate::dense::{DIRECTION, IDENTITY, check_shapes};
use crate::error::check_shape;
use crate::tensor::{Other, Product, Sum};
use crate::workspace::{Deltas, columns};
use crate::{Activation, Dense, Mlp, Scalar, Workspace, backpropagation as pass};
use alloc::vec::Vec;

/// What a [pushforward](Mlp::pushforward) writes for one layer. It is allocated by the first one.
#[derive(Clone, Debug)]
pub(crate) struct Tangent<B> {
    /// da, n_out x batch.
    activation: B,
    /// dW a_prev + db, n_out x batch, which only parameters that vary need.
    of_parameters: Option<B>,
    /// 0, n_out x 1.
    no_bias: B,
}

impl<B: Tensor> Tangent<B> {
    fn new(activation: &B) -> Self {
        let (outputs, batch) = activation.shape();
        Self {
            activation: B::zeros(outputs, batch),
            of_parameters: None,
            no_bias: B::zeros(outputs, 1),
        }
    }
}

/// The memory of [`Mlp::jacobian`].
#[derive(Clone, Debug)]
pub(crate) struct Units<B: Tensor> {
    /// Unit vectors, one for each sample: n_in x batch or n_out x batch.
    seed: B,
    /// dL/dx, n_in x batch.
    input_gradient: B,
    values: Vec<B::Scalar>,
    jacobian: Vec<B::Scalar>,
}

/// The network as a block of a larger program: derivatives of the outputs with respect to inputs and parameters.
///
/// With J the Jacobian of the outputs with respect to what varies, a *pullback* maps dL/dy to J^T dL/dy, the gradient of
/// any L of the outputs, and a *pushforward* maps a direction d to J d, the change of the outputs along it. A pullback
/// costs about as much as [`backward`](Mlp::backward) and [`gradient`](Mlp::gradient), and a pushforward as
/// [`forward`](Mlp::forward), however many numbers vary.
///
/// Each call except [`jacobian`](Mlp::jacobian) follows a [`forward`](Mlp::forward) pass, or one
/// [with dropout](Mlp::forward_with_dropout), with the same workspace. They allocate nothing after the first call with a
/// workspace.
///
/// Source: A. Griewank, A. Walther, *Evaluating Derivatives* (2nd ed., SIAM 2008), chapter 3.
impl<B: Tensor, C: Activation> Mlp<B, C> {
    /// Computes the gradient of the parameters from that of the outputs: [`Workspace::gradient`] becomes J^T
    /// `output_gradient`, with J the Jacobian of the outputs with respect to the parameters. `output_gradient` is dL/dy
    /// (n_out x N) for any L of the outputs of the preceding [`forward`](Self::forward) pass; `input` is the input of
    /// that pass.
    ///
    /// The gradient is a sum over the samples. A loss of this crate divides by their number; here, `output_gradient`
    /// must contain such a factor.
    ///
    /// ```
    /// use mlp_core::{GradientDescent, Mlp, Workspace};
    /// use mlp_cpu::Matrix;
    ///
    /// // Two networks whose outputs shall have the product 1, with L = (u v - 1)^2 / 2.
    /// let mut networks = [1, 2].map(|seed| Mlp::<Matrix<f64>>::builder(&[1, 8, 1]).seed(seed).build().unwrap());
    /// let mut workspaces = networks.each_ref().map(|network| Workspace::new(network, 1).unwrap());
    /// let input = Matrix::from_columns(&[[0.5]]);
    /// let mut optimizer = GradientDescent::new(0.1)?;
    /// let mut distance = f64::MAX;
    /// for _ in 0..200 {
    ///     for (network, workspace) in networks.iter().zip(&mut workspaces) {
    ///         network.forward(&input, workspace);
    ///     }
    ///     let [u, v] = workspaces.each_ref().map(|workspace| workspace.prediction().column(0)[0]);
    ///     distance = u * v - 1.0;
    ///     for ((network, workspace), factor) in networks.iter_mut().zip(&mut workspaces).zip([v, u]) {
    ///         network.pullback(&input, &Matrix::from_columns(&[[distance * factor]]), workspace);
    ///         optimizer.update(network.layers_mut(), workspace.gradient_mut())?;
    ///     }
    /// }
    /// assert!(distance.abs() < 1e-6);
    /// # Ok::<(), Box<dyn std::error::Error>>(())
    /// ```
    ///
    /// # Panics
    /// If `output_gradient` is not n_out x N, the shape of `input` differs from that in `forward`, or the workspace
    /// does not fit the network.
    #[track_caller]
    pub fn pullback<'a, 'b>(
        &self,
        input: impl Into<B::Columns<'a>>,
        output_gradient: impl Into<B::Columns<'b>>,
        workspace: &mut Workspace<B>,
    ) {
        self.pull(input.into(), output_gradient.into(), workspace, false);
    }

    /// Like [`pullback`](Self::pullback), but adds J^T `output_gradient` to [`Workspace::gradient`]. The gradient of a sum
    /// is the sum of the gradients of its terms: those of several outputs, of a network that is used several times, or of
    /// a loss ([`gradient`](Self::gradient)) and others. The first term overwrites what the workspace holds, and each
    /// further one is added after a [`forward`](Self::forward) pass of its own.
    ///
    /// ```
    /// use mlp_core::{Mlp, Workspace};
    /// use mlp_cpu::Matrix;
    ///
    /// // L = u(0.5)^2 / 2 + 3 u(-1), so dL/du is u(0.5) at the first point and 3 at the second.
    /// let network = Mlp::<Matrix<f64>>::builder(&[1, 8, 1]).build()?;
    /// let [first, second] = [0.5, -1.0].map(|x| Matrix::from_columns(&[[x]]));
    /// let mut workspace = Workspace::new(&network, 1)?;
    /// network.forward(&first, &mut workspace);
    /// let slope = Matrix::from_columns(&[[workspace.prediction().column(0)[0]]]);
    /// network.pullback(&first, &slope, &mut workspace);
    /// network.forward(&second, &mut workspace);
    /// network.add_pullback(&second, &Matrix::from_columns(&[[3.0]]), &mut workspace);
    /// assert_eq!(workspace.gradient()[1].bias[(0, 0)], slope[(0, 0)] + 3.0); // du/db of the last layer is 1
    /// # Ok::<(), Box<dyn std::error::Error>>(())
    /// ```
    ///
    /// # Panics
    /// Like [`pullback`](Self::pullback).
    #[track_caller]
    pub fn add_pullback<'a, 'b>(
        &self,
        input: impl Into<B::Columns<'a>>,
        output_gradient: impl Into<B::Columns<'b>>,
        workspace: &mut Workspace<B>,
    ) {
        self.pull(input.into(), output_gradient.into(), workspace, true);
    }

    #[track_caller]
    fn pull(
        &self,
        input: B::Columns<'_>,
        output_gradient: B::Columns<'_>,
        workspace: &mut Workspace<B>,
        accumulate: bool,
    ) {
        let (operation, samples) = (if accumulate { "add_pullback" } else { "pullback" }, workspace.samples);
        workspace.check_passed(operation, self);
        check_shape(operation, "input", (self.inputs(), samples), input.shape());
        let (of_outputs, got) = ((self.outputs(), samples), output_gradient.shape());
        check_shape(operation, "the gradient of the outputs", of_outputs, got);
        B::with_float_environment(|| {
            seed(output_gradient, workspace);
            pass::backward(self.layers(), workspace);
            pass::gradient(input, workspace, accumulate);
        });
        workspace.deltas = Deltas::All;
    }

    /// Writes the gradient of the inputs, dL/dx = W^T delta of the first layer (n_in x N), to the first columns of
    /// `gradient`. It belongs to the deltas of the last [`pullback`](Self::pullback) or [`backward`](Self::backward).
    ///
    /// ```
    /// use mlp_core::{Mlp, Workspace};
    /// use mlp_cpu::Matrix;
    ///
    /// let network = Mlp::<Matrix<f64>>::builder(&[2, 8, 1]).build()?;
    /// let input = Matrix::from_columns(&[[0.5, -1.0], [2.0, 0.0]]);
    /// let mut workspace = Workspace::new(&network, 2)?;
    /// network.forward(&input, &mut workspace);
    /// network.pullback(&input, &Matrix::from_columns(&[[1.0], [1.0]]), &mut workspace);
    /// let mut sensitivity = Matrix::zeros(2, 2); // dy/dx of each sample
    /// network.input_gradient(&workspace, &mut sensitivity);
    ///
    /// let y = |x0| network.predict_one(&[x0, -1.0])[0];
    /// assert!((sensitivity[(0, 0)] - (y(0.5 + 1e-6) - y(0.5 - 1e-6)) / 2e-6).abs() < 1e-8);
    /// # Ok::<(), Box<dyn std::error::Error>>(())
    /// ```
    ///
    /// # Panics
    /// If `gradient` does not have n_in rows or has fewer columns than the samples of the pass, if there was no pullback
    /// or backward pass after the last [`forward`](Self::forward), or if the workspace does not fit the network.
    #[track_caller]
    pub fn input_gradient(&self, workspace: &Workspace<B>, gradient: &mut B) {
        workspace.check_passed("input_gradient", self);
        workspace.check_deltas("input_gradient");
        let got = gradient.shape();
        let expected = (self.inputs(), workspace.samples.max(got.1));
        check_shape("input_gradient", "the gradient of the input", expected, got);
        let delta = workspace.delta(0);
        B::with_float_environment(|| gradient.backward(&self.layers()[0].weights, delta, None));
    }

    /// Returns the directional derivative of the outputs, dy = J `input_tangent` (n_out x N), with J the Jacobian with
    /// respect to the inputs. Column i of `input_tangent` (n_in x N) is the direction in which sample i of the preceding
    /// [`forward`](Self::forward) pass changes. A layer turns da_prev into da = f'(z) * (W da_prev).
    ///
    /// ```
    /// use mlp_core::{Mlp, Workspace};
    /// use mlp_cpu::Matrix;
    ///
    /// let network = Mlp::<Matrix<f64>>::builder(&[2, 8, 1]).build()?;
    /// let mut workspace = Workspace::new(&network, 1)?;
    /// network.forward(&Matrix::from_columns(&[[0.5, -1.0]]), &mut workspace);
    /// let along = network.pushforward(&Matrix::from_columns(&[[3.0, 4.0]]), &mut workspace).column(0)[0];
    ///
    /// let y = |step: f64| network.predict_one(&[0.5 + 3.0 * step, -1.0 + 4.0 * step])[0];
    /// assert!((along - (y(1e-6) - y(-1e-6)) / 2e-6).abs() < 1e-8);
    /// # Ok::<(), Box<dyn std::error::Error>>(())
    /// ```
    ///
    /// # Panics
    /// If `input_tangent` does not have the shape of the input of `forward`, or the workspace does not fit the network.
    #[track_caller]
    pub fn pushforward<'a, 'w>(
        &self,
        input_tangent: impl Into<B::Columns<'a>>,
        workspace: &'w mut Workspace<B>,
    ) -> B::Columns<'w> {
        let tangent = input_tangent.into();
        workspace.check_passed("pushforward", self);
        let expected = (self.inputs(), workspace.samples);
        check_shape("pushforward", "the tangent of the input", expected, tangent.shape());
        B::with_float_environment(|| pushforward(self.layers(), Some(tangent), None, workspace));
        workspace.output_tangent()
    }

    /// Like [`pushforward`](Self::pushforward), but with respect to the parameters: returns dy = J `direction`, where
    /// `direction` has the shapes of the parameters. `input` is the input of the preceding [`forward`](Self::forward)
    /// pass. A layer turns da_prev into da = f'(z) * (dW a_prev + db + W da_prev).
    ///
    /// ```
    /// use mlp_core::{Mlp, Workspace};
    /// use mlp_cpu::Matrix;
    ///
    /// let network = Mlp::<Matrix<f64>>::builder(&[2, 8, 1]).build()?;
    /// let direction = Mlp::<Matrix<f64>>::builder(&[2, 8, 1]).seed(1).build()?;
    /// let input = Matrix::from_columns(&[[0.5, -1.0]]);
    /// let mut workspace = Workspace::new(&network, 1)?;
    /// network.forward(&input, &mut workspace);
    /// let along = network.pushforward_parameters(&input, direction.layers(), &mut workspace).column(0)[0];
    ///
    /// // It is the sum of dy/dW dW and dy/db db over the layers.
    /// network.pullback(&input, &Matrix::from_columns(&[[1.0]]), &mut workspace);
    /// let parts = workspace.gradient().iter().flat_map(|layer| [&layer.weights, &layer.bias]);
    /// let directions = direction.layers().iter().flat_map(|layer| [&layer.weights, &layer.bias]);
    /// let sum: f64 = parts.zip(directions).map(|(part, direction)| part.to_vec().iter().zip(direction.to_vec()).map(|(a, b)| a * b).sum::<f64>()).sum();
    /// assert!((along - sum).abs() < 1e-14);
    /// # Ok::<(), Box<dyn std::error::Error>>(())
    /// ```
    ///
    /// # Panics
    /// If `direction` does not have the shapes of the parameters, the shape of `input` differs from that in `forward`,
    /// or the workspace does not fit the network.
    #[track_caller]
    pub fn pushforward_parameters<'a, 'w>(
        &self,
        input: impl Into<B::Columns<'a>>,
        direction: &[Dense<B>],
        workspace: &'w mut Workspace<B>,
    ) -> B::Columns<'w> {
        const OPERATION: &str = "pushforward_parameters";
        let input = input.into();
        workspace.check_passed(OPERATION, self);
        check_shapes(OPERATION, DIRECTION, self.layers(), direction);
        check_shape(OPERATION, "input", (self.inputs(), workspace.samples), input.shape());
        B::with_float_environment(|| pushforward(self.layers(), None, Some((input, direction)), workspace));
        workspace.output_tangent()
    }

    /// Writes the Jacobian dy/dx of each column of `input` to `jacobian`, which is n_out x (n_in N): columns
    /// i n_in to (i + 1) n_in - 1 are the n_out x n_in Jacobian of sample i. This includes the
    /// [`forward`](Self::forward) pass.
    ///
    /// It takes n_in pushforwards or n_out pullbacks of all samples at once, whichever are fewer. Afterwards the workspace
    /// has no deltas for [`input_gradient`](Self::input_gradient).
    ///
    /// ```
    /// use mlp_core::activations::Identity;
    /// use mlp_core::{Dense, Mlp, Workspace};
    /// use mlp_cpu::Matrix;
    ///
    /// let layer = Dense { weights: Matrix::from_rows(&[[1.0, 2.0, 3.0], [4.0, 5.0, 6.0]]), bias: Matrix::zeros(2, 1) };
    /// let linear = Mlp::<Matrix<f64>>::from_layers(vec![(layer.clone(), Identity.into())])?;
    /// let mut jacobian = Matrix::zeros(2, 3);
    /// linear.jacobian(&Matrix::zeros(3, 1), &mut Workspace::new(&linear, 1)?, &mut jacobian);
    /// assert_eq!(jacobian, layer.weights);
    /// # Ok::<(), Box<dyn std::error::Error>>(())
    /// ```
    ///
    /// # Panics
    /// If `input` does not have n_in rows, is empty or has more columns than the workspace, `jacobian` is not n_out x
    /// (n_in N), or the workspace does not fit the network.
    #[track_caller]
    pub fn jacobian<'a>(&self, input: impl Into<B::Columns<'a>>, workspace: &mut Workspace<B>, jacobian: &mut B) {
        let input = input.into();
        let (inputs, outputs, samples) = (self.inputs(), self.outputs(), input.shape().1);
        check_shape(
            "jacobian",
            "the jacobian",
            (outputs, inputs * samples),
            jacobian.shape(),
        );
        self.forward(input, workspace);
        workspace.check_passed("jacobian", self);
        let forwards = inputs <= outputs;
        let mut units = workspace.units.take().unwrap_or_else(|| Units {
            seed: B::zeros(inputs.min(outputs), workspace.batch()),
            input_gradient: B::zeros(inputs, workspace.batch()),
            values: Vec::new(),
            jacobian: Vec::new(),
        });
        let Units {
            seed,
            input_gradient,
            values,
            jacobian: all,
        } = &mut units;
        all.clear();
        all.resize(outputs * inputs * samples, B::Scalar::from_f64(0.0));
        let (rows, batch) = seed.shape();
        for unit in 0..rows {
            values.clear();
            values.extend((0..rows * batch).map(|i| B::Scalar::from_f64(f64::from(u8::from(i % rows == unit)))));
            seed.write(values);
            values.clear();
            if forwards {
                let dy = self.pushforward(columns(seed, samples), workspace);
                B::read(dy, values);
                for (sample, dy) in values.chunks_exact(outputs).enumerate() {
                    all[(sample * inputs + unit) * outputs..][..outputs].copy_from_slice(dy);
                }
            } else {
                B::with_float_environment(|| {
                    self::seed(columns(seed, samples), workspace);
                    pass::backward(self.layers(), workspace);
                    input_gradient.backward(&self.layers()[0].weights, workspace.delta(0), None);
                });
                B::read(columns(input_gradient, samples), values);
                for (column, &dx) in values.iter().enumerate() {
                    all[column * outputs + unit] = dx;
                }
            }
        }
        jacobian.write(all);
        workspace.units = Some(units);
    }
}

/// Computes delta_last = dL/dy * f'(z_last).
#[inline(always)]
pub(crate) fn seed<B: Tensor>(output_gradient: B::Columns<'_>, workspace: &mut Workspace<B>) {
    let samples = workspace.samples;
    let last = workspace.layers.last_mut().expect("a network has a layer");
    last.delta.zip(output_gradient, [], &Other);
    if let Some(derivative) = &last.derivative {
        last.delta.zip(columns(derivative, samples), [], &Product);
    }
}

/// Computes da of every layer, with da_0 = `input_tangent`, or 0 if that is `None`. `varying` are the input and the
/// direction of the parameters, if these vary.
pub(crate) fn pushforward<B: Tensor>(
    layers: &[Dense<B>],
    input_tangent: Option<B::Columns<'_>>,
    varying: Option<(B::Columns<'_>, &[Dense<B>])>,
    workspace: &mut Workspace<B>,
) {
    let samples = workspace.samples;
    let Workspace {
        layers: buffers,
        tangents,
        ..
    } = workspace;
    if tangents.is_empty() {
        tangents.extend(buffers.iter().map(|layer| Tangent::new(&layer.activation)));
    }
    let mut input = varying.map(|(input, _)| B::slice(input, 0..samples));
    let mut before = input_tangent.map(|tangent| B::slice(tangent, 0..samples));
    for (number, ((layer, buffers), tangent)) in layers.iter().zip(&*buffers).zip(tangents).enumerate() {
        let Tangent {
            activation: own,
            of_parameters,
            no_bias,
        } = tangent;
        if let Some(before) = before {
            own.forward(None, &layer.weights, no_bias, before, &IDENTITY);
        }
        if let (Some((_, direction)), Some(input)) = (varying, input) {
            let Dense { weights, bias } = &direction[number];
            if before.is_none() {
                own.forward(None, weights, bias, input, &IDENTITY);
            } else {
                let part = of_parameters.get_or_insert_with(|| B::zeros(own.shape().0, own.shape().1));
                part.forward(None, weights, bias, input, &IDENTITY);
                own.zip(columns(part, samples), [], &Sum);
            }
        }
        if let Some(derivative) = &buffers.derivative {
            own.zip(columns(derivative, samples), [], &Product);
        }
        input = input.map(|_| columns(&buffers.activation, samples));
        before = Some(columns(own, samples));
    }
}

impl<B: Tensor> Workspace<B> {
    /// Returns dy, n_out x N, of the last pushforward.
    pub(crate) fn output_tangent(&self) -> B::Columns<'_> {
        let last = self.tangents.last().expect("a network has a layer");
        columns(&last.activation, self.samples)
    }
}
