//! The size of the processor's second-level cache, as the processor reports it.

use core::sync::atomic::{AtomicUsize, Ordering};

/// The size in bytes where the processor does not tell: that of many processors for servers, and of the performance
/// cores of others.
const DEFAULT: usize = 1 << 20;

/// 0 if not yet known.
static SIZE: AtomicUsize = AtomicUsize::new(0);

/// Returns the number of bytes of the second-level cache that a thread may count on: half of what there is, since a
/// neighbor on the same core may use the other half.
#[inline(always)]
pub(crate) fn second_level() -> usize {
    match SIZE.load(Ordering::Relaxed) {
        0 => read() / 2,
        size => size / 2,
    }
}

#[cold]
fn read() -> usize {
    let size = reported().unwrap_or(DEFAULT);
    SIZE.store(size, Ordering::Relaxed);
    size
}

/// Makes all decisions as on a processor with a cache of this size, until the value is dropped.
#[cfg(test)]
pub(crate) fn assume(size: usize) -> impl Drop {
    use std::sync::{Mutex, MutexGuard, PoisonError};

    static ASSUMED: Mutex<()> = Mutex::new(());
    struct Assumed(#[expect(dead_code, reason = "held until dropped")] MutexGuard<'static, ()>);
    impl Drop for Assumed {
        fn drop(&mut self) {
            SIZE.store(0, Ordering::Relaxed);
        }
    }
    let assumed = Assumed(ASSUMED.lock().unwrap_or_else(PoisonError::into_inner));
    SIZE.store(size, Ordering::Relaxed);
    assumed
}

#[cfg(target_arch = "x86_64")]
fn reported() -> Option<usize> {
    use core::arch::x86_64::{__cpuid, __cpuid_count};
    /// Where Intel's processors list their caches, and where AMD's do. Both use the same layout.
    const LISTS: [u32; 2] = [4, 0x8000_001d];
    LISTS.into_iter().find_map(|leaf| {
        // Every x86-64 processor has the instruction, and its lowest leaf of each kind names the highest.
        let highest = __cpuid(leaf & 0x8000_0000).eax;
        let lists = 0..if leaf <= highest { 8 } else { 0 };
        lists.map(|cache| __cpuid_count(leaf, cache)).find_map(|cache| {
            let (kind, level) = (cache.eax & 0x1f, cache.eax >> 5 & 0x7);
            let factors = [cache.ebx >> 22, cache.ebx >> 12 & 0x3ff, cache.ebx & 0xfff, cache.ecx];
            // Kind 3 holds both data and instructions.
            (kind == 3 && level == 2).then(|| factors.into_iter().map(|factor| factor as usize + 1).product())
        })
    })
}

#[cfg(not(target_arch = "x86_64"))]
fn reported() -> Option<usize> {
    None
}

#[cfg(all(test, target_os = "linux"))]
mod tests {
    #[test]
    fn the_size_is_the_one_that_the_system_knows() {
        let path = "/sys/devices/system/cpu/cpu0/cache/index2/size";
        let Some(known) = std::fs::read_to_string(path).ok() else {
            return;
        };
        let kibibytes: usize = known.trim().trim_end_matches('K').parse().expect("a size in KiB");
        assert_eq!(super::reported(), Some(kibibytes << 10));
    }
}
