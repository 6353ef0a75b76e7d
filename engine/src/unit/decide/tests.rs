//! What is decided is what a naive fold over all records gives, wherever units end.

use super::Wanted;
use crate::expression::Numeric;
use crate::expression::time::{Kind, Moment};
use crate::record::{Decimal, Names, TimeUnit, Value};
use crate::unit::packed::{self, HashOperation, Reader};
use crate::unit::{
    Builder, Expiry, FieldsWrite, Fold, GroupKind, Keep, Operand, PlainWrite, RecordRef, Unit,
    Upkeep,
};
use bigdecimal::{BigDecimal, RoundingMode};
use proptest::prelude::*;
use std::collections::BTreeMap;
use std::str::FromStr;

mod oracle;

/// Hashes by key: what Redis holds.
type Hashes = BTreeMap<String, BTreeMap<String, String>>;

/// A value that is folded.
#[derive(Debug, Clone, Copy, PartialEq)]
enum Given {
    Number(Numeric),
    Time(i64),
    Text(&'static str),
}

impl Given {
    fn operand(self) -> Operand<'static> {
        match self {
            Given::Number(number) => Operand::Number(number),
            Given::Time(ms) => Operand::Time(Moment::new(Kind::Timestamp, ms, TimeUnit::Millis)),
            Given::Text(text) => Operand::Text(text.as_bytes()),
        }
    }
}

/// What one record does to its key.
#[derive(Debug, Clone)]
enum Deed {
    /// All aggregates of a value, null or not, and of a time.
    Aggregate(Option<Given>, i64),
    Merge(u8),
    Replace(u8),
    Delete,
    MergeIfNewer(Given),
    ReplaceIfNewer(Given),
}

type Record = (u8, Deed);

fn text(bytes: &[u8]) -> String {
    String::from_utf8(bytes.to_vec()).expect("the tests write text")
}

fn write(builder: &mut Builder, names: &mut Names, (key, deed): &Record) {
    builder.key_buffer().extend_from_slice(format!("key:{key}").as_bytes());
    let upkeep = Upkeep::default();
    let fields = match deed {
        Deed::Delete => {
            let written = builder.plain(GroupKind::Hash, PlainWrite::Delete, upkeep);
            return written.expect("keys have one type here");
        }
        Deed::Aggregate(..) => FieldsWrite::HashFold,
        Deed::Merge(_) => FieldsWrite::HashMerge,
        Deed::Replace(_) => FieldsWrite::HashReplace,
        Deed::MergeIfNewer(_) => FieldsWrite::HashMergeIfNewer,
        Deed::ReplaceIfNewer(_) => FieldsWrite::HashReplaceIfNewer,
    };
    let mut name = |text: &str| names.intern(text.as_bytes(), None);
    let names = ["n", "sum", "mean", "_sum:mean", "_count:mean", "least", "most", "first"];
    let [n, sum, mean, mean_sum, mean_count, least, most, first] = names.map(&mut name);
    let [early, early_at, late, late_at] =
        ["early", "_at:early", "late", "_at:late"].map(&mut name);
    let [plain, other, newer] = ["plain", "other", "_newer:r"].map(&mut name);
    let mut entry = builder.fields(fields, upkeep).expect("keys have one type here");
    let mut deleted = None;
    match deed {
        Deed::Delete => {}
        Deed::Aggregate(value, at) => {
            entry.fold(Fold::Count { field: n, by: u8::from(value.is_some()) });
            let Some(value) = value else { return entry.end(std::iter::empty()) };
            if let Given::Number(number) = *value {
                entry.fold(Fold::Sum { field: sum, number });
                let (field, sum, count) = (mean, mean_sum, mean_count);
                entry.fold(Fold::Mean { field, sum, count, number });
            }
            entry.fold(Fold::Least { field: least, operand: value.operand() });
            entry.fold(Fold::Greatest { field: most, operand: value.operand() });
            let shown = format!("{value:?}");
            let text = shown.as_bytes();
            entry.fold(Fold::First { field: first, text });
            let time = Moment::new(Kind::Timestamp, *at, TimeUnit::Millis);
            entry.fold(Fold::Earliest { field: early, at: early_at, time, text });
            entry.fold(Fold::Latest { field: late, at: late_at, time, text });
        }
        Deed::Merge(number) => {
            entry.field(plain, Value::Int(i64::from(*number)));
            deleted = (number % 2 == 0).then_some(other);
        }
        Deed::Replace(number) => entry.field(other, Value::Int(i64::from(*number))),
        Deed::MergeIfNewer(given) | Deed::ReplaceIfNewer(given) => {
            entry.field(other, Value::Text(&format!("{given:?}")));
            entry.newer(newer, given.operand());
        }
    }
    entry.end(deleted.into_iter());
}

