use std::collections::{BTreeMap, BTreeSet, HashMap};

use redis_kafka_tests::reply::{items, text};
use serde_json::{Value as Json, json};

use crate::example::Example;
use crate::records::{Record, cents, records};

fn products(example: &Example) -> HashMap<String, Json> {
    let all = records(example.kafka, "referentiel");
    assert_eq!(all.len(), 6);
    all.iter()
        .map(|record| (record.key().expect("a key").to_owned(), record.json()["name"].clone()))
        .collect()
}

#[test]
fn purchases_get_their_products_name_and_go_back_to_kafka() {
    let mut example = Example::open("purchases");
    example.shell();
    let definitions = example.redis_cli();
    assert!(definitions.lines().all(|line| line.starts_with("OK")), "{definitions}");
    let back = example.redis_cli();
    assert!(back.contains("total"), "{back}");

    let products = products(&example);
    for (id, name) in &products {
        let hash = example.redis.hash(&format!("produit:{id}"));
        assert_eq!(Some(hash["name"].as_str()), name.as_str(), "produit:{id}");
    }
    let purchases: HashMap<(i32, i64), Json> = records(example.kafka, "achats")
        .iter()
        .map(|record| ((record.partition, record.message.offset), record.json()))
        .collect();
    assert_eq!(purchases.len(), 20_000);
    let enriched = records(example.kafka, "achats-enrichis");
    check_enriched(&enriched, &purchases, &products);
    check_stream(&example, &enriched);
    check_sales(&example, &purchases);
    example.finish();
}

/// Each purchase is there once, with the name of its product.
fn check_enriched(
    enriched: &[Record],
    purchases: &HashMap<(i32, i64), Json>,
    products: &HashMap<String, Json>,
) {
    let mut seen = BTreeSet::new();
    for record in enriched {
        let (topic, partition, offset) = record.message.source();
        assert_eq!(topic, "achats");
        let purchase = &purchases[&(partition, offset)];
        let id = purchase["id"].to_string();
        let name = products.get(&id).cloned().unwrap_or_else(|| json!("REF INCONNUE"));
        let wanted = json!({"id": purchase["id"], "name": name, "price": purchase["price"]});
        assert_eq!(record.json(), wanted);
        assert_eq!(record.key(), Some(id.as_str()));
        assert!(seen.insert((partition, offset)), "{record:?} twice");
    }
    assert_eq!(seen.len(), purchases.len());
    assert!(enriched.iter().any(|record| record.json()["name"] == "REF INCONNUE"));
}

fn check_stream(example: &Example, enriched: &[Record]) {
    let field = |json: &Json| json.as_str().map_or_else(|| json.to_string(), str::to_owned);
    let mut wanted: Vec<String> = enriched
        .iter()
        .map(|record| {
            let json = record.json();
            format!("{} {} {}", field(&json["id"]), field(&json["name"]), field(&json["price"]))
        })
        .collect();
    let mut found: Vec<String> = example
        .redis
        .stream("achats-enrichis")
        .iter()
        .map(|entry| {
            assert_eq!(entry["key"], entry["id"]);
            format!("{} {} {}", entry["id"], entry["name"], entry["price"])
        })
        .collect();
    wanted.sort_unstable();
    found.sort_unstable();
    assert!(found == wanted, "the stream is not what the topic holds");
}

fn check_sales(example: &Example, purchases: &HashMap<(i32, i64), Json>) {
    let mut sales = BTreeMap::<String, (i64, i64)>::new();
    for purchase in purchases.values() {
        let sale = sales.entry(purchase["id"].to_string()).or_default();
        sale.0 += 1;
        sale.1 += cents(&purchase["price"].to_string());
    }
    let keys = example.redis.line("KEYS ventes:*");
    assert_eq!(items(&keys).iter().map(text).count(), sales.len());
    for (id, sale) in sales {
        let hash = example.redis.hash(&format!("ventes:{id}"));
        let found = (hash["n"].parse().expect("a count"), cents(&hash["total"]));
        assert_eq!(found, sale, "ventes:{id}");
    }
}
