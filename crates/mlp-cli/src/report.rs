//! The report of a model: one page that needs nothing else, with what a reader wants to know before trusting it.

use crate::chart::{Chart, extent};
use crate::commands::use_of;
use crate::error::Error;
use crate::options::TrainArgs;
use crate::text::{counted, cut, grouped, percent, short};
use minijinja::{Environment, UndefinedBehavior, context};
use mlp_core::Metric;
use mlp_table::{
    DependenceOptions, DependenceValue, Evaluation, Importance, ImportanceOptions, PartialDependence, Table,
    TableError, TableModel, Task,
};
use serde::Serialize;
use std::iter;
use std::ops::Range;

/// The most classes with a curve of their own, and in the confusion matrix.
const MOST_CURVES: usize = 6;
const MOST_CLASSES: usize = 50;
/// The most columns whose partial dependence is shown.
const MOST_DEPENDENCES: usize = 12;

/// Returns the page, in HTML. The template escapes all text that comes from the data.
pub(crate) fn page(model: &TableModel, table: &Table, args: &TrainArgs) -> Result<String, Error> {
    let tested = model.held_out().expect("the model was trained just now");
    let importances = model.held_out_importances(table, &ImportanceOptions::default())?;
    let target = model.target().name();
    let is_regression = model.task() == Task::Regression;
    let quality = match is_regression {
        true => quality_of_numbers(tested),
        false => quality_of_classes(model, tested),
    };
    let scores = model.scores().iter().map(|score| {
        let (low, high) = (short(score.low), short(score.high));
        context! { name => score_name(score.metric), value => short(score.value), low, high }
    });
    let columns = model.columns().iter().map(|column| {
        context! {
            name => column.name, kind => column.kind.to_string(), usage => use_of(column, target),
            distinct => column.distinct, distinct_shown => grouped(column.distinct),
            missing => column.missing, missing_shown => grouped(column.missing),
        }
    });
    let mut environment = Environment::new();
    environment.set_undefined_behavior(UndefinedBehavior::Strict);
    // The name ends in .html, so everything that is inserted is escaped.
    let template = ("report.html", include_str!("report/report.html"));
    environment
        .add_template(template.0, template.1)
        .expect("the template is valid");
    let context = context! {
        target,
        data => args.data.path.display().to_string(),
        summary => summary(model, table, args),
        scores => scores.collect::<Vec<_>>(),
        notes => model.notes(),
        networks => model.members(),
        is_regression,
        quality,
        baseline => baseline(model, tested),
        confusion => confusion(model, tested),
        importances => bars(&importances),
        importance_unit => if is_regression { "increase of the root mean squared error" } else { "increase of the log loss" },
        dependence => dependence(model, table, tested, &importances)?,
        columns => columns.collect::<Vec<_>>(),
        training => training(model),
        curves => curves(model),
        command => command(),
        origin => origin(model),
    };
    let page = environment.get_template(template.0).and_then(|it| it.render(context));
    Ok(page.expect("the template uses only what it is given"))
}

fn summary(model: &TableModel, table: &Table, args: &TrainArgs) -> String {
    let used = model
        .columns()
        .iter()
        .filter(|column| column.left_out.is_none())
        .count()
        - 1;
    let what = match model.classes() {
        None => "a number".to_owned(),
        Some(classes) => format!("one of {} classes", grouped(classes.len())),
    };
    format!(
        "Predicts {what} from {}, learned from {} of {}.",
        counted(used, "column"),
        counted(table.rows(), "row"),
        args.data.path.display()
    )
}

/// Returns the name of a score in words.
fn score_name(metric: Metric) -> String {
    match metric {
        Metric::Rmse => "root mean squared error".into(),
        Metric::Mae => "mean absolute error".into(),
        Metric::R2 => "share of the variance explained (R2)".into(),
        Metric::RocAuc => "area under the ROC curve".into(),
        other => other.to_string().replace('_', " "),
    }
}

/// Says how good it would be to predict the same for every row, for comparison.
fn baseline(model: &TableModel, tested: &Evaluation) -> String {
    let rows = tested.actual.len() as f64;
    match model.classes() {
        None => {
            let mean = tested.actual.iter().sum::<f64>() / rows;
            let variance = tested.actual.iter().map(|actual| (actual - mean).powi(2)).sum::<f64>() / rows;
            let (mean, deviation) = (short(mean), short(variance.sqrt()));
            format!("To predict the mean, {mean}, for every row would give a root mean squared error of {deviation}.")
        }
        Some(classes) => {
            let count = |class: usize| tested.actual.iter().filter(|&&actual| actual == class as f64).count();
            let most = (0..classes.len()).max_by_key(|&class| count(class)).unwrap_or(0);
            let (name, share) = (&classes.names()[most], short(count(most) as f64 / rows));
            format!("To predict the class “{name}” for every row would give an accuracy of {share}.")
        }
    }
}

