//! How much memory loading takes.
#![allow(unsafe_code, reason = "an allocator that counts")]

use std::alloc::{GlobalAlloc, Layout, System};
use std::cell::Cell;

/// The system's allocator, which knows for each thread how many bytes it holds and how many it held at most.
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

// SAFETY: every call is passed on to the system's allocator as it is. Counting allocates nothing: the counters are
// constant-initialised thread locals without destructors.
unsafe impl GlobalAlloc for Counting {
    unsafe fn alloc(&self, layout: Layout) -> *mut u8 {
        count(layout.size() as isize);
        // SAFETY: the caller's promise is the system allocator's requirement.
        unsafe { System.alloc(layout) }
    }

    unsafe fn alloc_zeroed(&self, layout: Layout) -> *mut u8 {
        count(layout.size() as isize);
        // SAFETY: the caller's promise is the system allocator's requirement.
        unsafe { System.alloc_zeroed(layout) }
    }

    unsafe fn dealloc(&self, pointer: *mut u8, layout: Layout) {
        count(-(layout.size() as isize));
        // SAFETY: the caller's promise is the system allocator's requirement; `pointer` comes from it.
        unsafe { System.dealloc(pointer, layout) }
    }

    // Both blocks at the same time, as if none could grow where it is.
    unsafe fn realloc(&self, pointer: *mut u8, layout: Layout, size: usize) -> *mut u8 {
        count(size as isize);
        count(-(layout.size() as isize));
        // SAFETY: the caller's promise is the system allocator's requirement; `pointer` comes from it.
        unsafe { System.realloc(pointer, layout, size) }
    }
}

#[global_allocator]
static ALLOCATOR: Counting = Counting;

/// Loads `bytes`, with twice their length and 1 MiB of memory.
pub(crate) fn bounded<R>(bytes: &[u8], load: impl FnOnce(&[u8]) -> R) -> R {
    let before = HELD.get();
    MOST.set(before);
    let result = load(bytes);
    let took = MOST.get() - before;
    let limit = 2 * bytes.len() as isize + (1 << 20);
    assert!(took <= limit, "{took} bytes of memory, more than {limit}");
    result
}
