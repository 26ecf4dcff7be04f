//! An HTTP server whose answers are a function, with or without TLS.

use std::collections::HashMap;
use std::io::{BufRead as _, BufReader, Read, Write};
use std::net::{SocketAddr, TcpListener};
use std::sync::Arc;

use rustls::{ServerConfig, ServerConnection, StreamOwned};
use serde_json::Value;

use crate::wait::until;

/// A request, its body unpacked.
#[derive(Debug)]
pub(crate) struct Request {
    pub(crate) method: String,
    pub(crate) path: String,
    /// Names in lower case.
    pub(crate) headers: HashMap<String, String>,
    pub(crate) body: Vec<u8>,
}

/// What becomes of a request.
#[derive(Debug)]
pub(crate) enum Reply {
    Json(u16, Value),
    /// With a further header line.
    JsonWith(u16, &'static str, Value),
    /// The connection is closed, and nothing is said.
    Close,
    /// The connection is closed in the middle of this answer.
    Truncated(Value),
    /// Nothing is said, and the connection stays open.
    Hang,
}

type Answer = Arc<dyn Fn(&Request) -> Reply + Send + Sync>;

/// Serves until the test ends; gives the address.
pub(crate) fn serve(answer: impl Fn(&Request) -> Reply + Send + Sync + 'static) -> SocketAddr {
    serve_at("127.0.0.1:0".parse().expect("an address"), None, answer)
}

pub(crate) fn serve_at(
    address: SocketAddr,
    tls: Option<Arc<ServerConfig>>,
    answer: impl Fn(&Request) -> Reply + Send + Sync + 'static,
) -> SocketAddr {
    let listener = until("the port is free", || TcpListener::bind(address).ok());
    let address = listener.local_addr().expect("a bound listener has an address");
    let answer: Answer = Arc::new(answer);
    std::thread::spawn(move || {
        for stream in listener.incoming().flatten() {
            let (answer, tls) = (Arc::clone(&answer), tls.clone());
            std::thread::spawn(move || match tls {
                None => connection(stream, &answer),
                Some(config) => {
                    let session = ServerConnection::new(config).expect("a valid configuration");
                    connection(StreamOwned::new(session, stream), &answer);
                }
            });
        }
    });
    address
}

/// An address where nobody listens yet.
pub(crate) fn reserve() -> SocketAddr {
    let listener = TcpListener::bind("127.0.0.1:0").expect("a free port");
    listener.local_addr().expect("a bound listener has an address")
}

fn connection(stream: impl Read + Write, answer: &Answer) {
    let mut reader = BufReader::new(stream);
    while let Some(request) = request(&mut reader) {
        let (status, header, value) = match answer(&request) {
            Reply::Json(status, value) => (status, "", value),
            Reply::JsonWith(status, header, value) => (status, header, value),
            Reply::Close => return,
            Reply::Truncated(value) => {
                let text = value.to_string();
                let head = format!("HTTP/1.1 200 OK\r\ncontent-length: {}\r\n\r\n", text.len());
                drop(
                    reader
                        .get_mut()
                        .write_all((head + &text[..text.len() / 2]).as_bytes()),
                );
                return;
            }
            Reply::Hang => loop {
                std::thread::park();
            },
        };
        let text = if value.is_null() {
            String::new()
        } else {
            value.to_string()
        };
        let mut head = format!("HTTP/1.1 {status} X\r\ncontent-type: application/json\r\n");
        if !header.is_empty() {
            head.push_str(header);
            head.push_str("\r\n");
        }
        head.push_str(&format!("content-length: {}\r\n\r\n", text.len()));
        let written = reader.get_mut().write_all((head + &text).as_bytes());
        if written.and_then(|()| reader.get_mut().flush()).is_err() {
            return;
        }
    }
}

fn request(reader: &mut BufReader<impl Read>) -> Option<Request> {
    let mut line = String::new();
    reader.read_line(&mut line).ok().filter(|length| *length > 0)?;
    let mut words = line.split(' ');
    let (method, path) = (words.next()?.to_owned(), words.next()?.to_owned());
    let mut headers = HashMap::new();
    loop {
        let mut header = String::new();
        reader.read_line(&mut header).ok()?;
        let Some((name, value)) = header.trim().split_once(':') else {
            break;
        };
        headers.insert(name.to_ascii_lowercase(), value.trim().to_owned());
    }
    let length = headers
        .get("content-length")
        .and_then(|length| length.parse().ok());
    let mut body = vec![0; length.unwrap_or_default()];
    reader.read_exact(&mut body).ok()?;
    let body = match headers.get("content-encoding").map(String::as_str) {
        Some("gzip") => {
            let mut plain = Vec::new();
            flate2::read::GzDecoder::new(&body[..])
                .read_to_end(&mut plain)
                .ok()?;
            plain
        }
        Some("zstd") => zstd::stream::decode_all(&body[..]).ok()?,
        _ => body,
    };
    Some(Request {
        method,
        path,
        headers,
        body,
    })
}
