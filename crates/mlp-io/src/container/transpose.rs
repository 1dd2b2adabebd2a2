//! Between files, row by row, and matrices in memory, column by column.

use crate::Number;
use mlp_core::backend::Tensor;

/// Rows and columns of a tile: of numbers of four bytes, what lies in one line of the processor's cache.
const TILE: usize = 16;
/// Into how many parts to split the work for the backend's threads, which take one after the other.
const PARTS: usize = 4;
/// Fewer bytes than this are transposed before another thread could begin.
const LEAST: usize = 128 << 10;

/// How many rows go through memory together: a part of the matrix, whole tiles where they can be had, one row at least.
///
/// The matrix, its padding and two such batches are to take less than twice its numbers and 1 MiB. Padding leaves free
/// two rows and 2/17 of the numbers at least: 17 rows are padded to 32.
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

/// Some rows of `matrix`, from the one numbered `first`, into `batch`, row by row. The matrix's columns begin `stride`
/// apart.
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

/// What [`encode_rows`] made, back to where it was. `meanwhile` runs beside it, or before it where there is one thread.
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

/// Columns of a part. Columns rather than rows: the processor fetches a column's next line ahead, for itself.
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

/// A panel of `part`'s columns.
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

/// What [`encode_panel`] made, back to where it was.
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

/// The first [`TILE`] values of as many lines, if there are so many and all of them are so long.
#[inline(always)]
fn tile<'a, V: Copy + 'a>(mut lines: impl Iterator<Item = &'a [V]>, zero: V) -> Option<[[V; TILE]; TILE]> {
    let mut tile = [[zero; TILE]; TILE];
    for place in &mut tile {
        *place = *lines.next()?.first_chunk()?;
    }
    Some(tile)
}

/// What the tile's lines have at `i`, which is less than [`TILE`].
#[inline(always)]
#[expect(clippy::indexing_slicing, reason = "the callers count to TILE at most")]
fn line<V: Copy>(tile: &[[V; TILE]; TILE], i: usize) -> [V; TILE] {
    std::array::from_fn(|j| tile[j][i])
}

/// Puts a whole line at the beginning of `places`.
#[inline(always)]
fn put<V>(line: [V; TILE], places: &mut [V]) {
    if let Some(places) = places.first_chunk_mut() {
        *places = line;
    }
}
