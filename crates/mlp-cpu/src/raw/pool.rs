//! The threads that share the work of large operations.
//!
//! A job is a number of tasks. The thread that brings it works on it together with the pool's threads, each taking
//! the next task that nobody has; a thread that comes too late finds none, and nobody waits for a thread that has not
//! begun. So a job never takes longer than without the pool, but for the time of waking it.

#[cfg(test)]
mod tests;

use core::any::Any;
use core::cell::{Cell, UnsafeCell};
use core::sync::atomic::{AtomicBool, AtomicUsize, Ordering};
use std::panic::{AssertUnwindSafe, catch_unwind, resume_unwind};
use std::sync::{Condvar, Mutex, PoisonError};
use std::time::{Duration, Instant};

/// The tasks of a job, by number.
type Task<'a> = dyn Fn(usize) + Sync + 'a;

/// A thread that finds nothing to do looks out for this long before it sleeps: about as long as waking it would take.
const WATCH: Duration = Duration::from_micros(50);

pub(crate) struct Pool {
    /// The job in hand. Written by the owner of `busy` while the gate is shut and nobody is inside.
    job: UnsafeCell<Option<Job>>,
    busy: AtomicBool,
    /// 0: shut. Odd: open to join; each thread that does adds 2.
    gate: AtomicUsize,
    /// Counts the jobs, so that a thread does not join one twice.
    number: AtomicUsize,
    /// Threads that have joined and left.
    left: AtomicUsize,
    sleepers: Mutex<usize>,
    wake: Condvar,
}

// SAFETY: `job` is shared under the protocol of `run` and `join`; everything else is made to be shared.
unsafe impl Sync for Pool {}

struct Job {
    /// Borrowed for as long as `run` runs.
    task: *const Task<'static>,
    tasks: usize,
    next: AtomicUsize,
    panic: Mutex<Option<Box<dyn Any + Send>>>,
}

std::thread_local! {
    /// If this thread is working on a job: what it starts itself, it does alone.
    static INSIDE: Cell<bool> = const { Cell::new(false) };
}

impl Pool {
    pub(crate) const fn new() -> Self {
        Self {
            job: UnsafeCell::new(None),
            busy: AtomicBool::new(false),
            gate: AtomicUsize::new(0),
            number: AtomicUsize::new(0),
            left: AtomicUsize::new(0),
            sleepers: Mutex::new(0),
            wake: Condvar::new(),
        }
    }

    /// Runs `task(0)` to `task(tasks - 1)`, each once, in any order, and returns when all have. If the pool is at
    /// work already, for another thread or for this one, the caller does all of them.
    ///
    /// # Panics
    /// If a task does: with the payload of one of those that did. Where the pool has taken the job, all others have ended
    /// by then.
    pub(crate) fn run(&self, tasks: usize, task: &Task<'_>) {
        if INSIDE.get() || self.busy.swap(true, Ordering::Acquire) {
            (0..tasks).for_each(task);
            return;
        }
        let task: *const Task<'_> = task;
        let job = Job {
            // SAFETY: only the lifetime is changed. The pointer is used by threads that have joined, and this
            // function does not return, nor unwind, before all of them have left and the gate is shut.
            task: unsafe { core::mem::transmute::<*const Task<'_>, *const Task<'static>>(task) },
            tasks,
            next: AtomicUsize::new(0),
            panic: Mutex::new(None),
        };
        // SAFETY: `busy` makes this thread the only one to write; the gate is shut and nobody is inside.
        unsafe { *self.job.get() = Some(job) };
        self.left.store(0, Ordering::Relaxed);
        self.number.fetch_add(1, Ordering::Relaxed);
        self.gate.store(1, Ordering::Release);
        // Whoever takes the lock after us sees the gate, and we see whoever sleeps already.
        if *self.lock_sleepers() > 0 {
            self.wake.notify_all();
        }
        self.work();
        let joined = self.gate.swap(0, Ordering::AcqRel) >> 1;
        let mut rounds = 0_u32;
        while self.left.load(Ordering::Acquire) < joined {
            rounds += 1;
            if rounds.is_multiple_of(1 << 10) {
                std::thread::yield_now();
            } else {
                core::hint::spin_loop();
            }
        }
        // SAFETY: as above.
        let job = unsafe { (*self.job.get()).take() };
        self.busy.store(false, Ordering::Release);
        let panic = job.and_then(|job| job.panic.into_inner().unwrap_or_else(PoisonError::into_inner));
        if let Some(panic) = panic {
            resume_unwind(panic);
        }
    }

