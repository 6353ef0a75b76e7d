//! Taking over what Redis holds: after loading, a new role, a flush, a swap, and when other hosts
//! change the definitions that they share.

use super::host::{Host, Role};
use super::registry::{KnownRoute, Registry, Subscription, standby};
use crate::command::definition::Definition;
use crate::command::{Offsets, Statement, Subscribe};
use crate::state::{State, Status};
use crate::worker::Farewell;
use std::collections::BTreeMap;

/// What to do when the stored definitions have gone.
const GONE: &str = "restore kafka:definitions, or KAFKA.UNSUBSCRIBE and declare it again";

/// What was found in Redis, and under which role.
#[derive(Debug, PartialEq, Eq)]
pub(super) struct Seen {
    role: Role,
    definitions: BTreeMap<String, Vec<u8>>,
}

impl Registry {
    /// Takes over what Redis holds. Where the host consumes, subscriptions run; elsewhere they stand
    /// by. Nothing happens to what is as it was, so that it may be called every second.
    ///
    /// A definition that is gone ends its subscription where another host left word of it
    /// ([`Host::leave_word`]), and stops it otherwise: nobody asked for that.
    ///
    /// # Errors
    /// Where Redis does not answer; it is to be called again.
    pub fn synchronise(&mut self, host: &mut impl Host) -> Result<(), String> {
        let now = Seen { role: host.role(), definitions: host.definitions()? };
        let known = self.seen.as_ref();
        if self.is_settled && known == Some(&now) {
            return Ok(());
        }
        let is_told = known.is_some_and(|known| known.definitions == now.definitions);
        let stored = decode(&now.definitions, is_told);
        self.is_settled = false;
        let standby = standby(&now.role);
        self.seen = Some(now);
        self.routes.retain(|name, _| stored.contains_key(name));
        match standby {
            Some(standby) => self.stand_by(host, &stored, &standby),
            None => {
                stored.iter().for_each(|(name, definition)| self.take_over(host, name, definition));
                self.run_all(host, &stored)?;
            }
        }
        // While a definition is missed, word of it may still come.
        self.is_settled = self.subscriptions.keys().all(|name| stored.contains_key(name));
        Ok(())
    }

    fn stand_by(
        &mut self,
        host: &mut impl Host,
        stored: &BTreeMap<String, Definition>,
        standby: &Status,
    ) {
        let names: Vec<_> = self.subscriptions.keys().cloned().collect();
        names.iter().for_each(|name| self.stop(name, Farewell::Leave));
        self.subscriptions.retain(|name, _| stored.contains_key(name));
        stored.iter().for_each(|(name, definition)| self.take_over(host, name, definition));
        for known in self.subscriptions.values_mut() {
            match &mut known.fault {
                Some(fault) => fault.change(standby.clone()),
                None => known.fault = Some(standby.clone()),
            }
        }
    }

    fn take_over(&mut self, host: &mut impl Host, name: &str, definition: &Definition) {
        let (db, made) = (i32::try_from(definition.db).unwrap_or(0), definition.made);
        match &definition.statement {
            Statement::Route(route) => {
                self.routes.insert(
                    name.to_owned(),
                    KnownRoute { made, phase: definition.phase, declared: route.clone() },
                );
            }
            Statement::Subscribe(declared) => {
                let known = self.subscriptions.get_mut(name);
                match known.map(|known| difference(known, db, made, declared)) {
                    Some(Difference::None) => {}
                    Some(Difference::Initial) => {
                        self.set_initial(host, name, declared.initial, None);
                    }
                    Some(Difference::Other) | None => {
                        self.stop(name, Farewell::Leave);
                        let known = Subscription::new(db, made, declared.clone());
                        self.subscriptions.insert(name.to_owned(), known);
                    }
                }
            }
            _ => log::warn!("definition '{name}' is neither a subscription nor a route"),
        }
    }

    fn run_all(
        &mut self,
        host: &mut impl Host,
        stored: &BTreeMap<String, Definition>,
    ) -> Result<(), String> {
        let names: Vec<_> = self.subscriptions.keys().cloned().collect();
        for name in &names {
            if !stored.contains_key(name) {
                match host.word(name)? {
                    Some(offsets) => self.end_by_word(name, offsets),
                    None => self.miss(host, name),
                }
                continue;
            }
            let Some(known) = self.subscriptions.get_mut(name) else { continue };
            match (&known.lane, known.fault.take()) {
                (Some(_), None) => self.reroute(name),
                _ => self.start(host, name),
            }
        }
        Ok(())
    }

    /// Another host was told to UNSUBSCRIBE, and has dealt with the ledger.
    fn end_by_word(&mut self, name: &str, offsets: Offsets) {
        log::info!("subscription {name} ended: another host was told to");
        self.stop(name, offsets.into());
        self.subscriptions.remove(name);
    }

    /// Holds a subscription whose definition is gone.
    fn miss(&mut self, host: &mut impl Host, name: &str) {
        let reason =
            "its definition is gone from kafka:definitions (flushed, deleted, or an older dump)";
        let Some(known) = self.subscriptions.get_mut(name) else { return };
        let is_told = known.fault.as_ref().is_some_and(|fault| fault.reason == reason);
        if is_told && known.lane.is_some() {
            return self.reroute(name);
        }
        log::warn!("subscription {name} stopped: {reason}");
        let fault = Status::new(State::Stopped, reason, GONE);
        known.fault = Some(fault.clone());
        let Some(lane) = &known.lane else { return self.start(host, name) };
        lane.hold(fault);
        self.reroute(name);
    }
}

/// How a stored subscription differs from the one that is known.
enum Difference {
    None,
    /// It was paused or resumed elsewhere, which takes no new worker.
    Initial,
    Other,
}

fn difference(known: &mut Subscription, db: i32, made: u64, declared: &Subscribe) -> Difference {
    if known.db != db {
        return Difference::Other;
    }
    // It orders definitions, and concerns no worker.
    known.made = made;
    if known.declared == *declared {
        return Difference::None;
    }
    let paused_or_resumed = Subscribe { initial: declared.initial, ..known.declared.clone() };
    let is_at_work = known.lane.is_some() && known.fault.is_none();
    match is_at_work && paused_or_resumed == *declared {
        true => Difference::Initial,
        false => Difference::Other,
    }
}

/// Everything stored that can be read; what cannot is told in the log, once.
fn decode(stored: &BTreeMap<String, Vec<u8>>, is_told: bool) -> BTreeMap<String, Definition> {
    let mut definitions = BTreeMap::new();
    for (name, value) in stored {
        match Definition::decode(name, value) {
            Ok(definition) => {
                definitions.insert(name.clone(), definition);
            }
            Err(_) if is_told => {}
            Err(error) => log::warn!("{error}"),
        }
    }
    definitions
}
