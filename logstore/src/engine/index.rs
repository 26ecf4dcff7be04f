//! One index: its folder, its mapping and settings, its tantivy index and its write-ahead log.
//!
//! ```text
//! indices/NAME/meta.json    uuid, settings, mappings; replaced as a whole
//! indices/NAME/tantivy/     the tantivy index
//! indices/NAME/wal/         the write-ahead log
//! ```
//! Writing is in [`super::write`], making visible in [`super::commit`], looking up in [`super::existing`].
//!
//! Locks, in the order they may be taken: `writer`, then `mapping`, `settings`, `versions`, `dirty_since`.

use std::path::{Path, PathBuf};
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex, PoisonError, RwLock};
use std::time::Instant;

use serde_json::{Value, json};
use tantivy::{IndexReader, IndexWriter, ReloadPolicy};

use super::activity::Activity;
use super::damage::{self, Damage};
use super::disk;
use super::ids::IdFilter;
use super::limit;
use super::schema;
use super::settings::Settings;
use super::space::Space;
use super::tokenizer;
use super::verify;
use super::versions::VersionMap;
use super::wal::{Position, Syncer, Wal};
use crate::analysis::Analysis;
use crate::date::{self, Millis};
use crate::document::LogDocument;
use crate::error::ApiResult;
use crate::limits::Limits;
use crate::mapping::{self, Field, Mapping};

/// An index.
pub struct Index {
    /// Its name.
    pub name: String,
    /// Its identity: another index of the same name has another.
    pub uuid: String,
    /// When it was made.
    pub created: Millis,
    pub(super) folder: PathBuf,
    pub(super) limits: Arc<Limits>,
    pub(super) tantivy: tantivy::Index,
    pub(super) reader: IndexReader,
    pub(super) writer: Mutex<Writer>,
    pub(super) versions: RwLock<VersionMap>,
    pub(super) syncer: Arc<Syncer>,
    pub(super) dirty_since: Mutex<Option<Instant>>,
    /// Set when the index is deleted: late writers must not write into a folder that is gone.
    pub(super) deleted: AtomicBool,
    settings: RwLock<Settings>,
    mapping: RwLock<Arc<Mapping>>,
    meta_changed: AtomicBool,
    meta_file: Mutex<()>,
    pub(super) space: Arc<Space>,
    /// What was found damaged when the index was opened.
    pub(super) damages: Vec<Damage>,
    /// Whether every segment that was there at the opening has passed its checksums.
    pub(super) verified: AtomicBool,
    /// What was done with it.
    pub activity: Activity,
}

/// What only one thread may touch: the ends of the two logs.
pub(super) struct Writer {
    pub(super) wal: Wal,
    /// Closed when idle.
    pub(super) tantivy: Option<IndexWriter<LogDocument>>,
    pub(super) next_seq_no: u64,
    pub(super) committed: Position,
    pub(super) uncommitted_bytes: u64,
    pub(super) used: Instant,
    /// tantivy failed and lost what was not committed: the log has it.
    pub(super) replay_needed: bool,
    /// Which ids are certainly new; made when the first id arrives.
    pub(super) ids: Option<IdFilter>,
}

#[derive(serde::Serialize, serde::Deserialize)]
struct Meta {
    name: String,
    uuid: String,
    created: Millis,
    settings: Settings,
    mappings: Value,
}

/// What a tantivy commit says about the log.
#[derive(Debug, Default, serde::Serialize, serde::Deserialize)]
pub(super) struct Payload {
    pub(super) wal: Position,
    pub(super) next_seq_no: u64,
}

// === impl Payload ===

impl Payload {
    /// As a commit carries it: its JSON and a checksum, since tantivy's list of segments has none.
    pub(super) fn written(&self) -> String {
        let json = serde_json::to_vec(self).expect("three numbers are JSON");
        String::from_utf8_lossy(&verify::sealed(json)).into_owned()
    }

    fn read(text: &str) -> Option<Self> {
        serde_json::from_slice(verify::unsealed(text.as_bytes()).ok()?).ok()
    }
}

/// One more than the largest number that a committed document has.
fn next_seq_no(searcher: &tantivy::Searcher) -> u64 {
    let largest = searcher.segment_readers().iter().filter_map(|segment| {
        let column = segment.fast_fields().u64("_seq_no").ok()?;
        (column.num_docs() > 0).then(|| column.max_value() + 1)
    });
    largest.max().unwrap_or(0)
}

