//! Late routes: those that lack records which their subscription had consumed before they were made.

use super::registry::Registry;
use super::{Host, Reply, Subscription};
use crate::command::Statement;
use crate::command::definition::{Definition, Phase};
use crate::ledger::catch_up_name;
use crate::state::{State, Status};
use crate::worker::Lane;
use std::sync::Arc;

/// How a route's own ledger ends.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum LedgerEnd {
    /// At once, before another route of that name begins, or with its subscription.
    Delete,
    /// As nobody needs it any more, but may still look at it.
    Retire,
}

impl Registry {
    /// The routes of a subscription that catch up, in the order they were made.
    pub(super) fn late_of(&self, subscription: &str) -> Vec<String> {
        let routes = self.routes_of(subscription).into_iter();
        let late = routes.filter(|route| route.phase == Phase::CatchesUp);
        late.map(|route| route.declared.name.clone()).collect()
    }

    /// The first route of a subscription that is behind it, or may be.
    pub fn catching_up(&self, subscription: &str) -> Option<String> {
        let late = self.late_of(subscription);
        match self.subscriptions.get(subscription).and_then(|known| known.lane.as_ref()) {
            Some(lane) => lane.shared.first_behind(&late).cloned(),
            None => late.into_iter().next(),
        }
    }

    /// Whether some route has caught up, so that [`Registry::finish_catch_ups`] has work.
    pub fn has_caught_up(&self) -> bool {
        let lanes = self.subscriptions.values().filter_map(|known| known.lane.as_ref());
        lanes.into_iter().any(|lane| lane.shared.late.has_done())
    }

    /// Stores of routes that have caught up that they have, then lets their own ledgers go. To be
    /// called where the host may write.
    pub fn finish_catch_ups(&mut self, host: &mut impl Host) {
        let done = |(name, known): (&String, &Subscription)| {
            let lane = known.lane.as_ref()?;
            Some((name.clone(), lane.shared.clone(), lane.shared.late.take_done()))
        };
        let done: Vec<_> = self.subscriptions.iter().filter_map(done).collect();
        for (subscription, shared, routes) in done {
            for (route, generation) in routes {
                // Under another generation it may be another route of that name.
                if generation != shared.generation() {
                    continue;
                }
                if let Err(problem) = self.finish_catch_up(host, &subscription, &route) {
                    log::warn!("route {route} has caught up, which cannot be stored: {problem}");
                    shared.late.put_back((route, generation));
                }
            }
        }
    }

    /// Takes a route that is nowhere behind as one that has joined.
    fn finish_catch_up(
        &mut self,
        host: &mut impl Host,
        subscription: &str,
        route: &str,
    ) -> Result<(), String> {
        let db = self.subscriptions.get(subscription).map_or(0, |known| known.db);
        let Some(known) = self.routes.get(route) else { return Ok(()) };
        if known.phase != Phase::CatchesUp || known.declared.from != subscription {
            return Ok(());
        }
        let statement = Statement::Route(known.declared.clone());
        let db_number = u32::try_from(db).unwrap_or(0);
        let late = Definition {
            db: db_number,
            made: known.made,
            phase: Phase::CatchesUp,
            statement: statement.clone(),
        };
        // Another host that shares the definitions may have changed it.
        if host.definitions()?.get(route).map(Vec::as_slice) != Some(late.encode().as_bytes()) {
            return Ok(());
        }
        self.is_settled = false;
        host.store(route, &Definition { phase: Phase::Joined, ..late })?;
        if let Some(known) = self.routes.get_mut(route) {
            known.phase = Phase::Joined;
        }
        if let Some(lane) = self.lane(subscription) {
            lane.shared.settle_late(route);
        }
        self.end_late(host, db, (subscription, route), LedgerEnd::Retire)
    }

    /// Has a route's own ledger go, if there is one.
    pub(super) fn end_late(
        &self,
        host: &mut impl Host,
        db: i32,
        (subscription, route): (&str, &str),
        end: LedgerEnd,
    ) -> Result<(), String> {
        let partitions = self.partitions_of(subscription);
        let ledger = catch_up_name(subscription, route);
        match end {
            LedgerEnd::Delete => host.delete_ledger(db, &ledger, &partitions),
            LedgerEnd::Retire => host.retire_ledger(db, &ledger, &partitions),
        }
    }

    fn partitions_of(&self, subscription: &str) -> Vec<(Arc<str>, i32)> {
        let known = self.subscriptions.get(subscription);
        let progress = known.map(Subscription::progress).unwrap_or_default();
        progress.into_iter().map(|progress| (progress.topic, progress.partition)).collect()
    }

    fn lane(&self, subscription: &str) -> Option<&Lane> {
        self.subscriptions.get(subscription)?.lane.as_ref()
    }

    /// What a running subscription says of a route that catches up.
    pub(super) fn tell_catch_up(&self, subscription: &str, status: &mut Status) {
        if status.state != State::Running || !status.reason.is_empty() {
            return;
        }
        let Some(route) = self.catching_up(subscription) else { return };
        let behind = self.lane(subscription).and_then(|lane| lane.shared.records_behind(&route));
        status.reason = match behind {
            Some(1) => format!("route '{route}' catches up: 1 record behind"),
            Some(records) => format!("route '{route}' catches up: {records} records behind"),
            None => format!("route '{route}' catches up"),
        };
    }

    /// `joined`, or `catches up` while a route reads earlier records for itself.
    pub(super) fn phase_of(&self, route: &str) -> &'static str {
        let is_late = |from: &String| {
            let lane = self.lane(from)?;
            lane.shared.first_behind(&[route.to_owned()]).map(drop)
        };
        let from = self.routes.get(route).map(|known| &known.declared.from);
        match from.and_then(is_late) {
            Some(()) => "catches up",
            None => "joined",
        }
    }

    /// What keeps a route from catching up, which heals by itself; empty when nothing does.
    pub(super) fn late_trouble(&self, subscription: &str, route: &str) -> String {
        let late = self.lane(subscription).and_then(|lane| lane.shared.late.of(route));
        late.map(|late| late.trouble).unwrap_or_default()
    }

    /// For each partition that a route has not joined: its own next offset, and the subscription's.
    pub(super) fn catch_up_info(&self, subscription: &str, route: &str) -> Reply {
        let Some(lane) = self.lane(subscription) else { return Reply::List(Vec::new()) };
        let progress = lane.shared.progress();
        let late = lane.shared.late.of(route).unwrap_or_default();
        let partition = |late: crate::worker::LatePartition| {
            let same = |p: &&crate::worker::Progress| {
                p.partition == late.partition && p.topic == late.topic
            };
            let bound = progress.iter().find(same).map_or(late.next, |p| p.next);
            Reply::Map(vec![
                ("topic", Reply::Text(late.topic.to_string())),
                ("partition", Reply::Integer(i64::from(late.partition))),
                ("next", Reply::Integer(late.next)),
                ("subscription_next", Reply::Integer(bound)),
                ("behind", Reply::Integer((bound - late.next).max(0))),
            ])
        };
        Reply::List(late.partitions.into_iter().map(partition).collect())
    }
}
