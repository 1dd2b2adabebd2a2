//! The subcommands.

mod cross_validate;
mod evaluate;
mod export;
mod inspect;
mod learning;
mod predict;
mod train;
mod tune;

pub(crate) use cross_validate::run as cross_validate;
pub(crate) use evaluate::run as evaluate;
pub(crate) use export::run as export;
pub(crate) use inspect::run as inspect;
pub(crate) use learning::use_of;
pub(crate) use predict::run as predict;
pub(crate) use train::run as train;
pub(crate) use tune::run as tune;
