//! The id under which a request can be found in the logs of every cluster.

use http::HeaderMap;
use http::header::{HeaderName, HeaderValue};

/// Carries the id to the nodes behind and back to the client.
pub(crate) static REQUEST_ID: HeaderName = HeaderName::from_static("x-request-id");

/// Longer ids of clients are replaced.
const MAX_LENGTH: usize = 64;

/// The client's own id if it makes sense, or else a new one.
pub(crate) fn request_id(headers: &HeaderMap) -> HeaderValue {
    let sound = |id: &&HeaderValue| {
        let bytes = id.as_bytes();
        (1..=MAX_LENGTH).contains(&bytes.len())
            && bytes
                .iter()
                .all(|byte| byte.is_ascii_alphanumeric() || matches!(byte, b'-' | b'_'))
    };
    headers
        .get(&REQUEST_ID)
        .filter(sound)
        .cloned()
        .unwrap_or_else(|| {
            let id = format!("{:032x}", rand::random::<u128>());
            HeaderValue::from_str(&id).expect("hexadecimal digits are a header value")
        })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_sound_id_is_kept_and_any_other_replaced() {
        let mut headers = HeaderMap::new();
        headers.insert(&REQUEST_ID, HeaderValue::from_static("abc-123"));
        assert_eq!(request_id(&headers), "abc-123");
        headers.insert(&REQUEST_ID, HeaderValue::from_static("a b"));
        assert_eq!(request_id(&headers).len(), 32);
        assert_ne!(request_id(&headers), request_id(&headers));
    }
}
