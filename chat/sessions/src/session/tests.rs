//! What a session promises, one promise at a time; all of them together are tested in [`crate::simulation`].

use std::sync::{Arc, Mutex};
use std::time::{Duration, Instant};

use bytes::Bytes;
use chat_proto::service::data::User;
use chat_proto::service::sessions::{Push, Start};
use chat_proto::{
    Epoch, EventKind, EventNumber, GuildEvent, GuildId, Intents, NodeName, Payload, SessionId, UserId,
};

use super::{Flush, Offer, OutOfReach, Position, Session};
use crate::limits::{CURSORS_BATCH, LAG_LIFE, OUTBOX_FRAMES};
use crate::wire::{Refused, Wire};

const GUILD: GuildId = GuildId(1);
const OTHER: GuildId = GuildId(2);

/// A gateway that keeps what is pushed, up to a bound.
#[derive(Debug, Clone)]
pub(crate) struct Gateway {
    node: NodeName,
    pushes: Arc<Mutex<Vec<Push>>>,
    room: Arc<Mutex<usize>>,
    closed: Arc<Mutex<bool>>,
}

impl Gateway {
    pub(crate) fn new() -> Self {
        Self {
            node: NodeName::from("gateway-0"),
            pushes: Arc::default(),
            room: Arc::new(Mutex::new(usize::MAX)),
            closed: Arc::default(),
        }
    }

    pub(crate) fn names(&self) -> Vec<String> {
        let pushes = self.pushes.lock().unwrap();
        pushes
            .iter()
            .map(|push| match push {
                Push::Frame { frame, .. } => frame.t.clone(),
                Push::Moved { .. } => "(moved)".to_owned(),
                Push::Ended { .. } => "(ended)".to_owned(),
                Push::Cursors { .. } => "(cursors)".to_owned(),
            })
            .collect()
    }

    /// The cursors that were pushed, each push with the frame that it came after.
    fn cursors(&self) -> Vec<(u64, Vec<(GuildId, EventNumber)>)> {
        let pushes = self.pushes.lock().unwrap();
        pushes
            .iter()
            .filter_map(|push| match push {
                Push::Cursors { seq, cursors, .. } => Some((*seq, cursors.clone())),
                _ => None,
            })
            .collect()
    }
}

impl Wire for Gateway {
    fn node(&self) -> &NodeName {
        &self.node
    }

    fn close(&self, _reason: &str) {
        *self.closed.lock().unwrap() = true;
    }

    fn push(&self, push: &Push) -> Result<(), Refused> {
        if *self.closed.lock().unwrap() {
            return Err(Refused::Lost);
        }
        let mut pushes = self.pushes.lock().unwrap();
        if pushes.len() >= *self.room.lock().unwrap() {
            return Err(Refused::Full);
        }
        pushes.push(push.clone());
        Ok(())
    }
}

pub(crate) fn start(intents: Intents, bot: bool) -> Start {
    Start {
        session: SessionId::from("s"),
        user: User {
            id: UserId(7),
            name: "user".to_owned(),
            bot,
        },
        intents,
        shard: (0, 1),
        status: "online".to_owned(),
        resume_gateway_url: "ws://127.0.0.1".to_owned(),
    }
}

pub(crate) fn event(number: u64, kind: EventKind) -> GuildEvent {
    GuildEvent {
        guild: GUILD,
        number: (number > 0).then_some(EventNumber(number)),
        epoch: Epoch(1),
        kind,
        payload: Payload {
            full: Bytes::from_static(b"full"),
            without_content: Some(Bytes::from_static(b"bare")),
            author: Some(UserId(8)),
        },
    }
}

/// A session that is in the guild at number 10, attached, with READY and GUILD_CREATE pushed.
fn up(intents: Intents, bot: bool) -> (Session<Gateway>, Gateway) {
    let gateway = Gateway::new();
    let mut session = Session::begin(start(intents, bot), &[GUILD], Instant::now());
    session.attach(gateway.clone(), 0).unwrap();
    session.flush(8);
    assert!(session.create_guild(GUILD, EventNumber(10), Bytes::from_static(b"{}")));
    (session, gateway)
}

fn message(session: &mut Session<Gateway>, number: u64) -> Offer {
    session.offer(&event(number, EventKind::MessageCreate), None)
}

