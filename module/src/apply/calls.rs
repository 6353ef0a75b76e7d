//! What goes through commands of Redis: sets, maps, JSON documents, time series, the user's own.
//!
//! No key is open meanwhile. Sets and maps fit, as their types are checked before; a sample, a
//! document or a command of the user's may still be refused. What was written until then is
//! written again, to the same effect, when the unit comes back without the record that was
//! refused; only of two commands of the user's in one record the first may have been run.

use super::Origin;
use super::groups::{UnitGroup, no_such_user};
use super::sorted_sets::number_text;
use crate::redis::{CallError, Context, Manner, Rights, Text, may_run};
use redis_kafka_engine::applier::Clash;
use redis_kafka_engine::ledger;
use redis_kafka_engine::unit::packed::{self, GroupKind, PackedError, PlainWrite};
use redis_module::raw::RedisModuleString;
use std::ffi::{CStr, CString};

/// Runs the calls of a unit; the records that were refused, if any.
pub fn run(
    context: Context,
    origin: Origin,
    user: Option<&Text>,
    groups: &[UnitGroup<'_>],
    writers: &[u32],
) -> Result<Option<Vec<Clash>>, PackedError> {
    let manner = if origin.sends_commands() { Manner::Replicated } else { Manner::Local };
    let mut calls = Calls { act: Act::Run(manner), user, ..Calls::new(context) };
    for group in groups {
        // Samples and documents are each tried, so that all that is refused is known at once.
        if !calls.refused.is_empty() && group.group.kind > GroupKind::Json {
            break;
        }
        calls.group(group, writers)?;
    }
    if calls.refused.is_empty() {
        return Ok(None);
    }
    let Calls { refused, refusals, done, .. } = calls;
    if origin != Origin::Replay && manner == Manner::Local {
        // The unit will not be sent on, but this part of it stands here.
        send(context, groups, &refusals, done)?;
    }
    Ok(Some(refused))
}

/// Sends on the calls of a unit that was refused after them.
pub fn send_all(context: Context, groups: &[UnitGroup<'_>]) -> Result<(), PackedError> {
    send(context, groups, &[], usize::MAX)
}

fn send(
    context: Context,
    groups: &[UnitGroup<'_>],
    refusals: &[usize],
    count: usize,
) -> Result<(), PackedError> {
    let act = Act::Send { refusals: refusals.to_vec(), count };
    let mut calls = Calls { act, ..Calls::new(context) };
    groups.iter().try_for_each(|group| calls.group(group, &[]))
}

/// What is done with the calls.
enum Act {
    /// They are run.
    Run(Manner),
    /// The first `count` are sent on to replicas and AOF, but for those that were refused.
    Send { refusals: Vec<usize>, count: usize },
}

struct Calls<'c> {
    context: Context,
    act: Act,
    user: Option<&'c Text>,
    /// How many calls there were.
    done: usize,
    /// The numbers of the calls that were refused.
    refusals: Vec<usize>,
    refused: Vec<Clash>,
    /// The values of the call under way, and the pointers Redis gets.
    values: Vec<Text>,
    arguments: Vec<*mut RedisModuleString>,
}

/// Members that one call adds or removes.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum MembersCall {
    Add,
    Remove,
}

impl Calls<'_> {
    fn new(context: Context) -> Self {
        Calls {
            context,
            act: Act::Run(Manner::Local),
            user: None,
            done: 0,
            refusals: Vec::new(),
            refused: Vec::new(),
            values: Vec::new(),
            arguments: Vec::new(),
        }
    }

    fn group(&mut self, it: &UnitGroup<'_>, writers: &[u32]) -> Result<(), PackedError> {
        match it.group.kind {
            GroupKind::Command => self.commands(it, writers),
            GroupKind::TimeSeries | GroupKind::Json => self.single(it, writers),
            GroupKind::Set | GroupKind::Geo => self.members(it, writers),
            other => Err(PackedError::Code(other as u8)),
        }
    }

    fn begin(&mut self, it: &UnitGroup<'_>) {
        self.values.clear();
        self.arguments.clear();
        self.arguments.push(it.name.raw());
    }

    fn add(&mut self, text: Text) {
        self.arguments.push(text.raw());
        self.values.push(text);
    }

    /// Makes the call under way.
    fn call(&mut self, command: &CStr) -> Result<(), CallError> {
        let number = self.done;
        self.done += 1;
        match &self.act {
            Act::Run(manner) => {
                let called = self.context.run(command, &self.arguments, *manner);
                if called.is_err() {
                    self.refusals.push(number);
                }
                called
            }
            Act::Send { refusals, count } => {
                if number < *count && !refusals.contains(&number) {
                    self.context.replicate(command, &self.arguments);
                }
                Ok(())
            }
        }
    }

    /// One call a write: a document, a sample.
    fn single(&mut self, it: &UnitGroup<'_>, writers: &[u32]) -> Result<(), PackedError> {
        let mut reader = it.writes.clone();
        for number in 0..it.group.writes {
            self.begin(it);
            let command = match packed::read_plain_write(&mut reader, it.group.kind)? {
                PlainWrite::Delete => c"DEL",
                PlainWrite::Whole(document) => {
                    self.add(Text::new("$"));
                    self.add(Text::new(document));
                    c"JSON.SET"
                }
                PlainWrite::Sample(at, value) => {
                    self.add(Text::new(itoa::Buffer::new().format(at)));
                    self.add(number_text(value));
                    self.add(Text::new("ON_DUPLICATE"));
                    self.add(Text::new("LAST"));
                    c"TS.ADD"
                }
                _ => return Err(PackedError::Code(it.group.kind as u8)),
            };
            if let Err(error) = self.call(command) {
                let problem = words(command, it, &error);
                self.refused.extend(it.clash(number, writers, &problem));
            }
        }
        Ok(())
    }

    /// One call a run of members that are added, or removed.
    fn members(&mut self, it: &UnitGroup<'_>, writers: &[u32]) -> Result<(), PackedError> {
        let (add, remove) = match it.group.kind {
            GroupKind::Geo => (c"GEOADD", c"ZREM"),
            _ => (c"SADD", c"SREM"),
        };
        let command = |call| if call == MembersCall::Add { add } else { remove };
        let mut reader = it.writes.clone();
        let mut former = MembersCall::Add;
        self.begin(it);
        for _ in 0..it.group.writes {
            let write = packed::read_plain_write(&mut reader, it.group.kind)?;
            let call = match write {
                PlainWrite::Remove(_) => MembersCall::Remove,
                _ => MembersCall::Add,
            };
            if call != former || write == PlainWrite::Delete {
                self.flush(it, command(former), writers);
                former = call;
            }
            match write {
                PlainWrite::Delete => self.make(it, c"DEL", writers),
                PlainWrite::Remove(member) | PlainWrite::Add(member) => {
                    self.add(Text::new(member));
                }
                PlainWrite::Place(longitude, latitude, member) => {
                    self.add(number_text(longitude));
                    self.add(number_text(latitude));
                    self.add(Text::new(member));
                }
                _ => return Err(PackedError::Code(it.group.kind as u8)),
            }
        }
        self.flush(it, command(former), writers);
        Ok(())
    }

    fn flush(&mut self, it: &UnitGroup<'_>, command: &CStr, writers: &[u32]) {
        if self.arguments.len() > 1 {
            self.make(it, command, writers);
        }
    }

    fn make(&mut self, it: &UnitGroup<'_>, command: &CStr, writers: &[u32]) {
        if let Err(error) = self.call(command) {
            self.refused.extend(it.clashes(0, writers, &words(command, it, &error)));
        }
        self.begin(it);
    }

    /// The user's own commands, one after the other; none after one that was refused.
    fn commands(&mut self, it: &UnitGroup<'_>, writers: &[u32]) -> Result<(), PackedError> {
        let mut reader = it.writes.clone();
        for number in 0..it.group.writes {
            let PlainWrite::Command(count) = packed::read_plain_write(&mut reader, it.group.kind)?
            else {
                return Err(PackedError::Code(it.group.kind as u8));
            };
            let words = (0..count).map(|_| reader.text()).collect::<Result<Vec<_>, _>>()?;
            if let Err(problem) = self.command(&words) {
                self.refused.extend(it.clash(number, writers, &problem));
                break;
            }
        }
        Ok(())
    }

    fn command(&mut self, words: &[&[u8]]) -> Result<(), String> {
        let (name, rest) = words.split_first().ok_or("a command without a name")?;
        if let Some(key) = rest.iter().find(|word| ledger::is_reserved(word)) {
            let key = String::from_utf8_lossy(key);
            return Err(format!("'{key}' belongs to redis-kafka: a COMMAND may not name it"));
        }
        let command = CString::new(*name).map_err(|_| "a command's name may not hold NUL")?;
        if let Some(user) = self.user {
            let words: Vec<_> = words.iter().map(Text::new).collect();
            let (user_name, name) = (user.lossy(), command.to_string_lossy());
            match may_run(user, &words) {
                Rights::Granted => {}
                Rights::Less => {
                    return Err(format!("NOPERM user '{user_name}' may not run this {name}"));
                }
                Rights::NoSuchUser => return Err(no_such_user(&user_name)),
            }
        }
        self.values.clear();
        self.arguments.clear();
        rest.iter().for_each(|word| self.add(Text::new(word)));
        self.call(&command).map_err(|error| format!("{}: {error}", command.to_string_lossy()))
    }
}

fn words(command: &CStr, it: &UnitGroup<'_>, error: &CallError) -> String {
    let (command, key) = (command.to_string_lossy(), String::from_utf8_lossy(it.group.key));
    format!("{command} '{key}': {error}")
}
