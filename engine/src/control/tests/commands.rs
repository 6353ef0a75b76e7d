//! What commands refuse, and what they answer, whatever the host.

use super::{Away, Peer, field};
use crate::control::{Reply, Role};

fn with_subscription() -> Peer {
    let mut peer = Peer::alone();
    peer.subscribe("s");
    peer
}

#[test]
fn a_host_may_refuse_everything_but_help() {
    let mut peer = Peer::alone();
    peer.host.role = Role::Refuses("Redis Cluster is not supported yet".to_owned());
    assert_eq!(peer.text("KAFKA.LIST"), "ERR KAFKA.LIST: Redis Cluster is not supported yet");
    assert!(matches!(peer.run("KAFKA.HELP"), Some(Reply::List(lines)) if lines.len() > 10));
    assert!(peer.text("KAFKA.LISP").contains("did you mean KAFKA.LIST?"));
}

#[test]
fn what_cannot_wait_is_refused() {
    let mut peer = with_subscription();
    peer.host.cannot_wait = Some("not allowed inside MULTI or a script".to_owned());
    let line = "KAFKA.SUBSCRIBE q TOPIC t BROKERS 127.0.0.1:1";
    let refused = "not allowed inside MULTI or a script";
    assert_eq!(peer.text(line), format!("ERR KAFKA.SUBSCRIBE: {refused}: it asks the broker"));
    assert_eq!(peer.text("KAFKA.WAIT s 0"), format!("ERR KAFKA.WAIT: {refused}: it blocks"));
    assert_eq!(peer.host.redis.borrow().definitions.len(), 1);
}

#[test]
fn a_route_is_held_against_rights_abilities_databases_and_the_ledger() {
    let mut peer = with_subscription();
    let refusals = [
        ("KAFKA.ROUTE forbidden FROM s TO STREAM k", "user 'u' may not write there"),
        ("KAFKA.ROUTE r FROM s TO JSON k", "this server has no JSON.SET"),
        ("KAFKA.ROUTE r FROM s TO COMMAND GET k", "GET writes nothing"),
        (
            "KAFKA.ROUTE r FROM s TO COMMAND SET k",
            "SET takes at least 3 words, its name included; these are 2",
        ),
        ("KAFKA.ROUTE r FROM s TO COMMAND BLPOP k 0", "BLPOP is in the ACL category @blocking"),
        ("KAFKA.ROUTE r FROM s TO COMMAND XGROUP NO k", "this server has no command 'xgroup NO'"),
        ("KAFKA.ROUTE r FROM t TO STREAM k", "no subscription named 't'"),
        ("KAFKA.UNROUTE s", "'s' is a subscription, not a route"),
    ];
    for (line, refused) in refusals {
        let answer = peer.text(line);
        assert!(answer.to_lowercase().contains(&refused.to_lowercase()), "{line}: {answer}");
    }
    peer.ok("KAFKA.ROUTE c FROM s TO COMMAND XGROUP CREATE k g 0");
    peer.host.database = 3;
    let answer = peer.text("KAFKA.ROUTE r FROM s TO STREAM k");
    assert!(answer.contains("subscription 's' writes to database 0"), "{answer}");
    peer.host.database = 0;
    peer.host.redis.borrow_mut().consumed = 1;
    let answer = peer.text("KAFKA.ROUTE late FROM s TO STREAM k");
    assert!(answer.starts_with("OK; it reads the earlier records first"), "{answer}");
    assert_eq!(
        field(&peer.run("KAFKA.INFO late").unwrap(), "phase"),
        &Reply::Text("catches up".to_owned())
    );
    assert_eq!(peer.host.redis.borrow().deleted_ledgers, ["s+late"], "what may be left over");
    assert_eq!(peer.registry.catching_up("s").as_deref(), Some("late"));
    peer.ok("KAFKA.ROUTE late REPLACE FROM s TO STREAM k NOW");
    assert_eq!(peer.registry.catching_up("s"), None);
    peer.ok("KAFKA.ROUTE r FROM s TO STREAM k NOW");
    assert_eq!(field(&peer.run("KAFKA.INFO r").unwrap(), "applied"), &Reply::Integer(0));
}

#[test]
fn nothing_is_known_that_could_not_be_stored() {
    let mut peer = Peer::alone();
    peer.host.redis.borrow_mut().away = Away::Yes;
    let answer = peer.text("KAFKA.SUBSCRIBE s TOPIC t BROKERS 127.0.0.1:1");
    assert_eq!(answer, "ERR KAFKA.SUBSCRIBE: Redis is away");
    assert!(peer.registry.subscriptions.is_empty() && peer.host.attached.is_empty());
    peer.host.redis.borrow_mut().away = Away::No;
    peer.subscribe("s");
    peer.host.redis.borrow_mut().away = Away::Yes;
    assert_eq!(peer.text("KAFKA.UNSUBSCRIBE s"), "ERR KAFKA.UNSUBSCRIBE: Redis is away");
    assert_eq!(peer.registry.subscriptions.len(), 1, "it is tried again");
}

#[test]
fn subscribing_again_with_the_same_words_keeps_the_worker() {
    let mut peer = with_subscription();
    let shared = peer.shared("s");
    peer.subscribe("s");
    assert!(std::sync::Arc::ptr_eq(&shared, &peer.shared("s")));
    assert_eq!(peer.host.attached, ["s in 0"]);
}

#[test]
fn a_route_that_has_caught_up_is_late_no_more() {
    let mut peer = with_subscription();
    peer.host.redis.borrow_mut().consumed = 1;
    assert!(peer.text("KAFKA.ROUTE late FROM s TO STREAM k").starts_with("OK; "));
    let stored = |peer: &Peer| {
        let redis = peer.host.redis.borrow();
        String::from_utf8_lossy(&redis.definitions["late"]).into_owned()
    };
    let shared = peer.shared("s");
    assert_eq!(*shared.control().late, ["late"]);
    shared.late.say_done(&"late".into(), shared.generation() - 1);
    peer.registry.finish_catch_ups(&mut peer.host);
    assert!(stored(&peer).contains(" late KAFKA.ROUTE"), "found under other definitions");
    let generation = shared.generation();
    shared.late.say_done(&"late".into(), generation);
    peer.registry.finish_catch_ups(&mut peer.host);
    assert!(
        stored(&peer).ends_with("made=2 KAFKA.ROUTE late FROM s TO STREAM k"),
        "{}",
        stored(&peer)
    );
    assert_eq!(peer.host.redis.borrow().deleted_ledgers, ["s+late", "s+late"]);
    assert!(shared.control().late.is_empty() && peer.registry.catching_up("s").is_none());
    assert_eq!(shared.generation(), generation, "the worker goes on");
    peer.ok("KAFKA.UNROUTE late");
}
