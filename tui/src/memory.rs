//! The file between two runs of the console: read when it starts, written when it ends. A file that is missing or
//! not understood is no reason not to start.

use std::io::Write as _;
use std::os::unix::fs::OpenOptionsExt as _;
use std::path::Path;

use crate::state::Saved;

/// A file longer than this is not ours.
const MAX_BYTES: u64 = 64 << 10;

/// What the last run left.
pub(crate) fn load(path: &Path) -> Saved {
    let small = std::fs::metadata(path).is_ok_and(|file| file.len() <= MAX_BYTES);
    let text = if small {
        std::fs::read_to_string(path).unwrap_or_default()
    } else {
        String::new()
    };
    serde_json::from_str(&text).unwrap_or_default()
}

/// Leaves something to the next run: whole or not at all.
pub(crate) fn store(path: &Path, saved: &Saved) -> std::io::Result<()> {
    if let Some(folder) = path.parent() {
        std::fs::create_dir_all(folder)?;
    }
    let new = path.with_extension(format!("{}.new", std::process::id()));
    let mut options = std::fs::OpenOptions::new();
    let mut file = options
        .write(true)
        .create(true)
        .truncate(true)
        .mode(0o600)
        .open(&new)?;
    file.write_all(&serde_json::to_vec_pretty(saved)?)?;
    drop(file);
    std::fs::rename(&new, path)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_left_is_found_and_what_is_not_understood_is_left_out() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("deep/session.json");
        assert_eq!(load(&path), Saved::default());
        let saved = Saved {
            screen: "logs".to_owned(),
            ..Saved::default()
        };
        store(&path, &saved).unwrap();
        assert_eq!(load(&path), saved);
        std::fs::write(&path, "{\"screen\": 7}").unwrap();
        assert_eq!(load(&path), Saved::default());
    }
}