fn training(model: &TableModel) -> String {
    let calibration = match model.task() {
        Task::Regression => {
            "Prediction intervals are conformal: they are as wide as the errors on rows held out.".into()
        }
        Task::Classification => format!(
            "Probabilities are calibrated on rows held out, by the temperature {}.",
            short(model.temperature())
        ),
    };
    format!(
        "{} of the recipe {}. Each keeps the parameters of its best epoch, by its error on rows it was not trained on. \
         {calibration}",
        counted(model.members(), "network"),
        model.recipe()
    )
}

/// Draws the losses and errors of every network by epoch.
fn curves(model: &TableModel) -> [Chart; 2] {
    let error = match model.task() {
        Task::Regression => "RMSE / standard deviation",
        Task::Classification => "1 - accuracy",
    };
    let of = |title: &str, axis: &str, value: fn(&mlp_table::EpochReport) -> f64| {
        let all = || model.curves().flatten();
        let epochs = all().map(|epoch| epoch.epoch).max().unwrap_or(1) as f64;
        // The first epochs are often so much worse that the others could not be told apart.
        let mut values: Vec<f64> = all().map(value).filter(|value| value.is_finite()).collect();
        values.sort_by(f64::total_cmp);
        let high = values.get(values.len() * 98 / 100).copied().unwrap_or(1.0);
        let low = values.first().copied().unwrap_or(0.0);
        let chart = Chart::new(title, ["epoch", axis], 1.0..epochs, low..high);
        model.curves().enumerate().fold(chart, |chart, (network, curve)| {
            chart.line(
                network % 6,
                curve.iter().map(|epoch| (epoch.epoch as f64, value(epoch))),
            )
        })
    };
    [
        of("Training loss of each network", "loss", |epoch| epoch.loss),
        of("Error on rows held out", error, |epoch| epoch.validation),
    ]
}

fn quality_of_numbers(tested: &Evaluation) -> Vec<Chart> {
    let predicted = tested.predictions.numbers().unwrap_or_default();
    let pairs = || predicted.iter().copied().zip(tested.actual.iter().copied());
    let range = extent(pairs().flat_map(|(predicted, actual)| [predicted, actual]));
    let ends = (range.start, range.end);
    let fitted = Chart::new("Predicted and actual", ["predicted", "actual"], range.clone(), range)
        .dots(0, pairs())
        .guide((ends.0, ends.0), (ends.1, ends.1));

    let mut residuals: Vec<f64> = pairs().map(|(predicted, actual)| actual - predicted).collect();
    residuals.sort_by(f64::total_cmp);
    let at = |share: f64| residuals[(share * (residuals.len() - 1) as f64) as usize];
    let (edges, heights) = histogram(&residuals, extent([at(0.005), at(0.995)]));
    let range = edges[0]..edges[edges.len() - 1];
    let tallest = heights.iter().copied().fold(0.0, f64::max);
    let errors = Chart::new("Residuals", ["actual - predicted", "rows"], range, 0.0..tallest).bars(0, &edges, &heights);

    let levels = (1..20).map(|i| f64::from(i) / 20.0);
    let covered = levels.filter_map(|level| Some((level, tested.coverage_by_halves(level)?)));
    let axes = ["probability of the interval", "share of rows inside"];
    let coverage = Chart::new("Coverage of intervals", axes, 0.0..1.0, 0.0..1.0)
        .guide((0.0, 0.0), (1.0, 1.0))
        .line(0, covered);
    vec![fitted, errors, coverage]
}

/// Counts values in 30 bins of a range; those outside are in the first and the last one.
fn histogram(values: &[f64], range: Range<f64>) -> (Vec<f64>, Vec<f64>) {
    const BINS: usize = 30;
    let width = ((range.end - range.start) / BINS as f64).max(f64::MIN_POSITIVE);
    let mut heights = vec![0.0; BINS];
    for value in values {
        let bin = ((value - range.start) / width).clamp(0.0, (BINS - 1) as f64);
        heights[bin as usize] += 1.0;
    }
    let edges = (0..=BINS).map(|bin| range.start + width * bin as f64);
    (edges.collect(), heights)
}

