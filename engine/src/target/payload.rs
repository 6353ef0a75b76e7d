//! What is written of a record where a target holds it as one text.

use super::{Selected, WriteError};
use crate::format::text::{write_json, write_json_string, write_text};
use crate::record::{Names, Shape, Value};

/// The most objects and arrays within each other that RedisJSON reads: its parser's limit.
pub(crate) const MAX_DEPTH: usize = 127;

/// Appends the selected fields as one compact JSON object, or the text of a value that is no
/// record; a null one is an error.
pub(super) fn write_element(
    selected: Selected<'_, '_>,
    names: &Names,
    out: &mut Vec<u8>,
) -> Result<(), WriteError> {
    match selected.single() {
        None => write_object(selected, names, out),
        Some(Value::Null) => return Err(null("the value")),
        Some(value) => write_text(value, out),
    }
    Ok(())
}

/// Appends the selected fields as one compact JSON object, or a value that is no record as JSON.
pub(super) fn write_document(selected: Selected<'_, '_>, names: &Names, out: &mut Vec<u8>) {
    match selected.single() {
        None => write_object(selected, names, out),
        Some(value) => write_json(value, out),
    }
}

/// Null has no text.
pub(super) fn null(what: &str) -> WriteError {
    WriteError::Unfit(format!(
        "{what} is null and has no text; give it one with coalesce, or leave such records out \
         with WHERE"
    ))
}

/// Nulls stay: in JSON, unlike in a hash, they can be said.
fn write_object(selected: Selected<'_, '_>, names: &Names, out: &mut Vec<u8>) {
    out.push(b'{');
    for (index, field) in selected.fields.iter().enumerate() {
        if index > 0 {
            out.push(b',');
        }
        // Names come out of texts, so they are text.
        let name = std::str::from_utf8(names.get(field.name)).unwrap_or_default();
        write_json_string(name, out);
        out.push(b':');
        write_json(field.value, out);
    }
    out.push(b'}');
}

impl<'a> Selected<'_, 'a> {
    /// The value, where it is one without a name.
    fn single(&self) -> Option<Value<'a>> {
        match self.shape {
            Shape::Single => self.fields.first().map(|field| field.value),
            Shape::Fields | Shape::Absent => None,
        }
    }
}

/// How many objects and arrays of `json` stand within each other at most.
pub(super) fn depth(json: &[u8]) -> usize {
    let (mut depth, mut deepest) = (0usize, 0);
    let mut bytes = json.iter();
    while let Some(byte) = bytes.next() {
        match byte {
            b'{' | b'[' => {
                depth += 1;
                deepest = deepest.max(depth);
            }
            b'}' | b']' => depth = depth.saturating_sub(1),
            b'"' => skip_string(&mut bytes),
            _ => {}
        }
    }
    deepest
}

fn skip_string(bytes: &mut std::slice::Iter<'_, u8>) {
    while let Some(byte) = bytes.next() {
        match byte {
            b'"' => return,
            b'\\' => drop(bytes.next()),
            _ => {}
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn braces_within_texts_are_no_depth() {
        for (json, expected) in [
            ("5", 0),
            (r#""[[{""#, 0),
            (r#"{"a\"[[":"\\","b":[1,{"c":[]}]}"#, 4),
            ("[[],[[]]]", 3),
            (r#"["unclosed"#, 1),
        ] {
            assert_eq!(depth(json.as_bytes()), expected, "{json}");
        }
    }

    /// RedisJSON reads with serde_json.
    #[test]
    fn the_limit_is_that_of_redisjsons_parser() {
        let nested = |levels| format!("{}{}", "[".repeat(levels), "]".repeat(levels));
        assert_eq!(depth(nested(MAX_DEPTH).as_bytes()), MAX_DEPTH);
        assert!(serde_json::from_str::<serde_json::Value>(&nested(MAX_DEPTH)).is_ok());
        assert!(serde_json::from_str::<serde_json::Value>(&nested(MAX_DEPTH + 1)).is_err());
    }
}