#[test]
fn only_the_next_number_is_taken() {
    let (mut session, gateway) = up(Intents::ALL, false);
    assert_eq!(message(&mut session, 10), Offer::Known);
    assert_eq!(message(&mut session, 12), Offer::Gap);
    assert_eq!(message(&mut session, 11), Offer::Taken);
    assert_eq!(message(&mut session, 11), Offer::Known);
    assert_eq!(session.position(GUILD), Position::At(EventNumber(11)));
    assert_eq!(gateway.names(), ["READY", "GUILD_CREATE", "MESSAGE_CREATE"]);
}

#[test]
fn events_that_the_intents_leave_out_move_the_cursor_without_a_frame() {
    let (mut session, gateway) = up(Intents(Intents::GUILD_MESSAGES.0), true);
    assert_eq!(
        session.offer(&event(11, EventKind::ChannelCreate), None),
        Offer::Taken
    );
    assert_eq!(
        session.offer(&event(0, EventKind::TypingStart), None),
        Offer::Taken
    );
    assert_eq!(message(&mut session, 12), Offer::Taken);
    assert_eq!(
        gateway.names(),
        ["READY", "MESSAGE_CREATE"],
        "and no GUILD_CREATE without GUILDS"
    );
}

#[test]
fn a_guild_that_comes_up_silently_is_told_to_the_gateway_at_once() {
    let (mut session, gateway) = up(Intents::GUILD_MESSAGES, true);
    assert!(session.lags(), "the pump has something to do");
    assert_eq!(session.flush(1), Flush::Done);
    assert!(!session.lags());
    assert_eq!(gateway.cursors(), [(1, vec![(GUILD, EventNumber(10))])]);
    session.tell_cursors();
    assert!(!session.lags(), "it is told once");
}

#[test]
fn cursors_that_move_without_a_frame_are_told_when_it_is_time() {
    let (mut session, gateway) = up(Intents(Intents::GUILDS.0 | Intents::GUILD_MESSAGES.0), true);
    for number in 11..=13 {
        session.offer(&event(number, EventKind::GuildMemberAdd), None);
    }
    assert!(!session.lags(), "nothing is lost if it is told later");
    session.tell_cursors();
    session.flush(1);
    assert_eq!(gateway.cursors(), [(2, vec![(GUILD, EventNumber(13))])]);
    session.offer(&event(14, EventKind::GuildMemberAdd), None);
    message(&mut session, 15);
    session.tell_cursors();
    assert!(!session.lags(), "the frame said it");
}

#[test]
fn cursors_wait_for_the_frames_before_them() {
    let (mut session, gateway) = up(Intents(Intents::GUILDS.0 | Intents::GUILD_MESSAGES.0), true);
    *gateway.room.lock().unwrap() = 2;
    message(&mut session, 11);
    session.offer(&event(12, EventKind::GuildMemberAdd), None);
    session.tell_cursors();
    assert_eq!(session.flush(8), Flush::Full);
    *gateway.room.lock().unwrap() = 3;
    assert_eq!(session.flush(8), Flush::Full, "there is room for the frame only");
    assert!(session.lags());
    *gateway.room.lock().unwrap() = usize::MAX;
    assert_eq!(session.flush(8), Flush::Done);
    assert_eq!(
        gateway.names(),
        ["READY", "GUILD_CREATE", "MESSAGE_CREATE", "(cursors)"]
    );
    assert_eq!(gateway.cursors(), [(3, vec![(GUILD, EventNumber(12))])]);
}

#[test]
fn another_connection_is_told_everything_again_that_its_frames_do_not_say() {
    let (mut session, _) = up(Intents::ALL, false);
    message(&mut session, 11);
    let gateway = Gateway::new();
    session.attach(gateway.clone(), 2).unwrap();
    session.flush(8);
    assert_eq!(gateway.names(), ["MESSAGE_CREATE"], "the frame says it");
    session.attach(gateway.clone(), 3).unwrap();
    session.flush(8);
    assert_eq!(gateway.cursors(), [(3, vec![(GUILD, EventNumber(11))])]);
}

#[test]
fn nothing_is_told_of_a_guild_that_was_left() {
    let (mut session, gateway) = up(Intents::GUILD_MESSAGES, true);
    session.leave_guild(GUILD);
    assert!(!session.lags());
    session.flush(8);
    assert_eq!(gateway.names(), ["READY"]);
}

