//! Requests for 2 MiB pages for large buffers.

/// Asks the system to keep `memory` in huge pages if it is large. The system provides one huge page faster than 512
/// small ones, and a huge page covers columns that are far apart. The system may refuse. The content of `memory` does
/// not change.
pub(crate) fn ask<T>(memory: &mut [T]) {
    #[cfg(target_os = "linux")]
    linux::ask(memory);
    #[cfg(not(target_os = "linux"))]
    let _ = memory;
}

#[cfg(target_os = "linux")]
mod linux {
    use core::ffi::{c_int, c_void};

    /// The minimum size in bytes, which is the same as in NumPy.
    const LEAST: usize = 4 << 20;
    const PAGE: usize = 2 << 20;
    const MADV_HUGEPAGE: c_int = 14;

    // From the C library, which the standard library links.
    unsafe extern "C" {
        fn madvise(address: *mut c_void, length: usize, advice: c_int) -> c_int;
    }

    pub(super) fn ask<T>(memory: &mut [T]) {
        if size_of_val(memory) < LEAST {
            return;
        }
        let start = memory.as_mut_ptr().cast::<u8>();
        // Only whole pages can be requested, and a huge page consists of whole small ones.
        let before = start.align_offset(PAGE);
        let length = size_of_val(memory).saturating_sub(before) / PAGE * PAGE;
        if length > 0 {
            // SAFETY: `length` is the slice's size less `before`, rounded down, so these bytes lie within the slice.
            // The call changes none of them, whether the system follows the advice or not.
            let _ = unsafe { madvise(start.wrapping_add(before).cast(), length, MADV_HUGEPAGE) };
        }
    }
}
