//! The code of the fuzz targets, one function each. README.md lists them.
//!
//! Each function panics if a property does not hold, and returns whether the unchanged bytes were accepted. The
//! functions are here rather than in the targets so that `cargo test` can run them over the seeds without a fuzzer.

mod checkpoint;
mod demo;
mod memory;
mod model;
mod npz;
mod seal;
mod table;
mod text;

pub use checkpoint::checkpoint;
pub use demo::idx;
pub use model::{model, network};
pub use npz::npz;
pub use table::{csv, table};
pub use text::{names, schedule};

/// Checks that the message of an error is a single line, whatever the file contains.
fn check_message(error: &dyn std::error::Error) {
    let message = error.to_string();
    assert!(!message.is_empty(), "an error must have a message");
    assert!(
        !message.contains(char::is_control),
        "a message with control characters: {message:?}"
    );
}

#[cfg(test)]
mod tests {
    use std::fs;
    use std::path::Path;

    /// Runs a target over its seeds. All must be accepted, except those in `refused` and those whose name ends with the
    /// kind of damage.
    fn replay(target: &str, run: fn(&[u8]) -> bool, refused: &[&str]) {
        const DAMAGED: [&str; 3] = ["_cut", "_longer", "_newer"];
        let directory = Path::new(env!("CARGO_MANIFEST_DIR")).join("seeds").join(target);
        let (mut seeds, mut wrong) = (0, Vec::new());
        for file in fs::read_dir(directory).unwrap() {
            let path = file.unwrap().path();
            let name = path.file_name().unwrap().to_str().unwrap();
            let whole = !refused.contains(&name) && !DAMAGED.iter().any(|end| name.ends_with(end));
            if run(&fs::read(&path).unwrap()) != whole {
                wrong.push(name.to_owned());
            }
            seeds += 1;
        }
        assert!(seeds > 1, "{target}: {seeds} seeds");
        assert!(
            wrong.is_empty(),
            "{target}: damaged seeds that were accepted, or valid seeds that were refused: {wrong:?}"
        );
    }

    #[test]
    fn the_seeds_pass() {
        replay("model", super::model, &[]);
        replay("network", super::network, &["empty"]);
        replay("checkpoint", super::checkpoint, &[]);
        replay("npz", super::npz, &[]);
        replay("table", super::table, &[]);
        replay("csv", super::csv, &["gzip", "short_row", "open_quote"]);
        replay("idx", super::idx, &["large"]);
        replay("schedule", super::schedule, &["unknown", "open", "out_of_range"]);
        replay("names", super::names, &["top_05"]);
    }
}
