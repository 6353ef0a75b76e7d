//! A route's share of its subscription's loop while it catches up: batches in, units out, until it
//! has come to where the subscription stands.

use super::ledger::has_joined;
use super::{Active, LateRoute, PlaceState};
use crate::kafka::{Batch, Event, Membership, Record};
use crate::ledger::Cursor;
use crate::unit::Unit;
use crate::worker::absence::Pace;
use crate::worker::consume::FETCH_WAIT;
use crate::worker::flow::{Flow, slots};
use crate::worker::gather::{Ahead, Place};
use crate::worker::{Keep, Trouble, Worker};
use crossbeam_channel::TryRecvError;
use std::sync::Arc;
use std::time::{Duration, Instant};

/// How long a turn takes at least where the subscription has nothing to do, and how long a fetch then
/// waits: bounds how late a record of the subscription's is taken.
const IDLE_TURN: Duration = Duration::from_millis(5);

/// A partition with so many records to go is not left before it has joined, if it is done within
/// [`CLOSING`]: the subscription, under load, would be ahead again.
const CLOSE: i64 = 5000;

/// How long the subscription waits for that in one turn.
const CLOSING: Duration = Duration::from_millis(100);

/// How often it is looked how far a route is in partitions of others.
const LOOK: Duration = Duration::from_millis(200);

/// How long it is waited after something that a route needs was away.
const AGAIN: Duration = Duration::from_secs(1);

/// Whether more records may be at hand.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Supply {
    Some,
    None,
}

impl Worker {
    /// A turn for the first route that is behind, about as long as the subscription's own step took.
    pub(in crate::worker) fn catch_up(
        &mut self,
        main: &mut Flow,
        pace: Pace,
        spent: Duration,
    ) -> Result<(), Trouble> {
        if main.late.routes.is_empty() {
            main.fetch_wait = FETCH_WAIT;
            return Ok(());
        }
        self.follow_late(main)?;
        let budget = if pace == Pace::Busy { spent } else { spent.max(IDLE_TURN) };
        let caught_up = match main.late.is_postponed() {
            true => Ok(()),
            false => self.catch_up_for(main, pace, budget),
        };
        let caught_up = match caught_up {
            Err(Trouble::Wait { reason, connection: Keep::Keep, .. }) => {
                self.say_late(main, &reason);
                main.late.postpone(AGAIN);
                Ok(())
            }
            other => other,
        };
        main.fetch_wait = if main.late.is_at_work() { Duration::ZERO } else { FETCH_WAIT };
        caught_up
    }

    fn catch_up_for(
        &mut self,
        main: &mut Flow,
        pace: Pace,
        budget: Duration,
    ) -> Result<(), Trouble> {
        let mut active = match main.late.active.take() {
            Some(active) => active,
            None => match self.open_late(main)? {
                Some(active) => active,
                None => return Ok(()),
            },
        };
        let worked = self
            .find_back(main, &mut active)
            .and_then(|()| self.work_late(main, &mut active, pace, budget));
        active.is_adrift |= worked.is_err();
        if active.reached.contains(&false) || !active.joining.is_empty() {
            main.late.active = Some(active);
        } else {
            self.rest_late();
        }
        worked
    }

    /// The first route that is behind, ready to read.
    fn open_late(&mut self, main: &Flow) -> Result<Option<Box<Active>>, Trouble> {
        let mut routes = main.late.routes.iter().enumerate();
        let Some((at, route)) = routes.find(|(_, route)| route.is_behind()) else {
            return Ok(None);
        };
        let Some(control) = main.late.control.as_ref() else { return Ok(None) };
        let Some(spec) = control.routes.get(route.number) else { return Ok(None) };
        let behind = route.places.iter().enumerate();
        let behind = behind.filter(|(_, place)| place.state == PlaceState::Behind);
        let (slots, cursors): (Vec<_>, Vec<_>) =
            behind.map(|(slot, place)| (slot, place.cursor.clone())).unzip();
        let flow = self.late_flow(control, spec, cursors)?;
        Ok(Some(Box::new(Active {
            route: at,
            flow,
            reached: vec![false; slots.len()],
            slots,
            joining: Vec::new(),
            batch: Batch::new(),
            is_adrift: true,
        })))
    }

    /// Has the consumer stand where the route does.
    fn find_back(&mut self, main: &Flow, active: &mut Active) -> Result<(), Trouble> {
        if !active.is_adrift {
            return Ok(());
        }
        active.flow.ahead = Ahead::Nothing;
        active.flow.next.clear();
        active.batch.clear();
        active.flow.plan.lookup.clear();
        self.assign(&active.flow)?;
        active.is_adrift = false;
        self.say_late(main, "");
        Ok(())
    }

