//! A double of the Schema Registry: Confluent's REST API as far as clients use it, with its error codes,
//! counted requests and faults to order.
//!
//! <https://docs.confluent.io/platform/current/schema-registry/develop/api.html>. It keeps everything in
//! memory, checks no compatibility, and parses neither Avro nor Protobuf.

mod http;
mod store;
pub mod tls;

use std::collections::HashMap;
use std::net::SocketAddr;
use std::sync::{Arc, Condvar, Mutex, MutexGuard};

use base64::Engine as _;
use base64::prelude::BASE64_STANDARD;
use serde_json::{Value, json};

use http::{Listener, Request, Response};
pub use store::{Kind, Link};
use store::{Refusal, Store};
pub use tls::{Certificates, Clients};

/// What the registry asks of whoever asks it.
#[derive(Clone, Debug, Default)]
pub enum Login {
    #[default]
    None,
    /// `user:password`
    Basic(String),
    Bearer(String),
}

/// What the registry answers instead of the truth.
#[derive(Clone, Debug)]
pub struct Fault {
    pub status: u16,
    pub headers: Vec<(&'static str, String)>,
    pub body: Vec<u8>,
}

/// How long a fault lasts.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Lasting {
    /// So many requests.
    Requests(usize),
    UntilCleared,
}

#[derive(Default)]
enum Mood {
    #[default]
    Well,
    Faulty(Fault, Lasting),
    /// Takes requests and answers none.
    Hanging,
    Stopped,
}

#[derive(Default)]
struct State {
    store: Store,
    login: Login,
    mood: Mood,
    /// Answered with 503.
    broken: Option<String>,
    requests: HashMap<String, usize>,
}

#[derive(Default)]
struct Shared {
    state: Mutex<State>,
    changed: Condvar,
}

impl Shared {
    fn lock(&self) -> MutexGuard<'_, State> {
        self.state.lock().expect("the registry's state")
    }
}

/// A registry on a free port of 127.0.0.1; ends with the value.
pub struct Registry {
    shared: Arc<Shared>,
    address: SocketAddr,
    certificates: Option<Arc<Certificates>>,
    listener: Option<Listener>,
}

impl Registry {
    /// An empty registry that talks to everyone.
    pub fn start() -> Registry {
        Registry::start_with(Login::None, None)
    }

    /// An empty registry that asks for credentials, and speaks https when there are certificates.
    pub fn start_with(login: Login, certificates: Option<Arc<Certificates>>) -> Registry {
        let shared = Arc::new(Shared::default());
        shared.lock().login = login;
        let mut registry = Registry {
            shared,
            address: SocketAddr::from(([127, 0, 0, 1], 0)),
            certificates,
            listener: None,
        };
        registry.listen();
        registry
    }

    fn listen(&mut self) {
        let shared = Arc::clone(&self.shared);
        let handler = Arc::new(move |request: Request| answer(&shared, &request));
        let listener = Listener::start(self.address, self.certificates.clone(), handler);
        self.address = listener.address();
        self.listener = Some(listener);
    }

    /// `http://127.0.0.1:port`; https, and localhost, when it has certificates.
    pub fn url(&self) -> String {
        match self.certificates {
            Some(_) => format!("https://localhost:{}", self.address.port()),
            None => format!("http://127.0.0.1:{}", self.address.port()),
        }
    }

    /// Registers a schema as a client would, and gives its id.
    pub fn register(&self, subject: &str, kind: Kind, schema: &str, references: &[Link]) -> u32 {
        let id = self.shared.lock().store.register(subject, kind, schema, references);
        id.unwrap_or_else(|refusal| panic!("register under {subject}: {refusal:?}"))
    }

    /// Puts a schema where it is told, whatever a registry would say: references that lead nowhere or
    /// in a circle.
    pub fn put(&self, id: u32, subject: &str, version: u32, schema: &str, references: &[Link]) {
        self.shared.lock().store.put(id, subject, version, schema, references);
    }

    /// The GUID of a schema, as in `schemas/guids/`.
    pub fn guid(&self, id: u32) -> [u8; 16] {
        self.shared.lock().store.guid(id).expect("a registered schema")
    }

    /// How often this path (without its query) was asked for, from the registry's start on.
    pub fn requests(&self, path: &str) -> usize {
        self.shared.lock().requests.get(path).copied().unwrap_or_default()
    }