/// Another request taught the index a field meanwhile, differently.
#[derive(Debug)]
pub(super) struct Taught;

// === impl Index ===

impl Index {
    /// Makes a new index in `folder`, which must not exist. It is built `aside` and renamed, so that a crash
    /// leaves no half-made index behind.
    pub(super) fn create(
        folder: &Path,
        aside: &Path,
        name: &str,
        limits: Arc<Limits>,
        space: Arc<Space>,
        settings: Settings,
        mapping: &Mapping,
    ) -> ApiResult<Self> {
        let mut mapping = Mapping::clone(mapping);
        bind(&mut mapping, &settings)?;
        limit::check(&mapping, &settings, &limits)?;
        std::fs::create_dir_all(aside.join("tantivy"))?;
        tantivy::Index::builder()
            .schema(schema::schema())
            .settings(schema::storage())
            .create_in_dir(aside.join("tantivy"))?;
        let meta = Meta {
            name: name.to_owned(),
            uuid: super::op::new_uuid().to_string(),
            created: date::now(),
            settings,
            mappings: mapping::json::to_json(&mapping),
        };
        disk::replace(&aside.join("meta.json"), &encode(&meta))?;
        std::fs::rename(aside, folder)?;
        if let Some(parent) = folder.parent() {
            std::fs::File::open(parent)?.sync_all()?;
        }
        Self::open(folder, limits, space, &mut u64::MAX.clone())
    }

    /// Opens an index and replays its log. Its files are verified first, as long as the budget of bytes lasts; what
    /// fails its checksum is set aside.
    pub(super) fn open(
        folder: &Path,
        limits: Arc<Limits>,
        space: Arc<Space>,
        budget: &mut u64,
    ) -> ApiResult<Self> {
        let bytes = std::fs::read(folder.join("meta.json"))?;
        let content = verify::unsealed(&bytes)
            .map_err(|error| std::io::Error::other(format!("meta.json of the index {error}")))?;
        let meta: Meta = serde_json::from_slice(content).map_err(std::io::Error::other)?;
        let mut damages = damage::left(folder, &meta.name);
        let (found, complete) = damage::check(folder, &meta.name, budget)?;
        damages.extend(found);
        let mut mapping = Mapping::default();
        mapping::json::merge(&mut mapping, &meta.mappings)?;
        let analysis: tokenizer::SharedAnalysis = Arc::default();
        let bound = bind(&mut mapping, &meta.settings)?;
        *analysis.write().unwrap_or_else(PoisonError::into_inner) = bound;
        let tantivy = tantivy::Index::open_in_dir(folder.join("tantivy"))?;
        tantivy
            .tokenizers()
            .register(tokenizer::STANDARD, tokenizer::analyzing(Arc::clone(&analysis)));
        let reader: IndexReader = tantivy
            .reader_builder()
            .reload_policy(ReloadPolicy::Manual)
            .try_into()?;
        let payload = match tantivy.load_metas()?.payload {
            None => Payload::default(),
            Some(payload) => Payload::read(&payload).unwrap_or_else(|| {
                damages.push(Damage {
                    index: meta.name.clone(),
                    whole: false,
                    reason:
                        "the position of the last commit is damaged: the whole write-ahead log is replayed"
                            .to_owned(),
                });
                // A replay replaces what is there by itself; only the numbers must not be given twice.
                Payload {
                    wal: Position::default(),
                    next_seq_no: next_seq_no(&reader.searcher()),
                }
            }),
        };
        let mut frames = Vec::new();
        let wal = Wal::open(&folder.join("wal"), payload.wal, |frame| {
            frames.push(frame);
            Ok(())
        })?;
        damages.extend(wal.damage().iter().map(|reason| Damage {
            index: meta.name.clone(),
            whole: false,
            reason: reason.clone(),
        }));
        let index = Self {
            space,
            damages,
            verified: AtomicBool::new(complete),
            activity: Activity::default(),
            name: meta.name,
            uuid: meta.uuid,
            created: meta.created,
            folder: folder.to_owned(),
            limits,
            tantivy,
            reader,
            syncer: wal.syncer(),
            writer: Mutex::new(Writer {
                wal,
                tantivy: None,
                next_seq_no: payload.next_seq_no,
                committed: payload.wal,
                uncommitted_bytes: 0,
                used: Instant::now(),
                replay_needed: false,
                ids: None,
            }),
            versions: RwLock::default(),
            dirty_since: Mutex::new(None),
            deleted: AtomicBool::new(false),
            settings: RwLock::new(meta.settings),
            mapping: RwLock::new(Arc::new(mapping)),
            meta_changed: AtomicBool::new(false),
            meta_file: Mutex::new(()),
        };
        if !frames.is_empty() {
            index.replay_at_open(frames)?;
        }
        Ok(index)
    }

