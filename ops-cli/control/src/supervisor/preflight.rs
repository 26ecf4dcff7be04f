//! What must hold before a stack is started, each with what to do when it does not. Changes nothing but the
//! data folder, which it creates.

use std::net::{Ipv4Addr, SocketAddr, TcpListener, UdpSocket};
use std::path::Path;

use super::kin;
use super::lock;
use super::plan;
use crate::folder::Folder;
use crate::topology::Topology;

/// Something that does not hold.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("{what}")]
pub struct Obstacle {
    /// What is wrong.
    pub what: String,
    /// What to do.
    pub hint: String,
}

/// Checks everything; the first obstacle ends it.
pub fn check(folder: &Folder, topology: &Topology, programs: &Path) -> Result<(), Obstacle> {
    let root = folder.root().display();
    if let Some(over) = folder.too_long_by() {
        return Err(Obstacle {
            what: format!("the data folder's path {root} is {over} bytes too long for the sockets in it"),
            hint: "choose a shorter one with --data or GUILDWATCH_DATA".to_owned(),
        });
    }
    if let Some(pid) = lock::holder(folder) {
        return Err(Obstacle {
            what: format!("a stack runs already on {root} (supervisor pid {pid})"),
            hint: "look at it with `ops status`, stop it with `ops down`, or choose another --data"
                .to_owned(),
        });
    }
    let missing = plan::missing_programs(programs);
    if let Some(first) = missing.first() {
        return Err(Obstacle {
            what: format!("the program {} is missing", first.display()),
            hint: "build all of them: cargo build --release (they must stand beside ops)".to_owned(),
        });
    }
    folder.create().map_err(|error| Obstacle {
        what: error.to_string(),
        hint: "choose a folder that you may write with --data or GUILDWATCH_DATA".to_owned(),
    })?;
    // Processes that a killed supervisor left still hold its ports for a moment: the next one waits for them.
    if kin::alive(folder) {
        return Ok(());
    }
    let ports = &topology.ports;
    for (key, port, what) in [
        ("store", ports.store, "the log store"),
        ("syslog", ports.syslog, "punt's syslog listener"),
        ("edge", ports.edge, "the edge"),
        ("control", ports.control, "the control plane"),
    ] {
        port_is_free(key, port, what)?;
    }
    Ok(())
}

fn port_is_free(key: &str, port: u16, what: &str) -> Result<(), Obstacle> {
    let address = SocketAddr::from((Ipv4Addr::LOCALHOST, port));
    let taken = |protocol: &str, error: std::io::Error| {
        let by = match owner(protocol, port) {
            Some(owner) => format!(" by {owner}"),
            None => String::new(),
        };
        let what = match error.kind() {
            std::io::ErrorKind::AddrInUse => {
                format!("port {port} ({protocol}) of {what} is taken{by}")
            }
            _ => format!("cannot listen on {address} ({protocol}) for {what}: {error}"),
        };
        Obstacle {
            what,
            hint: format!("free it, or set another port: `ports.{key}` in a file for --topology"),
        }
    };
    TcpListener::bind(address).map_err(|error| taken("tcp", error))?;
    if key == "syslog" {
        UdpSocket::bind(address).map_err(|error| taken("udp", error))?;
    }
    Ok(())
}

/// Who has a local port, as far as `/proc` tells: `nginx (pid 812)`.
fn owner(protocol: &str, port: u16) -> Option<String> {
    let inode = [protocol.to_owned(), format!("{protocol}6")]
        .iter()
        .filter_map(|table| std::fs::read_to_string(format!("/proc/net/{table}")).ok())
        .find_map(|table| inode_of(&table, port))?;
    let wanted = format!("socket:[{inode}]");
    let numbered = |name: &std::ffi::OsStr| name.as_encoded_bytes().iter().all(u8::is_ascii_digit);
    for process in std::fs::read_dir("/proc").ok()?.flatten() {
        if !numbered(&process.file_name()) {
            continue;
        }
        let Ok(descriptors) = std::fs::read_dir(process.path().join("fd")) else {
            continue;
        };
        let holds = descriptors
            .flatten()
            .any(|entry| std::fs::read_link(entry.path()).is_ok_and(|to| to.as_os_str() == wanted.as_str()));
        if holds {
            let name = std::fs::read_to_string(process.path().join("comm")).unwrap_or_default();
            let pid = process.file_name();
            return Some(format!("{} (pid {})", name.trim(), pid.display()));
        }
    }
    None
}

/// The inode of the socket that has `port` and no peer, in a table like `/proc/net/tcp`.
fn inode_of(table: &str, port: u16) -> Option<String> {
    table.lines().skip(1).find_map(|line| {
        let fields: Vec<&str> = line.split_whitespace().collect();
        let local = fields.get(1)?.rsplit_once(':')?.1;
        let alone = fields.get(2)?.ends_with(":0000");
        let inode = fields.get(9)?;
        (u16::from_str_radix(local, 16) == Ok(port) && alone).then(|| (*inode).to_owned())
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_taken_port_is_told_with_its_owner_and_its_key() {
        let listener = TcpListener::bind("127.0.0.1:0").unwrap();
        let port = listener.local_addr().unwrap().port();
        let obstacle = port_is_free("edge", port, "the edge").unwrap_err();
        assert!(
            obstacle.what.contains(&format!("pid {}", std::process::id())),
            "{}",
            obstacle.what
        );
        assert!(obstacle.hint.contains("`ports.edge`"), "{}", obstacle.hint);
    }

    #[test]
    fn missing_programs_are_named_before_anything_is_created() {
        let data = tempfile::tempdir().unwrap();
        let folder = Folder::new(data.path().join("new"));
        let obstacle = check(&folder, &Topology::default(), data.path()).unwrap_err();
        assert!(obstacle.what.contains("chatd is missing"), "{}", obstacle.what);
        assert!(!folder.root().exists());
    }
}
