//! Keyspace events of a unit, fired after its keys are closed: one a write, as plain commands fire them.

use crate::redis::{Context, Event, Text};

/// Which key an event is about.
#[derive(Debug)]
enum Subject {
    /// A group of the unit.
    Group(usize),
    /// A key of our own.
    Own(Text),
}

/// Events to fire.
#[derive(Debug, Default)]
pub struct Notices {
    events: Vec<(Subject, Event, usize)>,
    names: Vec<Text>,
}

impl Notices {
    /// `count` events about a group's key.
    pub fn add(&mut self, group: usize, event: Event, count: usize) {
        if let Some((Subject::Group(last), same, total)) = self.events.last_mut()
            && (*last, *same) == (group, event)
        {
            *total += count;
        } else if count > 0 {
            self.events.push((Subject::Group(group), event, count));
        }
    }

    /// One event about a key of our own.
    pub fn add_own(&mut self, event: Event, name: Text) {
        self.events.push((Subject::Own(name), event, 1));
    }

    /// Takes over the names of the groups' keys, in their order.
    pub fn take_names(&mut self, names: impl Iterator<Item = Text>) {
        self.names.extend(names);
    }

    /// Fires them all.
    pub fn fire(&self, context: Context) {
        for (subject, event, count) in &self.events {
            let name = match subject {
                Subject::Group(group) => self.names.get(*group),
                Subject::Own(name) => Some(name),
            };
            for _ in 0..*count {
                if let Some(name) = name {
                    context.notify(*event, name);
                }
            }
        }
    }
}
