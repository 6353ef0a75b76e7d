//! What only a sidecar meets: its own death, several of them, the way to Redis.

use std::time::Duration;

use redis_kafka_tests::aof;
use redis_kafka_tests::broker::Kafka;
use redis_kafka_tests::faults::{Dice, Scale};
use redis_kafka_tests::oracle::{self, SUBSCRIPTION};
use redis_kafka_tests::producer::Load;
use redis_kafka_tests::proxy::{Lost, Proxy, Traffic};
use redis_kafka_tests::server::{Append, RedisServer, Setup};
use redis_kafka_tests::sidecar::{Sidecar, SidecarSetup};
use redis_kafka_tests::subject::Subject;
use redis_kafka_tests::wait::{elapse, wait_for};

fn consumed(server: &RedisServer) -> i64 {
    server.subscription(SUBSCRIPTION).counters.consumed
}

/// Lets the subscription go on by so many records.
fn progress(server: &RedisServer, records: i64) {
    server.wait_consumed(SUBSCRIPTION, consumed(server) + records);
}

#[test]
fn killed_sidecars_lose_and_double_nothing() {
    let (kafka, mut dice) = (Kafka::shared(), Dice::new());
    let topic = kafka.topic("sidecar-kill", 2);
    let mut server = Subject::Sidecar.setup().append(Append::Everysec).start();
    oracle::declare(&server, kafka, &topic, "");
    let load = Load::new(kafka, &topic).start(2000);
    for _ in 0..Scale::from_env().pick(5, 200) {
        progress(&server, 1);
        elapse(dice.millis(0..=300));
        server.restart_sidecar();
    }
    let load = load.stop();
    oracle::check(&server, kafka, &load);
}

#[test]
fn redis_killed_beside_a_sidecar_with_aof_always() {
    redis_killed_beside_a_sidecar(Append::Always);
}

#[test]
fn redis_killed_beside_a_sidecar_with_aof_everysec() {
    redis_killed_beside_a_sidecar(Append::Everysec);
}

/// Redis alone dies: the sidecar stays, reconnects, and goes on from what Redis kept.
fn redis_killed_beside_a_sidecar(append: Append) {
    let (kafka, mut dice) = (Kafka::shared(), Dice::new());
    let topic = kafka.topic("sidecar-redis-kill", 2);
    let mut server = Subject::Sidecar.setup().append(append).start();
    oracle::declare(&server, kafka, &topic, "");
    let load = Load::new(kafka, &topic).start(2000);
    for _ in 0..Scale::from_env().pick(5, 30) {
        progress(&server, 1);
        elapse(dice.millis(0..=300));
        server.kill_redis();
        elapse(dice.millis(0..=300));
        server.start_again();
    }
    let load = load.stop();
    oracle::check(&server, kafka, &load);
    assert!(server.sidecar().is_alive());
}

/// A further sidecar beside a server's own.
fn another(server: &RedisServer, name: &str) -> Sidecar {
    let url = format!("redis://127.0.0.1:{}", server.port());
    SidecarSetup::of_units(4).start(&url, name, server.directory())
}

/// Waits until a sidecar says that a subscription is in this state.
fn wait_says(sidecar: &Sidecar, words: &str) {
    let mut client = sidecar.connect(redis_kafka_tests::client::Protocol::Resp3);
    wait_for(&format!("the sidecar to say '{words}'"), Duration::from_secs(60), || {
        let list = client.line("KAFKA.LIST").map(|list| redis_kafka_tests::reply::text(&list));
        if list.as_ref().is_ok_and(|list| list.contains(words)) { Ok(()) } else { Err(list) }
    });
}

