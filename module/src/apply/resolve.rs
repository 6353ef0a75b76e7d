//! Answers what workers ask about hashes (JOIN), on the main thread, between two units.

use crate::redis::{Access, Context, KeyKind, Rights, Scan, Text, may_read};
use redis_kafka_engine::expression::Reads;
use redis_kafka_engine::lookup::{Answers, Lookup, MAX_HASH};

/// Reads what is open of a lookup, as much as goes into one turn. `user` is the ACL user whose
/// rights count, if one was set.
pub fn resolve(context: Context, user: Option<&Text>, lookup: &mut Lookup) {
    let reads = lookup.reads.clone();
    let fields: Vec<Vec<Text>> = reads.iter().map(texts).collect();
    lookup.turn(|key, join, answers| {
        let name = Text::new(key);
        if let Some(problem) = user.and_then(|user| refusal(user, &name)) {
            return answers.refuse(&problem);
        }
        match (reads.get(join), fields.get(join)) {
            (Some(Reads::Fields(_)), Some(fields)) => some(context, &name, fields, answers),
            _ => whole(context, &name, answers),
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

fn some(context: Context, name: &Text, fields: &[Text], answers: &mut Answers) {
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
        _ => answers.refuse(NO_HASH),
    }
}

fn whole(context: Context, name: &Text, answers: &mut Answers) {
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
        _ => answers.refuse(NO_HASH),
    }
}
