//! Aggregates: where they may stand, and what they take.

use super::*;
use crate::expression::{AGGREGATES, Types, check};

#[test]
fn aggregates_have_one_canonical_form() {
    for (text, canonical) in [
        ("count() AS n", "count() AS 'n'"),
        ("COUNT(*) as n, a", "count() AS 'n', a"),
        ("Count(a.b) AS `odd name`", "count(a.b) AS 'odd name'"),
        ("sum(cast(x AS DECIMAL(10,2))) AS s", "sum(CAST(x AS DECIMAL(10, 2))) AS 's'"),
        ("latest_by_offset(a) AS l", "last(a) AS 'l'"),
        ("earliest_by_offset(a, at) AS e", "first(a, at) AS 'e'"),
        ("count, min, first AS last", "count, min, first AS 'last'"),
        ("min(x) AS a, max(x) AS b, avg(x) AS c", "min(x) AS 'a', max(x) AS 'b', avg(x) AS 'c'"),
    ] {
        let parsed = Selection::parse(text).expect(text);
        assert_eq!(parsed.to_string(), canonical);
        assert_eq!(Selection::parse(canonical), Ok(parsed));
    }
}

#[test]
fn aggregates_stand_alone_and_have_names() {
    let nested = "is an aggregate, which stands alone as an item of SELECT in a HASH target; \
                  compute with it when you read";
    for (text, problem) in [
        ("count()", "give it a name with AS (column 1)".to_owned()),
        ("a, sum(x), b", "give it a name with AS (column 4)".to_owned()),
        ("sum(x) + 1 AS y", format!("sum {nested} (column 1)")),
        ("1 + sum(x) AS y", format!("sum {nested} (column 5)")),
        ("round(avg(x), 2) AS y", format!("avg {nested} (column 7)")),
        ("sum(max(x)) AS y", format!("max {nested} (column 5)")),
        ("last(x).a AS y", format!("last {nested} (column 1)")),
        ("sum() AS s", "0 arguments given: it is called as sum(number) (column 1)".to_owned()),
        (
            "count(a, b) AS s",
            "2 arguments given: it is called as count([value]) (column 1)".to_owned(),
        ),
        ("count() AS n, a AS n", "a second item is named 'n' (column 1)".to_owned()),
        ("a AS n, b, sum(x) AS n", "a second item is named 'n' (column 12)".to_owned()),
        (
            "sum('x') AS s",
            "sum takes numbers, not a text; use CAST(… AS DECIMAL(18, 2)) (column 5)".to_owned(),
        ),
        (
            "max(ARRAY[x]) AS s",
            "max takes numbers, times and texts, not an array (column 5)".to_owned(),
        ),
        ("first(x, TRUE) AS s", "the time of first is a boolean; use CAST (column 10)".to_owned()),
        ("coutn(x) AS s", "unknown function 'coutn'; did you mean COUNT? (column 1)".to_owned()),
    ] {
        let error = Selection::parse(text).map(|parsed| parsed.to_string()).unwrap_err();
        assert_eq!(error.to_string(), problem, "{text}");
    }
    let error = Expression::parse("count() > 1", 0).unwrap_err();
    assert_eq!(error.to_string(), format!("count {nested} (column 1)"));
}

#[test]
fn a_schema_tells_what_can_be_summed() {
    let field = |name: &str, known| (name.to_owned(), known);
    let value = Type::Record(vec![field("name", Type::Text), field("price", Type::Decimal)]);
    let checked = |text: &str| {
        let selection = Selection::parse(text).expect(text);
        let mut all = selection.aggregates();
        all.try_for_each(|aggregate| {
            let types = Types { value: &value, ..Types::UNKNOWN };
            aggregate.check(&mut |argument| check(argument, &types))
        })
        .map_err(|error| error.to_string())
    };
    assert_eq!(checked("sum(price) AS s, max(name) AS m, count(name) AS n"), Ok(()));
    let problem = "sum takes numbers, not a text; use CAST(… AS DECIMAL(18, 2)) (column 5)";
    assert_eq!(checked("sum(name) AS s"), Err(problem.to_owned()));
    let problem = "the value has no field 'prise'; did you mean 'price'? (column 5)";
    assert_eq!(checked("max(prise) AS s"), Err(problem.to_owned()));
}

/// A function of the same name would be out of reach in SELECT.
#[test]
fn no_function_has_an_aggregates_name() {
    for row in AGGREGATES {
        for name in std::iter::once(row.name).chain(row.alias) {
            assert!(crate::expression::function::find(name).is_none(), "{name}");
        }
    }
}
