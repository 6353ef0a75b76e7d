//! SEEK: checked here, done by the subscription's worker.

use super::{Execution, Outcome, known};
use crate::command::{CommandError, Seek};
use crate::control::host::Host;
use crate::control::{Answerer, Reply};
use crate::worker::{Hearer, SeekRequest};
use std::time::Duration;

const COMMAND: &str = "KAFKA.SEEK";

/// How long the broker and Redis may take together.
const TIME: Duration = Duration::from_secs(10);

/// The client that waits for a seek.
struct Client(Answerer);

impl Hearer for Client {
    fn is_gone(&self) -> bool {
        self.0.is_void()
    }

    fn tell(self: Box<Self>, answer: Result<String, CommandError>) {
        self.0.give(match answer {
            Ok(line) => Reply::Simple(line),
            Err(error) => Reply::Error(error.of(COMMAND).to_string()),
        });
    }
}

impl<H: Host> Execution<'_, H> {
    pub(super) fn seek(&mut self, wanted: Seek) -> Outcome {
        self.check_can_wait("it asks the broker")?;
        let known = known(self.registry, &wanted.name)?;
        known.check_alive(&wanted.name)?;
        wanted.check_topic(&known.declared.topics)?;
        if let Some(route) = self.registry.catching_up(&wanted.name) {
            let problem = format!("route '{route}' still reads the records before it was made");
            let way = format!(
                "KAFKA.WAIT {} waits for it, KAFKA.UNROUTE {route} gives it up",
                wanted.name
            );
            return Err(CommandError::new(problem).hint(way));
        }
        if let Some(hold) = known.hold(self.hold) {
            let problem = format!("nothing can be written now: {}", hold.reason);
            return Err(CommandError::new(problem).hint("try again once that is over"));
        }
        let lane = known.consuming(&wanted.name, "ask the primary")?;
        let answerer = self.waiting.for_answer(self.host, COMMAND, TIME);
        lane.shared.seek(SeekRequest { wanted, hearer: Box::new(Client(answerer)) });
        Ok(None)
    }
}
