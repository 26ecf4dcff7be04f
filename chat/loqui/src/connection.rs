//! One connection from its first frame to its last: both halves, and an end that is bounded in time.

use std::time::Duration;

use bytes::BytesMut;
use tokio::net::TcpStream;

use crate::in_flight::InFlight;
use crate::link::{Link, Outgoing};
use crate::reader::{self, Incoming};
use crate::writer;

/// How long requests in flight may go on after a goodbye.
pub(crate) const DRAIN_GRACE: Duration = Duration::from_secs(5);
/// How long the last bytes may take to leave, and the other side to close.
const LINGER: Duration = Duration::from_secs(1);

/// A connection after its handshake.
pub(crate) struct Connection {
    pub(crate) stream: TcpStream,
    /// What was read behind the handshake.
    pub(crate) buffer: BytesMut,
    pub(crate) outgoing: Outgoing,
    pub(crate) ping_interval: Duration,
    pub(crate) max_payload_bytes: usize,
}

/// Drives a connection until it has ended. `also` runs beside the halves and ends once `incoming` is dropped.
pub(crate) async fn run(
    connection: Connection,
    link: &Link,
    incoming: impl Incoming,
    in_flight: &InFlight,
    also: impl Future<Output = ()>,
) {
    let Connection {
        stream,
        buffer,
        outgoing,
        ping_interval,
        max_payload_bytes,
    } = connection;
    let (read_half, write_half) = stream.into_split();
    let reading = async {
        reader::read(
            read_half,
            buffer,
            link,
            ping_interval,
            max_payload_bytes,
            incoming,
        )
        .await;
        link.finish.cancel();
    };
    let living = async { tokio::join!(reading, writer::write(write_half, outgoing, link), also) };
    let ending = async {
        link.closing.cancelled().await;
        tokio::select! {
            _ = tokio::time::timeout(DRAIN_GRACE, in_flight.idle()) => {}
            () = link.finish.cancelled() => {}
        }
        link.finish.cancel();
        tokio::time::sleep(LINGER).await;
    };
    tokio::select! {
        _ = living => {}
        () = ending => {}
    }
    link.closing.cancel();
}
