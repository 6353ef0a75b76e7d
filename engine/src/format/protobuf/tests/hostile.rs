//! Bytes and schemas that mean harm.

use super::schemas::{KNOWN, OLD, SCALARS, TREE};
use super::*;

fn refusal(text: &str, message: &str, bytes: &[u8]) -> String {
    decode(&mut compile(text, Some(message), &everything()), bytes).unwrap_err().to_string()
}

#[test]
fn errors_name_the_byte() {
    let problem = |bytes: &[u8]| refusal(SCALARS, "Scalars", bytes);
    for (bytes, at, what) in [
        (&b"\x08"[..], 1, "the bytes end inside a number"),
        (b"\x08\x80", 2, "the bytes end inside a number"),
        (b"\x3d\x01\x02", 3, "the bytes end inside a number"),
        (b"\x08\x01\x72\x7fabc", 3, "a length beyond the end"),
        (b"\x72\xff\xff\xff\xff\xff\xff\xff\xff\xff\x01", 1, "a length beyond the end"),
        (b"\x08\xff\xff\xff\xff\xff\xff\xff\xff\xff\x02", 1, "a number of more than 64 bits"),
        (b"\x08\xff\xff\xff\xff\xff\xff\xff\xff\xff\xff\x01", 1, "a number of more than 64 bits"),
        (b"\x08\x01\x00\x01", 2, "a field number that cannot be"),
        (b"\xf8\xff\xff\xff\xff\x01\x01", 0, "a field number that cannot be"),
        (b"\x08\x01\x0e", 2, "a wire type that does not exist"),
        (b"\x08\x01\x0c", 3, "the end of a group that was not begun"),
        (b"\xfb\x01\x08\x01", 4, "the bytes end inside a group"),
        (b"\xfb\x01\x08\x01\x84\x02", 4, "the end of another group than was begun"),
        (b"\x72\x03ab\xff", 4, "a string that is not UTF-8"),
    ] {
        assert_eq!(
            problem(bytes),
            format!("invalid PROTOBUF at byte {at}: {what}"),
            "{bytes:02x?}"
        );
    }
    assert_eq!(
        refusal(OLD, "t.Old", b"\x0a\x01x\x82\x01\x02\x18\x05"),
        "invalid PROTOBUF at byte 8: required field 'n' of t.Old.Inner is missing"
    );
    assert_eq!(
        refusal(OLD, "t.Old", b""),
        "invalid PROTOBUF at byte 0: required field 'id' of t.Old is missing"
    );
    // A name within a leaf within leaves.
    assert_eq!(
        refusal(TREE, "Tree", b"\x12\x04\x0a\x02a\xff"),
        "invalid PROTOBUF at byte 5: a string that is not UTF-8"
    );
}

#[test]
fn a_required_field_is_missed_even_where_nothing_is_wanted() {
    let mut program = compile(OLD, Some("t.Old"), &Wanted::default());
    assert!(decode(&mut program, b"\x10\x01").is_err());
    assert!(decode(&mut program, b"\x0a\x00").is_ok());
}

#[test]
fn parts_that_lack_a_required_field_each_are_whole_together() {
    // inner {inner {n 1}}, inner {n 2}.
    let bytes = b"\x0a\x01x\x82\x01\x04\x12\x02\x08\x01\x82\x01\x02\x08\x02";
    let decoded = decode(&mut compile(OLD, Some("t.Old"), &everything()), bytes).expect("whole");
    let inner = r#"{"n":2,"inner":{"n":1,"inner":null,"level":null},"level":null}"#;
    assert_eq!(decoded.text("inner"), Some(inner));
}

/// A tree whose `left` stands in itself so often.
fn deep(levels: usize) -> Vec<u8> {
    let mut bytes: Vec<u8> = Vec::new();
    for _ in 0..levels {
        let mut outer = vec![0x1a];
        let mut length = bytes.len();
        while length >= 0x80 {
            outer.push(length as u8 | 0x80);
            length >>= 7;
        }
        outer.push(length as u8);
        outer.extend(bytes);
        bytes = outer;
    }
    bytes
}

