//! The pool of threads that share the work of large operations.
//!
//! A job is a number of tasks. The thread that submits it works on it together with the pool's threads. Each takes the
//! next task that has not been taken. A thread that arrives too late finds no task left, and no thread waits for one
//! that has not begun. A job therefore never takes longer than without the pool, apart from the time to wake the
//! threads.

#[cfg(test)]
mod tests;

use super::flush::Mode;
use core::any::Any;
use core::cell::{Cell, UnsafeCell};
use core::sync::atomic::{AtomicBool, AtomicUsize, Ordering};
use std::panic::{AssertUnwindSafe, catch_unwind, resume_unwind};
use std::sync::{Condvar, Mutex, PoisonError};
use std::time::{Duration, Instant};

/// The tasks of a job, by number.
type Task<'a> = dyn Fn(usize) + Sync + 'a;

/// A thread that finds nothing to do watches for a job this long before it sleeps. Waking it would take about as long.
const WATCH: Duration = Duration::from_micros(50);

pub(crate) struct Pool {
    /// The current job. Written only by the owner of `busy`, while the gate is shut and no thread is inside.
    job: UnsafeCell<Option<Job>>,
    busy: AtomicBool,
    /// 0 if the gate is shut. Odd if it is open to join; each thread that joins adds 2.
    gate: AtomicUsize,
    /// Counts the jobs, so that a thread does not join one twice.
    number: AtomicUsize,
    /// The number of threads that have joined the job and left it.
    left: AtomicUsize,
    sleepers: Mutex<usize>,
    wake: Condvar,
}

// SAFETY: `job` is accessed only as `run` and `join` allow: one thread writes it, while no thread is inside to read it.
// All other fields are `Sync`.
unsafe impl Sync for Pool {}

struct Job {
    /// Borrowed until `run` returns.
    task: *const Task<'static>,
    tasks: usize,
    next: AtomicUsize,
    /// The mode of the thread that submitted the job, in which all threads work on it.
    mode: Mode,
    panic: Mutex<Option<Box<dyn Any + Send>>>,
}

std::thread_local! {
    /// Whether this thread is working on a job. A job that it starts meanwhile runs on this thread alone.
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

    /// Runs `task(0)` to `task(tasks - 1)`, each once, in any order, and returns when all have ended. If the pool is
    /// already busy, for another thread or for this one, the caller runs all of them.
    ///
    /// # Panics
    /// Panics if a task panics, with the payload of one of those that did. If the pool has taken the job, all other
    /// tasks have ended by then.
    pub(crate) fn run(&self, tasks: usize, task: &Task<'_>) {
        if INSIDE.get() || self.busy.swap(true, Ordering::Acquire) {
            (0..tasks).for_each(task);
            return;
        }
        let task: *const Task<'_> = task;
        let job = Job {
            // SAFETY: only the lifetime changes. Only this thread and threads that have joined use the pointer, and
            // this function neither returns nor unwinds before all of them have left and the gate is shut.
            task: unsafe { core::mem::transmute::<*const Task<'_>, *const Task<'static>>(task) },
            tasks,
            next: AtomicUsize::new(0),
            mode: Mode::current(),
            panic: Mutex::new(None),
        };
        // SAFETY: this thread set `busy`, so no other thread writes. The gate is shut and no thread is inside, so no
        // other thread reads.
        unsafe { *self.job.get() = Some(job) };
        self.left.store(0, Ordering::Relaxed);
        self.number.fetch_add(1, Ordering::Relaxed);
        self.gate.store(1, Ordering::Release);
        // A thread that takes the lock after this one sees the open gate, and this thread sees those that already
        // sleep.
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
        // SAFETY: this thread still owns `busy`. It has shut the gate, and `left` has reached `joined`, so no thread is
        // inside.
        let job = unsafe { (*self.job.get()).take() };
        self.busy.store(false, Ordering::Release);
        let panic = job.and_then(|job| job.panic.into_inner().unwrap_or_else(PoisonError::into_inner));
        if let Some(panic) = panic {
            resume_unwind(panic);
        }
    }

    /// Takes tasks until there are none left. The caller must be inside: it submitted the job or has joined it.
    fn work(&self) {
        // SAFETY: the caller is inside, and no thread writes `job` while a thread is inside: `run` waits until all have
        // left.
        let Some(job) = (unsafe { &*self.job.get() }) else {
            return;
        };
        let _mode = job.mode.enter();
        INSIDE.set(true);
        loop {
            let i = job.next.fetch_add(1, Ordering::Relaxed);
            if i >= job.tasks {
                break;
            }
            // SAFETY: the task lives until every thread has left, because `run` waits for them.
            let task = unsafe { &*job.task };
            if let Err(payload) = catch_unwind(AssertUnwindSafe(|| task(i))) {
                let mut first = job.panic.lock().unwrap_or_else(PoisonError::into_inner);
                if first.is_none() {
                    *first = Some(payload);
                } else {
                    // Dropping the payload could panic, and so leave the job while other threads are inside.
                    core::mem::forget(payload);
                }
            }
        }
        INSIDE.set(false);
    }

    /// Runs `task(i, &mut items[i])` for every i.
    ///
    /// # Panics
    /// Panics like [`run`](Self::run).
    pub(crate) fn for_each<I: Send>(&self, items: &mut [I], task: impl Fn(usize, &mut I) + Sync) {
        /// A pointer that other threads may use.
        struct Items<I>(*mut I);
        // SAFETY: `run` gives each index to one thread only, so threads use different items, and the items are `Send`.
        unsafe impl<I: Send> Sync for Items<I> {}
        impl<I> Items<I> {
            fn get(&self, i: usize) -> *mut I {
                self.0.wrapping_add(i)
            }
        }

        let pointer = Items(items.as_mut_ptr());
        self.run(items.len(), &|i| {
            // SAFETY: `run` passes each i below `items.len()` once, so the item exists and no other reference to it
            // does.
            let item = unsafe { &mut *pointer.get(i) };
            task(i, item);
        });
    }

    /// The loop of a pool thread. The thread takes part in jobs while `wanted` returns true.
    pub(crate) fn serve(&self, wanted: impl Fn() -> bool) {
        let mut done = 0;
        let mut since = Instant::now();
        let mut rounds = 0_u32;
        loop {
            let joined = if wanted() {
                self.join(&mut done)
            } else {
                // Treats the current job as done, so that there is nothing to watch for.
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

    /// Joins the current job if the gate is open and the job is not number `done`. Sets `done` to its number and
    /// returns true if it joined.
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
            // The number does not change while a thread is inside.
            *done = self.number.load(Ordering::Relaxed);
        }
        joined
    }

    /// Sleeps until there is a job other than number `done`.
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
