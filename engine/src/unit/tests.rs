//! What is built reads back as it was meant, whatever was rolled back in between.

mod read;

use super::decide::Wanted;
use super::packed::{self, HashOperation, Reader, Undecided};
use super::{
    Builder, End, EntryTime, Expiry, FieldsWrite, Fold, GroupKind, Keep, KeyError, Operand,
    PlainWrite, RecordRef, Unit, Upkeep,
};
use crate::expression::Numeric;
use crate::expression::time::{Kind, Moment};
use crate::kafka::TopicId;
use crate::ledger::{Advance, Expected, Standing};
use crate::record::{Decimal, Names, TimeUnit, Value};
use proptest::prelude::*;
use read::{Read, Written, read_back};
use std::collections::BTreeMap;

/// What a write does, as a test says it.
#[derive(Debug, Clone, Copy, PartialEq)]
enum Deed {
    Fields(FieldsWrite),
    Delete(GroupKind),
    Set,
    Push(End),
    Member(f64),
    Place,
    Sample,
}

impl Deed {
    fn kind(self) -> GroupKind {
        match self {
            Deed::Fields(FieldsWrite::StreamAdd(_)) => GroupKind::Stream,
            Deed::Fields(FieldsWrite::HashMerge | FieldsWrite::HashReplace) => GroupKind::Hash,
            Deed::Fields(_) => GroupKind::Undecided,
            Deed::Delete(kind) => kind,
            Deed::Set => GroupKind::String,
            Deed::Push(_) => GroupKind::List,
            Deed::Member(_) => GroupKind::SortedSet,
            Deed::Place => GroupKind::Geo,
            Deed::Sample => GroupKind::TimeSeries,
        }
    }
}

/// One write as a test says it: the key's and the fields' numbers.
#[derive(Debug, Clone)]
struct Wish {
    key: u8,
    deed: Deed,
    fields: Vec<(u8, String)>,
    deleted: Vec<u8>,
}

/// One record: its writes, and whether it turns out bad at the end.
type RecordWish = (Vec<Wish>, bool);

