//! What a host makes of what it finds in Redis.

use super::{Away, Peer, Redis};
use crate::command::Offsets;
use crate::control::Role;
use crate::state::State;
use crate::worker::{Farewell, Wanted};
use std::cell::RefCell;
use std::rc::Rc;
use std::sync::Arc;

const GONE: &str =
    "its definition is gone from kafka:definitions (flushed, deleted, or an older dump)";

/// Two hosts of one Redis: the first was given `s` and a route, the second found them.
fn pair() -> (Rc<RefCell<Redis>>, Peer, Peer) {
    let redis = Rc::<RefCell<Redis>>::default();
    let (mut first, mut second) = (Peer::of(&redis), Peer::of(&redis));
    first.subscribe("s");
    first.ok("KAFKA.ROUTE r FROM s TO STREAM k");
    second.synchronise();
    (redis, first, second)
}

#[test]
fn definitions_that_are_the_same_change_nothing() {
    let (_, mut first, mut second) = pair();
    assert_eq!(second.host.attached, ["s in 0"]);
    for peer in [&mut first, &mut second] {
        let (shared, generation) = (peer.shared("s"), peer.shared("s").generation());
        for _ in 0..3 {
            peer.synchronise();
        }
        assert!(Arc::ptr_eq(&shared, &peer.shared("s")), "the same worker");
        assert_eq!(shared.generation(), generation, "nothing under way is void");
    }
    // Read anew, because the data set may be another one: what it says is the same.
    second.registry.discard_all();
    let generation = second.shared("s").generation();
    second.synchronise();
    assert_eq!(second.shared("s").generation(), generation);
    assert_eq!(second.host.attached.len(), 1);
}

#[test]
fn routes_of_other_hosts_reach_the_worker_that_runs() {
    let (_, mut first, mut second) = pair();
    let shared = second.shared("s");
    first.ok("KAFKA.ROUTE q FROM s TO HASH h:%{_key} NOW");
    second.synchronise();
    let names = |shared: &crate::worker::Shared| -> Vec<String> {
        shared.control().routes.iter().map(|route| route.name.clone()).collect()
    };
    assert_eq!(names(&shared), ["r", "q"]);
    first.ok("KAFKA.UNROUTE r");
    second.synchronise();
    assert_eq!(names(&shared), ["q"]);
    assert!(Arc::ptr_eq(&shared, &second.shared("s")));
}

#[test]
fn a_pause_of_another_host_takes_no_new_worker() {
    let (_, mut first, mut second) = pair();
    let shared = second.shared("s");
    first.ok("KAFKA.PAUSE s");
    second.synchronise();
    assert_eq!(shared.control().wanted, Wanted::Pause);
    assert_eq!(second.state("s").0, State::Paused);
    first.ok("KAFKA.RESUME s");
    second.synchronise();
    assert_eq!(shared.control().wanted, Wanted::Run);
    assert!(Arc::ptr_eq(&shared, &second.shared("s")));
}

#[test]
fn another_definition_takes_a_new_worker() {
    let (_, mut first, mut second) = pair();
    let shared = second.shared("s");
    let line = "KAFKA.SUBSCRIBE s REPLACE TOPIC other BROKERS 127.0.0.1:1 VALUE JSON";
    assert_eq!(first.run(line), None);
    second.synchronise();
    assert!(!Arc::ptr_eq(&shared, &second.shared("s")));
    assert_eq!(shared.control().wanted, Wanted::Exit(Farewell::Leave));
    assert_eq!(second.shared("s").control().routes.len(), 1);
}

#[test]
fn what_another_host_unsubscribed_ends() {
    for (line, farewell) in [
        ("KAFKA.UNSUBSCRIBE s", Farewell::Forget),
        ("KAFKA.UNSUBSCRIBE s KEEPOFFSETS", Farewell::Leave),
    ] {
        let (redis, mut first, mut second) = pair();
        let shared = second.shared("s");
        first.ok(line);
        assert!(redis.borrow().definitions.is_empty(), "with its routes");
        second.synchronise();
        assert!(second.registry.subscriptions.is_empty() && second.registry.routes.is_empty());
        assert_eq!(shared.control().wanted, Wanted::Exit(farewell), "{line}");
        let deleted = redis.borrow().deleted_ledgers.len();
        assert_eq!(deleted, usize::from(farewell == Farewell::Forget), "by the one that was told");
    }
}

