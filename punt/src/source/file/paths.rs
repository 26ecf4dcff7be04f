//! Which files a source reads, and which names could be one file's before and after its rotation.

use std::fs::File;
use std::io;
use std::io::{Read as _, Seek as _, SeekFrom};
use std::path::{Path, PathBuf};

use glob::Pattern;

/// How far before the end of a file the beginning of its last line is looked for.
const LAST_LINE: u64 = 64 << 10;

/// The files that match a pattern and are not excluded, in order of their names.
pub(super) fn matching(patterns: &[String], exclude: &[Pattern]) -> Vec<PathBuf> {
    let mut paths: Vec<PathBuf> = patterns
        .iter()
        .filter_map(|pattern| glob::glob(pattern).ok())
        .flat_map(|found| found.flatten())
        .filter(|path| !exclude.iter().any(|pattern| pattern.matches_path(path)))
        .filter(|path| path.is_file())
        .collect();
    paths.sort();
    paths.dedup();
    paths
}

/// Whether one name could have become the other by rotation: `access.log`, `access.log.1`, `access.log.2.gz`,
/// `access-20261124.log`. Names say little; it is the content that decides.
pub(super) fn are_related(one: &Path, other: &Path) -> bool {
    one.parent() == other.parent() && stem(one) == stem(other)
}

fn stem(path: &Path) -> Vec<u8> {
    let name = path.file_name().unwrap_or_default().as_encoded_bytes();
    let name = name.strip_suffix(b".gz").unwrap_or(name);
    let name = name
        .strip_suffix(b".old")
        .or(name.strip_suffix(b".bak"))
        .unwrap_or(name);
    let fixed = |byte: &u8| !byte.is_ascii_digit() && !matches!(byte, b'.' | b'-' | b'_' | b'T' | b'Z');
    name.iter().copied().filter(fixed).collect()
}

/// The offset of the last line that is not yet at its end, for reading from the end on.
pub(super) fn end_of_lines(file: &mut File) -> io::Result<u64> {
    let length = file.metadata()?.len();
    let from = length.saturating_sub(LAST_LINE);
    file.seek(SeekFrom::Start(from))?;
    let mut last = Vec::new();
    file.take(LAST_LINE).read_to_end(&mut last)?;
    // A line that is longer than that is read from its middle.
    let end = memchr::memrchr(b'\n', &last).map_or(last.len(), |at| at + 1);
    Ok(from + end as u64)
}

#[cfg(test)]
mod tests {
    use std::io::Write as _;

    use super::*;

    #[test]
    fn rotated_names_are_related() {
        let related = |one: &str, other: &str| are_related(Path::new(one), Path::new(other));
        for other in [
            "/l/access.log.1",
            "/l/access.log.2.gz",
            "/l/access.log-20261124.gz",
            "/l/access-20261124.log",
        ] {
            assert!(related("/l/access.log", other), "{other}");
        }
        for other in ["/l/error.log.1", "/m/access.log.1", "/l/access.txt"] {
            assert!(!related("/l/access.log", other), "{other}");
        }
    }

    #[test]
    fn the_end_is_behind_the_last_whole_line() {
        for (content, end) in [("", 0), ("a\nb", 2), ("a\n", 2), ("ab", 2)] {
            let mut file = tempfile::tempfile().unwrap();
            file.write_all(content.as_bytes()).unwrap();
            assert_eq!(end_of_lines(&mut file).unwrap(), end, "{content:?}");
        }
    }
}
