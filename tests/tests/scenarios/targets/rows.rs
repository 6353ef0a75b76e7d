//! Each target × insert, update, tombstone, null, key of another type, time to
//! live and restart in the middle, compared with what plain commands make.

use redis_kafka_tests::server::{Append, RedisServer, Setup};
use redis_kafka_tests::subject::Subject;

use super::cells::{Case, Does, Record, contents, run_all, send_all, try_run, wait_all};
use super::table::{self, Life, Row, Taken};

redis_kafka_tests::for_each_subject!(
    streams,
    hashes,
    strings,
    lists,
    sets,
    sorted_sets,
    maps,
    commands,
    documents_and_time_series,
);

fn streams(subject: Subject) {
    run_rows(&subject.setup(), table::STREAMS);
}

fn hashes(subject: Subject) {
    run_rows(&subject.setup(), table::HASHES);
}

fn strings(subject: Subject) {
    run_rows(&subject.setup(), table::STRINGS);
}

fn lists(subject: Subject) {
    run_rows(&subject.setup(), table::LISTS);
}

fn sets(subject: Subject) {
    run_rows(&subject.setup(), table::SETS);
}

fn sorted_sets(subject: Subject) {
    run_rows(&subject.setup(), table::SORTED_SETS);
}

fn maps(subject: Subject) {
    run_rows(&subject.setup(), table::MAPS);
}

fn commands(subject: Subject) {
    run_rows(&subject.setup(), table::COMMANDS);
}

fn documents_and_time_series(subject: Subject) {
    run_rows(&subject.setup().stack(), table::STACK);
}

/// Every cell of the rows on one server, which is killed in the middle of the
/// last ones; its replica and its file have the same.
fn run_rows(setup: &Setup, rows: &[Row]) {
    let setup = setup.clone().append(Append::Always);
    let mut server = setup.start();
    let replica = setup.clone().replica_of(server.port()).start();
    replica.wait_linked();
    let mut cases: Vec<Case> = rows.iter().flat_map(whole_cells).collect();
    rows.iter().for_each(|row| check_taken(&server, row));
    run_all(&server, &cases);
    replica.wait_equal(&server);
    for case in &cases {
        server.ok(&format!("KAFKA.UNSUBSCRIBE {}", case.name));
    }

    let restarted: Vec<Case> = rows.iter().map(restarted).collect();
    let topics: Vec<String> = restarted.iter().map(|case| case.declare(&server)).collect();
    let halves = |which: fn(&[Record]) -> &[Record]| {
        let cases = restarted.iter().zip(&topics);
        send_all(cases.map(|(case, topic)| (topic.as_str(), which(&case.records))));
    };
    halves(|records| &records[..records.len().div_ceil(2)]);
    wait_all(&server, &restarted);
    server.kill();
    halves(|records| &records[records.len().div_ceil(2)..]);
    server.start_again();
    wait_all(&server, &restarted);
    for case in &restarted {
        case.run_plain(&server);
        case.check(&server);
    }
    cases.extend(restarted);
    server.kill_and_start();
    cases.iter().for_each(|case| case.check_contents(&server));
    replica.wait_linked();
    replica.wait_equal(&server);
    cases.iter().for_each(|case| case.check_contents(&replica));
}

fn case(row: &Row, cell: &str, parts: &[&[Record]]) -> Case {
    Case::new(&format!("{}.{cell}", row.name), row.target, &parts.concat())
}

/// The cells of a row that no restart is in.
fn whole_cells(row: &Row) -> Vec<Case> {
    let mut cases = vec![
        case(row, "insert", &[row.insert]),
        case(row, "update", &[row.insert, row.update]),
        case(row, "tombstone", &[row.insert, row.update, row.tombstone]),
        case(row, "null", &[row.insert, row.null, row.update]),
        taken(row),
    ];
    if row.lives == Life::Limited {
        let mut limited = case(row, "ttl", &[row.insert, row.update]);
        limited.target = limited_target(row.target);
        limited.lifetime = Some(3600);
        cases.push(limited);
    }
    cases
}

/// TTL stands before the clauses of the route.
pub fn limited_target(target: &str) -> String {
    match target.split_once(" SELECT ") {
        Some((target, selection)) => format!("{target} TTL 1h SELECT {selection}"),
        None => format!("{target} TTL 1h"),
    }
}

/// A key of another type stands where the first record writes.
fn taken(row: &Row) -> Case {
    let mut case = case(row, "taken", &[row.insert]);
    let command = match row.taken {
        Taken::Guarded => "RPUSH @k taken",
        Taken::Refused(command) => command,
    };
    case.before.push(command.into());
    case.records.iter_mut().for_each(|record| record.does = Does::Fails("wrong"));
    case
}

/// The plain commands are refused, too.
fn check_taken(server: &RedisServer, row: &Row) {
    let Taken::Refused(command) = row.taken else { return };
    let prefix = format!("plain:{}:", row.name);
    super::cells::run(server, &prefix, command);
    let before = contents(server, &prefix, false);
    for record in row.insert {
        let Does::Runs(commands) = record.does else { continue };
        for command in commands {
            try_run(server, &prefix, command).expect_err("a key of another type");
        }
    }
    assert_eq!(contents(server, &prefix, false), before);
}

/// All of a row's records.
fn restarted(row: &Row) -> Case {
    case(row, "restart", &[row.insert, row.update, row.null, row.tombstone])
}
