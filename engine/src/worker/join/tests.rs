//! EACH and JOIN over JSON records, with hashes that are a map.

use super::super::plan::{Formats, Held, Incoming, Plan, Refusal};
use super::super::values::ValueSource;
use super::super::{RouteSpec, Stage};
use crate::command::{self, Envelope, Statement};
use crate::expression::Reads;
use crate::format::{Format, NoHeaders, Schemas};
use crate::ledger::Outcome;
use crate::unit::packed::{
    HashOperation, Reader, read_field, read_group, read_hash_write, read_head,
};
use crate::unit::packed::{read_deleted_count, read_name};
use crate::unit::{Builder, RecordRef, Unit};
use std::collections::BTreeMap;

type Hash = BTreeMap<String, String>;

/// Redis as far as joins see it, a plan over it, and the unit being built.
struct Bench {
    redis: BTreeMap<String, Hash>,
    plan: Plan,
    builder: Builder,
    offset: i64,
    /// Keys looked up.
    asked: Vec<String>,
    /// Units closed for a record that needs what they make of a hash.
    undecided: usize,
}

fn hash(fields: &[(&str, &str)]) -> Hash {
    fields.iter().map(|(name, value)| ((*name).to_owned(), (*value).to_owned())).collect()
}

fn spec(words: &str) -> RouteSpec {
    let line = format!("KAFKA.ROUTE r FROM s TO {words}");
    let words = command::lines::split(line.as_bytes()).unwrap();
    match command::parse(&words.iter().map(Vec::as_slice).collect::<Vec<_>>()).unwrap() {
        Statement::Route(route) => RouteSpec::of(&route),
        other => panic!("no route: {other:?}"),
    }
}

impl Bench {
    fn new(routes: &[&str], redis: &[(&str, &[(&str, &str)])]) -> Bench {
        let value =
            ValueSource { format: Format::Json, envelope: Envelope::None, schemas: Schemas::None };
        let formats = Formats { key: Format::String, key_schemas: Schemas::None, value };
        let routes: Vec<_> = routes.iter().map(|words| spec(words)).collect();
        let redis = redis.iter().map(|(key, fields)| ((*key).to_owned(), hash(fields)));
        Bench {
            redis: redis.collect(),
            plan: Plan::new(formats, &routes).unwrap(),
            builder: Builder::new(),
            offset: 0,
            asked: Vec::new(),
            undecided: 0,
        }
    }

    /// Answers what is open.
    fn resolve(&mut self) {
        let Bench { redis, plan, asked, .. } = self;
        let reads = plan.lookup.reads.clone();
        while plan.lookup.is_open() {
            plan.lookup.turn(|key, join, answers| {
                let key = String::from_utf8(key.to_vec()).unwrap();
                asked.push(key.clone());
                let Some(held) = redis.get(&key) else {
                    return if key.starts_with("list") {
                        answers.refuse("WRONGTYPE it is no hash")
                    } else {
                        answers.absent()
                    };
                };
                let mut hash = answers.hash();
                match &reads[join] {
                    Reads::Fields(fields) => {
                        fields.iter().for_each(|f| hash.part(held.get(f).map(String::as_bytes)));
                    }
                    Reads::Whole => held.iter().for_each(|(name, value)| {
                        hash.part(Some(name.as_bytes()));
                        hash.part(Some(value.as_bytes()));
                    }),
                }
                hash.end();
            });
        }
    }

    /// Writes a record, looking up what it lacks, as the worker does.
    fn take(&mut self, key: Option<&str>, value: Option<&str>) -> Result<Outcome, String> {
        let incoming = Incoming {
            topic: "t",
            partition: 0,
            offset: self.offset,
            timestamp: None,
            key: key.map(str::as_bytes),
            value: value.map(str::as_bytes),
            headers: &NoHeaders,
        };
        self.offset += 1;
        loop {
            let mark = self.builder.begin_record(RecordRef { slot: 0, offset: self.offset });
            match self.plan.write(&incoming, &mut self.builder, mark) {
                Ok(outcome) => return Ok(outcome),
                Err(Refusal::Record(error)) => {
                    assert_eq!(error.stage, Stage::Route);
                    return Err(error.problem);
                }
                Err(Refusal::Unavailable(absence)) => panic!("{absence:?}"),
                Err(Refusal::Undecided) => {
                    // What comes of aggregates is the applier's to say.
                    self.undecided += 1;
                    let builder = &self.builder;
                    self.plan.lookup.questions.forget(|key| builder.writes(key));
                    let mut unit = Unit::default();
                    self.builder.finish("s", &self.plan.names, std::iter::empty(), &mut unit);
                }
                Err(Refusal::Unresolved) => {
                    self.plan.gather(&incoming, &self.builder, Held::NONE);
                    assert!(self.plan.lookup.is_open(), "nothing to ask");
                    self.resolve();
                }
            }
        }
    }

