use super::register::{FLUSH, read, write};
use super::{Mode, flush_subnormals};
use core::hint::black_box;
use std::panic::{catch_unwind, resume_unwind};

/// Returns half of the smallest normal number of each type, as this thread computes it.
fn halves() -> (f32, f64) {
    (
        black_box(f32::MIN_POSITIVE) * black_box(0.5),
        black_box(f64::MIN_POSITIVE) * black_box(0.5),
    )
}

#[test]
fn subnormal_numbers_are_zero_until_the_guard_is_dropped() {
    assert!(halves().0 > 0.0 && halves().1 > 0.0);
    // The register also records that a subnormal number occurred.
    let before = read();
    {
        let _outer = flush_subnormals();
        let outer = read();
        {
            let _inner = flush_subnormals();
            assert_eq!(read(), outer);
        }
        assert_eq!(read(), outer, "the inner guard leaves the mode of the outer one");
        if FLUSH != 0 {
            assert_eq!(halves(), (0.0, 0.0), "results");
            let subnormal = black_box(f32::from_bits(1));
            assert_eq!(black_box(subnormal * 1e30), 0.0, "operands");
        }
    }
    assert_eq!(read(), before);
    assert!(halves().0 > 0.0 && halves().1 > 0.0);
}

#[test]
fn a_panic_restores_the_mode() {
    let before = read();
    let panic = catch_unwind(|| {
        let _guard = flush_subnormals();
        resume_unwind(Box::new(1));
    });
    assert!(panic.is_err());
    assert_eq!(read(), before);
}

/// A caller may have chosen any part of the mode: rounding towards zero, one half of the flush mode, all of it.
#[test]
fn other_bits_of_the_caller_stay() {
    let original = read();
    let rounding = if cfg!(target_arch = "aarch64") {
        3 << 22
    } else {
        3 << 13
    };
    for extra in [0, rounding, FLUSH & FLUSH.wrapping_neg(), FLUSH, FLUSH | rounding] {
        if FLUSH == 0 {
            continue;
        }
        let callers = original | extra;
        write(callers);
        let guard = flush_subnormals();
        let inside = read();
        drop(guard);
        let after = read();
        write(original);
        assert_eq!((inside, after), (callers | FLUSH, callers));
    }
}

#[test]
fn a_thread_enters_the_mode_of_another() {
    let flushing = {
        let _guard = flush_subnormals();
        Mode::current()
    };
    let before = Mode::current();
    let guard = flushing.enter();
    assert_eq!(Mode::current(), flushing);
    drop(guard);
    assert_eq!(Mode::current(), before);
}
