//! What is remembered of failures, so that neither the records behind one nor the other callers hammer
//! the registry. Pure: the time is given.

use std::collections::HashMap;
use std::time::{Duration, Instant};

use super::LookupError;
use super::config::Timeouts;
use super::wire::SchemaId;

/// How many unknown ids are remembered; a topic of junk names any of 2³².
const UNKNOWN_MAX: usize = 1024;
/// The longest wait a registry may ask for itself (Retry-After).
const ASKED_WAIT_MAX: Duration = Duration::from_secs(60);

/// What kind of failure keeps a registry from answering.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Cause {
    /// Nobody there: name, connection or TLS.
    Connection,
    /// No answer in time.
    Timeout,
    /// Our credentials are missing, wrong or not enough. A profile may be read again.
    Credentials,
    /// It answers that it cannot now: HTTP 429 or 5xx.
    Server,
    /// What answers does not speak as a Schema Registry.
    Answer,
}

/// One failure.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Outage {
    pub(super) cause: Cause,
    pub(super) reason: String,
    pub(super) action: String,
    /// The wait the registry asks for.
    pub(super) asked_wait: Option<Duration>,
}

impl Outage {
    pub(super) fn new(
        cause: Cause,
        reason: impl Into<String>,
        action: impl Into<String>,
    ) -> Outage {
        Outage { cause, reason: reason.into(), action: action.into(), asked_wait: None }
    }

    pub(super) fn error(&self, retry_after: Duration) -> LookupError {
        LookupError::Unavailable {
            cause: self.cause,
            reason: self.reason.clone(),
            action: self.action.clone(),
            retry_after,
        }
    }
}

/// Exponential back-off with jitter, shared by all callers of one client.
#[derive(Debug, Default)]
pub(super) struct Backoff {
    failures: u32,
    current: Option<(Outage, Instant)>,
}

impl Backoff {
    /// The failure that is waited out, as the error of a call made now.
    pub(super) fn blocks(&self, now: Instant) -> Option<LookupError> {
        let (outage, until) = self.current.as_ref()?;
        let left = until.saturating_duration_since(now);
        (!left.is_zero()).then(|| outage.error(left))
    }

    /// Notes a failure and gives its error. `jitter` is a fraction, from 0 to 1.
    pub(super) fn failed(
        &mut self,
        outage: Outage,
        now: Instant,
        jitter: f64,
        timeouts: &Timeouts,
    ) -> LookupError {
        let doubled = timeouts.first_wait.saturating_mul(1 << self.failures.min(20));
        self.failures = self.failures.saturating_add(1);
        let full = match outage.cause {
            // Credentials do not heal by themselves, and trying them often may lock the account.
            Cause::Credentials => timeouts.longest_wait,
            _ => doubled.min(timeouts.longest_wait),
        };
        let spread = full.mul_f64(0.5 + 0.5 * jitter.clamp(0.0, 1.0));
        let asked = outage.asked_wait.unwrap_or_default().min(ASKED_WAIT_MAX);
        let wait = spread.max(asked);
        let error = outage.error(wait);
        self.current = Some((outage, now + wait));
        error
    }

    pub(super) fn succeeded(&mut self) {
        *self = Backoff::default();
    }
}

/// The ids that were asked for in vain a short while ago, with the error of each.
#[derive(Debug, Default)]
pub(super) struct Unknown {
    errors: HashMap<SchemaId, (LookupError, Instant)>,
}

impl Unknown {
    pub(super) fn get(&self, id: &SchemaId, now: Instant) -> Option<LookupError> {
        let (error, until) = self.errors.get(id)?;
        (now < *until).then(|| error.clone())
    }

