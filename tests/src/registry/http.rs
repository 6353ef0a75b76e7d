//! HTTP/1.1 with kept connections, a thread each; all of them end with the listener.

use std::collections::HashMap;
use std::io::{Read, Write};
use std::net::{Shutdown, SocketAddr, TcpListener, TcpStream};
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex};
use std::thread::JoinHandle;
use std::time::Duration;

use percent_encoding::percent_decode_str;
use serde_json::Value;

use super::tls::Certificates;
use crate::wait::wait_for;

const CONTENT_TYPE: &str = "application/vnd.schemaregistry.v1+json";

pub(super) struct Request {
    pub(super) method: String,
    /// Without the query, as it was sent.
    pub(super) path: String,
    headers: HashMap<String, String>,
    pub(super) body: Vec<u8>,
}

impl Request {
    /// A header by its name in small letters.
    pub(super) fn header(&self, name: &str) -> Option<&str> {
        self.headers.get(name).map(String::as_str)
    }

    /// The steps of the path, decoded.
    pub(super) fn steps(&self) -> Vec<String> {
        let steps = self.path.split('/').skip(1);
        steps.map(|step| percent_decode_str(step).decode_utf8_lossy().into_owned()).collect()
    }
}

pub(super) struct Response {
    pub(super) status: u16,
    pub(super) headers: Vec<(&'static str, String)>,
    pub(super) body: Vec<u8>,
}

impl Response {
    pub(super) fn json(status: u16, body: &Value) -> Response {
        Response { status, headers: Vec::new(), body: body.to_string().into_bytes() }
    }

    fn bytes(&self) -> Vec<u8> {
        let mut head =
            format!("HTTP/1.1 {} -\r\nContent-Length: {}\r\n", self.status, self.body.len());
        if !self.headers.iter().any(|(name, _)| name.eq_ignore_ascii_case("content-type")) {
            head.push_str(&format!("Content-Type: {CONTENT_TYPE}\r\n"));
        }
        for (name, value) in &self.headers {
            head.push_str(&format!("{name}: {value}\r\n"));
        }
        head.push_str("\r\n");
        [head.as_bytes(), &self.body].concat()
    }
}

type Handler = Arc<dyn Fn(Request) -> Option<Response> + Send + Sync>;

/// An open port; dropped, it is closed, and so are its connections.
pub(super) struct Listener {
    address: SocketAddr,
    ends: Arc<AtomicBool>,
    connections: Arc<Mutex<Vec<TcpStream>>>,
    thread: Option<JoinHandle<()>>,
}

impl Listener {
    pub(super) fn start(
        address: SocketAddr,
        certificates: Option<Arc<Certificates>>,
        handler: Handler,
    ) -> Listener {
        let listener =
            wait_for("the registry's port", Duration::from_secs(10), || TcpListener::bind(address));
        let address = listener.local_addr().expect("the registry's address");
        let ends = Arc::new(AtomicBool::new(false));
        let connections = Arc::new(Mutex::new(Vec::new()));
        let (ended, open) = (Arc::clone(&ends), Arc::clone(&connections));
        let thread = std::thread::spawn(move || {
            for stream in listener.incoming().flatten() {
                if ended.load(Ordering::SeqCst) {
                    return;
                }
                let socket = || stream.try_clone().expect("a socket");
                open.lock().expect("the connections").push(socket());
                let (end, certificates, handler) =
                    (socket(), certificates.clone(), Arc::clone(&handler));
                std::thread::spawn(move || {
                    match certificates {
                        Some(certificates) => {
                            if let Some(stream) = certificates.accept(stream) {
                                serve(stream, &handler);
                            }
                        }
                        None => serve(stream, &handler),
                    }
                    // Dropping it is not enough: the listener has it, too.
                    let _ = end.shutdown(Shutdown::Both);
                });
            }
        });
        Listener { address, ends, connections, thread: Some(thread) }
    }

    pub(super) fn address(&self) -> SocketAddr {
        self.address
    }
}

impl Drop for Listener {
    fn drop(&mut self) {
        self.ends.store(true, Ordering::SeqCst);
        // Wakes the thread, which sees that this is the end.
        drop(TcpStream::connect(self.address));
        if let Some(thread) = self.thread.take() {
            let ended = thread.join();
            assert!(ended.is_ok() || std::thread::panicking(), "the registry's listener panicked");
        }
        for stream in self.connections.lock().expect("the connections").drain(..) {
            // Those that are closed already say so.
            let _ = stream.shutdown(Shutdown::Both);
        }
    }
}

/// Answers the requests of a connection until either side has enough.
fn serve(mut stream: impl Read + Write, handler: &Handler) {
    let mut unread = Vec::new();
    while let Some(request) = read_request(&mut stream, &mut unread) {
        let Some(response) = handler(request) else { return };
        if stream.write_all(&response.bytes()).and_then(|()| stream.flush()).is_err() {
            return;
        }
    }
}

/// The next request; what was read beyond it stays in `unread`. None at the end, or where it is no HTTP.
fn read_request(stream: &mut impl Read, unread: &mut Vec<u8>) -> Option<Request> {
    loop {
        if let Some((request, length)) = parse(unread)? {
            unread.drain(..length);
            return Some(request);
        }
        let mut buffer = [0; 16 * 1024];
        match stream.read(&mut buffer) {
            Ok(0) | Err(_) => return None,
            Ok(read) => unread.extend_from_slice(buffer.get(..read)?),
        }
    }
}

/// A request and its length; Some(None) when more bytes are needed.
fn parse(bytes: &[u8]) -> Option<Option<(Request, usize)>> {
    let mut headers = [httparse::EMPTY_HEADER; 64];
    let mut head = httparse::Request::new(&mut headers);
    let httparse::Status::Complete(length) = head.parse(bytes).ok()? else { return Some(None) };
    let headers: HashMap<String, String> = head
        .headers
        .iter()
        .map(|header| {
            let value = String::from_utf8_lossy(header.value).into_owned();
            (header.name.to_lowercase(), value)
        })
        .collect();
    let body = headers.get("content-length").map_or(Some(0), |text| text.parse().ok())?;
    let Some(body) = bytes.get(length..length + body) else { return Some(None) };
    let path = head.path?.split('?').next()?.to_owned();
    let request = Request { method: head.method?.to_owned(), path, headers, body: body.to_vec() };
    Some(Some((request, length + body.len())))
}
