//! Code that the benches share: the networks, the unit of measurement, and the data.

// Each bench is a separate crate and uses only a part of this module.
#![allow(dead_code)]

use criterion::measurement::{Measurement, ValueFormatter, WallTime};
use criterion::{Criterion, Throughput};
use mlp_core::Mlp;
use mlp_core::activations::{LeakyRelu, Relu};
use mlp_cpu::{Element, Matrix};
use rand::rngs::Xoshiro256PlusPlus;
use rand::{RngExt, SeedableRng};
use std::time::{Duration, Instant};

/// A network and a batch size.
pub(crate) struct Workload {
    pub(crate) layers: &'static [usize],
    pub(crate) batch: usize,
    /// Whether the targets are classes, for softmax cross-entropy. Otherwise they are real numbers, for the half
    /// squared error.
    pub(crate) classes: bool,
}

/// The workloads, from the notebook's networks to those for MNIST.
pub(crate) const WORKLOADS: [Workload; 5] = [
    Workload {
        layers: &[1, 1, 1],
        batch: 3,
        classes: false,
    },
    Workload {
        layers: &[1, 4, 3, 1],
        batch: 3,
        classes: false,
    },
    Workload {
        layers: &[13, 64, 64, 1],
        batch: 32,
        classes: false,
    },
    Workload {
        layers: &[784, 128, 10],
        batch: 32,
        classes: true,
    },
    Workload {
        layers: &[784, 512, 512, 10],
        batch: 128,
        classes: true,
    },
];

impl Workload {
    /// Returns a name like `f32/784x128x10/b32`.
    pub(crate) fn name<T>(&self) -> String {
        let layers: Vec<_> = self.layers.iter().map(ToString::to_string).collect();
        format!("{}/{}/b{}", std::any::type_name::<T>(), layers.join("x"), self.batch)
    }

    /// Builds the network, with leaky ReLU in the notebook's networks and ReLU in the others.
    pub(crate) fn network<T: Element>(&self) -> Mlp<Matrix<T>> {
        let builder = Mlp::builder(self.layers).seed(1);
        let builder = if self.layers[0] == 1 {
            builder.hidden(LeakyRelu::default())
        } else {
            builder.hidden(Relu)
        };
        builder.build().expect("the sizes are valid")
    }

    pub(crate) fn input<T: Element>(&self) -> Matrix<T> {
        random(self.layers[0], self.batch, 2)
    }

    pub(crate) fn target<T: Element>(&self) -> Matrix<T> {
        let outputs = self.layers[self.layers.len() - 1];
        if self.classes {
            Matrix::from_fn(1, self.batch, |_, j| T::from_f64((j % outputs) as f64))
        } else {
            random(outputs, self.batch, 3)
        }
    }

    /// Returns the number of multiplications and additions in the products of one forward pass.
    pub(crate) fn forward_flops(&self) -> u64 {
        let weights: usize = self.layers.windows(2).map(|pair| pair[0] * pair[1]).sum();
        2 * (weights * self.batch) as u64
    }

    /// Returns the same for a training step: the forward pass, the gradient of all weights, and the backward pass
    /// through all layers but the first.
    pub(crate) fn step_flops(&self) -> u64 {
        let first = self.layers[0] * self.layers[1];
        3 * self.forward_flops() - 2 * (first * self.batch) as u64
    }
}

/// Returns a matrix of random numbers between -1 and 1.
pub(crate) fn random<T: Element>(rows: usize, columns: usize, seed: u64) -> Matrix<T> {
    let mut rng = Xoshiro256PlusPlus::seed_from_u64(seed);
    Matrix::from_fn(rows, columns, |_, _| T::from_f64(2.0 * rng.random::<f64>() - 1.0))
}

/// Panics unless `got` is `expected`, within the rounding of the type relative to 1.
pub(crate) fn assert_close<T: Element>(what: &str, got: T, expected: f64) {
    let tolerance = if size_of::<T>() == 4 { 1e-4 } else { 1e-12 };
    let difference = (got.to_f64() - expected).abs();
    assert!(
        difference <= tolerance * expected.abs().max(1.0),
        "{what}: expected {expected}, got {got}"
    );
}

/// Returns the numbers of samples and floating-point operations, for [`Rates`].
pub(crate) fn throughput(samples: usize, flops: u64) -> Throughput {
    Throughput::ElementsAndBytes {
        elements: samples as u64,
        bytes: flops,
    }
}

/// Returns a Criterion configuration that measures in [`Rates`], for seconds rather than minutes.
pub(crate) fn criterion() -> Criterion<Rates> {
    Criterion::default()
        .with_measurement(Rates)
        .warm_up_time(Duration::from_millis(500))
        .measurement_time(Duration::from_secs(2))
        .sample_size(20)
}

/// Wall time, with the throughput printed as samples and as floating-point operations per second. Criterion has no such
/// unit, so elements stand for samples and bytes for operations.
pub(crate) struct Rates;

impl Measurement for Rates {
    type Intermediate = Instant;
    type Value = Duration;

    fn start(&self) -> Instant {
        WallTime.start()
    }
    fn end(&self, start: Instant) -> Duration {
        WallTime.end(start)
    }
    fn add(&self, a: &Duration, b: &Duration) -> Duration {
        WallTime.add(a, b)
    }
    fn zero(&self) -> Duration {
        WallTime.zero()
    }
    fn to_f64(&self, value: &Duration) -> f64 {
        WallTime.to_f64(value)
    }
    fn formatter(&self) -> &dyn ValueFormatter {
        self
    }
}

impl ValueFormatter for Rates {
    fn format_throughput(&self, throughput: &Throughput, nanoseconds: f64) -> String {
        let mut rate = [nanoseconds];
        let unit = self.scale_throughputs(nanoseconds, throughput, &mut rate);
        format!("{:.4} {unit}", rate[0])
    }
    fn scale_values(&self, typical: f64, values: &mut [f64]) -> &'static str {
        WallTime.formatter().scale_values(typical, values)
    }
    fn scale_throughputs(&self, typical: f64, throughput: &Throughput, values: &mut [f64]) -> &'static str {
        // Criterion passes the two parts of `ElementsAndBytes` one by one.
        let (count, unit, scale) = match *throughput {
            Throughput::Elements(samples) if samples as f64 / typical < 1e-3 => (samples, "ksamples/s", 1e6),
            Throughput::Elements(samples) => (samples, "Msamples/s", 1e3),
            Throughput::Bytes(operations) => (operations, "GFLOP/s", 1.0),
            _ => return WallTime.formatter().scale_throughputs(typical, throughput, values),
        };
        for value in values {
            *value = count as f64 / *value * scale;
        }
        unit
    }
    fn scale_for_machines(&self, values: &mut [f64]) -> &'static str {
        WallTime.formatter().scale_for_machines(values)
    }
}
