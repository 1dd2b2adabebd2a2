//! The number of threads that share the work.

use crate::raw::pool::Pool;
use crate::variable::{EnvironmentError, parsed};
use core::num::{IntErrorKind, NonZero};
use core::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Mutex, PoisonError};

static POOL: Pool = Pool::new();

/// 0 if not yet decided.
static THREADS: AtomicUsize = AtomicUsize::new(0);

/// Returns the number of threads that share the work of large operations, including the calling thread.
///
/// The default is the number of cores that the machine has for this process. The environment variable `MLP_NUM_THREADS`
/// and [`set_threads`] override it. In any case it is at most 16, since work is cut into at most 16 parts. No result
/// depends on it, to the last bit. Operations that are too small to gain from more than one thread stay on the calling
/// one.
pub fn threads() -> usize {
    match THREADS.load(Ordering::Relaxed) {
        0 => decide(),
        threads => threads,
    }
}

/// Sets the number of threads that share the work, for the whole process. More than 16 count as 16.
///
/// ```
/// use core::num::NonZero;
///
/// mlp_cpu::set_threads(NonZero::<usize>::MIN); // the calling thread alone
/// assert_eq!(mlp_cpu::threads(), 1);
/// ```
pub fn set_threads(threads: NonZero<usize>) {
    THREADS.store(threads.get().min(MOST_THREADS), Ordering::Relaxed);
}

#[cold]
fn decide() -> usize {
    let threads = match wanted_threads() {
        Ok(Some(threads)) => threads,
        _ if cfg!(feature = "threads") => std::thread::available_parallelism().unwrap_or(NonZero::<usize>::MIN),
        _ => NonZero::<usize>::MIN,
    };
    let threads = threads.get().min(MOST_THREADS);
    // Keeps a number that another thread has set in the meantime.
    let _ = THREADS.compare_exchange(0, threads, Ordering::Relaxed, Ordering::Relaxed);
    THREADS.load(Ordering::Relaxed)
}

/// The most threads that share work, and the most parts that it is split into. More threads would only be woken and find
/// nothing to do.
pub(crate) const MOST_THREADS: usize = 16;

/// Returns the number of threads that `MLP_NUM_THREADS` asks for, if it is set.
pub(crate) fn wanted_threads() -> Result<Option<NonZero<usize>>, EnvironmentError> {
    parsed(
        "MLP_NUM_THREADS",
        || format!("a whole number from 1 on, where more than {MOST_THREADS} count as {MOST_THREADS}"),
        |text| match text.trim().parse::<NonZero<usize>>() {
            Err(error) if *error.kind() == IntErrorKind::PosOverflow => Some(NonZero::<usize>::MAX),
            number => number.ok(),
        },
    )
}

/// Runs `task(i, &mut items[i])` for every i, on all threads.
pub(crate) fn for_each<I: Send>(items: &mut [I], task: impl Fn(usize, &mut I) + Sync) {
    if items.len() < 2 || threads() < 2 {
        items.iter_mut().enumerate().for_each(|(i, item)| task(i, item));
    } else {
        hire();
        POOL.for_each(items, task);
    }
}

/// Starts the pool's threads if they are not running yet.
fn hire() {
    static HIRED: AtomicUsize = AtomicUsize::new(0);
    static HIRING: Mutex<()> = Mutex::new(());

    #[cold]
    fn more() {
        let wanted = threads() - 1;
        let _guard = HIRING.lock().unwrap_or_else(PoisonError::into_inner);
        for number in HIRED.load(Ordering::Relaxed)..wanted {
            let serve = move || POOL.serve(|| number + 1 < threads());
            if std::thread::Builder::new()
                .name(format!("mlp-{number}"))
                .spawn(serve)
                .is_err()
            {
                // The system has no more threads to give, so the existing ones do the work.
                break;
            }
        }
        HIRED.fetch_max(wanted, Ordering::Relaxed);
    }

    if HIRED.load(Ordering::Relaxed) + 1 < threads() {
        more();
    }
}
