//! Applies units on the main thread: check the ledger, check the keys, write, advance, propagate, notify.
//!
//! What goes through commands of Redis ([`calls`]) comes first, with every key closed; then what
//! is written through open keys; then the ledger, messages and keyspace events.
//!
//! The same code replays a unit that comes from the primary or the AOF; there the
//! facts are decided already and the unit is passed on as it came.

mod calls;
mod changes;
mod channels;
mod decide;
mod groups;
mod hashes;
mod ledgers;
mod letters;
mod lists;
mod notices;
mod patches;
mod resolve;
mod sorted_sets;
mod streams;
mod strings;
mod writer;

use crate::callback::guarded;
use crate::load::Propagate;
use crate::redis::{Context, Text};
use groups::{Groups, check_open};
use ledgers::Ledgers;
use notices::Notices;
use patches::Patch;
use redis_kafka_engine::applier::{Applied, Applier, Positions};
use redis_kafka_engine::letter;
use redis_kafka_engine::lookup::Lookup;
use redis_kafka_engine::unit::Unit;
use redis_kafka_engine::unit::packed::{self, GroupKind, Head, PackedError, Reader};
use writer::Writer;

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

impl Origin {
    /// Whether each write is sent on as a plain command.
    pub fn sends_commands(self) -> bool {
        self == Origin::Worker(Propagate::Commands)
    }
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

    fn letters(
        &mut self,
        subscription: &str,
        range: letter::Range,
    ) -> Result<letter::Page, String> {
        letters::read(self.context, subscription, range)
    }

    fn resolve(&mut self, lookup: &mut Lookup) {
        let user = self.user.map(Text::new);
        let resolved = guarded("resolve", || {
            resolve::resolve(self.context, user.as_ref(), lookup);
        });
        if resolved.is_none() {
            lookup.refuse_open("internal error while it was looked up");
        }
    }

    fn apply(&mut self, unit: &mut Unit, _ahead: Option<&Unit>) -> Applied {
        // A panic between the writes and the ledger leaves neither here nor there: never go on after it.
        let applied = guarded("apply", || self.apply_unit(unit));
        applied.unwrap_or_else(|| {
            Applied::Failed("internal error while a unit was applied".to_owned())
        })
    }
}

impl ModuleApplier<'_> {
    fn apply_unit(&mut self, unit: &mut Unit) -> Applied {
        let user = self.user.map(Text::new);
        let mut decided = Vec::new();
        if unit.undecided > 0 {
            match decide::decide(self.context, unit, &mut decided) {
                Ok(None) => {}
                Ok(Some(refused)) => return refused,
                Err(error) => return Applied::Failed(format!("internal error: {error}")),
            }
        }
        // The unit stays as it was built: what it comes to depends on when it is applied.
        let bytes = if unit.undecided > 0 { &mut decided } else { &mut unit.packed };
        let mut application = Application {
            context: self.context,
            origin: Origin::Worker(self.propagate),
            user: user.as_ref(),
            groups: &unit.groups,
            writers: &unit.writers,
            patches: Vec::with_capacity(unit.writers.len()),
            notices: Notices::default(),
        };
        let applied = match application.apply(bytes) {
            Ok(applied) => applied,
            Err(error) => return Applied::Failed(format!("internal error: {error}")),
        };
        let Application { context, origin, patches, notices, .. } = application;
        if applied == Applied::Done && origin == Origin::Worker(Propagate::Units) {
            patches::fill_in(bytes, &patches);
            context.replicate_bytes(APPLY, bytes);
        }
        notices.fire(context);
        applied
    }
}

/// Applies a unit that the primary or the AOF hands on. A refused unit is told, not applied.
pub fn replay(context: Context, bytes: &[u8]) -> Result<Applied, PackedError> {
    packed::check(bytes)?;
    let mut application = Application {
        context,
        origin: Origin::Replay,
        user: None,
        groups: &[],
        writers: &[],
        patches: Vec::new(),
        notices: Notices::default(),
    };
    let applied = application.apply(bytes)?;
    application.notices.fire(context);
    Ok(applied)
}

/// One unit being applied.
struct Application<'u> {
    context: Context,
    origin: Origin,
    user: Option<&'u Text>,
    /// How many writes each group had, and the record behind each; nothing on replay.
    groups: &'u [u32],
    writers: &'u [u32],
    patches: Vec<Patch>,
    notices: Notices,
}

impl Application<'_> {
    fn apply(&mut self, bytes: &[u8]) -> Result<Applied, PackedError> {
        let mut reader = Reader::new(bytes);
        let head = packed::read_head(&mut reader)?;
        let context = self.context;
        let mut ledgers = match Ledgers::open(context, &head) {
            Ok(ledgers) => ledgers,
            Err(refused) => return Ok(refused),
        };
        let groups = Groups::read(self.origin, &head, &mut reader, self.groups)?;
        if groups.called().first().is_some_and(|it| it.group.kind == GroupKind::Command) {
            // What such a command does is known to Redis alone.
            self.origin = Origin::Worker(Propagate::Commands);
        }
        let mut open = groups.open(context);
        let refused = check_open(&open, self.user, self.writers)
            .or_else(|| groups.check_messages(self.user, self.writers));
        if let Some(clashes) = refused {
            return Ok(Applied::Clash(clashes));
        }
        if letters::are_gone(&open)? {
            return Ok(Applied::Gone);
        }
        if !groups.called().is_empty() {
            // A command may do anything to any key: none is open meanwhile.
            drop((ledgers, open));
            if let Some(refused) = self.call(&head, &groups)? {
                return Ok(refused);
            }
            ledgers = match Ledgers::open(context, &head) {
                Ok(ledgers) => ledgers,
                Err(refused) => return Ok(refused),
            };
            open = groups.open(context);
            // A command of the user's may have made one of the keys another type.
            if let Some(clashes) = check_open(&open, None, self.writers) {
                return Ok(Applied::Clash(clashes));
            }
        }
        let mut writer = self.writer(&head);
        if let Some(failed) = writer.write_all(&open)? {
            let clashes = failed.clashes(&open, self.writers);
            if self.origin == Origin::Worker(Propagate::Units) {
                calls::send_all(context, groups.called())?;
            }
            self.notices = Notices::default();
            return Ok(Applied::Clash(clashes));
        }
        drop(open);
        ledgers.advance(context, self.origin, &head, &mut self.notices);
        channels::publish(context, self.origin, groups.messages())?;
        // Events are fired after the keys are closed: whoever hears them may open the same keys.
        self.notices.take_names(groups.into_names());
        Ok(Applied::Done)
    }

    /// Runs what goes through commands; why the unit cannot be applied, if so.
    fn call(
        &mut self,
        head: &Head<'_>,
        groups: &Groups<'_>,
    ) -> Result<Option<Applied>, PackedError> {
        let context = self.context;
        if let Some(clashes) = groups.check_called(context, self.user, self.writers) {
            return Ok(Some(Applied::Clash(clashes)));
        }
        let clashes = calls::run(context, self.origin, self.user, groups.called(), self.writers)?;
        if let Some(clashes) = clashes {
            return Ok(Some(Applied::Clash(clashes)));
        }
        self.writer(head).expire_called(&groups.open_called(context));
        Ok(None)
    }

    fn writer<'w, 'a>(&'w mut self, head: &'w Head<'a>) -> Writer<'w, 'a> {
        Writer::new(self.context, self.origin, head, &mut self.patches, &mut self.notices)
    }
}
