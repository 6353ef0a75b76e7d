//! Strings: by regex, by kind, or of random characters.

use super::annotation::{Annotations, Length, MAX_LENGTH, SchemaError};
use rand::Rng;
use rand::distr::Distribution;
use rand::rngs::StdRng;
use rand::seq::IndexedRandom;
use rand_regex::Regex;
use regex_syntax::hir::{
    Capture, Class, ClassUnicode, ClassUnicodeRange, Hir, HirKind, Look, Repetition,
};
use std::borrow::Cow;
use uuid::Uuid;

/// Characters of strings about which the schema says nothing: readable ones. (The reference
/// takes any of ASCII, NUL included.)
const ALPHABET: &[u8] = b"ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_ !?,.";

/// How many strings of a regex are tried before its length counts as out of reach.
const TRIES: usize = 10_000;
/// How many are tried to see whether a regex can have the default length at all.
const DEFAULT_TRIES: usize = 100;

const FIRST_NAMES: [&str; 16] = [
    "Ada", "Alan", "Barbara", "Bogumila", "Chen", "Dennis", "Edsger", "Fatima", "Grace", "Joan",
    "Ken", "Lakshmi", "Margaret", "Niklaus", "Olu", "Radia",
];
const LAST_NAMES: [&str; 16] = [
    "Adeyemi", "Clarke", "Dijkstra", "Hamilton", "Hopper", "Kowalski", "Lamport", "Liskov",
    "Lovelace", "Perlman", "Rao", "Ritchie", "Thompson", "Turing", "Wang", "Wirth",
];

#[derive(Debug)]
enum Source {
    Characters(Length),
    Regex { regex: Box<Regex>, pattern: String, length: Option<Length> },
    Kind(Kind),
}

#[derive(Debug, Clone, Copy)]
enum Kind {
    Uuid,
    Email,
    Name,
}

/// How one string of a schema is made.
#[derive(Debug)]
pub struct Text {
    source: Source,
    affixes: Affixes,
    /// Probability of a string that follows none of the above.
    malformed: f64,
}

impl Text {
    /// Takes what strings know: `regex` (with `length`), `kind`, `length`, `prefix`, `suffix`,
    /// `malformed-rate`. `rng` tells whether a regex reaches its length.
    ///
    /// # Errors
    /// The regex is wrong or cannot have the length, or the kind is unknown.
    pub fn take(annotations: &mut Annotations, rng: &mut StdRng) -> Result<Text, SchemaError> {
        let affixes = Affixes::take(annotations)?;
        let malformed = annotations.take_probability("malformed-rate")?.unwrap_or(0.0);
        let source = if let Some(pattern) = annotations.take_text("regex")? {
            let length = annotations.take_length()?;
            regex_source(annotations, pattern, length, rng)?
        } else if let Some(kind) = annotations.take_text("kind")? {
            Source::Kind(match kind.as_str() {
                "uuid" => Kind::Uuid,
                "email" => Kind::Email,
                "name" => Kind::Name,
                _ => {
                    return Err(annotations.error(format!(
                        "unknown kind '{kind}'; a string's are uuid, email, name"
                    )));
                }
            })
        } else {
            Source::Characters(annotations.take_length()?.unwrap_or(Length::DEFAULT))
        };
        Ok(Text { source, affixes, malformed })
    }

    /// Strings of one random character: a map's keys where the schema says nothing.
    pub fn single_character() -> Text {
        let source = Source::Characters(Length { min: 1, end: 2 });
        Text { source, affixes: Affixes::default(), malformed: 0.0 }
    }

    /// The next string.
    ///
    /// # Errors
    /// The regex made no string of the asked length in 10,000 tries; names the regex.
    pub fn draw(&self, rng: &mut StdRng) -> Result<String, String> {
        if self.malformed > 0.0 && rng.random_bool(self.malformed) {
            return Ok(characters(Length::DEFAULT, rng));
        }
        let text = match &self.source {
            Source::Characters(length) => characters(*length, rng),
            Source::Kind(kind) => of_kind(*kind, rng),
            Source::Regex { regex, pattern, length } => matching(regex, *length, TRIES, rng)
                .ok_or_else(|| {
                    format!(
                        "regex {pattern} made no string of the length asked for in {TRIES} tries"
                    )
                })?,
        };
        Ok(self.affixes.around(&text))
    }
}

/// What is put before and after a string.
#[derive(Debug, Default)]
pub struct Affixes {
    prefix: String,
    suffix: String,
}

impl Affixes {
    /// Takes `prefix` and `suffix`.
    ///
    /// # Errors
    /// One is no string.
    pub fn take(annotations: &mut Annotations) -> Result<Affixes, SchemaError> {
        let prefix = annotations.take_text("prefix")?.unwrap_or_default();
        let suffix = annotations.take_text("suffix")?.unwrap_or_default();
        Ok(Affixes { prefix, suffix })
    }

