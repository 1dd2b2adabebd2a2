//! Checks that the demo prints what its README shows, and that the files that the project's README links to exist.

use std::path::Path;
use std::process::Command;

/// The first page of the project.
const README: &str = include_str!("../../../README.md");

/// Returns the lines of the first code block in this crate's README whose language is `text`.
fn output_shown() -> Vec<&'static str> {
    include_str!("../README.md")
        .lines()
        .skip_while(|line| *line != "```text")
        .skip(1)
        .take_while(|line| *line != "```")
        .collect()
}

#[test]
fn the_output_shown_is_that_of_the_demo() {
    let output = Command::new(env!("CARGO_BIN_EXE_mlp-demo"))
        .output()
        .expect("the demo runs");
    assert!(output.status.success(), "{output:?}");
    let printed = String::from_utf8(output.stdout).expect("text");
    let mut printed = printed.lines();
    let (mut left_out, mut compared) = (false, 0);
    for shown in output_shown() {
        if shown == "..." {
            left_out = true;
            continue;
        }
        let found = if left_out {
            printed.find(|line| *line == shown)
        } else {
            printed.next()
        };
        assert_eq!(found, Some(shown), "line {compared} that the README shows");
        (left_out, compared) = (false, compared + 1);
    }
    assert!(compared > 10, "{compared} lines compared");
}

#[test]
fn links_lead_somewhere() {
    let root = Path::new(env!("CARGO_MANIFEST_DIR")).join("../..");
    let targets = README.split("](").skip(1).filter_map(|rest| rest.split(')').next());
    let mut files = 0;
    for target in targets.filter(|target| !target.contains("://")) {
        let (file, heading) = target.split_once('#').unwrap_or((target, ""));
        assert!(root.join(file).exists(), "no {file}");
        if !heading.is_empty() {
            let text = std::fs::read_to_string(root.join(file)).expect("a page");
            let mut headings = text.lines().filter_map(|line| line.strip_prefix("## "));
            let found = headings.any(|line| line.to_lowercase().replace(' ', "-") == heading);
            assert!(found, "no heading {heading} in {file}");
        }
        files += 1;
    }
    assert!(files > 5, "{files} links to files");
}
