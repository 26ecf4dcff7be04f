//! The routes over HTTP, with clusters of one process behind them.

mod backend;

use std::sync::Arc;
use std::time::Duration;

use axum::Router;
use axum::body::Body;
use axum::http::{HeaderMap, Request};
use chat_proto::service::Refusal;
use http_body_util::BodyExt;
use serde_json::{Value, json};
use tower::ServiceExt;

use crate::app::{App, Settings};
use crate::routes;

use backend::Clusters;

/// The bot's and the users' tokens in [`Clusters`].
const BOT: &str = "Bot bot-token";
const OWNER: &str = "owner-token";
const STRANGER: &str = "stranger-token";

struct Api {
    clusters: Arc<Clusters>,
    router: Router,
}

impl Api {
    fn new() -> Self {
        Self::with(Settings::default())
    }

    fn with(settings: Settings) -> Self {
        let clusters = Arc::new(Clusters::default());
        let router = routes::router(App::new(clusters.clone(), settings), |_, _| {});
        Self { clusters, router }
    }

    async fn ask(&self, method: &str, path: &str, token: &str, body: Option<Value>) -> (u16, Value) {
        let (status, _, answer) = self
            .ask_raw(
                method,
                path,
                token,
                "application/json",
                body.map(|body| body.to_string()),
            )
            .await;
        (status, answer)
    }

    async fn ask_raw(
        &self,
        method: &str,
        path: &str,
        token: &str,
        content_type: &str,
        body: Option<String>,
    ) -> (u16, HeaderMap, Value) {
        let mut request = Request::builder().method(method).uri(format!("/api/v10{path}"));
        if !token.is_empty() {
            request = request.header("authorization", token);
        }
        if body.is_some() {
            request = request.header("content-type", content_type);
        }
        let request = request.body(body.map_or_else(Body::empty, Body::from)).unwrap();
        let response = self.router.clone().oneshot(request).await.unwrap();
        let status = response.status().as_u16();
        let headers = response.headers().clone();
        let bytes = response.into_body().collect().await.unwrap().to_bytes();
        let answer = if bytes.is_empty() {
            Value::Null
        } else {
            assert_eq!(headers["content-type"], "application/json", "exactly");
            serde_json::from_slice(&bytes).unwrap()
        };
        (status, headers, answer)
    }

    /// A guild of [`OWNER`] with the bot in it, and its first channel.
    async fn guild(&self) -> (String, String) {
        let (status, guild) = self
            .ask("POST", "/guilds", OWNER, Some(json!({"name": "g"})))
            .await;
        assert_eq!(status, 201, "{guild}");
        let guild = guild["id"].as_str().unwrap().to_owned();
        let (status, member) = self
            .ask("PUT", &format!("/guilds/{guild}/members/1"), OWNER, None)
            .await;
        assert_eq!((status, &member["user"]["id"]), (201, &json!("1")));
        let (_, channels) = self
            .ask("GET", &format!("/guilds/{guild}/channels"), OWNER, None)
            .await;
        assert_eq!(channels[0]["name"], "general");
        (guild, channels[0]["id"].as_str().unwrap().to_owned())
    }
}

fn error_of(answer: (u16, Value)) -> (u16, i64, String) {
    let (status, body) = answer;
    (
        status,
        body["code"].as_i64().unwrap(),
        body["message"].as_str().unwrap().to_owned(),
    )
}

#[tokio::test]
async fn only_an_account_with_its_own_kind_of_token_gets_in() {
    let api = Api::new();
    for token in [
        "",
        "nobody",
        "Bot nobody",
        "bot-token",
        "Bot owner-token",
        "Bearer owner-token",
    ] {
        let (status, body) = api.ask("GET", "/users/@me", token, None).await;
        assert_eq!(
            (status, body),
            (401, json!({"message": "401: Unauthorized", "code": 0})),
            "{token}"
        );
    }
    let (status, me) = api.ask("GET", "/users/@me", BOT, None).await;
    assert_eq!((status, &me["id"], &me["bot"]), (200, &json!("1"), &json!(true)));
    let (status, me) = api.ask("GET", "/users/@me", OWNER, None).await;
    assert_eq!((status, &me["username"]), (200, &json!("owner")));
}

#[tokio::test]
async fn a_token_is_asked_for_once() {
    let api = Api::new();
    for _ in 0..5 {
        api.ask("GET", "/users/@me", OWNER, None).await;
        api.ask("GET", "/users/@me", "nobody", None).await;
    }
    assert_eq!(api.clusters.authentications(), 2);
}

