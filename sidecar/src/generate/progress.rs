//! What is shown on standard error while records are sent.

use std::io::{self, IsTerminal, Write};
use std::time::{Duration, Instant};

/// Shows how many records were delivered and how fast: on a terminal in place once a second,
/// otherwise a line every 10 s.
pub struct Progress {
    shown: Option<Shown>,
}

struct Shown {
    terminal: bool,
    every: Duration,
    start: Instant,
    last: Instant,
    last_delivered: u64,
}

impl Progress {
    /// Starts the clock; shows nothing at all when `quiet`.
    pub fn start(quiet: bool) -> Progress {
        let now = Instant::now();
        let terminal = io::stderr().is_terminal();
        let every = Duration::from_secs(if terminal { 1 } else { 10 });
        let shown =
            (!quiet).then_some(Shown { terminal, every, start: now, last: now, last_delivered: 0 });
        Progress { shown }
    }

    /// Shows the count, when it is time to.
    pub fn update(&mut self, sent: u64, delivered: u64) {
        let Some(shown) = &mut self.shown else { return };
        let passed = shown.last.elapsed();
        if passed < shown.every {
            return;
        }
        let rate = (delivered - shown.last_delivered) as f64 / passed.as_secs_f64();
        let waiting = sent - delivered;
        let line = format!("{delivered} records delivered, {rate:.0}/s, {waiting} on the way");
        // On a terminal the line replaces the one before.
        let (start, end) =
            if shown.terminal { ("\r\x1b[K", "") } else { ("redis-kafka generate: ", "\n") };
        write(&format!("{start}{line}{end}"));
        (shown.last, shown.last_delivered) = (Instant::now(), delivered);
    }

    /// Shows the last count.
    pub fn finish(self, topic: &str, delivered: u64) {
        let Some(shown) = self.shown else { return };
        let seconds = shown.start.elapsed().as_secs_f64();
        let clear = if shown.terminal { "\r\x1b[K" } else { "" };
        let rate = delivered as f64 / seconds.max(0.001);
        write(&format!(
            "{clear}redis-kafka generate: {delivered} records delivered to {topic} in {seconds:.1} s ({rate:.0}/s)\n"
        ));
    }
}

fn write(text: &str) {
    let mut stderr = io::stderr().lock();
    if let Err(error) = stderr.write_all(text.as_bytes()).and_then(|()| stderr.flush()) {
        log::debug!("no progress shown: {error}");
    }
}
