//! Reading replies: RESP3 maps and RESP2 flat arrays alike.

use redis::Value;

/// The text of a string reply of any kind; numbers as written.
pub fn text(value: &Value) -> String {
    match value {
        Value::BulkString(bytes) => String::from_utf8_lossy(bytes).into_owned(),
        Value::SimpleString(text) => text.clone(),
        Value::VerbatimString { text, .. } => text.clone(),
        Value::Okay => "OK".into(),
        Value::Int(number) => number.to_string(),
        Value::Double(number) => number.to_string(),
        Value::Boolean(truth) => truth.to_string(),
        Value::Nil => String::new(),
        other => panic!("not a text: {other:?}"),
    }
}

/// The elements of an array or a set.
pub fn items(value: &Value) -> &[Value] {
    match value {
        Value::Array(items) | Value::Set(items) => items,
        other => panic!("not an array: {other:?}"),
    }
}

/// A field of a map (RESP3) or of a flat array of names and values (RESP2).
pub fn field<'a>(value: &'a Value, name: &str) -> Option<&'a Value> {
    match value {
        Value::Map(pairs) => pairs.iter().find(|(key, _)| text(key) == name).map(|(_, v)| v),
        Value::Array(flat) => {
            flat.chunks(2).find(|pair| text(&pair[0]) == name).map(|pair| &pair[1])
        }
        other => panic!("not a map: {other:?}"),
    }
}

/// The counters that KAFKA.INFO gives, for a subscription and for each partition.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Counters {
    pub consumed: i64,
    pub applied: i64,
    pub filtered: i64,
    pub deadlettered: i64,
    pub skipped: i64,
}

impl Counters {
    fn read(value: &Value) -> Counters {
        Counters {
            consumed: number(value, "consumed"),
            applied: number(value, "applied"),
            filtered: number(value, "filtered"),
            deadlettered: number(value, "deadlettered"),
            skipped: number(value, "skipped"),
        }
    }

    /// Panics unless every consumed record was accounted for once.
    pub fn check(&self) {
        let sum = self.applied + self.filtered + self.deadlettered + self.skipped;
        assert_eq!(
            self.consumed, sum,
            "consumed = applied + filtered + deadlettered + skipped: {self:?}"
        );
    }
}

/// A partition in KAFKA.INFO.
#[derive(Clone, Debug)]
pub struct Partition {
    pub topic: String,
    pub partition: i64,
    pub next: i64,
    /// Kafka's last stable offset, `None` while unknown.
    pub end: Option<i64>,
    pub counters: Counters,
}

/// KAFKA.INFO of a subscription.
#[derive(Clone, Debug)]
pub struct Info {
    pub state: String,
    pub reason: String,
    pub action: String,
    pub group: String,
    pub stale: i64,
    pub units: i64,
    pub counters: Counters,
    pub partitions: Vec<Partition>,
}

impl Info {
    pub fn read(value: &Value) -> Info {
        let word = |name: &str| field(value, name).map(text).unwrap_or_default();
        let partitions = field(value, "partitions").map(items).unwrap_or_default();
        Info {
            state: word("state"),
            reason: word("reason"),
            action: word("action"),
            group: word("group"),
            stale: number(value, "stale"),
            units: number(value, "units"),
            counters: Counters::read(value),
            partitions: partitions.iter().map(partition).collect(),
        }
    }
}

fn partition(value: &Value) -> Partition {
    Partition {
        topic: field(value, "topic").map(text).expect("topic"),
        partition: number(value, "partition"),
        next: number(value, "next"),
        end: field(value, "end").and_then(|end| text(end).parse().ok()),
        counters: Counters::read(value),
    }
}

fn number(value: &Value, name: &str) -> i64 {
    let found = field(value, name).unwrap_or_else(|| panic!("no field {name} in {value:?}"));
    text(found).parse().unwrap_or_else(|_| panic!("{name} is not a number: {found:?}"))
}
