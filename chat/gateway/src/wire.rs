//! The WebSocket itself: texts in and out, compressed if the client asked, with bounded patience.

use std::time::Duration;

use bytes::Bytes;
use futures_util::{SinkExt, StreamExt};
use tokio::net::TcpStream;
use tokio_tungstenite::WebSocketStream;
use tokio_tungstenite::tungstenite::protocol::CloseFrame;
use tokio_tungstenite::tungstenite::{Error, Message};
use tokio_util::sync::CancellationToken;

use crate::deflate::ZlibStream;
use crate::socket::End;

/// A client's WebSocket.
pub(crate) struct Wire {
    stream: WebSocketStream<TcpStream>,
    zlib: Option<ZlibStream>,
    write_time: Duration,
}

/// What came from the client.
pub(crate) enum Received {
    Text(String),
    /// A ping or a pong: the library has answered it.
    Nothing,
    TooLong,
    /// It closed, perhaps with a code.
    Closed(Option<u16>),
    Gone,
}

// === impl Wire ===

impl Wire {
    pub(crate) fn new(stream: WebSocketStream<TcpStream>, zlib: bool, write_time: Duration) -> Self {
        Self {
            stream,
            zlib: zlib.then(ZlibStream::new),
            write_time,
        }
    }

    pub(crate) async fn receive(&mut self, limit: usize) -> Received {
        let bytes: Bytes = match self.stream.next().await {
            Some(Ok(Message::Text(text))) => text.into(),
            // Some libraries send their JSON in binary frames.
            Some(Ok(Message::Binary(bytes))) => bytes,
            Some(Ok(Message::Close(frame))) => return Received::Closed(frame.map(|frame| frame.code.into())),
            Some(Ok(_)) => return Received::Nothing,
            Some(Err(Error::Capacity(_))) => return Received::TooLong,
            Some(Err(_)) | None => return Received::Gone,
        };
        if bytes.len() > limit {
            return Received::TooLong;
        }
        // What is no UTF-8 is no JSON either, and its reader will say so.
        Received::Text(String::from_utf8_lossy(&bytes).into_owned())
    }

    /// Writes one payload at once.
    pub(crate) async fn send(&mut self, text: String, cut: &CancellationToken) -> Result<(), End> {
        self.feed(text, cut).await?;
        self.flush(cut).await
    }

    /// Queues one payload; [`Wire::flush`] writes it, with those before and after it.
    pub(crate) async fn feed(&mut self, text: String, cut: &CancellationToken) -> Result<(), End> {
        let message = match &mut self.zlib {
            None => Message::text(text),
            Some(zlib) => {
                let bytes = zlib.payload(text.as_bytes()).map_err(|error| {
                    tracing::error!(%error, "the zlib stream of a client broke");
                    End::Gone
                })?;
                Message::binary(bytes)
            }
        };
        in_time(self.stream.feed(message), self.write_time, cut).await
    }

    pub(crate) async fn flush(&mut self, cut: &CancellationToken) -> Result<(), End> {
        in_time(self.stream.flush(), self.write_time, cut).await
    }

    /// Closes, unless the client has closed already, and gives it a moment to hang up.
    pub(crate) async fn close(&mut self, frame: Option<CloseFrame>, patience: Duration) {
        let parting = async {
            if frame.is_some() && self.stream.close(frame).await.is_err() {
                return;
            }
            // Reading also writes what is still queued: the answer to the client's close.
            while let Some(Ok(_)) = self.stream.next().await {}
        };
        if tokio::time::timeout(patience, parting).await.is_err() {
            tracing::debug!("a client did not answer the close");
        }
    }
}

async fn in_time(
    writing: impl Future<Output = Result<(), Error>>,
    limit: Duration,
    cut: &CancellationToken,
) -> Result<(), End> {
    tokio::select! {
        biased;
        () = cut.cancelled() => Err(End::Cut),
        written = tokio::time::timeout(limit, writing) => match written {
            Ok(Ok(())) => Ok(()),
            Ok(Err(_)) => Err(End::Gone),
            Err(_) => Err(End::Cut),
        },
    }
}
