//! Which Kafka cluster an inquiry is about: what `ON`, `CONNECTION` and `BROKERS` say, or what is plain
//! without them.

use crate::command::{CommandError, Envelope, Source};
use crate::control::Registry;
use crate::format::Format;
use crate::kafka::{Connection, Profiles, RegistryName};
use crate::nearest::nearest;

/// The consumer group's name of consumers that never commit.
const GROUP: &str = "redis-kafka.look";

/// The way into a cluster, with what is known of its records.
#[derive(Debug, Clone)]
pub struct Place {
    pub(super) connection: Connection,
    pub(super) profiles: Profiles,
    /// The consumer group of the subscription, or one that holds nothing.
    pub(super) group: String,
    /// The subscription's registry.
    pub(super) registry: Option<RegistryName>,
    /// How the subscription says that records are encoded.
    pub(super) formats: Option<(Format, Format, Envelope)>,
}

impl Place {
    /// Finds the cluster.
    pub fn of(registry: &Registry, source: Option<&Source>) -> Result<Place, CommandError> {
        match source {
            Some(Source::Subscription(name)) => Place::of_subscription(registry, name),
            Some(Source::Connection(connection)) => {
                if let Connection::Profile(name) = connection {
                    let found = registry.config.profiles.get(name);
                    found.map_err(|error| CommandError::new(error.to_string()))?;
                }
                Ok(Place::new(registry, connection.clone()))
            }
            None => the_only_one(registry).map(|connection| Place::new(registry, connection)),
        }
    }

    fn new(registry: &Registry, connection: Connection) -> Place {
        let profiles = registry.config.profiles.clone();
        Place { connection, profiles, group: GROUP.to_owned(), registry: None, formats: None }
    }

    fn of_subscription(registry: &Registry, name: &str) -> Result<Place, CommandError> {
        let Some(known) = registry.subscriptions.get(name) else {
            let error = CommandError::new(format!("no subscription named '{name}'"));
            let names = registry.subscriptions.keys().map(String::as_str);
            return Err(match nearest(name, names) {
                Some(near) => error.did_you_mean(Some(near)),
                None => error.hint("KAFKA.LIST shows them"),
            });
        };
        let declared = &known.declared;
        Ok(Place {
            group: declared.group.clone().unwrap_or_else(|| GROUP.to_owned()),
            registry: declared.registry.clone(),
            formats: Some((declared.key, declared.value, declared.envelope)),
            ..Place::new(registry, declared.connection.clone())
        })
    }

    /// Reads the profiles again, as an admin may have mended them. Reads a file.
    pub(super) fn refresh(&mut self) -> Result<(), CommandError> {
        let profiles = self.profiles.reread();
        self.profiles = profiles.map_err(|error| CommandError::new(error.to_string()))?;
        Ok(())
    }
}

/// The connection that all subscriptions and profiles mean.
fn the_only_one(registry: &Registry) -> Result<Connection, CommandError> {
    let profiles = &registry.config.profiles;
    let of_profiles = profiles
        .names()
        .filter(|name| profiles.get(name).is_ok_and(|profile| profile.has("bootstrap.servers")));
    let of_profiles = of_profiles.map(|name| Connection::Profile(name.to_owned()));
    let of_subscriptions =
        registry.subscriptions.values().map(|known| known.declared.connection.clone());
    let mut known: Vec<Connection> = Vec::new();
    for connection in of_profiles.chain(of_subscriptions) {
        if !known.contains(&connection) {
            known.push(connection);
        }
    }
    let hint = "add ON subscription, CONNECTION profile or BROKERS host:port";
    match known.as_slice() {
        [only] => Ok(only.clone()),
        [] => Err(CommandError::new("which Kafka cluster? none is known yet")
            .hint("add BROKERS host:port or CONNECTION profile")),
        _ => {
            let shown = known.iter().map(|connection| match connection {
                Connection::Profile(name) => format!("CONNECTION {name}"),
                Connection::Brokers(_) => format!("BROKERS {connection}"),
            });
            let shown: Vec<_> = shown.collect();
            let problem = format!("which Kafka cluster? there are {}", shown.join(" and "));
            Err(CommandError::new(problem).hint(hint))
        }
    }
}
