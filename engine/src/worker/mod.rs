//! One subscription's loop: connect → read the ledger → fetch → decode → route → unit → queue.
//!
//! A worker is a thread. It never touches Redis: units and questions go through its
//! [`lane`] to the applier. It never decides twice: whatever goes wrong, the next
//! *session* starts again at what the ledger holds.

mod absence;
mod bad;
mod catch_up;
mod consume;
mod contact;
mod encoders;
mod flow;
mod gap;
mod gate;
mod gather;
mod join;
mod lag;
mod lane;
mod letters;
mod membership;
mod outgoing;
mod plan;
mod replay;
mod replays;
mod route;
mod seek;
mod session;
mod shared;
#[cfg(test)]
mod target_tests;
mod tick;
mod trend;
mod types;
mod values;

pub use catch_up::{LatePartition, LateProgress};
pub use contact::{Contact, ContactState};
pub use gate::{Awaited, Gate, Passage};
pub use lane::{Changed, Lane, LaneWorker, Queued, Turn, lane};
pub use plan::{Encoders, Formats, Held, Incoming, Plan, PlanError, RecordError, Refusal, Stage};
pub use replays::{Replay, ReplayClient, ReplayEnd, Tally};
pub use seek::{Hearer, SeekRequest};
pub use shared::{
    Control, Ends, Farewell, LastError, Progress, RecordId, Shared, UnitCounts, Wanted,
};
pub use trend::CatchUp;
pub use values::ValueSource;

use membership::Rival;
use seek::Underway;

use crate::command::{Additions, CommandError, DeadLetters, Envelope, OnError, Route, Settle};
use crate::expression::{Expression, Selection};
use crate::format::Format;
use crate::kafka::{
    self, Connection, Consumer, Member, Membership, Position, Producer, Profiles, RegistryName,
    SchemaSources, Topics,
};
use crate::state::{Settles, State, Status};
use crate::target::Target;
use std::collections::VecDeque;
use std::thread::JoinHandle;
use std::time::{Duration, Instant};

/// What a subscription consumes, and how.
#[derive(Debug, Clone)]
pub struct Spec {
    /// The subscription's name.
    pub name: String,
    /// Topics or a pattern.
    pub topics: Topics,
    /// How to reach the brokers.
    pub connection: Connection,
    /// The admin's profiles.
    pub profiles: Profiles,
    /// The key's format.
    pub key: Format,
    /// The value's format.
    pub value: Format,
    /// Where their schemas are; none: the connection's profile, if it says so.
    pub registry: Option<RegistryName>,
    /// What the values are wrapped in.
    pub envelope: Envelope,
    /// Where to begin.
    pub start: Position,
    /// What to do about a bad record.
    pub on_error: OnError,
    /// Where dead letters go.
    pub letters: DeadLetters,
    /// The consumer group to commit to.
    pub group: String,
    /// Whether the members of that group share the partitions.
    pub membership: Membership,
    /// How many records a unit takes.
    pub unit_records: UnitRecords,
}

/// How many records a unit takes.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum UnitRecords {
    /// So many at most.
    AtMost(usize),
    /// Where Kafka has more at hand, as many as hold Redis as long as so many entries of a
    /// stream do ([`Builder::load`](crate::unit::Builder::load)): writes that merge into one
    /// count once, and most are quicker than an entry.
    Entries(usize),
}

/// One route as a worker needs it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct RouteSpec {
    /// The route's name.
    pub name: String,
    /// What it writes.
    pub target: Target,
    /// EACH and JOIN: what it adds to them.
    pub additions: Additions,
    /// WHERE: which records it takes.
    pub condition: Option<Expression>,
    /// SELECT: which fields it writes.
    pub selection: Option<Selection>,
}

