//! Units whose messages are on their way to Kafka: each waits, in order, until all replicas in sync
//! have its messages, and only then goes to the applier.
//!
//! The worker builds on meanwhile. When a session ends, what is under way is thrown away: the next
//! one begins at the ledger and sends it again, so that a message may come twice, never not at all.

use super::absence::Pace;
use super::flow::Flow;
use super::lane::is_ahead;
use super::plan::{RecordError, Stage};
use super::session::ASK;
use super::shared::{Control, RecordId};
use super::{Keep, Trouble, Worker};
use crate::command::DeadLetters;
use crate::kafka::{self, Delivery, Outgoing, Problem, ProblemKind, Producer, Sent, Source, Told};
use crate::state::{State, Status};
use crate::target::Place;
use crate::unit::{Messages, RecordRef, Unit};
use std::collections::VecDeque;
use std::time::{Duration, Instant};

/// Units with messages under way at most.
const UNDER_WAY: usize = 4;

/// How long an acknowledgement may take before the subscription says that it waits for it.
const PATIENCE: Duration = Duration::from_secs(2);

/// How long one wait for acknowledgements lasts; bounds how late a change is noticed.
const LOOK: Duration = Duration::from_millis(50);

/// The units that wait for their messages, and those behind them.
#[derive(Default)]
pub(super) struct Outbox {
    under_way: VecDeque<Shipped>,
    spare: Vec<Messages>,
    is_stalled: bool,
}

struct Shipped {
    unit: Box<Unit>,
    messages: Messages,
    /// The producer's number of it; of no meaning where there are no messages.
    shipment: usize,
    since: Instant,
}

impl Outbox {
    /// Whether the subscription says that it waits for acknowledgements.
    pub(super) fn is_stalled(&self) -> bool {
        self.is_stalled
    }

    /// Whether as many units are under way as may be.
    pub(super) fn is_full(&self) -> bool {
        self.under_way.len() >= UNDER_WAY
    }

    /// Whether messages of several records are under way. What is sent together is refused together,
    /// whichever of them is to blame.
    fn has_company(&self) -> bool {
        let all = self.under_way.iter().flat_map(|shipped| shipped.messages.iter());
        has_company(all.map(|message| message.record))
    }

    fn messages(&self) -> usize {
        self.under_way.iter().map(|shipped| shipped.messages.len()).sum()
    }

    /// Bytes that its buffers hold on to.
    pub(super) fn memory(&self) -> usize {
        let under_way = self.under_way.iter().map(|shipped| &shipped.messages);
        under_way.chain(&self.spare).map(Messages::memory).sum()
    }
}

/// Whether these are several records.
pub(super) fn has_company(mut records: impl Iterator<Item = RecordRef>) -> bool {
    let first = records.next();
    records.any(|record| Some(record) != first)
}

impl Worker {
    /// Sends the messages of the record taken last by themselves, while it is to be found out which of
    /// several Kafka refuses.
    pub(super) fn send_singly(&mut self, flow: &mut Flow) -> Result<(), Trouble> {
        if self.singly == 0 || flow.builder.messages.is_empty() {
            return Ok(());
        }
        self.singly -= 1;
        self.drain(flow)
    }

    /// Makes ready to send where a route has a TOPIC: the client, and the topics.
    pub(super) fn open_outbox(&mut self, control: &Control) -> Result<Outbox, Trouble> {
        let topics = control.routes.iter().filter_map(|route| match route.target.place() {
            Place::Topic(topic) => Some(topic),
            _ => None,
        });
        let letters = match &self.spec.letters {
            DeadLetters::Topic(topic) => Some(topic.clone()),
            DeadLetters::Stream { .. } => None,
        };
        let mut topics: Vec<_> = topics.chain(letters.as_deref()).collect();
        topics.sort_unstable();
        topics.dedup();
        if topics.is_empty() {
            self.producer = None;
            return Ok(Outbox::default());
        }
        self.connect_producer()?;
        let Some(producer) = &self.producer else { return Err(Trouble::Recheck) };
        for topic in topics {
            producer
                .check_topic(topic, ASK)
                .map_err(|problem| delivery_trouble(topic, &problem))?;
        }
        Ok(Outbox::default())
    }

    fn connect_producer(&mut self) -> Result<(), Trouble> {
        let waker = self.connect()?.waker();
        if self.producer.is_some() {
            return Ok(());
        }
        let config = kafka::producer_config(&self.spec.connection, &self.spec.profiles).map_err(
            |error| Trouble::wait(error.to_string(), "mend the profiles file or the connection"),
        )?;
        let producer = Producer::connect(&config, waker).map_err(|error| {
            Trouble::wait(error.to_string(), "check the connection's properties")
        })?;
        self.producer = Some(producer);
        Ok(())
    }

