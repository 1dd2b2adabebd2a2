//! What the fuzz targets do with their bytes, one function each; README.md has the list.
//!
//! A property that does not hold is a panic. The functions are here rather than in the targets so that `cargo test`
//! can run them over the seeds, without a fuzzer.

mod checkpoint;
mod demo;
mod memory;
mod model;
mod npz;
mod seal;
mod text;

pub use checkpoint::checkpoint;
pub use demo::{idx, samples_csv, weights_json};
pub use model::{model, network};
pub use npz::npz;
pub use text::{names, plateau, schedule};

/// An error's message is a single line, whatever the file has.
fn check_message(error: &dyn std::error::Error) {
    let message = error.to_string();
    assert!(!message.is_empty(), "an error without a message");
    assert!(
        !message.contains(char::is_control),
        "a message with control characters: {message:?}"
    );
}

#[cfg(test)]
mod tests {
    use std::fs;
    use std::path::Path;

    fn replay(target: &str, run: fn(&[u8])) {
        let directory = Path::new(env!("CARGO_MANIFEST_DIR")).join("seeds").join(target);
        let mut seeds = 0;
        for file in fs::read_dir(directory).unwrap() {
            run(&fs::read(file.unwrap().path()).unwrap());
            seeds += 1;
        }
        assert!(seeds > 1, "{target}: {seeds} seeds");
    }

    #[test]
    fn the_seeds_pass() {
        replay("model", super::model);
        replay("network", super::network);
        replay("checkpoint", super::checkpoint);
        replay("npz", super::npz);
        replay("weights_json", super::weights_json);
        replay("samples_csv", super::samples_csv);
        replay("idx", super::idx);
        replay("schedule", super::schedule);
        replay("plateau", super::plateau);
        replay("names", super::names);
    }
}
