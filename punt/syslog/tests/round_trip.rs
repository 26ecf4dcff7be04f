//! What is parsed and written again parses to the same message; and no input makes the parser panic.

use proptest::prelude::*;
use punt_syslog::parse;

fn received() -> jiff::Timestamp {
    "2026-11-24T12:00:00Z".parse().expect("a valid timestamp")
}

/// Lines made of the pieces that the parser decides on, in any order.
fn line() -> impl Strategy<Value = String> {
    let piece = prop_oneof![
        Just("<34>".to_owned()),
        Just("1 ".to_owned()),
        Just("- ".to_owned()),
        Just("Nov 24 09:46:51 ".to_owned()),
        Just("Nov 24 09:46:51: ".to_owned()),
        Just("2026-11-24T09:46:51.123+01:00 ".to_owned()),
        Just("2026-11-24 09:46:51 ".to_owned()),
        Just("29: ".to_owned()),
        Just("*Nov 24 2026 09:46:51.5 UTC: ".to_owned()),
        Just("host: ".to_owned()),
        Just(": ".to_owned()),
        Just("%ASA-6-302013: ".to_owned()),
        Just("Message forwarded from ".to_owned()),
        Just("last message repeated ".to_owned()),
        Just("two words[5]: ".to_owned()),
        Just("host ".to_owned()),
        Just("fe80::1 ".to_owned()),
        Just("tag[12]: ".to_owned()),
        Just("tag: ".to_owned()),
        Just("[id@1 a=\"b\\]\\x\\\\\"]".to_owned()),
        Just("\u{feff}".to_owned()),
        Just("  ".to_owned()),
        "[ -~]{0,6}",
        "\\PC{0,4}",
    ];
    prop::collection::vec(piece, 0..12).prop_map(|pieces| pieces.concat())
}

proptest! {
    #[test]
    fn what_is_written_parses_to_the_same_message(line in line()) {
        if let Ok(message) = parse(&line, received()) {
            let mut written = String::new();
            message.write(&mut written);
            // The year is guessed from the time of receipt, so a much later reader must see the same.
            let later = "2031-03-01T00:00:00Z".parse().unwrap();
            prop_assert_eq!(parse(&written, later), Ok(message), "written: {:?}", &written);
        }
    }

    #[test]
    fn no_line_makes_the_parser_panic(line in any::<String>()) {
        let text = match parse(&line, received()) {
            Ok(message) => message.message.len(),
            Err(unparsed) => unparsed.line.len(),
        };
        prop_assert!(text <= line.len());
    }
}
