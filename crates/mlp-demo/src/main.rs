//! The `mlp-demo` command.

use std::process::ExitCode;

fn main() -> ExitCode {
    mlp_demo::run(std::env::args_os())
}
