//! What Kafka holds, read by a plain consumer: the source of every expectation.

use std::time::Duration;

use apache_avro::reader::datum::GenericDatumReader;
use apache_avro::types::Value as Avro;
use rdkafka::consumer::{BaseConsumer, Consumer};
use rdkafka::error::KafkaError;
use rdkafka::{Message, Offset, TopicPartitionList};
use redis_kafka_tests::broker::Kafka;
use serde_json::Value as Json;

const TIMEOUT: Duration = Duration::from_secs(60);

/// One record.
#[derive(Debug)]
pub struct Record {
    pub partition: i32,
    pub offset: i64,
    /// Milliseconds since 1970.
    pub timestamp: i64,
    pub key: Option<String>,
    pub value: Vec<u8>,
    pub headers: Vec<(String, String)>,
}

impl Record {
    pub fn json(&self) -> Json {
        serde_json::from_slice(&self.value).expect("JSON")
    }

    /// The value by this Avro schema, behind the frame of schema id `id`.
    pub fn avro(&self, schema: &apache_avro::Schema, id: u32) -> Vec<(String, Avro)> {
        let (frame, mut datum) = self.value.split_at(5);
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
    let mut config = kafka.client();
    config.set("group.id", "examples").set("enable.auto.commit", "false");
    let consumer: BaseConsumer =
        config.set("enable.partition.eof", "true").create().expect("a consumer");
    let metadata = consumer.fetch_metadata(Some(topic), TIMEOUT).expect("metadata");
    let partitions = metadata.topics().first().map_or(0, |topic| topic.partitions().len());
    assert!(partitions > 0, "no topic {topic}");
    let mut list = TopicPartitionList::new();
    for partition in 0..partitions as i32 {
        list.add_partition_offset(topic, partition, Offset::Beginning).expect("a partition");
    }
    consumer.assign(&list).expect("assign");
    let (mut records, mut ended) = (Vec::new(), 0);
    while ended < partitions {
        match consumer.poll(TIMEOUT).expect("a record before the time-out") {
            Ok(message) => records.push(record(&message)),
            Err(KafkaError::PartitionEOF(_)) => ended += 1,
            Err(error) => panic!("read {topic}: {error}"),
        }
    }
    records.sort_by_key(|record| (record.partition, record.offset));
    records
}

fn record(message: &rdkafka::message::BorrowedMessage<'_>) -> Record {
    use rdkafka::message::Headers;
    let text = |bytes: &[u8]| String::from_utf8(bytes.to_vec()).expect("UTF-8");
    let headers = message.headers().map(|headers| {
        let header = |header: rdkafka::message::Header<'_, &[u8]>| {
            (header.key.to_owned(), text(header.value.unwrap_or_default()))
        };
        headers.iter().map(header).collect()
    });
    Record {
        partition: message.partition(),
        offset: message.offset(),
        timestamp: message.timestamp().to_millis().expect("a timestamp"),
        key: message.key().map(text),
        value: message.payload().unwrap_or_default().to_vec(),
        headers: headers.unwrap_or_default(),
    }
}

/// `13.4` as 1340: exact, as the text has at most two decimals.
pub fn cents(text: &str) -> i64 {
    let (whole, part) = text.split_once('.').unwrap_or((text, ""));
    assert!(part.len() <= 2, "{text}");
    format!("{whole}{part:0<2}").parse().unwrap_or_else(|_| panic!("{text} is no amount"))
}
