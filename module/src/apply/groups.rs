//! The groups of a unit: what is written where, and whether it fits what stands there.

use super::Origin;
use crate::redis::{Access, Context, Key, KeyKind, Manner, Rights, Text};
use crate::redis::{may_publish, may_write};
use redis_kafka_engine::applier::Clash;
use redis_kafka_engine::ledger;
use redis_kafka_engine::unit::packed::{
    self, Expiry, Group, GroupKind, Head, Keep, PackedError, Reader,
};

/// One group of a unit.
pub struct UnitGroup<'a> {
    /// Its head.
    pub group: Group<'a>,
    /// The key's or the channel's name.
    pub name: Text,
    /// Where its writes stand.
    pub writes: Reader<'a>,
    /// The unit's number of its first writer, and how many there are: more than writes where
    /// only the last writes are packed.
    first_writer: usize,
    writers: usize,
}

/// All groups of a unit, in the order of application.
pub struct Groups<'a> {
    all: Vec<UnitGroup<'a>>,
    direct_from: usize,
    messages_from: usize,
}

/// What became of the check: the records whose writes do not fit. None when all fit.
pub type Refused = Option<Vec<Clash>>;

/// A group whose key is open for writing.
pub struct OpenGroup<'g, 'a> {
    /// The group.
    pub of: &'g UnitGroup<'a>,
    /// Its number in the unit.
    pub number: usize,
    /// Its key.
    pub key: Key,
    /// Whether the key was absent before.
    pub is_new: bool,
}

impl<'a> Groups<'a> {
    /// Reads the groups' heads. `writers` says how many writes each had; a replayed unit has no
    /// such list. A unit that is not in order, or that leaves open on replay what the primary
    /// decides, is none.
    pub fn read(
        origin: Origin,
        head: &Head<'a>,
        reader: &mut Reader<'a>,
        writers: &[u32],
    ) -> Result<Groups<'a>, PackedError> {
        let mut all = Vec::with_capacity(head.groups);
        let (mut first_writer, mut kind) = (0, GroupKind::Command);
        for number in 0..head.groups {
            let group = packed::read_group(reader)?;
            if group.kind < kind || (origin == Origin::Replay && !is_decided(&group)) {
                return Err(PackedError::Code(group.kind as u8));
            }
            kind = group.kind;
            let writers = writers.get(number).map_or(group.writes, |count| *count as usize);
            let name = Text::new(group.key);
            all.push(UnitGroup { group, name, writes: reader.clone(), first_writer, writers });
            reader.skip(group.bytes)?;
            first_writer += writers;
        }
        let direct_from = all.partition_point(|it: &UnitGroup<'_>| it.group.kind.is_called());
        let messages_from = all.partition_point(|it| it.group.kind != GroupKind::Channel);
        Ok(Groups { all, direct_from, messages_from })
    }

    /// Those that go through commands of Redis.
    pub fn called(&self) -> &[UnitGroup<'a>] {
        self.all.get(..self.direct_from).unwrap_or_default()
    }

    /// Messages.
    pub fn messages(&self) -> &[UnitGroup<'a>] {
        self.all.get(self.messages_from..).unwrap_or_default()
    }

    /// Opens the keys that are written directly.
    pub fn open(&self, context: Context) -> Vec<OpenGroup<'_, 'a>> {
        let direct = self.all.get(self.direct_from..self.messages_from).unwrap_or_default();
        let open = |(at, of): (usize, _)| open_group(context, self.direct_from + at, of);
        direct.iter().enumerate().map(open).collect()
    }

    /// Opens the keys that commands have written, for what no command does. No command may be
    /// called while they are open.
    pub fn open_called(&self, context: Context) -> Vec<OpenGroup<'_, 'a>> {
        let called = self.called().iter().enumerate();
        let keys = called.filter(|(_, it)| it.group.kind != GroupKind::Command);
        keys.map(|(at, of)| open_group(context, at, of)).collect()
    }

    /// The groups' names, in their order.
    pub fn into_names(self) -> impl Iterator<Item = Text> {
        self.all.into_iter().map(|it| it.name)
    }

    /// What is called and does not fit. No key may be open.
    pub fn check_called(&self, context: Context, user: Option<&Text>, writers: &[u32]) -> Refused {
        let mut refused = None;
        for it in self.called().iter().filter(|it| it.group.kind != GroupKind::Command) {
            let found = context.open(&it.name, Access::Write).kind();
            let found = Found::of(context, found, &it.name);
            check(it, found, user, writers, &mut refused);
        }
        refused
    }

    /// Messages that the user whose rights count may not publish.
    pub fn check_messages(&self, user: Option<&Text>, writers: &[u32]) -> Refused {
        let user = user?;
        let mut refused = None;
        for it in self.messages() {
            let rights = may_publish(user, &it.name);
            if let Some(problem) = lacks(user, rights, "publish to channel", it) {
                refuse(it, writers, &problem, &mut refused);
            }
        }
        refused
    }
}

