//! Memory aligned to the processor's cache lines.

use super::huge_pages;
use super::prefetch::LINE;
use core::marker::PhantomData;
use core::ops::{Deref, DerefMut};
use core::ptr::{self, NonNull};
use core::slice;
use std::alloc::Layout;

/// An array of values that starts at the beginning of a cache line. A vector of at most 64 bytes whose offset is a
/// multiple of its length therefore lies in a single line.
///
/// The values are a part of a boxed slice that has room for one more line before them. `vec!` takes zeroed memory from
/// the system without writing to it, so each page of a large buffer is first touched by the thread that first uses it.
/// For memory that must be aligned to a line, the allocator would write every zero.
pub struct Buffer<T> {
    /// Points to `length` values, which the buffer owns.
    values: NonNull<T>,
    length: usize,
    /// The number of values in the slice before the first value of the buffer.
    before: usize,
    owned: PhantomData<T>,
}

// SAFETY: the buffer owns its values, and gives access to them only under the rules of references.
unsafe impl<T: Send> Send for Buffer<T> {}
// SAFETY: as above.
unsafe impl<T: Sync> Sync for Buffer<T> {}

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

    /// Returns the length of the slice that has room for `length` values from the beginning of a line on. An empty slice
    /// takes no memory.
    ///
    /// # Panics
    /// Panics if the address space has no room for the values.
    fn slice_length(length: usize) -> usize {
        // A few values lie in a single line wherever it starts: allocators align to 16 bytes. Networks with thousands of
        // tiny layers take half as much memory without the room for another line.
        let few = length <= 16_usize.checked_div(size_of::<T>()).unwrap_or(length);
        let spare = if few { 0 } else { LINE / size_of::<T>() };
        length
            .checked_add(spare)
            .filter(|&length| Layout::array::<T>(length).is_ok())
            .unwrap_or_else(|| {
                panic!(
                    "{length} values of {} bytes do not fit into the address space",
                    size_of::<T>()
                )
            })
    }

    /// Returns the buffer of `length` values within `slice`.
    fn of_slice(slice: Box<[T]>, length: usize) -> Self {
        let before = before(&slice, length);
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

/// Returns how many of the values of `slice` lie before the first line that starts in it, but leaves `length` values.
fn before<T>(slice: &[T], length: usize) -> usize {
    // If the size of a value is not a power of two, there may be no value that starts a line.
    slice.as_ptr().align_offset(LINE).min(slice.len() - length)
}

impl<T: Copy> Buffer<T> {
    /// Returns a buffer of `length` copies of `value`.
    pub(crate) fn filled(length: usize, value: T) -> Self {
        let mut slice = vec![value; Self::slice_length(length)].into_boxed_slice();
        huge_pages::ask(&mut slice);
        Self::of_slice(slice, length)
    }
}

impl<T> Drop for Buffer<T> {
    fn drop(&mut self) {
        // SAFETY: `of_slice` found `before` values of the slice before the first one; in an empty buffer it is 0.
        let first = unsafe { self.values.sub(self.before) };
        let slice = ptr::slice_from_raw_parts_mut(first.as_ptr(), Self::slice_length(self.length));
        // SAFETY: the pointer and the length are those of the whole boxed slice that `of_slice` leaked, whose length
        // `slice_length` gives again. The slice of an empty buffer is empty, for which any aligned pointer will do.
        drop(unsafe { Box::from_raw(slice) });
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
        let Some(&first) = self.first() else {
            return Self::new();
        };
        // Huge pages must be requested before anything is written.
        let mut slice = Box::<[T]>::new_uninit_slice(Self::slice_length(self.length));
        huge_pages::ask(&mut slice);
        let before = before(&slice, self.length);
        let (head, rest) = slice.split_at_mut(before);
        let (body, tail) = rest.split_at_mut(self.length);
        for (place, &value) in body.iter_mut().zip(&**self) {
            place.write(value);
        }
        for place in head.iter_mut().chain(tail) {
            place.write(first);
        }
        // SAFETY: head, body and tail make up the whole slice, and the loops above wrote each of their values.
        let slice = unsafe { slice.assume_init() };
        Self::of_slice(slice, self.length)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_buffer_is_aligned_and_holds_its_values() {
        for length in [0, 1, 16, 1000, (1 << 18) - 1, 1 << 18, 1 << 20] {
            let mut buffer = Buffer::filled(length, 0.5_f32);
            assert_eq!(buffer.as_ptr().addr() % if length > 4 { LINE } else { 4 }, 0);
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
