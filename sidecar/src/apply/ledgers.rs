//! The ledger's keys: what they hold, compared exactly with what a unit expects.

use super::found::{Found, LedgerFound};
use crate::redis::{Connection, Problem, Refusal, Request, refused, text};
use redis::Value;
use redis_kafka_engine::applier::{Applied, Known, Positions};
use redis_kafka_engine::ledger::{self, Expected, FIELDS, LedgerFault, Listing, Standing};
use redis_kafka_engine::unit::packed::{Head, PackedAdvance};

/// Why the unit cannot be applied; none when the ledger stands where it expects.
pub fn compare(head: &Head<'_>, found: &Found) -> Option<Applied> {
    let steps = head.advances.iter().zip(&found.ledgers);
    steps.into_iter().find_map(|(advance, ledger)| compare_step(advance, ledger))
}

fn compare_step(advance: &PackedAdvance<'_>, ledger: &LedgerFound) -> Option<Applied> {
    let partition = || format!("{}/{}", advance.topic, advance.partition);
    let refuse = |fault| Some(Applied::Ledger { partition: partition(), fault });
    if ledger.is_wrong || ledger.kind.as_deref().is_some_and(|it| it != "hash" && it != "none") {
        return refuse(LedgerFault::WrongType);
    }
    let is_there = ledger.next.is_some() || ledger.kind.as_deref() == Some("hash");
    match (advance.expected, is_there) {
        (Expected::Absent { .. }, false) => None,
        (Expected::Absent { .. }, true) => refuse(LedgerFault::Unlisted),
        (Expected::Next(_), false) => refuse(LedgerFault::Missing),
        (Expected::Next(expected), true) => match next_of(ledger) {
            Some(found) if found == expected => None,
            Some(found) => Some(Applied::Stale { partition: partition(), expected, found }),
            None => refuse(LedgerFault::Field("next")),
        },
    }
}

/// Whether every step has been made: what a transaction has done whose answer was lost.
pub fn is_made(head: &Head<'_>, found: &Found) -> bool {
    let mut steps = head.advances.iter().zip(&found.ledgers);
    steps.all(|(advance, ledger)| next_of(ledger) == Some(advance.standing.next))
}

fn next_of(ledger: &LedgerFound) -> Option<i64> {
    std::str::from_utf8(ledger.next.as_deref()?).ok()?.parse().ok()
}

/// Reads what Redis holds of a subscription's ledger. The inner error is for people.
pub fn load(
    connection: &mut Connection,
    subscription: &str,
) -> Result<Result<Positions, String>, Problem> {
    let known = ledger::known_key(subscription);
    let listed = match connection.command(&[b"HGETALL", known.as_bytes()]) {
        Ok(Value::Array(fields)) => fields,
        Ok(other) => return Ok(Err(format!("{known}: HGETALL was answered with {other:?}"))),
        Err(Problem::Refused(Refusal::WrongType, error)) => {
            return Ok(Err(format!("{known}: {error}")));
        }
        Err(problem) => return Err(problem),
    };
    let (mut request, mut places) = (Request::default(), Vec::new());
    for pair in listed.chunks(2) {
        let [field, listing] = pair else { break };
        let field = text(field);
        let place = field
            .rsplit_once('/')
            .and_then(|(topic, partition)| Some((topic.to_owned(), partition.parse().ok()?)));
        let Some((topic, partition)) = place else {
            return Ok(Err(format!("{known} has a field '{field}' that is no topic/partition")));
        };
        let key = ledger::partition_key(subscription, &topic, partition);
        request.command(&[b"EXISTS", key.as_bytes()]);
        request.begin(2 + FIELDS.len());
        request.word(b"HMGET");
        request.word(key.as_bytes());
        FIELDS.iter().for_each(|field| request.word(field.as_bytes()));
        places.push((topic, partition, Listing::parse(&text(listing))));
    }
    let letters = ledger::dead_letters_key(subscription);
    request.command(&[b"XLEN", letters.as_bytes()]);
    connection.send(&request)?;
    let mut positions = Positions::default();
    for (topic, partition, listing) in places {
        let (exists, fields) = (connection.value()?, connection.value()?);
        let standing = standing(exists, fields)?;
        positions.partitions.push(Known { topic, partition, listing, standing });
    }
    // A key of another type is met by the letter that is to be written there.
    if let Value::Int(letters) = connection.value()? {
        positions.letters = u64::try_from(letters).unwrap_or(0);
    }
    Ok(Ok(positions))
}

fn standing(exists: Value, fields: Value) -> Result<Result<Standing, LedgerFault>, Problem> {
    match exists {
        Value::Int(1) => {}
        Value::Int(_) => return Ok(Err(LedgerFault::Missing)),
        Value::ServerError(error) => return Err(refused(&error)),
        other => return Err(Problem::refused(format!("ERR EXISTS was answered with {other:?}"))),
    }
    let values = match fields {
        Value::Array(values) => values,
        Value::ServerError(error) => {
            return match refused(&error) {
                Problem::Refused(Refusal::WrongType, _) => Ok(Err(LedgerFault::WrongType)),
                problem => Err(problem),
            };
        }
        other => return Err(Problem::refused(format!("ERR HMGET was answered with {other:?}"))),
    };
    let value = |wanted: &str| {
        let at = FIELDS.iter().position(|field| *field == wanted)?;
        values.get(at).filter(|value| **value != Value::Nil).map(text)
    };
    Ok(Standing::read(value))
}