#[tokio::test]
async fn what_libraries_ask_before_they_connect_is_answered() {
    let api = Api::new();
    let (_, gateway) = api.ask("GET", "/gateway", "", None).await;
    assert_eq!(gateway, json!({"url": "ws://127.0.0.1:8080"}));
    let (_, gateway) = api.ask("GET", "/gateway/bot", BOT, None).await;
    assert_eq!(gateway["shards"], 1);
    assert!(
        gateway["session_start_limit"]["max_concurrency"]
            .as_u64()
            .unwrap()
            > 0
    );
    for path in ["/applications/@me", "/oauth2/applications/@me"] {
        let (status, application) = api.ask("GET", path, BOT, None).await;
        assert_eq!((status, &application["id"]), (200, &json!("1")));
        assert_eq!(api.ask("GET", path, OWNER, None).await.0, 403);
    }
    assert_eq!(
        api.ask("GET", "/voice/regions", BOT, None).await,
        (200, json!([]))
    );
}

#[tokio::test]
async fn a_message_is_sent_read_edited_and_deleted() {
    let api = Api::new();
    let (_, channel) = api.guild().await;
    let messages = format!("/channels/{channel}/messages");
    let body = json!({"content": "hello", "nonce": "n1", "enforce_nonce": true, "tts": false});
    let (status, sent) = api.ask("POST", &messages, BOT, Some(body)).await;
    assert_eq!(
        (status, &sent["content"], &sent["nonce"]),
        (200, &json!("hello"), &json!("n1"))
    );
    let id = sent["id"].as_str().unwrap();
    let (_, list) = api.ask("GET", &format!("{messages}?limit=1"), OWNER, None).await;
    assert_eq!(list, json!([sent]));
    let one = format!("{messages}/{id}");
    assert_eq!(api.ask("GET", &one, OWNER, None).await, (200, sent.clone()));
    let other = api
        .ask("PATCH", &one, OWNER, Some(json!({"content": "mine"})))
        .await;
    assert_eq!(error_of(other).1, 50005);
    let (status, edited) = api.ask("PATCH", &one, BOT, Some(json!({"content": "bye"}))).await;
    assert_eq!((status, &edited["content"]), (200, &json!("bye")));
    assert!(edited["edited_timestamp"].is_string());
    assert_eq!(api.ask("DELETE", &one, BOT, None).await, (204, Value::Null));
    assert_eq!(error_of(api.ask("GET", &one, BOT, None).await).1, 10008);
    assert_eq!(
        api.ask("POST", &format!("/channels/{channel}/typing"), BOT, None)
            .await
            .0,
        204
    );
}

