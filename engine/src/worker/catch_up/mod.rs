//! Late routes: a route added to a subscription that has consumed reads the earlier records for
//! itself, up to where the subscription stands, and then joins it, partition by partition.
//!
//! It keeps a ledger of its own ([`crate::ledger::catch_up_name`]), made at the subscription's START
//! and advanced by units of its own. They go through the subscription's lane, built by its worker
//! between its steps, so that in whatever history of Redis survives the route has never come further
//! than the subscription. While it is behind in a partition, the subscription's units leave it out
//! there ([`super::plan::Held`]).
//!
//! Once it has come to where the subscription stands in a partition, which stands still meanwhile, it
//! *joins*: both have sent all they had taken, and from there on the subscription's units write
//! it. The ledger's list says so (`joined`) in a unit that expects the subscription's ledger to
//! stand exactly there, before or with the first record that it writes for the route. Where other
//! members of a consumer group may still believe that it is behind, it must be with that record:
//! theirs is then refused as stale. Whoever begins anew finds each partition either joined, or not
//! joined and the route's own offset.
//!
//! When all partitions have joined, the registry's thread stores the definition without the word that
//! the route is late, and then deletes the route's ledger.

mod ledger;
mod shown;
mod turn;

pub use shown::{LatePartition, LateProgress, LateShown};

use super::flow::Flow;
use super::lane::PositionsAsked;
use super::plan::Held;
use super::shared::Control;
use crate::kafka::Batch;
use crate::ledger::{Cursor, Listing, catch_up_name, known_key};
use crate::record::Names;
use crate::unit::{Builder, FieldsWrite, Upkeep};
use std::sync::Arc;
use std::time::{Duration, Instant};

/// The routes that lack earlier records, in one session.
#[derive(Default)]
pub(super) struct Late {
    /// Those that have not joined everywhere, in the order they were made.
    routes: Vec<LateRoute>,
    /// By slot of the subscription and number of the route, whether it is held back; nothing for a
    /// slot where none is.
    held: Vec<Vec<bool>>,
    /// The one that catches up now: one after the other.
    active: Option<Box<Active>>,
    /// When it goes on, after something was away.
    postponed: Option<Instant>,
    /// What is wanted of the session.
    control: Option<Control>,
}

/// One route that lacks earlier records.
struct LateRoute {
    name: Arc<str>,
    /// Its number among the subscription's routes.
    number: usize,
    /// By slot of the subscription.
    places: Vec<Place>,
    /// Where its ledger is answered, where other members may have moved it.
    asked: Option<PositionsAsked>,
    looked: Instant,
}

/// A late route in one partition.
struct Place {
    state: PlaceState,
    /// The route's own, where it catches up.
    cursor: Cursor,
    listing: Listing,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum PlaceState {
    /// It reads for itself.
    Behind,
    /// The subscription writes it; the next unit that moves the partition says so.
    Reached,
    /// The subscription writes it, and the list says so.
    Joined,
}

/// A route that catches up.
struct Active {
    /// Its place in [`Late::routes`].
    route: usize,
    flow: Flow,
    /// For each slot of the flow, that of the subscription.
    slots: Vec<usize>,
    /// For each slot of the flow, whether it has come to where the subscription stands.
    reached: Vec<bool>,
    /// Slots that have come there and are to join.
    joining: Vec<usize>,
    batch: Batch,
    /// Whether its consumer stands elsewhere than its cursors.
    is_adrift: bool,
}

impl Late {
    /// Which routes are held back of a slot's records.
    #[inline]
    pub(super) fn held(&self, slot: usize) -> Held<'_> {
        Held(self.held.get(slot).map_or(&[], Vec::as_slice))
    }

    /// Bytes that its buffers hold on to.
    pub(super) fn memory(&self) -> usize {
        self.active.as_ref().map_or(0, |active| active.flow.memory())
    }

    /// Whether something is to be read for a late route now.
    fn is_at_work(&self) -> bool {
        self.active.is_some() && self.postponed.is_none()
    }

    fn is_postponed(&mut self) -> bool {
        self.postponed.take_if(|until| Instant::now() >= *until);
        self.postponed.is_some()
    }

    fn postpone(&mut self, time: Duration) {
        self.postponed = Some(Instant::now() + time);
    }

    fn hold(&mut self, slot: usize, route: usize, is_held: bool) {
        let Some(held) = self.held.get_mut(slot) else { return };
        if held.len() <= route {
            held.resize(route + 1, false);
        }
        if let Some(place) = held.get_mut(route) {
            *place = is_held;
        }
        if !held.contains(&true) {
            held.clear();
        }
    }
}

impl LateRoute {
    fn is_behind(&self) -> bool {
        self.places.iter().any(|place| place.state == PlaceState::Behind)
    }

    /// Whether it has joined somewhere without the list saying so.
    fn has_unsaid(&self) -> bool {
        self.places.iter().any(|place| place.state == PlaceState::Reached)
    }
}

impl Flow {
    /// Says in the unit being built, where it moves a partition that a late route has reached, that
    /// the subscription writes the route from there on.
    pub(super) fn mark_joined(&mut self) {
        self.mark(Cursor::has_moved);
    }

    /// The same where `is_due` says so; the slots that were marked.
    fn mark(&mut self, is_due: impl Fn(&Cursor) -> bool) -> Vec<usize> {
        let Flow { late, cursors, builder, plan, part, ledger, .. } = self;
        let mut marked = Vec::new();
        if late.routes.is_empty() || part.route().is_some() {
            return marked;
        }
        for route in &mut late.routes {
            for (slot, place) in route.places.iter_mut().enumerate() {
                let cursor = cursors.get(slot).filter(|cursor| is_due(cursor));
                let Some(cursor) = cursor.filter(|_| place.state == PlaceState::Reached) else {
                    continue;
                };
                place.listing.joined = Some(cursor.sent());
                let key = known_key(&catch_up_name(ledger, &route.name));
                let at = (&*cursor.topic, cursor.partition);
                write_listing(builder, &mut plan.names, &key, at, &place.listing);
                place.state = PlaceState::Joined;
                marked.push(slot);
            }
        }
        marked
    }

    /// Bytes that its buffers hold on to.
    pub(super) fn memory(&self) -> usize {
        self.builder.memory() + self.plan.memory() + self.outbox.memory()
    }
}

/// Writes what a list says of a partition.
pub(super) fn write_listing(
    builder: &mut Builder,
    names: &mut Names,
    list: &str,
    (topic, partition): (&str, i32),
    listing: &Listing,
) {
    builder.key_buffer().extend_from_slice(list.as_bytes());
    // Our own key is only ever written as a hash, so it cannot have two types in one unit.
    let Ok(mut entry) = builder.fields_of_own(FieldsWrite::HashMerge, Upkeep::default()) else {
        return;
    };
    let field = format!("{topic}/{partition}");
    entry.text(names.intern(field.as_bytes(), None), listing.to_string().as_bytes());
    entry.end(std::iter::empty());
}
