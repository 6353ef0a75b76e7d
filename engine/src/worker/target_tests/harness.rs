//! Records through a route, and what stands in the unit then, as Redis's commands would say it.

use crate::command::{self, Envelope, Statement};
use crate::format::{Format, Headers, Schemas};
use crate::ledger::Outcome;
use crate::unit::packed::{self, HashOperation, Reader, StreamWrite};
use crate::unit::{Builder, End, Expiry, GroupKind, Keep, PlainWrite, RecordRef, Unit};
use crate::worker::{Formats, Incoming, Plan, Refusal, RouteSpec, ValueSource};

/// When every record is from, in milliseconds since 1970.
pub const AT: i64 = 1_700_000_000_123;

/// A record's key and value.
pub type Given = (Option<&'static str>, Option<&'static str>);

struct OneHeader;

impl Headers for OneHeader {
    fn last(&self, name: &str) -> Option<&[u8]> {
        (name == "ttl").then_some(b"60")
    }
}

/// What a subscription's values are.
#[derive(Clone, Copy)]
pub enum Values {
    Json,
    Text,
    Debezium,
}

impl Values {
    fn source(self) -> ValueSource {
        let (format, envelope) = match self {
            Values::Json => (Format::Json, Envelope::None),
            Values::Text => (Format::String, Envelope::None),
            Values::Debezium => (Format::Json, Envelope::Debezium),
        };
        ValueSource { format, envelope, schemas: Schemas::None }
    }
}

fn route(words: &str) -> RouteSpec {
    let line = format!("KAFKA.ROUTE r FROM s {words}");
    let words = command::lines::split(line.as_bytes()).unwrap();
    match command::parse(&words.iter().map(Vec::as_slice).collect::<Vec<_>>()) {
        Ok(Statement::Route(route)) => RouteSpec::of(&route),
        other => panic!("{line}: {other:?}"),
    }
}

/// The writes that the routes make of the records, in packed order, and what is wrong with
/// each that is bad.
pub fn written(values: Values, routes: &[&str], records: &[Given]) -> (Vec<String>, Vec<String>) {
    let formats =
        Formats { key: Format::String, key_schemas: Schemas::None, value: values.source() };
    let routes: Vec<RouteSpec> = routes.iter().map(|words| route(words)).collect();
    let mut plan = Plan::new(formats, &routes).unwrap();
    let (mut builder, mut unit) = (Builder::new(), Unit::default());
    let (mut errors, mut applied) = (Vec::new(), 0);
    for (offset, (key, value)) in (0..).zip(records) {
        let mark = builder.begin_record(RecordRef { slot: 0, offset });
        let incoming = Incoming {
            topic: "t",
            partition: 0,
            offset,
            timestamp: Some(AT),
            key: key.map(str::as_bytes),
            value: value.map(str::as_bytes),
            headers: &OneHeader,
        };
        match plan.write(&incoming, &mut builder, mark) {
            Ok(outcome) => applied += usize::from(outcome == Outcome::Applied),
            Err(Refusal::Record(error)) => errors.push(error.problem),
            Err(away) => panic!("{away:?}"),
        }
    }
    builder.finish("s", &plan.names, std::iter::empty(), &mut unit);
    assert_eq!(packed::check(&unit.packed), Ok(()));
    assert_eq!(unit.records.len(), applied);
    if unit.undecided > 0 {
        // As on a server without any of the keys.
        let mut decided = Vec::new();
        let refused = unit.decide(&mut decided, &mut |_, _| false).unwrap();
        errors.extend(refused.into_iter().map(|refused| refused.problem));
        unit.packed = decided;
    }
    (read(&unit), errors)
}

fn read(unit: &Unit) -> Vec<String> {
    let mut reader = Reader::new(&unit.packed);
    let head = packed::read_head(&mut reader).unwrap();
    let mut lines = Vec::new();
    for _ in 0..head.groups {
        let group = packed::read_group(&mut reader).unwrap();
        let key = text(group.key);
        for _ in 0..group.writes {
            lines.push(match group.kind {
                GroupKind::Stream => stream(&mut reader, &head, &key),
                GroupKind::Hash => hash(&mut reader, &head, &key),
                kind => plain(&mut reader, kind, &key),
            });
        }
        if group.keep != Keep::All {
            lines.push(format!("keep {key} {:?}", group.keep));
        }
        if group.expiry != Expiry::Unchanged {
            lines.push(format!("expire {key} {:?}", group.expiry));
        }
    }
    lines
}

fn text(bytes: &[u8]) -> String {
    String::from_utf8_lossy(bytes).into_owned()
}

fn fields(reader: &mut Reader<'_>, head: &packed::Head<'_>, count: usize) -> String {
    let field = |_| {
        let (name, value) = packed::read_field(reader, head).unwrap();
        format!(" {} {}", text(head.names[name]), text(value))
    };
    (0..count).map(field).collect()
}

fn stream(reader: &mut Reader<'_>, head: &packed::Head<'_>, key: &str) -> String {
    match packed::read_stream_write(reader).unwrap() {
        StreamWrite::Delete => format!("DEL {key}"),
        StreamWrite::Remove(ms, seq) => format!("XDEL {key} {ms}-{seq}"),
        StreamWrite::Add { time, fields: count, .. } => {
            format!("XADD {key} {time:?}{}", fields(reader, head, count))
        }
    }
}

fn hash(reader: &mut Reader<'_>, head: &packed::Head<'_>, key: &str) -> String {
    let (operation, count) = packed::read_hash_write(reader).unwrap();
    let set = fields(reader, head, count);
    let deleted = packed::read_deleted_count(reader, operation).unwrap();
    for _ in 0..deleted {
        packed::read_name(reader, head).unwrap();
    }
    match operation {
        HashOperation::Delete => format!("DEL {key}"),
        operation => format!("HSET {key} {operation:?}{set}"),
    }
}

fn plain(reader: &mut Reader<'_>, kind: GroupKind, key: &str) -> String {
    match packed::read_plain_write(reader, kind).unwrap() {
        PlainWrite::Delete => format!("DEL {key}"),
        PlainWrite::Whole(whole) => {
            let command = match kind {
                GroupKind::Json => "JSON.SET",
                GroupKind::Channel => "PUBLISH",
                _ => "SET",
            };
            format!("{command} {key} {}", text(whole))
        }
        PlainWrite::Push(End::Left, element) => format!("LPUSH {key} {}", text(element)),
        PlainWrite::Push(End::Right, element) => format!("RPUSH {key} {}", text(element)),
        PlainWrite::Add(member) => format!("SADD {key} {}", text(member)),
        PlainWrite::Remove(member) => {
            let command = if kind == GroupKind::Set { "SREM" } else { "ZREM" };
            format!("{command} {key} {}", text(member))
        }
        PlainWrite::Score(score, member) => format!("ZADD {key} {score} {}", text(member)),
        PlainWrite::Increment(by, member) => format!("ZINCRBY {key} {by} {}", text(member)),
        PlainWrite::Place(longitude, latitude, member) => {
            format!("GEOADD {key} {longitude} {latitude} {}", text(member))
        }
        PlainWrite::Sample(at, value) => format!("TS.ADD {key} {at} {value}"),
        PlainWrite::Command(words) => {
            let words: Vec<String> = (0..words).map(|_| text(reader.text().unwrap())).collect();
            words.join(" ")
        }
    }
}
