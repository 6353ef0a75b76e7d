//! TOPICS, PEEK and PRODUCE: a thread asks Kafka, the client waits.

use super::{Execution, Outcome};
use crate::command::{CommandError, Peek, Produce, Source};
use crate::control::host::Host;
use crate::control::inquiries::{self, Answer, Inquiry, Place};

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

    /// Lets a thread find the answer while the client waits.
    fn inquire(
        &mut self,
        command: &'static str,
        inquire: impl FnOnce(&Inquiry) -> Answer + Send + 'static,
    ) -> Outcome {
        if let Some(reason) = self.host.cannot_wait() {
            return Err(CommandError::new(format!("{reason}: it asks the broker")));
        }
        if !self.waiting.has_room() {
            return Err(CommandError::new("too many clients wait already").hint("try again"));
        }
        self.registry.inquiries.check_room()?;
        let answerer = self.waiting.for_answer(self.host, command, inquiries::TIME);
        self.registry.inquiries.begin(command, answerer, inquire);
        Ok(None)
    }
}
