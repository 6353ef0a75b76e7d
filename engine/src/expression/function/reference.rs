//! The page docs/functions.md: everything the table knows.

use super::{Function, Group, Nulls, all};
use crate::expression::aggregate::{AGGREGATES, AggregateRow};
use std::fmt::Write as _;

const GROUPS: &[(Group, &str)] = &[
    (Group::Text, "Text"),
    (Group::Number, "Numbers"),
    (Group::Null, "Nulls"),
    (Group::Time, "Dates and times"),
    (Group::Json, "JSON"),
    (Group::Collection, "Arrays and maps"),
    (Group::Bytes, "Bytes"),
    (Group::Url, "URLs"),
    (Group::Hash, "Hashes"),
];

const INTRODUCTION: &str = "\
# Functions

<!-- Written from the table in the engine. A test fails when it differs;
     `UPDATE_REFERENCE=1 cargo test -p redis-kafka-engine reference` writes it anew. -->

Functions of [expressions](expressions.md), in any case. They have ksqlDB's names where it has one, and
its meaning, with these exceptions:

- Subscripts (`a[0]`) count from 0. Functions that give or take positions in a text
  (`substring`, `instr`, `split_part`) and `slice`, `elt`, `field` count from 1, as SQL's.
- Characters are Unicode code points, not UTF-16 units.
- Dates, times and timestamps are types of their own. `stringtotimestamp` gives
  milliseconds and `stringtodate` days, as they do there.
- What ksqlDB logs and makes null is an error of the record here: a text that does not
  follow its time pattern, text where a number is needed, division by zero, bytes that
  are not of their encoding (`encode`, `from_bytes`).
- `round` and `trunc` of a decimal have the digits asked for, where ksqlDB fills up with
  zeros to the scale of the argument. `log` of one number is to base 10, not e.
- `initcap` keeps white space at the beginning; `extractjsonfield` of a JSON null is null,
  not a text.
- A map's key is a text, and a map keeps the order of its entries.
- Numbers are exact: JSON's without an exponent are decimals when computed on.
- Everything is deterministic: there is no `now`, `random`, `uuid` or `unix_timestamp()`
  without an argument.
- Lambdas (`transform`, `filter`, `reduce`) and table functions (`explode`) are not there.
- Regular expressions are those of the `regex` crate: linear time, no look-around, no
  back-references. In a replacement `$1` is a group.
- Time patterns are Java's DateTimeFormatter in English: G u y D M L d Q q E e c a H k K h
  m s S A n N VV z O X x Z, text in quotes, `[` optional `]`. Weeks (Y w W) and padding (p)
  are not supported. A missing part is that of 1970-01-01T00:00; a 31st of a shorter month
  is its last day, as in Java.
- Zones are names of the time zone database, which is built in (`Europe/Vienna`, `UTC`,
  `PST`), or offsets (`+02:00`, `GMT+2`).

A null argument makes the result null, unless the function says what it does with nulls
(marked *sees nulls*). Where text is needed, numbers, booleans and times stand for their
text forms. Where a time is needed, it may be a date, a time of day, a timestamp,
milliseconds since 1970, ISO 8601 text (UTC without a zone), or Java's array
`[2020,7,1,0,25]`; a local timestamp is taken as UTC. Units of time are bare words or
texts, singular or plural: `HOURS`, `'hour'`.

No function makes a text of more than 1 MiB, an array of more than 100,000 elements or a
map of more than 4,096 entries: such a record is an error.
";

const AGGREGATION: &str = "
## Aggregates

An aggregate keeps a field of a hash up to date with every record that a route takes: ksqlDB's
`CREATE TABLE ... GROUP BY`, where the key says what is grouped.

    KAFKA.ROUTE zone-hour FROM rides TO HASH \"zone:%{zone}:%{window(at, '1h')}\"
        SELECT \"count() AS trips, sum(amount) AS revenue, max(tip) AS best\" TTL 30d

It stands alone as an item of SELECT, has a name, and is of a HASH without OVERWRITE and NEWER.
Compute with it when you read. Other items beside aggregates are set as MERGE does.

- Nulls change nothing: of nulls alone `count(x)` is 0, and the others are absent.
- Records are folded one after the other, on the primary, from what stands in the hash; so what
  a client writes there counts too. A field that is not of the aggregate's kind is an error of
  the record, which names the field, and nothing of the record is written.
- Numbers are exact as everywhere, up to 38 digits; a sum beyond them is an error of the record. A
  number that is not finite is one, too.
- WHERE holds records back. A tombstone, and a change event's delete, deletes the hash only where
  the route says TOMBSTONE DELETE, any other record where its DELETE WHEN is true. The next record
  begins anew.
- Of a record's field and an aggregate of one name the aggregate stands.
- What the records of one unit fold into a hash is written at once: a keyspace event tells that the
  row has changed, not of each record.
";

fn describe_aggregate(row: &AggregateRow, page: &mut String) {
    // Writing into a String cannot fail.
    let _ = write!(page, "\n### {}\n\n    {}\n\n{}", row.name, row.signature, row.summary);
    if let Some(alias) = row.alias {
        let _ = write!(page, " Also `{alias}`.");
    }
    if !row.beside.is_empty() {
        let kept: Vec<String> = row.beside.iter().map(|name| format!("`{name}`")).collect();
        let _ = write!(page, " Keeps {} beside it.", kept.join(" and "));
    }
    page.push('\n');
}

/// The page as Markdown. A test holds docs/functions.md to it.
pub fn reference() -> String {
    let mut page = INTRODUCTION.to_owned();
    for (group, title) in GROUPS {
        // Writing into a String cannot fail.
        let _ = write!(page, "\n## {title}\n");
        all().filter(|row| row.group == *group).for_each(|row| describe(row, &mut page));
    }
    page += AGGREGATION;
    AGGREGATES.iter().for_each(|row| describe_aggregate(row, &mut page));
    page
}

fn describe(row: &Function, page: &mut String) {
    let _ = write!(page, "\n### {}\n\n    {}\n\n{}", row.name, row.signature(), row.summary);
    if !row.aliases.is_empty() {
        let aliases: Vec<String> = row.aliases.iter().map(|alias| format!("`{alias}`")).collect();
        let _ = write!(page, " Also {}.", aliases.join(", "));
    }
    if row.nulls == Nulls::Seen {
        *page += " *(sees nulls)*";
    }
    *page += "\n\n";
    for (expression, result) in row.examples {
        let shown = if result.is_empty() { "(empty)" } else { result };
        let _ = writeln!(page, "- `{expression}` → `{shown}`");
    }
}
