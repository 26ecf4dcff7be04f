//! The gateway: Hello, Identify or Resume, dispatches, heartbeats.

use std::net::SocketAddr;

use futures_util::{SinkExt as _, StreamExt as _};
use serde_json::{Value, json};
use tokio::net::TcpStream;
use tokio::sync::mpsc;
use tokio_tungstenite::WebSocketStream;
use tokio_tungstenite::tungstenite::Message;
use tokio_tungstenite::tungstenite::protocol::CloseFrame;
use tokio_tungstenite::tungstenite::protocol::frame::coding::CloseCode;

use super::{Fault, Out, Session, Shared, State};

/// More than any test publishes to one session.
const OUTBOX: usize = 4_096;

type Socket = WebSocketStream<TcpStream>;

/// What the client asked for first.
enum Greeting {
    /// Its session goes on (or begins).
    Welcome,
    Invalid,
    Unwelcome,
}

pub(super) async fn serve(stream: TcpStream, shared: Shared, address: SocketAddr) {
    let Ok(mut socket) = tokio_tungstenite::accept_async(stream).await else {
        return;
    };
    let _gone = converse(&mut socket, &shared, address).await;
}

async fn converse(socket: &mut Socket, shared: &Shared, address: SocketAddr) -> Option<()> {
    let hasty = shared.lock().unwrap().hit(Fault::Hasty);
    let interval = if hasty { 100 } else { 30_000 };
    say(
        socket,
        json!({ "op": 10, "d": { "heartbeat_interval": interval } }),
    )
    .await?;
    let (outbox, mut out) = mpsc::channel(OUTBOX);
    loop {
        tokio::select! {
            out = out.recv() => match out? {
                Out::Text(text) => socket.send(Message::text(text)).await.ok()?,
                Out::Break => return None,
            },
            heard = socket.next() => {
                let Message::Text(text) = heard?.ok()? else { continue };
                let heard: Value = serde_json::from_str(&text).unwrap();
                let d = &heard["d"];
                let greeting = match heard["op"].as_u64().unwrap() {
                    1 => {
                        if shared.lock().unwrap().hears_heartbeat() {
                            say(socket, json!({ "op": 11 })).await?;
                        }
                        continue;
                    }
                    2 => shared.lock().unwrap().identify(d, &outbox, address),
                    6 => shared.lock().unwrap().resume(d, &outbox),
                    other => panic!("unexpected op {other}"),
                };
                match greeting {
                    Greeting::Welcome => {}
                    Greeting::Invalid => say(socket, json!({ "op": 9, "d": false })).await?,
                    Greeting::Unwelcome => {
                        let frame = CloseFrame { code: CloseCode::Library(4004), reason: "".into() };
                        return socket.close(Some(frame)).await.ok();
                    }
                }
            }
        }
    }
}

async fn say(socket: &mut Socket, value: Value) -> Option<()> {
    socket.send(Message::text(value.to_string())).await.ok()
}

impl State {
    fn hears_heartbeat(&mut self) -> bool {
        self.heartbeats += 1;
        !self.hit(Fault::Deaf)
    }

    fn identify(&mut self, d: &Value, outbox: &mpsc::Sender<Out>, address: SocketAddr) -> Greeting {
        if self.hit(Fault::Unwelcome) {
            return Greeting::Unwelcome;
        }
        let user = self.users[d["token"].as_str().unwrap()];
        let id = format!("{:020}", self.id());
        let mut session = Session {
            user,
            s: 0,
            sent: Vec::new(),
            held: None,
            connection: Some(outbox.clone()),
        };
        let guilds: Vec<_> = self
            .guilds
            .iter()
            .filter(|(_, guild)| guild.members.contains(&user))
            .map(|(id, _)| id)
            .collect();
        let unavailable: Vec<_> = guilds
            .iter()
            .map(|id| json!({ "id": id.to_string(), "unavailable": true }))
            .collect();
        let ready = json!({ "v": 10, "session_id": id, "resume_gateway_url": format!("ws://{address}"), "guilds": unavailable });
        session.dispatch("READY", &ready);
        for id in guilds {
            session.dispatch("GUILD_CREATE", &json!({ "id": id.to_string(), "name": "g" }));
        }
        self.sessions.insert(id, session);
        Greeting::Welcome
    }

    fn resume(&mut self, d: &Value, outbox: &mpsc::Sender<Out>) -> Greeting {
        let Some(session) = self.sessions.get_mut(d["session_id"].as_str().unwrap()) else {
            return Greeting::Invalid;
        };
        let seq = d["seq"].as_u64().unwrap();
        for (_, text) in session.sent.iter().filter(|(s, _)| *s > seq) {
            outbox.try_send(Out::Text(text.clone())).unwrap();
        }
        session.connection = Some(outbox.clone());
        session.dispatch("RESUMED", &json!({}));
        Greeting::Welcome
    }
}
