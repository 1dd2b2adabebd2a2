//! Memory asked for ahead of its use.

/// Bytes of a line of memory, which the processor fetches as a whole.
pub(crate) const LINE: usize = 64;

/// Has the processor fetch the line that `values[i]` lies in, if there is one. Nothing but the time of a later access
/// depends on it.
#[inline(always)]
pub(crate) fn prefetch<T>(values: &[T], i: usize) {
    #[cfg(target_arch = "x86_64")]
    {
        // Into the second cache: the first is full of what is computed with.
        use core::arch::x86_64::{_MM_HINT_T1, _mm_prefetch};
        // SAFETY: every x86-64 processor has SSE. The instruction accesses nothing, whatever the address.
        unsafe { _mm_prefetch::<_MM_HINT_T1>(values.as_ptr().wrapping_add(i).cast()) }
    }
    #[cfg(not(target_arch = "x86_64"))]
    let _ = (values, i);
}
