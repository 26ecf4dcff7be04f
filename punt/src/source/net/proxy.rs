//! The header of the PROXY protocol (HAProxy's proxy-protocol.txt), versions 1 and 2: who the true sender is.

use std::io::{self, ErrorKind};
use std::net::{IpAddr, Ipv4Addr, Ipv6Addr};

use tokio::io::{AsyncRead, AsyncReadExt as _};

const SIGNATURE: &[u8; 12] = b"\r\n\r\n\0\r\nQUIT\n";

/// The longest header of version 1, with its line end (section 2.1).
const MAX_LINE: usize = 107;

/// The longest part of a version 2 header that we read: addresses and a few kilobytes of extensions.
const MAX_BINARY: usize = 4096;

/// Reads the header, and no byte more. None: the proxy speaks for itself, or does not say for whom.
pub(super) async fn read<S: AsyncRead + Unpin>(stream: &mut S) -> io::Result<Option<IpAddr>> {
    // No header is shorter than this, in neither version.
    let mut start = [0; 12];
    stream.read_exact(&mut start).await?;
    if start == *SIGNATURE {
        return binary(stream).await;
    }
    if !start.starts_with(b"PROXY ") {
        return Err(wrong("the connection does not begin with a PROXY header"));
    }
    let mut line = start.to_vec();
    while !line.ends_with(b"\n") {
        if line.len() == MAX_LINE {
            return Err(wrong("the PROXY header is too long"));
        }
        line.push(stream.read_u8().await?);
    }
    text(&line)
}

/// `PROXY TCP4 192.0.2.1 192.0.2.2 56324 443\r\n`.
fn text(line: &[u8]) -> io::Result<Option<IpAddr>> {
    let bad = || wrong("the PROXY header cannot be read");
    let line = std::str::from_utf8(line).map_err(|_| bad())?;
    let mut words = line.strip_suffix("\r\n").ok_or_else(bad)?.split(' ').skip(1);
    match words.next() {
        Some("UNKNOWN") => Ok(None),
        Some("TCP4" | "TCP6") => {
            let source = words.next().and_then(|word| word.parse().ok());
            source.map(Some).ok_or_else(bad)
        }
        _ => Err(bad()),
    }
}

async fn binary<S: AsyncRead + Unpin>(stream: &mut S) -> io::Result<Option<IpAddr>> {
    let (command, family) = (stream.read_u8().await?, stream.read_u8().await?);
    let length = usize::from(stream.read_u16().await?);
    if command >> 4 != 2 || length > MAX_BINARY {
        return Err(wrong("the PROXY header is of an unknown version or too long"));
    }
    let mut rest = vec![0; length];
    stream.read_exact(&mut rest).await?;
    // LOCAL (0): the proxy itself, for a health check. Families: 1 is IPv4, 2 is IPv6.
    match (command & 15, family >> 4) {
        (0, _) => Ok(None),
        (1, 1) => match rest.first_chunk::<4>() {
            Some(source) if length >= 12 => Ok(Some(Ipv4Addr::from(*source).into())),
            _ => Err(wrong("the PROXY header is too short")),
        },
        (1, 2) => match rest.first_chunk::<16>() {
            Some(source) if length >= 36 => Ok(Some(Ipv6Addr::from(*source).into())),
            _ => Err(wrong("the PROXY header is too short")),
        },
        (1, _) => Ok(None),
        _ => Err(wrong("the PROXY header has an unknown command")),
    }
}

fn wrong(what: &str) -> io::Error {
    io::Error::new(ErrorKind::InvalidData, what)
}

#[cfg(test)]
mod tests {
    use super::*;

    /// The source, and what is left of the stream.
    async fn header(bytes: &[u8]) -> io::Result<(Option<IpAddr>, Vec<u8>)> {
        let mut stream = bytes;
        let source = read(&mut stream).await?;
        Ok((source, stream.to_vec()))
    }

    #[tokio::test]
    async fn the_header_is_read_and_not_a_byte_more() {
        let four = "192.0.2.1".parse().ok();
        let found = header(b"PROXY TCP4 192.0.2.1 192.0.2.2 56324 443\r\n<13>x")
            .await
            .unwrap();
        assert_eq!(found, (four, b"<13>x".to_vec()));
        let found = header(b"PROXY TCP6 fe80::1 fe80::2 1 2\r\n").await.unwrap();
        assert_eq!(found.0, "fe80::1".parse().ok());
        assert_eq!(
            header(b"PROXY UNKNOWN\r\nx").await.unwrap(),
            (None, b"x".to_vec())
        );
        let mut binary = SIGNATURE.to_vec();
        binary.extend([0x21, 0x11, 0, 12, 192, 0, 2, 1, 192, 0, 2, 2, 1, 1, 2, 2, b'x']);
        assert_eq!(header(&binary).await.unwrap(), (four, b"x".to_vec()));
        let mut local = SIGNATURE.to_vec();
        local.extend([0x20, 0, 0, 0, b'x']);
        assert_eq!(header(&local).await.unwrap(), (None, b"x".to_vec()));
    }

    #[tokio::test]
    async fn what_is_no_header_is_refused() {
        let endless = [&b"PROXY TCP4 "[..], &[b'1'; 200]].concat();
        let mut old = SIGNATURE.to_vec();
        old.extend([0x11, 0x11, 0, 0]);
        for bytes in [
            &b"<13>Nov 24 09:46:51 x"[..],
            b"PROXY TCP4 x y 1 2\r\n",
            b"PROXY",
            &endless,
            &old,
        ] {
            assert!(header(bytes).await.is_err());
        }
    }
}
