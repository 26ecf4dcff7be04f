//! Field types: what they take, what they refuse, what a query means to them.

use serde_json::{Value, json};

use crate::server::Server;

async fn with(mappings: Value) -> Server {
    let server = Server::start().await;
    server.put("/t", json!({ "mappings": mappings })).await;
    server
}

async fn add(server: &Server, documents: &[Value]) {
    let numbered: Vec<(String, Value)> = documents
        .iter()
        .enumerate()
        .map(|(place, document)| (place.to_string(), document.clone()))
        .collect();
    let documents: Vec<(&str, Value)> = numbered
        .iter()
        .map(|(id, document)| (id.as_str(), document.clone()))
        .collect();
    server.index("t", &documents).await;
}

async fn found(server: &Server, query: Value) -> Vec<String> {
    let mut ids = server.ids("t", json!({"query": query, "size": 100})).await;
    ids.sort();
    ids
}

/// The error of a document that is refused.
async fn refusal(server: &Server, document: Value) -> Value {
    let (status, answer) = server.call("PUT", "/t/_doc/x", Some(document)).await;
    assert_eq!(status, 400, "{answer}");
    answer["error"].clone()
}

#[tokio::test]
async fn numbers_are_checked_against_their_range_and_coerced() {
    let server = with(json!({"properties": {
        "b": {"type": "byte"}, "s": {"type": "short"}, "i": {"type": "integer"}, "l": {"type": "long"},
        "u": {"type": "unsigned_long"}, "f": {"type": "float"}, "h": {"type": "half_float"}, "d": {"type": "double"},
        "c": {"type": "scaled_float", "scaling_factor": 100}, "exact": {"type": "integer", "coerce": false},
        "words": {"type": "token_count", "analyzer": "standard"},
    }}))
    .await;
    add(
        &server,
        &[
            json!({"b": 127, "s": "12", "i": 3.9, "l": "42", "u": 18_446_744_073_709_551_615_u64, "f": 0.1, "h": 1.5, "c": 1.234, "exact": 5}),
            json!({"b": -128, "u": 7, "f": 0.3, "words": "one two three"}),
        ],
    )
    .await;
    for (query, ids) in [
        (json!({"term": {"b": 127}}), vec!["0"]),
        (json!({"term": {"s": 12}}), vec!["0"]),
        (json!({"term": {"i": 3}}), vec!["0"]),
        (json!({"range": {"l": {"gte": 42, "lt": 43}}}), vec!["0"]),
        (json!({"range": {"u": {"gte": 8}}}), vec!["0"]),
        (json!({"term": {"u": 7}}), vec!["1"]),
        (json!({"term": {"f": 0.1}}), vec!["0"]),
        (json!({"term": {"c": 1.23}}), vec!["0"]),
        (json!({"term": {"h": 1.5}}), vec!["0"]),
        (json!({"term": {"words": 3}}), vec!["1"]),
    ] {
        assert_eq!(found(&server, query.clone()).await, ids, "{query}");
    }
    for (document, kind, reason) in [
        (
            json!({"b": 128}),
            "illegal_argument_exception",
            "Value [128] is out of range for a byte",
        ),
        (
            json!({"s": 70_000}),
            "illegal_argument_exception",
            "Value [70000] is out of range for a short",
        ),
        (
            json!({"i": "abc"}),
            "number_format_exception",
            "For input string: \"abc\"",
        ),
        (
            json!({"l": "abc"}),
            "illegal_argument_exception",
            "For input string: \"abc\"",
        ),
        (
            json!({"u": -1}),
            "illegal_argument_exception",
            "Value [-1] is out of range for unsigned long",
        ),
        (
            json!({"f": 1e300}),
            "illegal_argument_exception",
            "[float] supports only finite values, but got [inf]",
        ),
        (
            json!({"exact": "5"}),
            "illegal_argument_exception",
            "Integer value passed as String",
        ),
        (
            json!({"exact": 5.5}),
            "illegal_argument_exception",
            "5.5 cannot be converted to Integer without data loss",
        ),
    ] {
        let error = refusal(&server, document.clone()).await;
        assert_eq!(error["type"], "mapper_parsing_exception", "{document}");
        assert_eq!(
            (&error["caused_by"]["type"], &error["caused_by"]["reason"]),
            (&json!(kind), &json!(reason)),
            "{document}"
        );
    }
    let sorted = server.ids("t", json!({"sort": [{"u": "asc"}]})).await;
    assert_eq!(sorted, ["1", "0"]);
}

