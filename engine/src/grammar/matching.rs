//! The parser that the grammar drives: words → [`Match`] tree.
//!
//! It looks one word ahead and never back; its recursion is as deep as the
//! grammar, whatever the words are.

use super::refusal;
use super::{
    Argument, Arguments, Clause, CommandError, Presence, Repetition, Shape, Support, Word,
};

/// What stood for one argument.
#[derive(Debug, Clone)]
pub struct Match<'a> {
    key: &'static str,
    number: usize,
    words: Vec<Word<'a>>,
    parts: Vec<Match<'a>>,
    clause: Option<&'static Clause>,
}

impl<'a> Match<'a> {
    fn new(key: &'static str, number: usize) -> Match<'a> {
        Match { key, number, words: Vec::new(), parts: Vec::new(), clause: None }
    }

    /// What it is found by: the argument's token, or its name where it has none.
    pub fn key(&self) -> &'static str {
        self.key
    }

    /// The number of its first word, counted from 1 after the command's name.
    pub fn number(&self) -> usize {
        self.number
    }

    /// The first part of that key, if it stood there.
    pub fn get(&self, key: &str) -> Option<&Match<'a>> {
        self.parts.iter().find(|part| part.key == key)
    }

    /// All parts of that key, in the order in which they stood there.
    pub fn all(&self, key: &'static str) -> impl Iterator<Item = &Match<'a>> {
        self.parts.iter().filter(move |part| part.key == key)
    }

    /// Whether the part of that key stood there.
    pub fn has(&self, key: &str) -> bool {
        self.get(key).is_some()
    }

    /// The part of that key, which the grammar requires.
    pub fn require(&self, key: &str) -> Result<&Match<'a>, CommandError> {
        self.get(key).ok_or_else(|| CommandError::new(format!("{key} is missing")))
    }

    /// The word that was its value, the first of several.
    pub fn word(&self) -> Result<Word<'a>, CommandError> {
        self.words
            .first()
            .copied()
            .ok_or_else(|| CommandError::new(format!("{} has no value", self.key)).at(self.number))
    }

    /// All words that were its value, where it may be repeated.
    pub fn words(&self) -> &[Word<'a>] {
        &self.words
    }

    /// The word that was the value of a required part.
    pub fn word_of(&self, key: &str) -> Result<Word<'a>, CommandError> {
        self.require(key)?.word()
    }

    /// The key of the alternative that was chosen: its only part.
    pub fn chosen(&self) -> &'static str {
        self.parts.first().map_or("", |part| part.key)
    }

    /// The clause that was chosen, where one was to be.
    pub fn clause(&self) -> Option<&'static Clause> {
        self.clause
    }
}

/// An option that may stand now, and whose part it becomes.
#[derive(Clone, Copy)]
pub(super) struct Candidate {
    pub(super) argument: &'static Argument,
    /// Index of the part it belongs to; none for the clause itself.
    owner: Option<usize>,
}

/// Reads all of `words` as the arguments, options and trailing words of `clause`.
pub fn match_clause<'a>(
    clause: &'static Clause,
    words: Arguments<'a>,
) -> Result<Match<'a>, CommandError> {
    let mut words = words;
    let mut matched = Match::new(clause.name, 0);
    match_sequence(clause.arguments, &mut words, &mut matched)
        .map_err(|error| error.complete_with(clause.beginning()))?;
    let own = clause.options.iter().map(|argument| Candidate { argument, owner: None });
    let mut candidates: Vec<Candidate> = own.collect();
    while let Some(word) = words.peek() {
        let Some((candidate, argument)) = find_option(&candidates, &words) else {
            match clause.trailing {
                Some(trailing) => {
                    match_argument(trailing, &mut words, &mut matched)?;
                    match words.peek() {
                        None => break,
                        Some(word) => return Err(refusal::too_many(clause, word)),
                    }
                }
                None => return Err(refusal::unknown_option(clause, &candidates, &matched, word)),
            }
        };
        let owner = match candidate.owner.and_then(|index| matched.parts.get_mut(index)) {
            Some(owner) => owner,
            None => &mut matched,
        };
        check_repeated(candidate.argument, argument, owner, word)?;
        match_argument(argument, &mut words, owner)?;
        if candidate.owner.is_none() {
            hoist_options(&matched, &mut candidates);
        }
    }
    check_missing(clause, &candidates, &matched)?;
    Ok(matched)
}

/// The options of the clause that the last part named may stand from here on.
fn hoist_options(matched: &Match<'_>, candidates: &mut Vec<Candidate>) {
    let owner = matched.parts.len().checked_sub(1);
    if let Some(inner) = matched.parts.last().and_then(|part| part.clause) {
        candidates.extend(inner.options.iter().map(|argument| Candidate { argument, owner }));
    }
}

/// The candidate whose key word is next, and the alternative of it that begins so.
fn find_option(
    candidates: &[Candidate],
    words: &Arguments<'_>,
) -> Option<(Candidate, &'static Argument)> {
    let begins = |candidate: &&Candidate| starts(candidate.argument, words);
    let candidate = *candidates.iter().find(begins)?;
    let mut forms = candidate.argument.forms().iter();
    Some((candidate, forms.find(|form| starts(form, words))?))
}

/// Whether the next word can begin `argument`.
fn starts(argument: &Argument, words: &Arguments<'_>) -> bool {
    let Some(word) = words.peek() else {
        return false;
    };
    match (argument.token, argument.shape) {
        (Some(token), _) => token.split(' ').next().is_some_and(|first| word.is(first)),
        (None, Shape::OneOf(parts)) => parts.iter().any(|part| starts(part, words)),
        (None, Shape::Block(parts)) => parts.first().is_some_and(|part| starts(part, words)),
        (None, Shape::Clause(clauses)) => clauses.iter().any(|clause| word.is(clause.name)),
        (None, Shape::Token | Shape::Value(_)) => true,
    }
}

