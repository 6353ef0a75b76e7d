//! AFTER: who waits for whom, and when the wait is over.

use super::Registry;
use crate::command::{CommandError, Subscribe};
use crate::nearest::nearest;
use crate::state::Status;
use crate::worker::{Awaited, Passage};

impl Registry {
    /// Refuses an AFTER that names no subscription, or one that waits for this one.
    pub(super) fn check_after(&self, given: &Subscribe) -> Result<(), CommandError> {
        let Some(after) = &given.after else { return Ok(()) };
        if !self.subscriptions.contains_key(after) {
            return Err(self.unknown_after(after));
        }
        let mut chain = vec![given.name.as_str()];
        let mut next = Some(after.as_str());
        while let Some(name) = next {
            chain.push(name);
            if name == given.name {
                let problem =
                    format!("AFTER {after} makes a circle: {}", chain.join(" waits for "));
                let hint = format!("KAFKA.SUBSCRIBE {after} REPLACE … without AFTER first");
                return Err(CommandError::new(problem).hint(hint));
            }
            // A circle that does not pass through this one was stored by other means.
            if chain.len() > self.subscriptions.len() + 1 {
                break;
            }
            next = self.subscriptions.get(name).and_then(|known| known.declared.after.as_deref());
        }
        Ok(())
    }

    fn unknown_after(&self, after: &str) -> CommandError {
        if let Some(route) = self.routes.get(after) {
            let from = &route.declared.from;
            return CommandError::new(format!("AFTER '{after}' is a route, not a subscription"))
                .hint(format!("AFTER {from} waits for the subscription that it is from"));
        }
        let error = CommandError::new(format!("AFTER '{after}': no subscription of that name"));
        match nearest(after, self.subscriptions.keys().map(String::as_str)) {
            Some(near) => error.did_you_mean(Some(near)),
            None => error.hint(format!("KAFKA.SUBSCRIBE {after} … first")),
        }
    }

    /// Whether some subscription waits for another's progress.
    pub fn has_closed_gates(&self) -> bool {
        self.subscriptions.values().any(|known| known.gate.is_some())
    }

    /// Opens the gates of subscriptions whose wait is over, and says of the others how it goes.
    pub fn look_at_gates(&mut self, hold: Option<&Status>) {
        let closed = self.subscriptions.iter().filter(|(_, known)| known.gate.is_some());
        let names: Vec<_> = closed.map(|(name, _)| name.clone()).collect();
        for name in names {
            let Some((mut gate, passage)) = self.subscriptions.get_mut(&name).and_then(|known| {
                let passage = known.lane.as_ref()?.shared.gate();
                Some((known.gate.take()?, passage))
            }) else {
                continue;
            };
            if passage == Passage::Open {
                continue;
            }
            let awaited = self.subscriptions.get(gate.after()).map(|other| Awaited {
                shared: other.lane.as_ref().map(|lane| &*lane.shared),
                status: other.status(hold),
            });
            let passage = gate.look(awaited);
            let Some(known) = self.subscriptions.get_mut(&name) else { continue };
            match (passage, &known.lane) {
                (Passage::Open, Some(lane)) => {
                    lane.shared.change(|control| control.gate = Passage::Open);
                }
                _ => known.gate = Some(gate),
            }
        }
    }

    /// Lets those who wait for a subscription ask its new worker.
    pub(super) fn ask_again_behind(&mut self, name: &str) {
        let gates = self.subscriptions.values_mut().filter_map(|known| known.gate.as_mut());
        gates.filter(|gate| gate.after() == name).for_each(|gate| gate.ask_again());
    }

    /// A note for whoever removes a subscription that others wait for; empty when none does.
    pub(super) fn left_waiting(&self, name: &str) -> String {
        let waits = |known: &super::Subscription| {
            known.gate.as_ref().is_some_and(|gate| gate.after() == name)
        };
        let waiting = self.subscriptions.iter().filter(|(_, known)| waits(known));
        let names: Vec<_> = waiting.map(|(name, _)| name.as_str()).collect();
        match names.as_slice() {
            [] => String::new(),
            [one] => format!("; {one} still waits for it"),
            many => format!("; {} still wait for it", many.join(", ")),
        }
    }
}
