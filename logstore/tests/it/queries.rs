//! Queries and what is done with their hits.

use serde_json::{Value, json};

use crate::server::Server;

async fn logs() -> Server {
    let server = Server::start().await;
    server
        .index(
            "logs",
            &[
                ("1", json!({"@timestamp": "2026-11-24T09:00:00Z", "log.level": "info", "message": "Guild 42 loaded from disk", "ms": 5, "ok": true, "host": {"ip": "10.0.0.1"}})),
                ("2", json!({"@timestamp": "2026-11-24T10:00:00Z", "log": {"level": "error"}, "message": "Connection to data-0 lost", "ms": 250, "ok": false, "ratio": 0.5})),
                ("3", json!({"@timestamp": "2026-11-24T11:30:00+01:00", "log.level": "warn", "message": "guild 43 is slow", "ms": 90})),
                ("4", json!({"@timestamp": "2026-11-25T00:00:00Z", "log.level": "info", "message": "guild loaded", "tags": ["a", "b"]})),
            ],
        )
        .await;
    server
}

async fn matching(server: &Server, query: Value) -> Vec<String> {
    let mut ids = server.ids("logs", json!({ "query": query })).await;
    ids.sort();
    ids
}

#[tokio::test]
async fn each_kind_of_query_finds_what_elasticsearch_finds() {
    let server = logs().await;
    let cases = [
        (json!({"match_all": {}}), vec!["1", "2", "3", "4"]),
        (json!({"match_none": {}}), vec![]),
        (json!({"match": {"message": "GUILD loaded"}}), vec!["1", "3", "4"]),
        (
            json!({"match": {"message": {"query": "guild loaded", "operator": "and"}}}),
            vec!["1", "4"],
        ),
        (json!({"match_phrase": {"message": "guild loaded"}}), vec!["4"]),
        (
            json!({"match_phrase": {"message": {"query": "guild loaded", "slop": 1}}}),
            vec!["1", "4"],
        ),
        (
            json!({"match_phrase_prefix": {"message": "guild load"}}),
            vec!["4"],
        ),
        (
            json!({"multi_match": {"query": "error", "fields": ["message", "log.*"]}}),
            vec!["2"],
        ),
        (json!({"term": {"log.level": "info"}}), vec!["1", "4"]),
        (json!({"term": {"log.level.keyword": "INFO"}}), vec![]),
        (
            json!({"term": {"log.level.keyword": {"value": "INFO", "case_insensitive": true}}}),
            vec!["1", "4"],
        ),
        (json!({"term": {"ms": 250}}), vec!["2"]),
        (json!({"term": {"ok": true}}), vec!["1"]),
        (json!({"term": {"ratio": 0.5}}), vec!["2"]),
        (
            json!({"terms": {"log.level.keyword": ["warn", "error"]}}),
            vec!["2", "3"],
        ),
        (json!({"terms": {"ms": [5, 90]}}), vec!["1", "3"]),
        (json!({"terms": {"tags.keyword": ["b"]}}), vec!["4"]),
        (json!({"range": {"ms": {"gt": 5, "lte": 250}}}), vec!["2", "3"]),
        (json!({"range": {"ms": {"gte": 89.5}}}), vec!["2", "3"]),
        (
            json!({"range": {"@timestamp": {"gte": "2026-11-24||/d", "lte": "2026-11-24"}}}),
            vec!["1", "2", "3"],
        ),
        (
            json!({"range": {"@timestamp": {"lt": "2026-11-24T12:00", "time_zone": "+02:00"}}}),
            vec!["1"],
        ),
        (
            json!({"range": {"@timestamp": {"gte": 1_795_514_400_000_i64, "format": "epoch_millis"}}}),
            vec!["2", "3", "4"],
        ),
        (
            json!({"range": {"log.level.keyword": {"gte": "f", "lt": "j"}}}),
            vec!["1", "4"],
        ),
        (json!({"exists": {"field": "ms"}}), vec!["1", "2", "3"]),
        (json!({"exists": {"field": "host"}}), vec!["1"]),
        (json!({"exists": {"field": "nope"}}), vec![]),
        (json!({"prefix": {"log.level.keyword": "in"}}), vec!["1", "4"]),
        (
            json!({"wildcard": {"log.level.keyword": {"value": "?a*"}}}),
            vec!["3"],
        ),
        (
            json!({"regexp": {"log.level.keyword": "in.o|warn"}}),
            vec!["1", "3", "4"],
        ),
        (json!({"fuzzy": {"message": "gild"}}), vec!["1", "3", "4"]),
        (json!({"ids": {"values": ["1", "4", "x"]}}), vec!["1", "4"]),
        (
            json!({"bool": {"must_not": {"exists": {"field": "ms"}}}}),
            vec!["4"],
        ),
        (
            json!({"bool": {"filter": [{"term": {"log.level": "info"}}], "must_not": [{"term": {"ms": 5}}]}}),
            vec!["4"],
        ),
        (
            json!({"bool": {"should": [{"term": {"ms": 5}}, {"term": {"ok": true}}, {"term": {"ms": 90}}], "minimum_should_match": 2}}),
            vec!["1"],
        ),
        (
            json!({"bool": {"filter": {"match_all": {}}, "should": [{"term": {"ms": 5}}]}}),
            vec!["1", "2", "3", "4"],
        ),
        (json!({"bool": {}}), vec!["1", "2", "3", "4"]),
        (
            json!({"constant_score": {"filter": {"term": {"ms": 90}}}}),
            vec!["3"],
        ),
        (
            json!({"query_string": {"query": "log.level:(error OR warn) AND ms:>100"}}),
            vec!["2"],
        ),
        (
            json!({"query_string": {"query": "lo*", "fields": ["message"], "analyze_wildcard": true}}),
            vec!["1", "2", "4"],
        ),
        (json!({"query_string": {"query": "host.ip:10.0.0.1"}}), vec!["1"]),
        (
            json!({"simple_query_string": {"query": "guild -slow", "fields": ["message"], "default_operator": "and"}}),
            vec!["1", "4"],
        ),
    ];
    for (query, expected) in cases {
        assert_eq!(matching(&server, query.clone()).await, expected, "{query}");
    }
}

