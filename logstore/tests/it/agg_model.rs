//! Aggregations against a naive model: random documents in several segments of two indices, every answer
//! computed again from the documents by the simplest means.

use std::collections::BTreeMap;

use serde_json::{Value, json};

use crate::server::Server;

/// Central European time by its rule; a day of it is not always 24 hours long.
const ZONE: &str = "Europe/Berlin";

#[derive(Debug, Clone)]
struct Row {
    at: i64,
    words: Vec<String>,
    number: Option<i64>,
}

/// A sequence that looks random and is the same each time.
struct Dice(u64);

impl Dice {
    fn roll(&mut self, sides: u64) -> u64 {
        self.0 = self
            .0
            .wrapping_mul(6_364_136_223_846_793_005)
            .wrapping_add(1_442_695_040_888_963_407);
        (self.0 >> 33) % sides
    }
}

async fn filled(seed: u64) -> (Server, Vec<Row>) {
    let server = Server::start().await;
    let mapping = json!({"mappings": {"properties": {"at": {"type": "date"}, "words": {"type": "keyword"}, "number": {"type": "long"}}}});
    server.put("/m-0", mapping.clone()).await;
    server.put("/m-1", mapping).await;
    let mut dice = Dice(seed);
    let mut rows = Vec::new();
    for segment in 0..4 {
        let mut batch = Vec::new();
        for _ in 0..60 {
            // Half a year around the end of summer time, dense enough to meet the repeated hour.
            let span = if dice.roll(4) == 0 {
                10_800_000
            } else {
                180 * 86_400_000
            };
            let at = 1_792_886_400_000 + i64::try_from(dice.roll(span)).unwrap();
            let words = (0..dice.roll(4)).map(|_| format!("w{}", dice.roll(6))).collect();
            let number = (dice.roll(5) > 0).then(|| i64::try_from(dice.roll(100)).unwrap() - 50);
            let row = Row { at, words, number };
            let mut document = json!({"at": row.at, "words": row.words});
            if let Some(number) = row.number {
                document["number"] = json!(number);
            }
            batch.push((rows.len().to_string(), document));
            rows.push(row);
        }
        let batch: Vec<(&str, Value)> = batch.iter().map(|(id, row)| (id.as_str(), row.clone())).collect();
        server.index(&format!("m-{}", segment % 2), &batch).await;
    }
    (server, rows)
}

async fn ask(server: &Server, aggs: Value) -> Value {
    let body = json!({"size": 0, "aggs": {"a": aggs}});
    let (status, answer) = server.call("POST", "/m-*/_search", Some(body)).await;
    assert_eq!(status, 200, "{answer}");
    answer["aggregations"]["a"].clone()
}

/// Keys, counts and the sum below of all buckets.
fn shown(answer: &Value) -> Vec<(Value, u64, Value)> {
    let list = answer["buckets"].as_array().unwrap();
    list.iter()
        .map(|b| {
            (
                b["key"].clone(),
                b["doc_count"].as_u64().unwrap(),
                b["s"]["value"].clone(),
            )
        })
        .collect()
}

fn sum_below() -> Value {
    json!({"s": {"sum": {"field": "number"}}})
}

#[expect(clippy::cast_precision_loss, reason = "small numbers")]
fn grouped<K: Ord>(rows: &[Row], keys: impl Fn(&Row) -> Vec<K>) -> BTreeMap<K, (u64, f64)> {
    let mut out: BTreeMap<K, (u64, f64)> = BTreeMap::new();
    for row in rows {
        let mut own = keys(row);
        own.sort();
        own.dedup();
        for key in own {
            let entry = out.entry(key).or_default();
            entry.0 += 1;
            entry.1 += row.number.unwrap_or(0) as f64;
        }
    }
    out
}

/// The start of the hour, day, week or month in the zone, by the calendar's own means.
fn floor(at: i64, unit: &str) -> i64 {
    let zone = jiff::tz::TimeZone::get(ZONE).unwrap();
    let zoned = jiff::Timestamp::from_millisecond(at)
        .unwrap()
        .to_zoned_datetime(zone);
    if unit == "hour" {
        // The zone's offsets are whole hours.
        return at.div_euclid(3_600_000) * 3_600_000;
    }
    let date = zoned.date();
    let first = match unit {
        "week" => {
            let back = i64::from(date.weekday().to_monday_zero_offset());
            date.checked_sub(jiff::SignedDuration::from_hours(24 * back))
                .unwrap()
        }
        "month" => date.first_of_month(),
        _ => date,
    };
    let start = first.to_zoned_datetime(zoned.time_zone().clone()).unwrap();
    start.timestamp().as_millisecond()
}

