//! Users, roles, API keys, TLS, and who may listen where.

use std::sync::Arc;

use serde_json::{Value, json};
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio_rustls::rustls::pki_types::{CertificateDer, ServerName, pem::PemObject as _};
use tokio_rustls::rustls::{ClientConfig, RootCertStore};

use crate::server::{Server, command};

async fn call(server: &Server, method: &str, path: &str, auth: &str, body: Value) -> (u16, Value) {
    let mut request = server
        .http
        .request(method.parse().unwrap(), format!("{}{path}", server.base));
    if !auth.is_empty() {
        request = request.header("authorization", auth);
    }
    if !body.is_null() {
        request = request.body(body.as_str().map_or_else(|| body.to_string(), ToOwned::to_owned));
    }
    let response = request.send().await.unwrap();
    let status = response.status().as_u16();
    if status == 401 {
        assert!(response.headers().get_all("www-authenticate").iter().count() >= 2);
    }
    (
        status,
        serde_json::from_str(&response.text().await.unwrap()).unwrap_or_default(),
    )
}

fn basic(user: &str, password: &str) -> String {
    use base64::Engine as _;
    let pair = base64::prelude::BASE64_STANDARD.encode(format!("{user}:{password}"));
    format!("Basic {pair}")
}

#[tokio::test]
async fn every_request_needs_credentials_and_roles_bound_what_they_do() {
    let folder = tempfile::tempdir().unwrap();
    let server = Server::start_in(folder.path(), &["--security"]).await;
    let password = std::fs::read_to_string(folder.path().join("admin-password")).unwrap();
    let admin = basic("admin", &password);
    let (status, answer) = call(&server, "GET", "/", "", Value::Null).await;
    assert_eq!(
        (status, &answer["error"]["type"]),
        (401, &json!("security_exception")),
        "{answer}"
    );
    assert_eq!(
        call(&server, "GET", "/", &basic("admin", "wrong!"), Value::Null)
            .await
            .0,
        401
    );
    assert_eq!(
        call(&server, "GET", "/_security/_authenticate", &admin, Value::Null)
            .await
            .1["username"],
        "admin"
    );
    for name in ["logs-1", "secret-1"] {
        assert_eq!(
            call(
                &server,
                "PUT",
                &format!("/{name}/_doc/1?refresh=true"),
                &admin,
                json!({"a": 1})
            )
            .await
            .0,
            201
        );
    }
    let role = json!({"cluster": ["monitor"], "indices": [{"names": ["logs-*"], "privileges": ["read"]}]});
    assert_eq!(
        call(&server, "PUT", "/_security/role/logs", &admin, role).await.0,
        200
    );
    assert_eq!(
        call(
            &server,
            "PUT",
            "/_security/user/eve",
            &admin,
            json!({"password": "password", "roles": ["logs"]})
        )
        .await
        .0,
        200
    );
    let eve = basic("eve", "password");
    assert_eq!(
        call(&server, "GET", "/logs-1/_search", &eve, Value::Null).await.0,
        200
    );
    for (method, path) in [
        ("GET", "/secret-1/_search"),
        ("GET", "/logs-1,secret-1/_search"),
        ("PUT", "/logs-1/_doc/2"),
        ("DELETE", "/logs-1"),
        ("PUT", "/_index_template/x"),
        ("GET", "/_security/user"),
    ] {
        let (status, answer) = call(&server, method, path, &eve, json!({})).await;
        assert_eq!(
            (status, &answer["error"]["type"]),
            (403, &json!("security_exception")),
            "{method} {path}: {answer}"
        );
    }
    // Names that the path does not have.
    assert_eq!(
        call(&server, "GET", "/*/_count", &eve, Value::Null).await.1["count"],
        1
    );
    let many = "{\"index\":\"secret-1\"}\n{}\n{\"index\":\"logs-1\"}\n{}\n";
    let (_, answer) = call(&server, "POST", "/_msearch", &eve, json!(many)).await;
    assert_eq!(
        (
            &answer["responses"][0]["status"],
            &answer["responses"][1]["status"]
        ),
        (&json!(404), &json!(200)),
        "{answer}"
    );
    let (_, answer) = call(
        &server,
        "POST",
        "/_mget",
        &eve,
        json!({"docs": [{"_index": "secret-1", "_id": "1"}]}),
    )
    .await;
    assert!(answer["docs"][0].get("_source").is_none(), "{answer}");
    let rows = call(
        &server,
        "GET",
        "/_cat/indices?format=json&h=index",
        &eve,
        Value::Null,
    )
    .await
    .1;
    assert_eq!(rows, json!([{"index": "logs-1"}]));
    server.kill();
    let file = std::fs::read_to_string(folder.path().join("security.json")).unwrap();
    assert!(
        !file.contains("password\": \"p") && !file.contains(&password),
        "secrets are hashed"
    );
    let server = Server::start_in(folder.path(), &["--security"]).await;
    assert_eq!(
        call(&server, "GET", "/logs-1/_search", &eve, Value::Null).await.0,
        200,
        "kept"
    );
}

