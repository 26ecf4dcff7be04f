//! `conformance`: holds an engine against OpenSearch's REST suite, or against another engine.

use std::collections::BTreeMap;
use std::io::Write as _;
use std::path::PathBuf;
use std::process::ExitCode;

use clap::{Args, Parser, Subcommand};
use conformance::{Client, Exclusions, Outcome, Requests, Suite};

/// Holds an engine against what Elasticsearch's API is. Everything in the engines named is deleted.
#[derive(Debug, Parser)]
#[command(version, about)]
struct Arguments {
    #[command(subcommand)]
    command: Command,
}

#[derive(Debug, Subcommand)]
enum Command {
    /// Runs OpenSearch's own REST suite (3.0.0) and prints what fails
    Suite(SuiteArguments),
    /// Sends our requests to two engines and prints where the answers differ
    Compare(CompareArguments),
}

#[derive(Debug, Args)]
struct SuiteArguments {
    /// The engine, such as http://127.0.0.1:9200; everything in it is deleted
    #[arg(long)]
    url: String,
    /// Only tests whose name contains this, such as `search/` or `bulk/10_basic.yml`; may be given several times
    #[arg(long)]
    only: Vec<String>,
    /// The tests that are left out, and why
    #[arg(long, value_name = "FILE")]
    exclusions: Option<PathBuf>,
    /// Fails below this share of passed tests, in percent
    #[arg(long, value_name = "PERCENT", default_value_t = 100.0)]
    bar: f64,
    /// Names the tests that passed and were skipped too
    #[arg(long, short)]
    verbose: bool,
}

#[derive(Debug, Args)]
struct CompareArguments {
    /// The store; everything in it is deleted
    #[arg(long)]
    ours: String,
    /// The engine that is right; everything in it is deleted
    #[arg(long)]
    theirs: String,
    /// What that engine is: `elasticsearch-7` or `opensearch-3`
    #[arg(long, value_name = "ENGINE")]
    kind: engines::Kind,
    /// The folder of the requests
    #[arg(long, value_name = "DIR", default_value = "logstore/conformance/requests")]
    requests: PathBuf,
    /// Only files whose name contains this; may be given several times
    #[arg(long)]
    only: Vec<String>,
}

#[derive(Debug, Default)]
struct Tally {
    passed: usize,
    failed: usize,
    skipped: usize,
    left_out: usize,
}

fn main() -> ExitCode {
    match run(&Arguments::parse()) {
        Ok(true) => ExitCode::SUCCESS,
        Ok(false) => ExitCode::FAILURE,
        Err(error) => {
            eprintln!("conformance: {error:#}");
            ExitCode::from(2)
        }
    }
}

fn run(arguments: &Arguments) -> anyhow::Result<bool> {
    let runtime = tokio::runtime::Builder::new_current_thread()
        .enable_all()
        .build()?;
    runtime.block_on(async {
        match &arguments.command {
            Command::Suite(arguments) => suite(arguments).await,
            Command::Compare(arguments) => compare(arguments).await,
        }
    })
}

async fn compare(arguments: &CompareArguments) -> anyhow::Result<bool> {
    let mut out = std::io::stdout();
    let (ours, theirs) = (Client::new(&arguments.ours)?, Client::new(&arguments.theirs)?);
    let kind = arguments.kind.name();
    let (mut sent, mut equal) = (0, 0);
    for file in Requests::read(&arguments.requests)? {
        if !arguments.only.is_empty() && !arguments.only.iter().any(|part| file.name.contains(part)) {
            continue;
        }
        let count = file.count(kind);
        let differences = file.compare(&ours, &theirs, kind).await?;
        sent += count;
        equal += count - differences.len();
        for difference in &differences {
            writeln!(out, "DIFFERS  {}/{}", file.name, difference.request)?;
            for place in difference.places.iter().take(8) {
                writeln!(out, "         {place}")?;
            }
        }
        writeln!(
            out,
            "{}: {} of {count} are equal",
            file.name,
            count - differences.len()
        )?;
    }
    anyhow::ensure!(sent > 0, "no request was sent");
    writeln!(out, "{equal} of {sent} answers are equal to those of {kind}")?;
    Ok(equal == sent)
}

async fn suite(arguments: &SuiteArguments) -> anyhow::Result<bool> {
    let exclusions = match &arguments.exclusions {
        Some(path) => Exclusions::read(path)?,
        None => Exclusions::default(),
    };
    let mut out = std::io::stdout();
    let client = Client::new(&arguments.url)?;
    let suite = Suite::fetch(&client.version().await?)?;
    let mut total = Tally::default();
    let mut folders: BTreeMap<String, Tally> = BTreeMap::new();
    for test in &suite.tests {
        if !arguments.only.is_empty() && !arguments.only.iter().any(|part| test.name.contains(part)) {
            continue;
        }
        let folder = test.name.split('/').next().unwrap_or_default().to_owned();
        let folder = folders.entry(folder).or_default();
        if exclusions.reason(&test.name).is_some() {
            folder.left_out += 1;
            total.left_out += 1;
            continue;
        }
        match conformance::run(test, &suite.specification, &client).await? {
            Outcome::Passed => {
                folder.passed += 1;
                total.passed += 1;
                if arguments.verbose {
                    writeln!(out, "passed   {}", test.name)?;
                }
            }
            Outcome::Failed(how) => {
                folder.failed += 1;
                total.failed += 1;
                writeln!(out, "FAILED   {}\n         {how}", test.name)?;
            }
            Outcome::Skipped(why) => {
                folder.skipped += 1;
                total.skipped += 1;
                if arguments.verbose {
                    writeln!(out, "skipped  {} ({why})", test.name)?;
                }
            }
        }
    }
    writeln!(
        out,
        "\n{:<36}{:>8}{:>8}{:>8}{:>9}",
        "folder", "passed", "failed", "skipped", "left out"
    )?;
    for (folder, tally) in folders.iter().chain([(&"all".to_owned(), &total)]) {
        let Tally {
            passed,
            failed,
            skipped,
            left_out,
        } = tally;
        writeln!(out, "{folder:<36}{passed:>8}{failed:>8}{skipped:>8}{left_out:>9}")?;
    }
    let ran = total.passed + total.failed;
    anyhow::ensure!(ran > 0, "no test ran");
    let share = 100.0 * total.passed as f64 / ran as f64;
    writeln!(
        out,
        "{share:.1} % of {ran} tests passed; the bar is {} %",
        arguments.bar
    )?;
    Ok(share >= arguments.bar)
}