    /// `text` between both.
    pub fn around(&self, text: &str) -> String {
        format!("{}{text}{}", self.prefix, self.suffix)
    }
}

fn characters(length: Length, rng: &mut StdRng) -> String {
    let length = rng.random_range(length.min..length.end);
    (0..length).map(|_| char::from(*ALPHABET.choose(rng).unwrap_or(&b' '))).collect()
}

fn of_kind(kind: Kind, rng: &mut StdRng) -> String {
    let first = FIRST_NAMES.choose(rng).unwrap_or(&"");
    let last = LAST_NAMES.choose(rng).unwrap_or(&"");
    match kind {
        Kind::Uuid => uuid(rng).to_string(),
        Kind::Name => format!("{first} {last}"),
        Kind::Email => {
            let number: u16 = rng.random_range(1..1000);
            format!("{}.{}{number}@example.com", first.to_lowercase(), last.to_lowercase())
        }
    }
}

/// A random (version 4) UUID.
pub fn uuid(rng: &mut StdRng) -> Uuid {
    uuid::Builder::from_random_bytes(rng.random()).into_uuid()
}

fn regex_source(
    annotations: &Annotations,
    pattern: String,
    length: Option<Length>,
    rng: &mut StdRng,
) -> Result<Source, SchemaError> {
    let repeat = u32::try_from(length.unwrap_or(Length::DEFAULT).end - 1).unwrap_or(u32::MAX);
    let wrong =
        |error: &dyn std::fmt::Display| annotations.error(format!("regex {pattern}: {error}"));
    let hir =
        regex_syntax::Parser::new().parse(&escaped(&pattern)).map_err(|error| wrong(&error))?;
    if hir.properties().minimum_len().is_some_and(|least| least > MAX_LENGTH) {
        return Err(wrong(&format!("its strings are longer than {MAX_LENGTH} bytes")));
    }
    let regex = Regex::with_hir(readable(hir), repeat).map_err(|error| wrong(&error))?;
    if !regex.is_utf8() {
        return Err(wrong(&"it makes strings that are not UTF-8"));
    }
    let length = match length {
        Some(length) => {
            matching(&regex, Some(length), TRIES, rng).ok_or_else(|| {
                wrong(&format!(
                    "it makes no string of {} to {} characters",
                    length.min,
                    length.end - 1
                ))
            })?;
            Some(length)
        }
        // As in the reference, the default length holds where the regex leaves it open.
        None => {
            matching(&regex, Some(Length::DEFAULT), DEFAULT_TRIES, rng).map(|_| Length::DEFAULT)
        }
    };
    Ok(Source::Regex { regex: Box::new(regex), pattern, length })
}

/// The pattern with Java's `\Q…\E` (all between is literal) written out.
fn escaped(pattern: &str) -> Cow<'_, str> {
    let mut parts = pattern.split(r"\Q");
    let first = parts.next().unwrap_or_default();
    let mut written = Cow::Borrowed(first);
    for part in parts {
        let (literal, rest) = part.split_once(r"\E").unwrap_or((part, ""));
        let out = written.to_mut();
        out.push_str(&regex_syntax::escape(literal));
        out.push_str(rest);
    }
    written
}

fn matching(
    regex: &Regex,
    length: Option<Length>,
    tries: usize,
    rng: &mut StdRng,
) -> Option<String> {
    let fits = |text: &String| length.is_none_or(|length| length.contains(text.chars().count()));
    (0..tries).map(|_| Distribution::<String>::sample(regex, rng)).find(fits)
}

