//! What clients receive: the envelope `{t, s, op, d}` around bodies that are JSON text already.

use std::time::Duration;

/// Op 0.
pub(crate) fn dispatch(t: &str, s: u64, d: &[u8]) -> String {
    // A body comes from our own encoder; were it no UTF-8, the client's decoder would say so.
    let d = String::from_utf8_lossy(d);
    format!(r#"{{"t":"{t}","s":{s},"op":0,"d":{d}}}"#)
}

/// Op 7: come back through another connection.
pub(crate) fn reconnect() -> String {
    bare(7, "null")
}

/// Op 9: the session is over; identify again.
pub(crate) fn invalid_session() -> String {
    bare(9, "false")
}

/// Op 10, the first thing that a client hears.
pub(crate) fn hello(heartbeat: Duration) -> String {
    bare(
        10,
        &format!(
            r#"{{"heartbeat_interval":{},"_trace":[]}}"#,
            heartbeat.as_millis()
        ),
    )
}

/// Op 11.
pub(crate) fn heartbeat_ack() -> String {
    bare(11, "null")
}

fn bare(op: u8, d: &str) -> String {
    format!(r#"{{"t":null,"s":null,"op":{op},"d":{d}}}"#)
}

#[cfg(test)]
mod tests {
    use serde_json::{Value, json};

    use super::*;

    #[test]
    fn envelopes_are_json_with_all_four_fields() {
        let read = |text: String| serde_json::from_str::<Value>(&text).unwrap();
        assert_eq!(
            read(dispatch("READY", 1, br#"{"v":10}"#)),
            json!({"t": "READY", "s": 1, "op": 0, "d": {"v": 10}})
        );
        assert_eq!(
            read(hello(Duration::from_millis(41_250)))["d"]["heartbeat_interval"],
            41_250
        );
        assert_eq!(
            read(heartbeat_ack()),
            json!({"t": null, "s": null, "op": 11, "d": null})
        );
        assert_eq!(read(reconnect())["op"], 7);
        assert_eq!(
            read(invalid_session()),
            json!({"t": null, "s": null, "op": 9, "d": false})
        );
    }
}
