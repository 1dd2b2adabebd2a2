//! Measures how fast a model of 100 MB is saved and loaded, compared with `std::fs::copy` of its file (what `cp` does).
//! Files are always written to a name that does not exist yet, because replacing a file waits for the disk. A save
//! waits until the disk confirms it and a copy does not. Copies are therefore also measured with that wait (fsync), and
//! saves also in a directory in memory, where it takes no time. Run it with `cargo run --release -p mlp-io --example
//! file_speed [DIRECTORY...]`. Without arguments it uses the system's directory for temporary files and /dev/shm, if
//! that exists.
#![allow(clippy::print_stdout, reason = "a program that measures")]

use mlp_core::{HalfMse, Mlp, Model};
use mlp_cpu::Matrix;
use mlp_io::{load_model, save_model};
use std::error::Error;
use std::fs::{self, File};
use std::io;
use std::path::{Path, PathBuf};
use std::time::Instant;

/// Returns the time of the shortest of nine runs, in milliseconds. Each begins with no file at `path`. The result of a
/// run is dropped after the time is taken.
fn fastest<R>(path: &Path, mut run: impl FnMut() -> Result<R, Box<dyn Error>>) -> Result<f64, Box<dyn Error>> {
    let mut best = f64::INFINITY;
    for _ in 0..9 {
        match fs::remove_file(path) {
            Err(e) if e.kind() != io::ErrorKind::NotFound => return Err(e.into()),
            _ => {}
        }
        let start = Instant::now();
        let result = run()?;
        best = best.min(start.elapsed().as_secs_f64() * 1e3);
        drop(result);
    }
    Ok(best)
}

fn measure(directory: &Path, sizes: &[usize]) -> Result<(), Box<dyn Error>> {
    let (path, other) = (directory.join("model.safetensors"), directory.join("other"));
    let network = Mlp::<Matrix<f32>>::builder(sizes).seed(1).build()?;
    let model = Model::new(network, HalfMse);
    save_model(&path, &model)?;
    let copy = fastest(&other, || Ok(fs::copy(&path, &other)?))?;
    let synced = fastest(&other, || {
        fs::copy(&path, &other)?;
        Ok(File::open(&other)?.sync_all()?)
    })?;
    let save = fastest(&other, || Ok(save_model(&other, &model)?))?;
    let load = fastest(&other, || Ok(load_model::<Matrix<f32>>(&path)?))?;
    let megabytes = fs::metadata(&path)?.len() as f64 / 1e6;
    println!("{sizes:?}, {megabytes:.1} MB: copy {copy:.0} ms, copy and fsync {synced:.0} ms");
    println!(
        "  save {save:.0} ms, {:.0} % of the speed of copy and fsync; load {load:.0} ms, {:.0} % of that of copy",
        100.0 * synced / save,
        100.0 * copy / load
    );
    Ok(())
}

fn main() -> Result<(), Box<dyn Error>> {
    let mut directories: Vec<PathBuf> = std::env::args_os().skip(1).map(PathBuf::from).collect();
    if directories.is_empty() {
        directories = vec![std::env::temp_dir(), PathBuf::from("/dev/shm")];
        directories.retain(|directory| directory.is_dir());
    }
    for directory in directories {
        println!("{}", directory.display());
        let directory = directory.join(format!("mlp-io-file-speed-{}", std::process::id()));
        fs::create_dir_all(&directory)?;
        for sizes in [&[784, 4_000, 4_000, 1_500, 10][..], &[5_000, 5_000], &[4_096, 6_144]] {
            measure(&directory, sizes)?;
        }
        fs::remove_dir_all(&directory)?;
    }
    Ok(())
}