fn build(records: &[&Record]) -> Unit {
    let (mut builder, mut names, mut unit) = (Builder::new(), Names::default(), Unit::default());
    for (offset, record) in records.iter().enumerate() {
        let mark = builder.begin_record(RecordRef { slot: 0, offset: offset as i64 });
        write(&mut builder, &mut names, record);
        assert!(builder.end_record(mark));
    }
    builder.finish("s", &names, std::iter::empty(), &mut unit);
    assert_eq!(packed::check(&unit.packed), Ok(()));
    unit
}

/// Applies a decided unit as a server would.
fn apply(decided: &[u8], hashes: &mut Hashes) {
    assert_eq!(packed::check(decided), Ok(()));
    let mut reader = Reader::new(decided);
    let head = packed::read_head(&mut reader).expect("a head");
    for _ in 0..head.groups {
        let group = packed::read_group(&mut reader).expect("a group");
        assert_eq!(group.kind, GroupKind::Hash, "all is decided");
        let key = text(group.key);
        for _ in 0..group.writes {
            let (operation, fields) = packed::read_hash_write(&mut reader).expect("a write");
            if matches!(operation, HashOperation::Delete | HashOperation::Replace) {
                hashes.remove(&key);
            }
            let hash = hashes.entry(key.clone()).or_default();
            for _ in 0..fields {
                let (name, value) = packed::read_field(&mut reader, &head).expect("a field");
                hash.insert(text(head.names[name]), text(value));
            }
            let deleted = packed::read_deleted_count(&mut reader, operation).expect("a count");
            for _ in 0..deleted {
                let name = packed::read_name(&mut reader, &head).expect("a name");
                hash.remove(&text(head.names[name]));
            }
        }
        hashes.retain(|_, hash| !hash.is_empty());
    }
}

/// Applies records as one unit; those that cannot be decided are left out, and counted.
fn run(records: &[Record], hashes: &mut Hashes) -> Vec<String> {
    let (mut left, mut problems) = (records.iter().collect::<Vec<_>>(), Vec::new());
    loop {
        let unit = build(&left);
        let mut asked = std::collections::BTreeSet::new();
        let mut show = |wanted: Wanted<'_>, out: &mut Vec<u8>| {
            assert!(asked.insert((wanted.group, wanted.name)), "each field is read once");
            let hash = hashes.get(&text(wanted.key));
            let value = hash.and_then(|hash| hash.get(&text(wanted.field)));
            value.map(|value| out.extend_from_slice(value.as_bytes())).is_some()
        };
        let mut decided = Vec::new();
        let refused = unit.decide(&mut decided, &mut show).expect("own bytes");
        if refused.is_empty() {
            apply(&decided, hashes);
            return problems;
        }
        let is_refused = |at: usize| refused.iter().any(|one| one.record as usize == at);
        left = left
            .into_iter()
            .enumerate()
            .filter(|(at, _)| !is_refused(*at))
            .map(|it| it.1)
            .collect();
        problems.extend(refused.into_iter().map(|one| one.problem));
    }
}

fn number() -> impl Strategy<Value = Numeric> {
    prop_oneof![
        (-1000i64..1000).prop_map(Numeric::Int),
        prop_oneof![Just(i64::MAX), Just(i64::MIN)].prop_map(Numeric::Int),
        (-100_000i128..100_000, 0u8..5)
            .prop_map(|(unscaled, scale)| Numeric::Decimal(Decimal { unscaled, scale })),
        prop_oneof![
            (-1e3f64..1e3).boxed(),
            Just(-0.0f64).boxed(),
            Just(1e300).boxed(),
            Just(2.5e-20).boxed(),
            Just(1e16).boxed()
        ]
        .prop_map(Numeric::Double),
    ]
}

fn given() -> impl Strategy<Value = Given> {
    prop_oneof![
        6 => number().prop_map(Given::Number),
        1 => (0i64..100).prop_map(|at| Given::Time(at * 1_000_000_007)),
        1 => prop::sample::select(&["", "12", "abc", "2020-07-01T00:00:00.000Z", "13.50"][..])
            .prop_map(Given::Text),
    ]
}

fn deed() -> impl Strategy<Value = Deed> {
    prop_oneof![
        8 => (prop::option::weighted(0.9, given()), 0i64..50)
            .prop_map(|(value, at)| Deed::Aggregate(value, at * 100_000_000)),
        1 => any::<u8>().prop_map(Deed::Merge),
        1 => any::<u8>().prop_map(Deed::Replace),
        1 => Just(Deed::Delete),
        2 => given().prop_map(Deed::MergeIfNewer),
        1 => given().prop_map(Deed::ReplaceIfNewer),
    ]
}

