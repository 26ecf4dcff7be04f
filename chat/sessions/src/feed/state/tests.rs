//! What a feed promises, one promise at a time; all of them together are tested in [`crate::simulation`].

use std::sync::Arc;
use std::time::Instant;

use chat_proto::service::data::{GuildRecord, User};
use chat_proto::{EventKind, EventNumber, GuildEvent, GuildId, Intents, NodeName, UserId};

use super::{Feed, Wants};
use crate::cell::{Cell, Pump};
use crate::limits::{EARLY_EVENTS, WINDOW_EVENTS};
use crate::session::tests::{Gateway, event, start};
use crate::session::{Position, Session};

const GUILD: GuildId = GuildId(1);
const LINK: u64 = 5;

type Follower = Arc<Cell<Gateway>>;

fn message(number: u64) -> GuildEvent {
    event(number, EventKind::MessageCreate)
}

fn messages(numbers: impl Iterator<Item = u64>) -> Vec<GuildEvent> {
    numbers.map(message).collect()
}

fn owner() -> NodeName {
    NodeName::from("guilds-0")
}

/// A session that has taken the event of that number.
fn at(session: &str, number: u64) -> Follower {
    let mut start = start(Intents::ALL, false);
    start.session = session.into();
    let session = Session::rebuild(start, 1, &[(GUILD, EventNumber(number))], Instant::now());
    Cell::new(session, Pump::new(|_| {}))
}

fn position(follower: &Follower) -> Position {
    follower.with(|session| session.position(GUILD))
}

fn is_at(follower: &Follower, number: u64) -> bool {
    position(follower) == Position::At(EventNumber(number))
}

/// A feed with one session, subscribed at number 10.
fn up() -> (Feed<Gateway>, Follower) {
    let mut feed = Feed::new(GUILD);
    let follower = at("first", 10);
    feed.join(follower.clone());
    assert_eq!(feed.wants().subscribe, Some(Some(EventNumber(10))));
    feed.subscribing();
    feed.subscribed(LINK, owner(), Some(EventNumber(10)), Vec::new(), EventNumber(10));
    assert_eq!(feed.wants(), Wants::default());
    (feed, follower)
}

#[test]
fn pushes_before_the_reply_are_kept_for_it() {
    let mut feed = Feed::new(GUILD);
    let follower = at("first", 10);
    feed.join(follower.clone());
    feed.subscribing();
    feed.heard(message(13));
    feed.heard(message(12));
    assert!(is_at(&follower, 10));
    feed.subscribed(
        LINK,
        owner(),
        Some(EventNumber(10)),
        messages(11..=11),
        EventNumber(11),
    );
    assert!(is_at(&follower, 13));
    assert_eq!(feed.wants(), Wants::default());
}

#[test]
fn a_gap_a_lost_link_another_owner_and_doubt_are_one_path() {
    let causes: [fn(&mut Feed<Gateway>); 4] = [
        |feed| feed.heard(message(12)),
        |feed| feed.broken(LINK),
        |feed| feed.owner(Some(&NodeName::from("guilds-1"))),
        |feed| feed.doubt(),
    ];
    for cause in causes {
        let (mut feed, follower) = up();
        feed.broken(LINK + 1);
        feed.owner(Some(&owner()));
        feed.owner(None);
        assert_eq!(feed.wants(), Wants::default());
        cause(&mut feed);
        assert_eq!(feed.wants().subscribe, Some(Some(EventNumber(10))));
        feed.subscribing();
        feed.subscribed(
            LINK + 2,
            owner(),
            Some(EventNumber(10)),
            messages(11..=12),
            EventNumber(12),
        );
        assert!(is_at(&follower, 12));
        assert_eq!(feed.wants(), Wants::default());
    }
}

#[test]
fn a_reply_that_does_not_reach_the_end_is_read_on() {
    let (mut feed, follower) = up();
    feed.doubt();
    feed.subscribing();
    feed.subscribed(
        LINK,
        owner(),
        Some(EventNumber(10)),
        messages(11..=15),
        EventNumber(20),
    );
    assert_eq!(feed.wants().read, Some(EventNumber(15)));
    feed.heard(message(21));
    feed.page(EventNumber(15), messages(16..=20));
    assert!(is_at(&follower, 21), "the early one follows");
}

