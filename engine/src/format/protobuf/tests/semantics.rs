//! What records mean, written by hand from the encoding's documentation.

use super::schemas::{KNOWN, OLD, SCALARS, TREE};
use super::*;

fn whole(text: &str, message: &str, bytes: &[u8]) -> Decoded {
    decode(&mut compile(text, Some(message), &everything()), bytes).expect("a record")
}

#[test]
fn absent_fields_are_zeros_defaults_or_null() {
    let scalars = whole(SCALARS, "Scalars", b"");
    assert_eq!(scalars.fields.len(), 24);
    assert_eq!(scalars.text("a_uint64"), Some("0"));
    assert_eq!(scalars.text("a_double"), Some("0.0"));
    assert_eq!(scalars.text("a_bool"), Some("false"));
    assert_eq!(scalars.text("a_string"), Some(""));
    assert_eq!(scalars.text("o_int32"), None);
    let old = whole(OLD, "t.Old", b"\x0a\x01x");
    assert_eq!(
        old.slots[0],
        concat!(
            r#"{"id":"x","plain":null,"answer":42,"motto":"a \"b\"\n","raw":"AP8=","#,
            r#""ratio":"-Infinity","odd":"NaN","level":"HIGH","unset":null,"#,
            r#""large":18446744073709551615,"yes":true,"box":null,"item":[],"numbers":[],"#,
            r#""levels":[],"inner":null,"inners":{},"left":null,"right":null,"both":null}"#
        )
    );
    let tree = whole(TREE, "Tree", b"");
    assert_eq!(tree.text("leaf"), None);
    assert_eq!(tree.text("leaves"), Some("[]"));
    assert_eq!(tree.text("by_name"), Some("{}"));
    assert_eq!(tree.text("text"), None);
    assert_eq!(tree.text("color"), Some("RED"));
}

/// A file's records have no indexes before them, whether or not the message is named.
#[test]
fn a_local_file_names_its_only_message() {
    let one = "syntax = \"proto3\"; package p; message One { string a = 1; }";
    let mut program = Protobuf::compile_local(&schema(one, None), &everything()).unwrap();
    assert_eq!(decode(&mut program, b"\x0a\x01x").unwrap().text("a"), Some("x"));
    let two = format!("{one} message Two {{ string b = 1; }}");
    let error = Protobuf::compile_local(&schema(&two, None), &everything()).unwrap_err();
    assert!(error.to_string().contains("p.One, p.Two"), "{error}");
    let mut program = Protobuf::compile_local(&schema(&two, Some("Two")), &everything()).unwrap();
    assert_eq!(decode(&mut program, b"\x0a\x01x").unwrap().text("b"), Some("x"));
}

