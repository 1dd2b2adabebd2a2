//! The folds of cross-validation.

use crate::table_of;
use mlp_table::{Columns, Fold, FoldBy};
use std::collections::HashSet;

#[track_caller]
fn check_that_each_row_is_held_out_once(folds: &[Fold], rows: &[usize]) {
    let mut seen: Vec<usize> = vec![];
    for fold in folds {
        assert!(fold.train.is_sorted() && fold.held_out.is_sorted());
        let mut all = [&fold.train[..], &fold.held_out[..]].concat();
        all.sort_unstable();
        assert_eq!(all, rows);
        seen.extend(&fold.held_out);
    }
    seen.sort_unstable();
    assert_eq!(seen, rows);
}

#[test]
fn random_folds_hold_out_each_labeled_row_once() {
    let table = table_of("a,y", 53, |i| {
        format!("{},{}", i % 9, if i == 5 { String::new() } else { i.to_string() })
    });
    let columns = Columns::infer(&table, "y").unwrap();
    let folds = |seed| columns.folds(&table, &FoldBy::Row, 5, seed).unwrap();
    check_that_each_row_is_held_out_once(&folds(1), columns.labeled_rows());
    assert!(folds(1).iter().all(|fold| (10..=11).contains(&fold.held_out.len())));
    assert_eq!(folds(1), folds(1));
    assert_ne!(folds(1), folds(2));
}

#[test]
fn folds_of_classes_are_stratified() {
    let class = |i| ["rare", "b", "c", "b", "c", "c", "b"][i % 7];
    let table = table_of("a,y", 70, |i| format!("{},{}", i % 9, class(i)));
    let columns = Columns::infer(&table, "y").unwrap();
    let folds = columns.folds(&table, &FoldBy::Row, 5, 3).unwrap();
    check_that_each_row_is_held_out_once(&folds, columns.labeled_rows());
    for fold in &folds {
        let count = |name| fold.held_out.iter().filter(|&&row| class(row) == name).count();
        assert_eq!([count("rare"), count("b"), count("c")], [2, 6, 6]);
    }
}

#[test]
fn a_group_is_in_one_fold() {
    let group = |i: usize| (i * i) % 23;
    let table = table_of("who,y", 90, |i| format!("w{},{i}", group(i)));
    let columns = Columns::infer(&table, "y").unwrap();
    let folds = columns.folds(&table, &FoldBy::Group("who".to_owned()), 4, 3).unwrap();
    check_that_each_row_is_held_out_once(&folds, columns.labeled_rows());
    for fold in &folds {
        let of = |rows: &[usize]| rows.iter().map(|&row| group(row)).collect::<HashSet<_>>();
        assert!(of(&fold.train).is_disjoint(&of(&fold.held_out)));
        assert!((20..=25).contains(&fold.held_out.len()), "{}", fold.held_out.len());
    }
}

#[test]
fn folds_in_time_train_on_the_past() {
    // The rows are not in order, and three of them share each day.
    let day = |i: usize| (i * 7 % 60) / 3;
    let table = table_of("day,y", 60, |i| format!("2024-05-{:02},{i}", day(i) + 1));
    let columns = Columns::infer(&table, "y").unwrap();
    let folds = columns.folds(&table, &FoldBy::Time("day".to_owned()), 4, 0).unwrap();
    assert_eq!(folds.len(), 4);
    for fold in &folds {
        let last = fold.train.iter().map(|&row| day(row)).max().unwrap();
        let first = fold.held_out.iter().map(|&row| day(row)).min().unwrap();
        assert!(last < first);
        assert_eq!(fold.held_out.len(), 12);
    }
    assert_eq!(folds[3].train.len(), 48);
}
