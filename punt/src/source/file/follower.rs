//! The files of a source, as they are polled: which are new, which are known under another name, which are over.

use std::collections::{BTreeMap, BTreeSet, HashMap, VecDeque};
use std::fs::{File, Metadata};
use std::io;
use std::os::unix::fs::MetadataExt as _;
use std::path::{Path, PathBuf};
use std::time::SystemTime;

use glob::Pattern;
use tokio::runtime::Handle;
use tracing::{debug, info, warn};

use super::followed::Followed;
use super::mark::{self, FINGERPRINT, Mark};
use super::multiline::Rule;
use super::{paths, reader};
use crate::config::{FileConfig, ReadFrom};
use crate::source::Intake;
use crate::source::poll::{Driver, Handover, Polled};

const CHUNK: usize = 256 << 10;

/// Files that were read to their end, remembered so that their packed copies are known. The oldest is forgotten.
const REMEMBERED: usize = 1000;

struct Follower {
    config: FileConfig,
    exclude: Vec<Pattern>,
    rule: Option<Rule>,
    /// By generation.
    files: BTreeMap<String, Followed>,
    /// Marks of files that are not open: read to their end, or not found again.
    closed: VecDeque<Mark>,
    /// Paths with nothing to do until what `stat` says of them changes: device, inode, size, time.
    judged: HashMap<PathBuf, (u64, u64, u64, i64)>,
    /// Paths that cannot be opened, each spoken of once.
    unreadable: BTreeSet<PathBuf>,
    /// Files that are there already are read from here on; later ones from their beginning.
    read_from: ReadFrom,
    news: bool,
    chunk: Vec<u8>,
}

/// The end of what a batch holds of a file.
#[derive(Debug, PartialEq)]
struct Spot {
    generation: String,
    /// The checksum of what is before it.
    tail: Option<u32>,
}

/// What a path leads to.
enum Found {
    /// A file that is read already, or a copy of one.
    Known,
    /// Nothing to do until the file changes.
    Nothing,
    /// A file to read on, or from the start.
    Read(File, Mark),
}

/// Runs on a thread of its own until the stop signal; then reads once more what is there.
pub(in crate::source) fn run(config: FileConfig, intake: Intake, runtime: &Handle) -> anyhow::Result<()> {
    let poll = config.poll;
    let driver = Driver::new(intake, runtime, |known: Option<Vec<Mark>>, intake| {
        let first_start = known.is_none();
        let marks = known.unwrap_or_default();
        info!(
            event.action = "source-started",
            labels.source = intake.name,
            files = marks.len(),
            "tailing files"
        );
        let mut follower = Follower {
            exclude: config
                .exclude
                .iter()
                .filter_map(|text| Pattern::new(text).ok())
                .collect(),
            rule: config
                .multiline
                .as_ref()
                .map(|rule| Rule::new(rule, config.max_line_bytes)),
            read_from: if first_start {
                config.read_from
            } else {
                ReadFrom::Beginning
            },
            config,
            files: BTreeMap::new(),
            closed: VecDeque::new(),
            judged: HashMap::new(),
            unreadable: BTreeSet::new(),
            news: first_start,
            chunk: vec![0; CHUNK],
        };
        for mark in marks {
            follower.resume(mark);
        }
        Ok(follower)
    })?;
    driver.run(poll)
}

// === impl Follower ===

impl Polled for Follower {
    type Place = Spot;
    type Checkpoint = Vec<Mark>;

    fn look(&mut self) {
        for followed in self.files.values_mut() {
            followed.renamed = true;
        }
        let paths = paths::matching(&self.config.paths, &self.exclude);
        self.unreadable.retain(|path| paths.contains(path));
        self.judged.retain(|path, _| paths.contains(path));
        for path in paths {
            match self.look_at(&path) {
                Ok(()) => drop(self.unreadable.remove(&path)),
                // Gone between listing and opening, which is no news.
                Err(error) if error.kind() == io::ErrorKind::NotFound => {}
                Err(error) => {
                    if self.unreadable.insert(path.clone()) {
                        warn!(event.action = "file-unreadable", file.path = %path.display(), %error,
                              "a file cannot be read, trying again");
                    }
                }
            }
        }
        // No path led here, and a writer may still append.
        for followed in self
            .files
            .values_mut()
            .filter(|followed| followed.renamed && !followed.finished)
        {
            self.news |= followed.extend().unwrap_or_default();
        }
        self.read_from = ReadFrom::Beginning;
    }

    fn has_new_places(&mut self) -> bool {
        std::mem::take(&mut self.news)
    }

