//! What Kafka holds, read by a plain consumer: the source of every expectation.

use std::time::Duration;

use apache_avro::reader::datum::GenericDatumReader;
use apache_avro::types::Value as Avro;
use rdkafka::consumer::{BaseConsumer, Consumer};
use redis_kafka_tests::broker::{Kafka, Message};
use serde_json::Value as Json;

const TIMEOUT: Duration = Duration::from_secs(60);

/// One record.
#[derive(Debug)]
pub struct Record {
    pub partition: i32,
    pub message: Message,
}

impl Record {
    pub fn json(&self) -> Json {
        serde_json::from_str(&self.message.text()).expect("JSON")
    }

    pub fn key(&self) -> Option<&str> {
        self.message.key.as_deref().map(|key| std::str::from_utf8(key).expect("UTF-8"))
    }

    /// The value by this Avro schema, behind the frame of schema id `id`.
    pub fn avro(&self, schema: &apache_avro::Schema, id: u32) -> Vec<(String, Avro)> {
        let value = self.message.value.as_deref().expect("a value");
        let (frame, mut datum) = value.split_at(5);
        assert_eq!((frame[0], &frame[1..]), (0, &id.to_be_bytes()[..]));
        let reader = GenericDatumReader::builder(schema).build().expect("a reader");
        match reader.read_value(&mut datum).expect("Avro") {
            Avro::Record(fields) => fields,
            other => panic!("{other:?}"),
        }
    }
}

/// All records of a topic, each partition's in order, one partition after the other.
pub fn records(kafka: &Kafka, topic: &str) -> Vec<Record> {
    let consumer: BaseConsumer = kafka.client().create().expect("a consumer");
    let metadata = consumer.fetch_metadata(Some(topic), TIMEOUT).expect("metadata");
    let partitions = metadata.topics().first().map_or(0, |topic| topic.partitions().len());
    assert!(partitions > 0, "no topic {topic}");
    let of = |partition| {
        let messages = kafka.messages(topic, partition).into_iter();
        messages.map(move |message| Record { partition, message })
    };
    (0..partitions as i32).flat_map(of).collect()
}

/// `13.4` as 1340: exact, as the text has at most two decimals.
pub fn cents(text: &str) -> i64 {
    let (whole, part) = text.split_once('.').unwrap_or((text, ""));
    assert!(part.len() <= 2, "{text}");
    format!("{whole}{part:0<2}").parse().unwrap_or_else(|_| panic!("{text} is no amount"))
}
