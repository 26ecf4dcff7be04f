//! The command line: what can be typed after `:`, and what the palette offers, which is the same list.

use super::State;
use super::filter::spread;
use super::logs::{Level, LogQuery};
use super::menu::table_of;
use super::sheet::Turn;
use super::theme::Theme;
use ops_api::OperationState;

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
    /// A query in the store's own language.
    Query(String),
    Incidents,
    Operations,
    Operation(String),
    Pulses,
    Xray,
    Slo,
    Audit,
    /// Of a cluster or a node; all nodes at once or not.
    Restart(String, bool),
    RebootAll,
    Turn(Turn, String),
    /// By a column; `none` for the order in which rows come.
    Sort(String),
    Filter(String),
    Theme(Option<Theme>),
    /// For so many minutes; without a reason it is asked for, and without either writing ends.
    Write(Option<u64>, String),
    Dump(Option<String>),
    Save(Option<String>),
    Mouse,
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
        let some = || (!rest.is_empty()).then(|| rest.to_owned());
        let needed = |what: &str| some().ok_or_else(|| format!("{verb} needs {what}"));
        Ok(match verb {
            "fleet" => Self::Fleet,
            "cluster" => Self::Cluster(needed("the name of a cluster")?),
            "node" => Self::Node(needed("the name of a node")?),
            "logs" => Self::Logs(some()),
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
            "query" => Self::Query(rest.to_owned()),
            "inc" | "incidents" => Self::Incidents,
            "op" | "operations" if rest.is_empty() => Self::Operations,
            "op" => Self::Operation(rest.to_owned()),
            "pulses" => Self::Pulses,
            "xray" => Self::Xray,
            "slo" => Self::Slo,
            "audit" => Self::Audit,
            "restart" | "reboot" => {
                let name = needed("a cluster or a node")?;
                match name.split_once(char::is_whitespace) {
                    None => Self::Restart(name, false),
                    Some((name, "cold")) => Self::Restart(name.to_owned(), true),
                    Some((_, other)) => {
                        return Err(format!("{other:?} is no way to restart: nothing, or cold"));
                    }
                }
            }
            "reboot-all" => Self::RebootAll,
            "abort" => Self::Turn(Turn::Abort, needed("the id of an operation")?),
            "pause" => Self::Turn(Turn::Pause, needed("the id of an operation")?),
            "resume" => Self::Turn(Turn::Resume, needed("the id of an operation")?),
            "sort" => Self::Sort(needed("a column, or none")?),
            "filter" => Self::Filter(rest.to_owned()),
            "theme" if rest.is_empty() => Self::Theme(None),
            "theme" => match Theme::known(rest) {
                Some(theme) => Self::Theme(Some(theme)),
                None => {
                    let names: Vec<&str> = Theme::ALL.iter().map(|theme| theme.name()).collect();
                    return Err(format!("no theme is called {rest:?}: {}", names.join(", ")));
                }
            },
            "write" => Self::write(rest),
            "dump" => Self::Dump(some()),
            "save" => Self::Save(some()),
            "mouse" => Self::Mouse,
            "help" => Self::Help,
            "q" | "quit" => Self::Quit,
            "" => return Err("nothing was typed".to_owned()),
            _ => return Err(format!("no command is called {verb:?}; ^p lists them")),
        })
    }

    /// `15m "reason"`, `"reason"`, `15m`, or nothing.
    fn write(rest: &str) -> Self {
        let (first, after) = rest.split_once(char::is_whitespace).unwrap_or((rest, ""));
        let (minutes, reason) = match LogQuery::parse_window(first) {
            Some(minutes) => (Some(minutes), after),
            None => (None, rest),
        };
        let reason = reason.trim().trim_matches(['"', '\'']);
        Self::Write(minutes, reason.trim().to_owned())
    }
}

/// Every line that makes sense now.
pub fn offers(state: &State) -> Vec<String> {
    let mut lines: Vec<String> = [
        "fleet",
        "logs",
        "incidents",
        "op",
        "pulses",
        "xray",
        "slo",
        "audit",
        "help",
        "write",
        "dump",
        "save",
        "mouse",
        "reboot-all",
        "quit",
    ]
    .map(str::to_owned)
    .into();
    if let Some(fleet) = &state.fleet {
        for cluster in &fleet.clusters {
            let chat = cluster.kind == ops_api::ServiceKind::Chat;
            lines.push(format!("cluster {}", cluster.name));
            lines.push(format!("logs {}", cluster.name));
            if chat {
                lines.push(format!("restart {}", cluster.name));
                lines.push(format!("restart {} cold", cluster.name));
            }
            for node in &cluster.nodes {
                lines.push(format!("node {}", node.name));
                lines.push(format!("logs {}", node.name));
                if chat {
                    lines.push(format!("restart {}", node.name));
                }
            }
        }
    }
    let operations = &state.operations.list;
    lines.extend(operations.iter().map(|operation| format!("op {}", operation.id)));
    let running = operations.iter().filter(|operation| !operation.state.ended());
    lines.extend(running.flat_map(|operation| {
        let turns = match operation.state {
            OperationState::Paused => [Turn::Resume, Turn::Abort],
            _ => [Turn::Pause, Turn::Abort],
        };
        turns.map(|turn| format!("{} {}", turn.name(), operation.id))
    }));
    if let Some(table) = table_of(state.screens.current()) {
        let columns = super::rows::columns(table);
        lines.extend(columns.iter().map(|column| format!("sort {column}")));
        lines.push("sort none".to_owned());
    }
    lines.extend(Theme::ALL.map(|theme| format!("theme {}", theme.name())));
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

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_reason_may_stand_with_or_without_a_time_and_quotes() {
        let write = |minutes, reason: &str| Ok(Command::Write(minutes, reason.to_owned()));
        assert_eq!(
            Command::parse("write 30m \"lost its host\""),
            write(Some(30), "lost its host")
        );
        assert_eq!(
            Command::parse("write lost its host"),
            write(None, "lost its host")
        );
        assert_eq!(Command::parse("write 15m"), write(Some(15), ""));
        assert_eq!(Command::parse("write"), write(None, ""));
    }

    #[test]
    fn a_restart_is_rolling_unless_it_is_said_to_be_cold() {
        let restart = |cold| Ok(Command::Restart("guilds".to_owned(), cold));
        assert_eq!(Command::parse("restart guilds"), restart(false));
        assert_eq!(Command::parse("reboot guilds cold"), restart(true));
        assert!(Command::parse("restart guilds warm").is_err());
    }
}
