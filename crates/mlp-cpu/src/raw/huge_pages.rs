//! Pages of 2 MiB for large buffers.

/// From so many bytes on: numpy asks for huge pages from there on, too.
#[cfg(target_os = "linux")]
const LEAST: usize = 4 << 20;

/// Asks the system to keep `values` in huge pages, as far as it has some. It has them at hand sooner than 512 small
/// ones for the same memory, and the processor finds columns in them that lie far apart. It may say no, and where it
/// lets no program ask, it does.
pub(crate) fn ask<T>(values: &mut [T]) {
    #[cfg(target_os = "linux")]
    if size_of_val(values) >= LEAST {
        const PAGE: usize = 2 << 20;
        let first = values.as_mut_ptr().cast::<u8>();
        // The system takes whole pages only; these are whole for pages of any size.
        let before = first.align_offset(PAGE);
        let pages = first.wrapping_add(before);
        let length = size_of_val(values).saturating_sub(before) / PAGE * PAGE;
        // SAFETY: less than a page is before `pages`, and the slice has two at least, so that these `length` bytes lie
        // within it. No content changes, whether the system does as it is told or not.
        let _ = unsafe { libc::madvise(pages.cast(), length, libc::MADV_HUGEPAGE) };
    }
    #[cfg(not(target_os = "linux"))]
    let _ = values;
}
