//! A control plane and a log store on loopback that answer over real HTTP with the shapes of the real ones: for
//! the tests of the connections, and for the demo. It restarts nothing: an operation that is started is stepped
//! through by the clock.
#![allow(clippy::unwrap_used, reason = "a stage that cannot be set is a failed test")]
#![allow(dead_code, reason = "the tests and the demo each use their own part")]

use std::convert::Infallible;
use std::sync::{Arc, Mutex};
use std::time::{Duration, Instant};

use axum::body::{Body, Bytes};
use axum::extract::{Path, State};
use axum::http::{HeaderMap, StatusCode};
use axum::response::{IntoResponse as _, Response};
use axum::routing::{get, post};
use axum::{Json, Router};
use jiff::{SignedDuration, Timestamp};
use ops_api::{AuditEntry, Fleet, NewOperation, NodeStep, Operation, OperationState, Problem, StepState};
use serde_json::{Value, json};
use tokio::net::TcpListener;
use tokio::task::JoinSet;

use super::stage;

pub(crate) const TOKEN: &str = "t0ken";

/// What the server knows.
pub(crate) struct Known {
    pub(crate) began: Instant,
    pub(crate) operations: Vec<Operation>,
    pub(crate) keys: Vec<String>,
    pub(crate) audit: Vec<AuditEntry>,
    /// Bodies of searches, as they came.
    pub(crate) searches: Vec<Value>,
    /// How many events a watch stream has before the server ends it; 0 for no end.
    pub(crate) events: usize,
    /// How many new records the store has each second; 0 for one, of a small story.
    pub(crate) rate: i64,
}

pub(crate) type Shared = Arc<Mutex<Known>>;

/// A server; ends when it is dropped.
pub(crate) struct Server {
    pub(crate) base: String,
    pub(crate) known: Shared,
    _tasks: JoinSet<()>,
}

impl Server {
    pub(crate) async fn start(events: usize) -> Self {
        let known = Arc::new(Mutex::new(Known {
            began: Instant::now(),
            operations: vec![stage::ended_operation()],
            keys: Vec::new(),
            audit: stage::audit(),
            searches: Vec::new(),
            events,
            rate: 0,
        }));
        let router = Router::new()
            .route(
                "/v1/status",
                get(|State(known): State<Shared>| async move { Json(picture(&known)) }),
            )
            .route("/v1/watch", get(watch))
            .route("/v1/operations", get(operations).post(start))
            .route("/v1/operations/{id}/abort", post(abort))
            .route(
                "/v1/audit",
                get(|State(known): State<Shared>| async move { Json(known.lock().unwrap().audit.clone()) }),
            )
            .route("/{index}/_search", post(search))
            .route("/{index}/_count", post(|| async { Json(json!({"count": 1284})) }))
            .with_state(Arc::clone(&known));
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let base = format!("http://{}", listener.local_addr().unwrap());
        let mut tasks = JoinSet::new();
        tasks.spawn(async move { axum::serve(listener, router).await.unwrap() });
        Self {
            base,
            known,
            _tasks: tasks,
        }
    }
}

fn picture(known: &Shared) -> Fleet {
    let mut known = known.lock().unwrap();
    let seconds = known.began.elapsed().as_secs_f64();
    let mut fleet = stage::fleet(0, (seconds / 7.0).sin().abs());
    fleet.at = Timestamp::now();
    advance(&mut known);
    fleet.operation = known
        .operations
        .iter()
        .find(|operation| !operation.state.ended())
        .cloned();
    fleet
}

/// Steps a running operation by one second.
fn advance(known: &mut Known) {
    let Some(operation) = known
        .operations
        .iter_mut()
        .find(|operation| !operation.state.ended())
    else {
        return;
    };
    let now = Timestamp::now();
    let Some(step) = operation
        .steps
        .iter_mut()
        .find(|step| step.state != StepState::Done)
    else {
        operation.state = OperationState::Completed;
        operation.ended = Some(now);
        return;
    };
    step.state = match step.state {
        StepState::Pending => {
            step.started = Some(now);
            step.held = 348;
            step.left = 348;
            StepState::Draining
        }
        StepState::Draining if step.left > 0 => {
            step.left = step.left.saturating_sub(87);
            StepState::Draining
        }
        StepState::Draining => StepState::Stopping,
        StepState::Stopping => StepState::Starting,
        StepState::Starting => StepState::Baking,
        _ => {
            step.ended = Some(now);
            StepState::Done
        }
    };
}

