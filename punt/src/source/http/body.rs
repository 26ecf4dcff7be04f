//! Request bodies: read up to the limit, unpacked up to the limit, and counted while they are in hand.

use std::io::Read;
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering::Relaxed};
use std::time::Duration;

use bytes::Bytes;
use http::HeaderMap;
use http::header::{CONTENT_ENCODING, CONTENT_LENGTH};
use http_body_util::BodyExt as _;
use hyper::body::Incoming;
use tokio::time::timeout;

use super::refusal::Refusal;

/// So much of a body that is refused is read all the same, so that its sender sees the answer.
const DRAIN: usize = 64 << 20;

/// Bytes of bodies that are in hand, of all requests; what would go over the limit is refused.
#[derive(Debug)]
pub(super) struct Pending {
    bytes: AtomicUsize,
    max_bytes: usize,
}

/// The part of one request.
struct Share {
    pending: Arc<Pending>,
    bytes: usize,
}

/// A body that is in hand.
pub(super) struct Body {
    pub(super) bytes: Bytes,
    _share: Share,
}

/// How a body is packed.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Packing {
    None,
    Gzip,
    Deflate,
    Zstd,
}

// === impl Pending ===

impl Pending {
    pub(super) fn new(max_bytes: usize) -> Arc<Self> {
        Arc::new(Self {
            bytes: AtomicUsize::new(0),
            max_bytes,
        })
    }
}

// === impl Share ===

impl Share {
    fn grow(&mut self, bytes: usize) -> Result<(), Refusal> {
        let before = self.pending.bytes.fetch_add(bytes, Relaxed);
        self.bytes += bytes;
        if before + bytes > self.pending.max_bytes {
            return Err(Refusal::busy(format!(
                "bodies of {} bytes are in hand already (max_pending_bytes is {})",
                before, self.pending.max_bytes
            )));
        }
        Ok(())
    }
}

impl Drop for Share {
    fn drop(&mut self) {
        self.pending.bytes.fetch_sub(self.bytes, Relaxed);
    }
}

/// Reads and unpacks a body. `idle`: how long the sender may be silent in the middle of it.
pub(super) async fn read(
    headers: &HeaderMap,
    body: &mut Incoming,
    limit: usize,
    idle: Duration,
    pending: &Arc<Pending>,
) -> Result<Body, Refusal> {
    let packing = packing(headers)?;
    let announced = headers
        .get(CONTENT_LENGTH)
        .and_then(|value| value.to_str().ok()?.parse::<usize>().ok());
    let too_large = || Refusal::too_large("the body", "max_body_bytes", limit);
    if announced.is_some_and(|length| length > limit) {
        return Err(too_large());
    }
    let mut share = Share {
        pending: Arc::clone(pending),
        bytes: 0,
    };
    // What is announced is reserved at once; what is not, as it comes.
    share.grow(announced.unwrap_or(0))?;
    let mut bytes = Vec::with_capacity(announced.unwrap_or(0));
    loop {
        let frame = timeout(idle, body.frame())
            .await
            .map_err(|_| Refusal::new(408, "timeout_exception", "the body did not come to its end"))?;
        let Some(frame) = frame else { break };
        let frame = frame.map_err(|error| Refusal::argument(format!("the body ended early: {error}")))?;
        let Some(data) = frame.data_ref() else { continue };
        if bytes.len() + data.len() > limit {
            return Err(too_large());
        }
        bytes.extend_from_slice(data);
        share.grow(bytes.len().saturating_sub(share.bytes))?;
    }
    let bytes = match packing {
        Packing::None => bytes,
        packing => {
            let unpacking = tokio::task::spawn_blocking(move || {
                let unpacked = unpack(packing, &bytes, limit)?;
                share.grow(unpacked.len())?;
                Ok::<_, Refusal>((unpacked, share))
            });
            let (unpacked, kept) = unpacking
                .await
                .map_err(|error| Refusal::argument(format!("the body could not be unpacked: {error}")))??;
            share = kept;
            unpacked
        }
    };
    Ok(Body {
        bytes: bytes.into(),
        _share: share,
    })
}