#[test]
fn a_session_with_an_older_cursor_gets_it_from_the_window_or_from_the_owner() {
    let (mut feed, _) = up();
    for number in 11..=(10 + WINDOW_EVENTS as u64) {
        feed.heard(message(number));
    }
    let last = 10 + WINDOW_EVENTS as u64;
    let (within, before) = (at("within", 10), at("before", 9));
    feed.join(within.clone());
    assert!(is_at(&within, last));
    assert_eq!(feed.wants(), Wants::default());
    feed.join(before.clone());
    assert_eq!(feed.wants().read, Some(EventNumber(9)));
    feed.page(EventNumber(9), messages(10..=10));
    assert!(is_at(&before, last), "one page, and the window for the rest");
    assert_eq!(feed.wants(), Wants::default());
}

#[test]
fn sessions_that_lack_events_that_are_gone_are_ended_and_others_are_not() {
    let (mut feed, follower) = up();
    for number in 11..=(20 + WINDOW_EVENTS as u64) {
        feed.heard(message(number));
    }
    let old = at("old", 3);
    feed.join(old.clone());
    feed.page(EventNumber(3), messages(8..=9));
    assert!(old.with(|session| session.is_over()));
    assert!(is_at(&follower, 20 + WINDOW_EVENTS as u64));
    assert_eq!(feed.wants(), Wants::default());
}

#[test]
fn events_after_a_gap_are_bounded() {
    let (mut feed, follower) = up();
    let many = EARLY_EVENTS as u64 + 100;
    for number in 12..=many {
        feed.heard(message(number));
    }
    assert_eq!(feed.early.len(), EARLY_EVENTS);
    feed.subscribing();
    feed.subscribed(
        LINK,
        owner(),
        Some(EventNumber(10)),
        messages(11..=11),
        EventNumber(many),
    );
    assert!(is_at(&follower, 11 + EARLY_EVENTS as u64));
    assert_eq!(feed.wants().read, Some(EventNumber(11 + EARLY_EVENTS as u64)));
}

#[test]
fn passing_events_reach_sessions_and_are_not_kept() {
    let (mut feed, follower) = up();
    let gateway = Gateway::new();
    follower
        .with(|session| session.attach(gateway.clone(), 1))
        .unwrap();
    feed.heard(event(0, EventKind::TypingStart));
    assert_eq!(gateway.names(), ["TYPING_START", "(cursors)"]);
    assert!(feed.window.is_empty());
    assert!(is_at(&follower, 10));
}

#[test]
fn a_snapshot_is_for_those_that_waited_when_it_was_asked_for() {
    let (mut feed, _) = up();
    let awaiting = |session: &str, user: u64| {
        let mut start = start(Intents::ALL, false);
        start.session = session.into();
        start.user.id = UserId(user);
        Cell::new(Session::begin(start, &[GUILD], Instant::now()), Pump::new(|_| {}))
    };
    let (member, stranger, late) = (awaiting("a", 7), awaiting("b", 8), awaiting("c", 7));
    feed.join(member.clone());
    feed.join(stranger.clone());
    assert!(feed.wants().snapshot);
    feed.picturing();
    feed.join(late.clone());
    feed.heard(message(11));
    let user = User {
        id: UserId(7),
        name: "user".to_owned(),
        bot: false,
    };
    let record = GuildRecord {
        id: GUILD,
        name: "guild".to_owned(),
        owner: UserId(7),
        channels: Vec::new(),
        members: vec![user],
    };
    feed.pictured(record, Vec::new(), EventNumber(10));
    assert!(is_at(&member, 11), "GUILD_CREATE at 10, and 11 from the window");
    assert_eq!(position(&stranger), Position::Absent);
    assert_eq!(position(&late), Position::Awaited);
    assert!(feed.wants().snapshot, "for the late one");
}

#[test]
fn who_left_cannot_take_the_place_of_who_came_after_with_the_same_id() {
    let (mut feed, first) = up();
    let second = at("first", 10);
    feed.join(second.clone());
    feed.leave(&first);
    feed.heard(message(11));
    assert!(is_at(&second, 11));
    assert!(is_at(&first, 10));
}