#[test]
fn three_sidecars_join_and_leave() {
    let (kafka, mut dice) = (Kafka::shared(), Dice::new());
    let topic = kafka.topic("sidecar-three", 6);
    let server = Subject::Sidecar.setup().append(Append::Everysec).start();
    oracle::declare(&server, kafka, &topic, "");
    let load = Load::new(kafka, &topic).start(2000);
    let mut others = [another(&server, "second"), another(&server, "third")];
    for change in 0..Scale::from_env().pick(4, 24) {
        let at = change % 2;
        let name = ["second", "third"][at];
        wait_says(&others[at], &format!("sub={SUBSCRIPTION} state="));
        progress(&server, 500);
        elapse(dice.millis(0..=Scale::from_env().pick(500, 5000)));
        // Every other one leaves in peace, the rest die.
        if change % 4 < 2 {
            others[at].signal("TERM");
            assert!(others[at].wait_ended(), "a clean end");
        } else {
            others[at].kill();
        }
        others[at] = another(&server, name);
    }
    let load = load.stop();
    oracle::check(&server, kafka, &load);
}

/// A sidecar that slept while others took over finds its unit refused, and works on.
#[test]
fn a_frozen_sidecar_cannot_write_when_it_wakes() {
    let kafka = Kafka::shared();
    let topic = kafka.topic("sidecar-frozen", 2);
    let mut server = Subject::Sidecar.setup().append(Append::Everysec).start();
    oracle::declare(&server, kafka, &topic, "");
    let load = Load::new(kafka, &topic).start(1000);
    for _ in 0..Scale::from_env().pick(1, 5) {
        progress(&server, 500);
        let other = another(&server, "other");
        let mut client = other.connect(redis_kafka_tests::client::Protocol::Resp3);
        // What the frozen one held is consumed by the other once its session is over.
        let info = |client: &mut redis_kafka_tests::client::Client| {
            let reply = client.line(&format!("KAFKA.INFO {SUBSCRIPTION}")).expect("INFO");
            redis_kafka_tests::reply::Info::read(&reply)
        };
        let mut before = Vec::new();
        wait_for("the other to know all partitions", Duration::from_secs(30), || {
            before = info(&mut client).partitions.iter().map(|p| p.next).collect();
            if before.len() == 2 { Ok(()) } else { Err(before.clone()) }
        });
        server.sidecar().signal("STOP");
        wait_for("the other to have all partitions", Duration::from_secs(90), || {
            let now: Vec<_> = info(&mut client).partitions.iter().map(|p| p.next).collect();
            let moved = now.iter().zip(&before).all(|(now, before)| now > &(before + 200));
            if moved { Ok(()) } else { Err((before.clone(), now)) }
        });
        server.sidecar().signal("CONT");
        progress(&server, 500);
        drop(other);
    }
    let load = load.stop();
    oracle::check(&server, kafka, &load);
}

/// A server whose sidecar reaches it through a proxy.
fn behind_a_proxy() -> (RedisServer, Proxy) {
    let mut server = Setup::plain().start();
    let proxy = Proxy::start(server.port());
    let url = format!("redis://127.0.0.1:{}", proxy.port());
    server.attach_sidecar(SidecarSetup::of_units(4), &url);
    (server, proxy)
}

#[test]
fn connections_lost_around_an_exec() {
    let (kafka, mut dice) = (Kafka::shared(), Dice::new());
    let topic = kafka.topic("sidecar-exec", 2);
    let (server, proxy) = behind_a_proxy();
    oracle::declare(&server, kafka, &topic, "");
    let load = Load::new(kafka, &topic).start(1000);
    for number in 0..Scale::from_env().pick(10, 100) {
        elapse(dice.millis(0..=200));
        proxy.lose([Lost::Reply, Lost::Exec][number % 2]);
        progress(&server, 1);
    }
    let load = load.stop();
    oracle::check(&server, kafka, &load);
}

