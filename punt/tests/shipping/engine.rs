//! A small engine: a real HTTP server with the semantics of `_bulk`, and faults on demand.

use std::collections::{HashMap, HashSet};
use std::io::{BufRead as _, BufReader, Read as _, Write as _};
use std::net::{SocketAddr, TcpListener, TcpStream};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use serde_json::{Value, json};

use crate::wait::until;

/// What the engine does wrong.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Fault {
    /// Nothing.
    None,
    /// Every second item is turned away once with 429.
    HalfOnce429,
    /// Every second item is refused for good.
    Half400,
    /// Every second item says 201 and went to the failure store.
    HalfFailureStore,
    /// Each request is answered with this status.
    Whole(u16),
    /// A request of more than so many bytes is answered with 413.
    TooLarge(usize),
    /// A request with a poisonous item is answered with 400 as a whole.
    PoisonSpoilsRequest,
    /// Items are stored, but the answer never comes.
    StoreAndHang,
    /// Items are stored, but the connection is closed instead of an answer.
    StoreAndClose,
    /// The answer has fewer verdicts than items.
    StoreAndForgetVerdicts,
}

/// What the engine holds.
#[derive(Debug, Default)]
pub(crate) struct Stored {
    /// Documents by index and id.
    pub(crate) documents: HashMap<(String, String), Value>,
    /// Ids that were turned away once.
    turned_away: HashSet<String>,
    /// Bulk requests that were answered wrongly.
    pub(crate) faulty: u64,
    /// Items that were there already.
    pub(crate) duplicates: u64,
    pub(crate) templates: HashMap<String, Value>,
}

/// A running engine.
#[derive(Debug, Clone)]
pub(crate) struct Engine {
    pub(crate) address: SocketAddr,
    stored: Arc<Mutex<Stored>>,
    fault: Arc<Mutex<Fault>>,
}

/// Number `n` of a message `... message n`.
fn number(document: &Value) -> u64 {
    let message = document["message"].as_str().unwrap_or_default();
    let last = message.rsplit(' ').next().unwrap_or_default();
    last.parse().unwrap_or_default()
}

// === impl Engine ===

impl Engine {
    pub(crate) fn start(fault: Fault) -> Self {
        Self::start_at("127.0.0.1:0".parse().expect("an address"), fault)
    }

    pub(crate) fn start_at(address: SocketAddr, fault: Fault) -> Self {
        let listener = until("the engine's port is free", || TcpListener::bind(address).ok());
        let engine = Self {
            address: listener.local_addr().expect("a bound listener has an address"),
            stored: Arc::default(),
            fault: Arc::new(Mutex::new(fault)),
        };
        let serving = engine.clone();
        std::thread::spawn(move || {
            for stream in listener.incoming().flatten() {
                let engine = serving.clone();
                std::thread::spawn(move || engine.serve(stream));
            }
        });
        engine
    }

    /// An address where nobody listens yet.
    pub(crate) fn reserve() -> SocketAddr {
        let listener = TcpListener::bind("127.0.0.1:0").expect("a free port");
        listener.local_addr().expect("a bound listener has an address")
    }

    pub(crate) fn url(&self) -> String {
        format!("http://{}", self.address)
    }

    pub(crate) fn set(&self, fault: Fault) {
        *self.fault.lock().unwrap_or_else(PoisonError::into_inner) = fault;
    }