impl RouteSpec {
    /// That of a declared route.
    pub fn of(declared: &Route) -> RouteSpec {
        RouteSpec {
            name: declared.name.clone(),
            target: declared.target.clone(),
            additions: declared.additions.clone(),
            condition: declared.condition.clone(),
            selection: declared.selection.clone(),
        }
    }
}

/// Why a session ended.
#[derive(Debug)]
enum Trouble {
    /// The lane's generation is another: begin anew at once.
    Changed,
    /// Something heals by itself: try again after a while.
    Wait { reason: String, action: String, connection: Keep },
    /// A person is needed.
    Stop { reason: String, action: String, settles: Settles },
    /// Fetching met something that only a look at the whole can explain: begin anew at once.
    Recheck,
}

/// Whether the consumer is still good for the next try.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Keep {
    Keep,
    Reconnect,
}

impl From<Changed> for Trouble {
    fn from(_: Changed) -> Trouble {
        Trouble::Changed
    }
}

impl Trouble {
    /// Waiting for something at the broker that needs no new connection.
    fn wait(reason: impl Into<String>, action: impl Into<String>) -> Trouble {
        Trouble::Wait { reason: reason.into(), action: action.into(), connection: Keep::Keep }
    }
}

/// How often ends are looked up while nothing is fetched.
const IDLE_LOOK: Duration = Duration::from_secs(5);

/// First and longest pause between two tries.
const BACKOFF: (Duration, Duration) = (Duration::from_millis(100), Duration::from_secs(10));

/// How long a member of a group waits for the applier before it lets others have its partitions:
/// Redis may be away from here alone.
const STUCK: Duration = Duration::from_secs(30);

/// How long the broker may take to delete a group.
const FAREWELL: Duration = Duration::from_secs(2);

struct Worker {
    spec: Spec,
    lane: LaneWorker,
    consumer: Option<Consumer>,
    /// Reads for a route that catches up; none while none does.
    late_consumer: Option<Consumer>,
    /// Takes part in the group while the subscription consumes, where its members share the work.
    member: Option<Member>,
    /// Whether another member has joined with our instance id, and may be there still.
    rival: Rival,
    /// Sends what TOPIC targets write; none where no route has one.
    producer: Option<Producer>,
    /// How many dead letters there are once all that was built is applied.
    letters: u64,
    /// So many records' messages are still to be sent by themselves.
    singly: usize,
    backoff: Duration,
    /// Since when a ledger has stood beyond its partition's end.
    beyond_since: Option<Instant>,
    /// The cause of the last stop, where RESUME can settle it.
    stopped: Option<StopCause>,
    /// Where schemas are, once it was looked up.
    schemas: Option<SchemaSources>,
    /// What a person has settled. It counts until something else stops the subscription: a unit
    /// with the settled record may be thrown away and built again.
    consent: Option<(StopCause, Settle)>,
    /// Seeks whose clients wait.
    seeks: VecDeque<Underway>,
}

/// What a settlement is about.
#[derive(Debug, Clone, PartialEq, Eq)]
enum StopCause {
    /// One bad record.
    Record(RecordId),
    /// One bad record that finds no room among the dead letters.
    Letter(RecordId),
    /// Records lost or topics made anew, as they were told.
    Gaps(Vec<gap::Gap>),
    /// A log that was cut below the ledger and has grown again.
    Truncated,
}

impl StopCause {
    fn settles(&self) -> Settles {
        match self {
            StopCause::Record(_) => Settles::Record,
            StopCause::Letter(_) => Settles::Letter,
            StopCause::Gaps(_) | StopCause::Truncated => Settles::Gap,
        }
    }
}

