/// The unit in which the time of a [`Schedule`](crate::Schedule) is counted.
#[cfg_attr(
    feature = "serde",
    derive(serde::Serialize, serde::Deserialize),
    serde(rename_all = "snake_case")
)]
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Every {
    /// Time is counted in epochs.
    Epoch,
    /// Time is counted in steps, over all epochs.
    Batch,
}
