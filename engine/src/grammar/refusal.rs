//! What the matcher says of words that the grammar does not know.

use super::matching::Candidate;
use super::{Argument, Arguments, Clause, CommandError, Match, Shape, Support, Word};
use crate::nearest::nearest;

/// So many options are named in an error; where there are more, the help is.
const FEW: usize = 3;

/// `A, B or C`
pub fn alternatives(choices: impl IntoIterator<Item = impl ToString>) -> String {
    let names: Vec<String> = choices.into_iter().map(|choice| choice.to_string()).collect();
    match names.split_last() {
        Some((last, first)) if !first.is_empty() => format!("{} or {last}", first.join(", ")),
        Some((last, _)) => last.clone(),
        None => String::new(),
    }
}

/// A key word that needs one of `parts` behind it, and has something else.
pub(super) fn wrong_choice(
    argument: &Argument,
    parts: &'static [Argument],
    words: &Arguments<'_>,
) -> CommandError {
    let Some(word) = words.peek() else {
        return CommandError::incomplete(words.next_number());
    };
    let shown = word.shown();
    let error = word.error(match argument.token {
        Some(token) => format!("{token} cannot be '{shown}'"),
        None => format!("unknown {} '{shown}'", argument.name),
    });
    match nearest(&shown, parts.iter().map(Argument::key)) {
        Some(near) => error.did_you_mean(Some(near)),
        None => error.hint(format!("write {}", alternatives(parts))),
    }
}

/// A word that names none of `clauses`.
pub(super) fn wrong_clause(
    argument: &Argument,
    clauses: &[&Clause],
    word: Word<'_>,
) -> CommandError {
    let shown = word.shown();
    let error = word.error(format!("unknown {} '{shown}'", argument.name));
    match nearest(&shown, clauses.iter().map(|clause| clause.name)) {
        Some(near) => error.did_you_mean(Some(near)),
        None => {
            error.hint(format!("use {}", alternatives(clauses.iter().map(|clause| clause.name))))
        }
    }
}

/// A word behind all that may stand.
pub(super) fn too_many(clause: &Clause, word: Word<'_>) -> CommandError {
    word.error(format!("'{}' is one argument too many", word.shown()))
        .hint(format!("write {clause}"))
}

/// An option that has been given already, in this form or another.
pub(super) fn repeated(earlier: &Match<'_>, given: &Argument, word: Word<'_>) -> CommandError {
    if earlier.key() == given.key() {
        let hint = format!("it is argument {} already", earlier.number());
        return word.error(format!("{} stands twice", given.key())).hint(hint);
    }
    let problem = format!("{} and {} exclude each other", earlier.key(), given.key());
    word.error(problem).hint("leave one of them out")
}

/// A required argument that did not come.
pub(super) fn missing(clause: &Clause, argument: &'static Argument) -> CommandError {
    CommandError::new(format!("{} is missing", alternatives(argument.forms())))
        .hint(format!("KAFKA.HELP {} shows the whole command", clause.short_name()))
}

/// A word that none of `candidates` begins with.
pub(super) fn unknown_option(
    clause: &'static Clause,
    candidates: &[Candidate],
    matched: &Match<'_>,
    word: Word<'_>,
) -> CommandError {
    if candidates.is_empty() {
        return too_many(clause, word);
    }
    if let Some(holder) = holder_of(clause, word) {
        return misplaced(holder, matched, word);
    }
    let shown = word.shown();
    let error = word.error(format!("unknown option '{shown}'"));
    let forms = candidates.iter().flat_map(|candidate| candidate.argument.forms());
    if let Some(near) = nearest(&shown, forms.clone().map(Argument::key)) {
        return error.did_you_mean(Some(near));
    }
    let built: Vec<&Argument> = forms.filter(|form| form.support == Support::Built).collect();
    if built.len() <= FEW {
        return error.hint(format!("write {}", alternatives(built)));
    }
    error.hint(format!("KAFKA.HELP {} lists the options", clause.short_name()))
}

/// The option of `clause` that has a clause with an option of this key word.
fn holder_of(clause: &'static Clause, word: Word<'_>) -> Option<&'static Argument> {
    let begins = |form: &Argument| form.key().split(' ').next().is_some_and(|key| word.is(key));
    clause.options.iter().find(|option| match option.shape {
        Shape::Clause(clauses) => {
            clauses.iter().any(|inner| inner.options.iter().flat_map(Argument::forms).any(begins))
        }
        _ => false,
    })
}

/// An option of a clause of `holder`, too early or for another clause.
fn misplaced(holder: &Argument, matched: &Match<'_>, word: Word<'_>) -> CommandError {
    let shown = word.shown();
    let Some(clause) = matched.get(holder.key()).and_then(Match::clause) else {
        return word
            .error(format!("option '{shown}' stands before {holder}"))
            .hint(format!("write it behind {holder}"));
    };
    let forms = clause.options.iter().flat_map(Argument::forms);
    let built: Vec<_> = forms.filter(|form| form.support == Support::Built).collect();
    let error = word.error(format!("{} {} takes no {shown}", holder.key(), clause.name));
    match built.is_empty() {
        true => error.hint("it takes no options"),
        false => error.hint(format!("it takes {}", alternatives(built))),
    }
}
