//! Hidden indices: what dashboards ask of the store that holds their saved objects.

use serde_json::{Value, json};

use crate::server::Server;

#[tokio::test]
async fn open_search_dashboards_starts_and_keeps_its_saved_objects() {
    let folder = tempfile::tempdir().unwrap();
    let server = Server::start_in(folder.path(), &[]).await;
    let nodes = server
        .get("/_nodes?filter_path=nodes.*.version,nodes.*.http.publish_address,nodes.*.ip")
        .await;
    let node = nodes["nodes"]
        .as_object()
        .unwrap()
        .values()
        .next()
        .unwrap()
        .clone();
    assert!(
        node["version"].is_string() && node["ip"].is_string() && node["http"]["publish_address"].is_string()
    );
    assert_eq!(server.call("GET", "/.kibana", None).await.0, 404);
    assert_eq!(
        server
            .get("/_cat/templates/kibana_index_template*?format=json")
            .await,
        json!([])
    );
    let mappings = json!({"dynamic": "strict", "_meta": {"migrationMappingPropertyHashes": {"type": "x"}}, "properties": {
        "type": {"type": "keyword"}, "namespace": {"type": "keyword"}, "namespaces": {"type": "keyword"},
        "updated_at": {"type": "date"}, "migrationVersion": {"dynamic": "true", "type": "object"},
        "references": {"type": "nested", "properties": {"name": {"type": "keyword"}, "type": {"type": "keyword"}, "id": {"type": "keyword"}}},
        "config": {"dynamic": "true", "properties": {"buildNum": {"type": "keyword"}}},
        "dashboard": {"properties": {"title": {"type": "text"}}},
    }});
    let create =
        json!({"mappings": mappings, "settings": {"number_of_shards": 1, "auto_expand_replicas": "0-1"}});
    server.put("/.kibana_1", create.clone()).await;
    let (status, answer) = server.call("PUT", "/.kibana_1", Some(create)).await;
    assert_eq!(
        (status, &answer["error"]["type"]),
        (400, &json!("resource_already_exists_exception"))
    );
    assert_eq!(server.call("GET", "/_alias/.kibana", None).await.0, 404);
    let (status, _) = server
        .call(
            "POST",
            "/_aliases",
            Some(json!({"actions": [{"add": {"index": ".kibana_1", "alias": ".kibana"}}]})),
        )
        .await;
    assert_eq!(status, 200);
    assert_eq!(server.call("POST", "/.kibana_1/_refresh", None).await.0, 200);

    let object = json!({"type": "dashboard", "dashboard": {"title": "Fleet overview"}, "references": [{"name": "a", "type": "search", "id": "s1"}], "migrationVersion": {"dashboard": "7.9.3"}, "updated_at": "2026-11-24T10:00:00.000Z"});
    let (status, answer) = server
        .call(
            "PUT",
            "/.kibana/_create/dashboard%3A1?refresh=wait_for",
            Some(object.clone()),
        )
        .await;
    assert_eq!(
        (status, &answer["_index"], &answer["_seq_no"]),
        (201, &json!(".kibana_1"), &json!(0)),
        "{answer}"
    );
    assert_eq!(
        server
            .call("PUT", "/.kibana/_create/dashboard%3A1", Some(object))
            .await
            .0,
        409
    );
    let (status, answer) = server
        .call("PUT", "/.kibana/_doc/x", Some(json!({"unknown": 1})))
        .await;
    assert_eq!(
        (status, &answer["error"]["type"]),
        (400, &json!("strict_dynamic_mapping_exception"))
    );
    let (status, answer) = server
        .call("POST", "/.kibana/_update/dashboard%3A1?refresh=wait_for&_source_includes=type,namespace&if_seq_no=0&if_primary_term=1", Some(json!({"doc": {"dashboard": {"title": "Fleet"}}})))
        .await;
    assert_eq!(
        (status, &answer["get"]["_source"]),
        (200, &json!({"type": "dashboard"})),
        "{answer}"
    );
    let (status, _) = server
        .call(
            "POST",
            "/.kibana/_update/dashboard%3A1?if_seq_no=0&if_primary_term=1",
            Some(json!({"doc": {"type": "z"}})),
        )
        .await;
    assert_eq!(status, 409);
    assert_eq!(
        server
            .call("POST", "/.kibana/_update/none", Some(json!({"doc": {}})))
            .await
            .0,
        404
    );

    let find = json!({"seq_no_primary_term": true, "query": {"bool": {"filter": [{"bool": {
        "must": [{"nested": {"path": "references", "query": {"bool": {"must": [{"term": {"references.id": "s1"}}, {"term": {"references.type": "search"}}]}}}},
                 {"simple_query_string": {"query": "fle*", "fields": ["dashboard.title^3"]}}],
        "should": [{"bool": {"must": [{"term": {"type": "dashboard"}}], "should": [{"terms": {"namespace": ["default"]}}, {"bool": {"must_not": [{"exists": {"field": "namespace"}}]}}], "minimum_should_match": 1, "must_not": [{"exists": {"field": "namespaces"}}]}}],
        "minimum_should_match": 1}}]}}, "sort": [{"updated_at": {"order": "desc", "unmapped_type": "date"}}]});
    let (_, answer) = server
        .call(
            "POST",
            "/.kibana/_search?size=20&from=0&rest_total_hits_as_int=true&_source=type",
            Some(find),
        )
        .await;
    assert_eq!(answer["hits"]["total"], 1, "{answer}");
    let hit = &answer["hits"]["hits"][0];
    assert_eq!(
        (&hit["_seq_no"], &hit["_primary_term"], &hit["_source"]),
        (&json!(1), &json!(1), &json!({"type": "dashboard"}))
    );

    server.kill();
    let server = Server::start_in(folder.path(), &[]).await;
    let shown = server.get("/.kibana").await;
    let kept = &shown[".kibana_1"]["mappings"];
    for key in [
        "/dynamic",
        "/_meta",
        "/properties/references",
        "/properties/dashboard",
        "/properties/migrationVersion/dynamic",
    ] {
        assert_eq!(
            kept.pointer(key),
            mappings.pointer(key),
            "word for word, also after a restart"
        );
    }
    assert!(
        kept.pointer("/properties/migrationVersion/properties/dashboard")
            .is_some(),
        "learnt"
    );
    assert_eq!(shown[".kibana_1"]["aliases"], json!({".kibana": {}}));
    let outdated = json!({"query": {"bool": {"should": [{"bool": {"must": [{"exists": {"field": "dashboard"}}, {"bool": {"must_not": {"term": {"migrationVersion.dashboard": "7.9.3"}}}}]}}]}}});
    let (_, answer) = server.call("POST", "/.kibana/_count", Some(outdated)).await;
    assert_eq!(
        (&answer["count"], &answer["_shards"]["total"]),
        (&json!(0), &json!(1))
    );
    let (_, answer) = server.call("POST", "/_mget", Some(json!({"docs": [{"_id": "dashboard:1", "_index": ".kibana", "_source": ["type"]}, {"_id": "no", "_index": ".kibana"}]}))).await;
    assert_eq!(
        (&answer["docs"][0]["_source"], &answer["docs"][1]["found"]),
        (&json!({"type": "dashboard"}), &json!(false)),
        "{answer}"
    );
    let bulk = "{\"create\":{\"_index\":\".kibana\",\"_id\":\"config:1\"}}\n{\"type\":\"config\",\"config\":{\"buildNum\":1}}\n{\"delete\":{\"_index\":\".kibana\",\"_id\":\"dashboard:1\"}}\n";
    let (_, answer) = server
        .bulk_raw("/_bulk?refresh=wait_for", bulk.to_owned())
        .await
        .unwrap();
    assert_eq!(
        (&answer["errors"], &answer["items"][1]["delete"]["result"]),
        (&json!(false), &json!("deleted")),
        "{answer}"
    );
    assert_eq!(server.get("/.kibana/_count").await["count"], 1);
    assert_eq!(
        server
            .call("DELETE", "/.kibana/_doc/none?refresh=wait_for", None)
            .await
            .0,
        404
    );
    assert_eq!(server.count("_all", "*").await, 0, "hidden from wildcards");
}

