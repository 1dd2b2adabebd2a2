//! Makes the seeds of the fuzz targets in `seeds/`: small files from the crates' own writers, from PyTorch and from
//! scikit-learn, and damaged files.
//!
//! Run it with `cargo run --example seeds`.

use core::ops::ControlFlow;
use flate2::{Compression, write::GzEncoder};
use mlp_core::activations::{Elu, LeakyRelu, Sigmoid, Tanh};
use mlp_core::{
    Adagrad, Adam, AdamW, BinaryCrossEntropy, Classes, Dropout, EarlyStopping, Event, Every, FitOptions,
    GradientDescent, HalfMse, Huber, Lbfgs, Metric, Mlp, Model, ModelLoss, Momentum, Monitor, NAdam, Optimizer,
    Provenance, ReduceOnPlateau, RmsProp, Samples, Scaling, ScalingKind, Schedule, SoftmaxCrossEntropy, Trainer,
};
use mlp_cpu::{Element, Matrix};
use mlp_io::{Number, checkpoint_to_bytes, model_to_bytes, npz_to_bytes};
use mlp_table::{Inference, Kind, Overrides, Recipe, Table, TableModel, TableOptions};
use std::fs;
use std::io::Write as _;
use std::path::{Path, PathBuf};

type Outcome = Result<(), Box<dyn std::error::Error>>;

fn here() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).to_path_buf()
}

/// Writes a seed, which must be small.
fn seed(target: &str, name: &str, bytes: impl AsRef<[u8]>) -> Outcome {
    assert!(
        bytes.as_ref().len() <= 4096,
        "the seed {target}/{name} must have at most 4096 bytes, got {}",
        bytes.as_ref().len()
    );
    let directory = here().join("seeds").join(target);
    fs::create_dir_all(&directory)?;
    Ok(fs::write(directory.join(name), bytes)?)
}

/// Copies a fixture.
fn fixture(target: &str, path: &str) -> Outcome {
    let name = Path::new(path)
        .file_name()
        .and_then(|name| name.to_str())
        .unwrap_or_default();
    seed(target, name, fs::read(here().join("..").join(path))?)
}

/// Writes the start of a file, and the file with one more byte.
fn damaged(target: &str, name: &str, bytes: &[u8]) -> Outcome {
    seed(target, &format!("{name}_cut"), &bytes[..bytes.len() * 2 / 3])?;
    seed(target, &format!("{name}_longer"), [bytes, &[0]].concat())
}

fn network<T: Element>(sizes: &[usize], hidden: impl Into<mlp_core::ActivationKind>) -> Mlp<Matrix<T>> {
    Mlp::builder(sizes).hidden(hidden).seed(1).build().unwrap()
}

fn models() -> Outcome {
    let plain = model_to_bytes(&Model::new(network::<f32>(&[2, 3, 1], Tanh), HalfMse))?;
    seed("model", "plain_f32", &plain)?;
    damaged("model", "plain_f32", &plain)?;
    seed(
        "model",
        "plain_f32_newer",
        String::from_utf8_lossy(&plain).replace("version\\\":1", "version\\\":2"),
    )?;
    seed(
        "model",
        "one_f64",
        model_to_bytes(&Model::new(network::<f64>(&[1, 1], Tanh), HalfMse))?,
    )?;
    let regression = Model::new(network::<f64>(&[2, 2, 2], LeakyRelu::new(0.1)?), Huber::new(0.5)?)
        .with_input_scaling(Scaling::from_parts(
            ScalingKind::Standard,
            vec![0.5, -1e-300],
            vec![2.0, 0.1],
        )?)?
        .with_target_scaling(Scaling::from_parts(
            ScalingKind::MinMax,
            vec![-0.0, 3.0],
            vec![1.0, 1e10],
        )?)?
        .with_provenance(Provenance {
            version: "0.1.0".to_owned(),
            seed: Some(7),
            data: Some("sha256:\"0\" \u{e9}".to_owned()),
            note: None,
        });
    seed("model", "regression_f64", model_to_bytes(&regression)?)?;
    let classifier = Model::new(
        network::<f32>(&[1, 2, 2, 3], Elu::new(1.5)?),
        SoftmaxCrossEntropy::for_classes(),
    )
    .with_classes(Classes::new(["a", "b c", "\u{e9}"])?)?;
    seed("model", "classifier_f32", model_to_bytes(&classifier)?)?;
    let binary =
        Model::new(network::<f32>(&[1, 1], Tanh), BinaryCrossEntropy).with_classes(Classes::new(["0", "1"])?)?;
    seed("model", "binary_f32", model_to_bytes(&binary)?)?;
    let loss = ModelLoss::custom("log cosh", &[("width", 0.5)], &HalfMse);
    let custom = Model::new(network::<f64>(&[1, 2], Tanh), loss);
    seed("model", "custom_loss_f64", model_to_bytes(&custom)?)?;

    for name in [
        "f32",
        "f32_prefix",
        "f64_no_bias",
        "f64_deep",
        "tied",
        "words",
        "nested",
        "f16",
        "bf16",
    ] {
        fixture(
            "network",
            &format!("crates/mlp-io/tests/fixtures/pytorch_{name}.safetensors"),
        )?;
    }
    let bytes = fs::read(here().join("../crates/mlp-io/tests/fixtures/pytorch_f32.safetensors"))?;
    damaged("network", "pytorch_f32", &bytes)?;
    seed("network", "empty", [2, 0, 0, 0, 0, 0, 0, 0, b'{', b'}'])
}