#[tokio::test]
async fn addresses_match_by_network_and_range_in_both_families() {
    let server = with(json!({"properties": {"ip": {"type": "ip"}}})).await;
    add(
        &server,
        &[
            json!({"ip": "10.0.0.1"}),
            json!({"ip": "10.0.1.200"}),
            json!({"ip": "192.168.1.1"}),
            json!({"ip": "2001:db8:0::1"}),
            json!({"ip": "::ffff:10.0.0.9"}),
        ],
    )
    .await;
    for (query, ids) in [
        (json!({"term": {"ip": "10.0.0.0/24"}}), vec!["0", "4"]),
        (json!({"term": {"ip": "10.0.0.0/16"}}), vec!["0", "1", "4"]),
        (json!({"term": {"ip": "2001:db8::/32"}}), vec!["3"]),
        (json!({"term": {"ip": "2001:0db8::0001"}}), vec!["3"]),
        (
            json!({"terms": {"ip": ["10.0.0.1", "192.168.0.0/16"]}}),
            vec!["0", "2"],
        ),
        (
            json!({"range": {"ip": {"gte": "10.0.0.9", "lt": "192.168.1.1"}}}),
            vec!["1", "4"],
        ),
        (json!({"range": {"ip": {"gt": "10.0.0.0/16"}}}), vec!["2", "3"]),
        (
            json!({"query_string": {"query": "ip:\"10.0.0.0/24\""}}),
            vec!["0", "4"],
        ),
        (json!({"exists": {"field": "ip"}}), vec!["0", "1", "2", "3", "4"]),
    ] {
        assert_eq!(found(&server, query.clone()).await, ids, "{query}");
    }
    let error = refusal(&server, json!({"ip": "nope"})).await;
    assert_eq!(
        error["caused_by"]["reason"],
        "'nope' is not an IP string literal."
    );
    let (status, answer) = server
        .call(
            "POST",
            "/t/_search",
            Some(json!({"query": {"term": {"ip": "10.0.0.0/99"}}})),
        )
        .await;
    assert_eq!(status, 400, "{answer}");
}

#[tokio::test]
async fn dates_are_read_in_the_formats_of_the_mapping() {
    let server = with(json!({"properties": {
        "d": {"type": "date", "format": "dd/MM/yyyy HH:mm:ss||epoch_second||strict_date"},
        "n": {"type": "date_nanos"}, "w": {"type": "date", "format": "basic_week_date"},
    }}))
    .await;
    add(
        &server,
        &[
            json!({"d": "24/11/2026 09:46:51", "n": "2026-11-24T09:46:51.123456789Z"}),
            json!({"d": 1_795_513_611, "w": "2026W482"}),
            json!({"d": "2026-11-25"}),
        ],
    )
    .await;
    assert_eq!(
        found(&server, json!({"term": {"d": "2026-11-24"}})).await,
        ["0", "1"]
    );
    assert_eq!(
        found(&server, json!({"range": {"d": {"gt": "24/11/2026 10:00:00"}}})).await,
        ["2"]
    );
    assert_eq!(
        found(
            &server,
            json!({"range": {"d": {"gt": "2026.11.24", "format": "yyyy.MM.dd"}}})
        )
        .await,
        ["2"]
    );
    let error = refusal(&server, json!({"d": "tomorrow"})).await;
    assert_eq!(
        error["caused_by"]["reason"],
        "failed to parse date field [tomorrow] with format [dd/MM/yyyy HH:mm:ss||epoch_second||strict_date]"
    );
    assert_eq!(
        error["caused_by"]["caused_by"]["type"],
        "date_time_parse_exception"
    );
}

#[tokio::test]
async fn exact_strings_are_normalized_and_nulls_stand_for_what_the_mapping_says() {
    let server = with(json!({"properties": {
        "k": {"type": "keyword", "normalizer": "lowercase", "ignore_above": 5},
        "n": {"type": "keyword", "null_value": "none"}, "i": {"type": "integer", "null_value": -1},
        "b": {"type": "boolean"}, "c": {"type": "constant_keyword", "value": "prod"},
        "all": {"type": "text"}, "a": {"type": "keyword", "copy_to": "all"}, "e": {"type": "keyword", "copy_to": ["all"]},
        "also": {"type": "alias", "path": "k"},
    }}))
    .await;
    add(
        &server,
        &[
            json!({"k": "ABC", "n": null, "i": [1, null], "b": "true", "a": "Red Fox", "e": "Blue"}),
            json!({"k": "toolong", "b": false, "c": "prod"}),
        ],
    )
    .await;
    for (query, ids) in [
        (json!({"term": {"k": "aBc"}}), vec!["0"]),
        (json!({"prefix": {"k": "AB"}}), vec!["0"]),
        (json!({"term": {"also": "abc"}}), vec!["0"]),
        (json!({"exists": {"field": "k"}}), vec!["0"]),
        (json!({"term": {"n": "none"}}), vec!["0"]),
        (json!({"term": {"i": -1}}), vec!["0"]),
        (json!({"term": {"b": true}}), vec!["0"]),
        (json!({"term": {"c": "prod"}}), vec!["0", "1"]),
        (json!({"match": {"all": "fox blue"}}), vec!["0"]),
    ] {
        assert_eq!(found(&server, query.clone()).await, ids, "{query}");
    }
    let error = refusal(&server, json!({"c": "test"})).await;
    assert!(
        error["caused_by"]["reason"]
            .as_str()
            .unwrap()
            .contains("only accepts values that are equal"),
        "{error}"
    );
    let error = refusal(&server, json!({"also": "x"})).await;
    assert_eq!(error["reason"], "Cannot write to a field alias [also].");
    let error = refusal(&server, json!({"b": "yes"})).await;
    assert_eq!(
        error["caused_by"]["reason"],
        "Failed to parse value [yes] as only [true] or [false] are allowed."
    );
}