#[tokio::test]
async fn hits_are_sorted_paged_and_continued() {
    let server = logs().await;
    let newest = json!([{"@timestamp": {"order": "desc", "unmapped_type": "boolean"}}]);
    assert_eq!(
        server.ids("logs", json!({"sort": newest})).await,
        ["4", "3", "2", "1"]
    );
    assert_eq!(
        server
            .ids("logs", json!({"sort": newest, "from": 1, "size": 2}))
            .await,
        ["3", "2"]
    );
    let page = server.search("logs", json!({"sort": newest, "size": 2})).await;
    let after = page["hits"]["hits"][1]["sort"].clone();
    assert_eq!(
        server
            .ids("logs", json!({"sort": newest, "search_after": after}))
            .await,
        ["2", "1"]
    );
    assert_eq!(
        server.ids("logs", json!({"sort": [{"ms": "asc"}]})).await,
        ["1", "3", "2", "4"],
        "missing comes last"
    );
    assert_eq!(
        server
            .ids(
                "logs",
                json!({"sort": [{"ms": {"order": "desc", "missing": "_first"}}]})
            )
            .await,
        ["4", "2", "3", "1"]
    );
    assert_eq!(
        server
            .ids("logs", json!({"sort": ["log.level.keyword", {"ms": "desc"}]}))
            .await,
        ["2", "1", "4", "3"]
    );
    let by_level = json!({"sort": ["log.level.keyword", "_doc"], "search_after": ["gap", 0]});
    assert_eq!(server.ids("logs", by_level).await, ["1", "4", "3"]);
    assert_eq!(
        server.ids("logs", json!({"sort": ["_doc"]})).await,
        ["1", "2", "3", "4"]
    );
}

#[tokio::test]
async fn sorting_merges_across_indices_and_segments() {
    let server = Server::start().await;
    for number in 0..12 {
        let index = format!("logs-{}", number % 3);
        server
            .index(
                &index,
                &[(
                    &format!("{number:02}"),
                    json!({"n": number * 7 % 12, "level": if number % 2 == 0 { "a" } else { "b" }}),
                )],
            )
            .await;
    }
    let ids = server
        .ids("logs-*", json!({"sort": [{"n": "asc"}], "size": 4}))
        .await;
    assert_eq!(ids, ["00", "07", "02", "09"]);
    let ids = server
        .ids(
            "logs-*",
            json!({"sort": ["level.keyword", {"n": "desc"}], "size": 2}),
        )
        .await;
    assert_eq!(ids, ["10", "08"]);
}