fn wish() -> impl Strategy<Value = Wish> {
    let deed = prop_oneof![
        Just(Deed::Fields(FieldsWrite::StreamAdd(EntryTime::Now))),
        Just(Deed::Fields(FieldsWrite::StreamAdd(EntryTime::NotBefore(7)))),
        Just(Deed::Fields(FieldsWrite::HashMerge)),
        Just(Deed::Fields(FieldsWrite::HashReplace)),
        Just(Deed::Fields(FieldsWrite::HashFold)),
        Just(Deed::Fields(FieldsWrite::HashMergeIfNewer)),
        Just(Deed::Fields(FieldsWrite::HashReplaceIfNewer)),
        Just(Deed::Delete(GroupKind::Hash)),
        Just(Deed::Delete(GroupKind::Undecided)),
        Just(Deed::Delete(GroupKind::Stream)),
        Just(Deed::Delete(GroupKind::List)),
        Just(Deed::Set),
        Just(Deed::Push(End::Left)),
        Just(Deed::Push(End::Right)),
        Just(Deed::Member(1.5)),
        Just(Deed::Place),
        Just(Deed::Sample),
    ];
    let fields = prop::collection::vec((0..6u8, ".{0,9}"), 0..5);
    (0..5u8, deed, fields, prop::collection::vec(0..6u8, 0..3)).prop_map(
        |(key, deed, fields, deleted)| {
            // Keys of one number are of one type, as a test of clashes has its own place below.
            let key = key * 16 + deed.kind() as u8;
            Wish { key, deed, fields, deleted }
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
    let Deed::Fields(fields) = wish.deed else {
        let written = builder.plain(wish.deed.kind(), plain(wish.deed), Upkeep::default());
        return written.expect("keys have one type here");
    };
    let deleted: Vec<_> = wish
        .deleted
        .iter()
        .map(|field| names.intern(field_name(*field).as_bytes(), None))
        .collect();
    let mut entry = builder.fields(fields, Upkeep::default()).expect("keys have one type here");
    for (field, text) in &wish.fields {
        let name = names.intern(field_name(*field).as_bytes(), None);
        entry.field(name, Value::Text(text));
    }
    let name = names.intern(b"kept", None);
    match fields {
        FieldsWrite::HashFold => {
            FOLDS.iter().for_each(|fold| entry.fold(fold.named(|_| name)));
        }
        FieldsWrite::HashMergeIfNewer | FieldsWrite::HashReplaceIfNewer => {
            entry.newer(name, Operand::Text(b"newer"));
        }
        _ => {}
    }
    entry.end(deleted.into_iter());
}

/// One of each kind.
const FOLDS: [Fold<'static, ()>; 8] = {
    let time = Moment { seconds: -1, nanos: 7_000, unit: TimeUnit::Micros, kind: Kind::Local };
    let number = Numeric::Decimal(Decimal { unscaled: -1340, scale: 2 });
    let field = ();
    [
        Fold::Count { field, by: 1 },
        Fold::Sum { field, number: Numeric::Int(i64::MIN) },
        Fold::Mean { field, sum: (), count: (), number },
        Fold::Least { field, operand: Operand::Number(Numeric::Double(-0.5)) },
        Fold::Greatest { field, operand: Operand::Time(time) },
        Fold::First { field, text: b"first" },
        Fold::Earliest { field, at: (), time, text: b"early" },
        Fold::Latest { field, at: (), time, text: b"late" },
    ]
};

fn plain(deed: Deed) -> PlainWrite<'static> {
    match deed {
        Deed::Set => PlainWrite::Whole(b"text"),
        Deed::Push(end) => PlainWrite::Push(end, b"element"),
        Deed::Member(score) => PlainWrite::Score(score, b"member"),
        Deed::Place => PlainWrite::Place(1.0, -2.0, b"place"),
        Deed::Sample => PlainWrite::Sample(-1, 2.5),
        Deed::Delete(_) | Deed::Fields(_) => PlainWrite::Delete,
    }
}

fn expected(wish: &Wish) -> Read {
    let fields = wish.fields.iter().map(|(field, text)| (field_name(*field), text.clone()));
    let deleted = wish.deleted.iter().map(|field| field_name(*field));
    match wish.deed {
        Deed::Fields(FieldsWrite::StreamAdd(time)) => Read::Entry(time, fields.collect()),
        Deed::Fields(FieldsWrite::HashMerge) => {
            Read::Hash(HashOperation::Merge, fields.collect(), deleted.collect())
        }
        Deed::Fields(FieldsWrite::HashReplace) => {
            Read::Hash(HashOperation::Replace, fields.collect(), deleted.collect())
        }
        Deed::Fields(FieldsWrite::HashFold) => {
            let folds = FOLDS.iter().map(|fold| format!("{fold:?}")).collect();
            Read::Undecided(Undecided::Fold, fields.collect(), deleted.collect(), folds)
        }
        Deed::Fields(FieldsWrite::HashMergeIfNewer | FieldsWrite::HashReplaceIfNewer) => {
            let write = match wish.deed {
                Deed::Fields(FieldsWrite::HashMergeIfNewer) => Undecided::MergeIfNewer,
                _ => Undecided::ReplaceIfNewer,
            };
            let newer = format!("{:?}", Operand::Text(b"newer"));
            Read::Undecided(write, fields.collect(), deleted.collect(), newer)
        }
        Deed::Delete(GroupKind::Hash) => Read::Hash(HashOperation::Delete, Vec::new(), Vec::new()),
        deed => Read::Plain(format!("{:?}", plain(deed))),
    }
}

/// Whether nothing that stood before can be seen after this write.
fn makes_anew(wish: &Wish) -> bool {
    let anew = [Deed::Set, Deed::Fields(FieldsWrite::HashReplace)];
    anew.contains(&wish.deed) || matches!(wish.deed, Deed::Delete(_))
}

/// What is packed of a hash's writes: one that leaves the same, unless a field is deleted of a
/// hash that may hold others, which might lose its time to live with its last one.
fn merged(writes: Vec<Read>) -> Vec<Read> {
    let hash = |read: &Read| match read {
        Read::Hash(operation, fields, deleted) => {
            Some((*operation, fields.clone(), deleted.clone()))
        }
        _ => None,
    };
    let Some(hashes) = writes.iter().map(hash).collect::<Option<Vec<_>>>() else { return writes };
    let Some((first, ..)) = hashes.first().filter(|_| hashes.len() > 1) else { return writes };
    if *first == HashOperation::Merge && hashes.iter().any(|(_, _, deleted)| !deleted.is_empty()) {
        return writes;
    }
    let mut held: Vec<(String, String)> = Vec::new();
    for (_, fields, deleted) in &hashes {
        for (name, text) in fields {
            match held.iter_mut().find(|(known, _)| known == name) {
                Some((_, value)) => *value = text.clone(),
                None => held.push((name.clone(), text.clone())),
            }
        }
        held.retain(|(name, _)| !deleted.contains(name));
    }
    let operation = match first {
        HashOperation::Delete if !held.is_empty() => HashOperation::Replace,
        first => *first,
    };
    let setting = hashes.iter().filter(|(_, fields, _)| !fields.is_empty()).count();
    let again = if held.is_empty() { 0 } else { setting.saturating_sub(1) };
    let again = vec![Read::Hash(HashOperation::Again, Vec::new(), Vec::new()); again];
    [vec![Read::Hash(operation, held, Vec::new())], again].concat()
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
            let mut model: BTreeMap<String, Written> = BTreeMap::new();
            let mut kept = 0;
            for (offset, (wishes, is_bad)) in records.iter().enumerate() {
                let mark = builder.begin_record(RecordRef { slot: 0, offset: offset as i64 });
                wishes.iter().for_each(|wish| write(&mut builder, &mut names, wish));
                if *is_bad {
                    builder.roll_back(mark);
                } else if builder.end_record(mark) {
                    for wish in wishes {
                        let (records, writes) = model.entry(key_name(wish.key)).or_default();
                        records.push(kept);
                        if makes_anew(wish) {
                            writes.clear();
                        }
                        writes.push(expected(wish));
                    }
                    kept += 1;
                }
            }
            unit.clear();
            builder.finish("s", &names, std::iter::once(advance()), &mut unit);
            prop_assert_eq!(packed::check(&unit.packed), Ok(()));
            model.values_mut().for_each(|(_, writes)| *writes = merged(std::mem::take(writes)));
            prop_assert_eq!(read_back(&unit), model);
            prop_assert_eq!(unit.records.len() as u32, kept);
        }
    }

    #[test]
    fn no_bytes_make_the_reader_panic(bytes in prop::collection::vec(any::<u8>(), 0..300)) {
        let _ = packed::check(&bytes);
    }

    #[test]
    fn a_damaged_unit_is_refused_or_read_whole(at in 0usize..2000, to in any::<u8>(), cut in 0usize..2000) {
        let (mut builder, mut names, mut unit) = (Builder::new(), Names::default(), Unit::default());
        builder.begin_record(RecordRef { slot: 0, offset: 0 });
        let deeds = [
            Deed::Fields(FieldsWrite::StreamAdd(EntryTime::Now)),
            Deed::Fields(FieldsWrite::HashMerge),
            Deed::Fields(FieldsWrite::HashFold),
            Deed::Fields(FieldsWrite::HashReplaceIfNewer),
            Deed::Set,
            Deed::Push(End::Left),
            Deed::Member(0.5),
            Deed::Place,
            Deed::Sample,
        ];
        for (key, deed) in (0..).zip(deeds) {
            let fields = vec![(1, "one".to_owned()), (2, "two".to_owned())];
            write(&mut builder, &mut names, &Wish { key, deed, fields, deleted: Vec::new() });
        }
        builder.finish("s", &names, std::iter::once(advance()), &mut unit);
        let whole = unit.packed.len();
        prop_assert!(packed::check(&unit.packed[..cut.min(whole - 1)]).is_err());
        unit.packed[at % whole] = to;
        if packed::check(&unit.packed).is_ok() {
            let mut decided = Vec::new();
            let mut show = |_: Wanted<'_>, text: &mut Vec<u8>| {
                text.extend_from_slice(b"12.50");
                at % 2 == 0
            };
            prop_assert!(unit.decide(&mut decided, &mut show).is_ok());
            prop_assert_eq!(packed::check(&decided), Ok(()));
        }
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
    let upkeep = Upkeep::default();
    builder.key_buffer().extend_from_slice(b"k");
    builder.fields(FieldsWrite::HashMerge, upkeep).expect("the first").end(std::iter::empty());
    builder.key_buffer().extend_from_slice(b"k");
    let second = builder.plain(GroupKind::Set, PlainWrite::Add(b"m"), upkeep);
    assert_eq!(second, Err(KeyError::TwoTypes));
    builder.key_buffer().extend_from_slice(b"k");
    let channel = builder.plain(GroupKind::Channel, PlainWrite::Whole(b"m"), upkeep);
    assert_eq!(channel, Ok(()), "a channel is no key");
    builder.key_buffer().extend_from_slice(b"kafka:ledger:x");
    let reserved = builder.fields(FieldsWrite::HashMerge, upkeep).err();
    assert_eq!(reserved, Some(KeyError::Reserved));
}

