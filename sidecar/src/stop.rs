//! Stopping on SIGINT (Ctrl-C) and SIGTERM.

use signal_hook::consts::TERM_SIGNALS;
use signal_hook::flag;
use signal_hook::iterator::Signals;
use std::io;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};

/// Whether the process was asked to stop; for loops that look at it between two records.
#[derive(Debug, Clone, Default)]
pub struct StopFlag(Arc<AtomicBool>);

impl StopFlag {
    /// A flag that the first SIGINT, SIGTERM or SIGQUIT raises. The second one ends the process
    /// at once, so that a hanging shutdown can be broken off.
    ///
    /// # Errors
    /// The system refused the handlers.
    pub fn on_signals() -> io::Result<StopFlag> {
        let stop = StopFlag::default();
        for signal in TERM_SIGNALS {
            // Order matters: the second signal must find the flag that the first one raised.
            flag::register_conditional_default(*signal, Arc::clone(&stop.0))?;
            flag::register(*signal, Arc::clone(&stop.0))?;
        }
        Ok(stop)
    }

    /// Whether to stop.
    pub fn is_raised(&self) -> bool {
        self.0.load(Ordering::Relaxed)
    }

    /// Asks to stop, as a signal does.
    pub fn raise(&self) {
        self.0.store(true, Ordering::Relaxed);
    }
}

/// SIGINT, SIGTERM and SIGQUIT, caught from the moment this is made, waited for later: a signal
/// that comes while the program is still starting is not lost and does not kill it half-way.
#[derive(Debug)]
pub struct StopSignal(Signals);

impl StopSignal {
    /// Catches the signals from now on.
    ///
    /// # Errors
    /// The system refused the handlers.
    pub fn catch() -> io::Result<StopSignal> {
        Ok(StopSignal(Signals::new(TERM_SIGNALS)?))
    }

    /// Blocks until one of the signals has come.
    pub fn wait(mut self) {
        self.0.forever().next();
    }
}
