//! The session's protocol, frame by frame.

use chat_proto::MessageId;

use super::*;

const EDGE: &str = "ws://edge";

fn machine() -> Machine {
    Machine::new("secret", GuildId(7), EDGE)
}

fn tell<'a>(machine: &mut Machine, text: &'a str) -> Action<'a> {
    machine.on_frame(&Frame::parse(text).unwrap())
}

fn hello(machine: &mut Machine) -> serde_json::Value {
    match tell(
        machine,
        r#"{"op":10,"d":{"heartbeat_interval":41250},"s":null,"t":null}"#,
    ) {
        Action::Greet { greeting, heartbeat } => {
            assert_eq!(heartbeat, Duration::from_millis(41_250));
            serde_json::from_str(&greeting).unwrap()
        }
        other => panic!("{other:?}"),
    }
}

const READY: &str = r#"{"op":0,"s":1,"t":"READY","d":{"v":10,"session_id":"abc","resume_gateway_url":"ws://again","guilds":[]}}"#;
const GUILD: &str = r#"{"op":0,"s":2,"t":"GUILD_CREATE","d":{"id":"7","name":"g"}}"#;
const RESUMED: &str = r#"{"op":0,"s":null,"t":"RESUMED","d":{}}"#;

/// A session to which events flow.
fn live() -> Machine {
    let mut machine = machine();
    hello(&mut machine);
    assert_eq!(tell(&mut machine, READY), Action::None);
    assert_eq!(tell(&mut machine, GUILD), Action::Joined { anew: false });
    assert!(machine.live());
    machine
}

#[test]
fn a_first_connection_identifies_at_the_edge_and_joins_with_its_guild() {
    let mut machine = machine();
    assert_eq!(
        machine.plan(),
        Plan {
            url: EDGE.to_owned(),
            failures: 0,
            rejected: false
        }
    );
    let greeting = hello(&mut machine);
    assert_eq!(
        (&greeting["op"], &greeting["d"]["token"]),
        (&2.into(), &"secret".into())
    );
    assert_eq!(greeting["d"]["intents"], 1 | 1 << 9 | 1 << 15);
    tell(&mut machine, READY);
    let other = r#"{"op":0,"s":2,"t":"GUILD_CREATE","d":{"id":"8"}}"#;
    assert_eq!(tell(&mut machine, other), Action::None);
    assert!(!machine.live());
    assert_eq!(tell(&mut machine, GUILD), Action::Joined { anew: false });
    assert!(machine.live());
}

