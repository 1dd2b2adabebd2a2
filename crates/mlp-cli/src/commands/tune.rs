//! `mlp tune`: searches for better settings of a recipe at random, and keeps the best model.

use super::learning::{hash, hash_of_file, read, say_notes, scores_json, settings, watched};
use super::train::named_after;
use crate::error::{Error, say};
use crate::interrupt;
use crate::options::{Format, LearningArgs, TuneArgs};
use crate::output::{Files, print};
use crate::text::{aligned, counted, short};
use mlp_core::Metric;
use mlp_io::{quoted, write_atomically};
use mlp_table::{Kind, Overrides, Recipe, Score, TableModel, TableOptions};
use rand::rngs::Xoshiro256PlusPlus;
use rand::{RngExt as _, SeedableRng as _};
use serde::{Deserialize, Serialize};
use serde_json::{Value, json};
use std::collections::BTreeMap;
use std::fs;
use std::path::Path;
use std::time::Instant;

/// The file of a search: what determines it, and the trials that are finished.
#[derive(Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
struct Search {
    run: Run,
    trials: Vec<Trial>,
}

/// What determines the trials: they can be continued only if all of it is the same.
#[derive(Default, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
struct Run {
    version: String,
    data: Option<String>,
    target: String,
    recipe: String,
    seed: u64,
    folds: usize,
    group: Option<String>,
    time: Option<String>,
    kind: BTreeMap<String, Kind>,
    missing: Vec<String>,
}

/// Settings and what they reached.
#[derive(Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
struct Trial {
    overrides: Overrides,
    scores: Vec<Score>,
    seconds: f64,
    /// The hash of its model, which was saved because it was the best one so far.
    model: Option<String>,
}

impl Trial {
    /// Returns the score that the search minimizes: the root mean squared error, or the log loss.
    fn score(&self) -> Option<&Score> {
        let is_minimized = |score: &&Score| matches!(score.metric, Metric::Rmse | Metric::LogLoss);
        self.scores.iter().find(is_minimized)
    }

    fn value(&self) -> f64 {
        self.score().map_or(f64::INFINITY, |score| score.value)
    }
}

impl Search {
    /// Returns the position of the best trial, the first of equally good ones.
    fn best(&self) -> Option<usize> {
        let values = self.trials.iter().map(Trial::value).enumerate();
        values.min_by(|a, b| a.1.total_cmp(&b.1)).map(|(trial, _)| trial)
    }
}

pub(crate) fn run(args: &TuneArgs) -> Result<(), Error> {
    let (data, begin) = (&args.data.path, Instant::now());
    let trials = args
        .trials_file
        .clone()
        .unwrap_or_else(|| named_after(data, "trials.json"));
    let save = args
        .save
        .clone()
        .unwrap_or_else(|| named_after(data, "tuned.safetensors"));
    let resumed = trials.is_file() && !args.force;
    Files::reading([("DATA", data.as_path()), ("--save", &save)], args.force || resumed)
        .writing("--trials-file", &trials)?;
    let (table, options) = read(&args.data, &args.learning)?;
    // Without a hash, nothing shows that it is the same table again.
    if resumed && options.data.is_none() {
        let got =
            "standard input or a pipe, which may be another table; name other files, or add --force to begin anew";
        return Err(Error::unexpected("DATA", "a file, to continue a search", got));
    }
    let target = &args.learning.target;
    let columns = options.columns(&table, target)?;
    columns.folds(&table, &options.fold_by, options.folds, options.seed)?;
    say_notes(&columns.notes());
    let run = record(&args.learning, &options);
    let mut search = match resumed {
        true => resume(&trials, run)?,
        false => Search { run, trials: vec![] },
    };
    // A model that this search saved may be replaced by a better one.
    let saved = hash_of_file(&save);
    let is_own = saved.is_some() && search.trials.iter().any(|trial| trial.model == saved);
    let read_only = [("DATA", data.as_path()), ("--trials-file", &trials)];
    Files::reading(read_only, args.force || is_own).writing("--save", &save)?;
    let is_over = |done| done >= args.trials || done > 0 && args.budget.is_some_and(|budget| begin.elapsed() >= budget);
    let fit = |overrides: &Overrides| {
        let mut options = options.clone();
        options.overrides = overrides.clone();
        watched(|observer| TableModel::fit_with(&table, target, &options, observer))
    };
    let files = [trials.as_path(), &save];
    run_trials(&mut search, files, &options, is_over, fit)?;
    let best = search.best().ok_or(Error::Interrupted)?;
    let saved = hash_of_file(&save);
    if saved.is_none() || saved != search.trials[best].model {
        let again = (!interrupt::requested()).then(|| {
            say("note: training the best trial again, because its model was not saved, or is gone");
            fit(&search.trials[best].overrides)
        });
        match again {
            Some(model) if !interrupt::requested() => keep(&mut search, best, &model?, files)?,
            // A model whose training was stopped is not that of the trial.
            _ => {
                say(format_args!("note: the trials are in {}", trials.display()));
                return Err(Error::Interrupted);
            }
        }
    }
    print_results(args, &search, &save, &trials)
}

