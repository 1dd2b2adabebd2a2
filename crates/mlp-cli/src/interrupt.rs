//! Ctrl-C, a closed terminal and a request to end: end the process at once, or let it keep what it has.

use crate::error::{Error, say};
use std::sync::atomic::{AtomicBool, Ordering::Relaxed};

/// Whether the command looks at [`requested`] and ends by itself.
static HEEDED: AtomicBool = AtomicBool::new(false);
static REQUESTED: AtomicBool = AtomicBool::new(false);

/// Installs the handler. A second Ctrl-C always ends the process. If one of the three signals is ignored, as under nohup
/// or in the background of a script, none is handled.
pub(crate) fn install() {
    let handler = || {
        REQUESTED.store(true, Relaxed);
        if !HEEDED.swap(false, Relaxed) {
            say(format_args!("error: {}", Error::Interrupted));
            std::process::exit(Error::Interrupted.exit_code().into());
        }
        say("stopping; press Ctrl-C again to end at once");
    };
    // Without a handler, Ctrl-C ends the process as usual, so there is nothing to be done about an error.
    let _ = ctrlc::try_set_handler(handler);
}

/// Says whether, from now on, the command ends by itself after Ctrl-C.
pub(crate) fn heed(heeded: bool) {
    HEEDED.store(heeded, Relaxed);
}

/// Returns whether the user pressed Ctrl-C.
pub(crate) fn requested() -> bool {
    REQUESTED.load(Relaxed)
}
