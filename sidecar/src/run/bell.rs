//! Wakes the thread of the registry.

use crate::control::Request;
use crossbeam_channel::Sender;
use std::sync::atomic::{AtomicBool, Ordering, fence};

/// Whether the registry's thread wants to hear of every unit.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Attention {
    /// Somebody waits until records are applied.
    Progress,
    /// Only what changes counts.
    Changes,
}

/// Rung by any thread; the registry's hears it.
#[derive(Debug)]
pub struct Bell {
    requests: Sender<Request>,
    is_rung: AtomicBool,
    is_progress_awaited: AtomicBool,
}

impl Bell {
    /// A bell that is heard at the other end of `requests`.
    pub fn new(requests: Sender<Request>) -> Bell {
        let (is_rung, is_progress_awaited) = (AtomicBool::new(false), AtomicBool::new(false));
        Bell { requests, is_rung, is_progress_awaited }
    }

    /// Wakes the thread: once, however many ring before it has heard.
    pub fn ring(&self) {
        if !self.is_rung.swap(true, Ordering::AcqRel) {
            // A thread that has ended need not look.
            let _ = self.requests.send(Request::Wake);
        }
    }

    /// Wakes the thread if somebody waits until records are applied. To be called once it shows.
    pub fn ring_for_progress(&self) {
        // With the fence of `attend`: either this sees that somebody waits, or the look after that
        // sees what was applied.
        fence(Ordering::SeqCst);
        if self.is_progress_awaited.load(Ordering::Relaxed) {
            self.ring();
        }
    }

    /// Says what is to be heard from now on. Called by the thread before it looks.
    pub fn attend(&self, attention: Attention) {
        self.is_progress_awaited.store(attention == Attention::Progress, Ordering::Relaxed);
        fence(Ordering::SeqCst);
    }

    /// Notes that a [`Request::Wake`] was taken.
    pub fn heard(&self) {
        self.is_rung.store(false, Ordering::Release);
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crossbeam_channel::unbounded;

    #[test]
    fn one_request_is_enough_for_many() {
        let (sender, requests) = unbounded();
        let bell = Bell::new(sender);
        (0..3).for_each(|_| bell.ring());
        assert_eq!(requests.len(), 1);
        bell.heard();
        bell.ring();
        assert_eq!(requests.len(), 2);
    }

    #[test]
    fn progress_is_heard_by_who_waits_for_it() {
        let (sender, requests) = unbounded();
        let bell = Bell::new(sender);
        bell.ring_for_progress();
        assert!(requests.is_empty());
        bell.attend(Attention::Progress);
        bell.ring_for_progress();
        assert_eq!(requests.len(), 1);
        bell.heard();
        bell.attend(Attention::Changes);
        bell.ring_for_progress();
        assert_eq!(requests.len(), 1);
    }
}
