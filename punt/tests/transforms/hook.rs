//! A webhook: takes requests, keeps their bodies, answers as told.

use std::io::{BufRead as _, BufReader, Read as _, Write as _};
use std::net::{SocketAddr, TcpListener, TcpStream};
use std::sync::{Arc, Mutex, PoisonError};

use serde_json::Value;

use crate::wait::until;

/// What it answers.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Answer {
    Status(u16),
    /// This once, then 204.
    Once(u16),
    /// Nothing, ever.
    Hang,
}

/// A running webhook.
#[derive(Clone)]
pub(crate) struct Hook {
    address: SocketAddr,
    bodies: Arc<Mutex<Vec<Value>>>,
    answer: Arc<Mutex<Answer>>,
}

// === impl Hook ===

impl Hook {
    pub(crate) fn start(answer: Answer) -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").expect("a free port");
        let hook = Self {
            address: listener.local_addr().expect("a bound listener has an address"),
            bodies: Arc::default(),
            answer: Arc::new(Mutex::new(answer)),
        };
        let serving = hook.clone();
        std::thread::spawn(move || {
            for stream in listener.incoming().flatten() {
                let hook = serving.clone();
                std::thread::spawn(move || hook.serve(stream));
            }
        });
        hook
    }

    pub(crate) fn url(&self) -> String {
        format!("http://{}/hook", self.address)
    }

    pub(crate) fn bodies(&self) -> Vec<Value> {
        self.bodies.lock().unwrap_or_else(PoisonError::into_inner).clone()
    }

    pub(crate) fn wait_for(&self, count: usize) -> Vec<Value> {
        until(&format!("{count} requests came"), || {
            let bodies = self.bodies();
            (bodies.len() >= count).then_some(bodies)
        })
    }

    fn serve(&self, stream: TcpStream) {
        let mut reader = BufReader::new(stream);
        loop {
            let mut length = 0;
            loop {
                let mut header = String::new();
                if !reader.read_line(&mut header).is_ok_and(|read| read > 0) {
                    return;
                }
                let header = header.trim().to_ascii_lowercase();
                if header.is_empty() {
                    break;
                }
                if let Some(value) = header.strip_prefix("content-length:") {
                    length = value.trim().parse().expect("a length");
                }
            }
            let mut body = vec![0; length];
            if reader.read_exact(&mut body).is_err() {
                return;
            }
            let body = serde_json::from_slice(&body).expect("a body is JSON");
            let mut answer = self.answer.lock().unwrap_or_else(PoisonError::into_inner);
            let status = match *answer {
                Answer::Status(status) => status,
                Answer::Once(status) => {
                    *answer = Answer::Status(204);
                    status
                }
                Answer::Hang => 0,
            };
            drop(answer);
            self.bodies
                .lock()
                .unwrap_or_else(PoisonError::into_inner)
                .push(body);
            if status == 0 {
                // As long as the other side has patience.
                drop(reader.read_exact(&mut [0]));
                return;
            }
            let text = format!("HTTP/1.1 {status} X\r\ncontent-length: 0\r\n\r\n");
            if reader.get_mut().write_all(text.as_bytes()).is_err() {
                return;
            }
        }
    }
}
