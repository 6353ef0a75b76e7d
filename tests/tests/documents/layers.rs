//! The layers of `docs/architecture.md`, held against the sources.

use std::collections::BTreeSet;
use std::process::Command;

use regex::Regex;

use crate::sources::sources;
use crate::{read, root};

/// The engine's modules in the order its `lib.rs` declares: each may import from those before it.
fn engine_order() -> Vec<String> {
    let module = Regex::new(r"\[`([a-z_]+)`\]").expect("a regex");
    let text = read("engine/src/lib.rs");
    let listed = text.lines().filter(|line| line.starts_with("//! ") && line.contains(". [`"));
    listed.flat_map(|line| module.captures_iter(line).map(|found| found[1].to_string())).collect()
}

#[test]
fn engine_modules_import_one_way() {
    let order = engine_order();
    let place = |name: &str| order.iter().position(|module| module == name);
    let mut wrong = Vec::new();
    for source in sources("engine/src") {
        let path = source.module_path("engine/src");
        let Some(module) = path.first() else { continue };
        if place(module).is_none() {
            wrong.push(format!("{} stands in no layer", source.path.display()));
        }
        for name in source.reaches("engine/src") {
            let before = place(&name).is_some_and(|imported| Some(imported) < place(module));
            if &name != module && !before {
                wrong.push(format!("{} imports {name}", source.path.display()));
            }
        }
    }
    assert!(wrong.is_empty(), "against the layers:\n{}", wrong.join("\n"));
}

/// What must never know of Kafka, of statements or of what applies them, however the list grows.
#[test]
fn decoding_stays_below_kafka_and_what_hosts_share_on_top() {
    let order = engine_order();
    let place = |name: &str| order.iter().position(|module| module == name).expect(name);
    for below in ["record", "format", "expression"] {
        for above in ["kafka", "unit", "target", "command", "applier", "worker"] {
            assert!(place(below) < place(above), "{below} above {above}");
        }
    }
    assert!(place("worker") < place("control"));
    assert_eq!(order.last().map(String::as_str), Some("control"));
}

#[test]
fn architecture_names_the_layers_in_their_order() {
    let text = read("docs/architecture.md");
    let places: Vec<_> = engine_order()
        .iter()
        .map(|module| text.find(&format!("`{module}`")).unwrap_or_else(|| panic!("no {module}")))
        .collect();
    assert!(places.is_sorted(), "docs/architecture.md lists the engine's modules otherwise");
}

/// The names of the crates that `package` is built from.
fn dependencies(package: &str) -> BTreeSet<String> {
    let output = Command::new(env!("CARGO"))
        .args(["tree", "--offline", "--edges", "normal,build", "--prefix", "none"])
        .args(["--format", "{p}", "--package", package])
        .current_dir(root())
        .output()
        .expect("cargo tree");
    assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
    let text = String::from_utf8(output.stdout).expect("UTF-8");
    text.lines().filter_map(|line| line.split(' ').next()).map(str::to_string).collect()
}

fn assert_free_of(package: &str, forbidden: &[&str]) {
    let crates = dependencies(package);
    assert!(crates.contains(package), "cargo tree names {package} itself");
    let found: Vec<_> = forbidden.iter().filter(|name| crates.contains(**name)).collect();
    assert!(found.is_empty(), "{package} is built from {found:?}");
}

const ASYNC_RUNTIMES: &[&str] = &["tokio", "async-std", "async-executor", "smol"];

#[test]
fn engine_knows_no_redis_and_no_async_runtime() {
    assert_free_of("redis-kafka-engine", ASYNC_RUNTIMES);
    assert_free_of("redis-kafka-engine", &["redis-module", "redis", "fred"]);
    assert_free_of("redis-kafka-engine", &["redis-kafka-module", "redis-kafka"]);
}

#[test]
fn module_is_no_redis_client_and_sidecar_no_module() {
    assert_free_of("redis-kafka-module", ASYNC_RUNTIMES);
    assert_free_of("redis-kafka-module", &["redis", "fred", "redis-kafka"]);
    assert_free_of("redis-kafka", &["redis-module", "redis-kafka-module"]);
}

#[test]
fn unsafe_stands_in_the_module_and_the_native_calls_only() {
    let places = ["engine", "sidecar", "tests"];
    let native = ["engine", "src", "kafka", "native"].map(str::to_string);
    let found: Vec<_> = places
        .iter()
        .flat_map(|place| sources(place))
        .filter(|source| source.has_keyword("unsafe"))
        .filter(|source| !source.module_path("").starts_with(&native))
        .map(|source| source.path)
        .collect();
    assert!(found.is_empty(), "unsafe in {found:?}");
}

#[test]
fn files_stay_readable_in_one_sitting() {
    let long: Vec<_> = ["engine", "module", "sidecar", "tests"]
        .iter()
        .flat_map(|place| sources(place))
        .filter(|source| source.lines > 500)
        .map(|source| format!("{}: {} lines", source.path.display(), source.lines))
        .collect();
    assert!(long.is_empty(), "split these:\n{}", long.join("\n"));
}
