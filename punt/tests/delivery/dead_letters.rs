//! `punt replay`: what was refused is sent again, exactly once, and what is refused again stays.

use std::process::Command;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering::SeqCst};

use serde_json::Value;

use crate::law::assert_law;
use crate::process::{Punt, Site};
use crate::server::serve;
use crate::store::{Store, modern, refused, stored};
use crate::wait::until;
use crate::{MESSAGES, SYSLOG};

/// An engine that refuses every second message until it is mended, and a punt whose dead letters are these.
struct Scene {
    store: Store,
    mended: Arc<AtomicBool>,
    site: Site,
    punt: Punt,
}

fn scene(keys: &str) -> Scene {
    let (store, mended) = (Store::default(), Arc::new(AtomicBool::new(false)));
    let (serving, fine) = (store.clone(), Arc::clone(&mended));
    let address = serve(move |request| {
        serving.answer(request, &modern(), |item| {
            match item.number % 2 == 1 && !fine.load(SeqCst) {
                true => refused(400, "mapper_parsing_exception"),
                false => stored(item),
            }
        })
    });
    let site = Site::new(SYSLOG, &format!("http://{address}"), keys);
    let punt = site.start();
    punt.send(0, MESSAGES);
    store.wait_for(MESSAGES / 2);
    punt.wait_for_counter("sink", "dead_lettered", MESSAGES as u64 / 2);
    assert_law(&punt);
    Scene {
        store,
        mended,
        site,
        punt,
    }
}

fn replay(site: &Site, arguments: &[&str]) -> (Option<i32>, String) {
    let output = Command::new(env!("CARGO_BIN_EXE_punt"))
        .args(["replay", "--config"])
        .arg(site.path("punt.toml"))
        .args(arguments)
        .output()
        .expect("punt replay runs");
    let text =
        String::from_utf8_lossy(&output.stdout).into_owned() + &String::from_utf8_lossy(&output.stderr);
    (output.status.code(), text)
}

fn files(site: &Site) -> Vec<String> {
    let folder = std::fs::read_dir(site.path("data/dead-letter")).expect("the folder");
    let names = folder.map(|entry| {
        entry
            .expect("an entry")
            .file_name()
            .to_string_lossy()
            .into_owned()
    });
    let mut names: Vec<String> = names.filter(|name| !name.ends_with(".lock")).collect();
    names.sort();
    names
}

#[test]
fn what_was_refused_is_stored_once_after_a_replay_and_leaves_the_file() {
    let scene = scene("");
    let (code, said) = replay(&scene.site, &["--dry-run"]);
    assert_eq!(code, Some(0));
    assert!(
        said.contains("2000 events would be sent") && said.contains("mapper_parsing_exception"),
        "{said}"
    );
    assert_eq!(scene.site.dead_letters().len(), MESSAGES / 2);
    scene.mended.store(true, SeqCst);
    let path = scene
        .site
        .path("data/dead-letter/logs.ndjson")
        .display()
        .to_string();
    let (code, said) = replay(&scene.site, &["--sink", "logs", &path]);
    assert_eq!(code, Some(0), "{said}");
    assert!(said.contains("2000 accepted (0 were there already)"), "{said}");
    scene.store.assert_each_once(0..MESSAGES);
    assert_eq!(files(&scene.site), Vec::<String>::new());
    let (code, said) = replay(&scene.site, &[]);
    assert_eq!(
        (code, said.contains("no dead letters")),
        (Some(0), true),
        "{said}"
    );
    drop(scene.punt);
}

#[test]
fn what_is_refused_again_stays_and_punt_can_go_on_burying() {
    let scene = scene("");
    let (code, said) = replay(&scene.site, &[]);
    assert_eq!(code, Some(1), "{said}");
    assert!(said.contains("2000 refused again"), "{said}");
    assert_eq!(scene.site.dead_letters().len(), MESSAGES / 2);
    // The file is another one now; the running punt notices.
    scene.punt.send(MESSAGES, 100);
    scene
        .punt
        .wait_for_counter("sink", "dead_lettered", MESSAGES as u64 / 2 + 50);
    assert_eq!(scene.site.dead_letters().len(), MESSAGES / 2 + 50);
    scene.mended.store(true, SeqCst);
    assert_eq!(replay(&scene.site, &[]).0, Some(0));
    scene.store.assert_each_once(0..MESSAGES + 100);
}

