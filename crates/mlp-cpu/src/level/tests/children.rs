//! Tests in child processes. They run the same tests at each level or with a different number of threads, which a
//! process chooses only once. `tests/suite` uses this file, too.

use std::io::Write;
use std::process::Command;

/// This environment variable is set in a child process.
const CHILD: &str = "MLP_TEST_CHILD";

/// Returns whether this process is a child, which starts no children itself.
pub(crate) fn is_child() -> bool {
    std::env::var_os(CHILD).is_some()
}

/// Runs the tests of this executable that `arguments` select, with `variables` set, and returns what they printed.
///
/// # Panics
/// Panics if a test fails
pub(crate) fn run(arguments: &[&str], variables: &[(&str, &str)]) -> String {
    let output = Command::new(std::env::current_exe().expect("the path of this executable"))
        .args(arguments)
        .env(CHILD, "1")
        .envs(variables.iter().copied())
        .output()
        .expect("a child process starts");
    let [printed, errors] = [&output.stdout, &output.stderr].map(|text| String::from_utf8_lossy(text));
    assert!(
        output.status.success(),
        "tests {arguments:?} with {variables:?} failed: {}\n{printed}\n{errors}",
        output.status
    );
    printed.into_owned()
}

/// Returns the number of passed tests in `output`, which a test run printed.
pub(crate) fn passed(output: &str) -> usize {
    let (_, rest) = output
        .split_once("test result: ok. ")
        .expect("the last line of a test run");
    let (number, _) = rest.split_once(" passed").expect("the number of tests that passed");
    number.parse().expect("a number")
}

/// Returns whether the processor has the instructions of the level with this name. Asks the processor, not the crate.
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

/// Runs the tests that `arguments` select, together with `proof`, at each of `levels` except `present`, at which they
/// already run in this process. `proof` is the name of a test that calls [`assert_level_asked_for`]. Does nothing in a
/// child.
///
/// # Panics
/// Panics if a test fails
pub(crate) fn run_at_other_levels(levels: &[&str], present: &str, proof: &str, arguments: &[&str]) {
    if is_child() {
        return;
    }
    assert!(
        has(present),
        "level {present} runs, but the processor does not have its instructions"
    );
    for &level in levels {
        let what = if level == present {
            "in this process".to_owned()
        } else if has(level) {
            let output = run(arguments, &[("MLP_SIMD", level)]);
            let line = format!("test {proof} ... ok");
            assert!(
                output.contains(&line),
                "level {level}: the output has no line `{line}`:\n{output}"
            );
            let passed = passed(&output);
            assert!(passed > 1, "level {level}: no test ran except {proof}");
            format!("{passed} tests in a process of its own")
        } else {
            "not on this processor: NOT TESTED".to_owned()
        };
        // `println` would be shown only for a test that fails.
        writeln!(std::io::stderr(), "{}: level {level}: {what}", env!("CARGO_CRATE_NAME")).expect("standard error");
    }
}

/// Fails unless `present`, the level that runs, is the one that `MLP_SIMD` asks for.
pub(crate) fn assert_level_asked_for(present: &str) {
    match std::env::var("MLP_SIMD") {
        Ok(wanted) if has(&wanted) => assert_eq!(
            present, wanted,
            "the level that runs (left) is not the one that MLP_SIMD names (right)"
        ),
        _ => {
            assert!(
                !is_child() || std::env::var_os("MLP_SIMD").is_none(),
                "MLP_SIMD names a level that the processor does not have"
            );
            let best = ["avx512", "avx2", "baseline"].into_iter().find(|level| has(level));
            assert_eq!(
                Some(present),
                best,
                "the level that runs (left) is not the best one available (right)"
            );
        }
    }
}
