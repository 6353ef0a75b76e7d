//! Applies units on the main thread: check the ledger, check the keys, write, advance, propagate, notify.
//!
//! The same code replays a unit that comes from the primary or the AOF; there the
//! facts are decided already and the unit is passed on as it came.

mod ledgers;
mod notices;
mod writes;

use crate::callback::guarded;
use crate::load::Propagate;
use crate::redis::{Access, Context, Key, KeyKind, Rights, Text, rights};
use ledgers::Ledgers;
use notices::Notices;
use redis_kafka_engine::applier::{Applied, Applier, Clash, Positions};
use redis_kafka_engine::unit::Unit;
use redis_kafka_engine::unit::packed::{self, Group, GroupKind, Head, PackedError, Reader};

/// The command that carries a packed unit to replicas and the AOF.
pub const APPLY: &std::ffi::CStr = c"KAFKA.APPLY";

/// Where a unit comes from.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Origin {
    /// A worker of this server: IDs and trims are decided here, and propagated.
    Worker(Propagate),
    /// The primary or the AOF: everything is decided.
    Replay,
}

/// Applies units through the module API, in the database selected on the context.
pub struct ModuleApplier<'a> {
    /// The callback's context.
    pub context: Context,
    /// How units are propagated.
    pub propagate: Propagate,
    /// The ACL user whose rights count, if one was set.
    pub user: Option<&'a str>,
}

impl Applier for ModuleApplier<'_> {
    fn load(&mut self, subscription: &str) -> Result<Positions, String> {
        ledgers::load(self.context, subscription)
    }

    fn apply(&mut self, unit: &mut Unit) -> Applied {
        // A panic between the writes and the ledger leaves neither here nor there: never go on after it.
        let applied = guarded("apply", || self.apply_unit(unit));
        applied.unwrap_or_else(|| {
            Applied::Failed("internal error while a unit was applied".to_owned())
        })
    }
}

impl ModuleApplier<'_> {
    fn apply_unit(&mut self, unit: &mut Unit) -> Applied {
        let mut patches = Vec::new();
        let user = self.user.map(Text::new);
        let applied = apply(
            self.context,
            Origin::Worker(self.propagate),
            &unit.packed,
            user.as_ref(),
            &unit.writers,
            &mut patches,
        );
        match applied {
            Ok((applied, notices)) => {
                if applied == Applied::Done && self.propagate == Propagate::Units {
                    writes::patch(&mut unit.packed, &patches);
                    self.context.replicate_bytes(APPLY, &unit.packed);
                }
                notices.fire(self.context);
                applied
            }
            Err(error) => Applied::Failed(format!("internal error: {error}")),
        }
    }
}

/// Applies a unit that the primary or the AOF hands on. A refused unit is told, not applied.
pub fn replay(context: Context, bytes: &[u8]) -> Result<Applied, PackedError> {
    packed::check(bytes)?;
    let (applied, notices) = apply(context, Origin::Replay, bytes, None, &[], &mut Vec::new())?;
    notices.fire(context);
    Ok(applied)
}

/// One key of the unit, open for writing, and where its writes stand.
struct OpenGroup<'a> {
    group: Group<'a>,
    name: Text,
    key: Key,
    writes: Reader<'a>,
    /// The unit's number of its first write.
    first_write: usize,
    /// Whether the key was absent before.
    is_new: bool,
}

fn apply(
    context: Context,
    origin: Origin,
    bytes: &[u8],
    user: Option<&Text>,
    writers: &[u32],
    patches: &mut Vec<writes::Patch>,
) -> Result<(Applied, Notices), PackedError> {
    let mut reader = Reader::new(bytes);
    let head = packed::read_head(&mut reader)?;
    let mut notices = Notices::default();
    let ledgers = match Ledgers::open(context, &head) {
        Ok(ledgers) => ledgers,
        Err(refused) => return Ok((refused, notices)),
    };
    let mut groups = open_groups(context, &head, &mut reader)?;
    if let Some(clashes) = find_clashes(&groups, user, writers) {
        return Ok((Applied::Clash(clashes), notices));
    }
    let mut writer = writes::Writer::new(context, origin, &head, patches, &mut notices);
    if let Some(failed) = writer.write_all(&mut groups)? {
        return Ok((Applied::Clash(clash_from(&groups, failed, writers)), Notices::default()));
    }
    ledgers.advance(context, origin, &head, &mut notices);
    // Events are fired after the keys are closed: whoever hears them may open the same keys.
    notices.take_names(groups.into_iter().map(|group| group.name));
    Ok((Applied::Done, notices))
}

