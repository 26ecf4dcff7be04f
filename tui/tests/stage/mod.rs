//! What the tests look at: a small stack in the middle of an ordinary bad day, and a way to play keys on it and
//! to picture a screen, with its styles, as text. Not all tests use all of it.
#![allow(clippy::unwrap_used, reason = "a stage that cannot be set is a failed test")]
#![allow(dead_code, reason = "each test binary uses its own part of the stage")]

use jiff::tz::TimeZone;
use jiff::{SignedDuration, Timestamp};
use ops_api::{
    AuditEntry, ClusterStatus, Fleet, Health, Mode, NewOperation, NodeStatus, NodeStep, Operation,
    OperationState, ServiceKind, StepState,
};
use ratatui::Terminal;
use ratatui::backend::TestBackend;
use ratatui::buffer::Buffer;
use ratatui::style::{Color, Modifier};
use serde_json::json;
use tui::key::Key;
use tui::state::logs::{Batch, LogRecord};
use tui::state::{Cmd, Event, Feed, Moment, Msg, Settings, State, update};
use tui::view::{Look, view};

/// Noon of the day of the tests.
pub(crate) fn noon() -> Timestamp {
    "2026-03-01T12:00:00Z".parse().unwrap()
}

/// A console and its clock.
pub(crate) struct Stage {
    pub(crate) state: State,
    pub(crate) ms: u64,
    /// Everything that was asked of the world.
    pub(crate) asked: Vec<Cmd>,
}

impl Stage {
    /// A console that knows nothing yet.
    pub(crate) fn empty(columns: u16, rows: u16) -> Self {
        let settings = Settings {
            by: "ada (console)".to_owned(),
            control: "http://127.0.0.1:7070".to_owned(),
            store: "http://127.0.0.1:9200".to_owned(),
            session: "5e551011".to_owned(),
            zone: TimeZone::fixed(jiff::tz::offset(1)),
        };
        let state = State::new(settings, moment(0), (columns, rows));
        Self {
            state,
            ms: 0,
            asked: Vec::new(),
        }
    }

    /// A console that has watched the fleet for some seconds.
    pub(crate) fn watched(columns: u16, rows: u16, seconds: u16) -> Self {
        let mut stage = Self::empty(columns, rows);
        // The log of the day begins in the fifth minute.
        stage.ms = 300_000 - u64::from(seconds) * 1000;
        for second in 0..seconds {
            stage.wait(1000);
            let wave = f64::from(second % 40) / 40.0;
            stage.send(Msg::Fleet(Box::new(fleet(stage.ms, wave))));
        }
        stage.send(Msg::Operations(vec![ended_operation()]));
        stage.send(Msg::Logs(
            Feed::Tail,
            0,
            Batch {
                records: tail(),
                skipped: 0,
            },
        ));
        stage
    }

    pub(crate) fn wait(&mut self, ms: u64) {
        self.ms += ms;
    }

    pub(crate) fn send(&mut self, msg: Msg) -> Vec<Cmd> {
        // A message that is recorded and replayed is the same message.
        let text = serde_json::to_string(&Event {
            at: moment(self.ms),
            msg,
        })
        .unwrap();
        let cmds = update(&mut self.state, serde_json::from_str(&text).unwrap());
        self.asked.extend(cmds.clone());
        cmds
    }

    pub(crate) fn key(&mut self, key: Key) -> Vec<Cmd> {
        self.send(Msg::Key(key))
    }

    /// Plays characters, one key each.
    pub(crate) fn keys(&mut self, text: &str) -> Vec<Cmd> {
        text.chars()
            .flat_map(|character| self.key(Key::Char(character)))
            .collect()
    }

    /// Types a command.
    pub(crate) fn command(&mut self, line: &str) -> Vec<Cmd> {
        self.keys(":");
        self.keys(line);
        self.key(Key::Enter)
    }

    /// Allows changes, for a reason.
    pub(crate) fn arm(&mut self) {
        self.keys("W");
        self.keys("memory grows");
        self.key(Key::Enter);
    }

    /// Waits until a sheet listens.
    pub(crate) fn settle(&mut self) {
        self.wait(301);
    }

    pub(crate) fn logs(&mut self) {
        let generation = self.state.logs.generation;
        self.send(Msg::Logs(
            Feed::Logs,
            generation,
            Batch {
                records: records(),
                skipped: 0,
            },
        ));
        let late = records().pop().unwrap();
        let late = LogRecord {
            id: "late".to_owned(),
            at: late.at + SignedDuration::from_secs(5),
            ..late
        };
        self.send(Msg::Logs(
            Feed::Logs,
            generation,
            Batch {
                records: vec![late],
                skipped: 1284,
            },
        ));
    }

    pub(crate) fn buffer(&self, look: Look) -> Buffer {
        let (columns, rows) = self.state.size;
        let mut terminal = Terminal::new(TestBackend::new(columns, rows)).unwrap();
        terminal
            .draw(|frame| drop(view(&self.state, look, frame)))
            .unwrap();
        terminal.backend().buffer().clone()
    }

