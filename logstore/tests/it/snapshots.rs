//! Snapshots: what was there comes back, and damage in a repository is noticed.

use serde_json::json;

use crate::server::Server;

async fn with_repository() -> Server {
    let server = Server::start().await;
    server
        .put(
            "/_snapshot/backup",
            json!({"type": "fs", "settings": {"location": "nightly"}}),
        )
        .await;
    server
}

async fn fill(server: &Server, index: &str, from: u32, to: u32) {
    let documents: Vec<(String, serde_json::Value)> = (from..to)
        .map(|n| {
            (
                n.to_string(),
                json!({"n": n, "text": "some words", "k": format!("k{}", n % 3)}),
            )
        })
        .collect();
    let documents: Vec<(&str, serde_json::Value)> = documents
        .iter()
        .map(|(id, document)| (id.as_str(), document.clone()))
        .collect();
    server.index(index, &documents).await;
}

#[tokio::test]
async fn an_index_comes_back_as_it_was_when_the_snapshot_was_taken() {
    let server = with_repository().await;
    fill(&server, "logs-a", 0, 50).await;
    fill(&server, "logs-b", 0, 5).await;
    server.put("/logs-a/_doc/unrefreshed", json!({"n": 99})).await;
    let taken = server
        .put(
            "/_snapshot/backup/one?wait_for_completion=true",
            json!({"indices": "logs-*", "metadata": {"by": "test"}}),
        )
        .await;
    assert_eq!(taken["snapshot"]["state"], "SUCCESS", "{taken}");
    assert_eq!(taken["snapshot"]["indices"], json!(["logs-a", "logs-b"]));
    fill(&server, "logs-a", 50, 80).await;
    server
        .put(
            "/_snapshot/backup/two?wait_for_completion=true",
            json!({"indices": ["logs-a"]}),
        )
        .await;
    let listed = server.get("/_snapshot/backup/_all").await;
    assert_eq!(listed["snapshots"].as_array().unwrap().len(), 2);

    let (status, answer) = server
        .call(
            "POST",
            "/_snapshot/backup/one/_restore",
            Some(json!({"indices": "logs-a"})),
        )
        .await;
    assert_eq!(status, 500, "it is there already: {answer}");
    let body = json!({"indices": "logs-a", "rename_pattern": "logs-(.+)", "rename_replacement": "old-$1"});
    let (status, answer) = server
        .call(
            "POST",
            "/_snapshot/backup/one/_restore?wait_for_completion=true",
            Some(body),
        )
        .await;
    assert_eq!(
        (status, &answer["snapshot"]["indices"]),
        (200, &json!(["old-a"])),
        "{answer}"
    );
    assert_eq!(server.count("old-a", "*").await, 51);
    assert_eq!(
        server.count("old-a", "text:words AND k:k1").await,
        server.count("logs-a", "text:words AND k:k1 AND n:<50").await
    );
    // It goes on as an index of its own.
    server
        .put("/old-a/_doc/new?refresh=true", json!({"n": 100}))
        .await;
    assert_eq!(server.count("old-a", "*").await, 52);
    assert_eq!(server.count("logs-a", "*").await, 81);

    assert_eq!(server.call("DELETE", "/_snapshot/backup/one", None).await.0, 200);
    assert_eq!(server.call("DELETE", "/logs-a", None).await.0, 200);
    let (status, answer) = server
        .call("POST", "/_snapshot/backup/two/_restore", Some(json!({})))
        .await;
    assert_eq!(status, 200, "{answer}");
    assert_eq!(
        server.count("logs-a", "*").await,
        81,
        "files that it shared with the one that was removed are still there"
    );
    assert_eq!(server.call("GET", "/_snapshot/backup/one", None).await.0, 404);
}

#[tokio::test]
async fn a_damaged_repository_restores_nothing_wrong() {
    let folder = tempfile::tempdir().unwrap();
    let root = folder.path().to_str().unwrap().to_owned();
    let server = Server::start_with(&["--path-repo", &root]).await;
    let location = folder.path().join("r");
    server
        .put(
            "/_snapshot/r",
            json!({"type": "fs", "settings": {"location": location}}),
        )
        .await;
    fill(&server, "logs", 0, 50).await;
    server
        .put("/_snapshot/r/s?wait_for_completion=true", json!({}))
        .await;
    let pool = std::fs::read_dir(location.join("files"))
        .unwrap()
        .next()
        .unwrap()
        .unwrap()
        .path();
    let store = std::fs::read_dir(pool)
        .unwrap()
        .map(|entry| entry.unwrap().path())
        .find(|path| path.extension().is_some_and(|kind| kind == "store"))
        .unwrap();
    let mut bytes = std::fs::read(&store).unwrap();
    bytes[10] ^= 1;
    std::fs::write(&store, bytes).unwrap();
    let body = json!({"rename_pattern": "(.+)", "rename_replacement": "again_$1"});
    let (status, answer) = server.call("POST", "/_snapshot/r/s/_restore", Some(body)).await;
    assert_eq!(
        (status, &answer["error"]["type"]),
        (500, &json!("snapshot_restore_exception")),
        "{answer}"
    );
    assert!(
        answer["error"]["reason"]
            .as_str()
            .unwrap()
            .contains("fails its checksum"),
        "{answer}"
    );
    assert_eq!(server.call("GET", "/again_logs/_count", None).await.0, 404);
}

#[tokio::test]
async fn a_repository_outside_the_allowed_folders_is_refused() {
    let server = Server::start().await;
    for location in ["/etc/backup", "../outside"] {
        let body = json!({"type": "fs", "settings": {"location": location}});
        let (status, answer) = server.call("PUT", "/_snapshot/r", Some(body)).await;
        assert_eq!(
            (status, &answer["error"]["type"]),
            (400, &json!("repository_exception")),
            "{answer}"
        );
    }
    assert_eq!(server.call("GET", "/_snapshot/none/_all", None).await.0, 404);
    assert_eq!(server.call("GET", "/_snapshot/none", None).await.0, 404);
}
