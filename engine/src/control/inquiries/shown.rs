//! Records as people see them: one line each, every value as JSON.

use super::guess::bytes;
use super::reader::Held;
use crate::format::text::{write_json, write_json_string};
use crate::format::{Decoder, Failure, Format, Headers, Input, Making, Part, Schemas, SetupError};
use crate::record::{Arena, Names, Row, Value, Wanted};
use std::fmt::Write as _;

/// Bytes of a value's text that are shown.
const VALUE_MAX: usize = 8192;

/// Bytes of a key's or a header's text that are shown.
const KEY_MAX: usize = 1024;

/// Bytes of all lines together.
pub const LINES_MAX: usize = 4 << 20;

/// Decodes keys or values of one format as a whole.
pub struct Shower {
    decoder: Box<dyn Decoder>,
    names: Names,
    arena: Arena,
}

impl Shower {
    /// One for this part of records.
    pub fn new(format: Format, part: Part, schemas: Schemas) -> Result<Shower, SetupError> {
        let mut wanted = Wanted::default();
        wanted.slot(&[]);
        let decoder = format.decoder(Making { wanted, part, schemas })?;
        Ok(Shower { decoder, names: Names::default(), arena: Arena::new() })
    }

    /// A key or value as JSON.
    pub fn write(&mut self, bytes: &[u8], headers: &dyn Headers) -> Result<String, Failure> {
        self.arena.reset();
        let Shower { decoder, names, arena } = self;
        let mut row = Row::default();
        decoder.decode(Input { bytes, headers }, names, arena, &mut row)?;
        let mut json = Vec::new();
        write_json(row.slot(0), &mut json);
        Ok(String::from_utf8_lossy(&json).into_owned())
    }
}

/// How both parts of records are shown; none: as bytes.
#[derive(Default)]
pub struct Showers {
    pub key: Option<Shower>,
    pub value: Option<Shower>,
}

impl Showers {
    /// The line of a record: `topic/partition@offset time key=… value=… headers={…}`, with what is
    /// wrong where a part is not of its format.
    pub fn line(&mut self, record: &Held) -> String {
        let mut line = place(record);
        let mut wrong = Vec::new();
        for (part, shower, name, most) in [
            (Part::Key, &mut self.key, "key", KEY_MAX),
            (Part::Value, &mut self.value, "value", VALUE_MAX),
        ] {
            let shown = shown(record, part, shower.as_mut());
            let text = shown.unwrap_or_else(|(problem, text)| {
                wrong.push(format!("{name}_error={}", quoted(&problem)));
                text
            });
            // Writing into a String cannot fail.
            let _ = write!(line, " {name}={}", cut(&text, most));
        }
        if !record.headers.is_empty() {
            let _ = write!(line, " headers={}", cut(&headers(record), KEY_MAX));
        }
        wrong.into_iter().fold(line, |line, wrong| format!("{line} {wrong}"))
    }
}

/// `topic/partition@offset time`
pub fn place(record: &Held) -> String {
    let Held { topic, partition, offset, .. } = record;
    let time = record.timestamp.map(jiff::Timestamp::from_millisecond);
    match time {
        Some(Ok(time)) => format!("{topic}/{partition}@{offset} {time:.3}"),
        _ => format!("{topic}/{partition}@{offset} -"),
    }
}

/// A part's text, or what is wrong with it and its bytes.
fn shown(
    record: &Held,
    part: Part,
    shower: Option<&mut Shower>,
) -> Result<String, (String, String)> {
    let Some(bytes) = bytes(record, part) else { return Ok("null".to_owned()) };
    let raw = || match std::str::from_utf8(bytes) {
        Ok(text) => quoted(text),
        Err(_) => encoded(bytes),
    };
    match shower.map(|shower| shower.write(bytes, record)) {
        Some(Ok(text)) => Ok(text),
        Some(Err(failure)) => Err((failure.to_string(), raw())),
        None => Ok(raw()),
    }
}

/// Bytes as base64 in quotes.
fn encoded(bytes: &[u8]) -> String {
    let mut json = Vec::new();
    write_json(Value::Bytes(bytes), &mut json);
    String::from_utf8_lossy(&json).into_owned()
}

/// Text as JSON writes it.
pub fn quoted(text: &str) -> String {
    let mut json = Vec::new();
    write_json_string(text, &mut json);
    String::from_utf8_lossy(&json).into_owned()
}

/// All headers as one JSON object; a name may come more than once, as in the record.
fn headers(record: &Held) -> String {
    let shown = record.headers.iter().map(|(name, value)| {
        let value = match value.as_deref().map(|bytes| (bytes, std::str::from_utf8(bytes))) {
            None => "null".to_owned(),
            Some((_, Ok(text))) => quoted(text),
            Some((bytes, Err(_))) => encoded(bytes),
        };
        format!("{}:{value}", quoted(name))
    });
    format!("{{{}}}", shown.collect::<Vec<_>>().join(","))
}

/// The beginning of a long text, and how long it is.
pub fn cut(text: &str, most: usize) -> String {
    if text.len() <= most {
        return text.to_owned();
    }
    let end = text.floor_char_boundary(most);
    format!("{}… {} bytes", text.get(..end).unwrap_or_default(), text.len())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn held(key: Option<&[u8]>, value: Option<&[u8]>) -> Held {
        Held {
            topic: "t".into(),
            partition: 1,
            offset: 7,
            timestamp: Some(1_795_229_891_000),
            key: key.map(<[u8]>::to_vec),
            value: value.map(<[u8]>::to_vec),
            headers: vec![("a".to_owned(), Some(b"b".to_vec())), ("a".to_owned(), None)],
        }
    }

    #[test]
    fn a_line_shows_all_of_a_record() {
        let shower = |format, part| Shower::new(format, part, Schemas::None).ok();
        let mut showers = Showers {
            key: shower(Format::String, Part::Key),
            value: shower(Format::Json, Part::Value),
        };
        let at = "t/1@7 2026-11-21T02:58:11.000Z";
        let headers = r#"headers={"a":"b","a":null}"#;
        for (record, shown) in [
            (held(Some(b"k\n"), Some(b"{ \"n\": 1.50 }")), r#"key="k\n" value={"n":1.50} H"#),
            (held(None, None), "key=null value=null H"),
            (
                held(None, Some(b"{oops")),
                "key=null value=\"{oops\" H value_error=\"invalid JSON at byte 1: ",
            ),
        ] {
            let expected = format!("{at} {}", shown.replace('H', headers));
            let line = showers.line(&record);
            assert!(line.starts_with(&expected), "{line}\n{expected}");
        }
        assert_eq!(cut("äöü", 3), "ä… 6 bytes");
    }
}