#[test]
fn many_cursors_are_told_in_several_pushes() {
    let guilds: Vec<GuildId> = (1..=CURSORS_BATCH as u64 + 5).map(GuildId).collect();
    let gateway = Gateway::new();
    let mut session = Session::begin(start(Intents::GUILD_MESSAGES, true), &guilds, Instant::now());
    session.attach(gateway.clone(), 0).unwrap();
    for guild in &guilds {
        session.create_guild(*guild, EventNumber(guild.0), Bytes::new());
    }
    assert_eq!(session.flush(8), Flush::Done);
    let told = gateway.cursors();
    let sizes: Vec<usize> = told.iter().map(|(_, cursors)| cursors.len()).collect();
    assert_eq!(sizes, [CURSORS_BATCH, 5]);
    let mut all: Vec<_> = told.into_iter().flat_map(|(_, cursors)| cursors).collect();
    all.sort();
    assert!(
        all.into_iter()
            .eq(guilds.iter().map(|guild| (*guild, EventNumber(guild.0))))
    );
}

#[test]
fn each_frame_is_given_out_once_however_often_it_is_pushed() {
    let (mut session, _) = up(Intents::ALL, false);
    assert_eq!(session.take_given(), 2);
    message(&mut session, 11);
    session.attach(Gateway::new(), 0).unwrap();
    session.flush(8);
    assert_eq!((session.take_given(), session.take_given()), (1, 0));
}

#[test]
fn a_bot_without_the_intent_sees_no_content_of_others() {
    for (intents, bot, body) in [
        (Intents::GUILD_MESSAGES, true, "bare"),
        (
            Intents(Intents::GUILD_MESSAGES.0 | Intents::MESSAGE_CONTENT.0),
            true,
            "full",
        ),
        (Intents::GUILD_MESSAGES, false, "full"),
    ] {
        let (mut session, gateway) = up(intents, bot);
        message(&mut session, 11);
        let pushes = gateway.pushes.lock().unwrap();
        let Some(Push::Frame { frame, .. }) = pushes.last() else {
            unreachable!("a frame was pushed")
        };
        assert_eq!(frame.d, body.as_bytes());
        assert_eq!(frame.cursor, Some((GUILD, EventNumber(11))));
    }
}

#[test]
fn a_user_who_is_removed_leaves_at_that_very_event() {
    let (mut session, gateway) = up(Intents::ALL, false);
    let removal = event(11, EventKind::GuildMemberRemove);
    assert_eq!(session.offer(&removal, Some(UserId(7))), Offer::Left);
    assert_eq!(message(&mut session, 12), Offer::Deaf);
    assert_eq!(gateway.names(), ["READY", "GUILD_CREATE", "GUILD_DELETE"]);
}

#[test]
fn a_resume_replays_what_was_missed_and_then_says_resumed() {
    let (mut session, _) = up(Intents::ALL, false);
    session.detach(Instant::now());
    message(&mut session, 11);
    message(&mut session, 12);
    let gateway = Gateway::new();
    session.resume(gateway.clone(), 3).unwrap();
    assert_eq!(session.flush(8), Flush::Done);
    assert_eq!(gateway.names(), ["MESSAGE_CREATE", "RESUMED"]);
    assert!(matches!(session.attach(Gateway::new(), 99), Err(OutOfReach)));
}

#[test]
fn a_gateway_that_takes_over_a_client_is_told_where_the_client_is_in_each_guild() {
    let (mut session, _) = up(Intents(Intents::GUILDS.0 | Intents::GUILD_MESSAGES.0), false);
    message(&mut session, 11);
    // Not for this session: it has no frame.
    session.offer(&event(12, EventKind::GuildMemberAdd), None);
    message(&mut session, 13);
    // READY is 1, GUILD_CREATE 2, the messages 3 and 4.
    let at = |number| vec![(GUILD, EventNumber(number))];
    assert_eq!(session.cursors_at(1), vec![]);
    assert_eq!(session.cursors_at(2), at(10));
    assert_eq!(session.cursors_at(3), at(12));
    assert_eq!(session.cursors_at(4), at(13));
}

#[test]
fn a_resume_from_before_the_outbox_is_refused() {
    let (mut session, _) = up(Intents::ALL, false);
    session.detach(Instant::now());
    for number in 11..=(OUTBOX_FRAMES as u64 + 10) {
        assert_eq!(message(&mut session, number), Offer::Taken);
    }
    assert!(session.resume(Gateway::new(), 1).is_err());
    assert!(session.resume(Gateway::new(), 2).is_ok());
}

