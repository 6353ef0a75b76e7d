//! `docker-compose.yml` and `Dockerfile`: valid, pinned, healthy, not root.

use globset::{GlobBuilder, GlobSetBuilder};
use serde_json::Value;

use crate::read;
use crate::sources::sources;

fn compose() -> Value {
    serde_yaml_ng::from_str(&read("docker-compose.yml")).expect("docker-compose.yml is YAML")
}

fn services(compose: &Value) -> impl Iterator<Item = (&String, &Value)> {
    compose["services"].as_object().expect("services is a map").iter()
}

/// What Compose's own schema has to say against `document`.
fn violations(document: &Value) -> Vec<String> {
    let schema = serde_json::from_str(&read("tests/data/compose-spec.json")).expect("JSON");
    let validator = jsonschema::validator_for(&schema).expect("a JSON schema");
    validator
        .iter_errors(document)
        .map(|error| format!("{} at {}", error, error.instance_path()))
        .collect()
}

/// An image's tag fixes at least major and minor version.
fn pinned(image: &str) -> bool {
    image.rsplit_once(':').is_some_and(|(_, tag)| {
        tag.starts_with(|first: char| first.is_ascii_digit()) && tag.contains('.')
    })
}

/// The arguments of each instruction `name`, with the name of the stage it stands in.
fn instructions(dockerfile: &str, name: &str) -> Vec<(String, String)> {
    let mut stage = String::new();
    let mut found = Vec::new();
    for line in dockerfile.lines() {
        let Some((instruction, arguments)) = line.split_once(' ') else {
            continue;
        };
        if instruction == "FROM" {
            stage = arguments.rsplit(' ').next().unwrap_or_default().to_string();
        }
        if instruction == name {
            found.push((stage.clone(), arguments.to_string()));
        }
    }
    found
}

#[test]
fn compose_file_keeps_to_the_compose_specification() {
    let mut document = compose();
    assert_eq!(violations(&document), Vec::<String>::new());

    document["services"]["kafka"]["helthcheck"] = Value::Null;
    assert_ne!(violations(&document), Vec::<String>::new(), "the schema must find a misspelt key");
}

#[test]
fn every_service_is_pinned_and_has_a_healthcheck() {
    let document = compose();
    for (name, service) in services(&document) {
        let image = service["image"].as_str().unwrap_or_else(|| panic!("{name} has no image"));
        assert!(pinned(image), "{name}: {image} names no version");
        assert!(service["healthcheck"]["test"].is_array(), "{name} has no healthcheck");
    }
    assert!(!pinned("redis:latest") && !pinned("redis") && !pinned("redis:7"));
}

#[test]
fn services_wait_for_services_that_exist_and_are_healthy() {
    let document = compose();
    for (name, service) in services(&document) {
        for (other, how) in service["depends_on"].as_object().into_iter().flatten() {
            assert!(document["services"].get(other).is_some(), "{name} waits for no such {other}");
            assert_eq!(how["condition"], "service_healthy", "{name} on {other}");
        }
    }
}

#[test]
fn ports_are_published_to_this_host_only() {
    let document = compose();
    for (name, service) in services(&document) {
        for port in service["ports"].as_array().into_iter().flatten() {
            let port = port.as_str().expect("a quoted port");
            assert!(port.starts_with("127.0.0.1:"), "{name} publishes {port} to everyone");
        }
    }
}

#[test]
fn kafka_advertises_what_each_side_can_reach() {
    let document = compose();
    let kafka = &document["services"]["kafka"];
    let listeners = |name: &str| -> Vec<(String, String)> {
        let text = kafka["environment"][name].as_str().unwrap_or_else(|| panic!("no {name}"));
        let parts =
            text.split(',').map(|listener| listener.split_once("://").expect("NAME://address"));
        parts.map(|(name, address)| (name.to_string(), address.to_string())).collect()
    };
    let bound = listeners("KAFKA_LISTENERS");
    for (name, advertised) in listeners("KAFKA_ADVERTISED_LISTENERS") {
        let (host, port) = advertised.split_once(':').expect("host:port");
        assert!(bound.contains(&(name.clone(), format!(":{port}"))), "{name} listens elsewhere");
        let published = kafka["ports"].as_array().expect("ports");
        let published = published.contains(&Value::from(format!("127.0.0.1:{port}:{port}")));
        match host {
            "kafka" => assert!(!published, "{advertised} is not reachable from the host"),
            "localhost" => assert!(published, "{advertised} is advertised but not published"),
            other => panic!("{other} is neither the service nor the host"),
        }
    }
    let registry = &document["services"]["schema-registry"]["environment"];
    assert_eq!(
        registry["SCHEMA_REGISTRY_KAFKASTORE_BOOTSTRAP_SERVERS"],
        Value::from("PLAINTEXT://kafka:19092")
    );
}

/// A pattern that leaves out what is built leaves no source out.
#[test]
fn all_sources_are_sent_to_the_build() {
    let ignored = read(".dockerignore");
    let mut patterns = GlobSetBuilder::new();
    for line in ignored.lines().filter(|line| !line.is_empty() && !line.starts_with('#')) {
        let pattern = GlobBuilder::new(line).literal_separator(true).build();
        patterns.add(pattern.expect("a pattern"));
    }
    let patterns = patterns.build().expect("patterns");
    assert!(patterns.is_match("target") && patterns.is_match("docs"));
    for part in ["engine", "module", "sidecar", "tests"] {
        for source in sources(part) {
            let left_out = source.path.ancestors().find(|path| patterns.is_match(path));
            assert_eq!(left_out, None, "{} is not sent", source.path.display());
        }
    }
}

#[test]
fn images_are_built_from_pinned_bases_and_run_without_root() {
    let dockerfile = read("Dockerfile");
    let bases = instructions(&dockerfile, "FROM");
    for (stage, arguments) in &bases {
        let base = arguments.split(' ').next().unwrap_or_default();
        assert!(pinned(base), "{stage} starts from {base}");
    }
    let users = instructions(&dockerfile, "USER");
    let document = compose();
    for (name, service) in services(&document) {
        let Some(target) = service["build"]["target"].as_str() else {
            continue;
        };
        assert!(bases.iter().any(|(stage, _)| stage == target), "{name} builds no stage {target}");
        let user = users.iter().rfind(|(stage, _)| stage == target);
        assert!(user.is_some_and(|(_, user)| user != "root" && user != "0"), "{name} runs as root");
    }
}
