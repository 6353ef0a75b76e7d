//! The examples of `docs/deploy`: what Kubernetes, systemd and the program itself say of them.

use std::process::Command;

use k8s_openapi::api::apps::v1::StatefulSet;
use k8s_openapi::api::core::v1::{ConfigMap, Secret, Service};
use serde::de::{Deserialize, DeserializeOwned};
use serde_json::Value;

use crate::{built, read};

fn manifests() -> Vec<Value> {
    let text = read("docs/deploy/kubernetes.yaml");
    let documents = serde_yaml_ng::Deserializer::from_str(&text);
    documents.map(|document| Value::deserialize(document).expect("YAML")).collect()
}

fn manifest(kind: &str) -> Value {
    let found = manifests().into_iter().find(|one| one["kind"] == kind);
    found.unwrap_or_else(|| panic!("no {kind}"))
}

/// What of `written` a type of Kubernetes does not keep: fields it does not know, wrong types.
fn lost<T: DeserializeOwned + serde::Serialize>(written: &Value) -> Vec<String> {
    let typed: T = match serde_json::from_value(written.clone()) {
        Ok(typed) => typed,
        Err(error) => return vec![error.to_string()],
    };
    let mut lost = Vec::new();
    compare(written, &serde_json::to_value(typed).expect("JSON"), "", &mut lost);
    lost
}

fn compare(written: &Value, kept: &Value, path: &str, lost: &mut Vec<String>) {
    match (written, kept) {
        (Value::Object(written), Value::Object(kept)) => {
            for (name, value) in written {
                let path = format!("{path}.{name}");
                compare(value, kept.get(name).unwrap_or(&Value::Null), &path, lost);
            }
        }
        (Value::Array(written), Value::Array(kept)) if written.len() == kept.len() => {
            for (index, (written, kept)) in written.iter().zip(kept).enumerate() {
                compare(written, kept, &format!("{path}[{index}]"), lost);
            }
        }
        _ if written == kept => {}
        _ => lost.push(path.to_string()),
    }
}

#[test]
fn kubernetes_knows_every_field_of_the_manifest() {
    for document in manifests() {
        let lost = match document["kind"].as_str() {
            Some("StatefulSet") => lost::<StatefulSet>(&document),
            Some("Secret") => {
                // Written as stringData, which the server turns into data.
                assert!(document["stringData"].is_object());
                lost::<Secret>(&document)
            }
            Some("ConfigMap") => lost::<ConfigMap>(&document),
            Some("Service") => lost::<Service>(&document),
            other => panic!("{other:?} is not looked at"),
        };
        assert_eq!(lost, Vec::<String>::new(), "{}", document["kind"]);
    }
    let mut misspelt = manifest("StatefulSet");
    misspelt["spec"]["template"]["spec"]["containers"][0]["livnessProbe"] = Value::from("x");
    assert_ne!(lost::<StatefulSet>(&misspelt), Vec::<String>::new(), "a misspelt key is found");
}

#[test]
fn the_pods_of_the_manifest_fit_together() {
    let set = manifest("StatefulSet");
    let pod = &set["spec"]["template"]["spec"];
    let container = &pod["containers"][0];
    assert_eq!(
        set["spec"]["selector"]["matchLabels"],
        set["spec"]["template"]["metadata"]["labels"]
    );
    assert_eq!(manifest("Service")["spec"]["selector"], set["spec"]["selector"]["matchLabels"]);
    assert_eq!(pod["securityContext"]["runAsNonRoot"], true);
    let user = &pod["securityContext"]["runAsUser"];
    assert!(read("Dockerfile").contains(&format!("--uid {user} ")), "the image's user is {user}");
    let compose: Value = serde_yaml_ng::from_str(&read("docker-compose.yml")).expect("YAML");
    assert_eq!(container["image"], compose["services"]["sidecar"]["image"]);
    for (probe, path) in [
        ("startupProbe", "/health/live"),
        ("livenessProbe", "/health/live"),
        ("readinessProbe", "/health/ready"),
    ] {
        assert_eq!(container[probe]["httpGet"]["path"], path);
        assert_eq!(container[probe]["httpGet"]["port"], container["ports"][0]["name"]);
    }
    let mounted: Vec<_> = container["volumeMounts"].as_array().expect("mounts").iter().collect();
    for mount in mounted {
        let volumes = pod["volumes"].as_array().expect("volumes");
        assert!(volumes.iter().any(|volume| volume["name"] == mount["name"]), "{mount}");
    }
    let help = Command::new(built("redis-kafka")).args(["run", "--help"]).output().expect("--help");
    let help = String::from_utf8_lossy(&help.stdout).into_owned();
    for variable in container["env"].as_array().expect("env") {
        let name = variable["name"].as_str().expect("a name");
        assert!(help.contains(&format!("[env: {name}")), "{name} is no option of run");
    }
}

#[test]
fn redis_kafka_finds_nothing_wrong_with_the_files_of_the_manifest() {
    let directory = tempfile::tempdir().expect("a directory");
    let mut check = Command::new(built("redis-kafka"));
    check.arg("check");
    for (name, option) in
        [("connections.toml", "--connections"), ("statements.kafka", "--statements")]
    {
        let path = directory.path().join(name);
        let map = manifest("ConfigMap");
        std::fs::write(&path, map["data"][name].as_str().expect("a file")).expect("write");
        check.arg(option).arg(path);
    }
    let output = check.output().expect("redis-kafka check");
    assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stdout));
}

#[test]
fn systemd_finds_nothing_wrong_with_the_unit() {
    let text = read("docs/deploy/redis-kafka.service");
    let directory = tempfile::tempdir().expect("a directory");
    let unit = directory.path().join("redis-kafka.service");
    let program = built("redis-kafka").display().to_string();
    let complaints = |text: String| {
        // What is not installed here is no fault of the unit.
        let text = text.replace("/usr/local/bin/redis-kafka", &program);
        let lines = text.lines().filter(|line| !line.starts_with("Documentation="));
        std::fs::write(&unit, lines.collect::<Vec<_>>().join("\n")).expect("write the unit");
        let output = Command::new("systemd-analyze").arg("verify").arg(&unit).output().ok()?;
        Some(String::from_utf8_lossy(&output.stderr).into_owned())
    };
    let Some(said) = complaints(text.clone()) else {
        println!("SKIPPED: no systemd-analyze here (Debian: systemd)");
        return;
    };
    assert_eq!(said, "");
    let broken = complaints(text.replace("ProtectHome=", "ProtectHouse=")).expect("as before");
    assert!(broken.contains("ProtectHouse"), "a misspelt key is found: {broken}");
}
