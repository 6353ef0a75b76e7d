//! Whether those who make a route, and those whose rights its writes have, may write there and
//! read what it joins.

use crate::redis::{Context, Rights, Text, may_publish, may_read, may_run, may_write};
use redis_kafka_engine::command::{CommandError, Route};
use redis_kafka_engine::expression::Template;
use redis_kafka_engine::target::{Place, Target};

/// Who makes a route must be allowed to write where it writes, the keys or channels that start
/// with its literal prefix, the command that it runs, and to read what it joins; and so must the
/// user whose rights the writes have.
pub fn check(context: Context, writer: Option<&str>, route: &Route) -> Result<(), CommandError> {
    for user in context.user_name().into_iter().chain(writer.map(Text::new)) {
        let joins = route.additions.joins.iter().map(|join| {
            let rights = least(&join.key, |key| may_read(&user, key));
            (rights, format!("read keys that start with '{}'", prefix(&join.key)))
        });
        for (rights, what) in std::iter::once(rights_of(&user, &route.target)).chain(joins) {
            let name = user.lossy();
            let problem = match rights {
                Rights::Granted => continue,
                Rights::NoSuchUser => {
                    format!("there is no ACL user '{name}' (load argument USER)")
                }
                Rights::Less => format!("user '{name}' may not {what}"),
            };
            return Err(CommandError::new(problem).hint("grant it with ACL SETUSER"));
        }
    }
    Ok(())
}

fn prefix(template: &Template) -> String {
    String::from_utf8_lossy(template.literal_prefix()).into_owned()
}

/// The user's rights, and to what.
fn rights_of(user: &Text, target: &Target) -> (Rights, String) {
    match target.place() {
        Place::Key(template) => {
            let rights = least(template, |key| may_write(user, key));
            (rights, format!("write keys that start with '{}'", prefix(template)))
        }
        Place::Channel(template) => {
            let rights = least(template, |channel| may_publish(user, channel));
            (rights, format!("publish to channels that start with '{}'", prefix(template)))
        }
        Place::Command(name) => {
            // A template as it is written stands for the keys that it makes.
            let words: Vec<_> = target.arguments().iter().skip(1).map(Text::new).collect();
            (may_run(user, &words), format!("run {} on these keys", name.to_uppercase()))
        }
        Place::Topic(_) => (Rights::Granted, String::new()),
    }
}

/// The rights to what a template makes. Redis 7.0 can only be asked about one name: the prefix,
/// and one that no pattern but `prefix*` would match.
fn least(template: &Template, rights: impl Fn(&Text) -> Rights) -> Rights {
    let prefix = template.literal_prefix();
    let mut examples = vec![prefix.to_vec()];
    if !template.is_constant() {
        examples.push([prefix, b"\x01kafka?any".as_slice()].concat());
    }
    let found = examples.iter().map(|example| rights(&Text::new(example)));
    found.into_iter().find(|rights| *rights != Rights::Granted).unwrap_or(Rights::Granted)
}