    pub(super) fn insert(
        &mut self,
        id: SchemaId,
        error: LookupError,
        now: Instant,
        kept: Duration,
    ) {
        if self.errors.len() >= UNKNOWN_MAX {
            self.errors.retain(|_, (_, until)| now < *until);
        }
        if self.errors.len() >= UNKNOWN_MAX
            && let Some(oldest) =
                self.errors.iter().min_by_key(|(_, (_, until))| *until).map(|(id, _)| *id)
        {
            self.errors.remove(&oldest);
        }
        self.errors.insert(id, (error, now + kept));
    }

    pub(super) fn remove(&mut self, id: &SchemaId) {
        self.errors.remove(id);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn outage(cause: Cause) -> Outage {
        Outage::new(cause, "reason", "action")
    }

    fn wait(error: &LookupError) -> Duration {
        match error {
            LookupError::Unavailable { retry_after, .. } => *retry_after,
            other => panic!("{other}"),
        }
    }

    #[test]
    fn waits_double_up_to_the_longest_and_begin_anew_after_success() {
        let (timeouts, now) = (Timeouts::default(), Instant::now());
        let mut backoff = Backoff::default();
        assert_eq!(backoff.blocks(now), None);
        let waits: Vec<u128> = (0..9)
            .map(|_| {
                let error = backoff.failed(outage(Cause::Server), now, 1.0, &timeouts);
                wait(&error).as_millis()
            })
            .collect();
        assert_eq!(waits, [200, 400, 800, 1600, 3200, 6400, 12_800, 15_000, 15_000]);
        backoff.succeeded();
        assert_eq!(backoff.blocks(now), None);
        let error = backoff.failed(outage(Cause::Server), now, 0.0, &timeouts);
        assert_eq!(wait(&error), Duration::from_millis(100));
    }

    #[test]
    fn a_wait_blocks_until_it_is_over_and_says_how_long() {
        let (timeouts, now) = (Timeouts::default(), Instant::now());
        let mut backoff = Backoff::default();
        let error = backoff.failed(outage(Cause::Timeout), now, 1.0, &timeouts);
        assert_eq!(backoff.blocks(now), Some(error));
        let later = backoff.blocks(now + Duration::from_millis(150)).unwrap();
        assert_eq!(wait(&later), Duration::from_millis(50));
        assert_eq!(backoff.blocks(now + Duration::from_millis(200)), None);
    }

    #[test]
    fn a_wait_asked_for_is_kept_within_reason_and_credentials_wait_longest() {
        let (timeouts, now) = (Timeouts::default(), Instant::now());
        for (asked, kept) in [(7, 7), (3600, 60)] {
            let mut outage = outage(Cause::Server);
            outage.asked_wait = Some(Duration::from_secs(asked));
            let error = Backoff::default().failed(outage, now, 1.0, &timeouts);
            assert_eq!(wait(&error), Duration::from_secs(kept));
        }
        let error = Backoff::default().failed(outage(Cause::Credentials), now, 1.0, &timeouts);
        assert_eq!(wait(&error), timeouts.longest_wait);
    }

    #[test]
    fn unknown_ids_are_forgotten_in_time_and_bounded_in_number() {
        let (now, kept) = (Instant::now(), Duration::from_secs(10));
        let error = LookupError::Unusable { what: "x".to_owned(), why: "y".to_owned() };
        let mut unknown = Unknown::default();
        for id in 0..5_000 {
            let at = now + Duration::from_micros(u64::from(id));
            unknown.insert(SchemaId::Number(id), error.clone(), at, kept);
        }
        assert_eq!(unknown.errors.len(), UNKNOWN_MAX);
        let later = now + Duration::from_millis(5);
        assert_eq!(unknown.get(&SchemaId::Number(4_999), later), Some(error.clone()));
        assert_eq!(unknown.get(&SchemaId::Number(0), later), None);
        assert_eq!(unknown.get(&SchemaId::Number(4_999), later + kept), None);
        unknown.insert(SchemaId::Number(1), error, now + 2 * kept, kept);
        assert_eq!(unknown.errors.len(), 1);
        unknown.remove(&SchemaId::Number(1));
        assert!(unknown.errors.is_empty());
    }
}