#[test]
fn a_hash_may_be_written_with_and_without_conditions_in_one_unit() {
    let (mut builder, mut unit) = (Builder::new(), Unit::default());
    builder.begin_record(RecordRef { slot: 0, offset: 0 });
    for write in [FieldsWrite::HashMerge, FieldsWrite::HashFold, FieldsWrite::HashMerge] {
        builder.key_buffer().extend_from_slice(b"k");
        builder.fields(write, Upkeep::default()).expect("a write").end(std::iter::empty());
    }
    builder.finish("s", &Names::default(), std::iter::empty(), &mut unit);
    let group = first_group(&unit);
    assert_eq!((group.kind, group.writes, unit.undecided), (GroupKind::Undecided, 3, 1));
    unit.clear();
    assert_eq!(unit.undecided, 0);
}

fn first_group(unit: &Unit) -> packed::Group<'_> {
    let mut reader = Reader::new(&unit.packed);
    packed::read_head(&mut reader).expect("a head");
    packed::read_group(&mut reader).expect("a group")
}

#[test]
fn what_is_kept_is_said_once_a_unit() {
    let (mut builder, mut names, mut unit) = (Builder::new(), Names::default(), Unit::default());
    builder.begin_record(RecordRef { slot: 0, offset: 0 });
    let upkeep = Upkeep { keep: Keep::AtLeast(10), expiry: Expiry::Unchanged };
    for _ in 0..3 {
        builder.key_buffer().extend_from_slice(b"k");
        let write = FieldsWrite::StreamAdd(EntryTime::Now);
        let mut entry = builder.fields(write, upkeep).expect("a write");
        entry.field(names.intern(b"f", None), Value::Text("x"));
        entry.end(std::iter::empty());
    }
    builder.finish("s", &names, std::iter::empty(), &mut unit);
    let group = first_group(&unit);
    assert_eq!((group.kind, group.keep, group.writes), (GroupKind::Stream, Keep::AtLeast(10), 3));
}

