//! Where the schemas of a subscription's records are: the registry or the files of a profile.

use super::connection::{Connection, ConnectionError};
use super::profile::{Profile, Profiles, read_bounded};
use super::registry::{RegistryError, RegistryName, registry_config};
use crate::format::schema::SchemaText;
use crate::format::{Format, Needs, Part, Schemas};
use crate::registry::Client;
use std::path::Path;
use std::sync::Arc;

/// The sources of schemas for keys and for values.
#[derive(Debug, Clone, Default)]
pub struct SchemaSources {
    /// For the keys.
    pub key: Schemas,
    /// For the values.
    pub value: Schemas,
}

/// Finds the schemas for these formats of key and value: `registry` where it is
/// given, otherwise the connection's profile. A profile's schema file goes
/// before its registry. Secrets and files are read now; nothing is asked yet.
pub fn schema_sources(
    formats: [Format; 2],
    registry: Option<&RegistryName>,
    connection: &Connection,
    profiles: &Profiles,
) -> Result<SchemaSources, RegistryError> {
    let own = match connection {
        Connection::Profile(name) => Some(RegistryName::Profile(name.clone())),
        Connection::Brokers(_) => None,
    };
    let Some(name) = registry.or(own.as_ref()) else { return Ok(SchemaSources::default()) };
    let mut client = None;
    let mut source = |format: Format, part: Part| -> Result<Schemas, RegistryError> {
        if format.needs() == Needs::Nothing {
            return Ok(Schemas::None);
        }
        if let Some(schema) = file(name, profiles, part)? {
            return Ok(Schemas::File(Arc::new(schema)));
        }
        let client: &mut Arc<Client> = match &mut client {
            Some(client) => client,
            none => none.insert(Arc::new(Client::new(&registry_config(name, profiles)?)?)),
        };
        Ok(Schemas::Registry(client.clone()))
    };
    let [key, value] = formats;
    Ok(SchemaSources { key: source(key, Part::Key)?, value: source(value, Part::Value)? })
}

/// Where the schema of messages is that a route sends.
#[derive(Debug)]
pub enum WrittenSchema {
    /// In a profile's `value.schema.file`; with the registry to register it with, where there is one.
    File(SchemaText, Option<Arc<Client>>),
    /// In the registry.
    Registered(Arc<Client>),
}

/// Finds the schema of messages: in `registry` where it is given, otherwise in the connection's
/// profile. Secrets and files are read now; nothing is asked yet.
pub fn written_schema(
    registry: Option<&RegistryName>,
    connection: &Connection,
    profiles: &Profiles,
) -> Result<WrittenSchema, RegistryError> {
    let own = match connection {
        Connection::Profile(name) => Some(RegistryName::Profile(name.clone())),
        Connection::Brokers(_) => None,
    };
    let Some(name) = registry.or(own.as_ref()) else { return Err(RegistryError::Nowhere) };
    let client = |name| -> Result<_, RegistryError> {
        Ok(Arc::new(Client::new(&registry_config(name, profiles)?)?))
    };
    match file(name, profiles, Part::Value)? {
        None => client(name).map(WrittenSchema::Registered),
        Some(schema) => {
            let has_registry = match name {
                RegistryName::Url(_) => true,
                RegistryName::Profile(profile) => profiles.get(profile)?.has("schema.registry.url"),
            };
            let client = has_registry.then(|| client(name)).transpose()?;
            Ok(WrittenSchema::File(schema, client))
        }
    }
}

fn file(
    name: &RegistryName,
    profiles: &Profiles,
    part: Part,
) -> Result<Option<SchemaText>, RegistryError> {
    let RegistryName::Profile(name) = name else { return Ok(None) };
    let profile: &Profile = profiles.get(name)?;
    let (file, message) = match part {
        Part::Key => ("key.schema.file", "key.schema.message"),
        Part::Value => ("value.schema.file", "value.schema.message"),
    };
    let Some(path) = profile.resolve(name, file)? else { return Ok(None) };
    let text = read_bounded(Path::new(&path)).map_err(|why| ConnectionError::Reference {
        profile: name.clone(),
        property: file,
        why,
    })?;
    let message = profile.resolve(name, message)?;
    Ok(Some(SchemaText { text, references: Vec::new(), message }))
}
