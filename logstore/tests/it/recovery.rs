//! Damage: what is torn or flipped is found, reported and set aside, and the rest is served.

use std::path::{Path, PathBuf};
use std::process::Command;

use serde_json::json;

use crate::server::{Server, wait_for, wal_segments};

/// A folder with two indices of ten documents each, `good` and `bad`, closed in order.
async fn two_indices() -> tempfile::TempDir {
    let folder = tempfile::tempdir().unwrap();
    let server = Server::start_in(folder.path(), &[]).await;
    for index in ["good", "bad"] {
        for number in 0..10 {
            server
                .put(
                    &format!("/{index}/_doc/{number}"),
                    json!({"n": number, "text": "some words"}),
                )
                .await;
        }
        server.get(&format!("/{index}/_refresh")).await;
    }
    assert_eq!(server.stop().await, Some(0));
    folder
}

/// The files of the segments that are served; those of merged ones may still lie beside them.
fn tantivy_files(folder: &Path, index: &str) -> Vec<PathBuf> {
    let list = std::fs::read_to_string(folder.join("indices").join(index).join("tantivy/meta.json"))
        .unwrap()
        .replace('-', "");
    let mut files: Vec<PathBuf> = std::fs::read_dir(folder.join("indices").join(index).join("tantivy"))
        .unwrap()
        .map(|entry| entry.unwrap().path())
        .filter(|path| list.contains(path.file_stem().unwrap().to_str().unwrap()))
        .filter(|path| {
            path.extension().is_some_and(|kind| {
                ["idx", "term", "store", "fast", "pos", "fieldnorm"]
                    .iter()
                    .any(|known| kind == *known)
            })
        })
        .collect();
    files.sort();
    files
}

fn flip(path: &Path) {
    let mut bytes = std::fs::read(path).unwrap();
    let middle = bytes.len() / 2;
    bytes[middle] ^= 0x10;
    std::fs::write(path, bytes).unwrap();
}

fn cut(path: &Path) {
    let length = std::fs::metadata(path).unwrap().len();
    std::fs::OpenOptions::new()
        .write(true)
        .open(path)
        .unwrap()
        .set_len(length / 2)
        .unwrap();
}

fn verify(folder: &Path) -> (Option<i32>, String) {
    let output = Command::new(env!("CARGO_BIN_EXE_logstored"))
        .args(["verify", "--data"])
        .arg(folder)
        .output()
        .unwrap();
    (
        output.status.code(),
        String::from_utf8_lossy(&[output.stdout, output.stderr].concat()).into_owned(),
    )
}

async fn status(server: &Server) -> String {
    server.get("/_cluster/health").await["status"]
        .as_str()
        .unwrap()
        .to_owned()
}

#[tokio::test]
async fn a_damaged_file_of_a_segment_is_set_aside_and_the_rest_is_served() {
    for spoil in [flip, cut] {
        let kinds = tantivy_files(two_indices().await.path(), "bad");
        for kind in kinds
            .iter()
            .filter_map(|path| path.extension())
            .collect::<std::collections::BTreeSet<_>>()
        {
            let folder = two_indices().await;
            assert_eq!(verify(folder.path()).0, Some(0));
            let file = tantivy_files(folder.path(), "bad")
                .into_iter()
                .find(|path| path.extension() == Some(kind))
                .unwrap();
            spoil(&file);
            let (code, text) = verify(folder.path());
            assert_eq!(code, Some(1), "{text}");
            let segment = file.file_stem().unwrap().to_str().unwrap();
            assert!(text.contains(segment), "{text}");
            let server = Server::start_in(folder.path(), &[]).await;
            assert_eq!(status(&server).await, "yellow", "{}", file.display());
            assert_eq!(server.count("good", "*").await, 10);
            assert!(server.count("bad", "*").await < 10, "{}", file.display());
            server.put("/bad/_doc/new?refresh=true", json!({"n": 1})).await;
            assert_eq!(server.count("bad", "_id:new").await, 1);
            assert!(folder.path().join("indices/bad/damaged").exists());
        }
    }
}

#[tokio::test]
async fn an_index_that_cannot_be_opened_is_set_aside_whole() {
    for file in ["meta.json", "tantivy/meta.json"] {
        let folder = two_indices().await;
        cut(&folder.path().join("indices/bad").join(file));
        assert_eq!(verify(folder.path()).0, Some(1));
        let server = Server::start_in(folder.path(), &[]).await;
        assert_eq!(status(&server).await, "red", "{file}");
        assert_eq!(server.count("good", "*").await, 10);
        assert_eq!(server.call("GET", "/bad/_count", None).await.0, 404);
        server.put("/bad/_doc/1", json!({"again": true})).await;
        assert_eq!(server.stop().await, Some(0));
        let set_aside = std::fs::read_dir(folder.path().join("damaged"))
            .unwrap()
            .next()
            .unwrap()
            .unwrap();
        std::fs::remove_dir_all(set_aside.path()).unwrap();
        let server = Server::start_in(folder.path(), &[]).await;
        assert_eq!(status(&server).await, "green", "once the operator has removed it");
    }
}