fn refuse(status: StatusCode, title: &str, hint: &str) -> Response {
    let problem = Problem {
        kind: "refused".to_owned(),
        title: title.to_owned(),
        status: status.as_u16(),
        hint: hint.to_owned(),
        operation: None,
    };
    (status, Json(problem)).into_response()
}

async fn watch(State(known): State<Shared>, headers: HeaderMap) -> Response {
    if headers
        .get("authorization")
        .is_none_or(|token| token != &format!("Bearer {TOKEN}"))
    {
        return refuse(
            StatusCode::UNAUTHORIZED,
            "the token is wrong",
            "read it from control.token",
        );
    }
    let events = known.lock().unwrap().events;
    let stream = futures_util::stream::unfold((known, 0), move |(known, sent)| async move {
        if events > 0 && sent == events {
            return None;
        }
        if sent > 0 {
            tokio::time::sleep(Duration::from_millis(if events > 0 { 1 } else { 1000 })).await;
        }
        // Every other event is only a sign of life where the end is near.
        let text = if events > 0 && sent % 2 == 1 {
            ": alive\n\n".to_owned()
        } else {
            format!(
                "event: fleet\ndata: {}\n\n",
                serde_json::to_string(&picture(&known)).unwrap()
            )
        };
        Some((Ok::<_, Infallible>(Bytes::from(text)), (known, sent + 1)))
    });
    Response::builder()
        .header("content-type", "text/event-stream")
        .body(Body::from_stream(stream))
        .unwrap()
}

async fn operations(State(known): State<Shared>) -> Json<Vec<Operation>> {
    let known = known.lock().unwrap();
    Json(known.operations.iter().rev().cloned().collect())
}

async fn start(
    State(known): State<Shared>,
    headers: HeaderMap,
    Json(request): Json<NewOperation>,
) -> Response {
    let key = headers["idempotency-key"].to_str().unwrap().to_owned();
    let fleet = picture(&known);
    let mut known = known.lock().unwrap();
    let Some(cluster) = fleet.cluster(&request.cluster) else {
        return refuse(
            StatusCode::NOT_FOUND,
            "no such cluster",
            "`ops status` lists them",
        );
    };
    let nodes = cluster
        .nodes
        .iter()
        .filter(|node| request.node.as_ref().is_none_or(|name| *name == node.name));
    let step = |name: &str| NodeStep {
        node: name.to_owned(),
        state: StepState::Pending,
        incarnation: 3,
        held: 0,
        left: 0,
        started: None,
        ended: None,
    };
    let operation = Operation {
        id: format!("op_01jnr{:03}", known.operations.len()),
        state: if request.dry_run {
            OperationState::Planned
        } else {
            OperationState::Running
        },
        fence: 119,
        steps: nodes.map(|node| step(&node.name)).collect(),
        gates: vec![
            "lock free: ok".to_owned(),
            "others ready: ok".to_owned(),
            "handoff fits grace: ok".to_owned(),
        ],
        error: None,
        paused: None,
        plan: ops_api::Plan::default(),
        guard: ops_api::GuardView::default(),
        admission: None,
        created: Timestamp::now(),
        ended: None,
        request,
    };
    if !operation.request.dry_run {
        known.keys.push(key);
        known.operations.push(operation.clone());
    }
    (StatusCode::ACCEPTED, Json(operation)).into_response()
}

async fn abort(State(known): State<Shared>, Path(id): Path<String>) -> Response {
    let mut known = known.lock().unwrap();
    match known.operations.iter_mut().find(|operation| operation.id == id) {
        Some(operation) => {
            operation.state = OperationState::Aborted;
            operation.ended = Some(Timestamp::now());
            Json(operation.clone()).into_response()
        }
        None => refuse(StatusCode::NOT_FOUND, "no such operation", ""),
    }
}