fn arrays() -> Outcome {
    let regression = npz_to_bytes(&Model::new(network::<f64>(&[2, 2, 1], Sigmoid), HalfMse))?;
    seed("npz", "regression_f64", &regression)?;
    damaged("npz", "regression_f64", &regression)?;
    let softmax = Model::new(network::<f32>(&[1, 2], Tanh), SoftmaxCrossEntropy::for_classes());
    seed("npz", "softmax_f32", npz_to_bytes(&softmax)?)?;
    for name in [
        "binary_tanh",
        "regression_f32",
        "multioutput_relu_fortran",
        "compressed",
    ] {
        fixture("npz", &format!("tests/fixtures/sklearn/{name}.npz"))?;
    }
    Ok(())
}

/// Returns a checkpoint after three epochs. If `all`, the training has every part that has a state.
fn trained<T: Element + Number, O: Optimizer<Matrix<T>>>(
    optimizer: O,
    all: bool,
) -> Result<Vec<u8>, Box<dyn std::error::Error>> {
    let sizes = if all { [1, 2, 1] } else { [1, 1, 1] };
    let mut network = network::<T>(&sizes, Tanh);
    let mut trainer = Trainer::new(HalfMse, optimizer);
    if all {
        trainer = trainer
            .schedule(Schedule::warm_up(3)?.then(3, Schedule::cosine(9, 0.1)?), Every::Batch)
            .reduce_on_plateau(ReduceOnPlateau::new(0.5, 1)?, Monitor::TrainingLoss)
            .dropout(Dropout::new(0.25, 3)?)
            .early_stopping(EarlyStopping::new(4));
    }
    let input = Matrix::from_fn(1, 5, |_, j| T::from_f64(j as f64 / 4.0));
    let samples = Samples::new(&input, &input)?;
    let options = FitOptions::until(2).batch_size(2).shuffle(5);
    let mut errors = Vec::new();
    if all {
        trainer.fit_with(&mut network, samples.with_validation(samples), options, |progress| {
            if let Event::Epoch { .. } = progress.event {
                let evaluation = progress.network.evaluate(&HalfMse, samples, &[Metric::Mae]);
                errors.push(evaluation.expect("the samples fit the network").metrics[0]);
            }
            ControlFlow::Continue(())
        })?;
    }
    trainer.fit(&mut network, samples, FitOptions::until(3).batch_size(2))?;
    let mut state = trainer.state();
    if all {
        // The last epoch had no validation samples.
        errors.push(f64::NAN);
        state.history.metrics.push((Metric::Mae, errors));
    }
    Ok(checkpoint_to_bytes(&network, &state)?)
}

fn checkpoints() -> Outcome {
    let momentum = trained::<f32, _>(Momentum::new(0.1, 0.9)?, false)?;
    seed("checkpoint", "momentum_f32", &momentum)?;
    damaged("checkpoint", "momentum_f32", &momentum)?;
    seed(
        "checkpoint",
        "momentum_all_f64",
        trained::<f64, _>(Momentum::new(0.1, 0.9)?, true)?,
    )?;
    seed(
        "checkpoint",
        "gradient_descent_f64",
        trained::<f64, _>(GradientDescent::new(0.1)?, false)?,
    )?;
    seed("checkpoint", "adam_f64", trained::<f64, _>(Adam::new(0.1)?, false)?)?;
    seed("checkpoint", "adamw_f32", trained::<f32, _>(AdamW::new(0.1)?, false)?)?;
    seed("checkpoint", "nadam_f32", trained::<f32, _>(NAdam::new(0.1)?, false)?)?;
    seed(
        "checkpoint",
        "rms_prop_f32",
        trained::<f32, _>(RmsProp::new(0.1)?, false)?,
    )?;
    seed(
        "checkpoint",
        "adagrad_f32",
        trained::<f32, _>(Adagrad::new(0.1)?, false)?,
    )?;
    seed(
        "checkpoint",
        "lbfgs_f32",
        trained::<f32, _>(Lbfgs::new(0.5)?.history_size(1)?, false)?,
    )
}

