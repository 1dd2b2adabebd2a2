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

/// How many rows go through memory together: a part of the matrix, one row at least, and no more than keep all threads at
/// work for longer than it takes to wake them.
///
/// The matrix, its padding and this together are to take less than twice its numbers and 1 MiB. Padding leaves free two
/// rows and 2/17 of the numbers at least: 17 rows are padded to 32.
pub(super) fn batch_rows<T: Number>(rows: usize, columns: usize) -> usize {
    const BATCH: usize = 512 << 10;
    const LARGEST: usize = 3 << 20;
    const PART: usize = 16;
    const MOST: usize = 8 * PANEL;
    let row = columns.saturating_mul(size_of::<T>()).max(1);
    let part = row.saturating_mul(rows).checked_div(PART).unwrap_or(0);
    let batch = part.clamp(BATCH, LARGEST);
    batch.checked_div(row).unwrap_or(1).clamp(1, MOST).min(rows.max(1))
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
        for (panel, first) in rows.chunks_mut(PANEL).zip((first..).step_by(PANEL)) {
            encode_panel(part, stride, first, panel);
        }
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
    let width = part_width(columns);
    let part = |part| (part, Vec::new());
    let mut parts: Vec<_> = matrix.chunks_mut(stride.saturating_mul(width)).map(part).collect();
    for row in batch.chunks_exact(columns) {
        for ((_, rows), row) in parts.iter_mut().zip(row.chunks(width)) {
            rows.push(row);
        }
    }
    for_each::<B, _>(size_of_val(batch), &mut parts, |_, (part, rows)| {
        for (panel, first) in rows.chunks(PANEL).zip((first..).step_by(PANEL)) {
            decode_panel(panel, part, stride, first);
        }
    });
}

/// Columns of a part. Columns rather than rows: the processor fetches a column's next line ahead, for itself.
fn part_width(columns: usize) -> usize {
    columns.div_ceil(PARTS).next_multiple_of(BLOCK)
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

fn encode_panel<T: Number>(part: &[T], stride: usize, first: usize, panel: &mut [&mut [T::Bytes]]) {
    let end = first.saturating_add(panel.len());
    let groups = part.chunks(stride.saturating_mul(BLOCK));
    for (group, j) in groups.zip((0..).step_by(BLOCK)) {
        let [a, b, c, d] = four(group.chunks(stride).filter_map(|column| column.get(first..end)));
        let mut blocks = [a.chunks(BLOCK), b.chunks(BLOCK), c.chunks(BLOCK), d.chunks(BLOCK)];
        for rows in panel.chunks_mut(BLOCK) {
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

fn decode_panel<T: Number>(panel: &[&[T::Bytes]], part: &mut [T], stride: usize, first: usize) {
    let end = first.saturating_add(panel.len());
    let groups = part.chunks_mut(stride.saturating_mul(BLOCK));
    for (group, j) in groups.zip((0..).step_by(BLOCK)) {
        let [a, b, c, d] = four(group.chunks_mut(stride).filter_map(|column| column.get_mut(first..end)));
        let mut blocks = [
            a.chunks_mut(BLOCK),
            b.chunks_mut(BLOCK),
            c.chunks_mut(BLOCK),
            d.chunks_mut(BLOCK),
        ];
        for rows in panel.chunks(BLOCK) {
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
