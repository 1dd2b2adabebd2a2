//! Memory aligned to the processor's cache lines.

use super::huge_pages;
use super::prefetch::LINE;
use core::fmt;
use core::marker::PhantomData;
use core::ops::{Deref, DerefMut};
use core::ptr::{self, NonNull};
use core::slice;
use std::alloc::{self, Layout};

/// An array of values that starts at the beginning of a cache line. A vector of at most 64 bytes whose offset is a
/// multiple of its length therefore lies in a single line.
pub struct Buffer<T> {
    /// Points to `length` values, which the buffer owns. Dangling if they take no memory.
    values: NonNull<T>,
    length: usize,
    /// For a large buffer: the number of values in its slice before the first value of the buffer.
    before: usize,
    owned: PhantomData<T>,
}

// SAFETY: the buffer owns its values, and gives access to them only under the rules of references.
unsafe impl<T: Send> Send for Buffer<T> {}
// SAFETY: as above.
unsafe impl<T: Sync> Sync for Buffer<T> {}

/// A buffer of at least this many bytes is large. It is stored in a boxed slice that has room for one more line before
/// the values. `vec!` takes zeroed memory from the system without writing to it, so each page is first touched by the
/// thread that first uses it. For memory that must be aligned to a line, the allocator would write every zero.
const LARGE: usize = 1 << 20;

impl<T> Buffer<T> {
    /// Returns an empty buffer.
    pub(crate) const fn new() -> Self {
        Self {
            values: NonNull::dangling(),
            length: 0,
            before: 0,
            owned: PhantomData,
        }
    }

    /// Returns the number of values in the slice of a large buffer of `length` values; `None` if the buffer is not
    /// large.
    fn slice_length(length: usize) -> Option<usize> {
        let bytes = length.checked_mul(size_of::<T>())?;
        if bytes < LARGE {
            return None;
        }
        length.checked_add(LINE / size_of::<T>())
    }

    /// Returns the layout of `length` values, aligned to a line; `None` if they take no memory.
    ///
    /// # Panics
    /// Panics if the address space has no room for the values.
    fn layout(length: usize) -> Option<Layout> {
        let layout = Layout::array::<T>(length)
            .and_then(|layout| layout.align_to(LINE))
            .unwrap_or_else(|_| {
                panic!(
                    "{length} values of {} bytes do not fit into the address space",
                    size_of::<T>()
                )
            });
        (layout.size() > 0).then_some(layout)
    }
}

impl<T: Copy> Buffer<T> {
    /// Returns a buffer of `length` copies of `value`.
    pub(crate) fn filled(length: usize, value: T) -> Self {
        if let Some(slice_length) = Self::slice_length(length) {
            return Self::large(length, slice_length, value);
        }
        let Some(layout) = Self::layout(length) else {
            return Self { length, ..Self::new() };
        };
        // SAFETY: `layout` returns a layout only if its size is not 0.
        let memory = unsafe { alloc::alloc(layout) };
        let Some(values) = NonNull::new(memory.cast::<T>()) else {
            alloc::handle_alloc_error(layout);
        };
        for i in 0..length {
            // SAFETY: i < `length`, the number of values that the memory was allocated for.
            let place = unsafe { values.add(i) };
            // SAFETY: as above; the layout has at least T's alignment.
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
        // Panics with the same message as for any other buffer if the layout is not valid.
        let _ = Self::layout(length);
        let mut slice = vec![value; slice_length].into_boxed_slice();
        huge_pages::ask(&mut slice);
        Self::of_slice(slice, length)
    }

    /// Returns the large buffer of `length` values within `slice` that starts at the beginning of a line.
    fn of_slice(slice: Box<[T]>, length: usize) -> Self {
        let before = before(slice.as_ptr(), slice.len() - length);
        let first = NonNull::from(Box::leak(slice)).cast::<T>();
        // SAFETY: `before` is at most the slice's length minus `length`, so the first value and all `length` values lie
        // within the slice.
        let values = unsafe { first.add(before) };
        Self {
            values,
            length,
            before,
            owned: PhantomData,
        }
    }
}

/// Returns how many of the values from `first` on lie before the next line, but at most `spare`.
fn before<T>(first: *const T, spare: usize) -> usize {
    // If the size of a value is not a power of two, there may be no value that starts a line.
    first.align_offset(LINE).min(spare)
}

impl<T> Drop for Buffer<T> {
    fn drop(&mut self) {
        if let Some(slice_length) = Self::slice_length(self.length) {
            // SAFETY: `of_slice` found `before` values of the slice before the first one.
            let first = unsafe { self.values.sub(self.before) };
            let slice = ptr::slice_from_raw_parts_mut(first.as_ptr(), slice_length);
            // SAFETY: the pointer and the length are those of the whole boxed slice that `of_slice` leaked.
            // `slice_length` gives its length again, as it did when the buffer was made.
            drop(unsafe { Box::from_raw(slice) });
            return;
        }
        // The values are `Copy`, so they have nothing to drop.
        if let Some(layout) = Self::layout(self.length) {
            // SAFETY: `filled` allocated a buffer that is not large with this layout, if its values take memory.
            unsafe { alloc::dealloc(self.values.as_ptr().cast(), layout) };
        }
    }
}

impl<T> Deref for Buffer<T> {
    type Target = [T];

    #[inline(always)]
    fn deref(&self) -> &[T] {
        // SAFETY: `filled` and `clone` initialized all `length` values, and the buffer owns them for as long as `self`
        // lives.
        unsafe { slice::from_raw_parts(self.values.as_ptr(), self.length) }
    }
}

impl<T> DerefMut for Buffer<T> {
    #[inline(always)]
    fn deref_mut(&mut self) -> &mut [T] {
        // SAFETY: as above, and `self` is borrowed exclusively.
        unsafe { slice::from_raw_parts_mut(self.values.as_ptr(), self.length) }
    }
}

impl<T: Copy> Clone for Buffer<T> {
    fn clone(&self) -> Self {
        match self.first() {
            None => Self::new(),
            Some(&first) => {
                if let Some(slice_length) = Self::slice_length(self.length) {
                    // Huge pages must be requested before anything is written.
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
                    // SAFETY: head, body and tail make up the whole slice, and the loops above wrote each of their
                    // values.
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
    #[should_panic(expected = "do not fit into the address space")]
    fn too_many_values_panic() {
        let _ = Buffer::filled(usize::MAX / 2, 0.0_f64);
    }
}