fn quality_of_classes(model: &TableModel, tested: &Evaluation) -> Vec<Chart> {
    let chart = |title: &str, axes| Chart::new(title, axes, 0.0..1.0, 0.0..1.0);
    let roc_axes = ["false positive rate", "true positive rate"];
    let mut roc = chart("ROC curve", roc_axes).guide((0.0, 0.0), (1.0, 1.0));
    let mut precision = chart("Precision and recall", ["recall", "precision"]);
    let calibration_axes = ["predicted probability", "share of the class"];
    let mut calibration = chart("Calibration", calibration_axes).guide((0.0, 0.0), (1.0, 1.0));
    for (color, (class, name)) in shown_classes(model, tested).into_iter().enumerate() {
        let curve = tested.curve(class);
        let rates = curve
            .iter()
            .map(|point| (point.false_positive_rate, point.true_positive_rate));
        roc = roc
            .line(color, iter::once((0.0, 0.0)).chain(rates))
            .with_legend(color, name);
        let recalls = curve.iter().map(|point| (point.true_positive_rate, point.precision));
        precision = precision.line(color, recalls).with_legend(color, name);
        let bins = tested.calibration(class, 10);
        let points = bins.iter().map(|bin| (bin.probability, bin.share));
        let titles = bins.iter().map(|bin| {
            let (probability, share) = (short(bin.probability), short(bin.share));
            format!(
                "{}: predicted {probability}, in the data {share}",
                counted(bin.rows, "row")
            )
        });
        calibration = calibration
            .line(color, points.clone())
            .marks(color, points.zip(titles))
            .with_legend(color, name);
    }
    vec![roc, precision, calibration]
}

/// Returns the classes that have curves, with their names: the second one of two, else the most frequent ones.
fn shown_classes<'a>(model: &'a TableModel, tested: &Evaluation) -> Vec<(usize, &'a str)> {
    let names = model.classes().map_or(&[][..], |classes| classes.names());
    let mut classes: Vec<usize> = match names.len() {
        2 => vec![1],
        count => (0..count).collect(),
    };
    let count = |class: &usize| tested.actual.iter().filter(|&&actual| actual == *class as f64).count();
    classes.sort_by_key(|class| std::cmp::Reverse(count(class)));
    classes.truncate(MOST_CURVES);
    classes.sort_unstable();
    classes
        .into_iter()
        .map(|class| (class, names[class].as_str()))
        .collect()
}

/// The counts of a confusion matrix, as the template shows them.
#[derive(Serialize)]
struct Confusion {
    names: Vec<String>,
    rows: Vec<ConfusionRow>,
}

#[derive(Serialize)]
struct ConfusionRow {
    cells: Vec<ConfusionCell>,
    recall: String,
}

#[derive(Serialize)]
struct ConfusionCell {
    count: String,
    /// The share of the rows of the class, which becomes the color.
    share: f64,
}

/// Returns the confusion matrix, unless it is too large to read.
fn confusion(model: &TableModel, tested: &Evaluation) -> Option<Confusion> {
    let names = model.classes()?.names().to_vec();
    if names.len() > MOST_CLASSES {
        return None;
    }
    let matrix = tested.confusion_matrix()?;
    let classes = 0..names.len();
    let cell = |truth: usize, predicted: usize| {
        let count = matrix.count(truth, predicted);
        let share = count / matrix.support(truth).max(1.0);
        let (count, share) = (grouped(count as usize), (share * 1e3).round() / 1e3);
        ConfusionCell { count, share }
    };
    let row = |truth: usize| ConfusionRow {
        cells: classes.clone().map(|predicted| cell(truth, predicted)).collect(),
        recall: percent(matrix.recall(truth)),
    };
    let rows = classes.clone().map(row).collect();
    Some(Confusion { names, rows })
}

/// The importance of a column, with a bar on a scale from 0 to 100.
#[derive(Serialize)]
struct Bar {
    column: String,
    mean: f64,
    shown: String,
    deviation: String,
    width: f64,
    from: f64,
    to: f64,
}

fn bars(importances: &[Importance]) -> Vec<Bar> {
    let longest = importances
        .iter()
        .map(|it| it.mean + it.deviation)
        .fold(f64::MIN_POSITIVE, f64::max);
    let length = |value: f64| ((1e3 * value / longest).round() / 10.0).clamp(0.0, 100.0);
    let bar = |it: &Importance| Bar {
        column: it.column.clone(),
        mean: it.mean,
        shown: short(it.mean),
        deviation: short(it.deviation),
        width: length(it.mean),
        from: length(it.mean - it.deviation),
        to: length(it.mean + it.deviation),
    };
    importances.iter().map(bar).collect()
}

/// Returns the outputs that have curves, with their names: the number, or some classes.
fn shown_outputs<'a>(model: &'a TableModel, tested: &Evaluation) -> Vec<(usize, &'a str)> {
    match model.classes() {
        None => vec![(0, model.target().name())],
        Some(_) => shown_classes(model, tested),
    }
}