    /// How many ids have been written to since the last commit, and the bytes of the log that hold them.
    pub fn uncommitted(&self) -> (u64, u64) {
        let ids = self.versions.read().unwrap_or_else(PoisonError::into_inner).len();
        let bytes = self
            .writer
            .lock()
            .unwrap_or_else(PoisonError::into_inner)
            .uncommitted_bytes;
        (ids as u64, bytes)
    }

    /// The present mapping.
    pub fn mapping(&self) -> Arc<Mapping> {
        Arc::clone(&self.mapping.read().unwrap_or_else(PoisonError::into_inner))
    }

    /// The present settings.
    pub fn settings(&self) -> Settings {
        self.settings
            .read()
            .unwrap_or_else(PoisonError::into_inner)
            .clone()
    }

    /// One setting as text, by its full flat name.
    pub fn setting(&self, name: &str) -> Option<String> {
        self.settings
            .read()
            .unwrap_or_else(PoisonError::into_inner)
            .get(name)
    }

    /// Whether the index is closed: kept, but neither read nor written.
    pub fn is_closed(&self) -> bool {
        self.setting(super::settings::CLOSED).as_deref() == Some("true")
    }

    /// Whether wildcards do not see the index.
    pub fn is_hidden(&self) -> bool {
        self.name.starts_with('.') || self.setting("index.hidden").as_deref() == Some("true")
    }

    /// Whether the index belongs to a data stream.
    pub(super) fn is_backing(&self) -> bool {
        self.name.starts_with(".ds-")
    }

    /// Refuses what a setting of the index forbids.
    pub fn check_block(&self, doing: super::block::Doing) -> ApiResult<()> {
        let settings = self.settings.read().unwrap_or_else(PoisonError::into_inner);
        super::block::check(&self.name, doing, |key| settings.get(key))
    }

    /// Most fields that may be mapped.
    pub(super) fn max_fields(&self) -> usize {
        self.settings().max_fields().unwrap_or(self.limits.max_fields)
    }

    /// Merges a `mappings` object, and keeps the result.
    pub fn put_mapping(&self, body: &Value) -> ApiResult<()> {
        {
            let mut mapping = self.mapping.write().unwrap_or_else(PoisonError::into_inner);
            let mut next = Mapping::clone(&mapping);
            mapping::json::merge(&mut next, body)?;
            let analysis = Arc::clone(&next.analysis);
            next.bind(analysis)?;
            limit::check(&next, &self.settings(), &self.limits)?;
            *mapping = Arc::new(next);
        }
        self.meta_changed.store(true, Ordering::Release);
        self.keep_meta()
    }

    /// Merges settings, and keeps the result.
    pub fn put_settings(&self, body: &Value) -> ApiResult<()> {
        {
            let mut settings = self.settings.write().unwrap_or_else(PoisonError::into_inner);
            let mut next = settings.clone();
            next.merge(body)?;
            *settings = next;
        }
        self.meta_changed.store(true, Ordering::Release);
        self.keep_meta()
    }

    /// Adds learnt fields to the mapping. It is kept before the documents that taught it are acknowledged
    /// ([`Self::keep_meta`]).
    pub(super) fn learn(&self, learnt: Vec<Arc<Field>>) -> Result<(), Taught> {
        if learnt.is_empty() {
            return Ok(());
        }
        let mut mapping = self.mapping.write().unwrap_or_else(PoisonError::into_inner);
        let mut next = Mapping::clone(&mapping);
        for field in learnt {
            match next.fields.get(&field.path) {
                Some(known) if known.type_name != field.type_name || known.format != field.format => {
                    return Err(Taught);
                }
                Some(_) => {}
                None if next.objects.contains_key(&field.path) => return Err(Taught),
                None => next.insert(field),
            }
        }
        if next.fields.keys().any(|path| next.objects.contains_key(path)) {
            return Err(Taught);
        }
        *mapping = Arc::new(next);
        self.meta_changed.store(true, Ordering::Release);
        Ok(())
    }

