//! The `mlp-demo` command.

use std::process::ExitCode;

fn main() -> ExitCode {
    mlp_demo::cli::run(std::env::args_os())
}
