//! The HTTP/1.1 upgrade that comes before the frames: writing and reading both heads. No IO.
//!
//! The published peers are picky: the answer to a good request has exactly two headers, and a client may not send
//! HELLO before it has that answer.

use std::net::SocketAddr;

/// The path of the upgrade request.
pub(crate) const PATH: &str = "/_rpc";

/// The answer to a good request; the Python client compares it byte for byte.
pub(crate) const SWITCHING: &[u8] =
    b"HTTP/1.1 101 Switching Protocols\r\nUpgrade: loqui\r\nConnection: Upgrade\r\n\r\n";

/// The longest head that is read.
pub(crate) const MAX_HEAD: usize = 16 << 10;

/// The request as a server has read it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct UpgradeRequest {
    pub(crate) method: String,
    pub(crate) path: String,
    pub(crate) headers: Vec<(String, String)>,
}

/// The first line of the answer as a client has read it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct UpgradeResponse {
    pub(crate) status: u16,
    pub(crate) upgrade: bool,
    pub(crate) content_length: usize,
}

/// The request head for `address`.
pub(crate) fn request(address: SocketAddr, headers: &[(String, String)]) -> Vec<u8> {
    let mut head =
        format!("GET {PATH} HTTP/1.1\r\nHost: {address}\r\nUpgrade: loqui\r\nConnection: upgrade\r\n");
    for (name, value) in headers {
        // A line break in a value would end the head early and let it say something else.
        let clean = |text: &str| text.replace(['\r', '\n'], " ");
        head.push_str(&format!("{}: {}\r\n", clean(name), clean(value)));
    }
    head.push_str("\r\n");
    head.into_bytes()
}

/// The whole answer to a request that is refused.
pub(crate) fn refusal(status: u16, reason: &str) -> Vec<u8> {
    let phrase = match status {
        400 => "Bad Request",
        401 => "Unauthorized",
        403 => "Forbidden",
        404 => "Not Found",
        426 => "Upgrade Required",
        431 => "Request Header Fields Too Large",
        503 => "Service Unavailable",
        _ => "Refused",
    };
    let length = reason.len();
    format!(
        "HTTP/1.1 {status} {phrase}\r\nContent-Type: text/plain\r\nContent-Length: {length}\r\nConnection: close\r\n\r\n{reason}"
    )
    .into_bytes()
}

/// Where the head at the front of `bytes` ends, the empty line included.
pub(crate) fn head_end(bytes: &[u8]) -> Option<usize> {
    bytes
        .windows(4)
        .position(|four| four == b"\r\n\r\n")
        .map(|at| at + 4)
}

/// Reads a request head.
pub(crate) fn read_request(head: &[u8]) -> Option<UpgradeRequest> {
    let text = std::str::from_utf8(head).ok()?;
    let mut lines = text.split("\r\n");
    let mut first = lines.next()?.split(' ');
    let (method, path, version) = (first.next()?, first.next()?, first.next()?);
    if !version.starts_with("HTTP/1.") || first.next().is_some() {
        return None;
    }
    Some(UpgradeRequest {
        method: method.to_owned(),
        path: path.to_owned(),
        headers: read_headers(lines)?,
    })
}

/// Reads a response head.
pub(crate) fn read_response(head: &[u8]) -> Option<UpgradeResponse> {
    let text = std::str::from_utf8(head).ok()?;
    let mut lines = text.split("\r\n");
    let mut first = lines.next()?.splitn(3, ' ');
    if !first.next()?.starts_with("HTTP/1.") {
        return None;
    }
    let status = first.next()?.parse().ok()?;
    let headers = read_headers(lines)?;
    Some(UpgradeResponse {
        status,
        upgrade: find(&headers, "upgrade").is_some_and(|value| value.eq_ignore_ascii_case("loqui")),
        content_length: find(&headers, "content-length")
            .and_then(|value| value.parse().ok())
            .unwrap_or(0),
    })
}

/// The value of the header `name`, whatever its case.
pub(crate) fn find<'a>(headers: &'a [(String, String)], name: &str) -> Option<&'a str> {
    headers
        .iter()
        .find(|(known, _)| known.eq_ignore_ascii_case(name))
        .map(|(_, value)| value.as_str())
}

fn read_headers<'a>(lines: impl Iterator<Item = &'a str>) -> Option<Vec<(String, String)>> {
    lines
        .filter(|line| !line.is_empty())
        .map(|line| {
            let (name, value) = line.split_once(':')?;
            Some((name.trim().to_owned(), value.trim().to_owned()))
        })
        .collect()
}

// === impl UpgradeRequest ===

impl UpgradeRequest {
    /// What is wrong with it, as status and reason.
    pub(crate) fn check(&self) -> Result<(), (u16, &'static str)> {
        if self.path != PATH {
            return Err((404, "there is only /_rpc here"));
        }
        let upgrade = find(&self.headers, "upgrade").is_some_and(|value| value.eq_ignore_ascii_case("loqui"));
        if self.method != "GET" || !upgrade {
            return Err((426, "ask with GET and 'Upgrade: loqui'"));
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_request_of_the_published_client_is_understood() {
        let request = read_request(
            b"GET /_rpc HTTP/1.1\r\nHost: 127.0.0.1 \r\nUpgrade: loqui\r\nConnection: upgrade\r\n\r\n",
        )
        .unwrap();
        assert_eq!(request.check(), Ok(()));
        assert_eq!(find(&request.headers, "HOST"), Some("127.0.0.1"));
    }

    #[test]
    fn the_answer_has_two_headers_and_nothing_else() {
        assert_eq!(SWITCHING.len(), 73);
        let response = read_response(SWITCHING).unwrap();
        assert_eq!((response.status, response.upgrade), (101, true));
    }

    #[test]
    fn a_header_cannot_smuggle_in_another_one() {
        let address = "127.0.0.1:1".parse().unwrap();
        let head = request(address, &[("x".to_owned(), "1\r\nUpgrade: no".to_owned())]);
        let read = read_request(&head).unwrap();
        assert_eq!(find(&read.headers, "x"), Some("1  Upgrade: no"));
        assert!(head.ends_with(b"\r\n\r\n") && head.starts_with(b"GET"));
    }

    #[test]
    fn a_request_for_something_else_is_told_what_to_ask() {
        let wrong = read_request(b"POST /_rpc HTTP/1.1\r\nUpgrade: loqui\r\n\r\n").unwrap();
        assert_eq!(wrong.check().unwrap_err().0, 426);
        let wrong = read_request(b"GET /_rpc HTTP/1.1\r\nUpgrade: websocket\r\n\r\n").unwrap();
        assert_eq!(wrong.check().unwrap_err().0, 426);
        let wrong = read_request(b"GET / HTTP/1.1\r\n\r\n").unwrap();
        assert_eq!(wrong.check().unwrap_err().0, 404);
        assert_eq!(read_request(b"\x05\x00\r\n\r\n"), None);
    }
}