/// Runs trials and adds them to the file of the search; the best model is saved at once. `files` are that of the trials
/// and that of the model.
fn run_trials(
    search: &mut Search,
    files: [&Path; 2],
    options: &TableOptions,
    is_over: impl Fn(usize) -> bool,
    fit: impl Fn(&Overrides) -> Result<TableModel, Error>,
) -> Result<(), Error> {
    while !is_over(search.trials.len()) {
        let trial = search.trials.len();
        let overrides = drawn(options.recipe, options.seed, trial);
        let start = Instant::now();
        let model = match fit(&overrides) {
            // A trial that was not finished is not comparable, but those before it are.
            Ok(_) if interrupt::requested() => break,
            Err(Error::Interrupted) if trial > 0 => break,
            // Extreme settings may diverge; the trials after them need not. The first trial is the recipe as it is.
            Err(error) if trial > 0 => Err(error),
            result => Ok(result?),
        };
        let scores = model.as_ref().map_or(vec![], |model| model.scores().to_vec());
        search.trials.push(Trial {
            overrides,
            scores,
            seconds: start.elapsed().as_secs_f64(),
            model: None,
        });
        let finished = &search.trials[trial];
        let reached = model.as_ref().map_or_else(Error::to_string, |_| shown(finished));
        let settings = settings(&finished.overrides);
        say(format_args!("trial {}: {reached}; {settings}", trial + 1));
        match model {
            Ok(model) if search.best() == Some(trial) => keep(search, trial, &model, files)?,
            _ => write(search, files[0])?,
        }
    }
    Ok(())
}

/// Saves the model of a trial. Its hash is recorded first, so that a model that this search saved is known as its own
/// wherever the process may end.
fn keep(search: &mut Search, trial: usize, model: &TableModel, [trials, save]: [&Path; 2]) -> Result<(), Error> {
    let model = model.to_bytes()?;
    search.trials[trial].model = hash(&model[..]);
    write(search, trials)?;
    Ok(write_atomically(save, |file| file.write_all(&model))?)
}

/// Writes the file of the search.
fn write(search: &Search, path: &Path) -> Result<(), Error> {
    let json = serde_json::to_vec_pretty(search).expect("numbers and texts are valid JSON");
    Ok(write_atomically(path, |file| file.write_all(&json))?)
}

fn record(learning: &LearningArgs, options: &TableOptions) -> Run {
    Run {
        version: env!("CARGO_PKG_VERSION").to_owned(),
        data: options.data.clone(),
        target: learning.target.clone(),
        recipe: learning.recipe.clone(),
        seed: learning.seed,
        folds: learning.folds,
        group: learning.group.clone(),
        time: learning.time.clone(),
        kind: learning.kind.iter().cloned().collect(),
        missing: learning.missing.clone(),
    }
}

/// Reads the trials of the same search.
fn resume(path: &Path, run: Run) -> Result<Search, Error> {
    let file = path.display();
    let read = fs::read(path).map_err(|error| Error::refused(format_args!("{file}: cannot be read: {error}")))?;
    let advice = "name another file with --trials-file, or add --force to begin anew";
    let search: Search = serde_json::from_slice(&read).map_err(|error| {
        let expected = "the trials of an earlier `mlp tune`";
        Error::refused(format_args!("{file}: expected {expected}: {error}; {advice}"))
    })?;
    let [before, now] = [&search.run, &run].map(|run| json!(run));
    for (part, expected) in before.as_object().expect("it is a structure") {
        let got = &now[part];
        if expected != got {
            let part = match part.as_str() {
                "version" => "the version of mlp".to_owned(),
                "data" => "the hash of the data".to_owned(),
                _ => format!("--{part}"),
            };
            let [expected, got] = [expected, got].map(|value| match value {
                Value::Null => "none".to_owned(),
                Value::String(text) => quoted(text),
                value => value.to_string(),
            });
            let expected = format_args!("{expected}, as in the search to continue ({file})");
            return Err(Error::unexpected(part, expected, format_args!("{got}; {advice}")));
        }
    }
    let done = counted(search.trials.len(), "trial");
    say(format_args!("note: {file}: continuing after {done}"));
    Ok(search)
}

