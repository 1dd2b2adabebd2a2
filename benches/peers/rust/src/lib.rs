//! Code shared by the engines written in Rust: the engine's side of the protocol, and reading of data.

pub mod peak;

use serde::Deserialize;
use std::error::Error;
use std::io::{BufRead, Write};
use std::time::Duration;
use std::{fs, io};

/// The message `setup`.
#[derive(Clone, Debug, Deserialize)]
pub struct Setup {
    pub layers: Vec<usize>,
    pub batch: usize,
    pub activation: String,
    /// `None` for inference.
    pub loss: Option<String>,
    pub optimizer: Option<String>,
    pub learning_rate: f64,
    pub dtype: String,
    pub threads: usize,
    weights: Vec<String>,
    biases: Vec<String>,
    input: String,
    target: Option<String>,
}

/// Weights (n_out x n_in, in row order) and bias of a layer.
pub struct Layer<T> {
    pub inputs: usize,
    pub outputs: usize,
    pub weights: Vec<T>,
    pub bias: Vec<T>,
}

/// A number in a raw file.
pub trait Number: Sized {
    const BYTES: usize;
    fn from_bytes(bytes: &[u8]) -> Self;
}

macro_rules! number {
    ($($type:ty),*) => {$(
        impl Number for $type {
            const BYTES: usize = size_of::<$type>();
            fn from_bytes(bytes: &[u8]) -> Self {
                Self::from_le_bytes(bytes.try_into().expect("chunks of that size"))
            }
        }
    )*};
}
number!(f32, f64, i32);

impl Setup {
    pub fn layers<T: Number>(&self) -> io::Result<Vec<Layer<T>>> {
        let sizes = self.layers.windows(2);
        sizes
            .zip(self.weights.iter().zip(&self.biases))
            .map(|(pair, (weights, bias))| {
                Ok(Layer {
                    inputs: pair[0],
                    outputs: pair[1],
                    weights: read(weights)?,
                    bias: read(bias)?,
                })
            })
            .collect()
    }

    /// Sample after sample.
    pub fn input<T: Number>(&self) -> io::Result<Vec<T>> {
        read(&self.input)
    }

    /// Sample after sample; for softmax cross-entropy the class indices, as `i32`.
    pub fn target<T: Number>(&self) -> io::Result<Vec<T>> {
        read(self.target.as_ref().expect("training has a target"))
    }
}

fn read<T: Number>(path: &str) -> io::Result<Vec<T>> {
    Ok(fs::read(path)?.chunks_exact(T::BYTES).map(T::from_bytes).collect())
}

/// A network that is ready for training or inference.
pub trait Engine {
    /// Returns the losses of that many steps, each before its update; in inference the outputs.
    fn check(&mut self, steps: usize) -> Result<Vec<f64>, Box<dyn Error>>;

    /// Returns the time that this many steps or predictions take.
    fn run(&mut self, steps: usize) -> Result<Duration, Box<dyn Error>>;
}

#[derive(Deserialize)]
#[serde(tag = "do", rename_all = "lowercase")]
enum Message {
    Setup(Box<Setup>),
    Check { steps: usize },
    Run { steps: usize },
}

/// Answers messages until the input ends. An error is the reason why this engine does not support a request.
pub fn serve(
    version: &str,
    build: impl Fn(&Setup) -> Result<Box<dyn Engine>, Box<dyn Error>>,
) -> Result<(), Box<dyn Error>> {
    let mut engine: Option<Box<dyn Engine>> = None;
    for line in io::stdin().lock().lines() {
        let reply = match serde_json::from_str(&line?)? {
            Message::Setup(setup) => {
                drop(engine.take()); // frees its memory before the next engine allocates
                build(&setup).map(|built| {
                    engine = Some(built);
                    serde_json::json!({ "ready": version })
                })
            }
            Message::Check { steps } => {
                let engine = engine.as_mut().ok_or("check before setup")?;
                engine
                    .check(steps)
                    .map(|values| serde_json::json!({ "values": values }))
            }
            Message::Run { steps } => {
                let engine = engine.as_mut().ok_or("run before setup")?;
                engine
                    .run(steps)
                    .map(|time| serde_json::json!({ "seconds": time.as_secs_f64() }))
            }
        };
        let reply = reply.unwrap_or_else(|reason| serde_json::json!({ "missing": reason.to_string() }));
        let mut stdout = io::stdout().lock();
        writeln!(stdout, "{reply}")?;
        stdout.flush()?;
    }
    Ok(())
}