    fn record(&mut self, value: &str) -> Result<Outcome, String> {
        self.take(None, Some(value))
    }

    /// Closes the unit: the hashes that it writes are in Redis. What is left of the rest.
    fn apply(&mut self) -> &BTreeMap<String, Hash> {
        let builder = &self.builder;
        self.plan.lookup.questions.forget(|key| builder.writes(key));
        let mut unit = Unit::default();
        self.builder.finish("s", &self.plan.names, std::iter::empty(), &mut unit);
        let mut reader = Reader::new(&unit.packed);
        let head = read_head(&mut reader).unwrap();
        for _ in 0..head.groups {
            let group = read_group(&mut reader).unwrap();
            let hash = self.redis.entry(String::from_utf8(group.key.to_vec()).unwrap());
            let hash = hash.or_default();
            for _ in 0..group.writes {
                let (operation, fields) = read_hash_write(&mut reader).unwrap();
                if matches!(operation, HashOperation::Delete | HashOperation::Replace) {
                    hash.clear();
                }
                let text = |bytes: &[u8]| String::from_utf8(bytes.to_vec()).unwrap();
                for _ in 0..fields {
                    let (name, value) = read_field(&mut reader, &head).unwrap();
                    hash.insert(text(head.names[name]), text(value));
                }
                for _ in 0..read_deleted_count(&mut reader, operation).unwrap() {
                    let name = read_name(&mut reader, &head).unwrap();
                    hash.remove(&text(head.names[name]));
                }
            }
        }
        self.redis.retain(|_, hash| !hash.is_empty());
        &self.redis
    }

    fn of(&mut self, key: &str) -> Hash {
        self.apply().get(key).cloned().unwrap_or_default()
    }
}

const PRODUCTS: &[(&str, &[(&str, &str)])] = &[
    ("produit:1", &[("name", "produit1"), ("maker", "m1"), ("_sum:n", "7")]),
    ("maker:m1", &[("city", "Wien")]),
];

