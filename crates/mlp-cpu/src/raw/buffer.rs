//! Memory that begins where a line of the processor's cache does.

use super::huge_pages;
use super::prefetch::LINE;
use core::fmt;
use core::marker::PhantomData;
use core::ops::{Deref, DerefMut};
use core::ptr::{self, NonNull};
use core::slice;
use std::alloc::{self, Layout};

/// A number of values that begin with a line: a vector of 64 bytes at most that lies at a multiple of its length lies in
/// one line.
pub(crate) struct Buffer<T> {
    /// Of `length` values, which the buffer owns; dangling if they take no memory.
    values: NonNull<T>,
    length: usize,
    /// Of a large buffer, how many values of its slice are before the first.
    before: usize,
    owned: PhantomData<T>,
}

// SAFETY: the buffer owns its values and shares them under the rules of references only.
unsafe impl<T: Send> Send for Buffer<T> {}
// SAFETY: as above.
unsafe impl<T: Sync> Sync for Buffer<T> {}

/// A buffer of so many bytes is large: a boxed slice with room for a line before the values. `vec!` has zeros from the
/// system as they are, so that their pages are first touched where they are first used, by whichever thread that is. Of
/// memory that is to begin with a line, the allocator would write every zero.
const LARGE: usize = 1 << 20;

impl<T> Buffer<T> {
    /// Of length 0.
    pub(crate) const fn new() -> Self {
        Self {
            values: NonNull::dangling(),
            length: 0,
            before: 0,
            owned: PhantomData,
        }
    }

    /// How many values the slice of a buffer of `length` has; `None` if it is not large.
    fn slice_length(length: usize) -> Option<usize> {
        let bytes = length.checked_mul(size_of::<T>())?;
        if bytes < LARGE {
            return None;
        }
        length.checked_add(LINE / size_of::<T>())
    }

    /// For `length` values; `None` if they take no memory.
    ///
    /// # Panics
    /// If there is no so large a piece of memory in the address space.
    fn layout(length: usize) -> Option<Layout> {
        let layout = Layout::array::<T>(length)
            .and_then(|layout| layout.align_to(LINE))
            .unwrap_or_else(|_| panic!("{length} values of {} bytes are too many", size_of::<T>()));
        (layout.size() > 0).then_some(layout)
    }
}

impl<T: Copy> Buffer<T> {
    /// `length` times `value`.
    pub(crate) fn filled(length: usize, value: T) -> Self {
        if let Some(slice_length) = Self::slice_length(length) {
            return Self::large(length, slice_length, value);
        }
        let Some(layout) = Self::layout(length) else {
            return Self { length, ..Self::new() };
        };
        // SAFETY: the layout has a size.
        let memory = unsafe { alloc::alloc(layout) };
        let Some(values) = NonNull::new(memory.cast::<T>()) else {
            alloc::handle_alloc_error(layout);
        };
        for i in 0..length {
            // SAFETY: i is below the number of values that the memory was made for; the alignment is at least T's.
            let place = unsafe { values.add(i) };
            // SAFETY: as above.
            unsafe { place.write(value) };
        }
        Self {
            values,
            length,
            before: 0,
            owned: PhantomData,
        }
    }

    fn large(length: usize, slice_length: usize, value: T) -> Self {
        // That there is no such layout is said as of any other buffer.
        let _ = Self::layout(length);
        let mut slice = vec![value; slice_length].into_boxed_slice();
        huge_pages::ask(&mut slice);
        Self::of_slice(slice, length)
    }

    /// The first `length` values of the slice of a large buffer that begin with a line.
    fn of_slice(slice: Box<[T]>, length: usize) -> Self {
        let before = before(slice.as_ptr(), slice.len() - length);
        let first = NonNull::from(Box::leak(slice)).cast::<T>();
        // SAFETY: the slice has at least so many values more than the buffer.
        let values = unsafe { first.add(before) };
        Self {
            values,
            length,
            before,
            owned: PhantomData,
        }
    }
}