#[test]
fn a_gateway_without_room_lags_and_catches_up_in_order() {
    let (mut session, gateway) = up(Intents::ALL, false);
    *gateway.room.lock().unwrap() = 3;
    for number in 11..=14 {
        message(&mut session, number);
    }
    assert!(session.lags());
    assert_eq!(session.flush(8), Flush::Full);
    *gateway.room.lock().unwrap() = usize::MAX;
    assert_eq!(session.flush(2), Flush::More);
    message(&mut session, 15);
    assert_eq!(session.flush(8), Flush::Done);
    assert_eq!(gateway.names().len(), 7);
    let pushes = gateway.pushes.lock().unwrap();
    let seqs = pushes.iter().map(|push| match push {
        Push::Frame { frame, .. } => frame.seq,
        other => unreachable!("only frames were pushed: {other:?}"),
    });
    assert!(seqs.eq(1..=7));
}

#[test]
fn a_gateway_that_takes_nothing_for_too_long_is_shed() {
    let (mut session, gateway) = up(Intents::ALL, false);
    *gateway.room.lock().unwrap() = 0;
    message(&mut session, 11);
    session.shed_if_stuck(Instant::now());
    assert!(session.wire().is_some(), "it has some time");
    session.shed_if_stuck(Instant::now() + LAG_LIFE + Duration::from_secs(1));
    assert!(session.wire().is_none());
    assert!(*gateway.closed.lock().unwrap(), "the gateway must notice");
    assert!(!session.is_over(), "it can attach again");
}

#[test]
fn a_gateway_that_is_outrun_by_the_outbox_is_told_that_the_session_is_over() {
    let (mut session, gateway) = up(Intents::ALL, false);
    *gateway.room.lock().unwrap() = 2;
    for number in 11..=(OUTBOX_FRAMES as u64 + 20) {
        message(&mut session, number);
    }
    assert_eq!(session.flush(8), Flush::Full);
    *gateway.room.lock().unwrap() = usize::MAX;
    session.flush(8);
    assert_eq!(gateway.names(), ["READY", "GUILD_CREATE", "(ended)"]);
    assert!(session.is_over());
}

#[test]
fn a_frozen_session_takes_and_pushes_nothing_and_goes_on_where_it_was() {
    let (mut session, gateway) = up(Intents::ALL, false);
    let state = session.freeze().unwrap();
    assert!(session.freeze().is_none(), "it is on its way already");
    assert_eq!(message(&mut session, 11), Offer::Deaf);
    let mut copy = Session::restore(state, Instant::now());
    assert!(copy.is_provisional());
    assert_eq!(message(&mut copy, 11), Offer::Taken);
    copy.attach(Gateway::new(), 2).unwrap();
    assert!(!copy.is_provisional());

    session.thaw();
    assert_eq!(message(&mut session, 11), Offer::Taken);
    session.moved(NodeName::from("sessions-1"));
    assert!(session.is_over());
    assert_eq!(
        gateway.names(),
        ["READY", "GUILD_CREATE", "MESSAGE_CREATE", "(moved)"]
    );
}

#[test]
fn a_rebuilt_session_goes_on_from_the_cursors_and_awaits_the_other_guilds() {
    let cursors = [(GUILD, EventNumber(10))];
    let mut session = Session::rebuild(start(Intents::ALL, false), 41, &cursors, Instant::now());
    let gateway = Gateway::new();
    session.attach(gateway.clone(), 41).unwrap();
    let (new, left) = session.reconcile(&[GUILD, OTHER]);
    assert_eq!((new, left), (vec![OTHER], vec![]));
    assert_eq!(session.position(OTHER), Position::Awaited);
    message(&mut session, 11);
    let (new, left) = session.reconcile(&[OTHER]);
    assert_eq!((new, left), (vec![], vec![GUILD]));
    assert_eq!(gateway.names(), ["MESSAGE_CREATE", "GUILD_DELETE"]);
}

#[test]
fn a_gateway_goes_on_from_an_outbox_only_if_it_fits_what_the_gateway_has() {
    let (mut session, _) = up(Intents::ALL, false);
    message(&mut session, 11);
    message(&mut session, 12);
    // READY is 1, GUILD_CREATE 2, the messages 3 and 4.
    let at = |number| [(GUILD, EventNumber(number))];
    assert!(session.continues(4, &at(12)));
    assert!(session.continues(3, &at(11)));
    assert!(session.continues(1, &[]));
    assert!(!session.continues(3, &at(12)), "it would get 12 again");
    assert!(!session.continues(4, &at(11)), "it would never get 12");
    assert!(!session.continues(4, &at(13)), "it knows more than this session");
    assert!(
        !session.continues(5, &at(12)),
        "it has got more frames than this session gave out"
    );
    assert!(!session.continues(4, &[(GUILD, EventNumber(12)), (OTHER, EventNumber(1))]));
}
