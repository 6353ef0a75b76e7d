//! SUBSCRIBE and UNSUBSCRIBE.

use super::{Execution, Outcome, known};
use crate::command::{self, CommandError, Initial, Offsets, Replace, Statement, Subscribe};
use crate::control::host::Host;
use crate::control::late::LedgerEnd;
use crate::control::{Registry, Reply, Subscription};
use crate::kafka::Connection;
use crate::worker::Farewell;

impl<H: Host> Execution<'_, H> {
    pub(super) fn subscribe(&mut self, mut given: Subscribe) -> Outcome {
        if let Some(reason) = self.host.cannot_wait() {
            return Err(CommandError::new(format!("{reason}: it asks the broker")));
        }
        if let Connection::Profile(profile) = &given.connection {
            let profiles = &self.registry.config.profiles;
            profiles.get(profile).map_err(|error| CommandError::new(error.to_string()))?;
        }
        self.registry.check_after(&given)?;
        for route in self.registry.routes_of(&given.name) {
            route.declared.check_sends(&given)?;
        }
        let name = given.name.clone();
        let mut note = take_stored(self.registry, &mut given)?;
        let db = self.host.database();
        let known = self.registry.subscriptions.get(&name);
        if let Some(known) = known.filter(|known| known.db != db) {
            return Err(CommandError::new(format!("'{name}' writes to database {}", known.db))
                .hint("SELECT that one first"));
        }
        let made = known.map_or_else(|| self.registry.next_made(), |known| known.made);
        given.replace = Replace::No;
        given.group.get_or_insert_with(|| format!("redis-kafka.{name}.{:016x}", random_id()));
        self.store(db, made, Statement::Subscribe(given.clone()))?;
        let unchanged = self.registry.subscriptions.get(&name).is_some_and(|known| {
            known.declared == given && known.fault.is_none() && known.lane.is_some()
        });
        if !unchanged {
            self.registry.stop(&name, Farewell::Leave);
            self.registry.subscriptions.insert(name.clone(), Subscription::new(db, made, given));
            self.registry.start(self.host, &name);
        }
        note += &self.host.note();
        if !self.waiting.has_room() {
            return Ok(Some(Reply::Simple(format!("OK{note}"))));
        }
        self.waiting.for_greeting(self.host, &name, note);
        self.waiting.look(self.registry, self.hold);
        Ok(None)
    }

    pub(super) fn unsubscribe(&mut self, name: &str, offsets: Offsets) -> Outcome {
        let subscription = known(self.registry, name)?;
        let (db, progress) = (subscription.db, subscription.progress());
        let routes: Vec<_> =
            self.registry.routes_of(name).iter().map(|route| route.declared.name.clone()).collect();
        let names: Vec<_> = routes.iter().map(String::as_str).chain([name]).collect();
        self.host.leave_word(name, offsets).map_err(CommandError::new)?;
        self.unstore(&names)?;
        let late = self.registry.late_of(name);
        self.registry.stop(name, offsets.into());
        late.iter().try_for_each(|route| self.end_late(name, route, LedgerEnd::Delete))?;
        self.registry.subscriptions.remove(name);
        routes.iter().for_each(|route| drop(self.registry.routes.remove(route)));
        if offsets == Offsets::Delete {
            // The ledger's list may have been lost; what the worker knew is deleted all the same.
            let partitions: Vec<_> =
                progress.into_iter().map(|progress| (progress.topic, progress.partition)).collect();
            self.host.delete_ledger(db, name, &partitions).map_err(CommandError::new)?;
        }
        Ok(Some(Reply::Simple(format!("OK{}", self.registry.left_waiting(name)))))
    }
}

/// Holds a subscription against one that stands under its name, and takes over of it what a
/// command need not repeat; a note for whoever gave the command.
fn take_stored(registry: &Registry, given: &mut Subscribe) -> Result<String, CommandError> {
    let statement = Statement::Subscribe(given.clone());
    let Some(stored) = registry.stored(&given.name) else { return Ok(String::new()) };
    if let Some(conflict) = command::conflict(&statement, &stored) {
        return Err(conflict);
    }
    let same = statement.difference(&stored).is_none();
    let Statement::Subscribe(stored) = stored else { return Ok(String::new()) };
    given.group = given.group.take().or(stored.group);
    let known = registry.subscriptions.get(&given.name);
    let is_at_fault = known.is_some_and(|known| known.fault.is_some());
    if !same || given.replace != Replace::No || is_at_fault {
        return Ok(String::new());
    }
    let was_asked = std::mem::replace(&mut given.initial, stored.initial);
    Ok(match (was_asked, stored.initial) {
        (Initial::Paused, Initial::Running) => {
            format!("; unchanged, it runs on: KAFKA.PAUSE {} pauses it", given.name)
        }
        _ => String::new(),
    })
}

/// Sixteen hexadecimal digits that no other subscription has: the standard library's own random keys.
fn random_id() -> u64 {
    use std::hash::{BuildHasher, Hasher, RandomState};
    RandomState::new().build_hasher().finish()
}
