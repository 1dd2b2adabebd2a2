//! All unsafe code of the crates. Each piece is behind a function that checks what it relies on.
#![allow(unsafe_code)]

pub(crate) mod buffer;
pub(crate) mod cache;
pub(crate) mod columns;
pub(crate) mod flush;
pub(crate) mod huge_pages;
pub(crate) mod matrixmultiply;
pub(crate) mod pool;
pub(crate) mod prefetch;
pub(crate) mod row;
pub(crate) mod simd;
pub(crate) mod square;
pub(crate) mod tile;
