//! PAUSE and RESUME, and what RESUME settles.

use super::{Execution, Outcome, known, ok};
use crate::command::{CommandError, Initial, Settle, Statement};
use crate::control::host::Host;
use crate::state::{Settles, State, Status};

impl<H: Host> Execution<'_, H> {
    /// Kept in the definition, so that a restart changes nothing.
    pub(super) fn pause_or_resume(
        &mut self,
        name: &str,
        initial: Initial,
        settle: Option<Settle>,
    ) -> Outcome {
        let known = known(self.registry, name)?;
        known.check_alive(name)?;
        if let Some(settle) = settle {
            let status = known.lane.as_ref().map(|lane| lane.shared.status());
            check_settlement(name, settle, status.as_ref())?;
        }
        let (db, made, mut declared) = (known.db, known.made, known.declared.clone());
        declared.initial = initial;
        self.store(db, made, Statement::Subscribe(declared))?;
        self.registry.set_initial(self.host, name, initial, settle);
        ok()
    }
}

/// Whether the thing that stopped a subscription can be settled that way.
fn check_settlement(
    name: &str,
    settle: Settle,
    status: Option<&Status>,
) -> Result<(), CommandError> {
    let Some(status) = status.filter(|status| status.state == State::Stopped) else {
        let problem = format!("'{name}' is not stopped: there is no record to settle");
        return Err(CommandError::new(problem).hint("KAFKA.RESUME without SKIP or DEADLETTER"));
    };
    match (status.settles, settle) {
        (Settles::Record, _) | (Settles::Gap | Settles::Letter, Settle::Skip) => Ok(()),
        (Settles::Letter, Settle::DeadLetter) => {
            let problem = "there is no room among the dead letters";
            Err(CommandError::new(problem).hint(status.action.clone()))
        }
        (Settles::Gap, Settle::DeadLetter) => {
            let problem = "records that Kafka has lost cannot be put aside";
            Err(CommandError::new(problem)
                .hint(format!("KAFKA.RESUME {name} SKIP accepts the gap")))
        }
        (Settles::Nothing, _) => {
            let problem = format!("no single record stopped '{name}': {}", status.reason);
            Err(CommandError::new(problem).hint(status.action.clone()))
        }
    }
}