/// Reads and forgets what is left of a body, up to [`DRAIN`] bytes. What is longer is cut off with its connection.
pub(super) async fn drain(body: &mut Incoming, idle: Duration) {
    let mut drained = 0;
    while let Ok(Some(Ok(frame))) = timeout(idle, body.frame()).await {
        drained += frame.data_ref().map_or(0, Bytes::len);
        if drained > DRAIN {
            return;
        }
    }
}

fn packing(headers: &HeaderMap) -> Result<Packing, Refusal> {
    let Some(name) = headers.get(CONTENT_ENCODING) else {
        return Ok(Packing::None);
    };
    let name = name.to_str().unwrap_or("?").trim().to_ascii_lowercase();
    match name.as_str() {
        "" | "identity" => Ok(Packing::None),
        "gzip" | "x-gzip" => Ok(Packing::Gzip),
        "deflate" => Ok(Packing::Deflate),
        "zstd" => Ok(Packing::Zstd),
        _ => Err(Refusal::new(
            415,
            "illegal_argument_exception",
            format!("Content-Encoding [{name}] is not supported: use gzip, zstd, deflate or none"),
        )),
    }
}

/// Unpacks all members or frames of a body, up to `limit` bytes.
fn unpack(packing: Packing, bytes: &[u8], limit: usize) -> Result<Vec<u8>, Refusal> {
    let wrong = |error: std::io::Error| Refusal::argument(format!("the body cannot be unpacked: {error}"));
    let reader: Box<dyn Read + '_> = match packing {
        Packing::None => Box::new(bytes),
        Packing::Gzip => Box::new(flate2::read::MultiGzDecoder::new(bytes)),
        Packing::Deflate => Box::new(flate2::read::ZlibDecoder::new(bytes)),
        Packing::Zstd => Box::new(zstd::stream::read::Decoder::new(bytes).map_err(wrong)?),
    };
    let mut out = Vec::new();
    reader
        .take(limit as u64 + 1)
        .read_to_end(&mut out)
        .map_err(wrong)?;
    match out.len() > limit {
        true => Err(Refusal::too_large("the unpacked body", "max_body_bytes", limit)),
        false => Ok(out),
    }
}

#[cfg(test)]
mod tests {
    use std::io::Write as _;

    use super::*;

    #[test]
    fn each_packing_is_unpacked_up_to_the_limit() {
        let text = b"0123456789".repeat(100);
        let mut gzip = flate2::write::GzEncoder::new(Vec::new(), flate2::Compression::fast());
        gzip.write_all(&text).unwrap();
        let mut deflate = flate2::write::ZlibEncoder::new(Vec::new(), flate2::Compression::fast());
        deflate.write_all(&text).unwrap();
        for (packing, bytes) in [
            (Packing::Gzip, gzip.finish().unwrap()),
            (Packing::Deflate, deflate.finish().unwrap()),
            (Packing::Zstd, zstd::encode_all(text.as_slice(), 1).unwrap()),
        ] {
            assert_eq!(unpack(packing, &bytes, 1000).unwrap(), text);
            assert_eq!(unpack(packing, &bytes, 999).unwrap_err().status, 413);
            assert_eq!(
                unpack(packing, &bytes[..bytes.len() / 2], 1000)
                    .unwrap_err()
                    .status,
                400
            );
        }
    }

    #[test]
    fn what_is_in_hand_is_bounded_and_given_back() {
        let pending = Pending::new(100);
        let share = || Share {
            pending: Arc::clone(&pending),
            bytes: 0,
        };
        let mut first = share();
        first.grow(60).unwrap();
        assert_eq!(share().grow(60).unwrap_err().status, 429);
        drop(first);
        share().grow(100).unwrap();
    }
}
