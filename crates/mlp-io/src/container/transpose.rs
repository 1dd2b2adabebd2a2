//! Between files, row by row, and matrices in memory, column by column.

use crate::Number;
use mlp_core::Tensor;

/// Rows and columns of a block: what goes through the processor's registers together.
const BLOCK: usize = 4;
/// Rows of a panel: of numbers of four bytes, what lies in one line of the processor's cache in each column.
const PANEL: usize = 16;
/// Into how many parts to split the work for the backend's threads, which take one after the other.
const PARTS: usize = 4;
/// Less than so many bytes are transposed sooner than another thread has begun.
const LEAST: usize = 256 << 10;

/// How many rows go through memory together: so many panels as there are parts, and as many rows as fit into `BATCH`
/// bytes, but one at least.
pub(super) fn batch_rows<T: Number>(rows: usize, columns: usize) -> usize {
    const BATCH: usize = 1536 << 10;
    let row = columns.saturating_mul(size_of::<T>()).max(1);
    let most = PANEL.saturating_mul(PARTS);
    BATCH.checked_div(row).unwrap_or(1).clamp(1, most).min(rows.max(1))
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
    let bytes = size_of_val(batch);
    let rows = batch.len().checked_div(columns).unwrap_or(0);
    let rows = rows.div_ceil(PARTS).next_multiple_of(BLOCK);
    let mut parts: Vec<_> = batch.chunks_mut(rows.saturating_mul(columns).max(1)).collect();
    for_each::<B, _>(bytes, &mut parts, |i, panel| {
        encode_panel(
            matrix,
            stride,
            first.saturating_add(i.saturating_mul(rows)),
            panel,
            columns,
        );
    });
}

/// What [`encode_rows`] made, back to where it was.
pub(super) fn decode_rows<T: Number, B: Tensor>(
    batch: &[T::Bytes],
    columns: usize,
    matrix: &mut [T],
    stride: usize,
    first: usize,
) {
    let width = columns.div_ceil(PARTS).next_multiple_of(BLOCK);
    let mut parts: Vec<_> = matrix.chunks_mut(stride.saturating_mul(width)).collect();
    for_each::<B, _>(size_of_val(batch), &mut parts, |i, part| {
        let mut first = first;
        for panel in batch.chunks(columns.saturating_mul(PANEL)) {
            decode_panel(panel, columns, i.saturating_mul(width), part, stride, first);
            first = first.saturating_add(PANEL);
        }
    });
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

fn encode_panel<T: Number>(matrix: &[T], stride: usize, first: usize, panel: &mut [T::Bytes], columns: usize) {
    let mut rows: Vec<_> = panel.chunks_exact_mut(columns).collect();
    let end = first.saturating_add(rows.len());
    let groups = matrix.chunks(stride.saturating_mul(BLOCK));
    for (group, j) in groups.zip((0..columns).step_by(BLOCK)) {
        let [a, b, c, d] = four(group.chunks(stride).filter_map(|column| column.get(first..end)));
        let mut blocks = [a.chunks(BLOCK), b.chunks(BLOCK), c.chunks(BLOCK), d.chunks(BLOCK)];
        for rows in rows.chunks_mut(BLOCK) {
            let group = four(blocks.iter_mut().filter_map(Iterator::next));
            if let Some(block) = whole(group) {
                for (row, line) in rows.iter_mut().zip(transposed(block)) {
                    put(line, T::encode, row.get_mut(j..).unwrap_or_default());
                }
            } else {
                for (column, j) in group.into_iter().zip(j..) {
                    for (row, value) in rows.iter_mut().zip(column) {
                        if let Some(place) = row.get_mut(j) {
                            *place = value.encode();
                        }
                    }
                }
            }
        }
    }
}

fn decode_panel<T: Number>(
    panel: &[T::Bytes],
    columns: usize,
    start: usize,
    part: &mut [T],
    stride: usize,
    first: usize,
) {
    let rows: Vec<_> = panel.chunks_exact(columns).collect();
    let end = first.saturating_add(rows.len());
    let groups = part.chunks_mut(stride.saturating_mul(BLOCK));
    for (group, j) in groups.zip((start..columns).step_by(BLOCK)) {
        let [a, b, c, d] = four(group.chunks_mut(stride).filter_map(|column| column.get_mut(first..end)));
        let mut blocks = [
            a.chunks_mut(BLOCK),
            b.chunks_mut(BLOCK),
            c.chunks_mut(BLOCK),
            d.chunks_mut(BLOCK),
        ];
        for rows in rows.chunks(BLOCK) {
            let group = four(blocks.iter_mut().filter_map(Iterator::next));
            if let Some(block) = whole(four(rows.iter().filter_map(|row| row.get(j..)))) {
                for (column, line) in group.into_iter().zip(transposed(block)) {
                    put(line, T::decode, column);
                }
            } else {
                for (column, j) in group.into_iter().zip(j..) {
                    for (value, row) in column.iter_mut().zip(rows) {
                        if let Some(&bytes) = row.get(j) {
                            *value = T::decode(bytes);
                        }
                    }
                }
            }
        }
    }
}

/// The lines' beginnings, if all of them are so long.
#[inline(always)]
fn whole<V: Copy>([a, b, c, d]: [&[V]; BLOCK]) -> Option<[[V; BLOCK]; BLOCK]> {
    Some([
        *a.first_chunk()?,
        *b.first_chunk()?,
        *c.first_chunk()?,
        *d.first_chunk()?,
    ])
}

/// Four slices, empty ones where there are fewer.
#[inline(always)]
fn four<S: Default>(mut slices: impl Iterator<Item = S>) -> [S; BLOCK] {
    let mut next = || slices.next().unwrap_or_default();
    [next(), next(), next(), next()]
}

/// Puts a whole line, each value changed, at the beginning of `places`.
#[inline(always)]
fn put<V, W>(line: [V; BLOCK], change: impl Fn(V) -> W, places: &mut [W]) {
    if let Some(places) = places.first_chunk_mut::<BLOCK>() {
        for (place, value) in places.iter_mut().zip(line) {
            *place = change(value);
        }
    }
}

#[inline(always)]
fn transposed<V>(block: [[V; BLOCK]; BLOCK]) -> [[V; BLOCK]; BLOCK] {
    let [[a, b, c, d], [e, f, g, h], [i, j, k, l], [m, n, o, p]] = block;
    [[a, e, i, m], [b, f, j, n], [c, g, k, o], [d, h, l, p]]
}
