//! From a TCP connection to one that speaks frames: the upgrade, HELLO and HELLO_ACK, from both sides.

use std::net::SocketAddr;
use std::time::Duration;

use bytes::{Bytes, BytesMut};
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpStream;

use crate::code::Code;
use crate::frame::{Frame, Kind, VERSION};
use crate::options::Options;
use crate::server::Rejection;
use crate::upgrade;

/// HELLO and HELLO_ACK are short texts; whoever sends more is no peer.
const MAX_NEGOTIATION: usize = 4096;

/// Where a handshake broke off.
#[derive(Debug, thiserror::Error)]
pub(crate) enum HandshakeError {
    #[error(transparent)]
    Io(#[from] std::io::Error),
    #[error("refused with status {status}: {reason}")]
    Refused { status: u16, reason: String },
    #[error("{code}: {reason}")]
    Protocol { code: Code, reason: String },
}

// === impl HandshakeError ===

impl HandshakeError {
    fn protocol(code: Code, reason: impl Into<String>) -> Self {
        Self::Protocol {
            code,
            reason: reason.into(),
        }
    }
}

/// The client's side. Returns the ping interval that the server announced; `buffer` keeps what came behind.
pub(crate) async fn ask(
    socket: &mut TcpStream,
    buffer: &mut BytesMut,
    address: SocketAddr,
    options: &Options,
) -> Result<Duration, HandshakeError> {
    socket
        .write_all(&upgrade::request(address, &options.headers))
        .await?;
    let head = read_head(socket, buffer).await?;
    let response = upgrade::read_response(&head)
        .ok_or_else(|| HandshakeError::protocol(Code::InvalidOp, "the answer is no HTTP response"))?;
    if response.status != 101 || !response.upgrade {
        let reason = read_reason(socket, buffer, response.content_length).await;
        return Err(HandshakeError::Refused {
            status: response.status,
            reason,
        });
    }
    let offer = format!("{}|", options.encodings.join(","));
    send(
        socket,
        Kind::Hello {
            version: VERSION,
            offer: offer.into(),
        },
    )
    .await?;
    match read_frame(socket, buffer).await? {
        Kind::HelloAck {
            ping_interval_ms,
            choice,
        } => {
            let choice = String::from_utf8_lossy(&choice);
            let (encoding, compression) = choice.split_once('|').unwrap_or((&choice, ""));
            let refused = if !options.encodings.iter().any(|known| known == encoding) {
                Some((Code::InvalidEncoding, format!("'{encoding}' was not offered")))
            } else if !compression.is_empty() {
                Some((
                    Code::InvalidCompression,
                    format!("'{compression}' was not offered"),
                ))
            } else {
                None
            };
            if let Some((code, reason)) = refused {
                return Err(go_away(socket, code, reason).await);
            }
            Ok(Duration::from_millis(u64::from(ping_interval_ms.max(1))))
        }
        Kind::GoAway { code, reason } => Err(HandshakeError::protocol(
            code.into(),
            String::from_utf8_lossy(&reason),
        )),
        other => {
            let reason = format!("expected HELLO_ACK, got {}", other.name());
            Err(go_away(socket, Code::InvalidOp, reason).await)
        }
    }
}

/// The server's side. `admit` decides by the headers of the upgrade request, which are returned.
pub(crate) async fn answer(
    socket: &mut TcpStream,
    buffer: &mut BytesMut,
    options: &Options,
    admit: impl FnOnce(&[(String, String)]) -> Result<(), Rejection>,
) -> Result<Vec<(String, String)>, HandshakeError> {
    let head = match read_head(socket, buffer).await {
        Err(HandshakeError::Protocol { reason, .. }) => return Err(refuse(socket, 431, &reason).await),
        other => other?,
    };
    let Some(request) = upgrade::read_request(&head) else {
        return Err(refuse(socket, 400, "this is no HTTP/1.1 request").await);
    };
    if let Err((status, reason)) = request.check() {
        return Err(refuse(socket, status, reason).await);
    }
    if let Err(Rejection { status, reason }) = admit(&request.headers) {
        return Err(refuse(socket, status, &reason).await);
    }
    socket.write_all(upgrade::SWITCHING).await?;
    let (version, offer) = match read_frame(socket, buffer).await? {
        Kind::Hello { version, offer } => (version, offer),
        other => {
            let reason = format!("expected HELLO, got {}", other.name());
            return Err(go_away(socket, Code::InvalidOp, reason).await);
        }
    };
    if version != VERSION {
        let reason = format!("version {version} is not {VERSION}");
        return Err(go_away(socket, Code::UnsupportedVersion, reason).await);
    }
    let Some(encoding) = choose(&offer, &options.encodings) else {
        let reason = format!("only {} here", options.encodings.join(","));
        return Err(go_away(socket, Code::NoCommonEncoding, reason).await);
    };
    send(
        socket,
        Kind::HelloAck {
            ping_interval_ms: u32::try_from(options.ping_interval.as_millis()).unwrap_or(u32::MAX),
            choice: format!("{encoding}|").into(),
        },
    )
    .await?;
    Ok(request.headers)
}

/// The first encoding of the client's list that the server speaks.
fn choose<'a>(offer: &[u8], spoken: &'a [String]) -> Option<&'a str> {
    let offer = std::str::from_utf8(offer).ok()?;
    let (encodings, _compressions) = offer.split_once('|').unwrap_or((offer, ""));
    encodings
        .split(',')
        .find_map(|wanted| spoken.iter().find(|known| *known == wanted.trim()))
        .map(String::as_str)
}