#[test]
fn depth_is_bounded() {
    let mut program = compile(TREE, Some("Tree"), &everything());
    assert!(decode(&mut program, &deep(63)).is_ok());
    for bytes in [deep(64), deep(20_000), vec![0xfb; 1 << 20], b"\xa3\x06".repeat(1 << 19)] {
        assert!(decode(&mut program, &bytes).is_err());
    }
    // Twice, so that it is to be merged.
    let twice = |levels| [deep(levels), deep(levels)].concat();
    assert!(decode(&mut program, &twice(63)).is_ok());
    assert!(decode(&mut program, &twice(64)).is_err());
    // Unread, it is passed over.
    let mut unread = compile(TREE, Some("Tree"), &Wanted::default());
    assert!(decode(&mut unread, &deep(20_000)).is_ok());
}

/// An Any of that name and content, as field 12.
fn any(name: &str, content: &[u8], out: &mut Vec<u8>) {
    let mut inside = vec![0x0a, name.len() as u8];
    inside.extend(name.as_bytes());
    inside.push(0x12);
    write_length(content.len(), &mut inside);
    inside.extend(content);
    out.push(0x62);
    write_length(inside.len(), out);
    out.extend(inside);
}

fn write_length(length: usize, out: &mut Vec<u8>) {
    out.extend([length as u8 | 0x80, (length >> 7) as u8 | 0x80, (length >> 14) as u8]);
}

#[test]
fn what_an_any_holds_is_checked() {
    let mut program = compile(KNOWN, Some("t.Known"), &everything());
    let mut held = Vec::new();
    any("t.Known", b"\x2a\x03\x0a\x01a", &mut held);
    let decoded = decode(&mut program, &held).expect("a record");
    let start = r#"{"@type":"t.Known","at":null,"#;
    assert!(decoded.text("any").is_some_and(|any| any.starts_with(start)), "{decoded:?}");
    let mut spoilt = Vec::new();
    any("t.Known", b"\x2a\x03\x0a\x01\xff", &mut spoilt);
    assert!(decode(&mut program, &spoilt).is_err());
    // Any within Any, without end.
    let mut nested = Vec::new();
    for _ in 0..100 {
        let inner = std::mem::take(&mut nested);
        any("t.Known", &inner, &mut nested);
    }
    assert!(decode(&mut program, &nested).is_err());
    // Two that are merged: one's name, the other's content, which is too deep.
    let mut url = vec![0x62, 9, 0x0a, 7];
    url.extend(b"t.Known");
    let mut opaque = Vec::new();
    any("t.Gone", &nested, &mut opaque);
    assert!(decode(&mut program, &opaque).is_ok());
    opaque.extend(url);
    assert!(decode(&mut program, &opaque).is_err());
}

#[test]
fn schemas_may_call_their_own_types_as_well_known_ones() {
    let text = r#"
        syntax = "proto3"; package google.protobuf;
        message Timestamp { string seconds = 1; }
        message Any { int32 type_url = 1; }
        message Struct { int32 fields = 1; }
        message Root { Timestamp at = 1; Any any = 2; Struct object = 3; }"#;
    let bytes = b"\x0a\x03\x0a\x01a\x12\x02\x08\x05\x1a\x02\x08\x06";
    let decoded = decode(&mut compile(text, Some("Root"), &everything()), bytes).expect("a record");
    let expected = r#"{"at":{"seconds":"a"},"any":{"type_url":5},"object":{"fields":6}}"#;
    assert_eq!(decoded.slots[0], expected);
}

#[test]
fn types_that_branch_without_end_stay_small() {
    let fields =
        |level: usize| (1..=9).map(|n| format!("L{} f{n} = {n}; ", level + 1)).collect::<String>();
    let levels: String = (0..12).map(|n| format!("message L{n} {{ {} }}\n", fields(n))).collect();
    let text = format!("syntax = \"proto3\"; {levels} message L12 {{ int32 a = 1; }}");
    let shape = Protobuf::value_type(&compile(&text, Some("L0"), &Wanted::default()));
    assert!(format!("{shape:?}").len() < 1 << 20);
}
