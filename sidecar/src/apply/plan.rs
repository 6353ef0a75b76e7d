//! What TYPE says of the keys that a unit writes.

pub use redis_kafka_engine::applier::plan::{Plan, UnitGroup, is_call};
use redis_kafka_engine::unit::packed::{Group, GroupKind};

/// What TYPE says of a key that a group of this kind writes; none where it writes no key.
pub fn type_of(kind: GroupKind) -> Option<&'static str> {
    match kind {
        GroupKind::Command | GroupKind::Channel => None,
        GroupKind::TimeSeries => Some("TSDB-TYPE"),
        GroupKind::Json => Some("ReJSON-RL"),
        GroupKind::Set => Some("set"),
        GroupKind::Geo | GroupKind::SortedSet => Some("zset"),
        GroupKind::Stream => Some("stream"),
        GroupKind::List => Some("list"),
        GroupKind::String => Some("string"),
        GroupKind::Hash | GroupKind::Undecided => Some("hash"),
    }
}

/// What is said of a key of another type, as in the module.
pub fn wrong_type(group: &Group<'_>) -> String {
    let key = String::from_utf8_lossy(group.key);
    format!("WRONGTYPE key '{key}' is no {}", group.kind.type_name().unwrap_or_default())
}
