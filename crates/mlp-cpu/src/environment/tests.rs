//! Each case runs in a process of its own, because a process reads its environment only once.

use crate::level::tests::children::{is_child, run};
use crate::{check_environment, simd_level, threads};
use std::io::Write;

#[test]
#[ignore = "for the child processes of the other tests"]
fn report() {
    let checked = check_environment().map_err(|error| error.to_string());
    let line = format!("{checked:?}, {} threads, {}", threads(), simd_level());
    writeln!(std::io::stdout(), "report: {line}").expect("standard output");
}

/// Returns what [`report`] says in a process with this variable.
fn reported(variable: &str, value: &str) -> String {
    let arguments = ["--exact", "environment::tests::report", "--ignored", "--nocapture"];
    let output = run(&arguments, &[(variable, value)]);
    let (_, report) = output.split_once("report: ").expect("a report");
    report.lines().next().expect("a line").to_owned()
}

#[test]
fn never_more_than_16_threads_are_used() {
    if is_child() {
        return;
    }
    for (value, threads) in [
        ("1", 1),
        ("4 ", 4),
        ("+2", 2),
        ("16", 16),
        ("17", 16),
        ("64", 16),
        ("4000", 16),
        ("100000000000000000000", 16),
    ] {
        let report = reported("MLP_NUM_THREADS", value);
        let expected = format!("Ok(()), {threads} threads, ");
        assert!(report.starts_with(&expected), "{value:?}: {report}");
    }
}

#[test]
fn an_unusable_number_of_threads_is_an_error() {
    if is_child() {
        return;
    }
    for value in ["", " ", "0", "-1", "abc", "2.5", "1e1", "0x4", "4,", "\u{ff14}", "1 6"] {
        let report = reported("MLP_NUM_THREADS", value);
        let message = format!(
            "MLP_NUM_THREADS: expected a whole number from 1 on, where more than 16 count as 16, got `{value}`"
        );
        assert!(
            report.starts_with(&format!("Err({message:?}), ")),
            "{value:?}: {report}"
        );
    }
}

#[test]
fn an_unusable_level_is_an_error() {
    if is_child() {
        return;
    }
    let best = reported("MLP_NUM_THREADS", "1");
    let (_, best) = best.rsplit_once(' ').expect("the level is the last word");
    for value in ["", "AVX2", "avx", "avx512f", "sse2", "none", "1"] {
        let report = reported("MLP_SIMD", value);
        let start = "Err(\"MLP_SIMD: expected one of the levels that this processor has (baseline";
        assert!(report.starts_with(start), "{value:?}: {report}");
        assert!(
            report.contains(&format!("), got `{value}`\"), ")),
            "{value:?}: {report}"
        );
        assert!(report.ends_with(best), "{value:?}: {report}");
    }
    let report = reported("MLP_SIMD", "baseline");
    assert!(report.starts_with("Ok(())") && report.ends_with("baseline"), "{report}");
}
