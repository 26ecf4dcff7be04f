//! One run, from set-up to verdict.

use std::sync::Arc;
use std::time::Duration;

use anyhow::{Context as _, bail, ensure};
use ops_api::ControlClient;
use tokio::task::JoinSet;
use tokio::time::{Instant, sleep_until, timeout_at};
use tokio_util::sync::CancellationToken;

use crate::books::Books;
use crate::gateway::{self, Member, Venue};
use crate::report::Report;
use crate::rest::Rest;
use crate::{open_files, progress, sender, setup};

/// How long the last user may take to join after its turn to connect.
const JOIN: Duration = Duration::from_secs(60);

/// Between two looks at whether all is there.
const LOOK: Duration = Duration::from_millis(50);

/// How long a run waits for what should not come once all is there: a second delivery.
const QUIET: Duration = Duration::from_millis(500);

/// What to run against which stack.
#[derive(Debug, Clone)]
pub struct Options {
    /// The control plane, which creates the accounts.
    pub control: ControlClient,
    /// The edge: `http://127.0.0.1:8080`.
    pub edge: String,
    /// Simulated users, each with one gateway session.
    pub users: usize,
    /// Guilds that they are spread over.
    pub guilds: usize,
    /// Messages a second, over all guilds.
    pub rate: f64,
    /// How long messages are sent.
    pub duration: Duration,
    /// Users that connect a second.
    pub ramp: f64,
    /// How long to wait at the end for what is missing.
    pub settle: Duration,
    /// Who asks, for the audit log.
    pub by: String,
    /// Whether to say on stderr how it goes.
    pub progress: bool,
}

/// Runs the load and judges what came of it. `stop` ends the sending early; the verdict is about what was sent.
pub async fn run(options: Options, stop: CancellationToken) -> anyhow::Result<Report> {
    let gateway = options.check()?;
    open_files::allow(options.users)?;
    let edge = options.edge.trim_end_matches('/');
    let rest = Rest::new(edge).context("make an HTTP client")?;
    let run = rand::random();
    let Options {
        control,
        users,
        guilds,
        by,
        ..
    } = &options;
    if options.progress {
        progress::announce(*users, *guilds);
    }
    let setup = setup::create(control, &rest, run, *users, *guilds, by);
    let Some(guilds) = stop.run_until_cancelled(setup).await else {
        bail!("stopped before the users and guilds were created");
    };
    let guilds = guilds?;
    tracing::info!(
        users,
        guilds = guilds.len(),
        "created the users and guilds of a load"
    );

    let sizes: Vec<_> = guilds.iter().map(Vec::len).collect();
    let books = Arc::new(Books::new(run, &sizes));
    let venue = Venue { gateway, rest, books };
    let leave = CancellationToken::new();
    let _leave = leave.clone().drop_guard();
    let mut tasks = JoinSet::new();
    if options.progress {
        let (books, users, leave) = (Arc::clone(&venue.books), options.users, leave.clone());
        tasks.spawn(async move {
            progress::say(&books, users, leave).await;
            Ok(())
        });
    }
    connect(&guilds, &venue, options.ramp, &leave, &mut tasks);
    let outcome = drive(&options, &guilds, &venue, &mut tasks, &stop).await;
    leave.cancel();
    let mut refusal = Ok(());
    while let Some(ended) = tasks.join_next().await {
        let ended = ended.context("a task of the load panicked");
        refusal = refusal.and(ended.and_then(|result| result));
    }
    // What ended the run says more than what its sessions said while they were being ended.
    let sent_for = outcome?;
    refusal?;
    let report = Report::new(&venue.books, options.users, options.rate, sent_for);
    tracing::info!(
        ok = report.ok(),
        sent = report.sent,
        acknowledged = report.acknowledged,
        lost = report.lost,
        duplicated = report.duplicated,
        reordered = report.reordered,
        "finished a load"
    );
    Ok(report)
}