    pub(crate) fn stored(&self) -> MutexGuard<'_, Stored> {
        self.stored.lock().unwrap_or_else(PoisonError::into_inner)
    }

    pub(crate) fn count(&self) -> usize {
        self.stored().documents.len()
    }

    /// Waits until so many documents are stored, and fails if one is there twice.
    pub(crate) fn wait_for(&self, count: usize) {
        until(&format!("{count} documents are stored"), || {
            let found = self.count();
            assert!(found <= count, "{found} documents are more than {count}");
            (found == count).then_some(())
        });
    }

    /// All messages, sorted.
    pub(crate) fn messages(&self) -> Vec<String> {
        let stored = self.stored();
        let mut messages: Vec<String> = stored
            .documents
            .values()
            .map(|document| document["message"].as_str().unwrap_or_default().to_owned())
            .collect();
        messages.sort();
        messages
    }

    /// Fails unless every message of 0..count is stored once.
    pub(crate) fn assert_each_once(&self, count: usize) {
        let mut numbers: Vec<u64> = self.stored().documents.values().map(number).collect();
        numbers.sort_unstable();
        assert_eq!(numbers, (0..count as u64).collect::<Vec<_>>());
    }

    fn serve(&self, stream: TcpStream) {
        let mut reader = BufReader::new(stream);
        while let Some((method, path, body)) = request(&mut reader) {
            let Some((status, answer)) = self.answer(&method, &path, &body) else {
                return;
            };
            let text = answer.to_string();
            let head = format!(
                "HTTP/1.1 {status} X\r\ncontent-type: application/json\r\ncontent-length: {}\r\n\r\n",
                text.len()
            );
            if reader.get_mut().write_all((head + &text).as_bytes()).is_err() {
                return;
            }
        }
    }

    /// None: the connection is closed without an answer.
    fn answer(&self, method: &str, path: &str, body: &[u8]) -> Option<(u16, Value)> {
        if method == "PUT" && path.starts_with("/_index_template/") {
            let template = serde_json::from_slice(body).expect("a template is JSON");
            self.stored()
                .templates
                .insert(path.rsplit('/').next()?.to_owned(), template);
            return Some((200, json!({"acknowledged": true})));
        }
        if (method, path) == ("GET", "/") {
            return Some((
                200,
                json!({"name": "e", "cluster_name": "e", "version": {"number": "8.15.0"}}),
            ));
        }
        assert_eq!((method, path), ("POST", "/_bulk"));
        let fault = *self.fault.lock().unwrap_or_else(PoisonError::into_inner);
        self.stored().faulty += u64::from(fault != Fault::None);
        let refuse = |status| {
            Some((
                status,
                json!({"error": {"type": "refused", "reason": "fault"}, "status": status}),
            ))
        };
        match fault {
            Fault::Whole(status) => return refuse(status),
            Fault::TooLarge(limit) if body.len() > limit => return refuse(413),
            Fault::PoisonSpoilsRequest if items(body).iter().any(|(_, _, d)| number(d) % 1000 == 7) => {
                return refuse(400);
            }
            _ => {}
        }
        let mut verdicts: Vec<Value> = items(body)
            .into_iter()
            .map(|(index, id, document)| self.item(fault, index, id, document))
            .collect();
        match fault {
            Fault::StoreAndClose => return None,
            Fault::StoreAndHang => {
                until("the fault ends", || {
                    let now = *self.fault.lock().unwrap_or_else(PoisonError::into_inner);
                    (now == Fault::None).then_some(())
                });
                return None;
            }
            Fault::StoreAndForgetVerdicts => drop(verdicts.pop()),
            _ => {}
        }
        Some((200, json!({"took": 1, "errors": true, "items": verdicts})))
    }

    fn item(&self, fault: Fault, index: String, id: String, document: Value) -> Value {
        let mut stored = self.stored();
        let odd = number(&document) % 2 == 1;
        let verdict = |status: u16| {
            json!({"create": {"_index": index, "_id": id, "status": status,
                                           "error": {"type": "t", "reason": "r"}}})
        };
        match fault {
            Fault::HalfOnce429 if odd && stored.turned_away.insert(id.clone()) => return verdict(429),
            Fault::Half400 if odd => return verdict(400),
            Fault::HalfFailureStore if odd => {
                return json!({"create": {"_id": id, "status": 201, "failure_store": "used"}});
            }
            _ => {}
        }
        if stored.documents.contains_key(&(index.clone(), id.clone())) {
            stored.duplicates += 1;
            return verdict(409);
        }
        stored.documents.insert((index.clone(), id.clone()), document);
        json!({"create": {"_index": index, "_id": id, "status": 201}})
    }
}

/// The items of a bulk body: index, id, document.
fn items(body: &[u8]) -> Vec<(String, String, Value)> {
    let lines: Vec<Value> = body
        .split(|byte| *byte == b'\n')
        .filter(|line| !line.is_empty())
        .map(|line| serde_json::from_slice(line).expect("each line of a bulk body is JSON"))
        .collect();
    assert_eq!(lines.len() % 2, 0, "actions and documents come in pairs");
    lines
        .chunks(2)
        .map(|pair| {
            let action = &pair[0]["create"];
            let text = |name: &str| {
                action[name]
                    .as_str()
                    .expect("an action has index and id")
                    .to_owned()
            };
            (text("_index"), text("_id"), pair[1].clone())
        })
        .collect()
}

fn request(reader: &mut BufReader<TcpStream>) -> Option<(String, String, Vec<u8>)> {
    let mut line = String::new();
    reader.read_line(&mut line).ok().filter(|length| *length > 0)?;
    let mut words = line.split(' ');
    let (method, path) = (words.next()?.to_owned(), words.next()?.to_owned());
    let mut length = 0;
    loop {
        let mut header = String::new();
        reader.read_line(&mut header).ok()?;
        let header = header.trim().to_ascii_lowercase();
        if header.is_empty() {
            break;
        }
        if let Some(value) = header.strip_prefix("content-length:") {
            length = value.trim().parse().ok()?;
        }
    }
    let mut body = vec![0; length];
    reader.read_exact(&mut body).ok()?;
    Some((method, path, body))
}