#[tokio::test]
async fn answers_agree_with_a_naive_model() {
    for seed in [1, 2] {
        let (server, rows) = filled(seed).await;
        // Terms.
        let answer = ask(
            &server,
            json!({"terms": {"field": "words", "size": 100, "order": {"_key": "asc"}}, "aggs": sum_below()}),
        )
        .await;
        let expected: Vec<_> = grouped(&rows, |row| row.words.clone())
            .into_iter()
            .map(|(key, (count, sum))| (json!(key), count, json!(sum)))
            .collect();
        assert_eq!(shown(&answer), expected);
        let answer = ask(&server, json!({"terms": {"field": "number", "size": 1000, "order": {"_key": "asc"}}, "aggs": sum_below()})).await;
        let expected: Vec<_> = grouped(&rows, |row| row.number.into_iter().collect::<Vec<_>>())
            .into_iter()
            .map(|(key, (count, sum))| (json!(key), count, json!(sum)))
            .collect();
        assert_eq!(shown(&answer), expected);
        // Histograms of numbers.
        let answer = ask(&server, json!({"histogram": {"field": "number", "interval": 7, "offset": 3, "min_doc_count": 1}, "aggs": sum_below()})).await;
        let expected: Vec<_> = grouped(&rows, |row| {
            row.number
                .map(|n| (n - 3).div_euclid(7) * 7 + 3)
                .into_iter()
                .collect::<Vec<_>>()
        })
        .into_iter()
        .map(|(key, (count, sum))| (json!(f64::from(i32::try_from(key).unwrap())), count, json!(sum)))
        .collect();
        assert_eq!(shown(&answer), expected);
        // Histograms of dates in a zone with summer time.
        for unit in ["hour", "day", "week", "month"] {
            let answer = ask(&server, json!({"date_histogram": {"field": "at", "calendar_interval": unit, "time_zone": ZONE, "min_doc_count": 1}, "aggs": sum_below()})).await;
            let expected: Vec<_> = grouped(&rows, |row| vec![floor(row.at, unit)])
                .into_iter()
                .map(|(key, (count, sum))| (json!(key), count, json!(sum)))
                .collect();
            assert_eq!(shown(&answer), expected, "{unit}");
        }
        // Ranges.
        let answer = ask(&server, json!({"range": {"field": "number", "ranges": [{"to": 0}, {"from": -10, "to": 10}]}, "aggs": sum_below()})).await;
        let expected = grouped(&rows, |row| {
            let n = row.number.unwrap_or(1000);
            let mut keys = Vec::new();
            if n < 0 {
                keys.push(0);
            }
            if (-10..10).contains(&n) {
                keys.push(1);
            }
            keys
        });
        let found: Vec<_> = shown(&answer)
            .into_iter()
            .map(|(_, count, sum)| (count, sum))
            .collect();
        let expected: Vec<_> = expected
            .into_values()
            .map(|(count, sum)| (count, json!(sum)))
            .collect();
        assert_eq!(found, expected);
        // Composite, page by page.
        let expected = grouped(&rows, |row| {
            let mut keys = Vec::new();
            for word in &row.words {
                keys.push((floor(row.at, "day"), word.clone()));
            }
            keys
        });
        let mut found = Vec::new();
        let mut after = Value::Null;
        loop {
            let mut composite = json!({"size": 17, "sources": [
                {"day": {"date_histogram": {"field": "at", "calendar_interval": "day", "time_zone": ZONE}}},
                {"word": {"terms": {"field": "words"}}},
            ]});
            if !after.is_null() {
                composite["after"] = after;
            }
            let answer = ask(&server, json!({"composite": composite, "aggs": sum_below()})).await;
            let page = shown(&answer);
            if page.is_empty() {
                break;
            }
            found.extend(page);
            after = answer["after_key"].clone();
        }
        let expected: Vec<_> = expected
            .into_iter()
            .map(|((day, word), (count, sum))| (json!({"day": day, "word": word}), count, json!(sum)))
            .collect();
        assert_eq!(found, expected);
        // A pipeline over a histogram.
        let answer = ask(&server, json!({"date_histogram": {"field": "at", "calendar_interval": "month"}, "aggs": {"n": {"sum": {"field": "number"}}, "s": {"cumulative_sum": {"buckets_path": "n"}}}})).await;
        let mut sum = 0.0;
        for bucket in answer["buckets"].as_array().unwrap() {
            sum += bucket["n"]["value"].as_f64().unwrap();
            assert_eq!(bucket["s"]["value"], json!(sum));
        }
    }
}

