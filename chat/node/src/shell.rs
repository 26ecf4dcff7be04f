//! The beginning and the end of a node.

use std::os::unix::fs::OpenOptionsExt as _;
use std::path::PathBuf;

use anyhow::Context as _;
use chat_admin::RunFile;
use lifecycle::{CancellationToken, Sockets};
use tokio::net::TcpListener;
use tokio::task::JoinSet;
use tracing::{error, info};

use crate::{Node, NodeOptions, admin, lease};

/// A started node: its handle, its listening socket, and the tasks of the shell.
#[derive(Debug)]
pub struct Shell {
    /// The handle.
    pub node: Node,
    listener: Option<TcpListener>,
    http: reqwest::Client,
    tasks: JoinSet<()>,
    run_file: PathBuf,
}

impl Shell {
    /// Takes the sockets `main` and `admin` (inherited, or bound as the options say), opens the admin port, writes
    /// the run file, and asks for the lease until there is a membership.
    pub async fn start(
        options: NodeOptions,
        sockets: &mut Sockets,
        stop: CancellationToken,
    ) -> anyhow::Result<Self> {
        let listener = sockets.take_or_bind("main", options.listen)?;
        let admin_listener = sockets.take_or_bind("admin", options.admin)?;
        let address = listener.local_addr()?;
        let node = Node::new(options, address, admin_listener.local_addr()?, stop);
        let run_file = write_run_file(&node)?;
        let http = reqwest::Client::builder()
            .build()
            .context("cannot make an HTTP client")?;
        let mut tasks = JoinSet::new();
        tasks.spawn({
            let node = node.clone();
            async move {
                if let Err(error) = admin::serve(node, admin_listener).await {
                    error!(%error, "the admin port failed");
                }
            }
        });
        tasks.spawn(lease::keep(node.clone(), http.clone()));
        info!(
            event.action = "node-starting",
            address = %address,
            incarnation = node.incarnation().0,
            "node starting"
        );
        Ok(Self {
            node,
            listener: Some(listener),
            http,
            tasks,
            run_file,
        })
    }

    /// The listening socket: Loqui for data, guilds, presence and sessions, HTTP for the others.
    pub fn take_listener(&mut self) -> TcpListener {
        self.listener.take().expect("a service takes its listener once")
    }

    /// Gives back lease and run file, and waits for the shell's tasks. Call it when the service is done.
    pub async fn finish(mut self) {
        self.node.set_stopping();
        lease::leave(&self.node, &self.http).await;
        self.node.stop().cancel();
        while self.tasks.join_next().await.is_some() {}
        self.node.peers().finish().await;
        // Nothing more can be done about a run file that is gone already.
        drop(std::fs::remove_file(&self.run_file));
        info!(event.action = "node-stopped", "node stopped");
    }
}

fn write_run_file(node: &Node) -> anyhow::Result<PathBuf> {
    let member = node.member();
    let file = RunFile {
        node: member.node,
        cluster: member.cluster,
        pid: std::process::id(),
        incarnation: member.incarnation,
        address: member.address,
        admin: member.admin,
        token: node.options().token.clone(),
    };
    let folder = node.options().data.join("run/nodes");
    std::fs::create_dir_all(&folder).with_context(|| format!("cannot create {}", folder.display()))?;
    let path = folder.join(format!("{}.json", file.node));
    let part = folder.join(format!(".{}.part", file.node));
    let write = || -> std::io::Result<()> {
        let mut out = std::fs::OpenOptions::new()
            .write(true)
            .create(true)
            .truncate(true)
            .mode(0o600)
            .open(&part)?;
        serde_json::to_writer_pretty(&mut out, &file)?;
        std::fs::rename(&part, &path)
    };
    write().with_context(|| format!("cannot write {}", path.display()))?;
    Ok(path)
}