/// Has all users join, sends, and waits for the deliveries. Answers how long it sent.
async fn drive(
    options: &Options,
    guilds: &[Vec<Member>],
    venue: &Venue,
    tasks: &mut JoinSet<anyhow::Result<()>>,
    stop: &CancellationToken,
) -> anyhow::Result<Duration> {
    let joining = all_joined(options, venue, tasks);
    let Some(joined) = stop.run_until_cancelled(joining).await else {
        bail!("stopped before all users were connected");
    };
    joined?;
    let sending = sender::send_all(guilds, venue, options.rate, options.duration, stop);
    let sent_for = tokio::select! {
        sent_for = sending => sent_for,
        error = refused(tasks) => return Err(error),
    };
    tokio::select! {
        () = settle(venue, options.settle) => Ok(sent_for),
        error = refused(tasks) => Err(error),
    }
}

/// Spawns a session for each user; they connect one after another, `ramp` a second.
fn connect(
    guilds: &[Vec<Member>],
    venue: &Venue,
    ramp: f64,
    leave: &CancellationToken,
    tasks: &mut JoinSet<anyhow::Result<()>>,
) {
    let started = Instant::now();
    let seats = guilds.iter().map(Vec::len).max().unwrap_or(0);
    let in_turn = (0..seats).flat_map(|seat| guilds.iter().filter_map(move |members| members.get(seat)));
    for (turn, member) in in_turn.enumerate() {
        let at = started + Duration::from_secs_f64(turn as f64 / ramp);
        let (member, venue, leave) = (member.clone(), venue.clone(), leave.clone());
        tasks.spawn(async move {
            match leave.run_until_cancelled(sleep_until(at)).await {
                Some(()) => gateway::attend(member, venue, leave.clone()).await,
                None => Ok(()),
            }
        });
    }
}

async fn all_joined(
    options: &Options,
    venue: &Venue,
    tasks: &mut JoinSet<anyhow::Result<()>>,
) -> anyhow::Result<()> {
    let counts = &venue.books.counts;
    let all = async {
        while counts.joined.get() < options.users as u64 {
            tokio::time::sleep(LOOK).await;
        }
    };
    let deadline = Instant::now() + Duration::from_secs_f64(options.users as f64 / options.ramp) + JOIN;
    let joined = tokio::select! {
        joined = timeout_at(deadline, all) => joined,
        error = refused(tasks) => return Err(error),
    };
    joined.with_context(|| {
        format!(
            "only {} of {} users could connect to {} ({} connections failed): look at `ops status`",
            counts.joined.get(),
            options.users,
            venue.gateway,
            counts.unconnected.get()
        )
    })
}

/// Ends when a session was refused for good.
async fn refused(tasks: &mut JoinSet<anyhow::Result<()>>) -> anyhow::Error {
    match tasks.join_next().await {
        Some(Ok(Err(error))) => error.context("a session was refused"),
        Some(Err(error)) => anyhow::Error::new(error).context("a task of the load panicked"),
        Some(Ok(Ok(()))) | None => anyhow::anyhow!("a session ended though nobody had asked it to"),
    }
}

/// Waits until every acknowledged message is everywhere, and a moment more; at most `longest`.
async fn settle(venue: &Venue, longest: Duration) {
    let deadline = Instant::now() + longest;
    loop {
        let standing = venue.books.standing();
        let complete = standing.made >= standing.expected;
        let next = Instant::now() + if complete { QUIET } else { LOOK };
        sleep_until(next.min(deadline)).await;
        if complete || Instant::now() >= deadline {
            return;
        }
    }
}

// === impl Options ===

impl Options {
    /// Refuses what cannot be run; answers the gateway's address.
    fn check(&self) -> anyhow::Result<String> {
        let finite = |number: f64| number.is_finite() && number > 0.0;
        ensure!(self.guilds > 0, "there must be at least one guild");
        ensure!(
            self.users >= self.guilds,
            "{} guilds need at least as many users, and there are {}",
            self.guilds,
            self.users
        );
        ensure!(
            finite(self.rate),
            "the rate must be above 0 messages a second, and is {}",
            self.rate
        );
        ensure!(
            finite(self.ramp),
            "the ramp must be above 0 users a second, and is {}",
            self.ramp
        );
        ensure!(!self.duration.is_zero(), "the duration must be above 0");
        let address = self.edge.trim_end_matches('/').strip_prefix("http://");
        let address = address.with_context(|| {
            format!(
                "the edge must be an address like http://127.0.0.1:8080, and is {:?}",
                self.edge
            )
        })?;
        Ok(format!("ws://{address}"))
    }
}