#[tokio::test]
async fn kibana_5_starts_and_discovers_on_a_listener_that_presents_5_6() {
    let folder = tempfile::tempdir().unwrap();
    let server = Server::start_in(folder.path(), &["--listener", "127.0.0.1:0=5.6"]).await;
    server
        .index("logs-1", &[("1", json!({"@timestamp": "2026-11-24T10:00:00Z", "service": {"name": "guilds"}, "message": "hello"}))])
        .await;
    let address = std::fs::read_to_string(folder.path().join("http-5.6.addr")).unwrap();
    let call = async |method: &str, path: &str, body: Value| -> (u16, Value) {
        let mut request = server
            .http
            .request(method.parse().unwrap(), format!("http://{address}{path}"));
        if !body.is_null() {
            request = request.body(body.to_string());
        }
        let response = request.send().await.unwrap();
        assert!(response.headers().get("x-elastic-product").is_none());
        let status = response.status().as_u16();
        (
            status,
            serde_json::from_str(&response.text().await.unwrap()).unwrap_or_default(),
        )
    };
    assert_eq!(
        call("GET", "/", Value::Null).await.1["version"]["number"],
        "5.6.16"
    );
    assert_eq!(call("HEAD", "/", Value::Null).await.0, 200);
    let (status, health) = call("GET", "/_cluster/health/.kibana?timeout=5s", Value::Null).await;
    assert_eq!((status, &health["timed_out"]), (408, &json!(true)));
    let create = json!({"settings": {"number_of_shards": 1}, "mappings": {"config": {"properties": {"buildNum": {"type": "string", "index": "not_analyzed"}}}, "index-pattern": {"properties": {"title": {"type": "string"}}}}});
    assert_eq!(call("PUT", "/.kibana", create).await.0, 200);
    let (_, mapping) = call("GET", "/.kibana/_mapping", Value::Null).await;
    assert_eq!(
        mapping[".kibana"]["mappings"]["config"]["properties"]["buildNum"]["type"], "keyword",
        "{mapping}"
    );
    let newest = json!({"size": 1000, "sort": [{"buildNum": {"order": "desc", "unmapped_type": "string"}}]});
    let (_, answer) = call("POST", "/.kibana/config/_search", newest.clone()).await;
    assert_eq!(answer["hits"]["total"], 0, "{answer}");
    assert_eq!(
        call("PUT", "/.kibana/config/5.1.1/_create", json!({"buildNum": 14588}))
            .await
            .0,
        201
    );
    let (status, answer) = call(
        "POST",
        "/.kibana/config/5.1.1/_update",
        json!({"doc": {"defaultIndex": "logs-*"}}),
    )
    .await;
    assert_eq!((status, &answer["_type"]), (200, &json!("config")), "{answer}");
    let (_, answer) = call("GET", "/.kibana/config/5.1.1", Value::Null).await;
    assert_eq!(
        answer["_source"],
        json!({"buildNum": 14588, "defaultIndex": "logs-*"})
    );
    assert_eq!(
        call("POST", "/.kibana/config/_search", newest).await.1["hits"]["hits"][0]["_type"],
        "config"
    );
    assert_eq!(
        call(
            "PUT",
            "/.kibana/index-pattern/logs-*",
            json!({"title": "logs-*", "timeFieldName": "@timestamp"})
        )
        .await
        .0,
        201
    );
    let (_, answer) = call(
        "POST",
        "/.kibana/index-pattern/_search?stored_fields=",
        json!({"query": {"match_all": {}}, "size": 10000}),
    )
    .await;
    assert_eq!(
        (&answer["hits"]["total"], &answer["hits"]["hits"][0]["_id"]),
        (&json!(1), &json!("logs-*")),
        "{answer}"
    );
    assert_eq!(
        call("GET", "/.kibana/_mapping/*/field/_source", Value::Null)
            .await
            .0,
        200
    );
    let (_, answer) = call(
        "POST",
        "/_mget",
        json!({"docs": [{"_index": ".kibana", "_type": "index-pattern", "_id": "logs-*"}]}),
    )
    .await;
    assert_eq!(answer["docs"][0]["found"], true, "{answer}");
    let (_, answer) = call(
        "GET",
        "/logs-*/_mapping/*/field/*?ignore_unavailable=false&allow_no_indices=false&include_defaults=true",
        Value::Null,
    )
    .await;
    let field = &answer["logs-1"]["mappings"]["doc"]["@timestamp"]["mapping"]["@timestamp"];
    assert_eq!(
        (&field["type"], &field["doc_values"], &field["index"]),
        (&json!("date"), &json!(true), &json!(true)),
        "{answer}"
    );
    let overlap = |from: &str, to: &str| json!({"fields": ["@timestamp"], "index_constraints": {"@timestamp": {"max_value": {"gte": from, "format": "epoch_millis"}, "min_value": {"lte": to, "format": "epoch_millis"}}}});
    let (_, answer) = call(
        "POST",
        "/logs-*/_field_stats?level=indices",
        overlap("1795000000000", "1796000000000"),
    )
    .await;
    assert!(
        answer["indices"]["logs-1"]["fields"]["@timestamp"]["max_value"].is_number(),
        "{answer}"
    );
    let (_, answer) = call(
        "POST",
        "/logs-*/_field_stats?level=indices",
        overlap("1796000000000", "1797000000000"),
    )
    .await;
    assert_eq!(answer["indices"], json!({}), "out of the range");
    let search = json!({"size": 500, "sort": [{"@timestamp": {"order": "desc", "unmapped_type": "boolean"}}], "version": true,
        "highlight": {"pre_tags": ["@k@"], "post_tags": ["@/k@"], "fields": {"*": {}}, "require_field_match": false, "fragment_size": 2_147_483_647},
        "_source": {"excludes": []}, "aggs": {"2": {"date_histogram": {"field": "@timestamp", "interval": "30s", "time_zone": "Europe/Berlin", "min_doc_count": 1}}},
        "query": {"bool": {"must": [{"query_string": {"query": "service.name:guilds", "analyze_wildcard": true}}, {"range": {"@timestamp": {"gte": 1_795_000_000_000_i64, "lte": 1_796_000_000_000_i64, "format": "epoch_millis"}}}], "must_not": []}},
        "stored_fields": ["*"], "script_fields": {}, "docvalue_fields": ["@timestamp"]});
    let lines = format!(
        "{}\n{search}\n",
        json!({"index": ["logs-1"], "ignore_unavailable": true, "preference": 1_480_000_000_000_i64})
    );
    let response = server
        .http
        .post(format!("http://{address}/_msearch"))
        .body(lines)
        .send()
        .await
        .unwrap();
    let answer: Value = response.json().await.unwrap();
    let found = &answer["responses"][0];
    assert_eq!(
        (&found["hits"]["total"], &found["hits"]["hits"][0]["_type"]),
        (&json!(1), &json!("doc")),
        "{answer}"
    );
    assert_eq!(found["aggregations"]["2"]["buckets"][0]["doc_count"], 1);
    // Documents of logs with a document type of the client's choice.
    assert_eq!(
        call("PUT", "/logs-1/event/7", json!({"message": "typed"}))
            .await
            .0,
        201
    );
    assert_eq!(call("GET", "/logs-1/event/7", Value::Null).await.1["found"], true);
    assert_eq!(
        call("DELETE", "/.kibana/index-pattern/logs-*", Value::Null)
            .await
            .0,
        200
    );
}