    /// Writes `meta.json` if something in it changed.
    pub(super) fn keep_meta(&self) -> ApiResult<()> {
        if !self.meta_changed.load(Ordering::Acquire) {
            return Ok(());
        }
        let _one_at_a_time = self.meta_file.lock().unwrap_or_else(PoisonError::into_inner);
        if !self.meta_changed.swap(false, Ordering::AcqRel) {
            return Ok(());
        }
        let meta = Meta {
            name: self.name.clone(),
            uuid: self.uuid.clone(),
            created: self.created,
            settings: self.settings(),
            mappings: mapping::json::to_json(&self.mapping()),
        };
        let kept = disk::replace(&self.folder.join("meta.json"), &encode(&meta));
        if kept.is_err() {
            self.meta_changed.store(true, Ordering::Release);
        }
        Ok(kept?)
    }

    /// A view of everything that has been committed.
    pub fn searcher(&self) -> tantivy::Searcher {
        self.reader.searcher()
    }

    /// The tokenizers and the schema.
    pub fn tantivy(&self) -> &tantivy::Index {
        &self.tantivy
    }

    /// The number of documents that searches see.
    pub fn doc_count(&self) -> u64 {
        self.reader.searcher().num_docs()
    }

    /// The bytes on disk.
    pub fn size_bytes(&self) -> u64 {
        folder_size(&self.folder)
    }

    /// Whether a write may be acknowledged before it is synced (`index.translog.durability: async`).
    pub(super) fn is_async(&self) -> bool {
        let settings = self.settings.read().unwrap_or_else(PoisonError::into_inner);
        settings
            .flat()
            .get("index.translog.durability")
            .and_then(Value::as_str)
            .is_some_and(|text| text.eq_ignore_ascii_case("async"))
    }

    /// Whether a write is not visible yet.
    pub fn is_dirty(&self) -> bool {
        self.dirty_since
            .lock()
            .unwrap_or_else(PoisonError::into_inner)
            .is_some()
    }

    /// What `GET _settings` shows, flat.
    pub fn settings_json(&self) -> serde_json::Map<String, Value> {
        let mut flat = self.settings().flat().clone();
        for (key, value) in [
            ("index.creation_date", json!(self.created.to_string())),
            ("index.number_of_replicas", json!("0")),
            ("index.number_of_shards", json!("1")),
            ("index.provided_name", json!(self.name)),
            ("index.uuid", json!(self.uuid)),
            ("index.version.created", json!("7170099")),
        ] {
            flat.entry(key).or_insert(value);
        }
        flat
    }
}

impl std::fmt::Debug for Index {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Index")
            .field("name", &self.name)
            .field("uuid", &self.uuid)
            .finish_non_exhaustive()
    }
}

/// Gives a mapping what the index's settings say about its fields.
fn bind(mapping: &mut Mapping, settings: &Settings) -> ApiResult<Arc<Analysis>> {
    let analysis = Arc::new(Analysis::of(settings.flat())?);
    mapping.bind(Arc::clone(&analysis))?;
    let says = |key: &str| {
        settings
            .flat()
            .get(key)
            .and_then(Value::as_str)
            .map(|text| text == "true")
    };
    mapping.coerce = says("index.mapping.coerce");
    mapping.ignore_malformed = says("index.mapping.ignore_malformed") == Some(true);
    mapping.max_nested = settings
        .get("index.mapping.nested_objects.limit")
        .and_then(|text| text.parse().ok());
    Ok(analysis)
}

fn encode(meta: &Meta) -> Vec<u8> {
    verify::sealed(serde_json::to_vec_pretty(meta).expect("a meta file is plain JSON"))
}

fn folder_size(folder: &Path) -> u64 {
    let Ok(entries) = std::fs::read_dir(folder) else {
        return 0;
    };
    entries
        .flatten()
        .map(|entry| match entry.metadata() {
            Ok(meta) if meta.is_dir() => folder_size(&entry.path()),
            Ok(meta) => meta.len(),
            Err(_) => 0,
        })
        .sum()
}