    fn work_late(
        &mut self,
        main: &mut Flow,
        active: &mut Active,
        pace: Pace,
        budget: Duration,
    ) -> Result<(), Trouble> {
        let began = Instant::now();
        loop {
            if self.lane.shared.generation() != main.generation {
                return Err(Trouble::Changed);
            }
            self.release(&mut active.flow)?;
            if active.flow.outbox.is_full() {
                return Ok(());
            }
            active.flow.fetch_wait = if pace == Pace::Busy { Duration::ZERO } else { IDLE_TURN };
            let mut batch = std::mem::take(&mut active.batch);
            let supply = self.step_late(main, active, &mut batch);
            batch.clear();
            active.batch = batch;
            let supply = supply?;
            if !active.joining.is_empty() {
                // Half joined, it can only begin anew.
                self.join_late(main, active).map_err(|trouble| match trouble {
                    Trouble::Wait { .. } => Trouble::Recheck,
                    other => other,
                })?;
            }
            let time = began.elapsed();
            let goes_on = time < budget || (time < CLOSING && is_close(main, active));
            if supply == Supply::None || !goes_on || !active.reached.contains(&false) {
                return Ok(());
            }
        }
    }

    /// One batch: the records before those that the subscription has taken.
    fn step_late(
        &mut self,
        main: &mut Flow,
        active: &mut Active,
        batch: &mut Batch,
    ) -> Result<Supply, Trouble> {
        self.next_batch(&mut active.flow, batch)?;
        let mut taken = 0;
        for (at, event) in batch.events().enumerate() {
            taken += 1;
            match event {
                Event::Record(record) => {
                    if self.is_behind(main, active, &record)? {
                        self.take(&mut active.flow, &record, Place::new(batch, at))?;
                    }
                }
                Event::Problem { slot, problem } => {
                    self.meet(&mut active.flow, slot, &problem)?;
                }
            }
        }
        active.flow.plan.lookup.clear();
        if taken == 0 && active.flow.ahead.is_nothing() {
            self.pass_late_control_records(main, active);
        }
        for slot in 0..active.slots.len() {
            if active.next(slot) >= main_cursor(main, active, slot).map(Cursor::next) {
                active.reach(slot);
            }
        }
        if taken == 0 || !self.spec.unit_records.takes_more(taken, &active.flow) {
            self.flush(&mut active.flow)?;
        }
        Ok(if taken == 0 { Supply::None } else { Supply::Some })
    }

    /// Whether a record lies before what the subscription has sent. Where it lies behind all that the
    /// subscription has taken, the route has come to where it stands.
    fn is_behind(
        &mut self,
        main: &mut Flow,
        active: &mut Active,
        record: &Record<'_>,
    ) -> Result<bool, Trouble> {
        if active.reached.get(record.slot).copied().unwrap_or(true) {
            return Ok(false);
        }
        let Some(cursor) = main_cursor(main, active, record.slot) else { return Ok(false) };
        if record.offset < cursor.sent() {
            return Ok(true);
        }
        self.drain(main)?;
        let Some(cursor) = main_cursor(main, active, record.slot) else { return Ok(false) };
        let next = cursor.next();
        if record.offset < next {
            return Ok(true);
        }
        if let Some(cursor) = active.flow.cursors.get_mut(record.slot) {
            cursor.move_to(next);
        }
        active.reach(record.slot);
        Ok(false)
    }

    /// Once all that was handed out is taken, what is left before the subscription's place may be
    /// control records and compacted tails.
    fn pass_late_control_records(&mut self, main: &Flow, active: &mut Active) {
        for slot in 0..active.slots.len() {
            let position = self.late_consumer.as_ref().and_then(|reader| reader.position(slot));
            let Some(cursor) = main_cursor(main, active, slot) else { continue };
            let (sent, next) = (cursor.sent(), cursor.next());
            let Some(own) = active.flow.cursors.get_mut(slot) else { continue };
            match position {
                Some(position) if position >= next => own.move_to(next),
                Some(position) => own.move_to(position.min(sent)),
                None => {}
            }
        }
    }

    /// From here on the subscription writes the route in the partitions that it has come to the end
    /// of: both stand at the same offset, and send all they have taken.
    fn join_late(&mut self, main: &mut Flow, active: &mut Active) -> Result<(), Trouble> {
        self.drain(main)?;
        self.drain(&mut active.flow)?;
        let joining = std::mem::take(&mut active.joining);
        let main_slots: Vec<_> =
            joining.iter().filter_map(|slot| active.slots.get(*slot).copied()).collect();
        let Some(route) = main.late.routes.get_mut(active.route) else { return Ok(()) };
        for slot in &main_slots {
            if let Some(place) = route.places.get_mut(*slot) {
                place.state = PlaceState::Reached;
            }
        }
        let (name, number) = (route.name.clone(), route.number);
        main_slots.iter().for_each(|slot| main.late.hold(*slot, number, false));
        if self.spec.membership == Membership::Manual {
            self.send_marks(main)?;
        }
        // The lane answers in order: all of it is applied. What the ledger holds is known.
        let _ = self.lane.load(main.generation)?;
        if self.lane.shared.generation() != main.generation {
            return Err(Trouble::Changed);
        }
        let slots = active.flow.slots.clone();
        self.lane.shared.late.join(&name, |topic, partition| {
            let at = |slot: &usize| slots.get(*slot);
            joining.iter().filter_map(at).any(|(t, p)| *p == partition && **t == *topic)
        });
        self.lane.wake_applier();
        self.narrow(active)
    }