#[test]
fn a_message_is_handed_on_whatever_else_it_carries() {
    let mut machine = live();
    let text = r#"{"op":0,"s":9,"t":"MESSAGE_CREATE","d":{"id":"55","channel_id":"3","author":{"id":"1"},"content":"a \"b\"","nonce":null}}"#;
    let Action::Message(message) = tell(&mut machine, text) else {
        panic!("no message")
    };
    assert_eq!((message.id, &*message.content), (MessageId(55), "a \"b\""));
    assert_eq!(machine.on_heartbeat_due().unwrap(), r#"{"op":1,"d":9}"#);
}

#[test]
fn a_broken_connection_is_resumed_where_ready_said_after_the_last_dispatch() {
    let mut machine = live();
    machine.on_closed(None).unwrap();
    assert_eq!(
        machine.plan(),
        Plan {
            url: "ws://again".to_owned(),
            failures: 0,
            rejected: false
        }
    );
    let greeting = hello(&mut machine);
    assert_eq!(greeting["op"], 6);
    assert_eq!(
        greeting["d"],
        serde_json::json!({ "token": "secret", "session_id": "abc", "seq": 2 })
    );
    assert!(!machine.live());
    assert_eq!(tell(&mut machine, RESUMED), Action::Resumed);
    assert!(machine.live());
}

#[test]
fn a_reconnect_order_leaves_the_session_resumable() {
    let mut machine = live();
    assert_eq!(
        tell(&mut machine, r#"{"op":7,"d":null,"s":null,"t":null}"#),
        Action::Leave(Leave::Asked)
    );
    machine.on_closed(None).unwrap();
    assert!(!machine.begins_anew());
    assert_eq!(hello(&mut machine)["op"], 6);
}

#[test]
fn an_invalid_session_identifies_anew_after_a_wait_and_then_owes_the_history() {
    let mut machine = live();
    machine.on_closed(None).unwrap();
    hello(&mut machine);
    assert_eq!(
        tell(&mut machine, r#"{"op":9,"d":false}"#),
        Action::Leave(Leave::Invalid)
    );
    machine.on_closed(None).unwrap();
    assert_eq!(
        machine.plan(),
        Plan {
            url: EDGE.to_owned(),
            failures: 0,
            rejected: true
        }
    );
    assert_eq!(hello(&mut machine)["op"], 2);
    assert!(!machine.plan().rejected);
    tell(&mut machine, READY);
    assert_eq!(tell(&mut machine, GUILD), Action::Joined { anew: true });
}

#[test]
fn an_invalid_session_that_may_resume_does() {
    let mut machine = live();
    machine.on_closed(None).unwrap();
    hello(&mut machine);
    assert_eq!(
        tell(&mut machine, r#"{"op":9,"d":true}"#),
        Action::Leave(Leave::Invalid)
    );
    machine.on_closed(None).unwrap();
    assert!(machine.plan().rejected);
    assert_eq!(hello(&mut machine)["op"], 6);
}

#[test]
fn a_guild_that_comes_with_the_missed_dispatches_joins_too() {
    let mut machine = machine();
    hello(&mut machine);
    tell(&mut machine, READY);
    machine.on_closed(None).unwrap();
    hello(&mut machine);
    assert_eq!(tell(&mut machine, GUILD), Action::Joined { anew: false });
    assert!(!machine.live());
    tell(&mut machine, RESUMED);
    assert!(machine.live());
}

#[test]
fn an_unanswered_heartbeat_means_a_dead_connection() {
    let mut machine = live();
    assert!(machine.on_heartbeat_due().is_some());
    tell(&mut machine, r#"{"op":11}"#);
    assert!(machine.on_heartbeat_due().is_some());
    assert_eq!(machine.on_heartbeat_due(), None);
    // The next connection starts with a clean slate.
    machine.on_closed(None).unwrap();
    assert!(machine.on_heartbeat_due().is_some());
}

#[test]
fn a_heartbeat_that_the_gateway_asks_for_is_sent_at_once() {
    let mut machine = live();
    assert_eq!(
        tell(&mut machine, r#"{"op":1,"d":null}"#),
        Action::Send(r#"{"op":1,"d":2}"#.to_owned())
    );
}

#[test]
fn a_resume_url_that_keeps_failing_is_given_up_for_the_edge_but_the_session_is_not() {
    let mut machine = live();
    machine.on_closed(None).unwrap();
    for _ in 0..FAILURES_AT_RESUME_URL {
        assert_eq!(machine.plan().url, "ws://again");
        machine.on_closed(None).unwrap();
    }
    assert_eq!(
        machine.plan(),
        Plan {
            url: EDGE.to_owned(),
            failures: 3,
            rejected: false
        }
    );
    assert_eq!(hello(&mut machine)["op"], 6);
}

#[test]
fn close_codes_decide_between_resume_identify_and_giving_up() {
    for code in [None, Some(1000), Some(1006), Some(4000), Some(4008)] {
        let mut machine = live();
        machine.on_closed(code).unwrap();
        assert!(!machine.begins_anew(), "{code:?}");
    }
    for code in [4003, 4007, 4009] {
        let mut machine = live();
        machine.on_closed(Some(code)).unwrap();
        assert!(machine.begins_anew(), "{code}");
    }
    for code in [4004, 4010, 4011, 4012, 4013, 4014] {
        assert!(live().on_closed(Some(code)).is_err(), "{code}");
    }
}

#[test]
fn what_is_not_the_protocol_ends_the_connection() {
    let mut machine = live();
    let text = r#"{"op":0,"s":3,"t":"MESSAGE_CREATE","d":{"channel_id":"3","content":"no id"}}"#;
    assert!(matches!(
        tell(&mut machine, text),
        Action::Leave(Leave::Garbled(_))
    ));
    assert!(Frame::parse("{").is_err());
}
