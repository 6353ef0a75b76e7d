//! What is compared with what.

use clap::ValueEnum;
use serde::Serialize;

/// One way from Kafka to Redis.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, ValueEnum)]
#[serde(rename_all = "lowercase")]
pub enum Subject {
    /// The module, PROPAGATE units
    Units,
    /// The module, PROPAGATE commands
    Commands,
    /// The sidecar
    Sidecar,
    /// The external bridge of `bridge/`
    Bridge,
    /// The same with the offsets beside the data, in MULTI … EXEC: not among those compared by default
    Transactions,
    /// A client that pipelines a batch's look-ups, then its writes: of the join alone, beside the bridge
    #[value(skip)]
    Client,
}

impl Subject {
    pub const ALL: [Subject; 4] =
        [Subject::Units, Subject::Commands, Subject::Sidecar, Subject::Bridge];

    pub fn title(self) -> &'static str {
        match self {
            Subject::Units => "module, units",
            Subject::Commands => "module, commands",
            Subject::Sidecar => "sidecar",
            Subject::Bridge => "external bridge",
            Subject::Transactions => "bridge with MULTI",
            Subject::Client => "plain client",
        }
    }

    /// The module's load argument; `None` for what runs outside of Redis.
    pub fn propagation(self) -> Option<&'static str> {
        match self {
            Subject::Units => Some("units"),
            Subject::Commands => Some("commands"),
            Subject::Sidecar | Subject::Bridge | Subject::Transactions | Subject::Client => None,
        }
    }

    /// Whether it is declared with commands.
    pub fn takes_commands(self) -> bool {
        !matches!(self, Subject::Bridge | Subject::Transactions | Subject::Client)
    }
}

/// How the bridge reaches Redis.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, ValueEnum)]
#[serde(rename_all = "lowercase")]
pub enum Socket {
    /// TCP over the loopback interface, as from another container
    Tcp,
    /// The server's Unix socket: only for a bridge beside it
    Unix,
}

/// Redis's append-only file.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "lowercase")]
pub enum Aof {
    Off,
    Everysec,
}

impl Aof {
    pub const ALL: [Aof; 2] = [Aof::Off, Aof::Everysec];

    pub fn title(self) -> &'static str {
        match self {
            Aof::Off => "AOF off",
            Aof::Everysec => "AOF everysec",
        }
    }
}
