//! The supervisor over small real processes: starts, restarts, stops by life, sockets that outlive their
//! process, and no orphan.

#![allow(
    clippy::unwrap_used,
    clippy::panic,
    reason = "a test's own tools may panic; clippy excuses only what is inside a #[test]"
)]

use std::path::{Path, PathBuf};
use std::time::Duration;

use ops_control::supervisor::wire::{Listing, Phase, Process, ProcessState, SupervisorClient};
use ops_control::supervisor::{ProcessSpec, Socket, SuperviseError, supervise};
use tokio::task::JoinHandle;
use tokio_util::sync::CancellationToken;

const LONG: Duration = Duration::from_secs(20);

struct Running {
    client: SupervisorClient,
    stop: CancellationToken,
    task: JoinHandle<Result<(), SuperviseError>>,
    folder: tempfile::TempDir,
}

fn shell(folder: &Path, node: &str, script: &str) -> ProcessSpec {
    ProcessSpec {
        node: node.to_owned(),
        cluster: node.split('-').next().unwrap().to_owned(),
        program: PathBuf::from("/bin/sh"),
        args: vec!["-c".into(), script.into()],
        env: Vec::new(),
        sockets: Vec::new(),
        kin: None,
        stderr: folder.join(format!("{node}.stderr")),
        probe: None,
        grace: Duration::from_secs(5),
        gate: true,
    }
}

fn start(stages: impl FnOnce(&Path) -> Vec<Vec<ProcessSpec>>) -> Running {
    let folder = tempfile::tempdir().unwrap();
    let socket = folder.path().join("s.sock");
    let stages = stages(folder.path());
    let stop = CancellationToken::new();
    let (path, token) = (socket.clone(), stop.clone());
    let task = tokio::spawn(async move { supervise(&path, stages, token).await });
    Running {
        client: SupervisorClient::new(&socket),
        stop,
        task,
        folder,
    }
}

impl Running {
    async fn until(&self, what: &str, holds: impl Fn(&Listing) -> bool) -> Listing {
        let mut seen = None;
        let wait = async {
            loop {
                if let Ok(listing) = self.client.list().await {
                    if holds(&listing) {
                        return listing;
                    }
                    seen = Some(listing);
                }
                tokio::time::sleep(Duration::from_millis(10)).await;
            }
        };
        match tokio::time::timeout(LONG, wait).await {
            Ok(listing) => listing,
            Err(_) => panic!("never {what}; last seen {seen:?}"),
        }
    }

    async fn process(&self, node: &str, what: &str, holds: impl Fn(&Process) -> bool) -> Process {
        let listing = self
            .until(what, |listing| listing.process(node).is_some_and(&holds))
            .await;
        listing.process(node).unwrap().clone()
    }

    async fn end(self) {
        self.stop.cancel();
        tokio::time::timeout(LONG, self.task)
            .await
            .unwrap()
            .unwrap()
            .unwrap();
    }
}

fn alive(pid: u32) -> bool {
    let stat = std::fs::read_to_string(format!("/proc/{pid}/stat")).unwrap_or_default();
    // A zombie that nobody has reaped yet is not alive.
    stat.rsplit(')')
        .next()
        .is_some_and(|rest| !rest.is_empty() && !rest.starts_with(" Z"))
}

async fn until_dead(pid: u32) {
    let wait = async {
        while alive(pid) {
            tokio::time::sleep(Duration::from_millis(10)).await;
        }
    };
    tokio::time::timeout(LONG, wait)
        .await
        .unwrap_or_else(|_| panic!("process {pid} is still there"));
}

#[tokio::test]
async fn a_process_that_ends_by_itself_is_started_again_and_counted() {
    let running = start(|folder| vec![vec![shell(folder, "a-0", "exec sleep 1000")]]);
    let first = running
        .process("a-0", "running", |p| p.state == ProcessState::Running)
        .await;
    nix::sys::signal::kill(
        nix::unistd::Pid::from_raw(i32::try_from(first.pid).unwrap()),
        nix::sys::signal::Signal::SIGKILL,
    )
    .unwrap();
    let second = running
        .process("a-0", "running again", |p| {
            p.pid != first.pid && p.state == ProcessState::Running
        })
        .await;
    assert_eq!(second.restarts, 1);
    assert!(second.incarnation > first.incarnation);
    assert_eq!(second.last_exit.as_deref(), Some("killed by SIGKILL"));
    running.end().await;
    assert!(!alive(second.pid));
}

#[tokio::test]
async fn the_pipe_that_tells_a_process_of_its_parent_stays_open() {
    let running = start(|folder| vec![vec![shell(folder, "a-0", "cat; echo over")]]);
    let process = running
        .process("a-0", "running", |p| p.state == ProcessState::Running)
        .await;
    // A stop of another process's life is a round trip through the keeper: by then a closed pipe would show.
    for _ in 0..20 {
        running.client.stop("a-0", 1, Duration::ZERO).await.unwrap();
    }
    let now = running
        .client
        .list()
        .await
        .unwrap()
        .process("a-0")
        .unwrap()
        .clone();
    assert_eq!((now.pid, now.restarts), (process.pid, 0));
    running.end().await;
}

