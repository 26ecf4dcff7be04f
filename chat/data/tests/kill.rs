//! `kill -9` of a process that appends loses nothing that it acknowledged.
//!
//! The test runs itself again as a child that appends to several guilds at once and says on its standard output
//! what was acknowledged; kills it in the middle of that; and compares what it said with what the store has.

mod sample;

use std::collections::HashMap;
use std::io::{BufRead as _, BufReader};
use std::path::Path;
use std::process::{Command, Stdio};
use std::sync::Arc;

use chat_data::Writer;
use chat_proto::{EventNumber, GuildId};
use chat_store::{Embedded, Settings, Store, Written};
use sample::{append, claim, create};

const FOLDER: &str = "CHAT_DATA_KILL_TEST_FOLDER";
/// Set when the child is to work as a small store does.
const SMALL: &str = "CHAT_DATA_KILL_TEST_SMALL";

const GUILDS: u64 = 8;
const LIVES: u64 = 6;

#[test]
fn a_killed_process_loses_nothing_acknowledged() {
    let folder = tempfile::tempdir().unwrap();
    let mut acknowledged: HashMap<u64, u64> = HashMap::new();
    for life in 1..=LIVES {
        for (guild, number) in live_and_die(folder.path(), life) {
            let last = acknowledged.entry(guild).or_default();
            *last = number.max(*last);
        }
        let store = Embedded::open(folder.path()).unwrap();
        assert_eq!(acknowledged.len() as u64, GUILDS, "every guild was written to");
        for (guild, last) in &acknowledged {
            let page = store.events(GuildId(*guild), EventNumber(0), usize::MAX, usize::MAX);
            let page = page.unwrap().unwrap();
            assert!(
                page.last.0 >= *last,
                "life {life}: guild {guild} has {} events, {last} were acknowledged",
                page.last
            );
            let numbers: Vec<u64> = page
                .events
                .iter()
                .map(|stored| stored.event.number.unwrap().0)
                .collect();
            assert_eq!(numbers, (1..=page.last.0).collect::<Vec<_>>(), "no hole");
        }
    }
}

/// Starts the child, kills it after some acknowledgements, and returns all that it gave.
fn live_and_die(folder: &Path, life: u64) -> Vec<(u64, u64)> {
    let mut child = Command::new(std::env::current_exe().expect("this test is a file"))
        .args([
            "--exact",
            "appends_until_it_is_killed",
            "--ignored",
            "--nocapture",
        ])
        .env(FOLDER, folder)
        .envs(life.is_multiple_of(2).then_some((SMALL, "1")))
        .stdout(Stdio::piped())
        .spawn()
        .expect("it can run itself");
    let mut lines = BufReader::new(child.stdout.take().expect("it is piped"))
        .lines()
        .map(|line| line.expect("it says text"));
    let acknowledgement = |line: String| {
        let (guild, number) = line.strip_prefix("ack ")?.split_once(' ')?;
        Some((guild.parse().ok()?, number.parse().ok()?))
    };
    let enough = 100 * GUILDS as usize + 37 * life as usize;
    let mut seen: Vec<(u64, u64)> = lines.by_ref().filter_map(acknowledgement).take(enough).collect();
    child.kill().expect("it can be killed");
    // What it had said before it died, down to the last whole line.
    seen.extend(lines.filter_map(acknowledgement));
    child.wait().expect("it has ended");
    assert!(seen.len() >= enough, "the child ended by itself");
    seen
}

/// Not a test of its own: the child.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
#[ignore = "the child of another test"]
async fn appends_until_it_is_killed() {
    let Some(folder) = std::env::var_os(FOLDER) else {
        return;
    };
    // Every other life works as a large store does.
    let small = std::env::var_os(SMALL).is_some();
    let settings = Settings {
        quick_repair_from_bytes: if small { u64::MAX } else { 0 },
        ..Settings::default()
    };
    let store = Arc::new(Embedded::open_with(Path::new(&folder), settings).unwrap());
    let writer = Arc::new(Writer::start(store.clone(), |_| {}).unwrap());
    let mut guilds = tokio::task::JoinSet::new();
    for guild in 1..=GUILDS {
        writer.write(create(guild)).await.unwrap();
        let Written::Claimed { last, .. } = writer.write(claim(guild, 1)).await.unwrap() else {
            unreachable!("a claim is answered with what was claimed");
        };
        let writer = writer.clone();
        guilds.spawn(async move {
            let mut next = last.0 + 1;
            loop {
                // Batches of one to three, as an owner makes them.
                let end = next + next % 3;
                writer.write(append(guild, 1, next..=end)).await.unwrap();
                println!("ack {guild} {end}");
                next = end + 1;
            }
        });
    }
    guilds.join_next().await;
}
