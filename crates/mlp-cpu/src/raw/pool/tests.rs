use super::Pool;
use crate::raw::flush::{Mode, flush_subnormals};
use crate::threads;
use core::num::NonZero;
use core::sync::atomic::{AtomicBool, AtomicUsize, Ordering};
use std::any::Any;
use std::collections::HashSet;
use std::panic::{AssertUnwindSafe, catch_unwind, resume_unwind};
use std::sync::Mutex;
use std::sync::mpsc::{self, RecvTimeoutError};
use std::thread::{self, ThreadId};
use std::time::{Duration, Instant};

/// Longer than any test here takes, on however busy a machine.
const LONG: Duration = Duration::from_secs(60);

/// Returns a pool with `threads` threads in addition to those that submit jobs. The threads stay until the process
/// ends.
fn pool(threads: usize) -> &'static Pool {
    let pool: &'static Pool = Box::leak(Box::new(Pool::new()));
    for _ in 0..threads {
        thread::spawn(move || pool.serve(|| true));
    }
    pool
}

/// Runs `test`, and fails if it hangs.
#[track_caller]
fn within_time(test: impl FnOnce() + Send + 'static) {
    let (sender, receiver) = mpsc::channel();
    let test = thread::spawn(move || {
        test();
        // A test that fails drops the sender without sending.
        sender.send(()).expect("the receiver waits for the test");
    });
    match receiver.recv_timeout(LONG) {
        Err(RecvTimeoutError::Timeout) => panic!("the test hangs: it has not ended after {LONG:?}"),
        Ok(()) | Err(RecvTimeoutError::Disconnected) => {
            if let Err(failure) = test.join() {
                resume_unwind(failure);
            }
        }
    }
}

/// Checks that each of `tasks` tasks runs once.
fn assert_each_once(pool: &Pool, tasks: usize) {
    let counts: Vec<_> = (0..tasks).map(|_| AtomicUsize::new(0)).collect();
    pool.run(tasks, &|i| {
        counts[i].fetch_add(1, Ordering::Relaxed);
    });
    for (i, count) in counts.into_iter().enumerate() {
        assert_eq!(count.into_inner(), 1, "number of times that task {i} of {tasks} ran");
    }
}

/// Runs two tasks that wait for each other, which needs two threads. Returns true if they met within `time`.
fn meet(pool: &Pool, time: Duration) -> bool {
    let (arrived, met) = (AtomicUsize::new(0), AtomicUsize::new(0));
    pool.run(2, &|_| {
        arrived.fetch_add(1, Ordering::Relaxed);
        let start = Instant::now();
        while arrived.load(Ordering::Relaxed) < 2 && start.elapsed() < time {
            thread::yield_now();
        }
        met.fetch_add(arrived.load(Ordering::Relaxed) / 2, Ordering::Relaxed);
    });
    met.into_inner() == 2
}

#[test]
fn each_task_runs_once() {
    within_time(|| {
        for threads in [0, 1, 2, 7] {
            let pool = pool(threads);
            for tasks in (0..=70).chain([1000, 10_000]) {
                assert_each_once(pool, tasks);
            }
        }
    });
}

#[test]
fn a_task_has_its_own_item() {
    within_time(|| {
        let pool = pool(3);
        for length in 0..=40 {
            // Items that own memory, and that are not `Sync`.
            let mut items: Vec<_> = (0..length).map(|i| (vec![i; i % 5], std::cell::Cell::new(i))).collect();
            pool.for_each(&mut items, |i, (values, cell)| {
                assert_eq!((values.len(), cell.get()), (i % 5, i));
                values.push(100 + i);
                cell.set(cell.get() + 1000);
            });
            for (i, (values, cell)) in items.iter().enumerate() {
                assert_eq!(
                    (values.len(), values.last(), cell.get()),
                    (i % 5 + 1, Some(&(100 + i)), i + 1000)
                );
            }
        }
    });
}

