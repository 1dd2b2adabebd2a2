//! Tests in child processes: the same tests at each level, or with another number of threads, which a process decides
//! on once. `tests/suite` uses this file, too.

use std::io::Write;
use std::process::Command;

/// Set in a child process.
const CHILD: &str = "MLP_TEST_CHILD";

/// If this process is a child: it starts none.
pub(crate) fn is_child() -> bool {
    std::env::var_os(CHILD).is_some()
}

/// Runs those tests of this executable that `arguments` choose, with `variables` set, and returns what it printed.
///
/// # Panics
/// If a test fails.
pub(crate) fn run(arguments: &[&str], variables: &[(&str, &str)]) -> String {
    let output = Command::new(std::env::current_exe().expect("the path of this executable"))
        .args(arguments)
        .env(CHILD, "1")
        .envs(variables.iter().copied())
        .output()
        .expect("a child process");
    let [printed, errors] = [&output.stdout, &output.stderr].map(|text| String::from_utf8_lossy(text));
    assert!(
        output.status.success(),
        "tests {arguments:?} with {variables:?}: {}\n{printed}\n{errors}",
        output.status
    );
    printed.into_owned()
}

/// How many tests passed, of those that printed `output`.
pub(crate) fn passed(output: &str) -> usize {
    let (_, rest) = output
        .split_once("test result: ok. ")
        .expect("the last line of a test run");
    let (number, _) = rest.split_once(" passed").expect("the number of tests that passed");
    number.parse().expect("a number")
}

/// If the processor has the instructions of the level of this name: asked of the processor, not of the crate.
pub(crate) fn has(level: &str) -> bool {
    match level {
        "baseline" => true,
        #[cfg(target_arch = "x86_64")]
        "avx2" => is_x86_feature_detected!("avx2") && is_x86_feature_detected!("fma"),
        #[cfg(target_arch = "x86_64")]
        "avx512" => {
            has("avx2")
                && is_x86_feature_detected!("avx512f")
                && is_x86_feature_detected!("avx512vl")
                && is_x86_feature_detected!("avx512bw")
                && is_x86_feature_detected!("avx512dq")
        }
        _ => false,
    }
}

/// Runs those tests that `arguments` choose, and `proof` with them, at each of `levels` but the one `present`, where
/// they run anyway. `proof` is the name of a test that calls [`assert_level_asked_for`]. Does nothing in a child.
///
/// # Panics
/// If a test fails at one of the levels, `proof` did not run there or nothing else did.
pub(crate) fn run_at_other_levels(levels: &[&str], present: &str, proof: &str, arguments: &[&str]) {
    if is_child() {
        return;
    }
    assert!(has(present), "{present} runs, which the processor has not");
    for &level in levels {
        let what = if level == present {
            "in this process".to_owned()
        } else if has(level) {
            let output = run(arguments, &[("MLP_SIMD", level)]);
            let line = format!("test {proof} ... ok");
            assert!(output.contains(&line), "at {level}, no `{line}` in\n{output}");
            let passed = passed(&output);
            assert!(passed > 1, "at {level}, nothing but {proof} ran");
            format!("{passed} tests in a process of its own")
        } else {
            "not on this processor: NOT TESTED".to_owned()
        };
        // Not by `println`, which is shown of a test that fails only.
        writeln!(std::io::stderr(), "{}: level {level}: {what}", env!("CARGO_CRATE_NAME")).expect("standard error");
    }
}

/// Fails unless `present`, the level that runs, is the one that `MLP_SIMD` asks for.
pub(crate) fn assert_level_asked_for(present: &str) {
    match std::env::var("MLP_SIMD") {
        Ok(wanted) if has(&wanted) => assert_eq!(present, wanted, "the level that runs (left), and MLP_SIMD"),
        _ => {
            assert!(
                !is_child() || std::env::var_os("MLP_SIMD").is_none(),
                "a level that is not to be had"
            );
            let best = ["avx512", "avx2", "baseline"].into_iter().find(|level| has(level));
            assert_eq!(Some(present), best, "the level that runs (left), and the best there is");
        }
    }
}
