//! `mlp predict`: writes what a model predicts for the rows of a table, in constant memory.

use super::evaluate::unknown;
use crate::error::{Error, say};
use crate::model::{self, AnyModel};
use crate::options::PredictArgs;
use crate::output::{Files, Output};
use crate::text::counted;
use crate::writer::{Format, Writer};
use crate::{interrupt, network};
use arrow_array::RecordBatch;
use arrow_schema::Schema;
use mlp_io::quoted;
use mlp_table::{Parts, Table, TableError, Task};
use std::collections::BTreeMap;
use std::sync::Arc;
use std::sync::mpsc::sync_channel;
use std::thread;

/// The rows that are read, predicted and written at a time.
const ROWS: usize = 8192;

pub(crate) fn run(args: &PredictArgs) -> Result<(), Error> {
    let (path, data, out) = (&args.model.path, &args.data.path, args.out.out.as_deref());
    let format = Format::of(out, args.format)?;
    if let Some(out) = out {
        Files::reading([("--model", path.as_path()), ("DATA", data)], args.out.force).writing("--out", out)?;
    }
    let model = model::load(path, args.model.activation.as_ref())?;
    let mut parts = args.data.reader().parts(data, ROWS)?;
    let first = parts.next().expect("there is always a first part")?;
    let mut predictor = Predictor::new(args, &model, &first)?;
    let batch = predictor.predict(&first)?;
    // The temporary file of --out must be removed; there is none of standard output.
    interrupt::heed(out.is_some());
    let mut writer = Writer::create(Output::create(out)?, format, &batch.schema())?;
    if writer.write(&batch)? {
        stream(parts, |part| predictor.predict(part), writer)?;
    }
    for (column, rows) in &predictor.unknown {
        say(unknown(column, *rows));
    }
    if predictor.unbounded > 0 {
        let rows = counted(predictor.unbounded, "row");
        say(format_args!(
            "note: no interval for {rows}: too few rows were held out in the training for this level"
        ));
    }
    Ok(())
}

/// Reads, predicts and writes at the same time, each in a thread, with a few parts in memory.
fn stream(
    parts: Parts,
    mut predict: impl FnMut(&Table) -> Result<RecordBatch, Error> + Send,
    mut writer: Writer,
) -> Result<(), Error> {
    // A thread that ends, because of an error or because nobody reads what it writes, closes its channel, and the thread
    // before it ends too.
    thread::scope(|scope| {
        let (read, parts_read) = sync_channel::<Result<Table, TableError>>(2);
        let (predicted, batches) = sync_channel(2);
        let predicting = scope.spawn(move || {
            for part in parts_read {
                if interrupt::requested() {
                    return Err(Error::Interrupted);
                }
                if predicted.send(predict(&part?)?).is_err() {
                    break;
                }
            }
            Ok(())
        });
        let writing = scope.spawn(move || {
            for batch in batches {
                if !writer.write(&batch)? {
                    break;
                }
            }
            Ok::<_, Error>(writer)
        });
        for part in parts {
            if read.send(part).is_err() {
                break;
            }
        }
        drop(read);
        predicting.join().expect("predicting does not panic")?;
        writing.join().expect("writing does not panic")?.commit()
    })
}

/// A model that predicts one part of a file after the other.
struct Predictor<'a> {
    args: &'a PredictArgs,
    model: &'a AnyModel,
    /// The columns of the inputs of a network.
    columns: Vec<String>,
    /// The rows before the next part.
    before: usize,
    /// The rows without an interval.
    unbounded: usize,
    /// In how many rows a column has a value that is unknown to the model.
    unknown: BTreeMap<String, usize>,
}

impl<'a> Predictor<'a> {
    /// Checks that the model fits the options and the columns of a table.
    fn new(args: &'a PredictArgs, model: &'a AnyModel, table: &Table) -> Result<Self, Error> {
        let (path, data, keep) = (&args.model.path, &args.data.path, &args.out.keep);
        let columns = match model {
            AnyModel::Table(_) => vec![],
            AnyModel::F32(model) => network::columns(model, path, table, data, keep)?,
            AnyModel::F64(model) => network::columns(model, path, table, data, keep)?,
        };
        let other = match model {
            AnyModel::Table(model) if model.task() == Task::Regression => None,
            AnyModel::Table(_) => Some("one of classes"),
            AnyModel::F32(_) | AnyModel::F64(_) => Some("a network"),
        };
        if let (Some(_), Some(other)) = (args.interval, other) {
            let expected = format_args!("{} to be a model of numbers, which `mlp train` made", path.display());
            return Err(Error::unexpected("--interval", expected, other));
        }
        Ok(Self {
            args,
            model,
            columns,
            before: 0,
            unbounded: 0,
            unknown: BTreeMap::new(),
        })
    }

    /// Returns the columns to keep and the predictions.
    fn predict(&mut self, table: &Table) -> Result<RecordBatch, Error> {
        let place = |row| format!("{}: row {}", self.args.data.path.display(), self.before + row + 1);
        let predictions = match self.model {
            AnyModel::Table(model) => {
                let predictions = model.predict(table)?;
                for (column, rows) in predictions.unknown() {
                    *self.unknown.entry(column.clone()).or_default() += rows;
                }
                let intervals = self.args.interval.and_then(|level| predictions.intervals(level));
                self.unbounded += intervals.map_or(0, |ends| ends.iter().filter(|(low, _)| low.is_infinite()).count());
                predictions.to_batch(self.args.interval)
            }
            AnyModel::F32(model) => network::predict(model, table, &self.columns, place)?,
            AnyModel::F64(model) => network::predict(model, table, &self.columns, place)?,
        };
        self.before += table.rows();
        beside(table, &self.args.out.keep, &predictions)
    }
}

/// Returns the columns of `table` with the names in `keep`. `is_own` says which names the columns of predictions have.
pub(super) fn kept(table: &Table, keep: &[String], is_own: impl Fn(&str) -> bool) -> Result<Table, Error> {
    for (i, name) in keep.iter().enumerate() {
        let expected = match keep[..i].contains(name) {
            true => "each column once",
            false if is_own(name) => "a column whose name is not one of the predictions",
            false => continue,
        };
        return Err(Error::unexpected("--keep", expected, quoted(name)));
    }
    Ok(table.select(keep)?)
}

/// Puts the columns of `table` with the names in `keep` before the predictions for its rows.
pub(super) fn beside(table: &Table, keep: &[String], predictions: &RecordBatch) -> Result<RecordBatch, Error> {
    let own = predictions.schema_ref();
    let kept = kept(table, keep, |name| own.field_with_name(name).is_ok())?;
    let kept = kept.batch();
    let fields = [kept.schema_ref().fields().to_vec(), own.fields().to_vec()].concat();
    let columns = [kept.columns(), predictions.columns()].concat();
    let batch = RecordBatch::try_new(Arc::new(Schema::new(fields)), columns);
    Ok(batch.expect("the columns are of equal length"))
}