#[test]
fn the_last_expiry_stands_unless_the_key_is_made_anew_behind_it() {
    let set = (PlainWrite::Whole(b"v"), Expiry::Unchanged);
    let set_for = |ms| (PlainWrite::Whole(b"v"), Expiry::After(ms));
    let cases = [
        (vec![set_for(5), set_for(7)], Expiry::After(7)),
        (vec![set_for(5), set], Expiry::Unchanged),
        (vec![set_for(5), (PlainWrite::Delete, Expiry::Unchanged)], Expiry::Unchanged),
    ];
    for (writes, expected) in cases {
        let (mut builder, mut unit) = (Builder::new(), Unit::default());
        builder.begin_record(RecordRef { slot: 0, offset: 0 });
        for (write, expiry) in &writes {
            builder.key_buffer().extend_from_slice(b"k");
            let upkeep = Upkeep { keep: Keep::All, expiry: *expiry };
            builder.plain(GroupKind::String, *write, upkeep).expect("a write");
        }
        builder.finish("s", &Names::default(), std::iter::empty(), &mut unit);
        assert_eq!(first_group(&unit).expiry, expected, "{writes:?}");
    }
}

#[test]
fn writes_that_merge_into_one_hold_redis_for_one() {
    let (mut builder, mut names) = (Builder::new(), Names::default());
    let wish = |key, deed, deleted| Wish { key, deed, fields: vec![(1, "v".to_owned())], deleted };
    let merge = Deed::Fields(FieldsWrite::HashMerge);
    let (hash, string, list) =
        (GroupKind::Hash.load(), GroupKind::String.load(), GroupKind::List.load());
    let mut loads = Vec::new();
    let cases = [
        (wish(1, merge, vec![]), hash),
        (wish(1, merge, vec![]), 0),
        (wish(1, merge, vec![2]), hash),
        (wish(2, Deed::Set, vec![]), string),
        (wish(2, Deed::Set, vec![]), 0),
        (wish(3, Deed::Push(End::Left), vec![]), list),
        (wish(3, Deed::Push(End::Left), vec![]), list),
    ];
    for (wish, load) in &cases {
        let before = builder.load();
        let mark = builder.begin_record(RecordRef { slot: 0, offset: 0 });
        write(&mut builder, &mut names, wish);
        builder.roll_back(mark);
        assert_eq!(builder.load(), before, "{wish:?}");
        builder.begin_record(RecordRef { slot: 0, offset: 0 });
        write(&mut builder, &mut names, wish);
        loads.push((builder.load() - before, *load));
    }
    assert!(loads.iter().all(|(found, expected)| found == expected), "{loads:?}");
    builder.finish("s", &names, std::iter::empty(), &mut Unit::default());
    assert_eq!(builder.load(), 0);
}

#[test]
fn a_command_holds_its_words() {
    let (mut builder, mut unit) = (Builder::new(), Unit::default());
    builder.begin_record(RecordRef { slot: 0, offset: 0 });
    builder.command(2).expect("a command");
    [b"INCR".as_slice(), b"n"].into_iter().for_each(|word| builder.word(word));
    builder.finish("s", &Names::default(), std::iter::empty(), &mut unit);
    assert_eq!(packed::check(&unit.packed), Ok(()));
    let mut reader = Reader::new(&unit.packed);
    packed::read_head(&mut reader).expect("a head");
    let kind = packed::read_group(&mut reader).expect("a group").kind;
    let words = packed::read_plain_write(&mut reader, kind);
    assert_eq!(words, Ok(PlainWrite::Command(2)));
    assert_eq!((reader.text(), reader.text()), (Ok(b"INCR".as_slice()), Ok(b"n".as_slice())));
}