/// Draws the settings of a trial; the first trial is the recipe as it is.
///
/// The space is that of RealMLP in TabArena, as far as recipes have its settings. `plain` does not scale its weights as
/// RealMLP does, so its learning rates are a decade around that of scikit-learn, 0.001, on each side.
fn drawn(recipe: Recipe, seed: u64, trial: usize) -> Overrides {
    if trial == 0 {
        return Overrides::default();
    }
    // Trials of different seeds have nothing in common.
    let mut seeds = Xoshiro256PlusPlus::seed_from_u64(seed);
    let seed = (0..trial).fold(0, |_, _| seeds.random());
    let mut random = Xoshiro256PlusPlus::seed_from_u64(seed);
    let mut logarithmic = |low: f64, high: f64| random.random_range(low.ln()..=high.ln()).exp();
    let (low, high) = match recipe {
        Recipe::Plain => (1e-4, 1e-2),
        _ => (0.02, 0.3),
    };
    let (learning_rate, weight_decay) = (logarithmic(low, high), logarithmic(0.001, 0.05));
    Overrides {
        learning_rate: Some(learning_rate),
        weight_decay: Some(weight_decay),
        dropout: Some(random.random_range(0.0..0.5)),
        width: Some(random.random_range(256..=512)),
        layers: Some(random.random_range(2..=4)),
        ..Overrides::default()
    }
}

fn shown(trial: &Trial) -> String {
    trial.score().map_or("no score".to_owned(), |score| {
        format!(
            "{} {} ({} to {})",
            score.metric,
            short(score.value),
            short(score.low),
            short(score.high)
        )
    })
}

/// Prints the best trials.
fn print_results(args: &TuneArgs, search: &Search, save: &Path, trials: &Path) -> Result<(), Error> {
    const MOST: usize = 20;
    let mut ranked: Vec<(usize, &Trial)> = (1..).zip(&search.trials).collect();
    ranked.sort_by(|a, b| a.1.value().total_cmp(&b.1.value()));
    if args.format == Format::Json {
        let trial = |(number, trial): &(usize, &Trial)| {
            let (scores, seconds) = (scores_json(&trial.scores), trial.seconds);
            json!({"trial": number, "settings": trial.overrides, "scores": scores, "seconds": seconds})
        };
        let leaderboard: Vec<_> = ranked.iter().map(trial).collect();
        let (model, file) = (save.display().to_string(), trials.display().to_string());
        let result = json!({"target": args.learning.target, "trials": leaderboard, "model": model, "file": file});
        return print(&format!("{result}\n"));
    }
    let header = ["trial", "score on rows held out", "seconds", "settings"]
        .map(String::from)
        .to_vec();
    let rows = ranked.iter().take(MOST).map(|(number, trial)| {
        let seconds = format!("{:.1}", trial.seconds);
        vec![number.to_string(), shown(trial), seconds, settings(&trial.overrides)]
    });
    let rows: Vec<Vec<String>> = [header].into_iter().chain(rows).collect();
    print(&format!(
        "{} for {}, best first:\n\n{}\nThe best of many looks a little better than it is; `mlp evaluate` it on other \
         rows.\n\nModel: {}\nTrials: {}\n",
        counted(search.trials.len(), "trial"),
        quoted(&args.learning.target),
        aligned(&rows, &[true, false, true, false]),
        save.display(),
        trials.display()
    ))
}

#[cfg(test)]
mod tests {
    use super::*;
    use mlp_table::Table;

    #[test]
    fn a_model_is_recorded_before_it_is_saved() {
        let rows: String = (0..40).map(|i| format!("{i}.5,{}\n", i % 7)).collect();
        let table = Table::from_csv(format!("a,y\n{rows}").as_bytes()).unwrap();
        let options = TableOptions {
            recipe: Recipe::Plain,
            ..TableOptions::default()
        };
        let model = TableModel::fit(&table, "y", &options).unwrap();
        let trial = Trial {
            overrides: Overrides::default(),
            scores: vec![],
            seconds: 0.0,
            model: None,
        };
        let mut search = Search {
            run: Run::default(),
            trials: vec![trial],
        };
        let directory = tempfile::tempdir().unwrap();
        let [trials, save] = ["t", "no/m"].map(|name| directory.path().join(name));
        assert!(keep(&mut search, 0, &model, [&trials, &save]).is_err());
        let recorded: Search = serde_json::from_slice(&fs::read(trials).unwrap()).unwrap();
        assert_eq!(recorded.trials[0].model, hash(&model.to_bytes().unwrap()[..]));
    }

    #[test]
    fn the_first_trial_is_the_recipe_and_the_others_are_in_the_space() {
        assert_eq!(drawn(Recipe::Auto, 7, 0), Overrides::default());
        assert_eq!(drawn(Recipe::Auto, 7, 3), drawn(Recipe::Auto, 7, 3));
        assert_ne!(drawn(Recipe::Auto, 0, 3), drawn(Recipe::Auto, 1, 2));
        for trial in 1..200 {
            let plain = drawn(Recipe::Plain, 7, trial).learning_rate.unwrap();
            assert!((1e-4..=1e-2 + 1e-9).contains(&plain));
            let drawn = drawn(Recipe::Auto, 7, trial);
            assert!((0.02..=0.3 + 1e-9).contains(&drawn.learning_rate.unwrap()));
            assert!((0.0..0.5).contains(&drawn.dropout.unwrap()));
            assert!((256..=512).contains(&drawn.width.unwrap()));
            assert!((2..=4).contains(&drawn.layers.unwrap()));
        }
    }
}
