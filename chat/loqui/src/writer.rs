//! The writing half of a connection: whatever is queued goes out in as few writes as possible.

use bytes::BytesMut;
use tokio::io::AsyncWriteExt;
use tokio::net::tcp::OwnedWriteHalf;

use crate::code::Code;
use crate::frame::Frame;
use crate::link::{Link, Outgoing};

/// Frames taken from the queue at once.
const BATCH_FRAMES: usize = 256;
/// A batch is written when it is this long.
const BATCH_BYTES: usize = 64 << 10;
/// A payload from this size on is written from where it is, not copied into the batch.
const LARGE_PAYLOAD: usize = 16 << 10;

/// Writes until the connection is finished and its queues are empty, then shuts the write side.
pub(crate) async fn write(mut socket: OwnedWriteHalf, mut outgoing: Outgoing, link: &Link) {
    let mut frames = Vec::with_capacity(BATCH_FRAMES);
    let mut out = BytesMut::with_capacity(BATCH_BYTES);
    loop {
        tokio::select! {
            biased;
            Some(frame) = outgoing.control.recv() => frames.push(frame),
            taken = outgoing.data.recv_many(&mut frames, BATCH_FRAMES) => debug_assert!(taken > 0, "the link holds a sender"),
            () = link.finish.cancelled() => break,
        }
        while let Ok(frame) = outgoing.control.try_recv() {
            frames.push(frame);
        }
        if let Err(error) = write_all(&mut socket, &mut frames, &mut out).await {
            link.lost(Code::InternalServerError, &format!("cannot write: {error}"));
            return;
        }
    }
    if let Err(error) = socket.shutdown().await {
        tracing::trace!(%error, "the socket was gone before it could be shut");
    }
}

async fn write_all(
    socket: &mut OwnedWriteHalf,
    frames: &mut Vec<Frame>,
    out: &mut BytesMut,
) -> std::io::Result<()> {
    for frame in frames.drain(..) {
        frame.encode_head(out);
        let payload = frame.kind.payload();
        if payload.len() >= LARGE_PAYLOAD {
            socket.write_all(out).await?;
            out.clear();
            socket.write_all(payload).await?;
        } else {
            out.extend_from_slice(payload);
        }
        if out.len() >= BATCH_BYTES {
            socket.write_all(out).await?;
            out.clear();
        }
    }
    socket.write_all(out).await?;
    out.clear();
    Ok(())
}
