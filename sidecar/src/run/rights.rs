//! Whether the user of the URL may write where a route writes, as far as Redis tells.
//!
//! `ACL DRYRUN` may be asked by few users; who may not ask finds out when a record is refused.

use super::redis::Redis;
use crate::redis::text;
use redis_kafka_engine::command::{CommandError, Route};
use redis_kafka_engine::expression::Template;
use redis_kafka_engine::target::Place;

/// Refuses a route where Redis says that its keys, or its channel, are not this user's.
pub fn check(redis: &mut Redis, route: &Route) -> Result<(), CommandError> {
    let user = match redis.ask(0, &[b"ACL", b"WHOAMI"]) {
        Ok(user) => text(&user),
        Err(problem) => {
            log::debug!("ACL WHOAMI: {problem}");
            return Ok(());
        }
    };
    let mut ask = |what: &str, words: &[&[u8]]| match denied(redis, &user, words) {
        true => {
            let problem = format!("user '{user}' may not {what}");
            Err(CommandError::new(problem).hint("grant it with ACL SETUSER"))
        }
        false => Ok(()),
    };
    for join in &route.additions.joins {
        for key in examples(&join.key) {
            let what = format!("read keys that start with '{}'", prefix(&join.key));
            ask(&what, &[b"HGET", &key, b"field"])?;
        }
    }
    match route.target.place() {
        Place::Key(template) => {
            for key in examples(template) {
                let what = format!("write keys that start with '{}'", prefix(template));
                ask(&what, &[b"SET", &key, b"value"])?;
            }
        }
        Place::Channel(template) => {
            for channel in examples(template) {
                let what = format!("publish to channels that start with '{}'", prefix(template));
                ask(&what, &[b"PUBLISH", &channel, b"message"])?;
            }
        }
        // What a command may do is known to Redis when its words are.
        Place::Command(_) | Place::Topic(_) => {}
    }
    Ok(())
}

fn prefix(template: &Template) -> String {
    String::from_utf8_lossy(template.literal_prefix()).into_owned()
}

/// Names that a template makes: its prefix, and one that no pattern but `prefix*` would match.
fn examples(template: &Template) -> Vec<Vec<u8>> {
    let prefix = template.literal_prefix();
    let mut examples = vec![prefix.to_vec()];
    if !template.is_constant() {
        examples.push([prefix, b"\x01kafka?any".as_slice()].concat());
    }
    examples
}

/// Whether Redis says that the user may not touch this key or channel. A user that may not run the
/// very command of the question may still run the one that is needed.
fn denied(redis: &mut Redis, user: &str, words: &[&[u8]]) -> bool {
    let mut question = vec![b"ACL".as_slice(), b"DRYRUN", user.as_bytes()];
    question.extend(words);
    match redis.ask(0, &question) {
        Ok(answer) => {
            let answer = text(&answer);
            answer.contains("access the") && (answer.contains("key") || answer.contains("channel"))
        }
        Err(problem) => {
            log::debug!("ACL DRYRUN: {problem}");
            false
        }
    }
}