    fn pass(&mut self, handover: &mut Handover<Spot>) -> anyhow::Result<bool> {
        let generations: Vec<String> = self.files.keys().cloned().collect();
        for generation in generations {
            match self.read(&generation, handover) {
                Ok(true) => {}
                Ok(false) => return Ok(false),
                Err(error) => {
                    debug!(generation, %error, "file not read");
                    self.abandon(&generation, &error);
                }
            }
        }
        Ok(true)
    }

    fn durable(&mut self, spot: Spot, offset: u64) {
        if let Some(followed) = self.files.get_mut(&spot.generation) {
            followed.mark.advance(offset, spot.tail);
        }
    }

    fn tidy(&mut self) {
        let closed = &mut self.closed;
        self.files.retain(|_, followed| {
            let done = followed.finished && followed.is_settled();
            // One that is too short to be known by its content is better read again than taken for another. A
            // packed one is known by its inode as well.
            if done && (followed.mark.is_distinct() || followed.is_packed()) {
                let mut mark = followed.mark.clone();
                mark.done = true;
                closed.push_back(mark);
            }
            !done
        });
        while self.closed.len() > REMEMBERED {
            self.closed.pop_front();
        }
    }

    fn checkpoint(&self) -> Vec<Mark> {
        let open = self.files.values().map(|followed| &followed.mark);
        self.closed.iter().chain(open).cloned().collect()
    }
}

impl Follower {
    /// Finds a file of the checkpoint again: under its path, or renamed in the same folder.
    fn resume(&mut self, mark: Mark) {
        let found = (!mark.done).then(|| find(&mark)).flatten();
        let followed = found.and_then(|(path, file)| {
            let mark = Mark { path, ..mark.clone() };
            Followed::open(file, mark, self.config.max_line_bytes).ok()
        });
        match followed {
            Some(followed) => drop(self.files.insert(mark.generation, followed)),
            // It may come back under another name, copied or packed.
            None => self.closed.push_back(mark),
        }
    }

    fn look_at(&mut self, path: &Path) -> io::Result<()> {
        let data = path.metadata()?;
        let stat = (
            data.dev(),
            data.ino(),
            data.len(),
            data.mtime_nsec() ^ data.mtime(),
        );
        if self.judged.get(path) == Some(&stat) {
            return Ok(());
        }
        match self.judge(path, &data)? {
            Found::Known => {}
            Found::Nothing => drop(self.judged.insert(path.to_owned(), stat)),
            Found::Read(file, mark) => {
                let generation = mark.generation.clone();
                let followed = Followed::open(file, mark, self.config.max_line_bytes)?;
                self.closed.retain(|mark| mark.generation != generation);
                self.files.insert(generation, followed);
                self.news = true;
            }
        }
        Ok(())
    }

    fn judge(&mut self, path: &Path, data: &Metadata) -> io::Result<Found> {
        let identity = (data.dev(), data.ino());
        let known = self.files.values_mut().find(|followed| {
            // A packed file that is read to its end stays what it is; another one was truncated and is over.
            (followed.mark.device, followed.mark.inode) == identity
                && (!followed.finished || followed.is_packed())
        });
        if let Some(followed) = known {
            followed.renamed = false;
            followed.mark.path = path.to_owned();
            if !followed.is_truncated()? {
                self.news |= followed.extend()?;
                return Ok(Found::Known);
            }
            // What was not read before the truncation is gone, unless a copy of it turns up; what was read of a
            // last line is kept.
            followed.finished = true;
            followed.renamed = true;
            info!(event.action = "file-truncated", file.path = %path.display(), "a file was truncated");
        }
        let mut file = File::open(path)?;
        if let Some(found) = self.known_content(path, &file)? {
            return Ok(found);
        }
        if self.is_too_old(data) {
            return Ok(Found::Nothing);
        }
        let mut mark = Mark::new(path, &file)?;
        match reader::is_gzip(&file)? {
            true => (mark.fingerprint, mark.fingerprint_bytes) = reader::beginning(&file)?,
            false => {
                mark.extend(&file)?;
                if self.read_from == ReadFrom::End {
                    let end = paths::end_of_lines(&mut file)?;
                    mark.advance(end, mark::tail(&file, end));
                }
            }
        }
        Ok(Found::Read(file, mark))
    }

