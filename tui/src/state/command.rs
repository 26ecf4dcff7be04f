//! The command line: what can be typed after `:`, and what the palette offers, which is the same list.

use super::State;
use super::logs::{Level, LogQuery};

/// A command.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Command {
    Fleet,
    Cluster(String),
    Node(String),
    Logs(Option<String>),
    Level(Level),
    Since(u64),
    Find(String),
    Operations,
    Operation(String),
    Audit,
    Restart(String),
    Write,
    Help,
    Quit,
}

// === impl Command ===

impl Command {
    /// Reads a line.
    pub fn parse(line: &str) -> Result<Self, String> {
        let line = line.trim();
        let (verb, rest) = line.split_once(char::is_whitespace).unwrap_or((line, ""));
        let rest = rest.trim();
        let needed = |what: &str| match rest {
            "" => Err(format!("{verb} needs {what}")),
            name => Ok(name.to_owned()),
        };
        Ok(match verb {
            "fleet" => Self::Fleet,
            "cluster" => Self::Cluster(needed("the name of a cluster")?),
            "node" => Self::Node(needed("the name of a node")?),
            "logs" => Self::Logs((!rest.is_empty()).then(|| rest.to_owned())),
            "level" => match Level::known(rest) {
                Some(level) => Self::Level(level),
                None => {
                    return Err(format!(
                        "no level is called {rest:?}: trace, debug, info, warn or error"
                    ));
                }
            },
            "since" => match LogQuery::parse_window(rest) {
                Some(minutes) => Self::Since(minutes),
                None => return Err(format!("since needs 1m to 7d, as in 15m, 6h, 2d; not {rest:?}")),
            },
            "find" => Self::Find(rest.to_owned()),
            "op" | "operations" if rest.is_empty() => Self::Operations,
            "op" => Self::Operation(rest.to_owned()),
            "audit" => Self::Audit,
            "restart" | "reboot" => Self::Restart(needed("a cluster or a node")?),
            "write" => Self::Write,
            "help" => Self::Help,
            "q" | "quit" => Self::Quit,
            "" => return Err("nothing was typed".to_owned()),
            _ => return Err(format!("no command is called {verb:?}; ^p lists them")),
        })
    }
}

/// Every line that makes sense now.
pub fn offers(state: &State) -> Vec<String> {
    let mut lines: Vec<String> = ["fleet", "logs", "op", "audit", "help", "write", "quit"]
        .map(str::to_owned)
        .into();
    if let Some(fleet) = &state.fleet {
        for cluster in &fleet.clusters {
            lines.push(format!("cluster {}", cluster.name));
            lines.push(format!("logs {}", cluster.name));
            if cluster.kind == ops_api::ServiceKind::Chat {
                lines.push(format!("restart {}", cluster.name));
            }
            for node in &cluster.nodes {
                lines.push(format!("node {}", node.name));
                lines.push(format!("logs {}", node.name));
                if cluster.kind == ops_api::ServiceKind::Chat {
                    lines.push(format!("restart {}", node.name));
                }
            }
        }
    }
    lines.extend(
        state
            .operations
            .list
            .iter()
            .map(|operation| format!("op {}", operation.id)),
    );
    lines.extend(["trace", "debug", "info", "warn", "error"].map(|level| format!("level {level}")));
    lines.extend(["5m", "15m", "1h", "6h", "24h"].map(|window| format!("since {window}")));
    lines
}

/// The offers that `typed` is a subsequence of; tighter ones first.
pub fn matching(state: &State, typed: &str) -> Vec<String> {
    let mut found: Vec<(usize, String)> = offers(state)
        .into_iter()
        .filter_map(|line| Some((spread(&line, typed)?, line)))
        .collect();
    found.sort_by_key(|(spread, _)| *spread);
    found.into_iter().map(|(_, line)| line).collect()
}

/// The one offer that `typed` begins, or as much as all offers that it begins have in common.
pub fn complete(state: &State, typed: &str) -> String {
    let mut lines = offers(state).into_iter().filter(|line| line.starts_with(typed));
    let Some(mut common) = lines.next() else {
        return typed.to_owned();
    };
    for line in lines {
        let same = common
            .char_indices()
            .zip(line.chars())
            .take_while(|((_, a), b)| a == b);
        let end = same
            .last()
            .map_or(0, |((index, character), _)| index + character.len_utf8());
        common.truncate(end);
    }
    common
}

/// How far the letters of `typed` lie apart in `line`, or `None` when they are not there in that order.
fn spread(line: &str, typed: &str) -> Option<usize> {
    let mut letters = line.char_indices();
    let mut first = None;
    let mut last = 0;
    for wanted in typed.chars().filter(|letter| !letter.is_whitespace()) {
        let (index, _) = letters.find(|(_, letter)| letter.eq_ignore_ascii_case(&wanted))?;
        first.get_or_insert(index);
        last = index;
    }
    Some(last - first.unwrap_or(0) + first.unwrap_or(0).min(8))
}
