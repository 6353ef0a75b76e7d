//! Schemas that come with the program.

/// A schema by name.
#[derive(Debug, Clone, Copy)]
pub struct BuiltIn {
    /// What `--schema` calls it.
    pub name: &'static str,
    /// The annotated Avro schema.
    pub schema: &'static str,
    /// The template of the record key, where `--key` names none.
    pub key: &'static str,
}

/// All of them.
pub const BUILT_IN: [BuiltIn; 1] = [BuiltIn {
    name: "measurements",
    schema: include_str!("../../schemas/measurements.avsc"),
    key: "urn:sensor:%{airport}:%{id}",
}];

/// Their names, for messages.
pub fn names() -> String {
    BUILT_IN.map(|built_in| built_in.name).join(", ")
}
