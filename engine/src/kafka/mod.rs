//! Kafka: connections and their profiles, positions, the consumer, and the producer.
//!
//! Everything here is called from a subscription's own thread. Only [`Waker`] is used across threads.

mod admin;
pub mod connection;
mod consumer;
mod groups;
mod member;
#[allow(unsafe_code)]
mod native;
pub mod position;
mod problem;
mod producer;
mod profile;
pub mod properties;
mod registry;
mod schemas;
mod sender;
mod topic_id;

pub use admin::{Admin, Retention};
pub use connection::{
    Connection, ConnectionError, consumer_config, member_config, producer_config,
};
pub use consumer::{Assignment, Commit, Consumer, TopicInfo, TopicShape, TopicsError, Watermarks};
pub use groups::{delete_group, has_instance};
pub use member::{Assigned, Member, Membership};
pub use native::{Batch, Event, Headers, Record, Waker, ask_for_short_turns};
pub use position::{Position, PositionError, TopicNameError, TopicPattern, Topics};
pub use problem::{Failure, Operation, Problem, ProblemKind};
pub use producer::{Delivery, HeaderText, Outgoing, Producer, Sent, Source, Told};
pub use profile::{Profile, ProfileError, Profiles};
pub use registry::{RegistryError, RegistryName, registry_config};
pub use schemas::{SchemaSources, WrittenSchema, schema_sources, written_schema};
pub use sender::{Message, Receipt, send};
pub use topic_id::TopicId;

#[cfg(test)]
mod tests;
