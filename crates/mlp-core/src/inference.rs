//! The forward pass without training, block by block.

use crate::backend::{Columns, Tensor};
use crate::error::check_shape;
use crate::workspace::{columns, elements, unsuited};
use crate::{Activation, Mlp, Scalar, Scaling, backpropagation};
use alloc::vec::Vec;
use core::ops::Range;

/// The buffers that inference writes. [`Mlp::predict_into`] and [`Model::predict_into`](crate::Model::predict_into)
/// pass any number of samples through a network, in blocks of as many samples as the workspace was made for.
///
/// [`Mlp::predict_into`] allocates nothing if the samples are a single block. Otherwise, and in
/// [`Model::predict_into`](crate::Model::predict_into), the first call with a workspace adds buffers to it, and later
/// calls with no more samples allocate nothing.
///
/// ```
/// use mlp_core::{InferenceWorkspace, Mlp};
/// use mlp_cpu::Matrix;
///
/// let network = Mlp::<Matrix<f64>>::builder(&[2, 8, 3]).build()?;
/// let mut workspace = InferenceWorkspace::new(&network, 1);
/// let mut output = Matrix::zeros(3, 1);
/// for sample in [[0.0, 1.0], [1.0, 0.0]] {
///     let input = Matrix::from_columns(&[sample]);
///     network.predict_into(&input, &mut workspace, &mut output); // allocates nothing
/// }
/// # Ok::<(), mlp_core::BuildError>(())
/// ```
#[derive(Clone, Debug)]
pub struct InferenceWorkspace<B: Tensor> {
    /// The number of samples in a block, at least 1.
    pub(crate) batch: usize,
    /// The hidden layers' activations.
    hidden: Vec<B>,
    /// The scaled inputs of a block, for a model that scales its inputs.
    scaled: Option<B>,
    /// The last layer's activation, if there are several blocks.
    block: Option<B>,
    /// The numbers 0, 1, ..., as places in a block.
    places: Vec<usize>,
    /// Memory for the numbers of a block or of all predictions.
    pub(crate) values: Vec<B::Scalar>,
}

impl<B: Tensor> InferenceWorkspace<B> {
    /// Allocates the buffers for passing blocks of `batch` samples through `network`. A batch of 0 is taken as 1.
    #[must_use]
    pub fn new<C: Activation>(network: &Mlp<B, C>, batch: usize) -> Self {
        let batch = batch.max(1);
        let (_, hidden) = network.layers().split_last().expect("a network has a layer");
        Self {
            batch,
            hidden: hidden.iter().map(|layer| B::zeros(layer.outputs(), batch)).collect(),
            scaled: None,
            block: None,
            places: Vec::new(),
            values: Vec::new(),
        }
    }

    /// Allocates the buffers for passing `samples` samples through `network`, in blocks of at most 256.
    pub(crate) fn for_samples<C: Activation>(network: &Mlp<B, C>, samples: usize) -> Self {
        Self::new(network, samples.min(256))
    }

    /// Writes a_last of each column of `input`, scaled by `scaling`, to the first columns of `output`.
    ///
    /// # Panics
    /// If the workspace does not fit the network, or the shape of `input` or `output` is wrong.
    #[track_caller]
    pub(crate) fn predict<C: Activation>(
        &mut self,
        network: &Mlp<B, C>,
        scaling: Option<&Scaling>,
        input: B::Columns<'_>,
        output: &mut B,
    ) {
        let samples = input.shape().1;
        check_shape("predict", "input", (network.inputs(), samples), input.shape());
        let (layers, hidden) = (network.layers(), &self.hidden);
        let mut pairs = hidden.iter().zip(layers);
        if hidden.len() + 1 != layers.len() || !pairs.all(|(hidden, layer)| hidden.shape().0 == layer.outputs()) {
            self.belongs_to_another(&network.layer_sizes());
        }
        if samples <= self.batch {
            return self.pass(network, scaling, input, output);
        }
        let mut places = core::mem::take(&mut self.places);
        places.extend(places.len()..self.batch);
        self.for_each_block(network, scaling, input, |range, block| {
            output.gather(range.start, block, &places[..range.len()]);
        });
        self.places = places;
    }

    #[cold]
    #[inline(never)]
    #[track_caller]
    fn belongs_to_another(&self, expected: &[usize]) -> ! {
        let hidden: Vec<_> = self.hidden.iter().map(|activation| activation.shape().0).collect();
        let got = format_args!("one for hidden layers of {hidden:?}");
        let expected = format_args!("layer sizes {expected:?}");
        unsuited("InferenceWorkspace", "predict", expected, got, self.batch)
    }

