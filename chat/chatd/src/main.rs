//! `chatd <role>`: one binary for every cluster of the chat stack.
//!
//! It reads its arguments, starts logging and the node shell, and runs the role's service. Nothing else.

use std::net::SocketAddr;
use std::path::PathBuf;
use std::process::ExitCode;

use anyhow::Context as _;
use chat_node::{NodeOptions, Shell};
use chat_proto::{Cluster, NodeName};
use clap::Parser;

/// Runs one node of the chat stack.
///
/// `ops up` starts all of them; by hand, a node needs a control plane that it can reach and the stack's fabric
/// token. Sockets called `main` and `admin` are inherited from the supervisor when there is one (systemd's
/// LISTEN_FDS protocol); otherwise `--listen` and `--admin` are bound.
#[derive(Debug, Parser)]
#[command(name = "chatd", version)]
struct Arguments {
    /// The cluster: data, guilds, presence, sessions, gateway, api or edge.
    role: Cluster,
    /// The node's name, numbered from 0: guilds-0.
    #[arg(long)]
    node: String,
    /// The stack's data folder.
    #[arg(long, env = "GUILDWATCH_DATA")]
    data: PathBuf,
    /// The control plane.
    #[arg(long, default_value = "http://127.0.0.1:7070")]
    control: String,
    /// A file that holds the fabric token, the secret that the stack's nodes share.
    #[arg(long)]
    token_file: PathBuf,
    /// Where to serve when no socket called `main` is inherited; port 0 takes a free one.
    #[arg(long, default_value = "127.0.0.1:0")]
    listen: SocketAddr,
    /// Where the admin port is when no socket called `admin` is inherited.
    #[arg(long, default_value = "127.0.0.1:0")]
    admin: SocketAddr,
    /// The URL under which clients reach the gateway through the edge.
    #[arg(long, default_value = "ws://127.0.0.1:8080")]
    public_url: String,
}

fn main() -> ExitCode {
    let arguments = Arguments::parse();
    match start(arguments) {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            tracing::error!(
                error = format!("{error:#}"),
                event.action = "node-failed",
                "node failed"
            );
            eprintln!("chatd: {error:#}");
            ExitCode::FAILURE
        }
    }
}

fn start(arguments: Arguments) -> anyhow::Result<()> {
    // Before there is a second thread: it reads and clears the environment.
    let mut sockets = lifecycle::Sockets::inherit().context("cannot inherit the listening sockets")?;
    let spool = arguments.data.join("spool").join(&arguments.node);
    telemetry::init(&telemetry::Settings::service(
        arguments.role.name(),
        &arguments.node,
        Some(spool),
    ))?;
    let token = std::fs::read_to_string(&arguments.token_file).with_context(|| {
        format!(
            "cannot read the fabric token from {}",
            arguments.token_file.display()
        )
    })?;
    let options = NodeOptions {
        cluster: arguments.role,
        node: NodeName::from(arguments.node),
        data: arguments.data,
        control: arguments.control,
        token: token.trim().to_owned(),
        listen: arguments.listen,
        admin: arguments.admin,
        public_url: arguments.public_url,
    };
    let runtime = tokio::runtime::Builder::new_multi_thread()
        .enable_all()
        .worker_threads(2)
        .build()?;
    runtime.block_on(async {
        let stop = lifecycle::stop_token()?;
        let shell = Shell::start(options, &mut sockets, stop).await?;
        match shell.node.cluster() {
            Cluster::Data => chat_data::run(shell).await,
            Cluster::Guilds => chat_guilds::run(shell).await,
            Cluster::Presence => chat_presence::run(shell).await,
            Cluster::Sessions => chat_sessions::run(shell).await,
            Cluster::Gateway => chat_gateway::run(shell).await,
            Cluster::Api => chat_api::run(shell).await,
            Cluster::Edge => chat_edge::run(shell).await,
        }
    })
}
