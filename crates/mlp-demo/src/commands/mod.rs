//! What each subcommand does.

pub(crate) mod classifier;
pub(crate) mod notebook;

/// A number as it was given: `10`, `0.1`, `1e300`.
fn exact(value: f64) -> String {
    let text = format!("{value:?}");
    text.strip_suffix(".0").unwrap_or(&text).to_owned()
}
