//! A headless browser by WebDriver (<https://www.w3.org/TR/webdriver2/>), spoken to chromedriver.

use redis_kafka_tests::network::free_port;
use redis_kafka_tests::process::{Process, run_directory};
use redis_kafka_tests::wait::wait_for;
use serde_json::{Value, json};
use std::time::Duration;
use ureq::Agent;

const START: Duration = Duration::from_secs(60);

/// One browser window; the browser ends with it.
pub struct Browser {
    agent: Agent,
    base: String,
    // Ends, with the browser it has started, when this is dropped.
    _driver: Process,
}

impl Browser {
    /// A new window; none, and said so, where there is no chromedriver. `arguments` go to the
    /// browser.
    pub fn open(arguments: &[&str]) -> Option<Browser> {
        if !is_there("chromedriver") {
            println!(
                "SKIPPED: no chromedriver here; `make setup` installs it (Debian: chromium-driver)"
            );
            return None;
        }
        let port = free_port();
        let log = run_directory().join(format!("chromedriver-{port}.log"));
        let driver = Process::start("chromedriver", &[format!("--port={port}")], &[], &log);
        let config =
            Agent::config_builder().http_status_as_error(false).timeout_global(Some(START));
        let mut browser = Browser {
            agent: config.build().into(),
            base: format!("http://127.0.0.1:{port}"),
            _driver: driver,
        };
        wait_for("chromedriver to answer", START, || {
            let status = browser.agent.get(format!("{}/status", browser.base)).call();
            status.map(drop).map_err(|error| error.to_string())
        });
        // As root, in containers and on machines without a graphics card or the internet.
        let fixed = [
            "--headless=new",
            "--no-sandbox",
            "--disable-gpu",
            "--disable-dev-shm-usage",
            "--disable-background-networking",
            "--disable-component-update",
            "--disable-sync",
            "--no-first-run",
            "--window-size=1100,900",
        ];
        let arguments: Vec<_> = fixed.iter().chain(arguments).collect();
        let wanted = json!({ "capabilities": { "alwaysMatch": {
            "goog:chromeOptions": { "args": arguments },
            "goog:loggingPrefs": { "browser": "ALL" },
        } } });
        let session = browser.post("/session", &wanted);
        let id = session["sessionId"].as_str().unwrap_or_else(|| panic!("{session}"));
        browser.base = format!("{}/session/{id}", browser.base);
        Some(browser)
    }

    pub fn go(&self, url: &str) {
        self.post("/url", &json!({ "url": url }));
    }

    /// What a function body returns in the page.
    pub fn evaluate(&self, script: &str) -> Value {
        self.post("/execute/sync", &json!({ "script": script, "args": [] }))
    }

    /// Messages of the console so far: errors of scripts, refusals by the page's policy.
    pub fn console(&self) -> Vec<String> {
        let entries = self.post("/se/log", &json!({ "type": "browser" }));
        let entries = entries.as_array().cloned().unwrap_or_default();
        entries.iter().map(|entry| entry["message"].to_string()).collect()
    }

    /// Whether a dialog is open, as alert() makes one.
    pub fn has_dialog(&self) -> bool {
        let url = format!("{}/alert/text", self.base);
        self.agent.get(url).call().unwrap().status() == 200
    }

    /// Presses a key as a person does.
    pub fn press(&self, key: &str) {
        let action = |kind: &str| json!({ "type": kind, "value": key });
        self.post("/actions", &json!({ "actions": [{ "type": "key", "id": "keys", "actions": [action("keyDown"), action("keyUp")] }] }));
    }

    /// A picture of the window, as PNG.
    pub fn screenshot(&self) -> Vec<u8> {
        use base64::Engine;
        let mut answer = self.agent.get(format!("{}/screenshot", self.base)).call().unwrap();
        let answer: Value = serde_json::from_reader(answer.body_mut().as_reader()).unwrap();
        base64::prelude::BASE64_STANDARD.decode(answer["value"].as_str().unwrap()).unwrap()
    }

    /// One command of Chromium's own (DevTools).
    pub fn chromium(&self, command: &Value) {
        self.post("/goog/cdp/execute", command);
    }

    fn post(&self, path: &str, body: &Value) -> Value {
        let sent = self.agent.post(format!("{}{path}", self.base)).send(body.to_string());
        let mut answer = sent.unwrap_or_else(|error| panic!("{path}: {error}"));
        let value: Value = serde_json::from_reader(answer.body_mut().as_reader()).unwrap();
        assert!(answer.status().is_success(), "{path}: {value}");
        value["value"].clone()
    }
}

impl Drop for Browser {
    fn drop(&mut self) {
        // Without it, the browser outlives its driver for a while.
        drop(self.agent.delete(&self.base).call());
    }
}

fn is_there(program: &str) -> bool {
    let path = std::env::var_os("PATH").unwrap_or_default();
    std::env::split_paths(&path).any(|directory| directory.join(program).is_file())
}