#[tokio::test]
async fn nonsense_is_an_answer_or_an_error_and_the_store_lives_on() {
    let (server, _) = filled(3).await;
    let words = [
        "terms",
        "date_histogram",
        "histogram",
        "range",
        "composite",
        "percentiles",
        "field",
        "at",
        "words",
        "number",
        "interval",
        "calendar_interval",
        "day",
        "size",
        "order",
        "_key",
        "asc",
        "aggs",
        "sources",
        "ranges",
        "missing",
        "extended_bounds",
        "min",
        "max",
        "offset",
        "time_zone",
        "top_hits",
        "bucket_script",
        "buckets_path",
        "script",
    ];
    let numbers = [0.0, 1.0, -1.0, 1e18, -1e300, 0.000_1];
    fn any(dice: &mut Dice, depth: u64, words: &[&str], numbers: &[f64]) -> Value {
        let word =
            |dice: &mut Dice| words[usize::try_from(dice.roll(words.len() as u64)).unwrap()].to_owned();
        match dice.roll(if depth > 4 { 3 } else { 7 }) {
            0 => json!(numbers[usize::try_from(dice.roll(6)).unwrap()]),
            1 => json!(word(dice)),
            2 => json!(dice.roll(2) == 0),
            3 => (0..dice.roll(3))
                .map(|_| any(dice, depth + 1, words, numbers))
                .collect(),
            _ => {
                let mut map = serde_json::Map::new();
                for _ in 0..=dice.roll(3) {
                    let key = word(dice);
                    map.insert(key, any(dice, depth + 1, words, numbers));
                }
                map.into()
            }
        }
    }
    let mut dice = Dice(7);
    for _ in 0..400 {
        let kind = words[usize::try_from(dice.roll(6)).unwrap()];
        let mut options = any(&mut dice, 0, &words, &numbers);
        if let Value::Object(map) = &mut options {
            map.insert(
                "field".into(),
                json!(["at", "words", "number"][usize::try_from(dice.roll(3)).unwrap()]),
            );
        }
        let mut agg = serde_json::Map::new();
        agg.insert(kind.to_owned(), options);
        let body = json!({"size": 0, "aggs": {"a": agg, "b": any(&mut dice, 0, &words, &numbers)}});
        let (status, answer) = server.call("POST", "/m-*/_search", Some(body.clone())).await;
        assert!(
            status == 200
                || (answer["error"]["reason"].is_string() && status != 500)
                || answer["error"]["type"] == "aggregation_execution_exception",
            "{body}: {status} {answer}"
        );
    }
    for extreme in [
        json!({"date_histogram": {"field": "at", "fixed_interval": "1ms"}}),
        json!({"date_histogram": {"field": "at", "fixed_interval": "9000000000000d"}}),
        json!({"date_histogram": {"field": "at", "calendar_interval": "second", "time_zone": ZONE, "extended_bounds": {"min": i64::MIN, "max": i64::MAX}}}),
        json!({"date_histogram": {"field": "at", "calendar_interval": "year", "offset": "-9000000000000d"}}),
        json!({"histogram": {"field": "number", "interval": 1e-300}}),
        json!({"histogram": {"field": "number", "interval": 1e300, "offset": -1e300}}),
        json!({"range": {"field": "at", "ranges": [{"from": "9e999"}]}}),
        json!({"composite": {"size": u64::MAX, "sources": [{"a": {"histogram": {"field": "number", "interval": 1e-300}}}]}}),
    ] {
        let body = json!({"size": 0, "aggs": {"a": extreme}});
        let (status, answer) = server.call("POST", "/m-*/_search", Some(body.clone())).await;
        assert!(
            status == 200 || answer["error"]["reason"].is_string(),
            "{body}: {answer}"
        );
    }
    assert_eq!(server.count("m-*", "*").await, 240);
}
