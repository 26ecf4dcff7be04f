//! The control plane over its API: who may ask, what is refused and how, and what survives its restart.

#![allow(
    clippy::unwrap_used,
    clippy::panic,
    reason = "a test's own tools may panic; clippy excuses only what is inside a #[test]"
)]

use std::time::Duration;

use chat_admin::{LeaseGrant, LeaseRequest};
use chat_proto::{Cluster, Generation, Incarnation, Member, MemberState};
use futures_util::StreamExt as _;
use ops_api::{
    ControlClient, Endpoint, Health, NewOperation, OperationState, Problem, StackFile, WatchEvent,
};
use ops_control::control::{self, ControlError};
use ops_control::folder::{self, Folder};
use ops_control::topology::Topology;
use tokio::task::JoinHandle;
use tokio_util::sync::CancellationToken;

struct Running {
    base: String,
    operator: String,
    fabric: String,
    stop: CancellationToken,
    task: JoinHandle<Result<(), ControlError>>,
}

async fn start(root: &std::path::Path) -> Running {
    let folder = Folder::new(root);
    folder.create().unwrap();
    let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await.unwrap();
    let base = format!("http://{}", listener.local_addr().unwrap());
    let stack = StackFile {
        supervisor_pid: 0,
        environment: "ci".to_owned(),
        control: base.clone(),
        // Nobody listens there.
        store: "http://127.0.0.1:1".to_owned(),
        edge: String::new(),
        syslog: String::new(),
        punt_socket: folder.punt_socket(),
        endpoints: vec![Endpoint {
            name: "punt-0".to_owned(),
            address: "127.0.0.1:1".to_owned(),
        }],
    };
    std::fs::write(StackFile::path(root), serde_json::to_vec(&stack).unwrap()).unwrap();
    let operator = folder::token(&folder.control_token()).unwrap();
    let fabric = folder::token(&folder.fabric_token()).unwrap();
    let stop = CancellationToken::new();
    let ended = stop.clone();
    let task =
        tokio::spawn(async move { control::serve(&folder, Topology::default(), listener, ended).await });
    Running {
        base,
        operator,
        fabric,
        stop,
        task,
    }
}

impl Running {
    fn client(&self) -> ControlClient {
        ControlClient::new(&self.base, &self.operator)
    }

    async fn post(
        &self,
        path: &str,
        token: &str,
        key: Option<&str>,
        body: &impl serde::Serialize,
    ) -> (u16, String) {
        let mut request = reqwest::Client::new()
            .post(format!("{}{path}", self.base))
            .json(body)
            .bearer_auth(token);
        if let Some(key) = key {
            request = request.header("idempotency-key", key);
        }
        let response = request.send().await.unwrap();
        (response.status().as_u16(), response.text().await.unwrap())
    }

    async fn lease(&self, state: MemberState, incarnation: u64) -> (u16, String) {
        let request = LeaseRequest {
            member: Member {
                node: "guilds-0".into(),
                cluster: Cluster::Guilds,
                incarnation: Incarnation(incarnation),
                state,
                address: "127.0.0.1:1".parse().unwrap(),
                admin: "127.0.0.1:1".parse().unwrap(),
            },
            known: Generation(0),
            wait_ms: 0,
            leave: false,
        };
        self.post("/v1/lease", &self.fabric, None, &request).await
    }

    async fn end(self) {
        self.stop.cancel();
        let ended = tokio::time::timeout(Duration::from_secs(20), self.task).await;
        ended.unwrap().unwrap().unwrap();
    }
}

fn restart(cluster: &str) -> NewOperation {
    NewOperation {
        cluster: cluster.to_owned(),
        node: None,
        mode: ops_api::Mode::Rolling,
        reason: "a test".to_owned(),
        by: "ada/test".to_owned(),
        drain_timeout_ms: None,
        dry_run: false,
        options: ops_api::RestartOptions::default(),
    }
}

fn kind(answer: &str) -> String {
    serde_json::from_str::<Problem>(answer).unwrap().kind
}