#[test]
fn the_last_of_several_values_stands() {
    // a_int32 twice; a_string twice.
    let scalars = whole(SCALARS, "Scalars", b"\x08\x01\x08\x02\x72\x01a\x72\x01b");
    assert_eq!((scalars.text("a_int32"), scalars.text("a_string")), (Some("2"), Some("b")));
    // Of a oneof: number, then text, then number.
    let tree = whole(TREE, "Tree", b"\x58\x01\x52\x01a\x58\x07");
    assert_eq!((tree.text("text"), tree.text("number")), (None, Some("7")));
    // chosen {name a, color 1}, text, chosen {color 7}: the first is not merged into the last.
    let tree = whole(TREE, "Tree", b"\x62\x05\x0a\x01a\x10\x01\x52\x01a\x62\x02\x10\x07");
    let leaf = r#"{"name":"","color":"BLUE","sizes":[],"raw":""}"#;
    assert_eq!(tree.text("chosen"), Some(leaf));
    // leaf twice: merged.
    let tree = whole(TREE, "Tree", b"\x0a\x05\x0a\x01a\x10\x01\x0a\x02\x10\x07");
    let leaf = r#"{"name":"a","color":"BLUE","sizes":[],"raw":""}"#;
    assert_eq!(tree.text("leaf"), Some(leaf));
    // by_number {3: "a", 4: "b", 3: "c"}.
    let entries = b"\x32\x05\x08\x03\x12\x01a\x32\x05\x08\x04\x12\x01b\x32\x05\x08\x03\x12\x01c";
    let tree = whole(TREE, "Tree", entries);
    assert_eq!(tree.text("by_number"), Some(r#"{"3":"c","4":"b"}"#));
}

#[test]
fn lists_may_be_packed_or_not_whatever_the_schema_says() {
    // packed: 1, then packed 2 3, then 4; unpacked (zigzag): packed -1, then 1.
    let bytes = b"\x78\x01\x7a\x02\x02\x03\x78\x04\x82\x01\x01\x01\x80\x01\x02";
    let tree = whole(TREE, "Tree", bytes);
    assert_eq!(tree.text("packed"), Some("[1,2,3,4]"));
    assert_eq!(tree.text("unpacked"), Some("[-1,1]"));
}

#[test]
fn an_enum_without_a_symbol_is_its_number() {
    let tree = whole(TREE, "Tree", b"\xb0\x01\x07\x92\x01\x02\x01\x63");
    assert_eq!(tree.text("color"), Some("BLUE"));
    assert_eq!(tree.text("colors"), Some(r#"["GREEN",99]"#));
    let minus = b"\xb0\x01\xfd\xff\xff\xff\xff\xff\xff\xff\xff\x01";
    assert_eq!(whole(TREE, "Tree", minus).text("color"), Some("MINUS"));
}

#[test]
fn a_known_field_of_another_wire_type_is_unknown() {
    // a_int32 as four bytes, a_string as a number, a_bool as a group.
    let bytes = b"\x0d\x01\x02\x03\x04\x70\x05\x6b\x08\x01\x6c\x10\x09";
    let scalars = whole(SCALARS, "Scalars", bytes);
    assert_eq!((scalars.text("a_int32"), scalars.text("a_string")), (Some("0"), Some("")));
    assert_eq!((scalars.text("a_bool"), scalars.text("a_int64")), (Some("false"), Some("9")));
}

#[test]
fn well_known_types_are_what_they_stand_for() {
    let known =
        whole(KNOWN, "t.Known", b"\x0a\x00\x12\x00\x1a\x00\x62\x00\x6a\x00\x72\x00\x7a\x00");
    assert_eq!(known.text("at"), Some("1970-01-01T00:00:00.000Z"));
    assert_eq!(known.text("took"), Some("0s"));
    assert_eq!((known.text("w_int32"), known.text("w_uint64")), (Some("0"), None));
    assert_eq!(known.text("any"), Some(r#"{"@type":"","value":""}"#));
    assert_eq!((known.text("mask"), known.text("empty")), (Some(""), Some("{}")));
    assert_eq!(known.text("amount"), Some("0"));
    // amount {value 05 3c, scale 2}; day {2026, 11, 21}; time {2 h, 58 min, 11 s}.
    let bytes = b"\x7a\x06\x0a\x02\x05\x3c\x18\x02\x82\x01\x07\x08\xea\x0f\x10\x0b\x18\x15\x8a\x01\x06\x08\x02\x10\x3a\x18\x0b";
    let known = whole(KNOWN, "t.Known", bytes);
    assert_eq!(known.text("amount"), Some("13.40"));
    assert_eq!(known.text("day"), Some("2026-11-21"));
    assert_eq!(known.text("time"), Some("02:58:11.000"));
    // A date without a day stays the message it is.
    let known = whole(KNOWN, "t.Known", b"\x82\x01\x05\x08\xea\x0f\x10\x0b");
    assert_eq!(known.text("day"), Some(r#"{"year":2026,"month":11,"day":0}"#));
    // at {seconds -1, nanos 500000000}; took {seconds -1, nanos -500000}.
    let mut bytes =
        b"\x0a\x11\x08\xff\xff\xff\xff\xff\xff\xff\xff\xff\x01\x10\x80\xca\xb5\xee\x01".to_vec();
    bytes.extend(b"\x12\x16\x08\xff\xff\xff\xff\xff\xff\xff\xff\xff\x01\x10\xe0\xbd\xe1\xff\xff\xff\xff\xff\xff\x01");
    let known = whole(KNOWN, "t.Known", &bytes);
    assert_eq!(known.text("at"), Some("1969-12-31T23:59:59.500Z"));
    assert_eq!(known.text("took"), Some("-1.000500s"));
}

#[test]
fn only_what_is_wanted_is_read() {
    let mut wanted = Wanted::default();
    wanted.slot(&path(&["leaf", "name"]));
    wanted.slot(&path(&["packed", "-1"]));
    wanted.slot(&[Step::Field("by_number".into()), Step::Field("3".into())]);
    wanted.slot(&path(&["choice"]));
    let mut program = compile(TREE, Some("Tree"), &wanted);
    // words is not UTF-8 but not wanted either.
    let bytes =
        b"\x0a\x05\x0a\x01a\x10\x01\x7a\x02\x02\x03\x32\x05\x08\x03\x12\x01c\x8a\x01\x01\xff";
    let decoded = decode(&mut program, bytes).expect("a record");
    assert_eq!(decoded.slots[..4], [r#""a""#, "3", r#""c""#, "null"]);
    assert!(decoded.fields.is_empty());
    assert!(decode(&mut compile(TREE, Some("Tree"), &everything()), bytes).is_err());
}

#[test]
fn a_record_says_which_message_it_is() {
    let text = r#"
        syntax = "proto3";
        message A { int32 a = 1; map<string, int32> m = 2; message B { int32 b = 1; } message C { int32 c = 1; } }
        message D { int32 d = 1; }"#;
    let mut program = compile(text, None, &Wanted { every_field: true, ..Wanted::default() });
    for (bytes, name) in [
        (&b"\x00\x08\x05"[..], "a"),
        (b"\x02\x00\x08\x05", "a"),
        (b"\x02\x02\x08\x05", "d"),
        // The map's entry is not counted.
        (b"\x04\x00\x00\x08\x05", "b"),
        (b"\x04\x00\x02\x08\x05", "c"),
        (b"\x00\x08\x05", "a"),
    ] {
        let decoded = decode(&mut program, bytes).expect("a record");
        assert_eq!(decoded.fields[0], (name.to_owned(), Some("5".to_owned())));
    }
    let error =
        |bytes: &[u8], program: &mut Program| decode(program, bytes).unwrap_err().to_string();
    assert_eq!(
        error(b"\x02\x04\x08\x05", &mut program),
        "invalid PROTOBUF at byte 0: the schema has no message with the indexes [2]"
    );
    assert_eq!(
        error(b"", &mut program),
        "invalid PROTOBUF at byte 0: the bytes end inside a number"
    );
    for bad in [&b"\x01\x00"[..], b"\xff\xff\x03", b"\x04\x00\x01", b"\x04\x00"] {
        assert!(decode(&mut program, bad).is_err(), "{bad:?}");
    }
    assert_eq!(Protobuf::value_type(&program), Type::Unknown);
}

#[test]
fn schemas_import_what_they_refer_to() {
    let leaf = schema("syntax = \"proto3\"; package x; message Leaf { string name = 1; }", None);
    let branch = SchemaText {
        text: "syntax = \"proto3\"; package x; import \"x/leaf.proto\"; import \"confluent/meta.proto\";
               message Branch { Leaf leaf = 1 [(confluent.field_meta) = { doc: \"d\", tags: \"PII\" }]; }".into(),
        references: vec![("x/leaf.proto".into(), leaf)],
        message: None,
    };
    let root = SchemaText {
        text:
            "syntax = \"proto3\"; import \"x/branch.proto\"; message Root { x.Branch branch = 1; }"
                .into(),
        references: vec![("x/branch.proto".into(), branch)],
        message: None,
    };
    let mut program = Protobuf::compile(&root, &everything()).expect("a schema");
    let decoded = decode(&mut program, b"\x00\x0a\x05\x0a\x03\x0a\x01a").expect("a record");
    assert_eq!(decoded.slots[0], r#"{"branch":{"leaf":{"name":"a"}}}"#);
    let leaf = Type::Record(vec![("name".into(), Type::Text)]);
    let branch = Type::Record(vec![("leaf".into(), leaf)]);
    assert_eq!(Protobuf::value_type(&program), Type::Record(vec![("branch".into(), branch)]));
    let error = |text: &str, message| {
        Protobuf::compile(&schema(text, message), &Wanted::default()).unwrap_err().to_string()
    };
    let missing = error("syntax = \"proto3\"; import \"gone.proto\"; message A {}", None);
    assert!(missing.contains("gone.proto"), "{missing}");
    let broken = error("syntax = \"proto3\"; message A { int32 a = ; }", None);
    assert!(broken.contains("schema.proto") || broken.contains("expected"), "{broken}");
    assert_eq!(
        error("syntax = \"proto3\"; package p; message A {}", Some("B")),
        "no message 'B'; the schema has: p.A"
    );
    assert_eq!(error("syntax = \"proto3\";", None), "the schema declares no message");
}

#[test]
fn types_are_told_as_far_as_they_are_known() {
    let Type::Record(fields) = Protobuf::value_type(&compile(KNOWN, Some("Known"), &everything()))
    else {
        panic!("a record");
    };
    let of = |name: &str| &fields.iter().find(|(known, _)| known == name).expect("a field").1;
    assert_eq!(of("at"), &Type::Timestamp);
    assert_eq!(of("w_uint64"), &Type::Int);
    assert_eq!(of("amounts"), &Type::Map(Box::new(Type::Decimal)));
    assert_eq!(of("times"), &Type::List(Box::new(Type::Timestamp)));
    assert_eq!(of("object"), &Type::Map(Box::new(Type::Unknown)));
    let Type::Record(fields) = Protobuf::value_type(&compile(TREE, Some("Tree"), &everything()))
    else {
        panic!("a record");
    };
    assert!(fields.contains(&("left".to_owned(), Type::Unknown)));
}
