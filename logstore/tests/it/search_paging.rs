//! Walking over everything: scrolls, points in time, slices, sorts.

use serde_json::{Value, json};

use crate::server::Server;

async fn numbers(count: usize) -> Server {
    let server = Server::start().await;
    let documents: Vec<(String, Value)> = (0..count)
        .map(|n| {
            (
                n.to_string(),
                json!({"n": n, "even": n % 2 == 0, "kind": format!("k{}", n % 3)}),
            )
        })
        .collect();
    let documents: Vec<(&str, Value)> = documents
        .iter()
        .map(|(id, doc)| (id.as_str(), doc.clone()))
        .collect();
    server.index("n-1", &documents[..count / 2]).await;
    server.index("n-2", &documents[count / 2..]).await;
    server
}

fn ids(answer: &Value) -> Vec<String> {
    answer["hits"]["hits"]
        .as_array()
        .unwrap()
        .iter()
        .map(|hit| hit["_id"].as_str().unwrap().to_owned())
        .collect()
}

#[tokio::test]
async fn a_scroll_gives_every_document_of_its_moment_once() {
    let server = numbers(25).await;
    let (_, first) = server
        .call(
            "POST",
            "/n-*/_search?scroll=1m",
            Some(json!({"size": 10, "sort": ["_doc"]})),
        )
        .await;
    assert_eq!(first["hits"]["total"]["value"], 25);
    server.index("n-1", &[("late", json!({"n": 1000}))]).await;
    let mut seen = ids(&first);
    let mut id = first["_scroll_id"].clone();
    loop {
        let (status, page) = server
            .call(
                "POST",
                "/_search/scroll",
                Some(json!({"scroll": "1m", "scroll_id": id})),
            )
            .await;
        assert_eq!(status, 200, "{page}");
        if ids(&page).is_empty() {
            break;
        }
        seen.extend(ids(&page));
        id = page["_scroll_id"].clone();
    }
    assert_eq!(seen.len(), 25);
    seen.sort();
    seen.dedup();
    assert_eq!(seen.len(), 25);
    assert!(!seen.contains(&"late".to_owned()));
    let (status, cleared) = server
        .call("DELETE", "/_search/scroll", Some(json!({ "scroll_id": [id] })))
        .await;
    assert_eq!((status, &cleared["num_freed"]), (200, &json!(1)));
    let (status, gone) = server
        .call("POST", "/_search/scroll", Some(json!({ "scroll_id": id })))
        .await;
    assert_eq!(status, 404);
    assert_eq!(
        gone["error"]["root_cause"][0]["type"],
        "search_context_missing_exception"
    );
}

#[tokio::test]
async fn a_point_in_time_is_walked_by_its_tie_breaker() {
    let server = numbers(20).await;
    let (_, point) = server.call("POST", "/n-*/_pit?keep_alive=1m", None).await;
    server.index("n-2", &[("late", json!({"n": 1000}))]).await;
    let mut seen = Vec::new();
    let mut after = Value::Null;
    loop {
        let mut body = json!({
            "size": 7,
            "sort": [{"even": "asc"}],
            "pit": {"id": point["id"], "keep_alive": "1m"},
        });
        if !after.is_null() {
            body["search_after"] = after;
        }
        let (status, page) = server.call("POST", "/_search", Some(body)).await;
        assert_eq!(status, 200, "{page}");
        assert_eq!(page["pit_id"], point["id"]);
        let hits = page["hits"]["hits"].as_array().unwrap();
        let Some(last) = hits.last() else { break };
        assert_eq!(
            last["sort"].as_array().unwrap().len(),
            2,
            "the tie-breaker is shown"
        );
        after = last["sort"].clone();
        seen.extend(ids(&page));
    }
    seen.sort();
    seen.dedup();
    assert_eq!(seen.len(), 20);
    let (status, closed) = server
        .call("DELETE", "/_pit", Some(json!({"id": point["id"]})))
        .await;
    assert_eq!(
        (status, closed),
        (200, json!({"succeeded": true, "num_freed": 1}))
    );
    let (status, _) = server
        .call("DELETE", "/_pit", Some(json!({"id": point["id"]})))
        .await;
    assert_eq!(status, 404);
}

#[tokio::test]
async fn slices_of_a_scroll_are_everything_once() {
    let server = numbers(30).await;
    let mut seen = Vec::new();
    for id in 0..3 {
        let body = json!({"size": 100, "slice": {"id": id, "max": 3}});
        let (status, page) = server.call("POST", "/n-*/_search?scroll=1m", Some(body)).await;
        assert_eq!(status, 200, "{page}");
        seen.extend(ids(&page));
    }
    seen.sort();
    seen.dedup();
    assert_eq!(seen.len(), 30);
}

