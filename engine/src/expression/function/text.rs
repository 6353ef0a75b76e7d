//! Texts as a whole: case, white space, replacing, joining.

use super::call::too_long;
use super::{Call, Fault, Function, Group, Returns, TEXT_MAX, any, int, text, text_or_bytes};
use crate::expression::convert::kind;
use crate::record::Value;

pub(super) const TABLE: &[Function] = &[
    Function::new(
        Group::Text,
        "ucase",
        &[text("text")],
        Returns::Text,
        |call| upper(call, call.text(0)?),
        "The text in upper case.",
        &[("upper('Grüezi')", "GRÜEZI"), ("ucase('straße 7')", "STRASSE 7")],
    )
    .aliases(&["upper"]),
    Function::new(
        Group::Text,
        "lcase",
        &[text("text")],
        Returns::Text,
        |call| lower(call, call.text(0)?),
        "The text in lower case.",
        &[("lower('VIE')", "vie"), ("lcase('ÀÉ 7')", "àé 7")],
    )
    .aliases(&["lower"]),
    Function::new(
        Group::Text,
        "initcap",
        &[text("text")],
        Returns::Text,
        initcap,
        "Each word with a capital first letter and small others; words stand between white space.",
        &[("initcap('the SQL  guide')", "The Sql  Guide"), ("initcap('élan vital')", "Élan Vital")],
    ),
    Function::new(
        Group::Text,
        "trim",
        &[text("text")],
        Returns::Text,
        |call| Ok(Value::Text(call.text(0)?.trim_matches(blank))),
        "The text without the spaces and control characters at its ends.",
        &[("trim('  a b ')", "a b"), ("trim('')", "")],
    ),
    Function::new(
        Group::Text,
        "ltrim",
        &[text("text")],
        Returns::Text,
        |call| Ok(Value::Text(call.text(0)?.trim_start_matches(blank))),
        "The text without the spaces at its beginning.",
        &[("ltrim('  a ') || '.'", "a ."), ("ltrim('a')", "a")],
    ),
    Function::new(
        Group::Text,
        "rtrim",
        &[text("text")],
        Returns::Text,
        |call| Ok(Value::Text(call.text(0)?.trim_end_matches(blank))),
        "The text without the spaces at its end.",
        &[("rtrim(' a  ') || '.'", " a."), ("rtrim('a')", "a")],
    ),
    Function::new(
        Group::Text,
        "replace",
        &[text("text"), text("old"), text("new")],
        Returns::Text,
        replace,
        "The text with every `old` replaced; an empty `old` stands around each character.",
        &[
            ("replace('foo bar foo', 'foo', 'x')", "x bar x"),
            ("replace('abc', '', 'x')", "xaxbxcx"),
        ],
    ),
    Function::new(
        Group::Text,
        "translate",
        &[text("text"), text("from"), text("to")],
        Returns::Text,
        translate,
        "Each character that stands in `from` becomes the one at its place in `to`, or nothing.",
        &[("translate('12345', '143', 'ax')", "a2x5"), ("translate('a-b', '-', '_')", "a_b")],
    ),
    Function::new(
        Group::Text,
        "reverse",
        &[text("text")],
        Returns::Text,
        reverse,
        "The characters in reverse order.",
        &[("reverse('abc')", "cba"), ("reverse('Zürich')", "hcirüZ")],
    ),
    Function::new(
        Group::Text,
        "repeat",
        &[text("text"), int("times")],
        Returns::Text,
        repeat,
        "The text that many times; empty for none or less.",
        &[("repeat('ab', 3)", "ababab"), ("repeat('ab', -1)", "")],
    ),
    Function::new(
        Group::Text,
        "concat",
        &[text_or_bytes("part")],
        Returns::SameAs(0),
        concat,
        "All parts, which are texts or all bytes, in one; null counts as empty.",
        &[("concat('a', NULL, 'b', 7)", "ab7"), ("concat(NULL)", "")],
    )
    .variadic()
    .sees_nulls(),
    Function::new(
        Group::Text,
        "concat_ws",
        &[text_or_bytes("separator"), any("part")],
        Returns::Unknown,
        concat_ws,
        "All parts, which are texts or all bytes, with the separator between them; nulls are left \
         out. An array is its elements. Null for a null separator.",
        &[
            ("concat_ws(', ', 'apple', NULL, 'date')", "apple, date"),
            ("concat_ws(NULL, 'a', 'b')", "null"),
            ("concat_ws('-', ARRAY['a', 'b'], 7)", "a-b-7"),
        ],
    )
    .variadic()
    .sees_nulls(),
    Function::new(
        Group::Text,
        "len",
        &[text_or_bytes("text")],
        Returns::Int,
        len,
        "How many characters a text has, or bytes.",
        &[("len('Zürich')", "6"), ("length('')", "0")],
    )
    .aliases(&["length", "char_length", "character_length"]),
    Function::new(
        Group::Text,
        "chr",
        &[any("code")],
        Returns::Text,
        chr,
        "The character of a Unicode number, or of `'\\uXXXX'` (two for one beyond \
         U+FFFF); null when there is none.",
        &[("chr(75)", "K"), ("chr('\\u597d')", "好"), ("chr(-1)", "null")],
    ),
    Function::new(
        Group::Text,
        "ascii",
        &[text("text")],
        Returns::Int,
        |call| {
            Ok(Value::Int(
                call.text(0)?.chars().next().map_or(0, |first| i64::from(u32::from(first))),
            ))
        },
        "The Unicode number of the first character; 0 for an empty text.",
        &[("ascii('K')", "75"), ("ascii('')", "0")],
    ),
    Function::new(
        Group::Text,
        "elt",
        &[int("n"), any("value")],
        Returns::SameAs(1),
        elt,
        "The n-th value, counted from 1; null when there is none.",
        &[("elt(2, 'a', 'b')", "b"), ("elt(0, 'a')", "null")],
    )
    .variadic()
    .sees_nulls(),
    Function::new(
        Group::Text,
        "field",
        &[text("text"), text("value")],
        Returns::Int,
        field,
        "The place of the text among the values, counted from 1; 0 when it is not there or null.",
        &[("field('b', 'a', 'b')", "2"), ("field(NULL, 'a', NULL)", "0")],
    )
    .variadic()
    .sees_nulls(),
];

