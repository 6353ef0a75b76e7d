//! Schemas that are there, or that are not.

use std::sync::Arc;
use std::time::Duration;

use redis_kafka_engine::registry::{LookupError, SchemaId, SchemaKind};
use redis_kafka_tests::registry::{Kind, Registry};
use redis_kafka_tests::wait::wait_for;

use crate::{client, hasty, kind_of, number, patient};

const PROTO: &str = "syntax = \"proto3\"; message M { int32 a = 1; }";

#[test]
fn schemas_are_found_by_number_and_guid_and_asked_for_once() {
    let registry = Registry::start();
    let avro = registry.register("a-value", Kind::Avro, "\"long\"", &[]);
    let proto = registry.register("p-value", Kind::Protobuf, PROTO, &[]);
    let json = registry.register("j-value", Kind::Json, "{}", &[]);
    let client = client(&registry, patient());
    for _ in 0..3 {
        assert_eq!(kind_of(&client, avro), SchemaKind::Avro);
        assert_eq!(kind_of(&client, proto), SchemaKind::Protobuf);
        assert_eq!(kind_of(&client, json), SchemaKind::Json);
        let guid = SchemaId::Guid(registry.guid(proto));
        let schema = client.schema(&guid).unwrap();
        assert_eq!((schema.id, schema.text.as_str()), (guid, PROTO));
        assert_eq!(registry.requests(&format!("/schemas/guids/{guid}")), 1);
    }
    assert_eq!(client.schema(&number(avro)).unwrap().text, "\"long\"");
    assert_eq!(registry.all_requests(), 4);
}

#[test]
fn threads_that_want_the_same_schema_ask_once() {
    let registry = Registry::start();
    let id = registry.register("s", Kind::Avro, "\"long\"", &[]);
    let client = client(&registry, patient());
    std::thread::scope(|scope| {
        let all: Vec<_> = (0..8).map(|_| scope.spawn(|| client.schema(&number(id)))).collect();
        for one in all {
            assert!(one.join().unwrap().is_ok());
        }
    });
    assert_eq!(registry.all_requests(), 1);
}

#[test]
fn an_unknown_id_is_an_error_of_the_record_and_not_asked_for_again_soon() {
    let registry = Registry::start();
    let client = client(&registry, patient());
    for id in [number(7), SchemaId::Guid([7; 16])] {
        for _ in 0..3 {
            let error = client.schema(&id).unwrap_err();
            assert!(matches!(error, LookupError::Unknown { .. }), "{error:?}");
            assert!(error.to_string().contains(&id.to_string()), "{error}");
            assert!(error.to_string().contains("40403 Schema"), "{error}");
        }
    }
    assert_eq!(registry.all_requests(), 2);
    // What is unknown holds up nothing else.
    let id = registry.register("s", Kind::Avro, "\"long\"", &[]);
    assert!(client.schema(&number(id)).is_ok());
}

#[test]
fn an_unknown_id_becomes_known_once_it_is_registered() {
    let registry = Registry::start();
    let client = client(&registry, hasty());
    assert!(matches!(client.schema(&number(1)), Err(LookupError::Unknown { .. })));
    assert_eq!(registry.register("s", Kind::Avro, "\"long\"", &[]), 1);
    wait_for("the schema", Duration::from_secs(5), || client.schema(&number(1)));
}

#[test]
fn the_latest_schema_is_asked_for_each_time() {
    let registry = Registry::start();
    let client = client(&registry, patient());
    assert_eq!(client.latest("s"), Ok(None));
    for text in ["\"int\"", "\"long\""] {
        let id = registry.register("s", Kind::Avro, text, &[]);
        let latest = client.latest("s").unwrap().unwrap();
        assert_eq!((latest.id, latest.text.as_str()), (number(id), text));
        assert!(Arc::ptr_eq(&latest, &client.schema(&number(id)).unwrap()));
    }
    assert_eq!(registry.requests("/subjects/s/versions/latest"), 3);
    assert_eq!(registry.all_requests(), 3);
}

#[test]
fn subjects_of_any_characters_reach_the_registry_as_they_are() {
    let registry = Registry::start();
    let client = client(&registry, patient());
    for subject in ["a/b c", ":.shop:ü%2F?#&-value", "..", "東京"] {
        let id = client.register(subject, SchemaKind::Json, "{}").unwrap();
        let latest = client.latest(subject).unwrap().unwrap();
        assert_eq!((latest.id, latest.kind), (number(id), SchemaKind::Json));
    }
}

#[test]
fn registering_gives_the_id_or_the_registrys_no() {
    let registry = Registry::start();
    let client = client(&registry, patient());
    assert!(client.schema(&number(1)).is_err());
    let id = client.register("s", SchemaKind::Protobuf, PROTO).unwrap();
    assert_eq!(client.register("s", SchemaKind::Protobuf, PROTO), Ok(id));
    assert_eq!(kind_of(&client, id), SchemaKind::Protobuf);
    let error = client.register("s", SchemaKind::Avro, "no JSON").unwrap_err();
    assert!(matches!(error, LookupError::Refused { .. }), "{error:?}");
    assert!(error.to_string().contains("'s': 42201 Invalid schema"), "{error}");
}
