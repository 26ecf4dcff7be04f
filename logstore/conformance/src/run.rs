//! Runs one test.

use anyhow::{Context as _, bail};
use regex::Regex;
use serde_json::Value;

use crate::assertion::check;
use crate::client::{Answer, Client};
use crate::path;
use crate::spec::Specification;
use crate::stash::Stash;
use crate::step::{Do, Step};
use crate::suite::Test;
use crate::yaml;

/// How a test ended.
#[derive(Debug)]
pub enum Outcome {
    /// Every assertion held.
    Passed,
    /// One did not; which, and how.
    Failed(String),
    /// It does not apply; why.
    Skipped(String),
}

/// Wipes the engine, and runs the test with its setup and teardown.
pub async fn run(test: &Test, specification: &Specification, client: &Client) -> anyhow::Result<Outcome> {
    if let Some(reason) = &test.skip {
        return Ok(Outcome::Skipped(reason.clone()));
    }
    client.wipe().await.context("wiping the engine")?;
    let mut stash = Stash::default();
    let mut failure = None;
    for (number, step) in test.steps.iter().enumerate() {
        if let Err(error) = take(step, specification, client, &mut stash).await {
            failure = Some(format!("step {number}: {error:#}"));
            break;
        }
    }
    for step in &test.teardown {
        // A teardown cleans up after what may never have been there.
        drop(take(step, specification, client, &mut stash).await);
    }
    Ok(failure.map_or(Outcome::Passed, Outcome::Failed))
}

async fn take(
    step: &Step,
    specification: &Specification,
    client: &Client,
    stash: &mut Stash,
) -> anyhow::Result<()> {
    match step {
        Step::Pass => Ok(()),
        Step::Set(pairs) => {
            let answer = stash.fill(&Value::String("$body".to_owned()));
            for (path, name) in pairs {
                let value =
                    path::find(&answer, path, stash).with_context(|| format!("nothing to keep at {path}"))?;
                stash.keep(name, value);
            }
            Ok(())
        }
        Step::Assert(assert, path, expected) => {
            let answer = stash.fill(&Value::String("$body".to_owned()));
            let expected = stash.fill(expected);
            let actual = path::find(&answer, path, stash);
            check(*assert, actual.as_ref(), &expected).with_context(|| format!("{assert:?} {path:?}"))
        }
        Step::Do(call) => call_api(call, specification, client, stash).await,
    }
}

async fn call_api(
    step: &Do,
    specification: &Specification,
    client: &Client,
    stash: &mut Stash,
) -> anyhow::Result<()> {
    let mut arguments = step.arguments.clone();
    let body = arguments.remove("body").map(|body| stash.fill(&body));
    let filled = stash.fill(&Value::Object(arguments));
    let arguments = filled.as_object().cloned().unwrap_or_default();
    let call = match specification.call(&step.api, &arguments, body.is_some()) {
        Err(_) if step.catch.as_deref() == Some("param") => return Ok(()),
        call => call?,
    };
    let body = match body {
        Some(body) => Some(encode(&body, call.lines)?),
        None => None,
    };
    let answer = client.send(&call, &step.headers, body).await?;
    let head = call.method == "HEAD" && answer.status == 404;
    let failed = answer.status >= 400 && !head && !step.ignore.contains(&answer.status);
    let verdict = match &step.catch {
        None if failed => bail!(
            "{} {}: {} {}",
            call.method,
            call.path,
            answer.status,
            cut(&answer.text)
        ),
        None => Ok(()),
        Some(catch) => caught(catch, &answer, failed),
    };
    stash.answer(answer.body);
    verdict.with_context(|| format!("{} {}", call.method, call.path))
}

/// Texts of YAML are read as YAML, as the suite's own runner does; a newline-delimited body is one item a line.
fn encode(body: &Value, lines: bool) -> anyhow::Result<String> {
    if !lines {
        return match body {
            Value::String(text) => match yaml::document(text) {
                Ok(value) if value.is_object() => Ok(value.to_string()),
                _ => Ok(text.clone()),
            },
            other => Ok(other.to_string()),
        };
    }
    let items = match body {
        Value::Array(items) => items.clone(),
        Value::String(text) => text
            .lines()
            .filter(|line| !line.trim().is_empty())
            .map(|line| Value::String(line.to_owned()))
            .collect(),
        other => vec![other.clone()],
    };
    let mut out = String::new();
    for item in items {
        match item {
            Value::String(line) => out.push_str(line.trim()),
            other => out.push_str(&other.to_string()),
        }
        out.push('\n');
    }
    Ok(out)
}

fn caught(catch: &str, answer: &Answer, failed: bool) -> anyhow::Result<()> {
    if !failed && answer.status < 400 {
        bail!(
            "should fail ({catch}), answers {} {}",
            answer.status,
            cut(&answer.text)
        );
    }
    let holds = match catch {
        "missing" => answer.status == 404,
        "conflict" => answer.status == 409,
        "bad_request" => answer.status == 400,
        "unauthorized" => answer.status == 401,
        "forbidden" => answer.status == 403,
        "request_timeout" => answer.status == 408,
        "unavailable" => answer.status == 503,
        "request" => answer.status >= 400,
        "param" => bail!("should be refused before it is sent"),
        pattern => {
            let pattern = pattern.trim_matches('/').replace("\\/", "/");
            let regex = Regex::new(&format!("(?s){pattern}"))
                .with_context(|| format!("{pattern:?} is no regular expression"))?;
            // The runner of the suite matches on a rendering of the error; JSON escapes quotes that it does not.
            regex.is_match(&answer.text) || regex.is_match(&answer.text.replace("\\\"", "\""))
        }
    };
    if !holds {
        bail!(
            "should fail with {catch}, fails with {} {}",
            answer.status,
            cut(&answer.text)
        );
    }
    Ok(())
}

fn cut(text: &str) -> String {
    text.chars().take(300).collect()
}