/// How many of the values from `first` on are before a line, of which there are so many to spare.
fn before<T>(first: *const T, spare: usize) -> usize {
    // Values of a size that is no power of two may not come to lie at a line.
    first.align_offset(LINE).min(spare)
}

impl<T> Drop for Buffer<T> {
    fn drop(&mut self) {
        if let Some(slice_length) = Self::slice_length(self.length) {
            // SAFETY: so many values of the slice are before the first.
            let first = unsafe { self.values.sub(self.before) };
            let slice = ptr::slice_from_raw_parts_mut(first.as_ptr(), slice_length);
            // SAFETY: this is the slice that `large` took out of its box, whole.
            drop(unsafe { Box::from_raw(slice) });
            return;
        }
        // The values themselves are `Copy` and have nothing to drop.
        if let Some(layout) = Self::layout(self.length) {
            // SAFETY: a buffer whose values take memory was allocated with this layout.
            unsafe { alloc::dealloc(self.values.as_ptr().cast(), layout) };
        }
    }
}

impl<T> Deref for Buffer<T> {
    type Target = [T];

    #[inline(always)]
    fn deref(&self) -> &[T] {
        // SAFETY: so many values are there and initialised, for as long as `self` is.
        unsafe { slice::from_raw_parts(self.values.as_ptr(), self.length) }
    }
}

impl<T> DerefMut for Buffer<T> {
    #[inline(always)]
    fn deref_mut(&mut self) -> &mut [T] {
        // SAFETY: as above, and `self` is borrowed alone.
        unsafe { slice::from_raw_parts_mut(self.values.as_ptr(), self.length) }
    }
}

impl<T: Copy> Clone for Buffer<T> {
    fn clone(&self) -> Self {
        match self.first() {
            None => Self::new(),
            Some(&first) => {
                if let Some(slice_length) = Self::slice_length(self.length) {
                    // Pages are asked for before anything is in them.
                    let mut slice = Box::<[T]>::new_uninit_slice(slice_length);
                    huge_pages::ask(&mut slice);
                    let before = before(slice.as_ptr(), slice_length - self.length);
                    let (head, rest) = slice.split_at_mut(before);
                    let (body, tail) = rest.split_at_mut(self.length);
                    for (place, &value) in body.iter_mut().zip(&**self) {
                        place.write(value);
                    }
                    for place in head.iter_mut().chain(tail) {
                        place.write(first);
                    }
                    // SAFETY: head, body and tail are all of the slice, and each of their values was written.
                    let slice = unsafe { slice.assume_init() };
                    return Self::of_slice(slice, self.length);
                }
                let mut copy = Self::filled(self.length, first);
                copy.copy_from_slice(self);
                copy
            }
        }
    }
}

impl<T: fmt::Debug> fmt::Debug for Buffer<T> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Debug::fmt(&**self, f)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_buffer_is_aligned_and_holds_its_values() {
        for length in [0, 1, 16, 1000, LARGE / 4 - 1, LARGE / 4, LARGE] {
            let mut buffer = Buffer::filled(length, 0.5_f32);
            assert_eq!(buffer.as_ptr().addr() % if length > 0 { LINE } else { 1 }, 0);
            assert_eq!(*buffer, vec![0.5; length][..]);
            if length > 0 {
                buffer[length - 1] = 2.0;
            }
            let copy = buffer.clone();
            drop(buffer);
            assert_eq!(copy.iter().filter(|&&x| x == 2.0).count(), length.min(1));
        }
    }

    #[test]
    fn values_without_a_size_take_no_memory() {
        let buffer = Buffer::filled(3, ());
        assert_eq!(buffer.clone().len(), 3);
    }

    #[test]
    #[should_panic(expected = "too many")]
    fn more_values_than_there_are_addresses() {
        let _ = Buffer::filled(usize::MAX / 2, 0.0_f64);
    }
}
