//! Formulas over all elements of a matrix.
//!
//! They are plain loops, which the compiler turns into vector instructions. A formula consists of operations that round
//! the same way in a vector as on a single number. An element therefore has the same bits at any position.

use crate::matrix::PADDING;
use crate::raw::simd::{self, Baseline, Isa, Kernel};
use crate::threads::{self, MOST_THREADS};
use crate::{Element, MatrixRef, plan};
use core::array;
use core::mem;
use core::sync::atomic::{AtomicBool, Ordering};
use mlp_core::backend::ZipFormula;

/// The number of elements that fill whole vectors at the baseline.
pub(crate) const LANES: usize = 4;

/// Runs an elementwise kernel over `length` elements. If they are few, the kernel is the one compiled for the
/// baseline. The formulas have the same bits at every level.
#[inline(always)]
pub(crate) fn run<K: Kernel>(kernel: K, length: usize) -> K::Output {
    if plan::is_short(length) {
        kernel.run(Baseline)
    } else {
        simd::run(kernel)
    }
}

/// A [`ZipFormula`] over slices of the same length. It returns true if all new elements of `own` are finite.
pub(crate) struct Zip<'a, T, F, const S: usize> {
    pub(crate) formula: &'a F,
    pub(crate) own: &'a mut [T],
    pub(crate) other: &'a [T],
    pub(crate) state: [&'a mut [T]; S],
}

impl<T: Element, F: ZipFormula<S>, const S: usize> Zip<'_, T, F, S> {
    /// Runs on all threads if the slices are large.
    #[inline(always)]
    pub(crate) fn run_on_threads(self) -> bool {
        match plan::parts_of_update(self.own.len()) {
            1 => simd::run(self),
            parts => self.run_parts(parts),
        }
    }

    /// Computes as few elements as a tiny layer has, a multiple of `LANES`.
    #[inline(always)]
    pub(crate) fn run_short(mut self) -> bool {
        let mut zeros = [T::zero(); LANES];
        let chunks = self.own.as_chunks_mut::<LANES>().0.iter_mut();
        for (c, (own, other)) in chunks.zip(self.other.as_chunks::<LANES>().0).enumerate() {
            let state = slices(&mut self.state, |state| &mut state[c * LANES..][..LANES]);
            // Reads everything before it writes anything. Otherwise the compiler must assume that a write changes what
            // is read next.
            let (mut new, mut new_state) = ([T::zero(); LANES], [[T::zero(); LANES]; S]);
            for i in 0..LANES {
                let (element, elements) = self.formula.apply(own[i], other[i], at(&state, i));
                new[i] = element;
                for s in 0..S {
                    new_state[s][i] = elements[s];
                }
            }
            *own = new;
            for s in 0..S {
                state[s].copy_from_slice(&new_state[s]);
            }
            for i in 0..LANES {
                // NaN if the element is not finite.
                zeros[i] += new[i] * T::zero();
            }
        }
        // Avoids the branch per element that `==` of arrays has.
        zeros.iter().fold(true, |finite, zero| finite & zero.is_zero())
    }

    fn run_parts(self, parts: usize) -> bool {
        let length = self.own.len().div_ceil(parts).next_multiple_of(PADDING);
        let mut rest = self.state;
        let mut items: [Option<Self>; MOST_THREADS] = [const { None }; MOST_THREADS];
        let parts_of_both = self.own.chunks_mut(length).zip(self.other.chunks(length));
        for (item, (own, other)) in items.iter_mut().zip(parts_of_both) {
            let own_length = own.len();
            *item = Some(Zip {
                formula: self.formula,
                own,
                other,
                state: take_parts(&mut rest, own_length),
            });
        }
        let finite = AtomicBool::new(true);
        threads::for_each(&mut items[..parts], |_, item| {
            if let Some(kernel) = item.take()
                && !simd::run(kernel)
            {
                finite.store(false, Ordering::Relaxed);
            }
        });
        finite.into_inner()
    }
}

impl<T: Element, F: ZipFormula<S>, const S: usize> Kernel for Zip<'_, T, F, S> {
    type Output = bool;

    #[inline(always)]
    fn run<I: Isa>(self, _: I) -> bool {
        let length = self.own.len();
        let other = &self.other[..length];
        let mut states = self.state;
        let state = slices(&mut states, |state| &mut state[..length]);
        let mut finite = true;
        for i in 0..length {
            let (new, new_state) = self.formula.apply(self.own[i], other[i], at(&state, i));
            self.own[i] = new;
            for s in 0..S {
                state[s][i] = new_state[s];
            }
            finite &= new.is_finite();
        }
        finite
    }
}

