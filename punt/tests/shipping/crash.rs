//! `kill -9`, again and again: exact counts.

use std::io::Write as _;
use std::time::Duration;

use serde_json::{Map, json};
use telemetry::SpoolSettings;
use telemetry::spool::Spool;

use crate::engine::{Engine, Fault};
use crate::process::Site;
use crate::wait::until;

const KILLS: usize = 4;
const RECORDS: usize = 20_000;

/// Kills punt each time that another part of the records is stored.
fn kill_repeatedly(site: &Site, engine: &Engine) {
    for kill in 1..=KILLS {
        let punt = site.start();
        until("some more is stored", || {
            (engine.count() >= kill * RECORDS / (KILLS + 2)).then_some(())
        });
        punt.kill();
    }
}

#[test]
fn a_killed_punt_ships_each_line_of_a_file_once() {
    let engine = Engine::start(Fault::None);
    let source = "[sources.app]\ntype = \"file\"\npaths = [\"ROOT/log/*.log\"]";
    let site = Site::new(source, &engine.url(), "batch_events = 100");
    std::fs::create_dir_all(site.path("log")).expect("the folder");
    let mut file = std::fs::File::create(site.path("log/app.log")).expect("the file");
    std::thread::scope(|scope| {
        scope.spawn(|| {
            for number in 0..RECORDS {
                writeln!(file, "message {number}").expect("written");
                if number % 1000 == 0 {
                    std::thread::park_timeout(Duration::from_millis(20));
                }
            }
        });
        kill_repeatedly(&site, &engine);
    });
    let _punt = site.start();
    engine.wait_for(RECORDS);
    engine.assert_each_once(RECORDS);
}

#[test]
fn a_killed_punt_ships_each_record_of_a_spool_once_and_deletes_what_is_done() {
    let engine = Engine::start(Fault::None);
    let source = "[sources.spool]\ntype = \"spool\"\ndir = \"ROOT/spool\"";
    let site = Site::new(source, &engine.url(), "batch_events = 100");
    let folder = site.path("spool/guilds-0");
    let bounds = SpoolSettings {
        segment_bytes: 100_000,
        max_bytes: 1 << 30,
    };
    let spool = Spool::open(&folder, bounds).expect("the spool opens");
    std::thread::scope(|scope| {
        scope.spawn(|| {
            for number in 0..RECORDS {
                spool.write(&Map::from_iter([
                    ("@timestamp".to_owned(), json!("2026-11-24T09:46:51.123Z")),
                    ("message".to_owned(), json!(format!("message {number}"))),
                ]));
                if number % 1000 == 0 {
                    std::thread::park_timeout(Duration::from_millis(20));
                }
            }
        });
        kill_repeatedly(&site, &engine);
    });
    let _punt = site.start();
    engine.wait_for(RECORDS);
    engine.assert_each_once(RECORDS);
    until("only the last segment is left", || {
        (std::fs::read_dir(&folder).expect("the spool").count() == 1).then_some(())
    });
}

#[test]
fn what_a_killed_punt_had_buffered_is_shipped_by_the_next_one() {
    let address = Engine::reserve();
    let source = "[sources.syslog]\ntype = \"syslog\"\ntcp = \"127.0.0.1:0\"";
    let site = Site::new(source, &format!("http://{address}"), "");
    let punt = site.start();
    punt.send(0, 3000);
    punt.wait_for_counter("sink", "buffered", 3000);
    punt.kill();
    let engine = Engine::start_at(address, Fault::None);
    let punt = site.start();
    engine.wait_for(3000);
    engine.assert_each_once(3000);
    assert_eq!(punt.counter("sink", "restored"), 3000);
}
