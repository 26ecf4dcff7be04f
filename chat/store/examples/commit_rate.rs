//! How long a durable commit takes here, by batch size. `cargo run --release --example commit_rate -- FOLDER`
#![allow(clippy::print_stdout, reason = "an example reports on its standard output")]

use std::path::PathBuf;
use std::time::{Duration, Instant};

use bytes::Bytes;
use chat_proto::service::data::{Change, GuildRecord, StoredEvent};
use chat_proto::{Epoch, EventKind, EventNumber, GuildEvent, GuildId, NodeName, Payload, UserId};
use chat_store::{Embedded, Store, Write};

fn main() {
    let folder = std::env::args()
        .nth(1)
        .map_or_else(std::env::temp_dir, PathBuf::from);
    let store = Embedded::open(&folder.join("commit-rate")).expect("the folder can be written to");
    let guild = GuildId(
        std::time::SystemTime::now()
            .duration_since(std::time::UNIX_EPOCH)
            .map_or(1, |since| since.as_secs()),
    );
    let record = GuildRecord {
        id: guild,
        name: "a guild".into(),
        owner: UserId(1),
        channels: Vec::new(),
        members: Vec::new(),
    };
    let claim = Write::Claim {
        guild,
        epoch: Epoch(1),
        node: NodeName::from("guilds-0"),
        recent: 0,
        max_bytes: 0,
    };
    store
        .write(&[Write::CreateGuild(record), claim])
        .expect("the store works");
    let mut next = 1;
    for batch in [1, 16, 256] {
        let began = Instant::now();
        let mut commits: u32 = 0;
        while began.elapsed() < Duration::from_secs(3) {
            let events = (next..next + batch).map(|number| event(guild, number)).collect();
            next += batch;
            let append = Write::Append {
                guild,
                epoch: Epoch(1),
                events,
            };
            for answer in store.write(&[append]).expect("the store works") {
                answer.expect("the numbers are contiguous");
            }
            commits += 1;
        }
        println!("{batch:>4} events a commit: {:?} each", began.elapsed() / commits);
    }
}

fn event(guild: GuildId, number: u64) -> StoredEvent {
    StoredEvent {
        event: GuildEvent {
            guild,
            number: Some(EventNumber(number)),
            epoch: Epoch(1),
            kind: EventKind::MessageCreate,
            payload: Payload {
                full: Bytes::from(vec![b'x'; 700]),
                without_content: Some(Bytes::from(vec![b'x'; 650])),
                author: None,
            },
        },
        change: Change::None,
    }
}
