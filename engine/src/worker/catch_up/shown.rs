//! How far routes that catch up are, for people and for WAIT.

use crate::ledger::Advance;
use crate::worker::Progress;
use parking_lot::Mutex;
use std::collections::BTreeMap;
use std::sync::Arc;

/// A route in one partition that it has not joined.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct LatePartition {
    /// Topic name.
    pub topic: Arc<str>,
    /// Partition number.
    pub partition: i32,
    /// The next offset that the route applies.
    pub next: i64,
}

/// How far one route is.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct LateProgress {
    /// The partitions that it has not joined.
    pub partitions: Vec<LatePartition>,
    /// What keeps it from going on, which heals by itself; empty when nothing does.
    pub trouble: String,
}

/// All routes of a subscription that catch up, as the worker and the applier know them.
#[derive(Debug, Default)]
pub struct LateShown {
    routes: Mutex<BTreeMap<Arc<str>, LateProgress>>,
    done: Mutex<Vec<(Arc<str>, u64)>>,
}

impl LateShown {
    /// How far a route is; none while unknown.
    pub fn of(&self, route: &str) -> Option<LateProgress> {
        self.routes.lock().get(route).cloned()
    }

    /// Records that a route has yet to apply to be where the subscription is; none while unknown.
    pub(in crate::worker) fn behind(&self, route: &str, progress: &[Progress]) -> Option<i64> {
        let routes = self.routes.lock();
        let behind = |late: &LatePartition| {
            let same = |p: &&Progress| p.partition == late.partition && p.topic == late.topic;
            progress.iter().find(same).map_or(0, |p| (p.next - late.next).max(0))
        };
        Some(routes.get(route)?.partitions.iter().map(behind).sum())
    }

    /// Shows where a route's ledger stands.
    pub(super) fn show(&self, route: &Arc<str>, partitions: Vec<LatePartition>) {
        self.routes.lock().entry(route.clone()).or_default().partitions = partitions;
    }

    /// Says what a route waits for; nothing where it goes on.
    pub(super) fn say(&self, route: &str, trouble: &str) {
        if let Some(shown) = self.routes.lock().get_mut(route) {
            trouble.clone_into(&mut shown.trouble);
        }
    }

    /// Takes over what an applied unit of a route did.
    pub(in crate::worker) fn advance(&self, route: &str, advances: &[Advance]) {
        let mut routes = self.routes.lock();
        let Some(shown) = routes.get_mut(route) else { return };
        for advance in advances {
            let same = |p: &&mut LatePartition| {
                p.partition == advance.partition && p.topic == advance.topic
            };
            if let Some(partition) = shown.partitions.iter_mut().find(same) {
                partition.next = advance.standing.next;
            }
        }
    }

    /// A route has joined in these partitions, and all before that is applied.
    pub(super) fn join(&self, route: &str, joined: impl Fn(&str, i32) -> bool) {
        if let Some(shown) = self.routes.lock().get_mut(route) {
            shown.partitions.retain(|late| !joined(&late.topic, late.partition));
        }
    }

    /// Forgets a route.
    pub(crate) fn forget(&self, route: &str) {
        self.routes.lock().remove(route);
    }

    /// Says that a route has joined everywhere, under this generation of the lane.
    pub(crate) fn say_done(&self, route: &Arc<str>, generation: u64) {
        self.done.lock().push((route.clone(), generation));
    }

    /// Whether some route is done.
    pub fn has_done(&self) -> bool {
        !self.done.lock().is_empty()
    }

    /// The routes that are done, with the generation under which it was found.
    pub(crate) fn take_done(&self) -> Vec<(Arc<str>, u64)> {
        std::mem::take(&mut self.done.lock())
    }

    /// Gives back one that could not be dealt with.
    pub(crate) fn put_back(&self, done: (Arc<str>, u64)) {
        self.done.lock().push(done);
    }
}
