//! Protobuf.

use crate::assert_steady;
use prost::Message as _;
use prost_reflect::{DynamicMessage, MapKey, Value as Dynamic};
use redis_kafka_engine::format::protobuf::Protobuf;
use redis_kafka_engine::format::schema::{SchemaFormat, SchemaText};
use redis_kafka_engine::format::text::{write_json, write_text};
use redis_kafka_engine::record::{Arena, Names, Row, Step, Wanted};

const SCHEMA: &str = r#"
syntax = "proto3";
import "google/protobuf/timestamp.proto";
import "google/protobuf/duration.proto";
enum Color { RED = 0; GREEN = 1; }
message Reading {
  int32 id = 1; string text = 2; optional string note = 3; Color color = 4; uint64 large = 5;
  repeated sint32 numbers = 6; repeated Reading parts = 7; map<string, Reading> by_name = 8;
  google.protobuf.Timestamp at = 9; google.protobuf.Duration took = 10;
  oneof choice { double left = 11; bytes right = 12; }
}
"#;

/// Records of one type: values of changing lengths, fields that come and go.
fn records() -> Vec<Vec<u8>> {
    let file = protox::file::File::from_source("reading.proto", SCHEMA).expect("a schema");
    let mut pool = prost_reflect::DescriptorPool::global();
    pool.add_file_descriptor_proto(file.into()).expect("a schema");
    let of = pool.get_message_by_name("Reading").expect("the message");
    let time = |name: &str, seconds: i64, nanos: i32| {
        let of = pool.get_message_by_name(name).expect("a well-known type");
        let mut time = DynamicMessage::new(of);
        time.set_field_by_name("seconds", Dynamic::I64(seconds));
        time.set_field_by_name("nanos", Dynamic::I32(nanos));
        Dynamic::Message(time)
    };
    let plain = |i: usize| {
        let mut record = DynamicMessage::new(of.clone());
        record.set_field_by_name("id", Dynamic::I32(i as i32));
        record.set_field_by_name("text", Dynamic::String("x".repeat(i % 70)));
        if i.is_multiple_of(3) {
            record.set_field_by_name("note", Dynamic::String("é\n".to_owned()));
        }
        record.set_field_by_name("color", Dynamic::EnumNumber((i % 3) as i32));
        record.set_field_by_name("large", Dynamic::U64(u64::MAX - i as u64));
        let numbers = (0..i % 9).map(|n| Dynamic::I32(n as i32 - 4)).collect();
        record.set_field_by_name("numbers", Dynamic::List(numbers));
        record.set_field_by_name("at", time("google.protobuf.Timestamp", i as i64, 5_000));
        record.set_field_by_name("took", time("google.protobuf.Duration", i as i64, 5_000));
        match i % 2 {
            0 => record.set_field_by_name("left", Dynamic::F64(i as f64 / 4.0)),
            _ => record.set_field_by_name("right", Dynamic::Bytes(vec![i as u8; 5].into())),
        }
        record
    };
    let record = |i: usize| {
        let mut record = plain(i);
        let parts = (0..i % 4).map(|n| Dynamic::Message(plain(n))).collect();
        record.set_field_by_name("parts", Dynamic::List(parts));
        let entries =
            (0..i % 5).map(|n| (MapKey::String(format!("key {n}")), Dynamic::Message(plain(n))));
        record.set_field_by_name("by_name", Dynamic::Map(entries.collect()));
        record.encode_to_vec()
    };
    (0..200).map(record).collect()
}

#[test]
fn decoding_protobuf_allocates_nothing_in_steady_state() {
    let records = records();
    let mut wanted = Wanted { every_field: true, ..Wanted::default() };
    wanted.slot(&[]);
    wanted.slot(&[Step::Field("parts".into()), Step::Index(-1), Step::Field("text".into())]);
    let by_name = [Step::Field("by_name".into()), Step::Field("key 1".into())];
    wanted.slot(&by_name);
    let schema =
        SchemaText { text: SCHEMA.into(), references: Vec::new(), message: Some("Reading".into()) };
    let mut program = Protobuf::compile(&schema, &wanted).expect("a schema");
    let (mut names, mut arena, mut row) = (Names::default(), Arena::new(), Row::default());
    let mut out = Vec::new();
    let pass = || {
        let mut written = 0;
        for bytes in &records {
            arena.reset();
            let mut record = std::mem::take(&mut row).recycle();
            Protobuf::decode(&mut program, bytes, &mut names, &arena, &mut record)
                .expect("a record");
            out.clear();
            record.fields().iter().for_each(|field| write_text(field.value, &mut out));
            (0..3).for_each(|slot| write_json(record.slot(slot), &mut out));
            written += out.len();
            row = record.recycle();
        }
        written
    };
    assert_steady(pass);
}