#[tokio::test]
async fn contexts_are_bounded_and_the_refusal_names_the_flag() {
    let server = Server::start_with(&["--max-open-contexts", "1"]).await;
    server.index("n", &[("1", json!({"n": 1}))]).await;
    assert_eq!(server.call("POST", "/n/_pit?keep_alive=1m", None).await.0, 200);
    let (status, refused) = server.call("POST", "/n/_search?scroll=1m", None).await;
    assert_eq!(status, 429);
    let reason = refused["error"]["reason"].as_str().unwrap();
    assert!(reason.contains("--max-open-contexts"), "{reason}");
}

#[tokio::test]
async fn sorts_take_missing_values_modes_and_ids() {
    let server = Server::start().await;
    server
        .index(
            "s",
            &[
                ("b", json!({"v": [1, 9], "k": "x", "t": true})),
                ("a", json!({"v": [4, 5], "k": "y", "t": false})),
                ("c", json!({"k": "x"})),
            ],
        )
        .await;
    for (sort, expected) in [
        (json!([{"_id": "asc"}]), vec!["a", "b", "c"]),
        (json!([{"_id": {"order": "desc"}}]), vec!["c", "b", "a"]),
        (json!([{"v": "asc"}]), vec!["b", "a", "c"]),
        (
            json!([{"v": {"order": "asc", "mode": "max"}}]),
            vec!["a", "b", "c"],
        ),
        (
            json!([{"v": {"order": "desc", "mode": "avg"}}]),
            vec!["b", "a", "c"],
        ),
        (
            json!([{"v": {"order": "asc", "missing": "_first"}}]),
            vec!["c", "b", "a"],
        ),
        (
            json!([{"v": {"order": "asc", "missing": 3}}]),
            vec!["b", "c", "a"],
        ),
        (
            json!([{"k.keyword": "desc"}, {"_id": "asc"}]),
            vec!["a", "b", "c"],
        ),
        (json!([{"t": "desc"}]), vec!["b", "a", "c"]),
    ] {
        let found = server.ids("s", json!({ "sort": sort })).await;
        assert_eq!(found, expected, "{sort}");
    }
    let answer = server
        .call("POST", "/s/_search", Some(json!({"sort": [{"t": "desc"}]})))
        .await
        .1;
    assert_eq!(answer["hits"]["hits"][0]["sort"], json!([1]));
    let body = json!({"sort": ["_id"], "search_after": ["aa"]});
    assert_eq!(server.ids("s", body).await, ["b", "c"]);
}

#[tokio::test]
async fn collapse_keeps_the_best_hit_of_each_value() {
    let server = numbers(20).await;
    let body = json!({
        "sort": [{"n": "desc"}],
        "collapse": {"field": "kind.keyword", "inner_hits": {"name": "more", "size": 2, "sort": [{"n": "asc"}]}},
    });
    let (status, answer) = server.call("POST", "/n-*/_search", Some(body)).await;
    assert_eq!(status, 200, "{answer}");
    assert_eq!(ids(&answer), ["19", "18", "17"]);
    assert_eq!(answer["hits"]["total"]["value"], 20);
    let first = &answer["hits"]["hits"][0];
    assert_eq!(first["fields"]["kind.keyword"], json!(["k1"]));
    let more = &first["inner_hits"]["more"]["hits"];
    assert_eq!(more["total"]["value"], 7);
    assert_eq!(more["hits"][0]["_source"]["n"], 1);
}

#[tokio::test]
async fn what_stops_a_search_early_is_said() {
    let server = numbers(30).await;
    let ask = |body: Value| server.call("POST", "/n-*/_search", Some(body));
    let (_, answer) = ask(json!({"terminate_after": 3})).await;
    assert_eq!(answer["terminated_early"], true);
    assert_eq!(answer["hits"]["total"]["value"], 6, "three of each index");
    let (_, answer) = ask(json!({"terminate_after": 1000})).await;
    assert_eq!(answer["terminated_early"], false);
    let (_, answer) = ask(json!({"timeout": "0ms"})).await;
    assert_eq!(answer["timed_out"], true);
    let (_, answer) = ask(json!({"min_score": 1.5})).await;
    assert_eq!(answer["hits"]["total"]["value"], 0);
}

#[tokio::test]
async fn hits_explain_themselves_and_name_their_queries() {
    let server = numbers(6).await;
    let body = json!({
        "explain": true, "version": true, "seq_no_primary_term": true,
        "query": {"bool": {"should": [
            {"term": {"n": {"value": 3, "_name": "three"}}},
            {"range": {"n": {"gte": 3, "_name": "large"}}},
        ]}},
        "sort": ["n"],
    });
    let (status, answer) = server.call("POST", "/n-*/_search", Some(body)).await;
    assert_eq!(status, 200, "{answer}");
    let hits = answer["hits"]["hits"].as_array().unwrap();
    assert_eq!(hits[0]["matched_queries"], json!(["three", "large"]));
    assert_eq!(hits[1]["matched_queries"], json!(["large"]));
    assert!(hits[0]["_explanation"]["value"].as_f64().unwrap() > 0.0);
    assert_eq!(hits[0]["_version"], 1);
}