#[test]
fn a_definition_that_is_lost_stops_its_subscription_until_it_is_back() {
    let (redis, mut first, mut second) = pair();
    first.subscribe("other");
    second.synchronise();
    let (shared, lost) = (second.shared("s"), redis.borrow_mut().definitions.remove("s").unwrap());
    for _ in 0..2 {
        second.synchronise();
        assert_eq!(second.state("s"), (State::Stopped, GONE.to_owned()));
    }
    assert_eq!(second.state("other").0, State::Waiting, "it goes on");
    assert!(matches!(shared.control().wanted, Wanted::Hold(status) if status.reason == GONE));
    let refused = second.text("KAFKA.RESUME s");
    assert!(refused.starts_with("ERR KAFKA.RESUME: 's' cannot go on: its definition"), "{refused}");
    redis.borrow_mut().definitions.insert("s".to_owned(), lost);
    second.synchronise();
    assert_eq!(second.state("s").0, State::Waiting);
    assert_eq!(second.shared("s").control().wanted, Wanted::Run);
}

#[test]
fn a_flush_stops_all_and_a_late_word_ends() {
    let (redis, _first, mut second) = pair();
    *redis.borrow_mut() = Redis::default();
    second.synchronise();
    assert_eq!(second.state("s"), (State::Stopped, GONE.to_owned()));
    assert!(second.registry.routes.is_empty());
    redis.borrow_mut().words.insert("s".to_owned(), Offsets::Delete);
    second.synchronise();
    assert!(second.registry.subscriptions.is_empty());
}

#[test]
fn a_redis_that_is_away_says_nothing_of_what_it_stores() {
    let (redis, _first, mut second) = pair();
    let (shared, generation) = (second.shared("s"), second.shared("s").generation());
    redis.borrow_mut().away = Away::Yes;
    let failed = second.registry.synchronise(&mut second.host);
    assert_eq!(failed, Err("Redis is away".to_owned()));
    assert_eq!(second.text("KAFKA.PAUSE s"), "ERR KAFKA.PAUSE: Redis is away");
    assert_eq!(shared.generation(), generation);
    // It goes away in the middle: whether the subscription was ended is not known.
    redis.borrow_mut().definitions.clear();
    redis.borrow_mut().away = Away::AfterDefinitions;
    assert!(second.registry.synchronise(&mut second.host).is_err());
    assert_eq!(second.state("s").0, State::Waiting);
    redis.borrow_mut().away = Away::No;
    second.synchronise();
    assert_eq!(second.state("s"), (State::Stopped, GONE.to_owned()));
}

#[test]
fn history_that_is_turned_back_is_followed() {
    let mut peer = Peer::alone();
    peer.subscribe("s");
    peer.ok("KAFKA.ROUTE r FROM s TO STREAM k");
    peer.synchronise();
    let before = peer.host.redis.borrow().definitions.clone();
    peer.ok("KAFKA.ROUTE q FROM s TO STREAM k2");
    peer.host.redis.borrow_mut().definitions = before;
    peer.synchronise();
    assert_eq!(peer.shared("s").control().routes.len(), 1, "the route that Redis lost is gone");
}

#[test]
fn what_stands_by_starts_when_the_role_changes() {
    let (_, _first, mut second) = pair();
    let shared = second.shared("s");
    second.host.role = Role::StandsBy("the module of this Redis consumes".to_owned());
    second.synchronise();
    let standby = (State::Standby, "the module of this Redis consumes".to_owned());
    assert_eq!(second.state("s"), standby);
    assert_eq!(shared.control().wanted, Wanted::Exit(Farewell::Leave));
    let refused = second.text("KAFKA.PAUSE s");
    assert!(
        refused.starts_with("ERR KAFKA.PAUSE: stands by: the module of this Redis"),
        "{refused}"
    );
    assert!(second.text("KAFKA.LIST").contains("sub=s state=standby"), "it may be asked");
    assert!(second.text("KAFKA.WAIT s 10").contains("'s' does not consume here"));
    second.host.role = Role::Consumes;
    second.synchronise();
    assert_eq!(second.state("s").0, State::Waiting);
    assert_eq!(second.host.attached.len(), 2);
}

#[test]
fn a_standby_looks_when_it_is_asked() {
    let redis = Rc::<RefCell<Redis>>::default();
    let (mut first, mut second) = (Peer::of(&redis), Peer::of(&redis));
    second.host.role = Role::StandsBy("a replica: the primary consumes".to_owned());
    first.subscribe("s");
    assert!(second.text("KAFKA.LIST").contains("a replica: the primary consumes"));
    first.ok("KAFKA.UNSUBSCRIBE s");
    assert_eq!(second.text("KAFKA.LIST"), "", "without a word, as nothing of it runs here");
}

#[test]
fn one_definition_that_cannot_be_read_harms_no_other() {
    let (redis, _first, mut second) = pair();
    redis.borrow_mut().definitions.insert("x".to_owned(), b"db=0 made=9 KAFKA.NONSENSE".to_vec());
    second.synchronise();
    assert_eq!(second.registry.subscriptions.len(), 1);
    assert_eq!(second.state("s").0, State::Waiting);
}
