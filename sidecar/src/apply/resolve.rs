//! Answers what workers ask about hashes (JOIN), between two units.

use super::found::unexpected;
use crate::redis::{Connection, Part, Problem, Refusal, Request};
use redis_kafka_engine::expression::Reads;
use redis_kafka_engine::lookup::{Answers, BYTES_A_TURN, Lookup, MAX_HASH};

const NO_HASH: &str = "WRONGTYPE it is no hash";

/// How a hash is asked for.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Form {
    /// Its values of named fields (HMGET).
    Values,
    /// Names and values in turn (HGETALL).
    Whole,
    /// Whether it is there (HLEN).
    Presence,
}

/// Reads what is open of a lookup, as much as goes into one turn. What was answered stays so when a
/// problem is met.
pub fn resolve(
    connection: &mut Connection,
    request: &mut Request,
    lookup: &mut Lookup,
) -> Result<(), Problem> {
    request.clear();
    let mut forms = Vec::new();
    for (key, join) in lookup.open() {
        forms.push(match lookup.reads.get(join) {
            Some(Reads::Fields(fields)) if fields.is_empty() => {
                request.command(&[b"HLEN", key]);
                Form::Presence
            }
            Some(Reads::Fields(fields)) => {
                request.begin(2 + fields.len());
                request.word(b"HMGET");
                request.word(key);
                fields.iter().for_each(|field| request.word(field.as_bytes()));
                Form::Values
            }
            _ => {
                request.command(&[b"HGETALL", key]);
                Form::Whole
            }
        });
    }
    connection.send(request)?;
    let before = lookup.answers.size();
    let mut forms = forms.into_iter();
    for form in forms.by_ref() {
        answer(connection, form, &mut lookup.answers)?;
        if lookup.answers.size() >= before + BYTES_A_TURN {
            break;
        }
    }
    // What is over is asked again in the next turn.
    connection.skip(forms.len()).map(drop)
}

fn answer(connection: &mut Connection, form: Form, answers: &mut Answers) -> Result<(), Problem> {
    let count = match connection.part()? {
        Part::Array(count) => count,
        Part::Integer(0) => {
            answers.absent();
            return Ok(());
        }
        Part::Integer(_) => {
            answers.hash().end();
            return Ok(());
        }
        Part::Error(error) => {
            let problem = Problem::refused(String::from_utf8_lossy(error));
            match &problem {
                Problem::Refused(Refusal::WrongType, _) => answers.refuse(NO_HASH),
                Problem::Refused(Refusal::NoPermission, text) => answers.refuse(text),
                _ => return Err(problem),
            }
            return Ok(());
        }
        other => return Err(unexpected("a question about a hash", other)),
    };
    if form == Form::Whole && count == 0 {
        answers.absent();
        return Ok(());
    }
    let mut hash = answers.hash();
    let (mut is_large, mut is_there) = (false, form == Form::Whole);
    for _ in 0..count {
        let part = connection.part()?;
        // What is too large is not held to its end.
        is_large |= part == Part::TooLong || hash.size() > MAX_HASH;
        match part {
            Part::Bulk(value) => {
                is_there = true;
                if !is_large {
                    hash.part(Some(value));
                }
            }
            Part::Nil => hash.part(None),
            Part::TooLong => is_there = true,
            other => return Err(unexpected("a question about a hash", other)),
        }
    }
    match (is_there, is_large) {
        (true, false) => hash.end(),
        (true, true) => hash.refuse_large(),
        // Of a hash that has none of the fields, the same is seen as of none.
        (false, _) => hash.absent(),
    }
    Ok(())
}