fn open_group<'g, 'a>(context: Context, number: usize, of: &'g UnitGroup<'a>) -> OpenGroup<'g, 'a> {
    let key = context.open(&of.name, Access::Write);
    let is_new = key.kind() == KeyKind::Empty;
    OpenGroup { of, number, key, is_new }
}

/// Whether nothing is left to the clock or to the layout of a key's memory.
fn is_decided(group: &Group<'_>) -> bool {
    !matches!(group.kind, GroupKind::Command | GroupKind::Undecided)
        && !matches!(group.keep, Keep::AtLeast(_) | Keep::Younger(_))
        && !matches!(group.expiry, Expiry::After(_))
}

/// Keys of another type, and keys the user may not write: found before the first write.
pub fn check_open(groups: &[OpenGroup<'_, '_>], user: Option<&Text>, writers: &[u32]) -> Refused {
    let mut refused = None;
    for open in groups {
        check(open.of, Found::Kind(open.key.kind()), user, writers, &mut refused);
    }
    refused
}

/// What stands at a key.
enum Found {
    /// One of Redis's own types, or nothing.
    Kind(KeyKind),
    /// A type of a module's, by its name.
    Named(String),
}

impl Found {
    fn of(context: Context, kind: KeyKind, name: &Text) -> Found {
        if kind != KeyKind::Module {
            return Found::Kind(kind);
        }
        match context.ask(c"TYPE", &[name.raw()], Manner::Local) {
            Ok(reply) => Found::Named(reply.text()),
            Err(_) => Found::Kind(KeyKind::Other),
        }
    }

    fn fits(&self, kind: GroupKind) -> bool {
        let wanted = match kind {
            GroupKind::Command | GroupKind::Channel => return true,
            GroupKind::Json => return self.is_named("ReJSON-RL"),
            GroupKind::TimeSeries => return self.is_named("TSDB-TYPE"),
            // SET itself would take the place of anything: another type here is a mistake.
            GroupKind::String => KeyKind::String,
            GroupKind::Set => KeyKind::Set,
            GroupKind::Geo | GroupKind::SortedSet => KeyKind::SortedSet,
            GroupKind::Stream => KeyKind::Stream,
            GroupKind::List => KeyKind::List,
            GroupKind::Hash | GroupKind::Undecided => KeyKind::Hash,
        };
        matches!(self, Found::Kind(kind) if *kind == KeyKind::Empty || *kind == wanted)
    }

    fn is_named(&self, wanted: &str) -> bool {
        match self {
            Found::Kind(kind) => *kind == KeyKind::Empty,
            Found::Named(name) => name == wanted,
        }
    }
}

fn check(
    it: &UnitGroup<'_>,
    found: Found,
    user: Option<&Text>,
    writers: &[u32],
    refused: &mut Refused,
) {
    if !found.fits(it.group.kind) {
        let key = String::from_utf8_lossy(it.group.key);
        let wanted = it.group.kind.type_name().unwrap_or_default();
        refuse(it, writers, &format!("WRONGTYPE key '{key}' is no {wanted}"), refused);
    } else if let Some(user) = user.filter(|_| !ledger::is_of_ledger(it.group.key))
        && let Some(problem) = lacks(user, may_write(user, &it.name), "write key", it)
    {
        refuse(it, writers, &problem, refused);
    }
}

/// Why the user whose rights count may not do it; none when it may.
fn lacks(user: &Text, rights: Rights, what: &str, it: &UnitGroup<'_>) -> Option<String> {
    let (user, name) = (user.lossy(), String::from_utf8_lossy(it.group.key));
    match rights {
        Rights::Granted => None,
        Rights::Less => Some(format!("NOPERM user '{user}' may not {what} '{name}'")),
        Rights::NoSuchUser => Some(no_such_user(&user)),
    }
}

/// The load argument names nobody.
pub fn no_such_user(user: &str) -> String {
    format!("NOPERM there is no ACL user '{user}' (load argument USER)")
}

/// A replayed unit names no records, but is refused all the same.
fn refuse(it: &UnitGroup<'_>, writers: &[u32], problem: &str, refused: &mut Refused) {
    refused.get_or_insert_default().extend(it.clashes(0, writers, problem));
}

impl UnitGroup<'_> {
    /// The records behind the group's packed writes from its `skip`-th on; behind all of its
    /// writes where that is 0.
    pub fn clashes(&self, skip: usize, writers: &[u32], problem: &str) -> Vec<Clash> {
        let unpacked = self.writers.saturating_sub(self.group.writes);
        let skip = if skip == 0 { 0 } else { unpacked + skip };
        self.clashes_of(skip, self.writers.saturating_sub(skip), writers, problem)
    }

    /// The record behind one packed write.
    pub fn clash(&self, write: usize, writers: &[u32], problem: &str) -> Vec<Clash> {
        let unpacked = self.writers.saturating_sub(self.group.writes);
        self.clashes_of(unpacked + write, 1, writers, problem)
    }

    fn clashes_of(&self, skip: usize, count: usize, writers: &[u32], problem: &str) -> Vec<Clash> {
        let records = writers.iter().skip(self.first_writer + skip).take(count);
        Clash::behind(records, self.group.key, problem)
    }
}
