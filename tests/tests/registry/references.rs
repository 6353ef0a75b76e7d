//! Schemas that refer to others.

use std::sync::Arc;
use std::time::Duration;

use redis_kafka_engine::registry::{Client, LookupError, Schema};
use redis_kafka_tests::registry::{Kind, Link, Registry};
use redis_kafka_tests::wait::wait_for;

use crate::{client, hasty, number, patient, unavailable};

fn unusable(client: &Client, id: u32) -> String {
    match client.schema(&number(id)).unwrap_err() {
        error @ LookupError::Unusable { .. } => error.to_string(),
        other => panic!("not unusable: {other:?}"),
    }
}

fn depth(schema: &Schema) -> usize {
    1 + schema.references.iter().map(|link| depth(&link.schema)).max().unwrap_or(0)
}

#[test]
fn a_diamond_is_fetched_once_and_shared() {
    let registry = Registry::start();
    let below = registry.register("below", Kind::Json, "{}", &[]);
    let link = Link::new("below", "below", 1);
    registry.register("left/1", Kind::Json, "[1]", std::slice::from_ref(&link));
    registry.register("right", Kind::Json, "[2]", &[link]);
    let links = [Link::new("l", "left/1", 1), Link::new("r", "right", -1)];
    let top = registry.register("top", Kind::Json, "[3]", &links);
    let client = client(&registry, patient());
    let schema = client.schema(&number(top)).unwrap();
    let names: Vec<_> = schema.references.iter().map(|link| link.name.as_str()).collect();
    assert_eq!(names, ["l", "r"]);
    let ends: Vec<_> =
        schema.references.iter().map(|link| &link.schema.references[0].schema).collect();
    assert!(Arc::ptr_eq(ends[0], ends[1]));
    assert_eq!(registry.requests("/subjects/below/versions/1"), 1);
    assert_eq!(registry.requests("/subjects/left%2F1/versions/1"), 1);
    // What was fetched on the way is known by its id from then on.
    assert!(Arc::ptr_eq(&client.schema(&number(below)).unwrap(), ends[0]));
    assert_eq!(registry.all_requests(), 4);
}

#[test]
fn circles_are_refused_and_not_asked_for_again() {
    let registry = Registry::start();
    registry.put(1, "a", 1, "1", &[Link::new("b", "b", 1)]);
    registry.put(2, "b", 1, "2", &[Link::new("a", "a", 1)]);
    registry.put(3, "c", 1, "3", &[Link::new("c", "c", -1)]);
    let client = client(&registry, patient());
    for (id, subject) in [(1, "b"), (3, "c")] {
        for _ in 0..2 {
            let error = unusable(&client, id);
            assert!(error.contains(&format!("schema id {id} ")), "{error}");
            assert!(error.contains(subject) && error.contains("refers to itself"), "{error}");
        }
    }
    let asked = registry.all_requests();
    unusable(&client, 1);
    assert_eq!(registry.all_requests(), asked);
}

#[test]
fn references_that_lead_nowhere_are_named() {
    let registry = Registry::start();
    registry.put(1, "a", 1, "1", &[Link::new("b", "no-subject", 1)]);
    registry.put(2, "a", 2, "1", &[Link::new("b", "a", 9)]);
    let client = client(&registry, patient());
    let error = unusable(&client, 1);
    assert!(error.contains("'no-subject'") && error.contains("40401"), "{error}");
    let error = unusable(&client, 2);
    assert!(error.contains("version 9 of subject 'a'") && error.contains("40402"), "{error}");
}

/// A chain of subjects `0`, `1`, …: each refers to the one before. Ids from `first` on.
fn chain(registry: &Registry, first: u32, length: u32) {
    for at in 0..length {
        let before = Link::new("before", &format!("chain-{first}-{}", at.wrapping_sub(1)), 1);
        let links = if at == 0 { &[][..] } else { &[before][..] };
        registry.put(first + at, &format!("chain-{first}-{at}"), 1, "1", links);
    }
}

#[test]
fn depth_and_number_of_references_are_bounded() {
    let registry = Registry::start();
    chain(&registry, 1000, 33);
    chain(&registry, 2000, 40);
    let few: Vec<_> = (0..256).map(|at| Link::new(&at.to_string(), "chain-1000-0", 1)).collect();
    registry.put(1, "few", 1, "1", &few);
    let many: Vec<_> = (0..257).map(|at| Link::new(&at.to_string(), "chain-1000-0", 1)).collect();
    registry.put(2, "many", 1, "1", &many);
    let client = client(&registry, patient());
    assert_eq!(depth(&client.schema(&number(1032)).unwrap()), 33);
    assert!(unusable(&client, 2039).contains("more than 32 deep"));
    assert_eq!(client.schema(&number(1)).unwrap().references.len(), 256);
    assert!(unusable(&client, 2).contains("more than 256 references"));
}

/// However often a schema is fetched again while what it refers to is away: that is no fault of it.
#[test]
fn tries_in_vain_do_not_count_as_text() {
    let registry = Registry::start();
    let text = "1".repeat(7 << 20);
    registry.put(1, "a", 1, "1", &[]);
    registry.put(2, "b", 1, &text, &[Link::new("a", "a", 1)]);
    let client = client(&registry, hasty());
    let below = "/subjects/a/versions/1";
    registry.fail_at(below);
    let tries = wait_for("five tries", Duration::from_secs(30), || {
        unavailable(client.schema(&number(2)).unwrap_err());
        match registry.requests(below) {
            tries @ 5.. => Ok(tries),
            tries => Err(tries),
        }
    });
    assert!(tries >= 5);
    registry.clear();
    wait_for("the schema", Duration::from_secs(5), || client.schema(&number(2)));
}

#[test]
fn the_text_of_all_references_together_is_bounded() {
    let registry = Registry::start();
    let text = "1".repeat(7 << 20);
    registry.put(1, "a", 1, &text, &[]);
    registry.put(2, "b", 1, &text, &[Link::new("a", "a", 1)]);
    registry.put(3, "c", 1, &text, &[Link::new("b", "b", 1)]);
    let client = client(&registry, patient());
    assert_eq!(depth(&client.schema(&number(2)).unwrap()), 2);
    assert!(unusable(&client, 3).contains("bytes"));
}
