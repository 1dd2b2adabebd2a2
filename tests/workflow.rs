//! The workflow of continuous integration: a mistake in its YAML would switch all checks off without a word.

use yaml_rust2::{Yaml, YamlLoader};

const WORKFLOW: &str = include_str!("../.github/workflows/ci.yml");

#[test]
fn the_workflow_is_yaml_whose_jobs_have_a_machine_steps_and_a_reason() {
    let documents = YamlLoader::load_from_str(WORKFLOW).unwrap();
    let [workflow] = documents.as_slice() else {
        panic!("{} documents", documents.len());
    };
    let Yaml::Hash(jobs) = &workflow["jobs"] else {
        panic!("no jobs");
    };
    let names: Vec<_> = jobs.keys().filter_map(Yaml::as_str).collect();
    for needed in ["run", "msrv", "bare-metal", "wasm", "deny", "miri", "docs"] {
        assert!(names.contains(&needed), "no job `{needed}` among {names:?}");
    }
    for name in names {
        let job = &workflow["jobs"][name];
        assert!(job["runs-on"].as_str().is_some(), "{name}: no machine");
        let steps = job["steps"].as_vec().unwrap_or_else(|| panic!("{name}: no steps"));
        for step in steps {
            let does_something = step["run"].as_str().is_some() || step["uses"].as_str().is_some();
            assert!(does_something, "{name}: a step that does nothing: {step:?}");
        }
        let above = WORKFLOW.split(&format!("\n  {name}:\n")).next().unwrap();
        let last = above.lines().next_back().unwrap();
        assert!(last.starts_with("  # "), "{name}: no reason above it, but {last:?}");
    }
}

#[test]
fn the_oldest_compiler_is_the_one_that_the_manifest_promises() {
    let manifest = include_str!("../Cargo.toml");
    let version = manifest
        .split("rust-version = \"")
        .nth(1)
        .unwrap()
        .split('"')
        .next()
        .unwrap();
    assert!(
        WORKFLOW.contains(&format!("rustup toolchain install {version} ")),
        "{version}"
    );
}
