//! Exactly once in whatever history of Redis survives: an AOF cut anywhere, an
//! AOF or an RDB of some time ago.

use std::collections::BTreeSet;
use std::path::Path;
use std::sync::Mutex;

use redis_kafka_tests::aof;
use redis_kafka_tests::broker::Kafka;
use redis_kafka_tests::faults::Scale;
use redis_kafka_tests::oracle::{self, Contents, SUBSCRIPTION};
use redis_kafka_tests::producer::Load;
use redis_kafka_tests::server::{Append, Setup};
use redis_kafka_tests::subject::Subject;

redis_kafka_tests::for_each_subject!(
    aof_cut_in_its_last_units: not_sidecar "sidecars of many copies of one Redis would be members of one consumer group; scenarios/sidecar.rs cuts in place",
    aof_of_some_time_ago,
    rdb_of_some_time_ago,
    rewrites_and_snapshots_under_load,
);

/// Start on the cut file, consume, kill -9, start again: the second start is
/// where a torn MULTI would be applied beside its redone unit.
fn aof_cut_in_its_last_units(subject: Subject) {
    let kafka = Kafka::shared();
    let topic = kafka.topic("cut", 1);
    let setup = subject.setup().append(Append::Always);
    let mut uncut = setup.start();
    oracle::declare(&uncut, kafka, &topic, "");
    let mut load = Load::with_keys(kafka, &topic, 3);
    for _ in 0..10 {
        load.send(4);
        uncut.wait_applied(SUBSCRIPTION);
    }
    oracle::check(&uncut, kafka, &load);
    let expected = oracle::contents(&uncut);
    uncut.kill();
    let cuts = cuts(&aof::incremental(uncut.directory()));
    println!("{} cuts from byte {:?} to {:?}", cuts.len(), cuts.first(), cuts.last());
    // A cut waits for its server and the broker most of the time: several at once.
    let (cuts, directory) = (Mutex::new(cuts.into_iter()), uncut.directory());
    let next = || cuts.lock().expect("no other cut failed").next();
    std::thread::scope(|scope| {
        for _ in 0..Scale::from_env().pick(2, 8) {
            scope.spawn(|| {
                while let Some(length) = next() {
                    cut_at(length, &setup, directory, &expected);
                }
            });
        }
    });
}

fn cut_at(length: u64, setup: &Setup, uncut: &Path, expected: &Contents) {
    let cut = |copy: &Path| aof::cut(&aof::incremental(copy), length);
    let mut server = setup.start_on_copy(uncut, cut);
    server.wait_applied(SUBSCRIPTION);
    server.kill_and_start();
    server.wait_applied(SUBSCRIPTION);
    assert_eq!(&oracle::contents(&server), expected, "cut at byte {length}");
}

/// Where to cut: every byte of the last three units, or their commands'
/// boundaries ± 1 byte.
fn cuts(file: &Path) -> BTreeSet<u64> {
    let commands = aof::commands(file);
    let units = aof::last_units(&commands, 3);
    assert_eq!(units.len(), 3, "three units in {}", file.display());
    let end = units[2].last().expect("a command").end;
    assert_eq!(end, std::fs::metadata(file).expect("the AOF").len(), "the AOF ends with a unit");
    match Scale::from_env() {
        Scale::Full => (units[0][0].start..=end).collect(),
        Scale::Small => {
            let boundaries = units.iter().flat_map(|unit| unit.iter()).map(|command| command.start);
            let around = boundaries.chain([end]).flat_map(|at| [at - 1, at, at + 1]);
            around.filter(|at| *at <= end).collect()
        }
    }
}

fn aof_of_some_time_ago(subject: Subject) {
    let kafka = Kafka::shared();
    let topic = kafka.topic("aof-ago", 2);
    let mut server = subject.setup().append(Append::Everysec).start();
    oracle::declare(&server, kafka, &topic, "");
    let load = Load::new(kafka, &topic).start(3000);
    for _ in 0..Scale::from_env().pick(2, 10) {
        let consumed = server.subscription(SUBSCRIPTION).counters.consumed;
        server.wait_consumed(SUBSCRIPTION, consumed + 1000);
        let file = aof::incremental(server.directory());
        let ago = std::fs::metadata(&file).expect("the AOF").len();
        server.wait_consumed(SUBSCRIPTION, consumed + 4000);
        server.kill();
        aof::cut(&file, ago);
        server.start_again();
    }
    oracle::check(&server, kafka, &load.stop());
}

fn rdb_of_some_time_ago(subject: Subject) {
    let kafka = Kafka::shared();
    let topic = kafka.topic("rdb-ago", 2);
    let mut server = subject.setup().start();
    oracle::declare(&server, kafka, &topic, "");
    let load = Load::new(kafka, &topic).start(3000);
    for _ in 0..Scale::from_env().pick(2, 10) {
        let consumed = server.subscription(SUBSCRIPTION).counters.consumed;
        server.wait_consumed(SUBSCRIPTION, consumed + 1000);
        server.ok("SAVE");
        let saved = server.subscription(SUBSCRIPTION).counters.consumed;
        server.wait_consumed(SUBSCRIPTION, saved + 3000);
        server.kill_and_start();
    }
    oracle::check(&server, kafka, &load.stop());
}

/// Each RDB, taken at full speed, holds data and offsets that fit together.
fn rewrites_and_snapshots_under_load(subject: Subject) {
    let kafka = Kafka::shared();
    let topic = kafka.topic("rewrite", 2);
    let setup = subject.setup().append(Append::Everysec);
    let mut server = setup.start();
    oracle::declare(&server, kafka, &topic, "");
    let load = Load::new(kafka, &topic).start(3000);
    for _ in 0..Scale::from_env().pick(3, 20) {
        let consumed = server.subscription(SUBSCRIPTION).counters.consumed;
        server.wait_consumed(SUBSCRIPTION, consumed + 500);
        server.line("BGREWRITEAOF");
        wait_idle(&server, "aof_rewrite_in_progress");
        server.line("BGSAVE");
        wait_idle(&server, "rdb_bgsave_in_progress");
    }
    let load = load.stop();
    oracle::check(&server, kafka, &load);
    server.kill();
    let snapshot = subject.setup().start_on_copy(server.directory(), |_| ());
    oracle::check(&snapshot, kafka, &load);
    drop(snapshot);
    server.start_again();
    oracle::check(&server, kafka, &load);
}

fn wait_idle(server: &redis_kafka_tests::server::RedisServer, work: &str) {
    redis_kafka_tests::wait::wait_until(work, std::time::Duration::from_secs(30), || {
        server.info_field("persistence", work).as_deref() == Some("0")
    });
}