fn check_repeated(
    option: &'static Argument,
    given: &Argument,
    owner: &Match<'_>,
    word: Word<'_>,
) -> Result<(), CommandError> {
    if option.repetition == Repetition::Whole {
        return Ok(());
    }
    let is_form = |part: &&Match<'_>| option.forms().iter().any(|form| form.key() == part.key);
    match owner.parts.iter().find(is_form) {
        None => Ok(()),
        Some(earlier) => Err(refusal::repeated(earlier, given, word)),
    }
}

/// Takes the words of `argument`, which [`starts`] has seen to begin, into `owner`.
fn match_argument<'a>(
    argument: &'static Argument,
    words: &mut Arguments<'a>,
    owner: &mut Match<'a>,
) -> Result<(), CommandError> {
    let number = words.next_number();
    if argument.support == Support::Planned {
        let what = format!("option '{}'", argument.key());
        return Err(CommandError::unsupported(&what, number));
    }
    let mut found = Match::new(argument.key(), number);
    let matched = match_words(argument, words, &mut found);
    matched.map_err(|error| match argument.token {
        Some(_) => error.complete_with(argument),
        None => error,
    })?;
    owner.parts.push(found);
    Ok(())
}

fn match_words<'a>(
    argument: &'static Argument,
    words: &mut Arguments<'a>,
    found: &mut Match<'a>,
) -> Result<(), CommandError> {
    for token in argument.token.iter().flat_map(|token| token.split(' ')) {
        match words.take() {
            Some(word) if word.is(token) => {}
            Some(word) => {
                let problem = format!("'{}' stands where {token} should", word.shown());
                return Err(word.error(problem).hint(format!("write {argument}")));
            }
            None => return Err(CommandError::incomplete(words.next_number())),
        }
    }
    match argument.shape {
        Shape::Token => Ok(()),
        Shape::Value(_) => take_values(argument, words, found),
        Shape::Block(parts) => match_sequence(parts, words, found),
        Shape::OneOf(parts) => match parts.iter().find(|part| starts(part, words)) {
            Some(part) => match_argument(part, words, found),
            None => Err(refusal::wrong_choice(argument, parts, words)),
        },
        Shape::Clause(clauses) => match_named(argument, clauses, words, found),
    }
}

/// One word, or all that are left for a value that may be repeated.
fn take_values<'a>(
    argument: &Argument,
    words: &mut Arguments<'a>,
    found: &mut Match<'a>,
) -> Result<(), CommandError> {
    let Some(word) = words.take() else {
        return Err(CommandError::incomplete(words.next_number()));
    };
    found.words.push(word);
    if argument.repetition == Repetition::Values {
        found.words.extend(std::iter::from_fn(|| words.take()));
    }
    Ok(())
}

fn match_sequence<'a>(
    parts: &'static [Argument],
    words: &mut Arguments<'a>,
    owner: &mut Match<'a>,
) -> Result<(), CommandError> {
    for (at, part) in parts.iter().enumerate() {
        let behind = parts.get(at + 1..).unwrap_or_default();
        let is_there = part.presence == Presence::Required
            || starts(part, words) && !yields(part, behind, words);
        if is_there {
            match_argument(part, words, owner)?;
        }
    }
    Ok(())
}

/// Whether an optional part that any word could begin leaves the next one to what stands behind it:
/// one of its key words, or a word without which too few were left.
fn yields(part: &Argument, behind: &[Argument], words: &Arguments<'_>) -> bool {
    let Shape::Block(inner) = part.shape else { return false };
    if part.token.is_some() {
        return false;
    }
    let needed: usize = inner.iter().chain(behind).map(Argument::fewest_words).sum();
    words.left() < needed || behind.first().is_some_and(|next| starts(next, words))
}

/// A clause's name, then its arguments; its options stay to be found among the others.
fn match_named<'a>(
    argument: &'static Argument,
    clauses: &'static [&'static Clause],
    words: &mut Arguments<'a>,
    found: &mut Match<'a>,
) -> Result<(), CommandError> {
    let Some(word) = words.take() else {
        return Err(CommandError::incomplete(words.next_number()));
    };
    let Some(clause) = clauses.iter().find(|clause| word.is(clause.name)) else {
        return Err(refusal::wrong_clause(argument, clauses, word));
    };
    found.clause = Some(clause);
    match_sequence(clause.arguments, words, found)
        .map_err(|error| error.complete_with(clause.beginning()))
}

fn check_missing(
    clause: &'static Clause,
    candidates: &[Candidate],
    matched: &Match<'_>,
) -> Result<(), CommandError> {
    let is_there = |candidate: &Candidate| {
        let owner = candidate.owner.and_then(|index| matched.parts.get(index));
        let owner = owner.unwrap_or(matched);
        candidate.argument.presence == Presence::Optional
            || candidate.argument.forms().iter().any(|form| owner.has(form.key()))
    };
    let lacking = candidates.iter().find(|candidate| !is_there(candidate));
    let last = clause
        .trailing
        .filter(|last| last.presence == Presence::Required && !matched.has(last.key()));
    match lacking.map(|candidate| candidate.argument).or(last) {
        Some(argument) => Err(refusal::missing(clause, argument)),
        None => Ok(()),
    }
}