proptest! {
    /// The same hashes and the same errors, whether every record is a unit of its own or not.
    #[test]
    fn the_result_does_not_depend_on_where_units_end(
        records in prop::collection::vec((0u8..3, deed()), 1..60),
        ends in prop::collection::vec(1usize..20, 60),
    ) {
        // A write that a deletion hides in the same unit is not packed, so it tells no error.
        let hides = |deed: &Deed| matches!(deed, Deed::Delete | Deed::Replace(_));
        let is_hiding = records.iter().any(|(_, deed)| hides(deed));
        let (mut single, mut split) = (Hashes::new(), Hashes::new());
        let mut single_problems: Vec<String> = Vec::new();
        for record in &records {
            single_problems.extend(run(std::slice::from_ref(record), &mut single));
        }
        let (mut rest, mut split_problems) = (&records[..], Vec::new());
        for end in ends {
            let (unit, behind) = rest.split_at(end.min(rest.len()));
            split_problems.extend(run(unit, &mut split));
            rest = behind;
        }
        prop_assert_eq!(&split, &single);
        if !is_hiding {
            single_problems.sort();
            split_problems.sort();
            prop_assert_eq!(split_problems, single_problems);
        }
    }
}

fn hash(hashes: &Hashes, key: u8) -> BTreeMap<&str, &str> {
    let fields = hashes.get(&format!("key:{key}"));
    fields.into_iter().flatten().map(|(name, value)| (name.as_str(), value.as_str())).collect()
}

#[test]
fn a_field_that_is_no_number_is_told_with_the_way_out() {
    let mut hashes = Hashes::new();
    hashes.entry("key:0".to_owned()).or_default().insert("n".to_owned(), "many".to_owned());
    let record = (0, Deed::Aggregate(Some(Given::Number(Numeric::Int(1))), 0));
    let problems = run(&[record.clone(), (1, Deed::Merge(1)), record], &mut hashes);
    let expected = "key 'key:0': field 'n' holds 'many', which is no number; HDEL the field, or \
                    name another in SELECT";
    assert_eq!(problems, [expected, expected]);
    assert_eq!(hash(&hashes, 0), BTreeMap::from([("n", "many")]), "nothing of the record");
    assert_eq!(hash(&hashes, 1), BTreeMap::from([("plain", "1")]));
}

#[test]
fn an_older_record_does_not_overwrite_and_an_equal_one_does() {
    let newer = |number| Deed::MergeIfNewer(Given::Number(Numeric::Int(number)));
    let mut hashes = Hashes::new();
    run(&[(0, newer(5)), (0, newer(4))], &mut hashes);
    assert_eq!(hash(&hashes, 0)["other"], "Number(Int(5))");
    run(&[(0, Deed::Merge(9)), (0, newer(4)), (0, newer(5))], &mut hashes);
    assert_eq!(hash(&hashes, 0)["_newer:r"], "5");
    // A removal forgets how new the hash was.
    run(&[(0, Deed::Delete), (0, newer(1))], &mut hashes);
    let expected = BTreeMap::from([("other", "Number(Int(1))"), ("_newer:r", "1")]);
    assert_eq!(hash(&hashes, 0), expected);
    let problems = run(&[(0, Deed::MergeIfNewer(Given::Time(0)))], &mut hashes);
    assert!(problems[0].contains("holds '1', which is no time in ISO 8601"), "{problems:?}");
}

/// The time to live of a record that is not taken does not count.
#[test]
fn an_older_record_leaves_the_time_to_live() {
    let (mut builder, mut names, mut unit) = (Builder::new(), Names::default(), Unit::default());
    builder.begin_record(RecordRef { slot: 0, offset: 0 });
    for (number, after) in [(5, 100), (4, 200)] {
        builder.key_buffer().extend_from_slice(b"k");
        let upkeep = Upkeep { keep: Keep::All, expiry: Expiry::After(after) };
        let mut entry = builder.fields(FieldsWrite::HashMergeIfNewer, upkeep).expect("a write");
        entry.newer(names.known(b"_newer:r"), Operand::Number(Numeric::Int(number)));
        entry.end(std::iter::empty());
    }
    builder.finish("s", &names, std::iter::empty(), &mut unit);
    let decide = |stored: Option<&str>| {
        let mut decided = Vec::new();
        let mut show = |_: Wanted<'_>, out: &mut Vec<u8>| {
            stored.map(|text| out.extend_from_slice(text.as_bytes())).is_some()
        };
        assert_eq!(unit.decide(&mut decided, &mut show), Ok(Vec::new()));
        let mut reader = Reader::new(&decided);
        packed::read_head(&mut reader).expect("a head");
        let group = packed::read_group(&mut reader).expect("a group");
        (group.expiry, group.writes)
    };
    assert_eq!(decide(None), (Expiry::After(100), 1));
    assert_eq!(decide(Some("4.5")), (Expiry::After(100), 1));
    assert_eq!(decide(Some("6")), (Expiry::Unchanged, 0));
}
