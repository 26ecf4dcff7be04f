//! The records that requests are compared over: always the same, and varied enough that a wrong answer shows.

use serde_json::{Map, Value, json};

/// How many.
const COUNT: u64 = 240;

const SERVICES: [&str; 5] = ["gateway", "guilds", "sessions", "presence", "api"];
const LEVELS: [&str; 7] = ["info", "info", "info", "debug", "warn", "info", "error"];
const MESSAGES: [&str; 8] = [
    "guild node started and took its ring position",
    "connection to guild node timed out after 30 seconds",
    "Session resumed; replayed events",
    "slow query on the messages table",
    "push provider answered with an error, retrying",
    "user connected from a new address",
    "The quick brown fox jumps over the lazy dog",
    "guild unavailable: node is draining",
];

/// A bulk body that creates all of them in the index of the request. The first field of time is 2026-11-20T00:00:00Z.
pub(crate) fn bulk() -> String {
    let mut out = String::new();
    for number in 0..COUNT {
        out.push_str(&format!(
            "{{\"create\":{{\"_id\":\"r{number:03}\"}}}}\n{}\n",
            record(number)
        ));
    }
    out
}

/// Steps of 37 minutes reach over six days; every value follows from the number.
fn record(number: u64) -> Value {
    let pick = |salt: u64, among: u64| {
        (number
            .wrapping_mul(2_654_435_761)
            .wrapping_add(salt.wrapping_mul(40_503))
            >> 7)
            % among
    };
    let minutes = number * 37;
    let (day, hour, minute) = (20 + minutes / 1440, minutes / 60 % 24, minutes % 60);
    let service = SERVICES[pick(1, 5) as usize];
    let level = LEVELS[pick(2, 7) as usize];
    let mut fields = Map::new();
    let mut set = |key: &str, value: Value| {
        fields.insert(key.to_owned(), value);
    };
    set(
        "@timestamp",
        json!(format!(
            "2026-11-{day:02}T{hour:02}:{minute:02}:{:02}.{:03}Z",
            pick(3, 60),
            pick(4, 1000)
        )),
    );
    set(
        "message",
        json!(format!(
            "{} (request {})",
            MESSAGES[pick(5, 8) as usize],
            pick(6, 50)
        )),
    );
    set("log.level", json!(level));
    set("service.name", json!(service));
    set("service.node.name", json!(format!("{service}-{}", pick(7, 3))));
    set(
        "trace.id",
        json!(format!("{:016x}", number.wrapping_mul(0x9E37_79B9_7F4A_7C15))),
    );
    set("event.duration", json!(pick(8, 5_000_000) + 1000));
    set(
        "status",
        json!([200, 200, 201, 204, 400, 404, 500, 503][pick(9, 8) as usize]),
    );
    set("ratio", json!(pick(10, 1000) as f64 / 1000.0));
    set(
        "client.ip",
        json!(format!("10.{}.{}.{}", pick(11, 3), pick(12, 4), pick(13, 250))),
    );
    set("ok", json!(level != "error"));
    if number.is_multiple_of(3) {
        set("tags", json!([format!("t{}", pick(14, 4)), "all"]));
    }
    if level == "error" {
        set(
            "error.message",
            json!(format!("it broke with code {}", pick(15, 5))),
        );
    }
    if number % 4 == 1 {
        set("retries", json!(pick(16, 6)));
    }
    Value::Object(fields)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn each_level_and_service_occurs() {
        let text = bulk();
        for word in SERVICES.iter().chain(&LEVELS) {
            assert!(text.contains(word), "{word}");
        }
        assert_eq!(text.lines().count() as u64, 2 * COUNT);
    }
}