/// Draws how predictions depend on the columns that matter most.
fn dependence(
    model: &TableModel,
    table: &Table,
    tested: &Evaluation,
    importances: &[Importance],
) -> Result<Vec<Chart>, Error> {
    let outputs = shown_outputs(model, tested);
    let important = importances.iter().filter(|it| it.mean > 0.0).take(MOST_DEPENDENCES);
    let options = DependenceOptions::default();
    let dependence = important.map(|it| model.partial_dependence(table, &it.column, &options));
    let dependence: Vec<PartialDependence> = dependence.collect::<Result<_, TableError>>()?;
    // One scale for all, so that strong and weak columns can be told apart.
    let means = dependence.iter().flat_map(|it| it.means.iter());
    let scale = extent(means.flat_map(|means| outputs.iter().map(|&(output, _)| means[output])));
    let margin = 0.04 * (scale.end - scale.start);
    let scale = scale.start - margin..scale.end + margin;
    let chart = |it| dependence_chart(it, &outputs, model.task(), scale.clone());
    Ok(dependence.iter().map(chart).collect())
}

fn dependence_chart(dependence: &PartialDependence, outputs: &[(usize, &str)], task: Task, scale: Range<f64>) -> Chart {
    let axis = match task {
        Task::Regression => "mean prediction".to_owned(),
        Task::Classification if outputs.len() == 1 => format!("probability of {}", cut(outputs[0].1, 20)),
        Task::Classification => "mean probability".to_owned(),
    };
    let title = cut(&dependence.column, 40);
    let names: Vec<String> = dependence.values.iter().map(shown).collect();
    let place = |(i, value): (usize, &DependenceValue)| match value {
        DependenceValue::Number(number) | DependenceValue::Date(number) => *number,
        _ => -(i as f64),
    };
    let places: Vec<f64> = dependence.values.iter().enumerate().map(place).collect();
    let is_category = matches!(dependence.values.first(), Some(DependenceValue::Category(_)));
    let mut chart = match dependence.values.first() {
        Some(DependenceValue::Category(_)) => Chart::of_rows(&title, &axis, scale, &names),
        _ => Chart::new(&title, ["", &axis], extent(places.iter().copied()), scale),
    };
    if let Some(DependenceValue::Date(_)) = dependence.values.first() {
        let labels = places.iter().copied().zip(names.iter().cloned());
        chart = chart.with_x_ticks(labels.step_by(places.len().div_ceil(3).max(1)));
    }
    for (color, &(output, name)) in outputs.iter().enumerate() {
        let means = dependence.means.iter().map(|means| means[output]);
        let points = places
            .iter()
            .zip(means.clone())
            .map(|(&place, mean)| match is_category {
                true => (mean, place),
                false => (place, mean),
            });
        let titles = names.iter().zip(means).map(|(value, mean)| match outputs.len() {
            1 => format!("{value}: {}", short(mean)),
            _ => format!("{value}: {name} {}", short(mean)),
        });
        if !is_category {
            chart = chart.line(color, points.clone());
        }
        chart = chart.marks(color, points.zip(titles));
        if outputs.len() > 1 {
            chart = chart.with_legend(color, name);
        }
    }
    chart
}

/// Formats a value of a column; of a date without the time.
fn shown(value: &DependenceValue) -> String {
    match value {
        DependenceValue::Number(number) => short(*number),
        DependenceValue::Date(_) => value.to_string().chars().take(10).collect(),
        _ => value.to_string(),
    }
}

/// Returns the command line, as one would type it in a shell.
fn command() -> String {
    let plain = |byte: u8| byte.is_ascii_alphanumeric() || b"-_./=:,@%+".contains(&byte);
    let word = |word: String| match !word.is_empty() && word.bytes().all(plain) {
        true => word,
        false => format!("'{}'", word.replace('\'', r"'\''")),
    };
    let arguments = std::env::args_os()
        .skip(1)
        .map(|it| word(it.to_string_lossy().into_owned()));
    iter::once("mlp".to_owned())
        .chain(arguments)
        .collect::<Vec<_>>()
        .join(" ")
}

fn origin(model: &TableModel) -> Vec<(&'static str, String)> {
    let provenance = model.provenance();
    let entries = [
        ("version", Some(format!("mlp {}", provenance.version))),
        ("seed", provenance.seed.map(|seed| seed.to_string())),
        ("hash of the data", provenance.data.clone()),
        ("recipe", Some(model.recipe().to_string())),
    ];
    entries
        .into_iter()
        .filter_map(|(name, value)| Some((name, value?)))
        .collect()
}
