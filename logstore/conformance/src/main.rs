//! `conformance`: runs OpenSearch's REST suite against an engine.

use std::collections::BTreeMap;
use std::io::Write as _;
use std::path::PathBuf;
use std::process::ExitCode;

use clap::Parser;
use conformance::{Client, Exclusions, Outcome, Suite};

/// Runs OpenSearch's own REST suite (3.0.0) against an engine and prints what fails. It deletes everything in that engine.
#[derive(Debug, Parser)]
#[command(version, about)]
struct Arguments {
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
    let exclusions = match &arguments.exclusions {
        Some(path) => Exclusions::read(path)?,
        None => Exclusions::default(),
    };
    let runtime = tokio::runtime::Builder::new_current_thread()
        .enable_all()
        .build()?;
    runtime.block_on(async {
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
    })
}