#[test]
fn what_is_not_there_is_null_and_each_hash_is_asked_once() {
    let route = r#"HASH "o:%{n}" JOIN HASH "produit:%{id}" AS p SELECT "coalesce(p.name, 'REF INCONNUE') AS name, p.maker""#;
    let mut bench = Bench::new(&[route], PRODUCTS);
    for record in
        [r#"{"n":1,"id":1}"#, r#"{"n":2,"id":2}"#, r#"{"n":3,"id":null}"#, r#"{"n":4,"id":1}"#]
    {
        assert_eq!(bench.record(record), Ok(Outcome::Applied));
    }
    let known = hash(&[("name", "produit1"), ("maker", "m1")]);
    let unknown = hash(&[("name", "REF INCONNUE")]);
    assert_eq!(bench.of("o:1"), known);
    assert_eq!(bench.of("o:2"), unknown);
    assert_eq!(bench.of("o:3"), unknown);
    assert_eq!(bench.of("o:4"), known);
    assert_eq!(bench.asked, ["produit:1", "produit:2"]);
}

#[test]
fn a_join_may_need_another() {
    let route = r#"HASH "o:%{n}" JOIN HASH "produit:%{id}" AS p JOIN HASH "maker:%{p.maker}" AS m SELECT "m.city, m IS NULL AS unknown""#;
    let mut bench = Bench::new(&[route], PRODUCTS);
    bench.record(r#"{"n":1,"id":1}"#).unwrap();
    bench.record(r#"{"n":2,"id":2}"#).unwrap();
    assert_eq!(bench.of("o:1"), hash(&[("city", "Wien"), ("unknown", "false")]));
    assert_eq!(bench.of("o:2"), hash(&[("unknown", "true")]));
    assert_eq!(bench.asked, ["produit:1", "maker:m1", "produit:2"]);
}

#[test]
fn a_whole_hash_shows_its_fields_but_not_what_it_keeps_for_itself() {
    let route = r#"HASH "o:%{n}" JOIN HASH "produit:%{id}" AS p SELECT "p.*, p AS all""#;
    let mut bench = Bench::new(&[route], PRODUCTS);
    bench.record(r#"{"n":1,"id":1}"#).unwrap();
    bench.record(r#"{"n":2,"id":2}"#).unwrap();
    let all = r#"{"maker":"m1","name":"produit1"}"#;
    let expected = hash(&[("name", "produit1"), ("maker", "m1"), ("all", all)]);
    assert_eq!(bench.of("o:1"), expected);
    assert_eq!(bench.of("o:2"), hash(&[]));
}

#[test]
fn a_join_sees_what_earlier_records_of_the_unit_wrote() {
    let table = r#"HASH "produit:%{_key}""#;
    let joined = r#"HASH "o:%{n}" JOIN HASH "produit:%{id}" AS p SELECT "p.name, p.* , p IS NULL AS gone" WHERE "n IS NOT NULL""#;
    let mut bench = Bench::new(&[table, joined], PRODUCTS);
    let order = |n: u32| format!(r#"{{"n":{n},"id":1}}"#);
    bench.take(Some("9"), Some(&order(1))).unwrap();
    bench.take(Some("1"), Some(r#"{"name":"new","maker":null}"#)).unwrap();
    bench.take(Some("9"), Some(&order(2))).unwrap();
    bench.take(Some("1"), None).unwrap();
    bench.take(Some("9"), Some(&order(3))).unwrap();
    bench.take(Some("1"), Some(r#"{"name":"again"}"#)).unwrap();
    bench.take(Some("9"), Some(&order(4))).unwrap();
    let names: Vec<_> = (1..5).map(|n| bench.of(&format!("o:{n}"))).collect();
    let gone = |gone: &str| ("gone".to_owned(), gone.to_owned());
    let mut first = hash(&[("name", "produit1"), ("maker", "m1")]);
    first.extend([gone("false")]);
    assert_eq!(names[0], first);
    assert_eq!(names[1], hash(&[("name", "new"), ("gone", "false")]));
    assert_eq!(names[2], hash(&[("gone", "true")]));
    assert_eq!(names[3], hash(&[("name", "again"), ("gone", "false")]));
    bench.take(Some("9"), Some(&order(5))).unwrap();
    assert_eq!(bench.of("o:5"), names[3], "and those of the unit before");
}

#[test]
fn a_join_sees_what_earlier_routes_wrote_of_the_same_record() {
    let routes = [
        r#"HASH "produit:%{id}" OVERWRITE SELECT "name""#,
        r#"HASH "o:%{n}" JOIN HASH "produit:%{id}" AS p SELECT "p.name, coalesce(p.maker, 'none') AS maker""#,
    ];
    let mut bench = Bench::new(&routes, PRODUCTS);
    bench.record(r#"{"n":1,"id":1,"name":"mine"}"#).unwrap();
    bench.record(r#"{"n":2,"id":3,"name":"other"}"#).unwrap();
    assert_eq!(bench.of("o:1"), hash(&[("name", "mine"), ("maker", "none")]));
    assert_eq!(bench.of("o:2"), hash(&[("name", "other"), ("maker", "none")]));
}

#[test]
fn what_another_route_writes_as_no_hash_and_what_is_none_are_errors() {
    let route = r#"HASH "o:%{n}" JOIN HASH "list:%{id}" AS p SELECT "p.name""#;
    let mut bench = Bench::new(&[route], PRODUCTS);
    let expected = Err("JOIN HASH 'list:7': WRONGTYPE it is no hash".to_owned());
    assert_eq!(bench.record(r#"{"n":1,"id":7}"#), expected);
    let routes = [
        r#"STREAM "produit:%{id}""#,
        r#"HASH "o:%{n}" JOIN HASH "produit:%{id}" AS p SELECT "p.name""#,
    ];
    let mut bench = Bench::new(&routes, &[]);
    let expected = Err("JOIN HASH 'produit:7': this unit writes it, and not as a hash".to_owned());
    assert_eq!(bench.record(r#"{"n":1,"id":7}"#), expected);
    assert!(bench.builder.is_empty(), "none of its routes wrote");
}

#[test]
fn what_where_leaves_out_is_not_looked_up() {
    let route = r#"HASH "o:%{n}" JOIN HASH "produit:%{id}" AS p WHERE "n > 1" SELECT "p.name""#;
    let mut bench = Bench::new(&[route], PRODUCTS);
    assert_eq!(bench.record(r#"{"n":1,"id":1}"#), Ok(Outcome::Filtered));
    assert!(bench.asked.is_empty());
    let route = r#"HASH "o:%{n}" JOIN HASH "produit:%{id}" AS p WHERE "p.name = 'produit1'""#;
    let mut bench = Bench::new(&[route], PRODUCTS);
    assert_eq!(bench.record(r#"{"n":1,"id":1}"#), Ok(Outcome::Applied));
    assert_eq!(bench.record(r#"{"n":2,"id":2}"#), Ok(Outcome::Filtered));
}

#[test]
fn each_element_is_written_and_joined() {
    let route = r#"HASH "line:%{id}:%{i.sku}" EACH items AS i JOIN HASH "produit:%{i.sku}" AS p WHERE "i.qty > 0" SELECT "i.qty AS qty, buyer.name AS buyer, p.name AS product""#;
    let mut bench = Bench::new(&[route], PRODUCTS);
    let record = r#"{"id":5,"buyer":{"name":"Ada"},"items":[{"sku":1,"qty":2},{"sku":2,"qty":3},{"sku":3,"qty":0}]}"#;
    assert_eq!(bench.record(record), Ok(Outcome::Applied));
    let first = hash(&[("qty", "2"), ("buyer", "Ada"), ("product", "produit1")]);
    assert_eq!(bench.of("line:5:1"), first);
    assert_eq!(bench.of("line:5:2"), hash(&[("qty", "3"), ("buyer", "Ada")]));
    assert_eq!(bench.of("line:5:3"), hash(&[]));
    assert_eq!(bench.asked, ["produit:1", "produit:2"]);
    for nothing in [r#"{"id":6}"#, r#"{"id":6,"items":null}"#, r#"{"id":6,"items":[]}"#] {
        assert_eq!(bench.record(nothing), Ok(Outcome::Filtered), "{nothing}");
    }
    assert_eq!(bench.take(Some("5"), None), Ok(Outcome::Filtered), "a tombstone has no elements");
}

#[test]
fn entries_of_a_map_have_a_key_and_a_value() {
    let route = r#"HASH "stock:%{e.key}" EACH stock AS e SELECT "e.value AS count, e.value.x""#;
    let mut bench = Bench::new(&[route], &[]);
    bench.record(r#"{"stock":{"a":1,"b\u0062":{"x":true},"c":null}}"#).unwrap();
    assert_eq!(bench.of("stock:a"), hash(&[("count", "1")]));
    assert_eq!(bench.of("stock:bb"), hash(&[("count", r#"{"x":true}"#), ("x", "true")]));
    assert_eq!(bench.of("stock:c"), hash(&[]));
}

#[test]
fn one_bad_element_keeps_all_of_the_record_out() {
    let route = r#"HASH "line:%{i.sku}" EACH items AS i SELECT "i.qty""#;
    let mut bench = Bench::new(&[route], &[]);
    let problem = bench.record(r#"{"items":[{"sku":1,"qty":2},{"qty":3}]}"#).unwrap_err();
    assert!(problem.starts_with("i.sku is null"), "{problem}");
    assert!(bench.builder.is_empty());
    let problem = bench.record(r#"{"items":7}"#).unwrap_err();
    assert_eq!(problem, "EACH takes an array or a map, not a number: items");
}

#[test]
fn a_removal_is_joined_only_where_its_key_needs_it() {
    let route = r#"HASH "h:%{_key}" JOIN HASH "produit:%{id}" AS p SELECT "p.name""#;
    let mut bench = Bench::new(&[route], &[("h:1", &[("name", "old")])]);
    assert_eq!(bench.take(Some("1"), None), Ok(Outcome::Applied));
    assert_eq!(bench.of("h:1"), hash(&[]));
    assert!(bench.asked.is_empty());
    let route = r#"HASH "h:%{p.name}" JOIN HASH "produit:%{id}" AS p"#;
    let mut bench = Bench::new(&[route], &[]);
    assert_eq!(bench.take(Some("1"), None), Ok(Outcome::Filtered), "its key is not the record's");
}

#[test]
fn routes_that_write_what_they_join_are_not_looked_up_ahead() {
    let joining = r#"STREAM "out:%{n}" JOIN HASH "produit:%{id}" AS p"#;
    for (other, ahead) in [
        (r#"HASH "table:%{id}""#, true),
        (r#"HASH "produit:%{id}""#, false),
        (r#"STREAM "prod%{id}""#, false),
        (r#"HASH "produit:x:%{id}""#, false),
        (r#"HASH "%{id}""#, false),
    ] {
        assert_eq!(Bench::new(&[joining, other], &[]).plan.may_look_ahead(), ahead, "{other}");
    }
}

#[test]
fn what_an_earlier_record_aggregates_is_joined_once_it_is_applied() {
    let routes = [
        r#"HASH "o:%{n}" JOIN HASH "count:%{id}" AS c SELECT "c.n AS before""#,
        r#"HASH "count:%{id}" SELECT "count() AS n""#,
    ];
    let mut bench = Bench::new(&routes, &[("count:1", &[("n", "7")])]);
    bench.record(r#"{"n":1,"id":1}"#).unwrap();
    bench.record(r#"{"n":2,"id":2}"#).unwrap();
    assert_eq!((bench.undecided, bench.asked.len()), (0, 2));
    bench.record(r#"{"n":3,"id":1}"#).unwrap();
    assert_eq!((bench.undecided, bench.asked.len()), (1, 3), "closed, and asked anew");
    let mut bench = Bench::new(&[routes[1], routes[0]], &[]);
    let problem = bench.record(r#"{"n":1,"id":1}"#).unwrap_err();
    assert!(problem.contains("make the route that joins first"), "{problem}");
}
