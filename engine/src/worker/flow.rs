//! What one session of fetching works with: of the subscription, or of one route that catches up.

use super::catch_up::Late;
use super::consume::{FETCH_WAIT, incoming};
use super::gather::{Ahead, Gathering};
use super::letters::Letters;
use super::membership::{Others, Standings};
use super::outgoing::Outbox;
use super::plan::{Formats, Plan, RecordError};
use super::shared::{Control, RecordId};
use super::values::ValueSource;
use super::{Keep, RouteSpec, StopCause, Trouble, Worker};
use crate::kafka::{Assignment, Batch, Consumer, Membership, Record};
use crate::ledger::{self, Cursor};
use crate::letter::ROUTES_SEPARATOR;
use crate::lookup::Lookup;
use crate::unit::Builder;
use std::sync::Arc;
use std::time::{Duration, Instant};

/// Whose records are read.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) enum Part {
    /// All routes', from where the subscription's ledger stands.
    Subscription,
    /// One route's, which reads for itself what the subscription has passed already.
    Late(Arc<str>),
}

impl Part {
    /// The route that reads for itself.
    pub(super) fn route(&self) -> Option<&Arc<str>> {
        match self {
            Part::Subscription => None,
            Part::Late(route) => Some(route),
        }
    }
}

/// What one session of fetching works with.
pub(super) struct Flow {
    pub(super) part: Part,
    /// The ledger that is advanced; see [`ledger::catch_up_name`].
    pub(super) ledger: String,
    pub(super) generation: u64,
    pub(super) cursors: Vec<Cursor>,
    pub(super) slots: Arc<[(Arc<str>, i32)]>,
    /// The names of the plan's routes, by number.
    pub(super) routes: Arc<[Arc<str>]>,
    /// Every partition of the subscription, also those of other members of its group.
    pub(super) known: Arc<[(Arc<str>, i32)]>,
    /// Where each slot stands among them, and in what is shown.
    pub(super) shown: Vec<usize>,
    pub(super) rebalances: u64,
    pub(super) others: Others,
    /// The routes that lack earlier records.
    pub(super) late: Late,
    /// How long a fetch waits for the first record.
    pub(super) fetch_wait: Duration,
    pub(super) plan: Plan,
    pub(super) builder: Builder,
    /// Records that the unit being built has taken.
    pub(super) taken: usize,
    /// Whether `next` is filled.
    pub(super) ahead: Ahead,
    pub(super) next: Batch,
    pub(super) gathering: Gathering,
    /// A lookup whose buffers are free.
    pub(super) spare: Option<Box<Lookup>>,
    pub(super) letters: Letters,
    pub(super) outbox: Outbox,
    pub(super) verdicts: Vec<(RecordId, RecordError)>,
    pub(super) committed: Vec<i64>,
    pub(super) committed_at: Instant,
    pub(super) ticked: Instant,
    pub(super) discovered: Instant,
}

impl Worker {
    /// Makes ready to read for the subscription.
    pub(super) fn flow(
        &mut self,
        control: &Control,
        standings: Standings,
    ) -> Result<Flow, Trouble> {
        let (known, rebalances) = (standings.known(), standings.share.rebalances());
        let outbox = self.open_outbox(control)?;
        let late = self.late_routes(control, &standings)?;
        self.letters = standings.letters;
        let (shown, mut cursors) = standings.own();
        if self.consent.take_if(|(cause, _)| *cause == StopCause::Truncated).is_some() {
            cursors.iter_mut().for_each(Cursor::forget_epoch);
        }
        let plan = self.plan(&control.routes)?;
        let flow = self.new_flow(Part::Subscription, control, &control.routes, cursors, plan);
        self.assign(&flow)?;
        Ok(Flow {
            committed: vec![-1; flow.cursors.len()],
            others: Others::new(&self.spec.membership),
            known,
            shown,
            rebalances,
            late,
            outbox,
            ..flow
        })
    }

    /// A flow of a route that catches up, from these cursors.
    pub(super) fn late_flow(
        &mut self,
        control: &Control,
        route: &RouteSpec,
        cursors: Vec<Cursor>,
    ) -> Result<Flow, Trouble> {
        let (part, routes) = (Part::Late(route.name.as_str().into()), std::slice::from_ref(route));
        let plan = self.plan(routes)?;
        Ok(self.new_flow(part, control, routes, cursors, plan))
    }