/// Neither end hears of a connection that is half open: a time-out does.
#[test]
fn stalls_and_cuts_on_the_way_to_redis() {
    let kafka = Kafka::shared();
    let topic = kafka.topic("sidecar-stall", 2);
    let (server, proxy) = behind_a_proxy();
    oracle::declare(&server, kafka, &topic, "");
    let load = Load::new(kafka, &topic).start(1000);
    for number in 0..Scale::from_env().pick(2, 20) {
        progress(&server, 200);
        proxy.set([Traffic::Stall, Traffic::Cut][number % 2]);
        let info = server.wait_state(SUBSCRIPTION, "waiting");
        assert!(info.reason.contains("Redis"), "{info:#?}");
        proxy.set(Traffic::Pass);
        progress(&server, 200);
    }
    let load = load.stop();
    oracle::check(&server, kafka, &load);
}

/// From the module to the sidecar and back, in mid-stream, over the same keys.
#[test]
fn from_the_module_to_the_sidecar_and_back() {
    let kafka = Kafka::shared();
    let topic = kafka.topic("sidecar-move", 2);
    let module = Subject::ModuleCommands.setup().append(Append::Always);
    let sidecar = Subject::Sidecar.setup().append(Append::Always);
    let mut server = module.start();
    oracle::declare(&server, kafka, &topic, "");
    let load = Load::new(kafka, &topic).start(2000);
    for _ in 0..Scale::from_env().pick(2, 10) {
        for setup in [&sidecar, &module] {
            progress(&server, 500);
            server.kill();
            server.start_with(setup.clone());
        }
    }
    let load = load.stop();
    oracle::check(&server, kafka, &load);
}

/// Where the module of this very Redis runs the definitions, a sidecar stands by.
#[test]
fn a_sidecar_stands_by_beside_the_module() {
    let kafka = Kafka::shared();
    let topic = kafka.topic("sidecar-module", 1);
    let server = Subject::ModuleCommands.setup().start();
    oracle::declare(&server, kafka, &topic, "");
    let sidecar = another(&server, "beside");
    wait_says(&sidecar, &format!("sub={SUBSCRIPTION} state=standby"));
    let mut load = Load::new(kafka, &topic);
    load.send(500);
    oracle::check(&server, kafka, &load);
}

/// A restored backup, or what a crash took from the disk, at any byte: the sidecar goes on from what
/// is left, and what was torn does not come back with the start after that.
#[test]
fn redis_goes_back_in_time() {
    let (kafka, mut dice) = (Kafka::shared(), Dice::new());
    let topic = kafka.topic("sidecar-back", 2);
    let mut server = Subject::Sidecar.setup().append(Append::Always).start();
    oracle::declare(&server, kafka, &topic, "");
    let load = Load::new(kafka, &topic).start(500);
    for _ in 0..Scale::from_env().pick(5, 100) {
        progress(&server, 200);
        server.kill_redis();
        let file = aof::incremental(server.directory());
        let commands = aof::commands(&file);
        let unit = aof::last_units(&commands, 1 + dice.below(50))[0];
        let (start, end) = (unit[0].start, unit[unit.len() - 1].end);
        aof::cut(&file, start + dice.below((end - start) as usize) as u64);
        server.start_again();
        progress(&server, 200);
        server.kill_redis();
        server.start_again();
    }
    let load = load.stop();
    oracle::check(&server, kafka, &load);
    assert!(server.sidecar().is_alive());
}

