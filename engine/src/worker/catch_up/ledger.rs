//! The start of a session: where late routes stand, and what their ledgers still lack.

use super::shown::LatePartition;
use super::{Late, LateRoute, Place, PlaceState};
use crate::applier::Positions;
use crate::kafka::{Position, Watermarks};
use crate::ledger::{Advance, Cursor, Expected, Listing, Standing, catch_up_name};
use crate::unit::Builder;
use crate::worker::membership::Standings;
use crate::worker::shared::Control;
use crate::worker::{Trouble, Worker};
use std::sync::Arc;
use std::time::Instant;

impl Worker {
    /// Where the late routes stand in the partitions that are read here. Makes the ledgers of those
    /// that have none yet.
    pub(in crate::worker) fn late_routes(
        &mut self,
        control: &Control,
        standings: &Standings,
    ) -> Result<Late, Trouble> {
        let mut late = Late::default();
        for name in control.late.iter() {
            let Some(number) = control.routes.iter().position(|route| route.name == *name) else {
                continue;
            };
            let name: Arc<str> = name.as_str().into();
            let positions = self.late_positions(control, &name, standings)?;
            self.show_late(&name, &positions);
            if is_done(&positions, standings) {
                self.lane.shared.late.say_done(&name, control.generation);
                self.lane.wake_applier();
                continue;
            }
            let places = places(&positions, standings).ok_or(Trouble::Recheck)?;
            let (asked, looked) = (None, Instant::now());
            late.routes.push(LateRoute { name, number, places, asked, looked });
        }
        if late.routes.is_empty() {
            self.rest_late();
            return Ok(late);
        }
        let own = late.routes.first().map_or(0, |route| route.places.len());
        late.held = vec![Vec::new(); own];
        let behind = |route: &LateRoute| -> Vec<(usize, usize)> {
            let places = route.places.iter().enumerate();
            let behind = places.filter(|(_, place)| place.state == PlaceState::Behind);
            behind.map(|(slot, _)| (slot, route.number)).collect()
        };
        let held: Vec<_> = late.routes.iter().flat_map(behind).collect();
        held.into_iter().for_each(|(slot, route)| late.hold(slot, route, true));
        late.control = Some(control.clone());
        Ok(late)
    }

    /// What a route's ledger holds once it knows every partition and fits what Kafka has.
    fn late_positions(
        &mut self,
        control: &Control,
        route: &Arc<str>,
        standings: &Standings,
    ) -> Result<Positions, Trouble> {
        loop {
            let positions = self
                .lane
                .load_late(route, control.generation)?
                .map_err(|problem| self.stop(problem, "mend it, then KAFKA.RESUME"))?;
            if let Some((known, Err(fault))) = positions
                .partitions
                .iter()
                .map(|known| (known, &known.standing))
                .find(|it| it.1.is_err())
            {
                let at = format!("{}/{}", known.topic, known.partition);
                let reason =
                    format!("the ledger of {at} of route '{route}', which catches up, {fault}");
                let action = format!(
                    "restore the ledger key and KAFKA.RESUME, or KAFKA.UNROUTE {route} and declare it again"
                );
                return Err(self.stop(reason, action));
            }
            let mut advances = self.missing_late(control, route, &positions, standings)?;
            if advances.is_empty() {
                self.misfits_late(route, &positions, standings, &mut advances)?;
            }
            if advances.is_empty() {
                return Ok(positions);
            }
            let mut unit = self.lane.empty_unit();
            unit.generation = control.generation;
            unit.catches_up = Some(route.clone());
            let ledger = catch_up_name(&self.spec.name, route);
            Builder::new().finish(&ledger, &Default::default(), advances.into_iter(), &mut unit);
            self.lane.send(unit)?;
        }
    }

    /// The partitions that a route's ledger does not know yet begin where the subscription's began.
    fn missing_late(
        &mut self,
        control: &Control,
        route: &str,
        positions: &Positions,
        standings: &Standings,
    ) -> Result<Vec<Advance>, Trouble> {
        let is_missing =
            |cursor: &&Cursor| positions.get(&cursor.topic, cursor.partition).is_none();
        let missing: Vec<_> = standings.all.iter().filter(is_missing).collect();
        if missing.is_empty() {
            return Ok(Vec::new());
        }
        let of_subscription = self
            .lane
            .load(control.generation)?
            .map_err(|problem| self.stop(problem, "mend it, then KAFKA.RESUME"))?;
        let since = jiff::Timestamp::now().as_millisecond();
        let mut advances = Vec::with_capacity(missing.len());
        for cursor in missing {
            let (topic, partition) = (cursor.topic.clone(), cursor.partition);
            let listing = of_subscription.get(&topic, partition).map(|known| known.listing);
            let next = self.late_start(route, cursor, listing.unwrap_or_default())?;
            advances.push(Advance {
                topic,
                partition,
                expected: Expected::Absent { since },
                standing: Standing::start(next, cursor.standing().topic_id),
            });
        }
        Ok(advances)
    }

