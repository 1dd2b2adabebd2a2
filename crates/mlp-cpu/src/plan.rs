//! The plan: it alone decides which routine computes an operation of a given shape. All other modules ask it.
//!
//! A choice between routines that round differently depends on the layer's shape alone, so that a sample has the same
//! bits by itself as in any batch: that is [`Shape::path`]. The other choices are between ways to the same bits, and may
//! depend on the number of samples, on threads and on the processor.
//!
//! Each threshold stands beside the measurement that decided it. The machine is an AMD EPYC of two cores with AVX-512:
//! Zen 4 where the text says so, Zen 5 otherwise. Where another value is faster for some shapes and slower for others,
//! the value stays.

#[cfg(test)]
mod tests;

use crate::SimdLevel;
use crate::matrix::PADDING;
use crate::raw::cache;
use crate::raw::simd::simd_level;
use crate::threads;

/// What is computed.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(crate) enum Operation {
    /// Z = W X + b and what follows it.
    Forward,
    /// W^T delta.
    Backward,
    /// delta X^T.
    Gradient,
    /// A B, a product that belongs to no layer. It counts like a forward pass with the weights A.
    Product,
}

/// An operation with its sizes.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Shape {
    operation: Operation,
    outputs: usize,
    inputs: usize,
    samples: usize,
    /// The number of bytes of an element.
    element: usize,
}

/// How an operation of a layer is computed. Different paths may round differently.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(crate) enum Path {
    /// By loops that are compiled for the layer's shape ([`tiny`](crate::tiny)).
    Tiny,
    /// By tiles of the transposed gradient ([`thin`](crate::thin)).
    Thin,
    /// As a product by an [`Engine`].
    Product,
}

/// What computes a product, or one thread's part of it.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(crate) enum Engine {
    /// Tiles over operands in place ([`gemm::tiled`](crate::gemm::tiled)).
    Tiles,
    /// The same tiles over copies of the operands, with the same bits ([`gemm::blocked`](crate::gemm::blocked)).
    Blocks,
    /// The crate of that name ([`raw::matrixmultiply`](crate::raw::matrixmultiply)).
    Matrixmultiply,
}

/// The most outputs and inputs of a tiny layer. A step of `[1,1,1]` takes a quarter less time by such loops. On Zen 4,
/// a layer of up to 4 x 4 weights takes less time by them than as products, whatever the batch. At 8 x 8, a step as
/// products takes 2.8 times as long in `f32` and 2.0 times in `f64` with one sample, but 0.5 and 0.4 times with 32. At
/// 16 x 16, the loops take 1.3 to 3.3 times as long as products.
pub(crate) const TINY: usize = 8;

/// The most bytes of the outputs of a thin layer, which fill one of the widest registers. A column of the gradient of
/// such a layer is only a part of a vector, while a row fills whole vectors. A step of `simplechains` takes 5 % less
/// time by the transpose. On Zen 4 with 64 inputs or more and 128 samples, the transpose takes 0.3 to 1.1 times as long
/// as the product up to 12 outputs in `f32` and up to 4 in `f64`, but 1.0 to 1.5 times as long with more.
pub(crate) const THIN_BYTES: usize = 64;

/// From this many inputs on, the work of a gradient is worth sharing among threads. It is shared by columns, of which
/// the transpose has only few, so such a layer is not thin. On Zen 4, with 10 outputs in `f32`, 128 to 784 inputs and
/// 512 samples, the transpose takes 1.2 to 1.3 times as long as the product on two cores, and 0.7 times as long on one.
const SHARED_INPUTS: usize = 256;

/// From this many weights on, a product at the baseline is left to the crate `matrixmultiply`, whose bits differ. On
/// Zen 4 with 32 samples or more, its SSE2 kernel takes 0.5 to 0.8 of the time of the tiles in `f32`, and 0.6 to 1.4 in
/// `f64`. The AVX2 kernel that it chooses there takes 0.14 to 0.5. It copies all weights for a single sample, whose
/// prediction takes up to 4.7 times as long.
const LARGE_WEIGHTS: usize = 1 << 20;

/// The number of columns of B from which copies of A pay, in blocks and in panels. With fewer columns, blocks take up to
/// a quarter longer.
const COPIED_COLUMNS: usize = 24;

