//! ROUTE and UNROUTE.

use super::{Execution, Outcome, ok, unknown};
use crate::applier::Known;
use crate::command::definition::Phase;
use crate::command::{self, CommandError, Replace, Route, Scope, Statement};
use crate::control::host::Host;
use crate::control::late::LedgerEnd;
use crate::control::{KnownRoute, Reply, Subscription, abilities};
use crate::kafka::{Membership, Position};
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
        let (phase, reply) = self.phase(&given, db)?;
        given.replace = Replace::No;
        let former = self.registry.routes.get(&given.name);
        let made = former.map_or_else(|| self.registry.next_made(), |former| former.made);
        let former = former.map(|former| (former.declared.from.clone(), former.phase));
        let (name, from) = (given.name.clone(), given.from.clone());
        self.store_phase(db, made, phase, Statement::Route(given.clone()))?;
        self.registry.routes.insert(name.clone(), KnownRoute { made, phase, declared: given });
        self.registry.reroute(&from);
        if let Some((former, was)) = former.filter(|(former, was)| (former, *was) != (&from, phase))
        {
            self.registry.reroute(&former);
            if was == Phase::CatchesUp {
                self.end_late(&former, &name, LedgerEnd::Retire)?;
            }
        }
        Ok(Some(Reply::Simple(reply)))
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

    /// Whether a route has to read earlier records for itself, and the answer that says so. A new one
    /// has where the ledger has passed records already, or may pass some before others that share the
    /// partitions hear of it. What takes a route's place goes on where that one is.
    fn phase(&mut self, given: &Route, db: i32) -> Result<(Phase, String), CommandError> {
        let joined = |phase| Ok((phase, "OK".to_owned()));
        let former = self.registry.routes.get(&given.name);
        match former.filter(|former| former.declared.from == given.from) {
            _ if given.scope == Scope::Now => return joined(Phase::Joined),
            Some(former) => return joined(former.phase),
            None => {}
        }
        let positions = self.host.positions(db, &given.from).map_err(CommandError::new)?;
        let has_consumed =
            |known: &Known| known.standing.as_ref().map_or(true, |s| s.counters.consumed > 0);
        let has_consumed = positions.partitions.iter().any(has_consumed);
        let is_shared = self.registry.config.membership != Membership::Manual;
        let others = self.registry.routes_of(&given.from);
        let may_miss = is_shared && others.iter().any(|it| it.declared.name != given.name);
        if !has_consumed && !may_miss {
            return joined(Phase::Joined);
        }
        let known = self.registry.subscriptions.get(&given.from);
        let start = known.map_or(Position::Earliest, |known| known.declared.start);
        let lacks_start = |known: &Known| known.listing.start.is_none();
        if start != Position::Earliest && positions.partitions.iter().any(lacks_start) {
            let from = &given.from;
            let problem = format!(
                "'{from}' has consumed records already, and where it began was not kept by the version that made its ledger"
            );
            return Err(CommandError::new(problem).hint("add NOW to take only what comes"));
        }
        // Left over, where a server ended in the middle of it.
        self.end_late(&given.from, &given.name, LedgerEnd::Delete)?;
        Ok((
            Phase::CatchesUp,
            match has_consumed {
                true => {
                    "OK; it reads the earlier records first, KAFKA.LIST shows how far".to_owned()
                }
                false => "OK".to_owned(),
            },
        ))
    }

    /// Has a route's own ledger go, if there is one.
    pub(super) fn end_late(
        &mut self,
        from: &str,
        route: &str,
        end: LedgerEnd,
    ) -> Result<(), CommandError> {
        let db = self.registry.subscriptions.get(from).map_or(0, |known| known.db);
        self.registry.end_late(self.host, db, (from, route), end).map_err(CommandError::new)
    }

    pub(super) fn unroute(&mut self, name: &str) -> Outcome {
        let from = self.registry.routes.get(name).map(|known| known.declared.from.clone());
        let from = from.ok_or_else(|| unknown(self.registry, name, "route"))?;
        self.unstore(&[name])?;
        self.registry.routes.remove(name);
        self.registry.reroute(&from);
        self.end_late(&from, name, LedgerEnd::Retire)?;
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