    /// Sends the messages of a finished unit, and the unit itself once they and all before them
    /// are acknowledged.
    pub(super) fn dispatch(&mut self, flow: &mut Flow, unit: Box<Unit>) -> Result<(), Trouble> {
        if flow.builder.messages.is_empty() && flow.outbox.under_way.is_empty() {
            return Ok(self.lane.send(unit)?);
        }
        let spare = flow.outbox.spare.pop().unwrap_or_default();
        let messages = std::mem::replace(&mut flow.builder.messages, spare);
        while flow.outbox.is_full() {
            self.await_deliveries(flow)?;
        }
        let shipment = self.ship(flow, &unit, &messages)?;
        let since = Instant::now();
        flow.outbox.under_way.push_back(Shipped { unit, messages, shipment, since });
        Ok(())
    }

    fn ship(
        &mut self,
        flow: &mut Flow,
        unit: &Unit,
        messages: &Messages,
    ) -> Result<usize, Trouble> {
        if messages.is_empty() {
            return Ok(0);
        }
        let Some(producer) = self.producer.as_mut() else { return Err(Trouble::Recheck) };
        let shipment = producer.begin(messages.len());
        for (number, message) in messages.iter().enumerate() {
            let Some((topic, partition)) = unit.slots.get(message.record.slot) else {
                return Err(Trouble::Recheck);
            };
            let source = Source { topic, partition: *partition, offset: message.record.offset };
            let (key, value) = (message.key, message.value);
            let letter = messages.letter(number);
            let given: Option<Vec<_>> = letter.as_ref().map(|(headers, _)| {
                headers.iter().map(|(name, value)| (name.as_ref(), *value)).collect()
            });
            let headers = match (&given, &letter) {
                (Some(given), Some((_, timestamp))) => Told::Given(given, *timestamp),
                _ => Told::Source(source),
            };
            let outgoing = Outgoing { topic: message.topic, key, value, headers };
            loop {
                let Some(producer) = &self.producer else { return Err(Trouble::Recheck) };
                match producer.send(shipment, number, &outgoing) {
                    Sent::Queued => break,
                    Sent::Full => self.await_deliveries(flow)?,
                }
            }
        }
        Ok(shipment)
    }

    /// Sends messages that no unit in the outbox is to wait for, and waits until they are acknowledged;
    /// those that Kafka refuses, and why.
    pub(super) fn deliver(
        &mut self,
        flow: &mut Flow,
        unit: &Unit,
        messages: &Messages,
    ) -> Result<Vec<(usize, Problem)>, Trouble> {
        let shipment = self.ship(flow, unit, messages)?;
        loop {
            let Some(producer) = &self.producer else { return Err(Trouble::Recheck) };
            producer.wait(Some(shipment), LOOK);
            match producer.delivery(shipment) {
                Delivery::Done => return Ok(Vec::new()),
                Delivery::Refused(refused) => return Ok(refused),
                Delivery::Failed(number, problem) => {
                    let topic = messages.get(number).map_or("?", |message| message.topic);
                    return Err(delivery_trouble(topic, &problem));
                }
                Delivery::Pending => {}
            }
            if self.lane.shared.generation() != flow.generation {
                return Err(Trouble::Changed);
            }
            self.tick(flow, Pace::Waiting)?;
        }
    }

    /// Queues what was built, and waits until all of it is acknowledged and with the applier: for
    /// when the session ends or waits behind it.
    pub(super) fn drain(&mut self, flow: &mut Flow) -> Result<(), Trouble> {
        self.flush(flow)?;
        while !flow.outbox.under_way.is_empty() {
            self.await_deliveries(flow)?;
        }
        Ok(())
    }

    /// Waits until units that write to Redis are with the applier: what it is asked next must see
    /// them. Those that only send are not waited for.
    pub(super) fn await_writes(&mut self, flow: &mut Flow) -> Result<(), Trouble> {
        let writes = |shipped: &Shipped| !shipped.unit.groups.is_empty();
        while flow.outbox.under_way.iter().any(writes) {
            self.await_deliveries(flow)?;
        }
        Ok(())
    }

    /// Lets some time pass in which acknowledgements may come.
    fn await_deliveries(&mut self, flow: &mut Flow) -> Result<(), Trouble> {
        let Some(producer) = &self.producer else { return Err(Trouble::Recheck) };
        // Later ones may be settled before it: they are not what is waited for.
        let first = flow.outbox.under_way.front().filter(|front| !front.messages.is_empty());
        producer.wait(first.map(|front| front.shipment), LOOK);
        if self.lane.shared.generation() != flow.generation {
            return Err(Trouble::Changed);
        }
        self.release(flow)?;
        self.tick(flow, Pace::Waiting)
    }