#[tokio::test]
async fn an_api_key_writes_where_it_may_until_it_is_invalidated() {
    let folder = tempfile::tempdir().unwrap();
    let server = Server::start_in(folder.path(), &["--security"]).await;
    let password = std::fs::read_to_string(folder.path().join("admin-password")).unwrap();
    let admin = basic("admin", &password);
    let asked = json!({"name": "shipper", "role_descriptors": {"w": {"indices": [{"names": ["logs-*"], "privileges": ["write", "create_index"]}]}}});
    let (status, made) = call(&server, "POST", "/_security/api_key", &admin, asked).await;
    assert_eq!(status, 200, "{made}");
    let key = format!("ApiKey {}", made["encoded"].as_str().unwrap());
    let bulk =
        "{\"index\":{\"_index\":\"logs-1\"}}\n{\"a\":1}\n{\"index\":{\"_index\":\"other\"}}\n{\"a\":1}\n";
    let (_, answer) = call(&server, "POST", "/_bulk", &key, json!(bulk)).await;
    assert_eq!(
        (
            &answer["items"][0]["index"]["status"],
            &answer["items"][1]["index"]["status"]
        ),
        (&json!(201), &json!(403)),
        "{answer}"
    );
    assert_eq!(
        call(&server, "GET", "/logs-1/_search", &key, Value::Null).await.0,
        403
    );
    let (_, listed) = call(
        &server,
        "GET",
        "/_security/api_key?name=shipper",
        &admin,
        Value::Null,
    )
    .await;
    assert_eq!(listed["api_keys"][0]["username"], "admin");
    let (_, gone) = call(
        &server,
        "DELETE",
        "/_security/api_key",
        &admin,
        json!({"ids": [made["id"]]}),
    )
    .await;
    assert_eq!(gone["invalidated_api_keys"], json!([made["id"]]));
    assert_eq!(call(&server, "POST", "/_bulk", &key, json!(bulk)).await.0, 401);
}

#[tokio::test]
async fn tls_is_spoken_with_certificate_and_key() {
    let folder = tempfile::tempdir().unwrap();
    let made = rcgen::generate_simple_self_signed(vec!["localhost".to_owned()]).unwrap();
    let (certificate, key) = (folder.path().join("cert.pem"), folder.path().join("key.pem"));
    std::fs::write(&certificate, made.cert.pem()).unwrap();
    std::fs::write(&key, made.signing_key.serialize_pem()).unwrap();
    let data = folder.path().join("data");
    std::fs::create_dir(&data).unwrap();
    let server = Server::start_in(
        &data,
        &[
            "--tls-cert",
            certificate.to_str().unwrap(),
            "--tls-key",
            key.to_str().unwrap(),
        ],
    )
    .await;
    let mut roots = RootCertStore::empty();
    roots
        .add(CertificateDer::from_pem_file(&certificate).unwrap())
        .unwrap();
    let provider = Arc::new(tokio_rustls::rustls::crypto::ring::default_provider());
    let config = ClientConfig::builder_with_provider(provider)
        .with_safe_default_protocol_versions()
        .unwrap()
        .with_root_certificates(roots)
        .with_no_client_auth();
    let socket = tokio::net::TcpStream::connect(server.base.trim_start_matches("http://"))
        .await
        .unwrap();
    let mut stream = tokio_rustls::TlsConnector::from(Arc::new(config))
        .connect(ServerName::try_from("localhost").unwrap(), socket)
        .await
        .unwrap();
    stream
        .write_all(b"GET / HTTP/1.1\r\nhost: localhost\r\nconnection: close\r\n\r\n")
        .await
        .unwrap();
    let mut answer = String::new();
    // A peer that closes without a farewell is no error of this test.
    let _read = stream.read_to_string(&mut answer).await;
    assert!(
        answer.starts_with("HTTP/1.1 200") && answer.contains("7.17"),
        "{answer}"
    );
}

#[test]
fn an_open_store_is_not_offered_to_others_by_accident() {
    let folder = tempfile::tempdir().unwrap();
    let ended = command(folder.path())
        .args(["--listener", "0.0.0.0:0=8"])
        .output()
        .unwrap();
    let told = String::from_utf8_lossy(&ended.stderr);
    assert!(
        !ended.status.success() && told.contains("--security") && told.contains("--allow-open"),
        "{told}"
    );
}
