//! The producer against librdkafka's own mock cluster.

use super::super::{Assignment, Batch, Connection, Consumer, Event, Profiles};
use super::super::{consumer_config, producer_config};
use super::{Delivery, Outgoing, Producer, Sent, Source, Told};
use rdkafka::mocking::MockCluster;
use rdkafka::producer::DefaultProducerContext;
use rdkafka::types::{RDKafkaApiKey, RDKafkaRespErr as Code};
use std::time::{Duration, Instant};

const PATIENCE: Duration = Duration::from_secs(20);

type Cluster = MockCluster<'static, DefaultProducerContext>;

fn cluster() -> Cluster {
    let cluster = MockCluster::new(1).unwrap();
    cluster.create_topic("out", 1, 1).unwrap();
    cluster
}

fn consumer(cluster: &Cluster) -> Consumer {
    let connection = Connection::brokers(&cluster.bootstrap_servers()).unwrap();
    let config = consumer_config(&connection, &Profiles::empty(), "redis-kafka.test").unwrap();
    Consumer::connect(&config).unwrap()
}

fn producer(cluster: &Cluster, consumer: &Consumer) -> Producer {
    let connection = Connection::brokers(&cluster.bootstrap_servers()).unwrap();
    let config = producer_config(&connection, &Profiles::empty()).unwrap();
    Producer::connect(&config, consumer.waker()).unwrap()
}

fn message<'m>(key: Option<&'m [u8]>, value: &'m [u8], offset: i64) -> Outgoing<'m> {
    let source = Source { topic: "in", partition: 3, offset };
    Outgoing { topic: "out", key, value: Some(value), headers: Told::Source(source) }
}

fn settled(producer: &Producer, shipment: usize) -> Delivery {
    let deadline = Instant::now() + PATIENCE;
    loop {
        match producer.delivery(shipment) {
            Delivery::Pending => producer.wait(Some(shipment), Duration::from_millis(50)),
            settled => return settled,
        }
        assert!(
            Instant::now() < deadline,
            "shipment {shipment} is pending: {:?}",
            producer.last_problem()
        );
    }
}

/// Key, value and headers of a record.
type Read = (Option<Vec<u8>>, Vec<u8>, Vec<String>);

/// The first records of `out`.
fn read(consumer: &mut Consumer, count: usize) -> Vec<Read> {
    let next = Assignment { topic: "out".into(), partition: 0, next: 0, leader_epoch: None };
    consumer.assign(&[next]).unwrap();
    let (mut batch, mut all) = (Batch::new(), Vec::new());
    let deadline = Instant::now() + PATIENCE;
    while all.len() < count {
        assert!(Instant::now() < deadline, "{} of {count} came", all.len());
        consumer.fetch(&mut batch, 100, Duration::from_millis(200)).unwrap();
        for event in batch.events() {
            let Event::Record(record) = event else { panic!("a problem") };
            let text = |bytes: &[u8]| String::from_utf8(bytes.to_vec()).unwrap();
            let headers = record.headers();
            let headers =
                headers.map(|(name, value)| format!("{}={}", text(name), text(value.unwrap())));
            let value = record.value.unwrap().to_vec();
            all.push((record.key.map(<[u8]>::to_vec), value, headers.collect()));
        }
    }
    all
}

#[test]
fn shipments_are_acknowledged_with_their_sources() {
    let cluster = cluster();
    let mut consumer = consumer(&cluster);
    let mut producer = producer(&cluster, &consumer);
    producer.check_topic("out", PATIENCE).unwrap();
    let first = producer.begin(2);
    let second = producer.begin(1);
    assert!(producer.is_busy());
    let messages = [message(Some(b"k"), b"1", 7), message(None, b"", 8)];
    for (number, message) in messages.iter().enumerate() {
        assert_eq!(producer.send(first, number, message), Sent::Queued);
    }
    assert_eq!(settled(&producer, first), Delivery::Done);
    assert_eq!(producer.delivery(second), Delivery::Pending, "none of it was handed over");
    assert_eq!(producer.send(second, 0, &message(Some(b""), b"3", 9)), Sent::Queued);
    assert_eq!(settled(&producer, second), Delivery::Done);
    assert!(!producer.is_busy());
    let headers = |offset: i64| {
        ["topic=in", "partition=3", &format!("offset={offset}")]
            .map(|header| format!("redis-kafka.{header}"))
            .to_vec()
    };
    let expected = [
        (Some(b"k".to_vec()), b"1".to_vec(), headers(7)),
        (None, b"".to_vec(), headers(8)),
        (Some(b"".to_vec()), b"3".to_vec(), headers(9)),
    ];
    assert_eq!(read(&mut consumer, 3), expected);
}

#[test]
fn a_message_too_large_is_refused_by_its_number() {
    let cluster = cluster();
    let consumer = consumer(&cluster);
    let mut producer = producer(&cluster, &consumer);
    let large = vec![b'x'; 2 << 20];
    let shipment = producer.begin(3);
    for (number, value) in [b"1".as_slice(), &large, b"3"].into_iter().enumerate() {
        assert_eq!(producer.send(shipment, number, &message(None, value, 0)), Sent::Queued);
    }
    match settled(&producer, shipment) {
        Delivery::Refused(refused) => {
            let [(1, problem)] = refused.as_slice() else { panic!("{refused:?}") };
            assert!(problem.words.contains("too large"), "{problem}");
        }
        other => panic!("{other:?}"),
    }
}

#[test]
fn what_may_heal_is_repeated_or_told_as_such() {
    let cluster = cluster();
    let consumer = consumer(&cluster);
    let mut producer = producer(&cluster, &consumer);
    // Too few replicas in sync: librdkafka repeats it.
    let few = [Code::RD_KAFKA_RESP_ERR_NOT_ENOUGH_REPLICAS; 2];
    cluster.request_errors(RDKafkaApiKey::Produce, &few.map(Into::into));
    let shipment = producer.begin(1);
    assert_eq!(producer.send(shipment, 0, &message(None, b"1", 0)), Sent::Queued);
    assert_eq!(settled(&producer, shipment), Delivery::Done);
    let denied = [Code::RD_KAFKA_RESP_ERR_TOPIC_AUTHORIZATION_FAILED];
    cluster.request_errors(RDKafkaApiKey::Produce, &denied.map(Into::into));
    let shipment = producer.begin(1);
    assert_eq!(producer.send(shipment, 0, &message(None, b"2", 1)), Sent::Queued);
    let settled = settled(&producer, shipment);
    assert!(matches!(&settled, Delivery::Failed(0, _)), "{settled:?}");
}
