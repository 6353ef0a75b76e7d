//! URLs: their parts after RFC 3986, parameters as `application/x-www-form-urlencoded`.
//!
//! The text is split as it is written, without the WHATWG normalization of
//! browsers: a port is there when it is written, a host keeps its case.

use super::{Call, Fault, Function, Group, Returns, text};
use crate::record::Value;
use percent_encoding::{AsciiSet, NON_ALPHANUMERIC, percent_decode_str, utf8_percent_encode};

/// A row of a function of one URL.
macro_rules! part {
    ($name:literal, $returns:ident, $part:expr, $summary:literal, $examples:expr) => {
        Function::new(
            Group::Url,
            $name,
            &[text("url")],
            Returns::$returns,
            |call| match Parts::of(call.text(0)?) {
                Some(parts) => $part(call, parts),
                None => Ok(Value::Null),
            },
            $summary,
            $examples,
        )
    };
}

pub(super) const TABLE: &[Function] = &[
    Function::new(
        Group::Url,
        "url_encode_param",
        &[text("text")],
        Returns::Text,
        encode,
        "The text as a parameter's value of a URL: a space becomes `+`, others `%XX`.",
        &[("url_encode_param('a b&c')", "a+b%26c"), ("url_encode_param('Zürich')", "Z%C3%BCrich")],
    ),
    Function::new(
        Group::Url,
        "url_decode_param",
        &[text("text")],
        Returns::Text,
        |call| decoded(call, call.text(0)?, Plus::Space),
        "The text that a parameter's value of a URL stands for.",
        &[("url_decode_param('url%20encoded')", "url encoded"), ("url_decode_param('a+b')", "a b")],
    ),
    part!(
        "url_extract_protocol",
        Text,
        protocol,
        "The URL's scheme.",
        &[
            ("url_extract_protocol('http://test.com?a=foo')", "http"),
            ("url_extract_protocol('/path')", "null"),
        ]
    ),
    part!(
        "url_extract_host",
        Text,
        host,
        "The URL's host.",
        &[
            ("url_extract_host('http://me@test.com:8080/path')", "test.com"),
            ("url_extract_host('not a url')", "null"),
        ]
    ),
    part!(
        "url_extract_port",
        Int,
        port,
        "The URL's port where it is written.",
        &[
            ("url_extract_port('http://localhost:8080/path')", "8080"),
            ("url_extract_port('http://test.com')", "null"),
        ]
    ),
    part!(
        "url_extract_path",
        Text,
        path,
        "The URL's path, decoded.",
        &[
            ("url_extract_path('http://test.com/path/to#a')", "/path/to"),
            ("url_extract_path('http://test.com')", ""),
        ]
    ),
    part!(
        "url_extract_query",
        Text,
        query,
        "The URL's query, decoded.",
        &[
            ("url_extract_query('http://test.com?a=foo%20bar&b=baz')", "a=foo bar&b=baz"),
            ("url_extract_query('http://test.com')", "null"),
        ]
    ),
    part!(
        "url_extract_fragment",
        Text,
        fragment,
        "The URL's fragment, decoded.",
        &[
            ("url_extract_fragment('http://test.com#frag%20space')", "frag space"),
            ("url_extract_fragment('http://test.com')", "null"),
        ]
    ),
    Function::new(
        Group::Url,
        "url_extract_parameter",
        &[text("url"), text("name")],
        Returns::Text,
        parameter,
        "The value of a parameter in the URL's query, decoded; null when there is none.",
        &[
            ("url_extract_parameter('http://test.com?a%20b=c%20d', 'a b')", "c d"),
            ("url_extract_parameter('http://test.com?a=1', 'b')", "null"),
        ],
    ),
];

/// The parts of a URI as written (RFC 3986, appendix B).
struct Parts<'t> {
    scheme: Option<&'t str>,
    host: Option<&'t str>,
    port: Option<&'t str>,
    path: &'t str,
    query: Option<&'t str>,
    fragment: Option<&'t str>,
}

impl<'t> Parts<'t> {
    /// None for a text that is no URI.
    fn of(text: &'t str) -> Option<Parts<'t>> {
        let bad = |byte: u8| byte <= b' ' || b"\"<>\\^`{|}\x7f".contains(&byte);
        if text.bytes().any(bad) || !escapes_are_whole(text) {
            return None;
        }
        let cut = |text: &'t str, at: char| match text.split_once(at) {
            Some((before, behind)) => (before, Some(behind)),
            None => (text, None),
        };
        let (rest, fragment) = cut(text, '#');
        let (rest, query) = cut(rest, '?');
        let (scheme, rest) = match rest.split_once(':') {
            Some((scheme, behind)) if !scheme.contains('/') => {
                (Some(scheme).filter(|scheme| is_scheme(scheme)).map(Some)?, behind)
            }
            _ => (None, rest),
        };
        let Some(rest) = rest.strip_prefix("//") else {
            return Some(Parts { scheme, host: None, port: None, path: rest, query, fragment });
        };
        let (authority, path) = rest.split_at(rest.find('/').unwrap_or(rest.len()));
        let (_, place) = authority.rsplit_once('@').unwrap_or(("", authority));
        let colon =
            place.rfind(':').filter(|&at| !place.get(at..).is_some_and(|p| p.contains(']')));
        let (host, port) = match colon {
            Some(at) => (place.get(..at)?, place.get(at + 1..)),
            None => (place, None),
        };
        if port.is_some_and(|port| !port.bytes().all(|digit| digit.is_ascii_digit())) {
            return None;
        }
        let host = Some(host).filter(|host| !host.is_empty());
        Some(Parts { scheme, host, port, path, query, fragment })
    }
}