async fn send(socket: &mut TcpStream, kind: Kind) -> std::io::Result<()> {
    let mut out = BytesMut::new();
    Frame::from(kind).encode(&mut out);
    socket.write_all(&out).await
}

async fn read_frame(socket: &mut TcpStream, buffer: &mut BytesMut) -> Result<Kind, HandshakeError> {
    loop {
        match Frame::decode(buffer, MAX_NEGOTIATION) {
            Ok(Some(frame)) => return Ok(frame.kind),
            Ok(None) => fill(socket, buffer).await?,
            Err(error) => return Err(go_away(socket, Code::InvalidOp, error.to_string()).await),
        }
    }
}

async fn read_head(socket: &mut TcpStream, buffer: &mut BytesMut) -> Result<Bytes, HandshakeError> {
    loop {
        if let Some(end) = upgrade::head_end(buffer) {
            return Ok(buffer.split_to(end).freeze());
        }
        if buffer.len() > upgrade::MAX_HEAD {
            let reason = format!("the head is longer than {} bytes", upgrade::MAX_HEAD);
            return Err(HandshakeError::protocol(Code::InvalidOp, reason));
        }
        fill(socket, buffer).await?;
    }
}

/// The text behind a refusal, as far as it comes.
async fn read_reason(socket: &mut TcpStream, buffer: &mut BytesMut, length: usize) -> String {
    let length = length.min(MAX_NEGOTIATION);
    while buffer.len() < length && fill(socket, buffer).await.is_ok() {}
    let length = length.min(buffer.len());
    String::from_utf8_lossy(&buffer[..length]).into_owned()
}

async fn fill(socket: &mut TcpStream, buffer: &mut BytesMut) -> std::io::Result<()> {
    if socket.read_buf(buffer).await? == 0 {
        return Err(std::io::ErrorKind::UnexpectedEof.into());
    }
    Ok(())
}

/// Refuses the upgrade. That the other side may be gone already changes nothing.
async fn refuse(socket: &mut TcpStream, status: u16, reason: &str) -> HandshakeError {
    part(socket, &upgrade::refusal(status, reason)).await;
    HandshakeError::Refused {
        status,
        reason: reason.to_owned(),
    }
}

/// Ends the handshake with a GOAWAY. That the other side may be gone already changes nothing.
async fn go_away(socket: &mut TcpStream, code: Code, reason: String) -> HandshakeError {
    let mut out = BytesMut::new();
    Frame::from(Kind::GoAway {
        code: code.into(),
        reason: reason.clone().into(),
    })
    .encode(&mut out);
    part(socket, &out).await;
    HandshakeError::Protocol { code, reason }
}

async fn part(socket: &mut TcpStream, last_words: &[u8]) {
    if socket.write_all(last_words).await.is_ok() && socket.shutdown().await.is_ok() {
        // Closing with unread bytes would reset the connection and might destroy the last words.
        let mut rest = [0; 1024];
        while matches!(socket.read(&mut rest).await, Ok(read) if read > 0) {}
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_first_offered_encoding_that_is_spoken_wins() {
        let spoken = ["json".to_owned(), "msgpack".to_owned()];
        assert_eq!(choose(b"erlpack,msgpack,json|gzip", &spoken), Some("msgpack"));
        assert_eq!(choose(b"json", &spoken), Some("json"));
        assert_eq!(choose(b"erlpack|", &spoken), None);
        assert_eq!(choose(b"", &spoken), None);
    }
}
