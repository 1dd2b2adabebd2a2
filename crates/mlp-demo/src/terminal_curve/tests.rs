//! Compares curves with pictures, and looks for their dots.

use super::*;

#[test]
fn a_straight_fall_on_the_logarithmic_scale() {
    let expected = [
        " 100 ┤⠑⠢⣀⠀⠀⠀⠀⠀",
        "     │⠀⠀⠀⠑⢄⠀⠀⠀",
        "   1 ┤⠀⠀⠀⠀⠀⠉⠢⢄",
        "loss └────────",
        "      epoch 0 2",
    ];
    let text = terminal_curve(&[100.0, 10.0, 1.0], 8, 3);
    assert_eq!(text, expected.join("\n"), "\n{text}");
}

/// Returns, for each column of dots of a curve, the rows of the dots that are set, counted from the top.
fn dots(text: &str, width: usize) -> Vec<Vec<usize>> {
    let mut columns = vec![vec![]; 2 * width];
    for (row, line) in text.lines().filter(|line| line.contains(['┤', '│'])).enumerate() {
        for (cell, c) in line.split(['┤', '│']).nth(1).unwrap().chars().enumerate() {
            for (side, column) in DOTS.iter().enumerate() {
                let set = (0..4).filter(|&y| (c as u32 - BLANK) & column[y] != 0);
                columns[2 * cell + side].extend(set.map(|y| 4 * row + y));
            }
        }
    }
    columns
}

#[test]
fn ends_and_extremes_are_at_the_borders() {
    let dots = dots(&terminal_curve(&[1.0, 100.0, 10.0, 10.0, 10.0], 20, 4), 20);
    assert_eq!(dots[0], [15], "the least loss");
    assert!(
        dots[10].contains(&0),
        "the greatest loss, a quarter of the way: {:?}",
        dots[10]
    );
    assert_eq!(dots[39], [8], "log10(10) is half way");
    assert!(dots.iter().all(|column| !column.is_empty()), "no gaps: {dots:?}");
}

#[test]
fn losses_without_a_place_break_the_curve() {
    let text = terminal_curve(&[1.0, 1.0, 0.0, f64::NAN, 1.0, 1.0], 10, 2);
    let set: Vec<_> = dots(&text, 10).iter().map(|column| !column.is_empty()).collect();
    assert!(set[..=3].iter().all(|&s| s) && set[16..].iter().all(|&s| s), "{text}");
    assert!(!set[6..14].iter().any(|&s| s), "{text}");
    assert_eq!(
        text.matches("   1 ").count(),
        1,
        "one label when all losses are equal: {text}"
    );
}

#[test]
fn odd_curves_are_drawn_too() {
    assert_eq!(terminal_curve(&[], 60, 10), "");
    assert_eq!(terminal_curve(&[0.0, f64::NAN], 60, 10), "");
    assert_eq!(terminal_curve(&[1.5], 4, 1), " 1.5 ┤⠁⠀⠀⠀\nloss └────\n      epoch 0 0");
    for losses in [[5e-324, f64::MAX], [1.0, 2.0]] {
        for (width, height) in [(60, 10), (1, 1)] {
            let text = terminal_curve(&losses, width, height);
            assert_eq!(text.lines().count(), height + 2, "{text}");
        }
    }
}
