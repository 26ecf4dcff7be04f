//! Endpoints beside `_search`: what is asked about queries, terms and fields.

use serde_json::json;

use crate::server::Server;

async fn server() -> Server {
    let server = Server::start().await;
    let mapping = json!({"mappings": {"properties": {
        "refs": {"type": "nested", "properties": {"name": {"type": "keyword"}, "n": {"type": "long"}}},
        "tag": {"type": "keyword"},
        "message": {"type": "text"},
    }}});
    server.put("/e-1", mapping).await;
    server
        .index(
            "e-1",
            &[
                ("1", json!({"refs": [{"name": "a", "n": 1}, {"name": "b", "n": 2}], "tag": "red", "message": "Guild loaded"})),
                ("2", json!({"refs": [{"name": "a", "n": 2}], "tag": "redder", "message": "slow guild"})),
                ("3", json!({"tag": "Red"})),
            ],
        )
        .await;
    server
}

#[tokio::test]
async fn nested_queries_match_one_object_and_not_several() {
    let server = server().await;
    let nested = |query: serde_json::Value| json!({"query": {"nested": {"path": "refs", "query": query}}});
    let both = json!({"bool": {"must": [{"term": {"refs.name": "a"}}, {"term": {"refs.n": 2}}]}});
    assert_eq!(server.ids("e-1", nested(both)).await, ["2"]);
    let other = json!({"bool": {"must": [{"term": {"refs.name": "b"}}, {"range": {"refs.n": {"gt": 1}}}]}});
    assert_eq!(server.ids("e-1", nested(other)).await, ["1"]);
    let but_not = json!({"bool": {"must": [{"exists": {"field": "refs.name"}}], "must_not": [{"term": {"refs.name": "a"}}]}});
    assert_eq!(server.ids("e-1", nested(but_not)).await, ["1"]);
    let (status, _) = server
        .call(
            "POST",
            "/e-1/_search",
            Some(json!({"query": {"nested": {"path": "x", "query": {"match_all": {}}}}})),
        )
        .await;
    assert_eq!(status, 400);
}

#[tokio::test]
async fn queries_are_explained_and_validated() {
    let server = server().await;
    let query = json!({"query": {"match": {"message": "guild"}}});
    let (status, answer) = server.call("POST", "/e-1/_explain/1", Some(query.clone())).await;
    assert_eq!((status, &answer["matched"]), (200, &json!(true)), "{answer}");
    assert!(answer["explanation"]["value"].as_f64().unwrap() > 0.0);
    let (status, answer) = server.call("POST", "/e-1/_explain/3", Some(query.clone())).await;
    assert_eq!((status, &answer["matched"]), (200, &json!(false)));
    assert_eq!(
        server
            .call("POST", "/e-1/_explain/9", Some(query.clone()))
            .await
            .0,
        404
    );
    let (_, answer) = server
        .call("POST", "/e-1/_validate/query?explain=true", Some(query))
        .await;
    assert_eq!(answer["valid"], true);
    assert_eq!(answer["explanations"][0]["index"], "e-1");
    let (status, answer) = server
        .call(
            "POST",
            "/e-1/_validate/query?explain=true",
            Some(json!({"query": {"foo": {}}})),
        )
        .await;
    assert_eq!((status, &answer["valid"]), (200, &json!(false)));
    assert!(answer["error"].as_str().unwrap().contains("[foo]"));
}

#[tokio::test]
async fn terms_and_tokens_are_listed() {
    let server = server().await;
    let ask = async |body| server.call("POST", "/e-1/_terms_enum", Some(body)).await.1;
    assert_eq!(
        ask(json!({"field": "tag", "string": "red"})).await["terms"],
        json!(["red", "redder"])
    );
    let any_case = json!({"field": "tag", "string": "re", "case_insensitive": true});
    assert_eq!(ask(any_case).await["terms"], json!(["Red", "red", "redder"]));
    let (_, answer) = server
        .call(
            "POST",
            "/_analyze",
            Some(json!({"analyzer": "standard", "text": "Guild 42 loaded"})),
        )
        .await;
    let tokens: Vec<&str> = answer["tokens"]
        .as_array()
        .unwrap()
        .iter()
        .map(|t| t["token"].as_str().unwrap())
        .collect();
    assert_eq!(tokens, ["guild", "42", "loaded"]);
    assert_eq!(
        answer["tokens"][1],
        json!({"token": "42", "start_offset": 6, "end_offset": 8, "type": "<NUM>", "position": 1})
    );
}

#[tokio::test]
async fn fields_are_filtered_and_unmapped_ones_are_said() {
    let server = server().await;
    server.index("e-2", &[("1", json!({"other": 1}))]).await;
    let caps = server
        .get("/e-*/_field_caps?fields=tag,refs*&include_unmapped=true")
        .await;
    assert_eq!(caps["fields"]["tag"]["unmapped"]["indices"], json!(["e-2"]));
    assert_eq!(caps["fields"]["tag"]["keyword"]["indices"], json!(["e-1"]));
    let caps = server
        .get("/e-*/_field_caps?fields=*&types=long&filters=-metadata")
        .await;
    let names: Vec<&String> = caps["fields"].as_object().unwrap().keys().collect();
    assert_eq!(names, ["other", "refs.n"]);
}

#[tokio::test]
async fn asynchronous_searches_are_answered_at_once() {
    let server = server().await;
    let (status, answer) = server
        .call("POST", "/e-1/_async_search", Some(json!({"size": 1})))
        .await;
    assert_eq!((status, &answer["is_running"]), (200, &json!(false)));
    assert_eq!(answer["response"]["hits"]["total"]["value"], 3);
    let shards = server.get("/e-1/_search_shards").await;
    assert_eq!(shards["shards"][0][0]["index"], "e-1");
}

#[tokio::test]
async fn what_is_not_here_is_refused_by_name() {
    let server = server().await;
    for (path, name) in [
        ("/_search/template", "_search/template"),
        ("/e-1/_rank_eval", "_rank_eval"),
        ("/e-1/_termvectors/1", "_termvectors"),
        ("/_msearch/template", "_msearch/template"),
    ] {
        let (status, answer) = server.call("POST", path, Some(json!({}))).await;
        assert_eq!(status, 400, "{path}: {answer}");
        assert!(
            answer["error"]["reason"].as_str().unwrap().contains(name),
            "{path}: {answer}"
        );
    }
}

#[tokio::test]
async fn several_documents_are_got_with_filters_of_their_own() {
    let server = server().await;
    let body =
        json!({"docs": [{"_id": "1", "_source": ["tag"]}, {"_id": "2", "_source": false}, {"_id": "9"}]});
    let (_, answer) = server.call("POST", "/e-1/_mget", Some(body)).await;
    assert_eq!(answer["docs"][0]["_source"], json!({"tag": "red"}));
    assert!(answer["docs"][1].get("_source").is_none());
    assert_eq!(answer["docs"][2]["found"], false);
}