#[tokio::test]
async fn a_flipped_bit_in_the_write_ahead_log_costs_one_record() {
    let folder = tempfile::tempdir().unwrap();
    let never = ["--refresh-interval", "1h"];
    let server = Server::start_in(folder.path(), &never).await;
    for number in 0..10 {
        server
            .put(&format!("/logs/_doc/{number}"), json!({"n": number}))
            .await;
    }
    server.kill();
    flip(wal_segments(folder.path(), "logs").last().unwrap());
    let server = Server::start_in(folder.path(), &never).await;
    server.get("/logs/_refresh").await;
    assert_eq!(server.count("logs", "*").await, 9);
    assert_eq!(status(&server).await, "yellow");
}

#[tokio::test]
async fn a_folder_of_another_format_is_refused_and_the_message_says_whose_it_is() {
    let folder = two_indices().await;
    let path = folder.path().join("format.json");
    for (content, words) in [
        (
            Some(r#"{"format": 99, "written_by": "7.0.0"}"#),
            "was written by logstored 7.0.0",
        ),
        (None, "a build from before formats were numbered"),
    ] {
        match content {
            Some(content) => std::fs::write(&path, content).unwrap(),
            None => std::fs::remove_file(&path).unwrap(),
        }
        let output = crate::server::command(folder.path()).output().unwrap();
        let text = String::from_utf8_lossy(&output.stderr).into_owned();
        assert_eq!(output.status.code(), Some(1));
        assert!(text.contains(words) && text.contains("--data"), "{text}");
    }
}

#[tokio::test]
async fn a_full_disk_refuses_writes_until_there_is_space_again() {
    let folder = tempfile::tempdir().unwrap();
    let mounted = Command::new("mount")
        .args(["-t", "tmpfs", "-o", "size=24m", "tmpfs"])
        .arg(folder.path())
        .output();
    if !mounted.is_ok_and(|output| output.status.success()) {
        // Only root may mount; the rule itself is tested beside it.
        return;
    }
    let server = Server::start_in(folder.path(), &["--disk-reserve", "8000000"]).await;
    server.put("/logs/_doc/1", json!({"n": 1})).await;
    let filler = folder.path().join("filler");
    std::fs::write(&filler, vec![0_u8; 17 << 20]).unwrap();
    let refused = async |server: &Server| server.call("PUT", "/logs/_doc/2", Some(json!({"n": 2}))).await;
    let deadline = std::time::Instant::now() + std::time::Duration::from_secs(30);
    let answer = loop {
        let (status, answer) = refused(&server).await;
        if status == 429 {
            break answer;
        }
        assert!(std::time::Instant::now() < deadline, "it never was full");
        tokio::task::yield_now().await;
    };
    assert_eq!(answer["error"]["type"], "cluster_block_exception");
    assert!(
        answer["error"]["reason"]
            .as_str()
            .unwrap()
            .contains("flood-stage watermark"),
        "{answer}"
    );
    assert_eq!(server.get("/logs/_doc/1").await["found"], true);
    std::fs::remove_file(&filler).unwrap();
    while refused(&server).await.0 == 429 {
        assert!(std::time::Instant::now() < deadline, "it never took writes again");
        tokio::task::yield_now().await;
    }
    assert_eq!(server.stop().await, Some(0));
    let unmounted = Command::new("umount").arg(folder.path()).status().unwrap();
    assert!(unmounted.success());
}

#[tokio::test]
async fn retention_drops_whole_indices_by_the_day_in_their_name() {
    let folder = tempfile::tempdir().unwrap();
    let server = Server::start_in(folder.path(), &[]).await;
    for index in ["logs-2020.01.01", "other-2020.01.01", "logs-2099.01.01"] {
        server.put(&format!("/{index}/_doc/1"), json!({"n": 1})).await;
    }
    assert_eq!(server.stop().await, Some(0));
    let server = Server::start_in(folder.path(), &["--retention", "logs-*=14d"]).await;
    let gone = folder.path().join("indices/logs-2020.01.01");
    wait_for(|| (!gone.exists()).then_some(())).await;
    assert_eq!(server.call("GET", "/logs-2020.01.01/_count", None).await.0, 404);
    assert_eq!(server.count("other-2020.01.01", "*").await, 1);
    assert_eq!(server.count("logs-2099.01.01", "*").await, 1);
}

#[tokio::test]
async fn asynchronous_durability_is_a_setting_and_is_synced_soon() {
    let server = Server::start().await;
    server
        .put("/t", json!({"settings": {"index.translog.durability": "async"}}))
        .await;
    server.put("/t/_doc/1?refresh=true", json!({"n": 1})).await;
    assert_eq!(server.count("t", "n:1").await, 1);
}
