//! TOPICS, PEEK, PRODUCE and PREVIEW: a thread asks Kafka, the client waits.

use super::{Execution, Outcome, known};
use crate::command::{CommandError, Peek, Preview, Produce, Route, Source};
use crate::control::abilities;
use crate::control::host::Host;
use crate::control::inquiries::{self, Answer, Inquiry, Place, Previewed};
use crate::kafka::Topics;
use crate::target::Target;
use crate::worker::RouteSpec;

impl<H: Host> Execution<'_, H> {
    pub(super) fn topics(&mut self, source: Option<&Source>) -> Outcome {
        let place = Place::of(self.registry, source)?;
        self.inquire("KAFKA.TOPICS", move |inquiry| inquiries::topics(inquiry, place))
    }

    pub(super) fn peek(&mut self, asked: Peek) -> Outcome {
        let place = Place::of(self.registry, asked.source.as_ref())?;
        self.inquire("KAFKA.PEEK", move |inquiry| inquiries::peek(inquiry, place, &asked))
    }

    pub(super) fn produce(&mut self, asked: Produce) -> Outcome {
        let place = Place::of(self.registry, asked.source.as_ref())?;
        self.inquire("KAFKA.PRODUCE", move |inquiry| inquiries::produce(inquiry, place, &asked))
    }

    pub(super) fn preview(&mut self, asked: Preview) -> Outcome {
        let place = Place::of(self.registry, Some(&Source::Subscription(asked.from.clone())))?;
        let told = |error: CommandError| error.told_by("KAFKA.PREVIEW");
        let route = asked.route().map_err(told)?;
        let (db, topics) = self.check_previewed(&asked, &route).map_err(told)?;
        self.check_inquiry()?;
        let route = self.previewed_route(&route);
        let lane = self.registry.guest(self.host, &asked.from, db);
        let previewed = Previewed { topics, asked, route, lane };
        self.begin("KAFKA.PREVIEW", move |inquiry| inquiries::preview(inquiry, place, previewed))
    }

    /// The route that is shown: by the name of the one that writes there already, as what NEWER
    /// compares with stands under its route's name.
    fn previewed_route(&self, asked: &Route) -> RouteSpec {
        let mut route = RouteSpec::of(asked);
        let place = |target: &Target| target.arguments().into_iter().take(2).collect::<Vec<_>>();
        let routes = self.registry.routes_of(&asked.from).into_iter();
        let mut same = routes.filter(|known| place(&known.declared.target) == place(&route.target));
        if let Some(known) = same.next() {
            route.name = known.declared.name.clone();
        }
        route
    }

    /// Refuses what a route would be refused for; the database that it would write to, and the
    /// topics of its subscription.
    fn check_previewed(
        &mut self,
        asked: &Preview,
        route: &Route,
    ) -> Result<(i32, Topics), CommandError> {
        let known = known(self.registry, &asked.from)?;
        let value_type = known.lane.as_ref().and_then(|lane| lane.shared.value_type());
        route.check(value_type.as_deref(), known.declared.envelope)?;
        if asked.target.is_some() {
            route.check_sends(&known.declared)?;
            abilities::check(self.host, &route.target)?;
        }
        self.host.check_rights(route)?;
        Ok((known.db, known.declared.topics.clone()))
    }

    /// Refuses what asks Kafka where nobody can wait for it.
    fn check_inquiry(&mut self) -> Result<(), CommandError> {
        self.check_can_wait("it asks the broker")?;
        self.registry.inquiries.check_room()
    }

    /// Lets a thread find the answer while the client waits, if it can.
    fn inquire(
        &mut self,
        command: &'static str,
        inquire: impl FnOnce(&Inquiry) -> Answer + Send + 'static,
    ) -> Outcome {
        self.check_inquiry()?;
        self.begin(command, inquire)
    }

    fn begin(
        &mut self,
        command: &'static str,
        inquire: impl FnOnce(&Inquiry) -> Answer + Send + 'static,
    ) -> Outcome {
        let answerer = self.waiting.for_answer(self.host, command, inquiries::TIME);
        self.registry.inquiries.begin(command, answerer, inquire);
        Ok(None)
    }
}