/// Starts the worker's thread.
pub fn spawn(spec: Spec, mut lane: LaneWorker) -> std::io::Result<JoinHandle<()>> {
    if spec.membership != Membership::Manual {
        lane.set_patience(STUCK);
    }
    // Linux keeps 15 characters of a thread's name.
    let name = format!("kafka-{}", spec.name).chars().take(15).collect();
    std::thread::Builder::new().name(name).spawn(move || {
        let (shared, name) = (lane.shared.clone(), spec.name.clone());
        let worker = Worker {
            spec,
            lane,
            consumer: None,
            late_consumer: None,
            member: None,
            rival: Rival::None,
            producer: None,
            letters: 0,
            singly: 0,
            backoff: BACKOFF.0,
            beyond_since: None,
            stopped: None,
            schemas: None,
            consent: None,
            seeks: VecDeque::new(),
        };
        let run = std::panic::AssertUnwindSafe(|| worker.run());
        if std::panic::catch_unwind(run).is_err() {
            let reason = "internal error: the worker panicked; see the server's log";
            shared.set_status(Status::new(
                State::Stopped,
                reason,
                format!("report it, then KAFKA.RESUME {name}"),
            ));
        }
    })
}

impl Worker {
    fn run(mut self) {
        loop {
            let control = self.lane.shared.control();
            self.refuse_replays(&control);
            if let Wanted::Exit(farewell) = control.wanted {
                let problem = "the subscription ended, or was replaced, meanwhile";
                self.tell_all(&CommandError::new(problem).hint("try again"));
                return self.say_farewell(farewell);
            }
            if let Some(settle) = self.lane.shared.take_settle() {
                self.consent = self.stopped.take().map(|cause| (cause, settle));
            }
            let trouble = match &control.wanted {
                Wanted::Hold(status) => {
                    self.seek_while_held(&control);
                    self.lane.shared.say(control.generation, status.clone());
                    self.hold(control.generation);
                    continue;
                }
                _ => self.session(&control),
            };
            if self.lane.take_stuck() {
                self.member = None;
            }
            self.lane.shared.forget_verdicts(control.generation);
            self.deal_with(trouble, &control);
        }
    }

    fn deal_with(&mut self, trouble: Trouble, control: &Control) {
        match trouble {
            Trouble::Changed => {}
            Trouble::Recheck => self.pause_before_retry(control.generation),
            Trouble::Wait { reason, action, connection } => {
                self.end_replays(&format!("waits: {reason}"), &action);
                self.lane.shared.greet(Err(reason.clone()));
                let paused = control.wanted == Wanted::Pause;
                let state = if paused { State::Paused } else { State::Waiting };
                self.lane.shared.say(control.generation, Status::new(state, reason, action));
                self.lane.wake_applier();
                if connection == Keep::Reconnect {
                    self.drop_consumer();
                }
                self.pause_before_retry(control.generation);
            }
            Trouble::Stop { reason, action, settles } => {
                self.end_replays(&format!("is stopped: {reason}"), &action);
                log::warn!("subscription {} stopped: {reason}", self.spec.name);
                self.consent = None;
                self.lane.shared.greet(Err(reason.clone()));
                let status = Status::new(State::Stopped, reason, action).settled_by(settles);
                self.lane.shared.say(control.generation, status);
                self.lane.wake_applier();
                self.hold(control.generation);
            }
        }
    }

    /// Waits for the next change, fetching nothing but keeping the lag up to date. Questions
    /// stay: the next session answers them.
    fn hold(&mut self, generation: u64) {
        self.member = None;
        self.rest_late();
        if self.consumer.as_mut().is_some_and(|consumer| consumer.unassign().is_err()) {
            self.drop_consumer();
        }
        while self.lane.shared.generation() == generation {
            self.refresh_standings(generation);
            self.refresh_lag();
            self.lane.shared.wait_change(generation, IDLE_LOOK);
        }
    }

    /// Waits with jitter, so that many workers do not come back to a broker at the same moment.
    fn pause_before_retry(&mut self, generation: u64) {
        self.lane.shared.wait_change(generation, self.backoff.mul_f64(0.5 + fastrand::f64()));
        self.backoff = (self.backoff * 2).min(BACKOFF.1);
    }