    /// Calls `each` with the samples of each block of `input`, and with their a_last.
    pub(crate) fn for_each_block<C: Activation>(
        &mut self,
        network: &Mlp<B, C>,
        scaling: Option<&Scaling>,
        input: B::Columns<'_>,
        mut each: impl FnMut(Range<usize>, B::Columns<'_>),
    ) {
        let samples = input.shape().1;
        let zeros = || B::zeros(network.outputs(), self.batch);
        let mut block = self.block.take().unwrap_or_else(zeros);
        for start in (0..samples).step_by(self.batch) {
            let range = start..samples.min(start + self.batch);
            self.pass(network, scaling, B::slice(input, range.clone()), &mut block);
            each(range.clone(), columns(&block, range.len()));
        }
        self.block = Some(block);
    }

    /// Passes one block through the network.
    fn pass<C: Activation>(
        &mut self,
        network: &Mlp<B, C>,
        scaling: Option<&Scaling>,
        input: B::Columns<'_>,
        output: &mut B,
    ) {
        let (rows, samples) = input.shape();
        let input = match scaling {
            None => B::slice(input, 0..samples),
            Some(scaling) => {
                let Self { scaled, values, .. } = self;
                values.clear();
                B::read(input, values);
                scaling.apply_to(values);
                // The network does not read the columns after those of the block.
                values.resize(rows * self.batch, B::Scalar::from_f64(0.0));
                let scaled = scaled.get_or_insert_with(|| B::zeros(rows, self.batch));
                scaled.write(values);
                columns(scaled, samples)
            }
        };
        B::with_float_environment(|| {
            backpropagation::infer(network.layers(), network.activations(), input, &mut self.hidden, output);
        });
    }
}

/// Predictions, which do not need a [`Workspace`](crate::Workspace).
impl<B: Tensor, C: Activation> Mlp<B, C> {
    /// Returns the last layer's activation for each column of `input` (n_in x N), as n_out x N.
    ///
    /// The bits of a sample's prediction do not depend on the other samples. To predict repeatedly without allocating,
    /// keep an [`InferenceWorkspace`] and use [`predict_into`](Self::predict_into).
    ///
    /// # Panics
    /// If `input` does not have n_in rows.
    #[track_caller]
    pub fn predict<'a>(&self, input: impl Into<B::Columns<'a>>) -> B {
        let input = input.into();
        let samples = input.shape().1;
        let mut output = B::zeros(self.outputs(), samples);
        let mut workspace = InferenceWorkspace::for_samples(self, samples);
        workspace.predict(self, None, input, &mut output);
        output
    }

    /// Returns the last layer's activation for one sample.
    ///
    /// ```
    /// use mlp_core::activations::Identity;
    /// use mlp_core::{Dense, Mlp};
    /// use mlp_cpu::Matrix;
    ///
    /// let layer = Dense { weights: Matrix::from_rows(&[[1.0, 2.0]]), bias: Matrix::from_rows(&[[0.5]]) };
    /// let network = Mlp::<Matrix<f64>>::from_layers(vec![(layer, Identity.into())])?;
    /// assert_eq!(network.predict_one(&[10.0, 20.0]), [50.5]);
    /// # Ok::<(), mlp_core::BuildError>(())
    /// ```
    ///
    /// # Panics
    /// If `features` does not have n_in numbers.
    #[track_caller]
    pub fn predict_one(&self, features: &[B::Scalar]) -> Vec<B::Scalar> {
        elements::<B>((&self.predict(&column::<B>(features))).into())
    }

    /// Like [`predict`](Self::predict), but writes to the first columns of `output`. It does not allocate if `input`
    /// has no more columns than the workspace was made for; see [`InferenceWorkspace`].
    ///
    /// # Panics
    /// If `input` does not have n_in rows, `output` does not have n_out rows or has fewer columns than `input`, or the
    /// workspace does not fit the network.
    #[track_caller]
    pub fn predict_into<'a>(
        &self,
        input: impl Into<B::Columns<'a>>,
        workspace: &mut InferenceWorkspace<B>,
        output: &mut B,
    ) {
        workspace.predict(self, None, input.into(), output);
    }
}

/// Returns one sample as a matrix, n x 1.
pub(crate) fn column<B: Tensor>(features: &[B::Scalar]) -> B {
    let mut column = B::zeros(features.len(), 1);
    column.write(features);
    column
}