// Every program compiles the loops of its optimizer. Each closure passed to `map` or `from_fn` of an array would add
// five more functions to each loop. The functions below replace such closures. The `from_fn` in `empty` is the same one
// for all loops.

/// Returns empty slices.
fn empty<'a, T, const S: usize>() -> [&'a mut [T]; S] {
    array::from_fn(|_| <&mut [T]>::default())
}

/// Returns a slice of each item.
#[inline(always)]
pub(crate) fn slices<'a, T, U, const S: usize>(
    items: &'a mut [U; S],
    slice: impl Fn(&'a mut U) -> &'a mut [T],
) -> [&'a mut [T]; S] {
    let mut slices = empty();
    for (own, item) in slices.iter_mut().zip(items) {
        *own = slice(item);
    }
    slices
}

/// Takes the first `length` elements off each slice.
fn take_parts<'a, T, const S: usize>(rest: &mut [&'a mut [T]; S], length: usize) -> [&'a mut [T]; S] {
    let mut parts = empty();
    for (part, rest) in parts.iter_mut().zip(rest) {
        (*part, *rest) = mem::take(rest).split_at_mut(length);
    }
    parts
}

/// Returns element i of each slice.
#[inline(always)]
fn at<T: Element, const S: usize>(slices: &[&mut [T]; S], i: usize) -> [T; S] {
    let mut elements = [T::zero(); S];
    for s in 0..S {
        elements[s] = slices[s][i];
    }
    elements
}

/// own * other, in place, over slices of the same length.
pub(crate) struct Multiply<'a, T> {
    pub(crate) own: &'a mut [T],
    pub(crate) other: &'a [T],
}

impl<T: Element> Kernel for Multiply<'_, T> {
    type Output = ();

    #[inline(always)]
    fn run<I: Isa>(self, _: I) {
        for (own, &other) in self.own.iter_mut().zip(self.other) {
            *own *= other;
        }
    }
}

/// Returns the sum of `values`, in partial sums that fill one of the widest registers.
#[inline(always)]
pub(crate) fn sum<T: Element>(values: &[T]) -> T {
    let mut sums = [T::zero(); PADDING];
    let (groups, rest) = values.as_chunks::<PADDING>();
    for group in groups {
        for (sum, &value) in sums.iter_mut().zip(group) {
            *sum += value;
        }
    }
    for (sum, &value) in sums.iter_mut().zip(rest) {
        *sum += value;
    }
    let mut half = PADDING / 2;
    while half > 0 {
        for i in 0..half {
            sums[i] += sums[i + half];
        }
        half /= 2;
    }
    sums[0]
}

/// The sum of columns, or the same added to the existing values.
pub(crate) struct SumOfColumns<'a, T> {
    pub(crate) columns: MatrixRef<'a, T>,
    pub(crate) sums: &'a mut [T],
    pub(crate) accumulate: bool,
}

impl<T: Element> Kernel for SumOfColumns<'_, T> {
    type Output = ();

    #[inline(always)]
    fn run<I: Isa>(mut self, _: I) {
        let rows = self.columns.rows();
        if rows == 1 {
            let sum = sum(&self.columns.storage()[..self.columns.columns()]);
            self.sums[0] = if self.accumulate { self.sums[0] + sum } else { sum };
            return;
        }
        let mut row = 0;
        while row < rows {
            row += match rows - row {
                32.. => self.sum::<32>(row),
                16.. => self.sum::<16>(row),
                8.. => self.sum::<8>(row),
                4.. => self.sum::<4>(row),
                _ => self.sum::<1>(row),
            };
        }
    }
}

impl<T: Element> SumOfColumns<'_, T> {
    /// Computes the sums of N rows, which stay in registers.
    #[inline(always)]
    fn sum<const N: usize>(&mut self, row: usize) -> usize {
        let sums = self.sums[row..]
            .first_chunk_mut::<N>()
            .expect("there are as many sums as rows");
        let mut new = if self.accumulate { *sums } else { [T::zero(); N] };
        for column in self.columns.iter_columns() {
            let column = column[row..]
                .first_chunk::<N>()
                .expect("there are as many rows as sums");
            for (sum, &value) in new.iter_mut().zip(column) {
                *sum += value;
            }
        }
        *sums = new;
        N
    }
}
