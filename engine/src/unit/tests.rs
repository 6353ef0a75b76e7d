//! What is built reads back as it was meant, whatever was rolled back in between.

use super::packed::{self, GroupKind, HashOperation, PackedTrim, Reader};
use super::{Builder, KeyError, RecordRef, Trim, Unit, WriteKind};
use crate::kafka::TopicId;
use crate::ledger::{Advance, Expected, Standing};
use crate::record::{Names, Value};
use proptest::prelude::*;
use std::collections::BTreeMap;

/// One write as a test says it: the key's and the fields' numbers.
#[derive(Debug, Clone)]
struct Wish {
    key: u8,
    kind: WriteKind,
    fields: Vec<(u8, String)>,
    deleted: Vec<u8>,
}

/// One record: its writes, and whether it turns out bad at the end.
type RecordWish = (Vec<Wish>, bool);

fn wish() -> impl Strategy<Value = Wish> {
    let kind = prop_oneof![
        Just(WriteKind::StreamAdd(Trim::None)),
        Just(WriteKind::StreamAdd(Trim::Approximate(7))),
        Just(WriteKind::HashMerge),
        Just(WriteKind::HashReplace),
        Just(WriteKind::HashDelete),
    ];
    let fields = prop::collection::vec((0..6u8, ".{0,9}"), 0..5);
    (0..5u8, kind, fields, prop::collection::vec(0..6u8, 0..3)).prop_map(
        |(key, kind, fields, deleted)| {
            let is_stream = matches!(kind, WriteKind::StreamAdd(_));
            // Keys of one number are of one type, as a test of clashes has its own place below.
            let key = key * 2 + u8::from(is_stream);
            Wish { key, kind, fields, deleted: if is_stream { Vec::new() } else { deleted } }
        },
    )
}

fn key_name(key: u8) -> String {
    format!("key:{key}")
}

fn field_name(field: u8) -> String {
    format!("field-{field}")
}

fn write(builder: &mut Builder, names: &mut Names, wish: &Wish) {
    builder.key_buffer().extend_from_slice(key_name(wish.key).as_bytes());
    let deleted: Vec<_> = wish
        .deleted
        .iter()
        .map(|field| names.intern(field_name(*field).as_bytes(), None))
        .collect();
    let mut entry = builder.write(wish.kind).expect("keys have one type here");
    for (field, text) in &wish.fields {
        let name = names.intern(field_name(*field).as_bytes(), None);
        entry.field(name, Value::Text(text));
    }
    entry.end(deleted.into_iter());
}

/// A write as read back.
type Read = (Option<HashOperation>, Vec<(String, String)>, Vec<String>);

fn text(bytes: &[u8]) -> String {
    String::from_utf8(bytes.to_vec()).expect("the tests write text")
}

/// Reads all writes by key, with the records they came from.
fn read_back(unit: &Unit) -> BTreeMap<String, Vec<(u32, Read)>> {
    let mut reader = Reader::new(&unit.packed);
    let head = packed::read_head(&mut reader).expect("a head");
    let mut writers = unit.writers.iter().copied();
    let mut keys = BTreeMap::new();
    for _ in 0..head.groups {
        let group = packed::read_group(&mut reader).expect("a group");
        let mut writes = Vec::new();
        for _ in 0..group.writes {
            let (operation, count) = match group.kind {
                GroupKind::Stream(_) => {
                    (None, packed::read_stream_write(&mut reader).expect("a write").fields)
                }
                GroupKind::Hash => {
                    let (operation, count) = packed::read_hash_write(&mut reader).expect("a write");
                    (Some(operation), count)
                }
            };
            let fields = (0..count).map(|_| {
                let (name, value) = packed::read_field(&mut reader, &head).expect("a field");
                (text(head.names[name]), text(value))
            });
            let fields = fields.collect();
            let deleted = match operation {
                None => 0,
                Some(_) => packed::read_deleted_count(&mut reader).expect("a count"),
            };
            let deleted = (0..deleted)
                .map(|_| text(head.names[packed::read_name(&mut reader, &head).expect("a name")]));
            let read = (operation, fields, deleted.collect());
            writes.push((writers.next().expect("a record for every write"), read));
        }
        assert!(keys.insert(text(group.key), writes).is_none(), "one group a key");
    }
    keys
}

fn expected(wish: &Wish) -> Read {
    let operation = match wish.kind {
        WriteKind::StreamAdd(_) => None,
        WriteKind::HashMerge => Some(HashOperation::Merge),
        WriteKind::HashReplace => Some(HashOperation::Replace),
        WriteKind::HashDelete => Some(HashOperation::Delete),
    };
    let fields = wish.fields.iter().map(|(field, text)| (field_name(*field), text.clone()));
    (operation, fields.collect(), wish.deleted.iter().map(|field| field_name(*field)).collect())
}