#[tokio::test]
async fn each_version_answers_in_its_own_shape() {
    for (version, number, product, doc_type) in [
        ("7.10", "7.10.2", false, Some("_doc")),
        ("8", "8.17.4", true, None),
        ("opensearch-3", "3.0.0", false, None),
    ] {
        let folder = tempfile::tempdir().unwrap();
        let listener = format!("127.0.0.1:0={version}");
        let server = Server::start_in(
            folder.path(),
            &["--listener", &listener, "--cors-origin", "http://vue:*"],
        )
        .await;
        server.index("logs", &[("1", json!({"a": 1}))]).await;
        let address = std::fs::read_to_string(folder.path().join(format!("http-{version}.addr"))).unwrap();
        let get = async |path: &str| {
            let accept = "application/vnd.elasticsearch+json; compatible-with=8";
            let request = server
                .http
                .get(format!("http://{address}{path}"))
                .header("accept", accept)
                .header("origin", "http://vue:8080");
            request.send().await.unwrap()
        };
        let response = get("/").await;
        assert_eq!(
            response.headers().get("x-elastic-product").is_some(),
            product,
            "{version}"
        );
        assert_eq!(
            response.headers()["access-control-allow-origin"],
            "http://vue:8080"
        );
        assert_eq!(
            response.headers()["content-type"]
                .to_str()
                .unwrap()
                .contains("vnd.elasticsearch"),
            version == "8"
        );
        let body: Value = response.json().await.unwrap();
        assert_eq!(body["version"]["number"], number);
        let body: Value = get("/logs/_search").await.json().await.unwrap();
        assert_eq!(
            body["hits"]["hits"][0].get("_type").and_then(Value::as_str),
            doc_type,
            "{version}"
        );
        assert_eq!(body["hits"]["total"]["value"], 1);
    }
}