    /// A unit that only says what has joined, for where nobody else consumes. It is refused if
    /// the subscription stands elsewhere.
    fn send_marks(&mut self, main: &mut Flow) -> Result<(), Trouble> {
        let mut marked = main.mark(|_| true);
        marked.sort_unstable();
        marked.dedup();
        let mut unit: Box<Unit> = self.lane.empty_unit();
        unit.generation = main.generation;
        unit.slots = main.slots.clone();
        let stays = marked.iter().filter_map(|slot| main.cursors.get(*slot)).map(Cursor::stay);
        main.builder.finish(&main.ledger, &main.plan.names, stays, &mut unit);
        Ok(self.lane.send(unit)?)
    }

    /// Leaves out what has been reached, once that is half of what is fetched.
    fn narrow(&mut self, active: &mut Active) -> Result<(), Trouble> {
        let left: Vec<_> = (0..active.slots.len())
            .filter(|slot| active.reached.get(*slot) == Some(&false))
            .collect();
        if left.is_empty() || left.len() * 2 > active.slots.len() {
            return Ok(());
        }
        let cursors: Vec<_> =
            left.iter().filter_map(|slot| active.flow.cursors.get(*slot).cloned()).collect();
        active.slots = left.iter().filter_map(|slot| active.slots.get(*slot).copied()).collect();
        active.reached = vec![false; active.slots.len()];
        active.flow.slots = slots(&cursors);
        active.flow.cursors = cursors;
        active.flow.ahead = Ahead::Nothing;
        active.flow.next.clear();
        self.assign(&active.flow)
    }

    /// Looks how far routes are, and says so of those that have joined everywhere.
    fn follow_late(&mut self, main: &mut Flow) -> Result<(), Trouble> {
        let generation = main.generation;
        let is_alone = self.spec.membership == Membership::Manual;
        if is_alone && main.late.routes.iter().any(LateRoute::has_unsaid) {
            self.drain(main)?;
            self.send_marks(main)?;
        }
        let mut done = Vec::new();
        for (at, route) in main.late.routes.iter_mut().enumerate() {
            let is_done = match self.spec.membership {
                Membership::Manual => {
                    route.places.iter().all(|place| place.state == PlaceState::Joined)
                }
                Membership::Group { .. } => self.follow_members(route, &main.known, generation)?,
            };
            if is_done {
                done.push(at);
            }
        }
        for at in done.into_iter().rev() {
            let is_active = main.late.active.as_ref().map(|active| active.route);
            if is_active == Some(at) {
                continue;
            }
            let route = main.late.routes.remove(at);
            if let Some(active) = main.late.active.as_mut().filter(|active| active.route > at) {
                active.route -= 1;
            }
            log::info!("subscription {}: route {} has caught up", self.spec.name, route.name);
            self.lane.shared.late.say_done(&route.name, generation);
            self.lane.wake_applier();
        }
        Ok(())
    }

    /// The same where other members of the group may read some of the partitions.
    fn follow_members(
        &self,
        route: &mut LateRoute,
        known: &[(Arc<str>, i32)],
        generation: u64,
    ) -> Result<bool, Trouble> {
        if let Some(asked) = route.asked.take() {
            match asked.try_recv() {
                Ok(Ok(positions)) => {
                    self.show_late(&route.name, &positions);
                    let known = known.iter().map(|(topic, partition)| (&**topic, *partition));
                    return Ok(has_joined(&positions, known));
                }
                Err(TryRecvError::Empty) => route.asked = Some(asked),
                // A ledger that cannot be read stops whoever writes it.
                Ok(Err(_)) | Err(TryRecvError::Disconnected) => {}
            }
        }
        if route.asked.is_none() && route.looked.elapsed() >= LOOK {
            route.looked = Instant::now();
            route.asked = Some(self.lane.ask_late_positions(&route.name, generation)?);
        }
        Ok(false)
    }

    fn say_late(&self, main: &Flow, trouble: &str) {
        if let Some(route) = main.late.routes.iter().find(|route| route.is_behind()) {
            self.lane.shared.late.say(&route.name, trouble);
        }
    }
}

impl Active {
    fn next(&self, slot: usize) -> Option<i64> {
        self.flow.cursors.get(slot).map(Cursor::next)
    }

    fn reach(&mut self, slot: usize) {
        if let Some(reached) = self.reached.get_mut(slot).filter(|reached| !**reached) {
            *reached = true;
            self.joining.push(slot);
        }
    }
}

/// The subscription's cursor in the partition of a route's slot.
fn main_cursor<'m>(main: &'m Flow, active: &Active, slot: usize) -> Option<&'m Cursor> {
    main.cursors.get(*active.slots.get(slot)?)
}

/// Whether a partition has few records to go.
fn is_close(main: &Flow, active: &Active) -> bool {
    (0..active.slots.len()).filter(|slot| active.reached.get(*slot) == Some(&false)).any(|slot| {
        let main = main_cursor(main, active, slot).map(Cursor::next);
        main.zip(active.next(slot)).is_some_and(|(main, own)| main - own <= CLOSE)
    })
}
