//! Regular expressions: those of the `regex` crate, which take time linear in the
//! text, so without look-around and back-references.

use super::prepared::{Matcher, Prepared};
use super::{Builder, Call, Fault, Function, Group, Prepare, Returns, int, text};
use crate::record::Value;

const PREPARE_FIRST: Prepare = |arguments| prepare(arguments.first());
const PREPARE_SECOND: Prepare = |arguments| prepare(arguments.get(1));

pub(super) const TABLE: &[Function] = &[
    Function::new(
        Group::Text,
        "regexp_extract",
        &[text("pattern"), text("text"), int("group")],
        Returns::Text,
        extract,
        "What the pattern matches first, or that group of it; null when it does not match or has \
         no such group. Patterns have neither look-around nor back-references.",
        &[
            ("regexp_extract('[0-9]+', 'bus 42, line 7')", "42"),
            ("regexp_extract('(.*) (.*)', 'hello there', 2)", "there"),
            ("regexp_extract('x', 'abc')", "null"),
        ],
    )
    .required(2)
    .prepared(PREPARE_FIRST),
    Function::new(
        Group::Text,
        "regexp_extract_all",
        &[text("pattern"), text("text"), int("group")],
        Returns::Texts,
        extract_all,
        "All that the pattern matches, or that group of each match, as an array; null when it has \
         no such group.",
        &[
            ("regexp_extract_all('[0-9]+', 'bus 42, line 7')", r#"["42","7"]"#),
            (
                "regexp_extract_all('(\\w+) (\\w+)', 'hello there nice day', 2)",
                r#"["there","day"]"#,
            ),
        ],
    )
    .required(2)
    .prepared(PREPARE_FIRST),
    Function::new(
        Group::Text,
        "regexp_replace",
        &[text("text"), text("pattern"), text("new")],
        Returns::Text,
        replace,
        "The text with every match replaced; `$1` in the new text is the first group, `\\$` a `$`.",
        &[
            ("regexp_replace('a-b_c', '[-_]', ':')", "a:b:c"),
            ("regexp_replace('2026-11-21', '(\\d+)-(\\d+)-(\\d+)', '$3.$2.$1')", "21.11.2026"),
        ],
    )
    .prepared(PREPARE_SECOND),
    Function::new(
        Group::Text,
        "regexp_split_to_array",
        &[text("text"), text("pattern")],
        Returns::Texts,
        split,
        "The parts between matches, as an array; each character when the pattern matches nothing.",
        &[
            ("regexp_split_to_array('a1b22c', '[0-9]+')", r#"["a","b","c"]"#),
            ("regexp_split_to_array('abc', '')", r#"["a","b","c"]"#),
        ],
    )
    .prepared(PREPARE_SECOND),
    Function::new(
        Group::Text,
        "regexp_like",
        &[text("text"), text("pattern")],
        Returns::Boolean,
        |call| Ok(Value::Boolean(call.matcher(1)?.regex.is_match(call.text(0)?))),
        "Whether the pattern matches somewhere in the text.",
        &[("regexp_like('VIE-7', '^[A-Z]{3}-')", "true"), ("regexp_like('7', '[a-z]')", "false")],
    )
    .prepared(PREPARE_SECOND),
];

fn prepare(pattern: Option<&Option<Value<'_>>>) -> Result<Prepared, String> {
    let matcher = match pattern {
        Some(Some(Value::Text(pattern))) => Some(Matcher::new(pattern)?),
        _ => None,
    };
    Ok(Prepared { matcher, ..Prepared::default() })
}

/// The group that was asked for, 0 being the whole match; none when the pattern has
/// none of that number.
fn group(call: &Call<'_, '_>, matcher: &Matcher) -> Result<Option<usize>, Fault> {
    if call.arguments.len() <= 2 {
        return Ok(Some(0));
    }
    let groups = matcher.regex.captures_len();
    Ok(usize::try_from(call.int(2)?).ok().filter(|&group| group < groups))
}

fn extract<'a>(call: &Call<'_, 'a>) -> Result<Value<'a>, Fault> {
    let (matcher, text) = (call.matcher(0)?, call.text(1)?);
    let Some(group) = group(call, &matcher)? else {
        return Ok(Value::Null);
    };
    let found = if group == 0 {
        matcher.regex.find(text).map(|found| found.as_str())
    } else {
        let mut groups = matcher.groups.lock();
        let matched = matcher.regex.captures_read(&mut groups, text);
        matched.and_then(|_| groups.get(group)).and_then(|(start, end)| text.get(start..end))
    };
    Ok(found.map_or(Value::Null, Value::Text))
}

fn extract_all<'a>(call: &Call<'_, 'a>) -> Result<Value<'a>, Fault> {
    let (matcher, text) = (call.matcher(0)?, call.text(1)?);
    let Some(group) = group(call, &matcher)? else {
        return Ok(Value::Null);
    };
    let mut all = call.gather();
    if group == 0 {
        let mut found = matcher.regex.find_iter(text);
        found.try_for_each(|found| all.push(Value::Text(found.as_str())))?;
        return all.list();
    }
    each_match(&matcher, text, |groups, _| {
        let found = groups.get(group).and_then(|(start, end)| text.get(start..end));
        all.push(found.map_or(Value::Null, Value::Text))
    })?;
    all.list()
}

/// Shows the groups of each match and where the match before it ended.
fn each_match(
    matcher: &Matcher,
    text: &str,
    mut visit: impl FnMut(&regex::CaptureLocations, usize) -> Result<(), Fault>,
) -> Result<(), Fault> {
    let mut groups = matcher.groups.lock();
    let (mut from, mut ended) = (0, 0);
    while from <= text.len() {
        let Some(found) = matcher.regex.captures_read_at(&mut groups, text, from) else {
            break;
        };
        let empty_at_last_end = found.is_empty() && found.end() == ended && from > 0;
        if !empty_at_last_end {
            visit(&groups, ended)?;
        }
        ended = found.end();
        let next = text.get(ended..).and_then(|rest| rest.chars().next());
        from = if found.is_empty() { ended + next.map_or(1, char::len_utf8) } else { ended };
    }
    Ok(())
}

fn replace<'a>(call: &Call<'_, 'a>) -> Result<Value<'a>, Fault> {
    let (text, matcher, new) = (call.text(0)?, call.matcher(1)?, call.text(2)?);
    let mut out = call.builder();
    let mut kept = 0;
    let plain = !new.contains(['$', '\\']);
    if plain {
        for found in matcher.regex.find_iter(text) {
            out.push(text.get(kept..found.start()).unwrap_or_default())?;
            out.push(new)?;
            kept = found.end();
        }
    } else {
        each_match(&matcher, text, |groups, _| {
            let (start, end) = groups.get(0).unwrap_or_default();
            out.push(text.get(kept..start).unwrap_or_default())?;
            expand(new, &matcher, groups, text, &mut out)?;
            kept = end;
            Ok(())
        })?;
    }
    out.push(text.get(kept..).unwrap_or_default())?;
    out.done()
}

/// Appends the new text as Java's `Matcher.appendReplacement` does: `$1`, `${name}`, `\x`.
fn expand(
    new: &str,
    matcher: &Matcher,
    groups: &regex::CaptureLocations,
    text: &str,
    out: &mut Builder<'_>,
) -> Result<(), Fault> {
    let mut rest = new;
    while let Some(at) = rest.find(['$', '\\']) {
        let (before, special) = rest.split_at(at);
        out.push(before)?;
        let behind = special.get(1..).unwrap_or_default();
        if special.starts_with('\\') {
            let literal = behind.chars().next().ok_or(Fault::from("a lone \\ in the new text"))?;
            out.push_char(literal)?;
            rest = behind.get(literal.len_utf8()..).unwrap_or_default();
            continue;
        }
        let (group, behind) = reference(behind, matcher, groups.len())?;
        let span = groups.get(group).and_then(|(start, end)| text.get(start..end));
        out.push(span.unwrap_or_default())?;
        rest = behind;
    }
    out.push(rest)
}

/// The group that stands behind a `$`, and what follows. Of digits as many as name a group.
fn reference<'t>(
    text: &'t str,
    matcher: &Matcher,
    groups: usize,
) -> Result<(usize, &'t str), Fault> {
    if let Some(inner) = text.strip_prefix('{') {
        let (name, behind) = inner.split_once('}').ok_or(Fault::from("${ without }"))?;
        let mut names = matcher.regex.capture_names();
        let group = names.position(|known| known == Some(name));
        return group.map(|group| (group, behind)).ok_or_else(|| {
            format!("the pattern has no group '{}'", super::call::short(name)).into()
        });
    }
    let mut group: Option<usize> = None;
    let mut length = 0;
    for digit in text.chars().map_while(|digit| digit.to_digit(10)) {
        let longer = group.unwrap_or(0).saturating_mul(10).saturating_add(digit as usize);
        if group.is_some() && longer >= groups {
            break;
        }
        group = Some(longer);
        length += 1;
    }
    match group {
        Some(group) if group < groups => Ok((group, text.get(length..).unwrap_or_default())),
        Some(group) => Err(format!("no group {group}; the pattern has {}", groups - 1).into()),
        None => Err(Fault::from("$ without a group's number; \\$ is a plain $")),
    }
}

fn split<'a>(call: &Call<'_, 'a>) -> Result<Value<'a>, Fault> {
    let (text, matcher) = (call.text(0)?, call.matcher(1)?);
    let mut parts = call.gather();
    let mut kept = 0;
    // As Java splits: a match of nothing splits between characters, not at the ends.
    let nothing = matcher.regex.is_match("");
    for found in matcher.regex.find_iter(text) {
        let outside = found.end() == 0 || found.start() == text.len();
        if nothing && outside {
            continue;
        }
        parts.push(Value::Text(text.get(kept..found.start()).unwrap_or_default()))?;
        kept = found.end();
    }
    parts.push(Value::Text(text.get(kept..).unwrap_or_default()))?;
    parts.list()
}