    /// How many requests there were.
    pub fn all_requests(&self) -> usize {
        self.shared.lock().requests.values().sum()
    }

    /// Asks for these credentials from now on.
    pub fn ask_for(&self, login: Login) {
        self.shared.lock().login = login;
    }

    /// Answers every request with this status and the registry's words for it.
    pub fn fail_with(&self, status: u16, lasting: Lasting) {
        let code = if status == 500 { 50001 } else { u32::from(status) };
        let body = json!({"error_code": code, "message": "as the test has ordered"});
        let body = body.to_string().into_bytes();
        self.answer_with(Fault { status, headers: Vec::new(), body }, lasting);
    }

    /// Answers requests for this path, and no others, with 503, until it is cleared.
    pub fn fail_at(&self, path: &str) {
        self.shared.lock().broken = Some(path.to_owned());
    }

    /// Answers every request with this.
    pub fn answer_with(&self, fault: Fault, lasting: Lasting) {
        self.feel(Mood::Faulty(fault, lasting));
    }

    /// Takes requests and answers none, until it is cleared.
    pub fn hang(&self) {
        self.feel(Mood::Hanging);
    }

    /// Answers as it should again. Requests that hang are answered now.
    pub fn clear(&self) {
        self.shared.lock().broken = None;
        self.feel(Mood::Well);
    }

    /// Closes the port and all connections.
    pub fn stop(&mut self) {
        self.feel(Mood::Stopped);
        self.listener = None;
    }

    /// Listens on the same port again, with all that was registered.
    pub fn restart(&mut self) {
        self.stop();
        self.clear();
        self.listen();
    }

    fn feel(&self, mood: Mood) {
        self.shared.lock().mood = mood;
        self.shared.changed.notify_all();
    }
}

impl Drop for Registry {
    fn drop(&mut self) {
        self.stop();
    }
}

/// None closes the connection without an answer.
fn answer(shared: &Shared, request: &Request) -> Option<Response> {
    let mut state = shared.lock();
    *state.requests.entry(request.path.clone()).or_default() += 1;
    state = shared
        .changed
        .wait_while(state, |state| matches!(state.mood, Mood::Hanging))
        .expect("the registry's state");
    match &mut state.mood {
        Mood::Stopped => return None,
        Mood::Faulty(fault, lasting) => {
            let fault = fault.clone();
            if let Lasting::Requests(left) = lasting {
                *left -= 1;
                if *left == 0 {
                    state.mood = Mood::Well;
                }
            }
            return Some(Response {
                status: fault.status,
                headers: fault.headers,
                body: fault.body,
            });
        }
        Mood::Well | Mood::Hanging => {}
    }
    if state.broken.as_ref() == Some(&request.path) {
        return Some(Refusal::new(503, "as the test has ordered").response());
    }
    Some(if is_welcome(&state.login, request) {
        match route(&mut state.store, request) {
            Ok(body) => Response::json(200, &body),
            Err(refusal) => refusal.response(),
        }
    } else {
        Refusal::new(401, "Unauthorized").response()
    })
}

fn is_welcome(login: &Login, request: &Request) -> bool {
    let wanted = match login {
        Login::None => return true,
        Login::Basic(info) => format!("Basic {}", BASE64_STANDARD.encode(info)),
        Login::Bearer(token) => format!("Bearer {token}"),
    };
    request.header("authorization") == Some(&wanted)
}

fn route(store: &mut Store, request: &Request) -> Result<Value, Refusal> {
    let steps: Vec<String> = request.steps();
    let steps: Vec<&str> = steps.iter().map(String::as_str).collect();
    let no_path = || Refusal::new(404, "HTTP 404 Not Found");
    match (request.method.as_str(), steps.as_slice()) {
        ("GET", ["subjects"]) => Ok(store.subjects()),
        ("GET", ["subjects", subject, "versions"]) => store.versions(subject),
        ("GET", ["subjects", subject, "versions", version]) => store.version(subject, version),
        ("POST", ["subjects", subject, "versions"]) => store.post(subject, &request.body),
        ("GET", ["schemas", "ids", id]) => store.by_id(id.parse().map_err(|_| no_path())?),
        ("GET", ["schemas", "guids", guid]) => store.by_guid(guid),
        (_, ["subjects", ..] | ["schemas", "ids" | "guids", _]) => {
            Err(Refusal::new(405, "HTTP 405 Method Not Allowed"))
        }
        _ => Err(no_path()),
    }
}