#[tokio::test]
async fn a_stop_reaches_only_the_life_that_it_names_and_holds_until_a_start() {
    let running = start(|folder| vec![vec![shell(folder, "a-0", "exec sleep 1000")]]);
    let first = running
        .process("a-0", "running", |p| p.state == ProcessState::Running)
        .await;
    let grace = Duration::from_secs(5);
    assert!(
        !running
            .client
            .stop("a-0", first.incarnation + 1, grace)
            .await
            .unwrap(),
        "another life"
    );
    assert!(alive(first.pid));
    assert!(
        running
            .client
            .stop("a-0", first.incarnation, grace)
            .await
            .unwrap()
    );
    assert!(!alive(first.pid));
    assert!(
        !running
            .client
            .stop("a-0", first.incarnation, grace)
            .await
            .unwrap(),
        "gone already"
    );
    let stopped = running
        .client
        .list()
        .await
        .unwrap()
        .process("a-0")
        .unwrap()
        .clone();
    assert_eq!((stopped.state, stopped.restarts), (ProcessState::Stopped, 0));
    let second = running.client.start("a-0").await.unwrap();
    assert_eq!(
        running.client.start("a-0").await.unwrap().pid,
        second.pid,
        "it runs already"
    );
    assert!(
        !running
            .client
            .stop("a-0", first.incarnation, grace)
            .await
            .unwrap(),
        "a life of before"
    );
    assert!(alive(second.pid));
    running.end().await;
}

#[tokio::test]
async fn who_ignores_sigterm_is_killed_with_its_children_when_the_grace_is_over() {
    let script = "trap '' TERM; sleep 1000 & echo $! >child; wait; wait";
    let running = start(|folder| {
        let mut spec = shell(folder, "a-0", &format!("cd {}; {script}", folder.display()));
        spec.grace = Duration::from_millis(200);
        vec![vec![spec]]
    });
    let first = running
        .process("a-0", "running", |p| p.state == ProcessState::Running)
        .await;
    let file = running.folder.path().join("child");
    let child = async {
        loop {
            if let Ok(pid) = std::fs::read_to_string(&file).unwrap_or_default().trim().parse() {
                return pid;
            }
            tokio::time::sleep(Duration::from_millis(10)).await;
        }
    };
    let child: u32 = tokio::time::timeout(LONG, child).await.unwrap();
    running
        .client
        .stop("a-0", first.incarnation, Duration::from_millis(200))
        .await
        .unwrap();
    until_dead(first.pid).await;
    until_dead(child).await;
    running.end().await;
}

#[tokio::test]
async fn the_next_stage_starts_when_the_gates_of_the_one_before_are_ready() {
    let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await.unwrap();
    let probe = format!("http://{}/readyz", listener.local_addr().unwrap());
    let running = start(|folder| {
        let mut gate = shell(folder, "a-0", "exec sleep 1000");
        gate.probe = Some(probe);
        vec![vec![gate], vec![shell(folder, "b-0", "exec sleep 1000")]]
    });
    running
        .process("a-0", "running", |p| p.state == ProcessState::Running && !p.ready)
        .await;
    let listing = running.client.list().await.unwrap();
    assert_eq!(listing.process("b-0").unwrap().state, ProcessState::Pending);
    assert_eq!(listing.phase, Phase::Starting);
    let served = tokio::spawn(async move {
        let router = axum::Router::new().route("/readyz", axum::routing::get(|| async { "ok" }));
        axum::serve(listener, router).await
    });
    running.until("up", |listing| listing.phase == Phase::Up).await;
    served.abort();
    running.end().await;
}

#[tokio::test]
async fn a_shutdown_over_the_socket_stops_everything_and_removes_the_socket() {
    let running = start(|folder| vec![vec![shell(folder, "a-0", "exec sleep 1000")]]);
    let process = running
        .process("a-0", "running", |p| p.state == ProcessState::Running)
        .await;
    running.client.shutdown().await.unwrap();
    tokio::time::timeout(LONG, running.task)
        .await
        .unwrap()
        .unwrap()
        .unwrap();
    assert!(!alive(process.pid));
    assert!(!running.folder.path().join("s.sock").exists());
}

#[tokio::test]
async fn a_socket_outlives_its_process_and_is_inherited_by_the_next() {
    let socket = Socket::bind("main", "127.0.0.1:0".parse().unwrap()).unwrap();
    let address = socket.address().unwrap();
    let running = start(|folder| {
        let script = "echo $LISTEN_FDS $LISTEN_FDNAMES $(readlink /proc/self/fd/3) >&2; exec sleep 1000";
        let mut spec = shell(folder, "a-0", script);
        spec.sockets = vec![socket];
        vec![vec![spec]]
    });
    let first = running
        .process("a-0", "running", |p| p.state == ProcessState::Running)
        .await;
    running
        .client
        .stop("a-0", first.incarnation, Duration::from_secs(5))
        .await
        .unwrap();
    // Nobody accepts, and still nobody is refused.
    tokio::net::TcpStream::connect(address).await.unwrap();
    running.client.start("a-0").await.unwrap();
    let path = running.folder.path().join("a-0.stderr");
    let lines = async {
        loop {
            let text = std::fs::read_to_string(&path).unwrap_or_default();
            if text.lines().count() == 2 {
                return text;
            }
            tokio::time::sleep(Duration::from_millis(10)).await;
        }
    };
    let text = tokio::time::timeout(LONG, lines).await.unwrap();
    let lines: Vec<&str> = text.lines().collect();
    assert!(lines[0].starts_with("1 main socket:["), "{text}");
    assert_eq!(lines[0], lines[1], "the same socket");
    running.end().await;
}