#[tokio::test]
async fn the_source_and_fields_of_hits_are_shaped() {
    let server = logs().await;
    let body = json!({
        "query": {"ids": {"values": ["2"]}},
        "_source": {"includes": ["log.*", "ms"]},
        "fields": [{"field": "@timestamp", "format": "epoch_millis"}, "log.l*"],
        "docvalue_fields": ["ms"],
        "version": true, "seq_no_primary_term": true, "stored_fields": ["*"], "script_fields": {},
        "highlight": {"fields": {"*": {}}}, "timeout": "30s", "preference": "x",
    });
    let answer = server.search("logs", body).await;
    let hit = &answer["hits"]["hits"][0];
    assert_eq!(hit["_source"], json!({"log": {"level": "error"}, "ms": 250}));
    assert_eq!(hit["fields"]["@timestamp"], json!(["1795514400000"]));
    assert_eq!(hit["fields"]["log.level.keyword"], json!(["error"]));
    assert_eq!(hit["fields"]["ms"], json!([250]));
    assert_eq!(hit["_version"], 1);
    let none = server.search("logs", json!({"_source": false})).await;
    assert!(none["hits"]["hits"][0].get("_source").is_none());
}

#[tokio::test]
async fn totals_are_counted_as_exactly_as_asked() {
    let server = logs().await;
    let total = |answer: Value| answer["hits"].get("total").cloned();
    assert_eq!(
        total(server.search("logs", json!({"size": 0})).await),
        Some(json!({"value": 4, "relation": "eq"}))
    );
    assert_eq!(
        total(server.search("logs", json!({"track_total_hits": 3})).await),
        Some(json!({"value": 3, "relation": "gte"}))
    );
    assert_eq!(
        total(server.search("logs", json!({"track_total_hits": false})).await),
        None
    );
    assert_eq!(
        server
            .get("/logs/_search?rest_total_hits_as_int=true&size=0")
            .await["hits"]["total"],
        4
    );
}

#[tokio::test]
async fn what_is_not_supported_or_wrong_is_an_error_that_names_it() {
    let server = logs().await;
    let cases = [
        (json!({"query": {"percolate": {}}}), "percolate"),
        (
            json!({"aggs": {"a": {"significant_terms": {"field": "x"}}}}),
            "significant_terms",
        ),
        (json!({"collapse": {"field": "x"}}), "collapse"),
        (json!({"from": 9_999, "size": 2}), "Result window is too large"),
        (json!({"sort": ["nope"]}), "No mapping found for [nope]"),
        (json!({"sort": ["message"]}), "Text fields are not optimised"),
        (
            json!({"aggs": {"a": {"terms": {"field": "message"}}}}),
            "Text fields are not optimised",
        ),
        (json!({"query": {"query_string": {"query": "(a"}}}), "(a"),
        (
            json!({"query": {"range": {"@timestamp": {"gte": "yesterday"}}}}),
            "yesterday",
        ),
        (json!({"query": {"term": {"ms": "abc"}}}), "abc"),
    ];
    for (body, named) in cases {
        let (status, answer) = server.call("POST", "/logs/_search", Some(body.clone())).await;
        assert_eq!(status, 400, "{body}: {answer}");
        let causes = &answer["error"]["root_cause"];
        assert!(
            causes[0]["reason"].as_str().unwrap().contains(named),
            "{body}: {answer}"
        );
        assert_eq!(answer["status"], 400);
    }
}