#[tokio::test]
async fn a_send_is_the_same_message_however_often_it_goes_out() {
    let api = Api::new();
    let (_, channel) = api.guild().await;
    api.clusters.refuse_sends(3, Refusal::unavailable("handing over"));
    let messages = format!("/channels/{channel}/messages");
    let (status, sent) = api
        .ask("POST", &messages, OWNER, Some(json!({"content": "x"})))
        .await;
    assert_eq!(status, 200, "{sent}");
    let ids = api.clusters.sent_ids();
    assert_eq!(ids.len(), 4);
    assert!(
        ids.iter().all(|id| sent["id"] == id.to_string()),
        "one id for all attempts"
    );
    api.clusters
        .refuse_sends(usize::MAX, Refusal::unavailable("no owner"));
    let (status, headers, body) = api
        .ask_raw(
            "POST",
            &messages,
            OWNER,
            "application/json",
            Some(r#"{"content":"x"}"#.to_owned()),
        )
        .await;
    assert_eq!(
        (status, &body["message"]),
        (503, &json!("503: Service Unavailable"))
    );
    assert_eq!(headers["retry-after"], "1");
}

#[tokio::test]
async fn bodies_that_are_wrong_are_told_how() {
    let api = Api::new();
    let (_, channel) = api.guild().await;
    let messages = format!("/channels/{channel}/messages");
    let post = async |body: &str, content_type: &str| {
        let answer = api
            .ask_raw("POST", &messages, OWNER, content_type, Some(body.to_owned()))
            .await;
        (answer.0, answer.2)
    };
    let json = "application/json";
    assert_eq!(error_of(post(r#"{"content":"#, json).await).1, 50109);
    assert_eq!(error_of(post("[]", json).await).1, 50109);
    assert_eq!(error_of(post(r#"{"content":""}"#, json).await).1, 50006);
    assert_eq!(error_of(post(r#"{"content":"x"}"#, "text/plain").await).1, 50035);
    let (status, long) = post(&json!({"content": "x".repeat(2001)}).to_string(), json).await;
    assert_eq!(status, 400);
    assert_eq!(
        long,
        json!({"message": "Invalid Form Body", "code": 50035,
            "errors": {"content": {"_errors": [{"code": "BASE_TYPE_MAX_LENGTH", "message": "Must be 2000 or fewer in length."}]}}})
    );
    let form = "--b\r\nContent-Disposition: form-data; name=\"payload_json\"\r\n\r\n{\"content\":\"in a form\"}\r\n--b--\r\n";
    let (status, sent) = post(form, "multipart/form-data; boundary=b").await;
    assert_eq!((status, &sent["content"]), (200, &json!("in a form")));
}

#[tokio::test]
async fn what_is_not_there_or_not_for_you_has_its_code() {
    let api = Api::new();
    let (guild, channel) = api.guild().await;
    let messages = format!("/channels/{channel}/messages");
    let hello = || Some(json!({"content": "x"}));
    for (method, path, token, body, status, code) in [
        ("GET", "/guilds/5".to_owned(), OWNER, None, 404, 10004),
        ("GET", format!("/guilds/{guild}"), STRANGER, None, 404, 10004),
        ("GET", "/channels/5".to_owned(), OWNER, None, 404, 10003),
        ("GET", format!("/channels/{channel}"), STRANGER, None, 403, 50001),
        (
            "POST",
            "/channels/5/messages".to_owned(),
            OWNER,
            hello(),
            404,
            10003,
        ),
        ("POST", messages.clone(), STRANGER, hello(), 403, 50001),
        ("GET", messages.clone(), STRANGER, None, 403, 50001),
        ("GET", format!("{messages}/5"), OWNER, None, 404, 10008),
        ("GET", format!("{messages}/x"), OWNER, None, 400, 50035),
        ("GET", format!("{messages}?limit=101"), OWNER, None, 400, 50035),
        ("GET", "/users/5".to_owned(), OWNER, None, 404, 10013),
        (
            "GET",
            format!("/guilds/{guild}/members/5"),
            OWNER,
            None,
            404,
            10007,
        ),
        ("PUT", format!("/guilds/{guild}/members/3"), BOT, None, 403, 50013),
        ("GET", "/nonsense".to_owned(), OWNER, None, 404, 0),
        ("DELETE", "/gateway".to_owned(), OWNER, None, 405, 0),
    ] {
        let answer = error_of(api.ask(method, &path, token, body).await);
        assert_eq!(
            (answer.0, answer.1),
            (status, code),
            "{method} {path}: {answer:?}"
        );
    }
}

#[tokio::test]
async fn members_come_and_go() {
    let api = Api::new();
    let (guild, _) = api.guild().await;
    let members = format!("/guilds/{guild}/members");
    assert_eq!(
        api.ask("PUT", &format!("{members}/1"), OWNER, None).await.0,
        204,
        "already there"
    );
    let (_, list) = api.ask("GET", &format!("{members}?limit=10"), BOT, None).await;
    assert_eq!(list.as_array().unwrap().len(), 2);
    let (_, list) = api
        .ask("GET", &format!("{members}?limit=10&after=1"), BOT, None)
        .await;
    assert_eq!(list[0]["user"]["id"], "2");
    let (_, guilds) = api.ask("GET", "/users/@me/guilds", BOT, None).await;
    assert_eq!(guilds[0]["id"], json!(guild));
    assert_eq!(
        api.ask("DELETE", &format!("{members}/1"), OWNER, None).await.0,
        204
    );
    assert_eq!(api.ask("GET", "/users/@me/guilds", BOT, None).await.1, json!([]));
    let body = json!({"name": "more", "topic": "t", "type": 0});
    let (status, channel) = api
        .ask("POST", &format!("/guilds/{guild}/channels"), OWNER, Some(body))
        .await;
    assert_eq!((status, &channel["topic"]), (201, &json!("t")));
}

#[tokio::test]
async fn answers_say_how_much_may_be_asked_and_refuse_what_is_more() {
    let api = Api::with(Settings {
        rate_limit: 2,
        rate_window: Duration::from_secs(60),
        ..Settings::default()
    });
    let ask = async |token| api.ask_raw("GET", "/users/@me", token, "", None).await;
    let (status, headers, _) = ask(OWNER).await;
    assert_eq!(
        (status, &headers["x-ratelimit-remaining"]),
        (200, &"1".parse().unwrap())
    );
    assert_eq!(ask(OWNER).await.0, 200);
    let (status, headers, body) = ask(OWNER).await;
    assert_eq!((status, &body["global"]), (429, &json!(false)));
    assert!(body["retry_after"].as_f64().unwrap() > 50.0);
    assert_eq!(headers["x-ratelimit-scope"], "user");
    assert_eq!(ask(BOT).await.0, 200, "others are not held up");
}
