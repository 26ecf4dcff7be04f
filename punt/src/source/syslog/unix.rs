//! The path of a Unix socket: a stale one is replaced, one that is in use is left alone, ours is removed.

use std::fs::{self, Permissions};
use std::io;
use std::os::unix::fs::{FileTypeExt as _, PermissionsExt as _};
use std::path::{Path, PathBuf};

use socket2::{Domain, SockAddr, Socket, Type};

/// How many connections may wait to be accepted.
const BACKLOG: i32 = 1024;

/// The path of a bound socket; removed when this is dropped.
#[derive(Debug)]
pub(super) struct SocketPath(PathBuf);

// === impl SocketPath ===

impl SocketPath {
    pub(super) fn as_path(&self) -> &Path {
        &self.0
    }
}

impl Drop for SocketPath {
    fn drop(&mut self) {
        // Best effort: the next start replaces a socket that nobody listens on.
        drop(fs::remove_file(&self.0));
    }
}

/// Binds a socket of this type to the path, with this mode.
pub(super) fn bind(path: &Path, kind: Type, mode: u32) -> io::Result<(Socket, SocketPath)> {
    let told = |error: io::Error| {
        io::Error::new(
            error.kind(),
            format!("cannot listen on {}: {error}", path.display()),
        )
    };
    let address = SockAddr::unix(path).map_err(told)?;
    remove_stale(path, kind, &address).map_err(told)?;
    let socket = Socket::new(Domain::UNIX, kind, None)?;
    socket.bind(&address).map_err(told)?;
    let bound = SocketPath(path.to_owned());
    // Before anybody could be refused: who connects to a socket that does not listen yet is told to come again.
    fs::set_permissions(path, Permissions::from_mode(mode)).map_err(told)?;
    if kind == Type::STREAM {
        socket.listen(BACKLOG).map_err(told)?;
    }
    Ok((socket, bound))
}

/// Removes a socket that was left by a process that is gone. Nothing else is ever removed.
fn remove_stale(path: &Path, kind: Type, address: &SockAddr) -> io::Result<()> {
    let found = match fs::symlink_metadata(path) {
        Ok(found) => found,
        Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(()),
        Err(error) => return Err(error),
    };
    if !found.file_type().is_socket() {
        return Err(io::Error::new(
            io::ErrorKind::AlreadyExists,
            "there is a file that is no socket; remove it or choose another path",
        ));
    }
    match Socket::new(Domain::UNIX, kind, None)?.connect(address) {
        Err(error) if error.kind() == io::ErrorKind::ConnectionRefused => fs::remove_file(path),
        Err(error) if error.kind() == io::ErrorKind::NotFound => Ok(()),
        _ => Err(io::Error::new(
            io::ErrorKind::AddrInUse,
            "another process listens there",
        )),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_stale_socket_is_replaced_and_a_live_one_and_a_file_are_not() {
        let folder = tempfile::tempdir().unwrap();
        for kind in [Type::STREAM, Type::DGRAM] {
            let path = folder.path().join("log");
            let (first, bound) = bind(&path, kind, 0o600).unwrap();
            assert_eq!(path.metadata().unwrap().permissions().mode() & 0o777, 0o600);
            let refused = bind(&path, kind, 0o600).unwrap_err();
            assert!(refused.to_string().contains("another process"), "{refused}");
            // Gone without removing its socket, as after `kill -9`.
            drop(first);
            std::mem::forget(bound);
            let (_second, bound) = bind(&path, kind, 0o666).unwrap();
            drop(bound);
            assert!(!path.exists());
            std::fs::write(&path, "precious").unwrap();
            assert!(
                bind(&path, kind, 0o666)
                    .unwrap_err()
                    .to_string()
                    .contains("no socket")
            );
            assert!(path.exists());
            std::fs::remove_file(&path).unwrap();
        }
    }
}
