//! What a schema tells of a subscription's values before any record is read, so that a
//! ROUTE with a wrong name or type is refused when it is typed.

use super::{Trouble, Worker};
use crate::command::Envelope;
use crate::format::framed::schema_text;
use crate::format::schema::SchemaText;
use crate::format::{Needs, Schemas};
use crate::kafka::{TopicInfo, Topics};
use crate::record::Type;
use crate::registry::{Client, LookupError};
use std::sync::Arc;
use std::time::Duration;

/// How long the registry may take to tell the newest schema: SUBSCRIBE hears within its 2 s of
/// a registry that is away, and a session that could do without waits no longer.
const LEARN: Duration = Duration::from_secs(1);

impl Worker {
    /// Publishes the values' type where the newest schema tells it, in every session anew:
    /// subjects evolve. A registry that is away is told to whoever subscribes; later only
    /// records that need it wait for it.
    pub(super) fn learn_type(&mut self, topics: &[TopicInfo]) -> Result<(), Trouble> {
        let format = self.spec.value;
        if format.needs() == Needs::Nothing {
            return Ok(());
        }
        let whole = match (self.schemas()?.value, topics, &self.spec.topics) {
            (Schemas::File(schema), ..) => format
                .value_type(&schema)
                .map_err(|error| self.mend_schemas(format!("the schema file: {error}")))?,
            (Schemas::Registry(client), [topic], Topics::List(_)) => {
                match self.newest(&client, topic)?.map(|schema| format.value_type(&schema)) {
                    Some(Ok(whole)) => whole,
                    Some(Err(error)) => {
                        log::warn!("subscription {}: its schema: {error}", self.spec.name);
                        return Ok(());
                    }
                    None => return Ok(()),
                }
            }
            // Several topics, or those a pattern will find, may have several schemas.
            (Schemas::Registry(_) | Schemas::None, ..) => return Ok(()),
        };
        self.lane.shared.set_value_type(match self.spec.envelope {
            Envelope::Debezium => row_of(whole),
            Envelope::None | Envelope::Connect => whole,
        });
        Ok(())
    }

    /// The newest schema under the subject's usual name (TopicNameStrategy).
    fn newest(
        &self,
        client: &Client,
        topic: &TopicInfo,
    ) -> Result<Option<Arc<SchemaText>>, Trouble> {
        let subject = format!("{}-value", topic.name);
        match client.latest_within(&subject, LEARN) {
            Ok(Some(schema)) if Some(schema.kind) != self.spec.value.schema_kind() => {
                log::warn!(
                    "subscription {}: the newest schema of {subject} is {}, not {}",
                    self.spec.name,
                    schema.kind.name(),
                    self.spec.value.name()
                );
                Ok(None)
            }
            Ok(schema) => Ok(schema.map(|schema| Arc::new(schema_text(&schema)))),
            Err(LookupError::Unavailable { reason, action, .. })
                if self.lane.shared.greeting().is_none() =>
            {
                Err(Trouble::wait(reason, action))
            }
            Err(error) => {
                log::info!("subscription {}: {error}", self.spec.name);
                Ok(None)
            }
        }
    }
}

/// The type of the row in a change event.
fn row_of(event: Type) -> Type {
    match event {
        Type::Record(fields) => fields
            .into_iter()
            .find_map(|(name, row)| (name == "after").then_some(row))
            .unwrap_or(Type::Unknown),
        _ => Type::Unknown,
    }
}
