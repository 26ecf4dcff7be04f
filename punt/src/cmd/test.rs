//! `punt test`: runs the tests that stand in a configuration.

use std::path::PathBuf;
use std::process::ExitCode;

use serde_json::json;

use super::trial::{self, Outcome};
use super::{complain, failed, say, terminal::BAD_CONFIG};
use crate::config;

#[derive(Debug, clap::Args)]
pub(crate) struct Arguments {
    /// The configuration file.
    #[arg(value_name = "FILE", required_unless_present = "config")]
    file: Option<PathBuf>,
    /// The same, as the other commands have it.
    #[arg(long, value_name = "FILE", conflicts_with = "file")]
    config: Option<PathBuf>,
    /// How to print the outcome.
    #[arg(short, long, value_enum, default_value_t = Output::Text)]
    output: Output,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, clap::ValueEnum)]
enum Output {
    Text,
    Json,
    Junit,
}

pub(crate) fn run(arguments: &Arguments) -> ExitCode {
    let given = arguments.file.as_ref().or(arguments.config.as_ref());
    let path = given.expect("clap requires one of them");
    let config = match config::load(path) {
        Ok(config) => config,
        Err(faults) => {
            complain(&format!("punt: {faults}"));
            return ExitCode::from(BAD_CONFIG);
        }
    };
    let outcomes: anyhow::Result<Vec<Outcome>> = config
        .tests
        .iter()
        .map(|test| trial::run(&config, test))
        .collect();
    let outcomes = match outcomes {
        Ok(outcomes) => outcomes,
        Err(error) => return failed(&error),
    };
    say(match arguments.output {
        Output::Text => text(&outcomes),
        Output::Json => as_json(&outcomes),
        Output::Junit => junit(&outcomes),
    }
    .trim_end());
    match outcomes.iter().all(|outcome| outcome.failures.is_empty()) {
        true => ExitCode::SUCCESS,
        false => ExitCode::FAILURE,
    }
}

fn count(outcomes: &[Outcome]) -> (usize, usize) {
    let failed = outcomes
        .iter()
        .filter(|outcome| !outcome.failures.is_empty())
        .count();
    (outcomes.len() - failed, failed)
}

fn text(outcomes: &[Outcome]) -> String {
    let mut text = String::new();
    for outcome in outcomes {
        let word = if outcome.failures.is_empty() {
            "ok    "
        } else {
            "FAILED"
        };
        text.push_str(&format!("{word} {}\n", outcome.name));
        for failure in &outcome.failures {
            text.push_str(&format!("         {failure}\n"));
        }
    }
    let (passed, failed) = count(outcomes);
    match outcomes.is_empty() {
        true => "there are no tests: add [[tests]] tables".to_owned(),
        false => format!("{text}{passed} passed, {failed} failed"),
    }
}

fn as_json(outcomes: &[Outcome]) -> String {
    let (passed, failed) = count(outcomes);
    format!(
        "{:#}",
        json!({"passed": passed, "failed": failed, "tests": outcomes})
    )
}

fn junit(outcomes: &[Outcome]) -> String {
    let (_, failed) = count(outcomes);
    let mut text = format!(
        "<?xml version=\"1.0\" encoding=\"UTF-8\"?>\n<testsuite name=\"punt\" tests=\"{}\" failures=\"{failed}\">\n",
        outcomes.len()
    );
    for outcome in outcomes {
        text.push_str(&format!("  <testcase name=\"{}\">", escaped(&outcome.name)));
        if !outcome.failures.is_empty() {
            text.push_str(&format!(
                "<failure>{}</failure>",
                escaped(&outcome.failures.join("\n"))
            ));
        }
        text.push_str("</testcase>\n");
    }
    text + "</testsuite>"
}

/// Text that XML can hold.
fn escaped(text: &str) -> String {
    let mut escaped = String::with_capacity(text.len());
    for c in text.chars() {
        match c {
            '&' => escaped.push_str("&amp;"),
            '<' => escaped.push_str("&lt;"),
            '>' => escaped.push_str("&gt;"),
            '"' => escaped.push_str("&quot;"),
            '\n' | '\t' => escaped.push(c),
            c if c.is_control() => escaped.push('\u{fffd}'),
            c => escaped.push(c),
        }
    }
    escaped
}