/// A task's own jobs run on the task's own thread, at any depth.
#[test]
fn jobs_within_jobs() {
    within_time(|| {
        let pool = pool(3);
        for _ in 0..50 {
            let innermost = AtomicUsize::new(0);
            pool.run(9, &|_| {
                let thread = thread::current().id();
                pool.run(5, &|_| {
                    assert_eq!(thread::current().id(), thread);
                    pool.run(3, &|_| {
                        assert_eq!(thread::current().id(), thread);
                        innermost.fetch_add(1, Ordering::Relaxed);
                    });
                });
            });
            assert_eq!(innermost.into_inner(), 9 * 5 * 3);
        }
    });
}

/// A thread that finds the pool busy runs its job alone, and gets its own results.
#[test]
fn jobs_of_several_threads_at_once() {
    within_time(|| {
        let pool = pool(2);
        thread::scope(|scope| {
            for user in 0..4_usize {
                scope.spawn(move || {
                    for job in 0..3000_usize {
                        let mut items = vec![0; 1 + job % 11];
                        pool.for_each(&mut items, |i, item| *item += user + 10 * job + i);
                        for (i, item) in items.into_iter().enumerate() {
                            assert_eq!(item, user + 10 * job + i, "item {i} of job {job} of thread {user}");
                        }
                    }
                });
            }
        });
    });
}

/// Returns the payload that `run` panics with.
fn payload(run: impl FnOnce()) -> Box<dyn Any + Send> {
    catch_unwind(AssertUnwindSafe(run)).expect_err("the closure must panic")
}

#[test]
fn a_panic_comes_out_and_the_pool_goes_on() {
    within_time(|| {
        let pool = pool(3);
        for round in 0..200_usize {
            let ran = AtomicUsize::new(0);
            let tasks = 2 + round % 9;
            // No message is printed, unlike with `panic!`.
            let payload = payload(|| {
                pool.run(tasks, &|i| {
                    if i == round % tasks {
                        resume_unwind(Box::new(round));
                    }
                    ran.fetch_add(1, Ordering::Relaxed);
                });
            });
            assert_eq!(payload.downcast_ref(), Some(&round));
            assert_eq!(ran.into_inner(), tasks - 1, "the other tasks ran");
            assert_each_once(pool, tasks);
            assert!(meet(pool, LONG), "a thread of the pool is missing");
        }
        // Every task panics, in a job that it starts within the job.
        let payload = payload(|| {
            pool.run(20, &|i| {
                pool.run(2, &|_| resume_unwind(Box::new(i)));
            });
        });
        assert!(payload.downcast_ref::<usize>().is_some_and(|&i| i < 20));
        assert_each_once(pool, 20);
    });
}

/// Panics in a job of a thread that found the pool busy.
#[test]
fn a_panic_beside_another_job() {
    within_time(|| {
        let pool = pool(1);
        let (inside, done) = (AtomicBool::new(false), AtomicBool::new(false));
        thread::scope(|scope| {
            scope.spawn(|| {
                pool.run(2, &|_| {
                    inside.store(true, Ordering::Relaxed);
                    while !done.load(Ordering::Relaxed) {
                        thread::yield_now();
                    }
                });
            });
            while !inside.load(Ordering::Relaxed) {
                thread::yield_now();
            }
            let payload = payload(|| pool.run(3, &|_| resume_unwind(Box::new("beside"))));
            done.store(true, Ordering::Relaxed);
            assert_eq!(payload.downcast_ref(), Some(&"beside"));
        });
        assert_each_once(pool, 5);
    });
}

/// No job and no thread is lost, neither while threads watch for jobs nor while they sleep, nor in between.
#[test]
fn many_small_jobs() {
    within_time(|| {
        let pool = pool(2);
        let sum = AtomicUsize::new(0);
        for job in 0..100_000 {
            pool.run(2 + job % 3, &|i| {
                sum.fetch_add(i + 1, Ordering::Relaxed);
            });
        }
        // 1 + 2, 1 + 2 + 3, 1 + 2 + 3 + 4 in turn.
        assert_eq!(sum.into_inner(), 33_333 * (3 + 6 + 10) + 3);
    });
}

