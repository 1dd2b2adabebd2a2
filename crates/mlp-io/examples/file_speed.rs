//! How fast a model of 100 MB is saved and loaded, beside `std::fs::copy` of its file (what `cp` does), with and without
//! the disk's confirmation, which a save waits for and a copy does not. `cargo run --release -p mlp-io --example
//! file_speed [DIRECTORY]`.
#![allow(clippy::print_stdout, reason = "a program that measures")]

use mlp_core::{HalfSquaredError, Mlp, Model};
use mlp_cpu::Matrix;
use mlp_io::{load_model, model_to_bytes, save_model};
use std::error::Error;
use std::fs::{self, File};
use std::io::Read as _;
use std::path::PathBuf;
use std::time::Instant;

/// The shortest of seven runs, in milliseconds.
fn fastest<E>(mut run: impl FnMut() -> Result<(), E>) -> Result<f64, E> {
    let mut best = f64::INFINITY;
    for _ in 0..7 {
        let start = Instant::now();
        run()?;
        best = best.min(start.elapsed().as_secs_f64() * 1e3);
    }
    Ok(best)
}

fn main() -> Result<(), Box<dyn Error>> {
    let directory = std::env::args_os()
        .nth(1)
        .map_or_else(std::env::temp_dir, PathBuf::from);
    let directory = directory.join(format!("mlp-io-file-speed-{}", std::process::id()));
    fs::create_dir_all(&directory)?;
    let (path, copy) = (directory.join("model.safetensors"), directory.join("copy"));
    for sizes in [&[784, 4_000, 4_000, 1_500, 10][..], &[5_000, 5_000], &[4_096, 6_144]] {
        let network = Mlp::<Matrix<f32>>::builder(sizes).seed(1).build()?;
        let model = Model::new(network, HalfSquaredError);
        save_model(&path, &model)?;
        let bytes = fs::metadata(&path)?.len();
        println!("{sizes:?}, {:.1} MB", bytes as f64 / 1e6);
        let copied = fastest(|| fs::copy(&path, &copy).map(drop))?;
        let synced = fastest(|| fs::copy(&path, &copy).and_then(|_| File::open(&copy)?.sync_all()))?;
        let read = fastest(|| {
            File::open(&path)?
                .read_to_end(&mut Vec::with_capacity(bytes as usize))
                .map(drop)
        })?;
        let encoded = fastest(|| model_to_bytes(&model).map(drop))?;
        let saved = fastest(|| save_model(&path, &model))?;
        let loaded = fastest(|| load_model::<Matrix<f32>>(&path).map(drop))?;
        println!("  copy {copied:.0} ms, copy and fsync {synced:.0} ms, read {read:.0} ms");
        println!("  save {saved:.0} ms (bytes alone {encoded:.0} ms), load {loaded:.0} ms");
    }
    fs::remove_dir_all(&directory)?;
    Ok(())
}
