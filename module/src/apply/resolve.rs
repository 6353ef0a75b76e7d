//! Answers what workers ask about hashes (JOIN), on the main thread, between two units.

use super::changes::{self, Changes};
use crate::redis::{Access, Context, KeyKind, Rights, Scan, Text, may_read};
use redis_kafka_engine::expression::Reads;
use redis_kafka_engine::lookup::{Answers, Lookup, MAX_HASH};

/// How long an answer holds.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Holds {
    /// Until the key is changed, which is heard.
    UntilChanged,
    /// For its batch: it has a time to live, or no hash.
    Once,
}

/// Reads what is open of a lookup, as much as goes into one turn. `user` is the ACL user whose
/// rights count, if one was set: they may change unheard.
pub fn resolve(context: Context, user: Option<&Text>, lookup: &mut Lookup) {
    changes::with(context, |changes| {
        let changes = changes.filter(|_| user.is_none());
        lookup.watch = changes.map(|changes| changes.watch.clone());
        resolve_turn(context, user, changes, lookup);
    });
}

fn resolve_turn(
    context: Context,
    user: Option<&Text>,
    changes: Option<&Changes>,
    lookup: &mut Lookup,
) {
    let reads = lookup.reads.clone();
    let fields: Vec<Vec<Text>> = reads.iter().map(texts).collect();
    lookup.turn(|key, join, answers| {
        let name = Text::new(key);
        if let Some(problem) = user.and_then(|user| refusal(user, &name)) {
            return answers.refuse(&problem);
        }
        // Before it is read: what reading brings about is then a change.
        let mark = changes.map(|changes| changes.mark(context, &name));
        let may_expire = match (reads.get(join), fields.get(join)) {
            (Some(Reads::Fields(_)), Some(fields)) => {
                let holds = some(context, &name, fields, answers);
                holds == Holds::Once
                    || changes.is_some_and(|it| it.may_expire(context, &name, fields))
            }
            _ => {
                let holds = whole(context, &name, answers);
                holds == Holds::Once || changes.is_some_and(Changes::may_expire_unnamed)
            }
        };
        if let Some(mark) = mark.filter(|_| !may_expire) {
            answers.mark(mark);
        }
    });
}

fn texts(reads: &Reads) -> Vec<Text> {
    match reads {
        Reads::Fields(fields) => fields.iter().map(Text::new).collect(),
        Reads::Whole => Vec::new(),
    }
}

fn refusal(user: &Text, key: &Text) -> Option<String> {
    let name = user.lossy();
    match may_read(user, key) {
        Rights::Granted => None,
        Rights::Less => Some(format!("NOPERM user '{name}' may not read it")),
        Rights::NoSuchUser => {
            Some(format!("NOPERM there is no ACL user '{name}' (load argument USER)"))
        }
    }
}

const NO_HASH: &str = "WRONGTYPE it is no hash";

fn some(context: Context, name: &Text, fields: &[Text], answers: &mut Answers) -> Holds {
    let key = context.open(name, Access::Read);
    match key.kind() {
        KeyKind::Hash => {
            let mut hash = answers.hash();
            for field in fields {
                let value = key.hash_get(field);
                hash.part(value.as_ref().map(Text::bytes));
            }
            hash.end();
        }
        KeyKind::Empty => answers.absent(),
        _ => {
            answers.refuse(NO_HASH);
            return Holds::Once;
        }
    }
    if key.expires() { Holds::Once } else { Holds::UntilChanged }
}

fn whole(context: Context, name: &Text, answers: &mut Answers) -> Holds {
    let key = context.open(name, Access::Read);
    match key.kind() {
        KeyKind::Hash => {
            let mut hash = answers.hash();
            key.hash_scan(&mut |field, value| {
                hash.part(Some(field));
                hash.part(Some(value));
                // What is too large is not read to its end.
                if hash.size() > MAX_HASH { Scan::End } else { Scan::Continue }
            });
            hash.end();
        }
        KeyKind::Empty => answers.absent(),
        _ => {
            answers.refuse(NO_HASH);
            return Holds::Once;
        }
    }
    if key.expires() { Holds::Once } else { Holds::UntilChanged }
}
