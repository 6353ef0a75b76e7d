//! The status page in a real browser. `REDIS_KAFKA_SCREENSHOTS=dir` keeps pictures of it.

use crate::double::{DEADLINE, Double, counters, snapshot, stopped, subscription};
use crate::webdriver::Browser;
use redis_kafka_tests::wait::{wait_for, wait_until};
use serde_json::json;

fn text(browser: &Browser) -> String {
    browser.evaluate("return document.body.innerText").as_str().unwrap().to_owned()
}

fn wait_text(browser: &Browser, words: &[&str]) {
    wait_for(&format!("{words:?} on the page"), DEADLINE, || {
        let shown = text(browser);
        if words.iter().all(|word| shown.contains(word)) { Ok(()) } else { Err(shown) }
    });
}

fn keep(browser: &Browser, name: &str) {
    if let Ok(directory) = std::env::var("REDIS_KAFKA_SCREENSHOTS") {
        std::fs::write(format!("{directory}/{name}.png"), browser.screenshot()).unwrap();
    }
}

/// What someone may put into a record, a topic or a definition.
const HOSTILE: &str =
    "<img src=x onerror=\"alert(1)\"><script>alert(2)</script>'\"&amp;</p>\u{202e}";

#[test]
fn the_page_shows_states_with_the_way_out_and_keeps_up() {
    let Some(browser) = Browser::open(&[]) else { return };
    let double = Double::open(&[]);
    let mut waiting = subscription("customers", 70);
    waiting.status.state = redis_kafka_engine::state::State::Waiting;
    waiting.status.reason = "no broker of localhost:9092 answers".to_owned();
    waiting.lag = None;
    let reason = "rides/1@8123 route zone-hour: PULocationID is null";
    double.show(snapshot(vec![
        subscription("sensors", 1_000),
        waiting.clone(),
        stopped("rides", reason),
    ]));
    browser.go(&double.url("/"));
    wait_text(
        &browser,
        &["■ stopped", reason, "KAFKA.RESUME rides SKIP", "▶ running", "no broker", "test-0"],
    );
    let order = browser
        .evaluate("return [...document.querySelectorAll('article')].map(a => a.dataset.name)");
    assert_eq!(order, json!(["rides", "customers", "sensors"]), "what needs a person comes first");
    assert_eq!(browser.evaluate("return document.title"), "(1) redis-kafka");

    // A detail opened by keyboard stays open and in focus while numbers change.
    browser.evaluate("document.querySelector('[data-name=rides] summary').focus()");
    browser.press("\u{e007}");
    let open = || {
        browser.evaluate("return document.querySelector('[data-name=rides] details').open && document.activeElement.tagName")
    };
    assert_eq!(open(), "SUMMARY");
    let mut sensors = subscription("sensors", 1_000);
    let rate = "return Number(document.querySelector('[data-name=sensors] [data-number=rate]').textContent.replace(',', ''))";
    wait_until("a rate", DEADLINE, || {
        sensors.counters = counters(sensors.counters.consumed + 100);
        double.show(snapshot(vec![sensors.clone(), waiting.clone(), subscription("rides", 5)]));
        browser.evaluate(rate).as_f64().is_some_and(|rate| rate > 0.0)
    });
    wait_text(&browser, &["Records/s"]);
    wait_until("the new state", DEADLINE, || {
        browser.evaluate("return document.title") == "redis-kafka"
    });
    assert_eq!(open(), "SUMMARY");
    let said = browser.evaluate("return document.getElementById('announcement').textContent");
    assert!(said.as_str().unwrap().starts_with("rides is running"), "{said}");

    double.show(snapshot(Vec::new()));
    wait_text(&browser, &["No subscriptions yet"]);
    double.script.lock().unwrap().snapshot = None;
    wait_text(&browser, &["No answer from redis-kafka since"]);
    double.show(snapshot(vec![subscription("sensors", 1)]));
    wait_text(&browser, &["sensors"]);
    let errors: Vec<_> =
        browser.console().into_iter().filter(|line| !line.contains("503")).collect();
    assert_eq!(errors, Vec::<String>::new());
}

