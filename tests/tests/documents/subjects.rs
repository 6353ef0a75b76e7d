//! docs/testing.md lists exactly the scenarios that the sidecar does not run, with their reasons.

use std::collections::BTreeMap;

use regex::Regex;

use crate::{read, root};

#[test]
fn the_table_lists_what_the_sidecar_does_not_run() {
    let marked = Regex::new(r#"(\w+)\s*:\s*not_sidecar\s+"([^"]+)""#).expect("a pattern");
    let mut found = BTreeMap::new();
    for path in scenarios() {
        let module = path.trim_end_matches(".rs").replace('/', "::");
        let text = read(&format!("tests/tests/scenarios/{path}"));
        for mark in marked.captures_iter(&text) {
            found.insert(format!("`{module}::{}`", &mark[1]), mark[2].to_string());
        }
    }
    let page = read("docs/testing.md");
    let (_, table) = page.split_once("| scenario | why |\n|---|---|\n").expect("the table");
    let rows = table.lines().map_while(|line| line.strip_prefix("| ")?.strip_suffix(" |"));
    let listed: BTreeMap<String, String> = rows
        .map(|row| row.split_once(" | ").expect("two cells"))
        .map(|(name, why)| (name.to_string(), why.to_string()))
        .collect();
    assert_eq!(listed, found, "docs/testing.md against the scenarios");
}

/// Every file of scenarios, from their directory on.
fn scenarios() -> Vec<String> {
    let directory = root().join("tests/tests/scenarios");
    let mut files = Vec::new();
    for place in ["", "targets"] {
        for entry in std::fs::read_dir(directory.join(place)).expect("scenarios").flatten() {
            let path = entry.path();
            if path.extension().is_some_and(|extension| extension == "rs") {
                let path = path.strip_prefix(&directory).expect("below it");
                files.push(path.display().to_string());
            }
        }
    }
    files
}
