//! JSON side by side with serde_json's Value: documents of five and of 32 fields.

use crate::{Case, Library, Run, THREE, wanted};
use redis_kafka_engine::format::Format;
use redis_kafka_engine::format::json::JsonDecoder;
use redis_kafka_engine::record::{Arena, Names, Row, Wanted};
use std::hint::black_box;

const LIBRARY: &str = "serde_json::Value";

/// The measurements.
pub const CASES: &[Case] = &[
    Case {
        name: "json small, all 5",
        target: 3.3,
        ours: || ours(SMALL.to_owned(), wanted(&[])),
        theirs: &[Library { name: LIBRARY, run: || theirs(SMALL.to_owned()) }],
    },
    Case {
        name: "json wide, 3 of 32",
        target: 4.4,
        ours: || ours(wide(), wanted(THREE)),
        theirs: &[Library { name: LIBRARY, run: || theirs(wide()) }],
    },
    Case {
        name: "json wide, all 32",
        target: 5.2,
        ours: || ours(wide(), wanted(&[])),
        theirs: &[Library { name: LIBRARY, run: || theirs(wide()) }],
    },
];

/// A measurement of about 110 bytes, as the demo's.
pub const SMALL: &str = r#"{"airport":"VIE","id":4,"temperature":21.75,"humidity":"0.43 of 1","measured_at":"2026-11-21T02:58:11.123Z"}"#;

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

fn ours(document: String, wanted: Wanted) -> Run {
    let mut decoder = JsonDecoder::new(wanted);
    let (mut names, mut arena, mut kept) = (Names::default(), Arena::new(), Row::default());
    Box::new(move || {
        arena.reset();
        let mut row: Row<'_> = std::mem::take(&mut kept);
        let bytes = black_box(document.as_bytes());
        let decoded = decoder.document(bytes, Format::Json, &mut names, &arena, &mut row);
        decoded.expect("a valid document");
        let read = black_box(&row).fields().len() + usize::from(!row.slot(2).is_null());
        kept = row.recycle();
        read
    })
}

fn theirs(document: String) -> Run {
    Box::new(move || {
        let bytes = black_box(document.as_bytes());
        let value: serde_json::Value = serde_json::from_slice(bytes).expect("a valid document");
        black_box(value).as_object().map_or(0, serde_json::Map::len)
    })
}
