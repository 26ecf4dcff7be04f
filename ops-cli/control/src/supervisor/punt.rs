//! punt's configuration in a local stack: all spools and syslog in, the log store out.

use crate::folder::Folder;

/// The text of `run/punt.toml`.
pub(crate) fn config(folder: &Folder, store: &str, syslog: &str, metrics: &str) -> String {
    let text = |path: std::path::PathBuf| toml::Value::String(path.display().to_string()).to_string();
    let data = text(folder.root().join("punt"));
    let spools = text(folder.root().join("spool"));
    let control = text(folder.punt_socket());
    format!(
        r#"# Written by `ops supervise` at each start; changes are lost.
data = {data}
control = {control}
metrics = "{metrics}"

[sources.spools]
type = "spool"
dir = {spools}

[sources.syslog]
type = "syslog"
tcp = "{syslog}"
udp = "{syslog}"

[sinks.store]
type = "elasticsearch"
url = "{store}"
index = "guildwatch-%Y.%m.%d"
"#
    )
}
