//! What `INFO kafka` says.

use crate::turn::Module;
use redis_kafka_engine::control::info_fields;

/// The fields of `INFO kafka`, without their prefix: those of every host, then the module's own.
pub fn server_info(module: &Module) -> Vec<(String, String)> {
    let registry = &module.registry;
    let mut fields = info_fields(&registry.reports(module.guard.hold()), registry.past);
    let own = [
        ("units_replayed", module.replay.applied.to_string()),
        ("units_replay_refused", module.replay.refused.to_string()),
        ("propagate", module.config.propagate.name().to_owned()),
    ];
    fields.extend(own.map(|(name, value)| (name.to_owned(), value)));
    fields
}
