//! Between files, row by row, and matrices, column by column.

use crate::Number;

/// Rows and columns of a tile: it lies in the processor's nearest cache, and its lines are whole lines of that.
const TILE: usize = 16;

/// How many rows go through memory together: up to a tile's, and as many as fit into `PANEL` bytes, but one at least.
pub(super) fn panel_rows<T: Number>(rows: usize, columns: usize) -> usize {
    const PANEL: usize = 384 << 10;
    let row = columns.saturating_mul(size_of::<T>()).max(1);
    PANEL.checked_div(row).unwrap_or(1).clamp(1, TILE).min(rows.max(1))
}

/// Some rows of `matrix` (column by column, `rows` rows), from the one numbered `first`, into `panel`, row by row.
/// Returns whether all of them are finite.
pub(super) fn encode_panel<T: Number>(
    matrix: &[T],
    rows: usize,
    first: usize,
    panel: &mut [T::Bytes],
    columns: usize,
) -> bool {
    let mut finite = true;
    let mut tile = [[T::ZERO; TILE]; TILE];
    for (block, columns_of_block) in matrix.chunks(rows.saturating_mul(TILE)).enumerate() {
        for (j, column) in columns_of_block.chunks_exact(rows).enumerate() {
            for (line, &value) in tile.iter_mut().zip(column.get(first..).unwrap_or_default()) {
                finite &= value.is_finite();
                if let Some(place) = line.get_mut(j) {
                    *place = value.encode();
                }
            }
        }
        for (line, row) in tile.iter().zip(panel.chunks_exact_mut(columns)) {
            for (place, &bytes) in row.chunks_mut(TILE).nth(block).unwrap_or_default().iter_mut().zip(line) {
                *place = bytes;
            }
        }
    }
    finite
}

/// What [`encode_panel`] made, back to where it was. Returns whether all numbers are finite.
pub(super) fn decode_panel<T: Number>(
    panel: &[T::Bytes],
    columns: usize,
    matrix: &mut [T],
    rows: usize,
    first: usize,
) -> bool {
    let mut finite = true;
    let mut tile = [[T::ZERO; TILE]; TILE];
    for (block, columns_of_block) in matrix.chunks_mut(rows.saturating_mul(TILE)).enumerate() {
        let mut height = 0_usize;
        for (line, row) in tile.iter_mut().zip(panel.chunks_exact(columns)) {
            for (place, &bytes) in line.iter_mut().zip(row.chunks(TILE).nth(block).unwrap_or_default()) {
                *place = bytes;
            }
            height = height.saturating_add(1);
        }
        for (j, column) in columns_of_block.chunks_exact_mut(rows).enumerate() {
            for (value, line) in column.iter_mut().skip(first).zip(tile.iter().take(height)) {
                if let Some(&bytes) = line.get(j) {
                    *value = T::decode(bytes);
                    finite &= value.is_finite();
                }
            }
        }
    }
    finite
}