/// What Java's trim takes off.
fn blank(character: char) -> bool {
    character <= ' '
}

fn upper<'a>(call: &Call<'_, 'a>, text: &str) -> Result<Value<'a>, Fault> {
    let mut out = call.builder();
    for character in text.chars() {
        match character {
            'a'..='z' => out.push_char(character.to_ascii_uppercase())?,
            '\0'..='\x7f' => out.push_char(character)?,
            _ => character.to_uppercase().try_for_each(|upper| out.push_char(upper))?,
        }
    }
    out.done()
}

fn lower<'a>(call: &Call<'_, 'a>, text: &str) -> Result<Value<'a>, Fault> {
    let mut out = call.builder();
    for character in text.chars() {
        match character {
            '\0'..='\x7f' => out.push_char(character.to_ascii_lowercase())?,
            _ => character.to_lowercase().try_for_each(|lower| out.push_char(lower))?,
        }
    }
    out.done()
}

fn initcap<'a>(call: &Call<'_, 'a>) -> Result<Value<'a>, Fault> {
    let mut out = call.builder();
    let mut begins = true;
    for character in call.text(0)?.chars() {
        match begins {
            true => character.to_uppercase().try_for_each(|upper| out.push_char(upper))?,
            false => character.to_lowercase().try_for_each(|lower| out.push_char(lower))?,
        }
        begins = character.is_whitespace();
    }
    out.done()
}

fn replace<'a>(call: &Call<'_, 'a>) -> Result<Value<'a>, Fault> {
    let (text, old, new) = (call.text(0)?, call.text(1)?, call.text(2)?);
    if !text.contains(old) {
        return Ok(Value::Text(text));
    }
    let mut out = call.builder();
    let mut kept = 0;
    for (at, _) in text.match_indices(old) {
        out.push(text.get(kept..at).unwrap_or_default())?;
        out.push(new)?;
        kept = at + old.len();
    }
    out.push(text.get(kept..).unwrap_or_default())?;
    out.done()
}

fn translate<'a>(call: &Call<'_, 'a>) -> Result<Value<'a>, Fault> {
    let (text, from, to) = (call.text(0)?, call.text(1)?, call.text(2)?);
    let mut out = call.builder();
    for character in text.chars() {
        match from.chars().position(|other| other == character) {
            None => out.push_char(character)?,
            Some(place) => to.chars().nth(place).map_or(Ok(()), |new| out.push_char(new))?,
        }
    }
    out.done()
}

fn reverse<'a>(call: &Call<'_, 'a>) -> Result<Value<'a>, Fault> {
    let mut out = call.builder();
    call.text(0)?.chars().rev().try_for_each(|character| out.push_char(character))?;
    out.done()
}

