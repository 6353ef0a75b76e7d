//! Selections, static types, and what expressions say about themselves.

use super::*;
use crate::expression::{ExpressionError, Types, check};
use crate::record::Wanted;

/// The names and texts that a selection makes of a record.
fn selected(selection: &str, record: &str) -> Result<Vec<(String, String)>, String> {
    let mut layout = Layout::default();
    let parsed = Selection::parse(selection).map_err(|error| error.to_string())?;
    assert_eq!(Selection::parse(&parsed.to_string()), Ok(parsed.clone()), "{parsed}");
    let program = parsed.compile(&mut layout).map_err(|error| error.to_string())?;
    with_record(layout, record, |context, names| {
        let mut out = Row::default();
        program.write(context, names, &mut out).map_err(|error| error.to_string())?;
        // Once more, with the names' numbers known.
        program.write(context, names, &mut out).map_err(|error| error.to_string())?;
        let shown = |field: &crate::record::Field<'_>| {
            let name = String::from_utf8_lossy(names.get(field.name)).into_owned();
            (name, text(field.value).unwrap_or_else(|| "null".to_owned()))
        };
        Ok(out.fields().iter().map(shown).collect())
    })
}

fn line(selection: &str, record: &str) -> String {
    match selected(selection, record) {
        Err(problem) => problem,
        Ok(fields) => {
            let all: Vec<String> = fields.iter().map(|(n, v)| format!("{n}={v}")).collect();
            all.join(" ")
        }
    }
}

#[test]
fn selections_pick_name_and_leave_out() {
    let record = r#"{"id":4,"temp":21.50,"at":{"zone":7,"b":{"c":true}},"note":null}"#;
    for (selection, expected) in [
        ("*", "id=4 temp=21.50 at={\"zone\":7,\"b\":{\"c\":true}} note=null"),
        ("* EXCEPT (at, note)", "id=4 temp=21.50"),
        ("* EXCEPT (`at`, 'note'), at.*", "id=4 temp=21.50 zone=7 b={\"c\":true}"),
        ("at.* EXCEPT (b)", "zone=7"),
        ("at.zone, at.b.c", "zone=7 c=true"),
        ("id + 1 AS next, 'x' AS `odd name`", "next=5 odd name=x"),
        ("*, temp * 2 AS temp EXCEPT", "an operator is missing before 'EXCEPT' (column 21)"),
        ("*, temp * 2 AS temp", "id=4 temp=43.00 at={\"zone\":7,\"b\":{\"c\":true}} note=null"),
        ("id, id AS other, temp AS id", "id=21.50 other=4"),
        ("_topic, _key.k AS k, _offset AS o", "_topic=rides k=7 o=42"),
        ("note.*, id", "id=4"),
        ("id.*", "a number has no fields: id.*"),
        ("STRUCT(x := id, y := 'z').*", "x=4 y=z"),
        ("missing AS m", "m=null"),
        ("id + 1", "give it a name with AS (column 4)"),
        ("at['zone']", "zone=7"),
        ("at.b['c'] AS c", "c=true"),
        ("", "a value, a field or a function is missing at the end (column 1)"),
        ("id,", "a value, a field or a function is missing at the end (column 4)"),
        ("id AS", "a name is missing at the end (column 6)"),
        ("id temp", "an operator is missing before 'temp' (column 4)"),
        ("1 / 0 AS x", "division by zero in 1 / 0"),
    ] {
        assert_eq!(line(selection, record), expected, "{selection}");
    }
}

