//! Compares the reader with a naive one on every short text.

use super::*;

/// Returns the first line and the cells of each record, or `None` if a cell is not well formed.
fn naive(text: &[u8]) -> Option<Vec<(usize, Vec<String>)>> {
    #[derive(Clone, Copy, PartialEq)]
    enum State {
        Before,
        Plain,
        Quoted,
        After,
    }
    use State::{After, Before, Plain, Quoted};

    let (mut records, mut i, mut line) = (vec![], 0, 1);
    let ends = |i: usize| text[i] == b'\n' || text[i] == b'\r' && text.get(i + 1) != Some(&b'\n');
    while i < text.len() {
        if is_line_end(&text[i]) {
            line += usize::from(ends(i));
            i += 1;
            continue;
        }
        let (first, mut cells) = (line, vec![]);
        loop {
            let (mut cell, mut state) = (String::new(), Before);
            while i < text.len() && (state == Quoted || !b",\r\n".contains(&text[i])) {
                line += usize::from(ends(i));
                let doubled = text.get(i + 1) == Some(&b'"');
                state = match (state, text[i]) {
                    (Before, b'"') => Quoted,
                    (Quoted, b'"') if !doubled => After,
                    (Plain | After, b'"') | (After, b'1') => return None,
                    (Before | After, b' ') => state,
                    (_, byte) => {
                        cell.push(byte.into());
                        i += usize::from(byte == b'"');
                        if state == Quoted { Quoted } else { Plain }
                    }
                };
                i += 1;
            }
            if state == Quoted {
                return None;
            }
            cells.push(cell.trim_ascii().to_owned());
            if text.get(i) != Some(&b',') {
                break;
            }
            i += 1;
        }
        records.push((first, cells));
    }
    Some(records)
}

#[test]
fn every_short_text_is_read_as_a_naive_reader_reads_it() {
    const BYTES: &[u8] = b"1,\"\n\r ";
    for length in 0..=6_u32 {
        for number in 0..BYTES.len().pow(length) {
            let digit = |place| BYTES[number / BYTES.len().pow(place) % BYTES.len()];
            let text: Vec<_> = (0..length).map(digit).collect();
            let csv = Csv::new(Path::new("data.csv"), &text).unwrap();
            let records: Result<Vec<_>, _> = csv.records().collect();
            let cells = |record: &Record<'_>| record.cells.iter().map(ToString::to_string).collect();
            let read = |record: &Record<'_>| (csv.line(record.start), cells(record));
            let got = records.ok().map(|records| records.iter().map(read).collect());
            assert_eq!(got, naive(&text), "{}", quoted(&text));
        }
    }
}