    /// The screen as text, then the same screen with a letter for each style.
    pub(crate) fn picture(&self, look: Look) -> String {
        let buffer = self.buffer(look);
        let mut text = String::new();
        let mut styles = String::new();
        for y in 0..buffer.area.height {
            let cells = (0..buffer.area.width).map(|x| &buffer[(x, y)]);
            let row: String = cells.clone().map(|cell| cell.symbol()).collect();
            let style: String = cells
                .map(|cell| letter(cell.fg, cell.bg, cell.modifier))
                .collect();
            text.push_str(&format!("|{row}|\n"));
            styles.push_str(&format!("{}\n", style.trim_end()));
        }
        format!("{text}{styles}")
    }
}

/// One letter a style: the colour's first letter, a capital when bold, `#` for reversed, `,` for dim.
fn letter(foreground: Color, background: Color, modifier: Modifier) -> char {
    assert_eq!(background, Color::Reset, "no background is ever set");
    if modifier.contains(Modifier::REVERSED) {
        return '#';
    }
    let letter = match foreground {
        Color::Red => 'r',
        Color::Yellow => 'y',
        Color::Green => 'g',
        Color::Cyan => 'c',
        Color::Magenta => 'm',
        Color::LightRed | Color::Indexed(124 | 202) => 'r',
        Color::LightYellow | Color::Indexed(130 | 227) => 'y',
        Color::LightGreen | Color::Indexed(28 | 74) => 'g',
        Color::LightCyan | Color::Indexed(25 | 33) => 'c',
        Color::LightMagenta | Color::Indexed(90 | 175) => 'm',
        _ if modifier.contains(Modifier::UNDERLINED) => 'u',
        _ if modifier.contains(Modifier::BOLD) => 'b',
        _ if modifier.contains(Modifier::DIM) => return ',',
        _ => return ' ',
    };
    if modifier.contains(Modifier::BOLD) {
        letter.to_ascii_uppercase()
    } else {
        letter
    }
}

pub(crate) fn moment(ms: u64) -> Moment {
    let wall = noon() + SignedDuration::from_millis(i64::try_from(ms).unwrap());
    Moment { wall, ms }
}

/// Seven clusters and the platform; guilds has lost a node, presence is slow.
pub(crate) fn fleet(ms: u64, wave: f64) -> Fleet {
    use Health::{Green, Red, Yellow};
    let cluster =
        |name: &str, health, nodes: u32, rate: f64, unit: &str| cluster(name, health, nodes, rate, unit);
    let mut clusters = vec![
        cluster("data", Green, 1, 420.0, "channels"),
        cluster("guilds", Red, 3, 503.0 + 300.0 * wave, "guilds"),
        cluster("presence", Yellow, 3, 611.0, "users"),
        cluster("sessions", Green, 4, 842.0, "sessions"),
        cluster("gateway", Green, 3, 842.0 - 200.0 * wave, "sockets"),
        cluster("api", Green, 2, 1210.0, ""),
        cluster("edge", Green, 2, 1934.0 * wave, "sockets"),
    ];
    for name in ["punt", "logstore", "control"] {
        let mut platform = cluster(name, Green, 1, 312.0, "");
        platform.kind = ServiceKind::Platform;
        clusters.push(platform);
    }
    let guilds = &mut clusters[1];
    guilds.ready = 2;
    guilds.error_percent = 8.1;
    guilds.p99_ms = 920.0;
    guilds.queue = 18_240;
    guilds.restarts = 1;
    guilds.reason = "guilds-2 is lost: no answer for 41s".to_owned();
    let lost = &mut guilds.nodes[2];
    lost.health = Red;
    lost.state = "lost".to_owned();
    lost.pid = 0;
    lost.holds = 0;
    lost.reason = "no answer for 41s".to_owned();
    lost.restarts = 1;
    lost.age_ms = 41_000;
    clusters[2].reason = "presence-1: queue at 81% of its bound".to_owned();
    clusters[2].nodes[1].health = Yellow;
    clusters[2].nodes[1].reason = "queue at 81% of its bound".to_owned();
    Fleet {
        api_version: "ops/v1".to_owned(),
        kind: "Fleet".to_owned(),
        view: "control".to_owned(),
        at: moment(ms.saturating_sub(400)).wall,
        environment: "local".to_owned(),
        generation: 41,
        health: Red,
        clusters,
        operation: None,
    }
}

fn cluster(name: &str, health: Health, nodes: u32, rate: f64, unit: &str) -> ClusterStatus {
    let node = |number: u32| NodeStatus {
        name: format!("{name}-{number}"),
        cluster: name.to_owned(),
        health: Health::Green,
        reason: String::new(),
        state: "ready".to_owned(),
        pid: 4120 + number,
        incarnation: 3,
        version: "0.1.0".to_owned(),
        address: format!("127.0.0.1:4{number}001"),
        admin: format!("127.0.0.1:4{number}002"),
        rate: rate / f64::from(nodes),
        error_percent: 0.02,
        p99_ms: 7.4,
        queue: 12,
        holds: 348 + u64::from(number),
        holds_unit: unit.to_owned(),
        rss_bytes: 120 << 20,
        uptime_ms: 273_600_000,
        restarts: 0,
        age_ms: 300,
    };
    ClusterStatus {
        name: name.to_owned(),
        kind: ServiceKind::Chat,
        health,
        reason: String::new(),
        ready: nodes,
        total: nodes,
        rate,
        error_percent: 0.02,
        p99_ms: 7.4,
        queue: 36,
        restarts: 0,
        nodes: (0..nodes).map(node).collect(),
    }
}

