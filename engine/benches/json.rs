//! JSON decoding side by side with other parsers: documents of five and of 32 fields.

use criterion::{Criterion, Throughput, criterion_group, criterion_main};
use redis_kafka_engine::format::Format;
use redis_kafka_engine::format::json::{Step, descend, write_text};
use redis_kafka_engine::record::{Fields, Names};
use std::hint::black_box;

/// A measurement of about 110 bytes, as the demo's.
const SMALL: &str = r#"{"airport":"VIE","id":4,"temperature":21.75,"humidity":"0.43 of 1","measured_at":"2026-11-21T02:58:11.123Z"}"#;

/// A row of 32 columns, every fourth one text, one with an escape, two nested.
fn wide() -> String {
    let column = |i: usize| match i {
        7 => "\"column_7\":{\"zone\":132,\"borough\":\"Queens\"}".to_owned(),
        15 => "\"column_15\":[2020,7,1,0,25]".to_owned(),
        19 => "\"column_19\":\"East Village \\/ Gramercy\"".to_owned(),
        _ if i.is_multiple_of(4) => format!("\"column_{i}\":\"value of column {i}\""),
        _ if i % 4 == 1 => format!("\"column_{i}\":{}", 1_000_003 * i),
        _ if i % 4 == 2 => format!("\"column_{i}\":{i}.{i}0"),
        _ => format!("\"column_{i}\":null"),
    };
    format!("{{{}}}", (0..32).map(column).collect::<Vec<_>>().join(","))
}

fn decode(criterion: &mut Criterion) {
    for (name, document) in [("small", SMALL.to_owned()), ("wide", wide())] {
        let document = document.as_bytes();
        let mut group = criterion.benchmark_group(format!("decode/{name}"));
        group.throughput(Throughput::Bytes(document.len() as u64));
        group.bench_function("redis-kafka", |bencher| {
            let mut decoder = Format::Json.decoder().expect("JSON is built");
            let (mut names, mut fields) = (Names::default(), Fields::default());
            bencher.iter(|| {
                let decoded = decoder.decode(black_box(document), &mut names, &mut fields);
                decoded.expect("a valid document");
                fields.all().len()
            });
        });
        group.bench_function("serde_json::Value", |bencher| {
            bencher.iter(|| serde_json::from_slice::<serde_json::Value>(black_box(document)));
        });
        group.bench_function("sonic_rs::Value", |bencher| {
            bencher.iter(|| sonic_rs::from_slice::<sonic_rs::Value>(black_box(document)));
        });
        group.bench_function("sonic_rs::to_object_iter", |bencher| {
            bencher.iter(|| sonic_rs::to_object_iter(black_box(document)).flatten().count());
        });
        group.finish();
    }
}

fn read(criterion: &mut Criterion) {
    let document = wide();
    let (mut names, mut fields) = (Names::default(), Fields::default());
    let mut decoder = Format::Json.decoder().expect("JSON is built");
    decoder.decode(document.as_bytes(), &mut names, &mut fields).expect("a valid document");
    let mut group = criterion.benchmark_group("read/wide");
    let mut out = Vec::with_capacity(document.len());
    group.bench_function("write_text of all fields", |bencher| {
        bencher.iter(|| {
            out.clear();
            for field in fields.all() {
                write_text(black_box(field.value(document.as_bytes())), &mut out);
            }
            out.len()
        });
    });
    let nested = fields.all()[7].value(document.as_bytes());
    group.bench_function("descend", |bencher| {
        bencher.iter(|| descend(black_box(nested), Step::Field(b"borough")));
    });
    group.finish();
}

criterion_group!(benches, decode, read);
criterion_main!(benches);