/// The number of bytes between the columns of A from which copies of panels pay, because columns that far apart fall
/// into few sets of the cache. On Zen 4, half as many cost 2 to 13 %. Four times as many save up to 18 % of a forward
/// pass with 24 samples, and cost up to 12 % of a gradient in AVX2 and 27 % at the baseline.
const DISTANT_BYTES: usize = 1024;

/// The number of bytes of each row of A in a panel. A panel of two vectors of rows then stays in the cache nearest to
/// the processor. On Zen 4 with one sample, half as many save up to 39 % of a backward pass and cost up to 12 % of a
/// forward pass; twice as many cost up to 38 % of a backward pass. With 128 samples and up to 1024 x 1024 weights,
/// neither changes the time by more than 3 %.
pub(crate) const PANEL_BYTES: usize = 1024;

/// The most columns in a block of B. With a cache of 1 MiB, of which 512 fill half, 256 columns take 7 % longer in
/// `wide`; more are no better.
const BLOCK_COLUMNS: usize = 1024;

/// The number of multiply-adds from which a part of a product takes longer than calling another thread, which takes
/// 0.2 us, and reading what it has written, which takes 1 to 4 us.
const PART_OF_PRODUCT: usize = 1 << 18;

/// The fewest columns in a part of a product, since each part reads all of A. Narrower parts cost 20 % of `mnist-s`.
const PART_COLUMNS: usize = 16;

/// The number of elements from which a part of an update takes longer than calling another thread. On two cores of
/// Zen 4, two parts of this size take 0.8 (`f32`) and 0.9 (`f64`) of the time of a whole by gradient descent, and 0.6
/// and 0.5 by Adam. Parts of half the size take 0.6 by Adam, but save nothing by gradient descent, and cost 16 to 31 %
/// there if the other core is busy.
const PART_OF_UPDATE: usize = 1 << 14;

/// An update in place is shared among threads if the weights are larger than the cache by this factor. The other passes
/// of the few samples run on one thread. Smaller weights stay in its cache, unless another thread changes them. On two
/// cores of Zen 4 with one sample, a shared update makes a step of `[181,181]` to `[512,512]` take 1.7 to 2.7 times as
/// long, and one of `[1933,1933]` 0.6 times.
const FAR_WEIGHTS: usize = 8;

/// The number of bytes of a gradient that are computed before they are used to update the weights. They stay in the
/// cache nearest to the processor.
const UPDATED_BYTES: usize = 16 << 10;

/// Up to this many elements, looking up the level of instructions takes longer than it saves. On Zen 4, with the
/// lookup, an update of this many by Adam takes 4.7 times as long in `f32` and 1.7 times in `f64`, but tanh takes 0.4
/// and 0.3 times as long. Without it, tanh of twice as many takes 3.4 and 4.6 times as long.
const SHORT: usize = 2 * PADDING;

impl Shape {
    /// Returns the shape of an operation of a layer with n_out x n_in weights.
    #[inline(always)]
    pub(crate) fn new<T>(operation: Operation, (outputs, inputs): (usize, usize), samples: usize) -> Self {
        Self {
            operation,
            outputs,
            inputs,
            samples,
            element: size_of::<T>(),
        }
    }

    /// Returns the path, which does not depend on the number of samples.
    #[inline(always)]
    pub(crate) fn path(self) -> Path {
        let Self { outputs, inputs, .. } = self;
        if self.operation != Operation::Product && outputs <= TINY && inputs <= TINY {
            Path::Tiny
        } else if self.operation == Operation::Gradient && self.is_thin() {
            Path::Thin
        } else {
            Path::Product
        }
    }

    /// Returns whether the layer has few outputs and more inputs. A layer with a single output does not count: its row
    /// is laid out like a column.
    #[inline(always)]
    fn is_thin(self) -> bool {
        let Self { outputs, inputs, .. } = self;
        outputs > 1 && outputs < inputs && inputs < SHARED_INPUTS && outputs * self.element <= THIN_BYTES
    }

