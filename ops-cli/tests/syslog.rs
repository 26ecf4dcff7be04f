//! syslog-ng's loggen sends real syslog: each line is in the store exactly once.

mod support;

use std::process::Command;
use std::time::Duration;

use support::{Stack, enabled, run_ok, tools};

const LINES: u64 = 20_000;

#[test]
fn loggen_over_tcp_octet_counted_and_newline_framed_is_in_the_store_to_the_line() {
    if !enabled() {
        return;
    }
    let loggen = tools::debian("loggen", "syslog-ng-core");
    let stack = Stack::up();
    let syslog = |arguments: &[&str]| {
        let number = LINES.to_string();
        let mut command = Command::new(&loggen);
        command.args([
            "--inet", "--stream", "--rate", "1000000", "--size", "200", "--number", &number,
        ]);
        command
            .args(arguments)
            .args(["127.0.0.1", &stack.ports.syslog.to_string()]);
        run_ok(&mut command)
    };
    // RFC 5424 with octet counting, then RFC 3164 with newlines.
    syslog(&["--syslog-proto"]);
    stack.wait_for_count("event.dataset:syslog", LINES, Duration::from_secs(30));
    syslog(&[]);
    stack.wait_for_count("event.dataset:syslog", 2 * LINES, Duration::from_secs(30));
    assert_eq!(
        stack.count("event.dataset:syslog AND _exists_:error.message"),
        0,
        "every line was understood"
    );
}
