//! A small HTTP client: enough to send what shippers send, byte for byte.

use std::io::{BufRead as _, BufReader, Read as _, Write};
use std::net::{SocketAddr, TcpStream};
use std::time::Duration;

use serde_json::Value;

/// An answer.
#[derive(Debug)]
pub(crate) struct Response {
    pub(crate) status: u16,
    /// Names in lower case.
    pub(crate) headers: Vec<(String, String)>,
    pub(crate) body: Vec<u8>,
}

// === impl Response ===

impl Response {
    pub(crate) fn json(&self) -> Value {
        serde_json::from_slice(&self.body).expect("the answer is JSON")
    }

    pub(crate) fn header(&self, name: &str) -> Option<&str> {
        let found = self.headers.iter().find(|(known, _)| known == name);
        found.map(|(_, value)| value.as_str())
    }
}

/// Sends one request on a connection of its own.
pub(crate) fn send(address: SocketAddr, method: &str, path: &str, headers: &[&str], body: &[u8]) -> Response {
    try_send(address, method, path, headers, body).expect("an answer")
}

/// The same; none when the connection breaks.
pub(crate) fn try_send(
    address: SocketAddr,
    method: &str,
    path: &str,
    headers: &[&str],
    body: &[u8],
) -> Option<Response> {
    let mut stream = TcpStream::connect(address).ok()?;
    stream.set_read_timeout(Some(Duration::from_secs(60))).ok()?;
    write_request(&mut stream, method, path, headers, body)?;
    read_response(stream, method == "HEAD")
}

pub(crate) fn write_request(
    stream: &mut impl Write,
    method: &str,
    path: &str,
    headers: &[&str],
    body: &[u8],
) -> Option<()> {
    let mut head = format!("{method} {path} HTTP/1.1\r\nhost: punt\r\n");
    for header in headers {
        head.push_str(header);
        head.push_str("\r\n");
    }
    let chunked = headers.iter().any(|header| header.contains("chunked"));
    if !chunked {
        head.push_str(&format!("content-length: {}\r\n", body.len()));
    }
    head.push_str("\r\n");
    stream.write_all(head.as_bytes()).ok()?;
    if chunked {
        for chunk in body.chunks(700) {
            stream
                .write_all(format!("{:x}\r\n", chunk.len()).as_bytes())
                .ok()?;
            stream.write_all(chunk).ok()?;
            stream.write_all(b"\r\n").ok()?;
        }
        stream.write_all(b"0\r\n\r\n").ok()?;
    } else {
        stream.write_all(body).ok()?;
    }
    stream.flush().ok()
}

pub(crate) fn read_response(stream: impl std::io::Read, head: bool) -> Option<Response> {
    let mut reader = BufReader::new(stream);
    let mut line = String::new();
    reader.read_line(&mut line).ok()?;
    let status = line.split(' ').nth(1)?.parse().ok()?;
    let (mut headers, mut length) = (Vec::new(), 0);
    loop {
        let mut line = String::new();
        reader.read_line(&mut line).ok()?;
        let Some((name, value)) = line.trim().split_once(':') else {
            break;
        };
        let (name, value) = (name.to_ascii_lowercase(), value.trim().to_owned());
        if name == "content-length" {
            length = value.parse().ok()?;
        }
        headers.push((name, value));
    }
    let mut body = vec![0; if head { 0 } else { length }];
    reader.read_exact(&mut body).ok()?;
    Some(Response {
        status,
        headers,
        body,
    })
}
