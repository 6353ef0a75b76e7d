//! The Protobuf decoder never panics, keeps its memory in bounds, and accepts
//! nothing that prost-reflect refuses.
#![no_main]

use libfuzzer_sys::fuzz_target;
use prost_reflect::{DescriptorPool, DynamicMessage, MessageDescriptor};
use redis_kafka_engine::format::protobuf::{Program, Protobuf};
use redis_kafka_engine::format::schema::{SchemaFormat, SchemaText};
use redis_kafka_engine::format::text::{write_json, write_text};
use redis_kafka_engine::record::{Arena, Names, Row, Step, Value, Wanted};
use std::cell::RefCell;

const SCHEMA: &str = r#"
syntax = "proto2";
import "google/protobuf/timestamp.proto";
import "google/protobuf/duration.proto";
import "google/protobuf/struct.proto";
import "google/protobuf/wrappers.proto";
import "google/protobuf/field_mask.proto";
enum Level { LOW = 5; HIGH = 9; }
message Tree {
  optional int32 a = 1; optional sint64 b = 2 [default = 7]; optional fixed32 c = 3; optional double d = 4;
  optional string e = 5; optional bytes f = 6; optional Level g = 7; optional Tree h = 8;
  repeated Tree i = 9; repeated int32 j = 10 [packed = true]; repeated string k = 11;
  map<string, Tree> l = 12; map<int32, string> m = 13;
  oneof n { Tree o = 14; string p = 15; uint64 q = 16; }
  optional group R = 17 { optional int32 x = 1; optional Tree y = 2; }
  repeated group S = 18 { optional string x = 1; }
  optional google.protobuf.Timestamp t = 19; optional google.protobuf.Duration u = 20;
  optional google.protobuf.Value v = 21; optional google.protobuf.UInt64Value w = 22;
  optional google.protobuf.FieldMask x = 23;
}
"#;

struct Subject {
    descriptor: MessageDescriptor,
    program: Program,
}

thread_local! {
    static SUBJECT: RefCell<Subject> = RefCell::new(subject());
}

fn subject() -> Subject {
    let file = protox::file::File::from_source("tree.proto", SCHEMA).expect("a schema");
    let mut pool = DescriptorPool::global();
    pool.add_file_descriptor_proto(file.into()).expect("a schema");
    let descriptor = pool.get_message_by_name("Tree").expect("the message");
    let mut wanted = Wanted { every_field: true, ..Wanted::default() };
    wanted.slot(&[]);
    wanted.slot(&[Step::Field("i".into()), Step::Index(-1), Step::Field("e".into())]);
    wanted.slot(&[Step::Field("l".into()), Step::Field("a".into())]);
    let schema =
        SchemaText { text: SCHEMA.into(), references: Vec::new(), message: Some("Tree".into()) };
    Subject { descriptor, program: Protobuf::compile(&schema, &wanted).expect("a schema") }
}

/// Bytes of the arena for each of the record's, and for any record: a message
/// is copied once a level when it is to be merged, 64 levels at most.
const MEMORY: (usize, usize) = (512, 1 << 16);

fuzz_target!(|bytes: &[u8]| {
    SUBJECT.with_borrow_mut(|subject| {
        let (mut names, arena, mut row) = (Names::default(), Arena::new(), Row::default());
        Protobuf::forget_names(&mut subject.program);
        let ours = Protobuf::decode(&mut subject.program, bytes, &mut names, &arena, &mut row);
        assert!(arena.memory() <= MEMORY.0 * bytes.len() + MEMORY.1, "{}", arena.memory());
        match ours {
            Ok(()) => {
                read(&row);
                accepted(&subject.descriptor, bytes);
            }
            Err(error) => assert!(error.at <= bytes.len(), "{error}"),
        }
    });
});

fn read(row: &Row<'_>) {
    let mut out = Vec::new();
    row.fields().iter().for_each(|field| write_text(field.value, &mut out));
    for slot in 0..3 {
        out.clear();
        write_json(row.slot(slot), &mut out);
        let json: serde_json::Result<serde_json::Value> = serde_json::from_slice(&out);
        // serde_json stops at 128 objects and arrays within each other; a level here has several.
        if let Err(error) = json {
            assert!(error.to_string().starts_with("recursion limit"), "{error}");
        }
    }
    assert!(matches!(row.slot(0), Value::Nested(_)));
}

fn accepted(descriptor: &MessageDescriptor, bytes: &[u8]) {
    // prost-reflect takes a map's field (12, 13) of any wire type for an entry.
    let map = |byte: &u8| matches!(byte & 0x78, 0x60 | 0x68) && byte & 7 != 2;
    if bytes.iter().any(map) {
        return;
    }
    if let Err(error) = DynamicMessage::decode(descriptor.clone(), bytes) {
        // A known field of another wire type is an unknown field, by the specification.
        let error = error.to_string();
        assert!(error.contains("invalid wire type"), "{error}");
    }
}
