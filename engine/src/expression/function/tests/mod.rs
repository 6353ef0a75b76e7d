//! The table: its examples, its edges, its page.

use super::{FUNCTIONS, all, find, reference};
use crate::expression::tests::{Outcome, evaluate};

mod edges;

#[test]
fn every_example_is_what_its_function_gives() {
    let mut wrong = Vec::new();
    for row in all() {
        assert!(row.examples.len() >= 2, "{}", row.name);
        for (expression, expected) in row.examples {
            let expected = (*expected != "null").then(|| (*expected).to_owned());
            let nulls = row.name == "to_json_string" && expected.is_none();
            let found = evaluate(expression, "{}");
            if found != Outcome::Value(expected) && !nulls {
                wrong.push(format!("{expression}: {found:?}"));
            }
        }
    }
    assert!(wrong.is_empty(), "{}", wrong.join("\n"));
}

#[test]
fn names_are_found_in_any_case_and_stand_once() {
    let names: Vec<&str> = super::names().collect();
    for (at, name) in names.iter().enumerate() {
        assert!(!names[at + 1..].contains(name), "{name} twice");
        assert_eq!(*name, name.to_lowercase());
        let row = find(&name.to_uppercase()).unwrap();
        assert!(row.name == *name || row.aliases.contains(name));
    }
    assert!(find("now").is_none() && find("random").is_none() && find("uuid").is_none());
    assert!(FUNCTIONS.iter().all(|group| !group.is_empty()));
}

#[test]
fn signatures_show_what_is_optional() {
    let signature = |name| find(name).unwrap().signature();
    assert_eq!(signature("substr"), "substring(text, position[, length])");
    assert_eq!(signature("concat_ws"), "concat_ws(separator, part, ...)");
    assert_eq!(signature("instr"), "instr(text, part[, position[, occurrence]])");
    assert_eq!(signature("pi"), "pi()");
}

/// `UPDATE_REFERENCE=1` writes the page instead.
#[test]
fn the_reference_of_functions_is_what_the_table_says() {
    let path = concat!(env!("CARGO_MANIFEST_DIR"), "/../docs/functions.md");
    if std::env::var_os("UPDATE_REFERENCE").is_some() {
        std::fs::write(path, reference()).unwrap();
    }
    let page = std::fs::read_to_string(path).unwrap();
    assert!(page == reference(), "docs/functions.md differs; UPDATE_REFERENCE=1 writes it anew");
}