    /// Takes tasks until there are none. The caller is inside: it brought the job or has joined it.
    fn work(&self) {
        // SAFETY: nobody writes while somebody is inside.
        let Some(job) = (unsafe { &*self.job.get() }) else {
            return;
        };
        INSIDE.set(true);
        loop {
            let i = job.next.fetch_add(1, Ordering::Relaxed);
            if i >= job.tasks {
                break;
            }
            // SAFETY: the pointer lives until all have left, see `run`.
            let task = unsafe { &*job.task };
            if let Err(payload) = catch_unwind(AssertUnwindSafe(|| task(i))) {
                let mut first = job.panic.lock().unwrap_or_else(PoisonError::into_inner);
                if first.is_none() {
                    *first = Some(payload);
                } else {
                    // Dropping it could panic, and leave the job with others inside.
                    core::mem::forget(payload);
                }
            }
        }
        INSIDE.set(false);
    }

    /// Runs `task(i, &mut items[i])` for every i.
    ///
    /// # Panics
    /// As [`run`](Self::run).
    pub(crate) fn for_each<I: Send>(&self, items: &mut [I], task: impl Fn(usize, &mut I) + Sync) {
        /// A pointer that other threads may have.
        struct Items<I>(*mut I);
        // SAFETY: each thread gets items of its own, and they are `Send`.
        unsafe impl<I: Send> Sync for Items<I> {}
        impl<I> Items<I> {
            fn get(&self, i: usize) -> *mut I {
                self.0.wrapping_add(i)
            }
        }

        let pointer = Items(items.as_mut_ptr());
        self.run(items.len(), &|i| {
            // SAFETY: i is below the number of items, and each i comes once: nobody else has a reference to this one.
            let item = unsafe { &mut *pointer.get(i) };
            task(i, item);
        });
    }

    /// The life of one of the pool's threads, which takes part while `wanted` says so.
    pub(crate) fn serve(&self, wanted: impl Fn() -> bool) {
        let mut done = 0;
        let mut since = Instant::now();
        let mut rounds = 0_u32;
        loop {
            let joined = if wanted() {
                self.join(&mut done)
            } else {
                // As if it had done the job in hand: nothing to look out for.
                done = self.number.load(Ordering::Relaxed);
                false
            };
            if joined {
                self.work();
                self.left.fetch_add(1, Ordering::Release);
                since = Instant::now();
            } else {
                rounds = rounds.wrapping_add(1);
                if rounds.is_multiple_of(64) && since.elapsed() > WATCH {
                    self.sleep(done);
                    since = Instant::now();
                }
                core::hint::spin_loop();
            }
        }
    }

    /// Goes in, if the gate is open for a job other than number `done`, which becomes that job's.
    fn join(&self, done: &mut usize) -> bool {
        let gate = self.gate.load(Ordering::Acquire);
        if gate & 1 == 0 || self.number.load(Ordering::Relaxed) == *done {
            return false;
        }
        let joined = self
            .gate
            .compare_exchange(gate, gate + 2, Ordering::AcqRel, Ordering::Relaxed)
            .is_ok();
        if joined {
            // Nobody changes it while somebody is inside.
            *done = self.number.load(Ordering::Relaxed);
        }
        joined
    }

    /// Until there is a job other than number `done`.
    fn sleep(&self, done: usize) {
        let mut sleepers = self.lock_sleepers();
        *sleepers += 1;
        while self.gate.load(Ordering::Acquire) & 1 == 0 || self.number.load(Ordering::Relaxed) == done {
            sleepers = self.wake.wait(sleepers).unwrap_or_else(PoisonError::into_inner);
        }
        *sleepers -= 1;
    }

    fn lock_sleepers(&self) -> std::sync::MutexGuard<'_, usize> {
        self.sleepers.lock().unwrap_or_else(PoisonError::into_inner)
    }
}