#[test]
fn only_what_is_read_is_wanted() {
    let mut layout = Layout::default();
    let parse = |text| Expression::parse(text, 0).expect("SQL");
    parse("a.b > 1 AND _key.k = 2 AND a.b < 5 AND _op = 'd'").compile(&mut layout).expect("SQL");
    let path = |names: &[&str]| {
        names.iter().map(|name| crate::record::Step::Field((*name).to_owned())).collect::<Vec<_>>()
    };
    let wanted = |path| Wanted { every_field: false, paths: vec![path] };
    assert_eq!(layout.value, wanted(path(&["a", "b"])));
    assert_eq!(layout.key, wanted(path(&["k"])));
    assert_eq!(layout.envelope, wanted(path(&["op"])));
    let mut layout = Layout::default();
    Selection::parse("x").expect("SQL").compile(&mut layout).expect("SQL");
    assert!(!layout.value.every_field);
    Selection::parse("*").expect("SQL").compile(&mut layout).expect("SQL");
    assert!(layout.value.every_field);
}

#[test]
fn expressions_know_what_they_are_made_of() {
    let parse = |text| Expression::parse(text, 0).expect("SQL");
    assert!(parse("_key.a || _header['x']").is_from_key());
    assert!(!parse("_key.a || b").is_from_key());
    assert!(!parse("'x'").is_from_key());
    assert!(parse("b + _key").uses_key());
    assert!(!parse("_header['x']").uses_key());
    assert!(parse("b || _source.table").uses_envelope());
    assert!(!parse("b || _key").uses_envelope());
    assert!(parse("1 + 2").is_constant());
}

#[test]
fn the_truth_of_a_filter_is_true_or_not() {
    let filter = |text: &str, record: &str| {
        let mut layout = Layout::default();
        let program = Expression::parse(text, 0).expect("SQL").compile(&mut layout).expect("SQL");
        with_record(layout, record, |context, _| {
            program.is_true(context).map_err(|e| e.to_string())
        })
    };
    let record = r#"{"temperature":21.75,"airport":"VIE","n":null}"#;
    for (text, truth) in [
        ("temperature > 20.5 AND airport = 'VIE'", true),
        ("temperature > 20.5 AND airport = 'ZRH'", false),
        ("temperature > 20.5 AND n = 1", false),
        ("n = 1", false),
        ("n IS NULL", true),
        ("TRUE", true),
        ("n", false),
        ("temperature > 20.5 OR n = 1", true),
    ] {
        assert_eq!(filter(text, record), Ok(truth), "{text}");
    }
    let problem = filter("temperature", record).unwrap_err();
    assert_eq!(problem, "true or false is wanted, not a number: temperature");
}

#[test]
fn errors_show_their_line_and_column() {
    let error = Expression::parse("a +\n  é * ?", 0).unwrap_err();
    assert_eq!(error.shown_in("a +\n  é * ?"), "  é * ?\n      ^ '?' means nothing here");
}

fn checked(expression: &Expression) -> Result<Type, ExpressionError> {
    let each = Type::Record(vec![("qty".to_owned(), Type::Int)]);
    let aliases = [("i".to_owned(), each), ("p".to_owned(), Type::Map(Box::new(Type::Text)))];
    check(expression, &Types { value: &schema(), key: &Type::Text, aliases: &aliases })
}

fn schema() -> Type {
    let field = |name: &str, known| (name.to_owned(), known);
    Type::Record(vec![
        field("id", Type::Int),
        field("temperature", Type::Double),
        field("name", Type::Text),
        field("price", Type::Decimal),
        field("at", Type::Timestamp),
        field("tags", Type::List(Box::new(Type::Text))),
        field("labels", Type::Map(Box::new(Type::Int))),
        field("place", Type::Record(vec![field("zone", Type::Int)])),
        field("ok", Type::Boolean),
        field("raw", Type::Bytes),
    ])
}