/// As many of the newest records as are asked for, at a rate: record number `n` is from `n / rate` seconds.
fn flood(body: &Value, rate: i64) -> Value {
    let now = Timestamp::now();
    let from = &body["query"]["bool"]["filter"][0]["range"]["@timestamp"]["gte"];
    let from = from
        .as_str()
        .and_then(|from| from.parse::<Timestamp>().ok())
        .unwrap_or(now);
    let number = |at: Timestamp| at.as_microsecond() * rate / 1_000_000;
    let size = body["size"].as_i64().unwrap_or(10);
    let newest = number(now);
    let hit = |number: i64| {
        let at = Timestamp::from_microsecond(number * 1_000_000 / rate).unwrap();
        let (level, text) = match number % 50 {
            0 => ("error", "lease lost, the node is fenced"),
            1 | 2 => ("warn", "queue above its mark, shedding typing"),
            _ => ("info", "guild taken over"),
        };
        let source = json!({"@timestamp": at.to_string(), "log.level": level, "message": text, "ecs.version": "8.11",
            "service.name": "guilds", "service.node.name": format!("guilds-{}", number % 12),
            "service.version": "0.1.0", "event.dataset": "guilds.log", "log.logger": "chat_guilds::lease",
            "trace.id": format!("{:032x}", number / 7), "labels.guild_id": (number % 9973).to_string(),
            "numeric_labels.held": number % 400});
        json!({"_index": "guildwatch-2026.03.01", "_id": number.to_string(), "_source": source})
    };
    let hits: Vec<Value> = (number(from).max(newest - size)..newest).rev().map(hit).collect();
    json!({"hits": {"hits": hits}})
}

/// A few records a second, the newest first, as the store answers; counts when counts are asked for.
async fn search(State(known): State<Shared>, Json(body): Json<Value>) -> Json<Value> {
    let mut known = known.lock().unwrap();
    known.searches.push(body.clone());
    // Only the last ones are looked at.
    let surplus = known.searches.len().saturating_sub(100);
    known.searches.drain(..surplus);
    let now = Timestamp::now();
    if body.get("aggs").is_some() {
        let key = now.as_millisecond() / 15_000 * 15_000;
        let levels = json!({"buckets": [{"key": "error", "doc_count": 3}, {"key": "warn", "doc_count": 9}]});
        let bucket =
            |age: i64| json!({"key": key - age * 15_000, "doc_count": 40 + age * 7 % 31, "level": levels});
        return Json(json!({"aggregations": {"over_time": {"buckets": [bucket(2), bucket(1), bucket(0)]}}}));
    }
    if known.rate > 0 {
        let rate = known.rate;
        drop(known);
        return Json(flood(&body, rate));
    }
    let texts = [
        ("info", "guilds-1", "guild taken over"),
        ("warn", "presence-1", "queue above its mark, shedding typing"),
        ("info", "sessions-0", "session handed over"),
        ("error", "guilds-2", "lease lost, the node is fenced"),
    ];
    let hits: Vec<Value> = (0..40)
        .map(|age| {
            let second = now.as_second() - age;
            let at = Timestamp::from_second(second).unwrap() + SignedDuration::from_millis(second % 997);
            let (level, node, text) = texts[usize::try_from(second % 4).unwrap()];
            let source = json!({"@timestamp": at.to_string(), "log.level": level, "message": text,
                "ecs.version": "8.11", "service.name": node.split('-').next().unwrap(),
                "service.node.name": node, "trace.id": "4bf92f3577b34da6"});
            (
                level,
                json!({"_index": "guildwatch-2026.03.01", "_id": second.to_string(), "_source": source}),
            )
        })
        .filter(|(level, _)| body.to_string().contains(&format!("\"{level}\"")))
        .map(|(_, hit)| hit)
        .collect();
    Json(json!({"hits": {"hits": hits}}))
}