fn advance() -> Advance {
    let standing = Standing::start(9, TopicId(77));
    Advance { topic: "t".into(), partition: 3, expected: Expected::Next(4), standing }
}

proptest! {
    #[test]
    fn units_read_back_without_what_was_rolled_back(
        units in prop::collection::vec(prop::collection::vec((prop::collection::vec(wish(), 0..4), any::<bool>()), 0..12), 1..4)
    ) {
        let (mut builder, mut names, mut unit) = (Builder::new(), Names::default(), Unit::default());
        for records in units {
            let records: Vec<RecordWish> = records;
            let mut model: BTreeMap<String, Vec<(u32, Read)>> = BTreeMap::new();
            let mut kept = 0;
            for (offset, (wishes, is_bad)) in records.iter().enumerate() {
                let mark = builder.begin_record(RecordRef { slot: 0, offset: offset as i64 });
                wishes.iter().for_each(|wish| write(&mut builder, &mut names, wish));
                if *is_bad {
                    builder.roll_back(mark);
                } else if builder.end_record(mark) {
                    for wish in wishes {
                        model.entry(key_name(wish.key)).or_default().push((kept, expected(wish)));
                    }
                    kept += 1;
                }
            }
            unit.clear();
            builder.finish("s", &names, std::iter::once(advance()), &mut unit);
            prop_assert_eq!(packed::check(&unit.packed), Ok(()));
            prop_assert_eq!(read_back(&unit), model);
            prop_assert_eq!(unit.records.len() as u32, kept);
        }
    }

    #[test]
    fn no_bytes_make_the_reader_panic(bytes in prop::collection::vec(any::<u8>(), 0..300)) {
        let _ = packed::check(&bytes);
    }

    #[test]
    fn a_damaged_unit_is_refused_or_read_whole(at in 0usize..400, to in any::<u8>(), cut in 0usize..400) {
        let (mut builder, mut names, mut unit) = (Builder::new(), Names::default(), Unit::default());
        builder.begin_record(RecordRef { slot: 0, offset: 0 });
        for key in 0..4 {
            let kind = if key % 2 == 1 { WriteKind::StreamAdd(Trim::Exact(5)) } else { WriteKind::HashMerge };
            let fields = vec![(1, "one".to_owned()), (2, "two".to_owned())];
            write(&mut builder, &mut names, &Wish { key, kind, fields, deleted: Vec::new() });
        }
        builder.finish("s", &names, std::iter::once(advance()), &mut unit);
        let whole = unit.packed.len();
        prop_assert!(packed::check(&unit.packed[..cut.min(whole - 1)]).is_err());
        unit.packed[at % whole] = to;
        let _ = packed::check(&unit.packed);
    }
}

#[test]
fn the_head_carries_the_ledgers_step() {
    let mut unit = Unit::default();
    Builder::new().finish("sub", &Names::default(), std::iter::once(advance()), &mut unit);
    let mut reader = Reader::new(&unit.packed);
    let head = packed::read_head(&mut reader).expect("a head");
    assert_eq!((head.subscription, head.groups), ("sub", 0));
    let Advance { partition, expected, standing, .. } = advance();
    let read = head.advances[0];
    assert_eq!((read.topic, read.partition), ("t", partition));
    assert_eq!((read.expected, read.standing), (expected, standing));
}

#[test]
fn a_key_of_two_types_and_a_key_of_ours_are_refused() {
    let mut builder = Builder::new();
    builder.begin_record(RecordRef { slot: 0, offset: 0 });
    builder.key_buffer().extend_from_slice(b"k");
    builder.write(WriteKind::HashMerge).expect("the first").end(std::iter::empty());
    builder.key_buffer().extend_from_slice(b"k");
    let second = builder.write(WriteKind::StreamAdd(Trim::None)).err();
    assert_eq!(second, Some(KeyError::TwoTypes));
    builder.key_buffer().extend_from_slice(b"kafka:ledger:x");
    assert_eq!(builder.write(WriteKind::HashMerge).err(), Some(KeyError::Reserved));
}

#[test]
fn a_streams_trim_is_said_once_a_unit() {
    let (mut builder, mut names, mut unit) = (Builder::new(), Names::default(), Unit::default());
    builder.begin_record(RecordRef { slot: 0, offset: 0 });
    for _ in 0..3 {
        let kind = WriteKind::StreamAdd(Trim::Approximate(10));
        let fields = vec![(0, "x".to_owned())];
        write(&mut builder, &mut names, &Wish { key: 1, kind, fields, deleted: Vec::new() });
    }
    builder.finish("s", &names, std::iter::empty(), &mut unit);
    let mut reader = Reader::new(&unit.packed);
    packed::read_head(&mut reader).expect("a head");
    let group = packed::read_group(&mut reader).expect("a group");
    assert_eq!((group.kind, group.writes), (GroupKind::Stream(PackedTrim::Approximate(10)), 3));
}
