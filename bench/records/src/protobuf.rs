//! Protobuf side by side with prost-reflect's DynamicMessage: messages of five and of 32 fields.

use crate::{Case, Library, Run, wanted};
use prost_reflect::prost::Message as _;
use prost_reflect::{DynamicMessage, Kind, MessageDescriptor, Value};
use redis_kafka_engine::format::protobuf::Protobuf;
use redis_kafka_engine::format::schema::{SchemaFormat, SchemaText};
use redis_kafka_engine::record::{Arena, Names, Row, Wanted};
use std::hint::black_box;

const LIBRARY: &str = "prost-reflect";

/// The measurements.
pub const CASES: &[Case] = &[
    Case {
        name: "protobuf small, all 5",
        target: 4.5,
        ours: || ours(SMALL, wanted(&[])),
        theirs: &[Library { name: LIBRARY, run: || theirs(SMALL) }],
    },
    Case {
        name: "protobuf wide, 3 of 32",
        target: 16.0,
        ours: || ours(&wide(), wanted(crate::THREE)),
        theirs: &[Library { name: LIBRARY, run: || theirs(&wide()) }],
    },
];

const SMALL: &str = r#"syntax = "proto3"; message Sample {
    string airport = 1; int32 id = 2; double temperature = 3; string humidity = 4; int64 ts = 5; }"#;

/// Kinds of the 32 fields, in turn.
const KINDS: [&str; 4] = ["string", "int64", "double", "optional int32"];

fn wide() -> String {
    let field = |i: usize| format!("{} column_{i} = {};", KINDS[i % 4], i + 1);
    let fields: String = (0..32).map(field).collect();
    format!("syntax = \"proto3\"; message Sample {{ {fields} }}")
}

/// The descriptor, and a record with every field set.
fn record(schema: &str) -> (MessageDescriptor, Vec<u8>) {
    let file = protox::file::File::from_source("sample.proto", schema).expect("a schema");
    let mut pool = prost_reflect::DescriptorPool::new();
    pool.add_file_descriptor_proto(file.into()).expect("a schema");
    let descriptor = pool.get_message_by_name("Sample").expect("the message");
    let mut record = DynamicMessage::new(descriptor.clone());
    for field in descriptor.fields() {
        let number = i64::from(field.number());
        let value = match field.kind() {
            Kind::String => Value::String(format!("value of column {number}")),
            Kind::Int64 => Value::I64(1_000_003 * number),
            Kind::Int32 => Value::I32(number as i32),
            _ => Value::F64(number as f64 + 0.25),
        };
        record.set_field(&field, value);
    }
    (descriptor, record.encode_to_vec())
}

fn ours(schema: &str, wanted: Wanted) -> Run {
    let (_, bytes) = record(schema);
    let schema = SchemaText {
        text: schema.to_owned(),
        references: Vec::new(),
        message: Some("Sample".to_owned()),
    };
    let mut program = Protobuf::compile(&schema, &wanted).expect("a schema");
    let (mut names, mut arena, mut kept) = (Names::default(), Arena::new(), Row::default());
    Box::new(move || {
        arena.reset();
        let mut row: Row<'_> = std::mem::take(&mut kept);
        let bytes = black_box(&bytes[..]);
        Protobuf::decode(&mut program, bytes, &mut names, &arena, &mut row).expect("a record");
        let read = black_box(&row).fields().len() + usize::from(!row.slot(2).is_null());
        kept = row.recycle();
        read
    })
}

fn theirs(schema: &str) -> Run {
    let (descriptor, bytes) = record(schema);
    Box::new(move || {
        let message = DynamicMessage::decode(descriptor.clone(), black_box(&bytes[..]));
        black_box(message.expect("a record")).fields().count()
    })
}
