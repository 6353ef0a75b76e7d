//! Figures of a subscription that consumes: librdkafka's own mock cluster, an applier that is a map.

use super::{Peer, field, simple};
use crate::applier::{Applied, Applier, Known, Positions};
use crate::control::Reply;
use crate::ledger::{Expected, Listing, Standing};
use crate::letter;
use crate::lookup::Lookup;
use crate::unit::Unit;
use rdkafka::ClientConfig;
use rdkafka::mocking::MockCluster;
use rdkafka::producer::{BaseProducer, BaseRecord, Producer};
use std::collections::BTreeMap;
use std::sync::Arc;
use std::time::{Duration, Instant};

/// The ledger alone: what units write is not looked at.
#[derive(Default)]
struct Ledger {
    standings: BTreeMap<(Arc<str>, i32), Standing>,
    /// Units that may be applied still; with none left nothing is answered either.
    units: usize,
}

impl Applier for Ledger {
    fn load(&mut self, _subscription: &str) -> Result<Positions, String> {
        let known = |((topic, partition), standing): (&(Arc<str>, i32), &Standing)| Known {
            topic: topic.to_string(),
            partition: *partition,
            listing: Listing::default(),
            standing: Ok(*standing),
        };
        Ok(Positions { partitions: self.standings.iter().map(known).collect(), letters: 0 })
    }

    fn letters(
        &mut self,
        _subscription: &str,
        _range: letter::Range,
    ) -> Result<letter::Page, String> {
        Ok(letter::Page::default())
    }

    fn resolve(&mut self, lookup: &mut Lookup) {
        lookup.turn(|_, _, answers| answers.absent());
    }

    fn apply(&mut self, unit: &mut Unit, _ahead: Option<&Unit>) -> Applied {
        for advance in &unit.advances {
            let place = (advance.topic.clone(), advance.partition);
            let before = self.standings.insert(place, advance.standing).map(|it| it.next);
            match advance.expected {
                Expected::Absent { .. } => assert_eq!(before, None),
                Expected::Next(next) => assert_eq!(before, Some(next)),
            }
        }
        self.units -= 1;
        Applied::Done
    }
}

impl Peer {
    /// Applies what is queued, as far as the applier may, until the condition holds.
    fn serve(&mut self, ledger: &mut Ledger, what: &str, done: impl Fn(&mut Peer) -> bool) {
        let deadline = Instant::now() + Duration::from_secs(20);
        while !done(self) {
            assert!(Instant::now() < deadline, "{what}: {}", self.text("KAFKA.LIST"));
            for (name, known) in &mut self.registry.subscriptions {
                if let Some(lane) = known.lane.as_mut().filter(|_| ledger.units > 0) {
                    lane.turn(name, ledger);
                }
            }
            std::thread::sleep(Duration::from_millis(2));
        }
    }
}

fn produce(servers: &str, timestamp: i64, seqs: std::ops::Range<i64>) {
    let producer: BaseProducer =
        ClientConfig::new().set("bootstrap.servers", servers).create().expect("a producer");
    for seq in seqs {
        let value = format!(r#"{{"seq":{seq}}}"#);
        let record = BaseRecord::to("t").partition(0).key("k").payload(&value).timestamp(timestamp);
        producer.send(record).map_err(|(error, _)| error).expect("sent");
    }
    producer.flush(Duration::from_secs(10)).expect("flushed");
}

#[test]
fn routes_lag_and_its_age_are_counted_as_units_are_applied() {
    let cluster = MockCluster::new(1).expect("a cluster");
    cluster.create_topic("t", 1, 1).expect("a topic");
    let servers = cluster.bootstrap_servers();
    let now = jiff::Timestamp::now().as_millisecond();
    produce(&servers, now - 60_000, 0..10);
    let (mut peer, mut ledger) = (Peer::alone(), Ledger { units: 2, ..Ledger::default() });
    let line = format!("KAFKA.SUBSCRIBE s TOPIC t BROKERS {servers} VALUE JSON PAUSED");
    assert_eq!(peer.run(&line), None);
    // One unit makes the ledger; the next question needs leave for another one.
    let greeted = simple("OK; mind the gap");
    peer.serve(&mut ledger, "greeting", |peer| peer.answers().contains(&greeted));
    peer.ok("KAFKA.ROUTE every FROM s TO STREAM k");
    peer.ok("KAFKA.ROUTE even FROM s TO STREAM k2 WHERE \"seq % 2 = 0\"");
    // A unit of at most four records, of which the last one came a minute ago; more are to come.
    ledger.units = 1;
    peer.ok("KAFKA.RESUME s");
    let report = |peer: &Peer| peer.registry.reports(None).remove(0);
    peer.serve(&mut ledger, "the first unit", |peer| report(peer).counters.applied > 0);
    let first = report(&peer);
    let applied = first.counters.applied;
    assert_eq!((applied <= 4, first.lag), (true, Some(10 - applied as i64)));
    assert!(first.lag_seconds.is_some_and(|age| (60.0..600.0).contains(&age)), "{first:?}");
    let counts = |report: &super::super::SubscriptionReport| -> Vec<(String, u64)> {
        report.routes.iter().map(|route| (route.name.clone(), route.applied)).collect()
    };
    assert_eq!(
        counts(&first),
        [("every".to_owned(), applied), ("even".to_owned(), applied.div_ceil(2))]
    );
    assert_eq!(peer.run("KAFKA.WAIT s 0"), None);
    ledger.units = 100;
    let answered = simple("OK");
    peer.serve(&mut ledger, "WAIT", |peer| peer.answers().contains(&answered));
    let all = report(&peer);
    assert_eq!(counts(&all), [("every".to_owned(), 10), ("even".to_owned(), 5)]);
    assert_eq!((all.lag, all.lag_seconds), (Some(0), Some(0.0)));
    let info = peer.run("KAFKA.INFO even").expect("INFO");
    assert_eq!(field(&info, "applied"), &Reply::Integer(5));
    let info = peer.run("KAFKA.INFO s").expect("INFO");
    assert_eq!(field(&info, "lag_seconds"), &Reply::Text("0.000".to_owned()));
}