    /// Whether the file is one that was read under another name: renamed and found again, copied, or packed.
    fn known_content(&self, path: &Path, file: &File) -> io::Result<Option<Found>> {
        let packed = reader::is_gzip(file)?;
        let beginning = packed.then(|| reader::beginning(file)).transpose()?;
        let matches = |mark: &Mark| -> io::Result<bool> {
            match beginning {
                // How far it goes on as it did is seen when it is unpacked.
                Some(beginning) => Ok((mark.fingerprint, mark.fingerprint_bytes) == beginning),
                None => mark.has_content_of(file),
            }
        };
        let data = file.metadata()?;
        let same_file = |mark: &Mark| (mark.device, mark.inode) == (data.dev(), data.ino());
        let related = |mark: &Mark| mark.is_distinct() && paths::are_related(&mark.path, path);
        for mark in &self.closed {
            if (same_file(mark) || related(mark)) && data.len() > 0 && matches(mark)? {
                let nothing_new = mark.done && (packed || data.len() == mark.offset);
                if nothing_new && self.holds(mark, file, packed) {
                    return Ok(Some(Found::Nothing));
                }
                if self.holds(mark, file, packed) {
                    let mut mark = Mark {
                        path: path.to_owned(),
                        done: false,
                        ..mark.clone()
                    };
                    (mark.device, mark.inode) = (data.dev(), data.ino());
                    return Ok(Some(Found::Read(file.try_clone()?, mark)));
                }
            }
        }
        for followed in self.files.values() {
            let mark = &followed.mark;
            // It is looked at again with every pass: once the original is truncated or gone, it is read on here.
            if mark.fingerprint_bytes == FINGERPRINT && related(mark) && !same_file(mark) && matches(mark)? {
                return Ok(Some(Found::Known));
            }
        }
        Ok(None)
    }

    /// Whether a packed file holds what was read. (Of others that is known already.)
    fn holds(&self, mark: &Mark, file: &File, packed: bool) -> bool {
        if !packed {
            return true;
        }
        let opened = file.try_clone().and_then(reader::Reader::gzip);
        opened.is_ok_and(|mut reader| reader::pass_over(&mut reader, mark).unwrap_or(false))
    }

    fn is_too_old(&self, data: &Metadata) -> bool {
        let age = data
            .modified()
            .ok()
            .and_then(|modified| SystemTime::now().duration_since(modified).ok());
        let limit = self.config.ignore_older;
        limit.is_some_and(|limit| age.is_some_and(|age| age > limit))
    }

    fn read(&mut self, generation: &str, handover: &mut Handover<Spot>) -> io::Result<bool> {
        loop {
            let Some(followed) = self.files.get_mut(generation) else {
                return Ok(true);
            };
            let more = !followed.finished && followed.read(&mut self.chunk)?;
            let (batch, meter) = (&mut handover.batch, &handover.intake.meter);
            if let Some(end) = followed.take(batch, meter, &self.config, self.rule.as_ref()) {
                let spot = Spot {
                    generation: generation.to_owned(),
                    tail: followed.tail(end),
                };
                handover.reached(spot, end);
            }
            if !handover.hand_on_if_full() {
                return Ok(false);
            }
            if !more {
                return Ok(true);
            }
        }
    }

    /// A packed file that cannot be unpacked (it may still be written) is opened again once it has changed.
    fn abandon(&mut self, generation: &str, error: &io::Error) {
        let unfit = matches!(
            error.kind(),
            io::ErrorKind::UnexpectedEof | io::ErrorKind::InvalidInput | io::ErrorKind::InvalidData
        );
        if !unfit {
            return;
        }
        if let Some(followed) = self.files.remove(generation) {
            let path = followed.mark.path.clone();
            if let Ok(data) = path.metadata() {
                let stat = (
                    data.dev(),
                    data.ino(),
                    data.len(),
                    data.mtime_nsec() ^ data.mtime(),
                );
                self.judged.insert(path, stat);
            }
            self.closed.push_back(followed.mark);
        }
    }
}

/// The file of this mark, where it is now.
fn find(mark: &Mark) -> Option<(PathBuf, File)> {
    let beside = mark
        .path
        .parent()
        .and_then(|folder| std::fs::read_dir(folder).ok());
    let candidates = std::iter::once(mark.path.clone())
        .chain(beside.into_iter().flatten().flatten().map(|entry| entry.path()));
    candidates
        .filter(|path| {
            path.metadata()
                .is_ok_and(|data| data.ino() == mark.inode && data.is_file())
        })
        .find_map(|path| {
            let file = File::open(&path).ok()?;
            // A packed file has nothing to compare before it is unpacked.
            let same = reader::is_gzip(&file).ok()? || mark.is_of(&file).ok()?;
            same.then_some((path, file))
        })
}
