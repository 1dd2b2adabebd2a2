//! Transposes between files, which are row by row, and matrices in memory, which are column by column.

use crate::Number;
use mlp_core::backend::Tensor;

/// The number of rows and of columns of a tile. A row of four-byte numbers fills one line of the processor's cache.
const TILE: usize = 16;
/// The number of parts that the work is split into. The backend's threads take one part after the other.
const PARTS: usize = 4;
/// Transposing fewer bytes than this takes less time than starting another thread.
const LEAST: usize = 128 << 10;

/// Returns the number of rows of a batch: a fraction of the matrix, in whole tiles if possible, and at least one row.
///
/// The matrix, its padding and two such batches must take less than twice the matrix's numbers and 1 MiB. A backend
/// that pads 17 rows to 32 leaves two rows of this limit, 2/17 of the numbers.
pub(super) fn batch_rows<T: Number>(rows: usize, columns: usize) -> usize {
    const BATCH: usize = 256 << 10;
    const LARGEST: usize = 2 << 20;
    const PART: usize = 32;
    const MOST: usize = 64 * TILE;
    let row = columns.saturating_mul(size_of::<T>()).max(1);
    let part = row.saturating_mul(rows).checked_div(PART).unwrap_or(0);
    let largest = LARGEST.max(row.saturating_mul(TILE));
    let fitting = part.clamp(BATCH, largest).checked_div(row).unwrap_or(1);
    let whole = fitting
        .checked_rem(TILE)
        .map_or(fitting, |rest| fitting.saturating_sub(rest));
    if whole > 0 { whole } else { fitting }.clamp(1, MOST).min(rows.max(1))
}

/// Encodes some rows of `matrix`, starting with row `first`, into `batch`, row by row. The columns of the matrix begin
/// `stride` apart.
pub(super) fn encode_rows<T: Number, B: Tensor>(
    matrix: &[T],
    stride: usize,
    first: usize,
    batch: &mut [T::Bytes],
    columns: usize,
) {
    let (bytes, width) = (size_of_val(batch), part_width(columns));
    let part = |part| (part, Vec::new());
    let mut parts: Vec<_> = matrix.chunks(stride.saturating_mul(width)).map(part).collect();
    for row in batch.chunks_exact_mut(columns) {
        for ((_, rows), row) in parts.iter_mut().zip(row.chunks_mut(width)) {
            rows.push(row);
        }
    }
    for_each::<B, _>(bytes, &mut parts, |_, (part, rows)| {
        for (panel, first) in rows.chunks_mut(TILE).zip((first..).step_by(TILE)) {
            encode_panel(part, stride, first, panel);
        }
    });
}

/// Decodes the rows that [`encode_rows`] made into their place in `matrix`. `meanwhile` runs at the same time, or
/// before it if there is only one thread.
pub(super) fn decode_rows<T: Number, B: Tensor>(
    batch: &[T::Bytes],
    columns: usize,
    matrix: &mut [T],
    stride: usize,
    first: usize,
    meanwhile: impl FnOnce() + Send,
) {
    enum Task<'a, T: Number, F> {
        Other(Option<F>),
        Part(&'a mut [T], Vec<&'a [T::Bytes]>),
    }
    let width = part_width(columns);
    let parts = matrix.chunks_mut(stride.saturating_mul(width));
    let mut tasks = vec![Task::Other(Some(meanwhile))];
    tasks.extend(parts.enumerate().map(|(part, matrix)| {
        let start = part.saturating_mul(width);
        let rows = batch.chunks_exact(columns).filter_map(|row| row.get(start..));
        Task::Part(matrix, rows.collect())
    }));
    for_each::<B, _>(size_of_val(batch), &mut tasks, |_, task| match task {
        Task::Other(meanwhile) => {
            if let Some(meanwhile) = meanwhile.take() {
                meanwhile();
            }
        }
        Task::Part(part, rows) => {
            for (panel, first) in rows.chunks(TILE).zip((first..).step_by(TILE)) {
                decode_panel(panel, part, stride, first);
            }
        }
    });
}

/// Returns the number of columns of a part. The parts are columns rather than rows because the processor prefetches the
/// next cache line of a column, which another thread would use if the parts were rows.
fn part_width(columns: usize) -> usize {
    columns.div_ceil(PARTS).next_multiple_of(TILE)
}

fn for_each<B: Tensor, I: Send>(bytes: usize, items: &mut [I], task: impl Fn(usize, &mut I) + Sync) {
    if bytes < LEAST {
        for (i, item) in items.iter_mut().enumerate() {
            task(i, item);
        }
    } else {
        B::for_each(items, task);
    }
}

/// Encodes a panel of rows from the columns of `part`.
fn encode_panel<T: Number>(part: &[T], stride: usize, first: usize, panel: &mut [&mut [T::Bytes]]) {
    for (strip, j) in part.chunks(stride.saturating_mul(TILE)).zip((0..).step_by(TILE)) {
        let columns = || strip.chunks(stride).filter_map(|column| column.get(first..));
        if let Some(tile) = tile(columns(), T::zero())
            && panel.len() == TILE
        {
            for (i, row) in panel.iter_mut().enumerate() {
                put(line(&tile, i).map(T::encode), row.get_mut(j..).unwrap_or_default());
            }
        } else {
            for (column, j) in columns().zip(j..) {
                for (row, value) in panel.iter_mut().zip(column) {
                    if let Some(place) = row.get_mut(j) {
                        *place = value.encode();
                    }
                }
            }
        }
    }
}

/// Decodes a panel that [`encode_panel`] made into its place.
fn decode_panel<T: Number>(panel: &[&[T::Bytes]], part: &mut [T], stride: usize, first: usize) {
    for (strip, j) in part.chunks_mut(stride.saturating_mul(TILE)).zip((0..).step_by(TILE)) {
        let columns = strip.chunks_mut(stride).filter_map(|column| column.get_mut(first..));
        if let Some(tile) = tile(panel.iter().filter_map(|row| row.get(j..)), T::ZERO) {
            for (j, column) in columns.take(TILE).enumerate() {
                put(line(&tile, j).map(T::decode), column);
            }
        } else {
            for (column, j) in columns.zip(j..) {
                for (value, row) in column.iter_mut().zip(panel) {
                    if let Some(&bytes) = row.get(j) {
                        *value = T::decode(bytes);
                    }
                }
            }
        }
    }
}

/// Returns the first [`TILE`] values of each of [`TILE`] lines, or `None` if there are fewer lines or one of them is
/// shorter.
#[inline(always)]
fn tile<'a, V: Copy + 'a>(mut lines: impl Iterator<Item = &'a [V]>, zero: V) -> Option<[[V; TILE]; TILE]> {
    let mut tile = [[zero; TILE]; TILE];
    for place in &mut tile {
        *place = *lines.next()?.first_chunk()?;
    }
    Some(tile)
}

/// Returns the values at index `i` of the tile's lines. `i` must be less than [`TILE`].
#[inline(always)]
#[expect(clippy::indexing_slicing, reason = "the callers pass indices below TILE")]
fn line<V: Copy>(tile: &[[V; TILE]; TILE], i: usize) -> [V; TILE] {
    std::array::from_fn(|j| tile[j][i])
}

/// Copies a whole line to the beginning of `places`.
#[inline(always)]
fn put<V>(line: [V; TILE], places: &mut [V]) {
    if let Some(places) = places.first_chunk_mut() {
        *places = line;
    }
}
