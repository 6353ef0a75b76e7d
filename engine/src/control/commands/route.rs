//! ROUTE and UNROUTE.

use super::{Execution, Outcome, ok, unknown};
use crate::applier::Known;
use crate::command::{self, CommandError, Replace, Route, Scope, Statement};
use crate::control::host::Host;
use crate::control::{KnownRoute, Subscription, abilities};
use crate::state::State;

impl<H: Host> Execution<'_, H> {
    pub(super) fn route(&mut self, mut given: Route) -> Outcome {
        let statement = Statement::Route(given.clone());
        let stored = self.registry.stored(&given.name);
        let conflict = stored.as_ref().and_then(|stored| command::conflict(&statement, stored));
        if let Some(conflict) = conflict {
            return Err(conflict);
        }
        let db = self.check_subscription(&given)?;
        // What the server lacks is said first: rights to it cannot be granted.
        abilities::check(self.host, &given.target)?;
        self.host.check_rights(&given)?;
        if stored.as_ref().is_some_and(|stored| statement.difference(stored).is_none()) {
            return ok();
        }
        if let Some(subscription) = self.registry.subscriptions.get(&given.from) {
            check_types(subscription, &given)?;
            given.check_sends(&subscription.declared)?;
        }
        if stored.is_none() && given.scope == Scope::FromStart {
            self.refuse_late(&given, db)?;
        }
        given.replace = Replace::No;
        let former = self.registry.routes.get(&given.name);
        let made = former.map_or_else(|| self.registry.next_made(), |former| former.made);
        let former = former.map(|former| former.declared.from.clone());
        let (name, from) = (given.name.clone(), given.from.clone());
        self.store(db, made, Statement::Route(given.clone()))?;
        self.registry.routes.insert(name, KnownRoute { made, declared: given });
        self.registry.reroute(&from);
        if let Some(former) = former.filter(|former| *former != from) {
            self.registry.reroute(&former);
        }
        ok()
    }

    /// The database of the subscription that a route is from.
    fn check_subscription(&mut self, given: &Route) -> Result<i32, CommandError> {
        let Some(subscription) = self.registry.subscriptions.get(&given.from) else {
            return Err(unknown(self.registry, &given.from, "subscription"));
        };
        subscription.check_alive(&given.from)?;
        if self.host.database() != subscription.db {
            return Err(CommandError::new(format!(
                "subscription '{}' writes to database {}",
                given.from, subscription.db
            ))
            .hint("SELECT that one first"));
        }
        Ok(subscription.db)
    }

    /// Refuses a new route where the ledger has passed records already.
    fn refuse_late(&mut self, given: &Route, db: i32) -> Result<(), CommandError> {
        let positions = self.host.positions(db, &given.from).map_err(CommandError::new)?;
        let has_consumed =
            |known: &Known| known.standing.as_ref().map_or(true, |s| s.counters.consumed > 0);
        if !positions.partitions.iter().any(has_consumed) {
            return Ok(());
        }
        let problem =
            format!("'{}' has consumed records already, which a new route would miss", given.from);
        let hint = "add NOW to take only what comes; routes declared together: SUBSCRIBE … PAUSED, ROUTE …, KAFKA.RESUME";
        Err(CommandError::new(problem).hint(hint))
    }

    pub(super) fn unroute(&mut self, name: &str) -> Outcome {
        let from = self.registry.routes.get(name).map(|known| known.declared.from.clone());
        let from = from.ok_or_else(|| unknown(self.registry, name, "route"))?;
        self.unstore(&[name])?;
        self.registry.routes.remove(name);
        self.registry.reroute(&from);
        ok()
    }
}

impl Subscription {
    /// Refuses what a subscription at fault cannot do.
    pub(super) fn check_alive(&self, name: &str) -> Result<(), CommandError> {
        match self.fault.as_ref().filter(|fault| fault.state == State::Stopped) {
            None => Ok(()),
            Some(fault) => {
                let problem = format!("'{name}' cannot go on: {}", fault.reason);
                Err(CommandError::new(problem).hint(fault.action.clone()))
            }
        }
    }
}

/// Holds a route against the newest schema known. A refusal lets the worker look for a newer
/// one, so that what was registered meanwhile is known when the route is typed again.
fn check_types(subscription: &Subscription, given: &Route) -> Result<(), CommandError> {
    let lane = subscription.lane.as_ref();
    let value_type = lane.and_then(|lane| lane.shared.value_type());
    let checked = given.check(value_type.as_deref(), subscription.declared.envelope);
    if let (Err(_), Some(_), Some(lane)) = (&checked, value_type, lane) {
        lane.shared.change(|_| ());
    }
    checked
}