    fn new_flow(
        &self,
        part: Part,
        control: &Control,
        routes: &[RouteSpec],
        cursors: Vec<Cursor>,
        plan: Plan,
    ) -> Flow {
        let (now, name) = (Instant::now(), &self.spec.name);
        let route = part.route().map(|route| &**route);
        let concerns = |it: &&(RecordId, RecordError)| it.1.route.as_deref() == route;
        Flow {
            ledger: route.map_or(name.clone(), |route| ledger::catch_up_name(name, route)),
            generation: control.generation,
            verdicts: control.verdicts.iter().filter(concerns).cloned().collect(),
            part,
            slots: slots(&cursors),
            routes: routes.iter().map(|route| Arc::from(route.name.as_str())).collect(),
            committed: Vec::new(),
            others: Others::new(&Membership::Manual),
            known: Arc::default(),
            shown: Vec::new(),
            rebalances: 0,
            late: Late::default(),
            fetch_wait: FETCH_WAIT,
            cursors,
            plan,
            builder: Builder::new(),
            taken: 0,
            ahead: Ahead::Nothing,
            next: Batch::new(),
            gathering: Gathering::Ahead,
            spare: None,
            outbox: Outbox::default(),
            letters: Letters::new(name, &self.spec.letters),
            committed_at: now,
            ticked: now,
            discovered: now,
        }
    }

    fn plan(&mut self, routes: &[RouteSpec]) -> Result<Plan, Trouble> {
        let schemas = self.schemas()?;
        let formats = Formats {
            key: self.spec.key,
            key_schemas: schemas.key,
            value: ValueSource {
                format: self.spec.value,
                envelope: self.spec.envelope,
                schemas: schemas.value,
            },
        };
        let encoders = self.encoders(routes)?;
        Plan::with_encoders(formats, routes, &encoders)
            .map_err(|error| self.mend_schemas(error.to_string()))
    }

    /// Has a flow's consumer read from its cursors on.
    pub(super) fn assign(&mut self, flow: &Flow) -> Result<(), Trouble> {
        let assignments: Vec<_> = flow
            .cursors
            .iter()
            .map(|cursor| Assignment {
                topic: cursor.topic.to_string(),
                partition: cursor.partition,
                next: cursor.next(),
                leader_epoch: cursor.epoch(),
            })
            .collect();
        let consumer = match flow.part {
            Part::Subscription => self.connect()?,
            Part::Late(_) => self.connect_late()?,
        };
        consumer.assign(&assignments).map_err(|failure| Trouble::Wait {
            reason: failure.to_string(),
            action: String::new(),
            connection: Keep::Reconnect,
        })
    }

    /// The consumer that reads for a flow.
    pub(super) fn reader(&mut self, flow: &Flow) -> Result<&mut Consumer, Trouble> {
        let reader = match flow.part {
            Part::Subscription => self.consumer.as_mut(),
            Part::Late(_) => self.late_consumer.as_mut(),
        };
        reader.ok_or(Trouble::Recheck)
    }
}

/// The partitions of cursors.
pub(super) fn slots(cursors: &[Cursor]) -> Arc<[(Arc<str>, i32)]> {
    cursors.iter().map(|cursor| (cursor.topic.clone(), cursor.partition)).collect()
}

impl Flow {
    /// Whether the unit being built moves any partition.
    pub(super) fn has_taken(&self) -> bool {
        self.cursors.iter().any(Cursor::has_moved)
    }

    /// The names of the routes that a slot's records go through now, as a dead letter holds them.
    pub(super) fn routes_of(&self, slot: usize) -> String {
        let held = self.late.held(slot);
        let all = self.routes.iter().enumerate();
        let names = all.filter(|(at, _)| !held.holds(*at)).map(|(_, name)| &**name);
        names.collect::<Vec<_>>().join(ROUTES_SEPARATOR)
    }

    /// Asks for what a record is joined with.
    pub(super) fn gather(&mut self, record: &Record<'_>) {
        let Some(cursor) = self.cursors.get(record.slot) else { return };
        if !cursor.has_passed(record.offset) {
            let headers = super::consume::RecordHeaders(record);
            let held = self.late.held(record.slot);
            self.plan.gather(&incoming(cursor, record, &headers), &self.builder, held);
        }
    }
}