    /// Returns what computes C (`rows` x `columns`) = A B, the operation's product or a part of it. At the baseline it
    /// depends on the layer alone. Otherwise the engines have the same bits, and it also depends on the cache.
    pub(crate) fn engine(self, rows: usize, depth: usize, columns: usize) -> Engine {
        let weights = self.outputs * self.inputs;
        if simd_level() == SimdLevel::Baseline {
            if weights < LARGE_WEIGHTS {
                Engine::Tiles
            } else {
                Engine::Matrixmultiply
            }
        } else if weights * self.element >= cache::second_level()
            && columns >= COPIED_COLUMNS
            // With fewer rows, C may have no room for whole vectors.
            && rows >= PADDING
            && depth > 0
        {
            Engine::Blocks
        } else {
            Engine::Tiles
        }
    }

    /// Returns the number of threads that share the product. Each computes some of its columns.
    #[inline(always)]
    pub(crate) fn parts(self) -> usize {
        let columns = match self.operation {
            // Its only row is computed as a column.
            Operation::Gradient if self.outputs == 1 => 1,
            Operation::Gradient => self.inputs,
            _ => self.samples,
        };
        parts(self.outputs * self.inputs * self.samples, PART_OF_PRODUCT).min((columns / PART_COLUMNS).max(1))
    }

    /// Returns the number of columns of a layer's weights that are updated in place at a time, or `None` if the gradient
    /// is better computed as a whole. With many samples, the product takes so long that the passes over its result do
    /// not count.
    pub(crate) fn updated_columns(self, stride: usize) -> Option<usize> {
        let weights = self.outputs * self.inputs;
        let is_large = weights * self.element >= cache::second_level();
        let pays = self.samples == 1 || is_large && self.samples < COPIED_COLUMNS;
        // With other engines, the whole gradient might have other bits than its parts.
        let is_tiled = self.path() == Path::Product
            && self.outputs > 1
            && self.engine(self.outputs, self.samples, self.inputs) != Engine::Matrixmultiply;
        (pays && is_tiled).then(|| (UPDATED_BYTES / (stride * self.element)).max(1))
    }
}

/// Returns whether a panel of A with columns `stride` apart is copied before it is used for `columns` columns of B.
#[inline(always)]
pub(crate) fn copies_panel<T>(stride: usize, columns: usize) -> bool {
    stride * size_of::<T>() >= DISTANT_BYTES && columns >= COPIED_COLUMNS
}

/// Returns the number of columns in a block of B, which stays in the second-level cache.
pub(crate) fn block_columns() -> usize {
    (cache::second_level() / PANEL_BYTES).clamp(COPIED_COLUMNS, BLOCK_COLUMNS)
}

/// Returns the most vectors of rows in a panel of A. A single column of B uses more, so that additions do not wait for
/// each other: a prediction by `[64,64,64,64,8]` takes a fifth less time.
#[inline(always)]
pub(crate) fn panel_vectors(is_single_column: bool) -> usize {
    if is_single_column { 8 } else { 2 }
}

/// Returns how many numbers of the gradient of a single output are summed at a time. Two vectors would have a single sum
/// each, and most of the time would go to waiting for additions; a vector by itself has four. On Zen 4, a step of
/// `[17,1]` on 10,000 samples takes a tenth less time.
pub(crate) fn panel_of_single_output<T>(inputs: usize) -> usize {
    let bytes = match simd_level() {
        SimdLevel::Avx512 => 64,
        SimdLevel::Avx2 => 32,
        SimdLevel::Baseline => 16,
    };
    let lanes = bytes / size_of::<T>();
    if inputs <= 2 * lanes { lanes } else { inputs }
}

/// Returns whether a loop over `length` elements runs as compiled for the baseline. It has the same bits at every
/// level.
#[inline(always)]
pub(crate) fn is_short(length: usize) -> bool {
    length <= SHORT
}

/// Returns the number of threads that share an update of `length` elements.
#[inline(always)]
pub(crate) fn parts_of_update(length: usize) -> usize {
    parts(length, PART_OF_UPDATE)
}

/// Returns the number of threads that share an update of `length` elements in place.
pub(crate) fn parts_of_update_in_place<T>(length: usize) -> usize {
    if length * size_of::<T>() / FAR_WEIGHTS < cache::second_level() {
        1
    } else {
        parts_of_update(length)
    }
}

/// Returns the number of parts of `work`, of which none gets less than `least`.
#[inline(always)]
fn parts(work: usize, least: usize) -> usize {
    if work < 2 * least {
        return 1;
    }
    // No more parts than threads, because each part of a product reads the same weights: it costs 5 %.
    (work / least).min(threads())
}