    /// Where a route begins that is to see every record from the subscription's START.
    fn late_start(
        &mut self,
        route: &str,
        cursor: &Cursor,
        listing: Listing,
    ) -> Result<i64, Trouble> {
        let Watermarks { earliest, .. } = self.watermarks(&cursor.topic, cursor.partition)?;
        let start = match listing.start {
            Some(start) if start <= cursor.next() => start,
            None if self.spec.start != Position::Earliest => {
                let name = &self.spec.name;
                let reason = format!(
                    "where '{name}' began in {}/{} was not kept by the version that made its ledger, so that route '{route}' cannot begin there",
                    cursor.topic, cursor.partition
                );
                return Err(self.stop(
                    reason,
                    format!("KAFKA.UNROUTE {route}, and KAFKA.ROUTE {route} … NOW"),
                ));
            }
            // The topic is another one of that name.
            Some(_) | None => earliest,
        };
        if start < earliest {
            self.tell_lost(route, cursor, start, earliest);
        }
        Ok(start.max(earliest).min(cursor.next()))
    }

    /// Steps for partitions where a route's ledger does not fit what Kafka and the subscription's
    /// ledger have. Nothing of it stops the subscription: as a new one would, the route takes what
    /// there is.
    fn misfits_late(
        &mut self,
        route: &str,
        positions: &Positions,
        standings: &Standings,
        advances: &mut Vec<Advance>,
    ) -> Result<(), Trouble> {
        for cursor in &standings.all {
            let (topic, partition) = (cursor.topic.clone(), cursor.partition);
            let known = positions.get(&topic, partition);
            let Some((Ok(standing), None)) = known.map(|it| (&it.standing, it.listing.joined))
            else {
                continue;
            };
            let (next, topic_id) = (cursor.next(), cursor.standing().topic_id);
            if standing.next == next || !standings.share.includes(&topic, partition) {
                continue;
            }
            // Of another topic of that name, or of a log that was longer.
            let is_foreign = !cursor.is_of(standing.topic_id) || standing.next > next;
            let earliest = self.watermarks(&topic, partition)?.earliest;
            if !is_foreign && standing.next >= earliest {
                continue;
            }
            if !is_foreign {
                self.tell_lost(route, cursor, standing.next, earliest);
            }
            let to = if is_foreign { next } else { earliest.min(next) };
            advances.push(Advance {
                topic,
                partition,
                expected: Expected::Next(standing.next),
                standing: Standing { next: to, epoch: None, topic_id, ..*standing },
            });
        }
        Ok(())
    }

    fn tell_lost(&self, route: &str, cursor: &Cursor, from: i64, to: i64) {
        let (topic, partition) = (&cursor.topic, cursor.partition);
        let told = format!(
            "route '{route}' catches up in {topic}/{partition} from {to} on: {} earlier records are gone from Kafka (retention)",
            to - from
        );
        log::warn!("subscription {}: {told}", self.spec.name);
        self.lane.shared.set_last_error(told);
    }

    /// Shows where a route stands, also in partitions of others.
    pub(super) fn show_late(&self, route: &Arc<str>, positions: &Positions) {
        let behind = positions.partitions.iter().filter(|known| known.listing.joined.is_none());
        let partition = |known: &crate::applier::Known| {
            let next = known.standing.as_ref().ok()?.next;
            let (topic, partition) = (known.topic.as_str().into(), known.partition);
            Some(LatePartition { topic, partition, next })
        };
        self.lane.shared.late.show(route, behind.filter_map(partition).collect());
    }
}

/// Whether a route has joined in every partition.
pub(super) fn is_done(positions: &Positions, standings: &Standings) -> bool {
    let places = standings.all.iter().map(|cursor| (&*cursor.topic, cursor.partition));
    has_joined(positions, places)
}

/// Whether a route has joined in these partitions.
pub(super) fn has_joined<'p>(
    positions: &Positions,
    mut partitions: impl Iterator<Item = (&'p str, i32)>,
) -> bool {
    partitions.all(|(topic, partition)| {
        positions.get(topic, partition).is_some_and(|known| known.listing.joined.is_some())
    })
}

/// How a route stands in the partitions that are read here; none where its ledger lacks one.
fn places(positions: &Positions, standings: &Standings) -> Option<Vec<Place>> {
    let own = |it: &&Cursor| standings.share.includes(&it.topic, it.partition);
    let place = |main: &Cursor| {
        let known = positions.get(&main.topic, main.partition)?;
        let (standing, listing) = (known.standing.as_ref().ok()?, known.listing);
        let mut cursor = Cursor::new(main.topic.clone(), main.partition, *standing);
        // The subscription, which is further on, watches over the log.
        cursor.forget_epoch();
        let state = match listing.joined {
            Some(_) => PlaceState::Joined,
            None if standing.next >= main.next() => PlaceState::Reached,
            None => PlaceState::Behind,
        };
        Some(Place { state, cursor, listing })
    };
    standings.all.iter().filter(own).map(place).collect()
}
