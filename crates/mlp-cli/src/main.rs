//! The command `mlp`.

#![forbid(unsafe_code)]

mod chart;
mod commands;
mod error;
mod interrupt;
mod model;
mod network;
mod options;
mod output;
mod report;
mod text;
mod writer;

use clap::{Parser, Subcommand};
use error::say;
use mlp_cpu::check_environment;
use std::process::ExitCode;

/// From a table in a file to a model, its predictions and a report
#[derive(Clone, Debug, Parser)]
#[command(
    name = "mlp",
    version,
    arg_required_else_help = true,
    after_help = "\
From a table to a model and back:
  mlp train houses.csv --target price                  learns to predict the column price;
                                                       writes houses.safetensors and houses.html
  mlp evaluate --model houses.safetensors sold.csv     measures the error on other rows
  mlp predict --model houses.safetensors new.csv       prints a price for each row
  mlp export --model houses.safetensors --to onnx --out houses.onnx

`mlp COMMAND --help` has all options of a command, and examples.

Exit codes: 0 for success; 2 if the input cannot be used, and a message then says what is wrong,
where, and what was expected; 130 after Ctrl-C, SIGTERM or SIGHUP if no result was written.
MLP_NUM_THREADS sets the number of threads."
)]
struct Cli {
    #[command(subcommand)]
    command: Command,
}

#[derive(Clone, Debug, Subcommand)]
enum Command {
    Train(options::TrainArgs),
    Predict(options::PredictArgs),
    Evaluate(options::EvaluateArgs),
    CrossValidate(options::CrossValidateArgs),
    Tune(options::TuneArgs),
    Inspect(options::InspectArgs),
    Export(options::ExportArgs),
}

fn main() -> ExitCode {
    let command = match Cli::try_parse() {
        Ok(cli) => cli.command,
        Err(error) => {
            // Help and version go to standard output and are not failures. It is not an error if nobody reads them.
            let _ = error.print();
            return ExitCode::from(u8::try_from(error.exit_code()).unwrap_or(2));
        }
    };
    if let Err(error) = check_environment() {
        say(format_args!("warning: {error}; the default is used"));
    }
    interrupt::install();
    let result = match &command {
        Command::Train(args) => commands::train(args),
        Command::Predict(args) => commands::predict(args),
        Command::Evaluate(args) => commands::evaluate(args),
        Command::CrossValidate(args) => commands::cross_validate(args),
        Command::Tune(args) => commands::tune(args),
        Command::Inspect(args) => commands::inspect(args),
        Command::Export(args) => commands::export(args),
    };
    match result {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            say(format_args!("error: {error}"));
            ExitCode::from(error.exit_code())
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use clap::CommandFactory as _;
    use mlp_core::{ActivationKind, NoCustom};

    #[test]
    fn the_definition_is_sound() {
        Cli::command().debug_assert();
    }

    #[test]
    fn help_lists_every_activation() {
        let mut command = Cli::command();
        let subcommand = command.find_subcommand_mut("predict").unwrap();
        let help = subcommand.render_long_help().to_string();
        for name in ActivationKind::<NoCustom>::NAMES {
            assert!(help.contains(name), "{name}: {help}");
        }
    }
}