#[test]
fn a_user_that_loses_its_rights_stops_the_subscription() {
    let kafka = Kafka::shared();
    let topic = kafka.topic("sidecar-rights", 2);
    let mut server = Setup::plain().start();
    server.ok("ACL SETUSER writer on >pw ~s:* ~h:* ~kafka:* &* +@all");
    let url = format!("redis://writer:pw@127.0.0.1:{}", server.port());
    server.attach_sidecar(SidecarSetup::of_units(4), &url);
    oracle::declare(&server, kafka, &topic, "");
    let mut load = Load::new(kafka, &topic);
    load.send(40);
    oracle::check(&server, kafka, &load);
    let route = format!("KAFKA.ROUTE other FROM {SUBSCRIPTION} TO HASH \"other:%{{key}}\" NOW");
    let error = server.refused(&route);
    assert!(error.contains("'writer' may not write keys that start with 'other:'"), "{error}");
    server.ok("ACL SETUSER writer resetkeys ~s:* ~kafka:*");
    load.send(40);
    let info = server.wait_state(SUBSCRIPTION, "stopped");
    assert!(info.reason.contains("NOPERM") && info.reason.contains("key 'h:k"), "{info:#?}");
    assert_eq!(info.counters.applied, info.counters.consumed, "{info:#?}");
    server.ok("ACL SETUSER writer ~h:*");
    server.ok(&format!("KAFKA.RESUME {SUBSCRIPTION}"));
    oracle::check(&server, kafka, &load);
}

/// Declared at every start, and changed only where it differs: a person's PAUSE stays. `--prune`
/// removes what the file no longer names.
#[test]
fn a_start_up_file_is_declared_once_and_pruned() {
    let kafka = Kafka::shared();
    let (topic, other) = (kafka.topic("sidecar-file", 1), kafka.topic("sidecar-file", 1));
    let mut load = Load::new(kafka, &topic);
    load.send(20);
    let mut server = Setup::plain().start();
    let url = format!("redis://127.0.0.1:{}", server.port());
    let file = server.directory().join("statements.kafka");
    let brokers = kafka.brokers();
    let rides = format!(
        "# two routes\nKAFKA.SUBSCRIBE rides TOPIC {topic} BROKERS {brokers} PAUSED\n\
         KAFKA.ROUTE every FROM rides\n  TO STREAM \"s:%{{key}}\"\n\
         KAFKA.ROUTE last FROM rides TO HASH \"h:%{{key}}\"\nKAFKA.RESUME rides\n"
    );
    let others = format!("KAFKA.SUBSCRIBE others TOPIC {other} BROKERS {brokers}\n");
    let path = file.display().to_string();
    let setup = SidecarSetup::of_units(4).args(&["--statements", &path]);
    let start = |server: &mut RedisServer, setup: &SidecarSetup, text: &str| {
        std::fs::write(&file, text).expect("write the statements");
        server.attach_sidecar(setup.clone(), &url);
    };
    start(&mut server, &setup, &format!("{rides}{others}"));
    wait_says(server.sidecar(), "sub=others ");
    oracle::check(&server, kafka, &load);

    // A changed route is replaced, the rest is as it was.
    server.ok("KAFKA.PAUSE others");
    server.sidecar().kill();
    let changed = rides.replace("TO HASH \"h:%{key}\"", "TO HASH \"h:%{key}\" SELECT \"seq\"");
    start(&mut server, &setup.clone().args(&["--prune"]), &format!("{changed}{others}"));
    wait_for("the changed route", Duration::from_secs(30), || {
        let info = server.try_line("KAFKA.INFO last").map(|info| format!("{info:?}"));
        if info.as_ref().is_ok_and(|info| info.contains("SELECT")) { Ok(()) } else { Err(info) }
    });
    assert_eq!(server.wait_state("others", "paused").state, "paused");

    server.sidecar().kill();
    start(&mut server, &setup.clone().args(&["--prune"]), &changed);
    wait_for("the other subscription to go", Duration::from_secs(30), || {
        let list = server.text("KAFKA.LIST");
        if list.contains("sub=others ") { Err(list) } else { Ok(()) }
    });
    load.send(20);
    oracle::check(&server, kafka, &load);

    // What is refused ends the process, and says where.
    let wrong = "KAFKA.PAUSE nobody\n";
    std::fs::write(&file, wrong).expect("write the statements");
    let log = setup.refused_at_start(&url, server.directory());
    assert!(log.contains("statements.kafka:1: ") && log.contains("nobody"), "{log}");
}
