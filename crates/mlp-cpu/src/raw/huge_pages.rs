//! Pages of 2 MiB for large buffers.

/// Asks the system to keep `memory` in huge pages if it is large. One huge page is there sooner than 512 small ones,
/// and covers columns that lie far apart. The system may refuse; no content depends on it.
pub(crate) fn ask<T>(memory: &mut [T]) {
    #[cfg(target_os = "linux")]
    linux::ask(memory);
    #[cfg(not(target_os = "linux"))]
    let _ = memory;
}

#[cfg(target_os = "linux")]
mod linux {
    use core::ffi::{c_int, c_void};

    /// From so many bytes on: where NumPy begins, too.
    const LEAST: usize = 4 << 20;
    const PAGE: usize = 2 << 20;
    const MADV_HUGEPAGE: c_int = 14;

    // Of the C library, which the standard library is linked with.
    unsafe extern "C" {
        fn madvise(address: *mut c_void, length: usize, advice: c_int) -> c_int;
    }

    pub(super) fn ask<T>(memory: &mut [T]) {
        if size_of_val(memory) < LEAST {
            return;
        }
        let start = memory.as_mut_ptr().cast::<u8>();
        // Only whole pages can be asked for, and a huge one is a number of whole small ones.
        let before = start.align_offset(PAGE);
        let length = size_of_val(memory).saturating_sub(before) / PAGE * PAGE;
        if length > 0 {
            // SAFETY: `before + length` is at most the slice's length, so that these bytes are the slice's. The call
            // changes none of them, whether the system does as it is asked or not.
            let _ = unsafe { madvise(start.wrapping_add(before).cast(), length, MADV_HUGEPAGE) };
        }
    }
}