fn is_scheme(text: &str) -> bool {
    let known = |byte: u8| byte.is_ascii_alphanumeric() || b"+-.".contains(&byte);
    text.starts_with(|first: char| first.is_ascii_alphabetic()) && text.bytes().all(known)
}

/// Whether each `%` has two digits behind it.
fn escapes_are_whole(text: &str) -> bool {
    text.split('%').skip(1).all(|behind| {
        behind.as_bytes().get(..2).is_some_and(|digits| digits.iter().all(u8::is_ascii_hexdigit))
    })
}

fn protocol<'a>(_: &Call<'_, 'a>, parts: Parts<'a>) -> Result<Value<'a>, Fault> {
    Ok(parts.scheme.map_or(Value::Null, Value::Text))
}

fn host<'a>(_: &Call<'_, 'a>, parts: Parts<'a>) -> Result<Value<'a>, Fault> {
    Ok(parts.host.map_or(Value::Null, Value::Text))
}

fn port<'a>(_: &Call<'_, 'a>, parts: Parts<'a>) -> Result<Value<'a>, Fault> {
    let port = parts.port.and_then(|port| port.parse().ok());
    Ok(port.map_or(Value::Null, Value::Int))
}

fn path<'a>(call: &Call<'_, 'a>, parts: Parts<'a>) -> Result<Value<'a>, Fault> {
    decoded(call, parts.path, Plus::Plus)
}

fn query<'a>(call: &Call<'_, 'a>, parts: Parts<'a>) -> Result<Value<'a>, Fault> {
    part(call, parts.query)
}

fn fragment<'a>(call: &Call<'_, 'a>, parts: Parts<'a>) -> Result<Value<'a>, Fault> {
    part(call, parts.fragment)
}

fn part<'a>(call: &Call<'_, 'a>, part: Option<&'a str>) -> Result<Value<'a>, Fault> {
    part.map_or(Ok(Value::Null), |part| decoded(call, part, Plus::Plus))
}

/// What `+` stands for.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Plus {
    Plus,
    Space,
}

fn decoded<'a>(call: &Call<'_, 'a>, text: &'a str, plus: Plus) -> Result<Value<'a>, Fault> {
    if !text.contains(['%', '+']) {
        return Ok(Value::Text(text));
    }
    if !escapes_are_whole(text) {
        return Err(Fault::from("a % without two hexadecimal digits"));
    }
    let mut bytes = call.gather();
    for byte in bytes_of(text, plus) {
        bytes.extend(&[byte])?;
    }
    let text = std::str::from_utf8(bytes.slice());
    text.map(Value::Text).map_err(|_| Fault::from("what the % digits stand for is not UTF-8"))
}

fn bytes_of(text: &str, plus: Plus) -> impl Iterator<Item = u8> {
    let mut escapes = text.split('+').enumerate().flat_map(move |(index, piece)| {
        let between = if plus == Plus::Space { b' ' } else { b'+' };
        (index > 0).then_some(between).into_iter().chain(percent_decode_str(piece))
    });
    std::iter::from_fn(move || escapes.next())
}

/// What a form leaves as it is.
const FORM: &AsciiSet =
    &NON_ALPHANUMERIC.remove(b'-').remove(b'_').remove(b'.').remove(b'*').remove(b' ');

fn encode<'a>(call: &Call<'_, 'a>) -> Result<Value<'a>, Fault> {
    let mut out = call.builder();
    for piece in utf8_percent_encode(call.text(0)?, FORM) {
        for (index, word) in piece.split(' ').enumerate() {
            out.push(if index > 0 { "+" } else { "" })?;
            out.push(word)?;
        }
    }
    out.done()
}

fn parameter<'a>(call: &Call<'_, 'a>) -> Result<Value<'a>, Fault> {
    let (url, wanted) = (call.text(0)?, call.text(1)?);
    let Some(query) = Parts::of(url).and_then(|parts| parts.query) else {
        return Ok(Value::Null);
    };
    for pair in query.split('&') {
        let Some((name, value)) = pair.split_once('=') else {
            continue;
        };
        if bytes_of(name, Plus::Space).eq(wanted.bytes()) {
            return decoded(call, value, Plus::Space);
        }
    }
    Ok(Value::Null)
}
