//! Fetching of memory ahead of its use.

/// The number of bytes in a cache line, which the processor fetches as a whole.
pub(crate) const LINE: usize = 64;

/// Has the processor fetch the cache line that contains `values[i]`, if it exists. This only affects the time of a
/// later access.
#[inline(always)]
pub(crate) fn prefetch<T>(values: &[T], i: usize) {
    #[cfg(target_arch = "x86_64")]
    {
        // Into the second-level cache, because the first is full of the data in use.
        use core::arch::x86_64::{_MM_HINT_T1, _mm_prefetch};
        // SAFETY: every x86-64 processor has SSE, and the instruction has no effect on memory, whatever the address.
        unsafe { _mm_prefetch::<_MM_HINT_T1>(values.as_ptr().wrapping_add(i).cast()) }
    }
    #[cfg(not(target_arch = "x86_64"))]
    let _ = (values, i);
}