#[test]
fn types_follow_the_schema() {
    for (text, expected) in [
        ("id + 1", Type::Int),
        ("id + 1.5", Type::Decimal),
        ("price * temperature", Type::Double),
        ("id / 2", Type::Int),
        ("tags[0]", Type::Text),
        ("labels['x']", Type::Int),
        ("labels.x + 1", Type::Int),
        ("place.zone", Type::Int),
        ("name || id", Type::Text),
        ("ok AND id > 1", Type::Boolean),
        ("CASE WHEN ok THEN 1 ELSE NULL END", Type::Int),
        ("CASE WHEN ok THEN 1 ELSE 'x' END", Type::Unknown),
        ("CAST(id AS STRING)", Type::Text),
        ("ARRAY[id, 1]", Type::List(Box::new(Type::Int))),
        ("STRUCT(z := place.zone).z", Type::Int),
        ("at > '2026-11-21'", Type::Boolean),
        ("_key", Type::Text),
        ("_key.value", Type::Text),
        ("_before.x", Type::Unknown),
        ("i.qty + 1", Type::Int),
        ("coalesce(p.name, 'none')", Type::Text),
    ] {
        let parsed = Expression::parse(text, 0).expect("SQL");
        assert_eq!(checked(&parsed), Ok(expected), "{text}");
    }
}

#[test]
fn what_a_schema_does_not_have_is_an_error_at_its_column() {
    for (text, expected) in [
        (
            "1 + temprature",
            "the value has no field 'temprature'; did you mean 'temperature'? (column 5)",
        ),
        (
            "xyz",
            "the value has no field 'xyz'; it has id, temperature, name, price, at, tags, labels, place, … (column 1)",
        ),
        ("place.zne", "'place' has no field 'zne'; did you mean 'zone'? (column 1)"),
        ("id.x", "'id' is a number and has no field 'x' (column 1)"),
        ("name[0]", "'name' is a text and has no element 0 (column 1)"),
        ("id + name", "+ takes numbers, not a text (column 6)"),
        ("id = name", "= cannot compare a number with a text; use CAST (column 6)"),
        ("id IN (1, name)", "IN cannot compare a number with a text; use CAST (column 11)"),
        ("NOT id", "NOT takes true or false, not a number (column 5)"),
        ("tags = id", "= cannot compare an array with a number; use CAST (column 8)"),
        ("id LIKE 'x'", "LIKE takes texts, not a number (column 1)"),
        ("name || raw", "|| takes texts, not bytes (column 9)"),
        ("at = ok", "= cannot compare a timestamp with a boolean; use CAST (column 6)"),
        ("i.qt", "'i' has no field 'qt'; did you mean 'qty'? (column 1)"),
        ("p.price + 1", "+ takes numbers, not a text (column 1)"),
        (
            "_value.p.x",
            "the value has no field 'p'; it has id, temperature, name, price, at, tags, labels, place, … (column 1)",
        ),
        ("_key.x", "the key is a text and has no field 'x' (column 1)"),
    ] {
        let parsed = Expression::parse(text, 0).expect("SQL");
        let error = checked(&parsed).unwrap_err();
        assert_eq!(error.to_string(), expected, "{text}");
    }
}

#[test]
fn what_a_schema_does_not_have_cannot_be_left_out() {
    let place = Type::Record(vec![("zone".to_owned(), Type::Text)]);
    let value = Type::Record(vec![("id".to_owned(), Type::Int), ("place".to_owned(), place)]);
    let checked = |text: &str, value: &Type| {
        let selection = Selection::parse(text).expect("SQL");
        let checked = selection.check_except(&Types { value, ..Types::UNKNOWN });
        checked.map_err(|error| error.to_string())
    };
    assert_eq!(checked("* EXCEPT (id), place.* EXCEPT (zone)", &value), Ok(()));
    for (text, expected) in [
        (
            "* EXCEPT (id, plaec)",
            "the value has no field 'plaec'; did you mean 'place'? (column 15)",
        ),
        ("* EXCEPT ('x')", "the value has no field 'x'; it has id, place (column 11)"),
        (
            "id, place.* EXCEPT (zoen)",
            "'place' has no field 'zoen'; did you mean 'zone'? (column 21)",
        ),
    ] {
        assert_eq!(checked(text, &value), Err(expected.to_owned()), "{text}");
        assert_eq!(checked(text, &Type::Unknown), Ok(()), "{text}");
    }
}