fn csv() -> Outcome {
    seed("csv", "plain", "x,y\n0,1\n0.5,-2e-3\n")?;
    seed("csv", "mixed", "\u{feff}x1, y ,\"x2\"\r\n1,2,3\r\n\r\n 4 ,\"5\",6\r\n")?;
    seed("csv", "separator", "sep=;\rx;\"y\"\r\"1\r\";2\r")?;
    let wide = "\u{feff}sep=\t\nx\ty\n1\t2\n".encode_utf16().flat_map(u16::to_le_bytes);
    seed("csv", "utf16", wide.collect::<Vec<_>>())?;
    let mut gzip = GzEncoder::new(vec![], Compression::default());
    gzip.write_all(b"x,y\n1,2\n")?;
    seed("csv", "gzip", gzip.finish()?)?;
    seed("csv", "not_finite", "x,y\n1,1e39\n1,inf\n")?;
    seed("csv", "open_quote", "x,y\n1,\"2\n")?;
    seed("csv", "short_row", "x,y\n1\n")
}

fn demo() -> Outcome {
    let image = [&[0, 0, 8, 3, 0, 0, 0, 1, 0, 0, 0, 28, 0, 0, 0, 28][..], &[9; 784]].concat();
    let label = [0, 0, 8, 1, 0, 0, 0, 1, 9];
    for (number, name, bytes) in [
        (0, "images", &image[..]),
        (1, "labels", &label),
        (2, "t10k_images", &image),
        (3, "t10k_labels", &label),
    ] {
        seed("idx", name, [&[number], bytes].concat())?;
        let mut gzip = GzEncoder::new(vec![number], Compression::default());
        gzip.write_all(bytes)?;
        seed("idx", &format!("{name}_gz"), gzip.finish()?)?;
        damaged("idx", name, &[&[number], bytes].concat())?;
    }
    seed("idx", "large", [&[0, 0, 0, 8, 3][..], &[255; 12]].concat())
}

/// Models of tables with a single epoch of training.
fn tables() -> Outcome {
    let options = TableOptions {
        recipe: Recipe::Plain,
        overrides: Overrides {
            width: Some(8),
            ..Overrides::default()
        },
        ..TableOptions::default()
    };
    let row = |i: usize| format!("{},{},{}\n", i % 7, ["u", "v", "w"][i % 3], i % 3);
    let text = "a,b,y\n".to_owned() + &(0..30).map(row).collect::<String>();
    let table = Table::from_csv(text.as_bytes())?;
    for (name, kind) in [("number", Kind::Number), ("classes", Kind::Category)] {
        let options = TableOptions {
            inference: Inference::default().kind("y", kind),
            ..options.clone()
        };
        let model = TableModel::fit_with(&table, "y", &options, &|_| ControlFlow::Break(()))?;
        let bytes = model.to_bytes()?;
        seed("table", name, &bytes)?;
        damaged("table", name, &bytes)?;
    }
    // Eight members with a periodic embedding of `a` and an embedding of the nine values of `b`.
    let options = TableOptions {
        recipe: Recipe::Tabm,
        overrides: Overrides {
            width: Some(2),
            layers: Some(1),
            ..Overrides::default()
        },
        ..options
    };
    let row = |i: usize| format!("{},{},{}\n", i % 7, "rstuvwxyz".split_at(i % 9).1, i % 5);
    let text = "a,b,y\n".to_owned() + &(0..45).map(row).collect::<String>();
    let table = Table::from_csv(text.as_bytes())?;
    let model = TableModel::fit_with(&table, "y", &options, &|_| ControlFlow::Break(()))?;
    let bytes = model.to_bytes()?;
    seed("table", "tabm", &bytes)?;
    damaged("table", "tabm", &bytes)
}

fn texts() -> Outcome {
    for (name, text) in [
        (
            "composed",
            r#"{"then":{"first":{"warm_up":{"steps":5}},"steps":5,"second":{"times":[{"cosine":{"steps":95,"min_factor":0.01}},"constant"]}}}"#,
        ),
        (
            "one_cycle",
            r#"{"one_cycle":{"steps":100,"rise":0.3,"divisor":25.0,"final_divisor":10000.0}}"#,
        ),
        ("step", r#"{"step":{"every":2,"gamma":0.5}}"#),
        ("exponential", r#"{"exponential":{"gamma":1e-300}}"#),
        ("inverse_scaling", r#" { "inverse_scaling" : { "power" : 5e-1 } } "#),
        ("unknown", r#"{"times":["constant",{"sine":{"steps":1}}]}"#),
        ("open", r#"{"cosine":{"steps":5,"min_factor":0.1"#),
        ("out_of_range", r#"{"warm_up":{"steps":0}}"#),
    ] {
        seed("schedule", name, text)?;
    }
    for text in [
        "accuracy",
        "top_5",
        "top_05",
        "f1_of_1",
        "roc_auc",
        "leaky_relu",
        "tanh",
        "identity",
        "standard",
        "min_max",
    ] {
        seed("names", text, text)?;
    }
    Ok(())
}

fn main() -> Outcome {
    models()?;
    arrays()?;
    checkpoints()?;
    tables()?;
    csv()?;
    demo()?;
    texts()
}