    /// Hands units to the applier whose messages are acknowledged, and says so when this takes long.
    pub(super) fn release(&mut self, flow: &mut Flow) -> Result<(), Trouble> {
        while let Some(shipped) = flow.outbox.under_way.front() {
            let delivery = match &self.producer {
                _ if shipped.messages.is_empty() => Delivery::Done,
                Some(producer) => producer.delivery(shipped.shipment),
                None => return Err(Trouble::Recheck),
            };
            match delivery {
                Delivery::Pending => break,
                Delivery::Done => {}
                Delivery::Refused(_) if flow.outbox.has_company() => {
                    self.singly = flow.outbox.messages();
                    drop(self.lane.load(flow.generation)?);
                    self.lane.shared.change(|_| {});
                    return Err(Trouble::Changed);
                }
                Delivery::Refused(refused) => {
                    // What stands before it in the lane would be void by the change.
                    drop(self.lane.load(flow.generation)?);
                    return Err(self.refuse(shipped, refused));
                }
                Delivery::Failed(number, problem) => {
                    let topic = shipped.messages.get(number).map_or("?", |message| message.topic);
                    return Err(delivery_trouble(topic, &problem));
                }
            }
            if let Some(Shipped { unit, mut messages, .. }) = flow.outbox.under_way.pop_front() {
                messages.clear();
                flow.outbox.spare.push(messages);
                self.lane.send(unit)?;
            }
        }
        self.tell_patience(flow);
        Ok(())
    }

    fn tell_patience(&mut self, flow: &mut Flow) {
        let late = flow.outbox.under_way.front().filter(|front| front.since.elapsed() > PATIENCE);
        match late {
            Some(front) => {
                let topic = front.messages.get(0).map_or("?", |message| message.topic);
                let problem = self.producer.as_ref().and_then(Producer::last_problem);
                let why = problem.map_or_else(|| "no answer from Kafka".to_owned(), |p| p.words);
                let status = Status::new(
                    State::Waiting,
                    format!("messages to topic '{topic}' are not acknowledged: {why}"),
                    "check that its brokers run, and that min.insync.replicas of them are in sync",
                );
                self.lane.shared.say(flow.generation, status);
                flow.outbox.is_stalled = true;
            }
            None if flow.outbox.is_stalled => {
                self.lane.shared.say(flow.generation, Status::new(State::Running, "", ""));
                flow.outbox.is_stalled = false;
            }
            None => {}
        }
    }

    /// Messages that Kafka will never take: verdicts on their records, as for writes that Redis
    /// would refuse. The session begins anew and meets them.
    fn refuse(&self, shipped: &Shipped, refused: Vec<(usize, Problem)>) -> Trouble {
        let unit = &shipped.unit;
        let verdict = |(number, problem): (usize, Problem)| {
            let message = shipped.messages.get(number)?;
            let (topic, partition) = unit.slots.get(message.record.slot)?;
            let offset = message.record.offset;
            let id = RecordId { topic: topic.clone(), partition: *partition, offset };
            let stage = match shipped.messages.letter(number) {
                Some(_) => Stage::Letter,
                None => Stage::Send,
            };
            let problem = format!("topic '{}': {problem}", message.topic);
            let route = unit.catches_up.as_deref().map(str::to_owned);
            Some((id, RecordError { stage, route, problem }))
        };
        self.lane.shared.change(|control| {
            // Those behind the ledger have done their work; those before it are still to come.
            control.verdicts.retain(|verdict| is_ahead(unit, verdict));
            for (id, error) in refused.into_iter().filter_map(verdict) {
                let is_known =
                    |it: &(RecordId, RecordError)| it.0 == id && it.1.route == error.route;
                if !control.verdicts.iter().any(is_known) {
                    control.verdicts.push((id, error));
                }
            }
        });
        Trouble::Changed
    }

    /// Throws away what is under way: nothing of it may reach the ledger, and the next session
    /// sends it again.
    pub(super) fn abandon_messages(&mut self) {
        if self.producer.as_ref().is_some_and(Producer::is_busy) {
            self.producer = None;
        }
    }
}

/// What messages that were not delivered mean for the subscription.
fn delivery_trouble(topic: &str, problem: &Problem) -> Trouble {
    let (connection, action) = match problem.kind {
        ProblemKind::TopicGone => (
            Keep::Keep,
            "create the topic, or let the brokers create it (auto.create.topics.enable)",
        ),
        ProblemKind::Authorization => (Keep::Keep, "grant WRITE on the topic to the user"),
        ProblemKind::Authentication | ProblemKind::Tls => {
            (Keep::Reconnect, "mend the profile; it is read again at every try")
        }
        ProblemKind::Fatal => (Keep::Reconnect, ""),
        _ => (Keep::Keep, "check that the topic's brokers run and can be reached from here"),
    };
    let reason = format!("sending to topic '{topic}': {problem}");
    Trouble::Wait { reason, action: action.to_owned(), connection }
}
