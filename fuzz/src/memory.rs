//! Measures how much memory loading takes.
#![allow(unsafe_code, reason = "a counting allocator")]

use std::alloc::{GlobalAlloc, Layout, System};
use std::cell::Cell;

/// The system's allocator, which also counts for each thread how many bytes it holds and the most it has held.
struct Counting;

thread_local! {
    static HELD: Cell<isize> = const { Cell::new(0) };
    static MOST: Cell<isize> = const { Cell::new(0) };
}

fn count(bytes: isize) {
    let held = HELD.get() + bytes;
    HELD.set(held);
    MOST.set(MOST.get().max(held));
}

// SAFETY: every call is passed on unchanged to the system's allocator. Counting does not allocate: the counters are
// constant-initialized thread locals without destructors.
unsafe impl GlobalAlloc for Counting {
    unsafe fn alloc(&self, layout: Layout) -> *mut u8 {
        count(layout.size() as isize);
        // SAFETY: the caller upholds the system allocator's requirements.
        unsafe { System.alloc(layout) }
    }

    unsafe fn alloc_zeroed(&self, layout: Layout) -> *mut u8 {
        count(layout.size() as isize);
        // SAFETY: the caller upholds the system allocator's requirements.
        unsafe { System.alloc_zeroed(layout) }
    }

    unsafe fn dealloc(&self, pointer: *mut u8, layout: Layout) {
        count(-(layout.size() as isize));
        // SAFETY: the caller upholds the system allocator's requirements, and `pointer` comes from that allocator.
        unsafe { System.dealloc(pointer, layout) }
    }

    // Counts both blocks at the same time, as if no block could grow in place.
    unsafe fn realloc(&self, pointer: *mut u8, layout: Layout, size: usize) -> *mut u8 {
        count(size as isize);
        count(-(layout.size() as isize));
        // SAFETY: the caller upholds the system allocator's requirements, and `pointer` comes from that allocator.
        unsafe { System.realloc(pointer, layout, size) }
    }
}

#[global_allocator]
static ALLOCATOR: Counting = Counting;

/// Loads `bytes`, and checks that this takes at most twice their length and 1 MiB of memory.
pub(crate) fn bounded<R>(bytes: &[u8], load: impl FnOnce(&[u8]) -> R) -> R {
    let before = HELD.get();
    MOST.set(before);
    let result = load(bytes);
    let took = MOST.get() - before;
    let limit = 2 * bytes.len() as isize + (1 << 20);
    assert!(took <= limit, "loading took {took} bytes of memory, more than {limit}");
    result
}