/// A restart of sessions, at its second node.
pub(crate) fn running_operation() -> Operation {
    let started = Some(moment(280_000).wall);
    let step = |number: u32, state, left| NodeStep {
        node: format!("sessions-{number}"),
        state,
        incarnation: 3,
        held: if state == StepState::Pending { 0 } else { 348 },
        left,
        started: started.filter(|_| state != StepState::Pending),
        ended: Some(moment(291_000).wall).filter(|_| state == StepState::Done),
    };
    Operation {
        id: "op_01jnq7f2".to_owned(),
        request: request("sessions", false),
        state: OperationState::Running,
        fence: 118,
        steps: vec![
            step(0, StepState::Done, 0),
            step(1, StepState::Draining, 136),
            step(2, StepState::Pending, 0),
            step(3, StepState::Pending, 0),
        ],
        gates: vec!["lock free: ok".to_owned(), "others ready: ok".to_owned()],
        error: None,
        paused: None,
        plan: ops_api::Plan::default(),
        guard: ops_api::GuardView::default(),
        admission: None,
        created: moment(279_000).wall,
        ended: None,
    }
}

pub(crate) fn ended_operation() -> Operation {
    Operation {
        id: "op_01jnq6a0".to_owned(),
        request: request("presence", false),
        state: OperationState::Failed,
        steps: Vec::new(),
        error: Some("presence-1 did not become ready in 30s".to_owned()),
        created: moment(0).wall - SignedDuration::from_mins(50),
        ended: Some(moment(0).wall - SignedDuration::from_mins(48)),
        ..running_operation()
    }
}

pub(crate) fn request(cluster: &str, dry_run: bool) -> NewOperation {
    NewOperation {
        cluster: cluster.to_owned(),
        node: None,
        mode: Mode::Rolling,
        reason: "memory grows since the last release".to_owned(),
        by: "ada (console)".to_owned(),
        drain_timeout_ms: None,
        dry_run,
        options: ops_api::RestartOptions::default(),
    }
}

pub(crate) fn audit() -> Vec<AuditEntry> {
    let entry = |ms, action: &str, outcome: &str| AuditEntry {
        at: moment(ms).wall,
        by: "ada (console)".to_owned(),
        action: action.to_owned(),
        reason: "memory grows since the last release".to_owned(),
        outcome: outcome.to_owned(),
        operation: Some("op_01jnq7f2".to_owned()),
        number: 0,
        prev: String::new(),
        hash: String::new(),
    };
    vec![
        entry(279_000, "restart sessions", "intent"),
        entry(12_000, "restart presence", "failure"),
        entry(2_000, "create account", "success"),
    ]
}

fn record(ms: u64, level: &str, node: &str, message: &str, more: serde_json::Value) -> LogRecord {
    let cluster = node.split('-').next().unwrap();
    let mut source = json!({
        "@timestamp": moment(ms).wall.to_string(), "log.level": level, "message": message, "ecs.version": "8.11",
        "service.name": cluster, "service.node.name": node, "service.version": "0.1.0",
        "event.dataset": format!("{cluster}.log"), "log.logger": format!("chat_{cluster}::lease"),
    });
    for (name, value) in more.as_object().unwrap() {
        source[name] = value.clone();
    }
    LogRecord::read(&format!("guildwatch-2026.03.01/{node}-{ms}"), &source).unwrap()
}

pub(crate) fn tail() -> Vec<LogRecord> {
    vec![
        record(
            258_114,
            "error",
            "guilds-2",
            "lease lost, the node is fenced",
            json!({"trace.id": "4bf92f3577b34da6"}),
        ),
        record(
            258_391,
            "warn",
            "presence-1",
            "queue above its mark, shedding typing",
            json!({}),
        ),
        record(
            260_002,
            "warn",
            "sessions-0",
            "publish retried",
            json!({"error.message": "guilds-2: timed out"}),
        ),
    ]
}

pub(crate) fn records() -> Vec<LogRecord> {
    let trace =
        json!({"trace.id": "4bf92f3577b34da6", "labels.guild_id": "1712", "numeric_labels.held": 340});
    let mut records: Vec<LogRecord> = (0..40)
        .map(|number| {
            record(
                200_000 + number * 1_000,
                "info",
                "guilds-1",
                "guild taken over",
                json!({}),
            )
        })
        .collect();
    records.push(record(
        241_000,
        "notice",
        "sessions-1",
        "subscribed again",
        json!({}),
    ));
    records.push(record(
        243_870,
        "info",
        "guilds-1",
        "owner changed",
        trace.clone(),
    ));
    records.extend(tail());
    records.push(record(
        262_000,
        "info",
        "guilds-0",
        "guild taken over under a new lease",
        trace,
    ));
    records
}
