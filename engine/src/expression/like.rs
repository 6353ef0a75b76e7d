//! SQL's LIKE: `%` is any text, `_` any character.

/// A compiled pattern.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Pattern {
    /// Between two runs of `%`; a character that is `_` is None.
    pieces: Vec<Vec<Option<char>>>,
    /// The pattern without wildcards, when it has at most a % at its ends.
    plain: Option<Plain>,
}

/// What most patterns are: a fixed text somewhere.
#[derive(Debug, Clone, PartialEq, Eq)]
enum Plain {
    Whole(String),
    Start(String),
    End(String),
    Inside(String),
}

/// Takes a pattern apart, character by character.
enum Sign {
    AnyText,
    AnyCharacter,
    Character(char),
}

const UNESCAPED: &str = "LIKE's pattern ends with its escape character";

fn signs(
    pattern: &str,
    escape: Option<char>,
    mut show: impl FnMut(Sign),
) -> Result<(), &'static str> {
    let mut characters = pattern.chars();
    while let Some(character) = characters.next() {
        show(match character {
            _ if Some(character) == escape => Sign::Character(characters.next().ok_or(UNESCAPED)?),
            '%' => Sign::AnyText,
            '_' => Sign::AnyCharacter,
            other => Sign::Character(other),
        });
    }
    Ok(())
}

impl Pattern {
    pub(super) fn new(pattern: &str, escape: Option<char>) -> Result<Pattern, &'static str> {
        let mut pieces = vec![Vec::new()];
        signs(pattern, escape, |sign| match sign {
            Sign::AnyText => pieces.push(Vec::new()),
            Sign::AnyCharacter => push(&mut pieces, None),
            Sign::Character(character) => push(&mut pieces, Some(character)),
        })?;
        let plain = plain(&pieces);
        Ok(Pattern { pieces, plain })
    }

    pub(super) fn matches(&self, text: &str) -> bool {
        match &self.plain {
            Some(Plain::Whole(whole)) => text == whole,
            Some(Plain::Start(start)) => text.starts_with(start.as_str()),
            Some(Plain::End(end)) => text.ends_with(end.as_str()),
            Some(Plain::Inside(inside)) => {
                memchr::memmem::find(text.as_bytes(), inside.as_bytes()).is_some()
            }
            None => self.matches_pieces(text),
        }
    }

    /// The first piece stands at the start, the last at the end, each other at
    /// the earliest place it can.
    fn matches_pieces(&self, text: &str) -> bool {
        let Some((first, others)) = self.pieces.split_first() else {
            return text.is_empty();
        };
        let Some(mut rest) = behind(text, first) else {
            return false;
        };
        let Some((last, middle)) = others.split_last() else {
            return rest.is_empty();
        };
        for piece in middle {
            match found(rest, piece) {
                Some(behind) => rest = behind,
                None => return false,
            }
        }
        let characters = rest.chars().rev();
        let mut wanted = last.iter().rev();
        let mut characters = characters.map(Some);
        wanted.all(|sign| {
            let character = characters.next().flatten();
            character.is_some() && (sign.is_none() || *sign == character)
        })
    }
}

fn push(pieces: &mut [Vec<Option<char>>], sign: Option<char>) {
    if let Some(last) = pieces.last_mut() {
        last.push(sign);
    }
}

fn plain(pieces: &[Vec<Option<char>>]) -> Option<Plain> {
    let text = |piece: &[Option<char>]| piece.iter().copied().collect::<Option<String>>();
    match pieces {
        [whole] => text(whole).map(Plain::Whole),
        [start, end] if end.is_empty() => text(start).map(Plain::Start),
        [start, end] if start.is_empty() => text(end).map(Plain::End),
        [start, inside, end] if start.is_empty() && end.is_empty() => {
            text(inside).map(Plain::Inside)
        }
        _ => None,
    }
}

/// What stands behind `piece` at the start of `text`.
fn behind<'t>(text: &'t str, piece: &[Option<char>]) -> Option<&'t str> {
    let mut characters = text.chars();
    for sign in piece {
        let character = characters.next()?;
        if sign.is_some_and(|wanted| wanted != character) {
            return None;
        }
    }
    Some(characters.as_str())
}

/// What stands behind the first place where `piece` stands in `text`.
fn found<'t>(text: &'t str, piece: &[Option<char>]) -> Option<&'t str> {
    let mut rest = text;
    loop {
        if let Some(behind) = behind(rest, piece) {
            return Some(behind);
        }
        let mut characters = rest.chars();
        characters.next()?;
        rest = characters.as_str();
    }
}

/// Whether `text` is like a pattern that only a record tells; allocates nothing.
pub(super) fn is_like(
    text: &str,
    pattern: &str,
    escape: Option<char>,
) -> Result<bool, &'static str> {
    signs(pattern, escape, |_| ())?;
    let (mut text, mut pattern) = (text, pattern);
    // Where to go on after the last % when what follows does not match.
    let mut back: Option<(&str, &str)> = None;
    loop {
        let mut signs = pattern.chars();
        let mut characters = text.chars();
        let sign = signs.next();
        let (literal, wanted) = match sign {
            Some(sign) if Some(sign) == escape => (true, signs.next()),
            other => (false, other),
        };
        if wanted == Some('%') && !literal {
            pattern = signs.as_str();
            back = Some((pattern, text));
            continue;
        }
        let character = characters.next();
        let fits = match (wanted, character) {
            (None, None) => return Ok(true),
            (Some('_'), Some(_)) if !literal => true,
            (Some(wanted), Some(character)) => wanted == character,
            _ => false,
        };
        if fits {
            (text, pattern) = (characters.as_str(), signs.as_str());
            continue;
        }
        let Some((again, from)) = back else {
            return Ok(false);
        };
        let mut later = from.chars();
        if later.next().is_none() {
            return Ok(false);
        }
        (text, pattern) = (later.as_str(), again);
        back = Some((again, text));
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    proptest! {
        #[test]
        fn patterns_match_as_regexes_do(text in "[ab\\\\%_é]{0,8}", pattern in "[ab%_\\\\é]{0,6}") {
            let mut regex = String::from("(?s)^");
            let walked = signs(&pattern, Some('\\'), |sign| match sign {
                Sign::AnyText => regex += ".*",
                Sign::AnyCharacter => regex += ".",
                Sign::Character(c) => regex += &regex::escape(&c.to_string()),
            });
            let compiled = Pattern::new(&pattern, Some('\\'));
            let direct = is_like(&text, &pattern, Some('\\'));
            prop_assert_eq!(compiled.is_ok(), walked.is_ok());
            prop_assert_eq!(direct.is_ok(), walked.is_ok());
            if let (Ok(compiled), Ok(direct)) = (compiled, direct) {
                let oracle = regex::Regex::new(&(regex + "$")).unwrap().is_match(&text);
                prop_assert_eq!(compiled.matches(&text), oracle);
                prop_assert_eq!(direct, oracle);
            }
        }
    }
}