#[tokio::test]
async fn one_failing_search_of_several_fails_alone() {
    let server = logs().await;
    let body = "{\"index\":\"logs\"}\n{\"size\":0}\n{\"index\":\"nope\"}\n{}\n{\"index\":[\"nope\"],\"ignore_unavailable\":true}\n{}\n";
    let (status, answer) = server.bulk_raw("/_msearch", body.to_owned()).await.unwrap();
    assert_eq!(status, 200);
    let responses = answer["responses"].as_array().unwrap();
    assert_eq!(
        (&responses[0]["status"], &responses[0]["hits"]["total"]["value"]),
        (&json!(200), &json!(4))
    );
    assert_eq!(responses[1]["error"]["type"], "index_not_found_exception");
    assert_eq!(responses[2]["hits"]["total"]["value"], 0);
    let (_, answer) = server
        .bulk_raw("/logs/_msearch", "\n{\"size\":1}\n".to_owned())
        .await
        .unwrap();
    assert_eq!(
        answer["responses"][0]["hits"]["total"]["value"], 4,
        "an empty header line is all by default"
    );
}

#[tokio::test]
async fn url_parameters_search_and_sort() {
    let server = logs().await;
    let answer = server
        .get("/logs/_search?q=log.level:info&sort=@timestamp:desc&size=1&_source=message")
        .await;
    assert_eq!(
        answer["hits"]["hits"][0]["_source"],
        json!({"message": "guild loaded"})
    );
    assert_eq!(answer["hits"]["total"]["value"], 2);
}

#[tokio::test]
async fn ties_are_broken_by_arrival_in_both_directions_on_every_page() {
    let server = Server::start().await;
    let at = "2026-11-24T09:00:00Z";
    // Several segments; the names say the order of arrival.
    for part in 0..4 {
        let documents: Vec<(String, Value)> = (0..5)
            .map(|n| {
                (
                    format!("{:02}", part * 5 + n),
                    json!({"@timestamp": at, "part": part}),
                )
            })
            .collect();
        let documents: Vec<(&str, Value)> = documents
            .iter()
            .map(|(id, document)| (id.as_str(), document.clone()))
            .collect();
        server.index("logs", &documents).await;
    }
    let arrived: Vec<String> = (0..20).map(|n| format!("{n:02}")).collect();
    let newest: Vec<String> = arrived.iter().rev().cloned().collect();
    for (sort, expected) in [
        (json!([{"@timestamp": "desc"}, {"_doc": "desc"}]), &newest),
        (json!([{"@timestamp": "desc"}, {"_seq_no": "desc"}]), &newest),
        (json!([{"@timestamp": "desc"}, {"_doc": "asc"}]), &arrived),
        (json!([{"_seq_no": {"order": "desc"}}]), &newest),
        (json!([{"_seq_no": "asc"}]), &arrived),
        (json!([{"_doc": "desc"}]), &newest),
        (json!(["_doc"]), &arrived),
        (json!([{"@timestamp": "desc"}]), &arrived),
    ] {
        let mut paged = Vec::new();
        for from in (0..20).step_by(3) {
            paged.extend(
                server
                    .ids("logs", json!({"sort": sort, "from": from, "size": 3}))
                    .await,
            );
        }
        assert_eq!(&paged, expected, "pages of {sort}");
        if sort.to_string().contains("_doc") || sort.to_string().contains("_seq_no") {
            let mut continued = Vec::new();
            let mut body = json!({"sort": sort, "size": 6});
            loop {
                let page = server.search("logs", body.clone()).await;
                let hits = page["hits"]["hits"].as_array().unwrap();
                let Some(last) = hits.last() else { break };
                body["search_after"] = last["sort"].clone();
                continued.extend(hits.iter().map(|hit| hit["_id"].as_str().unwrap().to_owned()));
            }
            assert_eq!(&continued, expected, "continued {sort}");
        }
    }
    let first = server
        .search("logs", json!({"sort": [{"_doc": "desc"}], "from": 19}))
        .await;
    assert_eq!(first["hits"]["hits"][0]["sort"], json!([0]));
}

#[tokio::test]
async fn a_text_field_exists_however_long_its_value_is() {
    let server = Server::start().await;
    server
        .index(
            "logs",
            &[
                ("short", json!({"message": "hello"})),
                ("long", json!({"message": "x ".repeat(300)})),
                ("none", json!({"other": 1})),
            ],
        )
        .await;
    assert_eq!(
        matching(&server, json!({"exists": {"field": "message"}})).await,
        ["long", "short"]
    );
}
