//! Figures of the machine and of this process, for `_nodes/stats` and `_cat/nodes`. Read from `/proc`; what
//! cannot be read is zero.

use std::path::Path;
use std::sync::OnceLock;
use std::time::Instant;

/// When the process began to look at itself, which is at its start.
static STARTED: OnceLock<Instant> = OnceLock::new();

/// What was read.
#[derive(Debug, Clone, Copy, Default)]
pub struct Figures {
    /// Load averages over 1, 5 and 15 minutes.
    pub load: [f64; 3],
    /// Bytes of memory of the machine.
    pub memory_total: u64,
    /// Bytes that could be had.
    pub memory_free: u64,
    /// Bytes that this process holds.
    pub resident: u64,
    /// Bytes of the disk that holds the data folder.
    pub disk_total: u64,
    /// Bytes free on it.
    pub disk_free: u64,
    /// Open file descriptors.
    pub open_files: u64,
    /// Files that it may have open.
    pub most_files: u64,
    /// Milliseconds of processor time used.
    pub processor_millis: u64,
    /// Milliseconds since the start.
    pub uptime_millis: u64,
    /// Processors.
    pub processors: usize,
}

impl Figures {
    /// Part of the memory in use, in percent.
    pub fn memory_percent(&self) -> u64 {
        percent(
            self.memory_total - self.memory_free.min(self.memory_total),
            self.memory_total,
        )
    }

    /// Part of the disk in use, in percent.
    pub fn disk_percent(&self) -> u64 {
        percent(
            self.disk_total - self.disk_free.min(self.disk_total),
            self.disk_total,
        )
    }

    /// The same with its fraction.
    pub fn disk_share(&self) -> f64 {
        if self.disk_total == 0 {
            return 0.0;
        }
        let used = self.disk_total - self.disk_free.min(self.disk_total);
        #[expect(clippy::cast_precision_loss, reason = "shown with two decimals")]
        let share = used as f64 * 100.0 / self.disk_total as f64;
        share
    }

    /// Part of the machine's memory that this process holds, in percent.
    pub fn resident_percent(&self) -> u64 {
        percent(self.resident, self.memory_total)
    }
}

fn percent(part: u64, whole: u64) -> u64 {
    part.saturating_mul(100).checked_div(whole).unwrap_or_default()
}

/// Notes the start of the process.
pub fn started() {
    STARTED.get_or_init(Instant::now);
}

/// Reads the figures.
pub fn read(data: &Path) -> Figures {
    let mut figures = Figures {
        processors: std::thread::available_parallelism().map_or(1, std::num::NonZero::get),
        uptime_millis: STARTED
            .get_or_init(Instant::now)
            .elapsed()
            .as_millis()
            .try_into()
            .unwrap_or(u64::MAX),
        ..Figures::default()
    };
    let text = |path: &str| std::fs::read_to_string(path).unwrap_or_default();
    for (place, word) in text("/proc/loadavg").split(' ').take(3).enumerate() {
        figures.load[place] = word.parse().unwrap_or_default();
    }
    for line in text("/proc/meminfo").lines() {
        let mut words = line.split_ascii_whitespace();
        let (name, kib) = (
            words.next(),
            words.next().and_then(|word| word.parse::<u64>().ok()),
        );
        match (name, kib) {
            (Some("MemTotal:"), Some(kib)) => figures.memory_total = kib << 10,
            (Some("MemAvailable:"), Some(kib)) => figures.memory_free = kib << 10,
            _ => {}
        }
    }
    for line in text("/proc/self/status").lines() {
        if let Some(rest) = line.strip_prefix("VmRSS:") {
            figures.resident = rest
                .split_ascii_whitespace()
                .next()
                .and_then(|word| word.parse::<u64>().ok())
                .unwrap_or_default()
                << 10;
        }
    }
    figures.most_files = std::fs::read_to_string("/proc/self/limits")
        .ok()
        .and_then(|limits| {
            let line = limits.lines().find(|line| line.starts_with("Max open files"))?;
            line.split_whitespace().nth(3)?.parse().ok()
        })
        .unwrap_or_default();
    figures.open_files = std::fs::read_dir("/proc/self/fd").map_or(0, |entries| entries.count() as u64);
    // Fields 14 and 15, user and system, in ticks of 10 ms; the name before them may contain spaces.
    let stat = text("/proc/self/stat");
    if let Some((_, rest)) = stat.rsplit_once(')') {
        figures.processor_millis = rest
            .split_ascii_whitespace()
            .skip(11)
            .take(2)
            .filter_map(|word| word.parse::<u64>().ok())
            .sum::<u64>()
            * 10;
    }
    if let Ok(disk) = nix::sys::statvfs::statvfs(data) {
        let block = disk.fragment_size();
        figures.disk_total = disk.blocks().saturating_mul(block);
        figures.disk_free = disk.blocks_available().saturating_mul(block);
    }
    figures
}
