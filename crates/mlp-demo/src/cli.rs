//! The command line: parses it and runs the subcommand.

use std::env::ArgsOs;
use std::ffi::OsString;
use std::fmt::Display;
use std::io::{self, Write as _};
use std::process::ExitCode;

use clap::{Parser, Subcommand};
use mlp_cpu::check_environment;
use mlp_io::one_line;

use crate::commands::{classifier, notebook};
use crate::options::{DigitsArgs, MnistArgs, NotebookArgs};
use crate::printer::Printer;

/// Multi-layer perceptrons at work: a notebook's experiment, and classifiers of digits
///
/// Without a subcommand, `mlp-demo notebook` runs with its defaults: the experiment of the
/// notebook "Coding Neural Networks from Scratch". Two networks, [1, 1, 1] and [1, 4, 3, 1],
/// learn three samples, and each loss is printed beside the one that the notebook recorded.
///
/// Exit codes: 0 for success; 1 if training diverged; 2 if the input cannot be used. A message
/// then says what is wrong, where it is, and what was expected.
#[derive(Clone, Debug, Parser)]
#[command(name = "mlp-demo", version, verbatim_doc_comment)]
struct Cli {
    #[command(subcommand)]
    command: Option<Command>,
}

#[derive(Clone, Debug, Subcommand)]
enum Command {
    Notebook(NotebookArgs),
    Digits(DigitsArgs),
    Mnist(MnistArgs),
}

/// Runs the command with the arguments of the process and returns its exit code: 0 for success, 1 if training diverged,
/// 2 for bad input.
///
/// Results are written to standard output. The message about a failure, and a warning about an environment variable
/// with a value that cannot be used, are written to standard error.
pub fn run(arguments: ArgsOs) -> ExitCode {
    let command = match parse(arguments) {
        Ok(command) => command,
        Err(error) => {
            // Help and version go to standard output and are not failures. It is not an error if nobody reads them.
            let _ = error.print();
            return ExitCode::from(u8::try_from(error.exit_code()).unwrap_or(2));
        }
    };
    if let Err(error) = check_environment() {
        say("warning", format_args!("{error}; the default is used"));
    }
    let mut printer = Printer::stdout();
    let result = match &command {
        Command::Notebook(args) => notebook::run(args, &mut printer),
        Command::Digits(args) => classifier::digits(args, &mut printer),
        Command::Mnist(args) => classifier::mnist(args, &mut printer),
    };
    match result {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            say("error", &error);
            ExitCode::from(error.exit_code())
        }
    }
}

/// Prints a message as one line on standard error, where it does not mix with results. It is not an error if nobody
/// reads it.
fn say(kind: &str, message: impl Display) {
    let _ = writeln!(io::stderr(), "{kind}: {}", one_line(&message.to_string()));
}

/// Parses the subcommand. If there is none, returns the notebook's experiment with its defaults.
fn parse(arguments: impl IntoIterator<Item = OsString>) -> Result<Command, clap::Error> {
    let command = Cli::try_parse_from(arguments)?.command;
    Ok(command.unwrap_or_else(|| Command::Notebook(NotebookArgs::parse_from([""]))))
}

#[cfg(test)]
mod tests {
    use super::*;
    use clap::CommandFactory as _;
    use mlp_core::{ActivationKind, NoCustom};
    use mlp_io::Dtype;

    #[test]
    fn the_definition_is_sound() {
        Cli::command().debug_assert();
    }

    #[test]
    fn without_a_subcommand_it_is_the_notebook_with_its_constants() {
        let Command::Notebook(args) = parse(["mlp-demo".into()]).unwrap() else {
            panic!("expected the notebook command")
        };
        assert_eq!((args.learning_rate, args.negative_slope), (0.1, 0.01));
        assert_eq!((args.epochs, args.print_every, args.dtype), (100, 5, Dtype::F64));
        assert!(args.layers.is_none() && args.seed.is_none() && args.plot.is_none());
    }

    #[test]
    fn help_lists_every_activation() {
        let mut command = Cli::command();
        let digits = command.find_subcommand_mut("digits").unwrap();
        let help = digits.render_long_help().to_string();
        for name in ActivationKind::<NoCustom>::NAMES {
            assert!(help.contains(name), "{name}: {help}");
        }
    }
}
