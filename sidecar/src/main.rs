//! `redis-kafka`: the tools around the module. All of it lives in the library beside this file.

use std::process::ExitCode;

fn main() -> ExitCode {
    redis_kafka_sidecar::cli::main()
}
