//! Records in the formats with schemas, written by the reference libraries and
//! framed as the Schema Registry's serializers do it.

use apache_avro::types::Value as Avro;
use prost_reflect::prost::Message;
use prost_reflect::{DescriptorPool, DynamicMessage};
use serde_json::Value;

/// A magic byte 0, the id, the payload.
pub fn framed(id: u32, payload: &[u8]) -> Vec<u8> {
    let mut bytes = vec![0];
    bytes.extend(id.to_be_bytes());
    bytes.extend(payload);
    bytes
}

/// An Avro datum by apache-avro: `value` in the form of JSON, unions without wrapping.
pub fn avro(schema: &str, value: Value) -> Vec<u8> {
    let schema = apache_avro::Schema::parse_str(schema).expect("an Avro schema");
    let value = plain(value).resolve(&schema).expect("a value of it");
    apache_avro::writer::datum::GenericDatumWriter::builder(&schema)
        .build()
        .expect("a writer")
        .write_value_to_vec(value)
        .expect("encode Avro")
}

/// JSON as apache-avro's values, which `resolve` then fits into a schema.
fn plain(value: Value) -> Avro {
    match value {
        Value::Null => Avro::Null,
        Value::Bool(truth) => Avro::Boolean(truth),
        Value::Number(number) => match number.as_i64() {
            Some(int) => Avro::Long(int),
            None => Avro::Double(number.as_f64().expect("a number")),
        },
        Value::String(text) => Avro::String(text),
        Value::Array(values) => Avro::Array(values.into_iter().map(plain).collect()),
        Value::Object(members) => {
            Avro::Record(members.into_iter().map(|(name, value)| (name, plain(value))).collect())
        }
    }
}

/// A Protobuf message by prost, with the registry's message indexes before it:
/// `proto` is the text of a file, its first message is taken; `value` is proto3 JSON.
pub fn protobuf(proto: &str, value: Value) -> Vec<u8> {
    let file = protox::file::File::from_source("test.proto", proto).expect("a .proto file");
    let mut compiler = protox::Compiler::with_file_resolver(OneFile(file));
    compiler.open_file("test.proto").expect("compile");
    let pool = DescriptorPool::from_file_descriptor_set(compiler.file_descriptor_set())
        .expect("descriptors");
    let message = pool.get_file_by_name("test.proto").expect("the file").messages().next();
    let message = DynamicMessage::deserialize(message.expect("a message"), value);
    let mut bytes = vec![0];
    bytes.extend(message.expect("a value of it").encode_to_vec());
    bytes
}

struct OneFile(protox::file::File);

impl protox::file::FileResolver for OneFile {
    fn open_file(&self, name: &str) -> Result<protox::file::File, protox::Error> {
        if name == "test.proto" {
            return Ok(self.0.clone());
        }
        protox::file::GoogleFileResolver::new().open_file(name)
    }
}
