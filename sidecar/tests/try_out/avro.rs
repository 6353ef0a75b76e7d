//! Records as Avro, with a Schema Registry: what apache-avro reads of them by the schema that is
//! registered there.

use crate::*;
use apache_avro::Schema;
use apache_avro::reader::datum::GenericDatumReader;
use apache_avro::types::Value;
use redis_kafka_engine::registry::{Client, Config, SchemaId, Url};
use redis_kafka_tests::registry::{Lasting, Login, Registry};

fn generate_avro(address: &str, registry: &str, more: &[&str]) -> Output {
    let always = ["--brokers", address, "--topic", "t", "--format", "avro", "--rate", "max"];
    generate(&[&always[..], &["--registry", registry], more].concat())
}

/// The number and the text of the newest schema under `t-value`.
fn registered(registry: &Registry) -> (u32, String) {
    let client = Client::new(&Config::new(vec![Url::parse(&registry.url()).unwrap()])).unwrap();
    let schema = client.latest("t-value").unwrap().expect("a subject t-value");
    match schema.id {
        SchemaId::Number(id) => (id, schema.text.clone()),
        SchemaId::Guid(_) => panic!("{schema:?}"),
    }
}

#[test]
fn avro_is_framed_and_its_schema_registered() {
    let registry = Registry::start();
    // So that the id is not the first one.
    registry.register("other", redis_kafka_tests::registry::Kind::Avro, "\"string\"", &[]);
    let (_broker, address) = broker(&["--topic", "t:2"]);
    let arguments = ["--schema", "measurements", "--count", "300", "--seed", "3"];
    for _ in 0..2 {
        let output = generate_avro(&address, &registry.url(), &arguments);
        assert!(output.status.success(), "{output:?}");
    }
    let (id, text) = registered(&registry);
    assert_eq!(id, 2, "the same schema is registered once");
    assert!(!text.contains("arg.properties"), "{text}");
    assert!(text.contains("timestamp-millis") && text.contains("IATA code"), "{text}");
    let schema = Schema::parse_str(&text).unwrap();
    let reader = GenericDatumReader::builder(&schema).build().unwrap();
    for record in read(&address, "t", 600) {
        let (frame, mut datum) = record.value.split_at(5);
        assert_eq!(frame, [0, 0, 0, 0, 2]);
        let Value::Record(fields) = reader.read_value(&mut datum).unwrap() else { panic!() };
        assert!(datum.is_empty(), "bytes behind the value: {datum:?}");
        let [(_, Value::String(airport)), (_, Value::Int(id)), ..] = &fields[..] else {
            panic!("{fields:?}")
        };
        assert_eq!(record.key, Some(format!("urn:sensor:{airport}:{id}")));
    }
}

#[test]
fn a_profile_holds_the_credentials() {
    let registry = Registry::start_with(Login::Basic("tester:pa55".to_owned()), None);
    let (_broker, address) = broker(&["--topic", "t:1"]);
    let directory = tempfile::tempdir().unwrap();
    let (profiles, secret) =
        (directory.path().join("kafka.toml"), directory.path().join("registry.secret"));
    std::fs::write(&secret, "tester:pa55\n").unwrap();
    let text = format!(
        "[lab]\nschema.registry.url = \"{}\"\nschema.registry.basic.auth.user.info = \"file:{}\"\n",
        registry.url(),
        secret.display()
    );
    std::fs::write(&profiles, text).unwrap();
    let arguments = ["--schema", "measurements", "--count", "5"];
    let connections = ["--connections", profiles.to_str().unwrap()];
    let output = generate_avro(&address, "lab", &[&arguments[..], &connections].concat());
    assert!(output.status.success(), "{output:?}");
    assert_eq!(read(&address, "t", 5).len(), 5);
    let output = generate_avro(&address, &registry.url(), &arguments);
    let message = String::from_utf8(output.stderr).unwrap();
    assert_eq!(output.status.code(), Some(1), "{message}");
    assert!(message.contains("credentials"), "{message}");
    assert_eq!(read(&address, "t", 5).len(), 5, "nothing is written without a schema");
}

#[test]
fn a_registry_that_does_not_answer_is_named() {
    let mut registry = Registry::start();
    let (_broker, address) = broker(&["--topic", "t:1"]);
    let arguments = ["--schema", "measurements", "--count", "5"];
    let message = |registry: &str| {
        let output = generate_avro(&address, registry, &arguments);
        assert_eq!(output.status.code(), Some(1), "{output:?}");
        String::from_utf8(output.stderr).unwrap()
    };
    registry.fail_with(500, Lasting::UntilCleared);
    assert!(message(&registry.url()).contains("cannot answer"), "{}", message(&registry.url()));
    registry.fail_with(422, Lasting::UntilCleared);
    let refused = message(&registry.url());
    assert!(refused.contains("refuses a schema for subject 't-value'"), "{refused}");
    registry.stop();
    let stopped = message(&registry.url());
    assert!(stopped.contains(&registry.url()), "{stopped}");
    let unknown = message("nowhere");
    assert!(unknown.contains("no connection profile 'nowhere'"), "{unknown}");
    assert_eq!(read(&address, "t", 0).len(), 0);
    let output = generate(&[
        "--brokers",
        &address,
        "--topic",
        "t",
        "--schema",
        "measurements",
        "--format",
        "avro",
    ]);
    assert_eq!(output.status.code(), Some(2));
    assert!(String::from_utf8(output.stderr).unwrap().contains("--registry"));
}