#[test]
fn threads_wake_up() {
    within_time(|| {
        let pool = pool(1);
        for job in 0..3000 {
            assert!(meet(pool, LONG), "job {job}: the other thread did not join");
            // About as long as a thread watches for a job before it sleeps, a little more or less each time.
            let (start, pause) = (Instant::now(), Duration::from_nanos(100 * (job % 1200)));
            while start.elapsed() < pause {
                core::hint::spin_loop();
            }
        }
    });
}

/// A thread that is not wanted takes no part, but takes part again when it is wanted.
#[test]
fn unwanted_threads_take_no_part() {
    static WANTED: AtomicBool = AtomicBool::new(false);
    within_time(|| {
        let pool = pool(0);
        thread::spawn(|| pool.serve(|| WANTED.load(Ordering::Relaxed)));
        for _ in 0..3 {
            WANTED.store(false, Ordering::Relaxed);
            assert_each_once(pool, 3);
            assert!(!meet(pool, Duration::from_millis(10)), "an unwanted thread joined");
            WANTED.store(true, Ordering::Relaxed);
            assert!(meet(pool, LONG), "a wanted thread did not join");
        }
    });
}

/// Returns the threads that work on the tasks of a job. The tasks wait for each other.
fn workers(time: Duration) -> HashSet<ThreadId> {
    let seen = Mutex::new(HashSet::new());
    let count = || seen.lock().unwrap().len();
    threads::for_each(&mut [(); 8], |_, ()| {
        seen.lock().unwrap().insert(thread::current().id());
        let start = Instant::now();
        while count() < threads::threads() && start.elapsed() < time {
            thread::yield_now();
        }
    });
    seen.into_inner().unwrap()
}

/// Tests the process's own pool. No other test of this executable sets the number of threads.
#[test]
fn the_number_of_threads_can_change() {
    within_time(|| {
        for threads in [1, 4, 1, 2, 5, 1] {
            threads::set_threads(NonZero::new(threads).unwrap());
            assert_eq!(threads::threads(), threads);
            if threads == 1 {
                let alone = workers(Duration::from_millis(1));
                assert_eq!(alone, HashSet::from([thread::current().id()]), "with one thread");
                continue;
            }
            // Another test may keep the pool busy. This thread then runs the job alone.
            let start = Instant::now();
            while workers(Duration::from_millis(100)).len() != threads {
                assert!(start.elapsed() < LONG, "fewer than {threads} threads joined");
            }
        }
    });
}

/// A payload that panics when dropped is given to the caller, or leaked.
#[test]
fn payloads_that_panic_do_no_harm() {
    struct Payload(usize);
    impl Drop for Payload {
        fn drop(&mut self) {
            panic!("dropped {}", self.0);
        }
    }
    within_time(|| {
        let pool = pool(1);
        for _ in 0..100 {
            let panic = catch_unwind(AssertUnwindSafe(|| {
                pool.run(8, &|i| std::panic::panic_any(Payload(i)));
            }));
            let payload = panic
                .expect_err("a task must panic")
                .downcast::<Payload>()
                .expect("the task's payload");
            assert!(payload.0 < 8);
            core::mem::forget(payload);
            assert_each_once(pool, 8);
        }
    });
}

/// Each thread computes in the mode of the thread that submitted the job, and in its own mode afterwards.
#[test]
fn a_job_runs_in_the_mode_of_its_thread() {
    within_time(|| {
        let pool = pool(1);
        let modes = || {
            let modes = Mutex::new(Vec::new());
            let barrier = std::sync::Barrier::new(2);
            pool.run(2, &|_| {
                barrier.wait(); // Both threads take part.
                modes.lock().unwrap().push(Mode::current());
            });
            modes.into_inner().unwrap()
        };
        for _ in 0..3 {
            let own = Mode::current();
            assert_eq!(modes(), [own; 2]);
            let _guard = flush_subnormals();
            let flushing = Mode::current();
            assert_eq!(modes(), [flushing; 2]);
        }
    });
}