#[tokio::test]
async fn objects_follow_their_own_rules_for_what_is_not_mapped() {
    let server = with(json!({"dynamic": "strict", "properties": {
        "free": {"type": "object", "dynamic": true},
        "shut": {"type": "object", "dynamic": "false", "properties": {"known": {"type": "long"}}},
        "off": {"type": "object", "enabled": false},
        "flat": {"type": "flattened"},
        "geo": {"type": "geo_point"},
    }}))
    .await;
    add(
        &server,
        &[json!({
            "free": {"new": 1, "deep": {"x": "y"}}, "shut": {"known": 5, "unknown": "x"},
            "off": {"anything": {"at": ["all", 1]}}, "flat": {"a": "1", "b": {"c": 2}}, "geo": {"lat": 1.0, "lon": 2.0},
        })],
    )
    .await;
    for (query, hits) in [
        (json!({"term": {"free.new": 1}}), 1),
        (json!({"match": {"free.deep.x": "y"}}), 1),
        (json!({"term": {"shut.known": 5}}), 1),
        (json!({"match": {"shut.unknown": "x"}}), 0),
        (json!({"term": {"flat": "1"}}), 1),
        (json!({"term": {"flat.a": "1"}}), 1),
        (json!({"term": {"flat.b.c": "2"}}), 1),
        (json!({"prefix": {"flat.b.c": "2"}}), 1),
        (json!({"exists": {"field": "flat.a"}}), 1),
        (json!({"term": {"flat.a": "2"}}), 0),
    ] {
        assert_eq!(found(&server, query.clone()).await.len(), hits, "{query}");
    }
    let error = refusal(&server, json!({"other": {"x": 1}})).await;
    assert_eq!(error["type"], "strict_dynamic_mapping_exception");
    assert_eq!(
        error["reason"],
        "mapping set to strict, dynamic introduction of [other] within [_doc] is not allowed"
    );
    let (status, answer) = server
        .call(
            "POST",
            "/t/_search",
            Some(json!({"query": {"term": {"geo": "1,2"}}})),
        )
        .await;
    assert_eq!(status, 400, "{answer}");
    let mapping = server.get("/t/_mapping").await;
    let properties = &mapping["t"]["mappings"]["properties"];
    assert_eq!(properties["free"]["properties"]["new"]["type"], "long");
    assert_eq!(
        properties["shut"],
        json!({"dynamic": "false", "properties": {"known": {"type": "long"}}})
    );
    assert_eq!(properties["off"], json!({"type": "object", "enabled": false}));
}

#[tokio::test]
async fn malformed_values_are_left_out_where_the_mapping_allows_it() {
    let server = Server::start().await;
    server
        .put(
            "/t",
            json!({"settings": {"index.mapping.ignore_malformed": true}, "mappings": {"properties": {
                "n": {"type": "integer"}, "strict": {"type": "integer", "ignore_malformed": false},
                "d": {"type": "date"}, "t": {"type": "text"},
            }}}),
        )
        .await;
    add(
        &server,
        &[
            json!({"n": "abc", "d": {"an": "object"}, "t": "kept"}),
            json!({"n": 5}),
        ],
    )
    .await;
    assert_eq!(found(&server, json!({"exists": {"field": "n"}})).await, ["1"]);
    assert_eq!(found(&server, json!({"term": {"_ignored": "n"}})).await, ["0"]);
    assert_eq!(found(&server, json!({"match": {"t": "kept"}})).await, ["0"]);
    assert_eq!(
        refusal(&server, json!({"strict": "abc"})).await["type"],
        "mapper_parsing_exception"
    );
}

#[tokio::test]
async fn the_shape_of_a_mapping_is_limited() {
    let server = Server::start().await;
    let deep = json!({"settings": {"index.mapping.depth.limit": 2}, "mappings": {"properties": {"a": {"properties": {"b": {"properties": {"c": {"type": "long"}}}}}}}});
    let (status, answer) = server.call("PUT", "/deep", Some(deep)).await;
    assert_eq!(status, 400, "{answer}");
    assert!(
        answer["error"]["reason"]
            .as_str()
            .unwrap()
            .contains("Limit of mapping depth [2]"),
        "{answer}"
    );
    server
        .put("/t", json!({"settings": {"index.mapping.total_fields.limit": 3}, "mappings": {"properties": {"a": {"type": "long"}}}}))
        .await;
    let error = refusal(&server, json!({"b": 1, "c": 2, "d": 3})).await;
    assert!(
        error["reason"]
            .as_str()
            .unwrap()
            .contains("Limit of total fields [3] has been exceeded"),
        "{error}"
    );
}
