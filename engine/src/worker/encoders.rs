//! The schemas of what routes with VALUE AVRO send to topics.

use super::plan::Encoders;
use super::{Keep, RouteSpec, Trouble, Worker};
use crate::format::Format;
use crate::format::avro::Encoder;
use crate::format::framed::schema_text;
use crate::format::schema::SchemaText;
use crate::kafka::{WrittenSchema, written_schema};
use crate::registry::{Cause, Client, LookupError, SchemaId, SchemaKind};
use crate::target::Sends;
use std::sync::Arc;

impl Worker {
    /// Looks the schemas up, and registers those of files where there is a registry.
    pub(super) fn encoders(&mut self, routes: &[RouteSpec]) -> Result<Encoders, Trouble> {
        let mut encoders = Encoders::new();
        for route in routes {
            let Some(sends) = route.target.sends().filter(|it| it.value == Format::Avro) else {
                continue;
            };
            let encoder = self.encoder(&sends)?;
            encoders.insert(route.name.clone(), Arc::new(encoder));
        }
        Ok(encoders)
    }

    fn encoder(&mut self, sends: &Sends<'_>) -> Result<Encoder, Trouble> {
        let registry = sends.registry.or(self.spec.registry.as_ref());
        let written = written_schema(registry, &self.spec.connection, &self.spec.profiles)
            .map_err(|error| self.mend_schemas(error.to_string()))?;
        let subject = format!("{}-value", sends.topic);
        let (schema, prefix) = match written {
            WrittenSchema::File(text, None) => (text, Vec::new()),
            WrittenSchema::File(text, Some(client)) => {
                let id = client
                    .register(&subject, SchemaKind::Avro, &text.text)
                    .map_err(|error| self.lookup_trouble(error))?;
                (text, framing(id))
            }
            WrittenSchema::Registered(client) => self.newest_schema(&client, &subject)?,
        };
        Encoder::new(&schema, prefix).map_err(|error| {
            Trouble::wait(
                format!("the schema of messages to topic '{}': {error}", sends.topic),
                "mend the schema; it is looked up again",
            )
        })
    }

    fn newest_schema(
        &mut self,
        client: &Client,
        subject: &str,
    ) -> Result<(SchemaText, Vec<u8>), Trouble> {
        let found = client.latest(subject).map_err(|error| self.lookup_trouble(error))?;
        match found.as_deref() {
            Some(schema) if schema.kind != SchemaKind::Avro => Err(Trouble::wait(
                format!("the schema of subject '{subject}' is {}, not AVRO", schema.kind.name()),
                "register an Avro schema under it, or send to another topic",
            )),
            Some(schema) => match schema.id {
                SchemaId::Number(id) => Ok((schema_text(schema), framing(id))),
                SchemaId::Guid(_) => Err(Trouble::Recheck),
            },
            None => Err(Trouble::wait(
                format!("subject '{subject}' is unknown to the Schema Registry"),
                "register a schema under it, or name a profile with value.schema.file: TOPIC … \
                 VALUE AVRO REGISTRY profile",
            )),
        }
    }

    fn lookup_trouble(&mut self, error: LookupError) -> Trouble {
        match error {
            LookupError::Unavailable { cause, reason, action, .. } => {
                let connection = match cause {
                    Cause::Credentials => Keep::Reconnect,
                    _ => Keep::Keep,
                };
                Trouble::Wait { reason, action, connection }
            }
            error => Trouble::wait(error.to_string(), "mend the schema; it is tried again"),
        }
    }
}

/// What the Schema Registry's serializers write before a datum.
fn framing(id: u32) -> Vec<u8> {
    [[0].as_slice(), &id.to_be_bytes()].concat()
}
