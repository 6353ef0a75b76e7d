//! What docs/sidecar.md says, against what the program does.

use clap::Parser;
use redis_kafka_sidecar::cli::Cli;
use redis_kafka_sidecar::metrics;

fn document() -> String {
    let path = concat!(env!("CARGO_MANIFEST_DIR"), "/../docs/sidecar.md");
    std::fs::read_to_string(path).unwrap()
}

#[test]
fn the_table_of_metrics_is_the_programs_own() {
    let table = metrics::reference();
    assert!(document().contains(&table), "docs/sidecar.md should hold:\n{table}");
}

#[test]
fn every_option_of_run_is_in_the_table_of_options() {
    let command = <Cli as clap::CommandFactory>::command();
    let run = command.find_subcommand("run").unwrap();
    let document = document();
    for option in run.get_arguments().filter(|option| option.get_id() != "help") {
        let (long, env) = (option.get_long().unwrap(), option.get_env().unwrap());
        let line = format!("| `--{long}");
        let row = document.lines().find(|row| row.starts_with(&line));
        let row = row.unwrap_or_else(|| panic!("no row for --{long}"));
        assert!(row.contains(&format!("`{}`", env.to_string_lossy())), "{row}");
        for default in option.get_default_values() {
            assert!(row.contains(&format!("`{}`", default.to_string_lossy())), "{row}");
        }
    }
    let wrong = Cli::try_parse_from(["redis-kafka", "run", "--nosuch"]);
    assert_eq!(wrong.unwrap_err().exit_code(), 2);
}