fn open_groups<'a>(
    context: Context,
    head: &Head<'a>,
    reader: &mut Reader<'a>,
) -> Result<Vec<OpenGroup<'a>>, PackedError> {
    let mut groups = Vec::with_capacity(head.groups);
    let mut first_write = 0;
    for _ in 0..head.groups {
        let group = packed::read_group(reader)?;
        let name = Text::new(group.key);
        let key = context.open(&name, Access::Write);
        let is_new = key.kind() == KeyKind::Empty;
        groups.push(OpenGroup { group, name, key, writes: reader.clone(), first_write, is_new });
        reader.skip(group.bytes)?;
        first_write += group.writes;
    }
    Ok(groups)
}

/// Keys of another type, and keys the user may not write: found before the first write. None
/// when all fit.
fn find_clashes(
    groups: &[OpenGroup<'_>],
    user: Option<&Text>,
    writers: &[u32],
) -> Option<Vec<Clash>> {
    let (mut clashes, mut is_refused) = (Vec::new(), false);
    for open in groups {
        let fits = match (open.key.kind(), open.group.kind) {
            (KeyKind::Empty, _)
            | (KeyKind::Stream, GroupKind::Stream(_))
            | (KeyKind::Hash, GroupKind::Hash) => true,
            (KeyKind::Stream | KeyKind::Hash | KeyKind::Other, _) => false,
        };
        let key = String::from_utf8_lossy(open.group.key);
        if !fits {
            is_refused = true;
            let wanted = match open.group.kind {
                GroupKind::Stream(_) => "stream",
                GroupKind::Hash => "hash",
            };
            clashes.extend(clashes_of(
                open,
                0,
                writers,
                &format!("WRONGTYPE key '{key}' is no {wanted}"),
            ));
        } else if let Some(problem) = user.and_then(|user| refusal(user, open)) {
            is_refused = true;
            clashes.extend(clashes_of(open, 0, writers, &problem));
        }
    }
    // A replayed unit names no records, but is refused all the same.
    is_refused.then_some(clashes)
}

/// Why the user whose rights count may not write a key; none when it may.
fn refusal(user: &Text, open: &OpenGroup<'_>) -> Option<String> {
    let (name, key) = (user.lossy(), String::from_utf8_lossy(open.group.key));
    match rights(user, &open.name) {
        Rights::Write => None,
        Rights::Less => Some(format!("NOPERM user '{name}' may not write key '{key}'")),
        Rights::NoSuchUser => {
            Some(format!("NOPERM there is no ACL user '{name}' (load argument USER)"))
        }
    }
}

/// The records behind a group's writes from its `skip`-th on.
fn clashes_of(open: &OpenGroup<'_>, skip: usize, writers: &[u32], problem: &str) -> Vec<Clash> {
    let records =
        writers.iter().skip(open.first_write + skip).take(open.group.writes.saturating_sub(skip));
    let mut clashes: Vec<Clash> = Vec::new();
    for &record in records {
        if clashes.last().is_none_or(|last| last.record != record) {
            clashes.push(Clash {
                record,
                key: open.group.key.to_vec(),
                problem: problem.to_owned(),
            });
        }
    }
    clashes
}

/// A stream that takes no entry any more: the writes of its group from that one on.
fn clash_from(groups: &[OpenGroup<'_>], failed: writes::Failed, writers: &[u32]) -> Vec<Clash> {
    let Some(open) = groups.get(failed.group) else { return Vec::new() };
    let key = String::from_utf8_lossy(open.group.key);
    clashes_of(open, failed.write, writers, &format!("stream '{key}' has no entry IDs left"))
}
