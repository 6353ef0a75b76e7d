//! The ledger's keys: read at every unit, compared exactly, advanced with the writes.

use super::Origin;
use super::notices::Notices;
use crate::redis::{Access, Context, Event, Key, KeyKind, Manner, Text};
use redis_kafka_engine::applier::{Applied, Known, Positions};
use redis_kafka_engine::ledger::{self, Expected, FIELDS, LedgerFault, Listing, Standing};
use redis_kafka_engine::unit::packed::{Head, PackedAdvance};

/// Reads what Redis holds of a subscription's ledger.
pub fn load(context: Context, subscription: &str) -> Result<Positions, String> {
    let known = ledger::known_key(subscription);
    let listed = context
        .call("HGETALL", &[&known], Manner::Local)
        .map_err(|error| format!("{known}: {error}"))?;
    let letters = super::letters::count(context, subscription);
    let mut positions = Positions { letters, ..Positions::default() };
    for (field, listing) in listed.pairs() {
        let field = field.text();
        let place = field
            .rsplit_once('/')
            .and_then(|(topic, partition)| Some((topic.to_owned(), partition.parse().ok()?)));
        let Some((topic, partition)) = place else {
            return Err(format!("{known} has a field '{field}' that is no topic/partition"));
        };
        let name = Text::new(ledger::partition_key(subscription, &topic, partition));
        let standing = read(&context.open(&name, Access::Read));
        let listing = Listing::parse(&listing.text());
        positions.partitions.push(Known { topic, partition, listing, standing });
    }
    Ok(positions)
}

fn read(key: &Key) -> Result<Standing, LedgerFault> {
    match key.kind() {
        KeyKind::Empty => Err(LedgerFault::Missing),
        KeyKind::Hash => {
            Standing::read(|field| key.hash_get(&Text::new(field)).map(|value| value.lossy()))
        }
        _ => Err(LedgerFault::WrongType),
    }
}

/// The open ledger keys of a unit, in the order of its advances.
pub struct Ledgers {
    keys: Vec<(Text, Key)>,
}

impl Ledgers {
    /// Opens the keys and compares them with what the unit expects. The answer of a refusal says where it stands.
    pub fn open(context: Context, head: &Head<'_>) -> Result<Ledgers, Applied> {
        let mut keys = Vec::with_capacity(head.advances.len());
        let next_field = Text::new("next");
        for advance in &head.advances {
            let name = Text::new(ledger::partition_key(
                head.subscription,
                advance.topic,
                advance.partition,
            ));
            let key = context.open(&name, Access::Write);
            compare(&key, &next_field, advance)?;
            keys.push((name, key));
        }
        Ok(Ledgers { keys })
    }

    /// Moves the ledger, and lists partitions that are new in it.
    pub fn advance(self, context: Context, origin: Origin, head: &Head<'_>, notices: &mut Notices) {
        let fields = FIELDS.map(Text::new);
        for (advance, (name, key)) in head.advances.iter().zip(self.keys) {
            let values = advance.standing.texts().map(Text::new);
            for (field, value) in fields.iter().zip(&values) {
                key.hash_set(field, value);
            }
            if origin.sends_commands() {
                let mut arguments = vec![name.raw()];
                arguments.extend(
                    fields
                        .iter()
                        .zip(&values)
                        .flat_map(|(field, value)| [field.raw(), value.raw()]),
                );
                context.replicate(c"HSET", &arguments);
            }
            if let Expected::Absent { since } = advance.expected {
                list(context, origin, head.subscription, advance, since, notices);
            }
            notices.add_own(Event::HashSet, name);
        }
    }
}

fn compare(key: &Key, next_field: &Text, advance: &PackedAdvance<'_>) -> Result<(), Applied> {
    let partition = || format!("{}/{}", advance.topic, advance.partition);
    let refuse = |fault| Err(Applied::Ledger { partition: partition(), fault });
    match (key.kind(), advance.expected) {
        (KeyKind::Empty, Expected::Absent { .. }) => Ok(()),
        (KeyKind::Hash, Expected::Absent { .. }) => refuse(LedgerFault::Unlisted),
        (KeyKind::Empty, Expected::Next(_)) => refuse(LedgerFault::Missing),
        (KeyKind::Hash, Expected::Next(expected)) => {
            let found = key.hash_get(next_field).and_then(|next| next.lossy().parse::<i64>().ok());
            match found {
                Some(found) if found == expected => Ok(()),
                Some(found) => Err(Applied::Stale { partition: partition(), expected, found }),
                None => refuse(LedgerFault::Field("next")),
            }
        }
        _ => refuse(LedgerFault::WrongType),
    }
}

/// Adds a partition to the subscription's list.
fn list(
    context: Context,
    origin: Origin,
    subscription: &str,
    advance: &PackedAdvance<'_>,
    since: i64,
    notices: &mut Notices,
) {
    let name = Text::new(ledger::known_key(subscription));
    let field = Text::new(format!("{}/{}", advance.topic, advance.partition));
    let listing = Text::new(Listing::new(since, advance.standing.next).to_string());
    let key = context.open(&name, Access::Write);
    if !matches!(key.kind(), KeyKind::Hash | KeyKind::Empty) {
        log::warn!("{} is no hash: the list of partitions cannot be kept", name.lossy());
        return;
    }
    key.hash_set(&field, &listing);
    if origin.sends_commands() {
        context.replicate(c"HSET", &[name.raw(), field.raw(), listing.raw()]);
    }
    drop(key);
    notices.add_own(Event::HashSet, name);
}
