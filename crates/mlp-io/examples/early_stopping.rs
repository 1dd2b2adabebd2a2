//! Classification with early stopping. It uses labels with names, splits that keep the share of each class, and higher
//! weights for rare classes. It prints the history of the training as CSV on the standard output, and everything else
//! on the standard error.
//!
//! ```sh
//! cargo run --release -p mlp-io --example early_stopping > history.csv
//! ```
#![allow(clippy::print_stdout, clippy::print_stderr, reason = "an example shows what it does")]

use mlp_core::activations::Relu;
use mlp_core::{
    Adam, ClassWeights, Classes, ConfusionMatrix, Dataset, EarlyStopping, FitOptions, History, Metric, Mlp, Model,
    Scaling, SoftmaxCrossEntropy, StopReason, Trainer,
};
use mlp_cpu::Matrix;
use rand::rngs::Xoshiro256PlusPlus;
use rand::{RngExt as _, SeedableRng as _};
use std::error::Error;

const SEED: u64 = 1;
const PATIENCE: u64 = 20;

fn main() -> Result<(), Box<dyn Error>> {
    let (input, labels) = fruit(&[("apple", 200), ("lemon", 100), ("plum", 40)]);
    let classes = Classes::of_labels(&labels)?;
    let data = Dataset::new(input, classes.indices(&labels)?)?;
    // A fifth is the test set, which training never sees. A fourth of the rest decides when to stop.
    let (rest, test) = data.stratified_split(0.2, SEED)?;
    let (train, validation) = rest.stratified_split(0.25, SEED)?;

    // The scaling and the class weights are fitted on the training set only.
    let scaling = Scaling::standard(train.input())?;
    let labels = train.labels()?;
    let weights = ClassWeights::balanced(&labels, classes.len())?;
    let train = train.weighted(weights.sample_weights(&labels)?)?;
    let scaled = |part: &Dataset<Matrix<f32>>| part.map_input(|input| scaling.apply(input));
    let (scaled_train, scaled_validation) = (scaled(&train)?, scaled(&validation)?);

    // The network has far more parameters than the data need. Without early stopping it would memorize the samples.
    let loss = SoftmaxCrossEntropy::for_classes();
    let mut network = Mlp::<Matrix<f32>>::builder(&[2, 64, 64, classes.len()])
        .hidden(Relu)
        .seed(SEED)
        .build()?;
    let mut trainer = Trainer::new(loss, Adam::new(0.005)?)
        .early_stopping(EarlyStopping::new(PATIENCE))
        .metrics(&[Metric::BalancedAccuracy, Metric::F1, Metric::RecallOf(2)]); // class 2 is the plums
    let data = scaled_train.samples().with_validation(scaled_validation.samples());
    let options = FitOptions::epochs(10_000).batch_size(16).shuffle(SEED);
    let fitted = trainer.fit(&mut network, data, options)?;

    let history = trainer.history();
    print_csv(history);

    let StopReason::Patience {
        best_epoch: Some(best_epoch),
    } = fitted.stop
    else {
        return Err("early stopping should have ended the training".into());
    };
    eprintln!(
        "stopped after {} epochs, the best was epoch {best_epoch}",
        fitted.epochs
    );
    assert_eq!(fitted.epochs, best_epoch + 1 + PATIENCE);

    // The network has the exact parameters of the best epoch again.
    let best = history.validation_loss.iter().copied().fold(f64::INFINITY, f64::min);
    let evaluation = network.evaluate(&loss, scaled_validation.samples(), &[])?;
    assert_eq!(evaluation.loss, best);

    // The model takes raw features and knows the names of the classes.
    let model = Model::new(network, loss)
        .with_input_scaling(scaling)?
        .with_classes(classes)?;
    let names = model.classes().ok_or("the model has no classes")?.names();
    let confusion = model
        .scores(test.samples())?
        .confusion_matrix()
        .ok_or("the model has no classes to compare")?;
    print_classes(&confusion, names);
    let accuracy = confusion.balanced_accuracy().ok_or("the test set is empty")?;
    eprintln!("balanced accuracy on the {} test samples: {accuracy:.3}", test.len());
    assert!(
        accuracy > 0.85,
        "balanced accuracy {accuracy} is too low: the classes overlap only a little"
    );

    let lemon = model.classify(&Matrix::from_columns(&[[1.45, 110.0]]));
    assert_eq!(lemon[0].map(|class| names[class].as_str()), Some("lemon"));
    Ok(())
}

/// Prints precision and recall of each class.
fn print_classes(confusion: &ConfusionMatrix, names: &[String]) {
    eprintln!("\n{:>8} {:>9} {:>6}", "", "precision", "recall");
    for (class, name) in names.iter().enumerate() {
        let (precision, recall) = (confusion.precision(class), confusion.recall(class));
        eprintln!(
            "{name:>8} {:>9.3} {:>6.3}",
            precision.unwrap_or(f64::NAN),
            recall.unwrap_or(f64::NAN)
        );
    }
}

/// Prints a line of column names, then a line for each epoch.
fn print_csv(history: &History) {
    print!("epoch,learning_rate,loss,validation_loss");
    for (metric, _) in &history.metrics {
        print!(",{metric}");
    }
    println!();
    for epoch in 0..history.epochs() {
        print!(
            "{epoch},{},{},{}",
            history.learning_rate[epoch], history.loss[epoch], history.validation_loss[epoch]
        );
        for (_, values) in &history.metrics {
            print!(",{}", values[epoch]);
        }
        println!();
    }
}

/// Returns samples of fruit and their labels: the ratio of length to width, and the weight in grams.
fn fruit(counts: &[(&'static str, usize)]) -> (Matrix<f32>, Vec<&'static str>) {
    let mut random = Xoshiro256PlusPlus::seed_from_u64(SEED);
    // The sum of four uniform numbers is close to normal.
    let mut around =
        |mean: f32, spread: f32| mean + spread * (0..4).map(|_| random.random_range(-1.0..1.0)).sum::<f32>();
    let (mut samples, mut labels) = (Vec::new(), Vec::new());
    for &(name, count) in counts {
        for _ in 0..count {
            samples.push(match name {
                "apple" => [around(1.0, 0.1), around(150.0, 25.0)],
                "lemon" => [around(1.4, 0.1), around(110.0, 18.0)],
                _ => [around(1.1, 0.1), around(60.0, 14.0)],
            });
            labels.push(name);
        }
    }
    (Matrix::from_columns(&samples), labels)
}
