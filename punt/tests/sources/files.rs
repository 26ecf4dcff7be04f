//! Files: rotation of every kind, several lines that are one event, and exact counts over `kill -9`.

use std::fs::{File, OpenOptions};
use std::io::Write as _;
use std::ops::Range;
use std::path::Path;
use std::time::{Duration, SystemTime};

use crate::engine::{Engine, Fault};
use crate::law::assert_law;
use crate::process::{Punt, Site};
use crate::wait::until;

const FILES: &str = "[sources.app]\ntype = \"file\"\npaths = [\"ROOT/log/*\"]\n";

fn append(path: &Path, numbers: Range<usize>) {
    let file = OpenOptions::new()
        .append(true)
        .create(true)
        .open(path)
        .expect("the file");
    let mut file = std::io::BufWriter::new(file);
    for number in numbers {
        writeln!(file, "2026-11-24T09:46:51 something happened, message {number}").expect("written");
    }
}

fn site(keys: &str, engine: &Engine) -> Site {
    let site = Site::new(&format!("{FILES}{keys}"), &engine.url(), "");
    std::fs::create_dir_all(site.path("log")).expect("the folder");
    site
}

fn pack(from: &Path, to: &Path) {
    let mut packed =
        flate2::write::GzEncoder::new(File::create(to).expect("a file"), flate2::Compression::fast());
    std::io::copy(&mut File::open(from).expect("the file"), &mut packed).expect("packed");
    packed.finish().expect("packed");
    std::fs::remove_file(from).expect("removed");
}

fn settled(punt: &Punt, engine: &Engine, count: usize) {
    engine.wait_for(count);
    punt.wait_for_counter("sink", "acknowledged", count as u64);
    assert_law(punt);
}

#[test]
fn a_copy_that_was_made_to_truncate_the_file_is_read_on_and_not_again() {
    let engine = Engine::start(Fault::None);
    let site = site("", &engine);
    let (log, copy) = (site.path("log/app.log"), site.path("log/app.log.1"));
    append(&log, 0..100);
    let punt = site.start();
    engine.wait_for(100);
    // logrotate's copytruncate.
    std::fs::copy(&log, &copy).expect("copied");
    append(&copy, 100..110);
    File::create(&log).expect("truncated");
    append(&log, 110..200);
    settled(&punt, &engine, 200);
    engine.assert_each_once(200);
}

#[test]
fn a_rotated_file_is_read_once_also_when_it_is_packed_while_punt_is_down() {
    let engine = Engine::start(Fault::None);
    let site = site("", &engine);
    let (log, first) = (site.path("log/app.log"), site.path("log/app.log.1"));
    // A backlog that nobody has read yet.
    append(&site.path("log/old"), 0..50);
    pack(&site.path("log/old"), &site.path("log/app.log.9.gz"));
    append(&log, 50..100);
    let punt = site.start();
    settled(&punt, &engine, 100);
    std::fs::rename(&log, &first).expect("renamed");
    append(&log, 100..120);
    engine.wait_for(120);
    punt.terminate();
    append(&first, 120..150);
    pack(&first, &site.path("log/app.log.2.gz"));
    std::fs::rename(&log, &first).expect("renamed");
    append(&log, 150..160);
    let punt = site.start();
    engine.wait_for(160);
    engine.assert_each_once(160);
    // Packed under our feet: what was read is not read again.
    pack(&first, &site.path("log/app.log.3.gz"));
    append(&log, 160..170);
    engine.wait_for(170);
    punt.terminate();
    let punt = site.start();
    append(&log, 170..180);
    engine.wait_for(180);
    engine.assert_each_once(180);
    assert_eq!(punt.counter("sink", "duplicates"), 0);
}

#[test]
fn every_line_is_stored_once_while_files_rotate_and_punt_is_killed() {
    const ROUNDS: usize = 12;
    const LINES: usize = 2000;
    let engine = Engine::start(Fault::None);
    let site = site("", &engine);
    let log = site.path("log/app.log");
    for round in 0..ROUNDS {
        let punt = site.start();
        append(&log, round * LINES..round * LINES + LINES / 2);
        until("some more is stored", || {
            (engine.count() >= round * LINES + LINES / 4).then_some(())
        });
        match round % 3 {
            0 => std::fs::rename(&log, site.path(&format!("log/app.log.{round}"))).expect("renamed"),
            1 => {
                let to = site.path(&format!("log/app.log.{round}"));
                std::fs::copy(&log, to).expect("copied");
                File::create(&log).expect("truncated");
            }
            _ => {}
        }
        append(&log, round * LINES + LINES / 2..(round + 1) * LINES);
        punt.kill();
    }
    let _punt = site.start();
    engine.wait_for(ROUNDS * LINES);
    engine.assert_each_once(ROUNDS * LINES);
}

#[test]
fn lines_that_belong_together_are_one_event() {
    let engine = Engine::start(Fault::None);
    let site = site(
        "multiline = { start = \"^[A-Z]+ \", timeout = \"200ms\" }\n",
        &engine,
    );
    let log = site.path("log/java.log");
    let mut file = File::create(&log).expect("the file");
    for number in 0..200 {
        write!(
            file,
            "ERROR failed\n  at a.b.C(C.java:{number})\nCaused by: x\n  message {number}\n"
        )
        .expect("written");
    }
    file.write_all(b"INFO last line, message 200\n").expect("written");
    let punt = site.start();
    // The last one comes once nothing more did for a while.
    settled(&punt, &engine, 201);
    engine.assert_each_once(201);
    let stored = engine.stored();
    let first = stored
        .documents
        .values()
        .find(|document| document["log.offset"] == 0)
        .expect("the first event");
    assert_eq!(
        first["message"],
        "ERROR failed\n  at a.b.C(C.java:0)\nCaused by: x\n  message 0"
    );
}

#[test]
fn what_was_there_before_is_left_alone_where_that_is_wished() {
    let engine = Engine::start(Fault::None);
    let site = site(
        "read_from = \"end\"\nignore_older = \"1h\"\nexclude = [\"**/*.tmp\"]\n",
        &engine,
    );
    append(&site.path("log/app.log"), 1000..1100);
    append(&site.path("log/x.tmp"), 2000..2010);
    let punt = site.start();
    until("the files were looked at", || {
        let marks = std::fs::read_to_string(site.path("data/checkpoints/app.json")).ok()?;
        marks.contains("app.log").then_some(())
    });
    // One that comes later, and is old already.
    let aside = site.path("old.log");
    append(&aside, 3000..3010);
    let hours_ago = SystemTime::now() - Duration::from_secs(7200);
    let file = OpenOptions::new().append(true).open(&aside).expect("the file");
    file.set_modified(hours_ago).expect("an old file");
    std::fs::rename(&aside, site.path("log/old.log")).expect("renamed");
    append(&site.path("log/app.log"), 0..10);
    append(&site.path("log/new.log"), 10..20);
    settled(&punt, &engine, 20);
    engine.assert_each_once(20);
}