#[test]
fn a_letter_that_stands_there_twice_or_was_accepted_before_a_kill_is_stored_once() {
    let scene = scene("");
    let path = scene.site.path("data/dead-letter/logs.ndjson");
    let text = std::fs::read_to_string(&path).expect("the file");
    // As after a kill in the middle of a replay: all of it taken, and a part of it in the file again.
    let half: String = text.lines().take(1000).map(|line| format!("{line}\n")).collect();
    std::fs::write(path.with_extension("ndjson.replaying"), text.clone() + &half).expect("written");
    std::fs::write(&path, half + "no letter\n").expect("written");
    scene.mended.store(true, SeqCst);
    let (code, said) = replay(&scene.site, &[]);
    assert_eq!(code, Some(1), "the unreadable line is left: {said}");
    assert!(
        said.contains("1000 repeated") && said.contains("1 unreadable"),
        "{said}"
    );
    scene.store.assert_each_once(0..MESSAGES);
    assert_eq!(std::fs::read_to_string(&path).expect("the file"), "no letter\n");
}

#[test]
fn a_replay_to_nobody_gives_up_and_keeps_everything() {
    let scene = scene("");
    let text = std::fs::read_to_string(scene.site.path("data/dead-letter/logs.ndjson")).expect("the file");
    scene
        .site
        .configure(SYSLOG, &format!("http://{}", crate::server::reserve()), "");
    let (code, said) = replay(&scene.site, &["--patience", "0"]);
    assert_eq!(code, Some(1));
    assert!(said.contains("gave up, 2000 events stay"), "{said}");
    assert_eq!(scene.site.dead_letters().len(), text.lines().count());
}

#[test]
fn full_files_are_put_aside_and_what_has_no_room_is_counted() {
    let scene =
        scene("batch_events = 100\ndead_letter_rotate_bytes = 100000\ndead_letter_max_bytes = 100000000");
    assert!(files(&scene.site).len() > 1, "{:?}", files(&scene.site));
    scene.mended.store(true, SeqCst);
    assert_eq!(replay(&scene.site, &[]).0, Some(0));
    scene.store.assert_each_once(0..MESSAGES);

    let store = Store::default();
    let serving = store.clone();
    let address = serve(move |request| serving.answer(request, &modern(), |_| refused(400, "t")));
    let site = Site::new(
        SYSLOG,
        &format!("http://{address}"),
        "dead_letter_max_bytes = 100000",
    );
    let punt = site.start();
    punt.send(0, MESSAGES);
    until("each event is buried or counted", || {
        let stats = punt.stats();
        let sink = crate::process::component(&stats, "sink");
        let buried = sink["counters"]["dead_lettered"].as_u64()?;
        let lost = sink["dropped"]["dead_letter_full"].as_u64()?;
        (buried + lost == MESSAGES as u64).then_some(())
    });
    assert_law(&punt);
}

#[test]
fn a_kill_while_letters_are_written_loses_none_and_a_replay_stores_each_once() {
    let (store, mended) = (Store::default(), Arc::new(AtomicBool::new(false)));
    let (serving, fine) = (store.clone(), Arc::clone(&mended));
    let address = serve(move |request| {
        serving.answer(request, &modern(), |item| match fine.load(SeqCst) {
            true => stored(item),
            false => refused(400, "t"),
        })
    });
    let source = "[sources.app]\ntype = \"file\"\npaths = [\"ROOT/app.log\"]";
    let site = Site::new(source, &format!("http://{address}"), "batch_events = 50");
    let lines: String = (0..MESSAGES)
        .map(|number| format!("message {number}\n"))
        .collect();
    std::fs::write(site.path("app.log"), lines).expect("written");
    for part in 1..=3 {
        let punt = site.start();
        until("some more is buried", || {
            let text = std::fs::read_to_string(site.path("data/dead-letter/logs.ndjson")).unwrap_or_default();
            (text.lines().count() >= part * MESSAGES / 5).then_some(())
        });
        punt.kill();
    }
    let punt = site.start();
    let distinct = || {
        let text = std::fs::read_to_string(site.path("data/dead-letter/logs.ndjson")).unwrap_or_default();
        let ids = text
            .lines()
            .filter_map(|line| serde_json::from_str::<Value>(line).ok());
        let ids: std::collections::BTreeSet<String> =
            ids.map(|l| l["action"]["create"]["_id"].to_string()).collect();
        ids.len()
    };
    until("each event is buried", || (distinct() == MESSAGES).then_some(()));
    punt.terminate();
    mended.store(true, SeqCst);
    assert_eq!(replay(&site, &[]).0, Some(0));
    store.assert_each_once(0..MESSAGES);
    assert_eq!(
        store.lock().duplicates,
        0,
        "the replay itself knows what stands there twice"
    );
}