#[tokio::test]
async fn each_door_wants_its_own_token() {
    let data = tempfile::tempdir().unwrap();
    let running = start(data.path()).await;
    let http = reqwest::Client::new();
    let get = |path: &str| http.get(format!("{}{path}", running.base));
    assert_eq!(get("/readyz").send().await.unwrap().status(), 200);
    assert_eq!(get("/v1/status").send().await.unwrap().status(), 401);
    let wrong = get("/v1/status")
        .bearer_auth(&running.fabric)
        .send()
        .await
        .unwrap();
    assert_eq!(wrong.status(), 401);
    assert_eq!(kind(&wrong.text().await.unwrap()), "unauthorized");
    let (status, _) = running.post("/v1/lease", &running.operator, None, &()).await;
    assert_eq!(status, 401);
    assert_eq!(running.lease(MemberState::Ready, 1).await.0, 200);
    running.end().await;
}

#[tokio::test]
async fn nothing_that_nobody_answers_for_is_green() {
    let data = tempfile::tempdir().unwrap();
    let running = start(data.path()).await;
    let mut watch = Box::pin(running.client().watch().await.unwrap());
    let fleet = loop {
        if let WatchEvent::Fleet(fleet) = watch.next().await.unwrap().unwrap() {
            break fleet;
        }
    };
    assert_ne!(fleet.health, Health::Green);
    let others = fleet.clusters.iter().filter(|cluster| cluster.name != "control");
    assert!(
        others.clone().all(|cluster| cluster.health != Health::Green),
        "{fleet:?}"
    );
    assert_eq!(others.count(), 9);
    running.end().await;
}

#[tokio::test]
async fn operations_are_refused_by_name_and_a_plan_says_which_gate_would() {
    let data = tempfile::tempdir().unwrap();
    let running = start(data.path()).await;
    let ask = async |request: &NewOperation, key: Option<&str>| {
        let (status, answer) = running
            .post("/v1/operations", &running.operator, key, request)
            .await;
        (status, kind(&answer))
    };
    assert_eq!(ask(&restart("guilds"), None).await, (400, "no-key".to_owned()));
    assert_eq!(
        ask(&restart("nope"), Some("1")).await,
        (404, "unknown-cluster".to_owned())
    );
    assert_eq!(ask(&restart("guilds"), Some("2")).await, (409, "gate".to_owned()));
    let plan = NewOperation {
        dry_run: true,
        ..restart("guilds")
    };
    let plan = running.client().start(&plan, "3").await.unwrap();
    assert_eq!(plan.state, OperationState::Planned);
    assert!(
        plan.gates
            .iter()
            .any(|gate| gate.starts_with("supervisor: cannot reach")),
        "{:?}",
        plan.gates
    );
    assert!(
        running.client().operations().await.unwrap().is_empty(),
        "nothing was begun"
    );
    running.end().await;
}

#[tokio::test]
async fn the_membership_survives_and_its_generation_never_goes_back() {
    let data = tempfile::tempdir().unwrap();
    let running = start(data.path()).await;
    running.lease(MemberState::Starting, 7).await;
    let (_, answer) = running.lease(MemberState::Ready, 7).await;
    let before: LeaseGrant = serde_json::from_str(&answer).unwrap();
    assert_eq!(before.membership.generation, Generation(2));
    running.end().await;

    let running = start(data.path()).await;
    let (_, answer) = running.lease(MemberState::Ready, 7).await;
    let after: LeaseGrant = serde_json::from_str(&answer).unwrap();
    assert_eq!(
        after.membership, before.membership,
        "its lease had a term of grace"
    );
    let (status, answer) = running.lease(MemberState::Ready, 6).await;
    assert_eq!((status, kind(&answer)), (409, "replaced".to_owned()));
    let (_, answer) = running.lease(MemberState::Ready, 8).await;
    let replaced: LeaseGrant = serde_json::from_str(&answer).unwrap();
    assert_eq!(replaced.membership.generation, Generation(3));
    running.end().await;
}