fn repeat<'a>(call: &Call<'_, 'a>) -> Result<Value<'a>, Fault> {
    let (text, times) = (call.text(0)?, usize::try_from(call.int(1)?).unwrap_or(0));
    if text.len().saturating_mul(times) > TEXT_MAX {
        return Err(too_long());
    }
    let mut out = call.builder();
    // An empty text may be repeated any number of times.
    let times = if text.is_empty() { 0 } else { times };
    (0..times).try_for_each(|_| out.push(text))?;
    out.done()
}

fn concat<'a>(call: &Call<'_, 'a>) -> Result<Value<'a>, Fault> {
    let bytes = |value: &Value<'_>| matches!(value, Value::Bytes(_));
    if call.arguments.iter().any(bytes) {
        let mut out = call.gather();
        for index in 0..call.arguments.len() {
            match call.get(index) {
                Value::Null => {}
                Value::Bytes(part) => out.extend(part)?,
                other => {
                    let given = kind(other);
                    return Err(
                        format!("argument {} is {given}, others are bytes", index + 1).into()
                    );
                }
            }
        }
        return Ok(Value::Bytes(out.slice()));
    }
    let mut out = call.builder();
    for index in (0..call.arguments.len()).filter(|&index| call.given(index)) {
        out.push(call.text(index)?)?;
    }
    out.done()
}

fn concat_ws<'a>(call: &Call<'_, 'a>) -> Result<Value<'a>, Fault> {
    if !call.given(0) {
        return Ok(Value::Null);
    }
    if let Value::Bytes(separator) = call.get(0) {
        return concat_bytes(call, separator);
    }
    let separator = call.text(0)?;
    let mut out = call.builder();
    let mut first = true;
    let mut add = |part: &str| {
        let between = if std::mem::take(&mut first) { "" } else { separator };
        out.push(between).and_then(|()| out.push(part))
    };
    for index in (1..call.arguments.len()).filter(|&index| call.given(index)) {
        if crate::expression::convert::is_list(call.get(index)) {
            call.elements(index, &mut |element| match element {
                Value::Null => Ok(()),
                _ => add(Call { arguments: &[element], ..*call }.text(0)?),
            })?;
        } else {
            add(call.text(index)?)?;
        }
    }
    out.done()
}

fn concat_bytes<'a>(call: &Call<'_, 'a>, separator: &[u8]) -> Result<Value<'a>, Fault> {
    let mut out = call.gather();
    let mut between: &[u8] = b"";
    for index in (1..call.arguments.len()).filter(|&index| call.given(index)) {
        out.extend(between)?;
        out.extend(call.bytes(index)?)?;
        between = separator;
    }
    Ok(Value::Bytes(out.slice()))
}

fn len<'a>(call: &Call<'_, 'a>) -> Result<Value<'a>, Fault> {
    let length = match call.get(0) {
        Value::Bytes(bytes) => bytes.len(),
        _ => call.text(0)?.chars().count(),
    };
    Ok(Value::Int(length as i64))
}

fn chr<'a>(call: &Call<'_, 'a>) -> Result<Value<'a>, Fault> {
    let code = match call.get(0) {
        Value::Text(_) | Value::Escaped(_) => escaped(call.text(0)?),
        _ => u32::try_from(call.int(0)?).ok().and_then(char::from_u32),
    };
    match code {
        Some(character) => Ok(Value::Text(call.arena.text(character.encode_utf8(&mut [0; 4])))),
        None => Ok(Value::Null),
    }
}

/// The character of `\uXXXX`, or of two of them that are its UTF-16.
fn escaped(text: &str) -> Option<char> {
    let mut units = [0; 2];
    let mut count = 0;
    for digits in text.strip_prefix("\\u")?.split("\\u") {
        let four = digits.len() == 4 && digits.bytes().all(|digit| digit.is_ascii_hexdigit());
        *units.get_mut(count)? = u16::from_str_radix(digits, 16).ok().filter(|_| four)?;
        count += 1;
    }
    let mut characters = char::decode_utf16(units.into_iter().take(count));
    let one = characters.next()?.ok()?;
    characters.next().is_none().then_some(one)
}

fn elt<'a>(call: &Call<'_, 'a>) -> Result<Value<'a>, Fault> {
    if !call.given(0) {
        return Ok(Value::Null);
    }
    let n = usize::try_from(call.int(0)?).unwrap_or(0);
    Ok(if n == 0 { Value::Null } else { call.get(n) })
}

fn field<'a>(call: &Call<'_, 'a>) -> Result<Value<'a>, Fault> {
    if !call.given(0) {
        return Ok(Value::Int(0));
    }
    let wanted = call.text(0)?;
    for index in (1..call.arguments.len()).filter(|&index| call.given(index)) {
        if call.text(index)? == wanted {
            return Ok(Value::Int(index as i64));
        }
    }
    Ok(Value::Int(0))
}