#[test]
fn what_stands_in_records_never_becomes_markup() {
    let Some(browser) = Browser::open(&[]) else { return };
    let double = Double::open(&[]);
    let mut hostile = stopped("rides", HOSTILE);
    if let Some(last) = &mut hostile.last_error {
        last.text = format!("last {HOSTILE}");
    }
    hostile.status.action = format!("KAFKA.RESUME {HOSTILE}");
    hostile.definition = HOSTILE.to_owned();
    hostile.name = HOSTILE.to_owned();
    hostile.partitions[0].topic = HOSTILE.into();
    hostile.routes[0].name = HOSTILE.to_owned();
    hostile.routes[0].definition = HOSTILE.to_owned();
    let mut all = snapshot(vec![hostile]);
    all.redis = Some(HOSTILE.to_owned());
    all.standby = Some(HOSTILE.to_owned());
    double.show(all);
    browser.go(&double.url("/"));
    wait_text(&browser, &[HOSTILE.trim_end_matches('\u{202e}')]);
    browser.evaluate("document.querySelector('details').open = true");
    wait_text(&browser, &["last <img"]);
    assert!(!browser.has_dialog());
    assert_eq!(
        browser.evaluate("return document.querySelectorAll('main img, main script').length"),
        0
    );
    let refused: Vec<_> =
        browser.console().into_iter().filter(|line| !line.contains("503")).collect();
    assert_eq!(refused, Vec::<String>::new());
}

#[test]
fn the_page_can_be_read_by_all() {
    let Some(browser) = Browser::open(&[]) else { return };
    let double = Double::open(&[]);
    let mut customers = subscription("customers", 70);
    customers.status.state = redis_kafka_engine::state::State::Waiting;
    customers.status.reason =
        "the Schema Registry http://localhost:8081 does not answer".to_owned();
    let mut paused = subscription("purchases", 10);
    paused.status.state = redis_kafka_engine::state::State::Paused;
    paused.status.action = "KAFKA.RESUME purchases".to_owned();
    let reason =
        "rides/1@8123 route zone-hour: PULocationID is null; value has: VendorID, DOLocationID";
    double.show(snapshot(vec![
        subscription("sensors", 1_234_567),
        customers,
        paused,
        stopped("rides", reason),
    ]));
    browser.go(&double.url("/"));
    wait_text(&browser, &["sensors", "purchases"]);
    keep(&browser, "light");
    for scheme in ["light", "dark"] {
        let emulate = json!({ "cmd": "Emulation.setEmulatedMedia", "params": { "features": [{ "name": "prefers-color-scheme", "value": scheme }] } });
        browser.chromium(&emulate);
        let low = browser.evaluate(CONTRAST);
        assert_eq!(low, json!([]), "{scheme}: text without enough contrast (WCAG 2 AA)");
    }
    browser.evaluate("document.querySelector('details').open = true");
    keep(&browser, "dark");
    browser.chromium(&json!({ "cmd": "Emulation.setDeviceMetricsOverride", "params": { "width": 360, "height": 800, "deviceScaleFactor": 1, "mobile": true } }));
    let overflow = browser.evaluate(
        "return document.documentElement.scrollWidth - document.documentElement.clientWidth",
    );
    assert_eq!(overflow, 0, "the page is wider than a telephone");
    keep(&browser, "narrow");
    let unnamed = browser.evaluate("return [...document.querySelectorAll('button, a, article')].filter(e => !(e.innerText || e.ariaLabel)).length");
    assert_eq!(unnamed, 0);
}

/// Texts whose contrast against what is behind them is below 4.5.
const CONTRAST: &str = r#"
const parse = (text) => text.match(/[\d.]+/g).map(Number);
const light = ([r, g, b]) => [r, g, b].map((c) => c / 255).map((c) => c <= .03928 ? c / 12.92 : ((c + .055) / 1.055) ** 2.4)
  .reduce((sum, c, i) => sum + c * [.2126, .7152, .0722][i], 0);
const paper = (node) => { for (; node; node = node.parentElement) {
  const colour = parse(getComputedStyle(node).backgroundColor);
  if (colour.length === 3 || colour[3] > 0) return colour; } return [255, 255, 255]; };
const low = [];
for (const node of document.querySelectorAll('body *')) {
  const own = [...node.childNodes].some((child) => child.nodeType === 3 && child.textContent.trim());
  if (!own || !node.checkVisibility() || node.closest('.unseen, noscript')) continue;
  const [a, b] = [light(parse(getComputedStyle(node).color)), light(paper(node))];
  const ratio = (Math.max(a, b) + .05) / (Math.min(a, b) + .05);
  if (ratio < 4.5) low.push(`${node.className || node.tagName}: ${ratio.toFixed(2)}`);
}
return low;
"#;