    fn drop_consumer(&mut self) {
        self.lane.shared.set_waker(None);
        // It wakes this consumer, and has the same credentials.
        self.producer = None;
        self.consumer = None;
        self.late_consumer = None;
        self.member = None;
    }

    /// The connected consumer; makes one when there is none.
    fn connect(&mut self) -> Result<&mut Consumer, Trouble> {
        if self.consumer.is_none() {
            // An admin may have mended the file since; without one the inline brokers suffice.
            let profiles = self
                .spec
                .profiles
                .reread()
                .map_err(|error| Trouble::wait(error.to_string(), "mend the profiles file"))?;
            self.spec.profiles = profiles;
            let consumer = self.new_consumer()?;
            self.lane.shared.set_waker(Some(consumer.waker()));
            self.consumer = Some(consumer);
        }
        self.consumer.as_mut().ok_or(Trouble::Recheck)
    }

    fn new_consumer(&self) -> Result<Consumer, Trouble> {
        let Spec { connection, profiles, group, .. } = &self.spec;
        let config = kafka::consumer_config(connection, profiles, group).map_err(|error| {
            Trouble::wait(error.to_string(), "mend the profiles file or the connection")
        })?;
        Consumer::connect(&config)
            .map_err(|error| Trouble::wait(error.to_string(), "check the connection's properties"))
    }

    /// A second consumer for a route that catches up, with the same credentials.
    fn connect_late(&mut self) -> Result<&mut Consumer, Trouble> {
        if self.late_consumer.is_none() {
            self.late_consumer = Some(self.new_consumer()?);
        }
        self.late_consumer.as_mut().ok_or(Trouble::Recheck)
    }

    /// Has the second consumer read nothing. It is kept: to end it takes a while.
    fn rest_late(&mut self) {
        if self.late_consumer.as_mut().is_some_and(|consumer| consumer.unassign().is_err()) {
            self.late_consumer = None;
        }
    }

    /// Where the schemas of keys and values are.
    fn schemas(&mut self) -> Result<SchemaSources, Trouble> {
        if let Some(schemas) = &self.schemas {
            return Ok(schemas.clone());
        }
        let formats = [self.spec.key, self.spec.value];
        let schemas = kafka::schema_sources(
            formats,
            self.spec.registry.as_ref(),
            &self.spec.connection,
            &self.spec.profiles,
        )
        .map_err(|error| self.mend_schemas(error.to_string()))?;
        Ok(self.schemas.insert(schemas).clone())
    }

    /// Waiting until a person has mended the profiles or a schema file: all is read anew.
    fn mend_schemas(&mut self, reason: String) -> Trouble {
        self.schemas = None;
        let action = "mend the connections file or the schema file".to_owned();
        Trouble::Wait { reason, action, connection: Keep::Reconnect }
    }

    /// Whether RESUME SKIP settled this gap, and not just any.
    fn accepts(&self, gap: &gap::Gap) -> bool {
        matches!(&self.consent, Some((StopCause::Gaps(gaps), Settle::Skip)) if gaps.contains(gap))
    }

    /// How RESUME settled this record.
    fn settlement_of(&self, id: &RecordId) -> Option<Settle> {
        match &self.consent {
            Some((StopCause::Record(record) | StopCause::Letter(record), settle))
                if record == id =>
            {
                Some(*settle)
            }
            _ => None,
        }
    }

    fn say_farewell(mut self, farewell: Farewell) {
        self.drop_consumer();
        if farewell == Farewell::Forget {
            let group = &self.spec.group;
            let deleted = kafka::consumer_config(&self.spec.connection, &self.spec.profiles, group)
                .map_err(|error| error.to_string())
                .and_then(|config| {
                    kafka::delete_group(&config, group, FAREWELL).map_err(|error| error.to_string())
                });
            if let Err(error) = deleted {
                log::info!("the consumer group {group} could not be deleted: {error}");
            }
        }
    }
}
