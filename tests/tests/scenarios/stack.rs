//! Redis Stack: the server of the targets that write with the commands of other modules.

use redis_kafka_tests::broker::Kafka;
use redis_kafka_tests::client::Protocol;
use redis_kafka_tests::oracle;
use redis_kafka_tests::producer::Load;
use redis_kafka_tests::subject::Subject;

redis_kafka_tests::for_each_subject!(stack_has_its_commands_and_the_module);

fn stack_has_its_commands_and_the_module(subject: Subject) {
    let kafka = Kafka::shared();
    let topic = kafka.topic("stack", 2);
    let server = subject.setup().stack().start();
    let mut client = server.connect(Protocol::Resp3);
    client.send(&["JSON.SET", "document", "$", r#"{"price":13.40,"tags":[1]}"#]).expect("JSON.SET");
    assert_eq!(server.text("JSON.GET document $.tags"), "[[1]]");
    assert_eq!(server.number("TS.ADD series 1700000000000 1.5 ON_DUPLICATE LAST"), 1700000000000);
    assert_eq!(server.number("TS.ADD series 1700000000000 2.5 ON_DUPLICATE LAST"), 1700000000000);
    oracle::declare(&server, kafka, &topic, "");
    let mut load = Load::new(kafka, &topic);
    load.send(100);
    oracle::check(&server, kafka, &load);
}
