//! `--format avro`: makes the schema known to the Schema Registry.

use super::annotation::ANNOTATIONS;
use redis_kafka_engine::kafka::{Profiles, RegistryError, RegistryName, registry_config};
use redis_kafka_engine::registry::{Client, LookupError, SchemaKind};
use serde_json::Value as Json;
use thiserror::Error;

/// Why the schema is not registered.
#[derive(Debug, Error)]
pub enum RegistrationError {
    /// There is no way to the registry.
    #[error("--registry: {0}")]
    Registry(#[from] RegistryError),
    /// The registry refuses the schema, or does not answer.
    #[error("{error}{}", action(.error))]
    Refused {
        /// The registry's or the network's words.
        #[from]
        error: LookupError,
    },
}

fn action(error: &LookupError) -> String {
    match error {
        LookupError::Unavailable { action, .. } if !action.is_empty() => format!("; {action}"),
        _ => String::new(),
    }
}

/// Registers the annotated `schema` for the values of `topic` (subject `<topic>-value`, as the
/// serializers' TopicNameStrategy has it) and gives its id. `registry` is a URL or the name of a
/// profile.
///
/// # Errors
/// See [`RegistrationError`].
pub fn register(
    registry: &str,
    profiles: &Profiles,
    topic: &str,
    schema: &Json,
) -> Result<u32, RegistrationError> {
    let registry = RegistryName::parse(registry)?;
    let client =
        Client::new(&registry_config(&registry, profiles)?).map_err(RegistryError::from)?;
    let text = without_annotations(schema).to_string();
    Ok(client.register(&format!("{topic}-value"), SchemaKind::Avro, &text)?)
}

/// The schema without its annotations, everything else as it is: what kafka-connect-datagen
/// registers, too, as Connect's schemas have no place for them. Recursion is bounded by
/// serde_json's nesting limit of 128.
fn without_annotations(schema: &Json) -> Json {
    match schema {
        Json::Array(branches) => branches.iter().map(without_annotations).collect(),
        Json::Object(members) => members
            .iter()
            .filter(|(name, _)| *name != ANNOTATIONS)
            .map(|(name, member)| {
                let member = match name.as_str() {
                    "type" | "items" | "values" | "fields" => without_annotations(member),
                    _ => member.clone(),
                };
                (name.clone(), member)
            })
            .collect(),
        other => other.clone(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    #[test]
    fn annotations_are_taken_off_and_nothing_else() {
        let annotated = json!({"type": "record", "name": "r", "connect.name": "r", "fields": [
            {"name": "a", "doc": "x", "type": {"type": "string", "arg.properties": {"length": 3}}},
            {"name": "b", "arg.properties": {"position": 0}, "default": null, "type": ["null",
                {"type": "int", "logicalType": "date", "connect.version": 1, "arg.properties": {}}]},
            {"name": "c", "default": {"arg.properties": 1}, "type": {"type": "map", "values":
                {"type": "array", "items": {"type": "int", "arg.properties": {}}}}}]});
        let plain = json!({"type": "record", "name": "r", "connect.name": "r", "fields": [
            {"name": "a", "doc": "x", "type": {"type": "string"}},
            {"name": "b", "default": null, "type": ["null",
                {"type": "int", "logicalType": "date", "connect.version": 1}]},
            {"name": "c", "default": {"arg.properties": 1}, "type": {"type": "map", "values":
                {"type": "array", "items": {"type": "int"}}}}]});
        assert_eq!(without_annotations(&annotated).to_string(), plain.to_string());
    }

    #[test]
    fn a_wrong_way_to_the_registry_is_named() {
        let error = |registry: &str| {
            register(registry, &Profiles::empty(), "t", &json!("int"))
                .expect_err(registry)
                .to_string()
        };
        assert!(error("http://u:hunter2@h:1").contains("--registry"), "{}", error("no one"));
        assert!(!error("http://u:hunter2@h:1").contains("hunter2"));
        assert!(error("prod").contains("no connection profile 'prod'"));
    }
}
