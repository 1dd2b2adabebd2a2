//! Panics of a programmer's mistakes: what they say, and whether they name the line of the call.

use std::cell::RefCell;
use std::panic::{AssertUnwindSafe, Location, catch_unwind, set_hook, take_hook};
use std::sync::Once;

/// Asserts that `mistake` panics with the message `expected`, in the file of the caller.
#[track_caller]
pub(crate) fn assert_panic(expected: &str, mistake: impl FnOnce()) {
    static HOOK: Once = Once::new();
    thread_local! { static FILE: RefCell<String> = const { RefCell::new(String::new()) }; }
    HOOK.call_once(|| {
        let other_hook = take_hook();
        set_hook(Box::new(move |panic| {
            FILE.set(panic.location().map_or("", Location::file).to_owned());
            other_hook(panic);
        }));
    });
    let panic = catch_unwind(AssertUnwindSafe(mistake)).expect_err("no panic");
    let message = panic.downcast_ref::<String>().cloned();
    let message = message.unwrap_or_else(|| (*panic.downcast_ref::<&str>().expect("a message")).to_owned());
    assert_eq!(message, expected);
    assert_eq!(
        FILE.take(),
        Location::caller().file(),
        "{expected}: the file of the panic"
    );
}