/// The regex with every character class narrowed to printable ASCII where it has any (so that
/// `\d` is 0 to 9 and `.` something one can read), and without `^` and `$` at its ends, which a
/// whole string always satisfies. Recursion is bounded by the parser's nesting limit.
fn readable(hir: Hir) -> Hir {
    match hir.into_kind() {
        HirKind::Class(Class::Unicode(class)) => {
            let mut printable = ClassUnicode::new([ClassUnicodeRange::new(' ', '~')]);
            printable.intersect(&class);
            let narrowed = if printable.ranges().is_empty() { class } else { printable };
            Hir::class(Class::Unicode(narrowed))
        }
        HirKind::Class(class) => Hir::class(class),
        HirKind::Repetition(repetition) => {
            let sub = Box::new(readable(*repetition.sub));
            Hir::repetition(Repetition { sub, ..repetition })
        }
        HirKind::Capture(capture) => {
            Hir::capture(Capture { sub: Box::new(readable(*capture.sub)), ..capture })
        }
        HirKind::Alternation(branches) => {
            Hir::alternation(branches.into_iter().map(readable).collect())
        }
        HirKind::Concat(mut parts) => {
            if parts.first().is_some_and(|part| matches!(part.kind(), HirKind::Look(Look::Start))) {
                parts.remove(0);
            }
            if parts.last().is_some_and(|part| matches!(part.kind(), HirKind::Look(Look::End))) {
                parts.pop();
            }
            Hir::concat(parts.into_iter().map(readable).collect())
        }
        HirKind::Empty => Hir::empty(),
        HirKind::Literal(literal) => Hir::literal(literal.0),
        HirKind::Look(look) => Hir::look(look),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use rand::SeedableRng;
    use serde_json::{Value as Json, json};

    fn text(properties: Json) -> Result<Text, SchemaError> {
        let mut annotations = Annotations::new("here", Some(&properties))?;
        let text = Text::take(&mut annotations, &mut StdRng::seed_from_u64(1))?;
        annotations.finish("a string")?;
        Ok(text)
    }

    fn hundred(properties: Json) -> Vec<String> {
        let (text, mut rng) = (text(properties).unwrap(), StdRng::seed_from_u64(2));
        (0..100).map(|_| text.draw(&mut rng).unwrap()).collect()
    }

    fn all_match(properties: Json, pattern: &str) {
        let pattern = regex::Regex::new(&format!("^(?:{pattern})$")).unwrap();
        for made in hundred(properties) {
            assert!(pattern.is_match(&made), "{made:?} is not {pattern}");
        }
    }

    #[test]
    fn strings_follow_their_regex() {
        for pattern in
            ["[a-zA-Z]{5,15}", r"\d{3}-\d{2,4}", "(foo|ba[rz])+!?", "^User_[1-9]$", ".{3}", "é{2}"]
        {
            all_match(json!({"regex": pattern}), pattern.trim_matches(['^', '$']));
        }
        all_match(json!({"regex": r"\Q(a+b)\E[1-9]\Q$"}), r"\(a\+b\)[1-9]\$");
        assert!(hundred(json!({"regex": r".\w\d.{4}"})).iter().all(|text| text.is_ascii()));
    }

    #[test]
    fn a_regex_keeps_to_the_length() {
        all_match(json!({"regex": "[a-z]*", "length": 10}), "[a-z]{10}");
        all_match(json!({"regex": "[a-z]{0,15}", "length": {"min": 5}}), "[a-z]{5,15}");
        all_match(json!({"regex": "[a-z]{5,}", "length": {"max": 16}}), "[a-z]{5,15}");
        all_match(json!({"regex": "[a-z]*"}), "[a-z]{8,15}");
        // The optional digit is always there: without it the string has 7 characters.
        all_match(json!({"regex": "Region_[1-9]?"}), "Region_[1-9]");
        assert!(text(json!({"regex": "abc", "length": 4})).is_err());
    }

    #[test]
    fn lengths_without_a_regex() {
        all_match(json!({}), ".{8,15}");
        all_match(json!({"length": 3}), ".{3}");
        all_match(json!({"length": {"min": 2, "max": 4}}), ".{2,3}");
        all_match(json!({"length": 0}), "");
        for wrong in [
            json!(-1),
            json!({"min": 4, "max": 4}),
            json!({}),
            json!("3"),
            json!(1.5),
            json!(99_999_999),
        ] {
            assert!(text(json!({ "length": wrong })).is_err(), "{wrong}");
        }
    }

    #[test]
    fn kinds_prefix_and_suffix() {
        all_match(
            json!({"kind": "uuid"}),
            "[0-9a-f]{8}-[0-9a-f]{4}-4[0-9a-f]{3}-[89ab][0-9a-f]{3}-[0-9a-f]{12}",
        );
        all_match(json!({"kind": "email"}), r"[a-z]+\.[a-z]+\d+@example\.com");
        all_match(json!({"kind": "name"}), "[A-Z][a-z]+ [A-Z][a-z]+");
        all_match(
            json!({"regex": r"\d", "length": 1, "prefix": "item-", "suffix": "/x"}),
            r"item-\d/x",
        );
    }

    #[test]
    fn some_are_malformed() {
        let made = hundred(json!({"regex": r"\d{4}-\d{2}-\d{2}", "malformed-rate": 0.3}));
        let wrong = made
            .iter()
            .filter(|text| text.len() != 10 || text.bytes().any(|b| b.is_ascii_alphabetic()))
            .count();
        assert!((15..=45).contains(&wrong), "{wrong} of 100");
        assert!(text(json!({"malformation.rate": 1.5})).is_err());
    }

    #[test]
    fn wrong_annotations_are_named() {
        for (wrong, name) in [
            (json!({"regex": "("}), "regex"),
            (json!({"regex": r"a\b"}), "regex"),
            (json!({"regex": 5}), "regex"),
            (json!({"regex": "((a{1000}){1000}){1000}"}), "longer"),
            (json!({"kind": "iban"}), "iban"),
            (json!({"rnage": {}}), "rnage"),
            (json!({"range": {"min": 1}}), "range"),
            (json!({"kind": "uuid", "length": 3}), "length"),
        ] {
            let error = text(wrong).unwrap_err().to_string();
            assert!(error.contains(name) && error.starts_with("here: "), "{error}");
        }
    }
}
