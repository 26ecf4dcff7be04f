//! What a client asks for in the URL of its WebSocket: version, encoding, compression.

use crate::close::Close;

/// The parameters of a connection.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Parameters {
    /// 9 or 10: for the log, the gateway speaks the same to both.
    pub(crate) version: u8,
    /// Whether payloads are one zlib stream.
    pub(crate) zlib: bool,
}

/// A connection that cannot be: its close code and the text that goes with it.
pub(crate) type Refused = (Close, &'static str);

/// Reads the query of the URL.
pub(crate) fn read(query: Option<&str>) -> Result<Parameters, Refused> {
    let mut parameters = Parameters {
        version: 10,
        zlib: false,
    };
    let pairs = query
        .unwrap_or("")
        .split('&')
        .filter_map(|pair| pair.split_once('='));
    for (name, value) in pairs {
        match (name, value) {
            ("v", "9") => parameters.version = 9,
            ("v", "10") | ("encoding", "json") | ("compress", "" | "false") => {}
            ("v", _) => return Err((Close::InvalidVersion, "Invalid API version: 9 and 10 are spoken.")),
            ("encoding", _) => return Err((Close::Decode, "Invalid encoding: only json is spoken.")),
            ("compress", "zlib-stream") => parameters.zlib = true,
            ("compress", "zstd-stream") => {
                return Err((
                    Close::Decode,
                    "zstd-stream is not spoken: ask for zlib-stream or none.",
                ));
            }
            ("compress", _) => {
                return Err((Close::Decode, "Invalid compression: ask for zlib-stream or none."));
            }
            _ => {}
        }
    }
    Ok(parameters)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_asked_is_read() {
        let read_ok = |query| read(query).unwrap();
        assert_eq!(
            read_ok(None),
            Parameters {
                version: 10,
                zlib: false
            }
        );
        assert_eq!(
            read_ok(Some("encoding=json&v=9&compress=zlib-stream")),
            Parameters {
                version: 9,
                zlib: true
            }
        );
    }

    #[test]
    fn what_is_not_spoken_is_refused_with_a_reason() {
        assert_eq!(read(Some("v=6")).unwrap_err().0.code(), 4012);
        assert_eq!(read(Some("v=10&encoding=etf")).unwrap_err().0.code(), 4002);
        let (close, reason) = read(Some("compress=zstd-stream")).unwrap_err();
        assert_eq!(close.code(), 4002);
        assert!(reason.contains("zlib-stream"));
    }
}
